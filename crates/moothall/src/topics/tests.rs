use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use moothall_protocol::communication::{Member, MemberChanged, MemberGone, RoomRole};
use moothall_protocol::connections::Resumed;
use moothall_protocol::limits::{
    EVENTS_GATHERED_MAX, MEMBERS_TOLD_AT_ONCE_MAX, MEMBERS_TOLD_MS_MAX, RELAY_TICK_MS,
};
use moothall_protocol::matches::{Opaque, Relayed};
use moothall_protocol::{Id, Timestamp};
use uuid::Uuid;

use super::*;
use crate::FakeClock;

fn id<K>(n: usize) -> Id<K> {
    Id::from_uuid(Uuid::from_u128(n as u128 + 1))
}

/// Topics of a clock that stands still, and the reader of one listener each.
struct Stage {
    clock: Arc<FakeClock>,
    topics: Topics,
}

impl Stage {
    fn new() -> Self {
        let clock = FakeClock::at(Timestamp::from_micros(0));
        Self { topics: Topics::new(clock.clone()), clock }
    }

    fn listeners(&self, topic: &Topic, count: usize) -> Vec<Reader> {
        (0..count)
            .map(|n| {
                let outbox = self.topics.outbox(id(n));
                self.topics.subscribe(topic.clone(), &outbox);
                begun(&outbox)
            })
            .collect()
    }

    /// Lets the time pass and hands on what is due, as the task beside the hall does.
    fn pass(&self, time: Duration) {
        self.clock.advance(time);
        for topic in self.topics.gathering.take_due(self.clock.elapsed()) {
            self.topics.tell_gathered(self.topics.shard(&topic), &topic);
        }
    }
}

fn begun(outbox: &Arc<Outbox>) -> Reader {
    let epoch = outbox.restart();
    let reader = outbox.begin(epoch, Arc::new(Frame::new(None, numbered(0)))).unwrap();
    reader.take(1).unwrap();
    reader
}

fn numbered(n: u64) -> Event {
    Event::SessionResumed(Resumed { missed: n })
}

fn events(reader: &Reader) -> Vec<Event> {
    reader.take(usize::MAX).unwrap().iter().map(|(_, frame)| frame.event().clone()).collect()
}

fn joined(room: RoomId, n: usize) -> Event {
    let member = Member {
        user_id: id(n),
        role: RoomRole::Member,
        joined_at: Timestamp::from_micros(0),
        delivered_seq: None,
        read_seq: None,
    };
    Event::MemberJoined(MemberChanged { room_id: room, member })
}

fn left(room: RoomId, n: usize) -> Event {
    Event::MemberLeft(MemberGone { room_id: room, user_id: id(n), is_kicked: false })
}

#[test]
fn a_small_room_tells_of_each_member_at_once() {
    let stage = Stage::new();
    let topic = Topic::Room(id(7));
    let readers = stage.listeners(&topic, MEMBERS_TOLD_AT_ONCE_MAX);
    stage.topics.publish(topic, joined(id(7), 99));
    assert_eq!(events(&readers[0]), [joined(id(7), 99)]);
}

#[test]
fn a_large_room_tells_of_many_members_in_one_event_and_of_each_as_they_stand() {
    let stage = Stage::new();
    let (room, topic) = (id(7), Topic::Room(id(7)));
    let count = MEMBERS_TOLD_AT_ONCE_MAX + 1;
    let readers = stage.listeners(&topic, count);
    for event in [joined(room, 100), joined(room, 101), left(room, 100), numbered(1), joined(room, 102)] {
        stage.topics.publish(topic.clone(), event);
    }
    assert_eq!(events(&readers[0]), [numbered(1)], "what does not wait is not held up");
    stage.pass(Duration::from_millis(count as u64 - 1));
    assert!(events(&readers[0]).is_empty());
    stage.pass(Duration::from_millis(1));
    for reader in &readers {
        let told = events(reader);
        let Some(Event::MembersChanged(changed)) = told.last() else { panic!("{told:?}") };
        assert_eq!(
            changed.members.iter().map(|member| member.user_id).collect::<Vec<_>>(),
            [id(101), id(102)]
        );
        assert_eq!(changed.gone.iter().map(|gone| gone.user_id).collect::<Vec<_>>(), [id(100)]);
    }
    stage.topics.publish(topic, joined(room, 103));
    stage.pass(Duration::from_millis(MEMBERS_TOLD_MS_MAX as u64));
    assert_eq!(events(&readers[0]), [joined(room, 103)], "one alone is told as what it is");
}

#[test]
fn a_room_of_any_size_tells_of_its_members_within_seconds() {
    let event = joined(id(7), 1);
    for (listeners, ms) in [(1_000, 1_000), (10_000, MEMBERS_TOLD_MS_MAX)] {
        assert_eq!(gather::wait(&event, listeners), Some(Duration::from_millis(ms as u64)));
    }
}

