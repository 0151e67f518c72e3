//! Clients that mean no good, or have vanished: each reaches a bound, and costs nobody else anything.

use std::time::{Duration, Instant};

use moothall_api::Options;
use moothall_protocol::limits::{
    SOCKET_MESSAGE_BYTES_MAX, SOCKET_MESSAGE_BYTES_MAX_UNSIGNED, SOCKET_MESSAGES_BURST_MAX,
};
use moothall_testing::{Player, TestServer};
use serde_json::{Value, json};

use crate::wire::{BINARY, CLOSE, PING, PONG, TEXT, Wire, announcing, frame, handshake};

/// The one bound that a test is about; all others are far away.
const BOUND: Duration = Duration::from_millis(400);
/// By when the server must have acted on it, on a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(5);
/// Between two bytes of those who send slowly: no pause comes near a bound.
const PAUSE: Duration = Duration::from_millis(10);

async fn server(change: impl FnOnce(&mut Options)) -> TestServer {
    TestServer::builder().options(change).start().await
}

async fn signed_in(server: &TestServer, player: &Player) -> Wire {
    let mut wire = Wire::connect(server.address).await.open("", Some(&player.token)).await;
    assert_eq!(wire.message().await["event"], "session.ready");
    wire
}

/// Checks that the server ends the connection once the bound is reached, and goes on to serve others.
async fn ended(server: &TestServer, started: Instant, player: &Player) {
    let took = started.elapsed();
    assert!((BOUND..SOON).contains(&took), "{took:?}");
    assert_eq!(server.api.get("/v1/me", player).await.status, 200);
}

#[tokio::test]
async fn bytes_that_trickle_in_a_header_are_waited_for_as_long_as_a_head_may_take() {
    let server = server(|options| options.timeouts.head = BOUND).await;
    let ana = server.api.sign_up("ana").await;
    let request =
        handshake("", Some(&ana.token)).replace("host: here", &format!("x: {}", "y".repeat(10_000)));
    let mut wire = Wire::connect(server.address).await;
    let started = Instant::now();
    wire.trickle(request.as_bytes(), PAUSE).await;
    assert_eq!(wire.head().await, None);
    ended(&server, started, &ana).await;
}

#[tokio::test]
async fn bytes_that_trickle_in_a_body_are_waited_for_as_long_as_a_body_may_take() {
    let server = server(|options| options.timeouts.body = BOUND).await;
    let ana = server.api.sign_up("ana").await;
    let mut wire = Wire::connect(server.address).await;
    let head = "POST /v1/accounts/guests HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n";
    wire.send(head.as_bytes()).await.unwrap();
    let started = Instant::now();
    while started.elapsed() < BOUND * 2 && wire.send(b" ").await.is_ok() {
        tokio::time::sleep(PAUSE).await;
    }
    let head = wire.head().await.expect("an answer");
    assert!(head.starts_with("HTTP/1.1 408"), "{head}");
    ended(&server, started, &ana).await;
}

#[tokio::test]
async fn bytes_that_trickle_in_a_frame_are_no_sign_of_life() {
    let server = server(|options| {
        (options.patience.ping, options.patience.silence) = (BOUND / 4, BOUND);
    })
    .await;
    let ana = server.api.sign_up("ana").await;
    let started = Instant::now();
    let mut wire = signed_in(&server, &ana).await;
    wire.trickle(&frame(TEXT, &[b' '; 10_000]), PAUSE).await;
    ended(&server, started, &ana).await;
}

#[tokio::test]
async fn bytes_that_trickle_before_the_sign_in_do_not_put_it_off() {
    let server = server(|options| options.patience.sign_in = BOUND).await;
    let ana = server.api.sign_up("ana").await;
    let started = Instant::now();
    let mut wire = Wire::connect(server.address).await.open("", None).await;
    let ping = frame(PING, b"");
    while started.elapsed() < BOUND * 2 && wire.send(&ping).await.is_ok() {
        tokio::time::sleep(PAUSE).await;
    }
    let (code, reason) = wire.closed().await.expect("a goodbye");
    assert_eq!((code, &reason["code"]), (4001, &json!("signed_out")));
    ended(&server, started, &ana).await;
}

