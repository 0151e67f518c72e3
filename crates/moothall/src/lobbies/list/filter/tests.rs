//! What passes which filter.

use std::collections::HashSet;

use moothall_protocol::lobbies::{HostKind, LobbyAccess, LobbyStatus, LobbySummary};
use moothall_protocol::{LobbyId, Timestamp, UserId};
use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;
use crate::Fault as _;

fn card(properties: Value) -> Card {
    let Value::Object(properties) = properties else { panic!("{properties} is no object") };
    let summary = LobbySummary {
        id: "01900000-0000-7000-8000-000000000001".parse().unwrap(),
        version: 3,
        name: "Alpha DEN".into(),
        mode: "duel".into(),
        map: None,
        host_id: "01900000-0000-7000-8000-000000000002".parse().unwrap(),
        host_kind: HostKind::Player,
        status: LobbyStatus::Waiting,
        access: LobbyAccess::Open,
        has_password: false,
        is_locked: false,
        is_rated: true,
        tags: vec!["eu".into(), "casual".into()],
        players: 3,
        bots: 1,
        spectators: 2,
        queued: 0,
        seats: 8,
        free_seats: 4,
        properties,
        created_at: Timestamp::from_micros(1_795_000_000_000_000),
    };
    Card::new(summary, HashSet::<UserId>::new())
}

fn filter(filter: Value) -> Result<Filter, Error> {
    Filter::new(serde_json::from_value::<LobbyFilter>(filter).unwrap())
}

/// Whether a lobby with these properties passes.
fn lets_pass(properties: &Value, of: Value) -> bool {
    filter(of).unwrap().passes(&card(properties.clone()))
}

/// Each of these passes, and its opposite does not.
fn pass(properties: &Value, filters: impl IntoIterator<Item = Value>) {
    for filter in filters {
        assert!(lets_pass(properties, filter.clone()), "{filter}");
        assert!(!lets_pass(properties, json!({ "not": filter })), "not {filter}");
    }
}

/// None of these passes, but its opposite does.
fn fail(properties: &Value, filters: impl IntoIterator<Item = Value>) {
    pass(properties, filters.into_iter().map(|filter| json!({ "not": filter })));
}

#[test]
fn every_field_has_rules_of_its_kind() {
    let id: LobbyId = "01900000-0000-7000-8000-000000000001".parse().unwrap();
    let none = json!({});
    pass(
        &none,
        [
            json!({}),
            json!({ "id": { "in": [id] } }),
            json!({ "host_id": { "not": id } }),
            json!({ "name": { "is": "Alpha DEN" } }),
            json!({ "name": { "contains": "a dEn" } }),
            json!({ "mode": { "in": ["ffa", "duel"], "not": "ffa" } }),
            json!({ "map": { "not": "hill" } }),
            json!({ "host_kind": { "is": "player" } }),
            json!({ "status": { "in": ["waiting", "starting"] } }),
            json!({ "access": { "not": "invite_only" } }),
            json!({ "has_password": false, "is_locked": false, "is_rated": true }),
            json!({ "tags": { "any": ["us", "eu"], "all": ["casual", "eu"], "none": ["us"] } }),
            json!({ "players": { "least": 3, "most": 3, "is": 3 } }),
            json!({ "bots": { "is": 1 }, "spectators": { "is": 2 }, "queued": { "is": 0 }, "seats": { "is": 8 } }),
            json!({ "free_seats": { "least": 4 } }),
            json!({ "created_at": { "least": "2026-01-01T00:00:00Z", "most": "2030-01-01T00:00:00Z" } }),
            json!({ "text": "den DUEL  casual" }),
            json!({ "any": [{ "players": { "is": 9 } }, { "mode": { "is": "duel" } }] }),
            json!({ "all": [{ "players": { "is": 3 } }, { "mode": { "is": "duel" } }] }),
        ],
    );
    fail(
        &none,
        [
            json!({ "id": { "not": id } }),
            json!({ "name": { "is": "alpha den" } }),
            json!({ "name": { "contains": "beta" } }),
            json!({ "mode": { "in": ["ffa", "duel"], "not": "duel" } }),
            // What is not there is nothing: not even one of several.
            json!({ "map": { "is": "hill" } }),
            json!({ "map": { "in": ["hill"] } }),
            json!({ "map": { "contains": "h" } }),
            json!({ "has_password": true }),
            json!({ "is_locked": true }),
            json!({ "is_rated": false }),
            json!({ "status": { "is": "running" } }),
            json!({ "tags": { "any": ["us"] } }),
            json!({ "tags": { "all": ["eu", "us"] } }),
            json!({ "tags": { "none": ["eu"] } }),
            json!({ "players": { "least": 4 } }),
            json!({ "players": { "most": 2 } }),
            json!({ "created_at": { "most": "2026-01-01T00:00:00Z" } }),
            json!({ "text": "den hill" }),
            // A word stands within one of the texts, not across two.
            json!({ "text": "denduel" }),
            json!({ "any": [{ "players": { "is": 9 } }, { "mode": { "is": "ffa" } }] }),
            json!({ "all": [{ "players": { "is": 3 } }, { "mode": { "is": "ffa" } }] }),
        ],
    );
}

