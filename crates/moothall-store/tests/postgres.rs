//! What only PostgreSQL can do to us: restart, lose connections in the worst moment, lie about durability, speak TLS.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

#[path = "postgres/lost_commit.rs"]
mod lost_commit;
#[path = "postgres/tls.rs"]
mod tls;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use moothall_store::{Error, Migration, Options, Store, params};
use moothall_testing::databases::{PostgresServer, Settings};

const SCHEMA: &[Migration] = &[Migration {
    name: "20261123000000_steps",
    sql: "CREATE TABLE steps (task {i64} NOT NULL, step {i64} NOT NULL, CONSTRAINT steps_once PRIMARY KEY (task, step)) {strict};
          CREATE TABLE sums (task {i64} PRIMARY KEY, steps {i64} NOT NULL) {strict}",
}];
const STEP: &str = "INSERT INTO steps (task, step) VALUES ($1, $2)";
const SUM: &str =
    "INSERT INTO sums (task, steps) VALUES ($1, 1) ON CONFLICT (task) DO UPDATE SET steps = sums.steps + 1";

fn options(server: &PostgresServer) -> Options {
    let mut options = Options::new(server.url());
    options.patience = Duration::from_secs(30);
    options
}

/// One step of a task: two rows that belong together, and would both count twice if it happened twice.
async fn step(store: &Store, task: i64, step: i64) -> Result<(), Error> {
    store
        .write(move |tx| {
            tx.execute(STEP, params![task, step])?;
            tx.execute(SUM, params![task]).map(drop)
        })
        .await
}

/// How many steps a task has, counted in both ways.
async fn steps(store: &Store, task: i64) -> (i64, i64) {
    store
        .read(move |tx| {
            let rows = tx.query_one("SELECT count(*) FROM steps WHERE task = $1", params![task])?.get(0)?;
            let sum = tx.query_opt("SELECT steps FROM sums WHERE task = $1", params![task])?;
            Ok::<_, Error>((rows, sum.map_or(Ok(0), |row| row.get(0))?))
        })
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_or_crashes_under_load_loses_no_write_and_doubles_none() {
    let Some(server) = PostgresServer::start(&Settings { is_durable: true, ..Settings::default() }) else {
        return;
    };
    let store = Store::open(options(&server)).await.unwrap();
    store.migrate(SCHEMA, |_| {}).await.unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = (0..16)
        .map(|task| {
            let (store, is_over) = (store.clone(), Arc::clone(&is_over));
            tokio::spawn(async move {
                let mut done = 0;
                while !is_over.load(Ordering::Relaxed) {
                    step(&store, task, done).await.unwrap();
                    done += 1;
                }
                done
            })
        })
        .collect();
    let server = tokio::task::spawn_blocking(move || {
        for round in 0..4 {
            std::thread::sleep(Duration::from_millis(300));
            if round % 2 == 0 {
                server.stop();
            } else {
                server.kill();
            }
            server.launch();
        }
        std::thread::sleep(Duration::from_millis(300));
        server
    })
    .await
    .unwrap();
    is_over.store(true, Ordering::Relaxed);
    for (task, done) in (0..16).zip(tasks) {
        let done = done.await.unwrap();
        assert!(done > 10, "task {task} got nowhere");
        assert_eq!(steps(&store, task).await, (done, done), "task {task}");
    }
    store.close().await;
    drop(server);
}

#[tokio::test]
async fn while_the_server_is_away_callers_hear_it_in_time_and_afterwards_all_is_well() {
    let Some(server) = PostgresServer::start(&Settings { is_durable: true, ..Settings::default() }) else {
        return;
    };
    let mut options = options(&server);
    options.patience = Duration::from_millis(300);
    let store = Store::open(options).await.unwrap();
    store.migrate(SCHEMA, |_| {}).await.unwrap();
    server.stop();
    let start = std::time::Instant::now();
    let refused = step(&store, 1, 1).await.unwrap_err();
    assert!(refused.is_unavailable(), "{refused}");
    let refused = store.read(|tx| tx.query(STEP, params![])).await.unwrap_err();
    assert!(refused.is_unavailable(), "{refused}");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    server.launch();
    tokio::time::sleep(Duration::from_millis(600)).await;
    step(&store, 1, 1).await.unwrap();
    assert_eq!(steps(&store, 1).await, (1, 1));
}

#[tokio::test]
async fn a_server_that_would_lose_acknowledged_writes_is_refused() {
    let Some(server) = PostgresServer::start(&Settings { is_durable: true, ..Settings::default() }) else {
        return;
    };
    Store::open(options(&server)).await.unwrap().close().await;
    for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
        server.stop();
        server.configure(&[&format!("{setting} = off")]);
        server.launch();
        let refused = Store::open(options(&server)).await.err().unwrap();
        assert!(matches!(&refused, Error::UnsafeDurability(text) if text.contains(setting)), "{refused}");
        let mut allowed = options(&server);
        allowed.allow_unsafe_durability = true;
        Store::open(allowed).await.unwrap().close().await;
        server.configure(&[&format!("{setting} = on")]);
    }
}

#[tokio::test]
async fn a_server_that_takes_connections_and_is_silent_is_given_up_soon() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://nobody@{}/nothing?sslmode=disable", silent.local_addr().unwrap());
    let opened = tokio::time::timeout(Duration::from_secs(10), Store::open(Options::new(url))).await;
    let refused = opened.expect("an answer in time").err().unwrap();
    assert!(matches!(&refused, Error::Unavailable(text) if text.contains("does not answer")), "{refused}");
}
