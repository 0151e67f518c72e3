//! What is believed of a player's skill.

/// The spread of what one player shows from match to match, where nothing else is said: half a new player's deviation.
pub const BETA: f64 = 25.0 / 6.0;

/// The largest mean and deviation that are taken, so that sums of them stay exact.
pub const RATING_MAX: f64 = 1_000_000.0;

/// A normal distribution of the player's skill. The default is that of a player who is new: 25 and a third of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rating {
    /// The skill that is most likely, often written μ.
    pub mean: f64,
    /// How unsure that is, often written σ.
    pub deviation: f64,
}

impl Default for Rating {
    fn default() -> Self {
        Self { mean: 25.0, deviation: 25.0 / 3.0 }
    }
}

impl Rating {
    /// Whether both are numbers within [`RATING_MAX`], and the deviation is not negative.
    pub fn is_valid(self) -> bool {
        // Written so that what is no number is not within.
        self.mean.abs() <= RATING_MAX && (0.0..=RATING_MAX).contains(&self.deviation)
    }
}
