//! `moothall migrate`: brings the database up to date, or says how far it is.

use anyhow::{Context as _, Result};
use moothall::MIGRATIONS;
use moothall::moothall_store::MigrationState;

use crate::commands::database;
use crate::config::Config;

/// Migrates, or with `status` only says which migrations there are and which have run.
pub async fn run(config: &Config, status: bool) -> Result<()> {
    if !status {
        database::make(&config.hall)?;
    }
    let store = database::open(&config.hall).await?;
    if status {
        for migration in store.migration_status(MIGRATIONS).await? {
            let state = match migration.state {
                MigrationState::Applied(at) => format!("applied {at}"),
                MigrationState::Pending => "to be applied".into(),
                MigrationState::Edited => {
                    "APPLIED, AND EDITED SINCE: this database and this program differ".into()
                }
                MigrationState::Unknown => "applied by a newer version of Moothall".into(),
            };
            println!("{:<40} {state}", migration.name);
        }
    } else {
        store.migrate(MIGRATIONS, |progress| println!("{progress}")).await.context("could not migrate")?;
        println!("The database is up to date.");
    }
    store.close().await;
    Ok(())
}
