//! Benchmarks: what work costs the server, in CPU microseconds and in bytes, and how long its clients wait.
//!
//! `cargo xtask bench` builds the server in release and runs this. Start at [`scenarios`]. Costs are CPU time of the server's process, because
//! machines are shared; latencies are wall times, and worth what the machine was worth meanwhile. The server has a core of its own and the load
//! another, where there are two. Each scenario is repeated, and the median stands in the table with the range beside it.

mod cores;
mod crowd;
mod fair;
mod floor;
mod frames;
mod handshake;
mod idle;
mod load;
mod lobbies;
mod mixed;
mod paired;
mod process;
mod questions;
mod relationships;
mod relay;
mod report;
mod restart;
mod rooms;
mod server;
mod stalled;
mod store;
mod storms;
mod swarm;
mod talk;
mod users;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Parser;

use self::relay::Matches;
use self::report::Figure;
use self::rooms::Room;

/// What the work costs.
#[derive(Debug, Parser)]
#[command(
    about = "Measures what work costs the server",
    after_help = "`moothall-bench floor ADDRESS` serves the bare relay."
)]
struct Arguments {
    /// Only scenarios with this in their names.
    #[arg(long, default_value = "")]
    scenario: String,
    /// How often each is repeated.
    #[arg(long, default_value_t = 3)]
    repetitions: usize,
    /// A few seconds for each, to see that it works. The figures are worth nothing.
    #[arg(long)]
    quick: bool,
    /// The program to measure; without it the one beside this.
    #[arg(long)]
    server: Option<PathBuf>,
    /// Only tells the names of the scenarios.
    #[arg(long)]
    list: bool,
}

/// What is measured, and how thoroughly.
struct Bench {
    /// The program.
    server: PathBuf,
    is_quick: bool,
}

impl Bench {
    /// How much of something.
    fn of(&self, full: u64, quick: u64) -> u64 {
        if self.is_quick { quick } else { full }
    }
}

