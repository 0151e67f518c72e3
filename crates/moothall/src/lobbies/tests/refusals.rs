//! What no lobby is: of unknown content, fuller than it may be, or set by others than whose it is to set.

use super::*;

#[tokio::test]
async fn criterion_19_unknown_game_content_is_refused_when_a_lobby_opens() {
    on_both_engines(async |hall| {
        duels(hall).await;
        let [ana] = people(hall, ["Ana"]).await;
        let on = |map: &str| OpenLobby { mode: "duel".into(), map: Some(map.into()), ..opening("Den") };
        assert_eq!(code(open(&ana, on("dale")).await), "no_such_map");
        assert_eq!(mine(&ana, MyLobbies {}).await.unwrap(), OwnLobbies::default());
        assert_eq!(open(&ana, on("hill")).await.unwrap().lobby.map.as_deref(), Some("hill"));
    })
    .await;
}

#[tokio::test]
async fn b34_of_two_who_want_the_last_place_at_once_one_comes_in() {
    on_both_engines(async |hall| {
        duels(hall).await;
        let [ana, ben, cy] = people(hall, ["Ana", "Ben", "Cy"]).await;
        let lobby = opened(&ana, OpenLobby { mode: "duel".into(), ..opening("Den") }).await;
        let (one, other) = tokio::join!(watches(&ben, lobby), watches(&cy, lobby));
        let mut codes = [code(one), code(other)];
        codes.sort_unstable();
        assert_eq!(codes, ["lobby_full", "ok"]);
        assert_eq!(inside(&ana, lobby).await.members.len(), 2);
    })
    .await;
}

#[test]
fn b38_what_the_server_decides_of_a_lobby_cannot_even_be_said() {
    let lobby_id = LobbyId::from_uuid(uuid::Uuid::nil());
    let can_say = |field: &str| {
        let input = json!({ "lobby_id": lobby_id, (field): null });
        serde_json::from_value::<UpdateLobby>(input).is_ok()
    };
    assert!(can_say("name"));
    for field in [
        "id",
        "version",
        "host_id",
        "host_kind",
        "policy",
        "code",
        "status",
        "starts_at",
        "match_id",
        "members",
        "queue",
        "bots",
        "bosses",
        "vote",
        "room_id",
        "created_at",
    ] {
        assert!(!can_say(field), "{field}");
    }
}
