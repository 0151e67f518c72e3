//! The socket: calls and events over one WebSocket that comes back by itself.
//!
//! One task owns the connection. When it breaks, the task connects again with growing, scattered delays, resumes with the last
//! sequence number it handed on, and sends unanswered requests again with the idempotency keys they had. So an event is seen
//! once and in order, and a request is done once, whatever the network does.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use moothall_protocol::{Event, Problem};
use rand::RngExt as _;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use uuid::Uuid;

use crate::client::escape;
use crate::{Call, Client, Error};

/// How a socket behaves.
#[derive(Clone, Debug)]
pub struct SocketOptions {
    /// Events that may wait for [`Socket::next`]. Those beyond are let go, while answers still arrive; once half of what waits was
    /// taken, the socket resumes behind the last event it handed on. If the server no longer has all of the rest, that begins with
    /// [`Event::SessionStale`].
    pub events_waiting_max: usize,
    /// How long a call may take, over however many connections.
    pub call_max: Duration,
    /// How long one attempt to connect may take.
    pub connect_max: Duration,
    /// Delay before coming back to a server that was sent far too many messages, unless it says more.
    pub abuse_delay: Duration,
    /// Delay before the first attempt to come back; doubles with each.
    pub retry_delay_min: Duration,
    /// Delay before an attempt to come back, at most.
    pub retry_delay_max: Duration,
    /// How long a connection may be silent before it is given up. The server pings every 20 seconds.
    pub silence_max: Duration,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self {
            events_waiting_max: 1_024,
            call_max: Duration::from_secs(60),
            connect_max: Duration::from_secs(15),
            abuse_delay: Duration::from_secs(60),
            retry_delay_min: Duration::from_millis(100),
            retry_delay_max: Duration::from_secs(10),
            silence_max: Duration::from_secs(45),
        }
    }
}

/// An event as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// Its number in the session's stream.
    pub seq: u64,
    /// What it is about.
    pub topic: Option<String>,
    /// The event, or `None` if this client is older than the server and does not know it.
    pub event: Option<Event>,
    /// Its name.
    pub name: String,
}

/// A signed-in socket. Dropping it closes the connection; the session stays resumable for a while, and its user's presence
/// ends with the server's grace.
#[derive(Debug)]
pub struct Socket {
    requests: mpsc::Sender<Command>,
    events: mpsc::Receiver<Received>,
    call_max: Duration,
}

/// What the task is asked to do.
#[derive(Debug)]
enum Command {
    Call(Request),
    Drop,
}

#[derive(Debug)]
struct Request {
    operation: &'static str,
    input: Value,
    key: String,
    answer: oneshot::Sender<Result<Box<RawValue>, Error>>,
}

/// Requests that may wait for the task.
const REQUESTS_WAITING_MAX: usize = 64;
/// Unanswered requests at once: the server's own bound.
const IN_FLIGHT_MAX: usize = moothall_protocol::limits::SOCKET_IN_FLIGHT_MAX;

impl Socket {
    pub(crate) async fn open(client: Client, options: SocketOptions) -> Result<Self, Error> {
        let (requests, commands) = mpsc::channel(REQUESTS_WAITING_MAX);
        let (sender, events) = mpsc::channel(options.events_waiting_max.max(1));
        let call_max = options.call_max;
        let mut task = Task {
            client,
            options,
            events: sender,
            resume_token: None,
            seen: 0,
            is_behind: false,
            next_id: 0,
            in_flight: HashMap::new(),
            unsent: VecDeque::new(),
        };
        // The first connection is the caller's to know of; after that the task copes by itself.
        let stream = task.connect().await?;
        tokio::spawn(task.run(stream, commands));
        Ok(Self { requests, events, call_max })
    }

    /// Calls an operation. Comes back when it is answered, over however many connections that takes, or after
    /// [`SocketOptions::call_max`].
    pub async fn call<C: Call>(&self, call: &C) -> Result<C::Output, Error> {
        let input = serde_json::to_value(call)?;
        let out = self.call_raw(C::OPERATION, input).await?;
        Ok(serde_json::from_str(out.get())?)
    }

