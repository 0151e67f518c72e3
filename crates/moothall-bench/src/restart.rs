//! The server is killed, starts again, and everybody comes back at once.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use moothall_client::Client;
use moothall_protocol::accounts::SignedIn;
use moothall_protocol::connections::CountConnected;
use rustix::process::{Resource, getrlimit};

use crate::Bench;
use crate::crowd::Whereabouts;
use crate::load::{guests, run, sockets};
use crate::report::Figure;
use crate::server::Server;

const CLIENTS: u64 = 18_000;
/// Files that a process needs for other things than sockets.
const OTHERS: u64 = 500;
const PATIENCE: Duration = Duration::from_secs(300);

/// How long it takes until all are back, how often each knocks, who is lost, whether the count is right, what it takes.
pub fn storm(bench: &Bench, name: &str) -> Result<Vec<Figure>> {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let count = bench.of(CLIENTS, 200).min(files.saturating_sub(OTHERS)) as usize;
    let server = Server::start(&bench.server)?;
    let guests = run(guests(&server, count))?;
    let (mut swarm, mut crowd) = sockets(&server, &guests)?;
    let before = server.process.resident_max()?;
    let (killed, killed_at) = (server.kill(), Instant::now());
    crowd.notice(&mut swarm)?;
    // Nobody knows when it will be there again.
    let starting = std::thread::spawn(|| anyhow::Ok((killed.start()?, Instant::now())));
    crowd.gather(&mut swarm, usize::MAX, PATIENCE)?;
    let all_back_at = Instant::now();
    let (server, started_at) = starting.join().map_err(|_| anyhow!("the server did not start"))??;
    let attempts = crowd.clients.iter().map(|client| u64::from(client.attempts));
    let (all, most) = attempts.fold((0, 0), |(all, most), one| (all + one, one.max(most)));
    let lost = crowd.clients.iter().filter(|client| matches!(client.whereabouts, Whereabouts::Lost(_)));
    let counted = connected(&server, guests.first().context("a guest")?)?;
    let figure = |what: &str, unit, value: f64| Figure::new(format!("{name} ({count}): {what}"), unit, value);
    Ok(vec![
        figure("all are back, from when it listens", "s", (all_back_at - started_at).as_secs_f64()),
        figure("all are back, from when it was killed", "s", (all_back_at - killed_at).as_secs_f64()),
        figure("attempts of each", "attempts", all as f64 / count as f64),
        figure("attempts of one, at most", "attempts", most as f64),
        figure("sign-ins lost", "sign-ins", lost.count() as f64).goal(0.0),
        figure("players the server does not count", "players", count as f64 - counted as f64).goal(0.0),
        figure(
            "CPU for each who comes back",
            "CPU µs",
            server.process.cpu()?.as_secs_f64() * 1e6 / count as f64,
        ),
        figure("resident at most", "MiB", server.process.resident_max()? as f64 / 1_048_576.0),
        figure("resident at most, before", "MiB", before as f64 / 1_048_576.0),
    ])
}

/// Who is there, as the server has it.
fn connected(server: &Server, guest: &SignedIn) -> Result<u64> {
    run(async {
        let client = Client::new(&server.base)?;
        client.set_tokens(guest.clone().into());
        Ok(client.call(&CountConnected {}).await?.players)
    })
}
