//! Events that may wait to be told together, and when their time has come.
//!
//! A room of 1,000 into which 1,000 come would cost a million messages if each were told to each. So changes of members of a large room
//! wait as many milliseconds as it has members, and leave as one event; what is relayed in a match waits for its tick, and leaves in one
//! write. Nothing of this is lost before its time: a gathering belongs to the topic, not to whoever caused the events.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use moothall_protocol::communication::{Member, MemberGone, MembersChanged};
use moothall_protocol::limits::{MEMBERS_TOLD_AT_ONCE_MAX, MEMBERS_TOLD_MS_MAX, RELAY_TICK_MS};
use moothall_protocol::{Event, UserId};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Frame, Topic};
use crate::Clock;

/// How long an event to so many may wait for others, if it may.
pub(super) fn wait(event: &Event, subscribers: usize) -> Option<Duration> {
    let ms = match event {
        Event::MemberJoined(_) | Event::MemberLeft(_) | Event::RoleSet(_) => {
            Some(subscribers.min(MEMBERS_TOLD_MS_MAX)).filter(|_| subscribers > MEMBERS_TOLD_AT_ONCE_MAX)
        }
        Event::Relayed(_) => Some(RELAY_TICK_MS),
        _ => None,
    };
    ms.map(|ms| Duration::from_millis(ms as u64))
}

/// What is told in place of the frames that were gathered on a topic: of each member how they stand now.
pub(super) fn together(topic: &Topic, frames: Vec<Arc<Frame>>) -> Vec<Arc<Frame>> {
    let mut changes: BTreeMap<UserId, Change> = BTreeMap::new();
    let mut told = Vec::with_capacity(frames.len());
    let mut of_members = Vec::new();
    let mut room = None;
    for frame in frames {
        let change = match frame.event() {
            Event::MemberJoined(changed) | Event::RoleSet(changed) => {
                Some((changed.room_id, changed.member.user_id, Change::Member(changed.member.clone())))
            }
            Event::MemberLeft(gone) => Some((gone.room_id, gone.user_id, Change::Gone(gone.clone()))),
            _ => None,
        };
        match change {
            Some((room_id, user, change)) => {
                room = Some(room_id);
                changes.insert(user, change);
                of_members.push(frame);
            }
            None => told.push(frame),
        }
    }
    let Some(room_id) = room else { return told };
    if of_members.len() == 1 {
        // Nothing to put together: it is told as what it is.
        told.append(&mut of_members);
        return told;
    }
    let mut changed = MembersChanged { room_id, members: Vec::new(), gone: Vec::new() };
    for change in changes.into_values() {
        match change {
            Change::Member(member) => changed.members.push(member),
            Change::Gone(gone) => changed.gone.push(gone),
        }
    }
    told.push(Arc::new(Frame::new(Some(topic), Event::MembersChanged(changed))));
    told
}

enum Change {
    Member(Member),
    Gone(MemberGone),
}

/// When which topic is told what it gathered. Bounded by the topics there are, and by what the longest wait lets pass.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    /// By the time they are due, and then by the order in which they began.
    due: Mutex<(u64, BTreeMap<(Duration, u64), Topic>)>,
    /// Woken when another topic is the first to be due.
    changed: Notify,
}

impl Gathering {
    /// The topic is to be told at this time.
    pub fn tell_at(&self, at: Duration, topic: Topic) {
        let mut due = self.due.lock();
        let (count, topics) = &mut *due;
        *count += 1;
        let key = (at, *count);
        topics.insert(key, topic);
        if topics.first_key_value().is_some_and(|(first, _)| *first == key) {
            self.changed.notify_one();
        }
    }

    /// Returns when a topic is due.
    pub async fn wait(&self, clock: &dyn Clock) {
        loop {
            let first = self.due.lock().1.first_key_value().map(|((at, _), _)| *at);
            match first {
                Some(at) if at <= clock.elapsed() => return,
                Some(at) => tokio::select! {
                    () = clock.sleep_until(at) => {}
                    () = self.changed.notified() => {}
                },
                None => self.changed.notified().await,
            }
        }
    }

    /// Takes the topics that are due.
    pub fn take_due(&self, now: Duration) -> Vec<Topic> {
        let mut due = self.due.lock();
        let later = due.1.split_off(&(now, u64::MAX));
        std::mem::replace(&mut due.1, later).into_values().collect()
    }
}
