//! What ended or changed without this process: sessions, keys and roles whose time is over, and whatever other processes did on the
//! same database, such as the command line and other nodes.
//!
//! Start at [`run`], which looks once a second. Whoever changes what a user may do calls [`tell`] in the transaction that does
//! it, which leaves a row; the look reads the rows it has not seen. So one look costs as much as there was to see, however many
//! sessions are connected.
//!
//! A row is dated when it is written and shows when its transaction commits, which other transactions may overtake. So a look
//! begins a little before the last one, by [`OVERLAP`], and remembers what it has seen there.

mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use moothall_protocol::{CloseCode, SessionId, Timestamp, UserId};
use uuid::Uuid;

pub(super) use store::{STATEMENTS, sweep, tell};

use super::identities;
use crate::cx::Cx;
use crate::error::Error;
use crate::hall::{TOPICS_BY_PERMISSION, WeakHall};
use crate::topics::Closing;
use crate::{Fault as _, Hall, Kind, connections, restrictions};

/// How often is looked.
const INTERVAL: Duration = Duration::from_secs(1);
/// More than a transaction takes, and more than the clocks of two nodes differ.
const OVERLAP: Duration = Duration::from_secs(10);
/// How long a row stays: a process that was held up for longer finds out as identities are read anew.
const KEPT: Duration = Duration::from_secs(600);
/// How long a session or a key stays after its end, so that every process has seen that it is over.
pub(super) const LINGER: Duration = Duration::from_secs(60);
/// Rows read at once.
const BATCH: usize = 1_000;

/// That something changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    at: Timestamp,
    id: Uuid,
    /// For whom; none: perhaps for everybody, since a role or the signing keys changed.
    user: Option<UserId>,
}

/// What was seen by the last look.
struct Seen {
    /// Rows not older than the overlap.
    changes: BTreeSet<Change>,
    /// Up to here it is known whose time is over.
    until: Timestamp,
}

/// Looks once a second, for as long as the hall is there.
pub(super) async fn run(hall: WeakHall) {
    let Some(clock) = hall.upgrade().map(|hall| hall.shared_clock()) else { return };
    let mut seen = Seen { changes: BTreeSet::new(), until: clock.now() };
    loop {
        clock.sleep_until(clock.elapsed() + INTERVAL).await;
        let Some(hall) = hall.upgrade() else { return };
        if let Err(error) = look(&Cx::server(&hall), &mut seen).await {
            tracing::warn!("Could not look for what has ended: {error}");
        }
    }
}

async fn look(cx: &Cx, seen: &mut Seen) -> Result<(), Error> {
    let (from, now) = (seen.until, cx.now().max(seen.until));
    let since = from - OVERLAP;
    let mut last = (since, Uuid::nil());
    loop {
        let batch = cx.read(move |tx| store::list(tx, last, BATCH)).await?;
        let is_all = batch.len() < BATCH;
        if let Some(change) = batch.last() {
            last = (change.at, change.id);
        }
        for change in batch {
            // Seen once it is heeded: a look that fails is done again.
            if !seen.changes.contains(&change) {
                note(cx.hall(), change.user).await?;
                seen.changes.insert(change);
            }
        }
        if is_all {
            break;
        }
    }
    let mut last = (from, SessionId::from_uuid(Uuid::max()));
    loop {
        let over = cx.read(move |tx| store::over(tx, last, now, BATCH)).await?;
        for (_, session) in &over {
            let closing = Closing::new(CloseCode::SignedOut, "your session expired: sign in again");
            connections::end_session(cx.hall(), *session, closing);
        }
        match over.last() {
            Some(newest) if over.len() == BATCH => last = *newest,
            _ => break,
        }
    }
    let lapsed = cx.read(move |tx| store::lapsed(tx, from, now)).await?;
    for user in lapsed {
        note(cx.hall(), Some(user)).await?;
    }
    seen.until = now;
    seen.changes.retain(|change| change.at > now - OVERLAP);
    Ok(())
}

/// Takes note of a change: what was known is forgotten, who may not be here any more leaves, and who may hear something else does.
async fn note(hall: &Hall, user: Option<UserId>) -> Result<(), Error> {
    identities::forget_now(hall, user);
    let Some(user) = user else {
        restrictions::forget_all_now(hall);
        // A role may allow less than before. Who may hear more now does once they come again.
        for user in TOPICS_BY_PERMISSION.iter().flat_map(|(_, topic)| hall.topics().users_of(topic)) {
            follow(hall, user).await;
        }
        return hall.accounts().keyring.reload(&Cx::server(hall)).await;
    };
    restrictions::forget_now(hall, user);
    follow(hall, user).await;
    Ok(())
}

/// Has the sessions of a user be what their identities say.
async fn follow(hall: &Hall, user: UserId) {
    for session in connections::sessions_of(hall, user) {
        let closing = match identities::identity_of(hall, session).await {
            Ok(identity) => {
                connections::follow_permissions(hall, session, &identity.permissions);
                let restricted = identity.restricted.as_ref();
                restricted.map(|why| Closing::new(CloseCode::Restricted, why.public_reason.clone()))
            }
            Err(error) if error.kind() == Kind::Unauthenticated => {
                Some(Closing::new(CloseCode::SignedOut, "this session was ended"))
            }
            Err(_) => None,
        };
        if let Some(closing) = closing {
            connections::end_session(hall, session, closing);
        }
    }
}
