//! Coming and going: who is let in, who asks, who is invited, who is removed and who is banned.

use std::time::Duration;

use moothall_protocol::limits::{LOBBY_BANS_MAX, LOBBY_REQUESTS_MAX};
use moothall_protocol::lobbies::{
    LeftWhy, LobbyAccess, LobbyBan, LobbyInvited, LobbyLeft, LobbyMember, LobbyRequest, LobbyRequestEnded,
    LobbySeat, LobbyStayedBehind, SeatWish, StayedBehind, StayedWhy,
};
use moothall_protocol::{Event, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::state::{Deed, audited};
use super::{Answer, Closing, Effect, Heirs, Power, State, Step};
use crate::codes;
use crate::lobbies::Error;

/// What somebody brings who wants to come in.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::lobbies) struct Entry {
    /// The hash of the password they gave.
    pub password: Option<String>,
    /// The code they gave.
    pub code: Option<String>,
    pub wish: SeatWish,
    /// Those of their party who come along.
    pub party: Vec<UserId>,
    /// Those of their party who do not.
    pub staying: Vec<StayedBehind>,
}

/// Why and how somebody goes.
pub(super) struct Farewell {
    pub why: LeftWhy,
    pub reason: Option<String>,
    pub until: Option<Timestamp>,
}

impl Farewell {
    pub fn of(why: LeftWhy) -> Self {
        Self { why, reason: None, until: None }
    }
}

/// Whether somebody may come in as they are, or must ask.
#[derive(Clone, Copy, PartialEq)]
enum Admission {
    Enters,
    Asks,
}

impl State {
    /// Lets in whoever calls, with those of their party who come along: all of them, or none.
    pub(super) fn join(&mut self, entry: &Entry, step: &mut Step<'_, '_>) -> Result<Answer, Error> {
        let user = step.caller()?;
        step.stayed.extend(entry.staying.iter().copied());
        // Joining twice is as once, and a dedicated host is where it is.
        let is_here = self.is_member(user) || self.is_host(user);
        let admission = match self.admission(user, entry) {
            _ if is_here => Admission::Enters,
            // Nobody learns of staff's power what a password is: they need none.
            Err(_) if matches!(step.power, Power::Staff { .. }) => {
                audited(Deed { action: "lobbies.join", about: json!({ "user_id": user }) }, step)?;
                Admission::Enters
            }
            admission => admission?,
        };
        let mut comers: Vec<UserId> = Some(user).filter(|_| !is_here).into_iter().collect();
        let mut asking = Vec::new();
        for other in entry.party.iter().filter(|other| !self.is_member(**other) && !self.is_host(**other)) {
            match self.admission(*other, entry) {
                Ok(Admission::Enters) if admission == Admission::Enters => comers.push(*other),
                // Each is let in by the host alone, whoever they came with.
                Ok(_) => asking.push(*other),
                Err(_) => step.stayed.push(StayedBehind { user_id: *other, why: StayedWhy::NotLetIn }),
            }
        }
        if admission == Admission::Asks {
            self.ask(user, step)?;
        } else {
            self.require_room(comers.len(), entry.wish, step)?;
            self.enter(&comers, entry.wish, step);
        }
        for other in asking {
            let why = if self.ask(other, step).is_ok() { StayedWhy::Asked } else { StayedWhy::NotLetIn };
            step.stayed.push(StayedBehind { user_id: other, why });
        }
        let lobby_id = self.lobby.id;
        for StayedBehind { user_id, why } in step.stayed.clone() {
            step.tell(
                user_id,
                Event::LobbyStayedBehind(LobbyStayedBehind { lobby_id, leader_id: user, why }),
            );
        }
        Ok(if admission == Admission::Asks { Answer::Request } else { Answer::Joined })
    }

    /// In this order, which clients are promised.
    fn admission(&self, user: UserId, entry: &Entry) -> Result<Admission, Error> {
        if let Some(ban) = self.host.bans.get(&user) {
            return Err(ban.until.map_or(Error::Banned, |until| Error::BannedUntil { until }));
        }
        match &entry.code {
            Some(code) if *code == self.lobby.code => return Ok(Admission::Enters),
            Some(_) => return Err(Error::CodeUnknown),
            None => {}
        }
        if self.host.invites.contains(&user) {
            return Ok(Admission::Enters);
        }
        if self.lobby.access == LobbyAccess::InviteOnly {
            return Err(crate::Error::NotFound.into());
        }
        if self.lobby.is_locked {
            return Err(Error::Locked);
        }
        if self.password.is_some() && self.password != entry.password {
            return Err(Error::WrongPassword);
        }
        let is_asked = self.lobby.access == LobbyAccess::Approval;
        Ok(if is_asked { Admission::Asks } else { Admission::Enters })
    }

