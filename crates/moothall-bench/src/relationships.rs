//! Relationships: becoming friends, reading the list of somebody who has many, and letting them in.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::Bench;
use crate::load::{guests, run, sockets};
use crate::process::{Meter, Spent};
use crate::report::Figure;
use crate::server::Server;
use crate::storms::each;
use crate::swarm::Swarm;
use crate::talk::{Hearing, Talker};

const QUIET: Duration = Duration::from_secs(1);
/// More requests than some do not wait for one user's answer.
const ASKED_AT_ONCE: usize = 200;

/// One user makes a thousand friends, reads who they are (page after page, and what they and several are to each other), and comes again, with
/// all of them there.
pub fn friends(bench: &Bench, name: &str) -> Result<Vec<Figure>> {
    let friends = bench.of(1_000, 20) as usize;
    let (reads, arrivals) = (bench.of(4_000, 40) as usize, bench.of(100, 2));
    let server = Server::start(&bench.server)?;
    let guests = run(guests(&server, friends + 1))?;
    let (mut swarm, _) = sockets(&server, &guests)?;
    let mut hearing = Hearing::new()?;
    hearing.until_quiet(&mut swarm, QUIET)?;
    let (hub, others) = guests.split_first().context("somebody")?;

    let (mut asked, mut accepted) = (Vec::new(), Vec::new());
    let ids: Vec<String> = others.iter().map(|other| other.user.id.to_string()).collect();
    let asking = |socket: usize, user: &str| {
        Talker::new(socket, "relationships.ask", &format!(r#"{{"user_id":"{user}"}}"#))
    };
    let askers: Vec<(usize, &String)> = ids.iter().enumerate().map(|(at, id)| (at + 1, id)).collect();
    for askers in askers.chunks(ASKED_AT_ONCE) {
        let asks = askers.iter().map(|(socket, _)| asking(*socket, &hub.user.id.to_string()));
        asked.push(cost(&server, &mut swarm, &mut hearing, asks.collect())?);
        let answers = askers.iter().map(|(_, id)| asking(0, id));
        accepted.push(cost(&server, &mut swarm, &mut hearing, answers.collect())?);
    }

    let page = r#"{"kind":"friends","limit":200}"#;
    let lists = (0..reads).map(|_| Talker::new(0, "relationships.list", page)).collect();
    let listed = cost(&server, &mut swarm, &mut hearing, lists)?;
    let several: Vec<String> = ids.iter().take(200).map(|id| format!(r#""{id}""#)).collect();
    let several = format!(r#"{{"user_ids":[{}]}}"#, several.join(","));
    let looks = (0..reads).map(|_| Talker::new(0, "relationships.read", &several)).collect();
    let read = cost(&server, &mut swarm, &mut hearing, looks)?;

    let mut arrived = Vec::new();
    for _ in 0..arrivals {
        let meter = Meter::start(&server.process)?;
        drop(sockets(&server, std::slice::from_ref(hub))?);
        arrived.push(meter.spent()?);
    }

    let of_each =
        |what: &str, spent: Spent, count: usize| Figure::cpu(format!("{name}: {what}"), spent, count as u64);
    Ok(vec![
        of_each("ask", asked.into_iter().sum(), friends),
        of_each("accept", accepted.into_iter().sum(), friends),
        of_each("list 200 friends", listed, reads),
        of_each("what 200 are", read, reads),
        of_each("connect with all of them", arrived.into_iter().sum(), arrivals as usize),
    ])
}

/// What it costs until all of this is answered, and whoever hears of it has heard.
fn cost(server: &Server, swarm: &mut Swarm, hearing: &mut Hearing, talkers: Vec<Talker>) -> Result<Spent> {
    let meter = Meter::start(&server.process)?;
    each(swarm, hearing, talkers)?;
    hearing.until_quiet(swarm, QUIET)?;
    meter.spent()
}
