//! Accounts: users, sign-up and sign-in, sessions, roles, API keys.

mod email;
mod export;
mod extra;
mod keys;
mod roles;
mod segment;
mod sessions;
mod sign_in;
mod users;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use email::*;
pub use export::*;
pub use extra::*;
pub use keys::*;
pub use roles::*;
pub use segment::*;
pub use sessions::*;
pub use sign_in::*;
pub use users::*;

use crate::UserId;

/// What kind of client a session is. Each kind has its own policy for several sessions at once.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SessionKind {
    /// The game itself.
    #[default]
    Game,
    /// A web page.
    Web,
    /// A program that acts by itself.
    Bot,
    /// A game host or a tool, by API key.
    Host,
}

impl SessionKind {
    /// As it is written on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Game => "game",
            Self::Web => "web",
            Self::Bot => "bot",
            Self::Host => "host",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Game, Self::Web, Self::Bot, Self::Host].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A user, in the few words that stand beside everything they do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserSummary {
    /// The user.
    pub id: UserId,
    /// The name, as its owner writes it.
    pub name: String,
    /// Signed up without e-mail and password; lost with the device.
    pub is_guest: bool,
    /// A program, not a person.
    pub is_bot: bool,
}
