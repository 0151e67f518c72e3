//! A server that sends back every message: `cargo run --example echo -- 127.0.0.1:9001`.
//!
//! It is what foreign clients are tried against. The handshake in `serve.rs` is the least that works; a real one belongs to an HTTP
//! server.

#![allow(clippy::print_stdout, reason = "a program says where it listens")]

mod serve;

use std::io;

use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("listening on ws://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            // A client that breaks off ends its own connection only.
            let _ = serve::serve(stream).await;
        });
    }
}
