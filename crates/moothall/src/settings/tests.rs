//! Settings of the site and of users.

mod file;
mod sections;
mod users;

use std::sync::Arc;
use std::time::Duration;

use moothall_protocol::limits::PARTY_MEMBERS_MAX;
use moothall_protocol::settings::{
    GetSetting, ListSettingChanges, ListSettings, PublicSettings, ResetSetting, SetSetting, SiteSetting,
};
use serde_json::{Value, json};

use super::live::Stored;
use super::*;
use crate::FieldError;
use crate::testing::{TestHall, on_both_engines, on_both_engines_as, on_both_engines_with};

fn setting(key: &str, value: Value) -> SetSetting {
    SetSetting { key: key.into(), value, if_version: None, reason: "for a test".into() }
}

async fn set_to(cx: &Cx, key: &str, value: Value) -> Result<SiteSetting, Error> {
    set(cx, setting(key, value)).await
}

async fn back(cx: &Cx, key: &str) -> SiteSetting {
    reset(cx, ResetSetting { key: key.into(), if_version: None, reason: "for a test".into() }).await.unwrap()
}

async fn shown(cx: &Cx, key: &str) -> SiteSetting {
    get(cx, GetSetting { key: key.into() }).await.unwrap()
}

fn fields(refused: Result<impl std::fmt::Debug, Error>) -> Vec<FieldError> {
    match refused.unwrap_err() {
        Error::Invalid { fields } => fields,
        other => panic!("{other:?}"),
    }
}

/// Values at each edge of what a schema lets pass, without the rules that only this setting has.
fn edges(schema: &Value, default: &Value) -> Vec<Value> {
    let mut found = vec![default.clone()];
    found.extend(["minimum", "maximum", "const"].iter().filter_map(|word| schema.get(*word).cloned()));
    for word in ["oneOf", "anyOf"] {
        let branches = schema.get(word).and_then(Value::as_array).into_iter().flatten();
        found.extend(branches.flat_map(|branch| edges(branch, default)));
    }
    found.extend(schema.get("enum").and_then(Value::as_array).into_iter().flatten().cloned());
    let kinds = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.clone(),
        Some(kind) => vec![kind.clone()],
        None => Vec::new(),
    };
    for kind in kinds.iter().filter_map(Value::as_str) {
        match kind {
            "boolean" => found.extend([json!(true), json!(false)]),
            "null" => found.push(Value::Null),
            // What others refer to, such as categories and templates, cannot be empty.
            "array" if schema.get("minItems").is_none() && default == &json!([]) => found.push(json!([])),
            _ => {}
        }
    }
    found
}

/// A whole number and the same one with a point are one.
fn is_same(one: &Value, other: &Value) -> bool {
    one == other || one.as_f64().is_some_and(|number| other.as_f64() == Some(number))
}

