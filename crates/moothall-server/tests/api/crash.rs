//! Where players gather, through `kill -9`: whatever the server was at, what it had answered is there.
//!
//! Six players do at random what players do, all at once; the server is killed at a random moment, started again, and asked. What somebody was
//! answered last must be so, unless something was on its way when the server died: then it has happened whole or not at all. Versions
//! never go back, and a copy with the newest version that anybody was answered is the server's, to the letter: seats, queue, bots, votes,
//! invites. `MOOTHALL_TEST_CRASH_CYCLES` sets how often; without it 200 times on each engine.

mod deeds;
mod truth;

use std::time::Duration;

use moothall_store::Engine;
use moothall_testing::crashes::{chance, cycles, seed};
use moothall_testing::{Player, ServerProcess, databases};

use self::deeds::Deeds;
use self::truth::Truth;

/// Two host lobbies and stay; the others come and go.
const PLAYERS: [&str; 6] = ["ana", "ben", "cy", "dora", "eli", "fay"];
/// The longest that players are left in peace.
const PEACE_US: u64 = 150_000;

async fn crash(engine: Engine) {
    let Some(database) = databases::TestDatabase::new(engine).await else { return };
    let settings = [
        "accounts.access_token_minutes=60",
        "lobbies.vote_ms=600000",
        "parties.invite_ms=86400000",
        "connections.grace_ms=86400000",
    ];
    let mut server = ServerProcess::with(Some(database), &settings);
    let players: [Player; 6] = server.api.players(PLAYERS).await;
    let mut truth = Truth::begin(&server.api, &players).await;
    let mut random = seed();
    for cycle in 0..cycles() {
        let deeds: Vec<_> = players
            .iter()
            .enumerate()
            .map(|(number, player)| {
                random = chance(random);
                let deeds = Deeds::new(&server.api, player, random, truth.plan(number));
                tokio::spawn(deeds.go_on_until_the_server_dies())
            })
            .collect();
        random = chance(random);
        tokio::time::sleep(Duration::from_micros(random % PEACE_US)).await;
        server.kill();
        for (number, deeds) in deeds.into_iter().enumerate() {
            truth.take(number, deeds.await.unwrap());
        }
        server.launch();
        truth.compare(&server.api, &players, cycle).await;
    }
    truth.tell(engine);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_players_gather_is_kept_through_kill_9_on_sqlite() {
    crash(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_players_gather_is_kept_through_kill_9_on_postgres() {
    crash(Engine::Postgres).await;
}