    fn ask(&mut self, user: UserId, step: &Step<'_, '_>) -> Result<(), Error> {
        if let Some(again_at) = self.rejected.get(&user) {
            return Err(Error::RequestRejected { retry_after: again_at.since(step.now()) });
        }
        if !self.host.requests.contains_key(&user) {
            if self.host.requests.len() >= LOBBY_REQUESTS_MAX {
                return Err(Error::TooManyRequests);
            }
            let (requested_at, expires_at) = (step.now(), step.now() + step.rules.request);
            self.host.requests.insert(user, LobbyRequest { requested_at, expires_at });
        }
        Ok(())
    }

    pub(super) fn approve(&mut self, user: UserId, step: &mut Step<'_, '_>) -> Result<(), Error> {
        self.the_host(step)?;
        if !self.host.requests.contains_key(&user) {
            return Err(Error::NoRequest);
        }
        self.require_room(1, SeatWish::Spectate, step)?;
        self.enter(&[user], SeatWish::Spectate, step);
        Ok(())
    }

    pub(super) fn reject(&mut self, user: UserId, step: &mut Step<'_, '_>) -> Result<(), Error> {
        self.the_host(step)?;
        self.host.requests.remove(&user).ok_or(Error::NoRequest)?;
        self.rejected.insert(user, step.now() + step.rules.request);
        let ended = LobbyRequestEnded { lobby_id: self.lobby.id, is_expired: false };
        step.tell(user, Event::LobbyRequestEnded(ended));
        Ok(())
    }

    /// Whether there is room for so many more, who want this. Who finds no seat watches, and waits for one.
    fn require_room(&self, comers: usize, wish: SeatWish, step: &Step<'_, '_>) -> Result<(), Error> {
        let seats = if wish == SeatWish::Play { self.free_seats(step) } else { 0 };
        let watching = self.lobby.members.len() - self.lobby.players().count();
        let room = seats + (step.rules.mode.spectators_max as usize).saturating_sub(watching);
        match room {
            room if comers <= room => Ok(()),
            0 => Err(Error::Full),
            _ => Err(Error::PartyDoesNotFit),
        }
    }

    /// Takes these in. Those who want to play sit in one team, if there is one with so many seats.
    fn enter(&mut self, users: &[UserId], wish: SeatWish, step: &mut Step<'_, '_>) {
        for user in users {
            self.add_member(*user, codes::secret(step.turn.random()), step.now());
            self.host.invites.retain(|invited| invited != user);
            self.host.requests.remove(user);
            self.rejected.remove(user);
            step.turn.persist(Effect::Entered { user: *user });
            step.entered.push(*user);
        }
        if wish == SeatWish::Play {
            match self.team_for(users.len(), step) {
                Some(number) => users.iter().for_each(|user| self.place(*user, &number, step.now())),
                None => self.lobby.queue.extend(users),
            }
            self.fill(step);
        }
    }

    /// Makes somebody a member, without a seat.
    pub(in crate::lobbies) fn add_member(&mut self, user: UserId, secret: String, now: Timestamp) {
        let member = LobbyMember {
            joined_at: now,
            seated_at: None,
            is_ready: false,
            role: None,
            properties: Map::new(),
        };
        self.lobby.members.insert(user, member);
        self.host.secrets.insert(user, secret);
    }

    pub(super) fn leave(&mut self, heirs: &Heirs, step: &mut Step<'_, '_>) -> Result<(), Error> {
        let user = self.member(step)?;
        self.part(user, LeftWhy::Left, heirs, step)
    }

    pub(super) fn gone(&mut self, user: UserId, heirs: &Heirs, step: &mut Step<'_, '_>) -> Result<(), Error> {
        step.require_server()?;
        self.part(user, LeftWhy::Gone, heirs, step)
    }

    fn part(
        &mut self,
        user: UserId,
        why: LeftWhy,
        heirs: &Heirs,
        step: &mut Step<'_, '_>,
    ) -> Result<(), Error> {
        if self.is_member(user) {
            self.remove(user, Farewell::of(why), step)?;
        }
        if self.is_host(user) {
            self.lose_host(heirs, step);
        }
        Ok(())
    }

