//! Rules of the whole tree that no compiler checks. Each is tried on a sample that breaks it, so that it is known to go red.

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

mod bounds;
mod contexts;
mod contracts;
mod documents;
mod limits;
mod metrics;
mod migrations;
mod permissions;
mod settings;
mod sql;
mod tree;
