//! A thread of the pool: takes a closure, runs it in a transaction, and again if others were in the way or the
//! connection was lost before the commit.
//!
//! A connection lost *during* the commit leaves two possibilities, and running the closure again would double one of
//! them. So every write leaves a mark, and after reconnecting the store looks for it; see `session`.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::{Counter, Histogram};
use uuid::Uuid;

use super::{Connector, Session, session::Mark};
use crate::published::{Call, Published};
use crate::queue::{Access, Queue, Waiting};
use crate::{Error, Tx};

/// Waits between attempts, to connect or to get past other transactions.
const WAIT_MIN: Duration = Duration::from_millis(2);
const WAIT_MAX: Duration = Duration::from_millis(500);

pub(super) struct Worker {
    /// By this the thread's row in `store_writers` is found, whatever connection it has.
    writer: Uuid,
    /// Transactions begun.
    marks: i64,
    connector: Arc<Connector>,
    session: Option<Session>,
    /// After a failure to connect: not before then, and how long the wait was.
    next_connect: Option<(Instant, Duration)>,
    published: Published,
    reads: Histogram,
    writes: Histogram,
    retries: Counter,
}

/// How one attempt ended.
enum Attempt {
    /// The closure has its result, and what it wrote is committed or rolled back accordingly.
    Done,
    /// It may be run again, or fail with this.
    Again(Error),
    /// The store failed.
    Failed(Error),
}

impl Worker {
    pub(super) fn new(connector: Arc<Connector>, published: Published) -> Self {
        Self {
            writer: Uuid::now_v7(),
            marks: 0,
            connector,
            session: None,
            next_connect: None,
            published,
            reads: metrics::histogram!("store_read_seconds"),
            writes: metrics::histogram!("store_write_seconds"),
            retries: metrics::counter!("store_retries_total"),
        }
    }

    /// Connects, so that a wrong address is found when the store is opened.
    pub(super) fn try_connect(&mut self) -> Result<(), Error> {
        self.session = Some(self.connect()?);
        Ok(())
    }

    pub(super) fn run(mut self, queue: &Queue) {
        while let Some(waiting) = queue.pop() {
            match waiting.access {
                Access::Write => self.write(waiting),
                Access::Read => self.read(waiting),
            }
        }
        if let Some(session) = &mut self.session {
            let _ = session.close_writer(self.writer);
        }
    }

    fn write(&mut self, mut waiting: Waiting) {
        let deadline = waiting.since + self.connector.patience;
        let mut wait = WAIT_MIN;
        loop {
            let (attempt, after) = self.attempt_write(&mut waiting, deadline);
            match attempt {
                Attempt::Done => {
                    self.writes.record(waiting.since.elapsed());
                    return match after {
                        Some((ticket, calls)) => ticket.release(calls, waiting.job),
                        None => waiting.job.answer(),
                    };
                }
                Attempt::Again(_) if Instant::now() < deadline => {
                    self.retries.increment(1);
                    std::thread::sleep(scattered(wait));
                    wait = (wait * 2).min(WAIT_MAX);
                }
                Attempt::Again(Error::Serialization) => {
                    return waiting.job.fail(Error::Busy("other writes were in the way for too long"));
                }
                Attempt::Again(error) | Attempt::Failed(error) => return waiting.job.fail(error),
            }
        }
    }

    fn attempt_write(&mut self, waiting: &mut Waiting, deadline: Instant) -> (Attempt, Option<After>) {
        let mut session = match self.connected(deadline) {
            Ok(session) => session,
            Err(error) => return (Attempt::Failed(error), None),
        };
        self.marks += 1;
        let mark = Mark { writer: self.writer, number: self.marks };
        session.begin(Some(mark));
        let mut tx = Tx::postgres(&mut session);
        let is_done = waiting.job.attempt(&mut tx);
        let (calls, failure) = tx.into_parts();
        if !is_done {
            let ended = if session.is_lost() { Ok(()) } else { session.end("ROLLBACK") };
            let again = session.is_lost() || matches!(failure, Some(Error::Serialization));
            self.keep(session, ended.is_ok());
            let failure =
                failure.unwrap_or_else(|| Error::unavailable("the connection to PostgreSQL was lost"));
            return (if again { Attempt::Again(failure) } else { Attempt::Done }, None);
        }
        // Now: every lock is still held. See `published`.
        let after = (!calls.is_empty()).then(|| (self.published.ticket(), calls));
        let committed = session.end("COMMIT");
        let is_lost = session.is_lost();
        self.keep(session, committed.is_ok());
        match committed {
            Ok(()) => (Attempt::Done, after),
            Err(error) if is_lost => self.after_lost_commit(mark, error, after),
            Err(error @ Error::Serialization) => (Attempt::Again(error), None),
            Err(error) => (Attempt::Failed(error), None),
        }
    }

