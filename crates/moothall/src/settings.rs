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
pub(crate) use store::{STATEMENTS, export_user, forget};
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
/// Changes of users' settings looked at together.
const BATCH: usize = 200;

/// The operations of this context.
pub fn operations() -> Operations {
    Operations::context("settings", "What staff changes of a running site, and what users set for themselves")
        .permission(EDIT_USERS)
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
    let read = |tx: &mut crate::Tx<'_, '_>| Ok::<_, Error>((store::site(tx)?, store::last_change(tx)?));
    let (rows, last_change) = Cx::server(hall).read(read).await?;
    hall.live_settings().take(hall, rows);
    hall.live_settings().has_seen(last_change);
    Ok(())
}

/// Starts what runs beside the calls.
pub(crate) fn start(hall: &Hall) {
    hall.spawn(run(hall.downgrade()));
}

/// Looks once a second for what other processes on this database changed: other nodes, and the command line.
async fn run(hall: WeakHall) {
    let Some(clock) = hall.upgrade().map(|hall| hall.shared_clock()) else { return };
    loop {
        clock.sleep_until(clock.elapsed() + INTERVAL).await;
        let Some(hall) = hall.upgrade() else { return };
        if let Err(error) = look(&hall).await {
            tracing::warn!("Could not look for changed settings: {error}");
        }
    }
}

/// Takes note of what was changed, by whomever, by versions and numbers: a change that is committed late is seen late, and never missed.
pub(crate) async fn look(hall: &Hall) -> Result<(), Error> {
    let (cx, live) = (Cx::server(hall), hall.live_settings());
    let versions = cx.read(store::site_versions).await?;
    if versions.iter().any(|(key, version)| live.stored(key).is_none_or(|known| known.version < *version)) {
        let rows = cx.read(store::site).await?;
        live.take(hall, rows);
    }
    loop {
        let after = live.seen();
        let changes = cx.read(move |tx| store::changes(tx, after, BATCH)).await?;
        let Some(last) = changes.last().map(|change| change.number) else { return Ok(()) };
        for change in changes {
            users::heed(hall, change);
        }
        live.has_seen(last);
    }
}
