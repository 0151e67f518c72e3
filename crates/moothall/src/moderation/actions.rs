//! Actions: what moderators do about users.
//!
//! Start at [`act`]. What an action does, and how that is taken back, stands in `effects.rs`.

mod store;

use moothall_protocol::communication::Message;
use moothall_protocol::limits::PAGE_ITEMS_DEFAULT;
use moothall_protocol::moderation::{
    AcknowledgeAction, Act, ActOnMany, ActedOn, ActedOnMany, Action, ActionKind, ActionProposal,
    ActionTemplates, Deed, ListActionTemplates, ListActions, ListMyActions, ModerationDeed, NoteKind,
    OwnAction, ProposeAction, RemovedMessage, ReportOutcome, RevertAction,
};
use moothall_protocol::restrictions::Restriction;
use moothall_protocol::{ActionId, CaseId, Cursor, Page, ReportId, UserId};
use serde::Deserialize as _;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;
use uuid::Uuid;

pub(super) use store::{
    STATEMENTS, find, insert_mark, is_marked, is_quiet, marks, of_user, offences_among, remove_marks,
    renamed_since, set_after, set_before,
};

use super::effects::{self, Done};
use super::files::refuse_oneself;
use super::notify::{Acted, Ids, Reverted, happened, tell};
use super::{ACT, CASES, Error, appeals, cases, escalation, notes, reports, store as shared};
use crate::cx::{Cx, Tx};
use crate::export::{self, Part};
use crate::restrictions::OfPrograms;
use crate::{Fault as _, accounts, audit, idempotency, restrictions};

/// The category of what no category is said of.
const OTHER: &str = "other";

/// An action about to be taken.
#[derive(Clone, Debug)]
struct Planned {
    user: UserId,
    deed: Deed,
    case: Option<CaseId>,
    keeps_case_open: bool,
    disagreed: Vec<ReportId>,
}

/// Does something about a user.
pub async fn act(cx: &Cx, input: Act) -> Result<Action, Error> {
    let action = begin(cx, input).await?;
    effects::follow(cx, &action).await;
    Ok(action)
}

/// Takes an action. What it does in a room follows.
pub(super) async fn begin(cx: &Cx, input: Act) -> Result<Action, Error> {
    cx.require(ACT)?;
    effects::check(cx, &input.deed)?;
    let planned = Planned {
        user: input.user_id,
        deed: input.deed,
        case: input.case_id,
        keeps_case_open: input.keeps_case_open.unwrap_or_default(),
        disagreed: input.disagreed,
    };
    cx.mutate(move |tx| take(tx, &planned)).await
}

/// An action as staff is shown it: what a message said that it removed is read by whoever says why, see `communication.read_versions`.
pub(super) fn shown(mut action: Action) -> Action {
    if action.kind == ActionKind::RemoveContent {
        action.before =
            json!({ "room_id": action.before.get("room_id"), "message_id": action.before.get("id") });
    }
    action
}

/// Refuses to act on whom the caller must not act on: themselves, who may do more, and whoever's case somebody else works on. Returns the
/// case it belongs to: the one that is named, or the open one.
fn require_target(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    case: Option<CaseId>,
) -> Result<Option<moothall_protocol::moderation::Case>, Error> {
    refuse_oneself(tx, user)?;
    accounts::require_manageable(tx, user).map_err(accounts::Error::into_common)?;
    let open = shared::open_case(tx, user)?;
    if let Some(open) = &open {
        cases::require_opinion(tx, open)?;
        cases::require_free(tx, open.id)?;
    }
    match case {
        Some(case) => {
            let case = cases::require_free(tx, case)?;
            if case.target_id == user { Ok(Some(case)) } else { Err(Error::NotOfCase) }
        }
        None => Ok(open),
    }
}

fn take(tx: &mut Tx<'_, '_>, planned: &Planned) -> Result<Action, Error> {
    let Planned { user, deed, .. } = planned;
    let case = require_target(tx, *user, planned.case)?;
    let mut action = Action {
        id: tx.cx().new_id(),
        number: shared::number(tx, "action")?,
        user_id: *user,
        kind: deed.kind,
        category: deed.category.clone(),
        reason: deed.reason.clone(),
        public_reason: deed.public_reason.clone(),
        author_id: tx.cx().user(),
        case_id: case.as_ref().map(|case| case.id),
        before: Value::Null,
        after: Value::Null,
        created_at: tx.now(),
        acknowledged_at: None,
        reverted_at: None,
        reverted_by: None,
        revert_reason: None,
    };
    // Told first: whoever may not be here any more has no socket after this.
    let is_quiet = effects::is_quiet(tx.cx(), deed);
    if !is_quiet {
        tell(tx, *user, Acted::new(&action))?;
    }
    let Done { before, after } = effects::apply(tx, &action, deed)?;
    (action.before, action.after) = (before, after);
    keep(tx, &action, is_quiet)?;
    let action = shown(action);
    let entry = audit::Entry::new("moderation.act").user(*user).reason(&deed.reason);
    audit::record(tx, entry.change(&(), &action))?;
    if let Some(case) = case {
        notes::of_case(tx, &case, NoteKind::Decision, &deed.reason)?;
        if planned.case.is_some() && !planned.keeps_case_open {
            cases::close(tx, case, ReportOutcome::Agreed, &planned.disagreed, is_quiet)?;
        }
    }
    metrics::counter!("moderation_actions_total", "kind" => crate::json::word(&deed.kind)?).increment(1);
    Ok(action)
}

