//! The settings that hold now: what is stored laid over what the server was started with, ready to be read by following a pointer.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwap, Guard};
use moothall_protocol::{Timestamp, UserId};
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::sync::watch;

use super::definition::{self, Definition};
use super::users::UserEntry;
use crate::cx::Tx;
use crate::kept::Kept;
use crate::{Error, Hall, OpenError, Settings, json};

/// Sections of users kept in memory.
const USERS_MAX: u64 = 200_000;
/// Own changes of users' settings that are remembered until they are seen.
const OWN_MAX: usize = 10_000;

/// Something of a type that only its reader knows.
pub(super) type Typed = Arc<dyn Any + Send + Sync>;

/// A section of site settings of an embedding program: a struct whose fields are the settings.
pub trait SiteSection: Serialize + DeserializeOwned + JsonSchema + Default + Send + Sync + 'static {
    /// Its name: small letters, digits and `_`.
    const NAME: &'static str;
}

/// A section that an embedding program adds, with what it was started with: see [`Builder::site_section`](crate::Builder::site_section).
pub struct SiteEntry {
    pub(super) name: &'static str,
    type_id: TypeId,
    schema: Value,
    default: Result<Value, Error>,
    base: Result<Value, Error>,
    read: fn(Value) -> Result<Typed, serde_json::Error>,
}

impl SiteEntry {
    /// The section of this type; `base` is what holds where staff sets nothing.
    pub fn of<T: SiteSection>(base: &T) -> Self {
        Self {
            name: T::NAME,
            type_id: TypeId::of::<T>(),
            schema: definition::schema_of::<T>(),
            default: json::value(&T::default()),
            base: json::value(base),
            read: |value| Ok(Arc::new(serde_json::from_value::<T>(value)?)),
        }
    }
}

/// The settings as they are now. Not to be held for long: ask again.
pub struct Current(Guard<Arc<Site>>);

impl Current {
    /// Which settings these are: another number after every change.
    pub fn revision(&self) -> u64 {
        self.0.revision
    }
}

impl Deref for Current {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.0.settings
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "settings, revision {}", self.0.revision)
    }
}

/// All that holds at one moment.
pub(super) struct Site {
    revision: u64,
    settings: Settings,
    /// The same, and the sections of the embedding program, as one document.
    pub document: Value,
    sections: HashMap<TypeId, Typed>,
    /// What each section of a user's settings is for who set nothing: in the order of [`Live::users`].
    pub defaults: Vec<(Map<String, Value>, Typed)>,
}

/// What is stored of a setting of the site.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stored {
    pub key: String,
    /// None: it was reset.
    pub value: Option<Value>,
    pub version: i64,
    pub updated_at: Timestamp,
    pub updated_by: Option<UserId>,
}

/// What was set, by key.
pub(super) type AllStored = BTreeMap<String, Stored>;

/// What this context keeps in memory.
pub(crate) struct Live {
    /// Of the site, by key.
    pub(super) definitions: Vec<Definition>,
    entries: Vec<SiteEntry>,
    pub(super) users: Vec<UserEntry>,
    base: Settings,
    restriction_types: Vec<&'static str>,
    pub(super) base_document: Value,
    /// Held while the settings are exchanged, so that the newest win.
    stored: Mutex<AllStored>,
    current: ArcSwap<Site>,
    changed: watch::Sender<u64>,
    pub(super) of_users: Kept<(UserId, usize), Typed>,
    changes: Mutex<Changes>,
    /// Says whether somebody's settings are the caller's to change.
    guard: OnceLock<Box<UserGuard>>,
}

/// What is known of the changes of users' settings.
#[derive(Default)]
struct Changes {
    /// All up to this number.
    seen: i64,
    /// Those behind it that this process made, and has told of.
    own: BTreeSet<i64>,
}

type UserGuard = dyn Fn(&mut Tx<'_, '_>, UserId) -> Result<(), Error> + Send + Sync;

/// Has `guard` say whether a user is there and the caller's to change the settings of. The first one stays.
pub(crate) fn guarded_by(
    hall: &Hall,
    guard: impl Fn(&mut Tx<'_, '_>, UserId) -> Result<(), Error> + Send + Sync + 'static,
) {
    let _ = hall.live_settings().guard.set(Box::new(guard));
}

