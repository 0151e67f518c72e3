//! One transaction, as the closures of [`Store::write`](crate::Store::write) and [`Store::read`](crate::Store::read)
//! see it.
//!
//! After a statement failed, every further one fails too and the transaction cannot commit: that is how PostgreSQL
//! works, and code tried on SQLite must not learn it in production. Finding no row, or another type, is no failure in
//! this sense.

use crate::published::Call;
use crate::{Error, Row, ToParam, Value, postgres, sqlite};

/// A transaction on either engine.
pub struct Tx<'a> {
    engine: Connection<'a>,
    calls: Vec<Call>,
    failure: Option<Error>,
}

enum Connection<'a> {
    Sqlite(&'a mut sqlite::Connection),
    Postgres(&'a mut postgres::Session),
}

impl<'a> Tx<'a> {
    pub(crate) fn sqlite(connection: &'a mut sqlite::Connection) -> Self {
        Self { engine: Connection::Sqlite(connection), calls: Vec::new(), failure: None }
    }

    pub(crate) fn postgres(session: &'a mut postgres::Session) -> Self {
        Self { engine: Connection::Postgres(session), calls: Vec::new(), failure: None }
    }

    /// The first failure of a statement, which is why this transaction cannot commit.
    pub(crate) fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    pub(crate) fn into_parts(self) -> (Vec<Call>, Option<Error>) {
        (self.calls, self.failure)
    }

    /// Runs a statement and says how many rows it changed.
    pub fn execute(&mut self, sql: &'static str, params: &[&dyn ToParam]) -> Result<u64, Error> {
        self.attempt(|engine| match engine {
            Connection::Sqlite(connection) => connection.execute(sql, params),
            Connection::Postgres(session) => session.execute(sql, params),
        })
    }

    /// All rows a statement gives; bound it with `LIMIT`.
    pub fn query(&mut self, sql: &'static str, params: &[&dyn ToParam]) -> Result<Vec<Row>, Error> {
        self.attempt(|engine| match engine {
            Connection::Sqlite(connection) => connection.query(sql, params),
            Connection::Postgres(session) => session.query(sql, params),
        })
    }

    /// The one row a statement gives; [`Error::NoRow`] or [`Error::TooManyRows`] otherwise.
    pub fn query_one(&mut self, sql: &'static str, params: &[&dyn ToParam]) -> Result<Row, Error> {
        self.query_opt(sql, params)?.ok_or(Error::NoRow)
    }

    /// The row a statement gives, if any; [`Error::TooManyRows`] if there are several.
    pub fn query_opt(&mut self, sql: &'static str, params: &[&dyn ToParam]) -> Result<Option<Row>, Error> {
        let mut rows = self.query(sql, params)?;
        match rows.len() {
            0 | 1 => Ok(rows.pop()),
            _ => Err(Error::TooManyRows),
        }
    }

    /// Inserts many rows in few statements. `sql` is `INSERT INTO t (a, b)`; write `{rows}` where the `VALUES` belong
    /// if something follows them, such as `ON CONFLICT`. Every row has `columns` values. Says how many rows there are.
    pub fn insert_many(
        &mut self,
        sql: &'static str,
        columns: usize,
        rows: &[Vec<Value>],
    ) -> Result<u64, Error> {
        if let Some(index) = rows.iter().position(|row| row.len() != columns) {
            let message = format!("every row needs {columns} values");
            return Err(Error::Type { place: format!("row {index}"), message });
        }
        self.attempt(|engine| match engine {
            Connection::Sqlite(connection) => connection.insert_many(sql, columns, rows),
            Connection::Postgres(session) => session.insert_many(sql, columns, rows),
        })
    }

    /// Calls `call` once this transaction is committed, after the calls of every transaction that committed before it,
    /// and before the writer has its answer. Not at all if it rolls back; an attempt that is run again starts with no
    /// calls. The call must not block: it holds up those behind it.
    pub fn after_commit(&mut self, call: impl FnOnce() + Send + 'static) {
        self.calls.push(Box::new(call));
    }

    fn attempt<T>(&mut self, run: impl FnOnce(&mut Connection<'_>) -> Result<T, Error>) -> Result<T, Error> {
        if self.failure.is_some() {
            return Err(Error::Spoiled);
        }
        run(&mut self.engine).inspect_err(|error| {
            if error.spoils() {
                self.failure = Some(error.clone());
            }
        })
    }

    /// Prepares a statement without running it.
    pub(crate) fn prepare(&mut self, sql: &'static str) -> Result<(), Error> {
        match &mut self.engine {
            Connection::Sqlite(connection) => connection.prepare(sql),
            Connection::Postgres(session) => session.prepare(sql),
        }
    }
}
