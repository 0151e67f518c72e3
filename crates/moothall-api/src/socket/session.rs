//! One socket, from its first byte to its last: a single task that waits for whatever comes next, and answers it.
//!
//! Start at [`Session::run`]. One *step* at a time (a sign-in, or the look at who calls) comes before the next message is read, so
//! requests enter in the order in which they were sent; the operations themselves run side by side.

use std::future::Future as _;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use moothall::accounts::{self, Credential};
use moothall::connections::{Resume, Stream};
use moothall::operation::BoxFuture;
use moothall::topics::Closing;
use moothall::{Caller, Cx, Error, Fault, Origin, snapshot};
use moothall_protocol::connections::{Authenticate, Authenticated};
use moothall_protocol::limits::{
    SOCKET_DRAIN_SPREAD_MS, SOCKET_IN_FLIGHT_MAX, SOCKET_MESSAGE_BYTES_MAX_UNSIGNED,
};
use moothall_protocol::{CloseCode, Kind, Problem, SessionId};
use serde::Deserialize as _;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep};

use super::Opened;
use super::allowance::{Allowance, REFUSED};
use super::message::{self, Request, Unreadable};
use super::transport::{Received, Transport};
use crate::admission::Turn;
use crate::serve::reached;
use crate::{Doors, Seat, Stage};

/// The one operation that belongs to the socket itself.
pub(crate) const AUTHENTICATE: &str = "session.authenticate";
/// How long requests in flight may keep a socket that is to close.
const LAST_ANSWERS: Duration = Duration::from_millis(500);
/// How long a client may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// One socket.
pub(super) struct Session {
    doors: Doors,
    origin: Arc<Origin>,
    transport: Transport,
    /// What the socket receives, once it is signed in.
    stream: Option<Stream>,
    step: Option<BoxFuture<'static, Step>>,
    /// At most [`SOCKET_IN_FLIGHT_MAX`].
    calls: FuturesUnordered<BoxFuture<'static, Answered>>,
    allowance: Allowance,
    closing: Option<Box<Leaving>>,
    opened_at: Instant,
    heard_at: Instant,
    pinged_at: Instant,
    sleep: Pin<Box<Sleep>>,
    stage: watch::Receiver<Stage>,
    seat: Seat,
}

/// What must be done before the next message is read.
enum Step {
    /// A sign-in by message of this id, or by the address of the socket.
    SignedIn(Option<u64>, Result<Stream, Box<dyn Fault>>),
    /// A request, and who calls.
    Admitted(Request, Result<Cx, Error>),
}

/// What came of a request.
struct Answered {
    message: Vec<u8>,
    /// Whether it was refused because there were too many.
    is_limited: bool,
}

/// A socket about to close.
struct Leaving {
    closing: Closing,
    since: Instant,
    has_said_goodbye: bool,
}

/// What comes next.
enum Next {
    Received(Received),
    Step(Step),
    Answer(Answered),
    Events,
    Time,
    Draining,
}

impl Session {
    pub fn new(doors: Doors, origin: Arc<Origin>, transport: Transport, seat: Seat) -> Self {
        let now = Instant::now();
        Self {
            stage: doors.stage(),
            allowance: Allowance::new(doors.hall().rates().scale(), now),
            doors,
            origin,
            transport,
            stream: None,
            step: None,
            calls: FuturesUnordered::new(),
            closing: None,
            opened_at: now,
            heard_at: now,
            pinged_at: now,
            sleep: Box::pin(tokio::time::sleep_until(now)),
            seat,
        }
    }

    /// Lives until one side has had enough.
    pub async fn run(mut self, opened: Opened) {
        metrics::gauge!("sockets").increment(1);
        let Opened { identity, resume, turn } = opened;
        if let Some(identity) = identity {
            self.step = Some(Box::pin(sign_in(self.cx(Caller::Member(identity)), None, resume, turn)));
        }
        while self.go_on().await {}
        metrics::gauge!("sockets").decrement(1);
        let code = self.closing.as_ref().map_or("gone", |leaving| leaving.closing.code.as_str());
        metrics::counter!("socket_closes_total", "code" => code).increment(1);
        // Once begun they are finished, with nobody left to hear of it.
        let (mut calls, step, seat) = (self.calls, self.step, self.seat);
        if !calls.is_empty() || step.is_some() {
            tokio::spawn(async move {
                if let Some(step) = step {
                    step.await;
                }
                while calls.next().await.is_some() {}
                drop(seat);
            });
        }
    }

