//! Settings: of the site, which staff changes, and of users, who change their own.
//!
//! A setting is named by its section and its name: `lobbies.vote_ms`. What it may be is its JSON Schema, which the server derives from
//! the same type that it reads the setting by.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::audit::REASON;
use crate::{Cursor, Timestamp, UserId, limits};

/// What a section may be called.
const SECTION: &str = "^[a-z][a-z0-9_]*$";

/// Who is shown a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SettingVisibility {
    /// Everybody, signed in or not: see `settings.public`. Of a user's settings: the user.
    Public,
    /// Staff.
    Staff,
}

/// What a setting is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SettingDefinition {
    /// Its section and its name, such as `lobbies.vote_ms`.
    pub key: String,
    /// Its section: what stands before the first dot.
    pub section: String,
    /// A few words to show beside it.
    pub label: String,
    /// What it does, with the unit.
    pub about: String,
    /// What it may be, as a JSON Schema: type, range, choices.
    pub schema: Value,
    /// What it is where nobody says anything else.
    pub default: Value,
    /// The permission that changing it takes; none, for what users set for themselves.
    pub permission: Option<String>,
    /// Who is shown it.
    pub visibility: SettingVisibility,
}

/// A setting of the site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SiteSetting {
    /// What it is.
    pub definition: SettingDefinition,
    /// What holds now, on every node.
    pub value: Value,
    /// What holds when it is reset: what the configuration of the server says, else the default.
    pub base: Value,
    /// Whether staff has set it.
    pub is_set: bool,
    /// Counts its changes.
    pub version: i64,
    /// When it was changed last.
    pub updated_at: Option<Timestamp>,
    /// By whom; absent for the server itself.
    pub updated_by: Option<UserId>,
}

/// Lists the settings of the site. Filters that are absent let everything pass.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListSettings {
    /// Only this section.
    #[serde(default)]
    #[schemars(length(max = limits::SETTING_KEY_LENGTH_MAX))]
    pub section: Option<String>,
    /// Only those that have all these words in their key, their label or what they are about.
    #[serde(default)]
    #[schemars(length(max = limits::SETTING_SEARCH_LENGTH_MAX))]
    pub search: Option<String>,
    /// Only those that staff has set, or only those it has not.
    #[serde(default)]
    pub is_set: Option<bool>,
}

/// The settings of the site, by key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SiteSettings {
    /// The settings.
    pub items: Vec<SiteSetting>,
}

/// Reads a setting of the site.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetSetting {
    /// Which, such as `lobbies.vote_ms`.
    #[schemars(length(max = limits::SETTING_KEY_LENGTH_MAX))]
    pub key: String,
}

/// Sets a setting of the site. It holds at once, on every node.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetSetting {
    /// Which, such as `lobbies.vote_ms`.
    #[schemars(length(max = limits::SETTING_KEY_LENGTH_MAX))]
    pub key: String,
    /// What it is from now on. `null` resets it, unless it is a setting that may be nothing.
    pub value: Value,
    /// Refuse unless this is the newest version.
    #[serde(default)]
    pub if_version: Option<i64>,
    /// Why.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// Resets a setting of the site to what the configuration says, else to its default.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetSetting {
    /// Which, such as `lobbies.vote_ms`.
    #[schemars(length(max = limits::SETTING_KEY_LENGTH_MAX))]
    pub key: String,
    /// Refuse unless this is the newest version.
    #[serde(default)]
    pub if_version: Option<i64>,
    /// Why.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// Lists the changes of a setting, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListSettingChanges {
    /// Which, such as `lobbies.vote_ms`.
    #[schemars(length(max = limits::SETTING_KEY_LENGTH_MAX))]
    pub key: String,
    /// Where to go on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<u32>,
}

/// Reads the settings that everybody may know.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublicSettings {}

/// The settings that everybody may know, such as whether one may play as a guest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PublicValues {
    /// What holds now, by key.
    pub values: BTreeMap<String, Value>,
    /// Another whenever a value is another.
    pub version: i64,
}

/// Writes the settings of the site as a file.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportSettings {
    /// All of them, and not only those that staff has set.
    #[serde(default)]
    pub everything: Option<bool>,
}

/// Settings as a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SettingsFile {
    /// TOML: a table for each section. What is nothing is listed by key in `nothing` at the top, since TOML has no word for it.
    pub toml: String,
}

/// Sets what a file of `settings.export` says: all of it, or, if one value is wrong, nothing.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportSettings {
    /// The file.
    #[schemars(length(max = limits::SETTINGS_FILE_LENGTH_MAX))]
    pub toml: String,
    /// Whether settings that the file does not name are reset.
    #[serde(default)]
    pub resets_others: Option<bool>,
    /// Only say what would change.
    #[serde(default)]
    pub is_dry_run: Option<bool>,
    /// Why.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// What an import changed, or would.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ImportedSettings {
    /// The changes, by key.
    pub changes: Vec<SettingChange>,
    /// Whether nothing was changed, because only that was asked for.
    pub is_dry_run: bool,
}

/// A setting that is another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SettingChange {
    /// Which.
    pub key: String,
    /// What it was.
    pub before: Value,
    /// What it is.
    pub after: Value,
    /// Whether it is reset, rather than set.
    pub is_reset: bool,
}

/// Lists what users can set for themselves.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListUserDefinitions {}

/// What users can set for themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UserDefinitions {
    /// The settings, by key.
    pub items: Vec<SettingDefinition>,
}

/// Reads the settings of a user: one's own, or as staff.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetUserSettings {
    /// Whose.
    pub user_id: UserId,
    /// Why, for those of somebody else. That look is audited.
    #[serde(default)]
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: Option<String>,
}

/// The settings of a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UserSettings {
    /// One for each section there is.
    pub items: Vec<UserSection>,
}

/// One section of a user's settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UserSection {
    /// Its name.
    pub section: String,
    /// What holds, by name: what the user has set, else the default.
    pub values: Map<String, Value>,
    /// The names of those that the user has set.
    pub set: Vec<String>,
    /// Counts the changes.
    pub version: i64,
}

/// Changes settings of a user: one's own, or as staff.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateUserSettings {
    /// Whose.
    pub user_id: UserId,
    /// Which section.
    #[schemars(length(max = limits::SETTING_KEY_LENGTH_MAX), regex(pattern = SECTION))]
    pub section: String,
    /// What is set, by name; `null` resets. What is not named stays.
    pub values: Map<String, Value>,
    /// Refuse unless this is the newest version.
    #[serde(default)]
    pub if_version: Option<i64>,
    /// Why; must be said about somebody else.
    #[serde(default)]
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: Option<String>,
}
