//! The presence of a user: the union of their sessions, and what they say of themselves. Plain data; it lives in a partition.
//!
//! Start at [`Presence::carry_out`]. The promises: a short drop is seen by nobody; a purposeful leave is seen at once; a change is
//! told once, and one that changes nothing is not told at all.
//!
//! Presence is volatile: it is what the connections of the moment say, so nothing of it is stored but when somebody came and went, and
//! whether they want to be seen at all: who is invisible stays so, whatever happens to their sessions and to the server.

mod store;

pub(crate) use store::export;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use moothall_protocol::connections::{OwnPresence, Presence as Shown, Status, UpdatePresence, Visibility};
use moothall_protocol::{Event, LobbyId, PartyId, SessionId, Timestamp, UserId, kind};
use serde::{Deserialize, Serialize};

pub(super) use store::{STATEMENTS, forget};

use super::{Error, Settings};
use crate::runtime::{Entity, Turn};
use crate::{Topic, Tx, accounts};

/// What presence can be told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Command {
    /// A session has a socket. A later attachment of a session has a higher number.
    Connect { session: SessionId, attachment: u64, is_bot: bool, grace: Grace },
    /// A session lost its socket without meaning to.
    Drop { session: SessionId, attachment: u64 },
    /// A session is over: signed out, disconnected, revoked, replaced. It may have come back before this is heard.
    Leave { session: SessionId, attachment: u64 },
    /// A session can no longer be resumed.
    Expire { session: SessionId, attachment: u64 },
    /// The user says how they stand.
    Update(UpdatePresence),
    /// The server says where they are.
    Place(Placed),
    /// Nobody but the clock: a drop of this number may have lasted long enough.
    Tick { drop: u64 },
    /// Nothing changes: how does the user stand?
    Read,
}

/// Where a user is, or is no longer. Who was said meanwhile to be elsewhere stays there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Placed {
    /// In this lobby.
    InLobby(LobbyId),
    /// No longer in this lobby.
    NotInLobby(LobbyId),
    /// In this party.
    InParty(PartyId),
    /// No longer in this party.
    NotInParty(PartyId),
}

/// How long a drop may last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grace {
    /// Until others see the user offline.
    pub offline_after: Duration,
    /// Until what the user said of themselves is forgotten.
    pub forget_after: Duration,
}

impl Grace {
    pub fn of(settings: &Settings) -> Self {
        Self {
            offline_after: Duration::from_millis(settings.offline_after_ms),
            // Who looks offline while their lobby still waits is right; who is forgotten while they look online is not.
            forget_after: Duration::from_millis(settings.grace_ms.max(settings.offline_after_ms)),
        }
    }
}

/// What stays in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stamp {
    /// The first session came.
    CameAt(Timestamp),
    /// The last session went. No attachment of it had a higher number.
    WentAt { at: Timestamp, attachment: u64 },
    /// Whether the user wants to be seen.
    Wants(Visibility),
}

/// A session of the user that can come back or is there.
#[derive(Clone, Copy, Debug)]
struct Held {
    attachment: u64,
    /// Whether the attachment still holds.
    is_attached: bool,
    is_bot: bool,
}

/// The presence of one user.
#[derive(Clone, Debug)]
pub(crate) struct Presence {
    own: OwnPresence,
    sessions: BTreeMap<SessionId, Held>,
    grace: Grace,
    /// The highest number of an attachment since the user came.
    newest: u64,
    /// Counts the times the last socket was lost, so that a timer knows whether it is meant.
    drops: u64,
    dropped_at: Option<Timestamp>,
    /// Whether the user came and has not gone: what the stamps say.
    is_here: bool,
    /// Whether anybody was told anything yet.
    is_told: bool,
}

impl Presence {
    pub fn new(user_id: UserId) -> Self {
        Self {
            own: OwnPresence {
                update_id: 0,
                presence: offline(user_id),
                visibility: Visibility::Visible,
                last_disconnected_at: None,
            },
            sessions: BTreeMap::new(),
            grace: Grace::default(),
            newest: 0,
            drops: 0,
            dropped_at: None,
            is_here: false,
            is_told: false,
        }
    }

