//! Communication: rooms, conversations of two users and of a few, and what is said in them.
//!
//! Start at [`operations`]. The operations stand in `rooms.rs`, `members.rs`, `conversations.rs` and `messages.rs`: they check what
//! was asked and hand it to the *room*, a live entity (`room.rs`) that decides alone what happens in it and in which order.
//! Reading goes past it, straight to the database (`store.rs`). Every text is cleaned by `crate::filter`.
//!
//! Promises: an answered message is durable, and was told to nobody before that; the messages of a room are numbered in their order,
//! and stay where they are; who may not know of a room is told that there is none.

mod attachments;
mod contact;
mod conversations;
mod error;
mod following_rooms;
mod members;
mod messages;
mod name;
pub(crate) mod room;
mod rooms;
mod shadows;
mod store;

use std::time::Duration;

use moka::sync::Cache;
use moothall_protocol::communication::{RoomKind, Unread};
use moothall_protocol::limits::{FILTER_WORDS_MAX, ROOM_MEMBERS_MAX};
use moothall_protocol::{RoomId, Timestamp, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::cx::Tx;
pub use crate::filter::{FilteredWord, WordVerdict};
use crate::operation::{Access, Operations, Rate};
use crate::{Cx, Permission, Topic, accounts, audit, sweep};
pub use contact::{ALREADY_REPORTED, ReportedContact, answer_request, list_requests, on_reported};
pub use conversations::{create_group, open_direct};
pub use error::Error;
pub(crate) use following_rooms::{
    FollowingRoom, close_following_room, open_following_room, seat_following_room,
};
pub use members::{add_member, join, kick, leave, list_members, set_role};
pub use messages::{
    delete, edit, get_message, history, mark_delivered, mark_read, read_private, read_versions, say_typing,
    send, unread,
};
pub(crate) use messages::{
    export as export_messages, export_versions, is_private, removable, remove_by_staff, restore_by_staff,
    seen,
};
use room::Power;
pub use rooms::{
    archive_room, create_room, find_room, get_room, list_rooms, my_rooms, open_room, restore_room,
    search_rooms, update_room,
};
pub(crate) use store::{export, is_room};

/// Does in every room what its owner may, and sees rooms that only members know of. Every such deed is audited.
pub const MODERATE: Permission = Permission("communication.moderate");
/// Reads conversations that are not theirs. Every look is audited, with the reason for it.
pub const READ_PRIVATE: Permission = Permission("communication.read_private");
/// Reads what messages said before they were edited or deleted.
pub const READ_VERSIONS: Permission = Permission("communication.read_versions");

/// Direct conversations whose two users are kept in memory.
const PAIRS_MAX: u64 = 50_000;
/// Seats seen lately that are kept in memory, and how long one that nobody left counts as seen.
const SEATS_MAX: u64 = 50_000;
const SEATS_FRESH: Duration = Duration::from_secs(60);
/// Messages removed in one transaction of the sweep.
const SWEEP_BATCH: usize = 1_000;
/// Rooms looked at together by the sweep.
const SWEEP_ROOMS: usize = 200;

/// Settings of rooms and messages.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Members of a room, at most.
    #[schemars(range(min = 1, max = ROOM_MEMBERS_MAX))]
    pub members_max: u32,
    /// Rooms one user may own.
    #[schemars(range(max = 1_000))]
    pub rooms_owned_max: u32,
    /// Seconds in which one may edit what one has sent.
    #[schemars(range(max = 31_536_000))]
    pub edit_window_s: u64,
    /// Days after which messages are removed for good, where the room does not set it; without it they stay.
    #[schemars(range(min = 1, max = 3_650))]
    pub retention_days: Option<u32>,
    /// Days after which a room that nobody is in, and where nobody wrote, is archived; without it such rooms stay.
    #[schemars(range(min = 1, max = 3_650))]
    pub empty_room_days: Option<u32>,
    /// Days for which staff can see what messages said before they were edited or deleted.
    #[schemars(range(min = 1, max = 3_650))]
    pub versions_days: u32,
    /// Words that are masked or refused in messages, in names and topics of rooms, and in what users say of themselves.
    #[schemars(length(max = FILTER_WORDS_MAX))]
    pub words: Vec<FilteredWord>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            members_max: ROOM_MEMBERS_MAX as u32,
            rooms_owned_max: 20,
            edit_window_s: 24 * 60 * 60,
            retention_days: None,
            empty_room_days: Some(30),
            versions_days: 90,
            words: Vec::new(),
        }
    }
}

/// The operations of this context.
pub fn operations() -> Operations {
    let operations =
        Operations::context("communication", "Rooms, direct conversations, groups, and what is said in them");
    of_messages(of_members(of_rooms(operations.errors(Error::CATALOGUE))))
}

