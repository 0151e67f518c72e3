//! Who watches whose presence, and the batches in which they hear of it.
//!
//! Start at [`Watches::show`], which [`Topics`] calls for every presence that changed on this node or, in a cluster, on another. The table
//! of who looks how is what others see: whoever is not in it looks offline.
//!
//! A watch is a topic: all sessions that watch the same users hear the same events, each of which is put together and encoded once,
//! however many they are. A change costs one entry in one table, whoever watches; what it means for the watches is worked out once
//! a tick, of each user only as they stand then. Who watches many hears of them more rarely.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use moothall_protocol::connections::{OwnPresence, Presence as Shown, PresenceChanged};
use moothall_protocol::limits::{PRESENCE_BATCH_MS, PRESENCE_BATCH_USERS};
use moothall_protocol::{Event, UserId, WatchId};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::presence;
use crate::{Clock, Topic, Topics};

const TICK: Duration = Duration::from_millis(PRESENCE_BATCH_MS as u64);

/// Who watches whom, and how everybody looks.
#[derive(Debug, Default)]
pub(super) struct Watches {
    /// Topics and outboxes are locked inside it, never the other way round: so a version belongs to one moment.
    inner: Mutex<Inner>,
    /// Woken when a batch begins to gather.
    gathering: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    /// Everybody who looks online.
    shown: HashMap<UserId, Shown>,
    /// What is watched, by the users in their order.
    ids: HashMap<Arc<[UserId]>, WatchId>,
    watched: HashMap<WatchId, Watched>,
    /// The watches that a user is in.
    of_user: HashMap<UserId, HashSet<WatchId>>,
    /// The watched users who changed since the last tick.
    changed: HashSet<UserId>,
    /// The watches with something to tell, by the tick at which they tell it.
    due: BTreeSet<(u64, WatchId)>,
}

/// Users who are watched together.
#[derive(Debug)]
struct Watched {
    users: Arc<[UserId]>,
    version: u64,
    sessions: usize,
    /// Who of them changed since the last event.
    changed: HashSet<UserId>,
    /// When that is told, if anybody did.
    due: u64,
}

impl Watched {
    /// How many ticks there are between two of its events, at least.
    fn ticks(&self) -> u64 {
        self.users.len().div_ceil(PRESENCE_BATCH_USERS).max(1) as u64
    }
}

impl Watches {
    /// A user stands otherwise than before.
    pub fn show(&self, own: &OwnPresence) {
        let seen = presence::as_others_see(own);
        let user = seen.user_id;
        let mut inner = self.inner.lock();
        let before = inner.shown.get(&user);
        if before.map_or(!seen.is_online, |before| *before == seen) {
            return;
        }
        if seen.is_online {
            inner.shown.insert(user, seen);
        } else {
            inner.shown.remove(&user);
        }
        if inner.of_user.contains_key(&user) {
            inner.changed.insert(user);
            if inner.changed.len() == 1 {
                self.gathering.notify_one();
            }
        }
    }

    /// How others see a user.
    pub fn look(&self, user: UserId) -> Shown {
        self.inner.lock().look(user)
    }

    /// One more session watches these users. Calls `subscribe` with the watch, which is `new` unless others have it, and returns its
    /// version and how the `asked` look: what is told from then on comes after that.
    pub fn add(
        &self,
        new: WatchId,
        users: &HashSet<UserId>,
        asked: &[UserId],
        subscribe: impl FnOnce(WatchId) -> bool,
    ) -> (WatchId, u64, Vec<Shown>) {
        let mut sorted: Vec<UserId> = users.iter().copied().collect();
        sorted.sort_unstable();
        let mut inner = self.inner.lock();
        let id = match inner.ids.get(sorted.as_slice()) {
            Some(id) => *id,
            None => inner.make(new, sorted.into()),
        };
        let is_another = subscribe(id);
        let version = match inner.watched.get_mut(&id) {
            Some(watched) => {
                watched.sessions += usize::from(is_another);
                watched.version
            }
            None => 1,
        };
        let look = |user: &UserId| {
            if users.contains(user) { inner.look(*user) } else { presence::offline(*user) }
        };
        (id, version, asked.iter().map(look).collect())
    }

