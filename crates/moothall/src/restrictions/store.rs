//! SQL for restrictions, bans and traces.

use moothall_protocol::restrictions::{Ban, Restriction, RestrictionEnd, RestrictionScope, Trace, TraceKind};
use moothall_protocol::{ActionId, AppealId, BanId, RestrictionId, Timestamp, UserId, limits};
use moothall_store::{Json, OnConstraint as _, Row, params, statements};
use serde_json::{Map, Value};

use super::{Error, NewRestriction};
use crate::cx::Tx;
use crate::json::{choice, value, word};
use crate::sweep;

/// Users of a trace up to which it says something of who they are: see `shared_by`.
const CROWD: usize = 200;

/// The columns of a restriction, in the order [`restriction`] reads them.
macro_rules! columns {
    () => {
        "id, user_id, types, scope, reason, public_reason, evidence, author_id, source, action_id, appeal_id, starts_at,
         ends_at, matches, matches_left, ended_at, ended_by, lifted_by, lift_reason"
    };
}

/// The columns of a ban, in the order [`ban`] reads them.
macro_rules! ban_columns {
    () => {
        "id, kind, value, reason, public_reason, author_id, created_at, ends_at, spares_older"
    };
}

/// How many users the trace `t` is of; of those that more than 200 have it is not counted how many more.
macro_rules! shared_by {
    () => {
        "(SELECT count(*) FROM (SELECT 1 FROM user_traces c WHERE c.kind = t.kind AND c.value = t.value LIMIT 201) AS few)"
    };
}

