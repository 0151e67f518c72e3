//! SQL for API keys.

use moothall_protocol::accounts::{ApiKey, KeyKind};
use moothall_protocol::{ApiKeyId, Timestamp, UserId};
use moothall_store::{Json, Row, params, statements};

use super::word;
use crate::accounts::secret::Hash;
use crate::cx::Tx;
use crate::error::Error;
use crate::sweep;

macro_rules! keys {
    ($rest:literal) => {
        concat!(
            "SELECT id, user_id, name, kind, scopes, created_by, created_at, last_used_at, expires_at FROM api_keys ",
            $rest
        )
    };
}

statements! {
    IS_SECRET = "SELECT 1 FROM api_keys WHERE id = $1 AND secret = $2";
    COUNT = "SELECT count(*) FROM api_keys WHERE user_id = $1";
    INSERT = "INSERT INTO api_keys (id, user_id, name, kind, secret, scopes, created_by, created_at, expires_at)
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    FIND = keys!("WHERE id = $1");
    LIST = keys!("WHERE user_id = $1 ORDER BY id LIMIT 100");
    DELETE = "DELETE FROM api_keys WHERE id = $1";
    DELETE_EXPIRED = "DELETE FROM api_keys WHERE id IN
        (SELECT id FROM api_keys WHERE expires_at <= $1 LIMIT $2)";
}

pub(super) fn is_secret(tx: &mut Tx<'_, '_>, id: ApiKeyId, secret: &Hash) -> Result<bool, Error> {
    Ok(tx.query_opt(IS_SECRET, params![id, secret])?.is_some())
}

pub(super) fn count(tx: &mut Tx<'_, '_>, user: UserId) -> Result<usize, Error> {
    Ok(tx.query_one(COUNT, params![user])?.get(0)?)
}

pub(super) fn insert(tx: &mut Tx<'_, '_>, key: &ApiKey, secret: &Hash) -> Result<(), Error> {
    tx.execute(
        INSERT,
        params![
            key.id,
            key.user_id,
            key.name,
            word(key.kind),
            secret,
            Json(&key.scopes),
            key.created_by,
            key.created_at,
            key.expires_at,
        ],
    )?;
    Ok(())
}

pub(super) fn find(tx: &mut Tx<'_, '_>, id: ApiKeyId) -> Result<Option<ApiKey>, Error> {
    tx.query_opt(FIND, params![id])?.map(|row| read(&row)).transpose()
}

pub(in crate::accounts) fn list(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Vec<ApiKey>, Error> {
    tx.query(LIST, params![user])?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<ApiKey, Error> {
    let Json(scopes) = row.get(4)?;
    Ok(ApiKey {
        id: row.get(0)?,
        user_id: row.get(1)?,
        name: row.get(2)?,
        kind: if row.get::<String>(3)? == word(KeyKind::Bot) { KeyKind::Bot } else { KeyKind::Host },
        scopes,
        created_by: row.get(5)?,
        created_at: row.get(6)?,
        last_used_at: row.get(7)?,
        expires_at: row.get(8)?,
    })
}

pub(super) fn delete_expired(tx: &mut Tx<'_, '_>, before: Timestamp) -> Result<u64, Error> {
    Ok(tx.execute(DELETE_EXPIRED, params![before, sweep::ROWS])?)
}

pub(super) fn delete(tx: &mut Tx<'_, '_>, id: ApiKeyId) -> Result<(), Error> {
    tx.execute(DELETE, params![id])?;
    Ok(())
}
