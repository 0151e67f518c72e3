//! Messages: sending, changing, reading them, and how far somebody has read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Attachment;
use crate::audit::REASON;
use crate::{MessageId, RoomId, Timestamp, UserId, limits};

/// A message of a room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// The room it was sent to.
    pub room_id: RoomId,
    /// Its place in the room: each message has a higher one than those before it, and none is used again. Numbers may have gaps: what is
    /// new is counted by `communication.unread`, and where a history goes on by `before` and `after`. 0 in a live-only room, which keeps
    /// no messages.
    pub seq: i64,
    /// Who sent it.
    pub sender_id: UserId,
    /// What it says; empty once it is deleted.
    pub text: String,
    /// What it points at.
    pub attachments: Vec<Attachment>,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// Members it mentions.
    pub mentions: Vec<UserId>,
    /// Counts from 1; every edit adds one.
    pub version: i64,
    /// When it was sent.
    pub created_at: Timestamp,
    /// When it was last edited.
    pub edited_at: Option<Timestamp>,
    /// When it was deleted: what is left keeps its place in the history.
    pub deleted_at: Option<Timestamp>,
    /// From somebody whom the reader ignores or blocks, or did when it was sent: what it says is left out, and its place stays.
    #[serde(default, skip_serializing_if = "is_not")]
    pub is_hidden: bool,
    /// Told to staff only: nobody but its sender and staff sees this message.
    #[serde(default, skip_serializing_if = "is_not")]
    pub is_shadowed: bool,
}

fn is_not(flag: &bool) -> bool {
    !flag
}

/// What a message said before it was edited or deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MessageVersion {
    /// Which version.
    pub version: i64,
    /// What it said.
    pub text: String,
    /// What it pointed at.
    pub attachments: Vec<Attachment>,
    /// Until when it said that.
    pub replaced_at: Timestamp,
}

/// Says something in a room. Members hear of it at once; others who may read the room find it in the history.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SendMessage {
    /// Where.
    pub room_id: RoomId,
    /// What. Space around it and characters that cannot be seen are removed. May be empty beside attachments.
    #[serde(default)]
    #[schemars(length(max = limits::MESSAGE_LENGTH_MAX))]
    pub text: String,
    /// What it points at.
    #[serde(default)]
    #[schemars(length(max = limits::MESSAGE_ATTACHMENTS_MAX))]
    pub attachments: Vec<Attachment>,
    /// The message of this room that it answers.
    #[serde(default)]
    pub reply_to: Option<MessageId>,
    /// Who is mentioned. Only members count, and only those the sender may reach; the answer says whom it mentions.
    #[serde(default)]
    #[schemars(length(max = limits::MESSAGE_MENTIONS_MAX))]
    pub mentions: Vec<UserId>,
}

/// Changes one's own message, for as long as the server's edit window is open. What it said before is kept for staff.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EditMessage {
    /// The room.
    pub room_id: RoomId,
    /// The message.
    pub message_id: MessageId,
    /// What it says from now on.
    #[serde(default)]
    #[schemars(length(max = limits::MESSAGE_LENGTH_MAX))]
    pub text: String,
    /// What it points at from now on; absent leaves that as it is.
    #[serde(default)]
    #[schemars(length(max = limits::MESSAGE_ATTACHMENTS_MAX))]
    pub attachments: Option<Vec<Attachment>>,
    /// Whom it mentions from now on; absent leaves that as it is.
    #[serde(default)]
    #[schemars(length(max = limits::MESSAGE_MENTIONS_MAX))]
    pub mentions: Option<Vec<UserId>>,
    /// Only if this is still its version.
    #[serde(default)]
    pub if_version: Option<i64>,
}

/// Deletes a message: one's own, or anybody's for moderators. Its place in the history stays, empty.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteMessage {
    /// The room.
    pub room_id: RoomId,
    /// The message.
    pub message_id: MessageId,
    /// Why; staff must say it where they act as staff, and it is kept in the audit log.
    #[serde(default)]
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: Option<String>,
}

/// One message.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetMessage {
    /// The room.
    pub room_id: RoomId,
    /// The message.
    pub message_id: MessageId,
}

/// What a message said before it was edited or deleted. For staff; each look is audited.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadVersions {
    /// The room.
    pub room_id: RoomId,
    /// The message.
    pub message_id: MessageId,
    /// Why; kept in the audit log.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// A message as it is, and as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MessageVersions {
    /// As it is.
    pub message: Message,
    /// As it was, oldest first.
    pub versions: Vec<MessageVersion>,
}

/// Messages of a room, oldest first: the newest, or those before, after or around a place. A place is the `seq` of a message,
/// which stays where it is whatever is sent or deleted meanwhile.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadHistory {
    /// The room.
    pub room_id: RoomId,
    /// Only messages before this `seq`.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub before: Option<i64>,
    /// Only messages after this `seq`.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub after: Option<i64>,
    /// The messages around this `seq`, itself among them.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub around: Option<i64>,
    /// How many, at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<usize>,
}

/// A part of a room's history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct History {
    /// Oldest first.
    pub items: Vec<Message>,
    /// Give it as `before` to read on towards the oldest; `null` where the history begins.
    pub before: Option<i64>,
    /// Give it as `after` to read on towards the newest; `null` where the history ends.
    pub after: Option<i64>,
}

/// Says how far the caller has read. A marker only moves forward.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MarkRead {
    /// The room.
    pub room_id: RoomId,
    /// The `seq` of the last message read.
    #[schemars(range(min = 0))]
    pub seq: i64,
}

/// Says what has arrived at the caller, read or not. A marker only moves forward.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MarkDelivered {
    /// The room.
    pub room_id: RoomId,
    /// The `seq` of the last message that has arrived.
    #[schemars(range(min = 0))]
    pub seq: i64,
}

/// How far a member has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Marker {
    /// The room.
    pub room_id: RoomId,
    /// The member.
    pub user_id: UserId,
    /// The `seq` of the last message that has arrived.
    pub delivered_seq: i64,
    /// The `seq` of the last message read.
    pub read_seq: i64,
}

/// Says that the caller is writing. Members hear of it, unless the room is large; nothing is kept.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SayTyping {
    /// The room.
    pub room_id: RoomId,
}

/// Somebody is writing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Typing {
    /// The room.
    pub room_id: RoomId,
    /// Who.
    pub user_id: UserId,
}

/// A message is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MessageDeleted {
    /// The room.
    pub room_id: RoomId,
    /// The message.
    pub message_id: MessageId,
    /// Its place, which stays.
    pub seq: i64,
    /// When.
    pub deleted_at: Timestamp,
}

/// What the caller has not read yet.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadUnread {}

/// What somebody has not read yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unread {
    /// Messages not read, over all rooms below.
    pub messages: i64,
    /// Mentions not read, over all rooms below.
    pub mentions: i64,
    /// Rooms with something new, the latest first; at most 300.
    pub rooms: Vec<RoomUnread>,
    /// First messages of others that wait for an answer: see `communication.requests`.
    #[serde(default)]
    pub requests: i64,
}

/// What somebody has not read yet of one room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoomUnread {
    /// The room.
    pub room_id: RoomId,
    /// In a direct conversation the other one.
    pub user_id: Option<UserId>,
    /// The `seq` of the room's newest message.
    pub last_seq: i64,
    /// The `seq` of the last message read.
    pub read_seq: i64,
    /// Messages not read, those that were deleted meanwhile among them.
    pub messages: i64,
    /// Mentions not read.
    pub mentions: i64,
}