    /// Deals with one thing. False when there is nothing more to deal with.
    async fn go_on(&mut self) -> bool {
        let is_alive = match self.next().await {
            Next::Received(Received::Message(bytes)) => {
                self.heard_at = Instant::now();
                self.doors.counted().received.increment(1);
                self.receive(&bytes);
                true
            }
            Next::Received(Received::Alive) => {
                self.heard_at = Instant::now();
                self.spend(1);
                true
            }
            Next::Received(Received::Broken(what)) => {
                self.leave(Closing::new(CloseCode::ProtocolError, what));
                true
            }
            Next::Received(Received::Goodbye | Received::Lost) => {
                self.last_bytes().await;
                false
            }
            Next::Step(step) => {
                self.step = None;
                self.after(step);
                true
            }
            Next::Answer(answered) => {
                self.answer(answered.message);
                if answered.is_limited {
                    self.spend(REFUSED - 1);
                }
                true
            }
            Next::Events => true,
            Next::Time => self.keep_time(),
            Next::Draining => {
                let spread = self.doors.hall().random().below(SOCKET_DRAIN_SPREAD_MS as u64);
                let mut closing = Closing::new(CloseCode::Draining, "the server is about to stop");
                closing.retry_after_ms = Some(spread);
                self.leave(closing);
                true
            }
        };
        self.take_events();
        is_alive && self.say_goodbye()
    }

    /// Waits for whatever comes first. What is received comes behind what is in hand, and what is written behind everything.
    async fn next(&mut self) -> Next {
        let is_leaving = self.closing.is_some();
        let (deadline, write) = (self.deadline(), self.doors.options().patience.write);
        let Self { transport, stream, step, calls, sleep, stage, closing, .. } = self;
        let has_said_goodbye = closing.as_ref().is_some_and(|leaving| leaving.has_said_goodbye);
        let mut draining = pin!(reached(stage, Stage::Draining));
        std::future::poll_fn(|task| {
            // Room is made before anything is looked at: what finds none is not asked for, and would not wake this task later.
            if transport.room() == 0
                && let Poll::Ready(Err(_)) = transport.poll_flush(task)
            {
                return Poll::Ready(Next::Received(Received::Lost));
            }
            if let Some(step) = step
                && let Poll::Ready(step) = step.as_mut().poll(task)
            {
                return Poll::Ready(Next::Step(step));
            }
            if !calls.is_empty()
                && let Poll::Ready(Some(answered)) = calls.poll_next_unpin(task)
            {
                return Poll::Ready(Next::Answer(answered));
            }
            if transport.room() > 0
                && let Some(stream) = stream
                && stream.poll_changed(task).is_ready()
            {
                return Poll::Ready(Next::Events);
            }
            if !is_leaving && draining.as_mut().poll(task).is_ready() {
                return Poll::Ready(Next::Draining);
            }
            let may_read = if is_leaving { has_said_goodbye } else { step.is_none() && transport.may_read() };
            if may_read && let Poll::Ready(received) = transport.poll_receive(task) {
                return Poll::Ready(Next::Received(received));
            }
            // Behind everything, so that all there is to say leaves in one write.
            if let Poll::Ready(Err(_)) = transport.poll_flush(task) {
                return Poll::Ready(Next::Received(Received::Lost));
            }
            let deadline = transport.stalled_since().map_or(deadline, |since| deadline.min(since + write));
            // A later deadline is seen when the earlier one has passed: most are put off long before.
            if deadline < sleep.deadline() || sleep.is_elapsed() {
                sleep.as_mut().reset(deadline);
            }
            sleep.as_mut().poll(task).map(|()| Next::Time)
        })
        .await
    }

    /// When there is something to do about the time, if the client takes what is written.
    fn deadline(&self) -> Instant {
        let patience = self.doors.options().patience;
        match &self.closing {
            Some(leaving) if leaving.has_said_goodbye => leaving.since + LAST_ANSWERS + GOODBYE,
            Some(leaving) => leaving.since + LAST_ANSWERS,
            None if self.stream.is_none() && self.step.is_none() => {
                (self.opened_at + patience.sign_in).min(self.heard_at + patience.silence)
            }
            None => {
                let ping = self.heard_at.max(self.pinged_at) + patience.ping;
                ping.min(self.heard_at + patience.silence)
            }
        }
    }

    /// Something took too long. False if there is no use in waiting for more.
    fn keep_time(&mut self) -> bool {
        let (now, patience) = (Instant::now(), self.doors.options().patience);
        if let Some(since) = self.transport.stalled_since()
            && now >= since + patience.write
        {
            // It would not read a goodbye either. The session can be resumed.
            self.leave(Closing::new(CloseCode::SlowConsumer, "the client takes nothing"));
            return false;
        }
        if let Some(leaving) = &self.closing {
            return !leaving.has_said_goodbye || now < leaving.since + LAST_ANSWERS + GOODBYE;
        }
        if now >= self.heard_at + patience.silence {
            return false;
        }
        if self.stream.is_none() && self.step.is_none() && now >= self.opened_at + patience.sign_in {
            self.leave(Closing::new(CloseCode::SignedOut, "the socket was not signed in in time"));
        } else if now >= self.heard_at.max(self.pinged_at) + patience.ping {
            self.pinged_at = now;
            self.transport.ping();
        }
        true
    }

