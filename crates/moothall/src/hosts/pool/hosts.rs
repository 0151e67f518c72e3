//! What hosts say of themselves, and what becomes of those who say nothing.

use std::sync::Arc;

use moothall_protocol::hosts::{HostHealth, HostLost, ReleaseWhy};
use moothall_protocol::limits::HOSTS_PER_POOL_MAX;
use moothall_protocol::{Event, MatchId, UserId};

use super::{About, Effect, Pool, Record, Reply, Seat, unexpected};
use crate::Topic;
use crate::hosts::Error;
use crate::runtime::Turn;

impl Pool {
    fn require_allowed(&self, about: &About) -> Result<(), Error> {
        let allows = |allowed: &[String], one: &String| allowed.is_empty() || allowed.contains(one);
        if !allows(&self.card.versions, &about.version) {
            return Err(Error::VersionRefused);
        }
        if !allows(&self.card.regions, &about.region) {
            return Err(Error::RegionRefused);
        }
        Ok(())
    }

    /// A host is here, for the first time or again. What is reserved on it is still its own, but for what it says that it does not run.
    pub(super) fn register(
        &mut self,
        about: &About,
        running: Option<&[MatchId]>,
        turn: &mut Turn<'_, Self>,
    ) -> Result<Reply, Error> {
        let user = turn.caller().ok_or(crate::Error::NotSignedIn)?;
        self.require_allowed(about)?;
        if !self.hosts.contains_key(&user) && self.hosts.len() >= HOSTS_PER_POOL_MAX {
            return Err(Error::PoolFull);
        }
        let now = turn.now();
        let record = Record {
            about: about.clone(),
            health: HostHealth::Healthy,
            registered_at: now,
            kept_until: None,
        };
        turn.persist(Effect::Host { user, record: record.clone() });
        let reserved = self.hosts.get(&user).map(|seat| seat.reserved.clone()).unwrap_or_default();
        let given_back: Vec<MatchId> = reserved
            .keys()
            .copied()
            .filter(|id| running.is_some_and(|running| !running.contains(id)))
            .collect();
        self.hosts.insert(user, Arc::new(Seat { record, reserved, load: 0, seen_at: Some(now) }));
        for match_id in given_back {
            self.end(user, match_id, ReleaseWhy::NotRunning, turn);
        }
        self.host(user)
    }

    pub(super) fn beat(
        &mut self,
        health: Option<HostHealth>,
        load: Option<u32>,
        turn: &mut Turn<'_, Self>,
    ) -> Result<Reply, Error> {
        let user = turn.caller().ok_or(crate::Error::NotSignedIn)?;
        let seat = Arc::make_mut(self.hosts.get_mut(&user).ok_or(Error::NotRegistered)?);
        seat.seen_at = Some(turn.now());
        seat.load = load.unwrap_or(seat.load);
        let health = health.unwrap_or(seat.record.health);
        // Whoever was lost and is heard of again is not lost.
        let record = Record { health, kept_until: None, ..seat.record.clone() };
        if record != seat.record {
            seat.record = record.clone();
            turn.persist(Effect::Host { user, record });
        }
        self.host(user)
    }

    /// Only who has nothing to play goes to another pool.
    pub(super) fn leave(&mut self, turn: &mut Turn<'_, Self>) -> Result<Reply, Error> {
        let user = turn.caller().ok_or(crate::Error::NotSignedIn)?;
        match self.hosts.get(&user) {
            Some(seat) if !seat.reserved.is_empty() => return Err(Error::HasMatches),
            Some(_) => {
                self.hosts.remove(&user);
                turn.persist(Effect::Gone { user });
            }
            None => {}
        }
        Ok(Reply::Done(()))
    }

    /// A host was not heard of for too long; or it was lost already, and its time is over.
    pub(super) fn lose(&mut self, user: UserId, turn: &mut Turn<'_, Self>) {
        let until = turn.now() + self.rules.adopt;
        let Some(seat) = self.hosts.get_mut(&user) else { return };
        if seat.record.kept_until.is_none() {
            let seat = Arc::make_mut(seat);
            seat.record.kept_until = Some(until);
            turn.persist(Effect::Host { user, record: seat.record.clone() });
            let lost = HostLost { pool: self.card.slug.clone(), kept_until: Some(until) };
            turn.emit(Topic::User(user), Event::HostLost(lost));
            return;
        }
        let given_up: Vec<MatchId> = seat.reserved.keys().copied().collect();
        for match_id in given_up {
            self.end(user, match_id, ReleaseWhy::Lost, turn);
        }
        self.hosts.remove(&user);
        turn.persist(Effect::Gone { user });
        turn.emit(
            Topic::User(user),
            Event::HostLost(HostLost { pool: self.card.slug.clone(), kept_until: None }),
        );
    }

    fn host(&self, user: UserId) -> Result<Reply, Error> {
        Ok(Reply::Host(Box::new(self.show(user).ok_or_else(unexpected)?)))
    }
}
