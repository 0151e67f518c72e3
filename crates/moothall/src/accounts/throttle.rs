//! Slows down guessing, for each login and each network, over every door alike.
//!
//! Start at [`begin`]. A guess at a login is counted *before* the password is looked at, in one durable transaction, so a thousand
//! guesses at once count as a thousand, a `kill -9` forgets none, and a restart neither helps nor hurts. The guess that was right
//! takes its count back with [`succeed`].
//!
//! Behind one network there may be many people who sign in at once. So for a network it is counted how many guesses are *in
//! flight*, which are bounded, and only what was wrong makes others wait: see [`fail`]. A guess that never had a verdict was
//! wrong.
//!
//! A login is counted as it was typed, whether or not somebody has it, so a wait tells nothing about who has an account.
//! Where a user has been signed in before, guesses have a counter of their own: strangers cannot lock the owner out, and the
//! owner's success does not give strangers new guesses.

mod store;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::time::Duration;

use moothall_protocol::limits::GUESSES_AT_ONCE_MAX;
use moothall_protocol::{Timestamp, UserId};

pub(super) use store::{STATEMENTS, sweep};

use super::credentials::login_key;
use super::secret::{Hash, hash};
use super::{Error, SYSTEM, Settings};
use crate::cx::Tx;
use crate::rates::network;

/// How guesses of one kind are slowed down.
struct Policy {
    /// So many are free.
    free: u32,
    /// After that the wait is so long, and doubles with every further one …
    first: Duration,
    /// … up to this.
    longest: Duration,
    /// Guesses are forgotten when there was none for so long.
    memory: Duration,
}

impl Policy {
    /// About 50 guesses in thirty days: a person has two logins, name and e-mail, so 100 (NIST SP 800-63B asks for no more).
    fn of_login(settings: &Settings) -> Self {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        Self {
            free: settings.guesses_of_login,
            first: Duration::from_secs(1),
            longest: DAY,
            memory: DAY * 30,
        }
    }

    /// Some thirty wrong guesses in the first ten minutes, then six in an hour, at whatever account.
    fn of_network(settings: &Settings) -> Self {
        Self {
            free: settings.guesses_of_network,
            first: Duration::from_secs(10),
            longest: Duration::from_secs(600),
            memory: Duration::from_secs(3600),
        }
    }

    /// How long the next guess has to wait after so many.
    fn wait(&self, failures: u32) -> Duration {
        match failures.checked_sub(self.free) {
            None => Duration::ZERO,
            Some(over) => {
                self.first.saturating_mul(1_u32.checked_shl(over).unwrap_or(u32::MAX)).min(self.longest)
            }
        }
    }
}

/// A guess without a verdict after so long will have none: the server died, or whoever asked went.
const FLIGHT: Duration = Duration::from_secs(60);

/// A guess that was counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guess {
    login: Hash,
    /// None where the user is known: there the counter of the login is that of this network only.
    network: Option<Hash>,
    /// How often this login was guessed wrongly, this guess included.
    count: u32,
}

/// Counts a guess at `login`, or says how long it has to wait. `user` is who has the login, if somebody does.
pub(super) fn begin(tx: &mut Tx<'_, '_>, login: &str, user: Option<UserId>) -> Result<Guess, Error> {
    let address = tx.cx().origin().address;
    // Asked even if nobody has the login, so that both cases take the same time.
    let whose = user.unwrap_or(SYSTEM);
    let is_known = match address {
        Some(address) => store::knows(tx, whose, &place(whose, address))?,
        None => false,
    };
    let subject = match address {
        Some(address) if is_known => hash(&[b"login at", login.as_bytes(), &octets(address)]),
        _ => hash(&[b"login", login.as_bytes()]),
    };
    let from = address.filter(|_| !is_known).map(|address| hash(&[b"network", &octets(address)]));
    let settings = &tx.cx().hall().settings().accounts;
    let (of_login, of_network) = (Policy::of_login(settings), Policy::of_network(settings));
    let count = attempt(tx, &subject, &of_login)?;
    if let Some(network) = &from {
        take_off(tx, network, &of_network)?;
    }
    Ok(Guess { login: subject, network: from, count })
}

/// The guess was right: it and those before it are forgotten, for the login and, as far as they were guesses at this login,
/// for the network. An account of one's own is so no way to wash off guesses at others'.
pub(super) fn succeed(tx: &mut Tx<'_, '_>, guess: &Guess) -> Result<(), Error> {
    store::forget(tx, &guess.login)?;
    land(tx, guess, |counted, policy, now| {
        if let Some(own) = guess.count.checked_sub(1).filter(|own| *own > 0) {
            counted.failures = counted.failures.saturating_sub(own);
            // What others guessed wrongly meanwhile still makes them wait.
            counted.open_at = counted.open_at.min(now + policy.wait(counted.failures));
        }
    })
}

