//! PostgreSQL: a pool of connections, each on a thread of its own that runs whole closures. Start at [`start`].
//!
//! Writes are `SERIALIZABLE`, so that a closure means here what it means on SQLite, where writes come one after the
//! other: a rule that reads before it writes holds without locks of its own. What would break that is run again.
//! Reads see one snapshot: `REPEATABLE READ`, read-only, which never waits and is never run again.

mod session;
mod tls;
mod worker;

use std::error::Error as StdError;
use std::str::FromStr;
use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::{BufMut, BytesMut};
use moothall_protocol::Timestamp;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

pub(crate) use session::{Connector, Session};

use crate::published::Published;
use crate::queue::{Queue, Serving};
use crate::row::Mismatch;
use crate::sqlite::spawn;
use crate::value::Param;
use crate::{Column, ConstraintKind, Error, Options};

/// Connects once, so that a wrong address is found now, and starts the pool's threads.
pub(crate) fn start(
    options: &Options,
    queue: &Arc<Queue>,
    published: &Published,
) -> Result<Vec<JoinHandle<()>>, Error> {
    let connector = Arc::new(Connector::new(options)?);
    let mut threads = Vec::new();
    for number in 0..options.connections.max(1) {
        let mut worker = worker::Worker::new(Arc::clone(&connector), published.clone());
        if number == 0 {
            worker.try_connect()?;
        }
        let queue = Serving::new(queue);
        threads.push(spawn(format!("store-postgres-{number}"), move || worker.run(&queue))?);
    }
    Ok(threads)
}

/// What a failure means to us; `None` if the connection is lost and with it the transaction.
fn explain(error: &tokio_postgres::Error) -> Option<Error> {
    let Some(db) = error.as_db_error() else {
        // A parameter that does not fit is found before anything is sent.
        let source =
            error.source().filter(|_| !error.is_closed()).filter(|source| !source.is::<std::io::Error>());
        return source.map(|source| Error::Type { place: error.to_string(), message: source.to_string() });
    };
    let broken = |kind| Error::Constraint { kind, name: db.constraint().map(str::to_owned) };
    let code = db.code();
    Some(match code.code() {
        "23505" => broken(ConstraintKind::Unique),
        "23503" => broken(ConstraintKind::ForeignKey),
        "23514" => broken(ConstraintKind::Check),
        "23502" => broken(ConstraintKind::NotNull),
        "40001" | "40P01" => Error::Serialization,
        "57014" | "55P03" => Error::Timeout,
        "53100" => Error::unavailable("the database server's disk is full"),
        "XX001" | "XX002" => Error::Corrupt(db.message().into()),
        // A migration changed what a prepared statement gives.
        "0A000" if db.message().starts_with("cached plan") => return None,
        text if text.starts_with("57P")
            || text.starts_with("08")
            || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT =>
        {
            return None;
        }
        text if text.starts_with("53") => Error::unavailable(db.message()),
        text => Error::Statement(format!("{} (SQLSTATE {text})", db.message()).into()),
    })
}

