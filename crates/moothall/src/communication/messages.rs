//! Messages: sending, changing and reading them, and how far somebody has read.

mod store;

use std::collections::HashSet;
use std::sync::Arc;

use moothall_protocol::communication::{
    DeleteMessage, EditMessage, GetMessage, History, MarkDelivered, MarkRead, Marker, Message,
    MessageVersions, ReadHistory, ReadPrivate, ReadUnread, ReadVersions, Room, SayTyping, SendMessage,
    Unread,
};
use moothall_protocol::limits::PAGE_ITEMS_DEFAULT;
use moothall_protocol::{MessageId, RoomId, UserId};

#[cfg(test)]
pub(super) use store::export_by;
pub(super) use store::{
    STATEMENTS, Spoken, change, disown, keep_for_staff, restore, sweep_messages, sweep_unheard,
    sweep_versions,
};
pub(crate) use store::{export, export_versions};

use super::conversations::way;
use super::room::{self, Act, Command, Draft, Keeps, Power, Reply, Way, is_hidden};
use super::rooms::{all_answered, answered, place, tell, tell_from};
use super::shadows::Eyes;
use super::{
    Error, READ_PRIVATE, READ_VERSIONS, attachments, audit_look, conversations, readable, readable_inside,
    store as rooms,
};
use crate::cx::Tx;
use crate::filter::{self, WordFilter};
use crate::hooks::{self, MessageAttempt, Verdict};
use crate::reach::{self, How, Reach};
use crate::restrictions::{self, Scope, types};
use crate::runtime::Place;
use crate::{Cx, connections};

/// Sends a message. Members hear of it once it is durable, and only then is this answered.
pub async fn send(cx: &Cx, input: SendMessage) -> Result<Message, Error> {
    let sender = cx.require_user()?;
    let place = place(cx, input.room_id).await;
    check_seat(cx, sender, input.room_id).await?;
    let way = way(cx, sender, input.room_id).await?;
    let is_shadowed = check_voice(cx, input.room_id).await?;
    let text = checked(cx, sender, input.room_id, &input.text).await?;
    let attachments = attachments::check(input.attachments, &words(cx))?;
    if text.is_empty() && attachments.is_empty() {
        return Err(Error::Empty);
    }
    let mut reply_to = input.reply_to;
    if let Some(answered) = reply_to {
        let answered = answered_by(cx, input.room_id, answered).await?;
        // What everybody hears points at nothing that they do not see.
        reply_to = reply_to.filter(|_| is_shadowed || !answered.is_shadowed);
    }
    let (mentions, unnoticed) = mentioned(cx, input.mentions).await?;
    let draft =
        Draft { text, attachments, reply_to, mentions, unnoticed, way, if_version: None, is_shadowed };
    tell_from(place, cx, input.room_id, None, Act::Send(draft)).await?.message()
}

/// Changes one's own message. Members hear of it.
pub async fn edit(cx: &Cx, input: EditMessage) -> Result<Message, Error> {
    let sender = cx.require_user()?;
    let place = place(cx, input.room_id).await;
    check_seat(cx, sender, input.room_id).await?;
    let way = way(cx, sender, input.room_id).await?;
    let is_shadowed = check_voice(cx, input.room_id).await?;
    let text = checked(cx, sender, input.room_id, &input.text).await?;
    let keeps = Keeps { attachments: input.attachments.is_none(), mentions: input.mentions.is_none() };
    let (mentions, unnoticed) = mentioned(cx, input.mentions.clone().unwrap_or_default()).await?;
    let draft = Draft {
        text,
        attachments: attachments::check(input.attachments.clone().unwrap_or_default(), &words(cx))?,
        reply_to: None,
        mentions,
        unnoticed,
        way,
        if_version: input.if_version,
        is_shadowed,
    };
    let act = |before| Act::Edit { before, draft: draft.clone(), keeps };
    tell_about(place, cx, (input.room_id, input.message_id), None, act).await?.message()
}

/// Deletes a message. Members hear of it; its place in the history stays.
pub async fn delete(cx: &Cx, input: DeleteMessage) -> Result<(), Error> {
    let place = place(cx, input.room_id).await;
    let message = (input.room_id, input.message_id);
    tell_about(place, cx, message, input.reason, |before| Act::Delete { before }).await.map(drop)
}

