//! What a client may send, and what its owner hears of it.

use std::cell::RefCell;

use bytes::Bytes;
use moothall_socket::{Kind, Options, Received, Socket};

use crate::frame::frame;
use crate::wire::{BYTES_MAX, State, Wire, flush, receive, socket, wire, written};

/// More than any of these tests writes.
const ALL: [usize; 1] = [usize::MAX];

fn text(text: &str) -> Received {
    Received::Message { kind: Kind::Text, bytes: Bytes::copy_from_slice(text.as_bytes()) }
}

#[test]
fn an_idle_socket_is_small() {
    let bytes = size_of::<Socket<tokio::net::TcpStream>>();
    assert!(bytes <= 200, "{bytes}");
}

#[test]
fn what_came_with_the_handshake_is_read_first_and_the_end_of_the_stream_is_the_end() {
    let (first, rest) = (frame(0x81, b"first"), frame(0x81, b"second"));
    let state = State { input: [rest[3..].to_vec()].into(), is_over: true, ..State::default() };
    let already_read = [&first[..], &rest[..3]].concat().into();
    let options = Options { message_bytes_max: BYTES_MAX, deflate: None };
    let mut socket = Socket::new(Wire(RefCell::new(state)), already_read, options);
    assert_eq!(receive(&mut socket), [text("first"), text("second"), Received::Lost]);
}

#[test]
fn many_messages_of_one_read_are_received_one_by_one() {
    let input = (0..5_000).flat_map(|number: u32| frame(0x81, number.to_string().as_bytes())).collect();
    let received = receive(&mut socket([input], None));
    assert_eq!(received, (0..5_000).map(|number: u32| text(&number.to_string())).collect::<Vec<_>>());
}

#[test]
fn whatever_comes_after_a_violation_is_thrown_away() {
    let broken = [frame(0x81, b"good"), frame(0x83, b""), frame(0x81, b"bad")].concat();
    let mut socket = socket([broken, frame(0x81, b"late")], None);
    wire(&socket).is_over = true;
    let what = "an unknown opcode".to_owned();
    assert_eq!(receive(&mut socket), [text("good"), Received::Broken { code: 1002, what }, Received::Lost]);
    assert_eq!(socket.waiting(), 0, "the close is its owner's");
}

#[test]
fn a_goodbye_is_answered_with_its_code_behind_all_that_waits() {
    for (payload, code, reason, answer) in [
        (&b"\x03\xE8thanks"[..], 1000, "thanks", &b"\x03\xE8"[..]),
        (b"", 1005, "", b""),
        (b"\x0F\xA0", 4000, "", b"\x0F\xA0"),
    ] {
        let mut socket = socket([frame(0x88, payload)], None);
        socket.send(Kind::Text, "before");
        assert_eq!(receive(&mut socket), [Received::Closed { code, reason: reason.to_owned() }]);
        socket.send(Kind::Text, "after");
        socket.ping(b"after");
        socket.close(1001, "after");
        assert!(flush(&mut socket, ALL));
        assert_eq!(written(&socket), [(0x81, b"before".to_vec()), (0x88, answer.to_vec())]);
    }
}

#[test]
fn after_our_goodbye_the_client_is_heard_but_gets_no_more() {
    let input = [frame(0x81, b"in flight"), frame(0x89, b"ping"), frame(0x88, b"\x03\xE8")].concat();
    let mut socket = socket([input], None);
    socket.close(1012, "restarting");
    let closed = Received::Closed { code: 1000, reason: String::new() };
    assert_eq!(receive(&mut socket), [text("in flight"), Received::Ping, closed]);
    assert!(flush(&mut socket, ALL));
    assert_eq!(written(&socket), [(0x88, b"\x03\xF4restarting".to_vec())]);
}

#[test]
fn a_thousand_pings_leave_one_pong_with_the_payload_of_the_newest() {
    let input = (0..1_000_u32).flat_map(|number| frame(0x89, &number.to_be_bytes())).collect();
    let mut socket = socket([input], None);
    socket.send(Kind::Text, "waits");
    assert_eq!(receive(&mut socket), [const { Received::Ping }; 1_000]);
    assert_eq!((socket.waiting(), socket.waiting_bytes()), (2, 7 + 6));
    assert!(flush(&mut socket, ALL));
    assert_eq!(written(&socket), [(0x8A, 999_u32.to_be_bytes().to_vec()), (0x81, b"waits".to_vec())]);
    assert_eq!((socket.waiting(), socket.waiting_bytes()), (0, 0));
}

#[test]
fn a_pong_leaves_before_what_waits_but_not_inside_of_what_is_half_written() {
    let mut socket = socket([frame(0x89, b"one"), frame(0x89, b"two")], None);
    socket.send(Kind::Text, "first");
    socket.send(Kind::Text, "second");
    assert!(!flush(&mut socket, [4]));
    assert_eq!(receive(&mut socket), [Received::Ping, Received::Ping]);
    assert_eq!((socket.waiting(), socket.waiting_bytes()), (3, 3 + 5 + 8));
    assert!(!flush(&mut socket, [4]));
    wire(&socket).input = [frame(0x89, b"three")].into();
    assert_eq!(receive(&mut socket), [Received::Ping]);
    assert!(flush(&mut socket, ALL));
    let first = [(0x81, b"first".to_vec()), (0x8A, b"two".to_vec())];
    let rest = [(0x8A, b"three".to_vec()), (0x81, b"second".to_vec())];
    assert_eq!(written(&socket), [first, rest].concat());
}

#[test]
fn a_deflated_message_is_inflated_or_refused() {
    // A stored block of no bytes, over and over: much of nothing.
    let nothing = [&[0x00, 0x00, 0x00, 0xFF, 0xFF].repeat(BYTES_MAX / 5), &[0x00][..]].concat();
    let mut socket = socket(
        [frame(0xC2, &nothing), frame(0xC1, b"\x00"), frame(0xC1, b"\xFF\xFF")],
        Some("permessage-deflate"),
    );
    let empty = |kind| Received::Message { kind, bytes: Bytes::new() };
    let what = "a compressed message does not inflate".to_owned();
    let broken = Received::Broken { code: 1007, what };
    assert_eq!(receive(&mut socket), [empty(Kind::Binary), empty(Kind::Text), broken]);
}
