//! Moothall, the library: every rule of a game community's server, and no HTTP.
//!
//! A [`Hall`] is a running server without its doors. Operations are plain functions that take a [`Cx`] first; doors such as
//! `moothall-api` find them in the [`Registry`], and an embedding program calls them directly or adds its own.
//!
//! Contexts: [`accounts`] (users, sign-in, sessions, roles, keys), [`connections`] (presence, live sessions),
//! [`communication`] (rooms, messages), [`relationships`] (friends, blocks), [`parties`] (players who go together), [`lobbies`] (where they gather), [`hosts`] (machines that
//! run games), [`mod@matches`] (data relayed between players). Beside them: [`audit`] (who did what, and why), [`idempotency`] (retrying is safe),
//! [`communication`] (rooms, messages), [`parties`] (players who go together), [`lobbies`] (where they gather), [`hosts`] (machines that
//! run games), [`mod@matches`] (data relayed between players), [`restrictions`] (what users may not do), [`moderation`] (reports, cases, actions, appeals). Beside them: [`audit`] (who did what, and why), [`idempotency`] (retrying is safe),
//! [`runtime`] (live entities in partitions), [`topics`] (events to many).
//!
//! ```
//! use moothall::protocol::accounts::SignUpGuest;
//! use moothall::{Caller, Cx, Hall, Origin, Settings, accounts};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let file = folder.path().join("hall.db").display().to_string();
//! let mut settings = Settings::default();
//! settings.store.url = format!("sqlite:{file}");
//! let hall = Hall::builder(settings).open().await?;
//!
//! let nobody = Cx::new(&hall, Caller::Nobody, Origin::default());
//! let ana = accounts::sign_up_guest(&nobody, SignUpGuest::default()).await?;
//! println!("{} may come back with {}", ana.user.name, ana.refresh_token);
//!
//! hall.close().await;
//! # Ok(())
//! # }
//! ```

/// The program in the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}

pub mod accounts;
pub mod audit;
pub mod broken;
pub mod clock;
mod codes;
pub mod communication;
pub mod connections;
pub mod cx;
mod error;
mod export;
mod filter;
mod following;
mod hall;
pub mod hooks;
pub mod hosts;
pub mod idempotency;
pub mod jobs;
mod json;
mod kept;
pub mod lobbies;
pub mod mail;
pub mod matches;
mod merge;
pub mod moderation;
pub mod notifications;
pub mod operation;
pub mod parties;
mod permission;
mod random;
mod rates;
pub mod reach;
pub mod relationships;
pub mod remote_config;
pub mod restrictions;
pub mod runtime;
mod sections;
pub mod settings;
pub mod snapshot;
mod sweep;
mod system;
#[cfg(test)]
mod testing;
pub mod topics;

pub use clock::{Clock, FakeClock, SystemClock};
pub use cx::{Asked, Caller, Cx, Identity, Origin, Tx};
pub use error::{CATALOGUE, Details, Error, ErrorEntry, Fault, FieldError, Kind, Relayed};
pub use hall::{
    Builder, Hall, MIGRATIONS, OpenError, WeakHall, claim_database, contexts, open_store, statements,
};
pub use hooks::Hooks;
pub use moothall_protocol as protocol;
pub use moothall_store;
pub use operation::{Access, Answer, Method, Operation, Operations, Rate, Registry};
pub use permission::{Permission, Permissions};
pub use random::{Random, SeededRandom, SystemRandom};
pub use rates::{Budget, Rates, network};
pub use sections::{Settings, StoreSettings, Synchronous};
pub use topics::{Topic, Topics};
