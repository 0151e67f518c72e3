//! What moderation forgets, and when: reports with their evidence so long after their case was closed, and all there is of an account so long
//! after it was erased. Until then who was wronged can ask, and whoever erases their account to have a clean record does not get one.
//!
//! What moderators did and wrote about an account stays for as long as the account does.

mod store;

use std::time::Duration;

use moothall_protocol::UserId;
use moothall_protocol::jobs::JobProgress;
use serde::{Deserialize, Serialize};

pub(super) use store::STATEMENTS;
#[cfg(test)]
pub(super) use store::count;

use super::Error;
use crate::cx::{Cx, Tx};
use crate::jobs::{self, NewJob, Step};
use crate::{restrictions, sweep};

fn kept(cx: &Cx) -> Duration {
    Duration::from_secs(u64::from(cx.hall().settings().moderation.kept_days) * 24 * 3_600)
}

/// Forgets cases that were closed long ago, with their reports.
pub(super) async fn sweep(cx: &Cx) -> Result<(), Error> {
    let since = cx.now() - kept(cx);
    sweep::all(cx, move |tx| Ok::<_, Error>(store::sweep_closed(tx, since)?)).await
}

/// A user's account is erased: how good their reports were is forgotten at once, all else in time.
pub(crate) fn forget(tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), crate::Error> {
    store::forget_credit(tx, user)?;
    if store::is_known(tx, user)? {
        let at = tx.now() + kept(tx.cx());
        jobs::enqueue(tx, &NewJob::new(Forget { user_id: user, forgotten: 0 }).run_at(at))?;
    }
    Ok(())
}

/// Forgets an account that was erased.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Forget {
    user_id: UserId,
    forgotten: u64,
}

impl jobs::Kind for Forget {
    const NAME: &'static str = "moderation.forget";

    fn step(&mut self, tx: &mut Tx<'_, '_>) -> Result<Step, crate::Error> {
        let rows = match store::forget_some(tx, self.user_id)? {
            0 => restrictions::forget_some(tx, self.user_id)?,
            rows => rows,
        };
        self.forgotten += rows;
        Ok(if rows == 0 { Step::Done } else { Step::Again })
    }

    fn progress(&self) -> Option<JobProgress> {
        Some(JobProgress { done: self.forgotten, total: None })
    }
}
