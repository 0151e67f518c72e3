//! What can go wrong in the store, the same on both engines.
//!
//! Start at [`Error`]. A broken constraint is found by its name, so the database keeps a rule and the caller only
//! says what its breach means: see [`OnConstraint`].

use std::sync::Arc;

/// Why the store refused or failed. Cheap to clone: one failed commit answers every write it held.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A query for exactly one row found none.
    #[error("no row found")]
    NoRow,
    /// A query for at most one row found several.
    #[error("more than one row found")]
    TooManyRows,
    /// A constraint of the schema refused the statement.
    #[error("{kind} constraint {} refused the statement", .name.as_deref().unwrap_or("without a name"))]
    Constraint {
        /// What kind of constraint it is.
        kind: ConstraintKind,
        /// Its name in the schema, the same on both engines; see [`ConstraintKind`] for the kinds that have none.
        name: Option<String>,
    },
    /// Another transaction was in the way. The store runs the closure again, so callers see this only inside it.
    #[error("another transaction was in the way")]
    Serialization,
    /// The queue is full, or the transaction was in the way of others for as long as the store was willing to retry.
    #[error("the database is busy: {0}")]
    Busy(&'static str),
    /// The database cannot be reached, cannot write, or the store is closed.
    #[error("the database is unavailable: {0}")]
    Unavailable(Arc<str>),
    /// A commit failed in a way that leaves open whether it happened: do not just run it again, look first.
    #[error("whether this change happened is unknown: {0}")]
    OutcomeUnknown(Arc<str>),
    /// A statement took longer than `Options::statement_timeout`.
    #[error("a statement took too long")]
    Timeout,
    /// The database file is damaged.
    #[error("the database is damaged: {0}")]
    Corrupt(Arc<str>),
    /// A value does not fit its Rust type, or a parameter its column.
    #[error("{place}: {message}")]
    Type {
        /// Which column or parameter, such as `column 2`.
        place: String,
        /// What does not fit.
        message: String,
    },
    /// A statement after one that failed: the transaction can only be rolled back. Use `ON CONFLICT` where a
    /// conflict is expected.
    #[error("an earlier statement of this transaction failed")]
    Spoiled,
    /// The closure panicked. Its transaction was rolled back; others in the same batch were not touched.
    #[error("the transaction panicked: {0}")]
    Panicked(Arc<str>),
    /// A migration is missing, was edited or failed.
    #[error("{0}")]
    Migration(Arc<str>),
    /// The options make no sense, such as an address that names no engine.
    #[error("{0}")]
    Options(Arc<str>),
    /// PostgreSQL is set up to lose acknowledged writes.
    #[error("{0}")]
    UnsafeDurability(Arc<str>),
    /// Another server has the database; see [`Claim`](crate::Claim).
    #[error(
        "another Moothall is using this database: stop that one, or give this one a database of its own (one server per \
         database)"
    )]
    Claimed,
    /// The engine refused a statement for another reason: a mistake in the SQL, mostly.
    #[error("{0}")]
    Statement(Arc<str>),
}

impl Error {
    /// The name of the constraint that refused the statement.
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Constraint { name, .. } => name.as_deref(),
            _ => None,
        }
    }

    /// Whether nothing happened, and trying again later may help: answer `503` with `Retry-After`.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Busy(_) | Self::Unavailable(_) | Self::Serialization)
    }

    pub(crate) fn unavailable(reason: impl Into<Arc<str>>) -> Self {
        Self::Unavailable(reason.into())
    }

    pub(crate) fn closed() -> Self {
        Self::unavailable("the store is closed")
    }

    pub(crate) fn control() -> Self {
        Self::Statement("a transaction is begun and ended by the store, not by a statement in it".into())
    }

    pub(crate) fn migration(message: impl Into<Arc<str>>) -> Self {
        Self::Migration(message.into())
    }

    /// Whether this failure leaves the transaction unusable. What the store itself found out after the statement
    /// succeeded (no row, a wrong type) does not.
    pub(crate) fn spoils(&self) -> bool {
        !matches!(self, Self::NoRow | Self::TooManyRows | Self::Type { .. })
    }
}

/// The kinds of constraints. `NOT NULL` has no name on either engine; a foreign key has one on SQLite only where the
/// statement could have broken no other foreign key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConstraintKind {
    /// `UNIQUE`, a unique index, or a primary key.
    Unique,
    /// `FOREIGN KEY` or `REFERENCES`.
    ForeignKey,
    /// `CHECK`.
    Check,
    /// `NOT NULL`.
    NotNull,
}

impl std::fmt::Display for ConstraintKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Unique => "unique",
            Self::ForeignKey => "foreign key",
            Self::Check => "check",
            Self::NotNull => "not null",
        })
    }
}

/// Turns the breach of a named constraint into the caller's own error.
pub trait OnConstraint<T> {
    /// `error` if the constraint `name` refused the statement; any other failure becomes `E` by `From`.
    fn on_constraint<E: From<Error>>(self, name: &str, error: E) -> Result<T, E>;

    /// The same for several constraints: pairs of name and error, of which the first match counts.
    fn on_constraints<E: From<Error>, const N: usize>(self, named: [(&str, E); N]) -> Result<T, E>;
}

impl<T> OnConstraint<T> for Result<T, Error> {
    fn on_constraint<E: From<Error>>(self, name: &str, error: E) -> Result<T, E> {
        self.on_constraints([(name, error)])
    }

    fn on_constraints<E: From<Error>, const N: usize>(self, named: [(&str, E); N]) -> Result<T, E> {
        self.map_err(|failure| {
            let broken = failure.constraint();
            match named.into_iter().find(|(name, _)| broken == Some(name)) {
                Some((_, error)) => error,
                None => E::from(failure),
            }
        })
    }
}
