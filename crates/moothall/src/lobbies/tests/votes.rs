//! Votes and bosses.

use moothall_protocol::limits::LOBBY_VOTES_KEPT;

use super::*;

/// A lobby in which as many play as there are names, the first of whom hosts it.
async fn table<const N: usize>(hall: &TestHall, names: [&str; N]) -> ([Cx; N], LobbyId) {
    let people = people(hall, names).await;
    let opening = OpenLobby {
        teams: Some(TeamsShape { count: 1, size: 8 }),
        has_bosses: Some(true),
        map: Some("hill".into()),
        ..opening("Den")
    };
    let lobby = opened(&people[0], opening).await;
    for player in &people[1..] {
        plays(player, lobby).await.unwrap();
    }
    (people, lobby)
}

fn map(lobby_id: LobbyId, map: &str) -> SetLobbyMap {
    SetLobbyMap { lobby_id, map: map.into() }
}

async fn calls(cx: &Cx, lobby_id: LobbyId, subject: VoteSubject) -> Result<Lobby, Error> {
    Ok(call_vote(cx, CallLobbyVote { lobby_id, subject }).await?.lobby)
}

async fn votes(cx: &Cx, lobby_id: LobbyId, number: i64, choice: VoteChoice) -> Result<Lobby, Error> {
    Ok(cast_vote(cx, CastLobbyVote { lobby_id, number, choice }).await?.lobby)
}

fn outcomes(lobby: &Lobby) -> Vec<VoteOutcome> {
    lobby.ended_votes.iter().map(|vote| vote.outcome).collect()
}

#[tokio::test]
async fn t118_a_map_change_is_immediate_alone_and_starts_a_vote_among_several() {
    on_both_engines(async |hall| {
        let ([ana, ben, cy], lobby) = table(hall, ["Ana", "Ben", "Cy"]).await;
        let ear = Ear::at(hall, [Topic::Lobby(lobby)]);
        set_map(&ben, map(lobby, "hill")).await.unwrap();
        assert!(ear.heard_of_lobbies().is_empty(), "the same map again does nothing");
        let asked = set_map(&ben, map(lobby, "dale")).await.unwrap().lobby;
        let vote = asked.vote.unwrap();
        assert_eq!(vote.choices[&id(&ben)], VoteChoice::Yes, "whoever calls it says yes");
        assert_eq!(asked.map.as_deref(), Some("hill"));
        assert_eq!(code(set_map(&cy, map(lobby, "lake")).await), "lobby_vote_open");
        let decided = votes(&cy, lobby, vote.number, VoteChoice::Yes).await.unwrap();
        assert_eq!(
            (decided.map.as_deref(), decided.vote),
            (Some("dale"), None),
            "it ends once it is decided"
        );
        // The host decides by themselves.
        assert_eq!(set_map(&ana, map(lobby, "lake")).await.unwrap().lobby.map.as_deref(), Some("lake"));
        // Only players may, and where bosses rule only bosses.
        spectate(&cy, Spectate { lobby_id: lobby, user_id: None }).await.unwrap();
        assert_eq!(code(set_map(&cy, map(lobby, "hill")).await), "lobby_seat_needed");
        sits(&cy, lobby, 1).await.unwrap();
        set_boss(&ana, SetLobbyBoss { lobby_id: lobby, user_id: id(&cy), is_boss: true }).await.unwrap();
        assert_eq!(code(set_map(&ben, map(lobby, "hill")).await), "lobby_bosses_decide");
        assert_eq!(set_map(&cy, map(lobby, "hill")).await.unwrap().lobby.map.as_deref(), Some("hill"));
        // A lone player needs to ask nobody.
        set_boss(&cy, SetLobbyBoss { lobby_id: lobby, user_id: id(&cy), is_boss: false }).await.unwrap();
        for user in [&ana, &cy] {
            spectate(user, Spectate { lobby_id: lobby, user_id: None }).await.unwrap();
        }
        assert_eq!(set_map(&ben, map(lobby, "dale")).await.unwrap().lobby.map.as_deref(), Some("dale"));
    })
    .await;
}

#[tokio::test]
async fn criterion_25_a_player_alone_among_bots_and_spectators_changes_the_map_at_once() {
    on_both_engines(async |hall| {
        let ([ana, ben], lobby) = table(hall, ["Ana", "Ben"]).await;
        spectate(&ana, Spectate { lobby_id: lobby, user_id: None }).await.unwrap();
        let bot = AddLobbyBot { lobby_id: lobby, name: "Robo".into(), team: None, properties: None };
        add_bot(&ben, bot).await.unwrap();
        let now = set_map(&ben, map(lobby, "dale")).await.unwrap().lobby;
        assert_eq!((now.map.as_deref(), now.vote), (Some("dale"), None));
    })
    .await;
}

