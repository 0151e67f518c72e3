//! Messages to many, and to one, as fast as they are answered.

use anyhow::{Context as _, Result};
use moothall_protocol::communication::OpenDirect;

use crate::Bench;
use crate::load::{call_all, guests, room, run, sockets};
use crate::process::Meter;
use crate::report::Figure;
use crate::server::Server;
use crate::talk::{Loop, Talker, closed_loop};

/// A room in which one member talks and all hear.
#[derive(Clone, Copy)]
pub struct Room {
    pub members: usize,
    pub messages: u64,
    pub in_flight: u64,
    pub is_live_only: bool,
}

impl Room {
    pub const HUNDRED: Self = Self { members: 100, messages: 5_000, in_flight: 8, is_live_only: true };
    pub const HUNDRED_DENSE: Self = Self { messages: 20_000, in_flight: 50, ..Self::HUNDRED };
    pub const THOUSAND: Self = Self { members: 1_000, messages: 600, in_flight: 4, is_live_only: true };

    pub fn persisted(self) -> Self {
        Self { is_live_only: false, ..self }
    }

    /// Of a size that can be had quickly, where that is wanted.
    pub fn sized(self, bench: &Bench) -> Self {
        Self { members: bench.of(self.members as u64, 50) as usize, ..self }
    }

    /// The messages that are measured.
    pub fn plan(&self, bench: &Bench) -> Loop {
        Loop {
            messages_each: bench.of(self.messages, 20),
            in_flight: self.in_flight,
            receivers: self.members as u64,
        }
    }
}

/// The first ones warm up caches and buffers.
pub fn warm_up(plan: &Loop) -> Loop {
    Loop { messages_each: plan.messages_each.div_ceil(10), ..*plan }
}

/// CPU for each message that arrives at a member.
pub fn closed(bench: &Bench, name: &str, goal: f64, kind: Room) -> Result<Vec<Figure>> {
    let kind = kind.sized(bench);
    let server = Server::start(&bench.server)?;
    let (guests, room) = run(async {
        let guests = guests(&server, kind.members).await?;
        let room = room(&server, &guests, kind.is_live_only).await?;
        Ok((guests, room))
    })?;
    let (mut swarm, _) = sockets(&server, &guests)?;
    let talkers = [Talker::in_room(0, &room)];
    let plan = kind.plan(bench);
    closed_loop(&mut swarm, &talkers, &warm_up(&plan))?;
    let meter = Meter::start(&server.process)?;
    let hearing = closed_loop(&mut swarm, &talkers, &plan)?;
    let spent = meter.spent()?;
    Ok(vec![Figure::cpu(name, spent, hearing.delivered).goal(goal).latency(hearing.latency)])
}

/// Pairs talk to each other: CPU for each message that is stored and arrives at the other.
pub fn direct(bench: &Bench, name: &str) -> Result<Vec<Figure>> {
    let pairs = bench.of(100, 4) as usize;
    let server = Server::start(&bench.server)?;
    let (guests, talkers) = run(async {
        let guests = guests(&server, 2 * pairs).await?;
        let talkers = direct_talkers(&server, &guests).await?;
        Ok((guests, talkers))
    })?;
    let (mut swarm, _) = sockets(&server, &guests)?;
    // The other one hears of it, and so does the one who said it.
    let plan = Loop { messages_each: bench.of(200, 5), in_flight: 4, receivers: 2 };
    closed_loop(&mut swarm, &talkers, &warm_up(&plan))?;
    let meter = Meter::start(&server.process)?;
    let hearing = closed_loop(&mut swarm, &talkers, &plan)?;
    let spent = meter.spent()?;
    Ok(vec![Figure::cpu(name, spent, hearing.delivered / 2).goal(25.0).latency(hearing.latency)])
}

/// The first of each two, who talks to the second.
pub async fn direct_talkers(
    server: &Server,
    guests: &[moothall_protocol::accounts::SignedIn],
) -> Result<Vec<Talker>> {
    let calls = guests.chunks_exact(2).filter_map(|pair| match pair {
        [one, other] => Some((one, OpenDirect { user_id: other.user.id })),
        _ => None,
    });
    let rooms = call_all(server, calls.collect()).await.context("conversations")?;
    let talkers = rooms.iter().enumerate();
    Ok(talkers.map(|(pair, room)| Talker::in_room(2 * pair, &room.id.to_string())).collect())
}
