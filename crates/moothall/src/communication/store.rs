//! SQL for rooms and their members.

use moothall_protocol::communication::{ContactRequest, MyRoom, Room, RoomKind, RoomRole, RoomUnread};
use moothall_protocol::limits::{ROOMS_BROUGHT_INTO_MAX, ROOMS_JOINED_MAX, UNREAD_ROOMS_MAX};
use moothall_protocol::{RoomId, Timestamp, UserId};
use moothall_store::{OnConstraint as _, Row, params, statements};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::Error;
use super::messages::{self, Spoken};
use super::name::RoomName;
use super::room::{self, Contact, Effect, Seat, Unheard};
use crate::cx::Tx;
use crate::export::{Part, place};
use crate::json::{choice, word};
use crate::{Topic, audit, connections, sweep};

/// The columns of a room, in the order [`room()`] reads them.
macro_rules! room_columns {
    () => {
        "r.id, r.kind, r.name, r.topic, r.member_only, r.read_only, r.slow_mode_ms, r.retention_days, r.members,
         r.last_seq, r.version, r.created_at, r.active_at, r.archived_at, r.live_only"
    };
}

/// When `m`'s user saw the newest message: only they see one of theirs that is newer than what everybody hears.
macro_rules! active_at {
    () => {
        "CASE WHEN m.read_seq > r.last_seq AND m.sent_at IS NOT NULL THEN m.sent_at ELSE r.active_at END"
    };
}

/// Mentions of `m`'s user in `m`'s room that they have not read.
macro_rules! mentions_unread {
    () => {
        "(SELECT count(*) FROM message_mentions x
          WHERE x.user_id = m.user_id AND x.room_id = m.room_id AND x.seq > m.read_seq)"
    };
}

/// Messages that `m`'s user has not read and is never shown. Their own is never newer than what they have read.
macro_rules! withheld_unread {
    () => {
        "(SELECT count(*) FROM messages w WHERE w.room_id = r.id AND w.withheld AND w.seq > m.read_seq AND w.seq > r.swept_seq
          AND w.seq <= r.last_seq)"
    };
}

/// The other one of a direct conversation.
macro_rules! other_user {
    () => {
        "CASE WHEN r.kind = 'direct' THEN
             (SELECT o.user_id FROM room_members o WHERE o.room_id = r.id AND o.user_id <> m.user_id) END"
    };
}

