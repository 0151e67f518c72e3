//! Finding lobbies, and game modes.

use moothall_protocol::limits::{
    GAME_MODE_SCHEMA_BYTES_MAX, GAME_MODES_MAX, LOBBY_FACET_VALUES_MAX, LOBBY_SEATS_MAX, PAGE_ITEMS_DEFAULT,
};

use super::*;

async fn names(cx: &Cx, wanted: ListLobbies) -> Vec<String> {
    list(cx, wanted).await.unwrap().items.into_iter().map(|lobby| lobby.name).collect()
}

fn any() -> ListLobbies {
    ListLobbies::default()
}

/// Those that this filter lets pass.
fn passing(filter: Value) -> ListLobbies {
    ListLobbies { filter: Some(serde_json::from_value(filter).unwrap()), ..any() }
}

#[tokio::test]
async fn t104_lobbies_are_found_by_what_they_are_and_the_hidden_are_not() {
    on_both_engines(async |hall| {
        let [ana, ben, cy, dot] = people(hall, ["Ana", "Ben", "Cy", "Dot"]).await;
        let tags = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
        let one =
            OpenLobby { tags: tags(&["Casual", "eu"]), map: Some("hill".into()), ..opening("Alpha den") };
        let one = opened(&ana, one).await;
        hall.clock.advance(Duration::from_secs(1));
        let two = OpenLobby {
            tags: tags(&["us", "casual"]),
            password: Some("x".into()),
            teams: Some(TeamsShape { count: 2, size: 3 }),
            is_rated: Some(false),
            ..opening("Beta DEN")
        };
        let two = opened(&ben, two).await;
        hall.clock.advance(Duration::from_secs(1));
        let hidden = OpenLobby { access: Some(LobbyAccess::InviteOnly), ..opening("Hidden") };
        let hidden = opened(&cy, hidden).await;
        assert_eq!(names(&dot, any()).await, ["Beta DEN", "Alpha den"]);
        assert_eq!(names(&cy, any()).await, ["Hidden", "Beta DEN", "Alpha den"]);
        assert_eq!(code(get(&dot, GetLobby { lobby_id: hidden }).await), "not_found");
        assert_eq!(code(view(&dot, ViewLobby { lobby_id: one }).await), "not_found");
        let staff = hall.call(hall.user("Sue").await, &[MODERATE]);
        assert_eq!(names(&staff, any()).await.len(), 3);
        let finds = [
            (json!({ "name": { "contains": "beta d" } }), "Beta DEN"),
            (json!({ "text": "ALPHA hill eu" }), "Alpha den"),
            (json!({ "mode": { "is": "free" }, "map": { "in": ["hill", "dale"] } }), "Alpha den"),
            (json!({ "has_password": true }), "Beta DEN"),
            (json!({ "is_rated": true }), "Alpha den"),
            (json!({ "free_seats": { "least": 2 } }), "Beta DEN"),
            (json!({ "tags": { "any": ["eu", "asia"] } }), "Alpha den"),
            (json!({ "tags": { "all": ["casual", "us"] } }), "Beta DEN"),
            (json!({ "tags": { "none": ["us"] } }), "Alpha den"),
            (json!({ "host_id": { "is": id(&ana) } }), "Alpha den"),
        ];
        for (wanted, found) in finds {
            assert_eq!(names(&dot, passing(wanted.clone())).await, [found], "{wanted}");
        }
        let none = passing(json!({ "access": { "is": "invite_only" } }));
        assert_eq!(names(&dot, none.clone()).await, [""; 0], "no filter shows what is hidden");
        assert_eq!(names(&cy, none).await, ["Hidden"]);
        // What changes is found as it is now, by whoever was answered.
        plays(&dot, one).await.unwrap();
        assert_eq!(names(&dot, passing(json!({ "players": { "least": 2 } }))).await, ["Alpha den"]);
        assert_eq!(names(&dot, passing(json!({ "players": { "most": 1 } }))).await, ["Beta DEN"]);
        let lock = UpdateLobby { is_locked: Some(true), ..change(two) };
        update(&ben, lock).await.unwrap();
        assert_eq!(names(&dot, passing(json!({ "is_locked": false }))).await, ["Alpha den"]);
        start_game(&ana, StartLobby { lobby_id: one, countdown_ms: None }).await.unwrap();
        later(hall, one, 5).await;
        let running = passing(json!({ "status": { "in": ["running"] } }));
        assert_eq!(names(&dot, running).await, ["Alpha den"]);
        hall.restart().await;
        let dot = hall.call(id(&dot), &[]);
        assert_eq!(names(&dot, any()).await, ["Beta DEN", "Alpha den"], "so it is after a restart");
    })
    .await;
}

