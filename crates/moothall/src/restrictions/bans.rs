//! Bans of address ranges, devices and e-mail domains. They hit people who did nothing, so each has an end and a least width, and shows
//! beforehand how many it would hit.
//!
//! Start at [`admit`], which is asked whenever somebody signs up or in, goes on with a session, or takes another address. All bans that hold are in memory, and found there by what they ban.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use moothall_protocol::limits::{
    BAN_DAYS_MAX, BAN_IPV4_BITS_MIN, BAN_IPV6_BITS_MIN, BANS_MAX, PAGE_ITEMS_DEFAULT,
};
use moothall_protocol::restrictions::{
    AddBan, Ban, BanPreview, ListBans, PreviewBan, RemoveBan, Restricted, TraceKind,
};
use moothall_protocol::{BanId, Cursor, Page};
use uuid::Uuid;

use super::traces::{digits, kept_bits, masked, wide};
use super::{Arrival, BAN, Error, store, tell_followers, types};
use crate::cx::Tx;
use crate::{Cx, audit};

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// Users seen within this time are active.
const ACTIVE: Duration = Duration::from_secs(30 * 24 * 3_600);

/// Bits that all IPv4 addresses have in common, written as IPv6.
const IPV4_BITS: u32 = 96;

/// A range of addresses: its first one, and how many bits its addresses have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Range {
    first: Ipv6Addr,
    bits: u32,
}

impl Range {
    /// Reads `192.0.2.0/24`, `2001:db8::/32` or a single address.
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.trim().split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u32>().ok()?)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().ok()?;
        let (most, before) = if address.is_ipv4() { (32, IPV4_BITS) } else { (128, 0) };
        let bits = bits.unwrap_or(most);
        if bits > most {
            return None;
        }
        let bits = before + bits;
        Some(Self { first: masked(wide(address), bits), bits })
    }

    fn last(self) -> Ipv6Addr {
        let rest = u128::MAX.checked_shr(self.bits).unwrap_or(0);
        Ipv6Addr::from_bits(self.first.to_bits() | rest)
    }

    /// Whether it hits more than any ban should. All of IPv4 lies within the ranges of IPv6 around `::`.
    fn is_too_wide(self) -> bool {
        match self.bits.checked_sub(IPV4_BITS) {
            Some(bits) if self.first.to_ipv4_mapped().is_some() => (bits as usize) < BAN_IPV4_BITS_MIN,
            _ => {
                (self.bits as usize) < BAN_IPV6_BITS_MIN
                    || masked(wide(Ipv4Addr::UNSPECIFIED.into()), self.bits) == self.first
            }
        }
    }

    fn written(self) -> String {
        match self.first.to_ipv4_mapped() {
            Some(address) if self.bits >= IPV4_BITS => format!("{address}/{}", self.bits - IPV4_BITS),
            _ => format!("{}/{}", self.first, self.bits),
        }
    }

    /// The networks that are kept of its addresses.
    fn kept(self) -> (String, String) {
        let bits = self.bits.min(kept_bits(self.first));
        let range = Self { first: masked(self.first, bits), bits };
        (digits(range.first), digits(range.last()))
    }
}

/// What is banned, as it is written; or why it cannot be.
fn parse(kind: TraceKind, value: &str) -> Result<String, crate::Error> {
    let wrong = |message: &str| crate::Error::field("/value", "bad_format", message);
    match kind {
        TraceKind::Address => {
            let range = Range::parse(value)
                .ok_or_else(|| wrong("write a range of addresses as 192.0.2.0/24 or 2001:db8::/32"))?;
            if range.is_too_wide() {
                let message = format!(
                    "this would shut out a part of the world: an IPv4 range fixes {BAN_IPV4_BITS_MIN} bits at \
                     least, one of IPv6 {BAN_IPV6_BITS_MIN}"
                );
                return Err(crate::Error::field("/value", "too_wide", message));
            }
            Ok(range.written())
        }
        TraceKind::Device => {
            let value = value.trim().to_ascii_lowercase();
            let is_hash = value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
            if is_hash { Ok(value) } else { Err(wrong("give the value of a device's trace")) }
        }
        TraceKind::Email => {
            let message =
                "ban the domain, or restrict who has the address: other people have some that are alike";
            Err(crate::Error::field("/kind", "invalid", message))
        }
        TraceKind::EmailDomain => {
            let value = value.trim().trim_start_matches('@').to_lowercase();
            let is_label =
                |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
            // `com` alone would be everybody.
            let is_domain = value.contains('.') && value.split('.').all(is_label);
            if is_domain { Ok(value) } else { Err(wrong("give a domain such as spam.example")) }
        }
    }
}