/// Tells a room something about a message.
///
/// The room knows of changes since the message was read, unless it was forgotten between the two. Then a version that nobody asked
/// for would not hold, and the message is read again.
async fn tell_about(
    from: Place<'_>,
    cx: &Cx,
    (room, message): (RoomId, MessageId),
    reason: Option<String>,
    act: impl Fn(Box<Message>) -> Act,
) -> Result<Reply, Error> {
    const ATTEMPTS: u32 = 4;
    let mut from = Some(from);
    let mut attempt = 0;
    loop {
        attempt += 1;
        let from = match from.take() {
            Some(from) => from,
            None => place(cx, room).await,
        };
        let act = act(Box::new(find(cx, room, message).await?));
        let has_version = matches!(&act, Act::Edit { draft, .. } if draft.if_version.is_some());
        match tell_from(from, cx, room, reason.clone(), act).await {
            Err(Error::Common(crate::Error::VersionConflict { .. }) | Error::MessageDeleted)
                if !has_version && attempt < ATTEMPTS => {}
            outcome => return outcome,
        }
    }
}

/// Refuses whoever has no seat in the room before anything they wrote is looked at, so that nothing can be learned of it.
///
/// A seat seen a moment ago is as good: the room itself asks again.
async fn check_seat(cx: &Cx, user: UserId, room: RoomId) -> Result<(), Error> {
    let seen = &cx.hall().communication().seats;
    if seen.contains_key(&(room, user)) {
        return Ok(());
    }
    cx.read(move |tx| {
        let found = readable(tx, room)?;
        match rooms::is_member(tx, room, user)? {
            true => Ok(()),
            // As the room says it, to staff too.
            false if is_hidden(&found) => Err(crate::Error::NotFound.into()),
            false => Err(Error::NotMember),
        }
    })
    .await?;
    seen.insert((room, user), ());
    Ok(())
}

/// Refuses whoever may not write in this room for now. Returns whether nobody is to hear of what they write.
async fn check_voice(cx: &Cx, room: RoomId) -> Result<bool, Error> {
    let is_direct = conversations::is_direct(cx, room).await?;
    let (what, scope) = (if is_direct { types::DIRECT_MESSAGE } else { types::CHAT }, Scope::room(room));
    restrictions::check(cx, what, scope).await?;
    Ok(restrictions::is_hit(cx, types::SHADOW_CHAT, scope).await?)
}

/// The text as it will be sent: clean, past the word list and past the embedding program.
async fn checked(cx: &Cx, sender: UserId, room: RoomId, text: &str) -> Result<String, Error> {
    let text = filter::message(text)?;
    if text.is_empty() {
        return Ok(text);
    }
    let text = words(cx).check(text)?;
    let attempt = MessageAttempt { sender, room, text };
    match hooks::ask(cx.hall().hooks().before_message(cx, &attempt)).await? {
        Verdict::Pass => Ok(attempt.text),
        Verdict::Mask(text) => Ok(filter::message(&text)?),
        Verdict::Block(title) => Err(crate::Error::Refused { code: "text_refused", title }.into()),
    }
}

fn words(cx: &Cx) -> Arc<WordFilter> {
    cx.hall().words()
}

/// Whom the sender may mention, and who of them does not want to hear of it.
async fn mentioned(cx: &Cx, mut mentions: Vec<UserId>) -> Result<(Vec<UserId>, Vec<UserId>), Error> {
    if mentions.is_empty() {
        return Ok((mentions, Vec::new()));
    }
    let reached = reach::may_reach_each(cx, &mentions, How::Mention).await?;
    mentions.retain(|user| reached.get(user).is_some_and(|reach| *reach != Reach::No));
    let is_silent = |user: &UserId| reached.get(user) == Some(&Reach::Silent);
    let unnoticed = mentions.iter().copied().filter(is_silent).collect();
    Ok((mentions, unnoticed))
}

/// The message that is answered, as it is stored.
async fn answered_by(cx: &Cx, room: RoomId, answered: MessageId) -> Result<Message, Error> {
    match find(cx, room, answered).await {
        Err(Error::Common(crate::Error::NotFound)) => {
            let message = "there is no such message in this room";
            Err(crate::Error::field("/reply_to", "not_found", message).into())
        }
        found => found,
    }
}

async fn find(cx: &Cx, room: RoomId, message: MessageId) -> Result<Message, Error> {
    cx.read(move |tx| {
        let room = readable(tx, room)?;
        seen_in(tx, &room, message)
    })
    .await
}

