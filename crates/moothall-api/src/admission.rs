//! Admission: sockets are let in no faster than the server takes them, so that thousands who come at once (after a restart, say)
//! neither slow down those who are in nor each other.
//!
//! Handshakes for TLS, sign-ins and refreshes are let through in the same way, each by an admission of their own.
//!
//! Start at [`Admission::enter`]. So many are let in side by side; the others wait in the order in which they came. How fast they get in
//! is measured, and whoever would have to wait for longer than a few seconds is told at once when to come again: when those before
//! them will be in, spread at random, so that they do not come all at once again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use moothall::{Error, Random};
use moothall_protocol::limits::{ADMISSION_RETRY_MS_MAX, ADMISSION_WAIT_MS_MAX};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Taken for the pace until it has been measured: what one core does in a second, and less.
const PACE_UNMEASURED: f64 = 500.0;
/// Below this the pace is never thought to be: a single slow moment must not send everybody away for minutes.
const PACE_MIN: f64 = 20.0;
/// The pace is measured over such spans, and the newest counts as much as all before it.
const SPAN: Duration = Duration::from_millis(250);
const WAIT_MAX: Duration = Duration::from_millis(ADMISSION_WAIT_MS_MAX as u64);
const RETRY_MAX: Duration = Duration::from_millis(ADMISSION_RETRY_MS_MAX as u64);
/// Nobody is told to come again sooner.
const RETRY_MIN: Duration = Duration::from_millis(500);

/// Lets sockets in at the pace at which they can be served. Those who wait are bounded by the time they would have to.
#[derive(Debug)]
pub(crate) struct Admission(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    of: &'static str,
    /// Fair: who came first is let in first.
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
    pace: Mutex<Pace>,
}

/// The turn of one who is being let in. Whoever drops it is in, or has gone.
#[derive(Debug)]
pub(crate) struct Turn {
    inner: Arc<Inner>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let is_busy = self.inner.waiting.load(Ordering::Relaxed) > 0;
        self.inner.pace.lock().count(Instant::now(), is_busy);
    }
}

impl Admission {
    /// One for these, that lets in so many side by side. The metrics have its name.
    pub fn new(of: &'static str, at_once: usize) -> Self {
        let pace = Pace { began: Instant::now(), count: 0, was_busy: false, per_second: PACE_UNMEASURED };
        Self(Arc::new(Inner {
            of,
            turns: Arc::new(Semaphore::new(at_once)),
            waiting: AtomicUsize::new(0),
            pace: Mutex::new(pace),
        }))
    }

    /// Waits for a turn; or says when to come again, if that would take too long.
    pub async fn enter(&self, random: &dyn Random) -> Result<Turn, Error> {
        let place = Waiting::new(&self.0);
        if self.0.turns.available_permits() == 0 {
            let wait = Duration::from_secs_f64(place.number as f64 / self.0.pace.lock().per_second);
            if wait > WAIT_MAX {
                metrics::counter!("admissions_put_off_total", "of" => self.0.of).increment(1);
                return Err(Error::Crowded { retry_after: spread(wait, random) });
            }
        }
        let permit = Arc::clone(&self.0.turns).acquire_owned().await.map_err(Error::internal)?;
        drop(place);
        Ok(Turn { inner: Arc::clone(&self.0), _permit: permit })
    }
}

/// When to come again after so long a wait: by then, or up to as long again.
fn spread(wait: Duration, random: &dyn Random) -> Duration {
    let wait = wait.clamp(RETRY_MIN, RETRY_MAX / 2);
    let extra = random.below(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1));
    wait + Duration::from_millis(extra)
}

/// A place among those who wait. Given back when dropped, so that who gives up is not waited for.
struct Waiting<'a> {
    among: &'a Inner,
    /// How many wait, this one included.
    number: usize,
}

impl<'a> Waiting<'a> {
    fn new(among: &'a Inner) -> Self {
        let number = among.waiting.fetch_add(1, Ordering::Relaxed) + 1;
        metrics::gauge!("admissions_waiting", "of" => among.of).increment(1);
        Self { among, number }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.among.waiting.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!("admissions_waiting", "of" => self.among.of).decrement(1);
    }
}

