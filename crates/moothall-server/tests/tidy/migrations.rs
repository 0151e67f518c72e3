//! A migration that has landed is never edited, and none is forgotten.

use std::collections::BTreeSet;
use std::fs;

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
