//! E-mail addresses of users, and getting back in by e-mail.
//!
//! Start at [`Purpose`], which says what a code is for, and [`request_password_reset`]. A code is 256 random bits, bound to its
//! user and its purpose, used once, and kept as SHA-256. Nobody learns here who has an account: what depends on that is told
//! by e-mail, to the owner of the address, and found out after the answer is given. Links begin with the site's own setting,
//! never with what a request claims to have called.

mod letters;
mod requests;
mod store;
#[cfg(test)]
mod tests;

use std::time::Duration;

use moothall_protocol::accounts::{
    ChangeEmail, Me, RequestEmailVerification, RequestPasswordReset, ResetPassword, RevokeEmailChange, User,
    UserSummary, VerifyEmail,
};
use moothall_protocol::limits::{
    EMAIL_CODE_HOURS, EMAIL_REVOKE_HOURS, LETTERS_PER_HOUR_MAX, LETTERS_TO_ADDRESS_PER_HOUR_MAX,
    RESET_CODE_MINUTES,
};
use moothall_protocol::{Timestamp, UserId};

pub(super) use requests::{Requests, start};
pub(crate) use store::STATEMENTS;
pub(super) use store::{forget, is_held, pending, sweep};

use super::credentials::{self, Account, Email};
use super::passwords::Password;
use super::{Error, secret, sessions, sign_in, throttle, users};
use crate::audit;
use crate::cx::{Cx, Tx};
use crate::mail;
use crate::operation::{Access, Operations, Rate};
use crate::restrictions::{self, Arrival};

use letters::Letter;
use store::Code;

/// What a code is for, and so for how long it is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Shows that the address of the account is the user's.
    Verify,
    /// Shows that another address is the user's, which then takes the place of the first.
    Change,
    /// Takes such a change back.
    Revoke,
    /// Sets a new password.
    Reset,
}

impl Purpose {
    const fn life(self) -> Duration {
        let minutes = match self {
            Self::Verify | Self::Change => EMAIL_CODE_HOURS * 60,
            // However late the change is confirmed.
            Self::Revoke => (EMAIL_CODE_HOURS + EMAIL_REVOKE_HOURS) * 60,
            Self::Reset => RESET_CODE_MINUTES,
        };
        Duration::from_secs(minutes as u64 * 60)
    }
}

/// Adds the operations of this part.
pub(super) fn offer(operations: Operations) -> Operations {
    operations
        .post(
            "/me/email/verification",
            "accounts.request_email_verification",
            Access::Player,
            request_email_verification,
        )
        .rate(Rate::SignIn)
        .post("/accounts/email/verification", "accounts.verify_email", Access::Public, verify_email)
        .rate(Rate::SignIn)
        .post("/me/email", "accounts.change_email", Access::Player, change_email)
        .rate(Rate::SignIn)
        .post(
            "/accounts/email/revocation",
            "accounts.revoke_email_change",
            Access::Public,
            revoke_email_change,
        )
        .rate(Rate::SignIn)
        .post(
            "/accounts/password/reset_request",
            "accounts.request_password_reset",
            Access::Public,
            request_password_reset,
        )
        .rate(Rate::SignIn)
        .post("/accounts/password/reset", "accounts.reset_password", Access::Public, reset_password)
        .rate(Rate::SignIn)
}

const HOUR: Duration = Duration::from_secs(3600);
/// Accounts that are sent a code for an address that nobody holds.
const RESETS_TYPED: usize = 3;

/// Makes a code and takes down what it is for.
fn issue(tx: &mut Tx<'_, '_>, user: UserId, purpose: Purpose, email: &Email) -> Result<String, Error> {
    let (text, hash) = secret::make(tx.cx().random(), "mhe_");
    let expires_at = tx.now() + purpose.life();
    store::insert(tx, &hash, &Code { user, purpose, email: email.clone() }, expires_at)?;
    Ok(text)
}

