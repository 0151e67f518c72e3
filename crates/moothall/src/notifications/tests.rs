//! Notifications.

mod broadcasts;

use moothall_protocol::notifications::{
    CountUnseen, DismissNotices, ListNoticeKinds, ListNotices, MarkNoticesSeen, NoticesMarked,
};
use moothall_protocol::settings::UpdateUserSettings;
use serde_json::json;

use super::*;
use crate::testing::{Ear, TestHall, on_both_engines_as};
use crate::{Builder, accounts};

/// Somebody waved at the user.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct Waved {
    /// Who.
    name: String,
}

impl Kind for Waved {
    const NAME: &'static str = "tests.waved";

    fn text(&self) -> String {
        format!("{} waved at you", self.name)
    }
}

/// The user has to know this.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct Warned {}

impl Kind for Warned {
    const NAME: &'static str = "tests.warned";
    const IS_MANDATORY: bool = true;

    fn text(&self) -> String {
        "you were warned".into()
    }
}

fn kinds_of_tests(builder: Builder) -> Builder {
    builder.notice::<Waved>().notice::<Warned>()
}

async fn on_both_engines(test: impl AsyncFn(&mut TestHall)) {
    on_both_engines_as(kinds_of_tests, test).await;
}

fn waved(name: &str) -> Notice<Waved> {
    Notice::new(Waved { name: name.into() })
}

async fn say<T: Kind>(cx: &Cx, user: UserId, notice: Notice<T>) -> Option<NoticeId> {
    let notice = std::sync::Arc::new(notice);
    cx.write(move |tx| tell(tx, user, &notice)).await.unwrap()
}

async fn inbox(cx: &Cx) -> Vec<Told> {
    list(cx, ListNotices::default()).await.unwrap().items
}

async fn count(cx: &Cx) -> u32 {
    unseen(cx, CountUnseen::default()).await.unwrap().unseen
}

async fn mute(cx: &Cx, user: UserId, kinds: &[&str]) {
    let serde_json::Value::Object(values) = json!({ "muted": kinds }) else { panic!() };
    let section = "notifications".into();
    let update = UpdateUserSettings { user_id: user, section, values, if_version: None, reason: None };
    settings::update_user(cx, update).await.unwrap();
}

#[tokio::test]
async fn what_is_told_is_in_the_inbox_and_pushed_at_once_or_never_if_it_was_undone() {
    on_both_engines(async |hall| {
        let user = hall.user("ana").await;
        let (ana, server) = (hall.call(user, &[]), hall.server());
        let ear = Ear::of(hall, &ana);
        let undone: Result<(), Error> = server
            .write(move |tx| {
                tell(tx, user, &waved("nobody"))?;
                Err(Error::Forbidden)
            })
            .await;
        assert!(undone.is_err());
        assert_eq!((inbox(&ana).await.len(), ear.heard().len()), (0, 0));
        let id = say(&server, user, waved("ben")).await;
        let all = inbox(&ana).await;
        assert_eq!(ear.heard(), [Event::NoticeTold(Box::new(all[0].clone()))]);
        assert_eq!((Some(all[0].id), all[0].text.as_str(), all[0].is_seen), (id, "ben waved at you", false));
        assert_eq!((all[0].kind.as_str(), &all[0].params), ("tests.waved", &json!({ "name": "ben" })));
        hall.restart().await;
        assert_eq!(inbox(&hall.call(user, &[])).await, all);
        let nobody: UserId = hall.server().new_id();
        assert!(list(&hall.nobody(), ListNotices::default()).await.is_err());
        let told = hall.server().write(move |tx| tell(tx, nobody, &waved("x"))).await;
        assert!(told.is_err(), "there is no such user");
    })
    .await;
}

