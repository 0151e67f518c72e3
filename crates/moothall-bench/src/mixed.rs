//! An evening: rooms, conversations, typing and presence at once, each at its rate.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::Bench;
use crate::load::{guests, room, run, sockets};
use crate::process::Meter;
use crate::report::Figure;
use crate::rooms::direct_talkers;
use crate::server::Server;
use crate::storms::watch;
use crate::talk::{Hearing, Source, Talker, at_rate};

const ROOM: usize = 100;
/// How many others each has an eye on.
const WATCHED: usize = 20;

/// CPU for each message that arrives, with all that goes on beside it; and how long messages take.
pub fn evening(bench: &Bench, name: &str) -> Result<Vec<Figure>> {
    let users = if bench.is_quick { 2 * ROOM } else { 10 * ROOM };
    let server = Server::start(&bench.server)?;
    let (guests, rooms, direct) = run(async {
        let guests = guests(&server, users).await?;
        let mut rooms = Vec::new();
        for members in guests.chunks(ROOM) {
            rooms.push(room(&server, members, false).await?);
        }
        let pairs = guests.get(..users / 5).context("pairs")?;
        let direct = direct_talkers(&server, pairs).await?;
        Ok((guests, rooms, direct))
    })?;
    let (mut swarm, _) = sockets(&server, &guests)?;
    let watchers = (0..users).zip(guests.chunks(WATCHED).cycle());
    watch(&mut swarm, watchers.map(|(socket, watched)| (socket, watched.iter())))?;

    let in_room = |socket: usize| rooms.get(socket / ROOM).map_or("", String::as_str);
    // Everybody talks in turn, and the rooms take turns, too.
    let order: Vec<usize> = (0..users).map(|at| (at * ROOM + at / rooms.len()) % users).collect();
    let scale = users as f64 / 1_000.0;
    let says = |socket: &usize| Talker::in_room(*socket, in_room(*socket));
    let types = |socket: &usize| {
        let input = format!(r#"{{"room_id":"{}"}}"#, in_room(*socket));
        Talker::new(*socket, "communication.say_typing", &input)
    };
    let stands = |(turn, socket): (usize, &usize)| {
        Talker::new(*socket, "connections.update_presence", &format!(r#"{{"text":"busy {turn}"}}"#))
    };
    let sources = [
        Source {
            talkers: order.iter().map(says).collect(),
            per_second: 40.0 * scale,
            receivers: ROOM as u64,
        },
        Source { talkers: direct, per_second: 100.0 * scale, receivers: 2 },
        Source { talkers: order.iter().map(types).collect(), per_second: 20.0 * scale, receivers: 0 },
        Source {
            talkers: order.iter().enumerate().map(stands).collect(),
            per_second: 50.0 * scale,
            receivers: 0,
        },
    ];
    let lasting = |seconds| Duration::from_secs(bench.of(seconds, 1));
    Hearing::new()?.until_quiet(&mut swarm, Duration::from_millis(500))?;
    let meter = Meter::start(&server.process)?;
    let hearing = at_rate(&mut swarm, &sources, lasting(15))?;
    let spent = meter.spent()?;
    Ok(vec![Figure::cpu(name, spent, hearing.delivered).latency(hearing.latency)])
}
