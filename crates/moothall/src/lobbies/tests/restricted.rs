//! Who may not open or join lobbies for a while.

use super::*;
use crate::restrictions::testing::{imposed, restriction};

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
