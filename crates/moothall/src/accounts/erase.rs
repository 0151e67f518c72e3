//! Erasing accounts: on their owner's wish after a time to think, and guests who did not come back.
//!
//! Start at [`erase`]. A tombstone stays: the id and nothing personal (but in the audit log, which never forgets: it keeps the names an
//! account had when staff or its owner changed them), so that matches and conversations of others remain
//! whole. The name is held for a while, so that nobody takes the place of somebody just gone.

mod store;
#[cfg(test)]
mod tests;

use std::time::Duration;

use moothall_protocol::accounts::{CancelDeletion, CancelUserDeletion, DeleteMe, DeleteUser, Me, User};
use moothall_protocol::limits::FRESH_SIGN_IN_MINUTES;
use moothall_protocol::{SessionId, Timestamp, UserId};

pub(crate) use store::STATEMENTS;
pub(super) use store::signed_in_at;
#[cfg(test)]
pub(super) use store::tables;

use super::users::{self, EDIT, SYSTEM, days};
use super::{Error, email, extra, identities, keys, names, roles, sessions};
use crate::cx::{Cx, Tx};
use crate::operation::{Access, Operations, Rate};
use crate::{audit, connections, hall, mail, sweep};

/// Who has no password shows that it is them by having signed in lately.
const FRESH: Duration = Duration::from_secs(FRESH_SIGN_IN_MINUTES as u64 * 60);
/// Accounts erased in one go of the sweep, and guests found idle in one.
const BATCH: usize = 100;
/// What others see in the place of a name.
pub(crate) const NAME: &str = "deleted user";

/// Adds the operations of this part.
pub(super) fn offer(operations: Operations) -> Operations {
    operations
        .post("/me/deletion", "accounts.delete_me", Access::Player, delete_me)
        .rate(Rate::SignIn)
        .delete("/me/deletion", "accounts.cancel_deletion", Access::Player, cancel_deletion)
        .put("/users/{user_id}/deletion", "accounts.delete_user", Access::Permission(EDIT), delete_user)
        .rate(Rate::Admin)
        .delete(
            "/users/{user_id}/deletion",
            "accounts.cancel_user_deletion",
            Access::Permission(EDIT),
            cancel_user_deletion,
        )
        .rate(Rate::Admin)
}

/// Asks for the caller's account to be erased. Until then everything works as before, and it can be called off.
pub async fn delete_me(cx: &Cx, input: DeleteMe) -> Result<Me, Error> {
    let identity = identities::require_session(cx)?;
    let (user, session) = (identity.user_id, identity.session_id);
    let has_password = users::confirm_owner(cx, user, input.password.as_deref()).await?;
    cx.mutate(move |tx| {
        if !has_password {
            require_fresh(tx, session)?;
        }
        schedule(tx, user, audit::Entry::new("accounts.delete_me"))
    })
    .await
}

/// Refuses who showed too long ago that it is them: what a session that somebody stole must not be enough for.
pub(super) fn require_fresh(tx: &mut Tx<'_, '_>, session: SessionId) -> Result<(), Error> {
    let signed_in_at = signed_in_at(tx, session)?;
    if signed_in_at.is_none_or(|at| tx.now().since(at) > FRESH) {
        return Err(Error::FreshSignInNeeded);
    }
    Ok(())
}

/// Sets the time of the erasure, unless it is set: asking again delays nothing.
fn schedule(tx: &mut Tx<'_, '_>, user: UserId, entry: audit::Entry) -> Result<Me, Error> {
    let account =
        users::find(tx, user)?.filter(|account| !account.user.is_erased).ok_or(crate::Error::NotFound)?;
    if account.record.delete_after.is_some() {
        return users::own(tx, user);
    }
    let hours = tx.cx().hall().settings().accounts.deletion_hours;
    let on = tx.now() + Duration::from_secs(u64::from(hours) * 3600);
    roles::keeping_an_administrator(tx, |tx| store::set_deletion(tx, user, Some(on)))?;
    let is_by_staff = tx.cx().user() != Some(user);
    email::announce_deletion(tx, &account.user, account.record.email.as_deref(), on, is_by_staff)?;
    audit::record(tx, entry.user(user).change(&None::<Timestamp>, &on))?;
    users::changed(tx, user)
}

