//! SQL for the audit log. There is no statement that changes or deletes a line.

use moothall_protocol::audit::{AuditLine, ListAudit};
use moothall_protocol::{AuditId, Timestamp};
use moothall_store::{Json, Row, params, statements};
use uuid::Uuid;

use super::Entry;
use crate::cx::Tx;
use crate::error::Error;

statements! {
    INSERT = "INSERT INTO audit_log (id, at, actor_id, key_id, action, target, reason, before, after, request_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    LIST = "SELECT id, at, actor_id, key_id, action, target, reason, before, after, request_id FROM audit_log
        WHERE (at, id) < ($1, $2) AND at >= $3
          AND (actor_id = $4 OR $4 IS NULL) AND (target = $5 OR $5 IS NULL) AND (action = $6 OR $6 IS NULL)
        ORDER BY at DESC, id DESC LIMIT $7";
}

/// Where a list begins that has no cursor: microseconds, and an id after every other.
pub(super) const NEWEST: (i64, AuditId) = (i64::MAX, AuditId::from_uuid(Uuid::max()));

pub(super) fn insert(tx: &mut Tx<'_, '_>, entry: &Entry) -> Result<(), Error> {
    let cx = tx.cx();
    let id: AuditId = cx.new_id();
    let key = cx.identity().and_then(|identity| identity.api_key_id);
    tx.execute(
        INSERT,
        params![
            id,
            cx.now(),
            entry.actor.or_else(|| cx.user()),
            key,
            entry.action,
            entry.target.as_str(),
            entry.reason,
            entry.before.clone().map(Json),
            entry.after.clone().map(Json),
            cx.request_id()
        ],
    )?;
    Ok(())
}

pub(super) fn list(
    tx: &mut Tx<'_, '_>,
    input: &ListAudit,
    before: (i64, AuditId),
    limit: usize,
) -> Result<Vec<AuditLine>, Error> {
    let newest = input.until.unwrap_or(Timestamp::MAX).min(Timestamp::from_micros(before.0));
    let oldest = input.since.unwrap_or(Timestamp::MIN);
    let rows = tx.query(
        LIST,
        params![
            newest,
            before.1,
            oldest,
            input.actor_id,
            input.target,
            input.action,
            i64::try_from(limit).unwrap_or(i64::MAX)
        ],
    )?;
    rows.iter().map(line).collect()
}

fn line(row: &Row) -> Result<AuditLine, Error> {
    Ok(AuditLine {
        id: row.get(0)?,
        at: row.get(1)?,
        actor_id: row.get(2)?,
        api_key_id: row.get(3)?,
        action: row.get(4)?,
        target: row.get(5)?,
        reason: row.get(6)?,
        before: row.get::<Option<Json<_>>>(7)?.map(|Json(value)| value),
        after: row.get::<Option<Json<_>>>(8)?.map(|Json(value)| value),
        request_id: row.get(9)?,
    })
}
