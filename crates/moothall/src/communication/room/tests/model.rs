//! What the simulator holds a room against: a model of the database, what its callers were answered, and what a listener believes.

use std::collections::{BTreeMap, BTreeSet};

use moothall_protocol::MessageId;
use moothall_protocol::communication::{MemberChanged, MessageDeleted};

use parking_lot::Mutex;

use super::*;

/// How often what happened, over all runs: a model of what never happens proves nothing.
pub(crate) static HAPPENED: Mutex<BTreeMap<&'static str, u64>> = Mutex::new(BTreeMap::new());

fn happened(what: &'static str) {
    *HAPPENED.lock().entry(what).or_default() += 1;
}

/// What the database holds of a room.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub card: wire::Room,
    pub seats: BTreeMap<UserId, Seat>,
    pub messages: BTreeMap<i64, Message>,
    /// The last number that was given to what is not heard.
    pub numbered: i64,
    /// What messages said before they were changed, by number and version.
    pub versions: BTreeMap<(i64, i64), String>,
}

impl Stored {
    pub fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::Described(card) => {
                let (last_seq, active_at, members) =
                    (self.card.last_seq, self.card.active_at, self.card.members);
                self.card = wire::Room { last_seq, active_at, members, ..(**card).clone() };
            }
            Effect::Entered { user, seat, members, .. } => {
                assert_ne!(self.card.kind, RoomKind::Direct, "nobody comes between two");
                if self.card.member_only {
                    happened("brought into a room");
                }
                let before = self.seats.insert(*user, seat.clone());
                assert_eq!(before, None, "nobody enters twice");
                self.card.members = *members;
            }
            Effect::Gone { user, members } => {
                assert_ne!(self.card.kind, RoomKind::Direct, "both stay");
                self.seats.remove(user).expect("only who is there can go");
                self.card.members = *members;
            }
            Effect::RoleSet { user, role } => self.seats.get_mut(user).expect("a member").role = *role,
            Effect::Sent { message, .. } => {
                if message.is_shadowed {
                    assert!(message.is_hidden, "it is kept from others");
                    self.numbered = message.seq;
                    happened(match self.card.kind {
                        RoomKind::Direct => "shadowed between two",
                        _ => "shadowed",
                    });
                } else {
                    self.card.last_seq = message.seq;
                    self.card.active_at = message.created_at;
                }
                self.check_writer(message.sender_id);
                if self.card.kind == RoomKind::Direct {
                    happened("sent between two");
                }
                let seat = self.seats.get_mut(&message.sender_id).expect("a member");
                (seat.delivered_seq, seat.read_seq) = (message.seq, message.seq);
                seat.sent_at = Some(message.created_at);
                let before = self.messages.insert(message.seq, (**message).clone());
                assert_eq!(before, None, "no number is given twice");
            }
            Effect::KeptForStaff(message) => {
                assert!(self.card.live_only && message.is_shadowed && message.seq == self.numbered + 1);
                self.numbered = message.seq;
                happened("kept for staff");
            }
            Effect::Disowned(id) => {
                let is_gone = |kept: &Message| kept.id == *id && kept.deleted_at.is_some();
                assert!(self.messages.values().any(is_gone), "only what is deleted already");
            }
            Effect::Restored { before, message } => {
                let kept = self.messages.get_mut(&message.seq).expect("a message");
                assert!(kept.version == *before && kept.deleted_at.is_some() && message.deleted_at.is_none());
                *kept = (**message).clone();
            }
            Effect::Edited { before, message, .. } | Effect::Deleted { before, message } => {
                happened(match (message.deleted_at, self.card.kind) {
                    (None, RoomKind::Room) => "edited in a room",
                    (None, RoomKind::Group) => "edited in a group",
                    (None, RoomKind::Direct) => "edited between two",
                    (None, _) => "edited in a party",
                    (Some(_), RoomKind::Room) => "deleted in a room",
                    (Some(_), RoomKind::Group) => "deleted in a group",
                    (Some(_), RoomKind::Direct) => "deleted between two",
                    (Some(_), _) => "deleted in a party",
                });
                if message.deleted_at.is_none() {
                    self.check_writer(message.sender_id);
                }
                let old = self.messages.insert(message.seq, (**message).clone()).expect("a message");
                assert_eq!((old.version, old.deleted_at), (*before, None), "the write would be refused");
                let kept = self.versions.insert((old.seq, old.version), old.text);
                assert_eq!(kept, None, "no version is counted twice");
            }
            Effect::Marked { user, delivered_seq, read_seq } => {
                let seat = self.seats.get_mut(user).expect("a member");
                assert!(*read_seq >= seat.read_seq && *delivered_seq >= seat.delivered_seq);
                (seat.delivered_seq, seat.read_seq) = (*delivered_seq, *read_seq);
            }
            Effect::Paced { user, at } => self.seats.get_mut(user).expect("a member").sent_at = Some(*at),
            Effect::Contact { user, contact } => {
                self.seats.get_mut(user).expect("a member").contact = *contact;
            }
            Effect::Audited(_) | Effect::Reopened { .. } => {}
        }
    }

    /// Those who are there, as they are loaded.
    pub fn loaded_seats(&self) -> BTreeMap<UserId, Seat> {
        let mut seats = self.seats.clone();
        for (user, seat) in &mut seats {
            let own = self.messages.get(&seat.read_seq);
            let own = own.filter(|message| message.is_shadowed && message.sender_id == *user);
            seat.unheard = own.map(|message| Unheard {
                seq: message.seq,
                heard: self.heard_until(message.seq - 1).map_or(0, |heard| heard.seq),
            });
        }
        seats
    }

    /// The last number of what is not heard, and its time, as they are loaded.
    pub fn loaded_numbered(&self) -> (i64, Option<Timestamp>) {
        (self.numbered, self.messages.get(&self.numbered).map(|message| message.created_at))
    }

    /// The last message up to this number that everybody hears.
    fn heard_until(&self, seq: i64) -> Option<&Message> {
        self.messages.range(..=seq).rev().map(|(_, message)| message).find(|message| !message.is_shadowed)
    }

    /// Where most only read, moderators write.
    fn check_writer(&self, sender: UserId) {
        if self.card.read_only {
            assert!(self.seats[&sender].role >= RoomRole::Moderator, "readers do not write");
            happened("sent to readers");
        }
    }

    /// A message as it was before its last change.
    pub fn before_the_last_change(&self, message: &Message) -> Option<Message> {
        let version = message.version - 1;
        let text = self.versions.get(&(message.seq, version))?.clone();
        Some(Message { text, version, deleted_at: None, ..message.clone() })
    }
}

