//! Test servers, throw-away databases, a fake clock and builders, for tests of Moothall and of programs that embed it.

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

pub mod databases;
