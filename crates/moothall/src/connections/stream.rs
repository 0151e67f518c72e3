//! Streams: what one socket after the other receives of a session.
//!
//! Start at [`attach`]. It lets the session in and either goes on with its stream, which needs no look at the database, or hands out
//! an [`Opening`], with which [`crate::snapshot`] reads what the client needs to draw itself. The order in there is the promise that
//! nothing is missed: collect first, subscribe second, read last, and send what was collected behind what was read.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use moothall_protocol::accounts::SessionKind;
use moothall_protocol::connections::{OwnPresence, Ready, Resumed};
use moothall_protocol::{CloseCode, Event, SessionId, UserId};

use super::live::{Admitted, Gone};
use super::presence::{Command, Grace, Presence};
use super::session::Session;
use super::{Error, tickets};
use crate::topics::{Closing, Frame, NotBegun, Reader, Seq};
use crate::{Cx, Fault as _, Hall, Kind, Topic, accounts};

/// The place in a stream from which a client wants to go on.
#[derive(Clone)]
pub struct Resume {
    /// The stream's token.
    pub token: String,
    /// The last number it saw.
    pub seq: Seq,
}

moothall_protocol::hide! {
    Resume { seq; token }
}

/// One socket's hold on a session. When it is let go, the session waits to be resumed.
struct Attachment {
    hall: Hall,
    session: Arc<Session>,
    number: u64,
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "attachment {} of session {}", self.number, self.session.id)
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        let now = self.hall.clock().elapsed();
        if self.hall.connections().drop_attachment(now, &self.session, self.number) {
            let command = Command::Drop { session: self.session.id, attachment: self.number };
            super::tell_presence(&self.hall, self.session.user_id, command);
        }
    }
}

/// Sessions whose place another took. They end when this is dropped, whatever became of the other.
struct Replaced<'a> {
    hall: &'a Hall,
    sessions: Vec<Gone>,
}

impl Drop for Replaced<'_> {
    fn drop(&mut self) {
        for gone in &self.sessions {
            let closing = Closing::new(CloseCode::Replaced, "another of your clients took this one's place");
            super::end(self.hall, gone, closing);
        }
    }
}

/// What becomes of a socket that asks for its session.
pub(crate) enum Attached {
    /// Its stream goes on.
    Resumed(Stream),
    /// A new stream begins.
    Opening(Opening),
}

/// Attaches a socket to the caller's session.
pub(crate) async fn attach(cx: &Cx, resume: Option<&Resume>) -> Result<Attached, Error> {
    let identity = cx.require_identity()?;
    let hall = cx.hall();
    let agent = cx.origin().agent.clone();
    let policies = &hall.settings().connections.sessions;
    let Admitted { session, attachment, replaced } = hall.connections().admit(identity, policies, || {
        Session::new(identity, cx.now(), agent, hall.topics().outbox(identity.user_id))
    })?;
    let attachment = Attachment { hall: hall.clone(), session, number: attachment };
    let replaced = Replaced { hall, sessions: replaced };
    // Asked once more, now that it is registered: a revocation before this shows here, one after this ends the session.
    if let Err(error) = accounts::identity_of(hall, identity.session_id).await {
        // Whoever could not be looked up may come back.
        if error.kind() == Kind::Unauthenticated {
            super::end_session(hall, identity.session_id, Closing::new(CloseCode::SignedOut, "signed out"));
        }
        return Err(error.into());
    }
    attachment.connect(cx).await?;
    // Only now, so that whoever goes from one client to another is not offline in between.
    drop(replaced);
    if attachment.session.state().is_none() {
        // It ended meanwhile, and its leave may have come before this: nobody else would take back that the user is here.
        let (session, number) = (attachment.session.id, attachment.number);
        super::tell_presence(hall, identity.user_id, Command::Leave { session, attachment: number });
        return Err(ended());
    }
    if let Some(resume) = resume
        && let Some((reader, pending)) = attachment.resume(resume)
    {
        return Ok(Attached::Resumed(Stream { attachment, reader, pending }));
    }
    let (token, _) = tickets::secret(cx.random());
    Ok(Attached::Opening(Opening { attachment, is_stale: resume.is_some(), epoch: 0, token }))
}

impl Attachment {
    async fn connect(&self, cx: &Cx) -> Result<OwnPresence, Error> {
        let command = Command::Connect {
            session: self.session.id,
            attachment: self.number,
            is_bot: matches!(self.session.kind, SessionKind::Bot | SessionKind::Host),
            grace: Grace::of(&self.hall.settings().connections),
        };
        self.hall.directory().call::<Presence>(cx, self.session.user_id, command).await
    }

    fn resume(&self, resume: &Resume) -> Option<(Reader, VecDeque<(Seq, Arc<Frame>)>)> {
        let state = self.session.state()?;
        if state.token != Some(tickets::hash(&resume.token)) {
            return None;
        }
        let (reader, missed) = self.session.outbox.resume(resume.seq)?;
        drop(state);
        let resumed = Event::SessionResumed(Resumed { missed: missed.len() as u64 });
        let mut pending = VecDeque::from(missed);
        // Not counted: it repeats the number the client has, so that the last number seen is right at every moment.
        pending.push_front((resume.seq, Arc::new(Frame::new(None, resumed))));
        metrics::counter!("sessions_resumed_total").increment(1);
        Some((reader, pending))
    }
}