statements! {
    INSERT_ROOM = "INSERT INTO rooms (id, kind, name, name_key, name_look, topic, member_only, read_only, slow_mode_ms,
        retention_days, members, last_seq, swept_seq, version, created_at, active_at, archived_at, pair, live_only)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, 0, 1, $12, $12, NULL, $13, $14)";
    UPDATE_ROOM = "UPDATE rooms SET name = $2, name_key = $3, name_look = $4, topic = $5, member_only = $6, read_only = $7,
        slow_mode_ms = $8, retention_days = $9, version = $10, archived_at = $11 WHERE id = $1";
    FIND_ROOM = concat!("SELECT ", room_columns!(), " FROM rooms r WHERE r.id = $1");
    FIND_ROOM_BY_NAME = concat!("SELECT ", room_columns!(), " FROM rooms r WHERE r.name_key = $1");
    FIND_ROOM_BY_LOOK = concat!("SELECT ", room_columns!(), " FROM rooms r WHERE r.name_look = $1");
    FIND_DIRECT = concat!("SELECT ", room_columns!(), " FROM rooms r WHERE r.pair = $1");
    PAIR = "SELECT pair FROM rooms WHERE id = $1";
    NUMBERED = "SELECT r.numbered_seq, (SELECT w.created_at FROM messages w WHERE w.room_id = r.id AND w.seq = r.numbered_seq)
        FROM rooms r WHERE r.id = $1";
    MARKS = "SELECT room_id, read_seq, sent_at FROM room_members WHERE user_id = $1 AND room_id {in $2}";
    UNHEARD = "SELECT m.user_id, w.seq, (SELECT max(h.seq) FROM messages h
            WHERE h.room_id = w.room_id AND h.seq < w.seq AND h.shadowed = FALSE)
        FROM messages w JOIN room_members m ON m.room_id = w.room_id AND m.user_id = w.sender_id AND m.read_seq = w.seq
        WHERE w.room_id = $1 AND w.withheld AND w.shadowed";
    LIST_ROOMS = concat!("SELECT ", room_columns!(), ", r.name_key FROM rooms r
        WHERE r.name_key > $1 AND r.name_key >= $2 AND r.name_key < $3 AND r.member_only = FALSE
        ORDER BY r.name_key LIMIT $4");
    MY_ROOMS = concat!("SELECT ", room_columns!(), ", m.role, m.read_seq, r.swept_seq, ", mentions_unread!(), ", ",
        other_user!(), ", ", withheld_unread!(), ", m.sent_at FROM room_members m JOIN rooms r ON r.id = m.room_id
        WHERE m.user_id = $1 AND m.contact IS NULL AND (m.kind = $2 OR $2 IS NULL) AND (", active_at!(), ", r.id) < ($3, $4)
          AND (m.kind <> 'direct' OR r.last_seq > 0 OR m.read_seq > 0) AND r.archived_at IS NULL
        ORDER BY ", active_at!(), " DESC, r.id DESC LIMIT $5");
    UNREAD = concat!("SELECT r.id, r.last_seq, m.read_seq, r.swept_seq, ", mentions_unread!(), ", ", other_user!(), ", ", withheld_unread!(), "
        FROM room_members m JOIN rooms r ON r.id = m.room_id
        WHERE m.user_id = $1 AND m.contact IS NULL AND r.last_seq > m.read_seq AND r.last_seq > r.swept_seq AND r.archived_at IS NULL
          AND r.last_seq - CASE WHEN m.read_seq > r.swept_seq THEN m.read_seq ELSE r.swept_seq END > ", withheld_unread!(), "
        ORDER BY r.active_at DESC, r.id DESC LIMIT $2");
    COUNT_OWNED = "SELECT count(*) FROM room_members m JOIN rooms r ON r.id = m.room_id
        WHERE m.user_id = $1 AND m.kind = 'room' AND m.role = 'owner' AND r.archived_at IS NULL";
    COUNT_ARCHIVED = "SELECT count(*) FROM room_members m JOIN rooms r ON r.id = m.room_id
        WHERE m.user_id = $1 AND m.kind = 'room' AND m.role = 'owner' AND r.archived_at IS NOT NULL";
    COUNT_JOINED = "SELECT count(*) FROM room_members m JOIN rooms r ON r.id = m.room_id
        WHERE m.user_id = $1 AND m.kind IN ('room', 'group') AND m.brought_in = $2 AND r.archived_at IS NULL";
    JOINED = "SELECT m.room_id FROM room_members m JOIN rooms r ON r.id = m.room_id
        WHERE m.user_id = $1 AND m.kind IN ('room', 'group', 'party', 'lobby', 'lobby_spectators', 'match') AND r.archived_at IS NULL";
    SEATS_OF = "SELECT room_id, user_id FROM room_members
        WHERE user_id {in $1} AND kind IN ('room', 'group', 'party', 'lobby', 'lobby_spectators', 'match')
        ORDER BY user_id, room_id";
    REQUESTS = concat!("SELECT ", room_columns!(), ", o.user_id FROM room_members m JOIN rooms r ON r.id = m.room_id
        JOIN room_members o ON o.room_id = m.room_id AND o.user_id <> m.user_id
        WHERE m.user_id = $1 AND m.contact = 'held' AND m.room_id < $2 ORDER BY m.room_id DESC LIMIT $3");
    COUNT_REQUESTS = "SELECT count(*) FROM room_members WHERE user_id = $1 AND contact = 'held'";
    EMPTY_ROOMS = "SELECT id FROM rooms
        WHERE id > $1 AND active_at <= $2 AND members = 0 AND kind = 'room' AND archived_at IS NULL ORDER BY id LIMIT $3";
    RETENTIVE = "SELECT r.id, r.retention_days, m.created_at FROM rooms r
        JOIN messages m ON m.room_id = r.id AND m.seq = r.swept_seq + 1
        WHERE r.id > $1 AND (r.retention_days IS NOT NULL OR $2) ORDER BY r.id LIMIT $3";
    SWEEP_FOLLOWING_ROOMS = "DELETE FROM rooms WHERE id IN (SELECT id FROM rooms
        WHERE kind IN ('party', 'lobby', 'lobby_spectators', 'match') AND archived_at IS NOT NULL AND swept_seq >= last_seq AND swept_seq >= numbered_seq
        ORDER BY id LIMIT $1)";

    INSERT_MEMBER = "INSERT INTO room_members (room_id, user_id, kind, role, joined_at, delivered_seq, read_seq, sent_at,
        brought_in) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    PACE = "UPDATE room_members SET sent_at = $3 WHERE room_id = $1 AND user_id = $2";
    DELETE_MEMBER = "DELETE FROM room_members WHERE room_id = $1 AND user_id = $2";
    SET_ROLE = "UPDATE room_members SET role = $3 WHERE room_id = $1 AND user_id = $2";
    COUNT_MEMBERS = "UPDATE rooms SET members = $2 WHERE id = $1";
    SET_CONTACT = "UPDATE room_members SET contact = $3 WHERE room_id = $1 AND user_id = $2";
    SEATS = "SELECT user_id, role, joined_at, delivered_seq, read_seq, sent_at, brought_in, contact FROM room_members
        WHERE room_id = $1";
    LIST_SEATS = "SELECT user_id, role, joined_at, delivered_seq, read_seq, sent_at, brought_in, contact FROM room_members
        WHERE room_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3";
    EXPORT = "SELECT m.room_id, m.kind, r.name, m.role, m.joined_at, m.delivered_seq, m.read_seq, m.sent_at, m.brought_in
        FROM room_members m JOIN rooms r ON r.id = m.room_id WHERE m.user_id = $1 AND m.room_id > $2 ORDER BY m.room_id LIMIT $3";
    IS_MEMBER = "SELECT 1 FROM room_members WHERE room_id = $1 AND user_id = $2";

}

fn room(row: &Row) -> Result<Room, Error> {
    Ok(Room {
        id: row.get(0)?,
        kind: choice(row.get(1)?)?,
        name: row.get(2)?,
        topic: row.get(3)?,
        member_only: row.get(4)?,
        read_only: row.get(5)?,
        slow_mode_ms: row.get(6)?,
        retention_days: row.get(7)?,
        members: row.get(8)?,
        last_seq: row.get(9)?,
        version: row.get(10)?,
        created_at: row.get(11)?,
        active_at: row.get(12)?,
        archived_at: row.get(13)?,
        live_only: row.get(14)?,
    })
}

/// How many columns [`room()`] reads: further ones follow.
const ROOM_COLUMNS: usize = 15;

fn seat(row: &Row) -> Result<(UserId, Seat), Error> {
    let seat = Seat {
        role: choice(row.get(1)?)?,
        joined_at: row.get(2)?,
        delivered_seq: row.get(3)?,
        read_seq: row.get(4)?,
        sent_at: row.get(5)?,
        brought_in: row.get(6)?,
        typed_at: None,
        contact: row.get::<Option<String>>(7)?.map(choice).transpose()?.unwrap_or_default(),
        unheard: None,
    };
    Ok((row.get(0)?, seat))
}

/// How it is stored: mostly not at all.
fn contact_word(contact: Contact) -> Result<Option<String>, crate::Error> {
    (contact != Contact::Open).then(|| word(&contact)).transpose()
}

/// The forms of a name by which no two rooms may be alike. Only rooms in use hold a name.
fn forms(room: &Room) -> (Option<String>, Option<String>) {
    match &room.name {
        Some(name) if room.kind == RoomKind::Room && room.archived_at.is_none() => {
            (Some(RoomName::key(name)), Some(RoomName::look(name)))
        }
        _ => (None, None),
    }
}

/// Stores a new room with its members, who hear of it from the commit on.
pub(super) fn insert_room(
    tx: &mut Tx<'_, '_>,
    room: &Room,
    pair: Option<&[u8]>,
    seats: &[(UserId, Seat)],
) -> Result<(), Error> {
    let (key, look) = forms(room);
    tx.execute(
        INSERT_ROOM,
        params![
            room.id,
            word(&room.kind)?,
            room.name,
            key,
            look,
            room.topic,
            room.member_only,
            room.read_only,
            room.slow_mode_ms,
            room.retention_days,
            room.members,
            room.created_at,
            pair,
            room.live_only
        ],
    )
    .on_constraints([("rooms_name_key", Error::NameTaken), ("rooms_name_look", Error::NameTaken)])?;
    seats.iter().try_for_each(|(user, seat)| insert_member(tx, room.id, room.kind, *user, seat))
}

fn insert_member(
    tx: &mut Tx<'_, '_>,
    room: RoomId,
    kind: RoomKind,
    user: UserId,
    seat: &Seat,
) -> Result<(), Error> {
    tx.execute(
        INSERT_MEMBER,
        params![
            room,
            user,
            word(&kind)?,
            word(&seat.role)?,
            seat.joined_at,
            seat.delivered_seq,
            seat.read_seq,
            seat.sent_at,
            seat.brought_in
        ],
    )?;
    if matches!(kind, RoomKind::Room | RoomKind::Group) {
        // Counted apart: nobody fills the rooms of somebody else.
        let most = if seat.brought_in { ROOMS_BROUGHT_INTO_MAX } else { ROOMS_JOINED_MAX };
        let joined: usize = tx.query_one(COUNT_JOINED, params![user, seat.brought_in])?.get(0)?;
        if joined > most {
            return Err(Error::TooManyRooms);
        }
    }
    if kind != RoomKind::Direct {
        // Between the commit and the events: whoever is in hears of everything from their own arrival on.
        let hall = tx.cx().hall().clone();
        tx.after_commit(move || connections::subscribe_user(&hall, user, Topic::Room(room)));
    }
    Ok(())
}

/// How many rooms the user owns that are in use.
pub(super) fn count_owned(tx: &mut Tx<'_, '_>, user: UserId) -> Result<usize, Error> {
    Ok(tx.query_one(COUNT_OWNED, params![user])?.get(0)?)
}

/// How many archived rooms the user owns.
pub(super) fn count_archived(tx: &mut Tx<'_, '_>, user: UserId) -> Result<usize, Error> {
    Ok(tx.query_one(COUNT_ARCHIVED, params![user])?.get(0)?)
}

/// Writes what a room did, in this order. What is only said and read is gathered, so that a busy room costs few statements.
pub(super) fn apply(tx: &mut Tx<'_, '_>, id: RoomId, effects: &[&Effect]) -> Result<(), Error> {
    let mut spoken = Spoken::default();
    for effect in effects {
        if !spoken.gathers(effect)? {
            std::mem::take(&mut spoken).write(tx, id)?;
            apply_one(tx, id, effect)?;
        }
    }
    spoken.write(tx, id)
}

fn apply_one(tx: &mut Tx<'_, '_>, id: RoomId, effect: &Effect) -> Result<(), Error> {
    match effect {
        Effect::Sent { .. } | Effect::Marked { .. } => Ok(()), // gathered
        Effect::Contact { user, contact } => {
            tx.execute(SET_CONTACT, params![id, user, contact_word(*contact)?])?;
            Ok(())
        }
        Effect::Described(room) => describe(tx, room),
        Effect::Entered { user, seat, kind, members } => {
            insert_member(tx, id, *kind, *user, seat)?;
            tx.execute(COUNT_MEMBERS, params![id, members])?;
            Ok(())
        }
        Effect::Gone { user, members } => {
            tx.execute(DELETE_MEMBER, params![id, user])?;
            tx.execute(COUNT_MEMBERS, params![id, members])?;
            let (hall, user) = (tx.cx().hall().clone(), *user);
            tx.after_commit(move || {
                hall.communication().seats.invalidate(&(id, user));
                connections::unsubscribe_user(&hall, user, &Topic::Room(id));
            });
            Ok(())
        }
        Effect::KeptForStaff(message) => messages::keep_for_staff(tx, message),
        Effect::Paced { user, at } => {
            tx.execute(PACE, params![id, user, at])?;
            Ok(())
        }
        Effect::Reopened { users } => {
            // Sessions that began while it was archived know nothing of it.
            let (hall, users) = (tx.cx().hall().clone(), users.clone());
            tx.after_commit(move || {
                for user in users {
                    connections::subscribe_user(&hall, user, Topic::Room(id));
                }
            });
            Ok(())
        }
        Effect::RoleSet { user, role } => {
            // Nobody's rooms are filled up by others who make them owners.
            let max = tx.cx().hall().settings().communication.rooms_owned_max as usize;
            if *role == RoomRole::Owner && count_owned(tx, *user)? >= max {
                return Err(Error::TooManyOwned);
            }
            tx.execute(SET_ROLE, params![id, user, word(role)?])?;
            Ok(())
        }
        Effect::Edited { before, message, unnoticed } => {
            messages::change(tx, *before, message, unnoticed.as_deref())
        }
        Effect::Deleted { before, message } => messages::change(tx, *before, message, Some(&[])),
        Effect::Disowned(message) => messages::disown(tx, *message),
        Effect::Restored { before, message } => messages::restore(tx, *before, message),
        Effect::Audited(line) => {
            let entry = audit::Entry::new(line.action).by(&line.by).target(Topic::Room(id).to_string());
            let entry = if line.about.is_null() { entry } else { entry.after(&line.about) };
            let entry = line.reason.iter().fold(entry, |entry, reason| entry.reason(reason));
            Ok(audit::record(tx, entry)?)
        }
    }
}

fn describe(tx: &mut Tx<'_, '_>, room: &Room) -> Result<(), Error> {
    let (key, look) = forms(room);
    tx.execute(
        UPDATE_ROOM,
        params![
            room.id,
            room.name,
            key,
            look,
            room.topic,
            room.member_only,
            room.read_only,
            room.slow_mode_ms,
            room.retention_days,
            room.version,
            room.archived_at
        ],
    )
    .on_constraints([("rooms_name_key", Error::NameTaken), ("rooms_name_look", Error::NameTaken)])?;
    Ok(())
}

pub(super) fn find_room(tx: &mut Tx<'_, '_>, id: RoomId) -> Result<Option<Room>, Error> {
    tx.query_opt(FIND_ROOM, params![id])?.as_ref().map(room).transpose()
}

/// Whether there is such a room.
pub(crate) fn is_room(tx: &mut Tx<'_, '_>, id: RoomId) -> Result<bool, Error> {
    Ok(find_room(tx, id)?.is_some())
}

/// The room whose name is, or looks like, this one.
pub(super) fn find_room_by_name(tx: &mut Tx<'_, '_>, name: &str) -> Result<Option<Room>, Error> {
    let row = match tx.query_opt(FIND_ROOM_BY_NAME, params![RoomName::key(name)])? {
        Some(row) => Some(row),
        None => tx.query_opt(FIND_ROOM_BY_LOOK, params![RoomName::look(name)])?,
    };
    row.as_ref().map(room).transpose()
}

pub(super) fn find_direct(tx: &mut Tx<'_, '_>, pair: &[u8]) -> Result<Option<Room>, Error> {
    tx.query_opt(FIND_DIRECT, params![pair])?.as_ref().map(room).transpose()
}

/// The two users of a direct conversation.
pub(super) fn pair(tx: &mut Tx<'_, '_>, id: RoomId) -> Result<Option<[UserId; 2]>, Error> {
    let row = tx.query_opt(PAIR, params![id])?.ok_or(crate::Error::NotFound)?;
    let Some(pair) = row.get::<Option<Vec<u8>>>(0)? else { return Ok(None) };
    let (users, rest) = pair.as_chunks::<16>();
    match (users, rest) {
        ([one, other], []) => {
            Ok(Some([*one, *other].map(|bytes| UserId::from_uuid(Uuid::from_bytes(bytes)))))
        }
        _ => Err(crate::Error::internal("a direct conversation is not one of two users").into()),
    }
}

/// The last number that was given to what is not heard, and when, if that is still there; that of what is heard may be higher.
pub(super) fn numbered(tx: &mut Tx<'_, '_>, id: RoomId) -> Result<(i64, Option<Timestamp>), Error> {
    let row = tx.query_one(NUMBERED, params![id])?;
    Ok((row.get(0)?, row.get(1)?))
}

/// Has the user see these rooms as somebody who wrote what others may not hear.
pub(super) fn as_seen(tx: &mut Tx<'_, '_>, user: UserId, rooms: &mut [Room]) -> Result<(), Error> {
    let ids: Vec<RoomId> = rooms.iter().map(|room| room.id).collect();
    for row in tx.query(MARKS, params![user, ids])? {
        let id: RoomId = row.get(0)?;
        let marks = (row.get(1)?, row.get(2)?);
        for seen in rooms.iter_mut().filter(|room| room.id == id) {
            *seen = room::as_seen(seen.clone(), Some(marks));
        }
    }
    Ok(())
}

/// Adds where markers stand at what only their owner sees, where markers are shown.
pub(super) fn add_unheard(
    tx: &mut Tx<'_, '_>,
    room: &Room,
    seats: &mut [(UserId, Seat)],
) -> Result<(), Error> {
    if room.kind == RoomKind::Room {
        return Ok(());
    }
    for row in tx.query(UNHEARD, params![room.id])? {
        let user: UserId = row.get(0)?;
        let unheard = Unheard { seq: row.get(1)?, heard: row.get::<Option<i64>>(2)?.unwrap_or_default() };
        if let Some((_, seat)) = seats.iter_mut().find(|(other, _)| *other == user) {
            seat.unheard = Some(unheard);
        }
    }
    Ok(())
}

/// Rooms that everybody may join and whose folded name begins so, with that name, after `after`.
pub(super) fn list_rooms(
    tx: &mut Tx<'_, '_>,
    beginning: &str,
    after: &str,
    limit: usize,
) -> Result<Vec<(Room, String)>, Error> {
    // Text sorts by its bytes, and no character comes after this one.
    let end = format!("{beginning}\u{10ffff}");
    let rows = tx.query(LIST_ROOMS, params![after, beginning, end, limit])?;
    rows.iter().map(|row| Ok((room(row)?, row.get(ROOM_COLUMNS)?))).collect()
}

/// The user's rooms that were active before `before`, the latest first.
pub(super) fn my_rooms(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    kind: Option<RoomKind>,
    before: (Timestamp, RoomId),
    limit: usize,
) -> Result<Vec<MyRoom>, Error> {
    let kind = kind.map(|kind| word(&kind)).transpose()?;
    let rows = tx.query(MY_ROOMS, params![user, kind, before.0, before.1, limit])?;
    rows.iter()
        .map(|row| {
            let room = room(row)?;
            let read_seq: i64 = row.get(ROOM_COLUMNS + 1)?;
            let swept_seq: i64 = row.get(ROOM_COLUMNS + 2)?;
            let withheld: i64 = row.get(ROOM_COLUMNS + 5)?;
            Ok(MyRoom {
                unread: (room.last_seq - read_seq.max(swept_seq) - withheld).max(0),
                room: room::as_seen(room, Some((read_seq, row.get(ROOM_COLUMNS + 6)?))),
                role: choice(row.get(ROOM_COLUMNS)?)?,
                read_seq,
                mentions: row.get(ROOM_COLUMNS + 3)?,
                user_id: row.get(ROOM_COLUMNS + 4)?,
            })
        })
        .collect()
}

pub(super) fn unread(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Vec<RoomUnread>, Error> {
    let rows = tx.query(UNREAD, params![user, UNREAD_ROOMS_MAX])?;
    let rooms = rows.iter().map(|row| {
        let (last_seq, read_seq, swept_seq): (i64, i64, i64) = (row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(RoomUnread {
            room_id: row.get(0)?,
            user_id: row.get(5)?,
            last_seq,
            read_seq,
            messages: last_seq - read_seq.max(swept_seq) - row.get::<i64>(6)?,
            mentions: row.get(4)?,
        })
    });
    rooms.collect()
}

/// Conversations that others began and that wait for the user's answer, before this one.
pub(super) fn requests(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    before: RoomId,
    limit: usize,
) -> Result<Vec<ContactRequest>, Error> {
    let rows = tx.query(REQUESTS, params![user, before, limit])?;
    rows.iter().map(|row| Ok(ContactRequest { room: room(row)?, user_id: row.get(ROOM_COLUMNS)? })).collect()
}

/// How many such conversations there are.
pub(super) fn count_requests(tx: &mut Tx<'_, '_>, user: UserId) -> Result<i64, Error> {
    Ok(tx.query_one(COUNT_REQUESTS, params![user])?.get(0)?)
}

/// The rooms and groups the user is in, and the rooms of what they are in.
pub(super) fn joined(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Vec<RoomId>, Error> {
    tx.query(JOINED, params![user])?.iter().map(|row| Ok(row.get(0)?)).collect()
}

pub(super) fn seats(tx: &mut Tx<'_, '_>, room: RoomId) -> Result<Vec<(UserId, Seat)>, Error> {
    tx.query(SEATS, params![room])?.iter().map(seat).collect()
}

pub(super) fn list_seats(
    tx: &mut Tx<'_, '_>,
    room: RoomId,
    after: UserId,
    limit: usize,
) -> Result<Vec<(UserId, Seat)>, Error> {
    tx.query(LIST_SEATS, params![room, after, limit])?.iter().map(seat).collect()
}

pub(super) fn is_member(tx: &mut Tx<'_, '_>, room: RoomId, user: UserId) -> Result<bool, Error> {
    Ok(tx.query_opt(IS_MEMBER, params![room, user])?.is_some())
}

/// Some rooms after this one whose messages do not stay for ever: the days they set themselves, and when their oldest message
/// was sent, which stands right behind those that are gone.
pub(super) fn retentive(
    tx: &mut Tx<'_, '_>,
    after: RoomId,
    all: bool,
    limit: usize,
) -> Result<Vec<(RoomId, Option<u32>, Timestamp)>, Error> {
    let rows = tx.query(RETENTIVE, params![after, all, limit])?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).collect()
}

/// Rooms that nobody is in, and where nobody wrote later than that.
pub(super) fn empty_rooms(
    tx: &mut Tx<'_, '_>,
    after: RoomId,
    silent_since: Timestamp,
    limit: usize,
) -> Result<Vec<RoomId>, Error> {
    let rows = tx.query(EMPTY_ROOMS, params![after, silent_since, limit])?;
    Ok(rows.iter().map(|row| row.get(0)).collect::<Result<_, _>>()?)
}

/// Deletes rooms of parties, lobbies and matches that have ended, of which no message is left. Returns how many.
pub(super) fn sweep_following_rooms(tx: &mut Tx<'_, '_>) -> Result<u64, Error> {
    Ok(tx.execute(SWEEP_FOLLOWING_ROOMS, params![sweep::ROWS])?)
}

/// The rooms and groups these users are in, and the rooms of what they are in.
pub(super) fn seats_of(tx: &mut Tx<'_, '_>, users: &[UserId]) -> Result<Vec<(RoomId, UserId)>, Error> {
    let rows = tx.query(SEATS_OF, params![users])?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// The rooms and conversations a user is in, for themselves.
pub(crate) fn export(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    from: Option<Value>,
    limit: usize,
) -> Result<Part, crate::Error> {
    let after = place(from, RoomId::from_uuid(Uuid::nil()))?;
    let mut seats = Vec::new();
    for row in tx.query(EXPORT, params![user, after, limit + 1])? {
        seats.push(Joined {
            room_id: row.get(0)?,
            kind: row.get(1)?,
            name: row.get(2)?,
            role: row.get(3)?,
            joined_at: row.get(4)?,
            delivered_seq: row.get(5)?,
            read_seq: row.get(6)?,
            sent_at: row.get(7)?,
            brought_in: row.get(8)?,
        });
    }
    Part::cut(seats, limit, |seat| seat.room_id)
}

/// A room somebody is in.
#[derive(Serialize)]
struct Joined {
    room_id: RoomId,
    kind: String,
    name: Option<String>,
    role: String,
    joined_at: Timestamp,
    delivered_seq: i64,
    read_seq: i64,
    sent_at: Option<Timestamp>,
    brought_in: bool,
}
