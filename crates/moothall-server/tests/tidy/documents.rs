//! What the documents call by its name is there: operations, permissions, events and settings.

use std::collections::BTreeSet;
use std::fs;

use crate::tree::root;

/// Names of files, which look the same.
const FILES: [&str; 6] = ["rs", "json", "toml", "md", "db", "sh"];

/// What stands between backticks and looks like `context.name`.
fn named(text: &str) -> BTreeSet<&str> {
    let is_word =
        |word: &str| !word.is_empty() && word.chars().all(|char| char.is_ascii_lowercase() || char == '_');
    let is_name = |text: &&str| {
        text.split_once('.')
            .is_some_and(|(context, name)| is_word(context) && is_word(name) && !FILES.contains(&name))
    };
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).filter(is_name).collect()
}

/// The settings of a configuration file, by section and key, whether or not they are commented out; and its sections.
pub fn settings(example: &str) -> BTreeSet<String> {
    let mut section = String::new();
    let mut found = BTreeSet::new();
    for line in example.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name.to_owned();
            found.insert(section.clone());
        } else if let Some((key, _)) = line.trim_start_matches('#').split_once(" = ") {
            found.insert(format!("{section}.{key}"));
        }
    }
    found
}

fn known() -> BTreeSet<String> {
    let registry = moothall::Registry::new(moothall::contexts()).unwrap();
    let socket = fs::read_to_string(root().join("api/socket.json")).unwrap();
    let socket: serde_json::Value = serde_json::from_str(&socket).unwrap();
    let mut known = settings(&fs::read_to_string(root().join("config/example.toml")).unwrap());
    known.extend(registry.operations().iter().map(|operation| operation.name.to_owned()));
    known.extend(registry.permissions().map(str::to_owned));
    known.extend(socket["events"].as_object().unwrap().keys().cloned());
    // Belongs to the socket alone.
    known.insert("session.authenticate".to_owned());
    known
}

#[test]
fn what_the_documents_name_is_there() {
    let mut files = vec![root().join("README.md"), root().join("CHANGELOG.md")];
    files.extend(fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    files.retain(|file| file.extension().is_some_and(|extension| extension == "md"));
    let known = known();
    let mut gone = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let unknown = named(&text).into_iter().filter(|name| !known.contains(*name));
        gone.extend(unknown.map(|name| format!("{} names {name}", file.file_name().unwrap().display())));
    }
    assert!(gone.is_empty(), "there is no such operation, event or setting:\n{}", gone.join("\n"));
}

#[test]
fn a_name_of_nothing_is_seen() {
    let text =
        "`accounts.me` shows it, `rooms.rs` has it, `a b.c` and `2.0` are no names.\n`accounts.nothing`";
    assert_eq!(named(text), BTreeSet::from(["accounts.me", "accounts.nothing"]));
    let known = known();
    for name in ["accounts.me", "accounts.updated", "server.tls", "store.synchronous"] {
        assert!(known.contains(name), "{name}");
    }
    assert!(!known.contains("accounts.nothing"));
}
