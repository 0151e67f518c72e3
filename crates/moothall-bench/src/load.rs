//! What is there before a scenario begins: players who signed up, rooms they are in, their sockets.

use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use moothall_client::{Call, Client};
use moothall_protocol::accounts::{SignUpGuest, SignedIn};
use moothall_protocol::communication::{CreateRoom, JoinRoom};

use crate::crowd::{self, Crowd};
use crate::process::{Meter, Spent};
use crate::server::Server;
use crate::swarm::Swarm;

/// Requests at once.
pub const AT_ONCE: usize = 16;

/// Runs to its end what is asked over HTTP. Its connections end with it.
pub fn run<T>(load: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?.block_on(load)
}

/// What `work` costs.
pub async fn spent_on(server: &Server, work: impl Future<Output = Result<()>>) -> Result<Spent> {
    let meter = Meter::start(&server.process)?;
    work.await?;
    meter.spent()
}

/// Guests who sign up.
pub async fn guests(server: &Server, count: usize) -> Result<Vec<SignedIn>> {
    let client = Client::new(&server.base)?;
    stream::iter(0..count)
        .map(|_| {
            let client = client.clone();
            async move { Ok(client.call(&SignUpGuest::default()).await?) }
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await
}

/// One call by each of these. They share a few connections.
pub async fn call_all<C: Call>(server: &Server, calls: Vec<(&SignedIn, C)>) -> Result<Vec<C::Output>> {
    let calls = tokio::sync::Mutex::new(calls.into_iter().enumerate());
    let workers = (0..AT_ONCE).map(|_| async {
        let (client, mut answers) = (Client::new(&server.base)?, Vec::new());
        loop {
            let Some((number, (guest, call))) = calls.lock().await.next() else { break };
            client.set_tokens(guest.clone().into());
            answers.push((number, client.call(&call).await?));
        }
        anyhow::Ok(answers)
    });
    let mut answers: Vec<_> = try_join_all(workers).await?.into_iter().flatten().collect();
    answers.sort_by_key(|(number, _)| *number);
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}

/// A room that all of these are in. The first is its owner.
pub async fn room(server: &Server, members: &[SignedIn], is_live_only: bool) -> Result<String> {
    let owner = members.first().context("an owner")?;
    let input = CreateRoom {
        name: format!("Bench {}", uuid::Uuid::now_v7().simple()),
        topic: None,
        member_only: None,
        read_only: None,
        slow_mode_ms: None,
        retention_days: None,
        live_only: Some(is_live_only),
    };
    let created = call_all(server, vec![(owner, input)]).await?;
    let room = created.first().context("a room")?.id;
    let others = members.iter().skip(1).map(|member| (member, JoinRoom { room_id: room }));
    call_all(server, others.collect()).await?;
    Ok(room.to_string())
}

/// Those who come with these sign-ins.
pub fn clients(guests: &[SignedIn]) -> Vec<crowd::Client> {
    guests.iter().map(|guest| crowd::Client::new("/v1/socket", &guest.access_token)).collect()
}

/// A socket for each of these, number 0 for the first.
pub fn sockets(server: &Server, guests: &[SignedIn]) -> Result<(Swarm, Crowd)> {
    crowd::connected(server.address, clients(guests), AT_ONCE)
}
