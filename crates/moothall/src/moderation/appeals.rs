//! Appeals: what users have to say against what was done about them. Another moderator decides than who did it, and what they decide
//! is done.

mod store;

use moothall_protocol::limits::{APPEAL_MESSAGES_MAX, APPEALS_OF_ACTION_MAX, PAGE_ITEMS_DEFAULT};
use moothall_protocol::moderation::{
    Action, Appeal, AppealOutcome, DecideAppeal, FileAppeal, GetAppeal, ListAppeals, ListMyAppeals,
    ModerationDeed, WriteAppeal,
};
use moothall_protocol::{ActionId, AppealId, Cursor, Page, UserId};
use serde_json::{Value, json};
use uuid::Uuid;

pub(super) use store::STATEMENTS;

use super::effects::Sooner;
use super::files::refuse_oneself;
use super::notify::{ActionAppealed, AppealAnswered, AppealDecided, Ids, happened, tell, tell_newest};
use super::{APPEALS, Error, actions, effects, store as shared};
use crate::cx::{Cx, Tx};
use crate::export::{Part, place};
use crate::{accounts, audit, restrictions};

/// An appeal as it is stored.
#[derive(Clone, Debug)]
struct Stored {
    appeal: Appeal,
    action: Action,
}

/// Whether an action may be appealed against now: no appeal is open, and there were not too many.
pub(super) fn is_possible(tx: &mut Tx<'_, '_>, action: ActionId) -> Result<bool, crate::Error> {
    let (all, open) = store::count(tx, action)?;
    Ok(open == 0 && all < APPEALS_OF_ACTION_MAX)
}

/// Appeals against an action about the caller.
pub async fn file(cx: &Cx, input: FileAppeal) -> Result<Appeal, Error> {
    let user = cx.require_user()?;
    cx.mutate(move |tx| {
        let action = actions::find(tx, input.action_id)?;
        let action = action.filter(|action| action.user_id == user).ok_or(crate::Error::NotFound)?;
        // Whoever asks for what they cannot know of is told that it is not there.
        if actions::is_quiet(tx, action.id)? {
            return Err(crate::Error::NotFound.into());
        }
        if action.reverted_at.is_some() {
            return Err(Error::Reverted);
        }
        let (all, open) = store::count(tx, action.id)?;
        if open > 0 {
            return Err(Error::AppealOpen);
        }
        if all >= APPEALS_OF_ACTION_MAX {
            return Err(Error::TooManyAppeals);
        }
        let id = tx.cx().new_id();
        store::insert(tx, id, user, &action)?;
        store::insert_message(tx, id, 0, false, &input.text)?;
        restrictions::appealed(tx, action.id, id, user)?;
        shared::count(tx, "appeals", 1)?;
        let ids = Ids { case: action.case_id, action: Some(action.id), appeal: Some(id) };
        happened(tx, ModerationDeed::Appealed, user, ids)?;
        shown(tx, id)
    })
    .await
}

/// An appeal that the caller may see: their own, or any if they decide appeals; staff sees who did what.
fn shown(tx: &mut Tx<'_, '_>, id: AppealId) -> Result<Appeal, Error> {
    let Stored { appeal, .. } = find(tx, id)?;
    let messages = store::messages(tx, id, 2 * APPEAL_MESSAGES_MAX)?;
    Ok(seen(tx, Appeal { messages, ..appeal }))
}

/// What the caller may see of it.
fn seen(tx: &Tx<'_, '_>, appeal: Appeal) -> Appeal {
    let cx = tx.cx();
    let is_own = cx.user() == Some(appeal.user_id);
    if !cx.can(APPEALS) || is_own { without_names(appeal) } else { appeal }
}

/// Who decides stays unknown to whose appeal it is.
fn without_names(mut appeal: Appeal) -> Appeal {
    (appeal.actor_id, appeal.decided_by) = (None, None);
    for message in appeal.messages.iter_mut().filter(|message| message.is_staff) {
        message.author_id = None;
    }
    appeal
}

/// An appeal that the caller may know of.
fn find(tx: &mut Tx<'_, '_>, id: AppealId) -> Result<Stored, Error> {
    let found = store::find(tx, id)?.ok_or(crate::Error::NotFound)?;
    let cx = tx.cx();
    if cx.user() != Some(found.user) && !cx.can(APPEALS) {
        return Err(crate::Error::NotFound.into());
    }
    let action = actions::find(tx, found.action)?.ok_or(crate::Error::NotFound)?;
    Ok(Stored { appeal: found.appeal(actions::own(tx, action.clone())?), action })
}

/// Reads an appeal.
pub async fn get(cx: &Cx, input: GetAppeal) -> Result<Appeal, Error> {
    cx.require_user()?;
    cx.read(move |tx| shown(tx, input.appeal_id)).await
}