/// A stream about to begin.
#[derive(Debug)]
pub(crate) struct Opening {
    attachment: Attachment,
    is_stale: bool,
    epoch: u64,
    token: String,
}

/// Whether a stream began.
pub(crate) enum Begun {
    /// It did.
    Stream(Stream),
    /// More happened meanwhile than the outbox holds: collect and read again.
    Again(Opening),
}

impl Opening {
    /// The session.
    pub fn session_id(&self) -> SessionId {
        self.attachment.session.id
    }

    /// What resumes the stream.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Begins to collect what comes after the snapshot: what every session hears of, and these topics.
    pub fn collect(&mut self, expected: Vec<Topic>) -> Result<(), Error> {
        let (hall, session) = (&self.attachment.hall, &self.attachment.session);
        let Some(mut state) = session.state() else { return Err(ended()) };
        // From here on the older stream cannot be resumed, and its watches are over.
        state.token = None;
        let watches = state.end_watches(hall.topics(), &session.outbox);
        self.epoch = session.outbox.restart();
        drop(state);
        super::forget_watches(hall, session.user_id, watches);
        session.subscribe(hall.topics(), Topic::User(session.user_id));
        session.subscribe(hall.topics(), Topic::Session(session.id));
        session.expect(hall.topics(), expected);
        Ok(())
    }

    /// The session itself, for what else it hears.
    pub(super) fn session(&self) -> &Arc<Session> {
        &self.attachment.session
    }

    /// Collects what comes of these topics too.
    pub fn expect(&self, expected: Vec<Topic>) {
        self.attachment.session.expect(self.attachment.hall.topics(), expected);
    }

    /// Begins the stream with what was read after [`Opening::collect`]; `topics` are the session's own by the same reading.
    pub fn begin(self, topics: &[Topic], ready: Ready) -> Result<Begun, Error> {
        let (hall, session) = (&self.attachment.hall, &self.attachment.session);
        session.confirm(hall.topics(), topics);
        let ready = Box::new(ready);
        let first = if self.is_stale { Event::SessionStale(ready) } else { Event::SessionReady(ready) };
        let Some(mut state) = session.state() else { return Err(ended()) };
        let begun = session.outbox.begin(self.epoch, Arc::new(Frame::new(None, first)));
        if begun.is_ok() {
            state.token = Some(tickets::hash(&self.token));
        }
        drop(state);
        match begun {
            Ok(reader) => {
                let pending = VecDeque::new();
                Ok(Begun::Stream(Stream { reader, attachment: self.attachment, pending }))
            }
            Err(NotBegun::Over) => Ok(Begun::Again(self)),
            Err(NotBegun::Replaced) => Err(Error::Replaced),
        }
    }
}

fn ended() -> Error {
    crate::Error::TokenInvalid.into()
}

/// What a session receives, for a door to pass on. Letting go of it leaves the session to be resumed.
#[derive(Debug)]
pub struct Stream {
    // Let go of in this order: once nobody reads, the session is dropped.
    reader: Reader,
    attachment: Attachment,
    /// What a resumed stream missed, before what comes now.
    pending: VecDeque<(Seq, Arc<Frame>)>,
}

impl Stream {
    /// The session.
    pub fn session_id(&self) -> SessionId {
        self.attachment.session.id
    }

    /// The user.
    pub fn user_id(&self) -> UserId {
        self.attachment.session.user_id
    }

    /// Takes up to `max` events with their numbers; none if none waits. An error says that the socket must close.
    pub fn take(&mut self, max: usize) -> Result<Vec<(Seq, Arc<Frame>)>, Closing> {
        let mut taken = Vec::new();
        self.visit(max, |seq, frame| taken.push((seq, Arc::clone(frame))))?;
        Ok(taken)
    }

    /// As [`Stream::take`], one after the other. Nothing may be published meanwhile. Returns how many there were.
    pub fn visit(&mut self, max: usize, mut visit: impl FnMut(Seq, &Arc<Frame>)) -> Result<usize, Closing> {
        if self.pending.is_empty() {
            return self.reader.visit(max, visit);
        }
        self.reader.must_close()?;
        let count = max.min(self.pending.len());
        self.pending.drain(..count).for_each(|(seq, frame)| visit(seq, &frame));
        self.pending.shrink_to(0);
        Ok(count)
    }

    /// Whether it is time to take; if not, the task is woken when it is.
    pub fn poll_changed(&self, task: &mut Context<'_>) -> Poll<()> {
        if self.pending.is_empty() { self.reader.poll_changed(task) } else { Poll::Ready(()) }
    }

    /// Waits until it is time to take.
    pub async fn changed(&self) {
        poll_fn(|task| self.poll_changed(task)).await;
    }
}
