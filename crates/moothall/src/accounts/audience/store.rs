//! SQL for looking over all users.

use moothall_protocol::UserId;
use moothall_protocol::accounts::Segment;
use moothall_store::{params, statements};

use crate::cx::Tx;
use crate::error::Error;

statements! {
    LOOK = "SELECT u.id, u.erased_at IS NULL AND NOT u.is_bot
          AND (u.created_at >= $2 OR $2 IS NULL) AND (u.created_at < $3 OR $3 IS NULL)
          AND (u.last_login_at >= $4 OR u.last_logout_at >= $4 OR $4 IS NULL
            OR EXISTS (SELECT 1 FROM sessions s WHERE s.user_id = u.id AND s.last_seen_at >= $4))
          AND (NOT $5 OR EXISTS (SELECT 1 FROM grants g WHERE g.user_id = u.id AND g.role {in $6}
            AND (g.ends_at IS NULL OR g.ends_at > $7)))
        FROM users u WHERE u.id > $1 ORDER BY u.id LIMIT $8";
    COUNT = "SELECT COUNT(*) FROM users";
}

pub(super) fn look(
    tx: &mut Tx<'_, '_>,
    segment: &Segment,
    after: UserId,
    limit: usize,
) -> Result<Vec<(UserId, bool)>, Error> {
    let Segment { roles, seen_since, created_from, created_before, .. } = segment;
    let now = tx.now();
    let rows = tx.query(
        LOOK,
        params![after, created_from, created_before, seen_since, !roles.is_empty(), roles, now, limit],
    )?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get::<Option<bool>>(1)?.unwrap_or_default()))).collect()
}

pub(crate) fn count(tx: &mut Tx<'_, '_>) -> Result<u64, Error> {
    Ok(tx.query_one(COUNT, params![])?.get(0)?)
}
