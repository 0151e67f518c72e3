//! SQL for the token that makes the first administrator.

use moothall_store::{params, statements};

use crate::accounts::secret::Hash;
use crate::cx::Tx;
use crate::error::Error;

statements! {
    CLEAR = "DELETE FROM administrator_tokens";
    INSERT = "INSERT INTO administrator_tokens (id, token, created_at) VALUES (1, $1, $2)";
    IS_TOKEN = "SELECT 1 FROM administrator_tokens WHERE token = $1";
}

/// Makes this the only token, or makes that there is none.
pub(super) fn set_token(tx: &mut Tx<'_, '_>, token: Option<&Hash>) -> Result<(), Error> {
    tx.execute(CLEAR, params![])?;
    if let Some(token) = token {
        let now = tx.now();
        tx.execute(INSERT, params![token, now])?;
    }
    Ok(())
}

pub(super) fn is_token(tx: &mut Tx<'_, '_>, token: &Hash) -> Result<bool, Error> {
    Ok(tx.query_opt(IS_TOKEN, params![token])?.is_some())
}