/// A message of a room that the caller sees.
fn seen_in(tx: &mut Tx<'_, '_>, room: &Room, message: MessageId) -> Result<Message, Error> {
    let eyes = Eyes::of(tx.cx(), room);
    let found = store::find_message(tx, room.id, message)?.filter(|found| eyes.see(found));
    found.ok_or_else(|| crate::Error::NotFound.into())
}

/// A message of this sender that moderation is about to remove, whatever room it is in.
pub(crate) fn removable(
    tx: &mut Tx<'_, '_>,
    room: RoomId,
    message: MessageId,
    sender: UserId,
) -> Result<Message, Error> {
    let found = store::find_message(tx, room, message)?.filter(|found| found.sender_id == sender);
    let found = found.ok_or(crate::Error::NotFound)?;
    if found.deleted_at.is_some() { Err(Error::MessageDeleted) } else { Ok(found) }
}

/// Deletes a message in the name of moderation, whatever room it is in. One that is gone stays so.
pub(crate) async fn remove_by_staff(cx: &Cx, message: &Message, reason: &str) -> Result<(), Error> {
    let before = stored(cx, message.room_id, message.id).await?;
    if before.deleted_at.is_some() {
        return Ok(());
    }
    tell_as_staff(cx, &before, reason, Act::Delete { before: Box::new(before.clone()) }).await
}

/// Puts a message back that moderation deleted, as it was before. One that is there stays as it is, and so does one that its sender
/// has deleted meanwhile.
pub(crate) async fn restore_by_staff(cx: &Cx, before: &Message, reason: &str) -> Result<(), Error> {
    let id = before.id;
    let deleted = stored(cx, before.room_id, id).await?;
    if deleted.deleted_at.is_none() || cx.read(move |tx| store::is_disowned(tx, id)).await? {
        return Ok(());
    }
    let act = Act::Undelete { deleted: Box::new(deleted), before: Box::new(before.clone()) };
    tell_as_staff(cx, before, reason, act).await
}

async fn stored(cx: &Cx, room: RoomId, message: MessageId) -> Result<Message, Error> {
    let found = cx.read(move |tx| store::find_message(tx, room, message)).await?;
    found.ok_or_else(|| crate::Error::NotFound.into())
}

async fn tell_as_staff(cx: &Cx, message: &Message, reason: &str, act: Act) -> Result<(), Error> {
    // What is kept for a repeated request is what comes of it in the end.
    let cx = Cx::new(cx.hall(), cx.caller().clone(), cx.shared_origin());
    let command = Command { power: Power::Staff { reason: Some(reason.to_owned()) }, act };
    cx.hall().directory().call::<room::Room>(&cx, message.room_id, command).await.map(drop)
}

/// Whether only its members read what is said in a room.
pub(crate) async fn is_private(cx: &Cx, room: RoomId) -> Result<bool, Error> {
    let found = cx.read(move |tx| rooms::find_room(tx, room)).await?.ok_or(crate::Error::NotFound)?;
    Ok(is_hidden(&found))
}

/// A message that the caller may read, and so many of those around it on each side.
pub(crate) async fn seen(
    cx: &Cx,
    room: RoomId,
    message: MessageId,
    neighbours: usize,
) -> Result<(Message, Vec<Message>), Error> {
    answered(cx, room).await;
    cx.read(move |tx| {
        let found = readable_inside(tx, room)?;
        let reader = tx.cx().user();
        let eyes = Eyes::of_user(reader, &found);
        // What is withheld from the reader is not there. What they only do not want to hear they may still tell of.
        let is_there = |message: &Message| {
            eyes.see(message) && (!message.is_hidden || reader == Some(message.sender_id))
        };
        let message = store::find_message(tx, room, message)?.filter(is_there);
        let message = message.ok_or(crate::Error::NotFound)?;
        let mut around = store::before(tx, room, message.seq, neighbours, eyes)?;
        around.reverse();
        around.extend(store::after(tx, room, message.seq, neighbours, eyes)?);
        around.retain(is_there);
        Ok((message, around))
    })
    .await
}

/// Reads one message.
pub async fn get_message(cx: &Cx, input: GetMessage) -> Result<Message, Error> {
    answered(cx, input.room_id).await;
    let ears = Ears::of(cx).await?;
    let GetMessage { room_id, message_id } = input;
    let found = cx.read(move |tx| {
        let room = readable_inside(tx, room_id)?;
        seen_in(tx, &room, message_id)
    });
    Ok(ears.hear(found.await?))
}