/// T166, of every setting that there is.
#[tokio::test]
async fn every_setting_holds_each_value_at_the_edges_of_what_it_may_be_and_is_reset() {
    on_both_engines(async |hall| {
        let cx = hall.server();
        let all = list(&cx, ListSettings::default()).await.unwrap().items;
        assert!(all.len() > 40, "{}", all.len());
        let mut tried = 0;
        for SiteSetting { definition, base, .. } in all {
            assert!(!definition.about.is_empty(), "{} says what it does", definition.key);
            for value in edges(&definition.schema, &definition.default) {
                let now = set_to(&cx, &definition.key, value.clone()).await.unwrap();
                assert!(is_same(&now.value, &value), "{}: {}", definition.key, now.value);
                let document = serde_json::to_value(&*hall.hall.settings()).unwrap();
                let holds = definition::at(&document, &definition.key);
                assert!(is_same(holds, &value), "{}: {holds}", definition.key);
                tried += 1;
            }
            let now = back(&cx, &definition.key).await;
            assert_eq!((now.value, now.is_set), (base, false), "{}", definition.key);
        }
        assert!(tried > 120, "{tried}");
        let before = serde_json::to_value(crate::Settings::default()).unwrap();
        let now = serde_json::to_value(&*hall.hall.settings()).unwrap();
        for section in ["accounts", "connections", "communication", "lobbies", "matches"] {
            assert_eq!(now[section], before[section]);
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_set_survives_a_restart_and_stands_over_the_configuration() {
    let configure = |settings: &mut crate::Settings| settings.lobbies.vote_ms = 20_000;
    on_both_engines_with(configure, async |hall| {
        let before = shown(&hall.server(), "lobbies.vote_ms").await;
        assert_eq!(
            (before.value, before.base, before.definition.default),
            (json!(20_000), json!(20_000), json!(45_000))
        );
        set_to(&hall.server(), "lobbies.vote_ms", json!(30_000)).await.unwrap();
        hall.restart().await;
        assert_eq!(hall.hall.settings().lobbies.vote_ms, 30_000);
        hall.change_settings(|settings| settings.lobbies.vote_ms = 25_000).await;
        assert_eq!(hall.hall.settings().lobbies.vote_ms, 30_000);
        assert_eq!(back(&hall.server(), "lobbies.vote_ms").await.value, json!(25_000));
        hall.restart().await;
        assert_eq!(hall.hall.settings().lobbies.vote_ms, 25_000);
    })
    .await;
}

#[tokio::test]
async fn what_does_not_fit_any_more_is_ignored_and_no_reason_not_to_start() {
    on_both_engines(async |hall| {
        let cx = hall.server();
        set_to(&cx, "parties.invite_ms", json!(2_000)).await.unwrap();
        let rows = [
            ("lobbies.vote_ms", json!("long")),
            ("gone.away", json!(1)),
            ("communication.words", json!([{ "word": "***", "verdict": "block" }])),
        ];
        cx.write(move |tx| {
            for (key, value) in rows.clone() {
                let (value, updated_at) = (Some(value), tx.now());
                store::put_site(
                    tx,
                    &Stored { key: key.into(), value, version: 1, updated_at, updated_by: None },
                )?;
            }
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
        hall.restart().await;
        let settings = hall.hall.settings();
        assert_eq!((settings.lobbies.vote_ms, settings.parties.invite_ms), (45_000, 2_000));
        assert!(settings.communication.words.is_empty());
        // It can be set again.
        set_to(&hall.server(), "lobbies.vote_ms", json!(9_000)).await.unwrap();
        assert_eq!(hall.hall.settings().lobbies.vote_ms, 9_000);
    })
    .await;
}

/// Stores settings as a program would that knows more than this one.
async fn store_unseen(cx: &Cx, rows: Vec<(&'static str, Value)>) {
    cx.write(move |tx| {
        for (key, value) in rows.clone() {
            let (value, updated_at) = (Some(value), tx.now());
            let row = Stored { key: key.into(), value, version: 1, updated_at, updated_by: None };
            store::put_site(tx, &row)?;
        }
        Ok::<_, Error>(())
    })
    .await
    .unwrap();
}

/// What stands on others, as a whole, holds also when a further one does not.
#[tokio::test]
async fn a_stored_setting_that_names_a_type_which_is_gone_is_ignored_and_no_other_with_it() {
    on_both_engines(async |hall: &mut TestHall| {
        let own = json!([{ "name": "rude", "about": "Is rude" }]);
        let template = json!([{ "name": "quiet", "kind": "restrict", "category": "rude",
            "public_reason": "Be kind.", "types": ["chat"], "hours": 1 }]);
        let rows = vec![
            ("moderation.categories", own),
            ("moderation.escalation", json!([{ "category": "*", "half_life_days": 9, "steps": ["quiet"] }])),
            ("moderation.evasion_category", Value::Null),
            ("moderation.templates", template),
            ("moderation.warning_holds_back", json!(["trade"])),
        ];
        store_unseen(&hall.server(), rows).await;
        hall.restart().await;
        let settings = hall.hall.settings();
        assert_eq!(settings.moderation.categories[0].name, "rude");
        assert_eq!(settings.moderation.templates.len(), 1);
        assert_eq!(
            settings.moderation.warning_holds_back,
            crate::Settings::default().moderation.warning_holds_back
        );
        // Two that are wrong, and one that stands on one that comes behind it.
        let more = vec![("communication.words", json!([{ "word": "***", "verdict": "block" }]))];
        store_unseen(&hall.server(), more).await;
        let cx = hall.server();
        let mut templates = json!(crate::Settings::default().moderation.templates);
        templates
            .as_array_mut()
            .unwrap()
            .push(json!({ "name": "quiet", "kind": "restrict", "category": "insult",
            "public_reason": "Be kind.", "types": ["chat"], "hours": 1 }));
        cx.write(move |tx| {
            for (key, value) in [
                ("moderation.categories", None),
                ("moderation.evasion_category", None),
                ("moderation.templates", Some(templates.clone())),
            ] {
                let row =
                    Stored { key: key.into(), value, version: 2, updated_at: tx.now(), updated_by: None };
                store::put_site(tx, &row)?;
            }
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
        hall.restart().await;
        let settings = hall.hall.settings();
        assert_eq!(settings.moderation.escalation[0].steps, ["quiet"]);
        assert!(settings.communication.words.is_empty());
    })
    .await;
}

/// Nobody has another's setting ignored by changing what it stands on.
#[tokio::test]
async fn what_another_setting_stands_on_is_changed_with_it_or_not_at_all() {
    on_both_engines(async |hall| {
        let cx = hall.server();
        let mut categories = json!(hall.hall.settings().moderation.categories);
        categories.as_array_mut().unwrap().push(json!({ "name": "rude", "about": "Is rude" }));
        set_to(&cx, "moderation.categories", categories).await.unwrap();
        set_to(&cx, "moderation.evasion_category", json!("rude")).await.unwrap();
        let away =
            ResetSetting { key: "moderation.categories".into(), if_version: None, reason: "away".into() };
        let refused = fields(reset(&cx, away.clone()).await);
        assert!(refused[0].message.contains("no category rude"), "{refused:?}");
        assert_eq!(hall.hall.settings().moderation.evasion_category.as_deref(), Some("rude"));
        back(&cx, "moderation.evasion_category").await;
        reset(&cx, away).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_is_unknown_or_wrong_is_refused_with_the_rule_and_the_nearest_key() {
    on_both_engines(async |hall| {
        let cx = hall.server();
        let unknown = fields(set_to(&cx, "lobbies.vote_m", json!(1)).await);
        assert_eq!(
            (unknown[0].path.as_str(), unknown[0].nearest.as_deref()),
            ("/key", Some("lobbies.vote_ms"))
        );
        let forgotten = fields(get(&cx, GetSetting { key: "vote_ms".into() }).await);
        assert_eq!(forgotten[0].nearest.as_deref(), Some("lobbies.vote_ms"));
        let wrong = [
            ("lobbies.vote_ms", json!("10")),
            ("lobbies.vote_ms", json!(999)),
            ("lobbies.vote_ms", json!(600_001)),
            ("lobbies.vote_ms", json!(1.5)),
            ("accounts.guests", json!("true")),
            ("accounts.verification", json!("maybe")),
            ("parties.members_max", json!(PARTY_MEMBERS_MAX + 1)),
            ("communication.words", json!([{ "word": "x" }])),
            ("communication.words", json!([{ "word": "two words*", "verdict": "block" }])),
            ("accounts.reserved_names", json!(["a\0b"])),
        ];
        for (key, value) in wrong {
            let refused = fields(set_to(&cx, key, value.clone()).await);
            assert!(refused[0].path.starts_with("/value"), "{key} {value}: {refused:?}");
            assert_eq!(shown(&cx, key).await.version, 0, "{key} {value}");
        }
        let [choice, least, most] = [
            ("accounts.verification", json!("frends")),
            ("lobbies.vote_ms", json!(999)),
            ("lobbies.vote_ms", json!(600_001)),
        ]
        .map(|(key, value)| set_to(&cx, key, value));
        let [choice, least, most] =
            [choice.await, least.await, most.await].map(|told| fields(told).remove(0));
        assert_eq!(choice.code, "not_a_choice");
        assert!(choice.message.starts_with("accounts.verification: must be one of \""), "{choice:?}");
        assert_eq!((least.code.as_str(), least.min), ("too_small", Some(1_000.0)));
        assert_eq!((most.code.as_str(), most.max), ("too_large", Some(600_000.0)));
        let large = "x".repeat(moothall_protocol::limits::SETTING_BYTES_MAX);
        assert_eq!(fields(set_to(&cx, "accounts.reserved_names", json!([large])).await)[0].code, "too_large");
        // Neither of them is read but at the start.
        for key in ["store.url", "mail.password", "accounts.issuer", "accounts.password_memory_kib"] {
            assert_eq!(fields(set_to(&cx, key, json!("x")).await)[0].path, "/key", "{key}");
        }
    })
    .await;
}

#[tokio::test]
async fn changes_are_versioned_audited_and_listed_with_their_reasons() {
    on_both_engines(async |hall| {
        let ana = hall.user("ana").await;
        let cx = hall.call(ana, &[READ, EDIT]);
        let first = set_to(&cx, "lobbies.vote_ms", json!(10_000)).await.unwrap();
        assert_eq!((first.version, first.updated_by, first.is_set), (1, Some(ana), true));
        let same = set_to(&cx, "lobbies.vote_ms", json!(10_000)).await.unwrap();
        assert_eq!(same, first);
        let late = SetSetting { if_version: Some(0), ..setting("lobbies.vote_ms", json!(11_000)) };
        assert!(matches!(set(&cx, late).await, Err(Error::VersionConflict { version: 1 })));
        hall.clock.advance(Duration::from_millis(1));
        assert_eq!(back(&cx, "lobbies.vote_ms").await.version, 2);
        hall.clock.advance(Duration::from_millis(1));
        // Null resets what cannot be nothing, and is a value of what can.
        assert_eq!(set_to(&cx, "lobbies.vote_ms", json!(null)).await.unwrap().version, 2);
        let nothing = set_to(&cx, "communication.empty_room_days", json!(null)).await.unwrap();
        assert_eq!((nothing.is_set, nothing.value), (true, Value::Null));
        assert_eq!(hall.hall.settings().communication.empty_room_days, None);
        let all = ListSettingChanges { key: "lobbies.vote_ms".into(), cursor: None, limit: Some(1) };
        let newest = history(&cx, all.clone()).await.unwrap();
        let line = &newest.items[0];
        assert_eq!(
            (line.action.as_str(), line.actor_id, line.reason.as_deref()),
            ("settings.reset", Some(ana), Some("for a test"))
        );
        assert_eq!(line.before, Some(json!(10_000)));
        let rest = history(&cx, ListSettingChanges { cursor: newest.next, ..all }).await.unwrap();
        assert_eq!(
            (rest.items.len(), rest.items[0].after.clone(), rest.next),
            (1, Some(json!(10_000)), None)
        );
    })
    .await;
}

#[tokio::test]
async fn history_tells_what_held_before_and_after_also_where_it_was_nothing_or_not_set() {
    on_both_engines(async |hall| {
        let cx = hall.server();
        let key = "communication.empty_room_days";
        for value in [Some(json!(null)), None, Some(json!(7)), None] {
            match value {
                Some(value) => set_to(&cx, key, value).await.unwrap(),
                None => back(&cx, key).await,
            };
            hall.clock.advance(Duration::from_millis(1));
        }
        let all = ListSettingChanges { key: key.into(), cursor: None, limit: None };
        let lines = history(&cx, all).await.unwrap().items;
        let told = |value: &Option<Value>| value.as_ref().and_then(Value::as_i64);
        let changes: Vec<_> =
            lines.iter().rev().map(|line| (told(&line.before), told(&line.after))).collect();
        assert_eq!(changes, [(Some(30), None), (None, Some(30)), (Some(30), Some(7)), (Some(7), Some(30))]);
    })
    .await;
}

#[tokio::test]
async fn settings_are_found_by_words_and_only_staff_sees_and_changes_them() {
    on_both_engines(async |hall| {
        let cx = hall.server();
        let find = async |search: &str| {
            let input = ListSettings { search: Some(search.into()), ..ListSettings::default() };
            let found = list(&cx, input).await.unwrap().items;
            found.into_iter().map(|setting| setting.definition.key).collect::<Vec<_>>()
        };
        assert_eq!(find("vote open").await, ["lobbies.vote_ms"]);
        assert_eq!(find("Countdown").await, ["lobbies.countdown_ms"]);
        let of_parties = ListSettings { section: Some("parties".into()), ..ListSettings::default() };
        assert_eq!(list(&cx, of_parties).await.unwrap().items.len(), 4);
        set_to(&cx, "lobbies.vote_ms", json!(1_000)).await.unwrap();
        let set_by_staff = ListSettings { is_set: Some(true), ..ListSettings::default() };
        assert_eq!(list(&cx, set_by_staff).await.unwrap().items.len(), 1);
        let ana = hall.user("ana").await;
        let (plain, reader) = (hall.call(ana, &[]), hall.call(ana, &[READ]));
        assert!(matches!(list(&plain, ListSettings::default()).await, Err(Error::Lacks("settings.read"))));
        assert!(list(&reader, ListSettings::default()).await.is_ok());
        assert!(matches!(
            set_to(&reader, "lobbies.vote_ms", json!(2_000)).await,
            Err(Error::Lacks("settings.edit"))
        ));
        let everybody = public(&hall.nobody(), PublicSettings::default()).await.unwrap();
        assert_eq!(everybody.values["accounts.guests"], json!(true));
        assert!(!everybody.values.contains_key("accounts.guesses_of_login"));
        set_to(&cx, "accounts.guests", json!(false)).await.unwrap();
        let other = public(&hall.nobody(), PublicSettings::default()).await.unwrap();
        assert_eq!(other.values["accounts.guests"], json!(false));
        assert_ne!(other.version, everybody.version);
        back(&cx, "accounts.guests").await;
        assert_eq!(public(&hall.nobody(), PublicSettings::default()).await.unwrap(), everybody);
    })
    .await;
}

/// What another node or the command line changes holds here after the next look.
#[tokio::test]
async fn what_another_process_changes_is_heard_of() {
    on_both_engines(async |hall| {
        let beside = hall.beside().await;
        set_to(&Cx::server(&beside), "lobbies.vote_ms", json!(7_000)).await.unwrap();
        assert_eq!(
            (beside.settings().lobbies.vote_ms, hall.hall.settings().lobbies.vote_ms),
            (7_000, 45_000)
        );
        let mut changes = hall.hall.watch_settings();
        look(&hall.hall).await.unwrap();
        assert_eq!(hall.hall.settings().lobbies.vote_ms, 7_000);
        assert!(changes.has_changed().unwrap());
        let _ = *changes.borrow_and_update();
        look(&hall.hall).await.unwrap();
        assert!(!changes.has_changed().unwrap(), "once is enough");
        // A node that is behind makes no older value newer.
        assert_eq!(set_to(&hall.server(), "lobbies.vote_ms", json!(8_000)).await.unwrap().version, 2);
        beside.close().await;
    })
    .await;
}

/// However long a transaction takes, and whatever the clock of another node says.
#[tokio::test]
async fn a_change_that_is_committed_late_or_dated_wrongly_is_not_missed() {
    on_both_engines(async |hall| {
        let (cx, user) = (hall.server(), hall.user("ana").await);
        for (version, minutes, language) in [(1, 60, "de"), (2, 0, "fr")] {
            let updated_at = cx.now() - Duration::from_secs(60 * minutes);
            let clock = Arc::clone(&hall.clock);
            let was_known = language_of(&cx, user).await;
            cx.write(move |tx| {
                let (key, value) = ("lobbies.vote_ms".into(), Some(json!(5_000 + version)));
                store::put_site(tx, &Stored { key, value, version, updated_at, updated_by: None })?;
                let Value::Object(values) = json!({ "language": language }) else { return Ok(()) };
                store::put_section(tx, user, "locale", &store::Entries { values, version })?;
                // Both are written, and what looks goes on without them.
                clock.advance(Duration::from_secs(600));
                Ok::<_, Error>(())
            })
            .await
            .unwrap();
            look(&hall.hall).await.unwrap();
            assert_eq!(i64::try_from(hall.hall.settings().lobbies.vote_ms).unwrap(), 5_000 + version);
            assert_ne!(language_of(&cx, user).await, was_known, "{version}");
        }
    })
    .await;
}

async fn language_of(cx: &Cx, user: moothall_protocol::UserId) -> Option<String> {
    read::<Locale>(cx, user).await.unwrap().language.clone()
}

/// The task that looks does so by the clock.
#[tokio::test]
async fn other_processes_are_looked_for_once_a_second() {
    on_both_engines(async |hall: &mut TestHall| {
        let beside = hall.beside().await;
        set_to(&Cx::server(&beside), "lobbies.vote_ms", json!(7_000)).await.unwrap();
        let mut changes = hall.hall.watch_settings();
        let heard = async {
            while hall.hall.settings().lobbies.vote_ms != 7_000 {
                hall.clock.advance(INTERVAL);
                let _ = tokio::time::timeout(Duration::from_millis(50), changes.changed()).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), heard).await.unwrap();
        beside.close().await;
    })
    .await;
}

/// B10: what may be set is known for as long as the server runs, however seldom somebody looks.
#[tokio::test]
async fn b10_definitions_do_not_expire() {
    on_both_engines(async |hall| {
        let cx = hall.server();
        let count = async || list(&cx, ListSettings::default()).await.unwrap().items.len();
        let before = count().await;
        hall.clock.advance(Duration::from_secs(30 * 24 * 3_600));
        assert_eq!(count().await, before);
        set_to(&cx, "lobbies.vote_ms", json!(10_000)).await.unwrap();
        assert_eq!(hall.hall.settings().lobbies.vote_ms, 10_000);
    })
    .await;
}
