//! The HTTP door: one request to one operation, and its answer or refusal back.
//!
//! Start at [`answer`]. Nothing here knows an operation: paths, fields, versions and locations all come from the registry.
//! Every refusal is RFC 9457; see [`reply`].

pub(crate) mod body;
pub(crate) mod cors;
pub(crate) mod fields;
pub(crate) mod origin;
pub(crate) mod reply;
pub(crate) mod routes;

use std::net::IpAddr;

use http::header::{self, HeaderMap};
use http::request::Parts;
use http::{Method, Request};
use hyper::body::Incoming;
use moothall::accounts::{self, Credential};
use moothall::{Answer, Caller, Cx, Error, Fault as _, Rate};
use moothall_protocol::Problem;
use serde_json::Value;

use self::fields::Shape;
use self::reply::Response;
use crate::{Doors, Seat, pages, socket};

/// Answers one request.
pub(crate) async fn answer(doors: Doors, request: Request<Incoming>, peer: IpAddr, seat: Seat) -> Response {
    let (mut parts, body) = request.into_parts();
    let cx = Cx::new(doors.hall(), Caller::Nobody, doors.options().proxies.origin(peer, &parts.headers));
    let cors = &doors.options().cors;
    let mut response = match cors.preflight(&parts) {
        Some(response) => response,
        None => match pages::answer(&doors, &cx, &parts).await {
            Some(response) => response,
            None => match socket::answer(&doors, &cx, &mut parts, seat.clone()).await {
                Some(response) => response,
                None => operate(&doors, &cx, &parts, body, seat).await,
            },
        },
    };
    cors.allow(&parts.headers, response.headers_mut());
    reply::protect(response.headers_mut());
    response
}

/// Finds the operation of a request, and calls it.
async fn operate(doors: &Doors, cx: &Cx, parts: &Parts, body: Incoming, seat: Seat) -> Response {
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
        Err(error) => return reply::refusal(&error, cx),
    };
    let input = match shape.operation.access.check(&cx) {
        Ok(()) => read(doors, shape, &values, parts, body).await,
        // Whoever may not call is not read from. The dispatcher says so, after it has counted the request.
        Err(refusal) => Err(refusal),
    };
    match call(doors, &cx, shape, input, &parts.headers, seat).await {
        Ok(answer) => reply::success(shape, &*answer, parts, &cx),
        Err(problem) => reply::problem(&problem, Some(shape.operation.rate), &cx),
    }
}

/// Calls the operation in a task of its own: once begun it is finished, whether or not the client waits for it.
async fn call(
    doors: &Doors,
    cx: &Cx,
    shape: &Shape,
    input: Result<Value, Error>,
    headers: &HeaderMap,
    seat: Seat,
) -> Result<Box<dyn Answer>, Box<Problem>> {
    let key = match only(headers, "idempotency-key") {
        Ok(key) => key.map(str::to_owned),
        Err(error) => return Err(Box::new(error.problem(cx.request_id()))),
    };
    let (doors, own, name) = (doors.clone(), cx.clone(), shape.operation.name);
    let task = tokio::spawn(async move {
        let outcome = doors.dispatch_read(name, own, input, key.as_deref()).await;
        drop(seat);
        outcome
    });
    task.await.unwrap_or_else(|error| Err(Box::new(Error::internal(error).problem(cx.request_id()))))
}

/// The input: path, query and body in one.
async fn read(
    doors: &Doors,
    shape: &Shape,
    values: &[&str],
    parts: &Parts,
    body: Incoming,
) -> Result<Value, Error> {
    let body = body::read(&parts.headers, body, doors.options().timeouts.body).await?;
    let version = only(&parts.headers, header::IF_MATCH.as_str())?;
    shape.input(values, parts.uri.query(), body, version)
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
    match accounts::authenticate(cx.hall(), &credential, cx.origin()).await {
        Ok(identity) => Ok(Cx::new(cx.hall(), Caller::Member(identity), cx.origin().clone())),
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
