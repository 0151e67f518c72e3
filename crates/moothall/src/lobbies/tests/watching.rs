//! A watched list: whoever watches has at every quiet point what a page of it would say.

use std::collections::BTreeMap;

use moothall_protocol::accounts::{CreateRole, GrantRole, RevokeRole, SignedIn};
use moothall_protocol::limits::LOBBY_LIST_BATCH_MS;

use super::*;
use crate::accounts::testing as people;
use crate::connections::{Resume, Stream};
use crate::testing::seeds;
use crate::{Random, SeededRandom, accounts, snapshot};

const TICK: Duration = Duration::from_millis(LOBBY_LIST_BATCH_MS as u64);

/// A client that watches a list: what it asked for, and its copy.
struct Watcher {
    cx: Cx,
    stream: Option<Stream>,
    token: String,
    seen: u64,
    wanted: WatchLobbies,
    version: u64,
    copy: BTreeMap<LobbyId, LobbySummary>,
    /// How many events told it of something.
    told: usize,
    /// How many of them told it everything.
    wholes: usize,
}

impl Watcher {
    async fn new(hall: &TestHall, signed_in: &SignedIn, wanted: WatchLobbies) -> Self {
        let cx = people::call(&hall.hall, signed_in).await;
        let (token, copy) = (String::new(), BTreeMap::new());
        let mut watcher =
            Self { cx, stream: None, token, seen: 0, wanted, version: 0, copy, told: 0, wholes: 0 };
        watcher.connect().await;
        watcher
    }

    /// Comes back to its stream, or to a new one, on which it watches again.
    async fn connect(&mut self) {
        let resume = (self.seen > 0).then(|| Resume { token: self.token.clone(), seq: self.seen });
        let mut stream = snapshot::open(&self.cx, resume.as_ref()).await.unwrap();
        let (seq, first) = stream.take(1).unwrap().remove(0);
        self.stream = Some(stream);
        self.seen = seq;
        if let Event::SessionReady(ready) | Event::SessionStale(ready) = first.event() {
            self.token = ready.resume_token.clone();
            self.watch().await;
        }
    }

    async fn watch(&mut self) {
        let watch = watch(&self.cx, self.wanted.clone()).await.unwrap();
        self.version = watch.version;
        self.copy = watch.lobbies.into_iter().map(|lobby| (lobby.id, lobby)).collect();
    }

    /// Takes in what came since.
    fn hear(&mut self) {
        let Some(stream) = &mut self.stream else { return };
        // What was missed before a resume comes first, and by itself.
        let mut heard = stream.take(usize::MAX).unwrap();
        heard.extend(stream.take(usize::MAX).unwrap());
        for (seq, frame) in heard {
            assert_eq!(seq, self.seen + 1, "every event once and in order");
            self.seen = seq;
            let Event::LobbyListUpdated(updated) = frame.event() else { continue };
            assert!(!updated.lobbies.is_empty() || updated.is_whole, "never of nothing");
            if updated.version <= self.version {
                continue;
            }
            (self.version, self.told) = (updated.version, self.told + 1);
            if updated.is_whole {
                self.copy.clear();
                self.wholes += 1;
            }
            for (id, lobby) in &updated.lobbies {
                match lobby {
                    Some(lobby) => self.copy.insert(*id, lobby.clone()),
                    None => self.copy.remove(id),
                };
            }
        }
    }

    /// The page that this list is.
    async fn page(&self) -> BTreeMap<LobbyId, LobbySummary> {
        let WatchLobbies { filter, order, limit } = self.wanted.clone();
        let page = ListLobbies { filter, order, limit, ..ListLobbies::default() };
        list(&self.cx, page).await.unwrap().items.into_iter().map(|lobby| (lobby.id, lobby)).collect()
    }

    fn names(&self) -> Vec<&str> {
        self.copy.values().map(|lobby| lobby.name.as_str()).collect()
    }
}

fn wanted(filter: Value, order: LobbyOrder, limit: usize) -> WatchLobbies {
    let filter = Some(serde_json::from_value(filter).unwrap());
    WatchLobbies { filter, order: Some(order), limit: Some(limit) }
}

/// Returns once all that is to be told by now is told.
async fn told(hall: &TestHall) {
    for _ in 0..2_000 {
        hall.clock.advance(TICK);
        tokio::time::sleep(Duration::from_millis(2)).await;
        if hall.hall.lobbies().index.is_all_told() {
            return;
        }
    }
    panic!("this is never told");
}

