//! Every scenario still works. What it measures in so short a time is worth nothing.

#![allow(clippy::unwrap_used, reason = "for tests: what goes wrong here fails the test")]

use std::path::Path;
use std::process::Command;

const BENCH: &str = env!("CARGO_BIN_EXE_moothall-bench");

fn printed(arguments: &[&str]) -> String {
    let output = Command::new(BENCH).args(arguments).output().unwrap();
    let (out, error) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{error}");
    out
}

#[test]
fn every_scenario_comes_to_figures() {
    assert!(
        Path::new(BENCH).with_file_name("moothall").is_file(),
        "the program `moothall`: cargo build --package moothall-server"
    );
    let table = printed(&["--quick", "--repetitions", "1"]);
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    for name in printed(&["--list"]).lines() {
        assert!(rows.iter().any(|row| row.starts_with(&format!("| {name}"))), "{name} is missing:\n{table}");
    }
    for nothing in ["sign-ins lost", "players the server does not count"] {
        let row = rows.iter().find(|row| row.contains(nothing)).unwrap();
        assert!(row.contains("| 0.00 |"), "{row}");
    }
}
