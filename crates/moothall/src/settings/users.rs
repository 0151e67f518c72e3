//! Settings of users: sections that contexts and embedding programs register, stored as what a user has set and nothing else, so that
//! whoever set nothing follows the default wherever it goes.
//!
//! A context reads its section with [`of`] in a transaction, or [`read`] before one.

use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use moothall_protocol::limits::USER_SETTINGS_BYTES_MAX;
use moothall_protocol::settings::{
    self as wire, GetUserSettings, ListUserDefinitions, SettingVisibility, UpdateUserSettings,
    UserDefinitions, UserSettings,
};
use moothall_protocol::{Event, UserId};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::definition::{self, Definition};
use super::live::{Live, Typed};
use super::store::{self, Change, Entries};
use super::{EDIT_USERS, site};
use crate::cx::{Cx, Tx};
use crate::error::Error;
use crate::{Hall, OpenError, Settings, Topic, audit, json};

/// A section of users' settings: a struct whose fields are the settings, each a plain value.
pub trait UserSection: Serialize + DeserializeOwned + JsonSchema + Default + Send + Sync + 'static {
    /// Its name: small letters, digits and `_`.
    const NAME: &'static str;

    /// Called on every node after a user's section has changed, and what was known of it is forgotten: at once where it was changed, within
    /// two seconds elsewhere, and perhaps twice. It must not block.
    fn changed(_hall: &Hall, _user: UserId) {}

    /// What holds for who has set nothing, which the site may have a say in.
    fn defaults(_site: &Settings) -> Self {
        Self::default()
    }
}

/// How the server speaks to a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Locale {
    /// The language as a tag such as `en` or `pt-BR`. A client sets it to the one it runs in: what is told by language goes by this alone.
    #[schemars(length(max = 35), regex(pattern = "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$"))]
    pub language: Option<String>,
    /// The time zone by its name, such as `Europe/Berlin`.
    #[schemars(length(max = 64), regex(pattern = "^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$"))]
    pub time_zone: Option<String>,
}

impl Locale {
    /// Whether the user has set one of these languages; `pt` means `pt-BR` too. Without any, everybody.
    pub fn speaks(&self, languages: &[String]) -> bool {
        let is_of = |wanted: &String, tag: &str| {
            let (wanted, tag) = (wanted.to_lowercase(), tag.to_lowercase());
            tag == wanted || tag.strip_prefix(&wanted).is_some_and(|rest| rest.starts_with('-'))
        };
        let tag = self.language.as_deref();
        languages.is_empty() || tag.is_some_and(|tag| languages.iter().any(|wanted| is_of(wanted, tag)))
    }
}

impl UserSection for Locale {
    const NAME: &'static str = "locale";
}

/// A registered section.
pub struct UserEntry {
    pub(super) name: &'static str,
    type_id: TypeId,
    pub(super) schema: Value,
    default: fn() -> Result<Value, Error>,
    pub(super) defaults: fn(&Settings) -> Result<Value, Error>,
    pub(super) read: fn(Value) -> Result<Typed, serde_json::Error>,
    pub(super) definitions: Vec<Definition>,
    changed: fn(&Hall, UserId),
}

impl fmt::Debug for UserEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl UserEntry {
    /// The section of this type.
    pub fn of<T: UserSection>() -> Self {
        Self {
            name: T::NAME,
            type_id: TypeId::of::<T>(),
            schema: definition::schema_of::<T>(),
            default: || json::value(&T::default()),
            defaults: |site| json::value(&T::defaults(site)),
            read: |value| Ok(Arc::new(serde_json::from_value::<T>(value)?)),
            definitions: Vec::new(),
            changed: T::changed,
        }
    }

    /// Reads its definitions, once.
    pub(super) fn define(&mut self) -> Result<(), OpenError> {
        self.definitions = definition::read(self.name, &self.schema, &(self.default)()?)?;
        for definition in &mut self.definitions {
            // The user is who sees them.
            definition.wire.visibility = SettingVisibility::Public;
        }
        let is_deep = |definition: &&Definition| self.name_of(definition).contains('.');
        if let Some(deep) = self.definitions.iter().find(is_deep) {
            let message = format!("{} is a section within a section", deep.key());
            return Err(OpenError::Section { section: self.name.to_owned(), message });
        }
        Ok(())
    }

