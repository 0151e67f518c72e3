//! Who watches whose presence, and the batches in which they hear of it.
//!
//! Start at [`Watches::show`], which [`Topics`] calls for every presence that changed on this node or, in a cluster, on another. The table
//! of who looks how is what others see: whoever is not in it looks offline. A session hears of all its watched users together, at
//! most every quarter of a second, and of each only as they stand then.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use moothall_protocol::connections::{OwnPresence, Presence as Shown, PresenceChanged};
use moothall_protocol::{Event, SessionId, UserId};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::presence;
use super::session::Session;
use crate::Topics;
use crate::topics::Frame;

/// Who watches whom, and how everybody looks.
#[derive(Debug, Default)]
pub(super) struct Watches {
    inner: Mutex<Inner>,
    /// Woken when a batch begins to gather.
    pub gathering: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    /// Everybody who looks online.
    shown: HashMap<UserId, Shown>,
    /// The sessions that watch a user, as often as they do.
    watchers: HashMap<UserId, HashMap<SessionId, usize>>,
    /// Who changed since the last batch, by the session that watches them.
    changed: HashMap<SessionId, HashSet<UserId>>,
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
        let inner = &mut *inner;
        let Some(watchers) = inner.watchers.get(&user) else { return };
        if inner.changed.is_empty() {
            self.gathering.notify_one();
        }
        for session in watchers.keys() {
            inner.changed.entry(*session).or_default().insert(user);
        }
    }

    /// How others see a user.
    pub fn look(&self, user: UserId) -> Shown {
        self.inner.lock().look(user)
    }

    /// From now on the session hears of these users. Returns how they look from then on.
    pub fn add(&self, session: SessionId, users: &[UserId]) -> Vec<Shown> {
        let mut inner = self.inner.lock();
        for user in users {
            *inner.watchers.entry(*user).or_default().entry(session).or_default() += 1;
        }
        users.iter().map(|user| inner.look(*user)).collect()
    }

    /// One watch of the session on these users less.
    pub fn remove(&self, session: SessionId, users: &HashSet<UserId>) {
        let mut inner = self.inner.lock();
        for user in users {
            let Some(watchers) = inner.watchers.get_mut(user) else { continue };
            if let Some(count) = watchers.get_mut(&session) {
                *count -= 1;
                if *count == 0 {
                    watchers.remove(&session);
                }
            }
            if watchers.is_empty() {
                inner.watchers.remove(user);
            }
        }
    }

    /// Takes the batch that gathered: who changed, by the session that watches them.
    pub fn take(&self) -> HashMap<SessionId, Vec<Shown>> {
        let mut inner = self.inner.lock();
        let changed = std::mem::take(&mut inner.changed);
        let look = |users: HashSet<UserId>| users.into_iter().map(|user| inner.look(user)).collect();
        changed.into_iter().map(|(session, users)| (session, look(users))).collect()
    }

    #[cfg(test)]
    pub fn leftovers(&self) -> [usize; 3] {
        let inner = self.inner.lock();
        [inner.watchers.len(), inner.changed.len(), inner.shown.len()]
    }
}

impl Inner {
    fn look(&self, user: UserId) -> Shown {
        self.shown.get(&user).cloned().unwrap_or_else(|| presence::offline(user))
    }
}

/// Tells a session of those it watches who changed.
pub(super) fn tell(session: &Session, changed: &[Shown]) {
    let Some(mut state) = session.state() else { return };
    for (watch_id, watch) in &mut state.watches {
        let mut users: Vec<Shown> =
            changed.iter().filter(|shown| watch.users.contains(&shown.user_id)).cloned().collect();
        if users.is_empty() {
            continue;
        }
        users.sort_unstable_by_key(|shown| shown.user_id);
        watch.version += 1;
        let event =
            Event::PresenceChanged(PresenceChanged { watch_id: *watch_id, version: watch.version, users });
        session.outbox.push(Arc::new(Frame::new(None, event)));
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
