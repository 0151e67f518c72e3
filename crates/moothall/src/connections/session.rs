//! One live session: its outbox, what it is subscribed to, what it watches. It outlives its socket.

use std::any::Any;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use moothall_protocol::accounts::SessionKind;
use moothall_protocol::connections::Connected;
use moothall_protocol::{SessionId, Timestamp, UserId, WatchId};
use parking_lot::{Mutex, MutexGuard};

use super::tickets::Hash;
use crate::topics::{Closing, Outbox};
use crate::{Identity, Topic, Topics};

/// One live session.
#[derive(Debug)]
pub(super) struct Session {
    pub id: SessionId,
    pub user_id: UserId,
    pub kind: SessionKind,
    pub connected_at: Timestamp,
    pub agent: Option<String>,
    pub outbox: Arc<Outbox>,
    /// Held while subscriptions change, so that none is left behind by a session that ends. Locks of topics and outboxes are taken
    /// inside it, never the other way round.
    state: Mutex<State>,
}

/// Something that a session holds until its stream ends, and that ends by being dropped.
pub(crate) type Held = Box<dyn Any + Send>;

/// What of a session changes.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The hash of the token that resumes the current stream.
    pub token: Option<Hash>,
    /// The watches, and how many users each is on; the one on friends counts none.
    pub watches: BTreeMap<WatchId, usize>,
    /// What other contexts have it hold: dropped when it is over.
    pub held: BTreeMap<&'static str, Held>,
    topics: HashSet<Topic>,
    /// Topics that were expected before they were read for certain.
    unconfirmed: HashSet<Topic>,
    is_ended: bool,
}

impl State {
    /// Adds a topic to those that end with the session. Returns whether it is another one.
    pub fn subscribe(&mut self, topics: &Topics, outbox: &Arc<Outbox>, topic: Topic) -> bool {
        self.unconfirmed.remove(&topic);
        let is_another = self.topics.insert(topic.clone());
        if is_another {
            topics.subscribe(topic, outbox);
        }
        is_another
    }

    /// Lets go of a topic.
    pub fn unsubscribe(&mut self, topics: &Topics, outbox: &Arc<Outbox>, topic: &Topic) {
        self.unconfirmed.remove(topic);
        if self.topics.remove(topic) {
            topics.unsubscribe(topic, outbox);
        }
    }

    /// Lets go of what it holds, ends all watches, and returns which these were.
    pub fn end_watches(&mut self, topics: &Topics, outbox: &Arc<Outbox>) -> Vec<WatchId> {
        self.held.clear();
        let watches: Vec<WatchId> = std::mem::take(&mut self.watches).into_keys().collect();
        for watch in &watches {
            self.unsubscribe(topics, outbox, &Topic::Presence(*watch));
        }
        watches
    }
}

impl Session {
    pub fn new(
        identity: &Identity,
        connected_at: Timestamp,
        agent: Option<String>,
        outbox: Arc<Outbox>,
    ) -> Self {
        Self {
            id: identity.session_id,
            user_id: identity.user_id,
            kind: identity.kind,
            connected_at,
            agent,
            outbox,
            state: Mutex::default(),
        }
    }

    /// What changes of it, unless it has ended.
    pub fn state(&self) -> Option<MutexGuard<'_, State>> {
        let state = self.state.lock();
        (!state.is_ended).then_some(state)
    }

    /// Whether it hears of a match.
    pub fn is_in_match(&self) -> bool {
        self.state().is_some_and(|state| state.topics.iter().any(|topic| matches!(topic, Topic::Match(_))))
    }

    /// From now on the session hears of this topic.
    pub fn subscribe(&self, topics: &Topics, topic: Topic) {
        if let Some(mut state) = self.state() {
            state.subscribe(topics, &self.outbox, topic);
        }
    }

    /// From now on the session does not hear of this topic.
    pub fn unsubscribe(&self, topics: &Topics, topic: &Topic) {
        if let Some(mut state) = self.state() {
            state.unsubscribe(topics, &self.outbox, topic);
        }
    }

    /// Subscribes to what was read to be the session's own, before that is read once more for certain.
    pub fn expect(&self, topics: &Topics, expected: Vec<Topic>) {
        let Some(mut state) = self.state() else { return };
        for topic in expected {
            if state.topics.insert(topic.clone()) {
                topics.subscribe(topic.clone(), &self.outbox);
                state.unconfirmed.insert(topic);
            }
        }
    }

    /// Takes back what was expected, is not in `certain`, and was not subscribed by anybody else meanwhile.
    pub fn confirm(&self, topics: &Topics, certain: &[Topic]) {
        let Some(mut state) = self.state() else { return };
        for topic in std::mem::take(&mut state.unconfirmed) {
            if !certain.contains(&topic) {
                state.topics.remove(&topic);
                topics.unsubscribe(&topic, &self.outbox);
            }
        }
    }

    /// Ends it: it hears of nothing any more, and its socket is asked to close. Returns the watches it held.
    pub fn end(&self, topics: &Topics, closing: Closing) -> Vec<WatchId> {
        let mut state = self.state.lock();
        for topic in std::mem::take(&mut state.topics) {
            topics.unsubscribe(&topic, &self.outbox);
        }
        self.outbox.close(closing);
        let ended = std::mem::replace(&mut *state, State { is_ended: true, ..State::default() });
        ended.watches.into_keys().collect()
    }

    pub fn describe(&self, is_attached: bool) -> Connected {
        Connected {
            session_id: self.id,
            user_id: self.user_id,
            kind: self.kind,
            connected_at: self.connected_at,
            is_attached,
            agent: self.agent.clone(),
        }
    }
}
