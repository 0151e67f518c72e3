//! SQL for what changed and what is over.

use moothall_protocol::{SessionId, Timestamp, UserId};
use moothall_store::{params, statements};
use uuid::Uuid;

use super::{Change, KEPT};
use crate::cx::Tx;
use crate::error::Error;
use crate::sweep;

statements! {
    TELL = "INSERT INTO account_changes (id, whose, at) VALUES ($1, $2, $3)";
    LIST = "SELECT at, id, whose FROM account_changes WHERE (at, id) > ($1, $2) ORDER BY at, id LIMIT $3";
    SESSIONS_OVER = "SELECT expires_at, id FROM sessions WHERE (expires_at, id) > ($1, $2) AND expires_at <= $3
                     ORDER BY expires_at, id LIMIT $4";
    KEYS_OVER = "SELECT expires_at, id FROM api_keys WHERE (expires_at, id) > ($1, $2) AND expires_at <= $3
                 ORDER BY expires_at, id LIMIT $4";
    LAPSED = "SELECT DISTINCT user_id FROM grants WHERE ends_at > $1 AND ends_at <= $2";
    SWEEP = "DELETE FROM account_changes WHERE id IN
        (SELECT id FROM account_changes WHERE at <= $1 LIMIT $2)";
}

/// Leaves word for all processes that the user, or perhaps anybody, may do something else from now on.
pub(in crate::accounts) fn tell(tx: &mut Tx<'_, '_>, user: Option<UserId>) -> Result<(), Error> {
    let (id, now) = (tx.cx().new_id::<()>().uuid(), tx.now());
    tell_at(tx, id, user, now)
}

pub(super) fn tell_at(
    tx: &mut Tx<'_, '_>,
    id: Uuid,
    user: Option<UserId>,
    at: Timestamp,
) -> Result<(), Error> {
    tx.execute(TELL, params![id, user, at])?;
    Ok(())
}

/// The changes after this one, the oldest first.
pub(super) fn list(
    tx: &mut Tx<'_, '_>,
    after: (Timestamp, Uuid),
    limit: usize,
) -> Result<Vec<Change>, Error> {
    let rows = tx.query(LIST, params![after.0, after.1, limit])?;
    rows.iter().map(|row| Ok(Change { at: row.get(0)?, id: row.get(1)?, user: row.get(2)? })).collect()
}

/// Sessions, those of keys among them, whose time ended after that one's, until now.
pub(super) fn over(
    tx: &mut Tx<'_, '_>,
    after: (Timestamp, SessionId),
    until: Timestamp,
    limit: usize,
) -> Result<Vec<(Timestamp, SessionId)>, Error> {
    let mut rows = tx.query(SESSIONS_OVER, params![after.0, after.1, until, limit])?;
    rows.extend(tx.query(KEYS_OVER, params![after.0, after.1, until, limit])?);
    let mut over = rows
        .iter()
        .map(|row| Ok((row.get(0)?, SessionId::from_uuid(row.get(1)?))))
        .collect::<Result<Vec<_>, Error>>()?;
    over.sort_unstable();
    over.truncate(limit);
    Ok(over)
}

/// Who had a role for a time that ended after then, until now.
pub(super) fn lapsed(tx: &mut Tx<'_, '_>, after: Timestamp, until: Timestamp) -> Result<Vec<UserId>, Error> {
    let rows = tx.query(LAPSED, params![after, until])?;
    rows.iter().map(|row| Ok(row.get(0)?)).collect()
}

pub(in crate::accounts) fn sweep(tx: &mut Tx<'_, '_>) -> Result<u64, Error> {
    let before = tx.now() - KEPT;
    Ok(tx.execute(SWEEP, params![before, sweep::ROWS])?)
}
