//! What follows elsewhere from a change, done beside the calls: for each key one thing after the other.
//!
//! What happened in one partition often concerns another: who sits in a lobby has it in their presence. [`Following::begin`] is called
//! after the commit, and has a step carry out what is new; what comes meanwhile is gathered for the next one. So nothing old overtakes
//! something new, as long as each step goes by what is stored then. [`Following::settled`] waits for it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::{Fault, Hall, Kind};

/// What happened, gathered until a step takes it.
pub(crate) trait News: Default + Send + 'static {
    /// More happened.
    fn add(&mut self, more: Self);
}

impl<T: Send + 'static> News for Vec<T> {
    fn add(&mut self, more: Self) {
        self.extend(more);
    }
}

/// The keys of which something has still to follow. Bounded by the keys there are.
#[derive(Debug)]
pub(crate) struct Following<K, N>(Arc<Mutex<HashMap<K, Pending<N>>>>);

#[derive(Debug, Default)]
struct Pending<N> {
    news: N,
    is_new: bool,
    /// Those who wait until all this is done.
    waiting: Vec<oneshot::Sender<()>>,
}

impl<K, N> Default for Following<K, N> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Copy + Eq + Hash + Send + 'static, N: News> Following<K, N> {
    /// Has `step` carry out what follows from this, unless one is at work that will.
    pub fn begin<F>(&self, hall: &Hall, key: K, news: N, step: impl Fn(Hall, K, N) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send,
    {
        if !self.add(key, news) {
            return;
        }
        let (weak, following) = (hall.downgrade(), Self(Arc::clone(&self.0)));
        hall.spawn(async move {
            while let Some(hall) = weak.upgrade() {
                let Some(Pending { news, waiting, .. }) = following.take(key) else { return };
                step(hall, key, news).await;
                for waiting in waiting {
                    let _ = waiting.send(());
                }
            }
        });
    }

    /// Returns once everything has followed that happened until now.
    pub async fn settled(&self, key: K) {
        if let Some(done) = self.wait(key) {
            // Whoever should say so may be gone with the server.
            let _ = done.await;
        }
    }

    /// Adds to what must follow. Returns whether somebody must begin with it.
    fn add(&self, key: K, news: N) -> bool {
        match self.0.lock().entry(key) {
            Entry::Occupied(mut entry) => {
                let pending = entry.get_mut();
                pending.news.add(news);
                pending.is_new = true;
                false
            }
            Entry::Vacant(entry) => {
                entry.insert(Pending { news, is_new: true, waiting: Vec::new() });
                true
            }
        }
    }

    /// What must follow now; without anything the key is let go of.
    fn take(&self, key: K) -> Option<Pending<N>> {
        let mut all = self.0.lock();
        let pending = all.get_mut(&key)?;
        if !pending.is_new && pending.waiting.is_empty() {
            all.remove(&key);
            return None;
        }
        Some(std::mem::take(pending))
    }

    fn wait(&self, key: K) -> Option<oneshot::Receiver<()>> {
        let mut all = self.0.lock();
        let (sender, receiver) = oneshot::channel();
        all.get_mut(&key)?.waiting.push(sender);
        Some(receiver)
    }
}

/// Does this, and does it again while a partition is too busy or the database is away: what follows from a commit follows, however long
/// that takes, until the server stops. An error is one that another try would not mend.
pub(crate) async fn persistently<E: Fault, F>(hall: &Hall, step: impl Fn() -> F) -> Result<(), E>
where
    F: Future<Output = Result<(), E>>,
{
    const WAIT: Duration = Duration::from_millis(100);
    const WAIT_MAX: Duration = Duration::from_secs(10);
    let mut wait = WAIT;
    loop {
        match step().await {
            Err(error) if error.kind() == Kind::Unavailable && !hall.store().is_closed() => {
                if wait >= WAIT_MAX {
                    tracing::warn!("What follows from a change is still tried: {error}");
                }
                let clock = hall.shared_clock();
                clock.sleep_until(clock.elapsed() + wait).await;
                wait = WAIT_MAX.min(wait * 2);
            }
            done => return done,
        }
    }
}