#[tokio::test]
async fn a_peer_that_vanished_is_given_up_after_the_silence_and_looks_offline() {
    let server = TestServer::builder()
        .options(|options| (options.patience.ping, options.patience.silence) = (BOUND / 4, BOUND))
        .settings(|settings| settings.connections.offline_after_ms = 0)
        .start()
        .await;
    let [ana, ben] = server.players(["ana", "ben"]).await;
    // Nothing more comes from it, and no FIN either: to the server it looks like a cable that was cut.
    let started = Instant::now();
    let wire = signed_in(&server, &ana).await;
    let presence = format!("/v1/users/{}/presence", ana.id);
    let is_online = async || server.api.get(&presence, &ben).await.json()["is_online"] == true;
    assert!(is_online().await);
    while is_online().await {
        assert!(started.elapsed() < SOON);
        tokio::time::sleep(PAUSE).await;
    }
    ended(&server, started, &ben).await;
    drop(wire);
}

#[tokio::test]
async fn a_flood_of_what_says_nothing_is_abuse() {
    let server = TestServer::builder().rates(1).start().await;
    let ana = server.api.sign_up("ana").await;
    // A ping, a pong nobody asked for, and a message that never gets anywhere.
    for (kind, first) in [(PING, b"?".as_slice()), (PONG, b"!"), (0x01, b"")] {
        let mut wire = signed_in(&server, &ana).await;
        let mut flood = Vec::new();
        for number in 0..SOCKET_MESSAGES_BURST_MAX * 2 {
            let opcode = if number > 0 && kind == 0x01 { 0x00 } else { kind };
            flood.extend(frame(opcode, first));
        }
        // Nobody reads meanwhile; the server may have had enough before the end.
        let _ = wire.send(&flood).await;
        let (mut pongs, mut goodbye) = (0, None);
        while let Some((first, payload)) = wire.frame().await {
            match first {
                PONG => pongs += 1,
                CLOSE => goodbye = Some(payload),
                _ => {}
            }
        }
        let goodbye = goodbye.expect("a goodbye");
        assert_eq!(goodbye[..2], 4029_u16.to_be_bytes());
        assert!(String::from_utf8_lossy(&goodbye).contains("far too many messages"));
        // Those of the burst, and what the allowance grew by meanwhile.
        assert!(pongs <= SOCKET_MESSAGES_BURST_MAX * 2, "{pongs} pongs");
    }
    assert_eq!(server.api.get("/v1/me", &ana).await.status, 200);
}

