//! Which value of an entry is for a client. Plain data, so that clients and tests can do the same.
//!
//! Who is among a share is settled by a hash: of the seed (the entry's key without one), a colon, and the user's id, or the id of the
//! installation where nobody is signed in. The first eight bytes of its SHA-256, big endian, modulo 10,000, are the place; those are
//! among a share whose place is below it. So a share that grows keeps everybody who was among it.

use std::cmp::Ordering;

use moothall_protocol::UserId;
use moothall_protocol::accounts::Segment;
use moothall_protocol::limits::CONFIG_SHARE_MAX;
use moothall_protocol::remote_config::{ConfigEntry, ConfigMatch, ConfigRule};
use serde_json::Value;

/// Who asks, and with what.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Client<'a> {
    pub channel: Option<&'a str>,
    pub platform: Option<&'a str>,
    pub version: Option<&'a str>,
    pub install_id: Option<&'a str>,
    pub user: Option<UserId>,
}

/// The value for this client. `is_among` says whether they are of the segment of the rule at this place.
pub(super) fn choose<'a>(
    entry: &'a ConfigEntry,
    client: &Client<'_>,
    is_among: impl Fn(&str, usize) -> bool,
) -> &'a Value {
    let matches = |(place, rule): &(usize, &ConfigRule)| {
        fits(&entry.key, &rule.of, client) && (rule.of.segment.is_none() || is_among(&entry.key, *place))
    };
    entry.rules.iter().enumerate().find(matches).map_or(&entry.value, |(_, rule)| &rule.value)
}

/// Whether some rule asks for more than the client says.
pub(super) fn asks_for_segment(entry: &ConfigEntry) -> bool {
    entry.rules.iter().any(|rule| rule.of.segment.is_some())
}

pub(super) fn segment_of(rule: &ConfigRule) -> Option<&Segment> {
    rule.of.segment.as_ref()
}

/// Bytes of the largest value that a client may have to read.
pub(super) fn bytes_max(entry: &ConfigEntry) -> usize {
    let bytes = |value: &Value| serde_json::to_vec(value).map_or(usize::MAX, |text| text.len());
    let values = entry.rules.iter().map(|rule| &rule.value).chain([&entry.value]);
    values.map(bytes).max().unwrap_or_default().saturating_add(entry.key.len())
}

/// Whether all is so that can be said without the database.
fn fits(key: &str, of: &ConfigMatch, client: &Client<'_>) -> bool {
    let is_one_of = |choices: &[String], said: Option<&str>| {
        choices.is_empty() || said.is_some_and(|said| choices.iter().any(|choice| choice == said))
    };
    let is_version = |bound: &Option<String>, wanted: fn(Ordering) -> bool| {
        let Some(bound) = bound else { return true };
        client.version.is_some_and(|version| wanted(compare(version, bound)))
    };
    is_one_of(&of.channels, client.channel)
        && is_one_of(&of.platforms, client.platform)
        && is_version(&of.version_from, Ordering::is_ge)
        && is_version(&of.version_before, Ordering::is_lt)
        && (of.users.is_empty() || client.user.is_some_and(|user| of.users.contains(&user)))
        && of.share.is_none_or(|share| is_in_share(share, of.seed.as_deref().unwrap_or(key), client))
}

fn is_in_share(share: u32, seed: &str, client: &Client<'_>) -> bool {
    let user = client.user.map(|user| user.to_string());
    match user.as_deref().or(client.install_id) {
        Some(unit) => place(seed, unit) < share,
        // Nobody can be kept among a part of who has no name.
        None => share as usize >= CONFIG_SHARE_MAX,
    }
}

/// Where somebody stands between 0 and 9,999.
pub(super) fn place(seed: &str, unit: &str) -> u32 {
    let digest = ring::digest::digest(&ring::digest::SHA256, format!("{seed}:{unit}").as_bytes());
    let first = digest.as_ref().first_chunk::<8>().copied().unwrap_or_default();
    u32::try_from(u64::from_be_bytes(first) % CONFIG_SHARE_MAX as u64).unwrap_or_default()
}

/// Compares versions by their numbers: 1.10 is later than 1.9, and 1.0 the same as 1, and as 1-rc2.
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let numbers = |text: &str| {
        let release = text.split(['-', '+']).next().unwrap_or_default();
        release.split('.').map(|part| part.parse().unwrap_or(0_u64)).collect::<Vec<_>>()
    };
    let (mut one, mut other) = (numbers(one), numbers(other));
    let length = one.len().max(other.len());
    one.resize(length, 0);
    other.resize(length, 0);
    one.cmp(&other)
}
