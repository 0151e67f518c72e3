//! Notifications: what users are told, and find in their inbox until they put it away.
//!
//! A *kind* of notice is a type, registered in code: its fields are the params that a client puts into its own words, and it has words of
//! the server's own for clients without any. Whoever tells a user something calls [`tell`] in the transaction of what is told. The inbox
//! (`inbox.rs`) is one for all sessions of a user: what is seen or put away in one is so in all. Staff tells many by a broadcast
//! (`broadcasts.rs`).
//!
//! Promises: what is told is in the inbox if and only if it came to pass, and reaches connected sessions at once; a newer notice takes the
//! place of an older one of its kind and collapse key; nobody is told by a kind that they muted, unless it is mandatory.

mod broadcasts;
mod inbox;
mod store;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use moothall_protocol::limits::{
    NOTICE_COLLAPSE_KEY_LENGTH_MAX, NOTICE_KIND_LENGTH_MAX, NOTICE_PARAMS_BYTES_MAX, NOTICES_KEPT_MAX,
    NOTICES_MUTED_MAX, RETENTION_DAYS_MAX,
};
use moothall_protocol::notifications::{Notice as Told, NoticeKind};
use moothall_protocol::{Event, NoticeId, Timestamp, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cx::Tx;
use crate::error::Error;
use crate::operation::{Access, Operations, Rate};
use crate::{Cx, Hall, OpenError, Permission, Topic, json, settings, sweep};

pub(crate) use broadcasts::{Announcement, Recall, Spread};
pub use broadcasts::{cancel_broadcast, create_broadcast, get_broadcast, list_broadcasts};
pub use inbox::{dismiss, kinds, list, mark_seen, unseen};
pub(crate) use inbox::{export, of_session};
pub(crate) use store::forget;

/// Tells many something, and sees how far that reached.
pub const BROADCAST: Permission = Permission("notifications.broadcast");

/// Settings of notifications.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Notices in one inbox; beyond that a tenth goes: what was put away, then the oldest.
    #[schemars(range(min = 10, max = NOTICES_KEPT_MAX))]
    pub kept_max: u32,
    /// Days after which a notice is gone that says nothing else.
    #[schemars(range(min = 1, max = RETENTION_DAYS_MAX))]
    pub kept_days: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { kept_max: NOTICES_KEPT_MAX as u32, kept_days: 90 }
    }
}

/// Of what a user wants to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Preferences {
    /// Kinds of notices that do not come, such as `notifications.announcement`.
    #[schemars(length(max = NOTICES_MUTED_MAX), inner(length(min = 1, max = NOTICE_KIND_LENGTH_MAX)))]
    pub muted: BTreeSet<String>,
}

impl settings::UserSection for Preferences {
    const NAME: &'static str = "notifications";
}

/// The operations of this context.
pub fn operations() -> Operations {
    Operations::context("notifications", "What users are told, and find in their inbox")
        .get("/notifications", "notifications.list", Access::Player, list)
        .get("/notifications/unseen", "notifications.unseen", Access::Player, unseen)
        .get("/notifications/kinds", "notifications.kinds", Access::Player, kinds)
        .post("/notifications/seen", "notifications.mark_seen", Access::Player, mark_seen)
        .rate(Rate::Social)
        .unguarded()
        .post("/notifications/dismiss", "notifications.dismiss", Access::Player, dismiss)
        .rate(Rate::Social)
        .unguarded()
        .post(
            "/broadcasts",
            "notifications.create_broadcast",
            Access::Permission(BROADCAST),
            create_broadcast,
        )
        .created("/broadcasts/{id}")
        .rate(Rate::Admin)
        .get("/broadcasts", "notifications.list_broadcasts", Access::Permission(BROADCAST), list_broadcasts)
        .rate(Rate::Admin)
        .get(
            "/broadcasts/{broadcast_id}",
            "notifications.get_broadcast",
            Access::Permission(BROADCAST),
            get_broadcast,
        )
        .rate(Rate::Admin)
        .post(
            "/broadcasts/{broadcast_id}/cancel",
            "notifications.cancel_broadcast",
            Access::Permission(BROADCAST),
            cancel_broadcast,
        )
        .rate(Rate::Admin)
}

/// A kind of notice: the fields are its params.
pub trait Kind: Serialize + JsonSchema + Send + Sync + 'static {
    /// Its name: the context's, a dot, and what happened.
    const NAME: &'static str;

    /// Whether nobody can mute it.
    const IS_MANDATORY: bool = false;

    /// What it says, for a client that has no words of its own for it.
    fn text(&self) -> String;
}

/// A registered kind: its doc comment says when it comes, its schema what its params are.
#[derive(Debug)]
pub struct KindEntry(NoticeKind);

