//! Runs with something and without it, by turns: what one machine does at one time says little, and what it does at two times less.

use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;

use crate::talk::Hearing;

/// What the runs came to.
pub struct Paired {
    /// How much longer 99 in 100 messages took with it: the median of all pairs.
    pub ratio: f64,
    /// Microseconds.
    pub with: Histogram<u64>,
    pub without: Histogram<u64>,
}

/// Runs so many pairs, with and without it first by turns. `one_run` is told which.
pub fn run(pairs: u64, mut one_run: impl FnMut(bool) -> Result<Hearing>) -> Result<Paired> {
    one_run(false)?;
    let (mut ratios, [mut with, mut without]) =
        (Vec::new(), [Hearing::new()?.latency, Hearing::new()?.latency]);
    for pair in 0..pairs {
        let is_first = pair % 2 == 0;
        let (one, other) = (one_run(is_first)?, one_run(!is_first)?);
        let (one, other) = if is_first { (one, other) } else { (other, one) };
        let most = |hearing: &Hearing| hearing.latency.value_at_quantile(0.99) as f64;
        ratios.push(most(&one) / most(&other));
        with.add(&one.latency)?;
        without.add(&other.latency)?;
    }
    ratios.sort_by(f64::total_cmp);
    let ratio = *ratios.get(ratios.len() / 2).context("a ratio")?;
    Ok(Paired { ratio, with, without })
}