#[tokio::test]
async fn what_is_seen_or_put_away_is_so_in_all_sessions() {
    on_both_engines(async |hall| {
        let user = hall.user("ana").await;
        let (ana, server) = (hall.call(user, &[]), hall.server());
        let mut ids = Vec::new();
        for name in ["ben", "cleo", "dora"] {
            hall.clock.advance(Duration::from_millis(1));
            ids.push(say(&server, user, waved(name)).await.unwrap());
        }
        let ear = Ear::of(hall, &ana);
        assert_eq!(count(&ana).await, 3);
        let first = MarkNoticesSeen { ids: Some(vec![ids[0]]) };
        let marked = mark_seen(&ana, first.clone()).await.unwrap();
        assert_eq!(marked, NoticesMarked { ids: Some(vec![ids[0]]), unseen: 2 });
        assert_eq!(ear.heard(), [Event::NoticesSeen(marked.clone())]);
        assert_eq!(mark_seen(&ana, first).await.unwrap(), marked);
        assert_eq!(ear.heard(), [], "nothing new");
        let seen: Vec<bool> = inbox(&ana).await.iter().map(|notice| notice.is_seen).collect();
        assert_eq!(seen, [false, false, true], "newest first");
        let only_unseen = ListNotices { unseen: Some(true), ..ListNotices::default() };
        assert_eq!(list(&ana, only_unseen).await.unwrap().items.len(), 2);
        dismiss(&ana, DismissNotices { ids: Some(vec![ids[1]]) }).await.unwrap();
        assert_eq!((inbox(&ana).await.len(), count(&ana).await), (2, 1));
        assert!(matches!(ear.heard()[..], [Event::NoticesDismissed(_)]));
        mark_seen(&ana, MarkNoticesSeen::default()).await.unwrap();
        assert_eq!(count(&ana).await, 0);
        // Nobody else's.
        let ben = hall.user("ben").await;
        dismiss(&hall.call(ben, &[]), DismissNotices { ids: Some(ids) }).await.unwrap();
        assert_eq!(inbox(&ana).await.len(), 2);
        dismiss(&ana, DismissNotices::default()).await.unwrap();
        assert_eq!(inbox(&ana).await, []);
    })
    .await;
}

