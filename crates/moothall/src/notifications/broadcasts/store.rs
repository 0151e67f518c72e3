//! SQL for broadcasts.

use moothall_protocol::notifications::BroadcastReach;
use moothall_protocol::{BroadcastId, NoticeId, Timestamp, UserId};
use moothall_store::{Json, Row, params, statements};
use uuid::Uuid;

use super::Stored;
use crate::cx::Tx;
use crate::error::Error;

statements! {
    INSERT = "INSERT INTO broadcasts (id, text, texts, params, segment, run_at, expires_at, job_id, created_at, created_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    FIND = "SELECT id, text, texts, params, segment, run_at, expires_at, job_id, cancelled_at, created_at, created_by
        FROM broadcasts WHERE id = $1";
    LIST = "SELECT id, text, texts, params, segment, run_at, expires_at, job_id, cancelled_at, created_at, created_by
        FROM broadcasts WHERE (created_at, id) < ($1, $2) ORDER BY created_at DESC, id DESC LIMIT $3";
    CANCEL = "UPDATE broadcasts SET cancelled_at = $2 WHERE id = $1";
    REMEMBERED = "SELECT written, seen, dismissed FROM broadcasts WHERE id = $1 AND written IS NOT NULL";
    REACH = "SELECT (SELECT reached FROM broadcasts WHERE id = $1), COUNT(seen_at), COUNT(dismissed_at)
        FROM notifications WHERE broadcast_id = $1";
    REACHED = "UPDATE broadcasts SET reached = reached + $2 WHERE id = $1";
    OVER = "SELECT id FROM broadcasts WHERE settled_at IS NULL AND expires_at <= $1 ORDER BY id LIMIT 1";
    REMEMBER = "UPDATE broadcasts SET written = $2, seen = $3, dismissed = $4 WHERE id = $1 AND written IS NULL";
    TAKE_OUT = "DELETE FROM notifications WHERE broadcast_id = $1 AND user_id IN
        (SELECT user_id FROM notifications WHERE broadcast_id = $1 LIMIT $2)
        RETURNING user_id, id, dismissed_at";
    SETTLE = "UPDATE broadcasts SET settled_at = $2 WHERE id = $1";
}

/// Where a list begins that has no cursor.
pub(super) const NEWEST: (i64, BroadcastId) = (i64::MAX, BroadcastId::from_uuid(Uuid::max()));

pub(super) fn insert(tx: &mut Tx<'_, '_>, stored: &Stored) -> Result<(), Error> {
    let Stored {
        id, text, texts, params, segment, run_at, expires_at, job_id, created_at, created_by, ..
    } = stored;
    tx.execute(
        INSERT,
        params![
            id,
            text,
            Json(texts),
            Json(params),
            Json(segment),
            run_at,
            expires_at,
            job_id,
            created_at,
            created_by
        ],
    )?;
    Ok(())
}

pub(super) fn find(tx: &mut Tx<'_, '_>, id: BroadcastId) -> Result<Option<Stored>, Error> {
    tx.query_opt(FIND, params![id])?.as_ref().map(stored).transpose()
}

pub(super) fn list(
    tx: &mut Tx<'_, '_>,
    before: (i64, BroadcastId),
    limit: usize,
) -> Result<Vec<Stored>, Error> {
    let rows = tx.query(LIST, params![Timestamp::from_micros(before.0), before.1, limit])?;
    rows.iter().map(stored).collect()
}

fn stored(row: &Row) -> Result<Stored, Error> {
    let (Json(texts), Json(params), Json(segment)) = (row.get(2)?, row.get(3)?, row.get(4)?);
    Ok(Stored {
        id: row.get(0)?,
        text: row.get(1)?,
        texts,
        params,
        segment,
        run_at: row.get(5)?,
        expires_at: row.get(6)?,
        job_id: row.get(7)?,
        cancelled_at: row.get(8)?,
        created_at: row.get(9)?,
        created_by: row.get(10)?,
    })
}

pub(super) fn cancel(tx: &mut Tx<'_, '_>, id: BroadcastId) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(CANCEL, params![id, now])?;
    Ok(())
}

/// How far a broadcast reached: as it was remembered, else as it is.
pub(super) fn reach(tx: &mut Tx<'_, '_>, id: BroadcastId) -> Result<BroadcastReach, Error> {
    let row = match tx.query_opt(REMEMBERED, params![id])? {
        Some(row) => row,
        None => tx.query_one(REACH, params![id])?,
    };
    Ok(BroadcastReach { written: row.get(0)?, seen: row.get(1)?, dismissed: row.get(2)? })
}

/// One that is over and still in inboxes.
pub(super) fn over(tx: &mut Tx<'_, '_>) -> Result<Option<BroadcastId>, Error> {
    let now = tx.now();
    Ok(tx.query_opt(OVER, params![now])?.map(|row| row.get(0)).transpose()?)
}

/// So many more inboxes have it, whatever becomes of them.
pub(super) fn reached(tx: &mut Tx<'_, '_>, id: BroadcastId, more: u64) -> Result<(), Error> {
    tx.execute(REACHED, params![id, more])?;
    Ok(())
}

pub(super) fn remember_reach(tx: &mut Tx<'_, '_>, id: BroadcastId) -> Result<(), Error> {
    let BroadcastReach { written, seen, dismissed } = reach(tx, id)?;
    tx.execute(REMEMBER, params![id, written, seen, dismissed])?;
    Ok(())
}

/// What was in an inbox.
pub(super) struct Taken {
    pub user: UserId,
    pub id: NoticeId,
    pub is_dismissed: bool,
}

/// Takes a broadcast out of so many inboxes.
pub(super) fn take_out(
    tx: &mut Tx<'_, '_>,
    id: BroadcastId,
    most: usize,
) -> Result<Vec<Taken>, moothall_store::Error> {
    let taken = |row: &Row| {
        let is_dismissed = row.get::<Option<Timestamp>>(2)?.is_some();
        Ok(Taken { user: row.get(0)?, id: row.get(1)?, is_dismissed })
    };
    tx.query(TAKE_OUT, params![id, most])?.iter().map(taken).collect()
}

pub(super) fn settle(tx: &mut Tx<'_, '_>, id: BroadcastId) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(SETTLE, params![id, now])?;
    Ok(())
}
