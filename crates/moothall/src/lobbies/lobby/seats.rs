//! Seats: teams without gaps, the queue of those who wait for one, and bots.

use std::collections::HashSet;

use moothall_protocol::lobbies::{LobbyBot, LobbySeat, LobbyStatus, LobbyTeam, TeamsShape};
use moothall_protocol::{LobbyBotId, Timestamp, UserId};
use serde_json::{Map, Value};

use super::{State, Step};
use crate::lobbies::{Error, properties};

impl State {
    /// The empty teams of this shape.
    pub(in crate::lobbies) fn teams_of(shape: TeamsShape) -> std::collections::BTreeMap<String, LobbyTeam> {
        let team = |number: u32| (number.to_string(), LobbyTeam { size: shape.size, seats: Vec::new() });
        (1..=shape.count).map(team).collect()
    }

    /// Whether seats may be taken now.
    fn require_seatable(&self, step: &Step<'_, '_>) -> Result<(), Error> {
        match self.lobby.status {
            LobbyStatus::Starting => Err(Error::Starting),
            LobbyStatus::Running if !step.rules.mode.joins_running => Err(Error::Running),
            LobbyStatus::Waiting | LobbyStatus::Running => Ok(()),
        }
    }

    /// The team in which the next one would sit, if seats may be taken now.
    pub(super) fn next_seat(&self, step: &Step<'_, '_>) -> Option<String> {
        self.team_for(1, step)
    }

    /// The team in which so many would sit together, if seats may be taken now.
    pub(super) fn team_for(&self, users: usize, step: &Step<'_, '_>) -> Option<String> {
        self.require_seatable(step).ok()?;
        self.team_with(users)
    }

    /// Of the teams that have so many free seats, the one with the fewest taken, of these the first.
    pub(in crate::lobbies) fn team_with(&self, free: usize) -> Option<String> {
        let has_room = |team: &LobbyTeam| team.seats.len() + free <= team.size as usize;
        let teams = self.lobby.teams.iter().filter(|(_, team)| has_room(team));
        let next = teams.min_by_key(|(number, team)| (team.seats.len(), number.parse::<u32>().unwrap_or(0)));
        next.map(|(number, _)| number.clone())
    }

    /// How many could take a seat now.
    pub(super) fn free_seats(&self, step: &Step<'_, '_>) -> usize {
        match self.require_seatable(step) {
            Ok(()) => self.lobby.seats().saturating_sub(self.lobby.seats_taken()),
            Err(_) => 0,
        }
    }

    /// Seats those who wait, in their order, as far as there are seats.
    pub(super) fn fill(&mut self, step: &Step<'_, '_>) {
        while !self.lobby.queue.is_empty()
            && let Some(number) = self.next_seat(step)
        {
            let user = self.lobby.queue.remove(0);
            self.place(user, &number, step.now());
        }
    }

    pub(in crate::lobbies) fn place(&mut self, user: UserId, number: &str, now: Timestamp) {
        if let Some(team) = self.lobby.teams.get_mut(number) {
            team.seats.push(LobbySeat::User { user_id: user });
        }
        if let Some(member) = self.lobby.members.get_mut(&user) {
            member.seated_at = member.seated_at.or(Some(now));
        }
    }

    /// Takes a seat back; those behind it move up.
    pub(super) fn unseat(&mut self, seat: LobbySeat) {
        for team in self.lobby.teams.values_mut() {
            team.seats.retain(|taken| *taken != seat);
        }
        if let LobbySeat::User { user_id } = seat
            && let Some(member) = self.lobby.members.get_mut(&user_id)
        {
            (member.seated_at, member.is_ready) = (None, false);
        }
    }

    pub(super) fn has_seat(&self, user: UserId) -> bool {
        self.lobby.team_of(LobbySeat::User { user_id: user }).is_some()
    }

    /// Of whom an act is: the caller, or somebody else if the caller may say so.
    fn subject(&self, user: Option<UserId>, step: &Step<'_, '_>) -> Result<UserId, Error> {
        match user {
            Some(user) if step.turn.caller() != Some(user) => {
                self.boss(step)?;
                if self.is_member(user) { Ok(user) } else { Err(Error::NoSuchMember) }
            }
            _ => self.member(step),
        }
    }

