//! What the real program promises: to operators, and to clients over the wire.

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

mod abuse;
mod access;
mod audit;
mod cast;
mod commands;
mod crash;
mod hosts;
mod idempotency;
mod letters;
mod lobbies;
mod matches;
mod moderation;
mod notifications;
mod probes;
mod relationships;
mod restricted;
mod secrets;
mod serve;
mod settings;
mod tls;
mod wire;
