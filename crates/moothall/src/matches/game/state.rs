//! What a match is, how it comes to an end, and what each may say of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use moothall_protocol::lobbies::HostKind;
use moothall_protocol::matches::{
    AbortWhy, Match as Shown, MatchAborted, MatchHostView, MatchReport, MatchStatus, OwnMatch, ResultStatus,
};
use moothall_protocol::{Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Act, Answer, Audited, Effect, Step};
use crate::matches::{Error, Settings};

/// All that is stored of a match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::matches) struct State {
    /// What those in it see.
    pub game: Shown,
    /// What its host sees beyond that.
    pub host: MatchHostView,
    /// The version of its lobby by which it knows who is there.
    pub lobby_version: i64,
    /// What players said of how it ended, until that is confirmed.
    pub reports: BTreeMap<UserId, Reported>,
    /// Players who are not connected, and were not within the grace period.
    #[serde(default)]
    pub away: BTreeSet<UserId>,
    /// What is confirmed.
    pub confirmed: Option<MatchReport>,
}

/// What a player said of how a match ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::matches) struct Reported {
    pub at: Timestamp,
    pub report: MatchReport,
}

impl State {
    /// The match as this user sees it, who is in it or hosts it; others see it from outside.
    pub fn own(&self, user: UserId) -> OwnMatch {
        if !self.knows(user) {
            return OwnMatch { game: self.game.clone().from_outside(), token: None, host: None };
        }
        OwnMatch {
            game: self.game.clone(),
            token: self.host.tokens.get(&user).cloned(),
            host: self.is_host(user).then(|| self.host.clone()),
        }
    }

    pub fn is_host(&self, user: UserId) -> bool {
        self.game.host_id == Some(user)
    }

    /// The host, if it is none of those who are in it.
    pub fn host_outside(&self) -> Option<UserId> {
        self.game.host_id.filter(|host| !self.game.members.contains_key(host))
    }

    /// Whether the user is in it or hosts it.
    pub fn knows(&self, user: UserId) -> bool {
        self.game.members.contains_key(&user) || self.is_host(user)
    }

    pub fn is_player(&self, user: UserId) -> bool {
        self.game.members.get(&user).is_some_and(|member| member.team.is_some())
    }

    /// Whether something may come of it by itself.
    pub fn is_live(&self) -> bool {
        self.game.is_on() || self.game.report_by.is_some()
    }

    pub(super) fn carry_out(&mut self, act: &Act, step: &mut Step<'_, '_>) -> Result<Answer, Error> {
        match act {
            Act::Assign { host } => self.assign(*host, step)?,
            Act::Seat { lobby_version, seats } => {
                step.require_server()?;
                self.seat(*lobby_version, seats, step);
                return Ok(Answer::Done);
            }
            Act::Ready { addresses, connection } => self.ready(addresses, connection, step)?,
            Act::Update { update, changes } => {
                self.update(*update, changes, step)?;
                return Ok(Answer::Updated);
            }
            Act::End => self.end(step)?,
            Act::Abort { reason } => self.abort(reason.as_deref(), step)?,
            Act::Report(report) => self.report(report, step)?,
            Act::Decide { report, reason } => self.decide(report, reason, step)?,
            Act::Correct { report, reason, if_version } => {
                self.correct(report, reason, *if_version, step)?;
            }
            Act::HostGone => {
                step.require_server()?;
                self.lose_host(step);
                return Ok(Answer::Done);
            }
            Act::HostLost => {
                step.require_server()?;
                if self.game.is_on() {
                    self.desert(AbortWhy::HostLost, step);
                }
                return Ok(Answer::Done);
            }
            Act::HostBack => {
                step.require_server()?;
                self.find_host();
                return Ok(Answer::Done);
            }
            Act::PlayerGone { user } => {
                step.require_server()?;
                self.miss(*user, step);
                return Ok(Answer::Done);
            }
            Act::PlayerBack { user } => {
                step.require_server()?;
                self.away.remove(user);
                return Ok(Answer::Done);
            }
            Act::LobbyClosed { by } => {
                step.require_server()?;
                // Whoever inherited the lobby does not end what another hosts.
                if self.game.is_on() && by.is_none_or(|by| self.is_host(by)) {
                    // What players have said of it is worth more.
                    if self.reports.is_empty() {
                        self.stop(AbortWhy::LobbyClosed, None, step);
                    } else {
                        self.call_for_reports(step);
                    }
                }
                return Ok(Answer::Done);
            }
            Act::Tick { .. } => return Ok(Answer::Done),
        }
        Ok(Answer::Own)
    }

    /// What has come to its end by now.
    pub(super) fn expire(&mut self, step: &mut Step<'_, '_>) {
        let now = step.now();
        let is_due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        if self.game.is_on() && is_due(self.game.ready_by) {
            let why = if self.game.host_id.is_none() { AbortWhy::NoHost } else { AbortWhy::NotReady };
            self.stop(why, None, step);
        }
        if is_due(self.game.report_by) {
            self.close_reports(step);
        }
        if self.game.is_on() {
            let is_lost = is_due(self.game.host_lost_until);
            if is_lost || is_due(self.longest(step.settings)) {
                self.desert(if is_lost { AbortWhy::HostLost } else { AbortWhy::TooLong }, step);
            }
        }
    }

    /// Nobody is to say any more how it goes. What players have said of it is worth more than that.
    fn desert(&mut self, why: AbortWhy, step: &mut Step<'_, '_>) {
        if self.reports.is_empty() { self.stop(why, None, step) } else { self.close_reports(step) }
    }

