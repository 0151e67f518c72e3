//! What is there after a restart.

use moothall_protocol::accounts::SignUpGuest;

use super::*;
use crate::accounts::testing::call;
use crate::{accounts, snapshot};

#[tokio::test]
async fn a_lobby_is_there_after_a_restart_with_seats_queue_votes_and_secrets() {
    on_both_engines(async |hall| {
        let [ana, ben, cy, dot] = people(hall, ["Ana", "Ben", "Cy", "Dot"]).await;
        let opening = OpenLobby { password: Some("hunter2".into()), ..opening("Den") };
        let lobby = opened(&ana, opening).await;
        let with = |wish| JoinLobby { password: Some("hunter2".into()), ..joining(lobby, wish) };
        let secret = join(&ben, with(SeatWish::Play)).await.unwrap().own.unwrap().secret;
        join(&cy, with(SeatWish::Play)).await.unwrap();
        let ban = KickFromLobby { lobby_id: lobby, user_id: id(&dot), ban_seconds: Some(600), reason: None };
        kick(&ana, ban).await.unwrap();
        let subject = VoteSubject::Map { map: "hill".into() };
        let before = call_vote(&ben, CallLobbyVote { lobby_id: lobby, subject }).await.unwrap();
        assert_eq!(before.lobby.queue, [id(&cy)]);
        hall.restart().await;
        let [ana, ben, cy, dot] = [&ana, &ben, &cy, &dot].map(|user| hall.call(id(user), &[]));
        let after = view(&ben, ViewLobby { lobby_id: lobby }).await.unwrap();
        assert!(after == before);
        assert_eq!(after.secret, secret);
        // Strangers do not come in because of it, and everything goes on where it was.
        assert_eq!(code(watches(&dot, lobby).await), "lobby_banned_until");
        let eve = hall.call(hall.user("Eve").await, &[]);
        assert_eq!(code(watches(&eve, lobby).await), "lobby_wrong_password");
        leaves(&ben, lobby).await;
        let now = inside(&ana, lobby).await;
        assert_eq!((teams(&now)[1].clone(), now.version), (vec![Some(id(&cy))], before.lobby.version + 1));
        assert!(now.vote.is_some());
        later(hall, lobby, 45).await;
        assert!(
            inside(&ana, lobby).await.vote.is_none(),
            "its time is over although nobody touched it since"
        );
    })
    .await;
}

#[tokio::test]
async fn who_does_not_come_back_after_a_restart_has_left_and_who_does_has_their_seat() {
    on_both_engines(async |hall| {
        let [ana] = people(hall, ["Ana"]).await;
        let lobby = opened(&ana, opening("Den")).await;
        let signed_in = accounts::sign_up_guest(&hall.nobody(), SignUpGuest::default()).await.unwrap();
        plays(&call(&hall.hall, &signed_in).await, lobby).await.unwrap();
        hall.restart().await;
        let ben = call(&hall.hall, &signed_in).await;
        // Ben comes back, and Ana does not.
        let mut stream = snapshot::open(&ben, None).await.unwrap();
        let (_, first) = stream.take(1).unwrap().remove(0);
        let Event::SessionReady(ready) = first.event() else { panic!("{first:?}") };
        assert_eq!(ready.lobbies.lobby.as_ref().map(|own| own.lobby.id), Some(lobby));
        assert_eq!(ready.presence.presence.lobby_id, Some(lobby), "whoever looks at Ben sees where he is");
        hall.clock.advance(Duration::from_millis(hall.hall.settings().connections.grace_ms));
        let wait = async {
            while inside(&ben, lobby).await.members.len() > 1 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap();
        let now = inside(&ben, lobby).await;
        assert_eq!((now.host_id, teams(&now)[1].clone()), (id(&ben), vec![Some(id(&ben))]));
        drop(stream);
    })
    .await;
}

#[tokio::test]
async fn criterion_33_a_lobby_to_which_nobody_returns_after_a_restart_is_dropped_in_time() {
    on_both_engines(async |hall| {
        let [ana, ben, cy] = people(hall, ["Ana", "Ben", "Cy"]).await;
        let lobby = opened(&ana, opening("Den")).await;
        plays(&ben, lobby).await.unwrap();
        hall.restart().await;
        let [ana, cy] = [&ana, &cy].map(|user| hall.call(id(user), &[]));
        let seen = async || code(get(&cy, GetLobby { lobby_id: lobby }).await);
        hall.clock.advance(Duration::from_millis(hall.hall.settings().connections.grace_ms - 1));
        assert_eq!(seen().await, "ok", "there is some time left");
        in_time(hall, async || seen().await == "not_found").await;
        assert_eq!(mine(&ana, MyLobbies {}).await.unwrap(), OwnLobbies::default());
    })
    .await;
}
