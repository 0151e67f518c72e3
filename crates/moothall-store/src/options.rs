//! How a store is opened.

use std::path::PathBuf;
use std::time::Duration;

use moothall_protocol::limits::STORE_WAITING_MAX;

use crate::Error;

/// How to open a [`Store`](crate::Store).
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// `sqlite:path/to/file` or `postgres://user:password@host:port/database?sslmode=…`.
    ///
    /// `sslmode` is `disable`, `prefer` (the default: encrypted if the server can, its certificate not checked),
    /// `require` or `verify-full` (both: encrypted, the certificate checked against the roots of the web and against
    /// those in the file `sslrootcert`).
    pub url: String,
    /// When SQLite flushes to disk. PostgreSQL decides for itself; see `allow_unsafe_durability`.
    pub synchronous: Synchronous,
    /// Connections to PostgreSQL, or SQLite's reader threads.
    pub connections: usize,
    /// How long one statement may take.
    pub statement_timeout: Duration,
    /// Closures that may wait for a thread. One more is refused with [`Error::Busy`].
    pub queue: usize,
    /// How long a closure waits for a lost database to come back, and for conflicts with others to end.
    pub patience: Duration,
    /// Accept a PostgreSQL server that can lose acknowledged writes: `fsync`, `full_page_writes` or
    /// `synchronous_commit` off.
    pub allow_unsafe_durability: bool,
}

impl Options {
    /// The defaults, which lose nothing that was acknowledged.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            synchronous: Synchronous::Full,
            connections: 4,
            statement_timeout: Duration::from_secs(10),
            queue: STORE_WAITING_MAX,
            patience: Duration::from_secs(5),
            allow_unsafe_durability: false,
        }
    }

    pub(crate) fn target(&self) -> Result<Target, Error> {
        let url = self.url.as_str();
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path {
                "" => Err(Error::Options("the database address needs a file: `sqlite:path/to/file`".into())),
                ":memory:" => Err(Error::Options(
                    "a database in memory cannot be shared by threads: give `sqlite:` a file, a temporary one in tests"
                        .into(),
                )),
                path if path.starts_with("file:") => Err(Error::Options(
                    "the database address takes a path, and no URI with parameters: `sqlite:path/to/file`".into(),
                )),
                path => Ok(Target::Sqlite(path.into())),
            };
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Target::Postgres);
        }
        // The address itself stays out of the message: it may hold a password.
        Err(Error::Options("the database address must begin with `sqlite:` or `postgres://`".into()))
    }
}

/// Hides the address: it holds a password.
impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("url", &"***")
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

pub(crate) enum Target {
    Sqlite(PathBuf),
    Postgres,
}

/// The two engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Engine {
    /// The embedded default: one file.
    Sqlite,
    /// A server of its own, which several nodes can share.
    Postgres,
}

/// When SQLite flushes to disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// At every commit: what was acknowledged survives a power cut.
    #[default]
    Full,
    /// At checkpoints: a power cut may take the last commits, the file stays whole.
    Normal,
    /// Never: a power cut may destroy the file.
    Off,
}

impl Synchronous {
    pub(crate) fn pragma(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Normal => "NORMAL",
            Self::Off => "OFF",
        }
    }
}
