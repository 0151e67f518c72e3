//! Accounts: users, sign-in, sessions, roles, keys.
//!
//! Start at [`operations`]. Ways in: `sign_up.rs`, `sign_in.rs` (all that asks for a password), `sessions.rs` (refresh tokens),
//! `keys.rs` (API keys), `administrators.rs` (the first one). What stands behind them: `credentials.rs` (who has a login, and
//! may they come in), `passwords.rs` (Argon2id on a bounded pool), `throttle.rs` (guessing is slow), `tokens.rs` (access
//! tokens), `identities.rs` (who calls, and what may they do now), `changes.rs` (what ended without us), `roles.rs`. Who they are: `users.rs` (shown to whom, names,
//! search), `email.rs` (addresses, and back in without the password), `extra.rs` (data of games and tools), `erase.rs`.
//!
//! Promises: a secret is stored hashed and shown once; no answer, by text or by time, says who has an account; what is revoked is
//! void for the next request and closes its socket, within a second if another process did it; no clock but [`Cx::now`] decides when something ends.

mod administrators;
mod audience;
mod changes;
mod credentials;
mod email;
mod erase;
mod error;
pub(crate) mod export;
mod extra;
mod identities;
mod keys;
pub mod names;
mod passwords;
#[cfg(test)]
mod restricted;
mod roles;
mod secret;
mod sessions;
mod settings;
mod sign_in;
mod sign_up;
mod store;
#[cfg(test)]
pub(crate) mod testing;
mod throttle;
mod tokens;
mod users;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use moothall_protocol::{Timestamp, UserId};

pub use administrators::{
    NewAdministrator, bootstrap_token, claim_administrator, create_administrator, find_user,
};
pub(crate) use audience::{audience, check_segment, count_all, facts_of};
pub(crate) use credentials::find_by_email;
pub use email::{
    change_email, request_email_verification, request_password_reset, reset_password, revoke_email_change,
    verify_email,
};
pub(crate) use erase::{NAME as ERASED_NAME, erased};
pub use erase::{cancel_deletion, cancel_user_deletion, delete_me, delete_user};
pub use error::Error;
pub use export::{EXPORT, export_me, export_user};
pub use extra::{delete as delete_extra, get as get_extra, list as list_extra, put as put_extra};
pub use identities::{identity_kept, identity_of};
pub use keys::{create_bot, create_bot_with_key, create_key, list_keys, revoke_key};
pub use roles::{
    create_role, delete_role, grant_role, list_grants, list_permissions, list_roles, revoke_role, update_role,
};
pub use sessions::{list_sessions, refresh, revoke_session, revoke_sessions, revoke_user_sessions, sign_out};
pub use settings::{Settings, Verification};
pub use sign_in::{approve_user, change_password, create_sign_in_code, sign_in, sign_in_with_code};
pub use sign_up::{sign_up, sign_up_guest, upgrade_guest};
pub use tokens::{jwks, rotate_signing_keys};
pub use users::{
    EDIT, READ, SEARCH, SYSTEM, get as get_user, list as list_users, list_names, me, rename, stamp_played,
    summaries, summary, update as update_user,
};
pub(crate) use users::{
    Likeness, NamedBefore, is_oneself, likenesses, living, living_kept, of_same_person, oneself, own,
    own_kept, rename_by_staff, restore_name, silent,
};

use crate::cx::Tx;
use crate::kept::Kept;
use crate::operation::{Access, Rate};
use crate::{Cx, Hall, OpenError, Operations, Permission, WeakHall, restrictions, sweep};

/// Hosts games, or is a tool that does.
pub const HOST: Permission = Permission("host");
/// Sees and ends the sessions of others.
pub const SESSIONS: Permission = Permission("accounts.sessions");
/// Makes and changes roles.
pub const ROLES: Permission = Permission("accounts.roles");
/// Gives roles to users and takes them.
pub const GRANT: Permission = Permission("accounts.grant");
/// Makes API keys and bots.
pub const KEYS: Permission = Permission("accounts.keys");
/// Approves new accounts.
pub const APPROVE: Permission = Permission("accounts.approve");

/// The operations of this context.
pub fn operations() -> Operations {
    let operations = Operations::context("accounts", "Users, sign-up and sign-in, sessions, roles and keys");
    let operations = operations.errors(Error::CATALOGUE).permission(HOST).permission(SEARCH);
    let operations = keys_and_roles(sessions(ways_in(operations)));
    export::offer(erase::offer(extra::offer(email::offer(users::offer(operations)))))
}

