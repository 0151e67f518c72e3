//! `socket.json`: everything that crosses the WebSocket, as JSON Schema 2020-12.
//!
//! The document is itself a schema: a message of a client is a `Request`, a message of the server one of `Answer`, `Refusal`
//! and `EventMessage`. Operations and events stand beside, by name.

use moothall::{Access, Rate, Registry};
use moothall_protocol::CloseCode;
use moothall_protocol::connections::Authenticate;
use moothall_protocol::limits::SOCKET_REQUEST_ID_MAX;
use serde_json::{Map, Value, json};

use super::who;
use crate::schemas::{Schemas, input_of};
use crate::socket::AUTHENTICATE;

pub(super) fn document(registry: &Registry, schemas: &Schemas) -> Value {
    let mut operations: Map<String, Value> = registry
        .operations()
        .iter()
        .map(|operation| {
            let described = json!({
                "description": super::about(schemas.resolve(schemas.input(operation.name))).0,
                "access": who(operation.access),
                "rate": operation.rate.as_str(),
                "is_guarded": operation.is_guarded,
                "in": schemas.input(operation.name),
                "out": schemas.output(operation.name),
            });
            (operation.name.to_owned(), described)
        })
        .collect();
    operations.insert(AUTHENTICATE.to_owned(), authenticate());
    let mut definitions = schemas.definitions.clone();
    definitions.extend(envelopes(registry));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "/v1/socket.json",
        "title": "Moothall's socket",
        "description": "`GET /v1/socket`, one message per frame. Clients ignore events and fields they do not know.",
        "version": env!("CARGO_PKG_VERSION"),
        "subprotocols": ["moothall.v1.json", "moothall.v1.msgpack"],
        "operations": operations,
        "events": events(schemas),
        "close_codes": close_codes(),
        "close_reason": {
            "description": "The reason of a close frame of the server: JSON of at most 123 bytes.",
            "type": "object",
            "properties": {
                "code": { "type": "string", "description": "The name of the close code." },
                "reason": { "type": "string", "description": "In words, for people; cut to what fits." },
                "retry_after_ms": { "type": "integer", "description": "When to come back, if the server says so." },
            },
            "required": ["code", "reason"],
        },
        "oneOf": [
            { "$ref": "#/$defs/Request" },
            { "$ref": "#/$defs/Answer" },
            { "$ref": "#/$defs/Refusal" },
            { "$ref": "#/$defs/EventMessage" },
        ],
        "$defs": definitions,
    })
}

/// The operation that belongs to the socket itself, and is in no registry.
fn authenticate() -> Value {
    let input = input_of::<Authenticate>();
    json!({
        "description": super::about(&input).0,
        "access": who(Access::Public),
        "rate": Rate::SignIn.as_str(),
        "is_guarded": false,
        "in": {
            "type": "object",
            "properties": input.get("properties"),
            "additionalProperties": false,
        },
        "out": { "$ref": "#/$defs/Authenticated" },
    })
}

/// What stands around every input, answer, refusal and event.
fn envelopes(registry: &Registry) -> Map<String, Value> {
    let id = json!({ "type": "integer", "minimum": 0, "maximum": SOCKET_REQUEST_ID_MAX, "description": "The client's number of the request, given back with the answer." });
    let names: Vec<&str> =
        registry.operations().iter().map(|operation| operation.name).chain([AUTHENTICATE]).collect();
    let envelopes = json!({
        "Request": {
            "description": "From the client: calls an operation.",
            "type": "object",
            "properties": {
                "id": id,
                "op": { "type": "string", "enum": names, "description": "The operation's name." },
                "in": { "type": "object", "description": "Its input; may be left out if no field is needed." },
                "key": { "type": ["string", "null"], "description": "An idempotency key." },
            },
            "required": ["id", "op"],
            "additionalProperties": false,
        },
        "Answer": {
            "description": "From the server: what the operation answered; `null` if it answers nothing.",
            "type": "object",
            "properties": { "id": id, "out": {} },
            "required": ["id", "out"],
        },
        "Refusal": {
            "description": "From the server: why the operation was refused. Without an id, the message itself could not be read.",
            "type": "object",
            "properties": { "id": { "anyOf": [id, { "type": "null" }] }, "err": { "$ref": "#/$defs/Problem" } },
            "required": ["id", "err"],
        },
        "EventMessage": {
            "description": "From the server: something happened. `seq` counts the events of the session.",
            "type": "object",
            "properties": {
                "seq": { "type": "integer", "minimum": 1 },
                "topic": { "type": "string", "description": "What it is about, such as `room:…`; without one, the session itself." },
                "event": { "type": "string" },
                "data": {},
            },
            "required": ["seq", "event", "data"],
        },
    });
    match envelopes {
        Value::Object(envelopes) => envelopes,
        _ => Map::new(),
    }
}

/// Each event by name, out of the one enum that holds them all.
fn events(schemas: &Schemas) -> Map<String, Value> {
    let variants =
        schemas.definitions.get("Event").and_then(|event| event.get("oneOf")).and_then(Value::as_array);
    let named = variants.into_iter().flatten().filter_map(|variant| {
        let name = variant.pointer("/properties/event/const")?.as_str()?;
        let data = variant.pointer("/properties/data").cloned().unwrap_or(Value::Null);
        Some((name.to_owned(), json!({ "description": variant.get("description"), "data": data })))
    });
    named.collect()
}

fn close_codes() -> Value {
    let schema = schemars::schema_for!(CloseCode).to_value();
    let codes = schema.get("oneOf").and_then(Value::as_array).cloned().unwrap_or_default();
    let described = codes.iter().filter_map(|code| {
        let name = code.get("const")?;
        let number = serde_json::from_value::<CloseCode>(name.clone()).ok()?.number();
        Some(json!({ "code": number, "name": name, "description": code.get("description") }))
    });
    described.collect()
}
