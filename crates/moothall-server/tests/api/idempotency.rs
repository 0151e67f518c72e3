//! Every mutation that an idempotency key guards really keeps the key with its change, and gives its answer again.

use moothall::moothall_store::params;
use moothall::{Access, Operation};
use moothall_testing::databases::{TestDatabase, on_both_engines};
use moothall_testing::{Reply, TestServer};
use serde_json::{Map, Value};

use crate::access;
use crate::cast::{Cast, Column};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_guarded_operation_changes_once_and_answers_twice() {
    on_both_engines(call_all_twice).await;
}

async fn call_all_twice(database: TestDatabase) {
    let server = access::server_on(database).await;
    let guarded: Vec<&Operation> =
        server.hall.registry().operations().iter().filter(|operation| operation.is_guarded).collect();
    assert!(guarded.len() > 20, "{}", guarded.len());
    let mut wrong = Vec::new();
    for (number, operation) in guarded.into_iter().enumerate() {
        if access::ELSEWHERE.iter().any(|(name, _)| *name == operation.name) {
            continue;
        }
        let Call { cast, input, key, first } = match succeed(&server, operation, number).await {
            Ok(call) => call,
            Err(refused) => {
                wrong.push(refused);
                continue;
            }
        };
        let again = cast.call(operation, &input, Some(&key)).await;
        let is_right = match END_THE_CALLER.contains(&operation.name) {
            true => again.status == 401,
            false => (first.status, &first.text) == (again.status, &again.text),
        };
        if !is_right {
            wrong.push(format!("{operation:?}: {} and then {}", first.text, again.text));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    server.stopped().await;
}

/// After these there is nobody left to ask again.
const END_THE_CALLER: [&str; 2] = ["accounts.sign_out", access::ENDS_ALL_TOKENS];

struct Call<'a> {
    cast: Cast<'a>,
    input: Map<String, Value>,
    key: String,
    first: Reply,
}

/// Calls the operation with a key as the first of those who may.
async fn succeed<'a>(
    server: &'a TestServer,
    operation: &Operation,
    number: usize,
) -> Result<Call<'a>, String> {
    let mut refusals = Vec::new();
    // What anybody may call nobody calls, who cannot lose their session by it.
    let callers = match operation.access {
        Access::Public => [Column::Nobody].as_slice(),
        _ => &[Column::Player, Column::Guest, Column::Administrator],
    };
    for column in callers {
        let cast = Cast::new(server, *column).await;
        let input = cast.input(operation).await;
        let key = format!("the-key-of-call-{number}-by-{column:?}");
        let before = keys(server).await;
        let first = cast.call(operation, &input, Some(&key)).await;
        if first.status < 300 {
            // What is done about many keeps one for each of them, too.
            return match keys(server).await > before {
                true => Ok(Call { cast, input, key, first }),
                false => Err(format!("{operation:?} does not store the key with its change")),
            };
        }
        refusals.push(first.text);
    }
    Err(format!("nobody can call {operation:?}: {refusals:?}"))
}

/// How many keys are stored.
async fn keys(server: &TestServer) -> i64 {
    let count = "SELECT count(*) FROM idempotency_keys";
    let read = server.hall.store().read(move |tx| tx.query_one(count, params![])?.get::<i64>(0));
    read.await.unwrap()
}
