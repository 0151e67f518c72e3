//! Who may be the same person: evidence with reasons, which a moderator weighs. Nothing follows from it by itself.

mod store;

use std::collections::BTreeMap;
use std::time::Duration;

use moothall_protocol::limits::ALTERNATES_SHOWN_MAX;
use moothall_protocol::moderation::{
    Alternate, AlternateReason, AlternateVerdict, Alternates, FindAlternates, LinkAlternates, ModerationDeed,
    UnlinkAlternates,
};
use moothall_protocol::restrictions::TraceKind;
use moothall_protocol::{Timestamp, UserId};

pub(super) use store::{STATEMENTS, of, verdict};

use super::files::refuse_oneself;
use super::notify::{Ids, happened};
use super::{ALTERNATES, Error, actions};
use crate::accounts::Likeness;
use crate::cx::{Cx, Tx};
use crate::{accounts, audit, restrictions};

/// Shared traces that are looked at.
const SHARES: usize = 500;
/// An account made so soon after another was restricted is worth a look.
const SOON: Duration = Duration::from_secs(7 * 24 * 3_600);

/// The least that is worth a look.
const WORTH_SHOWING: f64 = 1.0;

/// What is known of two accounts.
#[derive(Clone, Debug, Default)]
struct Evidence {
    /// For each device, network and stem of an e-mail address that they share: how many accounts have it.
    devices: Vec<u64>,
    networks: Vec<u64>,
    emails: Vec<u64>,
    is_made_soon_after: bool,
    is_name_alike: bool,
    /// Offences for which something was done about both.
    offences: Vec<String>,
}

/// How much speaks for one person, and why. What many share says little.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn weigh(evidence: &Evidence) -> (f64, Vec<AlternateReason>) {
    let mut reasons = Vec::new();
    let mut add = |name: &str, about: String, points: f64| {
        reasons.push(AlternateReason { name: name.to_owned(), about, points });
    };
    if let Some(fewest) = evidence.devices.iter().min() {
        let points = 60.0 * 2.0 / (*fewest).max(2) as f64;
        add("device", format!("seen on the same device, with {fewest} accounts"), points);
    }
    if let Some(fewest) = evidence.networks.iter().min() {
        let points = 20.0 * 2.0 / (*fewest).max(2) as f64;
        add("network", format!("seen in the same network, with {fewest} accounts"), points);
    }
    if let Some(fewest) = evidence.emails.iter().min() {
        let about = format!(
            "e-mail addresses that differ only in dots, digits or what follows a plus, of {fewest} accounts"
        );
        add("email", about, 25.0 * 2.0 / (*fewest).max(2) as f64);
    }
    if evidence.is_made_soon_after {
        add("timing", "made within a week after the other was restricted".into(), 15.0);
    }
    if evidence.is_name_alike {
        add("name", "names that differ only in digits and signs".into(), 10.0);
    }
    if !evidence.offences.is_empty() {
        add("behaviour", format!("both were acted on for {}", evidence.offences.join(", ")), 10.0);
    }
    let score = reasons.iter().map(|reason| reason.points).sum::<f64>().clamp(0.0, 100.0);
    (score, reasons)
}

/// What is left of a name when digits and signs are taken away.
fn letters(name: &str) -> Option<String> {
    let kept: String = name.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect();
    (kept.chars().count() >= 4).then_some(kept)
}

/// Looks who may be the same person as a user.
pub async fn find(cx: &Cx, input: FindAlternates) -> Result<Alternates, Error> {
    cx.require(ALTERNATES)?;
    let user = accounts::summary(cx, input.user_id).await?.id;
    cx.mutate(move |tx| {
        refuse_oneself(tx, user)?;
        let items = look(tx, user)?;
        let entry = audit::Entry::new("moderation.find_alternates").user(user).reason(&input.reason);
        audit::record(tx, entry)?;
        Ok(Alternates { items })
    })
    .await
}

