//! The outbox of one session: what waits to be sent, and what was sent and may be asked for again.
//!
//! Start at [`Outbox::push`] for the side of the topics and at [`Reader`] for the side of the socket. A push never waits. The promise:
//! a reader gets every event of a stream once and in order, or the stream is over and a fresh snapshot begins another.
//!
//! Bounds: with a reader, 256 waiting events make it a slow consumer, which is told to close; its session can resume, for the
//! outbox goes on to collect up to 512 events or 1 MiB, as it does for a session without a socket. Over that bound an event that may
//! be lost is lost and counted; any other ends the stream. Sent events are kept up to 512 or 256 KiB.

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

impl Closing {
    /// A reason in words, and no time to come back.
    pub fn new(code: CloseCode, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), retry_after_ms: None }
    }
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
    /// There was no room, or none before: the stream is over.
    Over,
}

/// The outbox of one session. Topics push into it, one [`Reader`] at a time takes from it.
#[derive(Debug, Default)]
pub struct Outbox(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Sent already, oldest first, kept for a resume.
    sent: VecDeque<(Seq, Arc<Frame>)>,
    sent_bytes: usize,
    /// Not sent yet. Numbered when sent, so that what is replaced leaves no gap.
    waiting: VecDeque<Arc<Frame>>,
    waiting_bytes: usize,
    /// The number of the last event that was sent.
    last: Seq,
    /// Which stream this is: a reader that prepares one loses to a later one.
    epoch: u64,
    /// Something that had to arrive found no room.
    is_over: bool,
    /// Wakes the reader. The reader is known by it.
    reader: Option<Arc<Notify>>,
    /// Why the reader must go.
    closing: Option<Closing>,
}

impl Outbox {
    /// Adds a frame at the end, by the policy of its class.
    pub fn push(&self, frame: Arc<Frame>) -> Pushed {
        let mut inner = self.0.lock();
        let pushed = inner.push(frame);
        inner.wake();
        pushed
    }

    /// Asks the reader to close, once it has taken what waits. The first reason stands.
    pub fn close(&self, closing: Closing) {
        let mut inner = self.0.lock();
        if inner.reader.is_some() {
            inner.closing.get_or_insert(closing);
            inner.wake();
        }
    }

    /// Begins to collect for another stream: forgets what was sent or waits, and sends the reader away. What is pushed from now on
    /// follows the first event of the new stream, which [`Outbox::begin`] sends.
    pub fn restart(&self) -> u64 {
        let mut inner = self.0.lock();
        inner.replace_reader(None);
        let epoch = inner.epoch + 1;
        *inner = Inner { epoch, ..Inner::default() };
        epoch
    }

    /// Begins the stream of this epoch with its first event, in front of what was pushed since [`Outbox::restart`].
    pub fn begin(self: &Arc<Self>, epoch: u64, first: Arc<Frame>) -> Result<Reader, NotBegun> {
        let mut inner = self.0.lock();
        if inner.epoch != epoch {
            return Err(NotBegun::Replaced);
        }
        if inner.is_over {
            return Err(NotBegun::Over);
        }
        inner.waiting_bytes += first.weight();
        inner.waiting.push_front(first);
        Ok(inner.attach(self))
    }

    /// Goes on with the stream after `seen`: a reader, and all that comes after that number by now. `None` if some of it is not
    /// kept any more.
    pub fn resume(self: &Arc<Self>, seen: Seq) -> Option<(Reader, Vec<(Seq, Arc<Frame>)>)> {
        let mut inner = self.0.lock();
        let kept_from = inner.sent.front().map_or(inner.last + 1, |(seq, _)| *seq);
        if inner.is_over || inner.last == 0 || seen > inner.last || seen + 1 < kept_from {
            return None;
        }
        let mut missed: Vec<_> = inner.sent.iter().filter(|(seq, _)| *seq > seen).cloned().collect();
        missed.extend(inner.take(usize::MAX));
        Some((inner.attach(self), missed))
    }
}

/// Why a stream did not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotBegun {
    /// A newer reader began another.
    Replaced,
    /// More was pushed than the outbox holds: restart, and try again.
    Over,
}

