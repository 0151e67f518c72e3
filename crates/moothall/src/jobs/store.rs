//! SQL for jobs. A job is waiting while `run_at` is set.

use moothall_protocol::jobs::{Job, JobStatus, ListJobs};
use moothall_protocol::{JobId, Timestamp};
use moothall_store::{Json, OnConstraint as _, Row, as_params, params, statements, values};
use serde_json::Value;
use uuid::Uuid;

use crate::cx::Tx;
use crate::error::Error;
use crate::{json, sweep};

/// A page of the jobs before one, newest first, that are found so; what else is wanted is looked at job by job.
macro_rules! page {
    ($lead:literal) => {
        concat!(
            "SELECT id, kind, unique_key, state, status, run_at, attempts, failure, created_at, created_by, finished_at,
             version FROM jobs WHERE (created_at, id) < ($1, $2)",
            $lead,
            " AND (status = $3 OR $3 IS NULL) AND (kind = $4 OR $4 IS NULL)
             ORDER BY created_at DESC, id DESC LIMIT $5"
        )
    };
}

statements! {
    INSERT = "INSERT INTO jobs (id, kind, unique_key, state, status, run_at, attempts, created_at, created_by, version)
        VALUES ($1, $2, $3, $4, 'waiting', $5, 0, $6, $7, 1)
        ON CONFLICT (kind, unique_key) WHERE run_at IS NOT NULL DO NOTHING";
    FIND = "SELECT id, kind, unique_key, state, status, run_at, attempts, failure, created_at, created_by, finished_at,
        version FROM jobs WHERE id = $1";
    NEWEST_FIRST = page!("");
    OF_STATUS = page!(" AND status = $3");
    OF_KIND = page!(" AND kind = $4");
    DUE = "SELECT id, kind, unique_key, state, status, run_at, attempts, failure, created_at, created_by, finished_at,
        version FROM jobs WHERE run_at <= $1 AND kind {in $2} ORDER BY run_at, id LIMIT $3";
    NEXT = "SELECT run_at FROM jobs WHERE run_at IS NOT NULL AND kind {in $1} ORDER BY run_at, id LIMIT 1";
    UNKNOWN = "SELECT kind, COUNT(*) FROM jobs WHERE run_at IS NOT NULL AND NOT (kind {in $1})
        GROUP BY kind ORDER BY kind LIMIT 20";
    TAKE = "UPDATE jobs SET run_at = $3, attempts = attempts + 1, version = version + 1
        WHERE id = $1 AND version = $2 AND run_at IS NOT NULL";
    STEP = "UPDATE jobs SET state = $3, run_at = $4, attempts = $5, failure = $6, version = version + 1
        WHERE id = $1 AND version = $2";
    END = "UPDATE jobs SET state = $3, status = $4, run_at = NULL, failure = $5, finished_at = $6, version = version + 1
        WHERE id = $1 AND version = $2";
    GO_ON = "UPDATE jobs SET status = 'waiting', run_at = $2, attempts = 0, finished_at = NULL, version = version + 1
        WHERE id = $1";
    SWEEP = "DELETE FROM jobs WHERE id IN
        (SELECT id FROM jobs WHERE finished_at <= $2 OR (finished_at <= $1 AND status <> 'dead') LIMIT $3)";
}

/// Where a list begins that has no cursor.
pub(super) const NEWEST: (i64, JobId) = (i64::MAX, JobId::from_uuid(Uuid::max()));

/// Stores a job, unless an unfinished one has its key.
pub(super) fn insert(
    tx: &mut Tx<'_, '_>,
    kind: &str,
    key: Option<&str>,
    state: &Value,
    run_at: Timestamp,
) -> Result<Option<JobId>, Error> {
    let id: JobId = tx.cx().new_id();
    let (now, user) = (tx.now(), tx.cx().user());
    let rows = tx.execute(INSERT, params![id, kind, key, Json(state), run_at, now, user])?;
    Ok((rows > 0).then_some(id))
}

pub(super) fn find(tx: &mut Tx<'_, '_>, id: JobId) -> Result<Option<Job>, Error> {
    tx.query_opt(FIND, params![id])?.as_ref().map(job).transpose()
}

