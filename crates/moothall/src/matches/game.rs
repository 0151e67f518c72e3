//! A match as a live entity: who is in it, where it is played, how it ended.
//!
//! Start at [`Match::handle`]. As with lobbies, a command is carried out on a copy of the [`State`]; what became different is told as a
//! merge patch, and the whole of it is stored together with the rows that lists are made from. `members.rs` has who comes and goes and
//! the host, `reports.rs` how it ended, `state.rs` what is common.
//!
//! Promises: a result is confirmed once, and corrected in versions that are all kept; what a host tells twice happens once; a match that
//! nobody ends comes to an end by itself; whoever is refused has changed nothing.

mod members;
mod reports;
mod state;

use std::collections::BTreeSet;

use moothall_protocol::matches::{MatchMemberChange, MatchReport, MatchUpdated, OwnMatch};
use moothall_protocol::{ApiKeyId, Event, MatchId, Timestamp, UserId, kind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Error, Settings, store};
use crate::cx::{Asked, Tx};
use crate::runtime::{Entity, Turn};
use crate::{Topic, merge};

pub(crate) use members::Seat;
pub(super) use state::State;

/// A match, in memory.
#[derive(Clone, Debug)]
pub(super) struct Match {
    state: State,
    settings: Settings,
    /// For when a timer is set: a later one need not be.
    armed: Option<Timestamp>,
}

/// Something a match is told, and what stands behind it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Command {
    /// Whether the caller is staff.
    pub is_staff: bool,
    /// The key with which the caller says it.
    pub key: Option<ApiKeyId>,
    pub act: Act,
}

impl Command {
    /// Something the server itself says.
    pub fn of_server(act: Act) -> Self {
        Self { is_staff: false, key: None, act }
    }
}

/// What a match can be told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Act {
    /// This host was found for it.
    Assign {
        host: UserId,
    },
    /// Who is in its lobby by now, at this version of the lobby.
    Seat {
        lobby_version: i64,
        seats: Vec<Seat>,
    },
    Ready {
        addresses: Vec<String>,
        connection: Map<String, Value>,
    },
    Update {
        update: u64,
        changes: Vec<MatchMemberChange>,
    },
    End,
    Abort {
        reason: Option<String>,
    },
    Report(Box<MatchReport>),
    Decide {
        report: Box<MatchReport>,
        reason: String,
    },
    Correct {
        report: Box<MatchReport>,
        reason: String,
        if_version: Option<i64>,
    },
    /// The host was away for too long.
    HostGone,
    /// The host does not come back.
    HostLost,
    /// The host is connected.
    HostBack,
    /// A user is gone beyond the grace period.
    PlayerGone {
        user: UserId,
    },
    /// They are connected again.
    PlayerBack {
        user: UserId,
    },
    /// The lobby was closed by its host, or without one by staff or the server.
    LobbyClosed {
        by: Option<UserId>,
    },
    /// Nobody but the clock.
    Tick {
        at: Timestamp,
    },
}

/// What a match answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    Own(Box<OwnMatch>),
    Updated(u64),
    Done,
}

/// What an act asks to have answered.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Own,
    Updated,
    Done,
}

/// What must be in the database before anybody hears of it.
#[derive(Clone, Debug)]
pub(super) enum Effect {
    /// Somebody is in it, or hosts it, from now on.
    Entered { user: UserId },
    /// It is so from now on, and of these members something is different.
    Saved { state: Box<State>, members: Vec<UserId> },
    /// Of its result there is another version.
    Confirmed(Box<State>),
    /// It ended, or was aborted.
    Over,
    /// Nothing more comes of it by itself: those in it need not listen.
    Settled { listeners: Vec<UserId> },
    /// Somebody did what is written down.
    Audited(Audited),
}

impl Effect {
    /// The members of whom this says that something is different.
    pub fn changed_members(&self) -> &[UserId] {
        if let Self::Saved { members, .. } = self { members } else { &[] }
    }
}

/// A line for the audit log.
#[derive(Clone, Debug)]
pub(super) struct Audited {
    pub by: Asked,
    pub action: &'static str,
    pub reason: String,
    pub about: Value,
}

/// One command on its way through the state.
struct Step<'a, 'b> {
    turn: &'a mut Turn<'b, Match>,
    is_staff: bool,
    key: Option<ApiKeyId>,
    settings: &'a Settings,
    /// Who came, and is told the match as it is in the end.
    entered: Vec<UserId>,
    /// Whether there is another version of the result.
    is_confirmed: bool,
}

impl Step<'_, '_> {
    fn now(&self) -> Timestamp {
        self.turn.now()
    }

    fn caller(&self) -> Result<UserId, Error> {
        Ok(self.turn.caller().ok_or(crate::Error::NotSignedIn)?)
    }

