//! One client: it comes, says things, drops, resumes, goes.

use moothall_protocol::accounts::GetUser;
use moothall_protocol::connections::PresenceChanged;
use moothall_protocol::limits::{RESUME_IN_MATCH_MS_MAX, RESUME_MS_MAX, RING_EVENTS_MAX};

use super::*;

/// Something that must reach every session of a user, with a number to know it by.
fn news(hall: &TestHall, user: UserId, version: u64) {
    let watch_id = hall.hall.random().id(hall.clock.now());
    let event = Event::PresenceChanged(PresenceChanged { watch_id, version, users: Vec::new() });
    hall.hall.topics().publish(Topic::User(user), event);
}

#[tokio::test]
async fn t091_whom_the_server_does_not_know_cannot_connect() {
    with_accounts(async |hall| {
        let ghost = hall.call(hall.hall.random().id(hall.clock.now()), &[]);
        assert_eq!(code(snapshot::open(&ghost, None).await), "token_invalid");
        assert_eq!(code(snapshot::open(&hall.nobody(), None).await), "not_signed_in");
        assert_eq!(hall.hall.connections().leftovers(), [0; 6], "nothing is left of the attempt");
    })
    .await;
}

#[tokio::test]
async fn t032_coming_and_going_is_stamped_on_the_account() {
    with_accounts(async |hall| {
        let ana = people::sign_up(&hall.hall, "Ana").await;
        let of_ana = async |hall: &TestHall| {
            let user = accounts::get_user(&hall.server(), GetUser { user_id: ana.user.id }).await.unwrap();
            let record = user.record.unwrap();
            (record.last_login_at, record.last_logout_at)
        };
        hall.clock.advance(Duration::from_secs(5));
        let came = hall.clock.now();
        let client = Client::open(hall, &ana).await;
        assert_eq!(of_ana(hall).await, (Some(came), None));
        hall.clock.advance(Duration::from_secs(60));
        let went = hall.clock.now();
        disconnect(&client.cx, Disconnect {}).await.unwrap();
        until_seen(hall, ana.user.id, false).await;
        assert_eq!(of_ana(hall).await, (Some(came), Some(went)));
    })
    .await;
}

#[tokio::test]
async fn t032_who_was_here_when_the_server_died_has_gone() {
    with_accounts(async |hall| {
        let ana = people::sign_up(&hall.hall, "Ana").await;
        let came = hall.clock.now();
        let client = Client::open(hall, &ana).await;
        drop(client);
        hall.clock.advance(Duration::from_secs(60));
        // Nobody tells the presence anything any more.
        hall.restart().await;
        let user = accounts::get_user(&hall.server(), GetUser { user_id: ana.user.id }).await.unwrap();
        let record = user.record.unwrap();
        assert_eq!(record.last_login_at, Some(came));
        assert!(record.last_logout_at.is_some_and(|at| came <= at && at < hall.clock.now()), "{record:?}");
    })
    .await;
}

#[tokio::test]
async fn t090_two_sockets_that_come_at_once_are_one_user_who_came_once() {
    with_accounts(async |hall| {
        people::sign_up(&hall.hall, "Ana").await;
        let ben = people::sign_up(&hall.hall, "Ben").await;
        let one = sign_in(hall, "Ana", SessionKind::Web).await;
        let two = sign_in(hall, "Ana", SessionKind::Web).await;
        let (ana, mut ben) = (one.user.id, Client::open(hall, &ben).await);
        watch(&ben.cx, WatchPresence { user_ids: vec![ana] }).await.unwrap();
        let (_one, _two) = tokio::join!(Client::open(hall, &one), Client::open(hall, &two));
        hall.clock.advance(Duration::from_millis(250));
        let changed = eventually(|| Some(ben.changed()).filter(|changed| !changed.is_empty())).await;
        assert_eq!(changed.len(), 1);
        let count = count(&ben.cx, CountConnected {}).await.unwrap();
        assert_eq!((count.players, count.sessions), (2, 3), "a user of two sessions is one player");
    })
    .await;
}

