//! What a lobby is set to, by its host, its bosses and its players, and what members say of themselves.

use moothall_protocol::lobbies::{LobbyAccess, LobbyPropertiesChange, OnHostLoss, TeamsShape, VoteSubject};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::state::Deed;
use super::{Rules, State, Step};
use crate::lobbies::{Error, properties};

/// A change of a lobby, cleaned and allowed in itself; what is `None` stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::lobbies) struct Change {
    pub name: Option<String>,
    pub access: Option<LobbyAccess>,
    /// The hash of the password, or that there is none any more.
    pub password: Option<Option<String>>,
    pub is_locked: Option<bool>,
    pub map: Option<String>,
    pub teams: Option<TeamsShape>,
    pub is_rated: Option<bool>,
    pub has_bosses: Option<bool>,
    pub on_host_loss: Option<OnHostLoss>,
    pub tags: Option<Vec<String>>,
    pub properties: Option<LobbyPropertiesChange>,
    pub if_version: Option<i64>,
}

impl Change {
    /// Whether bosses may not make it.
    fn is_the_hosts(&self) -> bool {
        self.name.is_some()
            || self.access.is_some()
            || self.password.is_some()
            || self.is_rated.is_some()
            || self.has_bosses.is_some()
            || self.on_host_loss.is_some()
            || self.properties.is_some()
    }
}

/// A change of what a member says of themselves.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::lobbies) struct SelfChange {
    pub is_ready: Option<bool>,
    pub role: Option<String>,
    pub properties: Map<String, Value>,
}

impl Rules {
    /// Refuses a map that the mode does not have.
    pub fn require_map(&self, map: &str) -> Result<(), Error> {
        let maps = &self.mode.maps;
        if maps.is_empty() || maps.iter().any(|known| known == map) { Ok(()) } else { Err(Error::NoSuchMap) }
    }

    /// Refuses teams that the mode does not have.
    pub fn require_teams(&self, shape: TeamsShape) -> Result<(), Error> {
        let teams = &self.mode.teams;
        let is_right = (teams.count_min..=teams.count_max).contains(&shape.count)
            && (teams.size_min..=teams.size_max).contains(&shape.size);
        if is_right { Ok(()) } else { Err(Error::TeamsRefused) }
    }
}

impl State {
    pub(super) fn update(&mut self, change: &Change, step: &mut Step<'_, '_>) -> Result<(), Error> {
        let about = json!({ "name": change.name, "tags": change.tags, "version": self.lobby.version });
        let deed = Deed { action: "lobbies.update", about };
        if change.is_the_hosts() {
            self.require_host(deed, step)?;
        } else {
            self.require_boss(deed, step)?;
        }
        if change.if_version.is_some_and(|version| version != self.lobby.version) {
            return Err(crate::Error::VersionConflict { version: self.lobby.version }.into());
        }
        self.set(change, step.rules)?;
        if let Some(shape) = change.teams {
            step.rules.require_teams(shape)?;
            self.reshape(shape, step)?;
        }
        Ok(())
    }

    /// Sets all but the teams.
    pub(in crate::lobbies) fn set(&mut self, change: &Change, rules: &Rules) -> Result<(), Error> {
        let lobby = &mut self.lobby;
        if let Some(map) = &change.map {
            rules.require_map(map)?;
            lobby.map = Some(map.clone());
        }
        if let Some(name) = &change.name {
            lobby.name.clone_from(name);
        }
        if let Some(tags) = &change.tags {
            lobby.tags.clone_from(tags);
        }
        if let Some(password) = &change.password {
            self.password.clone_from(password);
            lobby.has_password = password.is_some();
        }
        lobby.access = change.access.unwrap_or(lobby.access);
        lobby.is_locked = change.is_locked.unwrap_or(lobby.is_locked);
        lobby.is_rated = change.is_rated.unwrap_or(lobby.is_rated);
        lobby.on_host_loss = change.on_host_loss.unwrap_or(lobby.on_host_loss);
        lobby.has_bosses = change.has_bosses.unwrap_or(lobby.has_bosses);
        if !lobby.has_bosses {
            lobby.bosses.clear();
        }
        if let Some(change) = &change.properties {
            self.set_properties(change, rules)?;
        }
        Ok(())
    }

    fn set_properties(&mut self, change: &LobbyPropertiesChange, rules: &Rules) -> Result<(), Error> {
        let (shown, hidden) = (&mut self.lobby.properties, &mut self.host.properties);
        properties::change_lobby(&mut shown.public, &change.public, "/properties/public")?;
        properties::change_lobby(&mut shown.members, &change.members, "/properties/members")?;
        properties::change_lobby(hidden, &change.host, "/properties/host")?;
        self.check_properties(rules)
    }

    /// Refuses what the mode does not allow.
    pub(in crate::lobbies) fn check_properties(&self, rules: &Rules) -> Result<(), Error> {
        let shown = &self.lobby.properties;
        let all = json!({ "public": shown.public, "members": shown.members, "host": self.host.properties });
        rules.properties.check(&all)
    }

    pub(super) fn renew_code(&mut self, code: &str, step: &mut Step<'_, '_>) -> Result<(), Error> {
        self.the_host(step)?;
        code.clone_into(&mut self.lobby.code);
        Ok(())
    }

    pub(super) fn set_map(&mut self, map: &str, step: &mut Step<'_, '_>) -> Result<(), Error> {
        let user = if self.is_host(step.caller()?) { step.caller()? } else { self.member(step)? };
        step.rules.require_map(map)?;
        if self.lobby.map.as_deref() == Some(map) {
            return Ok(());
        }
        let is_alone = self.has_seat(user) && self.lobby.players().count() == 1;
        if self.is_boss(user) || (is_alone && self.lobby.bosses.is_empty()) {
            self.lobby.map = Some(map.to_owned());
            return Ok(());
        }
        self.call_vote(&VoteSubject::Map { map: map.to_owned() }, step)
    }

    pub(super) fn update_self(&mut self, change: &SelfChange, step: &mut Step<'_, '_>) -> Result<(), Error> {
        let user = self.member(step)?;
        let has_seat = self.has_seat(user);
        let member = self.lobby.members.get_mut(&user).ok_or(Error::NotMember)?;
        if let Some(is_ready) = change.is_ready {
            if is_ready && !has_seat {
                return Err(Error::SeatNeeded);
            }
            member.is_ready = is_ready;
        }
        match change.role.as_deref() {
            None => {}
            Some("") => member.role = None,
            Some(role) if step.rules.mode.roles.iter().any(|known| known == role) => {
                member.role = Some(role.to_owned());
            }
            Some(_) => return Err(Error::NoSuchRole),
        }
        properties::change(&mut member.properties, &change.properties, "/properties")?;
        self.settle_ready_check();
        Ok(())
    }
}
