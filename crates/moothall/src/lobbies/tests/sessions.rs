//! Lobbies and their connected players: what a session begins with, who drops, who is back, who is sent away.

use moothall_protocol::CloseCode;
use moothall_protocol::connections::Disconnect;
use moothall_protocol::matches::OwnMatches;
use moothall_protocol::parties::{CreateParty, InviteToParty, OwnParties};

use super::*;
use crate::accounts::HOST;
use crate::accounts::testing::{PASSWORD, sign_up, try_sign_in, with_accounts};
use crate::{Caller, Permissions, parties};

fn grace(hall: &TestHall) -> Duration {
    Duration::from_millis(hall.hall.settings().connections.grace_ms)
}

/// Loses the socket, and returns once that is known.
async fn drops(player: Player) -> Cx {
    let Player { cx, stream } = player;
    let dropped_at = async || connections::own_presence(&cx).await.unwrap().last_disconnected_at;
    let before = dropped_at().await;
    drop(stream);
    until(async || dropped_at().await != before).await;
    cx
}

/// A player with a socket who may host as a machine does.
async fn machine(hall: &TestHall) -> Player {
    let cx = clients::call(&hall.hall, &clients::sign_up_guest(&hall.hall).await).await;
    let mut identity = cx.identity().unwrap().clone();
    identity.permissions = Permissions::new([HOST.0.to_owned()]);
    Player::connect(cx.by(Caller::Member(Arc::new(identity)))).await
}

async fn started(cx: &Cx, lobby_id: LobbyId) -> MatchId {
    let own = start_game(cx, StartLobby { lobby_id, countdown_ms: Some(0) }).await.unwrap();
    own.lobby.match_id.unwrap()
}

fn is_of_lobbies(event: &Event) -> bool {
    matches!(
        event,
        Event::LobbyJoined(_)
            | Event::LobbyLeft(_)
            | Event::LobbyUpdated(_)
            | Event::LobbyHosted(_)
            | Event::LobbyHostUpdated(_)
            | Event::LobbyClosed(_)
    )
}

#[tokio::test]
async fn criterion_1_the_first_message_says_party_invites_lobby_and_match_also_after_a_reconnect() {
    on_both_engines(async |hall| {
        let [mut ana, ben, cy] = players(hall).await;
        let first = ana.ready();
        assert_eq!((first.parties, first.lobbies), (OwnParties::default(), OwnLobbies::default()));
        assert_eq!(first.matches, OwnMatches::default());
        let party = parties::create(&ana.cx, CreateParty::default()).await.unwrap();
        let other = parties::create(&cy.cx, CreateParty::default()).await.unwrap();
        let invite = InviteToParty { party_id: other.id, user_id: ana.id() };
        let invite = parties::invite(&cy.cx, invite).await.unwrap();
        let lobby = opened(&ana.cx, opening("Den")).await;
        plays(&ben.cx, lobby).await.unwrap();
        let match_id = started(&ana.cx, lobby).await;
        let before = view(&ana.cx, ViewLobby { lobby_id: lobby }).await.unwrap();
        let mut ana = ana.again(hall).await;
        let told = ana.ready();
        assert_eq!(told.parties.party.map(|told| told.id), Some(party.id));
        assert_eq!(told.parties.invites, [invite]);
        assert!(told.lobbies.lobby.as_deref() == Some(&before));
        let playing: Vec<MatchId> = told.matches.playing.iter().map(|own| own.game.id).collect();
        assert_eq!(playing, [match_id]);
        assert!(told.matches.playing[0].token.is_some(), "with what lets them in");
        let seen = told.presence.presence;
        assert_eq!((seen.lobby_id, seen.party_id), (Some(lobby), Some(party.id)));
    })
    .await;
}

