//! SQL for signing keys.

use moothall_store::{params, statements};

use super::StoredKey;
use crate::cx::Tx;
use crate::error::Error;

statements! {
    LIST = "SELECT id, seed, public_key, created_at FROM signing_keys ORDER BY created_at DESC, id LIMIT 100";
    INSERT = "INSERT INTO signing_keys (id, seed, public_key, created_at) VALUES ($1, $2, $3, $4)";
    DELETE = "DELETE FROM signing_keys WHERE id = $1";
}

/// The keys, the newest first.
pub(super) fn list(tx: &mut Tx<'_, '_>) -> Result<Vec<StoredKey>, Error> {
    let rows = tx.query(LIST, params![])?;
    rows.iter()
        .map(|row| {
            Ok(StoredKey { id: row.get(0)?, seed: row.get(1)?, public: row.get(2)?, created_at: row.get(3)? })
        })
        .collect()
}

pub(super) fn insert(tx: &mut Tx<'_, '_>, key: &StoredKey) -> Result<(), Error> {
    tx.execute(INSERT, params![key.id, key.seed, key.public, key.created_at])?;
    Ok(())
}

pub(super) fn delete(tx: &mut Tx<'_, '_>, id: &str) -> Result<(), Error> {
    tx.execute(DELETE, params![id])?;
    Ok(())
}
