//! Jobs: work beside the calls that must not be lost, such as telling a hundred thousand users of something.
//!
//! A *kind* of job is a type, registered in code: what is to be done, and how far it is. [`enqueue`] stores one in the transaction that
//! wants it. From then on it is carried out step by step (`run.rs`): a step is one transaction that does a bounded piece of the work and
//! stores how far the job is by then, both or neither.
//!
//! Promises: an enqueued job is done, or given up visibly after so many tries; what a step did to the database is done once, whatever
//! crashes; other writes go between two steps, and other jobs between some. Only [`Kind::prepare`], which may reach out of the database, may
//! be repeated. A server leaves jobs alone whose kind it does not know.

mod error;
mod run;
mod store;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use moothall_protocol::jobs::{CancelJob, GetJob, Job, JobProgress, JobStatus, ListJobs, RetryJob};
use moothall_protocol::limits::{JOB_KIND_LENGTH_MAX, PAGE_ITEMS_DEFAULT};
use moothall_protocol::{Cursor, JobId, Page, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Notify;

use crate::cx::{Cx, Tx};
use crate::operation::{Access, BoxFuture, Operations, Rate};
use crate::{OpenError, Permission, audit, json, sweep};

pub use error::Error;
pub(crate) use run::start;
pub(crate) use store::STATEMENTS;

/// Sees the jobs there are.
pub const READ: Permission = Permission("jobs.read");
/// Has jobs go on, and calls them off.
pub const MANAGE: Permission = Permission("jobs.manage");

/// How long it is remembered that a job was done or called off.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long one that was given up can be tried again.
const DEAD_KEPT: Duration = Duration::from_secs(90 * 24 * 3600);

/// The operations of this context.
pub fn operations() -> Operations {
    Operations::context("jobs", "Work that the server does beside the calls")
        .errors(Error::CATALOGUE)
        .get("/jobs", "jobs.list", Access::Permission(READ), list)
        .rate(Rate::Admin)
        .get("/jobs/{job_id}", "jobs.get", Access::Permission(READ), get)
        .rate(Rate::Admin)
        .post("/jobs/{job_id}/retry", "jobs.retry", Access::Permission(MANAGE), retry)
        .rate(Rate::Admin)
        .post("/jobs/{job_id}/cancel", "jobs.cancel", Access::Permission(MANAGE), cancel)
        .rate(Rate::Admin)
}

/// What comes after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The next step, at once.
    Again,
    /// The next step, later.
    At(Timestamp),
    /// Nothing: all is done.
    Done,
}

/// A kind of job: the type holds what is to be done and how far that is, and is stored after every step.
pub trait Kind: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its name: the context's, a dot, and what is done.
    const NAME: &'static str;

    /// Tries at one step after which it is given up; the pause between them doubles from five seconds to an hour.
    const ATTEMPTS_MAX: u32 = 10;

    /// What a step needs from outside of the database. Done before every step, and again if the server dies in between. With its step it may
    /// take twenty seconds; then it is dropped where it waits, which counts as a failure.
    fn prepare(&mut self, _cx: &Cx) -> impl Future<Output = Result<(), crate::Error>> + Send {
        async { Ok(()) }
    }

    /// Does a bounded piece of the work, such as a thousand rows. The transaction may be run again, on the state as it was before.
    fn step(&mut self, tx: &mut Tx<'_, '_>) -> Result<Step, crate::Error>;

    /// How far it is, for staff.
    fn progress(&self) -> Option<JobProgress> {
        None
    }
}

type Prepare = fn(Cx, Value) -> BoxFuture<'static, Result<Value, crate::Error>>;

/// A registered kind.
#[derive(Clone, Copy)]
pub struct KindEntry {
    name: &'static str,
    attempts_max: u32,
    prepare: Prepare,
    step: fn(&mut Tx<'_, '_>, Value) -> Result<(Step, Value), crate::Error>,
    progress: fn(&Value) -> Option<JobProgress>,
}

impl KindEntry {
    /// The kind of this type.
    pub fn of<T: Kind>() -> Self {
        Self {
            name: T::NAME,
            attempts_max: T::ATTEMPTS_MAX.max(1),
            prepare: |cx, state| {
                Box::pin(async move {
                    let mut job: T = serde_json::from_value(state).map_err(crate::Error::internal)?;
                    job.prepare(&cx).await?;
                    json::value(&job)
                })
            },
            step: |tx, state| {
                let mut job: T = serde_json::from_value(state).map_err(crate::Error::internal)?;
                let step = job.step(tx)?;
                Ok((step, json::value(&job)?))
            },
            progress: |state| T::deserialize(state).ok()?.progress(),
        }
    }
}

impl fmt::Debug for KindEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What this context keeps in memory.
#[derive(Debug)]
pub(crate) struct Live {
    kinds: HashMap<&'static str, KindEntry>,
    /// Wakes the task that carries jobs out.
    woken: Arc<Notify>,
}

impl Live {
    pub fn new(entries: Vec<KindEntry>) -> Result<Self, OpenError> {
        let mut kinds = HashMap::new();
        for entry in entries {
            let name = entry.name;
            if name.len() > JOB_KIND_LENGTH_MAX || kinds.insert(name, entry).is_some() {
                return Err(OpenError::Job(name));
            }
        }
        Ok(Self { kinds, woken: Arc::default() })
    }

    fn find(&self, name: &str) -> Option<KindEntry> {
        self.kinds.get(name).copied()
    }

    /// The names of all kinds that this server knows.
    fn names(&self) -> Vec<String> {
        self.kinds.keys().map(|name| (*name).to_owned()).collect()
    }
}