/// All bans that hold, by what they ban.
#[derive(Debug, Default)]
pub(super) struct Bans {
    addresses: HashMap<Range, Ban>,
    /// How many bits the ranges of `addresses` have.
    bits: Vec<u32>,
    devices: HashMap<String, Ban>,
    domains: HashMap<String, Ban>,
}

impl Bans {
    fn new(bans: Vec<Ban>) -> Self {
        let mut all = Self::default();
        for ban in bans {
            match ban.kind {
                TraceKind::Address => {
                    if let Some(range) = Range::parse(&ban.value) {
                        all.addresses.insert(range, ban);
                    }
                }
                TraceKind::Device => {
                    all.devices.insert(ban.value.clone(), ban);
                }
                TraceKind::EmailDomain => {
                    all.domains.insert(ban.value.clone(), ban);
                }
                TraceKind::Email => {}
            }
        }
        let bits: HashSet<u32> = all.addresses.keys().map(|range| range.bits).collect();
        all.bits = bits.into_iter().collect();
        all
    }

    /// The bans that hit whoever comes like this.
    fn hitting(&self, arrival: &Arrival) -> impl Iterator<Item = &Ban> {
        let address = arrival.address.map(wide);
        let ranges = self.bits.iter().filter_map(move |bits| {
            let range = Range { first: masked(address?, *bits), bits: *bits };
            self.addresses.get(&range)
        });
        let device = arrival.device.as_ref().and_then(|device| self.devices.get(device));
        let domain = arrival.email_domain.iter().flat_map(|domain| above(domain));
        let domain = domain.filter_map(|domain| self.domains.get(domain));
        ranges.chain(device).chain(domain)
    }
}

/// A domain and those above it: a ban of `spam.example` hits `mail.spam.example`.
fn above(domain: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(domain), |domain| domain.split_once('.').map(|(_, rest)| rest))
}

/// Refuses whoever comes from where it is banned; of several bans by the one that lasts longest. `is_exempt` is asked only then.
pub(crate) fn admit(
    tx: &mut Tx<'_, '_>,
    arrival: &Arrival,
    mut is_exempt: impl FnMut(&mut Tx<'_, '_>, &Ban) -> Result<bool, crate::Error>,
) -> Result<(), crate::Error> {
    let (now, bans) = (tx.now(), kept(tx)?);
    let mut hit: Option<&Ban> = None;
    for ban in bans.hitting(arrival).filter(|ban| now < ban.ends_at) {
        if hit.is_none_or(|longest| longest.ends_at < ban.ends_at) && !is_exempt(tx, ban)? {
            hit = Some(ban);
        }
    }
    let Some(ban) = hit else { return Ok(()) };
    metrics::counter!("bans_refused_total").increment(1);
    Err(crate::Error::Restricted(Box::new(Restricted {
        restriction_id: None,
        kind: types::LOGIN.to_owned(),
        public_reason: ban.public_reason.clone(),
        ends_at: Some(ban.ends_at),
        matches_left: None,
        action_id: None,
        appeal_id: None,
        limited_token: None,
        limited_token_expires_at: None,
    })))
}

/// Not kept if it had to be read here: this transaction may have begun before something changed. See [`load`].
fn kept(tx: &mut Tx<'_, '_>) -> Result<Arc<Bans>, crate::Error> {
    match tx.cx().hall().restrictions().bans.find(()) {
        Some(bans) => Ok(bans),
        None => Ok(Arc::new(Bans::new(store::bans(tx, BANS_MAX)?))),
    }
}

/// Has the bans in memory, for whoever asks next in a transaction.
pub(crate) async fn load(cx: &Cx) -> Result<(), crate::Error> {
    let kept = &cx.hall().restrictions().bans;
    if kept.find(()).is_some() {
        return Ok(());
    }
    let changes = kept.changes();
    let bans = cx.read(|tx| store::bans(tx, BANS_MAX)).await?;
    kept.keep((), Arc::new(Bans::new(bans)), changes);
    Ok(())
}

/// After the commit, all processes look at the bans anew.
fn changed(tx: &mut Tx<'_, '_>) -> Result<(), crate::Error> {
    tell_followers(tx, None)?;
    let hall = tx.cx().hall().clone();
    tx.after_commit(move || hall.restrictions().bans.forget(()));
    Ok(())
}

