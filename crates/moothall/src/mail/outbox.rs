//! The outbox: letters wait as rows until the mailer has taken them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use moothall_protocol::UserId;
use tokio::sync::Notify;

use super::store::{self, Waiting};
use super::{Email, MailError};
use crate::Hall;
use crate::cx::{Cx, Tx};
use crate::error::Error;
use crate::hall::WeakHall;

/// Letters handed over at once.
const BATCH: usize = 8;
/// Attempts at one letter. With the pauses between them they span about two hours.
const ATTEMPTS_MAX: i64 = 9;
/// The pause after the first attempt; each further one is twice as long.
const PAUSE: Duration = Duration::from_secs(30);
/// How long a mailer may take for one letter.
const DEADLINE: Duration = Duration::from_secs(10);
/// How often the table is looked at without being woken.
const INTERVAL: Duration = Duration::from_secs(60);
/// How long it is remembered that a letter was sent; never what stood in it.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// Wakes the task that sends. Held by the hall; clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Postbox(Arc<Notify>);

/// A letter to a user.
#[derive(Debug)]
pub(crate) struct Letter {
    /// Whom it concerns, for throttling and for forgetting.
    pub user_id: UserId,
    /// What it is about, in a word.
    pub kind: &'static str,
    /// What is sent.
    pub email: Email,
}

/// Sends a letter once the transaction is committed.
pub(crate) fn send(tx: &mut Tx<'_, '_>, letter: &Letter) -> Result<(), Error> {
    store::insert(tx, letter)?;
    let postbox = tx.cx().hall().postbox().clone();
    tx.after_commit(move || postbox.0.notify_one());
    Ok(())
}

/// Forgets letters that were sent long ago.
pub(crate) fn sweep(tx: &mut Tx<'_, '_>) -> Result<u64, Error> {
    let before = tx.now() - KEPT;
    store::sweep(tx, before)
}

/// Starts the task that sends. It ends with the hall.
pub(crate) fn start(hall: &Hall) {
    hall.spawn(run(hall.downgrade(), hall.postbox().clone()));
}

async fn run(hall: WeakHall, postbox: Postbox) {
    loop {
        let Some(hall) = hall.upgrade() else { return };
        let wait = match deliver_due(&hall).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::warn!("Could not look for letters to send: {error}");
                INTERVAL
            }
        };
        let clock = hall.shared_clock();
        drop(hall);
        tokio::select! {
            () = postbox.0.notified() => {}
            () = clock.sleep_until(clock.elapsed() + wait) => {}
        }
    }
}

/// Hands over all that is due, and says how long until there is more.
async fn deliver_due(hall: &Hall) -> Result<Duration, Error> {
    let cx = Cx::server(hall);
    loop {
        // Each attempt is noted before it is made: whoever dies in it tries again after the pause, not at once.
        let batch = cx
            .write(|tx| {
                let due = store::due(tx, BATCH)?;
                for letter in &due {
                    let next = tx.now() + pause(letter.attempts);
                    store::attempt(tx, letter.id, next)?;
                }
                Ok::<_, Error>(due)
            })
            .await?;
        if batch.is_empty() {
            let next = cx.read(store::next).await?;
            return Ok(next.map_or(INTERVAL, |at| at.since(cx.now()).min(INTERVAL)));
        }
        for outcome in join_all(batch.into_iter().map(|letter| deliver(&cx, letter))).await {
            outcome?;
        }
    }
}

fn pause(attempts: i64) -> Duration {
    PAUSE * 2_u32.saturating_pow(u32::try_from(attempts).unwrap_or(0).min(10))
}

async fn deliver(cx: &Cx, letter: Waiting) -> Result<(), Error> {
    let Waiting { id, attempts, email } = letter;
    let sending = cx.hall().mailer().send(email);
    let outcome = tokio::time::timeout(DEADLINE, sending)
        .await
        .unwrap_or_else(|_| Err(MailError::Later("the mailer took too long".into())));
    match outcome {
        Ok(()) => {
            metrics::counter!("mail_sent_total").increment(1);
            cx.write(move |tx| store::finish(tx, id, None)).await
        }
        Err(MailError::Later(reason)) if attempts + 1 < ATTEMPTS_MAX => {
            metrics::counter!("mail_delayed_total").increment(1);
            tracing::warn!(letter.id = %id, "A letter is still waiting after {} attempts: {reason}", attempts + 1);
            Ok(())
        }
        Err(MailError::Later(reason) | MailError::Never(reason)) => {
            metrics::counter!("mail_failed_total").increment(1);
            tracing::error!(letter.id = %id, "Gave up on a letter after {} attempts: {reason}", attempts + 1);
            cx.write(move |tx| store::finish(tx, id, Some(&reason))).await
        }
    }
}
