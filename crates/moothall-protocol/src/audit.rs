//! The audit log.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ApiKeyId, AuditId, Cursor, RequestId, Timestamp, UserId, limits};

/// What a reason looks like: there is something in it beside space.
pub const REASON: &str = r"\S";

/// Lists the audit log, newest first. Filters that are absent let everything pass.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListAudit {
    /// Only what this user did.
    #[serde(default)]
    pub actor_id: Option<UserId>,
    /// Only what was done to this, such as `user:018f…`.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    pub target: Option<String>,
    /// Only this action; one that ends with a dot, such as `accounts.`, stands for all that begin so.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    pub action: Option<String>,
    /// Only what has this in its reason, whatever the case of letters (A to Z). Give one of the other filters as well.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    pub text: Option<String>,
    /// Only from this time on.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// Only up to this time.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// Where to go on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<u32>,
}

/// One line of the audit log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuditLine {
    /// Its id.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Who; absent for the server itself.
    pub actor_id: Option<UserId>,
    /// With which API key, if with one.
    pub api_key_id: Option<ApiKeyId>,
    /// What, mostly the name of an operation.
    pub action: String,
    /// To what, such as `user:018f…`.
    pub target: String,
    /// Why.
    pub reason: Option<String>,
    /// What it was before.
    pub before: Option<serde_json::Value>,
    /// What it is since.
    pub after: Option<serde_json::Value>,
    /// The request.
    pub request_id: RequestId,
    /// From which address, if it came over the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What the client called itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Its number in the chain; absent for a moment after it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<i64>,
    /// Its hash in hexadecimal digits, which covers the line before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
}

/// Reads the newest line of the chain.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadAuditHead {}

/// The newest line of the chain: noted elsewhere, it shows later that nothing up to it was changed or cut off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditHead {
    /// Its number; 0 of an empty log.
    pub number: i64,
    /// Its hash in hexadecimal digits.
    pub hash: String,
}
