//! Remote configuration: JSON documents and flags that clients read, by who and what they are.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::accounts::Segment;
use crate::audit::REASON;
use crate::{Cursor, Timestamp, UserId, limits};

/// What a key looks like.
const KEY: &str = "^[a-z][a-z0-9_.-]*$";
/// What a version looks like: numbers with dots, of which more than the first three count too.
const VERSION: &str = r"^[0-9]{1,9}(\.[0-9]{1,9})*$";

/// The version of a client, which may say more of its build.
const CLIENT_VERSION: &str = r"^[0-9]{1,9}(\.[0-9]{1,9})*([-+][0-9A-Za-z.+-]*)?$";

/// Reads the configuration for a client like this.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadConfig {
    /// The channel it came by, such as `stable` or `beta`.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::CONFIG_CHOICE_LENGTH_MAX))]
    pub channel: Option<String>,
    /// What it runs on, such as `windows`.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::CONFIG_CHOICE_LENGTH_MAX))]
    pub platform: Option<String>,
    /// Its version: numbers with dots, such as `1.10.2`. What follows a `-` or a `+` is not looked at: `1.11-rc2` is `1.11`.
    #[serde(default)]
    #[schemars(length(max = limits::CONFIG_CHOICE_LENGTH_MAX), regex(pattern = CLIENT_VERSION))]
    pub version: Option<String>,
    /// Names this installation for as long as nobody is signed in: a random text that the client keeps.
    #[serde(default)]
    #[schemars(length(min = 8, max = limits::CONFIG_CHOICE_LENGTH_MAX))]
    pub install_id: Option<String>,
}

/// The configuration for a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigValues {
    /// The documents and flags, by key.
    pub values: BTreeMap<String, Value>,
    /// Another whenever a value is another.
    pub version: i64,
}

/// The configuration is perhaps another: read it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigChanged {
    /// Counts the changes of all of it.
    pub revision: i64,
    /// Wait for a time by chance, up to so many milliseconds, so that not all read it at once.
    pub spread_ms: u32,
}

/// For whom another value is: all that is said must be so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConfigMatch {
    /// Clients of one of these channels.
    #[schemars(length(max = limits::CONFIG_CHOICES_MAX), inner(length(min = 1, max = limits::CONFIG_CHOICE_LENGTH_MAX)))]
    pub channels: Vec<String>,
    /// Clients on one of these platforms.
    #[schemars(length(max = limits::CONFIG_CHOICES_MAX), inner(length(min = 1, max = limits::CONFIG_CHOICE_LENGTH_MAX)))]
    pub platforms: Vec<String>,
    /// Clients of this version or later.
    #[schemars(length(max = limits::CONFIG_CHOICE_LENGTH_MAX), regex(pattern = VERSION))]
    pub version_from: Option<String>,
    /// Clients of earlier versions than this.
    #[schemars(length(max = limits::CONFIG_CHOICE_LENGTH_MAX), regex(pattern = VERSION))]
    pub version_before: Option<String>,
    /// So many hundredths of a percent of users, or of installations where nobody is signed in: 2500 is a quarter. Who is among them
    /// stays among them, also when there are more.
    #[schemars(range(max = limits::CONFIG_SHARE_MAX))]
    pub share: Option<u32>,
    /// Chooses them; the key without it. Entries with the same seed choose the same.
    #[schemars(length(min = 1, max = limits::CONFIG_KEY_LENGTH_MAX))]
    pub seed: Option<String>,
    /// These users.
    #[schemars(length(max = limits::CONFIG_CHOICES_MAX))]
    pub users: Vec<UserId>,
    /// Signed-in users of this segment.
    pub segment: Option<Segment>,
}

/// Another value for some.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigRule {
    /// For whom.
    #[serde(rename = "match")]
    pub of: ConfigMatch,
    /// What it is for them.
    pub value: Value,
}

/// A document or flag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigEntry {
    /// Its key, such as `shop.prices`.
    pub key: String,
    /// What it is for.
    pub about: String,
    /// What its values may be: a JSON Schema (2020-12). A flag has `{"type": "boolean"}`.
    pub schema: Option<Map<String, Value>>,
    /// What it is for all for whom no rule is.
    pub value: Value,
    /// Other values; the first rule that matches counts.
    pub rules: Vec<ConfigRule>,
    /// The number of its last change, among those of all of the configuration.
    pub version: i64,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// By whom; absent for the server itself.
    pub updated_by: Option<UserId>,
}

/// Lists all documents and flags, with their rules.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListConfig {}

/// All documents and flags.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigEntries {
    /// By key.
    pub items: Vec<ConfigEntry>,
}

/// Makes a document or flag, or changes it. What is absent stays as it is: `about`, `schema` and `rules`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutConfig {
    /// Its key, such as `shop.prices`.
    #[schemars(length(max = limits::CONFIG_KEY_LENGTH_MAX), regex(pattern = KEY))]
    pub key: String,
    /// What it is for.
    #[serde(default)]
    #[schemars(length(max = limits::CONFIG_ABOUT_LENGTH_MAX))]
    pub about: Option<String>,
    /// What its values may be: a JSON Schema (2020-12). A flag has `{"type": "boolean"}`. Absent, it stays; an empty one (`{}`) takes it away:
    /// values may be anything then.
    #[serde(default)]
    pub schema: Option<Map<String, Value>>,
    /// What it is for all for whom no rule is.
    pub value: Value,
    /// Other values; the first rule that matches counts. Absent, they stay; an empty list takes them away.
    #[serde(default)]
    #[schemars(length(max = limits::CONFIG_RULES_MAX))]
    pub rules: Option<Vec<ConfigRule>>,
    /// Refuse unless this is the newest version; 0 for one that is new.
    #[serde(default)]
    pub if_version: Option<i64>,
    /// Why.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// Takes a document or flag away.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveConfig {
    /// Which.
    #[schemars(length(max = limits::CONFIG_KEY_LENGTH_MAX), regex(pattern = KEY))]
    pub key: String,
    /// Why.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// Lists what a document or flag was, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListConfigChanges {
    /// Which.
    #[schemars(length(max = limits::CONFIG_KEY_LENGTH_MAX), regex(pattern = KEY))]
    pub key: String,
    /// Where to go on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<u32>,
}

/// What a document or flag was from one change on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigChange {
    /// The number of the change.
    pub version: i64,
    /// What it was from then on; absent where it was taken away.
    pub entry: Option<ConfigEntry>,
    /// When.
    pub at: Timestamp,
    /// By whom; absent for the server itself.
    pub by: Option<UserId>,
    /// Why.
    pub reason: String,
}

/// Makes a document or flag again what it was.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollBackConfig {
    /// Which.
    #[schemars(length(max = limits::CONFIG_KEY_LENGTH_MAX), regex(pattern = KEY))]
    pub key: String,
    /// As of this change.
    pub version: i64,
    /// Why.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}
