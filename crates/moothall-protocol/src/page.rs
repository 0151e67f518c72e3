//! Lists: a page of items and the cursor of the next.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Page<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// Where the next page begins; `null` on the last one.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// Makes a page out of `limit + 1` rows: the one too many only says that there is more.
    pub fn cut(mut rows: Vec<T>, limit: usize, cursor: impl FnOnce(&T) -> Cursor) -> Self {
        let next = if rows.len() > limit {
            rows.truncate(limit);
            rows.last().map(cursor)
        } else {
            None
        };
        Self { items: rows, next }
    }
}

/// A place in a list. Opaque to clients, and stable when rows come or go around it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    /// Wraps the key of a row, such as `(name, id)`.
    pub fn of<K: Serialize>(key: &K) -> Self {
        // A key is a tuple of strings, numbers and ids, which always serializes.
        let json = serde_json::to_vec(key).unwrap_or_default();
        Self(data_encoding::BASE64URL_NOPAD.encode(&json))
    }

    /// The key again, or `None` if this is no cursor of such a list.
    ///
    /// Whoever writes a cursor of their own gets no text into a query that the input's check would not have let pass.
    pub fn key<K: serde::de::DeserializeOwned>(&self) -> Option<K> {
        let json = data_encoding::BASE64URL_NOPAD.decode(self.0.as_bytes()).ok()?;
        let key: serde_json::Value = serde_json::from_slice(&json).ok()?;
        if has_nul(&key) { None } else { serde_json::from_value(key).ok() }
    }
}

/// Whether a text contains U+0000, which no database stores in a text.
fn has_nul(value: &serde_json::Value) -> bool {
    use serde_json::Value;
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

impl JsonSchema for Cursor {
    fn schema_name() -> Cow<'static, str> {
        "Cursor".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "minLength": 1,
            "maxLength": crate::limits::CURSOR_LENGTH_MAX,
            "pattern": "^[A-Za-z0-9_-]+$",
            "description": "A place in a list: give it back to read on from there. Opaque.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_gives_its_key_again_unless_somebody_put_a_nul_into_it() {
        assert_eq!(Cursor::of(&("ana", 7)).key(), Some(("ana".to_owned(), 7)));
        assert_eq!(Cursor::of(&"ana").key::<i64>(), None);
        for forged in [Cursor::of(&"a\0"), Cursor::of(&("\0", 7)), Cursor::of(&[["a", "\0"]])] {
            assert_eq!(forged.key::<serde_json::Value>(), None);
        }
    }
}
