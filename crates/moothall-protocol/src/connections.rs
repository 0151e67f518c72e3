//! Connections: live sessions, sockets, presence.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{SessionId, Timestamp, UserId};

/// What a client needs to draw itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ready {
    /// The session.
    pub session_id: SessionId,
    /// Resumes this session after a drop, with the last `seq` that was seen. New with every `session.ready`.
    pub resume_token: String,
    /// The user.
    pub user_id: UserId,
    /// The server's version.
    pub server_version: String,
    /// The server's time.
    pub server_time: Timestamp,
}

/// A session goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Resumed {
    /// How many events follow that were missed.
    pub missed: u64,
}
