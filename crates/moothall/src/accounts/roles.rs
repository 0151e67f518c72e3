//! Roles, which are data, and who has them, for good or until a time.
//!
//! Two rules hold whoever calls: nobody gives what they may not do themselves, and somebody always remains who may do
//! everything, for good. Every change is audited, and counts for the next request of everybody concerned.

mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use moothall_protocol::accounts::{
    CreateRole, DeleteRole, Grant, GrantRole, KnownPermissions, ListGrants, ListPermissions, ListRoles,
    RevokeRole, Role, Roles, UpdateRole,
};
use moothall_protocol::{Cursor, GrantId, Page, Timestamp, UserId, limits};

pub(super) use store::{STATEMENTS, list_grants as grants_of, sweep};

use super::{Error, GRANT, HOST, READ, ROLES, SEARCH, SESSIONS, credentials, identities, users};
use crate::audit;
use crate::cx::{Caller, Cx, Tx};
use crate::permission::Permissions;

/// May do everything.
pub(super) const ADMINISTRATOR: &str = "administrator";

/// The roles a server starts with. What they allow is the operator's to change, the administrator's excepted.
fn seeds() -> [(&'static str, &'static str, Vec<&'static str>); 4] {
    // Those of contexts that build on this one can only be named.
    let others = [
        "connections.list",
        "connections.disconnect",
        "communication.moderate",
        "communication.read_private",
        "communication.read_versions",
        "lobbies.moderate",
        "matches.moderate",
        "moderation.act",
        "moderation.alternates",
        "moderation.appeals",
        "moderation.cases",
        "restrictions.read",
        "settings.edit_users",
    ];
    let moderator = [SESSIONS.0, audit::READ.0, SEARCH.0, READ.0].into_iter().chain(others).collect();
    [
        (ADMINISTRATOR, "May do everything", vec![Permissions::ALL]),
        ("moderator", "Keeps the peace", moderator),
        ("host", "Hosts games", vec![HOST.0]),
        ("bot", "A program that acts by itself", vec![]),
    ]
}

/// Makes the roles a server starts with, where they are missing, and gives those there are what is new with this version, each once: what
/// staff takes away later stays away.
pub(super) async fn seed(cx: &Cx) -> Result<(), crate::Error> {
    let left = cx
        .write(|tx| {
            let mut left = Vec::new();
            for (name, about, permissions) in seeds() {
                let is_new = store::plant(tx, name, about)?;
                if is_new {
                    store::set_permissions(tx, name, permissions.iter().copied())?;
                }
                let given = store::seeded(tx, name)?;
                let news: Vec<&str> =
                    permissions.into_iter().filter(|name| !given.iter().any(|known| known == name)).collect();
                store::note_seeded(tx, name, &news)?;
                if !is_new && !update_seeded(tx, name, &news, given.is_empty())? {
                    left.push((name, news.join(", ")));
                }
            }
            Ok::<_, crate::Error>(left)
        })
        .await?;
    for (role, permissions) in left {
        tracing::warn!(
            "Staff has changed the role {role}, so this update leaves it as it is; look whether it should have: {permissions}"
        );
    }
    Ok(())
}

/// Gives a role what is new with this version. False: what it lacks may have been taken away, as nobody noted until now what it was given.
fn update_seeded(
    tx: &mut Tx<'_, '_>,
    name: &str,
    news: &[&str],
    is_first: bool,
) -> Result<bool, crate::Error> {
    let before = store::role(tx, name)?.ok_or(crate::Error::NotFound)?;
    let mut permissions: BTreeSet<&str> = before.permissions.iter().map(String::as_str).collect();
    permissions.extend(news);
    if !before.is_seeded || permissions.len() == before.permissions.len() {
        return Ok(true);
    }
    if is_first && before.version > 1 {
        return Ok(false);
    }
    store::set_permissions(tx, name, permissions)?;
    store::update(tx, name, &before.about)?;
    let after = store::role(tx, name)?.ok_or(crate::Error::NotFound)?;
    let entry = audit::Entry::new("accounts.update_role").target(target(name));
    audit::record(tx, entry.reason("new with an update of the server").change(&before, &after))?;
    identities::forget_all(tx)?;
    Ok(true)
}

/// The names a role or a key may hold.
pub(super) fn known_permissions(cx: &Cx) -> BTreeSet<String> {
    cx.hall().registry().permissions().map(str::to_owned).collect()
}

/// The permissions there are.
pub async fn list_permissions(cx: &Cx, _: ListPermissions) -> Result<KnownPermissions, Error> {
    cx.require(ROLES)?;
    Ok(KnownPermissions { items: known_permissions(cx).into_iter().collect() })
}

/// Reads names of permissions that somebody wants to give away: known ones, and none beyond their own.
pub(super) fn givable(cx: &Cx, path: &str, names: &[String]) -> Result<Vec<String>, Error> {
    let known = known_permissions(cx);
    if let Some(unknown) = names.iter().find(|name| *name != Permissions::ALL && !known.contains(*name)) {
        let message = format!("there is no permission {unknown}: see `accounts.permissions`");
        return Err(crate::Error::field(path, "not_a_choice", message).into());
    }
    let names: BTreeSet<String> = names.iter().cloned().collect();
    require_own(cx, names.iter().cloned())?;
    Ok(names.into_iter().collect())
}

/// Nobody gives what they may not do themselves.
fn require_own(cx: &Cx, names: impl IntoIterator<Item = String>) -> Result<(), Error> {
    let wanted = Permissions::new(names);
    match cx.caller() {
        Caller::Server => Ok(()),
        Caller::Member(identity) if identity.permissions.cover(&wanted) => Ok(()),
        Caller::Member(_) | Caller::Nobody => Err(Error::BeyondOwn),
    }
}

/// Nobody changes the account of somebody who may do what they may not.
pub(super) fn require_no_less_than(tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), Error> {
    let (theirs, _) = identities::permissions(tx, user, Timestamp::MAX)?;
    require_own(tx.cx(), theirs.names().map(str::to_owned))
}

/// Makes a change after which somebody must still be there who may do everything, for good. Two such changes at once are made
/// one after the other.
pub(super) fn keeping_an_administrator<T>(
    tx: &mut Tx<'_, '_>,
    change: impl FnOnce(&mut Tx<'_, '_>) -> Result<T, Error>,
) -> Result<T, Error> {
    store::lock(tx)?;
    let before = store::lasting_administrators(tx)?;
    let answer = change(tx)?;
    if before > 0 && store::lasting_administrators(tx)? == 0 {
        return Err(Error::LastAdministrator);
    }
    Ok(answer)
}

/// All roles.
pub async fn list_roles(cx: &Cx, _: ListRoles) -> Result<Roles, Error> {
    cx.require(ROLES)?;
    cx.read(|tx| Ok(Roles { items: store::roles(tx)? })).await
}

/// The names of all roles.
pub(super) fn names(tx: &mut Tx<'_, '_>) -> Result<Vec<String>, crate::Error> {
    Ok(store::roles(tx)?.into_iter().map(|role| role.name).collect())
}

/// Makes a role.
pub async fn create_role(cx: &Cx, input: CreateRole) -> Result<Role, Error> {
    cx.require(ROLES)?;
    let permissions = givable(cx, "/permissions", &input.permissions)?;
    cx.mutate(move |tx| {
        if store::count(tx)? >= limits::ROLES_MAX {
            return Err(Error::TooManyRoles);
        }
        store::insert(tx, &input.name, &input.about)?;
        store::set_permissions(tx, &input.name, permissions.iter().map(String::as_str))?;
        let role = store::role(tx, &input.name)?.ok_or(crate::Error::NotFound)?;
        let entry =
            audit::Entry::new("accounts.create_role").target(target(&input.name)).reason(&input.reason);
        audit::record(tx, entry.change(&(), &role))?;
        Ok(role)
    })
    .await
}

/// Changes a role. Who has it can do what it says from the next request on.
pub async fn update_role(cx: &Cx, input: UpdateRole) -> Result<Role, Error> {
    cx.require(ROLES)?;
    let wanted = input.permissions.as_deref().map(|names| givable(cx, "/permissions", names)).transpose()?;
    cx.mutate(move |tx| {
        let before = store::role(tx, &input.name)?.ok_or(crate::Error::NotFound)?;
        if input.if_version.is_some_and(|version| version != before.version) {
            return Err(crate::Error::VersionConflict { version: before.version }.into());
        }
        let is_same = wanted.as_ref().is_none_or(|wanted| *wanted == before.permissions)
            && input.about.as_ref().is_none_or(|about| *about == before.about);
        if is_same {
            return Ok(before);
        }
        if let Some(permissions) = &wanted {
            if input.name == ADMINISTRATOR {
                return Err(Error::RoleSeeded);
            }
            // What somebody may not do themselves they may not take from others either.
            require_own(tx.cx(), before.permissions.iter().cloned())?;
            keeping_an_administrator(tx, |tx| {
                Ok(store::set_permissions(tx, &input.name, permissions.iter().map(String::as_str))?)
            })?;
        }
        store::update(tx, &input.name, input.about.as_ref().unwrap_or(&before.about))?;
        let role = store::role(tx, &input.name)?.ok_or(crate::Error::NotFound)?;
        let entry =
            audit::Entry::new("accounts.update_role").target(target(&input.name)).reason(&input.reason);
        audit::record(tx, entry.change(&before, &role))?;
        identities::forget_all(tx)?;
        Ok(role)
    })
    .await
}

/// Deletes a role that nobody has.
pub async fn delete_role(cx: &Cx, input: DeleteRole) -> Result<(), Error> {
    cx.require(ROLES)?;
    cx.mutate(move |tx| {
        let role = store::role(tx, &input.name)?.ok_or(crate::Error::NotFound)?;
        if role.is_seeded {
            return Err(Error::RoleSeeded);
        }
        store::delete(tx, &input.name)?;
        let entry =
            audit::Entry::new("accounts.delete_role").target(target(&input.name)).reason(&input.reason);
        audit::record(tx, entry.change(&role, &()))?;
        Ok(())
    })
    .await
}

fn target(role: &str) -> String {
    format!("role:{role}")
}

/// Gives a user a role.
pub async fn grant_role(cx: &Cx, input: GrantRole) -> Result<Grant, Error> {
    cx.require(GRANT)?;
    if input.ends_at.is_some_and(|ends_at| ends_at <= cx.now()) {
        return Err(crate::Error::field("/ends_at", "too_small", "this time is over").into());
    }
    cx.mutate(move |tx| grant(tx, &input)).await
}

pub(super) fn grant(tx: &mut Tx<'_, '_>, input: &GrantRole) -> Result<Grant, Error> {
    credentials::find_by_id(tx, input.user_id)?.ok_or(crate::Error::NotFound)?;
    let role = store::role(tx, &input.role)?.ok_or(crate::Error::NotFound)?;
    require_own(tx.cx(), role.permissions)?;
    let before = store::find_grant(tx, input.user_id, &input.role)?;
    if let Some(same) = before.as_ref().filter(|grant| grant.ends_at == input.ends_at) {
        return Ok(same.clone());
    }
    let grant = Grant {
        id: before.as_ref().map_or_else(|| tx.cx().new_id(), |grant| grant.id),
        user_id: input.user_id,
        role: input.role.clone(),
        granted_by: tx.cx().user(),
        reason: input.reason.clone(),
        created_at: tx.now(),
        ends_at: input.ends_at,
    };
    keeping_an_administrator(tx, |tx| Ok(store::put_grant(tx, &grant)?))?;
    let entry = audit::Entry::new("accounts.grant_role").user(input.user_id).reason(&input.reason);
    audit::record(tx, entry.change(&before, &grant))?;
    users::changed(tx, input.user_id)?;
    Ok(grant)
}

/// Whether somebody may do everything, for good.
pub(super) fn has_administrator(tx: &mut Tx<'_, '_>) -> Result<bool, Error> {
    store::lock(tx)?;
    Ok(store::lasting_administrators(tx)? > 0)
}

/// Makes a user the first administrator. The only grant that asks nobody's leave: whoever calls has shown the server's token.
pub(super) fn install_administrator(tx: &mut Tx<'_, '_>, user: UserId, reason: &str) -> Result<(), Error> {
    let (id, created_at) = (tx.cx().new_id(), tx.now());
    let (role, reason) = (ADMINISTRATOR.to_owned(), reason.to_owned());
    let grant = Grant { id, user_id: user, role, granted_by: None, reason, created_at, ends_at: None };
    store::put_grant(tx, &grant)?;
    audit::record(tx, audit::Entry::new("accounts.claim_administrator").user(user).change(&(), &grant))?;
    Ok(())
}

/// Takes a role from a user.
pub async fn revoke_role(cx: &Cx, input: RevokeRole) -> Result<(), Error> {
    cx.require(GRANT)?;
    cx.mutate(move |tx| {
        let before = store::find_grant(tx, input.user_id, &input.role)?.ok_or(crate::Error::NotFound)?;
        if let Some(role) = store::role(tx, &input.role)? {
            require_own(tx.cx(), role.permissions)?;
        }
        keeping_an_administrator(tx, |tx| Ok(store::delete_grant(tx, before.id)?))?;
        let entry = audit::Entry::new("accounts.revoke_role").user(input.user_id).reason(&input.reason);
        audit::record(tx, entry.change(&before, &()))?;
        users::changed(tx, input.user_id)?;
        Ok(())
    })
    .await
}

/// Who has roles, the oldest grant first.
pub async fn list_grants(cx: &Cx, input: ListGrants) -> Result<Page<Grant>, Error> {
    cx.require(GRANT)?;
    let limit = input.limit.map_or(limits::PAGE_ITEMS_DEFAULT, |limit| limit as usize);
    let after: Option<GrantId> = match &input.cursor {
        Some(cursor) => Some(cursor.key().ok_or_else(crate::Error::wrong_cursor)?),
        None => None,
    };
    let grants = cx.read(move |tx| store::list_grants(tx, &input, after, limit + 1)).await?;
    Ok(Page::cut(grants, limit, |last| Cursor::of(&last.id)))
}
