//! Rooms and their members.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::audit::REASON;
use crate::{Cursor, RoomId, Timestamp, UserId, limits};

/// What kind of conversation a room is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoomKind {
    /// A named room that people join.
    Room,
    /// The conversation of two users.
    Direct,
    /// A conversation of a few users, who bring each other in.
    Group,
    /// Where the members of a party talk. Who is in it follows the party, and it is archived when that ends.
    Party,
    /// Where all who are in a lobby talk, and its dedicated host. Who is in it follows the lobby, and it is archived when that closes.
    Lobby,
    /// Where those talk who are in a lobby without a seat. Who takes a seat leaves it at once.
    LobbySpectators,
    /// Where the players of a match talk. Who is in it follows the match, and it is archived when that is over.
    Match,
}

impl RoomKind {
    /// Whether who is in such a room follows something else.
    pub const fn follows(self) -> bool {
        matches!(self, Self::Party | Self::Lobby | Self::LobbySpectators | Self::Match)
    }
}

/// What a member may do in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoomRole {
    /// Reads and, unless the room is read-only, writes.
    Member,
    /// Also deletes messages, removes members and sets topic, slow mode and read-only; slow mode does not apply.
    Moderator,
    /// Also sets roles and everything else of the room.
    Owner,
}

/// A room, as all may see it who may see it at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Room {
    /// Its id.
    pub id: RoomId,
    /// What kind of conversation it is.
    pub kind: RoomKind,
    /// Its name; groups may have none, direct conversations never have one.
    pub name: Option<String>,
    /// What it is about.
    pub topic: String,
    /// Whether only members know of it. Others cannot join: a member brings them in.
    pub member_only: bool,
    /// Whether only its moderators and owners may write.
    pub read_only: bool,
    /// Milliseconds between two messages of one member; 0 for no slow mode.
    pub slow_mode_ms: u32,
    /// Days after which messages are removed for good; `null` for what the server has set.
    pub retention_days: Option<u32>,
    /// Whether its messages reach those who are there and are kept nowhere: it has no history, and nothing in it is unread.
    pub live_only: bool,
    /// How many members it has.
    pub members: u32,
    /// The `seq` of its newest message, 0 before the first.
    pub last_seq: i64,
    /// Counts the changes of its description, from 1.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When somebody last wrote in it, or when it was made.
    pub active_at: Timestamp,
    /// When it was archived: since then nobody joins or writes.
    pub archived_at: Option<Timestamp>,
}

/// A member of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Member {
    /// The user.
    pub user_id: UserId,
    /// What they may do here.
    pub role: RoomRole,
    /// Since when they are here.
    pub joined_at: Timestamp,
    /// The `seq` of the last message that has arrived at them. Shown in direct conversations and groups only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_seq: Option<i64>,
    /// The `seq` of the last message they have read. Shown in direct conversations and groups only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_seq: Option<i64>,
}

/// A room the caller is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MyRoom {
    /// The room.
    pub room: Room,
    /// In a direct conversation the other one.
    pub user_id: Option<UserId>,
    /// What the caller may do in it.
    pub role: RoomRole,
    /// The `seq` of the last message the caller has read.
    pub read_seq: i64,
    /// Messages not read.
    pub unread: i64,
    /// Mentions not read.
    pub mentions: i64,
}

/// Makes a room, which the caller then owns.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRoom {
    /// Its name. No two rooms have names that look alike.
    #[schemars(length(min = 1, max = limits::ROOM_NAME_LENGTH_MAX))]
    pub name: String,
    /// What it is about.
    #[serde(default)]
    #[schemars(length(max = limits::ROOM_TOPIC_LENGTH_MAX))]
    pub topic: Option<String>,
    /// Whether only members know of it.
    #[serde(default)]
    pub member_only: Option<bool>,
    /// Whether only its moderators and owners may write.
    #[serde(default)]
    pub read_only: Option<bool>,
    /// Milliseconds between two messages of one member.
    #[serde(default)]
    #[schemars(range(max = limits::SLOW_MODE_MS_MAX))]
    pub slow_mode_ms: Option<u32>,
    /// Days after which messages are removed for good.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::RETENTION_DAYS_MAX))]
    pub retention_days: Option<u32>,
    /// Whether its messages are kept nowhere. A room stays as it was made.
    #[serde(default)]
    pub live_only: Option<bool>,
}

/// The room of this name, made if there is none: then the caller owns it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenRoom {
    /// The name.
    #[schemars(length(min = 1, max = limits::ROOM_NAME_LENGTH_MAX))]
    pub name: String,
}

/// One room.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetRoom {
    /// Which.
    pub room_id: RoomId,
}

/// One room, by its name.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindRoom {
    /// The name.
    #[schemars(length(min = 1, max = limits::ROOM_NAME_LENGTH_MAX))]
    pub name: String,
}

/// The rooms that everybody may join, by name.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListRooms {
    /// Where to read on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many, at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<usize>,
}

