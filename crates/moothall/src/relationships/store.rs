//! SQL for relationships. No other file names the table.

use std::collections::HashMap;

use moothall_protocol::relationships::RelationshipKind;
use moothall_protocol::{Timestamp, UserId};
use moothall_store::{Row, params, statements};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::Error;
use super::circle::{Circle, Tie};
use super::side::Side;
use crate::cx::Tx;
use crate::export::{Part, place};
use crate::sweep;

/// What a side is made of, in the order [`side`] reads it; `$from` is the alias of the row.
macro_rules! side {
    ($from:literal) => {
        concat!(
            $from,
            ".asked_at, ",
            $from,
            ".message, ",
            $from,
            ".friends_at, ",
            $from,
            ".follows_at, ",
            $from,
            ".ignores_at, ",
            $from,
            ".avoids_at, ",
            $from,
            ".avoids_until, ",
            $from,
            ".blocks_at, ",
            $from,
            ".note"
        )
    };
}

/// A page of those toward whom user `$1` has a side like this.
macro_rules! own {
    ($wanted:literal) => {
        concat!(
            "SELECT r.other_id, ",
            side!("r"),
            ", ",
            side!("t"),
            " FROM relationships r LEFT JOIN relationships t ON t.user_id = r.other_id AND t.other_id = r.user_id
              WHERE r.user_id = $1 AND r.other_id > $2 AND ",
            $wanted,
            " ORDER BY r.other_id LIMIT $3"
        )
    };
}

/// A page of those who have a side like this toward user `$1`, who lets them.
macro_rules! others {
    ($wanted:literal) => {
        concat!(
            "SELECT t.user_id, ",
            side!("r"),
            ", ",
            side!("t"),
            " FROM relationships t LEFT JOIN relationships r ON r.user_id = t.other_id AND r.other_id = t.user_id
              WHERE t.other_id = $1 AND t.user_id > $2 AND ",
            $wanted,
            " ORDER BY t.user_id LIMIT $3"
        )
    };
}