#[tokio::test]
async fn b61_b63_whoever_comes_back_hears_of_lobby_and_match_again_and_of_each_change_once() {
    on_both_engines(async |hall| {
        let [ana, ben] = players(hall).await;
        let lobby = opened(&ana.cx, opening("Den")).await;
        plays(&ben.cx, lobby).await.unwrap();
        let match_id = started(&ana.cx, lobby).await;
        let mut ben = ben.again(hall).await;
        ben.ready();
        let rename = UpdateLobby { name: Some("Lair".into()), ..change(lobby) };
        let renamed = update(&ana.cx, rename).await.unwrap().lobby.version;
        let ready = ReadyMatch { match_id, addresses: Vec::new(), connection: Map::new() };
        crate::matches::ready(&ana.cx, ready).await.unwrap();
        // What they change themselves comes back as often as what others do.
        let say = UpdateSelf { lobby_id: lobby, is_ready: Some(true), role: None, properties: None };
        let said = update_self(&ben.cx, say).await.unwrap().lobby.version;
        let (mut of_lobby, mut of_match) = (Vec::new(), Vec::new());
        for event in ben.heard() {
            match event {
                Event::LobbyUpdated(updated) => of_lobby.push(updated.version),
                Event::MatchUpdated(updated) => of_match.push(updated.match_id),
                _ => {}
            }
        }
        assert_eq!((of_lobby, of_match), (vec![renamed, said], vec![match_id]));
    })
    .await;
}

#[tokio::test]
async fn criterion_2_who_disconnects_has_left_and_who_drops_keeps_their_seat_for_the_grace_period() {
    on_both_engines(async |hall| {
        let [ana, ben, cy, dot] = players(hall).await;
        let lobby = opened(&ana.cx, opening("Den")).await;
        for player in [&ben, &cy, &dot] {
            plays(&player.cx, lobby).await.unwrap();
        }
        let second = async || teams(&inside(&ana.cx, lobby).await)[1].clone();
        assert_eq!(second().await, [Some(ben.id())]);
        let cy_id = cy.id();
        connections::disconnect(&ben.cx, Disconnect {}).await.unwrap();
        until(async || second().await == [Some(cy_id)]).await;
        assert_eq!(ben.lobby().await, None);
        let cy = drops(cy).await;
        hall.clock.advance(grace(hall) - Duration::from_secs(100));
        assert_eq!(second().await, [Some(cy_id)]);
        let cy = Player::connect(cy).await;
        hall.clock.advance(grace(hall));
        assert_eq!(second().await, [Some(cy_id)], "the time of a drop that is over means nothing");
        drops(cy).await;
        in_time(hall, async || second().await == [Some(dot.id())]).await;
        let now = inside(&ana.cx, lobby).await;
        assert_eq!((now.members.len(), now.queue), (2, vec![]));
    })
    .await;
}

#[tokio::test]
async fn criterion_2_a_second_sign_in_closes_the_first_socket_and_its_user_stays_where_they_are() {
    with_accounts(async |hall| {
        let signed_up = sign_up(&hall.hall, "Ana").await;
        let mut first = Player::of(hall, &signed_up).await;
        let party = parties::create(&first.cx, CreateParty::default()).await.unwrap();
        let lobby = opened(&first.cx, opening("Den")).await;
        let signed_in = try_sign_in(&hall.hall, "10.0.0.1", "Ana", PASSWORD).await.unwrap();
        let mut second = Player::of(hall, &signed_in).await;
        // What waits comes before the end.
        let closing = (0..2).find_map(|_| first.stream.take(usize::MAX).err()).unwrap();
        assert_eq!(closing.code, CloseCode::Replaced);
        let told = second.ready();
        assert_eq!(told.lobbies.lobby.map(|own| own.lobby.id), Some(lobby));
        assert_eq!(told.parties.party.map(|told| told.id), Some(party.id));
        drop(first);
        hall.clock.advance(grace(hall));
        let own = connections::own_presence(&second.cx).await.unwrap();
        assert_eq!((own.presence.is_online, own.presence.lobby_id), (true, Some(lobby)));
        assert_eq!(inside(&second.cx, lobby).await.host_id, second.id());
    })
    .await;
}

