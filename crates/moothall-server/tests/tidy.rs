//! Rules of the whole tree that no compiler checks.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "for tests: what goes wrong here fails the test"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn core() -> Vec<(String, String)> {
    let folder = root().join("crates/moothall/src");
    let mut paths = Vec::new();
    sources(&folder, &mut paths);
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&folder).unwrap().display().to_string();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect()
}

#[test]
fn sql_stands_in_store_files_only() {
    let verbs = ["\"SELECT ", "\"INSERT INTO ", "\"UPDATE ", "\"DELETE FROM "];
    for (name, text) in core() {
        // `testing.rs` is compiled for tests only, and makes rows that no operation can make yet.
        if !name.ends_with("store.rs") && name != "testing.rs" {
            assert!(
                !verbs.iter().any(|verb| text.contains(verb)),
                "{name} holds SQL: move it to the store.rs of its context"
            );
        }
    }
}

#[test]
fn every_store_file_is_among_the_statements_that_are_prepared() {
    let known: BTreeSet<&str> = moothall::statements().into_iter().map(|(_, sql)| sql).collect();
    // Texts are compared as they are in the source, without white space: a line that goes on is one text.
    let plain = |text: &str| text.chars().filter(|c| !c.is_whitespace() && *c != '\\').collect::<String>();
    let known: Vec<String> = known.into_iter().map(plain).collect();
    for (name, text) in core().into_iter().filter(|(name, _)| name.ends_with("store.rs")) {
        let (before, rest) =
            text.split_once("statements! {").unwrap_or_else(|| panic!("{name} has no `statements!`"));
        let (inside, after) = rest.split_once("\n}\n").unwrap();
        // Texts that several statements begin with are macros before them.
        let before = before.split("macro_rules!").next().unwrap();
        // What tests ask stands at the end.
        let after = after.split("#[cfg(test)]").next().unwrap();
        for outside in [before, after] {
            for verb in ["\"SELECT ", "\"INSERT ", "\"UPDATE ", "\"DELETE ", "\"WITH "] {
                assert!(
                    !outside.contains(verb),
                    "{name} has SQL outside of its `statements!`: nothing prepares it"
                );
            }
        }
        let whole =
            inside.split("= \"").skip(1).filter_map(|text| text.split_once("\";")).map(|(sql, _)| plain(sql));
        let whole: Vec<String> = whole.filter(|sql| !sql.contains('"')).collect();
        let joined = whole.iter().filter(|sql| known.iter().any(|known| known.starts_with(*sql))).count();
        assert_eq!(joined, whole.len(), "{name} is not joined to `moothall::statements()`");
    }
}

/// Who may use whom, as ARCHITECTURE.md says.
fn table() -> Vec<(String, Vec<String>)> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (_, table) = text.split_once("| context | may use |").expect("the table of contexts");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let mut cells = row.split('|').skip(1).map(str::trim);
        let (context, may) = (cells.next().unwrap(), cells.next().unwrap());
        let may = may.split([',', ' ']).filter(|word| !word.is_empty()).map(str::to_owned).collect();
        (context.to_owned(), may)
    })
    .collect()
}

/// Whether a source names this context: by a path, or in a group of imports.
fn uses(text: &str, other: &str) -> bool {
    let code: String =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let by_path = code.match_indices(&format!("{other}::")).any(|(at, _)| {
        let before = &code[..at];
        // `protocol::accounts::…` are types of the wire, and a field or variable is no path.
        !is_word(before.chars().next_back()) && (!before.ends_with("::") || before.ends_with("crate::"))
    });
    let imported =
        code.split("use crate::").skip(1).filter_map(|rest| rest.split(';').next()).any(|imports| {
            let mut depth = 0;
            let mut heads = vec![String::new()];
            for c in imports.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth <= 1 => heads.push(String::new()),
                    c if !c.is_whitespace() => heads.last_mut().unwrap().push(c),
                    _ => {}
                }
            }
            heads.iter().any(|head| head.split("::").next() == Some(other))
        });
    by_path || imported
}

