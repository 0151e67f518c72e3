//! Extra data: what a game or a tool keeps of a user, by key, each entry with its audience.
//!
//! Start at [`put`]. Entries are versioned, so two writers never undo each other unknowingly, and bounded in number, size
//! and depth. What staff or a host wrote stays theirs: a player cannot promote themselves by writing over it.

mod store;
#[cfg(test)]
mod tests;

use moothall_protocol::UserId;
use moothall_protocol::accounts::{Audience, DeleteExtra, Extra, ExtraList, GetExtra, ListExtra, PutExtra};
use moothall_protocol::limits::{
    EXTRA_BYTES_MAX, EXTRA_ENTRIES_MAX, EXTRA_KEY_LENGTH_MAX, EXTRA_NESTING_MAX,
};

pub(crate) use store::STATEMENTS;
pub(super) use store::{export, forget};

use super::users::{self, EDIT, SYSTEM};
use super::{Error, HOST};
use crate::cx::{Cx, Tx};
use crate::operation::{Access, Operations};
use crate::restrictions::types::CHAT;
use crate::{audit, json, reach, restrictions};

/// Adds the operations of this part.
pub(super) fn offer(operations: Operations) -> Operations {
    operations
        .get("/users/{user_id}/extra", "accounts.list_extra", Access::Player, list)
        .get("/users/{user_id}/extra/{key}", "accounts.get_extra", Access::Player, get)
        .put("/users/{user_id}/extra/{key}", "accounts.put_extra", Access::Player, put)
        .delete("/users/{user_id}/extra/{key}", "accounts.delete_extra", Access::Player, delete)
}

/// What the caller is to the user whose data this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// Staff or a host: reads and writes everything.
    Staff,
    Owner,
    Friend,
    Other,
}

impl Side {
    fn of(cx: &Cx, user: UserId) -> Self {
        if cx.can(EDIT) || cx.can(HOST) {
            Self::Staff
        } else if cx.user() == Some(user) {
            Self::Owner
        } else {
            Self::Other
        }
    }

    /// The same, for who only reads: friends read what others do not.
    async fn of_reader(cx: &Cx, user: UserId) -> Result<Self, crate::Error> {
        match (Self::of(cx, user), cx.user()) {
            (Self::Other, Some(reader)) if reach::is_friend(cx, reader, user).await? => Ok(Self::Friend),
            (side, _) => Ok(side),
        }
    }

    fn may_read(self, audience: Audience) -> bool {
        match audience {
            Audience::Public => true,
            Audience::Friends => self != Self::Other,
            Audience::Owner => matches!(self, Self::Owner | Self::Staff),
            Audience::Staff => self == Self::Staff,
        }
    }
}

/// The keys of a user that the caller may read.
pub async fn list(cx: &Cx, input: ListExtra) -> Result<ExtraList, Error> {
    let side = Side::of_reader(cx, input.user_id).await?;
    cx.read(move |tx| {
        exists(tx, input.user_id)?;
        let items = store::list(tx, input.user_id)?;
        Ok(ExtraList { items: items.into_iter().filter(|entry| side.may_read(entry.audience)).collect() })
    })
    .await
}

/// An entry, if the caller may read it.
pub async fn get(cx: &Cx, input: GetExtra) -> Result<Extra, Error> {
    let side = Side::of_reader(cx, input.user_id).await?;
    cx.read(move |tx| {
        let found = store::find(tx, input.user_id, &input.key)?;
        found.filter(|entry| side.may_read(entry.audience)).ok_or(crate::Error::NotFound.into())
    })
    .await
}

/// Writes an entry.
pub async fn put(cx: &Cx, input: PutExtra) -> Result<Extra, Error> {
    let side = writer(cx, input.user_id)?;
    check(&input)?;
    cx.mutate(move |tx| {
        exists(tx, input.user_id)?;
        let found = writable(tx, side, input.user_id, &input.key, input.if_version)?;
        let is_own = tx.cx().user() == Some(input.user_id);
        if found.is_none() && store::count(tx, input.user_id)? >= EXTRA_ENTRIES_MAX as u64 {
            return Err(Error::TooManyEntries);
        }
        let entry = Extra {
            key: input.key.clone(),
            audience: input
                .audience
                .or(found.as_ref().map(|found| found.audience))
                .unwrap_or(Audience::Owner),
            is_protected: side == Side::Staff && !is_own,
            value: input.value.clone(),
            version: found.as_ref().map_or(0, |found| found.version) + 1,
            updated_at: tx.now(),
        };
        if !side.may_read(entry.audience) {
            return Err(crate::Error::Forbidden.into());
        }
        if let Some(found) = found.as_ref().filter(|found| says_the_same(found, &entry)) {
            return Ok(found.clone());
        }
        let is_read = matches!(entry.audience, Audience::Public | Audience::Friends);
        if is_own && is_read && json::has_text(&entry.value) {
            restrictions::check_within(tx, input.user_id, CHAT)?;
        }
        store::put(tx, input.user_id, &entry)?;
        record(
            tx,
            "accounts.put_extra",
            input.user_id,
            input.reason.as_deref(),
            (found.as_ref(), Some(&entry)),
        )?;
        Ok(entry)
    })
    .await
}

