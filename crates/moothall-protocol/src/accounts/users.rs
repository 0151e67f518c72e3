//! Users: who they are, to themselves, to others and to staff.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::audit::REASON;
use crate::{Cursor, Timestamp, UserId, limits};

/// A user as others see them. Staff see their record too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct User {
    /// The user.
    pub id: UserId,
    /// The name, as its owner writes it.
    pub name: String,
    /// Signed up without e-mail and password; lost with the device.
    pub is_guest: bool,
    /// A program, not a person.
    pub is_bot: bool,
    /// Of a bot: who answers for it.
    pub owner_id: Option<UserId>,
    /// The account was erased. Only this is left, so that matches and conversations stay whole.
    pub is_erased: bool,
    /// When the account was made.
    pub created_at: Timestamp,
    /// Counts the changes of the account.
    pub version: i64,
    /// What only staff see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Box<UserRecord>>,
}

/// What staff know of a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UserRecord {
    /// The e-mail address.
    pub email: Option<String>,
    /// When the address was shown to be the user's.
    pub email_verified_at: Option<Timestamp>,
    /// When staff approved the account, where the site asks for that.
    pub approved_at: Option<Timestamp>,
    /// Whether a password is set.
    pub has_password: bool,
    /// The roles the user has now.
    pub roles: Vec<String>,
    /// How well behaved, from 0 to 1,000,000: high is good, as in all three.
    pub behaviour_score: i64,
    /// How accurate when reporting others.
    pub trust_score: i64,
    /// How liked by other players.
    pub social_score: i64,
    /// The account this one is an alternate of.
    pub alternate_of: Option<UserId>,
    /// The last change.
    pub updated_at: Timestamp,
    /// The last change of name.
    pub renamed_at: Option<Timestamp>,
    /// When the user last came, having been away.
    pub last_login_at: Option<Timestamp>,
    /// When the user last went.
    pub last_logout_at: Option<Timestamp>,
    /// When the user last played.
    pub last_played_at: Option<Timestamp>,
    /// The user asked for deletion: the account is erased after this.
    pub delete_after: Option<Timestamp>,
    /// When the account was erased.
    pub erased_at: Option<Timestamp>,
}

/// A user's own account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Me {
    /// The user.
    pub id: UserId,
    /// The name.
    pub name: String,
    /// Signed up without e-mail and password: lost with the device, unless upgraded.
    pub is_guest: bool,
    /// A program, not a person.
    pub is_bot: bool,
    /// The e-mail address.
    pub email: Option<String>,
    /// Whether the address was shown to be the user's.
    pub is_email_verified: bool,
    /// The address that waits to be confirmed, and then takes the place of `email`.
    pub email_pending: Option<String>,
    /// The roles the user has now, sorted.
    pub roles: Vec<String>,
    /// What those allow, sorted: `*` is everything. A key may do less.
    pub permissions: Vec<String>,
    /// When the account was made.
    pub created_at: Timestamp,
    /// From when on the user may take another name.
    pub rename_after: Option<Timestamp>,
    /// The account is erased after this, unless the user calls it off.
    pub delete_after: Option<Timestamp>,
    /// Counts the changes of the account.
    pub version: i64,
}

/// Asks for the caller's own account.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetMe {}

/// Asks for a user.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetUser {
    /// The user.
    pub user_id: UserId,
}

/// Searches users. Whoever is signed in may search by `name_prefix`, of two characters at least; the other filters and
/// orders need the permission `users.search`. Filters add up. A filter that is absent filters nothing, and an empty one is
/// refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListUsers {
    /// How the name begins, in any case.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::NAME_LENGTH_MAX))]
    pub name_prefix: Option<String>,
    /// This user.
    #[serde(default)]
    pub id: Option<UserId>,
    /// The name, in any case.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::NAME_LENGTH_MAX))]
    pub name: Option<String>,
    /// A part of the name, in any case.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::NAME_LENGTH_MAX))]
    pub name_like: Option<String>,
    /// The e-mail address, in any case.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::EMAIL_LENGTH_MAX))]
    pub email: Option<String>,
    /// The name or the e-mail address, in any case.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::EMAIL_LENGTH_MAX))]
    pub name_or_email: Option<String>,
    /// Made at this time or later.
    #[serde(default)]
    pub created_after: Option<Timestamp>,
    /// Made before this time.
    #[serde(default)]
    pub created_before: Option<Timestamp>,
    /// Last came at this time or later.
    #[serde(default)]
    pub last_login_after: Option<Timestamp>,
    /// Last came before this time.
    #[serde(default)]
    pub last_login_before: Option<Timestamp>,
    /// Last played at this time or later.
    #[serde(default)]
    pub last_played_after: Option<Timestamp>,
    /// Last played before this time.
    #[serde(default)]
    pub last_played_before: Option<Timestamp>,
    /// Has this role now.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::ROLE_NAME_LENGTH_MAX))]
    pub has_role: Option<String>,
    /// Does not have this role now.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::ROLE_NAME_LENGTH_MAX))]
    pub lacks_role: Option<String>,
    /// Has this permission now.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::PERMISSION_LENGTH_MAX))]
    pub has_permission: Option<String>,
    /// Does not have this permission now.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::PERMISSION_LENGTH_MAX))]
    pub lacks_permission: Option<String>,
    /// Is a guest, or is not.
    #[serde(default)]
    pub is_guest: Option<bool>,
    /// Is a bot, or is not.
    #[serde(default)]
    pub is_bot: Option<bool>,
    /// Is an alternate of some account, or is not.
    #[serde(default)]
    pub is_alternate: Option<bool>,
    /// Is an alternate of this account.
    #[serde(default)]
    pub alternate_of: Option<UserId>,
    /// Was erased, or (without this) was not.
    #[serde(default)]
    pub is_erased: Option<bool>,
    /// A behaviour score of this or more.
    #[serde(default)]
    #[schemars(range(min = 0, max = limits::SCORE_MAX))]
    pub behaviour_score_min: Option<i64>,
    /// A behaviour score of this or less.
    #[serde(default)]
    #[schemars(range(min = 0, max = limits::SCORE_MAX))]
    pub behaviour_score_max: Option<i64>,
    /// A trust score of this or more.
    #[serde(default)]
    #[schemars(range(min = 0, max = limits::SCORE_MAX))]
    pub trust_score_min: Option<i64>,
    /// A trust score of this or less.
    #[serde(default)]
    #[schemars(range(min = 0, max = limits::SCORE_MAX))]
    pub trust_score_max: Option<i64>,
    /// A social score of this or more.
    #[serde(default)]
    #[schemars(range(min = 0, max = limits::SCORE_MAX))]
    pub social_score_min: Option<i64>,
    /// A social score of this or less.
    #[serde(default)]
    #[schemars(range(min = 0, max = limits::SCORE_MAX))]
    pub social_score_max: Option<i64>,
    /// The order; by name, if it is not said.
    #[serde(default)]
    pub order: Option<UserOrder>,
    /// How many at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<u32>,
    /// Where to read on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
}

