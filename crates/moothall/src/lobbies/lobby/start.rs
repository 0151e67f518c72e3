//! From waiting to the game and back: who is ready, the countdown, the game that runs.
//!
//! The game itself is played elsewhere, on the host's machine. A record of it is kept by the context of matches, which hears of the start
//! like everybody else and names the match with [`Act::Record`](super::Act::Record).

use std::time::Duration;

use moothall_protocol::lobbies::{LobbySeat, LobbyStatus, ReadyCheck};
use moothall_protocol::{MatchId, Timestamp, UserId};

use super::{State, Step};
use crate::lobbies::Error;

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
        let mode = &step.rules.mode;
        if self.lobby.seats_taken() < mode.players_min as usize {
            return Err(Error::TooFewPlayers);
        }
        if mode.needs_ready && !self.unready().is_empty() {
            return Err(Error::NotReady);
        }
        Ok(())
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

    pub(super) fn expire_start(&mut self, step: &Step<'_, '_>) {
        let now = step.now();
        if self.lobby.ready_check.as_ref().is_some_and(|check| check.ends_at <= now) {
            self.lobby.ready_check = None;
            for user_id in self.unready() {
                self.unseat(LobbySeat::User { user_id });
            }
            self.fill(step);
        }
        let is_due = |starts_at: &Timestamp| *starts_at <= now && !self.is_wanting();
        if let Some(starts_at) = self.lobby.starts_at.filter(is_due) {
            self.lobby.starts_at = None;
            self.lobby.match_id = self.place.as_ref().map(|place| place.match_id);
            self.lobby.started_at = Some(starts_at);
            self.lobby.status = LobbyStatus::Running;
            // Where one may join a running game, seats are given out again.
            self.fill(step);
        }
    }

    pub(super) fn record(&mut self, match_id: MatchId, step: &Step<'_, '_>) -> Result<(), Error> {
        if step.turn.caller().is_some() {
            return Err(crate::Error::Forbidden.into());
        }
        if self.lobby.status != LobbyStatus::Running {
            return Err(Error::NotRunning);
        }
        self.lobby.match_id = Some(match_id);
        Ok(())
    }

    pub(super) fn finish(&mut self, step: &mut Step<'_, '_>) -> Result<(), Error> {
        if step.turn.caller().is_some() {
            self.the_host(step)?;
        }
        if self.lobby.status != LobbyStatus::Running {
            return Err(Error::NotRunning);
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
}
