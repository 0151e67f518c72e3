//! The store's promises, each kept on both engines.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "for tests: what goes wrong here fails the test"
)]

#[path = "suite/batches.rs"]
mod batches;
#[path = "suite/claims.rs"]
mod claims;
#[path = "suite/locked.rs"]
mod locked;
#[path = "suite/migrations.rs"]
mod migrations;
#[path = "suite/transactions.rs"]
mod transactions;
#[path = "suite/values.rs"]
mod values;

use moothall_store::{Error, Migration, Store, params};
use moothall_testing::databases::TestDatabase;

const SCHEMA: &[Migration] = &[Migration {
    name: "20261123000000_suite",
    sql: "CREATE TABLE accounts (
              name {text} NOT NULL CONSTRAINT accounts_name_key PRIMARY KEY,
              balance {i64} NOT NULL,
              CONSTRAINT accounts_balance_positive CHECK (balance >= 0)
          ) {strict};
          CREATE TABLE notes (
              id {i64} PRIMARY KEY,
              account {text} NOT NULL,
              text {text},
              CONSTRAINT notes_account FOREIGN KEY (account) REFERENCES accounts (name)
          ) {strict};
          CREATE UNIQUE INDEX notes_once ON notes (account, text);",
}];

const OPEN_ACCOUNT: &str = "INSERT INTO accounts (name, balance) VALUES ($1, $2)";
const PAY: &str = "UPDATE accounts SET balance = balance + $2 WHERE name = $1";
const BALANCE: &str = "SELECT balance FROM accounts WHERE name = $1";
const NAMES: &str = "SELECT name FROM accounts ORDER BY name";

async fn migrated(database: &TestDatabase) -> Store {
    let store = database.open().await;
    store.migrate(SCHEMA, |_| {}).await.unwrap();
    store
}

async fn open_account(store: &Store, name: &str, balance: i64) -> Result<(), Error> {
    let name = name.to_owned();
    store.write(move |tx| tx.execute(OPEN_ACCOUNT, params![name, balance]).map(drop)).await
}

async fn balance(store: &Store, name: &str) -> i64 {
    let name = name.to_owned();
    store.read(move |tx| tx.query_one(BALANCE, params![name])?.get(0)).await.unwrap()
}

async fn names(store: &Store) -> Vec<String> {
    store
        .read(|tx| {
            tx.query(NAMES, params![])?.iter().map(|row| row.get(0)).collect::<Result<Vec<String>, Error>>()
        })
        .await
        .unwrap()
}
