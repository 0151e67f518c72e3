//! Traces: by which networks, devices and e-mail addresses users are known, so that a ban shows whom it would hit, and moderators see who
//! may be the same person.
//!
//! Of an address only its network is kept, of a device a hash of the id it gave, of an e-mail
//! address its domain, and a hash of what is left of it when one takes away what is easily varied. What was not seen for long is forgotten, and all of it
//! goes with the account.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use data_encoding::HEXLOWER;
use moothall_protocol::UserId;
use moothall_protocol::limits::TRACES_MAX;
use moothall_protocol::restrictions::{ReadTraces, Trace, TraceKind, Traces};
use ring::digest::{SHA256, digest};

use super::{BAN, Error, store};
use crate::cx::Tx;
use crate::{Cx, audit};

/// How exactly it is known when a trace was last seen.
const SEEN: Duration = Duration::from_secs(3_600);
/// How long a trace stays that is not seen again.
const KEPT: Duration = Duration::from_secs(180 * 24 * 3_600);

/// What is known of somebody who comes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arrival {
    /// Where they come from.
    pub address: Option<IpAddr>,
    /// The hash of the device's id.
    pub device: Option<String>,
    /// The domain of their e-mail address, in lower case.
    pub email_domain: Option<String>,
    /// The hash of what addresses have in common that are easily made of each other: see [`stem`].
    pub email: Option<String>,
}

impl Arrival {
    /// Somebody who comes with this call, on this device, with this address.
    pub fn new(cx: &Cx, device_id: Option<&str>, email: Option<&str>) -> Self {
        Self {
            address: cx.origin().address,
            device: device_id.map(|id| kept("device", id)),
            email_domain: email
                .and_then(|email| email.rsplit_once('@'))
                .map(|(_, domain)| domain.to_lowercase()),
            email: email.and_then(stem).map(|stem| kept("email", &stem)),
        }
    }

    fn traces(&self) -> Vec<(TraceKind, String)> {
        let address = self.address.map(|address| (TraceKind::Address, digits(network(address))));
        let device = self.device.clone().map(|device| (TraceKind::Device, device));
        let domain = self.email_domain.clone().map(|domain| (TraceKind::EmailDomain, domain));
        let email = self.email.clone().map(|email| (TraceKind::Email, email));
        [address, device, domain, email].into_iter().flatten().collect()
    }
}

/// What is kept of what nobody needs to read.
fn kept(what: &str, text: &str) -> String {
    HEXLOWER.encode(digest(&SHA256, format!("moothall {what} {text}").as_bytes()).as_ref())
}

/// What is left of an address when what is easily varied is taken away: dots, digits, and what follows a plus.
pub(crate) fn stem(email: &str) -> Option<String> {
    let (local, domain) = email.rsplit_once('@')?;
    let local = local.split('+').next().unwrap_or_default();
    let kept: String = local.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect();
    // Too little of it is left to say anything.
    (kept.chars().count() >= 4).then(|| format!("{kept}@{}", domain.to_lowercase()))
}

/// An address in the one space of both versions.
pub(super) fn wide(address: IpAddr) -> Ipv6Addr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// How many bits are kept of an address.
pub(super) fn kept_bits(address: Ipv6Addr) -> u32 {
    if address.to_ipv4_mapped().is_some() { 96 + 24 } else { 48 }
}

/// The network whose first so many bits these are.
pub(super) fn masked(address: Ipv6Addr, bits: u32) -> Ipv6Addr {
    let mask = u128::MAX.checked_shl(128 - bits.min(128)).unwrap_or(0);
    Ipv6Addr::from_bits(address.to_bits() & mask)
}

fn network(address: IpAddr) -> Ipv6Addr {
    let address = wide(address);
    masked(address, kept_bits(address))
}

/// An address as text that has the order of addresses.
pub(super) fn digits(address: Ipv6Addr) -> String {
    format!("{:032x}", address.to_bits())
}

/// A network as people write it.
fn written(digits: &str) -> Option<String> {
    let address = Ipv6Addr::from_bits(u128::from_str_radix(digits, 16).ok()?);
    Some(match address.to_ipv4_mapped() {
        Some(address) => format!("{address}/24"),
        None => format!("{address}/48"),
    })
}

/// Notes by what a user is known who signs in. Who asked for it hears on which device they are.
pub(crate) fn record(tx: &mut Tx<'_, '_>, user: UserId, arrival: &Arrival) -> Result<(), crate::Error> {
    let stale = tx.now() - SEEN;
    for (kind, value) in arrival.traces() {
        store::see(tx, user, kind, &value, stale)?;
        let hall = tx.cx().hall().clone();
        if kind == TraceKind::Device
            && let Some(follower) = hall.restrictions().on_device.get()
        {
            follower(tx, user, &value)?;
        }
    }
    Ok(())
}

/// Some of the other users who were seen on a device.
pub(crate) fn others_on(
    tx: &mut Tx<'_, '_>,
    device: &str,
    user: UserId,
    limit: usize,
) -> Result<Vec<UserId>, crate::Error> {
    store::others_on(tx, device, user, limit)
}

/// The traces of a user, as people write them.
pub(super) fn traces_of(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Vec<Trace>, crate::Error> {
    let traces = store::traces(tx, user, TRACES_MAX)?;
    let show = |trace: Trace| match trace.kind {
        TraceKind::Address => {
            let value = written(&trace.value).unwrap_or_default();
            Trace { value, ..trace }
        }
        TraceKind::Device | TraceKind::EmailDomain | TraceKind::Email => trace,
    };
    Ok(traces.into_iter().map(show).collect())
}

/// Other users who share traces with this one: who, which trace, and how many users have it.
pub(crate) fn sharing(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    limit: usize,
) -> Result<Vec<(UserId, TraceKind, u64)>, crate::Error> {
    store::sharing(tx, user, limit)
}

/// Forgets by what a user was known.
pub(crate) fn forget_traces(tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), crate::Error> {
    store::forget_traces(tx, user)
}

/// Forgets some of what a user might not do, and says how much.
pub(crate) fn forget_some(tx: &mut Tx<'_, '_>, user: UserId) -> Result<u64, crate::Error> {
    store::forget_some(tx, user)
}

/// Looks at the traces of a user.
pub async fn read_traces(cx: &Cx, input: ReadTraces) -> Result<Traces, Error> {
    cx.require(BAN)?;
    cx.mutate(move |tx| {
        let mut items = traces_of(tx, input.user_id)?;
        for trace in items.iter_mut().filter(|trace| trace.kind == TraceKind::Email) {
            // Whoever guesses an address could see by it whether it is this one.
            trace.value.clear();
        }
        let entry = audit::Entry::new("restrictions.read_traces").user(input.user_id);
        audit::record(tx, entry.reason(&input.reason))?;
        Ok(Traces { items })
    })
    .await
}

/// Forgets some of what was not seen for long.
pub(super) fn sweep(tx: &mut Tx<'_, '_>) -> Result<u64, crate::Error> {
    let before = tx.now() - KEPT;
    store::sweep_traces(tx, before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_alike_when_they_differ_in_what_is_easily_varied() {
        assert_eq!(stem("Ana.Smith+2@Example.org"), stem("anasmith77@example.org"));
        assert_ne!(stem("anasmith@example.org"), stem("anasmith@example.com"));
        assert_eq!(stem("a1@example.org"), None, "that says nothing");
    }
}
