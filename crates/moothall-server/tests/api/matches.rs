//! Matches over the real door, and across kills of the real server.

use moothall_testing::{Player, ServerProcess, databases};
use serde_json::{Value, json};

const KILLS: u64 = 8;

/// A start happens once, what a host tells arrives once, and how it ended stays, whatever the server dies at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_match_goes_on_where_it_was_however_often_the_server_is_killed() {
    for database in databases::engines().await {
        let mut server = ServerProcess::with(Some(database), &[]);
        let [ana, ben] = server.api.players(["ana", "ben"]).await;
        let teams = json!({ "count": 2, "size": 1 });
        let body = json!({ "name": "Den", "mode": "free", "teams": teams });
        let own: Value = server.api.post("/v1/lobbies", &ana, body).await.ok();
        let lobby = own["lobby"]["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/lobbies/{lobby}/join");
        server.api.post(&path, &ben, json!({ "wish": "play" })).await.ok::<Value>();
        let path = format!("/v1/lobbies/{lobby}/start");
        let own: Value = server.api.post(&path, &ana, json!({ "countdown_ms": 0 })).await.ok();
        let id = own["lobby"]["match_id"].as_str().unwrap().to_owned();
        server.restart();
        let own: Value = read(&server, &id, &ben).await;
        assert_eq!((&own["match"]["status"], own["token"].is_string()), (&json!("starting"), true));
        let ready = json!({ "addresses": ["game.example:7000"] });
        server.api.post(&format!("/v1/matches/{id}/ready"), &ana, ready).await.ok::<Value>();
        for number in 1..=KILLS {
            // Ben drops and comes back while the server dies; what was not answered is sent again.
            let body = json!({ "update": number, "changes": [
                { "kind": "left", "user_id": ben.id, "why": "disconnected" },
                { "kind": "joined", "user_id": ben.id },
            ] });
            let in_flight = tokio::spawn({
                let (api, ana, path, body) =
                    (server.api.clone(), ana.clone(), format!("/v1/matches/{id}/updates"), body.clone());
                async move { api.try_send("POST", &path, (&ana).into(), &[], Some(&body)).await.ok() }
            });
            if number % 3 > 0 {
                tokio::task::yield_now().await;
            }
            server.kill();
            let was_answered = in_flight.await.unwrap().is_some_and(|reply| reply.status == 200);
            server.launch();
            let mine: Value = server.api.get("/v1/matches/mine", &ana).await.ok();
            let known = mine["hosted"][0]["update"].as_u64().unwrap();
            assert!(
                known == number || !was_answered && known == number - 1,
                "{known}, {number}, {was_answered}"
            );
            let path = format!("/v1/matches/{id}/updates");
            let taken: Value = server.api.post(&path, &ana, body).await.ok();
            assert_eq!(taken["update"], number);
            let own = read(&server, &id, &ben).await;
            assert_eq!(own["match"]["members"][ben.id.to_string()]["departures"], number, "each once");
        }
        let won = json!({ "report": { "outcome": { "kind": "won", "teams": [2] } } });
        for player in [&ana, &ben] {
            let path = format!("/v1/matches/{id}/reports");
            server.api.post(&path, player, won.clone()).await.ok::<Value>();
        }
        server.kill();
        server.launch();
        let own = read(&server, &id, &ben).await;
        assert_eq!((&own["match"]["result_status"], own["token"].is_null()), (&json!("confirmed"), true));
        let inside: Value = server.api.get(&format!("/v1/lobbies/{lobby}/inside"), &ana).await.ok();
        assert_eq!(inside["lobby"]["match_id"], Value::Null, "the lobby heard of it, now or before");
        let path = format!("/v1/matches?user_id={}&outcome=won", ben.id);
        let accept = [("accept", "application/x-ndjson")];
        let history = server.api.send("GET", &path, (&ana).into(), &accept, None).await;
        let lines: Vec<Value> =
            history.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&lines[0]["id"], &lines[1], lines.len()), (&json!(id), &json!({ "next": null }), 2));
        let path = format!("/v1/matches/head_to_head?user_id={}&other_id={}", ana.id, ben.id);
        let counted: Value = server.api.get(&path, &ben).await.ok();
        assert_eq!(counted["against"], json!({ "played": 1, "won": 0, "lost": 1, "draw": 0 }));
    }
}

async fn read(server: &ServerProcess, id: &str, player: &Player) -> Value {
    server.api.get(&format!("/v1/matches/{id}"), player).await.ok()
}
