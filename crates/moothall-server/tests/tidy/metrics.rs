//! Every metric says what it is: in `/metrics` by its description, and in the guide for operators.

use std::collections::BTreeSet;
use std::fs;

use crate::tree::{Source, root, sources};

/// The names of the metrics that these sources write; where one is no literal, the line instead.
fn written(sources: &[Source]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for source in sources {
        for kind in ["counter!(", "gauge!(", "histogram!("] {
            for (start, _) in source.text.match_indices(kind) {
                let (before, rest) = source.text.split_at(start);
                // Those only describe.
                if before.ends_with("describe_") {
                    continue;
                }
                let argument = rest[kind.len()..].trim_start();
                let literal = argument.strip_prefix('"').and_then(|rest| rest.split('"').next());
                let line = || format!("{}: {}", source.path, rest.lines().next().unwrap_or_default());
                found.insert(literal.map_or_else(line, str::to_owned));
            }
        }
    }
    found
}

/// The names that are described: the first of each pair of texts. A call of a function has its name before the bracket.
fn described(observe: &str) -> BTreeSet<String> {
    let brackets = observe.match_indices('(').map(|(start, _)| observe.split_at(start));
    let pairs = brackets.filter(|(before, _)| before.ends_with(char::is_whitespace));
    let names = pairs.filter_map(|(_, pair)| pair[1..].trim_start().strip_prefix('"')?.split_once('"'));
    names.filter(|(_, rest)| rest.starts_with(',')).map(|(name, _)| name.to_owned()).collect()
}

fn wrong(sources: &[Source], observe: &str, guide: &str) -> Vec<String> {
    let (written, described) = (written(sources), described(observe));
    let mut wrong = Vec::new();
    for name in &written {
        if !described.contains(name) {
            wrong.push(format!("{name} has no description in observe.rs"));
        }
        if ["`", "{"].iter().all(|end| !guide.contains(&format!("`{name}{end}"))) {
            wrong.push(format!("{name} is not in docs/operations.md"));
        }
    }
    let unwritten = described.difference(&written);
    wrong.extend(unwritten.map(|name| format!("{name} is described, and nothing writes it")));
    wrong
}

#[test]
fn every_metric_is_described_and_in_the_guide() {
    let mut sources = sources(&["crates"]);
    sources.retain(|source| {
        let of_product =
            !["moothall-bench/", "moothall-testing/"].iter().any(|part| source.path.contains(part));
        of_product && source.path.contains("/src/")
    });
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let wrong = wrong(&sources, &read("crates/moothall-server/src/observe.rs"), &read("docs/operations.md"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_metric_that_nobody_describes_is_seen() {
    let source = |text: &str| [Source { path: "crates/moothall/src/rooms.rs".into(), text: text.into() }];
    let observe = "const COUNTERS = [\n(\"rooms_total\", \"Rooms\"),\n(\n\"rooms_gone_total\",\n\"Gone\")];";
    let guide = "| `rooms_total{kind}`, `rooms_gone_total` | rooms |";
    let gone = "metrics::counter!(\n    \"rooms_gone_total\").increment(1);";
    let good = format!("metrics::counter!(\"rooms_total\", \"kind\" => kind).increment(1);{gone}");
    assert_eq!(wrong(&source(&good), observe, guide), Vec::<String>::new());
    assert_eq!(wrong(&source(&good), "", guide).len(), 2, "not described");
    assert_eq!(wrong(&source(&good), observe, "`rooms_total`").len(), 1, "not in the guide");
    assert_eq!(wrong(&source(gone), observe, guide).len(), 1, "nothing writes it");
    let unnamed = format!("{good}gauge!(name).set(1.0);");
    assert_eq!(wrong(&source(&unnamed), observe, guide).len(), 2, "no literal");
}
