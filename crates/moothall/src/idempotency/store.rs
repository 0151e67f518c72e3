//! SQL for idempotency keys.

use std::time::Duration;

use moothall_protocol::Timestamp;
use moothall_protocol::limits::IDEMPOTENCY_HOURS;
use moothall_store::{params, statements};

use crate::cx::Tx;
use crate::error::Error;
use crate::sweep;

statements! {
    FIND = "SELECT request, answer, created_at FROM idempotency_keys WHERE id = $1 AND created_at > $2";
    /// An expired row that was not swept yet makes room for the new claim.
    KEEP = "INSERT INTO idempotency_keys (id, request, answer, created_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT (id) DO UPDATE SET request = excluded.request, answer = excluded.answer,
                created_at = excluded.created_at WHERE idempotency_keys.created_at <= $5";
    SWEEP = "DELETE FROM idempotency_keys WHERE id IN
        (SELECT id FROM idempotency_keys WHERE created_at <= $1 LIMIT $2)";
}

const KEPT: Duration = Duration::from_secs(IDEMPOTENCY_HOURS as u64 * 3600);

/// The request, its answer, and when that was kept.
pub(super) fn find(
    tx: &mut Tx<'_, '_>,
    id: &[u8; 32],
) -> Result<Option<(Vec<u8>, Vec<u8>, Timestamp)>, Error> {
    let since = tx.now() - KEPT;
    let row = tx.query_opt(FIND, params![id.as_slice(), since])?;
    row.map(|row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).transpose()
}

pub(super) fn insert(
    tx: &mut Tx<'_, '_>,
    id: &[u8; 32],
    request: &[u8; 32],
    answer: &[u8],
    now: Timestamp,
) -> Result<(), Error> {
    let kept = tx.execute(KEEP, params![id.as_slice(), request.as_slice(), answer, now, now - KEPT])?;
    if kept == 0 {
        // Another request with this key was faster.
        return Err(Error::Unavailable);
    }
    Ok(())
}

/// Deletes some of what has expired.
pub fn sweep(tx: &mut Tx<'_, '_>) -> Result<u64, Error> {
    let before = tx.now() - KEPT;
    Ok(tx.execute(SWEEP, params![before, sweep::ROWS])?)
}
