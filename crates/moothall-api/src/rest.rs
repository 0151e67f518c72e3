//! The HTTP door: one request to one operation, and its answer or refusal back.
//!
//! Start at [`answer`]. Nothing here knows an operation: paths, fields, versions and locations all come from the registry.
//! Every refusal is RFC 9457; see [`reply`].

pub(crate) mod body;
pub(crate) mod cors;
pub(crate) mod fields;
pub(crate) mod lines;
pub(crate) mod origin;
pub(crate) mod reply;
pub(crate) mod routes;

use std::net::IpAddr;

use http::header::{self, HeaderMap};
use http::request::Parts;
use http::{Method, Version};
use metrics::counter;
use moothall::accounts::{self, Credential};
use moothall::{Answer, Caller, Cx, Error, Fault as _, Rate};
use moothall_protocol::Problem;

use self::body::Body;
use self::fields::Shape;
use self::reply::Response;
use crate::dispatch::Request;
use crate::{Doors, Seat, pages, socket};

/// Answers one request.
pub(crate) async fn answer(
    doors: &Doors,
    mut parts: Parts,
    body: &mut Body,
    peer: IpAddr,
    seat: Seat,
) -> Response {
    let cx = Cx::new(doors.hall(), Caller::Nobody, doors.options().proxies.origin(peer, &parts.headers));
    let mut response = match check_host(&parts) {
        Ok(()) => route(doors, &cx, &mut parts, body, seat).await,
        Err(error) => reply::refusal(&error, &cx),
    };
    doors.options().cors.allow(&parts.headers, response.headers_mut());
    reply::protect(response.headers_mut());
    reply::identify(response.headers_mut(), &cx);
    counter!("http_responses_total", "status" => response.status().as_str().to_owned()).increment(1);
    response
}

/// To the question of a browser, a page, the socket, or an operation.
async fn route(doors: &Doors, cx: &Cx, parts: &mut Parts, body: &mut Body, seat: Seat) -> Response {
    if let Some(response) = doors.options().cors.preflight(parts) {
        return response;
    }
    if let Some(response) = pages::answer(doors, cx, parts).await {
        return response;
    }
    if let Some(response) = socket::answer(doors, cx, parts, seat.clone()).await {
        return response;
    }
    operate(doors, cx, parts, body, seat).await
}

/// RFC 9112: exactly one host, from version 1.1 on.
fn check_host(parts: &Parts) -> Result<(), Error> {
    match only(&parts.headers, header::HOST.as_str())? {
        None if parts.version >= Version::HTTP_11 => {
            Err(Error::Malformed("the header host is missing".to_owned()))
        }
        _ => Ok(()),
    }
}

/// Finds the operation of a request, and calls it.
async fn operate(doors: &Doors, cx: &Cx, parts: &Parts, body: &mut Body, seat: Seat) -> Response {
    let found = parts.uri.path().strip_prefix("/v1").and_then(|path| doors.routes().find(path));
    let Some(place) = found else {
        return reply::refusal(&Error::NotFound, cx);
    };
    if parts.method == Method::OPTIONS {
        return reply::allowed(&place.methods());
    }
    let Some((name, values)) = place.operation(&parts.method) else {
        return reply::not_allowed(&place.methods(), cx);
    };
    let Some(shape) = doors.shape(name) else {
        return reply::refusal(&Error::NotFound, cx);
    };
    let cx = match sign_in(cx, &parts.headers).await {
        Ok(cx) => cx,
        // Wrong guesses are counted as reading: see `sign_in`.
        Err(error) => return reply::problem(&error.problem(cx.request_id()), Some(Rate::Read), cx),
    };
    let request = match doors.admit(&shape.operation, &cx) {
        Ok(()) => read(doors, shape, &values, parts, body).await,
        // Whoever may not call, or not so often, is not read from. The dispatcher says so, and counts it.
        Err(refusal) => Err(refusal),
    };
    let answered = if lines::wants(&parts.headers, shape) {
        lines::answer(doors, &cx, shape, request).await
    } else {
        let answer = call(doors, &cx, shape, request, seat).await;
        answer.map(|answer| reply::success(shape, &*answer, parts, &cx))
    };
    answered.unwrap_or_else(|problem| reply::problem(&problem, Some(shape.operation.rate), &cx))
}

/// Calls the operation. What changes something runs in a task of its own: once begun it is finished, whether or not the client
/// waits for it.
async fn call(
    doors: &Doors,
    cx: &Cx,
    shape: &Shape,
    request: Result<Request, Error>,
    seat: Seat,
) -> Result<Box<dyn Answer>, Box<Problem>> {
    let name = shape.operation.name;
    if !shape.operation.is_mutation() {
        return doors.dispatch_admitted(name, cx.clone(), request).await;
    }
    let (doors, own) = (doors.clone(), cx.clone());
    let task = tokio::spawn(async move {
        let outcome = doors.dispatch_admitted(name, own, request).await;
        drop(seat);
        outcome
    });
    task.await.unwrap_or_else(|error| Err(Box::new(Error::internal(error).problem(cx.request_id()))))
}

/// The input, path, query and body in one; and the key that guards it.
async fn read(
    doors: &Doors,
    shape: &Shape,
    values: &[&str],
    parts: &Parts,
    body: &mut Body,
) -> Result<Request, Error> {
    let key = only(&parts.headers, "idempotency-key")?.map(str::to_owned);
    let body = body.read(&parts.headers, doors.options().timeouts.body).await?;
    let version = only(&parts.headers, header::IF_MATCH.as_str())?;
    let input = shape.input(values, parts.uri.query(), body, version)?;
    Ok(Request { input, key })
}

/// Who calls, by the credential they show; nobody, if they show none.
pub(crate) async fn sign_in(cx: &Cx, headers: &HeaderMap) -> Result<Cx, Error> {
    let token = only(headers, header::AUTHORIZATION.as_str())?;
    let key = only(headers, "x-api-key")?;
    let credential = match (token, key) {
        (None, None) => return Ok(cx.clone()),
        (None, Some(key)) => Credential::ApiKey(key.to_owned()),
        (Some(token), None) => match token.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                Credential::Bearer(token.trim().to_owned())
            }
            _ => return Err(Error::TokenInvalid),
        },
        (Some(_), Some(_)) => {
            return Err(Error::Malformed("send a token or an API key, not both".to_owned()));
        }
    };
    match accounts::authenticate(cx.hall(), &credential).await {
        Ok(identity) => Ok(cx.by(Caller::Member(identity))),
        // Wrong guesses count as requests of the network they come from.
        Err(error) => Err(cx.hall().rates().take(cx, Rate::Read).err().unwrap_or(error)),
    }
}

/// Whether the request shows a credential, right or wrong.
pub(crate) fn shows_credential(headers: &HeaderMap) -> bool {
    headers.contains_key(header::AUTHORIZATION) || headers.contains_key("x-api-key")
}

/// The header of this name, if it is there; it must not stand twice.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Error> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    match (value.to_str(), values.next()) {
        (Ok(value), None) => Ok(Some(value)),
        (Ok(_), Some(_)) => Err(Error::Malformed(format!("the header {name} stands twice"))),
        (Err(_), _) => Err(Error::Malformed(format!("the header {name} is not plain ASCII text"))),
    }
}
