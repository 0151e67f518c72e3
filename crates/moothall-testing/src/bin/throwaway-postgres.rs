//! Starts a throw-away PostgreSQL server, prints its address, and stops it when standard input ends.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "for tests: what goes wrong here fails the test"
)]
#![expect(clippy::print_stdout, reason = "the address is this program's answer")]

use moothall_testing::databases::{PostgresServer, Settings};

fn main() -> std::io::Result<()> {
    let Some(server) = PostgresServer::start(&Settings::default()) else { return Ok(()) };
    println!("{}", server.url());
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}
