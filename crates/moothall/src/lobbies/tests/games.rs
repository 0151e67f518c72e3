//! From waiting to the game and back.

use super::*;
use crate::restrictions;

#[tokio::test]
async fn t112_who_does_not_say_in_time_that_they_are_ready_watches() {
    on_both_engines(async |hall| {
        let [ana, ben, cy] = people(hall, ["Ana", "Ben", "Cy"]).await;
        let lobby = opened(&ana, opening("Den")).await;
        plays(&ben, lobby).await.unwrap();
        plays(&cy, lobby).await.unwrap();
        let check = || CheckLobbyReady { lobby_id: lobby };
        assert_eq!(code(check_ready(&ben, check()).await), "lobby_boss_needed");
        let ready = UpdateSelf { lobby_id: lobby, is_ready: Some(true), role: None, properties: None };
        assert!(check_ready(&ana, check()).await.unwrap().lobby.ready_check.is_some());
        let now = update_self(&ben, ready).await.unwrap().lobby;
        assert_eq!(now.ready_check, None, "all have answered");
        let now = check_ready(&ana, check()).await.unwrap().lobby;
        assert!(now.members[&id(&ana)].is_ready && !now.members[&id(&ben)].is_ready, "who asks has answered");
        later(hall, lobby, 30).await;
        let now = inside(&ana, lobby).await;
        assert_eq!((teams(&now)[1].clone(), now.ready_check), (vec![Some(id(&cy))], None));
    })
    .await;
}

#[tokio::test]
async fn b36_t116_the_start_happens_once_and_the_lobby_goes_round_to_waiting_with_its_settings() {
    on_both_engines(async |hall| {
        let [ana, ben, cy] = people(hall, ["Ana", "Ben", "Cy"]).await;
        let lobby = opened(&ana, OpenLobby { map: Some("hill".into()), ..opening("Den") }).await;
        plays(&ben, lobby).await.unwrap();
        watches(&cy, lobby).await.unwrap();
        let go = || StartLobby { lobby_id: lobby, countdown_ms: None };
        let cancel = || CancelLobbyStart { lobby_id: lobby };
        assert_eq!(code(start_game(&ben, go()).await), "lobby_boss_needed");
        let now = start_game(&ana, go()).await.unwrap().lobby;
        assert_eq!(now.status, LobbyStatus::Starting);
        assert_eq!(code(start_game(&ana, go()).await), "lobby_starting");
        assert_eq!(code(sits(&cy, lobby, 1).await), "lobby_starting");
        cancel_start(&ana, cancel()).await.unwrap();
        assert_eq!(code(cancel_start(&ana, cancel()).await), "lobby_not_starting");
        // A player who leaves calls it off.
        start_game(&ana, go()).await.unwrap();
        leaves(&ben, lobby).await;
        assert_eq!(inside(&ana, lobby).await.status, LobbyStatus::Waiting);
        plays(&ben, lobby).await.unwrap();
        let ear = Ear::at(hall, [Topic::Lobby(lobby)]);
        start_game(&ana, go()).await.unwrap();
        later(hall, lobby, 5).await;
        let told = json!(ear.patches()).to_string();
        assert!(told.contains("starting") && told.contains("running"), "spectators hear of it like all");
        let now = inside(&cy, lobby).await;
        assert_eq!((now.status, now.starts_at), (LobbyStatus::Running, None));
        assert_eq!(code(start_game(&ana, go()).await), "lobby_running");
        assert_eq!(get(&ben, GetLobby { lobby_id: lobby }).await.unwrap().status, LobbyStatus::Running);
        let match_id = now.match_id.unwrap();
        // Who comes late sees that a game runs, and which.
        let dot = hall.call(hall.user("Dot").await, &[]);
        let late = plays(&dot, lobby).await.unwrap().own.unwrap().lobby;
        assert_eq!((late.status, late.match_id), (LobbyStatus::Running, Some(match_id)));
        played(&ana, match_id).await;
        let now = inside(&ana, lobby).await;
        assert_eq!(
            (now.status, now.match_id, now.map.as_deref()),
            (LobbyStatus::Waiting, None, Some("hill"))
        );
        // A second start makes a second match.
        start_game(&ana, StartLobby { lobby_id: lobby, countdown_ms: Some(0) }).await.unwrap();
        assert!(inside(&ana, lobby).await.match_id.is_some_and(|second| second != match_id));
    })
    .await;
}

