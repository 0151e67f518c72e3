//! What a lobby is, and what each may do in it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use moothall_protocol::hosts::Reservation;
use moothall_protocol::lobbies::{GameMode, HostKind, Lobby as Shown, LobbyAccess, LobbyHostView, OwnLobby};
use moothall_protocol::{MatchId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Act, Answer, Audited, Closing, Effect, Power, Step};
use crate::accounts;
use crate::hosts::Wanted;
use crate::lobbies::properties::PropertiesRule;
use crate::lobbies::{Error, Settings};
use crate::matches::LobbyEnd;

/// All that is stored of a lobby, but for its mode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::lobbies) struct State {
    /// What its members see.
    pub lobby: Shown,
    /// What its host sees beyond that.
    pub host: LobbyHostView,
    /// The hash of its password.
    pub password: Option<String>,
    /// How many votes there were.
    pub votes: i64,
    /// Whose request was rejected, and when they may ask again.
    pub rejected: BTreeMap<UserId, Timestamp>,
    /// Who has had a seat in the game that runs.
    pub playing: BTreeSet<UserId>,
    /// Of a lobby that the server keeps: how it gets a host for a game.
    pub kept: Option<Kept>,
    /// The host for the game that is to be played, or is, where it is taken from a pool.
    pub place: Option<HostPlace>,
}

/// What a lobby that the server keeps remembers of its policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::lobbies) struct Kept {
    /// The policy's version when the lobby opened.
    pub version: i64,
    /// What it needs of a host; nothing where its games run elsewhere.
    pub wanted: Option<Wanted>,
}

/// A host that is wanted for a match, or taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::lobbies) struct HostPlace {
    /// The match that is to be played.
    pub match_id: MatchId,
    /// The host, once there is one.
    pub reservation: Option<Reservation>,
}

/// What holds for a lobby as long as it is there: its mode, and how long things take.
#[derive(Clone, Debug)]
pub(in crate::lobbies) struct Rules {
    pub mode: GameMode,
    pub properties: PropertiesRule,
    /// For how long one may vote.
    pub vote: Duration,
    /// For how long one may say that one is ready.
    pub ready_check: Duration,
    /// How long the countdown takes.
    pub countdown: Duration,
    /// For how long a request waits for the host, and for how long one that was rejected is not made again.
    pub request: Duration,
}

impl Rules {
    pub fn new(mode: GameMode, settings: &Settings) -> Result<Self, Error> {
        let mut rules = Self {
            properties: PropertiesRule::new(mode.properties.as_ref())?,
            mode,
            vote: Duration::ZERO,
            ready_check: Duration::ZERO,
            countdown: Duration::ZERO,
            request: Duration::ZERO,
        };
        rules.heed(settings);
        Ok(rules)
    }

    /// What the operator has set, which may be something else by now.
    pub fn heed(&mut self, settings: &Settings) {
        self.vote = Duration::from_millis(settings.vote_ms);
        self.ready_check = Duration::from_millis(settings.ready_check_ms);
        self.countdown = Duration::from_millis(settings.countdown_ms);
        self.request = Duration::from_millis(settings.request_ms);
    }
}

/// Something not everybody may do.
pub(super) struct Deed {
    /// The operation, for the audit log.
    pub action: &'static str,
    /// What it is done with, for the audit log.
    pub about: Value,
}

impl State {
    /// The lobby as this user sees it, who is in it or hosts it.
    pub fn own(&self, user: UserId) -> OwnLobby {
        OwnLobby {
            lobby: self.lobby.clone(),
            secret: self.host.secrets.get(&user).cloned(),
            host: self.is_host(user).then(|| self.host.clone()),
        }
    }

    pub fn is_host(&self, user: UserId) -> bool {
        self.lobby.host_id == user
    }

    pub fn is_member(&self, user: UserId) -> bool {
        self.lobby.members.contains_key(&user)
    }

    pub(super) fn is_boss(&self, user: UserId) -> bool {
        self.is_host(user) || self.lobby.bosses.contains(&user)
    }

