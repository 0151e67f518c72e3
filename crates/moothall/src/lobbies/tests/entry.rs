//! Coming and going.

use moothall_protocol::limits::{LOBBY_BANS_MAX, LOBBY_CODE_LENGTH, LOBBY_GUESSES_MAX, LOBBY_REQUESTS_MAX};

use super::*;

#[tokio::test]
async fn t100_the_creator_takes_the_first_seat_and_is_in_no_second_lobby() {
    on_both_engines(async |hall| {
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        let own = open(&ana, opening(" Den \u{200b} of  wolves ")).await.unwrap();
        assert_eq!(own.lobby.name, "Den of wolves");
        assert_eq!(teams(&own.lobby), [vec![Some(id(&ana))], vec![]]);
        assert!(own.host.is_some() && own.secret.is_some(), "the creator hosts it");
        assert_eq!(code(open(&ana, opening("Second")).await), "already_in_lobby");
        let other = opened(&ben, opening("Other")).await;
        assert_eq!(code(watches(&ana, other).await), "already_in_lobby");
        assert_eq!(code(open(&ana, opening("???")).await), "invalid");
        leaves(&ana, own.lobby.id).await;
        let unknown = OpenLobby { mode: "chess".into(), ..opening("Den") };
        assert_eq!(code(open(&ana, unknown).await), "no_such_game_mode");
        let shape = Some(TeamsShape { count: 9, size: 1 });
        assert_eq!(
            code(open(&ana, OpenLobby { teams: shape, ..opening("Den") }).await),
            "lobby_teams_refused"
        );
        assert_eq!(inside(&ben, other).await.members.len(), 1, "refusals change nothing");
    })
    .await;
}

#[tokio::test]
async fn t107_t110_one_joins_as_a_spectator_and_the_others_get_one_difference() {
    on_both_engines(async |hall| {
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        let lobby = opened(&ana, opening("Den")).await;
        let others = Ear::at(hall, [Topic::Lobby(lobby)]);
        let (host, joiner) = (Ear::of(hall, &ana), Ear::of(hall, &ben));
        let own = watches(&ben, lobby).await.unwrap().own.unwrap();
        assert_eq!(own.lobby.version, 2);
        assert!(own.lobby.members.contains_key(&id(&ben)), "the answer is the lobby after the join");
        assert!(own.lobby.members[&id(&ben)].seated_at.is_none());
        assert!(own.host.is_none());
        let patches = others.patches();
        let [patch] = &patches[..] else { panic!("{patches:?}") };
        let touched: Vec<&String> = patch.as_object().unwrap().keys().collect();
        assert_eq!(touched, ["version", "members"]);
        assert_eq!(patch["members"].as_object().unwrap().len(), 1);
        // The secret reaches the joiner and the host, and nobody else.
        let secret = own.secret.clone().unwrap();
        assert!(!patch.to_string().contains(&secret));
        let heard = joiner.heard_of_lobbies();
        assert!(
            matches!(&heard[..], [Event::LobbyJoined(joined), ..] if joined.secret.as_ref() == Some(&secret))
        );
        let told = host.heard_of_lobbies().into_iter().find_map(|event| match event {
            Event::LobbyHostUpdated(updated) => Some(updated.patch["secrets"][id(&ben).to_string()].clone()),
            _ => None,
        });
        assert_eq!(told, Some(json!(secret)));
        // Twice is as once.
        let again = watches(&ben, lobby).await.unwrap().own.unwrap();
        assert!(again == own);
        assert!(others.heard_of_lobbies().is_empty());
        assert_eq!(code(watches(&ben, ben.new_id()).await), "already_in_lobby");
        leaves(&ben, lobby).await;
        assert_eq!(code(watches(&ben, ben.new_id()).await), "not_found");
        assert_eq!(others.patches()[0]["members"], json!({ id(&ben).to_string(): null }));
    })
    .await;
}

