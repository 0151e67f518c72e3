//! The audit log.

use moothall_protocol::audit::{ListAudit, ReadAuditHead};
use moothall_protocol::{Timestamp, UserId};

use serde_json::json;

use super::*;
use crate::testing::on_both_engines;
use crate::{FakeClock, Hall, Settings};

async fn hall(folder: &tempfile::TempDir) -> Hall {
    let mut settings = Settings::default();
    settings.store.url = format!("sqlite:{}", folder.path().join("test.db").display());
    let clock = FakeClock::at(Timestamp::from_micros(1_795_000_000_000_000));
    Hall::builder(settings).clock(clock).open().await.unwrap()
}

#[tokio::test]
async fn an_action_and_its_line_are_committed_together_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let hall = hall(&folder).await;
    let cx = Cx::server(&hall);
    let user: UserId = cx.new_id();
    cx.write(move |tx| {
        record(tx, Entry::new("accounts.rename").user(user).reason("asked").change(&"a", &"b"))
    })
    .await
    .unwrap();
    let undone: Result<(), Error> = cx
        .write(move |tx| {
            record(tx, Entry::new("accounts.erase").user(user))?;
            Err(Error::Forbidden)
        })
        .await;
    assert!(undone.is_err());
    let page = list(&cx, ListAudit::default()).await.unwrap();
    assert_eq!(page.items.len(), 1);
    let line = &page.items[0];
    assert_eq!(
        (line.action.as_str(), line.target.as_str()),
        ("accounts.rename", format!("user:{user}").as_str())
    );
    assert_eq!((line.before.clone(), line.after.clone()), (Some("a".into()), Some("b".into())));
    assert_eq!(line.reason.as_deref(), Some("asked"));
}

#[tokio::test]
async fn the_log_is_read_in_pages_and_by_filter_and_only_with_the_permission() {
    let folder = tempfile::tempdir().unwrap();
    let hall = hall(&folder).await;
    let cx = Cx::server(&hall);
    let users: Vec<UserId> = (0..5).map(|_| cx.new_id()).collect();
    for user in users.clone() {
        cx.write(move |tx| record(tx, Entry::new("accounts.update_user").user(user))).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let page = list(&cx, ListAudit { limit: Some(2), cursor, ..ListAudit::default() }).await.unwrap();
        seen.extend(page.items.into_iter().map(|line| line.target));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 5);
    let target = Some(format!("user:{}", users[3]));
    assert_eq!(list(&cx, ListAudit { target, ..ListAudit::default() }).await.unwrap().items.len(), 1);
    let action = Some("accounts.other".to_owned());
    assert_eq!(list(&cx, ListAudit { action, ..ListAudit::default() }).await.unwrap().items.len(), 0);
    let nobody = Cx::new(&hall, crate::Caller::Nobody, crate::Origin::default());
    assert!(matches!(list(&nobody, ListAudit::default()).await, Err(Error::NotSignedIn)));
}

/// The log grows for ever: whatever is asked of it, an index leads there.
#[tokio::test]
async fn whatever_lines_have_in_common_leads_to_them() {
    on_both_engines(async |test| {
        let any = ListAudit::default;
        let (user, text) = (Some(test.server().new_id()), Some("spam".to_owned()));
        let target = Some("user:1".to_owned());
        let action = |action: &str| Some(action.to_owned());
        let (by_time, by_action) = ("audit_log_by_time", "audit_log_by_action");
        let (by_actor, by_target) = ("audit_log_by_actor", "audit_log_by_target");
        // Where several lead there, PostgreSQL takes the one that it takes for the best.
        for (wanted, indexes) in [
            (any(), &[by_time][..]),
            (ListAudit { since: Some(Timestamp::MIN), text: text.clone(), ..any() }, &[by_time]),
            (ListAudit { action: action("accounts."), ..any() }, &[by_time]),
            (ListAudit { action: action("accounts.erase"), ..any() }, &[by_action]),
            (ListAudit { actor_id: user, ..any() }, &[by_actor]),
            (ListAudit { actor_id: user, action: action("accounts.erase"), ..any() }, &[by_actor, by_action]),
            (ListAudit { target: target.clone(), ..any() }, &[by_target]),
            (ListAudit { target, actor_id: user, text, ..any() }, &[by_target, by_actor]),
        ] {
            let about = format!("{wanted:?}");
            let plan = test.server().read(move |tx| store::plan(tx, &wanted)).await.unwrap();
            assert!(crate::testing::is_led_by(&plan, indexes), "{about}: {plan}");
        }
    })
    .await;
}

