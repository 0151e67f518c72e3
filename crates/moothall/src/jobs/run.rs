//! Carrying jobs out: a task that takes those that are due, a few at a time, and does their steps.
//!
//! Whoever takes a job puts its time off first. So another node leaves it alone, and whoever dies in the middle has it taken again a little
//! later. Each step stores that it was done by the version it began with: of two who do the same step, one comes to nothing.
//!
//! Whatever becomes of a try counts: that it fails, panics, takes too long, or takes the whole process with it. A job of many steps gives
//! its place to others in between. Of a kind that this server does not know nothing is touched: another server, which does, has it enqueued.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use moothall_protocol::Timestamp;
use moothall_protocol::jobs::{Job, JobStatus};
use tokio::task::JoinSet;

use super::{KindEntry, Step, store};
use crate::cx::{Cx, Tx};
use crate::error::Error;
use crate::hall::WeakHall;
use crate::runtime::text_of;
use crate::{Fault, Hall};

/// Jobs carried out side by side.
const AT_ONCE: usize = 4;
/// For how long a taken job is left alone.
const LEASE: Duration = Duration::from_secs(30);
/// How long a try at a step may take: less than [`LEASE`], so that nobody else has taken the job by then.
const STEP: Duration = Duration::from_secs(20);
/// After so many steps, or so long, a job lets those go first that are due.
const TURN_STEPS: u32 = 16;
const TURN: Duration = Duration::from_secs(5);
/// The pause after the first failure; each further one is twice as long.
const PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);
/// How often the table is looked at without being woken: other nodes enqueue too.
const INTERVAL: Duration = Duration::from_secs(60);
/// Characters kept of why a try failed.
const FAILURE_LENGTH: usize = 500;

/// Starts the task that carries jobs out. It ends with the hall.
pub(crate) fn start(hall: &Hall) {
    hall.spawn(run(hall.downgrade(), Arc::clone(&hall.jobs().woken)));
}

async fn run(hall: WeakHall, woken: Arc<tokio::sync::Notify>) {
    if let Some(hall) = hall.upgrade() {
        tell_unknown(&Cx::server(&hall)).await;
    }
    let mut running: JoinSet<()> = JoinSet::new();
    loop {
        let wait = {
            let Some(hall) = hall.upgrade() else { return };
            let free = AT_ONCE.saturating_sub(running.len());
            match take(&Cx::server(&hall), free).await {
                Ok((taken, wait)) => {
                    for job in taken {
                        running.spawn(carry_out(hall.downgrade(), job));
                    }
                    wait
                }
                Err(error) => {
                    tracing::warn!("Could not look for jobs to do: {error}");
                    INTERVAL
                }
            }
        };
        let Some(clock) = hall.upgrade().map(|hall| hall.shared_clock()) else { return };
        tokio::select! {
            () = woken.notified() => {}
            () = clock.sleep_until(clock.elapsed() + wait) => {}
            Some(ended) = running.join_next() => {
                if let Err(error) = ended {
                    // It is taken again when its time has come.
                    tracing::error!("What carries out a job panicked: {error}");
                }
            }
        }
    }
}

/// Takes jobs that are due, and says how long until there are more.
async fn take(cx: &Cx, free: usize) -> Result<(Vec<Job>, Duration), Error> {
    if free == 0 {
        return Ok((Vec::new(), INTERVAL));
    }
    let until_next = |next: Option<Timestamp>| next.map_or(INTERVAL, |at| at.since(cx.now()).min(INTERVAL));
    let kinds = cx.hall().jobs().names();
    let (due, next) = cx
        .read({
            let kinds = kinds.clone();
            move |tx| Ok::<_, Error>((store::due(tx, &kinds, free)?, store::next(tx, &kinds)?))
        })
        .await?;
    if due.is_empty() {
        return Ok((Vec::new(), until_next(next)));
    }
    let (taken, lost, next) = cx
        .write(move |tx| {
            let until = tx.now() + LEASE;
            let (mut taken, mut lost) = (Vec::new(), Vec::new());
            for job in &due {
                if job.attempts >= attempts_max(tx.cx(), job) {
                    lost.extend(lose(tx, job)?);
                } else if let Some(version) = store::take(tx, job, until)? {
                    // Else another node was faster.
                    taken.push(Job { version, attempts: job.attempts + 1, ..job.clone() });
                }
            }
            Ok::<_, Error>((taken, lost, store::next(tx, &kinds)?))
        })
        .await?;
    lost.iter().for_each(tell_dead);
    Ok((taken, until_next(next)))
}

fn attempts_max(cx: &Cx, job: &Job) -> u32 {
    cx.hall().jobs().find(&job.kind).map_or(u32::MAX, |kind| kind.attempts_max)
}

/// Gives up a job of which nothing came back after its last try, unless another node was faster.
fn lose(tx: &mut Tx<'_, '_>, job: &Job) -> Result<Option<Job>, Error> {
    if still_ours(tx, job)?.is_none() {
        return Ok(None);
    }
    let before = job.failure.as_ref().map(|failure| format!("; before that: {failure}")).unwrap_or_default();
    let why = format!("the server ended in the middle of try {}, the last one{before}", job.attempts);
    let lost = Job { failure: Some(shortened(&why)), ..job.clone() };
    store::end(tx, &lost, JobStatus::Dead, lost.failure.as_deref())?;
    Ok(Some(lost))
}

