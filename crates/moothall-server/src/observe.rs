//! What the server says of itself: its log, its metrics, and its panics, which are counted.

use std::io::IsTerminal as _;

use anyhow::{Context as _, Result};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Writes the log to standard error from now on, and every panic into it.
pub fn start_log(log: &Log) -> Result<()> {
    let filter = EnvFilter::try_new(&log.level).context("log.level is wrong")?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match log.format {
        LogFormat::Text => builder.with_target(false).with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    std::panic::set_hook(Box::new(|panic| {
        metrics::counter!("panics_total").increment(1);
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        // What a panic says may hold what a player sent; where it happened does not.
        let backtrace = std::backtrace::Backtrace::capture();
        tracing::error!(place, "The server has a bug: panic at {place}\n{backtrace}");
    }));
    Ok(())
}

/// Seconds of an operation or a write, from a tenth of a millisecond to ten seconds.
const SECONDS: [f64; 11] = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 2.0, 10.0];
/// How many rows, events or closures went together.
const SIZES: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 512.0];

/// Collects metrics from now on; the handle renders them for `/metrics`.
pub fn start_metrics() -> Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_size".into()), &SIZES)?
        .install_recorder()?;
    metrics::describe_counter!("panics_total", "Bugs that stopped a task");
    metrics::counter!("panics_total").absolute(0);
    Ok(handle)
}

/// Metrics as `/metrics` shows them, with what the operating system knows of this process.
pub fn render(handle: &PrometheusHandle) -> String {
    // Without the upkeep a histogram keeps every sample until somebody asks.
    handle.run_upkeep();
    let mut text = handle.render();
    text.push_str(&process());
    text
}

/// The process in the names that Prometheus' own client libraries use.
fn process() -> String {
    const PAGE_BYTES: u64 = 4096;
    const TICKS_PER_SECOND: f64 = 100.0;
    let mut text = String::new();
    let mut gauge = |name: &str, kind: &str, value: f64| {
        text.push_str(&format!("# TYPE {name} {kind}\n{name} {value}\n"));
    };
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    if let Some(pages) = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()) {
        gauge("process_resident_memory_bytes", "gauge", (pages * PAGE_BYTES) as f64);
    }
    // The name in brackets may hold anything, so the fields are counted from its end: utime and stime are the 12th and 13th.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    gauge("process_cpu_seconds_total", "counter", ticks as f64 / TICKS_PER_SECOND);
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        gauge("process_open_fds", "gauge", files.count() as f64);
    }
    text
}
