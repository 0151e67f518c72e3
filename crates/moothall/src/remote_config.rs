//! Remote configuration: JSON documents and flags that clients read, by who and what they are.
//!
//! An *entry* has a value for everybody and rules for some: by channel, platform, version, share of users, or segment; the first that
//! matches counts (`choose.rs`). A flag is an entry whose values are true and false. Staff puts entries, sees what they were, and rolls
//! them back; every change is numbered and kept.
//!
//! Promises: a client that asks again is told that nothing changed unless something did for it; who is among a share stays among it; no
//! value was ever one that its schema refuses. Connected clients hear of a change, on every node.

mod choose;
mod error;
mod store;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jsonschema::Validator;
use moothall_protocol::accounts::Segment;
use moothall_protocol::limits::{
    CONFIG_ANSWER_BYTES_MAX, CONFIG_ENTRIES_MAX, CONFIG_SCHEMA_BYTES_MAX, INPUT_ERRORS_MAX,
    PAGE_ITEMS_DEFAULT,
};
use moothall_protocol::remote_config::{
    ConfigChange, ConfigChanged, ConfigEntries, ConfigEntry, ConfigRule, ConfigValues, ListConfig,
    ListConfigChanges, PutConfig, ReadConfig, RemoveConfig, RollBackConfig,
};
use moothall_protocol::{Cursor, Event, FieldError, Page, UserId};
use parking_lot::Mutex;
use serde_json::{Map, Value};

use crate::cx::{Cx, Tx};
use crate::hall::WeakHall;
use crate::operation::{Access, Operations, Rate};
use crate::settings::{self, Locale};
use crate::{Hall, Permission, Topic, accounts, audit, json};

use choose::Client;
pub use error::Error;
pub(crate) use store::STATEMENTS;

/// Sees and changes the remote configuration, with its rules.
pub const MANAGE: Permission = Permission("remote_config.manage");

/// Over which time clients read again what changed.
const SPREAD_MS: u32 = 10_000;
/// How often is looked for what other processes changed.
const INTERVAL: Duration = Duration::from_secs(1);

/// The operations of this context.
pub fn operations() -> Operations {
    Operations::context("remote_config", "JSON documents and flags for clients, by who and what they are")
        .errors(Error::CATALOGUE)
        .get("/remote_config", "remote_config.read", Access::Public, read)
        .cacheable()
        .get("/remote_config/entries", "remote_config.list", Access::Permission(MANAGE), list)
        .rate(Rate::Admin)
        .put("/remote_config/entries/{key}", "remote_config.put", Access::Permission(MANAGE), put)
        .rate(Rate::Admin)
        .delete("/remote_config/entries/{key}", "remote_config.remove", Access::Permission(MANAGE), remove)
        .rate(Rate::Admin)
        .get(
            "/remote_config/entries/{key}/changes",
            "remote_config.history",
            Access::Permission(MANAGE),
            history,
        )
        .rate(Rate::Admin)
        .post(
            "/remote_config/entries/{key}/rollback",
            "remote_config.roll_back",
            Access::Permission(MANAGE),
            roll_back,
        )
        .rate(Rate::Admin)
}

/// All entries, and the number of the last change.
#[derive(Debug, Default)]
struct Config {
    revision: i64,
    entries: Vec<ConfigEntry>,
}

/// What this context keeps in memory: all of it, since everybody who starts the game reads it.
#[derive(Debug, Default)]
pub(crate) struct Live {
    config: ArcSwap<Config>,
    /// Held while it is read again.
    reading: Mutex<()>,
}

/// Reads what there is. Before anybody asks.
pub(crate) async fn prepare(hall: &Hall) -> Result<(), crate::Error> {
    let read = Cx::server(hall).read(all).await?;
    hall.remote_config().config.store(Arc::new(read));
    Ok(())
}

/// Starts what runs beside the calls.
pub(crate) fn start(hall: &Hall) {
    hall.spawn(run(hall.downgrade()));
}

/// Looks once a second for what other processes on this database changed.
async fn run(hall: WeakHall) {
    let Some(clock) = hall.upgrade().map(|hall| hall.shared_clock()) else { return };
    loop {
        clock.sleep_until(clock.elapsed() + INTERVAL).await;
        let Some(hall) = hall.upgrade() else { return };
        if let Err(error) = look(&hall).await {
            tracing::warn!("Could not look for changes of the remote configuration: {error}");
        }
    }
}

/// Takes note of what was changed, by whomever.
async fn look(hall: &Hall) -> Result<(), crate::Error> {
    let cx = Cx::server(hall);
    let known = hall.remote_config().config.load().revision;
    if cx.read(store::revision).await? > known {
        let read = cx.read(all).await?;
        take(hall, read);
    }
    Ok(())
}

fn all(tx: &mut Tx<'_, '_>) -> Result<Config, crate::Error> {
    Ok(Config { revision: store::revision(tx)?, entries: store::list(tx)? })
}

