//! Good seatings where there are too many to try them all: two teams at a time are split anew.
//!
//! Start at [`search`]. A step takes two teams and finds out how their players are split best, with all others where they are
//! ([`closest`]). Where the two have too many units for that, some that chance picks stay where they are as well. A round has all
//! pairs of teams take that step. After a round without gain, units of the same size change seats by chance and it begins again.

use std::collections::BTreeMap;

use super::best::Best;
use super::halves::closest;
use super::problem::{Problem, Seating, squares};
use super::random::Random;
use super::seats;

/// How many units are split anew at once.
const WINDOW: usize = 24;
/// What is done: choices in [`closest`], and looks at the units.
const WORK_MAX: usize = 500_000;
/// What a step takes whatever its window, in choices.
const STEP_WORK: usize = 100;
/// How many units are looked at in the time of one choice.
const UNITS_PER_WORK: usize = 16;

/// The best seatings of those that were seen.
pub(super) fn search(problem: &Problem, seed: u64) -> Vec<Seating> {
    // Units that fit have a draft.
    let Some(seating) = seats::draft(problem) else { return Vec::new() };
    let mut search = Search {
        problem,
        random: Random::of(seed),
        best: Best::of(problem),
        squares: 0,
        seating,
        work_left: WORK_MAX,
    };
    search.count();
    // Where one step splits all there are, it has said all there is to say.
    let is_one_step = problem.sizes.len() == 2 && problem.units.len() <= WINDOW;
    while let Some(has_gained) = search.round() {
        if is_one_step || search.best.is_perfect() {
            break;
        }
        if !has_gained {
            search.change_seats();
        }
    }
    search.best.into_seatings()
}

struct Search<'a> {
    problem: &'a Problem,
    random: Random,
    best: Best<'a>,
    seating: Seating,
    /// What this seating costs.
    squares: i128,
    work_left: usize,
}

impl Search<'_> {
    /// Splits each pair of teams anew. Says whether that gained anything; `None` when the work is done.
    fn round(&mut self) -> Option<bool> {
        let teams = self.problem.sizes.len();
        let mut pairs: Vec<_> =
            (0..teams).flat_map(|one| (one + 1..teams).map(move |other| Pair { one, other })).collect();
        self.random.shuffle(&mut pairs);
        let mut has_gained = false;
        for pair in pairs {
            has_gained |= self.split_anew(pair)?;
        }
        Some(has_gained)
    }

    fn split_anew(&mut self, pair: Pair) -> Option<bool> {
        let window = self.window(pair);
        let work = STEP_WORK + (2 << window.len().div_ceil(2)) + self.problem.units.len() / UNITS_PER_WORK;
        self.work_left = self.work_left.checked_sub(work)?;

        let (mut units, mut seats, mut lead, mut gap) = (Vec::new(), 0, 0_i64, 0_i64);
        for (index, (unit, team)) in self.problem.units.iter().zip(&self.seating).enumerate() {
            let Some(sign) = pair.sign(*team) else { continue };
            gap += sign * unit.strength;
            if window.binary_search(&index).is_err() {
                lead += sign * unit.strength;
            } else {
                units.push(*unit);
                seats += if *team == pair.one { unit.size } else { 0 };
            }
        }

        let (before, gap) = (self.squares, i128::from(gap));
        let mut gained = None;
        for way in closest(&units, seats, lead) {
            // Of two numbers with the same sum, the squares add up to half the square of the sum and half that of the difference.
            let squares = before + (i128::from(way.gap).pow(2) - gap.pow(2)) / 2;
            // The first way is the best.
            let is_gain = squares < before && gained.is_none();
            if is_gain || self.best.wants(squares) {
                let split = self.seating_with(&window, way.chosen, pair);
                self.best.offer(squares, &split);
                gained = gained.or(is_gain.then_some((squares, split)));
            }
        }
        let has_gained = gained.is_some();
        if let Some((squares, split)) = gained {
            (self.squares, self.seating) = (squares, split);
        }
        Some(has_gained)
    }

    fn seating_with(&self, window: &[usize], chosen: u64, pair: Pair) -> Seating {
        let mut seating = self.seating.clone();
        for (bit, index) in window.iter().enumerate() {
            if let Some(team) = seating.get_mut(*index) {
                *team = if chosen >> bit & 1 == 1 { pair.one } else { pair.other };
            }
        }
        seating
    }

    /// Which units of these two teams are split anew, ascending.
    fn window(&mut self, pair: Pair) -> Vec<usize> {
        let all = self.seating.iter().enumerate();
        let mut window: Vec<_> = all.filter_map(|(index, team)| pair.sign(*team).map(|_| index)).collect();
        if window.len() > WINDOW {
            self.random.shuffle(&mut window);
            window.truncate(WINDOW);
            window.sort_unstable();
        }
        window
    }

    /// Units of the same size change seats, which leaves no team with more or fewer.
    fn change_seats(&mut self) {
        let mut by_size: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (unit, team) in self.problem.units.iter().zip(&self.seating) {
            by_size.entry(unit.size).or_default().push(*team);
        }
        for teams in by_size.values_mut() {
            self.random.shuffle(teams);
        }
        for (unit, team) in self.problem.units.iter().zip(&mut self.seating) {
            if let Some(other) = by_size.get_mut(&unit.size).and_then(Vec::pop) {
                *team = other;
            }
        }
        self.count();
    }

    /// Sees a seating that was not made of another.
    fn count(&mut self) {
        self.squares = squares(self.problem.strengths(&self.seating).into_iter());
        self.best.offer(self.squares, &self.seating);
    }
}

#[derive(Clone, Copy)]
struct Pair {
    one: usize,
    other: usize,
}

impl Pair {
    /// How a strength in this team counts for what is between the two; `None` in a third team.
    fn sign(self, team: usize) -> Option<i64> {
        if team == self.one {
            Some(1)
        } else if team == self.other {
            Some(-1)
        } else {
            None
        }
    }
}
