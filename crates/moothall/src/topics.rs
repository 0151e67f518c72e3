//! Topics: the only way to reach many. An event is published once and encoded once per encoding; each subscriber's outbox
//! gets a reference to it.
//!
//! Start at [`Topics::publish`]. Most events leave at once. What may wait is *gathered* per topic (`gather.rs`) and leaves together: changes of
//! members in a large room, data relayed in a match. How sockets are woken is a matter of the [`Pacer`].

mod frame;
mod gather;
mod outbox;
mod pacer;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, OnceLock, Weak};
use std::task::Waker;

use moothall_protocol::limits::EVENTS_GATHERED_MAX;
use moothall_protocol::{Event, LobbyId, MatchId, PartyId, RoomId, SessionId, UserId, WatchId};
use parking_lot::{Mutex, MutexGuard};

use crate::{Clock, Hall, WeakHall};
pub use frame::{Audience, Encoding, Frame, Head, Seq};
use gather::Gathering;
pub use outbox::{Closing, NotBegun, Outbox, Pushed, Reader};
pub use pacer::Pacer;

/// What an event is about, and so who hears of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// All sessions of one user.
    User(UserId),
    /// One session.
    Session(SessionId),
    /// The members of a room.
    Room(RoomId),
    /// The players of a match.
    Match(MatchId),
    /// The members of a party.
    Party(PartyId),
    /// Those in a lobby, and its host.
    Lobby(LobbyId),
    /// All sessions: that the remote configuration is another.
    RemoteConfig,
    /// Those who watch the same users.
    Presence(WatchId),
    /// Staff that works on cases.
    Moderation,
    /// Staff that watches over rooms. Nothing is told here: it is a part of those on other topics, see [`Audience::Within`].
    Oversight,
    /// Those who watch the same list of lobbies and see the same of it.
    LobbyList(WatchId, Viewer),
}

/// With whose eyes a list is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Viewer {
    /// Of those who see what everybody sees.
    Anybody,
    /// Of staff, who see everything.
    Staff,
    /// Of a user, who sees what others do not.
    User(UserId),
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Session(id) => write!(f, "session:{id}"),
            Self::Room(id) => write!(f, "room:{id}"),
            Self::Match(id) => write!(f, "match:{id}"),
            Self::Party(id) => write!(f, "party:{id}"),
            Self::Lobby(id) => write!(f, "lobby:{id}"),
            Self::RemoteConfig => f.write_str("remote_config"),
            Self::Presence(id) => write!(f, "presence:{id}"),
            Self::Moderation => f.write_str("moderation"),
            Self::Oversight => f.write_str("oversight"),
            Self::LobbyList(id, _) => write!(f, "lobby_list:{id}"),
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
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    clock: Arc<dyn Clock>,
    gathering: Arc<Gathering>,
    pacer: Arc<Pacer>,
    listener: OnceLock<Box<Listener>>,
}

type Shard = HashMap<Topic, Subscribers>;
type Listener = dyn Fn(&Topic, &Event) + Send + Sync;

/// Those who hear of one topic.
#[derive(Default)]
struct Subscribers {
    /// In the order of their addresses, so that finding one of 10,000 takes no walk through all.
    outboxes: Vec<Weak<Outbox>>,
    /// What waits to be told together.
    gathered: Vec<Arc<Frame>>,
}

impl Subscribers {
    fn place_of(&self, outbox: &Arc<Outbox>) -> Result<usize, usize> {
        self.outboxes.binary_search_by_key(&Arc::as_ptr(outbox), Weak::as_ptr)
    }

    /// Hands the frames to everybody, and returns what wakes those who wait for something.
    fn tell(&mut self, frames: &[Arc<Frame>]) -> Vec<Waker> {
        let mut wakers = Vec::with_capacity(self.outboxes.len());
        self.outboxes.retain(|outbox| match outbox.upgrade() {
            Some(outbox) => {
                wakers.extend(outbox.offer(frames));
                true
            }
            None => false,
        });
        wakers
    }
}

impl fmt::Debug for Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topics").field("subscriptions", &self.subscriptions()).finish_non_exhaustive()
    }
}

