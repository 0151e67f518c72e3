//! The bytes of one socket, as messages of our protocol. What is above it knows nothing of WebSocket frames.
//!
//! Both directions are polled by one task, so neither holds up the other: a client that does not read can still be heard.

use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use moothall::topics::{Encoding, Frame, Seq};
use moothall_protocol::limits::{SOCKET_IN_FLIGHT_MAX, SOCKET_MESSAGE_BYTES_MAX};
use moothall_socket::{Deflate, Kind, Options, Received as Arrived, Socket};
use tokio::time::Instant;

use crate::serve::Stream;

/// Messages that wait to be written before no more events are taken.
const EVENTS_WAITING_MAX: usize = 64;
/// Messages that wait to be written before no more requests are read: the above, and the answers to all in flight.
const WAITING_MAX: usize = EVENTS_WAITING_MAX + SOCKET_IN_FLIGHT_MAX;

/// What came from the client.
#[derive(Debug)]
pub(super) enum Received {
    /// A message.
    Message(Bytes),
    /// A sign of life.
    Alive,
    /// The client says goodbye.
    Goodbye,
    /// The client breaks the rules: which, in words.
    Broken(String),
    /// The connection is gone.
    Lost,
}

/// One socket's connection.
#[derive(Debug)]
pub(super) struct Transport {
    socket: Socket<Stream>,
    encoding: Encoding,
    /// Since when the client takes nothing of what waits.
    stalled_since: Option<Instant>,
}

impl Transport {
    /// Over a stream whose handshake is done, with what was already read of what follows it.
    pub fn new(stream: Stream, already_read: Bytes, encoding: Encoding, deflate: Option<Deflate>) -> Self {
        let options = Options { message_bytes_max: SOCKET_MESSAGE_BYTES_MAX, deflate };
        Self { socket: Socket::new(stream, already_read, options), encoding, stalled_since: None }
    }

    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// How many events there is room for.
    pub fn room(&self) -> usize {
        EVENTS_WAITING_MAX.saturating_sub(self.socket.waiting())
    }

    /// Whether more may be asked of us, or there are too many answers to be taken first.
    pub fn may_read(&self) -> bool {
        self.socket.waiting() < WAITING_MAX
    }

    pub fn stalled_since(&self) -> Option<Instant> {
        self.stalled_since
    }

    fn kind(&self) -> Kind {
        match self.encoding {
            Encoding::Json => Kind::Text,
            Encoding::MessagePack => Kind::Binary,
        }
    }

    /// Has a message written, after those before it.
    pub fn send(&mut self, message: Vec<u8>) {
        self.socket.send(self.kind(), message);
    }

    /// Has an event written, after all before it.
    pub fn send_event(&mut self, seq: Seq, frame: &Frame) {
        let head = frame.head(self.encoding, seq);
        self.socket.send_shared(self.kind(), &head, frame.tail(self.encoding));
    }

    /// Asks the client for a sign of life.
    pub fn ping(&mut self) {
        self.socket.ping(&[]);
    }

    /// Says goodbye, after all that waits.
    pub fn close(&mut self, code: u16, reason: &str) {
        self.socket.close(code, reason);
    }

    /// Writes what waits, as far as the client takes it. An error says that the connection is gone.
    pub fn poll_flush(&mut self, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        let waiting = self.socket.waiting_bytes();
        let flushed = self.socket.poll_flush(task);
        let takes_some = flushed.is_ready() || self.socket.waiting_bytes() < waiting;
        self.stalled_since = match self.stalled_since {
            _ if flushed.is_ready() => None,
            Some(since) if !takes_some => Some(since),
            _ => Some(Instant::now()),
        };
        flushed
    }

    /// Writes what waits, and ends our side of the connection.
    pub fn poll_shutdown(&mut self, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_shutdown(task)
    }

    /// What the client sends next.
    pub fn poll_receive(&mut self, task: &mut Context<'_>) -> Poll<Received> {
        self.socket.poll_receive(task).map(|arrived| match arrived {
            Arrived::Message { kind, bytes } if kind == self.kind() => Received::Message(bytes),
            Arrived::Message { kind: Kind::Text, .. } => {
                Received::Broken("moothall.v1.msgpack is spoken in binary messages".to_owned())
            }
            Arrived::Message { kind: Kind::Binary, .. } => {
                Received::Broken("moothall.v1.json is spoken in text messages".to_owned())
            }
            Arrived::Ping | Arrived::Pong | Arrived::EmptyFragment => Received::Alive,
            Arrived::Closed { .. } => Received::Goodbye,
            Arrived::Broken { what, .. } => Received::Broken(what),
            Arrived::Lost => Received::Lost,
        })
    }
}
