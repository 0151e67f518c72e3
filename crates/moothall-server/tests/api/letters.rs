//! Letters by e-mail, as they come to whoever runs a server without a mail server: in its log. Every link in them leads to a page.

use std::time::{Duration, Instant};

use moothall_testing::{PASSWORD, ServerProcess, Shows};
use serde_json::json;

const NEW: &str = "another horse battery";

/// The path and the code of the newest link of this kind in the log.
async fn link(server: &ServerProcess, page: &str) -> (String, String) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let log = server.log();
        if let Some((_, rest)) = log.rsplit_once(&format!("/account/{page}#code=")) {
            let code =
                rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-').next().unwrap();
            return (format!("/account/{page}"), code.to_owned());
        }
        assert!(Instant::now() < deadline, "no link to {page}: {log}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The page a link leads to is there, and asks for what the operation takes.
async fn opens(server: &ServerProcess, page: &str, operation: &str) {
    let page = server.api.get(page, Shows::Nothing).await;
    assert_eq!(page.status, 200);
    for part in ["/account/form.js", "data-secret=\"code\"", operation] {
        assert!(page.text.contains(part), "{part}");
    }
}

#[tokio::test]
async fn a_password_that_was_forgotten_is_set_anew_by_a_link_that_outlives_a_kill() {
    let mut server = ServerProcess::start();
    let ana = server.api.sign_up("ana").await;
    let ask = json!({ "email": "ana@example.org" });
    // A request can claim to have called any host: links do not believe it.
    let headers = [("host", "evil.example")];
    let asked = server
        .api
        .send("POST", "/v1/accounts/password/reset_request", Shows::Nothing, &headers, Some(&ask))
        .await;
    assert_eq!(asked.status, 204);
    let (page, code) = link(&server, "reset-password").await;
    assert!(!server.log().contains("evil.example"));
    opens(&server, &page, "/v1/accounts/password/reset").await;

    server.restart();
    let reset = json!({ "code": code, "password": NEW });
    let path = "/v1/accounts/password/reset";
    assert_eq!(server.api.post(path, Shows::Nothing, reset.clone()).await.status, 204);
    server.api.post(path, Shows::Nothing, reset).await.refused(403, "code_invalid");
    server.api.get("/v1/me", &ana).await.refused(401, "token_invalid");
    let sign_in = |password: &str| json!({ "login": "ana", "password": password });
    server
        .api
        .post("/v1/accounts/sign_in", Shows::Nothing, sign_in(PASSWORD))
        .await
        .refused(401, "bad_credentials");
    assert_eq!(server.api.post("/v1/accounts/sign_in", Shows::Nothing, sign_in(NEW)).await.status, 200);
}

#[tokio::test]
async fn an_address_is_verified_changed_and_the_change_revoked_by_links() {
    let server = ServerProcess::start();
    let ana = server.api.sign_up("ana").await;
    assert_eq!(server.api.post("/v1/me/email/verification", &ana, json!({})).await.status, 204);
    let (page, code) = link(&server, "verify-email").await;
    opens(&server, &page, "/v1/accounts/email/verification").await;
    let verify = json!({ "code": code });
    let verified = server.api.post("/v1/accounts/email/verification", Shows::Nothing, verify).await;
    assert_eq!(verified.status, 204);

    let change = json!({ "email": "new@example.org", "password": PASSWORD });
    let asked = server.api.post("/v1/me/email", &ana, change).await.json();
    assert_eq!(
        (asked["is_email_verified"].as_bool(), asked["email_pending"].as_str()),
        (Some(true), Some("new@example.org"))
    );
    let (page, code) = link(&server, "revoke-email-change").await;
    opens(&server, &page, "/v1/accounts/email/revocation").await;
    let revoked =
        server.api.post("/v1/accounts/email/revocation", Shows::Nothing, json!({ "code": code })).await;
    assert_eq!(revoked.status, 204);
    server.api.get("/v1/me", &ana).await.refused(401, "token_invalid");
}
