//! Relationships: becoming friends, and reading the list of somebody who has many.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::Bench;
use crate::load::{guests, run, sockets};
use crate::process::Meter;
use crate::report::Figure;
use crate::server::Server;
use crate::storms::each;
use crate::talk::{Hearing, Talker};

const QUIET: Duration = Duration::from_secs(1);

/// One user makes a thousand friends, and reads who they are: by kind, page after page, and what they and several are to each other.
pub fn friends(bench: &Bench, name: &str) -> Result<Vec<Figure>> {
    let (friends, reads) = (bench.of(1_000, 20) as usize, bench.of(4_000, 40) as usize);
    let server = Server::start(&bench.server)?;
    let guests = run(guests(&server, friends + 1))?;
    let (mut swarm, _) = sockets(&server, &guests)?;
    let mut hearing = Hearing::new()?;
    hearing.until_quiet(&mut swarm, QUIET)?;
    let (hub, others) = guests.split_first().context("somebody")?;
    let asking = |socket: usize, user: String| {
        Talker::new(socket, "relationships.ask", &format!(r#"{{"user_id":"{user}"}}"#))
    };
    let asks = (1..=friends).map(|socket| asking(socket, hub.user.id.to_string()));
    let answers = others.iter().map(|other| asking(0, other.user.id.to_string()));
    let page = r#"{"kind":"friends","limit":200}"#;
    let lists = (0..reads).map(|_| Talker::new(0, "relationships.list", page));
    let several: Vec<String> =
        others.iter().take(200).map(|other| format!(r#""{}""#, other.user.id)).collect();
    let several = format!(r#"{{"user_ids":[{}]}}"#, several.join(","));
    let looks = (0..reads).map(|_| Talker::new(0, "relationships.read", &several));
    let mut figures = Vec::new();
    for (what, talkers) in [
        ("ask", asks.collect::<Vec<Talker>>()),
        ("accept", answers.collect()),
        ("list 200 friends", lists.collect()),
        ("what 200 are", looks.collect()),
    ] {
        let count = talkers.len() as u64;
        let meter = Meter::start(&server.process)?;
        each(&mut swarm, &mut hearing, talkers)?;
        hearing.until_quiet(&mut swarm, QUIET)?;
        figures.push(Figure::cpu(format!("{name}: {what}"), meter.spent()?, count));
    }
    Ok(figures)
}
