//! The room alone: driven at random through crashes, lost writes and repeated requests.

mod model;

use std::collections::BTreeMap;

use moothall_protocol::communication::RoomRole;
use moothall_protocol::{Id, Timestamp};

use self::model::{Promised, Stored, View};
use super::*;
use crate::Random;
use crate::communication::rooms::{blank, seat};
use crate::runtime::simulator::{self, Simulated};
use crate::testing::seeds;

const USERS: u64 = 6;

fn user(number: u64) -> UserId {
    UserId::from_uuid(uuid::Uuid::from_u128(u128::from(number) + 1))
}

fn rules() -> Rules {
    Rules { members_max: 5, edit_window: Duration::from_secs(60) }
}

impl Simulated for Room {
    type Stored = Stored;
    type Promised = Promised;
    type View = View;

    /// A room, a room whose messages are kept nowhere, a group of three, the conversation of two, or the
    /// room of a party of three. Rooms are for members only,
    /// or for moderators to write in, now and then.
    fn create(id: Id<kind::Room>, random: &dyn Random) -> Stored {
        let now = Timestamp::from_micros(1_795_000_000_000_000);
        let owner = (user(0), seat(RoomRole::Owner, now));
        let seats_of = |count| (0..count).map(|number| (user(number), seat(RoomRole::Member, now))).collect();
        let room = wire::Room {
            slow_mode_ms: 500,
            member_only: random.below(3) == 0,
            read_only: random.below(4) == 0,
            ..blank(id, RoomKind::Room, 1, now)
        };
        let (card, seats) = match random.below(6) {
            0 => (blank(id, RoomKind::Group, 3, now), seats_of(3)),
            1 => (blank(id, RoomKind::Direct, 2, now), seats_of(2)),
            3 => (blank(id, RoomKind::Party, 3, now), seats_of(3)),
            2 => (wire::Room { live_only: true, ..room }, [owner].into()),
            _ => (room, [owner].into()),
        };
        Stored { card, seats, messages: [].into(), numbered: 0, versions: [].into() }
    }

    fn apply(stored: &mut Stored, effect: &Effect) {
        stored.apply(effect);
    }

    fn restore(_: Id<kind::Room>, stored: &Stored) -> Self {
        Self::new(stored.card.clone(), stored.loaded_seats(), stored.loaded_numbered(), rules())
    }

    fn command(&self, stored: &Stored, random: &dyn Random) -> (Option<UserId>, Command) {
        let caller = user(random.below(USERS));
        let other = user(random.below(USERS));
        let is_staff = random.below(20) == 0;
        // Those who are here and those who are not, the sender, and now and then one of them twice.
        let mentions = (0..random.below(4)).map(|_| user(random.below(USERS))).collect();
        let is_shadowed = random.below(6) == 0;
        let text = random.below(1 << 40).to_string();
        let draft = Draft { text, mentions, is_shadowed, ..Draft::default() };
        // Nobody comes by themselves to where all have left and only members know of: there nothing more would happen.
        let is_last = is_hidden(&self.card) && self.seats.len() == 1;
        let act = match random.below(36) {
            0..=2 if self.card.kind.follows() => {
                let users =
                    (0..USERS).map(user).filter(|one| *one == other || random.below(2) == 0).collect();
                Act::Seat { users, version: self.seated + 1 }
            }
            0 | 1 if self.card.member_only => Act::Add { user: other },
            0..=2 => Act::Join,
            3 if !is_last => Act::Leave,
            4 => Act::Kick { user: other },
            5 => {
                let role = [RoomRole::Member, RoomRole::Moderator, RoomRole::Owner];
                Act::SetRole { user: other, role: role[random.below(3) as usize] }
            }
            6 => {
                let mut change = Change::default();
                match random.below(4) {
                    0 => change.member_only = Some(random.below(3) == 0),
                    1 => change.read_only = Some(random.below(3) == 0),
                    _ => change.slow_mode_ms = Some(random.below(3) as u32 * 400),
                }
                Act::Update(change)
            }
            7 => Act::MarkRead { seq: random.below(200) as i64 },
            8 => Act::Type { is_unseen: is_shadowed },
            9 => Act::MarkDelivered { seq: random.below(200) as i64 },
            10 => Act::Add { user: other },
            11 if !is_last => Act::Forget { user: other },
            12 if random.below(4) == 0 => Act::Archive,
            12 => Act::ArchiveEmpty { silent_since: self.card.active_at },
            13 | 14 => Act::Restore,
            15..=24 => match self.read_before(stored, random) {
                Some(before) if random.below(4) == 0 => Act::Delete { before: Box::new(before) },
                Some(before) => {
                    let if_version = (random.below(3) == 0).then_some(before.version);
                    let keeps = Keeps { attachments: true, mentions: random.below(2) == 0 };
                    let act = Act::Edit {
                        before: Box::new(before.clone()),
                        draft: Draft { if_version, ..draft },
                        keeps,
                    };
                    // Mostly by whoever wrote it, as all others are refused.
                    let caller = if random.below(4) == 0 { caller } else { before.sender_id };
                    return (Some(caller), Command { power: Power::Member, act });
                }
                None => Act::Send(draft),
            },
            _ => Act::Send(draft),
        };
        // Only staff opens a room again, and without that nothing more would happen there.
        let is_staff = is_staff || matches!(act, Act::Restore);
        let reason = Some("for the test".to_owned());
        let power = if is_staff { Power::Staff { reason } } else { Power::Member };
        // The server itself says that an account is gone, and who is in a party.
        let caller = if matches!(act, Act::Forget { .. } | Act::Seat { .. }) { None } else { Some(caller) };
        (caller, Command { power, act })
    }

