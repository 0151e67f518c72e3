//! Any bytes, in any pieces, to a socket: `cargo fuzz run receive`, on a stable compiler with `RUSTC_BOOTSTRAP=1`.
//!
//! The first two bytes of the input say how the rest is cut and whether deflate was agreed on. Whatever the client sends, nothing
//! panics, memory stays within the limits, and another cut amounts to the same.

#![no_main]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use moothall_socket::{Options, Received, Socket, negotiate_deflate};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const MESSAGE_BYTES_MAX: usize = 4_096;
/// A deflated message as it came, in room for twice its bytes; what it inflates to; what was read and waits; a little for the rest.
const MEMORY_MAX: usize = 3 * MESSAGE_BYTES_MAX + MESSAGE_BYTES_MAX + 16 * 1024 + 4_096;

/// Counts what is allocated.
struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is left to the allocator of the system.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(now, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// What the client sends, in pieces of these sizes, one after the other.
struct Client<'a> {
    bytes: &'a [u8],
    sizes: [usize; 2],
}

impl AsyncRead for Client<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let size = self.sizes[0].min(buffer.remaining()).min(self.bytes.len());
        let (piece, rest) = self.bytes.split_at(size);
        buffer.put_slice(piece);
        self.bytes = rest;
        self.sizes.swap(0, 1);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Client<'_> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Hands all that is received to `each`.
fn receive(bytes: &[u8], sizes: [usize; 2], is_deflating: bool, mut each: impl FnMut(Received)) {
    let deflate = if is_deflating { negotiate_deflate("permessage-deflate") } else { None };
    let options =
        Options { message_bytes_max: MESSAGE_BYTES_MAX, deflate: deflate.map(|(deflate, _)| deflate) };
    let mut socket = Socket::new(Client { bytes, sizes }, Bytes::new(), options);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        let Poll::Ready(received) = socket.poll_receive(&mut cx) else { panic!("bytes never wait") };
        assert!(socket.waiting() <= 2, "a pong and a goodbye");
        if let Received::Message { bytes, .. } = &received {
            assert!(bytes.len() <= MESSAGE_BYTES_MAX);
        }
        if received == Received::Lost {
            return;
        }
        each(received);
    }
}

fuzz_target!(|input: &[u8]| {
    let [cut, more, bytes @ ..] = input else { return };
    let is_deflating = more & 1 == 1;
    let sizes = [usize::from(*cut) + 1, usize::from(more >> 1) + 1];

    // What the thread keeps for all its sockets is made before anything is counted.
    receive(&[0xC2, 0x81, 0, 0, 0, 0, 0], [1, 1], true, drop);
    let before = ALLOCATED.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    receive(bytes, sizes, is_deflating, drop);
    let most = MOST.load(Ordering::Relaxed) - before;
    assert!(most <= MEMORY_MAX, "{most} bytes were allocated at once");
    assert_eq!(ALLOCATED.load(Ordering::Relaxed), before, "something was left behind");

    let mut once = Vec::new();
    receive(bytes, [usize::MAX; 2], is_deflating, |received| once.push(received));
    let mut pieces = Vec::new();
    receive(bytes, sizes, is_deflating, |received| pieces.push(received));
    assert_eq!(pieces, once);
});