#[tokio::test]
async fn a_newer_notice_takes_the_place_of_an_older_one_of_its_key() {
    on_both_engines(async |hall| {
        let user = hall.user("ana").await;
        let (ana, server) = (hall.call(user, &[]), hall.server());
        let wave = async |name: &str, key: &str| {
            hall.clock.advance(Duration::from_millis(1));
            say(&server, user, waved(name).collapse(key)).await.unwrap()
        };
        let first = wave("ben", "waves").await;
        let other = wave("cleo", "other").await;
        let second = wave("dora", "waves").await;
        assert_ne!(first, second);
        let all = inbox(&ana).await;
        let told: Vec<_> = all.iter().map(|notice| (notice.id, notice.count)).collect();
        assert_eq!(told, [(second, 2), (other, 1)]);
        assert_eq!(all[0].text, "dora waved at you");
        // What was seen is not counted again, and what was put away comes back as new.
        mark_seen(&ana, MarkNoticesSeen::default()).await.unwrap();
        wave("ed", "waves").await;
        let newest = inbox(&ana).await[0].clone();
        assert_eq!((newest.count, newest.is_seen), (1, false));
        dismiss(&ana, DismissNotices::default()).await.unwrap();
        wave("fay", "waves").await;
        assert_eq!((inbox(&ana).await.len(), inbox(&ana).await[0].count), (1, 1));
        // Of another kind it is another key.
        say(&server, user, Notice::new(Warned {}).collapse("waves")).await;
        assert_eq!(inbox(&ana).await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_notice_is_gone_at_its_end_and_the_oldest_go_when_there_are_too_many() {
    on_both_engines(async |hall| {
        let user = hall.user("ana").await;
        let (ana, server) = (hall.call(user, &[]), hall.server());
        let soon = server.now() + Duration::from_secs(60);
        say(&server, user, waved("ben").expires_at(soon)).await;
        say(&server, user, waved("cleo")).await;
        assert_eq!(count(&ana).await, 2);
        hall.clock.advance(Duration::from_secs(60));
        assert_eq!((count(&ana).await, inbox(&ana).await.len()), (1, 1));
        sweep(&server).await.unwrap();
        assert_eq!(server.write(store::sweep).await.unwrap(), 0, "it was cleared");
        let few = moothall_protocol::settings::SetSetting {
            key: "notifications.kept_max".into(),
            value: json!(10),
            if_version: None,
            reason: "for a test".into(),
        };
        settings::set(&server, few).await.unwrap();
        for number in 0..12 {
            hall.clock.advance(Duration::from_millis(1));
            say(&server, user, waved(&format!("n{number}"))).await;
        }
        let names: Vec<String> = inbox(&ana).await.into_iter().map(|notice| notice.text).collect();
        assert_eq!(
            (names.len(), names[0].as_str(), names[8].as_str()),
            (9, "n11 waved at you", "n3 waved at you")
        );
        let newest = inbox(&ana).await[0].id;
        dismiss(&ana, DismissNotices { ids: Some(vec![newest]) }).await.unwrap();
        for number in 12..14 {
            hall.clock.advance(Duration::from_millis(1));
            say(&server, user, waved(&format!("n{number}"))).await;
        }
        assert_eq!(inbox(&ana).await.len(), 9, "what was put away goes before what was not");
        let after = Duration::from_secs(90 * 24 * 3600);
        hall.clock.advance(after);
        assert_eq!(inbox(&ana).await, [], "the site's time is over");
    })
    .await;
}

#[tokio::test]
async fn an_inbox_is_read_in_pages_that_stay_where_they_are() {
    on_both_engines(async |hall| {
        let user = hall.user("ana").await;
        let (ana, server) = (hall.call(user, &[]), hall.server());
        for number in 0..5 {
            say(&server, user, waved(&number.to_string())).await;
        }
        let mut seen = BTreeSet::new();
        let mut cursor = None;
        loop {
            let page =
                list(&ana, ListNotices { limit: Some(2), cursor, ..ListNotices::default() }).await.unwrap();
            seen.extend(page.items.into_iter().map(|notice| notice.text));
            say(&server, user, waved("later")).await;
            hall.clock.advance(Duration::from_millis(1));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert!(
            seen.is_superset(&(0..5).map(|number| format!("{number} waved at you")).collect()),
            "{seen:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn nobody_is_told_by_a_kind_that_they_muted_unless_it_is_mandatory() {
    on_both_engines(async |hall| {
        let user = hall.user("ana").await;
        let (ana, server) = (hall.call(user, &[]), hall.server());
        mute(&ana, user, &["tests.waved", "tests.warned"]).await;
        assert_eq!(say(&server, user, waved("ben")).await, None);
        assert!(say(&server, user, Notice::new(Warned {})).await.is_some());
        assert_eq!(inbox(&ana).await.len(), 1);
        mute(&ana, user, &[]).await;
        assert!(say(&server, user, waved("ben")).await.is_some());
        let all = kinds(&ana, ListNoticeKinds::default()).await.unwrap().items;
        let own = all.iter().find(|kind| kind.kind == "tests.waved").unwrap();
        assert_eq!((own.about.as_str(), own.is_mandatory), ("Somebody waved at the user.", false));
        assert_eq!(own.params["properties"]["name"]["type"], "string");
    })
    .await;
}

#[tokio::test]
async fn what_nobody_registered_or_is_too_large_is_a_fault_of_the_program() {
    on_both_engines(async |hall| {
        let user = hall.user("ana").await;
        #[derive(Serialize, JsonSchema)]
        struct Unknown {}
        impl Kind for Unknown {
            const NAME: &'static str = "tests.unknown";
            fn text(&self) -> String {
                String::new()
            }
        }
        let server = hall.server();
        assert!(server.write(move |tx| tell(tx, user, &Notice::new(Unknown {}))).await.is_err());
        let large = waved(&"x".repeat(NOTICE_PARAMS_BYTES_MAX));
        let large = std::sync::Arc::new(large);
        assert!(server.write(move |tx| tell(tx, user, &large)).await.is_err());
        let key = std::sync::Arc::new(waved("x").collapse("k".repeat(NOTICE_COLLAPSE_KEY_LENGTH_MAX + 1)));
        assert!(server.write(move |tx| tell(tx, user, &key)).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn kinds_that_muted_may_name_are_bounded() {
    on_both_engines(async |hall| {
        let user = hall.user("ana").await;
        let ana = hall.call(user, &[]);
        let muting = async |kinds: Vec<String>| {
            let serde_json::Value::Object(values) = json!({ "muted": kinds }) else { panic!() };
            let section = "notifications".into();
            let update =
                UpdateUserSettings { user_id: user, section, values, if_version: None, reason: None };
            settings::update_user(&ana, update).await
        };
        let many = |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<_>>();
        assert!(muting(many(NOTICES_MUTED_MAX)).await.is_ok());
        assert!(muting(many(NOTICES_MUTED_MAX + 1)).await.is_err());
        assert!(muting(vec!["k".repeat(NOTICE_KIND_LENGTH_MAX)]).await.is_ok());
        assert!(muting(vec!["k".repeat(NOTICE_KIND_LENGTH_MAX + 1)]).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn no_operator_keeps_more_notices_than_the_limit() {
    on_both_engines(async |hall| {
        let kept_max = async |count: usize| {
            let set = moothall_protocol::settings::SetSetting {
                key: "notifications.kept_max".into(),
                value: json!(count),
                if_version: None,
                reason: "for a test".into(),
            };
            settings::set(&hall.server(), set).await
        };
        assert!(kept_max(NOTICES_KEPT_MAX).await.is_ok());
        assert!(kept_max(NOTICES_KEPT_MAX + 1).await.is_err());
    })
    .await;
}
