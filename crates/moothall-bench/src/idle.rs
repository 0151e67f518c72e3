//! Sockets that come and then are only there: what they cost to let in, and what each holds.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::Bench;
use crate::crowd::Crowd;
use crate::load::{AT_ONCE, clients, guests, room, run, sockets};
use crate::process::Meter;
use crate::report::Figure;
use crate::server::Server;
use crate::swarm::Swarm;
use crate::talk::{Hearing, Loop, Talker, closed_loop};

const ROOM: usize = 100;
/// Until the server has let go of what it needed in passing.
const SETTLING: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(300);

/// CPU for each socket that connects, signs in and is greeted.
pub fn connect(bench: &Bench, name: &str) -> Result<Vec<Figure>> {
    let count = bench.of(4_000, 100) as usize;
    let server = Server::start(&bench.server)?;
    let guests = run(guests(&server, count))?;
    let meter = Meter::start(&server.process)?;
    let _sockets = sockets(&server, &guests)?;
    let spent = meter.spent()?;
    Ok(vec![Figure::cpu(name, spent, count as u64).goal(60.0)])
}

/// Bytes of memory for each socket that is signed in and in a room: once there, and after all rooms were busy for a while.
pub fn held(bench: &Bench, name: &str) -> Result<Vec<Figure>> {
    let count = bench.of(10_000, 200) as usize;
    let server = Server::start(&bench.server)?;
    let (guests, rooms) = run(async {
        let guests = guests(&server, count + ROOM).await?;
        let mut rooms = Vec::new();
        for members in guests.chunks(ROOM) {
            rooms.push(room(&server, members, false).await?);
        }
        Ok((guests, rooms))
    })?;
    let mut swarm = Swarm::new(server.address, guests.len())?;
    let mut crowd = Crowd::new(clients(&guests));
    // What the first ones cost is the server's own.
    crowd.invited = ROOM;
    crowd.gather(&mut swarm, AT_ONCE, PATIENCE)?;
    burst(&mut swarm, rooms.get(..1).unwrap_or_default())?;
    settle(&mut swarm, bench)?;
    let before = [server.process.resident()?, server.process.share()?];
    crowd.invited = guests.len();
    crowd.gather(&mut swarm, AT_ONCE, PATIENCE)?;
    settle(&mut swarm, bench)?;
    let idle = [server.process.resident()?, server.process.share()?];
    burst(&mut swarm, &rooms)?;
    settle(&mut swarm, bench)?;
    let after = [server.process.resident()?, server.process.share()?];
    let figure = |what: &str, unit, before: u64, after: u64| {
        let bytes = after.saturating_sub(before) as f64 / count as f64;
        Figure::new(format!("{name}{what}"), unit, bytes).goal(6_000.0)
    };
    let ([before, before_share], [idle, idle_share], [after, after_share]) = (before, idle, after);
    Ok(vec![
        figure("", "resident bytes", before, idle),
        figure("", "bytes (PSS)", before_share, idle_share),
        figure(", after a burst", "resident bytes", before, after),
        figure(", after a burst", "bytes (PSS)", before_share, after_share),
    ])
}

/// Someone in each room says ten things.
fn burst(swarm: &mut Swarm, rooms: &[String]) -> Result<()> {
    let talkers = rooms.iter().enumerate().map(|(number, room)| Talker::in_room(number * ROOM, room));
    let talkers: Vec<Talker> = talkers.collect();
    let plan = Loop { messages_each: 10, in_flight: 4, receivers: ROOM as u64 };
    closed_loop(swarm, &talkers, &plan).map(drop)
}

fn settle(swarm: &mut Swarm, bench: &Bench) -> Result<()> {
    let until = Instant::now() + if bench.is_quick { SETTLING / 10 } else { SETTLING };
    let mut hearing = Hearing::new()?;
    while Instant::now() < until {
        hearing.listen(swarm, Duration::from_millis(50), |_| ())?;
    }
    Ok(())
}
