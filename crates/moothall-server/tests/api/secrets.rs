//! Secrets end where they are needed: whatever a server was told or told once stands in no table, log, metric or error.

use moothall_testing::{PASSWORD, ServerProcess, Shows};
use serde_json::{Value, json};

/// Everything below a folder, byte by byte: the database with its journal, and whatever else was written.
fn bytes_below(folder: &std::path::Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            bytes_below(&path, found);
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a secret").to_owned()
}

#[tokio::test]
async fn what_is_secret_is_kept_nowhere_and_repeated_nowhere() {
    let mut server = ServerProcess::with(None, &["log.level=trace"]);
    let mut secrets = vec![PASSWORD.to_owned()];
    let setup = server.setup_token();
    let claim = json!({ "token": setup, "name": "Boss", "email": "boss@example.org", "password": PASSWORD });
    let boss: Value = server.api.post("/v1/accounts/administrator", Shows::Nothing, claim).await.ok();
    let player = moothall_testing::Player::of(&boss);
    secrets.extend([text(&boss["access_token"]), text(&boss["refresh_token"])]);

    // Fresh secrets, some under an idempotency key, whose answer is kept.
    let key = "a-canary-of-a-key-1";
    let headers = [("idempotency-key", key)];
    let guest: Value =
        server.api.send("POST", "/v1/accounts/guests", Shows::Nothing, &headers, Some(&json!({}))).await.ok();
    secrets.extend([
        text(&guest["guest_secret"]),
        text(&guest["access_token"]),
        text(&guest["refresh_token"]),
    ]);
    secrets.push(key.to_owned());
    let made: Value =
        server.api.post("/v1/keys", &player, json!({ "name": "Tool", "scopes": [] })).await.ok();
    secrets.push(text(&made["secret"]));
    let code: Value = server.api.post("/v1/accounts/sign_in_codes", &player, json!({})).await.ok();
    secrets.push(text(&code["code"]));
    let ticket: Value = server.api.post("/v1/socket/tickets", &player, json!({})).await.ok();
    secrets.push(text(&ticket["ticket"]));
    let next = json!({ "refresh_token": boss["refresh_token"] });
    let next: Value = server.api.post("/v1/accounts/refresh", Shows::Nothing, next).await.ok();
    secrets.extend([text(&next["access_token"]), text(&next["refresh_token"])]);

    // Everything that can go wrong with them.
    let wrong = "canary-wrong-password";
    let mut errors = Vec::new();
    for (path, body) in [
        ("/v1/accounts/sign_in", json!({ "login": "Boss", "password": wrong })),
        ("/v1/accounts/sign_in", json!({ "login": wrong, "password": wrong })),
        ("/v1/accounts/sign_in", json!({ "login": "Boss", "pasword": wrong })),
        ("/v1/accounts/sign_in", json!({ "login": "Boss", "password": [wrong] })),
        ("/v1/accounts/sign_in", json!({ "guest_secret": wrong })),
        ("/v1/accounts/refresh", json!({ "refresh_token": wrong })),
        ("/v1/accounts", json!({ "name": "B", "email": wrong, "password": wrong })),
        ("/v1/accounts/password/reset", json!({ "code": wrong, "password": wrong })),
        ("/v1/accounts/administrator", json!({ "token": wrong, "name": "Two", "password": wrong })),
    ] {
        errors.push(server.api.post(path, Shows::Nothing, body).await.text);
    }
    errors.push(server.api.get("/v1/me", Shows::Token(wrong)).await.text);
    errors.push(server.api.get(&format!("/v1/me?password={wrong}"), &player).await.text);
    secrets.push(wrong.to_owned());
    errors.push(server.api.get("/metrics", Shows::Nothing).await.text);

    let printed = server.printed();
    server.terminate();
    let mut places = vec![("the log".to_owned(), server.log().into_bytes())];
    places.extend(errors.into_iter().map(|error| ("an answer".to_owned(), error.into_bytes())));
    bytes_below(server.data(), &mut places);
    assert!(places.iter().any(|(place, _)| place.ends_with(".db")), "the database was looked at");
    assert!(places.iter().any(|(_, bytes)| bytes.windows(16).any(|part| part == b"boss@example.org")));
    for secret in &secrets {
        for (place, bytes) in &places {
            let is_there = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!is_there, "{secret} stands in {place}");
        }
        assert!(!printed.contains(secret.as_str()), "{secret} was printed");
    }
    let setup_in_tables = places.iter().any(|(place, bytes)| {
        place.ends_with(".db") && bytes.windows(setup.len()).any(|part| part == setup.as_bytes())
    });
    assert!(!setup_in_tables, "the link that makes an administrator is printed, and kept as a hash");
}
