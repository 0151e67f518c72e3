//! The pace at which sockets are woken: in ticks under load, and never too many at once.
//!
//! System calls are the cost of telling many: a write costs the same whether it carries one event or sixteen. So a socket that has just
//! been written to is *held* for a tick, and what comes meanwhile leaves together; a quiet socket is written to at once. And an
//! event for thousands wakes them in portions, between which everybody else has a turn: a large room delays nobody's conversation.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Outbox;

/// How long what comes for a socket may wait, if something was written to it just before. Measured: see `docs/performance.md`.
const TICK: Duration = Duration::from_millis(2);
/// Sockets woken at once. A worker of the runtime looks for news from other sockets, and at the pacer, after every 61 turns: what is woken
/// at once must be fewer, or what is woken already grows into a queue of thousands in which every conversation waits.
const PORTION: usize = 32;

/// Wakes sockets in good time. Bounded by the sockets there are: each is held once at most, and has one waker.
#[derive(Debug, Default)]
pub struct Pacer {
    /// Released at the next tick.
    held: Mutex<Vec<Weak<Outbox>>>,
    is_held: Notify,
    /// To be woken as soon as others have had a turn.
    waiting: Mutex<VecDeque<Waker>>,
    is_waiting: Notify,
}

impl Pacer {
    /// The outbox was read from: what comes for it now waits for the next tick.
    pub(super) fn hold(&self, outbox: &Arc<Outbox>) {
        let mut held = self.held.lock();
        held.push(Arc::downgrade(outbox));
        if held.len() == 1 {
            self.is_held.notify_one();
        }
    }

    /// Wakes all of these: at once if they are few, else in portions.
    pub(super) fn wake(&self, wakers: Vec<Waker>) {
        if wakers.len() <= PORTION {
            wakers.into_iter().for_each(Waker::wake);
        } else {
            self.waiting.lock().extend(wakers);
            self.is_waiting.notify_one();
        }
    }

    /// Runs for as long as the server does.
    pub(super) async fn run(&self) {
        tokio::join!(self.tick(), self.wake_in_portions());
    }

    async fn tick(&self) {
        loop {
            self.is_held.notified().await;
            // The clock of the machine: this is about the network, and no rule hangs on it.
            tokio::time::sleep(TICK).await;
            let held = std::mem::take(&mut *self.held.lock());
            let due = held.iter().filter_map(Weak::upgrade).filter_map(|outbox| outbox.release());
            self.wake(due.collect());
        }
    }

    async fn wake_in_portions(&self) {
        loop {
            self.is_waiting.notified().await;
            loop {
                let portion: Vec<Waker> = {
                    let mut waiting = self.waiting.lock();
                    let count = waiting.len().min(PORTION);
                    waiting.drain(..count).collect()
                };
                if portion.is_empty() {
                    break;
                }
                portion.into_iter().for_each(Waker::wake);
                tokio::task::yield_now().await;
            }
        }
    }
}