#[tokio::test]
async fn a_full_lobby_is_refused_and_has_its_own_code() {
    on_both_engines(async |hall| {
        duels(hall).await;
        let [ana, ben, cy, dot] = people(hall, ["Ana", "Ben", "Cy", "Dot"]).await;
        let lobby = opened(&ana, OpenLobby { mode: "duel".into(), ..opening("Den") }).await;
        watches(&ben, lobby).await.unwrap();
        assert_eq!(code(watches(&cy, lobby).await), "lobby_full");
        // A free seat is room for whoever wants to play.
        plays(&cy, lobby).await.unwrap();
        assert_eq!(code(plays(&dot, lobby).await), "lobby_full");
        assert_eq!(code(spectate(&cy, Spectate { lobby_id: lobby, user_id: None }).await), "lobby_full");
        let map = |map: &str| UpdateLobby { map: Some(map.into()), ..change(lobby) };
        assert_eq!(code(update(&ana, map("dale")).await), "no_such_map");
        update(&ana, map("hill")).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn t106_refusals_come_in_the_promised_order_and_the_invited_pass() {
    on_both_engines(async |hall| {
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        let password = Some("hunter2".to_owned());
        let lobby = opened(&ana, OpenLobby { password, ..opening("Den") }).await;
        let with = |password: &str| JoinLobby {
            password: Some(password.to_owned()),
            ..joining(lobby, SeatWish::Spectate)
        };
        let set = |change| update(&ana, change);
        // Banned comes before locked, locked before the password, and the password before the host's word.
        set(UpdateLobby { is_locked: Some(true), access: Some(LobbyAccess::Approval), ..change(lobby) })
            .await
            .unwrap();
        let ban = KickFromLobby { lobby_id: lobby, user_id: id(&ben), ban_seconds: Some(60), reason: None };
        kick(&ana, ban).await.unwrap();
        assert_eq!(code(join(&ben, with("wrong")).await), "lobby_banned_until");
        unban(&ana, UnbanFromLobby { lobby_id: lobby, user_id: id(&ben) }).await.unwrap();
        assert_eq!(code(join(&ben, with("wrong")).await), "lobby_locked");
        set(UpdateLobby { is_locked: Some(false), ..change(lobby) }).await.unwrap();
        assert_eq!(code(join(&ben, with("wrong")).await), "lobby_wrong_password");
        assert_eq!(code(watches(&ben, lobby).await), "lobby_wrong_password");
        assert!(join(&ben, with("hunter2")).await.unwrap().request.is_some());
        // To the uninvited a lobby for the invited is not there, whatever they know.
        set(UpdateLobby { access: Some(LobbyAccess::InviteOnly), is_locked: Some(true), ..change(lobby) })
            .await
            .unwrap();
        assert_eq!(code(join(&ben, with("hunter2")).await), "not_found");
        let ear = Ear::of(hall, &ben);
        let invitation = InviteToLobby { lobby_id: lobby, user_id: id(&ben) };
        invite(&ana, invitation.clone()).await.unwrap();
        invite(&ana, invitation).await.unwrap();
        assert!(
            matches!(&ear.heard_of_lobbies()[..], [Event::LobbyInvited(invited)] if invited.name == "Den")
        );
        assert!(watches(&ben, lobby).await.unwrap().own.is_some());
        // Staff comes in past everything, and says why.
        let staff = hall.call(hall.user("Sue").await, &[MODERATE]);
        assert_eq!(code(watches(&staff, lobby).await), "invalid");
        let with_reason = JoinLobby { reason: Some("reported".into()), ..joining(lobby, SeatWish::Spectate) };
        assert!(join(&staff, with_reason).await.unwrap().own.is_some());
    })
    .await;
}

#[tokio::test]
async fn b33_a_password_is_told_to_nobody_and_an_empty_one_is_none() {
    on_both_engines(async |hall| {
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        let lobby = opened(&ana, opening("Den")).await;
        let ear = Ear::at(hall, [Topic::Lobby(lobby), Topic::User(id(&ana)), Topic::User(id(&ben))]);
        let set = |password: &str| UpdateLobby { password: Some(password.into()), ..change(lobby) };
        let own = update(&ana, set("hunter2")).await.unwrap();
        assert!(own.lobby.has_password);
        let told = serde_json::to_string(&(ear.heard_of_lobbies(), own)).unwrap();
        assert!(!told.contains("hunter2") && !told.contains(&secrets::password_hash(lobby, "hunter2")));
        let (state, _) = hall.server().read(move |tx| store::find(tx, lobby)).await.unwrap().unwrap();
        assert!(state.password.is_some() && !format!("{state:?}").contains("hunter2"));
        assert!(!update(&ana, set("")).await.unwrap().lobby.has_password);
        watches(&ben, lobby).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_code_lets_in_past_everything_and_cannot_be_guessed() {
    on_both_engines(async |hall| {
        let [ana, ben, cy] = people(hall, ["Ana", "Ben", "Cy"]).await;
        let access = Some(LobbyAccess::InviteOnly);
        let own = open(&ana, OpenLobby { access, ..opening("Den") }).await.unwrap();
        let lobby = own.lobby.id;
        assert_eq!(own.lobby.code.len(), LOBBY_CODE_LENGTH);
        let by = |code: &str| JoinLobbyByCode { code: code.to_owned(), wish: None };
        let joined = join_by_code(&ben, by(&own.lobby.code.to_lowercase())).await.unwrap();
        assert_eq!(joined.own.unwrap().lobby.id, lobby);
        let renewed = renew_code(&ana, RenewLobbyCode { lobby_id: lobby }).await.unwrap();
        assert_ne!(renewed.lobby.code, own.lobby.code);
        assert_eq!(code(renew_code(&ben, RenewLobbyCode { lobby_id: lobby }).await), "lobby_host_needed");
        for _ in 0..LOBBY_GUESSES_MAX {
            assert_eq!(code(join_by_code(&cy, by(&own.lobby.code)).await), "lobby_code_unknown");
        }
        let refused = join_by_code(&cy, by(&renewed.lobby.code)).await;
        assert!(refused.unwrap_err().details().retry_after.is_some());
        hall.clock.advance(Duration::from_secs(1));
        assert_eq!(
            code(join_by_code(&cy, by(&renewed.lobby.code)).await),
            "ok",
            "the right one after the wait"
        );
        // Passwords are guessed no faster.
        leaves(&cy, lobby).await;
        let change = UpdateLobby {
            access: Some(LobbyAccess::Open),
            password: Some("hunter2".into()),
            ..change(lobby)
        };
        update(&ana, change).await.unwrap();
        let dot = hall.call(hall.user("Dot").await, &[]);
        let guess = || JoinLobby { password: Some("x".into()), ..joining(lobby, SeatWish::Spectate) };
        for _ in 0..LOBBY_GUESSES_MAX {
            assert_eq!(code(join(&dot, guess()).await), "lobby_wrong_password");
        }
        assert_eq!(code(join(&dot, guess()).await), "lobby_guesses_throttled");
    })
    .await;
}

#[tokio::test]
async fn t108_the_host_approves_or_rejects_and_a_request_expires() {
    on_both_engines(async |hall| {
        let [ana, ben, cy] = people(hall, ["Ana", "Ben", "Cy"]).await;
        let lobby = opened(&ana, OpenLobby { access: Some(LobbyAccess::Approval), ..opening("Den") }).await;
        let (host, ear) = (Ear::of(hall, &ana), Ear::of(hall, &ben));
        let request = watches(&ben, lobby).await.unwrap().request.unwrap();
        assert_eq!(watches(&ben, lobby).await.unwrap().request, Some(request));
        let heard = host.heard_of_lobbies();
        let [Event::LobbyHostUpdated(told)] = &heard[..] else { panic!("{heard:?}") };
        assert!(told.patch["requests"].get(id(&ben).to_string()).is_some(), "the host hears of it once");
        let yes = |user: &Cx| ApproveLobbyRequest { lobby_id: lobby, user_id: id(user) };
        let no = |user: &Cx| RejectLobbyRequest { lobby_id: lobby, user_id: id(user) };
        assert_eq!(code(approve(&cy, yes(&ben)).await), "not_in_lobby");
        approve(&ana, yes(&ben)).await.unwrap();
        assert!(
            matches!(&ear.heard_of_lobbies()[..], [Event::LobbyJoined(own)] if own.lobby.members.len() == 2)
        );
        assert_eq!(code(approve(&ana, yes(&ben)).await), "no_lobby_request");
        // A no holds for a while.
        let ear = Ear::of(hall, &cy);
        watches(&cy, lobby).await.unwrap();
        reject(&ana, no(&cy)).await.unwrap();
        assert!(
            matches!(&ear.heard_of_lobbies()[..], [Event::LobbyRequestEnded(ended)] if !ended.is_expired)
        );
        assert_eq!(code(watches(&cy, lobby).await), "lobby_request_rejected");
        later(hall, lobby, 60).await;
        watches(&cy, lobby).await.unwrap();
        later(hall, lobby, 60).await;
        assert!(matches!(&ear.heard_of_lobbies()[..], [Event::LobbyRequestEnded(ended)] if ended.is_expired));
        assert!(view(&ana, ViewLobby { lobby_id: lobby }).await.unwrap().host.unwrap().requests.is_empty());
    })
    .await;
}

#[tokio::test]
async fn so_many_wait_for_the_host_and_so_many_are_banned_or_invited() {
    on_both_engines(async |hall| {
        let [ana] = people(hall, ["Ana"]).await;
        let lobby = opened(&ana, OpenLobby { access: Some(LobbyAccess::Approval), ..opening("Den") }).await;
        // Who asks need not have an account that anybody looks at here.
        let somebody = || hall.call(ana.new_id(), &[]);
        for _ in 0..LOBBY_REQUESTS_MAX {
            watches(&somebody(), lobby).await.unwrap();
        }
        assert_eq!(code(watches(&somebody(), lobby).await), "too_many_lobby_requests");
        let ban =
            || KickFromLobby { lobby_id: lobby, user_id: ana.new_id(), ban_seconds: Some(60), reason: None };
        for _ in 0..LOBBY_BANS_MAX {
            kick(&ana, ban()).await.unwrap();
        }
        assert_eq!(code(kick(&ana, ban()).await), "too_many_lobby_bans");
    })
    .await;
}

#[tokio::test]
async fn t109_a_kick_is_told_with_its_reason_to_its_target_only_and_a_ban_ends() {
    on_both_engines(async |hall| {
        let [ana, ben, cy] = people(hall, ["Ana", "Ben", "Cy"]).await;
        let lobby = opened(&ana, opening("Den")).await;
        for user in [&ben, &cy] {
            watches(user, lobby).await.unwrap();
        }
        let (target, others) = (Ear::of(hall, &ben), Ear::at(hall, [Topic::Lobby(lobby)]));
        let kicking = |user: &Cx, ban_seconds| KickFromLobby {
            lobby_id: lobby,
            user_id: id(user),
            ban_seconds,
            reason: Some("rude".into()),
        };
        assert_eq!(code(kick(&cy, kicking(&ben, None)).await), "lobby_boss_needed");
        kick(&ana, kicking(&ben, None)).await.unwrap();
        let heard = target.heard_of_lobbies();
        let [Event::LobbyLeft(left)] = &heard[..] else { panic!("{heard:?}") };
        assert_eq!((left.why, left.reason.as_deref()), (LeftWhy::Kicked, Some("rude")));
        assert!(!json!(others.patches()).to_string().contains("rude"));
        watches(&ben, lobby).await.unwrap();
        kick(&ana, kicking(&ben, Some(60))).await.unwrap();
        assert_eq!(code(watches(&ben, lobby).await), "lobby_banned_until");
        later(hall, lobby, 60).await;
        watches(&ben, lobby).await.unwrap();
        assert_eq!(code(kick(&ben, kicking(&ana, None)).await), "lobby_boss_needed");
        // Staff says why, and it is written down.
        let staff = hall.call(hall.user("Sue").await, &[MODERATE]);
        assert_eq!(
            code(kick(&staff, KickFromLobby { reason: None, ..kicking(&ben, None) }).await),
            "invalid"
        );
        assert_eq!(code(kick(&staff, kicking(&ana, None)).await), "cannot_remove_lobby_host");
        kick(&staff, kicking(&ben, None)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn two_who_join_two_lobbies_at_once_are_in_one() {
    on_both_engines(async |hall| {
        let [ana, ben, cy] = people(hall, ["Ana", "Ben", "Cy"]).await;
        let [one, other] = [opened(&ana, opening("Den")).await, opened(&ben, opening("Pit")).await];
        let (first, second) = tokio::join!(watches(&cy, one), watches(&cy, other));
        let mut codes = [code(first), code(second)];
        codes.sort_unstable();
        assert_eq!(codes, ["already_in_lobby", "ok"]);
        let there = [inside(&ana, one).await, inside(&ben, other).await];
        assert_eq!(there.iter().filter(|lobby| lobby.members.contains_key(&id(&cy))).count(), 1);
    })
    .await;
}

#[tokio::test]
async fn t103_only_the_host_changes_a_lobby_and_what_is_the_same_tells_nobody() {
    on_both_engines(async |hall| {
        let [ana, ben, cy] = people(hall, ["Ana", "Ben", "Cy"]).await;
        let lobby = opened(&ana, OpenLobby { has_bosses: Some(true), ..opening("Den") }).await;
        watches(&ben, lobby).await.unwrap();
        let name = |name: &str| UpdateLobby { name: Some(name.into()), ..change(lobby) };
        let lock = || UpdateLobby { is_locked: Some(true), ..change(lobby) };
        assert_eq!(code(update(&ben, name("Mine")).await), "lobby_host_needed");
        assert_eq!(code(update(&ben, lock()).await), "lobby_boss_needed");
        assert_eq!(code(update(&cy, name("Mine")).await), "not_in_lobby");
        set_boss(&ana, SetLobbyBoss { lobby_id: lobby, user_id: id(&ben), is_boss: true }).await.unwrap();
        update(&ben, lock()).await.unwrap();
        assert_eq!(code(update(&ben, name("Mine")).await), "lobby_host_needed");
        let ear = Ear::at(hall, [Topic::Lobby(lobby)]);
        let renamed = update(&ana, name("Lair")).await.unwrap().lobby;
        let version = renamed.version;
        assert_eq!(ear.patches(), [json!({ "version": version, "name": "Lair" })]);
        assert_eq!(update(&ana, name("Lair")).await.unwrap().lobby.version, version);
        assert!(ear.heard_of_lobbies().is_empty());
        let stale = UpdateLobby { if_version: Some(version - 1), ..name("Cave") };
        assert_eq!(code(update(&ana, stale).await), "version_conflict");
        update(&ana, UpdateLobby { if_version: Some(version), ..name("Cave") }).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn properties_have_an_audience_a_schema_and_a_bound() {
    use moothall_protocol::limits::{LOBBY_NESTING_MAX, LOBBY_PROPERTIES_BYTES_MAX};

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(fields) = value else { panic!("{value} is no object") };
        fields
    }

    on_both_engines(async |hall| {
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        let lobby = opened(&ana, opening("Den")).await;
        watches(&ben, lobby).await.unwrap();
        let set = |public: Value, members: Value, host: Value| UpdateLobby {
            properties: Some(LobbyPropertiesChange {
                public: object(public),
                members: object(members),
                host: object(host),
            }),
            ..change(lobby)
        };
        let (members, host) = (Ear::at(hall, [Topic::Lobby(lobby)]), Ear::of(hall, &ana));
        update(&ana, set(json!({"wind": 3}), json!({"address": "192.0.2.7"}), json!({"seed": 7})))
            .await
            .unwrap();
        let told = json!(members.patches()).to_string();
        assert!(told.contains("wind") && told.contains("address") && !told.contains("seed"), "{told}");
        assert!(format!("{:?}", serde_json::to_string(&host.heard_of_lobbies())).contains("seed"));
        let summary = get(&ben, GetLobby { lobby_id: lobby }).await.unwrap();
        assert_eq!(Value::Object(summary.properties), json!({ "wind": 3 }));
        let own =
            update(&ana, set(json!({"wind": null, "sun": {"at": 1}}), json!({}), json!({}))).await.unwrap();
        assert_eq!(Value::Object(own.lobby.properties.public), json!({ "sun": { "at": 1 } }));
        // The longest that fits, and one byte more.
        let filled = |bytes: usize| json!({ "x": "y".repeat(bytes - br#"{"x":""}"#.len()) });
        update(&ana, set(json!({}), json!({}), json!({"seed": null}))).await.unwrap();
        update(&ana, set(json!({}), json!({}), filled(LOBBY_PROPERTIES_BYTES_MAX))).await.unwrap();
        let beyond = set(json!({}), json!({}), filled(LOBBY_PROPERTIES_BYTES_MAX + 1));
        assert_eq!(code(update(&ana, beyond).await), "invalid");
        let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        update(&ana, set(json!({ "deep": nested(LOBBY_NESTING_MAX) }), json!({}), json!({}))).await.unwrap();
        let deeper = set(json!({ "deep": nested(LOBBY_NESTING_MAX + 1) }), json!({}), json!({}));
        assert_eq!(code(update(&ana, deeper).await), "invalid");
        let zero = set(json!({ "text": "\u{0}" }), json!({}), json!({}));
        assert_eq!(code(update(&ana, zero).await), "invalid");
        leaves(&ana, lobby).await;
        // A mode says what a lobby of it may be set to.
        let staff = hall.call(hall.user("Sue").await, &[MANAGE_MODES]);
        let free = modes::list(&staff, ListGameModes {}).await.unwrap().items.remove(0);
        let schema = json!({
            "type": "object",
            "properties": { "public": { "properties": { "wind": { "type": "integer", "maximum": 9 } },
                                        "additionalProperties": false } },
        });
        let strict = PutGameMode {
            slug: "strict".into(),
            name: "Strict".into(),
            teams: free.teams,
            roles: vec!["medic".into()],
            maps: Vec::new(),
            spectators_max: 5,
            players_min: None,
            allows_bots: None,
            joins_running: None,
            needs_ready: None,
            properties: Some(object(schema)),
            if_version: None,
            reason: "for the test".into(),
        };
        modes::put(&staff, strict).await.unwrap();
        let lobby = opened(&ana, OpenLobby { mode: "strict".into(), ..opening("Den") }).await;
        let set = |public: Value| UpdateLobby {
            properties: Some(LobbyPropertiesChange { public: object(public), ..Default::default() }),
            ..change(lobby)
        };
        update(&ana, set(json!({ "wind": 9 }))).await.unwrap();
        let refused = update(&ana, set(json!({ "wind": 10 }))).await.unwrap_err();
        let fields = refused.details().fields.unwrap();
        assert_eq!(
            (fields[0].path.as_str(), fields[0].code.as_str()),
            ("/properties/public/wind", "not_in_mode")
        );
        assert_eq!(code(update(&ana, set(json!({ "rain": 1 }))).await), "invalid");
    })
    .await;
}
