//! `moothall migrate`: brings the database up to date, or says how far it is.

use anyhow::{Context as _, Result};
use moothall::{MIGRATIONS, open_store};

use crate::config::Config;

/// Migrates, or with `status` only says which migrations there are and which have run.
pub async fn run(config: &Config, status: bool) -> Result<()> {
    let store = open_store(&config.hall).await.context("could not open the database")?;
    if status {
        for migration in store.migration_status(MIGRATIONS).await? {
            println!("{migration}");
        }
    } else {
        store.migrate(MIGRATIONS, |progress| println!("{progress}")).await.context("could not migrate")?;
        println!("The database is up to date.");
    }
    store.close().await;
    Ok(())
}
