//! SQL stands in the `store.rs` of its context, among the statements that are prepared on both engines, and nowhere else.
//!
//! What counts is each string literal as the compiler reads it: raw, over several lines, within a macro or put together by `concat!`.

use moothall_testing::databases;
use syn::ext::IdentExt as _;
use syn::parse::{ParseBuffer, ParseStream, Parser as _};
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ExprLit, Ident, ItemFn, ItemMacro, ItemMod, Lit, LitStr, Macro, Token, token};

use crate::tree::{Source, sources};

/// Where else SQL stands, and why.
const ELSEWHERE: &[(&str, &str)] = &[
    ("crates/moothall-store/", "the store, its tests and its measures are about SQL"),
    ("crates/moothall-bench/src/store.rs", "measures the store on a table of its own"),
    ("crates/moothall/src/testing.rs", "for tests only; makes rows that no operation can make yet"),
    ("crates/moothall-testing/src/databases.rs", "makes and drops throw-away databases"),
    ("crates/moothall-server/tests/api/idempotency.rs", "counts what a retry left in the database"),
    ("crates/moothall-server/tests/tidy/sql.rs", "the samples on which this search is tried"),
];

/// The text of each string in this source, and what each `concat!` makes of its strings. Documentation does not count.
fn strings(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    (|input: ParseStream<'_>| gather(input, &mut found)).parse_str(text).expect("a source of Rust");
    found
}

fn gather(input: ParseStream<'_>, found: &mut Vec<String>) -> syn::Result<()> {
    while !input.is_empty() {
        if input.peek(Lit) {
            match input.parse()? {
                Lit::Str(text) => found.push(text.value()),
                Lit::ByteStr(text) => found.push(String::from_utf8_lossy(&text.value()).into_owned()),
                _ => {}
            }
        } else if input.peek(Token![#]) && (input.peek2(token::Bracket) || input.peek2(Token![!])) {
            input.parse::<Token![#]>()?;
            input.parse::<Option<Token![!]>>()?;
            if input.peek(token::Bracket) {
                let attribute = within(input)?;
                let is_doc =
                    attribute.peek(Ident::peek_any) && attribute.fork().call(Ident::parse_any)? == "doc";
                let mut strings = Vec::new();
                gather(&attribute, &mut strings)?;
                found.extend(strings.into_iter().filter(|_| !is_doc));
            }
        } else if input.peek(Ident) && input.peek2(Token![!]) && input.fork().parse::<Ident>()? == "concat" {
            input.parse::<Ident>()?;
            input.parse::<Token![!]>()?;
            let mut parts = Vec::new();
            gather(&within(input)?, &mut parts)?;
            found.push(parts.concat());
        } else if input.peek(token::Paren) || input.peek(token::Bracket) || input.peek(token::Brace) {
            gather(&within(input)?, found)?;
        } else {
            input.step(|cursor| {
                cursor.token_tree().map(|(_, rest)| ((), rest)).ok_or(cursor.error("a token"))
            })?;
        }
    }
    Ok(())
}

/// What stands between the brackets, of any kind, that come next.
fn within<'a>(input: ParseStream<'a>) -> syn::Result<ParseBuffer<'a>> {
    let inside;
    if input.peek(token::Paren) {
        syn::parenthesized!(inside in input);
    } else if input.peek(token::Bracket) {
        syn::bracketed!(inside in input);
    } else {
        syn::braced!(inside in input);
    }
    Ok(inside)
}

/// Whether this is SQL, or the greater part of a statement.
fn is_sql(text: &str) -> bool {
    let plain = text.split_whitespace().collect::<Vec<_>>().join(" ") + " ";
    // Clauses in capitals are nothing else, wherever they stand.
    const CLAUSES: [&str; 8] =
        ["SELECT ", " FROM ", "WHERE ", "ORDER BY ", "GROUP BY ", " JOIN ", "VALUES (", "ON CONFLICT "];
    // A verb in any case begins prose too, but for what follows in a statement.
    const STATEMENTS: [(&str, &[&str]); 13] = [
        ("select ", &[" from "]),
        ("with ", &[" as (", " as materialized (", " as not materialized ("]),
        ("insert into ", &[" select ", " values", " default ", " ("]),
        ("insert or ", &[" into "]),
        ("replace into ", &[" select ", " values", " ("]),
        ("update ", &[" set "]),
        ("delete from ", &[""]),
        ("create ", &[" table ", " index ", " view ", " trigger ", " database ", " function ", " type "]),
        ("alter ", &[" table ", " database ", " index ", " role "]),
        ("drop ", &[" table ", " index ", " view ", " trigger ", " database "]),
        ("truncate ", &[""]),
        ("pragma ", &[""]),
        ("explain ", &["select ", "update ", "delete ", "insert "]),
    ];
    let lower = plain.to_lowercase();
    CLAUSES.iter().any(|clause| plain.contains(clause))
        || STATEMENTS.iter().any(|(verb, then)| {
            // What follows may begin with the blank the verb ends with.
            lower.strip_prefix(verb).is_some_and(|rest| {
                let rest = format!(" {rest}");
                then.iter().any(|then| rest.contains(then))
            })
        })
}

fn sql_of(text: &str) -> Vec<String> {
    strings(text).into_iter().filter(|text| is_sql(text)).collect()
}

#[test]
fn the_search_for_sql_finds_every_way_of_writing_it() {
    let samples = [
        r#"const A: &str = "SELECT 1";"#,
        r#"f("select id from users where name = $1");"#,
        "f(\"\n    SELECT id\n    FROM users\");",
        "f(\"insert into users \\\n    (id) values ($1)\");",
        r#"f("INSERT OR IGNORE INTO users DEFAULT VALUES");"#,
        r#"f("REPLACE INTO users VALUES (1)");"#,
        r#"f("Update users Set name = $1");"#,
        r#"f("delete from users");"#,
        r##"f(r#"WITH one AS (SELECT "id" FROM users) TABLE one"#);"##,
        r#"f("with recursive one as (values (1)) table one");"#,
        r#"f("CREATE UNIQUE INDEX a ON users (id)"); "#,
        r#"f("create table if not exists a (b text)"); "#,
        r#"f("alter table a add b text"); "#,
        r#"f("drop table a"); "#,
        r#"f("PRAGMA user_version"); "#,
        r#"f(b"SELECT 1"); "#,
        r#"f(concat!("SEL", "ECT id FR", "OM users")); "#,
        r#"f(concat!("upd", "ate users ", r"set a = 1")); "#,
        r#"f(&format!("{HEAD} WHERE {column} = $1")); "#,
        r#"statements! { A = "DELETE FROM users"; }"#,
        r#"#[sql("SELECT 1")] fn f() {}"#,
        "mod a { fn f<'a>() { g!([{ \"SELECT 1\" }]) } }",
    ];
    for sample in samples {
        assert_eq!(sql_of(sample).len(), 1, "{sample}");
    }
    let others = [
        "/// SELECT id FROM users\nfn f() {}",
        "//! SELECT id FROM users\n",
        "// SELECT id FROM users\n",
        r#"f("DELETE", "with an id as well", "select one", "update your name", "create a room"); "#,
        r#"f("insert a coin", "drop it", "explain yourself", "from where it came", 'S', 1_000); "#,
    ];
    for other in others {
        assert_eq!(sql_of(other), Vec::<String>::new(), "{other}");
    }
}

fn is_store(path: &str) -> bool {
    path.starts_with("crates/moothall/src/") && path.ends_with("/store.rs")
}

/// Sources with SQL that have no reason to.
fn astray(sources: &[Source]) -> Vec<String> {
    let excused = |path: &str| ELSEWHERE.iter().any(|(place, _)| path.starts_with(place));
    let others = sources.iter().filter(|source| !is_store(&source.path) && !excused(&source.path));
    others
        .filter_map(|source| sql_of(&source.text).pop().map(|sql| format!("{}: {sql}", source.path)))
        .collect()
}

#[test]
fn sql_stands_in_store_files_only() {
    let sources = sources(&["crates", "examples", "xtask"]);
    let astray = astray(&sources);
    assert!(astray.is_empty(), "move it to the store.rs of its context:\n{}", astray.join("\n"));
    for (place, _) in ELSEWHERE {
        let mut there = sources.iter().filter(|source| source.path.starts_with(place));
        assert!(
            there.any(|source| !sql_of(&source.text).is_empty()),
            "{place} has no SQL and needs no reason"
        );
    }
}

#[test]
fn sql_anywhere_else_is_seen() {
    let sample = |path: &str| [Source { path: path.to_owned(), text: "f(\"SELECT 1\");".to_owned() }];
    for path in [
        "crates/moothall/src/communication/rooms.rs",
        "crates/moothall-api/src/store.rs",
        "xtask/src/main.rs",
    ] {
        assert_eq!(astray(&sample(path)).len(), 1, "{path}");
    }
    for path in ["crates/moothall/src/communication/store.rs", "crates/moothall-store/src/sql.rs"] {
        assert!(astray(&sample(path)).is_empty(), "{path}");
    }
}

/// A statement that a store file declares: its name, and its text if that is one string.
struct Statement {
    name: String,
    text: Option<String>,
}

/// What a store file declares in `statements!`, and what SQL it has beside that: nothing prepares it.
#[derive(Default)]
struct StoreFile {
    declared: Vec<Statement>,
    beside: Vec<String>,
}

impl StoreFile {
    fn read(text: &str) -> Self {
        let mut file = Self::default();
        file.visit_file(&syn::parse_file(text).expect("a source of Rust"));
        file.beside.retain(|text| is_sql(text));
        file
    }

    fn declarations(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        while !input.is_empty() {
            input.call(Attribute::parse_outer)?;
            if input.parse::<Option<Token![+]>>()?.is_some() {
                input.parse::<Ident>()?;
                return self.declarations(&within(input)?);
            }
            let name = input.parse::<Ident>()?.to_string();
            if input.peek(token::Paren) {
                gather(&within(input)?, &mut Vec::new())?;
            }
            input.parse::<Token![=]>()?;
            let text = match input.parse()? {
                Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
                _ => None,
            };
            input.parse::<Token![;]>()?;
            self.declared.push(Statement { name, text });
        }
        Ok(())
    }
}

impl<'a> Visit<'a> for StoreFile {
    fn visit_item_macro(&mut self, item: &'a ItemMacro) {
        // Texts that several statements begin with are macros before them.
        if item.mac.path.is_ident("statements") {
            item.mac.parse_body_with(|input: ParseStream<'_>| self.declarations(input)).unwrap();
        } else if !item.mac.path.is_ident("macro_rules") {
            self.visit_macro(&item.mac);
        }
    }

    fn visit_item_mod(&mut self, item: &'a ItemMod) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'a ItemFn) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_macro(&mut self, called: &'a Macro) {
        called.parse_body_with(|input: ParseStream<'_>| gather(input, &mut self.beside)).unwrap();
    }

    fn visit_lit_str(&mut self, text: &'a LitStr) {
        self.beside.push(text.value());
    }

    fn visit_attribute(&mut self, _: &'a Attribute) {}
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    let is_test = |attribute: &Attribute| attribute.parse_args::<Ident>().is_ok_and(|which| which == "test");
    attributes.iter().any(|attribute| attribute.path().is_ident("cfg") && is_test(attribute))
}

/// What is wrong with the SQL of these store files, if `known` are the statements that a test prepares.
fn unprepared(files: &[Source], known: &[(&str, &str)]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut declared = Vec::new();
    for Source { path, text } in files {
        let file = StoreFile::read(text);
        wrong.extend(
            file.beside.into_iter().map(|sql| format!("{path}, outside of its `statements!`: {sql}")),
        );
        declared.extend(file.declared.into_iter().map(|statement| (path, statement)));
    }
    // Several have one name; those whose text is known find theirs first.
    declared.sort_by_key(|(_, statement)| statement.text.is_none());
    let mut left = known.to_vec();
    for (path, Statement { name, text }) in declared {
        let is_it = |known: &(&str, &str)| {
            known.0 == name && text.as_deref().is_none_or(|text| known.1.starts_with(text))
        };
        match left.iter().position(is_it) {
            Some(place) => drop(left.swap_remove(place)),
            None => wrong.push(format!("{path}, not joined to `moothall::statements()`: {name}")),
        }
    }
    wrong.extend(left.iter().map(|(name, _)| format!("in no store file: {name}")));
    wrong
}

#[test]
fn every_statement_of_a_store_file_is_among_those_that_are_prepared() {
    let mut files = sources(&["crates/moothall/src"]);
    files.retain(|source| is_store(&source.path));
    let wrong = unprepared(&files, &moothall::statements());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_statement_that_nothing_prepares_is_seen() {
    const KNOWN: [(&str, &str); 3] = [
        ("FIND", "SELECT id FROM users"),
        ("INSERT", "INSERT INTO users (id) VALUES ($1)"),
        ("JOINED", "SELECT id FROM users WHERE id = $1"),
    ];
    let seen = |text: &str, known: &[(&str, &str)]| {
        unprepared(&[Source { path: "store.rs".into(), text: text.into() }], known)
    };
    let good = "macro_rules! find { () => { \"SELECT id FROM users\" } }
        statements! {
            /// All.
            FIND = \"SELECT id FROM users\";
            JOINED = concat!(find!(), \" WHERE id = $1\");
            + many { INSERT (id) = \"INSERT INTO users (id)\"; }
        }
        #[cfg(test)] mod tests { fn f() { g(\"SELECT 1\") } }
        #[cfg(test)] fn f() { g(\"SELECT 1\") }";
    assert_eq!(seen(good, &KNOWN), Vec::<String>::new());
    assert_eq!(seen(good, &KNOWN[1..]).len(), 1, "not joined");
    assert_eq!(seen(good, &[("FIND", "SELECT 2"), KNOWN[1], KNOWN[2]]).len(), 2, "another of that name");
    for beside in [
        "fn f() { g(\"select a from b\") }",
        "const A: &str = r\"WITH a AS (b) TABLE a\";",
        "fn f() { g!(\"SELECT 1\") }",
    ] {
        assert_eq!(seen(&format!("{good} {beside}"), &KNOWN).len(), 1, "{beside}");
    }
}

/// The one change that a line of the audit log sees: it gets its place in the chain, once.
const LINKS: &str = "UPDATE audit_log SET number = $2, hash = $3 WHERE id = $1 AND number IS NULL";

/// Statements that change or take away what stands in the audit log.
fn rewrites_the_audit_log(text: &str) -> bool {
    if text == LINKS {
        return false;
    }
    let words: Vec<String> = text
        .to_lowercase()
        .split(|char: char| !char.is_alphanumeric() && char != '_')
        .map(str::to_owned)
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.is_empty()).collect();
    const CHANGES: [&[&str]; 6] = [
        &["update", "audit_log"],
        &["update", "only", "audit_log"],
        &["delete", "from", "audit_log"],
        &["truncate", "audit_log"],
        &["truncate", "table", "audit_log"],
        &["replace", "into", "audit_log"],
    ];
    let is_upsert = || {
        let place = |wanted: &[&str]| words.windows(wanted.len()).position(|words| words == wanted);
        place(&["into", "audit_log"]).zip(place(&["do", "update"])).is_some_and(|(into, then)| into < then)
    };
    CHANGES.iter().any(|change| words.windows(change.len()).any(|words| words == *change)) || is_upsert()
}

#[test]
fn the_audit_log_is_only_added_to() {
    let statements = moothall::statements();
    assert!(statements.iter().any(|(_, text)| text.contains("INSERT INTO audit_log")), "it has another name");
    let wrong: Vec<_> = statements.iter().filter(|(_, text)| rewrites_the_audit_log(text)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let mut sources = sources(&["crates", "examples", "xtask"]);
    // The one has the samples, the other forges lines for the tests of the chain.
    let is_for_tests =
        |path: &str| path.ends_with("tests/tidy/sql.rs") || path == "crates/moothall/src/testing.rs";
    sources.retain(|source| !is_for_tests(&source.path));
    for source in sources {
        let wrong = strings(&source.text).into_iter().find(|text| rewrites_the_audit_log(text));
        assert_eq!(wrong, None, "{}", source.path);
    }
}

#[test]
fn a_statement_that_rewrites_the_audit_log_is_seen() {
    for text in [
        "UPDATE audit_log SET reason = $1",
        "UPDATE audit_log SET number = $2, hash = $3 WHERE id = $1",
        "delete\n from audit_log where id = $1",
        "TRUNCATE TABLE audit_log",
        "REPLACE INTO audit_log VALUES ($1)",
        "INSERT INTO audit_log (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET at = $2",
        "WITH gone AS (DELETE FROM \"audit_log\" RETURNING id) SELECT id FROM gone",
    ] {
        assert!(rewrites_the_audit_log(text), "{text}");
    }
    for text in
        [LINKS, "INSERT INTO audit_log (id) VALUES ($1)", "SELECT id FROM audit_log", "DELETE FROM users"]
    {
        assert!(!rewrites_the_audit_log(text), "{text}");
    }
}

#[tokio::test]
async fn every_statement_prepares_on_a_migrated_database_of_each_engine() {
    for database in databases::engines().await {
        let mut settings = moothall::Settings::default();
        settings.store.url = database.url().to_owned();
        settings.store.allow_unsafe_durability = true;
        let hall = moothall::Hall::builder(settings).open().await.unwrap();
        hall.store().prepare_all(&moothall::statements()).await.unwrap();
        hall.close().await;
    }
}
