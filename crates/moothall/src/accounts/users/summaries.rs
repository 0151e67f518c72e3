//! Summaries: the few words about a user that stand beside everything they do, kept in memory.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use moothall_protocol::UserId;
use moothall_protocol::accounts::UserSummary;

use super::store;
use crate::cx::{Cx, Tx};
use crate::error::Error;

/// Summaries kept in memory.
const ENTRIES_MAX: u64 = 100_000;
/// Read again after so long, so that a change by another process (the command line) counts soon.
const FRESH: Duration = Duration::from_secs(60);

/// What is kept of a user.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub summary: UserSummary,
    /// Only a tombstone is left.
    pub is_erased: bool,
}

/// Summaries that were read lately.
///
/// Invariant: after a change is committed, no summary from before it is found here. Whoever keeps one looks at the count of
/// changes *after* keeping it, and takes it back if there was a change since reading; a change counts first and then forgets.
/// So one of the two always sees the other.
#[derive(Debug)]
pub(in crate::accounts) struct Summaries {
    entries: Cache<UserId, Known>,
    changes: AtomicU64,
}

impl Default for Summaries {
    fn default() -> Self {
        let entries = Cache::builder().max_capacity(ENTRIES_MAX).time_to_live(FRESH).build();
        Self { entries, changes: AtomicU64::new(0) }
    }
}

impl Summaries {
    fn keep(&self, known: Known, changes: u64) {
        let id = known.summary.id;
        self.entries.insert(id, known);
        if self.changes.load(Ordering::SeqCst) != changes {
            self.entries.invalidate(&id);
        }
    }

    #[cfg(test)]
    pub(super) fn keeps(&self, user: UserId) -> bool {
        self.entries.contains_key(&user)
    }

    fn forget(&self, user: UserId) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.entries.invalidate(&user);
    }
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

async fn known(cx: &Cx, ids: &[UserId]) -> Result<Vec<Known>, Error> {
    let kept = &cx.hall().accounts().summaries;
    let mut found: HashMap<UserId, Known> =
        ids.iter().filter_map(|id| kept.entries.get(id).map(|known| (*id, known))).collect();
    let missing: Vec<UserId> = ids.iter().filter(|id| !found.contains_key(id)).copied().collect();
    if !missing.is_empty() {
        // Before reading: what changes from here on may be what is being read.
        let changes = kept.changes.load(Ordering::SeqCst);
        for known in cx.read(move |tx| store::summaries(tx, &missing)).await? {
            kept.keep(known.clone(), changes);
            found.insert(known.summary.id, known);
        }
    }
    Ok(ids.iter().filter_map(|id| found.get(id).cloned()).collect())
}

/// The summary of one user.
pub async fn summary(cx: &Cx, id: UserId) -> Result<UserSummary, Error> {
    summaries(cx, &[id]).await?.pop().ok_or(Error::NotFound)
}

/// After the commit, nobody is shown the user as they were before it.
pub(in crate::accounts) fn forget(tx: &mut Tx<'_, '_>, user: UserId) {
    let hall = tx.cx().hall().clone();
    tx.after_commit(move || hall.accounts().summaries.forget(user));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let summaries = Summaries::default();
        let id = UserId::from_uuid(uuid::Uuid::from_u128(7));
        let summary = UserSummary { id, name: "Ana".into(), is_guest: false, is_bot: false };
        let read = Known { summary, is_erased: false };
        let changes = summaries.changes.load(Ordering::SeqCst);
        summaries.forget(id);
        summaries.keep(read.clone(), changes);
        assert!(!summaries.keeps(id));
        summaries.keep(read, changes + 1);
        assert!(summaries.keeps(id));
    }
}
