//! Giving users everything that is kept of them: see [`crate::export`].

#[cfg(test)]
mod tests;

use moothall_protocol::accounts::{
    ExportMe, ExportPage, ExportSection, ExportUser, FormerName, Grant, ListGrants,
};
use moothall_protocol::limits::PAGE_ITEMS_DEFAULT;
use moothall_protocol::{Cursor, GrantId, Timestamp, UserId};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Error, extra, identities, keys, roles, sessions, users};
use crate::cx::{Cx, Tx};
use crate::export::{Part, Section, place};
use crate::operation::{Access, Operations, Rate};
use crate::{Permission, audit, hall, json as values};

/// Has everything that is kept of others.
pub const EXPORT: Permission = Permission("accounts.export");

/// Adds the operations of this part.
pub(super) fn offer(operations: Operations) -> Operations {
    operations
        .get("/me/export", "accounts.export_me", Access::Player, export_me)
        .open_to_restricted()
        .post("/users/{user_id}/export", "accounts.export_user", Access::Permission(EXPORT), export_user)
        .rate(Rate::Admin)
}

/// A part of a section.
struct Asked {
    section: Option<String>,
    cursor: Option<Cursor>,
    limit: usize,
}

/// Gives the caller a part of what is kept of them. Also to whoever may not sign in otherwise.
pub async fn export_me(cx: &Cx, input: ExportMe) -> Result<ExportPage, Error> {
    let user = identities::require_session(cx)?.user_id;
    let asked = Asked {
        section: input.section,
        cursor: input.cursor,
        limit: input.limit.unwrap_or(PAGE_ITEMS_DEFAULT),
    };
    cx.read(move |tx| read(tx, user, &asked)).await
}

/// Gives staff the same of a user, for one who cannot ask for it themselves. Every part is audited.
pub async fn export_user(cx: &Cx, input: ExportUser) -> Result<ExportPage, Error> {
    cx.require(EXPORT)?;
    let ExportUser { user_id, section, cursor, limit, reason } = input;
    let asked = Asked { section, cursor, limit: limit.unwrap_or(PAGE_ITEMS_DEFAULT) };
    cx.mutate(move |tx| {
        roles::require_no_less_than(tx, user_id)?;
        let page = read(tx, user_id, &asked)?;
        let entry = audit::Entry::new("accounts.export_user").user(user_id).reason(&reason);
        audit::record(tx, entry.after(&json!({ "section": page.section })))?;
        Ok::<_, Error>(page)
    })
    .await
}

fn read(tx: &mut Tx<'_, '_>, user: UserId, asked: &Asked) -> Result<ExportPage, Error> {
    let account = users::find(tx, user)?.filter(|account| !account.user.is_erased && user != users::SYSTEM);
    if account.is_none() {
        return Err(crate::Error::NotFound.into());
    }
    let all = hall::exports();
    let begun: Option<(String, Value)> = match &asked.cursor {
        Some(cursor) => Some(cursor.key().ok_or_else(crate::Error::wrong_cursor)?),
        None => None,
    };
    let (name, from) = match (begun, &asked.section) {
        (Some((name, _)), Some(section)) if name != *section => {
            return Err(crate::Error::wrong_cursor().into());
        }
        (Some((name, from)), _) => (Some(name), Some(from)),
        (None, section) => (section.clone(), None),
    };
    let at = match &name {
        Some(name) => all.iter().position(|section| section.name == name),
        None => Some(0),
    };
    let unknown = || crate::Error::field("/section", "not_found", "there is no such section");
    let at = at.ok_or_else(unknown)?;
    let section = all.get(at).ok_or_else(unknown)?;
    let part = (section.page)(tx, user, from, asked.limit)?;
    let following = all.get(at + 1).filter(|_| asked.section.is_none());
    let next = match (part.next, following) {
        (Some(place), _) => Some(Cursor::of(&(section.name, place))),
        (None, Some(following)) => Some(Cursor::of(&(following.name, Value::Null))),
        (None, None) => None,
    };
    let sections = if asked.cursor.is_none() { all.iter().map(described).collect() } else { Vec::new() };
    Ok(ExportPage { section: section.name.to_owned(), items: part.items, next, sections })
}

fn described(section: &Section) -> ExportSection {
    ExportSection { name: section.name.to_owned(), about: section.about.to_owned() }
}

/// The account: all of it but what staff thinks of the user, and secrets.
pub(crate) fn account(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    _: Option<Value>,
    _: usize,
) -> Result<Part, crate::Error> {
    let own = users::own(tx, user).map_err(Error::into_common)?;
    let found = users::find(tx, user).map_err(Error::into_common)?.ok_or(crate::Error::NotFound)?;
    let mut account = values::value(&own)?;
    if let Value::Object(fields) = &mut account {
        let record = found.record;
        let times = [
            ("email_verified_at", record.email_verified_at),
            ("renamed_at", record.renamed_at),
            ("last_login_at", record.last_login_at),
            ("last_logout_at", record.last_logout_at),
            ("last_played_at", record.last_played_at),
        ];
        for (name, at) in times {
            fields.insert(name.to_owned(), values::value(&at)?);
        }
    }
    Part::whole([account])
}

pub(crate) fn former_names(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    from: Option<Value>,
    limit: usize,
) -> Result<Part, crate::Error> {
    let before = place(from, (Timestamp::MAX, Uuid::max()))?;
    let rows = users::former_names(tx, user, before, limit + 1).map_err(Error::into_common)?;
    // Who changed it may be staff.
    let shown = |(_, name): (Uuid, FormerName)| json!({ "name": name.name, "until": name.until });
    Part::cut_shown(rows, limit, |(id, name)| (name.until, *id), shown)
}

pub(crate) fn signed_in(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    _: Option<Value>,
    _: usize,
) -> Result<Part, crate::Error> {
    let current = tx.cx().identity().map(|identity| identity.session_id);
    Part::whole(sessions::all_of(tx, user, current)?)
}

pub(crate) fn keyed(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    _: Option<Value>,
    _: usize,
) -> Result<Part, crate::Error> {
    Part::whole(keys::all_of(tx, user)?)
}

pub(crate) fn granted(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    from: Option<Value>,
    limit: usize,
) -> Result<Part, crate::Error> {
    let after = place(from, GrantId::from_uuid(Uuid::nil()))?;
    let wanted = ListGrants { user_id: Some(user), ..ListGrants::default() };
    let grants = roles::grants_of(tx, &wanted, Some(after), limit + 1)?;
    // Who gave it, and why, is between staff.
    let shown = |grant: Grant| json!({ "role": grant.role, "created_at": grant.created_at, "ends_at": grant.ends_at });
    Part::cut_shown(grants, limit, |grant| grant.id, shown)
}

/// Extra data: all of it, whoever may read it elsewhere but the user themselves.
pub(crate) fn extra_data(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    from: Option<Value>,
    limit: usize,
) -> Result<Part, crate::Error> {
    let after: String = place(from, String::new())?;
    let entries = extra::export(tx, user, &after, limit + 1).map_err(Error::into_common)?;
    Part::cut(entries, limit, |entry| entry.key.clone())
}
