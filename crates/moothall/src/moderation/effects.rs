//! What an action does, and how all of it is taken back.

use std::time::Duration;

use moothall_protocol::communication::Message;
use moothall_protocol::moderation::{Action, ActionKind, Deed};
use moothall_protocol::restrictions::{Restriction, RestrictionScope, RestrictionSource};
use moothall_protocol::{ActionId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::notify::{self, NameGone};
use super::{Error, actions, reports};
use crate::accounts::NamedBefore;
use crate::accounts::names::Name;
use crate::cx::{Cx, Tx};
use crate::jobs::{self, NewJob, Step};
use crate::restrictions::NewRestriction;
use crate::{accounts, communication, restrictions};

/// How it was before, and is since.
#[derive(Clone, Debug, Default)]
pub(super) struct Done {
    pub before: Value,
    pub after: Value,
}

/// Refuses a deed that does not say what it is to do.
pub(super) fn check(cx: &Cx, deed: &Deed) -> Result<(), Error> {
    reports::check_category(cx, "/deed/category", &deed.category)?;
    let missing = |path: &str| Err(crate::Error::field(path, "required", "say what is to be done").into());
    match deed.kind {
        ActionKind::Warn => Ok(()),
        ActionKind::Restrict if deed.restriction.is_none() => missing("/deed/restriction"),
        ActionKind::Restrict => match restriction(cx.hall().random().id(cx.now()), deed) {
            Some(new) => Ok(new.check(cx).map_err(|wrong| wrong.within("/deed/restriction"))?),
            None => missing("/deed/restriction"),
        },
        ActionKind::Rename => name_of(cx, deed).map(drop),
        ActionKind::RemoveContent if deed.room_id.is_none() => missing("/deed/room_id"),
        ActionKind::RemoveContent if deed.message_id.is_none() => missing("/deed/message_id"),
        ActionKind::RemoveContent => Ok(()),
        ActionKind::Mark if deed.mark.is_none() => missing("/deed/mark"),
        ActionKind::Mark => Ok(()),
    }
}

/// Whether the user must not learn of it: of a mark, and of what is hidden from whom it hits.
pub(super) fn is_quiet(cx: &Cx, deed: &Deed) -> bool {
    match (deed.kind, &deed.restriction) {
        (ActionKind::Mark, _) => true,
        (ActionKind::Restrict, Some(asked)) => restrictions::are_hidden(cx, &asked.types),
        _ => false,
    }
}

fn name_of(cx: &Cx, deed: &Deed) -> Result<Option<Name>, Error> {
    let name = deed.name.as_deref().map(|name| Name::chosen(cx, name)).transpose();
    name.map_err(|wrong| wrong.within("/deed").into())
}

/// What somebody may not do from now on.
fn restriction(user: UserId, deed: &Deed) -> Option<NewRestriction> {
    let asked = deed.restriction.clone()?;
    Some(NewRestriction {
        types: asked.types,
        scope: asked.scope,
        ends_at: asked.ends_at,
        after_matches: asked.after_matches,
        ..blank(user, deed.reason.clone(), deed.public_reason.clone())
    })
}

fn blank(user: UserId, reason: String, public_reason: String) -> NewRestriction {
    NewRestriction {
        user,
        types: Vec::new(),
        scope: RestrictionScope::default(),
        reason,
        public_reason,
        evidence: Map::new(),
        source: RestrictionSource::Action,
        action: None,
        ends_at: None,
        after_matches: None,
    }
}

fn impose(tx: &mut Tx<'_, '_>, action: &Action, new: NewRestriction) -> Result<Done, Error> {
    let new = NewRestriction { action: Some(action.id), ..new };
    let imposed = restrictions::impose(tx, &new).map_err(|error| match error {
        restrictions::Error::Common(error) => error.within("/deed/restriction"),
        // There are too many: said as a wrong field, which is what a moderator can act on.
        other => crate::Error::field("/deed/restriction", "too_many", other.to_string()),
    })?;
    Ok(Done { before: Value::Null, after: self::imposed(&imposed) })
}

/// What an action did that imposed this.
pub(super) fn imposed(restriction: &Restriction) -> Value {
    json!({
        "restriction_id": restriction.id, "types": restriction.types, "scope": restriction.scope,
        "ends_at": restriction.ends_at, "after_matches": restriction.after_matches,
    })
}

/// Does it. What is done in a room follows from that: see [`carry_out`].
pub(super) fn apply(tx: &mut Tx<'_, '_>, action: &Action, deed: &Deed) -> Result<Done, Error> {
    let user = action.user_id;
    match deed.kind {
        ActionKind::Warn => {
            let types = tx.cx().hall().settings().moderation.warning_holds_back.clone();
            if types.is_empty() {
                return Ok(Done::default());
            }
            let why = format!("Acknowledge the warning first: {}", deed.public_reason);
            impose(tx, action, NewRestriction { types, ..blank(user, deed.reason.clone(), why) })
        }
        ActionKind::Restrict => match restriction(user, deed) {
            Some(new) => impose(tx, action, new),
            None => Ok(Done::default()),
        },
        ActionKind::Rename => {
            let name = name_of(tx.cx(), deed)?;
            let renamed = accounts::rename_by_staff(tx, user, name.as_ref());
            let (before, after) = renamed.map_err(|error| match error {
                accounts::Error::NameTaken => {
                    crate::Error::field("/deed/name", "not_unique", "this name is taken").into()
                }
                other => Error::from(other.into_common()),
            })?;
            Ok(Done { before: crate::json::value(&before)?, after: json!({ "name": after }) })
        }
        ActionKind::Mark => {
            let mark = deed.mark.as_deref().unwrap_or_default();
            actions::insert_mark(tx, user, mark, action.id)?;
            Ok(Done { before: Value::Null, after: json!({ "mark": mark }) })
        }
        ActionKind::RemoveContent => {
            let before = removable(tx, user, deed)?;
            let before = before.as_ref().map(crate::json::value).transpose()?.unwrap_or_default();
            follow_later(tx, action.id)?;
            Ok(Done { before, after: json!({ "is_removed": true }) })
        }
    }
}

/// The message that is to be removed, which the user must have sent.
fn removable(tx: &mut Tx<'_, '_>, user: UserId, deed: &Deed) -> Result<Option<Message>, Error> {
    let (Some(room), Some(id)) = (deed.room_id, deed.message_id) else { return Ok(None) };
    let wrong = |message: &str| crate::Error::field("/deed/message_id", "invalid", message);
    match communication::removable(tx, room, id, user) {
        Ok(message) => Ok(Some(message)),
        Err(communication::Error::MessageDeleted) => Err(wrong("this message is deleted already").into()),
        Err(communication::Error::Common(crate::Error::NotFound)) => {
            Err(wrong("this user sent no such message").into())
        }
        Err(other) => Err(other.into_common().into()),
    }
}

/// Does in a room what an action, or taking it back, asks for there. The action is stored by then, so whatever stops the server in between:
/// it is done in the end. It may be done twice, which is as once.
pub(super) async fn carry_out(cx: &Cx, id: ActionId) -> Result<(), Error> {
    loop {
        let Some(action) = of_rooms(cx, id).await? else { return Ok(()) };
        let before: Message = serde_json::from_value(action.before).map_err(crate::Error::internal)?;
        let done = match action.reverted_at {
            None => communication::remove_by_staff(cx, &before, &action.reason).await,
            Some(_) => {
                let reason = action.revert_reason.as_deref().unwrap_or_default();
                communication::restore_by_staff(cx, &before, reason).await
            }
        };
        match done {
            // One that is gone for good, because its time was over, stays so.
            Ok(()) | Err(communication::Error::Common(crate::Error::NotFound)) => {}
            // Its writer did something with it at the same moment.
            Err(communication::Error::Common(crate::Error::VersionConflict { .. })) => continue,
            Err(other) => return Err(other.into_common().into()),
        }
        // It may have been taken back meanwhile.
        if of_rooms(cx, id).await?.is_none_or(|now| now.reverted_at == action.reverted_at) {
            return Ok(());
        }
    }
}

async fn of_rooms(cx: &Cx, id: ActionId) -> Result<Option<Action>, Error> {
    let action = cx.read(move |tx| actions::find(tx, id)).await?;
    Ok(action.filter(|action| action.kind == ActionKind::RemoveContent))
}

/// The same before the call is answered. Should that come to nothing, it is done a little later.
pub(super) async fn follow(cx: &Cx, action: &Action) {
    if action.kind == ActionKind::RemoveContent
        && let Err(error) = carry_out(cx, action.id).await
    {
        tracing::warn!(action.id = %action.id, "A message is removed or put back a little later: {error}");
    }
}

/// What an action asks for in a room, for when whoever took it did not come to it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Content {
    action_id: ActionId,
}

