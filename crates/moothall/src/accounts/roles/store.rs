//! SQL for roles and grants.

use moothall_protocol::accounts::{Grant, ListGrants, Role};
use moothall_protocol::{GrantId, UserId};
use moothall_store::{OnConstraint as _, Row, params, statements, values};
use uuid::Uuid;

use super::ADMINISTRATOR;
use crate::accounts;
use crate::cx::Tx;
use crate::error::Error;
use crate::sweep;

statements! {
    ROLES = "SELECT name, about, is_seeded, version, created_at, updated_at FROM roles ORDER BY name LIMIT 1000";
    ROLE = "SELECT name, about, is_seeded, version, created_at, updated_at FROM roles WHERE name = $1";
    COUNT = "SELECT count(*) FROM roles";
    PERMISSIONS = "SELECT permission FROM role_permissions WHERE role = $1 ORDER BY permission LIMIT 1000";
    INSERT = "INSERT INTO roles (name, about, is_seeded, version, created_at, updated_at)
              VALUES ($1, $2, $3, 1, $4, $4)";
    PLANT = "INSERT INTO roles (name, about, is_seeded, version, created_at, updated_at)
             VALUES ($1, $2, $3, 1, $4, $4) ON CONFLICT (name) DO NOTHING";
    UPDATE = "UPDATE roles SET about = $2, version = version + 1, updated_at = $3 WHERE name = $1";
    DELETE = "DELETE FROM roles WHERE name = $1 AND NOT EXISTS (SELECT 1 FROM grants WHERE role = $1)";
    CLEAR_PERMISSIONS = "DELETE FROM role_permissions WHERE role = $1";
    FIND_GRANT = "SELECT id, user_id, role, granted_by, reason, created_at, ends_at FROM grants
                  WHERE user_id = $1 AND role = $2";
    PUT_GRANT = "INSERT INTO grants (id, user_id, role, granted_by, reason, created_at, ends_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)
                 ON CONFLICT (user_id, role) DO UPDATE SET granted_by = excluded.granted_by, reason = excluded.reason,
                   created_at = excluded.created_at, ends_at = excluded.ends_at";
    DELETE_GRANT = "DELETE FROM grants WHERE id = $1";
    LIST_GRANTS = "SELECT id, user_id, role, granted_by, reason, created_at, ends_at FROM grants
                   WHERE id > $1 AND (user_id = $2 OR $2 IS NULL) AND (role = $3 OR $3 IS NULL)
                     AND (ends_at IS NULL OR ends_at > $4)
                   ORDER BY id LIMIT $5";
    SWEEP_GRANTS = "DELETE FROM grants WHERE id IN
        (SELECT id FROM grants WHERE ends_at <= $1 LIMIT $2)";
    /// Changes nothing, but two transactions that run it wait for each other.
    LOCK = "UPDATE roles SET version = version WHERE name = $1";
    LASTING_ADMINISTRATORS = "SELECT count(DISTINCT g.user_id) FROM grants g
                              JOIN role_permissions p ON p.role = g.role AND p.permission = '*'
                              JOIN users u ON u.id = g.user_id AND u.erased_at IS NULL AND u.delete_after IS NULL
                              WHERE g.ends_at IS NULL";

    SEEDED = "SELECT permission FROM seeded_permissions WHERE role = $1 ORDER BY permission LIMIT 1000";

    + many {
        ADD_PERMISSIONS (2) = "INSERT INTO role_permissions (role, permission)";
        NOTE_SEEDED (2) = "INSERT INTO seeded_permissions (role, permission)";
    }
}

pub(super) fn roles(tx: &mut Tx<'_, '_>) -> Result<Vec<Role>, Error> {
    let rows = tx.query(ROLES, params![])?;
    rows.iter().map(|row| read_role(tx, row)).collect()
}

pub(super) fn role(tx: &mut Tx<'_, '_>, name: &str) -> Result<Option<Role>, Error> {
    let row = tx.query_opt(ROLE, params![name])?;
    row.map(|row| read_role(tx, &row)).transpose()
}

fn read_role(tx: &mut Tx<'_, '_>, row: &Row) -> Result<Role, Error> {
    let name: String = row.get(0)?;
    let rows = tx.query(PERMISSIONS, params![name])?;
    Ok(Role {
        permissions: rows.iter().map(|row| row.get(0)).collect::<Result<_, _>>()?,
        name,
        about: row.get(1)?,
        is_seeded: row.get(2)?,
        version: row.get(3)?,
        created_at: row.get(4)?,
        updated_at: row.get(5)?,
    })
}

pub(super) fn count(tx: &mut Tx<'_, '_>) -> Result<usize, Error> {
    Ok(tx.query_one(COUNT, params![])?.get(0)?)
}

