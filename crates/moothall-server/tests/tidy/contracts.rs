//! What is generated and committed is what the code generates.

use std::fs;
use std::path::Path;

use crate::tree::root;

/// Which of these documents, by path and text, are not those in the folder.
fn stale<'a>(folder: &Path, documents: &'a [(impl AsRef<str>, String)]) -> Vec<&'a str> {
    let is_stale = |name: &str, text: &str| {
        let file = folder.join(Path::new(name).file_name().unwrap());
        fs::read_to_string(file).unwrap_or_default() != text
    };
    documents
        .iter()
        .map(|(name, text)| (name.as_ref(), text))
        .filter(|(name, text)| is_stale(name, text))
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn the_committed_contracts_are_those_of_the_code() {
    let registry = moothall::Registry::new(moothall::contexts()).unwrap();
    let documents = moothall_api::documents(&registry);
    let stale = stale(&root().join("api"), &documents);
    assert!(stale.is_empty(), "{stale:?} differ from the code: run `cargo xtask generate`");
}

#[test]
fn a_stale_or_missing_contract_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("kept.json"), "{}").unwrap();
    fs::write(folder.path().join("changed.json"), "[]").unwrap();
    let documents = ["v1/kept.json", "v1/changed.json", "v1/new.json"].map(|name| (name, "{}".to_owned()));
    assert_eq!(stale(folder.path(), &documents), ["v1/changed.json", "v1/new.json"]);
}
