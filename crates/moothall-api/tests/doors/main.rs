//! The doors over real sockets, with operations of an embedding program: what clients are promised, and where each
//! bound is.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it should be"
)]

mod bounds;
mod documents;
mod lists;
mod notes;
mod requests;
mod server;
mod shutdown;
mod socket;
mod sockets;
