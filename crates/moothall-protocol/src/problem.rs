//! How a refusal looks, the same in every door: RFC 9457 with a code that is a promise.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use crate::restrictions::Restricted;
use crate::{RequestId, Timestamp};

/// What kind of refusal an error is. The kind decides the HTTP status; the code says which error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The request could not be read: 400.
    Malformed,
    /// Not signed in, or no longer: 401.
    Unauthenticated,
    /// Signed in, and may not: 403.
    Forbidden,
    /// Absent, or not the caller's to know of: 404.
    NotFound,
    /// The address takes other methods: 405.
    Method,
    /// The client took too long to send it: 408.
    Slow,
    /// In conflict with what is: 409.
    Conflict,
    /// The version the caller knew is no longer the newest: 412.
    Version,
    /// Too large: 413.
    TooLarge,
    /// A body of a type the server does not take: 415.
    MediaType,
    /// Read, and not valid: 422.
    Invalid,
    /// Too many, too soon: 429.
    Limited,
    /// A fault of the server: 500. Only the request id is shown.
    Internal,
    /// Draining, overloaded, or a part it needs is away: 503.
    Unavailable,
}

impl Kind {
    /// The HTTP status of this kind.
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Method => 405,
            Self::Slow => 408,
            Self::Conflict => 409,
            Self::Version => 412,
            Self::TooLarge => 413,
            Self::MediaType => 415,
            Self::Invalid => 422,
            Self::Limited => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
        }
    }
}

/// A refusal. As `application/problem+json` over HTTP and as `err` on the socket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// Where the code is explained.
    #[serde(rename = "type")]
    pub kind: String,
    /// One sentence for the player.
    pub title: String,
    /// The HTTP status.
    #[schemars(range(min = 400, max = 599))]
    pub status: u16,
    /// Which error this is. Never renamed; the list is `api/errors.json`.
    pub code: String,
    /// Names this request in the server's log.
    pub request_id: Option<RequestId>,
    /// When it is worth trying again, in milliseconds from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Until when this holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The version that is now the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// What is wrong with which field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldError>,
    /// With the code `restricted`: what may not be done, why, and what can be said against it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restriction: Option<Box<Restricted>>,
}

/// What is wrong with one field of the input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FieldError {
    /// Where, as a JSON pointer into the input: `/slots/3`. Empty for the input as a whole.
    pub path: String,
    /// Which rule: `required`, `unknown_field`, `wrong_type`, `too_short`, `too_long`, `too_small`, `too_large`,
    /// `too_few`, `too_many`, `bad_pattern`, `bad_format`, `not_a_choice`, `not_unique`, `invalid`.
    pub code: String,
    /// The rule in words, with what to do.
    pub message: String,
    /// The least that is allowed, where the rule is a bound.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "plainly")]
    pub min: Option<f64>,
    /// The most that is allowed, where the rule is a bound.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "plainly")]
    pub max: Option<f64>,
    /// For an unknown field, the known one that is nearest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
}

/// A bound that is whole is written so: `200`, not `200.0`.
fn plainly<S: Serializer>(bound: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match bound {
        // Every whole number up to 2^53 is one of both.
        Some(bound) if bound.fract() == 0.0 && bound.abs() <= 9_007_199_254_740_992.0 => {
            serializer.serialize_i64(*bound as i64)
        }
        bound => bound.serialize(serializer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_written_as_people_write_it() {
        let mut error = FieldError {
            path: "/limit".to_owned(),
            code: "too_large".to_owned(),
            message: "must be at most 200".to_owned(),
            min: Some(0.5),
            max: Some(200.0),
            nearest: None,
        };
        let text = serde_json::to_string(&error).unwrap();
        assert!(text.ends_with(r#""min":0.5,"max":200}"#), "{text}");
        assert_eq!(serde_json::from_str::<FieldError>(&text).unwrap(), error);
        error.min = Some(f64::from(u8::MAX) * 1e300);
        assert_eq!(
            serde_json::from_str::<FieldError>(&serde_json::to_string(&error).unwrap()).unwrap(),
            error
        );
    }
}