#[tokio::test]
async fn b35_t105_a_list_is_a_snapshot_and_then_differences_at_most_four_times_a_second() {
    on_both_engines(async |hall| {
        let [host, host_of_more] = people(hall, ["Hal", "Ivo"]).await;
        let den = opened(&host, opening("Den")).await;
        let ana = people::sign_up_guest(&hall.hall).await;
        let cx = people::call(&hall.hall, &ana).await;
        assert_eq!(code(watch(&cx, WatchLobbies::default()).await), "not_connected");
        let mut ana = Watcher::new(hall, &ana, WatchLobbies::default()).await;
        assert_eq!(ana.names(), ["Den"]);
        for name in ["Pit", "Hut", "Inn"] {
            update(&host, UpdateLobby { name: Some(name.into()), ..change(den) }).await.unwrap();
        }
        let more = opened(&host_of_more, opening("More")).await;
        ana.hear();
        assert_eq!((ana.told, ana.names()), (0, vec!["Den"]), "its time has not come");
        told(hall).await;
        ana.hear();
        let mut names = ana.names();
        names.sort_unstable();
        assert_eq!((ana.told, names), (1, vec!["Inn", "More"]));
        assert_eq!(ana.copy, ana.page().await);
        // Watching twice is one stream.
        ana.watch().await;
        close(&host_of_more, CloseLobby { lobby_id: more, reason: None }).await.unwrap();
        told(hall).await;
        ana.hear();
        assert_eq!(
            (ana.told, ana.names()),
            (2, vec!["Inn"]),
            "a lobby that closed is gone, and told so once"
        );
        unwatch(&ana.cx, UnwatchLobbies {}).await.unwrap();
        unwatch(&ana.cx, UnwatchLobbies {}).await.unwrap();
        leaves(&host, den).await;
        told(hall).await;
        ana.hear();
        assert_eq!(ana.told, 2);
        assert_eq!(hall.hall.lobbies().index.watches_left(), [0; 4]);
    })
    .await;
}

#[tokio::test]
async fn criterion_30_the_start_and_the_end_of_a_match_are_told_to_members_and_list() {
    on_both_engines(async |hall| {
        let [host] = people(hall, ["Hal"]).await;
        let lobby = opened(&host, opening("Den")).await;
        let ana = people::sign_up_guest(&hall.hall).await;
        let mut ana = Watcher::new(hall, &ana, WatchLobbies::default()).await;
        let members = Ear::at(hall, [Topic::Lobby(lobby)]);
        let says = |status: &str| {
            let patches = members.patches();
            let patch = patches.iter().find(|patch| patch["status"] == status);
            patch.unwrap_or_else(|| panic!("never {status}: {patches:?}")).clone()
        };
        let go = StartLobby { lobby_id: lobby, countdown_ms: Some(0) };
        let match_id = start_game(&host, go).await.unwrap().lobby.match_id.unwrap();
        assert_eq!(says("running")["match_id"], json!(match_id));
        told(hall).await;
        ana.hear();
        assert_eq!(ana.copy[&lobby].status, LobbyStatus::Running);
        played(&host, match_id).await;
        assert_eq!(says("waiting").get("match_id"), Some(&Value::Null));
        told(hall).await;
        ana.hear();
        assert_eq!(ana.copy[&lobby].status, LobbyStatus::Waiting);
    })
    .await;
}

#[tokio::test]
async fn who_is_invited_sees_the_hidden_lobby_appear_and_who_loses_it_sees_it_go() {
    on_both_engines(async |hall| {
        let [host] = people(hall, ["Hal"]).await;
        let hidden = OpenLobby { access: Some(LobbyAccess::InviteOnly), ..opening("Hidden") };
        let hidden = opened(&host, hidden).await;
        let ana = people::sign_up_guest(&hall.hall).await;
        let mut ana = Watcher::new(hall, &ana, WatchLobbies::default()).await;
        assert_eq!(ana.names(), [""; 0]);
        invite(&host, InviteToLobby { lobby_id: hidden, user_id: id(&ana.cx) }).await.unwrap();
        told(hall).await;
        ana.hear();
        assert_eq!((ana.names(), ana.wholes), (vec!["Hidden"], 1));
        plays(&ana.cx, hidden).await.unwrap();
        told(hall).await;
        ana.hear();
        assert_eq!((ana.copy[&hidden].players, ana.wholes), (2, 1), "from then on she hears what changes");
        let kick_her = KickFromLobby {
            lobby_id: hidden,
            user_id: id(&ana.cx),
            ban_seconds: None,
            reason: Some("for the test".into()),
        };
        kick(&host, kick_her).await.unwrap();
        told(hall).await;
        ana.hear();
        assert_eq!((ana.names(), ana.wholes), (vec![], 2));
        assert_eq!(ana.copy, ana.page().await);
    })
    .await;
}