/// How many get in within a second.
#[derive(Debug)]
struct Pace {
    began: Instant,
    count: u32,
    /// Whether anybody waited meanwhile: without that, the count says how many came, and not how many could.
    was_busy: bool,
    per_second: f64,
}

impl Pace {
    fn count(&mut self, now: Instant, is_busy: bool) {
        self.count += 1;
        self.was_busy |= is_busy;
        let span = now - self.began;
        if span < SPAN {
            return;
        }
        let measured = f64::from(self.count) / span.as_secs_f64();
        if self.was_busy {
            self.per_second = ((self.per_second + measured) / 2.0).max(PACE_MIN);
        } else {
            self.per_second = self.per_second.max(measured);
        }
        (self.began, self.count, self.was_busy) = (now, 0, false);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use moothall::SeededRandom;
    use moothall_protocol::limits::ADMISSIONS_AT_ONCE;

    use super::*;

    #[tokio::test]
    async fn who_came_first_is_let_in_first_and_who_leaves_is_not_waited_for() {
        let (admission, random) = (Admission::new("socket", ADMISSIONS_AT_ONCE), SeededRandom::from_seed(1));
        let mut turns = Vec::new();
        for _ in 0..ADMISSIONS_AT_ONCE {
            turns.push(admission.enter(&*random).await.unwrap());
        }
        let mut first = Box::pin(admission.enter(&*random));
        let mut second = Box::pin(admission.enter(&*random));
        let mut third = Box::pin(admission.enter(&*random));
        for waiting in [&mut first, &mut second, &mut third] {
            assert!(waiting.now_or_never().is_none());
        }
        drop(second);
        turns.pop();
        first.await.unwrap();
        assert_eq!(admission.0.waiting.load(Ordering::Relaxed), 1);
        third.await.unwrap();
        assert_eq!(admission.0.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn who_would_wait_for_too_long_is_told_when_to_come_again_and_not_all_at_the_same_time() {
        let (admission, random) = (Admission::new("socket", ADMISSIONS_AT_ONCE), SeededRandom::from_seed(1));
        let _in: Vec<Turn> = {
            let mut turns = Vec::new();
            for _ in 0..ADMISSIONS_AT_ONCE {
                turns.push(admission.enter(&*random).await.unwrap());
            }
            turns
        };
        let fit = PACE_UNMEASURED as usize * ADMISSION_WAIT_MS_MAX / 1_000;
        let mut waiting: Vec<_> = (0..fit).map(|_| Box::pin(admission.enter(&*random))).collect();
        for one in &mut waiting {
            assert!(one.now_or_never().is_none());
        }
        let mut told = std::collections::BTreeSet::new();
        for _ in 0..100 {
            match admission.enter(&*random).await {
                Err(Error::Crowded { retry_after }) => {
                    assert!(retry_after >= WAIT_MAX && retry_after <= 2 * WAIT_MAX + SPAN, "{retry_after:?}");
                    told.insert(retry_after);
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(told.len() > 90, "{} times", told.len());
        for _ in 0..100 {
            let later = spread(Duration::from_secs(3_600), &*random).as_millis() as usize;
            assert!((ADMISSION_RETRY_MS_MAX / 2..=ADMISSION_RETRY_MS_MAX).contains(&later), "{later}");
        }
    }

    #[test]
    fn the_pace_is_what_was_reached_while_others_waited() {
        let start = Instant::now();
        let mut pace = Pace { began: start, count: 0, was_busy: false, per_second: PACE_UNMEASURED };
        let mut now = start;
        for _ in 0..10_000 {
            now += Duration::from_millis(1);
            pace.count(now, true);
        }
        assert!((pace.per_second - 1_000.0).abs() < 20.0, "{}", pace.per_second);
        for _ in 0..100 {
            now += Duration::from_secs(1);
            pace.count(now, false);
        }
        assert!((pace.per_second - 1_000.0).abs() < 20.0, "few came: {}", pace.per_second);
    }
}
