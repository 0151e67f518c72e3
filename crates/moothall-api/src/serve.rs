//! Our own accept loop: every connection has a seat, a pace to keep, and an end.
//!
//! Start at [`serve`]. A client that is slow to send a request, slow to take an answer, or silent, loses its connection and
//! nobody else notices. Stopping is orderly: stop accepting, finish what is in hand, tell the sockets, close by a deadline.

mod crowd;
mod pace;
mod stream;
mod tls;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use metrics::{Gauge, counter, gauge};
use moothall_protocol::limits;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use self::crowd::{Crowds, Standing};
use self::pace::{Pace, Paced};
pub(crate) use self::stream::Stream;
pub use self::tls::{Tls, TlsError, Validity};
use crate::rest::body::{Body, discard};
use crate::{Doors, rest};

/// How long a client may take, and how many may be there. The defaults are those of [`limits`]; tests are less patient.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// To shake hands for TLS, with the wait for a turn.
    pub handshake: Duration,
    /// To send a request's head.
    pub head: Duration,
    /// To send a request's body.
    pub body: Duration,
    /// Without a request.
    pub idle: Duration,
    /// Without taking anything of an answer.
    pub stall: Duration,
    /// Bytes of an answer that a client takes in a second, at least; it has the time of a stall beside that.
    pub answer_bytes_per_second: u32,
    /// For an operation, before it is answered with `timeout`.
    pub operation: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            handshake: Duration::from_millis(limits::TLS_HANDSHAKE_MS_MAX as u64),
            head: Duration::from_millis(limits::HTTP_HEAD_MS_MAX as u64),
            body: Duration::from_millis(limits::HTTP_BODY_MS_MAX as u64),
            idle: Duration::from_millis(limits::HTTP_IDLE_MS_MAX as u64),
            stall: Duration::from_millis(limits::HTTP_STALL_MS_MAX as u64),
            answer_bytes_per_second: limits::HTTP_ANSWER_BYTES_PER_SECOND_MIN as u32,
            operation: Duration::from_millis(limits::OPERATION_MS_MAX as u64),
        }
    }
}

/// How far the doors are from being shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Everybody may come in.
    Open,
    /// Nobody new comes in, requests in hand are finished, and sockets should say goodbye.
    Draining,
    /// The time is up: whatever is left is cut off.
    Closed,
}

