//! Each bound of the HTTP door is reached, and what is just within it passes.

use std::time::{Duration, Instant};

use moothall_api::{Options, Proxies, Timeouts};
use moothall_protocol::limits;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::server::{Server, request};

const SHORT: Duration = Duration::from_millis(300);
const HTTP_BODY: usize = limits::HTTP_BODY_BYTES_MAX;
const PATIENT: Duration = Duration::from_secs(60);

/// A server that is patient in all but the given way.
async fn impatient(timeouts: impl FnOnce(&mut Timeouts)) -> Server {
    let mut patient = Timeouts {
        handshake: PATIENT,
        head: PATIENT,
        body: PATIENT,
        idle: PATIENT,
        stall: PATIENT,
        answer_bytes_per_second: 1,
        operation: PATIENT,
    };
    timeouts(&mut patient);
    Server::with(Options { timeouts: patient, ..Options::default() }).await
}

#[tokio::test]
async fn a_head_has_so_many_bytes_at_most() {
    let server = Server::start().await;
    let with = |length: usize| request("GET", "/v1/ping", &[("x-filler", &"x".repeat(length))], None);
    let mut connection = server.connect().await;
    connection.send(&with(limits::HTTP_HEAD_BYTES_MAX - 100)).await;
    assert_eq!(connection.reply("GET").await.status, 200);
    connection.send(&with(limits::HTTP_HEAD_BYTES_MAX)).await;
    assert_eq!(connection.reply("GET").await.status, 431);
}

#[tokio::test]
async fn a_head_has_so_many_headers_at_most() {
    let server = Server::start().await;
    let with = |count: usize| request("GET", "/v1/ping", &vec![("x-filler", "x"); count], None);
    let mut connection = server.connect().await;
    // One is `host`.
    connection.send(&with(limits::HTTP_HEADERS_MAX - 1)).await;
    assert_eq!(connection.reply("GET").await.status, 200);
    connection.send(&with(limits::HTTP_HEADERS_MAX)).await;
    assert_eq!(connection.reply("GET").await.status, 431);
}

#[tokio::test]
async fn what_is_no_http_is_answered_and_ended() {
    let server = Server::start().await;
    let mut connection = server.connect().await;
    connection.send("SSH-2.0-OpenSSH_9.9\r\n\r\n").await;
    assert_eq!(connection.reply("GET").await.status, 400);
    assert!(connection.ends_within(SHORT * 3).await);
}