/// Both engines find the same: letters from A to Z in either case, all others as they are.
#[tokio::test]
async fn a_text_is_found_in_reasons_whatever_the_case_of_its_letters_from_a_to_z() {
    on_both_engines(async |test| {
        let cx = test.server();
        for reason in [
            "\u{c4}rger in der Stra\u{df}e",
            "100% SPAM_bot!",
            "\u{130}stanbul",
            "\u{41f}\u{440}\u{438}\u{432}\u{435}\u{442}",
        ] {
            cx.write(move |tx| record(tx, Entry::new("accounts.erase").target("user:1").reason(reason)))
                .await
                .unwrap();
        }
        let find = async |text: &str| {
            let target = Some("user:1".to_owned());
            let found =
                list(&cx, ListAudit { target, text: Some(text.into()), ..ListAudit::default() }).await;
            found.unwrap().items.len()
        };
        for (text, count) in [
            ("\u{c4}RGER", 1),
            ("\u{e4}rger", 0),
            ("stra\u{df}e", 1),
            ("strasse", 0),
            ("spam_BOT!", 1),
            ("0% s", 1),
            ("0_", 0),
            ("\u{130}STANBUL", 1),
            ("istanbul", 0),
            ("i\u{307}stanbul", 0),
            ("\u{41f}\u{440}\u{438}", 1),
            ("\u{43f}\u{440}\u{438}", 0),
        ] {
            assert_eq!(find(text).await, count, "{text}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_chain_shows_where_somebody_changed_or_removed_a_line() {
    on_both_engines(async |test| {
        let cx = test.server();
        let user: UserId = cx.new_id();
        for number in 0..6 {
            test.clock.advance(std::time::Duration::from_millis(1));
            cx.write(move |tx| {
                let entry = Entry::new("accounts.update_user").user(user).reason("asked");
                record(tx, entry.change(&json!({ "b": number, "a": { "d": 1.5, "c": [] } }), &json!(null)))
            })
            .await
            .unwrap();
        }
        // The server may have begun with them by itself.
        let before = verify(&cx, None).await.unwrap();
        assert_eq!((before.lines + before.unchained, before.breaks.len()), (6, 0));
        let head = head(&cx, ReadAuditHead {}).await.unwrap();
        let whole = verify(&cx, Some(head.clone())).await.unwrap();
        assert_eq!((whole.lines, whole.unchained, whole.head.clone()), (6, 0, head.clone()));
        assert_eq!(whole.breaks, Vec::<String>::new());
        let lines = list(&cx, ListAudit::default()).await.unwrap().items;
        assert_eq!(
            lines.iter().map(|line| line.number).collect::<Vec<_>>(),
            (1..=6).rev().map(Some).collect::<Vec<_>>()
        );
        assert_eq!(lines[0].hash.as_deref(), Some(head.hash.as_str()));

        test.forge_audit(lines[3].id, "forged").await;
        let forged = verify(&cx, None).await.unwrap();
        assert_eq!(forged.breaks.len(), 1, "{:?}", forged.breaks);
        assert!(forged.breaks[0].starts_with("line 3 "), "{:?}", forged.breaks);
        test.forge_audit(lines[3].id, "asked").await;
        assert!(verify(&cx, None).await.unwrap().breaks.is_empty(), "as it was");

        test.lose_audit(lines[1].id).await;
        assert_eq!(verify(&cx, None).await.unwrap().breaks, ["lines 5 to 5 are gone"]);
        // What is cut off at the end is missed by who noted it.
        test.lose_audit(lines[0].id).await;
        assert!(verify(&cx, None).await.unwrap().breaks.is_empty());
        let noted = verify(&cx, Some(head)).await.unwrap();
        assert_eq!(noted.breaks, ["line 6 is gone, whose hash was noted"]);
    })
    .await;
}

#[tokio::test]
async fn lines_written_side_by_side_make_one_chain() {
    on_both_engines(async |test| {
        let cx = test.server();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..24 {
            let cx = cx.clone();
            tasks.spawn(async move {
                cx.write(|tx| record(tx, Entry::new("accounts.update_user"))).await.unwrap();
                chain::chain(&cx).await.unwrap();
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        let whole = verify(&cx, None).await.unwrap();
        assert_eq!((whole.lines, whole.unchained, whole.breaks), (24, 0, Vec::new()));
    })
    .await;
}

#[tokio::test]
async fn t182_a_line_says_from_where_and_is_found_by_what_it_says() {
    on_both_engines(async |test| {
        let origin = crate::Origin {
            address: Some([192, 0, 2, 7].into()),
            agent: Some("a tool".into()),
            ..crate::Origin::default()
        };
        let cx = Cx::new(&test.hall, crate::Caller::Server, origin);
        for (action, reason) in
            [("accounts.rename", "Asked for 100%"), ("accounts.erase", "asked"), ("accountsx.rename", "x")]
        {
            cx.write(move |tx| record(tx, Entry::new(action).reason(reason))).await.unwrap();
        }
        let found = async |action: Option<&str>, text: Option<&str>| {
            let (action, text) = (action.map(str::to_owned), text.map(str::to_owned));
            let since = Some(Timestamp::from_micros(0));
            let lines =
                list(&cx, ListAudit { action, text, since, ..ListAudit::default() }).await.unwrap().items;
            let mut actions: Vec<String> = lines.into_iter().map(|line| line.action).collect();
            actions.sort();
            actions
        };
        assert_eq!(found(Some("accounts."), None).await, ["accounts.erase", "accounts.rename"]);
        assert_eq!(found(None, Some("ASKED")).await, ["accounts.erase", "accounts.rename"]);
        assert_eq!(found(None, Some("0%")).await, ["accounts.rename"]);
        assert_eq!(found(None, Some("_")).await, Vec::<String>::new());
        let wide = list(&cx, ListAudit { text: Some("asked".into()), ..ListAudit::default() }).await;
        assert!(matches!(wide, Err(Error::Invalid { .. })));
        let line = list(&cx, ListAudit::default()).await.unwrap().items.remove(0);
        assert_eq!((line.address.as_deref(), line.agent.as_deref()), (Some("192.0.2.7"), Some("a tool")));
    })
    .await;
}
