//! What is said in a room, and how far its members have read.

use std::time::Duration;

use moothall_protocol::communication::{
    Attachment, Marker, Message, MessageDeleted, RoomKind, RoomRole, Typing,
};
use moothall_protocol::limits::{TYPING_INTERVAL_MS, TYPING_MEMBERS_MAX};
use moothall_protocol::{Event, MessageId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::contact::{Way, own};
use super::{Contact, Deed, Effect, Keeps, Power, Reply, Room, Seat, Unheard};
use crate::Topic;
use crate::communication::Error;
use crate::runtime::Turn;

/// Messages changed lately that a room knows of: more than change while one command is on its way.
const CHANGED_MAX: usize = 32;

/// A message before it has a number, its text already checked.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Draft {
    pub text: String,
    pub attachments: Vec<Attachment>,
    pub reply_to: Option<MessageId>,
    pub mentions: Vec<UserId>,
    /// Of those whom it mentions, who do not want to hear of it.
    pub unnoticed: Vec<UserId>,
    /// Whether it reaches the other one of a direct conversation.
    pub way: Way,
    pub if_version: Option<i64>,
    /// Nobody but the sender is to see it.
    #[serde(default)]
    pub is_shadowed: bool,
}

impl Room {
    pub(super) fn send(&mut self, draft: &Draft, turn: &mut Turn<'_, Self>) -> Result<Reply, Error> {
        let (user, seat) = self.writer(turn)?;
        self.check_pace(seat, turn)?;
        let is_shadowed = draft.is_shadowed;
        let is_hidden = self.make_contact(user, draft.way, is_shadowed, turn);
        // A clock that was set back does not put a message before those it follows.
        let now = turn.now().max(self.newest_at);
        let message = Message {
            id: turn.new_id(),
            room_id: self.card.id,
            seq: if self.card.live_only { 0 } else { self.numbered + 1 },
            sender_id: user,
            text: draft.text.clone(),
            attachments: draft.attachments.clone(),
            reply_to: draft.reply_to,
            mentions: self.mentioned(user, &draft.mentions),
            version: 1,
            created_at: now,
            edited_at: None,
            deleted_at: None,
            is_hidden,
            is_shadowed,
        };
        if let Some(seat) = self.seats.get_mut(&user) {
            // Who answers has read.
            (seat.delivered_seq, seat.read_seq, seat.sent_at) = (message.seq, message.seq, Some(now));
            seat.unheard = is_shadowed.then_some(Unheard { seq: message.seq, heard: self.card.last_seq });
        }
        if self.card.live_only {
            // Nothing is kept of what was said, but the pace outlasts a restart.
            if self.card.slow_mode_ms > 0 {
                turn.persist(Effect::Paced { user, at: now });
            }
            if is_shadowed {
                // Nobody who heard it could tell staff of it.
                (self.numbered, self.newest_at) = (self.numbered + 1, now);
                let kept = Message { seq: self.numbered, ..message.clone() };
                turn.persist(Effect::KeptForStaff(Box::new(kept)));
            }
        } else {
            (self.numbered, self.newest_at) = (message.seq, now);
            if !is_shadowed {
                (self.card.last_seq, self.card.active_at) = (message.seq, now);
            }
            // What is withheld mentions nobody who could read it.
            let unnoticed = if is_hidden { message.mentions.clone() } else { draft.unnoticed.clone() };
            turn.persist(Effect::Sent { message: Box::new(message.clone()), unnoticed });
        }
        self.tell_of(&message, Event::MessageSent, turn);
        Ok(Reply::Message(Box::new(own(&message))))
    }

    /// The member who calls, if they may write here.
    fn writer(&self, turn: &Turn<'_, Self>) -> Result<(UserId, &Seat), Error> {
        let (user, seat) = self.seat(turn)?;
        self.require_open()?;
        if self.card.read_only && seat.role < RoomRole::Moderator {
            return Err(Error::ReadOnly);
        }
        Ok((user, seat))
    }