/// Says once of which jobs nobody may come because this server does not know their kinds.
async fn tell_unknown(cx: &Cx) {
    let kinds = cx.hall().jobs().names();
    match cx.read(move |tx| store::unknown(tx, &kinds)).await {
        Ok(unknown) => unknown.iter().for_each(|(kind, count)| {
            tracing::warn!("{count} jobs of kind {kind} wait for a server that knows it: this one does not");
        }),
        Err(error) => tracing::warn!("Could not look for jobs of unknown kinds: {error}"),
    }
}

/// Does steps of a job until it is done, wants to go on later, fails, is another's, or has had its turn.
async fn carry_out(hall: WeakHall, mut job: Job) {
    let Some(began) = hall.upgrade().map(|hall| hall.clock().elapsed()) else { return };
    for steps in 1.. {
        let Some(hall) = hall.upgrade() else { return };
        let cx = Cx::server(&hall);
        let Some(kind) = hall.jobs().find(&job.kind) else { return };
        let is_last = steps >= TURN_STEPS || cx.elapsed() >= began + TURN;
        match try_step(&cx, kind, &job, is_last).await {
            Ok(Some(next)) => job = next,
            Ok(None) => return,
            Err(why) => return fail(&cx, &job, kind.attempts_max, &why).await,
        }
    }
}

/// One try at a step, in its time; why it failed.
async fn try_step(cx: &Cx, kind: KindEntry, job: &Job, is_last: bool) -> Result<Option<Job>, String> {
    let step = AssertUnwindSafe(step(cx, kind, job, is_last)).catch_unwind();
    let clock = cx.hall().clock();
    tokio::select! {
        biased;
        tried = step => match tried {
            Ok(tried) => tried.map_err(|error| described(&error)),
            Err(panic) => Err(format!("it panicked: {}", text_of(&*panic).unwrap_or("without a text"))),
        },
        // What was about to be written may still be: then the version is another, and nothing is noted.
        () = clock.sleep_until(clock.elapsed() + STEP) => {
            Err(format!("it took longer than {} seconds", STEP.as_secs()))
        }
    }
}

/// One step. The job as it is then, if it goes on at once; not after the last one of its turn.
async fn step(cx: &Cx, kind: KindEntry, job: &Job, is_last: bool) -> Result<Option<Job>, Error> {
    let state = (kind.prepare)(cx.clone(), job.state.clone()).await?;
    let taken = job.clone();
    cx.write(move |tx| {
        let Some(version) = still_ours(tx, &taken)? else { return Ok(None) };
        let (step, state) = (kind.step)(tx, state.clone())?;
        let stepped = Job { state, version, attempts: 0, failure: None, ..taken.clone() };
        match step {
            Step::Again if is_last => {
                let now = tx.now();
                store::step(tx, &stepped, now)?;
                Ok(None)
            }
            Step::Again => {
                let until = tx.now() + LEASE;
                let version = store::step(tx, &stepped, until)?;
                Ok(Some(Job { version, attempts: 1, ..stepped }))
            }
            Step::At(at) => {
                store::step(tx, &stepped, at)?;
                Ok(None)
            }
            Step::Done => {
                store::end(tx, &stepped, JobStatus::Done, None)?;
                metrics::counter!("jobs_done_total").increment(1);
                Ok(None)
            }
        }
    })
    .await
}

/// Whether nobody else has taken the job, called it off, or done this step.
fn still_ours(tx: &mut Tx<'_, '_>, job: &Job) -> Result<Option<i64>, Error> {
    let now = store::find(tx, job.id)?;
    let ours = now.filter(|now| now.status == JobStatus::Waiting && now.version == job.version);
    Ok(ours.map(|ours| ours.version))
}

/// Notes why a try failed, and when the next is; after the last, that it is given up.
async fn fail(cx: &Cx, job: &Job, attempts_max: u32, why: &str) {
    let is_last = job.attempts >= attempts_max;
    let failed = Job { failure: Some(shortened(why)), ..job.clone() };
    let noting = failed.clone();
    let noted = cx
        .write(move |tx| {
            if still_ours(tx, &noting)?.is_none() {
                return Ok(false);
            }
            if is_last {
                store::end(tx, &noting, JobStatus::Dead, noting.failure.as_deref())?;
            } else {
                let at = tx.now() + pause(noting.attempts);
                store::step(tx, &noting, at)?;
            }
            Ok::<_, Error>(true)
        })
        .await;
    match noted {
        Ok(true) if is_last => tell_dead(&failed),
        Ok(true) => {
            metrics::counter!("jobs_failed_total").increment(1);
            tracing::warn!(job.id = %job.id, "A job of kind {} failed and is tried again: {why}", job.kind);
        }
        Ok(false) => {
            tracing::warn!(job.id = %job.id, "A job of kind {} is another's by now: {why}", job.kind);
        }
        Err(error) => {
            // It is taken again when its time has come.
            tracing::warn!(job.id = %job.id, "Could not note that a job failed, {why}: {error}");
        }
    }
}

fn tell_dead(job: &Job) {
    metrics::counter!("jobs_dead_total").increment(1);
    let why = job.failure.as_deref().unwrap_or_default();
    tracing::error!(job.id = %job.id, "Gave up on a job of kind {} after {} tries: {why}", job.kind, job.attempts);
}

fn shortened(why: &str) -> String {
    why.chars().take(FAILURE_LENGTH).collect()
}

pub(super) fn pause(attempts: u32) -> Duration {
    PAUSE.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1).min(20))).min(LONGEST_PAUSE)
}

/// An error with its sources, for staff.
fn described(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    format!("{}: {text}", error.code())
}
