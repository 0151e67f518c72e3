//! A lobby as a live entity: who is in it and where they sit, who decides, what is voted on, what it is at.
//!
//! Start at [`Lobby::handle`]. A command is carried out on a copy of the [`State`]; what of it became different is told as a merge
//! patch, and the whole of it is stored. So no command has to say what it changed, and one that changes nothing tells nobody. Each
//! concern has a file of its own: `entry.rs` (coming and going), `seats.rs` (teams, queue, bots), `rules.rs` (what it is set to),
//! `votes.rs`, `start.rs` (ready, countdown, game), `hosts.rs` (who hosts it), `rooms.rs` (who hears what is said),
//! `places.rs` (a host from a pool).
//!
//! Promises: a user has one seat at most, and seats are taken without gaps; who waits is seated as soon as a seat frees; versions
//! count by one and each is told once; who is refused has changed nothing. That a user is in one lobby only is the database's promise.

mod entry;
mod hosts;
mod places;
mod rooms;
mod rules;
mod seats;
mod start;
mod state;
mod votes;

use moothall_protocol::hosts::Reservation;
use moothall_protocol::lobbies::{
    HostMissing, HostedLobby, LeftWhy, LobbyClosed, LobbyLeft, LobbyRequest, LobbySeat, LobbyUpdated,
    OwnLobby, StayedBehind, VoteChoice, VoteSubject,
};
use moothall_protocol::{Event, Id, LobbyBotId, LobbyId, MatchId, RoomId, Timestamp, UserId, kind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Error, store};
use crate::cx::{Asked, Tx};
use crate::matches::{Begin, LobbyEnd};
use crate::runtime::{Entity, Turn};
use crate::{Topic, merge};

pub(super) use entry::Entry;
pub(super) use hosts::Heirs;
pub(super) use rules::{Change, SelfChange};
pub(super) use state::{HostPlace, Kept, Rules, State};

/// A lobby, in memory.
#[derive(Clone, Debug)]
pub(super) struct Lobby {
    state: State,
    rules: Rules,
    /// For when a timer is set: a later one need not be.
    armed: Option<Timestamp>,
    is_closed: bool,
}

/// Something a lobby is told, and what stands behind it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Command {
    pub power: Power,
    pub act: Act,
}

/// What a caller may do beyond being member, boss or host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Power {
    /// Nothing.
    Member,
    /// What a host may, where the act knows it; what is done so is audited, with the reason it needs.
    Staff { reason: Option<String> },
}

/// What a lobby can be told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Act {
    Join(Entry),
    Leave {
        heirs: Heirs,
    },
    /// Somebody was away for too long, or may not be here any more: the host, or a member.
    Gone {
        user: UserId,
        heirs: Heirs,
    },
    /// The host may not host it any more.
    Unseat {
        user: UserId,
        heirs: Heirs,
    },
    Kick {
        user: UserId,
        ban_seconds: Option<u32>,
        reason: Option<String>,
    },
    Unban {
        user: UserId,
    },
    /// Whoever does not want to hear from who invites them is not told.
    Invite {
        is_silent: bool,
        user: UserId,
    },
    Uninvite {
        user: UserId,
    },
    Approve {
        user: UserId,
    },
    Reject {
        user: UserId,
    },
    Sit {
        user: Option<UserId>,
        team: Option<u32>,
    },
    Spectate {
        user: Option<UserId>,
    },
    Queue,
    /// Who plays sits in these teams from now on.
    Arrange {
        teams: Vec<Vec<LobbySeat>>,
    },
    AddBot {
        name: String,
        team: Option<u32>,
        properties: Map<String, Value>,
    },
    UpdateBot {
        bot: LobbyBotId,
        name: Option<String>,
        properties: Map<String, Value>,
    },
    RemoveBot {
        bot: LobbyBotId,
    },
    Update(Box<Change>),
    UpdateSelf(SelfChange),
    SetMap {
        map: String,
    },
    RenewCode {
        code: String,
    },
    SetBoss {
        user: UserId,
        is_boss: bool,
    },
    CallVote {
        subject: VoteSubject,
    },
    CastVote {
        number: i64,
        choice: VoteChoice,
    },
    CancelVote,
    CheckReady,
    Start {
        countdown_ms: Option<u64>,
    },
    CancelStart,
    /// The match that it played is over.
    Over {
        match_id: MatchId,
    },
    Close {
        reason: Option<String>,
    },
    /// There is a host from the pool.
    Taken {
        reservation: Reservation,
    },
    /// There is none, or not any more.
    Unhosted {
        match_id: MatchId,
        reason: HostMissing,
    },
    /// The server needs it no longer, if nobody is in it.
    CloseEmpty,
    /// Nobody but the clock.
    Tick {
        at: Timestamp,
    },
}

