//! Rows that are only ever appended (logs, chat, telemetry): many rows, one statement, one commit.
//!
//! Rows wait in memory for at most [`INTERVAL`] and are written in the order in which they came. The bound is in rows:
//! one more is refused with [`Full`], and the caller decides what that means. A row whose caller waits (see
//! [`Appender::append_durable`]) makes everything before it leave at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::{Error, Store, Value};

/// How long a row waits for company.
const INTERVAL: Duration = Duration::from_millis(100);
/// Rows written at once.
const ROWS_MAX: usize = 4096;
/// Waits between attempts while the database is unavailable.
const RETRY_WAIT: Duration = Duration::from_millis(200);

/// The appender has as many rows waiting as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many rows are waiting to be written")]
pub struct Full;

/// A batching writer of append-only rows. Clones share the queue. Rows not flushed are written when the last clone is
/// dropped, if the store is still open: call [`Appender::flush`] before closing it.
#[derive(Clone)]
pub struct Appender {
    waiting: mpsc::Sender<Entry>,
}

enum Entry {
    Row(Vec<Value>),
    Durable(Vec<Value>, oneshot::Sender<Result<(), Error>>),
    Flush(oneshot::Sender<()>),
}

impl Appender {
    pub(crate) fn start(store: Store, sql: &'static str, columns: usize, bound: usize) -> Self {
        let (waiting, entries) = mpsc::channel(bound.max(1));
        tokio::spawn(run(store, sql, columns, entries));
        Self { waiting }
    }

    /// Queues a row. Lost if the process dies within the interval; use [`Appender::append_durable`] where that matters.
    pub fn append(&self, row: Vec<Value>) -> Result<(), Full> {
        self.waiting.try_send(Entry::Row(row)).map_err(|_| Full)
    }

    /// Queues a row and returns when it is durable. Refused as busy when the queue is full.
    pub async fn append_durable(&self, row: Vec<Value>) -> Result<(), Error> {
        let (done, answer) = oneshot::channel();
        self.waiting
            .try_send(Entry::Durable(row, done))
            .map_err(|_| Error::Busy("too many rows are waiting"))?;
        answer.await.unwrap_or_else(|_| Err(Error::closed()))
    }

    /// Returns when every row queued before has been written, or dropped because the database refused it.
    pub async fn flush(&self) {
        let (done, answer) = oneshot::channel();
        if self.waiting.send(Entry::Flush(done)).await.is_ok() {
            let _ = answer.await;
        }
    }
}

async fn run(store: Store, sql: &'static str, columns: usize, mut entries: mpsc::Receiver<Entry>) {
    let mut batch = Vec::new();
    while entries.recv_many(&mut batch, ROWS_MAX).await > 0 {
        let deadline = tokio::time::Instant::now() + INTERVAL;
        while batch.len() < ROWS_MAX && batch.iter().all(|entry| matches!(entry, Entry::Row(_))) {
            let room = ROWS_MAX - batch.len();
            match tokio::time::timeout_at(deadline, entries.recv_many(&mut batch, room)).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => break,
            }
        }
        let (mut rows, mut durable, mut flushes) = (Vec::new(), Vec::new(), Vec::new());
        for entry in batch.drain(..) {
            match entry {
                Entry::Row(row) => rows.push(row),
                Entry::Durable(row, done) => {
                    durable.push((rows.len(), done));
                    rows.push(row);
                }
                Entry::Flush(done) => flushes.push(done),
            }
        }
        let results = write(&store, sql, columns, rows).await;
        for (index, done) in durable {
            let result =
                results.as_ref().map_or_else(|refused| refused.get(index).cloned().flatten(), |()| None);
            let _ = done.send(result.map_or(Ok(()), Err));
        }
        for done in flushes {
            let _ = done.send(());
        }
    }
}

/// Writes all rows at once; if the database refuses one of them, each on its own, to find which. Then the error of every
/// row that was refused, by its index.
async fn write(
    store: &Store,
    sql: &'static str,
    columns: usize,
    rows: Vec<Vec<Value>>,
) -> Result<(), Vec<Option<Error>>> {
    let rows = Arc::new(rows);
    if rows.is_empty() {
        return Ok(());
    }
    match insist(store, &rows, sql, columns, 0..rows.len()).await {
        Ok(()) => return Ok(()),
        // They may be there: written again they could be there twice.
        Err(error @ Error::OutcomeUnknown(_)) => {
            tracing::error!(%error, rows = rows.len(), sql, "Rows may be lost");
            return Err(vec![Some(error); rows.len()]);
        }
        Err(_) => {}
    }
    let mut refused = Vec::with_capacity(rows.len());
    for index in 0..rows.len() {
        let result = insist(store, &rows, sql, columns, index..index + 1).await;
        if let Err(error) = &result {
            tracing::error!(%error, sql, "A row was refused and dropped");
        }
        refused.push(result.err());
    }
    Err(refused)
}

/// Writes some of the rows; tries again for as long as the database is unavailable, while the queue behind fills up. Not
/// when they may have been written.
async fn insist(
    store: &Store,
    rows: &Arc<Vec<Vec<Value>>>,
    sql: &'static str,
    columns: usize,
    range: std::ops::Range<usize>,
) -> Result<(), Error> {
    loop {
        let (rows, range) = (Arc::clone(rows), range.clone());
        let write = store.write(move |tx| {
            tx.insert_many(sql, columns, rows.get(range.clone()).unwrap_or_default()).map(drop)
        });
        match write.await {
            Err(error) if error.is_unavailable() && !store.is_closed() => {
                tokio::time::sleep(RETRY_WAIT).await;
            }
            result => return result,
        }
    }
}
