//! Partitions and the simulator, driven by a counter.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use moothall_protocol::{Event, Id, Timestamp, UserId};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::simulator::{self, Report, Simulated};
use super::*;
use crate::cx::Tx;
use crate::idempotency::Claim;
use crate::operation::BoxFuture;
use crate::{
    Caller, Clock as _, Cx, Error, FakeClock, Fault as _, Hall, Identity, Operations, Origin, Permissions,
    Random, Settings, Topic,
};

enum CounterKind {}

impl moothall_protocol::IdKind for CounterKind {
    const SCHEMA: &'static str = "CounterId";
    const ABOUT: &'static str = "For tests.";
}

/// Counts up, forgets nothing, and breaks when told to.
#[derive(Debug, Default)]
struct Counter {
    value: i64,
    is_armed: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Say {
    Add(i64),
    Get,
    Panic,
    RefuseToPersist,
    PanicToPersist,
    IsAsked,
    Arm { wait_ms: u64 },
    Ring { expected: i64 },
    AddLater { by: i64, wait_ms: u64 },
}

crate::faults! {
    /// For tests.
    pub enum CounterError {
        /// It counts upwards.
        Negative => Invalid, "negative", "only upwards";
        /// As a unique index would.
        Taken => Conflict, "taken", "taken";
    }
}

/// A value that cannot be loaded.
const UNREADABLE: i64 = -100;
/// A value with which it panics as soon as it is loaded.
const UNWAKEABLE: i64 = -101;

/// What was committed, by id: a stand-in for a table.
static COMMITTED: LazyLock<Mutex<HashMap<Uuid, i64>>> = LazyLock::new(Mutex::default);

impl Entity for Counter {
    const KIND: &'static str = "counter";
    type Id = CounterKind;
    type Command = Say;
    type Reply = i64;
    type Effect = i64;
    type Error = CounterError;

    fn handle(&mut self, command: &Say, turn: &mut Turn<'_, Self>) -> Result<i64, CounterError> {
        match command {
            Say::Add(by) if *by < 0 => return Err(CounterError::Negative),
            Say::Add(by) => {
                self.value += by;
                turn.persist(self.value);
            }
            Say::Get => {}
            Say::IsAsked => return Ok(i64::from(turn.caller().is_some())),
            Say::Panic => panic!("told to"),
            Say::RefuseToPersist => {
                self.value += 1_000;
                turn.persist(-1);
            }
            Say::PanicToPersist => {
                self.value += 1_000;
                turn.persist(-2);
            }
            Say::Arm { wait_ms } => {
                self.is_armed = true;
                turn.after(Duration::from_millis(*wait_ms), Say::Ring { expected: self.value });
            }
            // A timer for another value than this one is stale.
            Say::Ring { expected } if *expected == self.value && self.is_armed => {
                self.is_armed = false;
                self.value += 100;
                turn.persist(self.value);
            }
            Say::Ring { .. } => {}
            Say::AddLater { by, wait_ms } => turn.after(Duration::from_millis(*wait_ms), Say::Add(*by)),
        }
        Ok(self.value)
    }

    fn load(_: &mut Tx<'_, '_>, id: Id<CounterKind>) -> Result<Option<Self>, CounterError> {
        match COMMITTED.lock().get(&id.uuid()).copied() {
            Some(UNREADABLE) => Err(CounterError::Taken),
            value => Ok(value.map(|value| Self { value, is_armed: false })),
        }
    }

    fn wake(&mut self, _: &mut Turn<'_, Self>) {
        assert_ne!(self.value, UNWAKEABLE, "told to");
    }

