//! A room as a live entity: who is in it, how far they have read, and which number the next message gets.
//!
//! Start at [`Room::handle`]. The room owns what must be decided in one place (membership, roles, order, slow mode), so a
//! message needs no query to be accepted. What was said is not kept here: it goes to the database and to those who listen. The facts a
//! command needs about an older message come with it; the room knows what it changed since they were read, and the write makes
//! sure that they still hold.
//!
//! Promises: messages are numbered 1, 2, 3 in their order; their times never go back; who is refused has changed nothing. A number that
//! somebody misses is that of a message which only its sender and staff see: see `shadows.rs`.

mod contact;
mod describe;
mod members;
mod messages;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use moothall_protocol::communication::{self as wire, Member, Message, RoomKind, RoomRole};
use moothall_protocol::limits::{GROUP_MEMBERS_MAX, ROOM_MEMBERS_MAX};
use moothall_protocol::{Event, Id, MessageId, Timestamp, UserId, kind};
use serde::{Deserialize, Serialize};

use super::{Error, Settings, store};
use crate::Topic;
use crate::cx::{Asked, Tx};
use crate::runtime::{Entity, Turn};
use crate::topics::Audience;

pub(crate) use contact::Way;
pub(crate) use describe::Change;
pub(crate) use messages::Draft;

/// A room, in memory.
#[derive(Debug)]
pub(crate) struct Room {
    card: wire::Room,
    seats: HashMap<UserId, Seat>,
    rules: Rules,
    /// The last number that was given, and when: what is not heard is numbered, too.
    numbered: i64,
    newest_at: Timestamp,
    /// Messages as they are since they were changed lately, the newest change last: what a command brings of one may be older.
    changed: VecDeque<Message>,
    /// The version in which what the room follows last said who is here.
    seated: i64,
}

/// What a room knows of a member.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seat {
    pub role: RoomRole,
    pub joined_at: Timestamp,
    pub delivered_seq: i64,
    pub read_seq: i64,
    /// Whether somebody else brought them in, and not they themselves.
    pub brought_in: bool,
    /// The member's last message, for slow mode.
    pub sent_at: Option<Timestamp>,
    /// When they were last said to be writing. Not kept.
    pub typed_at: Option<Timestamp>,
    /// In a direct conversation: whether what the other one says reaches them.
    pub contact: Contact,
    /// Where the markers moved by a message that nobody else sees.
    pub unheard: Option<Unheard>,
}

impl Seat {
    /// A marker of theirs as others see it: what they do not see is read by nobody.
    pub fn shown(&self, seq: i64) -> i64 {
        match self.unheard {
            Some(unheard) if unheard.seq == seq => unheard.heard,
            _ => seq,
        }
    }
}

/// A member's message that only they see, and the one before it that everybody saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unheard {
    pub seq: i64,
    pub heard: i64,
}

/// Whether what the other one says in a direct conversation reaches a member. The other one never knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Contact {
    /// It does.
    #[default]
    Open,
    /// It waits for them to accept it.
    Held,
    /// It does not.
    Declined,
}

/// Rules that hold for all rooms, as the operator has set them.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// Members of a room, at most.
    pub members_max: usize,
    /// For how long a message may be edited.
    pub edit_window: Duration,
}

impl Rules {
    pub fn new(settings: &Settings) -> Self {
        Self {
            members_max: (settings.members_max as usize).min(ROOM_MEMBERS_MAX),
            edit_window: Duration::from_secs(settings.edit_window_s),
        }
    }
}

/// Something a room is told, and what stands behind it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Command {
    pub power: Power,
    pub act: Act,
}

/// What a caller may do beyond their role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Power {
    /// Nothing.
    Member,
    /// Whatever an owner may; what is done so is audited, with the reason it needs.
    Staff { reason: Option<String> },
}

