//! What waits to be written.
//!
//! Start at [`Outgoing::poll_write`]. A frame that waits is a few bytes of its own and a reference to bytes it may share with the
//! queues of other sockets. All that waits is offered to the stream at once, and a queue that ran empty gives its room back.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::AsyncWrite;

use crate::deflate::{STORED_BYTES, stored};
use crate::frame::{self, Kind, Opcode};
use crate::scratch;

/// What a message to one receiver may have before the bytes it shares, without a copy of those.
pub const HEAD_BYTES_MAX: usize = 32;

/// The longest head of a frame, the start of a stored block, and what the receiver has of its own.
const PREFIX_BYTES_MAX: usize = 10 + STORED_BYTES + HEAD_BYTES_MAX;
/// Pieces given to the stream at once: two of each frame.
const SLICES_MAX: usize = 64;

/// One frame: a prefix that is its own, and a tail.
#[derive(Debug)]
pub(crate) struct Frame {
    prefix: [u8; PREFIX_BYTES_MAX],
    prefix_length: u8,
    tail: Bytes,
}

impl Frame {
    /// A message that goes out as it is. The head has at most [`HEAD_BYTES_MAX`] bytes.
    pub fn plain(kind: Kind, head: &[u8], tail: Bytes) -> Self {
        let mut frame = Self::new(Opcode::Message(kind), false, head.len(), tail);
        frame.push(head);
        frame
    }

    /// A message whose tail is deflated, and whose head is stored before it. The head has at most [`HEAD_BYTES_MAX`] bytes.
    pub fn deflated(kind: Kind, head: &[u8], tail: Bytes) -> Self {
        if head.is_empty() {
            return Self::new(Opcode::Message(kind), true, 0, tail);
        }
        let mut frame = Self::new(Opcode::Message(kind), true, STORED_BYTES + head.len(), tail);
        frame.push(&stored(u16::try_from(head.len()).unwrap_or_default()));
        frame.push(head);
        frame
    }

    /// A control frame. The payload has at most 125 bytes.
    pub fn control(opcode: Opcode, payload: Bytes) -> Self {
        Self::new(opcode, false, 0, payload)
    }

    fn new(opcode: Opcode, is_compressed: bool, own: usize, tail: Bytes) -> Self {
        let mut frame = Self { prefix: [0; PREFIX_BYTES_MAX], prefix_length: 0, tail };
        let (head, length) = frame::head(opcode, is_compressed, own + frame.tail.len());
        frame.push(head.get(..length).unwrap_or_default());
        frame
    }

    fn push(&mut self, bytes: &[u8]) {
        let start = usize::from(self.prefix_length);
        if let Some(room) = self.prefix.get_mut(start..start + bytes.len()) {
            room.copy_from_slice(bytes);
            self.prefix_length += u8::try_from(bytes.len()).unwrap_or_default();
        }
    }

    fn prefix(&self) -> &[u8] {
        self.prefix.get(..usize::from(self.prefix_length)).unwrap_or_default()
    }

    fn len(&self) -> usize {
        self.prefix().len() + self.tail.len()
    }

    fn is_pong(&self) -> bool {
        self.prefix.first() == frame::head(Opcode::Pong, false, 0).0.first()
    }
}

thread_local! {
    /// The room that the last queue of this thread gave back when it ran empty, for the next one that fills.
    static SPARE: Cell<VecDeque<Frame>> = const { Cell::new(VecDeque::new()) };
}

/// The frames that wait, in the order in which they leave.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    frames: VecDeque<Frame>,
    /// Of the first frame.
    written: usize,
    /// Of all frames, without what is written.
    bytes: usize,
    /// Whether the stream may still hold some of what was written.
    is_unflushed: bool,
}

impl Outgoing {
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn push(&mut self, frame: Frame) {
        if self.frames.capacity() == 0 {
            self.frames = SPARE.take();
        }
        self.bytes += frame.len();
        self.frames.push_back(frame);
    }

    /// Answers a ping, before all that waits. If an answer to an older ping still waits, this one leaves instead of it (RFC 6455,
    /// section 5.5.3): who only asks and never reads makes nothing grow.
    pub fn pong(&mut self, payload: Bytes) {
        let first = usize::from(self.written > 0);
        let frame = Frame::control(Opcode::Pong, payload);
        self.bytes += frame.len();
        match self.frames.get_mut(first).filter(|waiting| waiting.is_pong()) {
            Some(waiting) => {
                self.bytes -= waiting.len();
                *waiting = frame;
            }
            None => self.frames.insert(first, frame),
        }
    }

    /// Writes all that waits, as far as the stream takes it.
    pub fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let mut stream = Pin::new(stream);
        while !self.frames.is_empty() {
            let written = if stream.is_write_vectored() {
                let mut slices = [IoSlice::new(&[]); SLICES_MAX];
                let count = slices.iter_mut().zip(self.parts()).map(|(slice, part)| *slice = part).count();
                stream.as_mut().poll_write_vectored(cx, slices.get(..count).unwrap_or_default())
            } else {
                scratch::with(|buffer| stream.as_mut().poll_write(cx, self.join(buffer)))
            };
            match ready!(written)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.advance(written),
            }
        }
        if self.is_unflushed {
            ready!(stream.poll_flush(cx))?;
            self.is_unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// What is not written yet, piece by piece.
    fn parts(&self) -> impl Iterator<Item = IoSlice<'_>> {
        let mut written = self.written;
        self.frames.iter().flat_map(|frame| [frame.prefix(), &frame.tail]).filter_map(move |part| {
            let (before, rest) = part.split_at(written.min(part.len()));
            written -= before.len();
            (!rest.is_empty()).then(|| IoSlice::new(rest))
        })
    }

    /// Copies as much of it as there is room for.
    fn join<'a>(&self, buffer: &'a mut [u8]) -> &'a [u8] {
        let mut length = 0;
        for part in self.parts() {
            let room = buffer.get_mut(length..).unwrap_or_default();
            let fits = part.len().min(room.len());
            if fits == 0 {
                break;
            }
            let (room, part) = (room.split_at_mut(fits).0, part.split_at(fits).0);
            room.copy_from_slice(part);
            length += fits;
        }
        buffer.get(..length).unwrap_or_default()
    }

    fn advance(&mut self, written: usize) {
        self.is_unflushed = true;
        self.bytes = self.bytes.saturating_sub(written);
        self.written += written;
        while let Some(length) = self.frames.front().map(Frame::len).filter(|length| *length <= self.written)
        {
            self.written -= length;
            self.frames.pop_front();
        }
        if self.frames.is_empty() {
            SPARE.set(std::mem::take(&mut self.frames));
            self.written = 0;
        }
    }
}
