//! Who is meant, where something is for some users and not for others.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Timestamp, limits};

/// What a tag of a language looks like.
const LANGUAGE: &str = "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$";

/// Some of the users: those for whom all of it is so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Segment {
    /// Those who have one of these roles.
    #[schemars(length(max = limits::SEGMENT_CHOICES_MAX), inner(length(min = 1, max = limits::ROLE_NAME_LENGTH_MAX)))]
    pub roles: Vec<String>,
    /// Those who have set one of these languages: `pt` means `pt-BR` too.
    #[schemars(length(max = limits::SEGMENT_CHOICES_MAX), inner(length(max = 35), regex(pattern = LANGUAGE)))]
    pub languages: Vec<String>,
    /// Those who were seen since.
    pub seen_since: Option<Timestamp>,
    /// Those whose account was made at this time or later.
    pub created_from: Option<Timestamp>,
    /// Those whose account was made before this time.
    pub created_before: Option<Timestamp>,
}
