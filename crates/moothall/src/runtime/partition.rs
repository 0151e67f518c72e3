//! A partition: the one serial task that owns its entities.
//!
//! Take what waits; look up claims and load what is missing in one read; run; write all effects in one transaction; then
//! publish and answer. A batch whose write is refused is run again one by one, so that one command cannot spoil another's. While the
//! database is away, commands are told so and timers wait. After a
//! panic of an entity what waits for it is tried once more, on the entity as it is stored; after a panic of anything else the batch
//! is lost, and the partition goes on.

use std::collections::{BTreeMap, HashMap};
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use metrics::Histogram;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use super::job::{Cell, Failed, Job, Key, Timer, Waker, World};
use crate::cx::Cx;
use crate::hall::WeakHall;
use crate::{Error, Hall};

/// Commands taken at once.
const BATCH: usize = 256;
/// Entities of one partition kept in memory; over that, idle ones that were not used lately are forgotten.
const CELLS: usize = 1_024;
/// How long an idle entity is kept at least.
const KEPT: Duration = Duration::from_secs(300);
/// How often idle entities are looked for at most: that walks through all of them.
const SWEEP: Duration = Duration::from_secs(10);
/// How long timers wait after the database was away.
const PAUSE: Duration = Duration::from_secs(1);
/// Timers of one partition. Over that a timer is dropped and counted: what must happen is set again when its entity wakes.
const TIMERS: usize = 65_536;

/// An entity in memory.
struct Slot {
    cell: Cell,
    waker: Waker,
    used: Duration,
    is_idle: bool,
    /// Which settings it goes by.
    revision: u64,
    /// What this attempt has done to it is not settled: how it was before, if that cannot be loaded.
    unsettled: Option<Option<Cell>>,
}

struct Partition {
    slots: HashMap<Key, Slot>,
    /// By the time they are due, and then by the order in which they were set.
    timers: BTreeMap<(Duration, u64), Box<dyn Job>>,
    timers_set: u64,
    /// No timer is taken before this.
    paused_until: Duration,
    /// When idle entities were last looked for.
    swept: Duration,
    batch_size: Histogram,
}

impl Default for Partition {
    fn default() -> Self {
        Self {
            slots: HashMap::new(),
            timers: BTreeMap::new(),
            timers_set: 0,
            paused_until: Duration::ZERO,
            swept: Duration::ZERO,
            batch_size: metrics::histogram!("partition_batch_size"),
        }
    }
}

/// Runs until the hall is gone, or told to stop and empty.
pub(super) async fn run(
    hall: WeakHall,
    mut mailbox: mpsc::Receiver<Box<dyn Job>>,
    mut stopping: watch::Receiver<bool>,
) {
    let Some(clock) = hall.upgrade().map(|hall| hall.shared_clock()) else { return };
    let mut partition = Partition::default();
    loop {
        let due = partition.timers.first_key_value().map(|((at, _), _)| partition.paused_until.max(*at));
        let timer = async {
            match due {
                Some(at) => clock.sleep_until(at).await,
                None => pending().await,
            }
        };
        let mut batch = Vec::new();
        tokio::select! {
            taken = mailbox.recv_many(&mut batch, BATCH) => if taken == 0 { return },
            () = timer => {}
            _ = stopping.changed() => mailbox.close(),
        }
        let Some(hall) = hall.upgrade() else { return };
        partition.take_due(clock.elapsed(), &mut batch);
        if !batch.is_empty() {
            partition.turn_soundly(&hall, batch).await;
        }
    }
}

impl Partition {
    fn take_due(&mut self, now: Duration, batch: &mut Vec<Box<dyn Job>>) {
        while let Some(entry) = self.timers.first_entry() {
            if entry.key().0.max(self.paused_until) > now || batch.len() >= 2 * BATCH {
                return;
            }
            batch.push(entry.remove());
        }
    }

    fn set_timers(&mut self, now: Duration, timers: Vec<Timer>) {
        let free = TIMERS.saturating_sub(self.timers.len());
        let dropped = timers.len().saturating_sub(free);
        if dropped > 0 {
            metrics::counter!("partition_timers_dropped_total").increment(dropped as u64);
        }
        for (wait, job) in timers.into_iter().take(free) {
            self.timers_set += 1;
            self.timers.insert((now + wait, self.timers_set), job);
        }
    }

    /// A turn that leaves the partition sound, whatever panics: what this batch has in memory is forgotten, and its callers are told
    /// `unavailable`, since nobody is left to answer them.
    async fn turn_soundly(&mut self, hall: &Hall, batch: Vec<Box<dyn Job>>) {
        let keys: Vec<Key> = batch.iter().map(|job| job.key()).collect();
        // What the panic left half done is what is forgotten.
        if AssertUnwindSafe(self.turn(hall, batch)).catch_unwind().await.is_err() {
            metrics::counter!("partition_panics_total").increment(1);
            tracing::error!("A batch of {} commands panicked, and its entities are loaded again", keys.len());
            let cx = Cx::server(hall);
            for key in keys {
                let is_sound = catch_unwind(AssertUnwindSafe(|| self.set_back(&cx, &key))).is_ok();
                if !is_sound {
                    self.slots.remove(&key);
                }
            }
        }
    }

