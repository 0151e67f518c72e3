//! Relationships over the real door, and across kills of the real server.

use moothall_testing::{Player, ServerProcess, databases};
use serde_json::{Value, json};

async fn put(server: &ServerProcess, path: &str, player: &Player, body: Value) -> Value {
    let reply = server.api.send("PUT", path, player.into(), &[], Some(&body)).await;
    assert!(reply.status < 300, "{}", reply.text);
    reply.json()
}

async fn listed(server: &ServerProcess, kind: &str, player: &Player) -> Vec<Value> {
    let page: Value = server.api.get(&format!("/v1/relationships?kind={kind}"), player).await.ok();
    let items = page["items"].as_array().unwrap().iter();
    items.map(|item| item["user"]["name"].clone()).collect()
}

/// Whatever was answered is so after the next kill, and who is blocked sees nothing but one who ended a friendship.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_two_are_to_each_other_outlives_the_server() {
    for database in databases::engines().await {
        let mut server = ServerProcess::with(Some(database), &[]);
        let [ana, ben] = server.api.players(["ana", "ben"]).await;
        let asked =
            put(&server, &format!("/v1/friends/{}", ben.id), &ana, json!({ "message": "hello" })).await;
        assert_eq!((&asked["friendship"], &asked["message"]), (&json!("asked"), &json!("hello")));
        server.kill();
        server.launch();
        assert_eq!(listed(&server, "requests_received", &ben).await, [json!("ana")]);
        let path = format!("/v1/friends/{}/accept", ana.id);
        server.api.post(&path, &ben, json!({})).await.ok::<Value>();
        server.kill();
        server.launch();
        assert_eq!(listed(&server, "friends", &ana).await, [json!("ben")]);
        put(&server, &format!("/v1/relationships/{}/note", ana.id), &ben, json!({ "note": "loud" })).await;
        put(&server, &format!("/v1/relationships/{}/block", ana.id), &ben, json!({})).await;
        server.kill();
        server.launch();
        assert_eq!(listed(&server, "blocked", &ben).await, [json!("ana")]);
        let of_ana: Value = server.api.get(&format!("/v1/relationships/{}", ben.id), &ana).await.ok();
        let stranger = json!({
            "user_id": ben.id, "friendship": "none", "is_following": false, "is_follower": false, "is_ignored": false,
            "is_avoided": false, "is_blocked": false,
        });
        assert_eq!(of_ana, stranger);
        let path = format!("/v1/relationships/several?user_ids={}", ana.id);
        let several: Value = server.api.get(&path, &ben).await.ok();
        assert_eq!(
            (&several["items"][0]["is_blocked"], &several["items"][0]["note"]),
            (&json!(true), &json!("loud"))
        );
        // Her message looks like any other, and is not there for him.
        let room: Value = server.api.post("/v1/direct", &ana, json!({ "user_id": ben.id })).await.ok();
        let path = format!("/v1/rooms/{}/messages", room["id"].as_str().unwrap());
        server.api.post(&path, &ana, json!({ "text": "still there?" })).await.ok::<Value>();
        let mine: Value = server.api.get("/v1/rooms/mine", &ben).await.ok();
        assert_eq!(mine["items"], json!([]));
        let hers: Value = server.api.get(&path, &ana).await.ok();
        assert_eq!(hers["items"][0]["text"], "still there?");
        let his: Value = server.api.get(&path, &ben).await.ok();
        assert_eq!((&his["items"][0]["text"], &his["items"][0]["is_hidden"]), (&json!(""), &json!(true)));
    }
}
