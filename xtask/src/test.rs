//! `cargo xtask test`: every test, with whatever services this machine has, and a loud list of what was left out.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use clap::Args;

use crate::step::{Step, cargo, find};
use crate::{foreign, postgres, root};

/// What to run.
#[derive(Args)]
pub struct Arguments {
    /// Fail when a service or a tool is missing, instead of leaving its tests out.
    #[arg(long)]
    require_services: bool,
    /// Leave out what takes minutes: foreign clients, crashes and power cuts.
    #[arg(long)]
    fast: bool,
    /// How often the child that writes is killed, on each engine.
    #[arg(long, value_name = "NUMBER")]
    crash_cycles: Option<u64>,
    /// How often the power is cut.
    #[arg(long, value_name = "NUMBER")]
    power_cuts: Option<u64>,
    /// The moments of another run of crashes and cuts, which printed this number.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Only tests with this in their name.
    filter: Option<String>,
}

/// What a run of tests added up to.
#[derive(Default)]
struct Total {
    passed: u64,
    failed: u64,
    skipped: u64,
}

/// Starts the services, runs the tests, and ends with how many passed, failed and were skipped.
pub fn run(arguments: &Arguments) -> Result<()> {
    let mut left_out = Vec::new();
    let mut variables = Vec::new();
    let postgres = match postgres::Server::start() {
        Ok(server) => {
            variables.push((postgres::URL, server.url.clone().into()));
            Some(server)
        }
        Err(error) => {
            left_out.push(format!("everything on PostgreSQL ({error:#})"));
            None
        }
    };
    if arguments.fast {
        left_out.push("foreign clients, crashes and power cuts (--fast)".to_owned());
    } else {
        match foreign::python() {
            Ok(python) => variables.push((foreign::PYTHON, python.into_os_string())),
            Err(error) => left_out.push(format!("clients in Python, schemathesis ({error:#})")),
        }
        match foreign::node() {
            Ok(node) => variables.push((foreign::NODE, node.into_os_string())),
            Err(error) => left_out.push(format!("the client in Node ({error:#})")),
        }
        match foreign::browser() {
            Ok(browser) => variables.push((foreign::BROWSER, browser.into_os_string())),
            Err(error) => left_out.push(format!("the page in a browser ({error:#})")),
        }
    }
    if arguments.require_services {
        if !left_out.is_empty() {
            bail!("these would be left out, and --require-services is given:\n  {}", left_out.join("\n  "));
        }
        variables.push(("MOOTHALL_REQUIRE_SERVICES", "1".into()));
    }
    let numbers = [
        ("MOOTHALL_TEST_CRASH_CYCLES", arguments.crash_cycles),
        ("MOOTHALL_TEST_POWER_CUTS", arguments.power_cuts),
        ("MOOTHALL_TEST_SEED", arguments.seed),
    ];
    for (name, number) in numbers {
        variables.extend(number.map(|number| (name, number.to_string().into())));
    }
    let set = |step: Step| variables.iter().fold(step, |step, (name, value)| step.env(name, value));

    let mut total = Total::default();
    let mut succeeded = set(documentation(arguments)).watch(|line| total.add(line))?;
    for step in programs(arguments)? {
        succeeded &= set(step).watch(|line| total.add(line))?;
    }
    drop(postgres);

    // A container often has no such device, and cannot be given one from within: told, and no error.
    if !arguments.fast && std::fs::File::options().read(true).write(true).open("/dev/fuse").is_err() {
        left_out.push("power cuts (this machine lets nobody use /dev/fuse)".to_owned());
    }
    for part in &left_out {
        println!("\nSKIPPED: {part}");
    }
    println!("\nTotal: {} passed, {} failed, {} skipped", total.passed, total.failed, total.skipped);
    if !succeeded || total.passed == 0 {
        bail!("the tests failed");
    }
    Ok(())
}

/// The examples in the documentation, which nextest does not run.
fn documentation(arguments: &Arguments) -> Step {
    cargo(["test", "--workspace", "--doc", "--no-fail-fast", "--"]).args(&arguments.filter)
}

/// Targets of tests that take minutes.
const LONG: [&str; 3] = ["crash", "foreign", "power"];

/// Everything else, with nextest where it is installed: it runs tests of all crates side by side.
fn programs(arguments: &Arguments) -> Result<Vec<Step>> {
    if find("cargo-nextest").is_some() {
        let step = cargo(["nextest", "run", "--workspace", "--no-fail-fast", "--color=never"]);
        let step = if arguments.fast {
            let long = LONG.map(|name| format!("binary({name})")).join(" or ");
            step.arg("--filterset").arg(format!("not ({long})"))
        } else {
            step
        };
        return Ok(vec![step.args(&arguments.filter)]);
    }
    let all = || cargo(["test", "--workspace", "--no-fail-fast"]);
    if !arguments.fast {
        return Ok(vec![all().args(["--all-targets", "--"]).args(&arguments.filter)]);
    }
    // By target: the name of a test says nothing of how long it takes.
    let mut short = all().args(["--lib", "--bins", "--examples"]);
    for name in targets()?.iter().filter(|name| !LONG.contains(&name.as_str())) {
        short = short.args(["--test", name]);
    }
    Ok(vec![short.arg("--").args(&arguments.filter)])
}

/// The test targets of the workspace: files and folders in `tests` of each crate.
fn targets() -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for folder in ["crates", "examples"] {
        for package in std::fs::read_dir(root().join(folder))? {
            let Ok(tests) = std::fs::read_dir(package?.path().join("tests")) else { continue };
            for entry in tests {
                let path = entry?.path();
                let is_target =
                    path.extension().is_some_and(|it| it == "rs") || path.join("main.rs").is_file();
                let name = path.file_stem().map(|name| name.to_string_lossy().into_owned());
                names.extend(name.filter(|_| is_target));
            }
        }
    }
    Ok(names)
}

impl Total {
    /// Adds what a summary line says: `test result: ok. 3 passed; 0 failed; …` or `Summary [ 9.1s] 3 tests run: 3 passed, …`. Of a test that
    /// fails nextest shows, indented, what it printed: its `test result` stands in the summary, too.
    fn add(&mut self, line: &str) {
        if !line.starts_with("test result:") && !line.trim_start().starts_with("Summary [") {
            return;
        }
        let words: Vec<&str> =
            line.split([' ', ',', ';', ':', '.']).filter(|word| !word.is_empty()).collect();
        for pair in words.windows(2) {
            let [number, what] = pair else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match *what {
                "passed" => self.passed += number,
                "failed" | "timed" => self.failed += number,
                "ignored" | "skipped" => self.skipped += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summaries_of_both_runners_are_added_up() {
        let mut total = Total::default();
        total.add(
            "test result: ok. 3 passed; 1 failed; 2 ignored; 0 measured; 9 filtered out; finished in 0.00s",
        );
        total.add(
            "     Summary [   1.234s] 14 tests run: 10 passed (1 slow), 3 failed, 1 timed out, 5 skipped",
        );
        total.add("test the_9_passed ... ok");
        total.add("    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 36 filtered out");
        assert_eq!((total.passed, total.failed, total.skipped), (13, 5, 7));
    }

    #[test]
    fn all_long_targets_are_found() {
        let found = targets().unwrap();
        assert!(LONG.iter().all(|name| found.contains(*name)), "{found:?}");
        assert!(found.contains("api") && found.contains("tidy"), "{found:?}");
    }
}
