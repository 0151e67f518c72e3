//! Whatever a player writes that others read is held back from who may not write: each field of free text of each operation for players is
//! in [`TEXTS`], with what holds it back or why nothing does, and the first are tried.

use moothall::protocol::restrictions::{ImposeRestriction, RestrictionScope, RestrictionSource};
use moothall::{Access, Cx, Operation, restrictions};
use serde_json::{Map, Value, json};

use crate::access::server;
use crate::cast::{Cast, Column, fields};

/// What of a text.
#[derive(Clone, Copy)]
enum Text {
    /// Who has a restriction of this type writes none.
    Held(&'static str),
    /// Nothing holds it back, for a reason.
    Free(&'static str),
}
use Text::{Free, Held};

const CREDENTIAL: &str = "is a secret, a code or an address of the caller's own";
const STAFF: &str = "is read by staff alone, or by the one it is about";
const HOST: &str = "is what the program says that hosts the game";
const CHOICE: &str = "is a choice among what others have set";

const TEXTS: &[(&str, &str, Text)] = &[
    ("accounts.upgrade_guest", "name", Held("rename")),
    ("accounts.upgrade_guest", "email", Free(CREDENTIAL)),
    ("accounts.upgrade_guest", "password", Free(CREDENTIAL)),
    ("accounts.change_password", "password", Free(CREDENTIAL)),
    ("accounts.change_password", "new_password", Free(CREDENTIAL)),
    ("accounts.rename", "name", Held("rename")),
    ("accounts.rename", "password", Free(CREDENTIAL)),
    ("accounts.change_email", "email", Free(CREDENTIAL)),
    ("accounts.change_email", "password", Free(CREDENTIAL)),
    ("accounts.delete_me", "password", Free(CREDENTIAL)),
    ("accounts.put_extra", "value", Held("chat")),
    ("settings.update_user", "values", Free(CHOICE)),
    ("connections.update_presence", "text", Held("chat")),
    ("relationships.ask", "message", Held("direct_message")),
    ("relationships.find_by_email", "email", Free("is looked for, and kept nowhere")),
    ("relationships.note", "note", Free("is read by its writer alone")),
    ("communication.create_room", "name", Held("chat")),
    ("communication.create_room", "topic", Held("chat")),
    ("communication.open_room", "name", Held("chat")),
    ("communication.update_room", "name", Held("chat")),
    ("communication.update_room", "topic", Held("chat")),
    ("communication.answer_request", "category", Free(CHOICE)),
    ("communication.create_group", "name", Held("chat")),
    ("communication.send", "text", Held("chat")),
    ("communication.send", "attachments", Held("chat")),
    ("communication.edit", "text", Held("chat")),
    ("communication.edit", "attachments", Held("chat")),
    ("matches.ready", "addresses", Free(HOST)),
    ("matches.ready", "connection", Free(HOST)),
    ("matches.update", "changes", Free(HOST)),
    ("matches.correct", "report", Free(HOST)),
    ("matches.report", "report", Free("says how a match ended; its texts are the game's")),
    (
        "matches.relay",
        "data",
        Free("goes between games, which hold back what players say in it by `restrictions.mine`"),
    ),
    ("parties.join", "code", Free(CREDENTIAL)),
    ("lobbies.open", "name", Held("chat")),
    ("lobbies.open", "mode", Free(CHOICE)),
    ("lobbies.open", "password", Free(CREDENTIAL)),
    ("lobbies.open", "map", Free(CHOICE)),
    ("lobbies.open", "tags", Held("chat")),
    ("lobbies.open", "properties", Held("chat")),
    ("lobbies.watch", "filter", Free("is looked for, and kept nowhere")),
    ("lobbies.join_by_code", "code", Free(CREDENTIAL)),
    ("lobbies.update", "name", Held("chat")),
    ("lobbies.update", "password", Free(CREDENTIAL)),
    ("lobbies.update", "map", Free(CHOICE)),
    ("lobbies.update", "tags", Held("chat")),
    ("lobbies.update", "properties", Held("chat")),
    ("lobbies.set_map", "map", Free(CHOICE)),
    ("lobbies.add_bot", "name", Held("chat")),
    ("lobbies.add_bot", "properties", Held("chat")),
    ("lobbies.update_bot", "name", Held("chat")),
    ("lobbies.update_bot", "properties", Held("chat")),
    ("lobbies.join", "password", Free(CREDENTIAL)),
    ("lobbies.update_self", "role", Free(CHOICE)),
    ("lobbies.update_self", "properties", Free("says how somebody plays; what it may be is up to the mode")),
    ("lobbies.call_vote", "subject", Free(CHOICE)),
    ("moderation.report", "category", Free(CHOICE)),
    ("moderation.report", "text", Free(STAFF)),
    ("moderation.appeal", "text", Free(STAFF)),
    ("moderation.write_appeal", "text", Free(STAFF)),
];

/// Where somebody says why they do what others see.
const REASON: &str = "reason";

/// Whether a caller may put any text there.
fn is_text(schema: &Value) -> bool {
    for of in ["anyOf", "oneOf", "allOf"] {
        if let Some(schemas) = schema.get(of).and_then(Value::as_array) {
            return schemas.iter().any(is_text);
        }
    }
    if ["enum", "const", "format"].iter().any(|key| schema.get(key).is_some()) {
        return false;
    }
    let kinds = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(kind)) => vec![kind.as_str()],
        // Anything at all.
        _ => return true,
    };
    kinds.iter().any(|kind| match *kind {
        "string" => true,
        "array" => schema.get("items").is_none_or(is_text),
        "object" => match schema.get("properties").and_then(Value::as_object) {
            Some(properties) => properties.values().any(is_text),
            None => true,
        },
        _ => false,
    })
}

