//! Settings of the site as a file: TOML, as the configuration is written.

use std::collections::HashSet;

use moothall_protocol::FieldError;
use moothall_protocol::limits::INPUT_ERRORS_MAX;
use moothall_protocol::settings::{
    ExportSettings, ImportSettings, ImportedSettings, SettingChange, SettingsFile,
};
use serde_json::{Map, Value};

use super::definition::{self, Definition};
use super::{EDIT, READ, site};
use crate::cx::Cx;
use crate::error::Error;

/// The key at the top that lists the settings that are nothing.
const NOTHING: &str = "nothing";

/// The settings of the site as a file.
pub async fn export(cx: &Cx, input: ExportSettings) -> Result<SettingsFile, Error> {
    cx.require(READ)?;
    let live = cx.hall().live_settings();
    let (mut document, mut nothing) = (Value::Object(Map::new()), Vec::new());
    for definition in &live.definitions {
        let key = definition.key();
        let set = live.stored(key).and_then(|stored| stored.value);
        let everything = input.everything.unwrap_or_default();
        let value = match set {
            None if everything => Some(live.in_force(key, None)),
            set => set,
        };
        match value {
            Some(Value::Null) => nothing.push(Value::from(key)),
            Some(value) => definition::set(&mut document, key, definition::without_nulls(&value)),
            None => {}
        }
    }
    if !nothing.is_empty() {
        definition::set(&mut document, NOTHING, nothing.into());
    }
    Ok(SettingsFile { toml: toml::to_string_pretty(&document).map_err(Error::internal)? })
}

/// Sets what a file says, all or nothing.
pub async fn import(cx: &Cx, input: ImportSettings) -> Result<ImportedSettings, Error> {
    cx.require(EDIT)?;
    let wanted = read(cx, &input.toml)?;
    let hall = cx.hall().clone();
    let is_dry_run = input.is_dry_run.unwrap_or_default();
    let change = move |tx: &mut crate::Tx<'_, '_>| {
        let live = hall.live_settings();
        let all = site::all(tx)?;
        let mut wanted = wanted.clone();
        if input.resets_others.unwrap_or_default() {
            let others = all.values().filter(|stored| stored.value.is_some());
            let others = others.filter(|stored| !wanted.iter().any(|(wanted, _)| *wanted == stored.key));
            let others: Vec<_> = others.map(|stored| (stored.key.clone(), None)).collect();
            for (key, _) in &others {
                // Of a setting that is gone nobody is asked.
                if let Ok(definition) = definition::find(&live.definitions, key, "/resets_others") {
                    site::may_change(tx.cx(), definition)?;
                }
            }
            wanted.extend(others);
        }
        let set = |key: &str| all.get(key).and_then(|stored| stored.value.as_ref());
        // What holds already is no change, and stays unset if it is. TOML knows no nothing within a value.
        wanted.retain(|(key, value)| {
            let holds = || definition::without_nulls(&live.in_force(key, set(key)));
            value.as_ref().is_none_or(|value| definition::without_nulls(value) != holds())
        });
        let rows = site::put(tx, &all, wanted, "settings.import", &input.reason)
            .map_err(|refused| refused.at("/toml"))?;
        let mut changes: Vec<SettingChange> = rows
            .into_iter()
            .map(|row| SettingChange {
                before: live.in_force(&row.key, set(&row.key)),
                is_reset: row.value.is_none(),
                after: live.in_force(&row.key, row.value.as_ref()),
                key: row.key,
            })
            .collect();
        changes.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(ImportedSettings { changes, is_dry_run })
    };
    if is_dry_run {
        return cx.try_out(change).await;
    }
    cx.mutate(change).await
}

/// What a file sets, or all that is wrong with it.
fn read(cx: &Cx, text: &str) -> Result<Vec<(String, Option<Value>)>, Error> {
    let mut document: Map<String, Value> = toml::from_str(text)
        .map_err(|error| Error::field("/toml", "invalid", format!("this is no TOML: {}", error.message())))?;
    let nothing = document.remove(NOTHING).unwrap_or_else(|| Value::Array(Vec::new()));
    let nothing: Vec<String> = serde_json::from_value(nothing).map_err(|_| {
        Error::field("/toml", "invalid", format!("`{NOTHING}` is a list of the names of settings"))
    })?;
    let mut wanted: Vec<(String, Value)> = nothing.into_iter().map(|key| (key, Value::Null)).collect();
    let definitions = &cx.hall().live_settings().definitions;
    flatten("", document, definitions, &mut wanted);
    let mut seen = HashSet::new();
    if let Some((twice, _)) = wanted.iter().find(|(key, _)| !seen.insert(key.clone())) {
        return Err(Error::field("/toml", "invalid", format!("{twice} is set twice")));
    }
    let mut wrong: Vec<FieldError> = Vec::new();
    for (key, value) in &wanted {
        let checked = definition::find(definitions, key, "/toml").and_then(|definition| {
            site::may_change(cx, definition)?;
            site::check(definition, value, "/toml")
        });
        match checked {
            Ok(()) => {}
            Err(Error::Invalid { fields }) => wrong.extend(fields.into_iter().map(|field| named(key, field))),
            Err(other) => return Err(other),
        }
    }
    wrong.truncate(INPUT_ERRORS_MAX);
    if wrong.is_empty() {
        Ok(wanted.into_iter().map(|(key, value)| (key, Some(value))).collect())
    } else {
        Err(Error::Invalid { fields: wrong })
    }
}

/// All that is wrong stands at one place of the input, and so each says what it is about.
fn named(key: &str, field: FieldError) -> FieldError {
    let is_named = field.message.starts_with(&format!("{key}: "));
    let message = if is_named { field.message } else { format!("{key}: {}", field.message) };
    FieldError { path: "/toml".to_owned(), message, ..field }
}

/// The keys of a file: a table is a section, unless there is a setting of its name.
fn flatten(
    prefix: &str,
    table: Map<String, Value>,
    definitions: &[Definition],
    found: &mut Vec<(String, Value)>,
) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        match value {
            Value::Object(inner) if !definitions.iter().any(|known| known.key() == key) => {
                flatten(&key, inner, definitions, found);
            }
            value => found.push((key, value)),
        }
    }
}
