//! The simulator: drives the plain structs of live entities through thousands of random commands, crashes, lost answers,
//! repeated requests and clock jumps, all decided by one seed, and checks them after every step.
//!
//! It does what a partition does (handle, write, answer) with a model of the database instead of one. A failure names its seed
//! and step, and runs again exactly. Start at [`run`]; an entity takes part through [`Simulated`].

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use moothall_protocol::{Event, Id, Timestamp, UserId};

use super::{Entity, Turn, text_of};
use crate::topics::Audience;
use crate::{Random, SeededRandom, Topic};

/// What the simulator must know of an entity beside what it is.
pub trait Simulated: Entity + fmt::Debug {
    /// What the database holds of it.
    type Stored: Clone + fmt::Debug;
    /// What its callers were answered: it holds whatever is lost.
    type Promised: fmt::Debug;
    /// What a subscriber makes of its events, from the state it first saw.
    type View: fmt::Debug;

    /// A new one, as the database holds it.
    fn create(id: Id<Self::Id>, random: &dyn Random) -> Self::Stored;

    /// What an effect does to the database.
    fn apply(stored: &mut Self::Stored, effect: &Self::Effect);

    /// Loads it again.
    fn restore(id: Id<Self::Id>, stored: &Self::Stored) -> Self;

    /// A random command, by somebody who may have read what is stored.
    fn command(&self, stored: &Self::Stored, random: &dyn Random) -> (Option<UserId>, Self::Command);

    /// The same command sent again: what it brings from the database is read again.
    fn again(_stored: &Self::Stored, command: Self::Command) -> Self::Command {
        command
    }

    /// What holds before anybody was answered.
    fn promised(stored: &Self::Stored) -> Self::Promised;

    /// Somebody is answered, now or when they ask again: what they asked for is done, and stays so.
    fn answer(
        _promised: &mut Self::Promised,
        _caller: Option<UserId>,
        _command: &Self::Command,
        _reply: &Self::Reply,
    ) {
    }

    /// What a new subscriber sees.
    fn view(&self) -> Self::View;

    /// What an event tells a subscriber of this topic.
    fn observe(view: &mut Self::View, topic: &Topic, event: &Event);

    /// The same, of an event that may be for some of them only.
    fn observe_for(view: &mut Self::View, topic: &Topic, event: &Event, _: &Audience) {
        Self::observe(view, topic, event);
    }

    /// What is wrong: with itself, against the database, against what was answered, or against what a subscriber believes.
    fn check(
        &self,
        stored: &Self::Stored,
        promised: &Self::Promised,
        view: &Self::View,
    ) -> Result<(), String>;
}

/// What happened in a run that found nothing wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Commands that were carried out.
    pub accepted: u64,
    /// Commands that were refused.
    pub refused: u64,
    /// Times that everything in memory was lost.
    pub crashes: u64,
    /// Writes that were lost before they were durable.
    pub lost_writes: u64,
    /// Requests that were made again after their answer was lost.
    pub repeated: u64,
    /// Timers that fired.
    pub timers: u64,
    /// Times that the clock was set back.
    pub set_back: u64,
    /// A digest of everything that happened: the same seed gives the same one.
    pub trace: u64,
}

/// What a run found wrong.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed that shows it again.
    pub seed: u64,
    /// After how many steps.
    pub step: u64,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "seed {seed}, step {}: {} (again: MOOTHALL_TEST_SEED={seed})",
            self.step,
            self.what,
            seed = self.seed
        )
    }
}

impl std::error::Error for Failure {}

struct Actor<E: Simulated> {
    entity: E,
    stored: E::Stored,
    promised: E::Promised,
    view: E::View,
    timers: Vec<(Timestamp, E::Command)>,
    /// Answers kept with the effects, by claim.
    kept: HashMap<u64, String>,
}

struct Simulation<E: Simulated> {
    random: Arc<SeededRandom>,
    now: Timestamp,
    actors: BTreeMap<Id<E::Id>, Actor<E>>,
    claims: u64,
    report: Report,
}

/// Runs `steps` random steps on `count` entities, and says what happened or what is wrong.
pub fn run<E: Simulated>(seed: u64, count: usize, steps: u64) -> Result<Report, Failure> {
    let random = SeededRandom::from_seed(seed);
    let now = Timestamp::from_micros(1_795_000_000_000_000);
    let mut simulation = Simulation::<E> {
        now,
        actors: BTreeMap::new(),
        claims: 0,
        report: Report::default(),
        random: Arc::clone(&random),
    };
    for _ in 0..count {
        let chance: &dyn Random = &*random;
        let id = chance.id(now);
        let stored = E::create(id, chance);
        let entity = E::restore(id, &stored);
        let (promised, view) = (E::promised(&stored), entity.view());
        let actor = Actor { entity, stored, promised, view, timers: Vec::new(), kept: HashMap::new() };
        simulation.actors.insert(id, actor);
    }
    for step in 0..steps {
        // A model that panics says what is wrong as well, and has a seed to show.
        let stepped = catch_unwind(AssertUnwindSafe(|| simulation.step()));
        let stepped = stepped
            .unwrap_or_else(|panic| Err(format!("panicked: {}", text_of(&*panic).unwrap_or("no message"))));
        stepped.map_err(|what| Failure { seed, step, what })?;
    }
    Ok(simulation.report)
}

impl<E: Simulated> Simulation<E> {
    fn chance(&self) -> &dyn Random {
        &*self.random
    }