/// The rooms that everybody may join and whose name begins so.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchRooms {
    /// How the name begins.
    #[schemars(length(min = 1, max = limits::ROOM_NAME_LENGTH_MAX))]
    pub name: String,
    /// Where to read on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many, at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<usize>,
}

/// The rooms, groups and direct conversations the caller is in, those with the newest message first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListMyRooms {
    /// Only those of this kind.
    #[serde(default)]
    pub kind: Option<RoomKind>,
    /// Where to read on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many, at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<usize>,
}

/// Changes the description of a room. What is absent stays as it is.
///
/// Moderators change topic, slow mode and read-only, owners everything; in a group every member changes name and topic.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateRoom {
    /// Which.
    pub room_id: RoomId,
    /// Its new name.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::ROOM_NAME_LENGTH_MAX))]
    pub name: Option<String>,
    /// What it is about.
    #[serde(default)]
    #[schemars(length(max = limits::ROOM_TOPIC_LENGTH_MAX))]
    pub topic: Option<String>,
    /// Whether only members know of it.
    #[serde(default)]
    pub member_only: Option<bool>,
    /// Whether only its moderators and owners may write.
    #[serde(default)]
    pub read_only: Option<bool>,
    /// Milliseconds between two messages of one member; 0 ends slow mode.
    #[serde(default)]
    #[schemars(range(max = limits::SLOW_MODE_MS_MAX))]
    pub slow_mode_ms: Option<u32>,
    /// Days after which messages are removed for good; 0 for what the server has set.
    #[serde(default)]
    #[schemars(range(max = limits::RETENTION_DAYS_MAX))]
    pub retention_days: Option<u32>,
    /// Only if this is still its version.
    #[serde(default)]
    pub if_version: Option<i64>,
    /// Why; staff must say it where they act as staff, and it is kept in the audit log.
    #[serde(default)]
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: Option<String>,
}

/// Closes a room. Its history stays, its name becomes free.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchiveRoom {
    /// Which.
    pub room_id: RoomId,
    /// Why; staff must say it where they act as staff, and it is kept in the audit log.
    #[serde(default)]
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: Option<String>,
}

/// Opens an archived room again, if no other has its name by now. For staff.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreRoom {
    /// Which.
    pub room_id: RoomId,
    /// Why; it must be said, and is kept in the audit log.
    #[serde(default)]
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: Option<String>,
}

/// Makes the caller a member of a room.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinRoom {
    /// Which.
    pub room_id: RoomId,
}

/// Ends the caller's membership of a room or a group.
///
/// When the last owner goes, the longest-standing moderator becomes owner, else the longest-standing member.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeaveRoom {
    /// Which.
    pub room_id: RoomId,
}

/// Brings a user into a member-only room (moderators and owners) or a group (every member).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddMember {
    /// Where.
    pub room_id: RoomId,
    /// Whom.
    pub user_id: UserId,
    /// Why; staff must say it where they act as staff, and it is kept in the audit log.
    #[serde(default)]
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: Option<String>,
}

/// Removes a member: one of a lower role than the caller's.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KickMember {
    /// From where.
    pub room_id: RoomId,
    /// Whom.
    pub user_id: UserId,
    /// Why; staff must say it where they act as staff, and it is kept in the audit log.
    #[serde(default)]
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: Option<String>,
}

/// Sets what a member may do. For owners; a room with members keeps at least one owner.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetRoomRole {
    /// Where.
    pub room_id: RoomId,
    /// Whose.
    pub user_id: UserId,
    /// The role from now on.
    pub role: RoomRole,
    /// Why; staff must say it where they act as staff, and it is kept in the audit log.
    #[serde(default)]
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: Option<String>,
}

/// The members of a room, by id.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListMembers {
    /// Of which room.
    pub room_id: RoomId,
    /// Where to read on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many, at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<usize>,
}

/// The conversation of the caller with one other user, made when there is none yet.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenDirect {
    /// The other one.
    pub user_id: UserId,
}

/// Makes a conversation of a few users, the caller among them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateGroup {
    /// The others.
    #[schemars(length(min = 1, max = limits::GROUP_MEMBERS_MAX - 1))]
    pub user_ids: Vec<UserId>,
    /// A name, if it should have one.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::ROOM_NAME_LENGTH_MAX))]
    pub name: Option<String>,
}

/// Somebody is in a room from now on, or has another role in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemberChanged {
    /// Where.
    pub room_id: RoomId,
    /// Who.
    pub member: Member,
}

/// Somebody is no longer in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemberGone {
    /// Where.
    pub room_id: RoomId,
    /// Who.
    pub user_id: UserId,
    /// Whether they were removed, rather than left.
    pub is_kicked: bool,
}

/// Who came, changed their role or went in a large room, told together: of each how they stand now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MembersChanged {
    /// Where.
    pub room_id: RoomId,
    /// Who is a member.
    pub members: Vec<Member>,
    /// Who is one no longer.
    pub gone: Vec<MemberGone>,
}