fn of_rooms(operations: Operations) -> Operations {
    operations
        .post("/rooms", "communication.create_room", Access::Player, create_room)
        .created("/rooms/{id}")
        .post("/rooms/open", "communication.open_room", Access::Player, open_room)
        .get("/rooms", "communication.list_rooms", Access::Player, list_rooms)
        .get("/rooms/search", "communication.search_rooms", Access::Player, search_rooms)
        .get("/rooms/mine", "communication.my_rooms", Access::Player, my_rooms)
        .get("/rooms/unread", "communication.unread", Access::Player, unread)
        .get("/rooms/named/{name}", "communication.find_room", Access::Player, find_room)
        .get("/rooms/{room_id}", "communication.get_room", Access::Player, get_room)
        .patch("/rooms/{room_id}", "communication.update_room", Access::Player, update_room)
        .post("/rooms/{room_id}/archive", "communication.archive_room", Access::Player, archive_room)
        .post(
            "/rooms/{room_id}/restore",
            "communication.restore_room",
            Access::Permission(MODERATE),
            restore_room,
        )
        .rate(Rate::Admin)
        .get("/direct/requests", "communication.requests", Access::Player, list_requests)
        .post("/rooms/{room_id}/answer", "communication.answer_request", Access::Player, answer_request)
        .post("/direct", "communication.open_direct", Access::Player, open_direct)
        .post("/groups", "communication.create_group", Access::Player, create_group)
        .created("/rooms/{id}")
}

fn of_members(operations: Operations) -> Operations {
    operations
        .get("/rooms/{room_id}/members", "communication.members", Access::Player, list_members)
        .post("/rooms/{room_id}/join", "communication.join", Access::Player, join)
        .post("/rooms/{room_id}/leave", "communication.leave", Access::Player, leave)
        .put("/rooms/{room_id}/members/{user_id}", "communication.add_member", Access::Player, add_member)
        .delete("/rooms/{room_id}/members/{user_id}", "communication.kick", Access::Player, kick)
        .put("/rooms/{room_id}/members/{user_id}/role", "communication.set_role", Access::Player, set_role)
}

fn of_messages(operations: Operations) -> Operations {
    operations
        .post("/rooms/{room_id}/messages", "communication.send", Access::Player, send)
        .created("/rooms/{room_id}/messages/{id}")
        .rate(Rate::Chat)
        .get("/rooms/{room_id}/messages", "communication.history", Access::Player, history)
        .get(
            "/rooms/{room_id}/messages/{message_id}",
            "communication.get_message",
            Access::Player,
            get_message,
        )
        .cacheable()
        .patch("/rooms/{room_id}/messages/{message_id}", "communication.edit", Access::Player, edit)
        .rate(Rate::Chat)
        .delete("/rooms/{room_id}/messages/{message_id}", "communication.delete", Access::Player, delete)
        .rate(Rate::Chat)
        .post(
            "/rooms/{room_id}/messages/{message_id}/versions",
            "communication.read_versions",
            Access::Permission(READ_VERSIONS),
            read_versions,
        )
        .rate(Rate::Admin)
        .post(
            "/rooms/{room_id}/private",
            "communication.read_private",
            Access::Permission(READ_PRIVATE),
            read_private,
        )
        .rate(Rate::Admin)
        .put("/rooms/{room_id}/read", "communication.mark_read", Access::Player, mark_read)
        .rate(Rate::Social)
        .unguarded()
        .put("/rooms/{room_id}/delivered", "communication.mark_delivered", Access::Player, mark_delivered)
        .rate(Rate::Social)
        .unguarded()
        .post("/rooms/{room_id}/typing", "communication.say_typing", Access::Player, say_typing)
        .rate(Rate::Social)
        .unguarded()
}

/// What this context keeps in memory.
#[derive(Debug)]
pub(crate) struct Live {
    /// The two users of a direct conversation, which never change; `None` for what is no direct conversation.
    pairs: Cache<RoomId, Option<[UserId; 2]>>,
    /// Who was seen to be where, a moment ago.
    seats: Cache<(RoomId, UserId), ()>,
    reported: contact::Followers,
}

impl Live {
    pub(crate) fn new() -> Self {
        let seats = Cache::builder().max_capacity(SEATS_MAX).time_to_live(SEATS_FRESH).build();
        Self { pairs: Cache::new(PAIRS_MAX), seats, reported: contact::Followers::default() }
    }
}