#[tokio::test]
async fn a_head_must_be_there_in_time() {
    let server = impatient(|timeouts| timeouts.head = SHORT).await;
    let mut connection = server.connect().await;
    let started = Instant::now();
    // A byte now and then does not help.
    for byte in "GET /v1/ping HTTP/1.1\r\nhost: here\r\nx: yyyyyyyyyyyyyyyy".chars() {
        if connection.stream.write_all(&[byte as u8]).await.is_err() || started.elapsed() > SHORT * 4 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(connection.ends_within(SHORT).await);
    assert!(started.elapsed() >= SHORT);
}

#[tokio::test]
async fn a_connection_without_a_request_is_ended_in_time() {
    let server = impatient(|timeouts| timeouts.idle = SHORT).await;
    let mut silent = server.connect().await;
    let mut used = server.connect().await;
    used.send(&request("GET", "/v1/ping", &[], None)).await;
    assert_eq!(used.reply("GET").await.status, 200);
    assert!(!used.ends_within(SHORT / 2).await, "it is kept for a while");
    used.send(&request("GET", "/v1/ping", &[], None)).await;
    assert_eq!(used.reply("GET").await.status, 200);
    let (silent, used) = tokio::join!(silent.ends_within(SHORT * 4), used.ends_within(SHORT * 4));
    assert!(silent && used, "silent ended: {silent}, used ended: {used}");
}

#[tokio::test]
async fn a_slow_operation_is_neither_idle_nor_slow_to_send() {
    let server = impatient(|timeouts| {
        timeouts.head = Duration::from_millis(50);
        timeouts.idle = Duration::from_millis(50);
    })
    .await;
    assert_eq!(server.post("/v1/notes/slow", json!({})).await.status, 204);
}

#[tokio::test]
async fn an_operation_that_takes_too_long_is_answered_and_the_server_goes_on() {
    let server = impatient(|timeouts| timeouts.operation = Duration::from_millis(50)).await;
    let reply = server.post("/v1/notes/slow", json!({})).await;
    assert_eq!((reply.status, reply.json()["code"].as_str()), (503, Some("timeout")));
    assert_eq!(server.get("/v1/ping").await.status, 200);
}

#[test]
fn unless_told_otherwise_the_doors_are_as_patient_as_the_limits_say() {
    let Options { timeouts, patience, connections_max, connections_per_network_max, .. } = Options::default();
    let defaults = [
        (timeouts.handshake, limits::TLS_HANDSHAKE_MS_MAX),
        (timeouts.head, limits::HTTP_HEAD_MS_MAX),
        (timeouts.body, limits::HTTP_BODY_MS_MAX),
        (timeouts.idle, limits::HTTP_IDLE_MS_MAX),
        (timeouts.stall, limits::HTTP_STALL_MS_MAX),
        (timeouts.operation, limits::OPERATION_MS_MAX),
        (patience.sign_in, limits::SOCKET_SIGN_IN_MS_MAX),
        (patience.ping, limits::SOCKET_PING_MS),
        (patience.silence, limits::SOCKET_SILENCE_MS_MAX),
        (patience.write, limits::SOCKET_WRITE_MS_MAX),
    ];
    for (patience, limit) in defaults {
        assert_eq!(patience.as_millis(), limit as u128);
    }
    assert_eq!(connections_max as usize, limits::CONNECTIONS_MAX);
    assert_eq!(connections_per_network_max as usize, limits::CONNECTIONS_PER_NETWORK_MAX);
    assert_eq!(timeouts.answer_bytes_per_second as usize, limits::HTTP_ANSWER_BYTES_PER_SECOND_MIN);
}

#[tokio::test]
async fn a_body_must_be_there_in_time() {
    let server = impatient(|timeouts| timeouts.body = SHORT).await;
    let mut connection = server.connect().await;
    connection
        .send("POST /v1/notes HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{")
        .await;
    connection.reply("POST").await.refused(408, "too_slow");
}

#[tokio::test]
async fn an_answer_must_be_taken_in_time() {
    let server = impatient(|timeouts| timeouts.stall = SHORT).await;
    let mut connection = server.connect().await;
    connection.send(&request("GET", "/v1/notes/big", &[], None)).await;
    connection.stream.readable().await.unwrap();
    tokio::time::sleep(SHORT * 4).await;
    assert!(connection.try_reply("GET").await.is_none(), "the answer was cut off");
}

#[tokio::test]
async fn an_answer_must_be_taken_at_a_pace() {
    const LENGTH: u32 = 32 * 1024 * 1024;
    let server = impatient(|timeouts| {
        timeouts.stall = SHORT;
        timeouts.answer_bytes_per_second = LENGTH;
    })
    .await;
    let mut connection = server.connect().await;
    connection.send(&request("GET", "/v1/notes/big", &[], None)).await;
    connection.stream.readable().await.unwrap();
    let started = Instant::now();
    let (mut part, mut taken) = (vec![0; 64 * 1024], 0);
    while let Ok(Ok(length @ 1..)) = tokio::time::timeout(PATIENT, connection.stream.read(&mut part)).await {
        taken += length;
        // Some now and then is enough for no stall, and too little for the whole; then what is on the way is taken at once.
        if started.elapsed() < Duration::from_secs(3) {
            tokio::time::sleep(SHORT / 6).await;
        }
    }
    assert!(taken < LENGTH as usize, "the answer was cut off");
}

#[tokio::test]
async fn a_large_answer_reaches_a_client_that_takes_it() {
    let server = impatient(|timeouts| timeouts.stall = SHORT).await;
    assert_eq!(server.get("/v1/notes/big").await.body.len(), 32 * 1024 * 1024 + 2);
}

#[tokio::test]
async fn a_body_has_so_many_bytes_at_most() {
    let server = Server::start().await;
    let of = |length: usize| {
        let frame = json!({ "text": "a", "extra": "" }).to_string().len();
        json!({ "text": "a", "extra": "x".repeat(length - frame) })
    };
    assert_eq!(server.post("/v1/notes", of(limits::HTTP_BODY_BYTES_MAX)).await.status, 201);
    server.post("/v1/notes", of(limits::HTTP_BODY_BYTES_MAX + 1)).await.refused(413, "too_large");
    server.post("/v1/notes", of(limits::HTTP_BODY_BYTES_MAX * 3)).await.refused(413, "too_large");
    let mut connection = server.connect().await;
    // Much more than that is not even waited for.
    connection.send("POST /v1/notes HTTP/1.1\r\nhost: here\r\ncontent-length: 999999999\r\n\r\n").await;
    connection.reply("POST").await.refused(413, "too_large");
    assert_eq!(server.get("/v1/ping").await.status, 200);
}

#[tokio::test]
async fn json_is_nested_so_deep_at_most() {
    let server = Server::start().await;
    // The object of the body is one level.
    let of = |levels: usize| {
        let extra = (1..levels).fold(json!(1), |inner, _| Value::Array(vec![inner]));
        json!({ "text": "a", "extra": extra })
    };
    assert_eq!(server.post("/v1/notes", of(limits::NESTING_MAX)).await.status, 201);
    server.post("/v1/notes", of(limits::NESTING_MAX + 1)).await.refused(400, "malformed");
}

#[tokio::test]
async fn an_idempotency_key_is_neither_too_short_nor_too_long() {
    let server = Server::start().await;
    for (length, code) in [
        (limits::IDEMPOTENCY_KEY_LENGTH_MIN - 1, Some("too_short")),
        (limits::IDEMPOTENCY_KEY_LENGTH_MIN, None),
        (limits::IDEMPOTENCY_KEY_LENGTH_MAX, None),
        (limits::IDEMPOTENCY_KEY_LENGTH_MAX + 1, Some("too_long")),
    ] {
        let key = "k".repeat(length);
        let reply = server
            .call("POST", "/v1/notes", &[("idempotency-key", &key)], Some(json!({ "text": "a" })))
            .await;
        match code {
            Some(code) => assert_eq!(reply.refused(422, "invalid")["fields"][0]["code"], code),
            None => assert_eq!(reply.status, 201),
        }
    }
}

#[tokio::test]
async fn one_network_has_so_many_connections_and_the_next_is_closed() {
    let server = Server::with(Options { connections_per_network_max: 2, ..Options::default() }).await;
    let ping = request("GET", "/v1/ping", &[], None);
    let (mut one, mut two) = (server.connect().await, server.connect().await);
    for connection in [&mut one, &mut two] {
        connection.send(&ping).await;
        assert_eq!(connection.reply("GET").await.status, 200);
    }
    assert!(server.connect().await.ends_within(SHORT * 3).await, "the third is closed");
    one.send(&ping).await;
    assert_eq!(one.reply("GET").await.status, 200, "who is in stays in");
    drop(two);
    tokio::time::sleep(SHORT).await;
    assert_eq!(server.get("/v1/ping").await.status, 200);
}

#[tokio::test]
async fn through_a_trusted_proxy_come_all() {
    let proxies = Proxies::new(&["127.0.0.1".to_owned()]).unwrap();
    let server =
        Server::with(Options { connections_per_network_max: 0, proxies, ..Options::default() }).await;
    assert_eq!(server.get("/v1/ping").await.status, 200);
}

#[tokio::test]
async fn who_sends_far_too_much_hears_of_it() {
    let server = Server::start().await;
    for length in [HTTP_BODY + 1, 5 * 1024 * 1024] {
        let mut connection = server.connect().await;
        let body = json!({ "text": "x".repeat(length) });
        connection.send(&request("POST", "/v1/notes", &[], Some(body))).await;
        connection.reply("POST").await.refused(413, "too_large");
        connection.send(&request("GET", "/v1/ping", &[], None)).await;
        assert_eq!(connection.reply("GET").await.status, 200, "the connection is still good");
    }
    for (length, connection_after) in [
        (limits::HTTP_BODY_DISCARDED_BYTES_MAX, None),
        (limits::HTTP_BODY_DISCARDED_BYTES_MAX + 1, Some("close")),
    ] {
        let mut connection = server.connect().await;
        let head = format!("POST /v1/notes HTTP/1.1\r\nhost: here\r\ncontent-length: {length}\r\n\r\n");
        connection.send(&head).await;
        assert_eq!(connection.reply("POST").await.header("connection"), connection_after, "{length}");
    }
}

#[tokio::test]
async fn so_many_connections_are_open_at_once_and_the_next_waits() {
    let server = Server::with(Options { connections_max: 2, ..Options::default() }).await;
    let (mut one, mut two) = (server.connect().await, server.connect().await);
    for connection in [&mut one, &mut two] {
        connection.send(&request("GET", "/v1/ping", &[], None)).await;
        assert_eq!(connection.reply("GET").await.status, 200);
    }
    let mut three = server.connect().await;
    three.send(&request("GET", "/v1/ping", &[], None)).await;
    let waits = tokio::time::timeout(SHORT, three.stream.readable()).await;
    assert!(waits.is_err(), "the third waits for a seat");
    drop(one);
    assert_eq!(three.reply("GET").await.status, 200);
}
