//! SQLite: one thread writes and commits whole batches, a few threads read. Start at [`start`].

mod batch;
mod constraints;

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::hooks::Wal;
use rusqlite::types::{ToSqlOutput, Value as Cell, ValueRef};
use rusqlite::{CachedStatement, ErrorCode, OpenFlags, ToSql};

use crate::published::Published;
use crate::queue::{Queue, Serving};
use crate::row::{Cells, Mismatch};
use crate::value::Param;
use crate::{Column, Engine, Error, Options, Row, ToParam, Value, sql};

/// Statements a connection keeps prepared; more than the project has.
const STATEMENTS_KEPT: usize = 1024;
/// Virtual machine steps between two looks at the clock.
const STEPS_PER_LOOK: i32 = 20_000;

/// Opens the file and starts its threads: one that writes, `options.connections` that read.
pub(crate) fn start(
    path: &Path,
    options: &Options,
    writes: &Arc<Queue>,
    reads: &Arc<Queue>,
    published: Published,
) -> Result<Vec<JoinHandle<()>>, Error> {
    let writer = Connection::open(path, options, Access::Write)?;
    sync_directory(path).map_err(|error| Error::unavailable(format!("{}: {error}", path.display())))?;
    let queue = Serving::new(writes);
    let mut threads =
        vec![spawn("store-writer".into(), move || batch::Writer::new(writer, published).run(&queue))?];
    for number in 0..options.connections.max(1) {
        let reader = Connection::open(path, options, Access::Read)?;
        let queue = Serving::new(reads);
        threads.push(spawn(format!("store-reader-{number}"), move || batch::read(reader, &queue))?);
    }
    Ok(threads)
}

pub(crate) fn spawn(name: String, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    let refuse = |error: io::Error| Error::unavailable(format!("no thread for {name}: {error}"));
    std::thread::Builder::new().name(name.clone()).spawn(run).map_err(refuse)
}

/// Makes a newly created file's name durable: its content is synced by SQLite, its directory is not.
fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(parent)?.sync_all()
}

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Write,
    Read,
    /// Migrations may rebuild tables, so foreign keys are checked at their end.
    Migrate,
}

pub(crate) struct Connection {
    pub(crate) db: rusqlite::Connection,
    /// How long a closure waits for other processes, counted from when it was queued.
    patience: Duration,
    /// Pages in the write-ahead log after the last commit.
    log_pages: Arc<AtomicI32>,
    /// Statements as SQLite reads them, by the address of the text they were written as and the columns of the rows they
    /// insert (zero: not many).
    texts: HashMap<(usize, usize, usize), Arc<str>>,
    constraints: constraints::Names,
    deadline: Deadline,
}

/// When the running statement has to be done. Shared with SQLite's progress handler.
struct Deadline {
    start: Instant,
    limit: Duration,
    nanos: Arc<AtomicU64>,
}

