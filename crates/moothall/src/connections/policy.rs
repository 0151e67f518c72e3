//! How many sessions of a kind a user may have live at once, and who goes when there are too many.

use moothall_protocol::accounts::SessionKind;
use moothall_protocol::limits::SESSIONS_PER_USER_MAX;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happens when a session connects and there are as many of its kind as may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnExcess {
    /// The one connected longest goes.
    Replace,
    /// The new one is refused, unless one without a socket can go.
    Refuse,
}

/// The policy for one kind of session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionPolicy {
    /// How many of this kind a user may have live at once.
    #[schemars(range(min = 1, max = SESSIONS_PER_USER_MAX))]
    pub max: usize,
    /// What happens when there is one more.
    pub on_excess: OnExcess,
}

/// The policies for all kinds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SessionPolicies {
    /// Games.
    pub game: SessionPolicy,
    /// Web pages.
    pub web: SessionPolicy,
    /// Bots.
    pub bot: SessionPolicy,
    /// Hosts and tools: each key is one session.
    pub host: SessionPolicy,
}

impl Default for SessionPolicies {
    fn default() -> Self {
        let replace = |max| SessionPolicy { max, on_excess: OnExcess::Replace };
        Self {
            game: replace(1),
            web: replace(5),
            bot: replace(5),
            host: SessionPolicy { max: SESSIONS_PER_USER_MAX, on_excess: OnExcess::Refuse },
        }
    }
}

impl SessionPolicies {
    /// The policy for this kind.
    pub fn of(&self, kind: SessionKind) -> SessionPolicy {
        match kind {
            SessionKind::Game => self.game,
            SessionKind::Web => self.web,
            SessionKind::Bot => self.bot,
            SessionKind::Host => self.host,
        }
    }
}

/// A live session, as far as the policy looks at it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub kind: SessionKind,
    pub is_attached: bool,
}

/// Which of the sessions a user holds, oldest first, must go so that one more of `kind` can come; `None` if it cannot come.
pub(super) fn make_room(policies: &SessionPolicies, held: &[Held], kind: SessionKind) -> Option<Vec<usize>> {
    let policy = policies.of(kind);
    let mut going: Vec<usize> = Vec::new();
    loop {
        let stays: Vec<(usize, &Held)> =
            held.iter().enumerate().filter(|(index, _)| !going.contains(index)).collect();
        let of_kind = |(_, held): &&(usize, &Held)| held.kind == kind;
        let is_kind_full = stays.iter().filter(of_kind).count() >= policy.max;
        if !is_kind_full && stays.len() < SESSIONS_PER_USER_MAX {
            return Some(going);
        }
        // Who has no socket goes first; then the policy decides, and never against another kind.
        let detached = stays.iter().find(|place| !place.1.is_attached && (!is_kind_full || of_kind(place)));
        let replaced = stays.iter().find(of_kind).filter(|_| policy.on_excess == OnExcess::Replace);
        going.push(detached.or(replaced)?.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATTACHED: bool = true;

    fn held(kind: SessionKind, is_attached: bool) -> Held {
        Held { kind, is_attached }
    }

    #[test]
    fn a_second_game_replaces_the_first_and_leaves_the_web_page_alone() {
        let policies = SessionPolicies::default();
        let both = [held(SessionKind::Web, ATTACHED), held(SessionKind::Game, ATTACHED)];
        assert_eq!(make_room(&policies, &both, SessionKind::Game), Some(vec![1]));
        assert_eq!(make_room(&policies, &both, SessionKind::Web), Some(vec![]));
    }

    #[test]
    fn a_policy_that_refuses_still_takes_the_place_of_a_session_without_a_socket() {
        let mut policies = SessionPolicies::default();
        policies.game.on_excess = OnExcess::Refuse;
        assert_eq!(make_room(&policies, &[held(SessionKind::Game, ATTACHED)], SessionKind::Game), None);
        assert_eq!(make_room(&policies, &[held(SessionKind::Game, false)], SessionKind::Game), Some(vec![0]));
    }

    #[test]
    fn no_user_has_more_sessions_than_the_limit_of_all_kinds_together() {
        let policies = SessionPolicies::default();
        let mut all = vec![held(SessionKind::Host, ATTACHED); SESSIONS_PER_USER_MAX];
        assert_eq!(make_room(&policies, &all, SessionKind::Game), None);
        all[4].is_attached = false;
        assert_eq!(make_room(&policies, &all, SessionKind::Game), Some(vec![4]));
    }
}