    fn check_pace(&self, seat: &Seat, turn: &Turn<'_, Self>) -> Result<(), Error> {
        let pace = Duration::from_millis(self.card.slow_mode_ms.into());
        let next = seat.sent_at.map(|sent_at| sent_at + pace);
        match next {
            Some(next) if seat.role < RoomRole::Moderator && turn.now() < next && !pace.is_zero() => {
                Err(Error::SlowMode { retry_after: next.since(turn.now()) })
            }
            _ => Ok(()),
        }
    }

    /// Those of the mentioned who are here, each once.
    fn mentioned(&self, sender: UserId, mentions: &[UserId]) -> Vec<UserId> {
        let mut here: Vec<UserId> = Vec::with_capacity(mentions.len());
        for user in mentions {
            if *user != sender && self.seats.contains_key(user) && !here.contains(user) {
                here.push(*user);
            }
        }
        here
    }

    pub(super) fn edit(
        &mut self,
        before: &Message,
        draft: &Draft,
        keeps: Keeps,
        turn: &mut Turn<'_, Self>,
    ) -> Result<Reply, Error> {
        let (user, _) = self.writer(turn)?;
        let before = &self.newest(before);
        if before.sender_id != user {
            return Err(Error::RoleNeeded);
        }
        if before.deleted_at.is_some() {
            return Err(Error::MessageDeleted);
        }
        if draft.if_version.is_some_and(|version| version != before.version) {
            return Err(crate::Error::VersionConflict { version: before.version }.into());
        }
        // What others see of somebody stays as it is while they are not heard, for a reason that anybody might meet.
        let is_kept = draft.is_shadowed && !before.is_shadowed;
        if is_kept || turn.now() > before.created_at + self.rules.edit_window {
            return Err(Error::EditClosed);
        }
        let mut message = before.clone();
        message.text.clone_from(&draft.text);
        if !keeps.attachments {
            message.attachments.clone_from(&draft.attachments);
        }
        if !keeps.mentions {
            message.mentions = self.mentioned(user, &draft.mentions);
        }
        if message.text.is_empty() && message.attachments.is_empty() {
            return Err(Error::Empty);
        }
        if message != *before {
            message.version += 1;
            message.edited_at = Some(turn.now());
            self.keep_changed(&message);
            let unnoticed = match message.mentions == before.mentions {
                true => None,
                false if message.is_hidden => Some(message.mentions.clone()),
                false => Some(draft.unnoticed.clone()),
            };
            let written = Box::new(message.clone());
            turn.persist(Effect::Edited { before: before.version, message: written, unnoticed });
            self.tell_of(&message, Event::MessageEdited, turn);
        }
        Ok(Reply::Message(Box::new(own(&message))))
    }

    pub(super) fn delete(
        &mut self,
        before: &Message,
        power: &Power,
        turn: &mut Turn<'_, Self>,
    ) -> Result<Reply, Error> {
        let before = &self.newest(before);
        let is_own = turn.caller() == Some(before.sender_id);
        let is_room = self.card.kind == RoomKind::Room;
        let deed = Deed { power, action: "communication.delete", about: json!({ "message_id": before.id }) };
        self.require(deed, |seat| is_own || (is_room && seat.role >= RoomRole::Moderator), turn)?;
        if before.deleted_at.is_some() {
            if is_own {
                // Whoever else deleted it: its sender wants it to stay so.
                turn.persist(Effect::Disowned(before.id));
            }
            return Ok(Reply::Done);
        }
        let at = turn.now();
        let message = Message {
            text: String::new(),
            attachments: Vec::new(),
            mentions: Vec::new(),
            version: before.version + 1,
            deleted_at: Some(at),
            ..before.clone()
        };
        let gone = MessageDeleted {
            room_id: message.room_id,
            message_id: message.id,
            seq: message.seq,
            deleted_at: at,
        };
        self.keep_changed(&message);
        self.tell_of(&message, |_| Event::MessageDeleted(gone.clone()), turn);
        turn.persist(Effect::Deleted { before: before.version, message: Box::new(message) });
        Ok(Reply::Done)
    }

