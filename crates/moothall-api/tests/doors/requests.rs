//! One request and its answer: places of the input, versions, keys, refusals, headers.

use std::time::Duration;

use moothall_api::{Cors, Options};
use serde_json::json;

use crate::server::{Server, request};

const NOWHERE: &str = "/v1/notes/01900000-0000-7000-8000-000000000000";

#[tokio::test]
async fn a_thing_is_made_found_changed_and_taken_away() {
    let server = Server::start().await;
    let made = server.post("/v1/notes", json!({ "text": "hello" })).await;
    assert_eq!((made.status, made.header("etag")), (201, Some("\"1\"")));
    let location = made.header("location").unwrap().to_owned();
    assert_eq!(location, format!("/v1/notes/{}", made.json()["note_id"].as_str().unwrap()));

    let found = server.get(&location).await;
    assert_eq!((found.status, found.json()), (200, made.json()));
    assert_eq!(found.header("content-type"), Some("application/json"));

    let known = server.call("GET", &location, &[("if-none-match", "\"0\", W/\"1\"")], None).await;
    assert_eq!((known.status, known.header("etag"), known.body.len()), (304, Some("\"1\""), 0));

    let asked = server.call("HEAD", &location, &[("if-none-match", "*")], None).await;
    assert_eq!((asked.status, asked.header("etag")), (304, Some("\"1\"")));

    let change = |tag: &'static str| {
        let (server, location) = (&server, &location);
        async move { server.call("PATCH", location, &[("if-match", tag)], Some(json!({ "text": "bye" }))).await }
    };
    let changed = change("\"1\"").await;
    assert_eq!((changed.status, changed.json()["version"].as_i64()), (200, Some(2)));
    assert_eq!(change("\"1\"").await.refused(412, "version_conflict")["version"], 2);
    assert_eq!(change("*").await.status, 200);
    change("W/\"3\"").await.refused(400, "malformed");
    let both = json!({ "text": "bye", "if_version": 1 });
    let both = server.call("PATCH", &location, &[("if-match", "\"3\"")], Some(both)).await;
    assert_eq!(both.refused(422, "invalid")["fields"][0]["path"], "/if_version");

    let gone = server.call("DELETE", &location, &[], None).await;
    assert_eq!((gone.status, gone.body.len()), (204, 0));
    server.get(&location).await.refused(404, "not_found");
}

#[tokio::test]
async fn what_may_change_without_its_version_is_sent_although_the_version_is_known() {
    let server = Server::start().await;
    let made = server.post("/v1/notes", json!({ "text": "hello" })).await;
    let path = format!("{}/read", made.header("location").unwrap());
    let first = server.get(&path).await;
    assert_eq!(first.header("etag"), Some("\"1\""), "for If-Match");
    let again = server.call("GET", &path, &[("if-none-match", "\"1\"")], None).await;
    assert_eq!(again.status, 200);
    assert_ne!(again.json()["looks"], first.json()["looks"]);
    assert_eq!(server.get("/v1/notes/release").await.header("etag"), None);
}