    fn persist(tx: &mut Tx<'_, '_>, id: Id<CounterKind>, effects: &[&i64]) -> Result<(), CounterError> {
        if AWAY.lock().contains_key(&id.uuid()) {
            *AWAY.lock().entry(id.uuid()).or_default() += 1;
            return Err(Error::Unavailable.into());
        }
        for value in effects.iter().copied().copied() {
            assert_ne!(value, -2, "told to");
            if value < 0 {
                return Err(CounterError::Taken);
            }
            tx.after_commit(move || {
                COMMITTED.lock().insert(id.uuid(), value);
            });
        }
        let count = effects.len();
        tx.after_commit(move || WRITES.lock().entry(id.uuid()).or_default().push(count));
        Ok(())
    }
}

/// How many effects each write brought, by id.
static WRITES: LazyLock<Mutex<HashMap<Uuid, Vec<usize>>>> = LazyLock::new(Mutex::default);

/// Whose database is away, and how often it was asked meanwhile.
static AWAY: LazyLock<Mutex<HashMap<Uuid, u32>>> = LazyLock::new(Mutex::default);

struct Fixture {
    hall: Hall,
    clock: Arc<FakeClock>,
    id: Id<CounterKind>,
    _folder: tempfile::TempDir,
}

async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = Settings::default();
    settings.store.url = format!("sqlite:{}", folder.path().join("test.db").display());
    let clock = FakeClock::at(Timestamp::from_micros(1_795_000_000_000_000));
    let hall =
        Hall::builder(settings).clock(Arc::clone(&clock) as Arc<dyn crate::Clock>).open().await.unwrap();
    let id = hall.random().id(clock.now());
    COMMITTED.lock().insert(id.uuid(), 0);
    Fixture { hall, clock, id, _folder: folder }
}

impl Fixture {
    async fn say(&self, command: Say) -> Result<i64, CounterError> {
        self.say_as(&Cx::server(&self.hall), command).await
    }

    async fn say_as(&self, cx: &Cx, command: Say) -> Result<i64, CounterError> {
        self.hall.directory().call::<Counter>(cx, self.id, command).await
    }
}

fn player(hall: &Hall) -> Cx {
    let now = hall.clock().now();
    let identity = Identity {
        user_id: hall.random().id(now),
        owner_id: None,
        session_id: hall.random().id(now),
        kind: moothall_protocol::accounts::SessionKind::Game,
        api_key_id: None,
        permissions: Permissions::default(),
        restricted: None,
    };
    Cx::new(hall, Caller::Member(Arc::new(identity)), Origin::default())
}

#[test]
fn partitions_are_what_they_always_were() {
    // Changing these would lose the entities of every cluster: the owner of each would be looked for elsewhere.
    let id = Uuid::from_u128(0x0193_5f2a_7c00_7000_8000_0000_0000_0001);
    assert_eq!((partition_of("room", id), partition_of("presence", id)), (PINNED.0, PINNED.1));
    let spread: HashSet<u16> =
        (0..4_096u128).map(|n| partition_of("room", Uuid::from_u128(n << 64 | n))).collect();
    assert_eq!(spread.len(), usize::from(PARTITIONS), "every partition is used");
}

#[tokio::test]
async fn a_change_is_committed_before_the_answer() {
    let fixture = fixture().await;
    assert_eq!(fixture.say(Say::Add(5)).await.unwrap(), 5);
    assert_eq!(COMMITTED.lock()[&fixture.id.uuid()], 5);
    assert!(matches!(fixture.say(Say::Add(-1)).await, Err(CounterError::Negative)));
    assert_eq!(fixture.say(Say::Get).await.unwrap(), 5);
}

#[tokio::test]
async fn a_panic_is_answered_and_the_entity_is_as_it_was() {
    let fixture = fixture().await;
    fixture.say(Say::Add(5)).await.unwrap();
    assert!(matches!(fixture.say(Say::Panic).await, Err(CounterError::Common(Error::Internal(_)))));
    assert_eq!(fixture.say(Say::Get).await.unwrap(), 5);
}