#[tokio::test]
async fn a_vote_counts_quorum_and_majority_and_has_an_outcome_when_its_time_is_over() {
    on_both_engines(async |hall| {
        let ([ana, ben, cy, dot, eve], lobby) = table(hall, ["Ana", "Ben", "Cy", "Dot", "Eve"]).await;
        let number = async |cx: &Cx, name: &str| {
            calls(cx, lobby, VoteSubject::Map { map: name.into() }).await.unwrap().vote.unwrap().number
        };
        // One yes and nobody else: less than half have voted.
        number(&ben, "a").await;
        later(hall, lobby, 45).await;
        assert_eq!(outcomes(&inside(&ana, lobby).await), [VoteOutcome::Failed]);
        // Two who abstain make a quorum, and do not count for the majority.
        let vote = number(&ben, "b").await;
        for user in [&cy, &dot] {
            votes(user, lobby, vote, VoteChoice::Abstain).await.unwrap();
        }
        later(hall, lobby, 45).await;
        let now = inside(&ana, lobby).await;
        assert_eq!(now.map.as_deref(), Some("b"));
        let last = now.ended_votes.last().unwrap();
        assert_eq!((last.yes, last.no, last.abstained), (1, 0, 2));
        // As many no as yes is a no, as soon as nobody can change that.
        let vote = number(&ben, "c").await;
        for (user, choice) in [(&cy, VoteChoice::No), (&dot, VoteChoice::No), (&ana, VoteChoice::Yes)] {
            votes(user, lobby, vote, choice).await.unwrap();
        }
        assert!(inside(&ana, lobby).await.vote.is_some(), "Eve decides");
        // Whoever changes their mind has changed it.
        votes(&cy, lobby, vote, VoteChoice::Yes).await.unwrap();
        assert_eq!(inside(&ana, lobby).await.map.as_deref(), Some("c"));
        assert_eq!(code(votes(&eve, lobby, vote, VoteChoice::Yes).await), "no_lobby_vote");
        // Whoever leaves abstains.
        let vote = number(&ben, "d").await;
        votes(&cy, lobby, vote, VoteChoice::No).await.unwrap();
        votes(&dot, lobby, vote, VoteChoice::Yes).await.unwrap();
        leaves(&eve, lobby).await;
        assert!(inside(&ana, lobby).await.vote.is_some());
        leaves(&ana, lobby).await;
        assert_eq!(inside(&ben, lobby).await.map.as_deref(), Some("d"), "two of the three who are left");
    })
    .await;
}

#[tokio::test]
async fn a_late_timer_of_an_old_vote_is_ignored_and_history_is_bounded() {
    on_both_engines(async |hall| {
        let ([ana, ben, cy, dot], lobby) = table(hall, ["Ana", "Ben", "Cy", "Dot"]).await;
        let call = async |name: &str| {
            calls(&ben, lobby, VoteSubject::Map { map: name.into() }).await.unwrap().vote.unwrap()
        };
        let first = call("a").await;
        assert_eq!(code(cancel_vote(&cy, CancelLobbyVote { lobby_id: lobby }).await), "lobby_boss_needed");
        cancel_vote(&ben, CancelLobbyVote { lobby_id: lobby }).await.unwrap();
        later(hall, lobby, 20).await;
        let second = call("b").await;
        // The time of the first is over; the second has some left.
        later(hall, lobby, 25).await;
        let now = inside(&ana, lobby).await;
        assert_eq!(now.vote.as_ref().map(|vote| vote.number), Some(second.number));
        assert_eq!(code(votes(&cy, lobby, first.number, VoteChoice::Yes).await), "no_lobby_vote");
        let stranger = hall.call(hall.user("Eve").await, &[]);
        watches(&stranger, lobby).await.unwrap();
        assert_eq!(code(votes(&stranger, lobby, second.number, VoteChoice::Yes).await), "not_a_voter");
        cancel_vote(&ana, CancelLobbyVote { lobby_id: lobby }).await.unwrap();
        for round in 0..LOBBY_VOTES_KEPT + 2 {
            call(&format!("map {round}")).await;
            cancel_vote(&ana, CancelLobbyVote { lobby_id: lobby }).await.unwrap();
        }
        let now = inside(&dot, lobby).await;
        assert_eq!(now.ended_votes.len(), LOBBY_VOTES_KEPT);
        assert_eq!(now.ended_votes.last().unwrap().number, 2 + LOBBY_VOTES_KEPT as i64 + 2);
        assert_eq!(code(cancel_vote(&ana, CancelLobbyVote { lobby_id: lobby }).await), "no_lobby_vote");
    })
    .await;
}