#[tokio::test]
async fn frames_that_are_wrong_close_the_socket_with_what_was_wrong() {
    let server = TestServer::start().await;
    let ana = server.api.sign_up("ana").await;
    let large = SOCKET_MESSAGE_BYTES_MAX as u64 + 1;
    let bytes_max = format!("{SOCKET_MESSAGE_BYTES_MAX} bytes at most");
    let pieces = [frame(0x01, &[b'x'; 40_000]), frame(0x80, &[b'x'; 40_000])].concat();
    let wrong: Vec<(Vec<u8>, &str)> = vec![
        (vec![TEXT, 0x01, b'x'], "not masked"),
        (frame(TEXT | 0x20, b"x"), "reserved bit"),
        (frame(TEXT | 0x40, b"x"), "compress"),
        (frame(0x83, b"x"), "unknown opcode"),
        (frame(0x09, b"x"), "control frame is fragmented"),
        (announcing(PING, 126), "more than 125 bytes"),
        (frame(0x80, b"x"), "a fragment of no message"),
        ([frame(0x01, b"x"), frame(TEXT, b"x")].concat(), "inside another"),
        (frame(TEXT, b"\xff"), "UTF-8"),
        (vec![TEXT, 0xFE, 0, 1, 0, 0, 0, 0, b'x'], "shortest"),
        (vec![TEXT, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "shortest"),
        (frame(CLOSE, &[0]), "close code"),
        (frame(CLOSE, &1005_u16.to_be_bytes()), "close code"),
        (frame(BINARY, b"x"), "text messages"),
        // Refused by what it announces: nothing of it is waited for.
        (announcing(TEXT, large), &bytes_max),
        (announcing(TEXT, 1 << 40), &bytes_max),
        (pieces, &bytes_max),
    ];
    for (bytes, what) in wrong {
        let mut wire = signed_in(&server, &ana).await;
        wire.send(&bytes).await.unwrap();
        let (code, reason) = wire.closed().await.expect("a goodbye");
        let start = &bytes[..bytes.len().min(16)];
        assert_eq!((code, &reason["code"]), (4000, &json!("protocol_error")), "{start:x?}: {reason}");
        assert!(reason["reason"].as_str().unwrap().contains(what), "{start:x?}: {reason}, not {what:?}");
    }
    let mut unsigned = Wire::connect(server.address).await.open("", None).await;
    unsigned.send(&frame(TEXT, &[b' '; SOCKET_MESSAGE_BYTES_MAX_UNSIGNED + 1])).await.unwrap();
    let (code, reason) = unsigned.closed().await.expect("a goodbye");
    assert_eq!(code, 4000);
    assert!(reason["reason"].as_str().unwrap().contains("before sign-in"), "{reason}");
    // A peer that breaks the protocol and never says goodbye is not waited for.
    let mut silent = signed_in(&server, &ana).await;
    silent.send(&frame(0x83, b"x")).await.unwrap();
    let started = Instant::now();
    while silent.frame().await.is_some() {}
    assert!(started.elapsed() < SOON);
}

#[tokio::test]
async fn a_reader_that_stalls_hears_4008_and_misses_nothing_when_it_resumes() {
    let server = server(|options| options.patience.write = Duration::from_secs(60)).await;
    let [ana, ben] = server.players(["ana", "ben"]).await;
    let room: Value = server.api.post("/v1/rooms/open", &ana, json!({ "name": "Lounge" })).await.ok();
    let room = room["id"].as_str().unwrap();
    for player in [&ana, &ben] {
        let joined = server.api.post(&format!("/v1/rooms/{room}/join"), player, json!({})).await;
        assert!(joined.status < 300, "{joined:?}");
    }
    let mut wire = Wire::narrow(server.address).await.open("", Some(&ana.token)).await;
    let ready = wire.message().await;
    let token = ready["data"]["resume_token"].as_str().unwrap().to_owned();
    let mut heard = Heard { seen: 1, texts: Vec::new() };
    // It reads nothing until the server has had enough of it.
    let mut sent = 0;
    let mut say = async || {
        let text = format!("{sent} {}", "x".repeat(1_000));
        let path = format!("/v1/rooms/{room}/messages");
        let reply = server.api.post(&path, &ben, json!({ "text": text })).await;
        assert!(reply.status < 300, "{reply:?}");
        sent += 1;
    };
    for _ in 0..420 {
        say().await;
    }
    let (code, reason) = loop {
        match wire.frame().await.expect("a goodbye") {
            (TEXT, text) => heard.take(&serde_json::from_slice(&text).unwrap()),
            (CLOSE, payload) => {
                let code = u16::from_be_bytes([payload[0], payload[1]]);
                break (code, serde_json::from_slice::<Value>(&payload[2..]).unwrap());
            }
            _ => {}
        }
    };
    assert_eq!(code, 4008);
    assert_eq!(reason, json!({ "code": "slow_consumer", "reason": "the client reads too slowly: resume" }));
    assert!(heard.texts.len() < 400, "{} were written before", heard.texts.len());
    for _ in 0..20 {
        say().await;
    }
    let query = format!("?resume={token}&seq={}", heard.seen);
    let mut wire = Wire::connect(server.address).await.open(&query, Some(&ana.token)).await;
    let resumed = wire.message().await;
    assert_eq!((&resumed["event"], &resumed["seq"]), (&json!("session.resumed"), &json!(heard.seen)));
    // Beside the messages, the session heard that it lost its socket.
    assert!(resumed["data"]["missed"].as_u64() >= Some(440 - heard.texts.len() as u64), "{resumed}");
    while heard.texts.len() < 440 {
        heard.take(&wire.message().await);
    }
    assert_eq!(heard.texts, (0..440).collect::<Vec<usize>>(), "each once, and in order");
}

/// What a client heard of a room.
struct Heard {
    seen: u64,
    texts: Vec<usize>,
}

impl Heard {
    fn take(&mut self, event: &Value) {
        assert_eq!(event["seq"], self.seen + 1, "{event}");
        self.seen += 1;
        if event["event"] == "connections.presence_updated" {
            return;
        }
        assert_eq!(event["event"], "communication.message_sent", "{event}");
        let (number, _) = event["data"]["text"].as_str().unwrap().split_once(' ').unwrap();
        self.texts.push(number.parse().unwrap());
    }
}