impl Deadline {
    fn set(&self) {
        let nanos = (self.start.elapsed() + self.limit).as_nanos();
        self.nanos.store(u64::try_from(nanos).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// Switches to the write-ahead log. Where several open a new file at once, all of them read it before one writes, and SQLite
/// answers the others "busy" at once instead of letting them wait for each other.
fn write_ahead(db: &rusqlite::Connection, patience: Duration) -> rusqlite::Result<()> {
    let since = Instant::now();
    loop {
        match db.execute_batch("PRAGMA journal_mode = WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && since.elapsed() < patience =>
            {
                std::thread::sleep(batch::BUSY_MIN);
            }
            done => return done,
        }
    }
}

impl Connection {
    pub(crate) fn open(path: &Path, options: &Options, access: Access) -> Result<Self, Error> {
        let refuse = |error: rusqlite::Error| match explain(&error) {
            Error::Corrupt(text) => Error::Corrupt(text),
            _ => Error::unavailable(format!("cannot open {}: {error}", path.display())),
        };
        // Not those of a URI: its parameters could ask for a database that threads do not share.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut db = rusqlite::Connection::open_with_flags(path, flags).map_err(refuse)?;
        db.busy_timeout(options.patience).map_err(refuse)?;
        db.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        rusqlite::vtab::array::load_module(&db).map_err(refuse)?;
        let synchronous = options.synchronous.pragma();
        let access = match access {
            Access::Write => "PRAGMA foreign_keys = ON; PRAGMA cache_size = -32768",
            Access::Read => "PRAGMA query_only = ON; PRAGMA cache_size = -8192",
            Access::Migrate => "PRAGMA foreign_keys = OFF",
        };
        write_ahead(&db, options.patience).map_err(refuse)?;
        // `fullfsync` is macOS's: there, fsync alone does not reach the disk.
        db.execute_batch(&format!(
            "PRAGMA synchronous = {synchronous}; PRAGMA fullfsync = ON; \
             PRAGMA checkpoint_fullfsync = ON; PRAGMA temp_store = MEMORY; {access}"
        ))
        .map_err(refuse)?;
        // Or SQLite, which is built with `STAT4`, plans a statement anew for the values it is run with: half of what a read cost.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(refuse)?;
        let deadline =
            Deadline { start: Instant::now(), limit: options.statement_timeout, nanos: Arc::default() };
        let (start, nanos) = (deadline.start, Arc::clone(&deadline.nanos));
        deadline.nanos.store(u64::MAX, Ordering::Relaxed);
        let is_late = move || start.elapsed().as_nanos() > u128::from(nanos.load(Ordering::Relaxed));
        db.progress_handler(STEPS_PER_LOOK, Some(is_late)).map_err(refuse)?;
        let log_pages = Arc::<AtomicI32>::default();
        let counted = Arc::clone(&log_pages);
        let count = move |_: &mut Wal, pages| {
            counted.store(pages, Ordering::Relaxed);
            Ok(())
        };
        // Also switches SQLite's own checkpoints off, which would run before a commit is answered.
        db.wal_hook(Some(count)).map_err(refuse)?;
        let constraints = constraints::Names::default();
        let patience = options.patience;
        Ok(Self { db, patience, log_pages, texts: HashMap::new(), constraints, deadline })
    }

    /// Other processes are waited for as long as a closure that was queued then may still wait.
    fn wait_for_others(&self, since: Instant) {
        let left = self.patience.saturating_sub(since.elapsed()).max(batch::BUSY_MIN);
        // It only sets a number.
        let _ = self.db.busy_timeout(left);
    }

    pub(crate) fn execute(&mut self, sql: &'static str, params: &[&dyn ToParam]) -> Result<u64, Error> {
        let text = self.text(sql, 0)?;
        self.deadline.set();
        let run = || -> Result<usize, Failure> {
            let mut statement = self.db.prepare_cached(&text)?;
            bind(&mut statement, params)?;
            Ok(statement.raw_execute()?)
        };
        run().map(|changed| changed as u64).map_err(|failure| self.explain(failure, &text))
    }

    pub(crate) fn query(&mut self, sql: &'static str, params: &[&dyn ToParam]) -> Result<Vec<Row>, Error> {
        let text = self.text(sql, 0)?;
        self.deadline.set();
        let run = || -> Result<Vec<Row>, Failure> {
            let mut statement = self.db.prepare_cached(&text)?;
            bind(&mut statement, params)?;
            let columns = statement.column_count();
            let mut rows = statement.raw_query();
            let mut out = Vec::new();
            while let Some(row) = rows.next()? {
                let cells = (0..columns).map(|index| row.get::<_, Cell>(index)).collect::<Result<_, _>>()?;
                out.push(Row(Cells::Sqlite(cells)));
            }
            Ok(out)
        };
        run().map_err(|failure| self.explain(failure, &text))
    }

    /// One statement per row: within a process that is the fastest there is.
    pub(crate) fn insert_many(
        &mut self,
        sql: &'static str,
        columns: usize,
        rows: &[Vec<Value>],
    ) -> Result<u64, Error> {
        let text = self.text(sql, columns)?;
        let run = || -> Result<u64, Failure> {
            let mut statement = self.db.prepare_cached(&text)?;
            for row in rows {
                self.deadline.set();
                for (index, value) in row.iter().enumerate() {
                    value.check(index)?;
                    statement.raw_bind_parameter(index + 1, value)?;
                }
                statement.raw_execute()?;
            }
            Ok(rows.len() as u64)
        };
        run().map_err(|failure| self.explain(failure, &text))
    }

    pub(crate) fn prepare(&mut self, sql: &'static str) -> Result<(), Error> {
        let text = self.text(sql, 0)?;
        self.db.prepare_cached(&text).map(drop).map_err(|error| explain(&error))
    }

    /// Runs a statement that begins or ends a transaction.
    fn control(&self, text: &str) -> rusqlite::Result<()> {
        self.deadline.nanos.store(u64::MAX, Ordering::Relaxed);
        self.db.prepare_cached(text)?.raw_execute().map(drop)
    }

    /// A statement as SQLite reads it; with columns, one that inserts many rows of so many.
    fn text(&mut self, sql: &'static str, columns: usize) -> Result<Arc<str>, Error> {
        let key = (sql.as_ptr().addr(), sql.len(), columns);
        if let Some(text) = self.texts.get(&key) {
            return Ok(Arc::clone(text));
        }
        if sql::is_control(sql) {
            return Err(Error::control());
        }
        let many = (columns > 0).then(|| sql::insert(sql, columns, 1));
        let text: Arc<str> = sql::statement(many.as_deref().unwrap_or(sql), Engine::Sqlite).into();
        self.texts.insert(key, Arc::clone(&text));
        Ok(text)
    }

    fn explain(&mut self, failure: Failure, text: &str) -> Error {
        let error = match failure {
            Failure::Ours(error) => return error,
            Failure::Engine(error) => error,
        };
        self.constraints.broken(&self.db, &error, text).unwrap_or_else(|| explain(&error))
    }
}

/// Why a statement failed: before it reached the engine, or there.
enum Failure {
    Ours(Error),
    Engine(rusqlite::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(error)
    }
}

/// Every failure but those of constraints.
pub(crate) fn explain(error: &rusqlite::Error) -> Error {
    let text = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Error::Busy("another process is writing to it")
        }
        Some(ErrorCode::OperationInterrupted) => Error::Timeout,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Error::Corrupt(text.into()),
        Some(ErrorCode::DiskFull) => Error::unavailable("the disk is full"),
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::OutOfMemory) => {
            Error::unavailable(text)
        }
        _ => Error::Statement(text.into()),
    }
}

