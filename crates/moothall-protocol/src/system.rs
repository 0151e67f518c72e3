//! The server itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::limits::Limit;

/// Asks whether the server is there. Clients use it as their heartbeat, and to learn the server's time.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ping {}

/// The server is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pong {
    /// The server's time.
    pub time: Timestamp,
    /// The server's version.
    pub version: String,
}

/// Lists every bound of the server, and the rates of each class.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListLimits {}

/// The bounds of the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Limits {
    /// Every bound.
    pub limits: Vec<Limit>,
    /// The token bucket of each rate class, for one caller.
    pub rates: Vec<RateBudget>,
}

/// A token bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RateBudget {
    /// The rate class.
    pub class: String,
    /// How many requests may come at once.
    pub burst: u32,
    /// How many per minute in the long run.
    pub per_minute: u32,
}
