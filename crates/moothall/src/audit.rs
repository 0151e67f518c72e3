//! The audit log: who did what to whom, before, after, and why. Append-only.
//!
//! Start at [`record`], which other contexts call inside the transaction of what they record: an action and its line are
//! committed together or not at all. That nobody changes it afterwards unnoticed is the matter of `audit/chain.rs`.

mod chain;
mod store;

use moothall_protocol::audit::{AuditLine, ListAudit};
use moothall_protocol::limits::PAGE_ITEMS_DEFAULT;
use moothall_protocol::{AuditId, Cursor, Page, UserId};
use serde::Serialize;

use crate::cx::{Asked, Cx, Tx};
use crate::error::Error;
use crate::operation::{Access, Operations, Rate};
use crate::{Permission, Topic};

pub(crate) use chain::{Live, start};
pub use chain::{Verified, head, verify};
pub(crate) use store::{STATEMENTS, export};

/// Reads the audit log.
pub const READ: Permission = Permission("audit.read");

/// The operations of this context.
pub fn operations() -> Operations {
    Operations::context("audit", "Who did what, before, after, and why")
        .get("/audit", "audit.list", Access::Permission(READ), list)
        .rate(Rate::Admin)
        .get("/audit/head", "audit.head", Access::Permission(READ), head)
        .rate(Rate::Admin)
}

/// What is to be recorded. Who did it and when comes from the call itself, unless [`Entry::by`] says who.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    action: &'static str,
    by: Option<Asked>,
    target: String,
    reason: Option<String>,
    before: Option<serde_json::Value>,
    after: Option<serde_json::Value>,
}

impl Entry {
    /// An action, named as its operation.
    pub fn new(action: &'static str) -> Self {
        Self { action, ..Self::default() }
    }

    /// Done as it was asked before an entity carried it out.
    #[must_use]
    pub fn by(mut self, asked: &Asked) -> Self {
        self.by = Some(asked.clone());
        self
    }

    /// Done to this user.
    #[must_use]
    pub fn user(self, user: UserId) -> Self {
        self.target(Topic::User(user).to_string())
    }

    /// Done to this, such as `room:018f…`.
    #[must_use]
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.target = target.into();
        self
    }

    /// Why.
    #[must_use]
    pub fn reason(mut self, reason: &str) -> Self {
        self.reason = Some(reason.to_owned());
        self
    }

    /// Why, asked of whoever acts on somebody else.
    pub fn said_why(self, reason: Option<&str>) -> Result<Self, Error> {
        let needed = || Error::field("/reason", "required", "say why: this is about somebody else");
        Ok(self.reason(reason.filter(|reason| !reason.trim().is_empty()).ok_or_else(needed)?))
    }

    /// What is so from now on. Never a secret: whoever reads the log reads this.
    #[must_use]
    pub fn after(mut self, after: &impl Serialize) -> Self {
        self.after = serde_json::to_value(after).ok();
        self
    }

    /// What it was before and is after. Never a secret: whoever reads the log reads this.
    #[must_use]
    pub fn change(mut self, before: &impl Serialize, after: &impl Serialize) -> Self {
        self.before = serde_json::to_value(before).ok();
        self.after = serde_json::to_value(after).ok();
        self
    }
}

/// Records an action in the transaction that carries it out.
pub fn record(tx: &mut Tx<'_, '_>, entry: Entry) -> Result<(), Error> {
    store::insert(tx, &entry)?;
    chain::note(tx);
    Ok(())
}

/// What nobody reads of themselves, whatever they may read: what others noted of them, and what they are not to notice.
const OF_USERS: [&str; 2] = ["moderation.", "restrictions."];

/// Lists the log, newest first. A page may have fewer lines than were asked for: those of moderation about the caller are left out.
pub async fn list(cx: &Cx, input: ListAudit) -> Result<Page<AuditLine>, Error> {
    cx.require(READ)?;
    let is_narrow =
        input.actor_id.is_some() || input.target.is_some() || input.action.is_some() || input.since.is_some();
    if input.text.is_some() && !is_narrow {
        let message = "say also by whom, to what, which action or since when: the log is long";
        return Err(Error::field("/text", "too_wide", message));
    }
    let limit = input.limit.map_or(PAGE_ITEMS_DEFAULT, |limit| limit as usize);
    let before = match &input.cursor {
        Some(cursor) => cursor.key().ok_or_else(Error::wrong_cursor)?,
        None => store::NEWEST,
    };
    let rows = cx.read(move |tx| store::list(tx, &input, before, limit + 1)).await?;
    let mut page = Page::cut(rows, limit, |last: &AuditLine| Cursor::of(&(last.at.as_micros(), last.id)));
    let callers = cx.identity().map(|me| [Some(me.user_id), me.owner_id]).into_iter().flatten().flatten();
    let callers: Vec<String> = callers.map(|user| Topic::User(user).to_string()).collect();
    page.items.retain(|line| {
        !callers.contains(&line.target) || !OF_USERS.iter().any(|of| line.action.starts_with(of))
    });
    Ok(page)
}

/// What was done to this target, newest first.
pub(crate) fn of_target(
    tx: &mut Tx<'_, '_>,
    target: &str,
    before: Option<(i64, AuditId)>,
    limit: usize,
) -> Result<Vec<AuditLine>, Error> {
    let only = ListAudit { target: Some(target.to_owned()), ..ListAudit::default() };
    store::list(tx, &only, before.unwrap_or(store::NEWEST), limit)
}

#[cfg(test)]
mod tests;
