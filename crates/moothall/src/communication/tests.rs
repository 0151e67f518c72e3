//! Rooms and messages, on a real database of each engine, with a clock that stands still.

mod contact;
mod conversations;
mod export;
mod following;
mod history;
mod messages;
mod restricted;
mod rooms;
mod shadows;
mod streams;
mod sweep;

use moothall_protocol::communication::{CreateRoom, JoinRoom, Message, ReadHistory, Room, SendMessage};
use moothall_protocol::relationships::AskFriend;
use moothall_protocol::{Event, RoomId, UserId};

use super::*;
use crate::accounts::testing::code;
use crate::testing::{Ear, TestHall, on_both_engines, on_both_engines_with};
use crate::{Fault as _, Topic, relationships};

/// A room to make, with nothing but a name.
fn room(name: &str) -> CreateRoom {
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

/// A message of nothing but text.
fn text(room_id: RoomId, text: &str) -> SendMessage {
    SendMessage {
        room_id,
        text: text.to_owned(),
        attachments: Vec::new(),
        reply_to: None,
        mentions: Vec::new(),
    }
}

/// Two users in a room that the first one made.
struct Two {
    ana: Cx,
    ben: Cx,
    ben_id: UserId,
    ana_id: UserId,
    room: Room,
}

async fn two(hall: &TestHall) -> Two {
    let (ana_id, ben_id) = (hall.user("Ana").await, hall.user("Ben").await);
    let (ana, ben) = (hall.call(ana_id, &[]), hall.call(ben_id, &[]));
    let room = create_room(&ana, room("Tavern")).await.unwrap();
    join(&ben, JoinRoom { room_id: room.id }).await.unwrap();
    Two { ana, ben, ana_id, ben_id, room }
}

/// Makes friends of them: only friends bring each other into a conversation.
async fn befriend(one: &Cx, other: &Cx) {
    for (cx, other) in [(one, other), (other, one)] {
        let ask = AskFriend { user_id: other.user().unwrap(), message: None };
        relationships::ask(cx, ask).await.unwrap();
    }
}

async fn say(cx: &Cx, room: RoomId, what: &str) -> Message {
    send(cx, text(room, what)).await.unwrap()
}

/// What a whole room says, oldest first.
async fn all(cx: &Cx, room: RoomId) -> Vec<String> {
    let input = ReadHistory { room_id: room, before: None, after: None, around: None, limit: Some(200) };
    history(cx, input).await.unwrap().items.into_iter().map(|message| message.text).collect()
}

impl Ear {
    /// The texts of the messages among it.
    fn texts(&self) -> Vec<String> {
        let texts = self.heard().into_iter().filter_map(|event| match event {
            Event::MessageSent(message) => Some(message.text),
            _ => None,
        });
        texts.collect()
    }
}
