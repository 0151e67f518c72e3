//! Attachments: things a message points at, which a client draws in its own way.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::limits;

/// Something a message points at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Attachment {
    /// A lobby to join.
    Lobby {
        /// Which.
        lobby_id: Uuid,
    },
    /// A match.
    Match {
        /// Which.
        match_id: Uuid,
    },
    /// The replay of a match.
    Replay {
        /// Of which match.
        match_id: Uuid,
    },
    /// A web page.
    Link {
        /// Its address: `http` or `https`, with a host, without user name and password.
        #[schemars(length(min = 1, max = limits::ATTACHMENT_URL_LENGTH_MAX))]
        url: String,
        /// What to show instead of the address.
        #[serde(default)]
        #[schemars(length(max = limits::ATTACHMENT_TITLE_LENGTH_MAX))]
        title: Option<String>,
    },
    /// Something only the game knows.
    Custom {
        /// What it is, such as `loadout`.
        #[schemars(length(min = 1, max = limits::ATTACHMENT_NAME_LENGTH_MAX), pattern("^[a-z0-9_.]+$"))]
        name: String,
        /// Whatever the game needs to draw it; at most 2,048 bytes of JSON.
        #[serde(default)]
        data: serde_json::Value,
    },
}
