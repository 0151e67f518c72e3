//! How a match ended: what its host, its players or staff say, and what of it is confirmed.
//!
//! A dedicated host is believed. Of players more than a share must say the same: of all who play at once, or, when the time for it is over,
//! of those who are still there or have said something. That time begins when the host says that it is over, or half of those who are
//! there have said how it ended: one player alone does not end what the others play. Nobody wins by saying that all others left: they
//! have that time to contradict, and a contradiction is for staff to decide.

use std::collections::BTreeSet;
use std::time::Duration;

use moothall_protocol::limits::{
    MATCH_NESTING_MAX, MATCH_PLAYER_STATS_BYTES_MAX, MATCH_RESULTS_MAX, MATCH_STATS_BYTES_MAX,
};
use moothall_protocol::lobbies::HostKind;
use moothall_protocol::matches::{
    MatchOutcome, MatchReport, MatchResult, MatchStatus, MemberResult, ResultBy, ResultStatus,
};
use moothall_protocol::{ApiKeyId, Timestamp, UserId};
use serde_json::{Map, json};

use super::state::Reported;
use super::{State, Step};
use crate::matches::Error;
use crate::{json as objects, merge};

/// Whose word a result is.
struct Source<'a> {
    by: ResultBy,
    user: Option<UserId>,
    key: Option<ApiKeyId>,
    reason: Option<&'a str>,
}

impl State {
    pub(super) fn report(&mut self, report: &MatchReport, step: &mut Step<'_, '_>) -> Result<(), Error> {
        let user = step.caller()?;
        let is_trusted = self.is_host(user) && self.game.host_kind == HostKind::Dedicated;
        if !self.knows(user) {
            return Err(self.outside(step));
        }
        if is_trusted {
            let key = step.key.ok_or(Error::KeyNeeded)?;
            return self.report_by_host(user, key, report, step);
        }
        if !self.is_player(user) {
            return Err(Error::PlayerNeeded);
        }
        self.report_by_player(user, report, step)
    }

    fn report_by_host(
        &mut self,
        host: UserId,
        key: ApiKeyId,
        report: &MatchReport,
        step: &mut Step<'_, '_>,
    ) -> Result<(), Error> {
        let report = self.clean(report)?;
        self.require_played()?;
        if let Some(confirmed) = &self.confirmed {
            return if *confirmed == report { Ok(()) } else { Err(Error::Confirmed) };
        }
        self.the_host(step)?;
        let source = Source { by: ResultBy::Host, user: Some(host), key: Some(key), reason: None };
        self.confirm(report, &source, step);
        Ok(())
    }

    fn report_by_player(
        &mut self,
        user: UserId,
        report: &MatchReport,
        step: &mut Step<'_, '_>,
    ) -> Result<(), Error> {
        let report = self.clean(report)?;
        self.require_played()?;
        if let Some(confirmed) = &self.confirmed {
            return if confirmed.outcome == report.outcome { Ok(()) } else { Err(Error::Confirmed) };
        }
        if self.game.result_status == ResultStatus::Disputed {
            return Err(Error::Disputed);
        }
        let is_asked = self.asks_players() || !self.reports.is_empty();
        if self.game.status == MatchStatus::Ended && self.game.report_by.is_none() {
            return Err(if is_asked { Error::ReportsClosed } else { Error::HostReports });
        }
        if !is_asked {
            return Err(Error::HostReports);
        }
        let at = self.reports.get(&user).map_or(step.now(), |before| before.at);
        self.reports.insert(user, Reported { at, report });
        self.game.reported_by = self.reports.keys().copied().collect();
        self.game.result_status = ResultStatus::Reported;
        self.call_if_it_seems_over(step);
        self.weigh(false, step);
        Ok(())
    }

    /// Gives all a time to say how it ended, once half of those who are there have.
    pub(super) fn call_if_it_seems_over(&mut self, step: &Step<'_, '_>) {
        let there = self.game.players().filter(|(user, _)| self.is_there(*user)).count();
        if !self.reports.is_empty() && self.reports.len() * 2 >= there {
            self.call_for_reports(step);
        }
    }

