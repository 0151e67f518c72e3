//! Moothall's doors: HTTP, WebSocket and the documents, all derived from the [`Registry`](moothall::Registry).
//!
//! A door contains no rule and no code for a single operation. Start at [`Doors`]: every request of every door goes through
//! [`Doors::dispatch`], which asks for rate, access and validity, calls the operation, and turns what went wrong into a
//! [`Problem`](moothall_protocol::Problem). [`serve()`] is the accept loop.

mod admission;
mod dispatch;
mod documents;
mod doors;
mod input;
mod pages;
pub mod read;
mod rest;
mod schemas;
mod serve;
mod socket;

pub use documents::documents;
pub use doors::{Doors, Metrics, OpenError, Options};
pub use input::check_input;
pub use pages::Page;
pub use rest::cors::Cors;
pub use rest::origin::{NotAPrefix, Prefix, Proxies};
pub use schemas::Schemas;
pub use serve::{Seat, Stage, Timeouts, Tls, TlsError, Validity, serve};
pub use socket::Patience;
