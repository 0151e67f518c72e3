//! Rows on their way out: [`Row::get`] reads a column as a Rust type, the same on both engines.

use std::borrow::Cow;

use moothall_protocol::{Id, Timestamp};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::{Error, Json, postgres, sqlite};

/// One row of an answer; it owns its data.
#[derive(Debug)]
pub struct Row(pub(crate) Cells);

#[derive(Debug)]
pub(crate) enum Cells {
    Sqlite(Vec<rusqlite::types::Value>),
    Postgres(tokio_postgres::Row),
}

impl Row {
    /// The column at `index`, counted from zero, as a `T`.
    pub fn get<T: FromColumn>(&self, index: usize) -> Result<T, Error> {
        let column = match &self.0 {
            Cells::Sqlite(cells) => sqlite::column(cells, index),
            Cells::Postgres(row) => postgres::column(row, index),
        };
        column
            .and_then(T::from_column)
            .map_err(|Mismatch(message)| Error::Type { place: format!("column {index}"), message })
    }
}

/// A column as the engine gave it. SQLite knows no truth values, ids or times: they arrive as numbers and bytes.
#[derive(Clone, Debug)]
pub enum Column<'a> {
    /// `NULL`.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A floating point number.
    Real(f64),
    /// A text or a JSON document.
    Text(&'a str),
    /// Bytes, or an id from SQLite.
    Bytes(&'a [u8]),
    /// An id.
    Uuid(Uuid),
    /// A point in time.
    Time(Timestamp),
}

/// Why a column is no `T`.
#[derive(Debug)]
pub struct Mismatch(pub(crate) String);

impl Mismatch {
    fn new(expected: &str, column: &Column<'_>) -> Self {
        let found = match column {
            Column::Null => "NULL".into(),
            Column::Bool(_) => "a truth value".into(),
            Column::Integer(number) => format!("the whole number {number}"),
            Column::Real(_) => "a floating point number".into(),
            Column::Text(_) => "a text".into(),
            Column::Bytes(bytes) => format!("{} bytes", bytes.len()),
            Column::Uuid(_) => "an id".into(),
            Column::Time(_) => "a time".into(),
        };
        Self(format!("expected {expected}, found {found}"))
    }
}

/// What a column can be read as.
pub trait FromColumn: Sized {
    /// Reads the column, or says what it is instead.
    fn from_column(column: Column<'_>) -> Result<Self, Mismatch>;
}

impl<T: FromColumn> FromColumn for Option<T> {
    fn from_column(column: Column<'_>) -> Result<Self, Mismatch> {
        match column {
            Column::Null => Ok(None),
            column => T::from_column(column).map(Some),
        }
    }
}

impl FromColumn for bool {
    fn from_column(column: Column<'_>) -> Result<Self, Mismatch> {
        match column {
            Column::Bool(value) => Ok(value),
            Column::Integer(value @ (0 | 1)) => Ok(value == 1),
            column => Err(Mismatch::new("a truth value", &column)),
        }
    }
}

impl FromColumn for f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "SQLite keeps a whole real as an integer where that is exact"
    )]
    fn from_column(column: Column<'_>) -> Result<Self, Mismatch> {
        match column {
            Column::Real(value) => Ok(value),
            Column::Integer(value) => Ok(value as Self),
            column => Err(Mismatch::new("a floating point number", &column)),
        }
    }
}

impl FromColumn for String {
    fn from_column(column: Column<'_>) -> Result<Self, Mismatch> {
        match column {
            Column::Text(value) => Ok(value.to_owned()),
            column => Err(Mismatch::new("a text", &column)),
        }
    }
}

impl FromColumn for Vec<u8> {
    fn from_column(column: Column<'_>) -> Result<Self, Mismatch> {
        match column {
            Column::Bytes(value) => Ok(value.to_owned()),
            column => Err(Mismatch::new("bytes", &column)),
        }
    }
}

impl<const N: usize> FromColumn for [u8; N] {
    fn from_column(column: Column<'_>) -> Result<Self, Mismatch> {
        match column {
            Column::Bytes(value) if value.len() == N => {
                value.try_into().map_err(|_| Mismatch::new("bytes", &Column::Bytes(value)))
            }
            column => Err(Mismatch::new(&format!("{N} bytes"), &column)),
        }
    }
}

impl FromColumn for Uuid {
    fn from_column(column: Column<'_>) -> Result<Self, Mismatch> {
        match column {
            Column::Uuid(value) => Ok(value),
            Column::Bytes(value) => {
                Self::from_slice(value).map_err(|_| Mismatch::new("an id", &Column::Bytes(value)))
            }
            column => Err(Mismatch::new("an id", &column)),
        }
    }
}

impl<K> FromColumn for Id<K> {
    fn from_column(column: Column<'_>) -> Result<Self, Mismatch> {
        Uuid::from_column(column).map(Self::from_uuid)
    }
}

impl FromColumn for Timestamp {
    fn from_column(column: Column<'_>) -> Result<Self, Mismatch> {
        match column {
            Column::Time(value) => Ok(value),
            Column::Integer(value) => Ok(Self::from_micros(value)),
            column => Err(Mismatch::new("a time", &column)),
        }
    }
}

impl<T: DeserializeOwned> FromColumn for Json<T> {
    fn from_column(column: Column<'_>) -> Result<Self, Mismatch> {
        match column {
            Column::Text(text) => serde_json::from_str(text)
                .map(Json)
                .map_err(|error| Mismatch(format!("not the JSON expected: {error}"))),
            column => Err(Mismatch::new("JSON", &column)),
        }
    }
}

impl FromColumn for serde_json::Value {
    fn from_column(column: Column<'_>) -> Result<Self, Mismatch> {
        Json::from_column(column).map(|Json(value)| value)
    }
}

macro_rules! whole_numbers {
    ($($type:ty),+) => {$(
        impl FromColumn for $type {
            fn from_column(column: Column<'_>) -> Result<Self, Mismatch> {
                match column {
                    Column::Integer(value) => <$type>::try_from(value)
                        .map_err(|_| Mismatch::new(concat!("a number that fits ", stringify!($type)), &column)),
                    column => Err(Mismatch::new("a whole number", &column)),
                }
            }
        }
    )+};
}

whole_numbers!(i16, i32, i64, u8, u16, u32, u64, usize);

impl FromColumn for Cow<'static, str> {
    fn from_column(column: Column<'_>) -> Result<Self, Mismatch> {
        String::from_column(column).map(Cow::Owned)
    }
}
