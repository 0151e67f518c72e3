//! What many hear because many move: people joining a room, people changing how they stand.

use std::time::Duration;

use anyhow::{Context as _, Result};
use moothall_protocol::accounts::SignedIn;

use crate::Bench;
use crate::load::{guests, room, run, sockets};
use crate::process::Meter;
use crate::report::Figure;
use crate::server::Server;
use crate::swarm::Swarm;
use crate::talk::{Hearing, Loop, Source, Talker, at_rate, closed_loop};

/// Requests at once, each by another socket.
const AT_ONCE: usize = 32;
const QUIET: Duration = Duration::from_secs(1);

/// Has each of these say something, some at once, until all are answered.
pub fn each(swarm: &mut Swarm, hearing: &mut Hearing, talkers: Vec<Talker>) -> Result<()> {
    let (count, answered) = (talkers.len() as u64, hearing.answered);
    let mut waiting = talkers.into_iter();
    let mut turns = AT_ONCE;
    while hearing.answered < answered + count {
        for talker in waiting.by_ref().take(turns) {
            swarm.send(talker.socket, talker.message(1, 0).as_bytes());
        }
        turns = 0;
        hearing.listen(swarm, Duration::from_secs(1), |_| turns += 1)?;
    }
    Ok(())
}

/// Has sockets watch users.
pub fn watch<'a, W: Iterator<Item = &'a SignedIn>>(
    swarm: &mut Swarm,
    watchers: impl Iterator<Item = (usize, W)>,
) -> Result<()> {
    let talkers = watchers.map(|(socket, watched)| {
        let ids: Vec<String> = watched.map(|guest| format!(r#""{}""#, guest.user.id)).collect();
        Talker::new(socket, "presence.watch", &format!(r#"{{"user_ids":[{}]}}"#, ids.join(",")))
    });
    each(swarm, &mut Hearing::new()?, talkers.collect())
}

/// As many join a room as are in it with their sockets: CPU for each who joins, and for each event that somebody hears.
pub fn join(bench: &Bench, name: &str) -> Result<Vec<Figure>> {
    let members = bench.of(1_000, 50) as usize;
    let server = Server::start(&bench.server)?;
    let (guests, room) = run(async {
        let guests = guests(&server, 2 * members).await?;
        let room = room(&server, guests.get(..members).context("members")?, false).await?;
        Ok((guests, room))
    })?;
    let (mut swarm, _) = sockets(&server, &guests)?;
    let mut hearing = Hearing::new()?;
    hearing.until_quiet(&mut swarm, QUIET)?;
    hearing.events = 0;
    let joining = (members..2 * members)
        .map(|socket| Talker::new(socket, "communication.join", &format!(r#"{{"room_id":"{room}"}}"#)));
    let meter = Meter::start(&server.process)?;
    each(&mut swarm, &mut hearing, joining.collect())?;
    // Once everybody heard of this, they heard of what was before it, but for what is told later, in one.
    let word = Loop { messages_each: 1, in_flight: 1, receivers: 2 * members as u64 };
    let mut last = closed_loop(&mut swarm, &[Talker::in_room(0, &room)], &word)?;
    last.until_quiet(&mut swarm, QUIET)?;
    let events = hearing.events + last.events - last.delivered;
    let spent = meter.spent()?;
    // Who joined later hears of fewer.
    let told = (members * members + members * members.saturating_sub(1) / 2) as u64;
    Ok(vec![
        Figure::cpu(format!("{name}: each who joins"), spent, members as u64),
        Figure::cpu(format!("{name}: each who joins and each who is told"), spent, told),
        Figure::cpu(format!("{name}: each event delivered"), spent, events),
        Figure::new(format!("{name}: events for each who is told"), "events", events as f64 / told as f64),
    ])
}

/// As many watch as are watched, all of them all: CPU for each change and each who watches.
pub fn presence(bench: &Bench, name: &str) -> Result<Vec<Figure>> {
    let watched = bench.of(1_000, 50) as usize;
    let server = Server::start(&bench.server)?;
    let guests = run(guests(&server, 2 * watched))?;
    let (mut swarm, _) = sockets(&server, &guests)?;
    let users = guests.get(..watched).context("users")?;
    watch(&mut swarm, (watched..2 * watched).map(|socket| (socket, users.iter())))?;
    let mut hearing = Hearing::new()?;
    hearing.until_quiet(&mut swarm, QUIET)?;
    // Each user changes once, so that no change is overtaken by the next. They themselves hear of it, too.
    let talkers = (0..watched)
        .map(|socket| Talker::new(socket, "connections.update_presence", r#"{"text":"@ is the time"}"#));
    let per_second = watched as f64 / 5.0;
    let source = [Source { talkers: talkers.collect(), per_second, receivers: watched as u64 + 1 }];
    let meter = Meter::start(&server.process)?;
    let hearing = at_rate(&mut swarm, &source, Duration::from_secs(5))?;
    let spent = meter.spent()?;
    let changes = (watched * watched) as u64;
    Ok(vec![
        Figure::cpu(format!("{name}: each change and watcher"), spent, changes).latency(hearing.latency),
        Figure::cpu(format!("{name}: each event delivered"), spent, hearing.events),
    ])
}