impl Topics {
    /// No subscriptions yet, and this clock for what waits.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            clock,
            gathering: Arc::default(),
            pacer: Arc::default(),
            listener: OnceLock::new(),
        }
    }

    #[expect(clippy::indexing_slicing, reason = "the remainder is within the shards")]
    fn shard(&self, topic: &Topic) -> MutexGuard<'_, Shard> {
        let hash = self.hasher.hash_one(topic);
        self.shards[(hash % SHARDS as u64) as usize].lock()
    }

    /// From now on the outbox hears of this topic. Subscribing twice is as once.
    pub fn subscribe(&self, topic: Topic, outbox: &Arc<Outbox>) {
        let mut shard = self.shard(&topic);
        let subscribers = shard.entry(topic).or_default();
        if let Err(place) = subscribers.place_of(outbox) {
            subscribers.outboxes.insert(place, Arc::downgrade(outbox));
        }
    }

    /// From now on the outbox does not hear of this topic.
    pub fn unsubscribe(&self, topic: &Topic, outbox: &Arc<Outbox>) {
        let mut shard = self.shard(topic);
        let Some(subscribers) = shard.get_mut(topic) else { return };
        if let Ok(place) = subscribers.place_of(outbox) {
            subscribers.outboxes.remove(place);
        }
        if subscribers.outboxes.is_empty() {
            shard.remove(topic);
        }
    }

    /// Whose sessions hear of this topic.
    pub(crate) fn users_of(&self, topic: &Topic) -> BTreeSet<UserId> {
        let shard = self.shard(topic);
        let outboxes = shard.get(topic).into_iter().flat_map(|subscribers| &subscribers.outboxes);
        outboxes.filter_map(|outbox| outbox.upgrade()?.user()).collect()
    }

    /// Hands an event to all who are subscribed. Never waits: each outbox has its bound and its policy.
    pub fn publish(&self, topic: Topic, event: Event) {
        self.publish_to(topic, event, Audience::All);
    }

    /// Hands an event to those of the subscribed it is for.
    pub fn publish_to(&self, topic: Topic, event: Event, audience: Audience) {
        let audience = match audience {
            Audience::Within(part, but) => {
                let users = self.users_of(&part).into_iter().filter(|user| *user != but);
                Audience::Only(users.collect())
            }
            audience => audience,
        };
        self.publish_as(topic, event, |topic, event| Frame::to(Some(topic), event, audience));
    }

    /// Hands what is different from before to all who are subscribed; and to those for whom an older difference still waits, in place of
    /// both, how the whole is now.
    pub fn publish_difference(
        &self,
        topic: Topic,
        difference: Event,
        whole: impl Fn() -> Event + Send + Sync + 'static,
    ) {
        self.publish_as(topic, difference, |topic, event| Frame::difference(topic, event, whole));
    }

    fn publish_as(&self, topic: Topic, event: Event, frame: impl FnOnce(&Topic, Event) -> Frame) {
        if let Some(listener) = self.listener.get() {
            listener(&topic, &event);
        }
        let mut shard = self.shard(&topic);
        let Some(subscribers) = shard.get_mut(&topic) else { return };
        let wait = gather::wait(&event, subscribers.outboxes.len());
        let frame = Arc::new(frame(&topic, event));
        if let Some(wait) = wait {
            subscribers.gathered.push(frame);
            if subscribers.gathered.len() == 1 {
                self.gathering.tell_at(self.clock.elapsed() + wait, topic);
            } else if subscribers.gathered.len() >= EVENTS_GATHERED_MAX {
                self.tell_gathered(shard, &topic);
            }
            return;
        }
        let wakers = subscribers.tell(&[frame]);
        if subscribers.outboxes.is_empty() {
            shard.remove(&topic);
        }
        // Outside the lock: whoever wakes up may come back here.
        drop(shard);
        self.pacer.wake(wakers);
    }

    /// Hands on what was gathered on a topic.
    fn tell_gathered(&self, mut shard: MutexGuard<'_, Shard>, topic: &Topic) {
        let Some(subscribers) = shard.get_mut(topic) else { return };
        let frames = gather::together(topic, std::mem::take(&mut subscribers.gathered));
        let wakers = subscribers.tell(&frames);
        if subscribers.outboxes.is_empty() {
            shard.remove(topic);
        }
        drop(shard);
        self.pacer.wake(wakers);
    }

    /// An outbox for a session of this user, woken at the pace of all.
    pub(crate) fn outbox(&self, user: UserId) -> Arc<Outbox> {
        Arc::new(Outbox::new(user, Arc::clone(&self.pacer)))
    }

    /// Has the server itself hear of every event, before any subscriber does. Only the first listener is taken; it must be quick.
    pub(crate) fn listen(&self, listener: impl Fn(&Topic, &Event) + Send + Sync + 'static) {
        let _ = self.listener.set(Box::new(listener));
    }

    /// How many subscriptions there are, for the metrics and for tests that look for leaks.
    pub fn subscriptions(&self) -> usize {
        let count =
            |shard: &Shard| shard.values().map(|subscribers| subscribers.outboxes.len()).sum::<usize>();
        self.shards.iter().map(|shard| count(&shard.lock())).sum()
    }
}

/// Starts what runs beside the publications: the pace, and the end of gatherings.
pub(crate) fn start(hall: &Hall) {
    let pacer = Arc::clone(&hall.topics().pacer);
    hall.spawn(async move { pacer.run().await });
    hall.spawn(tell_in_time(hall.downgrade()));
}

/// Hands on what was gathered when its time has come, for as long as the hall is there.
async fn tell_in_time(hall: WeakHall) {
    let Some((gathering, clock)) =
        hall.upgrade().map(|hall| (Arc::clone(&hall.topics().gathering), hall.shared_clock()))
    else {
        return;
    };
    loop {
        gathering.wait(&*clock).await;
        let Some(hall) = hall.upgrade() else { return };
        let topics = hall.topics();
        for topic in gathering.take_due(clock.elapsed()) {
            topics.tell_gathered(topics.shard(&topic), &topic);
        }
    }
}

#[cfg(test)]
mod tests;
