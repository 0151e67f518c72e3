//! Cases: all open reports of one user, on their way to a decision.
//!
//! A case has one moderator at a time: who claims it has it for a while, and whoever does something with it has to be that one, or it
//! must be nobody's.

use std::time::Duration;

use moothall_protocol::jobs::JobProgress;
use moothall_protocol::limits::{CASE_SNOOZE_DAYS_MAX, PAGE_ITEMS_DEFAULT};
use moothall_protocol::moderation::{
    AskSecondOpinion, Case, ClaimCase, DismissCase, ListCases, ModerationDeed, NextCase, NoteKind,
    PriorityTerm, ReleaseCase, ReportOutcome, SnoozeCase, TakeNextCase,
};
use moothall_protocol::{CaseId, Cursor, Page, ReportId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::files::refuse_oneself;
use super::notify::{Ids, happened};
use super::{CASES, Error, notes, priority, reports, store};
use crate::cx::{Cx, Tx};
use crate::jobs::{NewJob, Step};
use crate::{accounts, audit, jobs};

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// Reports closed in one transaction, each of which tells its reporter.
const REPORTS_AT_ONCE: usize = 50;

/// The open case of a user; it is opened if there is none.
pub(super) fn open_for(tx: &mut Tx<'_, '_>, target: UserId) -> Result<Case, Error> {
    match store::open_case(tx, target)? {
        Some(case) => Ok(case),
        None => store::insert_case(tx, target),
    }
}

/// Says anew how urgent a case is, with one more report.
pub(super) fn weigh(tx: &mut Tx<'_, '_>, case: &mut Case, score: &[PriorityTerm]) -> Result<(), Error> {
    case.reports += 1;
    case.categories = store::categories(tx, case.id)?;
    reweigh(tx, case, score)
}

/// Says anew how urgent a case is, since one of its reports weighs this. However many there are, the weightiest of all counts.
pub(super) fn reweigh(tx: &mut Tx<'_, '_>, case: &mut Case, score: &[PriorityTerm]) -> Result<(), Error> {
    let reporters = store::reporters(tx, case.id)?;
    let known =
        std::mem::take(&mut case.terms).into_iter().filter(|term| !priority::is_further(term)).collect();
    let scores: Vec<Vec<PriorityTerm>> =
        [known, score.to_vec()].into_iter().filter(|terms: &Vec<_>| !terms.is_empty()).collect();
    let weights = &tx.cx().hall().settings().moderation.weights;
    case.terms = priority::of_case(weights, &scores, reporters);
    case.priority = priority::whole(&case.terms);
    Ok(store::update_case(tx, case)?)
}

/// Lists cases.
pub async fn list(cx: &Cx, input: ListCases) -> Result<Page<Case>, Error> {
    cx.require(CASES)?;
    let is_closed = input.is_closed.unwrap_or_default();
    let first = match is_closed {
        true => (0, Timestamp::MAX, CaseId::from_uuid(Uuid::max())),
        false => (i64::MIN, Timestamp::MIN, CaseId::from_uuid(Uuid::nil())),
    };
    let after = match &input.cursor {
        Some(cursor) => cursor.key::<(i64, Timestamp, CaseId)>().ok_or_else(crate::Error::wrong_cursor)?,
        None => first,
    };
    let limit = input.limit.unwrap_or(PAGE_ITEMS_DEFAULT);
    let (rows, mine) = cx
        .read(move |tx| {
            Ok::<_, Error>((store::list_cases(tx, &input, after, limit + 1)?, accounts::oneself(tx)?))
        })
        .await?;
    let mut page = Page::cut(rows, limit, |last: &Case| match is_closed {
        true => Cursor::of(&(0, Timestamp::MAX, last.id)),
        false => Cursor::of(&(100 - i64::from(last.priority), last.opened_at, last.id)),
    });
    page.items.retain(|case| !mine.contains(&case.target_id));
    Ok(page)
}

/// A case that the caller may do something with: open, not about them, and nobody else's.
pub(super) fn require_free(tx: &mut Tx<'_, '_>, id: CaseId) -> Result<Case, Error> {
    let case = store::find_case(tx, id)?.ok_or(crate::Error::NotFound)?;
    let (me, now) = (tx.cx().user(), tx.now());
    refuse_oneself(tx, case.target_id)?;
    if case.closed_at.is_some() {
        return Err(Error::CaseClosed);
    }
    let is_held = case.claimed_until.is_some_and(|until| now < until);
    if is_held && case.claimed_by != me { Err(Error::Claimed) } else { Ok(case) }
}

/// Refuses whoever asked for a second opinion on this case to do anything about its target before somebody else gave one: then it would have
/// been asked for nothing.
pub(super) fn require_opinion(tx: &mut Tx<'_, '_>, case: &Case) -> Result<(), Error> {
    let Some(me) = tx.cx().user() else { return Ok(()) };
    if store::awaiting(tx, case.id)?.contains(&me) { Err(Error::OpinionAwaited) } else { Ok(()) }
}

/// Somebody wrote what they think of a case: whoever asked before that, and is somebody else, waits no longer.
pub(super) fn answered(tx: &mut Tx<'_, '_>, mut case: Case) -> Result<(), Error> {
    let waiting = store::awaiting(tx, case.id)?.first().copied();
    if case.closed_at.is_none() && case.second_opinion_by != waiting {
        case.second_opinion_by = waiting;
        changed(tx, &mut case, audit::Entry::new("moderation.add_note"))?;
    }
    Ok(())
}

fn claimed(tx: &mut Tx<'_, '_>, mut case: Case, action: &'static str) -> Result<Case, Error> {
    let minutes = tx.cx().hall().settings().moderation.claim_minutes;
    (case.claimed_by, case.snoozed_until) = (tx.cx().user(), None);
    case.claimed_until = Some(tx.now() + Duration::from_secs(u64::from(minutes) * 60));
    changed(tx, &mut case, audit::Entry::new(action))?;
    Ok(case)
}

/// The case is so from now on, by what is written down.
fn changed(tx: &mut Tx<'_, '_>, case: &mut Case, entry: audit::Entry) -> Result<(), Error> {
    let before = store::find_case(tx, case.id)?;
    store::update_case(tx, case)?;
    audit::record(tx, entry.user(case.target_id).change(&before, &Some(&*case)))?;
    let ids = Ids { case: Some(case.id), ..Ids::default() };
    happened(tx, ModerationDeed::CaseUpdated, case.target_id, ids)?;
    Ok(())
}

/// Claims the most urgent case there is for the caller.
pub async fn next(cx: &Cx, _: TakeNextCase) -> Result<NextCase, Error> {
    cx.require(CASES)?;
    let me = cx.require_user()?;
    cx.mutate(move |tx| match store::next_case(tx, me)? {
        Some(case) => Ok(NextCase { case: Some(claimed(tx, case, "moderation.next_case")?) }),
        None => Ok(NextCase { case: None }),
    })
    .await
}

/// Claims a case.
pub async fn claim(cx: &Cx, input: ClaimCase) -> Result<Case, Error> {
    cx.require(CASES)?;
    cx.require_user()?;
    cx.mutate(move |tx| {
        let case = require_free(tx, input.case_id)?;
        // Who waits for somebody else's opinion must not keep them from it.
        require_opinion(tx, &case)?;
        claimed(tx, case, "moderation.claim_case")
    })
    .await
}

/// Lets go of a case.
pub async fn release(cx: &Cx, input: ReleaseCase) -> Result<Case, Error> {
    cx.require(CASES)?;
    cx.mutate(move |tx| {
        let mut case = require_free(tx, input.case_id)?;
        (case.claimed_by, case.claimed_until) = (None, None);
        changed(tx, &mut case, audit::Entry::new("moderation.release_case"))?;
        Ok(case)
    })
    .await
}

/// Puts a case off.
pub async fn snooze(cx: &Cx, input: SnoozeCase) -> Result<Case, Error> {
    cx.require(CASES)?;
    let now = cx.now();
    if input.until <= now || input.until > now + DAY * CASE_SNOOZE_DAYS_MAX as u32 {
        let message =
            format!("a case is put off until later than now, for {CASE_SNOOZE_DAYS_MAX} days at most");
        return Err(crate::Error::most("/until", "invalid", message, CASE_SNOOZE_DAYS_MAX).into());
    }
    cx.mutate(move |tx| {
        let mut case = require_free(tx, input.case_id)?;
        (case.claimed_by, case.claimed_until) = (None, None);
        case.snoozed_until = Some(input.until);
        notes::of_case(tx, &case, NoteKind::General, &input.reason)?;
        let entry = audit::Entry::new("moderation.snooze_case").reason(&input.reason);
        changed(tx, &mut case, entry)?;
        Ok(case)
    })
    .await
}

/// Asks for a second opinion.
pub async fn ask_second_opinion(cx: &Cx, input: AskSecondOpinion) -> Result<Case, Error> {
    cx.require(CASES)?;
    let me = cx.require_user()?;
    cx.mutate(move |tx| {
        let mut case = require_free(tx, input.case_id)?;
        (case.claimed_by, case.claimed_until) = (None, None);
        case.second_opinion_by = Some(me);
        notes::of_case(tx, &case, NoteKind::Question, &input.reason)?;
        let entry = audit::Entry::new("moderation.ask_second_opinion").reason(&input.reason);
        changed(tx, &mut case, entry)?;
        Ok(case)
    })
    .await
}

/// Closes a case without doing anything about it.
pub async fn dismiss(cx: &Cx, input: DismissCase) -> Result<Case, Error> {
    cx.require(CASES)?;
    if input.outcome == ReportOutcome::Agreed {
        let message = "who agrees does something about it: see `moderation.act`";
        return Err(crate::Error::field("/outcome", "invalid", message).into());
    }
    cx.mutate(move |tx| {
        let case = require_free(tx, input.case_id)?;
        require_opinion(tx, &case)?;
        notes::of_case(tx, &case, NoteKind::Decision, &input.reason)?;
        let before = case.clone();
        let case = close(tx, case, input.outcome, &[], false)?;
        let entry = audit::Entry::new("moderation.dismiss_case").user(case.target_id);
        audit::record(tx, entry.reason(&input.reason).change(&before, &case))?;
        Ok(case)
    })
    .await
}

/// Closes a case with this outcome of its reports, but for those that are disagreed with; `is_quiet` if nobody is to learn what was done. Who reported is told: of a case of many
/// reports some at once and the others by a job, so that nobody waits for it.
pub(super) fn close(
    tx: &mut Tx<'_, '_>,
    mut case: Case,
    outcome: ReportOutcome,
    disagreed: &[ReportId],
    is_quiet: bool,
) -> Result<Case, Error> {
    let (by, disagreed) = (tx.cx().user(), disagreed.to_vec());
    let mut rest = CloseReports { case_id: case.id, by, outcome, disagreed, is_quiet, closed: 0 };
    if rest.close_some(tx)? == Step::Again {
        jobs::enqueue(tx, &NewJob::new(rest))?;
    }
    let now = tx.now();
    (case.closed_at, case.closed_by, case.outcome) = (Some(now), tx.cx().user(), Some(outcome));
    (case.claimed_by, case.claimed_until, case.snoozed_until) = (None, None, None);
    store::update_case(tx, &mut case)?;
    if case.closed_by.is_some() {
        // What nobody decided is no decision, and took nobody any time.
        store::count(tx, "cases", 1)?;
        let seconds = i64::try_from(now.since(case.opened_at).as_secs()).unwrap_or(i64::MAX);
        store::count(tx, "case_seconds", seconds)?;
    }
    let ids = Ids { case: Some(case.id), ..Ids::default() };
    happened(tx, ModerationDeed::CaseClosed, case.target_id, ids)?;
    Ok(case)
}

/// Closes the reports of a case that is closed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CloseReports {
    case_id: CaseId,
    by: Option<UserId>,
    outcome: ReportOutcome,
    disagreed: Vec<ReportId>,
    #[serde(default)]
    is_quiet: bool,
    closed: u64,
}