/// It was no guess, but a request that had been answered before: it alone is taken back, and nothing of those around it. What
/// has to wait waits no shorter: a guess that is counted was not waiting.
pub(super) fn take_back(tx: &mut Tx<'_, '_>, guess: &Guess) -> Result<(), Error> {
    let policy = Policy::of_login(&tx.cx().hall().settings().accounts);
    let failures = store::find(tx, &guess.login)?.failures.saturating_sub(1);
    if failures == 0 {
        store::forget(tx, &guess.login)?;
    } else {
        let open_at = tx.now() + policy.wait(failures);
        store::keep(tx, &guess.login, failures, open_at, open_at + policy.memory)?;
    }
    land(tx, guess, |_, _, _| {})
}

/// The guess was wrong.
pub(super) fn fail(tx: &mut Tx<'_, '_>, guess: &Guess) -> Result<(), Error> {
    land(tx, guess, |counted, policy, now| {
        counted.failures = counted.failures.saturating_add(1);
        counted.open_at = now + policy.wait(counted.failures);
    })
}

/// A guess from a network has been looked at, and counts as `change` says.
fn land(
    tx: &mut Tx<'_, '_>,
    guess: &Guess,
    change: impl FnOnce(&mut store::Counted, &Policy, Timestamp),
) -> Result<(), Error> {
    let Some(network) = &guess.network else { return Ok(()) };
    let policy = Policy::of_network(&tx.cx().hall().settings().accounts);
    let now = tx.now();
    let mut counted = store::find(tx, network)?;
    counted.in_flight = counted.in_flight.saturating_sub(1);
    change(&mut counted, &policy, now);
    Ok(store::fly(tx, network, &counted, now.max(counted.open_at) + policy.memory)?)
}

/// Lets a guess from a network go to be looked at.
fn take_off(tx: &mut Tx<'_, '_>, network: &Hash, policy: &Policy) -> Result<(), Error> {
    let now = tx.now();
    let mut counted = store::find(tx, network)?;
    if let Some(at) = counted.flight_at.filter(|at| counted.in_flight > 0 && now.since(*at) >= FLIGHT) {
        counted.failures = counted.failures.saturating_add(counted.in_flight);
        // Not from now on: who is refused here changes nothing, and must not find the same wait again.
        counted.open_at = counted.open_at.max(at + FLIGHT + policy.wait(counted.failures));
        counted.in_flight = 0;
    }
    if counted.open_at > now {
        metrics::counter!("accounts_guesses_throttled_total").increment(1);
        return Err(Error::Throttled { retry_after: counted.open_at.since(now) });
    }
    if counted.in_flight as usize >= GUESSES_AT_ONCE_MAX {
        return Err(Error::Throttled { retry_after: Duration::from_secs(1) });
    }
    counted.in_flight += 1;
    counted.flight_at = Some(now);
    Ok(store::fly(tx, network, &counted, now + policy.memory)?)
}

/// Forgets the wrong guesses at a user's logins, everywhere and from here: they have shown by other means that it is them.
pub(super) fn pardon(tx: &mut Tx<'_, '_>, user: UserId, logins: &[&str]) -> Result<(), Error> {
    let address = tx.cx().origin().address;
    let own = user.to_string();
    for login in logins.iter().map(|login| login_key(login)).chain([own]) {
        store::forget(tx, &hash(&[b"login", login.as_bytes()]))?;
        if let Some(address) = address {
            store::forget(tx, &hash(&[b"login at", login.as_bytes(), &octets(address)]))?;
        }
    }
    Ok(())
}

/// Remembers that the user is signed in from here.
pub(super) fn remember(tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), Error> {
    const MEMORY: Duration = Duration::from_secs(30 * 24 * 3600);
    match tx.cx().origin().address {
        Some(address) => Ok(store::remember(tx, user, &place(user, address), MEMORY)?),
        None => Ok(()),
    }
}

fn attempt(tx: &mut Tx<'_, '_>, subject: &Hash, policy: &Policy) -> Result<u32, Error> {
    let now = tx.now();
    let store::Counted { failures: before, open_at, .. } = store::find(tx, subject)?;
    if open_at > now {
        metrics::counter!("accounts_guesses_throttled_total").increment(1);
        return Err(Error::Throttled { retry_after: open_at.since(now) });
    }
    let count = before.saturating_add(1);
    let open_at = now + policy.wait(count);
    store::keep(tx, subject, count, open_at, now.max(open_at) + policy.memory)?;
    Ok(count)
}

fn octets(address: IpAddr) -> Vec<u8> {
    match network(address) {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn place(user: UserId, address: IpAddr) -> Hash {
    hash(&[user.uuid().as_bytes(), &octets(address)])
}
