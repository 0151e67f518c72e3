use moothall_protocol::communication::Message;
use moothall_protocol::connections::Resumed;
use moothall_protocol::lobbies::LobbyListUpdated;
use moothall_protocol::{Event, LobbyId, MessageId, RoomId, Timestamp, UserId, WatchId};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;
use crate::topics::{Topic, Viewer};

fn event(n: u64) -> Arc<Frame> {
    Arc::new(Frame::new(None, Event::SessionResumed(Resumed { missed: n })))
}

fn number(frame: &Frame) -> u64 {
    match frame.event() {
        Event::SessionResumed(resumed) => resumed.missed,
        other => panic!("unexpected {other:?}"),
    }
}

fn begun() -> (Arc<Outbox>, Reader) {
    let outbox = Arc::new(Outbox::default());
    let epoch = outbox.restart();
    let reader = outbox.begin(epoch, event(0)).unwrap();
    (outbox, reader)
}

#[test]
fn the_first_event_of_a_stream_comes_before_what_was_pushed_while_it_was_prepared() {
    let outbox = Arc::new(Outbox::default());
    let epoch = outbox.restart();
    outbox.push(event(7));
    let reader = outbox.begin(epoch, event(0)).unwrap();
    let taken = reader.take(10).unwrap();
    assert_eq!(taken.iter().map(|(seq, frame)| (*seq, number(frame))).collect::<Vec<_>>(), [(1, 0), (2, 7)]);
}

#[test]
fn of_two_that_prepare_a_stream_the_newer_wins() {
    let outbox = Arc::new(Outbox::default());
    let older = outbox.restart();
    let newer = outbox.restart();
    assert_eq!(outbox.begin(older, event(0)).unwrap_err(), NotBegun::Replaced);
    outbox.begin(newer, event(0)).unwrap();
}

#[test]
fn a_newer_reader_sends_the_older_away() {
    let (outbox, older) = begun();
    older.take(9).unwrap();
    let (newer, missed) = outbox.resume(1).unwrap();
    assert!(missed.is_empty());
    assert_eq!(older.take(9).unwrap_err().code, CloseCode::Replaced);
    drop(older);
    outbox.push(event(1));
    assert_eq!(newer.take(9).unwrap().len(), 1);
}

#[test]
fn a_slow_reader_is_sent_away_and_a_resume_brings_the_rest() {
    let (outbox, reader) = begun();
    reader.take(1).unwrap();
    let more = OUTBOX_EVENTS_MAX as u64 + 44;
    for n in 1..=more {
        assert_eq!(outbox.push(event(n)), Pushed::Queued);
    }
    assert_eq!(reader.take(9).unwrap_err().code, CloseCode::SlowConsumer);
    drop(reader);
    let (_reader, missed) = outbox.resume(1).unwrap();
    let numbers: Vec<u64> = missed.iter().map(|(_, frame)| number(frame)).collect();
    assert_eq!(numbers, (1..=more).collect::<Vec<_>>());
}

#[test]
fn over_the_bound_the_stream_is_over_and_nothing_is_kept() {
    let (outbox, reader) = begun();
    reader.take(1).unwrap();
    drop(reader);
    for n in 1..=RING_EVENTS_MAX as u64 {
        assert_eq!(outbox.push(event(n)), Pushed::Queued);
    }
    assert_eq!(outbox.push(event(0)), Pushed::Over);
    assert!(outbox.resume(1).is_none());
    assert_eq!(outbox.inner.lock().waiting_bytes, 0);
}

#[test]
fn a_number_that_was_never_sent_or_is_not_kept_does_not_resume() {
    let (outbox, reader) = begun();
    reader.take(1).unwrap();
    assert!(outbox.resume(0).is_none(), "the token to resume with stands in the first event");
    drop(reader);
    assert!(outbox.resume(2).is_none());
    assert!(outbox.resume(u64::MAX).is_none());
    let (reader, _) = outbox.resume(1).unwrap();
    for n in 0..RING_EVENTS_MAX as u64 {
        outbox.push(event(n));
        reader.take(1).unwrap();
    }
    assert!(outbox.resume(0).is_none(), "the ring holds only the newest");
    assert!(outbox.resume(1).is_some());
}

