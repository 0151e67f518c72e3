//! What was read lately, kept in memory.

use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;

/// Read again after so long, should word of a change by another process have been missed: see `accounts/changes.rs`.
const FRESH: Duration = Duration::from_secs(60);

/// One kind of thing that is known of users, or of whatever the keys name: as many as fit, for [`FRESH`].
///
/// Invariant: after a change is committed, nothing from before it is found here. Whoever keeps something looks at the count of
/// changes *after* keeping it, and takes it back if there was a change since reading; a change counts first and then forgets.
/// So one of the two always sees the other.
#[derive(Debug)]
pub(crate) struct Kept<K: Copy + Eq + Hash + Send + Sync + 'static, V: Clone + Send + Sync + 'static> {
    entries: Cache<K, V>,
    changes: AtomicU64,
}

impl<K: Copy + Eq + Hash + Send + Sync + 'static, V: Clone + Send + Sync + 'static> Kept<K, V> {
    pub fn new(entries_max: u64) -> Self {
        let entries = Cache::builder().max_capacity(entries_max).time_to_live(FRESH).build();
        Self { entries, changes: AtomicU64::new(0) }
    }

    pub fn find(&self, key: K) -> Option<V> {
        self.entries.get(&key)
    }

    /// To be asked before reading what is then kept: what changes from here on may be what is being read.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// Keeps what was read after there had been so many changes.
    pub fn keep(&self, key: K, value: V, changes: u64) {
        self.entries.insert(key, value);
        if self.changes() != changes {
            self.entries.invalidate(&key);
        }
    }

    /// To be called after the commit of a change.
    pub fn forget(&self, key: K) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.entries.invalidate(&key);
    }

    /// To be called after the commit of a change that may concern anybody.
    pub fn forget_all(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.entries.invalidate_all();
    }
}

#[cfg(test)]
mod tests {
    use moothall_protocol::UserId;

    use super::*;

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let kept = Kept::new(10);
        let id = UserId::from_uuid(uuid::Uuid::from_u128(7));
        let changes = kept.changes();
        kept.forget(id);
        kept.keep(id, "before", changes);
        assert_eq!(kept.find(id), None);
        kept.keep(id, "after", changes + 1);
        assert_eq!(kept.find(id), Some("after"));
        kept.forget_all();
        assert_eq!(kept.find(id), None);
    }
}