/// What a reader is shown of what others said.
struct Ears {
    reader: Option<UserId>,
    /// Those whose words the reader does not want to hear.
    silenced: HashSet<UserId>,
}

impl Ears {
    async fn of(cx: &Cx) -> Result<Self, Error> {
        let Some(reader) = cx.user() else { return Ok(Self::of_staff()) };
        Ok(Self { reader: Some(reader), silenced: reach::silenced(cx, reader).await? })
    }

    /// Staff is shown everything.
    fn of_staff() -> Self {
        Self { reader: None, silenced: HashSet::new() }
    }

    fn hear(&self, message: Message) -> Message {
        let is_others = self.reader.is_some_and(|reader| reader != message.sender_id);
        // Whoever is handed what others are not is staff, or wrote it.
        let is_shadowed = message.is_shadowed && self.reader != Some(message.sender_id);
        let is_withheld = message.is_hidden && !message.is_shadowed;
        if !(is_others && (is_withheld || self.silenced.contains(&message.sender_id))) {
            return Message { is_hidden: false, is_shadowed, ..message };
        }
        let (text, attachments, mentions) = (String::new(), Vec::new(), Vec::new());
        Message { text, attachments, mentions, is_hidden: true, is_shadowed, ..message }
    }
}

/// Reads what a message said before it was changed, of whatever conversation. The look is audited.
pub async fn read_versions(cx: &Cx, input: ReadVersions) -> Result<MessageVersions, Error> {
    cx.require(READ_VERSIONS)?;
    cx.mutate(move |tx| {
        let message =
            store::find_message(tx, input.room_id, input.message_id)?.ok_or(crate::Error::NotFound)?;
        audit_look(tx, "communication.read_versions", input.room_id, &input.reason)?;
        let versions = store::versions(tx, message.id)?;
        Ok::<_, Error>(MessageVersions { versions, message: Ears::of_staff().hear(message) })
    })
    .await
}

/// Reads a part of a room's history. It is known exactly where that begins and ends, for whoever reads it.
pub async fn history(cx: &Cx, input: ReadHistory) -> Result<History, Error> {
    require_one_place(&input)?;
    answered(cx, input.room_id).await;
    let ears = Ears::of(cx).await?;
    cx.read(move |tx| {
        let room = readable_inside(tx, input.room_id)?;
        let eyes = Eyes::of(tx.cx(), &room);
        part(tx, &room, &input, eyes, &ears)
    })
    .await
}

fn require_one_place(input: &ReadHistory) -> Result<(), Error> {
    let places = [input.before, input.after, input.around];
    if places.iter().flatten().count() > 1 {
        return Err(crate::Error::field("", "invalid", "give one of before, after and around").into());
    }
    Ok(())
}

/// Reads a part of the history of a conversation in the name of staff. The look is audited.
pub async fn read_private(cx: &Cx, input: ReadPrivate) -> Result<History, Error> {
    cx.require(READ_PRIVATE)?;
    let ReadPrivate { room_id, before, after, around, limit, reason } = input;
    let asked = ReadHistory { room_id, before, after, around, limit };
    require_one_place(&asked)?;
    answered(cx, room_id).await;
    cx.mutate(move |tx| {
        let room = rooms::find_room(tx, room_id)?.ok_or(crate::Error::NotFound)?;
        audit_look(tx, "communication.read_private", room_id, &reason)?;
        part(tx, &room, &asked, Eyes::ALL, &Ears::of_staff())
    })
    .await
}