#[tokio::test]
async fn t115_a_host_that_is_back_in_time_still_hosts_and_one_that_is_not_does_not() {
    on_both_engines(async |hall| {
        let [ana] = players(hall).await;
        let host = machine(hall).await;
        let dedicated = OpenLobby { host_kind: Some(HostKind::Dedicated), ..opening("Arena") };
        let lobby = opened(&host.cx, dedicated).await;
        let host = drops(host).await;
        hall.clock.advance(grace(hall) - Duration::from_secs(1));
        let mut host = Player::connect(host).await;
        assert_eq!(host.ready().lobbies.hosted, [lobby]);
        hall.clock.advance(grace(hall));
        plays(&ana.cx, lobby).await.unwrap();
        let is_told = host.heard().iter().any(|event| matches!(event, Event::LobbyHostUpdated(_)));
        assert!(is_told, "it knows whom to let in");
        drops(host).await;
        let seen = async || code(get(&ana.cx, GetLobby { lobby_id: lobby }).await);
        assert_eq!(seen().await, "ok");
        in_time(hall, async || seen().await == "not_found").await;
        assert_eq!(ana.lobby().await, None);
    })
    .await;
}

#[tokio::test]
async fn criterion_28_a_boss_kicks_at_once_and_the_target_hears_that_they_left_and_nothing_more() {
    on_both_engines(async |hall| {
        let [ana, ben, mut cy, dot] = players(hall).await;
        let teams = Some(TeamsShape { count: 1, size: 4 });
        let lobby = opened(&ana.cx, OpenLobby { has_bosses: Some(true), teams, ..opening("Den") }).await;
        for player in [&ben, &cy, &dot] {
            plays(&player.cx, lobby).await.unwrap();
        }
        let boss = SetLobbyBoss { lobby_id: lobby, user_id: ben.id(), is_boss: true };
        set_boss(&ana.cx, boss).await.unwrap();
        cy.heard();
        let out = KickFromLobby {
            lobby_id: lobby,
            user_id: cy.id(),
            ban_seconds: None,
            reason: Some("rude".into()),
        };
        assert_eq!(code(kick(&dot.cx, out.clone()).await), "lobby_boss_needed");
        kick(&ben.cx, out).await.unwrap();
        let rename = UpdateLobby { name: Some("Lair".into()), ..change(lobby) };
        update(&ana.cx, rename).await.unwrap();
        let heard: Vec<Event> = cy.heard().into_iter().filter(is_of_lobbies).collect();
        let [Event::LobbyLeft(left)] = &heard[..] else { panic!("{heard:?}") };
        assert_eq!((left.why, left.reason.as_deref()), (LeftWhy::Kicked, Some("rude")));
        plays(&cy.cx, lobby).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn b32_whose_lobby_has_closed_is_nowhere_and_takes_nothing_of_it_along() {
    on_both_engines(async |hall| {
        let [ana, ben] = players(hall).await;
        let lobby = opened(&ana.cx, opening("Den")).await;
        plays(&ben.cx, lobby).await.unwrap();
        let colour = Some(Map::from_iter([("colour".to_owned(), json!("red"))]));
        let say = UpdateSelf { lobby_id: lobby, is_ready: Some(true), role: None, properties: colour };
        update_self(&ben.cx, say).await.unwrap();
        let seen_in = async || connections::own_presence(&ben.cx).await.unwrap().presence.lobby_id;
        until(async || seen_in().await == Some(lobby)).await;
        close(&ana.cx, CloseLobby { lobby_id: lobby, reason: None }).await.unwrap();
        until(async || seen_in().await.is_none()).await;
        let other = opened(&ana.cx, opening("Pit")).await;
        let now = watches(&ben.cx, other).await.unwrap().own.unwrap().lobby;
        let member = &now.members[&ben.id()];
        assert_eq!((member.is_ready, member.seated_at, member.properties.len()), (false, None, 0));
    })
    .await;
}
