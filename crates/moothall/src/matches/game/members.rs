//! Who comes and goes, and the host: whether it is found, ready, lost or back.

use std::collections::BTreeSet;
use std::time::Duration;

use moothall_protocol::limits::{MATCH_CONNECTION_BYTES_MAX, MATCH_MEMBERS_MAX, MATCH_NESTING_MAX};
use moothall_protocol::lobbies::HostKind;
use moothall_protocol::matches::{MatchLeft, MatchMember, MatchMemberChange, MatchPrivate, MatchStatus};
use moothall_protocol::{PartyId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{State, Step};
use crate::matches::Error;
use crate::{codes, json, merge};

/// Somebody in the lobby of a match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Seat {
    pub user: UserId,
    /// The number of their team; who has none watches.
    pub team: Option<u32>,
    pub party: Option<PartyId>,
    pub role: Option<String>,
    pub properties: Map<String, Value>,
}

impl State {
    /// Who is in the lobby by now. Who comes late is let in; a spectator who takes a seat plays from then on; whoever has played has played,
    /// and in the team they began with.
    pub(super) fn seat(&mut self, lobby_version: i64, seats: &[Seat], step: &mut Step<'_, '_>) {
        if !self.game.is_on() || lobby_version <= self.lobby_version {
            return;
        }
        self.lobby_version = lobby_version;
        // Whoever comes once it is asked how it ended has no part in that.
        let is_late = self.game.report_by.is_some();
        for seat in seats {
            let seat = &Seat { team: seat.team.filter(|_| !is_late), ..seat.clone() };
            if let Some(member) = self.game.members.get_mut(&seat.user) {
                if member.team.is_none() && seat.team.is_some() {
                    (member.team, member.role) = (seat.team, seat.role.clone());
                    member.properties.clone_from(&seat.properties);
                }
            } else if self.game.members.len() < MATCH_MEMBERS_MAX {
                let token = codes::secret(step.turn.random());
                self.enter(seat, token, step.now());
                step.entered.push(seat.user);
            }
        }
        self.count();
    }

    /// Makes somebody a member.
    pub(in crate::matches) fn enter(&mut self, seat: &Seat, token: String, now: Timestamp) {
        let member = MatchMember {
            team: seat.team,
            party_id: seat.party,
            role: seat.role.clone(),
            properties: seat.properties.clone(),
            joined_at: now,
            departures: 0,
            left: None,
            left_after_ms: None,
            result: None,
            stats: Map::new(),
        };
        self.game.members.insert(seat.user, member);
        self.host.tokens.insert(seat.user, token);
    }

    /// The numbers of the teams that somebody or a bot is in.
    pub(super) fn teams(&self) -> BTreeSet<u32> {
        let bots = self.game.bots.values().filter_map(|bot| bot.team);
        self.game.players().map(|(_, team)| team).chain(bots).collect()
    }

    /// Counts teams and players. Spectators do not count.
    pub(in crate::matches) fn count(&mut self) {
        let teams = self.teams();
        let bots: Vec<u32> = self.game.bots.values().filter_map(|bot| bot.team).collect();
        let players: Vec<u32> = self.game.players().map(|(_, team)| team).collect();
        let size = |team: &u32| players.iter().chain(&bots).filter(|other| *other == team).count();
        self.game.team_count = count(teams.len());
        self.game.team_size = count(teams.iter().map(size).max().unwrap_or(0));
        self.game.player_count = count(players.len());
    }

    pub(super) fn assign(&mut self, host: UserId, step: &mut Step<'_, '_>) -> Result<(), Error> {
        step.require_server()?;
        if self.is_host(host) {
            return Ok(());
        }
        if self.game.status != MatchStatus::Reserved {
            return Err(Error::Over);
        }
        self.game.host_id = Some(host);
        self.game.status = MatchStatus::Starting;
        self.game.ready_by = Some(step.now() + Duration::from_millis(step.settings.ready_ms));
        step.entered.push(host);
        Ok(())
    }

    pub(super) fn ready(
        &mut self,
        addresses: &[String],
        connection: &Map<String, Value>,
        step: &mut Step<'_, '_>,
    ) -> Result<(), Error> {
        self.the_host(step)?;
        if !self.game.is_on() {
            return Err(Error::Over);
        }
        json::check(connection, "/connection", MATCH_NESTING_MAX, MATCH_CONNECTION_BYTES_MAX)?;
        let private = self.game.private.get_or_insert_with(MatchPrivate::default);
        private.addresses = addresses.to_vec();
        private.connection = merge::without_nulls(connection);
        if self.game.status != MatchStatus::Running {
            self.game.status = MatchStatus::Running;
            self.game.started_at = Some(step.now());
            self.game.ready_by = None;
        }
        Ok(())
    }

    pub(super) fn update(
        &mut self,
        update: u64,
        changes: &[MatchMemberChange],
        step: &mut Step<'_, '_>,
    ) -> Result<(), Error> {
        self.the_host(step)?;
        if update <= self.host.update {
            return Ok(());
        }
        if update != self.host.update + 1 {
            let version = i64::try_from(self.host.update).unwrap_or(i64::MAX);
            return Err(Error::UpdateGap { version });
        }
        match self.game.status {
            MatchStatus::Running => {}
            MatchStatus::Reserved | MatchStatus::Starting => return Err(Error::NotRunning),
            MatchStatus::Ended | MatchStatus::Aborted => return Err(Error::Over),
        }
        for change in changes {
            self.apply(change, step)?;
        }
        self.host.update = update;
        Ok(())
    }

    fn apply(&mut self, change: &MatchMemberChange, step: &Step<'_, '_>) -> Result<(), Error> {
        let (MatchMemberChange::Joined { user_id } | MatchMemberChange::Left { user_id, .. }) = change;
        let member = self.game.members.get_mut(user_id).ok_or(Error::NoSuchMember)?;
        match change {
            MatchMemberChange::Joined { .. } => member.left = None,
            MatchMemberChange::Left { why, note, at, .. } => {
                // Told late it may have been earlier; nobody left before they came, or will have left.
                let at = at.unwrap_or(step.now()).max(member.joined_at).min(step.now());
                if member.left.is_none() {
                    member.departures += 1;
                }
                member.left = Some(MatchLeft { at, why: *why, note: note.clone() });
            }
        }
        Ok(())
    }

    /// A player is gone, and does not keep those who are there from saying how it ended.
    pub(super) fn miss(&mut self, user: UserId, step: &Step<'_, '_>) {
        if self.is_live() && self.is_player(user) && self.away.insert(user) {
            self.call_if_it_seems_over(step);
        }
    }

    /// Whether a player is there to say how it ended. That one of them left is believed of a trusted host; what a player who hosts says of
    /// the others is no reason not to ask them.
    pub(super) fn is_there(&self, user: UserId) -> bool {
        let has_left = self.game.host_kind == HostKind::Dedicated
            && self.game.members.get(&user).is_some_and(|member| member.left.is_some());
        self.reports.contains_key(&user) || !(has_left || self.away.contains(&user))
    }

    /// The host is gone: it may come back for a while.
    pub(super) fn lose_host(&mut self, step: &Step<'_, '_>) {
        if self.game.status == MatchStatus::Running {
            let until = step.now() + Duration::from_millis(step.settings.host_lost_ms);
            self.game.host_lost_until = self.game.host_lost_until.or(Some(until));
        }
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