/// An order of users. By a time, only those are listed who have it: who never played has no place among those who did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserOrder {
    /// By name, A to Z.
    #[default]
    Name,
    /// By name, Z to A.
    NameDescending,
    /// The newest account first.
    Newest,
    /// The oldest account first.
    Oldest,
    /// Who came last first.
    LastLogin,
    /// Who came longest ago first.
    LastLoginAscending,
    /// Who played last first.
    LastPlayed,
    /// Who played longest ago first.
    LastPlayedAscending,
    /// Who went last first.
    LastLogout,
    /// Who went longest ago first.
    LastLogoutAscending,
}

/// Takes another name, if the last change is long enough ago. The old name stays reserved for the user for a while.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rename {
    /// The name from now on.
    #[schemars(length(min = 1, max = limits::NAME_LENGTH_MAX))]
    pub name: String,
    /// The current password, if there is one.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::PASSWORD_LENGTH_MAX))]
    pub password: Option<String>,
}

/// Changes a user in the name of staff. What is absent stays.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateUser {
    /// The user.
    pub user_id: UserId,
    /// Only if this is still the newest version.
    #[serde(default)]
    pub if_version: Option<i64>,
    /// Why, for the audit log.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
    /// Another name. The waiting time between changes does not count for staff.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::NAME_LENGTH_MAX))]
    pub name: Option<String>,
    /// Another e-mail address, taken as verified. The old one is told.
    #[serde(default)]
    #[schemars(length(min = 3, max = limits::EMAIL_LENGTH_MAX))]
    pub email: Option<String>,
    /// Takes the e-mail address as verified, or as not verified.
    #[serde(default)]
    pub is_email_verified: Option<bool>,
    /// Approves the account, or takes the approval back.
    #[serde(default)]
    pub is_approved: Option<bool>,
    /// How well behaved.
    #[serde(default)]
    #[schemars(range(min = 0, max = limits::SCORE_MAX))]
    pub behaviour_score: Option<i64>,
    /// How accurate when reporting others.
    #[serde(default)]
    #[schemars(range(min = 0, max = limits::SCORE_MAX))]
    pub trust_score: Option<i64>,
    /// How liked by other players.
    #[serde(default)]
    #[schemars(range(min = 0, max = limits::SCORE_MAX))]
    pub social_score: Option<i64>,
    /// The account this one is an alternate of.
    #[serde(default)]
    pub alternate_of: Option<UserId>,
    /// This account is no alternate, after all.
    #[serde(default)]
    pub is_alternate: Option<bool>,
}

/// Lists the names a user had.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListNames {
    /// The user.
    pub user_id: UserId,
    /// How many at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<u32>,
    /// Where to read on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
}

/// A name a user had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FormerName {
    /// The name.
    pub name: String,
    /// Until when it was the user's.
    pub until: Timestamp,
    /// Who changed it; nobody, if the server did.
    pub changed_by: Option<UserId>,
}

/// Asks for the caller's account to be erased, after a time in which that can be called off.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteMe {
    /// The current password. A guest signs in afresh instead.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::PASSWORD_LENGTH_MAX))]
    pub password: Option<String>,
}

/// Has a user's account erased in the name of staff, after the same time in which the user can call it off.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteUser {
    /// The user.
    pub user_id: UserId,
    /// Why, for the audit log.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// Calls off the erasure of the caller's account.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelDeletion {}

/// Calls off the erasure of a user's account in the name of staff, whoever asked for it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelUserDeletion {
    /// The user.
    pub user_id: UserId,
    /// Why, for the audit log.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

crate::hide! {
    Rename { name; password }
    DeleteMe {; password }
}
