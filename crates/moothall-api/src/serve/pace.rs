//! The pace a client must keep, as a wrapper of its stream.
//!
//! hyper reads and writes through [`Paced`], and the service tells [`Pace`] where in the exchange they are. When hyper has to
//! wait for the client, the wrapper waits for the deadline too, and ends the connection when that comes first.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::StatusCode;
use hyper::body::Body as _;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::Timeouts;
use crate::rest::reply::Response;

/// Where in the exchange a connection is.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Waits for a request, since then.
    Idle(Instant),
    /// Has begun to send a request's head, then.
    Head(Instant),
    /// The request is in hand; its body has a deadline of its own, and so has the operation.
    Busy,
    /// Was answered then, before it sent all of its body: what is left is thrown away, and the next request may follow it.
    Discarding(Instant),
    /// Has become a socket, which keeps a pace of its own.
    Socket,
}

/// The pace of one connection. Shared by its stream and its service, which run in one task.
#[derive(Debug)]
pub(super) struct Pace {
    timeouts: Timeouts,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// Since when the client takes nothing of what is written.
    stalled: Option<Instant>,
    /// By when the answer must be taken whole.
    answer_by: Option<Instant>,
}

impl Pace {
    pub fn new(timeouts: Timeouts) -> Self {
        Self {
            timeouts,
            state: Mutex::new(State { phase: Phase::Idle(Instant::now()), stalled: None, answer_by: None }),
        }
    }

    /// A request's head has been read.
    pub fn head_is_here(&self) {
        self.state.lock().phase = Phase::Busy;
    }

    /// The answer is ready to be written.
    pub fn answered(&self, response: &Response, is_body_left: bool) {
        let now = Instant::now();
        let length = response.body().size_hint().lower();
        let whole = Duration::from_secs(length / u64::from(self.timeouts.answer_bytes_per_second.max(1)));
        let mut state = self.state.lock();
        state.answer_by = Some(now + self.timeouts.stall + whole);
        state.phase = match response.status() {
            StatusCode::SWITCHING_PROTOCOLS => Phase::Socket,
            _ if is_body_left => Phase::Discarding(now),
            _ => Phase::Idle(now),
        };
    }

    fn has_read(&self) {
        let mut state = self.state.lock();
        if let Phase::Idle(_) = state.phase {
            state.phase = Phase::Head(Instant::now());
        }
    }

    fn has_written(&self) {
        let mut state = self.state.lock();
        state.stalled = None;
        // The wait for the next request begins when this answer is taken.
        if let Phase::Idle(since) = &mut state.phase {
            *since = Instant::now();
        }
    }

    fn has_flushed(&self) {
        self.state.lock().stalled = None;
    }

    fn cannot_write(&self) {
        self.state.lock().stalled.get_or_insert_with(Instant::now);
    }

    fn deadline(&self) -> Option<Instant> {
        let state = self.state.lock();
        let for_request = match state.phase {
            Phase::Idle(since) => Some(since + self.timeouts.idle),
            Phase::Head(since) => Some(since + self.timeouts.head),
            Phase::Discarding(since) => Some(since + self.timeouts.body),
            Phase::Busy => None,
            Phase::Socket => return None,
        };
        // Whoever takes a byte now and then does not stall, and yet must come to an end.
        let for_answer = state.stalled.map(|since| since + self.timeouts.stall);
        let for_whole = state.stalled.and(state.answer_by);
        for_request.into_iter().chain(for_answer).chain(for_whole).min()
    }
}

/// A stream whose client keeps its pace, or loses it.
#[derive(Debug)]
pub(super) struct Paced<S> {
    stream: S,
    pace: Arc<Pace>,
    sleep: Pin<Box<Sleep>>,
}

impl<S> Paced<S> {
    pub fn new(stream: S, pace: Arc<Pace>) -> Self {
        let first = pace.deadline().unwrap_or_else(Instant::now);
        Self { stream, pace, sleep: Box::pin(tokio::time::sleep_until(first)) }
    }

    /// The stream, whose pace is no longer kept here.
    pub fn into_inner(self) -> S {
        self.stream
    }

    /// The client keeps us waiting: until when?
    fn poll_deadline<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let Some(deadline) = self.pace.deadline() else { return Poll::Pending };
        if self.sleep.deadline() != deadline {
            self.sleep.as_mut().reset(deadline);
        }
        ready!(self.sleep.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn after_write<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.pace.has_written();
            return written;
        }
        self.pace.cannot_write();
        self.poll_deadline(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if read.is_ready() {
            self.pace.has_read();
            return read;
        }
        self.poll_deadline(cx)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.after_write(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.after_write(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Over TLS a write is taken into a buffer, and it is here that one waits for the client.
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Ready(flushed) => flushed?,
            Poll::Pending => {
                self.pace.cannot_write();
                return self.poll_deadline(cx);
            }
        }
        self.pace.has_flushed();
        // hyper, which waits for bytes since before the answer, does not ask for them again: the wait is begun here.
        match self.poll_deadline(cx) {
            Poll::Ready(late) => Poll::Ready(late),
            Poll::Pending => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.after_write(cx, shut)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt as _, ReadBuf};

    use super::*;

    /// Takes every byte into a buffer and hands none on, as a stream over TLS does whose peer reads nothing.
    struct Clogged;

    impl AsyncRead for Clogged {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Clogged {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn whoever_takes_nothing_out_of_a_buffer_stalls_as_well() {
        let timeouts = Timeouts { stall: Duration::from_millis(50), ..Timeouts::default() };
        let pace = Arc::new(Pace::new(timeouts));
        pace.head_is_here();
        let mut stream = Paced::new(Clogged, pace);
        let started = Instant::now();
        stream.write_all(b"an answer").await.unwrap();
        let late = stream.flush().await.unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
        assert!(started.elapsed() >= timeouts.stall);
        stream.shutdown().await.unwrap_err();
    }
}
