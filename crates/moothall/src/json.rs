//! JSON: what is stored as it, and what bounds JSON whose shape is its writer's own.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::Error;

/// What is stored of plain data.
pub(crate) fn value(data: &impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(data).map_err(Error::internal)
}

/// The word by which a plain choice is written, on the wire and in the database.
pub(crate) fn word(choice: &impl Serialize) -> Result<String, Error> {
    match value(choice)? {
        Value::String(word) => Ok(word),
        other => Err(Error::internal(format!("{other} is no word"))),
    }
}

/// The word of a choice, if one is made.
pub(crate) fn words<T: Serialize>(choice: Option<&T>) -> Result<Option<String>, Error> {
    choice.map(word).transpose()
}

/// The choice that is written by this word.
pub(crate) fn choice<T: DeserializeOwned>(word: String) -> Result<T, Error> {
    serde_json::from_value(Value::String(word)).map_err(Error::internal)
}

/// Whether somebody could read words in it.
pub(crate) fn has_text(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(items) => items.iter().any(has_text),
        Value::Object(items) => items.values().any(has_text),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A number that is another whenever the data is: what was sent once need not be sent again under the same. Positive, and small enough for
/// every language.
pub(crate) fn fingerprint(data: &impl Serialize) -> Result<i64, Error> {
    let text = serde_json::to_vec(data).map_err(Error::internal)?;
    let digest = ring::digest::digest(&ring::digest::SHA256, &text);
    let first = digest.as_ref().first_chunk::<8>().copied().unwrap_or_default();
    Ok((u64::from_be_bytes(first) >> 11).cast_signed())
}

/// Levels within each other that JSON of somebody's own may have.
pub(crate) const NESTING: usize = 16;

/// Levels of arrays and objects within each other.
pub(crate) fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Whether a text in it has a zero character. PostgreSQL keeps every text but such a one.
pub(crate) fn has_zero(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_zero),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || has_zero(value)),
        _ => false,
    }
}

/// Refuses an object that is too deep or too large, or has a text that no database keeps.
pub(crate) fn check(
    fields: &Map<String, Value>,
    path: &str,
    nesting_max: usize,
    bytes_max: usize,
) -> Result<(), Error> {
    if fields.values().any(|value| depth(value) > nesting_max) {
        let message = format!("at most {nesting_max} levels of nesting");
        return Err(Error::most(path, "too_large", message, nesting_max));
    }
    if serde_json::to_vec(fields).map_err(Error::internal)?.len() > bytes_max {
        let message = format!("at most {bytes_max} bytes of JSON");
        return Err(Error::most(path, "too_large", message, bytes_max));
    }
    if fields.iter().any(|(name, value)| name.contains('\0') || has_zero(value)) {
        return Err(Error::field(path, "invalid", "no text may have a zero character in it"));
    }
    Ok(())
}
