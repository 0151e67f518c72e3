//! The client comes back by itself: through broken connections and a killed server, nothing is missed and nothing done twice.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "for tests: what goes wrong here fails the test"
)]

use std::time::Duration;

use moothall_client::protocol::accounts::{ListSessions, SignUpGuest};
use moothall_client::protocol::communication::{JoinRoom, OpenRoom, ReadHistory, SendMessage};
use moothall_client::protocol::connections::Disconnect;
use moothall_client::protocol::system::Ping;
use moothall_client::protocol::{Event, Id, RoomId};
use moothall_client::{Client, Error, Socket, SocketOptions, Tokens};
use moothall_testing::{ServerProcess, TestServer};

async fn guest(base: &str, name: &str) -> (Client, Socket, RoomId) {
    let client = Client::new(base).unwrap();
    client.sign_in(&SignUpGuest { name: Some(name.to_owned()), kind: None, device_id: None }).await.unwrap();
    let room = client.call(&OpenRoom { name: "Tavern".to_owned() }).await.unwrap();
    client.call(&JoinRoom { room_id: room.id }).await.unwrap();
    let options = SocketOptions { retry_delay_max: Duration::from_millis(300), ..SocketOptions::default() };
    (client.clone(), client.connect(options).await.unwrap(), room.id)
}

fn text(room_id: RoomId, number: i64) -> SendMessage {
    SendMessage {
        room_id,
        text: number.to_string(),
        attachments: Vec::new(),
        reply_to: None,
        mentions: Vec::new(),
    }
}

async fn next_message(socket: &mut Socket) -> i64 {
    loop {
        let received = tokio::time::timeout(Duration::from_secs(20), socket.next()).await;
        match received.expect("an event in time").expect("an open socket").event {
            Some(Event::MessageSent(message)) => return message.text.parse().unwrap(),
            Some(Event::SessionStale(_)) => panic!("all of this is kept for a resume"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn events_are_seen_once_and_in_order_through_broken_connections() {
    const COUNT: i64 = 300;
    let server = TestServer::start().await;
    let base = format!("http://{}", server.address);
    let (_, mut hears, _) = guest(&base, "Ana").await;
    let (_, says, room) = guest(&base, "Ben").await;
    let saying = tokio::spawn(async move {
        for number in 0..COUNT {
            if number % 37 == 5 {
                says.interrupt().await;
            }
            assert_eq!(says.call(&text(room, number)).await.unwrap().seq, number + 1);
        }
    });
    for number in 0..COUNT {
        if number % 23 == 7 {
            hears.interrupt().await;
        }
        assert_eq!(next_message(&mut hears).await, number);
    }
    saying.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_answered_once_though_the_server_is_killed_under_them() {
    const COUNT: i64 = 120;
    let mut server = ServerProcess::start();
    let base = format!("http://{}", server.address);
    let (client, socket, room) = guest(&base, "Ana").await;
    let saying = tokio::spawn(async move {
        for number in 0..COUNT {
            assert_eq!(socket.call(&text(room, number)).await.unwrap().seq, number + 1);
        }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let server = tokio::task::spawn_blocking(move || {
        server.restart();
        server
    })
    .await
    .unwrap();
    saying.await.unwrap();
    let input = ReadHistory { room_id: room, before: None, after: None, around: None, limit: Some(200) };
    let history = client.call(&input).await.unwrap();
    let texts: Vec<i64> = history.items.iter().map(|message| message.text.parse().unwrap()).collect();
    assert_eq!(texts, (0..COUNT).collect::<Vec<_>>());
    assert_eq!(client.call(&ListSessions { user_id: None }).await.unwrap().items.len(), 1);
    drop(server);
}

#[tokio::test]
async fn a_refusal_is_the_servers_problem_and_an_address_must_be_one() {
    let server = TestServer::start().await;
    let client = Client::new(&format!("http://{}", server.address)).unwrap();
    let refused = client.call(&ListSessions { user_id: None }).await.unwrap_err();
    assert_eq!(refused.code(), Some("not_signed_in"));
    assert!(matches!(Client::new("localhost:7350"), Err(Error::Address(_))));
}

#[tokio::test]
async fn whoever_reads_no_events_still_gets_answers_and_misses_nothing() {
    const COUNT: i64 = 60;
    let server = TestServer::start().await;
    let base = format!("http://{}", server.address);
    let (ana, _, room) = guest(&base, "Ana").await;
    let options = SocketOptions { events_waiting_max: 8, ..SocketOptions::default() };
    let mut deaf = ana.connect(options).await.unwrap();
    let (_, says, _) = guest(&base, "Ben").await;
    for number in 0..COUNT {
        says.call(&text(room, number)).await.unwrap();
        let answer = tokio::time::timeout(Duration::from_secs(20), deaf.call(&Ping {})).await;
        answer.expect("an answer in time").unwrap();
    }
    for number in 0..COUNT {
        assert_eq!(next_message(&mut deaf).await, number);
    }
}

#[tokio::test]
async fn whoever_was_disconnected_on_purpose_does_not_come_back() {
    let server = TestServer::start().await;
    let base = format!("http://{}", server.address);
    let (client, mut socket, _) = guest(&base, "Ana").await;
    // Before that the socket is still on its way in.
    assert!(matches!(socket.next().await.unwrap().event, Some(Event::SessionReady(_))));
    client.call(&Disconnect {}).await.unwrap();
    let end = async { while socket.next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(20), end).await.expect("the end in time");
    assert!(socket.call(&Ping {}).await.is_err());
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    client.set_tokens(Tokens {
        user_id: Id::from_uuid(uuid::Uuid::from_u128(1)),
        session_id: Id::from_uuid(uuid::Uuid::from_u128(2)),
        access: "a".to_owned(),
        refresh: "r".to_owned(),
    });
    let options = SocketOptions { connect_max: Duration::from_millis(50), ..SocketOptions::default() };
    let outcome = tokio::time::timeout(Duration::from_secs(20), client.connect(options)).await;
    assert!(matches!(outcome.expect("an end in time"), Err(Error::Unreachable(_))));
}
