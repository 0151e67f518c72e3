//! Matches whose players relay data to each other at a fixed rate.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result};
use moothall_protocol::accounts::SignedIn;

use crate::Bench;
use crate::load::{guests, run, sockets};
use crate::process::{Meter, Process};
use crate::report::Figure;
use crate::server::Server;
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

/// The same through the whole server, whose players do not get back what they sent.
pub fn matches(bench: &Bench, name: &str, players: usize, per_second: u64) -> Result<Vec<Figure>> {
    let matches = Matches { players, per_second, hears_itself: false };
    let server = Server::start(&bench.server)?;
    let guests = run(guests(&server, matches.all_players(bench)))?;
    let key = host_key(&server)?;
    let relays = guests.chunks(players).map(|players| open(&server, &key, players));
    let relays = relays.collect::<Result<Vec<String>>>()?;
    let (mut swarm, _) = sockets(&server, &guests)?;
    let talker = |socket| {
        let relay = relays.get(socket / players).map_or("", String::as_str);
        let data = "what+only+the+game+knows".repeat(3);
        Talker::new(socket, "matches.relay", &format!(r#"{{"match_id":"{relay}","data":"@{data}"}}"#))
    };
    let figures = relayed(bench, name, matches, (&server.process, &mut swarm), talker)?;
    Ok(figures.into_iter().map(|figure| figure.goal(1.5)).collect())
}

/// What a game host shows of itself.
fn host_key(server: &Server) -> Result<String> {
    let printed = server.command(&["keys", "create", "Bench", "--bot", "BenchHost"])?;
    let key = printed.lines().find_map(|line| line.split_once("shown once: "));
    Ok(key.context("a key")?.1.trim().to_owned())
}

/// Opens a relay between these, as a host.
fn open(server: &Server, key: &str, players: &[SignedIn]) -> Result<String> {
    let ids: Vec<String> = players.iter().map(|player| format!(r#""{}""#, player.user.id)).collect();
    let body = format!(r#"{{"user_ids":[{}]}}"#, ids.join(","));
    let mut stream = TcpStream::connect(server.address)?;
    write!(
        stream,
        "POST /v1/matches/relays HTTP/1.1\r\nhost: here\r\nconnection: close\r\nx-api-key: {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let id = answer.split_once(r#""match_id":""#).and_then(|(_, rest)| rest.split_once('"'));
    Ok(id.with_context(|| format!("no relay in {answer}"))?.0.to_owned())
}
