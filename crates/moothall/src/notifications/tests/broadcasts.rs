//! Broadcasts.

use moothall_protocol::BroadcastId;
use moothall_protocol::accounts::{CreateRole, DeleteRole, GrantRole, Segment};
use moothall_protocol::limits::{BROADCAST_BYTES_MAX, BROADCAST_LANGUAGES_MAX, BROADCAST_TEXT_LENGTH_MAX};
use moothall_protocol::notifications::{
    Broadcast, BroadcastReach, BroadcastStatus, CancelBroadcast, CreateBroadcast, GetBroadcast,
    ListBroadcasts, NoticesMarked,
};

use super::*;

fn to_all(text: &str) -> CreateBroadcast {
    CreateBroadcast {
        text: text.into(),
        texts: None,
        params: None,
        segment: None,
        run_at: None,
        expires_at: None,
        reason: "for a test".into(),
    }
}

async fn look(cx: &Cx, id: BroadcastId) -> Broadcast {
    get_broadcast(cx, GetBroadcast { broadcast_id: id }).await.unwrap()
}

/// Waits until it stands so; what is done beside the calls is done soon.
async fn until(cx: &Cx, id: BroadcastId, status: BroadcastStatus) -> Broadcast {
    let look = async {
        loop {
            let broadcast = look(cx, id).await;
            if broadcast.status == status {
                return broadcast;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), look).await.expect("it comes to that")
}

async fn speak(hall: &TestHall, user: UserId, language: &str) {
    let serde_json::Value::Object(values) = json!({ "language": language }) else { panic!() };
    let section = "locale".into();
    let update = UpdateUserSettings { user_id: user, section, values, if_version: None, reason: None };
    settings::update_user(&hall.call(user, &[]), update).await.unwrap();
}

async fn texts_of(hall: &TestHall, user: UserId) -> Vec<String> {
    inbox(&hall.call(user, &[])).await.into_iter().map(|notice| notice.text).collect()
}

#[tokio::test]
async fn staff_tells_everybody_in_their_language_and_sees_how_far_it_reached() {
    on_both_engines(async |hall| {
        let [ana, ben, cleo] = [hall.user("ana").await, hall.user("ben").await, hall.user("cleo").await];
        let staff = hall.call(cleo, &[BROADCAST]);
        assert!(create_broadcast(&hall.call(ana, &[]), to_all("hello")).await.is_err());
        speak(hall, ana, "pt-BR").await;
        speak(hall, ben, "de").await;
        mute(&hall.call(cleo, &[]), cleo, &["notifications.announcement"]).await;
        let ear = Ear::of(hall, &hall.call(ana, &[]));
        let texts = [("pt", "olá"), ("de-AT", "servus")].map(|(tag, text)| (tag.to_owned(), text.to_owned()));
        let params = json!({ "link": "https://example.org" }).as_object().cloned();
        let input = CreateBroadcast { texts: Some(texts.into()), params, ..to_all("hello") };
        let made = create_broadcast(&staff, input).await.unwrap();
        let done = until(&staff, made.id, BroadcastStatus::Done).await;
        assert_eq!(done.reach, Some(BroadcastReach { written: 2, seen: 0, dismissed: 0 }));
        assert_eq!(texts_of(hall, ana).await, ["olá"]);
        assert_eq!(texts_of(hall, ben).await, ["hello"]);
        assert_eq!(texts_of(hall, cleo).await, Vec::<String>::new());
        let heard = ear.heard();
        assert!(matches!(&heard[..], [Event::NoticeTold(told)] if told.text == "olá"), "{heard:?}");
        assert_eq!(inbox(&hall.call(ana, &[])).await[0].params["link"], "https://example.org");
        assert_eq!(count(&hall.call(ana, &[])).await, 1);
        mark_seen(&hall.call(ana, &[]), MarkNoticesSeen::default()).await.unwrap();
        dismiss(&hall.call(ben, &[]), DismissNotices::default()).await.unwrap();
        assert_eq!(
            look(&staff, made.id).await.reach,
            Some(BroadcastReach { written: 2, seen: 2, dismissed: 1 })
        );
        // Whose account goes has been reached all the same.
        hall.server().write(move |tx| forget(tx, ben)).await.unwrap();
        assert_eq!(look(&staff, made.id).await.reach.unwrap().written, 2);
        // How far it reached is remembered when it is over.
        hall.clock.advance(Duration::from_secs(31 * 24 * 3600));
        sweep(&hall.server()).await.unwrap();
        assert_eq!(texts_of(hall, ana).await, Vec::<String>::new());
        assert_eq!(
            look(&staff, made.id).await.reach,
            Some(BroadcastReach { written: 2, seen: 1, dismissed: 0 })
        );
        assert_eq!(list_broadcasts(&staff, ListBroadcasts::default()).await.unwrap().items.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_segment_is_by_role_language_age_and_when_somebody_was_seen() {
    on_both_engines(async |hall| {
        let [ana, ben] = [hall.user("ana").await, hall.user("ben").await];
        hall.clock.advance(Duration::from_secs(3_600));
        let between = hall.hall.clock().now();
        let cleo = hall.user("cleo").await;
        let server = hall.server();
        speak(hall, ben, "pt-BR").await;
        let grant = GrantRole { user_id: cleo, role: "moderator".into(), ends_at: None, reason: "x".into() };
        accounts::grant_role(&server, grant).await.unwrap();
        let hears = async |segment: Segment| {
            let input = CreateBroadcast { segment: Some(segment), ..to_all("hear") };
            let made = create_broadcast(&server, input).await.unwrap();
            until(&server, made.id, BroadcastStatus::Done).await;
            let mut hear = Vec::new();
            for (user, name) in [(ana, "ana"), (ben, "ben"), (cleo, "cleo")] {
                if !texts_of(hall, user).await.is_empty() {
                    hear.push(name);
                }
                dismiss(&hall.call(user, &[]), DismissNotices::default()).await.unwrap();
            }
            hear
        };
        assert_eq!(hears(Segment::default()).await, ["ana", "ben", "cleo"]);
        assert_eq!(hears(Segment { roles: vec!["moderator".into()], ..Segment::default() }).await, ["cleo"]);
        assert_eq!(hears(Segment { languages: vec!["pt".into()], ..Segment::default() }).await, ["ben"]);
        assert_eq!(hears(Segment { languages: vec!["p".into()], ..Segment::default() }).await, [""; 0]);
        assert_eq!(hears(Segment { created_from: Some(between), ..Segment::default() }).await, ["cleo"]);
        assert_eq!(
            hears(Segment { created_before: Some(between), ..Segment::default() }).await,
            ["ana", "ben"]
        );
        assert_eq!(hears(Segment { seen_since: Some(between), ..Segment::default() }).await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn a_role_that_there_is_not_is_refused_and_one_that_is_deleted_later_is_nobodys() {
    on_both_engines(async |hall| {
        let (ana, server) = (hall.user("ana").await, hall.server());
        let to = |role: &str| {
            let segment = Segment { roles: vec!["moderator".into(), role.into()], ..Segment::default() };
            CreateBroadcast { segment: Some(segment), ..to_all("hear") }
        };
        let refused = create_broadcast(&server, to("moderatr")).await.unwrap_err();
        let Error::Invalid { fields } = refused else { panic!("{refused:?}") };
        assert_eq!((fields[0].path.as_str(), fields[0].code.as_str()), ("/segment/roles/1", "not_a_choice"));
        assert_eq!(fields[0].nearest.as_deref(), Some("moderator"));
        let (name, reason) = ("tester".to_owned(), "for a test".to_owned());
        let role = CreateRole {
            name: name.clone(),
            about: "Tries things".into(),
            permissions: Vec::new(),
            reason: reason.clone(),
        };
        accounts::create_role(&server, role).await.unwrap();
        let later = Some(server.now() + Duration::from_secs(60));
        let made =
            create_broadcast(&server, CreateBroadcast { run_at: later, ..to("tester") }).await.unwrap();
        accounts::delete_role(&server, DeleteRole { name, reason }).await.unwrap();
        hall.clock.advance(Duration::from_secs(60));
        until(&server, made.id, BroadcastStatus::Done).await;
        assert_eq!(texts_of(hall, ana).await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn a_broadcast_waits_for_its_time_and_is_gone_when_it_is_called_off() {
    on_both_engines(async |hall| {
        let (ana, server) = (hall.user("ana").await, hall.server());
        let later = server.now() + Duration::from_secs(600);
        let scheduled = CreateBroadcast { run_at: Some(later), ..to_all("later") };
        let made = create_broadcast(&server, scheduled.clone()).await.unwrap();
        assert_eq!(made.status, BroadcastStatus::Scheduled);
        let off = |id| CancelBroadcast { broadcast_id: id, reason: "a mistake".into() };
        let other = create_broadcast(&server, scheduled).await.unwrap();
        let cancelled = cancel_broadcast(&server, off(other.id)).await.unwrap();
        assert_eq!(cancelled.status, BroadcastStatus::Cancelled);
        hall.clock.advance(Duration::from_secs(600));
        until(&server, made.id, BroadcastStatus::Done).await;
        assert_eq!(texts_of(hall, ana).await, ["later"]);
        let shown = inbox(&hall.call(ana, &[])).await[0].id;
        let ear = Ear::of(hall, &hall.call(ana, &[]));
        cancel_broadcast(&server, off(made.id)).await.unwrap();
        assert_eq!((texts_of(hall, ana).await.len(), count(&hall.call(ana, &[])).await), (0, 0));
        assert_eq!(cancel_broadcast(&server, off(made.id)).await.unwrap().status, BroadcastStatus::Cancelled);
        let taken_back = async {
            loop {
                if let Some(heard) = ear.heard().into_iter().next() {
                    return heard;
                }
                tokio::task::yield_now().await;
            }
        };
        let heard = tokio::time::timeout(Duration::from_secs(60), taken_back).await.expect("it is told");
        let expected = NoticesMarked { ids: Some(vec![shown]), unseen: 0 };
        assert!(matches!(&heard, Event::NoticesDismissed(marked) if *marked == expected), "{heard:?}");
        assert_eq!(look(&server, made.id).await.reach.unwrap().written, 1, "it is remembered");
    })
    .await;
}

#[tokio::test]
async fn a_broadcast_that_makes_no_sense_is_refused() {
    on_both_engines(async |hall| {
        let server = hall.server();
        let now = server.now();
        let day = Duration::from_secs(24 * 3600);
        let texts = |tag: &str, text: &str| Some([(tag.to_owned(), text.to_owned())].into());
        let many =
            (0..=BROADCAST_LANGUAGES_MAX).map(|number| (format!("a{number}"), "x".to_owned())).collect();
        let long = "x".repeat(BROADCAST_TEXT_LENGTH_MAX + 1);
        let large = json!({ "x": "x".repeat(BROADCAST_BYTES_MAX) }).as_object().cloned();
        for (wrong, path) in [
            (CreateBroadcast { texts: texts("not a tag", "x"), ..to_all("x") }, "/texts"),
            (CreateBroadcast { texts: texts("de", ""), ..to_all("x") }, "/texts"),
            (CreateBroadcast { texts: texts("de", &long), ..to_all("x") }, "/texts"),
            (CreateBroadcast { texts: Some(many), ..to_all("x") }, "/texts"),
            (CreateBroadcast { params: large, ..to_all("x") }, "/params"),
            (CreateBroadcast { expires_at: Some(now), ..to_all("x") }, "/expires_at"),
            (CreateBroadcast { expires_at: Some(now + day * 366), ..to_all("x") }, "/expires_at"),
        ] {
            match create_broadcast(&server, wrong.clone()).await {
                Err(Error::Invalid { fields }) => assert_eq!(fields[0].path, path, "{wrong:?}"),
                other => panic!("{other:?} of {wrong:?}"),
            }
        }
    })
    .await;
}

/// Other writes go between, a restart in the middle loses nothing, and nobody is told twice.
#[tokio::test]
async fn thousands_are_told_once_each_across_a_restart_while_others_go_on() {
    const USERS: usize = 3_000;
    on_both_engines(async |hall| {
        let ana = hall.user("ana").await;
        hall.crowd(USERS).await;
        let server = hall.server();
        let made = create_broadcast(&server, to_all("to many")).await.unwrap();
        let begun = async {
            while look(&server, made.id).await.progress.is_none_or(|progress| progress.done == 0) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), begun).await.unwrap();
        // A write of somebody else is done before all have heard.
        speak(hall, ana, "en").await;
        let middle = look(&server, made.id).await.progress.unwrap();
        assert!(middle.done < middle.total.unwrap(), "{middle:?}");
        hall.restart().await;
        let server = hall.server();
        // Whoever had the job is taken for dead after a while.
        hall.clock.advance(Duration::from_secs(30));
        let done = until(&server, made.id, BroadcastStatus::Done).await;
        assert_eq!(done.reach.unwrap().written, USERS as u64 + 1);
        assert_eq!(texts_of(hall, ana).await, ["to many"]);
    })
    .await;
}
