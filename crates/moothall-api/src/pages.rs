//! Addresses that are no operations: documents, the API browser, health and metrics; and pages an embedding program adds.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode};
use moothall::Cx;

use crate::rest::reply::{self, Response};
use crate::{Doors, Stage};

/// What a page of ours may do in a browser: only what comes from here.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      form-action 'none'; base-uri 'none'; frame-ancestors 'none'";
/// How long the store may take to show that it is there.
const READY_WITHIN: Duration = Duration::from_secs(2);
const METHODS: [&str; 3] = ["GET", "HEAD", "OPTIONS"];

/// A page that is always the same. It may use scripts and styles that are pages too, and nothing from elsewhere.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its path, such as `/setup`.
    pub path: &'static str,
    /// Its media type, such as `text/html; charset=utf-8`.
    pub media: &'static str,
    /// What it is.
    pub body: Bytes,
}

const HTML: &str = "text/html; charset=utf-8";
const BROWSER: [(&str, &str, &str); 3] = [
    ("/docs", HTML, include_str!("../pages/browser.html")),
    ("/docs/browser.js", "text/javascript; charset=utf-8", include_str!("../pages/browser.js")),
    ("/docs/style.css", "text/css; charset=utf-8", include_str!("../pages/style.css")),
];

/// Answers a request that is for a page; `None` if there is no page of this path.
pub(crate) async fn answer(doors: &Doors, cx: &Cx, parts: &Parts) -> Option<Response> {
    let path = parts.uri.path();
    let page = match path {
        "/health/live" => reply::bytes(StatusCode::OK, "application/json", r#"{"status":"live"}"#),
        "/health/ready" => ready(doors).await,
        "/metrics" => metrics(doors)?,
        _ => fixed(doors, path)?,
    };
    Some(match parts.method {
        Method::GET | Method::HEAD => page,
        Method::OPTIONS => reply::allowed(&METHODS),
        _ => reply::not_allowed(&METHODS, cx),
    })
}

/// Whether requests should come here: the store answers, and the server is not about to stop.
async fn ready(doors: &Doors) -> Response {
    let reads =
        async { matches!(tokio::time::timeout(READY_WITHIN, doors.hall().store().ping()).await, Ok(Ok(()))) };
    let stage = *doors.stage().borrow();
    let (status, body) = match stage {
        Stage::Draining | Stage::Closed => (StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"draining"}"#),
        Stage::Open if reads.await => (StatusCode::OK, r#"{"status":"ready"}"#),
        Stage::Open => (StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"no_database"}"#),
    };
    reply::bytes(status, "application/json", body)
}

fn metrics(doors: &Doors) -> Option<Response> {
    let render = doors.options().metrics.as_ref()?;
    metrics::gauge!("partition_commands_waiting").set(doors.hall().directory().waiting() as f64);
    Some(reply::bytes(StatusCode::OK, "text/plain; version=0.0.4", render()))
}

fn fixed(doors: &Doors, path: &str) -> Option<Response> {
    if let Some(file) = path.strip_prefix("/v1/")
        && let Some((_, text)) = doors.documents().iter().find(|(name, _)| *name == file)
    {
        let mut response = reply::bytes(StatusCode::OK, "application/json", text.clone());
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        return Some(response);
    }
    let (media, body) = if path == "/docs/errors" {
        (HTML, Bytes::from(crate::documents::errors_page(doors.hall().registry())))
    } else if let Some((_, media, text)) = BROWSER.iter().find(|(known, ..)| *known == path) {
        (*media, Bytes::from_static(text.as_bytes()))
    } else {
        let page = doors.options().pages.iter().find(|page| page.path == path)?;
        (page.media, page.body.clone())
    };
    let mut response = reply::bytes(StatusCode::OK, media, body);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Some(response)
}