/// A text where there may be none.
fn text_for(field: &str) -> Value {
    match field {
        "tags" => json!(["rude"]),
        "attachments" => json!([{ "kind": "link", "url": "https://example.org/rude" }]),
        "properties" => json!({ "motto": "rude" }),
        _ => json!("Rude words"),
    }
}

fn of_players(operation: &&Operation) -> bool {
    operation.access == Access::Player && operation.method.as_str() != "GET"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_text_that_others_read_is_held_back_from_who_may_not_write() {
    let server = server().await;
    let mut wrong = Vec::new();
    let mut known: Vec<(&str, &str)> =
        TEXTS.iter().map(|(operation, field, _)| (*operation, *field)).collect();
    for operation in server.hall.registry().operations().iter().filter(of_players) {
        for (field, _) in fields(operation).iter().filter(|(_, schema)| is_text(schema)) {
            let in_path = operation.path.contains(&format!("{{{field}}}"));
            if in_path || field == REASON || field == "device_id" {
                continue;
            }
            let row = TEXTS.iter().find(|(name, of, _)| *name == operation.name && of == field);
            let Some((name, of, text)) = row else {
                wrong.push(format!("{} takes the text {field}: what holds it back?", operation.name));
                continue;
            };
            known.retain(|known| *known != (*name, *of));
            match text {
                Held(kind) => {
                    if let Err(answer) = refuses(&server, operation, field, kind).await {
                        wrong.push(format!("{} takes {field} of who has {kind}: {answer}", operation.name));
                    }
                }
                Free(why) => assert!(!why.is_empty(), "{}: say why {field} is free", operation.name),
            }
        }
    }
    wrong.extend(known.iter().map(|(operation, field)| format!("{operation} takes no text {field}")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    server.stopped().await;
}

async fn refuses(
    server: &moothall_testing::TestServer,
    operation: &Operation,
    field: &str,
    kind: &str,
) -> Result<(), String> {
    let column = if operation.name == "accounts.upgrade_guest" { Column::Guest } else { Column::Player };
    let cast = Cast::new(server, column).await;
    // What cannot be made up here is what the input is made of for other tests.
    let mut input = cast.input(operation).await;
    if operation.name == "accounts.put_extra" {
        input.insert("audience".into(), json!("public"));
    }
    if operation.name == "lobbies.open" || operation.name == "lobbies.update" {
        let properties = json!({ "public": { "motto": "rude" } });
        input.insert(field.to_owned(), if field == "properties" { properties } else { text_for(field) });
    } else if !input.contains_key(field) || matches!(field, "properties" | "value") {
        input.insert(field.to_owned(), text_for(field));
    }
    let user_id = cast.caller_id().unwrap_or_else(|| panic!("{column:?} is somebody"));
    let impose = ImposeRestriction {
        user_id,
        types: vec![kind.to_owned()],
        scope: RestrictionScope::default(),
        reason: "for a test".into(),
        public_reason: "be kind".into(),
        evidence: Map::new(),
        ends_at: None,
        after_matches: None,
        source: RestrictionSource::Automatic,
    };
    restrictions::impose_restriction(&Cx::server(&server.hall), impose).await.unwrap();
    let reply = cast.call(operation, &input, None).await;
    if reply.json()["code"] == json!("restricted") { Ok(()) } else { Err(reply.text) }
}
