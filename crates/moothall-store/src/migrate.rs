//! Migrations: forward only, each applied once, in a transaction, never edited afterwards.
//!
//! The table `store_migrations` remembers name and checksum. A database that a newer version has migrated is refused by
//! an older one, and so is a migration whose text is no longer what was applied.

use std::path::Path;
use std::time::{Duration, Instant};

use moothall_protocol::Timestamp;
use tokio::sync::mpsc;

use crate::options::Target;
use crate::postgres::{Connector, Session};
use crate::sqlite::{self, Access, Connection};
use crate::store::blocking;
use crate::{Engine, Error, Options, sql};

/// One migration. Its text has the type tokens of both engines: `{id}`, `{time}`, `{json}`, `{bytes}`, `{text}`,
/// `{bool}`, `{real}`, `{i16}`, `{i32}`, `{i64}`, and `{strict}` after the closing parenthesis of every table.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// When and what: `20261123000000_accounts`, as its file is called.
    pub name: &'static str,
    /// Its SQL.
    pub sql: &'static str,
}

/// The migrations of a crate, from its folder `migrations/`: `migrations!("20261123000000_accounts")`.
#[macro_export]
macro_rules! migrations {
    ($($name:literal),* $(,)?) => {
        &[$($crate::Migration {
            name: $name,
            sql: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/", $name, ".sql")),
        }),*] as &'static [$crate::Migration]
    };
}

/// How far a run of migrations has come.
#[derive(Clone, Copy, Debug)]
pub struct MigrationProgress {
    /// The migration that is running or has run.
    pub name: &'static str,
    /// Its number among those to apply, from 1.
    pub number: usize,
    /// How many are to be applied.
    pub of: usize,
    /// For how long it has been running.
    pub elapsed: Duration,
    /// Whether it is done.
    pub is_done: bool,
}

impl std::fmt::Display for MigrationProgress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, number, of, elapsed, is_done } = self;
        let state = if *is_done { "done after" } else { "running for" };
        write!(f, "{name} ({number} of {of}), {state} {:.1} s", elapsed.as_secs_f64())
    }
}

/// One migration and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub state: MigrationState,
}

/// What became of a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrationState {
    /// Applied, at that time.
    Applied(Timestamp),
    /// To be applied.
    Pending,
    /// Applied, but its text has changed since.
    Edited,
    /// Applied by a newer version: this one does not know it.
    Unknown,
}

