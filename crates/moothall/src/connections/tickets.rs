//! Tickets: how a browser opens a socket without putting a token into an address.
//!
//! Kept in memory, as hashes: a ticket lives half a minute and names a session that lives in the database.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use moothall_protocol::SessionId;
use moothall_protocol::limits::{SOCKET_TICKET_MS_MAX, SOCKET_TICKETS_MAX};
use parking_lot::Mutex;
use ring::digest::{SHA256, digest};

use crate::Random;

/// How long a ticket is good.
pub(super) const TICKET: Duration = Duration::from_millis(SOCKET_TICKET_MS_MAX as u64);

/// What a secret is kept as.
pub(super) type Hash = [u8; 32];

/// A new secret of 256 bits, and what to keep of it.
pub(super) fn secret(random: &dyn Random) -> (String, Hash) {
    let secret = BASE64URL_NOPAD.encode(&random.bytes::<32>());
    let hash = hash(&secret);
    (secret, hash)
}

/// What is kept of this secret. Comparing hashes of secrets of 256 bits tells nothing by its time.
pub(super) fn hash(secret: &str) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
    hash
}

/// The tickets that were not used yet.
#[derive(Debug, Default)]
pub(super) struct Tickets(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    by_hash: HashMap<Hash, (SessionId, Duration)>,
    /// In the order in which they expire, used ones among them.
    order: VecDeque<(Duration, Hash)>,
}

impl Tickets {
    /// Makes a ticket. When there are too many the oldest goes.
    pub fn create(&self, random: &dyn Random, now: Duration, session: SessionId) -> String {
        let (ticket, hash) = secret(random);
        let mut inner = self.0.lock();
        inner.clear(now);
        inner.by_hash.insert(hash, (session, now + TICKET));
        inner.order.push_back((now + TICKET, hash));
        ticket
    }

    /// Uses a ticket: it is good once, even if what follows fails.
    pub fn take(&self, now: Duration, ticket: &str) -> Option<SessionId> {
        let (session, until) = self.0.lock().by_hash.remove(&hash(ticket))?;
        (now < until).then_some(session)
    }

    /// Forgets what has expired.
    pub fn sweep(&self, now: Duration) {
        self.0.lock().clear(now);
    }

    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.0.lock().order.len()
    }
}

impl Inner {
    fn clear(&mut self, now: Duration) {
        while let Some((until, hash)) = self.order.front().copied() {
            if until > now && self.order.len() < SOCKET_TICKETS_MAX {
                break;
            }
            self.order.pop_front();
            self.by_hash.remove(&hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use moothall_protocol::Timestamp;

    use super::*;
    use crate::SeededRandom;

    #[test]
    fn a_ticket_is_good_once_and_for_its_time() {
        assert_eq!(TICKET.as_millis(), SOCKET_TICKET_MS_MAX as u128);
        let random: std::sync::Arc<dyn Random> = SeededRandom::from_seed(1);
        let tickets = Tickets::default();
        let session = random.id(Timestamp::from_micros(0));
        let now = Duration::from_secs(5);
        let ticket = tickets.create(&*random, now, session);
        assert_eq!(tickets.take(now, "another"), None);
        assert_eq!(tickets.take(now + TICKET - Duration::from_millis(1), &ticket), Some(session));
        assert_eq!(tickets.take(now, &ticket), None);
        let late = tickets.create(&*random, now, session);
        assert_eq!(tickets.take(now + TICKET, &late), None);
    }

    #[test]
    fn tickets_that_nobody_uses_do_not_pile_up() {
        let random: std::sync::Arc<dyn Random> = SeededRandom::from_seed(1);
        let tickets = Tickets::default();
        let session = random.id(Timestamp::from_micros(0));
        let first = tickets.create(&*random, Duration::ZERO, session);
        for _ in 0..SOCKET_TICKETS_MAX {
            tickets.create(&*random, Duration::ZERO, session);
        }
        assert_eq!(tickets.count(), SOCKET_TICKETS_MAX);
        assert_eq!(tickets.take(Duration::ZERO, &first), None, "the oldest made room");
        tickets.sweep(TICKET);
        assert_eq!((tickets.count(), tickets.0.lock().by_hash.len()), (0, 0));
    }
}
