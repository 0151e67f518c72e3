//! A pool as a live entity: which hosts are in it, how they stand, and what is reserved on each.
//!
//! Start at [`Pool::handle`]. What hosts say is in `pool/hosts.rs`, what is reserved in `pool/places.rs`. That all of a pool is decided in
//! one place is what makes capacity hold: nobody else gives its places away.
//!
//! Promises: a host never has more reservations than it said it has room for when they were made; a match has one reservation; what
//! is reserved on a host that is lost stays so until the host is back, or its time is over; who is refused has changed nothing. When a
//! host was last heard of is in memory alone: after a restart each has its whole time again.

mod hosts;
mod places;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use moothall_protocol::hosts::{
    Host, HostHealth, HostLost, HostPool, HostState, ReleaseWhy, Reservation, ReservationEnded,
};
use moothall_protocol::{Event, HostPoolId, MatchId, Timestamp, UserId, kind};
use serde::{Deserialize, Serialize};

use super::{Error, Settings, Wanted, store};
use crate::Topic;
use crate::cx::{Asked, Tx};
use crate::runtime::{Entity, Turn};

pub(super) use places::Rank;

/// A pool, in memory.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    card: HostPool,
    /// Shared with the copies to which it may be set back.
    hosts: BTreeMap<UserId, Arc<Seat>>,
    rules: Rules,
    /// For when a timer is set: a later one need not be.
    armed: Option<Timestamp>,
    is_gone: bool,
}

/// What a host says of itself when it registers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct About {
    pub version: String,
    pub region: String,
    pub addresses: Vec<String>,
    pub capacity: u32,
    pub labels: Vec<String>,
}

/// What is stored of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub about: About,
    pub health: HostHealth,
    pub registered_at: Timestamp,
    /// Once it is lost: until when what is reserved on it is kept.
    pub kept_until: Option<Timestamp>,
}

/// What a pool knows of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    pub record: Record,
    pub reserved: BTreeMap<MatchId, Reserved>,
    /// How busy it says it is, in percent. Not kept.
    pub load: u32,
    /// When it was last heard of. Not kept; nothing is known right after loading.
    pub seen_at: Option<Timestamp>,
}

/// What is known of a reservation beside where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reserved {
    pub mode: String,
    pub at: Timestamp,
}

/// How long things take, as the operator has set them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// How often a host says that it is there.
    pub beat: Duration,
    /// Who is not heard of for so long is lost.
    pub lost_after: Duration,
    /// For how long what a lost host has is kept.
    pub adopt: Duration,
}

impl Rules {
    pub fn new(settings: &Settings) -> Self {
        Self {
            beat: Duration::from_millis(settings.beat_ms),
            lost_after: Duration::from_millis(settings.lost_after_ms),
            adopt: Duration::from_millis(settings.adopt_ms),
        }
    }
}

/// What a pool can be told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Command {
    /// Nothing changes: how do its hosts stand?
    Read,
    Put {
        card: HostPool,
        if_version: Option<i64>,
        reason: String,
    },
    Remove {
        reason: String,
    },
    Register {
        about: About,
        running: Option<Vec<MatchId>>,
    },
    /// The host goes to another pool.
    Leave,
    Beat {
        health: Option<HostHealth>,
        load: Option<u32>,
    },
    /// Nothing changes: how good is the best place for this?
    Offer(Wanted),
    Reserve {
        wanted: Wanted,
        match_id: MatchId,
    },
    /// Nothing changes: what is reserved for this match?
    Find {
        match_id: MatchId,
    },
    Release {
        match_id: MatchId,
    },
    /// Nobody but the clock.
    Tick {
        at: Timestamp,
    },
}

/// What a pool answers. An operation answers the same, and it may be kept as such for a repeated request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Reply {
    Host(Box<Host>),
    Pool(HostPool),
    Hosts(Vec<Host>),
    Reservation(Reservation),
    Rank(Rank),
    Done(()),
}

impl Reply {
    pub fn host(self) -> Result<Host, Error> {
        if let Self::Host(host) = self { Ok(*host) } else { Err(unexpected()) }
    }

    pub fn pool(self) -> Result<HostPool, Error> {
        if let Self::Pool(pool) = self { Ok(pool) } else { Err(unexpected()) }
    }

    pub fn hosts(self) -> Result<Vec<Host>, Error> {
        if let Self::Hosts(hosts) = self { Ok(hosts) } else { Err(unexpected()) }
    }