    /// Refuses everybody but the server itself.
    fn require_server(&self) -> Result<(), Error> {
        if self.turn.caller().is_some() { Err(crate::Error::Forbidden.into()) } else { Ok(()) }
    }
}

impl Entity for Match {
    const KIND: &'static str = "match";
    type Id = kind::Match;
    type Command = Command;
    type Reply = Reply;
    type Effect = Effect;
    type Error = Error;

    fn handle(&mut self, command: &Command, turn: &mut Turn<'_, Self>) -> Result<Reply, Error> {
        let mut state = self.state.clone();
        let mut step = Step {
            turn: &mut *turn,
            is_staff: command.is_staff,
            key: command.key,
            settings: &self.settings,
            entered: Vec::new(),
            is_confirmed: false,
        };
        // What is due was due before anybody said anything.
        state.expire(&mut step);
        let answer = state.carry_out(&command.act, &mut step)?;
        let Step { entered, is_confirmed, .. } = step;
        if let Act::Tick { at } = &command.act
            && self.armed == Some(*at)
        {
            self.armed = None;
        }
        self.change(state, &entered, is_confirmed, turn);
        self.arm(turn);
        Ok(match (answer, turn.caller()) {
            (Answer::Own, Some(user)) => Reply::Own(Box::new(self.state.own(user))),
            (Answer::Updated, _) => Reply::Updated(self.state.host.update),
            (Answer::Own, None) | (Answer::Done, _) => Reply::Done,
        })
    }

    fn load(tx: &mut Tx<'_, '_>, id: MatchId) -> Result<Option<Self>, Error> {
        let settings = tx.cx().hall().settings().matches.clone();
        Ok(store::find(tx, id)?.map(|state| Self::new(state, settings)))
    }

    fn wake(&mut self, turn: &mut Turn<'_, Self>) {
        self.arm(turn);
    }

    fn heed(&mut self, settings: &crate::Settings) {
        self.settings = settings.matches.clone();
    }

    fn persist(tx: &mut Tx<'_, '_>, id: MatchId, effects: &[&Effect]) -> Result<(), Error> {
        store::apply(tx, id, effects)
    }
}

impl Match {
    pub fn new(state: State, settings: Settings) -> Self {
        Self { state, settings, armed: None }
    }

    /// The state is another, if it is; whoever is concerned hears of it.
    fn change(
        &mut self,
        mut state: State,
        entered: &[UserId],
        is_confirmed: bool,
        turn: &mut Turn<'_, Self>,
    ) {
        if state == self.state {
            return;
        }
        state.game.version += 1;
        let before = std::mem::replace(&mut self.state, state);
        let state = &self.state;
        for user in entered {
            turn.persist(Effect::Entered { user: *user });
            turn.emit(Topic::User(*user), Event::MatchStarted(Box::new(state.own(*user))));
        }
        let is_other = |user: &UserId| state.game.members.get(user) != before.game.members.get(user);
        let members = state.game.members.keys().copied().filter(is_other).collect();
        turn.persist(Effect::Saved { state: Box::new(state.clone()), members });
        if is_confirmed {
            turn.persist(Effect::Confirmed(Box::new(state.clone())));
        }
        if before.game.is_on() && !state.game.is_on() {
            turn.persist(Effect::Over);
        }
        self.tell(&before, turn);
    }

    fn tell(&self, before: &State, turn: &mut Turn<'_, Self>) {
        let state = &self.state;
        let (match_id, version) = (state.game.id, state.game.version);
        let told = |patch| MatchUpdated { match_id, version, patch };
        let updated = told(merge::between(&before.game, &state.game));
        if state.is_live() {
            turn.emit(Topic::Match(match_id), Event::MatchUpdated(updated));
        } else {
            // Who was in it listens no longer by the time this is told, or has not for long.
            let listeners: BTreeSet<UserId> =
                state.game.members.keys().copied().chain(state.game.host_id).collect();
            for user in &listeners {
                turn.emit(Topic::User(*user), Event::MatchUpdated(updated.clone()));
            }
            if before.is_live() {
                turn.persist(Effect::Settled { listeners: listeners.into_iter().collect() });
            }
        }
        if let Some(host) = state.game.host_id
            && before.game.host_id == Some(host)
            && before.host != state.host
        {
            let patch = merge::between(&before.host, &state.host);
            turn.emit(Topic::User(host), Event::MatchHostUpdated(told(patch)));
        }
    }

    /// Sets a timer for what is due next, unless one is set that comes no later.
    fn arm(&mut self, turn: &mut Turn<'_, Self>) {
        let Some(due) = self.state.next_due(&self.settings) else { return };
        if self.armed.is_none_or(|armed| due < armed) {
            self.armed = Some(due);
            turn.after(due.since(turn.now()), Command::of_server(Act::Tick { at: due }));
        }
    }
}

#[cfg(test)]
mod tests;