statements! {
    INSERT = concat!("INSERT INTO restrictions (", columns!(), ")
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, NULL, $11, $12, $13, $13, NULL, NULL, NULL, NULL)");
    FIND = concat!("SELECT ", columns!(), " FROM restrictions WHERE id = $1");
    ACTIVE = concat!("SELECT ", columns!(), " FROM restrictions
        WHERE user_id = $1 AND ended_at IS NULL AND (ends_at IS NULL OR ends_at > $2) ORDER BY id DESC LIMIT 200");
    RESTRICTED_AMONG = "SELECT DISTINCT user_id FROM restrictions
        WHERE user_id {in $1} AND ended_at IS NULL AND (ends_at IS NULL OR ends_at > $2)";
    LIST = concat!("SELECT ", columns!(), " FROM restrictions WHERE user_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
    OF_ACTION = concat!("SELECT ", columns!(), " FROM restrictions WHERE action_id = $1 ORDER BY id LIMIT 100");
    SET_END = "UPDATE restrictions SET ends_at = $2, matches = $3, matches_left = $4 WHERE id = $1";
    SET_APPEAL = "UPDATE restrictions SET appeal_id = $2 WHERE action_id = $1";
    END = "UPDATE restrictions SET ended_at = $2, ended_by = $3, lifted_by = $4, lift_reason = $5
        WHERE id = $1 AND ended_at IS NULL";
    WAITING_FOR_MATCHES = concat!("SELECT ", columns!(), " FROM restrictions
        WHERE user_id {in $1} AND ended_at IS NULL AND matches_left > 0 AND starts_at <= $2 ORDER BY id");
    COUNT_MATCH = "UPDATE restrictions SET matches_left = matches_left - 1 WHERE id = $1 RETURNING matches_left";
    OVER = concat!("SELECT ", columns!(), " FROM restrictions
        WHERE ended_at IS NULL AND ends_at IS NOT NULL AND ends_at <= $1 ORDER BY ends_at, id LIMIT $2");
    NEXT_END = "SELECT ends_at FROM restrictions WHERE ended_at IS NULL AND ends_at IS NOT NULL ORDER BY ends_at LIMIT 1";

    SEE = "INSERT INTO user_traces (user_id, kind, value, first_seen_at, last_seen_at) VALUES ($1, $2, $3, $4, $4)
        ON CONFLICT (user_id, kind, value) DO UPDATE SET last_seen_at = excluded.last_seen_at
        WHERE user_traces.last_seen_at < $5";
    TRACES = "SELECT kind, value, first_seen_at, last_seen_at FROM user_traces WHERE user_id = $1
        ORDER BY last_seen_at DESC, kind, value LIMIT $2";
    COUNT_SEEN = "SELECT count(DISTINCT user_id) FROM user_traces
        WHERE kind = $1 AND value >= $2 AND value <= $3 AND last_seen_at >= $4 AND (user_id <> $5 OR $5 IS NULL)";
    COUNT_BELOW = "SELECT count(DISTINCT user_id) FROM user_traces WHERE kind = 'email_domain' AND (value = $1 OR value LIKE $2 ESCAPE '!')
        AND last_seen_at >= $3 AND (user_id <> $4 OR $4 IS NULL)";
    SHARING = concat!("SELECT o.user_id, t.kind, ", shared_by!(), "
        FROM user_traces t JOIN user_traces o ON o.kind = t.kind AND o.value = t.value AND o.user_id <> t.user_id
        WHERE t.user_id = $1 AND t.kind <> 'email_domain' AND ", shared_by!(), " <= $2
        ORDER BY CASE t.kind WHEN 'address' THEN 1 ELSE 0 END, o.last_seen_at DESC, o.user_id LIMIT $3");
    OTHERS_ON = "SELECT user_id FROM user_traces WHERE kind = 'device' AND value = $1 AND user_id <> $2
        ORDER BY user_id LIMIT $3";
    FORGET_TRACES = "DELETE FROM user_traces WHERE user_id = $1";
    FORGET = "DELETE FROM restrictions WHERE id IN (SELECT id FROM restrictions WHERE user_id = $1 LIMIT $2)";
    SWEEP_TRACES = "DELETE FROM user_traces WHERE (user_id, kind, value) IN
        (SELECT user_id, kind, value FROM user_traces WHERE last_seen_at <= $1 LIMIT $2)";

    INSERT_BAN = concat!("INSERT INTO bans (", ban_columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)");
    DROP_ENDED = "DELETE FROM bans WHERE kind = $1 AND value = $2 AND ends_at <= $3";
    TAKE_BAN = concat!("DELETE FROM bans WHERE id = $1 RETURNING ", ban_columns!());
    COUNT_BANS = "SELECT count(*) FROM bans WHERE ends_at > $1";
    BANS = concat!("SELECT ", ban_columns!(), " FROM bans WHERE ends_at > $1 ORDER BY ends_at DESC LIMIT $2");
    LIST_BANS = concat!("SELECT ", ban_columns!(), " FROM bans WHERE id < $1 AND ends_at > $2 ORDER BY id DESC LIMIT $3");
    SWEEP_BANS = "DELETE FROM bans WHERE id IN (SELECT id FROM bans WHERE ends_at <= $1 LIMIT $2)";
}

fn restriction(row: &Row) -> Result<Restriction, crate::Error> {
    let Json(types): Json<Vec<String>> = row.get(2)?;
    let Json(scope): Json<RestrictionScope> = row.get(3)?;
    let Json(evidence): Json<Map<String, Value>> = row.get(6)?;
    Ok(Restriction {
        id: row.get(0)?,
        user_id: row.get(1)?,
        types,
        scope,
        reason: row.get(4)?,
        public_reason: row.get(5)?,
        evidence,
        author_id: row.get(7)?,
        source: choice(row.get(8)?)?,
        action_id: row.get(9)?,
        appeal_id: row.get(10)?,
        starts_at: row.get(11)?,
        ends_at: row.get(12)?,
        after_matches: row.get(13)?,
        matches_left: row.get(14)?,
        ended_at: row.get(15)?,
        ended_by: row.get::<Option<String>>(16)?.map(choice).transpose()?,
        lifted_by: row.get(17)?,
        lift_reason: row.get(18)?,
    })
}

pub(super) fn insert(tx: &mut Tx<'_, '_>, new: &NewRestriction) -> Result<Restriction, crate::Error> {
    let (id, now, author): (RestrictionId, _, _) = (tx.cx().new_id(), tx.now(), tx.cx().user());
    tx.execute(
        INSERT,
        params![
            id,
            new.user,
            value(&new.types)?,
            value(&new.scope)?,
            new.reason,
            new.public_reason,
            value(&new.evidence)?,
            author,
            word(&new.source)?,
            new.action,
            now,
            new.ends_at,
            new.after_matches
        ],
    )?;
    find(tx, id)?.ok_or(crate::Error::NotFound)
}

pub(super) fn find(tx: &mut Tx<'_, '_>, id: RestrictionId) -> Result<Option<Restriction>, crate::Error> {
    tx.query_opt(FIND, params![id])?.as_ref().map(restriction).transpose()
}

/// Those that hold now, the newest first.
pub(super) fn active(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Vec<Restriction>, crate::Error> {
    let now = tx.now();
    tx.query(ACTIVE, params![user, now])?.iter().map(restriction).collect()
}

/// Those of these users for whom any holds.
pub(super) fn restricted_among(tx: &mut Tx<'_, '_>, users: &[UserId]) -> Result<Vec<UserId>, crate::Error> {
    let now = tx.now();
    let rows = tx.query(RESTRICTED_AMONG, params![users, now])?;
    Ok(rows.iter().map(|row| row.get(0)).collect::<Result<_, _>>()?)
}

pub(super) fn list(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    before: RestrictionId,
    limit: usize,
) -> Result<Vec<Restriction>, crate::Error> {
    tx.query(LIST, params![user, before, limit])?.iter().map(restriction).collect()
}

pub(super) fn of_action(tx: &mut Tx<'_, '_>, action: ActionId) -> Result<Vec<Restriction>, crate::Error> {
    tx.query(OF_ACTION, params![action])?.iter().map(restriction).collect()
}

/// Stores until when a restriction holds.
pub(super) fn set_end(tx: &mut Tx<'_, '_>, to: &Restriction) -> Result<(), crate::Error> {
    tx.execute(SET_END, params![to.id, to.ends_at, to.after_matches, to.matches_left])?;
    Ok(())
}

pub(super) fn set_appeal(
    tx: &mut Tx<'_, '_>,
    action: ActionId,
    appeal: AppealId,
) -> Result<(), crate::Error> {
    tx.execute(SET_APPEAL, params![action, appeal])?;
    Ok(())
}

/// Marks a restriction as over, at the time that was set for that or now. Returns whether nobody did so before.
pub(super) fn end(
    tx: &mut Tx<'_, '_>,
    restriction: &Restriction,
    why: RestrictionEnd,
    reason: Option<&str>,
) -> Result<bool, crate::Error> {
    let (now, by) = (tx.now(), tx.cx().user());
    let at = match why {
        RestrictionEnd::Expired => restriction.ends_at.unwrap_or(now),
        RestrictionEnd::Played | RestrictionEnd::Lifted => now,
    };
    let by = by.filter(|_| why == RestrictionEnd::Lifted);
    Ok(tx.execute(END, params![restriction.id, at, word(&why)?, by, reason])? == 1)
}

/// What these users may not do until matches are played that began at this time, or later.
pub(super) fn waiting_for_matches(
    tx: &mut Tx<'_, '_>,
    users: &[UserId],
    began_at: Timestamp,
) -> Result<Vec<Restriction>, crate::Error> {
    tx.query(WAITING_FOR_MATCHES, params![users, began_at])?.iter().map(restriction).collect()
}

/// Counts a match. How many are left.
pub(super) fn count_match(tx: &mut Tx<'_, '_>, id: RestrictionId) -> Result<u32, crate::Error> {
    Ok(tx.query_one(COUNT_MATCH, params![id])?.get(0)?)
}

pub(super) fn over(tx: &mut Tx<'_, '_>, limit: usize) -> Result<Vec<Restriction>, crate::Error> {
    let now = tx.now();
    tx.query(OVER, params![now, limit])?.iter().map(restriction).collect()
}

pub(super) fn next_end(tx: &mut Tx<'_, '_>) -> Result<Option<Timestamp>, crate::Error> {
    Ok(tx.query_opt(NEXT_END, params![])?.map(|row| row.get(0)).transpose()?)
}

/// Notes that a trace was seen now, if that was last noted before `stale`.
pub(super) fn see(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    kind: TraceKind,
    value: &str,
    stale: Timestamp,
) -> Result<(), crate::Error> {
    let now = tx.now();
    tx.execute(SEE, params![user, word(&kind)?, value, now, stale])?;
    Ok(())
}

/// Some of the other users who were seen on a device.
pub(super) fn others_on(
    tx: &mut Tx<'_, '_>,
    device: &str,
    user: UserId,
    limit: usize,
) -> Result<Vec<UserId>, crate::Error> {
    let rows = tx.query(OTHERS_ON, params![device, user, limit])?;
    rows.iter().map(|row| Ok(row.get(0)?)).collect()
}

pub(super) fn traces(tx: &mut Tx<'_, '_>, user: UserId, limit: usize) -> Result<Vec<Trace>, crate::Error> {
    let rows = tx.query(TRACES, params![user, limit])?;
    let trace = |row: &Row| {
        Ok(Trace {
            kind: choice(row.get(0)?)?,
            value: row.get(1)?,
            first_seen_at: row.get(2)?,
            last_seen_at: row.get(3)?,
        })
    };
    rows.iter().map(trace).collect()
}

/// Users seen since then with an address of this e-mail domain, or of one below it.
pub(super) fn count_below(
    tx: &mut Tx<'_, '_>,
    domain: &str,
    since: Timestamp,
    except: Option<UserId>,
) -> Result<u64, crate::Error> {
    let below = format!("%.{}", domain.replace('!', "!!").replace('%', "!%").replace('_', "!_"));
    let count: i64 = tx.query_one(COUNT_BELOW, params![domain, below, since, except])?.get(0)?;
    Ok(count.unsigned_abs())
}

/// How many users were seen in a range of values since then.
pub(super) fn count_seen(
    tx: &mut Tx<'_, '_>,
    kind: TraceKind,
    (first, last): (&str, &str),
    since: Timestamp,
    except: Option<UserId>,
) -> Result<u64, crate::Error> {
    let count: i64 = tx.query_one(COUNT_SEEN, params![word(&kind)?, first, last, since, except])?.get(0)?;
    Ok(count.unsigned_abs())
}

/// Who shares a network, a device or the stem of an e-mail address with this user, which of these, and how many users have it. What a crowd shares says nothing.
pub(super) fn sharing(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    limit: usize,
) -> Result<Vec<(UserId, TraceKind, u64)>, crate::Error> {
    let rows = tx.query(SHARING, params![user, CROWD, limit])?;
    let share = |row: &Row| {
        let count: i64 = row.get(2)?;
        Ok((row.get(0)?, choice(row.get(1)?)?, count.unsigned_abs()))
    };
    rows.iter().map(share).collect()
}

pub(super) fn forget_traces(tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), crate::Error> {
    tx.execute(FORGET_TRACES, params![user])?;
    Ok(())
}

pub(super) fn forget_some(tx: &mut Tx<'_, '_>, user: UserId) -> Result<u64, crate::Error> {
    Ok(tx.execute(FORGET, params![user, sweep::ROWS])?)
}

pub(super) fn sweep_traces(tx: &mut Tx<'_, '_>, before: Timestamp) -> Result<u64, crate::Error> {
    Ok(tx.execute(SWEEP_TRACES, params![before, sweep::ROWS])?)
}

fn ban(row: &Row) -> Result<Ban, crate::Error> {
    Ok(Ban {
        id: row.get(0)?,
        kind: choice(row.get(1)?)?,
        value: row.get(2)?,
        reason: row.get(3)?,
        public_reason: row.get(4)?,
        author_id: row.get(5)?,
        created_at: row.get(6)?,
        ends_at: row.get(7)?,
        spares_older: row.get(8)?,
    })
}

pub(super) fn insert_ban(tx: &mut Tx<'_, '_>, ban: &Ban) -> Result<(), Error> {
    tx.execute(
        INSERT_BAN,
        params![
            ban.id,
            word(&ban.kind)?,
            ban.value,
            ban.reason,
            ban.public_reason,
            ban.author_id,
            ban.created_at,
            ban.ends_at,
            ban.spares_older
        ],
    )
    .on_constraint("bans_value", Error::Banned)?;
    Ok(())
}

/// Makes room for a ban of the same where the last one is over.
pub(super) fn drop_ended(tx: &mut Tx<'_, '_>, kind: TraceKind, value: &str) -> Result<(), crate::Error> {
    let now = tx.now();
    tx.execute(DROP_ENDED, params![word(&kind)?, value, now])?;
    Ok(())
}

pub(super) fn take_ban(tx: &mut Tx<'_, '_>, id: BanId) -> Result<Option<Ban>, crate::Error> {
    tx.query_opt(TAKE_BAN, params![id])?.as_ref().map(ban).transpose()
}

pub(super) fn count_bans(tx: &mut Tx<'_, '_>) -> Result<usize, crate::Error> {
    let now = tx.now();
    Ok(tx.query_one(COUNT_BANS, params![now])?.get(0)?)
}

/// All bans that hold.
pub(super) fn bans(tx: &mut Tx<'_, '_>, limit: usize) -> Result<Vec<Ban>, crate::Error> {
    let now = tx.now();
    tx.query(BANS, params![now, limit.min(limits::BANS_MAX)])?.iter().map(ban).collect()
}

pub(super) fn list_bans(tx: &mut Tx<'_, '_>, before: BanId, limit: usize) -> Result<Vec<Ban>, crate::Error> {
    let now = tx.now();
    tx.query(LIST_BANS, params![before, now, limit])?.iter().map(ban).collect()
}

pub(super) fn sweep_bans(tx: &mut Tx<'_, '_>) -> Result<u64, crate::Error> {
    let now = tx.now();
    Ok(tx.execute(SWEEP_BANS, params![now, sweep::ROWS])?)
}
