//! Rooms and messages, on a real database of each engine, with a clock that stands still.

mod conversations;
mod following;
mod history;
mod messages;
mod rooms;
mod streams;
mod sweep;

use std::sync::Arc;

use moothall_protocol::communication::{CreateRoom, JoinRoom, Message, ReadHistory, Room, SendMessage};
use moothall_protocol::connections::Resumed;
use moothall_protocol::{Event, RoomId, UserId};

use super::*;
use crate::testing::{TestHall, on_both_engines, on_both_engines_with};
use crate::topics::{Frame, Outbox, Reader};
use crate::{Fault as _, Topic};

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

async fn say(cx: &Cx, room: RoomId, what: &str) -> Message {
    send(cx, text(room, what)).await.unwrap()
}

/// What a whole room says, oldest first.
async fn all(cx: &Cx, room: RoomId) -> Vec<String> {
    let input = ReadHistory { room_id: room, before: None, after: None, around: None, limit: Some(200) };
    history(cx, input).await.unwrap().items.into_iter().map(|message| message.text).collect()
}

/// Hears what is published on topics.
struct Ear(Reader);

impl Ear {
    fn at(hall: &TestHall, topics: impl IntoIterator<Item = Topic>) -> Self {
        let outbox = Arc::new(Outbox::default());
        for topic in topics {
            hall.hall.topics().subscribe(topic, &outbox);
        }
        let first = Frame::new(None, Event::SessionResumed(Resumed { missed: 0 }));
        let reader = outbox.begin(outbox.restart(), Arc::new(first)).unwrap();
        let ear = Self(reader);
        ear.heard();
        ear
    }

    /// What was heard since the last time.
    fn heard(&self) -> Vec<Event> {
        self.0.take(usize::MAX).unwrap().into_iter().map(|(_, frame)| frame.event().clone()).collect()
    }

    /// The texts of the messages among it.
    fn texts(&self) -> Vec<String> {
        let texts = self.heard().into_iter().filter_map(|event| match event {
            Event::MessageSent(message) => Some(message.text),
            _ => None,
        });
        texts.collect()
    }
}

fn code<T>(outcome: Result<T, Error>) -> &'static str {
    match outcome {
        Ok(_) => "ok",
        Err(error) => error.code(),
    }
}
