//! `moothall serve`: opens the hall and its doors, until it is told to stop.

use std::time::Duration;

use anyhow::{Context as _, Result};
use moothall::Hall;
use moothall_api::{Doors, Options};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::database;
use crate::config::Config;

/// Serves until SIGTERM or SIGINT, then lets what is in hand finish.
pub async fn run(config: &Config) -> Result<()> {
    database::make_folder(&config.hall)?;
    let hall = Hall::builder(config.hall.clone()).open().await.context("the server could not start")?;
    let doors = Doors::open(&hall, Options::default()).context("the doors could not open")?;
    let listener = TcpListener::bind(config.server.listen).await.with_context(|| {
        format!("{} cannot be listened on: set server.listen to a free address", config.server.listen)
    })?;
    let address = listener.local_addr()?;
    println!("Moothall {} is ready.", env!("CARGO_PKG_VERSION"));
    println!("  API        http://{address}/v1");
    println!("  Documents  http://{address}/docs   http://{address}/v1/openapi.json");
    println!("  Health     http://{address}/health/ready");
    println!("  Data       {}", config.hall.store.url.split('@').next_back().unwrap_or_default());
    let (mut terminated, mut interrupted) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let told = async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    };
    moothall_api::serve(listener, doors, told, Duration::from_millis(config.server.shutdown_ms)).await;
    hall.close().await;
    println!("Stopped.");
    Ok(())
}
