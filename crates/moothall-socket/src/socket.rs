//! One socket: a stream, what its client sends, and what waits for it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::close;
use crate::decode::{Decoder, Event};
use crate::deflate;
use crate::frame::{CONTROL_BYTES_MAX, Kind, Opcode};
use crate::handshake::Deflate;
use crate::outgoing::{Frame, HEAD_BYTES_MAX, Outgoing};
use crate::scratch;
use crate::shared::Shared;

/// What was agreed on with the client, and what it may do.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes a message may have, inflated or not.
    pub message_bytes_max: usize,
    /// What [`negotiate_deflate`](crate::negotiate_deflate) agreed on.
    pub deflate: Option<Deflate>,
}

/// What came from the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A whole message.
    Message {
        /// What kind it is of.
        kind: Kind,
        /// What it says. Of [`Kind::Text`], this is UTF-8.
        bytes: Bytes,
    },
    /// A ping. Its answer waits already, in place of the answer to any ping before it that still waited: to have each answered,
    /// flush after each.
    Ping,
    /// A pong, asked for or not.
    Pong,
    /// A fragment that says nothing. It is reported so that its sender can be charged for it, as for any message.
    EmptyFragment,
    /// The client says goodbye. Ours waits already, behind all else: flush, and [shut down](Socket::poll_shutdown).
    Closed {
        /// The client's code; 1005 if it gave none.
        code: u16,
        /// The client's reason.
        reason: String,
    },
    /// The client broke the protocol or the limits, and is not listened to any more. Nothing was sent for it:
    /// [close](Socket::close) with this code, flush, and shut down.
    Broken {
        /// The code to close with.
        code: u16,
        /// What it did wrong, in words.
        what: String,
    },
    /// The connection is gone.
    Lost,
}

/// The server's end of a WebSocket.
///
/// One task owns it and polls both directions, [`poll_receive`](Self::poll_receive) and [`poll_flush`](Self::poll_flush), with its
/// own [`Context`]. Sending only queues: nothing leaves before a flush, so that what is sent together leaves together. Nothing
/// bounds that queue but its owner.
///
/// After [`close`](Self::close), or after the client's goodbye, nothing more is sent: further messages and pings are dropped.
///
/// ```no_run
/// # async fn example(stream: tokio::net::TcpStream) -> std::io::Result<()> {
/// use std::future::poll_fn;
///
/// use bytes::Bytes;
/// use moothall_socket::{Options, Received, Socket};
///
/// let options = Options { message_bytes_max: 64 * 1024, deflate: None };
/// let mut socket = Socket::new(stream, Bytes::new(), options);
/// loop {
///     match poll_fn(|cx| socket.poll_receive(cx)).await {
///         Received::Message { kind, bytes } => socket.send(kind, bytes),
///         Received::Ping | Received::Pong | Received::EmptyFragment => {}
///         Received::Broken { code, what } => {
///             socket.close(code, &what);
///             break;
///         }
///         Received::Closed { .. } | Received::Lost => break,
///     }
///     poll_fn(|cx| socket.poll_flush(cx)).await?;
/// }
/// poll_fn(|cx| socket.poll_shutdown(cx)).await
/// # }
/// ```
#[derive(Debug)]
pub struct Socket<S> {
    stream: S,
    /// What was read and not looked at yet: what followed the handshake, or the frames after the one last returned.
    unread: Bytes,
    decoder: Decoder,
    outgoing: Outgoing,
    deflate: Option<Deflate>,
    /// Whether the client said all it may: what still comes is thrown away.
    is_deaf: bool,
    /// Whether our goodbye was queued, after which nothing may follow.
    is_closing: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Takes over a stream whose handshake is done, with what was already read of what followed it.
    pub fn new(stream: S, already_read: Bytes, options: Options) -> Self {
        Self {
            stream,
            unread: already_read,
            decoder: Decoder::new(options.message_bytes_max, options.deflate.is_some()),
            outgoing: Outgoing::default(),
            deflate: options.deflate,
            is_deaf: false,
            is_closing: false,
        }
    }

    /// The stream beneath, to ask it for its address and the like.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// Whether messages are deflated where that makes them smaller.
    pub fn is_deflating(&self) -> bool {
        self.deflate.is_some()
    }

    /// How many frames wait to be written, one that is written in part included.
    pub fn waiting(&self) -> usize {
        self.outgoing.len()
    }

    /// How many bytes wait to be written, those shared with other sockets included.
    pub fn waiting_bytes(&self) -> usize {
        self.outgoing.bytes()
    }

    /// What the client sends next. After [`Received::Closed`] and [`Received::Broken`] whatever still comes is thrown away, up to
    /// [`Received::Lost`] at the end.
    pub fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Received> {
        loop {
            if let Some(received) = self.decode_unread() {
                return Poll::Ready(received);
            }
            if let Some(received) = ready!(self.poll_read(cx)) {
                return Poll::Ready(received);
            }
        }
    }