#[test]
fn the_rule_of_contexts_sees_each_way_of_naming_one() {
    for code in [
        "use crate::accounts;",
        "use crate::{Cx, accounts::{A, B}};",
        "f(accounts::find(cx))",
        "crate::accounts::x()",
    ] {
        assert!(uses(code, "accounts"), "{code}");
    }
    for code in [
        "use crate::protocol::accounts::A;",
        "use moothall_protocol::accounts::A;",
        "my_accounts::x()",
        "// accounts::x",
    ] {
        assert!(!uses(code, "accounts"), "{code}");
    }
}

#[test]
fn contexts_name_only_those_they_may() {
    let allowed = table();
    for (context, may) in &allowed {
        for (name, text) in core()
            .iter()
            .filter(|(name, _)| name.starts_with(&format!("{context}/")) || *name == format!("{context}.rs"))
        {
            for (other, _) in allowed.iter().filter(|(other, _)| other != context && !may.contains(other)) {
                let uses = uses(text, other);
                assert!(!uses, "{name} uses {other}, and {context} may use only {may:?}");
            }
        }
    }
}

#[test]
fn every_migration_is_named_and_none_was_edited() {
    let folder = root().join("crates/moothall/migrations");
    let files: BTreeSet<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let named: BTreeSet<String> =
        moothall::MIGRATIONS.iter().map(|migration| migration.name.to_owned()).collect();
    assert_eq!(files, named, "every file stands in `MIGRATIONS`, and every name has its file");
    assert!(moothall::MIGRATIONS.is_sorted_by_key(|migration| migration.name), "oldest first");
    let kept = fs::read_to_string(folder.join("CHECKSUMS")).unwrap();
    for line in kept.lines() {
        let name = line.split(' ').next().unwrap();
        assert!(files.contains(name), "{name} has landed, and its file is gone");
    }
    for migration in moothall::MIGRATIONS {
        let line = format!("{} {:016x}", migration.name, fnv(migration.sql));
        assert!(
            kept.lines().any(|known| known == line),
            "{} is not what landed: add a migration instead of editing one. A new one needs this line in CHECKSUMS:\n{line}",
            migration.name
        );
    }
}

fn fnv(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[tokio::test]
async fn every_statement_prepares_on_a_migrated_database_of_each_engine() {
    for database in moothall_testing::databases::engines().await {
        let mut settings = moothall::Settings::default();
        settings.store.url = database.url().to_owned();
        settings.store.allow_unsafe_durability = true;
        let hall = moothall::Hall::builder(settings).open().await.unwrap();
        hall.store().prepare_all(&moothall::statements()).await.unwrap();
        hall.close().await;
    }
}

/// A limit is reached by the test of a schema's bounds if a schema has it, and by a test that names it otherwise.
#[test]
fn every_limit_is_reached_by_a_test() {
    let (mut schemas, mut tests) = (String::new(), String::new());
    let mut paths = Vec::new();
    sources(&root().join("crates"), &mut paths);
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let path = path.strip_prefix(root()).unwrap().display().to_string();
        if path.ends_with("tests.rs") || path.contains("/tests/") {
            tests.push_str(&text);
        } else if let Some((_, inline)) = text.split_once("#[cfg(test)]\nmod tests {") {
            tests.push_str(inline);
        }
        if path.contains("moothall-protocol/src") && !path.ends_with("limits.rs") {
            schemas.push_str(&text);
        }
    }
    let words = |text: &str| -> BTreeSet<String> {
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').map(str::to_owned).collect()
    };
    let (schemas, tests) = (words(&schemas), words(&tests));
    let unreached: Vec<String> = moothall_protocol::limits::all()
        .into_iter()
        .map(|limit| limit.name.to_uppercase())
        .filter(|name| !schemas.contains(name) && !tests.contains(name))
        .collect();
    assert!(unreached.is_empty(), "no test reaches {unreached:?}");
}
