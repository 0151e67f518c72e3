//! SQL for what users want of their presence: the one thing of it that outlasts their sessions.

use moothall_protocol::UserId;
use moothall_protocol::connections::Visibility;
use moothall_store::{params, statements};
use serde_json::{Value, json};

use crate::Tx;
use crate::connections::Error;
use crate::export::Part;

statements! {
    IS_INVISIBLE = "SELECT 1 FROM invisible_users WHERE user_id = $1";
    HIDE = "INSERT INTO invisible_users (user_id) VALUES ($1) ON CONFLICT (user_id) DO NOTHING";
    SHOW = "DELETE FROM invisible_users WHERE user_id = $1";
}

pub(super) fn visibility(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Visibility, Error> {
    let is_invisible = tx.query_opt(IS_INVISIBLE, params![user])?.is_some();
    Ok(if is_invisible { Visibility::Invisible } else { Visibility::Visible })
}

/// The user's account is erased.
pub(in crate::connections) fn forget(tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), crate::Error> {
    tx.execute(SHOW, params![user])?;
    Ok(())
}

pub(super) fn set_visibility(tx: &mut Tx<'_, '_>, user: UserId, visibility: Visibility) -> Result<(), Error> {
    let sql = match visibility {
        Visibility::Invisible => HIDE,
        Visibility::Visible => SHOW,
    };
    tx.execute(sql, params![user])?;
    Ok(())
}

/// Whether a user wants to be seen, for themselves.
pub(crate) fn export(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    _: Option<Value>,
    _: usize,
) -> Result<Part, crate::Error> {
    let visibility = visibility(tx, user).map_err(Error::into_common)?;
    Part::whole([json!({ "visibility": visibility })])
}
