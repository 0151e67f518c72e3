//! What users get who ask for all that is kept of them, and what they do not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use moothall_protocol::accounts::{Audience, PutExtra, Rename};
use moothall_protocol::audit::ListAudit;
use moothall_protocol::restrictions::ImposeRestriction;

use super::*;
use crate::accounts::testing::{
    PASSWORD, call, code, identity, sign_in, sign_up, try_sign_in, with_accounts,
};
use crate::accounts::{self, erase};
use crate::restrictions::testing::{imposed, restriction, why};
use crate::{Caller, Origin};

/// All there is, part by part, by section.
async fn all(cx: &Cx, limit: usize) -> BTreeMap<String, Vec<Value>> {
    let mut sections: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut asked = ExportMe { limit: Some(limit), ..ExportMe::default() };
    for _ in 0..1_000 {
        let page = export_me(cx, asked.clone()).await.unwrap();
        sections.entry(page.section).or_default().extend(page.items);
        let Some(next) = page.next else { return sections };
        asked.cursor = Some(next);
    }
    panic!("this never ends");
}

#[tokio::test]
async fn every_table_is_exported_or_left_out_for_a_reason() {
    with_accounts(async |hall| {
        let engine = hall.hall.store().engine();
        let tables = hall.server().read(move |tx| erase::tables(tx, engine)).await.unwrap();
        let mut tables: BTreeSet<String> = tables.into_iter().collect();
        assert!(tables.len() > 40, "{tables:?}");
        // Those of the store itself know of no user.
        tables.retain(|table| !table.starts_with("store_"));
        let exports = hall::exports();
        let exported = exports.iter().flat_map(|section| section.tables).copied();
        let named: Vec<&str> = exported.chain(hall::UNEXPORTED.iter().map(|(table, _)| *table)).collect();
        let once: BTreeSet<String> = named.iter().map(|table| (*table).to_owned()).collect();
        assert_eq!(once, tables);
        assert_eq!(named.len(), once.len(), "some table is named twice: {named:?}");
        assert!(hall::UNEXPORTED.iter().all(|(_, reason)| !reason.is_empty()));
        let names: BTreeSet<&str> = exports.iter().map(|section| section.name).collect();
        assert_eq!(names.len(), exports.len(), "each section has a name of its own");
    })
    .await;
}

#[tokio::test]
async fn users_have_everything_of_theirs_and_no_secret_and_nothing_that_staff_keeps_to_itself() {
    with_accounts(async |test| {
        let signed_in = sign_up(&test.hall, "Ana").await;
        let (id, ana) = (signed_in.user.id, call(&test.hall, &signed_in).await);
        sign_in(&test.hall, "Ana").await;
        accounts::rename(&ana, Rename { name: "Anabel".into(), password: Some(PASSWORD.into()) })
            .await
            .unwrap();
        let put = |key: &str, audience| PutExtra {
            user_id: id,
            key: key.into(),
            audience: Some(audience),
            value: json!(key),
            if_version: None,
            reason: Some("for the test".into()),
        };
        accounts::put_extra(&ana, put("mine", Audience::Owner)).await.unwrap();
        let server = test.server();
        accounts::put_extra(&server, put("of_staff", Audience::Staff)).await.unwrap();
        let ends_at = Some(server.now() + Duration::from_secs(60));
        imposed(test, ImposeRestriction { ends_at, ..restriction(id, &["shadow_chat"]) }).await;
        imposed(test, restriction(id, &["rename"])).await;
        imposed(test, ImposeRestriction { ends_at, ..restriction(id, &["shadow_chat"]) }).await;

        let whole = all(&ana, 200).await;
        assert_eq!(whole["account"][0]["name"], "Anabel");
        assert_eq!(whole["account"][0]["email"], "Ana@example.org");
        assert!(whole["account"][0].get("last_login_at").is_some());
        assert_eq!(whole["names"][0]["name"], "Ana");
        assert!(!whole["sessions"].is_empty() && !whole["letters"].is_empty() && !whole["traces"].is_empty());
        let keys: Vec<&Value> = whole["extra"].iter().map(|extra| &extra["key"]).collect();
        assert_eq!(keys, ["mine"]);
        assert_eq!(whole["restrictions"].len(), 1);
        assert_eq!(whole["restrictions"][0]["types"], json!(["rename"]));
        let names: BTreeSet<&str> = whole.keys().map(String::as_str).collect();
        assert_eq!(names, hall::exports().iter().map(|section| section.name).collect());
        let text = serde_json::to_string(&whole).unwrap();
        for secret in [
            "password",
            "secret",
            "hash",
            "family",
            "shadow",
            "score",
            "of_staff",
            "alternate",
            "seen by the watcher",
        ] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        for token in [&signed_in.refresh_token, &signed_in.access_token] {
            assert!(!text.contains(token.as_str()));
        }
        // Part by part it is the same, and no part is short of what nobody is told of.
        assert_eq!(all(&ana, 1).await, whole);
        let only = ExportMe { section: Some("restrictions".into()), limit: Some(1), ..ExportMe::default() };
        let page = export_me(&ana, only).await.unwrap();
        assert_eq!((page.items.len(), page.next, page.sections.len()), (1, None, 23));
    })
    .await;
}

