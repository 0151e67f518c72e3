//! Seats, the queue and bots.

use moothall_protocol::limits::LOBBY_MEMBER_BYTES_MAX;

use super::*;

async fn queues(cx: &Cx, lobby_id: LobbyId) -> Lobby {
    queue(cx, QueueForSeat { lobby_id }).await.unwrap().lobby
}

async fn stands_up(cx: &Cx, lobby_id: LobbyId) -> Lobby {
    spectate(cx, Spectate { lobby_id, user_id: None }).await.unwrap().lobby
}

fn shape(lobby: LobbyId, count: u32, size: u32) -> UpdateLobby {
    UpdateLobby { teams: Some(TeamsShape { count, size }), ..change(lobby) }
}

#[tokio::test]
async fn taking_a_seat_is_refused_where_there_is_none_and_leaving_repacks_the_team() {
    on_both_engines(async |hall| {
        let [ana, ben, cy] = people(hall, ["Ana", "Ben", "Cy"]).await;
        let teams_of = Some(TeamsShape { count: 2, size: 3 });
        let lobby = opened(&ana, OpenLobby { teams: teams_of, ..opening("Den") }).await;
        for user in [&ben, &cy] {
            watches(user, lobby).await.unwrap();
        }
        assert_eq!(code(sits(&ben, lobby, 3).await), "no_such_lobby_team");
        sits(&ben, lobby, 1).await.unwrap();
        let own = sits(&cy, lobby, 1).await.unwrap();
        let ear = Ear::at(hall, [Topic::Lobby(lobby)]);
        assert_eq!(sits(&cy, lobby, 1).await.unwrap().lobby, own.lobby, "the same team changes nothing");
        assert!(ear.heard_of_lobbies().is_empty());
        sits(&ben, lobby, 2).await.unwrap();
        let [one, two, three] = [&ana, &ben, &cy].map(|user| Some(id(user)));
        let patches = ear.patches();
        let seats = |users: &[&Cx]| -> Value {
            users.iter().map(|user| json!({ "kind": "user", "user_id": id(user) })).collect()
        };
        assert_eq!(
            patches[0]["teams"]["1"]["seats"],
            seats(&[&ana, &cy]),
            "everybody hears of the repacking"
        );
        assert_eq!(teams(&inside(&ana, lobby).await), [vec![one, three], vec![two]]);
        leaves(&ana, lobby).await;
        assert_eq!(teams(&inside(&cy, lobby).await), [vec![three], vec![two]]);
        assert_eq!(code(sits(&ana, lobby, 1).await), "not_in_lobby");
    })
    .await;
}

#[tokio::test]
async fn t121_a_freed_seat_goes_to_the_head_of_the_queue_for_whatever_reason() {
    on_both_engines(async |hall| {
        let [ana, ben, cy, dot, eve] = people(hall, ["Ana", "Ben", "Cy", "Dot", "Eve"]).await;
        let lobby = opened(&ana, opening("Den")).await;
        plays(&ben, lobby).await.unwrap();
        for user in [&cy, &dot, &eve] {
            watches(user, lobby).await.unwrap();
        }
        assert_eq!(code(sits(&cy, lobby, 1).await), "lobby_team_full");
        for user in [&cy, &dot, &eve] {
            queues(user, lobby).await;
        }
        assert_eq!(queues(&cy, lobby).await.queue, [&cy, &dot, &eve].map(id), "asking again keeps the place");
        // Somebody stands up.
        let now = stands_up(&ben, lobby).await;
        assert_eq!((teams(&now)[1].clone(), now.queue), (vec![Some(id(&cy))], vec![id(&dot), id(&eve)]));
        // Somebody leaves.
        leaves(&cy, lobby).await;
        assert_eq!(teams(&inside(&ana, lobby).await)[1], [Some(id(&dot))]);
        // Somebody gives their seat to whoever waits, and waits themselves.
        let now = queues(&dot, lobby).await;
        assert_eq!((teams(&now)[1].clone(), now.queue), (vec![Some(id(&eve))], vec![id(&dot)]));
        // Somebody is removed.
        let kicked = KickFromLobby { lobby_id: lobby, user_id: id(&eve), ban_seconds: None, reason: None };
        kick(&ana, kicked).await.unwrap();
        let now = inside(&ana, lobby).await;
        assert_eq!((teams(&now)[1].clone(), now.queue), (vec![Some(id(&dot))], vec![]));
        // To nobody who waits there is nobody to give a seat to, and a free one is given at once.
        assert_eq!(teams(&queues(&dot, lobby).await)[1], [Some(id(&dot))]);
        stands_up(&dot, lobby).await;
        assert_eq!(teams(&queues(&ben, lobby).await)[1], [Some(id(&ben))]);
    })
    .await;
}

