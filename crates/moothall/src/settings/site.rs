//! Settings of the site: read, set, reset, and their history.

use std::collections::BTreeMap;

use moothall_protocol::audit::AuditLine;
use moothall_protocol::limits::{PAGE_ITEMS_DEFAULT, SETTING_BYTES_MAX};
use moothall_protocol::settings::{
    GetSetting, ListSettingChanges, ListSettings, PublicSettings, PublicValues, ResetSetting, SetSetting,
    SettingVisibility, SiteSetting, SiteSettings,
};
use moothall_protocol::{Cursor, Page};
use serde_json::Value;

use super::definition::{self, Definition};
use super::live::{AllStored, Stored};
use super::{EDIT, READ, store};
use crate::cx::{Cx, Tx};
use crate::error::Error;
use crate::{audit, json};

/// What holds now, with what it may be. From memory: staff of this node sees what this node goes by.
fn shown(cx: &Cx, definition: &Definition) -> SiteSetting {
    let live = cx.hall().live_settings();
    show(cx, definition, live.stored(definition.key()))
}

fn show(cx: &Cx, definition: &Definition, stored: Option<Stored>) -> SiteSetting {
    let live = cx.hall().live_settings();
    let set = stored.as_ref().and_then(|stored| stored.value.as_ref());
    SiteSetting {
        definition: definition.wire.clone(),
        is_set: set.is_some(),
        value: live.in_force(definition.key(), set),
        base: live.in_force(definition.key(), None),
        version: stored.as_ref().map_or(0, |stored| stored.version),
        updated_at: stored.as_ref().map(|stored| stored.updated_at),
        updated_by: stored.and_then(|stored| stored.updated_by),
    }
}

/// The settings of the site.
pub async fn list(cx: &Cx, input: ListSettings) -> Result<SiteSettings, Error> {
    cx.require(READ)?;
    let items = cx
        .hall()
        .live_settings()
        .definitions
        .iter()
        .filter(|known| input.section.as_ref().is_none_or(|section| known.wire.section == *section))
        .filter(|known| input.search.as_ref().is_none_or(|words| known.has(words)))
        .map(|definition| shown(cx, definition))
        .filter(|setting| input.is_set.is_none_or(|is_set| setting.is_set == is_set))
        .collect();
    Ok(SiteSettings { items })
}

/// One setting of the site.
pub async fn get(cx: &Cx, input: GetSetting) -> Result<SiteSetting, Error> {
    cx.require(READ)?;
    Ok(shown(cx, definition::find(&cx.hall().live_settings().definitions, &input.key, "/key")?))
}

/// What everybody may know of the site's settings.
pub async fn public(cx: &Cx, _: PublicSettings) -> Result<PublicValues, Error> {
    let live = cx.hall().live_settings();
    let site = live.site();
    let values: BTreeMap<String, Value> = live
        .definitions
        .iter()
        .filter(|definition| definition.wire.visibility == SettingVisibility::Public)
        .map(|definition| {
            (definition.key().to_owned(), definition::at(&site.document, definition.key()).clone())
        })
        .collect();
    Ok(PublicValues { version: json::fingerprint(&values)?, values })
}

/// Sets a setting of the site. It holds before this is answered.
pub async fn set(cx: &Cx, input: SetSetting) -> Result<SiteSetting, Error> {
    let live = cx.hall().live_settings();
    let definition = definition::find(&live.definitions, &input.key, "/key")?;
    let value = if input.value.is_null() && !definition.may_be_nothing() { None } else { Some(input.value) };
    change(cx, definition, value, input.if_version, input.reason, "settings.set").await
}

/// Resets a setting of the site to what the server was started with.
pub async fn reset(cx: &Cx, input: ResetSetting) -> Result<SiteSetting, Error> {
    let live = cx.hall().live_settings();
    let definition = definition::find(&live.definitions, &input.key, "/key")?;
    change(cx, definition, None, input.if_version, input.reason, "settings.reset").await
}

async fn change(
    cx: &Cx,
    definition: &Definition,
    value: Option<Value>,
    if_version: Option<i64>,
    reason: String,
    action: &'static str,
) -> Result<SiteSetting, Error> {
    may_change(cx, definition)?;
    if let Some(value) = &value {
        check(definition, value, "/value")?;
    }
    let key = definition.key().to_owned();
    let hall = cx.hall().clone();
    cx.mutate(move |tx| {
        let live = hall.live_settings();
        let definition = definition::find(&live.definitions, &key, "/key")?;
        let all = all(tx)?;
        let before = all.get(&key).cloned();
        let version = before.as_ref().map_or(0, |before| before.version);
        if if_version.is_some_and(|expected| expected != version) {
            return Err(Error::VersionConflict { version });
        }
        let rows = put(tx, &all, vec![(key.clone(), value.clone())], action, &reason)
            .map_err(|refused| refused.at("/value"))?;
        let stored = rows.into_iter().next().or(before);
        Ok(show(tx.cx(), definition, stored))
    })
    .await
}

