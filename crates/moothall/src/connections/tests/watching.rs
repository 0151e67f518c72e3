//! Watching how others stand.

use moothall_protocol::limits::PRESENCE_BATCH_MS;

use super::*;

#[tokio::test]
async fn t098_a_watch_is_a_snapshot_and_then_only_what_changed_at_most_four_times_a_second() {
    with_accounts(async |hall| {
        let (ana, ben) = (people::sign_up(&hall.hall, "Ana").await, people::sign_up(&hall.hall, "Ben").await);
        let cem = people::sign_up(&hall.hall, "Cem").await;
        let (mut ana, ben) = (Client::open(hall, &ana).await, Client::open(hall, &ben).await);
        let (ben_id, cem_id) = (ben.cx.require_user().unwrap(), cem.user.id);
        let seen = watch(&ana.cx, WatchPresence { user_ids: vec![ben_id, cem_id, ben_id] }).await.unwrap();
        let online: Vec<_> = seen.users.iter().map(|user| (user.user_id, user.is_online)).collect();
        assert_eq!((seen.version, online), (1, vec![(ben_id, true), (cem_id, false)]));

        // Many changes of two users, one batch with how they stand in the end.
        let _cem = Client::open(hall, &cem).await;
        for text in ["one", "two", "three"] {
            let change = UpdatePresence { text: Some(text.into()), ..UpdatePresence::default() };
            update_presence(&ben.cx, change).await.unwrap();
        }
        assert_eq!(ana.changed(), []);
        hall.clock.advance(Duration::from_millis(PRESENCE_BATCH_MS as u64));
        let changed = eventually(|| Some(ana.changed()).filter(|changed| !changed.is_empty())).await;
        let [(version, users)] = changed.as_slice() else { panic!("{changed:?}") };
        assert_eq!((*version, users.len()), (2, 2));
        let of_ben = users.iter().find(|user| user.user_id == ben_id).unwrap();
        assert_eq!(of_ben.text.as_deref(), Some("three"));

        // Nothing more after the watch has ended.
        unwatch(&ana.cx, UnwatchPresence { watch_id: seen.watch_id }).await.unwrap();
        assert_eq!(code(unwatch(&ana.cx, UnwatchPresence { watch_id: seen.watch_id }).await), "not_found");
        disconnect(&ben.cx, Disconnect {}).await.unwrap();
        until_seen(hall, ben_id, false).await;
        hall.clock.advance(Duration::from_secs(1));
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(ana.changed(), []);
    })
    .await;
}

#[tokio::test]
async fn criterion_4_who_watches_the_same_twice_has_one_watch_and_hears_of_each_change_once() {
    with_accounts(async |hall| {
        let (ana, ben) = (people::sign_up(&hall.hall, "Ana").await, people::sign_up(&hall.hall, "Ben").await);
        let (mut ana, ben) = (Client::open(hall, &ana).await, Client::open(hall, &ben).await);
        let (ben_id, nobody) = (ben.cx.require_user().unwrap(), ana.cx.new_id());
        let both = || WatchPresence { user_ids: vec![ben_id, nobody] };
        let first = watch(&ana.cx, both()).await.unwrap();
        assert!(first.users[0].is_online);
        assert_eq!(first.users[1], presence::offline(nobody), "who is nobody looks like who is not here");
        assert_eq!(watch(&ana.cx, both()).await.unwrap(), first);
        let say = |text: &str| UpdatePresence { text: Some(text.into()), ..UpdatePresence::default() };
        update_presence(&ben.cx, say("one")).await.unwrap();
        hall.clock.advance(Duration::from_millis(PRESENCE_BATCH_MS as u64));
        let changed = eventually(|| Some(ana.changed()).filter(|changed| !changed.is_empty())).await;
        let [(version, users)] = changed.as_slice() else { panic!("{changed:?}") };
        assert_eq!((*version, users.len(), users[0].user_id), (first.version + 1, 1, ben_id));
        // One end ends it.
        let end = || UnwatchPresence { watch_id: first.watch_id };
        unwatch(&ana.cx, end()).await.unwrap();
        assert_eq!(code(unwatch(&ana.cx, end()).await), "not_found");
        assert_eq!(hall.hall.connections().leftovers()[3], 0, "nobody is watched any more");
    })
    .await;
}

#[tokio::test]
async fn the_invisible_are_offline_to_others_and_not_to_themselves() {
    with_accounts(async |hall| {
        let (ana, ben) = (people::sign_up(&hall.hall, "Ana").await, people::sign_up(&hall.hall, "Ben").await);
        let (ana, ben) = (Client::open(hall, &ana).await, Client::open(hall, &ben).await);
        let ben_id = ben.cx.require_user().unwrap();
        assert!(ana.sees(ben_id).await.is_online);
        let hide = UpdatePresence { visibility: Some(Visibility::Invisible), ..UpdatePresence::default() };
        let own = update_presence(&ben.cx, hide).await.unwrap();
        assert!(own.presence.is_online);
        let seen = ana.sees(ben_id).await;
        assert_eq!(seen, presence::offline(ben_id));
        // Nor does what they do while hidden show.
        let change = UpdatePresence { text: Some("hidden".into()), ..UpdatePresence::default() };
        update_presence(&ben.cx, change).await.unwrap();
        assert_eq!(ana.sees(ben_id).await, seen);
        let watched = watch(&ana.cx, WatchPresence { user_ids: vec![ben_id] }).await.unwrap();
        assert_eq!(watched.users, [seen]);
    })
    .await;
}

