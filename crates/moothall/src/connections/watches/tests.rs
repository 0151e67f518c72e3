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

fn watch_id(number: usize) -> WatchId {
    WatchId::from_uuid(uuid::Uuid::from_u128(number as u128 + 1))
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
        let outbox = self.topics.outbox(user(number));
        let epoch = outbox.restart();
        let first = Event::SessionResumed(Resumed { missed: 0 });
        let reader = outbox.begin(epoch, Arc::new(Frame::new(None, first))).unwrap();
        reader.take(1).unwrap();
        let users: Vec<UserId> = (0..count).map(user).collect();
        let (viewer, visible) = (user(number), users.iter().copied().collect());
        let (id, ..) = self.watches.add(watch_id(number), viewer, &visible, &users, |id| {
            self.topics.subscribe(Topic::Presence(id), &outbox);
            true
        });
        (id, reader)
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
    assert_eq!(again, watch_id(4), "the next one is new");
}
