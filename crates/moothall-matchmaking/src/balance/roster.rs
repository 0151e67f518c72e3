//! Who plays, checked and in an order that does not depend on how they were named.

use super::seats::Fit;
use super::{Party, Player, Unbalanceable};
use crate::Shape;

/// Invariant: each player is there once, with a valid rating, and there are as many as seats.
#[derive(Debug)]
pub(super) struct Roster<Id> {
    /// Each by ascending ids.
    parties: Vec<Vec<Player<Id>>>,
}

impl<Id: Copy + Ord> Roster<Id> {
    pub fn of(parties: &[Party<Id>], shape: &Shape) -> Result<Self, Unbalanceable<Id>> {
        // First, so that what follows has a bound.
        let players = parties.iter().map(|party| party.players.len()).sum();
        if players != shape.players() {
            return Err(Unbalanceable::WrongNumber { players, seats: shape.players() });
        }
        let mut all: Vec<_> = parties.iter().flat_map(|party| &party.players).collect();
        all.sort_unstable_by_key(|player| player.id);
        for pair in all.windows(2) {
            if let [one, other] = pair
                && one.id == other.id
            {
                return Err(Unbalanceable::NamedTwice(one.id));
            }
        }
        if let Some(player) = all.iter().find(|player| !player.rating.is_valid()) {
            return Err(Unbalanceable::BadRating(player.id));
        }
        let mut parties: Vec<_> = parties.iter().map(|party| party.players.clone()).collect();
        parties.retain(|party| !party.is_empty());
        for party in &mut parties {
            party.sort_unstable_by_key(|player| player.id);
        }
        Ok(Self { parties })
    }

    /// Who stays together, by their lowest ids, and which parties cannot.
    pub fn units_that_fit(mut self, shape: &Shape) -> (Vec<Vec<Player<Id>>>, Vec<Vec<Id>>) {
        self.parties.sort_unstable_by_key(|party| (std::cmp::Reverse(party.len()), first_id(party)));
        let mut fit = Fit::into(shape.sizes());
        let sizes: Vec<_> = self.parties.iter().map(Vec::len).collect();
        let (mut kept, mut separated) = (self.parties, Vec::new());
        // Mostly they all do.
        if !fit.do_fit(&sizes) {
            let mut sizes = Vec::new();
            for party in std::mem::take(&mut kept) {
                sizes.push(party.len());
                if fit.do_fit(&sizes) {
                    kept.push(party);
                } else {
                    sizes.pop();
                    separated.push(party.iter().map(|player| player.id).collect());
                    kept.extend(party.into_iter().map(|player| vec![player]));
                }
            }
        }
        kept.sort_unstable_by_key(|unit| first_id(unit));
        (kept, separated)
    }
}

fn first_id<Id: Copy>(unit: &[Player<Id>]) -> Option<Id> {
    unit.first().map(|player| player.id)
}
