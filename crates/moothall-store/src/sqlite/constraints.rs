//! The names of broken constraints. SQLite names a `CHECK`, but says of a unique constraint only which columns it is
//! on, and nothing of a foreign key; the name is looked up in the schema. A constraint without a name gets the one
//! PostgreSQL would have made up.
//!
//! Two unique indexes on the same columns (partial ones, say) cannot be told apart: give one another order of columns.

use std::collections::HashMap;

use rusqlite::{Connection, ffi};

use crate::{ConstraintKind, Error};

/// Names found so far, by SQLite's message.
#[derive(Default)]
pub(super) struct Names(HashMap<String, Option<String>>);

impl Names {
    /// The constraint that `error` is about, if it is about one.
    pub(super) fn broken(
        &mut self,
        db: &Connection,
        error: &rusqlite::Error,
        statement: &str,
    ) -> Option<Error> {
        let rusqlite::Error::SqliteFailure(code, Some(message)) = error else { return None };
        let detail = message.split_once("constraint failed: ").map_or("", |(_, detail)| detail);
        let kind = match code.extended_code {
            ffi::SQLITE_CONSTRAINT_UNIQUE
            | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
            | ffi::SQLITE_CONSTRAINT_ROWID => ConstraintKind::Unique,
            ffi::SQLITE_CONSTRAINT_FOREIGNKEY => ConstraintKind::ForeignKey,
            ffi::SQLITE_CONSTRAINT_CHECK => ConstraintKind::Check,
            ffi::SQLITE_CONSTRAINT_NOTNULL => ConstraintKind::NotNull,
            _ => return None,
        };
        let name = match kind {
            ConstraintKind::Check => Some(detail.to_owned()),
            ConstraintKind::NotNull => None,
            ConstraintKind::Unique => {
                self.0.entry(message.clone()).or_insert_with(|| unique(db, detail).ok().flatten()).clone()
            }
            ConstraintKind::ForeignKey => {
                let name = || foreign_key(db, statement).ok().flatten();
                self.0.entry(statement.to_owned()).or_insert_with(name).clone()
            }
        };
        Some(Error::Constraint { kind, name })
    }
}

