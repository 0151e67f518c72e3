//! Reports: what players tell of what should not be.

use std::time::Duration;

use moothall_protocol::limits::PAGE_ITEMS_DEFAULT;
use moothall_protocol::moderation::{
    FileReport, ListMyReports, ListReportCategories, ModerationDeed, OwnReport, Report, ReportCategories,
    ReportOutcome, ReportSubject,
};
use moothall_protocol::{Cursor, Page, ReportId, UserId};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::evidence::{self, Found};
use super::notify::{self, Ids, ReportClosed, happened};
use super::priority::{self, Reporter};
use super::{Error, REPORT_AUTOMATICALLY, actions, cases, store};
use crate::Fault as _;
use crate::communication::ReportedContact;
use crate::cx::{Cx, Tx};
use crate::export::{Part, place};
use crate::restrictions::types::REPORT;
use crate::restrictions::{self, Scope};

/// Undecided reports of somebody that are weighed anew when a mark of theirs is taken back. Older ones keep their weight.
const REWEIGHED_MAX: usize = 100;
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Lists what may be reported.
pub async fn categories(cx: &Cx, _: ListReportCategories) -> Result<ReportCategories, Error> {
    Ok(ReportCategories { items: cx.hall().settings().moderation.categories.clone() })
}

/// Refuses a category that there is not.
pub(super) fn check_category(cx: &Cx, path: &str, category: &str) -> Result<(), Error> {
    if cx.hall().settings().moderation.has_category(category) {
        return Ok(());
    }
    let message = format!("there is no category {category}: see `moderation.categories`");
    Err(crate::Error::field(path, "not_a_choice", message).into())
}

/// Reports something. Reports of one user that are not decided are one case.
pub async fn file(cx: &Cx, input: FileReport) -> Result<OwnReport, Error> {
    let reporter = cx.require_user()?;
    restrictions::check(cx, REPORT, Scope::ANYWHERE).await?;
    let is_automatic = input.is_automatic.unwrap_or_default();
    if is_automatic {
        cx.require(REPORT_AUTOMATICALLY)?;
    }
    check_category(cx, "/category", &input.category)?;
    let found = evidence::gather(cx, &input).await?;
    if found.target == reporter {
        return Err(Error::Yourself);
    }
    let text = crate::filter::clean(&input.text);
    let told = Told { subject: input.subject, category: input.category, text, is_automatic };
    cx.mutate(move |tx| {
        if !is_automatic {
            check_budget(tx, reporter)?;
        }
        insert(tx, Some(reporter), &told, &found)
    })
    .await
}

fn check_budget(tx: &mut Tx<'_, '_>, reporter: UserId) -> Result<(), Error> {
    let max = tx.cx().hall().settings().moderation.reports_per_day;
    let now = tx.now();
    let (count, first) = store::count_reports(tx, reporter, now - DAY, max)?;
    match first {
        Some(first) if count >= max => Err(Error::TooManyReports { retry_after: (first + DAY).since(now) }),
        _ => Ok(()),
    }
}

/// The server itself saw something of a user: an automatic report, which opens a case. It is known again by what it is about.
pub(super) fn raise(
    tx: &mut Tx<'_, '_>,
    target: UserId,
    about: String,
    category: &str,
    evidence: Map<String, Value>,
) -> Result<(), Error> {
    let found = Found { target, subject_id: about, evidence };
    let told = Told {
        subject: ReportSubject::User,
        category: category.to_owned(),
        text: String::new(),
        is_automatic: true,
    };
    insert(tx, None, &told, &found).map(drop)
}

/// What a report says.
#[derive(Clone, Debug)]
struct Told {
    subject: ReportSubject,
    category: String,
    text: String,
    is_automatic: bool,
}

fn insert(
    tx: &mut Tx<'_, '_>,
    reporter_id: Option<UserId>,
    told: &Told,
    found: &Found,
) -> Result<OwnReport, Error> {
    let (mut accuracy, mut is_marked) = (50.0, false);
    if let Some(reporter) = reporter_id {
        let (agreed, decided) = store::credit(tx, reporter, &told.category)?;
        accuracy = priority::accuracy(agreed, decided);
        is_marked = actions::is_marked(tx, reporter)?;
    }
    let weights = &tx.cx().hall().settings().moderation.weights;
    let is_automatic = told.is_automatic;
    let score = priority::terms(weights, Reporter { accuracy, is_marked, is_automatic });
    let mut case = cases::open_for(tx, found.target)?;
    let report = Report {
        id: tx.cx().new_id(),
        number: store::number(tx, "report")?,
        reporter_id,
        target_id: found.target,
        subject: told.subject,
        category: told.category.clone(),
        text: told.text.clone(),
        is_automatic,
        evidence: found.evidence.clone(),
        case_id: case.id,
        score,
        created_at: tx.now(),
        closed_at: None,
        outcome: None,
        is_quiet: false,
    };
    store::insert_report(tx, &report, &found.subject_id)?;
    cases::weigh(tx, &mut case, &report.score)?;
    store::count(tx, "reports", 1)?;
    happened(tx, ModerationDeed::Reported, found.target, Ids { case: Some(case.id), ..Ids::default() })?;
    metrics::counter!("moderation_reports_total").increment(1);
    Ok(store::own(report))
}