#[tokio::test]
async fn criterion_22_the_seat_of_a_removed_bot_and_of_one_who_is_gone_goes_to_the_head_of_the_queue() {
    on_both_engines(async |hall| {
        let [ana, ben, cy] = people(hall, ["Ana", "Ben", "Cy"]).await;
        let lobby = opened(&ana, opening("Den")).await;
        let bot = AddLobbyBot { lobby_id: lobby, name: "Robo".into(), team: Some(2), properties: None };
        let bot_id = add_bot(&ana, bot).await.unwrap().bot_id;
        for user in [&ben, &cy] {
            plays(user, lobby).await.unwrap();
        }
        assert_eq!(inside(&ana, lobby).await.queue, [&ben, &cy].map(id));
        let now = remove_bot(&ana, RemoveLobbyBot { lobby_id: lobby, bot_id }).await.unwrap().lobby;
        assert_eq!((teams(&now)[1].clone(), now.queue), (vec![Some(id(&ben))], vec![id(&cy)]));
        follow::leave_behind(hall.hall.downgrade(), id(&ben), u64::MAX).await;
        let now = inside(&ana, lobby).await;
        assert_eq!((teams(&now)[1].clone(), now.queue), (vec![Some(id(&cy))], vec![]));
    })
    .await;
}

#[tokio::test]
async fn b31_t110_whoever_stands_up_watches_beside_those_who_did_and_nobody_is_forgotten() {
    on_both_engines(async |hall| {
        let [ana, ben, cy, dot] = people(hall, ["Ana", "Ben", "Cy", "Dot"]).await;
        let lobby = opened(&ana, opening("Den")).await;
        for user in [&ben, &cy, &dot] {
            watches(user, lobby).await.unwrap();
        }
        let watching = |lobby: &Lobby| {
            let members = lobby.members.iter().filter(|(_, member)| member.seated_at.is_none());
            members.map(|(user, _)| *user).collect::<Vec<_>>()
        };
        let sorted = |users: &[&Cx]| {
            let mut users: Vec<UserId> = users.iter().copied().map(id).collect();
            users.sort_unstable();
            users
        };
        let now = sits(&ben, lobby, 2).await.unwrap().lobby;
        assert_eq!(watching(&now), sorted(&[&cy, &dot]));
        let now = stands_up(&ben, lobby).await;
        assert_eq!(watching(&now), sorted(&[&ben, &cy, &dot]));
        assert_eq!(teams(&now), [vec![Some(id(&ana))], vec![]]);
        let now = stands_up(&ana, lobby).await;
        assert_eq!((watching(&now), now.members.len()), (sorted(&[&ana, &ben, &cy, &dot]), 4));
    })
    .await;
}

#[tokio::test]
async fn shrinking_pushes_the_surplus_to_the_front_of_the_queue_and_growing_seats_those_who_wait() {
    on_both_engines(async |hall| {
        let [ana, ben, cy, dot] = people(hall, ["Ana", "Ben", "Cy", "Dot"]).await;
        let teams_of = Some(TeamsShape { count: 3, size: 1 });
        let lobby = opened(&ana, OpenLobby { teams: teams_of, ..opening("Den") }).await;
        for user in [&ben, &cy, &dot] {
            plays(user, lobby).await.unwrap();
        }
        assert_eq!(inside(&ana, lobby).await.queue, [id(&dot)]);
        let ear = Ear::at(hall, [Topic::Lobby(lobby)]);
        let now = update(&ana, shape(lobby, 1, 1)).await.unwrap().lobby;
        assert_eq!(now.queue, [&ben, &cy, &dot].map(id));
        let patches = ear.patches();
        assert_eq!(patches[0]["teams"], json!({ "2": null, "3": null }), "removed teams are taken away");
        let now = update(&ana, shape(lobby, 1, 3)).await.unwrap().lobby;
        assert_eq!(
            (teams(&now), now.queue),
            (vec![[&ana, &ben, &cy].map(|cx| Some(id(cx))).to_vec()], vec![id(&dot)])
        );
        let version = now.version;
        assert_eq!(update(&ana, shape(lobby, 1, 3)).await.unwrap().lobby.version, version);
    })
    .await;
}

#[tokio::test]
async fn t111_teams_keep_to_their_mode_and_stay_as_they_are_while_a_game_runs() {
    on_both_engines(async |hall| {
        let [ana] = people(hall, ["Ana"]).await;
        let lobby = opened(&ana, opening("Den")).await;
        assert_eq!(code(update(&ana, shape(lobby, 9, 1)).await), "lobby_teams_refused");
        let go = StartLobby { lobby_id: lobby, countdown_ms: Some(0) };
        let version = start_game(&ana, go).await.unwrap().lobby.version;
        assert_eq!(code(update(&ana, shape(lobby, 3, 1)).await), "lobby_running");
        assert_eq!(update(&ana, shape(lobby, 2, 1)).await.unwrap().lobby.version, version, "as they are");
    })
    .await;
}

