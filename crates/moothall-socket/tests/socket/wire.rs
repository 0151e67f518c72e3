//! A stream that a test holds both ends of, and frames as a client writes and reads them.

use std::cell::{RefCell, RefMut};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use moothall_socket::{Options, Received, Socket, negotiate_deflate};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub const BYTES_MAX: usize = 100_000;

/// What a socket reads from and writes to. It is reached through [`Socket::stream`] while the socket has it.
#[derive(Debug, Default)]
pub struct Wire(pub RefCell<State>);

#[derive(Debug, Default)]
pub struct State {
    /// One piece per read.
    pub input: VecDeque<Vec<u8>>,
    /// Whether the input ends, or goes on later.
    pub is_over: bool,
    pub is_vectored: bool,
    /// How much each write takes; when there are no more, the stream is full.
    pub room: VecDeque<usize>,
    /// What each write took.
    pub writes: Vec<Vec<u8>>,
    /// Where the slices of the last write lay.
    pub slices: Vec<*const u8>,
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let state = self.0.get_mut();
        match state.input.pop_front() {
            Some(mut piece) => {
                let rest = piece.split_off(piece.len().min(buffer.remaining()));
                if !rest.is_empty() {
                    state.input.push_front(rest);
                }
                buffer.put_slice(&piece);
                Poll::Ready(Ok(()))
            }
            None if state.is_over => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let state = self.0.get_mut();
        let Some(room) = state.room.pop_front() else { return Poll::Pending };
        state.slices = slices.iter().map(|slice| slice.as_ptr()).collect();
        let taken: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).take(room).collect();
        let count = taken.len();
        state.writes.push(taken);
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.0.borrow().is_vectored
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A socket whose client has sent these pieces, with the deflate agreed on for this offer.
pub fn socket(input: impl IntoIterator<Item = Vec<u8>>, offer: Option<&str>) -> Socket<Wire> {
    let state = State { input: input.into_iter().collect(), is_vectored: true, ..State::default() };
    let deflate = offer.map(|offer| negotiate_deflate(offer).unwrap().0);
    Socket::new(Wire(RefCell::new(state)), Bytes::new(), Options { message_bytes_max: BYTES_MAX, deflate })
}

/// The wire beneath.
pub fn wire(socket: &Socket<Wire>) -> RefMut<'_, State> {
    socket.stream().0.borrow_mut()
}

/// Everything that can be received now.
pub fn receive(socket: &mut Socket<Wire>) -> Vec<Received> {
    let mut cx = Context::from_waker(Waker::noop());
    let mut received = Vec::new();
    while let Poll::Ready(next) = socket.poll_receive(&mut cx) {
        received.push(next);
        if received.last() == Some(&Received::Lost) {
            break;
        }
    }
    received
}

/// Flushes into writes that take so much each, and says whether all is written.
pub fn flush(socket: &mut Socket<Wire>, room: impl IntoIterator<Item = usize>) -> bool {
    wire(socket).room = room.into_iter().collect();
    let mut cx = Context::from_waker(Waker::noop());
    match socket.poll_flush(&mut cx) {
        Poll::Ready(written) => {
            written.unwrap();
            true
        }
        Poll::Pending => false,
    }
}

/// The frames written so far.
pub fn written(socket: &Socket<Wire>) -> Vec<(u8, Vec<u8>)> {
    frames(&wire(socket).writes.concat())
}

/// The frames of a server's: the first byte of each, and its payload.
fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        let (length, rest) = match second {
            0..=125 => (usize::from(*second), rest),
            126 => (usize::from(u16::from_be_bytes(rest[..2].try_into().unwrap())), &rest[2..]),
            127 => (u64::from_be_bytes(rest[..8].try_into().unwrap()) as usize, &rest[8..]),
            _ => panic!("a server's frame is masked"),
        };
        frames.push((*first, rest[..length].to_vec()));
        bytes = &rest[length..];
    }
    assert!(bytes.is_empty(), "half a frame");
    frames
}
