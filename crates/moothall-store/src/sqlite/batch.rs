//! Group commit: the writer takes every waiting closure, runs them in one transaction, commits once and only then answers
//! them all. Flushing to disk is the price of a commit, and a batch pays it once.
//!
//! A closure that fails or panics before it has changed anything leaves nothing behind, and the batch goes on. If it had
//! changed something, the whole batch is rolled back and run again with a savepoint for each closure. That costs, since
//! SQLite copies every page that is changed within one, so it is done only then and for the next few batches. Some failures
//! (a statement that was interrupted, a full disk) make SQLite roll back the whole transaction: then the other closures of
//! the batch are run again, each on its own. If the flush itself fails, nobody knows what reached the disk: the batch is
//! answered with just that, and from then on every write is refused until the store is opened again.
//!
//! Invariant: what each closure finds, does and is answered with is what it would be if they had come one by one.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use metrics::{Counter, Histogram};
use rusqlite::ErrorCode;

use super::{Connection, explain};
use crate::published::{Call, Published};
use crate::queue::{Queue, Waiting};
use crate::{Error, Tx};

/// Closures of one batch, and for how long a batch takes on more.
const BATCH_MAX: usize = 512;
const BATCH_TIME_MAX: Duration = Duration::from_millis(2);
/// Batches with savepoints, after one that had to be run again: where failures come often, they cost no more than that.
const CAREFUL: u32 = 64;
/// Pages by which the write-ahead log may grow before it is copied into the database.
const LOG_PAGES_MAX: i32 = 1000;

pub(super) struct Writer {
    connection: Connection,
    published: Published,
    /// Set once a commit failed to reach the disk. Invariant: from then on nothing is acknowledged.
    broken: Option<Error>,
    /// How many of the next batches run with savepoints.
    careful: u32,
    /// Of the tables as they were last looked at, since SQLite does not count a change of theirs among its changes.
    schema_version: i64,
    /// Pages of the log at the last checkpoint that a reader's snapshot kept from emptying it.
    log_pages_kept: i32,
    batch_size: Histogram,
    seconds: Histogram,
    retries: Counter,
}

/// A closure that has run and waits for the commit.
struct Ran {
    waiting: Waiting,
    calls: Vec<Call>,
    outcome: Result<(), Error>,
    is_done: bool,
    /// It failed, and what it had changed until then is still there.
    leaves_something: bool,
}

/// What became of the attempt to begin a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begun {
    /// It began, and all its closures have their answers.
    Done,
    /// Another process kept the lock for longer than the first closure may wait.
    Busy,
    /// The database refused.
    Failed,
}

impl Begun {
    fn is_busy(self) -> bool {
        self == Self::Busy
    }
}

fn busy() -> Error {
    Error::Busy("another process is writing to it")
}

impl Writer {
    pub(super) fn new(connection: Connection, published: Published) -> Self {
        Self {
            connection,
            published,
            broken: None,
            careful: 0,
            schema_version: 0,
            log_pages_kept: 0,
            batch_size: metrics::histogram!("store_batch_size"),
            seconds: metrics::histogram!("store_write_seconds"),
            retries: metrics::counter!("store_retries_total"),
        }
    }

    pub(super) fn run(mut self, queue: &Queue) {
        while let Some(first) = queue.pop() {
            if let Some(error) = &self.broken {
                first.job.fail(error.clone());
                continue;
            }
            if self.batch(first, || queue.try_pop()).is_busy() {
                // They have waited for the same lock, each in its place behind the others.
                while let Some(late) = queue.try_pop_older(self.connection.patience) {
                    late.job.fail(busy());
                }
            }
            self.checkpoint_if_due();
        }
        if self.broken.is_none() {
            // Failing here loses nothing: the log is read again at the next start.
            let _ = self.connection.db.busy_timeout(BUSY_MIN);
            let _ = self.connection.db.execute_batch("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE)");
        }
    }

