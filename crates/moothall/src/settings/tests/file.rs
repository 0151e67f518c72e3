//! Settings as a file.

use moothall_protocol::settings::{ExportSettings, ImportSettings, ImportedSettings, SettingChange};

use super::*;

fn of(toml: &str) -> ImportSettings {
    ImportSettings { toml: toml.into(), resets_others: None, is_dry_run: None, reason: "for a test".into() }
}

fn change(key: &str, before: Value, after: Value) -> SettingChange {
    SettingChange { key: key.into(), before, after, is_reset: false }
}

#[tokio::test]
async fn what_one_server_exports_another_imports() {
    on_both_engines(async |hall| {
        let cx = hall.server();
        set_to(&cx, "lobbies.vote_ms", json!(10_000)).await.unwrap();
        set_to(&cx, "communication.words", json!([{ "word": "turnip", "verdict": "mask" }])).await.unwrap();
        set_to(&cx, "communication.empty_room_days", json!(null)).await.unwrap();
        set_to(&cx, "connections.sessions.web.max", json!(3)).await.unwrap();
        let file = export(&cx, ExportSettings::default()).await.unwrap().toml;
        let everything = export(&cx, ExportSettings { everything: Some(true) }).await.unwrap().toml;
        assert!(
            everything.contains("offline_after_ms") && !file.contains("offline_after_ms"),
            "{everything}"
        );
        assert!(!everything.contains("password_memory_kib"), "{everything}");
        let before = serde_json::to_value(&*hall.hall.settings()).unwrap();
        for key in [
            "lobbies.vote_ms",
            "communication.words",
            "communication.empty_room_days",
            "connections.sessions.web.max",
        ] {
            back(&cx, key).await;
        }
        let dry = import(&cx, ImportSettings { is_dry_run: Some(true), ..of(&file) }).await.unwrap();
        assert_eq!((dry.changes.len(), dry.is_dry_run), (4, true));
        assert_eq!(dry.changes[3], change("lobbies.vote_ms", json!(45_000), json!(10_000)));
        assert_eq!(hall.hall.settings().lobbies.vote_ms, 45_000, "a dry run changes nothing");
        let done = import(&cx, of(&file)).await.unwrap();
        assert_eq!(done, ImportedSettings { is_dry_run: false, ..dry });
        assert_eq!(serde_json::to_value(&*hall.hall.settings()).unwrap(), before);
        assert_eq!(import(&cx, of(&file)).await.unwrap().changes, [], "the same again changes nothing");
        let history =
            history(&cx, ListSettingChanges { key: "lobbies.vote_ms".into(), cursor: None, limit: None });
        assert_eq!(
            history.await.unwrap().items.iter().filter(|line| line.action == "settings.import").count(),
            1
        );
        let rest = ImportSettings { resets_others: Some(true), ..of("[lobbies]\nvote_ms = 11000\n") };
        let changes = import(&cx, rest).await.unwrap().changes;
        assert_eq!(changes.iter().filter(|change| change.is_reset).count(), 3, "{changes:?}");
        assert_eq!(hall.hall.settings().communication.empty_room_days, Some(30));
    })
    .await;
}

#[tokio::test]
async fn what_holds_already_is_no_change_and_is_not_set_by_a_file_that_says_all() {
    on_both_engines(async |hall| {
        let cx = hall.server();
        set_to(&cx, "lobbies.vote_ms", json!(10_000)).await.unwrap();
        // Some of these have what is nothing within them.
        let mut templates = json!(crate::Settings::default().moderation.templates);
        templates.as_array_mut().unwrap().push(json!({ "name": "quiet", "kind": "restrict",
            "category": "insult", "public_reason": "Be kind.", "types": ["chat"], "hours": 1 }));
        set_to(&cx, "moderation.templates", templates).await.unwrap();
        let everything = export(&cx, ExportSettings { everything: Some(true) }).await.unwrap().toml;
        let dry = import(&cx, ImportSettings { is_dry_run: Some(true), ..of(&everything) }).await.unwrap();
        assert_eq!(dry.changes, []);
        let other = everything.replace("vote_ms = 10000", "vote_ms = 11000");
        let all = ImportSettings { resets_others: Some(true), ..of(&other) };
        let changes = import(&cx, all).await.unwrap().changes;
        assert_eq!(changes, [change("lobbies.vote_ms", json!(10_000), json!(11_000))]);
        let set =
            list(&cx, ListSettings { is_set: Some(true), ..ListSettings::default() }).await.unwrap().items;
        assert_eq!(set.len(), 2, "{set:?}");
    })
    .await;
}

#[tokio::test]
async fn a_file_with_something_wrong_changes_nothing_and_all_that_is_wrong_is_said() {
    on_both_engines(async |hall| {
        let cx = hall.server();
        let wrong = fields(
            import(&cx, of("[lobbies]\nvote_ms = 1\nvote = 2\nchat_days = 3\n[nowhere]\nx = 1\n")).await,
        );
        let all = wrong.iter().map(|field| field.message.as_str()).collect::<Vec<_>>().join("\n");
        assert_eq!(wrong.len(), 3, "{all}");
        for said in ["lobbies.vote_ms: ", "lobbies.vote: ", "nowhere.x: "] {
            assert!(all.contains(said), "{all}");
        }
        assert_eq!(hall.hall.settings().lobbies.chat_days, 7);
        assert_eq!(fields(import(&cx, of("vote_ms = = 1")).await)[0].path, "/toml");
        let together =
            "[[communication.words]]\nword = \"***\"\nverdict = \"block\"\n[lobbies]\nchat_days = 3\n";
        assert!(fields(import(&cx, of(together)).await)[0].message.contains("communication.words"));
        assert_eq!(hall.hall.settings().lobbies.chat_days, 7);
    })
    .await;
}

#[tokio::test]
async fn what_is_set_to_nothing_is_a_list_and_nothing_is_set_twice() {
    on_both_engines(async |hall| {
        let cx = hall.server();
        for wrong in [
            "nothing = \"communication.empty_room_days\"",
            "nothing = [1]",
            "nothing = [\"communication.empty_room_days\"]\n[communication]\nempty_room_days = 3\n",
            "nothing = [\"communication.empty_room_days\", \"communication.empty_room_days\"]",
        ] {
            assert_eq!(fields(import(&cx, of(wrong)).await)[0].path, "/toml", "{wrong}");
        }
        assert_eq!(
            import(&cx, of("nothing = [\"communication.empty_room_days\"]")).await.unwrap().changes.len(),
            1
        );
    })
    .await;
}