/// The statement that looks at the fewest jobs: nearly all are done.
fn statement(input: &ListJobs) -> &'static str {
    match (input.status, &input.kind) {
        (Some(JobStatus::Waiting | JobStatus::Dead | JobStatus::Cancelled), _) => OF_STATUS,
        (_, Some(_)) => OF_KIND,
        (Some(JobStatus::Done), None) => OF_STATUS,
        (None, None) => NEWEST_FIRST,
    }
}

/// What the statements are asked with.
fn values(input: &ListJobs, before: (i64, JobId), limit: usize) -> Result<Vec<moothall_store::Value>, Error> {
    let status = json::words(input.status.as_ref())?;
    Ok(values![Timestamp::from_micros(before.0), before.1, status, input.kind, limit]?)
}

pub(super) fn list(
    tx: &mut Tx<'_, '_>,
    input: &ListJobs,
    before: (i64, JobId),
    limit: usize,
) -> Result<Vec<Job>, Error> {
    let values = values(input, before, limit)?;
    tx.query(statement(input), &as_params(&values))?.iter().map(job).collect()
}

/// How the engine goes about it.
#[cfg(test)]
pub(super) fn plan(tx: &mut Tx<'_, '_>, input: &ListJobs) -> Result<String, Error> {
    crate::testing::plan(tx, statement(input), &as_params(&values(input, NEWEST, 1)?))
}

/// The jobs of these kinds that are due.
pub(super) fn due(tx: &mut Tx<'_, '_>, kinds: &[String], limit: usize) -> Result<Vec<Job>, Error> {
    let now = tx.now();
    tx.query(DUE, params![now, kinds, limit])?.iter().map(job).collect()
}

/// When the next job of these kinds is due.
pub(super) fn next(tx: &mut Tx<'_, '_>, kinds: &[String]) -> Result<Option<Timestamp>, Error> {
    Ok(tx.query_opt(NEXT, params![kinds])?.map(|row| row.get(0)).transpose()?)
}

/// How many jobs wait of kinds that are none of these.
pub(super) fn unknown(tx: &mut Tx<'_, '_>, kinds: &[String]) -> Result<Vec<(String, i64)>, Error> {
    let rows = tx.query(UNKNOWN, params![kinds])?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// Puts a job's time off, unless it is another by now. Its version since.
pub(super) fn take(tx: &mut Tx<'_, '_>, job: &Job, until: Timestamp) -> Result<Option<i64>, Error> {
    let rows = tx.execute(TAKE, params![job.id, job.version, until])?;
    Ok((rows > 0).then_some(job.version + 1))
}

/// Stores how far a job is, and when it goes on. Its version since.
pub(super) fn step(tx: &mut Tx<'_, '_>, job: &Job, run_at: Timestamp) -> Result<i64, Error> {
    tx.execute(STEP, params![job.id, job.version, Json(&job.state), run_at, job.attempts, job.failure])?;
    Ok(job.version + 1)
}

pub(super) fn end(
    tx: &mut Tx<'_, '_>,
    job: &Job,
    status: JobStatus,
    failure: Option<&str>,
) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(END, params![job.id, job.version, Json(&job.state), json::word(&status)?, failure, now])?;
    Ok(())
}

/// Has a job go on at once.
pub(super) fn go_on(tx: &mut Tx<'_, '_>, job: &Job) -> Result<(), super::Error> {
    let now = tx.now();
    tx.execute(GO_ON, params![job.id, now]).on_constraint("jobs_unfinished", super::Error::Twice)?;
    Ok(())
}

pub(super) fn sweep(tx: &mut Tx<'_, '_>, over: Timestamp, dead: Timestamp) -> Result<u64, Error> {
    Ok(tx.execute(SWEEP, params![over, dead, sweep::ROWS])?)
}

fn job(row: &Row) -> Result<Job, Error> {
    let Json(state) = row.get(3)?;
    Ok(Job {
        id: row.get(0)?,
        kind: row.get(1)?,
        key: row.get(2)?,
        state,
        status: json::choice(row.get(4)?)?,
        progress: None,
        run_at: row.get(5)?,
        attempts: row.get(6)?,
        attempts_max: 0,
        failure: row.get(7)?,
        created_at: row.get(8)?,
        created_by: row.get(9)?,
        finished_at: row.get(10)?,
        version: row.get(11)?,
    })
}