#[tokio::test]
async fn a_list_is_read_as_lines_page_after_page_and_says_where_to_go_on() {
    let server = Server::start().await;
    let read = async |query: &str| {
        let accept = [("accept", "text/html, application/x-ndjson;q=0.9")];
        server.call("GET", &format!("/v1/notes/pages?{query}"), &accept, None).await
    };
    let lines = |body: &[u8]| -> Vec<serde_json::Value> {
        let text = std::str::from_utf8(body).unwrap();
        assert!(text.ends_with('\n'));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let reply = read("count=5&limit=2").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/x-ndjson")));
    let expected: Vec<_> =
        (0..5).map(|number| json!({ "number": number })).chain([json!({ "next": null })]).collect();
    assert_eq!(lines(&reply.body), expected);
    assert_eq!(lines(&read("count=0&limit=2").await.body), [json!({ "next": null })]);
    // There is an end to one answer, not to the list.
    let mut numbers = Vec::new();
    let mut query = "count=2300&limit=150".to_owned();
    loop {
        let mut read = lines(&read(&query).await.body);
        let last = read.pop().unwrap();
        assert!(read.len() < moothall_protocol::limits::LINES_MAX + 150);
        numbers.extend(read.iter().map(|line| line["number"].as_u64().unwrap()));
        let Some(next) = last["next"].as_str() else { break };
        query = format!("count=2300&limit=150&cursor={next}");
    }
    assert_eq!(numbers, (0..2300).collect::<Vec<_>>());
    // A refusal is one, and who asks for nothing of it gets a page as ever.
    read("count=5&limit=0").await.refused(422, "invalid");
    let page = server.get("/v1/notes/pages?count=5&limit=2").await;
    assert_eq!(page.header("content-type"), Some("application/json"));
    let other = server.call("GET", "/v1/notes/big", &[("accept", "application/x-ndjson")], None).await;
    assert_eq!(other.header("content-type"), Some("application/json"), "this is no list");
}

#[tokio::test]
async fn a_query_is_read_by_the_types_of_its_fields() {
    let server = Server::start().await;
    let query = "limit=7&tags=a%20b&tags=7&near=-3&is_loud=true&order=oldest&score=1e2";
    assert_eq!(
        server.get(&format!("/v1/notes?{query}")).await.json(),
        json!({ "limit": 7, "tags": ["a b", "7"], "near": [-3], "is_loud": true, "order": "oldest", "score": 100.0 })
    );
    assert_eq!(server.get("/v1/notes").await.json()["tags"], json!([]));
    for (query, path, code) in [
        ("limit=x", "/limit", "wrong_type"),
        ("limit=", "/limit", "wrong_type"),
        ("limit=0", "/limit", "too_small"),
        ("limit=201", "/limit", "too_large"),
        ("limit=1&limit=2", "/limit", "not_unique"),
        ("near=1&near=x", "/near/1", "wrong_type"),
        ("is_loud=yes", "/is_loud", "wrong_type"),
        ("order=up", "/order", "not_a_choice"),
        ("score=NaN", "/score", "wrong_type"),
        ("a%2Fb=1", "/a~1b", "unknown_field"),
    ] {
        let problem = server.get(&format!("/v1/notes?{query}")).await.refused(422, "invalid");
        let field = &problem["fields"][0];
        assert_eq!((&field["path"], &field["code"]), (&json!(path), &json!(code)), "{query}");
    }
    let problem = server.get("/v1/notes?limmit=3").await.refused(422, "invalid");
    assert_eq!(problem["fields"][0]["nearest"], "limit");
    server.get("/v1/notes?tags=%ff").await.refused(400, "malformed");
}

#[tokio::test]
async fn every_field_has_one_place() {
    let server = Server::start().await;
    let in_query = server.post("/v1/notes?text=a", json!({})).await.refused(422, "invalid");
    assert_eq!(in_query["fields"][0]["path"], "/text");
    let in_both = json!({ "text": "a", "note_id": "01900000-0000-7000-8000-000000000000" });
    let in_both = server.call("PATCH", NOWHERE, &[], Some(in_both)).await.refused(422, "invalid");
    assert_eq!(
        (&in_both["fields"][0]["path"], &in_both["fields"][0]["code"]),
        (&json!("/note_id"), &json!("not_unique"))
    );
    server.call("GET", "/v1/notes", &[], Some(json!({ "limit": 3 }))).await.refused(400, "malformed");
    server.call("DELETE", NOWHERE, &[], Some(json!({}))).await.refused(400, "malformed");
    for nothing in ["/v1/notes/", "/v1/notes//read", "/v1//notes"] {
        server.get(nothing).await.refused(404, "not_found");
    }
    let unknown = server.get("/v1/ping?foo=1").await.refused(422, "invalid");
    assert_eq!(
        (&unknown["fields"][0]["path"], &unknown["fields"][0]["code"]),
        (&json!("/foo"), &json!("unknown_field"))
    );
    let no_id = server.get("/v1/notes/7").await.refused(422, "invalid");
    assert_eq!(
        (&no_id["fields"][0]["path"], &no_id["fields"][0]["code"]),
        (&json!("/note_id"), &json!("bad_format"))
    );
}

#[tokio::test]
async fn a_body_is_a_json_object_and_says_so() {
    let server = Server::start().await;
    let plain = [("content-type", "text/plain")];
    server
        .call("POST", "/v1/notes", &plain, Some(json!({ "text": "a" })))
        .await
        .refused(415, "unsupported_media_type");
    let charset = [("content-type", "application/json; charset=utf-8")];
    let packed = [("content-type", "application/json"), ("content-encoding", "gzip")];
    let refused = server.call("POST", "/v1/notes", &packed, Some(json!({ "text": "a" }))).await;
    assert!(
        refused.refused(415, "unsupported_encoding")["title"]
            .to_string()
            .contains("without Content-Encoding")
    );
    assert_eq!(refused.header("accept-encoding"), Some("identity"));
    let plain = [("content-type", "application/json"), ("content-encoding", "identity")];
    assert_eq!(server.call("POST", "/v1/notes", &plain, Some(json!({ "text": "a" }))).await.status, 201);
    assert_eq!(server.call("POST", "/v1/notes", &charset, Some(json!({ "text": "a" }))).await.status, 201);
    server.post("/v1/notes", json!(["text"])).await.refused(400, "malformed");
    server.post("/v1/notes", json!(null)).await.refused(400, "malformed");
    // An empty body is an empty object.
    let empty = server.call("POST", "/v1/notes", &[], None).await.refused(422, "invalid");
    assert_eq!(empty["fields"][0]["code"], "required");
    let mut connection = server.connect().await;
    let broken = "{\"text\":";
    connection.send(&format!("POST /v1/notes HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{broken}", broken.len())).await;
    connection.reply("POST").await.refused(400, "malformed");
    let chunked = "POST /v1/notes HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n6\r\n{\"text\r\n6\r\n\":\"a\"}\r\n0\r\n\r\n";
    connection.send(chunked).await;
    assert_eq!(connection.reply("POST").await.status, 201);
}

#[tokio::test]
async fn null_in_an_input_is_as_absent_and_nul_in_a_text_is_refused() {
    let server = Server::start().await;
    assert_eq!(server.post("/v1/notes", json!({ "text": "a", "extra": null })).await.status, 201);
    assert_eq!(server.post("/v1/notes", json!({ "text": "a", "extra": { "deep": null } })).await.status, 201);
    let problem = server
        .post("/v1/notes", json!({ "text": "a\0b", "extra": { "k\0": ["\0"] } }))
        .await
        .refused(422, "invalid");
    let paths: Vec<_> =
        problem["fields"].as_array().unwrap().iter().map(|field| field["path"].clone()).collect();
    assert_eq!(paths, ["/text", "/extra", "/extra/k\0/0"]);
}

#[tokio::test]
async fn a_repeated_key_gets_the_first_answer_and_changes_nothing() {
    let server = Server::start().await;
    let key = [("idempotency-key", "3f9c2f64-0b1e-4a55")];
    let first = server.call("POST", "/v1/notes", &key, Some(json!({ "text": "once", "extra": null }))).await;
    let again = server.call("POST", "/v1/notes", &key, Some(json!({ "text": "once" }))).await;
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!((first.json(), first.header("location")), (again.json(), again.header("location")));
    let other = server.call("POST", "/v1/notes", &key, Some(json!({ "text": "twice" }))).await;
    other.refused(409, "idempotency_mismatch");
    let twice = [key[0], key[0]];
    server.call("POST", "/v1/notes", &twice, Some(json!({ "text": "once" }))).await.refused(400, "malformed");
}

#[tokio::test]
async fn a_panic_is_answered_and_harms_nobody_else() {
    let server = Server::start().await;
    let mut connection = server.connect().await;
    for _ in 0..3 {
        connection.send(&request("POST", "/v1/notes/panic", &[], Some(json!({})))).await;
        let problem = connection.reply("POST").await.refused(500, "internal");
        assert!(!problem.to_string().contains("as it was told to"));
        connection.send(&request("GET", "/v1/ping", &[], None)).await;
        assert_eq!(connection.reply("GET").await.status, 200);
    }
}

#[tokio::test]
async fn access_is_asked_for_before_the_input() {
    let server = Server::start().await;
    let nobody = server.post("/v1/notes/secret", json!({ "nonsense": 1 })).await;
    nobody.refused(401, "not_signed_in");
    assert_eq!(nobody.header("www-authenticate"), Some("Bearer realm=\"moothall\""));
    for header in
        [("authorization", "Bearer nonsense"), ("authorization", "Basic dTpw"), ("x-api-key", "nonsense")]
    {
        let reply = server.call("GET", "/v1/ping", &[header], None).await;
        reply.refused(401, "token_invalid");
        assert!(reply.header("www-authenticate").is_some());
    }
    let both = [("authorization", "Bearer a"), ("x-api-key", "b")];
    server.call("GET", "/v1/ping", &both, None).await.refused(400, "malformed");
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_say_so() {
    let server = Server::start().await;
    for path in
        ["/", "/v1", "/v1/", "/v2/notes", "/v1/nothing", "/v1/ping/", "/v1notes", "/v1/notes/a/b", "/health"]
    {
        server.get(path).await.refused(404, "not_found");
    }
    let wrong = server.call("PUT", "/v1/notes", &[], None).await;
    wrong.refused(405, "method_not_allowed");
    assert_eq!(wrong.header("allow"), Some("POST, GET, HEAD, OPTIONS"));
    assert_eq!(
        server.call("TRACE", NOWHERE, &[], None).await.header("allow"),
        Some("GET, PATCH, DELETE, HEAD, OPTIONS")
    );
    server.call("POST", "/health/live", &[], None).await.refused(405, "method_not_allowed");
    let options = server.call("OPTIONS", "/v1/notes", &[], None).await;
    assert_eq!((options.status, options.header("allow")), (204, Some("POST, GET, HEAD, OPTIONS")));
    let (head, get) = (server.call("HEAD", "/v1/notes", &[], None).await, server.get("/v1/notes").await);
    assert_eq!((head.status, head.header("content-length")), (200, get.header("content-length")));
}

#[tokio::test]
async fn above_its_rate_a_caller_is_told_when_to_come_back() {
    let server = Server::start().await;
    let budget = moothall::operation::Rate::Write.budget();
    let mut connection = server.connect().await;
    let mut refused = None;
    for _ in 0..=budget.burst + 5 {
        connection.send(&request("POST", "/v1/notes", &[], Some(json!({})))).await;
        let reply = connection.reply("POST").await;
        if reply.status == 429 {
            refused = Some(reply);
            break;
        }
        reply.refused(422, "invalid");
    }
    let refused = refused.expect("the bucket is empty after its burst");
    let problem = refused.refused(429, "rate_limited");
    assert!(problem["retry_after_ms"].as_u64().unwrap() <= 1_000);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.header("ratelimit"), Some("\"write\";r=0;t=1"));
    assert_eq!(refused.header("ratelimit-policy"), Some("\"write\";q=60;w=12"));
    // Another class has its own bucket.
    assert_eq!(server.get("/v1/ping").await.status, 200);
}

#[tokio::test]
async fn above_its_rate_a_caller_is_not_read_from() {
    let server = Server::start().await;
    let mut refused = None;
    // A slow machine may give a token back in between.
    for _ in 0..5 {
        let mut connection = server.connect().await;
        let mut status = 422;
        while status == 422 {
            connection.send(&request("POST", "/v1/notes", &[], Some(json!({})))).await;
            status = connection.reply("POST").await.status;
        }
        connection.send("POST /v1/notes HTTP/1.1\r\nhost: here\r\ncontent-length: 9\r\n\r\n").await;
        refused = tokio::time::timeout(Duration::from_secs(2), connection.reply("POST")).await.ok();
        if refused.is_some() {
            break;
        }
    }
    refused.expect("the body is not waited for").refused(429, "rate_limited");
}

#[tokio::test]
async fn pages_are_read_at_a_rate_and_whether_the_process_lives_is_always_told() {
    let server = Server::start().await;
    let mut connection = server.connect().await;
    let mut count = 0;
    let refused = loop {
        connection.send(&request("GET", "/docs/style.css", &[], None)).await;
        let reply = connection.reply("GET").await;
        if reply.status != 200 {
            break reply;
        }
        count += 1;
    };
    refused.refused(429, "rate_limited");
    assert!(count >= moothall::operation::Rate::Read.budget().burst, "{count}");
    assert!(refused.header("ratelimit").unwrap().starts_with("\"read\";r=0;t="), "{refused:?}");
    for path in ["/v1/openapi.json", "/docs/errors", "/health/ready"] {
        let mut statuses = Vec::new();
        // What the clock gives back meanwhile is taken.
        for _ in 0..20 {
            connection.send(&request("HEAD", path, &[], None)).await;
            statuses.push(connection.reply("HEAD").await.status);
        }
        assert!(statuses.contains(&429), "{path}: {statuses:?}");
    }
    for _ in 0..20 {
        connection.send(&request("GET", "/health/live", &[], None)).await;
        assert_eq!(connection.reply("GET").await.status, 200);
    }
}

#[tokio::test]
async fn wrong_tokens_and_sockets_are_told_of_the_rate_they_are_counted_by() {
    let server = Server::start().await;
    let wrong = [("authorization", "Bearer nonsense")];
    let socket = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        wrong[0],
    ];
    for (path, headers) in [("/v1/ping", wrong.as_slice()), ("/v1/socket", &socket)] {
        let mut connection = server.connect().await;
        let reply = loop {
            connection.send(&request("GET", path, headers, None)).await;
            let reply = connection.reply("GET").await;
            if reply.status != 401 {
                break reply;
            }
        };
        reply.refused(429, "rate_limited");
        assert!(reply.header("ratelimit").unwrap().starts_with("\"read\";r=0;t="), "{path}: {reply:?}");
        assert_eq!(reply.header("ratelimit-policy"), Some("\"read\";q=200;w=7"), "{path}");
    }
}

