//! What lobbies, their members and their bots are set to: JSON objects within bounds, changed by merge patches, and of lobbies also
//! held against the schema of their game mode.

use std::fmt;
use std::sync::Arc;

use jsonschema::Validator;
use moothall_protocol::FieldError;
use moothall_protocol::limits::{
    INPUT_ERRORS_MAX, LOBBY_MEMBER_BYTES_MAX, LOBBY_NESTING_MAX, LOBBY_PROPERTIES_BYTES_MAX,
};
use serde_json::{Map, Value};

use super::Error;
use crate::{json, merge};

/// The schema of a game mode, ready to be held against what a lobby is set to.
#[derive(Clone, Default)]
pub(super) struct PropertiesRule(Option<Arc<Validator>>);

impl fmt::Debug for PropertiesRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "a schema" } else { "anything" })
    }
}

impl PropertiesRule {
    /// The rule that this schema is; anything will do without one.
    pub fn new(schema: Option<&Map<String, Value>>) -> Result<Self, Error> {
        let Some(schema) = schema else { return Ok(Self::default()) };
        // A pattern that takes time beyond all bounds must not come in by a game mode.
        let validator = jsonschema::draft202012::options()
            .with_pattern_options(jsonschema::PatternOptions::regex())
            .build(&Value::Object(schema.clone()))
            .map_err(|error| {
                crate::Error::field("/properties", "invalid", format!("this is no JSON Schema: {error}"))
            })?;
        Ok(Self(Some(Arc::new(validator))))
    }

    /// Refuses what the mode does not allow, with the place of each fault within the properties.
    pub fn check(&self, properties: &Value) -> Result<(), Error> {
        let Some(validator) = &self.0 else { return Ok(()) };
        let faults: Vec<FieldError> = validator
            .iter_errors(properties)
            .take(INPUT_ERRORS_MAX)
            .map(|error| FieldError {
                path: format!("/properties{}", error.instance_path()),
                code: "not_in_mode".to_owned(),
                // What is masked is what somebody sent.
                message: error.masked_with("this").to_string(),
                min: None,
                max: None,
                nearest: None,
            })
            .collect();
        if faults.is_empty() { Ok(()) } else { Err(crate::Error::Invalid { fields: faults }.into()) }
    }
}

/// Changes what a member or a bot is set to.
pub(super) fn change(
    target: &mut Map<String, Value>,
    patch: &Map<String, Value>,
    path: &str,
) -> Result<(), Error> {
    change_within(target, patch, path, LOBBY_MEMBER_BYTES_MAX)
}

/// Changes what a lobby is set to, for one audience.
pub(super) fn change_lobby(
    target: &mut Map<String, Value>,
    patch: &Map<String, Value>,
    path: &str,
) -> Result<(), Error> {
    change_within(target, patch, path, LOBBY_PROPERTIES_BYTES_MAX)
}

fn change_within(
    target: &mut Map<String, Value>,
    patch: &Map<String, Value>,
    path: &str,
    bytes_max: usize,
) -> Result<(), Error> {
    merge::apply(target, patch);
    Ok(json::check(target, path, LOBBY_NESTING_MAX, bytes_max)?)
}
