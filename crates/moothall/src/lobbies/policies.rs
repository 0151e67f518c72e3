//! Policies of lobbies that the server keeps, which are data. Staff makes, changes and removes them; every change is audited, and the keeper
//! acts on it at once.

mod store;

use moothall_protocol::limits::LOBBY_POLICIES_MAX;
use moothall_protocol::lobbies::{
    ListLobbyPolicies, LobbyPolicies, LobbyPolicy, PutLobbyPolicy, RemoveLobbyPolicy,
};

pub(super) use store::{STATEMENTS, all};

use super::lobby::Rules;
use super::{Error, MANAGE_POLICIES, keeper, modes, opening};
use crate::audit;
use crate::cx::Cx;
use crate::operation::{Access, Operations, Rate};

/// Adds the operations on policies.
pub(super) fn offer(operations: Operations) -> Operations {
    operations
        .get("/lobby_policies", "lobbies.policies", Access::Permission(MANAGE_POLICIES), list)
        .rate(Rate::Admin)
        .put("/lobby_policies/{slug}", "lobbies.put_policy", Access::Permission(MANAGE_POLICIES), put)
        .rate(Rate::Admin)
        .delete(
            "/lobby_policies/{slug}",
            "lobbies.remove_policy",
            Access::Permission(MANAGE_POLICIES),
            remove,
        )
        .rate(Rate::Admin)
}

/// The policies there are.
pub async fn list(cx: &Cx, _: ListLobbyPolicies) -> Result<LobbyPolicies, Error> {
    cx.require(MANAGE_POLICIES)?;
    cx.read(|tx| Ok(LobbyPolicies { items: all(tx)? })).await
}

/// Makes a policy, or changes it. When this returns, its lobbies are open.
pub async fn put(cx: &Cx, input: PutLobbyPolicy) -> Result<LobbyPolicy, Error> {
    cx.require(MANAGE_POLICIES)?;
    let (policy, if_version, reason) = policy_of(cx, input)?;
    let put = cx
        .mutate(move |tx| {
            let before = store::find(tx, &policy.slug)?;
            let version = before.as_ref().map_or(0, |before| before.version);
            if if_version.is_some_and(|expected| expected != version) {
                return Err(crate::Error::VersionConflict { version }.into());
            }
            let mode = modes::find(tx, &policy.mode)?.ok_or(Error::NoSuchMode)?;
            let rules = Rules::new(mode, &tx.cx().hall().settings().lobbies)?;
            policy.teams.map_or(Ok(()), |teams| rules.require_teams(teams))?;
            policy.map.as_ref().map_or(Ok(()), |map| rules.require_map(map))?;
            let policy = LobbyPolicy { version, ..policy.clone() };
            if let Some(before) = before.as_ref().filter(|before| **before == policy) {
                return Ok(before.clone());
            }
            let policy = LobbyPolicy { version: version + 1, ..policy };
            store::put(tx, &policy)?;
            if store::count(tx)? > LOBBY_POLICIES_MAX {
                return Err(Error::TooManyPolicies);
            }
            let entry = audit::Entry::new("lobbies.put_policy").target(target(&policy.slug)).reason(&reason);
            audit::record(tx, entry.change(&before, &policy))?;
            let hall = tx.cx().hall().clone();
            tx.after_commit(move || keeper::begin(&hall));
            Ok(policy)
        })
        .await?;
    keeper::settled(cx.hall()).await;
    Ok(put)
}

/// Takes a policy away.
pub async fn remove(cx: &Cx, input: RemoveLobbyPolicy) -> Result<(), Error> {
    cx.require(MANAGE_POLICIES)?;
    cx.mutate(move |tx| {
        let before = store::find(tx, &input.slug)?.ok_or(crate::Error::NotFound)?;
        store::delete(tx, &input.slug)?;
        let entry =
            audit::Entry::new("lobbies.remove_policy").target(target(&input.slug)).reason(&input.reason);
        audit::record(tx, entry.change(&before, &()))?;
        let hall = tx.cx().hall().clone();
        tx.after_commit(move || keeper::begin(&hall));
        Ok::<_, Error>(())
    })
    .await?;
    keeper::settled(cx.hall()).await;
    Ok(())
}

fn target(slug: &str) -> String {
    format!("lobby_policy:{slug}")
}

/// What a lobby of this number is called.
pub(super) fn name(policy: &LobbyPolicy, number: u32) -> String {
    policy.name.replace("{n}", &number.to_string())
}

fn policy_of(cx: &Cx, input: PutLobbyPolicy) -> Result<(LobbyPolicy, Option<i64>, String), Error> {
    let policy = LobbyPolicy {
        name: opening::text(cx, "/name", &input.name)?,
        tags: opening::tags(cx, input.tags)?,
        slug: input.slug,
        mode: input.mode,
        open_min: input.open_min,
        pool: input.pool,
        game_version: input.game_version,
        regions: input.regions,
        teams: input.teams,
        map: input.map,
        is_rated: input.is_rated.unwrap_or(true),
        version: 0,
    };
    Ok((policy, input.if_version, input.reason))
}
