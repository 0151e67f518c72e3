//! The pool alone: driven at random through crashes, lost writes and repeated requests.

use std::collections::BTreeSet;

use parking_lot::Mutex;

use super::*;
use crate::Random;
use crate::runtime::simulator::{self, Simulated};
use crate::testing::seeds;

const HOSTS: u64 = 5;
const MATCHES: u64 = 12;

/// How often what happened, over all runs: a model of what never happens proves nothing.
static HAPPENED: Mutex<BTreeMap<&'static str, u64>> = Mutex::new(BTreeMap::new());

fn happened(what: &'static str) {
    *HAPPENED.lock().entry(what).or_default() += 1;
}

fn host(number: u64) -> UserId {
    UserId::from_uuid(uuid::Uuid::from_u128(u128::from(number) + 1))
}

fn game(number: u64) -> MatchId {
    MatchId::from_uuid(uuid::Uuid::from_u128(u128::from(number) + 1_000))
}

fn card() -> HostPool {
    HostPool {
        slug: "eu".into(),
        name: "Europe".into(),
        modes: Vec::new(),
        versions: Vec::new(),
        regions: Vec::new(),
        version: 1,
    }
}

fn rules() -> Rules {
    Rules { beat: Duration::from_secs(1), lost_after: Duration::from_secs(4), adopt: Duration::from_secs(8) }
}

fn about(capacity: u32, region: &str) -> About {
    About {
        version: "1".into(),
        region: region.into(),
        addresses: vec!["192.0.2.1:7000".into()],
        capacity,
        labels: Vec::new(),
    }
}

fn wanted() -> Wanted {
    Wanted { mode: "duel".into(), regions: vec!["west".into()], ..Wanted::default() }
}

/// What the database holds of a pool.
#[derive(Clone, Debug)]
pub(in crate::hosts) struct Stored {
    card: HostPool,
    hosts: BTreeMap<UserId, Record>,
    reserved: BTreeMap<MatchId, (UserId, Reserved)>,
}

/// What a host believes of itself who hears its events, and what the database must agree with.
type View = BTreeMap<MatchId, UserId>;

impl Simulated for Pool {
    type Stored = Stored;
    type Promised = ();
    type View = View;

    fn create(_: HostPoolId, _: &dyn Random) -> Stored {
        Stored { card: card(), hosts: BTreeMap::new(), reserved: BTreeMap::new() }
    }

    fn apply(stored: &mut Stored, effect: &Effect) {
        match effect {
            Effect::Put { after, .. } => stored.card = after.clone(),
            Effect::Removed { .. } => unreachable!("nothing more would happen"),
            Effect::Host { user, record } => {
                if record.kept_until.is_some() {
                    happened("a host was lost");
                }
                let before = stored.hosts.insert(*user, record.clone());
                if before.is_some_and(|before| before.kept_until.is_some()) && record.kept_until.is_none() {
                    happened("a host came back");
                }
            }
            Effect::Gone { user } => {
                assert!(stored.hosts.remove(user).is_some(), "only who is there can go");
                let is_left = stored.reserved.values().any(|(host, _)| host == user);
                assert!(!is_left, "what is reserved on nobody");
            }
            Effect::Reserved { user, match_id, reserved } => {
                let before = stored.reserved.insert(*match_id, (*user, reserved.clone()));
                assert_eq!(before, None, "a match has one place");
                let record = &stored.hosts[user];
                assert!(record.kept_until.is_none() && record.health == HostHealth::Healthy, "{record:?}");
                let taken = stored.reserved.values().filter(|(host, _)| host == user).count();
                assert!(taken <= record.about.capacity as usize, "capacity holds");
                happened("a place was taken");
            }
            Effect::Ended(ended) => {
                assert!(stored.reserved.remove(&ended.match_id).is_some(), "only what is can end");
                happened(match ended.why {
                    ReleaseWhy::Released => "a place was given back",
                    ReleaseWhy::NotRunning => "a host did not run it",
                    ReleaseWhy::Lost => "a place was lost with its host",
                });
            }
        }
    }

    fn restore(_: HostPoolId, stored: &Stored) -> Self {
        let hosts = stored.hosts.iter().map(|(user, record)| {
            let of_host = stored.reserved.iter().filter(|(_, (host, _))| host == user);
            let reserved = of_host.map(|(id, (_, reserved))| (*id, reserved.clone())).collect();
            (*user, Seat { record: record.clone(), reserved, load: 0, seen_at: None })
        });
        Self::new(stored.card.clone(), hosts, rules())
    }

    fn command(&self, _: &Stored, random: &dyn Random) -> (Option<UserId>, Command) {
        let caller = host(random.below(HOSTS));
        let match_id = game(random.below(MATCHES));
        let own = self.hosts.get(&caller).map(|seat| seat.reserved.keys().copied().collect::<Vec<_>>());
        match random.below(20) {
            0..=2 => {
                let region = ["west", "east"][random.below(2) as usize];
                let running = own.filter(|_| random.below(2) == 0);
                let running = running.map(|own| own.into_iter().take(random.below(3) as usize).collect());
                let about = about(random.below(3) as u32 + 1, region);
                (Some(caller), Command::Register { about, running })
            }
            3..=9 => {
                let health =
                    [None, Some(HostHealth::Healthy), Some(HostHealth::Healthy), Some(HostHealth::Draining)];
                let health = health[random.below(4) as usize];
                (Some(caller), Command::Beat { health, load: Some(random.below(100) as u32) })
            }
            10..=14 => (None, Command::Reserve { wanted: wanted(), match_id }),
            15 | 16 => (None, Command::Release { match_id }),
            17 if random.below(4) == 0 => (Some(caller), Command::Leave),
            18 => {
                let card = HostPool { name: format!("Europe {}", random.below(3)), ..card() };
                (Some(caller), Command::Put { card, if_version: None, reason: "for the test".into() })
            }
            _ => (None, Command::Read),
        }
    }