/// Bans something.
pub async fn add_ban(cx: &Cx, input: AddBan) -> Result<Ban, Error> {
    cx.require(BAN)?;
    let value = parse(input.kind, &input.value)?;
    let now = cx.now();
    if input.ends_at <= now || input.ends_at > now + DAY * BAN_DAYS_MAX as u32 {
        let message = format!("a ban ends later than now, and within {BAN_DAYS_MAX} days");
        return Err(crate::Error::most("/ends_at", "invalid", message, BAN_DAYS_MAX).into());
    }
    let ban = Ban {
        id: cx.new_id(),
        kind: input.kind,
        value,
        spares_older: input.spares_older.unwrap_or_default(),
        reason: input.reason,
        public_reason: input.public_reason,
        author_id: cx.user(),
        created_at: now,
        ends_at: input.ends_at,
    };
    cx.mutate(move |tx| {
        store::drop_ended(tx, ban.kind, &ban.value)?;
        if store::count_bans(tx)? >= BANS_MAX {
            return Err(Error::TooManyBans);
        }
        store::insert_ban(tx, &ban)?;
        changed(tx)?;
        let entry = audit::Entry::new("restrictions.add_ban").target(format!("ban:{}", ban.id));
        audit::record(tx, entry.reason(&ban.reason).change(&(), &ban))?;
        Ok(ban.clone())
    })
    .await
}

/// Looks how many a ban would hit. Since that says where users were seen, the look is audited.
pub async fn preview_ban(cx: &Cx, input: PreviewBan) -> Result<BanPreview, Error> {
    cx.require(BAN)?;
    let value = parse(input.kind, &input.value)?;
    let range = match input.kind {
        TraceKind::Address => Range::parse(&value).map(Range::kept),
        TraceKind::Device | TraceKind::EmailDomain | TraceKind::Email => None,
    };
    cx.mutate(move |tx| {
        let since = tx.now() - ACTIVE;
        let (first, last) = range.clone().unwrap_or_else(|| (value.clone(), value.clone()));
        let active_users = match input.kind {
            TraceKind::EmailDomain => store::count_below(tx, &value, since, input.except)?,
            TraceKind::Address | TraceKind::Device | TraceKind::Email => {
                store::count_seen(tx, input.kind, (&first, &last), since, input.except)?
            }
        };
        let preview = BanPreview { value: value.clone(), active_users };
        let entry = audit::Entry::new("restrictions.preview_ban").reason(&input.reason);
        let entry = match input.except {
            Some(user) => entry.user(user),
            None => entry.target(format!("{}:{value}", crate::json::word(&input.kind)?)),
        };
        audit::record(tx, entry.after(&preview))?;
        Ok(preview)
    })
    .await
}

/// Takes a ban back.
pub async fn remove_ban(cx: &Cx, input: RemoveBan) -> Result<(), Error> {
    cx.require(BAN)?;
    cx.mutate(move |tx| {
        let ban = store::take_ban(tx, input.ban_id)?.ok_or(crate::Error::NotFound)?;
        changed(tx)?;
        let entry = audit::Entry::new("restrictions.remove_ban").target(format!("ban:{}", ban.id));
        audit::record(tx, entry.reason(&input.reason).change(&ban, &()))?;
        Ok(())
    })
    .await
}

/// Lists bans that hold.
pub async fn list_bans(cx: &Cx, input: ListBans) -> Result<Page<Ban>, Error> {
    cx.require(BAN)?;
    let before = match &input.cursor {
        Some(cursor) => cursor.key().ok_or_else(crate::Error::wrong_cursor)?,
        None => BanId::from_uuid(Uuid::max()),
    };
    let limit = input.limit.unwrap_or(PAGE_ITEMS_DEFAULT);
    let rows = cx.read(move |tx| store::list_bans(tx, before, limit + 1)).await?;
    Ok(Page::cut(rows, limit, |last| Cursor::of(&last.id)))
}

/// Forgets bans that are over.
pub(super) fn sweep(tx: &mut Tx<'_, '_>) -> Result<u64, crate::Error> {
    store::sweep_bans(tx)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_and_hits_what_is_within() {
        let range = |text: &str| Range::parse(text).unwrap();
        assert_eq!(range("192.0.2.77/24").written(), "192.0.2.0/24");
        assert_eq!(range("::ffff:192.0.2.77").written(), "192.0.2.77/32");
        assert_eq!(range("2001:db8:1::7/32").written(), "2001:db8::/32");
        assert_eq!(range("10.0.0.0/8").last(), wide("10.255.255.255".parse().unwrap()));
        for wrong in ["", "here", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/8/8"] {
            assert_eq!(Range::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_ban_of_a_domain_hits_those_below_it() {
        assert_eq!(above("a.b.c").collect::<Vec<_>>(), ["a.b.c", "b.c", "c"]);
    }

    #[test]
    fn what_is_kept_of_a_narrow_range_is_its_network() {
        let (first, last) = Range::parse("192.0.2.77").unwrap().kept();
        assert_eq!(first, digits(wide("192.0.2.0".parse().unwrap())));
        assert_eq!(last, digits(wide("192.0.2.255".parse().unwrap())));
    }
}
