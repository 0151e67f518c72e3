//! Notifications: what users are told, and find in their inbox until they put it away.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::accounts::Segment;
use crate::audit::REASON;
use crate::jobs::JobProgress;
use crate::{BroadcastId, Cursor, NoticeId, Timestamp, UserId, limits};

/// One notice in a user's inbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Notice {
    /// Its id.
    pub id: NoticeId,
    /// What it says, such as `moderation.warned`: the key of the client's own words for it. See `notifications.kinds`.
    pub kind: String,
    /// What goes into those words.
    pub params: Value,
    /// The same in the server's words, for a client that has none.
    pub text: String,
    /// A newer one of this kind and key takes the place of an older one.
    pub collapse_key: Option<String>,
    /// How many came together in this one since the user saw it last.
    pub count: u32,
    /// When it came.
    pub created_at: Timestamp,
    /// When it is gone by itself.
    pub expires_at: Option<Timestamp>,
    /// Whether the user has seen it.
    pub is_seen: bool,
}

/// What there is in an inbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Inbox {
    /// Notices that the user has not seen.
    pub unseen: u32,
}

/// Asks how many notices the caller has not seen.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CountUnseen {}

/// Lists the caller's inbox, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListNotices {
    /// Only those that were not seen yet.
    #[serde(default)]
    pub unseen: Option<bool>,
    /// Where to go on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<u32>,
}

/// Says which notices the caller has seen, in all their sessions.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MarkNoticesSeen {
    /// Which; without it, all.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::NOTICES_AT_ONCE_MAX))]
    pub ids: Option<Vec<NoticeId>>,
}

/// Puts notices of the caller away, in all their sessions.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DismissNotices {
    /// Which; without it, all.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::NOTICES_AT_ONCE_MAX))]
    pub ids: Option<Vec<NoticeId>>,
}

/// Some notices were seen or put away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NoticesMarked {
    /// Which; absent for all.
    pub ids: Option<Vec<NoticeId>>,
    /// Notices that the user has not seen, after that.
    pub unseen: u32,
}

/// Lists the kinds of notices there are.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListNoticeKinds {}

/// The kinds of notices there are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NoticeKinds {
    /// The kinds, by name.
    pub items: Vec<NoticeKind>,
}

/// A kind of notice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NoticeKind {
    /// Its name.
    pub kind: String,
    /// When it comes.
    pub about: String,
    /// What its params are, as a JSON Schema.
    pub params: Value,
    /// Whether nobody can do without it: see the section `notifications` of a user's settings.
    pub is_mandatory: bool,
}

/// How a broadcast stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BroadcastStatus {
    /// Its time has not come.
    Scheduled,
    /// It is being written into the inboxes.
    Running,
    /// It is in all of them.
    Done,
    /// It was called off.
    Cancelled,
    /// It was given up: see its job.
    Failed,
}

/// How far a broadcast reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BroadcastReach {
    /// Inboxes that it was written into.
    pub written: u64,
    /// Users who have seen it.
    pub seen: u64,
    /// Users who have put it away.
    pub dismissed: u64,
}

/// Something that staff tells many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Broadcast {
    /// Its id.
    pub id: BroadcastId,
    /// What it says to whom none of `texts` fits.
    pub text: String,
    /// What it says, by language.
    pub texts: BTreeMap<String, String>,
    /// What the client may want to know beside, such as a link.
    pub params: Map<String, Value>,
    /// Who hears it.
    pub segment: Segment,
    /// When it goes out.
    pub run_at: Timestamp,
    /// When it is gone from the inboxes.
    pub expires_at: Timestamp,
    /// How it stands.
    pub status: BroadcastStatus,
    /// How far the writing is.
    pub progress: Option<JobProgress>,
    /// How far it reached. Only `notifications.get_broadcast` counts it.
    pub reach: Option<BroadcastReach>,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom; absent for the server itself.
    pub created_by: Option<UserId>,
}

/// Tells many something.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateBroadcast {
    /// What it says to whom none of `texts` fits.
    #[schemars(length(min = 1, max = limits::BROADCAST_TEXT_LENGTH_MAX))]
    pub text: String,
    /// What it says, by language: a tag such as `de` or `pt-BR`.
    #[serde(default)]
    pub texts: Option<BTreeMap<String, String>>,
    /// What the client may want to know beside, such as a link.
    #[serde(default)]
    pub params: Option<Map<String, Value>>,
    /// Who hears it; everybody without it.
    #[serde(default)]
    pub segment: Option<Segment>,
    /// When it goes out; at once without it.
    #[serde(default)]
    pub run_at: Option<Timestamp>,
    /// When it is gone from the inboxes; without it, thirty days after it goes out.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// Why.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// Lists broadcasts, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListBroadcasts {
    /// Where to go on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<u32>,
}

/// Reads a broadcast, and counts its reach.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetBroadcast {
    /// Which.
    pub broadcast_id: BroadcastId,
}

/// Calls a broadcast off, and takes it out of the inboxes that it is in.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelBroadcast {
    /// Which.
    pub broadcast_id: BroadcastId,
    /// Why.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}