    /// A message came.
    fn receive(&mut self, bytes: &Bytes) {
        if self.closing.is_some() || !self.spend(1) {
            return;
        }
        if self.stream.is_none() && bytes.len() > SOCKET_MESSAGE_BYTES_MAX_UNSIGNED {
            self.leave(Closing::new(
                CloseCode::ProtocolError,
                format!(
                    "before sign-in, a message may have {SOCKET_MESSAGE_BYTES_MAX_UNSIGNED} bytes at most"
                ),
            ));
            return;
        }
        match message::request(self.transport.encoding(), bytes) {
            Ok(request) if request.operation == AUTHENTICATE => self.authenticate(request),
            Ok(request) if self.calls.len() >= SOCKET_IN_FLIGHT_MAX => {
                self.refuse(Some(request.id), &Error::TooManyRequests);
            }
            Ok(request) => match self.stream.as_ref().map(Stream::session_id) {
                Some(session) => match accounts::identity_kept(self.doors.hall(), session) {
                    Some(identity) => self.call(request, self.cx(Caller::Member(identity))),
                    None => self.step = Some(Box::pin(admit(self.cx(Caller::Nobody), session, request))),
                },
                None => self.call(request, self.cx(Caller::Nobody)),
            },
            Err(Unreadable { id, error }) => self.refuse(id, &error),
        }
    }

    /// The client signs in by message.
    fn authenticate(&mut self, request: Request) {
        if self.stream.is_some() {
            let error = Error::Malformed("this socket is signed in: open another".to_owned());
            return self.refuse(Some(request.id), &error);
        }
        let cx = self.cx(Caller::Nobody);
        // Wrong guesses count as requests of the network they come from.
        let rate = cx.hall().rates().take(&cx, moothall::Rate::SignIn);
        let input = rate.and_then(|()| self.doors.authenticate().apply(request.input));
        let read = input.and_then(credentials);
        match read {
            Ok((credential, resume)) => {
                let doors = self.doors.clone();
                self.step = Some(Box::pin(async move {
                    let turn = match doors.admission().enter(cx.random()).await {
                        Ok(turn) => turn,
                        Err(error) => return Step::SignedIn(Some(request.id), Err(Box::new(error))),
                    };
                    match accounts::authenticate(cx.hall(), &credential).await {
                        Ok(identity) => {
                            sign_in(cx.by(Caller::Member(identity)), Some(request.id), resume, Some(turn))
                                .await
                        }
                        Err(error) => Step::SignedIn(Some(request.id), Err(Box::new(error))),
                    }
                }));
            }
            Err(error) => self.refuse(Some(request.id), &error),
        }
    }

    /// What comes after a step.
    fn after(&mut self, step: Step) {
        match step {
            Step::Admitted(request, Ok(cx)) => self.call(request, cx),
            Step::Admitted(request, Err(error)) => {
                self.refuse(Some(request.id), &error);
                if matches!(error, Error::TokenInvalid) {
                    self.leave(Closing::new(CloseCode::SignedOut, "signed out"));
                }
            }
            Step::SignedIn(id, Ok(stream)) => {
                if let Some(id) = id {
                    let out = Authenticated { user_id: stream.user_id(), session_id: stream.session_id() };
                    match message::answer(self.transport.encoding(), id, &out) {
                        Ok(message) => self.answer(message),
                        Err(error) => self.refuse(Some(id), &error),
                    }
                }
                // While it was let in, the socket may have been told to go.
                if self.closing.is_none() {
                    self.stream = Some(stream);
                }
            }
            Step::SignedIn(id, Err(fault)) => {
                self.refuse(id, &*fault);
                // By message, the client may try again. By address, nothing else can come of this socket.
                if id.is_none() {
                    let code = match fault.code() {
                        "token_invalid" => CloseCode::SignedOut,
                        "restricted" => CloseCode::Restricted,
                        "too_many_sessions" | "replaced" => CloseCode::Replaced,
                        _ => CloseCode::Draining,
                    };
                    self.leave(Closing::new(code, fault.to_string()));
                }
            }
        }
    }

