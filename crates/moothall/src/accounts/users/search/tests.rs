//! Searching users: every filter, every order, and what is refused.

use std::time::Duration;

use moothall_protocol::accounts::{GrantRole, ListUsers, UpdateUser, UserOrder};
use serde_json::json;

use super::*;
use crate::accounts::testing::code;
use crate::accounts::{self, users};
use crate::testing::{TestHall, on_both_engines};
use crate::{Clock as _, Fault as _};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Five users, made on five days: Ana, Anabel and Ben have addresses, Cleo and Dora are guests. Ana is a moderator, Ben an
/// alternate of Ana's. The first three came, went and played.
async fn people(test: &TestHall) -> Vec<UserId> {
    let mut ids = Vec::new();
    for (name, is_guest) in
        [("Ana", false), ("Anabel", false), ("Ben", false), ("Cleo", true), ("Dora", true)]
    {
        ids.push(if is_guest { test.guest(name).await } else { test.user(name).await });
        test.clock.advance(DAY);
    }
    let (cx, now) = (test.server(), test.clock.now());
    let grant =
        GrantRole { user_id: ids[0], role: "moderator".into(), ends_at: None, reason: "trusted".into() };
    accounts::grant_role(&cx, grant).await.unwrap();
    let over = GrantRole {
        user_id: ids[3],
        role: "moderator".into(),
        ends_at: Some(now + DAY),
        reason: "a day".into(),
    };
    accounts::grant_role(&cx, over).await.unwrap();
    test.clock.advance(DAY);
    let set = |user: UserId, fields: serde_json::Value| -> UpdateUser {
        let mut input = json!({ "user_id": user, "reason": "test" });
        input.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        serde_json::from_value(input).unwrap()
    };
    for (index, fields) in [
        (0, json!({ "behaviour_score": 10, "trust_score": 7, "social_score": 5 })),
        (1, json!({ "behaviour_score": 20 })),
        (2, json!({ "behaviour_score": 30, "alternate_of": ids[0] })),
    ] {
        users::update(&cx, set(ids[index], fields)).await.unwrap();
    }
    let came = [ids[2], ids[0], ids[1]];
    cx.write(move |tx| {
        for (days, user) in (1_u32..).zip(came) {
            accounts::stamp_login(tx, user, now + DAY * days)?;
            accounts::stamp_logout(tx, user, now + DAY * (days + 10))?;
            users::stamp_played(tx, &[user], now + DAY * (20 - days))?;
        }
        Ok::<_, Error>(())
    })
    .await
    .unwrap();
    ids
}

fn query(fields: serde_json::Value) -> ListUsers {
    serde_json::from_value(fields).unwrap()
}

/// Names in the order of the list, without the server's own user.
async fn names(cx: &Cx, wanted: ListUsers) -> Vec<String> {
    let page = list(cx, wanted).await.unwrap();
    assert_eq!(page.next, None);
    page.items.into_iter().filter(|user| user.id != users::SYSTEM).map(|user| user.name).collect()
}

