//! Matches that lobbies begin, and what becomes of the lobby.

use moothall_protocol::matches::{
    AbortMatch, AbortWhy, GetMatch, Match, MatchReport, MatchStatus, OwnMatch, ReportMatch, ResultStatus,
};
use moothall_protocol::parties::{CreateParty, JoinParty};

use super::*;
use crate::accounts::HOST;
use crate::{matches, parties};

async fn started(cx: &Cx, lobby_id: LobbyId) -> MatchId {
    let own = start_game(cx, StartLobby { lobby_id, countdown_ms: Some(0) }).await.unwrap();
    assert_eq!(own.lobby.status, LobbyStatus::Running);
    own.lobby.match_id.unwrap()
}

async fn read(cx: &Cx, match_id: MatchId) -> Match {
    own(cx, match_id).await.game
}

async fn own(cx: &Cx, match_id: MatchId) -> OwnMatch {
    matches::get(cx, GetMatch { match_id }).await.unwrap()
}

async fn goes(cx: &Cx, match_id: MatchId) {
    let ready = ReadyMatch { match_id, addresses: Vec::new(), connection: Map::new() };
    matches::ready(cx, ready).await.unwrap();
}

#[tokio::test]
async fn b42_b44_t122_t123_t131_a_start_records_all_there_is_and_counts_players_alone() {
    on_both_engines(async |hall| {
        let [ana, ben, cy, dot] = people(hall, ["Ana", "Ben", "Cy", "Dot"]).await;
        let party =
            CreateParty { max_members: None, invites_by: None, is_open: Some(true), follow_leader: None };
        let party = parties::create(&ana, party).await.unwrap();
        parties::join(&ben, JoinParty { code: party.code.clone().unwrap() }).await.unwrap();
        let with = |text: &str| Map::from_iter([(text.to_owned(), json!(text))]);
        let properties =
            LobbyPropertiesChange { public: with("public"), members: with("members"), host: with("host") };
        let opening = OpenLobby {
            map: Some("hill".into()),
            teams: Some(TeamsShape { count: 3, size: 2 }),
            tags: vec!["Fast".into()],
            is_rated: Some(false),
            properties: Some(properties),
            ..opening("Den")
        };
        let lobby = opened(&ana, opening).await;
        for user in [&ben, &cy] {
            watches(user, lobby).await.unwrap();
            sits(user, lobby, 2).await.unwrap();
        }
        watches(&dot, lobby).await.unwrap();
        let colour =
            UpdateSelf { lobby_id: lobby, is_ready: None, role: None, properties: Some(with("red")) };
        update_self(&ben, colour).await.unwrap();
        let bot = AddLobbyBot { lobby_id: lobby, name: "Robo".into(), team: Some(1), properties: None };
        let bot = add_bot(&ana, bot).await.unwrap().bot_id;
        let match_id = started(&ana, lobby).await;
        let game = read(&ben, match_id).await;
        assert_eq!((game.lobby_id, game.name.as_str(), game.mode.as_str()), (Some(lobby), "Den", "free"));
        assert_eq!(
            (game.map.as_deref(), game.is_rated, game.tags.clone()),
            (Some("hill"), false, vec!["fast".to_owned()])
        );
        assert_eq!((game.host_id, game.host_kind), (ana.user(), HostKind::Player));
        assert_eq!(
            (game.team_count, game.team_size, game.player_count),
            (2, 2, 3),
            "who watches does not count"
        );
        assert_eq!(
            (game.settings.clone(), game.private.clone().unwrap().settings),
            (with("public"), with("members"))
        );
        let team = |user: &Cx| game.members[&id(user)].team;
        assert_eq!([&ana, &ben, &cy, &dot].map(team), [Some(1), Some(2), Some(2), None]);
        let of_party = |user: &Cx| game.members[&id(user)].party_id;
        assert_eq!([&ana, &ben, &cy, &dot].map(of_party), [Some(party.id), Some(party.id), None, None]);
        assert_eq!(game.members[&id(&ben)].properties, with("red"));
        assert_eq!((game.bots[&bot].name.as_str(), game.bots[&bot].team), ("Robo", Some(1)));
        let host = own(&ana, match_id).await.host.unwrap();
        let tokens: Vec<_> =
            [&ana, &ben, &cy, &dot].into_iter().map(|user| host.tokens[&id(user)].clone()).collect();
        for (user, token) in [&ana, &ben, &cy, &dot].into_iter().zip(&tokens) {
            assert_eq!(own(user, match_id).await.token.as_ref(), Some(token));
            assert_eq!(tokens.iter().filter(|other| *other == token).count(), 1, "each their own");
        }
        assert!(own(&ben, match_id).await.host.is_none());
    })
    .await;
}