/// Takes a code that is still good, for one of these purposes. It is void from now on.
fn take(tx: &mut Tx<'_, '_>, text: &str, purposes: &[Purpose]) -> Result<(Code, Account), Error> {
    let code = store::take(tx, &secret::hash(&[text.as_bytes()]))?
        .filter(|code| purposes.contains(&code.purpose))
        .ok_or(Error::CodeInvalid)?;
    let account = credentials::find_by_id(tx, code.user)?.ok_or(Error::CodeInvalid)?;
    Ok((code, account))
}

/// Sends a letter. Those that anybody can ask for, for any address, stop at so many to one address, whoever asks: in silence,
/// since who asks must not learn what others did.
fn send(tx: &mut Tx<'_, '_>, user: &UserSummary, to: &str, letter: &Letter<'_>) -> Result<(), Error> {
    let is_asked_for = matches!(
        letter,
        Letter::Verify { .. } | Letter::ConfirmChange { .. } | Letter::AlreadyYours | Letter::Reset { .. }
    );
    let since = tx.now() - HOUR;
    if is_asked_for
        && mail::sent_to_since(tx, to, letter.kind(), since)? >= LETTERS_TO_ADDRESS_PER_HOUR_MAX as i64
    {
        metrics::counter!("letters_held_back_total").increment(1);
        return Ok(());
    }
    let email = letter.write(&tx.cx().hall().settings().mail, &user.name, to);
    mail::send(tx, &mail::Letter { user_id: user.id, kind: letter.kind(), email })?;
    Ok(())
}

/// Whether the user may be sent another letter of this kind: nobody's mailbox is a weapon.
fn may_send(tx: &mut Tx<'_, '_>, user: UserId, letter: &Letter<'_>) -> Result<bool, Error> {
    let since = tx.now() - HOUR;
    Ok(mail::sent_since(tx, user, letter.kind(), since)? < LETTERS_PER_HOUR_MAX as i64)
}

fn require_may_send(tx: &mut Tx<'_, '_>, user: UserId, letter: &Letter<'_>) -> Result<(), Error> {
    if may_send(tx, user, letter)? {
        return Ok(());
    }
    Err(crate::Error::RateLimited { retry_after: HOUR }.into())
}

/// Sends the code that verifies an address, to whoever cannot do without: who just signed up, or signs in not having used it.
pub(super) fn remind(tx: &mut Tx<'_, '_>, account: &Account) -> Result<(), Error> {
    match account.email.as_deref() {
        Some(email) => ask_to_verify(tx, &account.user, &Email::parse(email)?),
        None => Ok(()),
    }
}

/// Sends the code that verifies an address. If the address is another account's already, it is told so instead. Silent when
/// too many letters were sent lately.
fn ask_to_verify(tx: &mut Tx<'_, '_>, user: &UserSummary, email: &Email) -> Result<(), Error> {
    if let Some(holder) = store::holder(tx, email)?.filter(|holder| holder.id != user.id) {
        return if may_send(tx, holder.id, &Letter::AlreadyYours)? {
            send(tx, &holder, &email.display, &Letter::AlreadyYours)
        } else {
            Ok(())
        };
    }
    if !may_send(tx, user.id, &Letter::Verify { code: "" })? {
        return Ok(());
    }
    let code = issue(tx, user.id, Purpose::Verify, email)?;
    send(tx, user, &email.display, &Letter::Verify { code: &code })
}

/// Sends the caller a code that verifies their address.
pub async fn request_email_verification(cx: &Cx, _: RequestEmailVerification) -> Result<(), Error> {
    let user = cx.require_user()?;
    cx.mutate(move |tx| {
        let account = credentials::find_by_id(tx, user)?.ok_or(crate::Error::NotFound)?;
        let email = account.email.as_deref().map(Email::parse).transpose()?.ok_or(Error::NoEmail)?;
        if account.standing.email_verified_at.is_some() {
            return Err(Error::AlreadyVerified);
        }
        require_may_send(tx, user, &Letter::Verify { code: "" })?;
        ask_to_verify(tx, &account.user, &email)
    })
    .await
}

