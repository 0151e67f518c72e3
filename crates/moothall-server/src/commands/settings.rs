//! `moothall settings`: the settings that staff changes, as a file.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Subcommand;
use moothall::protocol::settings::{ExportSettings, ImportSettings};
use moothall::{Cx, settings};

use super::{as_server, check, said};
use crate::config::Config;

/// What to do about settings.
#[derive(Subcommand)]
pub enum Settings {
    /// Prints what staff has set, as TOML.
    Export {
        /// All settings, and not only those that staff has set.
        #[arg(long)]
        everything: bool,
    },
    /// Sets what a file says: all of it, or nothing. A server that runs goes by it within two seconds.
    Import {
        /// A file as `export` prints it.
        file: PathBuf,
        /// Only say what would change.
        #[arg(long)]
        dry_run: bool,
        /// Reset the settings that the file does not name.
        #[arg(long)]
        reset_others: bool,
        /// Why, for the audit log.
        #[arg(long, default_value = "by the operator")]
        reason: String,
    },
}

/// Does it.
pub async fn run(config: &Config, command: Settings) -> Result<()> {
    as_server(config, async |cx| match command {
        Settings::Export { everything } => export(cx, everything).await,
        Settings::Import { file, dry_run, reset_others, reason } => {
            let toml = read(&file)?;
            let (resets_others, is_dry_run) = (Some(reset_others), Some(dry_run));
            import(cx, ImportSettings { toml, resets_others, is_dry_run, reason }).await
        }
    })
    .await
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))
}

async fn export(cx: &Cx, everything: bool) -> Result<()> {
    let file = settings::export(cx, ExportSettings { everything: Some(everything) }).await.map_err(said)?;
    print!("{}", file.toml);
    Ok(())
}

async fn import(cx: &Cx, input: ImportSettings) -> Result<()> {
    check(cx, "settings.import", &input)?;
    let imported = settings::import(cx, input).await.map_err(said)?;
    for change in &imported.changes {
        let how = if change.is_reset { " (reset)" } else { "" };
        println!("{}: {} -> {}{how}", change.key, change.before, change.after);
    }
    match (imported.changes.len(), imported.is_dry_run) {
        (0, _) => println!("Nothing is different."),
        (count, true) => println!("{count} would change."),
        (count, false) => println!("{count} changed."),
    }
    Ok(())
}
