//! The floor: what a relay costs that does nothing else. No accounts, no rooms but by address, no JSON.
//!
//! [`serve`] is a server in a process of its own, `moothall-bench floor`: whatever a socket sends goes to all that share its path, as one frame
//! that all share, and what waits for a socket leaves in one vectored write. The same load talks to it as to the real server.

use std::collections::{HashMap, VecDeque};
use std::io::{ErrorKind, IoSlice, Read as _, Write as _};
use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use memchr::memmem::find;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::Bench;
use crate::crowd::{Client, Crowd, connected};
use crate::frames::{self, TEXT};
use crate::process::{Meter, Process};
use crate::relay::{Matches, relayed};
use crate::report::Figure;
use crate::rooms::{Room, warm_up};
use crate::server::free_address;
use crate::swarm::Swarm;
use crate::talk::{Talker, closed_loop};

/// The argument that makes this program the floor.
pub const MODE: &str = "floor";
const READY: &str = "floor on ";
const LISTENER: Token = Token(usize::MAX);
/// The system takes no more of them in one write.
const FRAMES_AT_ONCE: usize = 64;
const READ_BYTES: usize = 64 * 1024;
/// Looks to the load like a welcome, an event, an answer.
const WELCOME: &[u8] = br#"{"seq":0}"#;
const EVENT: [&[u8]; 2] = [
    br#"{"seq":0,"topic":"room:00000000-0000-0000-0000-000000000000","event":"communication.message_sent","and":"as many bytes as around one","data":"#,
    b"}",
];
const ANSWER: &[u8] = br#"{"id":0,"out":null}"#;

/// Starts the floor, and connects sockets to it, so many to each path.
fn start(sockets: usize, of_path: usize) -> Result<(Process, Swarm, Crowd)> {
    let address = free_address()?;
    let mut command = Command::new(std::env::current_exe()?);
    let (process, _) = Process::start(command.args([MODE, &address.to_string()]), READY)?;
    let clients = (0..sockets).map(|number| Client::new(&format!("/{}", number / of_path), ""));
    let (swarm, crowd) = connected(address, clients.collect(), 16)?;
    Ok((process, swarm, crowd))
}

/// A room of the same size under the same load as one of the real server.
pub fn room(bench: &Bench, name: &str, kind: Room) -> Result<Vec<Figure>> {
    let kind = kind.sized(bench);
    let (process, mut swarm, _) = start(kind.members, kind.members)?;
    let talkers = [Talker::in_room(0, "00000000-0000-0000-0000-000000000000")];
    let plan = kind.plan(bench);
    closed_loop(&mut swarm, &talkers, &warm_up(&plan))?;
    let meter = Meter::start(&process)?;
    let hearing = closed_loop(&mut swarm, &talkers, &plan)?;
    let spent = meter.spent()?;
    Ok(vec![Figure::cpu(name, spent, hearing.delivered).latency(hearing.latency)])
}

/// Matches of the same size and pace.
pub fn matches(bench: &Bench, name: &str, matches: Matches) -> Result<Vec<Figure>> {
    let (process, mut swarm, _) = start(matches.all_players(bench), matches.players)?;
    let talker = |socket| {
        Talker::new(
            socket,
            "relay",
            r#"{"text":"@ and sixty-four bytes of what only the game knows: 0123456789"}"#,
        )
    };
    relayed(bench, name, matches, (&process, &mut swarm), talker)
}

/// Serves until the process is killed.
pub fn serve(address: SocketAddr) -> Result<()> {
    let mut floor = Floor::listen(address)?;
    #[expect(clippy::print_stdout, reason = "who started this waits for it")]
    {
        println!("{READY}{address}");
    }
    let (mut events, mut buffer) = (Events::with_capacity(1_024), vec![0; READ_BYTES]);
    loop {
        match floor.poll.poll(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            match event.token() {
                LISTENER => floor.accept()?,
                Token(number) => {
                    if event.is_writable() {
                        floor.unwritten.push(number);
                    }
                    if event.is_readable() || event.is_read_closed() {
                        floor.read(number, &mut buffer);
                    }
                }
            }
        }
        floor.write();
    }
}

struct Floor {
    poll: Poll,
    listener: TcpListener,
    sockets: Vec<Socket>,
    rooms: HashMap<Vec<u8>, usize>,
    members: Vec<Vec<usize>>,
    unwritten: Vec<usize>,
}

struct Socket {
    stream: TcpStream,
    room: Option<usize>,
    begun: Vec<u8>,
    waiting: VecDeque<Bytes>,
    /// Of the first that waits.
    written: usize,
    is_unwritten: bool,
}