    pub(super) fn carry_out(&mut self, act: &Act, step: &mut Step<'_, '_>) -> Result<Answer, Error> {
        match act {
            Act::Join(entry) => return self.join(entry, step),
            Act::Leave { heirs } => return self.leave(heirs, step).map(|()| Answer::Done),
            Act::Gone { user, heirs } => return self.gone(*user, heirs, step).map(|()| Answer::Done),
            Act::Unseat { user, heirs } => {
                self.unseat_host(*user, heirs, step)?;
                return Ok(Answer::Done);
            }
            Act::Kick { user, ban_seconds, reason } => {
                self.kick(*user, *ban_seconds, reason.as_deref(), step)?;
                return Ok(Answer::Done);
            }
            Act::Unban { user } => self.unban(*user, step)?,
            Act::Invite { user, is_silent } => self.invite(*user, *is_silent, step)?,
            Act::Uninvite { user } => self.uninvite(*user, step)?,
            Act::Approve { user } => self.approve(*user, step)?,
            Act::Reject { user } => self.reject(*user, step)?,
            Act::Sit { user, team } => self.sit(*user, *team, step)?,
            Act::Spectate { user } => self.spectate(*user, step)?,
            Act::Queue => self.queue(step)?,
            Act::Arrange { teams } => self.arrange(teams, step)?,
            Act::AddBot { name, team, properties } => {
                return self.add_bot(name, *team, properties, step).map(Answer::Bot);
            }
            Act::UpdateBot { bot, name, properties } => {
                self.update_bot(*bot, name.as_deref(), properties, step)?;
            }
            Act::RemoveBot { bot } => self.remove_bot(*bot, step)?,
            Act::Update(change) => self.update(change, step)?,
            Act::UpdateSelf(change) => self.update_self(change, step)?,
            Act::SetMap { map } => self.set_map(map, step)?,
            Act::RenewCode { code } => self.renew_code(code, step)?,
            Act::SetBoss { user, is_boss } => self.set_boss(*user, *is_boss, step)?,
            Act::CallVote { subject } => self.call_vote(subject, step)?,
            Act::CastVote { number, choice } => self.cast_vote(*number, *choice, step)?,
            Act::CancelVote => self.cancel_vote(step)?,
            Act::CheckReady => self.check_ready(step)?,
            Act::Start { countdown_ms } => self.start(*countdown_ms, step)?,
            Act::CancelStart => self.cancel_start(step)?,
            Act::Over { match_id } => self.finish(*match_id, step)?,
            Act::Close { reason } => {
                let about = json!({ "name": self.lobby.name });
                self.require_host(Deed { action: "lobbies.close", about }, step)?;
                let host = step.turn.caller().filter(|caller| self.lobby.host_id == *caller);
                let end = host.map_or(LobbyEnd::Closed, LobbyEnd::ClosedBy);
                step.closing = Some(Closing { reason: reason.clone(), end });
            }
            Act::Taken { reservation } => {
                self.taken(reservation, step)?;
                return Ok(Answer::Done);
            }
            Act::Unhosted { match_id, reason } => {
                self.unhosted(*match_id, *reason, step)?;
                return Ok(Answer::Done);
            }
            Act::CloseEmpty => {
                self.close_empty(step)?;
                return Ok(Answer::Done);
            }
            Act::Tick { .. } => return Ok(Answer::Done),
        }
        Ok(Answer::Own)
    }

    /// What has come to its end by now.
    pub(super) fn expire(&mut self, step: &mut Step<'_, '_>) -> Result<(), Error> {
        self.expire_entries(step);
        self.expire_vote(step)?;
        self.expire_start(step);
        Ok(())
    }

    /// When the next thing comes to its end.
    pub(in crate::lobbies) fn next_due(&self) -> Option<Timestamp> {
        let requests = self.host.requests.values().map(|request| request.expires_at);
        let bans = self.host.bans.values().filter_map(|ban| ban.until);
        let vote = self.lobby.vote.as_ref().map(|vote| vote.ends_at);
        let check = self.lobby.ready_check.as_ref().map(|check| check.ends_at);
        let rejected = self.rejected.values().copied();
        // Where a host is still wanted the game waits for it.
        let start = self.lobby.starts_at.filter(|_| !self.is_wanting());
        requests.chain(rejected).chain(bans).chain(vote).chain(check).chain(start).min()
    }

