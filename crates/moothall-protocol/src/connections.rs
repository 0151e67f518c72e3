//! Connections: live sessions, sockets, presence.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::accounts::{Me, SessionKind};
use crate::audit::REASON;
use crate::communication::Unread;
use crate::limits;
use crate::lobbies::OwnLobbies;
use crate::matches::OwnMatches;
use crate::notifications::Inbox;
use crate::parties::OwnParties;
use crate::relationships::OwnFriends;
use crate::restrictions::OwnRestrictions;
use crate::settings::UserSection;
use crate::system::RateBudget;
use crate::{Cursor, LobbyId, PartyId, SessionId, Timestamp, UserId, WatchId};

/// What a client needs to draw itself.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ready {
    /// The session.
    pub session_id: SessionId,
    /// Resumes this stream after a drop, with the last `seq` that was seen. New with every stream.
    pub resume_token: String,
    /// The user.
    pub user_id: UserId,
    /// The user's own account. `accounts.updated` tells of its changes.
    pub me: Box<Me>,
    /// The server's version.
    pub server_version: String,
    /// The server's time.
    pub server_time: Timestamp,
    /// Every bound of the server, by name. `GET /v1/limits` says what each means.
    #[serde(with = "shared")]
    #[schemars(with = "BTreeMap<String, u64>")]
    pub limits: Arc<BTreeMap<String, u64>>,
    /// The token bucket of each rate class.
    pub rates: Vec<RateBudget>,
    /// How the user stands, over all their sessions.
    pub presence: OwnPresence,
    /// What the user has not read. Of every room of theirs, and of every conversation, the session hears from here on.
    pub unread: Unread,
    /// The user's friends, and how they stand. Of these the session hears from here on.
    pub friends: OwnFriends,
    /// The user's party and invites. Of the party the session hears from here on.
    pub parties: OwnParties,
    /// The lobby the user is in, and those they host. Of these the session hears from here on.
    pub lobbies: OwnLobbies,
    /// The matches that the user plays, watches or hosts. Of these the session hears from here on.
    pub matches: OwnMatches,
    /// What the user may not do.
    pub restrictions: OwnRestrictions,
    /// What the user has set for themselves, by section. `settings.user_updated` tells of changes.
    pub settings: Vec<UserSection>,
    /// What is in the user's inbox. `notifications.told` tells of what comes.
    pub inbox: Inbox,
}

/// One list for all who are sent it.
mod shared {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub fn serialize<S: Serializer>(
        list: &Arc<BTreeMap<String, u64>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        (**list).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<BTreeMap<String, u64>>, D::Error> {
        BTreeMap::deserialize(deserializer).map(Arc::new)
    }
}

/// A stream goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Resumed {
    /// How many events follow that were missed.
    pub missed: u64,
}

/// `session.authenticate`: signs a socket in that was opened without a credential. Only on the socket, as its first message or
/// after `accounts.sign_in`; give exactly one credential.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Authenticate {
    /// An access token.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::CREDENTIAL_LENGTH_MAX))]
    pub access_token: Option<String>,
    /// An API key.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::CREDENTIAL_LENGTH_MAX))]
    pub api_key: Option<String>,
    /// The resume token of the stream to go on with.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::CREDENTIAL_LENGTH_MAX))]
    pub resume: Option<String>,
    /// The last `seq` that was seen of that stream.
    #[serde(default)]
    pub seq: Option<u64>,
}

/// The socket is signed in; `session.ready`, `session.resumed` or `session.stale` follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Authenticated {
    /// The user.
    pub user_id: UserId,
    /// The session.
    pub session_id: SessionId,
}

/// Makes a ticket that opens one socket. For browsers, which cannot send an `Authorization` header with a socket.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTicket {}

/// Opens one socket: `GET /v1/socket?ticket=…`.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ticket {
    /// The ticket. Good once.
    pub ticket: String,
    /// Until when it can be used.
    pub expires_at: Timestamp,
}

/// Lists connected users: the longest connected first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListConnected {
    /// Only sessions of this kind.
    #[serde(default)]
    pub kind: Option<SessionKind>,
    /// Where to go on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<u32>,
}

/// A live session, as staff see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Connected {
    /// The session.
    pub session_id: SessionId,
    /// The user.
    pub user_id: UserId,
    /// What kind of client it is.
    pub kind: SessionKind,
    /// Since when the session is live.
    pub connected_at: Timestamp,
    /// Whether it has a socket now. A session without one can still be resumed.
    pub is_attached: bool,
    /// What the client calls itself.
    pub agent: Option<String>,
}

