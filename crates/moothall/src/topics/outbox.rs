//! The outbox of one session: what waits to be sent, and what was sent and may be asked for again.
//!
//! One ring under a short lock. A push never waits. Over the bound an event that only its newest matters replaces its elder,
//! one that may be lost is lost and counted, and any other closes the socket; the session can then resume.

use std::collections::VecDeque;
use std::sync::Arc;

use moothall_protocol::limits::{OUTBOX_BYTES_MAX, OUTBOX_EVENTS_MAX, RING_BYTES_MAX, RING_EVENTS_MAX};
use moothall_protocol::{Class, CloseCode};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Frame, Seq};

/// Why a socket must go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// The WebSocket close code.
    pub code: CloseCode,
    /// The reason in words.
    pub reason: String,
    /// When to come back, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It waits to be sent.
    Queued,
    /// It replaced an older one of its key.
    Replaced,
    /// It was dropped, as its class allows.
    Dropped,
    /// The outbox is over its bound; the socket closes and may resume.
    Overflowed,
}

#[derive(Debug, Default)]
struct Inner {
    /// Sent already, oldest first, kept for a resume.
    sent: VecDeque<(Seq, Arc<Frame>)>,
    sent_bytes: usize,
    /// Not sent yet. Numbered when sent, so that what is replaced leaves no gap.
    waiting: VecDeque<Arc<Frame>>,
    waiting_bytes: usize,
    last: Seq,
    closing: Option<Closing>,
    overflowed: bool,
}

/// The outbox of one session. The session's socket task takes from it; topics push into it.
#[derive(Debug, Default)]
pub struct Outbox {
    inner: Mutex<Inner>,
    changed: Notify,
}

impl Outbox {
    /// Adds a frame at the end, by the policy of its class.
    pub fn push(&self, frame: Arc<Frame>) -> Pushed {
        let pushed = self.inner.lock().push(frame);
        if pushed != Pushed::Dropped {
            self.changed.notify_one();
        }
        pushed
    }

    /// Asks the socket to close. The first reason stands.
    pub fn close(&self, closing: Closing) {
        self.inner.lock().closing.get_or_insert(closing);
        self.changed.notify_one();
    }

    /// Why the socket must go, if it must.
    pub fn closing(&self) -> Option<Closing> {
        self.inner.lock().closing.clone()
    }

    /// A new socket takes over: the reason why the last one went is forgotten.
    pub fn reopen(&self) {
        let mut inner = self.inner.lock();
        inner.closing = None;
        inner.overflowed = false;
    }

    /// Waits until there is something to take, or a reason to close.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Takes up to `max` frames, numbers them and keeps them for a resume.
    pub fn take(&self, max: usize) -> Vec<(Seq, Arc<Frame>)> {
        self.inner.lock().take(max)
    }

    /// What was sent after `seen`; `None` if some of it is not kept any more.
    pub fn since(&self, seen: Seq) -> Option<Vec<(Seq, Arc<Frame>)>> {
        let inner = self.inner.lock();
        if inner.overflowed || seen > inner.last {
            return None;
        }
        let oldest = inner.sent.front().map_or(inner.last + 1, |(seq, _)| *seq);
        if seen + 1 < oldest {
            return None;
        }
        Some(inner.sent.iter().filter(|(seq, _)| *seq > seen).cloned().collect())
    }

    /// Forgets everything that was sent or waits: a fresh snapshot follows. Numbers go on.
    pub fn clear(&self) {
        let mut inner = self.inner.lock();
        *inner = Inner { last: inner.last, ..Inner::default() };
    }

    /// The number of the last event that was sent.
    pub fn last(&self) -> Seq {
        self.inner.lock().last
    }
}

impl Inner {
    fn push(&mut self, frame: Arc<Frame>) -> Pushed {
        if self.overflowed {
            return Pushed::Overflowed;
        }
        if let Class::Latest(key) = frame.event().class() {
            let same = |other: &Arc<Frame>| other.event().class() == Class::Latest(key.clone());
            if let Some(place) = self.waiting.iter().position(same) {
                if let Some(old) = self.waiting.remove(place) {
                    self.waiting_bytes -= old.weight();
                }
                self.add(frame);
                return Pushed::Replaced;
            }
        }
        let is_full =
            self.waiting.len() >= OUTBOX_EVENTS_MAX || self.waiting_bytes + frame.weight() > OUTBOX_BYTES_MAX;
        if is_full {
            if frame.event().class() == Class::Droppable {
                metrics::counter!("outbox_dropped_total").increment(1);
                return Pushed::Dropped;
            }
            self.overflowed = true;
            self.closing.get_or_insert(Closing {
                code: CloseCode::SlowConsumer,
                reason: "the client reads too slowly: resume".into(),
                retry_after_ms: None,
            });
            metrics::counter!("outbox_overflowed_total").increment(1);
            return Pushed::Overflowed;
        }
        self.add(frame);
        Pushed::Queued
    }

    fn add(&mut self, frame: Arc<Frame>) {
        self.waiting_bytes += frame.weight();
        self.waiting.push_back(frame);
    }

    fn take(&mut self, max: usize) -> Vec<(Seq, Arc<Frame>)> {
        let count = max.min(self.waiting.len());
        let taken: Vec<_> = self
            .waiting
            .drain(..count)
            .map(|frame| {
                self.last += 1;
                (self.last, frame)
            })
            .collect();
        for (seq, frame) in &taken {
            self.waiting_bytes -= frame.weight();
            self.sent_bytes += frame.weight();
            self.sent.push_back((*seq, Arc::clone(frame)));
        }
        while self.sent.len() > RING_EVENTS_MAX || self.sent_bytes > RING_BYTES_MAX {
            let Some((_, old)) = self.sent.pop_front() else { break };
            self.sent_bytes -= old.weight();
        }
        taken
    }
}
