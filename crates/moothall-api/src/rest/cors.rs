//! Which pages of other origins may call from a browser. None, unless the operator lists them.
//!
//! Credentials are tokens in a header, never cookies, so a listed origin gets no power that its page did not sign in for.

use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode};

use super::reply::Response;

/// The listed origins.
#[derive(Clone, Debug, Default)]
pub struct Cors {
    origins: Vec<String>,
}

impl Cors {
    /// Origins such as `https://play.example.org`; `*` means all.
    pub fn new(origins: Vec<String>) -> Self {
        Self { origins: origins.into_iter().map(|origin| origin.trim_end_matches('/').to_owned()).collect() }
    }

    fn allowed<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        let is_listed =
            self.origins.iter().any(|listed| listed == "*" || listed.as_bytes() == origin.as_bytes());
        is_listed.then_some(origin)
    }

    /// The answer to a browser that asks before it calls; `None` if this is no such question, or not from a listed origin.
    pub(crate) fn preflight(&self, parts: &Parts) -> Option<Response> {
        let is_question = parts.method == Method::OPTIONS
            && parts.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !is_question || self.allowed(&parts.headers).is_none() {
            return None;
        }
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        for (name, value) in [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, PUT, PATCH, DELETE"),
            (
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                "authorization, content-type, idempotency-key, if-match, if-none-match, x-api-key",
            ),
            (header::ACCESS_CONTROL_MAX_AGE, "600"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        Some(response)
    }

    /// Lets a page of a listed origin read the answer.
    pub(crate) fn allow(&self, request: &HeaderMap, response: &mut HeaderMap) {
        if self.origins.is_empty() {
            return;
        }
        response.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = self.allowed(request) {
            response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            response.insert(
                header::ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static(
                    "ETag, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id",
                ),
            );
        }
    }
}
