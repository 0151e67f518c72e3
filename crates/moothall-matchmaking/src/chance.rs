//! Which team will win: the prediction of Weng and Lin's models.
//!
//! A team's skill is the sum of its players' skills, each normal: its mean μ is the sum of their means, its variance σ² the sum of
//! their variances. What a team shows in a match differs from its skill, normally, with variance β². So the difference of two teams
//! is normal as well, and team i beats team q with the chance
//!
//! > P(i beats q) = Φ((μᵢ − μ_q) / c),  c² = σᵢ² + σ_q² + 2β²
//!
//! where Φ is the distribution of the standard normal. The source is R. C. Weng and C.-J. Lin, *A Bayesian Approximation Method for
//! Online Ranking*, Journal of Machine Learning Research 12 (2011), pages 267–300; c is their c_iq. Of more than two teams each has
//! the mean of its chances against the others, scaled so that all add up to one. That is how openskill (`predict_win`) has it, whose
//! figures this crate's tests compare. It orders teams well and is no true chance of the first place: a team that surely beats three
//! others has 1/2, and no team of n more than 2/n.

use crate::Rating;

/// The chance of each team to win, in the order of the teams. They add up to one.
///
/// `beta` is β, usually [`BETA`](crate::BETA). No team has an empty answer, and one team wins. What is no number stays no number.
pub fn win_chances(teams: &[Vec<Rating>], beta: f64) -> Vec<f64> {
    if teams.len() < 2 {
        return vec![1.0; teams.len()];
    }
    let skills: Vec<_> = teams.iter().map(|team| Skill::of(team)).collect();
    let against_others = |(index, skill): (usize, &Skill)| {
        let others = skills.iter().enumerate().filter(|(other, _)| *other != index);
        others.map(|(_, other)| skill.beats(other, beta)).sum::<f64>()
    };
    // Each pair of teams shares one between them.
    let pairs = (teams.len() * (teams.len() - 1)) as f64 / 2.0;
    skills.iter().enumerate().map(against_others).map(|chances| chances / pairs).collect()
}

/// What is believed of a team.
struct Skill {
    mean: f64,
    variance: f64,
}

impl Skill {
    fn of(team: &[Rating]) -> Self {
        Self {
            mean: team.iter().map(|rating| rating.mean).sum(),
            variance: team.iter().map(|rating| rating.deviation.powi(2)).sum(),
        }
    }

    fn beats(&self, other: &Self, beta: f64) -> f64 {
        let deviation = (self.variance + other.variance + 2.0 * beta.powi(2)).sqrt();
        normal((self.mean - other.mean) / deviation)
    }
}

/// From here on Φ is one, as far as an `f64` tells it from one.
const NORMAL_MAX: f64 = 8.3;

/// Φ: how much of the standard normal distribution is below this.
///
/// The series is Marsaglia's (*Evaluating the Normal Distribution*, Journal of Statistical Software 11, 2004):
/// Φ(x) = 1/2 + φ(x) · (x + x³/3 + x⁵/(3·5) + x⁷/(3·5·7) + …). Its error is below 10⁻¹⁵.
fn normal(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x < 0.0 {
        return 1.0 - normal(-x);
    }
    if x >= NORMAL_MAX {
        return 1.0;
    }
    let (mut sum, mut term, mut odd) = (x, x, 1.0);
    // A hundred or so at the far end: terms shrink as soon as the odd number is above x².
    while term > sum * f64::EPSILON {
        odd += 2.0;
        term *= x * x / odd;
        sum += term;
    }
    let density = (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
    (0.5 + density * sum).min(1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::BETA;

    fn rating(mean: f64, deviation: f64) -> Rating {
        Rating { mean, deviation }
    }

    fn assert_near(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        }
    }

    const TWO_TEAMS: f64 = 0.0008308945244597798;
    const THREE_TEAMS: [f64; 3] = [0.3299877497121602, 0.6663897016638316, 0.0036225486240082185];

    /// The figures are what openskill.py 6.2.0 says.
    #[test]
    fn the_chances_are_those_of_openskill() {
        let ours = vec![Rating::default(), rating(32.444, 5.123)];
        let theirs = vec![rating(73.381, 1.421), rating(25.188, 6.211)];
        assert_near(&win_chances(&[ours.clone(), theirs.clone()], BETA), &[TWO_TEAMS, 1.0 - TWO_TEAMS]);
        let alone = vec![Rating::default()];
        assert_near(&win_chances(&[ours, theirs, alone.clone()], BETA), &THREE_TEAMS);
        let four = [rating(30.0, 2.0), rating(28.0, 3.0), rating(20.0, 8.0), rating(25.0, 4.0)];
        assert_near(
            &win_chances(&four.map(|rating| vec![rating]), BETA),
            &[0.36707536936488566, 0.30279070059559027, 0.11710585595515056, 0.2130280740843735],
        );
        // One against two.
        assert_near(
            &win_chances(&[alone.clone(), [alone.clone(), alone].concat()], BETA),
            &[0.05440471502027289, 0.9455952849797271],
        );
    }

    #[test]
    fn phi_is_known_at_a_few_places() {
        let known =
            [(0.0, 0.5), (1.0, 0.8413447460685429), (-1.96, 0.024997895148220435), (5.0, 0.9999997133484281)];
        for (x, phi) in known {
            assert_near(&[normal(x)], &[phi]);
        }
        assert_eq!(normal(f64::INFINITY), 1.0);
        assert_eq!(normal(f64::NEG_INFINITY), 0.0);
        assert!(normal(f64::NAN).is_nan());
    }

    #[test]
    fn what_is_no_match_has_an_answer_too() {
        assert!(win_chances(&[], BETA).is_empty());
        assert_eq!(win_chances(&[vec![]], BETA), [1.0]);
        assert_eq!(win_chances(&[vec![], vec![]], BETA), [0.5, 0.5]);
        assert!(win_chances(&[vec![rating(f64::NAN, 1.0)], vec![]], BETA)[0].is_nan());
    }

    proptest! {
        #[test]
        fn who_gets_better_wins_more_often(
            teams in prop::collection::vec(prop::collection::vec((0.0..50.0f64, 0.5..9.0f64), 1..5), 2..5),
            more in 0.1..20.0f64,
        ) {
            let rated = |(mean, deviation): &(f64, f64)| rating(*mean, *deviation);
            let mut teams: Vec<Vec<_>> = teams.iter().map(|team| team.iter().map(rated).collect()).collect();
            let before = win_chances(&teams, BETA);
            prop_assert!((before.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            prop_assert!(before.iter().all(|chance| (0.0..=1.0).contains(chance)));
            teams[0][0].mean += more;
            let after = win_chances(&teams, BETA);
            // Near certainty nothing is left but rounding.
            prop_assert!(after[0] >= before[0] - 1e-12);
            for (before, after) in before.iter().zip(&after).skip(1) {
                prop_assert!(*after <= before + 1e-12);
            }
        }
    }
}
