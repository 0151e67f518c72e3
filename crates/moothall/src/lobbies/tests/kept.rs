//! Lobbies that the server keeps, by policies, and hosts from pools for their games.

use moothall_protocol::hosts::{BeatHost, HostState, MyHost, PutHostPool, RegisterHost};
use moothall_protocol::limits::{LOBBY_POLICIES_MAX, LOBBY_POLICY_LOBBIES_MAX};

use moothall_protocol::matches::{AbortWhy, GetMatch};

use super::*;
use crate::accounts::testing::{call, sign_up_guest};
use crate::{accounts, hosts, snapshot};

fn policy(slug: &str, open_min: u32) -> PutLobbyPolicy {
    PutLobbyPolicy {
        slug: slug.to_owned(),
        name: "Arena {n}".into(),
        mode: "free".into(),
        open_min,
        pool: None,
        game_version: None,
        regions: Vec::new(),
        teams: Some(TeamsShape { count: 2, size: 1 }),
        map: None,
        is_rated: None,
        tags: vec!["official".into()],
        if_version: None,
        reason: "for the test".into(),
    }
}

async fn staff(hall: &TestHall) -> Cx {
    hall.call(hall.user("Sue").await, &[MANAGE_POLICIES, hosts::MANAGE, crate::audit::READ])
}

/// The names of all lobbies there are, and how many are in each.
async fn names(cx: &Cx) -> Vec<(String, u32)> {
    keeper::settled(cx.hall()).await;
    let all = ListLobbies { order: Some(LobbyOrder::Name), limit: Some(200), ..ListLobbies::default() };
    let page = list(cx, all).await.unwrap();
    page.items.into_iter().map(|lobby| (lobby.name, lobby.players + lobby.spectators)).collect()
}

async fn named(cx: &Cx, name: &str) -> LobbyId {
    keeper::settled(cx.hall()).await;
    let all = ListLobbies { limit: Some(200), ..ListLobbies::default() };
    let page = list(cx, all).await.unwrap();
    page.items.into_iter().find(|lobby| lobby.name == name).unwrap_or_else(|| panic!("no {name}")).id
}

/// A pool with one host that has so many places.
async fn host(hall: &TestHall, staff: &Cx, capacity: u32) -> Cx {
    let pool = PutHostPool {
        slug: "eu".into(),
        name: "Europe".into(),
        modes: Vec::new(),
        versions: Vec::new(),
        regions: Vec::new(),
        if_version: None,
        reason: "for the test".into(),
    };
    hosts::put_pool(staff, pool).await.unwrap();
    let host = hall.call(hall.user("Helm").await, &[accounts::HOST]);
    registers(&host, capacity).await;
    host
}

async fn registers(host: &Cx, capacity: u32) {
    let input = RegisterHost {
        pool: "eu".into(),
        version: "1".into(),
        region: "eu".into(),
        addresses: vec!["192.0.2.1:7000".into()],
        capacity,
        labels: Vec::new(),
        running: None,
    };
    hosts::register(host, input).await.unwrap();
}

async fn reserved(host: &Cx) -> usize {
    hosts::mine(host, MyHost {}).await.unwrap().reservations.len()
}

/// All players vote for the start.
async fn vote_for_start(lobby: LobbyId, players: &[&Cx]) {
    let [first, others @ ..] = players else { panic!("nobody") };
    let called =
        call_vote(first, CallLobbyVote { lobby_id: lobby, subject: VoteSubject::Start }).await.unwrap();
    for other in others {
        let Some(vote) = &called.lobby.vote else { break };
        let cast = CastLobbyVote { lobby_id: lobby, number: vote.number, choice: VoteChoice::Yes };
        cast_vote(other, cast).await.unwrap();
    }
    places::settled(first.hall(), lobby).await;
}

