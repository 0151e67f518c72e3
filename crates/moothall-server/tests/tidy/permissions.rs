//! Every permission there is can be given: a role may hold it, and so may a key.

use std::collections::BTreeSet;

use crate::tree::sources;

/// The names of permissions that are constants in this text.
fn constants(text: &str) -> impl Iterator<Item = &str> {
    text.split("Permission = Permission(\"").skip(1).filter_map(|rest| rest.split('"').next())
}

#[test]
fn every_permission_can_be_given() {
    let registry = moothall::Registry::new(moothall::contexts()).unwrap();
    let known: BTreeSet<&str> = registry.permissions().collect();
    let mut sources = sources(&["crates/moothall/src"]);
    sources.retain(|source| !source.path.contains("/tests"));
    let all: BTreeSet<&str> = sources.iter().flat_map(|source| constants(&source.text)).collect();
    assert!(all.len() > 30, "{all:?}");
    let unknown: Vec<_> = all.difference(&known).collect();
    assert!(
        unknown.is_empty(),
        "no role can hold these; name them with `Operations::permission`: {unknown:?}"
    );
}

#[test]
fn a_permission_is_seen_wherever_it_stands() {
    let text = r#"pub const A: Permission = Permission("a.b"); const C: Permission = Permission("c");"#;
    assert_eq!(constants(text).collect::<Vec<_>>(), ["a.b", "c"]);
}