    fn promised(_: &Stored) {}

    fn view(&self) -> View {
        let of_host = |(user, seat): (&UserId, &Arc<Seat>)| {
            let user = *user;
            seat.reserved.keys().map(move |id| (*id, user)).collect::<Vec<_>>()
        };
        self.hosts.iter().flat_map(of_host).collect()
    }

    fn observe(view: &mut View, topic: &Topic, event: &Event) {
        match event {
            Event::HostReserved(reservation) => {
                assert_eq!(*topic, Topic::User(reservation.host_id));
                view.insert(reservation.match_id, reservation.host_id);
            }
            Event::HostReleased(ended) => drop(view.remove(&ended.match_id)),
            _ => {}
        }
    }

    fn check(&self, stored: &Stored, (): &(), view: &View) -> Result<(), String> {
        if self.card != stored.card {
            return Err(format!("{:?} is stored, {:?} is in memory", stored.card, self.card));
        }
        let users: BTreeSet<UserId> = self.hosts.keys().copied().collect();
        if !users.iter().eq(stored.hosts.keys()) {
            return Err(format!("{:?} are stored, {users:?} are in memory", stored.hosts.keys()));
        }
        for (user, seat) in &self.hosts {
            // A lost host has more time after a restart, and nothing else.
            let record = Record { kept_until: stored.hosts[user].kept_until, ..seat.record.clone() };
            let is_lost = seat.record.kept_until.is_some() == record.kept_until.is_some();
            if record != stored.hosts[user] || !is_lost {
                return Err(format!("{:?} is stored, {seat:?} is in memory", stored.hosts[user]));
            }
        }
        let live = self.view();
        let kept: View = stored.reserved.iter().map(|(id, (user, _))| (*id, *user)).collect();
        if live != kept || live != *view {
            return Err(format!("{kept:?} is stored, {live:?} is in memory, {view:?} is believed"));
        }
        Ok(())
    }
}

#[test]
fn a_pool_keeps_its_promises_through_crashes_and_lost_writes() {
    let seeds = seeds(8);
    let is_one = seeds.end - seeds.start == 1;
    for seed in seeds {
        let report = simulator::run::<Pool>(seed, 3, 2_500).unwrap_or_else(|failure| panic!("{failure}"));
        assert!(report.accepted > 200 && report.crashes > 10 && report.lost_writes > 3, "{report:?}");
    }
    let happened = HAPPENED.lock();
    for what in [
        "a place was taken",
        "a place was given back",
        "a host did not run it",
        "a place was lost with its host",
        "a host was lost",
        "a host came back",
    ] {
        assert!(is_one || happened.get(what).is_some_and(|count| *count > 20), "{what}: {happened:?}");
    }
}

#[test]
fn the_best_region_comes_first_then_the_emptiest_host_then_the_least_busy_and_at_last_the_oldest() {
    let now = Timestamp::from_micros(1_795_000_000_000_000);
    let seat = |capacity, region: &str, load| Seat {
        record: Record {
            about: about(capacity, region),
            health: HostHealth::Healthy,
            registered_at: now,
            kept_until: None,
        },
        reserved: BTreeMap::new(),
        load,
        seen_at: Some(now),
    };
    let hosts = [
        (host(0), seat(1, "east", 0)),
        (host(1), seat(2, "west", 50)),
        (host(2), seat(4, "west", 50)),
        (host(3), seat(4, "west", 10)),
        (
            host(4),
            Seat {
                record: Record { health: HostHealth::Draining, ..seat(9, "west", 0).record },
                ..seat(9, "west", 0)
            },
        ),
    ];
    let mut pool = Pool::new(card(), hosts, rules());
    let random = crate::SeededRandom::from_seed(1);
    let mut taken = Vec::new();
    for number in 0..11 {
        let mut turn = Turn::new(now, None, &*random);
        let reserved = pool.reserve(&wanted(), game(number), &mut turn);
        taken.push(reserved.ok().map(|reply| reply.reservation().unwrap().host_id));
    }
    // Empty hosts by how busy they are, then by how full; those of another region when the wanted one is full.
    let expected = [3, 1, 2, 3, 2, 3, 1, 2, 3, 2, 0].map(|number| Some(host(number)));
    assert_eq!(taken, expected);
    let mut turn = Turn::new(now, None, &*random);
    let refused = pool.reserve(&wanted(), game(11), &mut turn);
    assert!(matches!(refused, Err(Error::NoHost)), "{refused:?}");
    let other = Wanted { version: Some("2".into()), ..wanted() };
    assert!(matches!(pool.offer(&other, now), Err(Error::NoHost)), "of another version there is none");
}
