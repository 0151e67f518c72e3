//! Accounts and sockets.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use moothall_client::Client;
use moothall_protocol::accounts::{GetMe, SignIn};

use crate::Measured;
use crate::load::{AT_ONCE, connect_all, cpu_of, guests, run};
use crate::server::Server;

const USERS: usize = 4_000;
const SOCKETS: usize = 5_000;
const READS: usize = 40_000;

pub fn register(program: &PathBuf) -> Result<Measured> {
    let server = Server::start(program)?;
    run(async {
        guests(&server, 500).await?;
        cpu_of(&server, USERS as u64, async { guests(&server, USERS).await.map(drop) }).await
    })
}

pub fn sign_in(program: &PathBuf) -> Result<Measured> {
    let server = Server::start(program)?;
    run(async {
        let guests = guests(&server, USERS).await?;
        let client = Client::new(&server.base)?;
        let work = stream::iter(guests)
            .map(|guest| {
                let client = client.clone();
                async move {
                    let input = SignIn { guest_secret: guest.guest_secret, ..SignIn::default() };
                    client.call(&input).await.map(drop)
                }
            })
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>();
        cpu_of(&server, USERS as u64, async { Ok(work.await?) }).await
    })
}

pub fn read_account(program: &PathBuf) -> Result<Measured> {
    let server = Server::start(program)?;
    run(async {
        let guests = guests(&server, AT_ONCE).await?;
        let clients = guests
            .into_iter()
            .map(|guest| {
                let client = Client::new(&server.base)?;
                client.set_tokens(guest.into());
                Ok(client)
            })
            .collect::<Result<Vec<Client>>>()?;
        let read = |count: usize| {
            let work = stream::iter(0..count)
                .map(|number| {
                    let client = clients.get(number % clients.len()).cloned();
                    async move {
                        client.context("a client")?.call(&GetMe {}).await?;
                        anyhow::Ok(())
                    }
                })
                .buffer_unordered(AT_ONCE);
            work.try_collect::<()>()
        };
        read(2_000).await?;
        cpu_of(&server, READS as u64, read(READS)).await
    })
}

pub fn connect(program: &PathBuf) -> Result<Measured> {
    let server = Server::start(program)?;
    run(async {
        let guests = guests(&server, USERS).await?;
        cpu_of(&server, USERS as u64, async { connect_all(&server, &guests).await.map(drop) }).await
    })
}

pub fn idle(program: &PathBuf) -> Result<Measured> {
    let server = Server::start(program)?;
    run(async {
        let guests = guests(&server, SOCKETS + 100).await?;
        // What the first ones cost is the server's own.
        let (few, many) = guests.split_at(100);
        let _first = connect_all(&server, few).await?;
        let before = server.resident()?;
        let _sockets = connect_all(&server, many).await?;
        let after = server.resident()?;
        Ok(Measured { value: after.saturating_sub(before) as f64 / SOCKETS as f64 })
    })
}
