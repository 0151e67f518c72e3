//! The schema of the whole configuration, and the questions asked of it: which keys are there, which type and bound each has.

use moothall::Settings;
pub use moothall::settings::{is_section, properties, without_nulls};
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

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
    let names = names(schema);
    moothall::settings::nearest(names.iter().map(String::as_str), name).map(str::to_owned)
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

/// Hides what nobody should read over an operator's shoulder: passwords, secrets, and the password inside a URL.
pub fn mask(value: &mut Value) {
    let Value::Object(fields) = value else { return };
    for (key, value) in fields {
        let is_secret = ["password", "secret", "token"].iter().any(|word| key.ends_with(word));
        match value {
            Value::String(text) if is_secret && !text.is_empty() => *text = "***".into(),
            Value::String(text) => *text = without_password(text),
            other => mask(other),
        }
    }
}

/// An address such as `scheme://user:password@host/database?password=…` with every password hidden.
pub fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let rest = match rest.rsplit_once('@') {
        Some((credentials, place)) => match credentials.split_once(':') {
            Some((user, _)) => format!("{user}:***@{place}"),
            None => rest.to_owned(),
        },
        None => rest.to_owned(),
    };
    let hide = |pair: &str| match pair.split_once('=') {
        Some((key, _)) if key.to_lowercase().contains("password") => format!("{key}=***"),
        _ => pair.to_owned(),
    };
    let query = query.map(|query| query.split('&').map(hide).collect::<Vec<_>>().join("&"));
    query.map_or_else(|| format!("{scheme}://{rest}"), |query| format!("{scheme}://{rest}?{query}"))
}
