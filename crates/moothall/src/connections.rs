//! Stub.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Hall, Operations};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[];

/// The operations of this context.
pub fn operations() -> Operations {
    Operations::context("connections", "TBD")
}

/// Settings.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {}

/// What this context keeps in memory.
#[derive(Debug)]
pub(crate) struct Live {}

pub(crate) fn start(_: &Hall) {}

impl Live {
    pub(crate) fn new(_: &Settings) -> Self {
        Self {}
    }
}

/// Closes the socket of a session and forgets the session. Other contexts call this after the commit that ended it.
pub fn end_session(_: &Hall, _: moothall_protocol::SessionId, _: crate::topics::Closing) {}

/// Closes the sockets of a user's sessions, all but one if `except` names it.
pub fn end_user(
    _: &Hall,
    _: moothall_protocol::UserId,
    _except: Option<moothall_protocol::SessionId>,
    _: crate::topics::Closing,
) {
}

/// From now on all live sessions of the user hear of this topic.
pub fn subscribe_user(_: &Hall, _: moothall_protocol::UserId, _: crate::Topic) {}

/// From now on no live session of the user hears of this topic.
pub fn unsubscribe_user(_: &Hall, _: moothall_protocol::UserId, _: &crate::Topic) {}