#[tokio::test]
async fn t124_nobody_starts_twice_or_with_bots_alone() {
    on_both_engines(async |hall| {
        let host = hall.call(hall.user("Hal").await, &[HOST]);
        let [ana] = people(hall, ["Ana"]).await;
        let lobby = opened(&host, OpenLobby { host_kind: Some(HostKind::Dedicated), ..opening("Den") }).await;
        let go = || StartLobby { lobby_id: lobby, countdown_ms: Some(0) };
        assert_eq!(code(start_game(&host, go()).await), "too_few_players");
        let nowhere = StartLobby { lobby_id: host.new_id(), countdown_ms: Some(0) };
        assert_eq!(code(start_game(&host, nowhere).await), "not_found");
        plays(&ana, lobby).await.unwrap();
        let bot = AddLobbyBot { lobby_id: lobby, name: "Robo".into(), team: Some(2), properties: None };
        add_bot(&ana, bot).await.unwrap();
        spectate(&ana, Spectate { lobby_id: lobby, user_id: None }).await.unwrap();
        assert_eq!(code(start_game(&host, go()).await), "no_players");
        sits(&ana, lobby, 1).await.unwrap();
        started(&host, lobby).await;
        assert_eq!(code(start_game(&host, go()).await), "lobby_running");
    })
    .await;
}

#[tokio::test]
async fn the_lobby_goes_back_with_its_seats_when_the_match_ends_is_aborted_or_never_runs() {
    on_both_engines(async |hall| {
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        let lobby = opened(&ana, opening("Den")).await;
        plays(&ben, lobby).await.unwrap();
        let seats = teams(&inside(&ana, lobby).await);
        let waits = async || {
            let now = inside(&ana, lobby).await;
            assert_eq!(teams(&now), seats);
            assert!(now.members.values().all(|member| !member.is_ready));
            (now.status, now.match_id) == (LobbyStatus::Waiting, None)
        };
        let first = started(&ana, lobby).await;
        // Both say how it ended.
        goes(&ana, first).await;
        for user in [&ana, &ben] {
            let outcome = moothall_protocol::matches::MatchOutcome::Won { teams: vec![1] };
            let (players, stats) = (Vec::new(), Map::new());
            let report = MatchReport { outcome, players, stats, duration_ms: None, replay: None };
            matches::report(user, ReportMatch { match_id: first, report }).await.unwrap();
        }
        assert!(waits().await, "as soon as the answer is there");
        let second = started(&ana, lobby).await;
        matches::abort(&ana, AbortMatch { match_id: second, reason: None }).await.unwrap();
        assert!(waits().await);
        // The host says nothing.
        let third = started(&ana, lobby).await;
        hall.clock.advance(Duration::from_millis(hall.hall.settings().matches.ready_ms));
        until(waits).await;
        assert_eq!(read(&ben, third).await.aborted.unwrap().why, AbortWhy::NotReady);
        assert!(first != second && second != third, "each start made one match");
    })
    .await;
}

