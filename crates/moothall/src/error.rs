//! Refusals: what every context's errors have in common, and the errors all contexts share.
//!
//! A context declares its own enum with [`faults!`](crate::faults): one line gives a variant its kind, its code and its
//! title, so the three cannot drift apart. The doors know only [`Fault`]; no operation maps errors itself.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use moothall_protocol::restrictions::Restricted;
pub use moothall_protocol::{FieldError, Kind};
use moothall_protocol::{Problem, RequestId, Timestamp};

/// An error an operation may answer with.
pub trait Fault: StdError + Send + Sync + 'static {
    /// What kind of refusal this is; decides the HTTP status.
    fn kind(&self) -> Kind;

    /// Which error this is: a promise to clients, listed in `api/errors.json`, never renamed.
    fn code(&self) -> &'static str;

    /// What a program may want to know beside the code.
    fn details(&self) -> Details {
        Details::default()
    }

    /// The answer to the client. A fault of the server shows nothing but the request id.
    fn problem(&self, request_id: RequestId) -> Problem {
        let details = self.details();
        Problem {
            kind: format!("/docs/errors#{}", self.code()),
            title: self.to_string(),
            status: self.kind().status(),
            code: self.code().to_owned(),
            request_id: Some(request_id),
            retry_after_ms: details
                .retry_after
                .map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1)),
            until: details.until,
            version: details.version,
            fields: details.fields.unwrap_or_default(),
            restriction: details.restriction,
        }
    }
}

/// What a refusal may say beside its code.
#[derive(Clone, Debug, Default)]
pub struct Details {
    /// When it is worth trying again.
    pub retry_after: Option<Duration>,
    /// Until when this holds.
    pub until: Option<Timestamp>,
    /// The version that is now the newest.
    pub version: Option<i64>,
    /// What is wrong with which field.
    pub fields: Option<Vec<FieldError>>,
    /// What may not be done, why, and what can be said against it.
    pub restriction: Option<Box<Restricted>>,
}

/// One line of `api/errors.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorEntry {
    /// The code.
    pub code: &'static str,
    /// The kind; decides the HTTP status.
    pub kind: Kind,
    /// The title, with `{…}` where a value goes.
    pub title: &'static str,
    /// When it happens and what to do.
    pub about: &'static str,
}

/// Declares a context's errors: `Variant { detail: Type } => Kind, "code", "title";`.
///
/// The fields of a variant are those of [`Details`], without the `Option`. Every enum also has `Common`, for the errors
/// all contexts share, and takes [`moothall_store::Error`] through it.
#[macro_export]
macro_rules! faults {
    (
        $(#[$attribute:meta])*
        pub enum $name:ident {
            $(
                $(#[doc = $about:literal])+
                $variant:ident $({ $($field:ident: $type:ty),+ $(,)? })? => $kind:ident, $code:literal, $title:literal;
            )+
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Debug)]
        pub enum $name {
            $(
                $(#[doc = $about])+
                $variant $({ $(
                    #[doc = concat!("See [`Details::", stringify!($field), "`]($crate::Details::", stringify!($field), ").")]
                    $field: $type
                ),+ })?,
            )+
            /// An error every context shares.
            Common($crate::Error),
        }

        impl $name {
            /// All codes of this context.
            #[allow(dead_code, reason = "errors that no catalogue lists are no mistake")]
            pub const CATALOGUE: &'static [$crate::ErrorEntry] = &[$(
                $crate::ErrorEntry {
                    code: $code,
                    kind: $crate::Kind::$kind,
                    title: $title,
                    about: concat!($($about, "\n"),+),
                },
            )+];

            /// What this is to another context, whose call is refused for no reason of this one's own.
            #[allow(dead_code, reason = "not every context is called by another")]
            pub fn into_common(self) -> $crate::Error {
                match self {
                    Self::Common(error) => error,
                    own => $crate::Error::internal(own),
                }
            }
        }

        impl ::std::fmt::Display for $name {
            #[allow(unused_variables, reason = "a title need not name every detail")]
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                match self {
                    $(Self::$variant $({ $($field),+ })? => write!(f, $title),)+
                    Self::Common(error) => ::std::fmt::Display::fmt(error, f),
                }
            }
        }

        impl ::std::error::Error for $name {
            fn source(&self) -> Option<&(dyn ::std::error::Error + 'static)> {
                match self {
                    Self::Common(error) => ::std::error::Error::source(error),
                    _ => None,
                }
            }
        }

        impl $crate::Fault for $name {
            fn kind(&self) -> $crate::Kind {
                match self {
                    $(Self::$variant { .. } => $crate::Kind::$kind,)+
                    Self::Common(error) => error.kind(),
                }
            }

            fn code(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $code,)+
                    Self::Common(error) => error.code(),
                }
            }

            #[allow(clippy::needless_update, reason = "a variant may have all details, or none")]
            fn details(&self) -> $crate::Details {
                match self {
                    $(Self::$variant $({ $($field),+ })? => $crate::Details {
                        $($($field: Some($field.clone()),)+)?
                        ..Default::default()
                    },)+
                    Self::Common(error) => error.details(),
                }
            }
        }

        impl From<$crate::Error> for $name {
            fn from(error: $crate::Error) -> Self {
                Self::Common(error)
            }
        }

        impl From<$crate::moothall_store::Error> for $name {
            fn from(error: $crate::moothall_store::Error) -> Self {
                Self::Common(error.into())
            }
        }
    };
}