    /// Carries out a command. Returns whether there is something to tell.
    pub fn carry_out(&mut self, now: Timestamp, command: &Command) -> Result<bool, Error> {
        let before = self.own.clone();
        match command {
            Command::Read => return Ok(false),
            // Whether to be seen is for the next time, too, so that nobody who hides is seen for a moment first.
            Command::Update(change) if !self.is_here && !is_visibility_alone(change) => {
                return Err(Error::NotConnected);
            }
            Command::Place(_) if !self.is_here => return Err(Error::NotConnected),
            Command::Connect { session, attachment, is_bot, grace } => {
                let newest = self.sessions.get(session).map_or(0, |held| held.attachment);
                if *attachment >= newest {
                    let held = Held { attachment: *attachment, is_attached: true, is_bot: *is_bot };
                    self.sessions.insert(*session, held);
                    // News of an older socket is too late to bring anybody: the newer one may be gone already.
                    self.come();
                }
                self.grace = *grace;
                self.newest = self.newest.max(*attachment);
            }
            Command::Drop { session, attachment } => {
                if let Some(held) = self.sessions.get_mut(session)
                    && held.attachment == *attachment
                {
                    held.is_attached = false;
                    self.drop(now);
                }
            }
            Command::Expire { session, attachment } => {
                let held = self.sessions.get(session);
                if held.is_some_and(|held| held.attachment == *attachment && !held.is_attached) {
                    self.sessions.remove(session);
                }
            }
            Command::Leave { session, attachment } => {
                let held = self.sessions.get(session).map(|held| held.attachment);
                if held.is_some_and(|held| held > *attachment) {
                    return Ok(false);
                }
                let was_known = self.sessions.remove(session).is_some();
                if was_known && self.sessions.is_empty() {
                    self.forget(now);
                } else {
                    self.drop(now);
                }
            }
            Command::Update(change) => self.change(change),
            Command::Place(placed) => self.place(*placed),
            Command::Tick { drop } => {
                if *drop == self.drops {
                    self.tick(now);
                }
            }
        }
        if !self.sessions.is_empty() {
            // Who plays beside their bot is a player.
            self.own.presence.is_bot = self.sessions.values().all(|held| held.is_bot);
        }
        if self.own == before && self.is_told {
            return Ok(false);
        }
        // A fresh one tells how it stands even if nothing changed: the one before it may have been lost in a panic.
        self.is_told = true;
        self.own.update_id += 1;
        Ok(true)
    }

    fn come(&mut self) {
        self.is_here = true;
        self.own.presence.is_online = true;
        self.drops += u64::from(self.dropped_at.take().is_some());
    }

    /// The last socket is gone, and may come back.
    fn drop(&mut self, now: Timestamp) {
        if self.is_here && self.dropped_at.is_none() && !self.is_attached() {
            self.dropped_at = Some(now);
            self.own.last_disconnected_at = Some(now);
            self.drops += 1;
        }
    }

    fn tick(&mut self, now: Timestamp) {
        let Some(dropped_at) = self.dropped_at else { return };
        if now >= dropped_at + self.grace.forget_after {
            self.forget(dropped_at);
        } else if now >= dropped_at + self.grace.offline_after {
            self.own.presence.is_online = false;
        }
    }

    /// The user is gone, since `at`.
    fn forget(&mut self, at: Timestamp) {
        let (update_id, visibility) = (self.own.update_id, self.own.visibility);
        *self = Self { drops: self.drops + 1, is_told: self.is_told, ..Self::new(self.own.presence.user_id) };
        (self.own.update_id, self.own.visibility) = (update_id, visibility);
        self.own.last_disconnected_at = Some(at);
    }

    fn change(&mut self, change: &UpdatePresence) {
        let own = &mut self.own;
        own.presence.status = change.status.unwrap_or(own.presence.status);
        own.presence.is_afk = change.is_afk.unwrap_or(own.presence.is_afk);
        own.presence.is_in_game = change.is_in_game.unwrap_or(own.presence.is_in_game);
        own.visibility = change.visibility.unwrap_or(own.visibility);
        if let Some(text) = &change.text {
            own.presence.text = Some(text.clone()).filter(|text| !text.is_empty());
        }
    }

