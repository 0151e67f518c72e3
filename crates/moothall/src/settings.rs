//! Settings: what staff changes of a running site, and what users set for themselves.
//!
//! A *section* is a struct: its fields are the settings, their doc comments what is shown, its schema what they may be
//! (`definition.rs`). The sections of the site are those an operator writes into the configuration file, and those an embedding program
//! adds; what staff sets is stored and laid over them (`site.rs`, as a file `file.rs`). The sections of users (`users.rs`) are
//! registered by the contexts whose they are.
//!
//! Promises: a change holds at once on the node that makes it, for all that happens after the answer, and within a second or two on
//! every other; reading costs no more than following a pointer. A stored value that a newer program does not understand is ignored and
//! told in the log: it is never a reason not to start.

mod definition;
mod file;
mod live;
mod site;
mod store;
#[cfg(test)]
mod tests;
mod users;

use std::time::Duration;

use crate::cx::Cx;
use crate::error::Error;
use crate::hall::WeakHall;
use crate::operation::{Access, Operations, Rate};
use crate::{Hall, Permission};

pub use definition::{is_section, nearest, properties, without_nulls};
pub use file::{export, import};
pub use live::{Current, SiteEntry, SiteSection};
pub(crate) use live::{Live, guarded_by};
pub use site::{get, history, list, public, reset, set};
pub(crate) use store::{STATEMENTS, forget};
pub(crate) use users::of_session;
pub use users::{
    Locale, UserEntry, UserSection, kept, of, of_many, of_user, read, read_many, update_user,
    user_definitions,
};

/// Sees the settings of the site, and who changed them.
pub const READ: Permission = Permission("settings.read");
/// Changes the settings of the site.
pub const EDIT: Permission = Permission("settings.edit");
/// Sees and changes what users have set for themselves.
pub const EDIT_USERS: Permission = Permission("settings.edit_users");

/// How often is looked for what other processes changed.
const INTERVAL: Duration = Duration::from_secs(1);
/// More than a transaction takes, and more than the clocks of two nodes differ.
const OVERLAP: Duration = Duration::from_secs(10);
/// Changes of users' settings looked at together.
const BATCH: usize = 1_000;

/// The operations of this context.
pub fn operations() -> Operations {
    Operations::context("settings", "What staff changes of a running site, and what users set for themselves")
        .get("/settings", "settings.list", Access::Permission(READ), list)
        .rate(Rate::Admin)
        .get("/settings/public", "settings.public", Access::Public, public)
        .cacheable()
        .get("/settings/file", "settings.export", Access::Permission(READ), export)
        .rate(Rate::Admin)
        .put("/settings/file", "settings.import", Access::Permission(EDIT), import)
        .rate(Rate::Admin)
        .get("/settings/users", "settings.user_definitions", Access::Player, user_definitions)
        .get("/settings/{key}", "settings.get", Access::Permission(READ), get)
        .rate(Rate::Admin)
        .put("/settings/{key}", "settings.set", Access::Permission(EDIT), set)
        .rate(Rate::Admin)
        .delete("/settings/{key}", "settings.reset", Access::Permission(EDIT), reset)
        .rate(Rate::Admin)
        .get("/settings/{key}/changes", "settings.history", Access::Permission(READ), history)
        .rate(Rate::Admin)
        .get("/users/{user_id}/settings", "settings.of_user", Access::Player, of_user)
        .patch("/users/{user_id}/settings/{section}", "settings.update_user", Access::Player, update_user)
}

/// Reads what staff has set. Before anything goes by it.
pub(crate) async fn prepare(hall: &Hall) -> Result<(), Error> {
    let rows = Cx::server(hall).read(store::site).await?;
    hall.live_settings().take(hall, rows);
    Ok(())
}

/// Starts what runs beside the calls.
pub(crate) fn start(hall: &Hall) {
    hall.spawn(run(hall.downgrade()));
}

/// Looks once a second for what other processes on this database changed: other nodes, and the command line.
async fn run(hall: WeakHall) {
    let Some(clock) = hall.upgrade().map(|hall| hall.shared_clock()) else { return };
    let mut seen = clock.now();
    loop {
        clock.sleep_until(clock.elapsed() + INTERVAL).await;
        let Some(hall) = hall.upgrade() else { return };
        let now = clock.now();
        match look(&hall, seen - OVERLAP).await {
            Ok(()) => seen = now.max(seen),
            Err(error) => tracing::warn!("Could not look for changed settings: {error}"),
        }
    }
}

/// Takes note of what was changed since then, by whomever: the way for a bus too. Noting twice does no harm.
pub(crate) async fn look(hall: &Hall, since: moothall_protocol::Timestamp) -> Result<(), Error> {
    let cx = Cx::server(hall);
    let rows = cx.read(move |tx| store::site_since(tx, since)).await?;
    hall.live_settings().take(hall, rows);
    let mut after = (since, moothall_protocol::UserId::from_uuid(uuid::Uuid::nil()));
    loop {
        let changed = cx.read(move |tx| store::users_since(tx, after, BATCH)).await?;
        for (_, user) in &changed {
            hall.live_settings().forget_user(*user);
        }
        match changed.last() {
            Some(last) if changed.len() == BATCH => after = *last,
            _ => return Ok(()),
        }
    }
}
