//! SQL for game modes.

use moothall_protocol::limits::GAME_MODES_MAX;
use moothall_protocol::lobbies::GameMode;
use moothall_store::{Json, Row, params, statements};

use crate::cx::Tx;
use crate::json::value;
use crate::lobbies::Error;

statements! {
    FIND_MODE = "SELECT mode, version FROM game_modes WHERE slug = $1";
    LIST_MODES = "SELECT mode, version FROM game_modes ORDER BY slug LIMIT $1";
    COUNT_MODES = "SELECT count(*) FROM game_modes";
    PUT_MODE = "INSERT INTO game_modes (slug, mode, version) VALUES ($1, $2, $3)
        ON CONFLICT (slug) DO UPDATE SET mode = excluded.mode, version = excluded.version";
    DELETE_MODE = "DELETE FROM game_modes WHERE slug = $1";
}

fn mode(row: &Row) -> Result<GameMode, Error> {
    let Json(mode) = row.get::<Json<GameMode>>(0)?;
    Ok(GameMode { version: row.get(1)?, ..mode })
}

pub(in crate::lobbies) fn find(tx: &mut Tx<'_, '_>, slug: &str) -> Result<Option<GameMode>, Error> {
    tx.query_opt(FIND_MODE, params![slug])?.as_ref().map(mode).transpose()
}

pub(super) fn list(tx: &mut Tx<'_, '_>) -> Result<Vec<GameMode>, Error> {
    tx.query(LIST_MODES, params![GAME_MODES_MAX])?.iter().map(mode).collect()
}

pub(super) fn count(tx: &mut Tx<'_, '_>) -> Result<usize, Error> {
    Ok(tx.query_one(COUNT_MODES, params![])?.get(0)?)
}

pub(super) fn put(tx: &mut Tx<'_, '_>, mode: &GameMode) -> Result<(), Error> {
    tx.execute(PUT_MODE, params![mode.slug, value(mode)?, mode.version])?;
    Ok(())
}

pub(super) fn delete(tx: &mut Tx<'_, '_>, slug: &str) -> Result<(), Error> {
    tx.execute(DELETE_MODE, params![slug])?;
    Ok(())
}
