//! The first administrator, and how an operator makes more from the command line.
//!
//! A server without an administrator prints a one-use token when it starts: see [`bootstrap_token`]. Whoever brings it back
//! becomes the administrator. There is no default password to forget.

mod store;
#[cfg(test)]
mod tests;

use moothall_protocol::UserId;
use moothall_protocol::accounts::{ClaimAdministrator, GrantRole, SignedIn, UserSummary};

pub(super) use store::STATEMENTS;

use super::credentials::{self, Account, Email, NewUser};
use super::names::Name;
use super::passwords::Password;
use super::sessions::Opening;
use super::sign_up::of_person;
use super::{Error, roles, secret};
use crate::Hall;
use crate::cx::{Cx, Tx};

/// An administrator to be.
#[derive(Clone)]
pub struct NewAdministrator {
    /// The name others see.
    pub name: String,
    /// The e-mail address, if there is to be one.
    pub email: Option<String>,
    /// The password.
    pub password: String,
}

moothall_protocol::hide! {
    NewAdministrator { name, email; password }
}

/// A token that makes the first administrator, if there is none; every earlier token is void then.
pub async fn bootstrap_token(hall: &Hall) -> Result<Option<String>, Error> {
    let cx = Cx::server(hall);
    let (token, hash) = secret::make(cx.random(), "mha_");
    let is_needed = cx
        .write(move |tx| {
            let is_needed = !roles::has_administrator(tx)?;
            store::set_token(tx, is_needed.then_some(&hash))?;
            Ok::<_, Error>(is_needed)
        })
        .await?;
    Ok(is_needed.then_some(token))
}

/// Makes the first administrator, and signs in.
pub async fn claim_administrator(cx: &Cx, input: ClaimAdministrator) -> Result<SignedIn, Error> {
    let kind = of_person(None)?;
    let token = secret::hash(&[input.token.as_bytes()]);
    // Asked before the password is hashed, so that guessing costs the server little; asked again where it counts.
    cx.read(move |tx| if store::is_token(tx, &token)? { Ok(()) } else { Err(Error::SetupOver) }).await?;
    let new =
        prepare(cx, NewAdministrator { name: input.name, email: input.email, password: input.password })
            .await?;
    let opening = Opening::prepare(cx, new.id, kind)?;
    cx.mutate(move |tx| {
        if !store::is_token(tx, &token)? || roles::has_administrator(tx)? {
            return Err(Error::SetupOver);
        }
        store::set_token(tx, None)?;
        let account = new.insert(tx)?;
        roles::install_administrator(tx, account.user.id, "claimed with the server's token")?;
        opening.open(tx, &account)
    })
    .await
}

/// Makes an administrator, for the command line or an embedding program.
pub async fn create_administrator(cx: &Cx, input: NewAdministrator) -> Result<UserSummary, Error> {
    cx.require(super::GRANT)?;
    let new = prepare(cx, input).await?;
    cx.mutate(move |tx| {
        let account = new.insert(tx)?;
        let grant = grant(account.user.id, "made by the operator");
        roles::grant(tx, &grant)?;
        Ok(account.user)
    })
    .await
}

fn grant(user: UserId, reason: &str) -> GrantRole {
    GrantRole { user_id: user, role: roles::ADMINISTRATOR.into(), ends_at: None, reason: reason.into() }
}

async fn prepare(cx: &Cx, input: NewAdministrator) -> Result<NewUser, Error> {
    let settings = &cx.hall().settings().accounts;
    let name = Name::chosen(cx, &input.name)?;
    let email = input.email.as_deref().map(Email::parse).transpose()?;
    let shown = email.as_ref().map_or(&name.display, |email| &email.display);
    let password = Password::chosen(settings, "/password", &input.password, &[&name.display, shown])?;
    let slot = cx.hall().accounts().passwords.reserve(cx.random())?;
    let hash = slot.hash(password, cx.random().bytes()).await?;
    let holds_email = email.is_some();
    Ok(NewUser { email, holds_email, password: Some(hash), is_approved: true, ..NewUser::named(cx, name) })
}

/// Who has this name, address or id, for the command line.
pub async fn find_user(cx: &Cx, text: &str) -> Result<Option<UserSummary>, Error> {
    cx.require(super::GRANT)?;
    let text = text.to_owned();
    let account: Option<Account> = cx
        .read(move |tx: &mut Tx<'_, '_>| match text.parse::<UserId>() {
            Ok(id) => credentials::find_by_id(tx, id),
            Err(_) => credentials::find_by_login(tx, &text),
        })
        .await?;
    Ok(account.map(|account| account.user))
}