/// Refuses who may not change this one.
pub(super) fn may_change(cx: &Cx, definition: &Definition) -> Result<(), Error> {
    cx.require(EDIT)?;
    let own = definition.wire.permission.as_deref();
    if own.is_none_or(|own| cx.can_by_name(own)) { Ok(()) } else { Err(Error::Forbidden) }
}

/// Refuses what a setting may not be.
pub(super) fn check(definition: &Definition, value: &Value, path: &str) -> Result<(), Error> {
    let bytes = serde_json::to_vec(value).map_err(Error::internal)?.len();
    if bytes > SETTING_BYTES_MAX {
        let message = format!("at most {SETTING_BYTES_MAX} bytes of JSON");
        return Err(Error::most(path, "too_large", message, SETTING_BYTES_MAX));
    }
    if json::has_zero(value) {
        return Err(Error::field(path, "invalid", "no text may have a zero character in it"));
    }
    definition.check(value, path)
}

/// All that is stored, to change it.
pub(super) fn all(tx: &mut Tx<'_, '_>) -> Result<AllStored, Error> {
    Ok(store::site(tx)?.into_iter().map(|row| (row.key.clone(), row)).collect())
}

/// Why a change was not made.
pub(super) enum Refused {
    /// These cannot hold with all others.
    Together {
        key: String,
        why: String,
    },
    Common(Error),
}

impl Refused {
    pub fn at(self, path: &str) -> Error {
        match self {
            Self::Together { key, why } => Error::field(path, "invalid", format!("{key}: {why}")),
            Self::Common(error) => error,
        }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Common(error)
    }
}

/// Changes what is stored: each key to what it is set to, or none to reset it. Returns the rows that are others now.
pub(super) fn put(
    tx: &mut Tx<'_, '_>,
    all: &AllStored,
    wanted: Vec<(String, Option<Value>)>,
    action: &'static str,
    reason: &str,
) -> Result<Vec<Stored>, Refused> {
    let hall = tx.cx().hall().clone();
    let (mut together, mut rows) = (all.clone(), Vec::new());
    for (key, value) in wanted {
        let before = all.get(&key);
        if before.and_then(|before| before.value.as_ref()) == value.as_ref() {
            continue;
        }
        let version = before.map_or(0, |before| before.version) + 1;
        let row =
            Stored { key: key.clone(), value, version, updated_at: tx.now(), updated_by: tx.cx().user() };
        together.insert(key, row.clone());
        rows.push(row);
    }
    let changed: Vec<&str> = rows.iter().map(|row| row.key.as_str()).collect();
    let proven = hall.live_settings().prove(all, &together, &changed);
    proven.map_err(|(key, why)| Refused::Together { key, why })?;
    for row in &rows {
        store::put_site(tx, row)?;
        let before = all.get(&row.key).and_then(|before| before.value.as_ref());
        // To be set to nothing is not the same as not to be set: what holds tells them apart.
        let holds = |set| hall.live_settings().in_force(&row.key, set);
        let entry = audit::Entry::new(action).target(target(&row.key)).reason(reason);
        audit::record(tx, entry.change(&holds(before), &holds(row.value.as_ref())))?;
    }
    let taken = rows.clone();
    if !taken.is_empty() {
        tx.after_commit(move || hall.live_settings().take(&hall, taken));
    }
    Ok(rows)
}

fn target(key: &str) -> String {
    format!("setting:{key}")
}

/// Who changed a setting, from what to what, and why; newest first.
pub async fn history(cx: &Cx, input: ListSettingChanges) -> Result<Page<AuditLine>, Error> {
    cx.require(READ)?;
    definition::find(&cx.hall().live_settings().definitions, &input.key, "/key")?;
    let limit = input.limit.map_or(PAGE_ITEMS_DEFAULT, |limit| limit as usize);
    let before = match &input.cursor {
        Some(cursor) => Some(cursor.key().ok_or_else(Error::wrong_cursor)?),
        None => None,
    };
    let target = target(&input.key);
    let mut rows = cx.read(move |tx| audit::of_target(tx, &target, before, limit + 1)).await?;
    if !cx.can(audit::READ) {
        // Who did it is for whoever sees the settings; from where, for whoever reads the log.
        for line in &mut rows {
            (line.address, line.agent, line.api_key_id) = (None, None, None);
        }
    }
    Ok(Page::cut(rows, limit, |last| Cursor::of(&(last.at.as_micros(), last.id))))
}
