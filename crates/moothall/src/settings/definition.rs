//! Definitions: what there is to set, read from the JSON Schemas of the types that hold it. Nothing of it is written twice.
//!
//! A schema may say more by keywords of our own: `x-start` on what is read at the start only and so is no setting of a running site,
//! `x-public` on what everybody may know, `x-permission` on what takes a permission of its own to change.

use jsonschema::Validator;
use moothall_protocol::FieldError;
use moothall_protocol::limits::INPUT_ERRORS_MAX;
use moothall_protocol::settings::{SettingDefinition, SettingVisibility};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::{Error, OpenError, broken};

/// One setting.
#[derive(Debug)]
pub(crate) struct Definition {
    pub wire: SettingDefinition,
    validator: Validator,
}

/// The schema of a type, with everything in one place.
pub(super) fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// The fixed keys of an object schema, if that is what it is.
pub fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties").and_then(Value::as_object)
}

/// Whether this is a section: keys of its own, rather than a value to set as a whole.
pub fn is_section(schema: &Value) -> bool {
    properties(schema).is_some() || schema.get("additionalProperties") == Some(&json!(false))
}

/// The known name that is nearest to one that is not known.
pub fn nearest<'a>(names: impl IntoIterator<Item = &'a str>, name: &str) -> Option<&'a str> {
    let leaf = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    // Whoever forgot the section means the key; a whole name that is near still counts for more.
    let likeness = |known: &str| {
        let whole = strsim::normalized_damerau_levenshtein(known, name);
        whole.max(0.9 * strsim::normalized_damerau_levenshtein(&leaf(known), &leaf(name)))
    };
    names
        .into_iter()
        .map(|known| (likeness(known), known))
        .filter(|(likeness, _)| *likeness > 0.5)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, known)| known)
}

/// TOML has no null: a key that is not set is absent.
pub fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key.clone(), without_nulls(value)))
                .collect(),
        ),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

/// What is at this key of a document; null where there is nothing.
pub(super) fn at<'a>(document: &'a Value, key: &str) -> &'a Value {
    key.split('.').try_fold(document, |inner, part| inner.get(part)).unwrap_or(&Value::Null)
}

/// Sets a key of a document.
pub(super) fn set(document: &mut Value, key: &str, value: Value) {
    let mut place = document;
    for part in key.split('.') {
        if !place.is_object() {
            *place = json!({});
        }
        let Value::Object(fields) = place else { return };
        place = fields.entry(part).or_insert(Value::Null);
    }
    *place = value;
}

/// Reads the definitions below one schema. `prefix` is the key of what it is the schema of, `defaults` what that is by default.
pub(super) fn read(prefix: &str, schema: &Value, defaults: &Value) -> Result<Vec<Definition>, OpenError> {
    let mut found = Vec::new();
    walk(prefix, schema, defaults, &Inherited::default(), &mut found)?;
    Ok(found)
}

/// What a section says for all that is in it.
#[derive(Clone, Default)]
struct Inherited {
    permission: Option<String>,
    is_public: bool,
}

fn walk(
    key: &str,
    schema: &Value,
    default: &Value,
    inherited: &Inherited,
    found: &mut Vec<Definition>,
) -> Result<(), OpenError> {
    let is_said = |keyword: &str| schema.get(keyword) == Some(&json!(true));
    if is_said("x-start") {
        return Ok(());
    }
    let permission = schema.get("x-permission").and_then(Value::as_str).map(str::to_owned);
    let inherited = Inherited {
        permission: permission.or_else(|| inherited.permission.clone()),
        is_public: inherited.is_public || is_said("x-public"),
    };
    if is_section(schema) {
        for (name, inner) in properties(schema).into_iter().flatten() {
            let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
            walk(&key, inner, default.get(name).unwrap_or(&Value::Null), &inherited, found)?;
        }
        return Ok(());
    }
    found.push(Definition::new(key, schema, default, inherited)?);
    Ok(())
}