/// Something that is measured: its name, and how.
type Scenario = (&'static str, fn(&Bench, &str) -> Result<Vec<Figure>>);

fn scenarios() -> Vec<Scenario> {
    vec![
        ("durable single-row write, SQLite, 64 tasks", |bench, name| {
            store::sqlite_writes(bench, name, store::Keys::InOrder)
        }),
        ("the same, each task to a page of its own", |bench, name| {
            store::sqlite_writes(bench, name, store::Keys::Scattered)
        }),
        ("read of one row, SQLite, 64 tasks", store::sqlite_reads),
        ("durable single-row write, PostgreSQL, 64 tasks", store::postgres_writes),
        ("read of one row, PostgreSQL, 64 tasks", store::postgres_reads),
        ("register guest", users::register),
        ("sign in, guest secret", users::sign_in),
        ("read own account, HTTP", users::read_account),
        ("connect + sign-in, per socket", idle::connect),
        ("idle signed-in socket", idle::held),
        ("floor, room of 100 (8 in flight)", |bench, name| floor::room(bench, name, Room::HUNDRED)),
        ("room of 100, live only, delivered (8 in flight)", |bench, name| {
            rooms::closed(bench, name, 1.2, Room::HUNDRED)
        }),
        ("room of 100, persisted, delivered (8 in flight)", |bench, name| {
            rooms::closed(bench, name, 1.2, Room::HUNDRED.persisted())
        }),
        ("floor, room of 100 (50 in flight)", |bench, name| floor::room(bench, name, Room::HUNDRED_DENSE)),
        ("room of 100, live only, delivered (50 in flight)", |bench, name| {
            rooms::closed(bench, name, 0.5, Room::HUNDRED_DENSE)
        }),
        ("room of 100, persisted, delivered (50 in flight)", |bench, name| {
            rooms::closed(bench, name, 0.5, Room::HUNDRED_DENSE.persisted())
        }),
        ("floor, room of 1,000 (4 in flight)", |bench, name| floor::room(bench, name, Room::THOUSAND)),
        ("room of 1,000, live only, delivered (4 in flight)", |bench, name| {
            rooms::closed(bench, name, 1.5, Room::THOUSAND)
        }),
        ("room of 1,000, persisted, delivered (4 in flight)", |bench, name| {
            rooms::closed(bench, name, 1.6, Room::THOUSAND.persisted())
        }),
        ("DM, persisted, delivered (100 pairs)", rooms::direct),
        ("mixed evening of 1,000, per message delivered", mixed::evening),
        ("floor, matches of 2, 10 messages per second each", |bench, name| {
            floor::matches(bench, name, Matches { players: 2, per_second: 10, hears_itself: true })
        }),
        ("matches of 2, 10 messages per second each, relayed", |bench, name| {
            relay::matches(bench, name, 2, 10)
        }),
        ("floor, matches of 2, 60 messages per second each", |bench, name| {
            floor::matches(bench, name, Matches { players: 2, per_second: 60, hears_itself: true })
        }),
        ("matches of 2, 60 messages per second each, relayed", |bench, name| {
            relay::matches(bench, name, 2, 60)
        }),
        ("floor, matches of 4, 10 messages per second each", |bench, name| {
            floor::matches(bench, name, Matches { players: 4, per_second: 10, hears_itself: true })
        }),
        ("matches of 4, 10 messages per second each, relayed", |bench, name| {
            relay::matches(bench, name, 4, 10)
        }),
        ("floor, matches of 4, 60 messages per second each", |bench, name| {
            floor::matches(bench, name, Matches { players: 4, per_second: 60, hears_itself: true })
        }),
        ("matches of 4, 60 messages per second each, relayed", |bench, name| {
            relay::matches(bench, name, 4, 60)
        }),
        ("floor, matches of 10, 10 messages per second each", |bench, name| {
            floor::matches(bench, name, Matches { players: 10, per_second: 10, hears_itself: true })
        }),
        ("matches of 10, 10 messages per second each, relayed", |bench, name| {
            relay::matches(bench, name, 10, 10)
        }),
        ("floor, matches of 10, 60 messages per second each", |bench, name| {
            floor::matches(bench, name, Matches { players: 10, per_second: 60, hears_itself: true })
        }),
        ("matches of 10, 60 messages per second each, relayed", |bench, name| {
            relay::matches(bench, name, 10, 60)
        }),
        ("1,000 join a room of 1,000", storms::join),
        ("1,000 watch 1,000 change", storms::presence),
        ("asked of memory", questions::all),
        ("1,000 friends", relationships::friends),
        ("lobby", lobbies::operations),
        ("10,000 watch 2,000 lobbies", lobbies::watched),
        ("2,000 lobbies of 16 members", lobbies::held),
        ("1 of 100 stalls: p99 of the others", stalled::paired),
        ("a large room talks: p99 of conversations", fair::room_and_conversations),
        ("killed and restarted", restart::storm),
    ]
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some(floor::MODE) {
        return floor::serve(floor::address(&mut arguments)?);
    }
    let arguments = Arguments::parse();
    let wanted = scenarios().into_iter().filter(|(name, _)| name.contains(&arguments.scenario));
    if arguments.list {
        report::names(wanted.map(|(name, _)| name));
        return Ok(());
    }
    let server = arguments.server.or_else(beside).context("cargo build --release -p moothall-server")?;
    let bench = Bench { server, is_quick: arguments.quick };
    report::head();
    for (name, run) in wanted {
        let mut repetitions = Vec::new();
        for _ in 0..arguments.repetitions.max(1) {
            cores::free();
            repetitions.push(run(&bench, name).context(name)?);
        }
        report::rows(repetitions);
    }
    Ok(())
}

/// The server that cargo built beside this.
fn beside() -> Option<PathBuf> {
    let this = std::env::current_exe().ok()?;
    Some(this.with_file_name("moothall")).filter(|server| server.is_file())
}