/// A job to be done.
#[derive(Debug)]
pub struct NewJob<T> {
    job: T,
    key: Option<String>,
    run_at: Option<Timestamp>,
}

impl<T: Kind> NewJob<T> {
    /// At once.
    pub fn new(job: T) -> Self {
        Self { job, key: None, run_at: None }
    }

    /// Unless there is an unfinished job of this kind and key.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Not before this time.
    #[must_use]
    pub fn run_at(mut self, at: Timestamp) -> Self {
        self.run_at = Some(at);
        self
    }
}

/// Has a job done once the transaction is committed. `None`: an unfinished one has this key already.
pub fn enqueue<T: Kind>(tx: &mut Tx<'_, '_>, new: &NewJob<T>) -> Result<Option<JobId>, crate::Error> {
    let hall = tx.cx().hall().clone();
    if hall.jobs().find(T::NAME).is_none() {
        return Err(crate::Error::internal(format!("no kind of job is registered as {}", T::NAME)));
    }
    let (state, run_at) = (json::value(&new.job)?, new.run_at.unwrap_or_else(|| tx.now()));
    let made = store::insert(tx, T::NAME, new.key.as_deref(), &state, run_at)?;
    wake(tx);
    Ok(made)
}

/// Has the next look for jobs happen once the transaction is committed.
fn wake(tx: &mut Tx<'_, '_>) {
    let woken = Arc::clone(&tx.cx().hall().jobs().woken);
    tx.after_commit(move || woken.notify_one());
}

/// Calls a job off in the transaction of what made it needless, if it is not over.
pub fn call_off(tx: &mut Tx<'_, '_>, id: JobId) -> Result<bool, crate::Error> {
    let Some(job) = store::find(tx, id)?.filter(|job| job.status == JobStatus::Waiting) else {
        return Ok(false);
    };
    store::end(tx, &job, JobStatus::Cancelled, job.failure.as_deref())?;
    Ok(true)
}

/// A job as it is, for a context whose it is.
pub fn find(tx: &mut Tx<'_, '_>, id: JobId) -> Result<Option<Job>, crate::Error> {
    let found = store::find(tx, id)?;
    Ok(found.map(|job| shown(tx.cx(), job)))
}

/// With what only its kind can say.
fn shown(cx: &Cx, job: Job) -> Job {
    let Some(kind) = cx.hall().jobs().find(&job.kind) else { return job };
    Job { progress: (kind.progress)(&job.state), attempts_max: kind.attempts_max, ..job }
}

/// The jobs there are, newest first.
pub async fn list(cx: &Cx, input: ListJobs) -> Result<Page<Job>, Error> {
    cx.require(READ)?;
    let limit = input.limit.map_or(PAGE_ITEMS_DEFAULT, |limit| limit as usize);
    let before = match &input.cursor {
        Some(cursor) => cursor.key().ok_or_else(crate::Error::wrong_cursor)?,
        None => store::NEWEST,
    };
    let rows = cx.read(move |tx| store::list(tx, &input, before, limit + 1)).await?;
    let rows = rows.into_iter().map(|job| shown(cx, job)).collect();
    Ok(Page::cut(rows, limit, |last: &Job| Cursor::of(&(last.created_at.as_micros(), last.id))))
}

/// One job.
pub async fn get(cx: &Cx, input: GetJob) -> Result<Job, Error> {
    cx.require(READ)?;
    let found = cx.read(move |tx| find(tx, input.job_id)).await?;
    found.ok_or_else(|| crate::Error::NotFound.into())
}

/// Has a job go on at once.
pub async fn retry(cx: &Cx, input: RetryJob) -> Result<Job, Error> {
    cx.require(MANAGE)?;
    cx.mutate(move |tx| {
        let before = store::find(tx, input.job_id)?.ok_or(crate::Error::NotFound)?;
        if before.status == JobStatus::Done {
            return Err(Error::Over);
        }
        store::go_on(tx, &before)?;
        let after = find(tx, before.id)?.ok_or(crate::Error::NotFound)?;
        let entry = audit::Entry::new("jobs.retry").target(target(before.id)).reason(&input.reason);
        let when =
            |status: JobStatus, at: Option<Timestamp>| serde_json::json!({ "status": status, "run_at": at });
        audit::record(
            tx,
            entry.change(&when(before.status, before.run_at), &when(after.status, after.run_at)),
        )?;
        wake(tx);
        Ok(after)
    })
    .await
}

/// Calls a job off.
pub async fn cancel(cx: &Cx, input: CancelJob) -> Result<Job, Error> {
    cx.require(MANAGE)?;
    cx.mutate(move |tx| {
        let before = store::find(tx, input.job_id)?.ok_or(crate::Error::NotFound)?;
        match before.status {
            JobStatus::Done => return Err(Error::Over),
            JobStatus::Cancelled => return Ok(shown(tx.cx(), before)),
            JobStatus::Waiting | JobStatus::Dead => {}
        }
        store::end(tx, &before, JobStatus::Cancelled, before.failure.as_deref())?;
        let entry = audit::Entry::new("jobs.cancel").target(target(before.id)).reason(&input.reason);
        audit::record(tx, entry.change(&before.status, &JobStatus::Cancelled))?;
        Ok(find(tx, before.id)?.ok_or(crate::Error::NotFound)?)
    })
    .await
}

fn target(id: JobId) -> String {
    format!("job:{id}")
}

/// Forgets jobs that ended long ago.
pub(crate) async fn sweep(cx: &Cx) -> Result<(), crate::Error> {
    let (over, dead) = (cx.now() - KEPT, cx.now() - DEAD_KEPT);
    sweep::all(cx, move |tx| store::sweep(tx, over, dead)).await
}
