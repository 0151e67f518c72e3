//! Carrying jobs out: a task that takes those that are due, a few at a time, and does their steps.
//!
//! Whoever takes a job puts its time off first. So another node leaves it alone, and whoever dies in the middle has it taken again a little
//! later. Each step stores that it was done by the version it began with: of two who do the same step, one comes to nothing.

use std::sync::Arc;
use std::time::Duration;

use moothall_protocol::Timestamp;
use moothall_protocol::jobs::{Job, JobStatus};
use tokio::task::JoinSet;

use super::{KindEntry, Step, store};
use crate::cx::{Cx, Tx};
use crate::error::Error;
use crate::hall::WeakHall;
use crate::{Fault, Hall};

/// Jobs carried out side by side.
const AT_ONCE: usize = 4;
/// For how long a taken job is left alone. A step takes less.
const LEASE: Duration = Duration::from_secs(30);
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
                    tracing::error!("A job panicked: {error}");
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
    let (due, next) = cx.read(move |tx| Ok::<_, Error>((store::due(tx, free)?, store::next(tx)?))).await?;
    if due.is_empty() {
        return Ok((Vec::new(), until_next(next)));
    }
    let (taken, next) = cx
        .write(move |tx| {
            let until = tx.now() + LEASE;
            let mut taken = Vec::new();
            for job in &due {
                // Another node may have been faster.
                if let Some(version) = store::take(tx, job, until)? {
                    taken.push(Job { version, attempts: job.attempts + 1, ..job.clone() });
                }
            }
            Ok::<_, Error>((taken, store::next(tx)?))
        })
        .await?;
    Ok((taken, until_next(next)))
}

/// Does steps of a job until it is done, wants to go on later, fails, or is another's.
async fn carry_out(hall: WeakHall, mut job: Job) {
    loop {
        let Some(hall) = hall.upgrade() else { return };
        let cx = Cx::server(&hall);
        let Some(kind) = hall.jobs().find(&job.kind) else {
            return fail(&cx, &job, 1, "this server knows no job of this kind").await;
        };
        match step(&cx, kind, &job).await {
            Ok(Some(next)) => job = next,
            Ok(None) => return,
            Err(error) => return fail(&cx, &job, kind.attempts_max, &described(&error)).await,
        }
    }
}

/// One step. The job as it is then, if it goes on at once.
async fn step(cx: &Cx, kind: KindEntry, job: &Job) -> Result<Option<Job>, Error> {
    let state = (kind.prepare)(cx.clone(), job.state.clone()).await?;
    let taken = job.clone();
    cx.write(move |tx| {
        let Some(version) = still_ours(tx, &taken)? else { return Ok(None) };
        let (step, state) = (kind.step)(tx, state.clone())?;
        let stepped = Job { state, version, attempts: 0, failure: None, ..taken.clone() };
        match step {
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
    let failed = Job { failure: Some(why.chars().take(FAILURE_LENGTH).collect()), ..job.clone() };
    let noted = cx
        .write(move |tx| {
            if still_ours(tx, &failed)?.is_none() {
                return Ok(());
            }
            if is_last {
                return store::end(tx, &failed, JobStatus::Dead, failed.failure.as_deref());
            }
            let at = tx.now() + pause(failed.attempts);
            store::step(tx, &failed, at).map(drop)
        })
        .await;
    if is_last {
        metrics::counter!("jobs_dead_total").increment(1);
        tracing::error!(job.id = %job.id, "Gave up on a job of kind {} after {} tries: {why}", job.kind, job.attempts);
    } else {
        metrics::counter!("jobs_failed_total").increment(1);
        tracing::warn!(job.id = %job.id, "A job of kind {} failed and is tried again: {why}", job.kind);
    }
    if let Err(error) = noted {
        // It is taken again when its time has come.
        tracing::warn!(job.id = %job.id, "Could not note that a job failed: {error}");
    }
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
