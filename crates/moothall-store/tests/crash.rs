//! An acknowledged write survives `kill -9`, and no write is there by half.
//!
//! A child process (this same program) writes from many tasks and says over a pipe what was acknowledged to it; it is killed at a
//! random moment, and the database is opened again. Every acknowledged write must be there, of those that were not acknowledged any
//! may be, and none by half. `MOOTHALL_TEST_CRASH_CYCLES` sets how often; without it 200 times on each engine.
//!
//! `kill -9` says nothing about `fsync`: for that see `power.rs`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "for tests: what goes wrong here fails the test"
)]

#[path = "crash/workload.rs"]
mod workload;

use std::time::Duration;

use moothall_store::Engine;
use moothall_testing::crashes::{chance, cycles, seed};
use moothall_testing::databases::TestDatabase;
use workload::{Child, verify};

/// Not a test: what the child process does.
#[test]
#[ignore = "is the child of the other tests"]
fn child() {
    workload::run();
}

async fn crash(engine: Engine) {
    let Some(database) = TestDatabase::new(engine).await else { return };
    workload::prepare(&database.open().await).await;
    let (mut acknowledged, mut survivors) = (0, 0);
    for cycle in 0..cycles() {
        let mut child = Child::start("child", database.url(), cycle, "full");
        child.first_acknowledgement();
        // Somewhere in the first commits, between two, or much later.
        std::thread::sleep(Duration::from_micros(chance(seed() ^ cycle) % 30_000));
        let written = child.kill();
        let store = database.open().await;
        let found = verify(&store, cycle, &written)
            .await
            .unwrap_or_else(|lost| panic!("cycle {cycle} of the seed {}: {lost}", seed()));
        store.close().await;
        acknowledged += written.len();
        survivors += found - written.len();
    }
    eprintln!(
        "{} cycles on {engine:?}: {acknowledged} acknowledged, 0 lost; {survivors} more were written and not acknowledged",
        cycles()
    );
    assert!(acknowledged as u64 > 10 * cycles(), "the child was killed under load");
}

#[tokio::test]
async fn sqlite_keeps_what_it_acknowledged_through_kill_9() {
    crash(Engine::Sqlite).await;
}

#[tokio::test]
async fn postgres_keeps_what_it_acknowledged_through_kill_9() {
    crash(Engine::Postgres).await;
}
