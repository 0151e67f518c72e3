//! A million events against what was sent: every client hears each once and in order, wherever its sockets break.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use moothall_protocol::connections::PresenceChanged;

use super::*;
use crate::{Random, SeededRandom};

/// Heard by all together.
const EVENTS: u64 = 1_000_000;
const CLIENTS: usize = 20;

/// One client, and what it knows.
struct Follower {
    cx: Cx,
    stream: Option<Stream>,
    resume: Option<Resume>,
    /// The last event it heard of the stream it is in; `None` if that has only begun, after so many events.
    heard: Result<u64, u64>,
    events: u64,
    resumed: u64,
    fresh: u64,
    broken: u64,
}

impl Follower {
    /// Takes what waits, as a socket would: all of it leaves, and some of it arrives.
    fn take(&mut self, max: usize, arriving: usize) {
        let Some(stream) = &mut self.stream else { return };
        match stream.take(max) {
            Ok(taken) => taken.into_iter().take(arriving).for_each(|(seq, frame)| self.hear(seq, &frame)),
            // Too slow, as a real one would be told.
            Err(_) => self.stream = None,
        }
    }

    fn hear(&mut self, seq: Seq, frame: &Frame) {
        let seen = self.resume.as_ref().map_or(0, |resume| resume.seq);
        match frame.event() {
            Event::SessionReady(ready) | Event::SessionStale(ready) => {
                assert_eq!(seq, 1);
                self.resume = Some(Resume { token: ready.resume_token.clone(), seq: 1 });
                self.fresh += 1;
                return;
            }
            Event::SessionResumed(_) => {
                assert_eq!(seq, seen, "it repeats the number the client has");
                self.resumed += 1;
                return;
            }
            _ => assert_eq!(seq, seen + 1, "no number is left out or doubled"),
        }
        if let Some(resume) = &mut self.resume {
            resume.seq = seq;
        }
        let Event::PresenceChanged(PresenceChanged { version, .. }) = frame.event() else { return };
        match self.heard {
            Ok(last) => assert_eq!(*version, last + 1, "every event once and in order"),
            Err(sent) => assert!(*version <= sent + 1, "{version}: {sent} had been sent when it began"),
        }
        self.heard = Ok(*version);
        self.events += 1;
    }

    /// Tries to come back, and gives up at any moment of that. Events go on to be sent meanwhile.
    async fn connect(&mut self, random: &dyn Random, send: &mut impl FnMut(u64) -> u64) {
        let resume = self.resume.clone();
        let mut polls = if random.below(3) == 0 { random.below(12) } else { u64::MAX };
        let cx = self.cx.clone();
        let mut opening = pin!(snapshot::open(&cx, resume.as_ref()));
        let opened = poll_fn(|task| {
            if polls == 0 {
                return Poll::Ready(None);
            }
            polls -= 1;
            send(random.below(3));
            opening.as_mut().poll(task).map(Some)
        });
        match opened.await {
            None => self.broken += 1,
            Some(stream) => {
                let mut stream = stream.unwrap();
                // What the server said first may get lost as well: then the client knows nothing of this stream.
                let first = stream.take(1).unwrap();
                if random.below(4) == 0 {
                    self.broken += 1;
                    return;
                }
                let is_fresh = !matches!(first[0].1.event(), Event::SessionResumed(_));
                if is_fresh {
                    self.heard = Err(send(0));
                }
                self.stream = Some(stream);
                first.into_iter().for_each(|(seq, frame)| self.hear(seq, &frame));
            }
        }
    }
}

#[tokio::test]
async fn a_million_events_come_once_and_in_order_though_sockets_break_at_every_point() {
    with_accounts(async |hall| {
        const SEED: u64 = 1;
        eprintln!("seed {SEED}");
        let random: Arc<dyn Random> = SeededRandom::from_seed(SEED);
        let mut followers = Vec::new();
        for _ in 0..CLIENTS {
            let signed_in = people::sign_up_guest(&hall.hall).await;
            followers.push(Follower {
                cx: people::call(&hall.hall, &signed_in).await,
                stream: None,
                resume: None,
                heard: Err(0),
                events: 0,
                resumed: 0,
                fresh: 0,
                broken: 0,
            });
        }
        let room = Topic::Room(hall.hall.random().id(hall.clock.now()));
        let watch_id = hall.hall.random().id(hall.clock.now());
        let mut sent = 0;
        let mut send = |count: u64| {
            for _ in 0..count {
                sent += 1;
                let event = PresenceChanged { watch_id, version: sent, users: Vec::new() };
                hall.hall.topics().publish(room.clone(), Event::PresenceChanged(event));
            }
            sent
        };
        while followers.iter().map(|one| one.events).sum::<u64>() < EVENTS {
            // Mostly few, and now and then more than an outbox takes.
            let count = if random.below(60) == 0 { 400 + random.below(300) } else { random.below(60) };
            send(count);
            for follower in &mut followers {
                match (&follower.stream, random.below(40)) {
                    (None, _) => {
                        follower.connect(&*random, &mut send).await;
                        let user = follower.cx.require_user().unwrap();
                        subscribe_user(&hall.hall, user, room.clone());
                    }
                    (Some(_), 0) => {
                        // It breaks, with some on the way.
                        follower.take(64, random.below(64) as usize);
                        follower.stream = None;
                        follower.broken += 1;
                    }
                    (Some(_), 1..=4) => {}
                    _ => follower.take(usize::MAX, usize::MAX),
                }
            }
        }
        let count = |of: fn(&Follower) -> u64| followers.iter().map(of).sum::<u64>();
        let (events, resumed) = (count(|one| one.events), count(|one| one.resumed));
        let (fresh, broken) = (count(|one| one.fresh), count(|one| one.broken));
        eprintln!("{events} events heard, {resumed} resumed, {fresh} begun afresh, {broken} broken");
        assert!(resumed > 200 && fresh > 40 && broken > 200, "{resumed}, {fresh}, {broken}");
        // The end: everybody who is there has heard the last one.
        for follower in &mut followers {
            // What a resumed stream repeats is taken first, and what came since then after it.
            for _ in 0..2 {
                follower.take(usize::MAX, usize::MAX);
            }
            if follower.stream.is_some() && follower.heard.is_ok() {
                assert_eq!(follower.heard, Ok(send(0)));
            }
        }
    })
    .await;
}
