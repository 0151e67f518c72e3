//! The bounded queue between callers and the database's threads. Full means refused, never waited for: the caller
//! answers "busy" while it still can. Closed means: what is in it is still done, nothing more is taken.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use metrics::Gauge;
use parking_lot::{Condvar, Mutex};

use crate::Error;
use crate::job::Job;

/// What a closure may do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Write,
    Read,
}

/// A closure waiting for its turn.
pub(crate) struct Waiting {
    pub(crate) job: Box<dyn Job>,
    pub(crate) access: Access,
    pub(crate) since: Instant,
}

pub(crate) struct Queue {
    /// Held for a push or a pop only. Shared by all callers and the threads that serve this queue.
    state: Mutex<State>,
    arrived: Condvar,
    bound: usize,
    depth: Gauge,
}

struct State {
    waiting: VecDeque<Waiting>,
    idle: usize,
    is_closed: bool,
}

impl Queue {
    pub(crate) fn new(kind: &'static str, bound: usize) -> Self {
        let state = State { waiting: VecDeque::new(), idle: 0, is_closed: false };
        let depth = metrics::gauge!("store_queue_depth", "queue" => kind);
        Self { state: Mutex::new(state), arrived: Condvar::new(), bound, depth }
    }

    pub(crate) fn push(&self, job: Box<dyn Job>, access: Access) -> Result<(), (Box<dyn Job>, Error)> {
        let mut state = self.state.lock();
        if state.is_closed {
            return Err((job, Error::closed()));
        }
        if state.waiting.len() >= self.bound {
            return Err((job, Error::Busy("its queue is full")));
        }
        state.waiting.push_back(Waiting { job, access, since: Instant::now() });
        self.depth.set(state.waiting.len() as f64);
        let is_anyone_idle = state.idle > 0;
        drop(state);
        if is_anyone_idle {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// The next closure; waits for one. `None` once the queue is closed and empty.
    pub(crate) fn pop(&self) -> Option<Waiting> {
        let mut state = self.state.lock();
        loop {
            if let Some(next) = self.pop_front(&mut state) {
                return Some(next);
            }
            if state.is_closed {
                return None;
            }
            state.idle += 1;
            self.arrived.wait(&mut state);
            state.idle -= 1;
        }
    }

    /// The next closure if one is waiting.
    pub(crate) fn try_pop(&self) -> Option<Waiting> {
        self.pop_front(&mut self.state.lock())
    }

    fn pop_front(&self, state: &mut State) -> Option<Waiting> {
        let next = state.waiting.pop_front();
        if next.is_some() {
            self.depth.set(state.waiting.len() as f64);
        }
        next
    }

    /// The next closure if it has waited for longer than this.
    pub(crate) fn try_pop_older(&self, patience: Duration) -> Option<Waiting> {
        let mut state = self.state.lock();
        let is_late = state.waiting.front().is_some_and(|first| first.since.elapsed() >= patience);
        if is_late { self.pop_front(&mut state) } else { None }
    }

    /// How many closures wait.
    pub(crate) fn len(&self) -> usize {
        self.state.lock().waiting.len()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().is_closed
    }

    pub(crate) fn close(&self) {
        self.state.lock().is_closed = true;
        self.arrived.notify_all();
    }
}
