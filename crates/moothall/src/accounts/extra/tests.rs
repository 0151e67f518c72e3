//! Extra data: who reads and writes what, versions, and bounds.

use futures_util::future::join_all;
use moothall_protocol::audit::ListAudit;
use serde_json::{Value, json};

use super::*;
use crate::Fault as _;
use crate::accounts::testing::code;
use crate::testing::on_both_engines;

fn entry(user_id: UserId, key: &str, value: Value) -> PutExtra {
    PutExtra {
        user_id,
        key: key.to_owned(),
        value,
        audience: None,
        if_version: None,
        reason: Some("for a test".into()),
    }
}

fn of(user_id: UserId, key: &str) -> GetExtra {
    GetExtra { user_id, key: key.to_owned() }
}

fn without(user_id: UserId, key: &str) -> DeleteExtra {
    DeleteExtra { user_id, key: key.to_owned(), if_version: None, reason: Some("for a test".into()) }
}

#[tokio::test]
async fn t028_an_entry_is_kept_as_it_is_and_seen_by_its_audience_alone() {
    on_both_engines(async |test| {
        let (ana, ben) = (test.user("Ana").await, test.user("Ben").await);
        let (owner, other) = (test.call(ana, &[]), test.call(ben, &[]));
        let (staff, host) = (test.call(ben, &[EDIT]), test.call(ben, &[HOST]));
        for (key, audience) in [
            ("a.public", Audience::Public),
            ("b_friends", Audience::Friends),
            ("c-owner", Audience::Owner),
            ("d", Audience::Staff),
        ] {
            let value = json!({ "of": key, "null": null, "list": [1, -2.5, 1e300, "Grüße", true, 9_007_199_254_740_993_u64] });
            let input = PutExtra { audience: Some(audience), ..entry(ana, key, value.clone()) };
            assert_eq!(put(&host, input).await.unwrap().value, value);
            assert_eq!(get(&staff, of(ana, key)).await.unwrap().value, value, "{key}");
        }
        let keys = async |cx: &Cx| -> Vec<String> {
            let listed: Vec<_> = list(cx, ListExtra { user_id: ana }).await.unwrap().items;
            for key in ["a.public", "b_friends", "c-owner", "d"] {
                let is_listed = listed.iter().any(|entry| entry.key == key);
                assert_eq!(get(cx, of(ana, key)).await.is_ok(), is_listed, "{key}");
            }
            listed.into_iter().map(|entry| entry.key).collect()
        };
        assert_eq!(keys(&other).await, ["a.public"]);
        assert_eq!(keys(&owner).await, ["a.public", "b_friends", "c-owner"]);
        assert_eq!(keys(&staff).await, ["a.public", "b_friends", "c-owner", "d"]);
        assert_eq!(keys(&host).await, ["a.public", "b_friends", "c-owner", "d"]);
        assert_eq!(code(get(&owner, of(ana, "d")).await), code(get(&owner, of(ana, "nothing")).await));
        assert_eq!(code(list(&other, ListExtra { user_id: test.server().new_id() }).await), "not_found");
    })
    .await;
}

#[tokio::test]
async fn players_write_their_own_entries_and_never_those_of_staff_or_hosts() {
    on_both_engines(async |test| {
        let (ana, ben) = (test.user("Ana").await, test.user("Ben").await);
        let (owner, host) = (test.call(ana, &[]), test.call(ben, &[HOST]));
        let other = test.call(ben, &[]);
        let made = put(&owner, entry(ana, "colour", json!("red"))).await.unwrap();
        assert_eq!((made.audience, made.is_protected, made.version), (Audience::Owner, false, 1));
        assert_eq!(code(put(&other, entry(ana, "colour", json!("blue"))).await), "forbidden");
        assert_eq!(code(delete(&other, without(ana, "colour")).await), "forbidden");
        let hidden = PutExtra { audience: Some(Audience::Staff), ..entry(ana, "colour", json!("blue")) };
        assert_eq!(code(put(&owner, hidden).await), "forbidden");
        assert_eq!(get(&owner, of(ana, "colour")).await.unwrap().value, json!("red"));

        let rank = PutExtra { audience: Some(Audience::Public), ..entry(ana, "rank", json!(3)) };
        assert!(put(&host, rank).await.unwrap().is_protected);
        assert_eq!(code(put(&owner, entry(ana, "rank", json!(9_000))).await), "forbidden");
        assert_eq!(code(delete(&owner, without(ana, "rank")).await), "forbidden");
        assert_eq!(get(&owner, of(ana, "rank")).await.unwrap().value, json!(3));
        let kept = put(&host, entry(ana, "rank", json!(4))).await.unwrap();
        assert_eq!(
            (kept.audience, kept.version),
            (Audience::Public, 2),
            "the audience stays where it is not said"
        );

        delete(&owner, without(ana, "colour")).await.unwrap();
        assert_eq!(code(delete(&owner, without(ana, "colour")).await), "not_found");
        delete(&host, without(ana, "rank")).await.unwrap();
        assert!(list(&host, ListExtra { user_id: ana }).await.unwrap().items.is_empty());
    })
    .await;
}

