//! SQL for counted guesses and known networks.

use std::time::Duration;

use moothall_protocol::{Timestamp, UserId, limits};
use moothall_store::{params, statements};

use crate::accounts::secret::Hash;
use crate::cx::Tx;
use crate::error::Error;

statements! {
    FIND = "SELECT failures, open_at FROM sign_in_failures WHERE subject = $1 AND forget_at > $2";
    KEEP = "INSERT INTO sign_in_failures (subject, failures, open_at, forget_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT (subject) DO UPDATE
            SET failures = excluded.failures, open_at = excluded.open_at, forget_at = excluded.forget_at";
    FORGET = "DELETE FROM sign_in_failures WHERE subject = $1";
    FORGIVE = "UPDATE sign_in_failures SET failures = failures - $2, open_at = $3 WHERE subject = $1 AND failures > $2";
    FORGIVE_ALL = "DELETE FROM sign_in_failures WHERE subject = $1 AND failures <= $2";
    KNOWS = "SELECT 1 FROM known_networks WHERE user_id = $1 AND network = $2 AND forget_at > $3";
    REMEMBER = "INSERT INTO known_networks (user_id, network, forget_at) VALUES ($1, $2, $3)
                ON CONFLICT (user_id, network) DO UPDATE SET forget_at = excluded.forget_at";
    /// The networks beyond the bound go, those not seen for longest.
    TRIM = "DELETE FROM known_networks WHERE user_id = $1 AND network IN
            (SELECT network FROM known_networks WHERE user_id = $1 ORDER BY forget_at DESC, network LIMIT 100 OFFSET $2)";
    SWEEP_FAILURES = "DELETE FROM sign_in_failures WHERE forget_at <= $1";
    SWEEP_NETWORKS = "DELETE FROM known_networks WHERE forget_at <= $1";
}

pub(super) fn find(tx: &mut Tx<'_, '_>, subject: &Hash) -> Result<Option<(u32, Timestamp)>, Error> {
    let now = tx.now();
    let row = tx.query_opt(FIND, params![subject, now])?;
    row.map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()
}

pub(super) fn keep(
    tx: &mut Tx<'_, '_>,
    subject: &Hash,
    failures: u32,
    open_at: Timestamp,
    forget_at: Timestamp,
) -> Result<(), Error> {
    tx.execute(KEEP, params![subject, failures, open_at, forget_at])?;
    Ok(())
}

pub(super) fn forget(tx: &mut Tx<'_, '_>, subject: &Hash) -> Result<(), Error> {
    tx.execute(FORGET, params![subject])?;
    Ok(())
}

pub(super) fn forgive(tx: &mut Tx<'_, '_>, subject: &Hash, count: u32) -> Result<(), Error> {
    tx.execute(FORGIVE_ALL, params![subject, count])?;
    let now = tx.now();
    tx.execute(FORGIVE, params![subject, count, now])?;
    Ok(())
}

pub(super) fn knows(tx: &mut Tx<'_, '_>, user: UserId, network: &Hash) -> Result<bool, Error> {
    let now = tx.now();
    Ok(tx.query_opt(KNOWS, params![user, network, now])?.is_some())
}

pub(super) fn remember(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    network: &Hash,
    memory: Duration,
) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(REMEMBER, params![user, network, now + memory])?;
    tx.execute(TRIM, params![user, limits::KNOWN_NETWORKS_MAX])?;
    Ok(())
}

/// Forgets what is old.
pub(in crate::accounts) fn sweep(tx: &mut Tx<'_, '_>) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(SWEEP_FAILURES, params![now])?;
    tx.execute(SWEEP_NETWORKS, params![now])?;
    Ok(())
}
