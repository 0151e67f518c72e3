//! From waiting to the game and back: who is ready, the countdown, the game that runs.
//!
//! The game itself is played elsewhere, on the host's machine. What becomes of it is the business of `matches`: a lobby that starts begins
//! a match in the transaction in which it starts, and goes back to waiting when it hears that the match is over.

use std::time::Duration;

use moothall_protocol::lobbies::{
    HostKind, LobbyAccess, LobbyBot, LobbyMember, LobbySeat, LobbyStatus, ReadyCheck,
};
use moothall_protocol::matches::MatchBot;
use moothall_protocol::{LobbyBotId, MatchId, Timestamp, UserId};

use super::{State, Step};
use crate::lobbies::Error;
use crate::matches::{Begin, Hosting, Seat};

impl State {
    pub(in crate::lobbies) fn require_waiting(&self) -> Result<(), Error> {
        match self.lobby.status {
            LobbyStatus::Waiting => Ok(()),
            LobbyStatus::Starting => Err(Error::Starting),
            LobbyStatus::Running => Err(Error::Running),
        }
    }

    fn unready(&self) -> Vec<UserId> {
        let is_ready = |user: &UserId| self.lobby.members.get(user).is_some_and(|member| member.is_ready);
        self.lobby.players().filter(|user| !is_ready(user)).collect()
    }

    pub(super) fn check_ready(&mut self, step: &mut Step<'_, '_>) -> Result<(), Error> {
        let called_by = self.boss(step)?;
        self.require_waiting()?;
        if self.lobby.players().next().is_none() {
            return Err(Error::TooFewPlayers);
        }
        for (user, member) in &mut self.lobby.members {
            // Who asks has answered.
            member.is_ready = *user == called_by && member.seated_at.is_some();
        }
        let ends_at = step.now() + step.rules.ready_check;
        self.lobby.ready_check = Some(ReadyCheck { called_by, ends_at });
        self.settle_ready_check();
        Ok(())
    }

    /// Ends the question once all have said that they are ready.
    pub(super) fn settle_ready_check(&mut self) {
        if self.lobby.ready_check.is_some() && self.unready().is_empty() {
            self.lobby.ready_check = None;
        }
    }

    pub(super) fn require_startable(&self, step: &Step<'_, '_>) -> Result<(), Error> {
        self.require_waiting()?;
        self.require_players(step)?;
        if step.rules.mode.needs_ready && !self.unready().is_empty() {
            return Err(Error::NotReady);
        }
        Ok(())
    }

    /// Whether enough sit for a game, and not only bots.
    fn require_players(&self, step: &Step<'_, '_>) -> Result<(), Error> {
        if self.lobby.seats_taken() < step.rules.mode.players_min as usize {
            return Err(Error::TooFewPlayers);
        }
        if self.lobby.players().next().is_none() { Err(Error::NoPlayers) } else { Ok(()) }
    }

    pub(super) fn start(&mut self, countdown_ms: Option<u64>, step: &mut Step<'_, '_>) -> Result<(), Error> {
        self.boss(step)?;
        self.begin_countdown(countdown_ms.map_or(step.rules.countdown, Duration::from_millis), step)
    }

    pub(super) fn begin_countdown(
        &mut self,
        countdown: Duration,
        step: &mut Step<'_, '_>,
    ) -> Result<(), Error> {
        self.require_startable(step)?;
        self.lobby.ready_check = None;
        self.lobby.status = LobbyStatus::Starting;
        self.lobby.starts_at = Some(step.now() + countdown);
        self.want_host(step);
        self.expire_start(step);
        Ok(())
    }

    pub(super) fn cancel_start(&mut self, step: &mut Step<'_, '_>) -> Result<(), Error> {
        self.boss(step)?;
        if self.lobby.status != LobbyStatus::Starting {
            return Err(Error::NotStarting);
        }
        self.call_off(step);
        self.fill(step);
        Ok(())
    }

