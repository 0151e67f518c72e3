//! A client that writes its bytes itself, right or wrong, fast or slowly, over whatever stream it is given.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// How long a test waits for what must come.
const SOON: Duration = Duration::from_secs(20);

/// Opcodes with the bit that ends a message.
pub const TEXT: u8 = 0x81;
pub const BINARY: u8 = 0x82;
pub const CLOSE: u8 = 0x88;
pub const PING: u8 = 0x89;
pub const PONG: u8 = 0x8A;

/// One connection.
pub struct Wire<S = TcpStream> {
    pub stream: S,
    unread: Vec<u8>,
}

impl Wire {
    /// A connection on which nothing was said yet.
    pub async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }

    /// The same, whose kernel takes little that nobody reads.
    pub async fn narrow(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 * 1024).unwrap();
        Self::over(socket.connect(address).await.unwrap())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub fn over(stream: S) -> Self {
        Self { stream, unread: Vec::new() }
    }

    /// Asks for a socket and takes the answer to that. Signs in by token, if there is one.
    pub async fn open(mut self, query: &str, token: Option<&str>) -> Self {
        self.send(handshake(query, token).as_bytes()).await.unwrap();
        let head = self.head().await.expect("an answer to the handshake");
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        self
    }

    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Sends these bytes one by one, one in so long, until they end or the server has had enough.
    pub async fn trickle(&mut self, bytes: &[u8], pause: Duration) {
        for byte in bytes {
            let mut end = [0; 1024];
            tokio::select! {
                // Whatever is said meanwhile is lost; only the end counts.
                read = self.stream.read(&mut end) => if !matches!(read, Ok(1..)) { return },
                () = tokio::time::sleep(pause) => if self.send(&[*byte]).await.is_err() { return },
            }
        }
    }

    /// The head of an HTTP answer; `None` if the connection ends before that.
    pub async fn head(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                return Some(String::from_utf8(self.unread.drain(..at + 4).collect()).unwrap());
            }
            self.more().await?;
        }
    }

    /// The next so many bytes.
    pub async fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.unread.len() < count {
            self.more().await.expect("more bytes before the end");
        }
        self.unread.drain(..count).collect()
    }

    /// Any byte; `None` at the end of the connection.
    pub async fn byte(&mut self) -> Option<u8> {
        if self.unread.is_empty() {
            self.more().await?;
        }
        Some(self.unread.remove(0))
    }

    /// The next frame, its first byte and its payload; `None` at the end of the connection.
    pub async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((first, head, length)) = announced(&self.unread)
                && self.unread.len() >= head + length
            {
                let payload = self.unread.drain(..head + length).skip(head).collect();
                return Some((first, payload));
            }
            self.more().await?;
        }
    }

    /// The next text message, past pings and pongs.
    pub async fn message(&mut self) -> Value {
        loop {
            match self.frame().await.expect("a message before the end") {
                (TEXT, text) => return serde_json::from_slice(&text).unwrap(),
                (PING | PONG, _) => {}
                (first, payload) => panic!("{first:x}: {}", String::from_utf8_lossy(&payload)),
            }
        }
    }

    /// How the socket is closed, past all that comes before; `None` without a goodbye.
    pub async fn closed(&mut self) -> Option<(u16, Value)> {
        loop {
            if let (CLOSE, payload) = self.frame().await? {
                let code = u16::from_be_bytes([payload[0], payload[1]]);
                return Some((code, serde_json::from_slice(&payload[2..]).unwrap_or_default()));
            }
        }
    }

    async fn more(&mut self) -> Option<()> {
        let read = tokio::time::timeout(SOON, self.stream.read_buf(&mut self.unread)).await;
        matches!(read.expect("bytes or an end in time"), Ok(1..)).then_some(())
    }
}

/// The head of a frame of the server's, if it is whole: its first byte, its own length, and that of the payload.
fn announced(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (first, short) = (*bytes.first()?, usize::from(*bytes.get(1)?));
    Some(match short {
        126 => (first, 4, usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]))),
        127 => (first, 10, u64::from_be_bytes(bytes.get(2..10)?.try_into().unwrap()) as usize),
        length => (first, 2, length),
    })
}

/// A request for a socket.
pub fn handshake(query: &str, token: Option<&str>) -> String {
    let token = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    format!(
        "GET /v1/socket{query} HTTP/1.1\r\nhost: here\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{token}\r\n"
    )
}

/// A frame as a client sends it, masked with zeros.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = announcing(first, payload.len() as u64);
    bytes.extend_from_slice(payload);
    bytes
}

/// The head of a frame as a client sends it.
pub fn announcing(first: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match length {
        0..126 => bytes.push(0x80 | length as u8),
        126..0x1_0000 => {
            bytes.push(0x80 | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes
}
