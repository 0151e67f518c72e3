//! What users see of each other, names that change hands, and staff's changes. Searching is tested in `search/tests.rs`.

use moothall_protocol::accounts::{CreateKey, GrantRole, SignIn};
use moothall_protocol::audit::ListAudit;

use super::*;
use crate::accounts::testing::{
    Listener, PASSWORD, call, code, sign_in, sign_up, sign_up_guest, try_sign_in, with_accounts,
};
use crate::testing::{TestHall, on_both_engines};
use crate::{Clock as _, Fault as _};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn rename_to(name: &str) -> Rename {
    Rename { name: name.to_owned(), password: Some(PASSWORD.to_owned()) }
}

/// A change by staff of nothing yet.
fn change(user_id: UserId) -> UpdateUser {
    serde_json::from_value(serde_json::json!({ "user_id": user_id, "reason": "asked for it" })).unwrap()
}

async fn record_of(test: &TestHall, user_id: UserId) -> UserRecord {
    *get(&test.server(), GetUser { user_id }).await.unwrap().record.unwrap()
}

#[tokio::test]
async fn t023_others_see_a_user_and_only_staff_see_the_record() {
    on_both_engines(async |test| {
        let (ana, ben) = (test.user("Ana").await, test.user("Ben").await);
        let seen = get(&test.call(ben, &[]), GetUser { user_id: ana }).await.unwrap();
        assert_eq!((seen.id, seen.name.as_str(), seen.is_guest), (ana, "Ana", false));
        assert!(!serde_json::to_string(&seen).unwrap().contains("example.org"));
        let record = get(&test.call(ben, &[READ]), GetUser { user_id: ana }).await.unwrap().record.unwrap();
        assert_eq!(record.email.as_deref(), Some("ana@example.org"));
        let nobody = GetUser { user_id: test.server().new_id() };
        assert_eq!(code(get(&test.call(ben, &[READ]), nobody).await), "not_found");
        let own = me(&test.call(ana, &[]), GetMe {}).await.unwrap();
        assert_eq!((own.email.as_deref(), own.is_email_verified), (Some("ana@example.org"), true));
    })
    .await;
}

#[tokio::test]
async fn b12_who_was_looked_for_before_they_were_there_is_found_as_soon_as_they_are() {
    on_both_engines(async |test| {
        let cx = test.call(test.user("Ben").await, &[]);
        let id = cx.new_id();
        let look = async || {
            let wanted = serde_json::from_value(serde_json::json!({ "name_prefix": "Ana" })).unwrap();
            let found = list(&cx, wanted).await.unwrap().items.len();
            let known = summaries(&cx, &[id]).await.unwrap().len();
            let reached = crate::reach::living(&cx, &[id]).await.unwrap().len();
            (code(get(&cx, GetUser { user_id: id }).await), found, known, reached)
        };
        assert_eq!(look().await, ("not_found", 0, 0, 0));
        test.insert(id, "Ana", None).await;
        assert_eq!(look().await, ("ok", 1, 1, 1));
    })
    .await;
}

#[tokio::test]
async fn summaries_are_exact_from_the_moment_a_change_is_committed() {
    on_both_engines(async |test| {
        let (ana, ben) = (test.guest("Ana").await, test.user("Ben").await);
        let cx = test.server();
        let names = async || -> Vec<String> {
            let unknown = cx.new_id();
            let found = summaries(&cx, &[ben, unknown, ana]).await.unwrap();
            found.into_iter().map(|summary| summary.name).collect()
        };
        assert_eq!(names().await, ["Ben", "Ana"]);
        assert!(cx.hall().accounts().summaries.find(ana).is_some(), "from memory the next time");
        rename(&test.call(ana, &[]), rename_to("Anabel")).await.unwrap();
        assert_eq!(names().await, ["Ben", "Anabel"]);
        assert_eq!(summary(&cx, cx.new_id()).await.unwrap_err().code(), "not_found");
    })
    .await;
}

#[tokio::test]
async fn the_own_account_is_exact_from_the_moment_it_changes_be_it_by_the_time() {
    on_both_engines(async |test| {
        let cx = test.call(test.guest("Ana").await, &[]);
        let own = async || me(&cx, GetMe {}).await.unwrap();
        assert_eq!(own().await.name, "Ana");
        assert!(cx.hall().accounts().own.find(cx.user().unwrap()).is_some(), "from memory the next time");
        let renamed = rename(&cx, rename_to("Anabel")).await.unwrap();
        assert_eq!(own().await, renamed);
        test.clock.advance(DAY * 30);
        assert_eq!((renamed.rename_after.is_some(), own().await.rename_after), (true, None));
    })
    .await;
}

