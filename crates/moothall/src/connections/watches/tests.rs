//! Watches alone: what is told to how many, how often it is put together, and when.

use moothall_protocol::Timestamp;
use moothall_protocol::connections::{Resumed, Visibility};
use moothall_protocol::limits::WATCHED_USERS_MAX;

use super::*;
use crate::FakeClock;
use crate::topics::{Frame, Reader};

fn user(number: usize) -> UserId {
    UserId::from_uuid(uuid::Uuid::from_u128(number as u128 + 1))
}

/// A user who says this of themselves.
fn own(number: usize, text: &str) -> OwnPresence {
    let presence = Shown { is_online: true, text: Some(text.to_owned()), ..presence::offline(user(number)) };
    OwnPresence { update_id: 1, presence, visibility: Visibility::Visible, last_disconnected_at: None }
}

struct Table {
    watches: Watches,
    topics: Topics,
}

impl Table {
    fn new() -> Self {
        let clock = FakeClock::at(Timestamp::from_micros(0));
        Self { watches: Watches::default(), topics: Topics::new(clock) }
    }

    /// A session that watches the first so many users.
    fn watch(&self, number: usize, count: usize) -> (WatchId, Reader) {
        let (id, _, reader) = self.watch_all_but(number, count, &[]);
        (id, reader)
    }

    /// A session that watches them and may not see some of them, with the version it goes by.
    fn watch_all_but(&self, number: usize, count: usize, hidden: &[usize]) -> (WatchId, u64, Reader) {
        let outbox = self.topics.outbox(user(number));
        let epoch = outbox.restart();
        let first = Event::SessionResumed(Resumed { missed: 0 });
        let reader = outbox.begin(epoch, Arc::new(Frame::new(None, first))).unwrap();
        reader.take(1).unwrap();
        let users: Vec<UserId> = (0..count).map(user).collect();
        let numbers = (0..count).filter(|number| !hidden.contains(number));
        let visible: HashSet<UserId> = numbers.map(user).collect();
        let new = WatchId::from_uuid(uuid::Uuid::now_v7());
        let (id, version, _) = self.watches.add(new, user(number), &visible, &users, |id| {
            self.topics.subscribe(Topic::Presence(id), &outbox);
            true
        });
        (id, version, reader)
    }

    fn tell(&self, tick: u64) {
        self.watches.tell(&self.topics, TICK * tick as u32);
    }
}

fn heard(reader: &Reader) -> Vec<Arc<Frame>> {
    reader.take(usize::MAX).unwrap().into_iter().map(|(_, frame)| frame).collect()
}

#[test]
fn a_hundred_who_watch_the_same_hear_of_fifty_who_change_in_one_event_that_was_encoded_once() {
    let table = Table::new();
    let watching: Vec<Reader> = (0..100).map(|number| table.watch(number, 60).1).collect();
    for text in ["one", "two", "three"] {
        for number in 0..50 {
            table.watches.show(&own(number, text));
        }
    }
    assert_eq!(table.watches.inner.lock().changed.len(), 50, "each is noted once, whoever watches");
    table.tell(1);
    let all: Vec<Vec<Arc<Frame>>> = watching.iter().map(heard).collect();
    let [first] = all[0].as_slice() else { panic!("one event") };
    for heard in &all {
        assert!(heard.len() == 1 && Arc::ptr_eq(&heard[0], first), "all have the same one");
    }
    let Event::PresenceChanged(changed) = first.event() else { panic!("{first:?}") };
    assert_eq!((changed.version, changed.users.len()), (2, 50));
    assert!(changed.users.iter().all(|shown| shown.text.as_deref() == Some("three")));
    table.tell(2);
    assert!(heard(&watching[0]).is_empty(), "told once");
}

#[test]
fn who_watches_many_hears_of_them_more_rarely() {
    let table = Table::new();
    let sizes = [PRESENCE_BATCH_USERS, PRESENCE_BATCH_USERS + 1, WATCHED_USERS_MAX];
    let watching = sizes.map(|size| table.watch(size, size).1);
    let mut ticks = sizes.map(|_| Vec::new());
    for tick in 1..=24 {
        table.watches.show(&own(0, &tick.to_string()));
        table.tell(tick);
        for (reader, ticks) in watching.iter().zip(&mut ticks) {
            ticks.extend(heard(reader).iter().map(|_| tick));
        }
    }
    assert_eq!(ticks[0], (1..=24).collect::<Vec<_>>());
    assert_eq!(ticks[1], (1..=12).map(|number| number * 2).collect::<Vec<_>>());
    assert_eq!(ticks[2], (1..=6).map(|number| number * 4).collect::<Vec<_>>());
}

