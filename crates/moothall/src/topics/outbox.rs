//! The outbox of one session: what waits to be sent, and what was sent and may be asked for again.
//!
//! Start at [`Outbox::push`] for the side of the topics and at [`Reader`] for the side of the socket. A push never waits. The promise:
//! a reader gets every event of a stream once and in order, or the stream is over and a fresh snapshot begins another.
//!
//! A reader that has just taken something is *held* until the next tick of the [`Pacer`]: under load, what comes within a tick leaves in one
//! write, and wakes the socket once; when it is quiet, nothing waits.
//!
//! Bounds: with a reader, 256 waiting events make it a slow consumer, which is told to close; its session can resume, for the
//! outbox goes on to collect up to 512 events or 1 MiB, as it does for a session without a socket. Over that bound an event that may
//! be lost is lost and counted; any other ends the stream. Sent events are kept up to 512 or 256 KiB.

use std::collections::{HashSet, VecDeque};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use moothall_protocol::UserId;
use moothall_protocol::limits::{OUTBOX_BYTES_MAX, OUTBOX_EVENTS_MAX, RING_BYTES_MAX, RING_EVENTS_MAX};
use moothall_protocol::{Class, CloseCode};
use parking_lot::Mutex;

use super::{Frame, Pacer, Seq};

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
pub struct Outbox {
    /// Whose session this is: some frames are not for everybody on their topic.
    user: Option<UserId>,
    /// Without one, the reader takes whenever something waits.
    pacer: Option<Arc<Pacer>>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The latest that were sent, oldest first, kept for a resume.
    sent: VecDeque<Arc<Frame>>,
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
    /// Counts the readers; the one with this number is attached, if `is_read`.
    reader: u64,
    is_read: bool,
    /// Wakes the reader.
    waker: Option<Waker>,
    /// The reader has taken something since the last tick.
    is_held: bool,
    /// Why the reader must go.
    closing: Option<Closing>,
    /// Those whose words its user does not want to hear: nearly nobody has any.
    deaf_to: Option<Arc<HashSet<UserId>>>,
}

impl Outbox {
    /// The outbox of a session of this user.
    pub fn new(user: UserId, pacer: Arc<Pacer>) -> Self {
        Self { user: Some(user), pacer: Some(pacer), inner: Mutex::default() }
    }

    /// Whose it is.
    pub(super) fn user(&self) -> Option<UserId> {
        self.user
    }

    /// Adds a frame at the end, by the policy of its class.
    pub fn push(&self, frame: Arc<Frame>) -> Pushed {
        let mut inner = self.inner.lock();
        let pushed = inner.push(frame);
        let waker = inner.waker_if_due();
        drop(inner);
        waker.inspect(Waker::wake_by_ref);
        pushed
    }

    /// Adds those of the frames that are for its user, and returns what wakes its reader if that is due.
    pub(super) fn offer(&self, frames: &[Arc<Frame>]) -> Option<Waker> {
        let mut inner = self.inner.lock();
        for frame in frames.iter().filter(|frame| frame.is_for(self.user)) {
            if !inner.is_deaf_to(frame) {
                inner.push(Arc::clone(frame));
            }
        }
        inner.waker_if_due()
    }

    /// From now on nothing that these say comes here.
    pub(crate) fn be_deaf_to(&self, users: &Arc<HashSet<UserId>>) {
        self.inner.lock().deaf_to = (!users.is_empty()).then(|| Arc::clone(users));
    }

    /// The tick has come: the reader may take again. Returns what wakes it, if something waits.
    pub(super) fn release(&self) -> Option<Waker> {
        let mut inner = self.inner.lock();
        inner.is_held = false;
        if inner.waiting.is_empty() {
            // An idle session holds no room for what once waited.
            inner.waiting = VecDeque::new();
        }
        inner.waker_if_due()
    }

    /// Asks the reader to close, once it has taken what waits. The first reason stands.
    pub fn close(&self, closing: Closing) {
        let mut inner = self.inner.lock();
        if inner.is_read {
            inner.closing.get_or_insert(closing);
            inner.wake();
        }
    }

    /// Begins to collect for another stream: forgets what was sent or waits, and sends the reader away. What is pushed from now on
    /// follows the first event of the new stream, which [`Outbox::begin`] sends.
    pub fn restart(&self) -> u64 {
        let mut inner = self.inner.lock();
        inner.let_go();
        let (epoch, reader) = (inner.epoch + 1, inner.reader);
        let deaf_to = inner.deaf_to.take();
        *inner = Inner { epoch, reader, deaf_to, ..Inner::default() };
        epoch
    }

