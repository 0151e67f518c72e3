//! The best three seatings of those that were seen.

use super::SPLITS_MAX;
use super::problem::{Problem, Seating};

pub(super) struct Best<'a> {
    problem: &'a Problem,
    /// What each costs, as squares, and its canonical form. Invariant: ascending and distinct, [`SPLITS_MAX`] at most.
    places: Vec<(i128, Seating)>,
}

impl<'a> Best<'a> {
    pub fn of(problem: &'a Problem) -> Self {
        Self { problem, places: Vec::new() }
    }

    /// Whether a seating that costs this may be among them. Most are not, and cost no more than this look. Nor is one that costs as
    /// much as the third: of many that cost the same, those that were seen first stay.
    pub fn wants(&self, squares: i128) -> bool {
        self.places.len() < SPLITS_MAX || self.places.last().is_none_or(|(last, _)| squares < *last)
    }

    /// A seating was seen, which costs this.
    pub fn offer(&mut self, squares: i128, seating: &[usize]) {
        if !self.wants(squares) {
            return;
        }
        let place = (squares, self.problem.canonical(seating));
        if let Err(index) = self.places.binary_search(&place) {
            self.places.insert(index, place);
            self.places.truncate(SPLITS_MAX);
        }
    }

    /// Whether no seating can be better than the third: all teams are equal there.
    pub fn is_perfect(&self) -> bool {
        let third = self.places.get(SPLITS_MAX - 1);
        third.is_some_and(|(_, seating)| {
            let strengths = self.problem.strengths(seating);
            strengths.iter().min() == strengths.iter().max()
        })
    }

    /// The best first.
    pub fn into_seatings(self) -> Vec<Seating> {
        self.places.into_iter().map(|(_, seating)| seating).collect()
    }
}