#[tokio::test]
async fn t024_every_filter_finds_whom_it_says_and_filters_add_up() {
    on_both_engines(async |test| {
        let ids = people(test).await;
        let start = test.clock.now() - DAY * 6;
        let login = test.clock.now() - DAY;
        let cx = test.server();
        for (fields, found) in [
            (json!({}), "Ana Anabel Ben Cleo Dora"),
            (json!({ "name_prefix": "ANA" }), "Ana Anabel"),
            (json!({ "name_prefix": "b" }), "Ben"),
            (json!({ "id": ids[4] }), "Dora"),
            (json!({ "id": UserId::from_uuid(Uuid::nil()) }), ""),
            (json!({ "name": "aNa" }), "Ana"),
            (json!({ "name": "An" }), ""),
            (json!({ "name_like": "NAB" }), "Anabel"),
            (json!({ "name_like": "e" }), "Anabel Ben Cleo"),
            (json!({ "name_like": "%" }), ""),
            (json!({ "name_like": "_" }), ""),
            (json!({ "email": "ANABEL@example.org" }), "Anabel"),
            (json!({ "email": "example.org" }), ""),
            (json!({ "name_or_email": "ben" }), "Ben"),
            (json!({ "name_or_email": "Ben@Example.org" }), "Ben"),
            (json!({ "name": "Ana", "name_or_email": "ben@example.org" }), ""),
            (json!({ "created_after": start + DAY }), "Anabel Ben Cleo Dora"),
            (json!({ "created_before": start + DAY }), "Ana"),
            (json!({ "created_after": start + DAY, "created_before": start + DAY * 3 }), "Anabel Ben"),
            (json!({ "last_login_after": login + DAY * 2 }), "Ana Anabel"),
            (json!({ "last_login_before": login + DAY * 2 }), "Ben"),
            (json!({ "last_played_after": login + DAY * 18 }), "Ana Ben"),
            (json!({ "last_played_before": login + DAY * 18 }), "Anabel"),
            (json!({ "has_role": "moderator" }), "Ana"),
            (json!({ "lacks_role": "moderator" }), "Anabel Ben Cleo Dora"),
            (json!({ "has_role": "nobody" }), ""),
            (json!({ "has_permission": "users.search" }), "Ana"),
            (json!({ "lacks_permission": "users.search" }), "Anabel Ben Cleo Dora"),
            (json!({ "is_guest": true }), "Cleo Dora"),
            (json!({ "is_guest": false }), "Ana Anabel Ben"),
            (json!({ "is_bot": true }), ""),
            (json!({ "is_alternate": true }), "Ben"),
            (json!({ "is_alternate": false }), "Ana Anabel Cleo Dora"),
            (json!({ "alternate_of": ids[0] }), "Ben"),
            (json!({ "alternate_of": ids[1] }), ""),
            (json!({ "is_erased": true }), ""),
            (json!({ "behaviour_score_min": 20 }), "Anabel Ben"),
            (json!({ "behaviour_score_min": 1, "behaviour_score_max": 20 }), "Ana Anabel"),
            (json!({ "trust_score_min": 7 }), "Ana"),
            (json!({ "trust_score_max": 6, "name_prefix": "an" }), "Anabel"),
            (json!({ "social_score_min": 5 }), "Ana"),
            (json!({ "social_score_max": 4, "is_guest": false }), "Anabel Ben"),
        ] {
            assert_eq!(names(&cx, query(fields.clone())).await.join(" "), found, "{fields}");
        }
    })
    .await;
}

#[tokio::test]
async fn b01_b08_every_order_goes_the_way_it_says_and_pages_hold_everybody_once() {
    on_both_engines(async |test| {
        people(test).await;
        let cx = test.server();
        for (order, expected) in [
            ("name", "Ana Anabel Ben Cleo Dora System"),
            ("name_descending", "System Dora Cleo Ben Anabel Ana"),
            ("newest", "Dora Cleo Ben Anabel Ana System"),
            ("oldest", "System Ana Anabel Ben Cleo Dora"),
            ("last_login", "Anabel Ana Ben"),
            ("last_login_ascending", "Ben Ana Anabel"),
            ("last_logout", "Anabel Ana Ben"),
            ("last_logout_ascending", "Ben Ana Anabel"),
            ("last_played", "Ben Ana Anabel"),
            ("last_played_ascending", "Anabel Ana Ben"),
        ] {
            let mut seen = Vec::new();
            let mut wanted = query(json!({ "order": order, "limit": 2 }));
            loop {
                let page = list(&cx, wanted.clone()).await.unwrap();
                assert!(page.items.len() <= 2);
                seen.extend(page.items.into_iter().map(|user| user.name));
                wanted.cursor = page.next;
                if wanted.cursor.is_none() {
                    break;
                }
            }
            // The server's own user and Ana were made at one moment: who is first of those is all that may vary.
            let mut expected: Vec<&str> = expected.split(' ').collect();
            if order == "newest" || order == "oldest" {
                let same = |name: &str| if name == "System" { "Ana" } else { name }.to_owned();
                let as_one: Vec<String> = seen.iter().map(|name| same(name)).collect();
                assert_eq!(as_one, expected.iter().map(|name| same(name)).collect::<Vec<_>>(), "{order}");
                expected.sort_unstable();
                seen.sort_unstable();
            }
            assert_eq!(seen, expected, "{order}");
        }
        let cursor = list(&cx, query(json!({ "limit": 1 }))).await.unwrap().next;
        let other = ListUsers { cursor, order: Some(UserOrder::Newest), ..ListUsers::default() };
        assert_eq!(list(&cx, other).await.unwrap_err().code(), "invalid", "a cursor belongs to its order");
    })
    .await;
}

