//! Layers: where settings come from, laid over each other, each value remembered with its place for the message.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::{Map, Value, json};

use super::schema;

/// The prefix of the variables that set something: `MOOTHALL_STORE__URL` sets `store.url`.
const PREFIX: &str = "MOOTHALL_";
/// Variables with the prefix that are not settings.
const NOT_SETTINGS: [&str; 2] = ["MOOTHALL_CONFIG", "MOOTHALL_REQUIRE_SERVICES"];
const NOT_SETTINGS_PREFIX: &str = "MOOTHALL_TEST_";

/// Settings given on the command line.
#[derive(Args, Clone, Debug, Default)]
pub struct Flags {
    /// Listen on this address and port.
    #[arg(long, global = true)]
    pub listen: Option<String>,
    /// Keep the data in this folder, in SQLite.
    #[arg(long, global = true, conflicts_with = "database")]
    pub data: Option<PathBuf>,
    /// Keep the data here: `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`.
    #[arg(long, global = true)]
    pub database: Option<String>,
    /// Set any other key, such as `--set log.level=debug`.
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// Settings as they come together.
pub struct Layers<'a> {
    schema: &'a Value,
    value: Map<String, Value>,
    /// Which layer set the key of this JSON pointer.
    places: HashMap<String, String>,
    mistakes: Vec<String>,
    /// Variables that no setting needs, each with what to think of it.
    pub ignored: Vec<String>,
}

impl<'a> Layers<'a> {
    /// No settings yet.
    pub fn new(schema: &'a Value) -> Self {
        Self { schema, value: Map::new(), places: HashMap::new(), mistakes: Vec::new(), ignored: Vec::new() }
    }

    /// Lays a file over what is there.
    pub fn add_file(&mut self, file: &Path) -> Result<()> {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))?;
        let table: Map<String, Value> =
            toml::from_str(&text).with_context(|| format!("{} is not valid TOML", file.display()))?;
        self.add_table(&table, &mut Vec::new(), &file.display().to_string());
        Ok(())
    }

    /// Lays the variables of the environment over what is there.
    pub fn add_environment(&mut self, environment: impl Iterator<Item = (String, String)>) {
        // Sorted, so that the same mistakes are always told in the same order.
        let mut variables: Vec<_> = environment
            .filter(|(name, _)| name.starts_with(PREFIX))
            .filter(|(name, _)| {
                !NOT_SETTINGS.contains(&name.as_str()) && !name.starts_with(NOT_SETTINGS_PREFIX)
            })
            .collect();
        variables.sort();
        for (name, text) in variables {
            let Some(key) = name.strip_prefix(PREFIX) else { continue };
            let key = key.to_lowercase().replace("__", ".");
            // Every setting has a section. Without one it is somebody else's, such as those that Kubernetes makes for a
            // service of this name: no reason not to start.
            if !key.contains('.') {
                let hint =
                    schema::nearest(self.schema, &key.replace('_', ".")).map_or_else(String::new, |known| {
                        format!(
                            "; if it was meant as one, write {PREFIX}{}",
                            known.to_uppercase().replace('.', "__")
                        )
                    });
                self.ignored.push(format!("the variable {name} is no setting{hint}"));
                continue;
            }
            self.add_text(&key, &text, &format!("the variable {name}"), |known| {
                format!("{PREFIX}{}", known.to_uppercase().replace('.', "__"))
            });
        }
    }

    /// Lays the flags over what is there.
    pub fn add_flags(&mut self, flags: &Flags) {
        let data =
            flags.data.as_ref().map(|folder| format!("sqlite:{}", folder.join("moothall.db").display()));
        let named = [
            ("server.listen", "--listen", flags.listen.as_ref()),
            ("store.url", "--data", data.as_ref()),
            ("store.url", "--database", flags.database.as_ref()),
        ];
        for (key, flag, text) in named {
            if let Some(text) = text {
                self.add_text(key, text, flag, str::to_owned);
            }
        }
        for setting in &flags.set {
            match setting.split_once('=') {
                Some((key, text)) => self.add_text(key, text, "--set", str::to_owned),
                None => self.mistakes.push(format!("--set {setting}: write it as KEY=VALUE")),
            }
        }
    }

    /// The settings, and what is wrong with them.
    pub fn finish(mut self) -> (Map<String, Value>, Vec<String>) {
        let value = Value::Object(self.value);
        match jsonschema::validator_for(self.schema) {
            Ok(validator) => {
                for error in validator.iter_errors(&value) {
                    let path = error.instance_path().to_string();
                    self.mistakes.push(mistake(&self.places, &path, &error.to_string()));
                }
            }
            Err(error) => self.mistakes.push(format!("the schema of the settings is wrong: {error}")),
        }
        let Value::Object(value) = value else { return (Map::new(), self.mistakes) };
        (value, self.mistakes)
    }

    fn add_table(&mut self, table: &Map<String, Value>, path: &mut Vec<String>, place: &str) {
        for (key, value) in table {
            path.push(key.clone());
            match (schema::find(self.schema, path), value) {
                (Some(known), Value::Object(inner)) if schema::is_section(known) => {
                    self.add_table(inner, path, place);
                }
                (Some(_), value) => self.set(path, value.clone(), place),
                (None, _) => self.refuse(&path.join("."), place, str::to_owned),
            }
            path.pop();
        }
    }

    /// Sets one key from a text; `spell` writes a key as this layer writes it.
    fn add_text(&mut self, key: &str, text: &str, place: &str, spell: impl Fn(&str) -> String) {
        let path: Vec<String> = key.split('.').map(str::to_owned).collect();
        match schema::find(self.schema, &path) {
            Some(known) if !schema::is_section(known) => {
                self.set(&path, schema::parse(known, text), place);
            }
            _ => self.refuse(key, place, spell),
        }
    }

    fn refuse(&mut self, key: &str, place: &str, spell: impl Fn(&str) -> String) {
        let hint = schema::nearest(self.schema, key)
            .map_or_else(String::new, |known| format!("; did you mean {}?", spell(&known)));
        self.mistakes.push(format!("{key} ({place}): there is no such setting{hint}"));
    }

    fn set(&mut self, path: &[String], value: Value, place: &str) {
        let Some((last, sections)) = path.split_last() else { return };
        let mut table = &mut self.value;
        for section in sections {
            let inner = table.entry(section).or_insert_with(|| json!({}));
            let Value::Object(inner) = inner else { return };
            table = inner;
        }
        table.insert(last.clone(), value);
        self.places.insert(format!("/{}", path.join("/")), place.to_owned());
    }
}

/// What is wrong with the key at this JSON pointer, and where it was set.
fn mistake(places: &HashMap<String, String>, path: &str, message: &str) -> String {
    let key = path.trim_start_matches('/').replace('/', ".");
    // What is wrong may lie inside a list or a table that was set as a whole.
    let place = path
        .match_indices('/')
        .map(|(end, _)| &path[..end])
        .chain([path])
        .rev()
        .find_map(|outer| places.get(outer));
    match place {
        Some(place) => format!("{key} ({place}): {message}"),
        None => format!("{key}: {message}"),
    }
}