impl jobs::Kind for Content {
    const NAME: &'static str = "moderation.content";

    async fn prepare(&mut self, cx: &Cx) -> Result<(), crate::Error> {
        carry_out(cx, self.action_id).await.map_err(Error::into_common)
    }

    fn step(&mut self, _: &mut Tx<'_, '_>) -> Result<Step, crate::Error> {
        Ok(Step::Done)
    }
}

/// How long whoever acts has for it themselves.
pub(super) const FOLLOWS_WITHIN: Duration = Duration::from_secs(10);

fn follow_later(tx: &mut Tx<'_, '_>, action_id: ActionId) -> Result<(), Error> {
    let job = NewJob::new(Content { action_id }).run_at(tx.now() + FOLLOWS_WITHIN);
    jobs::enqueue(tx, &job)?;
    Ok(())
}

/// Takes back what an action did. What it did in a room follows from that: see [`carry_out`].
pub(super) fn undo(tx: &mut Tx<'_, '_>, action: &Action, reason: &str) -> Result<(), Error> {
    match action.kind {
        ActionKind::Warn | ActionKind::Restrict => lift(tx, action, reason),
        ActionKind::Mark => {
            actions::remove_marks(tx, action.id)?;
            if actions::is_marked(tx, action.user_id)? { Ok(()) } else { reports::unmark(tx, action.user_id) }
        }
        ActionKind::RemoveContent => follow_later(tx, action.id),
        ActionKind::Rename if stands_below(tx, action)? => Ok(()),
        ActionKind::Rename => {
            let before: NamedBefore =
                serde_json::from_value(action.before.clone()).map_err(crate::Error::internal)?;
            let after = action.after.get("name").and_then(Value::as_str).unwrap_or_default();
            let restored = accounts::restore_name(tx, action.user_id, &before, after);
            if !restored.map_err(accounts::Error::into_common)? {
                notify::tell(tx, action.user_id, NameGone { action_id: action.id, number: action.number })?;
            }
            Ok(())
        }
    }
}

