//! Accounts: users, sign-up and sign-in, sessions, roles, API keys.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
