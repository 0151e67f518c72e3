//! The bytes of one socket: the seam behind which they are written. What is above it knows messages, and nothing of WebSocket frames.
//!
//! Both directions are polled by one task, so neither holds up the other: a client that does not read can still be heard.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use moothall::topics::Encoding;
use moothall_protocol::limits::{SOCKET_IN_FLIGHT_MAX, SOCKET_MESSAGE_BYTES_MAX};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// Messages that wait to be written before no more events are taken.
const EVENTS_WAITING_MAX: usize = 64;
/// Messages that wait to be written before no more requests are read: the above, and the answers to all in flight.
const WAITING_MAX: usize = EVENTS_WAITING_MAX + SOCKET_IN_FLIGHT_MAX;
/// A socket that is idle needs little; one that reads much gets it in more pieces.
const READ_BUFFER_BYTES: usize = 4 * 1024;
const WRITE_BUFFER_BYTES: usize = 16 * 1024;

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
    socket: WebSocketStream<TokioIo<Upgraded>>,
    encoding: Encoding,
    waiting: VecDeque<Message>,
    is_flushed: bool,
    /// Since when the client takes nothing of what waits.
    stalled_since: Option<Instant>,
}

impl Transport {
    pub async fn new(stream: Upgraded, encoding: Encoding) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(WRITE_BUFFER_BYTES)
            .max_message_size(Some(SOCKET_MESSAGE_BYTES_MAX))
            .max_frame_size(Some(SOCKET_MESSAGE_BYTES_MAX));
        Self {
            socket: WebSocketStream::from_raw_socket(TokioIo::new(stream), Role::Server, Some(config)).await,
            encoding,
            waiting: VecDeque::new(),
            is_flushed: true,
            stalled_since: None,
        }
    }

    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// How many events there is room for.
    pub fn room(&self) -> usize {
        EVENTS_WAITING_MAX.saturating_sub(self.waiting.len())
    }

    /// Whether more may be asked of us, or there are too many answers to be taken first.
    pub fn may_read(&self) -> bool {
        self.waiting.len() < WAITING_MAX
    }

    pub fn stalled_since(&self) -> Option<Instant> {
        self.stalled_since
    }

    /// Has a message written, after those before it.
    pub fn send(&mut self, message: Vec<u8>) {
        let data = match self.encoding {
            Encoding::Json => Data::Text,
            Encoding::MessagePack => Data::Binary,
        };
        metrics::counter!("socket_messages_out_total").increment(1);
        self.waiting.push_back(Message::Frame(Frame::message(message, OpCode::Data(data), true)));
    }

    /// Asks the client for a sign of life.
    pub fn ping(&mut self) {
        self.waiting.push_back(Message::Ping(Bytes::new()));
    }

    /// Says goodbye, after all that waits.
    pub fn close(&mut self, code: u16, reason: String) {
        self.waiting.push_back(Message::Close(Some(CloseFrame { code: code.into(), reason: reason.into() })));
    }

    /// Writes what waits, as far as the client takes it. An error says that the connection is gone.
    pub fn poll_flush(&mut self, task: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let flushed = self.poll_write(task);
        self.stalled_since = match &flushed {
            Poll::Pending => self.stalled_since.or_else(|| Some(Instant::now())),
            Poll::Ready(_) => None,
        };
        flushed
    }

    fn poll_write(&mut self, task: &mut Context<'_>) -> Poll<Result<(), Error>> {
        while !self.waiting.is_empty() {
            std::task::ready!(self.socket.poll_ready_unpin(task))?;
            if let Some(message) = self.waiting.pop_front() {
                self.socket.start_send_unpin(message)?;
                self.is_flushed = false;
            }
        }
        // What once waited needs no room in an idle socket.
        self.waiting.shrink_to(0);
        if !self.is_flushed {
            std::task::ready!(self.socket.poll_flush_unpin(task))?;
            self.is_flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    /// What the client sends next.
    pub fn poll_receive(&mut self, task: &mut Context<'_>) -> Poll<Received> {
        let received = match std::task::ready!(self.socket.poll_next_unpin(task)) {
            Some(Ok(message)) => self.received(message),
            Some(Err(Error::Io(_) | Error::ConnectionClosed | Error::AlreadyClosed)) | None => Received::Lost,
            Some(Err(Error::Capacity(_))) => {
                Received::Broken(format!("a message may have {SOCKET_MESSAGE_BYTES_MAX} bytes at most"))
            }
            Some(Err(error)) => Received::Broken(error.to_string()),
        };
        Poll::Ready(received)
    }

    fn received(&mut self, message: Message) -> Received {
        match (message, self.encoding) {
            (Message::Text(text), Encoding::Json) => Received::Message(text.into()),
            (Message::Binary(bytes), Encoding::MessagePack) => Received::Message(bytes),
            (Message::Text(_), Encoding::MessagePack) => {
                Received::Broken("moothall.v1.msgpack is spoken in binary messages".to_owned())
            }
            (Message::Binary(_), Encoding::Json) => {
                Received::Broken("moothall.v1.json is spoken in text messages".to_owned())
            }
            (Message::Ping(_), _) => {
                // The answer waits inside.
                self.is_flushed = false;
                Received::Alive
            }
            (Message::Pong(_) | Message::Frame(_), _) => Received::Alive,
            (Message::Close(_), _) => {
                self.is_flushed = false;
                Received::Goodbye
            }
        }
    }
}
