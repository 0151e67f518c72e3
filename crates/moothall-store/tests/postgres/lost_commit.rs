//! A connection that breaks in the commit: the one moment in which the client cannot know what happened.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::Duration;

use moothall_store::{Error, Migration, Options, Store, params, values};
use moothall_testing::databases::{PostgresServer, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::{SCHEMA, STEP, SUM, steps};

/// What the proxy does with the next COMMIT it sees.
const PASS: u8 = 0;
/// The connection breaks before the server hears of it.
const LOSE_COMMIT: u8 = 1;
/// The server commits; the connection breaks before its answer arrives.
const LOSE_ANSWER: u8 = 2;

/// The same, and from then on nobody gets through.
const LOSE_ANSWER_AND_STAY_AWAY: u8 = 3;
const AWAY: u8 = 4;

/// A simple query in PostgreSQL's protocol.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

#[tokio::test]
async fn a_commit_whose_answer_is_lost_happens_exactly_once() {
    let Some(server) = PostgresServer::start(&Settings { is_durable: true, ..Settings::default() }) else {
        return;
    };
    let (store, plan) = behind_proxy(&server, Duration::from_secs(30)).await;
    store.migrate(SCHEMA, |_| {}).await.unwrap();
    let mut expected = 0;
    for (fault, attempts_expected) in
        [(PASS, 1), (LOSE_COMMIT, 2), (LOSE_ANSWER, 1), (LOSE_COMMIT, 2), (LOSE_ANSWER, 1)]
    {
        let (attempts, calls) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let (counted, called) = (Arc::clone(&attempts), Arc::clone(&calls));
        plan.store(fault, Ordering::SeqCst);
        let step = expected;
        store
            .write(move |tx| {
                counted.fetch_add(1, Ordering::SeqCst);
                tx.execute(STEP, params![7, step])?;
                tx.execute(SUM, params![7])?;
                let called = Arc::clone(&called);
                tx.after_commit(move || {
                    called.fetch_add(1, Ordering::SeqCst);
                });
                Ok::<_, Error>(())
            })
            .await
            .unwrap();
        expected += 1;
        assert_eq!(plan.load(Ordering::SeqCst), PASS, "the fault has happened");
        assert_eq!(attempts.load(Ordering::SeqCst), attempts_expected, "fault {fault}");
        assert_eq!(calls.load(Ordering::SeqCst), 1, "fault {fault}");
        assert_eq!(steps(&store, 7).await, (expected, expected), "fault {fault}");
    }
}

#[tokio::test]
async fn rows_whose_commit_stays_open_are_not_appended_again() {
    let Some(server) = PostgresServer::start(&Settings { is_durable: true, ..Settings::default() }) else {
        return;
    };
    let (store, plan) = behind_proxy(&server, Duration::from_millis(100)).await;
    store.migrate(ROWS, |_| {}).await.unwrap();
    let rows = store.appender("INSERT INTO rows (row)", 1, 100);
    rows.append_durable(values![1].unwrap()).await.unwrap();
    // The server commits, and nobody can ask it whether it did.
    plan.store(LOSE_ANSWER_AND_STAY_AWAY, Ordering::SeqCst);
    let appended = rows.append_durable(values![2].unwrap()).await;
    assert!(matches!(appended, Err(Error::OutcomeUnknown(_))), "{appended:?}");
    plan.store(PASS, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(1)).await;
    rows.append_durable(values![3].unwrap()).await.unwrap();
    let found = store.read(|tx| tx.query("SELECT row FROM rows ORDER BY row", params![])).await.unwrap();
    let found: Vec<i64> = found.iter().map(|row| row.get(0).unwrap()).collect();
    assert_eq!(found, [1, 2, 3]);
}

/// Nothing keeps a row from being there twice.
const ROWS: &[Migration] =
    &[Migration { name: "20261128000000_rows", sql: "CREATE TABLE rows (row {i64} NOT NULL) {strict}" }];

/// A store of one connection that reaches the server through the proxy, and what that does next.
async fn behind_proxy(server: &PostgresServer, patience: Duration) -> (Store, Arc<AtomicU8>) {
    let plan = Arc::new(AtomicU8::new(PASS));
    let port = proxy(server.port(), Arc::clone(&plan)).await;
    let mut options = Options::new(server.url().replace(&server.port().to_string(), &port.to_string()));
    options.connections = 1;
    options.patience = patience;
    (Store::open(options).await.unwrap(), plan)
}

/// Stands between the store and the server. Returns its port.
async fn proxy(server: u16, plan: Arc<AtomicU8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            if plan.load(Ordering::SeqCst) == AWAY {
                continue;
            }
            let plan = Arc::clone(&plan);
            tokio::spawn(async move {
                let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                pump(client, server, &plan).await;
            });
        }
    });
    port
}

async fn pump(mut client: TcpStream, mut server: TcpStream, plan: &AtomicU8) {
    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
    let mut is_losing_answers = false;
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let Ok(count @ 1..) = read else { return };
                let is_commit = up[..count].windows(COMMIT.len()).any(|bytes| bytes == COMMIT);
                if is_commit {
                    match plan.swap(PASS, Ordering::SeqCst) {
                        LOSE_COMMIT => return,
                        LOSE_ANSWER_AND_STAY_AWAY => {
                            plan.store(AWAY, Ordering::SeqCst);
                            is_losing_answers = true;
                        }
                        LOSE_ANSWER => is_losing_answers = true,
                        _ => {}
                    }
                }
                if server.write_all(&up[..count]).await.is_err() { return }
            }
            read = server.read(&mut down) => {
                let Ok(count @ 1..) = read else { return };
                if is_losing_answers || client.write_all(&down[..count]).await.is_err() { return }
            }
        }
    }
}
