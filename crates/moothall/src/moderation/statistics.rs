//! Figures of moderation by month. They are counted where things happen, so reading them is cheap, and name nobody.

use std::collections::BTreeMap;

use moothall_protocol::moderation::{ModerationMonth, ModerationStatistics, ReadModerationStatistics};

use super::{Error, store};
use crate::Cx;

/// Months that are shown when the request does not say.
const MONTHS: u32 = 12;

/// Reads the figures of the latest months in which anything happened.
pub async fn read(cx: &Cx, input: ReadModerationStatistics) -> Result<ModerationStatistics, Error> {
    let months = input.months.unwrap_or(MONTHS);
    let counted = cx.read(move |tx| store::months(tx, months)).await?;
    let months = counted.into_iter().rev().map(|(month, counted)| figures(month, &counted));
    Ok(ModerationStatistics { months: months.collect() })
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn figures(month: String, counted: &BTreeMap<String, i64>) -> ModerationMonth {
    let count = |name: &str| counted.get(name).copied().unwrap_or_default().unsigned_abs();
    let by = |prefix: &str| -> BTreeMap<String, u64> {
        let of = |(name, total): (&String, &i64)| {
            let rest = name.strip_prefix(prefix)?.strip_prefix('.')?;
            Some((rest.to_owned(), total.unsigned_abs()))
        };
        counted.iter().filter_map(of).collect()
    };
    let hours = |seconds: u64, of: u64| (of > 0).then(|| seconds as f64 / 3_600.0 / of as f64);
    let appeal_outcomes = by("appeals");
    let decided: u64 = appeal_outcomes.values().sum();
    let overturned = appeal_outcomes.get("overturn").copied().unwrap_or_default();
    ModerationMonth {
        reports: count("reports"),
        report_outcomes: by("reports"),
        cases: count("cases"),
        hours_to_decision: hours(count("case_seconds"), count("cases")),
        actions: by("actions"),
        reverted: count("reverted"),
        appeals: count("appeals"),
        hours_to_appeal_decision: hours(count("appeal_seconds"), decided),
        overturn_rate: (decided > 0).then(|| overturned as f64 / decided as f64),
        appeal_outcomes,
        month,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_what_was_counted() {
        let counted = [
            ("reports", 5),
            ("reports.agreed", 3),
            ("cases", 2),
            ("case_seconds", 7_200),
            ("actions.warn", 1),
            ("appeals", 4),
            ("appeals.uphold", 1),
            ("appeals.reduce", 1),
            ("appeals.overturn", 2),
        ];
        let counted = counted.iter().map(|(name, total)| ((*name).to_owned(), *total)).collect();
        let month = figures("2026-11".into(), &counted);
        assert_eq!((month.reports, month.cases, month.appeals), (5, 2, 4));
        assert_eq!(month.report_outcomes, BTreeMap::from([("agreed".to_owned(), 3)]));
        assert_eq!((month.hours_to_decision, month.overturn_rate), (Some(1.0), Some(0.5)));
    }
}