#[test]
fn a_storm_of_joins_is_told_in_portions_and_nothing_is_lost() {
    let stage = Stage::new();
    let (room, topic) = (id(7), Topic::Room(id(7)));
    let readers = stage.listeners(&topic, 1_000);
    for n in 0..1_000 {
        stage.topics.publish(topic.clone(), joined(room, 10_000 + n));
    }
    stage.pass(Duration::from_secs(5));
    for reader in &readers {
        let told = events(reader);
        assert_eq!(told.len(), 1_000 / EVENTS_GATHERED_MAX);
        let members: usize = told
            .iter()
            .map(|event| match event {
                Event::MembersChanged(changed) => changed.members.len(),
                other => panic!("{other:?}"),
            })
            .sum();
        assert_eq!(members, 1_000);
    }
}

#[test]
fn what_is_relayed_waits_for_its_tick_and_reaches_those_it_is_for_in_order() {
    let stage = Stage::new();
    let topic = Topic::Match(id(3));
    let readers = stage.listeners(&topic, 3);
    let relayed = |from: usize, n: u8| Event::Relayed(Relayed { from: id(from), data: Opaque(vec![n]) });
    stage.topics.publish_to(topic.clone(), relayed(0, 1), Audience::Except(id(0)));
    stage.topics.publish_to(topic.clone(), relayed(1, 2), Audience::Only([id(2)].into()));
    stage.topics.publish_to(topic, relayed(2, 3), Audience::All);
    assert!(readers.iter().all(|reader| events(reader).is_empty()));
    stage.pass(Duration::from_millis(RELAY_TICK_MS as u64));
    let heard: Vec<_> = readers.iter().map(events).collect();
    assert_eq!(heard[0], [relayed(2, 3)]);
    assert_eq!(heard[1], [relayed(0, 1), relayed(2, 3)]);
    assert_eq!(heard[2], [relayed(0, 1), relayed(1, 2), relayed(2, 3)]);
}

#[test]
fn subscribing_and_leaving_find_their_place_among_many() {
    let stage = Stage::new();
    let topic = Topic::Room(id(1));
    let outboxes: Vec<_> = (0..2_000).map(|n| stage.topics.outbox(id(n))).collect();
    for outbox in outboxes.iter().chain(&outboxes) {
        stage.topics.subscribe(topic.clone(), outbox);
    }
    assert_eq!(stage.topics.subscriptions(), outboxes.len(), "twice is as once");
    for outbox in outboxes.iter().step_by(2) {
        stage.topics.unsubscribe(&topic, outbox);
        stage.topics.unsubscribe(&topic, outbox);
    }
    assert_eq!(stage.topics.subscriptions(), outboxes.len() / 2);
    drop(outboxes);
    stage.topics.publish(topic, numbered(1));
    assert_eq!(stage.topics.subscriptions(), 0, "whom nobody owns any more is forgotten");
}

#[tokio::test]
async fn a_quiet_socket_is_woken_at_once_and_a_busy_one_at_the_next_tick() {
    let stage = Stage::new();
    let topic = Topic::User(id(0));
    let readers = stage.listeners(&topic, 1);
    let reader = &readers[0];
    let is_due = || poll_fn(|task| Poll::Ready(reader.poll_changed(task).is_ready()));
    let pacer = Arc::clone(&stage.topics.pacer);
    let pace = tokio::spawn(async move { pacer.run().await });
    // The first event of the stream was just taken: that counts as a write.
    tokio::time::sleep(Duration::from_millis(20)).await;
    stage.topics.publish(topic.clone(), numbered(1));
    assert!(is_due().await, "it was quiet");
    assert_eq!(events(reader), [numbered(1)]);
    stage.topics.publish(topic.clone(), numbered(2));
    stage.topics.publish(topic, numbered(3));
    assert!(!is_due().await, "something was written just before");
    reader.changed().await;
    assert_eq!(events(reader), [numbered(2), numbered(3)], "and what came meanwhile leaves together");
    pace.abort();
}

/// One worker: whoever it keeps waiting, waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_conversation_has_its_turn_while_a_room_of_thousands_is_told() {
    const MEMBERS: usize = 5_000;
    let stage = Stage::new();
    let room = Topic::Room(id(1));
    let written = Arc::new(AtomicUsize::new(0));
    for reader in stage.listeners(&room, MEMBERS) {
        let written = Arc::clone(&written);
        tokio::spawn(async move {
            reader.changed().await;
            // As long as a system call.
            let since = std::time::Instant::now();
            while since.elapsed() < Duration::from_micros(10) {}
            written.fetch_add(1, Ordering::SeqCst);
        });
    }
    let pacer = Arc::clone(&stage.topics.pacer);
    tokio::spawn(async move { pacer.run().await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    stage.topics.publish(room, numbered(1));
    let mut most = 0;
    // This is not the worker's thread: each turn asked for here comes to it from outside, as what is heard and read does.
    while written.load(Ordering::SeqCst) < MEMBERS {
        let before = written.load(Ordering::SeqCst);
        let counter = Arc::clone(&written);
        let after = tokio::spawn(async move { counter.load(Ordering::SeqCst) }).await.unwrap();
        most = most.max(after - before);
    }
    assert!(most < MEMBERS / 10, "{most} of {MEMBERS} were before somebody else");
}
