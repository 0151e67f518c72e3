//! Migrations: once, in order, never edited, one process at a time.

use std::sync::Mutex;

use moothall_store::{Error, Migration, MigrationState, params};
use moothall_testing::databases::{TestDatabase, on_both_engines};

const FIRST: Migration =
    Migration { name: "20260101000000_first", sql: "CREATE TABLE a (\n  x {i64} NOT NULL\n) {strict}" };
const SECOND: Migration = Migration {
    name: "20260102000000_second",
    sql: "CREATE TABLE b (y {i64}) {strict}; INSERT INTO b VALUES (1), (2)",
};

#[tokio::test]
async fn migrations_run_once_in_order_and_say_how_far_they_are() {
    on_both_engines(|database| async move {
        let store = database.open().await;
        let states = async || {
            let status = store.migration_status(&[FIRST, SECOND]).await.unwrap();
            status.into_iter().map(|one| one.state).collect::<Vec<_>>()
        };
        assert_eq!(states().await, [MigrationState::Pending; 2]);
        store.migrate(&[FIRST], |_| {}).await.unwrap();
        assert!(matches!(states().await[..], [MigrationState::Applied(_), MigrationState::Pending]));
        let heard = Mutex::new(Vec::new());
        let listen = |news: &moothall_store::MigrationProgress| {
            heard.lock().unwrap().push((news.name, news.number, news.of, news.is_done));
        };
        store.migrate(&[FIRST, SECOND], listen).await.unwrap();
        store.migrate(&[FIRST, SECOND], listen).await.unwrap();
        assert_eq!(*heard.lock().unwrap(), [(SECOND.name, 1, 1, false), (SECOND.name, 1, 1, true)]);
        let applied = states().await;
        let [MigrationState::Applied(_), MigrationState::Applied(at)] = applied[..] else {
            panic!("{applied:?}")
        };
        assert!(at.as_seconds() > 1_700_000_000, "{at}");
        assert_eq!(store.read(|tx| tx.query("SELECT y FROM b", params![])).await.unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn an_edited_a_missing_and_a_misnamed_migration_are_refused_by_name() {
    on_both_engines(|database| async move {
        let store = database.open().await;
        store.migrate(&[FIRST, SECOND], |_| {}).await.unwrap();
        let edited = Migration { sql: "CREATE TABLE a (x {i64}) {strict}", ..FIRST };
        let error = store.migrate(&[edited, SECOND], |_| {}).await.unwrap_err().to_string();
        assert!(error.contains(FIRST.name) && error.contains("edited"), "{error}");
        let error = store.migrate(&[FIRST], |_| {}).await.unwrap_err().to_string();
        assert!(error.contains(SECOND.name) && error.contains("newer version"), "{error}");
        let status = store.migration_status(&[edited]).await.unwrap();
        assert_eq!(
            status.iter().map(|one| one.state).collect::<Vec<_>>(),
            [MigrationState::Edited, MigrationState::Unknown]
        );
        let misnamed = Migration { name: "2026; DROP", sql: "" };
        assert!(matches!(store.migrate(&[misnamed], |_| {}).await, Err(Error::Migration(_))));
        assert!(matches!(store.migrate(&[SECOND, FIRST], |_| {}).await, Err(Error::Migration(_))));
        let other_line_ends =
            Migration { sql: "CREATE TABLE a (\r\n  x {i64} NOT NULL\r\n) {strict}", ..FIRST };
        store.migrate(&[other_line_ends, SECOND], |_| {}).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_behind() {
    const BROKEN: Migration = Migration {
        name: "20260103000000_broken",
        sql: "CREATE TABLE c (z {i64}) {strict}; INSERT INTO nowhere VALUES (1)",
    };
    on_both_engines(|database| async move {
        let store = database.open().await;
        let error = store.migrate(&[FIRST, BROKEN], |_| {}).await.unwrap_err().to_string();
        assert!(error.contains(BROKEN.name) && error.contains("nowhere"), "{error}");
        let missing = store.read(|tx| tx.query("SELECT z FROM c", params![])).await;
        assert!(missing.is_err());
        let mended = Migration { sql: "CREATE TABLE c (z {i64}) {strict}", ..BROKEN };
        store.migrate(&[FIRST, mended], |_| {}).await.unwrap();
    })
    .await;
}

/// SQLite answers some of those that switch a new file to its write-ahead log "busy" at once, whatever their patience.
#[tokio::test]
async fn a_new_database_may_be_opened_by_many_at_once() {
    for _ in 0..20 {
        let database = TestDatabase::sqlite();
        let open = || tokio::spawn(moothall_store::Store::open(database.options()));
        for opened in std::array::from_fn::<_, 8, _>(|_| open()) {
            opened.await.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn several_processes_migrating_at_once_apply_each_migration_once() {
    on_both_engines(|database| async move {
        let mut runs = Vec::new();
        for _ in 0..4 {
            let options = database.options();
            runs.push(tokio::spawn(async move {
                let store = moothall_store::Store::open(options).await?;
                store.migrate(&[FIRST, SECOND], |_| {}).await
            }));
        }
        for run in runs {
            run.await.unwrap().unwrap();
        }
        let store = database.open().await;
        assert_eq!(store.read(|tx| tx.query("SELECT y FROM b", params![])).await.unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_migration_may_rebuild_a_table_others_refer_to_but_not_break_the_references() {
    const TABLES: Migration = Migration {
        name: "20260101000000_tables",
        sql: "CREATE TABLE parents (id {i64} PRIMARY KEY) {strict}; \
              CREATE TABLE children (parent {i64} REFERENCES parents (id)) {strict}; \
              INSERT INTO parents VALUES (1); INSERT INTO children VALUES (1)",
    };
    const BREAK: Migration = Migration { name: "20260102000000_break", sql: "DELETE FROM parents" };
    on_both_engines(|database| async move {
        let store = database.open().await;
        let error = store.migrate(&[TABLES, BREAK], |_| {}).await.unwrap_err().to_string();
        assert!(error.contains(BREAK.name) && error.contains("children"), "{error}");
        assert_eq!(store.read(|tx| tx.query("SELECT id FROM parents", params![])).await.unwrap().len(), 1);
    })
    .await;
}
