//! Who may not write for a while has others read nothing of theirs, wherever it would stand, and reaches nobody with words or invites.

use moothall_protocol::accounts::{Audience, PutExtra};
use moothall_protocol::communication::{CreateGroup, CreateRoom, OpenRoom, UpdateRoom};
use moothall_protocol::connections::UpdatePresence;
use moothall_protocol::lobbies::{InviteToLobby, LobbyPropertiesChange, OpenLobby, UpdateLobby};
use moothall_protocol::parties::{CreateParty, InviteToParty};
use moothall_protocol::relationships::AskFriend;
use moothall_protocol::restrictions::{ImposeRestriction, RestrictionScope};
use moothall_protocol::{LobbyId, RoomId};
use serde_json::{Map, Value, json};

use super::*;
use crate::accounts::testing::code;
use crate::restrictions::testing::{imposed, restriction};
use crate::testing::{TestHall, on_both_engines};
use crate::{communication, connections, lobbies, parties};

pub(super) fn room(name: &str) -> CreateRoom {
    CreateRoom {
        name: name.to_owned(),
        topic: None,
        member_only: None,
        read_only: None,
        slow_mode_ms: None,
        retention_days: None,
        live_only: None,
    }
}

fn renaming(room_id: RoomId) -> UpdateRoom {
    UpdateRoom {
        room_id,
        name: None,
        topic: None,
        member_only: None,
        read_only: None,
        slow_mode_ms: None,
        retention_days: None,
        if_version: None,
        reason: None,
    }
}

pub(super) fn opening(name: &str) -> OpenLobby {
    OpenLobby {
        name: name.to_owned(),
        mode: "free".into(),
        host_kind: None,
        on_host_loss: None,
        access: None,
        password: None,
        map: None,
        teams: None,
        is_rated: None,
        has_bosses: None,
        tags: Vec::new(),
        properties: None,
    }
}

fn changing(lobby_id: LobbyId) -> UpdateLobby {
    UpdateLobby {
        lobby_id,
        name: None,
        access: None,
        password: None,
        is_locked: None,
        map: None,
        teams: None,
        is_rated: None,
        has_bosses: None,
        on_host_loss: None,
        tags: None,
        properties: None,
        if_version: None,
        reason: None,
    }
}

async fn two(hall: &TestHall) -> [Cx; 2] {
    [hall.user("Ana").await, hall.user("Ben").await].map(|user| hall.call(user, &[]))
}