    fn batch(&mut self, first: Waiting, mut next: impl FnMut() -> Option<Waiting>) -> Begun {
        if let Some(error) = &self.broken {
            first.job.fail(error.clone());
            return Begun::Failed;
        }
        self.connection.wait_for_others(first.since);
        if let Err(error) = self.connection.control("BEGIN IMMEDIATE") {
            let error = explain(&error);
            let begun = if matches!(error, Error::Busy(_)) { Begun::Busy } else { Begun::Failed };
            first.job.fail(error);
            return begun;
        }
        let start = Instant::now();
        let has_savepoints = self.careful > 0;
        self.careful = self.careful.saturating_sub(1);
        let mut ran: Vec<Ran> = Vec::new();
        let mut waiting = Some(first);
        while let Some(one) = waiting {
            let one = self.attempt(one, has_savepoints);
            let leaves_something = one.leaves_something;
            ran.push(one);
            if self.connection.db.is_autocommit() {
                self.rerun(ran);
                return Begun::Done;
            }
            if leaves_something {
                self.undo(ran);
                return Begun::Done;
            }
            let has_room = ran.len() < BATCH_MAX && start.elapsed() < BATCH_TIME_MAX;
            waiting = if has_room { next() } else { None };
        }
        match self.connection.control("COMMIT") {
            Ok(()) => self.answer(ran),
            Err(error) => self.commit_failed(&error, ran),
        }
        Begun::Done
    }

    /// Runs one closure, in a savepoint of its own or not.
    fn attempt(&mut self, mut waiting: Waiting, has_savepoint: bool) -> Ran {
        let begun = if has_savepoint { self.connection.control("SAVEPOINT closure") } else { Ok(()) };
        let changes = self.connection.db.total_changes();
        let mut tx = Tx::sqlite(&mut self.connection);
        let is_done = begun.is_ok() && waiting.job.attempt(&mut tx);
        let (calls, _) = tx.into_parts();
        let leaves_something = !has_savepoint && !is_done && self.has_changed(changes);
        // Where SQLite has rolled everything back there is no savepoint left: `batch` sees to that.
        let end = if is_done { "RELEASE closure" } else { "ROLLBACK TO closure; RELEASE closure" };
        let ended = begun.and_then(|()| {
            if !has_savepoint || self.connection.db.is_autocommit() {
                return Ok(());
            }
            end.split("; ").try_for_each(|text| self.connection.control(text))
        });
        Ran { waiting, calls, outcome: ended.map_err(|error| explain(&error)), is_done, leaves_something }
    }

    /// Whether this transaction may have changed anything since SQLite had counted so many changes.
    fn has_changed(&mut self, changes: u64) -> bool {
        if self.connection.db.total_changes() != changes {
            return true;
        }
        let version = self.read_schema_version();
        std::mem::replace(&mut self.schema_version, version) != version || version == i64::MAX
    }

    /// What cannot be read counts as another one.
    fn read_schema_version(&self) -> i64 {
        let read = self.connection.db.pragma_query_value(None, "schema_version", |row| row.get(0));
        read.unwrap_or(i64::MAX)
    }

    fn answer(&mut self, ran: Vec<Ran>) {
        self.batch_size.record(ran.len() as f64);
        let now = Instant::now();
        for Ran { waiting: Waiting { job, since, .. }, calls, outcome, is_done, .. } in ran {
            self.seconds.record(now - since);
            match outcome {
                Ok(()) if is_done && !calls.is_empty() => self.published.ticket().release(calls, job),
                Ok(()) => job.answer(),
                Err(error) => job.fail(error),
            }
        }
    }

    /// The last closure made SQLite roll back the transaction with everything in it. It has its answer; the others
    /// are innocent.
    fn rerun(&mut self, mut ran: Vec<Ran>) {
        self.schema_version = self.read_schema_version();
        if let Some(Ran { waiting, outcome, is_done, .. }) = ran.pop() {
            match outcome {
                // Unless the closure did it, behind the back of the store.
                Ok(()) if is_done => {
                    waiting.job.fail(Error::Statement("the closure ended its transaction".into()));
                }
                Ok(()) => waiting.job.answer(),
                Err(error) => waiting.job.fail(error),
            }
        }
        for Ran { waiting, .. } in ran {
            self.retries.increment(1);
            self.batch(waiting, || None);
        }
    }

