//! Moothall's doors: HTTP, WebSocket and the documents, all derived from the [`Registry`](moothall::Registry).
//!
//! A door contains no rule and no code for a single operation. Start at [`Doors`]: every request of every door goes through
//! [`Doors::dispatch`], which asks for rate, access and validity, calls the operation, and turns what went wrong into a
//! [`Problem`](moothall_protocol::Problem).

mod dispatch;
mod input;
pub mod read;
mod schemas;

pub use dispatch::{Doors, OpenError};
pub use schemas::Schemas;