#[tokio::test]
async fn t119_a_boss_is_made_by_a_boss_or_by_vote_where_there_is_none_and_leaving_ends_it() {
    on_both_engines(async |hall| {
        let ([ana, ben, cy, dot], lobby) = table(hall, ["Ana", "Ben", "Cy", "Dot"]).await;
        let boss = |user: &Cx| VoteSubject::Boss { user_id: id(user) };
        let set = |user: &Cx, is_boss| SetLobbyBoss { lobby_id: lobby, user_id: id(user), is_boss };
        assert_eq!(code(set_boss(&ben, set(&ben, true)).await), "lobby_boss_needed");
        let vote = calls(&ben, lobby, boss(&ben)).await.unwrap().vote.unwrap();
        assert!(!vote.voters.contains(&id(&ben)), "nobody votes on themselves");
        for user in [&cy, &dot] {
            votes(user, lobby, vote.number, VoteChoice::Yes).await.unwrap();
        }
        assert_eq!(inside(&ana, lobby).await.bosses, [id(&ben)]);
        assert_eq!(code(calls(&cy, lobby, boss(&cy)).await), "lobby_bosses_decide");
        set_boss(&ben, set(&cy, true)).await.unwrap();
        leaves(&ben, lobby).await;
        assert_eq!(inside(&ana, lobby).await.bosses, [id(&cy)]);
        // Only where the lobby has them.
        let without = UpdateLobby { has_bosses: Some(false), ..change(lobby) };
        assert!(update(&ana, without).await.unwrap().lobby.bosses.is_empty());
        assert_eq!(code(set_boss(&ana, set(&cy, true)).await), "no_lobby_bosses");
        assert_eq!(code(calls(&cy, lobby, boss(&cy)).await), "no_lobby_bosses");
    })
    .await;
}

#[tokio::test]
async fn a_kick_by_vote_is_called_off_when_its_target_leaves() {
    on_both_engines(async |hall| {
        let ([ana, ben, cy, dot], lobby) = table(hall, ["Ana", "Ben", "Cy", "Dot"]).await;
        let kicking = |user: &Cx| VoteSubject::Kick { user_id: id(user), ban_seconds: Some(60) };
        assert_eq!(code(calls(&ben, lobby, kicking(&ana)).await), "cannot_remove_lobby_host");
        calls(&ben, lobby, kicking(&cy)).await.unwrap();
        leaves(&cy, lobby).await;
        assert_eq!(outcomes(&inside(&ana, lobby).await), [VoteOutcome::Cancelled]);
        plays(&cy, lobby).await.unwrap();
        let vote = calls(&ben, lobby, kicking(&cy)).await.unwrap().vote.unwrap();
        let target = Ear::of(hall, &cy);
        votes(&dot, lobby, vote.number, VoteChoice::Yes).await.unwrap();
        assert!(
            matches!(&target.heard_of_lobbies()[..], [Event::LobbyLeft(left)] if left.why == LeftWhy::Banned)
        );
        assert_eq!(code(plays(&cy, lobby).await), "lobby_banned_until");
        later(hall, lobby, 60).await;
        plays(&cy, lobby).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn criterion_28_whoever_was_voted_out_without_a_ban_may_come_back() {
    on_both_engines(async |hall| {
        let ([ana, ben, cy, dot], lobby) = table(hall, ["Ana", "Ben", "Cy", "Dot"]).await;
        let kicking = VoteSubject::Kick { user_id: id(&cy), ban_seconds: None };
        let vote = calls(&ben, lobby, kicking).await.unwrap().vote.unwrap();
        assert!(inside(&ana, lobby).await.members.contains_key(&id(&cy)), "it is not decided yet");
        votes(&dot, lobby, vote.number, VoteChoice::Yes).await.unwrap();
        assert!(!inside(&ana, lobby).await.members.contains_key(&id(&cy)));
        plays(&cy, lobby).await.unwrap();
    })
    .await;
}
