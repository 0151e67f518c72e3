//! Who may reach whom. The one place where that is asked, by every context.
//!
//! Blocks, ignores and privacy come with relationships; until then everybody reaches everybody who exists and was not erased.

use std::collections::HashSet;

use moothall_protocol::UserId;

use crate::accounts;
use crate::cx::Cx;
use crate::error::Error;

/// Which of these users the caller may write to, bring in and mention.
pub async fn reachable(cx: &Cx, users: &[UserId]) -> Result<HashSet<UserId>, Error> {
    let mut living = accounts::living(cx, users).await?;
    // Nobody is behind it who would read.
    living.remove(&accounts::SYSTEM);
    Ok(living)
}

/// Of which of these users the caller may look at what they played.
pub async fn histories(_cx: &Cx, users: &[UserId]) -> Result<HashSet<UserId>, Error> {
    Ok(users.iter().copied().collect())
}

/// Which of these users the caller may see as they are. The others look as if they were offline.
pub async fn visible(_cx: &Cx, users: &[UserId]) -> Result<HashSet<UserId>, Error> {
    Ok(users.iter().copied().collect())
}
