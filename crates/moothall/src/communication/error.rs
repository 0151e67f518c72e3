//! Why a room or a message was refused.

use std::time::Duration;

impl From<crate::filter::Blocked> for Error {
    fn from(_: crate::filter::Blocked) -> Self {
        Self::Blocked
    }
}

crate::faults! {
    /// Why an operation on rooms or messages was refused.
    pub enum Error {
        /// The caller may read the room and must join it to do this.
        NotMember => Forbidden, "not_a_member", "join the room first";
        /// The caller's role in the room does not allow this.
        RoleNeeded => Forbidden, "room_role_needed", "your role in this room does not allow that";
        /// Only moderators and owners write in this room.
        ReadOnly => Forbidden, "room_read_only", "this room is read-only";
        /// The room is in slow mode: `retry_after_ms` says when the next message may be sent.
        SlowMode { retry_after: Duration } => Limited, "slow_mode", "this room is in slow mode: wait a moment";
        /// Nobody joins or writes in an archived room.
        Archived => Conflict, "room_archived", "this room is archived";
        /// The room has as many members as it may have.
        Full => Conflict, "room_full", "this room is full";
        /// Another room has this name, or one that looks like it. Member-only rooms have names, too.
        NameTaken => Conflict, "room_name_taken", "there is a room with this name, or one that looks like it";
        /// A user may be in so many rooms and groups, and be brought into so many by others, see `GET /v1/limits`: leave one first.
        TooManyRooms => Conflict, "too_many_rooms", "that is too many rooms for one user";
        /// A user may own so many rooms, as the operator has set: archive one or give it away first. Of those archived, see
        /// `GET /v1/limits`, too: leave one of them.
        TooManyOwned => Conflict, "too_many_rooms_owned", "the owner would have too many rooms";
        /// A room with members keeps an owner: make somebody else one first.
        LastOwner => Conflict, "last_room_owner", "the room needs an owner";
        /// The conversation of two users has neither name nor roles, and nobody joins or leaves it.
        NotForDirect => Conflict, "direct_conversation", "that cannot be done in a direct conversation";
        /// In a group all are equal, and nobody joins without being brought in.
        NotForGroup => Conflict, "group_conversation", "that cannot be done in a group";
        /// The room of a party is described by nobody, and who is in it follows the party: join or leave that.
        NotForParty => Conflict, "party_room", "that cannot be done in the room of a party";
        /// The rooms of a lobby are described by nobody, and who is in them follows the lobby: join it, leave it, sit or watch.
        NotForLobby => Conflict, "lobby_room", "that cannot be done in the room of a lobby";
        /// The room of a match is described by nobody, and who is in it follows the match.
        NotForMatch => Conflict, "match_room", "that cannot be done in the room of a match";
        /// Nobody is brought into a room that everybody can join.
        NotForOpenRoom => Conflict, "open_room", "everybody can join this room by themselves";
        /// The user is not there, or does not want to be reached by the caller.
        Unreachable => Forbidden, "user_unreachable", "you cannot reach this player";
        /// There is no first message of somebody that waits for the caller's answer in this conversation.
        NoRequest => Conflict, "no_contact_request", "there is nothing to answer here";
        /// Only members read this: staff says why, with `communication.read_private`.
        ReasonNeeded => Forbidden, "reason_needed", "this is not your conversation: say why you read it";
        /// What was deleted cannot be changed.
        MessageDeleted => Conflict, "message_deleted", "this message was deleted";
        /// The edit window has closed.
        EditClosed => Conflict, "edit_window_closed", "this message can no longer be edited";
        /// Nothing is left of the text once what cannot be seen is removed.
        Empty => Invalid, "message_empty", "there is nothing to send";
        /// The text holds words that may not be said here.
        Blocked => Invalid, "text_blocked", "this text holds words that are not allowed here";
    }
}