#[tokio::test]
async fn criterion_30_who_comes_late_joins_the_match_where_the_mode_allows() {
    on_both_engines(async |hall| {
        let [ana, ben, cy] = people(hall, ["Ana", "Ben", "Cy"]).await;
        let lobby = opened(&ana, opening("Den")).await;
        let match_id = started(&ana, lobby).await;
        goes(&ana, match_id).await;
        let ear = Ear::of(hall, &ben);
        let entry = plays(&ben, lobby).await.unwrap().own.unwrap();
        assert_eq!(entry.lobby.match_id, Some(match_id));
        let is_told = |event: &Event| matches!(event, Event::MatchStarted(own) if own.token.is_some());
        until(async || ear.heard_of_lobbies().iter().any(is_told)).await;
        watches(&cy, lobby).await.unwrap();
        until(async || read(&ana, match_id).await.members.contains_key(&id(&cy))).await;
        let game = read(&ana, match_id).await;
        assert_eq!((game.members[&id(&ben)].team, game.members[&id(&cy)].team), (Some(2), None));
        // Who leaves the lobby has played all the same.
        leaves(&ben, lobby).await;
        assert!(read(&ben, match_id).await.members.contains_key(&id(&ben)));
    })
    .await;
}

#[tokio::test]
async fn t117_whoever_closes_a_lobby_aborts_its_match_and_a_host_that_is_gone_does_not() {
    on_both_engines(async |hall| {
        let host = hall.call(hall.user("Hal").await, &[HOST]);
        let [ana] = people(hall, ["Ana"]).await;
        let dedicated = || OpenLobby { host_kind: Some(HostKind::Dedicated), ..opening("Den") };
        let lobby = opened(&host, dedicated()).await;
        plays(&ana, lobby).await.unwrap();
        let match_id = started(&host, lobby).await;
        goes(&host, match_id).await;
        close(&host, CloseLobby { lobby_id: lobby, reason: None }).await.unwrap();
        until(async || read(&ana, match_id).await.status == MatchStatus::Aborted).await;
        assert_eq!(read(&ana, match_id).await.aborted.unwrap().why, AbortWhy::LobbyClosed);

        let lobby = opened(&host, dedicated()).await;
        plays(&ana, lobby).await.unwrap();
        let match_id = started(&host, lobby).await;
        goes(&host, match_id).await;
        follow::leave_behind(hall.hall.downgrade(), id(&host), u64::MAX).await;
        assert_eq!(code(get(&ana, GetLobby { lobby_id: lobby }).await), "not_found");
        until(async || read(&ana, match_id).await.host_lost_until.is_some()).await;
        assert_eq!(read(&ana, match_id).await.status, MatchStatus::Running, "it waits for its host");
    })
    .await;
}

#[tokio::test]
async fn what_a_crash_kept_a_lobby_from_hearing_it_hears_after_the_restart() {
    on_both_engines(async |hall| {
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        let lobby = opened(&ana, opening("Den")).await;
        let match_id = started(&ana, lobby).await;
        goes(&ana, match_id).await;
        // A server beside this one ends the match; the lobby's own does not hear of it.
        let beside = hall.beside().await;
        let identity = Arc::new(ana.identity().unwrap().clone());
        let other = Cx::new(&beside, crate::Caller::Member(identity), crate::Origin::default());
        matches::end(&other, EndMatch { match_id }).await.unwrap();
        beside.close().await;
        assert_eq!(inside(&ana, lobby).await.status, LobbyStatus::Running);
        hall.restart().await;
        let [ana, ben] = [&ana, &ben].map(|user| hall.call(id(user), &[]));
        until(async || inside(&ana, lobby).await.status == LobbyStatus::Waiting).await;
        // A start that is durable is a match, and it waits for its host as it did.
        let second = started(&ana, lobby).await;
        hall.restart().await;
        let [ana, ben] = [&ana, &ben].map(|user| hall.call(id(user), &[]));
        assert_eq!(inside(&ana, lobby).await.match_id, Some(second));
        assert_eq!(read(&ana, second).await.status, MatchStatus::Starting);
        plays(&ben, lobby).await.unwrap();
        until(async || read(&ana, second).await.members.contains_key(&id(&ben))).await;
        hall.clock.advance(Duration::from_millis(hall.hall.settings().matches.ready_ms));
        until(async || inside(&ana, lobby).await.status == LobbyStatus::Waiting).await;
        assert_eq!(read(&ben, second).await.result_status, ResultStatus::None);
    })
    .await;
}
