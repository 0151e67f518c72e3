//! Deflate in both directions (RFC 7692, section 7.2; the format is RFC 1951), with one compressor and one inflater for all sockets of
//! a thread: about 300 KiB for each thread that has deflated, and nothing for a socket.
//!
//! A message is deflated without its socket: its blocks refer to nothing outside, end at a whole byte, and none is the last. So any
//! may stand behind a *stored* block, which is how a few bytes of the receiver's own come before bytes that all receivers share:
//! see [`stored`].

use std::cell::RefCell;

use bytes::Bytes;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::close::{INVALID_PAYLOAD, Violation};

/// What has fewer bytes than this is never deflated: it would hardly get smaller.
pub const DEFLATE_BYTES_MIN: usize = 256;

/// What a flush leaves at the end and the sender cuts off (section 7.2.1).
const FLUSHED: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];
/// An empty block that says it is the last. Put behind a message it shows whether the message ended where a block ends.
const LAST: [u8; 5] = [0x01, 0x00, 0x00, 0xFF, 0xFF];
/// How often a message may say that its last block is over and go on (section 7.2.3.4).
const LAST_BLOCKS_MAX: usize = 16;

thread_local! {
    static COMPRESSOR: RefCell<Option<Compress>> = const { RefCell::new(None) };
    static INFLATER: RefCell<Option<Decompress>> = const { RefCell::new(None) };
}

/// Deflates bytes for a message; `None` if there are too few of them, or they would not get smaller.
pub(crate) fn deflate(plain: &[u8]) -> Option<Bytes> {
    if plain.len() < DEFLATE_BYTES_MIN {
        return None;
    }
    COMPRESSOR.with_borrow_mut(|compressor| {
        let compressor = compressor.get_or_insert_with(|| Compress::new(Compression::default(), false));
        compressor.reset();
        // What fills this room did not get smaller, with what comes before it.
        let mut deflated = Vec::with_capacity(plain.len() - STORED_BYTES);
        compressor.compress_vec(plain, &mut deflated, FlushCompress::Sync).ok()?;
        if compressor.total_in() != plain.len() as u64 || deflated.len() == deflated.capacity() {
            return None;
        }
        let end = deflated.strip_suffix(&FLUSHED)?.len();
        deflated.truncate(end);
        deflated.shrink_to_fit();
        Some(deflated.into())
    })
}

/// Bytes of a stored block beside those it stores.
pub(crate) const STORED_BYTES: usize = 5;

/// The start of a block that holds the next so many bytes as they are (RFC 1951, section 3.2.4): not the last one, of type 00, its
/// length and the complement of that.
pub(crate) fn stored(length: u16) -> [u8; STORED_BYTES] {
    let ([a, b], [c, d]) = (length.to_le_bytes(), (!length).to_le_bytes());
    [0, a, b, c, d]
}

/// What a message of so many bytes may have when deflated: more, if a client deflates what cannot get smaller.
pub(crate) fn deflated_bytes_max(bytes_max: usize) -> usize {
    bytes_max.saturating_add(bytes_max / 8).saturating_add(64)
}

/// Inflates a message, up to so many bytes.
pub(crate) fn inflate(deflated: &[u8], bytes_max: usize) -> Result<Vec<u8>, Violation> {
    // Some clients make nothing of nothing, though section 7.2.3.6 wants one byte.
    if deflated.is_empty() {
        return Ok(Vec::new());
    }
    INFLATER.with_borrow_mut(|inflater| {
        let inflater = inflater.get_or_insert_with(|| Decompress::new(false));
        inflater.reset(false);
        let mut inflated = Inflated { inflater, bytes: Vec::new(), bytes_max, last_blocks: 0 };
        inflated.take(deflated)?;
        inflated.take(&FLUSHED)?;
        inflated.take(&LAST)?;
        if inflated.inflater.total_in() != 0 {
            return Err(not_deflate());
        }
        Ok(inflated.bytes)
    })
}

/// A message as far as it is inflated.
struct Inflated<'a> {
    inflater: &'a mut Decompress,
    bytes: Vec<u8>,
    bytes_max: usize,
    last_blocks: usize,
}

impl Inflated<'_> {
    /// Inflates these bytes to their end.
    fn take(&mut self, mut deflated: &[u8]) -> Result<(), Violation> {
        // The inflater may still have something to write when it has read all.
        let mut is_full = false;
        while !deflated.is_empty() || is_full {
            self.make_room(deflated.len());
            let before = self.inflater.total_in();
            let status = self.inflater.decompress_vec(deflated, &mut self.bytes, FlushDecompress::Sync);
            let read = usize::try_from(self.inflater.total_in() - before).unwrap_or_default();
            deflated = deflated.get(read..).unwrap_or_default();
            if self.bytes.len() > self.bytes_max {
                return Err(Violation::too_big(self.bytes_max));
            }
            is_full = self.bytes.len() == self.bytes.capacity();
            match status {
                Ok(Status::StreamEnd) => {
                    self.last_blocks += 1;
                    if self.last_blocks > LAST_BLOCKS_MAX {
                        return Err(not_deflate());
                    }
                    self.inflater.reset(false);
                    is_full = false;
                }
                Ok(Status::Ok | Status::BufError) if read > 0 || is_full => {}
                Ok(Status::Ok | Status::BufError) if deflated.is_empty() => {}
                _ => return Err(not_deflate()),
            }
        }
        Ok(())
    }

    /// Makes room for more, twice as much each time, and in the end for one byte more than there may be.
    fn make_room(&mut self, to_come: usize) {
        let length = self.bytes.len();
        if length == self.bytes.capacity() {
            let room = (to_come * 2).max(length).max(DEFLATE_BYTES_MIN);
            let most = self.bytes_max.saturating_add(1) - length;
            self.bytes.reserve_exact(room.min(most));
        }
    }
}

fn not_deflate() -> Violation {
    Violation::new(INVALID_PAYLOAD, "a compressed message does not inflate")
}

#[cfg(test)]
mod tests;
