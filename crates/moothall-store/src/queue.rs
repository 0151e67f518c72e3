//! The bounded queue between callers and the database's threads. Full means refused, never waited for: the caller
//! answers "busy" while it still can. Closed means: what is in it is still done, nothing more is taken.

use std::collections::VecDeque;
use std::sync::Arc;
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
    /// Threads that serve it.
    serving: usize,
    is_closed: bool,
}

impl Queue {
    pub(crate) fn new(kind: &'static str, bound: usize) -> Self {
        let state = State { waiting: VecDeque::new(), idle: 0, serving: 0, is_closed: false };
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

/// A thread serves the queue for as long as it has this. When the last one goes, because of a panic, nobody is left who
/// would answer: the queue closes, and what waits in it is refused.
pub(crate) struct Serving(Arc<Queue>);

impl Serving {
    pub(crate) fn new(queue: &Arc<Queue>) -> Self {
        queue.state.lock().serving += 1;
        Self(Arc::clone(queue))
    }
}

impl std::ops::Deref for Serving {
    type Target = Queue;

    fn deref(&self) -> &Queue {
        &self.0
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.serving -= 1;
        let left = if state.serving == 0 { std::mem::take(&mut state.waiting) } else { VecDeque::new() };
        state.is_closed |= state.serving == 0;
        drop(state);
        left.into_iter().for_each(|waiting| waiting.job.fail(Error::closed()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tx;

    struct Told(std::sync::mpsc::SyncSender<Error>);

    impl Job for Told {
        fn attempt(&mut self, _: &mut Tx<'_>) -> bool {
            false
        }

        fn answer(self: Box<Self>) {}

        fn fail(self: Box<Self>, error: Error) {
            self.0.send(error).unwrap();
        }
    }

    #[test]
    fn the_end_of_the_last_thread_that_serves_it_closes_a_queue() {
        let queue = Arc::new(Queue::new("test", 8));
        let (one, other) = (Serving::new(&queue), Serving::new(&queue));
        let (told, heard) = std::sync::mpsc::sync_channel(1);
        assert!(queue.push(Box::new(Told(told.clone())), Access::Write).is_ok());
        let panicked = std::thread::spawn(move || {
            let _one = one;
            panic!("as a bug would");
        });
        assert!(panicked.join().is_err() && !queue.is_closed());
        drop(other);
        assert!(heard.try_recv().unwrap().is_unavailable());
        assert!(queue.push(Box::new(Told(told)), Access::Write).is_err());
    }
}
