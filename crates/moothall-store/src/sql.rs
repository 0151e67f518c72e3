//! One SQL text for both engines: the few tokens that differ are replaced here.
//!
//! Statements have one, `{in $1}`: the column's value is among those of the array parameter. Migrations have the
//! types of [`TYPES`] and `{strict}`. Everything else is written in the dialect the engines share.

use std::borrow::Cow;

use crate::{Engine, Error};

/// The types of columns: token, SQLite, PostgreSQL.
const TYPES: [(&str, &str, &str); 11] = [
    ("{id}", "BLOB", "uuid"),
    ("{time}", "INTEGER", "timestamptz"),
    ("{json}", "TEXT", "jsonb"),
    ("{bytes}", "BLOB", "bytea"),
    // Compared byte by byte on both engines, whatever the locale of the database.
    ("{text}", "TEXT", "text COLLATE \"C\""),
    ("{bool}", "INTEGER", "boolean"),
    ("{real}", "REAL", "double precision"),
    ("{i16}", "INTEGER", "smallint"),
    ("{i32}", "INTEGER", "integer"),
    ("{i64}", "INTEGER", "bigint"),
    (" {strict}", " STRICT", ""),
];

/// The text of a migration for one engine.
pub(crate) fn migration(text: &str, engine: Engine) -> Result<String, Error> {
    let mut text = text.to_owned();
    for (token, sqlite, postgres) in TYPES {
        text = text.replace(token, if engine == Engine::Sqlite { sqlite } else { postgres });
    }
    match text.find('{').and_then(|start| text.get(start..)) {
        Some(rest)
            if rest
                .split('}')
                .next()
                .is_some_and(|token| token.len() < 12 && !token.contains(['\'', '"', ':'])) =>
        {
            let token = rest.split_inclusive('}').next().unwrap_or(rest);
            Err(Error::migration(format!("unknown token {token}")))
        }
        _ => Ok(text),
    }
}

/// The text of a statement for one engine: `{in $1}` replaced and, for SQLite, `$1` written `?1`, since SQLite takes
/// `$1` for a name and numbers names in the order in which they appear.
pub(crate) fn statement(text: &str, engine: Engine) -> Cow<'_, str> {
    if !text.contains('$') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    let mut quote = None;
    while let Some(character) = rest.chars().next() {
        if quote.is_none()
            && let Some(after) = rest.strip_prefix("{in $")
            && let Some((number, after)) = after.split_once('}')
        {
            out.push_str(match engine {
                Engine::Sqlite => "IN rarray(?",
                Engine::Postgres => "= ANY($",
            });
            out.push_str(number);
            out.push(')');
            rest = after;
            continue;
        }
        match (quote, character) {
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            _ => {}
        }
        out.push(if quote.is_none() && character == '$' && engine == Engine::Sqlite {
            '?'
        } else {
            character
        });
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
    }
    Cow::Owned(out)
}

/// Whether a statement begins or ends transactions, which is the store's business alone: others may be in the same one.
pub(crate) fn is_control(text: &str) -> bool {
    let word =
        text.split(|c: char| !c.is_ascii_alphabetic()).find(|word| !word.is_empty()).unwrap_or_default();
    ["BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "PREPARE"]
        .iter()
        .any(|control| word.eq_ignore_ascii_case(control))
}

/// `INSERT INTO t (a, b)` with the rows' parameters: `VALUES ($1, $2), ($3, $4)`, in the place of `{rows}` or at the
/// end.
pub(crate) fn insert(text: &str, columns: usize, rows: usize) -> String {
    let mut values = String::with_capacity(rows * (columns * 5 + 4) + 8);
    values.push_str("VALUES ");
    for row in 0..rows {
        values.push_str(if row == 0 { "(" } else { ", (" });
        for column in 1..=columns {
            if column > 1 {
                values.push_str(", ");
            }
            values.push('$');
            values.push_str(&(row * columns + column).to_string());
        }
        values.push(')');
    }
    if text.contains("{rows}") { text.replace("{rows}", &values) } else { format!("{text} {values}") }
}

/// Declares the SQL statements of a module as constants, and the list `STATEMENTS` of all of them, so that a test can
/// prepare each one on both engines; those for [`Tx::insert_many`](crate::Tx::insert_many) stand at the end, in `+ many { NAME
/// (columns) = …; }`. The test uses [`Store::prepare_all`](crate::Store::prepare_all).
#[macro_export]
macro_rules! statements {
    ($($(#[$attribute:meta])* $name:ident = $sql:expr;)+ + many { $($(#[$of_many:meta])* $many:ident ($columns:tt) = $insert:expr;)+ }) => {
        $($(#[$attribute])* pub(crate) const $name: &str = $sql;)+
        $($(#[$of_many])* pub(crate) const $many: &str = $insert;)+

        /// Every statement of this module by name; those of many rows as they are for one.
        pub(crate) const STATEMENTS: &[(&str, &str)] = &[
            $((stringify!($name), $name),)+
            $((stringify!($many), concat!($insert, $crate::one_row!($columns))),)+
        ];
    };
    ($($(#[$attribute:meta])* $name:ident = $sql:expr;)+) => {
        $($(#[$attribute])* pub(crate) const $name: &str = $sql;)+

        /// Every statement of this module by name.
        pub(crate) const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $name)),+];
    };
}

/// One row for [`statements!`](crate::statements) of many.
#[doc(hidden)]
#[macro_export]
macro_rules! one_row {
    (2) => {
        " VALUES ($1, $2)"
    };
    (3) => {
        " VALUES ($1, $2, $3)"
    };
    (7) => {
        " VALUES ($1, $2, $3, $4, $5, $6, $7)"
    };
    (14) => {
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_arrays_are_written_for_each_engine_and_texts_left_alone() {
        let text = "SELECT '$9 {in $1}' FROM t WHERE a = $2 AND b {in $1}";
        assert_eq!(
            statement(text, Engine::Sqlite),
            "SELECT '$9 {in $1}' FROM t WHERE a = ?2 AND b IN rarray(?1)"
        );
        assert_eq!(
            statement(text, Engine::Postgres),
            "SELECT '$9 {in $1}' FROM t WHERE a = $2 AND b = ANY($1)"
        );
    }

    #[test]
    fn many_rows_go_where_the_text_says() {
        assert_eq!(insert("INSERT INTO t (a, b)", 2, 2), "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4)");
        assert_eq!(
            insert("INSERT INTO t (a) {rows} ON CONFLICT DO NOTHING", 1, 1),
            "INSERT INTO t (a) VALUES ($1) ON CONFLICT DO NOTHING"
        );
    }

    #[test]
    fn an_unknown_type_in_a_migration_is_refused() {
        assert_eq!(
            migration("CREATE TABLE t (a {id}) {strict}", Engine::Sqlite).unwrap(),
            "CREATE TABLE t (a BLOB) STRICT"
        );
        assert_eq!(
            migration("CREATE TABLE t (a {id}) {strict}", Engine::Postgres).unwrap(),
            "CREATE TABLE t (a uuid)"
        );
        assert!(
            migration("CREATE TABLE t (a {int})", Engine::Sqlite).unwrap_err().to_string().contains("{int}")
        );
    }
}