#[tokio::test]
async fn who_may_not_sign_in_otherwise_still_has_what_is_kept_of_them_and_a_key_never() {
    with_accounts(async |test| {
        let ana = sign_up(&test.hall, "Ana").await;
        imposed(test, restriction(ana.user.id, &["login"])).await;
        let refused = try_sign_in(&test.hall, "10.0.0.9", "Ana", PASSWORD).await.unwrap_err();
        let token = why::<()>(Err(refused)).limited_token.expect("a limited token");
        let identity = identity(&test.hall, &token).await.unwrap();
        let ana = Cx::new(&test.hall, Caller::Member(identity), Origin::default());
        assert_eq!(all(&ana, 50).await["account"][0]["name"], "Ana");

        let wrong = ExportMe { section: Some("secrets".into()), ..ExportMe::default() };
        assert_eq!(code(export_me(&ana, wrong).await), "invalid");
        let wrong = ExportMe { cursor: Some(Cursor::of(&1)), ..ExportMe::default() };
        assert_eq!(code(export_me(&ana, wrong).await), "invalid");
        let other = Cursor::of(&("names", Value::Null));
        let wrong = ExportMe { section: Some("account".into()), cursor: Some(other), limit: None };
        assert_eq!(code(export_me(&ana, wrong).await), "invalid");
        let wrong = ExportMe { cursor: Some(Cursor::of(&("names", "x"))), ..ExportMe::default() };
        assert_eq!(code(export_me(&ana, wrong).await), "invalid");
        assert_eq!(code(export_me(&test.call(ana.user().unwrap(), &[]), ExportMe::default()).await), "ok");
        assert_eq!(code(export_me(&test.server(), ExportMe::default()).await), "not_signed_in");
    })
    .await;
}

#[tokio::test]
async fn staff_has_it_of_others_for_a_reason_that_stays() {
    with_accounts(async |test| {
        let ana = sign_up(&test.hall, "Ana").await.user.id;
        let staff = test.call(test.user("Stan").await, &[EXPORT, audit::READ]);
        let asked = |user_id, section: &str| ExportUser {
            user_id,
            section: Some(section.into()),
            cursor: None,
            limit: None,
            reason: "they wrote a letter".into(),
        };
        let page = export_user(&staff, asked(ana, "account")).await.unwrap();
        assert_eq!(page.items[0]["name"], "Ana");
        assert_eq!(code(export_user(&test.call(ana, &[]), asked(ana, "account")).await), "forbidden");
        let nobody = UserId::from_uuid(Uuid::max());
        assert_eq!(code(export_user(&staff, asked(nobody, "account")).await), "not_found");
        let wanted = ListAudit { action: Some("accounts.export_user".into()), ..ListAudit::default() };
        let lines = audit::list(&staff, wanted).await.unwrap().items;
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].reason.as_deref(), Some("they wrote a letter"));
        assert_eq!(lines[0].after, Some(json!({ "section": "account" })));
    })
    .await;
}
