//! The door to the database: [`Store`].

use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::job::Closure;
use crate::migrate::{self, Migration, MigrationProgress, MigrationStatus};
use crate::options::Target;
use crate::published::Published;
use crate::queue::{Access, Queue};
use crate::{Appender, Engine, Error, Options, Tx, postgres, sqlite};

/// A database. Clones share its connections; when the last one is dropped, what is queued is still done.
///
/// Install a recorder of the `metrics` crate before opening, or the store's metrics go nowhere.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    options: Options,
    target: Target,
    /// PostgreSQL has one pool for both, so there the two are one queue.
    writes: Arc<Queue>,
    reads: Arc<Queue>,
    /// Taken by whoever closes the store first.
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Ends after them.
    publisher: Mutex<Option<tokio::task::JoinHandle<()>>>,
    /// Whether all of these have ended.
    closed: watch::Sender<bool>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.writes.close();
        self.reads.close();
    }
}

impl Store {
    /// Opens the database and starts its threads. Creates an SQLite file that is not there, but not its directory.
    pub async fn open(options: Options) -> Result<Self, Error> {
        blocking(move || Self::open_blocking(options)).await
    }

    fn open_blocking(options: Options) -> Result<Self, Error> {
        let target = options.target()?;
        let (published, publisher) = Published::start();
        let writes = Arc::new(Queue::new("write", options.queue));
        let (reads, threads) = match &target {
            Target::Sqlite(path) => {
                let reads = Arc::new(Queue::new("read", options.queue));
                let threads = sqlite::start(path, &options, &writes, &reads, published);
                (reads, threads)
            }
            Target::Postgres => (Arc::clone(&writes), postgres::start(&options, &writes, &published)),
        };
        // Threads that did start end with their queue.
        let threads = threads.inspect_err(|_| {
            writes.close();
            reads.close();
        })?;
        let (threads, publisher) = (Mutex::new(threads), Mutex::new(Some(publisher)));
        let closed = watch::Sender::new(false);
        Ok(Self { inner: Arc::new(Inner { options, target, writes, reads, threads, publisher, closed }) })
    }

    /// Runs `work` in a transaction, commits, and answers once the commit is durable. An error of `work`, or a panic,
    /// rolls back.
    ///
    /// `work` is run again if other transactions were in the way or the connection was lost before the commit: it must
    /// compute the same from the same data and do nothing but ask `tx`. If the caller goes away, the write still happens.
    pub async fn write<T, E>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.run(&self.inner.writes, Access::Write, work).await
    }

    /// Runs `work` on one snapshot of the database, which it cannot change.
    pub async fn read<T, E>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.run(&self.inner.reads, Access::Read, work).await
    }

    async fn run<T, E>(
        &self,
        queue: &Queue,
        access: Access,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (closure, answer) = Closure::new(work);
        if let Err((job, error)) = queue.push(Box::new(closure), access) {
            job.fail(error);
        }
        answer.await.unwrap_or_else(|_| Err(E::from(Error::closed())))
    }

    /// Which engine is behind this store.
    pub fn engine(&self) -> Engine {
        match self.inner.target {
            Target::Sqlite(_) => Engine::Sqlite,
            Target::Postgres => Engine::Postgres,
        }
    }

    /// Applies those of `migrations` that have not been applied yet, in their order, each in a transaction and all under
    /// a lock that other processes respect. Refuses if an applied one was edited or is missing from the list.
    ///
    /// `progress` hears of every migration at its start, every second, and at its end.
    pub async fn migrate(
        &self,
        migrations: &[Migration],
        progress: impl Fn(&MigrationProgress),
    ) -> Result<(), Error> {
        migrate::run(&self.inner.target, &self.inner.options, migrations, progress).await
    }

    /// What [`Store::migrate`] has done and would do.
    pub async fn migration_status(&self, migrations: &[Migration]) -> Result<Vec<MigrationStatus>, Error> {
        migrate::status(&self.inner.target, &self.inner.options, migrations).await
    }

    /// Asks a reader and the writer for nothing, to see whether both answer: a database that cannot be written to is
    /// not ready.
    pub async fn ping(&self) -> Result<(), Error> {
        self.read(|tx| tx.query_opt("SELECT 1", &[]).map(drop)).await?;
        self.write(|_| Ok(())).await
    }

    /// Prepares every statement (its name, its text) without running it, and names those the engine refuses.
    pub async fn prepare_all(&self, statements: &[(&'static str, &'static str)]) -> Result<(), Error> {
        let mut refused = Vec::new();
        for &(name, sql) in statements {
            if let Err(error) = self.read(move |tx| tx.prepare(sql)).await {
                refused.push(format!("{name}: {error}"));
            }
        }
        if refused.is_empty() { Ok(()) } else { Err(Error::Statement(refused.join("\n").into())) }
    }

    /// A writer for rows that are only ever appended; see [`Appender`]. `sql` and `columns` are those of
    /// [`Tx::insert_many`], `bound` is how many rows may wait. Call it within a tokio runtime.
    pub fn appender(&self, sql: &'static str, columns: usize, bound: usize) -> Appender {
        Appender::start(self.clone(), sql, columns, bound)
    }

    /// How many closures wait for a thread.
    pub fn waiting(&self) -> usize {
        let reads =
            if Arc::ptr_eq(&self.inner.reads, &self.inner.writes) { 0 } else { self.inner.reads.len() };
        self.inner.writes.len() + reads
    }

    /// Whether [`Store::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.inner.writes.is_closed()
    }

    /// Finishes what is queued, refuses everything new, and returns when the database is closed.
    ///
    /// A closure that hangs is waited for as long as the caller wishes: whoever gives up has closed the store to everything
    /// new, and a later call waits for the same end.
    pub async fn close(&self) {
        self.inner.writes.close();
        self.inner.reads.close();
        let mut closed = self.inner.closed.subscribe();
        let threads = std::mem::take(&mut *self.inner.threads.lock());
        if !threads.is_empty() {
            // On its own: it goes on though nobody waits for it any more.
            tokio::spawn(self.clone().end(threads));
        }
        let _ = closed.wait_for(|is_closed| *is_closed).await;
    }

    async fn end(self, threads: Vec<JoinHandle<()>>) {
        let joined = blocking(move || {
            // All of them, also after one that panicked: the database is closed when the last has ended.
            let panicked = threads.into_iter().map(JoinHandle::join).filter(Result::is_err).count();
            if panicked == 0 { Ok(()) } else { Err(Error::closed()) }
        });
        if joined.await.is_err() {
            tracing::error!("A thread of the store had panicked");
        }
        let publisher = self.inner.publisher.lock().take();
        if let Some(publisher) = publisher {
            // An error says that the runtime stopped it: there is nobody left to tell.
            let _ = publisher.await;
        }
        self.inner.closed.send_replace(true);
    }
}

/// Runs what blocks on a thread where it may.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Error::closed()))
}
