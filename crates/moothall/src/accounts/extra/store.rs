//! SQL for extra data.

use moothall_protocol::UserId;
use moothall_protocol::accounts::{Audience, Extra, ExtraEntry};
use moothall_store::{Json, Row, params, statements};
use serde_json::Value;

use super::super::Error;
use crate::cx::Tx;

statements! {
    FIND = "SELECT key, audience, is_protected, version, updated_at, value FROM user_extra
            WHERE user_id = $1 AND key = $2";
    LIST = "SELECT key, audience, is_protected, version, updated_at FROM user_extra WHERE user_id = $1 ORDER BY key";
    EXPORT = "SELECT key, audience, is_protected, version, updated_at, value FROM user_extra
              WHERE user_id = $1 AND key > $2 AND audience IN ('public', 'friends', 'owner') ORDER BY key LIMIT $3";
    COUNT = "SELECT COUNT(*) FROM user_extra WHERE user_id = $1";
    PUT = "INSERT INTO user_extra (user_id, key, audience, is_protected, value, version, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7)
           ON CONFLICT (user_id, key) DO UPDATE SET audience = excluded.audience, is_protected = excluded.is_protected,
             value = excluded.value, version = excluded.version, updated_at = excluded.updated_at";
    DELETE = "DELETE FROM user_extra WHERE user_id = $1 AND key = $2";
    FORGET = "DELETE FROM user_extra WHERE user_id = $1";
}

const AUDIENCES: [(Audience, &str); 4] = [
    (Audience::Public, "public"),
    (Audience::Friends, "friends"),
    (Audience::Owner, "owner"),
    (Audience::Staff, "staff"),
];

fn name_of(audience: Audience) -> &'static str {
    AUDIENCES.iter().find(|(known, _)| *known == audience).map_or("staff", |(_, name)| name)
}

/// What cannot be read is for staff only: a mistake must not show more than was meant.
fn audience_of(name: &str) -> Audience {
    AUDIENCES.iter().find(|(_, known)| *known == name).map_or(Audience::Staff, |(audience, _)| *audience)
}

pub(super) fn find(tx: &mut Tx<'_, '_>, user: UserId, key: &str) -> Result<Option<Extra>, Error> {
    tx.query_opt(FIND, params![user, key])?.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Result<Extra, Error> {
    let Json(value): Json<Value> = row.get(5)?;
    Ok(Extra {
        key: row.get(0)?,
        audience: audience_of(&row.get::<String>(1)?),
        is_protected: row.get(2)?,
        value,
        version: row.get(3)?,
        updated_at: row.get(4)?,
    })
}

/// Some of those that the user may read, after this key.
pub(in crate::accounts) fn export(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    after: &str,
    limit: usize,
) -> Result<Vec<Extra>, Error> {
    tx.query(EXPORT, params![user, after, limit])?.iter().map(read).collect()
}

pub(super) fn list(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Vec<ExtraEntry>, Error> {
    let rows = tx.query(LIST, params![user])?;
    rows.iter()
        .map(|row| {
            Ok(ExtraEntry {
                key: row.get(0)?,
                audience: audience_of(&row.get::<String>(1)?),
                is_protected: row.get(2)?,
                version: row.get(3)?,
                updated_at: row.get(4)?,
            })
        })
        .collect()
}

pub(super) fn count(tx: &mut Tx<'_, '_>, user: UserId) -> Result<u64, Error> {
    Ok(tx.query_one(COUNT, params![user])?.get(0)?)
}

pub(super) fn put(tx: &mut Tx<'_, '_>, user: UserId, entry: &Extra) -> Result<(), Error> {
    let audience = name_of(entry.audience);
    tx.execute(
        PUT,
        params![
            user,
            entry.key,
            audience,
            entry.is_protected,
            Json(&entry.value),
            entry.version,
            entry.updated_at
        ],
    )?;
    Ok(())
}

pub(super) fn delete(tx: &mut Tx<'_, '_>, user: UserId, key: &str) -> Result<(), Error> {
    tx.execute(DELETE, params![user, key])?;
    Ok(())
}

/// Takes all of a user's entries away.
pub(in crate::accounts) fn forget(tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), Error> {
    tx.execute(FORGET, params![user])?;
    Ok(())
}
