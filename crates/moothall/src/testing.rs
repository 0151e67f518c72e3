//! What this crate's own tests stand on: a hall on a fresh database of each engine, with a clock that stands still, seeded
//! randomness, and a mailer that keeps what it is given.

use std::sync::Arc;
use std::time::Duration;

use moothall_protocol::accounts::SessionKind;
use moothall_protocol::connections::Resumed;
use moothall_protocol::{AuditId, Event, SessionId, Timestamp, UserId};
use moothall_store::{Engine, ToParam, params, statements};
use moothall_testing::databases::{self, TestDatabase};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::accounts::names::{self, Name};
use crate::hooks::NoHooks;
use crate::mail::{Email, MailError, Mailer};
use crate::operation::BoxFuture;
use crate::topics::{Frame, Outbox, Reader};
use crate::{
    Caller, Clock as _, Cx, Error, FakeClock, Hall, Hooks, Identity, Origin, Permissions, SeededRandom,
    Settings, Topic,
};

statements! {
    INSERT_USER = "INSERT INTO users (id, name, name_key, email, email_key, email_verified_at, is_guest, is_bot,
                   behaviour_score, trust_score, social_score, is_shadow_banned, version, created_at, updated_at)
                   VALUES ($1, $2, $3, $4, $4, $5, $6, FALSE, 0, 0, 0, FALSE, 1, $5, $5)";
    FORGE_AUDIT = "UPDATE audit_log SET reason = $2 WHERE id = $1";
    LOSE_AUDIT = "DELETE FROM audit_log WHERE id = $1";
    UNSEED = "DELETE FROM seeded_permissions WHERE role = $1 AND permission = $2";
    UNSEED_ALL = "DELETE FROM seeded_permissions WHERE role = $1";
    PLAN_NO_SCANS = "SET LOCAL enable_seqscan = off";
    PLAN_NO_BITMAPS = "SET LOCAL enable_bitmapscan = off";
    PLAN_NO_SORTS = "SET LOCAL enable_sort = off";
}

/// Hears what is published on topics.
pub(crate) struct Ear(Reader);

impl Ear {
    /// From now on.
    pub fn at(hall: &TestHall, topics: impl IntoIterator<Item = Topic>) -> Self {
        Self::from(hall, Arc::new(Outbox::default()), topics)
    }

    /// The same with the ears of this user, for what not everybody hears.
    pub fn by(hall: &TestHall, user: UserId, topics: impl IntoIterator<Item = Topic>) -> Self {
        Self::from(hall, hall.hall.topics().outbox(user), topics)
    }

    fn from(hall: &TestHall, outbox: Arc<Outbox>, topics: impl IntoIterator<Item = Topic>) -> Self {
        for topic in topics {
            hall.hall.topics().subscribe(topic, &outbox);
        }
        let first = Frame::new(None, Event::SessionResumed(Resumed { missed: 0 }));
        let ear = Self(outbox.begin(outbox.restart(), Arc::new(first)).unwrap());
        ear.heard();
        ear
    }

    /// What is told to all sessions of this user.
    pub fn of(hall: &TestHall, user: &Cx) -> Self {
        Self::at(hall, [Topic::User(user.user().unwrap())])
    }

    /// What was heard since the last time.
    pub fn heard(&self) -> Vec<Event> {
        self.0.take(usize::MAX).unwrap().into_iter().map(|(_, frame)| frame.event().clone()).collect()
    }
}

/// A hall for one test.
pub(crate) struct TestHall {
    pub hall: Hall,
    pub clock: Arc<FakeClock>,
    pub mailer: Arc<KeepingMailer>,
    settings: Settings,
    hooks: Arc<dyn Hooks>,
    build: fn(crate::Builder) -> crate::Builder,
    _database: TestDatabase,
}

/// Runs a test on a hall of every engine at hand.
pub(crate) async fn on_both_engines(test: impl AsyncFn(&mut TestHall)) {
    Box::pin(on_both_engines_with(|_| {}, test)).await;
}

/// The same, with other settings.
pub(crate) async fn on_both_engines_with(change: impl Fn(&mut Settings), test: impl AsyncFn(&mut TestHall)) {
    Box::pin(on_engines(change, |builder| builder, test)).await;
}

/// The same, with what an embedding program adds.
pub(crate) async fn on_both_engines_as(
    build: fn(crate::Builder) -> crate::Builder,
    test: impl AsyncFn(&mut TestHall),
) {
    Box::pin(on_engines(|_| {}, build, test)).await;
}