#[tokio::test]
async fn t120_the_server_keeps_so_many_lobbies_open_and_closes_what_is_empty_and_too_much() {
    on_both_engines(async |hall| {
        let sue = staff(hall).await;
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        policies::put(&sue, policy("arena", 2)).await.unwrap();
        let entry = |name: &str, members| (name.to_owned(), members);
        assert_eq!(names(&ana).await, [entry("Arena 1", 0), entry("Arena 2", 0)]);
        let first = named(&ana, "Arena 1").await;
        plays(&ana, first).await.unwrap();
        assert_eq!(names(&ana).await.len(), 2, "it still has a seat");
        plays(&ben, first).await.unwrap();
        assert_eq!(names(&ana).await, [entry("Arena 1", 2), entry("Arena 2", 0), entry("Arena 3", 0)]);
        let now = inside(&ana, first).await;
        assert_eq!((now.host_kind, now.host_id), (HostKind::Server, accounts::SYSTEM));
        assert_eq!((now.policy.as_deref(), now.has_bosses), (Some("arena"), true));
        // Nobody hosts it: what a host decides, nobody does, and the rest is voted on.
        assert_eq!(
            code(start_game(&ana, StartLobby { lobby_id: first, countdown_ms: None }).await),
            "lobby_boss_needed"
        );
        let rename = UpdateLobby { name: Some("Mine".into()), ..change(first) };
        assert_eq!(code(update(&ana, rename).await), "lobby_host_needed");
        assert_eq!(
            code(close(&ana, CloseLobby { lobby_id: first, reason: None }).await),
            "lobby_host_needed"
        );
        // A seat frees, and one lobby is too much.
        leaves(&ben, first).await;
        assert_eq!(names(&ana).await, [entry("Arena 1", 1), entry("Arena 2", 0)]);
        leaves(&ana, first).await;
        assert_eq!(names(&ana).await, [entry("Arena 1", 0), entry("Arena 2", 0)], "an empty one stays");
        plays(&ana, first).await.unwrap();
        hall.restart().await;
        let [ana, sue] = [&ana, &sue].map(|user| hall.call(id(user), &[MANAGE_POLICIES]));
        assert_eq!(names(&ana).await, [entry("Arena 1", 1), entry("Arena 2", 0)], "they survive a restart");
        assert_eq!(inside(&ana, first).await.members.len(), 1);
        // Another policy is another lobby, but for those in which somebody is.
        let renamed = PutLobbyPolicy { name: "Pit {n}".into(), ..policy("arena", 2) };
        policies::put(&sue, renamed).await.unwrap();
        assert_eq!(names(&ana).await, [entry("Arena 1", 1), entry("Pit 1", 0)]);
        let gone = RemoveLobbyPolicy { slug: "arena".into(), reason: "for the test".into() };
        policies::remove(&sue, gone).await.unwrap();
        assert_eq!(names(&ana).await, [entry("Arena 1", 1)]);
        leaves(&ana, first).await;
        assert_eq!(names(&ana).await, []);
    })
    .await;
}

#[tokio::test]
async fn at_the_start_a_host_is_taken_from_the_pool_and_given_back_when_the_game_is_over() {
    on_both_engines(async |hall| {
        let sue = staff(hall).await;
        let host = host(hall, &sue, 1).await;
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        policies::put(&sue, PutLobbyPolicy { pool: Some("eu".into()), ..policy("arena", 1) }).await.unwrap();
        let lobby = named(&ana, "Arena 1").await;
        for player in [&ana, &ben] {
            plays(player, lobby).await.unwrap();
        }
        let ear = Ear::of(hall, &host);
        vote_for_start(lobby, &[&ana, &ben]).await;
        let now = inside(&ana, lobby).await;
        assert_eq!((now.status, now.host_id), (LobbyStatus::Starting, id(&host)));
        assert_eq!(now.properties.members["host"]["addresses"], json!(["192.0.2.1:7000"]));
        let hosted = ear.heard_of_lobbies().into_iter().find_map(|event| match event {
            Event::LobbyHosted(hosted) => Some(hosted),
            _ => None,
        });
        let secrets = hosted.expect("the host hears of it").host.secrets;
        assert_eq!(secrets.len(), 2, "it knows the players");
        assert_eq!(reserved(&host).await, 1);
        // A player leaves: it is called off, and the host is free.
        leaves(&ben, lobby).await;
        let now = inside(&ana, lobby).await;
        assert_eq!((now.status, now.host_id), (LobbyStatus::Waiting, accounts::SYSTEM));
        assert!(!now.properties.members.contains_key("host"));
        places::settled(&hall.hall, lobby).await;
        assert_eq!(reserved(&host).await, 0);
        plays(&ben, lobby).await.unwrap();
        vote_for_start(lobby, &[&ana, &ben]).await;
        later(hall, lobby, 5).await;
        let now = inside(&ana, lobby).await;
        assert_eq!(now.status, LobbyStatus::Running);
        let match_id = hosts::mine(&host, MyHost {}).await.unwrap().reservations[0].match_id;
        assert_eq!(now.match_id, Some(match_id), "the place is the match's");
        hall.restart().await;
        let [ana, host] = [&ana, &host].map(|user| hall.call(id(user), &[accounts::HOST]));
        registers(&host, 1).await;
        assert_eq!(reserved(&host).await, 1);
        assert_eq!(inside(&ana, lobby).await.status, LobbyStatus::Running);
        played(&host, match_id).await;
        assert_eq!(reserved(&host).await, 0);
        assert_eq!(inside(&ana, lobby).await.status, LobbyStatus::Waiting);
    })
    .await;
}