    /// Until when it may be played.
    fn longest(&self, settings: &Settings) -> Option<Timestamp> {
        let started_at = self.game.started_at.filter(|_| self.game.is_on())?;
        Some(started_at + Duration::from_millis(settings.longest_ms))
    }

    /// When the next thing comes to its end.
    pub(in crate::matches) fn next_due(&self, settings: &Settings) -> Option<Timestamp> {
        let on = [self.game.ready_by, self.game.host_lost_until, self.longest(settings)];
        let on = on.into_iter().flatten().filter(|_| self.game.is_on());
        on.chain(self.game.report_by).min()
    }

    /// It is over, and since when.
    pub(super) fn over(&mut self, status: MatchStatus, at: Timestamp) {
        let game = &mut self.game;
        if !game.is_on() {
            return;
        }
        game.status = status;
        game.ended_at = Some(at);
        let played = game.started_at.map(|started_at| at.since(started_at));
        game.duration_ms = played.map(|played| u64::try_from(played.as_millis()).unwrap_or(u64::MAX));
        (game.ready_by, game.host_lost_until, game.private) = (None, None, None);
        self.host.tokens.clear();
    }

    /// It comes to nothing.
    pub(super) fn stop(&mut self, why: AbortWhy, reason: Option<&str>, step: &Step<'_, '_>) {
        self.over(MatchStatus::Aborted, step.now());
        self.game.aborted = Some(MatchAborted { why, reason: reason.map(str::to_owned) });
        self.game.report_by = None;
        self.game.result_status = ResultStatus::None;
        self.game.reported_by.clear();
        self.reports.clear();
    }

    /// Whether there is something to say of how it ended, or will be.
    pub(super) fn require_played(&self) -> Result<(), Error> {
        match self.game.status {
            MatchStatus::Reserved | MatchStatus::Starting => Err(Error::NotRunning),
            MatchStatus::Aborted => Err(Error::Over),
            MatchStatus::Running | MatchStatus::Ended => Ok(()),
        }
    }

    pub(super) fn end(&mut self, step: &mut Step<'_, '_>) -> Result<(), Error> {
        self.the_host(step)?;
        self.require_played()?;
        if self.game.status == MatchStatus::Ended {
            return Ok(());
        }
        self.over(MatchStatus::Ended, step.now());
        if self.asks_players() {
            self.call_for_reports(step);
        }
        Ok(())
    }

    fn abort(&mut self, reason: Option<&str>, step: &mut Step<'_, '_>) -> Result<(), Error> {
        let caller = step.caller()?;
        let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
        let is_allowed = self.is_host(caller) || self.is_player(caller) || step.is_staff;
        if !is_allowed {
            return Err(if self.knows(caller) { Error::PlayerNeeded } else { self.outside(step) });
        }
        match self.game.status {
            MatchStatus::Ended => return Err(Error::Over),
            MatchStatus::Aborted => return Ok(()),
            MatchStatus::Reserved | MatchStatus::Starting | MatchStatus::Running => {}
        }
        if self.is_host(caller) {
            // What players have said of it stands: a player who hosts does not take it back.
            if self.asks_players() && !self.reports.is_empty() {
                return self.end(step);
            }
            self.stop(AbortWhy::Host, reason, step);
        } else if step.is_staff && (reason.is_some() || !self.is_player(caller)) {
            let why = reason.ok_or_else(|| {
                crate::Error::field("/reason", "required", "say why: this is not your match")
            })?;
            self.audit("matches.abort", why, json!({ "version": self.game.version }), step);
            self.stop(AbortWhy::Staff, reason, step);
        } else {
            self.vote_to_abort(caller, step)?;
        }
        Ok(())
    }

    fn vote_to_abort(&mut self, player: UserId, step: &Step<'_, '_>) -> Result<(), Error> {
        let window = Duration::from_millis(step.settings.abort_window_ms);
        if self.game.started_at.is_some_and(|started_at| step.now() >= started_at + window) {
            return Err(Error::AbortTooLate);
        }
        if !self.game.abort_votes.contains(&player) {
            self.game.abort_votes.push(player);
        }
        if self.game.abort_votes.len() * 2 > self.game.players().count() {
            self.stop(AbortWhy::Players, None, step);
        }
        Ok(())
    }

    /// Whether players say how it ended, because nobody whom the server trusts does.
    pub(super) fn asks_players(&self) -> bool {
        self.game.host_kind != HostKind::Dedicated || self.game.host_lost_until.is_some()
    }

    /// The host is there again. Of a trusted one it is heard how it ends, and not of players any more.
    fn find_host(&mut self) {
        let was_lost = self.game.host_lost_until.take().is_some();
        if was_lost && self.game.is_on() && !self.asks_players() {
            self.reports.clear();
            self.game.reported_by.clear();
            (self.game.report_by, self.game.result_status) = (None, ResultStatus::None);
        }
    }

    /// The host, and nobody else. One that was lost is found by it.
    pub(super) fn the_host(&mut self, step: &Step<'_, '_>) -> Result<UserId, Error> {
        let user = step.caller()?;
        if self.is_host(user) {
            self.find_host();
            Ok(user)
        } else {
            Err(if self.knows(user) { Error::HostNeeded } else { self.outside(step) })
        }
    }

    /// What somebody is told who has no business here.
    pub(super) fn outside(&self, step: &Step<'_, '_>) -> Error {
        if self.game.is_hidden && !step.is_staff { crate::Error::NotFound.into() } else { Error::NotMember }
    }

    /// Writes down who did this, and why.
    pub(super) fn audit(&self, action: &'static str, reason: &str, about: Value, step: &mut Step<'_, '_>) {
        let by = step.turn.by();
        step.turn.persist(Effect::Audited(Audited { by, action, reason: reason.to_owned(), about }));
    }
}