/// Has a user's account erased in the name of staff, after the same time to think. The user is told, and may call it off: an
/// account that its owner wants stays.
pub async fn delete_user(cx: &Cx, input: DeleteUser) -> Result<User, Error> {
    cx.require(EDIT)?;
    cx.mutate(move |tx| {
        if input.user_id == SYSTEM {
            return Err(crate::Error::NotFound.into());
        }
        roles::require_no_less_than(tx, input.user_id)?;
        schedule(tx, input.user_id, audit::Entry::new("accounts.delete_user").reason(&input.reason))?;
        users::for_staff(tx, input.user_id)
    })
    .await
}

/// Calls the erasure of the caller's account off.
pub async fn cancel_deletion(cx: &Cx, _: CancelDeletion) -> Result<Me, Error> {
    let user = identities::require_session(cx)?.user_id;
    cx.mutate(move |tx| call_off(tx, user, audit::Entry::new("accounts.cancel_deletion"))).await
}

/// Calls the erasure of a user's account off in the name of staff, whoever asked for it.
pub async fn cancel_user_deletion(cx: &Cx, input: CancelUserDeletion) -> Result<User, Error> {
    cx.require(EDIT)?;
    cx.mutate(move |tx| {
        let user = input.user_id;
        users::find(tx, user)?.filter(|account| !account.user.is_erased).ok_or(crate::Error::NotFound)?;
        roles::require_no_less_than(tx, user)?;
        call_off(tx, user, audit::Entry::new("accounts.cancel_user_deletion").reason(&input.reason))?;
        users::for_staff(tx, user)
    })
    .await
}

fn call_off(tx: &mut Tx<'_, '_>, user: UserId, entry: audit::Entry) -> Result<Me, Error> {
    let Some(on) = users::find(tx, user)?.and_then(|account| account.record.delete_after) else {
        return users::own(tx, user);
    };
    store::set_deletion(tx, user, None)?;
    audit::record(tx, entry.user(user).change(&on, &None::<Timestamp>))?;
    users::changed(tx, user)
}

/// Erases accounts that are due, those of guests who did not come back among them.
pub(super) async fn sweep(cx: &Cx) -> Result<(), Error> {
    let idle = cx.hall().settings().accounts.guest_idle_days;
    if idle > 0 {
        let since = cx.now() - days(idle);
        let due_now = move |tx: &mut Tx<'_, '_>| {
            let (now, guests) = (tx.now(), store::idle_guests(tx, since, BATCH)?);
            for guest in &guests {
                store::set_deletion(tx, *guest, Some(now))?;
                identities::forget(tx, *guest)?;
            }
            Ok::<_, Error>(guests.len() as u64)
        };
        sweep::all(cx, due_now).await?;
    }
    loop {
        let due = cx.read(|tx| store::due(tx, BATCH)).await?;
        if due.is_empty() {
            return Ok(());
        }
        for user in &due {
            let user = *user;
            // Each in a transaction of its own. It may have been called off in the meantime.
            cx.write(move |tx| if store::is_due(tx, user)? { erase(tx, user) } else { Ok(()) }).await?;
        }
    }
}

/// Users whose accounts were erased, by id.
pub(crate) fn erased(tx: &mut Tx<'_, '_>, after: UserId, limit: usize) -> Result<Vec<UserId>, crate::Error> {
    store::erased(tx, after, limit)
}

/// Takes everything personal away, and every way in. The bots of the user go the same way.
fn erase(tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), Error> {
    let hold = days(tx.cx().hall().settings().accounts.name_hold_days);
    let held_until = tx.now() + hold;
    sessions::end_all(tx, user, None, "the account was erased")?;
    keys::end_all(tx, user, "the account was erased")?;
    store::forget(tx, user)?;
    extra::forget(tx, user)?;
    email::forget(tx, user)?;
    mail::forget(tx, user)?;
    connections::forget(tx, user)?;
    hall::forget_user(tx, user)?;
    names::release(tx, user, held_until)?;
    store::erase(tx, user, NAME)?;
    for changed in store::end_bots(tx, user)?.into_iter().chain([user]) {
        identities::forget(tx, changed)?;
    }
    audit::record(tx, audit::Entry::new("accounts.erase").user(user))?;
    metrics::counter!("accounts_erased_total").increment(1);
    Ok(())
}
