//! `session.ready`: what a client needs to draw itself, put together from the contexts. The way of every door to a [`Stream`].
//!
//! Start at [`open`]. Promise: between what the snapshot says and the events behind it nothing is missing. The stream collects
//! first and the snapshot is read after that, so what happens meanwhile is seen in both at worst, and a client takes the
//! newer version.

use moothall_protocol::UserId;
use moothall_protocol::accounts::GetMe;
use moothall_protocol::communication::Unread;
use moothall_protocol::connections::Ready;

use crate::connections::{self, Attached, Begun, Error, Opening, Resume, Stream};
use crate::{Cx, accounts, communication, matches, system};

/// How often a snapshot is read again, because more happened meanwhile than the outbox holds.
const ATTEMPTS: u32 = 3;

/// Attaches a socket to the caller's session: its stream goes on where `resume` says, or begins afresh with a snapshot.
pub async fn open(cx: &Cx, resume: Option<&Resume>) -> Result<Stream, Error> {
    let mut opening = match connections::attach(cx, resume).await? {
        Attached::Resumed(stream) => return Ok(stream),
        Attached::Opening(opening) => opening,
    };
    let user = cx.require_user()?;
    let mut topics = communication::topics_of(cx, user).await.map_err(common)?;
    topics.extend(matches::topics_of(cx, user));
    for _ in 0..ATTEMPTS {
        opening.collect(topics)?;
        // Once more, now that nothing is missed: the user may have come to another room meanwhile.
        let (unread, certain) = communication::for_session(cx, user).await.map_err(common)?;
        topics = certain;
        topics.extend(matches::topics_of(cx, user));
        let ready = ready(cx, &opening, user, unread).await?;
        match opening.begin(&topics, ready)? {
            Begun::Stream(stream) => return Ok(stream),
            Begun::Again(again) => opening = again,
        }
    }
    Err(crate::Error::Unavailable.into())
}

async fn ready(cx: &Cx, opening: &Opening, user_id: UserId, unread: Unread) -> Result<Ready, Error> {
    Ok(Ready {
        session_id: opening.session_id(),
        resume_token: opening.token().to_owned(),
        user_id,
        me: Box::new(accounts::me(cx, GetMe {}).await.map_err(own)?),
        server_version: env!("CARGO_PKG_VERSION").to_owned(),
        server_time: cx.now(),
        limits: system::limits_by_name(),
        rates: system::rates(cx.hall()),
        presence: connections::own_presence(cx).await?,
        unread,
    })
}

/// Reading the own account is refused for no reason of its own.
fn own(error: accounts::Error) -> Error {
    match error {
        accounts::Error::Common(error) => error.into(),
        other => crate::Error::internal(other).into(),
    }
}

/// Reading what is unread is refused for no reason of its own.
fn common(error: communication::Error) -> Error {
    match error {
        communication::Error::Common(error) => error.into(),
        other => crate::Error::internal(other).into(),
    }
}
