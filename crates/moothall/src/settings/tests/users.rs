//! Settings of users.

use moothall_protocol::settings::{
    GetUserSettings, ListUserDefinitions, UpdateUserSettings, UserSection as Section,
};
use moothall_protocol::{Event, UserId};
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;
use crate::testing::Ear;

fn update(user_id: UserId, values: Value) -> UpdateUserSettings {
    let Value::Object(values) = values else { panic!("{values}") };
    UpdateUserSettings { user_id, section: "locale".into(), values, if_version: None, reason: None }
}

fn language(section: &Section) -> Option<&str> {
    section.values["language"].as_str()
}

async fn known(cx: &Cx, user: UserId) -> Option<String> {
    read::<Locale>(cx, user).await.unwrap().language.clone()
}

#[tokio::test]
async fn users_set_and_reset_what_is_theirs_and_all_their_sessions_hear_of_it() {
    on_both_engines(async |hall| {
        let user = hall.user("ana").await;
        let ana = hall.call(user, &[]);
        let definitions = user_definitions(&ana, ListUserDefinitions::default()).await.unwrap().items;
        assert!(definitions.iter().any(|known| known.key == "locale.language" && known.permission.is_none()));
        let ear = Ear::of(hall, &ana);
        assert_eq!(known(&ana, user).await, None);
        let first = update_user(&ana, update(user, json!({ "language": "pt-BR" }))).await.unwrap();
        assert_eq!(
            (language(&first), first.set.as_slice(), first.version),
            (Some("pt-BR"), &["language".to_owned()][..], 1)
        );
        assert_eq!(ear.heard(), [Event::UserSettingsUpdated(first.clone())]);
        assert_eq!(known(&ana, user).await.as_deref(), Some("pt-BR"), "B09: the first is seen at once");
        // The same again is no change.
        assert_eq!(update_user(&ana, update(user, json!({ "language": "pt-BR" }))).await.unwrap(), first);
        assert_eq!(ear.heard(), []);
        let zone =
            update_user(&ana, update(user, json!({ "time_zone": "America/Sao_Paulo" }))).await.unwrap();
        assert_eq!((language(&zone), zone.version), (Some("pt-BR"), 2), "what is not named stays");
        let late = UpdateUserSettings { if_version: Some(1), ..update(user, json!({ "language": "en" })) };
        assert!(matches!(update_user(&ana, late).await, Err(Error::VersionConflict { version: 2 })));
        hall.restart().await;
        let ana = hall.call(user, &[]);
        let all = of_user(&ana, GetUserSettings { user_id: user, reason: None }).await.unwrap().items;
        assert_eq!(all.iter().find(|section| section.section == "locale"), Some(&zone));
        let reset = update_user(&ana, update(user, json!({ "language": null }))).await.unwrap();
        assert_eq!((language(&reset), reset.version), (None, 3));
        assert_eq!(known(&ana, user).await, None);
    })
    .await;
}

