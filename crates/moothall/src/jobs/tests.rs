//! Jobs.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::run::pause;
use super::*;
use crate::testing::TestHall;
use crate::{Hall, OpenError};

/// What jobs of tests did outside of the database, by a name of their own; and which of them fail.
static DEEDS: LazyLock<Mutex<BTreeMap<String, Deeds>>> = LazyLock::new(Mutex::default);

#[derive(Clone, Debug, Default)]
struct Deeds {
    prepared: u32,
    stepped: u32,
    fails: bool,
    prepares: Prepares,
}

/// What becomes of a preparation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Prepares {
    #[default]
    Well,
    Panics,
    Hangs,
}

fn deeds(name: &str) -> Deeds {
    DEEDS.lock().get(name).cloned().unwrap_or_default()
}

fn fail(name: &str, fails: bool) {
    DEEDS.lock().entry(name.to_owned()).or_default().fails = fails;
}

fn prepares(name: &str, prepares: Prepares) {
    DEEDS.lock().entry(name.to_owned()).or_default().prepares = prepares;
}

/// Counts to a number, one each step.
#[derive(Debug, Serialize, Deserialize)]
struct Count {
    name: String,
    reached: u64,
    end: u64,
    /// Microseconds between two steps.
    rest: u64,
}

impl Count {
    fn to(name: &str, end: u64) -> NewJob<Self> {
        NewJob::new(Self { name: name.into(), reached: 0, end, rest: 0 })
    }
}

impl Kind for Count {
    const NAME: &'static str = "tests.count";
    const ATTEMPTS_MAX: u32 = 3;

    async fn prepare(&mut self, _: &Cx) -> Result<(), crate::Error> {
        let prepares = {
            let mut deeds = DEEDS.lock();
            let deeds = deeds.entry(self.name.clone()).or_default();
            deeds.prepared += 1;
            deeds.prepares
        };
        match prepares {
            Prepares::Well => Ok(()),
            Prepares::Panics => panic!("as a bug would"),
            Prepares::Hangs => std::future::pending().await,
        }
    }

    fn step(&mut self, tx: &mut Tx<'_, '_>) -> Result<Step, crate::Error> {
        let mut deeds = DEEDS.lock();
        let deeds = deeds.entry(self.name.clone()).or_default();
        deeds.stepped += 1;
        if deeds.fails {
            return Err(crate::Error::internal("it was to fail"));
        }
        self.reached += 1;
        Ok(match self.rest {
            _ if self.reached >= self.end => Step::Done,
            0 => Step::Again,
            rest => Step::At(tx.now() + Duration::from_micros(rest)),
        })
    }

    fn progress(&self) -> Option<JobProgress> {
        Some(JobProgress { done: self.reached, total: Some(self.end) })
    }
}

/// A test on a hall of each engine that knows this kind. Jobs of tests have names of their own, since tests run side by side.
async fn with_counting(test: impl AsyncFn(&mut TestHall, &str)) {
    static TESTS: Mutex<u32> = Mutex::new(0);
    crate::testing::on_both_engines_as(
        |builder| builder.job::<Count>(),
        async |hall| {
            let name = {
                let mut tests = TESTS.lock();
                *tests += 1;
                format!("test {tests}")
            };
            test(hall, &name).await;
        },
    )
    .await;
}

async fn begin(cx: &Cx, job: NewJob<Count>) -> JobId {
    let job = Arc::new(job);
    cx.write(move |tx| enqueue(tx, &job)).await.unwrap().unwrap()
}

async fn look(cx: &Cx, id: JobId) -> Job {
    get(cx, GetJob { job_id: id }).await.unwrap()
}

