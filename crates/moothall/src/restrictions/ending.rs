//! Restrictions that end by themselves: each is marked at its end, and its user told, also if that was while the server was stopped.
//!
//! Nothing depends on it in time: a check compares with the clock.

use std::time::Duration;

use moothall_protocol::Timestamp;
use moothall_protocol::restrictions::RestrictionEnd;

use super::{end, store};
use crate::hall::WeakHall;
use crate::{Cx, Error};

/// Restrictions ended in one transaction.
const BATCH: usize = 200;
/// The clock of the machine may be set: the next end is looked up again after so long.
const LOOK: Duration = Duration::from_secs(600);
/// Before another try, if the database is away.
const RETRY: Duration = Duration::from_secs(5);

/// Waits for the next end, for as long as the hall is there.
pub(super) async fn run(hall: WeakHall) {
    let Some((clock, due)) =
        hall.upgrade().map(|hall| (hall.shared_clock(), hall.restrictions().due.clone()))
    else {
        return;
    };
    loop {
        let notified = due.notified();
        let Some(cx) = hall.upgrade().map(|hall| Cx::server(&hall)) else { return };
        let wait = match end_all(&cx).await {
            Ok(Some(next)) => next.since(cx.now()).min(LOOK),
            Ok(None) => LOOK,
            Err(error) => {
                tracing::warn!("Could not end restrictions whose time is over: {error}");
                RETRY
            }
        };
        drop(cx);
        tokio::select! {
            () = notified => {}
            () = clock.sleep_until(clock.elapsed() + wait) => {}
        }
    }
}

/// Ends what is over, and says when the next one is.
pub(crate) async fn end_all(cx: &Cx) -> Result<Option<Timestamp>, Error> {
    loop {
        let ended = cx
            .write(|tx| {
                let over = store::over(tx, BATCH)?;
                for restriction in &over {
                    end(tx, restriction, RestrictionEnd::Expired, None)?;
                }
                Ok::<_, Error>(over.len())
            })
            .await?;
        if ended < BATCH {
            return cx.read(store::next_end).await;
        }
    }
}