#[tokio::test]
async fn many_users_are_read_at_once_and_kept() {
    on_both_engines(async |hall| {
        let [ana, ben, cleo] = [hall.user("ana").await, hall.user("ben").await, hall.user("cleo").await];
        for (user, tag) in [(ana, "en"), (ben, "de")] {
            update_user(&hall.call(user, &[]), update(user, json!({ "language": tag }))).await.unwrap();
        }
        let cx = hall.server();
        let all = read_many::<Locale>(&cx, &[ana, ben, cleo]).await.unwrap();
        let tag = |user: &UserId| all[user].language.as_deref();
        assert_eq!((tag(&ana), tag(&ben), tag(&cleo)), (Some("en"), Some("de"), None));
        assert_eq!(kept::<Locale>(&hall.hall, ben).unwrap().language.as_deref(), Some("de"));
        // What was kept is forgotten with the change, also by those who look in a transaction.
        update_user(&hall.call(ben, &[]), update(ben, json!({ "language": "fr" }))).await.unwrap();
        assert!(kept::<Locale>(&hall.hall, ben).is_none());
        let of_both = cx.read(move |tx| of_many::<Locale>(tx, &[ana, ben])).await.unwrap();
        assert_eq!(of_both[&ben].language.as_deref(), Some("fr"));
        assert_eq!(cx.read(move |tx| of::<Locale>(tx, cleo)).await.unwrap().language, None);
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_is_refused_with_its_place_and_the_nearest_name() {
    on_both_engines(async |hall| {
        let user = hall.user("ana").await;
        let ana = hall.call(user, &[]);
        let section = UpdateUserSettings { section: "local".into(), ..update(user, json!({})) };
        assert_eq!(fields(update_user(&ana, section).await)[0].nearest.as_deref(), Some("locale"));
        for (values, path) in [
            (json!({ "langage": "en" }), "/values/langage"),
            (json!({ "language": 7 }), "/values/language"),
            (json!({ "language": "not a tag" }), "/values/language"),
            (json!({ "time_zone": "x".repeat(65) }), "/values/time_zone"),
        ] {
            assert_eq!(
                fields(update_user(&ana, update(user, values.clone())).await)[0].path,
                path,
                "{values}"
            );
        }
        assert_eq!(known(&ana, user).await, None);
        let privacy = update(user, json!({ "messages": "frends" }));
        let wish = UpdateUserSettings { section: "privacy".into(), ..privacy };
        let refused = fields(update_user(&ana, wish).await).remove(0);
        assert_eq!((refused.path.as_str(), refused.code.as_str()), ("/values/messages", "not_a_choice"));
        assert!(refused.message.contains("\"friends\""), "{refused:?}");
    })
    .await;
}

#[tokio::test]
async fn staff_sees_and_changes_what_others_set_and_says_why() {
    on_both_engines(async |hall| {
        let [ana, ben] = [hall.user("ana").await, hall.user("ben").await];
        let (staff, other) = (hall.call(ben, &[EDIT_USERS]), hall.call(ben, &[]));
        let look = GetUserSettings { user_id: ana, reason: None };
        assert!(matches!(of_user(&other, look.clone()).await, Err(Error::Forbidden)));
        assert!(matches!(of_user(&hall.nobody(), look.clone()).await, Err(Error::NotSignedIn)));
        assert_eq!(fields(of_user(&staff, look.clone()).await)[0].path, "/reason");
        of_user(&staff, GetUserSettings { reason: Some("asked for help".into()), ..look }).await.unwrap();
        let wish = update(ana, json!({ "language": "en" }));
        assert!(matches!(update_user(&other, wish.clone()).await, Err(Error::Forbidden)));
        assert_eq!(fields(update_user(&staff, wish.clone()).await)[0].path, "/reason");
        let said = UpdateUserSettings { reason: Some("asked for it".into()), ..wish };
        let ear = Ear::of(hall, &hall.call(ana, &[]));
        assert_eq!(language(&update_user(&staff, said.clone()).await.unwrap()), Some("en"));
        assert_eq!(ear.heard().len(), 1, "the user hears of it");
        let target = Some(format!("user:{ana}"));
        let filter = moothall_protocol::audit::ListAudit { target, ..Default::default() };
        let lines = crate::audit::list(&hall.server(), filter).await.unwrap().items;
        for action in ["settings.of_user", "settings.update_user"] {
            assert_eq!(lines.iter().filter(|line| line.action == action).count(), 1);
        }
        let nobody = UpdateUserSettings { user_id: hall.server().new_id(), ..said };
        assert!(matches!(update_user(&staff, nobody).await, Err(Error::NotFound)));
    })
    .await;
}

/// What does not fit any more, after an update of the server, is the default again.
#[tokio::test]
async fn what_a_newer_server_does_not_understand_is_left_out() {
    on_both_engines(async |hall| {
        let user = hall.user("ana").await;
        let cx = hall.server();
        cx.write(move |tx| {
            let values = json!({ "language": 7, "time_zone": "Asia/Tokyo", "gone": true });
            let Value::Object(values) = values else { return Ok(()) };
            store::put_section(tx, user, "locale", &store::Entries { values, version: 4 }).map(drop)
        })
        .await
        .unwrap();
        let locale = read::<Locale>(&cx, user).await.unwrap();
        assert_eq!((&locale.language, locale.time_zone.as_deref()), (&None, Some("Asia/Tokyo")));
        let ana = hall.call(user, &[]);
        let shown = update_user(&ana, update(user, json!({ "language": "ja" }))).await.unwrap();
        assert_eq!((language(&shown), shown.version), (Some("ja"), 5));
    })
    .await;
}

#[tokio::test]
async fn what_another_process_changes_for_a_user_is_heard_of() {
    on_both_engines(async |hall| {
        let user = hall.user("ana").await;
        let (cx, beside) = (hall.server(), hall.beside().await);
        assert_eq!(known(&cx, user).await, None);
        let change =
            UpdateUserSettings { reason: Some("x".into()), ..update(user, json!({ "language": "it" })) };
        update_user(&Cx::server(&beside), change).await.unwrap();
        look(&hall.hall).await.unwrap();
        assert_eq!(known(&cx, user).await.as_deref(), Some("it"));
        cx.write(move |tx| forget(tx, user)).await.unwrap();
        assert_eq!(known(&cx, user).await, None);
        beside.close().await;
    })
    .await;
}

/// A section that counts how often it was told of changes, by user.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Told {
    /// A number.
    number: u32,
}

static TOLD: Mutex<Vec<UserId>> = Mutex::new(Vec::new());

impl UserSection for Told {
    const NAME: &'static str = "told";

    fn changed(_: &Hall, user: UserId) {
        TOLD.lock().push(user);
    }
}

/// Whoever made it, each node tells its own sessions once.
#[tokio::test]
async fn a_change_is_told_once_to_the_sessions_of_every_node() {
    on_both_engines_as(
        |builder| builder.user_section::<Told>(),
        async |hall| {
            let user = hall.user("ana").await;
            let (ana, beside) = (hall.call(user, &[]), hall.beside().await);
            // The users of both engines have the same ids.
            TOLD.lock().clear();
            let told = || TOLD.lock().iter().filter(|told| **told == user).count();
            let ear = Ear::of(hall, &ana);
            let set = |number: u32| UpdateUserSettings {
                section: "told".into(),
                reason: Some("for a test".into()),
                ..update(user, json!({ "number": number }))
            };
            assert_eq!(read::<Told>(&ana, user).await.unwrap().number, 0);
            let there = update_user(&Cx::server(&beside), set(1)).await.unwrap();
            assert_eq!((ear.heard().len(), told()), (0, 1), "the other node alone knows");
            look(&hall.hall).await.unwrap();
            assert_eq!((ear.heard(), told()), (vec![Event::UserSettingsUpdated(there)], 2));
            assert!(kept::<Told>(&hall.hall, user).is_none());
            assert_eq!(read::<Told>(&ana, user).await.unwrap().number, 1);
            // Its own change a node has told of already.
            let here = update_user(&ana, set(2)).await.unwrap();
            assert_eq!((ear.heard(), told()), (vec![Event::UserSettingsUpdated(here)], 3));
            look(&hall.hall).await.unwrap();
            assert_eq!((ear.heard().len(), told()), (0, 3));
            look(&beside).await.unwrap();
            assert_eq!(told(), 4, "nor does the other node tell of its own");
            look(&beside).await.unwrap();
            assert_eq!(told(), 4);
            beside.close().await;
        },
    )
    .await;
}

#[tokio::test]
async fn a_section_of_a_user_has_so_many_bytes_at_most() {
    on_both_engines(async |hall| {
        use moothall_protocol::limits::USER_SETTINGS_BYTES_MAX;
        let user = hall.user("ana").await;
        let ana = hall.call(user, &[]);
        // Each a choice that there may be; all of them together are too many.
        let muted = |count: usize| json!({ "muted": (0..count).map(|number| format!("{number:0>60}")).collect::<Vec<_>>() });
        let with = |values: Value| UpdateUserSettings { section: "notifications".into(), ..update(user, values) };
        update_user(&ana, with(muted(200))).await.unwrap();
        let entries = store::Entries::default();
        let live = hall.hall.live_settings();
        let large = json!({ "language": "x".repeat(USER_SETTINGS_BYTES_MAX) });
        let refused = crate::settings::users::prove(live, 0, large.as_object().unwrap());
        assert_eq!(fields(refused)[0].code, "too_large");
        assert!(crate::settings::users::prove(live, 0, &entries.values).is_ok());
    })
    .await;
}
