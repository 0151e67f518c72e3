//! Signing in, and whatever else asks for the password.
//!
//! Start at [`sign_in`]. Every password is checked in [`guess`], whatever the door and the operation: counted first, then
//! checked on the bounded pool, with the same answer, the same work and the same writes for a wrong password as for a login
//! nobody has.

mod store;
#[cfg(test)]
mod tests;

use std::time::Duration;

use moothall_protocol::accounts::{
    ApproveUser, ChangePassword, CreateSignInCode, SignIn, SignInCode, SignInWithCode, SignedIn,
};
use moothall_protocol::{SessionId, Timestamp, UserId, limits};

pub(super) use store::{STATEMENTS, delete_codes as void_codes, sweep};

use super::credentials::{self, Account, login_key};
use super::identities::require_session;
use super::passwords::{Password, Verdict};
use super::secret::{self, hash};
use super::sessions::{self, Opening};
use super::sign_up::of_person;
use super::throttle::{self, Guess};
use super::{APPROVE, Error, email, erase, keys, users};
use crate::cx::{Cx, Tx};
use crate::restrictions::types::LOGIN;
use crate::{audit, idempotency, restrictions};

/// Whose password is asked for.
#[derive(Clone, Debug)]
enum Login {
    /// Whoever has this name or address.
    Typed(String),
    /// The caller, who is signed in already.
    Own(UserId),
}

impl Login {
    fn find(&self, tx: &mut Tx<'_, '_>) -> Result<Option<Account>, Error> {
        match self {
            Self::Typed(login) => credentials::find_by_login(tx, login),
            Self::Own(user) => credentials::find_by_id(tx, *user),
        }
    }

    /// Under which name guesses are counted.
    fn counted(&self) -> String {
        match self {
            Self::Typed(login) => login_key(login),
            Self::Own(user) => user.to_string(),
        }
    }
}

/// A guess that was right.
struct Right {
    account: Account,
    guess: Guess,
    /// The hash with today's parameters, if the stored one has others.
    upgraded: Option<String>,
}

impl Right {
    /// Takes the count back, unless the password was changed since it was checked.
    fn settle(&self, tx: &mut Tx<'_, '_>) -> Result<(), Error> {
        let now = credentials::find_by_id(tx, self.account.user.id)?;
        if now.and_then(|account| account.password) != self.account.password {
            return Err(Error::BadCredentials);
        }
        throttle::succeed(tx, &self.guess)?;
        if let Some(hash) = &self.upgraded {
            credentials::set_hash(tx, self.account.user.id, self.account.password.as_deref(), hash)?;
        }
        Ok(())
    }
}

/// Checks a password: the only place that does.
async fn guess(cx: &Cx, login: Login, typed: &str) -> Result<Right, Error> {
    let password = Password::typed("/password", typed)?;
    // A full queue must not cost the guess that it could not check.
    let slot = cx.hall().accounts().passwords.reserve(cx.random())?;
    let (account, guess) = cx
        .write(move |tx| {
            let account = login.find(tx)?;
            if let (Login::Own(_), Some(Account { password: None, .. })) = (&login, &account) {
                return Err(Error::NoPassword);
            }
            let user = account.as_ref().map(|account| account.user.id);
            Ok((account, throttle::begin(tx, &login.counted(), user)?))
        })
        .await?;
    let stored = account.as_ref().and_then(|account| account.password.clone());
    let verdict = slot.verify(password, stored, cx.random().bytes()).await?;
    match (verdict, account) {
        (Verdict::Right, Some(account)) => Ok(Right { account, guess, upgraded: None }),
        (Verdict::Outdated(hash), Some(account)) => Ok(Right { account, guess, upgraded: Some(hash) }),
        // The same request again, whose answer got lost: the password was right when it was first sent.
        _ if matches!(idempotency::answer_before(cx).await, Ok(Some(_))) => {
            cx.write(move |tx| throttle::take_back(tx, &guess)).await?;
            Err(Error::BadCredentials)
        }
        (_, account) => {
            metrics::counter!("accounts_guesses_wrong_total").increment(1);
            // What was typed is not written down: people type passwords into the wrong field.
            let entry = audit::Entry::new("accounts.sign_in_failed");
            let entry = match account {
                Some(account) => entry.user(account.user.id),
                None => entry.target("user:unknown"),
            };
            cx.write(move |tx| {
                throttle::fail(tx, &guess)?;
                Ok::<_, Error>(audit::record(tx, entry.clone())?)
            })
            .await?;
            Err(Error::BadCredentials)
        }
    }
}

/// Asks the caller for their password, for what a stolen session must not be enough for.
pub(crate) async fn confirm_password(cx: &Cx, user: UserId, typed: &str) -> Result<(), Error> {
    let right = guess(cx, Login::Own(user), typed).await?;
    cx.write(move |tx| right.settle(tx)).await
}

/// Signs in with login and password, or with a guest's secret.
///
/// Who may not sign in is refused with a token that opens what is open to them.
pub async fn sign_in(cx: &Cx, input: SignIn) -> Result<SignedIn, Error> {
    restrictions::load_bans(cx).await?;
    match sign_in_fully(cx, input).await {
        Err(refusal) => Err(sessions::with_limited_token(cx, refusal).await),
        signed_in => signed_in,
    }
}

