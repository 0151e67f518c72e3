//! Signing up, as a guest or with e-mail and password, and making a guest's account a full one.
//!
//! Whoever signs up gives a name, an address and a password, and nothing else: roles come from staff. A taken name is told, as
//! names are public. A taken address is told only on sites that do not verify addresses, where it cannot be helped: there the
//! address signs in at once. Sites that do verify answer as ever, and tell the owner of the address by e-mail.

use moothall_protocol::accounts::{
    NextStep, SessionKind, SignUp, SignUpGuest, SignedIn, SignedUp, UpgradeGuest, UserSummary,
};

use super::credentials::{self, Email, NewUser, Upgrade};
use super::names::Name;
use super::passwords::Password;
use super::sessions::Opening;
use super::settings::Verification;
use super::{Error, email, secret, users};
use crate::cx::Cx;
use crate::hooks::{self, SignUpAttempt};

/// How often the server makes up another name for a guest, if it is taken.
const NAMES_TRIED: u32 = 8;

/// Makes an account with e-mail and password, and signs in unless the site wants more first.
pub async fn sign_up(cx: &Cx, input: SignUp) -> Result<SignedUp, Error> {
    let accounts = cx.hall().accounts();
    let settings = &cx.hall().settings().accounts;
    let kind = of_person(input.kind)?;
    let name = Name::parse(&input.name)?;
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
        NextStep::Play => Some(Opening::prepare(cx, new.id, kind)?),
        NextStep::VerifyEmail | NextStep::AwaitApproval => None,
    };
    cx.mutate(move |tx| {
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
    if !settings.guests || settings.verification != Verification::None {
        return Err(Error::GuestsRefused);
    }
    let kind = of_person(input.kind)?;
    let chosen = input.name.as_deref().map(Name::parse).transpose()?;
    let mut attempt = 0;
    loop {
        let name = chosen.clone().unwrap_or_else(|| Name::of_guest(cx.random(), attempt));
        if attempt == 0 {
            ask_hooks(cx, &name, None).await?;
        }
        attempt += 1;
        match insert_guest(cx, name, chosen.is_none(), kind).await {
            Err(Error::NameTaken) if chosen.is_none() && attempt < NAMES_TRIED => {}
            outcome => return outcome,
        }
    }
}

async fn insert_guest(
    cx: &Cx,
    name: Name,
    is_name_made_up: bool,
    kind: SessionKind,
) -> Result<SignedIn, Error> {
    let (secret, hash) = secret::make(cx.random(), "mhg_");
    let new = NewUser { guest_secret: Some(hash), is_name_made_up, ..NewUser::named(cx, name) };
    let opening = Opening::prepare(cx, new.id, kind)?;
    cx.mutate(move |tx| {
        let account = new.insert(tx)?;
        Ok(SignedIn { guest_secret: Some(secret.clone()), ..opening.open(tx, &account)? })
    })
    .await
}

/// Gives a guest an address and a password. The id, the session and all that hangs on them stay; the guest's secret is void.
pub async fn upgrade_guest(cx: &Cx, input: UpgradeGuest) -> Result<UserSummary, Error> {
    let user = cx.require_user()?;
    let settings = &cx.hall().settings().accounts;
    let account = cx
        .read(move |tx| credentials::find_by_id(tx, user))
        .await?
        .filter(|account| account.user.is_guest)
        .ok_or(Error::NotAGuest)?;
    let renamed = input.name.as_deref().map(Name::parse).transpose()?;
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

/// People sign in to play or to look. Hosts have keys.
pub(super) fn of_person(kind: Option<SessionKind>) -> Result<SessionKind, Error> {
    match kind.unwrap_or_default() {
        SessionKind::Host => Err(crate::Error::field(
            "/kind",
            "not_a_choice",
            "a host uses an API key: see `accounts.create_key`",
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
