//! Auto-balance: the fairest ways to split players into teams, with parties that stay together.
//!
//! Start at [`balance`].
//!
//! **What is fair.** A player's strength is the mean of their rating, less [`Options::caution`] times its deviation; a team's
//! strength is the sum. The cost of a split is how far the teams' strengths are from their average, as the root of the mean square:
//! for two teams half of what is between them. The split of least cost is best. It is sums that are compared, also where one team is
//! a player short: that team has the better players. Nothing else counts, so whoever asks why can add it up.
//!
//! **Which comes first of splits that cost the same**: the one that puts players of lower ids into earlier teams; of more than three
//! such, [`Algorithm::Every`] says those it comes to first in this order, [`Algorithm::Search`] those it happens to see. Strengths are
//! counted in millionths, so that sums do not depend on their order, and neither does the answer.
//!
//! Inside: `roster.rs` checks who plays and makes units of them, a unit being who stays together; `seats.rs` finds out whether all
//! parties fit, and drafts a first seating; `every.rs` tries all seatings, `search.rs` is for too many of them, with `halves.rs` as
//! its step; `best.rs` keeps the best three.

mod best;
mod every;
mod halves;
mod problem;
mod random;
mod roster;
mod search;
mod seats;
#[cfg(test)]
mod tests;

use problem::{Problem, Seating};
use roster::Roster;

use crate::{BETA, Rating, Shape, win_chances};

/// How many splits [`balance`] says at most.
pub const SPLITS_MAX: usize = 3;

/// Who is to play.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Player<Id> {
    /// Whatever tells players from each other.
    pub id: Id,
    /// How good they are.
    pub rating: Rating,
}

/// Players who stay together. One who came alone is a party of one; a party of nobody takes no seat.
#[derive(Clone, Debug, PartialEq)]
pub struct Party<Id> {
    /// In any order.
    pub players: Vec<Player<Id>>,
}

impl<Id> Party<Id> {
    /// One who came alone.
    pub fn single(player: Player<Id>) -> Self {
        Self { players: vec![player] }
    }
}

/// How a split is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// [`Every`](Self::Every) where it can be, else [`Search`](Self::Search).
    #[default]
    Automatic,
    /// Tries every split, and knows the best three. It can be up to ten against ten, or five against five against five: beyond about
    /// a million steps it is [`Unbalanceable::TooManySplits`].
    Every,
    /// Improves a draft by splitting two teams anew, over and over, as well as their players (24 of them, if there are more) can be
    /// split; starts again from a shuffled draft where that gains nothing; stops after a fixed amount of work. Of two teams with up
    /// to 24 units it finds the best split, else one that is close to it.
    Search,
    /// One split, made as players would on a field: parties are seated first, the largest first; then the team with most seats free
    /// takes the strongest player who is left, and of several such teams the weakest. Not the fairest, but everybody can follow it.
    Draft,
}

/// What happens to parties that cannot all stay together in teams of these sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parties {
    /// The answer is [`Unbalanceable::PartiesDoNotFit`], and the host decides.
    #[default]
    Together,
    /// Parties are kept from the largest down, of equal ones first that with the lowest id, as far as they fit. The players of
    /// others are seated one by one, and [`Split::separated`] says whom it came between.
    TogetherIfPossible,
}

/// How to balance. The default is what a host who has not thought about it wants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// How a split is looked for.
    pub algorithm: Algorithm,
    /// Whether parties may be separated.
    pub parties: Parties,
    /// How many deviations are taken from a mean: 0 to balance what is most likely, 1 or 3 where players are shown (and compare) a
    /// figure that new players have to earn. At most [`Options::CAUTION_MAX`].
    pub caution: f64,
    /// β of [`win_chances`]. It changes what is predicted, not how players are split.
    pub beta: f64,
    /// What [`Algorithm::Search`] takes its chances from.
    pub seed: u64,
}

impl Options {
    /// The largest [`Options::caution`].
    pub const CAUTION_MAX: f64 = 10.0;

    fn are_valid(&self) -> bool {
        (0.0..=Self::CAUTION_MAX).contains(&self.caution) && self.beta > 0.0 && self.beta.is_finite()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::default(),
            parties: Parties::default(),
            caution: 0.0,
            beta: BETA,
            seed: 0,
        }
    }
}

/// One way to split the players.
#[derive(Clone, Debug, PartialEq)]
pub struct Split<Id> {
    /// The teams, in the order of the shape. Of teams of the same size, that with the lowest id is first.
    pub teams: Vec<Team<Id>>,
    /// How unfair it is: see the module. Zero is perfect.
    pub cost: f64,
    /// What is between the highest and the lowest [`Team::mean`].
    pub spread: f64,
    /// The parties that are in more than one team, each by ascending ids. None, unless that was permitted.
    pub separated: Vec<Vec<Id>>,
}

