//! SQL for rooms, their members, and what was said.

use std::collections::BTreeMap;

use moothall_protocol::communication::{
    Attachment, Message, MessageVersion, MyRoom, Room, RoomKind, RoomUnread,
};
use moothall_protocol::limits::{ROOMS_JOINED_MAX, UNREAD_ROOMS_MAX};
use moothall_protocol::{MessageId, RoomId, Timestamp, UserId};
use moothall_store::{Json, OnConstraint as _, Row, Value, params, statements, values};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::Error;
use super::name::RoomName;
use super::room::{Effect, Seat};
use crate::cx::Tx;
use crate::{Topic, audit, connections};

/// The columns of a room, in the order [`room`] reads them.
macro_rules! room_columns {
    () => {
        "r.id, r.kind, r.name, r.topic, r.member_only, r.read_only, r.slow_mode_ms, r.retention_days, r.members,
         r.last_seq, r.version, r.created_at, r.active_at, r.archived_at, r.live_only"
    };
}

/// The columns of a message, in the order [`message`] reads them.
macro_rules! message_columns {
    () => {
        "id, room_id, seq, sender_id, text, attachments, mentions, reply_to, version, created_at, edited_at, deleted_at"
    };
}

/// Mentions of `m`'s user in `m`'s room that they have not read.
macro_rules! mentions_unread {
    () => {
        "(SELECT count(*) FROM message_mentions x
          WHERE x.user_id = m.user_id AND x.room_id = m.room_id AND x.seq > m.read_seq)"
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
    SWEPT_SEQ = "SELECT swept_seq FROM rooms WHERE id = $1";
    LIST_ROOMS = concat!("SELECT ", room_columns!(), ", r.name_key FROM rooms r
        WHERE r.name_key > $1 AND r.name_key >= $2 AND r.name_key < $3 AND r.member_only = FALSE
        ORDER BY r.name_key LIMIT $4");
    MY_ROOMS = concat!("SELECT ", room_columns!(), ", m.role, m.read_seq, r.swept_seq, ", mentions_unread!(), ", ",
        other_user!(), " FROM room_members m JOIN rooms r ON r.id = m.room_id
        WHERE m.user_id = $1 AND (m.kind = $2 OR $2 IS NULL) AND (r.active_at, r.id) < ($3, $4)
          AND (m.kind <> 'direct' OR r.last_seq > 0) AND r.archived_at IS NULL
        ORDER BY r.active_at DESC, r.id DESC LIMIT $5");
    UNREAD = concat!("SELECT r.id, r.last_seq, m.read_seq, r.swept_seq, ", mentions_unread!(), ", ", other_user!(), "
        FROM room_members m JOIN rooms r ON r.id = m.room_id
        WHERE m.user_id = $1 AND r.last_seq > m.read_seq AND r.last_seq > r.swept_seq AND r.archived_at IS NULL
        ORDER BY r.active_at DESC, r.id DESC LIMIT $2");
    COUNT_OWNED = "SELECT count(*) FROM room_members m JOIN rooms r ON r.id = m.room_id
        WHERE m.user_id = $1 AND m.kind = 'room' AND m.role = 'owner' AND r.archived_at IS NULL";
    COUNT_JOINED = "SELECT count(*) FROM room_members m JOIN rooms r ON r.id = m.room_id
        WHERE m.user_id = $1 AND m.kind IN ('room', 'group') AND r.archived_at IS NULL";
    JOINED = "SELECT m.room_id FROM room_members m WHERE m.user_id = $1 AND m.kind IN ('room', 'group')";
    SEATS_OF = "SELECT room_id, user_id FROM room_members WHERE user_id {in $1} AND kind IN ('room', 'group')
        ORDER BY user_id, room_id";
    RETENTIVE = "SELECT r.id, r.retention_days, m.created_at FROM rooms r
        JOIN messages m ON m.room_id = r.id AND m.seq = r.swept_seq + 1
        WHERE r.id > $1 AND (r.retention_days IS NOT NULL OR $2) ORDER BY r.id LIMIT $3";

    INSERT_MEMBER = "INSERT INTO room_members (room_id, user_id, kind, role, joined_at, delivered_seq, read_seq, sent_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, NULL)";
    DELETE_MEMBER = "DELETE FROM room_members WHERE room_id = $1 AND user_id = $2";
    SET_ROLE = "UPDATE room_members SET role = $3 WHERE room_id = $1 AND user_id = $2";
    COUNT_MEMBERS = "UPDATE rooms SET members = $2 WHERE id = $1";
    SEATS = "SELECT user_id, role, joined_at, delivered_seq, read_seq, sent_at FROM room_members WHERE room_id = $1";
    LIST_SEATS = "SELECT user_id, role, joined_at, delivered_seq, read_seq, sent_at FROM room_members
        WHERE room_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3";
    IS_MEMBER = "SELECT 1 FROM room_members WHERE room_id = $1 AND user_id = $2";
    MARK = "UPDATE room_members SET delivered_seq = $3, read_seq = $4, sent_at = COALESCE($5, sent_at)
        WHERE room_id = $1 AND user_id = $2";

    NUMBER = "UPDATE rooms SET last_seq = $2, active_at = $3 WHERE id = $1";
    DELETE_MENTIONS = "DELETE FROM message_mentions WHERE room_id = $1 AND seq = $2";
    KEEP_VERSION = "INSERT INTO message_versions (message_id, version, text, attachments, replaced_at)
        SELECT id, version, text, attachments, $3 FROM messages WHERE id = $1 AND version = $2 AND deleted_at IS NULL";
    CHANGE_MESSAGE = "UPDATE messages SET text = $2, attachments = $3, mentions = $4, version = $5, edited_at = $6,
        deleted_at = $7 WHERE id = $1";
    FIND_MESSAGE = concat!("SELECT ", message_columns!(), " FROM messages WHERE id = $1");
    VERSIONS = "SELECT version, text, attachments, replaced_at FROM message_versions WHERE message_id = $1
        ORDER BY version";
    BEFORE = concat!("SELECT ", message_columns!(), " FROM messages WHERE room_id = $1 AND seq < $2
        ORDER BY seq DESC LIMIT $3");
    AFTER = concat!("SELECT ", message_columns!(), " FROM messages WHERE room_id = $1 AND seq > $2 ORDER BY seq LIMIT $3");

    OLDEST = "SELECT seq, created_at FROM messages WHERE room_id = $1 ORDER BY seq LIMIT $2";
    SWEEP_MESSAGES = "DELETE FROM messages WHERE room_id = $1 AND seq <= $2";
    SWEEP_MENTIONS = "DELETE FROM message_mentions WHERE room_id = $1 AND seq <= $2";
    SWEPT = "UPDATE rooms SET swept_seq = $2 WHERE id = $1 AND swept_seq < $2";
    SWEEP_VERSIONS = "DELETE FROM message_versions WHERE replaced_at <= $1";
}

/// Messages are inserted many at a time, see [`Spoken`].
const INSERT_MESSAGES: &str = concat!("INSERT INTO messages (", message_columns!(), ")");
const INSERT_MENTIONS: &str = "INSERT INTO message_mentions (user_id, room_id, seq)";

/// The name an enum has on the wire is its name in the database.
fn word(value: &impl Serialize) -> Result<String, crate::Error> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        _ => Err(crate::Error::internal("an enum has no name")),
    }
}

fn parse<T: DeserializeOwned>(word: String) -> Result<T, crate::Error> {
    serde_json::from_value(serde_json::Value::String(word)).map_err(crate::Error::internal)
}

fn room(row: &Row) -> Result<Room, Error> {
    Ok(Room {
        id: row.get(0)?,
        kind: parse(row.get(1)?)?,
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

/// How many columns [`room`] reads: further ones follow.
const ROOM_COLUMNS: usize = 15;

fn seat(row: &Row) -> Result<(UserId, Seat), Error> {
    let seat = Seat {
        role: parse(row.get(1)?)?,
        joined_at: row.get(2)?,
        delivered_seq: row.get(3)?,
        read_seq: row.get(4)?,
        sent_at: row.get(5)?,
        typed_at: None,
    };
    Ok((row.get(0)?, seat))
}

fn message(row: &Row) -> Result<Message, Error> {
    Ok(Message {
        id: row.get(0)?,
        room_id: row.get(1)?,
        seq: row.get(2)?,
        sender_id: row.get(3)?,
        text: row.get(4)?,
        attachments: list(row, 5)?,
        mentions: list(row, 6)?,
        reply_to: row.get(7)?,
        version: row.get(8)?,
        created_at: row.get(9)?,
        edited_at: row.get(10)?,
        deleted_at: row.get(11)?,
    })
}

fn list<T: DeserializeOwned>(row: &Row, index: usize) -> Result<Vec<T>, moothall_store::Error> {
    Ok(row.get::<Option<Json<Vec<T>>>>(index)?.map(|Json(list)| list).unwrap_or_default())
}

/// Most messages have no attachments and mention nobody: `NULL` then.
fn unless_empty<T>(list: &[T]) -> Option<Json<&[T]>> {
    (!list.is_empty()).then_some(Json(list))
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
            seat.read_seq
        ],
    )?;
    if kind != RoomKind::Direct {
        if count(tx, COUNT_JOINED, user)? > ROOMS_JOINED_MAX {
            return Err(Error::TooManyRooms);
        }
        // Between the commit and the events: whoever is in hears of everything from their own arrival on.
        let hall = tx.cx().hall().clone();
        tx.after_commit(move || connections::subscribe_user(&hall, user, Topic::Room(room)));
    }
    Ok(())
}

fn count(tx: &mut Tx<'_, '_>, sql: &'static str, user: UserId) -> Result<usize, Error> {
    Ok(tx.query_one(sql, params![user])?.get(0)?)
}

pub(super) fn count_owned(tx: &mut Tx<'_, '_>, user: UserId) -> Result<usize, Error> {
    count(tx, COUNT_OWNED, user)
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
        Effect::Sent(_) | Effect::Marked { .. } => Ok(()), // gathered
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
            tx.after_commit(move || connections::unsubscribe_user(&hall, user, &Topic::Room(id)));
            Ok(())
        }
        Effect::RoleSet { user, role } => {
            tx.execute(SET_ROLE, params![id, user, word(role)?])?;
            Ok(())
        }
        Effect::Edited { before, message } | Effect::Deleted { before, message } => {
            change_message(tx, *before, message)
        }
        Effect::Audited(line) => {
            let entry = audit::Entry::new(line.action).by(line.by).target(Topic::Room(id).to_string());
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

/// What was said and read in a room since something else was written: one insert for all messages, one update for the room, and
/// one for each member who wrote or read.
#[derive(Default)]
struct Spoken {
    messages: Vec<Vec<Value>>,
    mentions: Vec<Vec<Value>>,
    /// The number and the time of the newest message.
    newest: Option<(i64, Timestamp)>,
    marks: BTreeMap<UserId, Mark>,
}

/// How far a member has come.
struct Mark {
    delivered_seq: i64,
    read_seq: i64,
    /// When they wrote, if they did.
    sent_at: Option<Timestamp>,
}

impl Spoken {
    /// Takes an effect up, if it is one that can wait for others.
    fn gathers(&mut self, effect: &Effect) -> Result<bool, Error> {
        match effect {
            Effect::Sent(message) => self.sent(message)?,
            Effect::Marked { user, delivered_seq, read_seq } => {
                self.marked(*user, *delivered_seq, *read_seq);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn sent(&mut self, message: &Message) -> Result<(), Error> {
        self.messages.push(values![
            message.id,
            message.room_id,
            message.seq,
            message.sender_id,
            message.text,
            unless_empty(&message.attachments),
            unless_empty(&message.mentions),
            message.reply_to,
            message.version,
            message.created_at,
            message.edited_at,
            message.deleted_at
        ]?);
        self.mentions.extend(mention_rows(message)?);
        self.newest = Some((message.seq, message.created_at));
        let (delivered_seq, read_seq) = (message.seq, message.seq);
        let mark = Mark { delivered_seq, read_seq, sent_at: Some(message.created_at) };
        self.marks.insert(message.sender_id, mark);
        Ok(())
    }

    fn marked(&mut self, user: UserId, delivered_seq: i64, read_seq: i64) {
        let sent_at = self.marks.get(&user).and_then(|mark| mark.sent_at);
        self.marks.insert(user, Mark { delivered_seq, read_seq, sent_at });
    }

    fn write(self, tx: &mut Tx<'_, '_>, room: RoomId) -> Result<(), Error> {
        if let Some((seq, at)) = self.newest {
            tx.insert_many(INSERT_MESSAGES, 12, &self.messages)?;
            tx.insert_many(INSERT_MENTIONS, 3, &self.mentions)?;
            tx.execute(NUMBER, params![room, seq, at])?;
        }
        for (user, Mark { delivered_seq, read_seq, sent_at }) in self.marks {
            tx.execute(MARK, params![room, user, delivered_seq, read_seq, sent_at])?;
        }
        Ok(())
    }
}

fn mention_rows(message: &Message) -> Result<Vec<Vec<Value>>, Error> {
    let rows = message.mentions.iter().map(|user| values![user, message.room_id, message.seq]);
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Makes of a message what it now is, and keeps what it was; unless it is no longer what the room was told it was.
fn change_message(tx: &mut Tx<'_, '_>, before: i64, message: &Message) -> Result<(), Error> {
    let at = message.deleted_at.or(message.edited_at).unwrap_or(message.created_at);
    if tx.execute(KEEP_VERSION, params![message.id, before, at])? == 0 {
        return Err(match find_message(tx, message.room_id, message.id)? {
            Some(now) if now.deleted_at.is_none() => {
                crate::Error::VersionConflict { version: now.version }.into()
            }
            Some(_) => Error::MessageDeleted,
            None => crate::Error::NotFound.into(),
        });
    }
    tx.execute(
        CHANGE_MESSAGE,
        params![
            message.id,
            message.text,
            unless_empty(&message.attachments),
            unless_empty(&message.mentions),
            message.version,
            message.edited_at,
            message.deleted_at
        ],
    )?;
    tx.execute(DELETE_MENTIONS, params![message.room_id, message.seq])?;
    tx.insert_many(INSERT_MENTIONS, 3, &mention_rows(message)?)?;
    Ok(())
}

pub(super) fn find_room(tx: &mut Tx<'_, '_>, id: RoomId) -> Result<Option<Room>, Error> {
    tx.query_opt(FIND_ROOM, params![id])?.as_ref().map(room).transpose()
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

/// The newest message that is gone for good.
pub(super) fn swept_seq(tx: &mut Tx<'_, '_>, id: RoomId) -> Result<i64, Error> {
    Ok(tx.query_one(SWEPT_SEQ, params![id])?.get(0)?)
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
            Ok(MyRoom {
                unread: (room.last_seq - read_seq.max(swept_seq)).max(0),
                room,
                role: parse(row.get(ROOM_COLUMNS)?)?,
                read_seq,
                mentions: row.get(ROOM_COLUMNS + 3)?,
                user_id: row.get(ROOM_COLUMNS + 4)?,
            })
        })
        .collect()
}

pub(super) fn unread(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Vec<RoomUnread>, Error> {
    let rows = tx.query(UNREAD, params![user, UNREAD_ROOMS_MAX])?;
    rows.iter()
        .map(|row| {
            let (last_seq, read_seq, swept_seq): (i64, i64, i64) = (row.get(1)?, row.get(2)?, row.get(3)?);
            Ok(RoomUnread {
                room_id: row.get(0)?,
                user_id: row.get(5)?,
                last_seq,
                read_seq,
                messages: last_seq - read_seq.max(swept_seq),
                mentions: row.get(4)?,
            })
        })
        .collect()
}

/// The rooms and groups the user is in.
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

/// A message, if it is one of this room.
pub(super) fn find_message(
    tx: &mut Tx<'_, '_>,
    room: RoomId,
    id: MessageId,
) -> Result<Option<Message>, Error> {
    let found = tx.query_opt(FIND_MESSAGE, params![id])?.as_ref().map(message).transpose()?;
    Ok(found.filter(|message| message.room_id == room))
}

pub(super) fn versions(tx: &mut Tx<'_, '_>, id: MessageId) -> Result<Vec<MessageVersion>, Error> {
    tx.query(VERSIONS, params![id])?
        .iter()
        .map(|row| {
            let attachments: Vec<Attachment> = list(row, 2)?;
            Ok(MessageVersion {
                version: row.get(0)?,
                text: row.get(1)?,
                attachments,
                replaced_at: row.get(3)?,
            })
        })
        .collect()
}

/// Messages before this place, the newest first.
pub(super) fn before(
    tx: &mut Tx<'_, '_>,
    room: RoomId,
    seq: i64,
    limit: usize,
) -> Result<Vec<Message>, Error> {
    tx.query(BEFORE, params![room, seq, limit])?.iter().map(message).collect()
}

/// Messages after this place, the oldest first.
pub(super) fn after(
    tx: &mut Tx<'_, '_>,
    room: RoomId,
    seq: i64,
    limit: usize,
) -> Result<Vec<Message>, Error> {
    tx.query(AFTER, params![room, seq, limit])?.iter().map(message).collect()
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

/// Removes up to `limit` messages that were sent until `until`, the oldest first. Returns how many that were.
///
/// Times never go back within a room, so its oldest messages are its first.
pub(super) fn sweep_messages(
    tx: &mut Tx<'_, '_>,
    room: RoomId,
    until: Timestamp,
    limit: usize,
) -> Result<u64, Error> {
    let mut last = None;
    for row in tx.query(OLDEST, params![room, limit])? {
        let (seq, created_at): (i64, Timestamp) = (row.get(0)?, row.get(1)?);
        if created_at > until {
            break;
        }
        last = Some(seq);
    }
    let Some(last) = last else { return Ok(0) };
    tx.execute(SWEEP_MENTIONS, params![room, last])?;
    let count = tx.execute(SWEEP_MESSAGES, params![room, last])?;
    tx.execute(SWEPT, params![room, last])?;
    Ok(count)
}

/// Removes what messages said before they were changed, up to this time.
pub(super) fn sweep_versions(tx: &mut Tx<'_, '_>, until: Timestamp) -> Result<u64, Error> {
    Ok(tx.execute(SWEEP_VERSIONS, params![until])?)
}

/// The rooms and groups these users are in.
pub(super) fn seats_of(tx: &mut Tx<'_, '_>, users: &[UserId]) -> Result<Vec<(RoomId, UserId)>, Error> {
    let rows = tx.query(SEATS_OF, params![users])?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}
