//! Stub.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Hall, Operations};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[];

/// The operations of this context.
pub fn operations() -> Operations {
    Operations::context("communication", "TBD")
}

/// Settings.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {}

/// What this context keeps in memory.
#[derive(Debug)]
pub(crate) struct Live {}

pub(crate) fn start(_: &Hall) {}

impl Live {
    pub(crate) fn new(_: &Settings) -> Result<Self, crate::OpenError> {
        Ok(Self {})
    }
}

pub(crate) async fn sweep(_: &crate::Cx) -> Result<(), crate::Error> {
    Ok(())
}
