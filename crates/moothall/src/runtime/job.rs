//! One command on its way through a partition, whatever the kind of its entity.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use moothall_protocol::{Id, Timestamp};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::entity::Told;
use super::{Entity, Turn};
use crate::cx::{Asked, Tx};
use crate::idempotency::Claim;
use crate::{Error, Fault as _, Kind, Random, Settings};

/// Which entity.
pub(super) type Key = (&'static str, Uuid);

/// An entity in memory, of a kind that only its jobs know.
pub(super) type Cell = Box<dyn Any + Send>;

/// A command that has to be told later.
pub(super) type Timer = (Duration, Box<dyn Job>);

/// Sets the timers of the entity of this id again.
pub(super) type Waker = fn(Uuid, &mut Cell, &World<'_>) -> Vec<Timer>;

/// What a job needs to know of the world when it runs.
pub(super) struct World<'a> {
    pub now: Timestamp,
    pub random: &'a dyn Random,
}

/// One command, with everything that follows from it.
///
/// A job goes through [`Job::prepare`], [`Job::run`], [`Job::persist`] and [`Job::finish`], in this order. All but the last may
/// happen again when a transaction has to.
pub(super) trait Job: Send {
    fn key(&self) -> Key;

    /// Whether an earlier answer may be waiting for this request.
    fn is_claiming(&self) -> bool;

    /// Looks up an earlier answer, and loads the entity if `load` says so.
    fn prepare(&mut self, tx: &mut Tx<'_, '_>, load: bool) -> Result<(), Error>;

    /// The entity that [`Job::prepare`] loaded, with its timers.
    fn take_loaded(&mut self, world: &World<'_>) -> Option<(Cell, Vec<Timer>)>;

    /// Has the entity heed other settings than those it was loaded with.
    fn heed(&self, cell: &mut Cell, settings: &Settings);

    /// Hands the command to its entity. Returns false if the entity must be forgotten.
    fn run(&mut self, cell: Option<&mut Cell>, world: &World<'_>) -> bool;

    /// Whether something must be written before the answer.
    fn is_durable(&self) -> bool;

    /// What is to be written of the entity: a `Vec` of effects, of the type that only its jobs know.
    fn effects(&self) -> &dyn Any;

    /// Writes the effects of these jobs, which are all of this one's entity. An error undoes the transaction.
    fn persist(&self, jobs: &[&dyn Job], tx: &mut Tx<'_, '_>) -> Result<(), Failed>;

    /// Keeps the answer beside the effects, for a repeated request.
    fn keep_answer(&self, tx: &mut Tx<'_, '_>) -> Result<(), Failed>;

    /// Forgets what [`Job::run`] brought, to run once more.
    fn reset(&mut self);

    /// Takes the timers that were set.
    fn take_timers(&mut self) -> Vec<Timer>;

    /// Refuses the command because of what happened around it.
    fn fail(&mut self, error: Error);

    /// Refuses the command because its effects could not be written, or its entity could not be loaded.
    fn fail_with(&mut self, failed: Failed);

    /// Why [`Job::prepare`] could not load the entity.
    fn load_failure(&self) -> Option<Failed>;

    /// Whether it is known what will be answered.
    fn is_answered(&self) -> bool;

    /// Whether it is a timer that came to nothing because the database was away, which nobody will say again.
    fn is_missed(&self) -> bool;

    /// Takes the events, then answers.
    fn take_events(&mut self) -> Vec<Told>;

    /// Answers.
    fn finish(self: Box<Self>);

    /// What sets the timers of a cell of this kind again.
    fn waker(&self) -> Waker;

    /// A copy of this cell, if its entity has more in memory than in the database.
    fn copy(&self, cell: &Cell) -> Option<Cell>;

    /// Whether this cell may be forgotten.
    fn is_idle(&self, cell: &Cell) -> bool;
}

/// Why effects could not be written or an entity not loaded: an error of the entity's own type.
pub(super) struct Failed(pub Box<dyn Any + Send>);

impl From<moothall_store::Error> for Failed {
    fn from(error: moothall_store::Error) -> Self {
        Self(Box::new(Error::from(error)))
    }
}

/// A command to an entity of kind `E`.
pub(super) struct Command<E: Entity> {
    id: Id<E::Id>,
    command: E::Command,
    asked: Asked,
    claim: Option<Claim>,
    reply: Option<oneshot::Sender<Result<E::Reply, E::Error>>>,
    loaded: Option<E>,
    load_failure: Option<E::Error>,
    outcome: Option<Result<E::Reply, E::Error>>,
    /// The outcome was given before: nothing is to be written or told.
    is_replayed: bool,
    effects: Vec<E::Effect>,
    events: Vec<Told>,
    timers: Vec<(Duration, E::Command)>,
}

impl<E: Entity> Command<E> {
    pub fn new(
        asked: Asked,
        claim: Option<Claim>,
        id: Id<E::Id>,
        command: E::Command,
        reply: oneshot::Sender<Result<E::Reply, E::Error>>,
    ) -> Self {
        Self { asked, claim, reply: Some(reply), ..Self::timer(id, command) }
    }

    /// A command that nobody waits for.
    fn timer(id: Id<E::Id>, command: E::Command) -> Self {
        Self {
            id,
            command,
            asked: Asked::default(),
            claim: None,
            reply: None,
            loaded: None,
            load_failure: None,
            outcome: None,
            is_replayed: false,
            effects: Vec::new(),
            events: Vec::new(),
            timers: Vec::new(),
        }
    }

    fn timers_of(id: Id<E::Id>, timers: Vec<(Duration, E::Command)>) -> Vec<Timer> {
        timers
            .into_iter()
            .map(|(wait, command)| (wait, Box::new(Self::timer(id, command)) as Box<dyn Job>))
            .collect()
    }

    fn wake(id: Id<E::Id>, entity: &mut E, world: &World<'_>) -> Vec<Timer> {
        let mut turn = Turn::new(world.now, None, world.random);
        entity.wake(&mut turn);
        Self::timers_of(id, turn.timers)
    }
}

impl<E: Entity> Job for Command<E> {
    fn key(&self) -> Key {
        (E::KIND, self.id.uuid())
    }

    fn is_claiming(&self) -> bool {
        self.claim.is_some()
    }

    fn prepare(&mut self, tx: &mut Tx<'_, '_>, load: bool) -> Result<(), Error> {
        self.reset();
        if let Some(claim) = &self.claim {
            match claim.find(tx) {
                Ok(None) => {}
                Ok(Some(reply)) => {
                    self.outcome = Some(Ok(reply));
                    self.is_replayed = true;
                }
                Err(error) => self.outcome = Some(Err(error.into())),
            }
        }
        if load {
            match E::load(tx, self.id) {
                Ok(entity) => self.loaded = entity,
                Err(error) => self.load_failure = Some(error),
            }
        }
        Ok(())
    }

    fn take_loaded(&mut self, world: &World<'_>) -> Option<(Cell, Vec<Timer>)> {
        let mut entity = self.loaded.take()?;
        let timers = Self::wake(self.id, &mut entity, world);
        Some((Box::new(entity), timers))
    }

    fn heed(&self, cell: &mut Cell, settings: &Settings) {
        if let Some(entity) = cell.downcast_mut::<E>() {
            entity.heed(settings);
        }
    }

    fn run(&mut self, cell: Option<&mut Cell>, world: &World<'_>) -> bool {
        if self.outcome.is_some() {
            return true;
        }
        let Some(entity) = cell.and_then(|cell| cell.downcast_mut::<E>()) else {
            self.outcome = Some(Err(Error::NotFound.into()));
            return true;
        };
        let mut turn = Turn::new(world.now, self.asked.user, world.random).asked(&self.asked);
        // What a panic leaves behind is never looked at: the entity is forgotten, and loaded again.
        match catch_unwind(AssertUnwindSafe(|| entity.handle(&self.command, &mut turn))) {
            Ok(Ok(reply)) => {
                self.outcome = Some(Ok(reply));
                (self.effects, self.events, self.timers) = (turn.effects, turn.events, turn.timers);
                true
            }
            Ok(Err(error)) => {
                self.outcome = Some(Err(error));
                true
            }
            Err(_) => {
                metrics::counter!("entity_panics_total", "kind" => E::KIND).increment(1);
                tracing::error!(entity.id = %self.id, "The {} {} panicked and is loaded again", E::KIND, self.id);
                self.fail(Error::internal("an entity panicked"));
                false
            }
        }
    }

    fn is_durable(&self) -> bool {
        let is_kept = self.claim.is_some() && !self.is_replayed && matches!(self.outcome, Some(Ok(_)));
        is_kept || !self.effects.is_empty()
    }

    fn effects(&self) -> &dyn Any {
        &self.effects
    }

    fn persist(&self, jobs: &[&dyn Job], tx: &mut Tx<'_, '_>) -> Result<(), Failed> {
        let effects = jobs.iter().filter_map(|job| job.effects().downcast_ref::<Vec<E::Effect>>());
        let effects: Vec<&E::Effect> = effects.flatten().collect();
        if effects.is_empty() {
            return Ok(());
        }
        E::persist(tx, self.id, &effects).map_err(|error| Failed(Box::new(error)))
    }

    fn keep_answer(&self, tx: &mut Tx<'_, '_>) -> Result<(), Failed> {
        if let (Some(claim), Some(Ok(reply)), false) = (&self.claim, &self.outcome, self.is_replayed) {
            claim.keep(tx, reply).map_err(|error| Failed(Box::new(E::Error::from(error))))?;
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.outcome = None;
        (self.loaded, self.load_failure) = (None, None);
        self.is_replayed = false;
        self.effects.clear();
        self.events.clear();
        self.timers.clear();
    }

    fn take_timers(&mut self) -> Vec<Timer> {
        Self::timers_of(self.id, std::mem::take(&mut self.timers))
    }

    fn fail(&mut self, error: Error) {
        self.reset();
        self.outcome = Some(Err(error.into()));
    }

    fn load_failure(&self) -> Option<Failed> {
        self.load_failure.clone().map(|error| Failed(Box::new(error)))
    }

    fn is_answered(&self) -> bool {
        self.outcome.is_some()
    }

    fn is_missed(&self) -> bool {
        self.reply.is_none() && matches!(&self.outcome, Some(Err(error)) if error.kind() == Kind::Unavailable)
    }

    fn fail_with(&mut self, failed: Failed) {
        self.reset();
        let error = match failed.0.downcast::<E::Error>() {
            Ok(own) => *own,
            Err(other) => match other.downcast::<Error>() {
                Ok(common) => (*common).into(),
                Err(_) => Error::internal("an entity could not be loaded or written").into(),
            },
        };
        self.outcome = Some(Err(error));
    }

    fn take_events(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.events)
    }

    fn finish(self: Box<Self>) {
        let outcome = self.outcome.unwrap_or_else(|| Err(Error::Unavailable.into()));
        if let Some(reply) = self.reply {
            // The caller may have gone; what was done stays done.
            let _ = reply.send(outcome);
        }
    }

    fn waker(&self) -> Waker {
        |id, cell, world| {
            let wake = |entity| Self::wake(Id::from_uuid(id), entity, world);
            cell.downcast_mut::<E>().map_or_else(Vec::new, wake)
        }
    }

    fn copy(&self, cell: &Cell) -> Option<Cell> {
        let copy = cell.downcast_ref::<E>()?.copy()?;
        Some(Box::new(copy))
    }

    fn is_idle(&self, cell: &Cell) -> bool {
        cell.downcast_ref::<E>().is_none_or(E::is_idle)
    }
}