/// What a lobby answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    Own(Box<OwnLobby>),
    Joined(Box<OwnLobby>, Vec<StayedBehind>),
    Request(LobbyRequest, Vec<StayedBehind>),
    Bot(LobbyBotId),
    Done,
}

impl Reply {
    pub fn own(self) -> Result<OwnLobby, Error> {
        if let Self::Own(own) = self { Ok(*own) } else { Err(unexpected()) }
    }
}

pub(super) fn unexpected() -> Error {
    crate::Error::internal("a lobby gave an answer to something else").into()
}

/// What an act asks to have answered, once it is known what became of it.
#[derive(Clone, Copy, Debug)]
enum Answer {
    /// The lobby as the caller sees it.
    Own,
    /// The same, and who of their party did not come along.
    Joined,
    /// The caller's request.
    Request,
    Bot(LobbyBotId),
    Done,
}

/// What must be in the database before anybody hears of it.
#[derive(Clone, Debug)]
pub(super) enum Effect {
    Entered {
        user: UserId,
    },
    Gone {
        user: UserId,
    },
    /// A host who is no member hosts it no longer.
    Unhosted {
        host: UserId,
    },
    /// A host from a pool hosts it from now on.
    Hosted {
        host: UserId,
    },
    /// A host is wanted for the match that is about to start.
    Wanted,
    /// No host is wanted for this match any more.
    Released {
        match_id: MatchId,
    },
    /// It is so from now on.
    Saved(Box<State>),
    /// Others than before hear what is said.
    Moved,
    /// A match begins.
    Started(Box<Begin>),
    /// While this match runs somebody came, or sits otherwise.
    Reseated {
        match_id: MatchId,
    },
    /// All have left a lobby that the server keeps, while this match runs.
    Abandoned {
        match_id: MatchId,
    },
    /// The match that runs has lost its host from a pool for good.
    Deserted {
        match_id: MatchId,
    },
    Closed {
        listeners: Vec<UserId>,
        rooms: [RoomId; 2],
        place: Option<MatchId>,
        /// The match that runs, and what it hears.
        running: Option<(MatchId, LobbyEnd)>,
    },
    /// Staff did this.
    Audited(Audited),
}

/// A line for the audit log.
#[derive(Clone, Debug)]
pub(super) struct Audited {
    pub by: Asked,
    pub action: &'static str,
    pub reason: Option<String>,
    pub about: Value,
}

/// One command on its way through the state.
struct Step<'a, 'b> {
    turn: &'a mut Turn<'b, Lobby>,
    power: &'a Power,
    rules: &'a Rules,
    /// Who came, and is told the lobby as it is in the end.
    entered: Vec<UserId>,
    /// Who of the caller's party did not come along.
    stayed: Vec<StayedBehind>,
    /// The match that begins.
    begun: Option<Box<Begin>>,
    /// How it is to be closed.
    closing: Option<Closing>,
}

/// How a lobby closes.
#[derive(Debug)]
struct Closing {
    /// Why somebody closed it.
    reason: Option<String>,
    end: LobbyEnd,
}

impl Closing {
    /// Nobody is left in it.
    fn left() -> Self {
        Self { reason: None, end: LobbyEnd::Left }
    }
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

    fn tell(&mut self, user: UserId, event: Event) {
        self.turn.emit(Topic::User(user), event);
    }
}

impl Entity for Lobby {
    const KIND: &'static str = "lobby";
    type Id = kind::Lobby;
    type Command = Command;
    type Reply = Reply;
    type Effect = Effect;
    type Error = Error;

    fn handle(&mut self, command: &Command, turn: &mut Turn<'_, Self>) -> Result<Reply, Error> {
        if self.is_closed {
            return Err(crate::Error::NotFound.into());
        }
        let mut state = self.state.clone();
        let mut step = Step {
            turn: &mut *turn,
            power: &command.power,
            rules: &self.rules,
            entered: Vec::new(),
            stayed: Vec::new(),
            begun: None,
            closing: None,
        };
        // What is due was due before anybody said anything.
        state.expire(&mut step)?;
        let answer = state.carry_out(&command.act, &mut step)?;
        let Step { entered, stayed, begun, closing, .. } = step;
        if let Act::Tick { at } = &command.act
            && self.armed == Some(*at)
        {
            self.armed = None;
        }
        let caller = turn.caller();
        match closing {
            Some(closing) => self.close(state, closing, turn),
            None => self.change(state, &entered, begun, turn),
        }
        self.arm(turn);
        self.reply(answer, caller, stayed)
    }

    fn load(tx: &mut Tx<'_, '_>, id: LobbyId) -> Result<Option<Self>, Error> {
        let Some((state, mode)) = store::find(tx, id)? else { return Ok(None) };
        let rules = Rules::new(mode, &tx.cx().hall().settings().lobbies)?;
        Ok(Some(Self::new(state, rules)))
    }

    fn wake(&mut self, turn: &mut Turn<'_, Self>) {
        self.arm(turn);
    }

