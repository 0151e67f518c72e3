//! Why an operation on matches was refused.

crate::faults! {
    /// Why an operation on matches was refused.
    pub enum Error {
        /// The caller can see the match and is not in it.
        NotMember => Forbidden, "not_in_match", "you are not in this match";
        /// Only the host does this.
        HostNeeded => Forbidden, "match_host_needed", "only the host of the match can do that";
        /// Only players do this: spectators neither report nor vote.
        PlayerNeeded => Forbidden, "match_player_needed", "only players of the match can do that";
        /// A dedicated host says how a match ended with its API key, so that it is known which one it was.
        KeyNeeded => Forbidden, "match_key_needed", "a dedicated host says that with its key";
        /// A dedicated host says how its match ended; players do where a player hosts it, or while the host is lost.
        HostReports => Forbidden, "match_host_reports", "the host says how this match ended";
        /// The user whom it is about is not in this match, or does not play.
        NoSuchMember => Conflict, "not_a_match_member", "this player is not in the match";
        /// Nobody is in a team of this number.
        NoSuchTeam => Conflict, "no_such_match_team", "the match has no such team";
        /// If all teams won nobody did: say `draw`.
        AllWon => Conflict, "all_match_teams_won", "not all teams can win: that is a draw";
        /// Its host has not said yet where to connect.
        NotRunning => Conflict, "match_not_running", "the match does not run yet";
        /// It has ended, or was aborted.
        Over => Conflict, "match_over", "the match is over";
        /// It must have ended first.
        NotOver => Conflict, "match_not_over", "the match is not over yet";
        /// Updates are taken in their order: `version` is the number of the last one that was taken.
        UpdateGap { version: i64 } => Conflict, "match_update_gap", "an update is missing before this one";
        /// It is known how the match ended, and this is something else: `matches.correct` makes another version.
        Confirmed => Conflict, "match_result_confirmed", "it is confirmed that the match ended otherwise";
        /// Players contradict each other: staff decides.
        Disputed => Conflict, "match_result_disputed", "staff will decide how this match ended";
        /// The time is over in which players say how a match ended.
        ReportsClosed => Conflict, "match_reports_closed", "it is too late to say how this match ended";
        /// It is not known how the match ended, so there is nothing to correct.
        NoResult => Conflict, "no_match_result", "it is not known how this match ended";
        /// A host corrects a result soon after the match; later only staff does.
        CorrectionTooLate => Conflict, "match_correction_too_late", "it is too late to correct this result";
        /// The result has as many versions as it may have, see `GET /v1/limits`.
        TooManyResults => Conflict, "too_many_match_results", "this result was corrected too often";
        /// Players abort a match soon after it began, or not at all.
        AbortTooLate => Conflict, "match_abort_too_late", "it is too late to abort this match";
    }
}
