//! Health, and an orderly end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moothall_api::{Options, Stage};
use serde_json::json;

use crate::server::{Server, request};

#[tokio::test]
async fn health_and_metrics_are_there_for_those_who_watch() {
    let metrics: Arc<dyn Fn() -> String + Send + Sync> = Arc::new(|| "moothall_up 1\n".to_owned());
    let server = Server::with(Options { metrics: Some(metrics), ..Options::default() }).await;
    assert_eq!(server.get("/health/live").await.json(), json!({ "status": "live" }));
    assert_eq!(server.get("/health/ready").await.json(), json!({ "status": "ready" }));
    assert_eq!(server.get("/metrics").await.body, b"moothall_up 1\n");
    let without = Server::start().await;
    without.get("/metrics").await.refused(404, "not_found");
}

#[tokio::test]
async fn a_server_without_its_database_is_not_ready() {
    let server = Server::start().await;
    server.doors.hall().close().await;
    let reply = server.get("/health/ready").await;
    assert_eq!((reply.status, reply.json()), (503, json!({ "status": "no_database" })));
    assert_eq!(server.get("/health/live").await.status, 200);
}

#[tokio::test]
async fn stopping_finishes_what_is_in_hand_and_lets_nobody_in() {
    let mut server = Server::start().await;
    let (mut idle, mut busy) = (server.connect().await, server.connect().await);
    idle.send(&request("GET", "/v1/ping", &[], None)).await;
    assert_eq!(idle.reply("GET").await.status, 200);
    busy.send(&request("POST", "/v1/notes/slow", &[], Some(json!({})))).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let (mut stage, address) = (server.doors.stage(), server.address);
    server.stop();
    stage.wait_for(|stage| *stage == Stage::Draining).await.unwrap();
    assert!(idle.ends_within(Duration::from_millis(200)).await, "an idle connection is ended at once");
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    let reply = busy.reply("POST").await;
    assert_eq!((reply.status, reply.header("connection")), (204, Some("close")));
    let started = Instant::now();
    server.stopped().await;
    assert!(started.elapsed() < Duration::from_secs(1), "nobody is left to wait for");
}

#[tokio::test]
async fn a_client_that_does_not_leave_is_cut_off_at_the_deadline() {
    let mut server = Server::start().await;
    let mut stuck = server.connect().await;
    stuck.send("POST /v1/notes HTTP/1.1\r\nhost: here\r\ncontent-length: 9\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let started = Instant::now();
    server.stop();
    server.stopped().await;
    let took = started.elapsed();
    assert!((Duration::from_secs(2)..Duration::from_secs(4)).contains(&took), "{took:?}");
    assert!(stuck.ends_within(Duration::from_secs(1)).await);
}
