//! Matches whose players relay data to each other at a fixed rate.

use std::time::Duration;

use anyhow::Result;

use crate::Bench;
use crate::process::{Meter, Process};
use crate::report::Figure;
use crate::swarm::Swarm;
use crate::talk::{Source, Talker, at_rate};

/// Players of all matches together.
const PLAYERS: usize = 200;

/// Matches of one size and pace.
#[derive(Clone, Copy)]
pub struct Matches {
    /// Of each match.
    pub players: usize,
    /// Messages of each player in a second.
    pub per_second: u64,
    /// Whether a player gets back what they sent.
    pub hears_itself: bool,
}

impl Matches {
    /// Players in as many whole matches as there is room for.
    pub fn all_players(&self, bench: &Bench) -> usize {
        let players = bench.of(PLAYERS as u64, 20) as usize;
        players - players % self.players
    }

    fn receivers(&self) -> u64 {
        if self.hears_itself { self.players as u64 } else { self.players as u64 - 1 }
    }
}

/// CPU for each message that arrives at a player. `talker` says how the player of a socket sends to its match: operation and input.
pub fn relayed(
    bench: &Bench,
    name: &str,
    matches: Matches,
    (process, swarm): (&Process, &mut Swarm),
    talker: impl Fn(usize) -> Talker,
) -> Result<Vec<Figure>> {
    let talkers: Vec<Talker> = (0..swarm.len()).map(talker).collect();
    let per_second = (talkers.len() as u64 * matches.per_second) as f64;
    let source = [Source { talkers, per_second, receivers: matches.receivers() }];
    at_rate(swarm, &source, Duration::from_millis(bench.of(1_000, 100)))?;
    let meter = Meter::start(process)?;
    let hearing = at_rate(swarm, &source, Duration::from_millis(bench.of(5_000, 300)))?;
    let spent = meter.spent()?;
    Ok(vec![Figure::cpu(name, spent, hearing.delivered).latency(hearing.latency)])
}
