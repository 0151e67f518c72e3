//! Users: who they are to themselves, to others and to staff; their names; searching.
//!
//! Start at [`User`] for what is shown to whom, [`rename`] for how a name changes hands, and `search.rs` for the list. Other
//! contexts ask for [`summaries()`], which are kept in memory, as are the accounts of those who read their own: whoever
//! changes a user calls [`changed`], or at least [`identities::forget`].

mod search;
mod store;
mod summaries;
#[cfg(test)]
mod tests;

use std::time::Duration;

use moothall_protocol::accounts::{
    FormerName, GetMe, GetUser, ListNames, Me, Rename, UpdateUser, User, UserRecord,
};
use moothall_protocol::limits::PAGE_ITEMS_DEFAULT;
use moothall_protocol::{Cursor, Event, Page, Timestamp, UserId};
use serde_json::{Map, Value};
use uuid::Uuid;

pub(crate) use search::STATEMENTS as SEARCH_STATEMENTS;
pub use search::list;
pub(crate) use store::STATEMENTS;
pub(super) use store::find;
pub(super) use store::names as former_names;
pub(super) use summaries::Known;
pub(crate) use summaries::{living, living_kept, silent};
pub use summaries::{summaries, summary};

use super::credentials::{self, Email};
use super::names::{self, Name};
use super::{Error, Verification, email, identities, roles, sign_in, sign_up};
use crate::cx::{Cx, Tx};
use crate::hooks::{self, RenameAttempt};
use crate::operation::{Access, Operations, Rate};
use crate::restrictions::types::RENAME;
use crate::restrictions::{self, Scope};
use crate::{Hall, Permission, Topic, audit};

use store::Account;

/// Searches users by any field, and sees their records in the list.
pub const SEARCH: Permission = Permission("users.search");
/// Sees a user's record and former names.
pub const READ: Permission = Permission("users.read");
/// Changes users and their extra data.
pub const EDIT: Permission = Permission("users.edit");

/// Summaries kept in memory.
pub(super) const SUMMARIES_MAX: u64 = 100_000;
/// Own accounts kept in memory.
pub(super) const OWN_MAX: u64 = 20_000;

/// The user in whose name the server itself speaks. Nobody can sign in as this.
pub const SYSTEM: UserId = UserId::from_uuid(Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0001));

/// Adds the operations of this part.
pub(super) fn offer(operations: Operations) -> Operations {
    operations
        .get("/me", "accounts.me", Access::Player, me)
        .post("/me/name", "accounts.rename", Access::Player, rename)
        .get("/users", "accounts.list_users", Access::Player, list)
        .get("/users/{user_id}", "accounts.get_user", Access::Player, get)
        .patch("/users/{user_id}", "accounts.update_user", Access::Permission(EDIT), update)
        .rate(Rate::Admin)
        .get("/users/{user_id}/names", "accounts.list_names", Access::Permission(READ), list_names)
        .rate(Rate::Admin)
}

/// Makes the system user, where it is not there yet.
pub(super) async fn start(hall: &Hall) -> Result<(), crate::Error> {
    Cx::server(hall).write(|tx| store::insert_system(tx, SYSTEM, "System")).await
}

/// A user's own account, as it stays until it is changed or this time has come.
#[derive(Clone, Debug)]
pub(super) struct Own {
    me: Me,
    until: Timestamp,
}

/// The caller's own account.
pub async fn me(cx: &Cx, _: GetMe) -> Result<Me, Error> {
    let user = cx.require_user()?;
    if let Some(me) = own_kept(cx, user) {
        return Ok(me);
    }
    let kept = &cx.hall().accounts().own;
    let changes = kept.changes();
    let own = cx.read(move |tx| read_own(tx, user)).await?;
    kept.keep(user, own.clone(), changes);
    Ok(own.me)
}

/// A user's own account, if it was read lately and is still as it was.
pub(crate) fn own_kept(cx: &Cx, user: UserId) -> Option<Me> {
    let own = cx.hall().accounts().own.find(user)?;
    (cx.now() < own.until).then_some(own.me)
}

