//! Lobbies over the real door, and across kills of the real server.

use moothall_testing::{Player, ServerProcess, databases};
use serde_json::{Value, json};

const KILLS: usize = 12;

fn id(lobby: &Value) -> String {
    lobby["lobby"]["id"].as_str().expect("a lobby").to_owned()
}

async fn inside(server: &ServerProcess, lobby: &str, player: &Player) -> Value {
    server.api.get(&format!("/v1/lobbies/{lobby}/inside"), player).await.ok()
}

/// Whatever a player was answered is there after `kill -9`, in whatever the server was at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lobby_is_what_was_answered_last_however_often_the_server_is_killed() {
    for database in databases::engines().await {
        let mut server = ServerProcess::with(Some(database), &["lobbies.vote_ms=600000"]);
        let [ana, ben, cy] = server.api.players(["ana", "ben", "cy"]).await;
        let teams = json!({ "count": 2, "size": 1 });
        let body = json!({ "name": "Den", "mode": "free", "teams": teams, "has_bosses": true });
        let own: Value = server.api.post("/v1/lobbies", &ana, body).await.ok();
        let lobby = id(&own);
        for player in [&ben, &cy] {
            let path = format!("/v1/lobbies/{lobby}/join");
            let joined: Value = server.api.post(&path, player, json!({ "wish": "play" })).await.ok();
            assert!(joined["own"]["secret"].is_string());
        }
        let vote = json!({ "subject": { "kind": "map", "map": "hill" } });
        let called: Value = server.api.post(&format!("/v1/lobbies/{lobby}/vote"), &ben, vote).await.ok();
        assert_eq!(called["lobby"]["vote"]["number"], 1);
        for cycle in 0..KILLS {
            // Ben and Cy swap their seat and their place in the queue; Ana is at something when the server dies.
            let path = format!("/v1/lobbies/{lobby}/queue");
            server.api.post(&path, &ben, json!({})).await.ok::<Value>();
            let mut answered: Value = server.api.post(&path, &cy, json!({})).await.ok();
            let change = json!({ "properties": { "public": { "cycle": cycle } } });
            let in_flight = tokio::spawn({
                let (api, ana, lobby) = (server.api.clone(), ana.clone(), lobby.clone());
                async move {
                    let path = format!("/v1/lobbies/{lobby}");
                    let reply = api.try_send("PATCH", &path, (&ana).into(), &[], Some(&change)).await.ok()?;
                    (reply.status == 200).then(|| reply.json())
                }
            });
            if cycle % 3 > 0 {
                tokio::task::yield_now().await;
            }
            server.kill();
            if let Some(last) = in_flight.await.unwrap() {
                answered["lobby"] = last["lobby"].clone();
            }
            server.launch();
            let now = inside(&server, &lobby, &cy).await;
            let version = |own: &Value| own["lobby"]["version"].as_i64().unwrap();
            assert!(version(&now) >= version(&answered), "something answered is gone: {answered} {now}");
            if version(&now) == version(&answered) {
                assert_eq!(now["lobby"], answered["lobby"]);
            }
            assert_eq!(now["lobby"]["queue"].as_array().unwrap().len(), 1);
            assert_eq!(now["lobby"]["vote"]["called_by"], json!(ben.id), "the vote is still open");
            let filter = "%7B%22text%22:%22den%22,%22players%22:%7B%22least%22:2%7D%7D";
            let listed: Value = server.api.get(&format!("/v1/lobbies?filter={filter}"), &cy).await.ok();
            assert_eq!(listed["items"][0]["version"], now["lobby"]["version"], "the list shows the same");
        }
        // Nobody is in two lobbies, whatever was lost.
        let body = json!({ "name": "Pit", "mode": "free" });
        server.api.post("/v1/lobbies", &ben, body).await.refused(409, "already_in_lobby");
        let path = format!("/v1/lobbies/{lobby}/close");
        assert!(server.api.post(&path, &ana, json!({})).await.status < 300);
        server.restart();
        server.api.get(&format!("/v1/lobbies/{lobby}"), &ana).await.refused(404, "not_found");
    }
}