impl CloseReports {
    fn close_some(&mut self, tx: &mut Tx<'_, '_>) -> Result<Step, Error> {
        // What was done may have been taken back meanwhile.
        let decided = store::find_case(tx, self.case_id)?.and_then(|case| case.outcome);
        let batch = store::open_of_case(tx, self.case_id, REPORTS_AT_ONCE + 1)?;
        for report in batch.iter().take(REPORTS_AT_ONCE) {
            let is_disagreed = self.disagreed.contains(&report.id);
            let outcome = decided.unwrap_or(self.outcome);
            let outcome = if is_disagreed { ReportOutcome::Disagreed } else { outcome };
            reports::close(tx, report, outcome, self.by, self.is_quiet)?;
            self.closed += 1;
        }
        Ok(if batch.len() > REPORTS_AT_ONCE { Step::Again } else { Step::Done })
    }
}

impl jobs::Kind for CloseReports {
    const NAME: &'static str = "moderation.close_reports";

    fn step(&mut self, tx: &mut Tx<'_, '_>) -> Result<Step, crate::Error> {
        self.close_some(tx).map_err(Error::into_common)
    }

    fn progress(&self) -> Option<JobProgress> {
        Some(JobProgress { done: self.closed, total: None })
    }
}

/// Nothing of what was done about a case stands any more: whoever's report was agreed with was neither right nor wrong, and is told.
pub(super) fn reconsider(tx: &mut Tx<'_, '_>, id: CaseId, reason: &str) -> Result<(), Error> {
    let Some(mut case) = store::find_case(tx, id)? else { return Ok(()) };
    if case.outcome != Some(ReportOutcome::Agreed) {
        return Ok(());
    }
    case.outcome = Some(ReportOutcome::Unclear);
    changed(tx, &mut case, audit::Entry::new("moderation.revert").reason(reason))?;
    let mut rest = ReconsiderReports { case_id: id, by: case.closed_by, reconsidered: 0 };
    if rest.reconsider_some(tx)? == Step::Again {
        jobs::enqueue(tx, &NewJob::new(rest))?;
    }
    Ok(())
}