    /// Gives all a time to say how it ended.
    pub(super) fn call_for_reports(&mut self, step: &Step<'_, '_>) {
        let report_by = step.now() + Duration::from_millis(step.settings.report_ms);
        self.game.report_by = self.game.report_by.or(Some(report_by));
    }

    /// The time is over in which players say how it ended.
    pub(super) fn close_reports(&mut self, step: &mut Step<'_, '_>) {
        self.game.report_by = None;
        if !self.reports.is_empty() {
            self.weigh(true, step);
        }
    }

    /// Confirms what enough players say. If it is certain, or the time is over and nothing was, staff has to decide.
    fn weigh(&mut self, is_last: bool, step: &mut Step<'_, '_>) {
        let players: Vec<UserId> = self.game.players().map(|(user, _)| user).collect();
        let there = players.iter().filter(|user| self.is_there(**user)).count();
        let of = if is_last { there } else { players.len() };
        let agreed = self.most_agreed();
        let percent = usize::try_from(step.settings.quorum_percent).unwrap_or(100);
        if let Some((report, _)) = agreed.filter(|(_, count)| count * 100 > percent * of) {
            let source = Source { by: ResultBy::Quorum, user: None, key: None, reason: None };
            self.confirm(report, &source, step);
        } else if is_last || self.reports.len() >= players.len() {
            self.over(MatchStatus::Ended, self.said_first().unwrap_or(step.now()));
            self.game.result_status = ResultStatus::Disputed;
            self.game.report_by = None;
        }
    }

    /// What most players say, as the host tells it if it is among them, else as whoever said it first; and how many do.
    fn most_agreed(&self) -> Option<(MatchReport, usize)> {
        let agreeing = |outcome: &MatchOutcome| {
            self.reports.values().filter(|other| other.report.outcome == *outcome).count()
        };
        let most = self.reports.iter().max_by_key(|(user, said)| {
            (agreeing(&said.report.outcome), self.is_host(**user), std::cmp::Reverse(said.at))
        });
        most.map(|(_, said)| (said.report.clone(), agreeing(&said.report.outcome)))
    }

    /// When the first of those who reported did.
    fn said_first(&self) -> Option<Timestamp> {
        self.reports.values().map(|said| said.at).min()
    }

    pub(super) fn decide(
        &mut self,
        report: &MatchReport,
        reason: &str,
        step: &mut Step<'_, '_>,
    ) -> Result<(), Error> {
        if !step.is_staff {
            return Err(crate::Error::Forbidden.into());
        }
        let report = self.clean(report)?;
        match self.game.status {
            MatchStatus::Aborted => return Err(Error::Over),
            MatchStatus::Ended => {}
            MatchStatus::Reserved | MatchStatus::Starting | MatchStatus::Running => {
                return Err(Error::NotOver);
            }
        }
        if let Some(confirmed) = &self.confirmed {
            return if *confirmed == report { Ok(()) } else { Err(Error::Confirmed) };
        }
        self.audit("matches.decide", reason, json!({ "outcome": report.outcome }), step);
        let source =
            Source { by: ResultBy::Staff, user: step.turn.caller(), key: step.key, reason: Some(reason) };
        self.confirm(report, &source, step);
        Ok(())
    }

    pub(super) fn correct(
        &mut self,
        report: &MatchReport,
        reason: &str,
        if_version: Option<i64>,
        step: &mut Step<'_, '_>,
    ) -> Result<(), Error> {
        let by = self.corrector(step)?;
        let report = self.clean(report)?;
        if if_version.is_some_and(|version| version != self.game.version) {
            return Err(crate::Error::VersionConflict { version: self.game.version }.into());
        }
        let before = self.confirmed.as_ref().ok_or(Error::NoResult)?;
        if *before == report {
            return Ok(());
        }
        let versions = self.game.result.as_ref().map_or(0, |result| result.version);
        if usize::try_from(versions).is_ok_and(|versions| versions >= MATCH_RESULTS_MAX) {
            return Err(Error::TooManyResults);
        }
        let about = json!({ "before": before.outcome, "outcome": report.outcome });
        self.audit("matches.correct", reason, about, step);
        let source = Source { by, user: step.turn.caller(), key: step.key, reason: Some(reason) };
        self.confirm(report, &source, step);
        Ok(())
    }