    fn heed(&mut self, settings: &crate::Settings) {
        self.rules.heed(&settings.lobbies);
    }

    fn persist(tx: &mut Tx<'_, '_>, id: Id<kind::Lobby>, effects: &[&Effect]) -> Result<(), Error> {
        store::apply(tx, id, effects)
    }
}

impl Lobby {
    pub fn new(state: State, rules: Rules) -> Self {
        Self { state, rules, armed: None, is_closed: false }
    }

    /// The state is another, if it is; whoever is concerned hears of it.
    fn change(
        &mut self,
        mut state: State,
        entered: &[UserId],
        begun: Option<Box<Begin>>,
        turn: &mut Turn<'_, Self>,
    ) {
        if state == self.state {
            return;
        }
        state.note_playing();
        state.lobby.version += 1;
        let (id, version) = (state.lobby.id, state.lobby.version);
        if state.audiences() != self.state.audiences() {
            turn.persist(Effect::Moved);
        }
        turn.persist(Effect::Saved(Box::new(state.clone())));
        self.follow_with_match(&state, begun, turn);
        for user in entered {
            turn.emit(Topic::User(*user), Event::LobbyJoined(Box::new(state.own(*user))));
        }
        let told = |patch| LobbyUpdated { lobby_id: id, version, patch };
        let patch = merge::between(&self.state.lobby, &state.lobby);
        turn.emit(Topic::Lobby(id), Event::LobbyUpdated(told(patch)));
        let host = state.lobby.host_id;
        if host != self.state.lobby.host_id {
            let hosted = HostedLobby { lobby_id: id, version, host: state.host.clone() };
            turn.emit(Topic::User(host), Event::LobbyHosted(hosted));
        } else if state.host != self.state.host {
            let patch = merge::between(&self.state.host, &state.host);
            turn.emit(Topic::User(host), Event::LobbyHostUpdated(told(patch)));
        }
        self.state = state;
    }

    /// A lobby that starts begins a match, and while it runs the match hears who comes and sits.
    fn follow_with_match(&self, state: &State, begun: Option<Box<Begin>>, turn: &mut Turn<'_, Self>) {
        let Some(match_id) = state.lobby.match_id else { return };
        let known = begun.as_ref().map_or_else(|| self.state.seats(), |begin| begin.seats.clone());
        if let Some(begin) = begun {
            turn.persist(Effect::Started(begin));
        }
        if known != state.seats() {
            turn.persist(Effect::Reseated { match_id });
        }
    }

    fn close(&mut self, state: State, closing: Closing, turn: &mut Turn<'_, Self>) {
        let Closing { reason, end } = closing;
        let lobby_id = state.lobby.id;
        let left = LobbyLeft { lobby_id, why: LeftWhy::Closed, reason, until: None };
        // Those, too, whom this very command has removed are no longer in it, and were told.
        let mut listeners: Vec<UserId> = state.lobby.members.keys().copied().collect();
        for user in &listeners {
            turn.emit(Topic::User(*user), Event::LobbyLeft(left.clone()));
        }
        if let Some(host) = state.outside_host() {
            turn.emit(Topic::User(host), Event::LobbyClosed(LobbyClosed { lobby_id }));
            listeners.push(host);
        }
        let rooms = [state.lobby.room_id, state.lobby.spectators_room_id];
        let place = state.place.as_ref().map(|place| place.match_id);
        let running = self.state.lobby.match_id.map(|match_id| (match_id, end));
        turn.persist(Effect::Closed { listeners, rooms, place, running });
        self.is_closed = true;
        self.state = state;
    }

    /// Sets a timer for what is due next, unless one is set that comes no later.
    fn arm(&mut self, turn: &mut Turn<'_, Self>) {
        let Some(due) = self.state.next_due().filter(|_| !self.is_closed) else { return };
        if self.armed.is_none_or(|armed| due < armed) {
            self.armed = Some(due);
            turn.after(due.since(turn.now()), Command { power: Power::Member, act: Act::Tick { at: due } });
        }
    }

    fn reply(
        &self,
        answer: Answer,
        caller: Option<UserId>,
        stayed: Vec<StayedBehind>,
    ) -> Result<Reply, Error> {
        if self.is_closed {
            return Ok(Reply::Done);
        }
        Ok(match (answer, caller) {
            (Answer::Own, Some(user)) => Reply::Own(Box::new(self.state.own(user))),
            (Answer::Joined, Some(user)) => Reply::Joined(Box::new(self.state.own(user)), stayed),
            (Answer::Request, Some(user)) => {
                let request = self.state.host.requests.get(&user).ok_or_else(unexpected)?;
                Reply::Request(request.clone(), stayed)
            }
            (Answer::Bot(bot), _) => Reply::Bot(bot),
            (Answer::Own | Answer::Joined | Answer::Request, None) | (Answer::Done, _) => Reply::Done,
        })
    }
}

#[cfg(test)]
mod tests;
