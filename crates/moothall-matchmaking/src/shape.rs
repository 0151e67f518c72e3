//! How large the teams of a match are.

/// The most players of a match.
pub const PLAYERS_MAX: usize = 512;
/// The most teams of a match.
pub const TEAMS_MAX: usize = 128;

/// The sizes of the teams, in the order of the teams: two or more, none of them empty. They may differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    sizes: Vec<usize>,
}

/// Why these are no teams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadShape {
    /// One team has nobody to play against.
    #[error("a match has at least two teams")]
    TooFewTeams,
    /// Above [`TEAMS_MAX`].
    #[error("a match has at most {TEAMS_MAX} teams")]
    TooManyTeams,
    /// A team of nobody, which [`Shape::even`] also comes to if there are fewer players than teams.
    #[error("a team has at least one player")]
    EmptyTeam,
    /// Above [`PLAYERS_MAX`].
    #[error("a match has at most {PLAYERS_MAX} players")]
    TooManyPlayers,
}

impl Shape {
    /// Teams of these sizes.
    pub fn of(sizes: &[usize]) -> Result<Self, BadShape> {
        if sizes.len() < 2 {
            return Err(BadShape::TooFewTeams);
        }
        if sizes.len() > TEAMS_MAX {
            return Err(BadShape::TooManyTeams);
        }
        if sizes.contains(&0) {
            return Err(BadShape::EmptyTeam);
        }
        let players = sizes.iter().fold(0_usize, |sum, size| sum.saturating_add(*size));
        if players > PLAYERS_MAX {
            return Err(BadShape::TooManyPlayers);
        }
        Ok(Self { sizes: sizes.to_vec() })
    }

    /// So many players in so many teams, as evenly as it goes: where it does not go, the first teams have one more.
    pub fn even(players: usize, teams: usize) -> Result<Self, BadShape> {
        if teams > TEAMS_MAX {
            return Err(BadShape::TooManyTeams);
        }
        let Some(size) = players.checked_div(teams) else { return Err(BadShape::TooFewTeams) };
        let larger = players % teams;
        Self::of(&(0..teams).map(|team| size + usize::from(team < larger)).collect::<Vec<_>>())
    }

    /// The sizes, in the order of the teams.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// How many players there are in all teams.
    pub fn players(&self) -> usize {
        self.sizes.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uneven_players_make_the_first_teams_larger() {
        assert_eq!(Shape::even(15, 2).unwrap().sizes(), [8, 7]);
        assert_eq!(Shape::even(11, 4).unwrap().sizes(), [3, 3, 3, 2]);
        assert_eq!(Shape::even(11, 4).unwrap().players(), 11);
    }

    #[test]
    fn what_is_no_match_is_refused() {
        assert_eq!(Shape::of(&[]), Err(BadShape::TooFewTeams));
        assert_eq!(Shape::of(&[3]), Err(BadShape::TooFewTeams));
        assert_eq!(Shape::of(&[3, 0]), Err(BadShape::EmptyTeam));
        assert_eq!(Shape::of(&[usize::MAX, 2]), Err(BadShape::TooManyPlayers));
        assert_eq!(Shape::of(&[PLAYERS_MAX, 1]), Err(BadShape::TooManyPlayers));
        assert_eq!(Shape::of(&[1; TEAMS_MAX + 1]), Err(BadShape::TooManyTeams));
        assert_eq!(Shape::even(4, 0), Err(BadShape::TooFewTeams));
        assert_eq!(Shape::even(4, 1), Err(BadShape::TooFewTeams));
        assert_eq!(Shape::even(1, 2), Err(BadShape::EmptyTeam));
        assert_eq!(Shape::even(usize::MAX, 2), Err(BadShape::TooManyPlayers));
        assert_eq!(Shape::even(2, usize::MAX), Err(BadShape::TooManyTeams));
        assert_eq!(Shape::of(&[PLAYERS_MAX - 1, 1]).map(|shape| shape.players()), Ok(PLAYERS_MAX));
        assert!(Shape::of(&[1; TEAMS_MAX]).is_ok());
    }
}
