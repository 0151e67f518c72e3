//! What players do, and what they remember of it.

use moothall_testing::crashes::chance;
use moothall_testing::{Api, Player};
use serde_json::{Value, json};

/// Where somebody is, by what they were answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    Nowhere,
    In(String),
    /// They were about to come or go when the server died.
    Open,
}

/// What somebody knows before they begin, and when the server has died.
#[derive(Clone, Debug)]
pub struct Memory {
    /// The lobbies there are.
    pub lobbies: Vec<String>,
    /// Others who can be invited.
    pub others: Vec<String>,
    /// Hosts do not go.
    pub is_host: bool,
    pub lobby: Place,
    pub party: Place,
    /// Lobbies and parties as they were answered, the newest last.
    pub answers: Vec<Value>,
}

/// One player at work.
pub struct Deeds {
    api: Api,
    player: Player,
    random: u64,
    memory: Memory,
}

impl Deeds {
    pub fn new(api: &Api, player: &Player, random: u64, memory: Memory) -> Self {
        Self { api: api.clone(), player: player.clone(), random, memory }
    }

    /// Returns what they remember.
    pub async fn go_on_until_the_server_dies(mut self) -> Memory {
        while self.one().await.is_some() {}
        self.memory
    }

    fn below(&mut self, end: u64) -> u64 {
        self.random = chance(self.random);
        self.random % end
    }

    /// One deed; `None` once the server does not answer.
    async fn one(&mut self) -> Option<()> {
        match self.below(3) {
            0 => self.in_parties().await,
            _ => self.in_lobbies().await,
        }
    }

    async fn in_lobbies(&mut self) -> Option<()> {
        let Place::In(lobby) = self.memory.lobby.clone() else { return self.join().await };
        let own = self.call("GET", &format!("/v1/lobbies/{lobby}/inside"), None).await?;
        let (path, number) = (|rest: &str| format!("/v1/lobbies/{lobby}{rest}"), self.below(1_000));
        match self.below(11) {
            0 if !self.memory.is_host => {
                self.memory.lobby = Place::Open;
                let left = self.call("POST", &path("/leave"), Some(json!({}))).await?;
                self.memory.lobby = if is_done(&left) { Place::Nowhere } else { Place::In(lobby) };
            }
            0 | 1 if self.memory.is_host => {
                let change = json!({ "properties": { "public": { "number": number } } });
                self.call("PATCH", &path(""), Some(change)).await?;
            }
            0..=2 => drop(self.call("POST", &path("/seat"), Some(json!({ "team": number % 2 + 1 }))).await?),
            3 => drop(self.call("POST", &path("/spectate"), Some(json!({}))).await?),
            4 => drop(self.call("POST", &path("/queue"), Some(json!({}))).await?),
            5 => drop(
                self.call("POST", &path("/bots"), Some(json!({ "name": format!("bot {number}") }))).await?,
            ),
            6 => {
                if let Some((bot, _)) = own["lobby"]["bots"].as_object().and_then(|bots| bots.iter().next()) {
                    self.call("DELETE", &path(&format!("/bots/{bot}")), None).await?;
                }
            }
            7 => {
                let map = json!({ "subject": { "kind": "map", "map": format!("map {number}") } });
                self.call("POST", &path("/vote"), Some(map)).await?;
            }
            8 | 9 => {
                if let Some(vote) = own["lobby"]["vote"]["number"].as_i64() {
                    let choice = ["yes", "no", "abstain"][(number % 3) as usize];
                    let cast = json!({ "number": vote, "choice": choice });
                    self.call("POST", &path("/vote/cast"), Some(cast)).await?;
                }
            }
            _ => {
                let me = json!({ "is_ready": number % 2 == 0, "properties": { "number": number } });
                self.call("PATCH", &path("/me"), Some(me)).await?;
            }
        }
        Some(())
    }

    async fn join(&mut self) -> Option<()> {
        let choice = self.below(self.memory.lobbies.len() as u64) as usize;
        let lobby = self.memory.lobbies[choice].clone();
        self.memory.lobby = Place::Open;
        let body = json!({ "wish": if self.below(4) > 0 { "play" } else { "spectate" } });
        let joined = self.call("POST", &format!("/v1/lobbies/{lobby}/join"), Some(body)).await?;
        self.memory.lobby = if is_done(&joined) { Place::In(lobby) } else { Place::Nowhere };
        Some(())
    }

    async fn in_parties(&mut self) -> Option<()> {
        let Place::In(party) = self.memory.party.clone() else { return self.find_party().await };
        let path = |rest: &str| format!("/v1/parties/{party}{rest}");
        let other = {
            let choice = self.below(self.memory.others.len() as u64) as usize;
            self.memory.others[choice].clone()
        };
        match self.below(7) {
            0 => {
                self.memory.party = Place::Open;
                let left = self.call("POST", &path("/leave"), Some(json!({}))).await?;
                self.memory.party = if is_done(&left) { Place::Nowhere } else { Place::In(party) };
            }
            1..=3 => drop(self.call("PUT", &path(&format!("/invites/{other}")), Some(json!({}))).await?),
            4 => drop(self.call("DELETE", &path(&format!("/invites/{other}")), None).await?),
            5 => drop(self.call("PUT", &path("/leader"), Some(json!({ "user_id": other }))).await?),
            _ => {
                let ready = json!({ "is_ready": self.below(2) == 0 });
                self.call("PUT", &path("/ready"), Some(ready)).await?;
            }
        }
        Some(())
    }

    async fn find_party(&mut self) -> Option<()> {
        let mine = self.call("GET", "/v1/parties/mine", None).await?;
        self.memory.party = Place::Open;
        let entered = match mine["invites"][0]["party_id"].as_str() {
            Some(party) if self.below(5) > 0 => {
                self.call("POST", &format!("/v1/parties/{party}/accept"), Some(json!({}))).await?
            }
            _ => self.call("POST", "/v1/parties", Some(json!({}))).await?,
        };
        self.memory.party = match entered["id"].as_str() {
            Some(party) => Place::In(party.to_owned()),
            None => Place::Nowhere,
        };
        Some(())
    }

    /// Asks for something, and remembers what came of it. Refusals are answers too: players try what they may not.
    async fn call(&mut self, method: &str, path: &str, body: Option<Value>) -> Option<Value> {
        let shows = (&self.player).into();
        let reply = self.api.try_send(method, path, shows, &[], body.as_ref()).await.ok()?;
        assert!(reply.status < 500, "{method} {path}: {reply:?}");
        let answer = reply.json();
        self.memory.answers.push(answer.clone());
        Some(answer)
    }
}

fn is_done(answer: &Value) -> bool {
    answer["code"].is_null()
}