/// The right to be connected. Held by the connection, by each operation it started, and by the socket it may have become:
/// [`serve`] returns when all seats are free.
#[derive(Clone, Debug)]
pub struct Seat(#[expect(dead_code, reason = "held, and given back when dropped")] Arc<Held>);

type Held = (OwnedSemaphorePermit, Option<Standing>);

/// Serves HTTP until `shutdown` completes, then drains for at most `deadline`.
///
/// Returns when everybody has left or the deadline has passed. The hall stays open: close it after this.
pub async fn serve(
    listener: TcpListener,
    doors: Doors,
    shutdown: impl Future<Output = ()>,
    deadline: Duration,
) {
    let seats_max = doors.options().connections_max;
    let seats = Arc::new(Semaphore::new(seats_max as usize));
    // There from the start, so that whoever watches sees a zero and no gap.
    for gauge in [gauge!("http_connections"), gauge!("sockets")] {
        gauge.increment(0.0);
    }
    tokio::select! {
        () = accept(&listener, &doors, &seats) => {}
        () = shutdown => {}
    }
    // New connections are refused from here on, so that a load balancer goes elsewhere at once.
    drop(listener);
    doors.enter(Stage::Draining);
    if tokio::time::timeout(deadline, seats.acquire_many(seats_max)).await.is_err() {
        let left = seats_max as usize - seats.available_permits();
        tracing::warn!(connections = left, "Cut off {left} connections at the deadline");
    }
    doors.enter(Stage::Closed);
}

/// Lets clients in, for ever. Above the bound they wait in the listener's backlog; those of a network that has all it may have are
/// sent away at once, so that it cannot take everybody's seats.
async fn accept(listener: &TcpListener, doors: &Doors, seats: &Arc<Semaphore>) {
    let scale = doors.hall().rates().scale();
    let crowds = Arc::new(Crowds::new(doors.options().connections_per_network_max.saturating_mul(scale)));
    loop {
        let Ok(permit) = Arc::clone(seats).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let standing = match doors.options().proxies.trust(peer.ip().to_canonical()) {
                    // Everybody comes through it.
                    true => None,
                    false => match crowds.enter(peer.ip()) {
                        Some(standing) => Some(standing),
                        None => continue,
                    },
                };
                let seat = Seat(Arc::new((permit, standing)));
                tokio::spawn(attend(stream, peer.ip(), doors.clone(), seat));
            }
            // The client was gone before it was let in.
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                // Out of file descriptors, most likely: wait for some connections to end, and go on.
                counter!("http_accept_errors_total").increment(1);
                tracing::error!("Could not accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// One connection, from its first byte to its last.
async fn attend(stream: TcpStream, peer: std::net::IpAddr, doors: Doors, seat: Seat) {
    // Answers are whole when they are written: waiting for more would only delay them.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let _open = Counted::new(gauge!("http_connections"));
    let Some(stream) = greeted(stream, &doors).await else { return };
    let pace = Arc::new(Pace::new(doors.options().timeouts));
    let mut stage = doors.stage();
    let service = service_fn({
        let pace = Arc::clone(&pace);
        move |request: Request<Incoming>| {
            pace.head_is_here();
            let (pace, doors, seat) = (Arc::clone(&pace), doors.clone(), seat.clone());
            async move {
                let (parts, body) = request.into_parts();
                let mut body = Body::new(body, &parts.headers);
                let mut response = rest::answer(&doors, parts, &mut body, peer, seat).await;
                let left = body.left(response.headers_mut());
                pace.answered(&response, left.is_some());
                if let Some(left) = left {
                    tokio::spawn(discard(left, doors.options().timeouts.body));
                }
                Ok::<_, Infallible>(response)
            }
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .max_headers(limits::HTTP_HEADERS_MAX)
        .max_header_size(limits::HTTP_HEAD_BYTES_MAX)
        .max_buf_size(limits::HTTP_HEAD_BYTES_MAX)
        // The pace of a connection is kept below: hyper's own timer knows no difference between idle and slow.
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(Paced::new(stream, pace)), service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => Some(ended),
        () = reached(&mut stage, Stage::Draining) => None,
    };
    if ended.is_none() {
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            _ = connection => {}
            () = reached(&mut stage, Stage::Closed) => {}
        }
    }
}

/// The connection as requests come over it: with TLS, if the doors have that.
async fn greeted(stream: TcpStream, doors: &Doors) -> Option<Stream> {
    let Some(tls) = &doors.options().tls else { return Some(Stream::Plain(stream)) };
    let mut stage = doors.stage();
    tokio::select! {
        stream = tls.greet(stream, doors.hall().random(), doors.options().timeouts.handshake) => stream,
        () = reached(&mut stage, Stage::Draining) => None,
    }
}

/// One more, for as long as this is held: also where a panic ends it.
pub(crate) struct Counted(Gauge);

impl Counted {
    pub fn new(gauge: Gauge) -> Self {
        gauge.increment(1);
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

/// The stream of a connection that has become something else, and what was already read of it.
pub(crate) fn stream_of(upgraded: Upgraded) -> Option<(Stream, Bytes)> {
    let parts = upgraded.downcast::<TokioIo<Paced<Stream>>>().ok()?;
    // A copy, for even an empty part of hyper's buffer would keep all its kilobytes.
    Some((parts.io.into_inner().into_inner(), Bytes::copy_from_slice(&parts.read_buf)))
}

/// Returns when the doors are at this stage or past it.
pub(crate) async fn reached(stage: &mut watch::Receiver<Stage>, wanted: Stage) {
    let _ = stage.wait_for(|stage| *stage == wanted || *stage == Stage::Closed).await;
}