fn bind(statement: &mut CachedStatement<'_>, params: &[&dyn ToParam]) -> Result<(), Failure> {
    let expected = statement.parameter_count();
    if expected != params.len() {
        let message = format!("the statement has {expected} parameters, {} were given", params.len());
        return Err(Error::Statement(message.into()).into());
    }
    for (index, param) in params.iter().enumerate() {
        let param = param.to_param()?;
        param.check(index)?;
        statement.raw_bind_parameter(index + 1, &param)?;
    }
    Ok(())
}

impl ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match self {
            Self::Null => ValueRef::Null,
            Self::Bool(value) => ValueRef::Integer((*value).into()),
            Self::Integer(value) => ValueRef::Integer(*value),
            Self::Real(value) => ValueRef::Real(*value),
            Self::Text(text) | Self::Json(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::Uuid(uuid) => ValueRef::Blob(uuid.as_bytes()),
            Self::Time(time) => ValueRef::Integer(time.as_micros()),
            Self::Array(values) => {
                let cells =
                    values.iter().map(|value| Ok(owned(&value.to_sql()?))).collect::<rusqlite::Result<_>>();
                return Ok(ToSqlOutput::from_rc(Rc::<Vec<Cell>>::new(cells?), c"rarray"));
            }
        };
        Ok(ToSqlOutput::Borrowed(value))
    }
}

fn owned(value: &ToSqlOutput<'_>) -> Cell {
    match value {
        ToSqlOutput::Borrowed(ValueRef::Integer(number)) => Cell::Integer(*number),
        ToSqlOutput::Borrowed(ValueRef::Real(number)) => Cell::Real(*number),
        ToSqlOutput::Borrowed(ValueRef::Text(text)) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
        ToSqlOutput::Borrowed(ValueRef::Blob(bytes)) => Cell::Blob(bytes.to_vec()),
        _ => Cell::Null, // An array within an array: nothing makes one.
    }
}

/// The column of a row this engine gave.
pub(crate) fn column(cells: &[Cell], index: usize) -> Result<Column<'_>, Mismatch> {
    match cells.get(index) {
        Some(Cell::Null) => Ok(Column::Null),
        Some(Cell::Integer(value)) => Ok(Column::Integer(*value)),
        Some(Cell::Real(value)) => Ok(Column::Real(*value)),
        Some(Cell::Text(value)) => Ok(Column::Text(value)),
        Some(Cell::Blob(value)) => Ok(Column::Bytes(value)),
        None => Err(Mismatch(format!("the row has only {} columns", cells.len()))),
    }
}
