//! The WebSocket door: `GET /v1/socket`.
//!
//! Start at [`answer`], which checks the handshake and signs the caller in; then a socket lives in `session.rs`, as one task that reads
//! requests, passes on answers and events, and keeps the time. What crosses the wire is put together in `message.rs`, and
//! `transport.rs` is the seam behind which the bytes are written. Nothing here knows an operation but the one that belongs to
//! the socket itself: `session.authenticate`.
//!
//! Promises: requests enter in the order in which they were sent; an answer or refusal is always written before the close it leads
//! to; an operation once begun is finished, whoever is left to hear of it.

mod allowance;
mod message;
mod session;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode};
use hyper::upgrade::OnUpgrade;
use metrics::{Counter, counter};
use moothall::connections::{self, Resume};
use moothall::topics::Encoding;
use moothall::{Caller, Cx, Error, Fault, Identity, Rate};
use moothall_protocol::{Problem, limits};
use moothall_socket::{Deflate, accept_key, negotiate_deflate};
use socket2::SockRef;
use tokio::net::TcpStream;

pub(crate) use self::session::AUTHENTICATE;
use self::session::Session;
use self::transport::Transport;
use crate::admission::Turn;
use crate::rest::reply::{self, Response};
use crate::rest::{fields, only, shows_credential, sign_in};
use crate::{Doors, Seat, serve};

const PATH: &str = "/v1/socket";
const METHODS: [&str; 2] = ["GET", "OPTIONS"];
const SUBPROTOCOLS: [(&str, Encoding); 2] =
    [("moothall.v1.json", Encoding::Json), ("moothall.v1.msgpack", Encoding::MessagePack)];

/// How long a socket's client may take. The defaults are those of [`limits`]; tests are less patient.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// To sign in.
    pub sign_in: Duration,
    /// Silence after which the server pings.
    pub ping: Duration,
    /// Silence after which the server gives up.
    pub silence: Duration,
    /// To take what is written to it.
    pub write: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            sign_in: Duration::from_millis(limits::SOCKET_SIGN_IN_MS_MAX as u64),
            ping: Duration::from_millis(limits::SOCKET_PING_MS as u64),
            silence: Duration::from_millis(limits::SOCKET_SILENCE_MS_MAX as u64),
            write: Duration::from_millis(limits::SOCKET_WRITE_MS_MAX as u64),
        }
    }
}

/// What is counted of all sockets. Looking up a counter by its name costs more than counting.
pub(crate) struct Counted {
    received: Counter,
    sent: Counter,
}

impl Counted {
    pub fn new() -> Self {
        Self { received: counter!("socket_messages_in_total"), sent: counter!("socket_messages_out_total") }
    }
}

/// Who a socket is for, as its address and headers say.
struct Opened {
    identity: Option<Arc<Identity>>,
    resume: Option<Resume>,
    /// Held until the session's stream has begun.
    turn: Option<Turn>,
}

/// Answers a request for a socket; `None` if it is for something else.
pub(crate) async fn answer(doors: &Doors, cx: &Cx, parts: &mut Parts, seat: Seat) -> Option<Response> {
    if parts.uri.path() != PATH {
        return None;
    }
    Some(match parts.method {
        Method::GET => upgrade(doors, cx, parts, seat)
            .await
            .unwrap_or_else(|problem| reply::problem(&problem, Some(Rate::Read), cx)),
        Method::OPTIONS => reply::allowed(&METHODS),
        _ => reply::not_allowed(&METHODS, cx),
    })
}

async fn upgrade(doors: &Doors, cx: &Cx, parts: &mut Parts, seat: Seat) -> Result<Response, Box<Problem>> {
    let refuse = |error: Error| Box::new(error.problem(cx.request_id()));
    let (protocol, encoding) = subprotocol(parts).map_err(refuse)?;
    let (accept, upgrade) = handshake(parts).map_err(refuse)?;
    let (deflate, extensions) = compression(parts).unzip();
    let opened = open(doors, cx, parts).await?;
    let (doors, origin) = (doors.clone(), cx.shared_origin());
    tokio::spawn(async move {
        let Some((stream, already_read)) = upgrade.await.ok().and_then(serve::stream_of) else { return };
        bound_send_buffer(stream.tcp());
        let transport = Transport::new(stream, already_read, encoding, deflate);
        // Boxed, so that the handshake leaves nothing behind in the task of a socket that lives for hours.
        Box::pin(Session::new(doors, origin, transport, seat).run(opened)).await;
    });
    let mut response = Response::default();
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    reply::set(headers, header::SEC_WEBSOCKET_ACCEPT, &accept);
    if let Some(extensions) = extensions {
        reply::set(headers, header::SEC_WEBSOCKET_EXTENSIONS, &extensions);
    }
    if let Some(protocol) = protocol {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    }
    Ok(response)
}