/// What a room can be told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Act {
    Update(Change),
    Archive,
    /// Nobody is in the room, and nobody has written since then.
    ArchiveEmpty {
        silent_since: Timestamp,
    },
    Restore,
    Join,
    Leave,
    Add {
        user: UserId,
    },
    SetRole {
        user: UserId,
        role: RoomRole,
    },
    Kick {
        user: UserId,
    },
    /// The user's account was erased.
    Forget {
        user: UserId,
    },
    /// These are in what the room follows, which has this version, and so in this room.
    Seat {
        users: Vec<UserId>,
        version: i64,
    },
    /// What the room follows is no more.
    Unseat,
    Send(Draft),
    Edit {
        before: Box<Message>,
        draft: Draft,
        keeps: Keeps,
    },
    /// The message, as it was before staff deleted it, is to be there again.
    Undelete {
        deleted: Box<Message>,
        before: Box<Message>,
    },
    Delete {
        before: Box<Message>,
    },
    MarkRead {
        seq: i64,
    },
    MarkDelivered {
        seq: i64,
    },
    Type {
        /// Nobody else is to hear of it.
        is_unseen: bool,
    },
    /// A first message of the other one is welcome, or is not.
    Answer {
        is_accepted: bool,
    },
}

/// What an edit leaves as it is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Keeps {
    pub attachments: bool,
    pub mentions: bool,
}

/// What a room answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    Room(Box<wire::Room>),
    Member(Member),
    Message(Box<Message>),
    Marker(wire::Marker),
    Done,
}

impl Reply {
    pub fn room(self) -> Result<wire::Room, Error> {
        if let Self::Room(room) = self { Ok(*room) } else { Err(unexpected()) }
    }

    pub fn member(self) -> Result<Member, Error> {
        if let Self::Member(member) = self { Ok(member) } else { Err(unexpected()) }
    }

    pub fn message(self) -> Result<Message, Error> {
        if let Self::Message(message) = self { Ok(*message) } else { Err(unexpected()) }
    }

    pub fn marker(self) -> Result<wire::Marker, Error> {
        if let Self::Marker(marker) = self { Ok(marker) } else { Err(unexpected()) }
    }
}

fn unexpected() -> Error {
    crate::Error::internal("a room gave an answer to something else").into()
}

/// What must be in the database before anybody hears of it.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    /// The description is another.
    Described(Box<wire::Room>),
    /// Somebody came; so many are there now.
    Entered {
        user: UserId,
        seat: Seat,
        kind: RoomKind,
        members: u32,
    },
    /// Somebody went; so many are left.
    Gone {
        user: UserId,
        members: u32,
    },
    RoleSet {
        user: UserId,
        role: RoomRole,
    },
    /// Of the mentioned some are not told.
    Sent {
        message: Box<Message>,
        unnoticed: Vec<UserId>,
    },
    /// A member wrote who is not heard, in a room that keeps nothing else.
    KeptForStaff(Box<Message>),
    /// The message is another than it was in version `before`. Whom it mentions stays without `unnoticed`.
    Edited {
        before: i64,
        message: Box<Message>,
        unnoticed: Option<Vec<UserId>>,
    },
    Deleted {
        before: i64,
        message: Box<Message>,
    },
    /// The message was deleted by somebody else, and since then by its sender as well.
    Disowned(MessageId),
    /// The message is there again that was deleted in version `before`.
    Restored {
        before: i64,
        message: Box<Message>,
    },
    Marked {
        user: UserId,
        delivered_seq: i64,
        read_seq: i64,
    },
    /// Whether what the other one says reaches them.
    Contact {
        user: UserId,
        contact: Contact,
    },
    /// The member wrote, in a room that keeps nothing of it but the time.
    Paced {
        user: UserId,
        at: Timestamp,
    },
    /// The room is in use again: they hear of it from now on.
    Reopened {
        users: Vec<UserId>,
    },
    /// Staff did this.
    Audited(Audited),
}

/// A line for the audit log.
#[derive(Clone, Debug)]
pub(crate) struct Audited {
    pub by: Asked,
    pub action: &'static str,
    pub reason: Option<String>,
    pub about: serde_json::Value,
}

/// Something not everybody may do.
struct Deed<'a> {
    power: &'a Power,
    /// The operation, for the audit log.
    action: &'static str,
    /// What of the room it is done to, for the audit log.
    about: serde_json::Value,
}

impl Entity for Room {
    const KIND: &'static str = "room";
    type Id = kind::Room;
    type Command = Command;
    type Reply = Reply;
    type Effect = Effect;
    type Error = Error;

