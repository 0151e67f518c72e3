//! One server per database: [`Claim`], held by whoever serves from it. Commands beside a server open a store without one.
//!
//! A server keeps in memory what it has read: who is signed in, who is in a room, which number comes next. A second one
//! would not see the changes of the first, so it must not start.
//!
//! On SQLite the claim is an exclusive lock on a file beside the database, on PostgreSQL an advisory lock of a session
//! that is kept. Both end with the process, however that ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::options::Target;
use crate::postgres::{Connector, Session};
use crate::sqlite::spawn;
use crate::store::blocking;
use crate::{Error, Options};

/// How long the claim of a server that has just ended, or is about to, is waited for.
const WAIT_MAX: Duration = Duration::from_secs(3);
/// Between two attempts.
const WAIT: Duration = Duration::from_millis(100);
/// Between two looks whether PostgreSQL still keeps our lock.
const LOOK: Duration = Duration::from_secs(2);
/// The lock in PostgreSQL: "mootserv" as a number.
const LOCK: i64 = 0x6d6f_6f74_7365_7276;

/// The right to serve from a database. Given up when dropped.
pub struct Claim {
    held: Held,
    lost: oneshot::Receiver<Error>,
}

enum Held {
    /// Never removed: whoever did would take away the lock of the one who just opened it.
    File {
        _file: File,
        /// Kept, so that `lost` waits for ever.
        _never: oneshot::Sender<Error>,
    },
    /// A thread that keeps a session; it ends when the sender goes.
    Session { keep: Option<SyncSender<()>>, thread: Option<JoinHandle<()>> },
}

impl Claim {
    /// Takes the database for this process. Refuses with [`Error::Claimed`] while another one has it.
    pub async fn take(options: Options) -> Result<Self, Error> {
        blocking(move || match options.target()? {
            Target::Sqlite(path) => Self::file(&path),
            Target::Postgres => Self::session(Connector::new(&options)?),
        })
        .await
    }

    /// Returns when another server has the database after all, which can happen when PostgreSQL was away. Whoever hears
    /// of it must stop.
    pub async fn lost(&mut self) -> Error {
        match (&mut self.lost).await {
            Ok(error) => error,
            // The thread that watches has ended without a word.
            Err(_) => Error::closed(),
        }
    }

    fn file(database: &Path) -> Result<Self, Error> {
        let path = beside(database);
        let refuse =
            |error: &dyn std::fmt::Display| Error::unavailable(format!("{}: {error}", path.display()));
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(|error| refuse(&error))?;
        insist(|| match file.try_lock() {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => Err(Error::Claimed),
            Err(TryLockError::Error(error)) => Err(refuse(&error)),
        })?;
        let (never, lost) = oneshot::channel();
        Ok(Self { held: Held::File { _file: file, _never: never }, lost })
    }

    fn session(connector: Connector) -> Result<Self, Error> {
        let mut session = connector.connect()?;
        insist(|| lock(&mut session))?;
        let (keep, ended) = sync_channel(0);
        let (say, lost) = oneshot::channel();
        let thread = spawn("store-claim".into(), move || watch(&connector, session, &ended, say))?;
        Ok(Self { held: Held::Session { keep: Some(keep), thread: Some(thread) }, lost })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Held::Session { keep, thread } = &mut self.held {
            drop(keep.take());
            // The database is free once the thread has closed its session.
            if let Some(thread) = thread.take() {
                let _ = thread.join();
            }
        }
    }
}

/// The file to lock. Two names of one database are one claim.
fn beside(database: &Path) -> PathBuf {
    let real = std::fs::canonicalize(database).unwrap_or_else(|_| database.to_path_buf());
    let mut name = real.into_os_string();
    name.push(".lock");
    name.into()
}

fn insist(mut attempt: impl FnMut() -> Result<(), Error>) -> Result<(), Error> {
    let start = Instant::now();
    loop {
        match attempt() {
            Err(Error::Claimed) if start.elapsed() < WAIT_MAX => std::thread::sleep(WAIT),
            result => return result,
        }
    }
}

fn lock(session: &mut Session) -> Result<(), Error> {
    let taken = session.simple(&format!("SELECT pg_try_advisory_lock({LOCK})::text"))?;
    if taken.first().is_some_and(|taken| taken == "true") { Ok(()) } else { Err(Error::Claimed) }
}

/// Keeps the session, and takes the lock again when the server was away. The end of `ended` is the end of the claim.
fn watch(connector: &Connector, mut session: Session, ended: &Receiver<()>, say: oneshot::Sender<Error>) {
    let mut is_held = true;
    while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
        if is_held && session.simple("SELECT 1").is_ok() {
            continue;
        }
        is_held = false;
        match connector.connect() {
            Ok(new) => session = new,
            // The server is away, for everybody.
            Err(_) => continue,
        }
        // Our own lock lasts until the server has noticed that its connection is gone.
        match insist(|| lock(&mut session)) {
            Ok(()) => is_held = true,
            Err(error @ Error::Claimed) => {
                let _ = say.send(error);
                return;
            }
            Err(_) => {}
        }
    }
}
