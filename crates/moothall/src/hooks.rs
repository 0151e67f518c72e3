//! Hooks: where an embedding program has a say. One trait; every method has a default that lets pass.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use moothall_protocol::limits::HOOK_MS_MAX;
use moothall_protocol::{RoomId, UserId};

use crate::cx::Cx;
use crate::error::Error;
use crate::operation::BoxFuture;

/// How long a hook may take. After that the call is refused as `unavailable`: a rule that was not asked is not passed.
pub const HOOK_DEADLINE: Duration = Duration::from_millis(HOOK_MS_MAX as u64);

/// Somebody wants to sign up.
#[derive(Clone, Debug)]
pub struct SignUpAttempt {
    /// The name they ask for, already checked by the server's own rules.
    pub name: String,
    /// The e-mail they gave, if any.
    pub email: Option<String>,
}

/// Somebody wants another name.
#[derive(Clone, Debug)]
pub struct RenameAttempt {
    /// Who.
    pub user: UserId,
    /// The name they ask for, already checked by the server's own rules.
    pub name: String,
}

/// Somebody wants to send or edit a message.
#[derive(Clone, Debug)]
pub struct MessageAttempt {
    /// Who.
    pub sender: UserId,
    /// Where.
    pub room: RoomId,
    /// The text, already normalised and filtered by the server's own rules.
    pub text: String,
}

/// What becomes of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is sent as it is.
    Pass,
    /// It is sent with these words instead.
    Mask(String),
    /// It is refused, with this reason.
    Block(String),
}

/// What an embedding program may add to the server's own rules. A hook is given up after [`HOOK_DEADLINE`].
pub trait Hooks: Send + Sync + 'static {
    /// Before somebody signs up. An error refuses it: see [`Error::Refused`].
    fn before_sign_up<'a>(
        &'a self,
        _cx: &'a Cx,
        _attempt: &'a SignUpAttempt,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }

    /// Before users take another name themselves. What staff gives them is staff's to answer for.
    fn before_rename<'a>(
        &'a self,
        _cx: &'a Cx,
        _attempt: &'a RenameAttempt,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }

    /// Before a message is sent or edited.
    fn before_message<'a>(
        &'a self,
        _cx: &'a Cx,
        _attempt: &'a MessageAttempt,
    ) -> BoxFuture<'a, Result<Verdict, Error>> {
        Box::pin(async { Ok(Verdict::Pass) })
    }
}

/// No rules beside the server's own.
#[derive(Debug)]
pub struct NoHooks;

impl Hooks for NoHooks {}

impl NoHooks {
    /// As hooks to hand to a hall.
    pub fn shared() -> Arc<dyn Hooks> {
        Arc::new(Self)
    }
}

/// Asks a hook, and gives up at the deadline.
pub(crate) async fn ask<T>(answer: BoxFuture<'_, Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout(HOOK_DEADLINE, answer).await.unwrap_or(Err(Error::Unavailable))
}
