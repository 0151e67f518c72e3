//! A host with a key, a lobby that the server keeps, and kills of the real server between them.

use std::time::{Duration, Instant};

use moothall_testing::{Player, ServerProcess, Shows, databases};
use serde_json::{Value, json};

const GAMES: u64 = 4;

struct Evening {
    server: ServerProcess,
    host: String,
    players: [Player; 2],
    lobby: String,
}

impl Evening {
    async fn inside(&self) -> Value {
        let path = format!("/v1/lobbies/{}/inside", self.lobby);
        self.server.api.get(&path, &self.players[0]).await.ok::<Value>()["lobby"].clone()
    }

    /// The matches for which a place is reserved on the host.
    async fn reserved(&self) -> Vec<Value> {
        let host: Value = self.server.api.get("/v1/hosts/mine", Shows::Key(&self.host)).await.ok();
        host["reservations"].as_array().unwrap().iter().map(|one| one["match_id"].clone()).collect()
    }

    /// What a host says first, whenever it has lost the server.
    async fn register(&self) {
        let host = json!({ "pool": "eu", "version": "1", "region": "eu", "addresses": ["192.0.2.1:7000"],
            "capacity": 3 });
        let host: Value = self.server.api.post("/v1/hosts/register", Shows::Key(&self.host), host).await.ok();
        assert_eq!(host["state"], "healthy");
    }

    /// The server dies while this is asked, and comes back.
    async fn killed_while(&mut self, after_ms: u64, path: &str, shows: Option<usize>, body: Value) {
        let path = format!("/v1/lobbies/{}/{path}", self.lobby);
        let asked = tokio::spawn({
            let (api, host, players) = (self.server.api.clone(), self.host.clone(), self.players.clone());
            async move {
                let shows = shows.map_or(Shows::Key(&host), |player| (&players[player]).into());
                drop(api.try_send("POST", &path, shows, &[], Some(&body)).await);
            }
        });
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        self.server.kill();
        asked.await.unwrap();
        self.server.launch();
        self.register().await;
    }

    /// Asks for the start, or goes on where it was, until the lobby is at this.
    async fn until(&self, status: &str, mut ask: impl AsyncFnMut(&Self, &Value)) {
        let began = Instant::now();
        loop {
            let now = self.inside().await;
            if now["status"] == status {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "never {status}: {now}");
            ask(self, &now).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Ben calls the vote, and Cy says yes.
async fn votes(evening: &Evening, lobby: &Value) {
    let path = format!("/v1/lobbies/{}/vote", evening.lobby);
    let [ben, cy] = &evening.players;
    match lobby["vote"]["number"].as_i64() {
        None if lobby["status"] == "waiting" => {
            evening.server.api.post(&path, ben, json!({ "subject": { "kind": "start" } })).await;
        }
        Some(number) => {
            let yes = json!({ "number": number, "choice": "yes" });
            evening.server.api.post(&format!("{path}/cast"), cy, yes).await;
        }
        None => {}
    }
}

async fn finishes(evening: &Evening, _: &Value) {
    let path = format!("/v1/lobbies/{}/finish", evening.lobby);
    evening.server.api.post(&path, Shows::Key(&evening.host), json!({})).await;
}

/// Whatever the server is at when it dies: each game has its host, and each host is given back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn games_of_a_lobby_that_the_server_keeps_find_their_host_and_give_it_back_across_kills() {
    for database in databases::engines().await {
        let server = ServerProcess::with(Some(database), &["lobbies.countdown_ms=0"]);
        let printed = server.command(&["keys", "create", "first", "--bot", "berlin"]);
        let host = printed.lines().find_map(|line| line.strip_prefix("X-Api-Key, shown once: ")).unwrap();
        let host = host.to_owned();
        server.api.sign_up("ana").await;
        server.command(&["admin", "grant", "ana", "--reason", "owns the machine"]);
        let ana = server.api.sign_in("ana").await;
        let put = async |path: &str, body: Value| {
            let reply = server.api.send("PUT", path, (&ana).into(), &[], Some(&body)).await;
            assert!(reply.status < 300, "{}", reply.text);
        };
        put("/v1/host_pools/eu", json!({ "name": "Europe", "reason": "it opens" })).await;
        let policy = json!({ "name": "Arena {n}", "mode": "free", "open_min": 1, "pool": "eu",
            "teams": { "count": 2, "size": 1 }, "reason": "it opens" });
        put("/v1/lobby_policies/arena", policy).await;
        let players = server.api.players(["ben", "cy"]).await;
        let listed: Value = server.api.get("/v1/lobbies", &ana).await.ok();
        let lobby = listed["items"][0]["id"].as_str().expect("the server has opened one").to_owned();
        for player in &players {
            let path = format!("/v1/lobbies/{lobby}/join");
            server.api.post(&path, player, json!({ "wish": "play" })).await.ok::<Value>();
        }
        let mut evening = Evening { server, host, players, lobby };
        evening.register().await;
        // From at once to about as long as it takes.
        for after_ms in (0..GAMES).map(|game| game * 3) {
            // Both are asked until the vote is open; with the second yes the game is to start, and the server dies.
            let now = evening.inside().await;
            votes(&evening, &now).await;
            let number = evening.inside().await["vote"]["number"].clone();
            let yes = json!({ "number": number, "choice": "yes" });
            evening.killed_while(after_ms, "vote/cast", Some(1), yes).await;
            evening.until("running", votes).await;
            let now = evening.inside().await;
            assert_eq!(
                evening.reserved().await,
                [now["match_id"].clone()],
                "one place, for the game that runs"
            );
            assert_eq!(now["properties"]["members"]["host"]["addresses"], json!(["192.0.2.1:7000"]));
            evening.killed_while(after_ms, "finish", None, json!({})).await;
            evening.until("waiting", finishes).await;
            let began = Instant::now();
            while !evening.reserved().await.is_empty() {
                assert!(began.elapsed() < Duration::from_secs(30), "the place is not given back");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}
