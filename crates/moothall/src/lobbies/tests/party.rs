//! Parties that go where their leader goes.

use moothall_protocol::PartyId;
use moothall_protocol::parties::{AcceptPartyInvite, CreateParty, InviteToParty, LeadParty, UpdateParty};

use super::*;
use crate::parties;

impl Player {
    /// Where they were told to have stayed behind since the last time.
    fn stayed(&mut self) -> Vec<(LobbyId, StayedWhy)> {
        let stayed = self.heard().into_iter().filter_map(|event| match event {
            Event::LobbyStayedBehind(stayed) => Some((stayed.lobby_id, stayed.why)),
            _ => None,
        });
        stayed.collect()
    }
}

/// A party of these, which the first one leads.
async fn party_of(all: &[&Player]) -> PartyId {
    let [leader, others @ ..] = all else { panic!("nobody") };
    let party_id = parties::create(&leader.cx, CreateParty::default()).await.unwrap().id;
    for other in others {
        parties::invite(&leader.cx, InviteToParty { party_id, user_id: other.id() }).await.unwrap();
        parties::accept(&other.cx, AcceptPartyInvite { party_id }).await.unwrap();
    }
    party_id
}

fn of(count: u32, size: u32) -> OpenLobby {
    OpenLobby { teams: Some(TeamsShape { count, size }), ..opening("Den") }
}

#[tokio::test]
async fn t083_a_party_joins_a_lobby_together_in_one_team_and_leaves_it_one_by_one() {
    on_both_engines(async |hall| {
        let [ana, ben, cy, dot] = players(hall).await;
        party_of(&[&ana, &ben, &cy]).await;
        let lobby = opened(&dot.cx, of(2, 3)).await;
        let entry = plays(&ana.cx, lobby).await.unwrap();
        assert!(entry.stayed.is_empty());
        let now = inside(&dot.cx, lobby).await;
        let together = [ana.id(), ben.id(), cy.id()].map(Some);
        assert_eq!(teams(&now), [vec![Some(dot.id())], together.to_vec()]);
        assert_eq!(now.version, 2, "it is one change");
        for player in [&ana, &ben, &cy] {
            assert_eq!(player.lobby().await, Some(lobby));
        }
        // Nobody is pulled out by whoever goes, and joining again brings along who left.
        leaves(&ana.cx, lobby).await;
        assert_eq!(inside(&dot.cx, lobby).await.members.len(), 3);
        plays(&ana.cx, lobby).await.unwrap();
        leaves(&ben.cx, lobby).await;
        plays(&ana.cx, lobby).await.unwrap();
        assert_eq!(ben.lobby().await, Some(lobby));
        hall.restart().await;
        let ben = ben.again(hall).await;
        assert_eq!(ben.lobby().await, Some(lobby));
    })
    .await;
}

#[tokio::test]
async fn a_party_that_finds_no_team_with_so_many_seats_is_spread_and_one_that_does_not_fit_stays_out() {
    on_both_engines(async |hall| {
        let [ana, ben, cy, dot] = players(hall).await;
        party_of(&[&ana, &ben, &cy]).await;
        let lobby = opened(&dot.cx, of(2, 2)).await;
        plays(&ana.cx, lobby).await.unwrap();
        let now = inside(&dot.cx, lobby).await;
        let sizes: Vec<usize> = now.teams.values().map(|team| team.seats.len()).collect();
        assert_eq!((sizes, now.queue.len()), (vec![2, 2], 0));
        for player in [&ana, &ben, &cy] {
            leaves(&player.cx, lobby).await;
        }
        // Two seats, and nobody may watch.
        let sue = hall.call(hall.user("Sue").await, &[MANAGE_MODES]);
        let teams = ModeTeams {
            count_min: 1,
            count_max: 2,
            size_min: 1,
            size_max: 4,
            default: TeamsShape { count: 1, size: 3 },
        };
        let mode = PutGameMode {
            slug: "tight".into(),
            name: "Tight".into(),
            teams,
            roles: Vec::new(),
            maps: Vec::new(),
            spectators_max: 0,
            players_min: None,
            allows_bots: None,
            joins_running: None,
            needs_ready: None,
            properties: None,
            if_version: None,
            reason: "for the test".into(),
        };
        modes::put(&sue, mode).await.unwrap();
        leaves(&dot.cx, lobby).await;
        let tight = OpenLobby { mode: "tight".into(), ..of(1, 3) };
        let lobby = opened(&dot.cx, tight.clone()).await;
        assert_eq!(code(plays(&ana.cx, lobby).await), "party_does_not_fit");
        for player in [&ana, &ben, &cy] {
            assert_eq!(player.lobby().await, None, "not even the leader comes in");
        }
        let too_small = OpenLobby { teams: Some(TeamsShape { count: 1, size: 2 }), ..tight };
        assert_eq!(code(open(&ana.cx, too_small.clone()).await), "party_does_not_fit");
        assert_eq!(ana.lobby().await, None);
        // One who follows nobody goes alone.
        plays(&ben.cx, lobby).await.unwrap();
        assert_eq!(ana.lobby().await, None);
        // Who is elsewhere takes no room.
        let own = open(&ana.cx, too_small).await.unwrap();
        assert_eq!(super::teams(&own.lobby), [[ana.id(), cy.id()].map(Some).to_vec()]);
    })
    .await;
}

