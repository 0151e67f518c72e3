//! SQL of moderation: numbers, figures, reports and cases. That of actions and appeals stands in `actions/store.rs` and `appeals/store.rs`.

use std::collections::BTreeMap;

use moothall_protocol::moderation::{
    Case, Credibility, ListCases, Note, OwnReport, PriorityTerm, Report, ReportOutcome,
};
use moothall_protocol::{CaseId, NoteId, ReportId, Timestamp, UserId};
use moothall_store::{Json, OnConstraint as _, Row, as_params, params, statements, values};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Error, priority};
use crate::accounts;
use crate::cx::Tx;
use crate::json::{choice, value, word};

/// The columns of a report, in the order [`report`] reads them.
macro_rules! report_columns {
    () => {
        "id, number, reporter_id, target_id, subject, category, text, is_automatic, evidence, case_id, score, created_at,
         closed_at, outcome, is_quiet"
    };
}

/// The columns of a case, in the order [`case`] reads them.
macro_rules! case_columns {
    () => {
        "c.id, c.number, c.target_id, c.rank, c.terms, c.reports, c.categories, c.opened_at, c.updated_at, c.claimed_by,
         c.claimed_until, c.snoozed_until, c.second_opinion_by, c.closed_at, c.closed_by, c.outcome, c.version"
    };
}

/// The columns of a note, in the order [`note`] reads them.
macro_rules! note_columns {
    () => {
        "id, user_id, case_id, kind, text, is_pinned, author_id, created_at"
    };
}

/// That nobody else wrote an opinion after the question `q`.
macro_rules! unanswered {
    () => {
        "NOT EXISTS (SELECT 1 FROM moderation_notes o WHERE o.case_id = q.case_id AND o.kind = 'opinion'
           AND o.author_id <> q.author_id AND o.created_at >= q.created_at)"
    };
}

/// What of the cases `c` a list shows: see [`ListCases`].
macro_rules! filtered {
    () => {
        " (c.target_id = $4 OR $4 IS NULL) AND (c.claimed_by = $5 OR $5 IS NULL)
          AND ($6 = FALSE OR ((c.claimed_until IS NULL OR c.claimed_until <= $7) AND (c.snoozed_until IS NULL OR c.snoozed_until <= $7)))
          AND ($8 = FALSE OR c.second_opinion_by IS NOT NULL)
          AND (EXISTS (SELECT 1 FROM reports r WHERE r.case_id = c.id AND r.category = $9) OR $9 IS NULL) "
    };
}

/// A page of the open cases that are found so, the most urgent first.
macro_rules! open_cases {
    ($lead:literal) => {
        concat!(
            "SELECT ",
            case_columns!(),
            " FROM moderation_cases c WHERE c.closed_at IS NULL AND (c.rank, c.opened_at, c.id) > ($1, $2, $3)",
            $lead,
            " AND ",
            filtered!(),
            " ORDER BY c.rank, c.opened_at, c.id LIMIT $10"
        )
    };
}

/// A page of the closed cases that are found so, the newest first.
macro_rules! closed_cases {
    ($lead:literal) => {
        concat!(
            "SELECT ",
            case_columns!(),
            " FROM moderation_cases c WHERE c.closed_at IS NOT NULL AND $1 = 0 AND c.opened_at <= $2 AND c.id < $3",
            $lead,
            " AND ",
            filtered!(),
            " ORDER BY c.id DESC LIMIT $10"
        )
    };
}

