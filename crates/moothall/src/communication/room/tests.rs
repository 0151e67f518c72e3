//! The room alone: driven at random through crashes, lost writes and repeated requests.

use std::collections::{BTreeMap, BTreeSet};

use moothall_protocol::communication::{MemberChanged, RoomRole};
use moothall_protocol::{Id, Timestamp};

use super::*;
use crate::Random;
use crate::communication::rooms::{blank, seat};
use crate::runtime::simulator::{self, Simulated};

/// What the database holds of a room.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    card: wire::Room,
    seats: BTreeMap<UserId, Seat>,
    messages: BTreeMap<i64, Message>,
}

/// What somebody believes who hears all of the room's events.
#[derive(Debug)]
pub(crate) struct View {
    members: BTreeSet<UserId>,
    messages: BTreeMap<i64, String>,
}

const USERS: u64 = 6;

fn user(number: u64) -> UserId {
    UserId::from_uuid(uuid::Uuid::from_u128(u128::from(number) + 1))
}

fn rules() -> Rules {
    Rules { members_max: 5, edit_window: Duration::from_secs(60) }
}

impl Simulated for Room {
    type Stored = Stored;
    type View = View;

    fn create(id: Id<kind::Room>, _: &dyn Random) -> Stored {
        let now = Timestamp::from_micros(1_795_000_000_000_000);
        let owner = user(0);
        Stored {
            card: wire::Room { slow_mode_ms: 500, ..blank(id, RoomKind::Room, 1, now) },
            seats: BTreeMap::from([(owner, seat(RoomRole::Owner, now))]),
            messages: BTreeMap::new(),
        }
    }

    fn apply(stored: &mut Stored, effect: &Effect) {
        match effect {
            Effect::Described(card) => {
                let (last_seq, active_at, members) =
                    (stored.card.last_seq, stored.card.active_at, stored.card.members);
                stored.card = wire::Room { last_seq, active_at, members, ..(**card).clone() };
            }
            Effect::Entered { user, seat, members, .. } => {
                let before = stored.seats.insert(*user, seat.clone());
                assert_eq!(before, None, "nobody enters twice");
                stored.card.members = *members;
            }
            Effect::Gone { user, members } => {
                stored.seats.remove(user).expect("only who is there can go");
                stored.card.members = *members;
            }
            Effect::RoleSet { user, role } => stored.seats.get_mut(user).expect("a member").role = *role,
            Effect::Sent(message) => {
                stored.card.last_seq = message.seq;
                stored.card.active_at = message.created_at;
                let seat = stored.seats.get_mut(&message.sender_id).expect("a member");
                (seat.delivered_seq, seat.read_seq) = (message.seq, message.seq);
                seat.sent_at = Some(message.created_at);
                let before = stored.messages.insert(message.seq, (**message).clone());
                assert_eq!(before, None, "no number is given twice");
            }
            Effect::Edited { message, .. } | Effect::Deleted { message, .. } => {
                stored.messages.insert(message.seq, (**message).clone());
            }
            Effect::Marked { user, delivered_seq, read_seq } => {
                let seat = stored.seats.get_mut(user).expect("a member");
                assert!(*read_seq >= seat.read_seq && *delivered_seq >= seat.delivered_seq);
                (seat.delivered_seq, seat.read_seq) = (*delivered_seq, *read_seq);
            }
            Effect::Paced { user, at } => stored.seats.get_mut(user).expect("a member").sent_at = Some(*at),
            Effect::Audited(_) | Effect::Reopened { .. } => {}
        }
    }

    fn restore(_: Id<kind::Room>, stored: &Stored) -> Self {
        Self::new(stored.card.clone(), stored.seats.clone(), rules())
    }

    fn command(&self, random: &dyn Random) -> (Option<UserId>, Command) {
        let caller = user(random.below(USERS));
        let other = user(random.below(USERS));
        let power = match random.below(20) {
            0 => Power::Staff { reason: Some("for the test".to_owned()) },
            _ => Power::Member,
        };
        let act = match random.below(26) {
            0..=2 => Act::Join,
            3 => Act::Leave,
            4 => Act::Kick { user: other },
            5 => {
                let role = [RoomRole::Member, RoomRole::Moderator, RoomRole::Owner];
                Act::SetRole { user: other, role: role[random.below(3) as usize] }
            }
            6 => {
                let change = Change { slow_mode_ms: Some(random.below(3) as u32 * 400), ..Change::default() };
                Act::Update(change)
            }
            7 => Act::MarkRead { seq: random.below(200) as i64 },
            8 => Act::Type,
            9 => Act::MarkDelivered { seq: random.below(200) as i64 },
            10 => Act::Add { user: other },
            11 => Act::Forget { user: other },
            12 => Act::Archive,
            13 | 14 => Act::Restore,
            _ => Act::Send(Draft { text: random.below(1 << 40).to_string(), ..Draft::default() }),
        };
        // The server itself says that an account is gone.
        let caller = if matches!(act, Act::Forget { .. }) { None } else { Some(caller) };
        (caller, Command { power, act })
    }

    fn view(&self) -> View {
        View { members: self.seats.keys().copied().collect(), messages: BTreeMap::new() }
    }

    fn observe(view: &mut View, event: &Event) {
        match event {
            Event::MessageSent(message) => {
                let before = view.messages.insert(message.seq, message.text.clone());
                assert_eq!(before, None, "nothing is told twice");
            }
            Event::MemberJoined(MemberChanged { member, .. }) => {
                view.members.insert(member.user_id);
            }
            Event::MemberLeft(gone) => {
                view.members.remove(&gone.user_id);
            }
            _ => {}
        }
    }

    fn check(&self, stored: &Stored, view: &View) -> Result<(), String> {
        let last = self.card.last_seq;
        if last != stored.messages.len() as i64 || stored.messages.keys().copied().ne(1..=last) {
            return Err(format!("messages are not numbered 1 to {last}: {:?}", stored.messages.keys()));
        }
        let times: Vec<Timestamp> = stored.messages.values().map(|message| message.created_at).collect();
        if !times.is_sorted() {
            return Err("times go back".to_owned());
        }
        if view.messages.iter().any(|(seq, text)| stored.messages.get(seq).map(|m| &m.text) != Some(text)) {
            return Err("something was told that is not stored".to_owned());
        }
        let members: BTreeSet<UserId> = self.seats.keys().copied().collect();
        if members != view.members || members != stored.seats.keys().copied().collect() {
            return Err(format!("members are {members:?}, believed {:?}", view.members));
        }
        if self.card.members as usize != self.seats.len() || self.seats.len() > rules().members_max {
            return Err(format!("{} members are counted as {}", self.seats.len(), self.card.members));
        }
        if !self.seats.is_empty() && self.owners() == 0 {
            return Err("nobody looks after the room".to_owned());
        }
        Ok(())
    }
}

#[test]
fn a_room_keeps_its_promises_through_crashes_and_lost_writes() {
    for seed in 0..16 {
        let report = simulator::run::<Room>(seed, 3, 5_000).unwrap_or_else(|failure| panic!("{failure}"));
        assert!(report.accepted > 200 && report.crashes > 10 && report.lost_writes > 5, "{report:?}");
    }
}
