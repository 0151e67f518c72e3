//! Actions: what moderators do about users, and how it is taken back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::audit::REASON;
use crate::restrictions::RestrictionScope;
use crate::{ActionId, CaseId, Cursor, MessageId, ReportId, RoomId, Timestamp, UserId, limits};

/// What a moderator can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// A word that the user must acknowledge before they play and chat again.
    Warn,
    /// Something the user may not do: `restriction`.
    Restrict,
    /// Another name: `name`, or one the server makes up.
    Rename,
    /// A message is removed: `room_id` and `message_id`.
    RemoveContent,
    /// A mark that moderators see: `mark`. Reports of who has one count for less.
    Mark,
}

/// What a user may not do from now on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionRestriction {
    /// What may not be done, by the names of `restrictions.types`.
    #[schemars(length(min = 1, max = limits::RESTRICTION_TYPES_MAX), inner(length(min = 1, max = limits::RESTRICTION_TYPE_LENGTH_MAX)))]
    pub types: Vec<String>,
    /// Where; without this everywhere.
    #[serde(default)]
    pub scope: RestrictionScope,
    /// Until when; without this and without `after_matches`: for good.
    #[serde(default)]
    pub ends_at: Option<Timestamp>,
    /// Until so many matches are played to their end that began after this.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::RESTRICTION_MATCHES_MAX))]
    pub after_matches: Option<u32>,
}

/// What is to be done about whomever it is about.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deed {
    /// What.
    pub kind: ActionKind,
    /// For which offence, by the names of `moderation.categories`.
    #[schemars(length(min = 1, max = limits::MODERATION_NAME_LENGTH_MAX))]
    pub category: String,
    /// Why, for staff.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
    /// Why, for the user.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub public_reason: String,
    /// For `restrict`.
    #[serde(default)]
    pub restriction: Option<ActionRestriction>,
    /// For `rename`; without it the server makes a name up.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::NAME_LENGTH_MAX))]
    pub name: Option<String>,
    /// For `remove_content`.
    #[serde(default)]
    pub room_id: Option<RoomId>,
    /// For `remove_content`.
    #[serde(default)]
    pub message_id: Option<MessageId>,
    /// For `mark`.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::MODERATION_NAME_LENGTH_MAX))]
    pub mark: Option<String>,
}

/// Does something about a user. They are told at once, in plain words.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Act {
    /// About whom.
    pub user_id: UserId,
    /// What.
    pub deed: Deed,
    /// The case it answers.
    #[serde(default)]
    pub case_id: Option<CaseId>,
    /// Whether that stays open, because more is to be done. Without it the case is closed, and its reporters are told.
    #[serde(default)]
    pub keeps_case_open: Option<bool>,
    /// Reports of the case that the moderator does not agree with.
    #[serde(default)]
    #[schemars(length(max = limits::CASE_ITEMS_MAX))]
    pub disagreed: Vec<ReportId>,
}

/// An action, as staff sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Action {
    /// Its id.
    pub id: ActionId,
    /// Its number, to talk of it.
    pub number: i64,
    /// About whom.
    pub user_id: UserId,
    /// What.
    pub kind: ActionKind,
    /// For which offence.
    pub category: String,
    /// Why, for staff.
    pub reason: String,
    /// Why, for the user.
    pub public_reason: String,
    /// Who did it; absent for the server itself.
    pub author_id: Option<UserId>,
    /// The case it answers.
    pub case_id: Option<CaseId>,
    /// What it was before. Of a message that was removed its ids: what it said is read by `communication.read_versions`.
    pub before: Value,
    /// What it is since.
    pub after: Value,
    /// When.
    pub created_at: Timestamp,
    /// When the user acknowledged it.
    pub acknowledged_at: Option<Timestamp>,
    /// When it was taken back.
    pub reverted_at: Option<Timestamp>,
    /// Who took it back.
    pub reverted_by: Option<UserId>,
    /// Why it was taken back.
    pub revert_reason: Option<String>,
}