    /// Begins an operation.
    fn call(&mut self, request: Request, cx: Cx) {
        let (doors, encoding) = (self.doors.clone(), self.transport.encoding());
        self.calls.push(Box::pin(async move {
            let Request { id, operation, input, key } = request;
            let request_id = cx.request_id();
            let outcome = doors.dispatch(&operation, cx, input, key.as_deref()).await;
            let is_limited = outcome.as_ref().is_err_and(|problem| problem.status == Kind::Limited.status());
            let message = match &outcome {
                Ok(answer) => message::answer(encoding, id, &**answer).unwrap_or_else(|error| {
                    moothall::operation::log_fault(&error, "socket", request_id);
                    message::refusal(encoding, Some(id), &error.problem(request_id))
                }),
                Err(problem) => message::refusal(encoding, Some(id), problem),
            };
            Answered { message, is_limited }
        }));
    }

    fn refuse(&mut self, id: Option<u64>, fault: &dyn Fault) {
        let cx = self.cx(Caller::Nobody);
        moothall::operation::log_fault(fault, "socket", cx.request_id());
        let problem: Problem = fault.problem(cx.request_id());
        self.answer(message::refusal(self.transport.encoding(), id, &problem));
        self.spend(REFUSED);
    }

    /// Counts what the client sends. False if it is too much.
    fn spend(&mut self, count: u32) -> bool {
        let is_enough = self.allowance.take(count, Instant::now());
        if !is_enough {
            self.leave(Closing::new(CloseCode::Abuse, "far too many messages"));
        }
        is_enough
    }

    fn take_events(&mut self) {
        let Some(stream) = &mut self.stream else { return };
        let transport = &mut self.transport;
        match stream.visit(transport.room(), |seq, frame| transport.send_event(seq, frame)) {
            Ok(0) => {}
            Ok(count) => self.doors.counted().sent.increment(count as u64),
            Err(closing) => self.leave(closing),
        }
    }

    fn answer(&mut self, message: Vec<u8>) {
        self.doors.counted().sent.increment(1);
        self.transport.send(message);
    }

    /// Begins to close. The session is let go of at once, to be resumed. The first reason stands.
    fn leave(&mut self, closing: Closing) {
        self.stream = None;
        self.closing.get_or_insert_with(|| {
            Box::new(Leaving { closing, since: Instant::now(), has_said_goodbye: false })
        });
    }

    /// Says goodbye once the requests in flight are answered, or have had their time.
    fn say_goodbye(&mut self) -> bool {
        if let Some(leaving) = &mut self.closing
            && !leaving.has_said_goodbye
            && (self.calls.is_empty() && self.step.is_none()
                || Instant::now() >= leaving.since + LAST_ANSWERS)
        {
            leaving.has_said_goodbye = true;
            let closing = &leaving.closing;
            self.transport.close(closing.code.number(), &message::reason(closing));
        }
        true
    }

    /// Writes what is left, such as the answer to a goodbye, if the client takes it at once.
    async fn last_bytes(&mut self) {
        let shutdown = std::future::poll_fn(|task| self.transport.poll_shutdown(task));
        let _ = tokio::time::timeout(LAST_ANSWERS, shutdown).await;
    }

    fn cx(&self, caller: Caller) -> Cx {
        Cx::new(self.doors.hall(), caller, Arc::clone(&self.origin))
    }
}

/// Lets the caller's session in.
async fn sign_in(cx: Cx, id: Option<u64>, resume: Option<Resume>, turn: Option<Turn>) -> Step {
    let opened = snapshot::open(&cx, resume.as_ref()).await;
    drop(turn);
    Step::SignedIn(id, opened.map_err(|fault| Box::new(fault) as Box<dyn Fault>))
}

/// Who calls, as of now: a session that was revoked, or a role that was taken, counts for the next request.
async fn admit(cx: Cx, session: SessionId, request: Request) -> Step {
    let identity = accounts::identity_of(cx.hall(), session).await;
    Step::Admitted(request, identity.map(|identity| cx.by(Caller::Member(identity))))
}

fn credentials(input: serde_json::Value) -> Result<(Credential, Option<Resume>), Error> {
    let input =
        Authenticate::deserialize(input).map_err(|error| Error::field("", "invalid", error.to_string()))?;
    let credential = match (input.access_token, input.api_key) {
        (Some(token), None) => Credential::Bearer(token),
        (None, Some(key)) => Credential::ApiKey(key),
        _ => return Err(Error::field("", "invalid", "give an access_token or an api_key, and not both")),
    };
    let resume = match (input.resume, input.seq) {
        (Some(token), Some(seq)) => Some(Resume { token, seq }),
        (None, None) => None,
        _ => return Err(Error::field("", "invalid", "to resume, give both `resume` and `seq`")),
    };
    Ok((credential, resume))
}
