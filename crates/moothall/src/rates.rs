//! Rates: one token bucket per caller and class, shared by all doors (generic cell rate algorithm).

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::time::Duration;

use moothall_protocol::{SessionId, UserId};
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
            // Of everybody behind one network together.
            Self::Refresh => Budget { burst: 600, per_minute: 3_000 },
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
    Session(SessionId),
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

/// More than this would not fit a budget, nor mean anything.
const SCALE_MAX: u32 = 1_000_000;
const SHARDS: usize = 64;
/// Buckets of one shard. When it is full, those that are full again are forgotten; if none is, the request is let pass
/// to the bucket of all unknown callers.
const BUCKETS_MAX: usize = 4_096;

/// How often a full shard is looked through for buckets that are full again: under a flood each request would else do it.
const SWEEP: Duration = Duration::from_secs(1);

/// The token buckets of all callers. Bounded: a bucket that has filled up again is forgotten when room is needed.
#[derive(Debug)]
pub struct Rates {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    scale: u32,
}

#[derive(Debug, Default)]
struct Shard {
    /// When each bucket is full again.
    buckets: HashMap<(Who, Rate), Duration>,
    swept_at: Option<Duration>,
}

impl Shard {
    /// Whether there is room for one more bucket.
    fn has_room(&mut self, now: Duration) -> bool {
        let may_sweep = self.swept_at.is_none_or(|at| now >= at + SWEEP);
        if self.buckets.len() >= BUCKETS_MAX && may_sweep {
            self.buckets.retain(|_, full_at| *full_at > now);
            self.swept_at = Some(now);
        }
        self.buckets.len() < BUCKETS_MAX
    }
}

impl Default for Rates {
    fn default() -> Self {
        Self::scaled(1)
    }
}

impl Rates {
    /// Budgets `scale` times as large, up to a million; for load tests and trusted networks.
    pub fn scaled(scale: u32) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            scale: scale.clamp(1, SCALE_MAX),
        }
    }

    /// How many times as large the budgets are.
    pub fn scale(&self) -> u32 {
        self.scale
    }

    /// The budget of one caller in this class, as it is in force.
    pub fn budget(&self, rate: Rate) -> Budget {
        let Budget { burst, per_minute } = rate.budget();
        Budget { burst: burst * self.scale, per_minute: per_minute * self.scale }
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

    /// Takes one token of a session's own bucket. That the session is real must be known: buckets are no gift to who makes up ids.
    pub fn take_of_session(&self, cx: &Cx, session: SessionId, rate: Rate) -> Result<(), Error> {
        self.take_at(Who::Session(session), rate, cx.elapsed())
    }

    #[expect(clippy::indexing_slicing, reason = "the remainder is within the shards")]
    fn take_at(&self, who: Who, rate: Rate, now: Duration) -> Result<(), Error> {
        let budget = self.budget(rate);
        let between = Duration::from_secs(60) / budget.per_minute;
        let burst = between * (budget.burst - 1);
        let key = (who, rate);
        let mut shard = self.shards[(self.hasher.hash_one(key) % SHARDS as u64) as usize].lock();
        let is_known = shard.buckets.contains_key(&key);
        let key = if is_known || shard.has_room(now) { key } else { (Who::Unknown, rate) };
        // The time at which the bucket is full again: each request moves it on by one token.
        let full_at = shard.buckets.entry(key).or_insert(now);
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
    fn a_scaled_bucket_gives_so_many_times_more() {
        let rates = Rates::scaled(3);
        let who = Who::Network(IpAddr::from([127, 0, 0, 1]));
        let taken = |_: &u32| rates.take_at(who, Rate::Chat, Duration::ZERO).is_ok();
        let burst = (0..10_000).take_while(taken).count();
        assert_eq!(burst as u32, Rate::Chat.budget().burst * 3);
        for rate in Rate::ALL {
            assert!(Rates::scaled(u32::MAX).budget(rate).per_minute > rate.budget().per_minute);
        }
    }

    #[test]
    fn a_flood_of_addresses_does_not_grow_the_map() {
        let rates = Rates::default();
        for n in 0..(SHARDS * BUCKETS_MAX * 2) as u32 {
            let _ = rates.take_at(Who::Network(IpAddr::from(n.to_be_bytes())), Rate::SignIn, Duration::ZERO);
        }
        let kept: usize = rates.shards.iter().map(|shard| shard.lock().buckets.len()).sum();
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
