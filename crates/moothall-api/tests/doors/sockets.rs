//! The WebSocket door: how a socket opens, what it answers, how it resumes, and why it closes.

use std::time::{Duration, Instant};

use futures_util::SinkExt as _;
use moothall::{Caller, Cx, Origin};
use moothall_api::{Options, Patience};
use moothall_protocol::limits;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::server::Server;
use crate::socket::{Guest, Socket, open};

const JSON: (&str, &str) = ("sec-websocket-protocol", "moothall.v1.json");
const MSGPACK: (&str, &str) = ("sec-websocket-protocol", "moothall.v1.msgpack");

fn impatient(change: impl Fn(&mut Patience)) -> Options {
    let mut options = Options::default();
    change(&mut options.patience);
    options
}

#[tokio::test]
async fn a_token_in_the_header_opens_a_session() {
    let server = Server::start().await;
    let guest = Guest::sign_up(&server).await;
    let (mut socket, ready) = Socket::signed_in(&server, &guest).await;
    assert_eq!(ready["seq"], 1);
    assert_eq!(ready["data"]["user_id"], guest.user_id);
    assert_eq!(ready["data"]["session_id"], guest.session_id);
    assert_eq!(ready["data"]["limits"]["socket_in_flight_max"], limits::SOCKET_IN_FLIGHT_MAX);
    assert_eq!(ready["data"]["presence"]["is_online"], true);
    let pong = socket.call("system.ping", json!({})).await.unwrap();
    assert!(pong["time"].is_string(), "{pong}");
}

#[tokio::test]
async fn a_session_begins_with_the_own_account_and_hears_of_its_changes() {
    let server = Server::start().await;
    let guest = Guest::sign_up(&server).await;
    let (mut socket, ready) = Socket::signed_in(&server, &guest).await;
    let me = &ready["data"]["me"];
    assert_eq!((&me["id"], &me["is_guest"]), (&json!(guest.user_id), &json!(true)));
    let renamed = socket.call("accounts.rename", json!({ "name": "Anabel" })).await.unwrap();
    let told = loop {
        let event = socket.event().await;
        if event["event"] == "accounts.updated" {
            break event;
        }
    };
    assert_eq!(told["data"], renamed);
    assert_eq!(
        (&told["data"]["name"], &told["topic"]),
        (&json!("Anabel"), &json!(format!("user:{}", guest.user_id)))
    );
}

#[tokio::test]
async fn a_ticket_opens_one_socket() {
    let server = Server::start().await;
    let guest = Guest::sign_up(&server).await;
    let headers = [("authorization", guest.bearer())];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let reply = server.call("POST", "/v1/socket/tickets", &headers, Some(json!({}))).await;
    let query = format!("?ticket={}", reply.json()["ticket"].as_str().unwrap());
    let mut socket = open(server.address, &query, &[]).await.unwrap();
    assert_eq!(socket.event().await["data"]["user_id"], guest.user_id);
    let (status, problem) = open(server.address, &query, &[]).await.err().unwrap();
    assert_eq!((status, &problem["code"]), (401, &json!("ticket_invalid")));
}

#[tokio::test]
async fn a_socket_can_sign_up_and_in_by_messages() {
    let server = Server::start().await;
    let mut socket = open(server.address, "", &[JSON]).await.unwrap();
    let refused = socket.call("notes.secret", json!({ "answer": 1 })).await.unwrap_err();
    assert_eq!(refused["code"], "not_signed_in");
    let signed_up = socket.call("accounts.sign_up_guest", json!({})).await.unwrap();
    let wrong = socket.call("session.authenticate", json!({ "access_token": "nonsense" })).await;
    assert_eq!(wrong.unwrap_err()["code"], "token_invalid");
    for (input, path, code, nearest) in [
        (json!({ "acess_token": "a" }), "/acess_token", "unknown_field", json!("access_token")),
        (json!({ "access_token": "" }), "/access_token", "too_short", Value::Null),
        (json!({ "access_token": "a", "seq": "b" }), "/seq", "wrong_type", Value::Null),
    ] {
        let refused = socket.call("session.authenticate", input).await.unwrap_err();
        let field = &refused["fields"][0];
        assert_eq!((&field["path"], &field["code"]), (&json!(path), &json!(code)), "{refused}");
        assert_eq!(field["nearest"], nearest, "{refused}");
    }
    let token = &signed_up["access_token"];
    let out = socket.call("session.authenticate", json!({ "access_token": token })).await.unwrap();
    assert_eq!(out["session_id"], signed_up["session_id"]);
    assert_eq!(socket.event().await["event"], "session.ready");
    socket.call("notes.secret", json!({ "answer": 1 })).await.unwrap();
    let again = socket.call("session.authenticate", json!({ "access_token": token })).await.unwrap_err();
    assert_eq!(again["code"], "malformed");
}

