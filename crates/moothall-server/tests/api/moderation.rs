//! Moderation over the real doors, and across kills of the real server.

use moothall::protocol::restrictions::{ImposeRestriction, RestrictionScope, RestrictionSource};
use moothall::{Cx, restrictions};
use moothall_testing::{PASSWORD, Player, ServerProcess, Shows, TestServer, databases};
use serde_json::{Map, Value, json};

use crate::wire::Wire;

/// The whole story, with the server killed between every two steps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_insult_is_decided_and_decided_again_however_often_the_server_is_killed() {
    for database in databases::engines().await {
        let mut server = ServerProcess::with(Some(database), &[]);
        let claim = json!({
            "token": server.setup_token(), "name": "Olga", "email": "olga@example.org", "password": PASSWORD,
        });
        let root = server.api.post("/v1/accounts/administrator", Shows::Nothing, claim).await;
        let root = Player::of(&root.ok());
        let [ana, ben, mo, zoe] = server.api.players(["ana", "ben", "mo", "zoe"]).await;
        for moderator in [&mo, &zoe] {
            let path = format!("/v1/users/{}/roles/moderator", moderator.id);
            let body = json!({ "reason": "for a test" });
            let granted = server.api.send("PUT", &path, (&root).into(), &[], Some(&body)).await;
            assert!(granted.status < 300, "{}", granted.text);
        }
        let room: Value = server.api.post("/v1/rooms", &ana, json!({ "name": "Tavern" })).await.ok();
        let room = text(&room["id"]);
        let join = format!("/v1/rooms/{room}/join");
        assert!(server.api.post(&join, &ben, json!({})).await.status < 300);
        let messages = format!("/v1/rooms/{room}/messages");
        let insult: Value = server.api.post(&messages, &ana, json!({ "text": "turnip" })).await.ok();

        again(&mut server);
        let body = json!({
            "subject": "message", "room_id": room, "message_id": insult["id"], "category": "insult",
        });
        let receipt: Value = server.api.post("/v1/moderation/reports", &ben, body).await.ok();
        assert_eq!(receipt["number"], 1);

        again(&mut server);
        let next: Value = server.api.post("/v1/moderation/cases/next", &mo, json!({})).await.ok();
        let case = text(&next["case"]["id"]);

        again(&mut server);
        let deed = json!({
            "kind": "restrict", "category": "insult", "reason": "see the report", "public_reason": "be kind",
            "restriction": { "types": ["chat"] },
        });
        let body = json!({ "user_id": ana.id, "deed": deed, "case_id": case });
        let action: Value = server.api.post("/v1/moderation/actions", &mo, body).await.ok();
        let action = text(&action["id"]);

        again(&mut server);
        let refused = server.api.post(&messages, &ana, json!({ "text": "what?" })).await;
        refused.refused(403, "restricted");
        let why = &refused.json()["restriction"];
        assert_eq!((&why["public_reason"], &why["action_id"]), (&json!("be kind"), &json!(action)));
        let mine: Value = server.api.get("/v1/moderation/reports/mine", &ben).await.ok();
        assert_eq!(mine["items"][0]["outcome"], "agreed");
        let path = format!("/v1/moderation/actions/{action}/appeals");
        let appeal: Value = server.api.post(&path, &ana, json!({ "text": "I like turnips" })).await.ok();
        let appeal = text(&appeal["id"]);

        again(&mut server);
        let path = format!("/v1/moderation/appeals/{appeal}/decide");
        let overturn = json!({ "outcome": "overturn", "decision": "so do we" });
        server.api.post(&path, &mo, overturn.clone()).await.refused(403, "own_action");
        let decided: Value = server.api.post(&path, &zoe, overturn).await.ok();
        assert_eq!(decided["outcome"], "overturn");

        again(&mut server);
        let said = server.api.post(&messages, &ana, json!({ "text": "turnips!" })).await;
        assert_eq!(said.status, 201, "{}", said.text);
        for (player, kind) in [(&ana, "moderation.appeal_decided"), (&mo, "moderation.action_appealed")] {
            let inbox: Value = server.api.get("/v1/notifications", player).await.ok();
            let kinds: Vec<String> =
                inbox["items"].as_array().unwrap().iter().map(|notice| text(&notice["kind"])).collect();
            assert!(kinds.iter().any(|told| told == kind), "{kind} is not among {kinds:?}");
        }
        let figures: Value = server.api.get("/v1/moderation/statistics", Shows::Nothing).await.ok();
        assert_eq!(figures["months"][0]["appeal_outcomes"], json!({ "overturn": 1 }));
    }
}

/// The server dies, and is there again.
fn again(server: &mut ServerProcess) {
    server.kill();
    server.launch();
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

#[tokio::test]
async fn who_may_not_sign_in_is_put_out_with_4003_and_still_reads_why_and_appeals() {
    let server = TestServer::start().await;
    let [ana] = server.api.players(["ana"]).await;
    let mut wire = Wire::connect(server.address).await.open("", Some(&ana.token)).await;
    assert_eq!(wire.message().await["event"], "session.ready");
    let input = ImposeRestriction {
        user_id: ana.id,
        types: vec!["login".into()],
        scope: RestrictionScope::default(),
        reason: "a flood".into(),
        public_reason: "no floods".into(),
        evidence: Map::new(),
        ends_at: None,
        after_matches: None,
        source: RestrictionSource::Automatic,
    };
    let cx = Cx::server(&server.hall);
    let ban = restrictions::impose_restriction(&cx, input).await.unwrap();
    let told = wire.message().await;
    assert_eq!((&told["event"], &told["data"]["id"]), (&json!("restrictions.imposed"), &json!(ban.id)));
    let (code, reason) = wire.closed().await.expect("a goodbye");
    assert_eq!(code, 4003, "{reason}");
    assert!(reason.to_string().contains("no floods"), "{reason}");

    let body = json!({ "login": "ana", "password": PASSWORD });
    let refused = server.api.post("/v1/accounts/sign_in", Shows::Nothing, body).await;
    refused.refused(403, "restricted");
    let token = text(&refused.json()["restriction"]["limited_token"]);
    let limited = Shows::Token(&token);
    let own: Value = server.api.get("/v1/restrictions/mine", limited).await.ok();
    assert_eq!(own["items"][0]["id"], json!(ban.id));
    // There is something to appeal against, though a program did it.
    let action = text(&refused.json()["restriction"]["action_id"]);
    let path = format!("/v1/moderation/actions/{action}/appeals");
    let body = json!({ "text": "that was my cat" });
    assert_eq!(server.api.post(&path, limited, body).await.status, 200);
    let appeals: Value = server.api.get("/v1/moderation/appeals/mine", limited).await.ok();
    assert_eq!(appeals["items"][0]["action"]["id"], json!(action));
    for path in ["/v1/me", "/v1/rooms", "/v1/accounts/sessions", "/v1/notifications"] {
        server.api.get(path, limited).await.refused(403, "restricted");
    }
    let body = json!({ "refresh_token": ana.refresh_token });
    let refused = server.api.post("/v1/accounts/refresh", Shows::Nothing, body).await;
    refused.refused(403, "restricted");
    assert!(refused.json()["restriction"]["limited_token"].is_string());
    // No socket opens, by either token.
    let mut wire = Wire::connect(server.address).await.open("", Some(&token)).await;
    let refusal = wire.message().await;
    assert_eq!(refusal["err"]["code"], "restricted", "{refusal}");
    assert_eq!(wire.closed().await.expect("a goodbye").0, 4003);
}