    pub(super) fn sit(
        &mut self,
        user: Option<UserId>,
        team: Option<u32>,
        step: &mut Step<'_, '_>,
    ) -> Result<(), Error> {
        let user = self.subject(user, step)?;
        let seat = LobbySeat::User { user_id: user };
        let number = match team {
            Some(number) => number.to_string(),
            None if self.has_seat(user) => return Ok(()),
            None => match self.next_seat(step) {
                Some(number) => number,
                None => return Err(self.require_seatable(step).err().unwrap_or(Error::TeamFull)),
            },
        };
        let wanted = self.lobby.teams.get(&number).ok_or(Error::NoSuchTeam)?;
        if wanted.seats.contains(&seat) {
            return Ok(());
        }
        self.require_seatable(step)?;
        if wanted.seats.len() >= wanted.size as usize {
            return Err(Error::TeamFull);
        }
        self.lobby.queue.retain(|queued| *queued != user);
        let seated_at = self.lobby.members.get(&user).and_then(|member| member.seated_at);
        self.unseat(seat);
        self.place(user, &number, seated_at.unwrap_or(step.now()));
        self.fill(step);
        Ok(())
    }

    pub(super) fn spectate(&mut self, user: Option<UserId>, step: &mut Step<'_, '_>) -> Result<(), Error> {
        let user = self.subject(user, step)?;
        if self.has_seat(user) {
            self.require_seatable(step)?;
            let watching = self.lobby.members.len() - self.lobby.players().count();
            // Whoever waits takes the seat, and with it one watches less.
            if self.lobby.queue.is_empty() && watching >= step.rules.mode.spectators_max as usize {
                return Err(Error::Full);
            }
        }
        self.lobby.queue.retain(|queued| *queued != user);
        self.unseat(LobbySeat::User { user_id: user });
        self.fill(step);
        Ok(())
    }

    pub(super) fn queue(&mut self, step: &mut Step<'_, '_>) -> Result<(), Error> {
        let user = self.member(step)?;
        let is_seated = self.has_seat(user);
        // Who waits keeps their place; to whom nobody waits there is nobody to give a seat to.
        if self.lobby.queue.contains(&user) || (is_seated && self.lobby.queue.is_empty()) {
            return Ok(());
        }
        if is_seated {
            self.require_seatable(step)?;
            self.unseat(LobbySeat::User { user_id: user });
            self.fill(step);
        }
        self.lobby.queue.push(user);
        self.fill(step);
        Ok(())
    }

    /// Seats all who have a seat in these teams, in the order of the teams' numbers.
    pub(super) fn arrange(&mut self, wanted: &[Vec<LobbySeat>], step: &Step<'_, '_>) -> Result<(), Error> {
        self.boss(step)?;
        self.require_waiting()?;
        let seated: HashSet<LobbySeat> =
            self.lobby.teams.values().flat_map(|team| &team.seats).copied().collect();
        let all: HashSet<LobbySeat> = wanted.iter().flatten().copied().collect();
        let mut teams: Vec<(u32, &mut LobbyTeam)> =
            self.lobby.teams.iter_mut().map(|(number, team)| (number.parse().unwrap_or(0), team)).collect();
        teams.sort_unstable_by_key(|(number, _)| *number);
        let count = wanted.iter().map(Vec::len).sum::<usize>();
        let fits = wanted.len() <= teams.len()
            && teams.iter().zip(wanted).all(|((_, team), seats)| seats.len() <= team.size as usize);
        if seated != all || count != all.len() || !fits {
            return Err(Error::SeatsChanged);
        }
        let wanted = wanted.iter().cloned().chain(std::iter::repeat(Vec::new()));
        teams.into_iter().zip(wanted).for_each(|((_, team), seats)| team.seats = seats);
        Ok(())
    }

