//! Serves Moothall with dice on 127.0.0.1:7350: `cargo run -p own_operation`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use moothall::{Hall, Settings};
use moothall_api::{Doors, Options, serve};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<()> {
    let mut settings = Settings::default();
    settings.store.url = "sqlite:dice.db".to_owned();
    let hall = Hall::builder(settings)
        .operations(own_operation::operations())
        .hooks(Arc::new(own_operation::Rolls))
        .open()
        .await?;
    let doors = Doors::open(&hall, Options::default())?;
    let listener = TcpListener::bind("127.0.0.1:7350").await?;
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    serve(listener, doors, stop, Duration::from_secs(10)).await;
    hall.close().await;
    Ok(())
}