    /// Finds out what became of a commit whose answer was lost. Asks for as long as it takes the server to come back and
    /// decide, within our patience, counted from now: giving up early would leave the caller without an answer.
    fn after_lost_commit(
        &mut self,
        mark: Mark,
        error: Error,
        after: Option<After>,
    ) -> (Attempt, Option<After>) {
        let deadline = Instant::now() + self.connector.patience.max(Duration::from_secs(10));
        while let Ok(mut session) = self.connected(deadline) {
            let is_committed = session.is_committed(mark);
            let is_whole = !session.is_lost();
            self.keep(session, is_whole);
            match is_committed {
                Ok(true) => return (Attempt::Done, after),
                Ok(false) => return (Attempt::Again(error), None),
                Err(_) if Instant::now() < deadline => std::thread::sleep(scattered(WAIT_MIN * 10)),
                Err(_) => break,
            }
        }
        tracing::error!(writer = %mark.writer, mark.number, "A commit's outcome is unknown: its connection was lost");
        (
            Attempt::Failed(Error::OutcomeUnknown(
                "the connection to PostgreSQL was lost in its commit".into(),
            )),
            None,
        )
    }

    fn read(&mut self, mut waiting: Waiting) {
        let deadline = waiting.since + self.connector.patience;
        loop {
            let mut session = match self.connected(deadline) {
                Ok(session) => session,
                Err(error) => return waiting.job.fail(error),
            };
            session.begin(None);
            let is_done = waiting.job.attempt(&mut Tx::postgres(&mut session));
            if !is_done && session.is_lost() && Instant::now() < deadline {
                self.retries.increment(1);
                continue;
            }
            self.reads.record(waiting.since.elapsed());
            waiting.job.answer();
            // After the answer: nothing depends on it.
            let ended = session.end("ROLLBACK");
            return self.keep(session, ended.is_ok());
        }
    }

    /// The connection, or a new one as soon as the server takes it. Waits at most until the deadline; past it, one
    /// attempt is made unless one has just failed.
    fn connected(&mut self, deadline: Instant) -> Result<Session, Error> {
        if let Some(session) = self.session.take_if(|session| !session.is_lost()) {
            return Ok(session);
        }
        self.session = None;
        loop {
            let now = Instant::now();
            let mut waited = WAIT_MIN;
            if let Some((next, wait)) = self.next_connect {
                if next > deadline {
                    return Err(Error::unavailable("PostgreSQL cannot be reached"));
                }
                std::thread::sleep(next.saturating_duration_since(now));
                waited = (wait * 2).min(WAIT_MAX);
            }
            match self.connect() {
                Ok(session) => {
                    self.next_connect = None;
                    return Ok(session);
                }
                Err(error @ Error::UnsafeDurability(_)) => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, "Cannot connect to PostgreSQL");
                    self.next_connect = Some((Instant::now() + scattered(waited), waited));
                }
            }
        }
    }

    fn connect(&self) -> Result<Session, Error> {
        let mut session = self.connector.connect()?;
        session.open_writer(self.writer)?;
        Ok(session)
    }

    fn keep(&mut self, session: Session, is_whole: bool) {
        self.session = Some(session).filter(|session| is_whole && !session.is_lost());
    }
}

type After = (crate::published::Ticket, Vec<Call>);

/// Half to all of `wait`, at random, so that threads which collided do not again.
fn scattered(wait: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish() % 1000;
    wait.mul_f64(0.5 + random as f64 / 2000.0)
}
