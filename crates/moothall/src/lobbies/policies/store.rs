//! SQL for policies of lobbies that the server keeps.

use moothall_protocol::limits::LOBBY_POLICIES_MAX;
use moothall_protocol::lobbies::LobbyPolicy;
use moothall_store::{Json, Row, params, statements};

use crate::cx::Tx;
use crate::json::value;
use crate::lobbies::Error;

statements! {
    FIND_POLICY = "SELECT policy, version FROM lobby_policies WHERE slug = $1";
    LIST_POLICIES = "SELECT policy, version FROM lobby_policies ORDER BY slug LIMIT $1";
    COUNT_POLICIES = "SELECT count(*) FROM lobby_policies";
    PUT_POLICY = "INSERT INTO lobby_policies (slug, policy, version) VALUES ($1, $2, $3)
        ON CONFLICT (slug) DO UPDATE SET policy = excluded.policy, version = excluded.version";
    DELETE_POLICY = "DELETE FROM lobby_policies WHERE slug = $1";
}

fn policy(row: &Row) -> Result<LobbyPolicy, Error> {
    let Json(policy) = row.get::<Json<LobbyPolicy>>(0)?;
    Ok(LobbyPolicy { version: row.get(1)?, ..policy })
}

pub(super) fn find(tx: &mut Tx<'_, '_>, slug: &str) -> Result<Option<LobbyPolicy>, Error> {
    tx.query_opt(FIND_POLICY, params![slug])?.as_ref().map(policy).transpose()
}

/// The policies, by slug.
pub(in crate::lobbies) fn all(tx: &mut Tx<'_, '_>) -> Result<Vec<LobbyPolicy>, Error> {
    tx.query(LIST_POLICIES, params![LOBBY_POLICIES_MAX])?.iter().map(policy).collect()
}

pub(super) fn count(tx: &mut Tx<'_, '_>) -> Result<usize, Error> {
    Ok(tx.query_one(COUNT_POLICIES, params![])?.get(0)?)
}

pub(super) fn put(tx: &mut Tx<'_, '_>, policy: &LobbyPolicy) -> Result<(), Error> {
    tx.execute(PUT_POLICY, params![policy.slug, value(policy)?, policy.version])?;
    Ok(())
}

pub(super) fn delete(tx: &mut Tx<'_, '_>, slug: &str) -> Result<(), Error> {
    tx.execute(DELETE_POLICY, params![slug])?;
    Ok(())
}