fn frame(pieces: &[&[u8]]) -> Bytes {
    let mut bytes = Vec::with_capacity(pieces.iter().map(|piece| piece.len()).sum::<usize>() + 10);
    frames::plain(&mut bytes, TEXT, pieces);
    bytes.into()
}

impl Floor {
    fn listen(address: SocketAddr) -> Result<Self> {
        let (poll, mut listener) = (Poll::new()?, TcpListener::bind(address)?);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            listener,
            sockets: Vec::new(),
            rooms: HashMap::new(),
            members: Vec::new(),
            unwritten: Vec::new(),
        })
    }

    fn accept(&mut self) -> Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            stream.set_nodelay(true)?;
            let token = Token(self.sockets.len());
            self.poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
            self.sockets.push(Socket {
                stream,
                room: None,
                begun: Vec::new(),
                waiting: VecDeque::new(),
                written: 0,
                is_unwritten: false,
            });
        }
    }

    fn read(&mut self, number: usize, buffer: &mut [u8]) {
        while let Some(socket) = self.sockets.get_mut(number) {
            let count = match socket.stream.read(buffer) {
                Ok(count) if count > 0 => count,
                _ => return,
            };
            let mut there = std::mem::take(&mut socket.begun);
            there.extend_from_slice(buffer.get(..count).unwrap_or_default());
            let taken = self.take(number, &there);
            if let Some(socket) = self.sockets.get_mut(number) {
                socket.begun = there.split_off(taken);
            }
            if count < buffer.len() {
                return;
            }
        }
    }

    fn take(&mut self, number: usize, bytes: &[u8]) -> usize {
        let Some(socket) = self.sockets.get_mut(number) else { return 0 };
        let Some(room) = socket.room else {
            return match find(bytes, b"\r\n\r\n") {
                Some(end) => {
                    self.enter(number, bytes);
                    end + 4
                }
                None => 0,
            };
        };
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..)
            && let Some(frame) = frames::first(rest)
        {
            taken += frame.length;
            if frame.kind == TEXT {
                self.relay(number, room, &frames::unmasked(&frame, rest));
            }
        }
        taken
    }

    /// The one client it has does not check the key of an answer.
    fn enter(&mut self, number: usize, request: &[u8]) {
        let path = request.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        let next = self.members.len();
        let room = *self.rooms.entry(path.to_vec()).or_insert(next);
        if room == next {
            self.members.push(Vec::new());
        }
        if let (Some(members), Some(socket)) = (self.members.get_mut(room), self.sockets.get_mut(number)) {
            members.push(number);
            socket.room = Some(room);
        }
        let accepted =
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
        self.send(number, Bytes::from_static(accepted));
        self.send(number, frame(&[WELCOME]));
    }

    fn relay(&mut self, from: usize, room: usize, payload: &[u8]) {
        let [before, behind] = EVENT;
        let event = frame(&[before, payload, behind]);
        let members = self.members.get_mut(room).map(std::mem::take).unwrap_or_default();
        for member in &members {
            self.send(*member, event.clone());
        }
        if let Some(place) = self.members.get_mut(room) {
            *place = members;
        }
        self.send(from, frame(&[ANSWER]));
    }

    fn send(&mut self, number: usize, frame: Bytes) {
        let Some(socket) = self.sockets.get_mut(number) else { return };
        socket.waiting.push_back(frame);
        if !socket.is_unwritten {
            socket.is_unwritten = true;
            self.unwritten.push(number);
        }
    }

    fn write(&mut self) {
        for number in self.unwritten.drain(..) {
            if let Some(socket) = self.sockets.get_mut(number) {
                socket.is_unwritten = false;
                socket.write();
            }
        }
    }
}

impl Socket {
    fn write(&mut self) {
        while !self.waiting.is_empty() {
            let mut slices = [IoSlice::new(&[]); FRAMES_AT_ONCE];
            let mut skipped = self.written;
            for (slice, frame) in slices.iter_mut().zip(&self.waiting) {
                *slice = IoSlice::new(frame.get(skipped..).unwrap_or_default());
                skipped = 0;
            }
            let slices = slices.get(..self.waiting.len().min(FRAMES_AT_ONCE)).unwrap_or_default();
            match self.stream.write_vectored(slices) {
                Ok(count) => self.drop_written(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => return self.waiting.clear(),
            }
        }
    }

    fn drop_written(&mut self, count: usize) {
        self.written += count;
        while let Some(first) = self.waiting.front()
            && first.len() <= self.written
        {
            self.written -= first.len();
            self.waiting.pop_front();
        }
    }
}

/// What stands behind the mode on the command line.
pub fn address(arguments: &mut impl Iterator<Item = String>) -> Result<SocketAddr> {
    Ok(arguments.next().context("an address to listen on")?.parse()?)
}
