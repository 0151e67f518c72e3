//! What users, staff and programs ask of restrictions.

use moothall_protocol::limits::PAGE_ITEMS_DEFAULT;
use moothall_protocol::restrictions::{
    ImposeRestriction, LiftRestriction, ListRestrictionTypes, ListRestrictions, MyRestrictions,
    OwnRestrictions, Restriction, RestrictionSource, RestrictionTypes,
};
use moothall_protocol::{Cursor, Page, RestrictionId};
use uuid::Uuid;

use super::{
    BAN, EXEMPT, Error, IMPOSE, NewRestriction, READ, add_ban, impose, lift, list_bans, own_of, preview_ban,
    read_traces, remove_ban, require_restrictable, store,
};
use crate::operation::{Access, Operations, Rate};
use crate::{Cx, audit};

/// The operations of this context.
pub fn operations() -> Operations {
    Operations::context("restrictions", "What users may not do, until when, and why")
        .errors(Error::CATALOGUE)
        .permission(EXEMPT)
        .get("/restrictions/types", "restrictions.types", Access::Player, list_types)
        .open_to_restricted()
        .get("/restrictions/mine", "restrictions.mine", Access::Player, mine)
        .open_to_restricted()
        .get("/users/{user_id}/restrictions", "restrictions.list", Access::Permission(READ), list)
        .rate(Rate::Admin)
        .post(
            "/users/{user_id}/restrictions",
            "restrictions.impose",
            Access::Permission(IMPOSE),
            impose_restriction,
        )
        .rate(Rate::Admin)
        .delete(
            "/restrictions/{restriction_id}",
            "restrictions.lift",
            Access::Permission(IMPOSE),
            lift_restriction,
        )
        .rate(Rate::Admin)
        .post("/users/{user_id}/traces", "restrictions.read_traces", Access::Permission(BAN), read_traces)
        .rate(Rate::Admin)
        .get("/bans", "restrictions.list_bans", Access::Permission(BAN), list_bans)
        .rate(Rate::Admin)
        .post("/bans/preview", "restrictions.preview_ban", Access::Permission(BAN), preview_ban)
        .rate(Rate::Admin)
        .post("/bans", "restrictions.add_ban", Access::Permission(BAN), add_ban)
        .rate(Rate::Admin)
        .delete("/bans/{ban_id}", "restrictions.remove_ban", Access::Permission(BAN), remove_ban)
        .rate(Rate::Admin)
}

/// Lists the types there are.
pub async fn list_types(cx: &Cx, _: ListRestrictionTypes) -> Result<RestrictionTypes, Error> {
    Ok(RestrictionTypes { items: cx.hall().restrictions().types.shown() })
}

/// What the caller may not do.
pub async fn mine(cx: &Cx, _: MyRestrictions) -> Result<OwnRestrictions, Error> {
    let user = cx.require_user()?;
    Ok(cx.read(move |tx| own_of(tx, user)).await?)
}

/// The restrictions of a user, those that are over among them. The look is audited.
pub async fn list(cx: &Cx, input: ListRestrictions) -> Result<Page<Restriction>, Error> {
    cx.require(READ)?;
    let before = match &input.cursor {
        Some(cursor) => cursor.key().ok_or_else(crate::Error::wrong_cursor)?,
        None => RestrictionId::from_uuid(Uuid::max()),
    };
    if cx.is_by(input.user_id) {
        // Among them is what its user must not notice.
        return Err(crate::Error::field("/user_id", "invalid", "your own are in `restrictions.mine`").into());
    }
    let limit = input.limit.unwrap_or(PAGE_ITEMS_DEFAULT);
    let rows = cx
        .write(move |tx| {
            audit::record(tx, audit::Entry::new("restrictions.list").user(input.user_id))?;
            store::list(tx, input.user_id, before, limit + 1)
        })
        .await?;
    Ok(Page::cut(rows, limit, |last| Cursor::of(&last.id)))
}

/// Restricts a user in the name of a program. What that is to moderation follows: see [`super::on_programs`].
pub async fn impose_restriction(cx: &Cx, input: ImposeRestriction) -> Result<Restriction, Error> {
    cx.require(IMPOSE)?;
    if input.source == RestrictionSource::Action {
        let message = "a moderator takes an action: see `moderation.act`";
        return Err(crate::Error::field("/source", "invalid", message).into());
    }
    let new = NewRestriction {
        user: input.user_id,
        types: input.types,
        scope: input.scope,
        reason: input.reason,
        public_reason: input.public_reason,
        evidence: input.evidence,
        source: input.source,
        // So that there is something to appeal against.
        action: cx.hall().restrictions().of_programs.get().map(|_| cx.new_id()),
        ends_at: input.ends_at,
        after_matches: input.after_matches,
    };
    new.check(cx)?;
    cx.mutate(move |tx| {
        require_restrictable(tx, new.user)?;
        let restriction = impose(tx, &new)?;
        if let Some(of_programs) = tx.cx().hall().restrictions().of_programs.get() {
            (of_programs.imposed)(tx, &restriction)?;
        }
        let entry = audit::Entry::new("restrictions.impose").user(new.user).reason(&new.reason);
        audit::record(tx, entry.change(&(), &restriction))?;
        Ok(restriction)
    })
    .await
}

/// Takes a restriction back in the name of staff, and with it the action that brought it.
pub async fn lift_restriction(cx: &Cx, input: LiftRestriction) -> Result<Restriction, Error> {
    cx.require(IMPOSE)?;
    cx.mutate(move |tx| {
        let before = store::find(tx, input.restriction_id)?.ok_or(crate::Error::NotFound)?;
        if tx.cx().is_by(before.user_id) {
            return Err(Error::Own);
        }
        match require_restrictable(tx, before.user_id) {
            // Of an account that is erased it can still be taken back.
            Ok(()) | Err(crate::Error::NotFound) => {}
            Err(refused) => return Err(refused.into()),
        }
        let after = lift(tx, before.id, &input.reason)?;
        if after != before {
            let entry = audit::Entry::new("restrictions.lift").user(after.user_id).reason(&input.reason);
            audit::record(tx, entry.change(&before, &after))?;
        }
        let of_programs = tx.cx().hall().restrictions().of_programs.get();
        if let (Some(of_programs), Some(action)) = (of_programs, after.action_id) {
            (of_programs.lifted)(tx, action, &input.reason)?;
        }
        Ok(after)
    })
    .await
}