/// Stores an action that was taken, counts it, and tells staff.
fn keep(tx: &mut Tx<'_, '_>, action: &Action, is_quiet: bool) -> Result<(), Error> {
    store::insert(tx, action, is_quiet)?;
    let kind = crate::json::word(&action.kind)?;
    shared::count(tx, &format!("actions.{kind}"), 1)?;
    let ids = Ids { case: action.case_id, action: Some(action.id), ..Ids::default() };
    happened(tx, ModerationDeed::Acted, action.user_id, ids)?;
    Ok(())
}

/// What programs do with restrictions is an action as well: it stands in the user's file, can be appealed against, and is taken back with
/// the restriction.
pub(super) const OF_PROGRAMS: OfPrograms = OfPrograms {
    imposed: |tx, restriction| of_program(tx, restriction).map_err(Error::into_common),
    lifted: |tx, id, reason| {
        let Some(action) = find(tx, id)? else { return Ok(()) };
        let lifted = refuse_oneself(tx, action.user_id).and_then(|()| give_back(tx, &action, reason));
        lifted.map(drop).map_err(Error::into_common)
    },
};

fn of_program(tx: &mut Tx<'_, '_>, restriction: &Restriction) -> Result<(), Error> {
    let Some(id) = restriction.action_id else { return Ok(()) };
    let settings = &tx.cx().hall().settings().moderation;
    let other = settings.categories.iter().find(|category| category.name == OTHER);
    let category = other.or(settings.categories.first()).map(|category| category.name.clone());
    let action = Action {
        id,
        number: shared::number(tx, "action")?,
        user_id: restriction.user_id,
        kind: ActionKind::Restrict,
        category: category.unwrap_or_default(),
        reason: restriction.reason.clone(),
        public_reason: restriction.public_reason.clone(),
        author_id: restriction.author_id,
        case_id: None,
        before: Value::Null,
        after: effects::imposed(restriction),
        created_at: tx.now(),
        acknowledged_at: None,
        reverted_at: None,
        reverted_by: None,
        revert_reason: None,
    };
    let is_quiet = restrictions::are_hidden(tx.cx(), &restriction.types);
    if !is_quiet {
        tell(tx, action.user_id, Acted::new(&action))?;
    }
    keep(tx, &action, is_quiet)
}

/// Takes an action back, with all that came of it.
pub async fn revert(cx: &Cx, input: RevertAction) -> Result<Action, Error> {
    let action = begin_reverting(cx, input).await?;
    effects::follow(cx, &action).await;
    Ok(action)
}

/// Takes an action back. What that does in a room follows.
pub(super) async fn begin_reverting(cx: &Cx, input: RevertAction) -> Result<Action, Error> {
    cx.require(ACT)?;
    cx.mutate(move |tx| {
        let action = find(tx, input.action_id)?.ok_or(crate::Error::NotFound)?;
        require_reversible(tx, action.user_id)?;
        give_back(tx, &action, &input.reason)
    })
    .await
}

/// Takes an action back; an open appeal against it is granted by that.
fn give_back(tx: &mut Tx<'_, '_>, action: &Action, reason: &str) -> Result<Action, Error> {
    let is_told = !appeals::overturn(tx, action)?;
    take_back(tx, action.id, reason, is_told)
}

/// Refuses to take back what was decided about oneself, or about somebody who may do more.
pub(super) fn require_reversible(tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), Error> {
    refuse_oneself(tx, user)?;
    match accounts::require_manageable(tx, user).map_err(accounts::Error::into_common) {
        // What was decided about an account that is erased can still be taken back.
        Ok(()) | Err(crate::Error::NotFound) => Ok(()),
        Err(refused) => Err(refused.into()),
    }
}

