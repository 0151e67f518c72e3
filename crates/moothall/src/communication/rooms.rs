//! Rooms: making, finding, changing and closing them.

use moothall_protocol::communication::{
    ArchiveRoom, CreateRoom, FindRoom, GetRoom, ListMyRooms, ListRooms, MyRoom, OpenRoom, RestoreRoom, Room,
    RoomKind, RoomRole, SearchRooms, UpdateRoom,
};
use moothall_protocol::limits::{PAGE_ITEMS_DEFAULT, ROOM_TOPIC_LENGTH_MAX, ROOMS_ARCHIVED_MAX};
use moothall_protocol::{Cursor, Event, Page, RoomId, Timestamp, UserId};

use uuid::Uuid;

use super::name::RoomName;
use super::room::{self, Act, Change, Command, Contact, Seat};
use super::{Error, power, readable, store};
use crate::restrictions::types::{CHAT, ROOM_CREATE};
use crate::restrictions::{self, Scope};
use crate::runtime::Place;
use crate::{Cx, Topic, Tx, filter};

/// Makes a room, which the caller then owns.
pub async fn create_room(cx: &Cx, input: CreateRoom) -> Result<Room, Error> {
    let owner = cx.require_user()?;
    let _making = making(cx).await;
    may_make(cx).await?;
    let name = named(cx, &input.name)?;
    let live_only = input.live_only.unwrap_or_default();
    if live_only && input.retention_days.is_some() {
        let message = "a live-only room keeps no messages: leave one of the two out";
        return Err(crate::Error::field("/retention_days", "invalid", message).into());
    }
    let now = cx.now();
    let room = Room {
        name: Some(name.display().to_owned()),
        topic: topic(cx, input.topic.as_deref().unwrap_or_default())?,
        member_only: input.member_only.unwrap_or_default(),
        read_only: input.read_only.unwrap_or_default(),
        slow_mode_ms: input.slow_mode_ms.unwrap_or_default(),
        retention_days: input.retention_days,
        live_only,
        ..blank(cx.new_id(), RoomKind::Room, 1, now)
    };
    cx.mutate(move |tx| insert_owned(tx, owner, &room)).await
}

/// The room of this name; if there is none the caller makes it.
pub async fn open_room(cx: &Cx, input: OpenRoom) -> Result<Room, Error> {
    let owner = cx.require_user()?;
    let _making = making(cx).await;
    let may_make = may_make(cx).await;
    let name = named(cx, &input.name)?;
    let room =
        Room { name: Some(name.display().to_owned()), ..blank(cx.new_id(), RoomKind::Room, 1, cx.now()) };
    cx.mutate(move |tx| match store::find_room_by_name(tx, name.display())? {
        // A room that only members know of keeps its name, and its secret.
        Some(found) => match seen(tx, found.id) {
            Err(Error::Common(crate::Error::NotFound)) => Err(Error::NameTaken),
            found => found,
        },
        None => {
            may_make.clone()?;
            insert_owned(tx, owner, &room)
        }
    })
    .await
}

/// Refuses whoever may make no rooms for now, or write nothing that others read.
async fn may_make(cx: &Cx) -> Result<(), crate::Error> {
    restrictions::check(cx, ROOM_CREATE, Scope::ANYWHERE).await?;
    restrictions::check(cx, CHAT, Scope::ANYWHERE).await
}

fn insert_owned(tx: &mut Tx<'_, '_>, owner: UserId, room: &Room) -> Result<Room, Error> {
    let max = tx.cx().hall().settings().communication.rooms_owned_max;
    if store::count_owned(tx, owner)? >= max as usize
        || store::count_archived(tx, owner)? >= ROOMS_ARCHIVED_MAX
    {
        return Err(Error::TooManyOwned);
    }
    store::insert_room(tx, room, None, &[(owner, seat(RoomRole::Owner, room.created_at))])?;
    tx.emit(Topic::User(owner), Event::RoomJoined(room.clone()));
    Ok(room.clone())
}