    /// The name of a setting within this section.
    fn name_of<'a>(&self, definition: &'a Definition) -> &'a str {
        definition.key().get(self.name.len() + 1..).unwrap_or_default()
    }

    fn find(&self, name: &str) -> Option<&Definition> {
        self.definitions.iter().find(|definition| self.name_of(definition) == name)
    }
}

impl Live {
    /// The place of this section, and the section.
    fn registered<T: UserSection>(&self) -> Result<(usize, &UserEntry), Error> {
        let found = self.users.iter().enumerate().find(|(_, entry)| entry.type_id == TypeId::of::<T>());
        found.ok_or_else(|| {
            Error::internal(format!("no section of users' settings is registered as {}", T::NAME))
        })
    }

    /// What holds for who has set this. What does not fit any more is left out, and is the default.
    fn effective(&self, index: usize, set: &Map<String, Value>) -> (Map<String, Value>, Option<Typed>) {
        let site = self.site();
        let (Some(entry), Some((defaults, typed))) = (self.users.get(index), site.defaults.get(index)) else {
            return (Map::new(), None);
        };
        if set.is_empty() {
            return (defaults.clone(), Some(Arc::clone(typed)));
        }
        let mut values = defaults.clone();
        for (name, value) in set {
            if entry.find(name).is_some_and(|definition| definition.check(value, "").is_ok()) {
                values.insert(name.clone(), value.clone());
            }
        }
        match (entry.read)(Value::Object(values.clone())) {
            Ok(typed) => (values, Some(typed)),
            // A rule that no schema says, and that is newer than what was set.
            Err(_) => (defaults.clone(), Some(Arc::clone(typed))),
        }
    }

    fn typed<T: UserSection>(&self, index: usize, set: &Map<String, Value>) -> Result<Arc<T>, Error> {
        let (_, typed) = self.effective(index, set);
        cast(typed.ok_or_else(|| Error::internal("a section that is gone"))?)
    }
}

fn cast<T: UserSection>(typed: Typed) -> Result<Arc<T>, Error> {
    typed.downcast().map_err(|_| Error::internal(format!("{} is of another type", T::NAME)))
}

/// What a user has set, if it is in memory.
pub fn kept<T: UserSection>(hall: &Hall, user: UserId) -> Option<Arc<T>> {
    let live = hall.live_settings();
    let (index, _) = live.registered::<T>().ok()?;
    cast(live.of_users.find((user, index))?).ok()
}

