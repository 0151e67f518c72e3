//! `config/example.toml`: every key with its comment and its default, generated from the types.

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::{Map, Value};

use super::{Config, schema};

const HEAD: &str = "\
# Every setting of Moothall with its default. Copy what you change; `moothall config` shows what is in force.
# Each key is also a variable: `store.url` is MOOTHALL_STORE__URL. Flags win over variables, variables over this file.
";

/// The text of `config/example.toml`.
pub fn example() -> Result<String> {
    let mut text = String::from(HEAD);
    section(&mut text, "", &schema::schema(), &Config::default().to_value()?)?;
    Ok(text)
}

fn section(text: &mut String, name: &str, known: &Value, defaults: &Map<String, Value>) -> Result<()> {
    let keys = schema::properties(known).into_iter().flatten();
    let (tables, plain): (Vec<_>, Vec<_>) = keys.partition(|(_, inner)| schema::is_section(inner));
    if !name.is_empty() {
        writeln!(text, "[{name}]")?;
    }
    for (key, inner) in plain {
        comment(text, inner)?;
        let default = defaults.get(key).filter(|value| !value.is_null());
        match default {
            Some(value) => writeln!(text, "#{key} = {}", inline(value)?)?,
            None => writeln!(text, "#{key} = # not set")?,
        }
    }
    let empty = Map::new();
    for (key, inner) in tables {
        let inner_name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
        writeln!(text)?;
        comment(text, inner)?;
        let inner_defaults = defaults.get(key).and_then(Value::as_object).unwrap_or(&empty);
        section(text, &inner_name, inner, inner_defaults)?;
    }
    Ok(())
}

fn comment(text: &mut String, known: &Value) -> Result<()> {
    let about = known.get("description").and_then(Value::as_str).unwrap_or_default();
    for line in about.lines() {
        writeln!(text, "# {line}")?;
    }
    let bound = |name: &str| known.get(name).filter(|value| value.is_number());
    match (bound("minimum"), bound("maximum")) {
        (Some(least), Some(most)) => writeln!(text, "# From {least} to {most}.")?,
        (Some(least), None) => writeln!(text, "# At least {least}.")?,
        (None, Some(most)) => writeln!(text, "# At most {most}.")?,
        (None, None) => {}
    }
    Ok(())
}

/// A value on one line.
fn inline(value: &Value) -> Result<String> {
    Ok(toml::Value::try_from(schema::without_nulls(value))?.to_string())
}
