//! Lists of lobbies over both doors: what a filter may say, and a list that is watched.

use serde_json::{Value, json};

use crate::server::Server;
use crate::socket::{Guest, Socket, open};

/// The same question over HTTP, with the filter as JSON in the query.
async fn listed(server: &Server, guest: &Guest, filter: &str) -> Value {
    let escaped: String = filter.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let path = format!("/v1/lobbies?filter={escaped}&facets=status&facets=tags");
    server.call("GET", &path, &[("authorization", &guest.bearer())], None).await.json()
}

#[tokio::test]
async fn a_filter_that_is_wrong_is_told_where_and_what_is_right_by_both_doors() {
    let server = Server::start().await;
    let guest = Guest::sign_up(&server).await;
    let (mut socket, _) = Socket::signed_in(&server, &guest).await;
    for (filter, path, code, says) in [
        (json!({ "plyers": { "least": 1 } }), "/filter/plyers", "unknown_field", "`players`"),
        (
            json!({ "players": { "contains": "a" } }),
            "/filter/players/contains",
            "unknown_field",
            "is, least, most",
        ),
        (
            json!({ "players": { "least": "a" } }),
            "/filter/players/least",
            "wrong_type",
            "an integer, not a string",
        ),
        (json!({ "players": 3 }), "/filter/players", "wrong_type", "an object, not an integer"),
        (json!({ "has_password": { "is": true } }), "/filter/has_password", "wrong_type", "a boolean"),
        (json!({ "status": { "is": "over" } }), "/filter/status/is", "not_a_choice", "\"running\""),
        (json!({ "status": { "in": ["over"] } }), "/filter/status/in/0", "not_a_choice", "\"running\""),
        (
            json!({ "all": [{ "any": [{ "mod": {} }] }] }),
            "/filter/all/0/any/0/mod",
            "unknown_field",
            "`mode`",
        ),
        (json!({ "tags": { "any": [] } }), "/filter/tags/any", "too_few", "at least 1"),
        (
            json!({ "properties": { "a": { "least": "x" } } }),
            "/filter/properties/a/least",
            "wrong_type",
            "a number",
        ),
        (json!({ "properties": { "a": { "is": [] } } }), "/filter/properties/a/is", "wrong_type", "a string"),
        (json!({ "created_at": { "least": "now" } }), "/filter/created_at/least", "bad_format", "date-time"),
        (
            json!({ "not": { "not": { "not": { "not": { "not": {} } } } } }),
            "/filter/not/not/not/not/not",
            "too_large",
            "levels",
        ),
        (json!("den"), "/filter", "wrong_type", "an object, not a string"),
    ] {
        let by_socket = socket.call("lobbies.watch", json!({ "filter": filter })).await.unwrap_err();
        let by_http = listed(&server, &guest, &filter.to_string()).await;
        for problem in [by_socket, by_http] {
            let told = problem["fields"].as_array().unwrap_or_else(|| panic!("{filter}: {problem}"));
            assert_eq!(told.len(), 1, "{filter}: {problem}");
            assert_eq!((&told[0]["path"], &told[0]["code"]), (&json!(path), &json!(code)), "{filter}");
            assert!(told[0]["message"].as_str().unwrap().contains(says), "{filter}: {problem}");
        }
    }
    let unread = listed(&server, &guest, "{").await;
    assert_eq!(unread["fields"][0]["path"], "/filter", "{unread}");
}

#[tokio::test]
async fn a_watched_list_is_kept_right_in_both_encodings() {
    let server = Server::start().await;
    let [ana, ben, host] =
        [Guest::sign_up(&server).await, Guest::sign_up(&server).await, Guest::sign_up(&server).await];
    let (mut ana_hears, _) = Socket::signed_in(&server, &ana).await;
    let packed = [("authorization", &*ben.bearer()), ("sec-websocket-protocol", "moothall.v1.msgpack")];
    let mut ben_hears = open(server.address, "", &packed).await.unwrap();
    assert_eq!(ben_hears.event().await["event"], "session.ready");
    let (mut host, _) = Socket::signed_in(&server, &host).await;
    let wanted = json!({ "filter": { "tags": { "any": ["eu"] } }, "order": "name", "limit": 2 });
    let watch = ana_hears.call("lobbies.watch", wanted.clone()).await.unwrap();
    assert_eq!(watch["lobbies"], json!([]));
    assert_eq!(ben_hears.call("lobbies.watch", wanted).await.unwrap(), watch, "it is the same list");
    let opening = json!({ "name": "Den", "mode": "free", "tags": ["eu"] });
    let own = host.call("lobbies.open", opening).await.unwrap();
    let lobby = own["lobby"]["id"].as_str().unwrap();
    let heard = ana_hears.event().await;
    assert_eq!(heard["event"], "lobbies.list_updated");
    assert_eq!(heard["topic"], format!("lobby_list:{}", watch["watch_id"].as_str().unwrap()));
    assert_eq!((&heard["data"]["watch_id"], &heard["data"]["is_whole"]), (&watch["watch_id"], &json!(false)));
    assert!(heard["data"]["version"].as_u64() > watch["version"].as_u64());
    assert_eq!(heard["data"]["lobbies"][lobby]["name"], "Den");
    assert_eq!(ben_hears.event().await["data"], heard["data"]);
    // A page says the same.
    let page = listed(&server, &ana, r#"{"tags":{"any":["eu"]}}"#).await;
    assert_eq!(page["items"], json!([heard["data"]["lobbies"][lobby]]));
    let facets = json!({
        "status": [{ "value": "waiting", "count": 1 }], "tags": [{ "value": "eu", "count": 1 }],
    });
    assert_eq!(page["facets"], facets);
    host.call("lobbies.leave", json!({ "lobby_id": lobby })).await.unwrap();
    for hears in [&mut ana_hears, &mut ben_hears] {
        assert_eq!(hears.event().await["data"]["lobbies"], json!({ lobby: null }));
    }
}