/// What a user has set: from memory, else from the database. In the transaction that changes it, it is as it was before.
pub fn of<T: UserSection>(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Arc<T>, Error> {
    let hall = tx.cx().hall().clone();
    if let Some(known) = kept(&hall, user) {
        return Ok(known);
    }
    // Not kept: what this transaction sees may be older than the newest.
    let (index, entry) = hall.live_settings().registered::<T>()?;
    let entries = store::section(tx, user, entry.name)?.unwrap_or_default();
    hall.live_settings().typed(index, &entries.values)
}

/// What several users have set, looked up together.
pub fn of_many<T: UserSection>(
    tx: &mut Tx<'_, '_>,
    users: &[UserId],
) -> Result<HashMap<UserId, Arc<T>>, Error> {
    let hall = tx.cx().hall().clone();
    let live = hall.live_settings();
    let (index, entry) = live.registered::<T>()?;
    let mut found = HashMap::with_capacity(users.len());
    let mut missing = Vec::new();
    for user in users {
        match kept::<T>(&hall, *user) {
            Some(known) => drop(found.insert(*user, known)),
            None => missing.push(*user),
        }
    }
    if missing.is_empty() {
        return Ok(found);
    }
    let set: HashMap<UserId, Map<String, Value>> =
        store::section_of_many(tx, &missing, entry.name)?.into_iter().collect();
    let nothing = Map::new();
    for user in missing {
        found.insert(user, live.typed(index, set.get(&user).unwrap_or(&nothing))?);
    }
    Ok(found)
}

/// What a user has set: from memory, else read, and kept in memory from then on.
pub async fn read<T: UserSection>(cx: &Cx, user: UserId) -> Result<Arc<T>, Error> {
    if let Some(known) = kept(cx.hall(), user) {
        return Ok(known);
    }
    let read = read_many::<T>(cx, &[user]).await?;
    read.get(&user).cloned().ok_or_else(|| Error::internal("a section that is gone"))
}

/// What several users have set: read together, as far as it is not in memory.
pub async fn read_many<T: UserSection>(cx: &Cx, users: &[UserId]) -> Result<HashMap<UserId, Arc<T>>, Error> {
    let live = cx.hall().live_settings();
    let (index, _) = live.registered::<T>()?;
    let is_missing = users.iter().any(|user| live.of_users.find((*user, index)).is_none());
    let changes = live.of_users.changes();
    let wanted = users.to_vec();
    if !is_missing {
        let known = users.iter().filter_map(|user| Some((*user, kept::<T>(cx.hall(), *user)?))).collect();
        return Ok(known);
    }
    let found = cx.read(move |tx| of_many::<T>(tx, &wanted)).await?;
    for (user, typed) in &found {
        live.of_users.keep((*user, index), Arc::clone(typed) as Typed, changes);
    }
    Ok(found)
}

/// All sections of a user, for a session that begins.
pub(crate) fn of_session(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Vec<wire::UserSection>, Error> {
    let hall = tx.cx().hall().clone();
    let mut set: HashMap<String, Entries> = store::of_user(tx, user)?.into_iter().collect();
    let live = hall.live_settings();
    let sections = live.users.iter().enumerate();
    Ok(sections
        .map(|(index, entry)| shown(live, index, set.remove(entry.name).unwrap_or_default()))
        .collect())
}

fn shown(live: &Live, index: usize, entries: Entries) -> wire::UserSection {
    let section = live.users.get(index).map(|entry| entry.name.to_owned()).unwrap_or_default();
    let (values, _) = live.effective(index, &entries.values);
    let set = entries.values.keys().filter(|name| values.contains_key(*name)).cloned().collect();
    wire::UserSection { section, values, set, version: entries.version }
}

/// What users can set for themselves.
pub async fn user_definitions(cx: &Cx, _: ListUserDefinitions) -> Result<UserDefinitions, Error> {
    let definitions = cx.hall().live_settings().users.iter().flat_map(|entry| &entry.definitions);
    Ok(UserDefinitions { items: definitions.map(|definition| definition.wire.clone()).collect() })
}

/// Refuses who is neither the user nor staff.
fn may_read(cx: &Cx, user: UserId) -> Result<(), Error> {
    cx.require_signed_in()?;
    if cx.user() == Some(user) || cx.can(EDIT_USERS) { Ok(()) } else { Err(Error::Forbidden) }
}

/// The settings of a user.
pub async fn of_user(cx: &Cx, input: GetUserSettings) -> Result<UserSettings, Error> {
    may_read(cx, input.user_id)?;
    let user = input.user_id;
    if cx.user() == Some(user) {
        return cx.read(move |tx| Ok(UserSettings { items: of_session(tx, user)? })).await;
    }
    cx.write(move |tx| {
        let entry = audit::Entry::new("settings.of_user").user(user).said_why(input.reason.as_deref())?;
        audit::record(tx, entry)?;
        Ok(UserSettings { items: of_session(tx, user)? })
    })
    .await
}

/// Changes settings of a user. All sessions of the user hear of it.
pub async fn update_user(cx: &Cx, input: UpdateUserSettings) -> Result<wire::UserSection, Error> {
    may_read(cx, input.user_id)?;
    let live = cx.hall().live_settings();
    let position = live.users.iter().position(|entry| entry.name == input.section);
    let (index, entry) =
        position.and_then(|index| Some((index, live.users.get(index)?))).ok_or_else(|| {
            let names = live.users.iter().map(|entry| entry.name);
            definition::unknown("section", definition::nearest(names, &input.section), "/section")
        })?;
    check(cx, entry, &input.values)?;
    let hall = cx.hall().clone();
    cx.mutate(move |tx| {
        let live = hall.live_settings();
        let UpdateUserSettings { user_id, section, values, if_version, reason } = &input;
        if tx.cx().user() != Some(*user_id) {
            live.require_changeable(tx, *user_id)?;
        }
        let before = store::section(tx, *user_id, section)?.unwrap_or_default();
        if if_version.is_some_and(|expected| expected != before.version) {
            return Err(Error::VersionConflict { version: before.version });
        }
        let mut after = before.values.clone();
        for (name, value) in values {
            if value.is_null() {
                after.remove(name);
            } else {
                after.insert(name.clone(), value.clone());
            }
        }
        if after == before.values {
            return Ok(shown(live, index, before));
        }
        // What an older server knew, and this one does not, must not stand in the way.
        if let Some(entry) = live.users.get(index) {
            after.retain(|name, value| entry.find(name).is_some_and(|known| known.check(value, "").is_ok()));
        }
        prove(live, index, &after)?;
        let entries = Entries { values: after, version: before.version + 1 };
        let number = store::put_section(tx, *user_id, section, &entries)?;
        if tx.cx().user() != Some(*user_id) {
            let entry =
                audit::Entry::new("settings.update_user").user(*user_id).said_why(reason.as_deref())?;
            audit::record(tx, entry.change(&before.values, &entries.values))?;
        }
        let shown = shown(live, index, entries);
        let (user, forgetting) = (*user_id, hall.clone());
        tx.after_commit(move || {
            forgetting.live_settings().has_made(number);
            note(&forgetting, user, index);
        });
        tx.emit(Topic::User(user), Event::UserSettingsUpdated(shown.clone()));
        Ok(shown)
    })
    .await
}

/// A section of a user is another: what was known of it is forgotten, and whose it is hears of it.
fn note(hall: &Hall, user: UserId, index: usize) {
    hall.live_settings().of_users.forget((user, index));
    if let Some(entry) = hall.live_settings().users.get(index) {
        (entry.changed)(hall, user);
    }
}

/// Takes note of a change, and tells sessions of the user on this node of it, unless this node made it.
pub(super) fn heed(hall: &Hall, change: Change) {
    let live = hall.live_settings();
    if live.is_own(change.number) {
        return;
    }
    // What only a newer server knows concerns nothing here.
    let Some(index) = live.users.iter().position(|entry| entry.name == change.section) else { return };
    note(hall, change.user, index);
    let shown = shown(live, index, change.entries);
    hall.topics().publish(Topic::User(change.user), Event::UserSettingsUpdated(shown));
}

/// Refuses names that there are not, values that they may not have, and what takes more than being the user.
fn check(cx: &Cx, entry: &UserEntry, values: &Map<String, Value>) -> Result<(), Error> {
    for (name, value) in values {
        let path = format!("/values/{}", name.replace('~', "~0").replace('/', "~1"));
        let definition = entry.find(name).ok_or_else(|| {
            let names = entry.definitions.iter().map(|definition| entry.name_of(definition));
            definition::unknown("setting", definition::nearest(names, name), &path)
        })?;
        let permission = definition.wire.permission.as_deref();
        if permission.is_some_and(|permission| !cx.can_by_name(permission)) {
            return Err(Error::Forbidden);
        }
        if !value.is_null() {
            site::check(definition, value, &path)?;
        }
    }
    Ok(())
}

/// Refuses what is too much, or breaks a rule that no schema says.
pub(super) fn prove(live: &Live, index: usize, set: &Map<String, Value>) -> Result<(), Error> {
    if serde_json::to_vec(set).map_err(Error::internal)?.len() > USER_SETTINGS_BYTES_MAX {
        let message = format!("at most {USER_SETTINGS_BYTES_MAX} bytes of JSON in a section");
        return Err(Error::most("/values", "too_large", message, USER_SETTINGS_BYTES_MAX));
    }
    let site = live.site();
    let (Some(entry), Some((defaults, _))) = (live.users.get(index), site.defaults.get(index)) else {
        return Ok(());
    };
    let mut values = defaults.clone();
    values.extend(set.clone());
    let read = (entry.read)(Value::Object(values));
    read.map(drop).map_err(|error| Error::field("/values", "invalid", error.to_string()))
}