impl Inner {
    fn push(&mut self, frame: Arc<Frame>) -> Pushed {
        if self.is_over {
            return Pushed::Over;
        }
        let mut pushed = Pushed::Queued;
        if let Class::Latest(_) = frame.class()
            && let Some(place) = self.waiting.iter().position(|other| other.class() == frame.class())
            && let Some(old) = self.waiting.remove(place)
        {
            self.waiting_bytes -= old.weight();
            pushed = Pushed::Replaced;
        }
        let is_droppable = *frame.class() == Class::Droppable;
        let is_slow = self.reader.is_some() && self.waiting.len() >= OUTBOX_EVENTS_MAX;
        let is_full =
            self.waiting.len() >= RING_EVENTS_MAX || self.waiting_bytes + frame.weight() > OUTBOX_BYTES_MAX;
        if is_droppable && (is_slow || is_full) {
            metrics::counter!("outbox_dropped_total").increment(1);
            return Pushed::Dropped;
        }
        if (is_slow || is_full) && self.reader.is_some() && self.closing.is_none() {
            metrics::counter!("outbox_slow_total").increment(1);
            self.closing = Some(Closing::new(CloseCode::SlowConsumer, "the client reads too slowly: resume"));
        }
        if is_full {
            metrics::counter!("outbox_over_total").increment(1);
            self.end_stream();
            return Pushed::Over;
        }
        self.waiting_bytes += frame.weight();
        self.waiting.push_back(frame);
        pushed
    }

    /// What is kept is of no use without what found no room: it makes room at once.
    fn end_stream(&mut self) {
        self.is_over = true;
        (self.sent, self.waiting) = (VecDeque::new(), VecDeque::new());
        (self.sent_bytes, self.waiting_bytes) = (0, 0);
    }

    /// Takes up to `max` waiting frames, numbers them and keeps them for a resume.
    fn take(&mut self, max: usize) -> Vec<(Seq, Arc<Frame>)> {
        let count = max.min(self.waiting.len());
        let mut taken = Vec::with_capacity(count);
        for frame in self.waiting.drain(..count) {
            self.last += 1;
            self.waiting_bytes -= frame.weight();
            self.sent_bytes += frame.weight();
            self.sent.push_back((self.last, Arc::clone(&frame)));
            taken.push((self.last, frame));
        }
        while self.sent.len() > RING_EVENTS_MAX || self.sent_bytes > RING_BYTES_MAX {
            let Some((_, old)) = self.sent.pop_front() else { break };
            self.sent_bytes -= old.weight();
        }
        if self.waiting.is_empty() {
            // An idle session holds no room for what once waited.
            self.waiting.shrink_to(0);
        }
        taken
    }

    fn attach(&mut self, outbox: &Arc<Outbox>) -> Reader {
        let wake = Arc::new(Notify::new());
        // There may be something to take at once.
        wake.notify_one();
        self.replace_reader(Some(Arc::clone(&wake)));
        Reader { outbox: Arc::clone(outbox), wake }
    }

    fn replace_reader(&mut self, reader: Option<Arc<Notify>>) {
        self.wake();
        self.reader = reader;
        self.closing = None;
    }

    fn wake(&self) {
        if let Some(reader) = &self.reader {
            reader.notify_one();
        }
    }
}

/// The end of an outbox that a socket takes from. A newer reader replaces an older one; the outbox goes on without any.
#[derive(Debug)]
pub struct Reader {
    outbox: Arc<Outbox>,
    wake: Arc<Notify>,
}

impl Reader {
    /// Takes up to `max` events with their numbers; none if none waits. An error says that the socket must close, and comes after
    /// what waited, unless the socket is too slow or replaced.
    pub fn take(&self, max: usize) -> Result<Vec<(Seq, Arc<Frame>)>, Closing> {
        let mut inner = self.outbox.0.lock();
        self.check(&inner)?;
        match &inner.closing {
            Some(closing) if inner.waiting.is_empty() => Err(closing.clone()),
            _ => Ok(inner.take(max)),
        }
    }

    /// Whether the socket must close, whatever waits.
    pub fn must_close(&self) -> Result<(), Closing> {
        self.check(&self.outbox.0.lock())
    }

    fn check(&self, inner: &Inner) -> Result<(), Closing> {
        if !inner.reader.as_ref().is_some_and(|reader| Arc::ptr_eq(reader, &self.wake)) {
            return Err(Closing::new(CloseCode::Replaced, "a newer socket took this one's place"));
        }
        match &inner.closing {
            Some(closing) if closing.code == CloseCode::SlowConsumer => Err(closing.clone()),
            _ => Ok(()),
        }
    }

    /// Waits until there may be something to take.
    pub async fn changed(&self) {
        self.wake.notified().await;
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut inner = self.outbox.0.lock();
        if inner.reader.as_ref().is_some_and(|reader| Arc::ptr_eq(reader, &self.wake)) {
            inner.replace_reader(None);
        }
    }
}

#[cfg(test)]
mod tests;