#[tokio::test]
async fn t102_a_summary_counts_who_sits_watches_and_waits() {
    on_both_engines(async |hall| {
        let [ana, ben, cy] = people(hall, ["Ana", "Ben", "Cy"]).await;
        let lobby = opened(&ana, opening("Den")).await;
        watches(&ben, lobby).await.unwrap();
        let seen = async || get(&ben, GetLobby { lobby_id: lobby }).await.unwrap();
        let first = seen().await;
        assert_eq!((first.players, first.bots, first.spectators, first.queued), (1, 0, 1, 0));
        assert_eq!((first.seats, first.free_seats, first.has_password), (2, 1, false));
        let bot = AddLobbyBot { lobby_id: lobby, name: "Robo".into(), team: None, properties: None };
        add_bot(&ana, bot).await.unwrap();
        plays(&cy, lobby).await.unwrap();
        let password = UpdateLobby { password: Some("hunter2".into()), ..change(lobby) };
        let version = update(&ana, password).await.unwrap().lobby.version;
        let full = seen().await;
        assert_eq!((full.players, full.bots, full.spectators, full.queued), (1, 1, 2, 1));
        assert_eq!((full.seats, full.free_seats, full.has_password), (2, 0, true));
        assert_eq!(full.version, version);
    })
    .await;
}

