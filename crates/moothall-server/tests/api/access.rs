//! The access table: every operation, called by everybody, compared with what it declares and with what was reviewed.
//!
//! `access.txt` says in each cell what came of the call: `yes`, `sign in` (401), `no` (403), `hidden` (404: absent, or not
//! yours to know), or the code of another refusal. `MOOTHALL_TEST_WRITE_ACCESS=1` writes it anew; its diff is what to review.

use std::collections::BTreeSet;

use moothall::{Access, Operation, Permission, accounts};
use moothall_testing::databases::TestDatabase;
use moothall_testing::{Reply, TestServer};

use crate::cast::{Cast, Column};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/access.txt");

/// Operations that succeed for nobody here, and where they do.
pub const ELSEWHERE: [(&str, &str); 7] = [
    ("accounts.claim_administrator", "there is an administrator already: see serve.rs"),
    ("communication.answer_request", "needs a first message that waits: see the tests of communication"),
    (
        "relationships.find_by_email",
        "needs somebody who lets others find them: see the tests of relationships",
    ),
    ("connections.update_presence", "is about the caller's socket: see the tests of the doors"),
    ("presence.watch", "is about the caller's socket"),
    ("presence.unwatch", "is about the caller's socket"),
    ("lobbies.watch", "is about the caller's socket"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_may_call_what_the_table_says() {
    let server = server().await;
    let mut readers = casts(&server).await;
    let mut table = String::from("# See access.rs.\n");
    table.push_str(&row("operation", "declared", &Column::ALL.map(Column::name)));
    let mut wrong = Vec::new();
    for operation in server.hall.registry().operations() {
        let mut cells = Vec::new();
        for column in Column::ALL {
            cells.push(call(&server, operation, column, &readers).await);
        }
        if ENDS_ALL_TOKENS == operation.name {
            readers = casts(&server).await;
        }
        wrong.extend(disagreements(operation, &cells));
        table.push_str(&row(operation.name, &declared(operation.access), &cells));
    }
    assert!(wrong.is_empty(), "the declaration and the answers differ:\n{}\n{table}", wrong.join("\n"));
    if std::env::var_os("MOOTHALL_TEST_WRITE_ACCESS").is_some() {
        std::fs::write(FILE, &table).unwrap();
    }
    let reviewed = std::fs::read_to_string(FILE).unwrap_or_default();
    assert!(reviewed == table, "tests/api/access.txt differs from what the server does:\n{table}");
    server.stopped().await;
}

/// A share of the table on the other engine: each operation is called by the first who may, and by one of all in turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgresql_the_answers_are_those_of_the_table() {
    let Some(database) = TestDatabase::postgres().await else { return };
    let server = server_on(database).await;
    let mut readers = casts(&server).await;
    let reviewed = std::fs::read_to_string(FILE).unwrap();
    let mut wrong = Vec::new();
    for (number, operation) in server.hall.registry().operations().iter().enumerate() {
        let expected = reviewed_cells(&reviewed, operation);
        let first = expected.iter().position(|cell| cell == "yes");
        for index in BTreeSet::from_iter(first.into_iter().chain([number % Column::ALL.len()])) {
            let column = Column::ALL[index];
            let cell = call(&server, operation, column, &readers).await;
            if cell != expected[index] {
                wrong.push(format!("{} by {column:?}: {cell}, not {}", operation.name, expected[index]));
            }
        }
        if ENDS_ALL_TOKENS == operation.name {
            readers = casts(&server).await;
        }
    }
    assert!(wrong.is_empty(), "PostgreSQL differs from tests/api/access.txt:\n{}", wrong.join("\n"));
    server.stopped().await;
}

/// What came of a call by one of the columns.
async fn call(server: &TestServer, operation: &Operation, column: Column, readers: &[Cast<'_>]) -> String {
    // Reading changes nothing, so one cast is enough for all of it.
    let fresh = if operation.is_mutation() { Some(Cast::new(server, column).await) } else { None };
    let cast = fresh.as_ref().unwrap_or(&readers[column as usize]);
    let input = cast.input(operation).await;
    cell(&cast.call(operation, &input, None).await)
}

/// The cells of an operation in the reviewed table.
fn reviewed_cells(reviewed: &str, operation: &Operation) -> Vec<String> {
    let head = head(operation.name, &declared(operation.access));
    let cells = reviewed.lines().find_map(|line| line.strip_prefix(&head));
    let cells = cells.unwrap_or_else(|| panic!("{} is not in the table", operation.name));
    // The only cell with a space in it.
    cells
        .replace("sign in", "sign_in")
        .split_whitespace()
        .map(|cell| cell.replace("sign_in", "sign in"))
        .collect()
}

/// After this, everybody has to sign in again.
pub const ENDS_ALL_TOKENS: &str = "accounts.rotate_signing_keys";

async fn casts(server: &TestServer) -> Vec<Cast<'_>> {
    let mut casts = Vec::new();
    for column in Column::ALL {
        casts.push(Cast::new(server, column).await);
    }
    casts
}

/// A server on which nothing but permission refuses the cast.
pub async fn server() -> TestServer {
    server_on(TestDatabase::sqlite()).await
}

/// The same, on this database.
pub async fn server_on(database: TestDatabase) -> TestServer {
    let lenient = |settings: &mut moothall::Settings| {
        settings.accounts.guesses_of_network = 1_000;
        settings.accounts.guesses_of_login = 10;
        // Nobody's countdown is over before it is called off.
        settings.lobbies.countdown_ms = 600_000;
    };
    TestServer::builder().database(database).settings(lenient).rates(1_000_000).start().await
}

fn cell(reply: &Reply) -> String {
    match (reply.status, reply.code().as_str()) {
        (200..300, _) => "yes".to_owned(),
        (401, "not_signed_in") => "sign in".to_owned(),
        (403, "forbidden") => "no".to_owned(),
        (404, "not_found") => "hidden".to_owned(),
        (500.., _) => panic!("{}", reply.text),
        (_, "invalid") => panic!("cast.rs makes no input for this: {}", reply.text),
        (_, code) => code.to_owned(),
    }
}

fn row(name: &str, declared: &str, cells: &[String]) -> String {
    let cells: String = cells.iter().map(|cell| format!(" {cell:<16}")).collect();
    format!("{}{cells}", head(name, declared)).trim_end().to_owned() + "\n"
}

fn head(name: &str, declared: &str) -> String {
    format!("{name:<36} {declared:<24}")
}

fn declared(access: Access) -> String {
    match access {
        Access::Public => "anybody".into(),
        Access::Player => "signed in".into(),
        Access::Host => "host".into(),
        Access::Permission(Permission(name)) => name.into(),
    }
}

/// What the answers say that the declaration does not.
fn disagreements(operation: &Operation, cells: &[String]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut check = |is_right: bool, what: String| {
        if !is_right {
            wrong.push(format!("{}: {what}: {cells:?}", operation.name));
        }
    };
    for (column, cell) in Column::ALL.into_iter().zip(cells) {
        let must_sign_in = column == Column::Nobody && operation.access != Access::Public;
        check((cell == "sign in") == must_sign_in, format!("{column:?} {cell}"));
        match operation.access {
            // Who may call at all is settled by the declaration; the operation may still hide what is not the caller's.
            Access::Permission(_) | Access::Host if column != Column::Nobody => {
                let is_plain = matches!(column, Column::Guest | Column::Player | Column::Other);
                check(!is_plain || cell == "no", format!("{column:?} has no permission, and got {cell}"));
                let is_meant = column == Column::Administrator
                    || column == Column::Host && operation.access == Access::Host
                    || column == Column::Host && operation.access == Access::Permission(accounts::HOST);
                check(!is_meant || cell != "no", format!("{column:?} has the permission, and got {cell}"));
            }
            _ => {}
        }
    }
    let is_tried =
        cells.iter().any(|cell| cell == "yes") || ELSEWHERE.iter().any(|(name, _)| *name == operation.name);
    check(is_tried, "nobody succeeds, so the row proves nothing".to_owned());
    wrong
}