    pub fn reservation(self) -> Result<Reservation, Error> {
        if let Self::Reservation(reservation) = self { Ok(reservation) } else { Err(unexpected()) }
    }

    pub fn rank(self) -> Result<Rank, Error> {
        if let Self::Rank(rank) = self { Ok(rank) } else { Err(unexpected()) }
    }
}

fn unexpected() -> Error {
    crate::Error::internal("a pool gave an answer to something else").into()
}

/// What must be in the database before anybody hears of it.
#[derive(Clone, Debug)]
pub(super) enum Effect {
    /// The pool is another.
    Put { by: Asked, before: HostPool, after: HostPool, reason: String },
    /// The pool is no more, nor is any host in it.
    Removed { by: Asked, before: HostPool, reason: String },
    /// A host came, or is another.
    Host { user: UserId, record: Record },
    /// A host is no longer in the pool.
    Gone { user: UserId },
    /// Something is reserved on a host.
    Reserved { user: UserId, match_id: MatchId, reserved: Reserved },
    /// Something is so no longer.
    Ended(ReservationEnded),
}

impl Entity for Pool {
    const KIND: &'static str = "host_pool";
    type Id = kind::HostPool;
    type Command = Command;
    type Reply = Reply;
    type Effect = Effect;
    type Error = Error;

    fn handle(&mut self, command: &Command, turn: &mut Turn<'_, Self>) -> Result<Reply, Error> {
        if self.is_gone {
            return Err(crate::Error::NotFound.into());
        }
        let reply = match command {
            Command::Read => {
                Ok(Reply::Hosts(self.hosts.keys().filter_map(|user| self.show(*user)).collect()))
            }
            Command::Put { card, if_version, reason } => self.put(card, *if_version, reason, turn),
            Command::Remove { reason } => self.remove(reason, turn),
            Command::Register { about, running } => self.register(about, running.as_deref(), turn),
            Command::Leave => self.leave(turn),
            Command::Beat { health, load } => self.beat(*health, *load, turn),
            Command::Offer(wanted) => self.offer(wanted, turn.now()).map(Reply::Rank),
            Command::Reserve { wanted, match_id } => self.reserve(wanted, *match_id, turn),
            Command::Find { match_id } => self.find(*match_id).map(Reply::Reservation),
            Command::Release { match_id } => Ok(self.release(*match_id, turn)),
            Command::Tick { at } => Ok(self.tick(*at, turn)),
        }?;
        self.arm(turn);
        Ok(reply)
    }

    fn load(tx: &mut Tx<'_, '_>, id: HostPoolId) -> Result<Option<Self>, Error> {
        let rules = Rules::new(&tx.cx().hall().settings().hosts);
        let stored = store::find(tx, id)?;
        Ok(stored.map(|(card, hosts)| Self::new(card, hosts, rules)))
    }

    fn wake(&mut self, turn: &mut Turn<'_, Self>) {
        let now = turn.now();
        for seat in self.hosts.values_mut().filter(|seat| seat.seen_at.is_none()) {
            let seat = Arc::make_mut(seat);
            seat.seen_at = Some(now);
            // While the server was away, nobody could come back.
            let soonest = now + self.rules.lost_after;
            seat.record.kept_until = seat.record.kept_until.map(|until| until.max(soonest));
        }
        self.armed = None;
        self.arm(turn);
    }

    fn heed(&mut self, settings: &crate::Settings) {
        self.rules = Rules::new(&settings.hosts);
    }

    fn persist(tx: &mut Tx<'_, '_>, id: HostPoolId, effects: &[&Effect]) -> Result<(), Error> {
        effects.iter().try_for_each(|effect| store::apply(tx, id, effect))
    }

    fn copy(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn is_idle(&self) -> bool {
        // In memory alone it is known when a host was last heard of.
        self.is_gone || self.hosts.is_empty()
    }
}

impl Pool {
    pub fn new(card: HostPool, hosts: impl IntoIterator<Item = (UserId, Seat)>, rules: Rules) -> Self {
        let hosts = hosts.into_iter().map(|(user, seat)| (user, Arc::new(seat))).collect();
        Self { card, hosts, rules, armed: None, is_gone: false }
    }

    fn put(
        &mut self,
        card: &HostPool,
        if_version: Option<i64>,
        reason: &str,
        turn: &mut Turn<'_, Self>,
    ) -> Result<Reply, Error> {
        let version = self.card.version;
        if if_version.is_some_and(|expected| expected != version) {
            return Err(crate::Error::VersionConflict { version }.into());
        }
        let before = self.card.clone();
        let after = HostPool { version, ..card.clone() };
        if after != before {
            self.card = HostPool { version: version + 1, ..after };
            let (after, reason) = (self.card.clone(), reason.to_owned());
            turn.persist(Effect::Put { by: turn.by(), before, after, reason });
        }
        Ok(Reply::Pool(self.card.clone()))
    }

