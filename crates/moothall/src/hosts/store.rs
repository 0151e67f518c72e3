//! SQL for pools, hosts and what is reserved on them.

use std::collections::BTreeMap;

use moothall_protocol::hosts::{HostPool, ReleaseWhy};
use moothall_protocol::limits::HOST_POOLS_MAX;
use moothall_protocol::{HostPoolId, MatchId, UserId};
use moothall_store::{Json, OnConstraint as _, Row, params, statements};

use super::pool::{Effect, Record, Reserved, Seat};
use super::{Error, tell_followers};
use crate::audit;
use crate::cx::Tx;
use crate::json::value;

statements! {
    INSERT_POOL = "INSERT INTO host_pools (id, slug, pool, version) VALUES ($1, $2, $3, $4)";
    UPDATE_POOL = "UPDATE host_pools SET pool = $2, version = $3 WHERE id = $1";
    DELETE_POOL = "DELETE FROM host_pools WHERE id = $1";
    FIND_POOL = "SELECT id, pool, version FROM host_pools WHERE id = $1";
    FIND_POOL_BY_SLUG = "SELECT id FROM host_pools WHERE slug = $1";
    LIST_POOLS = "SELECT id, pool, version FROM host_pools ORDER BY slug LIMIT $1";
    COUNT_POOLS = "SELECT count(*) FROM host_pools";

    PUT_HOST = "INSERT INTO game_hosts (user_id, pool_id, host) VALUES ($1, $2, $3)
        ON CONFLICT (user_id) DO UPDATE SET host = excluded.host WHERE game_hosts.pool_id = excluded.pool_id";
    DELETE_HOST = "DELETE FROM game_hosts WHERE user_id = $1 AND pool_id = $2";
    DELETE_HOSTS = "DELETE FROM game_hosts WHERE pool_id = $1";
    HOSTS = "SELECT user_id, host FROM game_hosts WHERE pool_id = $1 ORDER BY user_id";
    POOL_OF = "SELECT pool_id FROM game_hosts WHERE user_id = $1";

    RESERVE = "INSERT INTO host_reservations (match_id, host_id, pool_id, reserved) VALUES ($1, $2, $3, $4)";
    RELEASE = "DELETE FROM host_reservations WHERE match_id = $1";
    RESERVATIONS = "SELECT match_id, host_id, reserved FROM host_reservations WHERE pool_id = $1 ORDER BY match_id";
    POOL_WITH = "SELECT pool_id FROM host_reservations WHERE match_id = $1";
}

fn pool(row: &Row) -> Result<(HostPoolId, HostPool), Error> {
    let Json(pool) = row.get::<Json<HostPool>>(1)?;
    Ok((row.get(0)?, HostPool { version: row.get(2)?, ..pool }))
}

fn target(slug: &str) -> String {
    format!("host_pool:{slug}")
}

/// Stores a new pool, made by the caller.
pub(super) fn insert(
    tx: &mut Tx<'_, '_>,
    id: HostPoolId,
    card: &HostPool,
    reason: &str,
) -> Result<(), Error> {
    tx.execute(INSERT_POOL, params![id, card.slug, value(card)?, card.version])
        // Somebody else made it in this moment: the next try finds it.
        .on_constraint("host_pools_slug", Error::Common(crate::Error::Unavailable))?;
    let count: usize = tx.query_one(COUNT_POOLS, params![])?.get(0)?;
    if count > HOST_POOLS_MAX {
        return Err(Error::TooManyPools);
    }
    let entry = audit::Entry::new("hosts.put_pool").target(target(&card.slug)).reason(reason);
    Ok(audit::record(tx, entry.change(&(), card))?)
}

/// Writes one thing that a pool did.
pub(super) fn apply(tx: &mut Tx<'_, '_>, id: HostPoolId, effect: &Effect) -> Result<(), Error> {
    match effect {
        Effect::Put { by, before, after, reason } => {
            tx.execute(UPDATE_POOL, params![id, value(after)?, after.version])?;
            let entry = audit::Entry::new("hosts.put_pool").by(by).target(target(&after.slug));
            audit::record(tx, entry.reason(reason).change(before, after))?;
        }
        Effect::Removed { by, before, reason } => {
            tx.execute(DELETE_HOSTS, params![id])?;
            tx.execute(DELETE_POOL, params![id])?;
            let entry = audit::Entry::new("hosts.remove_pool").by(by).target(target(&before.slug));
            audit::record(tx, entry.reason(reason).change(before, &()))?;
        }
        Effect::Host { user, record } => {
            if tx.execute(PUT_HOST, params![user, id, value(record)?])? == 0 {
                // It came to another pool in this moment.
                return Err(crate::Error::Unavailable.into());
            }
        }
        Effect::Gone { user } => {
            tx.execute(DELETE_HOST, params![user, id])?;
        }
        Effect::Reserved { user, match_id, reserved } => {
            tx.execute(RESERVE, params![match_id, user, id, value(reserved)?])
                // Another pool was asked in this moment: the next try finds it.
                .on_constraint("host_reservations_pkey", Error::Common(crate::Error::Unavailable))?;
        }
        Effect::Ended(ended) => {
            tx.execute(RELEASE, params![ended.match_id])?;
            if ended.why != ReleaseWhy::Released {
                let (hall, ended) = (tx.cx().hall().clone(), ended.clone());
                tx.after_commit(move || tell_followers(&hall, &ended));
            }
        }
    }
    Ok(())
}

/// A pool with its hosts.
pub(super) fn find(
    tx: &mut Tx<'_, '_>,
    id: HostPoolId,
) -> Result<Option<(HostPool, BTreeMap<UserId, Seat>)>, Error> {
    let Some(row) = tx.query_opt(FIND_POOL, params![id])? else { return Ok(None) };
    let (_, card) = pool(&row)?;
    let mut hosts = BTreeMap::new();
    for row in tx.query(HOSTS, params![id])? {
        let Json(record) = row.get::<Json<Record>>(1)?;
        let seat = Seat { record, reserved: BTreeMap::new(), load: 0, seen_at: None };
        hosts.insert(row.get(0)?, seat);
    }
    for row in tx.query(RESERVATIONS, params![id])? {
        let (match_id, host): (MatchId, UserId) = (row.get(0)?, row.get(1)?);
        let Json(reserved) = row.get::<Json<Reserved>>(2)?;
        if let Some(seat) = hosts.get_mut(&host) {
            seat.reserved.insert(match_id, reserved);
        }
    }
    Ok(Some((card, hosts)))
}

pub(super) fn find_by_slug(tx: &mut Tx<'_, '_>, slug: &str) -> Result<Option<HostPoolId>, Error> {
    Ok(tx.query_opt(FIND_POOL_BY_SLUG, params![slug])?.map(|row| row.get(0)).transpose()?)
}

/// The pools, by slug.
pub(super) fn list(tx: &mut Tx<'_, '_>, limit: usize) -> Result<Vec<(HostPoolId, HostPool)>, Error> {
    tx.query(LIST_POOLS, params![limit])?.iter().map(pool).collect()
}

/// The pool a host is in.
pub(super) fn pool_of(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Option<HostPoolId>, Error> {
    Ok(tx.query_opt(POOL_OF, params![user])?.map(|row| row.get(0)).transpose()?)
}

/// The pool in which something is reserved for a match.
pub(super) fn pool_with(tx: &mut Tx<'_, '_>, match_id: MatchId) -> Result<Option<HostPoolId>, Error> {
    Ok(tx.query_opt(POOL_WITH, params![match_id])?.map(|row| row.get(0)).transpose()?)
}