    /// Begins the stream of this epoch with its first event, in front of what was pushed since [`Outbox::restart`].
    pub fn begin(self: &Arc<Self>, epoch: u64, first: Arc<Frame>) -> Result<Reader, NotBegun> {
        let mut inner = self.inner.lock();
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
        let mut inner = self.inner.lock();
        let kept_after = inner.last - inner.sent.len() as u64;
        if inner.is_over || inner.last == 0 || seen > inner.last || seen < kept_after {
            return None;
        }
        let known = (seen - kept_after) as usize;
        let mut missed: Vec<_> = (seen + 1..).zip(inner.sent.iter().skip(known).cloned()).collect();
        inner.take(usize::MAX, |seq, frame| missed.push((seq, Arc::clone(frame))));
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
    fn push(&mut self, mut frame: Arc<Frame>) -> Pushed {
        if self.is_over {
            return Pushed::Over;
        }
        let mut pushed = Pushed::Queued;
        if let Class::Latest(_) | Class::Difference(_) = frame.class()
            && let Some(place) = self.waiting.iter().position(|other| other.class() == frame.class())
            && let Some(newest) = frame.instead()
            && let Some(old) = self.waiting.remove(place)
        {
            self.waiting_bytes -= old.weight();
            (frame, pushed) = (newest, Pushed::Replaced);
        }
        let is_droppable = *frame.class() == Class::Droppable;
        let is_slow = self.is_read && self.waiting.len() >= OUTBOX_EVENTS_MAX;
        let is_full =
            self.waiting.len() >= RING_EVENTS_MAX || self.waiting_bytes + frame.weight() > OUTBOX_BYTES_MAX;
        if is_droppable && (is_slow || is_full) {
            metrics::counter!("outbox_dropped_total").increment(1);
            return Pushed::Dropped;
        }
        if (is_slow || is_full) && self.is_read && self.closing.is_none() {
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
    fn take(&mut self, max: usize, mut visit: impl FnMut(Seq, &Arc<Frame>)) -> usize {
        let count = max.min(self.waiting.len());
        for frame in self.waiting.drain(..count) {
            self.last += 1;
            self.waiting_bytes -= frame.weight();
            visit(self.last, &frame);
            // Whoever resumes has seen the first event: the token to resume with stands in it.
            if self.last > 1 {
                self.sent_bytes += frame.weight();
                self.sent.push_back(frame);
            }
        }
        while self.sent.len() > RING_EVENTS_MAX || self.sent_bytes > RING_BYTES_MAX {
            let Some(old) = self.sent.pop_front() else { break };
            self.sent_bytes -= old.weight();
        }
        count
    }

    fn attach(&mut self, outbox: &Arc<Outbox>) -> Reader {
        self.let_go();
        (self.is_read, self.reader) = (true, self.reader + 1);
        Reader { outbox: Arc::clone(outbox), number: self.reader }
    }

    /// Sends the reader away.
    fn let_go(&mut self) {
        self.wake();
        (self.is_read, self.closing) = (false, None);
    }

    fn is_deaf_to(&self, frame: &Frame) -> bool {
        let Some(users) = &self.deaf_to else { return false };
        frame.author().is_some_and(|author| users.contains(&author))
    }

    fn is_due(&self) -> bool {
        self.closing.is_some() || !self.waiting.is_empty() && !self.is_held
    }

    fn waker_if_due(&mut self) -> Option<Waker> {
        if self.is_due() { self.waker.take() } else { None }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// The end of an outbox that a socket takes from. A newer reader replaces an older one; the outbox goes on without any.
#[derive(Debug)]
pub struct Reader {
    outbox: Arc<Outbox>,
    number: u64,
}

impl Reader {
    /// Takes up to `max` events with their numbers; none if none waits. An error says that the socket must close, and comes after
    /// what waited, unless the socket is too slow or replaced.
    pub fn take(&self, max: usize) -> Result<Vec<(Seq, Arc<Frame>)>, Closing> {
        let mut taken = Vec::new();
        self.visit(max, |seq, frame| taken.push((seq, Arc::clone(frame))))?;
        Ok(taken)
    }

    /// As [`Reader::take`], one after the other, while the outbox is locked. Returns how many there were.
    pub fn visit(&self, max: usize, visit: impl FnMut(Seq, &Arc<Frame>)) -> Result<usize, Closing> {
        let mut inner = self.outbox.inner.lock();
        self.check(&inner)?;
        if let Some(closing) = &inner.closing
            && inner.waiting.is_empty()
        {
            return Err(closing.clone());
        }
        let count = inner.take(max, visit);
        // Who has not taken all comes again by themselves.
        if let Some(pacer) = &self.outbox.pacer
            && count > 0
            && inner.waiting.is_empty()
            && !std::mem::replace(&mut inner.is_held, true)
        {
            drop(inner);
            pacer.hold(&self.outbox);
        }
        Ok(count)
    }

    /// Whether the socket must close, whatever waits.
    pub fn must_close(&self) -> Result<(), Closing> {
        self.check(&self.outbox.inner.lock())
    }

    fn check(&self, inner: &Inner) -> Result<(), Closing> {
        if !self.is_attached(inner) {
            return Err(Closing::new(CloseCode::Replaced, "a newer socket took this one's place"));
        }
        match &inner.closing {
            Some(closing) if closing.code == CloseCode::SlowConsumer => Err(closing.clone()),
            _ => Ok(()),
        }
    }

    fn is_attached(&self, inner: &Inner) -> bool {
        inner.is_read && inner.reader == self.number
    }

    /// Whether it is time to take; if not, the task is woken when it is.
    pub fn poll_changed(&self, task: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.outbox.inner.lock();
        if !self.is_attached(&inner) || inner.is_due() {
            return Poll::Ready(());
        }
        if !inner.waker.as_ref().is_some_and(|waker| waker.will_wake(task.waker())) {
            inner.waker = Some(task.waker().clone());
        }
        Poll::Pending
    }

    /// Waits until it is time to take.
    pub async fn changed(&self) {
        poll_fn(|task| self.poll_changed(task)).await;
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut inner = self.outbox.inner.lock();
        if self.is_attached(&inner) {
            inner.let_go();
        }
    }
}

#[cfg(test)]
mod tests;
