//! SQL for erasing accounts: everything of a user in this context that has no `store.rs` of its own here.

use moothall_protocol::{SessionId, Timestamp, UserId};
use moothall_store::{params, statements};

use crate::accounts::Error;
use crate::cx::Tx;

statements! {
    ERASED = "SELECT id FROM users WHERE erased_at IS NOT NULL AND id > $1 ORDER BY id LIMIT $2";
    SIGNED_IN_AT = "SELECT COALESCE(signed_in_at, created_at) FROM sessions WHERE id = $1";
    SET_DELETION = "UPDATE users SET delete_after = $2 WHERE id = $1 AND erased_at IS NULL";
    DUE = "SELECT id FROM users WHERE delete_after <= $1 ORDER BY delete_after LIMIT $2";
    IS_DUE = "SELECT 1 FROM users WHERE id = $1 AND delete_after <= $2";
    IDLE_GUESTS = "SELECT u.id FROM users u
                   WHERE u.is_guest AND u.erased_at IS NULL AND u.created_at <= $1 AND u.delete_after IS NULL
                     AND (u.last_login_at <= $1 OR u.last_login_at IS NULL)
                     AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.user_id = u.id)
                     AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.user_id = u.id AND s.last_seen_at > $1)
                   ORDER BY u.created_at LIMIT $2";
    ERASE = "UPDATE users SET name = $2, name_key = '', email = NULL, email_key = NULL, typed_email_key = NULL, email_verified_at = NULL,
               password = NULL, password_changed_at = NULL, guest_secret = NULL, alternate_of = NULL,
               renamed_at = NULL, last_login_at = NULL, last_logout_at = NULL, last_played_at = NULL,
               delete_after = NULL, erased_at = $3, updated_at = $3, version = version + 1
             WHERE id = $1";
    END_BOTS = "UPDATE users SET delete_after = $2 WHERE owner_id = $1 AND erased_at IS NULL RETURNING id";
    FORGET_NETWORKS = "DELETE FROM known_networks WHERE user_id = $1";
    FORGET_GRANTS = "DELETE FROM grants WHERE user_id = $1";
    FORGET_NAMES = "DELETE FROM former_names WHERE user_id = $1";
}

/// When whoever has this session showed last who they are.
pub(in crate::accounts) fn signed_in_at(
    tx: &mut Tx<'_, '_>,
    session: SessionId,
) -> Result<Option<Timestamp>, Error> {
    Ok(tx.query_opt(SIGNED_IN_AT, params![session])?.map(|row| row.get(0)).transpose()?)
}

pub(super) fn set_deletion(tx: &mut Tx<'_, '_>, user: UserId, after: Option<Timestamp>) -> Result<(), Error> {
    tx.execute(SET_DELETION, params![user, after])?;
    Ok(())
}

pub(super) fn due(tx: &mut Tx<'_, '_>, limit: usize) -> Result<Vec<UserId>, Error> {
    let now = tx.now();
    let rows = tx.query(DUE, params![now, limit])?;
    Ok(rows.iter().map(|row| row.get(0)).collect::<Result<_, _>>()?)
}

pub(super) fn is_due(tx: &mut Tx<'_, '_>, user: UserId) -> Result<bool, Error> {
    let now = tx.now();
    Ok(tx.query_opt(IS_DUE, params![user, now])?.is_some())
}

/// Guests of whom nothing was heard since then. Whoever has a role is somebody's to look after.
pub(super) fn idle_guests(tx: &mut Tx<'_, '_>, since: Timestamp, limit: usize) -> Result<Vec<UserId>, Error> {
    let rows = tx.query(IDLE_GUESTS, params![since, limit])?;
    Ok(rows.iter().map(|row| row.get(0)).collect::<Result<_, _>>()?)
}

pub(super) fn erase(tx: &mut Tx<'_, '_>, user: UserId, name: &str) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(ERASE, params![user, name, now])?;
    Ok(())
}

pub(super) fn end_bots(tx: &mut Tx<'_, '_>, owner: UserId) -> Result<Vec<UserId>, Error> {
    let now = tx.now();
    let rows = tx.query(END_BOTS, params![owner, now])?;
    Ok(rows.iter().map(|row| row.get(0)).collect::<Result<_, _>>()?)
}

pub(super) fn forget(tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), Error> {
    for statement in [FORGET_NETWORKS, FORGET_GRANTS, FORGET_NAMES] {
        tx.execute(statement, params![user])?;
    }
    Ok(())
}

/// In which tables a user still stands, of all that have a column `user_id`.
#[cfg(test)]
pub(super) fn traces(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    engine: moothall_store::Engine,
) -> Result<Vec<String>, Error> {
    let tables = match engine {
        moothall_store::Engine::Sqlite => {
            "SELECT t.name FROM sqlite_master t JOIN pragma_table_info(t.name) c ON c.name = 'user_id'
             WHERE t.type = 'table' ORDER BY t.name"
        }
        moothall_store::Engine::Postgres => {
            "SELECT table_name::text FROM information_schema.columns
             WHERE table_schema = current_schema() AND column_name = 'user_id' ORDER BY table_name"
        }
    };
    let mut found = Vec::new();
    for row in tx.query(tables, params![])? {
        let table: String = row.get(0)?;
        let rows = format!("SELECT 1 FROM {table} WHERE user_id = $1 LIMIT 1");
        if tx.query_opt(Box::leak(rows.into_boxed_str()), params![user])?.is_some() {
            found.push(table);
        }
    }
    Ok(found)
}

/// All tables there are, but that of the migrations.
#[cfg(test)]
pub(in crate::accounts) fn tables(
    tx: &mut Tx<'_, '_>,
    engine: moothall_store::Engine,
) -> Result<Vec<String>, Error> {
    let tables = match engine {
        moothall_store::Engine::Sqlite => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"
        }
        moothall_store::Engine::Postgres => {
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY table_name"
        }
    };
    let rows = tx.query(tables, params![])?;
    Ok(rows.iter().map(|row| row.get(0)).collect::<Result<_, _>>()?)
}

pub(super) fn erased(tx: &mut Tx<'_, '_>, after: UserId, limit: usize) -> Result<Vec<UserId>, crate::Error> {
    let rows = tx.query(ERASED, params![after, limit])?;
    rows.iter().map(|row| Ok(row.get(0)?)).collect()
}
