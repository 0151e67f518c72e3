//! Lobbies in which somebody blocks somebody.

use moothall_protocol::relationships::{Block, Unblock};

use super::*;
use crate::accounts::testing as accounts_of;
use crate::testing::on_both_engines_with;
use crate::{relationships, snapshot};

async fn blocks(cx: &Cx, other: &Cx) {
    relationships::block(cx, Block { user_id: id(other) }).await.unwrap();
}

async fn lists(cx: &Cx, lobby: LobbyId) -> bool {
    let page = list(cx, ListLobbies::default()).await.unwrap();
    page.items.iter().any(|shown| shown.id == lobby)
}

/// An open lobby with room for many.
fn large(name: &str) -> OpenLobby {
    OpenLobby { teams: Some(TeamsShape { count: 2, size: 8 }), ..opening(name) }
}

#[tokio::test]
async fn a_lobby_whose_host_blocks_somebody_is_not_there_for_them() {
    on_both_engines(async |hall| {
        let [host, ana, ben] = people(hall, ["Hal", "Ana", "Ben"]).await;
        let lobby = opened(&host, large("Den")).await;
        blocks(&host, &ana).await;
        assert_eq!((lists(&ana, lobby).await, lists(&ben, lobby).await), (false, true));
        assert_eq!(code(get(&ana, GetLobby { lobby_id: lobby }).await), "not_found");
        assert_eq!(code(plays(&ana, lobby).await), "not_found");
        assert_eq!(code(plays(&ana, ana.new_id()).await), "not_found", "as one that never was");
        let by_code = JoinLobbyByCode { code: inside(&host, lobby).await.code, wish: None };
        assert_eq!(code(join_by_code(&ana, by_code).await), "lobby_code_unknown");
        // Staff sees all there is.
        let staff = hall.call(id(&ana), &[MODERATE]);
        assert!(lists(&staff, lobby).await);
        relationships::unblock(&host, Unblock { user_id: id(&ana) }).await.unwrap();
        assert!(lists(&ana, lobby).await);
        plays(&ana, lobby).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn who_blocks_a_host_sees_no_lobby_of_theirs_unless_they_want_to() {
    on_both_engines(async |hall| {
        let [host, ana] = people(hall, ["Hal", "Ana"]).await;
        let lobby = opened(&host, large("Den")).await;
        blocks(&ana, &host).await;
        assert!(!lists(&ana, lobby).await);
        let shown = relationships::Privacy { hide_lobbies_of_blocked: false, ..Default::default() };
        relationships::privacy::set(&hall.server(), id(&ana), shown).await;
        assert!(lists(&ana, lobby).await);
        assert_eq!(code(plays(&ana, lobby).await), "lobby_players_blocked");
    })
    .await;
}

#[tokio::test]
async fn t070_who_is_blocked_by_too_many_in_a_lobby_does_not_come_in_and_is_not_told_why() {
    let few = |settings: &mut crate::Settings| settings.relationships.lobby_blocks_max = 2;
    on_both_engines_with(few, async |hall| {
        let [host, one, two, ana] = people(hall, ["Hal", "One", "Two", "Ana"]).await;
        let lobby = opened(&host, large("Den")).await;
        watches(&one, lobby).await.unwrap();
        watches(&two, lobby).await.unwrap();
        blocks(&one, &ana).await;
        plays(&ana, lobby).await.unwrap();
        leaves(&ana, lobby).await;
        blocks(&two, &ana).await;
        assert!(lists(&ana, lobby).await);
        assert_eq!(code(plays(&ana, lobby).await), "lobby_unjoinable");
        // The other way round it is no secret.
        let [ben] = people(hall, ["Ben"]).await;
        blocks(&ben, &one).await;
        blocks(&ben, &two).await;
        assert_eq!(code(plays(&ben, lobby).await), "lobby_players_blocked");
    })
    .await;
}

#[tokio::test]
async fn t070_a_share_of_those_in_a_lobby_counts_where_it_does_not_say_who_they_are() {
    let half = |settings: &mut crate::Settings| settings.relationships.lobby_blocks_percent = 50;
    on_both_engines_with(half, async |hall| {
        let [host, one, two, three, ana] = people(hall, ["Hal", "One", "Two", "Three", "Ana"]).await;
        let lobby = opened(&host, large("Den")).await;
        watches(&one, lobby).await.unwrap();
        blocks(&one, &ana).await;
        plays(&ana, lobby).await.unwrap();
        leaves(&ana, lobby).await;
        watches(&two, lobby).await.unwrap();
        blocks(&two, &ana).await;
        plays(&ana, lobby).await.unwrap();
        leaves(&ana, lobby).await;
        watches(&three, lobby).await.unwrap();
        // Half of four.
        assert_eq!(inside(&host, lobby).await.members.len(), 4);
        assert_eq!(code(plays(&ana, lobby).await), "lobby_unjoinable");
    })
    .await;
}

#[tokio::test]
async fn a_watched_list_follows_who_blocks_whom() {
    accounts_of::with_accounts(async |hall| {
        let host = accounts_of::call(&hall.hall, &accounts_of::sign_up_guest(&hall.hall).await).await;
        let ana = accounts_of::call(&hall.hall, &accounts_of::sign_up_guest(&hall.hall).await).await;
        let lobby = opened(&host, large("Den")).await;
        let mut stream = snapshot::open(&ana, None).await.unwrap();
        let seen = watch(&ana, WatchLobbies::default()).await.unwrap();
        assert_eq!(seen.lobbies.len(), 1);
        let mut copy: std::collections::BTreeMap<LobbyId, LobbySummary> =
            seen.lobbies.into_iter().map(|shown| (shown.id, shown)).collect();
        for (act, expected) in [(true, false), (false, true)] {
            let user_id = id(&ana);
            if act {
                relationships::block(&host, Block { user_id }).await.unwrap();
            } else {
                relationships::unblock(&host, Unblock { user_id }).await.unwrap();
            }
            let mut tries = 0;
            while copy.contains_key(&lobby) != expected {
                tries += 1;
                assert!(tries < 1_000, "this never happens");
                hall.clock.advance(Duration::from_millis(250));
                tokio::time::sleep(Duration::from_millis(2)).await;
                for (_, frame) in stream.take(usize::MAX).unwrap() {
                    let Event::LobbyListUpdated(updated) = frame.event() else { continue };
                    if updated.is_whole {
                        copy.clear();
                    }
                    for (id, shown) in &updated.lobbies {
                        match shown {
                            Some(shown) => copy.insert(*id, shown.clone()),
                            None => copy.remove(id),
                        };
                    }
                }
            }
        }
        unwatch(&ana, UnwatchLobbies {}).await.unwrap();
        relationships::block(&host, Block { user_id: id(&ana) }).await.unwrap();
        assert!(!hall.hall.lobbies().index.is_watching(id(&ana)));
    })
    .await;
}