/// A migration this database has seen.
struct Applied {
    name: String,
    checksum: String,
    at: Timestamp,
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS store_migrations (name {text} PRIMARY KEY, checksum {text} NOT NULL, \
                     applied_at {time} NOT NULL) {strict}";
const APPLIED_SQLITE: &str = "SELECT name, checksum, applied_at FROM store_migrations ORDER BY name";
const APPLIED_POSTGRES: &str = "SELECT name || ' ' || checksum || ' ' || \
                                (extract(epoch FROM applied_at) * 1000000)::bigint FROM store_migrations ORDER BY name";
/// How long another process's migrations are waited for.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(3600);
/// The lock in PostgreSQL: "moothall" as a number.
const LOCK: i64 = 0x6d6f_6f74_6861_6c6c;

enum Database {
    Sqlite(Connection),
    Postgres(Session),
}

pub(crate) async fn run(
    target: &Target,
    options: &Options,
    migrations: &[Migration],
    progress: impl Fn(&MigrationProgress),
) -> Result<(), Error> {
    let open = opener(target, options);
    let migrations = migrations.to_vec();
    // At most one message is in it while the next migration starts; full: the migration waits for the listener.
    let (said, mut heard) = mpsc::channel(4);
    let work = tokio::spawn(blocking(move || {
        let mut database = open()?;
        let pending = database.pending(&migrations)?;
        for (index, migration) in pending.iter().enumerate() {
            let start = Instant::now();
            let say = |is_done| MigrationProgress {
                name: migration.name,
                number: index + 1,
                of: pending.len(),
                elapsed: start.elapsed(),
                is_done,
            };
            let _ = said.blocking_send(say(false));
            database.apply(migration)?;
            let _ = said.blocking_send(say(true));
        }
        Ok(())
    }));
    let mut running: Option<(MigrationProgress, Instant)> = None;
    loop {
        match tokio::time::timeout(Duration::from_secs(1), heard.recv()).await {
            Ok(Some(news)) => {
                progress(&news);
                running = (!news.is_done).then(|| (news, Instant::now()));
            }
            Ok(None) => break,
            Err(_) => {
                if let Some((news, start)) = running {
                    progress(&MigrationProgress { elapsed: start.elapsed(), ..news });
                }
            }
        }
    }
    work.await.unwrap_or_else(|_| Err(Error::closed()))
}

pub(crate) async fn status(
    target: &Target,
    options: &Options,
    migrations: &[Migration],
) -> Result<Vec<MigrationStatus>, Error> {
    let open = opener(target, options);
    let migrations = migrations.to_vec();
    blocking(move || Ok(compare(&migrations, &open()?.applied()?))).await
}

/// Migrations have a connection of their own: they may take longer than a statement should.
fn opener(target: &Target, options: &Options) -> impl FnOnce() -> Result<Database, Error> + Send + 'static {
    let mut options = options.clone();
    options.statement_timeout = LOCK_WAIT_MAX;
    options.patience = LOCK_WAIT_MAX;
    let path = match target {
        Target::Sqlite(path) => Some(path.clone()),
        Target::Postgres => None,
    };
    move || match path {
        Some(path) => Connection::open(Path::new(&path), &options, Access::Migrate).map(Database::Sqlite),
        None => Connector::new(&options)?.connect().map(Database::Postgres),
    }
}

fn compare(migrations: &[Migration], applied: &[Applied]) -> Vec<MigrationStatus> {
    let known = migrations.iter().map(|migration| {
        let state = match applied.iter().find(|applied| applied.name == migration.name) {
            None => MigrationState::Pending,
            Some(applied) if applied.checksum == checksum(migration.sql) => {
                MigrationState::Applied(applied.at)
            }
            Some(_) => MigrationState::Edited,
        };
        MigrationStatus { name: migration.name.to_owned(), state }
    });
    let is_known = |name: &str| migrations.iter().any(|migration| migration.name == name);
    let unknown = applied.iter().filter(|applied| !is_known(&applied.name));
    let unknown =
        unknown.map(|applied| MigrationStatus { name: applied.name.clone(), state: MigrationState::Unknown });
    known.chain(unknown).collect()
}

/// Line ends do not count, since some tools change them on checkout.
fn checksum(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.replace("\r\n", "\n").as_bytes());
    data_encoding::HEXLOWER.encode(digest.as_ref())
}

