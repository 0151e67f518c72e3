//! The rooms in which a lobby talks: one for all, one for those who watch.

use moothall_protocol::RoomId;
use moothall_protocol::communication::{
    AddMember, JoinRoom, LeaveRoom, ListMembers, Message, ReadHistory, SendMessage, UpdateRoom,
};
use moothall_protocol::relationships::AskFriend;

use super::*;
use crate::communication::Error as ChatError;
use crate::runtime::Entity as _;
use crate::{communication as chat, relationships};

async fn says(cx: &Cx, room_id: RoomId, text: &str) -> Result<Message, ChatError> {
    let text = text.to_owned();
    chat::send(
        cx,
        SendMessage { room_id, text, attachments: Vec::new(), reply_to: None, mentions: Vec::new() },
    )
    .await
}

async fn reads(cx: &Cx, room_id: RoomId) -> Result<Vec<String>, ChatError> {
    let input = ReadHistory { room_id, before: None, after: None, around: None, limit: None };
    let history = chat::history(cx, input).await?;
    Ok(history.items.into_iter().map(|message| message.text).collect())
}

async fn members(cx: &Cx, room_id: RoomId) -> Vec<UserId> {
    let page = chat::list_members(cx, ListMembers { room_id, cursor: None, limit: None }).await.unwrap();
    page.items.into_iter().map(|member| member.user_id).collect()
}

async fn stands_up(cx: &Cx, lobby_id: LobbyId) {
    spectate(cx, Spectate { lobby_id, user_id: None }).await.unwrap();
}

async fn starts(hall: &TestHall, host: &Cx, lobby_id: LobbyId) {
    start_game(host, StartLobby { lobby_id, countdown_ms: Some(0) }).await.unwrap();
    later(hall, lobby_id, 1).await;
    assert_eq!(inside(host, lobby_id).await.status, LobbyStatus::Running);
}

#[tokio::test]
async fn whoever_is_in_a_lobby_talks_in_its_room_and_whoever_leaves_or_is_kicked_does_not_from_that_moment() {
    on_both_engines(async |hall| {
        let [ana, ben, cy, eve] = people(hall, ["Ana", "Ben", "Cy", "Eve"]).await;
        let lobby = opened(&ana, opening("Den")).await;
        let room = inside(&ana, lobby).await.room_id;
        says(&ana, room, "anybody?").await.unwrap();
        assert_eq!(code(says(&ben, room, "me").await), "not_found", "not yet");
        plays(&ben, lobby).await.unwrap();
        watches(&cy, lobby).await.unwrap();
        says(&ben, room, "me").await.unwrap();
        says(&cy, room, "and me").await.unwrap();
        assert_eq!(reads(&cy, room).await.unwrap(), ["anybody?", "me", "and me"]);
        leaves(&ben, lobby).await;
        assert_eq!(code(says(&ben, room, "bye").await), "not_found");
        assert_eq!(code(reads(&ben, room).await), "not_found");
        let out = KickFromLobby { lobby_id: lobby, user_id: id(&cy), ban_seconds: None, reason: None };
        kick(&ana, out).await.unwrap();
        assert_eq!(code(says(&cy, room, "why?").await), "not_found");
        assert_eq!(code(reads(&cy, room).await), "not_found");
        let staff = hall.call(id(&eve), &[chat::MODERATE, MODERATE]);
        assert_eq!(code(reads(&staff, room).await), "not_found", "not even staff reads it");
    })
    .await;
}

#[tokio::test]
async fn the_rooms_of_a_lobby_are_described_by_nobody_and_entered_by_nobody_but_through_it() {
    on_both_engines(async |hall| {
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        let lobby = opened(&ana, opening("Den")).await;
        let now = inside(&ana, lobby).await;
        for room_id in [now.room_id, now.spectators_room_id] {
            assert_eq!(code(chat::join(&ben, JoinRoom { room_id }).await), "not_found");
        }
        let room_id = now.room_id;
        // Whom she may bring elsewhere.
        for (one, other) in [(&ana, &ben), (&ben, &ana)] {
            let ask = AskFriend { user_id: id(other), message: None };
            relationships::ask(one, ask).await.unwrap();
        }
        let add = AddMember { room_id, user_id: id(&ben), reason: None };
        assert_eq!(code(chat::add_member(&ana, add).await), "lobby_room");
        assert_eq!(code(chat::leave(&ana, LeaveRoom { room_id }).await), "lobby_room");
        let rename = UpdateRoom {
            room_id,
            name: None,
            topic: Some("ours".into()),
            member_only: None,
            read_only: None,
            slow_mode_ms: None,
            retention_days: None,
            if_version: None,
            reason: None,
        };
        assert_eq!(code(chat::update_room(&ana, rename).await), "lobby_room");
    })
    .await;
}

