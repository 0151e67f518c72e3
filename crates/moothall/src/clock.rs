//! Time comes in through the front: the clock a [`Hall`](crate::Hall) was given, and one that tests hold still.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use moothall_protocol::Timestamp;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Where the time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The time of day, for what is stored and shown.
    fn now(&self) -> Timestamp;

    /// Time since the clock was made; never jumps. For rates, deadlines and everything that is not shown.
    fn elapsed(&self) -> Duration;

    /// Returns once [`Clock::elapsed`] has reached `elapsed`.
    fn sleep_until(&self, elapsed: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// The machine's clock, as a `Clock` to hand to a hall.
    pub fn shared() -> Arc<dyn Clock> {
        Arc::new(Self { started: Instant::now() })
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place where the machine's time comes in")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep_until(&self, elapsed: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move { tokio::time::sleep(elapsed.saturating_sub(self.elapsed())).await })
    }
}

/// A clock that moves only when it is told to.
#[derive(Debug)]
pub struct FakeClock {
    start: Timestamp,
    elapsed: Mutex<Duration>,
    moved: Notify,
}

impl FakeClock {
    /// A clock that stands at `start`.
    pub fn at(start: Timestamp) -> Arc<Self> {
        Arc::new(Self { start, elapsed: Mutex::new(Duration::ZERO), moved: Notify::new() })
    }

    /// Moves the clock forward and wakes whoever waited for that.
    pub fn advance(&self, by: Duration) {
        *self.elapsed.lock() += by;
        self.moved.notify_waiters();
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        self.start + *self.elapsed.lock()
    }

    fn elapsed(&self) -> Duration {
        *self.elapsed.lock()
    }

    fn sleep_until(&self, elapsed: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            loop {
                let moved = self.moved.notified();
                tokio::pin!(moved);
                // Enabled before looking: an advance between the look and the wait is not missed.
                moved.as_mut().enable();
                if self.elapsed() >= elapsed {
                    return;
                }
                moved.await;
            }
        })
    }
}
