//! Relationships: friends, those one follows, and those one would rather not meet.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::accounts::UserSummary;
use crate::connections::Presence;
use crate::{Cursor, Timestamp, UserId, WatchId, limits};

/// What two users are to each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Friendship {
    /// Neither friends nor about to be.
    #[default]
    None,
    /// The caller asked the other one, and waits for an answer.
    Asked,
    /// The other one asked the caller.
    AskedBy,
    /// Friends.
    Friends,
}

/// What the caller and another user are to each other, as the caller may know it. Whether the other one ignores, avoids or blocks the
/// caller stands nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Relationship {
    /// The other one.
    pub user_id: UserId,
    /// Whether they are friends, or one of them wants to be.
    pub friendship: Friendship,
    /// Since when they are friends, or when the request was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// What the request says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Whether the caller follows the other one.
    pub is_following: bool,
    /// Whether the other one follows the caller.
    pub is_follower: bool,
    /// Whether the caller ignores the other one: hears nothing they say.
    pub is_ignored: bool,
    /// Whether the caller would rather not play with the other one.
    pub is_avoided: bool,
    /// Until when, if that ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avoided_until: Option<Timestamp>,
    /// Whether the caller blocks the other one: neither reaches the other.
    pub is_blocked: bool,
    /// What the caller noted about the other one. Nobody else reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Another user, and what they and the caller are to each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Related {
    /// Who they are.
    pub user: UserSummary,
    /// What they are to each other.
    pub relationship: Relationship,
}

/// Which of the users that the caller has something to do with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RelationshipKind {
    /// Friends.
    Friends,
    /// Those who want to be friends, and wait for the caller's answer.
    RequestsReceived,
    /// Those whom the caller asked.
    RequestsSent,
    /// Those whom the caller follows.
    Following,
    /// Those who follow the caller.
    Followers,
    /// Those whom the caller ignores.
    Ignored,
    /// Those whom the caller avoids.
    Avoided,
    /// Those whom the caller blocks.
    Blocked,
}

/// Lists those with whom the caller has a relationship of one kind, in an order that stays.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListRelationships {
    /// Which.
    pub kind: RelationshipKind,
    /// Where to go on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<usize>,
}

/// What the caller and these users are to each other.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadRelationships {
    /// Whom it is about.
    #[schemars(length(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub user_ids: Vec<UserId>,
}

/// Relationships with several users.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Relationships {
    /// In the order asked; users that never were are left out.
    pub items: Vec<Relationship>,
}

/// Asks another user to be friends. If they have asked the caller, both are friends at once, also if they do so in this very moment.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskFriend {
    /// Whom.
    pub user_id: UserId,
    /// A few words to them.
    #[serde(default)]
    #[schemars(length(max = limits::FRIEND_MESSAGE_LENGTH_MAX))]
    pub message: Option<String>,
}

/// Notes something about another user, for the caller alone; an empty text takes the note away.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteRelationship {
    /// About whom.
    pub user_id: UserId,
    /// What.
    #[schemars(length(max = limits::RELATIONSHIP_NOTE_LENGTH_MAX))]
    pub note: String,
}

/// Finds a user by their e-mail address, whole and verified, if they let the caller: `find_by_email` of the section `privacy` of
/// their settings.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindByEmail {
    /// The address.
    #[schemars(length(min = 3, max = limits::EMAIL_LENGTH_MAX))]
    pub email: String,
}

macro_rules! about_a_user {
    ($($(#[$about:meta])+ $name:ident;)+) => {$(
        $(#[$about])+
        #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// Whom it is about.
            pub user_id: UserId,
        }
    )+};
}

about_a_user! {
    /// What the caller and another user are to each other.
    GetRelationship;
    /// Accepts the friend request of another user. Both hear of it.
    AcceptFriend;
    /// Declines the friend request of another user. They hear that it is over.
    DeclineFriend;
    /// Takes back the friend request that the caller sent.
    CancelFriend;
    /// Ends a friendship. Both hear of it.
    RemoveFriend;
    /// Follows another user, who hears of it.
    Follow;
    /// Follows another user no longer.
    Unfollow;
    /// Ignores another user: the caller hears nothing of what they say, is not told of their mentions, direct messages and friend requests,
    /// and they do not learn of it.
    Ignore;
    /// Ignores another user no longer.
    Unignore;
    /// Avoids another user: as far as it goes, the caller is not put into a team or match with them, and they do not learn of it. Ends by
    /// itself, if the operator has set so; avoiding again begins anew.
    Avoid;
    /// Avoids another user no longer.
    Unavoid;
    /// Blocks another user: neither reaches the other, neither sees when the other is there. It ends a friendship, takes back a request
    /// and unfollows; what they learn is no more than that.
    Block;
    /// Blocks another user no longer. What ended with the block does not come back.
    Unblock;
}

/// The friends of a user, and how they stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OwnFriends {
    /// The friends.
    pub friends: Vec<Related>,
    /// Those who want to be friends and wait for an answer, at most as many as one page has.
    pub requests: Vec<Related>,
    /// The watch under which `presence.changed` tells how friends stand from here on. It follows who is a friend.
    pub watch_id: WatchId,
    /// Its version.
    pub version: u64,
    /// Those friends who are there; the others are offline.
    pub online: Vec<Presence>,
}

/// Who may do something with a user.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Circle {
    /// Nobody.
    Nobody,
    /// Friends.
    Friends,
    /// Friends, and those with whom the user played lately.
    Played,
    /// Everybody.
    #[default]
    Everybody,
}

/// Asks how much would end with users who are gone, if `relationships.inactive_days` were so many.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewPurge {
    /// Days without a sign of life.
    #[schemars(range(min = 30, max = 3_650))]
    pub days: u32,
}

/// How much would end with users who are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PurgePreview {
    /// How often one of them would no longer be followed.
    pub follows: u64,
    /// Friend requests from or to one of them that would be withdrawn.
    pub requests: u64,
    /// Whether all relationships were looked at: otherwise there is more.
    pub is_complete: bool,
}
