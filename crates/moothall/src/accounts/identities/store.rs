//! SQL for what a session or a key may do now.

use std::sync::Arc;

use moothall_protocol::accounts::SessionKind;
use moothall_protocol::{ApiKeyId, SessionId, Timestamp, UserId};
use moothall_store::{Json, params, statements};

use super::Found;
use crate::accounts::credentials::Standing;
use crate::cx::{Identity, Tx};
use crate::error::Error;
use crate::permission::Permissions;
use crate::restrictions;

statements! {
    SESSION = "SELECT u.id, s.kind, s.expires_at, s.last_seen_at,
                      u.is_bot, u.email_verified_at, u.approved_at, u.erased_at, s.is_limited, u.owner_id
               FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1 AND s.expires_at > $2";
    KEY = "SELECT u.id, k.kind, k.expires_at, k.last_used_at,
                  u.is_bot, u.email_verified_at, u.approved_at, u.erased_at, k.scopes, u.owner_id
           FROM api_keys k JOIN users u ON u.id = k.user_id
           WHERE k.id = $1 AND (k.expires_at IS NULL OR k.expires_at > $2)";
    PERMISSIONS = "SELECT p.permission, g.ends_at FROM grants g JOIN role_permissions p ON p.role = g.role
                   WHERE g.user_id = $1 AND (g.ends_at IS NULL OR g.ends_at > $2)";
    SEE_SESSIONS = "UPDATE sessions SET last_seen_at = $2 WHERE id {in $1} AND last_seen_at < $2";
    SEE_KEYS = "UPDATE api_keys SET last_used_at = $2 WHERE id {in $1}";
}

pub(super) fn find(tx: &mut Tx<'_, '_>, session: SessionId) -> Result<Option<Found>, Error> {
    let now = tx.now();
    // A key has its own id as that of its session.
    let key = ApiKeyId::from_uuid(session.uuid());
    let (row, key) = match tx.query_opt(SESSION, params![session, now])? {
        Some(row) => (row, None),
        None => match tx.query_opt(KEY, params![key, now])? {
            Some(row) => (row, Some(key)),
            None => return Ok(None),
        },
    };
    let user_id: UserId = row.get(0)?;
    let kind = SessionKind::from_name(&row.get::<String>(1)?).unwrap_or_default();
    let ends_at: Option<Timestamp> = row.get(2)?;
    let standing = Standing {
        is_bot: row.get(4)?,
        email_verified_at: row.get(5)?,
        approved_at: row.get(6)?,
        erased_at: row.get(7)?,
    };
    if standing.check(tx.cx()).is_err() {
        return Ok(None);
    }
    let (restricted, barred_until) = restrictions::barred(tx, user_id)?;
    if key.is_none() && restricted.is_none() && row.get(8)? {
        // A limited session is good for nothing but what is open to the restricted.
        return Ok(None);
    }
    let (mut permissions, until) = permissions(tx, user_id, ends_at.unwrap_or(Timestamp::MAX))?;
    if restricted.is_some() {
        // What is open to whoever may not sign in is open to them as a player, whatever else they are.
        permissions = Permissions::default();
    }
    if key.is_some() {
        let Json(scopes): Json<Vec<String>> = row.get(8)?;
        permissions = permissions.within(&Permissions::new(scopes));
    }
    let owner_id = row.get(9)?;
    let identity =
        Identity { user_id, owner_id, session_id: session, kind, api_key_id: key, permissions, restricted };
    let until = until.min(barred_until);
    Ok(Some(Found { identity: Arc::new(identity), until, seen_at: row.get(3)? }))
}

/// What the user's roles allow now, and until when that holds.
pub(in crate::accounts) fn permissions(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    mut until: Timestamp,
) -> Result<(Permissions, Timestamp), Error> {
    let now = tx.now();
    let rows = tx.query(PERMISSIONS, params![user, now])?;
    let mut names = Vec::with_capacity(rows.len());
    for row in rows {
        names.push(row.get(0)?);
        until = row.get::<Option<Timestamp>>(1)?.map_or(until, |ends_at| until.min(ends_at));
    }
    Ok((Permissions::new(names), until))
}

pub(super) fn see(tx: &mut Tx<'_, '_>, sessions: &[SessionId], at: Timestamp) -> Result<(), Error> {
    tx.execute(SEE_SESSIONS, params![sessions, at])?;
    tx.execute(SEE_KEYS, params![sessions, at])?;
    Ok(())
}
