//! `moothall serve`: the first administrator, an orderly end, and a sudden one.

use std::time::{Duration, Instant};

use moothall_testing::databases::on_both_engines;
use moothall_testing::{PASSWORD, Player, ServerProcess, Shows};
use serde_json::{Value, json};

#[tokio::test]
async fn the_printed_link_makes_one_administrator_and_then_no_other() {
    let server = ServerProcess::start();
    let page = server.api.get("/setup", Shows::Nothing).await;
    assert_eq!(page.status, 200);
    for part in ["/account/form.js", "/account/style.css"] {
        assert!(page.text.contains(part));
        assert_eq!(server.api.get(part, Shows::Nothing).await.status, 200, "{part}");
    }

    let claim = |name: &str| json!({ "token": server.setup_token(), "name": name, "email": "ana@example.org", "password": PASSWORD });
    let wrong = json!({ "token": "mha_wrong", "name": "eve", "password": PASSWORD });
    server.api.post("/v1/accounts/administrator", Shows::Nothing, wrong).await.refused(403, "setup_over");
    let session: Value =
        server.api.post("/v1/accounts/administrator", Shows::Nothing, claim("ana")).await.ok();
    let ana = Player::of(&session);
    assert_eq!(server.api.get("/v1/roles", &ana).await.status, 200, "an administrator may see roles");
    let again = server.api.post("/v1/accounts/administrator", Shows::Nothing, claim("ben")).await;
    again.refused(403, "setup_over");
}

#[tokio::test]
async fn no_link_is_printed_once_there_is_an_administrator() {
    let mut server = ServerProcess::start();
    assert!(server.setup_token().len() > 20);
    server.command(&["admin", "create", "ana"]);
    server.restart();
    // Whatever is printed at the start is there by now: the answer came from behind it.
    assert_eq!(server.api.get("/health/ready", Shows::Nothing).await.status, 200);
    assert!(!server.printed().contains("/setup"), "{}", server.printed());
}

#[tokio::test]
async fn a_killed_server_comes_back_with_everybody_still_signed_in() {
    on_both_engines(|database| async {
        let mut server = ServerProcess::with(Some(database), &[]);
        let ana = server.api.sign_up("ana").await;
        server.restart();
        assert_eq!(server.api.get("/v1/accounts/sessions", &ana).await.status, 200);
        let refreshed = server
            .api
            .post("/v1/accounts/refresh", Shows::Nothing, json!({ "refresh_token": ana.refresh_token }))
            .await;
        assert_eq!(Player::of(&refreshed.ok()).id, ana.id);
    })
    .await;
}

#[tokio::test]
async fn a_refusal_is_found_in_the_log_by_its_request() {
    let server = ServerProcess::with(None, &["log.format=json", "log.level=debug"]);
    let wrong = json!({ "login": "nobody", "password": PASSWORD });
    let refused = server.api.post("/v1/accounts/sign_in", Shows::Nothing, wrong).await;
    refused.refused(401, "bad_credentials");
    let request = refused.json()["request_id"].as_str().unwrap().to_owned();
    let log = server.log();
    let lines = log.lines().filter(|line| line.contains(&request));
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    let is_told = |line: &Value| line.to_string().contains("\"code\":\"bad_credentials\"");
    assert!(lines.iter().any(is_told), "{lines:?}");
}

#[tokio::test]
async fn a_server_that_is_told_to_stop_ends_well_and_soon() {
    for signal in ["TERM", "INT"] {
        let mut server = ServerProcess::start();
        server.api.sign_up("ana").await;
        let started = Instant::now();
        server.signal(signal);
        let status = server.ended();
        assert!(status.success(), "{signal}: {status}\n{}", server.log());
        assert!(started.elapsed() < Duration::from_secs(8), "{signal} took {:?}", started.elapsed());
        assert!(server.log().contains("stopping"), "{}", server.log());
        server.launch();
        assert_eq!(server.api.sign_in("ana").await.name, "ana");
    }
}