/// What callers were answered, which no crash may take back, and what follows from it.
#[derive(Debug)]
pub(crate) struct Promised {
    /// Each version of each message, and what it said; `None` once it is deleted.
    said: BTreeMap<MessageId, Vec<Option<String>>>,
    /// Whom each message mentions.
    mentioned: BTreeMap<MessageId, Vec<UserId>>,
    /// What the room was last said to be.
    card: wire::Room,
    /// Up to where each member has read.
    read: BTreeMap<UserId, usize>,
}

impl Promised {
    /// To those who are there from the beginning nothing was said yet.
    pub fn new(stored: &Stored) -> Self {
        Self {
            said: BTreeMap::new(),
            mentioned: BTreeMap::new(),
            card: stored.card.clone(),
            read: stored.seats.keys().map(|user| (*user, 0)).collect(),
        }
    }

    pub fn note(&mut self, caller: Option<UserId>, command: &Command, reply: &Reply) {
        self.note_mentions(command, reply);
        if let Reply::Room(card) = reply {
            self.card = (**card).clone();
        }
        let (said, is_there) = (self.said.len(), |user: &UserId| self.read.contains_key(user));
        match (&command.act, reply, caller.as_ref()) {
            (Act::Send(_), Reply::Message(message), Some(sender)) => {
                if message.seq > 0 {
                    self.said.insert(message.id, vec![Some(message.text.clone())]);
                }
                self.read.insert(*sender, self.said.len());
            }
            (Act::Edit { .. }, Reply::Message(message), _) => {
                let versions = self.said.get_mut(&message.id).expect("a message that was sent");
                if versions.len() < message.version as usize {
                    versions.push(Some(message.text.clone()));
                }
            }
            (Act::Delete { before }, _, _) => {
                let versions = self.said.get_mut(&before.id).expect("a message that was sent");
                if versions.last() != Some(&None) {
                    versions.push(None);
                }
            }
            (Act::MarkRead { .. }, Reply::Marker(marker), Some(user)) => {
                let read = self.read.entry(*user).or_default();
                *read = (*read).max(marker.read_seq as usize);
                assert!(*read <= said, "nobody has read what was not said");
            }
            (Act::Join, _, Some(user)) | (Act::Add { user }, _, _) if !is_there(user) => {
                let by_themselves = matches!(command.act, Act::Join);
                assert!(!(by_themselves && is_hidden(&self.card)), "members are brought in");
                self.read.insert(*user, said);
            }
            // The conversation of two stays the other one's.
            (Act::Forget { .. }, _, _) if self.card.kind == RoomKind::Direct => {}
            (Act::Seat { users, .. }, _, _) => {
                for user in users {
                    self.read.entry(*user).or_insert(said);
                }
                self.read.retain(|user, _| users.contains(user));
            }
            (Act::Leave, _, Some(user)) | (Act::Kick { user } | Act::Forget { user }, _, _) => {
                self.read.remove(user);
            }
            _ => {}
        }
    }