async fn on_engines(
    change: impl Fn(&mut Settings),
    build: fn(crate::Builder) -> crate::Builder,
    test: impl AsyncFn(&mut TestHall),
) {
    for database in databases::engines().await {
        eprintln!("--- on {database:?}");
        let mut settings = Settings::default();
        settings.store.url = database.url().to_owned();
        settings.store.allow_unsafe_durability = true;
        change(&mut settings);
        let clock = FakeClock::at(Timestamp::from_micros(1_795_000_000_000_000));
        let mailer = Arc::new(KeepingMailer::default());
        let hooks = NoHooks::shared();
        let hall = build(builder(&settings, &clock, &mailer, 0)).open().await.unwrap();
        let mut hall = TestHall { hall, clock, mailer, settings, hooks, build, _database: database };
        test(&mut hall).await;
        hall.hall.close().await;
    }
}

/// How the engine would go about a statement if there were much to look through: by an index wherever one leads.
pub(crate) fn plan(
    tx: &mut crate::Tx<'_, '_>,
    statement: &'static str,
    params: &[&dyn ToParam],
) -> Result<String, Error> {
    let (explain, column) = match tx.cx().hall().store().engine() {
        Engine::Sqlite => ("EXPLAIN QUERY PLAN", 3),
        Engine::Postgres => {
            // It plans by what is in the tables, and a test's are almost empty.
            for off in [PLAN_NO_SCANS, PLAN_NO_BITMAPS, PLAN_NO_SORTS] {
                tx.execute(off, params![])?;
            }
            ("EXPLAIN", 0)
        }
    };
    let explained = Box::leak(format!("{explain} {statement}").into_boxed_str());
    let rows = tx.query(explained, params)?;
    let steps: Vec<String> = rows.iter().map(|row| row.get(column)).collect::<Result<_, _>>()?;
    Ok(steps.join("\n"))
}

/// Whether one of these indexes leads to what a plan is for, in its order.
pub(crate) fn is_led_by(plan: &str, indexes: &[&str]) -> bool {
    let is_unsorted = !plan.contains("TEMP B-TREE") && !plan.contains("Sort");
    let is_one = |step: &str| step.split_whitespace().any(|word| indexes.contains(&word));
    is_unsorted
        && plan.lines().find(|step| step.contains("ndex") || step.contains("INDEX")).is_some_and(is_one)
}

/// The seeds of so many runs of the simulator, or the one of `MOOTHALL_TEST_SEED`, to have that run again.
pub(crate) fn seeds(runs: u64) -> std::ops::Range<u64> {
    match std::env::var("MOOTHALL_TEST_SEED") {
        Ok(seed) => {
            let seed = seed.parse().expect("MOOTHALL_TEST_SEED is a number");
            seed..seed + 1
        }
        Err(_) => 0..runs,
    }
}

/// Two halls that are open at once need different seeds.
fn builder(
    settings: &Settings,
    clock: &Arc<FakeClock>,
    mailer: &Arc<KeepingMailer>,
    seed: u64,
) -> crate::Builder {
    Hall::builder(settings.clone())
        .clock(Arc::clone(clock) as _)
        .random(SeededRandom::from_seed(clock.now().as_micros().unsigned_abs() + seed))
        .mailer(Arc::clone(mailer) as _)
}

impl TestHall {
    /// Stops the server and starts it again on the same database.
    pub async fn restart(&mut self) {
        self.hall.close().await;
        self.clock.advance(Duration::from_millis(1));
        self.hall = self.builder(0).open().await.unwrap();
    }

    /// A command on the data of this server: what another process would have open.
    pub async fn beside(&self) -> Hall {
        self.builder(1).without_tasks().open().await.unwrap()
    }

    fn builder(&self, seed: u64) -> crate::Builder {
        (self.build)(builder(&self.settings, &self.clock, &self.mailer, seed).hooks(Arc::clone(&self.hooks)))
    }

    /// Starts it again with other settings.
    pub async fn change_settings(&mut self, change: impl Fn(&mut Settings)) {
        change(&mut self.settings);
        self.restart().await;
    }

    /// Starts it again with the rules of an embedding program.
    pub async fn change_hooks(&mut self, hooks: Arc<dyn Hooks>) {
        self.hooks = hooks;
        self.restart().await;
    }

    /// A user of this name, with an e-mail address `name@example.org` that is verified.
    pub async fn user(&self, name: &str) -> UserId {
        let email = Some(format!("{}@example.org", Name::key_of(name)));
        self.insert(self.server().new_id(), name, email).await
    }

    /// A guest of this name.
    pub async fn guest(&self, name: &str) -> UserId {
        self.insert(self.server().new_id(), name, None).await
    }