    /// Calls an operation by name, for operations that this client does not know.
    pub async fn call_raw(&self, operation: &'static str, input: Value) -> Result<Box<RawValue>, Error> {
        let (answer, receiver) = oneshot::channel();
        let request = Request { operation, input, key: Uuid::now_v7().to_string(), answer };
        let answered = async {
            self.requests.send(Command::Call(request)).await.map_err(|_| gone())?;
            receiver.await.map_err(|_| gone())?
        };
        let late = |_| Err(Error::Unreachable("no answer in time".into()));
        tokio::time::timeout(self.call_max, answered).await.unwrap_or_else(late)
    }

    /// The next event, or `None` once the socket was closed for good.
    pub async fn next(&mut self) -> Option<Received> {
        self.events.recv().await
    }

    /// Breaks the connection as a bad network would; the socket then comes back and resumes. For tests of programs that have to cope
    /// with that; it changes nothing else.
    pub async fn interrupt(&self) {
        let _ = self.requests.send(Command::Drop).await;
    }
}

/// Returns once so many events have room, or with `false` if nobody will read any more.
async fn has_room(events: &mpsc::Sender<Received>, count: usize) -> bool {
    events.reserve_many(count).await.is_ok()
}

fn gone() -> Error {
    Error::Unreachable("the socket was closed".into())
}

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

struct Task {
    client: Client,
    options: SocketOptions,
    events: mpsc::Sender<Received>,
    resume_token: Option<String>,
    seen: u64,
    /// Events were let go because too many waited: those after `seen` have to come again.
    is_behind: bool,
    next_id: u64,
    in_flight: HashMap<u64, Request>,
    unsent: VecDeque<Request>,
}

/// What comes from the server: an answer, a refusal, or an event.
#[derive(Deserialize)]
struct Incoming<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    out: Option<&'a RawValue>,
    err: Option<Problem>,
    seq: Option<u64>,
    topic: Option<String>,
    event: Option<String>,
}

/// Why a connection ended.
enum End {
    /// Come back, after this delay if one was asked for.
    Broken(Option<Duration>),
    /// Far too much was sent: come back much later.
    Abuse(Option<Duration>),
    /// For good.
    Closed(Error),
    /// The socket was dropped.
    Dropped,
}

impl Task {
    async fn run(mut self, mut stream: Stream, mut commands: mpsc::Receiver<Command>) {
        loop {
            let delay = match self.serve(&mut stream, &mut commands).await {
                End::Dropped => {
                    let _ = stream.close(None).await;
                    return;
                }
                End::Closed(error) => return self.fail(&error),
                End::Broken(delay) => delay,
                End::Abuse(delay) => Some(delay.unwrap_or_default().max(self.options.abuse_delay)),
            };
            match self.come_back(delay).await {
                Ok(back) => stream = back,
                Err(error) => return self.fail(&error),
            }
        }
    }

    fn fail(self, error: &Error) {
        let unanswered = self.in_flight.into_values().chain(self.unsent);
        for request in unanswered {
            let _ = request.answer.send(Err(match error {
                Error::Closed { code, reason } => Error::Closed { code: *code, reason: reason.clone() },
                other => Error::Unreachable(other.to_string()),
            }));
        }
    }

