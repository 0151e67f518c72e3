//! SQL for codes that sign in once.

use moothall_protocol::accounts::SessionKind;
use moothall_protocol::{Timestamp, UserId, limits};
use moothall_store::{params, statements};

use crate::accounts::secret::Hash;
use crate::cx::Tx;
use crate::error::Error;
use crate::sweep;

statements! {
    INSERT = "INSERT INTO sign_in_codes (code, user_id, kind, expires_at, signed_in_at) VALUES ($1, $2, $3, $4, $5)";
    /// The oldest beyond the bound go.
    TRIM = "DELETE FROM sign_in_codes WHERE code IN
            (SELECT code FROM sign_in_codes WHERE user_id = $1 ORDER BY expires_at DESC, code LIMIT 100 OFFSET $2)";
    /// Deleting is what makes it single-use: of two who try, one finds nothing to delete.
    TAKE = "DELETE FROM sign_in_codes WHERE code = $1 AND expires_at > $2 RETURNING user_id, kind, signed_in_at";
    DELETE_OF_USER = "DELETE FROM sign_in_codes WHERE user_id = $1";
    SWEEP = "DELETE FROM sign_in_codes WHERE code IN
        (SELECT code FROM sign_in_codes WHERE expires_at <= $1 LIMIT $2)";
}

pub(super) fn insert_code(
    tx: &mut Tx<'_, '_>,
    code: &Hash,
    user: UserId,
    kind: SessionKind,
    expires_at: Timestamp,
    signed_in_at: Option<Timestamp>,
) -> Result<(), Error> {
    tx.execute(INSERT, params![code, user, kind.as_str(), expires_at, signed_in_at])?;
    tx.execute(TRIM, params![user, limits::SIGN_IN_CODES_MAX])?;
    Ok(())
}

/// Whose session, of which kind, and when they had signed in.
pub(super) fn take_code(
    tx: &mut Tx<'_, '_>,
    code: &Hash,
) -> Result<Option<(UserId, SessionKind, Option<Timestamp>)>, Error> {
    let now = tx.now();
    let Some(row) = tx.query_opt(TAKE, params![code, now])? else { return Ok(None) };
    let kind = SessionKind::from_name(&row.get::<String>(1)?).unwrap_or_default();
    Ok(Some((row.get(0)?, kind, row.get(2)?)))
}

pub(in crate::accounts) fn delete_codes(tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), Error> {
    tx.execute(DELETE_OF_USER, params![user])?;
    Ok(())
}

/// Deletes what is over.
pub(in crate::accounts) fn sweep(tx: &mut Tx<'_, '_>) -> Result<u64, Error> {
    let now = tx.now();
    Ok(tx.execute(SWEEP, params![now, sweep::ROWS])?)
}