#[tokio::test]
async fn members_who_are_elsewhere_away_banned_or_not_invited_stay_where_they_are_and_are_told() {
    on_both_engines(async |hall| {
        let [ana, mut ben, cy, mut dot, eve] = players(hall).await;
        party_of(&[&ana, &ben, &cy, &dot]).await;
        let other = opened(&ben.cx, opening("Pit")).await;
        let lobby = opened(&eve.cx, of(2, 4)).await;
        let ban = KickFromLobby { lobby_id: lobby, user_id: dot.id(), ban_seconds: Some(60), reason: None };
        kick(&eve.cx, ban).await.unwrap();
        let cy_id = cy.id();
        drop(cy);
        let mut stayed = plays(&ana.cx, lobby).await.unwrap().stayed;
        stayed.sort_by_key(|stayed| stayed.user_id);
        let mut expected = [
            StayedBehind { user_id: ben.id(), why: StayedWhy::InLobby },
            StayedBehind { user_id: cy_id, why: StayedWhy::Offline },
            StayedBehind { user_id: dot.id(), why: StayedWhy::NotLetIn },
        ];
        expected.sort_by_key(|stayed| stayed.user_id);
        assert_eq!(stayed, expected);
        assert_eq!(ben.lobby().await, Some(other));
        assert_eq!(ben.stayed(), [(lobby, StayedWhy::InLobby)]);
        assert_eq!(dot.stayed(), [(lobby, StayedWhy::NotLetIn)]);
        assert_eq!(inside(&ana.cx, lobby).await.members.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn where_the_host_approves_all_of_a_party_ask() {
    on_both_engines(async |hall| {
        let [ana, mut ben, eve] = players(hall).await;
        party_of(&[&ana, &ben]).await;
        let lobby = opened(&eve.cx, OpenLobby { access: Some(LobbyAccess::Approval), ..of(2, 2) }).await;
        let entry = plays(&ana.cx, lobby).await.unwrap();
        assert!(entry.request.is_some());
        assert_eq!(entry.stayed, [StayedBehind { user_id: ben.id(), why: StayedWhy::Asked }]);
        assert_eq!(ben.stayed(), [(lobby, StayedWhy::Asked)]);
        for player in [&ana, &ben] {
            approve(&eve.cx, ApproveLobbyRequest { lobby_id: lobby, user_id: player.id() }).await.unwrap();
            assert_eq!(player.lobby().await, Some(lobby));
        }
    })
    .await;
}

#[tokio::test]
async fn nobody_follows_into_the_lobby_of_a_host_who_blocks_them() {
    on_both_engines(async |hall| {
        let [ana, ben, eve] = players(hall).await;
        party_of(&[&ana, &ben]).await;
        let input = moothall_protocol::relationships::Block { user_id: ben.id() };
        relationships::block(&eve.cx, input).await.unwrap();
        let lobby = opened(&eve.cx, of(2, 4)).await;
        let entry = plays(&ana.cx, lobby).await.unwrap();
        assert_eq!(entry.stayed, [StayedBehind { user_id: ben.id(), why: StayedWhy::NotLetIn }]);
        assert_eq!(ben.lobby().await, None);
    })
    .await;
}

#[tokio::test]
async fn a_party_that_is_not_set_so_and_one_that_another_leads_does_not_follow() {
    on_both_engines(async |hall| {
        let [ana, ben, eve] = players(hall).await;
        let party_id = party_of(&[&ana, &ben]).await;
        let lobby = opened(&eve.cx, of(2, 4)).await;
        let unset = UpdateParty {
            party_id,
            invites_by: None,
            is_open: None,
            follow_leader: Some(false),
            if_version: None,
        };
        parties::update(&ana.cx, unset.clone()).await.unwrap();
        plays(&ana.cx, lobby).await.unwrap();
        assert_eq!(ben.lobby().await, None);
        leaves(&ana.cx, lobby).await;
        parties::update(&ana.cx, UpdateParty { follow_leader: Some(true), ..unset }).await.unwrap();
        parties::lead(&ana.cx, LeadParty { party_id, user_id: ben.id() }).await.unwrap();
        plays(&ana.cx, lobby).await.unwrap();
        assert_eq!(ben.lobby().await, None, "Ben leads");
        leaves(&ana.cx, lobby).await;
        // By the code the same holds.
        let code = inside(&eve.cx, lobby).await.code;
        join_by_code(&ben.cx, JoinLobbyByCode { code, wish: Some(SeatWish::Play) }).await.unwrap();
        assert_eq!(ana.lobby().await, Some(lobby));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_quicker_is_in_one_lobby_and_the_rest_of_the_party_goes_on() {
    on_both_engines(async |hall| {
        let [ana, ben, cy, dot, eve] = players(hall).await;
        party_of(&[&ana, &ben, &cy]).await;
        let (one, other) = (opened(&dot.cx, of(2, 4)).await, opened(&eve.cx, of(2, 4)).await);
        for _ in 0..10 {
            let (led, went) = tokio::join!(plays(&ana.cx, one), plays(&ben.cx, other));
            led.unwrap();
            let ben_is_in = ben.lobby().await.unwrap();
            assert_eq!(ben_is_in, if went.is_ok() { other } else { one });
            assert_eq!((ana.lobby().await, cy.lobby().await), (Some(one), Some(one)));
            for player in [&ana, &cy] {
                leaves(&player.cx, one).await;
            }
            leaves(&ben.cx, ben_is_in).await;
        }
    })
    .await;
}
