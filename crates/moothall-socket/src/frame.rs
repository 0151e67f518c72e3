//! The head of a frame (RFC 6455, section 5.2), and the mask of its payload (section 5.3).
//!
//! Start at [`Head::parse`]. A head is refused at the first byte that shows it wrong, be the rest here or not.

use crate::close::{PROTOCOL_ERROR, Violation};

/// Bytes of the longest head a client sends: two, a length of eight, a mask of four.
pub(crate) const HEAD_BYTES_MAX: usize = 14;
/// What a control frame may carry (section 5.5).
pub(crate) const CONTROL_BYTES_MAX: usize = 125;

const FINAL: u8 = 0x80;
const COMPRESSED: u8 = 0x40;
const RESERVED: u8 = 0x30;
const MASKED: u8 = 0x80;

/// What kind of message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8. What is received as text was checked; what is sent as text must be so.
    Text,
    /// Any bytes.
    Binary,
}

/// What a frame is, as the low four bits of its first byte say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation,
    Message(Kind),
    Close,
    Ping,
    Pong,
}

impl Opcode {
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Message(Kind::Text) => 0x1,
            Self::Message(Kind::Binary) => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xA,
        }
    }

    fn of(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Message(Kind::Text),
            0x2 => Self::Message(Kind::Binary),
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }
}

/// What stands before the payload of a client's frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub is_final: bool,
    /// Whether the first reserved bit is set, which RFC 7692 gives its meaning.
    pub is_compressed: bool,
    pub opcode: Opcode,
    pub length: u64,
    pub mask: Mask,
}

impl Head {
    /// Reads the head at the start of these bytes and says how long it is; `None` if it is not whole.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, Violation> {
        let broken = |what| Err(Violation::new(PROTOCOL_ERROR, what));
        let Some((first, rest)) = bytes.split_first() else { return Ok(None) };
        if first & RESERVED != 0 {
            return broken("a reserved bit is set");
        }
        let Some(opcode) = Opcode::of(first & 0x0F) else { return broken("an unknown opcode") };
        let is_final = first & FINAL != 0;
        let is_compressed = first & COMPRESSED != 0;
        if is_compressed && !matches!(opcode, Opcode::Message(_)) {
            return broken("the bit for compression is set where no message begins");
        }
        if opcode.is_control() && !is_final {
            return broken("a control frame is fragmented");
        }
        let Some((second, rest)) = rest.split_first() else { return Ok(None) };
        if second & MASKED == 0 {
            return broken("a frame is not masked");
        }
        let short = second & 0x7F;
        if opcode.is_control() && usize::from(short) > CONTROL_BYTES_MAX {
            return broken("a control frame carries more than 125 bytes");
        }
        let (length, rest, least) = match short {
            126 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), rest, 126),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from_be_bytes(*length), rest, 1 << 16),
                None => return Ok(None),
            },
            length => (u64::from(length), rest, 0),
        };
        if length < least || length >> 63 != 0 {
            return broken("a length is not written in the shortest way");
        }
        let Some((mask, rest)) = rest.split_first_chunk() else { return Ok(None) };
        let head = Self { is_final, is_compressed, opcode, length, mask: Mask(u32::from_ne_bytes(*mask)) };
        Ok(Some((head, bytes.len() - rest.len())))
    }
}

/// The mask of a payload, turned so that its first byte is for the next byte of the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mask(u32);

impl Mask {
    /// Takes the mask off the next bytes of the payload.
    pub fn remove(&mut self, bytes: &mut [u8]) {
        let four = self.0.to_ne_bytes();
        let twice = (u64::from(self.0) << 32) | u64::from(self.0);
        let turn = bytes.len() % four.len();
        let (eights, rest) = bytes.as_chunks_mut::<8>();
        for eight in eights {
            *eight = (u64::from_ne_bytes(*eight) ^ twice).to_ne_bytes();
        }
        for (byte, mask) in rest.iter_mut().zip(four.iter().cycle()) {
            *byte ^= mask;
        }
        let mut turned = four;
        turned.rotate_left(turn);
        self.0 = u32::from_ne_bytes(turned);
    }
}

/// Writes the head of a frame that holds a whole message or is a control frame, as a server sends it: not masked.
/// Returns the bytes and how many of them count.
pub(crate) fn head(opcode: Opcode, is_compressed: bool, length: usize) -> ([u8; 10], usize) {
    let first = FINAL | if is_compressed { COMPRESSED } else { 0 } | opcode.bits();
    let [a, b, c, d, e, f, g, h] = (length as u64).to_be_bytes();
    match length {
        0..=125 => ([first, h, 0, 0, 0, 0, 0, 0, 0, 0], 2),
        126..=0xFFFF => ([first, 126, g, h, 0, 0, 0, 0, 0, 0], 4),
        _ => ([first, 127, a, b, c, d, e, f, g, h], 10),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What we write, read as if a client had sent it: the mask bit added, and a mask of zeros behind.
    fn read_back(opcode: Opcode, is_compressed: bool, length: usize) -> Head {
        let (bytes, count) = head(opcode, is_compressed, length);
        let mut bytes = bytes[..count].to_vec();
        bytes[1] |= MASKED;
        bytes.extend([0; 4]);
        let (head, count) = Head::parse(&bytes).unwrap().unwrap();
        assert_eq!(count, bytes.len());
        head
    }

    #[test]
    fn a_head_is_read_as_it_is_written() {
        for opcode in [Opcode::Message(Kind::Text), Opcode::Message(Kind::Binary)] {
            for length in [0, 1, 125, 126, 127, 0xFFFF, 0x1_0000, 0x1_0001, usize::MAX >> 1] {
                for is_compressed in [false, true] {
                    let mask = Mask(0);
                    let length = length as u64;
                    let head = Head { is_final: true, is_compressed, opcode, length, mask };
                    assert_eq!(read_back(opcode, is_compressed, length as usize), head);
                }
            }
        }
        for opcode in [Opcode::Close, Opcode::Ping, Opcode::Pong] {
            assert_eq!(read_back(opcode, false, CONTROL_BYTES_MAX).opcode, opcode);
        }
    }

    proptest! {
        #[test]
        fn a_mask_is_removed_in_pieces_of_any_size(
            mask in any::<[u8; 4]>(),
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            sizes in prop::collection::vec(1_usize..30, 1..9),
        ) {
            let plain: Vec<u8> = bytes.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
            let (mut removed, mut rest) = (Vec::new(), &bytes[..]);
            let mut mask = Mask(u32::from_ne_bytes(mask));
            for size in sizes.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, after) = rest.split_at((*size).min(rest.len()));
                let mut piece = piece.to_vec();
                mask.remove(&mut piece);
                removed.extend(piece);
                rest = after;
            }
            prop_assert_eq!(removed, plain);
        }
    }
}
