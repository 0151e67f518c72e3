//! Restrictions: what a user may not do, until when, and why; and bans of networks, devices and e-mail domains.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::audit::REASON;
use crate::{ActionId, AppealId, BanId, Cursor, RestrictionId, RoomId, Timestamp, UserId, limits};

/// What a restriction may be of. The list is data of the server: see `restrictions.types`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RestrictionType {
    /// Names it.
    pub name: String,
    /// What somebody with such a restriction may not do.
    pub about: String,
    /// Types that hold for whatever this one holds for, and more.
    pub covered_by: Vec<String>,
    /// By what it can be narrowed down, as the `scope` of a restriction. Where there is nothing, it holds everywhere.
    pub places: Vec<RestrictionPlace>,
    /// Whether the restricted user is never told. Such a restriction always has an end.
    pub is_hidden: bool,
}

/// All types of restrictions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RestrictionTypes {
    /// The types.
    pub items: Vec<RestrictionType>,
}

/// Lists the types of restrictions.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListRestrictionTypes {}

/// By what the places are told apart in which something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RestrictionPlace {
    /// Modes of games.
    Mode,
    /// Rooms.
    Room,
}

/// Where a restriction holds. Without anything: everywhere. All its types must know such `places`; one that is of a mode and of a room holds
/// where both are so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestrictionScope {
    /// Only in this game mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::HOST_SLUG_LENGTH_MAX))]
    pub mode: Option<String>,
    /// Only in this room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
}

/// How a restriction came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RestrictionSource {
    /// By an action of a moderator.
    Action,
    /// By a program that watches over the game.
    Automatic,
    /// Brought along from another system.
    Import,
}

/// Why a restriction holds no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RestrictionEnd {
    /// Its time was over.
    Expired,
    /// The matches it was for are played.
    Played,
    /// Staff took it back.
    Lifted,
}

/// A restriction, as the restricted user sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OwnRestriction {
    /// Its id.
    pub id: RestrictionId,
    /// What may not be done, by the names of `restrictions.types`.
    pub types: Vec<String>,
    /// Where it holds.
    pub scope: RestrictionScope,
    /// Why.
    pub public_reason: String,
    /// Since when.
    pub starts_at: Timestamp,
    /// Until when; without this and without `matches_left`: for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// Until so many more matches are played to their end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches_left: Option<u32>,
    /// The action behind it, against which one may appeal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_id: Option<ActionId>,
    /// The appeal against it, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appeal_id: Option<AppealId>,
}

/// Those of a user that hold now, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OwnRestrictions {
    /// The restrictions.
    pub items: Vec<OwnRestriction>,
}

/// The caller's restrictions that hold now. May be called with the limited token of somebody who may not sign in.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MyRestrictions {}

/// A restriction, as staff sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Restriction {
    /// Its id.
    pub id: RestrictionId,
    /// Whose.
    pub user_id: UserId,
    /// What may not be done, by the names of `restrictions.types`.
    pub types: Vec<String>,
    /// Where it holds.
    pub scope: RestrictionScope,
    /// Why, for staff.
    pub reason: String,
    /// Why, for the user.
    pub public_reason: String,
    /// What shows it.
    pub evidence: Map<String, Value>,
    /// Who imposed it; absent for the server itself.
    pub author_id: Option<UserId>,
    /// How it came about.
    pub source: RestrictionSource,
    /// The action behind it.
    pub action_id: Option<ActionId>,
    /// The appeal against it.
    pub appeal_id: Option<AppealId>,
    /// Since when.
    pub starts_at: Timestamp,
    /// Until when; without this and without `after_matches`: for good.
    pub ends_at: Option<Timestamp>,
    /// Until so many matches are played that began after it did.
    pub after_matches: Option<u32>,
    /// How many of those are left.
    pub matches_left: Option<u32>,
    /// Since when it holds no longer.
    pub ended_at: Option<Timestamp>,
    /// Why it holds no longer.
    pub ended_by: Option<RestrictionEnd>,
    /// Who lifted it.
    pub lifted_by: Option<UserId>,
    /// Why it was lifted.
    pub lift_reason: Option<String>,
}

/// A restriction of the user ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RestrictionEnded {
    /// Which.
    pub restriction_id: RestrictionId,
    /// What may be done again, unless another restriction holds.
    pub types: Vec<String>,
    /// How it came.
    pub why: RestrictionEnd,
}

/// What the refusal `restricted` says.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Restricted {
    /// Which restriction; absent where a network, a device or an e-mail domain is banned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restriction_id: Option<RestrictionId>,
    /// Of which type: what may not be done.
    #[serde(rename = "type")]
    pub kind: String,
    /// Why.
    pub public_reason: String,
    /// Until when; without this and without `matches_left`: for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// Until so many more matches are played to their end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches_left: Option<u32>,
    /// The action behind it, against which one may appeal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_id: Option<ActionId>,
    /// The appeal against it, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appeal_id: Option<AppealId>,
    /// Where signing in is refused: an access token that opens nothing but the user's own restrictions, actions and appeals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited_token: Option<String>,
    /// When the limited token ends. Signing in again gives another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited_token_expires_at: Option<Timestamp>,
}

