//! SQL for codes sent by e-mail, and for requests to send one.

use moothall_protocol::accounts::UserSummary;
use moothall_protocol::limits::RESETS_WAITING_MAX;
use moothall_protocol::{Timestamp, UserId};
use moothall_store::{Row, params, statements};
use uuid::Uuid;

use super::Purpose;
use crate::accounts::Error;
use crate::accounts::credentials::Email;
use crate::accounts::secret::Hash;
use crate::cx::Tx;
use crate::sweep;

statements! {
    INSERT = "INSERT INTO email_codes (code, user_id, purpose, email, email_key, created_at, expires_at)
              VALUES ($1, $2, $3, $4, $5, $6, $7)";
    FIND = "SELECT user_id, purpose, email, email_key FROM email_codes WHERE code = $1 AND expires_at > $2";
    TAKE = "DELETE FROM email_codes WHERE code = $1 AND expires_at > $2
            RETURNING user_id, purpose, email, email_key";
    PENDING = "SELECT email, expires_at FROM email_codes WHERE user_id = $1 AND purpose = 'change' AND expires_at > $2
               ORDER BY created_at DESC LIMIT 1";
    /// They stay for a while, to be counted.
    VOID = "UPDATE email_codes SET expires_at = $3 WHERE user_id = $1 AND purpose {in $2} AND expires_at > $3";
    ISSUED = "SELECT count(*) FROM email_codes WHERE user_id = $1 AND purpose = $2 AND created_at > $3";
    FORGET = "DELETE FROM email_codes WHERE user_id = $1";
    SWEEP = "DELETE FROM email_codes WHERE code IN
        (SELECT code FROM email_codes WHERE expires_at <= $1 LIMIT $2)";
    TYPED_BY = "SELECT id, name, is_guest, is_bot, email, typed_email_key FROM users WHERE typed_email_key = $1
                ORDER BY created_at DESC LIMIT $2";
    HOLDER = "SELECT id, name, is_guest, is_bot, email, email_key FROM users WHERE email_key = $1 AND erased_at IS NULL";
    IS_HELD = "SELECT 1 FROM email_codes WHERE email_key = $1 AND purpose = 'revoke' AND user_id <> $2
               AND expires_at > $3 LIMIT 1";
    CAN_REVOKE = "SELECT 1 FROM email_codes WHERE user_id = $1 AND purpose = 'revoke' AND email_key = $2
                  AND expires_at > $3 LIMIT 1";
    INSERT_REQUEST = "INSERT INTO reset_requests (id, email_key, created_at) SELECT $1, $2, $3
                      WHERE (SELECT COUNT(*) FROM reset_requests) < $4";
    REQUESTS = "SELECT id, email_key FROM reset_requests ORDER BY created_at, id LIMIT $1";
    DELETE_REQUEST = "DELETE FROM reset_requests WHERE id = $1";
}

/// A code, as it was taken down.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub user: UserId,
    pub purpose: Purpose,
    /// The address it was made for: to verify, to change to, to change back to, or that it was sent to.
    pub email: Email,
}

const PURPOSES: [(Purpose, &str); 4] = [
    (Purpose::Verify, "verify"),
    (Purpose::Change, "change"),
    (Purpose::Revoke, "revoke"),
    (Purpose::Reset, "reset"),
];

fn name_of(purpose: Purpose) -> &'static str {
    PURPOSES.iter().find(|(known, _)| *known == purpose).map_or("", |(_, name)| name)
}

fn code(row: &Row) -> Result<Option<Code>, Error> {
    let name: String = row.get(1)?;
    let Some((purpose, _)) = PURPOSES.iter().find(|(_, known)| *known == name) else { return Ok(None) };
    let email = Email { display: row.get(2)?, key: row.get(3)? };
    Ok(Some(Code { user: row.get(0)?, purpose: *purpose, email }))
}

pub(super) fn insert(
    tx: &mut Tx<'_, '_>,
    hash: &Hash,
    code: &Code,
    expires_at: Timestamp,
) -> Result<(), Error> {
    let (now, purpose) = (tx.now(), name_of(code.purpose));
    tx.execute(
        INSERT,
        params![hash, code.user, purpose, code.email.display, code.email.key, now, expires_at],
    )?;
    Ok(())
}

/// A code that is still good.
pub(super) fn find(tx: &mut Tx<'_, '_>, hash: &Hash) -> Result<Option<Code>, Error> {
    let now = tx.now();
    tx.query_opt(FIND, params![hash, now])?.map_or(Ok(None), |row| code(&row))
}