    /// The member who calls. To others a lobby that is only for the invited is not there.
    pub(super) fn member(&self, step: &Step<'_, '_>) -> Result<UserId, Error> {
        let user = step.caller()?;
        if self.is_member(user) { Ok(user) } else { Err(self.outside(user)) }
    }

    /// What somebody is told who has no business here.
    fn outside(&self, user: UserId) -> Error {
        let is_known = self.lobby.access != LobbyAccess::InviteOnly || self.host.invites.contains(&user);
        if is_known { Error::NotMember } else { crate::Error::NotFound.into() }
    }

    /// The host, who need not be a member, or staff, which is audited.
    pub(super) fn require_host(&self, deed: Deed, step: &mut Step<'_, '_>) -> Result<(), Error> {
        self.require(deed, Error::HostNeeded, |state, user| state.is_host(user), step)
    }

    /// A boss or the host, or staff, which is audited.
    pub(super) fn require_boss(&self, deed: Deed, step: &mut Step<'_, '_>) -> Result<(), Error> {
        self.require(deed, Error::BossNeeded, Self::is_boss, step)
    }

    /// A boss or the host, and nobody else.
    pub(super) fn boss(&self, step: &Step<'_, '_>) -> Result<UserId, Error> {
        let user = step.caller()?;
        self.require_boss_of(user).map(|()| user)
    }

    /// Refuses whoever is neither a boss nor the host.
    pub(in crate::lobbies) fn require_boss_of(&self, user: UserId) -> Result<(), Error> {
        if self.is_boss(user) {
            Ok(())
        } else if self.is_member(user) {
            Err(Error::BossNeeded)
        } else {
            Err(self.outside(user))
        }
    }

    /// The host, and nobody else.
    pub(super) fn the_host(&self, step: &Step<'_, '_>) -> Result<UserId, Error> {
        let user = step.caller()?;
        if self.is_host(user) {
            Ok(user)
        } else if self.is_member(user) {
            Err(Error::HostNeeded)
        } else {
            Err(self.outside(user))
        }
    }

    fn require(
        &self,
        deed: Deed,
        refusal: Error,
        allows: impl Fn(&Self, UserId) -> bool,
        step: &mut Step<'_, '_>,
    ) -> Result<(), Error> {
        let refusal = match step.turn.caller() {
            // The server itself, and what its other contexts ask for.
            None => return Ok(()),
            Some(user) if allows(self, user) => return Ok(()),
            Some(user) if self.is_member(user) => refusal,
            Some(user) => self.outside(user),
        };
        if *step.power == Power::Member { Err(refusal) } else { audited(deed, step) }
    }

    /// Whether a dedicated host, or the server, keeps it open without anybody in it.
    pub(super) fn is_kept(&self) -> bool {
        self.lobby.host_kind != HostKind::Player
    }

    /// The host, if it is none of the members.
    pub(in crate::lobbies) fn outside_host(&self) -> Option<UserId> {
        let is_outside = match self.lobby.host_kind {
            HostKind::Player => false,
            HostKind::Dedicated => true,
            HostKind::Server => self.lobby.host_id != accounts::SYSTEM,
        };
        is_outside.then_some(self.lobby.host_id)
    }
}

/// Lets staff do what others may not, and writes it down.
pub(super) fn audited(deed: Deed, step: &mut Step<'_, '_>) -> Result<(), Error> {
    let Power::Staff { reason } = step.power else { return Err(crate::Error::Forbidden.into()) };
    let reason = reason.clone().filter(|reason| !reason.trim().is_empty());
    if reason.is_none() {
        return Err(crate::Error::field("/reason", "required", "say why: this is not your lobby").into());
    }
    let Deed { action, about } = deed;
    step.turn.persist(Effect::Audited(Audited { by: step.turn.by(), action, reason, about }));
    Ok(())
}