/// This holds from now on, unless something newer does. Whoever is connected hears of it.
fn take(hall: &Hall, config: Config) {
    let live = hall.remote_config();
    let revision = config.revision;
    {
        let _reading = live.reading.lock();
        if live.config.load().revision >= revision {
            return;
        }
        live.config.store(Arc::new(config));
    }
    let changed = ConfigChanged { revision, spread_ms: SPREAD_MS };
    hall.topics().publish(Topic::RemoteConfig, Event::ConfigChanged(changed));
}

/// The configuration for the client that asks.
pub async fn read(cx: &Cx, input: ReadConfig) -> Result<ConfigValues, Error> {
    let config = cx.hall().remote_config().config.load_full();
    let user = cx.user();
    let segments = match user {
        Some(user) if config.entries.iter().any(choose::asks_for_segment) => {
            segments(cx, user, &config).await?
        }
        _ => HashMap::new(),
    };
    let client = Client {
        channel: input.channel.as_deref(),
        platform: input.platform.as_deref(),
        version: input.version.as_deref(),
        install_id: input.install_id.as_deref(),
        user,
    };
    let is_among = |key: &str, rule: usize| segments.get(&(key, rule)).copied().unwrap_or_default();
    let values: BTreeMap<String, Value> = config
        .entries
        .iter()
        .map(|entry| (entry.key.clone(), choose::choose(entry, &client, is_among).clone()))
        .collect();
    Ok(ConfigValues { version: json::fingerprint(&values)?, values })
}

/// Of which rules' segments the user is one: read at once, however many there are.
async fn segments<'a>(
    cx: &Cx,
    user: UserId,
    config: &'a Config,
) -> Result<HashMap<(&'a str, usize), bool>, crate::Error> {
    let read = move |tx: &mut Tx<'_, '_>| {
        Ok::<_, crate::Error>((settings::of::<Locale>(tx, user)?, accounts::facts_of(tx, user)?))
    };
    let (locale, facts) = cx.read(read).await?;
    let is_among = |segment: &Segment| {
        locale.speaks(&segment.languages) && facts.as_ref().is_some_and(|facts| facts.are_of(segment))
    };
    let rules = |entry: &'a ConfigEntry| {
        let answer = |(place, rule): (usize, &'a _)| {
            Some(((entry.key.as_str(), place), is_among(choose::segment_of(rule)?)))
        };
        entry.rules.iter().enumerate().filter_map(answer).collect::<Vec<_>>()
    };
    Ok(config.entries.iter().flat_map(rules).collect())
}

/// All entries, with their rules.
pub async fn list(cx: &Cx, _: ListConfig) -> Result<ConfigEntries, Error> {
    cx.require(MANAGE)?;
    Ok(ConfigEntries { items: cx.read(store::list).await? })
}

/// Makes an entry, or changes it: what is not said stays.
pub async fn put(cx: &Cx, input: PutConfig) -> Result<ConfigEntry, Error> {
    cx.require(MANAGE)?;
    cx.mutate(move |tx| {
        let before = store::find(tx, &input.key)?;
        let version = before.as_ref().map_or(0, |before| before.version);
        if input.if_version.is_some_and(|expected| expected != version) {
            return Err(crate::Error::VersionConflict { version }.into());
        }
        let kept = before.as_ref();
        let about = input.about.clone().or_else(|| kept.map(|kept| kept.about.clone()));
        let schema = input.schema.clone().or_else(|| kept.and_then(|kept| kept.schema.clone()));
        check_segments(tx, input.rules.as_deref().unwrap_or_default(), kept)?;
        let rules = input.rules.clone().or_else(|| kept.map(|kept| kept.rules.clone()));
        let entry = ConfigEntry {
            key: input.key.clone(),
            about: about.unwrap_or_default(),
            // An empty one lets everything pass, as none does.
            schema: schema.filter(|schema| !schema.is_empty()),
            value: input.value.clone(),
            rules: rules.unwrap_or_default(),
            version,
            updated_at: kept.map_or(tx.now(), |kept| kept.updated_at),
            updated_by: kept.and_then(|kept| kept.updated_by),
        };
        check(&entry)?;
        if before.as_ref() == Some(&entry) {
            return Ok(entry);
        }
        change(tx, before.as_ref(), Some(entry), &input.key, "remote_config.put", &input.reason)?;
        Ok(store::find(tx, &input.key)?.ok_or(crate::Error::NotFound)?)
    })
    .await
}

/// Takes an entry away.
pub async fn remove(cx: &Cx, input: RemoveConfig) -> Result<(), Error> {
    cx.require(MANAGE)?;
    cx.mutate(move |tx| {
        let before = store::find(tx, &input.key)?.ok_or(crate::Error::NotFound)?;
        change(tx, Some(&before), None, &input.key, "remote_config.remove", &input.reason)
    })
    .await
}

/// What an entry was, newest first.
pub async fn history(cx: &Cx, input: ListConfigChanges) -> Result<Page<ConfigChange>, Error> {
    cx.require(MANAGE)?;
    let limit = input.limit.map_or(PAGE_ITEMS_DEFAULT, |limit| limit as usize);
    let before = match &input.cursor {
        Some(cursor) => cursor.key().ok_or_else(crate::Error::wrong_cursor)?,
        None => i64::MAX,
    };
    let rows = cx.read(move |tx| store::history(tx, &input.key, before, limit + 1)).await?;
    Ok(Page::cut(rows, limit, |last| Cursor::of(&last.version)))
}