/// An action, as the user sees it whom it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OwnAction {
    /// Its id.
    pub id: ActionId,
    /// Its number, to talk of it.
    pub number: i64,
    /// What.
    pub kind: ActionKind,
    /// For which offence.
    pub category: String,
    /// Why.
    pub public_reason: String,
    /// When.
    pub created_at: Timestamp,
    /// When they acknowledged it. A warning waits for that.
    pub acknowledged_at: Option<Timestamp>,
    /// When it was taken back.
    pub reverted_at: Option<Timestamp>,
    /// Whether they may appeal against it now.
    pub is_appealable: bool,
    /// For `remove_content`: what was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<RemovedMessage>,
}

/// A message of the user that a moderator removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RemovedMessage {
    /// In which room.
    pub room_id: RoomId,
    /// Which.
    pub message_id: MessageId,
    /// What it said.
    pub text: String,
}

/// The actions about the caller, the newest first. May be called with a limited token.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListMyActions {
    /// Where to go on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<usize>,
}

/// Acknowledges a warning.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeAction {
    /// Which.
    pub action_id: ActionId,
}

/// Takes an action back, with all that came of it: the restriction is lifted, the name is back, the message is visible again, the mark is
/// gone. A name that is somebody else's by now does not come back: then the user may choose another at once. The user is told.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevertAction {
    /// Which.
    pub action_id: ActionId,
    /// Why, for staff.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// Lists actions, the newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListActions {
    /// Only about this user.
    #[serde(default)]
    pub user_id: Option<UserId>,
    /// Where to go on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<usize>,
}

/// Does the same about many users.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActOnMany {
    /// About whom.
    #[schemars(length(min = 1, max = limits::ACT_ON_MANY_MAX))]
    pub user_ids: Vec<UserId>,
    /// What. Messages are removed one by one.
    pub deed: Deed,
    /// Only look what would come of it.
    #[serde(default)]
    pub is_dry_run: Option<bool>,
}

/// What came of it for one user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActedOn {
    /// Whom.
    pub user_id: UserId,
    /// The action; absent in a dry run and after a refusal.
    pub action_id: Option<ActionId>,
    /// The code of the refusal, if it was refused.
    pub refused: Option<String>,
}

/// What came of it, for each user in the order asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActedOnMany {
    /// The rows.
    pub items: Vec<ActedOn>,
    /// How many were, or would be, acted on.
    pub count: u64,
}

/// A ready-made deed, to begin with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionTemplate {
    /// Names it.
    #[schemars(length(min = 1, max = limits::MODERATION_NAME_LENGTH_MAX))]
    pub name: String,
    /// What it does.
    pub kind: ActionKind,
    /// For which offence.
    #[schemars(length(min = 1, max = limits::MODERATION_NAME_LENGTH_MAX))]
    pub category: String,
    /// What it says to the user.
    #[schemars(length(max = limits::REASON_LENGTH_MAX))]
    pub public_reason: String,
    /// For `restrict`: what may not be done.
    #[serde(default)]
    pub types: Vec<String>,
    /// For `restrict`: for how many hours; without it for good.
    #[serde(default)]
    #[schemars(range(min = 1, max = 87_600))]
    pub hours: Option<u32>,
}

/// All templates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActionTemplates {
    /// The templates.
    pub items: Vec<ActionTemplate>,
}

/// Lists the templates of actions.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListActionTemplates {}

/// Asks what the escalation table proposes for an offence of a user.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProposeAction {
    /// Whose.
    pub user_id: UserId,
    /// Which offence, by the names of `moderation.categories`.
    #[schemars(length(min = 1, max = limits::MODERATION_NAME_LENGTH_MAX))]
    pub category: String,
}

/// What the escalation table proposes. A moderator decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ActionProposal {
    /// What the user did before of this kind, each offence counting for less the older it is.
    pub history: f64,
    /// The step of the table that follows from it, from 1.
    pub step: u32,
    /// How many steps there are.
    pub steps: u32,
    /// What it is.
    pub template: ActionTemplate,
    /// For `restrict`, counted from now: until when.
    pub ends_at: Option<Timestamp>,
}
