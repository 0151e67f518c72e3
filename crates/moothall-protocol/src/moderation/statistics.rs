//! Figures of moderation.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What moderation did in each month, the newest first. Anybody may read it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadModerationStatistics {
    /// Months, at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = 120))]
    pub months: Option<u32>,
}

/// What moderation did in a month.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModerationMonth {
    /// Which, such as `2026-11`, in UTC.
    pub month: String,
    /// Reports that came in.
    pub reports: u64,
    /// Reports that were decided, by outcome.
    pub report_outcomes: BTreeMap<String, u64>,
    /// Cases that were closed.
    pub cases: u64,
    /// Hours from the first report of a case to its end, on average.
    pub hours_to_decision: Option<f64>,
    /// Actions, by kind.
    pub actions: BTreeMap<String, u64>,
    /// Actions that were taken back.
    pub reverted: u64,
    /// Appeals that came in.
    pub appeals: u64,
    /// Appeals that were decided, by outcome.
    pub appeal_outcomes: BTreeMap<String, u64>,
    /// Hours from an appeal to its decision, on average.
    pub hours_to_appeal_decision: Option<f64>,
    /// Of the appeals that were decided, how many took the action back: from 0 to 1.
    pub overturn_rate: Option<f64>,
}

/// What moderation did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModerationStatistics {
    /// The months in which anything happened, the newest first.
    pub months: Vec<ModerationMonth>,
}
