//! One message on its way in, in as many pieces as the client and the network make of it.
//!
//! Start at [`Message::push`]. Text is checked with every piece, so that what is wrong is refused at its first wrong byte; only
//! deflated text is checked when it is whole, as the inflater is the thread's and nothing of it is kept between two pieces.

use bytes::Bytes;

use crate::close::{INVALID_PAYLOAD, Violation};
use crate::deflate;
use crate::frame::{Kind, Mask};

/// A message that has begun.
#[derive(Debug)]
pub(crate) struct Message {
    kind: Kind,
    is_compressed: bool,
    bytes: Vec<u8>,
    /// Up to where the text was found to be UTF-8.
    checked: usize,
}

impl Message {
    pub fn new(kind: Kind, is_compressed: bool) -> Self {
        Self { kind, is_compressed, bytes: Vec::new(), checked: 0 }
    }

    /// Refuses a frame that would make the message too big, before any of it is here.
    pub fn expect(&self, length: u64, bytes_max: usize) -> Result<usize, Violation> {
        let limit = if self.is_compressed { deflate::deflated_bytes_max(bytes_max) } else { bytes_max };
        let room = limit.saturating_sub(self.bytes.len());
        usize::try_from(length)
            .ok()
            .filter(|length| *length <= room)
            .ok_or_else(|| Violation::too_big(bytes_max))
    }

    /// Takes the next bytes. `to_come` is how many the message has yet, these included, if that is known.
    pub fn push(&mut self, piece: &[u8], to_come: Option<usize>, mask: &mut Mask) -> Result<(), Violation> {
        let start = self.bytes.len();
        if self.bytes.capacity() - start < piece.len() {
            // Room for as much as came, so that many small pieces are not copied over and over, but not for what a head only
            // announces.
            let more = piece.len().max(start).min(to_come.unwrap_or(usize::MAX));
            self.bytes.reserve_exact(more);
        }
        self.bytes.extend_from_slice(piece);
        mask.remove(self.bytes.get_mut(start..).unwrap_or_default());
        if self.kind == Kind::Text && !self.is_compressed {
            self.checked = check(&self.bytes, self.checked)?;
        }
        Ok(())
    }

    /// The bytes there is room for.
    #[cfg(test)]
    pub fn room(&self) -> usize {
        self.bytes.capacity()
    }

    /// The whole message, after its last frame.
    pub fn finish(self, bytes_max: usize) -> Result<(Kind, Bytes), Violation> {
        let Self { kind, is_compressed, mut bytes, mut checked } = self;
        if is_compressed {
            bytes = deflate::inflate(&bytes, bytes_max)?;
            if kind == Kind::Text {
                checked = check(&bytes, 0)?;
            }
        }
        if kind == Kind::Text && checked != bytes.len() {
            return Err(not_text());
        }
        Ok((kind, bytes.into()))
    }
}

/// Checks the text from here on, and says up to where it is whole: a character at its end may be cut short.
fn check(bytes: &[u8], from: usize) -> Result<usize, Violation> {
    match std::str::from_utf8(bytes.get(from..).unwrap_or_default()) {
        Ok(text) => Ok(from + text.len()),
        Err(error) if error.error_len().is_none() => Ok(from + error.valid_up_to()),
        Err(_) => Err(not_text()),
    }
}

fn not_text() -> Violation {
    Violation::new(INVALID_PAYLOAD, "text is not UTF-8")
}
