//! What holds for every operation of the registry, whatever it does.

use std::sync::Arc;

use moothall_protocol::accounts::SessionKind;
use moothall_protocol::communication::CreateRoom;
use moothall_protocol::{Cursor, RoomId, Timestamp, UserId};
use schemars::generate::SchemaSettings;
use serde_json::{Map, json};

use super::*;
use crate::communication::create_room;
use crate::testing::{TestHall, on_both_engines};
use crate::{Identity, Kind, Origin, Permissions};

/// What a list may be asked for that it never gave, with the order it is of: keys of the right shape with a text that no database
/// stores, numbers and times at the end of their range, and keys of another list.
fn forged(user: UserId) -> Vec<(Cursor, Option<&'static str>)> {
    let plain = [
        Cursor::of(&"a\0"),
        Cursor::of(&("a\0", user)),
        Cursor::of(&(i64::MIN, user)),
        Cursor::of(&(i64::MAX, user)),
        Cursor::of(&("0001-01-01T00:00:00Z", user)),
        Cursor::of(&7),
        Cursor::of(&json!({})),
    ];
    let ordered = ["name", "name_descending", "newest", "last_login"].map(|order| {
        let place = json!({ "order": order, "name": "a\0", "at": "2026-11-28T00:00:00Z", "id": user });
        (Cursor::of(&place), Some(order))
    });
    plain.into_iter().map(|cursor| (cursor, None)).chain(ordered).collect()
}

/// The schema of an operation's input.
fn schema_of(operation: &Operation) -> Value {
    let mut generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
    let schema = (operation.input)(&mut generator).to_value();
    let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    let mut definitions = generator.take_definitions(true);
    name.and_then(|name| definitions.remove(name)).unwrap_or(schema)
}

/// The least input of this schema.
fn least(schema: &Value, room: RoomId, user: UserId) -> Map<String, Value> {
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    let fields = required.filter_map(Value::as_str).map(|name| match name {
        "room_id" => (name.to_owned(), json!(room)),
        "user_id" => (name.to_owned(), json!(user)),
        "name" => (name.to_owned(), json!("Ana")),
        "kind" => (name.to_owned(), json!("block")),
        "key" => (name.to_owned(), json!("lobbies.vote_ms")),
        "reason" => (name.to_owned(), json!("for a test")),
        other => panic!("this test makes no value for the field {other}"),
    });
    fields.collect()
}

fn administrator(test: &TestHall, user_id: UserId) -> Cx {
    let session_id = test.hall.random().id(test.hall.clock().now());
    let permissions = Permissions::all();
    let identity = Identity {
        user_id,
        owner_id: None,
        session_id,
        kind: SessionKind::Game,
        api_key_id: None,
        permissions,
        restricted: None,
    };
    Cx::new(&test.hall, Caller::Member(Arc::new(identity)), Origin::default())
}

#[tokio::test]
async fn a_cursor_that_no_list_gave_is_no_fault_of_the_server() {
    on_both_engines(async |test| {
        let ana = test.user("Ana").await;
        let cx = administrator(test, ana);
        let new: CreateRoom = serde_json::from_value(json!({ "name": "Tavern" })).unwrap();
        let room = create_room(&cx, new).await.unwrap().id;
        let mut lists = 0;
        for operation in test.hall.registry().operations() {
            let schema = schema_of(operation);
            if schema["properties"].get("cursor").is_none() {
                continue;
            }
            lists += 1;
            for (cursor, order) in forged(ana) {
                let mut input = least(&schema, room, ana);
                input.insert("cursor".to_owned(), json!(cursor));
                if schema["properties"].get("order").is_some() {
                    input.insert("order".to_owned(), json!(order));
                }
                let outcome = operation.call(cx.clone(), input.clone().into()).await;
                let kind = outcome.err().map(|fault| fault.kind());
                assert!(matches!(kind, None | Some(Kind::Invalid)), "{operation:?} of {input:?}: {kind:?}");
            }
        }
        assert!(lists >= 8, "{lists} lists");
    })
    .await;
}

#[test]
fn what_breaks_a_rule_that_no_schema_says_is_named_with_its_path_and_range_and_never_shown() {
    #[derive(Debug, serde::Deserialize)]
    #[expect(dead_code, reason = "it is only read")]
    struct Try {
        ends_at: Option<Timestamp>,
        if_version: Option<i64>,
        #[serde(default)]
        parts: Vec<u64>,
        #[serde(default)]
        is_loud: bool,
    }
    let wrong = |input: Value| {
        let broke = broken(&serde_path_to_error::deserialize::<_, Try>(input).unwrap_err());
        let Error::Invalid { mut fields } = broke else { panic!("{broke}") };
        let field = fields.remove(0);
        assert_eq!(field.code, "invalid");
        (field.path, field.message)
    };
    for time in ["9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z"] {
        let (path, message) = wrong(json!({ "ends_at": time }));
        assert_eq!(path, "/ends_at");
        assert!(message.ends_with("from 0001-01-01T00:00:00Z to 9999-12-30T20:00:00Z"), "{message}");
    }
    // As JSON reads what is one too low.
    let (path, message) = wrong(json!({ "if_version": -9_223_372_036_854_775_808_f64 }));
    assert_eq!(path, "/if_version");
    assert_eq!(message, "must be an integer from -9223372036854775808 to 9223372036854775807");
    let (path, message) = wrong(json!({ "parts": [1, -7] }));
    assert_eq!((path.as_str(), message.contains("-7")), ("/parts/1", false), "{message}");
    let (path, message) = wrong(json!({ "is_loud": "hunter2" }));
    assert_eq!((path.as_str(), message.as_str()), ("/is_loud", "must be a boolean"));
}