#[tokio::test]
async fn where_nobody_joins_a_running_game_seats_are_given_out_when_it_is_over() {
    on_both_engines(async |hall| {
        let staff = hall.call(hall.user("Sue").await, &[MANAGE_MODES]);
        let mode = PutGameMode {
            slug: "closed".into(),
            name: "Closed".into(),
            teams: ModeTeams {
                count_min: 2,
                count_max: 2,
                size_min: 1,
                size_max: 1,
                default: TeamsShape { count: 2, size: 1 },
            },
            roles: Vec::new(),
            maps: Vec::new(),
            spectators_max: 5,
            players_min: Some(2),
            allows_bots: None,
            joins_running: None,
            needs_ready: Some(true),
            properties: None,
            if_version: None,
            reason: "for the test".into(),
        };
        modes::put(&staff, mode).await.unwrap();
        let [ana, ben, cy] = people(hall, ["Ana", "Ben", "Cy"]).await;
        let lobby = opened(&ana, OpenLobby { mode: "closed".into(), ..opening("Den") }).await;
        let go = || StartLobby { lobby_id: lobby, countdown_ms: None };
        assert_eq!(code(start_game(&ana, go()).await), "too_few_players");
        plays(&ben, lobby).await.unwrap();
        assert_eq!(code(start_game(&ana, go()).await), "players_not_ready");
        let ready = UpdateSelf { lobby_id: lobby, is_ready: Some(true), role: None, properties: None };
        for user in [&ana, &ben] {
            update_self(user, ready.clone()).await.unwrap();
        }
        let bot = AddLobbyBot { lobby_id: lobby, name: "Robo".into(), team: None, properties: None };
        assert_eq!(code(add_bot(&ana, bot).await), "no_bots_in_mode");
        start_game(&ana, go()).await.unwrap();
        later(hall, lobby, 5).await;
        leaves(&ben, lobby).await;
        assert_eq!(plays(&cy, lobby).await.unwrap().own.unwrap().lobby.queue, [id(&cy)]);
        assert_eq!(code(sits(&cy, lobby, 2).await), "lobby_running");
        let match_id = inside(&ana, lobby).await.match_id.unwrap();
        played(&ana, match_id).await;
        let now = inside(&ana, lobby).await;
        assert_eq!(teams(&now)[1], [Some(id(&cy))]);
        assert!(now.members.values().all(|member| !member.is_ready));
    })
    .await;
}

#[tokio::test]
async fn a_restriction_until_matches_are_played_is_not_played_away_alone() {
    on_both_engines(async |hall| {
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        let until_one = moothall_protocol::restrictions::ImposeRestriction {
            user_id: id(&ana),
            types: vec!["rename".into()],
            scope: Default::default(),
            reason: "for a test".into(),
            public_reason: "for a test".into(),
            evidence: Default::default(),
            ends_at: None,
            after_matches: Some(1),
            source: moothall_protocol::restrictions::RestrictionSource::Automatic,
        };
        restrictions::impose_restriction(&hall.server(), until_one).await.unwrap();
        let holds = async || {
            let mine = moothall_protocol::restrictions::MyRestrictions::default();
            !restrictions::mine(&ana, mine).await.unwrap().items.is_empty()
        };
        let play = async |lobby| {
            start_game(&ana, StartLobby { lobby_id: lobby, countdown_ms: Some(0) }).await.unwrap();
            let match_id = inside(&ana, lobby).await.match_id.unwrap();
            played(&ana, match_id).await;
        };
        let lobby = opened(&ana, opening("Den")).await;
        play(lobby).await;
        assert!(holds().await);
        plays(&ben, lobby).await.unwrap();
        play(lobby).await;
        assert!(!holds().await);
    })
    .await;
}