#[tokio::test]
async fn bots_take_seats_take_partial_updates_and_vanish_with_their_owner() {
    on_both_engines(async |hall| {
        let [ana, ben, cy] = people(hall, ["Ana", "Ben", "Cy"]).await;
        let teams_of = Some(TeamsShape { count: 1, size: 4 });
        let lobby = opened(&ana, OpenLobby { teams: teams_of, ..opening("Den") }).await;
        watches(&ben, lobby).await.unwrap();
        let add = || AddLobbyBot {
            lobby_id: lobby,
            name: "Robo".into(),
            team: None,
            properties: Some(Map::from_iter([("level".into(), json!(3)), ("colour".into(), json!("red"))])),
        };
        assert_eq!(code(add_bot(&ben, add()).await), "lobby_seat_needed");
        sits(&ben, lobby, 1).await.unwrap();
        let bot = add_bot(&ben, add()).await.unwrap().bot_id;
        assert_eq!(teams(&inside(&ben, lobby).await), [vec![Some(id(&ana)), Some(id(&ben)), None]]);
        let patch = |bytes: usize| UpdateLobbyBot {
            lobby_id: lobby,
            bot_id: bot,
            name: None,
            properties: Some(Map::from_iter([
                ("level".into(), Value::Null),
                ("aim".into(), json!("x".repeat(bytes))),
            ])),
        };
        let changed = update_bot(&ben, patch(1)).await.unwrap().lobby;
        assert_eq!(
            Value::Object(changed.bots[&bot].properties.clone()),
            json!({ "colour": "red", "aim": "x" })
        );
        assert_eq!(code(update_bot(&ben, patch(LOBBY_MEMBER_BYTES_MAX)).await), "invalid");
        watches(&cy, lobby).await.unwrap();
        assert_eq!(code(update_bot(&cy, patch(1)).await), "lobby_boss_needed");
        update_bot(&ana, patch(2)).await.unwrap();
        add_bot(&ana, add()).await.unwrap();
        // All seats are taken; the owner's leaving frees two, of which the queue gets the first.
        queue(&cy, QueueForSeat { lobby_id: lobby }).await.unwrap();
        leaves(&ben, lobby).await;
        let now = inside(&ana, lobby).await;
        assert_eq!(teams(&now), [vec![Some(id(&ana)), None, Some(id(&cy))]]);
        assert_eq!(now.bots.len(), 1);
        let last = *now.bots.keys().next().unwrap();
        assert_eq!(
            code(remove_bot(&ana, RemoveLobbyBot { lobby_id: lobby, bot_id: bot }).await),
            "no_such_lobby_bot"
        );
        remove_bot(&ana, RemoveLobbyBot { lobby_id: lobby, bot_id: last }).await.unwrap();
        assert_eq!(teams(&inside(&ana, lobby).await), [vec![Some(id(&ana)), Some(id(&cy))]]);
    })
    .await;
}

#[tokio::test]
async fn t111_a_member_says_of_themselves_only_what_the_mode_knows() {
    on_both_engines(async |hall| {
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        let lobby = opened(&ana, opening("Den")).await;
        watches(&ben, lobby).await.unwrap();
        let say = || UpdateSelf { lobby_id: lobby, is_ready: None, role: None, properties: None };
        let ready = UpdateSelf { is_ready: Some(true), ..say() };
        assert_eq!(code(update_self(&ben, ready.clone()).await), "lobby_seat_needed");
        assert_eq!(
            code(update_self(&ben, UpdateSelf { role: Some("medic".into()), ..say() }).await),
            "no_such_role"
        );
        let colour = Map::from_iter([("colour".to_owned(), json!("blue"))]);
        let own = update_self(&ben, UpdateSelf { properties: Some(colour), ..say() }).await.unwrap();
        assert_eq!(own.lobby.members[&id(&ben)].properties["colour"], "blue");
        sits(&ben, lobby, 2).await.unwrap();
        assert!(update_self(&ben, ready).await.unwrap().lobby.members[&id(&ben)].is_ready);
        // The host seats others, and nobody else does.
        let elsewhere = |user: &Cx| Spectate { lobby_id: lobby, user_id: Some(id(user)) };
        assert_eq!(code(spectate(&ben, elsewhere(&ana)).await), "lobby_boss_needed");
        let now = spectate(&ana, elsewhere(&ben)).await.unwrap().lobby;
        assert!(!now.members[&id(&ben)].is_ready && now.members[&id(&ben)].seated_at.is_none());
        let stranger = Spectate { lobby_id: lobby, user_id: Some(ana.new_id()) };
        assert_eq!(code(spectate(&ana, stranger).await), "not_a_lobby_member");
    })
    .await;
}
