//! SQL for counted guesses and known networks.

use std::time::Duration;

use moothall_protocol::{Timestamp, UserId, limits};
use moothall_store::{params, statements};

use crate::accounts::secret::Hash;
use crate::cx::Tx;
use crate::error::Error;
use crate::sweep;

statements! {
    FIND = "SELECT failures, open_at, in_flight, flight_at FROM sign_in_failures WHERE subject = $1 AND forget_at > $2";
    KEEP = "INSERT INTO sign_in_failures (subject, failures, open_at, forget_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT (subject) DO UPDATE
            SET failures = excluded.failures, open_at = excluded.open_at, forget_at = excluded.forget_at";
    FLY = "INSERT INTO sign_in_failures (subject, failures, open_at, forget_at, in_flight, flight_at)
           VALUES ($1, $2, $3, $4, $5, $6)
           ON CONFLICT (subject) DO UPDATE
           SET failures = excluded.failures, open_at = excluded.open_at, forget_at = excluded.forget_at,
             in_flight = excluded.in_flight, flight_at = excluded.flight_at";
    FORGET = "DELETE FROM sign_in_failures WHERE subject = $1";
    KNOWS = "SELECT 1 FROM known_networks WHERE user_id = $1 AND network = $2 AND forget_at > $3";
    /// A network that was remembered within the last day is not written again.
    REMEMBER = "INSERT INTO known_networks (user_id, network, forget_at) VALUES ($1, $2, $3)
                ON CONFLICT (user_id, network) DO UPDATE SET forget_at = excluded.forget_at
                WHERE known_networks.forget_at <= $4";
    COUNT = "SELECT count(*) FROM known_networks WHERE user_id = $1";
    /// The networks beyond the bound go, those not seen for longest.
    TRIM = "DELETE FROM known_networks WHERE user_id = $1 AND network IN
            (SELECT network FROM known_networks WHERE user_id = $1 ORDER BY forget_at DESC, network LIMIT 100 OFFSET $2)";
    SWEEP_FAILURES = "DELETE FROM sign_in_failures WHERE subject IN
        (SELECT subject FROM sign_in_failures WHERE forget_at <= $1 LIMIT $2)";
    SWEEP_NETWORKS = "DELETE FROM known_networks WHERE (user_id, network) IN
        (SELECT user_id, network FROM known_networks WHERE forget_at <= $1 LIMIT $2)";
}

/// What is counted of one subject.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    pub failures: u32,
    pub open_at: Timestamp,
    /// Guesses without a verdict yet.
    pub in_flight: u32,
    /// When the last of them began.
    pub flight_at: Option<Timestamp>,
}

pub(super) fn find(tx: &mut Tx<'_, '_>, subject: &Hash) -> Result<Counted, Error> {
    let now = tx.now();
    match tx.query_opt(FIND, params![subject, now])? {
        Some(row) => Ok(Counted {
            failures: row.get(0)?,
            open_at: row.get(1)?,
            in_flight: row.get(2)?,
            flight_at: row.get(3)?,
        }),
        None => Ok(Counted { failures: 0, open_at: Timestamp::MIN, in_flight: 0, flight_at: None }),
    }
}

/// Keeps all that is counted of a subject.
pub(super) fn fly(
    tx: &mut Tx<'_, '_>,
    subject: &Hash,
    counted: &Counted,
    forget_at: Timestamp,
) -> Result<(), Error> {
    let Counted { failures, open_at, in_flight, flight_at } = counted;
    tx.execute(FLY, params![subject, failures, open_at, forget_at, in_flight, flight_at])?;
    Ok(())
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
    const DAY: Duration = Duration::from_secs(24 * 3600);
    let forget_at = tx.now() + memory;
    let is_written = tx.execute(REMEMBER, params![user, network, forget_at, forget_at - DAY])? == 1;
    if is_written && tx.query_one(COUNT, params![user])?.get::<usize>(0)? > limits::KNOWN_NETWORKS_MAX {
        tx.execute(TRIM, params![user, limits::KNOWN_NETWORKS_MAX])?;
    }
    Ok(())
}

/// Forgets what is old.
pub(in crate::accounts) fn sweep(tx: &mut Tx<'_, '_>) -> Result<u64, Error> {
    let now = tx.now();
    let failures = tx.execute(SWEEP_FAILURES, params![now, sweep::ROWS])?;
    Ok(failures + tx.execute(SWEEP_NETWORKS, params![now, sweep::ROWS])?)
}
