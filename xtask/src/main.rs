//! Every command of the project: `cargo xtask serve · test · lint · generate · bench`.
//!
//! Each command is a file; [`step`] runs other programs and says which. Promise: no command needs anything but a Rust
//! toolchain to start, and one that leaves something out says so loudly.
#![expect(clippy::print_stdout, reason = "the output of these commands is what they print")]

mod foreign;
mod lint;
mod postgres;
mod step;
mod test;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::step::{Step, cargo};

/// The commands of the project.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Command {
    /// Builds the server and runs it, with its data in ./moothall-data.
    Serve {
        /// Arguments of `moothall serve`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Runs every test, on both databases and with foreign clients.
    Test(test::Arguments),
    /// Checks format, lints, documentation and the rules of the project.
    Lint,
    /// Writes what is generated and committed: api/ and config/example.toml.
    Generate,
    /// Runs the benchmarks, which end in the tables of docs/performance.md.
    Bench {
        /// Arguments of `moothall-bench`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Starts a throw-away PostgreSQL and runs a command with MOOTHALL_TEST_POSTGRES_URL set.
    #[command(subcommand)]
    With(With),
}

#[derive(Subcommand)]
enum With {
    /// A throw-away PostgreSQL server.
    Postgres {
        /// The command.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run(Command::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Serve { arguments } => {
            cargo(["build", "--release", "--package", "moothall-server"]).run()?;
            Step::new(target().join("release/moothall")).arg("serve").args(arguments).run()
        }
        Command::Test(arguments) => test::run(&arguments),
        Command::Lint => lint::run(),
        Command::Generate => generate(),
        Command::Bench { arguments } => {
            cargo(["build", "--release", "--package", "moothall-server"]).run()?;
            cargo(["run", "--release", "--package", "moothall-bench", "--"]).args(arguments).run()
        }
        Command::With(With::Postgres { command }) => {
            let postgres = postgres::Server::start()?;
            let (program, arguments) = command.split_first().map_or(("true", &[][..]), |(p, a)| (p, a));
            Step::new(program).args(arguments).env(postgres::URL, &postgres.url).run()
        }
    }
}

/// The server itself knows its operations and its settings, so it writes their documents; the client's table of calls is written by
/// the test that compares it.
fn generate() -> Result<()> {
    cargo(["build", "--package", "moothall-server"]).run()?;
    let server = target().join("debug/moothall");
    Step::new(&server).args(["documents", "--out"]).arg(root().join("api")).run()?;
    Step::new(&server).args(["config", "--example"]).arg(root().join("config/example.toml")).run()?;
    cargo(["test", "--quiet", "--package", "moothall-client", "--test", "calls"])
        .env("MOOTHALL_WRITE_CONTRACTS", "1")
        .run()
}

/// The folder of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

/// Where cargo builds.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}
