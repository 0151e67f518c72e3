//! SQL for shadow messages.

use moothall_protocol::communication::Message;
use moothall_protocol::{MessageId, RoomId, Timestamp, UserId};
use moothall_store::{params, statements};

use crate::communication::Error;
use crate::communication::messages::{message, unless_empty};
use crate::cx::Tx;
use crate::sweep;

/// The columns of a message but for the last: nothing here is withheld, since nothing is told.
macro_rules! columns {
    () => {
        "id, room_id, seq, sender_id, text, attachments, mentions, reply_to, version, created_at, edited_at, deleted_at"
    };
}

statements! {
    INSERT = concat!("INSERT INTO shadow_messages (", columns!(), ")
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)");
    FIND = concat!("SELECT ", columns!(), ", FALSE FROM shadow_messages WHERE id = $1");
    BETWEEN = concat!("SELECT ", columns!(), ", FALSE FROM shadow_messages
        WHERE room_id = $1 AND seq >= $2 AND seq <= $3 ORDER BY seq DESC, id DESC LIMIT $4");
    OWN_BETWEEN = concat!("SELECT ", columns!(), ", FALSE FROM shadow_messages
        WHERE sender_id = $5 AND room_id = $1 AND seq >= $2 AND seq <= $3 ORDER BY seq DESC, id DESC LIMIT $4");
    CHANGE = "UPDATE shadow_messages SET text = $2, attachments = $3, version = $4, edited_at = $5, deleted_at = $6
        WHERE id = $1";
    SWEEP = "DELETE FROM shadow_messages WHERE id IN (SELECT id FROM shadow_messages WHERE created_at <= $1 LIMIT $2)";
}

pub(in crate::communication) fn insert(tx: &mut Tx<'_, '_>, message: &Message) -> Result<(), Error> {
    tx.execute(
        INSERT,
        params![
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
        ],
    )?;
    Ok(())
}

pub(super) fn find(tx: &mut Tx<'_, '_>, id: MessageId) -> Result<Option<Message>, Error> {
    tx.query_opt(FIND, params![id])?.as_ref().map(message).transpose()
}

/// Those with a number in this range, of one sender or of all.
pub(super) fn between(
    tx: &mut Tx<'_, '_>,
    room: RoomId,
    sender: Option<UserId>,
    (from, to): (i64, i64),
    limit: usize,
) -> Result<Vec<Message>, Error> {
    let rows = match sender {
        Some(sender) => tx.query(OWN_BETWEEN, params![room, from, to, limit, sender])?,
        None => tx.query(BETWEEN, params![room, from, to, limit])?,
    };
    rows.iter().map(message).collect()
}

pub(super) fn change(tx: &mut Tx<'_, '_>, message: &Message) -> Result<(), Error> {
    tx.execute(
        CHANGE,
        params![
            message.id,
            message.text,
            unless_empty(&message.attachments),
            message.version,
            message.edited_at,
            message.deleted_at
        ],
    )?;
    Ok(())
}

/// Removes some of what was written until then.
pub(in crate::communication) fn sweep(tx: &mut Tx<'_, '_>, until: Timestamp) -> Result<u64, Error> {
    Ok(tx.execute(SWEEP, params![until, sweep::ROWS])?)
}