    /// Carries out a batch, whole if that goes well, else one by one.
    async fn turn(&mut self, hall: &Hall, batch: Vec<Box<dyn Job>>) {
        self.batch_size.record(batch.len() as f64);
        let mut waiting = batch;
        // Each attempt answers at least the command that panicked.
        while !waiting.is_empty() {
            let may_return = waiting.len() > 1;
            waiting = match self.attempt(hall, waiting, may_return).await {
                Ok(behind) => behind,
                Err(refused) => {
                    for mut job in refused {
                        job.reset();
                        // Alone, a job takes its refusal as its answer, and nothing is behind it.
                        let _ = self.attempt(hall, vec![job], false).await;
                    }
                    return;
                }
            };
        }
    }

    /// One try, which brings back what waits behind a panic. With `may_return`, a batch whose write was refused comes back
    /// unanswered.
    async fn attempt(
        &mut self,
        hall: &Hall,
        batch: Vec<Box<dyn Job>>,
        may_return: bool,
    ) -> Result<Vec<Box<dyn Job>>, Vec<Box<dyn Job>>> {
        let cx = Cx::server(hall);
        let batch = self.prepare(&cx, batch).await;
        let (mut batch, behind) = self.run(&cx, batch);
        if batch.iter().any(|job| job.is_durable()) {
            let jobs = Arc::new(Mutex::new(batch));
            let written = write(&cx, Arc::clone(&jobs)).await;
            batch = std::mem::take(&mut *jobs.lock());
            if let Err(refusal) = written {
                // Memory is ahead of the database.
                for job in &batch {
                    self.set_back(&cx, &job.key());
                }
                match refusal {
                    // Also where it may have happened: what was carried out again could happen twice.
                    Refusal::Store(error) => batch.iter_mut().for_each(|job| job.fail(error.clone())),
                    Refusal::Job(..) if may_return => {
                        batch.extend(behind);
                        return Err(batch);
                    }
                    Refusal::Job(failed) => {
                        if let Some(job) = batch.first_mut() {
                            job.fail_with(failed);
                        }
                    }
                }
            }
        }
        for job in &batch {
            if let Some(slot) = self.slots.get_mut(&job.key()) {
                slot.unsettled = None;
            }
        }
        self.finish(&cx, batch);
        Ok(behind)
    }

    /// What was done to an entity came to nothing: it is as it was, or forgotten, and loaded when somebody asks.
    fn set_back(&mut self, cx: &Cx, key: &Key) {
        let Some(slot) = self.slots.get_mut(key) else { return };
        match slot.unsettled.take() {
            Some(Some(before)) => {
                slot.cell = before;
                // A timer of it may have been among what came to nothing.
                let world = World { now: cx.now(), random: cx.random() };
                let timers = (slot.waker)(key.1, &mut slot.cell, &world);
                self.set_timers(cx.elapsed(), timers);
            }
            Some(None) => drop(self.slots.remove(key)),
            None => {}
        }
    }

    /// Looks up claims and loads what is missing, in one read; nothing, when there is neither.
    async fn prepare(&mut self, cx: &Cx, mut batch: Vec<Box<dyn Job>>) -> Vec<Box<dyn Job>> {
        let now = cx.elapsed();
        // Asked before loading: what changes meanwhile is heeded once more.
        let revision = cx.hall().settings().revision();
        let mut missing = Vec::with_capacity(batch.len());
        for job in &batch {
            missing.push(!self.slots.contains_key(&job.key()));
        }
        if !missing.contains(&true) && !batch.iter().any(|job| job.is_claiming()) {
            return batch;
        }
        let jobs = Arc::new(Mutex::new(batch));
        let shared = Arc::clone(&jobs);
        let loads = missing.clone();
        let read: Result<(), Error> = cx
            .read(move |tx| {
                let mut jobs = shared.lock();
                // Only the first command to an entity loads it.
                let mut seen: Vec<Key> = Vec::new();
                for (job, load) in jobs.iter_mut().zip(&loads) {
                    let load = *load && !seen.contains(&job.key());
                    if load {
                        seen.push(job.key());
                    }
                    job.prepare(tx, load)?;
                }
                Ok(())
            })
            .await;
        batch = std::mem::take(&mut *jobs.lock());
        if let Err(error) = read {
            batch.iter_mut().for_each(|job| job.fail(error.clone()));
            return batch;
        }
        fail_alike(&mut batch);
        let world = World { now: cx.now(), random: cx.random() };
        for job in &mut batch {
            if let Some((cell, timers)) = job.take_loaded(&world) {
                let waker = job.waker();
                let slot = Slot { cell, waker, used: now, is_idle: false, revision, unsettled: None };
                self.slots.insert(job.key(), slot);
                self.set_timers(now, timers);
            }
        }
        batch
    }

