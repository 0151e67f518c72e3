//! SQL for what was said, and how far members have read.

use std::collections::BTreeMap;

use moothall_protocol::communication::{Attachment, Message, MessageVersion};
use moothall_protocol::{MessageId, RoomId, Timestamp, UserId};
use moothall_store::{Json, Row, Value, params, statements, values};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::communication::Error;
use crate::communication::room::Effect;
use crate::communication::shadows::Eyes;
use crate::cx::Tx;
use crate::export::{Part, place};
use crate::{json, sweep};

/// The columns of a message, in the order [`message`] reads them.
macro_rules! message_columns {
    () => {
        "id, room_id, seq, sender_id, text, attachments, mentions, reply_to, version, created_at, edited_at, deleted_at, withheld, shadowed"
    };
}

/// Which messages a reader sees, whose id is `$4`: all if `$5` says so.
macro_rules! seen {
    () => {
        "(shadowed = FALSE OR sender_id = $4 OR $5)"
    };
}

/// Whether a message `m` is more than what is kept for staff of a live-only room.
macro_rules! not_for_staff_alone {
    () => {
        "(m.shadowed = FALSE OR EXISTS (SELECT 1 FROM rooms r WHERE r.id = m.room_id AND r.live_only = FALSE))"
    };
}

statements! {
    MARK = "UPDATE room_members SET delivered_seq = $3, read_seq = $4, sent_at = COALESCE($5, sent_at)
        WHERE room_id = $1 AND user_id = $2";

    NUMBER = "UPDATE rooms SET last_seq = $2, active_at = $3 WHERE id = $1";
    NUMBER_UNHEARD = "UPDATE rooms SET numbered_seq = $2 WHERE id = $1";
    DELETE_MENTIONS = "DELETE FROM message_mentions WHERE room_id = $1 AND seq = $2";
    KEEP_VERSION = "INSERT INTO message_versions (message_id, version, text, attachments, replaced_at)
        SELECT id, version, text, attachments, $3 FROM messages WHERE id = $1 AND version = $2 AND deleted_at IS NULL";
    CHANGE_MESSAGE = "UPDATE messages SET text = $2, attachments = $3, mentions = $4, version = $5, edited_at = $6,
        deleted_at = $7 WHERE id = $1";
    RESTORE_MESSAGE = "UPDATE messages SET text = $3, attachments = $4, mentions = $5, version = $6, edited_at = $7, deleted_at = NULL
        WHERE id = $1 AND version = $2 AND deleted_at IS NOT NULL AND NOT disowned";
    DISOWN = "UPDATE messages SET disowned = TRUE WHERE id = $1 AND deleted_at IS NOT NULL AND NOT disowned";
    IS_DISOWNED = "SELECT disowned FROM messages WHERE id = $1";
    FIND_MESSAGE = concat!("SELECT ", message_columns!(), " FROM messages WHERE id = $1");
    VERSIONS = "SELECT version, text, attachments, replaced_at FROM message_versions WHERE message_id = $1
        ORDER BY version";
    BEFORE = concat!("SELECT ", message_columns!(), " FROM messages WHERE room_id = $1 AND seq < $2 AND ", seen!(), "
        ORDER BY seq DESC LIMIT $3");
    AFTER = concat!("SELECT ", message_columns!(), " FROM messages WHERE room_id = $1 AND seq > $2 AND ", seen!(), "
        ORDER BY seq LIMIT $3");

    WINDOW = "SELECT id FROM messages WHERE id > $1 ORDER BY id LIMIT 1 OFFSET $2";
    OWN = concat!("SELECT ", message_columns!(), " FROM messages m
        WHERE id > $2 AND id <= $3 AND sender_id = $1 AND ", not_for_staff_alone!(), " ORDER BY id LIMIT $4");
    VERSIONS_WINDOW = "SELECT message_id, version FROM message_versions WHERE (message_id, version) > ($1, $2)
        ORDER BY message_id, version LIMIT 1 OFFSET $3";
    OWN_VERSIONS = concat!("SELECT v.message_id, v.version, v.text, v.attachments, v.replaced_at
        FROM message_versions v JOIN messages m ON m.id = v.message_id
        WHERE (v.message_id, v.version) > ($2, $3) AND (v.message_id, v.version) <= ($4, $5) AND m.sender_id = $1
          AND ", not_for_staff_alone!(), " ORDER BY v.message_id, v.version LIMIT $6");

    OLDEST = "SELECT seq, created_at FROM messages WHERE room_id = $1 ORDER BY seq LIMIT $2";
    SWEEP_MESSAGES = "DELETE FROM messages WHERE room_id = $1 AND seq <= $2";
    SWEEP_MENTIONS = "DELETE FROM message_mentions WHERE room_id = $1 AND seq <= $2";
    SWEPT = "UPDATE rooms SET swept_seq = $2 WHERE id = $1 AND swept_seq < $2";
    SWEEP_UNHEARD = "DELETE FROM messages WHERE id IN
        (SELECT w.id FROM messages w JOIN rooms r ON r.id = w.room_id WHERE w.shadowed AND w.created_at <= $1 AND r.live_only LIMIT $2)";
    SWEEP_VERSIONS = "DELETE FROM message_versions WHERE (message_id, version) IN
        (SELECT message_id, version FROM message_versions WHERE replaced_at <= $1 LIMIT $2)";

    + many {
        /// See [`Spoken`].
        INSERT_MESSAGES (14) = concat!("INSERT INTO messages (", message_columns!(), ")");
        INSERT_MENTIONS (3) = "INSERT INTO message_mentions (user_id, room_id, seq)";
    }
}

/// Reads the columns of a message.
pub(in crate::communication) fn message(row: &Row) -> Result<Message, Error> {
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
        is_hidden: row.get(12)?,
        is_shadowed: row.get(13)?,
    })
}

fn list<T: DeserializeOwned>(row: &Row, index: usize) -> Result<Vec<T>, moothall_store::Error> {
    Ok(row.get::<Option<Json<Vec<T>>>>(index)?.map(|Json(list)| list).unwrap_or_default())
}

/// Most messages have no attachments and mention nobody: `NULL` then.
fn unless_empty<T>(list: &[T]) -> Option<Json<&[T]>> {
    (!list.is_empty()).then_some(Json(list))
}

/// What was said and read in a room since something else was written: one insert for all messages, one update for the room, and
/// one for each member who wrote or read.
#[derive(Default)]
pub(in crate::communication) struct Spoken {
    messages: Vec<Vec<Value>>,
    mentions: Vec<Vec<Value>>,
    /// The number and the time of the newest message that is heard.
    newest: Option<(i64, Timestamp)>,
    /// The number of the newest that is not.
    unheard: Option<i64>,
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
    pub fn gathers(&mut self, effect: &Effect) -> Result<bool, Error> {
        match effect {
            Effect::Sent { message, unnoticed } => self.sent(message, unnoticed)?,
            Effect::Marked { user, delivered_seq, read_seq } => {
                self.marked(*user, *delivered_seq, *read_seq);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn sent(&mut self, message: &Message, unnoticed: &[UserId]) -> Result<(), Error> {
        self.messages.push(message_row(message)?);
        self.mentions.extend(mention_rows(message, unnoticed)?);
        if message.is_shadowed {
            self.unheard = Some(message.seq);
        } else {
            self.newest = Some((message.seq, message.created_at));
        }
        let (delivered_seq, read_seq) = (message.seq, message.seq);
        let mark = Mark { delivered_seq, read_seq, sent_at: Some(message.created_at) };
        self.marks.insert(message.sender_id, mark);
        Ok(())
    }

    fn marked(&mut self, user: UserId, delivered_seq: i64, read_seq: i64) {
        let sent_at = self.marks.get(&user).and_then(|mark| mark.sent_at);
        self.marks.insert(user, Mark { delivered_seq, read_seq, sent_at });
    }

    pub fn write(self, tx: &mut Tx<'_, '_>, room: RoomId) -> Result<(), Error> {
        if !self.messages.is_empty() {
            tx.insert_many(INSERT_MESSAGES, 14, &self.messages)?;
            tx.insert_many(INSERT_MENTIONS, 3, &self.mentions)?;
        }
        if let Some((seq, at)) = self.newest {
            tx.execute(NUMBER, params![room, seq, at])?;
        }
        if let Some(seq) = self.unheard {
            tx.execute(NUMBER_UNHEARD, params![room, seq])?;
        }
        for (user, Mark { delivered_seq, read_seq, sent_at }) in self.marks {
            tx.execute(MARK, params![room, user, delivered_seq, read_seq, sent_at])?;
        }
        Ok(())
    }
}

fn message_row(message: &Message) -> Result<Vec<Value>, Error> {
    Ok(values![
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
        message.deleted_at,
        message.is_hidden,
        message.is_shadowed
    ]?)
}

/// Keeps a message of a live-only room, which nobody else's is.
pub(in crate::communication) fn keep_for_staff(tx: &mut Tx<'_, '_>, message: &Message) -> Result<(), Error> {
    tx.insert_many(INSERT_MESSAGES, 14, &[message_row(message)?])?;
    tx.execute(NUMBER_UNHEARD, params![message.room_id, message.seq])?;
    Ok(())
}

fn mention_rows(message: &Message, unnoticed: &[UserId]) -> Result<Vec<Vec<Value>>, Error> {
    let noticed = message.mentions.iter().filter(|user| !unnoticed.contains(user));
    let rows = noticed.map(|user| values![user, message.room_id, message.seq]);
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Makes of a message what it now is, and keeps what it was, unless it is no longer what the room was told it was. Whom it mentions
/// stays, if it is not said who of them is not told.
pub(in crate::communication) fn change(
    tx: &mut Tx<'_, '_>,
    before: i64,
    message: &Message,
    unnoticed: Option<&[UserId]>,
) -> Result<(), Error> {
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
    if let Some(unnoticed) = unnoticed {
        tx.execute(DELETE_MENTIONS, params![message.room_id, message.seq])?;
        tx.insert_many(INSERT_MENTIONS, 3, &mention_rows(message, unnoticed)?)?;
    }
    Ok(())
}

/// The sender of a message that is deleted has deleted it, too.
pub(in crate::communication) fn disown(tx: &mut Tx<'_, '_>, id: MessageId) -> Result<(), Error> {
    tx.execute(DISOWN, params![id])?;
    Ok(())
}

/// Whether the sender of a message has deleted it after somebody else had.
pub(in crate::communication) fn is_disowned(tx: &mut Tx<'_, '_>, id: MessageId) -> Result<bool, Error> {
    Ok(tx.query_opt(IS_DISOWNED, params![id])?.map(|row| row.get(0)).transpose()?.unwrap_or_default())
}

/// Puts back what a message said, unless it is no longer what the room was told it was.
pub(in crate::communication) fn restore(
    tx: &mut Tx<'_, '_>,
    before: i64,
    message: &Message,
) -> Result<(), Error> {
    let count = tx.execute(
        RESTORE_MESSAGE,
        params![
            message.id,
            before,
            message.text,
            unless_empty(&message.attachments),
            unless_empty(&message.mentions),
            message.version,
            message.edited_at
        ],
    )?;
    if count == 0 {
        return Err(crate::Error::VersionConflict { version: before }.into());
    }
    let unnoticed = if message.is_hidden { message.mentions.as_slice() } else { &[] };
    tx.insert_many(INSERT_MENTIONS, 3, &mention_rows(message, unnoticed)?)?;
    Ok(())
}

/// A message, if it is one of this room.
pub(in crate::communication) fn find_message(
    tx: &mut Tx<'_, '_>,
    room: RoomId,
    id: MessageId,
) -> Result<Option<Message>, Error> {
    let found = tx.query_opt(FIND_MESSAGE, params![id])?.as_ref().map(message).transpose()?;
    Ok(found.filter(|message| message.room_id == room))
}

pub(in crate::communication) fn versions(
    tx: &mut Tx<'_, '_>,
    id: MessageId,
) -> Result<Vec<MessageVersion>, Error> {
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

/// Messages looked at for one part of an export: they are in no order of who sent them.
const LOOKED_AT: usize = 5_000;

/// What a user wrote, as they see it, for themselves.
pub(crate) fn export(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    from: Option<serde_json::Value>,
    limit: usize,
) -> Result<Part, crate::Error> {
    export_by(tx, user, from, limit, LOOKED_AT)
}

pub(in crate::communication) fn export_by(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    from: Option<serde_json::Value>,
    limit: usize,
    looked_at: usize,
) -> Result<Part, crate::Error> {
    let after = place(from, first_by(user))?;
    let end = tx.query_opt(WINDOW, params![after, looked_at - 1])?.map(|row| row.get(0)).transpose()?;
    let last = end.unwrap_or(MessageId::from_uuid(Uuid::max()));
    let rows = tx.query(OWN, params![user, after, last, limit + 1])?;
    let mut messages =
        rows.iter().map(message).collect::<Result<Vec<Message>, Error>>().map_err(Error::into_common)?;
    for message in &mut messages {
        (message.is_hidden, message.is_shadowed) = (false, false);
    }
    let part = Part::cut(messages, limit, |message| message.id)?;
    going_on(part, end)
}

/// What the messages of a user said before they were changed, for themselves.
pub(crate) fn export_versions(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    from: Option<serde_json::Value>,
    limit: usize,
) -> Result<Part, crate::Error> {
    let after: (MessageId, i64) = place(from, (first_by(user), 0))?;
    let end = tx.query_opt(VERSIONS_WINDOW, params![after.0, after.1, LOOKED_AT - 1])?;
    let end = end.map(|row| Ok::<(MessageId, i64), Error>((row.get(0)?, row.get(1)?))).transpose();
    let end = end.map_err(Error::into_common)?;
    let last = end.unwrap_or((MessageId::from_uuid(Uuid::max()), i64::MAX));
    let rows = tx.query(OWN_VERSIONS, params![user, after.0, after.1, last.0, last.1, limit + 1])?;
    let mut said = Vec::with_capacity(rows.len());
    for row in &rows {
        said.push(Said {
            message_id: row.get(0)?,
            version: row.get(1)?,
            text: row.get(2)?,
            attachments: list(row, 3)?,
            replaced_at: row.get(4)?,
        });
    }
    going_on(Part::cut(said, limit, |said| (said.message_id, said.version))?, end)
}

/// What a message said once.
#[derive(Serialize)]
struct Said {
    message_id: MessageId,
    version: i64,
    text: String,
    attachments: Vec<Attachment>,
    replaced_at: Timestamp,
}

/// A part that has all of what was looked at goes on where that ends, if there is more.
fn going_on<K: Serialize>(part: Part, end: Option<K>) -> Result<Part, crate::Error> {
    let next = match (part.next, end) {
        (Some(next), _) => Some(next),
        (None, Some(end)) => Some(json::value(&end)?),
        (None, None) => None,
    };
    Ok(Part { next, ..part })
}

/// An id before those of all messages of a user: ids begin with the time, and nobody wrote long before they were there.
fn first_by(user: UserId) -> MessageId {
    const DAY_MS: u128 = 24 * 60 * 60 * 1_000;
    let id = user.uuid();
    let first = if id.get_version_num() == 7 { id.as_u128().saturating_sub(DAY_MS << 80) } else { 0 };
    MessageId::from_uuid(Uuid::from_u128(first))
}

/// Messages before this place that these eyes see, the newest first.
pub(in crate::communication) fn before(
    tx: &mut Tx<'_, '_>,
    room: RoomId,
    seq: i64,
    limit: usize,
    eyes: Eyes,
) -> Result<Vec<Message>, Error> {
    tx.query(BEFORE, params![room, seq, limit, eyes.own, eyes.all])?.iter().map(message).collect()
}

/// Messages after this place that these eyes see, the oldest first.
pub(in crate::communication) fn after(
    tx: &mut Tx<'_, '_>,
    room: RoomId,
    seq: i64,
    limit: usize,
    eyes: Eyes,
) -> Result<Vec<Message>, Error> {
    tx.query(AFTER, params![room, seq, limit, eyes.own, eyes.all])?.iter().map(message).collect()
}

/// Removes up to `limit` messages that were sent until `until`, the oldest first. Returns how many that were.
///
/// Times never go back within a room, so its oldest messages are its first.
pub(in crate::communication) fn sweep_messages(
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

/// Removes some of what was kept for staff of live-only rooms, up to this time.
pub(in crate::communication) fn sweep_unheard(tx: &mut Tx<'_, '_>, until: Timestamp) -> Result<u64, Error> {
    Ok(tx.execute(SWEEP_UNHEARD, params![until, sweep::ROWS])?)
}

/// Removes some of what messages said before they were changed, up to this time.
pub(in crate::communication) fn sweep_versions(tx: &mut Tx<'_, '_>, until: Timestamp) -> Result<u64, Error> {
    Ok(tx.execute(SWEEP_VERSIONS, params![until, sweep::ROWS])?)
}