    /// The last closure failed after it had changed something. If it was not alone, all are run again: what it found may have
    /// been of one that will fail now.
    fn undo(&mut self, ran: Vec<Ran>) {
        if let Err(error) = self.connection.control("ROLLBACK") {
            let error = explain(&error);
            return ran.into_iter().for_each(|Ran { waiting, .. }| waiting.job.fail(error.clone()));
        }
        // The tables are as they were, and the next change of them has the same version as the one that was undone.
        self.schema_version = self.read_schema_version();
        if ran.len() == 1 {
            return ran.into_iter().for_each(|Ran { waiting, .. }| waiting.job.answer());
        }
        self.careful = CAREFUL;
        self.retries.increment(ran.len() as u64);
        let mut again: VecDeque<Waiting> = ran.into_iter().map(|Ran { waiting, .. }| waiting).collect();
        while let Some(first) = again.pop_front() {
            self.careful = self.careful.max(1);
            self.batch(first, || again.pop_front());
        }
    }

    fn commit_failed(&mut self, error: &rusqlite::Error, ran: Vec<Ran>) {
        tracing::error!(%error, writes = ran.len(), "A commit failed");
        let is_io = error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure);
        if !self.connection.db.is_autocommit() {
            // A disk that came back may take this; if not, the next BEGIN says so.
            let _ = self.connection.control("ROLLBACK");
        }
        if is_io {
            let text = "a commit could not be flushed to disk; restart once the disk is whole";
            self.broken = Some(Error::unavailable(text));
        }
        let is_constraint = error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation);
        if is_constraint && ran.len() > 1 {
            // A deferred constraint: find whose.
            for Ran { waiting, .. } in ran {
                self.batch(waiting, || None);
            }
            return;
        }
        let error = if is_io {
            Error::OutcomeUnknown(
                "its commit could not be flushed to disk, and may be there after a restart".into(),
            )
        } else {
            explain(error)
        };
        ran.into_iter().for_each(|Ran { waiting, .. }| waiting.job.fail(error.clone()));
    }

    /// Copies the log into the database. Here rather than at a commit, so that no answer waits for it.
    fn checkpoint_if_due(&mut self) {
        let pages = self.connection.log_pages.load(Ordering::Relaxed);
        // Below the mark the log was emptied and has begun anew.
        self.log_pages_kept = if pages < self.log_pages_kept { 0 } else { self.log_pages_kept };
        if pages - self.log_pages_kept < LOG_PAGES_MAX {
            return;
        }
        self.log_pages_kept = pages;
        if let Err(error) = self.connection.db.execute_batch("PRAGMA wal_checkpoint(PASSIVE)") {
            tracing::warn!(%error, "A checkpoint failed; the log grows until one succeeds");
        }
    }
}

/// What even a closure that is late already waits for another process: it may be past its time because of us.
pub(super) const BUSY_MIN: Duration = Duration::from_millis(20);

/// The loop of a reader thread: each closure sees one snapshot.
pub(super) fn read(mut connection: Connection, queue: &Queue) {
    let seconds = metrics::histogram!("store_read_seconds");
    while let Some(Waiting { mut job, since, .. }) = queue.pop() {
        connection.wait_for_others(since);
        if let Err(error) = connection.control("BEGIN") {
            job.fail(explain(&error));
            continue;
        }
        job.attempt(&mut Tx::sqlite(&mut connection));
        seconds.record(since.elapsed());
        job.answer();
        if let Err(error) = connection.control("ROLLBACK")
            && !connection.db.is_autocommit()
        {
            tracing::error!(%error, "A snapshot could not be closed");
        }
    }
}
