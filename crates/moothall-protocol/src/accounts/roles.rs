//! Roles and who has them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::audit::REASON;
use crate::{GrantId, Timestamp, UserId, limits};

/// Lists the permissions there are.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListPermissions {}

/// The permissions the server knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KnownPermissions {
    /// Their names. `*` in a role stands for all of them, and those of later versions.
    pub items: Vec<String>,
}

/// Lists the roles.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListRoles {}

/// All roles. There are few, so there is one page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Roles {
    /// The roles, by name.
    pub items: Vec<Role>,
}

/// A role: a name for a set of permissions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub about: String,
    /// What it allows, sorted. `*` is everything.
    pub permissions: Vec<String>,
    /// It came with the server and cannot be deleted.
    pub is_seeded: bool,
    /// Counts its changes.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// Makes a role. Nobody can put into it what they may not do themselves.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRole {
    /// Its name, which never changes.
    #[schemars(length(min = 1, max = limits::ROLE_NAME_LENGTH_MAX), pattern("^[a-z][a-z0-9_]*$"))]
    pub name: String,
    /// What it is for.
    #[schemars(length(max = limits::ROLE_ABOUT_LENGTH_MAX))]
    pub about: String,
    /// What it allows; see `accounts.permissions`.
    #[schemars(length(max = limits::PERMISSIONS_MAX), inner(length(min = 1, max = limits::PERMISSION_LENGTH_MAX)))]
    pub permissions: Vec<String>,
    /// Why, for the audit log.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// Changes a role. What the users who have it may do changes at once.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateRole {
    /// Which.
    #[schemars(length(min = 1, max = limits::ROLE_NAME_LENGTH_MAX))]
    pub name: String,
    /// What it is for; absent: as before.
    #[serde(default)]
    #[schemars(length(max = limits::ROLE_ABOUT_LENGTH_MAX))]
    pub about: Option<String>,
    /// What it allows; absent: as before.
    #[serde(default)]
    #[schemars(length(max = limits::PERMISSIONS_MAX), inner(length(min = 1, max = limits::PERMISSION_LENGTH_MAX)))]
    pub permissions: Option<Vec<String>>,
    /// Only if this is still the newest version.
    #[serde(default)]
    pub if_version: Option<i64>,
    /// Why, for the audit log.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// Deletes a role that nobody has.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteRole {
    /// Which.
    #[schemars(length(min = 1, max = limits::ROLE_NAME_LENGTH_MAX))]
    pub name: String,
    /// Why, for the audit log.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// Gives a user a role, for good or until a time. Who has it already has it until the new time.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantRole {
    /// Who.
    pub user_id: UserId,
    /// Which.
    #[schemars(length(min = 1, max = limits::ROLE_NAME_LENGTH_MAX))]
    pub role: String,
    /// Until when, to the microsecond; absent: for good.
    #[serde(default)]
    pub ends_at: Option<Timestamp>,
    /// Why, for the audit log.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// Takes a role from a user.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeRole {
    /// From whom.
    pub user_id: UserId,
    /// Which.
    #[schemars(length(min = 1, max = limits::ROLE_NAME_LENGTH_MAX))]
    pub role: String,
    /// Why, for the audit log.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// Lists who has roles.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListGrants {
    /// Only those of this user.
    #[serde(default)]
    pub user_id: Option<UserId>,
    /// Only those of this role.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::ROLE_NAME_LENGTH_MAX))]
    pub role: Option<String>,
    /// Where to read on.
    #[serde(default)]
    pub cursor: Option<crate::Cursor>,
    /// How many at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<u32>,
}

/// A user has a role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Grant {
    /// The grant.
    pub id: GrantId,
    /// Who.
    pub user_id: UserId,
    /// Which.
    pub role: String,
    /// Who gave it; absent: the server itself.
    pub granted_by: Option<UserId>,
    /// Why.
    pub reason: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when; absent: for good.
    pub ends_at: Option<Timestamp>,
}
