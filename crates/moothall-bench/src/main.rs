//! Benchmarks: what work costs the server, in CPU microseconds and in bytes.
//!
//! `cargo xtask bench` builds the server in release and runs this. Start at [`scenarios`]. Wall times are not measured, because
//! machines are shared; the CPU time of the server's process is, summed over its threads from `/proc`. Each scenario is repeated, and
//! the median stands in the table with the range beside it.
#![expect(clippy::print_stdout, reason = "the tables are what this prints")]

mod load;
mod rooms;
mod server;
mod store;
mod users;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Parser;

/// What the work costs.
#[derive(Debug, Parser)]
#[command(about = "Measures what work costs the server")]
struct Arguments {
    /// Only scenarios with this in their names.
    #[arg(long)]
    scenario: Option<String>,
    /// How often each is repeated.
    #[arg(long, default_value_t = 3)]
    repetitions: usize,
    /// The program to measure; without it the one beside this.
    #[arg(long)]
    server: Option<PathBuf>,
}

/// What one scenario came to, once.
struct Measured {
    /// In the unit of its scenario.
    value: f64,
}

impl Measured {
    /// This machine lacks what it takes.
    const NONE: Self = Self { value: f64::NAN };
}

/// Something that is measured.
struct Scenario {
    name: &'static str,
    unit: &'static str,
    /// What we aim at, in the same unit, if we aim at anything.
    goal: f64,
    run: fn(&PathBuf) -> Result<Measured>,
}

const fn scenario(
    name: &'static str,
    unit: &'static str,
    goal: f64,
    run: fn(&PathBuf) -> Result<Measured>,
) -> Scenario {
    Scenario { name, unit, goal, run }
}

const MICROSECONDS: &str = "CPU µs";

fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("durable single-row write, SQLite, 64 tasks", MICROSECONDS, 10.0, |_| {
            store::sqlite_writes(store::Keys::InOrder)
        }),
        scenario("the same, each task to a page of its own", MICROSECONDS, 10.0, |_| {
            store::sqlite_writes(store::Keys::Scattered)
        }),
        scenario("read of one row, SQLite, 64 tasks", MICROSECONDS, 5.0, |_| store::sqlite_reads()),
        scenario("durable single-row write, PostgreSQL, 64 tasks", MICROSECONDS, f64::NAN, |_| {
            store::postgres_writes()
        }),
        scenario("read of one row, PostgreSQL, 64 tasks", MICROSECONDS, f64::NAN, |_| {
            store::postgres_reads()
        }),
        scenario("register guest", MICROSECONDS, 60.0, users::register),
        scenario("sign in, guest secret", MICROSECONDS, 60.0, users::sign_in),
        scenario("read own account, HTTP", MICROSECONDS, 25.0, users::read_account),
        scenario("connect + sign-in, per socket", MICROSECONDS, 60.0, users::connect),
        scenario("idle signed-in socket, 5,000 of them", "resident bytes", 6_000.0, users::idle),
        scenario("room of 100, live only, delivered (8 in flight)", MICROSECONDS, 1.2, |server| {
            rooms::room(server, 100, 3_000, 8, true)
        }),
        scenario("room of 1,000, live only, delivered (4 in flight)", MICROSECONDS, 1.5, |server| {
            rooms::room(server, 1_000, 400, 4, true)
        }),
        scenario("room of 100, persisted, delivered (8 in flight)", MICROSECONDS, 1.2, |server| {
            rooms::room(server, 100, 3_000, 8, false)
        }),
        scenario("room of 1,000, persisted, delivered (4 in flight)", MICROSECONDS, 1.6, |server| {
            rooms::room(server, 1_000, 400, 4, false)
        }),
        scenario("DM, persisted, delivered (100 pairs)", MICROSECONDS, 25.0, rooms::direct),
    ]
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let server = match arguments.server {
        Some(server) => server,
        None => std::env::current_exe()?.with_file_name("moothall"),
    };
    anyhow::ensure!(
        server.is_file(),
        "{} is not there: cargo build --release -p moothall-server",
        server.display()
    );
    println!("{}\n", machine());
    println!("| work | unit | goal | median | range |\n|---|---|---|---|---|");
    let wanted = arguments.scenario.unwrap_or_default();
    for scenario in scenarios().iter().filter(|scenario| scenario.name.contains(&wanted)) {
        let mut values = Vec::new();
        for _ in 0..arguments.repetitions.max(1) {
            let measured = (scenario.run)(&server).with_context(|| scenario.name)?;
            values.push(measured.value);
        }
        values.sort_by(f64::total_cmp);
        let (low, high) = (values.first().copied(), values.last().copied());
        let median = values.get(values.len() / 2).copied();
        let show = |value: Option<f64>| match value {
            Some(value) if value.is_nan() => "–".to_owned(),
            Some(value) if value >= 100.0 => format!("{value:.0}"),
            Some(value) => format!("{value:.2}"),
            None => "–".to_owned(),
        };
        println!(
            "| {} | {} | {} | {} | {} – {} |",
            scenario.name,
            scenario.unit,
            if scenario.goal.is_nan() { "–".to_owned() } else { format!("≤ {}", scenario.goal) },
            show(median),
            show(low),
            show(high)
        );
    }
    Ok(())
}

/// Where this was measured.
fn machine() -> String {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("unknown processor", |(_, model)| model.trim());
    let count = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{count} × {model}, Linux {}", kernel.trim())
}