impl Database {
    fn pending<'a>(&mut self, migrations: &'a [Migration]) -> Result<Vec<&'a Migration>, Error> {
        for (index, Migration { name, .. }) in migrations.iter().enumerate() {
            let is_name =
                |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            let is_sorted = index == 0 || migrations.get(index - 1).is_some_and(|before| before.name < *name);
            if !is_name(name) || !is_sorted {
                return Err(Error::migration(format!(
                    "migration {name}: names are a-z, 0-9 and _, and sorted"
                )));
            }
        }
        self.lock()?;
        let mut pending = Vec::new();
        for status in compare(migrations, &self.applied()?) {
            let name = status.name;
            match status.state {
                MigrationState::Applied(_) => {}
                MigrationState::Pending => pending.extend(migrations.iter().find(|one| one.name == name)),
                MigrationState::Edited => {
                    return Err(Error::migration(format!(
                        "migration {name} was edited after it had been applied: restore its text and write a new one"
                    )));
                }
                MigrationState::Unknown => {
                    return Err(Error::migration(format!(
                        "the database has the migration {name}, which this version does not know: a newer version has \
                         used it. Run that version, or restore a backup made before it"
                    )));
                }
            }
        }
        Ok(pending)
    }

    /// Creates our table and, in PostgreSQL, waits for other processes. In SQLite every migration's transaction waits.
    fn lock(&mut self) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => {
                let text = sql::migration(TABLE, Engine::Sqlite)?;
                connection.db.execute_batch(&text).map_err(|error| sqlite::explain(&error))
            }
            Self::Postgres(session) => {
                session.simple(&format!("SELECT pg_advisory_lock({LOCK})"))?;
                session.simple(&sql::migration(TABLE, Engine::Postgres)?).map(drop)
            }
        }
    }

    fn applied(&mut self) -> Result<Vec<Applied>, Error> {
        match self {
            Self::Sqlite(connection) => {
                let read = || -> rusqlite::Result<Vec<Applied>> {
                    if !connection.db.table_exists(None, "store_migrations")? {
                        return Ok(Vec::new());
                    }
                    let mut statement = connection.db.prepare(APPLIED_SQLITE)?;
                    let rows = statement.query_map([], |row| {
                        let at = Timestamp::from_micros(row.get(2)?);
                        Ok(Applied { name: row.get(0)?, checksum: row.get(1)?, at })
                    })?;
                    rows.collect()
                };
                read().map_err(|error| sqlite::explain(&error))
            }
            Self::Postgres(session) => {
                if session.simple("SELECT to_regclass('store_migrations')::text")?.is_empty() {
                    return Ok(Vec::new());
                }
                let parse = |line: String| {
                    let mut parts = line.split(' ').map(str::to_owned);
                    let (name, checksum, at) = (parts.next()?, parts.next()?, parts.next()?.parse().ok()?);
                    Some(Applied { name, checksum, at: Timestamp::from_micros(at) })
                };
                Ok(session.simple(APPLIED_POSTGRES)?.into_iter().filter_map(parse).collect())
            }
        }
    }

    fn apply(&mut self, migration: &Migration) -> Result<(), Error> {
        let (name, checksum) = (migration.name, checksum(migration.sql));
        let refuse =
            |error: &dyn std::fmt::Display| Error::migration(format!("migration {name} failed: {error}"));
        match self {
            Self::Sqlite(connection) => {
                let text = sql::migration(migration.sql, Engine::Sqlite).map_err(|error| refuse(&error))?;
                apply_sqlite(&mut connection.db, name, &checksum, &text).map_err(|error| refuse(&error))
            }
            Self::Postgres(session) => {
                let text = sql::migration(migration.sql, Engine::Postgres).map_err(|error| refuse(&error))?;
                let applied = session.simple(&format!(
                    "BEGIN; {text}\n; INSERT INTO store_migrations VALUES ('{name}', '{checksum}', now()); COMMIT"
                ));
                applied.map(drop).map_err(|error| refuse(&error))
            }
        }
    }
}

fn apply_sqlite(
    db: &mut rusqlite::Connection,
    name: &str,
    checksum: &str,
    text: &str,
) -> Result<(), Box<dyn std::error::Error>> {
    let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    // Another process may have applied it while we waited for the lock.
    let seen: Option<String> = tx
        .query_row("SELECT checksum FROM store_migrations WHERE name = ?1", [name], |row| row.get(0))
        .map(Some)
        .or_else(|error| if error == rusqlite::Error::QueryReturnedNoRows { Ok(None) } else { Err(error) })?;
    match seen {
        Some(seen) if seen == checksum => return Ok(()),
        Some(_) => return Err("another process applied it with another text".into()),
        None => {}
    }
    tx.execute_batch(text)?;
    if let Ok(table) =
        tx.query_row("SELECT \"table\" FROM pragma_foreign_key_check", [], |row| row.get::<_, String>(0))
    {
        return Err(format!("it breaks a foreign key of {table}").into());
    }
    let now = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)";
    tx.execute(&format!("INSERT INTO store_migrations VALUES (?1, ?2, {now})"), [name, checksum])?;
    Ok(tx.commit()?)
}