/// Waits until the job is so; what is done beside the calls is done soon.
async fn until(cx: &Cx, id: JobId, is_so: impl Fn(&Job) -> bool) -> Job {
    let look = async {
        loop {
            let job = look(cx, id).await;
            if is_so(&job) {
                return job;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), look).await.expect("it comes to that")
}

async fn ended(cx: &Cx, id: JobId, status: JobStatus) -> Job {
    until(cx, id, |job| job.status == status).await
}

#[tokio::test]
async fn a_job_is_done_step_by_step_and_says_how_far_it_is() {
    with_counting(async |hall, name| {
        let cx = hall.server();
        let id = begin(&cx, Count::to(name, 25)).await;
        let done = ended(&cx, id, JobStatus::Done).await;
        assert_eq!(done.progress, Some(JobProgress { done: 25, total: Some(25) }));
        assert_eq!((done.attempts, done.failure, done.run_at), (0, None, None));
        assert!(done.finished_at.is_some());
        let deeds = deeds(name);
        assert_eq!((deeds.prepared, deeds.stepped), (25, 25));
    })
    .await;
}

#[tokio::test]
async fn what_is_not_committed_is_no_job_and_of_one_key_there_is_one() {
    with_counting(async |hall, name| {
        let cx = hall.server();
        let new = || Count { name: name.to_owned(), reached: 0, end: 1, rest: 0 };
        let (job, later) = (new(), cx.now() + Duration::from_secs(60));
        let undone: Result<(), crate::Error> = cx
            .write(move |tx| {
                let job = Count { name: job.name.clone(), ..job };
                enqueue(tx, &NewJob::new(job))?;
                Err(crate::Error::Forbidden)
            })
            .await;
        assert!(undone.is_err());
        assert_eq!(list(&cx, ListJobs::default()).await.unwrap().items, []);
        let first = begin(&cx, NewJob::new(new()).key("k").run_at(later)).await;
        let again = NewJob::new(new()).key("k");
        assert_eq!(cx.write(move |tx| enqueue(tx, &again)).await.unwrap(), None);
        begin(&cx, NewJob::new(new()).key("another")).await;
        assert_eq!(deeds(name).stepped.min(1), deeds(name).stepped, "the first waits");
        hall.clock.advance(Duration::from_secs(60));
        ended(&cx, first, JobStatus::Done).await;
        // Once it is over its key is free.
        let third = begin(&cx, NewJob::new(new()).key("k")).await;
        ended(&cx, third, JobStatus::Done).await;
    })
    .await;
}

#[tokio::test]
async fn a_job_waits_for_its_time_and_between_steps() {
    with_counting(async |hall, name| {
        let cx = hall.server();
        let rest = NewJob::new(Count { name: name.into(), reached: 0, end: 2, rest: 10_000_000 });
        let id = begin(&cx, rest.run_at(cx.now() + Duration::from_secs(5))).await;
        assert_eq!(deeds(name).stepped, 0);
        hall.clock.advance(Duration::from_secs(5));
        let rests = until(&cx, id, |job| job.progress.is_some_and(|progress| progress.done == 1)).await;
        assert_eq!(
            (rests.status, rests.run_at),
            (JobStatus::Waiting, Some(cx.now() + Duration::from_secs(10)))
        );
        hall.clock.advance(Duration::from_secs(10));
        ended(&cx, id, JobStatus::Done).await;
    })
    .await;
}

#[tokio::test]
async fn what_fails_is_tried_again_later_and_later_and_then_given_up_until_staff_has_it_go_on() {
    with_counting(async |hall, name| {
        let cx = hall.server();
        fail(name, true);
        let id = begin(&cx, Count::to(name, 2)).await;
        for attempt in 1..3 {
            let next = Some(cx.now() + pause(attempt));
            let failed = until(&cx, id, |job| job.attempts == attempt && job.run_at == next).await;
            assert!(failed.failure.unwrap().contains("it was to fail"));
            hall.clock.advance(pause(attempt));
        }
        let dead = ended(&cx, id, JobStatus::Dead).await;
        assert_eq!((dead.attempts, dead.attempts_max, dead.run_at), (3, 3, None));
        let of_status = ListJobs { status: Some(JobStatus::Dead), ..ListJobs::default() };
        assert_eq!(list(&cx, of_status).await.unwrap().items.len(), 1);
        fail(name, false);
        retry(&cx, RetryJob { job_id: id, reason: "mended".into() }).await.unwrap();
        let done = ended(&cx, id, JobStatus::Done).await;
        assert_eq!((done.failure, deeds(name).stepped), (None, 5));
        let over = retry(&cx, RetryJob { job_id: id, reason: "once more".into() }).await;
        assert!(matches!(over, Err(Error::Over)));
    })
    .await;
}

#[tokio::test]
async fn what_was_called_off_goes_no_further_and_may_go_on_later() {
    with_counting(async |hall, name| {
        let cx = hall.server();
        let rest = NewJob::new(Count { name: name.into(), reached: 0, end: 3, rest: 1_000_000 });
        let id = begin(&cx, rest).await;
        until(&cx, id, |job| job.progress.is_some_and(|progress| progress.done == 1)).await;
        let off = cancel(&cx, CancelJob { job_id: id, reason: "not now".into() }).await.unwrap();
        assert_eq!(off.status, JobStatus::Cancelled);
        assert_eq!(cancel(&cx, CancelJob { job_id: id, reason: "twice".into() }).await.unwrap(), off);
        hall.clock.advance(Duration::from_secs(120));
        let other = begin(&cx, Count::to(&format!("{name} other"), 1)).await;
        ended(&cx, other, JobStatus::Done).await;
        assert_eq!((look(&cx, id).await.status, deeds(name).stepped), (JobStatus::Cancelled, 1));
        retry(&cx, RetryJob { job_id: id, reason: "now".into() }).await.unwrap();
        until(&cx, id, |job| job.progress.is_some_and(|progress| progress.done == 2)).await;
    })
    .await;
}

/// Whoever takes a job and dies has it taken again when its time is over, and what was done stays done.
#[tokio::test]
async fn a_job_goes_on_after_a_crash_where_it_was() {
    with_counting(async |hall, name| {
        let cx = hall.server();
        let rest = NewJob::new(Count { name: name.into(), reached: 0, end: 3, rest: 1_000_000 });
        let id = begin(&cx, rest).await;
        let rests = until(&cx, id, |job| job.progress.is_some_and(|progress| progress.done == 1)).await;
        // Taken by a process that is gone before it does anything.
        let until_lost = cx.now() + Duration::from_secs(30);
        let version = cx.write(move |tx| store::take(tx, &rests, until_lost)).await.unwrap();
        assert!(version.is_some());
        hall.restart().await;
        let cx = hall.server();
        hall.clock.advance(Duration::from_secs(29));
        assert_eq!(look(&cx, id).await.progress.unwrap().done, 1, "it may be alive");
        hall.clock.advance(Duration::from_secs(1));
        until(&cx, id, |job| job.progress.is_some_and(|progress| progress.done == 2)).await;
        hall.clock.advance(Duration::from_secs(1));
        ended(&cx, id, JobStatus::Done).await;
        assert_eq!(deeds(name).stepped, 3);
    })
    .await;
}

/// A newer server on the same database enqueues what this one has never heard of.
#[tokio::test]
async fn a_job_of_an_unknown_kind_waits_untouched_for_a_server_that_knows_it() {
    with_counting(async |hall, name| {
        let cx = hall.server();
        let strange = async |kind: &'static str| {
            let state = serde_json::json!({ "name": "x", "reached": 0, "end": 1, "rest": 0 });
            let made = cx.write(move |tx| store::insert(tx, kind, None, &state, tx.now())).await;
            made.unwrap().unwrap()
        };
        let mut ids = Vec::new();
        for _ in 0..5 {
            ids.push(strange("tests.of_tomorrow").await);
        }
        // As many as are done at once, and all before it in the queue.
        hall.clock.advance(Duration::from_secs(1));
        let known = begin(&cx, Count::to(name, 1)).await;
        ended(&cx, known, JobStatus::Done).await;
        let kinds = cx.hall().jobs().names();
        assert_eq!(cx.read(move |tx| store::next(tx, &kinds)).await.unwrap(), None, "nothing to wake for");
        let kinds = cx.hall().jobs().names();
        let unknown = cx.read(move |tx| store::unknown(tx, &kinds)).await.unwrap();
        assert_eq!(unknown, [("tests.of_tomorrow".to_owned(), 5)]);
        hall.restart().await;
        for id in ids {
            let job = look(&hall.server(), id).await;
            assert_eq!(
                (job.status, job.attempts, job.attempts_max, job.version, job.failure),
                (JobStatus::Waiting, 0, 0, 1, None)
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_try_that_panics_or_hangs_is_a_try_that_failed() {
    with_counting(async |hall, name| {
        let cx = hall.server();
        prepares(name, Prepares::Panics);
        let id = begin(&cx, Count::to(name, 1)).await;
        let next = cx.now() + pause(1);
        let panicked = until(&cx, id, |job| job.attempts == 1 && job.run_at == Some(next)).await;
        assert_eq!(panicked.failure.as_deref(), Some("it panicked: as a bug would"));
        prepares(name, Prepares::Hangs);
        hall.clock.advance(pause(1));
        until(&cx, id, |_| deeds(name).prepared == 2).await;
        // Its time begins once it is prepared, or shortly after.
        let cut = async {
            while look(&cx, id).await.failure.is_none_or(|failure| failure.contains("panicked")) {
                hall.clock.advance(Duration::from_secs(1));
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), cut).await.expect("it is cut");
        let hung = look(&cx, id).await;
        assert_eq!((hung.failure.as_deref(), hung.attempts), (Some("it took longer than 20 seconds"), 2));
        prepares(name, Prepares::Panics);
        hall.clock.advance(pause(2));
        let dead = ended(&cx, id, JobStatus::Dead).await;
        assert_eq!((dead.attempts, deeds(name).stepped), (3, 0));
        prepares(name, Prepares::Well);
        retry(&cx, RetryJob { job_id: id, reason: "mended".into() }).await.unwrap();
        ended(&cx, id, JobStatus::Done).await;
    })
    .await;
}

#[tokio::test]
async fn a_job_that_takes_the_process_with_it_is_given_up_too() {
    with_counting(async |hall, name| {
        let cx = hall.server();
        let later = cx.now() + Duration::from_secs(3_600);
        let id = begin(&cx, Count::to(name, 1).run_at(later)).await;
        for _ in 0..Count::ATTEMPTS_MAX {
            let job = look(&cx, id).await;
            assert!(cx.write(move |tx| store::take(tx, &job, later)).await.unwrap().is_some());
        }
        hall.clock.advance(Duration::from_secs(3_600));
        let dead = ended(&cx, id, JobStatus::Dead).await;
        let failure = dead.failure.unwrap();
        assert!(failure.contains("the server ended in the middle of try 3"), "{failure}");
        assert_eq!((dead.attempts, deeds(name).prepared), (3, 0));
        retry(&cx, RetryJob { job_id: id, reason: "mended".into() }).await.unwrap();
        ended(&cx, id, JobStatus::Done).await;
    })
    .await;
}

/// As many as are done side by side, each with thousands of steps, and then a short one.
#[tokio::test]
async fn long_jobs_let_others_go_between_their_steps() {
    with_counting(async |hall, name| {
        let cx = hall.server();
        let mut long = Vec::new();
        for number in 0..4 {
            long.push(begin(&cx, Count::to(&format!("{name} long {number}"), 2_000)).await);
        }
        until(&cx, long[3], |job| job.progress.is_some_and(|progress| progress.done > 0)).await;
        let short = begin(&cx, Count::to(name, 1)).await;
        // Who gives its place up from here on is behind it.
        hall.clock.advance(Duration::from_millis(1));
        ended(&cx, short, JobStatus::Done).await;
        for id in long {
            let job = look(&cx, id).await;
            assert!(job.progress.unwrap().done < 2_000, "{job:?}");
            cancel(&cx, CancelJob { job_id: id, reason: "seen".into() }).await.unwrap();
        }
    })
    .await;
}

/// Of two who believe that a job is theirs one comes to nothing.
#[tokio::test]
async fn a_step_that_another_did_is_not_done_again() {
    with_counting(async |hall, name| {
        let cx = hall.server();
        let later = cx.now() + Duration::from_secs(3_600);
        let id = begin(&cx, Count::to(name, 5).run_at(later)).await;
        let job = look(&cx, id).await;
        let (one, other) = (job.clone(), job);
        assert!(cx.write(move |tx| store::take(tx, &one, later)).await.unwrap().is_some());
        assert!(cx.write(move |tx| store::take(tx, &other, later)).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn only_staff_sees_jobs_and_what_it_does_to_them_is_audited() {
    with_counting(async |hall, name| {
        let (server, user) = (hall.server(), hall.user("ana").await);
        let later = server.now() + Duration::from_secs(3_600);
        let id = begin(&server, Count::to(name, 1).run_at(later)).await;
        let (plain, reader, manager) =
            (hall.call(user, &[]), hall.call(user, &[READ]), hall.call(user, &[READ, MANAGE]));
        assert!(list(&plain, ListJobs::default()).await.is_err());
        assert_eq!(list(&reader, ListJobs::default()).await.unwrap().items.len(), 1);
        let cancelling = || CancelJob { job_id: id, reason: "why not".into() };
        assert!(cancel(&reader, cancelling()).await.is_err());
        cancel(&manager, cancelling()).await.unwrap();
        let filter = moothall_protocol::audit::ListAudit { target: Some(target(id)), ..Default::default() };
        let lines = audit::list(&server, filter).await.unwrap().items;
        assert_eq!(
            (lines.len(), lines[0].actor_id, lines[0].action.as_str()),
            (1, Some(user), "jobs.cancel")
        );
        hall.clock.advance(KEPT);
        sweep(&server).await.unwrap();
        assert_eq!(list(&server, ListJobs::default()).await.unwrap().items, [], "forgotten some day");
    })
    .await;
}

#[tokio::test]
async fn whatever_jobs_have_in_common_leads_to_them() {
    with_counting(async |hall, _| {
        let (any, kind) = (ListJobs::default, Some("tests.count".to_owned()));
        let of = |status| ListJobs { status: Some(status), ..any() };
        for (wanted, indexes) in [
            (any(), &["jobs_by_time"][..]),
            (of(JobStatus::Done), &["jobs_by_status"]),
            (of(JobStatus::Dead), &["jobs_by_status"]),
            (ListJobs { kind: kind.clone(), ..any() }, &["jobs_by_kind"]),
            // Where several lead there, PostgreSQL takes the one that it takes for the best.
            (ListJobs { kind: kind.clone(), ..of(JobStatus::Done) }, &["jobs_by_kind", "jobs_by_status"]),
            (ListJobs { kind, ..of(JobStatus::Waiting) }, &["jobs_by_status", "jobs_by_kind"]),
        ] {
            let about = format!("{wanted:?}");
            let plan = hall.server().read(move |tx| store::plan(tx, &wanted)).await.unwrap();
            assert!(crate::testing::is_led_by(&plan, indexes), "{about}: {plan}");
        }
    })
    .await;
}

#[tokio::test]
async fn other_writes_go_between_the_steps_of_a_job() {
    with_counting(async |hall, name| {
        let cx = hall.server();
        let id = begin(&cx, Count::to(name, 400)).await;
        until(&cx, id, |job| job.progress.is_some_and(|progress| progress.done > 0)).await;
        let before = deeds(name).stepped;
        for _ in 0..3 {
            begin(&cx, Count::to(name, 1).run_at(cx.now() + Duration::from_secs(3_600))).await;
        }
        assert!(before < 400 && deeds(name).stepped < 400, "{}", deeds(name).stepped);
        ended(&cx, id, JobStatus::Done).await;
        assert_eq!(deeds(name).stepped, 400);
    })
    .await;
}

#[tokio::test]
async fn two_kinds_of_one_name_are_refused_when_the_hall_opens() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = crate::Settings::default();
    settings.store.url = format!("sqlite:{}", folder.path().join("test.db").display());
    let opened = Hall::builder(settings).job::<Count>().job::<Count>().open().await;
    assert!(matches!(opened.err(), Some(OpenError::Job("tests.count"))));
}
