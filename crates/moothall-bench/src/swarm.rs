//! Sockets by the ten thousand, on one thread: the client half of the load.
//!
//! Start at [`Swarm::poll`]. It is cheap, so that it can fill a core of the server's from another: no task, no buffer and no copy for a
//! socket; one read takes whatever has come, into a buffer that all share, and messages are handed on where they lie there.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Protocol, Socket as Plain, Type};

use crate::frames::{self, CLOSE, PING, PONG, TEXT};
use crate::handshake::{self, Refusal, Response};

/// Sockets that share an address of ours: each has some 28,000 ports for one server.
const SOCKETS_OF_ADDRESS: usize = 1_000;
const EVENTS_AT_ONCE: usize = 1_024;
const READ_BYTES: usize = 256 * 1024;

/// What comes from a server.
pub enum Heard<'a> {
    /// The socket is open.
    Open,
    /// A message.
    Text(&'a [u8]),
    /// There is no socket.
    Refused(Refusal),
    /// The server said goodbye.
    Closed { code: u16, retry_after: Option<Duration> },
    /// The connection is gone, or never came about.
    Lost,
}

/// Sockets of one server, by their numbers.
pub struct Swarm {
    server: SocketAddr,
    poll: Poll,
    events: Events,
    sockets: Vec<Socket>,
    buffer: Vec<u8>,
    /// Those that have something to write.
    unwritten: Vec<usize>,
}

#[derive(Default)]
struct Socket {
    stream: Option<TcpStream>,
    is_open: bool,
    is_read: bool,
    /// The beginning of what has not come to its end yet.
    begun: Vec<u8>,
    unwritten: Vec<u8>,
}

impl Swarm {
    /// So many sockets, none of them connected.
    pub fn new(server: SocketAddr, count: usize) -> Result<Self> {
        Ok(Self {
            server,
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS_AT_ONCE),
            sockets: std::iter::repeat_with(Socket::default).take(count).collect(),
            buffer: vec![0; READ_BYTES],
            unwritten: Vec::new(),
        })
    }

    pub fn len(&self) -> usize {
        self.sockets.len()
    }

    /// Begins to connect a socket, instead of the connection that it had.
    pub fn connect(&mut self, number: usize, request: Vec<u8>) -> Result<()> {
        self.connect_with(number, request, None)
    }

    /// The same, with a bound on the bytes that the system keeps for a client that does not read.
    pub fn connect_with(&mut self, number: usize, request: Vec<u8>, kept_max: Option<usize>) -> Result<()> {
        let mut stream = connection(self.server, number, kept_max)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(number), interest)?;
        let socket = self.sockets.get_mut(number).context("a socket")?;
        *socket = Socket { stream: Some(stream), is_read: true, unwritten: request, ..Socket::default() };
        Ok(())
    }

    /// Ends a connection without a word.
    pub fn drop(&mut self, number: usize) {
        if let Some(socket) = self.sockets.get_mut(number) {
            *socket = Socket::default();
        }
    }

    /// Leaves what comes for this socket unread from now on.
    pub fn stall(&mut self, number: usize) {
        if let Some(socket) = self.sockets.get_mut(number) {
            socket.is_read = false;
        }
    }

    /// Sends a message at the next [`Self::poll`], together with others for the same socket.
    pub fn send(&mut self, number: usize, text: &[u8]) {
        if let Some(socket) = self.sockets.get_mut(number) {
            if socket.unwritten.is_empty() {
                self.unwritten.push(number);
            }
            frames::masked(&mut socket.unwritten, TEXT, text);
        }
    }

    /// Writes what is to be sent, waits until something comes, and tells whom and what.
    pub fn poll(&mut self, wait: Duration, mut hear: impl FnMut(usize, Heard<'_>)) -> Result<()> {
        self.write();
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        for event in &self.events {
            let Token(number) = event.token();
            let Some(socket) = self.sockets.get_mut(number) else { continue };
            if event.is_writable() && !socket.unwritten.is_empty() {
                socket.write();
            }
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                socket.read(&mut self.buffer, &mut |heard| hear(number, heard));
                if socket.is_open && !socket.unwritten.is_empty() {
                    self.unwritten.push(number);
                }
            }
        }
        self.write();
        Ok(())
    }

    fn write(&mut self) {
        for number in self.unwritten.drain(..) {
            if let Some(socket) = self.sockets.get_mut(number) {
                socket.write();
            }
        }
    }
}

/// A connection that is being made, from an address that not too many share.
fn connection(server: SocketAddr, number: usize, kept_max: Option<usize>) -> Result<TcpStream> {
    let socket = Plain::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_reuse_address(true)?;
    if let Some(bytes) = kept_max {
        socket.set_recv_buffer_size(bytes)?;
    }
    let own = 2 + u8::try_from(number / SOCKETS_OF_ADDRESS).context("an address")?;
    socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, own), 0)).into())?;
    match socket.connect(&server.into()) {
        Err(error) if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {
            Err(error.into())
        }
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}

impl Socket {
    fn write(&mut self) {
        let Some(stream) = &mut self.stream else { return self.unwritten.clear() };
        match stream.write(&self.unwritten) {
            Ok(count) if count == self.unwritten.len() => self.unwritten = Vec::new(),
            Ok(count) => drop(self.unwritten.drain(..count)),
            // It goes on when the system says that it can.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {}
            // Whoever reads hears of the end.
            Err(_) => self.unwritten.clear(),
        }
    }

    fn read(&mut self, buffer: &mut Vec<u8>, hear: &mut impl FnMut(Heard<'_>)) {
        while self.is_read
            && let Some(stream) = &mut self.stream
        {
            let begun = self.begun.len();
            if buffer.len() < begun + READ_BYTES / 2 {
                buffer.resize(begun + READ_BYTES, 0);
            }
            let Some((kept, free)) = buffer.split_at_mut_checked(begun) else { return };
            kept.copy_from_slice(&self.begun);
            let room = free.len();
            let count = match stream.read(free) {
                Ok(count) if count > 0 => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                _ => {
                    *self = Self::default();
                    return hear(Heard::Lost);
                }
            };
            let there = buffer.get(..begun + count).unwrap_or_default();
            let taken = self.take(there, hear);
            self.begun = there.get(taken..).unwrap_or_default().to_vec();
            // Less than there was room for: there is no more.
            if count < room {
                return;
            }
        }
    }

    /// Hands on what is whole, and says how much that was.
    fn take(&mut self, bytes: &[u8], hear: &mut impl FnMut(Heard<'_>)) -> usize {
        let mut taken = 0;
        if !self.is_open {
            match handshake::response(bytes) {
                Response::Unfinished => return 0,
                Response::Accepted(head) => taken = head,
                Response::Refused(refusal) => {
                    *self = Self::default();
                    hear(Heard::Refused(refusal));
                    return bytes.len();
                }
            }
            self.is_open = true;
            hear(Heard::Open);
        }
        while let Some(frame) = bytes.get(taken..).and_then(frames::first) {
            taken += frame.length;
            match frame.kind {
                TEXT => hear(Heard::Text(frame.payload)),
                PING => frames::masked(&mut self.unwritten, PONG, frame.payload),
                CLOSE => {
                    let code = frame.payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                    let retry_after = handshake::retry_after(frame.payload);
                    *self = Self::default();
                    hear(Heard::Closed { code, retry_after });
                    return bytes.len();
                }
                _ => {}
            }
        }
        taken
    }
}
