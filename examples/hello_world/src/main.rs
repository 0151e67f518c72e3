//! `cargo run -p hello_world`, then `nc 127.0.0.1 7400`.

use moothall::{Hall, Settings};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut settings = Settings::default();
    settings.store.url = "sqlite:hello_world.db".to_owned();
    let hall = Hall::builder(settings).open().await?;
    let listener = TcpListener::bind("127.0.0.1:7400").await?;
    tokio::select! {
        served = hello_world::serve(hall.clone(), listener) => served?,
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    hall.close().await;
    Ok(())
}
