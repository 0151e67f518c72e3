//! Sessions: where a user is signed in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SessionKind;
use crate::audit::REASON;
use crate::{SessionId, Timestamp, UserId, limits};

/// Lists where the caller is signed in, the latest first. Staff may ask for another user.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListSessions {
    /// Whose; without it the caller's own.
    #[serde(default)]
    pub user_id: Option<UserId>,
}

/// All sessions of one user. There are few, so there is one page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sessions {
    /// The sessions, the one seen last first.
    pub items: Vec<Session>,
}

/// Where a user is signed in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Session {
    /// The session.
    pub id: SessionId,
    /// What kind of client it is.
    pub kind: SessionKind,
    /// What the client calls itself.
    pub agent: Option<String>,
    /// Where it signed in from, roughly: the network of its address.
    pub place: Option<String>,
    /// When it signed in.
    pub created_at: Timestamp,
    /// When it was last heard of, to the minute.
    pub last_seen_at: Timestamp,
    /// When it ends if it is not refreshed.
    pub expires_at: Timestamp,
    /// It is the one that asks.
    pub is_current: bool,
}

/// Ends one session of the caller. Its socket closes at once.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeSession {
    /// The session.
    pub session_id: SessionId,
}

/// Ends sessions of the caller, sockets included.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeSessions {
    /// Also the session that asks; otherwise all others.
    #[serde(default)]
    pub including_current: Option<bool>,
}

/// Ends all sessions of a user.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeUserSessions {
    /// Whose.
    pub user_id: UserId,
    /// Why, for the audit log.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// How many sessions ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionsRevoked {
    /// How many.
    pub count: u64,
}

/// Asks for the keys that access tokens are signed with.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetJwks {}

/// The public keys of access tokens (RFC 7517, RFC 8037).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Jwks {
    /// The keys: the one that signs now, and those of tokens that are still good.
    pub keys: Vec<Jwk>,
}

/// A public Ed25519 key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Jwk {
    /// `OKP`.
    pub kty: String,
    /// `Ed25519`.
    pub crv: String,
    /// `EdDSA`.
    pub alg: String,
    /// `sig`.
    #[serde(rename = "use")]
    pub purpose: String,
    /// The name of the key, as in the header of tokens.
    pub kid: String,
    /// The key: 32 bytes in base64url.
    pub x: String,
}