/// The errors all contexts share.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// See [`CATALOGUE`].
    #[error("you are not signed in")]
    NotSignedIn,
    /// See [`CATALOGUE`].
    #[error("this token is not valid any more")]
    TokenInvalid,
    /// See [`CATALOGUE`].
    #[error("you may not do this")]
    Forbidden,
    /// The same, where it is known what is missing.
    #[error("you may not do this: it needs the permission {0}")]
    Lacks(&'static str),
    /// See [`CATALOGUE`].
    #[error("you may not do this for now: {}", .0.public_reason)]
    Restricted(Box<Restricted>),
    /// See [`CATALOGUE`].
    #[error("there is no such thing")]
    NotFound,
    /// See [`CATALOGUE`].
    #[error("the input is not valid")]
    Invalid {
        /// What is wrong with which field.
        fields: Vec<FieldError>,
    },
    /// See [`CATALOGUE`].
    #[error("the request could not be read: {0}")]
    Malformed(String),
    /// See [`CATALOGUE`].
    #[error("the request is too large: at most {max} bytes")]
    TooLarge {
        /// The bound.
        max: usize,
    },
    /// See [`CATALOGUE`].
    #[error("the request took too long to arrive")]
    TooSlow,
    /// See [`CATALOGUE`].
    #[error("there is no operation of this name")]
    UnknownOperation {
        /// The operation that was probably meant.
        nearest: Option<String>,
    },
    /// See [`CATALOGUE`].
    #[error("this address does not take this method")]
    MethodNotAllowed,
    /// See [`CATALOGUE`].
    #[error("send application/json")]
    UnsupportedMediaType,
    /// See [`CATALOGUE`].
    #[error("send the body as it is, without Content-Encoding")]
    UnsupportedEncoding,
    /// See [`CATALOGUE`].
    #[error("too many requests of this kind: wait a moment")]
    RateLimited {
        /// When it is worth trying again.
        retry_after: Duration,
    },
    /// See [`CATALOGUE`].
    #[error("too many requests in flight: wait for answers")]
    TooManyRequests,
    /// See [`CATALOGUE`].
    #[error("this key was used for another request")]
    IdempotencyMismatch,
    /// See [`CATALOGUE`].
    #[error("this changed in the meantime")]
    VersionConflict {
        /// The version that is now the newest.
        version: i64,
    },
    /// See [`CATALOGUE`].
    #[error("this took too long")]
    Timeout,
    /// See [`CATALOGUE`].
    #[error("the server cannot do this right now: try again")]
    Unavailable,
    /// See [`CATALOGUE`].
    #[error("many are coming at once: come again a little later")]
    Crowded {
        /// When to come again.
        retry_after: Duration,
    },
    /// See [`CATALOGUE`].
    #[error("whether this happened is unknown: look before you repeat it")]
    OutcomeUnknown,
    /// See [`CATALOGUE`].
    #[error("the server is about to stop: connect again")]
    Draining {
        /// When to connect again.
        retry_after: Duration,
    },
    /// See [`CATALOGUE`].
    #[error("{title}")]
    Refused {
        /// The code an embedding program chose.
        code: &'static str,
        /// What the player reads.
        title: String,
    },
    /// What another node said, which owns the entity that was asked.
    #[error("{}", .0.title)]
    Relayed(Arc<Relayed>),
    /// See [`CATALOGUE`].
    #[error("something went wrong on the server")]
    Internal(#[source] Arc<dyn StdError + Send + Sync>),
}

/// A refusal of another node, as this one gives it on.
#[derive(Clone, Debug)]
pub struct Relayed {
    /// What kind of refusal it is.
    pub kind: Kind,
    /// Its code, which this node knows too.
    pub code: &'static str,
    /// One sentence for the player.
    pub title: String,
    /// What it says beside its code.
    pub details: Details,
}

/// The errors all contexts share, as `api/errors.json` lists them.
pub const CATALOGUE: &[ErrorEntry] = &[
    entry(
        "not_signed_in",
        Kind::Unauthenticated,
        "you are not signed in",
        "Sign in first, or send the token you have.",
    ),
    entry(
        "token_invalid",
        Kind::Unauthenticated,
        "this token is not valid any more",
        "The token is unknown, expired or revoked. Take a new one with the refresh token, or sign in again.",
    ),
    entry("forbidden", Kind::Forbidden, "you may not do this", "A permission is missing."),
    entry(
        "restricted",
        Kind::Forbidden,
        "you may not do this for now: {}",
        "`restriction` says what may not be done, why, until when, and against which action one may appeal. Where signing in is refused, \
         `restriction.limited_token` opens the user's own restrictions, actions and appeals.",
    ),
    entry("not_found", Kind::NotFound, "there is no such thing", "Absent, or not yours to know of."),
    entry(
        "invalid",
        Kind::Invalid,
        "the input is not valid",
        "`fields` names each path, the rule and its bound.",
    ),
    entry(
        "malformed",
        Kind::Malformed,
        "the request could not be read: {0}",
        "The title says what and where.",
    ),
    entry(
        "too_large",
        Kind::TooLarge,
        "the request is too large: at most {max} bytes",
        "See `GET /v1/limits`.",
    ),
    entry(
        "too_slow",
        Kind::Slow,
        "the request took too long to arrive",
        "The body must be there within the time `GET /v1/limits` tells.",
    ),
    entry(
        "unknown_operation",
        Kind::NotFound,
        "there is no operation of this name",
        "See `GET /v1/openapi.json`.",
    ),
    entry(
        "method_not_allowed",
        Kind::Method,
        "this address does not take this method",
        "The header `Allow` lists those it takes.",
    ),
    entry("unsupported_media_type", Kind::MediaType, "send application/json", "Bodies are JSON."),
    entry(
        "unsupported_encoding",
        Kind::MediaType,
        "send the body as it is, without Content-Encoding",
        "Bodies are not decompressed.",
    ),
    entry(
        "rate_limited",
        Kind::Limited,
        "too many requests of this kind: wait a moment",
        "Wait `retry_after_ms`. The rates of each class are in `session.ready` and `GET /v1/limits`.",
    ),
    entry(
        "too_many_requests",
        Kind::Limited,
        "too many requests in flight: wait for answers",
        "A socket may have 64 requests without an answer.",
    ),
    entry(
        "idempotency_mismatch",
        Kind::Conflict,
        "this key was used for another request",
        "An idempotency key belongs to one operation with one input. Make a new key for a new request.",
    ),
    entry(
        "version_conflict",
        Kind::Version,
        "this changed in the meantime",
        "`version` is the newest. Read it again, then repeat the change.",
    ),
    entry("timeout", Kind::Unavailable, "this took too long", "Repeat it with the same idempotency key."),
    entry(
        "unavailable",
        Kind::Unavailable,
        "the server cannot do this right now: try again",
        "Repeat it a little later.",
    ),
    entry(
        "crowded",
        Kind::Unavailable,
        "many are coming at once: come again a little later",
        "Wait `retry_after_ms`, then connect. It is another for everybody, so that not all come at the same time.",
    ),
    entry(
        "outcome_unknown",
        Kind::Unavailable,
        "whether this happened is unknown: look before you repeat it",
        "The database was lost in the middle of the change. Repeat it with the same idempotency key, or read first what is there.",
    ),
    entry(
        "draining",
        Kind::Unavailable,
        "the server is about to stop: connect again",
        "Wait `retry_after_ms`, then connect.",
    ),
    entry(
        "internal",
        Kind::Internal,
        "something went wrong on the server",
        "Tell the operator the `request_id`.",
    ),
];

const fn entry(code: &'static str, kind: Kind, title: &'static str, about: &'static str) -> ErrorEntry {
    ErrorEntry { code, kind, title, about }
}

impl Error {
    /// A fault of the server, with what caused it. The cause goes to the log, never to the client.
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Internal(Arc::from(source.into()))
    }

    /// One wrong field: `path` is a JSON pointer into the input.
    pub fn field(path: &str, code: &str, message: impl Into<String>) -> Self {
        Self::bounded(path, code, message, None, None)
    }

    /// The same of a part of an input, told where it stands in the whole.
    #[must_use]
    pub(crate) fn within(self, path: &str) -> Self {
        match self {
            Self::Invalid { mut fields } => {
                fields.iter_mut().for_each(|field| field.path.insert_str(0, path));
                Self::Invalid { fields }
            }
            other => other,
        }
    }

    /// A cursor that is none of this list.
    pub(crate) fn wrong_cursor() -> Self {
        Self::field("/cursor", "invalid", "this is no cursor of this list")
    }

    /// One field below its lower bound.
    pub fn least(path: &str, code: &str, message: impl Into<String>, min: usize) -> Self {
        Self::bounded(path, code, message, Some(min), None)
    }

    /// One field beyond its upper bound.
    pub fn most(path: &str, code: &str, message: impl Into<String>, max: usize) -> Self {
        Self::bounded(path, code, message, None, Some(max))
    }

    #[expect(clippy::cast_precision_loss, reason = "bounds are small")]
    fn bounded(
        path: &str,
        code: &str,
        message: impl Into<String>,
        min: Option<usize>,
        max: Option<usize>,
    ) -> Self {
        let (path, code, message) = (path.to_owned(), code.to_owned(), message.into());
        let (min, max) = (min.map(|min| min as f64), max.map(|max| max as f64));
        Self::Invalid { fields: vec![FieldError { path, code, message, min, max, nearest: None }] }
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotSignedIn | Self::TokenInvalid => Kind::Unauthenticated,
            Self::Forbidden | Self::Lacks(_) | Self::Restricted(_) | Self::Refused { .. } => Kind::Forbidden,
            Self::NotFound | Self::UnknownOperation { .. } => Kind::NotFound,
            Self::Invalid { .. } => Kind::Invalid,
            Self::Malformed(_) => Kind::Malformed,
            Self::TooLarge { .. } => Kind::TooLarge,
            Self::TooSlow => Kind::Slow,
            Self::MethodNotAllowed => Kind::Method,
            Self::UnsupportedMediaType | Self::UnsupportedEncoding => Kind::MediaType,
            Self::RateLimited { .. } | Self::TooManyRequests => Kind::Limited,
            Self::IdempotencyMismatch => Kind::Conflict,
            Self::VersionConflict { .. } => Kind::Version,
            Self::Timeout
            | Self::Unavailable
            | Self::OutcomeUnknown
            | Self::Crowded { .. }
            | Self::Draining { .. } => Kind::Unavailable,
            Self::Relayed(relayed) => relayed.kind,
            Self::Internal(_) => Kind::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotSignedIn => "not_signed_in",
            Self::TokenInvalid => "token_invalid",
            Self::Forbidden | Self::Lacks(_) => "forbidden",
            Self::Restricted(_) => "restricted",
            Self::NotFound => "not_found",
            Self::Invalid { .. } => "invalid",
            Self::Malformed(_) => "malformed",
            Self::TooLarge { .. } => "too_large",
            Self::TooSlow => "too_slow",
            Self::UnknownOperation { .. } => "unknown_operation",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::UnsupportedEncoding => "unsupported_encoding",
            Self::RateLimited { .. } => "rate_limited",
            Self::TooManyRequests => "too_many_requests",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::VersionConflict { .. } => "version_conflict",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Crowded { .. } => "crowded",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Draining { .. } => "draining",
            Self::Refused { code, .. } => code,
            Self::Relayed(relayed) => relayed.code,
            Self::Internal(_) => "internal",
        }
    }

    fn details(&self) -> Details {
        match self {
            Self::Invalid { fields } => Details { fields: Some(fields.clone()), ..Details::default() },
            Self::UnknownOperation { nearest: Some(nearest) } => {
                let field = FieldError {
                    path: "/op".to_owned(),
                    code: "not_a_choice".to_owned(),
                    message: format!("did you mean `{nearest}`?"),
                    min: None,
                    max: None,
                    nearest: Some(nearest.clone()),
                };
                Details { fields: Some(vec![field]), ..Details::default() }
            }
            Self::RateLimited { retry_after }
            | Self::Crowded { retry_after }
            | Self::Draining { retry_after } => {
                Details { retry_after: Some(*retry_after), ..Details::default() }
            }
            Self::Restricted(restricted) => Details {
                until: restricted.ends_at,
                restriction: Some(restricted.clone()),
                ..Details::default()
            },
            Self::Relayed(relayed) => relayed.details.clone(),
            Self::VersionConflict { version } => Details { version: Some(*version), ..Details::default() },
            _ => Details::default(),
        }
    }
}

