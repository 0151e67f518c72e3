//! Rates: one token bucket per caller and class, shared by all doors (generic cell rate algorithm).

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::time::Duration;

use moothall_protocol::UserId;
use parking_lot::Mutex;

use crate::cx::Cx;
use crate::error::Error;
use crate::operation::Rate;

/// So many at once, and so many per second after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How many may come at once.
    pub burst: u32,
    /// How many per minute in the long run.
    pub per_minute: u32,
}

impl Rate {
    /// The budget of one caller in this class.
    pub const fn budget(self) -> Budget {
        match self {
            Self::SignIn => Budget { burst: 20, per_minute: 30 },
            Self::Chat => Budget { burst: 50, per_minute: 300 },
            Self::Social => Budget { burst: 60, per_minute: 300 },
            Self::Read => Budget { burst: 200, per_minute: 1_800 },
            Self::Write => Budget { burst: 60, per_minute: 300 },
            Self::Admin => Budget { burst: 200, per_minute: 1_800 },
        }
    }
}

/// Who shares a bucket: a user over all sessions, or for callers nobody knows the network they come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Who {
    User(UserId),
    Network(IpAddr),
    Unknown,
}

/// The network of an address: the address itself, or for IPv6 its /64, which one customer has whole.
pub fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
        },
    }
}

const SHARDS: usize = 64;
/// Buckets of one shard. When it is full, those that are full again are forgotten; if none is, the request is let pass
/// to the bucket of all unknown callers.
const BUCKETS_MAX: usize = 4_096;

/// The token buckets of all callers. Bounded: a bucket that has filled up again is forgotten when room is needed.
#[derive(Debug)]
pub struct Rates {
    shards: Vec<Mutex<HashMap<(Who, Rate), Duration>>>,
    hasher: RandomState,
    scale: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self::scaled(1)
    }
}

impl Rates {
    /// Budgets `scale` times as large; for load tests and trusted networks.
    pub fn scaled(scale: u32) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            scale: scale.max(1),
        }
    }

    /// How many times as large the budgets are.
    pub fn scale(&self) -> u32 {
        self.scale
    }

    /// Takes one token of the caller's bucket, or says when there will be one.
    pub fn take(&self, cx: &Cx, rate: Rate) -> Result<(), Error> {
        let who = match (cx.user(), cx.origin().address) {
            // Sign-ins are counted per network, whoever is signed in already.
            (Some(user), _) if rate != Rate::SignIn => Who::User(user),
            (_, Some(address)) => Who::Network(network(address)),
            (Some(user), None) => Who::User(user),
            // A program in the same process, or the server itself.
            (None, None) => return Ok(()),
        };
        self.take_at(who, rate, cx.elapsed())
    }

    #[expect(clippy::indexing_slicing, reason = "the remainder is within the shards")]
    fn take_at(&self, who: Who, rate: Rate, now: Duration) -> Result<(), Error> {
        let budget = rate.budget();
        let between = Duration::from_secs(60) / (budget.per_minute * self.scale);
        let burst = between * (budget.burst * self.scale - 1);
        let key = (who, rate);
        let mut shard = self.shards[(self.hasher.hash_one(key) % SHARDS as u64) as usize].lock();
        let key = if shard.len() >= BUCKETS_MAX && !shard.contains_key(&key) {
            shard.retain(|_, full_at| *full_at > now);
            if shard.len() >= BUCKETS_MAX { (Who::Unknown, rate) } else { key }
        } else {
            key
        };
        // The time at which the bucket is full again: each request moves it on by one token.
        let full_at = shard.entry(key).or_insert(now);
        let from = (*full_at).max(now);
        if from > now + burst {
            return Err(Error::RateLimited { retry_after: from - burst - now });
        }
        *full_at = from + between;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let rates = Rates::default();
        let who = Who::Network(IpAddr::from([127, 0, 0, 1]));
        let budget = Rate::Chat.budget();
        let now = Duration::from_secs(100);
        for _ in 0..budget.burst {
            rates.take_at(who, Rate::Chat, now).unwrap();
        }
        let Err(Error::RateLimited { retry_after }) = rates.take_at(who, Rate::Chat, now) else {
            panic!("not limited")
        };
        assert_eq!(retry_after, Duration::from_secs(60) / budget.per_minute);
        rates.take_at(who, Rate::Chat, now + retry_after).unwrap();
        assert!(rates.take_at(who, Rate::Chat, now + retry_after).is_err());
        rates.take_at(who, Rate::Read, now).unwrap();
    }

    #[test]
    fn a_flood_of_addresses_does_not_grow_the_map() {
        let rates = Rates::default();
        for n in 0..(SHARDS * BUCKETS_MAX * 2) as u32 {
            let _ = rates.take_at(Who::Network(IpAddr::from(n.to_be_bytes())), Rate::SignIn, Duration::ZERO);
        }
        let kept: usize = rates.shards.iter().map(|shard| shard.lock().len()).sum();
        assert!(kept <= SHARDS * (BUCKETS_MAX + 1), "{kept} buckets");
    }

    #[test]
    fn a_network_of_ipv6_is_its_64_bit_prefix() {
        let one: IpAddr = "2001:db8::1".parse().unwrap();
        let two: IpAddr = "2001:db8::ffff:2".parse().unwrap();
        assert_eq!(network(one), network(two));
        assert_eq!(network("::ffff:10.0.0.1".parse().unwrap()), "10.0.0.1".parse::<IpAddr>().unwrap());
    }
}