#[tokio::test]
async fn a_name_is_changed_once_in_thirty_days_and_told_to_the_own_sessions() {
    on_both_engines(async |test| {
        let ana = test.guest("Ana").await;
        let (cx, listener) = (test.call(ana, &[]), Listener::of(&test.hall, ana));
        assert_eq!(rename(&cx, rename_to("Ana")).await.unwrap().rename_after, None, "no change");
        assert_eq!(listener.account(), None);

        let renamed = rename(&cx, rename_to("Anabel")).await.unwrap();
        assert_eq!(listener.account().as_ref(), Some(&renamed));
        assert_eq!((renamed.name.as_str(), renamed.version), ("Anabel", 2));
        assert_eq!(renamed.rename_after, Some(test.clock.now() + DAY * 30));

        test.clock.advance(DAY * 30 - Duration::from_micros(1));
        let refusal = rename(&cx, rename_to("Anastasia")).await.unwrap_err();
        assert_eq!((refusal.code(), refusal.details().until), ("rename_too_soon", renamed.rename_after));
        test.clock.advance(Duration::from_micros(1));
        assert_eq!(
            rename(&cx, rename_to("ANABEL")).await.unwrap().name,
            "ANABEL",
            "one's own name in other cases"
        );
        assert_eq!(me(&cx, GetMe {}).await.unwrap().version, 3);
    })
    .await;
}

#[tokio::test]
async fn b04_a_name_let_go_is_nobody_elses_for_thirty_days_and_a_taken_one_never() {
    on_both_engines(async |test| {
        let (ana, ben) = (test.guest("Ana").await, test.guest("Ben").await);
        let (as_ana, as_ben) = (test.call(ana, &[]), test.call(ben, &[]));
        // `Вen` begins with a Cyrillic letter, so it is refused for itself; `BEN` is Ben's name.
        assert_eq!(code(rename(&as_ana, rename_to("BEN")).await), "name_taken");
        assert_eq!(code(rename(&as_ana, rename_to("Вen")).await), "invalid");
        assert_eq!(code(rename(&as_ana, rename_to("Moderator")).await), "invalid");
        assert_eq!(me(&as_ana, GetMe {}).await.unwrap().name, "Ana", "a refused change keeps the name");

        rename(&as_ana, rename_to("Cleo")).await.unwrap();
        assert_eq!(code(rename(&as_ben, rename_to("Ana")).await), "name_taken");
        test.clock.advance(DAY * 30 - Duration::from_micros(1));
        assert_eq!(code(rename(&as_ben, rename_to("ana")).await), "name_taken");
        test.clock.advance(Duration::from_micros(1));
        assert_eq!(rename(&as_ben, rename_to("ana")).await.unwrap().name, "ana");
        assert_eq!(code(rename(&as_ana, rename_to("Ana")).await), "name_taken");
    })
    .await;
}

#[tokio::test]
async fn who_let_a_name_go_may_take_it_back() {
    on_both_engines(async |test| {
        let ana = test.guest("Ana").await;
        let cx = test.call(ana, &[]);
        rename(&cx, rename_to("Cleo")).await.unwrap();
        test.change_settings(|settings| {
            settings.accounts.rename_days = 0;
            settings.accounts.name_hold_days = 365;
        })
        .await;
        let cx = test.call(ana, &[]);
        rename(&cx, rename_to("Dora")).await.unwrap();
        assert_eq!(rename(&cx, rename_to("Cleo")).await.unwrap().name, "Cleo");
        let names =
            list_names(&test.server(), ListNames { user_id: ana, limit: None, cursor: None }).await.unwrap();
        let names: Vec<&str> = names.items.iter().map(|name| name.name.as_str()).collect();
        assert_eq!(names.len(), 3);
        assert_eq!(names.last(), Some(&"Ana"));
    })
    .await;
}

#[tokio::test]
async fn of_many_who_want_one_name_at_once_one_gets_it() {
    on_both_engines(async |test| {
        let mut users = Vec::new();
        for name in ["Ana", "Ben", "Cleo", "Dora", "Emil", "Finn"] {
            users.push(test.guest(name).await);
        }
        let calls: Vec<Cx> = users.iter().map(|user| test.call(*user, &[])).collect();
        let answers =
            futures_util::future::join_all(calls.iter().map(|cx| rename(cx, rename_to("Zoe")))).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        assert!(answers.into_iter().all(|answer| matches!(code(answer), "ok" | "name_taken")));
    })
    .await;
}