statements! {
    NUMBER = "INSERT INTO moderation_numbers (kind, last) VALUES ($1, 1)
        ON CONFLICT (kind) DO UPDATE SET last = moderation_numbers.last + 1 RETURNING last";
    COUNT = "INSERT INTO moderation_months (month, name, total) VALUES ($1, $2, $3)
        ON CONFLICT (month, name) DO UPDATE SET total = moderation_months.total + excluded.total";
    MONTHS = "SELECT month, name, total FROM moderation_months WHERE month IN
        (SELECT DISTINCT month FROM moderation_months ORDER BY month DESC LIMIT $1) ORDER BY month DESC, name";

    INSERT_REPORT = "INSERT INTO reports (id, number, reporter_id, target_id, subject, subject_id, category, text, is_automatic,
        evidence, case_id, score, created_at, closed_at, outcome, is_quiet)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, NULL, NULL, FALSE)";
    IS_RAISED = "SELECT 1 FROM reports WHERE target_id = $1 AND reporter_id IS NULL AND category = $2 AND subject_id = $3
        AND created_at >= $4 LIMIT 1";
    CATEGORIES = "SELECT category FROM reports WHERE case_id = $1 GROUP BY category ORDER BY count(*) DESC, category LIMIT 100";
    COUNT_REPORTS = "SELECT count(*), min(created_at) FROM
        (SELECT created_at FROM reports WHERE reporter_id = $1 AND created_at > $2 AND is_automatic = FALSE
         ORDER BY created_at DESC LIMIT $3) AS lately";
    OF_CASE = concat!("SELECT ", report_columns!(), " FROM reports WHERE case_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
    ABOUT = concat!("SELECT ", report_columns!(), " FROM reports WHERE target_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
    BY = concat!("SELECT ", report_columns!(), " FROM reports WHERE reporter_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
    BY_ABOUT_OTHERS = concat!("SELECT ", report_columns!(), " FROM reports
        WHERE reporter_id = $1 AND id < $2 AND NOT target_id {in $4} ORDER BY id DESC LIMIT $3");
    REPORTERS = "SELECT count(DISTINCT reporter_id) FROM reports WHERE case_id = $1";
    CLOSE_REPORT = "UPDATE reports SET closed_at = $2, outcome = $3, is_quiet = $4 WHERE id = $1 AND closed_at IS NULL";
    RECONSIDER_REPORT = "UPDATE reports SET outcome = 'unclear' WHERE id = $1 AND outcome = 'agreed'";
    AGREED_OF_CASE = concat!("SELECT ", report_columns!(), " FROM reports WHERE case_id = $1 AND outcome = 'agreed'
        ORDER BY id LIMIT $2");
    OPEN_BY = concat!("SELECT ", report_columns!(), " FROM reports WHERE reporter_id = $1 AND closed_at IS NULL
        ORDER BY id DESC LIMIT $2");
    SET_SCORE = "UPDATE reports SET score = $2 WHERE id = $1";
    OPEN_OF_CASE = concat!("SELECT ", report_columns!(), " FROM reports WHERE case_id = $1 AND closed_at IS NULL
        ORDER BY id LIMIT $2");

    CREDIT = "SELECT agreed, decided FROM reporter_credit WHERE user_id = $1 AND category = $2";
    CREDITS = "SELECT category, agreed, decided FROM reporter_credit WHERE user_id = $1 ORDER BY category LIMIT 100";
    GIVE_CREDIT = "INSERT INTO reporter_credit (user_id, category, agreed, decided) VALUES ($1, $2, $3, 1)
        ON CONFLICT (user_id, category) DO UPDATE SET agreed = reporter_credit.agreed + excluded.agreed,
            decided = reporter_credit.decided + 1";
    TAKE_CREDIT = "UPDATE reporter_credit SET agreed = agreed - 1, decided = decided - 1
        WHERE user_id = $1 AND category = $2 AND agreed > 0";

    INSERT_CASE = "INSERT INTO moderation_cases (id, number, target_id, rank, terms, reports, categories, opened_at, updated_at,
        claimed_by, claimed_until, snoozed_until, second_opinion_by, closed_at, closed_by, outcome, version)
        VALUES ($1, $2, $3, 0, $4, 0, $4, $5, $5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0)";
    UPDATE_CASE = "UPDATE moderation_cases SET rank = $3, terms = $4, reports = $5, categories = $6, updated_at = $7, claimed_by = $8,
        claimed_until = $9, snoozed_until = $10, second_opinion_by = $11, closed_at = $12, closed_by = $13, outcome = $14,
        version = version + 1 WHERE id = $1 AND version = $2";
    FIND_CASE = concat!("SELECT ", case_columns!(), " FROM moderation_cases c WHERE c.id = $1");
    OPEN_CASE = concat!("SELECT ", case_columns!(), " FROM moderation_cases c WHERE c.target_id = $1 AND c.closed_at IS NULL");
    LIST_OPEN = open_cases!("");
    LIST_OPEN_OF_TARGET = open_cases!(" AND c.target_id = $4");
    LIST_OPEN_CLAIMED = open_cases!(" AND c.claimed_by = $5");
    LIST_CLOSED = closed_cases!("");
    LIST_CLOSED_OF_TARGET = closed_cases!(" AND c.target_id = $4");
    NEXT_CASE = concat!("SELECT ", case_columns!(), " FROM moderation_cases c
        WHERE c.closed_at IS NULL AND (c.claimed_until IS NULL OR c.claimed_until <= $2)
          AND (c.snoozed_until IS NULL OR c.snoozed_until <= $2) AND NOT c.target_id {in $3}
          AND NOT EXISTS (SELECT 1 FROM moderation_notes q WHERE q.case_id = c.id AND q.kind = 'question' AND q.author_id = $1 AND ",
            unanswered!(), ")
        ORDER BY c.rank, c.opened_at, c.id LIMIT 1");
    OLD_CASES = concat!("SELECT ", case_columns!(), " FROM moderation_cases c
        WHERE c.closed_at IS NULL AND c.updated_at <= $1 AND (c.snoozed_until IS NULL OR c.snoozed_until <= $1)
          AND (c.claimed_until IS NULL OR c.claimed_until <= $2) ORDER BY c.updated_at LIMIT 10");

    INSERT_NOTE = concat!("INSERT INTO moderation_notes (", note_columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)");
    AWAITING = concat!("SELECT q.author_id FROM moderation_notes q
        WHERE q.case_id = $1 AND q.kind = 'question' AND q.author_id IS NOT NULL AND ", unanswered!(), "
        ORDER BY q.created_at DESC, q.id DESC LIMIT 100");
    COUNT_NOTES = "SELECT count(*) FROM moderation_notes WHERE user_id = $1 AND kind NOT IN ('decision', 'question')";
    NOTES = concat!("SELECT ", note_columns!(), " FROM moderation_notes WHERE user_id = $1
        ORDER BY is_pinned DESC, id DESC LIMIT $2");
    NOTES_BEFORE = concat!("SELECT ", note_columns!(), " FROM moderation_notes WHERE user_id = $1 AND id < $2
        ORDER BY id DESC LIMIT $3");
    PIN_NOTE = concat!("UPDATE moderation_notes SET is_pinned = $2 WHERE id = $1 RETURNING ", note_columns!());
}

/// The next number of something.
pub(super) fn number(tx: &mut Tx<'_, '_>, kind: &str) -> Result<i64, crate::Error> {
    Ok(tx.query_one(NUMBER, params![kind])?.get(0)?)
}

/// Counts something in the month that it is.
pub(super) fn count(tx: &mut Tx<'_, '_>, name: &str, by: i64) -> Result<(), crate::Error> {
    let now = tx.now().to_string();
    let month = now.get(..7).unwrap_or_default();
    tx.execute(COUNT, params![month, name, by])?;
    Ok(())
}

/// What was counted in the latest months.
pub(super) fn months(
    tx: &mut Tx<'_, '_>,
    months: u32,
) -> Result<BTreeMap<String, BTreeMap<String, i64>>, crate::Error> {
    let mut all: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
    for row in tx.query(MONTHS, params![months])? {
        all.entry(row.get(0)?).or_default().insert(row.get(1)?, row.get(2)?);
    }
    Ok(all)
}

fn report(row: &Row) -> Result<Report, crate::Error> {
    let Json(evidence): Json<Map<String, Value>> = row.get(8)?;
    let Json(score): Json<Vec<PriorityTerm>> = row.get(10)?;
    Ok(Report {
        id: row.get(0)?,
        number: row.get(1)?,
        reporter_id: row.get(2)?,
        target_id: row.get(3)?,
        subject: choice(row.get(4)?)?,
        category: row.get(5)?,
        text: row.get(6)?,
        is_automatic: row.get(7)?,
        evidence,
        case_id: row.get(9)?,
        score,
        created_at: row.get(11)?,
        closed_at: row.get(12)?,
        outcome: row.get::<Option<String>>(13)?.map(choice).transpose()?,
        is_quiet: row.get(14)?,
    })
}

/// A report as its reporter sees it.
pub(super) fn own(report: Report) -> OwnReport {
    let told = |outcome| if report.is_quiet { ReportOutcome::Unclear } else { outcome };
    OwnReport {
        id: report.id,
        number: report.number,
        subject: report.subject,
        target_id: report.target_id,
        category: report.category,
        text: report.text,
        created_at: report.created_at,
        closed_at: report.closed_at,
        outcome: report.outcome.map(told),
    }
}

pub(super) fn insert_report(tx: &mut Tx<'_, '_>, report: &Report, subject_id: &str) -> Result<(), Error> {
    tx.execute(
        INSERT_REPORT,
        params![
            report.id,
            report.number,
            report.reporter_id,
            report.target_id,
            word(&report.subject)?,
            subject_id,
            report.category,
            report.text,
            report.is_automatic,
            value(&report.evidence)?,
            report.case_id,
            value(&report.score)?,
            report.created_at
        ],
    )
    .on_constraint("reports_once", Error::AlreadyReported)?;
    Ok(())
}

/// What the reports of a case are about, the most frequent first.
pub(super) fn categories(tx: &mut Tx<'_, '_>, case: CaseId) -> Result<Vec<String>, crate::Error> {
    tx.query(CATEGORIES, params![case])?.iter().map(|row| Ok(row.get(0)?)).collect()
}

/// Whether the server itself has reported a user for this since then.
pub(super) fn is_raised(
    tx: &mut Tx<'_, '_>,
    target: UserId,
    category: &str,
    about: UserId,
    since: Timestamp,
) -> Result<bool, crate::Error> {
    Ok(tx.query_opt(IS_RAISED, params![target, category, about.to_string(), since])?.is_some())
}

/// How many reports a user made since then, as far as it matters, and when the first of them was.
pub(super) fn count_reports(
    tx: &mut Tx<'_, '_>,
    reporter: UserId,
    since: Timestamp,
    limit: u32,
) -> Result<(u32, Option<Timestamp>), crate::Error> {
    let row = tx.query_one(COUNT_REPORTS, params![reporter, since, limit])?;
    Ok((row.get(0)?, row.get(1)?))
}

/// Where a list of reports begins.
pub(super) const NEWEST: ReportId = ReportId::from_uuid(Uuid::max());

pub(super) fn of_case(
    tx: &mut Tx<'_, '_>,
    case: CaseId,
    before: ReportId,
    limit: usize,
) -> Result<Vec<Report>, crate::Error> {
    tx.query(OF_CASE, params![case, before, limit])?.iter().map(report).collect()
}

pub(super) fn about(
    tx: &mut Tx<'_, '_>,
    target: UserId,
    before: ReportId,
    limit: usize,
) -> Result<Vec<Report>, crate::Error> {
    tx.query(ABOUT, params![target, before, limit])?.iter().map(report).collect()
}

pub(super) fn by(
    tx: &mut Tx<'_, '_>,
    reporter: UserId,
    before: ReportId,
    limit: usize,
) -> Result<Vec<Report>, crate::Error> {
    tx.query(BY, params![reporter, before, limit])?.iter().map(report).collect()
}

/// The reports by a user, as the caller may see them: without those about themselves.
pub(super) fn by_seen(
    tx: &mut Tx<'_, '_>,
    reporter: UserId,
    before: ReportId,
    limit: usize,
) -> Result<Vec<Report>, crate::Error> {
    let mine = accounts::oneself(tx)?;
    if mine.is_empty() {
        return by(tx, reporter, before, limit);
    }
    tx.query(BY_ABOUT_OTHERS, params![reporter, before, limit, mine])?.iter().map(report).collect()
}

/// How many different people reported in a case.
pub(super) fn reporters(tx: &mut Tx<'_, '_>, case: CaseId) -> Result<usize, crate::Error> {
    Ok(tx.query_one(REPORTERS, params![case])?.get(0)?)
}

/// Some reports of a case that wait for an outcome.
pub(super) fn open_of_case(
    tx: &mut Tx<'_, '_>,
    case: CaseId,
    limit: usize,
) -> Result<Vec<Report>, crate::Error> {
    tx.query(OPEN_OF_CASE, params![case, limit])?.iter().map(report).collect()
}

pub(super) fn close_report(
    tx: &mut Tx<'_, '_>,
    id: ReportId,
    outcome: ReportOutcome,
    is_quiet: bool,
) -> Result<(), crate::Error> {
    let now = tx.now();
    tx.execute(CLOSE_REPORT, params![id, now, word(&outcome)?, is_quiet])?;
    Ok(())
}

/// What was agreed with is so no more.
pub(super) fn reconsider_report(tx: &mut Tx<'_, '_>, id: ReportId) -> Result<(), crate::Error> {
    tx.execute(RECONSIDER_REPORT, params![id])?;
    Ok(())
}

/// Some reports of a case that were agreed with.
pub(super) fn agreed_of_case(
    tx: &mut Tx<'_, '_>,
    case: CaseId,
    limit: usize,
) -> Result<Vec<Report>, crate::Error> {
    tx.query(AGREED_OF_CASE, params![case, limit])?.iter().map(report).collect()
}

/// The newest reports of a user that nobody has decided.
pub(super) fn open_by(
    tx: &mut Tx<'_, '_>,
    reporter: UserId,
    limit: usize,
) -> Result<Vec<Report>, crate::Error> {
    tx.query(OPEN_BY, params![reporter, limit])?.iter().map(report).collect()
}

pub(super) fn set_score(
    tx: &mut Tx<'_, '_>,
    id: ReportId,
    score: &[PriorityTerm],
) -> Result<(), crate::Error> {
    tx.execute(SET_SCORE, params![id, value(&score)?])?;
    Ok(())
}

/// A report that had counted as right counts no more.
pub(super) fn take_credit(tx: &mut Tx<'_, '_>, user: UserId, category: &str) -> Result<(), crate::Error> {
    tx.execute(TAKE_CREDIT, params![user, category])?;
    Ok(())
}

/// How often a user's reports of a category were right, of how many.
pub(super) fn credit(tx: &mut Tx<'_, '_>, user: UserId, category: &str) -> Result<(u32, u32), crate::Error> {
    match tx.query_opt(CREDIT, params![user, category])? {
        Some(row) => Ok((row.get(0)?, row.get(1)?)),
        None => Ok((0, 0)),
    }
}

pub(super) fn credits(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Vec<Credibility>, crate::Error> {
    let rows = tx.query(CREDITS, params![user])?;
    let credit = |row: &Row| {
        let (agreed, decided) = (row.get(1)?, row.get(2)?);
        let accuracy = priority::accuracy(agreed, decided);
        Ok(Credibility { category: row.get(0)?, agreed, decided, accuracy })
    };
    rows.iter().map(credit).collect()
}

pub(super) fn give_credit(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    category: &str,
    is_agreed: bool,
) -> Result<(), crate::Error> {
    tx.execute(GIVE_CREDIT, params![user, category, i64::from(is_agreed)])?;
    Ok(())
}

fn case(row: &Row) -> Result<Case, crate::Error> {
    let rank: i64 = row.get(3)?;
    let Json(terms): Json<Vec<PriorityTerm>> = row.get(4)?;
    let Json(categories): Json<Vec<String>> = row.get(6)?;
    Ok(Case {
        id: row.get(0)?,
        number: row.get(1)?,
        target_id: row.get(2)?,
        priority: u32::try_from(100 - rank).unwrap_or_default(),
        terms,
        reports: row.get(5)?,
        categories,
        opened_at: row.get(7)?,
        updated_at: row.get(8)?,
        claimed_by: row.get(9)?,
        claimed_until: row.get(10)?,
        snoozed_until: row.get(11)?,
        second_opinion_by: row.get(12)?,
        closed_at: row.get(13)?,
        closed_by: row.get(14)?,
        outcome: row.get::<Option<String>>(15)?.map(choice).transpose()?,
        version: row.get(16)?,
    })
}

/// Makes the open case of a user who has none; its first report is added to it then.
pub(super) fn insert_case(tx: &mut Tx<'_, '_>, target: UserId) -> Result<Case, Error> {
    let (id, now, number): (CaseId, _, _) = (tx.cx().new_id(), tx.now(), number(tx, "case")?);
    let nothing: [(); 0] = [];
    tx.execute(INSERT_CASE, params![id, number, target, value(&nothing)?, now])
        // Somebody else opened it in this moment: the next try finds it.
        .on_constraint("moderation_cases_open", Error::Common(crate::Error::Unavailable))?;
    Ok(find_case(tx, id)?.ok_or(crate::Error::NotFound)?)
}

/// Writes a case as it is now, unless somebody else changed it meanwhile.
pub(super) fn update_case(tx: &mut Tx<'_, '_>, case: &mut Case) -> Result<(), crate::Error> {
    case.updated_at = tx.now();
    let count = tx.execute(
        UPDATE_CASE,
        params![
            case.id,
            case.version,
            100 - i64::from(case.priority),
            value(&case.terms)?,
            case.reports,
            value(&case.categories)?,
            case.updated_at,
            case.claimed_by,
            case.claimed_until,
            case.snoozed_until,
            case.second_opinion_by,
            case.closed_at,
            case.closed_by,
            case.outcome.as_ref().map(word).transpose()?
        ],
    )?;
    if count == 0 {
        return Err(crate::Error::Unavailable);
    }
    case.version += 1;
    Ok(())
}

pub(super) fn find_case(tx: &mut Tx<'_, '_>, id: CaseId) -> Result<Option<Case>, crate::Error> {
    tx.query_opt(FIND_CASE, params![id])?.as_ref().map(case).transpose()
}

pub(super) fn open_case(tx: &mut Tx<'_, '_>, target: UserId) -> Result<Option<Case>, crate::Error> {
    tx.query_opt(OPEN_CASE, params![target])?.as_ref().map(case).transpose()
}

/// The statement that looks at the fewest cases.
fn statement(input: &ListCases) -> &'static str {
    match (input.is_closed.unwrap_or_default(), input.target_id.is_some()) {
        (true, true) => LIST_CLOSED_OF_TARGET,
        (true, false) => LIST_CLOSED,
        (false, true) => LIST_OPEN_OF_TARGET,
        (false, false) if input.claimed_by.is_some() => LIST_OPEN_CLAIMED,
        (false, false) => LIST_OPEN,
    }
}

/// What the statements are asked with.
fn values(
    input: &ListCases,
    (rank, at, id): (i64, Timestamp, CaseId),
    now: Timestamp,
    limit: usize,
) -> Result<Vec<moothall_store::Value>, crate::Error> {
    let (is_free, wants_second) =
        (input.is_free.unwrap_or_default(), input.wants_second_opinion.unwrap_or_default());
    Ok(values![
        rank,
        at,
        id,
        input.target_id,
        input.claimed_by,
        is_free,
        now,
        wants_second,
        input.category,
        limit
    ]?)
}

/// Cases of a list, after this place: rank, time and id for open ones, the id alone for closed ones.
pub(super) fn list_cases(
    tx: &mut Tx<'_, '_>,
    input: &ListCases,
    after: (i64, Timestamp, CaseId),
    limit: usize,
) -> Result<Vec<Case>, crate::Error> {
    if input.is_closed.unwrap_or_default() && input.claimed_by.is_some() {
        // A case that is closed is nobody's: all of them would be looked at for nothing.
        return Ok(Vec::new());
    }
    let values = values(input, after, tx.now(), limit)?;
    tx.query(statement(input), &as_params(&values))?.iter().map(case).collect()
}

/// How the engine goes about it.
#[cfg(test)]
pub(super) fn plan(tx: &mut Tx<'_, '_>, input: &ListCases) -> Result<String, crate::Error> {
    let first = (0, tx.now(), CaseId::from_uuid(Uuid::max()));
    let values = values(input, first, tx.now(), 1)?;
    crate::testing::plan(tx, statement(input), &as_params(&values))
}

/// The most urgent case that this moderator may take.
pub(super) fn next_case(tx: &mut Tx<'_, '_>, moderator: UserId) -> Result<Option<Case>, crate::Error> {
    let (now, mine) = (tx.now(), accounts::of_same_person(tx, moderator)?);
    tx.query_opt(NEXT_CASE, params![moderator, now, mine])?.as_ref().map(case).transpose()
}

/// Some open cases that nobody touched since then, that were not put off until after that, and on which nobody works.
pub(super) fn old_cases(tx: &mut Tx<'_, '_>, since: Timestamp) -> Result<Vec<Case>, crate::Error> {
    let now = tx.now();
    tx.query(OLD_CASES, params![since, now])?.iter().map(case).collect()
}

fn note(row: &Row) -> Result<Note, crate::Error> {
    Ok(Note {
        id: row.get(0)?,
        user_id: row.get(1)?,
        case_id: row.get(2)?,
        kind: choice(row.get(3)?)?,
        text: row.get(4)?,
        is_pinned: row.get(5)?,
        author_id: row.get(6)?,
        created_at: row.get(7)?,
    })
}

pub(super) fn insert_note(tx: &mut Tx<'_, '_>, note: &Note) -> Result<(), crate::Error> {
    tx.execute(
        INSERT_NOTE,
        params![
            note.id,
            note.user_id,
            note.case_id,
            word(&note.kind)?,
            note.text,
            note.is_pinned,
            note.author_id,
            note.created_at
        ],
    )?;
    Ok(())
}

/// Who asked for a second opinion on a case since nobody else gave one, whoever asked last first.
pub(super) fn awaiting(tx: &mut Tx<'_, '_>, case: CaseId) -> Result<Vec<UserId>, crate::Error> {
    tx.query(AWAITING, params![case])?.iter().map(|row| Ok(row.get(0)?)).collect()
}

/// How many notes on a user moderators wrote by themselves: what is written down of cases comes on top.
pub(super) fn count_notes(tx: &mut Tx<'_, '_>, user: UserId) -> Result<usize, crate::Error> {
    Ok(tx.query_one(COUNT_NOTES, params![user])?.get(0)?)
}

pub(super) fn notes(tx: &mut Tx<'_, '_>, user: UserId, limit: usize) -> Result<Vec<Note>, crate::Error> {
    tx.query(NOTES, params![user, limit])?.iter().map(note).collect()
}

pub(super) fn notes_before(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    before: NoteId,
    limit: usize,
) -> Result<Vec<Note>, crate::Error> {
    tx.query(NOTES_BEFORE, params![user, before, limit])?.iter().map(note).collect()
}

pub(super) fn pin_note(
    tx: &mut Tx<'_, '_>,
    id: NoteId,
    is_pinned: bool,
) -> Result<Option<Note>, crate::Error> {
    tx.query_opt(PIN_NOTE, params![id, is_pinned])?.as_ref().map(note).transpose()
}
