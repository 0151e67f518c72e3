//! Watches alone: what is told to how many, how often it is put together, and what is left of it.

use std::cell::Cell;

use moothall_protocol::Timestamp;
use moothall_protocol::connections::Resumed;
use moothall_protocol::lobbies::{HostKind, LobbyAccess, LobbyFilter, LobbyOrder, LobbyStatus, LobbySummary};
use serde_json::Map;

use super::*;
use crate::FakeClock;
use crate::topics::Reader;

fn lobby(number: usize) -> LobbyId {
    LobbyId::from_uuid(uuid::Uuid::from_u128(number as u128 + 1))
}

fn user(number: usize) -> UserId {
    UserId::from_uuid(uuid::Uuid::from_u128(number as u128 + 1))
}

fn session(number: usize) -> SessionId {
    SessionId::from_uuid(uuid::Uuid::from_u128(number as u128 + 1))
}

struct Table {
    index: Index,
    topics: Topics,
    last_id: Cell<u128>,
}

impl Table {
    fn new() -> Self {
        let topics = Topics::new(FakeClock::at(Timestamp::from_micros(0)));
        Self { index: Index::default(), topics, last_id: Cell::new(0) }
    }

    /// A lobby of this name, which these users are in.
    fn put(&self, number: usize, name: &str, access: LobbyAccess, insiders: &[usize]) {
        let summary = LobbySummary {
            id: lobby(number),
            version: 1,
            name: name.into(),
            mode: "free".into(),
            map: None,
            host_id: user(1_000),
            host_kind: HostKind::Player,
            status: LobbyStatus::Waiting,
            access,
            has_password: false,
            is_locked: false,
            is_rated: true,
            tags: Vec::new(),
            players: 0,
            bots: 0,
            spectators: 0,
            queued: 0,
            seats: 2,
            free_seats: 2,
            properties: Map::new(),
            created_at: Timestamp::from_micros(number as i64),
        };
        self.index.put(Card::new(summary, insiders.iter().map(|number| user(*number)).collect()));
    }

    fn open(&self, number: usize, name: &str) {
        self.put(number, name, LobbyAccess::Open, &[]);
    }

    /// The user of this number watches with a socket that is read.
    fn watch(&self, number: usize, query: Query) -> (LobbyWatch, Reader) {
        let outbox = self.topics.outbox(user(number));
        let first = Event::SessionResumed(Resumed { missed: 0 });
        let reader = outbox.begin(outbox.restart(), Arc::new(Frame::new(None, first))).unwrap();
        reader.take(1).unwrap();
        let (_, watch) = self.enter(number, &outbox, query).unwrap();
        (watch, reader)
    }

    fn enter(&self, number: usize, outbox: &Arc<Outbox>, query: Query) -> Result<(u64, LobbyWatch), Error> {
        self.last_id.set(self.last_id.get() + 1);
        let watcher = Watcher {
            number: 0,
            user: user(number),
            is_staff: false,
            outbox: Arc::clone(outbox),
            watch_id: WatchId::from_uuid(uuid::Uuid::from_u128(self.last_id.get())),
            viewer: Viewer::Anybody,
        };
        self.index.watches.enter(&self.index, &self.topics, session(number), watcher, query)
    }

    fn tell(&self) {
        let telling = self.index.watches.tell(&self.index, &self.topics, &[]);
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(telling);
    }
}

fn query(limit: usize) -> Query {
    Query { filter: Filter::new(LobbyFilter::default()).unwrap(), order: LobbyOrder::Name, limit }
}

fn heard(reader: &Reader) -> Vec<Arc<Frame>> {
    reader.take(usize::MAX).unwrap().into_iter().map(|(_, frame)| frame).collect()
}

fn update(frame: &Frame) -> &LobbyListUpdated {
    let Event::LobbyListUpdated(updated) = frame.event() else { panic!("{frame:?}") };
    updated
}

