//! Why an operation of moderation was refused.

use std::time::Duration;

crate::faults! {
    /// Why an operation of moderation was refused.
    pub enum Error {
        /// Nobody reports or moderates themselves.
        Yourself => Invalid, "about_yourself", "that is about yourself";
        /// The caller has reported this already, and it is not decided yet.
        AlreadyReported => Conflict, "already_reported", "you have reported this already";
        /// The caller has reported as often as one may within a day.
        TooManyReports { retry_after: Duration } => Limited, "too_many_reports", "that is enough for today";
        /// Another moderator works on the case.
        Claimed => Conflict, "case_claimed", "somebody else works on this case";
        /// The case is closed.
        CaseClosed => Conflict, "case_closed", "this case is closed";
        /// Whoever asked for a second opinion waits for it: another moderator decides, or writes a note of the kind `opinion`.
        OpinionAwaited => Conflict, "opinion_awaited", "you asked for a second opinion: it is not there yet";
        /// The case is about somebody else.
        NotOfCase => Conflict, "not_of_case", "this case is about somebody else";
        /// The action was taken back.
        Reverted => Conflict, "action_reverted", "this was taken back";
        /// Only warnings are acknowledged.
        NothingToAcknowledge => Conflict, "nothing_to_acknowledge", "there is nothing to acknowledge";
        /// An appeal against the action is open.
        AppealOpen => Conflict, "appeal_open", "you have appealed against this already";
        /// There were as many appeals against the action as there may be, see `GET /v1/limits`.
        TooManyAppeals => Conflict, "too_many_appeals", "this was decided, and decided again";
        /// The appeal is decided.
        AppealDecided => Conflict, "appeal_decided", "this appeal is decided";
        /// An appeal has so many messages of each side, see `GET /v1/limits`.
        TooManyMessages => Conflict, "too_many_appeal_messages", "that is enough for this appeal";
        /// Whoever did what an appeal is against neither decides it nor writes in it.
        OwnAction => Forbidden, "own_action", "somebody else answers for what you did";
        /// Only a restriction can be reduced.
        NothingToReduce => Conflict, "nothing_to_reduce", "there is no restriction that could end sooner";
        /// There are so many notes on the user, see `GET /v1/limits`.
        TooManyNotes => Conflict, "too_many_notes", "there are too many notes on this user";
    }
}
