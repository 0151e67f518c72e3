//! API keys of hosts and tools, and the bots some of them act as.
//!
//! A key looks like `moothall_host_<id>_<secret>`, so that one that leaks is recognised where it turns up, and found in a list by
//! its id. It acts as its user, within its scopes and within what that user may do at the moment. It is a session of its own,
//! whose id is the key's.

mod store;
#[cfg(test)]
mod tests;

use moothall_protocol::accounts::{
    ApiKey, ApiKeys, CreateBot, CreateKey, CreatedKey, GrantRole, KeyKind, ListKeys, RevokeKey, UserSummary,
};
use moothall_protocol::{ApiKeyId, SessionId, UserId, limits};

pub(super) use store::{STATEMENTS, list as all_of};

use super::credentials::{self, NewUser};
use super::identities::require_session;
use super::names::Name;
use super::secret::{self, hash};
use super::{Error, GRANT, KEYS, changes, roles, sessions};
use crate::audit;
use crate::cx::{Caller, Cx, Tx};

const fn word(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Host => "host",
        KeyKind::Bot => "bot",
    }
}

/// The session of a key, which is the key's own.
fn session_of(key: ApiKeyId) -> SessionId {
    SessionId::from_uuid(key.uuid())
}

/// Which session a key's text belongs to, if it is the text of a key there is.
pub(super) async fn prove(cx: &Cx, text: &str) -> Result<Option<SessionId>, crate::Error> {
    let mut parts = text.splitn(4, '_');
    let (Some("moothall"), Some("host" | "bot"), Some(id), Some(secret)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Ok(None);
    };
    let Ok(id) = id.parse::<ApiKeyId>() else { return Ok(None) };
    let hash = hash(&[secret.as_bytes()]);
    let is_right = cx.read(move |tx| store::is_secret(tx, id, &hash)).await?;
    Ok(is_right.then(|| session_of(id)))
}

/// Makes a key. It acts as the caller or as a bot, and never as another person.
pub async fn create_key(cx: &Cx, input: CreateKey) -> Result<CreatedKey, Error> {
    cx.require(KEYS)?;
    if cx.identity().is_some() {
        require_session(cx)?;
    }
    if input.expires_at.is_some_and(|expires_at| expires_at <= cx.now()) {
        return Err(crate::Error::field("/expires_at", "too_small", "this time is over").into());
    }
    let user = match input.user_id {
        Some(user) => user,
        None => cx.require_user()?,
    };
    let entry = entry(cx, "accounts.create_key", user, input.reason.as_deref())?;
    let new = NewKey::prepare(cx, user, input)?;
    cx.mutate(move |tx| {
        let account = credentials::find_by_id(tx, user)?.ok_or(crate::Error::NotFound)?;
        let is_own = tx.cx().user() == Some(user) || matches!(tx.cx().caller(), Caller::Server);
        if !is_own && !account.user.is_bot {
            return Err(crate::Error::Forbidden.into());
        }
        if store::count(tx, user)? >= limits::KEYS_PER_USER_MAX {
            return Err(Error::TooManyKeys);
        }
        new.insert(tx, entry.clone())
    })
    .await
}

/// Makes a bot that has a role, and a key that acts as it: all of it or nothing. For the command line and embedding programs.
pub async fn create_bot_with_key(
    cx: &Cx,
    bot: CreateBot,
    role: String,
    key: CreateKey,
) -> Result<(UserSummary, CreatedKey), Error> {
    cx.require(KEYS)?;
    cx.require(GRANT)?;
    let reason = bot.reason.clone();
    let bot = new_bot(cx, bot)?;
    let key = NewKey::prepare(cx, bot.id, key)?;
    cx.mutate(move |tx| {
        let user = insert_bot(tx, &bot, &reason)?;
        let reason = reason.clone();
        let grant = GrantRole { user_id: user.id, role: role.clone(), ends_at: None, reason };
        roles::grant(tx, &grant).map_err(|error| match error {
            Error::Common(crate::Error::NotFound) => {
                crate::Error::field("/role", "not_a_choice", format!("there is no role {role}")).into()
            }
            error => error,
        })?;
        let entry = audit::Entry::new("accounts.create_key").reason(&grant.reason);
        Ok((user, key.insert(tx, entry)?))
    })
    .await
}

/// A key about to be made, with its secret.
struct NewKey {
    key: ApiKey,
    secret: String,
    hash: secret::Hash,
}