/// A conversation before anything was said about it.
pub(super) fn blank(id: RoomId, kind: RoomKind, members: u32, now: Timestamp) -> Room {
    Room {
        id,
        kind,
        name: None,
        topic: String::new(),
        member_only: false,
        read_only: false,
        slow_mode_ms: 0,
        retention_days: None,
        live_only: false,
        members,
        last_seq: 0,
        version: 1,
        created_at: now,
        active_at: now,
        archived_at: None,
    }
}

/// The seat of somebody who is there from the beginning.
pub(super) fn seat(role: RoomRole, now: Timestamp) -> Seat {
    Seat {
        role,
        joined_at: now,
        delivered_seq: 0,
        read_seq: 0,
        brought_in: false,
        sent_at: None,
        typed_at: None,
        contact: Contact::Open,
        unheard: None,
    }
}

/// A name that may be shown to everybody.
pub(super) fn named(cx: &Cx, text: &str) -> Result<RoomName, Error> {
    let name = RoomName::parse(text)?;
    if cx.hall().words().allows(name.display()) { Ok(name) } else { Err(Error::Blocked) }
}

fn topic(cx: &Cx, text: &str) -> Result<String, Error> {
    let topic = filter::clean(text);
    if topic.chars().count() > ROOM_TOPIC_LENGTH_MAX {
        let message = format!("a topic has at most {ROOM_TOPIC_LENGTH_MAX} characters");
        return Err(crate::Error::most("/topic", "too_long", message, ROOM_TOPIC_LENGTH_MAX).into());
    }
    Ok(cx.hall().words().check(topic)?)
}

/// Reads a room.
pub async fn get_room(cx: &Cx, input: GetRoom) -> Result<Room, Error> {
    answered(cx, input.room_id).await;
    cx.read(move |tx| seen(tx, input.room_id)).await
}

/// The room as the caller sees it, if they may read it.
fn seen(tx: &mut Tx<'_, '_>, id: RoomId) -> Result<Room, Error> {
    let mut room = [readable(tx, id)?];
    if let Some(user) = tx.cx().user() {
        store::as_seen(tx, user, &mut room)?;
    }
    let [room] = room;
    Ok(room)
}

/// Finds a room by its name, or by one that looks like it.
pub async fn find_room(cx: &Cx, input: FindRoom) -> Result<Room, Error> {
    all_answered(cx).await;
    cx.read(move |tx| {
        let found = store::find_room_by_name(tx, &input.name)?.ok_or(crate::Error::NotFound)?;
        seen(tx, found.id)
    })
    .await
}

/// Lists rooms that everybody may join, by name.
pub async fn list_rooms(cx: &Cx, input: ListRooms) -> Result<Page<Room>, Error> {
    page_of_rooms(cx, String::new(), input.cursor, input.limit).await
}

/// Lists rooms that everybody may join and whose name begins so, by name.
pub async fn search_rooms(cx: &Cx, input: SearchRooms) -> Result<Page<Room>, Error> {
    page_of_rooms(cx, RoomName::key(&input.name), input.cursor, input.limit).await
}

async fn page_of_rooms(
    cx: &Cx,
    beginning: String,
    cursor: Option<Cursor>,
    limit: Option<usize>,
) -> Result<Page<Room>, Error> {
    let after: String = key(cursor.as_ref())?.unwrap_or_default();
    let limit = limit.unwrap_or(PAGE_ITEMS_DEFAULT);
    all_answered(cx).await;
    cx.read(move |tx| {
        let rooms = store::list_rooms(tx, &beginning, &after, limit + 1)?;
        let page = Page::cut(rooms, limit, |(_, name)| Cursor::of(name));
        let mut items: Vec<Room> = page.items.into_iter().map(|(room, _)| room).collect();
        if let Some(user) = tx.cx().user() {
            store::as_seen(tx, user, &mut items)?;
        }
        Ok(Page { items, next: page.next })
    })
    .await
}

