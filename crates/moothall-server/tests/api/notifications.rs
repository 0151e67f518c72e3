//! Broadcasts over the real door, and across a kill of the real server.

use std::time::{Duration, Instant};

use moothall_testing::{Player, ServerProcess, Shows, databases};
use serde_json::{Value, json};

/// Who claims to be the operator, as the first start of a server offers.
async fn administrator(server: &ServerProcess) -> Player {
    let printed = server.command(&["admin", "create", "ana", "--email", "ana@example.org"]);
    let password = printed.lines().find_map(|line| line.strip_prefix("Password, shown once: ")).unwrap();
    let body = json!({ "login": "ana@example.org", "password": password });
    Player::of(&server.api.post("/v1/accounts/sign_in", Shows::Nothing, body).await.ok())
}

/// What was acknowledged reaches everybody once, also if the server dies in the middle.
#[tokio::test]
async fn a_broadcast_goes_on_after_a_kill_and_everybody_has_it_once() {
    for database in databases::engines().await {
        let mut server = ServerProcess::with(Some(database), &[]);
        let ana = administrator(&server).await;
        let [ben, cleo] = server.api.players(["ben", "cleo"]).await;
        let body = json!({ "text": "The server moves", "texts": { "de": "Der Server zieht um" }, "reason": "it does" });
        let made: Value = server.api.post("/v1/broadcasts", &ana, body).await.ok();
        server.kill();
        server.launch();
        let path = format!("/v1/broadcasts/{}", made["id"].as_str().unwrap());
        let begun = Instant::now();
        loop {
            let now: Value = server.api.get(&path, &ana).await.ok();
            if now["status"] == "done" {
                assert_eq!(now["reach"], json!({ "written": 3, "seen": 0, "dismissed": 0 }));
                break;
            }
            // Whoever had the job is taken for dead after half a minute.
            assert!(begun.elapsed() < Duration::from_secs(60), "{now}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        for player in [&ben, &cleo] {
            let inbox: Value = server.api.get("/v1/notifications", player).await.ok();
            let texts: Vec<&Value> =
                inbox["items"].as_array().unwrap().iter().map(|one| &one["text"]).collect();
            assert_eq!(texts, ["The server moves"]);
        }
        let seen: Value = server.api.post("/v1/notifications/seen", &ben, json!({})).await.ok();
        assert_eq!(seen["unseen"], 0);
        let now: Value = server.api.get(&path, &ana).await.ok();
        assert_eq!(now["reach"], json!({ "written": 3, "seen": 1, "dismissed": 0 }));
    }
}
