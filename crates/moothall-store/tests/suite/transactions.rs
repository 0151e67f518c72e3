//! Transactions: all or nothing, alone in a batch, in order after the commit.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use moothall_store::{ConstraintKind, Engine, Error, OnConstraint, params};
use moothall_testing::databases::on_both_engines;

use crate::{BALANCE, NAMES, OPEN_ACCOUNT, PAY, balance, migrated, names, open_account};

#[tokio::test]
async fn what_is_written_can_be_read_also_after_opening_again() {
    on_both_engines(|database| async move {
        let store = migrated(&database).await;
        open_account(&store, "ana", 7).await.unwrap();
        assert_eq!(balance(&store, "ana").await, 7);
        store.close().await;
        assert_eq!(balance(&database.open().await, "ana").await, 7);
    })
    .await;
}

#[tokio::test]
async fn an_error_of_the_closure_rolls_back_all_it_did() {
    on_both_engines(|database| async move {
        let store = migrated(&database).await;
        let refused = store
            .write(|tx| {
                tx.execute(OPEN_ACCOUNT, params!["ana", 1])?;
                tx.query_one(BALANCE, params!["nobody"])?;
                Ok::<_, Error>(())
            })
            .await;
        assert!(matches!(refused, Err(Error::NoRow)), "{refused:?}");
        assert_eq!(names(&store).await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn a_failure_or_a_panic_in_a_batch_touches_nobody_else() {
    on_both_engines(|database| async move {
        let store = migrated(&database).await;
        let mut writes = Vec::new();
        for number in 0..60 {
            let store = store.clone();
            writes.push(tokio::spawn(async move {
                store
                    .write(move |tx| {
                        tx.execute(OPEN_ACCOUNT, params![format!("user {number:02}"), 1])?;
                        match number % 3 {
                            0 => Ok(()),
                            1 => Err(Error::NoRow),
                            _ => panic!("number {number}"),
                        }
                    })
                    .await
            }));
        }
        for (number, write) in writes.into_iter().enumerate() {
            match (number % 3, write.await.unwrap()) {
                (0, Ok(())) | (1, Err(Error::NoRow)) => {}
                (2, Err(Error::Panicked(text))) => assert_eq!(*text, *format!("number {number}")),
                (_, other) => panic!("write {number}: {other:?}"),
            }
        }
        let expected: Vec<String> = (0..60).step_by(3).map(|number| format!("user {number:02}")).collect();
        assert_eq!(names(&store).await, expected);
    })
    .await;
}

#[tokio::test]
async fn whoever_came_with_a_failure_is_run_again_as_if_it_had_not_been_there() {
    on_both_engines(|database| async move {
        let store = migrated(&database).await;
        for round in 0..200 {
            let bad = store.write(move |tx| {
                tx.execute(OPEN_ACCOUNT, params!["bad", 1])?;
                Err::<(), _>(Error::NoRow)
            });
            let idle = store.write(|tx| tx.query_one(BALANCE, params!["nobody"]).map(drop));
            let name = format!("user {round:03}");
            let good = store.write(move |tx| tx.execute(OPEN_ACCOUNT, params![name, 1]));
            // One of Ana's accounts is refused because of the other, which is in the same batch where there are batches.
            let ana = || store.write(|tx| tx.execute(OPEN_ACCOUNT, params!["ana", 1]));
            let (good, bad, idle, first, second) = tokio::join!(good, bad, idle, ana(), ana());
            assert_eq!((good.unwrap(), first.is_ok() || second.is_ok()), (1, round == 0));
            assert!(first.is_err() || second.is_err());
            assert!(matches!((bad, idle), (Err(Error::NoRow), Err(Error::NoRow))));
        }
        let expected = (0..200).map(|round| format!("user {round:03}"));
        assert_eq!(names(&store).await, ["ana".to_owned()].into_iter().chain(expected).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn after_a_failed_statement_nothing_goes_on_and_nothing_is_committed() {
    on_both_engines(|database| async move {
        let store = migrated(&database).await;
        open_account(&store, "ana", 1).await.unwrap();
        let swallowed = store
            .write(|tx| {
                tx.execute(OPEN_ACCOUNT, params!["ben", 1])?;
                let _ = tx.execute(OPEN_ACCOUNT, params!["ana", 1]);
                let next = tx.execute(OPEN_ACCOUNT, params!["cleo", 1]);
                assert!(matches!(next, Err(Error::Spoiled)), "{next:?}");
                Ok::<_, Error>(())
            })
            .await;
        assert_eq!(swallowed.unwrap_err().constraint(), Some("accounts_name_key"));
        assert_eq!(names(&store).await, ["ana"]);
    })
    .await;
}

#[tokio::test]
async fn broken_constraints_have_the_same_names_on_both_engines() {
    const NOTE: &str = "INSERT INTO notes (id, account, text) VALUES ($1, $2, $3)";
    on_both_engines(|database| async move {
        let store = migrated(&database).await;
        open_account(&store, "ana", 1).await.unwrap();
        let note = async |id: i64, account: &'static str, text: &'static str| {
            store.write(move |tx| tx.execute(NOTE, params![id, account, text])).await
        };
        note(1, "ana", "hello").await.unwrap();
        let kind_of = |error: Error| match error {
            Error::Constraint { kind, name } => (kind, name),
            other => panic!("{other}"),
        };
        let named = |kind, name: &str| (kind, Some(name.to_owned()));
        assert_eq!(
            kind_of(open_account(&store, "ana", 1).await.unwrap_err()),
            named(ConstraintKind::Unique, "accounts_name_key")
        );
        assert_eq!(
            kind_of(open_account(&store, "ben", -1).await.unwrap_err()),
            named(ConstraintKind::Check, "accounts_balance_positive")
        );
        assert_eq!(
            kind_of(note(2, "ana", "hello").await.unwrap_err()),
            named(ConstraintKind::Unique, "notes_once")
        );
        assert_eq!(
            kind_of(note(1, "ana", "other").await.unwrap_err()),
            named(ConstraintKind::Unique, "notes_pkey")
        );
        assert_eq!(
            kind_of(note(2, "ben", "hello").await.unwrap_err()),
            named(ConstraintKind::ForeignKey, "notes_account")
        );
        let empty = store.write(|tx| tx.execute(OPEN_ACCOUNT, params![None::<String>, 1])).await;
        assert_eq!(kind_of(empty.unwrap_err()), (ConstraintKind::NotNull, None));
    })
    .await;
}

#[tokio::test]
async fn a_named_constraint_becomes_the_callers_own_error() {
    #[derive(Debug)]
    enum Refusal {
        NameTaken,
        Other(Error),
    }
    impl From<Error> for Refusal {
        fn from(error: Error) -> Self {
            Self::Other(error)
        }
    }
    on_both_engines(|database| async move {
        let store = migrated(&database).await;
        let open = async |balance: i64| {
            store
                .write(move |tx| {
                    tx.execute(OPEN_ACCOUNT, params!["ana", balance])
                        .on_constraint("accounts_name_key", Refusal::NameTaken)
                })
                .await
        };
        open(1).await.unwrap();
        assert!(matches!(open(1).await, Err(Refusal::NameTaken)));
        assert!(matches!(open(-1).await, Err(Refusal::Other(Error::Constraint { .. }))));
    })
    .await;
}

#[tokio::test]
async fn concurrent_writes_lose_no_update_and_their_calls_run_in_commit_order() {
    on_both_engines(|database| async move {
        let store = migrated(&database).await;
        open_account(&store, "ana", 0).await.unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut writes = Vec::new();
        for _ in 0..100 {
            let (store, seen) = (store.clone(), Arc::clone(&seen));
            writes.push(tokio::spawn(async move {
                store
                    .write(move |tx| {
                        // Reads first and then writes what it read plus one: wrong unless transactions are serial.
                        let before: i64 = tx.query_one(BALANCE, params!["ana"])?.get(0)?;
                        tx.execute(
                            "UPDATE accounts SET balance = $1 WHERE name = 'ana'",
                            params![before + 1],
                        )?;
                        let seen = Arc::clone(&seen);
                        tx.after_commit(move || seen.lock().unwrap().push(before + 1));
                        Ok::<_, Error>(before + 1)
                    })
                    .await
            }));
        }
        for write in writes {
            let mine = write.await.unwrap().unwrap();
            assert!(seen.lock().unwrap().contains(&mine), "a writer has its answer before its call has run");
        }
        assert_eq!(balance(&store, "ana").await, 100);
        assert_eq!(*seen.lock().unwrap(), (1..=100).collect::<Vec<i64>>());
    })
    .await;
}

#[tokio::test]
async fn writes_that_would_only_be_wrong_together_are_serialized() {
    on_both_engines(|database| async move {
        // Each moves its account to zero only if the sum stays above zero: on snapshots alone both would.
        for round in 0..20 {
            let store = if round == 0 { migrated(&database).await } else { database.open().await };
            let pair = [format!("a{round}"), format!("b{round}")];
            for name in &pair {
                open_account(&store, name, 1).await.unwrap();
            }
            let empty = |mine: String, other: String| {
                let store = store.clone();
                tokio::spawn(async move {
                    store
                        .write(move |tx| {
                            let other: i64 = tx.query_one(BALANCE, params![other])?.get(0)?;
                            if other == 0 {
                                return Err(Error::NoRow);
                            }
                            tx.execute("UPDATE accounts SET balance = 0 WHERE name = $1", params![mine])
                                .map(drop)
                        })
                        .await
                })
            };
            let [a, b] = pair.clone();
            let (first, second) = (empty(a.clone(), b.clone()), empty(b, a));
            let succeeded = [first.await.unwrap().is_ok(), second.await.unwrap().is_ok()];
            assert_eq!(succeeded.iter().filter(|ok| **ok).count(), 1, "round {round}: {succeeded:?}");
            store.close().await;
        }
    })
    .await;
}

#[tokio::test]
async fn calls_of_a_transaction_that_rolls_back_never_run_and_a_panicking_call_stops_nobody() {
    on_both_engines(|database| async move {
        let store = migrated(&database).await;
        let calls = Arc::new(AtomicU32::new(0));
        for outcome in [Err(Error::NoRow), Ok(())] {
            let (calls, wanted) = (Arc::clone(&calls), outcome.clone());
            let result = store
                .write(move |tx| {
                    tx.execute(OPEN_ACCOUNT, params!["ana", 1])?;
                    let calls = Arc::clone(&calls);
                    tx.after_commit(|| panic!("a broken listener"));
                    tx.after_commit(move || {
                        calls.fetch_add(1, Ordering::SeqCst);
                    });
                    outcome.clone()
                })
                .await;
            assert_eq!(result.is_ok(), wanted.is_ok());
        }
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        open_account(&store, "ben", 1).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_read_sees_one_snapshot_and_cannot_write() {
    on_both_engines(|database| async move {
        let store = migrated(&database).await;
        open_account(&store, "ana", 1).await.unwrap();
        let (started, wait_for_start) = mpsc::sync_channel(1);
        let (go_on, wait_for_write) = mpsc::sync_channel(1);
        let wait_for_write = Mutex::new(wait_for_write);
        let reader = store.clone();
        let read = tokio::spawn(async move {
            reader
                .read(move |tx| {
                    let before = tx.query(NAMES, params![])?.len();
                    started.send(()).unwrap();
                    wait_for_write.lock().unwrap().recv_timeout(Duration::from_secs(10)).unwrap();
                    Ok::<_, Error>((before, tx.query(NAMES, params![])?.len()))
                })
                .await
        });
        tokio::task::spawn_blocking(move || wait_for_start.recv_timeout(Duration::from_secs(10)).unwrap())
            .await
            .unwrap();
        open_account(&store, "ben", 1).await.unwrap();
        go_on.send(()).unwrap();
        assert_eq!(read.await.unwrap().unwrap(), (1, 1));
        let refused = store.read(|tx| tx.execute(PAY, params!["ana", 1])).await;
        assert!(matches!(refused, Err(Error::Statement(_))), "{refused:?}");
        assert_eq!(balance(&store, "ana").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_cut_and_the_rest_of_the_batch_stands() {
    const ENDLESS: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
                           INSERT INTO accounts (name, balance) SELECT 'never', max(i) FROM n";
    on_both_engines(|database| async move {
        drop(migrated(&database).await);
        let mut options = database.options();
        options.statement_timeout = Duration::from_millis(300);
        let store = moothall_store::Store::open(options).await.unwrap();
        let endless = store.clone();
        let mut writes = vec![tokio::spawn(async move { open_account(&endless, "before", 1).await })];
        let endless = store.clone();
        let cut = tokio::spawn(async move { endless.write(|tx| tx.execute(ENDLESS, params![])).await });
        for number in 0..10 {
            let store = store.clone();
            writes.push(tokio::spawn(async move { open_account(&store, &format!("n{number}"), 1).await }));
        }
        assert!(matches!(cut.await.unwrap(), Err(Error::Timeout)));
        for write in writes {
            write.await.unwrap().unwrap();
        }
        assert_eq!(names(&store).await.len(), 11);
    })
    .await;
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_what_is_in_it_is_done_before_closing() {
    on_both_engines(|database| async move {
        drop(migrated(&database).await);
        let mut options = database.options();
        assert_eq!(options.queue, moothall_protocol::limits::STORE_WAITING_MAX, "unless told otherwise");
        options.queue = 8;
        options.connections = 1;
        let store = moothall_store::Store::open(options).await.unwrap();
        let (go_on, wait) = mpsc::sync_channel::<()>(1);
        let (started, wait_for_start) = mpsc::sync_channel(1);
        let wait = Mutex::new(wait);
        let blocker = store.clone();
        let blocked = tokio::spawn(async move {
            blocker
                .write(move |tx| {
                    tx.execute(OPEN_ACCOUNT, params!["first", 1])?;
                    let _ = started.send(());
                    let _ = wait.lock().unwrap().recv_timeout(Duration::from_secs(10));
                    Ok::<_, Error>(())
                })
                .await
        });
        tokio::task::spawn_blocking(move || wait_for_start.recv_timeout(Duration::from_secs(10)).unwrap())
            .await
            .unwrap();
        let mut writes = Vec::new();
        for number in 0..20 {
            let store = store.clone();
            writes.push(tokio::spawn(async move { open_account(&store, &format!("n{number:02}"), 1).await }));
        }
        // Current-thread runtime: after one yield each, all twenty have been queued or refused.
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        let closing = tokio::spawn({
            let store = store.clone();
            async move { store.close().await }
        });
        tokio::task::yield_now().await;
        go_on.send(()).unwrap();
        blocked.await.unwrap().unwrap();
        let mut refused = 0;
        for write in writes {
            match write.await.unwrap() {
                Ok(()) => {}
                Err(Error::Busy(_)) => refused += 1,
                Err(other) => panic!("{other}"),
            }
        }
        closing.await.unwrap();
        assert_eq!(refused, 12, "eight may wait");
        assert!(open_account(&store, "late", 1).await.unwrap_err().is_unavailable());
        assert_eq!(names(&database.open().await).await.len(), 9);
    })
    .await;
}

#[tokio::test]
async fn who_closes_a_store_may_give_up_on_a_closure_that_hangs() {
    on_both_engines(|database| async move {
        let store = migrated(&database).await;
        open_account(&store, "acknowledged", 1).await.unwrap();
        let (go_on, wait) = mpsc::sync_channel::<()>(1);
        let (started, wait_for_start) = mpsc::sync_channel(1);
        let wait = Mutex::new(wait);
        let hanging = tokio::spawn({
            let store = store.clone();
            async move {
                store
                    .write(move |tx| {
                        let _ = started.send(());
                        let _ = wait.lock().unwrap().recv_timeout(Duration::from_secs(30));
                        tx.execute(OPEN_ACCOUNT, params!["late", 1])
                    })
                    .await
            }
        });
        tokio::task::spawn_blocking(move || wait_for_start.recv_timeout(Duration::from_secs(10)).unwrap())
            .await
            .unwrap();
        let begun = std::time::Instant::now();
        for _ in 0..2 {
            let closed = tokio::time::timeout(Duration::from_millis(200), store.close()).await;
            assert!(closed.is_err(), "nobody is told that it is closed while it is not");
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "whoever gives up goes on at once");
        assert!(open_account(&store, "new", 1).await.unwrap_err().is_unavailable());
        go_on.send(()).unwrap();
        hanging.await.unwrap().unwrap();
        tokio::time::timeout(Duration::from_secs(10), store.close()).await.unwrap();
        assert_eq!(names(&database.open().await).await, ["acknowledged", "late"]);
    })
    .await;
}

#[tokio::test]
async fn an_address_that_makes_no_sense_is_refused_in_clear_words() {
    for (url, word) in [
        ("mysql://x", "sqlite:"),
        ("sqlite:", "needs a file"),
        ("sqlite::memory:", "memory"),
        ("sqlite:file:x?mode=memory", "no URI"),
        ("sqlite:/nowhere/at/all/x.db", "/nowhere/at/all/x.db"),
        ("postgres://u:secret@127.0.0.1:1/x?sslmode=maybe", "sslmode"),
        ("postgres://u:secret@127.0.0.1:one/x", "not understood"),
        ("postgres://u:secret@127.0.0.1:1/x", "refused"),
    ] {
        let error =
            moothall_store::Store::open(moothall_store::Options::new(url)).await.err().unwrap().to_string();
        assert!(error.contains(word) && !error.contains("secret"), "{url}: {error}");
    }
    assert_ne!(Engine::Sqlite, Engine::Postgres);
}

#[tokio::test]
async fn a_closure_cannot_end_the_transaction_it_shares_with_others() {
    on_both_engines(|database| async move {
        let store = migrated(&database).await;
        for control in ["COMMIT", " rollback", "END;", "SAVEPOINT mine"] {
            let refused = store
                .write(move |tx| {
                    tx.execute(OPEN_ACCOUNT, params!["ana", 1])?;
                    tx.execute(control, params![]).map(drop)
                })
                .await;
            assert!(matches!(refused, Err(Error::Statement(_))), "{control}: {refused:?}");
        }
        assert_eq!(names(&store).await, [""; 0]);
    })
    .await;
}
