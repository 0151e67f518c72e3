//! A party as a live entity: who is in it, who leads, who is invited, who is ready.
//!
//! Start at [`Party::handle`]. Who comes and goes is in `party/members.rs`, invites are in `party/invites.rs`.
//!
//! Promises: members and invites together are never more than the party may have; as long as it has members one of them leads;
//! each version is told once, with the whole party; who is refused has changed nothing. That a user is in one party only is
//! promised by the database: whoever comes here leaves the other party in the same transaction, and that party is told afterwards.

mod invites;
mod members;

use std::collections::BTreeMap;
use std::time::Duration;

use moothall_protocol::parties::{
    self as wire, InvitesBy, PartyChange, PartyInvite, PartyMember, PartyUpdated,
};
use moothall_protocol::{Event, PartyId, RoomId, Timestamp, UserId, kind};
use serde::{Deserialize, Serialize};

use super::{Error, Settings, store};
use crate::cx::Tx;
use crate::runtime::{Entity, Turn};
use crate::{Topic, connections};

/// No member is missed sooner.
const GRACE_MIN: Duration = Duration::from_secs(30);

/// A party, in memory.
#[derive(Clone, Debug)]
pub(super) struct Party {
    card: Card,
    seats: BTreeMap<UserId, Seat>,
    invites: BTreeMap<UserId, Invite>,
    rules: Rules,
    has_ended: bool,
}

/// What a party is, but for the people.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Card {
    pub id: PartyId,
    pub leader: UserId,
    pub code: String,
    pub max_members: u32,
    pub invites_by: InvitesBy,
    pub is_open: bool,
    pub follow_leader: bool,
    pub room: RoomId,
    pub version: i64,
    pub created_at: Timestamp,
}

/// What a party knows of a member.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seat {
    /// The version of the party when they came: whoever was there before has a lower one, and who comes again another.
    pub number: i64,
    pub joined_at: Timestamp,
    pub is_ready: bool,
    /// Since when they have been expected to connect; nobody who is connected. Not kept: after a restart everybody is expected.
    pub missing_since: Option<Timestamp>,
    /// The attachment with which they were last seen. Not kept.
    pub visit: u64,
}

/// What a party knows of somebody it has invited.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Invite {
    /// The version of the party when it was sent: a timer of an earlier one does nothing.
    pub number: i64,
    pub by: UserId,
    pub sent_at: Timestamp,
    pub expires_at: Timestamp,
}

/// Rules that hold for all parties, as the operator has set them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// For how long a member may be missing.
    pub grace: Duration,
    /// For how long an invite can be accepted.
    pub invite: Duration,
}

impl Rules {
    pub fn new(settings: &Settings, connections: &connections::Settings) -> Self {
        Self {
            // Whoever comes and is connected must have the time to be known to be.
            grace: Duration::from_millis(connections.grace_ms).max(GRACE_MIN),
            invite: Duration::from_millis(settings.invite_ms),
        }
    }
}

/// A change of a party's settings; what is `None` stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Change {
    pub invites_by: Option<InvitesBy>,
    pub is_open: Option<bool>,
    pub follow_leader: Option<bool>,
    pub if_version: Option<i64>,
}

/// What a party can be told. `present` are those of its members who have a socket at this moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Command {
    /// Nothing changes: how does the party stand?
    Read,
    Invite {
        user: UserId,
    },
    Cancel {
        user: UserId,
    },
    Accept,
    Decline,
    Join {
        code: String,
    },
    Leave {
        present: Vec<UserId>,
    },
    Kick {
        user: UserId,
    },
    Lead {
        user: UserId,
    },
    SetReady {
        is_ready: bool,
    },
    Update(Change),
    Renew {
        code: String,
    },
    /// A member is connected.
    Arrive {
        user: UserId,
        visit: u64,
    },
    /// A user is gone whose last attachment had this number.
    Gone {
        user: UserId,
        visit: u64,
        present: Vec<UserId>,
    },
    /// The member of this number came to another party, and is stored there.
    Moved {
        user: UserId,
        number: i64,
        present: Vec<UserId>,
    },
    /// The server begins: a crash may have come between a member's move and its telling here.
    Recover,
    /// Nobody but the clock: a member may have been missing for long enough.
    Miss {
        user: UserId,
        since: Timestamp,
    },
    /// Nobody but the clock: the invite of this number may have expired.
    Expire {
        user: UserId,
        number: i64,
    },
}

