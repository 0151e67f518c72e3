//! Which context may use which is a table in ARCHITECTURE.md, and what is no context is listed below it.

use std::collections::BTreeSet;
use std::fs;

use crate::tree::{Source, root, sources};

/// What ARCHITECTURE.md says.
struct Map {
    /// Each context, and those it may use.
    contexts: Vec<(String, Vec<String>)>,
    /// Folders that are no contexts.
    others: Vec<String>,
}

impl Map {
    fn read(text: &str) -> Self {
        let (_, table) = text.split_once("| context | may use |").expect("the table of contexts");
        let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
        let contexts = rows.map(|row| {
            let mut cells = row.split('|').skip(1).map(str::trim);
            let (context, may) = (cells.next().unwrap(), cells.next().unwrap());
            let may = may.split([',', ' ']).filter(|word| !word.is_empty()).map(str::to_owned).collect();
            (context.to_owned(), may)
        });
        let (_, others) = table.split_once("No contexts:").expect("the list of what is no context");
        let others = others.split(['.', ';']).next().unwrap().split('`').skip(1).step_by(2);
        Self { contexts: contexts.collect(), others: others.map(str::to_owned).collect() }
    }

    fn of_the_project() -> Self {
        Self::read(&fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap())
    }

    /// What does not agree with these sources of the library, by their paths within it.
    fn disagrees(&self, sources: &[Source]) -> Vec<String> {
        let mut wrong = Vec::new();
        let folders: BTreeSet<&str> =
            sources.iter().filter_map(|source| Some(source.path.split_once('/')?.0)).collect();
        let registers =
            |source: &&Source| !source.path.contains('/') && source.text.contains("Operations::context(");
        let registered = sources.iter().filter(registers).map(|source| source.path.trim_end_matches(".rs"));
        let contexts: BTreeSet<&str> = self.contexts.iter().map(|(context, _)| context.as_str()).collect();
        let others: BTreeSet<&str> = self.others.iter().map(String::as_str).collect();
        for folder in &folders {
            if !contexts.contains(folder) && !others.contains(folder) {
                wrong.push(format!("{folder}/ is in neither list of ARCHITECTURE.md"));
            }
        }
        for context in registered.filter(|context| !contexts.contains(context)) {
            wrong.push(format!("{context}.rs has operations, and is not in the table of ARCHITECTURE.md"));
        }
        for gone in others.iter().filter(|other| !folders.contains(*other)) {
            wrong.push(format!("ARCHITECTURE.md names {gone}/, which is gone"));
        }
        for (context, may) in &self.contexts {
            let of_context: Vec<&Source> = sources
                .iter()
                .filter(|source| {
                    source.path == format!("{context}.rs") || source.path.starts_with(&format!("{context}/"))
                })
                .collect();
            if of_context.is_empty() {
                wrong.push(format!("ARCHITECTURE.md names {context}, which is gone"));
            }
            for source in of_context {
                for (other, _) in
                    self.contexts.iter().filter(|(other, _)| other != context && !may.contains(other))
                {
                    if uses(&source.text, other) {
                        wrong.push(format!(
                            "{} uses {other}, and {context} may use only {may:?}",
                            source.path
                        ));
                    }
                }
            }
        }
        wrong
    }
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

fn library() -> Vec<Source> {
    let folder = "crates/moothall/src";
    let within = |source: Source| Source { path: source.path[folder.len() + 1..].to_owned(), ..source };
    sources(&[folder]).into_iter().map(within).collect()
}

#[test]
fn contexts_name_only_those_they_may_and_each_is_in_the_table() {
    let wrong = Map::of_the_project().disagrees(&library());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_the_map_does_not_show_or_allow_is_seen() {
    let map = Map::read(
        "| context | may use |\n|---|---|\n| inns | users |\n| users | – |\n\nNo contexts: `clock` and `mail`. Any may use them.",
    );
    let tree = |changed: &[(&str, &str)]| {
        let mut files = vec![
            ("clock/fake.rs", ""),
            ("inns.rs", "Operations::context(); users::find()"),
            ("inns/store.rs", ""),
            ("mail/smtp.rs", ""),
            ("users.rs", "Operations::context()"),
        ];
        files.retain(|(path, _)| changed.iter().all(|(changed, _)| path != changed));
        files.extend(changed.iter().filter(|(_, text)| *text != "gone"));
        let source = |(path, text): (&str, &str)| Source { path: path.into(), text: text.into() };
        map.disagrees(&files.into_iter().map(source).collect::<Vec<_>>())
    };
    assert_eq!(tree(&[]), Vec::<String>::new());
    for wrong in [
        ("games/store.rs", ""),
        ("games.rs", "Operations::context()"),
        ("users/store.rs", "use crate::inns;"),
        ("users.rs", "gone"),
        ("mail/smtp.rs", "gone"),
    ] {
        assert_eq!(tree(&[wrong]).len(), 1, "{wrong:?}");
    }
}