/// A user, as the caller may see them.
pub async fn get(cx: &Cx, input: GetUser) -> Result<User, Error> {
    let is_staff = cx.can(READ);
    cx.read(move |tx| {
        let account = find(tx, input.user_id)?.ok_or(crate::Error::NotFound)?;
        shown(tx, vec![account], is_staff)?.pop().ok_or(crate::Error::NotFound.into())
    })
    .await
}

/// The users as others see them, with their records if the reader is staff.
fn shown(tx: &mut Tx<'_, '_>, accounts: Vec<Account>, is_staff: bool) -> Result<Vec<User>, crate::Error> {
    let ids: Vec<UserId> = accounts.iter().map(|account| account.user.id).collect();
    let mut roles = if is_staff { store::roles(tx, &ids)? } else { Default::default() };
    let show = |Account { user, record, .. }: Account| {
        let roles = roles.remove(&user.id).unwrap_or_default();
        let record = is_staff.then(|| Box::new(UserRecord { roles, ..record }));
        User { record, ..user }
    };
    Ok(accounts.into_iter().map(show).collect())
}

/// A user's own account, within a transaction.
pub(crate) fn own(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Me, Error> {
    Ok(read_own(tx, user)?.me)
}

fn read_own(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Own, Error> {
    let Account { user, record, .. } = find(tx, user)?.ok_or(crate::Error::NotFound)?;
    let rename_after = record.renamed_at.map(|at| at + cooldown(tx.cx())).filter(|at| *at > tx.now());
    let (email_pending, pending_until) = email::pending(tx, user.id)?.unzip();
    let held = store::held(tx, user.id)?;
    let until = rename_after.into_iter().chain(pending_until).fold(held.until, Timestamp::min);
    let me = Me {
        email_pending,
        id: user.id,
        name: user.name,
        is_guest: user.is_guest,
        is_bot: user.is_bot,
        email: record.email,
        is_email_verified: record.email_verified_at.is_some(),
        roles: held.roles.into_iter().collect(),
        permissions: held.permissions.into_iter().collect(),
        created_at: user.created_at,
        rename_after,
        delete_after: record.delete_after,
        version: user.version,
    };
    Ok(Own { me, until })
}

/// Counts a change of an account, and tells it to the user's sessions once it is committed. Returns the account as it is now.
pub(super) fn changed(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Me, Error> {
    touched(tx, user)?;
    let me = own(tx, user)?;
    tell(tx, &me);
    Ok(me)
}

/// The user has changed: nobody is shown them as they were. Part of [`identities::forget`].
pub(super) fn forget_now(hall: &Hall, user: UserId) {
    hall.accounts().summaries.forget(user);
    hall.accounts().own.forget(user);
}

/// What anybody may do has changed.
pub(super) fn forget_all_now(hall: &Hall) {
    hall.accounts().own.forget_all();
}

fn touched(tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), Error> {
    store::touch(tx, user)?;
    Ok(identities::forget(tx, user)?)
}

fn tell(tx: &mut Tx<'_, '_>, me: &Me) {
    tx.emit(Topic::User(me.id), Event::AccountUpdated(Box::new(me.clone())));
}

/// The name a user had, and since when they could not change it again.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct NamedBefore {
    name: String,
    renamed_at: Option<Timestamp>,
}

/// Gives a user another name in the name of moderation: this one, or one the server makes up. They do not change it again for a while.
pub(crate) fn rename_by_staff(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    name: Option<&Name>,
) -> Result<(NamedBefore, String), Error> {
    let account = find(tx, user)?.ok_or(crate::Error::NotFound)?;
    let name = match name {
        Some(name) => name.clone(),
        None => {
            let made_up = Name::of_guest(tx.cx().random(), 1);
            sign_up::free_name(tx, made_up)?
        }
    };
    let now = tx.now();
    take_name(tx, &account, &name, Some(now))?;
    changed(tx, user)?;
    let before = NamedBefore { name: account.user.name, renamed_at: account.record.renamed_at };
    Ok((before, name.display))
}

/// Gives a user the name back that [`rename_by_staff`] took, unless they have another than that gave them. Where that is somebody else's by
/// now, or none to have any more, they may choose another at once. Returns whether all is as it was.
pub(crate) fn restore_name(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    before: &NamedBefore,
    after: &str,
) -> Result<bool, Error> {
    let account = find(tx, user)?.ok_or(crate::Error::NotFound)?;
    if account.user.name != after {
        return Ok(true);
    }
    let is_back = match Name::parse(&before.name) {
        Ok(name) => match take_name(tx, &account, &name, before.renamed_at) {
            Ok(()) => true,
            Err(Error::NameTaken) => false,
            Err(error) => return Err(error),
        },
        Err(_) => false,
    };
    if !is_back {
        // Taking a name begins with letting go of the one they have.
        let kept = Name::parse(&account.user.name)?;
        names::claim(tx, user, &kept)?;
        store::rename(tx, user, &kept, None)?;
    }
    changed(tx, user)?;
    Ok(is_back)
}

/// By what accounts are compared.
#[derive(Clone, Debug)]
pub(crate) struct Likeness {
    pub user: UserId,
    pub name: String,
    pub email: Option<String>,
    pub created_at: Timestamp,
}

/// Whether a user is the caller, a bot of theirs, or the owner of the bot that calls.
pub(crate) fn is_oneself(tx: &mut Tx<'_, '_>, user: UserId) -> Result<bool, crate::Error> {
    match tx.cx().user() {
        None => Ok(false),
        Some(me) => Ok(me == user || store::person(tx, me)? == store::person(tx, user)?),
    }
}

/// All accounts that are the caller to [`is_oneself`].
pub(crate) fn oneself(tx: &mut Tx<'_, '_>) -> Result<Vec<UserId>, crate::Error> {
    match tx.cx().user() {
        None => Ok(Vec::new()),
        Some(me) => of_same_person(tx, me),
    }
}

/// All accounts of the person one account belongs to: theirs and their bots', whichever of these it is.
pub(crate) fn of_same_person(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Vec<UserId>, crate::Error> {
    let person = store::person(tx, user)?;
    store::with_bots(tx, person)
}

/// What accounts are known by, but for those that were erased.
pub(crate) fn likenesses(tx: &mut Tx<'_, '_>, users: &[UserId]) -> Result<Vec<Likeness>, crate::Error> {
    store::likenesses(tx, users)
}

/// A user with their record, within a transaction.
pub(super) fn for_staff(tx: &mut Tx<'_, '_>, user: UserId) -> Result<User, Error> {
    let account = find(tx, user)?.ok_or(crate::Error::NotFound)?;
    shown(tx, vec![account], true)?.pop().ok_or(crate::Error::NotFound.into())
}

fn cooldown(cx: &Cx) -> Duration {
    days(cx.hall().settings().accounts.rename_days)
}

pub(super) fn days(days: u32) -> Duration {
    Duration::from_secs(u64::from(days) * 24 * 3600)
}

/// Gives the caller another name, if the last change is long enough ago.
pub async fn rename(cx: &Cx, input: Rename) -> Result<Me, Error> {
    let user = cx.require_user()?;
    restrictions::check(cx, RENAME, Scope::ANYWHERE).await?;
    let name = Name::chosen(cx, &input.name)?;
    let attempt = RenameAttempt { user, name: name.display.clone() };
    hooks::ask(cx.hall().hooks().before_rename(cx, &attempt)).await?;
    confirm_owner(cx, user, input.password.as_deref()).await?;
    cx.mutate(move |tx| if rename_within(tx, user, &name)? { changed(tx, user) } else { own(tx, user) }).await
}

/// Gives a user the name they ask for, if the last change is long enough ago. A name the server made up is left without
/// waiting, and is the next guest's at once. Returns whether it is another name than before.
pub(super) fn rename_within(tx: &mut Tx<'_, '_>, user: UserId, name: &Name) -> Result<bool, Error> {
    let account = find(tx, user)?.ok_or(crate::Error::NotFound)?;
    if account.user.name == name.display {
        return Ok(false);
    }
    let now = tx.now();
    if account.is_name_made_up {
        names::release(tx, user, now)?;
        if !names::claim(tx, user, name)? {
            return Err(Error::NameTaken);
        }
        store::rename(tx, user, name, None)?;
        return Ok(true);
    }
    if let Some(until) = account.record.renamed_at.map(|at| at + cooldown(tx.cx()))
        && until > now
    {
        return Err(Error::RenameTooSoon { until });
    }
    take_name(tx, &account, name, Some(now))?;
    Ok(true)
}

/// Asks for the password of an account that has one: a stolen session must not be enough to take the account over. Returns
/// whether it has one.
pub(super) async fn confirm_owner(cx: &Cx, user: UserId, password: Option<&str>) -> Result<bool, Error> {
    let account = cx.read(move |tx| find(tx, user)).await?.ok_or(crate::Error::NotFound)?;
    if !account.record.has_password {
        return Ok(false);
    }
    let password =
        password.ok_or_else(|| crate::Error::field("/password", "required", "say your current password"))?;
    sign_in::confirm_password(cx, user, password).await?;
    Ok(true)
}

/// Moves a user to another name. The old one is held for them for a while.
pub(super) fn take_name(
    tx: &mut Tx<'_, '_>,
    account: &Account,
    name: &Name,
    renamed_at: Option<Timestamp>,
) -> Result<(), Error> {
    let user = account.user.id;
    let held_until = tx.now() + days(tx.cx().hall().settings().accounts.name_hold_days);
    names::release(tx, user, held_until)?;
    if !names::claim(tx, user, name)? {
        return Err(Error::NameTaken);
    }
    store::insert_name(tx, user, &account.user.name)?;
    store::rename(tx, user, name, renamed_at)
}

/// Changes a user in the name of staff. Everything but the password: that is nobody's to choose but the user's. Who may do
/// more than the caller is not the caller's to change: with another address would come a new password.
pub async fn update(cx: &Cx, input: UpdateUser) -> Result<User, Error> {
    cx.require(EDIT)?;
    let name = input.name.as_deref().map(|name| Name::chosen(cx, name)).transpose()?;
    let email = input.email.as_deref().map(Email::parse).transpose()?;
    cx.mutate(move |tx| {
        let before = find(tx, input.user_id)?
            .filter(|account| !account.user.is_erased && account.user.id != SYSTEM)
            .ok_or(crate::Error::NotFound)?;
        let version = before.user.version;
        if input.if_version.is_some_and(|expected| expected != version) {
            return Err(crate::Error::VersionConflict { version }.into());
        }
        roles::require_no_less_than(tx, input.user_id)?;
        let seen_before = own(tx, input.user_id)?;
        let renamed = name.as_ref().filter(|name| name.display != before.user.name);
        if let Some(name) = renamed {
            take_name(tx, &before, name, before.record.renamed_at)?;
        }
        let after = updated(tx, &before.record, &input, email.as_ref())?;
        if after == before.record && renamed.is_none() {
            return for_staff(tx, input.user_id);
        }
        let is_open = tx.cx().hall().settings().accounts.verification != Verification::Email;
        let email_key = match &after.email {
            Some(email) if after.email_verified_at.is_some() || is_open => Some(Email::key_of(email)),
            _ if email.is_some() => None,
            _ => store::email_key(tx, input.user_id)?,
        };
        if let Some(key) = email_key.as_deref().filter(|_| email.is_some()) {
            credentials::require_free(tx, key, input.user_id)?;
        }
        store::update(tx, input.user_id, &after, email_key.as_deref())?;
        if after.email != before.record.email {
            email::replaced_by_staff(tx, &before.user, before.record.email.as_deref())?;
        }
        touched(tx, input.user_id)?;
        let seen_after = own(tx, input.user_id)?;
        // What a user must not notice makes no event either.
        if seen_after != (Me { version: seen_after.version, ..seen_before }) {
            tell(tx, &seen_after);
        }
        let now = find(tx, input.user_id)?.ok_or(crate::Error::NotFound)?;
        let entry = audit::Entry::new("accounts.update_user").user(input.user_id).reason(&input.reason);
        let (was, is) = difference(&before, &now)?;
        audit::record(tx, entry.change(&was, &is))?;
        shown(tx, vec![now], true)?.pop().ok_or(crate::Error::NotFound.into())
    })
    .await
}

/// What changed, as it was and as it is. The audit log is for ever, so nothing else of the user gets there, and of an address
/// only that it is another.
fn difference(before: &Account, after: &Account) -> Result<(Map<String, Value>, Map<String, Value>), Error> {
    let fields = |account: &Account| match serde_json::to_value(&account.record) {
        Ok(Value::Object(mut fields)) => {
            fields.insert("name".into(), account.user.name.clone().into());
            fields.remove("updated_at");
            Ok(fields)
        }
        Ok(_) => Ok(Map::new()),
        Err(error) => Err(crate::Error::internal(error)),
    };
    let (mut was, mut is) = (fields(before)?, fields(after)?);
    was.retain(|field, value| is.get(field) != Some(value));
    is.retain(|field, _| was.contains_key(field));
    for (fields, word) in [(&mut was, "another"), (&mut is, "changed")] {
        if let Some(email) = fields.get_mut("email") {
            *email = word.into();
        }
    }
    Ok((was, is))
}

fn updated(
    tx: &mut Tx<'_, '_>,
    before: &UserRecord,
    input: &UpdateUser,
    email: Option<&Email>,
) -> Result<UserRecord, Error> {
    let now = tx.now();
    let marked = |mark: Option<bool>, at: Option<Timestamp>| match mark {
        None => at,
        Some(true) => at.or(Some(now)),
        Some(false) => None,
    };
    let alternate_of = match (input.alternate_of, input.is_alternate) {
        (Some(_), Some(false)) => {
            return Err(crate::Error::field("/is_alternate", "invalid", "leave out one of the two").into());
        }
        (Some(original), _) => {
            // The original of all is meant, so no two can be each other's.
            let found = find(tx, original)?
                .filter(|found| original != input.user_id && found.record.alternate_of.is_none());
            found.ok_or_else(|| {
                crate::Error::field("/alternate_of", "invalid", "there is no such other user")
            })?;
            Some(original)
        }
        (None, Some(true)) if before.alternate_of.is_none() => {
            return Err(crate::Error::field("/alternate_of", "required", "say of which account").into());
        }
        (None, Some(false)) => None,
        (None, _) => before.alternate_of,
    };
    // An address that staff set is verified by that, unless they say otherwise.
    let verified = marked(input.is_email_verified.or(email.map(|_| true)), before.email_verified_at);
    Ok(UserRecord {
        email: email.map(|email| email.display.clone()).or_else(|| before.email.clone()),
        email_verified_at: verified,
        approved_at: marked(input.is_approved, before.approved_at),
        behaviour_score: input.behaviour_score.unwrap_or(before.behaviour_score),
        trust_score: input.trust_score.unwrap_or(before.trust_score),
        social_score: input.social_score.unwrap_or(before.social_score),
        alternate_of,
        ..before.clone()
    })
}

/// The names a user had, the latest first.
pub async fn list_names(cx: &Cx, input: ListNames) -> Result<Page<FormerName>, Error> {
    cx.require(READ)?;
    let limit = input.limit.map_or(PAGE_ITEMS_DEFAULT, |limit| limit as usize);
    let before = match &input.cursor {
        Some(cursor) => cursor.key::<(Timestamp, Uuid)>().ok_or_else(crate::Error::wrong_cursor)?,
        None => (Timestamp::MAX, Uuid::max()),
    };
    cx.read(move |tx| {
        find(tx, input.user_id)?.ok_or(crate::Error::NotFound)?;
        let rows = store::names(tx, input.user_id, before, limit + 1)?;
        let page = Page::cut(rows, limit, |(id, name)| Cursor::of(&(name.until, id)));
        Ok(Page { items: page.items.into_iter().map(|(_, name)| name).collect(), next: page.next })
    })
    .await
}

/// The users played just now. Whoever runs matches calls this in the transaction that ends one.
pub fn stamp_played(tx: &mut Tx<'_, '_>, users: &[UserId], at: Timestamp) -> Result<(), crate::Error> {
    store::stamp_played(tx, users, at)
}
