//! What users let others do with them.

use std::collections::HashMap;
use std::sync::Arc;

use moothall_protocol::UserId;
use moothall_protocol::relationships::Circle;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::follow;
use crate::settings::{self, UserSection};
use crate::{Cx, Error, Hall};

/// Who may do what with a user. Each user sets it for themselves; what the operator sets holds for those who did not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Privacy {
    /// Whose direct messages come through at once.
    pub messages: Circle,
    /// Whether the first message of somebody else is held until the user accepts it; without it, they cannot write at all.
    pub message_requests: bool,
    /// Who may invite the user into parties and lobbies, and bring them into groups and rooms.
    pub invites: Circle,
    /// Who may ask to be friends.
    pub friend_requests: Circle,
    /// Who may follow.
    pub followers: Circle,
    /// Who sees whether the user is there, and what they do.
    pub presence: Circle,
    /// Who sees the matches that the user played.
    pub history: Circle,
    /// Who finds the user by their e-mail address, whole and verified.
    pub find_by_email: Circle,
    /// Whether lobbies whose host the user blocks are left out of their lists.
    pub hide_lobbies_of_blocked: bool,
}

impl Default for Privacy {
    fn default() -> Self {
        Self {
            messages: Circle::Everybody,
            message_requests: true,
            invites: Circle::Everybody,
            friend_requests: Circle::Everybody,
            followers: Circle::Everybody,
            presence: Circle::Everybody,
            history: Circle::Everybody,
            find_by_email: Circle::Nobody,
            hide_lobbies_of_blocked: true,
        }
    }
}

impl UserSection for Privacy {
    const NAME: &'static str = "privacy";

    fn defaults(site: &crate::Settings) -> Self {
        site.relationships.privacy.clone()
    }

    fn changed(hall: &Hall, user: UserId) {
        follow::privacy_changed(hall, user);
    }
}

/// What this user lets others do, if that is in memory.
pub(crate) fn kept(cx: &Cx, user: UserId) -> Option<Arc<Privacy>> {
    settings::kept(cx.hall(), user)
}

/// What this user lets others do.
pub(crate) async fn of(cx: &Cx, user: UserId) -> Result<Arc<Privacy>, Error> {
    settings::read(cx, user).await
}

/// What these users let others do.
pub(crate) async fn of_many(cx: &Cx, users: &[UserId]) -> Result<HashMap<UserId, Arc<Privacy>>, Error> {
    settings::read_many(cx, users).await
}

/// Has a user let others do this.
#[cfg(test)]
pub(crate) async fn set(cx: &Cx, user: UserId, privacy: Privacy) {
    let serde_json::Value::Object(values) = crate::json::value(&privacy).unwrap_or_default() else { return };
    let input = moothall_protocol::settings::UpdateUserSettings {
        user_id: user,
        section: Privacy::NAME.to_owned(),
        values,
        if_version: None,
        reason: Some("for a test".to_owned()),
    };
    let done = settings::update_user(cx, input).await;
    assert!(done.is_ok(), "{done:?}");
    super::settled(cx.hall(), user).await;
}