#[tokio::test]
async fn of_two_who_write_at_once_one_learns_of_the_other() {
    on_both_engines(async |test| {
        let ana = test.user("Ana").await;
        let cx = test.call(ana, &[]);
        let at = |version| PutExtra { if_version: Some(version), ..entry(ana, "save", json!(version)) };
        let made = join_all((0..4).map(|_| put(&cx, at(0)))).await;
        assert_eq!(made.iter().filter(|answer| answer.is_ok()).count(), 1);
        assert!(made.into_iter().all(|answer| matches!(code(answer), "ok" | "version_conflict")));
        assert_eq!(put(&cx, at(1)).await.unwrap().version, 2);
        let stale = put(&cx, at(1)).await.unwrap_err();
        assert_eq!((stale.code(), stale.details().version), ("version_conflict", Some(2)));
        let old = DeleteExtra { if_version: Some(1), ..without(ana, "save") };
        assert_eq!(code(delete(&cx, old).await), "version_conflict");
        let newest = DeleteExtra { if_version: Some(2), ..without(ana, "save") };
        delete(&cx, newest).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn extra_data_is_bounded_in_number_size_depth_and_letters() {
    on_both_engines(async |test| {
        let ana = test.user("Ana").await;
        let cx = test.call(ana, &[]);
        let refused = async |key: &str, value: Value| -> String {
            let error = put(&cx, entry(ana, key, value)).await.unwrap_err();
            let field = error.details().fields.unwrap().remove(0);
            format!("{} {}", field.path, field.code)
        };
        for key in ["", "Upper", "a b", ".dot", "ä", "a/b", &"k".repeat(EXTRA_KEY_LENGTH_MAX + 1)] {
            assert_eq!(refused(key, json!(1)).await, "/key bad_pattern", "{key}");
        }
        let text = |bytes: usize| json!("x".repeat(bytes - 2));
        assert_eq!(refused("k", text(EXTRA_BYTES_MAX + 1)).await, "/value too_large");
        let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(refused("k", nested(EXTRA_NESTING_MAX + 1)).await, "/value too_large");
        assert_eq!(refused("k", json!({ "a": ["\0"] })).await, "/value invalid");
        assert_eq!(refused("k", json!({ "\0": 1 })).await, "/value invalid");

        put(&cx, entry(ana, &"k".repeat(EXTRA_KEY_LENGTH_MAX), text(EXTRA_BYTES_MAX))).await.unwrap();
        put(&cx, entry(ana, "nested", nested(EXTRA_NESTING_MAX))).await.unwrap();
        for number in 2..EXTRA_ENTRIES_MAX {
            put(&cx, entry(ana, &format!("k{number}"), json!(number))).await.unwrap();
        }
        assert_eq!(code(put(&cx, entry(ana, "one.more", json!(1))).await), "too_many_entries");
        put(&cx, entry(ana, "k2", json!("one that is there"))).await.unwrap();
        delete(&cx, without(ana, "k2")).await.unwrap();
        put(&cx, entry(ana, "one.more", json!(1))).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_staff_writes_about_others_is_in_the_log() {
    on_both_engines(async |test| {
        let (ana, moderator) = (test.user("Ana").await, test.user("Mo").await);
        let staff = test.call(moderator, &[EDIT]);
        put(&staff, entry(ana, "note", json!("first warning"))).await.unwrap();
        delete(&staff, without(ana, "note")).await.unwrap();
        put(&test.call(ana, &[]), entry(ana, "colour", json!("red"))).await.unwrap();
        let log = audit::list(&test.server(), ListAudit::default()).await.unwrap();
        let mut actions: Vec<_> = log.items.iter().map(|line| line.action.as_str()).collect();
        actions.sort_unstable();
        assert_eq!(actions, ["accounts.delete_extra", "accounts.put_extra"]);
        assert!(log.items.iter().all(|line| line.actor_id == Some(moderator)));
    })
    .await;
}
