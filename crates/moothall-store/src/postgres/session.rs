//! One connection and the transaction on it. `BEGIN` travels with the first statement, so a transaction of one statement
//! costs two round trips and not three.
//!
//! With the `BEGIN` of a write travels its mark: the transaction writes a number into the row that its thread has in
//! `store_writers`. If the connection is lost in the commit, that row says afterwards whether it happened. (The server
//! could be asked what became of a transaction's id instead, but after a crash it gives the ids of transactions that left
//! no trace to others, and would answer for those.)

use std::collections::HashMap;
use std::error::Error as StdError;
use std::future::Future;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, SimpleQueryMessage, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;
use uuid::Uuid;

use super::{explain, parse};
use crate::row::Cells;
use crate::value::Param;
use crate::{Engine, Error, Options, Row, ToParam, Value, sql};

/// Parameters of one statement; the protocol counts them in 16 bits.
const PARAMS_MAX: usize = u16::MAX as usize;
/// Rows of one `INSERT` of many.
const ROWS_MAX: usize = 256;
/// How much longer than the statement's own limit we wait for the server to say anything at all.
const SILENCE_MAX: Duration = Duration::from_secs(5);
/// How long a server may take to let us in, and to answer each of the first questions: it may take connections and be silent.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Older ones are out of maintenance, and nothing is tried on them.
const VERSION_MIN: u32 = 140_000;

const BEGIN_WRITE: &str = "BEGIN ISOLATION LEVEL SERIALIZABLE";
const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// One row for each writing thread there is. Its page has room for new versions of them, so that no index is touched.
const WRITERS: &str = "CREATE TABLE IF NOT EXISTS store_writers (writer uuid PRIMARY KEY, mark bigint NOT NULL, \
                       opened_at timestamptz NOT NULL DEFAULT now()) WITH (fillfactor = 20)";
/// Held while the table is made: PostgreSQL does not make that safe by itself.
const WRITERS_LOCK: i64 = 0x6d61_726b;
/// An upsert and not an update, because it finds its row without reading for others to conflict with.
const MARK: &str = "INSERT INTO store_writers (writer, mark) VALUES ($1, $2) \
                    ON CONFLICT (writer) DO UPDATE SET mark = excluded.mark";

/// Knows how to connect.
pub(crate) struct Connector {
    config: Config,
    tls: MakeRustlsConnect,
    statement_timeout: Duration,
    pub(super) patience: Duration,
    allow_unsafe_durability: bool,
}

