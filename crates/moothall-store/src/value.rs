//! Values on their way into a statement.
//!
//! Anything that is [`ToParam`] can be a parameter: write `params![room_id, text]` for one statement and
//! `values![room_id, text]` for a row that outlives the call. What would mean different things to the two engines
//! (NUL in a text, NaN) is refused on both.

use std::borrow::Cow;

use moothall_protocol::{Id, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use crate::Error;

/// One value as both engines understand it.
#[derive(Clone, Debug, PartialEq)]
pub enum Param<'a> {
    /// `NULL`.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number; checked against the width of its column.
    Integer(i64),
    /// A floating point number.
    Real(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// An id.
    Uuid(Uuid),
    /// A point in time.
    Time(Timestamp),
    /// A JSON document.
    Json(Cow<'a, str>),
    /// Several values, for `{in $1}`.
    Array(Vec<Param<'a>>),
}

/// A [`Param`] that owns its data.
pub type Value = Param<'static>;

impl Param<'_> {
    /// The same value, owning its data.
    pub fn into_owned(self) -> Value {
        match self {
            Self::Null => Param::Null,
            Self::Bool(value) => Param::Bool(value),
            Self::Integer(value) => Param::Integer(value),
            Self::Real(value) => Param::Real(value),
            Self::Text(value) => Param::Text(Cow::Owned(value.into_owned())),
            Self::Bytes(value) => Param::Bytes(Cow::Owned(value.into_owned())),
            Self::Uuid(value) => Param::Uuid(value),
            Self::Time(value) => Param::Time(value),
            Self::Json(value) => Param::Json(Cow::Owned(value.into_owned())),
            Self::Array(values) => Param::Array(values.into_iter().map(Param::into_owned).collect()),
        }
    }

    /// This value for as long as `self` is borrowed.
    pub(crate) fn borrowed(&self) -> Param<'_> {
        match self {
            Self::Text(value) => Param::Text(Cow::Borrowed(value)),
            Self::Bytes(value) => Param::Bytes(Cow::Borrowed(value)),
            Self::Json(value) => Param::Json(Cow::Borrowed(value)),
            Self::Array(values) => Param::Array(values.iter().map(Param::borrowed).collect()),
            Self::Null => Param::Null,
            Self::Bool(value) => Param::Bool(*value),
            Self::Integer(value) => Param::Integer(*value),
            Self::Real(value) => Param::Real(*value),
            Self::Uuid(value) => Param::Uuid(*value),
            Self::Time(value) => Param::Time(*value),
        }
    }

    /// Refuses what the two engines would store differently: PostgreSQL has no NUL in texts, SQLite no NaN.
    pub(crate) fn check(&self, index: usize) -> Result<(), Error> {
        let refuse = |message: &str| {
            Err(Error::Type { place: format!("parameter ${}", index + 1), message: message.to_owned() })
        };
        match self {
            Self::Text(text) if text.contains('\0') => refuse("a text must not hold the character U+0000"),
            Self::Json(text) if holds_nul(text) => refuse("JSON must not hold the character U+0000"),
            Self::Real(value) if value.is_nan() => refuse("a number must not be NaN"),
            Self::Array(values) => values.iter().try_for_each(|value| value.check(index)),
            _ => Ok(()),
        }
    }
}

/// Whether JSON holds an escaped NUL: `\u0000` after an even number of backslashes.
fn holds_nul(json: &str) -> bool {
    json.match_indices("\\u0000").any(|(at, _)| {
        let before = json.get(..at).unwrap_or_default();
        (before.len() - before.trim_end_matches('\\').len()) % 2 == 0
    })
}

/// What can be the parameter of a statement.
pub trait ToParam {
    /// The value to bind; fails if it cannot be represented, such as a `u64` beyond `i64::MAX`.
    fn to_param(&self) -> Result<Param<'_>, Error>;
}

/// Parameters of one statement: `tx.execute(SQL, params![id, name])`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$(&$value as &dyn $crate::ToParam),*] as &[&dyn $crate::ToParam] };
}

/// One row for [`Tx::insert_many`](crate::Tx::insert_many) or an [`Appender`](crate::Appender):
/// `values![id, name]?`, a `Result` because a value may not fit.
#[macro_export]
macro_rules! values {
    ($($value:expr),* $(,)?) => { $crate::into_values($crate::params![$($value),*]) };
}

