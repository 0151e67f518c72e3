//! SQL for remote configuration.

use moothall_protocol::remote_config::{ConfigChange, ConfigEntry};
use moothall_store::{Json, Row, params, statements};

use crate::cx::Tx;
use crate::error::Error;

statements! {
    REVISION = "SELECT COALESCE(MAX(version), 0) FROM remote_config_changes";
    LIST = "SELECT entry FROM remote_config_entries ORDER BY key";
    FIND = "SELECT entry FROM remote_config_entries WHERE key = $1";
    PUT = "INSERT INTO remote_config_entries (key, entry) VALUES ($1, $2)
        ON CONFLICT (key) DO UPDATE SET entry = excluded.entry";
    REMOVE = "DELETE FROM remote_config_entries WHERE key = $1";
    RECORD = "INSERT INTO remote_config_changes (version, key, entry, at, by_user, reason) VALUES ($1, $2, $3, $4, $5, $6)";
    HISTORY = "SELECT version, entry, at, by_user, reason FROM remote_config_changes
        WHERE key = $1 AND version < $2 ORDER BY version DESC LIMIT $3";
    CHANGE = "SELECT version, entry, at, by_user, reason FROM remote_config_changes WHERE key = $1 AND version = $2";
}

/// The number of the last change.
pub(super) fn revision(tx: &mut Tx<'_, '_>) -> Result<i64, Error> {
    Ok(tx.query_one(REVISION, params![])?.get(0)?)
}

pub(super) fn list(tx: &mut Tx<'_, '_>) -> Result<Vec<ConfigEntry>, Error> {
    tx.query(LIST, params![])?.iter().map(entry).collect()
}

pub(super) fn find(tx: &mut Tx<'_, '_>, key: &str) -> Result<Option<ConfigEntry>, Error> {
    tx.query_opt(FIND, params![key])?.as_ref().map(entry).transpose()
}

fn entry(row: &Row) -> Result<ConfigEntry, Error> {
    let Json(entry) = row.get(0)?;
    Ok(entry)
}

pub(super) fn put(tx: &mut Tx<'_, '_>, entry: &ConfigEntry) -> Result<(), Error> {
    tx.execute(PUT, params![entry.key, Json(entry)])?;
    Ok(())
}

pub(super) fn remove(tx: &mut Tx<'_, '_>, key: &str) -> Result<(), Error> {
    tx.execute(REMOVE, params![key])?;
    Ok(())
}

/// Keeps what an entry is from this change on.
pub(super) fn record(
    tx: &mut Tx<'_, '_>,
    version: i64,
    key: &str,
    entry: Option<&ConfigEntry>,
    reason: &str,
) -> Result<(), Error> {
    let (now, user) = (tx.now(), tx.cx().user());
    tx.execute(RECORD, params![version, key, entry.map(Json), now, user, reason])?;
    Ok(())
}

pub(super) fn history(
    tx: &mut Tx<'_, '_>,
    key: &str,
    before: i64,
    limit: usize,
) -> Result<Vec<ConfigChange>, Error> {
    tx.query(HISTORY, params![key, before, limit])?.iter().map(change_of).collect()
}

pub(super) fn change(tx: &mut Tx<'_, '_>, key: &str, version: i64) -> Result<Option<ConfigChange>, Error> {
    tx.query_opt(CHANGE, params![key, version])?.as_ref().map(change_of).transpose()
}

fn change_of(row: &Row) -> Result<ConfigChange, Error> {
    Ok(ConfigChange {
        version: row.get(0)?,
        entry: row.get::<Option<Json<ConfigEntry>>>(1)?.map(|Json(entry)| entry),
        at: row.get(2)?,
        by: row.get(3)?,
        reason: row.get(4)?,
    })
}
