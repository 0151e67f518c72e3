//! Summaries: the few words about a user that stand beside everything they do, kept in memory.

use std::collections::{HashMap, HashSet};

use moothall_protocol::accounts::UserSummary;
use moothall_protocol::{Timestamp, UserId};

use super::store;
use crate::cx::Cx;
use crate::error::Error;

/// What is kept of a user.
#[derive(Clone, Debug)]
pub(in crate::accounts) struct Known {
    pub summary: UserSummary,
    /// Only a tombstone is left.
    pub is_erased: bool,
}

/// The summaries of these users, in this order. Users who never were are left out; of erased ones the tombstone is there.
pub async fn summaries(cx: &Cx, ids: &[UserId]) -> Result<Vec<UserSummary>, Error> {
    Ok(known(cx, ids).await?.into_iter().map(|known| known.summary).collect())
}

/// Those of these users who are there, and not erased.
pub(crate) async fn living(cx: &Cx, ids: &[UserId]) -> Result<HashSet<UserId>, Error> {
    let known = known(cx, ids).await?.into_iter();
    Ok(known.filter(|known| !known.is_erased).map(|known| known.summary.id).collect())
}

/// Whether a user is there and not erased, if that was asked lately.
pub(crate) fn living_kept(cx: &Cx, id: UserId) -> Option<bool> {
    cx.hall().accounts().summaries.find(id).map(|known| !known.is_erased)
}

/// Who of these has given no sign of life since then, and still has an account.
pub(crate) fn silent(
    tx: &mut crate::Tx<'_, '_>,
    users: &[UserId],
    since: Timestamp,
) -> Result<Vec<UserId>, Error> {
    store::silent(tx, users, since).map_err(super::Error::into_common)
}

async fn known(cx: &Cx, ids: &[UserId]) -> Result<Vec<Known>, Error> {
    let kept = &cx.hall().accounts().summaries;
    let mut found: HashMap<UserId, Known> =
        ids.iter().filter_map(|id| Some((*id, kept.find(*id)?))).collect();
    let missing: Vec<UserId> = ids.iter().filter(|id| !found.contains_key(id)).copied().collect();
    if !missing.is_empty() {
        let changes = kept.changes();
        for known in cx.read(move |tx| store::summaries(tx, &missing)).await? {
            kept.keep(known.summary.id, known.clone(), changes);
            found.insert(known.summary.id, known);
        }
    }
    Ok(ids.iter().filter_map(|id| found.get(id).cloned()).collect())
}

/// The summary of one user.
pub async fn summary(cx: &Cx, id: UserId) -> Result<UserSummary, Error> {
    summaries(cx, &[id]).await?.pop().ok_or(Error::NotFound)
}
