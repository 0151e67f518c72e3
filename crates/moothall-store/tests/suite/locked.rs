//! An SQLite file that another process keeps locked.

use std::time::{Duration, Instant};

use moothall_store::{Error, Store};
use moothall_testing::databases::TestDatabase;

use crate::{migrated, names, open_account};

const PATIENCE: Duration = Duration::from_millis(600);

/// A database with a store of little patience, and a connection of somebody else.
async fn shared() -> (TestDatabase, Store, rusqlite::Connection) {
    let database = TestDatabase::sqlite();
    migrated(&database).await.close().await;
    let mut options = database.options();
    options.patience = PATIENCE;
    let store = Store::open(options).await.unwrap();
    let file = database.url().strip_prefix("sqlite:").unwrap();
    let other = rusqlite::Connection::open(file).unwrap();
    (database, store, other)
}

#[tokio::test]
async fn every_write_that_waits_hears_of_it_within_its_own_patience() {
    let (_database, store, other) = shared().await;
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let start = Instant::now();
    let writes: Vec<_> = (0..30)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { open_account(&store, &format!("n{number:02}"), 1).await })
        })
        .collect();
    assert!(store.ping().await.is_err(), "a database nobody can write to is not ready");
    for write in writes {
        let refused = write.await.unwrap().unwrap_err();
        assert!(matches!(refused, Error::Busy(_)), "{refused}");
    }
    assert!(start.elapsed() < PATIENCE * 3, "{:?}", start.elapsed());
    other.execute_batch("ROLLBACK").unwrap();
    store.ping().await.unwrap();
    open_account(&store, "ana", 1).await.unwrap();
    assert_eq!(names(&store).await, ["ana"]);
}

#[tokio::test]
async fn a_lock_that_is_let_go_in_time_is_waited_for() {
    let (_database, store, other) = shared().await;
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let freed = tokio::task::spawn_blocking(move || {
        std::thread::sleep(PATIENCE / 3);
        other.execute_batch("ROLLBACK").unwrap();
    });
    open_account(&store, "ana", 1).await.unwrap();
    freed.await.unwrap();
}