impl Connector {
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        let (mut config, tls) = parse(&options.url)?;
        config.ssl_mode(tls.mode.of_driver()).application_name("moothall");
        config.connect_timeout(CONNECT_MAX).keepalives_idle(Duration::from_secs(30));
        Ok(Self {
            config,
            tls: tls.connect()?,
            statement_timeout: options.statement_timeout,
            patience: options.patience,
            allow_unsafe_durability: options.allow_unsafe_durability,
        })
    }

    pub(crate) fn connect(&self) -> Result<Session, Error> {
        let unavailable = |error: &dyn std::fmt::Display| Error::unavailable(error.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| unavailable(&error))?;
        let connecting = self.config.connect(self.tls.clone());
        let connected = match runtime.block_on(async { tokio::time::timeout(CONNECT_MAX, connecting).await })
        {
            Ok(connected) => connected.map_err(|error| match error.as_db_error() {
                Some(db) => unavailable(&db.message()),
                None => unavailable(&chain(&error)),
            }),
            Err(_) => Err(unavailable(&"PostgreSQL takes connections and does not answer")),
        };
        let (client, connection) = match connected {
            Ok(connected) => connected,
            Err(error) => {
                // A name that is still being looked up would hold up whoever drops the runtime.
                runtime.shutdown_background();
                return Err(error);
            }
        };
        runtime.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = chain(&error), "A connection to PostgreSQL ended");
            }
        });
        let mut session = Session {
            runtime,
            client,
            statements: HashMap::new(),
            begin: None,
            mark: None,
            is_lost: false,
            silence_max: CONNECT_MAX,
        };
        session.simple(&format!(
            "SET statement_timeout = {}; SET idle_in_transaction_session_timeout = '60s'; SET timezone = 'UTC'",
            self.statement_timeout.as_millis()
        ))?;
        self.check(&mut session)?;
        session.silence_max = self.statement_timeout + SILENCE_MAX;
        Ok(session)
    }

    /// Refuses servers that lose acknowledged writes, and those too old.
    fn check(&self, session: &mut Session) -> Result<(), Error> {
        let settings = session.simple(
            "SELECT name || ' = ' || setting FROM pg_settings WHERE setting = 'off' \
             AND name IN ('fsync', 'full_page_writes', 'synchronous_commit') \
             UNION ALL SELECT current_setting('server_version_num')",
        )?;
        for setting in settings {
            match setting.parse::<u32>() {
                Ok(version) if version < VERSION_MIN => {
                    return Err(Error::Options("PostgreSQL 14 or newer is needed".into()));
                }
                Err(_) if !self.allow_unsafe_durability => {
                    let text = format!(
                        "PostgreSQL has `{setting}`: it would lose writes that were acknowledged. Switch it on for \
                         this database, or allow unsafe durability in the configuration if that is what you want"
                    );
                    return Err(Error::UnsafeDurability(text.into()));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// An error with its sources: the driver's own text says little.
fn chain(error: &dyn StdError) -> String {
    let (mut text, mut source) = (error.to_string(), error.source());
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// What tells one transaction of a writing thread from all its others.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    pub(super) writer: Uuid,
    pub(super) number: i64,
}

struct Begin {
    mark: Option<Mark>,
}

pub(crate) struct Session {
    runtime: Runtime,
    client: Client,
    /// Prepared statements by the address of their text and the rows they insert (zero: not many).
    statements: HashMap<(usize, usize, usize), Statement>,
    /// What leaves with the first statement.
    begin: Option<Begin>,
    mark: Option<Statement>,
    is_lost: bool,
    silence_max: Duration,
}

impl Session {
    /// A transaction begins; nothing is sent until there is a statement. A write has a mark.
    pub(super) fn begin(&mut self, mark: Option<Mark>) {
        self.begin = Some(Begin { mark });
    }

    /// Whether the connection is of no more use.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost || self.client.is_closed()
    }

    /// Commits or rolls back. Without a statement there is nothing to end.
    pub(super) fn end(&mut self, text: &'static str) -> Result<(), Error> {
        if self.begin.take().is_some() {
            return Ok(());
        }
        self.simple(text).map(drop)
    }

    pub(crate) fn execute(&mut self, sql: &'static str, params: &[&dyn ToParam]) -> Result<u64, Error> {
        let statement = self.statement(sql, 0, 0)?;
        let params = values(&statement, params)?;
        self.run(|client| async move { client.execute(&statement, &of_driver(&params)).await })
    }

    pub(crate) fn query(&mut self, sql: &'static str, params: &[&dyn ToParam]) -> Result<Vec<Row>, Error> {
        let statement = self.statement(sql, 0, 0)?;
        let params = values(&statement, params)?;
        let rows = self.run(|client| async move { client.query(&statement, &of_driver(&params)).await })?;
        Ok(rows.into_iter().map(|row| Row(Cells::Postgres(row))).collect())
    }

    /// Powers of two of rows at once, so that few different statements are prepared.
    pub(crate) fn insert_many(
        &mut self,
        sql: &'static str,
        columns: usize,
        rows: &[Vec<Value>],
    ) -> Result<u64, Error> {
        let mut rest = rows;
        while !rest.is_empty() {
            let most = rest.len().min(ROWS_MAX).min(PARAMS_MAX / columns.max(1)).max(1);
            let (now, later) = rest.split_at(1 << most.ilog2());
            let statement = self.statement(sql, columns, now.len())?;
            let mut params = Vec::with_capacity(now.len() * columns);
            for (index, value) in now.iter().flatten().enumerate() {
                value.check(index)?;
                params.push(value as &(dyn ToSql + Sync));
            }
            self.run(|client| async move { client.execute(&statement, &params).await })?;
            rest = later;
        }
        Ok(rows.len() as u64)
    }

    pub(crate) fn prepare(&mut self, sql: &'static str) -> Result<(), Error> {
        self.statement(sql, 0, 0).map(drop)
    }

    fn statement(&mut self, sql: &'static str, columns: usize, rows: usize) -> Result<Statement, Error> {
        let key = (sql.as_ptr().addr(), sql.len(), rows);
        if let Some(statement) = self.statements.get(&key) {
            return Ok(statement.clone());
        }
        if sql::is_control(sql) {
            return Err(Error::control());
        }
        let many = (rows > 0).then(|| sql::insert(sql, columns, rows));
        let text = sql::statement(many.as_deref().unwrap_or(sql), Engine::Postgres);
        let statement = self.block(|client| client.prepare(&text))?;
        self.statements.insert(key, statement.clone());
        Ok(statement)
    }

    /// Sends a statement, and the `BEGIN` before it if it is the first.
    fn run<'a, T, F>(&'a mut self, statement: impl FnOnce(&'a Client) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, tokio_postgres::Error>> + 'a,
    {
        let Some(begin) = self.begin.take() else {
            return self.block(statement);
        };
        let Self { runtime, client, is_lost, silence_max, mark, .. } = self;
        let client: &Client = client;
        let open = async {
            let Some(Mark { writer, number }) = begin.mark else {
                return client.batch_execute(BEGIN_READ).await;
            };
            let Some(statement) = mark else { return client.batch_execute(BEGIN_WRITE).await };
            let params: [&(dyn ToSql + Sync); 2] = [&Param::Uuid(writer), &Param::Integer(number)];
            let marked = client.execute(statement, &params);
            let (begun, marked) = tokio::join!(biased; client.batch_execute(BEGIN_WRITE), marked);
            begun.and(marked).map(drop)
        };
        // In this order: all is sent at once, the answers are awaited together.
        let both = async { tokio::join!(biased; open, statement(client)) };
        let Ok((begun, result)) = runtime.block_on(async { tokio::time::timeout(*silence_max, both).await })
        else {
            *is_lost = true;
            return Err(lost());
        };
        if let Err(error) = begun {
            return Err(match explain(&error) {
                Some(conflict @ Error::Serialization) => conflict,
                // Nobody knows what the statement did without its BEGIN.
                other => {
                    *is_lost = true;
                    other.unwrap_or_else(lost)
                }
            });
        }
        result.map_err(|error| of_statement(&error, is_lost))
    }

    /// Runs a text of statements without parameters; the first column of their rows as text.
    pub(crate) fn simple(&mut self, text: &str) -> Result<Vec<String>, Error> {
        self.block(|client| client.simple_query(text)).map(texts)
    }

    /// Enters a writing thread into the table, so that there is a row to mark.
    pub(super) fn open_writer(&mut self, writer: Uuid) -> Result<(), Error> {
        if self.simple("SELECT to_regclass('store_writers')::text")?.is_empty() {
            self.simple(&format!("BEGIN; SELECT pg_advisory_xact_lock({WRITERS_LOCK}); {WRITERS}; COMMIT"))?;
        }
        self.simple(&format!(
            "INSERT INTO store_writers (writer, mark) VALUES ('{writer}', 0) \
             ON CONFLICT (writer) DO UPDATE SET opened_at = now(); \
             DELETE FROM store_writers WHERE opened_at < now() - interval '90 days'"
        ))?;
        self.mark = Some(self.block(|client| client.prepare(MARK))?);
        Ok(())
    }

    /// Takes a writing thread out of the table.
    pub(super) fn close_writer(&mut self, writer: Uuid) -> Result<(), Error> {
        self.simple(&format!("DELETE FROM store_writers WHERE writer = '{writer}'")).map(drop)
    }

    /// Whether the last transaction of another connection with this mark was committed. Waits, up to the limit of a
    /// statement, while that connection still has it open: it holds the lock on the row.
    pub(super) fn is_committed(&mut self, mark: Mark) -> Result<bool, Error> {
        let Mark { writer, number } = mark;
        let last =
            self.simple(&format!("SELECT mark FROM store_writers WHERE writer = '{writer}' FOR UPDATE"))?;
        Ok(last.first().is_some_and(|last| *last == number.to_string()))
    }

    fn block<'a, T, F>(&'a mut self, work: impl FnOnce(&'a Client) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, tokio_postgres::Error>> + 'a,
    {
        let Self { runtime, client, is_lost, silence_max, .. } = self;
        let work = work(client);
        match runtime.block_on(async { tokio::time::timeout(*silence_max, work).await }) {
            Ok(result) => result.map_err(|error| of_statement(&error, is_lost)),
            Err(_) => {
                *is_lost = true;
                Err(lost())
            }
        }
    }
}

fn of_statement(error: &tokio_postgres::Error, is_lost: &mut bool) -> Error {
    explain(error).unwrap_or_else(|| {
        *is_lost = true;
        lost()
    })
}

fn lost() -> Error {
    Error::unavailable("the connection to PostgreSQL was lost")
}

/// The first column of every row of an answer in the simple protocol.
fn texts(answers: Vec<SimpleQueryMessage>) -> Vec<String> {
    let rows = answers.into_iter().filter_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    rows.collect()
}

fn values<'a>(statement: &Statement, params: &'a [&'a dyn ToParam]) -> Result<Vec<Param<'a>>, Error> {
    let expected = statement.params().len();
    if expected != params.len() {
        let message = format!("the statement has {expected} parameters, {} were given", params.len());
        return Err(Error::Statement(message.into()));
    }
    let mut values = Vec::with_capacity(expected);
    for (index, param) in params.iter().enumerate() {
        let param = param.to_param()?;
        param.check(index)?;
        values.push(param);
    }
    Ok(values)
}

fn of_driver<'a>(params: &'a [Param<'_>]) -> Vec<&'a (dyn ToSql + Sync)> {
    params.iter().map(|param| param as &(dyn ToSql + Sync)).collect()
}
