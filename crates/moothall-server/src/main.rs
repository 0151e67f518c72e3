//! The binary `moothall`: a program over the library, with command line, configuration, signals and wiring. No rule is here.
//!
//! Start at [`Command`]; each command is a file under `commands/`, and [`config`] says where settings come from.

#![allow(
    dead_code,
    unused_imports,
    clippy::if_same_then_else,
    clippy::match_overlapping_arm,
    reason = "`serve` does not show the metrics yet"
)]
#![expect(
    clippy::print_stdout,
    reason = "commands answer the operator on standard output; logs go to standard error"
)]

mod commands;
mod config;
mod observe;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

use crate::config::{Config, Flags};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Moothall: the server for a game's community.
#[derive(Parser)]
#[command(name = "moothall", version, arg_required_else_help = true)]
struct Arguments {
    /// The configuration file. Without it, and without MOOTHALL_CONFIG, every setting has its default.
    #[arg(long, global = true, env = "MOOTHALL_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the server until it is told to stop.
    Serve,
    /// Brings the database up to date; `serve` does it too.
    Migrate {
        /// Only say which migrations there are and which have run.
        #[arg(long)]
        status: bool,
    },
    /// Says what is wrong with this installation, and what to do.
    Doctor,
    /// Prints the settings in force, secrets as ***.
    Config {
        /// Write the example file instead, with every setting and its default.
        #[arg(long, value_name = "FILE")]
        example: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            // Where logs go too: whoever starts the server looks there.
            #[expect(
                clippy::print_stderr,
                reason = "the configuration, and so the log, may be what is wrong"
            )]
            {
                eprintln!("moothall: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let Arguments { config, flags, command } = Arguments::parse();
    // Documents and the example say nothing of this installation, and need nothing of it.
    if let Command::Config { example: Some(file) } = &command {
        std::fs::write(file, config::example()?)
            .with_context(|| format!("could not write {}", file.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let environment = std::env::vars_os().filter_map(|(name, value)| {
        // A variable that is no Unicode is none of ours.
        Some((name.into_string().ok()?, value.into_string().ok()?))
    });
    let config = Config::load(config.as_deref(), environment, &flags)?;
    observe::start_log(&config.log)?;
    // Two providers could be compiled in by dependencies; this one is meant.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Serve => commands::serve::run(&config).await.map(|()| ExitCode::SUCCESS),
            Command::Migrate { status } => {
                commands::migrate::run(&config, status).await.map(|()| ExitCode::SUCCESS)
            }
            Command::Doctor => commands::doctor::run(&config).await,
            Command::Config { .. } => {
                println!("{}", config.to_toml()?);
                Ok(ExitCode::SUCCESS)
            }
        }
    })
}