#[tokio::test]
async fn who_is_staff_no_more_sees_no_more_than_others() {
    people::with_accounts(async |hall| {
        let [host] = people(hall, ["Hal"]).await;
        let hidden = OpenLobby { access: Some(LobbyAccess::InviteOnly), ..opening("Hidden") };
        let hidden = opened(&host, hidden).await;
        let sue = people::sign_up(&hall.hall, "Sue").await;
        let server = hall.server();
        let role = CreateRole {
            name: "lobby_staff".into(),
            about: String::new(),
            permissions: vec![MODERATE.0.to_owned()],
            reason: "for the test".into(),
        };
        accounts::create_role(&server, role).await.unwrap();
        let grant = GrantRole {
            user_id: sue.user.id,
            role: "lobby_staff".into(),
            ends_at: None,
            reason: "for the test".into(),
        };
        accounts::grant_role(&server, grant).await.unwrap();
        let mut sue = Watcher::new(hall, &sue, WatchLobbies::default()).await;
        assert_eq!(sue.names(), ["Hidden"]);
        let rename = |name: &str| UpdateLobby { name: Some(name.into()), ..change(hidden) };
        update(&host, rename("Hut")).await.unwrap();
        told(hall).await;
        sue.hear();
        assert_eq!(sue.names(), ["Hut"]);
        let user_id = id(&sue.cx);
        let revoke = RevokeRole { user_id, role: "lobby_staff".into(), reason: "for the test".into() };
        accounts::revoke_role(&server, revoke).await.unwrap();
        update(&host, rename("Secret")).await.unwrap();
        told(hall).await;
        sue.hear();
        assert_eq!((sue.names(), sue.wholes), (vec![], 1), "not even the change that came then");
    })
    .await;
}

/// Somebody who opens, changes and closes lobbies.
struct Host {
    cx: Cx,
    lobby: Option<LobbyId>,
}

impl Host {
    async fn act(&mut self, random: &dyn Random, watchers: &[Watcher]) {
        let chance = |below: u64| random.below(below);
        let Some(lobby_id) = self.lobby else {
            let access = (chance(3) == 0).then_some(LobbyAccess::InviteOnly);
            let tags = if chance(2) == 0 { vec!["eu".to_owned()] } else { Vec::new() };
            let name = format!("Den {}", chance(10));
            self.lobby = Some(opened(&self.cx, OpenLobby { access, tags, ..opening(&name) }).await);
            return;
        };
        let access = if chance(2) == 0 { LobbyAccess::InviteOnly } else { LobbyAccess::Open };
        let user_id = id(&watchers[chance(watchers.len() as u64) as usize].cx);
        match chance(8) {
            0 => {
                close(&self.cx, CloseLobby { lobby_id, reason: None }).await.unwrap();
                self.lobby = None;
            }
            1 => drop(
                update(&self.cx, UpdateLobby { access: Some(access), ..change(lobby_id) }).await.unwrap(),
            ),
            2 => drop(invite(&self.cx, InviteToLobby { lobby_id, user_id }).await),
            3 => drop(uninvite(&self.cx, UninviteFromLobby { lobby_id, user_id }).await),
            4 => {
                let size = chance(4) as u32 + 1;
                let teams = Some(TeamsShape { count: 2, size });
                update(&self.cx, UpdateLobby { teams, ..change(lobby_id) }).await.unwrap();
            }
            5 => {
                let properties = LobbyPropertiesChange {
                    public: Map::from_iter([("level".to_owned(), json!(chance(5)))]),
                    ..LobbyPropertiesChange::default()
                };
                let change = UpdateLobby { properties: Some(properties), ..change(lobby_id) };
                update(&self.cx, change).await.unwrap();
            }
            _ => {
                let name = Some(format!("Den {}", chance(10)));
                update(&self.cx, UpdateLobby { name, ..change(lobby_id) }).await.unwrap();
            }
        }
    }
}

