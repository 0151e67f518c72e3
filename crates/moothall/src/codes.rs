//! Short codes that people tell each other, how often somebody may guess at them, and secrets that only programs tell.

use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use moka::sync::Cache;
use moothall_protocol::UserId;
use parking_lot::Mutex;

use crate::Random;

/// Letters and digits of a code: of those that are taken for each other (2 and Z, 5 and S, 8 and B, 0 and O, 1, I and L, U and V) one at most.
pub(crate) const LETTERS: &[u8; 24] = b"34679ACDEFGHJKMNPQRTVWXY";

/// Users whose guesses are remembered, and for how long after the last one.
const USERS_MAX: u64 = 50_000;
const MEMORY: Duration = Duration::from_secs(3_600);
/// Nobody waits for longer.
const LONGEST: Duration = Duration::from_secs(600);

/// A code that nobody can foresee.
pub(crate) fn make(random: &dyn Random, length: usize) -> String {
    let count = LETTERS.len() as u8;
    let letter = |_| {
        // Of a byte what is beyond the last whole alphabet would come too often at its beginning.
        let most = u8::MAX - u8::MAX % count;
        let byte = std::iter::repeat_with(|| {
            let [byte] = random.bytes::<1>();
            byte
        })
        .find(|byte| *byte < most);
        LETTERS.get(usize::from(byte.unwrap_or_default() % count)).copied().map_or('3', char::from)
    };
    (0..length).map(letter).collect()
}

/// By which a game host knows somebody: nobody guesses it.
pub(crate) fn secret(random: &dyn Random) -> String {
    BASE64URL_NOPAD.encode(&random.bytes::<24>())
}

/// The wrong guesses of each user. A guess is counted before it is looked at, so that a thousand at once count as a thousand, and the one
/// that was right takes its own count back.
///
/// Kept in memory: a restart forgets who has to wait, and a few guesses more at a hundred thousand million codes find nothing.
#[derive(Debug)]
pub(crate) struct Guesses {
    free: usize,
    of_users: Cache<UserId, Arc<Mutex<Counted>>>,
}

#[derive(Debug, Default)]
struct Counted {
    wrong: usize,
    /// When the next may be tried.
    open_at: Duration,
}

impl Guesses {
    /// So many wrong ones are free; after each further one the wait is twice as long.
    pub fn new(free: usize) -> Self {
        Self { free, of_users: Cache::builder().max_capacity(USERS_MAX).time_to_idle(MEMORY).build() }
    }

    /// Counts a guess, or says how long it has to wait.
    pub fn begin(&self, now: Duration, user: UserId) -> Result<(), Duration> {
        let counted = self.of_users.get_with(user, Arc::default);
        let mut counted = counted.lock();
        if counted.open_at > now {
            return Err(counted.open_at - now);
        }
        counted.wrong += 1;
        if let Some(over) = counted.wrong.checked_sub(self.free) {
            counted.open_at = now + Duration::from_secs(1 << over.min(10)).min(LONGEST);
        }
        Ok(())
    }

    /// The guess was none, or right. Those before it stay: what is one's own is no way to wash off guesses at others'.
    pub fn succeed(&self, user: UserId) {
        if let Some(counted) = self.of_users.get(&user) {
            let mut counted = counted.lock();
            counted.wrong = counted.wrong.saturating_sub(1);
            counted.open_at = Duration::ZERO;
        }
    }
}