/// Verifies an address, or confirms a change of address, with the code sent there.
pub async fn verify_email(cx: &Cx, input: VerifyEmail) -> Result<(), Error> {
    cx.mutate(move |tx| {
        let (code, account) = take(tx, &input.code, &[Purpose::Verify, Purpose::Change])?;
        let user = code.user;
        if code.purpose == Purpose::Verify && account.email.as_deref() != Some(&code.email.display) {
            return Err(Error::CodeInvalid);
        }
        credentials::confirm_email(tx, user, &code.email)?;
        store::void(tx, user, &[Purpose::Verify])?;
        if code.purpose == Purpose::Change {
            // What was sent to the old address opens nothing any more, but the way back.
            store::void(tx, user, &[Purpose::Change, Purpose::Reset])?;
            if let Some(old) = &account.email {
                let can_revoke = store::can_revoke(tx, user, &Email::parse(old)?)?;
                send(tx, &account.user, old, &Letter::Changed { can_revoke })?;
            }
            audit::record(tx, audit::Entry::new("accounts.change_email").user(user))?;
        }
        users::changed(tx, user)?;
        Ok(())
    })
    .await
}

/// Asks for another address. Both addresses are told; the new one confirms.
pub async fn change_email(cx: &Cx, input: ChangeEmail) -> Result<Me, Error> {
    let user = cx.require_user()?;
    let email = Email::parse(&input.email)?;
    if !users::confirm_owner(cx, user, Some(&input.password)).await? {
        return Err(Error::NoPassword);
    }
    restrictions::load_bans(cx).await?;
    cx.mutate(move |tx| {
        let account = credentials::find_by_id(tx, user)?.ok_or(crate::Error::NotFound)?;
        if account.email.as_deref() == Some(&email.display) {
            return Err(crate::Error::field("/email", "invalid", "this is your address already").into());
        }
        sessions::admit(tx, user, &Arrival::new(tx.cx(), None, Some(&email.display)))?;
        // Counted by what is made in any case, whether or not it is sent: how often one may ask tells nothing either.
        let since = tx.now() - HOUR;
        if store::issued_since(tx, user, Purpose::Change, since)? >= LETTERS_PER_HOUR_MAX as i64 {
            return Err(crate::Error::RateLimited { retry_after: HOUR }.into());
        }
        store::void(tx, user, &[Purpose::Change])?;
        // Made in any case, so that what the caller sees does not tell whether the address is another account's.
        let code = issue(tx, user, Purpose::Change, &email)?;
        match store::holder(tx, &email)?.filter(|holder| holder.id != user) {
            Some(holder) if may_send(tx, holder.id, &Letter::AlreadyYours)? => {
                send(tx, &holder, &email.display, &Letter::AlreadyYours)?;
            }
            Some(_) => {}
            None => send(tx, &account.user, &email.display, &Letter::ConfirmChange { code: &code })?,
        }
        if let Some(old) = &account.email {
            // Only an address that was shown to be the user's may bring the account back to it.
            let code = match account.standing.email_verified_at {
                Some(_) => Some(issue(tx, user, Purpose::Revoke, &Email::parse(old)?)?),
                None => None,
            };
            send(tx, &account.user, old, &Letter::ChangeRequested { code: code.as_deref() })?;
        }
        users::changed(tx, user)
    })
    .await
}

/// Takes a change of address back, with the code the old address was sent.
pub async fn revoke_email_change(cx: &Cx, input: RevokeEmailChange) -> Result<(), Error> {
    cx.mutate(move |tx| {
        let (code, account) = take(tx, &input.code, &[Purpose::Revoke])?;
        let user = code.user;
        credentials::confirm_email(tx, user, &code.email)?;
        // Whoever asked for the change knew the password: it is void, everybody is put out, and the owner sets a new one.
        forget(tx, user)?;
        sign_in::void_password(tx, user)?;
        let reset = issue(tx, user, Purpose::Reset, &code.email)?;
        send(tx, &account.user, &code.email.display, &Letter::Revoked { code: &reset })?;
        audit::record(tx, audit::Entry::new("accounts.revoke_email_change").user(user))?;
        Ok(())
    })
    .await
}