    /// Puts back what a moderator deleted, as it was before that.
    pub(super) fn undelete(
        &mut self,
        deleted: &Message,
        before: &Message,
        power: &Power,
        turn: &mut Turn<'_, Self>,
    ) -> Result<Reply, Error> {
        let deleted = &self.newest(deleted);
        let about = json!({ "message_id": deleted.id });
        self.require(Deed { power, action: "communication.restore_message", about }, |_| false, turn)?;
        if deleted.deleted_at.is_none() {
            return Ok(Reply::Done);
        }
        let message = Message {
            text: before.text.clone(),
            attachments: before.attachments.clone(),
            mentions: before.mentions.clone(),
            version: deleted.version + 1,
            edited_at: before.edited_at,
            deleted_at: None,
            ..deleted.clone()
        };
        self.keep_changed(&message);
        turn.persist(Effect::Restored { before: deleted.version, message: Box::new(message.clone()) });
        self.tell_of(&message, Event::MessageEdited, turn);
        Ok(Reply::Done)
    }

    /// The message as it is now, if it was changed since it was read.
    fn newest(&self, read: &Message) -> Message {
        let changed = self.changed.iter().find(|known| known.id == read.id && known.version > read.version);
        changed.unwrap_or(read).clone()
    }

    fn keep_changed(&mut self, message: &Message) {
        self.changed.retain(|known| known.id != message.id);
        if self.changed.len() >= CHANGED_MAX {
            self.changed.pop_front();
        }
        self.changed.push_back(message.clone());
    }

    /// Moves the caller's markers forward, never back and never beyond the newest message.
    pub(super) fn mark(
        &mut self,
        delivered: i64,
        read: i64,
        turn: &mut Turn<'_, Self>,
    ) -> Result<Reply, Error> {
        let (user, seat) = self.seat(turn)?;
        let is_open = seat.contact == Contact::Open;
        // Their own message may be newer than what others hear.
        let last = self.card.last_seq.max(seat.read_seq);
        let delivered_seq = seat.delivered_seq.max(delivered.min(last));
        let read_seq = seat.read_seq.max(read.min(last));
        let marker = Marker { room_id: self.card.id, user_id: user, delivered_seq, read_seq };
        let (delivered_shown, read_shown) = (seat.shown(delivered_seq), seat.shown(read_seq));
        let shown = Marker { delivered_seq: delivered_shown, read_seq: read_shown, ..marker };
        if (delivered_seq, read_seq) != (seat.delivered_seq, seat.read_seq) {
            if let Some(seat) = self.seats.get_mut(&user) {
                (seat.delivered_seq, seat.read_seq) = (delivered_seq, read_seq);
            }
            turn.persist(Effect::Marked { user, delivered_seq, read_seq });
            turn.emit(Topic::User(user), Event::Read(marker.clone()));
            if self.card.kind == RoomKind::Direct && is_open {
                self.tell_other(user, Event::Read(shown), turn);
            }
        }
        Ok(Reply::Marker(marker))
    }

    /// Shows that the caller is writing, now and then, where there are few enough to care. They hear of it themselves in any case.
    pub(super) fn say_typing(&mut self, is_unseen: bool, turn: &mut Turn<'_, Self>) -> Result<Reply, Error> {
        let (user, seat) = self.writer(turn)?;
        let is_soon = seat.typed_at.is_some_and(|typed_at| {
            turn.now().since(typed_at) < Duration::from_millis(TYPING_INTERVAL_MS as u64)
        });
        if !is_soon && self.seats.len() <= TYPING_MEMBERS_MAX {
            let now = turn.now();
            if let Some(seat) = self.seats.get_mut(&user) {
                seat.typed_at = Some(now);
            }
            let typing = Event::Typing(Typing { room_id: self.card.id, user_id: user });
            if is_unseen {
                self.tell_only(user, typing, turn);
            } else {
                self.tell(turn, typing);
            }
        }
        Ok(Reply::Done)
    }
}