/// What the only event since the last time says: whether it is the whole list, and the names in it.
fn names(reader: &Reader) -> (bool, Vec<Option<String>>) {
    let frames = heard(reader);
    let [frame] = frames.as_slice() else { panic!("{frames:?}") };
    let updated = update(frame);
    let name = |summary: &Option<LobbySummary>| summary.as_ref().map(|summary| summary.name.clone());
    (updated.is_whole, updated.lobbies.values().map(name).collect())
}

fn name(name: &str) -> Option<String> {
    Some(name.to_owned())
}

#[test]
fn a_hundred_who_watch_the_same_hear_of_fifty_changes_in_one_event_that_was_encoded_once() {
    let table = Table::new();
    let watching: Vec<Reader> = (0..100).map(|number| table.watch(number, query(60)).1).collect();
    for time in ["one", "two", "three"] {
        (0..50).for_each(|number| table.open(number, time));
    }
    table.tell();
    let all: Vec<Vec<Arc<Frame>>> = watching.iter().map(heard).collect();
    let [first] = all[0].as_slice() else { panic!("one event") };
    assert!(
        all.iter().all(|heard| heard.len() == 1 && Arc::ptr_eq(&heard[0], first)),
        "all have the same one"
    );
    let updated = update(first);
    assert_eq!((updated.lobbies.len(), updated.is_whole), (50, false));
    assert!(updated.lobbies.values().flatten().all(|summary| summary.name == "three"), "only the newest");
    table.tell();
    assert!(watching.iter().all(|reader| heard(reader).is_empty()), "told once, and never of nothing");
    table.open(90, "zzz");
    table.index.remove(lobby(90));
    table.tell();
    assert!(watching.iter().all(|reader| heard(reader).is_empty()), "what came and went was never there");
}

#[test]
fn who_enters_or_leaves_the_first_ones_is_told_and_who_is_behind_them_is_not() {
    let table = Table::new();
    ["b", "c", "d"].into_iter().enumerate().for_each(|(number, name)| table.open(number, name));
    let (watch, reader) = table.watch(0, query(2));
    assert_eq!(watch.lobbies.iter().map(|lobby| lobby.name.as_str()).collect::<Vec<_>>(), ["b", "c"]);
    table.open(3, "e");
    table.tell();
    assert!(heard(&reader).is_empty());
    table.open(4, "a");
    table.tell();
    assert_eq!(names(&reader), (false, vec![None, name("a")]), "c has to go");
    table.index.remove(lobby(0));
    table.index.remove(lobby(4));
    table.tell();
    assert_eq!(names(&reader), (false, vec![None, name("c"), name("d"), None]));
}

#[test]
fn who_reads_slowly_is_told_how_all_is_in_place_of_what_changed_meanwhile() {
    let table = Table::new();
    (0..3).for_each(|number| table.open(number, "old"));
    let (_, slow) = table.watch(0, query(60));
    let (_, slow_too) = table.watch(1, query(60));
    let (_, quick) = table.watch(2, query(60));
    for time in 0..600 {
        table.open(0, &format!("new {time}"));
        table.tell();
        assert_eq!(names(&quick), (false, vec![Some(format!("new {time}"))]));
    }
    let [one, other] = [&slow, &slow_too].map(heard);
    assert!(one.len() == 1 && Arc::ptr_eq(&one[0], &other[0]), "it is the same for all of them");
    let updated = update(&one[0]);
    assert!(updated.is_whole && updated.version == 600);
    let shown: Vec<&str> = updated.lobbies.values().flatten().map(|summary| summary.name.as_str()).collect();
    assert_eq!(shown, ["new 599", "old", "old"]);
    table.open(1, "newer");
    table.tell();
    assert_eq!(names(&slow), (false, vec![name("newer")]), "from here on as everybody");
}