impl KindEntry {
    /// The kind of this type.
    pub fn of<T: Kind>() -> Self {
        let mut params = schemars::schema_for!(T).to_value();
        let about = params.as_object_mut().and_then(|schema| schema.remove("description"));
        let about = about.and_then(|about| about.as_str().map(str::to_owned)).unwrap_or_default();
        Self(NoticeKind { kind: T::NAME.to_owned(), about, params, is_mandatory: T::IS_MANDATORY })
    }
}

/// What this context keeps in memory.
#[derive(Debug)]
pub(crate) struct Live {
    kinds: BTreeMap<String, NoticeKind>,
}

impl Live {
    pub fn new(entries: Vec<KindEntry>) -> Result<Self, OpenError> {
        let mut kinds = BTreeMap::new();
        for KindEntry(kind) in entries {
            let name = kind.kind.clone();
            if name.len() > NOTICE_KIND_LENGTH_MAX || kinds.insert(name.clone(), kind).is_some() {
                return Err(OpenError::Notice(name));
            }
        }
        Ok(Self { kinds })
    }

    /// Whether this kind is mandatory; none for a kind that nobody registered.
    fn is_mandatory(&self, kind: &str) -> Option<bool> {
        self.kinds.get(kind).map(|kind| kind.is_mandatory)
    }
}

/// Something to tell a user.
#[derive(Debug)]
pub struct Notice<T> {
    params: T,
    collapse_key: Option<String>,
    expires_at: Option<Timestamp>,
}

impl<T: Kind> Notice<T> {
    /// Tells this, until the site's time for notices is over.
    pub fn new(params: T) -> Self {
        Self { params, collapse_key: None, expires_at: None }
    }

    /// Takes the place of an older one of this kind and key.
    #[must_use]
    pub fn collapse(mut self, key: impl Into<String>) -> Self {
        self.collapse_key = Some(key.into());
        self
    }

    /// Is gone by itself at this time.
    #[must_use]
    pub fn expires_at(mut self, at: Timestamp) -> Self {
        self.expires_at = Some(at);
        self
    }
}

/// Tells a user something, in the transaction of what it is about. `None`: the user wants to hear nothing of this kind.
pub fn tell<T: Kind>(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    notice: &Notice<T>,
) -> Result<Option<NoticeId>, Error> {
    let hall = tx.cx().hall().clone();
    let is_mandatory = hall.notifications().is_mandatory(T::NAME);
    let is_mandatory = is_mandatory
        .ok_or_else(|| Error::internal(format!("no kind of notice is registered as {}", T::NAME)))?;
    if !is_mandatory && settings::of::<Preferences>(tx, user)?.muted.contains(T::NAME) {
        return Ok(None);
    }
    let params = json::value(&notice.params)?;
    let key_length = notice.collapse_key.as_ref().map_or(0, |key| key.chars().count());
    let bytes = serde_json::to_vec(&params).map_err(Error::internal)?.len();
    if bytes > NOTICE_PARAMS_BYTES_MAX || key_length > NOTICE_COLLAPSE_KEY_LENGTH_MAX {
        return Err(Error::internal(format!("a notice {} of {bytes} bytes", T::NAME)));
    }
    let kept = Duration::from_secs(u64::from(hall.settings().notifications.kept_days) * 24 * 3600);
    let told = Told {
        id: tx.cx().new_id(),
        kind: T::NAME.to_owned(),
        params,
        text: notice.params.text(),
        collapse_key: notice.collapse_key.clone(),
        count: 1,
        created_at: tx.now(),
        expires_at: Some(notice.expires_at.unwrap_or_else(|| tx.now() + kept)),
        is_seen: false,
    };
    let told = store::tell(tx, user, told)?;
    store::trim(tx, &[user], hall.settings().notifications.kept_max)?;
    metrics::counter!("notifications_told_total").increment(1);
    let id = told.id;
    tx.emit(Topic::User(user), Event::NoticeTold(Box::new(told)));
    Ok(Some(id))
}

/// Clears what has expired or was put away long ago.
pub(crate) async fn sweep(cx: &Cx) -> Result<(), Error> {
    sweep::all(cx, store::sweep).await?;
    broadcasts::sweep(cx).await
}

/// All SQL of this context.
pub(crate) fn statements() -> Vec<(&'static str, &'static str)> {
    [store::STATEMENTS, broadcasts::STATEMENTS].concat()
}

impl Hall {
    /// The kinds of notices there are.
    pub(crate) fn notice_kinds(&self) -> Vec<NoticeKind> {
        self.notifications().kinds.values().cloned().collect()
    }
}
