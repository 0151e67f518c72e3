//! The room in which a party talks.

use moothall_protocol::communication::{
    AddMember, ArchiveRoom, GetRoom, JoinRoom, LeaveRoom, ListMembers, ReadHistory, Room, SendMessage,
    UpdateRoom,
};

use super::*;
use crate::communication as chat;
use crate::runtime::Entity as _;

fn text(party: &Party, text: &str) -> SendMessage {
    SendMessage {
        room_id: party.room_id,
        text: text.to_owned(),
        attachments: Vec::new(),
        reply_to: None,
        mentions: Vec::new(),
    }
}

async fn room(player: &Player, party: &Party) -> Result<Room, chat::Error> {
    chat::get_room(&player.cx, GetRoom { room_id: party.room_id }).await
}

#[tokio::test]
async fn members_talk_in_a_room_that_follows_the_party_and_closes_with_it() {
    on_both_engines(async |hall| {
        let mut all = players::<2>(hall).await;
        let [cleo] = &mut players(hall).await;
        let id = party_of(&mut all).await;
        let [ana, ben] = &mut all;
        let party = ana.get(id).await.unwrap();
        chat::send(&ana.cx, text(&party, "ready?")).await.unwrap();
        chat::send(&ben.cx, text(&party, "go")).await.unwrap();
        assert_eq!(code(chat::send(&cleo.cx, text(&party, "hello")).await), "not_found");
        ana.invite(id, cleo).await.unwrap();
        assert_eq!(code(chat::send(&cleo.cx, text(&party, "hello")).await), "not_found", "not yet");
        cleo.accept(id).await.unwrap();
        chat::send(&cleo.cx, text(&party, "hello")).await.unwrap();
        ben.leave(id).await.unwrap();
        assert_eq!(code(chat::send(&ben.cx, text(&party, "bye")).await), "not_found");
        assert_eq!(room(ana, &party).await.unwrap().members, 2);
        ana.leave(id).await.unwrap();
        cleo.leave(id).await.unwrap();
        assert_eq!(code(room(cleo, &party).await), "not_found", "nobody is in it");
        let (server, room_id) = (hall.server(), party.room_id);
        let kept = async || {
            chat::sweep(&server).await.unwrap();
            server.read(move |tx| chat::room::Room::load(tx, room_id)).await.unwrap().is_some()
        };
        assert!(kept().await, "its history ends by retention");
        hall.clock.advance(Duration::from_secs(7 * 24 * 3_600));
        assert!(!kept().await, "and so does it");
        let late = chat::seat_following_room(&hall.server(), party.room_id, vec![ana.id], i64::MAX).await;
        assert!(late.is_ok(), "whoever comes late finds it closed");
        assert_eq!(code(room(ana, &party).await), "not_found");
    })
    .await;
}

#[tokio::test]
async fn nobody_comes_into_the_room_of_a_party_but_with_the_party() {
    on_both_engines(async |hall| {
        let mut all = players::<2>(hall).await;
        let [cleo] = players(hall).await;
        let id = party_of(&mut all).await;
        let [ana, ben] = &all;
        let party = ana.get(id).await.unwrap();
        let room_id = party.room_id;
        assert_eq!(code(chat::join(&cleo.cx, JoinRoom { room_id }).await), "not_found");
        assert_eq!(code(chat::leave(&ben.cx, LeaveRoom { room_id }).await), "party_room");
        let add = AddMember { room_id, user_id: cleo.id, reason: None };
        assert_eq!(code(chat::add_member(&ana.cx, add).await), "user_unreachable", "who is no friend");
        let add = AddMember { room_id, user_id: ana.id, reason: None };
        assert_eq!(code(chat::add_member(&ben.cx, add).await), "user_unreachable");
        let rename = UpdateRoom {
            room_id,
            name: Some("Den".to_owned()),
            topic: None,
            member_only: None,
            read_only: None,
            slow_mode_ms: None,
            retention_days: None,
            if_version: None,
            reason: None,
        };
        assert_eq!(code(chat::update_room(&ana.cx, rename).await), "party_room");
        let staff = hall.call(ben.id, &[chat::MODERATE]);
        let close = ArchiveRoom { room_id, reason: Some("tidy".to_owned()) };
        assert_eq!(code(chat::archive_room(&staff, close).await), "party_room");
        let strange = hall.call(cleo.id, &[chat::MODERATE]);
        let read = ReadHistory { room_id, before: None, after: None, around: None, limit: None };
        assert_eq!(code(chat::history(&strange, read).await), "not_found", "not even staff reads it");
    })
    .await;
}

#[tokio::test]
async fn a_room_that_missed_a_change_follows_when_the_server_starts() {
    on_both_engines(async |hall| {
        let mut all = players::<3>(hall).await;
        let id = party_of(&mut all).await;
        let [ana, ben, _] = &mut all;
        let party = ana.get(id).await.unwrap();
        // As if the server had died before the room heard of the other two.
        chat::seat_following_room(&hall.server(), party.room_id, vec![ana.id], 99).await.unwrap();
        assert_eq!(code(room(ben, &party).await), "not_found");
        hall.restart().await;
        for player in [&mut *ana, ben] {
            player.connect(hall).await;
        }
        eventually(async || room(ben, &party).await.is_ok()).await;
        let input = ListMembers { room_id: party.room_id, cursor: None, limit: None };
        assert_eq!(chat::list_members(&ana.cx, input).await.unwrap().items.len(), 3);
    })
    .await;
}
