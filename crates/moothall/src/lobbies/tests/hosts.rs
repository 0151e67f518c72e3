//! Hosts, those who are gone, and the end of a lobby.

use moothall_protocol::limits::LOBBIES_HOSTED_MAX;

use super::*;
use crate::accounts::HOST;

fn dedicated(name: &str) -> OpenLobby {
    OpenLobby { host_kind: Some(HostKind::Dedicated), ..opening(name) }
}

/// Somebody is gone for longer than the grace period, and everybody has heard of it.
async fn gone(hall: &TestHall, user: &Cx) {
    follow::leave_behind(hall.hall.downgrade(), id(user), u64::MAX).await;
}

#[tokio::test]
async fn t101_a_dedicated_host_is_no_member_and_hosts_several() {
    on_both_engines(async |hall| {
        let [ana] = people(hall, ["Ana"]).await;
        assert_eq!(code(open(&ana, dedicated("Den")).await), "forbidden");
        let host = hall.call(hall.user("Hal").await, &[HOST]);
        let own = open(&host, dedicated("Den")).await.unwrap();
        assert!(own.lobby.members.is_empty() && own.secret.is_none() && own.host.is_some());
        let lobby = own.lobby.id;
        let other = opened(&host, dedicated("Pit")).await;
        let mut both = [lobby, other];
        both.sort_unstable();
        assert_eq!(mine(&host, MyLobbies {}).await.unwrap().hosted, both);
        let ear = Ear::of(hall, &host);
        let joined = plays(&ana, lobby).await.unwrap().own.unwrap();
        assert!(joined.host.is_none());
        assert!(matches!(&ear.heard_of_lobbies()[..], [Event::LobbyHostUpdated(_)]));
        assert!(view(&host, ViewLobby { lobby_id: lobby }).await.unwrap().host.unwrap().secrets.len() == 1);
        // It stays although all have left, and it cannot leave where it is not.
        leaves(&ana, lobby).await;
        assert_eq!(code(leave(&host, LeaveLobby { lobby_id: lobby }).await), "not_in_lobby");
        assert_eq!(get(&ana, GetLobby { lobby_id: lobby }).await.unwrap().players, 0);
        for _ in 2..LOBBIES_HOSTED_MAX {
            opened(&host, dedicated("Hole")).await;
        }
        assert_eq!(code(open(&host, dedicated("Hole")).await), "too_many_lobbies");
    })
    .await;
}

#[tokio::test]
async fn t117_closing_tells_members_and_list_and_everybody_is_free_again() {
    on_both_engines(async |hall| {
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        let lobby = opened(&ana, opening("Den")).await;
        plays(&ben, lobby).await.unwrap();
        let closing =
            |reason: Option<&str>| CloseLobby { lobby_id: lobby, reason: reason.map(str::to_owned) };
        assert_eq!(code(close(&ben, closing(None)).await), "lobby_host_needed");
        let ear = Ear::of(hall, &ben);
        close(&ana, closing(Some("good night"))).await.unwrap();
        let heard = ear.heard_of_lobbies();
        let [Event::LobbyLeft(left)] = &heard[..] else { panic!("{heard:?}") };
        assert_eq!((left.why, left.reason.as_deref()), (LeftWhy::Closed, Some("good night")));
        assert!(list(&ana, ListLobbies::default()).await.unwrap().items.is_empty());
        for user in [&ana, &ben] {
            assert_eq!(code(plays(user, lobby).await), "not_found");
            assert_eq!(mine(user, MyLobbies {}).await.unwrap(), OwnLobbies::default());
        }
        // The last one out closes it.
        let lobby = opened(&ana, opening("Pit")).await;
        leaves(&ana, lobby).await;
        assert_eq!(code(get(&ana, GetLobby { lobby_id: lobby }).await), "not_found");
        // Staff closes what must not be, and says why.
        let lobby = opened(&ben, opening("Pit")).await;
        let staff = hall.call(hall.user("Sue").await, &[MODERATE]);
        let closing =
            |reason: Option<&str>| CloseLobby { lobby_id: lobby, reason: reason.map(str::to_owned) };
        assert_eq!(code(close(&staff, closing(None)).await), "invalid");
        close(&staff, closing(Some("abuse"))).await.unwrap();
        opened(&ben, opening("Again")).await;
    })
    .await;
}