/// Makes an entry again what it was as of a change, also one that was taken away.
pub async fn roll_back(cx: &Cx, input: RollBackConfig) -> Result<ConfigEntry, Error> {
    cx.require(MANAGE)?;
    cx.mutate(move |tx| {
        let then = store::change(tx, &input.key, input.version)?.and_then(|change| change.entry);
        let then = then.ok_or(crate::Error::NotFound)?;
        let before = store::find(tx, &input.key)?;
        change(tx, before.as_ref(), Some(then), &input.key, "remote_config.roll_back", &input.reason)?;
        Ok(store::find(tx, &input.key)?.ok_or(crate::Error::NotFound)?)
    })
    .await
}

/// Changes an entry: numbered, kept, audited; and it holds once this is committed.
fn change(
    tx: &mut Tx<'_, '_>,
    before: Option<&ConfigEntry>,
    after: Option<ConfigEntry>,
    key: &str,
    action: &'static str,
    reason: &str,
) -> Result<(), Error> {
    let version = store::revision(tx)? + 1;
    let (updated_at, updated_by) = (tx.now(), tx.cx().user());
    let after = after.map(|after| ConfigEntry { version, updated_at, updated_by, ..after });
    store::record(tx, version, key, after.as_ref(), reason)?;
    match &after {
        Some(entry) => store::put(tx, entry)?,
        None => store::remove(tx, key)?,
    }
    let config = Config { revision: version, entries: store::list(tx)? };
    if config.entries.len() > CONFIG_ENTRIES_MAX {
        return Err(Error::TooMany);
    }
    let largest: usize = config.entries.iter().map(choose::bytes_max).sum();
    if largest > CONFIG_ANSWER_BYTES_MAX {
        return Err(Error::TooLarge);
    }
    let entry = audit::Entry::new(action).target(format!("remote_config:{key}")).reason(reason);
    audit::record(tx, entry.change(&before, &after))?;
    let hall = tx.cx().hall().clone();
    tx.after_commit(move || take(&hall, config));
    Ok(())
}

/// What no schema of an input can say: that values keep to the schema that comes with them, or came before.
fn check(entry: &ConfigEntry) -> Result<(), crate::Error> {
    let validator = entry.schema.as_ref().map(validator).transpose()?;
    let mut fields = Vec::new();
    let values = entry.rules.iter().enumerate();
    let values = values.map(|(place, rule)| (format!("/rules/{place}/value"), &rule.value));
    for (path, value) in values.chain([("/value".to_owned(), &entry.value)]) {
        if json::depth(value) > json::NESTING || json::has_zero(value) {
            let message = format!("at most {} levels of nesting, and no zero character", json::NESTING);
            return Err(crate::Error::field(&path, "invalid", message));
        }
        fields.extend(validator.iter().flat_map(|validator| broken(validator, &path, value)));
    }
    fields.truncate(INPUT_ERRORS_MAX);
    if fields.is_empty() { Ok(()) } else { Err(crate::Error::Invalid { fields }) }
}

/// Refuses rules for roles that there are not. What is kept as it was stays, also when a role is gone.
fn check_segments(
    tx: &mut Tx<'_, '_>,
    rules: &[ConfigRule],
    kept: Option<&ConfigEntry>,
) -> Result<(), crate::Error> {
    let kept = |segment: &Segment| {
        let mut rules = kept.iter().flat_map(|kept| &kept.rules);
        rules.any(|rule| choose::segment_of(rule) == Some(segment))
    };
    for (place, rule) in rules.iter().enumerate() {
        if let Some(segment) = choose::segment_of(rule).filter(|segment| !kept(segment)) {
            accounts::check_segment(tx, segment, &format!("/rules/{place}/match/segment"))?;
        }
    }
    Ok(())
}

fn broken(validator: &Validator, path: &str, value: &Value) -> Vec<FieldError> {
    let errors = validator.iter_errors(value).take(INPUT_ERRORS_MAX);
    let told = errors.map(|error| FieldError {
        path: format!("{path}{}", error.instance_path()),
        code: "invalid".to_owned(),
        message: error.masked_with("this").to_string(),
        min: None,
        max: None,
        nearest: None,
    });
    told.collect()
}

fn validator(schema: &Map<String, Value>) -> Result<Validator, crate::Error> {
    if serde_json::to_vec(schema).map_err(crate::Error::internal)?.len() > CONFIG_SCHEMA_BYTES_MAX {
        let message = format!("at most {CONFIG_SCHEMA_BYTES_MAX} bytes of JSON");
        return Err(crate::Error::most("/schema", "too_large", message, CONFIG_SCHEMA_BYTES_MAX));
    }
    // A pattern that takes time beyond all bounds must not come in by a schema.
    jsonschema::draft202012::options()
        .with_pattern_options(jsonschema::PatternOptions::regex())
        .build(&Value::Object(schema.clone()))
        .map_err(|error| {
            crate::Error::field("/schema", "invalid", format!("this is no JSON Schema: {error}"))
        })
}
