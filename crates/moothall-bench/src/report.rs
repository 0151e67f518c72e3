//! Figures, and the table they end in.
#![expect(clippy::print_stdout, reason = "the table is what this prints")]

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::process::Spent;

/// What one run of a scenario came to, in one respect.
pub struct Figure {
    name: String,
    unit: &'static str,
    /// What we aim at, in the same unit, if we aim at anything.
    goal: Option<f64>,
    /// None where this machine lacks what it takes.
    value: Option<f64>,
    /// CPU microseconds that the load itself spent on it.
    load: Option<f64>,
    /// Microseconds.
    latency: Option<Histogram<u64>>,
}

impl Figure {
    pub fn new(name: impl Into<String>, unit: &'static str, value: f64) -> Self {
        Self { name: name.into(), unit, goal: None, value: Some(value), load: None, latency: None }
    }

    /// CPU time for each of `count` pieces of work.
    pub fn cpu(name: impl Into<String>, spent: Spent, count: u64) -> Self {
        let of_each = |time: Duration| time.as_secs_f64() * 1e6 / count as f64;
        Self { load: Some(of_each(spent.load)), ..Self::new(name, "CPU µs", of_each(spent.server)) }
    }

    /// This machine lacks what it takes.
    pub fn none(name: impl Into<String>, unit: &'static str) -> Self {
        Self { value: None, ..Self::new(name, unit, 0.0) }
    }

    pub fn goal(self, goal: f64) -> Self {
        Self { goal: Some(goal), ..self }
    }

    pub fn latency(self, latency: Histogram<u64>) -> Self {
        Self { latency: Some(latency), ..self }
    }
}

/// Prints what is above all rows. `load` is what the load itself spent, in the first repetition: where it comes near the rest, it was the load
/// that took the time.
pub fn head() {
    println!("{}; {}\n", machine(), crate::cores::said());
    println!("| work | unit | goal | median | range | load | p50 ms | p99 ms | p99.9 ms |");
    println!("|---|---|---|---|---|---|---|---|---|");
}

/// Prints what could be measured.
pub fn names(names: impl Iterator<Item = &'static str>) {
    for name in names {
        println!("{name}");
    }
}

/// Prints the rows of a scenario: each figure over all repetitions.
pub fn rows(repetitions: Vec<Vec<Figure>>) {
    let mut figures: Vec<(Figure, Vec<f64>)> = Vec::new();
    for figure in repetitions.into_iter().flatten() {
        let value = figure.value;
        let index =
            figures.iter().position(|(known, _)| (&known.name, known.unit) == (&figure.name, figure.unit));
        match index.and_then(|index| figures.get_mut(index)) {
            Some((known, values)) => {
                values.extend(value);
                if let (Some(all), Some(latency)) = (&mut known.latency, &figure.latency) {
                    // Of the same bounds, which always adds up.
                    let _ = all.add(latency);
                }
            }
            None => figures.push((figure, value.into_iter().collect())),
        }
    }
    for (figure, values) in figures {
        row(&figure, values);
    }
}

fn row(figure: &Figure, mut values: Vec<f64>) {
    values.sort_by(f64::total_cmp);
    let median = shown(values.get(values.len() / 2));
    let (low, high) = (shown(values.first()), shown(values.last()));
    let goal = figure.goal.map_or_else(|| "–".to_owned(), |goal| format!("≤ {goal}"));
    let load = shown(figure.load.filter(|load| *load > 0.0).as_ref());
    let milliseconds = |quantile| match &figure.latency {
        Some(latency) => shown(Some(&(latency.value_at_quantile(quantile) as f64 / 1_000.0))),
        None => "–".to_owned(),
    };
    let [half, most, nearly_all] = [0.5, 0.99, 0.999].map(milliseconds);
    let Figure { name, unit, .. } = figure;
    println!(
        "| {name} | {unit} | {goal} | {median} | {low} – {high} | {load} | {half} | {most} | {nearly_all} |"
    );
}

fn shown(value: Option<&f64>) -> String {
    match value {
        Some(value) if *value >= 100.0 => format!("{value:.0}"),
        Some(value) => format!("{value:.2}"),
        None => "–".to_owned(),
    }
}

/// Where this was measured.
fn machine() -> String {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("unknown processor", |(_, model)| model.trim());
    let count = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{count} × {model}, Linux {}", kernel.trim())
}
