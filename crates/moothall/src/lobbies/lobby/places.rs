//! The host of a lobby that the server keeps: wanted when a game is about to start, taken from a pool, and given back.
//!
//! The pool lives in another partition. The lobby says which match it wants a host for, and is told afterwards what came of it; until
//! then the countdown does not end. While a host is taken it hosts the lobby: it sees the secrets of the players, and says when the game
//! is over.

use moothall_protocol::hosts::Reservation;
use moothall_protocol::lobbies::{HostMissing, LobbyStatus, LobbyUnhosted};
use moothall_protocol::{Event, MatchId};
use serde_json::json;

use super::state::HostPlace;
use super::{Closing, Effect, State, Step};
use crate::lobbies::Error;
use crate::{Topic, accounts};

/// Under this name members find the host among what the lobby is set to.
const HOST: &str = "host";

impl State {
    /// Whether a game waits for its host.
    pub(super) fn is_wanting(&self) -> bool {
        self.place.as_ref().is_some_and(|place| place.reservation.is_none())
    }

    /// A countdown begins: if the host comes from a pool, one is wanted.
    pub(super) fn want_host(&mut self, step: &mut Step<'_, '_>) {
        if self.kept.as_ref().is_some_and(|kept| kept.wanted.is_some()) && self.place.is_none() {
            self.place = Some(HostPlace { match_id: step.turn.new_id(), reservation: None });
            step.turn.persist(Effect::Wanted);
        }
    }

    /// There is a host.
    pub(super) fn taken(&mut self, reservation: &Reservation, step: &mut Step<'_, '_>) -> Result<(), Error> {
        step.require_server()?;
        let match_id = reservation.match_id;
        match &mut self.place {
            Some(place) if place.match_id == match_id => place.reservation = Some(reservation.clone()),
            // Called off meanwhile.
            _ => {
                step.turn.persist(Effect::Released { match_id });
                return Ok(());
            }
        }
        self.lobby.host_id = reservation.host_id;
        step.turn.persist(Effect::Hosted { host: reservation.host_id });
        let Reservation { addresses, region, version, .. } = reservation;
        let shown = json!({ "addresses": addresses, "region": region, "version": version });
        self.lobby.properties.members.insert(HOST.to_owned(), shown);
        self.expire_start(step);
        Ok(())
    }

    /// There is no host, or not any more.
    pub(super) fn unhosted(
        &mut self,
        match_id: MatchId,
        reason: HostMissing,
        step: &mut Step<'_, '_>,
    ) -> Result<(), Error> {
        step.require_server()?;
        if self.place.as_ref().is_none_or(|place| place.match_id != match_id) {
            return Ok(());
        }
        let lobby_id = self.lobby.id;
        if self.lobby.status == LobbyStatus::Running {
            // The lobby waits again once the match is over.
            step.turn.persist(Effect::Deserted { match_id });
        } else {
            self.call_off(step);
            self.fill(step);
        }
        let unhosted = LobbyUnhosted { lobby_id, match_id, reason };
        step.turn.emit(Topic::Lobby(lobby_id), Event::LobbyUnhosted(unhosted));
        Ok(())
    }

    /// Gives the host back, if there is one, or is one wanted no longer.
    pub(super) fn give_back(&mut self, step: &mut Step<'_, '_>) {
        let Some(place) = self.place.take() else { return };
        step.turn.persist(Effect::Released { match_id: place.match_id });
        self.lobby.properties.members.remove(HOST);
        if let Some(host) = self.outside_host() {
            step.turn.persist(Effect::Unhosted { host });
            self.lobby.host_id = accounts::SYSTEM;
        }
    }

    /// The server has more of them than it needs: this one goes, if still nobody is in it.
    pub(super) fn close_empty(&mut self, step: &mut Step<'_, '_>) -> Result<(), Error> {
        step.require_server()?;
        if self.lobby.members.is_empty() && self.lobby.status == LobbyStatus::Waiting && self.place.is_none()
        {
            step.closing = Some(Closing::left());
        }
        Ok(())
    }
}