/// Whether the user was renamed once more since a renaming, from the name that gave them: then that one leads back to the name before both.
fn stands_below(tx: &mut Tx<'_, '_>, action: &Action) -> Result<bool, Error> {
    let Some(later) = actions::renamed_since(tx, action.user_id, action.id)? else { return Ok(false) };
    let given = action.after.get("name");
    let is_above = given.is_some() && later.before.get("name") == given;
    if is_above {
        actions::set_before(tx, later.id, &action.before)?;
    }
    Ok(is_above)
}

/// The user has acknowledged a warning: what it held back may be done again.
pub(super) fn let_go(tx: &mut Tx<'_, '_>, action: &Action) -> Result<(), Error> {
    lift(tx, action, "the warning was acknowledged")
}

fn lift(tx: &mut Tx<'_, '_>, action: &Action, reason: &str) -> Result<(), Error> {
    for restriction in restrictions::of_action(tx, action.id)? {
        restrictions::lift(tx, restriction.id, reason).map_err(restrictions::Error::into_common)?;
    }
    Ok(())
}

/// When a restriction is to end instead: one of the two.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sooner {
    pub ends_at: Option<Timestamp>,
    pub after_matches: Option<u32>,
}

impl Sooner {
    /// Whether that is sooner for certain: of times and matches nobody knows which is.
    fn is_sooner_than(self, before: &Restriction) -> bool {
        match (self.ends_at, self.after_matches, before.ends_at, before.matches_left) {
            (Some(ends_at), None, Some(before), None) => ends_at < before,
            (None, Some(matches), None, Some(left)) => matches < left,
            // For good until now.
            (Some(_), None, None, None) | (None, Some(_), None, None) => true,
            _ => false,
        }
    }
}

/// Has the restriction of an action end sooner. Returns what the action brought before and brings now, or none if that is not sooner.
pub(super) fn shorten(
    tx: &mut Tx<'_, '_>,
    action: &Action,
    sooner: Sooner,
) -> Result<Option<[Value; 2]>, Error> {
    if action.kind != ActionKind::Restrict {
        return Ok(None);
    }
    for restriction in restrictions::of_action(tx, action.id)? {
        if restriction.ended_at.is_none() && sooner.is_sooner_than(&restriction) {
            let shortened = restrictions::shorten(tx, restriction.id, sooner.ends_at, sooner.after_matches);
            let after = imposed(&shortened.map_err(restrictions::Error::into_common)?);
            actions::set_after(tx, action.id, &after)?;
            return Ok(Some([imposed(&restriction), after]));
        }
    }
    Ok(None)
}
