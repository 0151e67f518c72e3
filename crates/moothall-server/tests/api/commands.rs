//! Commands of the operator, on the data of a server that runs.

use std::path::Path;
use std::process::Command;

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

/// Runs a command on the data in this folder. Says whether it succeeded, and what it printed and complained of.
fn run(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let output =
        Command::new(moothall_testing::binary()).args(arguments).arg("--data").arg(folder).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[test]
fn a_command_says_what_is_wrong_with_what_it_was_told_and_what_would_be_right() {
    let folder = tempfile::tempdir().unwrap();
    assert!(run(folder.path(), &["migrate"]).0);
    assert!(run(folder.path(), &["admin", "list"]).1.contains("moothall admin create NAME"));
    assert!(run(folder.path(), &["admin", "create", "ana"]).0);
    assert!(run(folder.path(), &["keys", "list", "ana"]).1.contains("ana has no keys."));
    let (long, key) = ("x".repeat(600), "01900000-0000-7000-8000-000000000000");
    let refused: [(&[&str], &[&str]); 11] = [
        (&["keys", "list", "nobody"], &["there is no user nobody"]),
        (&["keys", "revoke", key], &["there is no key", key]),
        (&["keys", "revoke", "first"], &["first"]),
        (&["keys", "create", "k1"], &["--user", "--bot"]),
        (&["keys", "create", "k1", "--user", "ana", "--bot", "berlin"], &["--user", "--bot"]),
        (&["keys", "create", "", "--user", "ana"], &["name: must have at least 1 character"]),
        (&["keys", "create", &long, "--bot", "berlin"], &["name: must have at most 60 characters"]),
        (&["keys", "create", "k1", "--bot", ""], &["name: must have at least 1 character"]),
        (&["admin", "grant", "ana", "--reason", ""], &["reason: say why"]),
        (&["admin", "grant", "ana", "--reason", &long], &["reason: must have at most 500 characters"]),
        (&["admin", "create", &long], &["name: must have at most"]),
    ];
    for (command, words) in refused {
        let (is_done, said) = run(folder.path(), command);
        assert!(!is_done && words.iter().all(|word| said.contains(word)), "{command:?}: {said}");
    }
    let (is_done, said) = run(folder.path(), &["serve", "--listen", "7350"]);
    assert!(!is_done && said.contains("server.listen") && said.contains("127.0.0.1:7350"), "{said}");
}

#[test]
fn doctor_tells_of_a_folder_that_cannot_be_made() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let (is_good, said) = run(&file.join("data"), &["doctor"]);
    assert!(!is_good && said.contains("BAD   disk") && said.contains("is no folder"), "{said}");
    let (is_good, said) = run(&folder.path().join("data"), &["doctor", "--set", "server.listen=127.0.0.1:0"]);
    assert!(is_good && !said.contains("BAD"), "{said}");
    assert!(!folder.path().join("data").exists(), "and it is not made");
}

#[test]
fn commands_that_only_look_make_no_database() {
    let folder = tempfile::tempdir().unwrap();
    for command in [&["migrate", "--status"][..], &["admin", "list"], &["keys", "list", "ana"]] {
        let output = Command::new(moothall_testing::binary())
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
    let migrate = Command::new(moothall_testing::binary())
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

#[tokio::test]
async fn the_audit_log_is_looked_at_as_a_whole_by_a_command() {
    let mut server = ServerProcess::start();
    server.command(&["admin", "create", "ana"]);
    // What a command wrote beside the server is chained when it starts, if not before.
    server.restart();
    let waited = std::time::Instant::now();
    let whole = loop {
        let printed = server.command(&["audit", "verify"]);
        if printed.contains("are whole") && !printed.contains("not chained") {
            break printed;
        }
        assert!(waited.elapsed() < std::time::Duration::from_secs(20), "{printed}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    let head = whole.trim().rsplit_once(' ').unwrap().1;
    assert!(server.command(&["audit", "verify", "--head", head]).contains("are whole"));
}