pub(super) fn insert(tx: &mut Tx<'_, '_>, name: &str, about: &str) -> Result<(), accounts::Error> {
    let now = tx.now();
    tx.execute(INSERT, params![name, about, false, now])
        .on_constraint("roles_pkey", accounts::Error::RoleTaken)?;
    Ok(())
}

/// Makes a role the server comes with. Returns whether it was missing.
pub(super) fn plant(tx: &mut Tx<'_, '_>, name: &str, about: &str) -> Result<bool, Error> {
    let now = tx.now();
    Ok(tx.execute(PLANT, params![name, about, true, now])? == 1)
}

pub(super) fn update(tx: &mut Tx<'_, '_>, name: &str, about: &str) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(UPDATE, params![name, about, now])?;
    Ok(())
}

pub(super) fn delete(tx: &mut Tx<'_, '_>, name: &str) -> Result<(), accounts::Error> {
    tx.execute(CLEAR_PERMISSIONS, params![name])?;
    if tx.execute(DELETE, params![name])? == 0 { Err(accounts::Error::RoleInUse) } else { Ok(()) }
}

pub(super) fn set_permissions<'a>(
    tx: &mut Tx<'_, '_>,
    role: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Result<(), Error> {
    tx.execute(CLEAR_PERMISSIONS, params![role])?;
    let rows = names.into_iter().map(|name| values![role, name]).collect::<Result<Vec<_>, _>>()?;
    if !rows.is_empty() {
        tx.insert_many(ADD_PERMISSIONS, 2, &rows)?;
    }
    Ok(())
}

/// What a role was given by the server itself.
pub(super) fn seeded(tx: &mut Tx<'_, '_>, role: &str) -> Result<Vec<String>, Error> {
    let rows = tx.query(SEEDED, params![role])?;
    rows.iter().map(|row| Ok(row.get(0)?)).collect()
}

/// These too.
pub(super) fn note_seeded(tx: &mut Tx<'_, '_>, role: &str, names: &[&str]) -> Result<(), Error> {
    let rows = names.iter().map(|name| values![role, *name]).collect::<Result<Vec<_>, _>>()?;
    if !rows.is_empty() {
        tx.insert_many(NOTE_SEEDED, 2, &rows)?;
    }
    Ok(())
}

pub(super) fn find_grant(tx: &mut Tx<'_, '_>, user: UserId, role: &str) -> Result<Option<Grant>, Error> {
    tx.query_opt(FIND_GRANT, params![user, role])?.map(|row| read_grant(&row)).transpose()
}

pub(super) fn put_grant(tx: &mut Tx<'_, '_>, grant: &Grant) -> Result<(), Error> {
    let Grant { id, user_id, role, granted_by, reason, created_at, ends_at } = grant;
    tx.execute(PUT_GRANT, params![id, user_id, role, granted_by, reason, created_at, ends_at])?;
    Ok(())
}

pub(super) fn delete_grant(tx: &mut Tx<'_, '_>, id: GrantId) -> Result<(), Error> {
    tx.execute(DELETE_GRANT, params![id])?;
    Ok(())
}

pub(in crate::accounts) fn list_grants(
    tx: &mut Tx<'_, '_>,
    filter: &ListGrants,
    after: Option<GrantId>,
    count: usize,
) -> Result<Vec<Grant>, Error> {
    let after = after.unwrap_or(GrantId::from_uuid(Uuid::nil()));
    let now = tx.now();
    let rows = tx.query(LIST_GRANTS, params![after, filter.user_id, filter.role, now, count])?;
    rows.iter().map(read_grant).collect()
}

fn read_grant(row: &Row) -> Result<Grant, Error> {
    Ok(Grant {
        id: row.get(0)?,
        user_id: row.get(1)?,
        role: row.get(2)?,
        granted_by: row.get(3)?,
        reason: row.get(4)?,
        created_at: row.get(5)?,
        ends_at: row.get(6)?,
    })
}

pub(super) fn lock(tx: &mut Tx<'_, '_>) -> Result<(), Error> {
    tx.execute(LOCK, params![ADMINISTRATOR])?;
    Ok(())
}

pub(super) fn lasting_administrators(tx: &mut Tx<'_, '_>) -> Result<u64, Error> {
    Ok(tx.query_one(LASTING_ADMINISTRATORS, params![])?.get(0)?)
}

/// Deletes grants that are over.
pub(in crate::accounts) fn sweep(tx: &mut Tx<'_, '_>) -> Result<u64, Error> {
    let now = tx.now();
    Ok(tx.execute(SWEEP_GRANTS, params![now, sweep::ROWS])?)
}