fn look(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Vec<Alternate>, Error> {
    let mut found: BTreeMap<UserId, Evidence> = BTreeMap::new();
    for (other, kind, seen) in restrictions::sharing(tx, user, SHARES)? {
        let evidence = found.entry(other).or_default();
        match kind {
            TraceKind::Device => evidence.devices.push(seen),
            TraceKind::Address => evidence.networks.push(seen),
            TraceKind::Email => evidence.emails.push(seen),
            // So many have one in common that it says nothing.
            TraceKind::EmailDomain => {}
        }
    }
    let links = store::links(tx, user)?;
    for link in &links {
        found.entry(link.other).or_default();
    }
    let users: Vec<UserId> = found.keys().copied().chain([user]).collect();
    let known: BTreeMap<UserId, Likeness> =
        accounts::likenesses(tx, &users)?.into_iter().map(|known| (known.user, known)).collect();
    let offences = actions::offences_among(tx, &users)?;
    let restricted: Vec<Timestamp> =
        restrictions::history(tx, user, SHARES)?.iter().map(|restriction| restriction.starts_at).collect();
    let own_name = known.get(&user).and_then(|own| letters(&own.name));
    let address = |known: &Likeness| known.email.as_deref().and_then(restrictions::stem);
    let own_address = known.get(&user).and_then(address);
    let own_offences = offences.get(&user).cloned().unwrap_or_default();
    let mut items = Vec::new();
    for (other, mut evidence) in found {
        // Who was erased is nobody's other account any more.
        let Some(its) = known.get(&other) else { continue };
        if evidence.emails.is_empty() && own_address.is_some() && address(its) == own_address {
            // Who has not signed in for long left no trace of it.
            evidence.emails.push(2);
        }
        let is_soon = |at: &Timestamp| its.created_at >= *at && its.created_at.since(*at) <= SOON;
        evidence.is_made_soon_after = restricted.iter().any(is_soon);
        evidence.is_name_alike = own_name.is_some() && letters(&its.name) == own_name;
        let its_offences = offences.get(&other).into_iter().flatten();
        evidence.offences = its_offences.filter(|offence| own_offences.contains(*offence)).cloned().collect();
        let (score, reasons) = weigh(&evidence);
        let link = links.iter().find(|link| link.other == other);
        items.push(Alternate {
            user_id: other,
            score,
            reasons,
            verdict: link.map(|link| link.verdict),
            linked_by: link.and_then(|link| link.by),
            linked_at: link.map(|link| link.at),
        });
    }
    // What a crowd shares would hide what says something.
    items.retain(|item| item.score >= WORTH_SHOWING || item.verdict.is_some());
    items.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.user_id.cmp(&b.user_id)));
    items.truncate(ALTERNATES_SHOWN_MAX);
    Ok(items)
}

/// Writes down what was found of two accounts.
pub async fn link(cx: &Cx, input: LinkAlternates) -> Result<(), Error> {
    cx.require(ALTERNATES)?;
    let LinkAlternates { user_id, other_id, verdict, reason } = input;
    if user_id == other_id {
        return Err(crate::Error::field("/other_id", "invalid", "these are one account").into());
    }
    if accounts::living(cx, &[user_id, other_id]).await?.len() < 2 {
        return Err(crate::Error::NotFound.into());
    }
    cx.mutate(move |tx| {
        for user in [user_id, other_id] {
            refuse_oneself(tx, user)?;
            accounts::require_manageable(tx, user).map_err(accounts::Error::into_common)?;
        }
        let before = store::put(tx, user_id, other_id, verdict)?;
        changed(tx, "moderation.link_alternates", (user_id, other_id), &reason, before, Some(verdict))
    })
    .await
}

/// Takes back what was found of two accounts.
pub async fn unlink(cx: &Cx, input: UnlinkAlternates) -> Result<(), Error> {
    cx.require(ALTERNATES)?;
    let UnlinkAlternates { user_id, other_id, reason } = input;
    cx.mutate(move |tx| {
        for user in [user_id, other_id] {
            actions::require_reversible(tx, user)?;
        }
        let before = store::remove(tx, user_id, other_id)?.ok_or(crate::Error::NotFound)?;
        changed(tx, "moderation.unlink_alternates", (user_id, other_id), &reason, Some(before), None)
    })
    .await
}

fn changed(
    tx: &mut Tx<'_, '_>,
    action: &'static str,
    (user, other): (UserId, UserId),
    reason: &str,
    before: Option<AlternateVerdict>,
    after: Option<AlternateVerdict>,
) -> Result<(), Error> {
    let entry = audit::Entry::new(action).user(user).reason(reason);
    audit::record(tx, entry.change(&(other, before), &(other, after)))?;
    Ok(happened(tx, ModerationDeed::AlternatesUpdated, user, Ids::default())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_few_share_says_more_than_what_many_do() {
        let score = |devices: &[u64], networks: &[u64]| {
            let evidence =
                Evidence { devices: devices.to_vec(), networks: networks.to_vec(), ..Evidence::default() };
            weigh(&evidence).0
        };
        assert!(score(&[2], &[]) > score(&[20], &[]));
        assert!(score(&[2], &[2]) > score(&[2], &[2_000]));
        assert!(score(&[], &[2]) < score(&[2], &[]));
        assert!(score(&[], &[]) < 0.1);
        let all = Evidence {
            devices: vec![2],
            networks: vec![2],
            emails: vec![2],
            is_made_soon_after: true,
            is_name_alike: true,
            offences: vec!["spam".into()],
        };
        assert!(weigh(&all).0 <= 100.0);
    }
}
