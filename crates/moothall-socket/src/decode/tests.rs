//! The decoder against frames written by hand, in every cut.

#[path = "../../tests/socket/frame.rs"]
mod frame;

use proptest::prelude::*;

use self::frame::frame;
use super::*;
use crate::close::{INVALID_PAYLOAD, TOO_BIG};

const BYTES_MAX: usize = 70_000;

/// What these pieces amount to, up to the first violation.
fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Event>, Option<Violation>) {
    let mut decoder = Decoder::new(BYTES_MAX, false);
    let mut events = Vec::new();
    for mut piece in pieces {
        loop {
            match decoder.next(&mut piece) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(violation) => return (events, Some(violation)),
            }
        }
        assert!(piece.is_empty(), "what is no event is taken whole");
    }
    (events, None)
}

fn text(text: &str) -> Event {
    Event::Message(Kind::Text, Bytes::copy_from_slice(text.as_bytes()))
}

/// A little of everything, and what it amounts to.
fn everything() -> (Vec<u8>, Vec<Event>) {
    let large = vec![7; 300];
    let bytes = [
        frame(0x81, "Grüße".as_bytes()),
        frame(0x82, &large),
        frame(0x89, b"ping"),
        frame(0x01, &"ü€𝄞".as_bytes()[..4]),
        frame(0x8A, b""),
        frame(0x00, b""),
        frame(0x00, &"ü€𝄞".as_bytes()[4..6]),
        frame(0x89, &[1; 125]),
        frame(0x80, &"ü€𝄞".as_bytes()[6..]),
        frame(0x02, b""),
        frame(0x80, b""),
        frame(0x81, b""),
        frame(0x88, &[0x03, 0xE8, b'b', b'y', b'e']),
    ];
    let events = vec![
        text("Grüße"),
        Event::Message(Kind::Binary, large.into()),
        Event::Ping(Bytes::from_static(b"ping")),
        Event::Pong,
        Event::EmptyFragment,
        Event::Ping(vec![1; 125].into()),
        text("ü€𝄞"),
        Event::EmptyFragment,
        Event::Message(Kind::Binary, Bytes::new()),
        text(""),
        Event::Close(1000, "bye".to_owned()),
    ];
    (bytes.concat(), events)
}

#[test]
fn every_cut_in_two_and_every_size_of_piece_amounts_to_the_same() {
    let (bytes, events) = everything();
    for at in 0..=bytes.len() {
        let (before, after) = bytes.split_at(at);
        assert_eq!(decode([before, after]), (events.clone(), None), "cut at {at}");
    }
    for size in 1..=64 {
        assert_eq!(decode(bytes.chunks(size)), (events.clone(), None), "in pieces of {size}");
    }
}

#[test]
fn a_violation_is_seen_at_its_first_byte_in_every_cut() {
    let long = |first, short: u8, length: &[u8]| [&[first, 0x80 | short], length, &[0; 4]].concat();
    let cases: [(&str, Vec<u8>, usize, u16); 20] = [
        ("reserved bit", vec![0xA1], 1, PROTOCOL_ERROR),
        ("reserved opcode", vec![0x83], 1, PROTOCOL_ERROR),
        ("reserved control opcode", vec![0x8B], 1, PROTOCOL_ERROR),
        ("a fragmented ping", vec![0x09], 1, PROTOCOL_ERROR),
        ("a compressed ping", vec![0xC9], 1, PROTOCOL_ERROR),
        ("a compressed continuation", vec![0xC0], 1, PROTOCOL_ERROR),
        ("not masked", vec![0x81, 0x00], 2, PROTOCOL_ERROR),
        ("a long ping", vec![0x89, 0xFE], 2, PROTOCOL_ERROR),
        ("a short length in three bytes", long(0x81, 126, &[0, 125]), 4, PROTOCOL_ERROR),
        (
            "a short length in nine bytes",
            long(0x81, 127, &[0, 0, 0, 0, 0, 0, 0xFF, 0xFF]),
            10,
            PROTOCOL_ERROR,
        ),
        ("a negative length", long(0x81, 127, &[0x80, 0, 0, 0, 0, 0, 0, 0]), 10, PROTOCOL_ERROR),
        ("too big", long(0x82, 127, &[0, 0, 0, 0, 0, 1, 0x11, 0x71]), 14, TOO_BIG),
        ("far too big", long(0x82, 127, &[0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]), 14, TOO_BIG),
        ("compression not agreed on", frame(0xC1, b""), 6, PROTOCOL_ERROR),
        ("a fragment of nothing", frame(0x80, b"x"), 6, PROTOCOL_ERROR),
        ("a surrogate", frame(0x81, b"a\xED\xA0\x80"), 9, INVALID_PAYLOAD),
        ("beyond Unicode", frame(0x01, b"\xF4\x90"), 8, INVALID_PAYLOAD),
        ("an overlong slash", frame(0x01, b"\xC0\xAF"), 7, INVALID_PAYLOAD),
        ("a cut character", frame(0x81, b"ab\xE2\x82"), 10, INVALID_PAYLOAD),
        ("a close of one byte", frame(0x88, b"\x03"), 7, PROTOCOL_ERROR),
    ];
    for (name, bytes, seen, code) in cases {
        for size in 1..=bytes.len() {
            let pieces = || bytes[..seen].chunks(size);
            let (events, violation) = decode(pieces());
            assert_eq!((events, violation.map(|violation| violation.code)), (vec![], Some(code)), "{name}");
        }
        assert_eq!(decode([&bytes[..seen - 1]]), (vec![], None), "{name}: not before");
    }
}