#[test]
fn properties_have_rules_whatever_their_type() {
    let set = json!({ "region": "EU West", "level": 7, "ratio": 0.5, "fog": true, "list": [1] });
    let of = |name: &str, rule: Value| json!({ "properties": { name: rule } });
    pass(
        &set,
        [
            of("region", json!({ "is": "EU West", "contains": "eu", "exists": true })),
            of("region", json!({ "not": "US" })),
            of("level", json!({ "is": 7, "least": 7, "most": 7.5, "in": ["7", 7] })),
            of("level", json!({ "is": 7.0 })),
            of("ratio", json!({ "most": 0.5 })),
            of("fog", json!({ "is": true })),
            of("list", json!({ "exists": true })),
            of("nothing", json!({ "exists": false, "not": 1 })),
        ],
    );
    fail(
        &set,
        [
            of("region", json!({ "is": "eu west" })),
            of("region", json!({ "least": 1 })),
            of("level", json!({ "is": "7" })),
            of("level", json!({ "contains": "7" })),
            of("fog", json!({ "is": 1 })),
            of("list", json!({ "is": 1 })),
            of("nothing", json!({ "in": [1] })),
            of("nothing", json!({ "most": 1 })),
        ],
    );
}

fn nested(levels: usize) -> Value {
    (1..levels).fold(json!({ "is_rated": true }), |inner, _| json!({ "any": [{ "not": inner }] }))
}

/// The path and the bound of what is refused.
fn refused(of: Value) -> (String, Option<f64>) {
    let error = filter(of).unwrap_err();
    let field = error.details().fields.unwrap().remove(0);
    (field.path, field.max)
}

#[test]
fn a_filter_has_so_many_levels_rules_and_letters_and_no_more() {
    let levels =
        |levels: usize| (1..levels).fold(json!({ "is_rated": true }), |inner, _| json!({ "not": inner }));
    assert!(filter(levels(LOBBY_FILTER_DEPTH_MAX)).is_ok());
    let path = format!("/filter{}", "/not".repeat(LOBBY_FILTER_DEPTH_MAX));
    assert_eq!(refused(levels(LOBBY_FILTER_DEPTH_MAX + 1)), (path, Some(LOBBY_FILTER_DEPTH_MAX as f64)));
    assert_eq!(refused(nested(LOBBY_FILTER_DEPTH_MAX)).1, Some(LOBBY_FILTER_DEPTH_MAX as f64));
    let rules = |count: usize| {
        let properties: Map<String, Value> = (0..count).map(|n| (n.to_string(), json!({}))).collect();
        json!({ "not": { "properties": properties } })
    };
    // The filter within counts as one.
    assert!(filter(rules(LOBBY_FILTER_RULES_MAX - 1)).is_ok());
    assert_eq!(
        refused(rules(LOBBY_FILTER_RULES_MAX)),
        ("/filter/not".to_owned(), Some(LOBBY_FILTER_RULES_MAX as f64))
    );
    let named = |length: usize| json!({ "properties": { "é".repeat(length): { "exists": true } } });
    assert!(filter(named(LOBBY_FILTER_TEXT_LENGTH_MAX)).is_ok());
    assert_eq!(refused(named(LOBBY_FILTER_TEXT_LENGTH_MAX + 1)).0, "/filter/properties");
}

#[test]
fn the_same_filter_has_the_same_name_however_it_is_written() {
    let name = |of: Value| filter(of).unwrap().name();
    let one = json!({ "mode": { "is": "duel" }, "text": "Den", "properties": { "b": {}, "a": { "is": 1 } } });
    let same = json!({ "properties": { "a": { "is": 1.0 }, "b": {} }, "text": "dEN", "mode": { "is": "duel", "in": null } });
    assert_eq!(name(one.clone()), name(same));
    assert_ne!(name(one), name(json!({ "mode": { "is": "duel" } })));
    // Reading what was written is reading the same.
    let again: Value = serde_json::from_str(&name(json!({ "map": { "in": ["a"] } }))).unwrap();
    assert_eq!(again, json!({ "map": { "in": ["a"] } }));
}

fn any_filter() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(|flag| json!({ "is_rated": flag })),
        (0..6u32).prop_map(|count| json!({ "players": { "least": count } })),
        "[ab]".prop_map(|tag| json!({ "tags": { "any": [tag] } })),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(|all| json!({ "all": all })),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|any| json!({ "any": any })),
            inner.prop_map(|not| json!({ "not": not })),
        ]
    })
}

/// What a filter means, read from its text alone.
fn means(filter: &Value, card: &Card) -> bool {
    filter.as_object().unwrap().iter().all(|(name, rule)| match name.as_str() {
        "all" => rule.as_array().unwrap().iter().all(|inner| means(inner, card)),
        "any" => rule.as_array().unwrap().iter().any(|inner| means(inner, card)),
        "not" => !means(rule, card),
        "is_rated" => *rule == card.summary.is_rated,
        "players" => u64::from(card.summary.players) >= rule["least"].as_u64().unwrap(),
        "tags" => card.summary.tags.iter().any(|tag| rule["any"][0] == **tag),
        other => panic!("{other}"),
    })
}

proptest! {
    #[test]
    fn filters_within_filters_mean_what_they_say(
        wanted in any_filter(),
        is_rated in any::<bool>(),
        players in 0..6u32,
        tags in prop::collection::vec("[abc]", 0..3),
    ) {
        let plain = card(json!({})).summary;
        let card = Card::new(LobbySummary { is_rated, players, tags, ..plain }, HashSet::new());
        prop_assert_eq!(filter(wanted.clone()).unwrap().passes(&card), means(&wanted, &card));
    }
}
