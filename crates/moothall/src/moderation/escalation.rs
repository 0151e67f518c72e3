//! What follows from the next offence of somebody who has a history: a table proposes, a moderator decides. Pure.

use std::time::Duration;

use moothall_protocol::Timestamp;

/// What past offences count together: each one 1 when it happened, and half of that for each half-life since.
pub(super) fn history(offences: &[Timestamp], now: Timestamp, half_life: Duration) -> f64 {
    let half_life = half_life.as_secs_f64().max(1.0);
    offences.iter().fold(0.0, |sum, at| sum + 0.5_f64.powf(now.since(*at).as_secs_f64() / half_life))
}

/// The step of a table of so many that follows, from 0. History counts up: what is nearly one offence is one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded, and never negative")]
pub(super) fn step(history: f64, steps: usize) -> usize {
    let most = steps.saturating_sub(1);
    (history.max(0.0).min(most as f64) + 0.25).floor() as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3_600);

    fn at(day: u32) -> Timestamp {
        Timestamp::from_micros(1_795_000_000_000_000) + DAY * day
    }

    #[test]
    fn each_offence_is_a_step_and_time_takes_it_back() {
        let after = |offences: &[u32], day: u32| {
            let offences: Vec<_> = offences.iter().map(|day| at(*day)).collect();
            step(history(&offences, at(day), DAY * 90), 4)
        };
        assert_eq!(after(&[], 0), 0);
        assert_eq!(after(&[0], 1), 1);
        assert_eq!(after(&[0, 1], 2), 2);
        assert_eq!(after(&[0, 1, 2, 3, 4, 5, 6], 7), 3, "the last step stays the last");
        assert_eq!(after(&[0], 400), 0);
    }

    proptest! {
        #[test]
        fn a_step_is_one_of_the_table(history in -10.0..1e9_f64, steps in 1..20_usize) {
            prop_assert!(step(history, steps) < steps);
        }
    }
}
