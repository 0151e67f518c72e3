//! Topics: the only way to reach many. An event is published once and encoded once per encoding; each subscriber's outbox
//! gets a reference to it.

mod frame;
mod outbox;

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, OnceLock, Weak};

use moothall_protocol::{Event, RoomId, SessionId, UserId};
use parking_lot::Mutex;

pub use frame::{Encoding, Frame, Seq};
pub use outbox::{Closing, NotBegun, Outbox, Pushed, Reader};

/// What an event is about, and so who hears of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// All sessions of one user.
    User(UserId),
    /// One session.
    Session(SessionId),
    /// The members of a room.
    Room(RoomId),
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Session(id) => write!(f, "session:{id}"),
            Self::Room(id) => write!(f, "room:{id}"),
        }
    }
}

/// How many locks the subscriptions are spread over.
const SHARDS: usize = 64;

/// Who is subscribed to what.
///
/// Bounded by the sessions there are and what each may subscribe to. An outbox that nobody owns any more is forgotten at the
/// next publication on its topic, or when its owner unsubscribes.
pub struct Topics {
    shards: Vec<Mutex<HashMap<Topic, Vec<Weak<Outbox>>>>>,
    hasher: RandomState,
    listener: OnceLock<Box<Listener>>,
}

type Listener = dyn Fn(&Topic, &Event) + Send + Sync;

impl fmt::Debug for Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topics").field("subscriptions", &self.subscriptions()).finish_non_exhaustive()
    }
}

impl Default for Topics {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            listener: OnceLock::new(),
        }
    }
}

impl Topics {
    #[expect(clippy::indexing_slicing, reason = "the remainder is within the shards")]
    fn shard(&self, topic: &Topic) -> &Mutex<HashMap<Topic, Vec<Weak<Outbox>>>> {
        let hash = self.hasher.hash_one(topic);
        &self.shards[(hash % SHARDS as u64) as usize]
    }

    /// From now on the outbox hears of this topic. Subscribing twice is as once.
    pub fn subscribe(&self, topic: Topic, outbox: &Arc<Outbox>) {
        let mut shard = self.shard(&topic).lock();
        let subscribers = shard.entry(topic).or_default();
        if !subscribers.iter().any(|known| std::ptr::eq(known.as_ptr(), Arc::as_ptr(outbox))) {
            subscribers.push(Arc::downgrade(outbox));
        }
    }

    /// From now on the outbox does not hear of this topic.
    pub fn unsubscribe(&self, topic: &Topic, outbox: &Arc<Outbox>) {
        let mut shard = self.shard(topic).lock();
        if let Some(subscribers) = shard.get_mut(topic) {
            subscribers.retain(|known| !std::ptr::eq(known.as_ptr(), Arc::as_ptr(outbox)));
            if subscribers.is_empty() {
                shard.remove(topic);
            }
        }
    }

    /// Hands an event to all who are subscribed. Never waits: each outbox has its bound and its policy.
    pub fn publish(&self, topic: Topic, event: Event) {
        if let Some(listener) = self.listener.get() {
            listener(&topic, &event);
        }
        let mut shard = self.shard(&topic).lock();
        let Some(subscribers) = shard.get_mut(&topic) else { return };
        let frame = Arc::new(Frame::new(Some(&topic), event));
        subscribers.retain(|subscriber| match subscriber.upgrade() {
            Some(outbox) => {
                outbox.push(Arc::clone(&frame));
                true
            }
            None => false,
        });
        if subscribers.is_empty() {
            shard.remove(&topic);
        }
    }

    /// Has the server itself hear of every event, before any subscriber does. Only the first listener is taken; it must be quick.
    pub(crate) fn listen(&self, listener: impl Fn(&Topic, &Event) + Send + Sync + 'static) {
        let _ = self.listener.set(Box::new(listener));
    }

    /// How many subscriptions there are, for the metrics and for tests that look for leaks.
    pub fn subscriptions(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().values().map(Vec::len).sum::<usize>()).sum()
    }
}
