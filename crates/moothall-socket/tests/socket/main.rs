//! A socket as its owner sees it.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "for tests: what goes wrong here fails the test"
)]

mod frame;
mod peer;
mod receive;
mod send;
mod tls;
mod wire;