#[test]
fn fragments_keep_their_order_and_their_limit() {
    let inside = [frame(0x01, b"a"), frame(0x81, b"b")].concat();
    assert_eq!(decode([&inside[..]]).1.unwrap().code, PROTOCOL_ERROR);

    let cut = [frame(0x01, b"\xE2"), frame(0x00, b"\x82"), frame(0x80, b"")].concat();
    assert_eq!(decode([&cut[..]]).1.unwrap().code, INVALID_PAYLOAD);

    let half = vec![0; BYTES_MAX / 2];
    let whole = [frame(0x02, &half), frame(0x80, &half)].concat();
    assert_eq!(decode([&whole[..]]).0, [Event::Message(Kind::Binary, vec![0; BYTES_MAX].into())]);
    let more = [frame(0x02, &half), frame(0x00, &half), frame(0x80, b"x")].concat();
    assert_eq!(decode([&more[..]]).1.unwrap().code, TOO_BIG);
}

#[test]
fn a_megabyte_that_is_announced_takes_no_room_and_a_whole_frame_leaves_nothing() {
    let mut decoder = Decoder::new(1 << 20, false);
    let announced = frame(0x82, &vec![5; 1 << 20]);
    assert_eq!(decoder.next(&mut &announced[..100]), Ok(None));
    let room = |decoder: &Decoder| {
        let message = decoder.progress.as_ref().and_then(|progress| progress.message.as_ref());
        message.map_or(0, Message::room)
    };
    assert!(room(&decoder) <= 200, "{}", room(&decoder));
    let mut most = 0;
    for piece in announced[100..announced.len() - 1].chunks(1_000) {
        assert_eq!(decoder.next(&mut &piece[..]), Ok(None));
        most = most.max(room(&decoder));
    }
    assert!(most <= 1 << 20, "{most}");
    let event = decoder.next(&mut &announced[announced.len() - 1..]).unwrap();
    assert_eq!(event, Some(Event::Message(Kind::Binary, vec![5; 1 << 20].into())));
    assert!(decoder.progress.is_none());
}

#[test]
fn a_hundred_thousand_fragments_grow_nothing_and_are_all_reported_if_they_are_empty() {
    let mut decoder = Decoder::new(BYTES_MAX, false);
    assert_eq!(decoder.next(&mut &frame(0x02, b"x")[..]), Ok(None));
    let empty = frame(0x00, b"");
    for _ in 0..100_000 {
        assert_eq!(decoder.next(&mut &empty[..]), Ok(Some(Event::EmptyFragment)));
    }
    let room = decoder.progress.unwrap().message.unwrap().room();
    assert!(room <= 8, "{room}");
}

/// Any frames, most of them right.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop_oneof![
        4 => ".{0,8}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..8),
        1 => (0_usize..400).prop_map(|length| vec![b'x'; length]),
    ];
    let first = prop_oneof![
        9 => prop::sample::select(vec![0x81_u8, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8A]),
        1 => any::<u8>(),
    ];
    prop::collection::vec((first, payload).prop_map(|(first, payload)| frame(first, &payload)), 0..12)
        .prop_map(|frames| frames.concat())
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_amount_to_the_same(
        bytes in prop_oneof![frames(), prop::collection::vec(any::<u8>(), 0..100)],
        sizes in prop::collection::vec(1_usize..40, 1..20),
    ) {
        let mut pieces = Vec::new();
        let mut rest = &bytes[..];
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*size).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        prop_assert_eq!(decode(pieces), decode([&bytes[..]]));
    }
}