/// Counts who is connected.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CountConnected {}

/// Who is connected, in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConnectedCount {
    /// Users with at least one socket, bots and hosts not counted.
    pub players: u64,
    /// Bots with at least one socket.
    pub bots: u64,
    /// Live sessions of every kind, with those that can still be resumed.
    pub sessions: u64,
}

/// Disconnects the calling session for good: it cannot be resumed, and if it was the user's last, they are offline at once.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disconnect {}

/// Disconnects every session of a user. Harmless if there is none. They may connect again: to keep them out, restrict them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DisconnectUser {
    /// Who.
    pub user_id: UserId,
    /// Why. The user reads it, and it stands in the audit log.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// What a user is doing.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// In the menus.
    #[default]
    InMenu,
    /// In a lobby.
    Lobby,
    /// Playing or watching a match.
    Match,
    /// Away.
    Away,
    /// Something else: the text says what.
    Custom,
}

/// Who sees that a user is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Whoever may reach the user.
    #[default]
    Visible,
    /// Nobody: to others the user looks offline.
    Invisible,
}

/// How a user stands, as others see it. Who is offline, invisible or out of reach looks the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Presence {
    /// The user.
    pub user_id: UserId,
    /// Whether the user is there. Stays true over a short drop.
    pub is_online: bool,
    /// What they are doing.
    pub status: Status,
    /// In their own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Whether they are away from the keyboard.
    pub is_afk: bool,
    /// Whether their game runs.
    pub is_in_game: bool,
    /// Whether this is a bot.
    pub is_bot: bool,
    /// The lobby they are in. Set by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lobby_id: Option<LobbyId>,
    /// The party they are in. Set by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub party_id: Option<PartyId>,
}

/// How the user stands, as their own sessions see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OwnPresence {
    /// Counts the changes; a gap means that one was missed.
    pub update_id: u64,
    /// What others see, unless `visibility` is `invisible`.
    #[serde(flatten)]
    pub presence: Presence,
    /// Who sees it.
    pub visibility: Visibility,
    /// When the last socket was lost, if the user was ever gone since the server started.
    pub last_disconnected_at: Option<Timestamp>,
}

/// Changes how the user stands. What is absent stays; what is as it was changes nothing and tells nobody. Who is not connected can say
/// who sees them, alone: it holds when they come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdatePresence {
    /// What they are doing.
    #[serde(default)]
    pub status: Option<Status>,
    /// In their own words; an empty text takes it away.
    #[serde(default)]
    #[schemars(length(max = limits::PRESENCE_TEXT_LENGTH_MAX))]
    pub text: Option<String>,
    /// Whether they are away from the keyboard.
    #[serde(default)]
    pub is_afk: Option<bool>,
    /// Whether their game runs.
    #[serde(default)]
    pub is_in_game: Option<bool>,
    /// Who sees it.
    #[serde(default)]
    pub visibility: Option<Visibility>,
}

/// Reads how a user stands.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetPresence {
    /// Who.
    pub user_id: UserId,
}

/// Watches how users stand. The answer is a snapshot; `presence.changed` follows, for all watched users together, at most every
/// quarter of a second, and more rarely for more than 250 users. A watch ends with the stream of the calling session: watch again
/// after `session.ready` or `session.stale`. Whoever watches the same users has the same watch.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WatchPresence {
    /// Whom.
    #[schemars(length(min = 1, max = limits::WATCHED_USERS_MAX))]
    pub user_ids: Vec<UserId>,
}

/// A watch, and how the watched users stand now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PresenceWatch {
    /// The watch.
    pub watch_id: WatchId,
    /// The version of this snapshot. Each `presence.changed` carries the next; after a gap, watch again.
    pub version: u64,
    /// How the users stand, in the order asked.
    pub users: Vec<Presence>,
}

/// Ends a watch.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnwatchPresence {
    /// Which.
    pub watch_id: WatchId,
}

/// Watched users stand otherwise than before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PresenceChanged {
    /// The watch.
    pub watch_id: WatchId,
    /// Its version after this.
    pub version: u64,
    /// Those who changed, each as they stand now.
    pub users: Vec<Presence>,
}

crate::hide! {
    Ready {
        session_id, user_id, me, server_version, server_time, limits, rates, presence, unread, friends, parties, lobbies,
        matches, settings, inbox, restrictions;
        resume_token
    }
    Authenticate { seq; access_token, api_key, resume }
    Ticket { expires_at; ticket }
}