/// Values that were put together before, as the parameters of one statement.
pub fn as_params(values: &[Value]) -> Vec<&dyn ToParam> {
    values.iter().map(|value| value as &dyn ToParam).collect()
}

/// The work behind [`values!`].
pub fn into_values(params: &[&dyn ToParam]) -> Result<Vec<Value>, Error> {
    params.iter().map(|param| Ok(param.to_param()?.into_owned())).collect()
}

/// A document kept as JSON: `TEXT` in SQLite, `jsonb` in PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json<T>(pub T);

fn json<T: Serialize + ?Sized>(value: &T) -> Result<Param<'static>, Error> {
    let refuse = |error: serde_json::Error| Error::Type {
        place: "a JSON parameter".into(),
        message: error.to_string(),
    };
    Ok(Param::Json(Cow::Owned(serde_json::to_string(value).map_err(refuse)?)))
}

fn narrow<N: TryInto<i64> + Copy + std::fmt::Display>(value: N) -> Result<Param<'static>, Error> {
    value.try_into().map(Param::Integer).map_err(|_| Error::Type {
        place: "a parameter".into(),
        message: format!("{value} does not fit a 64-bit column"),
    })
}

macro_rules! to_param {
    ($(($($generic:ident $(: $bound:path)?)?) $type:ty, $self:ident => $value:expr;)+) => {$(
        impl$(<$generic$(: $bound)?>)? ToParam for $type {
            fn to_param(&self) -> Result<Param<'_>, Error> {
                let $self = self;
                $value
            }
        }
    )+};
}

to_param! {
    () bool, value => Ok(Param::Bool(*value));
    () i16, value => Ok(Param::Integer(i64::from(*value)));
    () i32, value => Ok(Param::Integer(i64::from(*value)));
    () i64, value => Ok(Param::Integer(*value));
    () u8, value => Ok(Param::Integer(i64::from(*value)));
    () u16, value => Ok(Param::Integer(i64::from(*value)));
    () u32, value => Ok(Param::Integer(i64::from(*value)));
    () u64, value => narrow(*value);
    () usize, value => narrow(*value);
    () f64, value => Ok(Param::Real(*value));
    () str, value => Ok(Param::Text(Cow::Borrowed(value)));
    () String, value => Ok(Param::Text(Cow::Borrowed(value)));
    () [u8], value => Ok(Param::Bytes(Cow::Borrowed(value)));
    () Vec<u8>, value => Ok(Param::Bytes(Cow::Borrowed(value)));
    () Uuid, value => Ok(Param::Uuid(*value));
    () Timestamp, value => Ok(Param::Time(*value));
    () serde_json::Value, value => json(value);
    () Value, value => Ok(value.borrowed());
    (K) Id<K>, value => Ok(Param::Uuid(value.uuid()));
    (T: Serialize) Json<T>, value => json(&value.0);
}

impl<const N: usize> ToParam for [u8; N] {
    fn to_param(&self) -> Result<Param<'_>, Error> {
        Ok(Param::Bytes(Cow::Borrowed(self)))
    }
}

impl<T: ToParam + ?Sized> ToParam for &T {
    fn to_param(&self) -> Result<Param<'_>, Error> {
        (**self).to_param()
    }
}

impl<T: ToParam> ToParam for Option<T> {
    fn to_param(&self) -> Result<Param<'_>, Error> {
        self.as_ref().map_or(Ok(Param::Null), ToParam::to_param)
    }
}

impl<T: ToParam + ToOwned + ?Sized> ToParam for Cow<'_, T> {
    fn to_param(&self) -> Result<Param<'_>, Error> {
        (**self).to_param()
    }
}

/// What can be an element of an array parameter. Not `u8`: those are bytes.
pub trait Element: ToParam {}

impl<K> Element for Id<K> {}
impl Element for Uuid {}
impl Element for i16 {}
impl Element for i32 {}
impl Element for i64 {}
impl Element for String {}
impl Element for &str {}
impl Element for Timestamp {}

impl<T: Element> ToParam for [T] {
    fn to_param(&self) -> Result<Param<'_>, Error> {
        self.iter().map(ToParam::to_param).collect::<Result<_, _>>().map(Param::Array)
    }
}

impl<T: Element> ToParam for Vec<T> {
    fn to_param(&self) -> Result<Param<'_>, Error> {
        self.as_slice().to_param()
    }
}