#[tokio::test]
async fn what_waits_behind_a_panic_is_carried_out() {
    let fixture = fixture().await;
    let say = |command| fixture.say(command);
    let (one, panic, two, again, three) =
        tokio::join!(say(Say::Add(1)), say(Say::Panic), say(Say::Add(2)), say(Say::Panic), say(Say::Add(4)));
    assert_eq!((one.unwrap(), two.unwrap(), three.unwrap()), (1, 3, 7));
    for panic in [panic, again] {
        assert!(matches!(panic, Err(CounterError::Common(Error::Internal(_)))));
    }
    assert_eq!(COMMITTED.lock()[&fixture.id.uuid()], 7);
}

#[tokio::test]
async fn a_panic_while_writing_spoils_nobody_else() {
    let fixture = fixture().await;
    let say = |command| fixture.say(command);
    let (one, panic, two) = tokio::join!(say(Say::Add(1)), say(Say::PanicToPersist), say(Say::Add(2)));
    assert_eq!((one.unwrap(), two.unwrap()), (1, 3));
    assert!(matches!(panic, Err(CounterError::Common(Error::Internal(_)))));
    assert_eq!(COMMITTED.lock()[&fixture.id.uuid()], 3);
}

#[tokio::test]
async fn a_panic_outside_of_a_command_ends_no_partition() {
    let fixture = fixture().await;
    COMMITTED.lock().insert(fixture.id.uuid(), UNWAKEABLE);
    let say = |command| fixture.say(command);
    let (one, two) = tokio::join!(say(Say::Get), say(Say::Add(1)));
    for lost in [one, two] {
        assert!(matches!(lost, Err(CounterError::Common(Error::Unavailable))), "{lost:?}");
    }
    COMMITTED.lock().insert(fixture.id.uuid(), 5);
    assert_eq!(fixture.say(Say::Add(1)).await.unwrap(), 6);
}

#[tokio::test]
async fn whoever_asks_for_what_cannot_be_loaded_is_told_why() {
    let fixture = fixture().await;
    COMMITTED.lock().insert(fixture.id.uuid(), UNREADABLE);
    let say = |command| fixture.say(command);
    let (one, two, three) = tokio::join!(say(Say::Get), say(Say::Add(1)), say(Say::Get));
    for refused in [one, two, three] {
        assert!(matches!(refused, Err(CounterError::Taken)), "{refused:?}");
    }
}

#[tokio::test]
async fn random_batches_with_panics_lose_and_repeat_nothing() {
    let fixture = fixture().await;
    let (hall, cx) = (&fixture.hall, Cx::server(&fixture.hall));
    let chance = crate::SeededRandom::from_seed(16);
    let chance: &dyn Random = &*chance;
    let counters: Vec<Id<CounterKind>> = (0..3).map(|_| chance.id(fixture.clock.now())).collect();
    let mut sums = HashMap::new();
    for counter in &counters {
        COMMITTED.lock().insert(counter.uuid(), 0);
        sums.insert(*counter, 0);
    }
    for round in 0..60 {
        let told: Vec<(Id<CounterKind>, Say)> = (0..=chance.below(24))
            .map(|_| {
                let command = match chance.below(12) {
                    0 => Say::Panic,
                    1 => Say::RefuseToPersist,
                    2 => Say::PanicToPersist,
                    3 => Say::Add(-1),
                    4 => Say::Get,
                    by => Say::Add(i64::try_from(by).unwrap()),
                };
                (counters[usize::try_from(chance.below(3)).unwrap()], command)
            })
            .collect();
        let calls = told.iter().map(|(id, say)| hall.directory().call::<Counter>(&cx, *id, say.clone()));
        let answers = futures_util::future::join_all(calls).await;
        for ((id, say), answer) in told.iter().zip(answers) {
            let sum = sums.get_mut(id).unwrap();
            if let Say::Add(by @ 0..) = say {
                *sum += by;
            }
            match (say, answer) {
                (Say::Add(0..) | Say::Get, answer) => {
                    assert_eq!(answer.unwrap(), *sum, "round {round}, {say:?} of {told:?}");
                }
                (Say::Add(_), Err(CounterError::Negative))
                | (Say::RefuseToPersist, Err(CounterError::Taken)) => {}
                (Say::Panic | Say::PanicToPersist, Err(CounterError::Common(Error::Internal(_)))) => {}
                (say, answer) => panic!("round {round}: {say:?} was answered {answer:?}"),
            }
        }
        for (id, sum) in &sums {
            assert_eq!(COMMITTED.lock()[&id.uuid()], *sum, "round {round}");
        }
    }
}