/// What the user has not read, for a session that begins.
pub(crate) fn unread_of(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Unread, Error> {
    messages::unread_of(tx, user)
}

/// The topics of the rooms a user is in.
pub(crate) fn topics(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Vec<Topic>, Error> {
    Ok(store::joined(tx, user)?.into_iter().map(Topic::Room).collect())
}

/// Beyond their role in a room, a caller may do this.
fn power(cx: &Cx, reason: Option<String>) -> Power {
    if cx.can(MODERATE) { Power::Staff { reason } } else { Power::Member }
}

/// The room, if the caller may read it. Staff may read every room that has a name.
fn readable(tx: &mut Tx<'_, '_>, id: RoomId) -> Result<moothall_protocol::communication::Room, Error> {
    let room = store::find_room(tx, id)?.ok_or(crate::Error::NotFound)?;
    let cx = tx.cx();
    let is_open = !room::is_hidden(&room) || (room.kind == RoomKind::Room && cx.can(MODERATE));
    if is_open {
        return Ok(room);
    }
    match cx.user() {
        Some(user) if store::is_member(tx, id, user)? => Ok(room),
        _ => Err(crate::Error::NotFound.into()),
    }
}

/// The room, if the caller may read what is said in it. What staff reads where only members are, it says why: see [`read_private`].
fn readable_inside(tx: &mut Tx<'_, '_>, id: RoomId) -> Result<moothall_protocol::communication::Room, Error> {
    let room = readable(tx, id)?;
    let user = tx.cx().user();
    let is_inside = match user {
        Some(user) => !room::is_hidden(&room) || store::is_member(tx, id, user)?,
        None => true,
    };
    if is_inside { Ok(room) } else { Err(Error::ReasonNeeded) }
}

/// Notes in the audit log that staff looks into a conversation that is not theirs.
fn audit_look(tx: &mut Tx<'_, '_>, action: &'static str, room: RoomId, reason: &str) -> Result<(), Error> {
    let entry = audit::Entry::new(action).target(Topic::Room(room).to_string()).reason(reason);
    Ok(audit::record(tx, entry)?)
}

/// All SQL of this context.
pub(crate) fn statements() -> Vec<(&'static str, &'static str)> {
    [store::STATEMENTS, messages::STATEMENTS].concat()
}

/// Removes messages past their retention, old versions past theirs, rooms of what has ended, such as a party, and members whose accounts
/// were erased, and archives rooms that stayed empty. Runs once an hour.
pub(crate) async fn sweep(cx: &Cx) -> Result<(), crate::Error> {
    sweep_by(cx, SWEEP_BATCH).await.map_err(Error::into_common)
}

async fn sweep_by(cx: &Cx, batch: usize) -> Result<(), Error> {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let settings = &cx.hall().settings().communication;
    let default = settings.retention_days;
    let mut after = RoomId::from_uuid(Uuid::nil());
    loop {
        let rooms = cx.read(move |tx| store::retentive(tx, after, default.is_some(), SWEEP_ROOMS)).await?;
        let Some((last, ..)) = rooms.last() else { break };
        after = *last;
        for (room, days, oldest) in rooms {
            let Some(days) = days.or(default) else { continue };
            let until = cx.now() - DAY * days;
            if oldest > until {
                continue;
            }
            while cx.write(move |tx| messages::sweep_messages(tx, room, until, batch)).await? == batch as u64
            {
            }
        }
    }
    let until = cx.now() - DAY * settings.versions_days;
    sweep::all(cx, move |tx| messages::sweep_versions(tx, until)).await?;
    sweep::all(cx, move |tx| messages::sweep_unheard(tx, until)).await?;
    // Rooms stay as long as somebody may open them again. Nobody does that with those that followed something, of which there are many.
    sweep::all(cx, store::sweep_following_rooms).await?;
    forget_erased(cx, batch).await?;
    if let Some(days) = settings.empty_room_days {
        archive_empty(cx, cx.now() - DAY * days).await?;
    }
    Ok(())
}

async fn archive_empty(cx: &Cx, silent_since: Timestamp) -> Result<(), Error> {
    let mut after = RoomId::from_uuid(Uuid::nil());
    loop {
        let rooms = cx.read(move |tx| store::empty_rooms(tx, after, silent_since, SWEEP_ROOMS)).await?;
        let Some(last) = rooms.last() else { return Ok(()) };
        after = *last;
        for room in rooms {
            rooms::tell(cx, room, None, room::Act::ArchiveEmpty { silent_since }).await?;
        }
    }
}

async fn forget_erased(cx: &Cx, batch: usize) -> Result<(), Error> {
    let mut after = UserId::from_uuid(Uuid::nil());
    loop {
        let (last, seats) = cx
            .read(move |tx| {
                let erased = accounts::erased(tx, after, batch)?;
                Ok::<_, Error>((erased.last().copied(), store::seats_of(tx, &erased)?))
            })
            .await?;
        let Some(last) = last else { return Ok(()) };
        after = last;
        for (room, user) in seats {
            rooms::tell(cx, room, None, room::Act::Forget { user }).await?;
        }
    }
}

#[cfg(test)]
mod tests;
