//! Both sides of a relationship, and what one of the two may do to it: plain data.
//!
//! Start at [`Change::carry_out`]. The promise stands in [`Side::shown`]: what a user is shown depends on their own side and on what the
//! other one said openly, never on whether the other one ignores, avoids or blocks them.

use moothall_protocol::relationships::{Friendship, Relationship};
use moothall_protocol::{Timestamp, UserId};

use super::Error;

/// What one user made of their relationship with another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Side {
    /// A friend request that waits for the other one.
    pub asked_at: Option<Timestamp>,
    pub message: Option<String>,
    /// On both sides, or on none.
    pub friends_at: Option<Timestamp>,
    pub follows_at: Option<Timestamp>,
    pub ignores_at: Option<Timestamp>,
    pub avoids_at: Option<Timestamp>,
    /// None for ever.
    pub avoids_until: Option<Timestamp>,
    pub blocks_at: Option<Timestamp>,
    pub note: Option<String>,
}

impl Side {
    /// Whether nothing of it is worth keeping.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether what the other one says is not heard.
    pub fn is_deaf(&self) -> bool {
        self.ignores_at.is_some() || self.blocks_at.is_some()
    }

    pub fn avoids(&self, now: Timestamp) -> bool {
        self.avoids_at.is_some() && self.avoids_until.is_none_or(|until| now < until)
    }

    /// Whether the other one's request is there to be answered.
    fn is_asked_by(&self, other: &Self) -> bool {
        other.asked_at.is_some() && !self.is_deaf()
    }

    /// The relationship as its owner sees it.
    pub fn shown(&self, now: Timestamp, user_id: UserId, other: &Self) -> Relationship {
        let (friendship, since, message) = if let Some(since) = self.friends_at {
            (Friendship::Friends, Some(since), None)
        } else if self.asked_at.is_some() {
            (Friendship::Asked, self.asked_at, self.message.clone())
        } else if self.is_asked_by(other) {
            (Friendship::AskedBy, other.asked_at, other.message.clone())
        } else {
            (Friendship::None, None, None)
        };
        let is_avoided = self.avoids(now);
        Relationship {
            user_id,
            friendship,
            since,
            message,
            is_following: self.follows_at.is_some(),
            is_follower: other.follows_at.is_some() && self.blocks_at.is_none(),
            is_ignored: self.ignores_at.is_some(),
            is_avoided,
            avoided_until: self.avoids_until.filter(|_| is_avoided),
            is_blocked: self.blocks_at.is_some(),
            note: self.note.clone(),
        }
    }

    fn befriend(&mut self, now: Timestamp) {
        (self.friends_at, self.asked_at, self.message) = (Some(now), None, None);
    }

    fn unask(&mut self) {
        (self.asked_at, self.message) = (None, None);
    }
}

/// What somebody does to a relationship of theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// `is_welcome` says whether the other one takes requests of the caller's kind.
    Ask {
        message: Option<String>,
        is_welcome: bool,
    },
    Accept,
    Decline,
    Cancel,
    Remove,
    Follow {
        is_welcome: bool,
    },
    Unfollow,
    Ignore,
    Unignore,
    Avoid {
        until: Option<Timestamp>,
    },
    Unavoid,
    Block,
    Unblock,
    Note(Option<String>),
}

impl Change {
    /// Does it, or refuses it and leaves both sides as they are. No refusal depends on what the other one keeps to themselves.
    pub fn carry_out(&self, now: Timestamp, own: &mut Side, other: &mut Side) -> Result<(), Error> {
        match self {
            Self::Ask { message, is_welcome } => {
                if own.blocks_at.is_some() {
                    return Err(Error::Blocked);
                }
                if own.friends_at.is_some() {
                    return Err(Error::AlreadyFriends);
                }
                if own.asked_at.is_some() {
                    return Err(Error::AlreadyAsked);
                }
                if other.asked_at.is_some() {
                    own.befriend(now);
                    other.befriend(now);
                } else if *is_welcome {
                    (own.asked_at, own.message) = (Some(now), message.clone());
                } else {
                    return Err(Error::Unwelcome);
                }
            }
            Self::Accept => {
                if !own.is_asked_by(other) {
                    return Err(Error::NoRequest);
                }
                own.befriend(now);
                other.befriend(now);
            }
            Self::Decline => {
                if !own.is_asked_by(other) {
                    return Err(Error::NoRequest);
                }
                other.unask();
            }
            Self::Cancel => {
                if own.asked_at.is_none() {
                    return Err(Error::NoRequest);
                }
                own.unask();
            }
            Self::Remove => {
                if own.friends_at.is_none() {
                    return Err(Error::NotFriends);
                }
                (own.friends_at, other.friends_at) = (None, None);
            }
            Self::Follow { is_welcome } => {
                if own.blocks_at.is_some() {
                    return Err(Error::Blocked);
                }
                if own.follows_at.is_none() {
                    if !is_welcome {
                        return Err(Error::Unwelcome);
                    }
                    own.follows_at = Some(now);
                }
            }
            Self::Unfollow => own.follows_at = None,
            Self::Ignore => own.ignores_at = own.ignores_at.or(Some(now)),
            Self::Unignore => own.ignores_at = None,
            Self::Avoid { until } => {
                // One that goes on keeps its age: what is old enough to count goes on counting.
                let begins = own.avoids_at.filter(|_| own.avoids(now));
                (own.avoids_at, own.avoids_until) = (begins.or(Some(now)), *until);
            }
            Self::Unavoid => (own.avoids_at, own.avoids_until) = (None, None),
            Self::Block => {
                // The other one's request and following stay, unseen: that they end would tell.
                own.blocks_at = own.blocks_at.or(Some(now));
                own.unask();
                own.follows_at = None;
                (own.friends_at, other.friends_at) = (None, None);
            }
            Self::Unblock => own.blocks_at = None,
            Self::Note(note) => own.note.clone_from(note),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