impl Live {
    /// Puts the sections together. `permissions` are those that some operation asks for, `restriction_types` those a setting may name.
    pub fn new(
        base: Settings,
        entries: Vec<SiteEntry>,
        mut users: Vec<UserEntry>,
        permissions: &[&'static str],
        restriction_types: Vec<&'static str>,
    ) -> Result<Self, OpenError> {
        base.check(&restriction_types)?;
        let mut base_document = json::value(&base)?;
        let mut definitions =
            definition::read("", &definition::schema_of::<Settings>(), &json::value(&Settings::default())?)?;
        let own = definition::properties(&definition::schema_of::<Settings>()).cloned().unwrap_or_default();
        let mut names: Vec<&str> = own.keys().map(String::as_str).collect();
        for entry in &entries {
            check_name(entry.name, &mut names, &entry.schema)?;
            definitions.extend(definition::read(
                entry.name,
                &entry.schema,
                entry.default.as_ref().map_err(Clone::clone)?,
            )?);
            definition::set(&mut base_document, entry.name, entry.base.clone()?);
        }
        definitions.sort_by(|one, other| one.key().cmp(other.key()));
        let mut names = Vec::new();
        for entry in &mut users {
            check_name(entry.name, &mut names, &entry.schema)?;
            entry.define()?;
        }
        let all = definitions.iter().chain(users.iter().flat_map(|entry| &entry.definitions));
        for definition in all {
            if let Some(permission) = &definition.wire.permission
                && !permissions.contains(&permission.as_str())
            {
                let message = format!("no operation asks for the permission {permission}");
                return Err(OpenError::Section { section: definition.wire.key.clone(), message });
            }
        }
        let build =
            Build { entries: &entries, users: &users, base: &base, restriction_types: &restriction_types };
        let site = build
            .site(base_document.clone(), 0)
            .map_err(|message| OpenError::Section { section: "all of them together".to_owned(), message })?;
        Ok(Self {
            definitions,
            current: ArcSwap::from_pointee(site),
            entries,
            users,
            base,
            restriction_types,
            base_document,
            stored: Mutex::default(),
            changed: watch::Sender::new(0),
            of_users: Kept::new(USERS_MAX),
            changes: Mutex::default(),
            guard: OnceLock::new(),
        })
    }

    /// Refuses to change the settings of a user who is not there, or may do more than the caller.
    pub(super) fn require_changeable(&self, tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), Error> {
        self.guard.get().map_or(Ok(()), |guard| guard(tx, user))
    }

    /// What holds now.
    pub fn current(&self) -> Current {
        Current(self.current.load())
    }

    pub(super) fn site(&self) -> Guard<Arc<Site>> {
        self.current.load()
    }

    /// A section of an embedding program.
    pub fn section<T: SiteSection>(&self) -> Option<Arc<T>> {
        let section = Arc::clone(self.current.load().sections.get(&TypeId::of::<T>())?);
        section.downcast().ok()
    }

    /// Changes whenever a setting of the site does.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Up to which number the changes of users' settings are known.
    pub(super) fn seen(&self) -> i64 {
        self.changes.lock().seen
    }

    /// All up to this number are known.
    pub(super) fn has_seen(&self, number: i64) {
        let mut changes = self.changes.lock();
        changes.seen = changes.seen.max(number);
        let seen = changes.seen;
        changes.own.retain(|own| *own > seen);
    }

    /// This process made a change, and has told of it. Where nobody looks, or too rarely, the oldest are told of again, which does no harm.
    pub(super) fn has_made(&self, number: i64) {
        let mut changes = self.changes.lock();
        if number > changes.seen {
            changes.own.insert(number);
        }
        if changes.own.len() > OWN_MAX {
            changes.own.pop_first();
        }
    }

    /// Whether this process made a change.
    pub(super) fn is_own(&self, number: i64) -> bool {
        self.changes.lock().own.contains(&number)
    }

    /// What is known to be stored of a setting.
    pub(super) fn stored(&self, key: &str) -> Option<Stored> {
        self.stored.lock().get(key).cloned()
    }

    /// What a setting is while it is set to this, or to nothing of its own.
    pub(super) fn in_force(&self, key: &str, set: Option<&Value>) -> Value {
        set.unwrap_or_else(|| definition::at(&self.base_document, key)).clone()
    }

    /// Refuses a change of what is stored, of these keys, after which one of them would not hold, or another not any more: which, and why.
    pub(super) fn prove(
        &self,
        before: &AllStored,
        after: &AllStored,
        changed: &[&str],
    ) -> Result<(), (String, String)> {
        let (_, wrong) = self.assemble(after, 0);
        if wrong.is_empty() {
            return Ok(());
        }
        let (_, was_wrong) = self.assemble(before, 0);
        let is_new = |key: &str| changed.contains(&key) || !was_wrong.iter().any(|(known, _)| known == key);
        wrong.into_iter().find(|(key, _)| is_new(key)).map_or(Ok(()), Err)
    }

    /// Takes note of what is stored by now. What is older than what is known changes nothing.
    pub(super) fn take(&self, hall: &Hall, rows: Vec<Stored>) {
        let mut stored = self.stored.lock();
        let mut is_other = false;
        for row in rows {
            if stored.get(&row.key).is_none_or(|known| known.version < row.version) {
                stored.insert(row.key.clone(), row);
                is_other = true;
            }
        }
        if !is_other {
            return;
        }
        let revision = self.current.load().revision + 1;
        let (site, ignored) = self.assemble(&stored, revision);
        for (key, why) in ignored {
            tracing::warn!(
                setting = key,
                "A stored setting is ignored, set it anew or reset it: {key}: {why}"
            );
        }
        if let Some(site) = site {
            self.current.store(Arc::new(site));
            hall.heed_settings();
            // What users have set stands on what the site says.
            self.of_users.forget_all();
            self.changed.send_replace(revision);
        }
    }

    /// What a user has set is read again.
    pub(crate) fn forget_user(&self, user: UserId) {
        for index in 0..self.users.len() {
            self.of_users.forget((user, index));
        }
    }

    /// What holds with these, and what of them is left out, each with the reason.
    fn assemble(&self, stored: &AllStored, revision: u64) -> (Option<Site>, Vec<(String, String)>) {
        let build = Build {
            entries: &self.entries,
            users: &self.users,
            base: &self.base,
            restriction_types: &self.restriction_types,
        };
        let (mut ignored, mut fitting) = (Vec::new(), Vec::new());
        for row in stored.values() {
            let Some(value) = &row.value else { continue };
            let Some(definition) = self.definitions.iter().find(|known| known.key() == row.key) else {
                ignored.push((row.key.clone(), "there is no such setting".to_owned()));
                continue;
            };
            match definition.check(value, "") {
                Ok(()) => fitting.push((row.key.as_str(), value)),
                Err(error) => ignored.push((row.key.clone(), message_of(error))),
            }
        }
        let with = |document: &Value, more: &[(&str, &Value)]| {
            let mut document = document.clone();
            more.iter().for_each(|(key, value)| definition::set(&mut document, key, (*value).clone()));
            document
        };
        let whole = build.site(with(&self.base_document, &fitting), revision);
        let site = whole.or_else(|why| {
            // A rule that no schema says is broken: by one of them, mostly.
            for left_out in &fitting {
                let others: Vec<_> =
                    fitting.iter().filter(|setting| setting.0 != left_out.0).copied().collect();
                if let Ok(site) = build.site(with(&self.base_document, &others), revision) {
                    ignored.push((left_out.0.to_owned(), why));
                    return Ok(site);
                }
            }
            // By several: those that hold without them, again and again, since one may stand on another.
            let (mut document, mut left) = (self.base_document.clone(), fitting);
            loop {
                let (before, mut refused) = (left.len(), Vec::new());
                for setting in std::mem::take(&mut left) {
                    let candidate = with(&document, &[setting]);
                    match build.site(candidate.clone(), revision) {
                        Ok(_) => document = candidate,
                        Err(why) => {
                            left.push(setting);
                            refused.push((setting.0.to_owned(), why));
                        }
                    }
                }
                if left.len() == before || left.is_empty() {
                    ignored.extend(refused);
                    return build.site(document, revision);
                }
            }
        });
        (site.ok(), ignored)
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} settings, {:?}", self.definitions.len(), self.current())
    }
}