#[tokio::test]
async fn after_a_refusal_that_did_not_wait_for_the_body_the_next_request_is_answered() {
    let server = Server::start().await;
    let body = "{\"answer\":7}";
    let head = |method: &str, path: &str, more: &str| {
        let length = body.len();
        format!(
            "{method} {path} HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\n{more}content-length: {length}\r\n\r\n"
        )
    };
    for (method, path, status) in [
        ("POST", "/v1/notes/secret", 401),
        ("POST", "/v1/nothing", 404),
        ("PUT", "/v1/notes", 405),
        ("POST", "/health/live", 405),
    ] {
        let mut connection = server.connect().await;
        connection.send(&head(method, path, "")).await;
        let reply = connection.reply(method).await;
        assert_eq!((reply.status, reply.header("connection")), (status, None), "{path}");
        connection.send(body).await;
        connection.send(&request("GET", "/v1/ping", &[], None)).await;
        assert_eq!(connection.reply("GET").await.status, 200, "{path}");
        // Who waits to be told to go on never sends it.
        connection.send(&head(method, path, "expect: 100-continue\r\n")).await;
        let reply = connection.reply(method).await;
        assert_eq!((reply.status, reply.header("connection")), (status, Some("close")), "{path}");
    }
}

#[tokio::test]
async fn a_request_names_its_host_once() {
    let server = Server::start().await;
    for (head, status) in [
        ("GET /v1/ping HTTP/1.1\r\n\r\n", 400),
        ("GET /v1/ping HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400),
        ("GET /v1/ping HTTP/1.0\r\n\r\n", 200),
    ] {
        let mut connection = server.connect().await;
        connection.send(head).await;
        assert_eq!(connection.reply("GET").await.status, status, "{head}");
    }
}

#[tokio::test]
async fn every_answer_has_an_id_and_is_safe_in_a_browser() {
    let server = Server::start().await;
    for path in ["/health/live", "/docs", "/v1/openapi.json"] {
        assert_eq!(server.get(path).await.header("x-request-id").unwrap().len(), 36, "{path}");
    }
    assert!(server.call("OPTIONS", "/v1/ping", &[], None).await.header("x-request-id").is_some());
    for reply in [server.get("/v1/ping").await, server.get("/v1/nothing").await] {
        assert_eq!(reply.header("x-request-id").unwrap().len(), 36);
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(
            reply.header("content-security-policy"),
            Some("default-src 'none'; frame-ancestors 'none'")
        );
        assert_eq!(reply.header("access-control-allow-origin"), None);
    }
}

#[tokio::test]
async fn only_pages_of_listed_origins_may_call() {
    let cors = Cors::new(vec!["https://play.example.org".to_owned()]);
    let server = Server::with(Options { cors, ..Options::default() }).await;
    let ask = |origin: &'static str| {
        let headers = [("origin", origin), ("access-control-request-method", "PATCH")];
        let server = &server;
        async move { server.call("OPTIONS", NOWHERE, &headers, None).await }
    };
    let listed = ask("https://play.example.org").await;
    assert_eq!(listed.header("access-control-allow-origin"), Some("https://play.example.org"));
    assert!(listed.header("access-control-allow-methods").unwrap().contains("PATCH"));
    assert!(listed.header("access-control-allow-headers").unwrap().contains("idempotency-key"));
    for stranger in
        ["https://evil.example.org", "http://play.example.org", "https://play.example.org.evil.net", "null"]
    {
        let reply = ask(stranger).await;
        assert_eq!(reply.header("access-control-allow-origin"), None, "{stranger}");
        assert_eq!(reply.header("access-control-allow-methods"), None, "{stranger}");
    }
    let call = server.call("GET", "/v1/ping", &[("origin", "https://play.example.org")], None).await;
    assert_eq!(call.header("access-control-allow-origin"), Some("https://play.example.org"));
    assert_eq!(call.header("vary"), Some("Origin"));
    assert!(call.header("access-control-expose-headers").unwrap().contains("X-Request-Id"));
    assert_eq!(server.get("/v1/ping").await.header("vary"), Some("Origin"));
}

#[tokio::test]
async fn an_operation_is_finished_although_its_client_has_gone() {
    use std::sync::atomic::Ordering::SeqCst;
    let mut server = Server::start().await;
    let before = crate::notes::FINISHED.load(SeqCst);
    let mut connection = server.connect().await;
    connection.send(&request("POST", "/v1/notes/slow", &[], Some(json!({})))).await;
    // Long enough for the request to be read.
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(connection);
    server.stop();
    server.stopped().await;
    assert!(crate::notes::FINISHED.load(SeqCst) > before);
}
