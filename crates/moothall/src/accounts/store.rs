//! SQL for users.

use moothall_protocol::{Timestamp, UserId};
use moothall_store::{params, statements};

use crate::cx::Tx;
use crate::error::Error;
use crate::sweep;

statements! {
    STAMP_LOGIN = "UPDATE users SET last_login_at = $2 WHERE id = $1";
    /// When they were last heard of, or if that is not known, when they came.
    STAMP_CUT_OFF = "UPDATE users SET last_logout_at = COALESCE(
            (SELECT MAX(s.last_seen_at) FROM sessions s WHERE s.user_id = users.id AND s.last_seen_at > users.last_login_at),
            last_login_at)
        WHERE id IN (SELECT id FROM users WHERE last_login_at IS NOT NULL
            AND (last_logout_at IS NULL OR last_logout_at < last_login_at) LIMIT $1)";
    STAMP_LOGOUT = "UPDATE users SET last_logout_at = $2 WHERE id = $1";
}

pub(super) fn stamp_login(tx: &mut Tx<'_, '_>, user: UserId, at: Timestamp) -> Result<(), Error> {
    tx.execute(STAMP_LOGIN, params![user, at])?;
    Ok(())
}

/// Whoever is marked as here has gone. Returns how many there were in this step.
pub(super) fn stamp_cut_off(tx: &mut Tx<'_, '_>) -> Result<u64, moothall_store::Error> {
    tx.execute(STAMP_CUT_OFF, params![sweep::ROWS])
}

pub(super) fn stamp_logout(tx: &mut Tx<'_, '_>, user: UserId, at: Timestamp) -> Result<(), Error> {
    tx.execute(STAMP_LOGOUT, params![user, at])?;
    Ok(())
}
