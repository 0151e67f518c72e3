//! The schema of the whole configuration, and the questions asked of it: which keys are there, which type and bound each has.

use moothall::Settings;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::{Log, Server};

/// One object schema over all sections, with everything inlined.
pub fn schema() -> Value {
    let generator =
        || SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true).into_generator();
    let mut whole = generator().into_root_schema_for::<Settings>().to_value();
    let section = |schema: schemars::Schema| schema.to_value();
    if let Some(properties) = whole.get_mut("properties").and_then(Value::as_object_mut) {
        let library = std::mem::take(properties);
        properties.insert("server".into(), section(generator().into_root_schema_for::<Server>()));
        properties.insert("log".into(), section(generator().into_root_schema_for::<Log>()));
        properties.extend(library);
    }
    whole
}

/// The fixed keys of an object schema, if that is what it is.
pub fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties").and_then(Value::as_object)
}

/// Whether this is a section: keys of its own, rather than a value to set as a whole.
pub fn is_section(schema: &Value) -> bool {
    properties(schema).is_some() || schema.get("additionalProperties") == Some(&json!(false))
}

/// The schema of the key at `path`.
pub fn find<'a>(schema: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(schema, |schema, key| {
        let open = || schema.get("additionalProperties").filter(|any| any.is_object());
        properties(schema).and_then(|known| known.get(key)).or_else(open)
    })
}

/// All keys with their full names.
pub fn names(schema: &Value) -> Vec<String> {
    fn walk(schema: &Value, prefix: &str, names: &mut Vec<String>) {
        for (key, inner) in properties(schema).into_iter().flatten() {
            let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            if is_section(inner) {
                walk(inner, &name, names);
            } else {
                names.push(name);
            }
        }
    }
    let mut list = Vec::new();
    walk(schema, "", &mut list);
    list
}

/// The known name that is nearest to one that is not known.
pub fn nearest(schema: &Value, name: &str) -> Option<String> {
    names(schema)
        .into_iter()
        .map(|known| (strsim::normalized_damerau_levenshtein(&known, name), known))
        .filter(|(likeness, _)| *likeness > 0.5)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, known)| known)
}

/// A text from the environment or a flag, as the type of its key.
pub fn parse(schema: &Value, text: &str) -> Value {
    let is = |name: &str| match schema.get("type") {
        Some(Value::String(kind)) => kind == name,
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == name),
        _ => false,
    };
    let is_json = is("integer") || is("number") || is("boolean") || is("object");
    // What cannot be read as its type stays a text: the check says what is wrong with it.
    let value = if is_json || is("array") && text.trim_start().starts_with('[') {
        serde_json::from_str(text).ok()
    } else if is("array") {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        Some(items.map(|item| json!(item)).collect())
    } else {
        None
    };
    value.unwrap_or_else(|| json!(text))
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

/// Hides what nobody should read over an operator's shoulder: passwords, secrets, and the password inside a URL.
pub fn mask(value: &mut Value) {
    let Value::Object(fields) = value else { return };
    for (key, value) in fields {
        let is_secret = ["password", "secret", "token"].iter().any(|word| key.ends_with(word));
        match value {
            Value::String(text) if is_secret && !text.is_empty() => *text = "***".into(),
            Value::String(text) => {
                if let Some(masked) = mask_url(text) {
                    *text = masked;
                }
            }
            other => mask(other),
        }
    }
}

/// `scheme://user:password@host` with the password hidden.
fn mask_url(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_end);
    let (credentials, host) = authority.rsplit_once('@')?;
    let (user, _) = credentials.split_once(':')?;
    Some(format!("{scheme}://{user}:***@{host}{path}"))
}
