//! The order of what one caller tells one entity, kept while a command is on its way and while it is carried out.
//!
//! A *place* is taken before anything is waited for. It has two halves: the turn, given back once the command waits in its entity's
//! order, and the mark of a command in hand, given back once it is answered. Who reads waits for both. Strangers never wait for
//! each other, and what is kept is as much as callers are at it.

use std::collections::BTreeMap;
use std::sync::Arc;

use moothall_protocol::UserId;
use parking_lot::Mutex;
use tokio::sync::{OwnedMutexGuard, OwnedRwLockReadGuard, RwLock};
use uuid::Uuid;

/// A caller and an entity.
pub(super) type Pair = (Option<UserId>, &'static str, Uuid);

/// The places of all callers.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<BTreeMap<Pair, Queue>>);

/// What one caller tells one entity.
#[derive(Clone, Debug, Default)]
struct Queue {
    /// Fair: whoever asked first goes first.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Read by commands in hand, and written by whoever waits until there is none.
    in_hand: Arc<RwLock<()>>,
    /// How many use this queue; without any it is forgotten.
    users: usize,
}

impl Queue {
    async fn answered(&self) {
        let _turn = self.turn.lock().await;
        let _all = self.in_hand.write().await;
    }
}

/// The caller's place in the order of what they tell one entity.
#[derive(Debug)]
pub struct Place<'a> {
    turn: Option<OwnedMutexGuard<()>>,
    _in_hand: OwnedRwLockReadGuard<()>,
    _use: Use<'a>,
}

impl Place<'_> {
    /// Lets the next one in: the command waits where nothing overtakes it. It is in hand until the place is dropped.
    pub(super) fn let_next(&mut self) {
        self.turn = None;
    }
}

/// Keeps a queue from being forgotten.
#[derive(Debug)]
struct Use<'a> {
    places: &'a Places,
    pair: Pair,
}

impl Drop for Use<'_> {
    fn drop(&mut self) {
        let mut queues = self.places.0.lock();
        if let Some(queue) = queues.get_mut(&self.pair) {
            queue.users -= 1;
            if queue.users == 0 {
                queues.remove(&self.pair);
            }
        }
    }
}

impl Places {
    fn enter(&self, pair: Pair) -> (Use<'_>, Queue) {
        let mut queues = self.0.lock();
        let queue = queues.entry(pair).or_default();
        queue.users += 1;
        (Use { places: self, pair }, queue.clone())
    }

    /// Takes a place, behind those taken before.
    pub async fn take(&self, pair: Pair) -> Place<'_> {
        let (in_use, queue) = self.enter(pair);
        let turn = queue.turn.lock_owned().await;
        // Never waits: who writes holds the turn meanwhile.
        let in_hand = queue.in_hand.read_owned().await;
        Place { turn: Some(turn), _in_hand: in_hand, _use: in_use }
    }

    /// Returns once all is answered for which places were taken before.
    pub async fn answered(&self, pair: Pair) {
        let (_use, queue) = self.enter(pair);
        queue.answered().await;
    }

    /// The same of all entities of this kind, however many the caller is at.
    pub async fn all_answered(&self, user: Option<UserId>, kind: &'static str) {
        let of_kind = (user, kind, Uuid::nil())..=(user, kind, Uuid::max());
        let at_it: Vec<(Use<'_>, Queue)> = {
            let mut queues = self.0.lock();
            let entered = queues.range_mut(of_kind).map(|(pair, queue)| {
                queue.users += 1;
                (Use { places: self, pair: *pair }, queue.clone())
            });
            entered.collect()
        };
        for (_use, queue) in at_it {
            queue.answered().await;
        }
    }

    /// How many queues there are.
    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.0.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn pair(number: u128) -> Pair {
        (Some(UserId::from_uuid(Uuid::from_u128(number))), "room", Uuid::nil())
    }

    async fn waits(work: impl Future<Output = ()>) -> bool {
        tokio::time::timeout(Duration::from_millis(5), work).await.is_err()
    }

    #[tokio::test]
    async fn one_caller_waits_for_their_own_and_nobody_for_a_stranger() {
        let places = Places::default();
        let first = places.take(pair(0)).await;
        for stranger in 1..5_000 {
            tokio::time::timeout(Duration::from_secs(5), places.take(pair(stranger))).await.unwrap();
        }
        assert!(tokio::time::timeout(Duration::from_millis(5), places.take(pair(0))).await.is_err());
        drop(first);
        places.take(pair(0)).await;
        assert_eq!(places.count(), 0, "nothing is kept of who has gone");
    }

    #[tokio::test]
    async fn who_reads_waits_for_what_is_in_hand() {
        let places = Places::default();
        let mut first = places.take(pair(0)).await;
        first.let_next();
        let second = places.take(pair(0)).await;
        assert!(waits(places.answered(pair(0))).await);
        drop((first, second));
        places.answered(pair(0)).await;
        assert_eq!(places.count(), 0);
    }

    #[tokio::test]
    async fn who_reads_of_all_waits_for_all_of_that_kind_and_for_nobody_else() {
        let places = Places::default();
        let (user, kind, _) = pair(0);
        let other = (user, "counter", Uuid::nil());
        let (_stranger, _other) = (places.take(pair(1)).await, places.take(other).await);
        places.all_answered(user, kind).await;
        let mut first = places.take((user, kind, Uuid::nil())).await;
        let last = places.take((user, kind, Uuid::max())).await;
        assert!(waits(places.all_answered(user, kind)).await);
        first.let_next();
        drop(last);
        assert!(waits(places.all_answered(user, kind)).await, "the first is still in hand");
        drop(first);
        places.all_answered(user, kind).await;
        assert_eq!(places.count(), 2);
    }
}