#[tokio::test]
async fn b03_an_empty_filter_is_refused_and_an_unknown_one_too() {
    on_both_engines(async |test| {
        test.user("Ana").await;
        let cx = test.server();
        for filter in [
            "name_prefix",
            "name",
            "name_like",
            "email",
            "name_or_email",
            "has_role",
            "lacks_role",
            "has_permission",
            "lacks_permission",
        ] {
            for empty in ["", " "] {
                let refusal = list(&cx, query(json!({ filter: empty }))).await.unwrap_err();
                let fields = refusal.details().fields.unwrap();
                assert_eq!(fields[0].path, format!("/{filter}"));
            }
        }
    })
    .await;
    assert!(serde_json::from_value::<ListUsers>(json!({ "nane": "Ana" })).is_err());
}

#[tokio::test]
async fn players_search_by_the_beginning_of_a_name_and_by_nothing_else() {
    on_both_engines(async |test| {
        let ids = people(test).await;
        let player = test.call(ids[4], &[]);
        assert_eq!(names(&player, query(json!({ "name_prefix": "an" }))).await, ["Ana", "Anabel"]);
        let page =
            list(&player, query(json!({ "name_prefix": "AN", "order": "name", "limit": 1 }))).await.unwrap();
        let next = ListUsers { cursor: page.next, ..query(json!({ "name_prefix": "AN" })) };
        assert_eq!(names(&player, next).await, ["Anabel"]);
        assert!(page.items.iter().all(|user| user.record.is_none()));

        let refusal = async |fields: &serde_json::Value| code(list(&player, query(fields.clone())).await);
        for fields in [json!({}), json!({ "name_prefix": "a" }), json!({ "name_prefix": " a " })] {
            assert_eq!(refusal(&fields).await, "invalid", "{fields}");
        }
        for fields in [
            json!({ "email": "ana@example.org" }),
            json!({ "name_prefix": "an", "is_alternate": true }),
            json!({ "name_prefix": "an", "order": "newest" }),
            json!({ "name_prefix": "an", "behaviour_score_max": 0 }),
        ] {
            assert_eq!(refusal(&fields).await, "forbidden", "{fields}");
        }
        let moderator = test.call(ids[0], &[SEARCH]);
        let found = list(&moderator, query(json!({ "email": "ben@example.org" }))).await.unwrap();
        assert_eq!(found.items[0].record.as_ref().unwrap().email.as_deref(), Some("ben@example.org"));
    })
    .await;
}

#[tokio::test]
async fn a_search_walks_an_index_whatever_the_order() {
    on_both_engines(async |test| {
        if test.hall.store().engine() != moothall_store::Engine::Sqlite {
            return; // PostgreSQL plans by what is in the table, and a test's is almost empty.
        }
        for (order, index) in [
            (UserOrder::Name, "users_by_name"),
            (UserOrder::NameDescending, "users_by_name"),
            (UserOrder::Newest, "users_by_creation"),
            (UserOrder::LastLogin, "users_by_last_login"),
            (UserOrder::LastPlayedAscending, "users_by_last_played"),
            (UserOrder::LastLogout, "users_by_last_logout"),
        ] {
            let plan = test
                .server()
                .read(move |tx| {
                    let wanted = ListUsers {
                        name_prefix: Some("ana".into()),
                        order: Some(order),
                        ..ListUsers::default()
                    };
                    let filter = Filter::of(wanted)?;
                    store::plan(tx, &filter, &filter.place()?)
                })
                .await
                .unwrap();
            assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{order:?}: {plan}");
        }
    })
    .await;
}