    fn step(&mut self) -> Result<(), String> {
        let ids: Vec<_> = self.actors.keys().copied().collect();
        let place = usize::try_from(self.chance().below(ids.len() as u64)).unwrap_or(0);
        let Some(id) = ids.get(place).copied() else { return Ok(()) };
        match self.chance().below(100) {
            0..=4 => self.crash(),
            5..=14 => {
                let wait = match self.chance().below(3) {
                    0 => Duration::from_millis(self.chance().below(5_000)),
                    1 => Duration::from_secs(self.chance().below(600)),
                    _ => Duration::from_micros(1),
                };
                // Now and then somebody sets the clock back.
                self.now = if self.chance().below(8) == 0 {
                    self.report.set_back += 1;
                    self.now - wait
                } else {
                    self.now + wait
                };
                self.fire_due(id)?;
            }
            _ => self.command(id)?,
        }
        self.check(id)
    }

    /// Everything in memory is lost; clients take a fresh snapshot.
    fn crash(&mut self) {
        self.report.crashes += 1;
        for (id, actor) in &mut self.actors {
            actor.entity = E::restore(*id, &actor.stored);
            actor.timers.clear();
            let mut turn = Turn::new(self.now, None, &*self.random);
            actor.entity.wake(&mut turn);
            actor.timers =
                turn.timers.into_iter().map(|(wait, command)| (self.now + wait, command)).collect();
            actor.view = actor.entity.view();
        }
    }

    fn fire_due(&mut self, id: Id<E::Id>) -> Result<(), String> {
        let Some(actor) = self.actors.get_mut(&id) else { return Ok(()) };
        let now = self.now;
        let (due, later) = std::mem::take(&mut actor.timers).into_iter().partition(|(at, _)| *at <= now);
        actor.timers = later;
        let due: Vec<(Timestamp, E::Command)> = due;
        for (_, command) in due {
            self.report.timers += 1;
            self.tell(id, None, &command, None)?;
        }
        Ok(())
    }

    fn command(&mut self, id: Id<E::Id>) -> Result<(), String> {
        let Some(actor) = self.actors.get(&id) else { return Ok(()) };
        let (caller, command) = actor.entity.command(&actor.stored, self.chance());
        self.claims += 1;
        let claim = self.claims;
        let first = self.tell(id, caller, &command, Some(claim))?;
        // The client repeats what it heard nothing of, and now and then what it did hear of.
        if first.is_none() || self.chance().below(10) == 0 {
            self.report.repeated += 1;
            let Some(actor) = self.actors.get(&id) else { return Ok(()) };
            let before = Some(format!("{:?}", actor.stored));
            let command = E::again(&actor.stored, command);
            let again = self.tell(id, caller, &command, Some(claim))?;
            let after = self.actors.get(&id).map(|actor| format!("{:?}", actor.stored));
            if let (Some(Ok(first)), Some(Ok(again))) = (&first, &again)
                && (first != again || before != after)
            {
                return Err(format!(
                    "{command} was answered twice or done twice: {first} {again}",
                    command = json(&command)
                ));
            }
        }
        Ok(())
    }

    /// Does what a partition does. `None` if the answer was lost.
    fn tell(
        &mut self,
        id: Id<E::Id>,
        caller: Option<UserId>,
        command: &E::Command,
        claim: Option<u64>,
    ) -> Result<Option<Result<String, String>>, String> {
        let fate = self.random_fate();
        let Some(actor) = self.actors.get_mut(&id) else { return Ok(None) };
        if let Some(kept) = claim.and_then(|claim| actor.kept.get(&claim)) {
            return Ok(Some(Ok(kept.clone())));
        }
        let before = format!("{:?}", actor.entity);
        let mut turn = Turn::new(self.now, caller, &*self.random);
        let reply = match actor.entity.handle(command, &mut turn) {
            Err(error) => {
                self.report.refused += 1;
                if format!("{:?}", actor.entity) != before {
                    return Err(format!("{} was refused ({error}) and changed something", json(command)));
                }
                return Ok(Some(Err(error.to_string())));
            }
            Ok(reply) => reply,
        };
        let (effects, events, timers) = (turn.effects, turn.events, turn.timers);
        if fate == Fate::LostBefore && !effects.is_empty() {
            // The process died before the commit: nothing of it may be seen.
            self.report.lost_writes += 1;
            self.crash();
            return Ok(None);
        }
        for effect in &effects {
            E::apply(&mut actor.stored, effect);
        }
        E::answer(&mut actor.promised, caller, command, &reply);
        let reply = json(&reply);
        if let Some(claim) = claim {
            actor.kept.insert(claim, reply.clone());
        }
        self.report.accepted += 1;
        self.report.trace = digest(self.report.trace, &format!("{id} {} {reply}", json(command)));
        if fate == Fate::LostAfter {
            self.crash();
            return Ok(None);
        }
        for (topic, event, audience) in &events {
            E::observe_for(&mut actor.view, topic, event, audience);
        }
        actor.timers.extend(timers.into_iter().map(|(wait, command)| (self.now + wait, command)));
        Ok(Some(Ok(reply)))
    }

    fn random_fate(&self) -> Fate {
        match self.chance().below(40) {
            0 => Fate::LostBefore,
            1 => Fate::LostAfter,
            _ => Fate::Answered,
        }
    }

    fn check(&self, id: Id<E::Id>) -> Result<(), String> {
        let Some(actor) = self.actors.get(&id) else { return Ok(()) };
        actor.entity.check(&actor.stored, &actor.promised, &actor.view)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    LostBefore,
    LostAfter,
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn digest(trace: u64, text: &str) -> u64 {
    use std::hash::Hasher as _;
    let mut hash = super::Fnv::default();
    hash.write_u64(trace);
    hash.write(text.as_bytes());
    hash.finish()
}
