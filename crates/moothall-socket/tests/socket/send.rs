//! What is sent, and how it leaves.

use moothall_socket::{HEAD_BYTES_MAX, Kind, Shared};
use proptest::prelude::*;

use crate::frame::frame;
use crate::wire::{flush, receive, socket, wire, written};

const DEFLATE: Option<&str> = Some("permessage-deflate");
/// More than any of these tests writes.
const ALL: [usize; 16] = [usize::MAX; 16];

/// Text that gets smaller.
fn verse(bytes: usize) -> String {
    "the quick brown fox jumps over the lazy dog and ".chars().cycle().take(bytes).collect()
}

/// The plain text of a deflated message, as another inflater has it.
fn inflate(message: &[u8]) -> Vec<u8> {
    let stream = [message, &[0, 0, 0xFF, 0xFF]].concat();
    let mut plain = Vec::with_capacity(200_000);
    let mut inflater = flate2::Decompress::new(false);
    inflater.decompress_vec(&stream, &mut plain, flate2::FlushDecompress::Sync).unwrap();
    assert_eq!(inflater.total_in(), stream.len() as u64);
    plain
}

#[test]
fn what_waits_leaves_in_one_write_for_each_32_messages() {
    let mut socket = socket([], None);
    let tail = Shared::from(verse(200));
    for seq in 0..96 {
        socket.send_shared(Kind::Text, format!("{{\"seq\":{seq:02},").as_bytes(), &tail);
    }
    assert_eq!((socket.waiting(), socket.waiting_bytes()), (96, 96 * (4 + 10 + 200)));
    assert!(flush(&mut socket, ALL));
    let writes: Vec<usize> = wire(&socket).writes.iter().map(Vec::len).collect();
    assert_eq!(writes, [32 * 214; 3]);
}

#[test]
fn a_stream_that_takes_no_slices_gets_them_joined() {
    let mut socket = socket([], None);
    wire(&socket).is_vectored = false;
    let tail = Shared::from(verse(1_000));
    for _ in 0..40 {
        socket.send_shared(Kind::Text, b"head", &tail);
    }
    assert!(flush(&mut socket, ALL));
    let writes: Vec<usize> = wire(&socket).writes.iter().map(Vec::len).collect();
    assert_eq!(writes, [16_384, 16_384, 40 * 1_008 - 32_768]);
    assert!(written(&socket).iter().all(|(_, payload)| payload.len() == 1_004));
}

#[test]
fn receivers_share_the_bytes_themselves_plain_and_deflated() {
    let tail = Shared::from(verse(5_000));
    let slices = |offer| {
        let mut socket = socket([], offer);
        socket.send_shared(Kind::Text, b"head", &tail);
        assert!(flush(&mut socket, ALL));
        wire(&socket).slices[1]
    };
    assert_eq!(slices(None), tail.plain().as_ptr());
    assert_eq!(slices(None), slices(None));
    assert_eq!(slices(DEFLATE), slices(DEFLATE));
    assert_ne!(slices(DEFLATE), slices(None));
}

#[test]
fn a_deflated_message_is_what_was_sent_with_and_without_a_head() {
    let mut socket = socket([], DEFLATE);
    assert!(socket.is_deflating());
    let (tail, long) = (Shared::from(verse(3_000)), [b'h'; HEAD_BYTES_MAX + 1]);
    let heads = [&b""[..], b"h", &long[..HEAD_BYTES_MAX], &long];
    for head in heads {
        socket.send_shared(Kind::Text, head, &tail);
    }
    socket.send(Kind::Binary, verse(100_000).into_bytes());
    assert!(socket.waiting_bytes() < 2_000);
    assert!(flush(&mut socket, ALL));
    let frames = written(&socket);
    for ((first, payload), head) in frames.iter().zip(heads) {
        assert_eq!(*first, 0xC1);
        assert_eq!(inflate(payload), [head, verse(3_000).as_bytes()].concat());
    }
    assert_eq!((frames[4].0, inflate(&frames[4].1)), (0xC2, verse(100_000).into_bytes()));
}

