//! The operation is behind every door and in every document.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "for tests: what goes wrong here fails the test"
)]

use futures_util::{SinkExt as _, StreamExt as _};
use moothall_testing::{Shows, TestServer};
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
    server.api.post("/v1/dice", Shows::Nothing, json!({ "sides": 6 })).await.refused(401, "not_signed_in");

    let mut request = server.socket_url().into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {}", ana.token).parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    let call = json!({ "id": 1, "op": "dice.throw", "in": { "sides": 6 } });
    socket.send(Message::text(call.to_string())).await.unwrap();
    let answer = loop {
        let Some(Ok(Message::Text(text))) = socket.next().await else { panic!("no answer") };
        let message: Value = serde_json::from_str(&text).unwrap();
        if message["id"] == 1 {
            break message;
        }
    };
    assert!((1..=6).contains(&answer["out"]["value"].as_u64().unwrap()));

    let openapi: Value = server.api.get("/v1/openapi.json", Shows::Nothing).await.ok();
    assert_eq!(openapi["paths"]["/v1/dice"]["post"]["operationId"], "dice.throw");
    let socket = server.api.get("/v1/socket.json", Shows::Nothing).await.text;
    assert!(socket.contains("dice.throw"));
    server.stopped().await;
}
