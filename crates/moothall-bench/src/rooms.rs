//! Messages to many, and to one.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use anyhow::{Context as _, Result};
use futures_util::StreamExt as _;
use futures_util::future::try_join_all;
use moothall_client::Client;
use moothall_protocol::accounts::SignedIn;
use moothall_protocol::communication::{CreateRoom, JoinRoom, OpenDirect};

use crate::Measured;
use crate::load::{connect_all, count_messages, cpu_of, guests, run, talk, wait_for};
use crate::server::Server;

fn client(server: &Server, guest: &SignedIn) -> Result<Client> {
    let client = Client::new(&server.base)?;
    client.set_tokens(guest.clone().into());
    Ok(client)
}

/// One member talks, all hear: CPU for each message that arrives at one of them.
pub fn room(
    program: &PathBuf,
    members: usize,
    messages: usize,
    in_flight: usize,
    live_only: bool,
) -> Result<Measured> {
    let server = Server::start(program)?;
    run(async {
        let guests = guests(&server, members).await?;
        let speaker = guests.first().context("a speaker")?;
        let input = CreateRoom {
            name: "Bench".to_owned(),
            topic: None,
            member_only: None,
            read_only: None,
            slow_mode_ms: None,
            retention_days: None,
            live_only: Some(live_only),
        };
        let room = client(&server, speaker)?.call(&input).await?.id;
        for guest in guests.iter().skip(1) {
            client(&server, guest)?.call(&JoinRoom { room_id: room }).await?;
        }
        let heard = Arc::new(AtomicU64::new(0));
        let mut sockets = connect_all(&server, &guests).await?.into_iter();
        let speaking = sockets.next().context("a speaker")?;
        let mut writers = Vec::new();
        for socket in sockets {
            let (write, read) = socket.split();
            writers.push(write);
            count_messages(read, Arc::clone(&heard));
        }
        let delivered = (messages * members) as u64;
        let measured = cpu_of(&server, delivered, async {
            let speaking = talk(speaking, &room.to_string(), messages, in_flight, &heard).await?;
            let (write, read) = speaking.split();
            count_messages(read, Arc::clone(&heard));
            wait_for(&heard, delivered).await?;
            drop(write);
            Ok(())
        })
        .await;
        drop(writers);
        measured
    })
}

const PAIRS: usize = 100;
const MESSAGES: usize = 100;

/// Pairs talk to each other: CPU for each message that is stored and arrives.
pub fn direct(program: &PathBuf) -> Result<Measured> {
    let server = Server::start(program)?;
    run(async {
        let guests = guests(&server, 2 * PAIRS).await?;
        let mut rooms = Vec::new();
        for pair in guests.chunks(2) {
            let [one, other] = pair else { continue };
            let input = OpenDirect { user_id: other.user.id };
            rooms.push(client(&server, one)?.call(&input).await?.id.to_string());
        }
        let heard = AtomicU64::new(0);
        let mut sockets = connect_all(&server, &guests).await?;
        let heard_by_others = Arc::new(AtomicU64::new(0));
        let (mut speakers, mut writers) = (Vec::new(), Vec::new());
        for (number, socket) in sockets.drain(..).enumerate() {
            if number % 2 == 0 {
                speakers.push(socket);
            } else {
                let (write, read) = socket.split();
                writers.push(write);
                count_messages(read, Arc::clone(&heard_by_others));
            }
        }
        let count = (PAIRS * MESSAGES) as u64;
        let talks =
            speakers.into_iter().zip(&rooms).map(|(socket, room)| talk(socket, room, MESSAGES, 4, &heard));
        let measured = cpu_of(&server, count, async {
            let _speakers = try_join_all(talks).await?;
            wait_for(&heard_by_others, count).await
        })
        .await;
        drop(writers);
        measured
    })
}
