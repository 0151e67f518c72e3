//! `openapi.json`: OpenAPI 3.1 of the HTTP door.
//!
//! Exact on purpose: each operation lists every status it can answer with, and the codes behind it.
#![expect(clippy::indexing_slicing, reason = "a name that an object does not have yet is put into it")]

use std::collections::{BTreeMap, BTreeSet};

use moothall::{Access, ErrorEntry, Operation, Registry};
use moothall_protocol::limits;
use serde_json::{Map, Value, json};

use super::{about, who};
use crate::rest::fields::Shape;
use crate::rest::lines;
use crate::schemas::{Schemas, refer};

pub(super) fn document(registry: &Registry, schemas: &Schemas) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in registry.operations() {
        let item = paths.entry(format!("/v1{}", operation.path)).or_insert_with(|| json!({}));
        item[operation.method.as_str().to_lowercase()] = describe(registry, schemas, operation);
    }
    let tags = registry.contexts().iter().map(|(name, about)| json!({ "name": name, "description": about }));
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Moothall",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A server for a game's community. The same operations are there over WebSocket: see `/v1/socket.json`.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags.collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "An access token of a signed-in user." },
                "api_key": { "type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "A key of a host or a tool." },
            },
            "schemas": schemas.definitions,
        },
    });
    refer(&mut document, &|name| format!("#/components/schemas/{name}"));
    document
}

fn describe(registry: &Registry, schemas: &Schemas, operation: &Operation) -> Value {
    let shape = Shape::new(schemas, operation);
    let input = schemas.resolve(schemas.input(operation.name));
    let (summary, details) = about(input);
    let callers =
        format!("May be called by {}. Rate class `{}`.", who(operation.access), operation.rate.as_str());
    let description = if details.is_empty() { callers } else { format!("{details}\n\n{callers}") };
    let mut described = json!({
        "operationId": operation.name,
        "tags": [operation.context],
        "summary": summary,
        "description": description,
        "security": security(operation.access),
        "parameters": parameters(&shape, input),
    });
    if shape.has_body() {
        described["requestBody"] = body(&shape, schemas, input);
    }
    described["responses"] = responses(registry, schemas, &shape);
    described
}

/// Every operation takes a token; only some need one.
fn security(access: Access) -> Value {
    match access {
        Access::Public => json!([{}, { "bearer": [] }, { "api_key": [] }]),
        _ => json!([{ "bearer": [] }, { "api_key": [] }]),
    }
}

fn parameters(shape: &Shape, input: &Value) -> Value {
    let in_path: BTreeSet<&str> = shape.path_fields().collect();
    let mut parameters = Vec::new();
    for (name, schema, is_required) in fields(input) {
        let place = match in_path.contains(name) {
            true => "path",
            false if shape.has_body() => continue,
            false => "query",
        };
        let mut parameter = json!({
            "name": name,
            "in": place,
            "required": is_required || place == "path",
        });
        let schema = without_null(schema);
        if shape.is_json(name) {
            parameter["content"] = json!({ "application/json": { "schema": schema } });
        } else {
            parameter["schema"] = schema.clone();
        }
        if let Some(description) = schema.get("description") {
            parameter["description"] = description.clone();
        }
        parameters.push(parameter);
    }
    let header = |name: &str, about: &str, schema: Value| json!({ "name": name, "in": "header", "required": false, "description": about, "schema": schema });
    if shape.operation.is_guarded {
        parameters.push(header(
            "Idempotency-Key",
            "Makes a retry safe: the first answer to this key is kept for a day and given again.",
            json!({
                "type": "string",
                "minLength": limits::IDEMPOTENCY_KEY_LENGTH_MIN,
                "maxLength": limits::IDEMPOTENCY_KEY_LENGTH_MAX,
                "pattern": "^[!-~]+$",
            }),
        ));
    }
    let tag = json!({ "type": "string", "pattern": "^\"[0-9]{1,18}\"$" });
    if shape.takes_version() {
        parameters.push(header(
            "If-Match",
            "The `ETag` that is to be changed; the same as `if_version`.",
            tag,
        ));
    } else if shape.is_cacheable() {
        parameters.push(header(
            "If-None-Match",
            "The `ETag`s that are known already, as in RFC 9110: 304 if the newest is among them.",
            json!({ "type": "string" }),
        ));
    }
    Value::Array(parameters)
}