#[tokio::test]
async fn lobbies_are_listed_in_pages_in_every_order() {
    on_both_engines(async |hall| {
        let host = hall.call(hall.user("Hal").await, &[crate::accounts::HOST]);
        let count = PAGE_ITEMS_DEFAULT + 3;
        for number in 0..count {
            let dedicated = OpenLobby {
                host_kind: Some(HostKind::Dedicated),
                teams: Some(TeamsShape { count: 1, size: number as u32 % 5 + 1 }),
                ..opening(&format!("Den {:02}", (number * 7) % count))
            };
            opened(&host, dedicated).await;
        }
        for order in [LobbyOrder::Newest, LobbyOrder::Players, LobbyOrder::FreeSeats, LobbyOrder::Name] {
            let mut found = Vec::new();
            let mut cursor = None;
            loop {
                let wanted = ListLobbies { order: Some(order), cursor, ..any() };
                let page = list(&host, wanted).await.unwrap();
                found.extend(page.items);
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
            let ids: std::collections::HashSet<_> = found.iter().map(|lobby| lobby.id).collect();
            assert_eq!((found.len(), ids.len()), (count, count), "{order:?}");
            assert!(match order {
                LobbyOrder::Newest => found.is_sorted_by(|one, next| one.created_at >= next.created_at),
                LobbyOrder::Players => true,
                LobbyOrder::FreeSeats => found.is_sorted_by(|one, next| one.free_seats >= next.free_seats),
                LobbyOrder::Name => found.is_sorted_by(|one, next| one.name <= next.name),
            });
        }
        let page = list(&host, any()).await.unwrap();
        let wrong = ListLobbies { order: Some(LobbyOrder::Name), cursor: page.next, ..any() };
        assert_eq!(code(list(&host, wrong).await), "invalid");
    })
    .await;
}

#[tokio::test]
async fn lobbies_are_counted_by_what_is_asked_on_whichever_page_they_are() {
    on_both_engines(async |hall| {
        let host = hall.call(hall.user("Hal").await, &[crate::accounts::HOST]);
        let count = LOBBY_FACET_VALUES_MAX + 2;
        for number in 0..count {
            let tags = vec![format!("tag {number:02}"), "all".to_owned()];
            let password = (number < 3).then(|| "x".to_owned());
            let dedicated =
                OpenLobby { host_kind: Some(HostKind::Dedicated), tags, password, ..opening("Den") };
            opened(&host, dedicated).await;
        }
        let hidden = OpenLobby { access: Some(LobbyAccess::InviteOnly), ..opening("Hidden") };
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        opened(&ana, hidden).await;
        let by = |facets: &[LobbyFacet]| ListLobbies { facets: facets.to_vec(), limit: Some(1), ..any() };
        let facets = by(&[LobbyFacet::HasPassword, LobbyFacet::Tags, LobbyFacet::Map, LobbyFacet::Access]);
        let page = list(&ben, facets.clone()).await.unwrap();
        let told = serde_json::to_value(&page.facets).unwrap();
        let passwords = json!([{ "value": false, "count": count - 3 }, { "value": true, "count": 3 }]);
        assert_eq!((page.items.len(), &told["has_password"]), (1, &passwords));
        assert_eq!(
            told["access"],
            json!([{ "value": "open", "count": count }]),
            "of the hidden nothing is told"
        );
        assert_eq!(told["map"], json!([]), "none is chosen yet");
        let tags = told["tags"].as_array().unwrap();
        assert_eq!(tags.len(), LOBBY_FACET_VALUES_MAX, "the most frequent ones");
        assert_eq!(
            tags[..2],
            [json!({ "value": "all", "count": count }), json!({ "value": "tag 00", "count": 1 })]
        );
        let filter = Some(serde_json::from_value(json!({ "has_password": true })).unwrap());
        let page = list(&ana, ListLobbies { filter, ..facets }).await.unwrap();
        let told = serde_json::to_value(&page.facets).unwrap();
        assert_eq!(told["has_password"], json!([{ "value": true, "count": 3 }]));
        assert!(list(&ana, any()).await.unwrap().facets.is_empty(), "nothing is counted unasked");
    })
    .await;
}

#[tokio::test]
async fn game_modes_are_data_with_bounds_that_make_sense() {
    on_both_engines(async |hall| {
        let staff = hall.call(hall.user("Sue").await, &[MANAGE_MODES]);
        let [ana] = people(hall, ["Ana"]).await;
        let free = modes::list(&ana, ListGameModes {}).await.unwrap().items.remove(0);
        assert_eq!((free.slug.as_str(), free.version), ("free", 1), "a fresh server has lobbies");
        let mode = |slug: &str| PutGameMode {
            slug: slug.into(),
            name: "Duel".into(),
            teams: free.teams.clone(),
            roles: Vec::new(),
            maps: Vec::new(),
            spectators_max: 1,
            players_min: None,
            allows_bots: None,
            joins_running: None,
            needs_ready: None,
            properties: None,
            if_version: None,
            reason: "for the test".into(),
        };
        assert_eq!(code(modes::put(&ana, mode("duel")).await), "forbidden");
        assert_eq!(modes::put(&staff, mode("duel")).await.unwrap().version, 1);
        assert_eq!(modes::put(&staff, mode("duel")).await.unwrap().version, 1, "the same is no change");
        let maps = PutGameMode { maps: vec!["hill".into()], ..mode("duel") };
        assert_eq!(modes::put(&staff, maps.clone()).await.unwrap().version, 2);
        let stale = PutGameMode { if_version: Some(1), ..mode("duel") };
        assert_eq!(code(modes::put(&staff, stale).await), "version_conflict");
        // A lobby keeps the mode it was opened with.
        let lobby = opened(&ana, OpenLobby { mode: "duel".into(), ..opening("Den") }).await;
        modes::remove(&staff, RemoveGameMode { slug: "duel".into(), reason: "for the test".into() })
            .await
            .unwrap();
        hall.restart().await;
        let (ana, staff) = (hall.call(id(&ana), &[]), hall.call(id(&staff), &[MANAGE_MODES]));
        let dale = UpdateLobby { map: Some("dale".into()), ..change(lobby) };
        assert_eq!(code(update(&ana, dale).await), "no_such_map");
        let teams = |count_max: u32, size_max: u32, size: u32| PutGameMode {
            teams: ModeTeams {
                count_max,
                size_max,
                default: TeamsShape { count: 1, size },
                ..free.teams.clone()
            },
            ..mode("odd")
        };
        assert_eq!(code(modes::put(&staff, teams(8, LOBBY_SEATS_MAX as u32 / 8, 1)).await), "ok");
        assert_eq!(code(modes::put(&staff, teams(8, LOBBY_SEATS_MAX as u32 / 8 + 1, 1)).await), "invalid");
        assert_eq!(code(modes::put(&staff, teams(8, 4, 5)).await), "invalid");
        let schema = |text: String| PutGameMode {
            properties: Some(Map::from_iter([
                ("type".into(), json!("object")),
                ("title".into(), json!(text)),
            ])),
            ..mode("odd")
        };
        let empty = serde_json::to_string(&schema(String::new()).properties).unwrap().len();
        let longest = "x".repeat(GAME_MODE_SCHEMA_BYTES_MAX - empty);
        assert_eq!(code(modes::put(&staff, schema(longest.clone())).await), "ok");
        assert_eq!(code(modes::put(&staff, schema(longest + "x")).await), "invalid");
        let nonsense =
            PutGameMode { properties: Some(Map::from_iter([("type".into(), json!("fog"))])), ..mode("odd") };
        assert_eq!(code(modes::put(&staff, nonsense).await), "invalid");
        let there = modes::list(&staff, ListGameModes {}).await.unwrap().items.len();
        for number in there..GAME_MODES_MAX {
            modes::put(&staff, mode(&format!("mode-{number}"))).await.unwrap();
        }
        assert_eq!(code(modes::put(&staff, mode("one-more")).await), "too_many_game_modes");
    })
    .await;
}