/// Takes an action back within a transaction. What it removed from rooms is put back a little later, or at once by [`effects::follow`].
pub(super) fn take_back(
    tx: &mut Tx<'_, '_>,
    id: ActionId,
    reason: &str,
    is_told: bool,
) -> Result<Action, Error> {
    let before = find(tx, id)?.map(shown).ok_or(crate::Error::NotFound)?;
    if before.reverted_at.is_some() {
        return Ok(before);
    }
    effects::undo(tx, &before, reason)?;
    store::revert(tx, id, reason)?;
    let after = find(tx, id)?.map(shown).ok_or(crate::Error::NotFound)?;
    shared::count(tx, "reverted", 1)?;
    if let Some(case) = after.case_id
        && !store::stands(tx, after.user_id, case)?
    {
        cases::reconsider(tx, case, reason)?;
    }
    let entry = audit::Entry::new("moderation.revert").user(after.user_id).reason(reason);
    audit::record(tx, entry.change(&before, &after))?;
    let ids = Ids { case: after.case_id, action: Some(id), ..Ids::default() };
    happened(tx, ModerationDeed::Reverted, after.user_id, ids)?;
    if is_told && !is_quiet(tx, id)? {
        tell(tx, after.user_id, Reverted { action_id: id, number: after.number })?;
    }
    Ok(after)
}

/// Acknowledges a warning, and with that ends what it held back.
pub async fn acknowledge(cx: &Cx, input: AcknowledgeAction) -> Result<OwnAction, Error> {
    let user = cx.require_user()?;
    cx.mutate(move |tx| {
        let action = find(tx, input.action_id)?.filter(|action| action.user_id == user);
        let action = action.ok_or(crate::Error::NotFound)?;
        if action.kind != ActionKind::Warn {
            return Err(Error::NothingToAcknowledge);
        }
        if action.acknowledged_at.is_none() && action.reverted_at.is_none() {
            store::acknowledge(tx, action.id)?;
            effects::let_go(tx, &action)?;
        }
        let action = find(tx, action.id)?.ok_or(crate::Error::NotFound)?;
        own(tx, action)
    })
    .await
}

/// An action as the user sees it.
pub(super) fn own(tx: &mut Tx<'_, '_>, action: Action) -> Result<OwnAction, Error> {
    let removed =
        (action.kind == ActionKind::RemoveContent).then(|| Message::deserialize(&action.before).ok());
    Ok(OwnAction {
        removed: removed.flatten().map(|message| RemovedMessage {
            room_id: message.room_id,
            message_id: message.id,
            text: message.text,
        }),
        is_appealable: action.reverted_at.is_none() && appeals::is_possible(tx, action.id)?,
        id: action.id,
        number: action.number,
        kind: action.kind,
        category: action.category,
        public_reason: action.public_reason,
        created_at: action.created_at,
        acknowledged_at: action.acknowledged_at,
        reverted_at: action.reverted_at,
    })
}

/// The actions about the caller, but for those that only moderators know of.
pub async fn mine(cx: &Cx, input: ListMyActions) -> Result<Page<OwnAction>, Error> {
    let user = cx.require_user()?;
    let before = place(input.cursor.as_ref())?;
    let limit = input.limit.unwrap_or(PAGE_ITEMS_DEFAULT);
    cx.read(move |tx| {
        let rows = store::told(tx, user, before, limit + 1)?;
        let page = Page::cut(rows, limit, |last| Cursor::of(&last.id));
        let items = page.items.into_iter().map(|action| own(tx, action)).collect::<Result<_, _>>()?;
        Ok(Page { items, next: page.next })
    })
    .await
}

fn place(cursor: Option<&Cursor>) -> Result<ActionId, crate::Error> {
    match cursor {
        Some(cursor) => cursor.key().ok_or_else(crate::Error::wrong_cursor),
        None => Ok(ActionId::from_uuid(Uuid::max())),
    }
}

/// Lists actions, but for those about the caller. Those about one user are a look at that user, which is audited.
pub async fn list(cx: &Cx, input: ListActions) -> Result<Page<Action>, Error> {
    cx.require(CASES)?;
    let before = place(input.cursor.as_ref())?;
    let limit = input.limit.unwrap_or(PAGE_ITEMS_DEFAULT);
    let (rows, mine) = match input.user_id {
        Some(user) => {
            cx.write(move |tx| {
                refuse_oneself(tx, user)?;
                audit::record(tx, audit::Entry::new("moderation.list_actions").user(user))?;
                Ok::<_, Error>((of_user(tx, user, before, limit + 1)?, Vec::new()))
            })
            .await?
        }
        None => {
            cx.read(move |tx| Ok::<_, Error>((store::list(tx, before, limit + 1)?, accounts::oneself(tx)?)))
                .await?
        }
    };
    let rows = rows.into_iter().map(shown).collect();
    let mut page = Page::cut(rows, limit, |last: &Action| Cursor::of(&last.id));
    page.items.retain(|action| !mine.contains(&action.user_id));
    Ok(page)
}