/// Writes in an appeal.
pub async fn write(cx: &Cx, input: WriteAppeal) -> Result<Appeal, Error> {
    let me = cx.require_user()?;
    cx.mutate(move |tx| {
        let Stored { appeal, action } = find(tx, input.appeal_id)?;
        if appeal.decided_at.is_some() {
            return Err(Error::AppealDecided);
        }
        let is_staff = me != appeal.user_id;
        let (position, own) = store::count_messages(tx, appeal.id, is_staff)?;
        if own >= APPEAL_MESSAGES_MAX {
            return Err(Error::TooManyMessages);
        }
        if let Some(author) = action.author_id.filter(|_| is_staff)
            && accounts::is_oneself(tx, author)?
        {
            return Err(Error::OwnAction);
        }
        store::insert_message(tx, appeal.id, position, is_staff, &input.text)?;
        if is_staff {
            let wrote = json!({ "appeal_id": appeal.id, "action_id": action.id });
            audit::record(
                tx,
                audit::Entry::new("moderation.write_appeal").user(appeal.user_id).after(&wrote),
            )?;
            let told = AppealAnswered { appeal_id: appeal.id, action_id: action.id };
            tell_newest(tx, appeal.user_id, told, appeal.id)?;
        }
        let ids = Ids { case: action.case_id, action: Some(action.id), appeal: Some(appeal.id) };
        happened(tx, ModerationDeed::AppealWritten, appeal.user_id, ids)?;
        shown(tx, appeal.id)
    })
    .await
}

/// The caller's appeals.
pub async fn mine(cx: &Cx, input: ListMyAppeals) -> Result<Page<Appeal>, Error> {
    let user = cx.require_user()?;
    let before = match &input.cursor {
        Some(cursor) => cursor.key().ok_or_else(crate::Error::wrong_cursor)?,
        None => AppealId::from_uuid(Uuid::max()),
    };
    let limit = input.limit.unwrap_or(PAGE_ITEMS_DEFAULT);
    cx.read(move |tx| {
        let rows = store::of_user(tx, user, before, limit + 1)?;
        page(tx, rows, limit)
    })
    .await
}

fn page(tx: &mut Tx<'_, '_>, rows: Vec<store::Found>, limit: usize) -> Result<Page<Appeal>, Error> {
    let page = Page::cut(rows, limit, |last| Cursor::of(&last.id));
    let mut items = Vec::with_capacity(page.items.len());
    for found in page.items {
        let action = actions::find(tx, found.action)?.ok_or(crate::Error::NotFound)?;
        let appeal = found.appeal(actions::own(tx, action)?);
        items.push(seen(tx, appeal));
    }
    Ok(Page { items, next: page.next })
}

/// Lists appeals for whoever decides them.
pub async fn list(cx: &Cx, input: ListAppeals) -> Result<Page<Appeal>, Error> {
    cx.require(APPEALS)?;
    let is_decided = input.is_decided.unwrap_or_default();
    let from = match &input.cursor {
        Some(cursor) => cursor.key().ok_or_else(crate::Error::wrong_cursor)?,
        None if is_decided => AppealId::from_uuid(Uuid::max()),
        None => AppealId::from_uuid(Uuid::nil()),
    };
    let limit = input.limit.unwrap_or(PAGE_ITEMS_DEFAULT);
    let not_by = cx.user().filter(|_| input.is_mine_to_decide.unwrap_or_default());
    cx.read(move |tx| {
        let rows = store::list(tx, is_decided, from, not_by, limit + 1)?;
        page(tx, rows, limit)
    })
    .await
}

/// Decides an appeal, and does what follows from it.
pub async fn decide(cx: &Cx, input: DecideAppeal) -> Result<Appeal, Error> {
    cx.require(APPEALS)?;
    let ends = usize::from(input.ends_at.is_some()) + usize::from(input.after_matches.is_some());
    if ends != usize::from(input.outcome == AppealOutcome::Reduce) {
        let message = "give this or `after_matches` with `reduce`, and only then";
        return Err(crate::Error::field("/ends_at", "invalid", message).into());
    }
    if input.ends_at.is_some_and(|ends_at| ends_at <= cx.now()) {
        let message = "that is over already: overturn it instead";
        return Err(crate::Error::field("/ends_at", "invalid", message).into());
    }
    let overturned = (input.outcome == AppealOutcome::Overturn).then_some(input.appeal_id);
    let appeal = cx.mutate(move |tx| settle(tx, &input)).await?;
    if overturned.is_some()
        && let Some(action) = cx.read(move |tx| actions::find(tx, appeal.action.id)).await?
    {
        effects::follow(cx, &action).await;
    }
    Ok(appeal)
}

