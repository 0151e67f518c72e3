//! What the server says of itself: its log, its metrics, and its panics, which are counted.

use std::io::IsTerminal as _;
use std::time::Duration;

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

/// How often samples are put into the buckets of their histograms: until then each is kept as it is.
const UPKEEP: Duration = Duration::from_secs(5);

const COUNTERS: [(&str, &str); 37] = [
    ("panics_total", "Bugs that stopped a task"),
    ("operation_panics_total", "Bugs that stopped a request"),
    ("entity_panics_total", "Bugs that stopped a live entity"),
    ("partition_panics_total", "Bugs that lost a batch of commands to live entities"),
    ("operation_requests_total", "Requests by operation and outcome"),
    ("http_responses_total", "Answers over HTTP, by status"),
    ("http_connections_refused_total", "Connections closed because their network had all it may have"),
    (
        "http_accept_errors_total",
        "Connections that could not be accepted: most likely too few file descriptors",
    ),
    ("socket_closes_total", "Sockets that ended, by close code"),
    (
        "admissions_put_off_total",
        "Sockets, handshakes for TLS, sign-ins and refreshes told to come again later, because many came at once",
    ),
    ("tls_handshakes_failed_total", "Connections that did not get as far as TLS"),
    ("socket_messages_in_total", "Messages that sockets sent"),
    ("socket_messages_out_total", "Messages that sockets were sent"),
    ("sessions_resumed_total", "Sockets that went on where an earlier one broke"),
    ("store_retries_total", "Transactions that were run again"),
    ("partition_refused_total", "Commands to live entities refused because too many waited"),
    ("partition_timers_dropped_total", "Timers of live entities that were lost"),
    ("outbox_dropped_total", "Events dropped for clients that read too slowly"),
    ("outbox_slow_total", "Clients found to read too slowly"),
    ("outbox_over_total", "Clients disconnected because too much waited for them"),
    ("mail_sent_total", "Letters sent"),
    ("mail_delayed_total", "Letters that will be tried again"),
    ("mail_failed_total", "Letters given up"),
    ("letters_held_back_total", "Letters not sent because their address had so many within the hour"),
    ("accounts_erased_total", "Accounts erased"),
    ("accounts_guesses_wrong_total", "Wrong passwords and codes"),
    ("restrictions_refused_total", "Calls that a restriction refused, by its type"),
    ("bans_refused_total", "Sign-ups and sign-ins from where it is banned"),
    ("moderation_reports_total", "Reports that came in"),
    ("moderation_actions_total", "Actions of moderators, by kind"),
    ("accounts_guesses_throttled_total", "Sign-ins refused after too many wrong guesses"),
    ("accounts_passwords_refused_total", "Sign-ins refused because too many passwords waited to be checked"),
    ("accounts_refresh_tokens_reused_total", "Refresh tokens shown a second time"),
    ("jobs_done_total", "Jobs done"),
    ("jobs_failed_total", "Tries at jobs that failed and will be made again"),
    ("jobs_dead_total", "Jobs given up"),
    ("notifications_told_total", "Notices put into inboxes"),
];
const GAUGES: [(&str, &str); 5] = [
    ("admissions_waiting", "Sockets, handshakes for TLS, sign-ins and refreshes that wait for their turn"),
    ("sockets", "Open sockets"),
    ("http_connections", "Open HTTP connections"),
    ("partition_commands_waiting", "Commands that wait for live entities"),
    ("store_queue_depth", "Transactions that wait for a thread"),
];
const HISTOGRAMS: [(&str, &str); 5] = [
    ("operation_seconds", "Time of an operation"),
    ("store_write_seconds", "Time of a write, with the wait for its turn and the disk"),
    ("store_read_seconds", "Time of a read, with the wait for its turn"),
    ("store_batch_size", "Writes of one commit"),
    ("partition_batch_size", "Commands of one turn of a partition"),
];

/// Collects metrics from now on; the handle renders them for `/metrics`.
pub fn start_metrics() -> Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_size".into()), &SIZES)?
        .install_recorder()?;
    for (name, about) in COUNTERS {
        metrics::describe_counter!(name, about);
    }
    for (name, about) in GAUGES {
        metrics::describe_gauge!(name, about);
    }
    for (name, about) in HISTOGRAMS {
        metrics::describe_histogram!(name, about);
    }
    metrics::counter!("panics_total").absolute(0);
    let kept_up = handle.clone();
    // Nobody need ever ask for `/metrics`, and samples that nobody puts away would fill the memory.
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            kept_up.run_upkeep();
        }
    });
    Ok(handle)
}

/// Metrics as `/metrics` shows them, with what the operating system knows of this process.
pub fn render(handle: &PrometheusHandle) -> String {
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