    /// One session less has this watch.
    pub fn remove(&self, id: WatchId) {
        let mut inner = self.inner.lock();
        let Some(watched) = inner.watched.get_mut(&id) else { return };
        watched.sessions -= 1;
        if watched.sessions == 0 {
            inner.forget(id);
        }
    }

    /// Returns at the next tick with something to do.
    pub async fn tick(&self, clock: &dyn Clock) {
        while self.inner.lock().is_quiet() {
            self.gathering.notified().await;
        }
        clock.sleep_until(TICK * (ticks(clock.elapsed()) as u32 + 1)).await;
    }

    /// Tells those who watch of what changed, if the time of their watch has come.
    pub fn tell(&self, topics: &Topics, elapsed: Duration) {
        let tick = ticks(elapsed);
        self.inner.lock().gather(tick);
        // One at a time, so that others have their turn at the table.
        while let Some(()) = self.tell_next(topics, tick) {}
    }

    fn tell_next(&self, topics: &Topics, tick: u64) -> Option<()> {
        let mut inner = self.inner.lock();
        let id = inner.due.first().filter(|(at, _)| *at <= tick)?.1;
        inner.due.pop_first();
        let watched = inner.watched.get_mut(&id)?;
        watched.version += 1;
        let (version, changed) = (watched.version, std::mem::take(&mut watched.changed));
        let mut users: Vec<Shown> = changed.into_iter().map(|user| inner.look(user)).collect();
        users.sort_unstable_by_key(|shown| shown.user_id);
        let event = Event::PresenceChanged(PresenceChanged { watch_id: id, version, users });
        topics.publish(Topic::Presence(id), event);
        Some(())
    }

    #[cfg(test)]
    pub fn leftovers(&self) -> [usize; 3] {
        let inner = self.inner.lock();
        let watched = inner.ids.len() + inner.watched.len() + inner.of_user.len();
        [watched, inner.changed.len() + inner.due.len(), inner.shown.len()]
    }
}

fn ticks(elapsed: Duration) -> u64 {
    (elapsed.as_millis() / TICK.as_millis()) as u64
}

impl Inner {
    fn look(&self, user: UserId) -> Shown {
        self.shown.get(&user).cloned().unwrap_or_else(|| presence::offline(user))
    }

    fn is_quiet(&self) -> bool {
        self.changed.is_empty() && self.due.is_empty()
    }

    fn make(&mut self, id: WatchId, users: Arc<[UserId]>) -> WatchId {
        for user in users.iter() {
            self.of_user.entry(*user).or_default().insert(id);
        }
        self.ids.insert(Arc::clone(&users), id);
        let watched = Watched { users, version: 1, sessions: 0, changed: HashSet::new(), due: 0 };
        self.watched.insert(id, watched);
        id
    }

    fn forget(&mut self, id: WatchId) {
        let Some(watched) = self.watched.remove(&id) else { return };
        self.ids.remove(&watched.users);
        for user in watched.users.iter() {
            if let Some(watches) = self.of_user.get_mut(user) {
                watches.remove(&id);
                if watches.is_empty() {
                    self.of_user.remove(user);
                }
            }
        }
        if !watched.changed.is_empty() {
            self.due.remove(&(watched.due, id));
        }
    }

    /// Works out for which watches the changes since the last tick matter, and when those tell it.
    fn gather(&mut self, tick: u64) {
        for user in std::mem::take(&mut self.changed) {
            for id in self.of_user.get(&user).into_iter().flatten() {
                let Some(watched) = self.watched.get_mut(id) else { continue };
                if watched.changed.is_empty() {
                    watched.due = tick.next_multiple_of(watched.ticks());
                    self.due.insert((watched.due, *id));
                }
                watched.changed.insert(user);
            }
        }
    }
}

/// Has the watches hear of every presence that changes.
pub(super) fn listen(watches: &Arc<Watches>, topics: &Topics) {
    let watches = Arc::clone(watches);
    topics.listen(move |_, event| {
        if let Event::PresenceUpdated(own) = event {
            watches.show(own);
        }
    });
}

#[cfg(test)]
mod tests;
