//! How urgent a report is, and a case of several: a sum whose terms are shown. Pure.
//!
//! The formula is the one that Lichess published: 20, and 0.8 for each percent in which the reporter was right more often than not, less
//! 30 if the reporter is marked, and 25 more if a program reports; within 5 and 100. Its weights are settings.

use moothall_protocol::moderation::PriorityTerm;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The least and the most a priority can be.
pub(super) const BOUNDS: (f64, f64) = (5.0, 100.0);

/// What a priority is made of.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Weights {
    /// What every report counts.
    #[schemars(range(min = -100, max = 100))]
    pub base: f64,
    /// What each percent counts by which the reporter's accuracy is above 50, or below.
    #[schemars(range(min = -10, max = 10))]
    pub accuracy: f64,
    /// What it counts that the reporter is marked.
    #[schemars(range(min = -100, max = 100))]
    pub marked: f64,
    /// What it counts that a program reports.
    #[schemars(range(min = -100, max = 100))]
    pub automatic: f64,
    /// What each reporter beside the weightiest counts in a case.
    #[schemars(range(min = 0, max = 100))]
    pub further: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self { base: 20.0, accuracy: 0.8, marked: -30.0, automatic: 25.0, further: 5.0 }
    }
}

/// What is known of whoever reports.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reporter {
    /// How often they were right, in percent.
    pub accuracy: f64,
    pub is_marked: bool,
    pub is_automatic: bool,
}

/// How often reports were right, in percent. Smoothed: who has reported nothing yet is at 50, and a few reports move it little.
pub(super) fn accuracy(agreed: u32, decided: u32) -> f64 {
    100.0 * (f64::from(agreed) + 1.0) / (f64::from(decided.max(agreed)) + 2.0)
}

/// The term for a reporter who is marked.
pub(super) const MARKED: &str = "marked_reporter";

/// The terms of one report.
pub(super) fn terms(weights: &Weights, reporter: Reporter) -> Vec<PriorityTerm> {
    let term = |name: &str, points: f64| PriorityTerm { name: name.to_owned(), points };
    let mut terms =
        vec![term("base", weights.base), term("accuracy", (reporter.accuracy - 50.0) * weights.accuracy)];
    if reporter.is_marked {
        terms.push(term(MARKED, weights.marked));
    }
    if reporter.is_automatic {
        terms.push(term("automatic", weights.automatic));
    }
    terms
}

/// The sum of terms, within the bounds.
pub(super) fn sum(terms: &[PriorityTerm]) -> f64 {
    let sum = raw(terms);
    if sum.is_nan() { BOUNDS.0 } else { sum.clamp(BOUNDS.0, BOUNDS.1) }
}

fn raw(terms: &[PriorityTerm]) -> f64 {
    terms.iter().map(|term| term.points).sum()
}

/// The terms of a case: those of its weightiest report, and something for each reporter beside that one.
pub(super) fn of_case(
    weights: &Weights,
    reports: &[Vec<PriorityTerm>],
    reporters: usize,
) -> Vec<PriorityTerm> {
    // Not within the bounds: of two that are both below the least, one is nearer to it.
    let weightiest = reports.iter().max_by(|a, b| raw(a).total_cmp(&raw(b)));
    let mut terms = weightiest.cloned().unwrap_or_default();
    let further = u32::try_from(reporters.saturating_sub(1)).unwrap_or(u32::MAX);
    if further > 0 {
        terms.push(PriorityTerm { name: FURTHER.to_owned(), points: f64::from(further) * weights.further });
    }
    terms
}

const FURTHER: &str = "further_reporters";

/// Whether this counts other reporters, and belongs to no report.
pub(super) fn is_further(term: &PriorityTerm) -> bool {
    term.name == FURTHER
}

/// A priority as it is stored and shown.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the bounds")]
pub(super) fn whole(terms: &[PriorityTerm]) -> u32 {
    sum(terms).round() as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reporter(accuracy: f64, is_marked: bool, is_automatic: bool) -> Reporter {
        Reporter { accuracy, is_marked, is_automatic }
    }

    #[test]
    fn the_default_is_the_published_formula() {
        let priority = |reporter| whole(&terms(&Weights::default(), reporter));
        assert_eq!(priority(reporter(50.0, false, false)), 20);
        assert_eq!(priority(reporter(100.0, false, false)), 60);
        assert_eq!(priority(reporter(100.0, false, true)), 85);
        assert_eq!(priority(reporter(0.0, false, false)), 5, "20 - 40, and at least 5");
        assert_eq!(priority(reporter(75.0, true, false)), 10);
    }

    #[test]
    fn who_has_reported_nothing_is_believed_neither_more_nor_less() {
        assert!((accuracy(0, 0) - 50.0).abs() < 1e-9);
        assert!(accuracy(1, 1) < 70.0 && accuracy(0, 1) > 30.0 && accuracy(98, 98) > 98.0);
    }

    #[test]
    fn of_reports_below_the_least_the_nearest_to_it_counts() {
        let weights = Weights::default();
        let of = |decided| terms(&weights, reporter(accuracy(0, decided), false, false));
        let (one, two) = (of(1), of(20));
        let points: f64 = of_case(&weights, &[one.clone(), two], 2).iter().map(|term| term.points).sum();
        let alone: f64 = one.iter().map(|term| term.points).sum();
        assert!((points - alone - weights.further).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn a_priority_is_within_its_bounds_and_what_its_terms_say(
            weights in prop::array::uniform5(-100.0..100.0_f64),
            reports in prop::collection::vec((0..1_000_u32, 0..1_000_u32, any::<bool>(), any::<bool>()), 0..20),
            reporters in 0..1_000_usize,
        ) {
            let [base, accuracy_weight, marked, automatic, further] = weights;
            let weights = Weights { base, accuracy: accuracy_weight, marked, automatic, further };
            let reports: Vec<_> = reports
                .into_iter()
                .map(|(agreed, decided, is_marked, is_automatic)| {
                    terms(&weights, reporter(accuracy(agreed, decided), is_marked, is_automatic))
                })
                .collect();
            let shown = of_case(&weights, &reports, reporters);
            let said: f64 = shown.iter().map(|term| term.points).sum();
            prop_assert!((5..=100).contains(&whole(&shown)));
            prop_assert!((sum(&shown) - said.clamp(5.0, 100.0)).abs() < 1e-9);
        }

        #[test]
        fn more_reports_of_more_people_never_make_a_case_less_urgent(
            decided in prop::collection::vec((0..50_u32, 0..50_u32), 1..10),
        ) {
            let weights = Weights::default();
            let reports: Vec<_> = decided
                .into_iter()
                .map(|(agreed, decided)| terms(&weights, reporter(accuracy(agreed, decided), false, false)))
                .collect();
            let fewer = reports.len() - 1;
            let (less, more) = (of_case(&weights, &reports[..fewer], fewer), of_case(&weights, &reports, fewer + 1));
            prop_assert!(fewer == 0 || sum(&more) >= sum(&less));
        }
    }
}