    fn again(stored: &Stored, mut command: Command) -> Command {
        if let Act::Edit { before, .. } | Act::Delete { before } = &mut command.act
            && let Some(newest) = stored.messages.get(&before.seq)
        {
            newest.clone_into(before);
        }
        command
    }

    fn promised(stored: &Stored) -> Promised {
        Promised::new(stored)
    }

    fn answer(promised: &mut Promised, caller: Option<UserId>, command: &Command, reply: &Reply) {
        promised.note(caller, command, reply);
    }

    fn view(&self) -> View {
        View::new(&self.card, self.numbered, self.seats.keys().copied())
    }

    fn observe(view: &mut View, topic: &Topic, event: &Event) {
        view.observe(topic, event, &Audience::All);
    }

    fn observe_for(view: &mut View, topic: &Topic, event: &Event, audience: &Audience) {
        view.observe(topic, event, audience);
    }

    fn check(&self, stored: &Stored, promised: &Promised, view: &View) -> Result<(), String> {
        promised.check(stored)?;
        view.check(stored)?;
        let last = self.card.last_seq;
        if self.card.live_only && (last > 0 || !stored.messages.is_empty()) {
            return Err("something is kept of what should be only heard".to_owned());
        }
        let numbered = self.numbered;
        if numbered != stored.numbered.max(last) {
            return Err(format!("the last number is {numbered}, stored {} and {last}", stored.numbered));
        }
        if !self.card.live_only && stored.messages.keys().copied().ne(1..=numbered) {
            return Err(format!("messages are not numbered 1 to {numbered}: {:?}", stored.messages.keys()));
        }
        let is_heard = |message: &&Message| !message.is_shadowed;
        let newest = stored.messages.values().rev().find(is_heard);
        if last != newest.map_or(0, |newest| newest.seq) {
            return Err(format!("{newest:?} is the newest that is heard, and {last} said to be"));
        }
        for (user, seat) in &self.seats {
            let shown = [seat.shown(seat.read_seq), seat.shown(seat.delivered_seq)];
            let is_own = |seq: &i64| {
                stored
                    .messages
                    .get(seq)
                    .is_some_and(|message| message.is_shadowed && message.sender_id == *user)
            };
            if !self.card.live_only && shown.iter().any(is_own) {
                return Err(format!("others are shown that {user} read what only they see: {shown:?}"));
            }
            let card = self.card_of(Some(*user));
            let own = stored
                .messages
                .values()
                .rev()
                .find(|message| !message.is_shadowed || message.sender_id == *user);
            if seat.read_seq >= last && own.is_some_and(|own| own.seq == seat.read_seq) {
                let own = own.map(|own| (own.seq, own.created_at));
                if own != Some((card.last_seq, card.active_at)) {
                    return Err(format!("{user} wrote {own:?}, and is told of {card:?}"));
                }
            }
        }
        if !stored.messages.values().map(|message| message.created_at).is_sorted() {
            return Err("times go back".to_owned());
        }
        let seats: BTreeMap<UserId, Seat> = self.seats.clone().into_iter().collect();
        let marks = |seats: &BTreeMap<UserId, Seat>| -> Vec<_> {
            seats.iter().map(|(user, seat)| (*user, seat.role, seat.read_seq, seat.delivered_seq)).collect()
        };
        if marks(&seats) != marks(&stored.seats) {
            return Err(format!("members are {seats:?} in memory, {:?} stored", stored.seats));
        }
        if self.card.members as usize != self.seats.len() || self.seats.len() > self.members_max() {
            return Err(format!("{} members are counted as {}", self.seats.len(), self.card.members));
        }
        if self.card.kind == RoomKind::Room && !self.seats.is_empty() && self.owners() == 0 {
            return Err("nobody looks after the room".to_owned());
        }
        Ok(())
    }
}