    fn handle(&mut self, command: &Command, turn: &mut Turn<'_, Self>) -> Result<Reply, Error> {
        let power = &command.power;
        match &command.act {
            Act::Update(change) => self.update(change, power, turn),
            Act::Archive => self.archive(power, turn),
            Act::ArchiveEmpty { silent_since } => self.archive_empty(*silent_since, turn),
            Act::Restore => self.restore(power, turn),
            Act::Join => self.join(turn),
            Act::Leave => self.leave(turn),
            Act::Add { user } => self.add(*user, power, turn),
            Act::SetRole { user, role } => self.set_role(*user, *role, power, turn),
            Act::Kick { user } => self.kick(*user, power, turn),
            Act::Forget { user } => self.forget(*user, turn),
            Act::Seat { users, version } => self.follow(users, *version, turn),
            Act::Unseat => self.end(turn),
            Act::Send(draft) => self.send(draft, turn),
            Act::Edit { before, draft, keeps } => self.edit(before, draft, *keeps, turn),
            Act::Delete { before } => self.delete(before, power, turn),
            Act::Undelete { deleted, before } => self.undelete(deleted, before, power, turn),
            Act::MarkRead { seq } => self.mark(*seq, *seq, turn),
            Act::MarkDelivered { seq } => self.mark(*seq, 0, turn),
            Act::Type { is_unseen } => self.say_typing(*is_unseen, turn),
            Act::Answer { is_accepted } => self.answer(*is_accepted, turn),
        }
    }

    fn load(tx: &mut Tx<'_, '_>, id: Id<kind::Room>) -> Result<Option<Self>, Error> {
        let Some(card) = store::find_room(tx, id)? else { return Ok(None) };
        let numbered = store::numbered(tx, id)?;
        let mut seats = store::seats(tx, id)?;
        store::add_unheard(tx, &card, &mut seats)?;
        let rules = Rules::new(&tx.cx().hall().settings().communication);
        Ok(Some(Self::new(card, seats, numbered, rules)))
    }

    fn heed(&mut self, settings: &crate::Settings) {
        self.rules = Rules::new(&settings.communication);
    }

    fn persist(tx: &mut Tx<'_, '_>, id: Id<kind::Room>, effects: &[&Effect]) -> Result<(), Error> {
        store::apply(tx, id, effects)
    }
}

impl Room {
    pub fn new(
        card: wire::Room,
        seats: impl IntoIterator<Item = (UserId, Seat)>,
        (numbered, unheard_at): (i64, Option<Timestamp>),
        rules: Rules,
    ) -> Self {
        let seats = seats.into_iter().collect();
        let numbered = numbered.max(card.last_seq);
        let newest_at = unheard_at.map_or(card.active_at, |at| at.max(card.active_at));
        Self { card, seats, rules, numbered, newest_at, changed: VecDeque::new(), seated: 0 }
    }

    /// The member who calls. To others a room that only members know of is not there.
    fn seat(&self, turn: &Turn<'_, Self>) -> Result<(UserId, &Seat), Error> {
        let user = turn.caller().ok_or(crate::Error::NotSignedIn)?;
        match self.seats.get(&user) {
            Some(seat) => Ok((user, seat)),
            None if is_hidden(&self.card) => Err(crate::Error::NotFound.into()),
            None => Err(Error::NotMember),
        }
    }

    /// Lets a member pass whom the rule `allows`. Staff passes too, and that is audited.
    fn require(
        &self,
        deed: Deed<'_>,
        allows: impl Fn(&Seat) -> bool,
        turn: &mut Turn<'_, Self>,
    ) -> Result<(), Error> {
        let refusal = match self.seat(turn) {
            Ok((_, seat)) if allows(seat) => return Ok(()),
            Ok(_) => Error::RoleNeeded,
            Err(error) => error,
        };
        let Power::Staff { reason } = deed.power else { return Err(refusal) };
        let (by, reason) = (turn.by(), reason.clone().filter(|reason| !reason.trim().is_empty()));
        if reason.is_none() {
            return Err(crate::Error::field("/reason", "required", "say why: this is not your room").into());
        }
        turn.persist(Effect::Audited(Audited { by, action: deed.action, reason, about: deed.about }));
        Ok(())
    }

    /// Refuses what is not done in a room that follows something.
    fn require_own(&self) -> Result<(), Error> {
        match self.card.kind {
            RoomKind::Room | RoomKind::Group | RoomKind::Direct => Ok(()),
            RoomKind::Party => Err(Error::NotForParty),
            RoomKind::Lobby | RoomKind::LobbySpectators => Err(Error::NotForLobby),
            RoomKind::Match => Err(Error::NotForMatch),
        }
    }

