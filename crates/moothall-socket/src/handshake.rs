//! What of the handshake is not a plain header: the accepted key, and the agreement on deflate.

use data_encoding::BASE64;
use sha1::{Digest as _, Sha1};

/// What RFC 6455, section 1.3, has appended to the key.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The value of `Sec-WebSocket-Accept` for this `Sec-WebSocket-Key` (RFC 6455, section 4.2.2).
pub fn accept_key(key: &str) -> String {
    BASE64.encode(&Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

/// The agreement to deflate messages, made by [`negotiate_deflate`].
///
/// No state outlives a message, in either direction: the server never takes over a context, and tells the client that it may not
/// (RFC 7692, section 7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deflate {
    /// The window of the client's inflater, as a power of two.
    window_bits: u8,
}

impl Deflate {
    /// Whether the client can inflate a message of so many bytes. Nothing in a message lies farther back than its start, so one
    /// that fits in the window may be deflated as for any other client; a larger one is for those with a larger window.
    pub(crate) fn takes(self, bytes: usize) -> bool {
        self.window_bits == WINDOW_BITS_MAX || bytes <= 1 << self.window_bits
    }
}

const WINDOW_BITS_MAX: u8 = 15;

/// Chooses from a `Sec-WebSocket-Extensions` header (several of them joined by commas) the first offer of deflate that suits, and
/// returns it with the value of that header in the answer. `None` if there is none: then the answer has no such header.
///
/// An offer with a parameter that is unknown, stands twice, or has a value it may not have, does not suit (RFC 7692, section 7).
pub fn negotiate_deflate(offers: &str) -> Option<(Deflate, String)> {
    split(offers, ',').find_map(accept)
}

fn accept(offer: &str) -> Option<(Deflate, String)> {
    let mut parts = split(offer, ';');
    if parts.next()?.trim() != "permessage-deflate" {
        return None;
    }
    let mut seen = Vec::new();
    let mut window_bits = None;
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim(), Some(unquote(value.trim())?)),
            None => (part.trim(), None),
        };
        if seen.contains(&name) {
            return None;
        }
        seen.push(name);
        match (name, value) {
            (
                "server_no_context_takeover" | "client_no_context_takeover" | "client_max_window_bits",
                None,
            ) => {}
            // What we inflate with takes any window of the client's.
            ("client_max_window_bits", Some(value)) => drop(bits(value)?),
            ("server_max_window_bits", Some(value)) => window_bits = Some(bits(value)?),
            _ => return None,
        }
    }
    // The client may be told not to take over a context though it did not offer that (section 7.1.1.2), and a smaller window that
    // it asks for is agreed to by naming it (section 7.1.2.1).
    let mut answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover".to_owned();
    if let Some(bits) = window_bits {
        answer += &format!("; server_max_window_bits={bits}");
    }
    Some((Deflate { window_bits: window_bits.unwrap_or(WINDOW_BITS_MAX) }, answer))
}

/// A window: 8 to 15, without zeros before it (section 7.1.2).
fn bits(value: &str) -> Option<u8> {
    (8..=WINDOW_BITS_MAX).find(|bits| bits.to_string() == value)
}

/// A value as it is, or between quotes. None of ours needs a quote, a backslash or a space inside.
fn unquote(value: &str) -> Option<&str> {
    let inside = match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => value,
    };
    (!inside.is_empty() && !inside.contains(['"', '\\', ' ', '\t'])).then_some(inside)
}

/// Cuts a header at each of these signs that does not stand between quotes.
fn split(header: &str, sign: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    header.split(move |character| {
        if is_escaped {
            is_escaped = false;
            return false;
        }
        match character {
            '"' => is_quoted = !is_quoted,
            '\\' => is_escaped = is_quoted,
            _ => {}
        }
        character == sign && !is_quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_rfc_is_accepted() {
        assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    /// The window agreed on; 0 if the offer is declined.
    fn window(offers: &str) -> u8 {
        negotiate_deflate(offers).map_or(0, |(deflate, _)| deflate.window_bits)
    }

    #[test]
    fn offers_are_taken_to_the_letter() {
        for (offer, expected) in [
            ("permessage-deflate", 15),
            ("permessage-deflate; client_max_window_bits", 15),
            ("permessage-deflate;client_max_window_bits=8", 15),
            ("permessage-deflate; server_no_context_takeover ; client_no_context_takeover", 15),
            ("permessage-deflate; server_max_window_bits=10", 10),
            ("permessage-deflate; server_max_window_bits=\"9\"", 9),
            ("x-webkit-deflate-frame, permessage-deflate", 15),
            ("permessage-deflate; unknown, permessage-deflate; server_max_window_bits=12", 12),
            ("foo; bar=\"baz, permessage-deflate\"", 0),
            ("foo; bar=\"\\\", permessage-deflate\"", 0),
            ("foo; bar=\"\\\"\", permessage-deflate", 15),
            ("foo; bar=\", permessage-deflate", 0),
            ("permessage-deflate-2", 0),
            ("permessage-deflate;", 0),
            ("permessage-deflate; server_no_context_takeover=1", 0),
            ("permessage-deflate; client_no_context_takeover=", 0),
            ("permessage-deflate; server_no_context_takeover; server_no_context_takeover", 0),
            ("permessage-deflate; client_max_window_bits; client_max_window_bits=10", 0),
            ("permessage-deflate; server_max_window_bits", 0),
            ("permessage-deflate; server_max_window_bits=7", 0),
            ("permessage-deflate; server_max_window_bits=16", 0),
            ("permessage-deflate; server_max_window_bits=08", 0),
            ("permessage-deflate; client_max_window_bits=+9", 0),
            ("permessage-deflate; client_max_window_bits=\"\"", 0),
            ("", 0),
            (",;=\",", 0),
        ] {
            assert_eq!(window(offer), expected, "{offer}");
        }
    }

    #[test]
    fn the_answer_forbids_every_context_and_names_a_window_that_was_asked_for() {
        let answer = |offers| negotiate_deflate(offers).unwrap().1;
        let least = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        assert_eq!(answer("permessage-deflate; client_max_window_bits"), least);
        assert_eq!(
            answer("permessage-deflate; server_max_window_bits=15"),
            format!("{least}; server_max_window_bits=15")
        );
    }

    #[test]
    fn a_small_window_takes_what_fits_in_it() {
        let (small, _) = negotiate_deflate("permessage-deflate; server_max_window_bits=9").unwrap();
        assert!(small.takes(512) && !small.takes(513));
        let (large, _) = negotiate_deflate("permessage-deflate").unwrap();
        assert!(large.takes(usize::MAX));
    }
}
