//! Every seating, one by one: who knows them all knows the best.

use super::best::Best;
use super::problem::{Problem, Seating, Unit, squares};

/// More units are not tried: it would be the end of [`STEPS_MAX`] anyway, but of a match of one party against many.
const UNITS_MAX: usize = 20;
/// How many units are seated, over all seatings. Ten against ten take 350,000.
const STEPS_MAX: usize = 1_000_000;

/// The best seatings of all; `None` if they are too many to try.
pub(super) fn every(problem: &Problem) -> Option<Vec<Seating>> {
    if problem.units.len() > UNITS_MAX {
        return None;
    }
    let team = |size: &usize| Team { size: *size, free: *size, strength: 0 };
    let mut walk = Walk {
        teams: problem.sizes.iter().map(team).collect(),
        seating: Vec::new(),
        best: Best::of(problem),
        steps_left: STEPS_MAX,
    };
    walk.seat(&problem.units)?;
    Some(walk.best.into_seatings())
}

#[derive(Clone, Copy)]
struct Team {
    size: usize,
    free: usize,
    strength: i64,
}

struct Walk<'a> {
    teams: Vec<Team>,
    seating: Seating,
    best: Best<'a>,
    steps_left: usize,
}

impl Walk<'_> {
    /// Seats the rest in every way; `None` if that takes too long.
    fn seat(&mut self, rest: &[Unit]) -> Option<()> {
        let Some((unit, rest)) = rest.split_first() else {
            self.best.offer(squares(self.teams.iter().map(|team| team.strength)), &self.seating);
            return Some(());
        };
        for index in 0..self.teams.len() {
            let Some(before) = self.may_take(unit, index) else { continue };
            self.steps_left = self.steps_left.checked_sub(1)?;
            self.set(
                index,
                Team { free: before.free - unit.size, strength: before.strength + unit.strength, ..before },
            );
            self.seating.push(index);
            self.seat(rest)?;
            self.seating.pop();
            self.set(index, before);
        }
        Some(())
    }

    /// The team as it is, if it has room and is not the twin of an earlier one: of empty teams of the same size only the first is
    /// begun, so that each seating comes once, in its canonical form.
    fn may_take(&self, unit: &Unit, index: usize) -> Option<Team> {
        let team = self.teams.get(index).copied().filter(|team| team.free >= unit.size)?;
        let is_twin = |other: &Team| other.size == team.size && other.free == other.size;
        (team.free < team.size || !self.teams.iter().take(index).any(is_twin)).then_some(team)
    }

    fn set(&mut self, index: usize, now: Team) {
        if let Some(team) = self.teams.get_mut(index) {
            *team = now;
        }
    }
}
