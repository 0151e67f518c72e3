//! Which relays there are, between whom, and who opened them.

use std::collections::HashMap;
use std::time::Duration;

use moothall_protocol::limits::RELAYS_MAX;
use moothall_protocol::matches::OpenedRelay;
use moothall_protocol::{MatchId, UserId};
use parking_lot::Mutex;

use crate::Error;

/// A relay through which nothing was sent for so long makes room for another.
const KEPT: Duration = Duration::from_secs(3_600);

/// What this context keeps in memory: bounded by [`RELAYS_MAX`].
#[derive(Debug, Default)]
pub(in crate::matches) struct OpenRelays(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    relays: HashMap<MatchId, Open>,
    /// Oldest first.
    by_user: HashMap<UserId, Vec<MatchId>>,
}

#[derive(Debug)]
struct Open {
    host: Option<UserId>,
    /// Its users are sorted.
    relay: OpenedRelay,
    used_at: Duration,
}

impl OpenRelays {
    /// Adds a relay that this host opened.
    pub fn open(&self, now: Duration, host: Option<UserId>, relay: &OpenedRelay) -> Result<(), Error> {
        let mut inner = self.0.lock();
        if inner.relays.len() >= RELAYS_MAX {
            inner.forget_unused(now);
        }
        if inner.relays.len() >= RELAYS_MAX {
            return Err(Error::Unavailable);
        }
        for user in &relay.user_ids {
            inner.by_user.entry(*user).or_default().push(relay.match_id);
        }
        inner.relays.insert(relay.match_id, Open { host, relay: relay.clone(), used_at: now });
        Ok(())
    }

    /// Takes away a relay, if its host lets the caller.
    pub fn close(&self, id: MatchId, may: impl Fn(Option<UserId>) -> bool) -> Result<OpenedRelay, Error> {
        let mut inner = self.0.lock();
        match inner.relays.get(&id) {
            Some(open) if may(open.host) => inner.remove(id).ok_or(Error::NotFound),
            _ => Err(Error::NotFound),
        }
    }

    /// Whether the user may send through this relay, which is then in use.
    pub fn require_member(&self, now: Duration, id: MatchId, user: UserId) -> Result<(), Error> {
        let mut inner = self.0.lock();
        let open = inner.relays.get_mut(&id).ok_or(Error::NotFound)?;
        open.relay.user_ids.binary_search(&user).map_err(|_| Error::NotFound)?;
        open.used_at = now;
        Ok(())
    }

    /// The relays of a user, oldest first.
    pub fn of_user(&self, user: UserId) -> Vec<OpenedRelay> {
        let inner = self.0.lock();
        let ids = inner.by_user.get(&user).map(Vec::as_slice).unwrap_or_default();
        ids.iter().filter_map(|id| inner.relays.get(id)).map(|open| open.relay.clone()).collect()
    }
}

impl Inner {
    fn forget_unused(&mut self, now: Duration) {
        let unused: Vec<MatchId> =
            self.relays.iter().filter(|(_, open)| open.used_at + KEPT <= now).map(|(id, _)| *id).collect();
        for id in unused {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: MatchId) -> Option<OpenedRelay> {
        let open = self.relays.remove(&id)?;
        for user in &open.relay.user_ids {
            if let Some(ids) = self.by_user.get_mut(user) {
                ids.retain(|known| *known != id);
                if ids.is_empty() {
                    self.by_user.remove(user);
                }
            }
        }
        Some(open.relay)
    }
}