    pub(super) fn kick(
        &mut self,
        user: UserId,
        ban_seconds: Option<u32>,
        reason: Option<&str>,
        step: &mut Step<'_, '_>,
    ) -> Result<(), Error> {
        let about = json!({ "user_id": user, "ban_seconds": ban_seconds });
        self.require_boss(Deed { action: "lobbies.kick", about }, step)?;
        self.expel(user, ban_seconds, reason, step)
    }

    /// Removes somebody, by whoever's decision.
    pub(super) fn expel(
        &mut self,
        user: UserId,
        ban_seconds: Option<u32>,
        reason: Option<&str>,
        step: &mut Step<'_, '_>,
    ) -> Result<(), Error> {
        if self.is_host(user) {
            return Err(Error::TheHost);
        }
        let until = ban_seconds.map(|seconds| step.now() + Duration::from_secs(seconds.into()));
        let reason = reason.map(str::to_owned);
        if until.is_some() {
            if self.host.bans.len() >= LOBBY_BANS_MAX && !self.host.bans.contains_key(&user) {
                return Err(Error::TooManyNamed);
            }
            self.host.bans.insert(user, LobbyBan { until, reason: reason.clone() });
            self.host.invites.retain(|invited| *invited != user);
            self.host.requests.remove(&user);
        }
        if self.is_member(user) {
            let why = if until.is_some() { LeftWhy::Banned } else { LeftWhy::Kicked };
            self.remove(user, Farewell { why, reason, until }, step)?;
        }
        Ok(())
    }

    /// Lets go of a member, and of all that is theirs.
    pub(super) fn remove(
        &mut self,
        user: UserId,
        farewell: Farewell,
        step: &mut Step<'_, '_>,
    ) -> Result<(), Error> {
        let had_seat = self.lobby.team_of(LobbySeat::User { user_id: user }).is_some();
        self.lobby.members.remove(&user);
        self.host.secrets.remove(&user);
        self.lobby.queue.retain(|queued| *queued != user);
        self.lobby.bosses.retain(|boss| *boss != user);
        self.unseat(LobbySeat::User { user_id: user });
        self.remove_bots_of(user);
        step.turn.persist(Effect::Gone { user });
        step.entered.retain(|entered| *entered != user);
        let Farewell { why, reason, until } = farewell;
        step.tell(user, Event::LobbyLeft(LobbyLeft { lobby_id: self.lobby.id, why, reason, until }));
        if had_seat {
            self.call_off(step);
        }
        self.fill(step);
        if self.lobby.members.is_empty() {
            match (self.is_kept(), self.lobby.match_id) {
                (true, Some(match_id)) => step.turn.persist(Effect::Abandoned { match_id }),
                (true, None) => {}
                (false, _) => step.closing = Some(Closing::left()),
            }
        }
        self.forget_voter(user, step)
    }

    pub(super) fn unban(&mut self, user: UserId, step: &mut Step<'_, '_>) -> Result<(), Error> {
        self.boss(step)?;
        self.host.bans.remove(&user);
        Ok(())
    }

    pub(super) fn invite(
        &mut self,
        user: UserId,
        is_silent: bool,
        step: &mut Step<'_, '_>,
    ) -> Result<(), Error> {
        let invited_by = self.boss(step)?;
        if self.is_member(user) || self.is_host(user) || self.host.invites.contains(&user) {
            return Ok(());
        }
        if self.host.invites.len() >= LOBBY_BANS_MAX {
            return Err(Error::TooManyNamed);
        }
        self.host.invites.push(user);
        if is_silent {
            return Ok(());
        }
        let (lobby_id, name) = (self.lobby.id, self.lobby.name.clone());
        step.tell(user, Event::LobbyInvited(LobbyInvited { lobby_id, name, invited_by }));
        Ok(())
    }

    pub(super) fn uninvite(&mut self, user: UserId, step: &mut Step<'_, '_>) -> Result<(), Error> {
        self.boss(step)?;
        self.host.invites.retain(|invited| *invited != user);
        Ok(())
    }

    pub(super) fn expire_entries(&mut self, step: &mut Step<'_, '_>) {
        let now = step.now();
        let lobby_id = self.lobby.id;
        self.host.requests.retain(|user, request| {
            let is_open = now < request.expires_at;
            if !is_open {
                let ended = LobbyRequestEnded { lobby_id, is_expired: true };
                step.tell(*user, Event::LobbyRequestEnded(ended));
            }
            is_open
        });
        self.host.bans.retain(|_, ban| ban.until.is_none_or(|until| now < until));
        self.rejected.retain(|_, again_at| now < *again_at);
    }
}