#[test]
fn what_would_not_get_smaller_or_not_fit_the_window_goes_out_as_it_is() {
    let mut plain = socket([], DEFLATE);
    plain.send(Kind::Text, verse(255));
    plain.send_shared(Kind::Text, b"head", &Shared::from(verse(255)));
    plain.send(Kind::Binary, (0..=255).collect::<Vec<u8>>());
    assert!(flush(&mut plain, ALL));
    assert_eq!(written(&plain).iter().map(|(first, _)| *first).collect::<Vec<_>>(), [0x81, 0x81, 0x82]);

    let mut small = socket([], Some("permessage-deflate; server_max_window_bits=9"));
    let (fits, more) = (Shared::from(verse(508)), Shared::from(verse(509)));
    small.send_shared(Kind::Text, b"head", &fits);
    small.send_shared(Kind::Text, b"head", &more);
    small.send(Kind::Text, verse(512));
    small.send(Kind::Text, verse(513));
    assert!(flush(&mut small, ALL));
    let firsts: Vec<u8> = written(&small).iter().map(|(first, _)| *first).collect();
    assert_eq!(firsts, [0xC1, 0x81, 0xC1, 0x81]);
}

#[test]
fn a_ping_carries_125_bytes_and_a_close_goes_out_once() {
    let mut socket = socket([], DEFLATE);
    socket.ping(b"");
    socket.ping(&[7; 500]);
    socket.close(4000, &"ä".repeat(100));
    socket.close(4001, "again");
    socket.ping(b"late");
    assert!(flush(&mut socket, ALL));
    let close = [&[0x0F, 0xA0], "ä".repeat(61).as_bytes()].concat();
    assert_eq!(written(&socket), [(0x89, vec![]), (0x89, vec![7; 125]), (0x88, close)]);
}

#[test]
fn a_stream_that_takes_nothing_is_an_error() {
    let mut socket = socket([], None);
    socket.send(Kind::Text, "lost");
    wire(&socket).room = [0].into();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Err(error)) = socket.poll_flush(&mut cx) else { panic!("no error") };
    assert_eq!(error.kind(), std::io::ErrorKind::WriteZero);
}

/// What an owner does, or a client makes it do.
#[derive(Clone, Debug)]
enum Step {
    Send(usize),
    SendShared(usize, usize),
    Ping(usize),
    Answer(usize),
    Flush(Vec<usize>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0_usize..3_000).prop_map(Step::Send),
        (0..=HEAD_BYTES_MAX, 0_usize..3_000).prop_map(|(head, tail)| Step::SendShared(head, tail)),
        (0_usize..=125).prop_map(Step::Ping),
        (0_usize..=125).prop_map(Step::Answer),
        prop::collection::vec(1_usize..2_000, 0..4).prop_map(Step::Flush),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    #[test]
    fn whatever_the_stream_takes_at_once_the_frames_are_whole_and_in_order(
        steps in steps(),
        is_vectored in any::<bool>(),
        is_deflating in any::<bool>(),
    ) {
        let mut socket = socket([], DEFLATE.filter(|_| is_deflating));
        wire(&socket).is_vectored = is_vectored;
        let (mut sent, mut answers) = (Vec::new(), 0);
        for step in steps {
            match step {
                Step::Send(bytes) => {
                    socket.send(Kind::Text, verse(bytes));
                    sent.push(verse(bytes).into_bytes());
                }
                Step::SendShared(head, tail) => {
                    let head = "h".repeat(head);
                    socket.send_shared(Kind::Binary, head.as_bytes(), &Shared::from(verse(tail)));
                    sent.push((head + &verse(tail)).into_bytes());
                }
                Step::Ping(bytes) => {
                    socket.ping(&vec![9; bytes]);
                    sent.push(vec![9; bytes]);
                }
                Step::Answer(bytes) => {
                    wire(&socket).input = [frame(0x89, &vec![10; bytes])].into();
                    prop_assert_eq!(receive(&mut socket).len(), 1);
                    answers += 1;
                }
                Step::Flush(room) => {
                    let is_empty = flush(&mut socket, room);
                    prop_assert_eq!(is_empty, socket.waiting() == 0);
                    prop_assert_eq!(is_empty, socket.waiting_bytes() == 0);
                }
            }
        }
        prop_assert!(flush(&mut socket, [usize::MAX; 64]));
        let (mut heard, mut pongs) = (Vec::new(), 0);
        for (first, payload) in written(&socket) {
            match first {
                0x8A => pongs += 1,
                0xC1 | 0xC2 => heard.push(inflate(&payload)),
                _ => heard.push(payload),
            }
        }
        prop_assert_eq!(heard, sent);
        prop_assert!(pongs <= answers && (pongs > 0) == (answers > 0));
    }
}