/// The input without the fields that stand in the path.
fn body(shape: &Shape, schemas: &Schemas, input: &Value) -> Value {
    let in_path: BTreeSet<&str> = shape.path_fields().collect();
    let schema = if in_path.is_empty() {
        schemas.input(shape.operation.name).clone()
    } else {
        let mut rest = input.clone();
        if let Some(properties) = rest.get_mut("properties").and_then(Value::as_object_mut) {
            properties.retain(|name, _| !in_path.contains(name.as_str()));
        }
        if let Some(required) = rest.get_mut("required").and_then(Value::as_array_mut) {
            required.retain(|name| !name.as_str().is_some_and(|name| in_path.contains(name)));
        }
        rest
    };
    let is_required = fields(input).any(|(name, _, is_required)| is_required && !in_path.contains(name));
    json!({ "required": is_required, "content": { "application/json": { "schema": schema } } })
}

fn fields(input: &Value) -> impl Iterator<Item = (&str, &Value, bool)> {
    let required = input.get("required").and_then(Value::as_array);
    let is_required = move |name: &str| required.is_some_and(|names| names.iter().any(|known| known == name));
    let properties = input.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().map(move |(name, schema)| (name.as_str(), schema, is_required(name)))
}

/// In a path or a query nothing is `null`: it is left out.
fn without_null(schema: &Value) -> Value {
    let mut schema = schema.clone();
    let is_null = |kind: &Value| kind == "null" || kind.get("type").is_some_and(|kind| kind == "null");
    for key in ["type", "anyOf"] {
        let Some(Value::Array(branches)) = schema.get_mut(key) else { continue };
        branches.retain(|branch| !is_null(branch));
        if let (Some(only), 1) = (branches.first().cloned(), branches.len())
            && let Some(fields) = schema.as_object_mut()
        {
            if key == "type" {
                fields.insert(key.to_owned(), only);
            } else if let Value::Object(only) = only {
                fields.remove(key);
                fields.extend(only);
            }
        }
    }
    schema
}

fn responses(registry: &Registry, schemas: &Schemas, shape: &Shape) -> Value {
    let operation = &shape.operation;
    let mut responses = Map::new();
    let mut success = json!({ "description": "Done." });
    if operation.status != 204 {
        success["content"] = json!({ "application/json": { "schema": schemas.output(operation.name) } });
    }
    if shape.is_paged {
        success["description"] = format!(
            "Done. As `{}`: an item a line, page after page and at most {} or a page more; the last line is `{{\"next\": …}}`, the cursor to go on from, or `null`.",
            lines::MEDIA,
            limits::LINES_MAX
        )
        .into();
        let page = schemas.resolve(schemas.output(operation.name));
        let item = page.pointer("/properties/items/items").cloned().unwrap_or(Value::Bool(true));
        let next = json!({ "type": "object", "properties": { "next": page.pointer("/properties/next") }, "required": ["next"] });
        success["content"][lines::MEDIA] = json!({ "schema": { "anyOf": [item, next] } });
    }
    let text = |about: &str| json!({ "description": about, "schema": { "type": "string" } });
    let mut headers = json!({ "X-Request-Id": text("Names this request in the server's log.") });
    if operation.location.is_some() {
        headers["Location"] = text("Where the new thing is.");
    }
    if shape.has_version {
        headers["ETag"] = text(if shape.is_cacheable() {
            "The version, for `If-Match` and `If-None-Match`."
        } else {
            "The version, for `If-Match`."
        });
    }
    success["headers"] = headers;
    responses.insert(operation.status.to_string(), success);
    if shape.is_cacheable() {
        responses.insert("304".to_owned(), json!({ "description": "Nothing newer than what is known." }));
    }
    for (status, codes) in refusals(registry, shape) {
        let codes: Vec<String> =
            codes.iter().map(|code| format!("[`{code}`](/docs/errors#{code})")).collect();
        let problem = json!({ "$ref": "#/$defs/Problem" });
        responses.insert(
            status.to_string(),
            json!({
                "description": codes.join(", "),
                "content": { "application/problem+json": { "schema": problem } },
            }),
        );
    }
    Value::Object(responses)
}

/// Every status but success, with the codes behind it: those of the context, and those of this operation's shape.
fn refusals(registry: &Registry, shape: &Shape) -> BTreeMap<u16, BTreeSet<&'static str>> {
    let operation = &shape.operation;
    let applies = |entry: &ErrorEntry| match entry.code {
        "too_slow" | "too_large" | "unsupported_media_type" | "unsupported_encoding" => shape.has_body(),
        "idempotency_mismatch" => operation.is_guarded,
        "version_conflict" => shape.takes_version(),
        // Another method, another name, or the socket.
        "method_not_allowed" | "unknown_operation" | "too_many_requests" => false,
        _ => true,
    };
    let shared = registry.errors().iter().filter(|entry| moothall::CATALOGUE.contains(entry));
    let mut refusals: BTreeMap<u16, BTreeSet<&'static str>> = BTreeMap::new();
    for entry in shared.filter(|entry| applies(entry)).chain(operation.errors) {
        refusals.entry(entry.kind.status()).or_default().insert(entry.code);
    }
    refusals
}
