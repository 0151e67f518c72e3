//! What an action does, and how all of it is taken back.

use moothall_protocol::communication::Message;
use moothall_protocol::moderation::{Action, ActionKind, Deed};
use moothall_protocol::restrictions::{RestrictionScope, RestrictionSource};
use moothall_protocol::{Timestamp, UserId};
use serde_json::{Map, Value, json};

use super::{Error, actions, reports};
use crate::accounts::NamedBefore;
use crate::accounts::names::Name;
use crate::cx::{Cx, Tx};
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
            Some(new) => Ok(new.check(cx)?),
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
    name.map_err(|error| match error {
        // Where it stands in this input.
        crate::Error::Invalid { mut fields } => {
            for field in &mut fields {
                field.path = format!("/deed{}", field.path);
            }
            crate::Error::Invalid { fields }.into()
        }
        other => other.into(),
    })
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
        restrictions::Error::Common(error) => error,
        // There are too many: said as a wrong field, which is what a moderator can act on.
        other => crate::Error::field("/deed/restriction", "too_many", other.to_string()),
    })?;
    let after = json!({ "restriction_id": imposed.id, "types": imposed.types, "ends_at": imposed.ends_at });
    Ok(Done { before: Value::Null, after })
}

/// Does it, but for what is done in rooms.
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
        ActionKind::RemoveContent => Ok(Done::default()),
    }
}

/// Removes a message, which the user must have sent, and says what it was.
pub(super) async fn remove_content(cx: &Cx, user: UserId, deed: &Deed) -> Result<Option<Value>, Error> {
    let (ActionKind::RemoveContent, Some(room), Some(id)) = (deed.kind, deed.room_id, deed.message_id) else {
        return Ok(None);
    };
    let wrong = |message: &str| crate::Error::field("/deed/message_id", "invalid", message);
    let removed = communication::remove_by_staff(cx, room, id, user, &deed.reason).await;
    match removed {
        Ok(before) => Ok(Some(crate::json::value(&before)?)),
        Err(communication::Error::MessageDeleted) => Err(wrong("this message is deleted already").into()),
        Err(communication::Error::Common(crate::Error::NotFound)) => {
            Err(wrong("this user sent no such message").into())
        }
        Err(other) => Err(other.into_common().into()),
    }
}

/// Puts a message back that an action removed. One that is gone for good, because its time was over, stays so.
pub(super) async fn restore_content(cx: &Cx, action: &Action, reason: &str) -> Result<(), Error> {
    if action.kind != ActionKind::RemoveContent || action.reverted_at.is_some() {
        return Ok(());
    }
    let before: Message = serde_json::from_value(action.before.clone()).map_err(crate::Error::internal)?;
    match communication::restore_by_staff(cx, &before, reason).await {
        Ok(()) | Err(communication::Error::Common(crate::Error::NotFound)) => Ok(()),
        Err(other) => Err(other.into_common().into()),
    }
}

/// Takes back what an action did, but for what it did in rooms.
pub(super) fn undo(tx: &mut Tx<'_, '_>, action: &Action, reason: &str) -> Result<(), Error> {
    match action.kind {
        ActionKind::Warn | ActionKind::Restrict => lift(tx, action, reason),
        ActionKind::Mark => Ok(actions::remove_marks(tx, action.id)?),
        ActionKind::RemoveContent => Ok(()),
        ActionKind::Rename => {
            let before: NamedBefore =
                serde_json::from_value(action.before.clone()).map_err(crate::Error::internal)?;
            let after = action.after.get("name").and_then(Value::as_str).unwrap_or_default();
            accounts::restore_name(tx, action.user_id, &before, after).map_err(|error| match error {
                accounts::Error::NameTaken => Error::NameTaken,
                other => other.into_common().into(),
            })
        }
    }
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

/// Has the restrictions of an action end at this time, if that is sooner. Returns whether there were any.
pub(super) fn shorten(tx: &mut Tx<'_, '_>, action: &Action, ends_at: Timestamp) -> Result<bool, Error> {
    let mut is_any = false;
    for restriction in restrictions::of_action(tx, action.id)? {
        let is_sooner = restriction.ends_at.is_none_or(|before| ends_at < before);
        if action.kind == ActionKind::Restrict && restriction.ended_at.is_none() && is_sooner {
            restrictions::shorten(tx, restriction.id, ends_at).map_err(restrictions::Error::into_common)?;
            is_any = true;
        }
    }
    Ok(is_any)
}