/// What a client does that watches: reads or not, loses its socket, comes back, watches something else.
async fn behave(watcher: &mut Watcher, random: &dyn Random, lists: &[WatchLobbies]) {
    match random.below(10) {
        0 => watcher.stream = None,
        1 | 2 if watcher.stream.is_none() => watcher.connect().await,
        3 if watcher.stream.is_some() => {
            watcher.wanted = lists[random.below(lists.len() as u64) as usize].clone();
            watcher.watch().await;
        }
        4..8 => watcher.hear(),
        _ => {}
    }
}

#[tokio::test]
async fn whoever_watches_has_what_a_page_says_through_slow_reading_resumes_and_restarts() {
    on_both_engines(async |hall| {
        for seed in seeds(2) {
            let random: Arc<dyn Random> = SeededRandom::from_seed(seed);
            let lists = [
                WatchLobbies::default(),
                wanted(json!({ "tags": { "any": ["eu"] } }), LobbyOrder::Name, 2),
                wanted(json!({ "seats": { "least": 4 } }), LobbyOrder::FreeSeats, 3),
                wanted(
                    json!({ "any": [{ "properties": { "level": { "most": 2 } } }, { "text": "den 3" }] }),
                    LobbyOrder::Newest,
                    4,
                ),
            ];
            let mut hosts = Vec::new();
            for number in 0..5 {
                hosts.push(Host {
                    cx: hall.call(hall.user(&format!("Hal{seed}{number}")).await, &[]),
                    lobby: None,
                });
            }
            let mut watchers = Vec::new();
            for number in 0..6 {
                let guest = people::sign_up_guest(&hall.hall).await;
                watchers.push(Watcher::new(hall, &guest, lists[number % lists.len()].clone()).await);
            }
            for round in 1..=36 {
                for _ in 0..random.below(12) {
                    let number = random.below(5) as usize;
                    hosts[number].act(&*random, &watchers).await;
                    let number = random.below(6) as usize;
                    behave(&mut watchers[number], &*random, &lists).await;
                    if random.below(4) == 0 {
                        hall.clock.advance(TICK);
                        tokio::task::yield_now().await;
                    }
                }
                told(hall).await;
                if round == 18 {
                    hall.restart().await;
                    for host in &mut hosts {
                        host.cx = hall.call(id(&host.cx), &[]);
                    }
                    for watcher in &mut watchers {
                        watcher.stream = None;
                        watcher.cx =
                            Cx::new(&hall.hall, watcher.cx.caller().clone(), crate::Origin::default());
                    }
                }
                for (number, watcher) in watchers.iter_mut().enumerate() {
                    if watcher.stream.is_none() {
                        watcher.connect().await;
                    }
                    watcher.hear();
                    assert_eq!(
                        watcher.copy,
                        watcher.page().await,
                        "seed {seed}, round {round}, watcher {number}"
                    );
                }
            }
            assert!(watchers.iter().map(|watcher| watcher.told).sum::<usize>() > 50, "enough happened");
            assert!(watchers.iter().any(|watcher| watcher.wholes > 0), "some read slowly or saw more");
            for mut host in hosts {
                if let Some(lobby_id) = host.lobby.take() {
                    close(&host.cx, CloseLobby { lobby_id, reason: None }).await.unwrap();
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn nothing_is_left_of_a_watch_whose_session_is_over() {
    on_both_engines(async |hall| {
        let mut watchers = Vec::new();
        for number in 0..4 {
            let guest = people::sign_up_guest(&hall.hall).await;
            let list = wanted(json!({ "players": { "least": number } }), LobbyOrder::Newest, 5);
            watchers.push(Watcher::new(hall, &guest, list).await);
        }
        assert_eq!(hall.hall.lobbies().index.watches_left(), [4; 4]);
        let session = |watcher: &Watcher| watcher.cx.require_identity().unwrap().session_id;
        // A stream that begins anew has no watch.
        watchers[0].token = "forgotten".into();
        watchers[0].wanted = WatchLobbies::default();
        watchers[0].connect().await;
        assert_eq!(hall.hall.lobbies().index.watches_left(), [4; 4]);
        let closing = crate::topics::Closing::new(moothall_protocol::CloseCode::SignedOut, "the end");
        watchers
            .iter()
            .for_each(|watcher| connections::end_session(&hall.hall, session(watcher), closing.clone()));
        assert_eq!(hall.hall.lobbies().index.watches_left(), [0; 4]);
        assert!(hall.hall.lobbies().index.is_all_told());
    })
    .await;
}
