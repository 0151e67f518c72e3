//! Chance comes in through the front: the machine's randomness, and a seeded one for tests and the simulator.

use std::sync::Arc;

use moothall_protocol::{Id, Timestamp};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use ring::rand::{SecureRandom as _, SystemRandom as Secure};
use uuid::Builder;

/// Where randomness comes from.
pub trait Random: Send + Sync + 'static {
    /// Fills the bytes with randomness that nobody can foresee (a seeded source excepted).
    fn fill(&self, bytes: &mut [u8]);

    /// Fills the bytes with randomness for what must differ from all others but is no secret: ids, names, waits.
    fn fill_public(&self, bytes: &mut [u8]) {
        self.fill(bytes);
    }
}

/// The machine's randomness.
#[derive(Debug)]
pub struct SystemRandom(Secure);

impl SystemRandom {
    /// The machine's randomness, as a `Random` to hand to a hall.
    pub fn shared() -> Arc<dyn Random> {
        Arc::new(Self(Secure::new()))
    }
}

impl Random for SystemRandom {
    #[expect(
        clippy::expect_used,
        reason = "without randomness no secret is one: better to stop than to go on"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        self.0.fill(bytes).expect("the operating system gives randomness");
    }

    /// From a generator in this process: each request has an id, and asking the operating system costs more than that.
    fn fill_public(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}

/// Randomness that a seed decides: the same seed gives the same run.
#[derive(Debug)]
pub struct SeededRandom(Mutex<StdRng>);

impl SeededRandom {
    /// Randomness out of `seed`.
    pub fn from_seed(seed: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(StdRng::seed_from_u64(seed))))
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().fill_bytes(bytes);
    }
}

impl dyn Random {
    /// So many random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    fn public_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill_public(&mut bytes);
        bytes
    }

    /// A number below `bound`; 0 if the bound is 0. The bias is below `bound / 2^64`.
    pub fn below(&self, bound: u64) -> u64 {
        u64::from_le_bytes(self.public_bytes()).checked_rem(bound).unwrap_or(0)
    }

    /// A new id: a UUID of version 7 whose first 60 bits are the time to a quarter of a microsecond, so that ids made one
    /// after the other sort that way, and whose last 62 bits are random. No secret: nothing may depend on nobody guessing it.
    pub fn id<K>(&self, now: Timestamp) -> Id<K> {
        let micros = u64::try_from(now.as_micros()).unwrap_or(0);
        let mut tail: [u8; 10] = self.public_bytes();
        let fraction = (micros % 1_000) * 4096 / 1_000;
        let [high, low] = u16::try_from(fraction).unwrap_or(0).to_be_bytes();
        (tail[0], tail[1]) = (high, low);
        Id::from_uuid(Builder::from_unix_timestamp_millis(micros / 1_000, &tail).into_uuid())
    }
}

#[cfg(test)]
mod tests {
    use moothall_protocol::UserId;

    use super::*;

    #[test]
    fn ids_sort_by_the_microsecond_they_were_made_in() {
        let random: Arc<dyn Random> = SeededRandom::from_seed(1);
        let ids: Vec<UserId> =
            (0..5_000).map(|n| random.id(Timestamp::from_micros(1_790_000_000_000_000 + n))).collect();
        assert!(ids.is_sorted());
        assert_eq!(ids[0].uuid().get_version_num(), 7);
    }
}
