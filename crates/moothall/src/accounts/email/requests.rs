//! Requests for a new password, looked at after they were answered.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::store;
use crate::Hall;
use crate::accounts::Error;
use crate::accounts::credentials::Email;
use crate::cx::{Cx, Tx};
use crate::hall::WeakHall;

/// Requests looked at in one transaction.
const BATCH: usize = 16;
/// How often the table is looked at without being woken.
const INTERVAL: Duration = Duration::from_secs(60);

/// Wakes the task that looks at requests. Held by the hall; clones are the same.
#[derive(Clone, Debug, Default)]
pub(in crate::accounts) struct Requests(Arc<Notify>);

/// Takes a request down.
pub(super) fn add(tx: &mut Tx<'_, '_>, email: &Email) -> Result<(), Error> {
    if !store::insert_request(tx, &email.key)? {
        return Err(crate::Error::Unavailable.into());
    }
    let requests = tx.cx().hall().accounts().requests.clone();
    tx.after_commit(move || requests.0.notify_one());
    Ok(())
}

/// Starts the task. It ends with the hall.
pub(in crate::accounts) fn start(hall: &Hall) {
    hall.spawn(run(hall.downgrade(), hall.accounts().requests.clone()));
}

async fn run(hall: WeakHall, requests: Requests) {
    loop {
        let Some(hall) = hall.upgrade() else { return };
        if let Err(error) = look(&Cx::server(&hall)).await {
            tracing::warn!("Could not look at requests for new passwords: {error}");
        }
        let clock = hall.shared_clock();
        drop(hall);
        tokio::select! {
            () = requests.0.notified() => {}
            () = clock.sleep_until(clock.elapsed() + INTERVAL) => {}
        }
    }
}

async fn look(cx: &Cx) -> Result<(), Error> {
    loop {
        // The letter and the end of the request are one transaction: none is lost, and none is sent twice.
        let looked_at = cx
            .write(|tx| {
                let waiting = store::requests(tx, BATCH)?;
                for (id, email_key) in &waiting {
                    super::send_reset(tx, email_key)?;
                    store::delete_request(tx, *id)?;
                }
                Ok::<_, Error>(waiting.len())
            })
            .await?;
        if looked_at < BATCH {
            return Ok(());
        }
    }
}