/// The same, and it is gone with that.
pub(super) fn take(tx: &mut Tx<'_, '_>, hash: &Hash) -> Result<Option<Code>, Error> {
    let now = tx.now();
    tx.query_opt(TAKE, params![hash, now])?.map_or(Ok(None), |row| code(&row))
}

/// The address that waits to be confirmed, and until when.
pub(in crate::accounts) fn pending(
    tx: &mut Tx<'_, '_>,
    user: UserId,
) -> Result<Option<(String, Timestamp)>, Error> {
    let now = tx.now();
    let row = tx.query_opt(PENDING, params![user, now])?;
    row.map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()
}

/// Voids a user's codes for these purposes.
pub(in crate::accounts) fn void(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    purposes: &[Purpose],
) -> Result<(), Error> {
    let names: Vec<String> = purposes.iter().map(|purpose| name_of(*purpose).to_owned()).collect();
    let now = tx.now();
    tx.execute(VOID, params![user, names, now])?;
    Ok(())
}

/// How many codes for this the user was made since then, used and void ones included.
pub(super) fn issued_since(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    purpose: Purpose,
    since: Timestamp,
) -> Result<i64, Error> {
    Ok(tx.query_one(ISSUED, params![user, name_of(purpose), since])?.get(0)?)
}

/// Voids all of a user's codes.
pub(in crate::accounts) fn forget(tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), Error> {
    tx.execute(FORGET, params![user])?;
    Ok(())
}

/// Clears codes that nobody can use any more, and that count no more either.
pub(in crate::accounts) fn sweep(tx: &mut Tx<'_, '_>) -> Result<u64, Error> {
    let before = tx.now() - super::HOUR;
    Ok(tx.execute(SWEEP, params![before, sweep::ROWS])?)
}

/// Who holds this address.
pub(super) fn holder(tx: &mut Tx<'_, '_>, email: &Email) -> Result<Option<UserSummary>, Error> {
    Ok(holder_by_key(tx, &email.key)?.map(|(user, _)| user))
}

pub(super) fn holder_by_key(tx: &mut Tx<'_, '_>, key: &str) -> Result<Option<(UserSummary, Email)>, Error> {
    tx.query_opt(HOLDER, params![key])?.map(|row| user_with_email(&row)).transpose()
}

/// Who gave this address and has not shown that it is theirs, the newest first.
pub(super) fn typed_by(
    tx: &mut Tx<'_, '_>,
    key: &str,
    limit: usize,
) -> Result<Vec<(UserSummary, Email)>, Error> {
    tx.query(TYPED_BY, params![key, limit])?.iter().map(user_with_email).collect()
}

fn user_with_email(row: &Row) -> Result<(UserSummary, Email), Error> {
    let user = UserSummary { id: row.get(0)?, name: row.get(1)?, is_guest: row.get(2)?, is_bot: row.get(3)? };
    Ok((user, Email { display: row.get(4)?, key: row.get(5)? }))
}

/// Whether a user who changed away from this address may still come back to it. Until then it is nobody else's.
pub(in crate::accounts) fn is_held(
    tx: &mut Tx<'_, '_>,
    email_key: &str,
    against: UserId,
) -> Result<bool, Error> {
    let now = tx.now();
    Ok(tx.query_opt(IS_HELD, params![email_key, against, now])?.is_some())
}

/// Whether the user was sent a way back to this address that is still good.
pub(super) fn can_revoke(tx: &mut Tx<'_, '_>, user: UserId, email: &Email) -> Result<bool, Error> {
    let now = tx.now();
    Ok(tx.query_opt(CAN_REVOKE, params![user, email.key, now])?.is_some())
}

/// Returns whether there was room for it.
pub(super) fn insert_request(tx: &mut Tx<'_, '_>, email_key: &str) -> Result<bool, Error> {
    let (now, most) = (tx.now(), RESETS_WAITING_MAX);
    let id = tx.cx().new_id::<()>().uuid();
    Ok(tx.execute(INSERT_REQUEST, params![id, email_key, now, most])? == 1)
}

pub(super) fn requests(tx: &mut Tx<'_, '_>, limit: usize) -> Result<Vec<(Uuid, String)>, Error> {
    let rows = tx.query(REQUESTS, params![limit])?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

pub(super) fn delete_request(tx: &mut Tx<'_, '_>, id: Uuid) -> Result<(), Error> {
    tx.execute(DELETE_REQUEST, params![id])?;
    Ok(())
}
