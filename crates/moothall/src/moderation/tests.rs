//! Moderation, on a real database of each engine, with a clock that stands still.

mod actions;
mod alternates;
mod cases;
mod durable;
mod powers;
mod reports;
mod retention;
mod story;
mod undo;

use std::time::Duration;

use moothall_protocol::communication::{CreateRoom, JoinRoom, Message, ReadHistory, SendMessage};
use moothall_protocol::moderation::*;
use moothall_protocol::restrictions::MyRestrictions;
use moothall_protocol::{ActionId, CaseId, Event, RoomId, UserId};

use super::*;
use crate::accounts::testing::code;
use crate::communication::{self, create_room, history, join, send};
use crate::testing::{Ear, TestHall, on_both_engines, on_both_engines_with};
use crate::{Fault as _, Topic, restrictions};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Players in a room, and moderators who may do everything here.
struct Cast {
    ana: Cx,
    ben: Cx,
    mo: Cx,
    zoe: Cx,
    room: RoomId,
}

fn id(cx: &Cx) -> UserId {
    cx.user().unwrap()
}

async fn person(hall: &TestHall, name: &str) -> Cx {
    hall.call(hall.user(name).await, &[])
}

async fn moderator(hall: &TestHall, name: &str) -> Cx {
    hall.call(hall.user(name).await, &[CASES, ACT, APPEALS, ALTERNATES])
}

async fn cast(hall: &TestHall) -> Cast {
    let (ana, ben) = (person(hall, "Ana").await, person(hall, "Ben").await);
    let (mo, zoe) = (moderator(hall, "Mo").await, moderator(hall, "Zoe").await);
    let input = CreateRoom {
        name: "Tavern".into(),
        topic: None,
        member_only: None,
        read_only: None,
        slow_mode_ms: None,
        retention_days: None,
        live_only: None,
    };
    let room = create_room(&ana, input).await.unwrap().id;
    join(&ben, JoinRoom { room_id: room }).await.unwrap();
    Cast { ana, ben, mo, zoe, room }
}

async fn try_say(cx: &Cx, room_id: RoomId, text: &str) -> Result<Message, communication::Error> {
    let input = SendMessage {
        room_id,
        text: text.into(),
        attachments: Vec::new(),
        reply_to: None,
        mentions: Vec::new(),
    };
    send(cx, input).await
}

async fn say(cx: &Cx, room_id: RoomId, text: &str) -> Message {
    try_say(cx, room_id, text).await.unwrap()
}

async fn reads(cx: &Cx, room_id: RoomId) -> Vec<String> {
    let input = ReadHistory { room_id, before: None, after: None, around: None, limit: None };
    history(cx, input).await.unwrap().items.into_iter().map(|message| message.text).collect()
}

/// A report of how somebody behaves.
fn behaviour(user: UserId, category: &str) -> FileReport {
    FileReport {
        subject: ReportSubject::User,
        user_id: Some(user),
        room_id: None,
        message_id: None,
        lobby_id: None,
        match_id: None,
        category: category.into(),
        text: "all day long".into(),
        is_automatic: None,
    }
}

/// A report of a message.
fn of_message(message: &Message, category: &str) -> FileReport {
    FileReport {
        subject: ReportSubject::Message,
        user_id: None,
        room_id: Some(message.room_id),
        message_id: Some(message.id),
        ..behaviour(message.sender_id, category)
    }
}

/// A deed of nothing but its kind.
fn deed(kind: ActionKind) -> Deed {
    Deed {
        kind,
        category: "insult".into(),
        reason: "see the report".into(),
        public_reason: "be kind".into(),
        restriction: None,
        name: None,
        room_id: None,
        message_id: None,
        mark: None,
    }
}

/// Somebody may not chat until then.
fn muted(ends_at: Option<moothall_protocol::Timestamp>) -> Deed {
    let restriction =
        ActionRestriction { types: vec!["chat".into()], ends_at, ..ActionRestriction::default() };
    Deed { restriction: Some(restriction), ..deed(ActionKind::Restrict) }
}

fn about(user: UserId, deed: Deed) -> Act {
    Act { user_id: user, deed, case_id: None, keeps_case_open: None, disagreed: Vec::new() }
}

async fn reverted(cx: &Cx, action_id: ActionId) -> Action {
    revert(cx, RevertAction { action_id, reason: "a mistake".into() }).await.unwrap()
}

async fn cases_of(cx: &Cx) -> Vec<Case> {
    list_cases(cx, ListCases::default()).await.unwrap().items
}

/// The keys of what moderation told somebody.
fn told(ear: &Ear) -> Vec<String> {
    let keys = ear.heard().into_iter().filter_map(|event| match event {
        Event::NoticeTold(notice) => Some(notice.kind),
        _ => None,
    });
    keys.collect()
}