    /// As whom the caller may correct the result.
    fn corrector(&self, step: &Step<'_, '_>) -> Result<ResultBy, Error> {
        if step.is_staff {
            return Ok(ResultBy::Staff);
        }
        let user = step.caller()?;
        if !self.knows(user) {
            return Err(self.outside(step));
        }
        if !self.is_host(user) || self.game.host_kind != HostKind::Dedicated {
            return Err(Error::HostNeeded);
        }
        step.key.ok_or(Error::KeyNeeded)?;
        let window = Duration::from_millis(step.settings.correct_ms);
        if self.game.ended_at.is_some_and(|ended_at| step.now() >= ended_at + window) {
            return Err(Error::CorrectionTooLate);
        }
        Ok(ResultBy::Host)
    }

    /// From now on it ended so.
    fn confirm(&mut self, report: MatchReport, source: &Source<'_>, step: &mut Step<'_, '_>) {
        // Of players who report one after the other, the first one knew that it was over.
        self.over(MatchStatus::Ended, self.said_first().unwrap_or(step.now()));
        for member in self.game.members.values_mut() {
            member.result = member.team.and_then(|team| result_of(team, &report.outcome));
            (member.left_after_ms, member.stats) = (None, Map::new());
        }
        for said in &report.players {
            if let Some(member) = self.game.members.get_mut(&said.user_id) {
                (member.left_after_ms, member.stats) = (said.left_after_ms, said.stats.clone());
            }
        }
        let version = self.game.result.as_ref().map_or(0, |result| result.version) + 1;
        self.game.result = Some(MatchResult {
            version,
            outcome: report.outcome.clone(),
            by: source.by,
            user_id: source.user,
            api_key_id: source.key,
            reason: source.reason.map(str::to_owned),
            at: step.now(),
            stats: report.stats.clone(),
            duration_ms: report.duration_ms,
            replay: report.replay.clone(),
        });
        self.game.result_status = ResultStatus::Confirmed;
        self.game.report_by = None;
        self.reports.clear();
        self.confirmed = Some(report);
        step.is_confirmed = true;
    }

    /// The report, if it makes sense for this match: with teams in their order, and nothing in it that a patch could not tell of.
    fn clean(&self, report: &MatchReport) -> Result<MatchReport, Error> {
        let mut clean = report.clone();
        if let MatchOutcome::Won { teams } = &mut clean.outcome {
            let all = self.teams();
            let won: BTreeSet<u32> = teams.iter().copied().collect();
            if !won.is_subset(&all) {
                return Err(Error::NoSuchTeam);
            }
            if won == all && all.len() > 1 {
                return Err(Error::AllWon);
            }
            *teams = won.into_iter().collect();
        }
        clean.stats = merge::without_nulls(&report.stats);
        objects::check(&clean.stats, "/report/stats", MATCH_NESTING_MAX, MATCH_STATS_BYTES_MAX)?;
        clean.players.sort_by_key(|player| player.user_id);
        let mut last = None;
        for player in &mut clean.players {
            if !self.is_player(player.user_id) {
                return Err(Error::NoSuchMember);
            }
            if last.replace(player.user_id) == Some(player.user_id) {
                return Err(crate::Error::field(
                    "/report/players",
                    "not_unique",
                    "a player stands twice in it",
                )
                .into());
            }
            player.stats = merge::without_nulls(&player.stats);
            objects::check(
                &player.stats,
                "/report/players",
                MATCH_NESTING_MAX,
                MATCH_PLAYER_STATS_BYTES_MAX,
            )?;
        }
        Ok(clean)
    }
}

/// What an outcome is to whoever played in this team.
fn result_of(team: u32, outcome: &MatchOutcome) -> Option<MemberResult> {
    match outcome {
        MatchOutcome::Won { teams } if teams.contains(&team) => Some(MemberResult::Won),
        MatchOutcome::Won { .. } => Some(MemberResult::Lost),
        MatchOutcome::Draw => Some(MemberResult::Draw),
        MatchOutcome::None => None,
    }
}
