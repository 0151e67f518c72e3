//! How many of the lobbies found have which value.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use moothall_protocol::limits::LOBBY_FACET_VALUES_MAX;
use moothall_protocol::lobbies::{LobbyFacet, LobbyFacetCount, LobbyScalar, LobbySummary};
use serde::Serialize;

use super::Card;
use crate::json;

/// Counts by each of these facets: of every one the most frequent values, of equally frequent ones the first by what they are.
pub(super) fn count(
    facets: &[LobbyFacet],
    found: &[&Arc<Card>],
) -> BTreeMap<LobbyFacet, Vec<LobbyFacetCount>> {
    facets.iter().map(|facet| (*facet, count_by(*facet, found))).collect()
}

fn count_by(facet: LobbyFacet, found: &[&Arc<Card>]) -> Vec<LobbyFacetCount> {
    let mut counts: HashMap<Value, u32> = HashMap::new();
    for card in found {
        each(facet, &card.summary, |value| *counts.entry(value).or_default() += 1);
    }
    let mut counts: Vec<(Value, u32)> = counts.into_iter().collect();
    counts.sort_unstable_by(|(one, of_one), (other, of_other)| of_other.cmp(of_one).then(one.cmp(other)));
    counts.truncate(LOBBY_FACET_VALUES_MAX);
    let told = |(value, count)| LobbyFacetCount {
        value: match value {
            Value::Flag(flag) => LobbyScalar::Flag(flag),
            Value::Text(text) => LobbyScalar::Text(text),
        },
        count,
    };
    counts.into_iter().map(told).collect()
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Value {
    Flag(bool),
    Text(String),
}

/// Calls this with each value that a lobby has.
fn each(facet: LobbyFacet, summary: &LobbySummary, mut has: impl FnMut(Value)) {
    match facet {
        LobbyFacet::Mode => has(Value::Text(summary.mode.clone())),
        LobbyFacet::Map => summary.map.iter().for_each(|map| has(Value::Text(map.clone()))),
        LobbyFacet::Status => has(named(summary.status)),
        LobbyFacet::Access => has(named(summary.access)),
        LobbyFacet::HostKind => has(named(summary.host_kind)),
        LobbyFacet::HasPassword => has(Value::Flag(summary.has_password)),
        LobbyFacet::IsLocked => has(Value::Flag(summary.is_locked)),
        LobbyFacet::IsRated => has(Value::Flag(summary.is_rated)),
        LobbyFacet::Tags => summary.tags.iter().for_each(|tag| has(Value::Text(tag.clone()))),
    }
}

/// One of several choices, as the wire names it.
fn named(choice: impl Serialize) -> Value {
    Value::Text(json::word(&choice).unwrap_or_default())
}