    /// Hands each command to its entity. What comes behind a panic of its entity is set aside as if it had not come yet: nothing is
    /// wrong with it, and the entity is there as soon as it is loaded again.
    fn run(&mut self, cx: &Cx, batch: Vec<Box<dyn Job>>) -> (Vec<Box<dyn Job>>, Vec<Box<dyn Job>>) {
        let world = World { now: cx.now(), random: cx.random() };
        let now = cx.elapsed();
        let settings = cx.hall().settings();
        let (mut done, mut behind) = (Vec::with_capacity(batch.len()), Vec::new());
        let mut broken: Vec<Key> = Vec::new();
        for mut job in batch {
            let key = job.key();
            if broken.contains(&key) {
                job.reset();
                behind.push(job);
                continue;
            }
            let slot = self.slots.get_mut(&key);
            let is_sound = match slot {
                Some(slot) => {
                    slot.used = now;
                    if slot.revision != settings.revision() {
                        job.heed(&mut slot.cell, &settings);
                        slot.revision = settings.revision();
                    }
                    if slot.unsettled.is_none() {
                        slot.unsettled = Some(job.copy(&slot.cell));
                    }
                    // Of a panic only this command comes to nothing.
                    let before = job.copy(&slot.cell);
                    let is_sound = job.run(Some(&mut slot.cell), &world);
                    match before {
                        Some(before) if !is_sound => slot.cell = before,
                        None if !is_sound => drop(self.slots.remove(&key)),
                        _ => slot.is_idle = job.is_idle(&slot.cell),
                    }
                    is_sound
                }
                None => job.run(None, &world),
            };
            if !is_sound {
                broken.push(key);
            }
            done.push(job);
        }
        (done, behind)
    }

    /// Lets go of what this batch did. Timers it missed are taken again after a pause, one for each entity: the others are set again when
    /// that is loaded.
    fn finish(&mut self, cx: &Cx, batch: Vec<Box<dyn Job>>) {
        let now = cx.elapsed();
        let mut missed: HashMap<Key, Timer> = HashMap::new();
        for mut job in batch {
            if job.is_missed() {
                job.reset();
                missed.entry(job.key()).or_insert((PAUSE, job));
                continue;
            }
            self.set_timers(now, job.take_timers());
            for (topic, event, audience) in job.take_events() {
                cx.hall().topics().publish_to(topic, event, audience);
            }
            job.finish();
        }
        if !missed.is_empty() {
            self.paused_until = now + PAUSE;
            self.set_timers(now, missed.into_values().collect());
        }
        if self.slots.len() > CELLS && now >= self.swept + SWEEP {
            self.swept = now;
            self.slots.retain(|_, slot| !slot.is_idle || slot.used + KEPT > now);
        }
    }
}

/// Where an entity could not be loaded, all commands to it are told so, and not that there is none.
fn fail_alike(batch: &mut [Box<dyn Job>]) {
    let loaders: HashMap<Key, usize> = batch
        .iter()
        .enumerate()
        .filter(|(_, job)| job.load_failure().is_some())
        .map(|(index, job)| (job.key(), index))
        .collect();
    let failures: Vec<Option<Failed>> = batch
        .iter()
        .map(|job| loaders.get(&job.key()).and_then(|loader| batch.get(*loader)?.load_failure()))
        .collect();
    for (job, failure) in batch.iter_mut().zip(failures) {
        // An answer that was given before needs no entity.
        if let Some(failure) = failure.filter(|_| !job.is_answered()) {
            job.fail_with(failure);
        }
    }
}

/// Why a write was refused.
enum Refusal {
    /// By the store: nothing was wrong with the commands. Whether it happened may be unknown.
    Store(Error),
    /// By one of the commands.
    Job(Failed),
}

impl From<moothall_store::Error> for Refusal {
    fn from(error: moothall_store::Error) -> Self {
        // A panic, or a row that does not fit, is of one of the commands.
        let is_of_store = error.is_unavailable() || matches!(error, moothall_store::Error::OutcomeUnknown(_));
        if is_of_store { Self::Store(error.into()) } else { Self::Job(error.into()) }
    }
}

async fn write(cx: &Cx, jobs: Arc<Mutex<Vec<Box<dyn Job>>>>) -> Result<(), Refusal> {
    cx.write(move |tx| {
        let jobs = jobs.lock();
        let mut durable: Vec<&dyn Job> =
            jobs.iter().map(|job| &**job).filter(|job| job.is_durable()).collect();
        // Stable: what one entity did stays in its order. Between entities there is none.
        durable.sort_by_key(|job| job.key());
        for of_one in durable.chunk_by(|one, other| one.key() == other.key()) {
            if let Some(first) = of_one.first() {
                first.persist(of_one, tx).map_err(Refusal::Job)?;
            }
        }
        durable.iter().try_for_each(|job| job.keep_answer(tx)).map_err(Refusal::Job)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::Refusal;

    /// A write that may have happened is answered so to all, and never carried out again.
    #[test]
    fn a_commit_of_unknown_outcome_is_nobodys_fault() {
        let refusal = Refusal::from(moothall_store::Error::OutcomeUnknown("the connection was lost".into()));
        assert!(matches!(refusal, Refusal::Store(crate::Error::OutcomeUnknown)));
    }
}