#[tokio::test]
async fn a_handshake_that_is_wrong_is_refused_with_a_reason() {
    let server = Server::start().await;
    server.get("/v1/socket").await.refused(400, "malformed");
    assert_eq!(server.call("POST", "/v1/socket", &[], Some(json!({}))).await.status, 405);
    for (query, headers, status, code) in [
        ("?token=abc", vec![], 400, "malformed"),
        ("?seq=3", vec![], 400, "malformed"),
        ("?resume=abc&seq=x", vec![], 400, "malformed"),
        ("?resume=abc&seq=3", vec![], 401, "not_signed_in"),
        ("?ticket=abc", vec![], 401, "ticket_invalid"),
        ("", vec![("authorization", "Bearer nonsense")], 401, "token_invalid"),
        ("", vec![("authorization", "Basic nonsense")], 401, "token_invalid"),
        ("", vec![("sec-websocket-protocol", "graphql-ws")], 400, "malformed"),
    ] {
        let (refused, problem) = open(server.address, query, &headers).await.err().unwrap();
        assert_eq!((refused, problem["code"].as_str()), (status, Some(code)), "{query} {problem}");
    }
}

#[tokio::test]
async fn both_encodings_say_the_same() {
    let server = Server::start().await;
    let guest = Guest::sign_up(&server).await;
    let bearer = guest.bearer();
    let mut said = Vec::new();
    for protocol in [JSON, MSGPACK] {
        let headers = [("authorization", bearer.as_str()), protocol];
        let mut socket = open(server.address, "", &headers).await.unwrap();
        let mut ready = socket.event().await;
        for changing in ["server_time", "resume_token", "presence"] {
            ready["data"].as_object_mut().unwrap().remove(changing).unwrap();
        }
        let list = socket.call("notes.list", json!({ "tags": ["ü"], "score": 0.5 })).await.unwrap();
        let mut problem = socket.call("notes.create", json!({ "txt": 1 })).await.unwrap_err();
        problem.as_object_mut().unwrap().remove("request_id").unwrap();
        socket.call("connections.update_presence", json!({ "is_afk": protocol == JSON })).await.unwrap();
        let event = socket.event().await;
        assert_eq!((&event["seq"], &event["event"]), (&json!(2), &json!("connections.presence_updated")));
        assert_eq!(event["topic"], format!("user:{}", guest.user_id));
        said.push((ready, list, problem));
        socket.stream.close(None).await.unwrap();
    }
    assert_eq!(said[0], said[1]);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_and_the_socket_goes_on() {
    let server = Server::start().await;
    let guest = Guest::sign_up(&server).await;
    let (mut socket, _) = Socket::signed_in(&server, &guest).await;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for text in ["{", "7", r#"{"id":1,"id":1,"op":"system.ping"}"#, deep.as_str(), "\u{0}"] {
        socket.stream.send(Message::text(text)).await.unwrap();
        let message = socket.message().await;
        assert_eq!(
            (&message["id"], &message["err"]["code"]),
            (&Value::Null, &json!("malformed")),
            "{message}"
        );
    }
    for (message, path) in [
        (json!({ "id": 5 }), "/op"),
        (json!({ "id": 5, "op": "system.ping", "extra": 1 }), "/extra"),
        (json!({ "id": 5, "op": "notes.get", "in": { "note_id": 3 } }), "/note_id"),
    ] {
        socket.send(message).await;
        let message = socket.message().await;
        assert_eq!(
            (&message["id"], &message["err"]["fields"][0]["path"]),
            (&json!(5), &json!(path)),
            "{message}"
        );
    }
    let (last, beyond) = (limits::SOCKET_REQUEST_ID_MAX, limits::SOCKET_REQUEST_ID_MAX + 1);
    for (id, answered) in [(last, json!(last)), (beyond, Value::Null)] {
        socket.send(json!({ "id": id, "op": "system.ping" })).await;
        let message = socket.message().await;
        assert_eq!((&message["id"], message["err"].is_null()), (&answered, id == last), "{message}");
    }
    let unknown = socket.call("notes.nothing", json!({})).await.unwrap_err();
    assert_eq!(unknown["code"], "unknown_operation");
    let misspelt = socket.call("notes.craete", json!({})).await.unwrap_err();
    assert_eq!(
        (&misspelt["code"], &misspelt["fields"][0]["path"], &misspelt["fields"][0]["nearest"]),
        (&json!("unknown_operation"), &json!("/op"), &json!("notes.create"))
    );
    let panicked = socket.call("notes.panic", json!({})).await.unwrap_err();
    assert_eq!(panicked["code"], "internal");
    socket.call("system.ping", json!({})).await.unwrap();
}

#[tokio::test]
async fn breaking_the_protocol_closes_with_what_was_wrong() {
    let server = Server::start().await;
    let guest = Guest::sign_up(&server).await;
    let (mut socket, _) = Socket::signed_in(&server, &guest).await;
    socket.stream.send(Message::binary(vec![0x80])).await.unwrap();
    let closed = socket.closed().await;
    assert_eq!((closed.code, &closed.reason["code"]), (4000, &json!("protocol_error")));
    assert!(closed.reason["reason"].as_str().unwrap().contains("text messages"), "{closed:?}");

    let (mut socket, _) = Socket::signed_in(&server, &guest).await;
    socket.stream.send(Message::text("x".repeat(limits::SOCKET_MESSAGE_BYTES_MAX + 1))).await.unwrap();
    assert_eq!(socket.closed().await.code, 4000);
    let (mut socket, _) = Socket::signed_in(&server, &guest).await;
    let text = format!("\"{}\"", "x".repeat(limits::SOCKET_MESSAGE_BYTES_MAX - 2));
    socket.stream.send(Message::text(text)).await.unwrap();
    assert_eq!(socket.message().await["err"]["code"], "malformed", "as large as allowed");

    let mut unsigned = open(server.address, "", &[]).await.unwrap();
    let text = "x".repeat(limits::SOCKET_MESSAGE_BYTES_MAX_UNSIGNED + 1);
    unsigned.stream.send(Message::text(text)).await.unwrap();
    assert_eq!(unsigned.closed().await.code, 4000);
}

#[tokio::test]
async fn a_socket_that_does_not_sign_in_is_closed() {
    let server = Server::with(impatient(|patience| patience.sign_in = Duration::from_millis(200))).await;
    let mut socket = open(server.address, "", &[]).await.unwrap();
    let closed = socket.closed().await;
    assert_eq!((closed.code, &closed.reason["code"]), (4001, &json!("signed_out")));
}

#[tokio::test]
async fn silence_is_met_with_a_ping_and_then_given_up() {
    let options = impatient(|patience| {
        (patience.ping, patience.silence) = (Duration::from_millis(100), Duration::from_millis(400));
    });
    let server = Server::with(options).await;
    let guest = Guest::sign_up(&server).await;
    let (mut socket, _) = Socket::signed_in(&server, &guest).await;
    // This client answers pings while it is read from: three times the silence, and it is still there.
    let _ = tokio::time::timeout(Duration::from_millis(1200), socket.try_message()).await;
    socket.call("system.ping", json!({})).await.unwrap();
    // Not read from, it answers none.
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(socket.closed().await.code, 1006);
}

#[tokio::test]
async fn a_resumed_stream_has_what_was_missed_once_and_in_order() {
    let server = Server::start().await;
    let guest = Guest::sign_up(&server).await;
    let (mut socket, ready) = Socket::signed_in(&server, &guest).await;
    let token = ready["data"]["resume_token"].as_str().unwrap().to_owned();
    let (mut seen, mut update) = (1, ready["data"]["presence"]["update_id"].as_u64().unwrap());
    let cx = server.member(&guest).await;
    for round in 0..40_u32 {
        for step in 0..7_u32 {
            let input = json!({ "text": format!("{round}.{step}") });
            server.operate(&cx, "connections.update_presence", input).await;
            // Some events are read before the drop, some are on the way, some come after it.
            if step < round % 6 {
                let event = socket.event().await;
                (seen, update) = follow(&event, seen, update);
            }
        }
        drop(socket);
        socket = Socket::resume(&server, &guest, &token, seen).await;
        let resumed = socket.event().await;
        assert_eq!((&resumed["event"], &resumed["seq"]), (&json!("session.resumed"), &json!(seen)));
        let missed = resumed["data"]["missed"].as_u64().unwrap();
        for _ in 0..missed {
            let event = socket.event().await;
            (seen, update) = follow(&event, seen, update);
        }
    }
    // Presence keeps only the newest of what waits: the last update has arrived, and nothing twice.
    let own = server.operate(&cx, "connections.update_presence", json!({})).await;
    while update < own["update_id"].as_u64().unwrap() {
        let event = socket.event().await;
        (seen, update) = follow(&event, seen, update);
    }
    assert!(tokio::time::timeout(Duration::from_millis(100), socket.try_message()).await.is_err());
}

fn follow(event: &Value, seen: u64, update: u64) -> (u64, u64) {
    assert_eq!(event["seq"], seen + 1, "{event}");
    let next = event["data"]["update_id"].as_u64().unwrap_or_else(|| panic!("{event}"));
    assert!(next > update, "{next} after {update}");
    (seen + 1, next)
}

#[tokio::test]
async fn a_stream_that_is_not_kept_begins_afresh() {
    let server = Server::start().await;
    let (ana, ben) = (Guest::sign_up(&server).await, Guest::sign_up(&server).await);
    let (socket, ready) = Socket::signed_in(&server, &ana).await;
    drop(socket);
    let token = ready["data"]["resume_token"].as_str().unwrap();
    for (guest, token, seq) in [(&ana, token, 900), (&ana, "another", 1), (&ben, token, 1)] {
        let mut socket = Socket::resume(&server, guest, token, seq).await;
        let stale = socket.event().await;
        assert_eq!((&stale["event"], &stale["seq"]), (&json!("session.stale"), &json!(1)));
        assert_ne!(stale["data"]["resume_token"], token);
        assert_eq!(stale["data"]["user_id"], guest.user_id);
    }
}

#[tokio::test]
async fn a_newer_socket_of_a_session_takes_the_place_of_the_older() {
    let server = Server::start().await;
    let guest = Guest::sign_up(&server).await;
    let (mut first, _) = Socket::signed_in(&server, &guest).await;
    let (mut second, _) = Socket::signed_in(&server, &guest).await;
    let closed = first.closed().await;
    assert_eq!((closed.code, &closed.reason["code"]), (4009, &json!("replaced")));
    second.call("system.ping", json!({})).await.unwrap();
}

#[tokio::test]
async fn signing_out_is_answered_and_then_closes_the_socket() {
    let server = Server::start().await;
    let guest = Guest::sign_up(&server).await;
    let (mut socket, _) = Socket::signed_in(&server, &guest).await;
    socket.call("accounts.sign_out", json!({})).await.unwrap();
    assert_eq!(socket.closed().await.code, 4001);
    let refused = open(server.address, "", &[("authorization", &guest.bearer())]).await.err().unwrap();
    assert_eq!((refused.0, &refused.1["code"]), (401, &json!("token_invalid")));
}

#[tokio::test]
async fn a_revoked_session_loses_its_socket_within_a_second() {
    let server = Server::start().await;
    let guest = Guest::sign_up(&server).await;
    let (mut socket, _) = Socket::signed_in(&server, &guest).await;
    let started = Instant::now();
    let path = format!("/v1/accounts/sessions/{}", guest.session_id);
    let reply = server.call("DELETE", &path, &[("authorization", &guest.bearer())], None).await;
    assert_eq!(reply.status, 204);
    assert_eq!(socket.closed().await.code, 4001);
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn more_requests_in_flight_than_allowed_are_refused_and_the_rest_answered() {
    let server = Server::start().await;
    let guest = Guest::sign_up(&server).await;
    let (mut socket, _) = Socket::signed_in(&server, &guest).await;
    let sent = limits::SOCKET_IN_FLIGHT_MAX + 10;
    for _ in 0..sent {
        socket.request("notes.wait", json!({})).await;
    }
    let mut codes: Vec<String> = Vec::new();
    for _ in 0..sent {
        let message = socket.message().await;
        codes.push(message["err"]["code"].as_str().unwrap_or("ok").to_owned());
    }
    let refused = codes.iter().filter(|code| *code == "too_many_requests").count();
    assert_eq!(refused, 10, "{codes:?}");
    assert!(codes[..10].iter().all(|code| code == "too_many_requests"), "refused at once: {codes:?}");
}

#[tokio::test]
async fn a_slow_operation_does_not_hold_up_the_others() {
    let server = Server::start().await;
    let guest = Guest::sign_up(&server).await;
    let (mut socket, _) = Socket::signed_in(&server, &guest).await;
    let slow = socket.request("notes.slow", json!({})).await;
    let quick = socket.request("system.ping", json!({})).await;
    assert_eq!(socket.message().await["id"], quick);
    assert_eq!(socket.message().await["id"], slow);
}

#[tokio::test]
async fn what_was_begun_is_finished_though_the_socket_is_gone() {
    let server = Server::start().await;
    let guest = Guest::sign_up(&server).await;
    let (mut socket, _) = Socket::signed_in(&server, &guest).await;
    let key = "a-key-of-some-length";
    socket.send(json!({ "id": 1, "op": "notes.create", "in": { "text": "once" }, "key": key })).await;
    let first = socket.answer(1).await.unwrap();
    socket.send(json!({ "id": 2, "op": "notes.create", "in": { "text": "once" }, "key": key })).await;
    assert_eq!(socket.answer(2).await.unwrap(), first, "the same key, the same note");
    let before = crate::notes::FINISHED.load(std::sync::atomic::Ordering::SeqCst);
    socket.request("notes.slow", json!({})).await;
    socket.call("system.ping", json!({})).await.unwrap();
    drop(socket);
    tokio::time::timeout(Duration::from_secs(5), async {
        while crate::notes::FINISHED.load(std::sync::atomic::Ordering::SeqCst) == before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("it is finished");
}

#[tokio::test]
async fn a_flood_of_messages_is_abuse() {
    let server = Server::start().await;
    let mut socket = open(server.address, "", &[]).await.unwrap();
    // Several times what is allowed: while a slow machine sends, the allowance grows again.
    for _ in 0..limits::SOCKET_MESSAGES_BURST_MAX {
        if socket.stream.send(Message::text("nonsense")).await.is_err() {
            break;
        }
    }
    let closed = socket.closed().await;
    assert_eq!((closed.code, &closed.reason["code"]), (4029, &json!("abuse")));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed_and_resumes() {
    let server = Server::with(impatient(|patience| patience.write = Duration::from_millis(300))).await;
    let guest = Guest::sign_up(&server).await;
    let (mut socket, ready) = Socket::signed_in(&server, &guest).await;
    let token = ready["data"]["resume_token"].as_str().unwrap().to_owned();
    // More than the buffers between us hold, and nobody reads it.
    socket.request("notes.big", json!({})).await;
    let started = Instant::now();
    let cx = server.member(&guest).await;
    loop {
        let listed = server.doors.hall().registry().find("connections.count").is_some();
        assert!(listed && started.elapsed() < Duration::from_secs(10), "the stalled socket is let go of");
        tokio::time::sleep(Duration::from_millis(100)).await;
        let connections = server.staff("connections.list", json!({})).await;
        if connections["items"][0]["is_attached"] == false {
            break;
        }
    }
    server.operate(&cx, "connections.update_presence", json!({ "is_afk": true })).await;
    let mut socket = Socket::resume(&server, &guest, &token, 1).await;
    assert_eq!(socket.event().await["event"], "session.resumed");
    assert_eq!(socket.event().await["event"], "connections.presence_updated");
}

#[tokio::test]
async fn a_server_about_to_stop_says_when_to_come_back() {
    let mut server = Server::start().await;
    let (ana, ben) = (Guest::sign_up(&server).await, Guest::sign_up(&server).await);
    let (mut busy, _) = Socket::signed_in(&server, &ana).await;
    let (mut idle, _) = Socket::signed_in(&server, &ben).await;
    let slow = busy.request("notes.slow", json!({})).await;
    busy.call_past(slow, "system.ping").await;
    server.stop();
    assert_eq!(busy.answer(slow).await.unwrap(), Value::Null, "what is in flight is answered first");
    let mut delays = Vec::new();
    for socket in [&mut busy, &mut idle] {
        let closed = socket.closed().await;
        assert_eq!((closed.code, &closed.reason["code"]), (4012, &json!("draining")));
        delays.push(closed.reason["retry_after_ms"].as_u64().unwrap());
    }
    assert!(delays.iter().all(|delay| *delay < limits::SOCKET_DRAIN_SPREAD_MS as u64));
    server.stopped().await;
}

impl Socket {
    /// Calls something quick, so that what was sent before it has begun.
    async fn call_past(&mut self, _before: u64, operation: &str) {
        self.call(operation, json!({})).await.unwrap();
    }
}

impl Server {
    /// A way to call as this guest without their socket.
    async fn member(&self, guest: &Guest) -> Cx {
        let session = guest.session_id.parse().unwrap();
        let identity = moothall::accounts::identity_of(self.doors.hall(), session).await.unwrap();
        Cx::new(self.doors.hall(), Caller::Member(identity), Origin::default())
    }

    async fn operate(&self, cx: &Cx, operation: &str, input: Value) -> Value {
        let operation = self.doors.hall().registry().find(operation).unwrap();
        match operation.call(cx.clone(), input).await {
            Ok(answer) => answer.value().unwrap(),
            Err(fault) => panic!("{fault}"),
        }
    }

    async fn staff(&self, operation: &str, input: Value) -> Value {
        self.operate(&Cx::server(self.doors.hall()), operation, input).await
    }
}
