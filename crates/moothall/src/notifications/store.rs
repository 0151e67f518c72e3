//! SQL for inboxes. A notice of a broadcast has its words there, and not in every row.

use std::collections::{BTreeMap, HashMap};

use moothall_protocol::notifications::Notice;
use moothall_protocol::{BroadcastId, NoticeId, Timestamp, UserId};
use moothall_store::{Json, Row, params, statements, values};
use serde_json::Value;
use uuid::Uuid;

use super::broadcasts::words;
use crate::cx::Tx;
use crate::error::Error;
use crate::sweep;

statements! {
    TELL = "INSERT INTO notifications (user_id, id, kind, params, text, collapse_key, times, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8)
        ON CONFLICT (user_id, kind, collapse_key) WHERE collapse_key IS NOT NULL DO UPDATE SET
          id = excluded.id, params = excluded.params, text = excluded.text, created_at = excluded.created_at,
          expires_at = excluded.expires_at, seen_at = NULL, dismissed_at = NULL,
          times = CASE WHEN notifications.seen_at IS NULL AND notifications.dismissed_at IS NULL
            THEN notifications.times + 1 ELSE 1 END
        RETURNING times";
    FULL = "SELECT user_id FROM notifications WHERE user_id {in $1} GROUP BY user_id HAVING COUNT(*) > $2";
    TRIM = "DELETE FROM notifications WHERE (user_id, id) IN (
        SELECT user_id, id FROM (
          SELECT user_id, id, ROW_NUMBER() OVER (PARTITION BY user_id
            ORDER BY CASE WHEN dismissed_at IS NULL THEN 0 ELSE 1 END, created_at DESC, id DESC) AS place
          FROM notifications WHERE user_id {in $1}
        ) AS placed WHERE place > $2)";
    LIST = "SELECT n.id, n.kind, n.params, n.text, n.collapse_key, n.times, n.created_at, n.expires_at, n.seen_at,
          b.params, b.text, b.texts
        FROM notifications n LEFT JOIN broadcasts b ON b.id = n.broadcast_id
        WHERE n.user_id = $1 AND (n.created_at, n.id) < ($2, $3) AND n.dismissed_at IS NULL AND n.expires_at > $4
          AND b.cancelled_at IS NULL AND (n.seen_at IS NULL OR NOT $5)
        ORDER BY n.created_at DESC, n.id DESC LIMIT $6";
    UNSEEN = "SELECT COUNT(*) FROM notifications n LEFT JOIN broadcasts b ON b.id = n.broadcast_id
        WHERE n.user_id = $1 AND n.seen_at IS NULL AND n.dismissed_at IS NULL AND n.expires_at > $2
          AND b.cancelled_at IS NULL";
    UNSEEN_OF_MANY = "SELECT n.user_id, COUNT(*) FROM notifications n LEFT JOIN broadcasts b ON b.id = n.broadcast_id
        WHERE n.user_id {in $1} AND n.seen_at IS NULL AND n.dismissed_at IS NULL AND n.expires_at > $2
          AND b.cancelled_at IS NULL
        GROUP BY n.user_id";
    SEEN = "UPDATE notifications SET seen_at = $2 WHERE user_id = $1 AND seen_at IS NULL AND id {in $3}";
    SEEN_ALL = "UPDATE notifications SET seen_at = $2 WHERE user_id = $1 AND seen_at IS NULL";
    DISMISS = "UPDATE notifications SET dismissed_at = $2, seen_at = COALESCE(seen_at, $2)
        WHERE user_id = $1 AND dismissed_at IS NULL AND id {in $3}";
    DISMISS_ALL = "UPDATE notifications SET dismissed_at = $2, seen_at = COALESCE(seen_at, $2)
        WHERE user_id = $1 AND dismissed_at IS NULL";
    FORGET = "DELETE FROM notifications WHERE user_id = $1";
    SWEEP = "DELETE FROM notifications WHERE (user_id, id) IN
        (SELECT user_id, id FROM notifications WHERE expires_at <= $1 AND broadcast_id IS NULL LIMIT $2)";
    + many {
        /// Of a user who has it already this fails: the job that does this remembers whom it has looked at.
        SPREAD (7) = "INSERT INTO notifications (user_id, id, kind, times, broadcast_id, created_at, expires_at)";
    }
}

/// Where a list begins that has no cursor.
pub(super) const NEWEST: (i64, NoticeId) = (i64::MAX, NoticeId::from_uuid(Uuid::max()));

/// What a user does with notices.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mark {
    Seen,
    Dismissed,
}