/// Restricts a user, by a program that watches over the game or that brings restrictions along from elsewhere. Moderators take an
/// action: see `moderation.act`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImposeRestriction {
    /// Whom.
    pub user_id: UserId,
    /// What may not be done, by the names of `restrictions.types`.
    #[schemars(length(min = 1, max = limits::RESTRICTION_TYPES_MAX), inner(length(min = 1, max = limits::RESTRICTION_TYPE_LENGTH_MAX)))]
    pub types: Vec<String>,
    /// Where it holds; without this everywhere.
    #[serde(default)]
    pub scope: RestrictionScope,
    /// Why, for staff.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
    /// Why, for the user.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub public_reason: String,
    /// What shows it.
    #[serde(default)]
    pub evidence: Map<String, Value>,
    /// Until when; without this and without `after_matches`: for good.
    #[serde(default)]
    pub ends_at: Option<Timestamp>,
    /// Until so many matches are played to their end that began after this.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::RESTRICTION_MATCHES_MAX))]
    pub after_matches: Option<u32>,
    /// How it comes about: `automatic` or `import`.
    pub source: RestrictionSource,
}

/// Takes a restriction back. The user hears of it at once.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LiftRestriction {
    /// Which.
    pub restriction_id: RestrictionId,
    /// Why, for staff.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// Lists the restrictions of a user, those that are over among them, the newest first. The look is audited.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListRestrictions {
    /// Whose.
    pub user_id: UserId,
    /// Where to go on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<usize>,
}

/// By what somebody is known beside their account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TraceKind {
    /// A range of addresses.
    Address,
    /// A device, as the hash of the id it gave.
    Device,
    /// The domain of an e-mail address.
    EmailDomain,
    /// An e-mail address, by what is left of it without dots, digits and what follows a plus. It leads to accounts that may be of the same
    /// person; its value is shown to nobody but its user, and cannot be banned.
    Email,
}

/// By what somebody is known beside their account, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Trace {
    /// What it is.
    pub kind: TraceKind,
    /// What it is, written as a ban takes it. Of an address only its network is kept: the first three bytes, or of IPv6 the first six.
    pub value: String,
    /// When it was seen first.
    pub first_seen_at: Timestamp,
    /// When it was seen last, within the hour.
    pub last_seen_at: Timestamp,
}

/// The traces of a user, those seen last first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Traces {
    /// The traces.
    pub items: Vec<Trace>,
}

/// Looks at the traces of a user. The look is audited.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadTraces {
    /// Whose.
    pub user_id: UserId,
    /// Why; kept in the audit log.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// A ban of a range of addresses, a device, or an e-mail domain: nobody new signs up from there, and nobody signs in whom a permission
/// does not exempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ban {
    /// Its id.
    pub id: BanId,
    /// What is banned.
    pub kind: TraceKind,
    /// Which.
    pub value: String,
    /// Whether it lets in who had an account before it was made.
    pub spares_older: bool,
    /// Why, for staff.
    pub reason: String,
    /// Why, for whoever is refused.
    pub public_reason: String,
    /// Who made it; absent for the server itself.
    pub author_id: Option<UserId>,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
}

/// Bans a range of addresses, a device, or an e-mail domain. Look first whom it would hit: see `restrictions.preview_ban`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddBan {
    /// What is banned.
    pub kind: TraceKind,
    /// Which: `192.0.2.0/24`, `2001:db8::/32`, the value of a device's trace, or `spam.example`.
    #[schemars(length(min = 1, max = limits::BAN_VALUE_LENGTH_MAX))]
    pub value: String,
    /// Whether it lets in who has an account by now: then it stops those who come with a new one, and nobody who was there before.
    #[serde(default)]
    pub spares_older: Option<bool>,
    /// Until when.
    pub ends_at: Timestamp,
    /// Why, for staff.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
    /// Why, for whoever is refused.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub public_reason: String,
}

/// Looks whom a ban would hit. The look is audited.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewBan {
    /// What would be banned.
    pub kind: TraceKind,
    /// Which, written as `restrictions.add_ban` takes it.
    #[schemars(length(min = 1, max = limits::BAN_VALUE_LENGTH_MAX))]
    pub value: String,
    /// Not counting this user, whom it is meant for.
    #[serde(default)]
    pub except: Option<UserId>,
    /// Why, for staff: it says where users were seen.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// Whom a ban would hit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BanPreview {
    /// The value, as the ban would have it.
    pub value: String,
    /// Users seen there within the last 30 days. Where the ban is narrower than what is kept of addresses: those of the whole network,
    /// and so at least as many as it would hit.
    pub active_users: u64,
}

/// Takes a ban back.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveBan {
    /// Which.
    pub ban_id: BanId,
    /// Why; kept in the audit log.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// Lists bans that hold, the newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListBans {
    /// Where to go on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<usize>,
}

crate::hide! {
    Restricted {
        restriction_id, kind, public_reason, ends_at, matches_left, action_id, appeal_id, limited_token_expires_at;
        limited_token
    }
}