/// Takes an entry away.
pub async fn delete(cx: &Cx, input: DeleteExtra) -> Result<(), Error> {
    let side = writer(cx, input.user_id)?;
    cx.mutate(move |tx| {
        let found =
            writable(tx, side, input.user_id, &input.key, input.if_version)?.ok_or(crate::Error::NotFound)?;
        store::delete(tx, input.user_id, &input.key)?;
        record(tx, "accounts.delete_extra", input.user_id, input.reason.as_deref(), (Some(&found), None))
    })
    .await
}

fn says_the_same(one: &Extra, other: &Extra) -> bool {
    (one.audience, one.is_protected, &one.value) == (other.audience, other.is_protected, &other.value)
}

/// Who may write at all.
fn writer(cx: &Cx, user: UserId) -> Result<Side, Error> {
    match Side::of(cx, user) {
        Side::Other | Side::Friend => Err(crate::Error::Forbidden.into()),
        side => Ok(side),
    }
}

fn exists(tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), Error> {
    let account = users::find(tx, user)?.filter(|account| !account.user.is_erased && user != SYSTEM);
    account.map(|_| ()).ok_or(crate::Error::NotFound.into())
}

/// The entry as it is, if the caller may write it and knows its newest version. What a player may not read is refused as what
/// they may not write: that there is something under the key is all they learn.
fn writable(
    tx: &mut Tx<'_, '_>,
    side: Side,
    user: UserId,
    key: &str,
    if_version: Option<i64>,
) -> Result<Option<Extra>, Error> {
    let found = store::find(tx, user, key)?;
    if side == Side::Owner && found.as_ref().is_some_and(|found| found.is_protected) {
        return Err(crate::Error::Forbidden.into());
    }
    let version = found.as_ref().map_or(0, |found| found.version);
    match if_version {
        Some(expected) if expected != version => Err(crate::Error::VersionConflict { version }.into()),
        _ => Ok(found),
    }
}

/// What others write about a user is audited; what users write about themselves is their own business.
fn record(
    tx: &mut Tx<'_, '_>,
    action: &'static str,
    user: UserId,
    reason: Option<&str>,
    (before, after): (Option<&Extra>, Option<&Extra>),
) -> Result<(), Error> {
    // Hosts write after every match: their key says enough.
    if tx.cx().user() == Some(user) || !tx.cx().can(EDIT) {
        return Ok(());
    }
    let entry = audit::Entry::new(action).user(user).said_why(reason)?;
    audit::record(tx, entry.change(&before, &after))?;
    Ok(())
}

/// The rules of keys and values, also for programs that come through no door.
fn check(input: &PutExtra) -> Result<(), crate::Error> {
    let is_key = input.key.chars().enumerate().all(|(index, c)| {
        c.is_ascii_lowercase() || c.is_ascii_digit() || (index > 0 && matches!(c, '_' | '.' | '-'))
    });
    if !is_key || input.key.is_empty() || input.key.len() > EXTRA_KEY_LENGTH_MAX {
        return Err(crate::Error::field("/key", "bad_pattern", "a key has small letters, digits and _ . -"));
    }
    let bytes = serde_json::to_vec(&input.value).map_err(crate::Error::internal)?.len();
    if bytes > EXTRA_BYTES_MAX {
        let message = format!("at most {EXTRA_BYTES_MAX} bytes of JSON");
        return Err(crate::Error::most("/value", "too_large", message, EXTRA_BYTES_MAX));
    }
    if json::depth(&input.value) > EXTRA_NESTING_MAX {
        let message = format!("at most {EXTRA_NESTING_MAX} levels of nesting");
        return Err(crate::Error::most("/value", "too_large", message, EXTRA_NESTING_MAX));
    }
    if json::has_zero(&input.value) {
        return Err(crate::Error::field("/value", "invalid", "no text may have a zero character in it"));
    }
    Ok(())
}