    fn require_open(&self) -> Result<(), Error> {
        if self.card.archived_at.is_some() { Err(Error::Archived) } else { Ok(()) }
    }

    /// Tells everybody in the room. A direct conversation has no topic of its own: its two users hear of it as users, so that a
    /// session need not subscribe to every conversation its user ever had; and who has not accepted it hears of nothing in it.
    fn tell(&self, turn: &mut Turn<'_, Self>, event: Event) {
        if self.card.kind == RoomKind::Direct {
            let hears =
                |user: UserId, seat: &Seat| seat.contact == Contact::Open || turn.caller() == Some(user);
            let hearing: Vec<UserId> =
                self.seats.iter().filter(|(user, seat)| hears(**user, seat)).map(|(user, _)| *user).collect();
            for user in hearing {
                turn.emit(Topic::User(user), event.clone());
            }
        } else {
            turn.emit(Topic::Room(self.card.id), event);
        }
    }

    /// Tells one member what everybody would hear, on the topic where they would hear it.
    fn tell_only(&self, user: UserId, event: Event, turn: &mut Turn<'_, Self>) {
        if self.card.kind == RoomKind::Direct {
            turn.emit(Topic::User(user), event);
        } else {
            turn.emit_to(Topic::Room(self.card.id), event, Audience::Only([user].into()));
        }
    }

    /// Tells everybody what the room now is, each as they see it.
    fn tell_card(&self, event: impl Fn(wire::Room) -> Event, turn: &mut Turn<'_, Self>) {
        let is_apart = |seat: &Seat| seat.read_seq > self.card.last_seq;
        let mut apart: Vec<UserId> =
            self.seats.iter().filter(|(_, seat)| is_apart(seat)).map(|(user, _)| *user).collect();
        apart.sort_unstable();
        for user in &apart {
            self.tell_only(*user, event(self.card_of(Some(*user))), turn);
        }
        let others =
            if apart.is_empty() { Audience::All } else { Audience::ExceptThese(apart.into_boxed_slice()) };
        turn.emit_to(Topic::Room(self.card.id), event(self.card.clone()), others);
    }

    /// The room as this user sees it.
    fn card_of(&self, user: Option<UserId>) -> wire::Room {
        let seat = user.and_then(|user| self.seats.get(&user));
        let marks = seat.map(|seat| (seat.read_seq, seat.sent_at));
        as_seen(self.card.clone(), marks)
    }

    fn members_max(&self) -> usize {
        match self.card.kind {
            RoomKind::Group => GROUP_MEMBERS_MAX,
            // What the room follows sees to that.
            RoomKind::Party | RoomKind::Lobby | RoomKind::LobbySpectators | RoomKind::Match => usize::MAX,
            RoomKind::Room | RoomKind::Direct => self.rules.members_max,
        }
    }

    fn member(&self, user: UserId, seat: &Seat) -> Member {
        member(&self.card, user, seat)
    }
}

/// Whether only members know of the room.
pub(crate) fn is_hidden(room: &wire::Room) -> bool {
    room.member_only || room.kind != RoomKind::Room
}

/// A member as others may see them: how far they have read is shown where people know each other.
pub(crate) fn member(room: &wire::Room, user_id: UserId, seat: &Seat) -> Member {
    let is_shown = room.kind != RoomKind::Room;
    Member {
        user_id,
        role: seat.role,
        joined_at: seat.joined_at,
        delivered_seq: is_shown.then_some(seat.shown(seat.delivered_seq)),
        read_seq: is_shown.then_some(seat.shown(seat.read_seq)),
    }
}

/// A room as a member sees it who has read so far and wrote then: what they wrote themselves is the newest to them, whoever else
/// hears it.
pub(crate) fn as_seen(room: wire::Room, marks: Option<(i64, Option<Timestamp>)>) -> wire::Room {
    match marks {
        Some((read_seq, sent_at)) if read_seq > room.last_seq => {
            wire::Room { last_seq: read_seq, active_at: sent_at.unwrap_or(room.active_at), ..room }
        }
        _ => room,
    }
}

#[cfg(test)]
mod tests;