    /// Of those a draft mentions, the ones who are there and not its sender are mentioned, each once and in order.
    fn note_mentions(&mut self, command: &Command, reply: &Reply) {
        let draft = match (&command.act, reply) {
            (Act::Send(draft), _) => draft,
            (Act::Edit { draft, keeps, .. }, _) if !keeps.mentions => draft,
            (Act::Delete { before }, _) => {
                self.mentioned.insert(before.id, Vec::new());
                return;
            }
            _ => return,
        };
        let Reply::Message(message) = reply else { return };
        let mut expected: Vec<UserId> = Vec::new();
        for user in &draft.mentions {
            if *user != message.sender_id && self.read.contains_key(user) && !expected.contains(user) {
                expected.push(*user);
            }
        }
        assert_eq!(message.mentions, expected, "whom {draft:?} mentions");
        if !expected.is_empty() {
            happened("mentioned");
        }
        if message.seq > 0 {
            self.mentioned.insert(message.id, expected);
        }
    }

    /// What the database does not hold of it.
    pub fn check(&self, stored: &Stored) -> Result<(), String> {
        if self.said.len() != stored.messages.len() {
            return Err(format!(
                "{} messages were sent, {} are there",
                self.said.len(),
                stored.messages.len()
            ));
        }
        for message in stored.messages.values() {
            if self.mentioned.get(&message.id) != Some(&message.mentions) {
                return Err(format!("{message:?} should mention {:?}", self.mentioned.get(&message.id)));
            }
            let Some(said) = self.said.get(&message.id) else {
                return Err(format!("{message:?} was not sent"));
            };
            let kept =
                (1..message.version).map(|version| stored.versions.get(&(message.seq, version)).cloned());
            let now = message.deleted_at.is_none().then(|| message.text.clone());
            if !kept.chain([now]).eq(said.iter().cloned()) {
                return Err(format!("{message:?} was, version by version, {said:?}"));
            }
        }
        for (user, seat) in &stored.seats {
            let last = stored.card.last_seq;
            let between = stored.messages.range(seat.read_seq + 1..last.max(seat.read_seq) + 1);
            let unheard = between.filter(|(_, message)| message.is_shadowed).count() as i64;
            let unread = (last - seat.read_seq - unheard).max(0);
            let read = self.read.get(user).copied().unwrap_or_default();
            let after = stored.messages.range(read as i64 + 1..);
            let expected = after.filter(|(_, message)| !message.is_shadowed).count();
            if unread != expected as i64 {
                return Err(format!("{user} has {expected} messages unread, and is told {unread}"));
            }
        }
        Ok(())
    }
}

