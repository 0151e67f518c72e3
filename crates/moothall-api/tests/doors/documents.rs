//! The documents tell the truth of the running server, an embedding program's operations included.

use moothall_api::{Options, Page};
use serde_json::{Value, json};

use crate::server::Server;

#[tokio::test]
async fn an_operation_of_an_embedding_program_is_in_every_document_and_door() {
    let server = Server::start().await;
    let openapi = server.get("/v1/openapi.json").await.json();
    let create = &openapi["paths"]["/v1/notes"]["post"];
    assert_eq!(
        (&create["operationId"], &create["summary"]),
        (&json!("notes.create"), &json!("Writes a note."))
    );
    assert_eq!(
        create["requestBody"]["content"]["application/json"]["schema"]["$ref"],
        "#/components/schemas/CreateNote"
    );
    assert_eq!(openapi["components"]["schemas"]["CreateNote"]["properties"]["text"]["maxLength"], 20);
    assert!(openapi["tags"].as_array().unwrap().iter().any(|tag| tag["name"] == "notes"));
    let socket = server.get("/v1/socket.json").await.json();
    assert_eq!(socket["operations"]["notes.create"]["in"]["$ref"], "#/$defs/CreateNote");
    assert_eq!(server.post("/v1/notes", json!({ "text": "a" })).await.status, 201);
}

#[tokio::test]
async fn openapi_says_where_each_field_stands_and_how_each_call_can_end() {
    let server = Server::start().await;
    let openapi = server.get("/v1/openapi.json").await.json();
    let update = &openapi["paths"]["/v1/notes/{note_id}"]["patch"];
    let places: Vec<(&Value, &Value)> =
        update["parameters"].as_array().unwrap().iter().map(|field| (&field["name"], &field["in"])).collect();
    let place = |name: &str, place: &str| (json!(name), json!(place));
    let wanted = [place("note_id", "path"), place("If-Match", "header")];
    assert_eq!(places, wanted.iter().map(|(name, place)| (name, place)).collect::<Vec<_>>());
    let body = &update["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!((&body["required"], &body["properties"]["note_id"]), (&json!(["text"]), &Value::Null));
    let statuses = |operation: &Value| {
        let mut statuses: Vec<String> = operation["responses"].as_object().unwrap().keys().cloned().collect();
        statuses.sort();
        statuses.join(" ")
    };
    assert_eq!(statuses(update), "200 400 401 403 404 408 412 413 415 422 429 500 503");
    let get = &openapi["paths"]["/v1/notes/{note_id}"]["get"];
    assert_eq!(statuses(get), "200 304 400 401 403 404 422 429 500 503");
    let keyed = |operation: &Value| operation["parameters"].to_string().contains("Idempotency-Key");
    assert!(keyed(&openapi["paths"]["/v1/notes"]["post"]));
    for path in ["/v1/notes/{note_id}/read", "/v1/notes/release", "/v1/ping"] {
        assert!(!statuses(&openapi["paths"][path]["get"]).contains("304"), "{path}");
    }
    let headers = |path: &str| openapi["paths"][path]["get"]["responses"]["200"]["headers"].to_string();
    assert!(headers("/v1/notes/{note_id}/read").contains("ETag"));
    assert!(!headers("/v1/ping").contains("ETag"), "the version of a program is no version of an answer");
    let list = &openapi["paths"]["/v1/notes"]["get"];
    assert_eq!(list["parameters"][0]["schema"]["type"], "integer", "nothing is null in a query");
    assert_eq!(list["parameters"][4]["schema"]["$ref"], "#/components/schemas/Order");
    assert_eq!(
        openapi["paths"]["/v1/notes/secret"]["post"]["security"],
        json!([{ "bearer": [] }, { "api_key": [] }])
    );
}

#[tokio::test]
async fn every_reference_leads_somewhere_and_every_document_is_the_same_each_time() {
    let server = Server::start().await;
    for (file, text) in moothall_api::documents(server.doors.hall().registry()) {
        let served = server.get(&format!("/v1/{file}")).await;
        assert_eq!(served.body, text.as_bytes(), "{file}");
        let known = [("if-none-match", served.header("etag").unwrap())];
        let again = server.call("GET", &format!("/v1/{file}"), &known, None).await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{file}");
        assert_eq!(again.header("etag"), served.header("etag"));
        let document: Value = served.json();
        let mut references = Vec::new();
        collect_references(&document, &mut references);
        assert_eq!(references.is_empty(), file == "errors.json");
        for reference in references {
            assert!(document.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{file}: {reference}");
        }
    }
}

fn collect_references(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            references.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| collect_references(value, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, references)),
        _ => {}
    }
}

#[tokio::test]
async fn the_socket_document_is_a_schema_of_its_messages() {
    let server = Server::start().await;
    let document = server.get("/v1/socket.json").await.json();
    let validator = jsonschema::draft202012::new(&document).unwrap();
    for message in [
        json!({ "id": 7, "op": "notes.create", "in": { "text": "a" }, "key": "0123456789abcdef" }),
        json!({ "id": 7, "out": null }),
        json!({ "seq": 1, "topic": "room:x", "event": "session.resumed", "data": { "missed": 3 } }),
    ] {
        assert!(validator.is_valid(&message), "{message}");
    }
    for message in [
        json!({ "id": 7, "op": "notes.nothing" }),
        json!({ "id": 7, "op": "notes.create", "inn": {} }),
        json!(7),
    ] {
        assert!(!validator.is_valid(&message), "{message}");
    }
    assert!(document["events"]["session.ready"]["data"].is_object());
    let codes: Vec<&Value> =
        document["close_codes"].as_array().unwrap().iter().map(|code| &code["code"]).collect();
    assert!(codes.contains(&&json!(4008)), "{codes:?}");
}

#[tokio::test]
async fn people_can_read_the_operations_and_the_errors() {
    let server = Server::start().await;
    let errors = server.get("/v1/errors.json").await.json();
    let page = String::from_utf8(server.get("/docs/errors").await.body).unwrap();
    for error in errors["errors"].as_array().unwrap() {
        let code = error["code"].as_str().unwrap();
        assert!(page.contains(&format!("<section id=\"{code}\">")), "{code}");
    }
    let docs = server.get("/docs").await;
    assert_eq!(docs.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(docs.header("content-security-policy").unwrap().contains("script-src 'self'"));
    for path in ["/docs/browser.js", "/docs/style.css"] {
        assert!(String::from_utf8_lossy(&docs.body).contains(path));
        assert_eq!(server.get(path).await.status, 200);
    }
}

#[tokio::test]
async fn an_embedding_program_adds_pages() {
    let page = Page { path: "/setup", media: "text/html; charset=utf-8", body: "<h1>Set up</h1>".into() };
    let server = Server::with(Options { pages: vec![page], ..Options::default() }).await;
    assert_eq!(server.get("/setup?token=x").await.body, b"<h1>Set up</h1>");
    server.call("DELETE", "/setup", &[], None).await.refused(405, "method_not_allowed");
}
