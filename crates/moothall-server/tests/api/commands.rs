//! Commands of the operator, on the data of a server that runs.

use moothall_testing::{Player, ServerProcess, Shows};
use serde_json::{Value, json};

/// What stands behind a label in what a command printed.
fn after<'a>(printed: &'a str, label: &str) -> &'a str {
    printed
        .lines()
        .find_map(|line| line.strip_prefix(label))
        .unwrap_or_else(|| panic!("no {label:?} in {printed}"))
}

#[tokio::test]
async fn an_administrator_made_on_the_command_line_signs_in_at_once() {
    let server = ServerProcess::start();
    let printed = server.command(&["admin", "create", "ana", "--email", "ana@example.org"]);
    let password = after(&printed, "Password, shown once: ");
    let body = json!({ "login": "ana@example.org", "password": password });
    let session: Value = server.api.post("/v1/accounts/sign_in", Shows::Nothing, body).await.ok();
    assert_eq!(server.api.get("/v1/roles", &Player::of(&session)).await.status, 200);
    assert!(server.command(&["admin", "list"]).contains("ana"));
}

#[tokio::test]
async fn a_player_is_made_an_administrator_by_name() {
    let server = ServerProcess::start();
    let ben = server.api.sign_up("ben").await;
    server.api.get("/v1/roles", &ben).await.refused(403, "forbidden");
    server.command(&["admin", "grant", "ben", "--reason", "owns the machine"]);
    assert!(server.command(&["admin", "list"]).contains("owns the machine"));
    // What another process changed counts within seconds; a new session reads it now.
    let ben = server.api.sign_in("ben").await;
    assert_eq!(server.api.get("/v1/roles", &ben).await.status, 200);
}

#[tokio::test]
async fn a_host_gets_a_key_and_loses_it() {
    let server = ServerProcess::start();
    let printed = server.command(&["keys", "create", "first", "--bot", "berlin"]);
    let secret = after(&printed, "X-Api-Key, shown once: ").to_owned();
    assert!(secret.starts_with("moothall_host_"));
    let id = after(&printed, "The key ").split(' ').next().unwrap().to_owned();
    assert_eq!(server.api.get("/v1/me", Shows::Key(&secret)).await.status, 200);
    server.api.get("/v1/keys", Shows::Key(&secret)).await.refused(403, "session_needed");
    let listed = server.command(&["keys", "list", "berlin"]);
    assert!(listed.contains(&id) && listed.contains("host") && !listed.contains(&secret), "{listed}");
    server.command(&["keys", "revoke", &id]);
    assert!(!server.command(&["keys", "list", "berlin"]).contains(&id));
    let revoked = std::time::Instant::now();
    while server.api.get("/v1/me", Shows::Key(&secret)).await.status == 200 {
        assert!(revoked.elapsed() < std::time::Duration::from_secs(4), "what a command revokes is void soon");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