fn part(
    tx: &mut Tx<'_, '_>,
    room: &Room,
    input: &ReadHistory,
    eyes: Eyes,
    ears: &Ears,
) -> Result<History, Error> {
    let limit = input.limit.unwrap_or(PAGE_ITEMS_DEFAULT);
    let (older, newer) = match (input.before, input.after, input.around) {
        (_, Some(after), _) => (None, Some((after, limit))),
        (_, _, Some(around)) => {
            (Some((around, limit / 2)), Some((around.saturating_sub(1), limit - limit / 2)))
        }
        (before, _, _) => (Some((before.unwrap_or(i64::MAX), limit)), None),
    };
    // One more than is asked for says whether there is more, and where.
    let (mut items, mut older_rest, mut newer_rest) = (Vec::new(), None, None);
    if let Some((seq, limit)) = older {
        items = store::before(tx, room.id, seq, limit + 1, eyes)?;
        older_rest = items.drain(limit.min(items.len())..).next();
        items.reverse();
    }
    if let Some((seq, limit)) = newer {
        let mut found = store::after(tx, room.id, seq, limit + 1, eyes)?;
        newer_rest = found.drain(limit.min(found.len())..).next();
        items.append(&mut found);
    }
    // Where nothing was found, the place itself says where the rest is.
    let ahead = input.after.map(|seq| seq.saturating_add(1)).or(input.around);
    let behind = input.before.map(|seq| seq.saturating_sub(1)).or(input.around);
    let (first, last) = (items.first().map(|first| first.seq), items.last().map(|last| last.seq));
    if let (None, Some(place)) = (older, first.or(ahead)) {
        older_rest = store::before(tx, room.id, place, 1, eyes)?.pop();
    }
    if let (None, Some(place)) = (newer, last.or(behind).filter(|_| input.before.is_some())) {
        newer_rest = store::after(tx, room.id, place, 1, eyes)?.pop();
    }
    let before = older_rest.and_then(|rest| first.or(ahead.map(|ahead| ahead.min(rest.seq + 1))));
    let after = newer_rest.and_then(|rest| last.or(behind.map(|behind| behind.max(rest.seq - 1))));
    let items = items.into_iter().map(|message| ears.hear(message)).collect();
    Ok(History { items, before, after })
}

/// What somebody else said last in a room.
pub(super) fn said_last_to(
    tx: &mut Tx<'_, '_>,
    room: RoomId,
    user: UserId,
) -> Result<Option<MessageId>, Error> {
    let eyes = Eyes { own: Some(user), all: false };
    let latest = store::before(tx, room, i64::MAX, PAGE_ITEMS_DEFAULT, eyes)?;
    let is_heard = |message: &&Message| message.sender_id != user && !message.is_hidden;
    Ok(latest.iter().find(is_heard).map(|message| message.id))
}

/// Says how far the caller has read. Their other sessions hear of it; in a direct conversation the other one does, too.
pub async fn mark_read(cx: &Cx, input: MarkRead) -> Result<Marker, Error> {
    tell(cx, input.room_id, None, Act::MarkRead { seq: input.seq }).await?.marker()
}

/// Says what has arrived at the caller.
pub async fn mark_delivered(cx: &Cx, input: MarkDelivered) -> Result<Marker, Error> {
    let user = cx.require_user()?;
    let place = place(cx, input.room_id).await;
    // Nothing arrives at who does not want to be seen: the other one would know that they are there.
    let is_invisible = is_invisible(cx, user).await?;
    let seq = if is_invisible { 0 } else { input.seq };
    tell_from(place, cx, input.room_id, None, Act::MarkDelivered { seq }).await?.marker()
}

async fn is_invisible(cx: &Cx, user: UserId) -> Result<bool, Error> {
    Ok(connections::is_invisible(cx, user).await.map_err(connections::Error::into_common)?)
}

/// Shows that the caller is writing, unless they do not want to be seen.
pub async fn say_typing(cx: &Cx, input: SayTyping) -> Result<(), Error> {
    let user = cx.require_user()?;
    let place = place(cx, input.room_id).await;
    let is_shadowed = check_voice(cx, input.room_id).await?;
    let is_seen = !is_shadowed
        && !is_invisible(cx, user).await?
        && match way(cx, user, input.room_id).await {
            Ok(way) => way != Way::Withheld,
            Err(Error::Unreachable) => false,
            Err(error) => return Err(error),
        };
    tell_from(place, cx, input.room_id, None, Act::Type { is_unseen: !is_seen }).await.map(drop)
}

/// What the caller has not read.
pub async fn unread(cx: &Cx, _: ReadUnread) -> Result<Unread, Error> {
    let user = cx.require_user()?;
    all_answered(cx).await;
    cx.read(move |tx| unread_of(tx, user)).await
}

pub(super) fn unread_of(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Unread, Error> {
    let requests = rooms::count_requests(tx, user)?;
    let rooms = rooms::unread(tx, user)?;
    Ok(Unread {
        requests,
        messages: rooms.iter().map(|room| room.messages).sum(),
        mentions: rooms.iter().map(|room| room.mentions).sum(),
        rooms,
    })
}
