//! Moderation: reports, the cases they make, what moderators do about them, and what can be said against that.

mod action;
mod alternates;
mod appeal;
mod case;
mod report;
mod statistics;

pub use action::*;
pub use alternates::*;
pub use appeal::*;
pub use case::*;
pub use report::*;
pub use statistics::*;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ActionId, AppealId, CaseId, Timestamp, UserId};

/// What happened in moderation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModerationDeed {
    /// A report came in.
    Reported,
    /// A case is different from before: claimed, released, put off, or wanting a second opinion.
    CaseUpdated,
    /// A case is closed.
    CaseClosed,
    /// A moderator did something about a user.
    Acted,
    /// An action was taken back.
    Reverted,
    /// Somebody appealed.
    Appealed,
    /// Somebody wrote in an appeal.
    AppealWritten,
    /// An appeal is decided.
    AppealDecided,
    /// Somebody noted something.
    Noted,
    /// Two accounts were linked, or are linked no longer.
    AlternatesUpdated,
}

/// Something happened in moderation. To staff; what it is about is read by its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ModerationHappened {
    /// What.
    pub what: ModerationDeed,
    /// When.
    pub at: Timestamp,
    /// Who did it; absent for the server itself.
    pub actor_id: Option<UserId>,
    /// Whom it is about.
    pub target_id: UserId,
    /// In which case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case_id: Option<CaseId>,
    /// Which action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_id: Option<ActionId>,
    /// Which appeal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appeal_id: Option<AppealId>,
}
