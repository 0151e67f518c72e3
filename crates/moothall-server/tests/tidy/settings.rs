//! Every setting is read by something: what can be set does something (B73 of the original: a setting that nothing looked at).

use std::collections::BTreeSet;
use std::fs;

use crate::documents;
use crate::tree::{Source, root, sources};

/// Read by a method of the settings themselves, which must be called.
const BY_METHOD: [(&str, &str); 1] = [("moderation.escalation", ".escalation_of(")];

/// What reads settings: no tests, and not where they are only put together.
fn readers() -> Vec<Source> {
    let mut found = sources(&["crates"]);
    let is_reader = |path: &str| {
        path.contains("/src/")
            && !path.contains("/tests/")
            && !["/tests.rs", "/testing.rs", "/settings.rs"].iter().any(|end| path.ends_with(end))
    };
    found.retain(|source| is_reader(&source.path));
    for source in &mut found {
        if let Some(end) = source.text.find("#[cfg(test)]\nmod tests {") {
            source.text.truncate(end);
        }
    }
    found
}

/// Whether a field of this name is read there.
fn reads(text: &str, field: &str) -> bool {
    let access = format!(".{field}");
    let is_whole = |end: usize| {
        let next = text[end..].chars().next();
        next.is_none_or(|next| !next.is_alphanumeric() && next != '_' && next != '(')
    };
    text.match_indices(&access).any(|(at, found)| is_whole(at + found.len()))
}

/// Those of these settings that nothing reads.
fn unread<'a>(settings: &'a BTreeSet<String>, readers: &[Source]) -> Vec<&'a str> {
    let is_read = |setting: &str| {
        if let Some((_, method)) = BY_METHOD.iter().find(|(name, _)| *name == setting) {
            return readers.iter().any(|source| source.text.contains(method));
        }
        let field = setting.rsplit('.').next().unwrap();
        readers.iter().any(|source| reads(&source.text, field))
    };
    settings.iter().map(String::as_str).filter(|setting| !is_read(setting)).collect()
}

#[test]
fn b73_every_setting_is_read() {
    let example = fs::read_to_string(root().join("config/example.toml")).unwrap();
    let mut settings = documents::settings(&example);
    // Sections stand among them.
    settings.retain(|setting| {
        let is_section = example.lines().any(|line| line == format!("[{setting}]"));
        setting.contains('.') && !is_section
    });
    assert!(settings.len() > 100, "{}", settings.len());
    let unread = unread(&settings, &readers());
    assert!(unread.is_empty(), "nothing reads these settings:\n{}", unread.join("\n"));
}

#[test]
fn a_setting_that_nothing_reads_is_seen() {
    let text = "let a = settings.idle_ms; settings.port(); let b = settings.portly;";
    let source = Source { path: "a.rs".into(), text: text.into() };
    let settings = BTreeSet::from(["server.idle_ms".to_owned(), "server.port".to_owned()]);
    assert_eq!(unread(&settings, &[source]), ["server.port"]);
}
