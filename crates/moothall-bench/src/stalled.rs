//! One of a hundred stops reading: whether the others notice.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::Bench;
use crate::crowd::Client;
use crate::load::{clients, guests, room, run, sockets};
use crate::paired::{self, Paired};
use crate::report::Figure;
use crate::server::Server;
use crate::swarm::{Heard, Swarm};
use crate::talk::{Source, Talker, at_rate};

const MEMBERS: usize = 100;
/// The last one.
const STALLED: usize = MEMBERS - 1;
const PER_SECOND: f64 = 250.0;
/// What the system keeps for a client that does not read.
const KEPT_BYTES: usize = 4 * 1024;

/// Runs with and without, by turns: the median of how much longer 99 in 100 messages took to the others, and with what latency.
pub fn paired(bench: &Bench, name: &str) -> Result<Vec<Figure>> {
    let server = Server::start(&bench.server)?;
    let (guests, room) = run(async {
        let guests = guests(&server, MEMBERS).await?;
        let room = room(&server, &guests, true).await?;
        Ok((guests, room))
    })?;
    let (mut swarm, _) = sockets(&server, &guests)?;
    let back = clients(&guests).pop().context("a client")?;
    let mut one_run = |has_stalled: bool| {
        come_back(&mut swarm, &back, has_stalled)?;
        let receivers = if has_stalled { MEMBERS as u64 - 1 } else { MEMBERS as u64 };
        // All others in turn: one alone would wait for its own answers first.
        let talkers = (0..STALLED).map(|socket| Talker::in_room(socket, &room)).collect();
        let source = [Source { talkers, per_second: PER_SECOND, receivers }];
        at_rate(&mut swarm, &source, Duration::from_millis(bench.of(4_000, 500)))
    };
    let Paired { ratio, with, without } = paired::run(bench.of(7, 2), &mut one_run)?;
    Ok(vec![
        Figure::new(name, "ratio", ratio).goal(1.2).latency(with),
        Figure::new(format!("{name}: without"), "ratio", 1.0).latency(without),
    ])
}

/// The last one connects again, and reads or does not.
fn come_back(swarm: &mut Swarm, client: &Client, is_stalled: bool) -> Result<()> {
    swarm.connect_with(STALLED, client.request(), Some(KEPT_BYTES))?;
    let mut is_there = false;
    while !is_there {
        swarm.poll(Duration::from_millis(100), |number, heard| {
            is_there |= number == STALLED && matches!(heard, Heard::Text(_));
        })?;
    }
    if is_stalled {
        swarm.stall(STALLED);
    }
    Ok(())
}
