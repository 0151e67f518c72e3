//! Two teams split anew, as well as can be: meet in the middle.
//!
//! Start at [`closest`]. All ways to choose from one half of the units are matched with those of the other half. With both sorted, one
//! walk along them passes the match that comes closest, so n units take the time of 2^(n/2) choices and not of 2^n.

use std::collections::BTreeMap;

use super::SPLITS_MAX;
use super::problem::Unit;

/// Who is in the first team: the units whose bit is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub chosen: u64,
    /// How far apart the teams' strengths are.
    pub gap: u64,
}

/// The ways to fill so many seats of the first team from these units, while all others are in the second. The first one comes closest
/// to equal strength; the others are close.
///
/// The lead is how much stronger the first team is without any of them. There may be up to 64 units, as far as time allows.
pub(super) fn closest(units: &[Unit], seats: usize, lead: i64) -> Vec<Way> {
    let (low, high) = units.split_at(units.len() / 2);
    let (lows, highs) = (choices(low, 0), choices(high, low.len()));
    let total: i64 = units.iter().map(|unit| unit.strength).sum();
    let mut ways = Vec::with_capacity(SPLITS_MAX + 1);
    for (size, lows) in &lows {
        let Some(highs) = seats.checked_sub(*size).and_then(|size| highs.get(&size)) else { continue };
        let (mut lows, mut highs) = (lows.iter().peekable(), highs.iter().rev().peekable());
        while let (Some(low), Some(high)) = (lows.peek(), highs.peek()) {
            let gap = lead - total + 2 * (low.strength + high.strength);
            keep(&mut ways, Way { chosen: low.chosen | high.chosen, gap: gap.unsigned_abs() });
            // The first team is too weak, or too strong.
            if gap < 0 {
                lows.next();
            } else {
                highs.next();
            }
        }
    }
    ways
}

fn keep(ways: &mut Vec<Way>, way: Way) {
    if ways.len() == SPLITS_MAX && ways.last().is_some_and(|last| last.gap <= way.gap) {
        return;
    }
    ways.insert(ways.partition_point(|kept| kept.gap <= way.gap), way);
    ways.truncate(SPLITS_MAX);
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Choice {
    strength: i64,
    chosen: u64,
}

/// All ways to choose from these units, by how many seats they take, the weakest first. The first unit has this bit.
fn choices(units: &[Unit], first_bit: usize) -> BTreeMap<usize, Vec<Choice>> {
    let mut all = vec![(0, Choice { strength: 0, chosen: 0 })];
    for (index, unit) in units.iter().enumerate() {
        let bit = 1 << (first_bit + index);
        let with = |(size, choice): &(usize, Choice)| {
            let choice = Choice { strength: choice.strength + unit.strength, chosen: choice.chosen | bit };
            (size + unit.size, choice)
        };
        let more: Vec<_> = all.iter().map(with).collect();
        all.extend(more);
    }
    let mut by_size: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (size, choice) in all {
        by_size.entry(size).or_default().push(choice);
    }
    for choices in by_size.values_mut() {
        choices.sort_unstable();
    }
    by_size
}