impl Room {
    /// A message as somebody has just read it; since then the room may have changed it.
    fn read_before(&self, stored: &Stored, random: &dyn Random) -> Option<Message> {
        // Mostly one of the latest: older ones can no longer be edited.
        let count = stored.messages.len() as u64;
        let back = random.below(if random.below(4) == 0 { count } else { count.min(5) }.max(1));
        let message = stored.messages.get(&(count.checked_sub(back)? as i64))?;
        let is_known = self.changed.iter().any(|changed| changed.id == message.id);
        let older = stored.before_the_last_change(message).filter(|_| is_known && random.below(2) == 0);
        Some(older.unwrap_or_else(|| message.clone()))
    }
}

#[test]
fn a_room_keeps_its_promises_through_crashes_and_lost_writes() {
    let seeds = seeds(12);
    let is_one = seeds.end - seeds.start == 1;
    for seed in seeds {
        let report = simulator::run::<Room>(seed, 4, 2_500).unwrap_or_else(|failure| panic!("{failure}"));
        assert!(report.accepted > 200 && report.crashes > 10 && report.lost_writes > 3, "{report:?}");
    }
    let happened = model::HAPPENED.lock();
    for what in [
        "edited in a room",
        "edited in a group",
        "edited between two",
        "deleted in a room",
        "deleted in a group",
        "deleted between two",
        "edited in a party",
        "deleted in a party",
        "sent between two",
        "sent to readers",
        "mentioned",
        "brought into a room",
        "heard only",
        "shadowed",
        "shadowed between two",
        "kept for staff",
    ] {
        assert!(is_one || happened.get(what).is_some_and(|count| *count > 20), "{what}: {happened:?}");
    }
}

#[test]
fn a_room_that_follows_goes_by_the_latest_version_whichever_comes_first_until_it_is_over() {
    let id = Id::from_uuid(uuid::Uuid::from_u128(7));
    let now = Timestamp::from_micros(1_795_000_000_000_000);
    let random = crate::SeededRandom::from_seed(1);
    let first = [(user(0), seat(RoomRole::Member, now))];
    let mut room = Room::new(blank(id, RoomKind::Party, 1, now), first, (0, None), rules());
    let mut told = |users: &[u64], version| {
        let users = users.iter().copied().map(user).collect();
        let act = if version == i64::MAX { Act::Unseat } else { Act::Seat { users, version } };
        let mut turn = Turn::new(now, None, &*random);
        room.handle(&Command { power: Power::Member, act }, &mut turn).unwrap();
        let mut here: Vec<UserId> = room.seats.keys().copied().collect();
        here.sort_unstable();
        (here, room.card.archived_at.is_some())
    };
    assert_eq!(told(&[0, 1], 3), (vec![user(0), user(1)], false));
    assert_eq!(told(&[0], 2), (vec![user(0), user(1)], false), "what is past is past");
    assert_eq!(told(&[2], 4), (vec![user(2)], false), "all others at once");
    assert_eq!(told(&[], 5), (vec![], false), "somebody may come again");
    assert_eq!(told(&[1], 6), (vec![user(1)], false));
    assert_eq!(told(&[], i64::MAX), (vec![], true));
    assert_eq!(told(&[0], 8), (vec![], true), "whoever comes late finds it closed");
}
