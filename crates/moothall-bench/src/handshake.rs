//! How a socket begins: the request that asks for it, and what is answered.

use std::time::Duration;

use memchr::memmem::find;

/// A request for a socket at this path.
pub fn request(path: &str, token: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nhost: bench\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
         sec-websocket-protocol: moothall.v1.json\r\nauthorization: Bearer {token}\r\n\r\n"
    )
    .into_bytes()
}

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub enum Response {
    /// Not all of it yet.
    Unfinished,
    /// The bytes behind so many are frames.
    Accepted(usize),
    /// Not now, or never.
    Refused(Refusal),
}

/// Why there is no socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    /// When to come back, if that was said.
    pub retry_after: Option<Duration>,
}

/// Reads the answer to a request. The key that comes back is not checked: these are our own servers.
pub fn response(bytes: &[u8]) -> Response {
    let Some(head) = find(bytes, b"\r\n\r\n").map(|at| at + 4) else { return Response::Unfinished };
    let (text, body) = bytes.split_at(head);
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    if status == 101 {
        return Response::Accepted(head);
    }
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|value| value.trim().parse::<u64>().ok())
    };
    if (body.len() as u64) < field("content-length").unwrap_or(0) {
        return Response::Unfinished;
    }
    let retry_after = retry_after(body).or_else(|| field("retry-after").map(Duration::from_secs));
    Response::Refused(Refusal { status, retry_after })
}

/// When an error or the reason of a close asks to come back.
pub fn retry_after(json: &[u8]) -> Option<Duration> {
    const NAME: &[u8] = br#""retry_after_ms":"#;
    let behind = json.get(find(json, NAME)? + NAME.len()..)?;
    let digits = behind.iter().skip_while(|byte| **byte == b' ').take_while(|byte| byte.is_ascii_digit());
    let digits: String = digits.map(|byte| char::from(*byte)).collect();
    digits.parse().ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_when_it_is_whole() {
        let accepted = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n";
        assert_eq!(response(&accepted[..accepted.len() - 1]), Response::Unfinished);
        assert_eq!(response(accepted), Response::Accepted(accepted.len()));
        let head = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3\r\nContent-Length: 22\r\n\r\n";
        assert_eq!(response(head.as_bytes()), Response::Unfinished);
        let refused = |millis| {
            Response::Refused(Refusal { status: 503, retry_after: Some(Duration::from_millis(millis)) })
        };
        assert_eq!(response(format!(r#"{head}{{"retry_after_ms": 2750}}"#).as_bytes()), refused(2_750));
        assert_eq!(response(format!("{head}{{\"something\":\"else\"}}  ").as_bytes()), refused(3_000));
    }
}
