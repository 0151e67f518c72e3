//! SQLite and PostgreSQL behind one [`Store`].
//!
//! Work is a closure over a [`Tx`]. It is synchronous, so nobody awaits while holding a transaction, and it may be run
//! again, so conflicts between transactions and lost connections are the store's business:
//!
//! ```
//! # use moothall_store::{Migration, Options, OnConstraint, Store, params};
//! # #[derive(Debug)] enum Error { NameTaken, Store(moothall_store::Error) }
//! # impl From<moothall_store::Error> for Error { fn from(error: moothall_store::Error) -> Self { Self::Store(error) } }
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! # let file = std::env::temp_dir().join(format!("moothall-doc-{}.db", std::process::id()));
//! let store = Store::open(Options::new(format!("sqlite:{}", file.display()))).await.unwrap();
//! let migration = Migration {
//!     name: "20261123000000_users",
//!     sql: "CREATE TABLE users (name {text} NOT NULL, CONSTRAINT users_name_key_unique UNIQUE (name)) {strict}",
//! };
//! store.migrate(&[migration], |_| {}).await.unwrap();
//! let name = "Ana".to_owned();
//! store
//!     .write(move |tx| {
//!         tx.execute("INSERT INTO users (name) VALUES ($1)", params![name])
//!             .on_constraint("users_name_key_unique", Error::NameTaken)?;
//!         tx.after_commit(|| println!("Ana is here"));
//!         Ok::<_, Error>(())
//!     })
//!     .await
//!     .unwrap();
//! # store.close().await; std::fs::remove_file(file).unwrap(); }
//! ```
//!
//! The promise: when [`Store::write`] has answered `Ok`, the write is on disk and survives the death of the process, of
//! the system and of the power supply; when it has answered with an error, nothing of it is there. (There is one
//! exception, [`Error::OutcomeUnknown`]: a connection to PostgreSQL that is lost in a commit and not regained, or a disk
//! that fails in the flush of one. After the latter every further write is refused until the store is opened again.)
//!
//! Read on at [`Store`]; then `sqlite/batch.rs` for group commit, `postgres/worker.rs` for retries, `published.rs` for
//! the order of what happens after commits.

mod appender;
mod claim;
mod error;
mod job;
mod migrate;
mod options;
mod postgres;
mod published;
mod queue;
mod row;
mod sql;
mod sqlite;
mod store;
mod tx;
mod value;

pub use appender::{Appender, Full};
pub use claim::Claim;
pub use error::{ConstraintKind, Error, OnConstraint};
pub use migrate::{Migration, MigrationProgress, MigrationState, MigrationStatus};
pub use options::{Engine, Options, Synchronous};
pub use row::{Column, FromColumn, Mismatch, Row};
pub use store::Store;
pub use tx::Tx;
pub use value::{Element, Json, Param, ToParam, Value, as_params, into_values};