#[test]
fn a_reason_to_close_comes_after_what_waited() {
    let (outbox, reader) = begun();
    outbox.push(event(1));
    outbox.close(Closing::new(CloseCode::SignedOut, "signed out"));
    assert_eq!(reader.take(64).unwrap().len(), 2);
    assert_eq!(reader.take(64).unwrap_err().code, CloseCode::SignedOut);
}

/// Random pushes, reads, cuts that lose what was under way, and resumes, against the plain list of what was pushed.
#[test]
fn through_thousands_of_cuts_every_event_comes_once_and_in_order_or_the_stream_is_over() {
    let mut restarts = 0;
    for seed in 0..20 {
        let mut random = StdRng::seed_from_u64(seed);
        let (outbox, mut reader) = begun();
        let (mut pushed, mut seen, mut streams) = (0_u64, 0_u64, 1);
        // What the client of this stream must have seen is every number from `from` on.
        let mut from = 1;
        let mut got: Vec<u64> = Vec::new();
        let see = |frames: Vec<(Seq, Arc<Frame>)>, seen: &mut Seq, got: &mut Vec<u64>| {
            for (seq, frame) in frames {
                assert_eq!(seq, *seen + 1, "no gap and no repetition in the numbers");
                *seen = seq;
                if number(&frame) > 0 {
                    got.push(number(&frame));
                }
            }
        };
        for _ in 0..2_000 {
            match random.random_range(0..10) {
                0..=5 => {
                    for _ in 0..random.random_range(1..60) {
                        pushed += 1;
                        outbox.push(event(pushed));
                    }
                }
                6 | 7 => {
                    if let Ok(frames) = reader.take(random.random_range(1..200)) {
                        see(frames, &mut seen, &mut got);
                    }
                }
                _ => {
                    // A cut: some of what was taken never arrives.
                    if let Ok(mut frames) = reader.take(64) {
                        frames.truncate(random.random_range(0..=64));
                        see(frames, &mut seen, &mut got);
                    }
                    drop(reader);
                    if let Some((resumed, mut missed)) = outbox.resume(seen) {
                        reader = resumed;
                        missed.truncate(random.random_range(0..700));
                        let is_cut_again = missed.len() < 600;
                        see(missed, &mut seen, &mut got);
                        if is_cut_again {
                            // The next loop must not read on from a socket that was cut.
                            drop(reader);
                            match outbox.resume(seen) {
                                Some((resumed, missed)) => {
                                    reader = resumed;
                                    see(missed, &mut seen, &mut got);
                                    continue;
                                }
                                None => reader = fresh(&outbox),
                            }
                        } else {
                            continue;
                        }
                    } else {
                        reader = fresh(&outbox);
                    }
                    assert_eq!(got, (from..from + got.len() as u64).collect::<Vec<_>>());
                    (seen, from, streams) = (0, pushed + 1, streams + 1);
                    got.clear();
                }
            }
        }
        assert_eq!(got, (from..from + got.len() as u64).collect::<Vec<_>>());
        restarts += streams - 1;
    }
    assert!(restarts > 10, "the bounds were reached too: {restarts}");
}

fn fresh(outbox: &Arc<Outbox>) -> Reader {
    let epoch = outbox.restart();
    outbox.begin(epoch, event(0)).unwrap()
}

/// An event of exactly so many bytes.
fn heavy(bytes: usize) -> Arc<Frame> {
    let message = |length: usize| {
        let uuid = uuid::Uuid::nil();
        Frame::new(
            None,
            Event::MessageSent(Message {
                id: MessageId::from_uuid(uuid),
                room_id: RoomId::from_uuid(uuid),
                seq: 1,
                sender_id: UserId::from_uuid(uuid),
                text: "x".repeat(length),
                attachments: Vec::new(),
                reply_to: None,
                mentions: Vec::new(),
                version: 1,
                created_at: Timestamp::from_micros(0),
                edited_at: None,
                deleted_at: None,
                is_hidden: false,
                is_shadowed: false,
            }),
        )
    };
    let frame = message(bytes - message(0).weight());
    assert_eq!(frame.weight(), bytes);
    Arc::new(frame)
}