/// What those believe who hear of the room's events: somebody who only listens to it and one of those who talk there, or each of the two
/// who talk.
#[derive(Debug)]
pub(crate) struct View {
    members: BTreeSet<UserId>,
    /// The newest message when they began to listen.
    from: i64,
    listeners: Vec<Listener>,
}

#[derive(Debug)]
struct Listener {
    topic: Topic,
    user: Option<UserId>,
    heard: Heard,
}

/// What was heard of messages: number, version unless it is gone, and text.
type Heard = BTreeMap<i64, (Option<i64>, String)>;

impl View {
    pub fn new(card: &wire::Room, numbered: i64, members: impl Iterator<Item = UserId>) -> Self {
        let members: BTreeSet<UserId> = members.collect();
        let listener = |topic, user| Listener { topic, user, heard: Heard::new() };
        let listeners = match card.kind {
            RoomKind::Direct => {
                members.iter().map(|user| listener(Topic::User(*user), Some(*user))).collect()
            }
            _ => [None, Some(user(0))].map(|user| listener(Topic::Room(card.id), user)).into(),
        };
        Self { members, from: numbered, listeners }
    }

    pub fn observe(&mut self, topic: &Topic, event: &Event, audience: &Audience) {
        for listener in self.listeners.iter_mut().filter(|listener| listener.topic == *topic) {
            let frame = crate::topics::Frame::to(None, event.clone(), audience.clone());
            if frame.is_for(listener.user) {
                listener.observe(event, self.from);
            }
        }
        match event {
            Event::MemberJoined(MemberChanged { member, .. }) => {
                self.members.insert(member.user_id);
            }
            Event::MemberLeft(gone) => {
                self.members.remove(&gone.user_id);
            }
            _ => {}
        }
    }

    /// What they believe that is not so.
    pub fn check(&self, stored: &Stored) -> Result<(), String> {
        for listener in &self.listeners {
            let since = stored.messages.range(self.from + 1..);
            let is_told =
                |message: &Message| !message.is_shadowed || listener.user == Some(message.sender_id);
            let is_so: Heard = since
                .filter(|(_, message)| is_told(message))
                .map(|(seq, message)| {
                    (*seq, (message.deleted_at.is_none().then_some(message.version), message.text.clone()))
                })
                .collect();
            if is_so != listener.heard {
                return Err(format!("{listener:?} believes that, {is_so:?} is so"));
            }
        }
        if !self.members.iter().eq(stored.seats.keys()) {
            return Err(format!("members are {:?}, believed {:?}", stored.seats.keys(), self.members));
        }
        Ok(())
    }
}

impl Listener {
    fn observe(&mut self, event: &Event, from: i64) {
        let messages = &mut self.heard;
        match event {
            // Of a room that keeps nothing.
            Event::MessageSent(message) if message.seq == 0 => happened("heard only"),
            Event::MessageSent(message) => {
                assert!(!message.is_shadowed && !message.is_hidden, "nobody is told why they are not heard");
                let last = messages.keys().next_back().copied().unwrap_or(from);
                assert!(message.seq > last, "each is told once, and in order");
                messages.insert(message.seq, (Some(message.version), message.text.clone()));
            }
            Event::MessageEdited(message) => {
                if let Some((version, text)) = messages.get_mut(&message.seq) {
                    assert_eq!(
                        version.map(|version| version + 1),
                        Some(message.version),
                        "an edit is missing"
                    );
                    (*version, *text) = (Some(message.version), message.text.clone());
                }
            }
            Event::MessageDeleted(MessageDeleted { seq, .. }) => {
                if let Some((version, text)) = messages.get_mut(seq) {
                    assert_ne!(*version, None, "nothing is deleted twice");
                    (*version, *text) = (None, String::new());
                }
            }
            _ => {}
        }
    }
}