/// A new password voids what was asked for under the old one; but not the way back from a change of address, which whoever
/// took the account over must not close behind them.
pub(super) fn password_replaced(tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), Error> {
    store::void(tx, user, &[Purpose::Change, Purpose::Reset])
}

/// Staff gave an account another address: the old one is told, and its codes are void.
pub(super) fn replaced_by_staff(tx: &mut Tx<'_, '_>, user: &User, old: Option<&str>) -> Result<(), Error> {
    forget(tx, user.id)?;
    match old {
        Some(old) => send(tx, &summary(user), old, &Letter::Changed { can_revoke: false }),
        None => Ok(()),
    }
}

/// Tells an owner that their account is about to be erased.
pub(super) fn announce_deletion(
    tx: &mut Tx<'_, '_>,
    user: &User,
    email: Option<&str>,
    on: Timestamp,
    is_by_staff: bool,
) -> Result<(), Error> {
    let Some(email) = email else { return Ok(()) };
    send(tx, &summary(user), email, &Letter::Deletion { on: &on.to_string(), is_by_staff })
}

fn summary(user: &User) -> UserSummary {
    UserSummary { id: user.id, name: user.name.clone(), is_guest: user.is_guest, is_bot: user.is_bot }
}

/// Asks for a code that sets a new password.
///
/// The answer, its time and its writes are the same whether or not somebody has the address: only that it was asked is
/// written down here. Who it is gets found out by a task, after the answer.
pub async fn request_password_reset(cx: &Cx, input: RequestPasswordReset) -> Result<(), Error> {
    let email = Email::parse(&input.email)?;
    cx.mutate(move |tx| requests::add(tx, &email)).await
}

/// Sends a code to the account that holds this address: what the task does with a request. If nobody holds it, the newest accounts
/// that gave it get one each: whoever reads the letters shows by that whose it is, and needs no first letter that got lost.
fn send_reset(tx: &mut Tx<'_, '_>, email_key: &str) -> Result<(), Error> {
    let found = match store::holder_by_key(tx, email_key)? {
        Some(holder) => vec![holder],
        None => store::typed_by(tx, email_key, RESETS_TYPED)?,
    };
    for (user, email) in found {
        if !user.is_bot && may_send(tx, user.id, &Letter::Reset { code: "" })? {
            let code = issue(tx, user.id, Purpose::Reset, &email)?;
            send(tx, &user, &email.display, &Letter::Reset { code: &code })?;
        }
    }
    Ok(())
}

/// Sets a new password with a code. All sessions end, and all other codes are void.
pub async fn reset_password(cx: &Cx, input: ResetPassword) -> Result<(), Error> {
    let hash = secret::hash(&[input.code.as_bytes()]);
    let account = cx
        .read(move |tx| {
            let code = store::find(tx, &hash)?.filter(|code| code.purpose == Purpose::Reset);
            let user = code.ok_or(Error::CodeInvalid)?.user;
            credentials::find_by_id(tx, user)?.ok_or(Error::CodeInvalid)
        })
        .await?;
    let settings = &cx.hall().settings().accounts;
    let known = [account.user.name.as_str(), account.email.as_deref().unwrap_or_default()];
    let password = Password::chosen(settings, "/password", &input.password, &known)?;
    let password =
        cx.hall().accounts().passwords.reserve(cx.random())?.hash(password, cx.random().bytes()).await?;
    cx.mutate(move |tx| {
        let (code, account) = take(tx, &input.code, &[Purpose::Reset])?;
        let user = code.user;
        if account.email.as_deref() == Some(&code.email.display) {
            // The code came by this address, so it is the user's.
            credentials::confirm_email(tx, user, &code.email)?;
        }
        sign_in::set_password(tx, user, &password, None)?;
        throttle::pardon(tx, user, &[&account.user.name, &code.email.display])?;
        send(tx, &account.user, &code.email.display, &Letter::PasswordSet)?;
        audit::record(tx, audit::Entry::new("accounts.reset_password").user(user))?;
        Ok(())
    })
    .await
}
