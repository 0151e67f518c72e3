//! Balancing the teams.

use moothall_protocol::relationships::{Avoid, Block};

use super::*;
use crate::accounts::testing as people;
use crate::connections::Placed;
use crate::snapshot;

fn balancing(lobby_id: LobbyId) -> BalanceLobby {
    BalanceLobby { lobby_id, choice: None, is_preview: None }
}

fn seat(cx: &Cx) -> LobbySeat {
    LobbySeat::User { user_id: id(cx) }
}

#[tokio::test]
async fn teams_are_made_even_bots_counted_by_who_may_and_while_nothing_starts() {
    on_both_engines(async |hall| {
        let [ana, ben, cy, dot] = people(hall, ["Ana", "Ben", "Cy", "Dot"]).await;
        let teams = Some(TeamsShape { count: 2, size: 4 });
        let lobby = opened(&ana, OpenLobby { teams, ..opening("Den") }).await;
        assert_eq!(code(balance(&ana, balancing(lobby)).await), "nothing_to_balance");
        for player in [&ben, &cy] {
            plays(player, lobby).await.unwrap();
            sits(player, lobby, 1).await.unwrap();
        }
        watches(&dot, lobby).await.unwrap();
        let bot = AddLobbyBot { lobby_id: lobby, name: "Robo".into(), team: Some(1), properties: None };
        let bot = add_bot(&ana, bot).await.unwrap().bot_id;
        assert_eq!(code(balance(&ben, balancing(lobby)).await), "lobby_boss_needed");
        let [stranger] = people(hall, ["Eve"]).await;
        assert_eq!(code(balance(&stranger, balancing(lobby)).await), "not_in_lobby");
        let preview = BalanceLobby { is_preview: Some(true), ..balancing(lobby) };
        let told = balance(&ana, preview.clone()).await.unwrap();
        assert_eq!((told.splits.len(), told.taken), (3, None));
        assert_eq!(teams_of_seats(&inside(&ana, lobby).await)[0].len(), 4, "everybody sits where they did");
        assert_eq!(
            balance(&ana, preview).await.unwrap().splits,
            told.splits,
            "the same players, the same splits"
        );
        for (choice, taken) in [(None, 1), (Some(3), 3)] {
            let done = balance(&ana, BalanceLobby { choice, ..balancing(lobby) }).await.unwrap();
            assert_eq!((done.taken, &done.splits), (Some(taken), &told.splits));
            let chosen = &done.splits[taken as usize - 1];
            let seats: Vec<_> = chosen.teams.iter().map(|team| team.seats.clone()).collect();
            assert_eq!(teams_of_seats(&done.own.lobby), seats);
            assert_eq!(seats.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2], "{seats:?}");
            assert!(seats.concat().contains(&LobbySeat::Bot { bot_id: bot }));
            assert!(chosen.teams.iter().all(|team| (team.win_chance - 0.5).abs() < 1e-9), "all are new");
        }
        hall.restart().await;
        let ana = hall.call(id(&ana), &[]);
        assert_eq!(
            teams_of_seats(&inside(&ana, lobby).await).iter().map(Vec::len).collect::<Vec<_>>(),
            [2, 2]
        );
        start_game(&ana, StartLobby { lobby_id: lobby, countdown_ms: None }).await.unwrap();
        assert_eq!(code(balance(&ana, balancing(lobby)).await), "lobby_starting");
        later(hall, lobby, 5).await;
        assert_eq!(code(balance(&ana, balancing(lobby)).await), "lobby_running");
    })
    .await;
}

fn teams_of_seats(lobby: &Lobby) -> Vec<Vec<LobbySeat>> {
    lobby.teams.values().map(|team| team.seats.clone()).collect()
}

/// Has the presence of these two say that they are in a party.
async fn party(hall: &TestHall, players: [&Cx; 2]) {
    let party = hall.server().new_id();
    for player in players {
        connections::place(&hall.server(), id(player), Placed::InParty(party)).await.unwrap();
    }
}

#[tokio::test]
async fn who_came_together_plays_together() {
    on_both_engines(async |hall| {
        let mut players = Vec::new();
        for _ in 0..6 {
            let guest = people::sign_up_guest(&hall.hall).await;
            let cx = people::call(&hall.hall, &guest).await;
            let stream = snapshot::open(&cx, None).await.unwrap();
            players.push((cx, stream));
        }
        let cx = |number: usize| &players[number].0;
        party(hall, [cx(0), cx(1)]).await;
        party(hall, [cx(2), cx(3)]).await;
        let teams = Some(TeamsShape { count: 2, size: 3 });
        let lobby = opened(cx(0), OpenLobby { teams, ..opening("Den") }).await;
        for number in 1..6 {
            plays(cx(number), lobby).await.unwrap();
        }
        let told = balance(cx(0), balancing(lobby)).await.unwrap();
        assert!(!told.splits.is_empty());
        for split in &told.splits {
            for [one, other] in [[0, 1], [2, 3]] {
                let team = split.teams.iter().find(|team| team.seats.contains(&seat(cx(one)))).unwrap();
                assert!(team.seats.contains(&seat(cx(other))), "{split:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn t069_those_who_avoid_or_block_each_other_are_in_two_teams_if_one_of_the_fairest_splits_has_it_so() {
    on_both_engines(async |hall| {
        for (blocks, names) in [(false, ["Ana", "Ben", "Cy"]), (true, ["Dan", "Eve", "Fay"])] {
            let [ana, ben, cy] = people(hall, names).await;
            let teams = Some(TeamsShape { count: 2, size: 2 });
            let lobby = opened(&ana, OpenLobby { teams, ..opening("Den") }).await;
            for player in [&ben, &cy] {
                plays(player, lobby).await.unwrap();
            }
            let preview = BalanceLobby { is_preview: Some(true), ..balancing(lobby) };
            let together = |split: &LobbySplit, one: &Cx, other: &Cx| {
                split
                    .teams
                    .iter()
                    .any(|team| team.seats.contains(&seat(one)) && team.seats.contains(&seat(other)))
            };
            let before = balance(&ana, preview.clone()).await.unwrap().splits;
            let pairs = [(&ana, &ben), (&ana, &cy), (&ben, &cy)];
            let first = pairs.into_iter().find(|(one, other)| together(&before[0], one, other)).unwrap();
            let user_id = id(first.0);
            if blocks {
                relationships::block(first.1, Block { user_id }).await.unwrap();
            } else {
                relationships::avoid(first.1, Avoid { user_id }).await.unwrap();
            }
            hall.clock.advance(Duration::from_secs(3 * 3_600));
            let after = balance(&ana, preview).await.unwrap().splits;
            assert!(!together(&after[0], first.0, first.1), "{after:?}");
        }
    })
    .await;
}
