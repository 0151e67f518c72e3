//! Nothing is kept of who is gone, however they went.

use super::*;
use moothall_protocol::accounts::{RevokeSession, SignOut};

#[tokio::test]
async fn nothing_is_left_of_those_who_came_watched_and_went_in_any_way() {
    with_accounts(async |hall| {
        let mut clients = Vec::new();
        let mut users = Vec::new();
        for number in 0..24 {
            let signed_in = people::sign_up_guest(&hall.hall).await;
            users.push(signed_in.user.id);
            clients.push((number, Client::open(hall, &signed_in).await));
        }
        for (_, client) in &clients {
            watch(&client.cx, WatchPresence { user_ids: users.clone() }).await.unwrap();
            create_ticket(&client.cx, CreateTicket {}).await.unwrap();
        }
        assert_ne!(hall.hall.connections().leftovers(), [0; 6]);
        let staff = hall.call(users[0], &[DISCONNECT]);
        for (number, client) in clients {
            let user_id = client.cx.require_user().unwrap();
            let session_id = client.cx.require_identity().unwrap().session_id;
            match number % 5 {
                0 => disconnect(&client.cx, Disconnect {}).await.unwrap(),
                1 => accounts::sign_out(&client.cx, SignOut {}).await.unwrap(),
                2 => accounts::revoke_session(&client.cx, RevokeSession { session_id }).await.unwrap(),
                3 => {
                    let end = DisconnectUser { user_id, reason: "The end".to_owned() };
                    disconnect_user(&staff, end).await.unwrap();
                }
                // A socket that breaks, and nobody comes back.
                _ => drop(client.stream),
            }
        }
        // Everybody else's presence goes at once; the broken ones' in its time.
        for _ in 0..2_000 {
            hall.clock.advance(Duration::from_secs(5));
            tokio::time::sleep(Duration::from_millis(5)).await;
            if hall.hall.connections().leftovers() == [0; 6] {
                break;
            }
        }
        assert_eq!(hall.hall.connections().leftovers(), [0; 6]);
        for user in users {
            assert!(!hall.hall.connections().watches.look(user).is_online);
        }
    })
    .await;
}