#[tokio::test]
async fn b30_t114_only_the_hosts_going_closes_a_lobby_and_a_members_does_not() {
    on_both_engines(async |hall| {
        let host = hall.call(hall.user("Hal").await, &[HOST]);
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        let lobby = opened(&host, dedicated("Den")).await;
        for user in [&ana, &ben] {
            plays(user, lobby).await.unwrap();
        }
        gone(hall, &ana).await;
        let now = inside(&ben, lobby).await;
        assert!(!now.members.contains_key(&id(&ana)), "who is gone is no member");
        assert_eq!(teams(&now).concat(), [Some(id(&ben))]);
        let (member, hosts) = (Ear::of(hall, &ben), Ear::of(hall, &host));
        gone(hall, &host).await;
        assert!(
            matches!(&member.heard_of_lobbies()[..], [Event::LobbyLeft(left)] if left.why == LeftWhy::Closed)
        );
        assert!(
            matches!(&hosts.heard_of_lobbies()[..], [Event::LobbyClosed(closed)] if closed.lobby_id == lobby)
        );
        opened(&ben, opening("Den")).await;
    })
    .await;
}

#[tokio::test]
async fn the_host_is_followed_by_a_boss_else_by_whoever_has_had_a_seat_for_longest() {
    on_both_engines(async |hall| {
        let [ana, ben, cy, dot] = people(hall, ["Ana", "Ben", "Cy", "Dot"]).await;
        let opening = OpenLobby {
            has_bosses: Some(true),
            teams: Some(TeamsShape { count: 1, size: 4 }),
            ..opening("Den")
        };
        let lobby = opened(&ana, opening).await;
        watches(&ben, lobby).await.unwrap();
        for user in [&cy, &dot] {
            hall.clock.advance(Duration::from_secs(1));
            plays(user, lobby).await.unwrap();
        }
        set_boss(&ana, SetLobbyBoss { lobby_id: lobby, user_id: id(&dot), is_boss: true }).await.unwrap();
        let ear = Ear::of(hall, &dot);
        leaves(&ana, lobby).await;
        assert_eq!(inside(&cy, lobby).await.host_id, id(&dot));
        let heard = ear.heard_of_lobbies();
        assert!(
            matches!(&heard[..], [Event::LobbyHosted(hosted)] if hosted.host.secrets.len() == 3),
            "the new host knows what a host knows: {heard:?}"
        );
        gone(hall, &dot).await;
        assert_eq!(inside(&cy, lobby).await.host_id, id(&cy), "longest in a seat, not longest here");
        // Where it is set so, it closes.
        let close = UpdateLobby { on_host_loss: Some(OnHostLoss::Close), ..change(lobby) };
        update(&cy, close).await.unwrap();
        leaves(&cy, lobby).await;
        assert_eq!(code(get(&ben, GetLobby { lobby_id: lobby }).await), "not_found");
    })
    .await;
}

#[tokio::test]
async fn who_never_connects_has_left_after_the_grace_period() {
    on_both_engines(async |hall| {
        let [ana] = people(hall, ["Ana"]).await;
        let lobby = opened(&ana, opening("Den")).await;
        hall.clock.advance(Duration::from_millis(hall.hall.settings().connections.grace_ms - 1));
        assert_eq!(inside(&ana, lobby).await.members.len(), 1);
        let closed = Ear::of(hall, &ana);
        hall.clock.advance(Duration::from_millis(1));
        // What nobody waits for is done beside the calls.
        let wait = async {
            loop {
                match closed.heard_of_lobbies().first() {
                    Some(Event::LobbyLeft(left)) => return left.why,
                    _ => tokio::task::yield_now().await,
                }
            }
        };
        let why = tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap();
        assert_eq!(why, LeftWhy::Gone);
        assert_eq!(mine(&ana, MyLobbies {}).await.unwrap(), OwnLobbies::default());
    })
    .await;
}