/// Closes a report, tells its reporter, and remembers whether they were right; but for a moderator who decides about their own report.
pub(super) fn close(
    tx: &mut Tx<'_, '_>,
    report: &Report,
    outcome: ReportOutcome,
    by: Option<UserId>,
    is_quiet: bool,
) -> Result<(), Error> {
    let is_quiet = is_quiet && outcome == ReportOutcome::Agreed;
    store::close_report(tx, report.id, outcome, is_quiet)?;
    let word = crate::json::word(&outcome)?;
    store::count(tx, &format!("reports.{word}"), 1)?;
    let Some(reporter) = report.reporter_id else { return Ok(()) };
    if outcome != ReportOutcome::Unclear && by != Some(reporter) {
        store::give_credit(tx, reporter, &report.category, outcome == ReportOutcome::Agreed)?;
    }
    let outcome = if is_quiet { ReportOutcome::Unclear } else { outcome };
    tell_closed(tx, reporter, report, outcome, false)
}

/// What was done about a report was taken back: its reporter was neither right nor wrong, and is told so if they were told of it.
pub(super) fn reconsider(tx: &mut Tx<'_, '_>, report: &Report, by: Option<UserId>) -> Result<(), Error> {
    store::reconsider_report(tx, report.id)?;
    let Some(reporter) = report.reporter_id else { return Ok(()) };
    if by != Some(reporter) {
        store::take_credit(tx, reporter, &report.category)?;
    }
    if report.is_quiet { Ok(()) } else { tell_closed(tx, reporter, report, ReportOutcome::Unclear, true) }
}

fn tell_closed(
    tx: &mut Tx<'_, '_>,
    reporter: UserId,
    report: &Report,
    outcome: ReportOutcome,
    is_taken_back: bool,
) -> Result<(), Error> {
    let closed = ReportClosed { report_id: report.id, number: report.number, outcome, is_taken_back };
    Ok(notify::tell_newest(tx, reporter, closed, report.id)?)
}

/// Nothing marks a user any more: what they reported, and nobody has decided, weighs again what it would without that.
pub(super) fn unmark(tx: &mut Tx<'_, '_>, reporter: UserId) -> Result<(), Error> {
    for mut report in store::open_by(tx, reporter, REWEIGHED_MAX)? {
        if !report.score.iter().any(|term| term.name == priority::MARKED) {
            continue;
        }
        let Some(mut case) = store::find_case(tx, report.case_id)? else { continue };
        report.score.retain(|term| term.name != priority::MARKED);
        store::set_score(tx, report.id, &report.score)?;
        cases::reweigh(tx, &mut case, &report.score)?;
    }
    Ok(())
}

/// Somebody reports a first message instead of accepting it.
pub(super) async fn of_contact(cx: Cx, reported: ReportedContact) -> Result<(), crate::Error> {
    let ReportedContact { room_id, message_id, category } = reported;
    let input = FileReport {
        subject: ReportSubject::Message,
        user_id: None,
        room_id: Some(room_id),
        message_id: Some(message_id),
        lobby_id: None,
        match_id: None,
        category,
        text: String::new(),
        is_automatic: None,
    };
    match file(&cx, input).await {
        Ok(_) => Ok(()),
        Err(Error::Common(error)) => Err(error),
        Err(own) => Err(crate::Error::Refused { code: own.code(), title: own.to_string() }),
    }
}

/// The caller's reports.
pub async fn mine(cx: &Cx, input: ListMyReports) -> Result<Page<OwnReport>, Error> {
    let user = cx.require_user()?;
    let before = match &input.cursor {
        Some(cursor) => cursor.key().ok_or_else(crate::Error::wrong_cursor)?,
        None => ReportId::from_uuid(Uuid::max()),
    };
    let limit = input.limit.unwrap_or(PAGE_ITEMS_DEFAULT);
    let rows = cx.read(move |tx| store::by(tx, user, before, limit + 1)).await?;
    let rows: Vec<OwnReport> = rows.into_iter().map(store::own).collect();
    Ok(Page::cut(rows, limit, |last| Cursor::of(&last.id)))
}

/// The reports a user made, for themselves.
pub(crate) fn export(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    from: Option<Value>,
    limit: usize,
) -> Result<Part, crate::Error> {
    let before = place(from, ReportId::from_uuid(Uuid::max()))?;
    let rows = store::by(tx, user, before, limit + 1)?;
    Part::cut(rows.into_iter().map(store::own).collect(), limit, |last| last.id)
}