/// Lists what the caller is in, the latest message first.
pub async fn my_rooms(cx: &Cx, input: ListMyRooms) -> Result<Page<MyRoom>, Error> {
    let user = cx.require_user()?;
    let before: Option<(i64, RoomId)> = key(input.cursor.as_ref())?;
    let before = before.map_or((Timestamp::MAX, RoomId::from_uuid(Uuid::max())), |(at, id)| {
        (Timestamp::from_micros(at), id)
    });
    let limit = input.limit.unwrap_or(PAGE_ITEMS_DEFAULT);
    all_answered(cx).await;
    let rooms = cx.read(move |tx| store::my_rooms(tx, user, input.kind, before, limit + 1)).await?;
    Ok(Page::cut(rooms, limit, |last| Cursor::of(&(last.room.active_at.as_micros(), last.room.id))))
}

/// The place a cursor stands for.
pub(super) fn key<K: serde::de::DeserializeOwned>(
    cursor: Option<&Cursor>,
) -> Result<Option<K>, crate::Error> {
    cursor.map(|cursor| cursor.key().ok_or_else(crate::Error::wrong_cursor)).transpose()
}

/// Changes a room's description. Its members hear of it.
pub async fn update_room(cx: &Cx, input: UpdateRoom) -> Result<Room, Error> {
    if input.name.is_some() || input.topic.as_deref().is_some_and(|topic| !topic.is_empty()) {
        restrictions::check(cx, CHAT, Scope::room(input.room_id)).await?;
    }
    let change = Change {
        name: input.name.as_deref().map(|name| named(cx, name)).transpose()?,
        topic: input.topic.as_deref().map(|text| topic(cx, text)).transpose()?,
        member_only: input.member_only,
        read_only: input.read_only,
        slow_mode_ms: input.slow_mode_ms,
        retention_days: input.retention_days,
        if_version: input.if_version,
    };
    tell(cx, input.room_id, input.reason, Act::Update(change)).await?.room()
}

/// Closes a room: nobody joins or writes any more. Its members hear of it.
pub async fn archive_room(cx: &Cx, input: ArchiveRoom) -> Result<Room, Error> {
    tell(cx, input.room_id, input.reason, Act::Archive).await?.room()
}

/// Opens an archived room again.
pub async fn restore_room(cx: &Cx, input: RestoreRoom) -> Result<Room, Error> {
    cx.require(super::MODERATE)?;
    tell(cx, input.room_id, input.reason, Act::Restore).await?.room()
}

/// Tells a room to do something, in the caller's name.
pub(super) async fn tell(
    cx: &Cx,
    room: RoomId,
    reason: Option<String>,
    act: Act,
) -> Result<room::Reply, Error> {
    let place = place(cx, room).await;
    tell_from(place, cx, room, reason, act).await
}

/// The caller's place in the order of what they tell this room: taken before anything else is waited for.
pub(super) async fn place(cx: &Cx, room: RoomId) -> Place<'_> {
    cx.hall().directory().place::<room::Room>(cx, room).await
}

/// Reads are no part of a room's order. One that follows what the same caller told the room waits until that is answered.
pub(super) async fn answered(cx: &Cx, room: RoomId) {
    cx.hall().directory().answered::<room::Room>(cx, room).await;
}

/// The same for what is read of all rooms: it waits for what the caller told any, and for the rooms they are making.
pub(super) async fn all_answered(cx: &Cx) {
    cx.hall().directory().all_answered::<room::Room>(cx).await;
}

/// Held while the caller makes a room, so that what they read of all rooms waits for it. Taken before anything else is waited for.
pub(super) async fn making(cx: &Cx) -> Place<'_> {
    cx.hall().directory().making::<room::Room>(cx).await
}

/// Tells a room to do something from this place.
pub(super) async fn tell_from(
    place: Place<'_>,
    cx: &Cx,
    room: RoomId,
    reason: Option<String>,
    act: Act,
) -> Result<room::Reply, Error> {
    let command = Command { power: power(cx, reason), act };
    cx.hall().directory().call_from::<room::Room>(Some(place), cx, room, command).await
}
