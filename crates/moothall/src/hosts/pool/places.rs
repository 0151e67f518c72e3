//! Places for matches: which host is the best for one, and what is taken.

use std::sync::Arc;

use moothall_protocol::hosts::{HostHealth, ReleaseWhy, Reservation};
use moothall_protocol::{Event, MatchId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use super::{Effect, Pool, Reply, Reserved, Seat, unexpected};
use crate::Topic;
use crate::hosts::{Error, Wanted};
use crate::runtime::Turn;

/// How good a host is for a match: the least is the best. Compared field by field, and at last by the host itself, so that the same
/// hosts always give the same answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::hosts) struct Rank {
    /// The place of its region among those that are wanted; those that are not named come last.
    region: usize,
    /// How much of it is reserved, in thousandths.
    filled: u64,
    /// How busy it says it is.
    load: u32,
    host: UserId,
}

impl Pool {
    fn serves(&self, mode: &str) -> bool {
        self.card.modes.is_empty() || self.card.modes.iter().any(|served| served == mode)
    }

    /// How good this host is, if it is healthy, of the right version, and has a place.
    fn rank(&self, host: UserId, seat: &Seat, wanted: &Wanted, now: Timestamp) -> Option<Rank> {
        let about = &seat.record.about;
        let is_seen = seat.seen_at.is_some_and(|seen_at| now < seen_at + self.rules.lost_after);
        let is_well =
            seat.record.kept_until.is_none() && seat.record.health == HostHealth::Healthy && is_seen;
        let is_right = wanted.version.as_ref().is_none_or(|version| *version == about.version);
        let (taken, room) = (seat.reserved.len() as u64, u64::from(about.capacity));
        if !is_well || !is_right || taken >= room {
            return None;
        }
        let region = wanted.regions.iter().position(|region| *region == about.region);
        let region = region.unwrap_or(wanted.regions.len());
        Some(Rank { region, filled: taken * 1_000 / room, load: seat.load, host })
    }

    /// The best place for a match that nobody has taken.
    pub(super) fn offer(&self, wanted: &Wanted, now: Timestamp) -> Result<Rank, Error> {
        if !self.serves(&wanted.mode) {
            return Err(Error::NoHost);
        }
        let ranks = self.hosts.iter().filter_map(|(user, seat)| self.rank(*user, seat, wanted, now));
        ranks.min().ok_or(Error::NoHost)
    }

    /// Takes the best place. A match that has one keeps it.
    pub(super) fn reserve(
        &mut self,
        wanted: &Wanted,
        match_id: MatchId,
        turn: &mut Turn<'_, Self>,
    ) -> Result<Reply, Error> {
        if let Ok(found) = self.find(match_id) {
            return Ok(Reply::Reservation(found));
        }
        let user = self.offer(wanted, turn.now())?.host;
        let reserved = Reserved { mode: wanted.mode.clone(), at: turn.now() };
        let seat = Arc::make_mut(self.hosts.get_mut(&user).ok_or_else(unexpected)?);
        seat.reserved.insert(match_id, reserved.clone());
        turn.persist(Effect::Reserved { user, match_id, reserved });
        let reservation = self.find(match_id)?;
        turn.emit(Topic::User(user), Event::HostReserved(reservation.clone()));
        Ok(Reply::Reservation(reservation))
    }

    fn host_of(&self, match_id: MatchId) -> Option<UserId> {
        self.hosts.iter().find(|(_, seat)| seat.reserved.contains_key(&match_id)).map(|(user, _)| *user)
    }

    pub(super) fn find(&self, match_id: MatchId) -> Result<Reservation, Error> {
        let found = self.host_of(match_id).and_then(|user| {
            let seat = self.hosts.get(&user)?;
            Some(self.reservation(user, &seat.record.about, match_id, seat.reserved.get(&match_id)?))
        });
        Ok(found.ok_or(crate::Error::NotFound)?)
    }

    /// Gives a place back. Twice is as once.
    pub(super) fn release(&mut self, match_id: MatchId, turn: &mut Turn<'_, Self>) -> Reply {
        if let Some(user) = self.host_of(match_id) {
            self.end(user, match_id, ReleaseWhy::Released, turn);
        }
        Reply::Done(())
    }
}
