//! A whole server inside the test's own process, on a free port of 127.0.0.1.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use moothall::{Clock, Hall, Hooks, Operations, Rates, Settings};
use moothall_api::{Doors, Options};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::api::{Api, Player};
use crate::databases::TestDatabase;
use crate::mailbox::Mailbox;

/// How long requests in hand may take when a server stops.
const DEADLINE: Duration = Duration::from_secs(5);

/// A running server. Its data is gone when this is dropped.
pub struct TestServer {
    pub api: Api,
    pub hall: Hall,
    pub doors: Doors,
    pub address: SocketAddr,
    /// The letters it sent.
    pub mailbox: Arc<Mailbox>,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
    _database: TestDatabase,
}

/// A server to be.
pub struct Builder {
    settings: Settings,
    options: Options,
    rate_scale: u32,
    clock: Option<Arc<dyn Clock>>,
    hooks: Option<Arc<dyn Hooks>>,
    operations: Vec<Operations>,
    database: TestDatabase,
}

impl TestServer {
    /// A server on SQLite with the default settings, quick passwords and rates that no test reaches.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A server that differs from that.
    pub fn builder() -> Builder {
        let database = TestDatabase::sqlite();
        let (settings, options) = (Settings::default(), Options::default());
        Builder {
            settings,
            options,
            rate_scale: 1_000,
            clock: None,
            hooks: None,
            operations: Vec::new(),
            database,
        }
    }

    /// Where its sockets are opened.
    pub fn socket_url(&self) -> String {
        format!("ws://{}/v1/socket", self.address)
    }

    /// Signs several players up.
    pub async fn players<const N: usize>(&self, names: [&str; N]) -> [Player; N] {
        self.api.players(names).await
    }

    /// Begins an orderly end, without waiting for it.
    pub fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    /// Stops in an orderly way.
    pub async fn stopped(mut self) {
        self.stop();
        (&mut self.serving).await.unwrap();
        self.hall.close().await;
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Builder {
    /// With other settings.
    #[must_use]
    pub fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// With other doors.
    #[must_use]
    pub fn options(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(&mut self.options);
        self
    }

    /// With rates so many times the usual ones.
    #[must_use]
    pub fn rates(mut self, scale: u32) -> Self {
        self.rate_scale = scale;
        self
    }

    /// With this clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// With rules of an embedding program.
    #[must_use]
    pub fn hooks(mut self, hooks: Arc<dyn Hooks>) -> Self {
        self.hooks = Some(hooks);
        self
    }

    /// With operations of an embedding program.
    #[must_use]
    pub fn operations(mut self, operations: Operations) -> Self {
        self.operations.push(operations);
        self
    }

    /// On this database.
    #[must_use]
    pub fn database(mut self, database: TestDatabase) -> Self {
        self.database = database;
        self
    }

    /// Starts it.
    pub async fn start(self) -> TestServer {
        let Self { mut settings, options, rate_scale, clock, hooks, operations, database } = self;
        settings.store.url = database.url().to_owned();
        // The test's PostgreSQL does not flush to disk.
        settings.store.allow_unsafe_durability = true;
        settings.accounts.password_memory_kib = 8 * 1024;
        settings.accounts.password_passes = 1;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        settings.mail.public_url = format!("http://{address}");
        let mailbox = Arc::new(Mailbox::default());
        let mut builder =
            Hall::builder(settings).rates(Rates::scaled(rate_scale)).mailer(Arc::clone(&mailbox) as _);
        if let Some(clock) = clock {
            builder = builder.clock(clock);
        }
        if let Some(hooks) = hooks {
            builder = builder.hooks(hooks);
        }
        let hall = operations.into_iter().fold(builder, moothall::Builder::operations).open().await.unwrap();
        let doors = Doors::open(&hall, options).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let told = async { drop(stopped.await) };
        let serving = tokio::spawn(moothall_api::serve(listener, doors.clone(), told, DEADLINE));
        let api = Api::new(address);
        TestServer { api, hall, doors, address, mailbox, stop: Some(stop), serving, _database: database }
    }
}
