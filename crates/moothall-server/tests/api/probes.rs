//! Bad input to every operation: what is hidden answers a stranger as what is not there, and nothing that is sent breaks the server.
//!
//! Which operations there are and which fields they have is read from the registry, so that a new one is tried as well.

use moothall::protocol::kind;
use moothall::{Cx, Operation};
use moothall_testing::{Reply, TestServer};
use serde_json::{Map, Value, json};

use crate::access::{ENDS_ALL_TOKENS, server};
use crate::cast::{Cast, Column, Room, fields, takes_body};

/// Fields that name what belongs to one user alone.
const PRIVATE: [&str; 4] = ["session_id", "key_id", "match_id", "key"];

/// Which of its fields counts depends on another: what can be reported is tried in the tests of moderation.
const BY_SUBJECT: &str = "moderation.report";

fn operations<'a>(server: &'a TestServer, field: &'a str) -> impl Iterator<Item = &'a Operation> {
    let all = server.hall.registry().operations().iter();
    all.filter(move |operation| operation.name != BY_SUBJECT && fields(operation).contains_key(field))
}

/// An id that is nobody's.
fn nothing(server: &TestServer) -> Value {
    json!(Cx::server(&server.hall).new_id::<kind::Room>())
}

/// What a stranger can tell apart: all but the number of the request.
fn told(reply: &Reply) -> (u16, Value) {
    let mut body = reply.json();
    if let Some(body) = body.as_object_mut() {
        body.remove("request_id");
    }
    (reply.status, body)
}