/// Takes back what came of the reports of a case.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ReconsiderReports {
    case_id: CaseId,
    by: Option<UserId>,
    reconsidered: u64,
}

impl ReconsiderReports {
    fn reconsider_some(&mut self, tx: &mut Tx<'_, '_>) -> Result<Step, Error> {
        let batch = store::agreed_of_case(tx, self.case_id, REPORTS_AT_ONCE + 1)?;
        for report in batch.iter().take(REPORTS_AT_ONCE) {
            reports::reconsider(tx, report, self.by)?;
            self.reconsidered += 1;
        }
        Ok(if batch.len() > REPORTS_AT_ONCE { Step::Again } else { Step::Done })
    }
}

impl jobs::Kind for ReconsiderReports {
    const NAME: &'static str = "moderation.reconsider_reports";

    fn step(&mut self, tx: &mut Tx<'_, '_>) -> Result<Step, crate::Error> {
        self.reconsider_some(tx).map_err(Error::into_common)
    }

    fn progress(&self) -> Option<JobProgress> {
        Some(JobProgress { done: self.reconsidered, total: None })
    }
}

/// Closes cases that nobody touched for so long that nobody will.
pub(super) async fn close_old(cx: &Cx) -> Result<(), Error> {
    let since = cx.now() - DAY * cx.hall().settings().moderation.case_days;
    crate::sweep::all(cx, move |tx| {
        let old = store::old_cases(tx, since)?;
        let count = old.len() as u64;
        for case in old {
            close(tx, case, ReportOutcome::Unclear, &[], false)?;
        }
        Ok::<_, Error>(count)
    })
    .await
}
