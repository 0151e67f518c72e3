//! One connection of the echo server: the handshake, the messages, the goodbye.

use std::future::poll_fn;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use moothall_socket::{Deflate, Options, Received, Shared, Socket, accept_key, negotiate_deflate};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The largest message that the cases of Autobahn send has 16 MiB.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
const HANDSHAKE_BYTES_MAX: usize = 16 * 1024;

/// Serves one client, and returns when it is gone.
pub async fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (deflate, already_read) = shake_hands(&mut stream).await?;
    let mut socket =
        Socket::new(stream, already_read, Options { message_bytes_max: MESSAGE_BYTES_MAX, deflate });
    loop {
        match poll_fn(|cx| socket.poll_receive(cx)).await {
            Received::Message { kind, bytes } => {
                // As an event would be: the first bytes as the receiver's own, the rest as what it shares. Text is cut where it may be.
                let own = (0..=bytes.len().min(16)).rev().find(|end| is_boundary(&bytes, *end)).unwrap_or(0);
                let tail = Shared::new(bytes.slice(own..));
                socket.send_shared(kind, bytes.get(..own).unwrap_or_default(), &tail);
            }
            Received::Ping | Received::Pong | Received::EmptyFragment => {}
            Received::Broken { code, what } => {
                socket.close(code, &what);
                break;
            }
            Received::Closed { .. } | Received::Lost => break,
        }
        poll_fn(|cx| socket.poll_flush(cx)).await?;
    }
    poll_fn(|cx| socket.poll_shutdown(cx)).await?;
    let gone = async { while poll_fn(|cx| socket.poll_receive(cx)).await != Received::Lost {} };
    let _ = tokio::time::timeout(Duration::from_secs(2), gone).await;
    Ok(())
}

/// Whether a character may begin here.
fn is_boundary(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_none_or(|byte| byte & 0xC0 != 0x80)
}

/// Answers the handshake, and returns what was agreed on and what was read behind it.
async fn shake_hands(stream: &mut TcpStream) -> io::Result<(Option<Deflate>, Bytes)> {
    let mut read = Vec::new();
    let end = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut read).await? == 0 || read.len() > HANDSHAKE_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
    };
    let behind = read.split_off(end);
    let head = String::from_utf8_lossy(&read);
    let header = |name: &str| {
        let fields = head.lines().filter_map(|line| line.split_once(':'));
        let values: Vec<&str> = fields
            .filter(|(field, _)| field.trim().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect();
        (!values.is_empty()).then(|| values.join(", "))
    };
    let key = header("Sec-WebSocket-Key").ok_or(io::ErrorKind::InvalidData)?;
    let mut answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n",
        accept_key(&key)
    );
    let agreed = header("Sec-WebSocket-Extensions").and_then(|offers| negotiate_deflate(&offers));
    let deflate = agreed.map(|(deflate, header)| {
        answer += &format!("Sec-WebSocket-Extensions: {header}\r\n");
        deflate
    });
    answer += "\r\n";
    stream.write_all(answer.as_bytes()).await?;
    Ok((deflate, behind.into()))
}