impl NewKey {
    fn prepare(cx: &Cx, user: UserId, input: CreateKey) -> Result<Self, Error> {
        let kind = input.kind.unwrap_or_default();
        let key = ApiKey {
            id: cx.new_id(),
            user_id: user,
            name: input.name,
            kind,
            scopes: roles::givable(cx, "/scopes", &input.scopes)?,
            created_by: cx.user(),
            created_at: cx.now(),
            last_used_at: None,
            expires_at: input.expires_at,
        };
        let (secret, hash) = secret::make(cx.random(), "");
        let secret = format!("moothall_{}_{}_{secret}", word(kind), key.id.uuid().simple());
        Ok(Self { key, secret, hash })
    }

    fn insert(&self, tx: &mut Tx<'_, '_>, entry: audit::Entry) -> Result<CreatedKey, Error> {
        let Self { key, secret, hash } = self;
        store::insert(tx, key, hash)?;
        audit::record(tx, entry.target(target(key.id)).change(&(), key))?;
        Ok(CreatedKey { id: key.id, secret: secret.clone(), key: key.clone() })
    }
}

/// The keys of a user. Those of others only with the permission, without which a key sees none.
pub async fn list_keys(cx: &Cx, input: ListKeys) -> Result<ApiKeys, Error> {
    let user = match input.user_id {
        Some(user) if cx.user() != Some(user) => {
            cx.require(KEYS)?;
            user
        }
        _ if cx.can(KEYS) => cx.require_user()?,
        _ => require_session(cx)?.user_id,
    };
    cx.read(move |tx| Ok(ApiKeys { items: store::list(tx, user)? })).await
}

/// Ends a key: one's own, or with the permission anybody's.
pub async fn revoke_key(cx: &Cx, input: RevokeKey) -> Result<(), Error> {
    let may_all = cx.can(KEYS);
    if !may_all {
        require_session(cx)?;
    }
    cx.mutate(move |tx| {
        let key = store::find(tx, input.key_id)?
            .filter(|key| may_all || tx.cx().user() == Some(key.user_id))
            .ok_or(crate::Error::NotFound)?;
        let entry = entry(tx.cx(), "accounts.revoke_key", key.user_id, input.reason.as_deref())?;
        end(tx, &key, entry)
    })
    .await
}

/// Ends all keys of a user, for this reason.
pub(crate) fn end_all(tx: &mut Tx<'_, '_>, user: UserId, reason: &str) -> Result<(), Error> {
    for key in store::list(tx, user)? {
        end(tx, &key, audit::Entry::new("accounts.revoke_key").reason(reason))?;
    }
    Ok(())
}

/// Forgets keys that are over: see `changes.rs` for what they still have open.
pub(super) fn sweep(tx: &mut Tx<'_, '_>) -> Result<u64, Error> {
    let before = tx.now() - changes::LINGER;
    Ok(store::delete_expired(tx, before)?)
}

/// The line of the audit log to be: with a reason, unless users see to their own keys.
fn entry(cx: &Cx, action: &'static str, owner: UserId, reason: Option<&str>) -> Result<audit::Entry, Error> {
    let entry = audit::Entry::new(action);
    match reason {
        None if cx.user() == Some(owner) => Ok(entry),
        reason => Ok(entry.said_why(reason)?),
    }
}

fn end(tx: &mut Tx<'_, '_>, key: &ApiKey, entry: audit::Entry) -> Result<(), Error> {
    store::delete(tx, key.id)?;
    audit::record(tx, entry.target(target(key.id)).change(key, &()))?;
    sessions::after_end(tx, key.user_id, vec![session_of(key.id)], "this key was revoked")?;
    Ok(())
}

fn target(key: ApiKeyId) -> String {
    format!("key:{key}")
}

/// Makes a bot: an account without a password, which acts by keys, and for which the caller answers.
pub async fn create_bot(cx: &Cx, input: CreateBot) -> Result<UserSummary, Error> {
    cx.require(KEYS)?;
    let reason = input.reason.clone();
    let new = new_bot(cx, input)?;
    cx.mutate(move |tx| insert_bot(tx, &new, &reason)).await
}

fn new_bot(cx: &Cx, input: CreateBot) -> Result<NewUser, Error> {
    let name = Name::chosen(cx, &input.name)?;
    Ok(NewUser { is_bot: true, is_approved: true, owner: cx.user(), ..NewUser::named(cx, name) })
}

fn insert_bot(tx: &mut Tx<'_, '_>, new: &NewUser, reason: &str) -> Result<UserSummary, Error> {
    let account = new.insert(tx)?;
    let entry = audit::Entry::new("accounts.create_bot").user(account.user.id).reason(reason);
    audit::record(tx, entry.change(&(), &account.user))?;
    Ok(account.user)
}