#[tokio::test]
async fn a_refused_write_spoils_nobody_else() {
    let fixture = fixture().await;
    let say = |command| fixture.say(command);
    // Polled in this order within one scheduling turn, so the three are one batch.
    let (one, two, three) = tokio::join!(say(Say::Add(1)), say(Say::RefuseToPersist), say(Say::Add(1)));
    assert_eq!(one.unwrap(), 1);
    assert!(matches!(two, Err(CounterError::Taken)));
    assert_eq!(three.unwrap(), 2);
    assert_eq!(COMMITTED.lock()[&fixture.id.uuid()], 2);
}

/// What stands on it stands in memory only.
#[derive(Clone, Debug, Default)]
struct Board {
    text: i64,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Chalk {
    Write(i64),
    Read,
    RefuseToPersist,
    Panic,
}

impl Entity for Board {
    const KIND: &'static str = "board";
    type Id = CounterKind;
    type Command = Chalk;
    type Reply = i64;
    type Effect = ();
    type Error = CounterError;

    fn handle(&mut self, command: &Chalk, turn: &mut Turn<'_, Self>) -> Result<i64, CounterError> {
        match command {
            Chalk::Read => {}
            Chalk::Write(text) => self.text = *text,
            Chalk::RefuseToPersist => {
                self.text = -1;
                turn.persist(());
            }
            Chalk::Panic => {
                self.text = -2;
                panic!("told to")
            }
        }
        Ok(self.text)
    }

    fn load(_: &mut Tx<'_, '_>, _: Id<CounterKind>) -> Result<Option<Self>, CounterError> {
        Ok(Some(Self::default()))
    }

    fn persist(_: &mut Tx<'_, '_>, _: Id<CounterKind>, _: &[&()]) -> Result<(), CounterError> {
        Err(CounterError::Taken)
    }