    /// Tries until it works, or until the server says that it never will.
    async fn come_back(&mut self, delay: Option<Duration>) -> Result<Stream, Error> {
        // In the order in which they were asked.
        let mut again: Vec<(u64, Request)> = self.in_flight.drain().collect();
        again.sort_by_key(|(id, _)| *id);
        for (_, request) in again.into_iter().rev() {
            self.unsent.push_front(request);
        }
        // Whoever asked may have stopped waiting.
        self.unsent.retain(|request| !request.answer.is_closed());
        let mut wait = delay.unwrap_or_else(|| scattered(self.options.retry_delay_min));
        let mut longest = self.options.retry_delay_min;
        loop {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.events.closed() => return Err(gone()),
            }
            match self.connect().await {
                Ok(stream) => {
                    self.is_behind = false;
                    return Ok(stream);
                }
                Err(error @ (Error::Refused(_) | Error::NotSignedIn)) if !is_passing(&error) => {
                    return Err(error);
                }
                Err(error) => tracing::debug!("Not back yet: {error}"),
            }
            longest = (longest * 2).min(self.options.retry_delay_max);
            wait = scattered(longest);
        }
    }

    async fn connect(&mut self) -> Result<Stream, Error> {
        let late = |_| Err(Error::Unreachable("no connection in time".into()));
        tokio::time::timeout(self.options.connect_max, self.try_connect()).await.unwrap_or_else(late)
    }

    async fn try_connect(&mut self) -> Result<Stream, Error> {
        let access = self.client.tokens().ok_or(Error::NotSignedIn)?.access;
        match self.connect_with(&access).await {
            Err(error) if error.code() == Some("token_invalid") => {
                let access = self.client.renew(&access).await?;
                self.connect_with(&access).await
            }
            outcome => outcome,
        }
    }

    async fn connect_with(&self, access: &str) -> Result<Stream, Error> {
        let mut address = format!("{}/v1/socket", self.client.base().replacen("http", "ws", 1));
        if let Some(token) = &self.resume_token {
            address.push_str(&format!("?resume={}&seq={}", escape(token), self.seen));
        }
        let mut request = address
            .as_str()
            .into_client_request()
            .map_err(|_| Error::Address(self.client.base().to_owned()))?;
        let headers = request.headers_mut();
        for (name, value) in [
            ("authorization", format!("Bearer {access}")),
            ("sec-websocket-protocol", "moothall.v1.json".to_owned()),
        ] {
            let value = value.parse().map_err(|_| Error::Unreadable("the access token".into()))?;
            headers.insert(name, value);
        }
        // The library's own buffer is 128 KiB for each socket.
        let config = WebSocketConfig::default().read_buffer_size(4 * 1024);
        match connect_async_with_config(request, Some(config), true).await {
            Ok((stream, _)) => Ok(stream),
            Err(tungstenite::Error::Http(response)) => {
                let body = response.body().as_deref().unwrap_or_default();
                match serde_json::from_slice::<Problem>(body) {
                    Ok(problem) => Err(Error::Refused(Box::new(problem))),
                    Err(_) => Err(Error::Unreachable(format!("status {}", response.status()))),
                }
            }
            Err(error) => Err(Error::Unreachable(error.to_string())),
        }
    }

    async fn serve(&mut self, stream: &mut Stream, commands: &mut mpsc::Receiver<Command>) -> End {
        loop {
            while self.in_flight.len() < IN_FLIGHT_MAX
                && let Some(request) = self.unsent.pop_front()
            {
                let sent = tokio::time::timeout(self.options.silence_max, self.send(stream, request)).await;
                if !matches!(sent, Ok(Ok(()))) {
                    return End::Broken(None);
                }
            }
            let is_free = self.in_flight.len() < IN_FLIGHT_MAX;
            let half = self.events.max_capacity().div_ceil(2);
            tokio::select! {
                command = commands.recv(), if is_free => match command {
                    None => return End::Dropped,
                    Some(Command::Drop) => return End::Broken(None),
                    Some(Command::Call(request)) => self.unsent.push_back(request),
                },
                is_free = has_room(&self.events, half), if self.is_behind => {
                    return if is_free { End::Broken(Some(Duration::ZERO)) } else { End::Dropped };
                }
                message = tokio::time::timeout(self.options.silence_max, stream.next()) => match message {
                    Ok(Some(Ok(Message::Text(text)))) => {
                        if let Err(end) = self.receive(text.as_str()) {
                            return end;
                        }
                    }
                    Ok(Some(Ok(Message::Close(frame)))) => return ending(frame),
                    Ok(Some(Ok(_))) => {}
                    // Silence, an error, or the end of the stream.
                    Err(_) | Ok(Some(Err(_)) | None) => return End::Broken(None),
                },
            }
        }
    }

    async fn send(&mut self, stream: &mut Stream, request: Request) -> Result<(), tungstenite::Error> {
        self.next_id += 1;
        let id = self.next_id;
        let message = json!({ "id": id, "op": request.operation, "in": request.input, "key": request.key });
        // Kept first: if the connection breaks here, it is sent again with the same key.
        self.in_flight.insert(id, request);
        stream.send(Message::text(message.to_string())).await
    }

    fn receive(&mut self, text: &str) -> Result<(), End> {
        let incoming: Incoming<'_> =
            serde_json::from_str(text).map_err(|error| End::Closed(Error::Unreadable(error.to_string())))?;
        match incoming {
            Incoming { id: Some(id), out, err, .. } => {
                if let Some(request) = self.in_flight.remove(&id) {
                    let answer = match (out, err) {
                        (_, Some(problem)) => Err(Error::Refused(Box::new(problem))),
                        (Some(out), None) => Ok(out.to_owned()),
                        (None, None) => Err(Error::Unreadable("an answer without content".into())),
                    };
                    let _ = request.answer.send(answer);
                }
                Ok(())
            }
            Incoming { seq: Some(seq), topic, event: Some(name), .. } => {
                let event: Option<Event> = serde_json::from_str(text).ok();
                let token = match &event {
                    Some(Event::SessionReady(ready) | Event::SessionStale(ready)) => {
                        Some(ready.resume_token.clone())
                    }
                    _ => None,
                };
                if self.is_behind {
                    return Ok(());
                }
                match self.events.try_send(Received { seq, topic, event, name }) {
                    Ok(()) => {
                        // Only what was handed on counts as seen.
                        self.seen = seq;
                        self.resume_token = token.or(self.resume_token.take());
                    }
                    Err(TrySendError::Full(_)) => self.is_behind = true,
                    Err(TrySendError::Closed(_)) => return Err(End::Dropped),
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Half of the delay, and up to as much again: clients that were dropped together do not return together.
fn scattered(delay: Duration) -> Duration {
    delay / 2 + delay.mul_f64(rand::rng().random::<f64>() / 2.0)
}

/// Whether a refusal at the door passes with time.
fn is_passing(error: &Error) -> bool {
    matches!(error, Error::Refused(problem) if problem.status == 429 || problem.status >= 500)
}

fn ending(frame: Option<tungstenite::protocol::CloseFrame>) -> End {
    let Some(frame) = frame else { return End::Broken(None) };
    let code = u16::from(frame.code);
    match code {
        // 4010 is what the user or staff wanted: who came back at once would undo it.
        4000 | 4001 | 4003 | 4009 | 4010 => {
            End::Closed(Error::Closed { code, reason: frame.reason.as_str().to_owned() })
        }
        _ => {
            let asked: Option<Value> = serde_json::from_str(frame.reason.as_str()).ok();
            let delay = asked.and_then(|reason| reason.get("retry_after_ms").and_then(Value::as_u64));
            let delay = delay.map(Duration::from_millis);
            if code == 4029 { End::Abuse(delay) } else { End::Broken(delay) }
        }
    }
}

#[cfg(test)]
mod tests {
    use moothall_protocol::CloseCode;
    use tokio_tungstenite::tungstenite::protocol::CloseFrame;

    use super::*;

    #[test]
    fn the_close_code_says_whether_and_when_to_come_back() {
        let end = |code: u16, reason: &str| {
            ending(Some(CloseFrame { code: code.into(), reason: reason.to_owned().into() }))
        };
        for code in [
            CloseCode::ProtocolError,
            CloseCode::SignedOut,
            CloseCode::Restricted,
            CloseCode::Replaced,
            CloseCode::Disconnected,
        ] {
            assert!(matches!(end(code.number(), "{}"), End::Closed(Error::Closed { .. })), "{code:?}");
        }
        let reason = r#"{"retry_after_ms": 700}"#;
        let wait = Duration::from_millis(700);
        let draining = end(CloseCode::Draining.number(), reason);
        assert!(matches!(draining, End::Broken(Some(delay)) if delay == wait));
        assert!(matches!(end(CloseCode::SlowConsumer.number(), "{}"), End::Broken(None)));
        assert!(matches!(end(1006, ""), End::Broken(None)));
        assert!(matches!(end(CloseCode::Abuse.number(), "{}"), End::Abuse(None)));
        let abuse = end(CloseCode::Abuse.number(), reason);
        assert!(matches!(abuse, End::Abuse(Some(delay)) if delay == wait));
    }
}