statements! {
    FIND = concat!("SELECT r.user_id, ", side!("r"), " FROM relationships r
        WHERE (r.user_id = $1 AND r.other_id = $2) OR (r.user_id = $2 AND r.other_id = $1)");
    FIND_OWN = concat!("SELECT r.other_id, ", side!("r"), " FROM relationships r WHERE r.user_id = $1 AND r.other_id {in $2}");
    FIND_OTHERS = concat!("SELECT r.user_id, ", side!("r"), " FROM relationships r WHERE r.other_id = $1 AND r.user_id {in $2}");
    PUT = "INSERT INTO relationships (user_id, other_id, asked_at, message, friends_at, follows_at, ignores_at, avoids_at, avoids_until,
        blocks_at, note) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ON CONFLICT (user_id, other_id) DO UPDATE SET asked_at = $3, message = $4, friends_at = $5, follows_at = $6, ignores_at = $7,
        avoids_at = $8, avoids_until = $9, blocks_at = $10, note = $11";
    DELETE = "DELETE FROM relationships WHERE user_id = $1 AND other_id = $2";

    FRIENDS = own!("r.friends_at IS NOT NULL");
    ASKED = own!("r.asked_at IS NOT NULL");
    FOLLOWING = own!("r.follows_at IS NOT NULL");
    IGNORED = own!("r.ignores_at IS NOT NULL");
    AVOIDED = own!("r.avoids_at IS NOT NULL AND (r.avoids_until IS NULL OR r.avoids_until > $4)");
    BLOCKED = own!("r.blocks_at IS NOT NULL");
    ASKED_BY = others!("t.asked_at IS NOT NULL AND r.ignores_at IS NULL AND r.blocks_at IS NULL");
    FOLLOWERS = others!("t.follows_at IS NOT NULL AND r.blocks_at IS NULL");

    COUNT_FRIENDS = "SELECT count(*) FROM relationships WHERE user_id = $1 AND friends_at IS NOT NULL";
    COUNT_ASKED = "SELECT count(*) FROM relationships WHERE user_id = $1 AND asked_at IS NOT NULL";
    COUNT_ASKED_BY = "SELECT count(*) FROM relationships t WHERE t.other_id = $1 AND t.user_id <> $2 AND t.asked_at IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM relationships r WHERE r.user_id = t.other_id AND r.other_id = t.user_id
            AND (r.ignores_at IS NOT NULL OR r.blocks_at IS NOT NULL))";
    COUNT_FOLLOWED = "SELECT count(*) FROM relationships WHERE user_id = $1 AND follows_at IS NOT NULL";
    COUNT_IGNORED = "SELECT count(*) FROM relationships WHERE user_id = $1 AND ignores_at IS NOT NULL";
    COUNT_AVOIDED = "SELECT count(*) FROM relationships WHERE user_id = $1 AND avoids_at IS NOT NULL
        AND (avoids_until IS NULL OR avoids_until > $2)";
    COUNT_BLOCKED = "SELECT count(*) FROM relationships WHERE user_id = $1 AND blocks_at IS NOT NULL";
    COUNT_NOTES = "SELECT count(*) FROM relationships WHERE user_id = $1 AND note IS NOT NULL";

    CIRCLE = "SELECT other_id, TRUE, friends_at IS NOT NULL, ignores_at IS NOT NULL, blocks_at IS NOT NULL FROM relationships
        WHERE user_id = $1 AND (friends_at IS NOT NULL OR ignores_at IS NOT NULL OR blocks_at IS NOT NULL)
        UNION ALL
        SELECT user_id, FALSE, FALSE, ignores_at IS NOT NULL, blocks_at IS NOT NULL FROM relationships
        WHERE other_id = $1 AND (ignores_at IS NOT NULL OR blocks_at IS NOT NULL)";
    AVOIDED_AMONG = "SELECT user_id, other_id FROM relationships WHERE user_id {in $1} AND other_id {in $1}
        AND (blocks_at <= $2 OR (avoids_at <= $2 AND (avoids_until IS NULL OR avoids_until > $3)))
        ORDER BY CASE WHEN blocks_at <= $2 AND (avoids_at IS NULL OR blocks_at < avoids_at) THEN blocks_at ELSE avoids_at END,
            user_id, other_id";

    OLD = concat!("SELECT r.user_id, r.other_id, ", side!("r"), " FROM relationships r
        WHERE (r.user_id, r.other_id) > ($1, $2) AND (r.follows_at <= $3 OR r.asked_at <= $3)
        ORDER BY r.user_id, r.other_id LIMIT $4");
    EXPORT = concat!("SELECT r.other_id, ", side!("r"), " FROM relationships r WHERE r.user_id = $1 AND r.other_id > $2
        ORDER BY r.other_id LIMIT $3");
    END_AVOIDS = "UPDATE relationships SET avoids_at = NULL, avoids_until = NULL WHERE (user_id, other_id) IN
        (SELECT user_id, other_id FROM relationships WHERE avoids_until IS NOT NULL AND avoids_until <= $1 LIMIT $2)";
    TIES = "SELECT other_id FROM (SELECT other_id FROM relationships WHERE user_id = $1 LIMIT $2) o
        UNION SELECT user_id FROM (SELECT user_id FROM relationships WHERE other_id = $1 LIMIT $2) t LIMIT $2";
    FORGET_OWN = "DELETE FROM relationships WHERE user_id = $1 AND other_id {in $2}";
    FORGET_OTHERS = "DELETE FROM relationships WHERE other_id = $1 AND user_id {in $2}";
}

/// How many columns a side has.
const SIDE: usize = 9;

/// A side, whose first column this is; of a row that is not there nothing is set.
fn side(row: &Row, first: usize) -> Result<Side, Error> {
    Ok(Side {
        asked_at: row.get(first)?,
        message: row.get(first + 1)?,
        friends_at: row.get(first + 2)?,
        follows_at: row.get(first + 3)?,
        ignores_at: row.get(first + 4)?,
        avoids_at: row.get(first + 5)?,
        avoids_until: row.get(first + 6)?,
        blocks_at: row.get(first + 7)?,
        note: row.get(first + 8)?,
    })
}

/// What the one made of it, and what the other.
pub(super) fn find(tx: &mut Tx<'_, '_>, user: UserId, other: UserId) -> Result<[Side; 2], Error> {
    let mut sides = [Side::default(), Side::default()];
    for row in tx.query(FIND, params![user, other])? {
        let of: UserId = row.get(0)?;
        let [own, others] = &mut sides;
        *(if of == user { own } else { others }) = side(&row, 1)?;
    }
    Ok(sides)
}

/// What the user and each of these made of it.
pub(super) fn find_many(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    others: &[UserId],
) -> Result<HashMap<UserId, [Side; 2]>, Error> {
    let mut found: HashMap<UserId, [Side; 2]> = HashMap::new();
    for row in tx.query(FIND_OWN, params![user, others])? {
        found.entry(row.get(0)?).or_default()[0] = side(&row, 1)?;
    }
    for row in tx.query(FIND_OTHERS, params![user, others])? {
        found.entry(row.get(0)?).or_default()[1] = side(&row, 1)?;
    }
    Ok(found)
}

pub(super) fn put(tx: &mut Tx<'_, '_>, user: UserId, other: UserId, side: &Side) -> Result<(), Error> {
    if side.is_empty() {
        tx.execute(DELETE, params![user, other])?;
        return Ok(());
    }
    tx.execute(
        PUT,
        params![
            user,
            other,
            side.asked_at,
            side.message,
            side.friends_at,
            side.follows_at,
            side.ignores_at,
            side.avoids_at,
            side.avoids_until,
            side.blocks_at,
            side.note
        ],
    )?;
    Ok(())
}

/// Some of those with whom the user has a relationship of this kind, by id, with both sides of it.
pub(super) fn list(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    kind: RelationshipKind,
    after: UserId,
    limit: usize,
) -> Result<Vec<(UserId, [Side; 2])>, Error> {
    let now = tx.now();
    let rows = match kind {
        RelationshipKind::Friends => tx.query(FRIENDS, params![user, after, limit]),
        RelationshipKind::RequestsReceived => tx.query(ASKED_BY, params![user, after, limit]),
        RelationshipKind::RequestsSent => tx.query(ASKED, params![user, after, limit]),
        RelationshipKind::Following => tx.query(FOLLOWING, params![user, after, limit]),
        RelationshipKind::Followers => tx.query(FOLLOWERS, params![user, after, limit]),
        RelationshipKind::Ignored => tx.query(IGNORED, params![user, after, limit]),
        RelationshipKind::Avoided => tx.query(AVOIDED, params![user, after, limit, now]),
        RelationshipKind::Blocked => tx.query(BLOCKED, params![user, after, limit]),
    }?;
    rows.iter().map(|row| Ok((row.get(0)?, [side(row, 1)?, side(row, 1 + SIDE)?]))).collect()
}

/// What is counted against a limit.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counted {
    Friends,
    Asked,
    Followed,
    Ignored,
    Avoided,
    Blocked,
    Notes,
}

