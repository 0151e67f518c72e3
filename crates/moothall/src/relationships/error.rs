//! Why an operation on relationships was refused.

crate::faults! {
    /// Why an operation on relationships was refused.
    pub enum Error {
        /// The user whom it is about is the caller.
        Yourself => Invalid, "relationship_with_yourself", "that is yourself";
        /// The caller blocks the other one, and must end that first.
        Blocked => Conflict, "user_blocked", "you block this player: unblock them first";
        /// They are friends already.
        AlreadyFriends => Conflict, "already_friends", "you are friends already";
        /// The caller has asked, and must wait for the answer or take the request back.
        AlreadyAsked => Conflict, "already_requested", "you have asked already";
        /// There is no request of the other one to answer, or none of the caller to take back.
        NoRequest => Conflict, "no_friend_request", "there is no such request";
        /// They are not friends.
        NotFriends => Conflict, "not_friends", "you are not friends";
        /// The other one has chosen, for everybody like the caller, not to be asked or followed.
        Unwelcome => Forbidden, "user_unwelcoming", "this player does not want that";
        /// The caller has as many friends as one may have.
        TooManyFriends => Conflict, "too_many_friends", "you have as many friends as one may have";
        /// The other one has as many friends as one may have.
        TheirFriendsFull => Conflict, "their_friends_full", "this player has as many friends as one may have";
        /// So many requests of the caller wait for an answer.
        TooManyRequests => Conflict, "too_many_friend_requests", "too many of your requests wait for an answer";
        /// So many requests to the other one wait for an answer.
        TheirRequestsFull => Conflict, "their_friend_requests_full", "too many requests wait for this player's answer";
        /// The caller follows as many as one may follow.
        TooManyFollowed => Conflict, "too_many_followed", "you follow as many players as one may follow";
        /// The caller ignores as many as one may ignore.
        TooManyIgnored => Conflict, "too_many_ignored", "you ignore as many players as one may ignore";
        /// The caller avoids as many as one may avoid.
        TooManyAvoided => Conflict, "too_many_avoided", "you avoid as many players as one may avoid";
        /// The caller blocks as many as one may block.
        TooManyBlocked => Conflict, "too_many_blocked", "you block as many players as one may block";
        /// Notes about so many players there may be.
        TooManyNotes => Conflict, "too_many_player_notes", "you have notes about as many players as one may have";
    }
}