#[test]
fn who_is_let_into_a_hidden_lobby_sees_it_and_who_is_sent_away_does_not() {
    let table = Table::new();
    table.open(0, "open");
    table.put(1, "hidden", LobbyAccess::InviteOnly, &[7]);
    let (_, other) = table.watch(0, query(60));
    let (watch, insider) = table.watch(7, query(60));
    let (watch_of_ben, ben) = table.watch(8, query(60));
    assert_eq!((watch.lobbies.len(), watch_of_ben.lobbies.len()), (2, 1));
    assert_eq!(watch.watch_id, watch_of_ben.watch_id, "one list, whoever looks at it");
    table.put(1, "hidden too", LobbyAccess::InviteOnly, &[7, 8]);
    table.tell();
    assert_eq!(names(&insider), (false, vec![name("hidden too")]));
    assert_eq!(names(&ben), (true, vec![name("open"), name("hidden too")]));
    table.put(1, "hidden", LobbyAccess::InviteOnly, &[7]);
    table.open(0, "opened");
    table.tell();
    // One event a tick, also for who gets other eyes in it.
    assert_eq!(names(&ben), (true, vec![name("opened")]));
    assert_eq!(names(&insider), (false, vec![name("opened"), name("hidden")]));
    assert_eq!(names(&other), (false, vec![name("opened")]));
    table.open(1, "for all");
    table.tell();
    assert_eq!(names(&insider), (true, vec![name("opened"), name("for all")]));
    assert_eq!(names(&other), (false, vec![name("for all")]));
    assert_eq!(names(&ben), (false, vec![name("for all")]));
    table.put(1, "hidden", LobbyAccess::InviteOnly, &[7]);
    table.tell();
    assert_eq!(names(&other), (false, vec![None]), "to others it is gone");
}

#[test]
fn versions_go_up_for_whoever_watches_whatever_and_watching_anew_replaces() {
    let table = Table::new();
    let outbox = table.topics.outbox(user(0));
    let first = Event::SessionResumed(Resumed { missed: 0 });
    let reader = outbox.begin(outbox.restart(), Arc::new(Frame::new(None, first))).unwrap();
    reader.take(1).unwrap();
    let mut version = 0;
    for limit in [1, 2, 3, 2, 2] {
        table.open(limit, &format!("at {limit} after {version}"));
        let (_, watch) = table.enter(0, &outbox, query(limit)).unwrap();
        assert!(watch.version >= version);
        version = watch.version;
        table.open(1, &format!("first after {version}"));
        table.tell();
        for frame in heard(&reader) {
            let updated = update(&frame);
            assert!(updated.version > version && updated.watch_id == watch.watch_id);
            version = updated.version;
        }
    }
    assert_eq!(table.topics.subscriptions(), 1, "a session watches one list");
    assert_eq!(table.index.watches.leftovers(), [1; 4]);
}

#[test]
fn so_many_different_lists_are_watched_and_no_more_and_nothing_is_left_of_them() {
    let table = Table::new();
    let outbox = table.topics.outbox(user(0));
    let texts = |number: usize| {
        let filter = LobbyFilter { text: Some(number.to_string()), ..LobbyFilter::default() };
        Query { filter: Filter::new(filter).unwrap(), ..query(1) }
    };
    let mut numbers = Vec::new();
    for number in 0..LOBBY_LISTS_WATCHED_MAX {
        numbers.push(table.enter(number, &outbox, texts(number)).unwrap().0);
    }
    let more = LOBBY_LISTS_WATCHED_MAX;
    let refused = table.enter(more, &outbox, texts(more)).unwrap_err();
    assert_eq!(refused.code(), "lobby_lists_crowded");
    // What others watch can be watched by more.
    numbers.push(table.enter(more, &outbox, texts(7)).unwrap().0);
    assert_eq!(table.index.watches.leftovers()[..2], [LOBBY_LISTS_WATCHED_MAX; 2]);
    table.open(0, "7");
    for (number, watch) in numbers.into_iter().enumerate() {
        table.index.watches.leave(&table.index, &table.topics, session(number), watch);
    }
    assert_eq!(table.index.watches.leftovers(), [0; 4]);
    assert!(table.index.watches.inner.lock().is_quiet());
    assert!(table.enter(more, &outbox, texts(more)).is_ok());
}
