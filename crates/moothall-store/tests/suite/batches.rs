//! Batches: writes that share a commit come to what they would come to one by one, whatever becomes of the others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, mpsc};

use futures_util::future::join_all;
use moothall_store::{Error, Store, Tx, params};
use moothall_testing::databases::TestDatabase;
use proptest::prelude::*;

use crate::{BALANCE, OPEN_ACCOUNT, PAY, migrated};

const ALL: &str = "SELECT name, balance FROM accounts ORDER BY name";
const NEW_TABLE: &str = "CREATE TABLE extra (id INTEGER)";
const TABLES: &str = "SELECT name FROM sqlite_schema WHERE name = 'extra'";

/// One thing that a write does.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Refused if the account is there already.
    Open(u8),
    /// Refused if the account is not there, or would be in debt.
    Pay(u8, i64),
    MakeTable,
    Fail,
    Panic,
}

/// How a write ended.
#[derive(Clone, Debug, PartialEq)]
enum End {
    Done,
    Refused,
    Panicked,
}

/// The tables, as they should be.
#[derive(Clone, Debug, Default, PartialEq)]
struct Expected {
    accounts: BTreeMap<String, i64>,
    has_table: bool,
}

impl Expected {
    fn apply(&mut self, write: &[Step]) -> End {
        let before = self.clone();
        let end =
            write.iter().map(|step| self.take(*step)).find(|end| *end != End::Done).unwrap_or(End::Done);
        if end != End::Done {
            *self = before;
        }
        end
    }

    fn take(&mut self, step: Step) -> End {
        let is_right = match step {
            Step::Open(name) => self.accounts.insert(name.to_string(), 10).is_none(),
            Step::Pay(name, amount) => self.accounts.get_mut(&name.to_string()).is_some_and(|balance| {
                *balance += amount;
                *balance >= 0
            }),
            Step::MakeTable => !std::mem::replace(&mut self.has_table, true),
            Step::Fail => false,
            Step::Panic => return End::Panicked,
        };
        if is_right { End::Done } else { End::Refused }
    }
}

fn take(tx: &mut Tx<'_>, step: Step) -> Result<(), Error> {
    match step {
        Step::Open(name) => tx.execute(OPEN_ACCOUNT, params![name.to_string(), 10]).map(drop),
        Step::Pay(name, amount) => {
            tx.query_one(BALANCE, params![name.to_string()])?;
            tx.execute(PAY, params![name.to_string(), amount]).map(drop)
        }
        Step::MakeTable => tx.execute(NEW_TABLE, params![]).map(drop),
        Step::Fail => Err(Error::NoRow),
        Step::Panic => panic!("as it was told"),
    }
}

/// The numbers of the writes that were told to be committed, in the order in which they were.
type Told = Arc<Mutex<Vec<usize>>>;

async fn run(store: &Store, number: usize, write: Vec<Step>, told: Told) -> End {
    let outcome = store
        .write(move |tx| {
            let told = Arc::clone(&told);
            tx.after_commit(move || told.lock().unwrap().push(number));
            write.iter().try_for_each(|step| take(tx, *step))
        })
        .await;
    match outcome {
        Ok(()) => End::Done,
        Err(Error::Panicked(_)) => End::Panicked,
        Err(_) => End::Refused,
    }
}

/// Holds the writer until the other end is let go of, so that all who come meanwhile come in one batch.
async fn hold(store: &Store, until: mpsc::Receiver<()>) {
    let until = Mutex::new(until);
    let wait = move |_: &mut Tx<'_>| Ok::<_, Error>(until.lock().unwrap().recv().is_err());
    assert!(store.write(wait).await.unwrap());
}

async fn tables(store: &Store) -> Expected {
    let read = |tx: &mut Tx<'_>| {
        let rows = tx.query(ALL, params![])?;
        let accounts = rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect::<Result<_, Error>>()?;
        Ok::<_, Error>(Expected { accounts, has_table: tx.query_opt(TABLES, params![])?.is_some() })
    };
    store.read(read).await.unwrap()
}

async fn a_batch_comes_to_what_its_writes_come_to(batches: Vec<Vec<Vec<Step>>>) {
    let database = TestDatabase::sqlite();
    let store = migrated(&database).await;
    let mut expected = Expected::default();
    for writes in batches {
        let (held, until) = mpsc::sync_channel(1);
        let told = Told::default();
        let all =
            writes.iter().enumerate().map(|(n, write)| run(&store, n, write.clone(), Arc::clone(&told)));
        let free = async move { drop(held) };
        let ((), ends, ()) = tokio::join!(hold(&store, until), join_all(all), free);
        let wanted: Vec<End> = writes.iter().map(|write| expected.apply(write)).collect();
        assert_eq!(ends, wanted);
        let done = (0..ends.len()).filter(|n| ends[*n] == End::Done);
        assert_eq!(*told.lock().unwrap(), done.collect::<Vec<_>>());
        assert_eq!(tables(&store).await, expected);
    }
    store.close().await;
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..6_u8).prop_map(Step::Open),
        8 => (0..6_u8, -8..8_i64).prop_map(|(name, amount)| Step::Pay(name, amount)),
        1 => Just(Step::MakeTable),
        1 => Just(Step::Fail),
        1 => Just(Step::Panic),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn writes_that_share_a_commit_come_to_what_they_come_to_one_by_one(
        batches in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(step(), 0..4), 1..12),
            1..5,
        )
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(a_batch_comes_to_what_its_writes_come_to(batches));
    }
}

#[tokio::test]
async fn a_table_made_by_a_write_that_fails_is_not_there_and_none_is_lost_with_it() {
    let (make, fail) = (vec![Step::Open(1)], vec![Step::MakeTable, Step::Fail]);
    a_batch_comes_to_what_its_writes_come_to(vec![vec![make, fail.clone(), vec![Step::Open(2)]], vec![fail]])
        .await;
}

#[tokio::test]
async fn after_a_panic_a_write_is_not_run_again() {
    let database = TestDatabase::sqlite();
    let store = migrated(&database).await;
    let (held, until) = mpsc::sync_channel(1);
    let runs = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&runs);
    let good = store.write(|tx| tx.execute(OPEN_ACCOUNT, params!["ana", 1]));
    let bad = store.write(move |tx| {
        *counted.lock().unwrap() += 1;
        tx.execute(OPEN_ACCOUNT, params!["ben", 1])?;
        panic!("half done");
        #[expect(unreachable_code, reason = "says what the closure would answer")]
        Ok::<(), Error>(())
    });
    let free = async move { drop(held) };
    let ((), good, bad, ()) = tokio::join!(hold(&store, until), good, bad, free);
    assert!(good.is_ok() && matches!(bad, Err(Error::Panicked(_))));
    assert_eq!(*runs.lock().unwrap(), 1);
    assert_eq!(tables(&store).await.accounts.into_keys().collect::<Vec<_>>(), ["ana"]);
}