async fn sign_in_fully(cx: &Cx, input: SignIn) -> Result<SignedIn, Error> {
    let kind = of_person(input.kind)?;
    let device_id = input.device_id;
    match (input.login, input.password, input.guest_secret) {
        (Some(login), Some(password), None) => {
            let right = guess(cx, Login::Typed(login), &password).await?;
            let user = right.account.user.id;
            let may = match right.account.standing.check(cx) {
                Ok(()) => cx.read(move |tx| Ok(restrictions::check_within(tx, user, LOGIN)?)).await,
                refusal => refusal,
            };
            if let Err(refusal) = may {
                let is_unverified = matches!(refusal, Error::EmailUnverified);
                cx.write(move |tx| {
                    right.settle(tx)?;
                    if is_unverified { email::remind(tx, &right.account) } else { Ok(()) }
                })
                .await?;
                return Err(refusal);
            }
            let opening = Opening::prepare(cx, user, kind)?.on_device(device_id);
            cx.mutate(move |tx| {
                right.settle(tx)?;
                opening.open(tx, &right.account)
            })
            .await
        }
        (None, None, Some(secret)) => {
            let hash = hash(&[secret.as_bytes()]);
            cx.mutate(move |tx| {
                let account = credentials::find_by_guest_secret(tx, &hash)?.ok_or(Error::BadCredentials)?;
                let opening = Opening::prepare(tx.cx(), account.user.id, kind)?;
                opening.on_device(device_id.clone()).open(tx, &account)
            })
            .await
        }
        _ => Err(crate::Error::field("", "invalid", "give `login` and `password`, or `guest_secret`").into()),
    }
}

/// Changes the password. All other sessions of the account end, and their sockets close.
pub async fn change_password(cx: &Cx, input: ChangePassword) -> Result<(), Error> {
    let identity = require_session(cx)?;
    let (user, session) = (identity.user_id, identity.session_id);
    let right = guess(cx, Login::Own(user), &input.password).await?;
    let known = [&right.account.user.name, right.account.email.as_ref().unwrap_or(&right.account.user.name)];
    let settings = &cx.hall().settings().accounts;
    let new = Password::chosen(settings, "/new_password", &input.new_password, &known.map(String::as_str));
    let hash = match new {
        Ok(new) => {
            cx.hall().accounts().passwords.reserve(cx.random())?.hash(new, cx.random().bytes()).await?
        }
        Err(refusal) => {
            cx.write(move |tx| right.settle(tx)).await?;
            return Err(refusal);
        }
    };
    cx.mutate(move |tx| {
        right.settle(tx)?;
        set_password(tx, user, &hash, Some(session))
    })
    .await
}

/// Gives an account another password, and ends what was signed in with the old one.
pub(super) fn set_password(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    hash: &str,
    except: Option<SessionId>,
) -> Result<(), Error> {
    replace_password(tx, user, Some(hash), except)?;
    audit::record(tx, audit::Entry::new("accounts.change_password").user(user))?;
    Ok(())
}

/// Makes the password of an account void, until its owner sets another by e-mail, and ends what was signed in with it.
pub(super) fn void_password(tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), Error> {
    replace_password(tx, user, None, None)
}

fn replace_password(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    hash: Option<&str>,
    except: Option<SessionId>,
) -> Result<(), Error> {
    credentials::set_password(tx, user, hash)?;
    email::password_replaced(tx, user)?;
    sessions::end_all(tx, user, except, "the password was changed")?;
    if except.is_none() {
        // An account that was recovered: whoever had it may have made keys. Who changes a password signed in keeps theirs.
        keys::end_all(tx, user, "the account was recovered")?;
    }
    users::changed(tx, user)?;
    Ok(())
}

/// Makes a code that signs the caller in once more, within 30 seconds.
pub async fn create_sign_in_code(cx: &Cx, input: CreateSignInCode) -> Result<SignInCode, Error> {
    const LIFE: Duration = Duration::from_secs(limits::SIGN_IN_CODE_SECONDS as u64);
    let identity = require_session(cx)?;
    let (user, session, kind) = (identity.user_id, identity.session_id, of_person(input.kind)?);
    let (code, hash) = secret::make(cx.random(), "mhc_");
    cx.mutate(move |tx| {
        let expires_at = tx.now() + LIFE;
        let signed_in_at = erase::signed_in_at(tx, session)?;
        store::insert_code(tx, &hash, user, kind, expires_at, signed_in_at)?;
        Ok(SignInCode { code: code.clone(), expires_at })
    })
    .await
}

/// Signs in with a code, which is void after that. Who they are was shown when the session that made it signed in, and no later.
pub async fn sign_in_with_code(cx: &Cx, input: SignInWithCode) -> Result<SignedIn, Error> {
    let hash = hash(&[input.code.as_bytes()]);
    restrictions::load_bans(cx).await?;
    let signed_in = cx
        .mutate(move |tx| {
            let (user, kind, signed_in_at) = store::take_code(tx, &hash)?.ok_or(Error::BadCredentials)?;
            let account = credentials::find_by_id(tx, user)?.ok_or(Error::BadCredentials)?;
            let mut opening = Opening::prepare(tx.cx(), user, kind)?;
            opening.signed_in_at = signed_in_at;
            opening.open(tx, &account)
        })
        .await;
    match signed_in {
        Err(refusal) => Err(sessions::with_limited_token(cx, refusal).await),
        signed_in => signed_in,
    }
}

/// Approves an account, on sites where staff looks at every new one.
pub async fn approve_user(cx: &Cx, input: ApproveUser) -> Result<(), Error> {
    cx.require(APPROVE)?;
    cx.mutate(move |tx| {
        credentials::find_by_id(tx, input.user_id)?.ok_or(crate::Error::NotFound)?;
        if credentials::approve(tx, input.user_id)? {
            let entry = audit::Entry::new("accounts.approve_user").user(input.user_id).reason(&input.reason);
            audit::record(tx, entry.change(&None::<Timestamp>, &tx.now()))?;
            users::changed(tx, input.user_id)?;
        }
        Ok(())
    })
    .await
}
