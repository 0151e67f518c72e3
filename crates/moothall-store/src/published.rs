//! What happens after commits, in the order of the commits.
//!
//! A transaction that asked for calls takes a ticket at the last moment at which it still holds all its locks: right
//! before its COMMIT. Whoever depends on its data can only come later and has a later ticket. One task runs the calls
//! in ticket order and then answers the write, so a caller that has its answer knows that its calls have run.
//!
//! A task and no thread: calls wake others by the hundred, and waking them from within the runtime costs less.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::mpsc::error::SendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

use crate::job::Job;

/// What a transaction wants to have called once it is committed.
pub(crate) type Call = Box<dyn FnOnce() + Send>;

/// Committed transactions whose calls have not run yet. Full: the database's threads wait, and with them all writers.
const WAITING_MAX: usize = 1024;

#[derive(Clone)]
pub(crate) struct Published {
    next: Arc<Mutex<u64>>,
    releases: Sender<Release>,
}

struct Release {
    ticket: u64,
    done: Option<(Vec<Call>, Box<dyn Job>)>,
}

/// A place in the order of commits. Dropped unused, it is given up, so that nobody waits for it.
pub(crate) struct Ticket {
    number: u64,
    releases: Sender<Release>,
    is_used: bool,
}

impl Published {
    /// Starts the task. It ends when the database's threads have.
    pub(crate) fn start() -> (Self, JoinHandle<()>) {
        let (releases, received) = channel(WAITING_MAX);
        (Self { next: Arc::default(), releases }, tokio::spawn(run(received)))
    }

    pub(crate) fn ticket(&self) -> Ticket {
        let mut next = self.next.lock();
        let number = *next;
        *next += 1;
        Ticket { number, releases: self.releases.clone(), is_used: false }
    }
}

impl Ticket {
    /// The transaction is committed: run its calls in their turn, then answer.
    pub(crate) fn release(mut self, calls: Vec<Call>, job: Box<dyn Job>) {
        self.is_used = true;
        let release = Release { ticket: self.number, done: Some((calls, job)) };
        // The runtime and its task are gone: nobody is left whose order could matter.
        if let Err(SendError(Release { done: Some((calls, job)), .. })) = self.releases.blocking_send(release)
        {
            run_calls(calls);
            job.answer();
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.is_used {
            let _ = self.releases.blocking_send(Release { ticket: self.number, done: None });
        }
    }
}

async fn run(mut received: Receiver<Release>) {
    let mut early = BTreeMap::new();
    let mut next = 0;
    while let Some(Release { ticket, done }) = received.recv().await {
        early.insert(ticket, done);
        while let Some(done) = early.remove(&next) {
            next += 1;
            let Some((calls, job)) = done else { continue };
            run_calls(calls);
            job.answer();
        }
    }
}

fn run_calls(calls: Vec<Call>) {
    for call in calls {
        if catch_unwind(AssertUnwindSafe(call)).is_err() {
            tracing::error!("A call after a commit panicked; the calls behind it go on");
        }
    }
}