#[test]
fn a_watch_is_shared_while_anybody_has_it_and_leaves_nothing_behind() {
    let table = Table::new();
    let (first, _one) = table.watch(1, 3);
    let (second, _two) = table.watch(2, 3);
    let (other, _three) = table.watch(3, 4);
    assert!(first == second && first != other);
    table.watches.show(&own(0, "here"));
    table.watches.inner.lock().gather(1);
    for (number, id) in [(1, first), (2, second), (3, other)] {
        table.watches.remove(id, user(number));
    }
    assert_eq!(table.watches.leftovers(), [0, 0, 1]);
    table.tell(9);
    let (again, _four) = table.watch(4, 3);
    assert_ne!(again, first, "the next one is new");
}

/// The versions of what was heard, with who changed and whether they look online.
fn changes(reader: &Reader) -> Vec<(u64, Vec<(UserId, bool)>)> {
    let changes = heard(reader).into_iter().map(|frame| match frame.event() {
        Event::PresenceChanged(changed) => {
            let users = changed.users.iter().map(|shown| (shown.user_id, shown.is_online));
            (changed.version, users.collect())
        }
        other => panic!("{other:?}"),
    });
    changes.collect()
}

#[test]
fn neither_events_nor_versions_tell_of_whom_a_viewer_may_not_see() {
    let table = Table::new();
    let (shared, open) = table.watch(10, 2);
    let (mine, version, masked) = table.watch_all_but(11, 2, &[0]);
    assert_eq!((mine, version), (shared, 1));
    for (tick, text) in [(1, "one"), (2, "two"), (3, "three")] {
        table.watches.show(&own(0, text));
        table.tell(tick);
    }
    assert_eq!((changes(&open).len(), changes(&masked)), (3, vec![]));
    assert_eq!(table.watch_all_but(11, 2, &[0]).1, 1, "nor does asking again");
    table.watches.show(&own(1, "one"));
    table.tell(4);
    assert_eq!(changes(&open), [(5, vec![(user(1), true)])], "1, and four changes");
    assert_eq!(changes(&masked), [(2, vec![(user(1), true)])]);
    // Who may see more again goes by the same versions, and never by those of the others, which would say how much there was.
    table.watches.revise_sight(user(11), user(0), true);
    table.tell(5);
    assert_eq!((changes(&open), changes(&masked)), (vec![], vec![(3, vec![(user(0), true)])]));
    table.watches.remove(mine, user(11));
    table.watches.remove(mine, user(11));
    let (again, version, _reader) = table.watch_all_but(11, 2, &[]);
    assert_eq!((again, version), (shared, 3), "they go on by their own");
}

#[test]
fn who_sees_less_while_they_watch_goes_by_versions_of_their_own_until_they_leave() {
    let table = Table::new();
    let (shared, open) = table.watch(10, 1);
    let many: Vec<Reader> = (11..14).map(|number| table.watch(number, 1).1).collect();
    table.watches.show(&own(0, "one"));
    table.tell(1);
    for number in 11..14 {
        table.watches.revise_sight(user(number), user(0), false);
    }
    for (tick, text) in [(2, "two"), (3, "three")] {
        table.watches.show(&own(0, text));
        table.tell(tick);
    }
    assert_eq!(changes(&open).iter().map(|(version, _)| *version).collect::<Vec<_>>(), [2, 3, 4]);
    let told: Vec<Vec<Arc<Frame>>> = many.iter().map(heard).collect();
    let is_shared = |one: &Vec<Arc<Frame>>| one.len() == 2 && Arc::ptr_eq(&one[1], &told[0][1]);
    assert!(told.iter().all(is_shared), "put together once");
    // Back and forth between two events is no news.
    for is_seen in [true, false] {
        table.watches.revise_sight(user(11), user(0), is_seen);
    }
    table.tell(4);
    assert_eq!((changes(&open), changes(&many[0])), (vec![], vec![]));
    table.watches.remove(shared, user(11));
    let (again, version, _reader) = table.watch_all_but(11, 1, &[]);
    assert_eq!((again, version), (shared, 3), "they go on by their own");
}

#[test]
fn who_went_just_before_they_hid_does_not_look_online_for_ever() {
    let table = Table::new();
    let (_, reader) = table.watch(10, 1);
    table.watches.show(&own(0, "one"));
    table.tell(1);
    let gone = OwnPresence { visibility: Visibility::Invisible, ..own(0, "one") };
    table.watches.show(&gone);
    table.watches.revise_sight(user(10), user(0), false);
    table.tell(2);
    assert_eq!(changes(&reader), [(2, vec![(user(0), true)]), (3, vec![(user(0), false)])]);
}

#[test]
fn who_may_not_see_all_leaves_nothing_behind() {
    let table = Table::new();
    let (id, _, _reader) = table.watch_all_but(1, 3, &[0, 1]);
    table.watches.show(&own(0, "here"));
    table.tell(1);
    table.watches.remove(id, user(1));
    assert_eq!(table.watches.leftovers(), [0, 0, 1]);
}
