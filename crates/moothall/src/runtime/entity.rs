//! What a live entity is: a plain struct with `handle(command)`, and the turn in which it does so.

use std::time::Duration;

use moothall_protocol::{Event, Id, IdKind, Timestamp, UserId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cx::{Asked, Tx};
use crate::topics::Audience;
use crate::{Error, Fault, Random, Settings, Topic};

/// A live entity: plain data, with no clock, no socket and no database inside.
///
/// Commands and replies can be serialized, because the caller may be on another node and a reply may have to be given again.
pub trait Entity: Sized + Send + 'static {
    /// Names the kind in metrics, logs and partitions. Never changes.
    const KIND: &'static str;
    /// What its ids are ids of.
    type Id: IdKind;
    /// What it can be told.
    type Command: Serialize + DeserializeOwned + Send + Sync + 'static;
    /// What it answers.
    type Reply: Serialize + DeserializeOwned + Send + Sync + 'static;
    /// What must be in the database before anybody hears of a change.
    type Effect: Send + Sync + 'static;
    /// How it refuses.
    type Error: Fault + Clone + From<Error> + From<moothall_store::Error>;

    /// Carries out a command, or refuses it and stays exactly as it was.
    fn handle(
        &mut self,
        command: &Self::Command,
        turn: &mut Turn<'_, Self>,
    ) -> Result<Self::Reply, Self::Error>;

    /// Loads the entity, or `None` if there is none of this id. One that exists without having been stored, such as the presence of
    /// a user, is made here.
    fn load(tx: &mut Tx<'_, '_>, id: Id<Self::Id>) -> Result<Option<Self>, Self::Error>;

    /// Called after loading, and after being set back to a copy, to set timers again.
    fn wake(&mut self, _turn: &mut Turn<'_, Self>) {}

    /// Writes effects, in their order: those of all commands of one batch, so that many cost little more than one.
    fn persist(tx: &mut Tx<'_, '_>, id: Id<Self::Id>, effects: &[&Self::Effect]) -> Result<(), Self::Error>;

    /// The settings are others than when it was loaded: called before the next command, so that rules of the operator hold from their
    /// change on. What is under way keeps the time it was given.
    fn heed(&mut self, _settings: &Settings) {}

    /// A copy, for an entity that has more in memory than in the database: it is set back to that when what it did has come to
    /// nothing, for whatever reason. One that can be loaded as it was has no need of it.
    fn copy(&self) -> Option<Self> {
        None
    }

    /// Whether it may be forgotten now, to be loaded again when somebody asks.
    fn is_idle(&self) -> bool {
        true
    }
}

/// An event on its way to a topic, and for whom there it is.
pub(super) type Told = (Topic, Event, Audience);

/// One turn of an entity: the time it is, who asks, and what follows from it.
pub struct Turn<'a, E: Entity> {
    pub(super) now: Timestamp,
    pub(super) caller: Option<UserId>,
    pub(super) asked: Option<&'a Asked>,
    pub(super) random: &'a dyn Random,
    pub(super) effects: Vec<E::Effect>,
    pub(super) events: Vec<Told>,
    pub(super) timers: Vec<(Duration, E::Command)>,
}

impl<'a, E: Entity> Turn<'a, E> {
    pub(crate) fn new(now: Timestamp, caller: Option<UserId>, random: &'a dyn Random) -> Self {
        Self { now, caller, asked: None, random, effects: Vec::new(), events: Vec::new(), timers: Vec::new() }
    }

    /// The same, of a command that was asked so.
    pub(super) fn asked(mut self, asked: &'a Asked) -> Self {
        self.asked = Some(asked);
        self
    }

    /// By whom and from where this is asked, for what has to be written down.
    pub fn by(&self) -> Asked {
        Asked { user: self.caller, ..self.asked.cloned().unwrap_or_default() }
    }

    /// The time of day.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Who asks; nobody for a timer and for the server itself.
    pub fn caller(&self) -> Option<UserId> {
        self.caller
    }

    /// The source of randomness.
    pub fn random(&self) -> &dyn Random {
        self.random
    }

    /// A new id.
    pub fn new_id<K>(&self) -> Id<K> {
        self.random.id(self.now)
    }

    /// Has an effect written before the reply and the events leave. Without any, the turn is volatile and does not wait.
    pub fn persist(&mut self, effect: E::Effect) {
        self.effects.push(effect);
    }

    /// Publishes an event once the effects are durable.
    pub fn emit(&mut self, topic: Topic, event: Event) {
        self.emit_to(topic, event, Audience::All);
    }

    /// The same, for some of those who are subscribed.
    pub fn emit_to(&mut self, topic: Topic, event: Event, audience: Audience) {
        self.events.push((topic, event, audience));
    }

    /// Tells the entity something later. What is told carries the version it was meant for, so that a stale timer does
    /// nothing. A timer lives as long as the entity stays in memory: set lasting ones again in [`Entity::wake`].
    pub fn after(&mut self, wait: Duration, command: E::Command) {
        self.timers.push((wait, command));
    }
}
