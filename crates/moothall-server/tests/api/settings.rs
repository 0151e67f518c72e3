//! Settings and remote configuration, as clients see them.

use std::time::{Duration, Instant};

use moothall::protocol::UserId;
use moothall::protocol::accounts::GrantRole;
use moothall::{Cx, Hall, accounts};
use moothall_testing::{PASSWORD, Player, Reply, ServerProcess, Shows, TestServer};
use serde_json::{Value, json};

use crate::wire::Wire;

/// Somebody who may do everything.
pub async fn administrator(hall: &Hall, user_id: UserId) {
    let (role, reason) = ("administrator".to_owned(), "for a test".to_owned());
    let grant = GrantRole { user_id, role, ends_at: None, reason };
    accounts::grant_role(&Cx::server(hall), grant).await.unwrap();
}

async fn send(server: &TestServer, method: &str, path: &str, by: &Player, body: Value) -> Reply {
    server.api.send(method, path, by.into(), &[], Some(&body)).await
}

/// Reads with what is known already.
async fn again(server: &TestServer, path: &str, tag: &str) -> u16 {
    server.api.send("GET", path, Shows::Nothing, &[("if-none-match", tag)], None).await.status
}

/// A socket of a session of its own, and its first message.
async fn socket(server: &TestServer, name: &str) -> (Wire, Value) {
    let body = json!({ "login": name, "password": PASSWORD, "kind": "web" });
    let session: Value = server.api.post("/v1/accounts/sign_in", Shows::Nothing, body).await.ok();
    let wire = Wire::connect(server.address).await;
    let mut wire = wire.open("", session["access_token"].as_str()).await;
    let ready = wire.message().await;
    assert_eq!(ready["event"], "session.ready");
    (wire, ready["data"].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_changes_a_setting_and_the_next_call_of_a_player_goes_by_it() {
    let server = TestServer::start().await;
    let [ana, ben] = server.players(["ana", "ben"]).await;
    administrator(&server.hall, ana.id).await;
    let public = server.api.get("/v1/settings/public", Shows::Nothing).await;
    let tag = public.header("etag").unwrap().to_owned();
    assert_eq!(public.ok::<Value>()["values"]["parties.members_max"], 16);
    assert_eq!(again(&server, "/v1/settings/public", &tag).await, 304);
    let path = "/v1/settings/parties.members_max";
    let three = json!({ "value": 3, "reason": "a small server" });
    send(&server, "PUT", path, &ben, three.clone()).await.refused(403, "forbidden");
    let set: Value = send(&server, "PUT", path, &ana, three).await.ok();
    assert_eq!(
        (&set["value"], &set["version"], &set["definition"]["schema"]["minimum"]),
        (&json!(3), &json!(1), &json!(1))
    );
    let refused = server.api.post("/v1/parties", &ben, json!({ "max_members": 4 })).await;
    refused.refused(422, "invalid");
    assert_eq!(refused.json()["fields"][0]["max"], 3);
    assert_eq!(again(&server, "/v1/settings/public", &tag).await, 200);
    let misspelt =
        send(&server, "PUT", "/v1/settings/parties.member_max", &ana, json!({ "value": 3, "reason": "x" }));
    assert_eq!(misspelt.await.json()["fields"][0]["nearest"], "parties.members_max");
    let late = json!({ "value": 4, "reason": "x", "if_version": 0 });
    send(&server, "PUT", path, &ana, late).await.refused(412, "version_conflict");
    let history: Value = server.api.get(&format!("{path}/changes"), &ana).await.ok();
    assert_eq!(history["items"][0]["reason"], "a small server");
    server.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_user_sets_is_in_every_session_of_theirs() {
    let server = TestServer::start().await;
    let [ana] = server.players(["ana"]).await;
    let (mut one, first) = socket(&server, "ana").await;
    let (mut other, _) = socket(&server, "ana").await;
    let locale = |ready: &Value| {
        let sections = ready["settings"].as_array().unwrap().clone();
        sections.into_iter().find(|section| section["section"] == "locale").unwrap()
    };
    assert_eq!(locale(&first)["values"]["language"], Value::Null);
    let path = format!("/v1/users/{}/settings/locale", ana.id);
    let set: Value =
        send(&server, "PATCH", &path, &ana, json!({ "values": { "language": "de" } })).await.ok();
    for wire in [&mut one, &mut other] {
        let heard = loop {
            let message = wire.message().await;
            if message["event"] == "settings.user_updated" {
                break message;
            }
        };
        assert_eq!(heard["data"], set);
    }
    let (_third, ready) = socket(&server, "ana").await;
    assert_eq!(locale(&ready), set);
    server.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn remote_configuration_is_read_once_and_again_when_it_changed() {
    let server = TestServer::start().await;
    let [ana, _ben] = server.players(["ana", "ben"]).await;
    administrator(&server.hall, ana.id).await;
    let (mut wire, _) = socket(&server, "ben").await;
    let entry = "/v1/remote_config/entries/new_shop";
    let rules = json!([{ "match": { "channels": ["beta"], "version_from": "2.0" }, "value": true }]);
    let flag = json!({ "schema": { "type": "boolean" }, "value": false, "rules": rules, "reason": "try it" });
    let put: Value = send(&server, "PUT", entry, &ana, flag).await.ok();
    let changed = loop {
        let message = wire.message().await;
        if message["event"] == "remote_config.changed" {
            break message;
        }
    };
    assert_eq!(changed["data"]["revision"], put["version"]);
    let beta = "/v1/remote_config?channel=beta&version=2.1";
    let read = server.api.get(beta, Shows::Nothing).await;
    let tag = read.header("etag").unwrap().to_owned();
    assert_eq!(read.ok::<Value>()["values"]["new_shop"], true);
    let plain: Value = server.api.get("/v1/remote_config", Shows::Nothing).await.ok();
    assert_eq!(plain["values"]["new_shop"], false);
    assert_eq!(again(&server, beta, &tag).await, 304);
    assert_eq!(again(&server, "/v1/remote_config", &tag).await, 200, "for another client it is another");
    let off = json!({ "value": false, "rules": [], "reason": "it breaks" });
    send(&server, "PUT", entry, &ana, off).await.ok::<Value>();
    assert_eq!(again(&server, beta, &tag).await, 200);
    let back = json!({ "version": put["version"], "reason": "it was something else" });
    server.api.post(&format!("{entry}/rollback"), &ana, back).await.ok::<Value>();
    assert_eq!(again(&server, beta, &tag).await, 304);
    server.stopped().await;
}

#[tokio::test]
async fn settings_are_exported_and_imported_on_the_command_line_beside_a_server_that_runs_and_survive_a_kill()
{
    let mut server = ServerProcess::start();
    let file = server.data().join("settings.toml");
    std::fs::write(&file, "[parties]\nmembers_max = 3\n").unwrap();
    let import = ["settings", "import", file.to_str().unwrap(), "--dry-run"];
    assert!(server.command(&import).contains("parties.members_max: 16 -> 3\n1 would change."));
    assert_eq!(server.command(&["settings", "export"]), "");
    assert!(server.command(&import[..3]).contains("1 changed."));
    let now = async |server: &ServerProcess| {
        let public: Value = server.api.get("/v1/settings/public", Shows::Nothing).await.ok();
        public["values"]["parties.members_max"].clone()
    };
    let imported = Instant::now();
    while now(&server).await != 3 {
        assert!(imported.elapsed() < Duration::from_secs(5), "the server does not hear of it");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.kill();
    server.launch();
    assert_eq!(now(&server).await, 3);
    assert!(server.command(&["settings", "export"]).contains("members_max = 3"));
}