    fn remove(&mut self, reason: &str, turn: &mut Turn<'_, Self>) -> Result<Reply, Error> {
        if self.hosts.values().any(|seat| !seat.reserved.is_empty()) {
            return Err(Error::PoolInUse);
        }
        for user in self.hosts.keys() {
            let lost = HostLost { pool: self.card.slug.clone(), kept_until: None };
            turn.emit(Topic::User(*user), Event::HostLost(lost));
        }
        let (before, reason) = (self.card.clone(), reason.to_owned());
        turn.persist(Effect::Removed { by: turn.by(), before, reason });
        self.is_gone = true;
        Ok(Reply::Done(()))
    }

    /// What has come to its end by now: hosts that are lost, and what those had that did not come back.
    fn tick(&mut self, at: Timestamp, turn: &mut Turn<'_, Self>) -> Reply {
        if self.armed == Some(at) {
            self.armed = None;
        }
        let now = turn.now();
        let is_due = |user: &UserId| self.due(*user).is_some_and(|due| due <= now);
        let due: Vec<UserId> = self.hosts.keys().copied().filter(is_due).collect();
        for user in due {
            self.lose(user, turn);
        }
        Reply::Done(())
    }

    /// When a host is lost, or what a lost one has is given up.
    fn due(&self, user: UserId) -> Option<Timestamp> {
        let seat = self.hosts.get(&user)?;
        seat.record.kept_until.or(seat.seen_at.map(|seen_at| seen_at + self.rules.lost_after))
    }

    /// Sets a timer for what is due next, unless one is set that comes no later.
    fn arm(&mut self, turn: &mut Turn<'_, Self>) {
        let Some(due) = self.hosts.keys().filter_map(|user| self.due(*user)).min() else { return };
        if !self.is_gone && self.armed.is_none_or(|armed| due < armed) {
            self.armed = Some(due);
            turn.after(due.since(turn.now()), Command::Tick { at: due });
        }
    }

    /// A host as it stands.
    fn show(&self, user: UserId) -> Option<Host> {
        let seat = self.hosts.get(&user)?;
        let Record { about, health, registered_at, kept_until } = &seat.record;
        let mut reservations: Vec<Reservation> =
            seat.reserved.iter().map(|(id, reserved)| self.reservation(user, about, *id, reserved)).collect();
        reservations.sort_by_key(|reservation| (reservation.reserved_at, reservation.match_id));
        Some(Host {
            user_id: user,
            pool: self.card.slug.clone(),
            version: about.version.clone(),
            region: about.region.clone(),
            addresses: about.addresses.clone(),
            capacity: about.capacity,
            labels: about.labels.clone(),
            state: match (kept_until, health) {
                (Some(_), _) => HostState::Lost,
                (None, HostHealth::Healthy) => HostState::Healthy,
                (None, HostHealth::Draining) => HostState::Draining,
                (None, HostHealth::Unhealthy) => HostState::Unhealthy,
            },
            load: seat.load,
            reservations,
            registered_at: *registered_at,
            seen_at: seat.seen_at.unwrap_or(*registered_at),
            beat_ms: u64::try_from(self.rules.beat.as_millis()).unwrap_or(u64::MAX),
        })
    }

    fn reservation(
        &self,
        host_id: UserId,
        about: &About,
        match_id: MatchId,
        reserved: &Reserved,
    ) -> Reservation {
        Reservation {
            match_id,
            host_id,
            pool: self.card.slug.clone(),
            mode: reserved.mode.clone(),
            addresses: about.addresses.clone(),
            region: about.region.clone(),
            version: about.version.clone(),
            reserved_at: reserved.at,
        }
    }

    /// Something is no longer reserved; the host hears of it.
    fn end(&mut self, host_id: UserId, match_id: MatchId, why: ReleaseWhy, turn: &mut Turn<'_, Self>) {
        let ended = ReservationEnded { match_id, host_id, why };
        turn.persist(Effect::Ended(ended.clone()));
        turn.emit(Topic::User(host_id), Event::HostReleased(ended));
        if let Some(seat) = self.hosts.get_mut(&host_id) {
            Arc::make_mut(seat).reserved.remove(&match_id);
        }
    }
}

#[cfg(test)]
mod tests;