    /// Calls the countdown off, if one runs.
    pub(super) fn call_off(&mut self, step: &mut Step<'_, '_>) {
        if self.lobby.status == LobbyStatus::Starting {
            self.lobby.status = LobbyStatus::Waiting;
            self.lobby.starts_at = None;
            self.give_back(step);
        }
    }

    pub(super) fn expire_start(&mut self, step: &mut Step<'_, '_>) {
        let now = step.now();
        if self.lobby.ready_check.as_ref().is_some_and(|check| check.ends_at <= now) {
            self.lobby.ready_check = None;
            for user_id in self.unready() {
                self.unseat(LobbySeat::User { user_id });
            }
            self.fill(step);
        }
        let is_due = |starts_at: &Timestamp| *starts_at <= now && !self.is_wanting();
        let due = self.lobby.starts_at.filter(is_due);
        if due.is_some() && self.require_players(step).is_err() {
            // Smaller teams have left too few in their seats since.
            self.call_off(step);
            self.fill(step);
        } else if let Some(starts_at) = due {
            self.lobby.starts_at = None;
            self.lobby.started_at = Some(starts_at);
            self.lobby.status = LobbyStatus::Running;
            let reserved = self.place.as_ref().map(|place| place.match_id);
            let match_id = reserved.unwrap_or_else(|| step.turn.new_id());
            self.lobby.match_id = Some(match_id);
            // Where one may join a running game, seats are given out again.
            self.fill(step);
            // As it is now, whatever the same turn brings.
            step.begun = Some(Box::new(self.begin(match_id)));
        }
    }

    /// The match that was played is over; of another one nothing is to be done.
    pub(super) fn finish(&mut self, match_id: MatchId, step: &mut Step<'_, '_>) -> Result<(), Error> {
        step.require_server()?;
        if self.lobby.match_id != Some(match_id) {
            return Ok(());
        }
        self.lobby.status = LobbyStatus::Waiting;
        (self.lobby.started_at, self.lobby.match_id) = (None, None);
        self.give_back(step);
        for member in self.lobby.members.values_mut() {
            member.is_ready = false;
        }
        self.fill(step);
        Ok(())
    }

    /// Who is here, and in which team, for the match that runs.
    pub(in crate::lobbies) fn seats(&self) -> Vec<Seat> {
        let seat = |(user, member): (&UserId, &LobbyMember)| Seat {
            user: *user,
            team: self.team_number(LobbySeat::User { user_id: *user }),
            party: None,
            role: member.role.clone(),
            properties: member.properties.clone(),
        };
        self.lobby.members.iter().map(seat).collect()
    }

    fn team_number(&self, seat: LobbySeat) -> Option<u32> {
        self.lobby.team_of(seat).and_then(|number| number.parse().ok())
    }

    /// The match that begins with all that this lobby is now.
    fn begin(&self, id: MatchId) -> Begin {
        let lobby = &self.lobby;
        let bot = |(bot_id, bot): (&LobbyBotId, &LobbyBot)| {
            let team = self.team_number(LobbySeat::Bot { bot_id: *bot_id });
            let LobbyBot { owner_id, name, properties } = bot.clone();
            (*bot_id, MatchBot { owner_id, name, team, properties })
        };
        // A host from a pool is one like others, to its match.
        let (hosting, host_kind) = match (lobby.host_kind, &self.place) {
            (HostKind::Server, None) => (Hosting::Nobody, HostKind::Server),
            (HostKind::Server, Some(_)) => (Hosting::By(lobby.host_id), HostKind::Dedicated),
            (kind, _) => (Hosting::By(lobby.host_id), kind),
        };
        Begin {
            id,
            lobby_id: lobby.id,
            lobby_version: lobby.version,
            name: lobby.name.clone(),
            mode: lobby.mode.clone(),
            map: lobby.map.clone(),
            hosting,
            host_kind,
            is_rated: lobby.is_rated,
            is_hidden: lobby.access == LobbyAccess::InviteOnly,
            tags: lobby.tags.clone(),
            settings: lobby.properties.public.clone(),
            private: lobby.properties.members.clone(),
            seats: self.seats(),
            bots: lobby.bots.iter().map(bot).collect(),
        }
    }
}
