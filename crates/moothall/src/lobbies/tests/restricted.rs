//! Who may not open or join lobbies for a while.

use moothall_protocol::restrictions::{ImposeRestriction, RestrictionScope};

use super::*;
use crate::restrictions::testing::{imposed, restriction, stored};

#[tokio::test]
async fn who_may_not_host_opens_no_lobby() {
    on_both_engines(async |hall| {
        let ana = hall.call(hall.user("Ana").await, &[]);
        imposed(hall, restriction(ana.user().unwrap(), &["lobby_host"])).await;
        assert_eq!(code(open(&ana, opening("Den")).await), "restricted");
    })
    .await;
}

#[tokio::test]
async fn who_may_not_join_lobbies_leaves_the_one_they_are_in() {
    on_both_engines(async |hall| {
        let [ana, ben] = [hall.call(hall.user("Ana").await, &[]), hall.call(hall.user("Ben").await, &[])];
        let lobby_id = open(&ana, opening("Den")).await.unwrap().lobby.id;
        let entry = JoinLobby { lobby_id, password: None, wish: None, reason: None };
        join(&ben, entry.clone()).await.unwrap();
        let is_in = async || mine(&ben, MyLobbies {}).await.unwrap().lobby.is_some();
        assert!(is_in().await);
        imposed(hall, restriction(ben.user().unwrap(), &["chat"])).await;
        imposed(hall, restriction(ben.user().unwrap(), &["lobby_join"])).await;
        // It follows after the commit.
        for _ in 0..2_000 {
            if !is_in().await {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(!is_in().await);
        assert_eq!(code(join(&ben, entry).await), "restricted");
    })
    .await;
}

/// Returns once it is so: what follows a commit is done beside the calls.
async fn until(is_so: impl AsyncFn() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap();
}

fn roomy(name: &str) -> OpenLobby {
    OpenLobby { teams: Some(TeamsShape { count: 1, size: 4 }), ..opening(name) }
}

#[tokio::test]
async fn who_may_not_host_inherits_no_lobby() {
    on_both_engines(async |hall| {
        let [ana, ben, cy] = people(hall, ["Ana", "Ben", "Cy"]).await;
        let lobby = opened(&ana, roomy("Den")).await;
        for user in [&ben, &cy] {
            hall.clock.advance(Duration::from_secs(1));
            plays(user, lobby).await.unwrap();
        }
        // Ben has had a seat for longest.
        imposed(hall, restriction(id(&ben), &["lobby_host"])).await;
        leaves(&ana, lobby).await;
        assert_eq!(inside(&ben, lobby).await.host_id, id(&cy));
        // Where nobody may, it closes.
        leaves(&cy, lobby).await;
        assert_eq!(code(get(&ben, GetLobby { lobby_id: lobby }).await), "not_found");
    })
    .await;
}

#[tokio::test]
async fn who_hosts_and_may_no_longer_hands_over_and_stays() {
    on_both_engines(async |hall| {
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        let lobby = opened(&ana, roomy("Den")).await;
        plays(&ben, lobby).await.unwrap();
        modes::put(&hall.server(), duel()).await.unwrap();
        let scope = RestrictionScope { mode: Some("duel".into()), ..RestrictionScope::default() };
        let elsewhere = ImposeRestriction { scope, ..restriction(id(&ana), &["lobby_host"]) };
        imposed(hall, elsewhere).await;
        let scope = RestrictionScope { mode: Some("free".into()), ..RestrictionScope::default() };
        imposed(hall, ImposeRestriction { scope, ..restriction(id(&ana), &["lobby_host"]) }).await;
        until(async || inside(&ben, lobby).await.host_id == id(&ben)).await;
        assert!(inside(&ben, lobby).await.members.contains_key(&id(&ana)), "to play is another matter");
        // Who may do nothing at all is not even there.
        imposed(hall, restriction(id(&ana), &["all"])).await;
        until(async || !inside(&ben, lobby).await.members.contains_key(&id(&ana))).await;
        imposed(hall, restriction(id(&ben), &["all"])).await;
        let cy = hall.call(hall.user("Cy").await, &[]);
        until(async || code(get(&cy, GetLobby { lobby_id: lobby }).await) == "not_found").await;
    })
    .await;
}

#[tokio::test]
async fn what_a_crash_kept_a_lobby_from_hearing_it_goes_by_after_a_restart() {
    on_both_engines(async |hall| {
        let [ana, ben, cy] = people(hall, ["Ana", "Ben", "Cy"]).await;
        let lobby = opened(&ana, roomy("Den")).await;
        for user in [&ben, &cy] {
            plays(user, lobby).await.unwrap();
        }
        stored(hall, restriction(id(&ana), &["lobby_host"])).await;
        stored(hall, restriction(id(&ben), &["lobby_join"])).await;
        assert_eq!(inside(&cy, lobby).await.members.len(), 3);
        hall.restart().await;
        let cy = hall.call(id(&cy), &[]);
        until(async || {
            let now = inside(&cy, lobby).await;
            now.host_id == id(&cy) && !now.members.contains_key(&id(&ben))
        })
        .await;
        assert!(inside(&cy, lobby).await.members.contains_key(&id(&ana)));
    })
    .await;
}