/// The unique constraint or index on `t.a, t.b`, or the one named in `index 'name'`.
fn unique(db: &Connection, detail: &str) -> rusqlite::Result<Option<String>> {
    if let Some(name) = detail.strip_prefix("index '") {
        return Ok(Some(name.trim_end_matches('\'').to_owned()));
    }
    let Some((table, _)) = detail.split_once('.') else { return Ok(None) };
    let columns: Vec<&str> =
        detail.split(", ").filter_map(|part| part.split_once('.')).map(|(_, name)| name).collect();
    let mut indexes = db.prepare("SELECT name, origin FROM pragma_index_list(?1) WHERE \"unique\" = 1")?;
    let mut members = db.prepare("SELECT name FROM pragma_index_info(?1) ORDER BY seqno")?;
    let indexes =
        indexes.query_map([table], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    for index in indexes {
        let (name, origin) = index?;
        let on = members
            .query_map([&name], |row| row.get::<_, Option<String>>(0))?
            .collect::<Result<Vec<_>, _>>()?;
        if !on.iter().map(Option::as_deref).eq(columns.iter().copied().map(Some)) {
            continue;
        }
        return Ok(Some(match origin.as_str() {
            "c" => name,
            "pk" => declared(db, table, "PRIMARY KEY", &columns)?.unwrap_or_else(|| format!("{table}_pkey")),
            _ => declared(db, table, "UNIQUE", &columns)?
                .unwrap_or_else(|| format!("{table}_{}_key", columns.join("_"))),
        }));
    }
    // The key of a rowid table has no index.
    Ok(Some(declared(db, table, "PRIMARY KEY", &columns)?.unwrap_or_else(|| format!("{table}_pkey"))))
}

/// The only foreign key an `INSERT` can break, if there is only one.
fn foreign_key(db: &Connection, statement: &str) -> rusqlite::Result<Option<String>> {
    let mut words = statement.split_whitespace().skip_while(|word| !word.eq_ignore_ascii_case("INTO"));
    let Some(table) = words.nth(1).and_then(|word| word.split('(').next()) else { return Ok(None) };
    let mut keys = db.prepare("SELECT id, \"from\" FROM pragma_foreign_key_list(?1) ORDER BY id, seq")?;
    let keys = keys
        .query_map([table], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?
        .collect::<Result<Vec<_>, _>>()?;
    let Some((only, _)) = keys.first() else { return Ok(None) };
    if keys.iter().any(|(id, _)| id != only) {
        return Ok(None);
    }
    let columns: Vec<&str> = keys.iter().map(|(_, column)| column.as_str()).collect();
    let name = declared(db, table, "FOREIGN KEY", &columns)?.or(declared(db, table, "REFERENCES", &columns)?);
    Ok(Some(name.unwrap_or_else(|| format!("{table}_{}_fkey", columns.join("_")))))
}

/// The name given in the table's definition: `CONSTRAINT name UNIQUE (a, b)`, or after a column `a … CONSTRAINT name
/// UNIQUE`.
fn declared(db: &Connection, table: &str, kind: &str, columns: &[&str]) -> rusqlite::Result<Option<String>> {
    let read = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
    let text =
        db.query_row("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?1", [table], read)?;
    Ok(named(&text, kind, columns))
}

fn named(definition: &str, kind: &str, columns: &[&str]) -> Option<String> {
    let text: String = definition.lines().map(|line| line.split("--").next().unwrap_or(line)).fold(
        String::new(),
        |mut text, line| {
            text.push_str(line);
            text.push(' ');
            text
        },
    );
    let (_, body) = text.split_once('(')?;
    parts(body).into_iter().find_map(|part| {
        let words: Vec<String> =
            part.replace('(', " ( ").replace(')', " ) ").split_whitespace().map(unquoted).collect();
        let at = words.iter().position(|word| word.eq_ignore_ascii_case("CONSTRAINT"))?;
        let (name, rest) = words.get(at + 1..)?.split_first()?;
        let rest = rest.join(" ");
        let rest = rest
            .get(..kind.len())
            .filter(|start| start.eq_ignore_ascii_case(kind))
            .and(rest.get(kind.len()..))?;
        let on: Vec<&str> = match (at, rest.split_once('(').and_then(|(_, list)| list.split_once(')'))) {
            (0, Some((list, _))) => list.split(',').map(str::trim).collect(),
            _ => words.first().map(String::as_str).into_iter().collect(),
        };
        (on == columns).then(|| name.clone())
    })
}

/// The parts of a definition between the commas that are in no parentheses.
fn parts(body: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_i32, 0, Vec::new());
    for (at, character) in body.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth < 0 || (depth == 0 && character == ',') {
            parts.extend(body.get(start..at));
            start = at + 1;
        }
        if depth < 0 {
            break;
        }
    }
    parts
}

fn unquoted(word: &str) -> String {
    word.trim_matches(['"', '`', '[', ']']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_the_definition_of_a_table() {
        let text = "CREATE TABLE t (\n a TEXT CONSTRAINT t_a UNIQUE, -- the, first\n b TEXT CHECK (b IN ('x', 'y')),\n \
                    CONSTRAINT t_once UNIQUE (a, b), CONSTRAINT t_key PRIMARY KEY (b)) STRICT";
        assert_eq!(named(text, "UNIQUE", &["a"]).as_deref(), Some("t_a"));
        assert_eq!(named(text, "UNIQUE", &["a", "b"]).as_deref(), Some("t_once"));
        assert_eq!(named(text, "PRIMARY KEY", &["b"]).as_deref(), Some("t_key"));
        assert_eq!(named(text, "UNIQUE", &["b"]), None);
    }
}