    fn place(&mut self, placed: Placed) {
        let Shown { lobby_id, party_id, .. } = &mut self.own.presence;
        match placed {
            Placed::InLobby(lobby) => *lobby_id = Some(lobby),
            Placed::InParty(party) => *party_id = Some(party),
            Placed::NotInLobby(lobby) => *lobby_id = lobby_id.filter(|known| *known != lobby),
            Placed::NotInParty(party) => *party_id = party_id.filter(|known| *known != party),
        }
    }

    fn is_attached(&self) -> bool {
        self.sessions.values().any(|held| held.is_attached)
    }

    /// How long until a tick is due, if one is.
    fn due(&self, now: Timestamp) -> Option<Duration> {
        let dropped_at = self.dropped_at?;
        let wait =
            if self.own.presence.is_online { self.grace.offline_after } else { self.grace.forget_after };
        Some((dropped_at + wait).since(now))
    }
}

fn is_visibility_alone(change: &UpdatePresence) -> bool {
    let alone = UpdatePresence { visibility: change.visibility, ..UpdatePresence::default() };
    change.visibility.is_some() && *change == alone
}

/// How somebody looks who is not there, or not to be seen.
pub(crate) fn offline(user_id: UserId) -> Shown {
    Shown {
        user_id,
        is_online: false,
        status: Status::InMenu,
        text: None,
        is_afk: false,
        is_in_game: false,
        is_bot: false,
        lobby_id: None,
        party_id: None,
    }
}

/// How others see this.
pub(crate) fn as_others_see(own: &OwnPresence) -> Shown {
    if own.presence.is_online && own.visibility == Visibility::Visible {
        own.presence.clone()
    } else {
        offline(own.presence.user_id)
    }
}

impl Entity for Presence {
    const KIND: &'static str = "presence";
    type Id = kind::User;
    type Command = Command;
    type Reply = OwnPresence;
    type Effect = Stamp;
    type Error = Error;

    fn load(tx: &mut Tx<'_, '_>, id: UserId) -> Result<Option<Self>, Error> {
        let mut presence = Self::new(id);
        presence.own.visibility = store::visibility(tx, id)?;
        Ok(Some(presence))
    }

    fn handle(&mut self, command: &Command, turn: &mut Turn<'_, Self>) -> Result<OwnPresence, Error> {
        let was_here = self.is_here;
        let drops = self.drops;
        let newest = self.newest;
        let visibility = self.own.visibility;
        if self.carry_out(turn.now(), command)? {
            turn.emit(Topic::User(self.own.presence.user_id), Event::PresenceUpdated(self.own.clone()));
        }
        match (was_here, self.is_here) {
            (false, true) => turn.persist(Stamp::CameAt(turn.now())),
            (true, false) => {
                let at = self.own.last_disconnected_at.unwrap_or(turn.now());
                turn.persist(Stamp::WentAt { at, attachment: newest });
            }
            _ => {}
        }
        if visibility != self.own.visibility {
            turn.persist(Stamp::Wants(self.own.visibility));
        }
        // A tick may come to nothing by a hair; then it asks for another.
        if (drops != self.drops || matches!(command, Command::Tick { .. }))
            && let Some(wait) = self.due(turn.now())
        {
            turn.after(wait, Command::Tick { drop: self.drops });
        }
        Ok(self.own.clone())
    }

    fn persist(tx: &mut Tx<'_, '_>, id: UserId, effects: &[&Stamp]) -> Result<(), Error> {
        for stamp in effects {
            match stamp {
                Stamp::CameAt(at) => accounts::stamp_login(tx, id, *at)?,
                Stamp::WentAt { at, attachment } => {
                    accounts::stamp_logout(tx, id, *at)?;
                    let (hall, attachment) = (tx.cx().hall().clone(), *attachment);
                    tx.after_commit(move || hall.connections().followers.tell(id, attachment));
                }
                Stamp::Wants(visibility) => store::set_visibility(tx, id, *visibility)?,
            }
        }
        Ok(())
    }

    fn wake(&mut self, turn: &mut Turn<'_, Self>) {
        if let Some(wait) = self.due(turn.now()) {
            // Not at once: it may be the database that keeps it from being written.
            turn.after(wait.max(Duration::from_secs(1)), Command::Tick { drop: self.drops });
        }
    }

    fn copy(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn is_idle(&self) -> bool {
        !self.is_here
    }
}
