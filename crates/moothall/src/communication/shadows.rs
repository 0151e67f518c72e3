//! Whoever is not heard: what they write is a message like any other, with a number of its own, which nobody but they and staff see.
//!
//! They are answered, told and shown what everybody would be. To others it is not there: their pages, unread counts, mentions and the
//! newest number and time of the room are as if it was never written, and its number is a gap. What is written so stays so. In a
//! live-only room, which keeps nothing, it is kept for staff alone, as long as old versions of messages.

use moothall_protocol::UserId;
use moothall_protocol::communication::{Message, Room};

use super::MODERATE;
use crate::Cx;

/// Which messages somebody sees of those that not everybody does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Eyes {
    /// Theirs.
    pub own: Option<UserId>,
    pub all: bool,
}

impl Eyes {
    /// Of the caller, in this room.
    pub fn of(cx: &Cx, room: &Room) -> Self {
        Self { all: cx.can(MODERATE), ..Self::of_user(cx.user(), room) }
    }

    /// Of whoever reads as any user does.
    pub fn of_user(user: Option<UserId>, room: &Room) -> Self {
        Self { own: user.filter(|_| !room.live_only), all: false }
    }

    /// Of staff.
    pub const ALL: Self = Self { own: None, all: true };

    pub fn see(&self, message: &Message) -> bool {
        !message.is_shadowed || self.all || self.own == Some(message.sender_id)
    }
}
