//! SQL for who played with whom lately.

use std::collections::HashSet;

use moothall_protocol::limits::RECENT_MATCHES_MAX;
use moothall_protocol::{MatchId, Timestamp, UserId};
use moothall_store::{params, statements};

use crate::cx::Tx;
use crate::matches::Error;

statements! {
    RECENT = "SELECT o.user_id, o.match_id, o.started_at, o.was_teammate FROM
          (SELECT p.user_id, p.match_id, m.started_at, p.team = u.team AS was_teammate,
                  ROW_NUMBER() OVER (PARTITION BY p.user_id ORDER BY p.match_id DESC) AS place
           FROM (SELECT match_id, team FROM match_members WHERE user_id = $1 ORDER BY match_id DESC LIMIT $2) u
           JOIN match_members p ON p.match_id = u.match_id
           JOIN matches m ON m.id = u.match_id
           WHERE p.user_id <> $1 AND p.team IS NOT NULL AND u.team IS NOT NULL AND m.started_at IS NOT NULL) o
        WHERE o.place = 1 AND (o.match_id, o.user_id) < ($3, $4)
        ORDER BY o.match_id DESC, o.user_id DESC LIMIT $5";
    PLAYED_WITH = "SELECT DISTINCT p.user_id
        FROM (SELECT match_id FROM match_members WHERE user_id = $1 AND team IS NOT NULL ORDER BY match_id DESC LIMIT $2) u
        JOIN match_members p ON p.match_id = u.match_id
        JOIN matches m ON m.id = u.match_id
        WHERE p.user_id {in $3} AND p.team IS NOT NULL AND m.started_at >= $4";
}

/// Somebody, and the last match with them.
pub(super) struct Met {
    pub user_id: UserId,
    pub match_id: MatchId,
    pub played_at: Timestamp,
    pub was_teammate: bool,
}

/// Those with whom the user played in their latest matches, before this place.
pub(super) fn recent(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    before: (MatchId, UserId),
    limit: usize,
) -> Result<Vec<Met>, Error> {
    let rows = tx.query(RECENT, params![user, RECENT_MATCHES_MAX, before.0, before.1, limit])?;
    rows.iter()
        .map(|row| {
            Ok(Met {
                user_id: row.get(0)?,
                match_id: row.get(1)?,
                played_at: row.get(2)?,
                was_teammate: row.get(3)?,
            })
        })
        .collect()
}

/// With which of these the user played since then, in their latest matches.
pub(super) fn played_with(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    others: &[UserId],
    since: Timestamp,
) -> Result<HashSet<UserId>, Error> {
    let rows = tx.query(PLAYED_WITH, params![user, RECENT_MATCHES_MAX, others, since])?;
    rows.iter().map(|row| Ok(row.get(0)?)).collect()
}
