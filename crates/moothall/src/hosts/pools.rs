//! Pools, which are data. Staff makes, changes and removes them; every change is audited.

use moothall_protocol::hosts::{HostPool, HostPools, ListHostPools, PutHostPool, RemoveHostPool};
use moothall_protocol::limits::HOST_POOLS_MAX;

use super::pool::{Command, Pool};
use super::{Error, MANAGE, store};
use crate::cx::Cx;
use crate::operation::{Access, Operations, Rate};

/// Adds the operations on pools.
pub(super) fn offer(operations: Operations) -> Operations {
    operations
        .get("/host_pools", "hosts.list_pools", Access::Permission(MANAGE), list_pools)
        .rate(Rate::Admin)
        .put("/host_pools/{slug}", "hosts.put_pool", Access::Permission(MANAGE), put_pool)
        .rate(Rate::Admin)
        .delete("/host_pools/{slug}", "hosts.remove_pool", Access::Permission(MANAGE), remove_pool)
        .rate(Rate::Admin)
}

/// The pools there are.
pub async fn list_pools(cx: &Cx, _: ListHostPools) -> Result<HostPools, Error> {
    cx.require(MANAGE)?;
    cx.hall().directory().all_answered::<Pool>(cx).await;
    let pools = cx.read(|tx| store::list(tx, HOST_POOLS_MAX)).await?;
    Ok(HostPools { items: pools.into_iter().map(|(_, card)| card).collect() })
}

/// Makes a pool, or changes it.
pub async fn put_pool(cx: &Cx, input: PutHostPool) -> Result<HostPool, Error> {
    cx.require(MANAGE)?;
    let _making = cx.hall().directory().making::<Pool>(cx).await;
    let PutHostPool { slug, name, modes, versions, regions, if_version, reason } = input;
    let card = HostPool { slug, name, modes, versions, regions, version: 1 };
    let find = card.slug.clone();
    if let Some(id) = cx.read(move |tx| store::find_by_slug(tx, &find)).await? {
        let put = Command::Put { card, if_version, reason };
        return cx.hall().directory().call::<Pool>(cx, id, put).await?.pool();
    }
    if if_version.is_some_and(|version| version != 0) {
        return Err(crate::Error::VersionConflict { version: 0 }.into());
    }
    let id = cx.new_id();
    cx.mutate(move |tx| {
        store::insert(tx, id, &card, &reason)?;
        Ok::<_, Error>(card.clone())
    })
    .await
}

/// Takes a pool away.
pub async fn remove_pool(cx: &Cx, input: RemoveHostPool) -> Result<(), Error> {
    cx.require(MANAGE)?;
    let _making = cx.hall().directory().making::<Pool>(cx).await;
    let RemoveHostPool { slug, reason } = input;
    let found = cx.read(move |tx| store::find_by_slug(tx, &slug)).await?;
    let id = found.ok_or(crate::Error::NotFound)?;
    cx.hall().directory().call::<Pool>(cx, id, Command::Remove { reason }).await.map(drop)
}
