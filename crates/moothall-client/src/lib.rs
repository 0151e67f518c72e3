//! Moothall's Rust client: the same typed calls over HTTP and over a socket that reconnects and resumes by itself.
//!
//! ```no_run
//! use moothall_client::Client;
//! use moothall_client::protocol::system::Ping;
//!
//! # async fn example() -> Result<(), moothall_client::Error> {
//! let client = Client::new("http://127.0.0.1:7350")?;
//! println!("{}", client.call(&Ping {}).await?.time);
//! # Ok(())
//! # }
//! ```
//!
//! Start at [`Client`]: sign up or in with it, then [`Client::connect`] gives a [`Socket`]. Each input type of
//! [`protocol`] is a [`Call`] that knows its operation, its address and its answer; that table is generated from the server's
//! registry.

mod call;
mod calls;
mod client;
mod error;
mod socket;

pub use call::Call;
pub use client::{Client, Tokens};
pub use error::Error;
pub use moothall_protocol as protocol;
pub use socket::{Received, Socket, SocketOptions};