impl From<moothall_store::Error> for Error {
    fn from(error: moothall_store::Error) -> Self {
        match error {
            moothall_store::Error::OutcomeUnknown(_) => Self::OutcomeUnknown,
            // Nothing happened, and it was asked for too much at a time when there was much to do.
            moothall_store::Error::Timeout => {
                tracing::warn!("A statement took longer than it may");
                Self::Unavailable
            }
            error if error.is_unavailable() => Self::Unavailable,
            error => Self::internal(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::faults! {
        /// For this test.
        pub enum Sample {
            /// Without details.
            Plain => Conflict, "plain", "as it is";
            /// With details.
            Wait { retry_after: Duration, version: i64 } => Limited, "wait", "version {version}";
        }
    }

    #[test]
    fn one_line_gives_a_fault_its_kind_code_title_and_details() {
        let wait = Sample::Wait { retry_after: Duration::from_millis(1500), version: 3 };
        let problem = wait.problem(RequestId::from_uuid(uuid::Uuid::nil()));
        assert_eq!(
            (problem.status, problem.code.as_str(), problem.title.as_str()),
            (429, "wait", "version 3")
        );
        assert_eq!((problem.retry_after_ms, problem.version), (Some(1500), Some(3)));
        assert_eq!(Sample::CATALOGUE.len(), 2);
        assert_eq!(Sample::Plain.kind(), Kind::Conflict);
    }

    #[test]
    fn a_statement_that_took_too_long_is_not_the_servers_fault() {
        assert_eq!(Error::from(moothall_store::Error::Timeout).code(), "unavailable");
    }

    #[test]
    fn a_fault_of_the_server_shows_nothing_of_its_cause() {
        let fault = Sample::from(Error::internal("password is hunter2"));
        let problem = fault.problem(RequestId::from_uuid(uuid::Uuid::nil()));
        assert!(!serde_json::to_string(&problem).unwrap().contains("hunter2"));
    }
}
