//! A buffer that all sockets of a thread read into and write from, so that none needs one of its own.

use std::cell::Cell;

/// Bytes read or joined at once: what a TLS record holds at most.
const BYTES: usize = 16 * 1024;

thread_local! {
    static SCRATCH: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// Lends the thread's buffer. Who asks for it inside, as a stream made of another socket might, gets one made for it.
pub(crate) fn with<T>(work: impl FnOnce(&mut [u8]) -> T) -> T {
    let mut buffer = SCRATCH.take().unwrap_or_else(|| vec![0; BYTES].into_boxed_slice());
    let result = work(&mut buffer);
    SCRATCH.set(Some(buffer));
    result
}