/// Does the same about many users, each on their own: what is refused for one is done for the others. Each row is kept with the key of
/// the request, so whoever asks again because an answer was lost has nobody acted on twice.
pub async fn act_on_many(cx: &Cx, input: ActOnMany) -> Result<ActedOnMany, Error> {
    cx.require(ACT)?;
    if let Some(answer) = idempotency::answer_before(cx).await? {
        return Ok(serde_json::from_value(answer).map_err(crate::Error::internal)?);
    }
    if input.deed.kind == ActionKind::RemoveContent {
        let message = "messages are removed one by one";
        return Err(crate::Error::field("/deed/kind", "invalid", message).into());
    }
    effects::check(cx, &input.deed)?;
    if input.deed.name.is_some() && input.user_ids.len() > 1 {
        let message = "one name is for one user: without it the server makes names up";
        return Err(crate::Error::field("/deed/name", "invalid", message).into());
    }
    let is_dry_run = input.is_dry_run.unwrap_or_default();
    let mut user_ids = input.user_ids;
    let mut seen = HashSet::new();
    user_ids.retain(|user| seen.insert(*user));
    let mut items = Vec::with_capacity(user_ids.len());
    for user_id in user_ids {
        let planned = Planned {
            user: user_id,
            deed: input.deed.clone(),
            case: None,
            keeps_case_open: true,
            disagreed: Vec::new(),
        };
        let acted = if is_dry_run {
            cx.try_out(move |tx| take(tx, &planned)).await.map(|_| None)
        } else {
            let row = match cx.claim() {
                Some(claim) => cx.claiming(claim.part(user_id)),
                None => cx.clone(),
            };
            row.mutate(move |tx| Ok::<_, Error>(take(tx, &planned)?.id)).await.map(Some)
        };
        items.push(match acted {
            Ok(action_id) => ActedOn { user_id, action_id, refused: None },
            Err(error) if error.kind().status() >= 500 => return Err(error),
            Err(error) => ActedOn { user_id, action_id: None, refused: Some(error.code().to_owned()) },
        });
    }
    let count = items.iter().filter(|row| row.refused.is_none()).count() as u64;
    let answer = ActedOnMany { items, count };
    cx.mutate(move |_| Ok(answer.clone())).await
}

/// Lists templates.
pub async fn list_templates(cx: &Cx, _: ListActionTemplates) -> Result<ActionTemplates, Error> {
    cx.require(CASES)?;
    Ok(ActionTemplates { items: cx.hall().settings().moderation.templates.clone() })
}

/// What the table proposes for an offence of a user, by what they did before of this kind.
pub async fn propose(cx: &Cx, input: ProposeAction) -> Result<ActionProposal, Error> {
    cx.require(CASES)?;
    reports::check_category(cx, "/category", &input.category)?;
    let table = cx.hall().settings().moderation.escalation_of(&input.category).cloned();
    let table = table.ok_or(crate::Error::NotFound)?;
    let user = accounts::summary(cx, input.user_id).await?.id;
    let category = input.category;
    let offences = cx.read(move |tx| store::offences(tx, user, &category)).await?;
    let now = cx.now();
    let half_life = Duration::from_secs(u64::from(table.half_life_days) * 24 * 3_600);
    let history = escalation::history(&offences, now, half_life);
    let step = escalation::step(history, table.steps.len());
    let named = table.steps.get(step).ok_or(crate::Error::NotFound)?;
    let template = cx.hall().settings().moderation.template(named).cloned();
    let template = template.ok_or(crate::Error::NotFound)?;
    let ends_at = template.hours.map(|hours| now + Duration::from_secs(u64::from(hours) * 3_600));
    let (step, steps) = (step as u32 + 1, table.steps.len() as u32);
    Ok(ActionProposal { history, step, steps, template, ends_at })
}

/// The actions about a user of which they are told, for themselves.
pub(crate) fn export(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    from: Option<Value>,
    limit: usize,
) -> Result<Part, crate::Error> {
    let before = export::place(from, ActionId::from_uuid(Uuid::max()))?;
    let rows = store::told(tx, user, before, limit + 1)?;
    let actions = rows.into_iter().map(|action| own(tx, action).map_err(Error::into_common));
    Part::cut(actions.collect::<Result<Vec<_>, _>>()?, limit, |last| last.id)
}
