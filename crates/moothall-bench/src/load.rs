//! Load: players who sign up, and sockets that send and count.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result, bail};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _, TryStreamExt as _, stream};
use moothall_client::Client;
use moothall_protocol::accounts::{SignUpGuest, SignedIn};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::Measured;
use crate::server::Server;

/// Requests at once.
pub const AT_ONCE: usize = 16;

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Runs a scenario to its end.
pub fn run(load: impl Future<Output = Result<Measured>>) -> Result<Measured> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?.block_on(load)
}

/// CPU microseconds of the server for each of `count` pieces of `work`.
pub async fn cpu_of(server: &Server, count: u64, work: impl Future<Output = Result<()>>) -> Result<Measured> {
    let before = server.cpu()?;
    work.await?;
    let spent = server.cpu()? - before;
    Ok(Measured { value: spent as f64 / 1_000.0 / count as f64 })
}

/// Guests who sign up.
pub async fn guests(server: &Server, count: usize) -> Result<Vec<SignedIn>> {
    let client = Client::new(&server.base)?;
    stream::iter(0..count)
        .map(|_| {
            let client = client.clone();
            async move { Ok(client.call(&SignUpGuest::default()).await?) }
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await
}

/// Opens a signed-in socket, and waits until it is ready.
pub async fn connect(server: &Server, token: &str) -> Result<Stream> {
    let mut request = format!("{}/v1/socket", server.base.replacen("http", "ws", 1)).into_client_request()?;
    let headers = request.headers_mut();
    headers.insert("authorization", format!("Bearer {token}").parse()?);
    headers.insert("sec-websocket-protocol", "moothall.v1.json".parse()?);
    let (mut stream, _) = connect_async(request).await?;
    let first = stream.next().await.context("a first event")??;
    anyhow::ensure!(first.to_text()?.contains("session.ready"), "{first}");
    Ok(stream)
}

/// Opens a socket for each, some at once.
pub async fn connect_all(server: &Server, guests: &[SignedIn]) -> Result<Vec<Stream>> {
    stream::iter(guests)
        .map(|guest| connect(server, &guest.access_token))
        .buffered(AT_ONCE)
        .try_collect()
        .await
}

/// Reads a socket to its end, and counts messages that were sent to the room.
pub fn count_messages(mut stream: SplitStream<Stream>, heard: Arc<AtomicU64>) {
    tokio::spawn(async move {
        while let Some(Ok(message)) = stream.next().await {
            if message.to_text().is_ok_and(|text| text.contains("communication.message_sent")) {
                heard.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
}

/// Waits until so much was heard.
pub async fn wait_for(heard: &AtomicU64, count: u64) -> Result<()> {
    let (mut last, mut still) = (0, 0);
    while heard.load(Ordering::Relaxed) < count {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        let now = heard.load(Ordering::Relaxed);
        still = if now == last { still + 1 } else { 0 };
        last = now;
        if still > 5_000 {
            bail!("{now} of {count} messages were heard, and nothing more for ten seconds");
        }
    }
    Ok(())
}

/// Sends messages to a room, so many of them unanswered at once. What else comes on this socket is counted as heard.
pub async fn talk(
    stream: Stream,
    room: &str,
    count: usize,
    in_flight: usize,
    heard: &AtomicU64,
) -> Result<Stream> {
    let (mut write, mut read): (SplitSink<Stream, Message>, SplitStream<Stream>) = stream.split();
    let (mut sent, mut answered) = (0, 0);
    while answered < count {
        while sent < count && sent - answered < in_flight {
            sent += 1;
            let input = json!({ "room_id": room, "text": "a message of some length, as people write them" });
            let request = json!({ "id": sent, "op": "communication.send", "in": input });
            write.send(Message::text(request.to_string())).await?;
        }
        let message = read.next().await.context("an answer")??;
        let text = message.to_text()?;
        if text.contains("communication.message_sent") {
            heard.fetch_add(1, Ordering::Relaxed);
        } else if text.starts_with(r#"{"id":"#) {
            let answer: Value = serde_json::from_str(text)?;
            anyhow::ensure!(answer.get("out").is_some(), "{answer}");
            answered += 1;
        }
    }
    Ok(write.reunite(read)?)
}
