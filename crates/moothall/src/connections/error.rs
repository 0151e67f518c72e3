//! Why an operation on connections or presence was refused.

crate::faults! {
    /// Why an operation on connections or presence was refused.
    pub enum Error {
        /// Presence and watches belong to a session that is connected. Open a socket first.
        NotConnected => Conflict, "not_connected", "you are not connected";
        /// The policy for this kind of session refuses another, or the user has as many as anybody may have. Disconnect one.
        TooManySessions => Conflict, "too_many_sessions", "you are connected too many times";
        /// A newer socket of the same session took this one's place while it was opened.
        Replaced => Conflict, "replaced", "a newer socket took this one's place";
        /// The session holds as many watches, or watches as many users, as it may. End one.
        TooManyWatches => Conflict, "too_many_watches", "you watch too much already";
        /// The ticket is unknown, used or expired. Make another.
        TicketInvalid => Unauthenticated, "ticket_invalid", "this ticket is not valid any more";
    }
}
