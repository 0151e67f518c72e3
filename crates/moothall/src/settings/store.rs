//! SQL for settings.

use moothall_protocol::UserId;
use moothall_store::{Json, OnConstraint as _, Row, params, statements};
use serde_json::{Map, Value, json};

use super::live::Stored;
use crate::cx::Tx;
use crate::error::Error;
use crate::export::Part;

statements! {
    SITE = "SELECT key, value, version, updated_at, updated_by FROM site_settings ORDER BY key";
    SITE_VERSIONS = "SELECT key, version FROM site_settings";
    PUT_SITE = "INSERT INTO site_settings (key, value, version, updated_at, updated_by) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version,
          updated_at = excluded.updated_at, updated_by = excluded.updated_by";
    OF_USER = "SELECT section, entries, version FROM user_settings WHERE user_id = $1";
    SECTION = "SELECT entries, version FROM user_settings WHERE user_id = $1 AND section = $2";
    SECTION_OF_MANY = "SELECT user_id, entries FROM user_settings WHERE section = $1 AND user_id {in $2}";
    /// The row is locked until the commit, so that numbers are committed in their order: who has seen one has seen all before it.
    NUMBER = "INSERT INTO user_settings_numbers (id, last) VALUES (1, 1)
        ON CONFLICT (id) DO UPDATE SET last = user_settings_numbers.last + 1 RETURNING last";
    LAST_NUMBER = "SELECT last FROM user_settings_numbers WHERE id = 1";
    PUT_SECTION = "INSERT INTO user_settings (user_id, section, entries, version, updated_at, change) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (user_id, section) DO UPDATE SET entries = excluded.entries, version = excluded.version,
          updated_at = excluded.updated_at, change = excluded.change";
    CHANGES = "SELECT change, user_id, section, entries, version FROM user_settings WHERE change > $1 ORDER BY change LIMIT $2";
    FORGET = "DELETE FROM user_settings WHERE user_id = $1";
}

/// What a user has set in a section.
#[derive(Clone, Debug, Default)]
pub(super) struct Entries {
    pub values: Map<String, Value>,
    pub version: i64,
}

/// A section of a user that was changed.
pub(super) struct Change {
    pub number: i64,
    pub user: UserId,
    pub section: String,
    pub entries: Entries,
}

pub(super) fn site(tx: &mut Tx<'_, '_>) -> Result<Vec<Stored>, Error> {
    tx.query(SITE, params![])?.iter().map(stored).collect()
}

/// The version of each setting of the site that was ever set.
pub(super) fn site_versions(tx: &mut Tx<'_, '_>) -> Result<Vec<(String, i64)>, Error> {
    tx.query(SITE_VERSIONS, params![])?.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

fn stored(row: &Row) -> Result<Stored, Error> {
    Ok(Stored {
        key: row.get(0)?,
        value: row.get::<Option<Json<Value>>>(1)?.map(|Json(value)| value),
        version: row.get(2)?,
        updated_at: row.get(3)?,
        updated_by: row.get(4)?,
    })
}

pub(super) fn put_site(tx: &mut Tx<'_, '_>, row: &Stored) -> Result<(), Error> {
    let value = row.value.clone().map(Json);
    tx.execute(PUT_SITE, params![row.key, value, row.version, row.updated_at, row.updated_by])?;
    Ok(())
}

/// All that a user has set, by section.
pub(super) fn of_user(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Vec<(String, Entries)>, Error> {
    let rows = tx.query(OF_USER, params![user])?;
    rows.iter()
        .map(|row| {
            let Json(values) = row.get(1)?;
            Ok((row.get(0)?, Entries { values, version: row.get(2)? }))
        })
        .collect()
}

pub(super) fn section(tx: &mut Tx<'_, '_>, user: UserId, section: &str) -> Result<Option<Entries>, Error> {
    let Some(row) = tx.query_opt(SECTION, params![user, section])? else { return Ok(None) };
    let Json(values) = row.get(0)?;
    Ok(Some(Entries { values, version: row.get(1)? }))
}

pub(super) fn section_of_many(
    tx: &mut Tx<'_, '_>,
    users: &[UserId],
    section: &str,
) -> Result<Vec<(UserId, Map<String, Value>)>, Error> {
    let rows = tx.query(SECTION_OF_MANY, params![section, users])?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get::<Json<_>>(1)?.0))).collect()
}

/// There is no such user where the database says so. The number of the change, among those of all users.
pub(super) fn put_section(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    section: &str,
    entries: &Entries,
) -> Result<i64, Error> {
    let now = tx.now();
    let number: i64 = tx.query_one(NUMBER, params![])?.get(0)?;
    tx.execute(PUT_SECTION, params![user, section, Json(&entries.values), entries.version, now, number])
        .on_constraint("user_settings_user_id_fkey", Error::NotFound)?;
    Ok(number)
}

/// The number of the last change.
pub(super) fn last_change(tx: &mut Tx<'_, '_>) -> Result<i64, Error> {
    Ok(tx.query_opt(LAST_NUMBER, params![])?.map(|row| row.get(0)).transpose()?.unwrap_or_default())
}

/// What was changed after this number, as it is by now.
pub(super) fn changes(tx: &mut Tx<'_, '_>, after: i64, limit: usize) -> Result<Vec<Change>, Error> {
    let change = |row: &Row| {
        let Json(values) = row.get(3)?;
        Ok(Change {
            number: row.get(0)?,
            user: row.get(1)?,
            section: row.get(2)?,
            entries: Entries { values, version: row.get(4)? },
        })
    };
    tx.query(CHANGES, params![after, limit])?.iter().map(change).collect()
}

/// Takes away all that a user has set.
pub(crate) fn forget(tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), Error> {
    tx.execute(FORGET, params![user])?;
    let hall = tx.cx().hall().clone();
    tx.after_commit(move || hall.live_settings().forget_user(user));
    Ok(())
}

/// What a user has set, section by section, for themselves.
pub(crate) fn export_user(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    _: Option<Value>,
    _: usize,
) -> Result<Part, Error> {
    let sections = of_user(tx, user)?.into_iter();
    Part::whole(
        sections.map(|(name, set)| json!({ "section": name, "values": set.values, "version": set.version })),
    )
}