    /// A user of this id, which nobody has yet.
    pub async fn insert(&self, id: UserId, name: &str, email: Option<String>) -> UserId {
        let (cx, name) = (self.server(), Name::parse(name).unwrap());
        cx.write(move |tx| {
            let now = tx.now();
            tx.execute(INSERT_USER, params![id, name.display, name.key, email, now, email.is_none()])?;
            assert!(names::claim(tx, id, &name)?, "{} is taken", name.display);
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
        id
    }

    /// So many users more, of whom nothing but their ids matters.
    pub async fn crowd(&self, count: usize) {
        let cx = self.server();
        cx.write(move |tx| {
            let now = tx.now();
            for number in 0..count {
                let (id, name): (UserId, _) = (tx.cx().new_id(), format!("crowd{number}"));
                tx.execute(INSERT_USER, params![id, name, name, None::<String>, now, true])?;
            }
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    }

    /// A call by this user, with these permissions and no session that is stored.
    pub fn call(&self, user_id: UserId, permissions: &[crate::Permission]) -> Cx {
        let session_id: SessionId = self.hall.random().id(self.hall.clock().now());
        let identity = Identity {
            user_id,
            owner_id: None,
            session_id,
            kind: SessionKind::Game,
            api_key_id: None,
            permissions: Permissions::new(permissions.iter().map(|permission| permission.0.to_owned())),
            restricted: None,
        };
        Cx::new(&self.hall, Caller::Member(Arc::new(identity)), Origin::default())
    }

    /// Somebody with access to the database changes a line of the audit log.
    pub async fn forge_audit(&self, line: AuditId, reason: &'static str) {
        self.tamper(move |tx| tx.execute(FORGE_AUDIT, params![line, reason])).await;
    }

    /// The same one removes a line.
    pub async fn lose_audit(&self, line: AuditId) {
        self.tamper(move |tx| tx.execute(LOSE_AUDIT, params![line])).await;
    }

    /// The database is as one of a server to which a permission of a role is new; none: that gave none by itself.
    pub async fn unseed(&self, role: &'static str, permission: Option<&'static str>) {
        let act = move |tx: &mut crate::Tx<'_, '_>| match permission {
            Some(permission) => tx.execute(UNSEED, params![role, permission]),
            None => tx.execute(UNSEED_ALL, params![role]),
        };
        self.server().write(move |tx| Ok::<_, Error>(act(tx)?)).await.unwrap();
    }

    async fn tamper(
        &self,
        act: impl Fn(&mut crate::Tx<'_, '_>) -> Result<u64, moothall_store::Error> + Send + 'static,
    ) {
        let changed = self.server().write(move |tx| Ok::<_, Error>(act(tx)?)).await.unwrap();
        assert_eq!(changed, 1);
    }

    /// A call by nobody.
    pub fn nobody(&self) -> Cx {
        Cx::new(&self.hall, Caller::Nobody, Origin::default())
    }

    /// A call by the server.
    pub fn server(&self) -> Cx {
        Cx::server(&self.hall)
    }
}

/// Keeps e-mails instead of sending them.
#[derive(Default)]
pub(crate) struct KeepingMailer {
    kept: Mutex<Vec<Email>>,
    came: Notify,
    fails: Mutex<Option<MailError>>,
    failures: watch::Sender<usize>,
}

impl KeepingMailer {
    /// The next e-mail, oldest first.
    pub async fn next(&self) -> Email {
        self.next_that(|_| true).await
    }

    /// The next e-mail of this kind; others stay. Letters of one transaction may come in any order.
    pub async fn next_that(&self, is_wanted: impl Fn(&Email) -> bool) -> Email {
        let wait = async {
            loop {
                let came = self.came.notified();
                {
                    let mut kept = self.kept.lock();
                    if let Some(index) = kept.iter().position(&is_wanted) {
                        return kept.remove(index);
                    }
                }
                came.await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(20), wait).await;
        waited.unwrap_or_else(|_| panic!("no such e-mail among {:?}", self.kept.lock()))
    }

    /// From now on every e-mail fails like this.
    pub fn fail(&self, error: Option<MailError>) {
        *self.fails.lock() = error;
    }

    /// How many e-mails failed.
    pub fn failures(&self) -> usize {
        *self.failures.borrow()
    }

    /// Returns once so many e-mails failed.
    pub async fn failed(&self, count: usize) {
        self.failures.subscribe().wait_for(|failures| *failures >= count).await.unwrap();
    }

    /// How many e-mails are there.
    pub fn count(&self) -> usize {
        self.kept.lock().len()
    }
}

impl Mailer for KeepingMailer {
    fn send(&self, email: Email) -> BoxFuture<'_, Result<(), MailError>> {
        Box::pin(async move {
            if let Some(error) = self.fails.lock().clone() {
                self.failures.send_modify(|failures| *failures += 1);
                return Err(error);
            }
            self.kept.lock().push(email);
            self.came.notify_one();
            Ok(())
        })
    }
}
