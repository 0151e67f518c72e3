//! SQL for what was said, and how far members have read.

use std::collections::BTreeMap;

use moothall_protocol::communication::{Attachment, Message, MessageVersion};
use moothall_protocol::{MessageId, RoomId, Timestamp, UserId};
use moothall_store::{Json, Row, Value, params, statements, values};
use serde::de::DeserializeOwned;

use crate::communication::Error;
use crate::communication::room::Effect;
use crate::cx::Tx;
use crate::sweep;

/// The columns of a message, in the order [`message`] reads them.
macro_rules! message_columns {
    () => {
        "id, room_id, seq, sender_id, text, attachments, mentions, reply_to, version, created_at, edited_at, deleted_at, withheld"
    };
}

statements! {
    MARK = "UPDATE room_members SET delivered_seq = $3, read_seq = $4, sent_at = COALESCE($5, sent_at)
        WHERE room_id = $1 AND user_id = $2";

    NUMBER = "UPDATE rooms SET last_seq = $2, active_at = $3 WHERE id = $1";
    DELETE_MENTIONS = "DELETE FROM message_mentions WHERE room_id = $1 AND seq = $2";
    KEEP_VERSION = "INSERT INTO message_versions (message_id, version, text, attachments, replaced_at)
        SELECT id, version, text, attachments, $3 FROM messages WHERE id = $1 AND version = $2 AND deleted_at IS NULL";
    CHANGE_MESSAGE = "UPDATE messages SET text = $2, attachments = $3, mentions = $4, version = $5, edited_at = $6,
        deleted_at = $7 WHERE id = $1";
    RESTORE_MESSAGE = "UPDATE messages SET text = $3, attachments = $4, mentions = $5, version = $6, edited_at = $7, deleted_at = NULL
        WHERE id = $1 AND version = $2 AND deleted_at IS NOT NULL";
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
    SWEEP_VERSIONS = "DELETE FROM message_versions WHERE (message_id, version) IN
        (SELECT message_id, version FROM message_versions WHERE replaced_at <= $1 LIMIT $2)";

    + many {
        /// See [`Spoken`].
        INSERT_MESSAGES (13) = concat!("INSERT INTO messages (", message_columns!(), ")");
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
        is_shadowed: false,
    })
}

fn list<T: DeserializeOwned>(row: &Row, index: usize) -> Result<Vec<T>, moothall_store::Error> {
    Ok(row.get::<Option<Json<Vec<T>>>>(index)?.map(|Json(list)| list).unwrap_or_default())
}

/// Most messages have no attachments and mention nobody: `NULL` then.
pub(in crate::communication) fn unless_empty<T>(list: &[T]) -> Option<Json<&[T]>> {
    (!list.is_empty()).then_some(Json(list))
}

/// What was said and read in a room since something else was written: one insert for all messages, one update for the room, and
/// one for each member who wrote or read.
#[derive(Default)]
pub(in crate::communication) struct Spoken {
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
            message.deleted_at,
            message.is_hidden
        ]?);
        self.mentions.extend(mention_rows(message, unnoticed)?);
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

    pub fn write(self, tx: &mut Tx<'_, '_>, room: RoomId) -> Result<(), Error> {
        if let Some((seq, at)) = self.newest {
            tx.insert_many(INSERT_MESSAGES, 13, &self.messages)?;
            tx.insert_many(INSERT_MENTIONS, 3, &self.mentions)?;
            tx.execute(NUMBER, params![room, seq, at])?;
        }
        for (user, Mark { delivered_seq, read_seq, sent_at }) in self.marks {
            tx.execute(MARK, params![room, user, delivered_seq, read_seq, sent_at])?;
        }
        Ok(())
    }
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
    tx.insert_many(INSERT_MENTIONS, 3, &mention_rows(message, &[])?)?;
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

/// Messages before this place, the newest first.
pub(in crate::communication) fn before(
    tx: &mut Tx<'_, '_>,
    room: RoomId,
    seq: i64,
    limit: usize,
) -> Result<Vec<Message>, Error> {
    tx.query(BEFORE, params![room, seq, limit])?.iter().map(message).collect()
}

/// Messages after this place, the oldest first.
pub(in crate::communication) fn after(
    tx: &mut Tx<'_, '_>,
    room: RoomId,
    seq: i64,
    limit: usize,
) -> Result<Vec<Message>, Error> {
    tx.query(AFTER, params![room, seq, limit])?.iter().map(message).collect()
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

/// Removes some of what messages said before they were changed, up to this time.
pub(in crate::communication) fn sweep_versions(tx: &mut Tx<'_, '_>, until: Timestamp) -> Result<u64, Error> {
    Ok(tx.execute(SWEEP_VERSIONS, params![until, sweep::ROWS])?)
}
