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
    split(offers, ',').find_map(|offer| accept(&offer))
}

fn accept(offer: &str) -> Option<(Deflate, String)> {
    let mut parts = split(offer, ';');
    if !parts.next()?.trim().eq_ignore_ascii_case("permessage-deflate") {
        return None;
    }
    let mut seen = Vec::new();
    let mut window_bits = None;
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim(), Some(unquote(value.trim())?)),
            None => (part.trim(), None),
        };
        let name = name.to_ascii_lowercase();
        match (name.as_str(), value) {
            (
                "server_no_context_takeover" | "client_no_context_takeover" | "client_max_window_bits",
                None,
            ) => {}
            ("client_max_window_bits", Some(value)) => drop(bits(value)?),
            ("server_max_window_bits", Some(value)) => window_bits = Some(bits(value)?),
            _ => return None,
        }
        if seen.contains(&name) {
            return None;
        }
        seen.push(name);
    }
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

/// A value as it is, or between quotes. None of ours has a quote or a backslash inside.
fn unquote(value: &str) -> Option<&str> {
    match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').filter(|inside| !inside.contains(['"', '\\'])),
        None => Some(value).filter(|value| !value.is_empty() && !value.contains(['"', ' ', '\t'])),
    }
}

/// Cuts a header at each of these signs that does not stand between quotes.
fn split(header: &str, sign: char) -> impl Iterator<Item = String> {
    let (mut parts, mut is_quoted, mut is_escaped) = (vec![String::new()], false, false);
    for character in header.chars() {
        if character == sign && !is_quoted {
            parts.push(String::new());
            continue;
        }
        if let Some(part) = parts.last_mut() {
            part.push(character);
        }
        match character {
            _ if is_escaped => is_escaped = false,
            '"' => is_quoted = !is_quoted,
            '\\' => is_escaped = is_quoted,
            _ => {}
        }
    }
    parts.into_iter()
}