#[tokio::test]
async fn whoever_is_invisible_stays_so_through_reconnects_and_is_pushed_to_nobody() {
    with_accounts(async |hall| {
        let (ana, ben) = (people::sign_up(&hall.hall, "Ana").await, people::sign_up(&hall.hall, "Ben").await);
        let (mut ana, first) = (Client::open(hall, &ana).await, Client::open(hall, &ben).await);
        let ben_id = first.cx.require_user().unwrap();
        let hide = UpdatePresence { visibility: Some(Visibility::Invisible), ..UpdatePresence::default() };
        update_presence(&first.cx, hide).await.unwrap();
        watch(&ana.cx, WatchPresence { user_ids: vec![ben_id] }).await.unwrap();
        disconnect(&first.cx, Disconnect {}).await.unwrap();
        // The leave is told to the partition beside this test.
        for _ in 0..2_000 {
            if own_presence(&first.cx).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let second = Client::open(hall, &ben).await;
        assert_eq!(own_presence(&second.cx).await.unwrap().visibility, Visibility::Invisible);
        let change = UpdatePresence { text: Some("hidden".into()), ..UpdatePresence::default() };
        update_presence(&second.cx, change).await.unwrap();
        assert!(is_invisible(&second.cx, ben_id).await.unwrap());
        hall.clock.advance(Duration::from_millis(PRESENCE_BATCH_MS as u64));
        tokio::time::sleep(Duration::from_millis(50)).await;
        let told: Vec<Presence> = ana.changed().into_iter().flat_map(|(_, users)| users).collect();
        assert!(told.iter().all(|user| *user == presence::offline(ben_id)), "{told:?}");
        assert!(!ana.sees(ben_id).await.is_online);
        let show = UpdatePresence { visibility: Some(Visibility::Visible), ..UpdatePresence::default() };
        update_presence(&second.cx, show).await.unwrap();
        assert!(ana.sees(ben_id).await.is_online);
    })
    .await;
}

#[tokio::test]
async fn what_users_say_of_themselves_is_one_clean_line() {
    with_accounts(async |hall| {
        let ana = people::sign_up(&hall.hall, "Ana").await;
        let ana = Client::open(hall, &ana).await;
        let said = async |text: &str| {
            let change = UpdatePresence { text: Some(text.into()), ..UpdatePresence::default() };
            update_presence(&ana.cx, change).await.unwrap().presence.text
        };
        assert_eq!(said("two\nlines \u{202e}\u{200b}").await.as_deref(), Some("two lines"));
        assert_eq!(said("\u{200b}\n").await, None);
    })
    .await;
}

#[tokio::test]
async fn a_drop_shows_when_its_time_has_come_and_a_return_hides_it() {
    with_accounts(async |hall| {
        let (ana, ben) = (people::sign_up(&hall.hall, "Ana").await, people::sign_up(&hall.hall, "Ben").await);
        let (ana, ben) = (Client::open(hall, &ana).await, Client::open(hall, &ben).await);
        let ben_id = ben.cx.require_user().unwrap();
        let attached = |hall: &TestHall| {
            list_of(hall).into_iter().any(|session| session.user_id == ben_id && session.is_attached)
        };
        let mut ben = ben.reopen().await;
        assert_eq!(ben.missed(), 0);
        hall.clock.advance(Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(ana.sees(ben_id).await.is_online, "the drop that ended has no consequence");
        drop(ben.stream);
        eventually(|| (!attached(hall)).then_some(())).await;
        // The drop is told to the partition beside this test; then its timer runs by the clock.
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(ana.sees(ben_id).await.is_online);
        hall.clock.advance(Duration::from_secs(15));
        until_seen(hall, ben_id, false).await;
    })
    .await;
}

fn list_of(hall: &TestHall) -> Vec<Connected> {
    hall.hall.connections().list(None, None, 100)
}

#[tokio::test]
async fn watches_are_bounded_and_belong_to_a_socket() {
    with_accounts(async |hall| {
        let ana = people::sign_up(&hall.hall, "Ana").await;
        let cx = people::call(&hall.hall, &ana).await;
        let one = |cx: &Cx| WatchPresence { user_ids: vec![cx.new_id()] };
        assert_eq!(code(watch(&cx, one(&cx)).await), "not_connected");
        let mut client = Client::attach(cx).await;
        let cx = client.cx.clone();
        let first = watch(&cx, one(&cx)).await.unwrap();
        for _ in 1..WATCHES_MAX {
            watch(&cx, one(&cx)).await.unwrap();
        }
        assert_eq!(code(watch(&cx, one(&cx)).await), "too_many_watches");
        unwatch(&cx, UnwatchPresence { watch_id: first.watch_id }).await.unwrap();
        let many = |count| WatchPresence { user_ids: (0..count).map(|_| cx.new_id()).collect() };
        assert_eq!(code(watch(&cx, many(WATCHED_USERS_MAX)).await), "too_many_watches");
        watch(&cx, many(WATCHED_USERS_MAX - WATCHES_MAX + 1)).await.unwrap();
        // A new stream begins without any.
        client.token = "forgotten".to_owned();
        client = client.reopen().await;
        assert_eq!(client.begin(), Some(true));
        watch(&cx, many(WATCHED_USERS_MAX)).await.unwrap();
    })
    .await;
}
