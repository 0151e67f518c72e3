//! The binary `moothall`: a program over the library, with command line, configuration, signals and wiring. No rule is here.
//!
//! Start at [`Command`]; each command is a file under `commands/`, and [`config`] says where settings come from.

#![expect(
    clippy::print_stdout,
    reason = "commands answer the operator on standard output; logs go to standard error"
)]

mod commands;
mod config;
mod observe;
mod pages;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

use crate::commands::{admin, audit, doctor, documents, keys, migrate, serve, settings};
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
    /// Makes and lists administrators.
    #[command(subcommand)]
    Admin(admin::Admin),
    /// Makes, lists and ends API keys of game hosts, bots and tools.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Looks into the audit log.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Writes and reads what staff has set, as a file.
    #[command(subcommand)]
    Settings(settings::Settings),
    /// Writes the contracts of the API: openapi.json, socket.json, errors.json.
    Documents {
        /// The folder to write them to.
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
    },
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
    match &command {
        Command::Config { example: Some(file) } => {
            std::fs::write(file, config::example()?)
                .with_context(|| format!("could not write {}", file.display()))?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Documents { out } => return documents::run(out).map(|()| ExitCode::SUCCESS),
        _ => {}
    }
    let environment = std::env::vars_os().filter_map(|(name, value)| {
        // A variable that is no Unicode is none of ours.
        Some((name.into_string().ok()?, value.into_string().ok()?))
    });
    let config = Config::load(config.as_deref(), environment, &flags)?;
    observe::start_log(&config.log)?;
    for ignored in &config.ignored {
        tracing::warn!("Ignored: {ignored}");
    }
    // Two providers could be compiled in by dependencies; this one is meant.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(perform(&config, command));
    // Whatever still blocks a thread here was given up on: waiting for it could last for ever.
    runtime.shutdown_background();
    done
}

async fn perform(config: &Config, command: Command) -> Result<ExitCode> {
    match command {
        Command::Serve => serve::run(config).await?,
        Command::Migrate { status } => migrate::run(config, status).await?,
        Command::Doctor => return doctor::run(config).await,
        Command::Admin(command) => admin::run(config, command).await?,
        Command::Keys(command) => keys::run(config, command).await?,
        Command::Audit(command) => return audit::run(config, command).await,
        Command::Settings(command) => settings::run(config, command).await?,
        Command::Config { .. } => println!("{}", config.to_toml()?),
        Command::Documents { out } => documents::run(&out)?,
    }
    Ok(ExitCode::SUCCESS)
}
