//! Accounts: users, sign-in, sessions, roles, keys.

pub mod names;

use std::sync::Arc;

use moothall_store::Store;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod store;

use crate::cx::Tx;
use moothall_protocol::{Timestamp, UserId};
pub(crate) use store::STATEMENTS;

use crate::{Clock, Cx, Hall, OpenError, Operations, Permission, Random};

/// Hosts games, or is a tool that does.
pub const HOST: Permission = Permission("host");

/// What a caller shows to say who they are.
#[derive(Clone, Debug)]
pub enum Credential {
    /// An access token.
    Bearer(String),
    /// An API key.
    ApiKey(String),
}

/// Who shows this credential. Cached until it expires or is revoked.
pub async fn authenticate(
    _: &Hall,
    _: &Credential,
    _: &crate::Origin,
) -> Result<Arc<crate::Identity>, crate::Error> {
    Err(crate::Error::TokenInvalid)
}

/// The identity of a live session as it is now: doors ask for every request of a socket, so that a revoked session or a
/// changed role counts at once. Cached with exact invalidation.
pub async fn identity_of(
    _: &Hall,
    _: moothall_protocol::SessionId,
) -> Result<Arc<crate::Identity>, crate::Error> {
    Err(crate::Error::TokenInvalid)
}

/// The operations of this context.
pub fn operations() -> Operations {
    Operations::context("accounts", "Users, sign-up and sign-in, sessions, roles and keys")
}

/// Settings of accounts.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {}

/// What this context keeps in memory.
#[derive(Debug)]
pub(crate) struct Live {}

impl Live {
    pub(crate) async fn open(
        _: &crate::Settings,
        _: &Store,
        _: &Arc<dyn Clock>,
        _: &Arc<dyn Random>,
    ) -> Result<Self, OpenError> {
        Ok(Self {})
    }
}

pub(crate) async fn start(_: &Hall) -> Result<(), OpenError> {
    Ok(())
}

pub(crate) async fn sweep(_: &Cx) -> Result<(), crate::Error> {
    Ok(())
}

/// The user came, having been away: their first session since then.
pub(crate) fn stamp_login(tx: &mut Tx<'_, '_>, user: UserId, at: Timestamp) -> Result<(), crate::Error> {
    store::stamp_login(tx, user, at)
}

/// The user's last session went.
pub(crate) fn stamp_logout(tx: &mut Tx<'_, '_>, user: UserId, at: Timestamp) -> Result<(), crate::Error> {
    store::stamp_logout(tx, user, at)
}
