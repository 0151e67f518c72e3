//! Jobs: work that the server does beside the calls, in steps, until it is done.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::audit::REASON;
use crate::{Cursor, JobId, Timestamp, UserId, limits};

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// It waits for its time, for its next step, for another try, or for a server that knows its kind.
    Waiting,
    /// All of it was done.
    Done,
    /// It was given up after too many tries: see `failure`.
    Dead,
    /// Somebody called it off.
    Cancelled,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JobProgress {
    /// So much is done.
    pub done: u64,
    /// Of so much; absent where nobody knows yet.
    pub total: Option<u64>,
}

/// A job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What kind of work it is, such as `notifications.broadcast`.
    pub kind: String,
    /// There is one unfinished job of this kind and key at most.
    pub key: Option<String>,
    /// What is to be done, and what it remembers of its steps.
    pub state: Value,
    /// How it stands.
    pub status: JobStatus,
    /// How far it is, if that can be said.
    pub progress: Option<JobProgress>,
    /// When it goes on; absent when it does not.
    pub run_at: Option<Timestamp>,
    /// Tries at its current step, those included that the server did not survive.
    pub attempts: u32,
    /// Tries after which it is given up. 0: the server that answers does not know its kind, and leaves it to one that does, such as a newer
    /// one.
    pub attempts_max: u32,
    /// Why the last try failed.
    pub failure: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom; absent for the server itself.
    pub created_by: Option<UserId>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Counts its steps and changes.
    pub version: i64,
}

/// Lists jobs, newest first. Filters that are absent let everything pass.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListJobs {
    /// Only those that stand so.
    #[serde(default)]
    pub status: Option<JobStatus>,
    /// Only this kind.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::JOB_KIND_LENGTH_MAX))]
    pub kind: Option<String>,
    /// Where to go on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<u32>,
}

/// Reads a job.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetJob {
    /// Which.
    pub job_id: JobId,
}

/// Has a job go on at once: one that was given up or called off where it stopped, one that waits without waiting any longer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryJob {
    /// Which.
    pub job_id: JobId,
    /// Why.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// Calls a job off. What it has done stays done.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelJob {
    /// Which.
    pub job_id: JobId,
    /// Why.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}
