//! A migration that has landed is never edited, and none is forgotten.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use moothall_store::Migration;

use crate::tree::root;

/// What is wrong with these files and migrations, if `kept` is what CHECKSUMS holds.
fn wrong(files: &BTreeSet<String>, migrations: &[Migration], kept: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let named: BTreeSet<String> = migrations.iter().map(|migration| migration.name.to_owned()).collect();
    for name in files.symmetric_difference(&named) {
        wrong.push(format!("{name} must be a file and stand in `MIGRATIONS`"));
    }
    if !migrations.is_sorted_by_key(|migration| migration.name) {
        wrong.push("`MIGRATIONS` is not in order: oldest first".into());
    }
    for name in kept.lines().filter_map(|line| line.split(' ').next()).filter(|name| !files.contains(*name)) {
        wrong.push(format!("{name} has landed, and its file is gone"));
    }
    for migration in migrations {
        let line = format!("{} {:016x}", migration.name, fnv(migration.sql));
        if !kept.lines().any(|known| known == line) {
            wrong.push(format!(
                "{} is not what landed: add a migration instead of editing one. A new one needs this line in CHECKSUMS:\n{line}",
                migration.name
            ));
        }
    }
    wrong
}

fn fnv(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn every_migration_is_named_and_none_was_edited() {
    let folder = root().join("crates/moothall/migrations");
    let files = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let kept = fs::read_to_string(folder.join("CHECKSUMS")).unwrap();
    let wrong = wrong(&files, moothall::MIGRATIONS, &kept);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The lines that landed and are not there any more, or not as they were.
fn gone<'a>(landed: &'a str, kept: &str) -> Vec<&'a str> {
    landed.lines().filter(|line| !kept.lines().any(|known| known == *line)).collect()
}

/// What git says, if there is git, and the history this needs.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(root()).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

#[test]
fn no_line_of_a_landed_migration_was_changed() {
    const KEPT: &str = "crates/moothall/migrations/CHECKSUMS";
    let kept = fs::read_to_string(root().join(KEPT)).unwrap();
    // On a branch what landed is where it left `main`; on `main` itself, the commit and the one before.
    let base = ["origin/main", "main", "HEAD"].iter().find_map(|main| git(&["merge-base", "HEAD", main]));
    let commits = base.into_iter().flat_map(|base| [format!("{base}~"), base]);
    let landed: Vec<_> =
        commits.filter_map(|commit| Some((git(&["show", &format!("{commit}:{KEPT}")])?, commit))).collect();
    if landed.is_empty() {
        eprintln!("SKIPPED: no history to compare the migrations with");
    }
    for (landed, commit) in landed {
        let gone = gone(&landed, &kept);
        assert!(gone.is_empty(), "landed with {commit}, and is not in CHECKSUMS: {gone:#?}");
    }
}

#[test]
fn a_changed_or_lost_line_of_a_landed_migration_is_seen() {
    assert_eq!(gone("1_a 01\n2_b 02\n", "1_a 01\n2_b 02\n3_c 03\n"), [""; 0]);
    assert_eq!(gone("1_a 01\n2_b 02", "1_a 01\n2_b 03\n"), ["2_b 02"]);
    assert_eq!(gone("1_a 01\n2_b 02", "2_b 02\n"), ["1_a 01"]);
}

#[test]
fn an_edited_or_forgotten_migration_is_seen() {
    const A: Migration = Migration { name: "1_a", sql: "one" };
    const B: Migration = Migration { name: "2_b", sql: "two" };
    let files = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let kept: String = [A, B].map(|one| format!("{} {:016x}\n", one.name, fnv(one.sql))).concat();
    let both = files(&["1_a", "2_b"]);
    assert_eq!(wrong(&both, &[A, B], &kept), Vec::<String>::new());
    assert_eq!(wrong(&both, &[B, A], &kept).len(), 1, "out of order");
    assert_eq!(wrong(&both, &[A], &kept).len(), 1, "not named");
    assert_eq!(wrong(&files(&["1_a"]), &[A], &kept).len(), 1, "gone");
    assert_eq!(wrong(&both, &[A, Migration { sql: "edited", ..B }], &kept).len(), 1, "edited");
    assert_eq!(wrong(&both, &[A, B], kept.lines().next().unwrap()).len(), 1, "new");
}
