//! Whether parties fit into teams, and the draft.
//!
//! Parties are seated from the largest down, and taken up again where the rest does not fit. Whoever came alone fits wherever a seat is
//! free, so only parties are ever moved.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::problem::{Problem, Seating, Unit};

/// How many parties are seated until it is given up. Those of a match take a few steps each; more are for who makes a riddle of it.
const STEPS_MAX: usize = 100_000;

/// Whether parties fit into teams of these sizes. If that takes too many steps, in all questions together, they do not.
pub(super) struct Fit<'a> {
    teams: &'a [usize],
    steps_left: usize,
}

impl<'a> Fit<'a> {
    pub fn into(teams: &'a [usize]) -> Self {
        Self { teams, steps_left: STEPS_MAX }
    }

    /// Whether parties of these sizes fit, which descend.
    pub fn do_fit(&mut self, parties: &[usize]) -> bool {
        let units: Vec<_> =
            parties.iter().filter(|size| **size > 1).map(|size| Unit { size: *size, strength: 0 }).collect();
        let mut draft = Draft::of(self.teams, self.steps_left);
        let do_fit = draft.seat(&units);
        self.steps_left = draft.steps_left;
        do_fit
    }
}

/// Everybody seated as [`super::Algorithm::Draft`] says. `None` does not happen to units that fit.
pub(super) fn draft(problem: &Problem) -> Option<Seating> {
    let mut order: Vec<_> = problem.units.iter().enumerate().collect();
    order.sort_by_key(|(_, unit)| (Reverse(unit.size), Reverse(unit.strength)));
    let mut draft = Draft::of(&problem.sizes, STEPS_MAX);
    let units: Vec<_> = order.iter().map(|(_, unit)| **unit).collect();
    if !draft.seat(&units) {
        return None;
    }
    let mut seating: Vec<_> =
        order.iter().zip(draft.seating).map(|((index, _), team)| (*index, team)).collect();
    seating.sort_unstable();
    Some(seating.into_iter().map(|(_, team)| team).collect())
}

#[derive(Clone, Copy)]
struct Team {
    free: usize,
    strength: i64,
}

struct Draft {
    teams: Vec<Team>,
    seating: Seating,
    /// How many were seated when the rest did not fit, with the seats that were free then.
    failed: BTreeSet<(usize, Vec<usize>)>,
    steps_left: usize,
}

impl Draft {
    fn of(teams: &[usize], steps_left: usize) -> Self {
        let team = |size: &usize| Team { free: *size, strength: 0 };
        Self {
            teams: teams.iter().map(team).collect(),
            seating: Vec::new(),
            failed: BTreeSet::new(),
            steps_left,
        }
    }

    /// Seats all of these, the largest of which are first; says whether that went.
    fn seat(&mut self, units: &[Unit]) -> bool {
        let Some((unit, rest)) = units.split_first() else { return true };
        let mut teams: Vec<_> = self.teams.iter().copied().enumerate().collect();
        teams.sort_by_key(|(_, team)| (Reverse(team.free), team.strength));
        let mut free: Vec<_> = teams.iter().map(|(_, team)| team.free).collect();
        let here = (self.seating.len(), free.clone());
        if self.failed.contains(&here) {
            return false;
        }
        // Where one team has failed, another with as many seats free fails as well.
        free.dedup();
        for free in free.into_iter().take_while(|free| *free >= unit.size) {
            let Some((index, before)) = teams.iter().find(|(_, team)| team.free == free).copied() else {
                continue;
            };
            if unit.size > 1 {
                let Some(steps_left) = self.steps_left.checked_sub(1) else { return false };
                self.steps_left = steps_left;
            }
            self.set(index, Team { free: free - unit.size, strength: before.strength + unit.strength });
            self.seating.push(index);
            if self.seat(rest) {
                return true;
            }
            self.seating.pop();
            self.set(index, before);
        }
        self.failed.insert(here);
        false
    }

    fn set(&mut self, index: usize, now: Team) {
        if let Some(team) = self.teams.get_mut(index) {
            *team = now;
        }
    }
}