#[tokio::test]
async fn who_may_not_write_has_nobody_read_anything_else_of_theirs() {
    on_both_engines(async |hall| {
        let [ana, ben] = two(hall).await;
        let ana_id = ana.user().unwrap();
        let tavern = communication::create_room(&ana, room("Tavern")).await.unwrap().id;
        let lobby = lobbies::open(&ana, opening("Den")).await.unwrap().lobby.id;
        for (one, other) in [(&ana, &ben), (&ben, &ana)] {
            let ask = AskFriend { user_id: other.user().unwrap(), message: None };
            relationships::ask(one, ask).await.unwrap();
        }
        imposed(hall, restriction(ana_id, &["chat"])).await;

        assert_eq!(code(communication::create_room(&ana, room("Rude")).await), "restricted");
        assert_eq!(
            code(communication::open_room(&ana, OpenRoom { name: "Rude".into() }).await),
            "restricted"
        );
        let same = OpenRoom { name: "Tavern".into() };
        assert_eq!(code(communication::open_room(&ana, same).await), "ok", "which is there already");
        for change in [
            UpdateRoom { name: Some("Rude".into()), ..renaming(tavern) },
            UpdateRoom { topic: Some("rude".into()), ..renaming(tavern) },
        ] {
            assert_eq!(code(communication::update_room(&ana, change).await), "restricted");
        }
        let slower = UpdateRoom { slow_mode_ms: Some(1_000), topic: Some(String::new()), ..renaming(tavern) };
        assert_eq!(code(communication::update_room(&ana, slower).await), "ok", "nobody reads that");
        let group = |name: Option<&str>| CreateGroup {
            user_ids: vec![ben.user().unwrap()],
            name: name.map(str::to_owned),
        };
        assert_eq!(code(communication::create_group(&ana, group(Some("Rude"))).await), "restricted");
        assert_eq!(code(communication::create_group(&ana, group(None)).await), "ok");

        assert_eq!(code(lobbies::open(&ana, opening("Rude")).await), "restricted");
        let says = |value: Value| LobbyPropertiesChange {
            public: Map::from_iter([("motto".to_owned(), value)]),
            members: Map::new(),
            host: Map::new(),
        };
        for change in [
            UpdateLobby { name: Some("Rude".into()), ..changing(lobby) },
            UpdateLobby { tags: Some(vec!["rude".into()]), ..changing(lobby) },
            UpdateLobby { properties: Some(says(json!({ "deep": ["rude"] }))), ..changing(lobby) },
        ] {
            assert_eq!(code(lobbies::update(&ana, change).await), "restricted");
        }
        let locked = UpdateLobby { is_locked: Some(true), tags: Some(Vec::new()), ..changing(lobby) };
        assert_eq!(code(lobbies::update(&ana, locked).await), "ok");

        let shows = |text: &str| UpdatePresence { text: Some(text.into()), ..UpdatePresence::default() };
        assert_eq!(code(connections::update_presence(&ana, shows("rude")).await), "restricted");
        // Neither has a socket, which is asked after that.
        assert_eq!(code(connections::update_presence(&ben, shows("kind")).await), "not_connected");
        let gone = connections::update_presence(&ana, shows("")).await;
        assert_eq!(code(gone), "not_connected", "what stood there may go");

        let put = |audience, value: Value| PutExtra {
            user_id: ana_id,
            key: "motto".into(),
            audience: Some(audience),
            value,
            if_version: None,
            reason: None,
        };
        for audience in [Audience::Public, Audience::Friends] {
            let refused = accounts::put_extra(&ana, put(audience, json!("rude"))).await;
            assert_eq!(code(refused), "restricted");
            assert_eq!(code(accounts::put_extra(&ana, put(audience, json!({ "level": 3 }))).await), "ok");
        }
        assert_eq!(code(accounts::put_extra(&ana, put(Audience::Owner, json!("rude"))).await), "ok");
        // Nor by having others read what nobody else was to.
        let refused = accounts::put_extra(&ana, put(Audience::Public, json!("rude"))).await;
        assert_eq!(code(refused), "restricted");
        // In the room for which it holds, and no other.
        let scope = RestrictionScope { room_id: Some(tavern), ..RestrictionScope::default() };
        let cem = hall.call(hall.user("Cem").await, &[]);
        let theirs = communication::create_room(&cem, room("Inn")).await.unwrap().id;
        let elsewhere = ImposeRestriction { scope, ..restriction(cem.user().unwrap(), &["chat"]) };
        imposed(hall, elsewhere).await;
        let topic = UpdateRoom { topic: Some("well met".into()), ..renaming(theirs) };
        assert_eq!(code(communication::update_room(&cem, topic).await), "ok");
    })
    .await;
}

#[tokio::test]
async fn who_may_write_to_nobody_invites_nobody_and_asks_without_words() {
    on_both_engines(async |hall| {
        let [ana, ben] = two(hall).await;
        let user_id = ben.user().unwrap();
        let lobby_id = lobbies::open(&ana, opening("Den")).await.unwrap().lobby.id;
        let party_id = parties::create(&ana, CreateParty::default()).await.unwrap().id;
        imposed(hall, restriction(ana.user().unwrap(), &["direct_message"])).await;
        let to_lobby = InviteToLobby { lobby_id, user_id };
        assert_eq!(code(lobbies::invite(&ana, to_lobby).await), "restricted");
        let to_party = InviteToParty { party_id, user_id };
        assert_eq!(code(parties::invite(&ana, to_party).await), "restricted");
        let ask = |message: Option<&str>| AskFriend { user_id, message: message.map(str::to_owned) };
        assert_eq!(code(relationships::ask(&ana, ask(Some("rude"))).await), "restricted");
        assert_eq!(code(relationships::ask(&ana, ask(None)).await), "ok");
    })
    .await;
}