fn check_name<'a>(name: &'a str, names: &mut Vec<&'a str>, schema: &Value) -> Result<(), OpenError> {
    let wrong = |message: &str| OpenError::Section { section: name.to_owned(), message: message.to_owned() };
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(is_letter) {
        return Err(wrong("a section is named with small letters, digits and _"));
    }
    if names.contains(&name) {
        return Err(wrong("there are two sections of this name"));
    }
    if !definition::is_section(schema) {
        return Err(wrong("a section is a struct with named fields"));
    }
    names.push(name);
    Ok(())
}

fn message_of(error: Error) -> String {
    match error {
        Error::Invalid { fields } => {
            fields.into_iter().map(|field| field.message).collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}

/// What settings are put together from.
struct Build<'a> {
    entries: &'a [SiteEntry],
    users: &'a [UserEntry],
    base: &'a Settings,
    restriction_types: &'a [&'static str],
}

impl Build<'_> {
    fn site(&self, document: Value, revision: u64) -> Result<Site, String> {
        let mut of_library = document.clone();
        let mut sections = HashMap::new();
        for entry in self.entries {
            let value = of_library.as_object_mut().and_then(|all| all.remove(entry.name)).unwrap_or_default();
            let typed = (entry.read)(value).map_err(|error| error.to_string())?;
            sections.insert(entry.type_id, typed);
        }
        let settings = self.base.with(of_library, self.restriction_types).map_err(|error| match error {
            OpenError::Setting { message, .. } => message,
            other => other.to_string(),
        })?;
        let defaults = self
            .users
            .iter()
            .map(|entry| {
                let value = (entry.defaults)(&settings).map_err(|error| error.to_string())?;
                let typed = (entry.read)(value.clone()).map_err(|error| error.to_string())?;
                let Value::Object(values) = value else { return Err("a section is an object".to_owned()) };
                Ok((values, typed))
            })
            .collect::<Result<_, String>>()?;
        Ok(Site { revision, settings, document, sections, defaults })
    }
}
