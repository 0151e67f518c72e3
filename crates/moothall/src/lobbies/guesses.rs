//! Slows down guessing of codes and passwords, for each user. A guess is counted before it is looked at, so that a thousand at once
//! count as a thousand, and the one that was right takes its own count back.
//!
//! Kept in memory: a restart forgets who has to wait, and ten guesses more at a code find nothing.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use moothall_protocol::UserId;
use moothall_protocol::limits::LOBBY_GUESSES_MAX;
use parking_lot::Mutex;

use super::Error;

/// Users whose guesses are remembered, and for how long after the last one.
const USERS_MAX: u64 = 50_000;
const MEMORY: Duration = Duration::from_secs(3_600);
/// Nobody waits for longer.
const LONGEST: Duration = Duration::from_secs(600);

/// The wrong guesses of each user.
#[derive(Debug)]
pub(super) struct Guesses(Cache<UserId, Arc<Mutex<Counted>>>);

#[derive(Debug, Default)]
struct Counted {
    wrong: usize,
    /// When the next may be tried.
    open_at: Duration,
}

impl Default for Guesses {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(USERS_MAX).time_to_idle(MEMORY).build())
    }
}

impl Guesses {
    /// Counts a guess, or says how long it has to wait.
    pub fn begin(&self, now: Duration, user: UserId) -> Result<(), Error> {
        let counted = self.0.get_with(user, Arc::default);
        let mut counted = counted.lock();
        if counted.open_at > now {
            return Err(Error::GuessesThrottled { retry_after: counted.open_at - now });
        }
        counted.wrong += 1;
        if let Some(over) = counted.wrong.checked_sub(LOBBY_GUESSES_MAX) {
            counted.open_at = now + Duration::from_secs(1 << over.min(10)).min(LONGEST);
        }
        Ok(())
    }

    /// The guess was none, or right. Those before it stay: a lobby of one's own is no way to wash off guesses at others'.
    pub fn succeed(&self, user: UserId) {
        if let Some(counted) = self.0.get(&user) {
            let mut counted = counted.lock();
            counted.wrong = counted.wrong.saturating_sub(1);
            counted.open_at = Duration::ZERO;
        }
    }
}