/// An open appeal that the caller may decide.
fn require_decidable(tx: &mut Tx<'_, '_>, id: AppealId) -> Result<Stored, Error> {
    let found = find(tx, id)?;
    refuse_oneself(tx, found.appeal.user_id)?;
    if let Some(author) = found.action.author_id
        && accounts::is_oneself(tx, author)?
    {
        return Err(Error::OwnAction);
    }
    if found.appeal.decided_at.is_some() {
        return Err(Error::AppealDecided);
    }
    actions::require_reversible(tx, found.action.user_id)?;
    Ok(found)
}

fn settle(tx: &mut Tx<'_, '_>, input: &DecideAppeal) -> Result<Appeal, Error> {
    let Stored { appeal, action } = require_decidable(tx, input.appeal_id)?;
    let &DecideAppeal { outcome, ends_at, after_matches, .. } = input;
    let mut changed = None;
    match outcome {
        AppealOutcome::Overturn => drop(actions::take_back(tx, action.id, &input.decision, false)?),
        AppealOutcome::Reduce => {
            changed = effects::shorten(tx, &action, Sooner { ends_at, after_matches })?;
            if changed.is_none() {
                return Err(Error::NothingToReduce);
            }
        }
        AppealOutcome::Uphold => {}
    }
    close(tx, &appeal, &action, outcome, &input.decision, changed)?;
    shown(tx, appeal.id)
}

/// The action of an open appeal is taken back without it: that is what was asked for. Returns whether there was one.
pub(super) fn overturn(tx: &mut Tx<'_, '_>, action: &Action) -> Result<bool, Error> {
    let Some(found) = store::open(tx, action.id)? else { return Ok(false) };
    let appeal = found.appeal(actions::own(tx, action.clone())?);
    // Why it was taken back is said to staff, and not to the user.
    close(tx, &appeal, action, AppealOutcome::Overturn, "A moderator took it back.", None)?;
    Ok(true)
}

fn close(
    tx: &mut Tx<'_, '_>,
    appeal: &Appeal,
    action: &Action,
    outcome: AppealOutcome,
    decision: &str,
    changed: Option<[Value; 2]>,
) -> Result<(), Error> {
    store::decide(tx, appeal.id, outcome, decision)?;
    let word = crate::json::word(&outcome)?;
    shared::count(tx, &format!("appeals.{word}"), 1)?;
    let seconds = i64::try_from(tx.now().since(appeal.created_at).as_secs()).unwrap_or(i64::MAX);
    shared::count(tx, "appeal_seconds", seconds)?;
    let entry = audit::Entry::new("moderation.decide_appeal").user(appeal.user_id);
    let entry = entry.reason(decision);
    let (appeal_id, action_id) = (appeal.id, action.id);
    let entry = match changed {
        None => entry.after(&json!({ "appeal_id": appeal_id, "action_id": action_id, "outcome": word })),
        Some([before, after]) => entry.change(
            &json!({ "restriction": before }),
            &json!({ "appeal_id": appeal_id, "action_id": action_id, "outcome": word, "restriction": after }),
        ),
    };
    audit::record(tx, entry)?;
    tell_both(tx, appeal, action, outcome, decision)?;
    let ids = Ids { case: action.case_id, action: Some(action.id), appeal: Some(appeal.id) };
    happened(tx, ModerationDeed::AppealDecided, appeal.user_id, ids)?;
    Ok(())
}

/// Tells who appealed and who did what it was against.
fn tell_both(
    tx: &mut Tx<'_, '_>,
    appeal: &Appeal,
    action: &Action,
    outcome: AppealOutcome,
    decision: &str,
) -> Result<(), Error> {
    let (appeal_id, action_id, number) = (appeal.id, action.id, action.number);
    let decision = decision.to_owned();
    let told = AppealDecided { appeal_id, action_id, number, outcome, decision: decision.clone() };
    tell(tx, appeal.user_id, told)?;
    if let Some(actor) = action.author_id {
        tell(tx, actor, ActionAppealed { appeal_id, action_id, number, outcome, decision })?;
    }
    Ok(())
}

/// The appeals of a user, as they see them, for themselves.
pub(crate) fn export(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    from: Option<Value>,
    limit: usize,
) -> Result<Part, crate::Error> {
    let before = place(from, AppealId::from_uuid(Uuid::max()))?;
    let rows = store::of_user(tx, user, before, limit + 1)?;
    let mut appeals = Vec::with_capacity(rows.len());
    for found in rows {
        let action = actions::find(tx, found.action)?.ok_or(crate::Error::NotFound)?;
        let action = actions::own(tx, action).map_err(Error::into_common)?;
        appeals.push(without_names(found.appeal(action)));
    }
    Part::cut(appeals, limit, |last| last.id)
}
