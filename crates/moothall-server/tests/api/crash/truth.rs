//! What was answered, held against what the server says after it was killed.

use std::collections::{BTreeMap, BTreeSet};

use moothall_store::Engine;
use moothall_testing::{Api, Player};
use serde_json::{Value, json};

use super::deeds::{Memory, Place};

/// Those who host.
const HOSTS: usize = 2;

pub struct Truth {
    memories: Vec<Memory>,
    /// The newest that anybody was answered, by id.
    newest: BTreeMap<String, Value>,
    /// Copies that were the server's to the letter, and those the server was ahead of.
    equal: usize,
    ahead: usize,
    /// Players whose last step was on its way.
    open: usize,
}

/// A lobby or party in an answer, if there is one.
fn entity(answer: &Value) -> Option<&Value> {
    let places = [&answer["lobby"], &answer["own"]["lobby"], &answer["party"], answer];
    places.into_iter().find(|place| place["id"].is_string() && place["version"].is_i64())
}

fn users(list: &Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|user| user.as_str().unwrap().to_owned()).collect()
}

impl Truth {
    pub async fn begin(api: &Api, players: &[Player]) -> Self {
        let mut lobbies = Vec::new();
        for (host, name) in players.iter().take(HOSTS).zip(["Den", "Pit"]) {
            let teams = json!({ "count": 2, "size": 1 });
            let body = json!({ "name": name, "mode": "free", "teams": teams, "on_host_loss": "migrate" });
            let own: Value = api.post("/v1/lobbies", host, body).await.ok();
            lobbies.push(own["lobby"]["id"].as_str().unwrap().to_owned());
        }
        let memory = |(number, player): (usize, &Player)| Memory {
            lobbies: lobbies.clone(),
            others: players
                .iter()
                .map(|other| other.id.to_string())
                .filter(|id| *id != player.id.to_string())
                .collect(),
            is_host: number < HOSTS,
            lobby: lobbies.get(number).map_or(Place::Nowhere, |lobby| Place::In(lobby.clone())),
            party: Place::Nowhere,
            answers: Vec::new(),
        };
        let memories = players.iter().enumerate().map(memory).collect();
        Self { memories, newest: BTreeMap::new(), equal: 0, ahead: 0, open: 0 }
    }

    /// What a player knows.
    pub fn plan(&self, number: usize) -> Memory {
        self.memories[number].clone()
    }

    /// What a player remembers.
    pub fn take(&mut self, number: usize, mut memory: Memory) {
        for answer in std::mem::take(&mut memory.answers) {
            self.see(&answer);
        }
        self.memories[number] = memory;
    }

    fn see(&mut self, answer: &Value) {
        let Some(seen) = entity(answer) else { return };
        let newest = self.newest.entry(seen["id"].as_str().unwrap().to_owned()).or_default();
        let known = newest["version"].as_i64();
        if known == seen["version"].as_i64() {
            assert_eq!(newest, seen, "one version is one state");
        } else if known < seen["version"].as_i64() {
            *newest = seen.clone();
        }
    }

    /// Asks the server how things stand, and goes on from there.
    pub async fn compare(&mut self, api: &Api, players: &[Player], cycle: u64) {
        let mut found: BTreeMap<String, (Value, BTreeSet<String>)> = BTreeMap::new();
        for (number, player) in players.iter().enumerate() {
            let id = player.id.to_string();
            for kind in ["lobby", "party"] {
                let path = if kind == "lobby" { "/v1/lobbies/mine" } else { "/v1/parties/mine" };
                let mine: Value = api.get(path, player).await.ok();
                let own = if kind == "lobby" { &mine["lobby"]["lobby"] } else { &mine["party"] };
                let place = match own["id"].as_str() {
                    Some(place) => Place::In(place.to_owned()),
                    None => Place::Nowhere,
                };
                let memory = &mut self.memories[number];
                let last = if kind == "lobby" { &mut memory.lobby } else { &mut memory.party };
                if *last == Place::Open {
                    self.open += 1;
                } else {
                    assert_eq!(*last, place, "cycle {cycle}: {} was answered otherwise", player.name);
                }
                *last = place;
                if let Some(place) = own["id"].as_str() {
                    let (copy, inside) =
                        found.entry(place.to_owned()).or_insert_with(|| (own.clone(), BTreeSet::new()));
                    assert_eq!(copy, own, "cycle {cycle}: two see one thing differently");
                    inside.insert(id.clone());
                }
            }
        }
        for (place, (now, inside)) in &found {
            self.compare_one(place, now, cycle);
            let members: BTreeSet<String> = match now["members"].as_object() {
                Some(members) => members.keys().cloned().collect(),
                None => {
                    let of = |member: &Value| member["user_id"].as_str().unwrap().to_owned();
                    now["members"].as_array().unwrap().iter().map(of).collect()
                }
            };
            assert_eq!(members, *inside, "cycle {cycle}: {place} has ghosts, or has lost somebody: {now}");
            if now["teams"].is_object() {
                seats_are_right(now, &members, cycle);
            }
        }
        let listed: Value = api.get("/v1/lobbies", &players[0]).await.ok();
        let listed = listed["items"].as_array().unwrap();
        assert_eq!(listed.len(), HOSTS, "cycle {cycle}: {listed:?}");
        for lobby in listed {
            assert_eq!(lobby["version"], found[lobby["id"].as_str().unwrap()].0["version"], "cycle {cycle}");
        }
        self.newest = found.into_iter().map(|(place, (now, _))| (place, now)).collect();
    }

    fn compare_one(&mut self, place: &str, now: &Value, cycle: u64) {
        let Some(known) = self.newest.get(place) else { return };
        let version = |state: &Value| state["version"].as_i64().unwrap();
        assert!(version(now) >= version(known), "cycle {cycle}: something answered is gone: {known} {now}");
        if version(now) == version(known) {
            assert_eq!(now, known, "cycle {cycle}");
            self.equal += 1;
        } else {
            self.ahead += 1;
        }
    }

    /// Says what the run was worth, and that it was worth something.
    pub fn tell(&self, engine: Engine) {
        let Self { equal, ahead, open, .. } = self;
        eprintln!(
            "{engine:?}: {equal} copies equal, {ahead} behind by what was on its way; {open} steps were"
        );
        assert!(*equal > 0 && *ahead + *open > 0, "the server was killed at work");
    }
}

fn seats_are_right(lobby: &Value, members: &BTreeSet<String>, cycle: u64) {
    let mut seated = BTreeSet::new();
    let mut has_room = false;
    for team in lobby["teams"].as_object().unwrap().values() {
        let seats = team["seats"].as_array().unwrap();
        assert!(seats.len() as u64 <= team["size"].as_u64().unwrap(), "cycle {cycle}: {lobby}");
        has_room |= (seats.len() as u64) < team["size"].as_u64().unwrap();
        for seat in seats {
            match (seat["user_id"].as_str(), seat["bot_id"].as_str()) {
                (Some(user), None) => {
                    assert!(
                        members.contains(user) && seated.insert(user.to_owned()),
                        "cycle {cycle}: {lobby}"
                    );
                }
                (None, Some(bot)) => assert!(lobby["bots"][bot].is_object(), "cycle {cycle}: {lobby}"),
                _ => panic!("cycle {cycle}: whose seat? {lobby}"),
            }
        }
    }
    let queue = users(&lobby["queue"]);
    assert!(queue.is_subset(members) && queue.is_disjoint(&seated), "cycle {cycle}: {lobby}");
    assert!(queue.is_empty() || !has_room, "cycle {cycle}: somebody waits beside a free seat: {lobby}");
}