#[test]
fn what_waits_has_a_bound_in_bytes() {
    let (outbox, reader) = begun();
    reader.take(1).unwrap();
    drop(reader);
    for _ in 0..4 {
        assert_eq!(outbox.push(heavy(OUTBOX_BYTES_MAX / 4)), Pushed::Queued);
    }
    assert_eq!(outbox.push(heavy(1_000)), Pushed::Over);
    assert_eq!(outbox.inner.lock().waiting_bytes, 0);
}

#[test]
fn what_was_sent_is_kept_up_to_a_bound_in_bytes() {
    let (outbox, reader) = begun();
    reader.take(1).unwrap();
    for _ in 0..4 {
        outbox.push(heavy(RING_BYTES_MAX / 4));
        reader.take(1).unwrap();
    }
    assert_eq!(outbox.inner.lock().sent_bytes, RING_BYTES_MAX);
    assert!(outbox.resume(1).is_some_and(|(_, missed)| missed.len() == 4));
    outbox.push(heavy(1_000));
    let (reader, _) = outbox.resume(5).unwrap();
    drop(reader);
    assert!(outbox.resume(1).is_none(), "the oldest made room");
    assert!(outbox.resume(2).is_some_and(|(_, missed)| missed.len() == 4));
}

/// An update of a list, as heavy as so many lobbies make it.
fn update(version: u64, is_whole: bool, lobbies: u128) -> Event {
    let id = |number: u128| LobbyId::from_uuid(uuid::Uuid::from_u128(number));
    let lobbies = (0..lobbies).map(|number| (id(number), None)).collect();
    let watch_id = WatchId::from_uuid(uuid::Uuid::nil());
    Event::LobbyListUpdated(LobbyListUpdated { watch_id, version, is_whole, lobbies })
}

fn difference(version: u64, lobbies_in_all: u128) -> Arc<Frame> {
    let topic = Topic::LobbyList(WatchId::from_uuid(uuid::Uuid::nil()), Viewer::Anybody);
    let whole = move || update(version, true, lobbies_in_all);
    Arc::new(Frame::difference(&topic, update(version, false, 1), whole))
}

#[test]
fn where_a_difference_still_waits_the_whole_takes_the_place_of_both_unless_it_is_heavy() {
    let told = |reader: &Reader| {
        let frames = reader.take(usize::MAX).unwrap().into_iter();
        let told = frames.filter_map(|(_, frame)| match frame.event() {
            Event::LobbyListUpdated(updated) => Some((updated.version, updated.is_whole)),
            _ => None,
        });
        told.collect::<Vec<_>>()
    };
    let (outbox, reader) = begun();
    assert_eq!(outbox.push(difference(1, 3)), Pushed::Queued);
    assert_eq!(told(&reader), [(1, false)], "who keeps up hears what is different");
    assert_eq!(outbox.push(difference(2, 3)), Pushed::Queued);
    assert_eq!(outbox.push(event(7)), Pushed::Queued);
    let weight = difference(4, 3).instead().unwrap().weight();
    for version in 3..1_000 {
        assert_eq!(outbox.push(difference(version, 3)), Pushed::Replaced);
        assert!(outbox.inner.lock().waiting_bytes < 10 * weight, "nothing piles up");
    }
    assert_eq!(told(&reader), [(999, true)]);
    // So much would fill the outbox by itself: the differences are kept, as long as there is room.
    for version in 1..=3 {
        assert_eq!(outbox.push(difference(version, 20_000)), Pushed::Queued);
    }
    assert_eq!(told(&reader), [(1, false), (2, false), (3, false)]);
}