impl ToSql for Param<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match (self, ty) {
            (Self::Null, _) => return Ok(IsNull::Yes),
            (Self::Bool(value), &Type::BOOL) => out.put_u8((*value).into()),
            (Self::Integer(value), &Type::INT8) => out.put_i64(*value),
            (Self::Integer(value), &Type::INT4) => out.put_i32(i32::try_from(*value)?),
            (Self::Integer(value), &Type::INT2) => out.put_i16(i16::try_from(*value)?),
            #[expect(
                clippy::cast_precision_loss,
                reason = "a whole number for a column of floating point ones"
            )]
            (Self::Integer(value), &Type::FLOAT8) => out.put_f64(*value as f64),
            (Self::Real(value), &Type::FLOAT8) => out.put_f64(*value),
            (
                Self::Text(text) | Self::Json(text),
                &Type::TEXT | &Type::VARCHAR | &Type::NAME | &Type::JSON,
            ) => {
                out.put_slice(text.as_bytes());
            }
            (Self::Text(text) | Self::Json(text), &Type::JSONB) => {
                out.put_u8(1); // The version of its encoding.
                out.put_slice(text.as_bytes());
            }
            (Self::Bytes(bytes), &Type::BYTEA) => out.put_slice(bytes),
            (Self::Bytes(bytes), &Type::UUID) => out.put_slice(Uuid::from_slice(bytes)?.as_bytes()),
            (Self::Uuid(uuid), &Type::UUID | &Type::BYTEA) => out.put_slice(uuid.as_bytes()),
            (Self::Time(time), &Type::TIMESTAMPTZ) => out.put_i64(time.as_micros() - POSTGRES_EPOCH),
            (Self::Time(time), &Type::INT8) => out.put_i64(time.as_micros()),
            (Self::Array(values), ty) => return values.to_sql(ty, out),
            (value, ty) => return Err(format!("{value:?} does not fit the type {ty}").into()),
        }
        Ok(IsNull::No)
    }

    /// Any type may be asked of a parameter; whether the value fits is seen when it is written.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// Where PostgreSQL's times begin, in microseconds of ours.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// A column as it came over the wire.
struct Wire<'a>(Column<'a>);

impl<'a> FromSql<'a> for Wire<'a> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(match *ty {
            Type::BOOL => Column::Bool(bool::from_sql(ty, raw)?),
            Type::INT8 => Column::Integer(i64::from_sql(ty, raw)?),
            Type::INT4 => Column::Integer(i32::from_sql(ty, raw)?.into()),
            Type::INT2 => Column::Integer(i16::from_sql(ty, raw)?.into()),
            Type::FLOAT8 => Column::Real(f64::from_sql(ty, raw)?),
            Type::FLOAT4 => Column::Real(f32::from_sql(ty, raw)?.into()),
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::JSON | Type::UNKNOWN => {
                Column::Text(str::from_utf8(raw)?)
            }
            Type::JSONB => Column::Text(str::from_utf8(raw.get(1..).unwrap_or_default())?),
            Type::BYTEA => Column::Bytes(raw),
            Type::UUID => Column::Uuid(Uuid::from_slice(raw)?),
            Type::TIMESTAMPTZ => {
                let micros = i64::from_be_bytes(raw.try_into()?);
                Column::Time(Timestamp::from_micros(micros.saturating_add(POSTGRES_EPOCH)))
            }
            // What PostgreSQL gives for sums of `bigint`.
            Type::NUMERIC => return Err("a column of type numeric: cast it to bigint".into()),
            ref other => {
                return Err(format!("a column of type {other}, which the store does not know").into());
            }
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(Column::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// The column of a row this engine gave.
pub(crate) fn column(row: &tokio_postgres::Row, index: usize) -> Result<Column<'_>, Mismatch> {
    match row.try_get::<_, Wire<'_>>(index) {
        Ok(Wire(column)) => Ok(column),
        Err(error) => Err(Mismatch(error.source().map_or_else(|| error.to_string(), ToString::to_string))),
    }
}

/// The parts of the address that are ours: `sslmode` has a value more than the driver knows, and `sslrootcert`.
fn parse(url: &str) -> Result<(tokio_postgres::Config, tls::Wanted), Error> {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let mut wanted = tls::Wanted::default();
    let mut rest = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslmode", mode)) => wanted.mode = tls::Mode::parse(mode)?,
            Some(("sslrootcert", path)) => {
                let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
                wanted.roots = Some(path.into_owned().into());
            }
            _ => rest.push(pair),
        }
    }
    let url = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
    let config = tokio_postgres::Config::from_str(&url).map_err(|error| {
        let reason = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        Error::Options(format!("the database address is not understood: {reason}").into())
    })?;
    Ok((config, wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_percent_encoded_in_the_address_is_read() {
        let (_, wanted) =
            parse("postgres://u@h/d?sslrootcert=%2fetc%2Fmy%20roots.pem&sslmode=verify-full").unwrap();
        assert_eq!(wanted.roots.unwrap().to_str(), Some("/etc/my roots.pem"));
    }
}
