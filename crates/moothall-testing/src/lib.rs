//! Test servers and throw-away databases, for tests of Moothall and of programs that embed it.
//!
//! [`TestServer`] runs in the test's process, where the test can reach into the hall; [`ServerProcess`] is the real program,
//! which a test may kill. Both have an [`Api`] to call. [`databases`] and [`foreign`] programs are there without either (feature
//! `server` off).

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

#[cfg(feature = "server")]
mod api;
pub mod crashes;
pub mod databases;
pub mod foreign;
#[cfg(feature = "server")]
mod mailbox;
#[cfg(feature = "server")]
mod process;
#[cfg(feature = "server")]
mod server;

#[cfg(feature = "server")]
pub use self::api::{Api, PASSWORD, Player, Reply, Shows};
#[cfg(feature = "server")]
pub use self::mailbox::Mailbox;
#[cfg(feature = "server")]
pub use self::process::{ServerProcess, binary};
#[cfg(feature = "server")]
pub use self::server::{Builder, TestServer};
