//! Game modes, which are data: what a lobby of each may look like. Staff makes, changes and removes them; every change is audited, and
//! counts for lobbies that open from then on.

mod store;

use moothall_protocol::limits::{GAME_MODE_SCHEMA_BYTES_MAX, GAME_MODES_MAX, LOBBY_SEATS_MAX};
use moothall_protocol::lobbies::{GameMode, GameModes, ListGameModes, PutGameMode, RemoveGameMode};

pub(super) use store::{STATEMENTS, find};

use super::properties::PropertiesRule;
use super::{Error, MANAGE_MODES};
use crate::audit;
use crate::cx::{Cx, Tx};
use crate::operation::{Access, Operations, Rate};

/// Adds the operations on game modes.
pub(super) fn offer(operations: Operations) -> Operations {
    operations
        .get("/game_modes", "lobbies.modes", Access::Player, list)
        .put("/game_modes/{slug}", "lobbies.put_mode", Access::Permission(MANAGE_MODES), put)
        .rate(Rate::Admin)
        .delete("/game_modes/{slug}", "lobbies.remove_mode", Access::Permission(MANAGE_MODES), remove)
        .rate(Rate::Admin)
}

/// The game modes there are.
pub async fn list(cx: &Cx, _: ListGameModes) -> Result<GameModes, Error> {
    cx.read(|tx| Ok(GameModes { items: store::list(tx)? })).await
}

/// Whether there is such a game mode.
pub(crate) fn is_mode(tx: &mut Tx<'_, '_>, slug: &str) -> Result<bool, Error> {
    Ok(find(tx, slug)?.is_some())
}

/// Makes a game mode, or changes it.
pub async fn put(cx: &Cx, input: PutGameMode) -> Result<GameMode, Error> {
    cx.require(MANAGE_MODES)?;
    check(&input)?;
    cx.mutate(move |tx| {
        let before = find(tx, &input.slug)?;
        let version = before.as_ref().map_or(0, |before| before.version);
        if input.if_version.is_some_and(|expected| expected != version) {
            return Err(crate::Error::VersionConflict { version }.into());
        }
        let mode = GameMode { version, ..mode_of(&input) };
        if let Some(before) = before.as_ref().filter(|before| **before == mode) {
            return Ok(before.clone());
        }
        let mode = GameMode { version: version + 1, ..mode };
        store::put(tx, &mode)?;
        if store::count(tx)? > GAME_MODES_MAX {
            return Err(Error::TooManyModes);
        }
        let entry = audit::Entry::new("lobbies.put_mode").target(target(&mode.slug)).reason(&input.reason);
        audit::record(tx, entry.change(&before, &mode))?;
        Ok(mode)
    })
    .await
}

/// Takes a game mode away. Lobbies that are open keep it.
pub async fn remove(cx: &Cx, input: RemoveGameMode) -> Result<(), Error> {
    cx.require(MANAGE_MODES)?;
    cx.mutate(move |tx| {
        let before = find(tx, &input.slug)?.ok_or(crate::Error::NotFound)?;
        store::delete(tx, &input.slug)?;
        let entry =
            audit::Entry::new("lobbies.remove_mode").target(target(&input.slug)).reason(&input.reason);
        audit::record(tx, entry.change(&before, &()))?;
        Ok(())
    })
    .await
}

fn target(slug: &str) -> String {
    format!("game_mode:{slug}")
}

fn mode_of(input: &PutGameMode) -> GameMode {
    GameMode {
        slug: input.slug.clone(),
        name: input.name.clone(),
        teams: input.teams.clone(),
        roles: input.roles.clone(),
        maps: input.maps.clone(),
        spectators_max: input.spectators_max,
        players_min: input.players_min.unwrap_or(1),
        allows_bots: input.allows_bots.unwrap_or_default(),
        joins_running: input.joins_running.unwrap_or_default(),
        needs_ready: input.needs_ready.unwrap_or_default(),
        properties: input.properties.clone(),
        version: 0,
    }
}

/// What no schema of an input can say.
fn check(input: &PutGameMode) -> Result<(), Error> {
    let teams = &input.teams;
    let is_right = (teams.count_min..=teams.count_max).contains(&teams.default.count)
        && (teams.size_min..=teams.size_max).contains(&teams.default.size);
    if !is_right {
        let message = "the default must lie between the least and the most";
        return Err(crate::Error::field("/teams/default", "invalid", message).into());
    }
    if teams.count_max as usize * teams.size_max as usize > LOBBY_SEATS_MAX {
        let message = format!("a lobby has at most {LOBBY_SEATS_MAX} seats");
        return Err(crate::Error::most("/teams", "too_large", message, LOBBY_SEATS_MAX).into());
    }
    if let Some(schema) = &input.properties
        && serde_json::to_vec(schema).map_err(crate::Error::internal)?.len() > GAME_MODE_SCHEMA_BYTES_MAX
    {
        let message = format!("at most {GAME_MODE_SCHEMA_BYTES_MAX} bytes of JSON");
        let most = GAME_MODE_SCHEMA_BYTES_MAX;
        return Err(crate::Error::most("/properties", "too_large", message, most).into());
    }
    PropertiesRule::new(input.properties.as_ref()).map(drop)
}