fn ways_in(operations: Operations) -> Operations {
    operations
        .post("/accounts", "accounts.sign_up", Access::Public, sign_up)
        .rate(Rate::SignIn)
        .post("/accounts/guests", "accounts.sign_up_guest", Access::Public, sign_up_guest)
        .rate(Rate::SignIn)
        .post("/accounts/sign_in", "accounts.sign_in", Access::Public, sign_in)
        .rate(Rate::SignIn)
        .post("/accounts/refresh", "accounts.refresh", Access::Public, refresh)
        .rate(Rate::Refresh)
        .post("/accounts/sign_in_codes", "accounts.create_sign_in_code", Access::Player, create_sign_in_code)
        .post("/accounts/sign_in_with_code", "accounts.sign_in_with_code", Access::Public, sign_in_with_code)
        .rate(Rate::SignIn)
        .post("/accounts/administrator", "accounts.claim_administrator", Access::Public, claim_administrator)
        .rate(Rate::SignIn)
        .get("/accounts/jwks", "accounts.jwks", Access::Public, jwks)
        .max_age(tokens::PUBLISHED_FOR)
}

fn sessions(operations: Operations) -> Operations {
    operations
        .post("/accounts/upgrade", "accounts.upgrade_guest", Access::Player, upgrade_guest)
        .rate(Rate::SignIn)
        .put("/accounts/password", "accounts.change_password", Access::Player, change_password)
        .rate(Rate::SignIn)
        .post("/accounts/sign_out", "accounts.sign_out", Access::Player, sign_out)
        .open_to_restricted()
        .get("/accounts/sessions", "accounts.sessions", Access::Player, list_sessions)
        .delete("/accounts/sessions", "accounts.revoke_sessions", Access::Player, revoke_sessions)
        .delete("/accounts/sessions/{session_id}", "accounts.revoke_session", Access::Player, revoke_session)
        .post(
            "/users/{user_id}/revoke_sessions",
            "accounts.revoke_user_sessions",
            Access::Permission(SESSIONS),
            revoke_user_sessions,
        )
        .rate(Rate::Admin)
        .put("/users/{user_id}/approval", "accounts.approve_user", Access::Permission(APPROVE), approve_user)
        .rate(Rate::Admin)
}

fn keys_and_roles(operations: Operations) -> Operations {
    operations
        .get("/permissions", "accounts.permissions", Access::Permission(ROLES), list_permissions)
        .rate(Rate::Admin)
        .get("/roles", "accounts.roles", Access::Permission(ROLES), list_roles)
        .rate(Rate::Admin)
        .post("/roles", "accounts.create_role", Access::Permission(ROLES), create_role)
        .rate(Rate::Admin)
        .patch("/roles/{name}", "accounts.update_role", Access::Permission(ROLES), update_role)
        .rate(Rate::Admin)
        .delete("/roles/{name}", "accounts.delete_role", Access::Permission(ROLES), delete_role)
        .rate(Rate::Admin)
        .get("/grants", "accounts.grants", Access::Permission(GRANT), list_grants)
        .rate(Rate::Admin)
        .put("/users/{user_id}/roles/{role}", "accounts.grant_role", Access::Permission(GRANT), grant_role)
        .rate(Rate::Admin)
        .delete(
            "/users/{user_id}/roles/{role}",
            "accounts.revoke_role",
            Access::Permission(GRANT),
            revoke_role,
        )
        .rate(Rate::Admin)
        .get("/keys", "accounts.keys", Access::Player, list_keys)
        .post("/keys", "accounts.create_key", Access::Permission(KEYS), create_key)
        .rate(Rate::Admin)
        .delete("/keys/{key_id}", "accounts.revoke_key", Access::Player, revoke_key)
        .post("/bots", "accounts.create_bot", Access::Permission(KEYS), create_bot)
        .rate(Rate::Admin)
        .post("/signing_keys", "accounts.rotate_signing_keys", Access::Permission(KEYS), rotate_signing_keys)
        .rate(Rate::Admin)
}

/// All SQL of this context.
pub(crate) fn statements() -> Vec<(&'static str, &'static str)> {
    [
        administrators::STATEMENTS,
        audience::STATEMENTS,
        changes::STATEMENTS,
        credentials::STATEMENTS,
        email::STATEMENTS,
        erase::STATEMENTS,
        extra::STATEMENTS,
        identities::STATEMENTS,
        keys::STATEMENTS,
        names::STATEMENTS,
        roles::STATEMENTS,
        sessions::STATEMENTS,
        sign_in::STATEMENTS,
        store::STATEMENTS,
        throttle::STATEMENTS,
        tokens::STATEMENTS,
        users::STATEMENTS,
        users::SEARCH_STATEMENTS,
    ]
    .concat()
}

/// What a caller shows to say who they are.
#[derive(Clone)]
pub enum Credential {
    /// An access token.
    Bearer(String),
    /// An API key.
    ApiKey(String),
}

/// Without the secret, which must not get into a log.
impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bearer(_) => "Bearer(***)",
            Self::ApiKey(_) => "ApiKey(***)",
        })
    }
}