#[tokio::test]
async fn without_a_free_host_players_are_told_why_and_may_start_again_at_once() {
    on_both_engines(async |hall| {
        let sue = staff(hall).await;
        let ana = call(&hall.hall, &sign_up_guest(&hall.hall).await).await;
        // Time passes: who is not connected would have left.
        let _stream = snapshot::open(&ana, None).await.unwrap();
        policies::put(&sue, PutLobbyPolicy { pool: Some("eu".into()), ..policy("arena", 1) }).await.unwrap();
        let lobby = named(&ana, "Arena 1").await;
        plays(&ana, lobby).await.unwrap();
        let ear = Ear::at(hall, [Topic::Lobby(lobby)]);
        let unhosted = |ear: &Ear| {
            let events = ear.heard_of_lobbies().into_iter().filter_map(|event| match event {
                Event::LobbyUnhosted(unhosted) => Some(unhosted.reason),
                _ => None,
            });
            events.collect::<Vec<_>>()
        };
        vote_for_start(lobby, &[&ana]).await;
        assert_eq!(unhosted(&ear), [HostMissing::NoHost]);
        let now = inside(&ana, lobby).await;
        assert_eq!((now.status, now.members.len()), (LobbyStatus::Waiting, 1));
        let host = host(hall, &sue, 1).await;
        vote_for_start(lobby, &[&ana]).await;
        assert_eq!(inside(&ana, lobby).await.status, LobbyStatus::Starting);
        later(hall, lobby, 5).await;
        assert_eq!(inside(&ana, lobby).await.status, LobbyStatus::Running);
        assert_eq!(unhosted(&ear), []);
        let match_id = inside(&ana, lobby).await.match_id.unwrap();
        let ready = ReadyMatch { match_id, addresses: Vec::new(), connection: Map::new() };
        crate::matches::ready(&host, ready).await.unwrap();
        // The host vanishes, and does not come back: the game is over when its time is.
        let settings = hall.hall.settings().hosts.clone();
        let is = async |wanted: LobbyStatus| {
            for _ in 0..2_000 {
                if inside(&ana, lobby).await.status == wanted {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            panic!("it never is {wanted:?}");
        };
        let is_lost = async || {
            hall.clock.advance(Duration::from_millis(settings.lost_after_ms));
            for _ in 0..2_000 {
                if hosts::mine(&host, MyHost {}).await.unwrap().state == HostState::Lost {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            panic!("it never is lost");
        };
        is_lost().await;
        is(LobbyStatus::Running).await;
        hosts::beat(&host, BeatHost::default()).await.unwrap();
        is_lost().await;
        hall.clock.advance(Duration::from_millis(settings.adopt_ms));
        is(LobbyStatus::Waiting).await;
        assert_eq!(unhosted(&ear), [HostMissing::HostLost]);
        let game = crate::matches::get(&ana, GetMatch { match_id }).await.unwrap().game;
        assert_eq!(game.aborted.map(|aborted| aborted.why), Some(AbortWhy::HostLost));
    })
    .await;
}

#[tokio::test]
async fn a_start_that_the_server_stopped_in_gets_its_host_and_one_that_was_called_off_gives_it_back() {
    on_both_engines(async |hall| {
        let sue = staff(hall).await;
        let host = host(hall, &sue, 2).await;
        let [ana] = people(hall, ["Ana"]).await;
        policies::put(&sue, PutLobbyPolicy { pool: Some("eu".into()), ..policy("arena", 1) }).await.unwrap();
        let lobby = named(&ana, "Arena 1").await;
        plays(&ana, lobby).await.unwrap();
        // A place that was asked for, and is wanted no longer, by a server that died before it could say so.
        let stray = hall.server().new_id();
        hosts::reserve(&hall.server(), hosts::Wanted { mode: "free".into(), ..Default::default() }, stray)
            .await
            .unwrap();
        hall.server().write(move |tx| store::note_released(tx, stray)).await.unwrap();
        vote_for_start(lobby, &[&ana]).await;
        assert_eq!(reserved(&host).await, 2);
        hall.restart().await;
        let [ana, host] = [&ana, &host].map(|user| hall.call(id(user), &[accounts::HOST]));
        for _ in 0..2_000 {
            if reserved(&host).await == 1 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(reserved(&host).await, 1);
        later(hall, lobby, 5).await;
        assert_eq!(inside(&ana, lobby).await.status, LobbyStatus::Running);
        assert_eq!(hall.server().read(store::given_back).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn policies_are_data_that_staff_changes_and_every_change_of_them_is_audited() {
    on_both_engines(async |hall| {
        let sue = staff(hall).await;
        let [ana] = people(hall, ["Ana"]).await;
        assert_eq!(code(policies::put(&ana, policy("arena", 1)).await), "forbidden");
        let strange = PutLobbyPolicy { mode: "chess".into(), ..policy("arena", 1) };
        assert_eq!(code(policies::put(&sue, strange).await), "no_such_game_mode");
        let large = TeamsShape { count: 16, size: 64 };
        let large = PutLobbyPolicy { teams: Some(large), ..policy("arena", 1) };
        assert_eq!(code(policies::put(&sue, large).await), "lobby_teams_refused");
        let own = OpenLobby { host_kind: Some(HostKind::Server), ..opening("Mine") };
        assert_eq!(code(open(&ana, own).await), "invalid");
        let made = policies::put(&sue, policy("arena", 1)).await.unwrap();
        assert_eq!(policies::put(&sue, policy("arena", 1)).await.unwrap(), made);
        let stale = PutLobbyPolicy { if_version: Some(0), ..policy("arena", 2) };
        assert_eq!(code(policies::put(&sue, stale).await), "version_conflict");
        for number in 1..LOBBY_POLICIES_MAX {
            policies::put(&sue, policy(&format!("p{number}"), 1)).await.unwrap();
        }
        assert_eq!(code(policies::put(&sue, policy("more", 1)).await), "too_many_lobby_policies");
        let log = crate::audit::list(&sue, Default::default()).await.unwrap();
        assert!(log.items.iter().all(|line| line.action == "lobbies.put_policy"));
    })
    .await;
}

#[tokio::test]
async fn so_many_lobbies_of_one_policy_are_open_at_most() {
    on_both_engines(async |hall| {
        let sue = staff(hall).await;
        let policy = policies::put(&sue, policy("arena", 3)).await.unwrap();
        keeper::settled(&hall.hall).await;
        let card = hall.hall.lobbies().index.kept().remove(0);
        // As many that are full.
        let full = |number: usize| {
            let mut card = list::Card::clone(&card);
            card.summary.name = format!("Arena {number}");
            let kept = card.kept.as_mut().unwrap();
            (kept.is_open, kept.is_empty) = (false, false);
            Arc::new(card)
        };
        let of = |count: usize| (1..=count).map(full).collect::<Vec<_>>();
        assert_eq!(keeper::missing(&policy, &of(5)), [6, 7, 8]);
        assert_eq!(keeper::missing(&policy, &of(LOBBY_POLICY_LOBBIES_MAX - 1)).len(), 1);
        assert_eq!(keeper::missing(&policy, &of(LOBBY_POLICY_LOBBIES_MAX)), Vec::<u32>::new());
    })
    .await;
}

#[tokio::test]
async fn a_kept_lobby_that_all_leave_gives_back_its_host_and_waits_again() {
    on_both_engines(async |hall| {
        let sue = staff(hall).await;
        let host = host(hall, &sue, 1).await;
        let [ana] = people(hall, ["Ana"]).await;
        policies::put(&sue, PutLobbyPolicy { pool: Some("eu".into()), ..policy("arena", 1) }).await.unwrap();
        let lobby = named(&ana, "Arena 1").await;
        plays(&ana, lobby).await.unwrap();
        vote_for_start(lobby, &[&ana]).await;
        later(hall, lobby, 5).await;
        let match_id = inside(&ana, lobby).await.match_id.unwrap();
        assert_eq!(reserved(&host).await, 1);
        leaves(&ana, lobby).await;
        for _ in 0..2_000 {
            if reserved(&host).await == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(reserved(&host).await, 0);
        let game = crate::matches::get(&ana, GetMatch { match_id }).await.unwrap().game;
        assert_eq!(game.aborted.map(|aborted| aborted.why), Some(AbortWhy::LobbyClosed));
        plays(&ana, lobby).await.unwrap();
        assert_eq!(inside(&ana, lobby).await.status, LobbyStatus::Waiting);
    })
    .await;
}
