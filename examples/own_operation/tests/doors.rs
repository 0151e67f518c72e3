//! The operation is behind every door and in every document.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "for tests: what goes wrong here fails the test"
)]

use futures_util::{SinkExt as _, StreamExt as _};
use moothall::hooks::{MessageAttempt, Verdict};
use moothall::{Cx, Hooks as _};
use moothall_testing::{Shows, TestServer};
use own_operation::Rolls;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

#[tokio::test]
async fn dice_are_thrown_over_http_and_over_a_socket_and_stand_in_the_documents() {
    let server = TestServer::builder().operations(own_operation::operations()).start().await;
    let ana = server.api.sign_up("Ana").await;
    let thrown: Value = server.api.post("/v1/dice", &ana, json!({ "sides": 6 })).await.ok();
    assert!((1..=6).contains(&thrown["value"].as_u64().unwrap()));
    server.api.post("/v1/dice", &ana, json!({ "sides": 1 })).await.refused(422, "invalid");
    server.api.post("/v1/dice", &ana, json!({ "sides": 7 })).await.refused(422, "no_such_die");
    server.api.post("/v1/dice", Shows::Nothing, json!({ "sides": 6 })).await.refused(401, "not_signed_in");

    let mut request = server.socket_url().into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {}", ana.token).parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    let call = json!({ "id": 1, "op": "dice.throw", "in": { "sides": 100 }, "key": "a-throw-of-this-test" });
    let mut answers = Vec::new();
    // Once more with the same key, as after a lost answer: nothing is thrown a second time.
    for _ in 0..2 {
        socket.send(Message::text(call.to_string())).await.unwrap();
        answers.push(loop {
            let Some(Ok(Message::Text(text))) = socket.next().await else { panic!("no answer") };
            let message: Value = serde_json::from_str(&text).unwrap();
            if message["id"] == 1 {
                break message;
            }
        });
    }
    assert!((1..=100).contains(&answers[0]["out"]["value"].as_u64().unwrap()), "{answers:?}");
    assert_eq!(answers[0], answers[1]);

    let openapi: Value = server.api.get("/v1/openapi.json", Shows::Nothing).await.ok();
    assert_eq!(openapi["paths"]["/v1/dice"]["post"]["operationId"], "dice.throw");
    let socket = server.api.get("/v1/socket.json", Shows::Nothing).await.text;
    assert!(socket.contains("dice.throw"));
    assert!(server.api.get("/v1/errors.json", Shows::Nothing).await.text.contains("no_such_die"));
    server.stopped().await;
}

#[tokio::test]
async fn whoever_says_that_they_throw_says_what_they_threw() {
    let server = TestServer::start().await;
    let cx = Cx::server(&server.hall);
    let verdict = async |text: &str| {
        let (sender, room) = (cx.new_id(), cx.new_id());
        Rolls.before_message(&cx, &MessageAttempt { sender, room, text: text.to_owned() }).await.unwrap()
    };
    assert_eq!(verdict("hello").await, Verdict::Pass);
    assert!(matches!(verdict("/roll 6").await, Verdict::Mask(text) if text.ends_with(" of 6")));
    assert!(matches!(verdict("/roll 7").await, Verdict::Block(_)));
    server.stopped().await;
}