/// What RFC 6455 asks of the request: the accepted key, and the connection to come.
fn handshake(parts: &mut Parts) -> Result<(String, OnUpgrade), Error> {
    let asks = |name, wanted: &str| {
        let values = parts.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|value| value.trim().eq_ignore_ascii_case(wanted))
    };
    if !asks(header::CONNECTION, "upgrade") || !asks(header::UPGRADE, "websocket") {
        return Err(Error::Malformed(format!("{PATH} is a WebSocket: open it with a WebSocket client")));
    }
    if !asks(header::SEC_WEBSOCKET_VERSION, "13") {
        return Err(Error::Malformed("the version of the WebSocket protocol must be 13".to_owned()));
    }
    let key = only(&parts.headers, header::SEC_WEBSOCKET_KEY.as_str())?
        .ok_or_else(|| Error::Malformed("the header Sec-WebSocket-Key is missing".to_owned()))?;
    let accept = accept_key(key);
    let upgrade = parts
        .extensions
        .remove::<OnUpgrade>()
        .ok_or_else(|| Error::Malformed("this connection cannot become a WebSocket".to_owned()))?;
    Ok((accept, upgrade))
}

/// The compression to use, and how to say so, if the client offers any that suits.
fn compression(parts: &Parts) -> Option<(Deflate, String)> {
    let offers = parts.headers.get_all(header::SEC_WEBSOCKET_EXTENSIONS).iter();
    let offers: Vec<&str> = offers.filter_map(|offer| offer.to_str().ok()).collect();
    negotiate_deflate(&offers.join(","))
}

/// The first subprotocol of the client's that is ours. Who names none speaks JSON.
fn subprotocol(parts: &Parts) -> Result<(Option<&'static str>, Encoding), Error> {
    let values = parts.headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let mut offered = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let mut is_any = false;
    let known = offered.find_map(|name| {
        is_any = true;
        SUBPROTOCOLS.iter().find(|(known, _)| *known == name.trim())
    });
    match known {
        Some((name, encoding)) => Ok((Some(name), *encoding)),
        None if !is_any => Ok((None, Encoding::Json)),
        None => Err(Error::Malformed("speak moothall.v1.json or moothall.v1.msgpack".to_owned())),
    }
}

/// Signs the caller in by header or ticket, if they show one.
async fn open(doors: &Doors, cx: &Cx, parts: &Parts) -> Result<Opened, Box<Problem>> {
    let refuse = |error: Error| Box::new(error.problem(cx.request_id()));
    cx.hall().rates().take(cx, Rate::Read).map_err(refuse)?;
    let (mut ticket, mut token, mut seq) = (None, None, None);
    for pair in fields::pairs(parts.uri.query()) {
        let (name, value) = pair.map_err(refuse)?;
        let place = match name.as_str() {
            "ticket" => &mut ticket,
            "resume" => &mut token,
            "seq" => &mut seq,
            _ => {
                return Err(refuse(Error::Malformed(format!(
                    "there is no parameter `{name}`: a socket takes ticket, resume and seq"
                ))));
            }
        };
        if place.replace(value).is_some() {
            return Err(refuse(Error::Malformed(format!("the parameter {name} stands twice"))));
        }
    }
    let shows_one = ticket.is_some() || shows_credential(&parts.headers);
    let turn = match shows_one {
        true => Some(doors.admission().enter(cx.random()).await.map_err(refuse)?),
        false => None,
    };
    let signed_in = sign_in(cx, &parts.headers).await.map_err(refuse)?;
    let identity = match (signed_in.caller(), ticket) {
        (Caller::Member(identity), None) => Some(Arc::clone(identity)),
        (Caller::Member(_), Some(_)) => {
            return Err(refuse(Error::Malformed("send a ticket or a token, not both".to_owned())));
        }
        (_, Some(ticket)) => {
            let redeemed = connections::redeem_ticket(cx.hall(), &ticket).await;
            Some(redeemed.map_err(|fault| Box::new(fault.problem(cx.request_id())))?)
        }
        (_, None) => None,
    };
    let resume = resume(token, seq.as_deref()).map_err(refuse)?;
    if resume.is_some() && identity.is_none() {
        return Err(refuse(Error::NotSignedIn));
    }
    Ok(Opened { identity, resume, turn })
}

fn resume(token: Option<String>, seq: Option<&str>) -> Result<Option<Resume>, Error> {
    match (token, seq) {
        (None, None) => Ok(None),
        (Some(token), Some(seq)) => {
            let seq = seq.parse().map_err(|_| Error::Malformed("seq must be a whole number".to_owned()))?;
            Ok(Some(Resume { token, seq }))
        }
        _ => Err(Error::Malformed("resume needs both the resume token and the seq last seen".to_owned())),
    }
}

/// What waits in the kernel is out of our sight: a client that takes nothing shows sooner with little of it.
fn bound_send_buffer(stream: &TcpStream) {
    // Who cannot be bound is still served, and shows later.
    let _ = SockRef::from(stream).set_send_buffer_size(limits::SOCKET_SEND_BUFFER_BYTES);
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn the_kernel_holds_little_of_what_waits_for_a_socket() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        bound_send_buffer(&stream);
        let held = SockRef::from(&stream).send_buffer_size().unwrap();
        // Linux doubles what it is asked for, to have room for its own notes.
        assert!(held <= 2 * limits::SOCKET_SEND_BUFFER_BYTES, "{held} bytes");
    }
}
