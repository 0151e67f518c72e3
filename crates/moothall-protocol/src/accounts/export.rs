//! Everything that is kept of a user, for themselves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::audit::REASON;
use crate::{Cursor, UserId, limits};

/// Asks for a part of everything that is kept of the caller. Begin without a cursor, and go on with `next` until it is `null`. Needs a
/// session: no key gets it. Also open to who may not sign in otherwise.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportMe {
    /// Only this section, by its name.
    #[serde(default)]
    #[schemars(length(max = limits::EXPORT_SECTION_LENGTH_MAX))]
    pub section: Option<String>,
    /// Where to go on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many items at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<usize>,
}

/// Asks for the same of a user, in the name of staff. Every part is audited.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportUser {
    /// The user.
    pub user_id: UserId,
    /// Only this section, by its name.
    #[serde(default)]
    #[schemars(length(max = limits::EXPORT_SECTION_LENGTH_MAX))]
    pub section: Option<String>,
    /// Where to go on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many items at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<usize>,
    /// Why.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// A part of what is kept of a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExportPage {
    /// The section all items are of.
    pub section: String,
    /// Items, whose shape is the section's own: mostly that of the operation that shows such a thing elsewhere.
    pub items: Vec<serde_json::Value>,
    /// Where it goes on, in this section or the next; `null` at the end. A part may be empty though more follow.
    pub next: Option<Cursor>,
    /// All sections, in their order; with the first part only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sections: Vec<ExportSection>,
}

/// One kind of what is kept of users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExportSection {
    /// Its name.
    pub name: String,
    /// What it is.
    pub about: String,
}
