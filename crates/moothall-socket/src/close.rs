//! The goodbye (RFC 6455, sections 5.5.1 and 7.4), and what a client does wrong.

use crate::frame::CONTROL_BYTES_MAX;

/// The client broke the rules of framing.
pub(crate) const PROTOCOL_ERROR: u16 = 1002;
/// What a close frame without a code counts as. It never crosses the wire.
pub(crate) const NO_CODE: u16 = 1005;
/// The payload is not what it should be: text that is not UTF-8, or deflate that does not inflate.
pub(crate) const INVALID_PAYLOAD: u16 = 1007;
/// The message is larger than the owner takes.
pub(crate) const TOO_BIG: u16 = 1009;

/// A rule that the client broke: the code to close with, and which rule, in words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub code: u16,
    pub what: String,
}

impl Violation {
    pub fn new(code: u16, what: &str) -> Self {
        Self { code, what: what.to_owned() }
    }

    pub fn too_big(bytes_max: usize) -> Self {
        Self { code: TOO_BIG, what: format!("a message may have {bytes_max} bytes at most") }
    }
}

/// The code and reason in a client's close frame.
pub(crate) fn parse(payload: &[u8]) -> Result<(u16, String), Violation> {
    if payload.is_empty() {
        return Ok((NO_CODE, String::new()));
    }
    let Some((code, reason)) = payload.split_first_chunk() else {
        return Err(Violation::new(PROTOCOL_ERROR, "a close code is cut short"));
    };
    let code = u16::from_be_bytes(*code);
    if !is_sendable(code) {
        return Err(Violation::new(PROTOCOL_ERROR, "a close code that may not be sent"));
    }
    match std::str::from_utf8(reason) {
        Ok(reason) => Ok((code, reason.to_owned())),
        Err(_) => Err(Violation::new(INVALID_PAYLOAD, "the reason of a close is not UTF-8")),
    }
}

/// The payload of our close frame. A reason that does not fit is cut between two characters; without a code that may be sent,
/// there is no payload.
pub(crate) fn payload(code: u16, reason: &str) -> Vec<u8> {
    if !is_sendable(code) {
        return Vec::new();
    }
    let mut payload = code.to_be_bytes().to_vec();
    let fits = reason.floor_char_boundary(CONTROL_BYTES_MAX - payload.len());
    payload.extend(reason.bytes().take(fits));
    payload
}

/// Whether this code may stand in a close frame: those of section 7.4.1 and of IANA's registry that are no inventions of an
/// endpoint's own, and those for libraries, frameworks and applications.
fn is_sendable(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_that_may_be_sent() {
        for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999] {
            assert_eq!(parse(&payload(code, "why")), Ok((code, "why".to_owned())));
        }
        for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
            assert_eq!(parse(&code.to_be_bytes()).unwrap_err().code, PROTOCOL_ERROR, "{code}");
            assert!(payload(code, "why").is_empty());
        }
        assert_eq!(parse(&[]), Ok((NO_CODE, String::new())));
        assert_eq!(parse(&[3]).unwrap_err().code, PROTOCOL_ERROR);
        assert_eq!(parse(&[3, 232, 0xFF]).unwrap_err().code, INVALID_PAYLOAD);
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let cut = payload(1000, &format!("{}ä", "x".repeat(122)));
        assert_eq!(cut.len(), 124);
        assert_eq!(payload(1000, &"x".repeat(500)).len(), CONTROL_BYTES_MAX);
    }
}