/// What a party answers. An operation answers the same, and it may be kept as such for a repeated request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Reply {
    Party(Box<wire::Party>),
    Invite(PartyInvite),
    Done(()),
}

impl Reply {
    pub fn party(self) -> Result<wire::Party, Error> {
        if let Self::Party(party) = self { Ok(*party) } else { Err(unexpected()) }
    }

    pub fn invite(self) -> Result<PartyInvite, Error> {
        if let Self::Invite(invite) = self { Ok(invite) } else { Err(unexpected()) }
    }
}

fn unexpected() -> Error {
    crate::Error::internal("a party gave an answer to something else").into()
}

/// What must be in the database before anybody hears of it.
#[derive(Clone, Debug)]
pub(super) enum Effect {
    /// The party is another, and has another version.
    Changed(Box<Card>),
    /// Somebody came, and left whatever party they were in.
    Entered {
        user: UserId,
        seat: Seat,
    },
    /// The member of this number went, here or in the database already.
    Gone {
        user: UserId,
        number: i64,
    },
    /// A member is ready, or no longer.
    Readied {
        user: UserId,
        is_ready: bool,
    },
    /// No member is ready.
    Unreadied,
    Invited {
        user: UserId,
        invite: Invite,
    },
    Uninvited {
        user: UserId,
    },
    /// Nobody is left: the party is no more.
    Ended {
        at: Timestamp,
        room: RoomId,
    },
}

impl Entity for Party {
    const KIND: &'static str = "party";
    type Id = kind::Party;
    type Command = Command;
    type Reply = Reply;
    type Effect = Effect;
    type Error = Error;

    fn handle(&mut self, command: &Command, turn: &mut Turn<'_, Self>) -> Result<Reply, Error> {
        if self.has_ended {
            return Err(crate::Error::NotFound.into());
        }
        match command {
            Command::Read => Ok(self.reply()),
            Command::Invite { user } => self.invite(*user, turn),
            Command::Cancel { user } => self.cancel(*user, turn),
            Command::Accept => self.accept(turn),
            Command::Decline => self.decline(turn),
            Command::Join { code } => self.join(code, turn),
            Command::Leave { present } => self.leave(present, turn),
            Command::Kick { user } => self.kick(*user, turn),
            Command::Lead { user } => self.lead(*user, turn),
            Command::SetReady { is_ready } => self.set_ready(*is_ready, turn),
            Command::Update(change) => self.update(change, turn),
            Command::Renew { code } => self.renew(code, turn),
            Command::Arrive { user, visit } => Ok(self.arrive(*user, *visit)),
            Command::Gone { user, visit, present } => Ok(self.gone(*user, *visit, present, turn)),
            Command::Moved { user, number, present } => Ok(self.moved(*user, *number, present, turn)),
            Command::Recover => Ok(self.recover(turn)),
            Command::Miss { user, since } => Ok(self.miss(*user, *since, turn)),
            Command::Expire { user, number } => Ok(self.expire(*user, *number, turn)),
        }
    }

    fn load(tx: &mut Tx<'_, '_>, id: PartyId) -> Result<Option<Self>, Error> {
        let settings = tx.cx().hall().settings();
        let rules = Rules::new(&settings.parties, &settings.connections);
        let stored = store::find(tx, id)?;
        Ok(stored.map(|stored| Self::new(stored, rules)))
    }

    fn wake(&mut self, turn: &mut Turn<'_, Self>) {
        let now = turn.now();
        for (user, seat) in &mut self.seats {
            // Who was never seen may have been here before a restart, and has the time of a drop to come back.
            if seat.visit == 0 && seat.missing_since.is_none() {
                seat.missing_since = Some(now);
            }
            if let Some(since) = seat.missing_since {
                let wait = (since + self.rules.grace).since(now);
                turn.after(wait, Command::Miss { user: *user, since });
            }
        }
        for (user, invite) in &self.invites {
            let expire = Command::Expire { user: *user, number: invite.number };
            turn.after(invite.expires_at.since(now), expire);
        }
    }

    fn heed(&mut self, settings: &crate::Settings) {
        self.rules = Rules::new(&settings.parties, &settings.connections);
    }

    fn persist(tx: &mut Tx<'_, '_>, id: PartyId, effects: &[&Effect]) -> Result<(), Error> {
        store::apply(tx, id, effects)
    }

    fn copy(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn is_idle(&self) -> bool {
        // In memory alone it is known who is connected, and when who is not must go.
        self.has_ended
    }
}

impl Party {
    pub fn new(stored: store::Stored, rules: Rules) -> Self {
        let store::Stored { card, seats, invites } = stored;
        Self { card, seats, invites, rules, has_ended: false }
    }

