//! With whom somebody played lately.

mod store;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use moothall_protocol::accounts::UserSummary;
use moothall_protocol::limits::PAGE_ITEMS_DEFAULT;
use moothall_protocol::matches::{ListRecentPlayers, RecentPlayer};
use moothall_protocol::{Cursor, MatchId, Page, UserId};
use uuid::Uuid;

pub(super) use store::STATEMENTS;

use super::{Error, game};
use crate::{Cx, accounts};

/// Lists those with whom the caller played lately, each with the last match, the latest first.
pub async fn recent_players(cx: &Cx, input: ListRecentPlayers) -> Result<Page<RecentPlayer>, Error> {
    let user = cx.require_user()?;
    let before = match &input.cursor {
        Some(cursor) => cursor.key::<(MatchId, UserId)>().ok_or_else(crate::Error::wrong_cursor)?,
        None => (MatchId::from_uuid(Uuid::max()), UserId::from_uuid(Uuid::max())),
    };
    let limit = input.limit.unwrap_or(PAGE_ITEMS_DEFAULT);
    cx.hall().directory().all_answered::<game::Match>(cx).await;
    let rows = cx.read(move |tx| store::recent(tx, user, before, limit + 1)).await?;
    let page = Page::cut(rows, limit, |last| Cursor::of(&(last.match_id, last.user_id)));
    let ids: Vec<UserId> = page.items.iter().map(|row| row.user_id).collect();
    let (users, living) = (accounts::summaries(cx, &ids).await?, accounts::living(cx, &ids).await?);
    let users: HashMap<UserId, UserSummary> = users.into_iter().map(|user| (user.id, user)).collect();
    let shown = page.items.into_iter().filter(|row| living.contains(&row.user_id)).filter_map(|row| {
        let user = users.get(&row.user_id).cloned()?;
        Some(RecentPlayer {
            user,
            match_id: row.match_id,
            played_at: row.played_at,
            was_teammate: row.was_teammate,
        })
    });
    Ok(Page { items: shown.collect(), next: page.next })
}

/// With which of these the user played lately, as the operator has set what that is.
pub(crate) async fn played_with(
    cx: &Cx,
    user: UserId,
    others: Vec<UserId>,
) -> Result<HashSet<UserId>, crate::Error> {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    if others.is_empty() {
        return Ok(HashSet::new());
    }
    let since = cx.now() - DAY * cx.hall().settings().relationships.played_days;
    cx.read(move |tx| store::played_with(tx, user, &others, since)).await.map_err(Error::into_common)
}
