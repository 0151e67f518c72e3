//! SQL for users.

use moothall_protocol::{Timestamp, UserId};
use moothall_store::{params, statements};

use crate::cx::Tx;
use crate::error::Error;

statements! {
    STAMP_LOGIN = "UPDATE users SET last_login_at = $2 WHERE id = $1";
    STAMP_LOGOUT = "UPDATE users SET last_logout_at = $2 WHERE id = $1";
}

pub(super) fn stamp_login(tx: &mut Tx<'_, '_>, user: UserId, at: Timestamp) -> Result<(), Error> {
    tx.execute(STAMP_LOGIN, params![user, at])?;
    Ok(())
}

pub(super) fn stamp_logout(tx: &mut Tx<'_, '_>, user: UserId, at: Timestamp) -> Result<(), Error> {
    tx.execute(STAMP_LOGOUT, params![user, at])?;
    Ok(())
}
