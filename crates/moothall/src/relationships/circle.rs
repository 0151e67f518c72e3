//! The ties of a user that matter to who may reach whom, kept in memory.
//!
//! Whoever asks about two users needs the circle of one of them: it has what either made of the other. Invariant: after a change is
//! committed, and before whoever made it is answered, nothing from before it is found here.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use moothall_protocol::UserId;

/// Ties kept in memory, in all: a circle counts as many as it has.
const TIES_MAX: u64 = 1_000_000;
/// Read again after so long, should word of a change by another process have been missed.
const FRESH: Duration = Duration::from_secs(60);

/// What one user is to another, as far as it matters to who may reach whom: any of these together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tie(u8);

impl Tie {
    pub const FRIEND: Self = Self(1);
    pub const IGNORES: Self = Self(2);
    pub const BLOCKS: Self = Self(4);
    pub const IGNORED_BY: Self = Self(8);
    pub const BLOCKED_BY: Self = Self(16);

    /// Whether all of this is part of it.
    pub const fn has(self, part: Self) -> bool {
        self.0 & part.0 == part.0
    }

    /// Both together.
    pub const fn and(self, more: Self) -> Self {
        Self(self.0 | more.0)
    }

    /// Whether one of the two blocks the other.
    pub const fn is_blocked(self) -> bool {
        self.0 & (Self::BLOCKS.0 | Self::BLOCKED_BY.0) != 0
    }

    /// Whether the other one does not hear what this one says.
    pub const fn is_unheard(self) -> bool {
        self.0 & (Self::IGNORED_BY.0 | Self::BLOCKED_BY.0) != 0
    }

    /// Whether this one does not hear what the other one says.
    pub const fn is_deaf(self) -> bool {
        self.0 & (Self::IGNORES.0 | Self::BLOCKS.0) != 0
    }

    /// The same, seen from the other side.
    pub const fn reversed(self) -> Self {
        Self((self.0 & 1) | ((self.0 >> 2) & 6) | ((self.0 << 2) & 24))
    }
}

/// The ties of one user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Circle(HashMap<UserId, Tie>);

impl Circle {
    pub(super) fn add(&mut self, other: UserId, tie: Tie) {
        let known = self.0.entry(other).or_default();
        *known = known.and(tie);
    }

    /// What the user is to another.
    pub fn tie(&self, other: UserId) -> Tie {
        self.0.get(&other).copied().unwrap_or_default()
    }

    /// Those to whom the user has ties of this kind.
    pub fn all(&self, of: impl Fn(Tie) -> bool) -> impl Iterator<Item = UserId> {
        self.0.iter().filter(move |(_, tie)| of(**tie)).map(|(user, _)| *user)
    }

    /// Whether the user has no ties at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The circles of those who were asked about lately.
#[derive(Debug)]
pub(super) struct Circles {
    kept: Cache<UserId, Arc<Circle>>,
    changes: AtomicU64,
}

impl Default for Circles {
    fn default() -> Self {
        let kept = Cache::builder()
            .weigher(|_, circle: &Arc<Circle>| {
                u32::try_from(circle.0.len()).unwrap_or(u32::MAX).saturating_add(1)
            })
            .max_capacity(TIES_MAX)
            .time_to_live(FRESH)
            .build();
        Self { kept, changes: AtomicU64::new(0) }
    }
}

impl Circles {
    pub fn find(&self, user: UserId) -> Option<Arc<Circle>> {
        self.kept.get(&user)
    }

    /// To be asked before reading what is then kept: what changes from here on may be what is being read.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// Keeps what was read after there had been so many changes. One of the two sees the other: whoever keeps something looks at the count
    /// after keeping it, and a change counts before it forgets.
    pub fn keep(&self, user: UserId, circle: Arc<Circle>, changes: u64) {
        self.kept.insert(user, circle);
        if self.changes() != changes {
            self.kept.invalidate(&user);
        }
    }

    /// To be called after the commit of a change.
    pub fn forget(&self, users: &[UserId]) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        for user in users {
            self.kept.invalidate(user);
        }
    }
}

#[cfg(test)]
mod tests {
    use moothall_protocol::UserId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_tie_seen_from_the_other_side_twice_is_itself() {
        for bits in 0..32 {
            let tie = Tie(bits);
            assert_eq!(tie.reversed().reversed(), tie);
            assert_eq!(tie.has(Tie::IGNORES), tie.reversed().has(Tie::IGNORED_BY));
            assert_eq!(tie.has(Tie::BLOCKS), tie.reversed().has(Tie::BLOCKED_BY));
            assert_eq!(tie.has(Tie::FRIEND), tie.reversed().has(Tie::FRIEND));
            assert_eq!(tie.is_unheard(), tie.reversed().is_deaf());
        }
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let circles = Circles::default();
        let id = UserId::from_uuid(Uuid::from_u128(7));
        let changes = circles.changes();
        circles.forget(&[id]);
        circles.keep(id, Arc::default(), changes);
        assert_eq!(circles.find(id), None);
        circles.keep(id, Arc::default(), changes + 1);
        assert!(circles.find(id).is_some());
    }
}