pub(super) fn count(tx: &mut Tx<'_, '_>, user: UserId, what: Counted) -> Result<u32, Error> {
    let now = tx.now();
    let row = match what {
        Counted::Friends => tx.query_one(COUNT_FRIENDS, params![user]),
        Counted::Asked => tx.query_one(COUNT_ASKED, params![user]),
        Counted::Followed => tx.query_one(COUNT_FOLLOWED, params![user]),
        Counted::Ignored => tx.query_one(COUNT_IGNORED, params![user]),
        Counted::Avoided => tx.query_one(COUNT_AVOIDED, params![user, now]),
        Counted::Blocked => tx.query_one(COUNT_BLOCKED, params![user]),
        Counted::Notes => tx.query_one(COUNT_NOTES, params![user]),
    }?;
    Ok(row.get(0)?)
}

/// How many others have asked this user and wait for an answer.
pub(super) fn count_asked_by(tx: &mut Tx<'_, '_>, user: UserId, but: UserId) -> Result<u32, Error> {
    Ok(tx.query_one(COUNT_ASKED_BY, params![user, but])?.get(0)?)
}

/// With whom the user has ties that matter to who may reach whom.
pub(super) fn circle(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Circle, Error> {
    let mut circle = Circle::default();
    for row in tx.query(CIRCLE, params![user])? {
        let (is_own, is_friend, ignores, blocks) =
            (row.get::<bool>(1)?, row.get::<bool>(2)?, row.get::<bool>(3)?, row.get::<bool>(4)?);
        let ties = match is_own {
            true => [(is_friend, Tie::FRIEND), (ignores, Tie::IGNORES), (blocks, Tie::BLOCKS)],
            false => [(false, Tie::FRIEND), (ignores, Tie::IGNORED_BY), (blocks, Tie::BLOCKED_BY)],
        };
        for (_, tie) in ties.into_iter().filter(|(is, _)| *is) {
            circle.add(row.get(0)?, tie);
        }
    }
    Ok(circle)
}

/// Who of these avoids or blocks whom of them since this time or longer, the longest first.
pub(super) fn avoided_among(
    tx: &mut Tx<'_, '_>,
    users: &[UserId],
    since: Timestamp,
) -> Result<Vec<(UserId, UserId)>, Error> {
    let now = tx.now();
    let rows = tx.query(AVOIDED_AMONG, params![users, since, now])?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// Some of those relationships, by both users, in which somebody follows or asks since this time or longer.
pub(super) fn old(
    tx: &mut Tx<'_, '_>,
    after: (UserId, UserId),
    since: Timestamp,
    limit: usize,
) -> Result<Vec<((UserId, UserId), Side)>, Error> {
    let rows = tx.query(OLD, params![after.0, after.1, since, limit])?;
    rows.iter().map(|row| Ok(((row.get(0)?, row.get(1)?), side(row, 2)?))).collect()
}

/// Clears some of what was avoided until now.
pub(super) fn end_avoids(tx: &mut Tx<'_, '_>) -> Result<u64, Error> {
    let now = tx.now();
    Ok(tx.execute(END_AVOIDS, params![now, sweep::ROWS])?)
}

/// Some of those with whom the user has anything to do.
pub(super) fn ties(tx: &mut Tx<'_, '_>, user: UserId, limit: usize) -> Result<Vec<UserId>, Error> {
    tx.query(TIES, params![user, limit])?.iter().map(|row| Ok(row.get(0)?)).collect()
}

/// Keeps nothing of what these made of this user, or they of these.
pub(super) fn forget(tx: &mut Tx<'_, '_>, user: UserId, others: &[UserId]) -> Result<(), Error> {
    tx.execute(FORGET_OWN, params![user, others])?;
    tx.execute(FORGET_OTHERS, params![user, others])?;
    Ok(())
}

/// What a user made of others, for themselves. What others made of them is theirs.
pub(crate) fn export(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    from: Option<Value>,
    limit: usize,
) -> Result<Part, crate::Error> {
    let after = place(from, UserId::from_uuid(Uuid::nil()))?;
    let mut made = Vec::new();
    for row in tx.query(EXPORT, params![user, after, limit + 1])? {
        let side = side(&row, 1).map_err(Error::into_common)?;
        made.push(Made {
            user_id: row.get(0)?,
            asked_at: side.asked_at,
            message: side.message,
            friends_since: side.friends_at,
            follows_since: side.follows_at,
            ignores_since: side.ignores_at,
            avoids_since: side.avoids_at,
            avoids_until: side.avoids_until,
            blocks_since: side.blocks_at,
            note: side.note,
        });
    }
    Part::cut(made, limit, |made| made.user_id)
}

/// What a user made of another one.
#[derive(Serialize)]
struct Made {
    user_id: UserId,
    asked_at: Option<Timestamp>,
    message: Option<String>,
    friends_since: Option<Timestamp>,
    follows_since: Option<Timestamp>,
    ignores_since: Option<Timestamp>,
    avoids_since: Option<Timestamp>,
    avoids_until: Option<Timestamp>,
    blocks_since: Option<Timestamp>,
    note: Option<String>,
}
