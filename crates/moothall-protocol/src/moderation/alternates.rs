//! Accounts that may be of the same person.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::audit::REASON;
use crate::{Timestamp, UserId, limits};

/// Looks who may be the same person as a user, and why. The look is audited.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindAlternates {
    /// As whom.
    pub user_id: UserId,
    /// Why; kept in the audit log.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// What a moderator found of two accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlternateVerdict {
    /// They are of the same person.
    SamePerson,
    /// They are of different people who share a home.
    Household,
}

/// One reason to believe that two accounts are of the same person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlternateReason {
    /// Which: `device`, `network`, `email`, or `timing`.
    pub name: String,
    /// What was seen, in words.
    pub about: String,
    /// How much it says.
    pub points: f64,
}

/// An account that may be of the same person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Alternate {
    /// Whose.
    pub user_id: UserId,
    /// How much speaks for it, from 0 to 100. It proves nothing.
    pub score: f64,
    /// Why.
    pub reasons: Vec<AlternateReason>,
    /// What a moderator found.
    pub verdict: Option<AlternateVerdict>,
    /// Who did.
    pub linked_by: Option<UserId>,
    /// When.
    pub linked_at: Option<Timestamp>,
}

/// Who may be the same person, the likeliest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Alternates {
    /// The accounts.
    pub items: Vec<Alternate>,
}

/// Writes down what was found of two accounts. Nothing else follows from it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkAlternates {
    /// The one.
    pub user_id: UserId,
    /// The other.
    pub other_id: UserId,
    /// What was found.
    pub verdict: AlternateVerdict,
    /// Why.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// Takes back what was found of two accounts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnlinkAlternates {
    /// The one.
    pub user_id: UserId,
    /// The other.
    pub other_id: UserId,
    /// Why.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}
