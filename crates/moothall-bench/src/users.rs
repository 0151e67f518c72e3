//! Accounts, over HTTP.

use anyhow::{Context as _, Result};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use moothall_client::Client;
use moothall_protocol::accounts::{GetMe, SignIn};

use crate::Bench;
use crate::load::{AT_ONCE, cpu_of, guests, one, run};
use crate::report::Figure;
use crate::server::Server;

/// Signs up.
pub fn register(bench: &Bench, name: &str) -> Result<Vec<Figure>> {
    let users = bench.of(4_000, 50) as usize;
    let server = Server::start(&bench.server)?;
    let spent = run(async {
        guests(&server, users / 8).await?;
        cpu_of(&server, users, async { guests(&server, users).await.map(drop) }).await
    })?;
    Ok(one(name, 60.0, spent))
}

/// Signs in with what a guest has.
pub fn sign_in(bench: &Bench, name: &str) -> Result<Vec<Figure>> {
    let users = bench.of(4_000, 50) as usize;
    let server = Server::start(&bench.server)?;
    let spent = run(async {
        let guests = guests(&server, users).await?;
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
        cpu_of(&server, users, async { Ok(work.await?) }).await
    })?;
    Ok(one(name, 60.0, spent))
}

/// Reads their own account.
pub fn read_account(bench: &Bench, name: &str) -> Result<Vec<Figure>> {
    let reads = bench.of(40_000, 200) as usize;
    let server = Server::start(&bench.server)?;
    let spent = run(async {
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
        read(reads / 20).await?;
        cpu_of(&server, reads, read(reads)).await
    })?;
    Ok(one(name, 25.0, spent))
}