/// A team of a [`Split`].
#[derive(Clone, Debug, PartialEq)]
pub struct Team<Id> {
    /// By ascending ids.
    pub players: Vec<Id>,
    /// The sum of the means of the players' ratings.
    pub mean: f64,
    /// How likely this team wins, as [`win_chances`] says.
    pub win_chance: f64,
}

/// Why players cannot be split.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Unbalanceable<Id> {
    /// The teams need another number of players.
    #[error("there are {players} players for {seats} seats")]
    WrongNumber {
        /// Who is there.
        players: usize,
        /// What the shape has.
        seats: usize,
    },
    /// Somebody is there twice.
    #[error("a player is named twice")]
    NamedTwice(
        /// Who.
        Id,
    ),
    /// [`Rating::is_valid`] says no.
    #[error("a rating is no number, out of range, or has a negative deviation")]
    BadRating(
        /// Whose.
        Id,
    ),
    /// The caution or β is out of its range.
    #[error("the caution is from 0 to 10, and beta is above 0")]
    BadOptions,
    /// These would have to be separated if the others are kept together: see [`Parties::TogetherIfPossible`].
    #[error("not all parties can stay together in teams of these sizes")]
    PartiesDoNotFit(
        /// Their players, by ascending ids.
        Vec<Vec<Id>>,
    ),
    /// What was asked for is [`Algorithm::Every`].
    #[error("there are too many splits to try every one")]
    TooManySplits,
}

/// The best ways to split these parties into teams of this shape, the best first: [`SPLITS_MAX`] of them, or fewer where there are no
/// more, or the algorithm sees no more.
///
/// All players have a seat and all seats are taken. There is always one split at least.
pub fn balance<Id: Copy + Ord>(
    parties: &[Party<Id>],
    shape: &Shape,
    options: &Options,
) -> Result<Vec<Split<Id>>, Unbalanceable<Id>> {
    if !options.are_valid() {
        return Err(Unbalanceable::BadOptions);
    }
    let roster = Roster::of(parties, shape)?;
    let (units, separated) = roster.units_that_fit(shape);
    if !separated.is_empty() && options.parties == Parties::Together {
        return Err(Unbalanceable::PartiesDoNotFit(separated));
    }
    let problem = Problem::of(&units, shape, options.caution);
    let seatings = match options.algorithm {
        Algorithm::Automatic => {
            every::every(&problem).unwrap_or_else(|| search::search(&problem, options.seed))
        }
        Algorithm::Every => every::every(&problem).ok_or(Unbalanceable::TooManySplits)?,
        Algorithm::Search => search::search(&problem, options.seed),
        Algorithm::Draft => {
            seats::draft(&problem).map(|seating| problem.canonical(&seating)).into_iter().collect()
        }
    };
    Ok(seatings.iter().map(|seating| split(&problem, &units, seating, &separated, options)).collect())
}

/// What the caller is told of a seating.
fn split<Id: Copy + Ord>(
    problem: &Problem,
    units: &[Vec<Player<Id>>],
    seating: &Seating,
    separated: &[Vec<Id>],
    options: &Options,
) -> Split<Id> {
    let mut teams = vec![Vec::new(); problem.sizes.len()];
    for (unit, team) in units.iter().zip(seating) {
        if let Some(team) = teams.get_mut(*team) {
            team.extend_from_slice(unit);
        }
    }
    for team in &mut teams {
        team.sort_unstable_by_key(|player| player.id);
    }
    let ratings: Vec<Vec<_>> =
        teams.iter().map(|team| team.iter().map(|player| player.rating).collect()).collect();
    let teams: Vec<_> = teams
        .iter()
        .zip(win_chances(&ratings, options.beta))
        .map(|(team, win_chance)| Team {
            players: team.iter().map(|player| player.id).collect(),
            mean: team.iter().map(|player| player.rating.mean).sum(),
            win_chance,
        })
        .collect();
    let is_separated = |party: &&Vec<Id>| {
        !teams.iter().any(|team| party.iter().all(|id| team.players.binary_search(id).is_ok()))
    };
    let highest = teams.iter().map(|team| team.mean).fold(f64::NEG_INFINITY, f64::max);
    let lowest = teams.iter().map(|team| team.mean).fold(f64::INFINITY, f64::min);
    Split {
        cost: problem.cost(seating),
        spread: highest - lowest,
        separated: separated.iter().filter(is_separated).cloned().collect(),
        teams,
    }
}
