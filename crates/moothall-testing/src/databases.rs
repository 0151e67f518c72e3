//! Throw-away databases: every test has its own, on each engine.
//!
//! Start at [`on_both_engines`]. PostgreSQL is one server per run of the tests (`MOOTHALL_TEST_POSTGRES_URL`, set by
//! `cargo xtask test`) or, without that, one per test process, started on first use from the installed binaries and
//! stopped when the process ends, however it ends. Without PostgreSQL its half is skipped with a line that says so;
//! `MOOTHALL_REQUIRE_SERVICES=1` makes that a failure.

mod server;

use std::fmt;
use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use moothall_store::{Engine, Error, Options, Store};
use tempfile::TempDir;

#[cfg(feature = "server")]
pub(crate) use server::free_port;
pub use server::{PostgresServer, Settings, children_of};

/// Runs a test on a fresh database of every engine at hand.
pub async fn on_both_engines<F: Future<Output = ()>>(test: impl Fn(TestDatabase) -> F) {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        if let Some(database) = TestDatabase::new(engine).await {
            eprintln!("--- on {engine:?}");
            test(database).await;
        }
    }
}

/// The engines at hand, a fresh database on each.
pub async fn engines() -> Vec<TestDatabase> {
    let mut databases = vec![TestDatabase::sqlite()];
    databases.extend(TestDatabase::postgres().await);
    databases
}

/// A database that is gone when this is dropped. Close its stores first.
pub struct TestDatabase {
    engine: Engine,
    url: String,
    home: Home,
}

enum Home {
    /// Held until it goes.
    Directory {
        _directory: TempDir,
    },
    Server {
        base: String,
        name: String,
    },
}

impl TestDatabase {
    /// A fresh database; `None` if there is no PostgreSQL.
    pub async fn new(engine: Engine) -> Option<Self> {
        match engine {
            Engine::Sqlite => Some(Self::sqlite()),
            Engine::Postgres => Self::postgres().await,
        }
    }

    /// A fresh file.
    pub fn sqlite() -> Self {
        let directory = tempfile::tempdir().expect("a directory for temporary files");
        let url = format!("sqlite:{}", directory.path().join("test.db").display());
        Self { engine: Engine::Sqlite, url, home: Home::Directory { _directory: directory } }
    }

    /// A fresh database on the shared server; `None`, said loudly, if PostgreSQL is not installed.
    pub async fn postgres() -> Option<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let base = shared_server()?;
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        let made = name.clone();
        let on = base.clone();
        tokio::task::spawn_blocking(move || {
            server::run_sql(&on, &format!("DROP DATABASE IF EXISTS {made}"));
            server::run_sql(&on, &format!("CREATE DATABASE {made} TEMPLATE template0"));
        })
        .await
        .expect("a database on the test server");
        let url = server::with_database(&base, &name);
        Some(Self { engine: Engine::Postgres, url, home: Home::Server { base, name } })
    }

    /// Its engine.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Options to open it with. The test server does not flush to disk, which the store would refuse.
    pub fn options(&self) -> Options {
        let mut options = Options::new(self.url.clone());
        options.allow_unsafe_durability = true;
        options
    }

    /// Opens it.
    pub async fn open(&self) -> Store {
        self.try_open().await.expect("the test database opens")
    }

    /// Opens it, or says why not.
    pub async fn try_open(&self) -> Result<Store, Error> {
        Store::open(self.options()).await
    }
}

impl fmt::Debug for TestDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}", self.engine, self.url)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        match &self.home {
            Home::Directory { .. } => {}
            Home::Server { base, name } => {
                let (base, name) = (base.clone(), name.clone());
                // On a thread of its own: a driver must not block within the test's runtime.
                let dropping = std::thread::spawn(move || {
                    server::run_sql(&base, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
                });
                let _ = dropping.join();
            }
        }
    }
}

/// The address of the server for this run, which is started if need be.
fn shared_server() -> Option<String> {
    static SERVER: OnceLock<Option<PostgresServer>> = OnceLock::new();
    if let Ok(url) = std::env::var("MOOTHALL_TEST_POSTGRES_URL")
        && !url.is_empty()
    {
        return Some(url);
    }
    let server = SERVER.get_or_init(|| PostgresServer::start(&Settings::default()));
    server.as_ref().map(|server| server.url().to_owned())
}
