//! Signing up, as a guest or with e-mail and password, and making a guest's account a full one.
//!
//! Whoever signs up gives a name, an address and a password, and nothing else: roles come from staff. A taken name is told, as
//! names are public. A taken address is told only on sites that do not verify addresses, where it cannot be helped: there the
//! address signs in at once. Sites that do verify answer as ever, and tell the owner of the address by e-mail.

use moothall_protocol::accounts::{
    NextStep, SessionKind, SignUp, SignUpGuest, SignedIn, SignedUp, UpgradeGuest, UserSummary,
};

use super::credentials::{self, Email, NewUser, Upgrade};
use super::names::{self, Name};
use super::passwords::Password;
use super::sessions::Opening;
use super::settings::Verification;
use super::{Error, email, erase, identities, secret, users};
use crate::cx::{Cx, Tx};
use crate::hooks::{self, SignUpAttempt};
use crate::restrictions::types::RENAME;
use crate::restrictions::{self, Arrival, Scope};

/// How often the server makes up another name for a guest, if it is taken.
const NAMES_TRIED: u32 = 8;

/// Makes an account with e-mail and password, and signs in unless the site wants more first.
pub async fn sign_up(cx: &Cx, input: SignUp) -> Result<SignedUp, Error> {
    let accounts = cx.hall().accounts();
    let settings = &cx.hall().settings().accounts;
    if !settings.sign_ups {
        return Err(Error::SignUpsClosed);
    }
    let kind = of_person(input.kind)?;
    restrictions::load_bans(cx).await?;
    let name = Name::chosen(cx, &input.name)?;
    let email = Email::parse(&input.email)?;
    let password =
        Password::chosen(settings, "/password", &input.password, &[&name.display, &email.display])?;
    let slot = accounts.passwords.reserve(cx.random())?;
    ask_hooks(cx, &name, Some(&email)).await?;
    let next = match settings.verification {
        Verification::None => NextStep::Play,
        Verification::Manual => NextStep::AwaitApproval,
        Verification::Email => NextStep::VerifyEmail,
    };
    let new = NewUser {
        email: Some(email),
        holds_email: next != NextStep::VerifyEmail,
        password: Some(slot.hash(password, cx.random().bytes()).await?),
        ..NewUser::named(cx, name)
    };
    let opening = match next {
        NextStep::Play => Some(Opening::prepare(cx, new.id, kind)?.on_device(input.device_id.clone())),
        NextStep::VerifyEmail | NextStep::AwaitApproval => None,
    };
    let arrival = Arrival::new(cx, input.device_id.as_deref(), Some(&input.email));
    cx.mutate(move |tx| {
        // Whoever has to wait for a letter or for staff is not let in later either, but need not wait to hear it.
        restrictions::admit(tx, &arrival, |_, _| Ok(false))?;
        let account = new.insert(tx)?;
        // Wherever it is not asked for: whoever shows that the address is theirs gets back in by it.
        email::remind(tx, &account)?;
        let session = opening.as_ref().map(|opening| opening.open(tx, &account)).transpose()?;
        Ok(SignedUp { user: account.user, next, session })
    })
    .await
}

/// Makes a guest's account, and signs in.
pub async fn sign_up_guest(cx: &Cx, input: SignUpGuest) -> Result<SignedIn, Error> {
    let settings = &cx.hall().settings().accounts;
    if !settings.sign_ups {
        return Err(Error::SignUpsClosed);
    }
    if !settings.guests || settings.verification != Verification::None {
        return Err(Error::GuestsRefused);
    }
    let kind = of_person(input.kind)?;
    restrictions::load_bans(cx).await?;
    let is_chosen = input.name.is_some();
    let name = match input.name.as_deref() {
        Some(name) => Name::chosen(cx, name)?,
        None => Name::of_guest(cx.random(), 0),
    };
    ask_hooks(cx, &name, None).await?;
    let (secret, hash) = secret::make(cx.random(), "mhg_");
    let new = NewUser { guest_secret: Some(hash), is_name_made_up: !is_chosen, ..NewUser::named(cx, name) };
    let opening = Opening::prepare(cx, new.id, kind)?.on_device(input.device_id);
    cx.mutate(move |tx| {
        let name = if is_chosen { new.name.clone() } else { free_name(tx, new.name.clone())? };
        let account = NewUser { name, ..new.clone() }.insert(tx)?;
        Ok(SignedIn { guest_secret: Some(secret.clone()), ..opening.open(tx, &account)? })
    })
    .await
}

/// This name of a guest, or if somebody has it, another. Two who are given the same one at once are told apart by the database.
pub(super) fn free_name(tx: &mut Tx<'_, '_>, mut name: Name) -> Result<Name, crate::Error> {
    for attempt in 1..NAMES_TRIED {
        if names::is_free(tx, &name)? {
            break;
        }
        name = Name::of_guest(tx.cx().random(), attempt);
    }
    Ok(name)
}

/// Gives a guest an address and a password. The id, the session and all that hangs on them stay; the guest's secret is void. A stolen
/// session must not be enough for it, so the guest signed in lately.
pub async fn upgrade_guest(cx: &Cx, input: UpgradeGuest) -> Result<UserSummary, Error> {
    let identity = identities::require_session(cx)?;
    let (user, session) = (identity.user_id, identity.session_id);
    let settings = &cx.hall().settings().accounts;
    let account = cx
        .read(move |tx| credentials::find_by_id(tx, user))
        .await?
        .filter(|account| account.user.is_guest)
        .ok_or(Error::NotAGuest)?;
    if input.name.is_some() {
        restrictions::check(cx, RENAME, Scope::ANYWHERE).await?;
    }
    let renamed = input.name.as_deref().map(|name| Name::chosen(cx, name)).transpose()?;
    let email = Email::parse(&input.email)?;
    let shown = renamed.as_ref().map_or(&account.user.name, |name| &name.display);
    let password = Password::chosen(settings, "/password", &input.password, &[shown, &email.display])?;
    let slot = cx.hall().accounts().passwords.reserve(cx.random())?;
    if let Some(name) = &renamed {
        ask_hooks(cx, name, Some(&email)).await?;
    }
    let password = slot.hash(password, cx.random().bytes()).await?;
    let holds_email = settings.verification != Verification::Email;
    let upgrade = Upgrade { user, email, holds_email, password };
    cx.mutate(move |tx| {
        erase::require_fresh(tx, session)?;
        if !credentials::upgrade(tx, &upgrade)? {
            return Err(Error::NotAGuest);
        }
        if let Some(name) = &renamed {
            users::rename_within(tx, user, name)?;
        }
        let account = credentials::find_by_id(tx, user)?.ok_or(crate::Error::NotFound)?;
        email::remind(tx, &account)?;
        users::changed(tx, user)?;
        Ok(account.user)
    })
    .await
}

/// People sign in to play or to look. Hosts and bots have keys.
pub(super) fn of_person(kind: Option<SessionKind>) -> Result<SessionKind, Error> {
    match kind.unwrap_or_default() {
        SessionKind::Host | SessionKind::Bot => Err(crate::Error::field(
            "/kind",
            "not_a_choice",
            "hosts and bots use an API key: see `accounts.create_key`",
        )
        .into()),
        kind => Ok(kind),
    }
}

async fn ask_hooks(cx: &Cx, name: &Name, email: Option<&Email>) -> Result<(), crate::Error> {
    let email = email.map(|email| email.display.clone());
    let attempt = SignUpAttempt { name: name.display.clone(), email };
    hooks::ask(cx.hall().hooks().before_sign_up(cx, &attempt)).await
}