/// Puts a notice into an inbox, in the place of an older one of its key. Returns it with how many it stands for.
pub(super) fn tell(tx: &mut Tx<'_, '_>, user: UserId, told: Notice) -> Result<Notice, Error> {
    let Notice { id, kind, params, text, collapse_key, created_at, expires_at, .. } = &told;
    let row = tx
        .query_one(TELL, params![user, id, kind, Json(params), text, collapse_key, created_at, expires_at])?;
    Ok(Notice { count: row.get(0)?, ..told })
}

/// Puts a broadcast into these inboxes, each once.
pub(super) fn spread(
    tx: &mut Tx<'_, '_>,
    broadcast: BroadcastId,
    kind: &str,
    expires_at: Timestamp,
    users: &[(UserId, NoticeId)],
) -> Result<(), Error> {
    let now = tx.now();
    let rows = users
        .iter()
        .map(|(user, id)| values![user, id, kind, 1_i64, broadcast, now, expires_at])
        .collect::<Result<Vec<_>, _>>()?;
    tx.insert_many(SPREAD, 7, &rows)?;
    Ok(())
}

/// Makes room in inboxes that hold too many: what was put away goes first, then the oldest. A tenth goes at once, or a full inbox would
/// be put in order again for everything that comes.
pub(super) fn trim(tx: &mut Tx<'_, '_>, users: &[UserId], kept_max: u32) -> Result<(), Error> {
    let rows = tx.query(FULL, params![users, i64::from(kept_max)])?;
    let full = rows.iter().map(|row| row.get(0)).collect::<Result<Vec<UserId>, _>>()?;
    if !full.is_empty() {
        tx.execute(TRIM, params![full, i64::from(kept_max - kept_max / 10)])?;
    }
    Ok(())
}

pub(super) fn list(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    before: (i64, NoticeId),
    only_unseen: bool,
    language: Option<&str>,
    limit: usize,
) -> Result<Vec<Notice>, Error> {
    let now = tx.now();
    let rows =
        tx.query(LIST, params![user, Timestamp::from_micros(before.0), before.1, now, only_unseen, limit])?;
    rows.iter().map(|row| notice(row, language)).collect()
}

fn notice(row: &Row, language: Option<&str>) -> Result<Notice, Error> {
    let json = |index: usize| Ok::<_, Error>(row.get::<Option<Json<Value>>>(index)?.map(|Json(value)| value));
    let texts: Option<Json<BTreeMap<String, String>>> = row.get(11)?;
    let of_broadcast: Option<String> = row.get(10)?;
    let text = match (of_broadcast, texts) {
        (Some(text), Some(Json(texts))) => words(&text, &texts, language).to_owned(),
        _ => row.get::<Option<String>>(3)?.unwrap_or_default(),
    };
    Ok(Notice {
        id: row.get(0)?,
        kind: row.get(1)?,
        params: json(2)?.or(json(9)?).unwrap_or_default(),
        text,
        collapse_key: row.get(4)?,
        count: row.get(5)?,
        created_at: row.get(6)?,
        expires_at: row.get(7)?,
        is_seen: row.get::<Option<Timestamp>>(8)?.is_some(),
    })
}

pub(super) fn unseen(tx: &mut Tx<'_, '_>, user: UserId) -> Result<u32, Error> {
    let now = tx.now();
    Ok(tx.query_one(UNSEEN, params![user, now])?.get(0)?)
}

/// The same of several users; none for those who have seen all.
pub(super) fn unseen_of_many(tx: &mut Tx<'_, '_>, users: &[UserId]) -> Result<HashMap<UserId, u32>, Error> {
    let now = tx.now();
    let rows = tx.query(UNSEEN_OF_MANY, params![users, now])?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// Marks these, or all. Says how many are otherwise than before.
pub(super) fn mark(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    ids: Option<&[NoticeId]>,
    mark: Mark,
) -> Result<u64, Error> {
    let now = tx.now();
    Ok(match (mark, ids) {
        (Mark::Seen, Some(ids)) => tx.execute(SEEN, params![user, now, ids])?,
        (Mark::Seen, None) => tx.execute(SEEN_ALL, params![user, now])?,
        (Mark::Dismissed, Some(ids)) => tx.execute(DISMISS, params![user, now, ids])?,
        (Mark::Dismissed, None) => tx.execute(DISMISS_ALL, params![user, now])?,
    })
}

/// Takes all notices of a user away.
pub(crate) fn forget(tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), Error> {
    tx.execute(FORGET, params![user])?;
    Ok(())
}

pub(super) fn sweep(tx: &mut Tx<'_, '_>) -> Result<u64, Error> {
    let now = tx.now();
    Ok(tx.execute(SWEEP, params![now, sweep::ROWS])?)
}
