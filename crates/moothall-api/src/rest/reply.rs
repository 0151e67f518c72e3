//! Answers and refusals as HTTP writes them.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode};
use http_body_util::Full;
use moothall::operation::log_fault;
use moothall::{Answer, Cx, Error, Fault, Rate};
use moothall_protocol::Problem;
use serde::Deserialize;
use serde_json::Value;

use super::fields::{Shape, unquote};

/// What this door answers with.
pub(crate) type Response = http::Response<Full<Bytes>>;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// An answer of these bytes.
pub(crate) fn bytes(status: StatusCode, media: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

/// What an operation answered.
pub(crate) fn success(shape: &Shape, answer: &dyn Answer, parts: &Parts, cx: &Cx) -> Response {
    let mut response = encode(shape, answer, parts).unwrap_or_else(|error| {
        log_fault(&error, shape.operation.name, cx.request_id());
        refusal(&error, cx)
    });
    set(response.headers_mut(), REQUEST_ID, &cx.request_id().to_string());
    if let Some(seconds) = shape.operation.max_age {
        set(response.headers_mut(), header::CACHE_CONTROL, &format!("public, max-age={seconds}"));
    }
    response
}

fn encode(shape: &Shape, answer: &dyn Answer, parts: &Parts) -> Result<Response, Error> {
    let status = StatusCode::from_u16(shape.operation.status).map_err(Error::internal)?;
    if status == StatusCode::NO_CONTENT {
        return Ok(empty(status));
    }
    let body = answer.json()?;
    // Only these answers are looked into: their version and their location become headers.
    let tag =
        if shape.has_version { version_of(&body).map(|version| format!("\"{version}\"")) } else { None };
    let is_read = matches!(parts.method, Method::GET | Method::HEAD);
    let is_known =
        is_read && shape.is_cacheable() && tag.as_deref().is_some_and(|tag| knows(&parts.headers, tag));
    let mut response =
        if is_known { empty(StatusCode::NOT_MODIFIED) } else { bytes(status, "application/json", body) };
    if let Some(tag) = tag {
        set(response.headers_mut(), header::ETAG, &tag);
    }
    if let Some(location) = shape.operation.location {
        let location = filled(location, &answer.value()?);
        set(response.headers_mut(), header::LOCATION, &format!("/v1{location}"));
    }
    Ok(response)
}

/// The version in an answer that has one.
fn version_of(body: &[u8]) -> Option<i64> {
    #[derive(Deserialize)]
    struct Versioned {
        version: i64,
    }
    serde_json::from_slice(body).ok().map(|Versioned { version }| version)
}

/// Whether the client has this version already (`If-None-Match`, compared weakly).
pub(crate) fn knows(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known.flat_map(|value| value.split(',')).map(str::trim).any(|known| {
        let known = known.strip_prefix("W/").unwrap_or(known);
        known == "*" || (known == tag && unquote(known).is_some())
    })
}

/// A path whose `{fields}` are those of the answer.
fn filled(path: &str, answer: &Value) -> String {
    let segments = path.split('/').map(|segment| {
        let field = segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}'));
        match field.map(|field| answer.get(field).unwrap_or(&Value::Null)) {
            None => segment.to_owned(),
            Some(Value::String(text)) => {
                percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                    .to_string()
                    .replace("%2D", "-")
            }
            Some(other) => other.to_string(),
        }
    });
    segments.collect::<Vec<_>>().join("/")
}

/// A refusal of this door itself.
pub(crate) fn refusal(error: &Error, cx: &Cx) -> Response {
    problem(&error.problem(cx.request_id()), None, cx)
}

/// A refusal, as RFC 9457 writes it. For one of its rate, the class says how much there is.
pub(crate) fn problem(problem: &Problem, rate: Option<Rate>, cx: &Cx) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // A problem is plain data with string keys, which always serializes.
    let body = serde_json::to_vec(problem).unwrap_or_default();
    let mut response = bytes(status, "application/problem+json", body);
    let headers = response.headers_mut();
    if let Some(id) = problem.request_id {
        set(headers, REQUEST_ID, &id.to_string());
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"moothall\""));
    }
    if problem.code == "unsupported_encoding" {
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    let wait = problem.retry_after_ms.map(|wait| wait.div_ceil(1000));
    let wait = wait.or((status == StatusCode::SERVICE_UNAVAILABLE).then_some(1));
    if let Some(wait) = wait {
        set(headers, header::RETRY_AFTER, &wait.to_string());
    }
    if let (Some(rate), Some(wait), "rate_limited") = (rate, wait, problem.code.as_str()) {
        let (name, budget) = (rate.as_str(), cx.hall().rates().budget(rate));
        let window = (u64::from(budget.burst) * 60).div_ceil(u64::from(budget.per_minute));
        set(
            headers,
            HeaderName::from_static("ratelimit-policy"),
            &format!("\"{name}\";q={};w={window}", budget.burst),
        );
        set(headers, HeaderName::from_static("ratelimit"), &format!("\"{name}\";r=0;t={wait}"));
    }
    response
}

/// The answer to `OPTIONS`.
pub(crate) fn allowed(methods: &[&str]) -> Response {
    let mut response = empty(StatusCode::NO_CONTENT);
    set(response.headers_mut(), header::ALLOW, &methods.join(", "));
    response
}

/// The answer to a method that this address does not take.
pub(crate) fn not_allowed(methods: &[&str], cx: &Cx) -> Response {
    let mut response = refusal(&Error::MethodNotAllowed, cx);
    set(response.headers_mut(), header::ALLOW, &methods.join(", "));
    response
}

/// What every answer says to browsers. A page that needs more has said so already.
pub(crate) fn protect(headers: &mut HeaderMap) {
    const DEFAULTS: [(HeaderName, &str); 4] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ];
    for (name, value) in DEFAULTS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// Names the request in its answer, unless that was done.
pub(crate) fn identify(headers: &mut HeaderMap, cx: &Cx) {
    if !headers.contains_key(REQUEST_ID) {
        set(headers, REQUEST_ID, &cx.request_id().to_string());
    }
}

/// Sets a header to a text of our own making; one that cannot stand in a header is left out.
pub(crate) fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
