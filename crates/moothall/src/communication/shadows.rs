//! Shadow messages: what is written by somebody who is not heard. They see it like every other message; nobody else gets it; staff sees it
//! with a mark.
//!
//! It has no part in the room: numbers, unread counts and retention of others are as if it was never written. It bears the number of the
//! message that comes next, and stands before that.

mod store;

use moothall_protocol::communication::{EditMessage, Message, MessageDeleted, RoomKind};
use moothall_protocol::limits::PAGE_ITEMS_MAX;
use moothall_protocol::{Event, MessageId, RoomId, UserId};

pub(super) use store::{STATEMENTS, insert, sweep};

use super::room::Draft;
use super::{Error, MODERATE, store as rooms};
use crate::cx::Tx;
use crate::topics::Audience;
use crate::{Cx, Topic};

/// A shadow message that the caller may see: their own, or any with a mark if they are staff.
pub(super) fn find(tx: &mut Tx<'_, '_>, room: RoomId, id: MessageId) -> Result<Option<Message>, Error> {
    let found = store::find(tx, id)?.filter(|message| message.room_id == room);
    Ok(found.and_then(|message| shown(tx.cx(), message)))
}

fn shown(cx: &Cx, message: Message) -> Option<Message> {
    match cx.user() {
        Some(user) if user == message.sender_id => {
            let is_deleted = message.deleted_at.is_some();
            Some(if is_deleted { emptied(message) } else { message })
        }
        _ if cx.can(MODERATE) => Some(Message { is_shadowed: true, ..message }),
        _ => None,
    }
}

/// As a deleted message looks.
fn emptied(message: Message) -> Message {
    Message { text: String::new(), attachments: Vec::new(), mentions: Vec::new(), ..message }
}

/// Adds to a page of a room's history what the caller sees of shadow messages: `from` and `to` are the first and the last number of the
/// page, absent where the history begins and ends.
pub(super) fn mix_in(
    tx: &mut Tx<'_, '_>,
    room: RoomId,
    items: &mut Vec<Message>,
    from: Option<i64>,
    to: Option<i64>,
) -> Result<(), Error> {
    let cx = tx.cx().clone();
    let of = match cx.user() {
        _ if cx.can(MODERATE) => None,
        Some(user) => Some(user),
        None => return Ok(()),
    };
    let range = (from.unwrap_or(0), to.unwrap_or(i64::MAX));
    let shadows = store::between(tx, room, of, range, PAGE_ITEMS_MAX)?;
    if !shadows.is_empty() {
        // Each stands before the message that came next, whose number it bears.
        let mut mixed: Vec<(i64, bool, Message)> = shadows
            .into_iter()
            .rev()
            .filter_map(|message| Some((message.seq, false, shown(&cx, message)?)))
            .collect();
        mixed.extend(items.drain(..).map(|message| (message.seq, true, message)));
        mixed.sort_by_key(|(seq, is_heard, _)| (*seq, *is_heard));
        items.extend(mixed.into_iter().map(|(_, _, message)| message));
    }
    Ok(())
}

/// Tells the sender, and nobody else, on the topic on which everybody would hear of it.
pub(super) async fn echo(cx: &Cx, sender: UserId, room: RoomId, event: Event) -> Result<(), Error> {
    let found = cx.read(move |tx| rooms::find_room(tx, room)).await?;
    let is_direct = found.is_some_and(|room| room.kind == RoomKind::Direct);
    let topic = if is_direct { Topic::User(sender) } else { Topic::Room(room) };
    cx.hall().topics().publish_to(topic, event, Audience::Only(Box::new([sender])));
    Ok(())
}

/// Changes the caller's own shadow message, if this is one.
pub(super) async fn edit(cx: &Cx, input: &EditMessage, draft: &Draft) -> Result<Option<Message>, Error> {
    let (sender, draft) = (cx.require_user()?, draft.clone());
    let (room, id, keeps) = (input.room_id, input.message_id, input.attachments.is_none());
    let edited = cx
        .mutate(move |tx| {
            let Some(before) = own(tx, sender, room, id)? else { return Ok(None) };
            if before.deleted_at.is_some() {
                return Err(Error::MessageDeleted);
            }
            if draft.if_version.is_some_and(|version| version != before.version) {
                return Err(crate::Error::VersionConflict { version: before.version }.into());
            }
            let after = Message {
                text: draft.text.clone(),
                attachments: if keeps { before.attachments } else { draft.attachments.clone() },
                version: before.version + 1,
                edited_at: Some(tx.now()),
                ..before
            };
            store::change(tx, &after)?;
            Ok(Some(after))
        })
        .await?;
    if let Some(message) = &edited {
        echo(cx, sender, room, Event::MessageEdited(message.clone())).await?;
    }
    Ok(edited)
}

/// Deletes the caller's own shadow message, if this is one: it stays for staff.
pub(super) async fn delete(cx: &Cx, room: RoomId, id: MessageId) -> Result<bool, Error> {
    let Some(sender) = cx.user() else { return Ok(false) };
    let gone = cx
        .write(move |tx| {
            let Some(before) = own(tx, sender, room, id)? else { return Ok::<_, Error>(None) };
            let at = before.deleted_at.unwrap_or(tx.now());
            store::change(
                tx,
                &Message { version: before.version + 1, deleted_at: Some(at), ..before.clone() },
            )?;
            Ok(Some(MessageDeleted { room_id: room, message_id: id, seq: before.seq, deleted_at: at }))
        })
        .await?;
    match gone {
        Some(gone) => echo(cx, sender, room, Event::MessageDeleted(gone)).await.map(|()| true),
        None => Ok(false),
    }
}

fn own(tx: &mut Tx<'_, '_>, sender: UserId, room: RoomId, id: MessageId) -> Result<Option<Message>, Error> {
    let found = store::find(tx, id)?;
    Ok(found.filter(|message| message.room_id == room && message.sender_id == sender))
}
