//! Clearing what has expired.
//!
//! It is done in steps, each of which is a transaction of its own: deleting a million rows at once would hold up everybody's
//! writes, and undo itself at the time limit of a statement.

use std::time::Duration;

use crate::cx::{Cx, Tx};
use crate::hall::WeakHall;
use crate::{
    accounts, communication, idempotency, jobs, mail, moderation, notifications, relationships, restrictions,
};

/// Rows deleted in one step.
pub(crate) const ROWS: usize = 1_000;

/// Repeats a step until it finds nothing more. It says how many rows it has deleted.
pub(crate) async fn all<E>(
    cx: &Cx,
    step: impl Fn(&mut Tx<'_, '_>) -> Result<u64, E> + Clone + Send + 'static,
) -> Result<(), E>
where
    E: From<moothall_store::Error> + Send + 'static,
{
    while cx.write(step.clone()).await? > 0 {}
    Ok(())
}

/// Clears what has expired, soon after the start and then once an hour, for as long as the hall is there.
pub(crate) async fn run(hall: WeakHall) {
    const INTERVAL: Duration = Duration::from_secs(3600);
    // A server that is restarted every day at noon must not put it off for ever, nor be busy with it while players come back.
    let mut wait = Duration::from_secs(300);
    loop {
        let Some(clock) = hall.upgrade().map(|hall| hall.shared_clock()) else { return };
        clock.sleep_until(clock.elapsed() + wait).await;
        wait = INTERVAL;
        let Some(hall) = hall.upgrade() else { return };
        let cx = Cx::server(&hall);
        if let Err(error) = all(&cx, idempotency::sweep).await {
            tracing::warn!("Could not clear old idempotency keys: {error}");
        }
        if let Err(error) = accounts::sweep(&cx).await {
            tracing::warn!("Could not clear what has expired of accounts: {error}");
        }
        if let Err(error) = all(&cx, mail::sweep).await {
            tracing::warn!("Could not clear letters sent long ago: {error}");
        }
        if let Err(error) = relationships::sweep(&cx).await {
            tracing::warn!("Could not clear relationships that have ended: {error}");
        }
        if let Err(error) = restrictions::sweep(&cx).await {
            tracing::warn!("Could not clear old traces and bans that are over: {error}");
        }
        if let Err(error) = moderation::sweep(&cx).await {
            tracing::warn!("Could not clear cases and reports of long ago: {error}");
        }
        if let Err(error) = jobs::sweep(&cx).await {
            tracing::warn!("Could not clear jobs done long ago: {error}");
        }
        if let Err(error) = notifications::sweep(&cx).await {
            tracing::warn!("Could not clear notices that expired: {error}");
        }
        if let Err(error) = communication::sweep(&cx).await {
            tracing::warn!("Could not clear messages past their retention: {error}");
        }
    }
}
