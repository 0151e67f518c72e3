//! What the algorithms work on: units with a size and a strength, and teams with seats. Who they are is not known here.

use super::Player;
use crate::Shape;

/// The team of each unit.
pub(super) type Seating = Vec<usize>;

/// Strengths are whole numbers of this part, and their sums exact. With every bound at its limit a sum is below 10¹⁶.
const PARTS: f64 = 1_000_000.0;

/// Who stays together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit {
    pub size: usize,
    pub strength: i64,
}

#[derive(Debug)]
pub(super) struct Problem {
    /// In the order of their lowest ids.
    pub units: Vec<Unit>,
    /// The seats of each team.
    pub sizes: Vec<usize>,
}

impl Problem {
    pub fn of<Id>(units: &[Vec<Player<Id>>], shape: &Shape, caution: f64) -> Self {
        let strength = |player: &Player<Id>| {
            let rating = player.rating;
            ((rating.mean - caution * rating.deviation) * PARTS).round() as i64
        };
        let unit = |players: &Vec<Player<Id>>| Unit {
            size: players.len(),
            strength: players.iter().map(strength).sum(),
        };
        Self { units: units.iter().map(unit).collect(), sizes: shape.sizes().to_vec() }
    }

    /// The strength of each team.
    pub fn strengths(&self, seating: &[usize]) -> Vec<i64> {
        let mut strengths = vec![0; self.sizes.len()];
        for (unit, team) in self.units.iter().zip(seating) {
            if let Some(strength) = strengths.get_mut(*team) {
                *strength += unit.strength;
            }
        }
        strengths
    }

    /// How far the teams' strengths are from their average, as the root of the mean square.
    pub fn cost(&self, seating: &[usize]) -> f64 {
        let strengths = self.strengths(seating);
        let teams = strengths.len() as i128;
        let total: i128 = strengths.iter().map(|strength| i128::from(*strength)).sum();
        // Distances are kept whole by taking each as often as there are teams. With every bound at its limit: below 10³⁸.
        let distance = |strength: &i64| teams * i128::from(*strength) - total;
        let squares: i128 = strengths.iter().map(distance).map(|distance| distance * distance).sum();
        (squares as f64 / teams as f64).sqrt() / teams as f64 / PARTS
    }

    /// The same seating, with teams of the same size in the order of their first units.
    pub fn canonical(&self, seating: &[usize]) -> Seating {
        let mut names: Vec<Option<usize>> = vec![None; self.sizes.len()];
        let mut taken = vec![false; self.sizes.len()];
        for team in seating {
            if names.get(*team).is_some_and(Option::is_none) {
                let size = self.sizes.get(*team);
                let mut free = self.sizes.iter().zip(&mut taken).enumerate();
                let first = free.find(|(_, (other, is_taken))| Some(*other) == size && !**is_taken);
                if let (Some((name, (_, is_taken))), Some(slot)) = (first, names.get_mut(*team)) {
                    *is_taken = true;
                    *slot = Some(name);
                }
            }
        }
        seating.iter().map(|team| names.get(*team).copied().flatten().unwrap_or(*team)).collect()
    }
}

/// What grows with the cost, of the same units in the same number of teams: the sum of squares. It is exact.
pub(super) fn squares(strengths: impl Iterator<Item = i64>) -> i128 {
    strengths.map(i128::from).map(|strength| strength * strength).sum()
}