    /// Looks at what was read before.
    fn decode_unread(&mut self) -> Option<Received> {
        if self.unread.is_empty() {
            return None;
        }
        let mut unread = std::mem::take(&mut self.unread);
        let mut rest: &[u8] = &unread;
        let received = self.decode(&mut rest);
        let taken = unread.len() - rest.len();
        unread.advance(taken);
        if !unread.is_empty() {
            self.unread = unread;
        }
        received
    }

    /// Reads what is here, and looks at it. What is behind the first event of it is kept for the next time.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Received>> {
        scratch::with(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            if ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)).is_err() {
                return Poll::Ready(Some(Received::Lost));
            }
            let mut read = buffer.filled();
            if read.is_empty() {
                return Poll::Ready(Some(Received::Lost));
            }
            let received = self.decode(&mut read);
            if !read.is_empty() {
                self.unread = Bytes::copy_from_slice(read);
            }
            Poll::Ready(received)
        })
    }

    fn decode(&mut self, input: &mut &[u8]) -> Option<Received> {
        if self.is_deaf {
            *input = &[];
            return None;
        }
        let received = match self.decoder.next(input) {
            Ok(event) => self.heard(event?),
            Err(violation) => Received::Broken { code: violation.code, what: violation.what },
        };
        if let Received::Closed { .. } | Received::Broken { .. } = received {
            self.is_deaf = true;
            self.decoder.forget();
            *input = &[];
        }
        Some(received)
    }

    fn heard(&mut self, event: Event) -> Received {
        match event {
            Event::Message(kind, bytes) => Received::Message { kind, bytes },
            Event::Ping(payload) => {
                if !self.is_closing {
                    self.outgoing.pong(payload);
                }
                Received::Ping
            }
            Event::Pong => Received::Pong,
            Event::EmptyFragment => Received::EmptyFragment,
            Event::Close(code, reason) => {
                self.close(code, "");
                Received::Closed { code, reason }
            }
        }
    }

    /// Queues a message of the receiver's own. It is deflated if that was agreed on and makes it smaller.
    pub fn send(&mut self, kind: Kind, message: impl Into<Bytes>) {
        let message = message.into();
        let deflated = self.may_deflate(message.len()).then(|| deflate::deflate(&message)).flatten();
        self.push(match deflated {
            Some(deflated) => Frame::deflated(kind, &[], deflated),
            None => Frame::plain(kind, &[], message),
        });
    }

    /// Queues a message that begins with these bytes of the receiver's own and goes on with those that it shares with others. If it
    /// is text, each of the two must be UTF-8.
    ///
    /// A head of more than [`HEAD_BYTES_MAX`] bytes is right too, but costs a copy of the message.
    pub fn send_shared(&mut self, kind: Kind, head: &[u8], tail: &Shared) {
        if head.len() > HEAD_BYTES_MAX {
            return self.send(kind, [head, tail.plain()].concat());
        }
        let deflated = self.may_deflate(head.len() + tail.plain().len()).then(|| tail.deflated()).flatten();
        self.push(match deflated {
            Some(deflated) => Frame::deflated(kind, head, deflated.clone()),
            None => Frame::plain(kind, head, tail.plain().clone()),
        });
    }

    /// Queues a ping. Of the payload, at most 125 bytes are sent.
    pub fn ping(&mut self, payload: &[u8]) {
        let payload = payload.get(..CONTROL_BYTES_MAX).unwrap_or(payload);
        self.push(Frame::control(Opcode::Ping, Bytes::copy_from_slice(payload)));
    }

    /// Queues our goodbye, behind all that waits; only the first counts. A code that may not be sent, such as 1005, is left out
    /// with its reason, and a reason of more than 123 bytes is cut.
    pub fn close(&mut self, code: u16, reason: &str) {
        self.push(Frame::control(Opcode::Close, close::payload(code, reason).into()));
        self.is_closing = true;
    }

    fn push(&mut self, frame: Frame) {
        if !self.is_closing {
            self.outgoing.push(frame);
        }
    }

    fn may_deflate(&self, length: usize) -> bool {
        self.deflate.is_some_and(|deflate| deflate.takes(length))
    }

    /// Writes what waits, as far as the client takes it; ready when all is written. An error says that the connection is gone.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.poll_write(&mut self.stream, cx)
    }

    /// Writes what waits, and ends our direction of the stream.
    ///
    /// To be sure that the goodbye arrives, read on after this until [`Received::Lost`], for as long as one cares: a TCP connection
    /// that is dropped with something unread in it takes back what it sent.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