#[tokio::test]
async fn t092_b38_only_the_server_says_where_somebody_is() {
    with_accounts(async |hall| {
        let ana = people::sign_up(&hall.hall, "Ana").await;
        let client = Client::open(hall, &ana).await;
        let lobby = client.cx.new_id();
        assert_eq!(code(place(&client.cx, ana.user.id, Placed::InLobby(lobby)).await), "forbidden");
        let own = place(&hall.server(), ana.user.id, Placed::InLobby(lobby)).await.unwrap();
        assert_eq!(own.presence.lobby_id, Some(lobby));
        let change = UpdatePresence { status: Some(Status::Away), ..UpdatePresence::default() };
        let changed = update_presence(&client.cx, change.clone()).await.unwrap();
        assert_eq!((changed.update_id, changed.presence.lobby_id), (own.update_id + 1, Some(lobby)));
        let again = update_presence(&client.cx, change).await.unwrap();
        assert_eq!(again.update_id, changed.update_id, "what changes nothing is no update");
        // Neither where one is nor the lobby can even be said.
        let said = serde_json::json!({ "lobby_id": lobby });
        assert!(serde_json::from_value::<UpdatePresence>(said).is_err());
    })
    .await;
}

#[tokio::test]
async fn t095_a_dropped_client_gets_what_it_missed_once_and_in_order() {
    with_accounts(async |hall| {
        let ana = people::sign_up(&hall.hall, "Ana").await;
        let mut client = Client::open(hall, &ana).await;
        let news = |version| news(hall, ana.user.id, version);
        news(1);
        assert_eq!(client.versions(), [1]);
        news(2);
        news(3);
        let (cx, resume) = client.leave();
        hall.clock.advance(Duration::from_secs(10));
        news(4);
        client = Client::resume(cx, resume).await;
        // These, and perhaps when it was lost.
        assert!(client.missed() >= 3);
        assert_eq!(client.versions(), [2, 3, 4]);
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_cannot_go_on_begins_afresh_with_how_things_stand() {
    with_accounts(async |hall| {
        let ana = people::sign_up(&hall.hall, "Ana").await;
        // With a wrong token, after the time is over, and after a restart.
        let mut client = Client::open(hall, &ana).await;
        client.token = "guessed".to_owned();
        client = client.reopen().await;
        assert_eq!(client.begin(), Some(true));

        let (cx, resume) = client.leave();
        eventually(|| hall.hall.connections().next_expiry()).await;
        hall.clock.advance(Duration::from_secs(61));
        eventually(|| hall.hall.connections().find(ana.session_id).is_none().then_some(())).await;
        client = Client::resume(cx, resume).await;
        assert_eq!(client.begin(), Some(true));

        let (_, resume) = client.leave();
        hall.restart().await;
        client = Client::resume(people::call(&hall.hall, &ana).await, resume).await;
        assert_eq!(client.begin(), Some(true));
    })
    .await;
}

#[tokio::test]
async fn a_stream_can_be_resumed_for_a_minute_to_the_millisecond() {
    with_accounts(async |hall| {
        let limit = Duration::from_millis(RESUME_MS_MAX as u64);
        let is_live = |session| hall.hall.connections().find(session).is_some();
        let ana = people::sign_up(&hall.hall, "Ana").await;
        let (cx, resume) = Client::open(hall, &ana).await.leave();
        let over = hall.hall.connections().next_expiry();
        assert_eq!(over, Some(hall.hall.clock().elapsed() + limit), "when the server looks again");
        hall.clock.advance(limit - Duration::from_millis(1));
        // The task that ends sessions has its turn before the client.
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(is_live(ana.session_id));
        let mut client = Client::resume(cx, resume).await;
        client.missed();
        client.hear();

        let (cx, resume) = client.leave();
        hall.clock.advance(limit);
        eventually(|| (!is_live(ana.session_id)).then_some(())).await;
        assert_eq!(Client::resume(cx, resume).await.begin(), Some(true));
    })
    .await;
}

#[tokio::test]
async fn criterion_2_in_a_match_a_stream_can_be_resumed_for_longer() {
    with_accounts(async |hall| {
        let limit = Duration::from_millis(RESUME_IN_MATCH_MS_MAX as u64);
        let ana = people::sign_up(&hall.hall, "Ana").await;
        let mut client = Client::open(hall, &ana).await;
        let topic = Topic::Match(hall.server().new_id());
        subscribe_user(&hall.hall, ana.user.id, topic);
        for wait in [limit - Duration::from_millis(1), limit] {
            let (cx, resume) = client.leave();
            let over = hall.hall.connections().next_expiry();
            assert_eq!(over, Some(hall.hall.clock().elapsed() + limit));
            hall.clock.advance(wait);
            if wait == limit {
                eventually(|| hall.hall.connections().find(ana.session_id).is_none().then_some(())).await;
                assert_eq!(Client::resume(cx, resume).await.begin(), Some(true));
                return;
            }
            client = Client::resume(cx, resume).await;
            client.missed();
            client.hear();
        }
    })
    .await;
}

#[tokio::test]
async fn criterion_2_a_timer_that_was_set_before_a_reconnect_ends_no_live_session() {
    with_accounts(async |hall| {
        let limit = Duration::from_millis(RESUME_MS_MAX as u64);
        let ana = people::sign_up(&hall.hall, "Ana").await;
        let (cx, resume) = Client::open(hall, &ana).await.leave();
        hall.clock.advance(limit - Duration::from_millis(1));
        let mut client = Client::resume(cx, resume).await;
        client.missed();
        client.hear();
        hall.clock.advance(Duration::from_millis(1));
        // The time of the drop is over, and the task that ends sessions has looked.
        eventually(|| hall.hall.connections().next_expiry().is_none().then_some(())).await;
        assert!(hall.hall.connections().find(ana.session_id).is_some());
        hall.clock.advance(Duration::from_millis(hall.hall.settings().connections.grace_ms));
        news(hall, ana.user.id, 1);
        assert_eq!(client.versions(), [1]);
        assert!(own_presence(&client.cx).await.unwrap().presence.is_online);
    })
    .await;
}

#[tokio::test]
async fn a_client_that_was_away_while_more_happened_than_is_kept_gets_a_fresh_snapshot() {
    with_accounts(async |hall| {
        let ana = people::sign_up(&hall.hall, "Ana").await;
        let (cx, resume) = Client::open(hall, &ana).await.leave();
        // One less: that it was lost may be told as well.
        for version in 1..RING_EVENTS_MAX as u64 {
            news(hall, ana.user.id, version);
        }
        let mut client = Client::resume(cx, resume).await;
        assert!(client.missed() >= RING_EVENTS_MAX as u64 - 1);
        assert!(client.versions().into_iter().eq(1..RING_EVENTS_MAX as u64));
        let (cx, resume) = client.leave();
        for version in 1..=RING_EVENTS_MAX as u64 + 1 {
            news(hall, ana.user.id, version);
        }
        let mut client = Client::resume(cx, resume).await;
        assert_eq!(client.begin(), Some(true));
        assert_eq!(client.versions(), [0; 0], "a snapshot, and no part of what was before it");
    })
    .await;
}

#[tokio::test]
async fn t089_b37_staff_end_the_connections_of_a_user_there_or_not_and_it_is_audited() {
    with_accounts(async |hall| {
        let (ana, ben) = (people::sign_up(&hall.hall, "Ana").await, people::sign_up(&hall.hall, "Ben").await);
        let mut client = Client::open(hall, &ana).await;
        let staff = hall.call(ben.user.id, &[DISCONNECT, audit::READ]);
        let end = |user_id| DisconnectUser { user_id, reason: "Too loud".to_owned() };
        assert_eq!(code(disconnect_user(&client.cx, end(ben.user.id)).await), "forbidden");
        disconnect_user(&staff, end(ana.user.id)).await.unwrap();
        let closing = client.closing().await;
        assert_eq!((closing.code, closing.reason.as_str()), (CloseCode::Disconnected, "Too loud"));
        until_seen(hall, ana.user.id, false).await;
        // Who is absent is no error.
        disconnect_user(&staff, end(ana.user.id)).await.unwrap();
        let log = audit::list(&staff, Default::default()).await.unwrap();
        let lines = log.items.iter().filter(|line| line.action == "connections.disconnect_user");
        assert_eq!(lines.count(), 2);
    })
    .await;
}
