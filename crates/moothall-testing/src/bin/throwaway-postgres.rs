//! Starts a throw-away PostgreSQL server, prints its address, and stops it when standard input ends.
#![expect(clippy::print_stdout, reason = "the address is this program's answer")]

use moothall_testing::databases::{PostgresServer, Settings};

fn main() -> std::io::Result<()> {
    let Some(server) = PostgresServer::start(&Settings::default()) else { return Ok(()) };
    println!("{}", server.url());
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}