/// Calls an operation with each of two values, and checks that the caller cannot tell the second from the first.
async fn cannot_tell(
    cast: &Cast<'_>,
    operation: &Operation,
    field: &str,
    [hidden, absent]: [Value; 2],
    with: &[(&str, Value)],
) {
    let mut answers = Vec::new();
    for value in [&hidden, &absent] {
        let mut given = vec![(field, value.clone())];
        given.extend_from_slice(with);
        let input = cast.input_with(operation, &given).await;
        answers.push(told(&cast.call(operation, &input, None).await));
    }
    let [of_hidden, of_absent] = [&answers[0], &answers[1]];
    let shows_nothing = of_hidden.1.get("items").is_some_and(|items| *items == json!([]));
    assert!(of_hidden.0 >= 400 || shows_nothing, "{} lets a stranger in: {of_hidden:?}", operation.name);
    assert_eq!(of_hidden, of_absent, "{} tells a stranger that {hidden} is there", operation.name);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lobby_for_the_invited_answers_a_stranger_as_one_that_does_not_exist() {
    let server = server().await;
    for column in [Column::Guest, Column::Other, Column::Host] {
        let cast = Cast::new(&server, column).await;
        let lobby = json!(cast.lobby().await.id);
        for operation in operations(&server, "lobby_id") {
            // What makes something ready for the player would open the lobby on the way.
            let with = [("user_id", nothing(&server)), ("number", json!(1)), ("bot_id", nothing(&server))];
            let known = fields(operation);
            let with: Vec<(&str, Value)> =
                with.into_iter().filter(|(field, _)| known.contains_key(*field)).collect();
            cannot_tell(&cast, operation, "lobby_id", [lobby.clone(), nothing(&server)], &with).await;
        }
    }
    server.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hidden_room_answers_a_stranger_as_one_that_does_not_exist() {
    let server = server().await;
    for column in [Column::Guest, Column::Other, Column::Host] {
        let cast = Cast::new(&server, column).await;
        let mut tried = 0;
        for Room { id: room, .. } in cast.hidden_rooms().await {
            for operation in operations(&server, "room_id") {
                cannot_tell(&cast, operation, "room_id", [json!(room), nothing(&server)], &[]).await;
                tried += 1;
            }
        }
        assert!(tried >= 3 * 15, "{tried}");
        let find = server.hall.registry().find("communication.find_room").unwrap();
        let name = cast.input(find).await["name"].clone();
        cannot_tell(&cast, find, "name", [name, json!("Nobody made this")], &[]).await;
    }
    server.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_of_a_hidden_room_is_not_found_through_another() {
    let server = server().await;
    for column in [Column::Guest, Column::Other] {
        let cast = Cast::new(&server, column).await;
        let own = [("room_id", cast.own_room().await)];
        for Room { message_id: message, .. } in cast.hidden_rooms().await {
            for operation in operations(&server, "message_id") {
                cannot_tell(&cast, operation, "message_id", [json!(message), nothing(&server)], &own).await;
            }
            let send = server.hall.registry().find("communication.send").unwrap();
            cannot_tell(&cast, send, "reply_to", [json!(message), nothing(&server)], &own).await;
        }
    }
    server.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_belongs_to_one_user_answers_others_as_what_is_not_there() {
    let server = server().await;
    for column in [Column::Guest, Column::Other] {
        let cast = Cast::new(&server, column).await;
        for field in PRIVATE {
            let mut tried = 0;
            for operation in operations(&server, field) {
                let absent = if field == "key" { json!("nothing") } else { nothing(&server) };
                let theirs = cast.input_with(operation, &[]).await;
                let theirs = match theirs.get(field) {
                    Some(theirs) => theirs.clone(),
                    None => cast.field(operation.name, field).await,
                };
                cannot_tell(&cast, operation, field, [theirs, absent], &[]).await;
                tried += 1;
            }
            assert!(tried > 0, "no operation has the field {field}");
        }
        // Of somebody who has extra data of their own others see as much as of somebody who has none.
        let list = server.hall.registry().find("accounts.list_extra").unwrap();
        let put = server.hall.registry().find("accounts.put_extra").unwrap();
        cast.field(put.name, "key").await;
        assert_eq!(cast.call(list, &cast.input(list).await, None).await.ok::<Value>()["items"], json!([]));
    }
    server.stopped().await;
}

/// Values that hardly any field takes.
fn garbage() -> [Value; 13] {
    [
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5),
        json!(1e308),
        json!(u64::MAX),
        json!(""),
        json!("\0"),
        json!("\u{202e}💥".repeat(40)),
        json!("x".repeat(5_000)),
        json!([]),
        json!({}),
        json!([[{ "a": [null] }]]),
    ]
}

fn is_answered(operation: &Operation, sent: &str, reply: &Reply) {
    let what =
        || format!("{} was sent {sent:.200} and answered {}: {}", operation.name, reply.status, reply.text);
    assert!(reply.status < 500, "{}", what());
    if reply.status >= 400 {
        assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{}", what());
        let problem = reply.json();
        assert_eq!(problem["status"], reply.status, "{}", what());
        assert!(problem["code"].is_string() && problem["title"].is_string(), "{}", what());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_is_answered_with_a_problem_by_every_operation() {
    let server = server().await;
    let mut reader = Cast::new(&server, Column::Administrator).await;
    let mut sent = 0;
    for operation in server.hall.registry().operations() {
        // What changes something after all is not in the way of the next.
        let fresh = if operation.is_mutation() {
            Some(Cast::new(&server, Column::Administrator).await)
        } else {
            None
        };
        let cast = fresh.as_ref().unwrap_or(&reader);
        let good = cast.input(operation).await;
        let in_body = takes_body(operation);
        for value in garbage() {
            // In place of the whole input.
            if in_body && !value.is_object() {
                let reply = cast.send(operation, &good, &value).await;
                assert!(reply.status >= 400, "{} takes {value}", operation.name);
                is_answered(operation, &value.to_string(), &reply);
            }
            // In place of one field.
            for field in fields(operation).keys() {
                let mut input = good.clone();
                input.insert(field.clone(), value.clone());
                // What is right again changes something, and ends sessions: that is no garbage.
                if input == good || (value.is_null() || value == json!({})) && !good.contains_key(field) {
                    continue;
                }
                let reply = cast.call(operation, &input, None).await;
                is_answered(operation, &format!("{field} = {value}"), &reply);
                sent += 1;
            }
        }
        let unknown = [("nonsense".to_owned(), json!(1))];
        let unknown: Map<String, Value> = unknown.into_iter().chain(good).collect();
        let reply = cast.call(operation, &unknown, None).await;
        assert!((400..500).contains(&reply.status), "{} takes what it does not know", operation.name);
        is_answered(operation, "nonsense", &reply);
        if operation.name == ENDS_ALL_TOKENS {
            reader = Cast::new(&server, Column::Administrator).await;
        }
    }
    assert!(sent > 1_000, "{sent}");
    server.stopped().await;
}