/// Who shows this credential. Cached until it expires or is revoked.
pub async fn authenticate(
    hall: &Hall,
    credential: &Credential,
) -> Result<Arc<crate::Identity>, crate::Error> {
    identities::authenticate(hall, credential).await
}

/// What this context keeps in memory.
#[derive(Debug)]
pub(crate) struct Live {
    passwords: passwords::Passwords,
    reserved: ArcSwap<names::Reserved>,
    keyring: tokens::Keyring,
    identities: identities::Identities,
    summaries: Kept<UserId, users::Known>,
    own: Kept<UserId, users::Own>,
    requests: email::Requests,
}

impl Live {
    pub(crate) fn open(settings: &crate::Settings) -> Result<Self, OpenError> {
        Ok(Self {
            passwords: passwords::Passwords::start(&settings.accounts)?,
            reserved: ArcSwap::from_pointee(names::Reserved::new(&settings.accounts.reserved_names)),
            keyring: tokens::Keyring::default(),
            identities: identities::Identities::default(),
            summaries: Kept::new(users::SUMMARIES_MAX),
            own: Kept::new(users::OWN_MAX),
            requests: email::Requests::default(),
        })
    }
}

/// Takes note that the settings are others.
pub(crate) fn heed(hall: &Hall) {
    let reserved = names::Reserved::new(&hall.settings().accounts.reserved_names);
    hall.accounts().reserved.store(Arc::new(reserved));
}

/// Makes what every server has from the start on.
pub(crate) async fn prepare(hall: &Hall) -> Result<(), OpenError> {
    let cx = Cx::server(hall);
    hall.accounts().keyring.rotate(&cx).await?;
    roles::seed(&cx).await?;
    users::start(hall).await?;
    restrictions::on_changed(hall, |tx, user| match user {
        Some(user) => identities::forget(tx, user),
        None => identities::forget_all(tx),
    });
    restrictions::guarded_by(hall, |tx, user| require_manageable(tx, user).map_err(Error::into_common));
    crate::settings::guarded_by(hall, |tx, user| require_manageable(tx, user).map_err(Error::into_common));
    Ok(())
}

/// Refuses to act on a user who is not there, who is the server itself, or who may do more than the caller.
pub(crate) fn require_manageable(tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), Error> {
    let found = credentials::find_by_id(tx, user)?.filter(|found| found.standing.erased_at.is_none());
    if user == SYSTEM || found.is_none() {
        return Err(crate::Error::NotFound.into());
    }
    // What it is called elsewhere: nobody gives what they may not do.
    roles::require_no_less_than(tx, user).map_err(|error| match error {
        Error::BeyondOwn => crate::Error::Forbidden.into(),
        other => other,
    })
}

/// Starts what runs beside the calls.
pub(crate) fn start(hall: &Hall) {
    email::start(hall);
    hall.spawn(changes::run(hall.downgrade()));
    hall.spawn(flush_seen(hall.downgrade()));
}

/// Clears what has expired.
pub(crate) async fn sweep(cx: &Cx) -> Result<(), Error> {
    cx.hall().accounts().keyring.rotate(cx).await?;
    erase::sweep(cx).await?;
    sweep::all(cx, changes::sweep).await?;
    sweep::all(cx, email::sweep).await?;
    sweep::all(cx, keys::sweep).await?;
    sweep::all(cx, names::sweep).await?;
    sweep::all(cx, roles::sweep).await?;
    sweep::all(cx, sessions::sweep).await?;
    sweep::all(cx, sign_in::sweep).await?;
    Ok(sweep::all(cx, throttle::sweep).await?)
}

/// Writes down now and then which sessions were seen, for as long as the hall is there.
async fn flush_seen(hall: WeakHall) {
    const INTERVAL: Duration = Duration::from_secs(30);
    loop {
        let Some(clock) = hall.upgrade().map(|hall| hall.shared_clock()) else { return };
        clock.sleep_until(clock.elapsed() + INTERVAL).await;
        let Some(hall) = hall.upgrade() else { return };
        if let Err(error) = identities::flush_seen(&Cx::server(&hall)).await {
            tracing::warn!("Could not note which sessions were seen: {error}");
        }
    }
}

/// The user came, having been away: their first session since then.
pub(crate) fn stamp_login(tx: &mut Tx<'_, '_>, user: UserId, at: Timestamp) -> Result<(), crate::Error> {
    store::stamp_login(tx, user, at)
}

/// Nobody is here yet, and whoever was when the server stopped or died has gone since. To be called before anybody comes.
pub(crate) async fn stamp_cut_off(hall: &Hall) -> Result<(), OpenError> {
    let cx = Cx::server(hall);
    Ok(sweep::all(&cx, store::stamp_cut_off).await?)
}

/// The user's last session went.
pub(crate) fn stamp_logout(tx: &mut Tx<'_, '_>, user: UserId, at: Timestamp) -> Result<(), crate::Error> {
    store::stamp_logout(tx, user, at)
}
