//! Finding matches: the history of everybody, or of one user.

mod store;

use moothall_protocol::limits::PAGE_ITEMS_DEFAULT;
use moothall_protocol::matches::{ListMatches, MatchOrder, MatchSummary};
use moothall_protocol::{Cursor, MatchId, Page, UserId};

use super::game::Match;
use super::{Error, MODERATE, require_history};
use crate::{Cx, accounts};

pub(super) use store::STATEMENTS;

/// Who looks at matches, and whether they see all there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Viewer {
    pub user: Option<UserId>,
    pub is_staff: bool,
}

impl Viewer {
    pub fn of(cx: &Cx) -> Self {
        Self { user: cx.user(), is_staff: cx.can(MODERATE) }
    }
}

/// Lists matches.
pub async fn list(cx: &Cx, input: ListMatches) -> Result<Page<MatchSummary>, Error> {
    let order = input.order.unwrap_or_default();
    let after = input
        .cursor
        .as_ref()
        .map(|cursor| cursor.key::<(MatchOrder, MatchId)>().ok_or_else(crate::Error::wrong_cursor));
    let after = after.transpose()?;
    if after.is_some_and(|(of, _)| of != order) {
        return Err(crate::Error::wrong_cursor().into());
    }
    match input.user_id {
        Some(user) => require_history(cx, &[user]).await?,
        None if !input.with.is_empty() => return Err(needs_user("/with")),
        None if input.outcome.is_some() => return Err(needs_user("/outcome")),
        None => {}
    }
    if let Some(host) = input.host_id {
        // What somebody hosted they mostly played. A bot plays nothing.
        let is_bot = accounts::summaries(cx, &[host]).await?.iter().any(|known| known.is_bot);
        if !is_bot {
            require_history(cx, &[host]).await?;
        }
    }
    cx.hall().directory().all_answered::<Match>(cx).await;
    let (viewer, limit) = (Viewer::of(cx), input.limit.unwrap_or(PAGE_ITEMS_DEFAULT));
    let after = after.map(|(_, id)| id);
    let rows = cx.read(move |tx| store::list(tx, &input, viewer, after, limit + 1)).await?;
    Ok(Page::cut(rows, limit, |last| Cursor::of(&(order, last.id))))
}

fn needs_user(path: &str) -> Error {
    crate::Error::field(path, "invalid", "say in `user_id` whose history it is about").into()
}

#[cfg(test)]
mod tests;
