//! Sessions and presence as a door meets them, on a real database of each engine, with a clock that stands still.

mod leaks;
mod policies;
mod resumes;
mod streams;
mod watching;

use std::sync::Arc;
use std::time::Duration;

use moothall_protocol::accounts::{SessionKind, SignIn, SignedIn};
use moothall_protocol::connections::{Presence as Shown, Status, Visibility};
use moothall_protocol::{Event, UserId};

use super::*;
use crate::Clock as _;
use crate::accounts::testing::{self as people, PASSWORD, code, with_accounts, with_settings};
use crate::snapshot;
use crate::testing::TestHall;
use crate::topics::{Frame, Seq};

/// A client: who it is, and what it receives.
struct Client {
    cx: Cx,
    stream: Stream,
    token: String,
    seen: Seq,
}

impl Client {
    /// Opens a socket for a session that is signed in.
    async fn open(hall: &TestHall, signed_in: &SignedIn) -> Self {
        let cx = people::call(&hall.hall, signed_in).await;
        Self::attach(cx).await
    }

    async fn attach(cx: Cx) -> Self {
        let stream = snapshot::open(&cx, None).await.unwrap();
        let mut client = Self { cx, stream, token: String::new(), seen: 0 };
        assert!(client.begin().is_some_and(|is_stale| !is_stale));
        client
    }

    /// Reads the snapshot that begins a stream, and says whether it came instead of a resume.
    fn begin(&mut self) -> Option<bool> {
        let (seq, frame) = self.stream.take(1).unwrap().remove(0);
        self.seen = seq;
        match frame.event() {
            Event::SessionReady(ready) => self.token = ready.resume_token.clone(),
            Event::SessionStale(ready) => {
                self.token = ready.resume_token.clone();
                return Some(true);
            }
            _ => return None,
        }
        Some(false)
    }

    /// Takes what came since, and checks that no number is missing or doubled.
    fn hear(&mut self) -> Vec<Arc<Frame>> {
        let taken = self.stream.take(usize::MAX).unwrap();
        for (seq, _) in &taken {
            assert_eq!(*seq, self.seen + 1, "every event once and in order");
            self.seen = *seq;
        }
        taken.into_iter().map(|(_, frame)| frame).collect()
    }

    /// How the watched changed since, newest last.
    fn changed(&mut self) -> Vec<(u64, Vec<Shown>)> {
        let changed = |frame: Arc<Frame>| match frame.event() {
            Event::PresenceChanged(changed) => Some((changed.version, changed.users.clone())),
            _ => None,
        };
        self.hear().into_iter().filter_map(changed).collect()
    }

    /// The numbers of the changes among what came since.
    fn versions(&mut self) -> Vec<u64> {
        self.changed().into_iter().map(|(version, _)| version).collect()
    }

    /// Why its socket must close, once it must.
    async fn closing(&mut self) -> Closing {
        eventually(|| self.stream.take(usize::MAX).err()).await
    }

    /// Loses its socket. Returns what it needs to come back.
    fn leave(self) -> (Cx, Resume) {
        let Self { cx, stream, token, seen } = self;
        drop(stream);
        (cx, Resume { token, seq: seen })
    }

    /// Comes back to the place where it was.
    async fn resume(cx: Cx, resume: Resume) -> Self {
        let stream = snapshot::open(&cx, Some(&resume)).await.unwrap();
        Self { cx, stream, token: resume.token, seen: resume.seq }
    }

    /// Goes, and comes back at once.
    async fn reopen(self) -> Self {
        let (cx, resume) = self.leave();
        Self::resume(cx, resume).await
    }

    /// Reads how a resume begins: how many events were missed.
    fn missed(&mut self) -> u64 {
        let (seq, frame) = self.stream.take(1).unwrap().remove(0);
        assert_eq!(seq, self.seen);
        match frame.event() {
            Event::SessionResumed(resumed) => resumed.missed,
            event => panic!("{event:?}"),
        }
    }

    async fn sees(&self, user_id: UserId) -> Shown {
        get_presence(&self.cx, GetPresence { user_id }).await.unwrap()
    }
}

/// Signs somebody in who exists, with a client of this kind.
async fn sign_in(hall: &TestHall, name: &str, kind: SessionKind) -> SignedIn {
    let input = SignIn {
        login: Some(name.to_owned()),
        password: Some(PASSWORD.to_owned()),
        kind: Some(kind),
        ..SignIn::default()
    };
    accounts::sign_in(&people::from(&hall.hall, "10.0.0.1"), input).await.unwrap()
}

/// What comes of a task that runs beside the test.
async fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..2_000 {
        if let Some(found) = look() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("this never happens");
}

/// Moves the clock, again and again if it must, until others see the user so.
async fn until_seen(hall: &TestHall, user: UserId, is_online: bool) {
    let watches = &hall.hall.connections().watches;
    eventually(|| (watches.look(user).is_online == is_online).then_some(())).await;
}
