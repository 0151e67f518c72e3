//! WebSocket frames (RFC 6455) as a load needs them: a client's are put together, a server's are looked at as far as their lengths.

/// What kind of frame.
pub const TEXT: u8 = 1;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;
const KIND: u8 = 0x0f;
const LENGTH: u8 = 0x7f;
/// Lengths up to 125 stand in the second byte; these say that two or eight more bytes hold it.
const IN_TWO: u8 = 126;
const IN_EIGHT: u8 = 127;
/// Chance protects proxies, and there are none here.
const MASK: [u8; 4] = [0x9d, 0x37, 0x5b, 0xe2];

/// A frame as it came.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    pub kind: u8,
    pub payload: &'a [u8],
    /// Bytes of all of it.
    pub length: usize,
}

/// The frame at the beginning, once all of it is there. A mask is left on.
pub fn first(bytes: &[u8]) -> Option<Frame<'_>> {
    let [start, length, rest @ ..] = bytes else { return None };
    let mask = if length & MASKED == 0 { 0 } else { MASK.len() };
    let (payload, rest) = match length & LENGTH {
        IN_TWO => {
            let (length, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        IN_EIGHT => {
            let (length, rest) = rest.split_first_chunk()?;
            (usize::try_from(u64::from_be_bytes(*length)).ok()?, rest)
        }
        length => (usize::from(length), rest),
    };
    let head = bytes.len() - rest.len() + mask;
    let length = head.checked_add(payload)?;
    Some(Frame { kind: start & KIND, payload: bytes.get(head..length)?, length })
}

/// The mask of a client's frame, and its payload without it.
pub fn unmasked(frame: &Frame<'_>, whole: &[u8]) -> Vec<u8> {
    let start = frame.length - frame.payload.len();
    let mask = start.checked_sub(MASK.len()).and_then(|at| whole.get(at..start)).unwrap_or_default();
    frame.payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()
}

fn head(out: &mut Vec<u8>, kind: u8, length: usize, masked: u8) {
    out.push(FINAL | kind);
    match length {
        0..126 => out.push(masked | length as u8),
        126..0x1_0000 => {
            out.push(masked | IN_TWO);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(masked | IN_EIGHT);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// Adds a client's frame.
pub fn masked(out: &mut Vec<u8>, kind: u8, payload: &[u8]) {
    head(out, kind, payload.len(), MASKED);
    out.extend_from_slice(&MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// Adds a server's frame whose payload comes in pieces.
pub fn plain(out: &mut Vec<u8>, kind: u8, pieces: &[&[u8]]) {
    head(out, kind, pieces.iter().map(|piece| piece.len()).sum(), 0);
    for piece in pieces {
        out.extend_from_slice(piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_any_length_is_read_once_it_is_whole() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 100_000] {
            let payload: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let mut bytes = Vec::new();
            plain(&mut bytes, TEXT, &[&payload]);
            assert_eq!(first(&bytes[..bytes.len() - 1]), None, "{length}");
            let whole = bytes.len();
            bytes.extend_from_slice(b"the next one");
            assert_eq!(first(&bytes), Some(Frame { kind: TEXT, payload: &payload, length: whole }));
        }
    }

    #[test]
    fn what_is_masked_comes_out_as_it_was() {
        for length in [0, 1, 125, 126, 65_536] {
            let payload: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let mut bytes = Vec::new();
            masked(&mut bytes, PONG, &payload);
            let frame = first(&bytes).unwrap();
            assert_eq!((frame.kind, frame.length), (PONG, bytes.len()));
            assert_eq!(unmasked(&frame, &bytes), payload);
        }
    }
}
