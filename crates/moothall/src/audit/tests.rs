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
