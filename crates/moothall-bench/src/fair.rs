//! A room of thousands beside conversations of two: whether the two notice.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use rustix::process::{Resource, getrlimit};

use crate::Bench;
use crate::load::{guests, room, run, sockets};
use crate::paired::{self, Paired};
use crate::report::Figure;
use crate::rooms::direct_talkers;
use crate::server::Server;
use crate::talk::{Source, Talker, at_rate};

const MEMBERS: u64 = 10_000;
/// Those who talk to each other, two by two.
const OTHERS: usize = 20;
/// Files that a process needs for other things than sockets.
const FILES: u64 = 500;
/// Messages to the room in a second, and to others.
const TO_ROOM: f64 = 2.0;
const TO_OTHERS: f64 = 50.0;

/// Runs with the room talking and silent, by turns: how much longer 99 in 100 messages of the others took, and with what latency.
pub fn room_and_conversations(bench: &Bench, name: &str) -> Result<Vec<Figure>> {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let members = bench.of(MEMBERS, 200).min(files.saturating_sub(FILES)) as usize;
    let server = Server::start(&bench.server)?;
    let (guests, room, conversations) = run(async {
        let guests = guests(&server, OTHERS + members).await?;
        let (others, members) = guests.split_at_checked(OTHERS).context("members")?;
        let conversations = direct_talkers(&server, others).await?;
        let room = room(&server, members, true).await?;
        Ok((guests, room, conversations))
    })?;
    let (others, members) = guests.split_at_checked(OTHERS).context("members")?;
    let (mut pairs, _) = sockets(&server, others)?;
    let (mut crowd, _) = sockets(&server, members)?;
    let conversations = [Source { talkers: conversations, per_second: TO_OTHERS, receivers: 2 }];
    let in_room = [Source {
        talkers: (0..members.len()).map(|socket| Talker::in_room(socket, &room)).collect(),
        per_second: TO_ROOM,
        receivers: members.len() as u64,
    }];
    let lasting = Duration::from_millis(bench.of(4_000, 500));
    let Paired { ratio, with, without } = paired::run(bench.of(7, 2), |is_loud| {
        // In threads of their own, so that conversations are not heard behind thousands of events on this side.
        std::thread::scope(|scope| {
            let loud = is_loud.then(|| scope.spawn(|| at_rate(&mut crowd, &in_room, lasting)));
            let heard = at_rate(&mut pairs, &conversations, lasting);
            if let Some(loud) = loud {
                loud.join().map_err(|_| anyhow!("the room's load broke down"))??;
            }
            heard
        })
    })?;
    let members = members.len();
    let name = format!("{name} ({members} members)");
    Ok(vec![
        Figure::new(&name, "ratio", ratio).latency(with),
        Figure::new(format!("{name}: without"), "ratio", 1.0).latency(without),
    ])
}
