//! SQL for sessions.

use std::time::Duration;

use moothall_protocol::accounts::{Session, SessionKind};
use moothall_protocol::{SessionId, Timestamp, UserId, limits};
use moothall_store::{params, statements};

use super::{Opening, place};
use crate::accounts::secret::Hash;
use crate::cx::Tx;
use crate::error::Error;
use crate::sweep;

statements! {
    INSERT = "INSERT INTO sessions (id, user_id, kind, agent, place, family, refresh, created_at, last_seen_at, expires_at,
                signed_in_at, is_limited)
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10, $11)";
    BEYOND = "SELECT id FROM sessions WHERE user_id = $1 AND is_limited = FALSE ORDER BY last_seen_at DESC, id DESC LIMIT 100 OFFSET $2";
    FIND = "SELECT user_id, kind, family, refresh, previous, salt, rotated_at FROM sessions
            WHERE id = $1 AND expires_at > $2";
    TURN = "UPDATE sessions SET refresh = $3, previous = $2, salt = $4, rotated_at = $5, last_seen_at = $5, expires_at = $6
            WHERE id = $1";
    DELETE_LIMITED = "DELETE FROM sessions WHERE user_id = $1 AND is_limited = TRUE";
    DELETE = "DELETE FROM sessions WHERE id = $1 AND user_id = $2";
    DELETE_ALL = "DELETE FROM sessions WHERE user_id = $1 RETURNING id";
    DELETE_OTHERS = "DELETE FROM sessions WHERE user_id = $1 AND id <> $2 RETURNING id";
    LIST = "SELECT id, kind, agent, place, created_at, last_seen_at, expires_at FROM sessions
            WHERE user_id = $1 AND expires_at > $2 ORDER BY last_seen_at DESC, id DESC LIMIT 100";
    DELETE_EXPIRED = "DELETE FROM sessions WHERE id IN
        (SELECT id FROM sessions WHERE expires_at <= $1 LIMIT $2)";
}

/// What a session holds for its next refresh.
pub(super) struct Held {
    pub user: UserId,
    pub kind: SessionKind,
    pub family: Hash,
    pub turn: Hash,
    pub last_turn: Option<LastTurn>,
}

/// How the newest token came to be.
pub(super) struct LastTurn {
    pub before: Hash,
    pub salt: [u8; 32],
    pub at: Timestamp,
}

pub(super) fn insert(
    tx: &mut Tx<'_, '_>,
    opening: &Opening,
    user: UserId,
    lifetime: Duration,
) -> Result<(), Error> {
    let now = tx.now();
    let origin = tx.cx().origin();
    let agent: Option<String> = origin
        .agent
        .as_ref()
        .map(|agent| agent.chars().filter(|c| !c.is_control()).take(limits::AGENT_LENGTH_MAX).collect());
    tx.execute(
        INSERT,
        params![
            opening.id,
            user,
            opening.kind.as_str(),
            agent,
            origin.address.map(place),
            opening.refresh.family_hash(),
            opening.refresh.turn_hash(),
            now,
            now + lifetime,
            opening.signed_in_at,
            opening.is_limited,
        ],
    )?;
    Ok(())
}

/// Ends what limited sessions a user had.
pub(super) fn delete_limited(tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), Error> {
    tx.execute(DELETE_LIMITED, params![user])?;
    Ok(())
}

/// The sessions of a user after the first `keep`, which were seen later.
pub(super) fn beyond(tx: &mut Tx<'_, '_>, user: UserId, keep: usize) -> Result<Vec<SessionId>, Error> {
    tx.query(BEYOND, params![user, keep])?.iter().map(|row| Ok(row.get(0)?)).collect()
}

pub(super) fn find(tx: &mut Tx<'_, '_>, session: SessionId) -> Result<Option<Held>, Error> {
    let now = tx.now();
    let Some(row) = tx.query_opt(FIND, params![session, now])? else { return Ok(None) };
    let last_turn = match (row.get(4)?, row.get(5)?, row.get(6)?) {
        (Some(before), Some(salt), Some(at)) => Some(LastTurn { before, salt, at }),
        _ => None,
    };
    Ok(Some(Held {
        user: row.get(0)?,
        kind: SessionKind::from_name(&row.get::<String>(1)?).unwrap_or_default(),
        family: row.get(2)?,
        turn: row.get(3)?,
        last_turn,
    }))
}

pub(super) fn turn(
    tx: &mut Tx<'_, '_>,
    session: SessionId,
    before: &Hash,
    after: &Hash,
    salt: &[u8; 32],
    expires_at: Timestamp,
) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(TURN, params![session, before, after, salt, now, expires_at])?;
    Ok(())
}

pub(super) fn delete(tx: &mut Tx<'_, '_>, user: UserId, session: SessionId) -> Result<bool, Error> {
    Ok(tx.execute(DELETE, params![session, user])? == 1)
}

pub(super) fn delete_all(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    except: Option<SessionId>,
) -> Result<Vec<SessionId>, Error> {
    let rows = match except {
        Some(session) => tx.query(DELETE_OTHERS, params![user, session])?,
        None => tx.query(DELETE_ALL, params![user])?,
    };
    rows.iter().map(|row| Ok(row.get(0)?)).collect()
}

pub(in crate::accounts) fn list(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    current: Option<SessionId>,
) -> Result<Vec<Session>, Error> {
    let now = tx.now();
    let rows = tx.query(LIST, params![user, now])?;
    rows.iter()
        .map(|row| {
            let id = row.get(0)?;
            Ok(Session {
                id,
                kind: SessionKind::from_name(&row.get::<String>(1)?).unwrap_or_default(),
                agent: row.get(2)?,
                place: row.get(3)?,
                created_at: row.get(4)?,
                last_seen_at: row.get(5)?,
                expires_at: row.get(6)?,
                is_current: current == Some(id),
            })
        })
        .collect()
}

/// Deletes what was over by then. Nobody could use it any more.
pub(super) fn delete_expired(tx: &mut Tx<'_, '_>, before: Timestamp) -> Result<u64, Error> {
    Ok(tx.execute(DELETE_EXPIRED, params![before, sweep::ROWS])?)
}