#[tokio::test]
async fn spectators_talk_among_themselves_and_a_player_of_the_running_game_reads_none_of_it() {
    on_both_engines(async |hall| {
        let [ana, ben, cy] = people(hall, ["Ana", "Ben", "Cy"]).await;
        let lobby = opened(&ana, opening("Den")).await;
        let room = inside(&ana, lobby).await.spectators_room_id;
        watches(&ben, lobby).await.unwrap();
        watches(&cy, lobby).await.unwrap();
        says(&cy, room, "blue will win").await.unwrap();
        assert_eq!(reads(&ben, room).await.unwrap(), ["blue will win"]);
        assert_eq!(code(reads(&ana, room).await), "not_found", "who has a seat is not among them");
        sits(&ben, lobby, 2).await.unwrap();
        assert_eq!(code(reads(&ben, room).await), "not_found", "the seat takes them out at once");
        stands_up(&ben, lobby).await;
        assert_eq!(reads(&ben, room).await.unwrap(), ["blue will win"]);
        sits(&ben, lobby, 2).await.unwrap();
        starts(hall, &ana, lobby).await;
        says(&cy, room, "red is in the valley").await.unwrap();
        stands_up(&ben, lobby).await;
        assert_eq!(code(reads(&ben, room).await), "not_found", "Ben might sit down again");
        says(&ben, inside(&ben, lobby).await.room_id, "well played").await.unwrap();
        // A restart changes nothing of it.
        hall.restart().await;
        let [ana, ben, cy] = [&ana, &ben, &cy].map(|user| hall.call(id(user), &[]));
        later(hall, lobby, 1).await;
        assert_eq!(code(reads(&ben, room).await), "not_found");
        says(&cy, room, "still here").await.unwrap();
        let match_id = inside(&ana, lobby).await.match_id.unwrap();
        played(&ana, match_id).await;
        assert_eq!(reads(&ben, room).await.unwrap().len(), 3, "it is over");
    })
    .await;
}

#[tokio::test]
async fn a_dedicated_host_speaks_in_the_room_of_its_lobby_and_is_not_among_the_spectators() {
    on_both_engines(async |hall| {
        let [host, ana] = people(hall, ["Helm", "Ana"]).await;
        let host = hall.call(id(&host), &[crate::accounts::HOST]);
        let lobby =
            opened(&host, OpenLobby { host_kind: Some(HostKind::Dedicated), ..opening("Arena") }).await;
        let now = inside(&host, lobby).await;
        says(&host, now.room_id, "the arena is open").await.unwrap();
        watches(&ana, lobby).await.unwrap();
        assert_eq!(reads(&ana, now.room_id).await.unwrap(), ["the arena is open"]);
        says(&ana, now.room_id, "hello").await.unwrap();
        assert_eq!(reads(&host, now.room_id).await.unwrap().len(), 2);
        assert_eq!(code(reads(&host, now.spectators_room_id).await), "not_found");
        leaves(&ana, lobby).await;
        says(&host, now.room_id, "nobody hears me").await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_rooms_close_with_their_lobby_and_go_when_what_was_said_has_had_its_days() {
    on_both_engines(async |hall| {
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        let lobby = opened(&ana, opening("Den")).await;
        plays(&ben, lobby).await.unwrap();
        let now = inside(&ana, lobby).await;
        says(&ana, now.room_id, "good night").await.unwrap();
        close(&ana, CloseLobby { lobby_id: lobby, reason: None }).await.unwrap();
        assert_eq!(code(says(&ben, now.room_id, "wait").await), "not_found");
        assert_eq!(code(says(&ana, now.room_id, "wait").await), "not_found");
        let server = hall.server();
        let kept = async |room: RoomId| {
            chat::sweep(&server).await.unwrap();
            server.read(move |tx| chat::room::Room::load(tx, room)).await.unwrap().is_some()
        };
        assert!(kept(now.room_id).await, "its history ends by retention");
        assert!(!kept(now.spectators_room_id).await, "nothing was ever said there");
        let days = u64::from(hall.hall.settings().lobbies.chat_days);
        hall.clock.advance(Duration::from_secs(days * 24 * 3_600));
        assert!(!kept(now.room_id).await, "and so does the room");
    })
    .await;
}

#[tokio::test]
async fn rooms_that_missed_a_change_or_the_end_of_their_lobby_follow_when_the_server_starts() {
    on_both_engines(async |hall| {
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        let lobby = opened(&ana, opening("Den")).await;
        watches(&ben, lobby).await.unwrap();
        let now = inside(&ana, lobby).await;
        // As if the server had died before the rooms heard of Ben, and before the room of another lobby heard of its end.
        let cx = hall.server();
        chat::seat_following_room(&cx, now.room_id, vec![id(&ana)], 99).await.unwrap();
        chat::seat_following_room(&cx, now.spectators_room_id, vec![], 99).await.unwrap();
        let [cy] = people(hall, ["Cy"]).await;
        let other = opened(&cy, opening("Pit")).await;
        let room = inside(&cy, other).await.room_id;
        hall.server().write(move |tx| store::close_room(tx, room)).await.unwrap();
        hall.restart().await;
        let [ana, ben, cy] = [&ana, &ben, &cy].map(|user| hall.call(id(user), &[]));
        let wait = async {
            while code(says(&ben, now.spectators_room_id, "back").await) != "ok"
                || code(says(&ben, now.room_id, "back").await) != "ok"
                || code(says(&cy, room, "back").await) != "not_found"
            {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.expect("the rooms follow");
        let mut both = [id(&ana), id(&ben)];
        both.sort_unstable();
        assert_eq!(members(&ben, now.room_id).await, both);
        assert_eq!(hall.server().read(store::closing_rooms).await.unwrap(), []);
    })
    .await;
}
