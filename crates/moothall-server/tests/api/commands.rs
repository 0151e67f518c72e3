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

    server.command(&["admin", "create", "ana"]);
    assert!(server.command(&["admin", "revoke", "ben"]).contains("no administrator any more"));
    let listed = server.command(&["admin", "list"]);
    assert!(listed.contains("ana") && !listed.contains("ben"), "{listed}");
}

#[tokio::test]
async fn keys_that_sign_tokens_are_published_with_a_time_to_keep_them_and_replaced_by_a_command() {
    let server = ServerProcess::start();
    let ben = server.api.sign_up("ben").await;
    let before = server.api.get("/v1/accounts/jwks", Shows::Nothing).await;
    assert_eq!(before.header("cache-control"), Some("public, max-age=300"));
    server.command(&["keys", "rotate-signing", "--reason", "a backup was lost"]);
    let rotated = std::time::Instant::now();
    while server.api.get("/v1/me", &ben).await.status == 200 {
        assert!(rotated.elapsed() < std::time::Duration::from_secs(4), "the old key still counts");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    server.api.get("/v1/me", &ben).await.refused(401, "token_invalid");
    assert_ne!(server.api.get("/v1/accounts/jwks", Shows::Nothing).await.text, before.text);
    let body = json!({ "refresh_token": ben.refresh_token });
    let again: Value = server.api.post("/v1/accounts/refresh", Shows::Nothing, body).await.ok();
    assert_eq!(server.api.get("/v1/me", &Player::of(&again)).await.status, 200);
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

#[test]
fn commands_that_only_look_make_no_database() {
    let folder = tempfile::tempdir().unwrap();
    for command in [&["migrate", "--status"][..], &["admin", "list"], &["keys", "list", "ana"]] {
        let output = std::process::Command::new(moothall_testing::binary())
            .args(command)
            .arg("--data")
            .arg(folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("there is no database at"), "{command:?}: {said}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_data_are_closed_to_other_users_also_in_a_folder_that_is_not() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let migrate = std::process::Command::new(moothall_testing::binary())
        .args(["migrate", "--data"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(migrate.status.success(), "{}", String::from_utf8_lossy(&migrate.stderr));
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{}", file.path().display());
    }
}
