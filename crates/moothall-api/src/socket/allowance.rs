//! How many messages a socket may send, whatever is in them: against floods of what the rates never get to see.

use std::time::Duration;

use moothall_protocol::limits::{SOCKET_MESSAGES_BURST_MAX, SOCKET_MESSAGES_PER_SECOND_MAX};
use tokio::time::Instant;

/// What a refused request counts as.
pub(super) const REFUSED: u32 = 5;

/// A token bucket, as the time at which it is full again.
#[derive(Debug)]
pub(super) struct Allowance {
    between: Duration,
    full_at: Instant,
}

impl Allowance {
    /// A full one, `scale` times as large as the limits say.
    pub fn new(scale: u32, now: Instant) -> Self {
        Self {
            between: Duration::from_secs(1) / SOCKET_MESSAGES_PER_SECOND_MAX as u32 / scale.max(1),
            full_at: now,
        }
    }

    /// Takes so many tokens. False if there are not enough: that is abuse.
    pub fn take(&mut self, count: u32, now: Instant) -> bool {
        self.full_at = self.full_at.max(now) + self.between * count;
        self.full_at <= now + self.between * SOCKET_MESSAGES_BURST_MAX as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_let_through_and_a_flood_is_not() {
        let start = Instant::now();
        let mut allowance = Allowance::new(1, start);
        for _ in 0..SOCKET_MESSAGES_BURST_MAX {
            assert!(allowance.take(1, start));
        }
        assert!(!allowance.take(1, start));
        let mut allowance = Allowance::new(1, start);
        for second in 0..60 {
            let now = start + Duration::from_secs(second);
            assert!(allowance.take(SOCKET_MESSAGES_PER_SECOND_MAX as u32, now));
        }
    }
}
