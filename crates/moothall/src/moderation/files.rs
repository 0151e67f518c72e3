//! Everything about a user in one answer.

use moothall_protocol::accounts::{GetUser, ListNames};
use moothall_protocol::limits::{CASE_ITEMS_MAX, PAGE_ITEMS_DEFAULT};
use moothall_protocol::matches::ListMatches;
use moothall_protocol::moderation::{CaseFile, ListReports, ReadCase, ReadFile, Report, UserFile};
use moothall_protocol::{ActionId, CaseId, Cursor, Page, UserId};
use uuid::Uuid;

use super::{CASES, Error, actions, alternates, evidence, store};
use crate::cx::{Cx, Tx};
use crate::{accounts, audit, matches, restrictions};

/// Looks at a case and all that is known of its target.
pub async fn read_case(cx: &Cx, input: ReadCase) -> Result<CaseFile, Error> {
    cx.require(CASES)?;
    let find = input.case_id;
    let case = cx.read(move |tx| store::find_case(tx, find)).await?.ok_or(crate::Error::NotFound)?;
    let reason = said(input.reason);
    let file = look(cx, case.target_id, reason.is_some()).await?;
    cx.mutate(move |tx| {
        let mut reports = store::of_case(tx, input.case_id, store::NEWEST, CASE_ITEMS_MAX)?;
        withhold(&mut reports, reason.is_some());
        let entry = looked("moderation.read_case", case.target_id, reason.as_deref());
        audit::record(tx, entry.after(&case.id))?;
        Ok(CaseFile { case: case.clone(), reports, file: file.clone() })
    })
    .await
}

/// Looks at all that moderation knows of a user.
pub async fn read_file(cx: &Cx, input: ReadFile) -> Result<UserFile, Error> {
    cx.require(CASES)?;
    let reason = said(input.reason);
    let file = look(cx, input.user_id, reason.is_some()).await?;
    cx.mutate(move |tx| {
        audit::record(tx, looked("moderation.read_file", input.user_id, reason.as_deref()))?;
        Ok(file.clone())
    })
    .await
}

/// A reason, if one is said.
fn said(reason: Option<String>) -> Option<String> {
    reason.filter(|reason| !reason.trim().is_empty())
}

fn looked(action: &'static str, user: UserId, reason: Option<&str>) -> audit::Entry {
    let entry = audit::Entry::new(action).user(user);
    match reason {
        Some(reason) => entry.reason(reason),
        None => entry,
    }
}

/// What was said in private is read by whoever says why.
fn withhold(reports: &mut [Report], says_why: bool) {
    if !says_why {
        reports.iter_mut().for_each(evidence::withhold);
    }
}

/// Moderators do not learn who reported them, and what others note of them.
pub(super) fn refuse_oneself(tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), Error> {
    if accounts::is_oneself(tx, user)? { Err(Error::Yourself) } else { Ok(()) }
}

/// Which reports are listed.
#[derive(Clone, Copy, Debug)]
enum Listed {
    OfCase(CaseId),
    About(UserId),
    By(UserId),
}

/// Lists reports of a case, about a user, or by one. The look is audited.
pub async fn list_reports(cx: &Cx, input: ListReports) -> Result<Page<Report>, Error> {
    cx.require(CASES)?;
    let of = match (input.case_id, input.target_id, input.reporter_id) {
        (Some(case), None, None) => Listed::OfCase(case),
        (None, Some(target), None) => Listed::About(target),
        (None, None, Some(reporter)) => Listed::By(reporter),
        _ => {
            let message = "give one of case_id, target_id and reporter_id";
            return Err(crate::Error::field("", "invalid", message).into());
        }
    };
    let before = match &input.cursor {
        Some(cursor) => cursor.key().ok_or_else(crate::Error::wrong_cursor)?,
        None => store::NEWEST,
    };
    let limit = input.limit.unwrap_or(PAGE_ITEMS_DEFAULT);
    let reason = said(input.reason);
    cx.write(move |tx| {
        let (user, mut rows) = match of {
            Listed::OfCase(id) => {
                let target = store::find_case(tx, id)?.ok_or(crate::Error::NotFound)?.target_id;
                refuse_oneself(tx, target)?;
                (target, store::of_case(tx, id, before, limit + 1)?)
            }
            Listed::About(target) => {
                refuse_oneself(tx, target)?;
                (target, store::about(tx, target, before, limit + 1)?)
            }
            Listed::By(reporter) => (reporter, store::by_seen(tx, reporter, before, limit + 1)?),
        };
        withhold(&mut rows, reason.is_some());
        let entry = looked("moderation.list_reports", user, reason.as_deref());
        audit::record(tx, entry.after(&input.case_id))?;
        Ok(Page::cut(rows, limit, |last| Cursor::of(&last.id)))
    })
    .await
}

/// Whoever works on cases reads this, whatever else they may; but for the record of the account, with its address.
async fn look(cx: &Cx, user_id: UserId, says_why: bool) -> Result<UserFile, Error> {
    cx.read(move |tx| refuse_oneself(tx, user_id)).await?;
    let server = Cx::server(cx.hall());
    let mut user =
        accounts::get_user(&server, GetUser { user_id }).await.map_err(accounts::Error::into_common)?;
    if !cx.can(accounts::READ) {
        user.record = None;
    }
    let names = ListNames { user_id, cursor: None, limit: Some(CASE_ITEMS_MAX as u32) };
    let names = accounts::list_names(&server, names).await.map_err(accounts::Error::into_common)?.items;
    let played = ListMatches { user_id: Some(user_id), limit: Some(10), ..ListMatches::default() };
    let matches = matches::list(&server, played).await.map_err(matches::Error::into_common)?.items;
    cx.read(move |tx| {
        let last_action = ActionId::from_uuid(Uuid::max());
        let mut reports_about = store::about(tx, user_id, store::NEWEST, CASE_ITEMS_MAX)?;
        let mut reports_by = store::by_seen(tx, user_id, store::NEWEST, CASE_ITEMS_MAX)?;
        withhold(&mut reports_about, says_why);
        withhold(&mut reports_by, says_why);
        let actions = actions::of_user(tx, user_id, last_action, CASE_ITEMS_MAX)?;
        Ok(UserFile {
            user: user.clone(),
            marks: actions::marks(tx, user_id)?,
            restrictions: restrictions::history(tx, user_id, CASE_ITEMS_MAX)?,
            actions: actions.into_iter().map(actions::shown).collect(),
            reports_about,
            reports_by,
            credibility: store::credits(tx, user_id)?,
            notes: store::notes(tx, user_id, CASE_ITEMS_MAX)?,
            names: names.clone(),
            matches: matches.clone(),
            alternates: alternates::of(tx, user_id)?,
        })
    })
    .await
}
