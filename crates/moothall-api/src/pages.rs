//! Addresses that are no operations: documents, the API browser, health and metrics; and pages an embedding program adds.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode};
use moothall::{Cx, Fault as _, Rate};

use crate::documents::{self, Document};
use crate::rest::reply::{self, Response};
use crate::{Doors, Metrics, Stage};

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

/// What stands at an address.
enum Place<'a> {
    Live,
    Ready,
    Metrics(&'a Metrics),
    Document(&'a Document),
    Errors,
    Fixed(&'static str, Bytes),
}

/// Answers a request that is for a page; `None` if there is no page of this path.
pub(crate) async fn answer(doors: &Doors, cx: &Cx, parts: &Parts) -> Option<Response> {
    let place = find(doors, parts.uri.path())?;
    // Whoever asks whether the process lives is never put off: they would end it.
    if !matches!(place, Place::Live)
        && let Err(error) = cx.hall().rates().take(cx, Rate::Read)
    {
        return Some(reply::problem(&error.problem(cx.request_id()), Some(Rate::Read), cx));
    }
    Some(match parts.method {
        Method::GET | Method::HEAD => show(place, doors, &parts.headers).await,
        Method::OPTIONS => reply::allowed(&METHODS),
        _ => reply::not_allowed(&METHODS, cx),
    })
}

fn find<'a>(doors: &'a Doors, path: &str) -> Option<Place<'a>> {
    if let Some(file) = path.strip_prefix("/v1/") {
        // Every operation is looked for here first, and putting the documents together takes a while.
        let at = documents::FILES.iter().position(|known| *known == file)?;
        return doors.documents().get(at).map(Place::Document);
    }
    match path {
        "/health/live" => Some(Place::Live),
        "/health/ready" => Some(Place::Ready),
        "/metrics" => doors.options().metrics.as_ref().map(Place::Metrics),
        "/docs/errors" => Some(Place::Errors),
        _ => {
            let own = BROWSER.iter().find(|(known, ..)| *known == path);
            let own = own.map(|(_, media, text)| Place::Fixed(media, Bytes::from_static(text.as_bytes())));
            let page = || doors.options().pages.iter().find(|page| page.path == path);
            own.or_else(|| page().map(|page| Place::Fixed(page.media, page.body.clone())))
        }
    }
}

async fn show(place: Place<'_>, doors: &Doors, asked: &HeaderMap) -> Response {
    match place {
        Place::Live => reply::bytes(StatusCode::OK, "application/json", r#"{"status":"live"}"#),
        Place::Ready => ready(doors).await,
        Place::Metrics(render) => metrics(doors, render),
        Place::Document(document) => {
            let mut response = if reply::knows(asked, &document.tag) {
                reply::empty(StatusCode::NOT_MODIFIED)
            } else {
                reply::bytes(StatusCode::OK, "application/json", document.text.clone())
            };
            reply::set(response.headers_mut(), ETAG, &document.tag);
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            response
        }
        Place::Errors => page(HTML, documents::errors_page(doors.hall().registry()).into()),
        Place::Fixed(media, body) => page(media, body),
    }
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

fn metrics(doors: &Doors, render: &Metrics) -> Response {
    metrics::gauge!("partition_commands_waiting").set(doors.hall().directory().waiting() as f64);
    reply::bytes(StatusCode::OK, "text/plain; version=0.0.4", render())
}

fn page(media: &'static str, body: Bytes) -> Response {
    let mut response = reply::bytes(StatusCode::OK, media, body);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