    fn copy(&self) -> Option<Self> {
        Some(self.clone())
    }
}

#[tokio::test]
async fn what_is_in_memory_only_outlives_what_goes_wrong_with_itself_and_its_neighbours() {
    let fixture = fixture().await;
    let neighbour = std::iter::repeat_with(|| fixture.hall.random().id(fixture.clock.now()))
        .find(|id: &Id<CounterKind>| {
            partition_of("board", id.uuid()) == partition_of("counter", fixture.id.uuid())
        })
        .unwrap();
    let cx = Cx::server(&fixture.hall);
    let draw = |command| fixture.hall.directory().call::<Board>(&cx, neighbour, command);
    assert_eq!(draw(Chalk::Write(5)).await.unwrap(), 5);
    let (refused, read) = tokio::join!(fixture.say(Say::RefuseToPersist), draw(Chalk::Read));
    assert!(matches!(refused, Err(CounterError::Taken)));
    assert_eq!(read.unwrap(), 5, "a neighbour's refusal");
    let (panicked, written) = tokio::join!(fixture.say(Say::PanicToPersist), draw(Chalk::Write(6)));
    assert!(panicked.is_err());
    assert_eq!(written.unwrap(), 6);
    assert_eq!(draw(Chalk::Read).await.unwrap(), 6, "what was answered beside a refusal stands");

    assert!(draw(Chalk::RefuseToPersist).await.is_err());
    assert_eq!(draw(Chalk::Read).await.unwrap(), 6, "a refusal of its own");
    let (seven, panicked, read) = tokio::join!(draw(Chalk::Write(7)), draw(Chalk::Panic), draw(Chalk::Read));
    assert_eq!((seven.unwrap(), panicked.is_err(), read.unwrap()), (7, true, 7), "a panic of its own");
}

#[tokio::test]
async fn what_a_batch_does_to_one_entity_is_written_together_and_in_its_order() {
    let fixture = fixture().await;
    let say = |command| fixture.say(command);
    let (one, two, refused, three) =
        tokio::join!(say(Say::Add(1)), say(Say::Add(2)), say(Say::Add(-1)), say(Say::Add(4)));
    assert_eq!((one.unwrap(), two.unwrap(), three.unwrap()), (1, 3, 7));
    assert!(refused.is_err());
    assert_eq!(COMMITTED.lock()[&fixture.id.uuid()], 7);
    assert_eq!(WRITES.lock()[&fixture.id.uuid()], [3]);
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_and_changes_nothing() {
    let fixture = fixture().await;
    let cx = player(&fixture.hall);
    let input = serde_json::json!({ "add": 7 });
    let claiming = |key: &str| cx.claiming(Claim::new(cx.user(), key, "counter.add", &input));
    let (first, second) = (claiming("0123456789abcdef"), claiming("0123456789abcdef"));
    let (one, two) = tokio::join!(fixture.say_as(&first, Say::Add(7)), fixture.say_as(&second, Say::Add(7)));
    assert_eq!((one.unwrap(), two.unwrap()), (7, 7), "the two raced in one batch");
    assert_eq!(fixture.say_as(&first, Say::Add(7)).await.unwrap(), 7);
    assert_eq!(fixture.say_as(&claiming("another-key-of-16"), Say::Add(7)).await.unwrap(), 14);
    let other = Claim::new(cx.user(), "0123456789abcdef", "counter.add", &serde_json::json!({ "add": 8 }));
    let mismatch = fixture.say_as(&cx.claiming(other), Say::Add(8)).await;
    assert!(matches!(mismatch, Err(CounterError::Common(Error::IdempotencyMismatch))));
    // The same key of another caller is another key.
    let stranger = player(&fixture.hall);
    let theirs = Claim::new(stranger.user(), "0123456789abcdef", "counter.add", &input);
    assert_eq!(fixture.say_as(&stranger.claiming(theirs), Say::Add(7)).await.unwrap(), 21);
}

#[tokio::test]
async fn a_timer_rings_when_it_is_due_and_a_stale_one_does_nothing() {
    let fixture = fixture().await;
    fixture.say(Say::Arm { wait_ms: 500 }).await.unwrap();
    fixture.clock.advance(Duration::from_millis(499));
    assert_eq!(fixture.say(Say::Get).await.unwrap(), 0);
    fixture.clock.advance(Duration::from_millis(1));
    while fixture.say(Say::Get).await.unwrap() != 100 {
        tokio::task::yield_now().await;
    }
    fixture.say(Say::Arm { wait_ms: 500 }).await.unwrap();
    fixture.say(Say::Add(1)).await.unwrap();
    fixture.clock.advance(Duration::from_millis(500));
    for _ in 0..20 {
        assert_eq!(fixture.say(Say::Get).await.unwrap(), 101);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_timer_outlives_a_database_that_is_away() {
    let fixture = fixture().await;
    let asked = || AWAY.lock().get(&fixture.id.uuid()).copied().unwrap_or_default();
    fixture.say(Say::AddLater { by: 100, wait_ms: 500 }).await.unwrap();
    AWAY.lock().insert(fixture.id.uuid(), 0);
    fixture.clock.advance(Duration::from_millis(500));
    let mut seen = 0;
    for attempt in 1..=3 {
        while asked() == seen {
            tokio::task::yield_now().await;
        }
        assert_eq!(fixture.say(Say::Get).await.unwrap(), 0);
        // It waits in between. What came with others is tried alone, too.
        seen = asked();
        for _ in 0..20 {
            assert_eq!(fixture.say(Say::Get).await.unwrap(), 0);
        }
        assert_eq!(asked(), seen);
        if attempt == 3 {
            AWAY.lock().remove(&fixture.id.uuid());
        }
        fixture.clock.advance(Duration::from_secs(1));
    }
    while fixture.say(Say::Get).await.unwrap() != 100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_unknown_entity_is_not_found_and_a_closed_hall_is_unavailable() {
    let fixture = fixture().await;
    let nobody = fixture.hall.random().id(Timestamp::from_micros(0));
    let cx = Cx::server(&fixture.hall);
    let answer = fixture.hall.directory().call::<Counter>(&cx, nobody, Say::Get).await;
    assert!(matches!(answer, Err(CounterError::Common(Error::NotFound))));
    fixture.hall.close().await;
    assert!(matches!(fixture.say(Say::Get).await, Err(CounterError::Common(Error::Unavailable))));
}

/// Every partition is the other node's.
#[derive(Debug)]
struct Theirs;

impl Leases for Theirs {
    fn owner(&self, _: u16) -> Owner {
        Owner::Node("theirs".to_owned())
    }
}

/// Brings everything to the other node, as text.
struct ToThem(Hall);

impl std::fmt::Debug for ToThem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ToThem")
    }
}

impl Bus for ToThem {
    fn ask(&self, node: String, envelope: Envelope) -> BoxFuture<'_, Result<Answered, Error>> {
        assert_eq!(node, "theirs");
        let sent = serde_json::to_vec(&envelope).unwrap();
        Box::pin(async move {
            let envelope = serde_json::from_slice(&sent).unwrap();
            let answered = self.0.directory().receive::<Counter>(&self.0, envelope).await;
            Ok(serde_json::from_slice(&serde_json::to_vec(&answered).unwrap()).unwrap())
        })
    }
}

#[tokio::test]
async fn an_entity_of_another_node_answers_and_refuses_as_if_it_were_here() {
    let theirs = fixture().await;
    let folder = tempfile::tempdir().unwrap();
    let mut settings = Settings::default();
    settings.store.url = format!("sqlite:{}", folder.path().join("test.db").display());
    let counters = Operations::context("counter", "For tests").errors(CounterError::CATALOGUE);
    let bus = Arc::new(ToThem(theirs.hall.clone()));
    let ours =
        Hall::builder(settings).operations(counters).cluster(Arc::new(Theirs), bus).open().await.unwrap();
    let cx = player(&ours);
    let say = |cx: &Cx, command| {
        let (ours, cx, id) = (ours.clone(), cx.clone(), theirs.id);
        async move { ours.directory().call::<Counter>(&cx, id, command).await }
    };
    let claim = Claim::new(cx.user(), "0123456789abcdef", "counter.add", &serde_json::json!({ "add": 7 }));
    let claiming = cx.claiming(claim);
    for _ in 0..2 {
        assert_eq!(say(&claiming, Say::Add(7)).await.unwrap(), 7, "the claim came along");
    }
    assert_eq!(say(&cx, Say::IsAsked).await.unwrap(), 1);
    assert_eq!(say(&Cx::server(&ours), Say::IsAsked).await.unwrap(), 0);
    let refused = say(&cx, Say::Add(-1)).await.unwrap_err();
    let said = (refused.kind(), refused.code(), refused.to_string());
    assert_eq!(said, (crate::Kind::Invalid, "negative", "only upwards".to_owned()));
    assert_eq!(say(&cx, Say::Panic).await.unwrap_err().code(), "internal");
    theirs.hall.close().await;
    assert_eq!(say(&cx, Say::Get).await.unwrap_err().code(), "unavailable");
    ours.close().await;
}

impl Simulated for Counter {
    type Stored = i64;
    type Promised = ();
    type View = ();

    fn create(_: Id<CounterKind>, random: &dyn Random) -> i64 {
        i64::try_from(random.below(10)).unwrap()
    }

    fn apply(stored: &mut i64, effect: &i64) {
        *stored = *effect;
    }

    fn restore(_: Id<CounterKind>, stored: &i64) -> Self {
        Self { value: *stored, is_armed: false }
    }

    fn promised(_: &i64) {}

    fn command(&self, _: &i64, random: &dyn Random) -> (Option<UserId>, Say) {
        let command = match random.below(4) {
            0 => Say::Arm { wait_ms: random.below(1_000) },
            1 => Say::Add(-1),
            _ => Say::Add(i64::try_from(random.below(5)).unwrap()),
        };
        (None, command)
    }

    fn view(&self) {}

    fn observe((): &mut (), _: &Topic, _: &Event) {}

    fn check(&self, stored: &i64, (): &(), (): &()) -> Result<(), String> {
        if self.value == *stored { Ok(()) } else { Err(format!("{} in memory, {stored} stored", self.value)) }
    }
}

#[test]
fn a_seed_replays_to_the_same_trace_and_reaches_every_fate() {
    let one = simulator::run::<Counter>(7, 5, 20_000).unwrap();
    let two = simulator::run::<Counter>(7, 5, 20_000).unwrap();
    assert_eq!(one, two);
    assert_ne!(one.trace, simulator::run::<Counter>(8, 5, 20_000).unwrap().trace);
    let Report { accepted, refused, crashes, lost_writes, repeated, timers, set_back, .. } = one;
    for count in [accepted, refused, crashes, lost_writes, repeated, timers, set_back] {
        assert!(count > 20, "{one:?}");
    }
}

/// A counter that answers before it has persisted: the simulator must see that.
#[derive(Debug)]
struct Forgetful(Counter);

impl Entity for Forgetful {
    const KIND: &'static str = "forgetful";
    type Id = CounterKind;
    type Command = Say;
    type Reply = i64;
    type Effect = i64;
    type Error = CounterError;

    fn handle(&mut self, command: &Say, turn: &mut Turn<'_, Self>) -> Result<i64, CounterError> {
        if let Say::Add(by) = command {
            self.0.value += by;
            if *by != 3 {
                turn.persist(self.0.value);
            }
        }
        Ok(self.0.value)
    }

    fn load(_: &mut Tx<'_, '_>, _: Id<CounterKind>) -> Result<Option<Self>, CounterError> {
        Ok(None)
    }

    fn persist(_: &mut Tx<'_, '_>, _: Id<CounterKind>, _: &[&i64]) -> Result<(), CounterError> {
        Ok(())
    }
}

impl Simulated for Forgetful {
    type Stored = i64;
    type Promised = ();
    type View = ();

    fn create(id: Id<CounterKind>, random: &dyn Random) -> i64 {
        Counter::create(id, random)
    }

    fn apply(stored: &mut i64, effect: &i64) {
        Counter::apply(stored, effect);
    }

    fn restore(id: Id<CounterKind>, stored: &i64) -> Self {
        Self(Counter::restore(id, stored))
    }

    fn promised(_: &i64) {}

    fn command(&self, stored: &i64, random: &dyn Random) -> (Option<UserId>, Say) {
        self.0.command(stored, random)
    }

    fn view(&self) {}

    fn observe((): &mut (), _: &Topic, _: &Event) {}

    fn check(&self, stored: &i64, (): &(), (): &()) -> Result<(), String> {
        self.0.check(stored, &(), &())
    }
}

#[test]
fn the_simulator_sees_an_entity_that_answers_before_it_persists() {
    let failure = simulator::run::<Forgetful>(7, 2, 1_000).unwrap_err();
    assert!(failure.to_string().starts_with("seed 7, step "), "{failure}");
    assert!(failure.to_string().ends_with("(again: MOOTHALL_TEST_SEED=7)"), "{failure}");
}

/// What the two partitions above were when this was first written.
const PINNED: (u16, u16) = (62, 103);