#[tokio::test]
async fn t020_who_has_a_password_says_it_to_take_another_name() {
    with_accounts(async |test| {
        let cx = call(&test.hall, &sign_up(&test.hall, "Ana").await).await;
        let without = Rename { name: "Anabel".into(), password: None };
        assert_eq!(code(rename(&cx, without).await), "invalid");
        let wrong = Rename { name: "Anabel".into(), password: Some("wrong password".into()) };
        assert_eq!(code(rename(&cx, wrong).await), "bad_credentials");
        rename(&cx, rename_to("Anabel")).await.unwrap();
        assert_eq!(code(try_sign_in(&test.hall, "10.0.0.1", "Ana", PASSWORD).await), "bad_credentials");
        assert_eq!(code(try_sign_in(&test.hall, "10.0.0.1", "anabel", PASSWORD).await), "ok");
        let guest = call(&test.hall, &sign_up_guest(&test.hall).await).await;
        assert!(rename(&guest, Rename { name: "Ben".into(), password: None }).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn staff_reads_the_names_a_user_had_page_by_page() {
    on_both_engines(async |test| {
        let (ana, moderator) = (test.guest("Ana").await, test.user("Mo").await);
        let staff = test.call(moderator, &[EDIT, READ]);
        for name in ["Bea", "Cleo", "Dora"] {
            test.clock.advance(Duration::from_secs(1));
            update(&staff, UpdateUser { name: Some(name.into()), ..change(ana) }).await.unwrap();
        }
        let page = ListNames { user_id: ana, limit: Some(2), cursor: None };
        let first = list_names(&staff, page.clone()).await.unwrap();
        let rest = list_names(&staff, ListNames { cursor: first.next, ..page }).await.unwrap();
        let names: Vec<_> = first.items.iter().chain(&rest.items).map(|name| name.name.as_str()).collect();
        assert_eq!(names, ["Cleo", "Bea", "Ana"]);
        assert!(rest.items.iter().all(|name| name.changed_by == Some(moderator)));
        assert_eq!(rest.next, None);
        let player =
            list_names(&test.call(ana, &[]), ListNames { user_id: ana, limit: None, cursor: None }).await;
        assert_eq!(code(player), "forbidden");
    })
    .await;
}

#[tokio::test]
async fn t019_staff_changes_what_it_names_and_nothing_else_and_the_log_has_it() {
    on_both_engines(async |test| {
        let (ana, original, moderator) =
            (test.user("Ana").await, test.user("Cleo").await, test.user("Mo").await);
        let staff = test.call(moderator, &[EDIT, READ]);
        let listener = Listener::of(&test.hall, ana);
        assert_eq!(code(update(&test.call(moderator, &[READ]), change(ana)).await), "forbidden");

        let input = UpdateUser {
            name: Some("Anabel".into()),
            email: Some("Anabel@Example.org".into()),
            is_approved: Some(true),
            behaviour_score: Some(5),
            trust_score: Some(1_000_000),
            social_score: Some(7),
            alternate_of: Some(original),
            if_version: Some(1),
            ..change(ana)
        };
        let now = test.clock.now();
        let updated = update(&staff, input.clone()).await.unwrap();
        let record = updated.record.unwrap();
        assert_eq!((updated.name.as_str(), updated.version), ("Anabel", 2));
        assert_eq!(
            (record.email.as_deref(), record.email_verified_at),
            (Some("Anabel@Example.org"), Some(now))
        );
        assert_eq!((record.behaviour_score, record.trust_score, record.social_score), (5, 1_000_000, 7));
        assert_eq!(record.approved_at, Some(now));
        assert_eq!((record.alternate_of, record.renamed_at), (Some(original), None));
        assert_eq!(listener.account().unwrap().name, "Anabel");

        assert_eq!(update(&staff, input).await.unwrap_err().details().version, Some(2));
        let undo = UpdateUser {
            is_approved: Some(false),
            is_alternate: Some(false),
            is_email_verified: Some(false),
            ..change(ana)
        };
        let record = update(&staff, undo).await.unwrap().record.unwrap();
        assert_eq!((record.approved_at, record.alternate_of), (None, None));
        assert_eq!((record.email.as_deref(), record.email_verified_at), (Some("Anabel@Example.org"), None));
        assert_eq!((record.behaviour_score, record.trust_score, record.social_score), (5, 1_000_000, 7));

        listener.account().unwrap();
        let hidden = UpdateUser { trust_score: Some(3), behaviour_score: Some(0), ..change(ana) };
        update(&staff, hidden).await.unwrap();
        assert_eq!(listener.account(), None, "what a user must not notice is no event");

        let log = audit::list(&test.server(), ListAudit::default()).await.unwrap();
        let lines: Vec<_> = log.items.iter().filter(|line| line.action == "accounts.update_user").collect();
        assert_eq!(lines.len(), 3, "what was refused changed nothing");
        assert!(lines.iter().all(|line| line.reason.as_deref() == Some("asked for it")));
        assert!(lines.iter().all(|line| line.actor_id == Some(moderator)));
        // Lines of one instant stand in any order.
        let fields = |value: &Option<Value>| {
            let fields = value.as_ref().unwrap().as_object().unwrap();
            // Which comes first is up to the engine.
            let mut names: Vec<_> = fields.keys().cloned().collect();
            names.sort();
            names
        };
        let hidden = ["behaviour_score", "trust_score"];
        let line = lines.iter().find(|line| fields(&line.after) == hidden);
        assert_eq!(fields(&line.expect("what changed, and no more").before), hidden);
        assert!(!serde_json::to_string(&lines).unwrap().contains('@'), "nobody's address stays in the log");
    })
    .await;
}

#[tokio::test]
async fn staff_cannot_give_away_a_name_or_an_address_that_another_has() {
    on_both_engines(async |test| {
        let (ana, ben) = (test.user("Ana").await, test.user("Ben").await);
        let staff = test.call(test.user("Mo").await, &[EDIT]);
        let name = UpdateUser { name: Some("ben".into()), ..change(ana) };
        assert_eq!(code(update(&staff, name).await), "name_taken");
        let email = UpdateUser { email: Some("BEN@example.org".into()), ..change(ana) };
        assert_eq!(code(update(&staff, email).await), "email_taken");
        let itself = UpdateUser { alternate_of: Some(ana), ..change(ana) };
        assert_eq!(code(update(&staff, itself).await), "invalid");
        update(&staff, UpdateUser { alternate_of: Some(ben), ..change(ana) }).await.unwrap();
        let circle = UpdateUser { alternate_of: Some(ana), ..change(ben) };
        assert_eq!(code(update(&staff, circle).await), "invalid");
        let unsaid = UpdateUser { is_alternate: Some(true), ..change(ben) };
        assert_eq!(code(update(&staff, unsaid).await), "invalid");
    })
    .await;
}

#[tokio::test]
async fn who_may_do_more_is_not_for_others_to_change() {
    with_accounts(async |test| {
        sign_up(&test.hall, "Ana").await;
        let boss = sign_up(&test.hall, "Boss").await.user.id;
        let grant =
            GrantRole { user_id: boss, role: "administrator".into(), ends_at: None, reason: "first".into() };
        crate::accounts::grant_role(&test.server(), grant).await.unwrap();
        let staff = test.call(test.user("Mo").await, &[EDIT, READ]);
        // With the address would come a new password, and with that all that the administrator may do.
        let take_over = UpdateUser { email: Some("mo@example.com".into()), ..change(boss) };
        assert_eq!(code(update(&staff, take_over.clone()).await), "beyond_own_permissions");
        let itself = sign_in(&test.hall, "Boss").await;
        assert!(update(&itself, take_over).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn t036_the_server_speaks_as_a_user_that_nobody_can_sign_in_as() {
    with_accounts(async |test| {
        for _ in 0..2 {
            let system = summary(&test.server(), SYSTEM).await.unwrap();
            assert_eq!((system.name.as_str(), system.is_bot), ("System", true));
            test.restart().await;
        }
        let login =
            SignIn { login: Some("System".into()), password: Some(PASSWORD.into()), ..SignIn::default() };
        assert_eq!(code(crate::accounts::sign_in(&test.nobody(), login).await), "bad_credentials");
        assert!(Name::parse("system").is_err());
        let key = CreateKey {
            reason: Some("for a test".into()),
            user_id: Some(SYSTEM),
            name: "x".into(),
            kind: None,
            scopes: vec![],
            expires_at: None,
        };
        let staff = test.call(test.user("Mo").await, &[crate::accounts::KEYS]);
        assert_eq!(code(crate::accounts::create_key(&staff, key).await), "not_found");
        assert_eq!(code(update(&test.server(), change(SYSTEM)).await), "not_found");
    })
    .await;
}

#[tokio::test]
async fn b06_when_a_user_came_went_and_played_is_written_down() {
    on_both_engines(async |test| {
        let (ana, ben) = (test.user("Ana").await, test.user("Ben").await);
        let now = test.clock.now();
        let (came, went, played) = (now + DAY, now + DAY * 2, now + DAY * 3);
        test.server()
            .write(move |tx| {
                crate::accounts::stamp_login(tx, ana, came)?;
                crate::accounts::stamp_logout(tx, ana, went)?;
                stamp_played(tx, &[ana], played)
            })
            .await
            .unwrap();
        let record = record_of(test, ana).await;
        assert_eq!(record.last_login_at, Some(came));
        assert_eq!((record.last_logout_at, record.last_played_at), (Some(went), Some(played)));
        let record = record_of(test, ben).await;
        assert_eq!((record.last_login_at, record.last_logout_at, record.last_played_at), (None, None, None));
    })
    .await;
}