impl Definition {
    fn new(key: &str, schema: &Value, default: &Value, inherited: Inherited) -> Result<Self, OpenError> {
        let wrong = |message: String| OpenError::Section { section: key.to_owned(), message };
        let validator = jsonschema::draft202012::options()
            .with_pattern_options(jsonschema::PatternOptions::regex())
            .build(schema)
            .map_err(|error| wrong(format!("its schema is wrong: {error}")))?;
        let text = |keyword: &str| schema.get(keyword).and_then(Value::as_str).map(str::to_owned);
        let name = key.rsplit('.').next().unwrap_or(key);
        let (label, about) =
            (text("title").unwrap_or_else(|| label(name)), text("description").unwrap_or_default());
        let mut shown = schema.clone();
        if let Value::Object(shown) = &mut shown {
            // They stand beside it.
            ["title", "description", "default", "$schema", "x-public", "x-permission"]
                .iter()
                .for_each(|word| drop(shown.remove(*word)));
        }
        let wire = SettingDefinition {
            key: key.to_owned(),
            section: key.split('.').next().unwrap_or(key).to_owned(),
            label,
            about,
            schema: shown,
            default: default.clone(),
            permission: inherited.permission,
            visibility: if inherited.is_public {
                SettingVisibility::Public
            } else {
                SettingVisibility::Staff
            },
        };
        let definition = Self { wire, validator };
        if let Err(Error::Invalid { fields }) = definition.check(default, "") {
            let why = fields.into_iter().map(|field| field.message).collect::<Vec<_>>().join("; ");
            return Err(wrong(format!("its default is none of the values it may have: {why}")));
        }
        Ok(definition)
    }

    pub fn key(&self) -> &str {
        &self.wire.key
    }

    /// Whether this may be nothing.
    pub fn may_be_nothing(&self) -> bool {
        self.validator.is_valid(&Value::Null)
    }

    /// Refuses a value that it may not have, with each rule that is broken. `path` is where the value stands in the input.
    pub fn check(&self, value: &Value, path: &str) -> Result<(), Error> {
        let mut fields = Vec::new();
        for error in self.validator.iter_errors(value).take(INPUT_ERRORS_MAX) {
            broken::explain(&self.wire.schema, value, &error, &mut fields);
        }
        fields.truncate(INPUT_ERRORS_MAX);
        for field in &mut fields {
            field.path.insert_str(0, path);
            field.message = format!("{}: {}", self.key(), field.message);
        }
        if fields.is_empty() { Ok(()) } else { Err(Error::Invalid { fields }) }
    }

    /// Whether all of these words are found in it.
    pub fn has(&self, words: &str) -> bool {
        let all = format!("{} {} {}", self.wire.key, self.wire.label, self.wire.about).to_lowercase();
        words.to_lowercase().split_whitespace().all(|word| all.contains(word))
    }
}

/// The definition of this key; else who asks hears which key is nearest. `path` is where the key stands in the input.
pub(super) fn find<'a>(
    definitions: &'a [Definition],
    key: &str,
    path: &str,
) -> Result<&'a Definition, Error> {
    definitions.iter().find(|definition| definition.key() == key).ok_or_else(|| {
        let nearest = nearest(definitions.iter().map(Definition::key), key);
        unknown("setting", nearest, path)
    })
}

/// There is none of this name.
pub(super) fn unknown(what: &str, nearest: Option<&str>, path: &str) -> Error {
    let message = match nearest {
        Some(nearest) => format!("there is no such {what}; did you mean `{nearest}`?"),
        None => format!("there is no such {what}"),
    };
    let nearest = nearest.map(str::to_owned);
    Error::Invalid { fields: vec![FieldError { nearest, ..broken::field(path, "not_a_choice", message) }] }
}

/// `vote_ms` in words.
fn label(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_and_set_wherever_it_stands() {
        let mut document = json!({ "a": { "b": 1 } });
        set(&mut document, "a.b", json!(2));
        set(&mut document, "c.d.e", json!(null));
        assert_eq!(document, json!({ "a": { "b": 2 }, "c": { "d": { "e": null } } }));
        assert_eq!((at(&document, "a.b"), at(&document, "x.y")), (&json!(2), &Value::Null));
    }

    #[test]
    fn who_misspells_a_key_or_forgets_its_section_hears_which_was_meant() {
        let names = ["lobbies.vote_ms", "lobbies.chat_days", "parties.invite_ms"];
        assert_eq!(nearest(names, "lobbies.vote_m"), Some("lobbies.vote_ms"));
        assert_eq!(nearest(names, "invite_ms"), Some("parties.invite_ms"));
        assert_eq!(nearest(names, "zzzz"), None);
        assert_eq!(label("vote_ms"), "Vote ms");
    }
}
