//! Accounts, over HTTP.

use anyhow::{Context as _, Result};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use moothall_client::Client;
use moothall_protocol::accounts::{GetMe, SignIn};

use crate::Bench;
use crate::load::{AT_ONCE, guests, run, spent_on};
use crate::report::Figure;
use crate::server::Server;

/// Signs up.
pub fn register(bench: &Bench, name: &str) -> Result<Vec<Figure>> {
    let users = bench.of(4_000, 50) as usize;
    let server = Server::start(&bench.server)?;
    let spent = run(async {
        guests(&server, users / 8).await?;
        spent_on(&server, async { guests(&server, users).await.map(drop) }).await
    })?;
    Ok(vec![Figure::cpu(name, spent, users as u64).goal(60.0)])
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
        spent_on(&server, async { Ok(work.await?) }).await
    })?;
    Ok(vec![Figure::cpu(name, spent, users as u64).goal(60.0)])
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
        spent_on(&server, read(reads)).await
    })?;
    Ok(vec![Figure::cpu(name, spent, reads as u64).goal(25.0)])
}