#[tokio::test]
async fn health_and_metrics_answer_without_a_sign_in() {
    let server = ServerProcess::start();
    assert_eq!(server.api.get("/health/live", Shows::Nothing).await.json(), json!({ "status": "live" }));
    assert_eq!(server.api.get("/health/ready", Shows::Nothing).await.json(), json!({ "status": "ready" }));
    server.api.sign_up("ana").await;
    for (path, shows, status) in [
        ("/v1/nothing", Shows::Nothing, 404),
        ("/v1/me", Shows::Nothing, 401),
        ("/v1/me/name", Shows::Nothing, 405),
    ] {
        assert_eq!(server.api.get(path, shows).await.status, status);
    }
    let metrics = server.api.get("/metrics", Shows::Nothing).await.text;
    for line in [
        r#"operation_requests_total{operation="accounts.sign_up",outcome="ok"} 1"#,
        r#"operation_seconds_count{operation="accounts.sign_up"} 1"#,
        "panics_total 0",
        "store_batch_size_bucket",
        "store_queue_depth",
        "http_connections",
        r#"http_responses_total{status="404"} 1"#,
        r#"http_responses_total{status="401"} 1"#,
        r#"http_responses_total{status="405"} 1"#,
        "partition_commands_waiting 0",
        "sockets 0",
        "process_resident_memory_bytes",
    ] {
        assert!(metrics.contains(line), "{line} is not among\n{metrics}");
    }
    assert!(!metrics.contains("ana"), "metrics say nothing of players");
}

#[tokio::test]
async fn metrics_can_be_switched_off() {
    let server = ServerProcess::with(None, &["server.metrics=false"]);
    assert_eq!(server.api.get("/metrics", Shows::Nothing).await.status, 404);
}

#[tokio::test]
async fn an_address_that_is_taken_is_said_and_the_other_server_goes_on() {
    let server = ServerProcess::start();
    let output = std::process::Command::new(moothall_testing::binary())
        .args(["serve", "--listen", &server.address.to_string(), "--data"])
        .arg(tempfile::tempdir().unwrap().path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("server.listen"), "{said}");
    assert_eq!(server.api.get("/health/ready", Shows::Nothing).await.status, 200);
}

#[tokio::test]
async fn only_listed_pages_and_trusted_proxies_are_believed() {
    let listed = "server.cors_origins=https://play.example.org";
    let server = ServerProcess::with(None, &[listed, "server.trusted_proxies=127.0.0.1"]);
    for (origin, allowed) in
        [("https://play.example.org", Some("https://play.example.org")), ("https://evil.example", None)]
    {
        let reply = server.api.send("GET", "/v1/ping", Shows::Nothing, &[("origin", origin)], None).await;
        assert_eq!(reply.header("access-control-allow-origin"), allowed);
    }
    // The network a session was opened from is the one the proxy names.
    let body = json!({ "name": "ana", "email": "ana@example.org", "password": PASSWORD });
    let headers = [("x-forwarded-for", "203.0.113.7")];
    let reply = server.api.send("POST", "/v1/accounts", Shows::Nothing, &headers, Some(&body)).await;
    let ana = Player::of(&reply.json()["session"]);
    let sessions = server.api.get("/v1/accounts/sessions", &ana).await;
    assert!(sessions.text.contains("203.0.113."), "{}", sessions.text);
}

#[tokio::test]
async fn a_second_server_on_one_database_is_refused_and_the_first_goes_on() {
    let server = ServerProcess::start();
    let output = std::process::Command::new(moothall_testing::binary())
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(server.data().join("data"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("another Moothall is using this database"), "{said}");
    // Its link is still good: the other one has not made a new one.
    let claim = json!({ "token": server.setup_token(), "name": "ana", "email": "ana@example.org", "password": PASSWORD });
    let _: Value = server.api.post("/v1/accounts/administrator", Shows::Nothing, claim).await.ok();
}
