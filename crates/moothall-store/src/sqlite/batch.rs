//! Group commit: the writer takes every waiting closure, runs each in a savepoint of one transaction, commits once and
//! only then answers them all. Flushing to disk is the price of a commit, and a batch pays it once.
//!
//! A closure that fails or panics is rolled back to its savepoint and the batch goes on. Some failures (a statement that
//! was interrupted, a full disk) make SQLite roll back the whole transaction: then the other closures of the batch are
//! run again, each on its own. If the flush itself fails, nobody knows what reached the disk: the batch is answered with
//! just that, and from then on every write is refused until the store is opened again.

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
/// Pages by which the write-ahead log may grow before it is copied into the database.
const LOG_PAGES_MAX: i32 = 1000;

pub(super) struct Writer {
    connection: Connection,
    published: Published,
    /// Set once a commit failed to reach the disk. Invariant: from then on nothing is acknowledged.
    broken: Option<Error>,
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
        self.connection.wait_for_others(first.since);
        if let Err(error) = self.connection.control("BEGIN IMMEDIATE") {
            let error = explain(&error);
            let begun = if matches!(error, Error::Busy(_)) { Begun::Busy } else { Begun::Failed };
            first.job.fail(error);
            return begun;
        }
        let start = Instant::now();
        let mut ran: Vec<Ran> = Vec::new();
        let mut waiting = Some(first);
        while let Some(one) = waiting {
            ran.push(self.attempt(one));
            if self.connection.db.is_autocommit() {
                self.rerun(ran);
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

    /// Runs one closure in its savepoint.
    fn attempt(&mut self, mut waiting: Waiting) -> Ran {
        let begun = self.connection.control("SAVEPOINT closure");
        let mut tx = Tx::sqlite(&mut self.connection);
        let is_done = begun.is_ok() && waiting.job.attempt(&mut tx);
        let (calls, _) = tx.into_parts();
        // Where SQLite has rolled everything back there is no savepoint left: `batch` sees to that.
        let end = if is_done { "RELEASE closure" } else { "ROLLBACK TO closure; RELEASE closure" };
        let ended = begun.and_then(|()| {
            if self.connection.db.is_autocommit() {
                return Ok(());
            }
            end.split("; ").try_for_each(|text| self.connection.control(text))
        });
        Ran { waiting, calls, outcome: ended.map_err(|error| explain(&error)), is_done }
    }

    fn answer(&mut self, ran: Vec<Ran>) {
        self.batch_size.record(ran.len() as f64);
        let now = Instant::now();
        for Ran { waiting: Waiting { job, since, .. }, calls, outcome, is_done } in ran {
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