    /// Gives the teams another shape. Who has no seat any more is the first to have one again.
    pub(super) fn reshape(&mut self, shape: TeamsShape, step: &Step<'_, '_>) -> Result<(), Error> {
        let mut teams = Self::teams_of(shape);
        if self.lobby.teams.len() == teams.len()
            && self.lobby.teams.values().all(|team| team.size == shape.size)
        {
            return Ok(());
        }
        self.require_waiting()?;
        let mut surplus = Vec::new();
        let mut old: Vec<(u32, LobbyTeam)> = std::mem::take(&mut self.lobby.teams)
            .into_iter()
            .map(|(number, team)| (number.parse().unwrap_or(0), team))
            .collect();
        old.sort_unstable_by_key(|(number, _)| *number);
        for (number, mut team) in old {
            match teams.get_mut(&number.to_string()) {
                Some(new) => {
                    let kept = team.seats.len().min(new.size as usize);
                    surplus.extend(team.seats.split_off(kept));
                    new.seats = team.seats;
                }
                None => surplus.extend(team.seats),
            }
        }
        self.lobby.teams = teams;
        let mut front = Vec::new();
        for seat in surplus {
            match seat {
                LobbySeat::User { user_id } => {
                    self.unseat(seat);
                    front.push(user_id);
                }
                LobbySeat::Bot { bot_id } => drop(self.lobby.bots.remove(&bot_id)),
            }
        }
        self.lobby.queue.splice(0..0, front);
        self.fill(step);
        Ok(())
    }

    pub(super) fn add_bot(
        &mut self,
        name: &str,
        team: Option<u32>,
        change: &Map<String, Value>,
        step: &mut Step<'_, '_>,
    ) -> Result<LobbyBotId, Error> {
        let owner_id = self.member(step)?;
        if !self.is_boss(owner_id) && !self.has_seat(owner_id) {
            return Err(Error::SeatNeeded);
        }
        if !step.rules.mode.allows_bots {
            return Err(Error::NoBots);
        }
        self.require_seatable(step)?;
        let number = match team {
            Some(number) => number.to_string(),
            None => self.next_seat(step).ok_or(Error::TeamFull)?,
        };
        let mut properties = Map::new();
        properties::change(&mut properties, change, "/properties")?;
        let team = self.lobby.teams.get_mut(&number).ok_or(Error::NoSuchTeam)?;
        if team.seats.len() >= team.size as usize {
            return Err(Error::TeamFull);
        }
        let bot_id = step.turn.new_id();
        team.seats.push(LobbySeat::Bot { bot_id });
        self.lobby.bots.insert(bot_id, LobbyBot { owner_id, name: name.to_owned(), properties });
        Ok(bot_id)
    }

    /// The caller brought this bot, or may do so with every one.
    fn require_bot(&self, bot: LobbyBotId, step: &Step<'_, '_>) -> Result<(), Error> {
        let found = self.lobby.bots.get(&bot);
        match self.member(step) {
            Ok(user) if found.is_some_and(|found| found.owner_id == user) => Ok(()),
            _ => self.boss(step).and_then(|_| found.map(drop).ok_or(Error::NoSuchBot)),
        }
    }

    pub(super) fn update_bot(
        &mut self,
        bot: LobbyBotId,
        name: Option<&str>,
        change: &Map<String, Value>,
        step: &mut Step<'_, '_>,
    ) -> Result<(), Error> {
        self.require_bot(bot, step)?;
        let found = self.lobby.bots.get_mut(&bot).ok_or(Error::NoSuchBot)?;
        properties::change(&mut found.properties, change, "/properties")?;
        if let Some(name) = name {
            name.clone_into(&mut found.name);
        }
        Ok(())
    }

    pub(super) fn remove_bot(&mut self, bot: LobbyBotId, step: &mut Step<'_, '_>) -> Result<(), Error> {
        self.require_bot(bot, step)?;
        self.require_seatable(step)?;
        self.lobby.bots.remove(&bot);
        self.unseat(LobbySeat::Bot { bot_id: bot });
        self.fill(step);
        Ok(())
    }

    pub(super) fn remove_bots_of(&mut self, owner: UserId) {
        let theirs: Vec<LobbyBotId> =
            self.lobby.bots.iter().filter(|(_, bot)| bot.owner_id == owner).map(|(id, _)| *id).collect();
        for bot_id in theirs {
            self.lobby.bots.remove(&bot_id);
            self.unseat(LobbySeat::Bot { bot_id });
        }
    }
}
