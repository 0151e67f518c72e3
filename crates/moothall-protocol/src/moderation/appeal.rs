//! Appeals against actions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::OwnAction;
use crate::audit::REASON;
use crate::{ActionId, AppealId, Cursor, Timestamp, UserId, limits};

/// What came of an appeal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AppealOutcome {
    /// The action stays.
    Uphold,
    /// The restriction ends sooner.
    Reduce,
    /// The action is taken back, with all that came of it.
    Overturn,
}

/// Appeals against an action about the caller. One appeal of an action may be open. May be called with a limited token.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileAppeal {
    /// Against which.
    pub action_id: ActionId,
    /// Why.
    #[schemars(length(max = limits::APPEAL_TEXT_LENGTH_MAX), regex(pattern = REASON))]
    pub text: String,
}

/// Writes in an appeal: in one's own, or as staff, but for whoever did what it is against. May be called with a limited token.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteAppeal {
    /// In which.
    pub appeal_id: AppealId,
    /// What.
    #[schemars(length(max = limits::APPEAL_TEXT_LENGTH_MAX), regex(pattern = REASON))]
    pub text: String,
}

/// Reads an appeal: one's own, or any as staff. May be called with a limited token.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetAppeal {
    /// Which.
    pub appeal_id: AppealId,
}

/// Lists the caller's appeals, the newest first. May be called with a limited token.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListMyAppeals {
    /// Where to go on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<usize>,
}

/// Lists appeals for staff: open ones, the oldest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListAppeals {
    /// Decided ones instead.
    #[serde(default)]
    pub is_decided: Option<bool>,
    /// Only those that the caller may decide: not against actions of their own.
    #[serde(default)]
    pub is_mine_to_decide: Option<bool>,
    /// Where to go on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<usize>,
}

/// One message of an appeal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AppealMessage {
    /// Whether staff wrote it. To the user it does not say who.
    pub is_staff: bool,
    /// Who wrote it, where the reader may know.
    pub author_id: Option<UserId>,
    /// What.
    pub text: String,
    /// When.
    pub at: Timestamp,
}

/// An appeal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Appeal {
    /// Its id.
    pub id: AppealId,
    /// Who appeals.
    pub user_id: UserId,
    /// The action it is against.
    pub action: OwnAction,
    /// What was said, the oldest first; in a list nothing.
    pub messages: Vec<AppealMessage>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
    /// What came of it.
    pub outcome: Option<AppealOutcome>,
    /// What was said about that.
    pub decision: Option<String>,
    /// Who did what it is against. For staff only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<UserId>,
    /// Who decided. For staff only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<UserId>,
}

/// Decides an appeal. Whoever did what it is against cannot. Both sides are told.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideAppeal {
    /// Which.
    pub appeal_id: AppealId,
    /// How.
    pub outcome: AppealOutcome,
    /// Why; the user reads it.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub decision: String,
    /// For `reduce`: when the restriction ends now. One that ended after matches has no time to be reduced to, only fewer matches.
    #[serde(default)]
    pub ends_at: Option<Timestamp>,
    /// For `reduce`, instead: after how many more matches it ends now.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::RESTRICTION_MATCHES_MAX))]
    pub after_matches: Option<u32>,
}
