//! The commands, a file each.

pub mod admin;
pub mod audit;
pub mod database;
pub mod doctor;
pub mod documents;
pub mod keys;
pub mod migrate;
pub mod serve;
pub mod settings;

use anyhow::{Context as _, Result};
use moothall::accounts;
use moothall::protocol::accounts::UserSummary;
use moothall::{Cx, Fault, Hall};
use serde::Serialize;

use crate::config::Config;

/// Does something in the name of the server, on the same database as a server that may be running.
async fn as_server<T>(config: &Config, work: impl AsyncFnOnce(&Cx) -> Result<T>) -> Result<T> {
    database::check_current(&config.hall).await?;
    let hall = Hall::builder(config.hall.clone()).without_tasks();
    let hall = hall.open().await.context("the database cannot be used")?;
    let done = work(&Cx::server(&hall)).await;
    hall.close().await;
    done
}

/// The user of this name, address or id.
async fn user(cx: &Cx, text: &str) -> Result<UserSummary> {
    accounts::find_user(cx, text).await.map_err(said)?.with_context(|| format!("there is no user {text}"))
}

/// Refuses what the operation would refuse at the door: the same bounds, in the same words.
fn check(cx: &Cx, operation: &str, input: &impl Serialize) -> Result<()> {
    moothall_api::check_input(cx.hall().registry(), operation, input).map_err(said)
}

/// A refusal with all it says of single fields, which have no place in its title.
fn said(fault: impl Fault) -> anyhow::Error {
    let wrong = fault.details().fields.unwrap_or_default();
    let wrong: Vec<String> = wrong
        .into_iter()
        .map(|field| format!("{}: {}", field.path.trim_start_matches('/'), field.message))
        .collect();
    let error = anyhow::Error::new(fault);
    if wrong.is_empty() { error } else { anyhow::anyhow!("{error}: {}", wrong.join("; ")) }
}