    /// The member who calls. Whoever is neither here nor invited does not know that there is such a party.
    fn member(&self, turn: &Turn<'_, Self>) -> Result<UserId, Error> {
        let user = turn.caller().ok_or(crate::Error::NotSignedIn)?;
        match self.seats.contains_key(&user) {
            true => Ok(user),
            false if self.invites.contains_key(&user) => Err(Error::NotMember),
            false => Err(crate::Error::NotFound.into()),
        }
    }

    fn leader(&self, turn: &Turn<'_, Self>) -> Result<UserId, Error> {
        let user = self.member(turn)?;
        if user == self.card.leader { Ok(user) } else { Err(Error::LeaderNeeded) }
    }

    fn update(&mut self, change: &Change, turn: &mut Turn<'_, Self>) -> Result<Reply, Error> {
        self.leader(turn)?;
        if change.if_version.is_some_and(|version| version != self.card.version) {
            return Err(crate::Error::VersionConflict { version: self.card.version }.into());
        }
        let before = self.card.clone();
        self.card.invites_by = change.invites_by.unwrap_or(before.invites_by);
        self.card.is_open = change.is_open.unwrap_or(before.is_open);
        self.card.follow_leader = change.follow_leader.unwrap_or(before.follow_leader);
        if self.card != before {
            self.changed(PartyChange::SettingsChanged, None, turn);
        }
        Ok(self.reply())
    }

    fn renew(&mut self, code: &str, turn: &mut Turn<'_, Self>) -> Result<Reply, Error> {
        self.leader(turn)?;
        code.clone_into(&mut self.card.code);
        self.changed(PartyChange::CodeRenewed, None, turn);
        Ok(self.reply())
    }

    fn recover(&mut self, turn: &mut Turn<'_, Self>) -> Reply {
        if self.seats.is_empty() {
            self.end(turn);
        } else if !self.seats.contains_key(&self.card.leader) {
            self.inherit(|_| false);
            self.changed(PartyChange::LeaderChanged, Some(self.card.leader), turn);
        }
        Reply::Done(())
    }

    /// Has a change written and told, once all of it is made.
    fn changed(&mut self, change: PartyChange, user_id: Option<UserId>, turn: &mut Turn<'_, Self>) {
        self.card.version += 1;
        turn.persist(Effect::Changed(Box::new(self.card.clone())));
        let party = self.show();
        for invited in self.invites.keys() {
            let party = wire::Party { code: None, ..party.clone() };
            turn.emit(Topic::User(*invited), Event::PartyUpdated(PartyUpdated { change, user_id, party }));
        }
        turn.emit(Topic::Party(self.card.id), Event::PartyUpdated(PartyUpdated { change, user_id, party }));
    }

    fn reply(&self) -> Reply {
        Reply::Party(Box::new(self.show()))
    }

    fn show(&self) -> wire::Party {
        show(&self.card, &self.seats, &self.invites)
    }
}

/// A party as its members see it.
pub(super) fn show(
    card: &Card,
    seats: &BTreeMap<UserId, Seat>,
    invites: &BTreeMap<UserId, Invite>,
) -> wire::Party {
    let mut members: Vec<(&UserId, &Seat)> = seats.iter().collect();
    members.sort_by_key(|(_, seat)| seat.number);
    let mut invited: Vec<(&UserId, &Invite)> = invites.iter().collect();
    invited.sort_by_key(|(_, invite)| invite.number);
    let member = |(user, seat): (&UserId, &Seat)| PartyMember {
        user_id: *user,
        joined_at: seat.joined_at,
        is_ready: seat.is_ready,
    };
    wire::Party {
        id: card.id,
        version: card.version,
        leader_id: card.leader,
        members: members.into_iter().map(member).collect(),
        invites: invited.into_iter().map(|(user, invite)| show_invite(card.id, *user, invite)).collect(),
        max_members: card.max_members,
        invites_by: card.invites_by,
        is_open: card.is_open,
        follow_leader: card.follow_leader,
        code: Some(card.code.clone()),
        room_id: card.room,
        created_at: card.created_at,
    }
}

pub(super) fn show_invite(party_id: PartyId, user_id: UserId, invite: &Invite) -> PartyInvite {
    let Invite { by, sent_at, expires_at, .. } = *invite;
    PartyInvite { party_id, user_id, invited_by: by, sent_at, expires_at }
}

#[cfg(test)]
mod tests;
