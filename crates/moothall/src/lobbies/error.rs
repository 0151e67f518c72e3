//! Why an operation on lobbies was refused.

use std::time::Duration;

use moothall_protocol::Timestamp;

impl From<crate::filter::Blocked> for Error {
    fn from(_: crate::filter::Blocked) -> Self {
        Self::Blocked
    }
}

impl From<crate::connections::Error> for Error {
    fn from(error: crate::connections::Error) -> Self {
        match error {
            crate::connections::Error::NotConnected => Self::NotConnected,
            other => other.into_common().into(),
        }
    }
}

crate::faults! {
    /// Why an operation on lobbies was refused.
    pub enum Error {
        /// The user is in a lobby and must leave it first.
        AlreadyInLobby => Conflict, "already_in_lobby", "you are in a lobby already";
        /// The caller can see the lobby and must join it to do this.
        NotMember => Forbidden, "not_in_lobby", "join the lobby first";
        /// The user whom it is about is not in this lobby.
        NoSuchMember => Conflict, "not_a_lobby_member", "this player is not in the lobby";
        /// Only the host does this.
        HostNeeded => Forbidden, "lobby_host_needed", "only the host of the lobby can do that";
        /// Only bosses and the host do this.
        BossNeeded => Forbidden, "lobby_boss_needed", "only bosses and the host can do that";
        /// Only players do this, who have a seat.
        SeatNeeded => Conflict, "lobby_seat_needed", "take a seat first";
        /// The caller was removed, and may come back at `until`; without it, not.
        Banned => Forbidden, "lobby_banned", "you may not come back into this lobby";
        /// The caller was removed, and may come back at `until`.
        BannedUntil { until: Timestamp } => Forbidden, "lobby_banned_until", "you may not come back into this lobby yet";
        /// The operator's rules keep the caller out, for a reason that is not told.
        Unjoinable => Forbidden, "lobby_unjoinable", "you cannot join this lobby";
        /// The caller blocks the host, or too many of those in the lobby.
        BlocksWithin => Conflict, "lobby_players_blocked", "you block players in this lobby";
        /// Nobody comes in but who is invited.
        Locked => Forbidden, "lobby_locked", "this lobby is locked";
        /// The password is missing or wrong.
        WrongPassword => Forbidden, "lobby_wrong_password", "this is not the password of the lobby";
        /// No lobby has this code.
        CodeUnknown => NotFound, "lobby_code_unknown", "no lobby has this code";
        /// Too many wrong codes and passwords: `retry_after_ms` says when the next may be tried.
        GuessesThrottled { retry_after: Duration } => Limited, "lobby_guesses_throttled", "too many wrong guesses: wait a moment";
        /// The host said no a moment ago: `retry_after_ms` says when one may ask again.
        RequestRejected { retry_after: Duration } => Forbidden, "lobby_request_rejected", "the host does not let you in";
        /// So many wait for the host that nobody else can ask now.
        TooManyRequests => Conflict, "too_many_lobby_requests", "too many wait for the host already";
        /// Nobody of this name asks to be let in, or not any more.
        NoRequest => Conflict, "no_lobby_request", "this player does not ask to be let in";
        /// The lobby has as many spectators as it may have, and no free seat for whoever wants to play.
        Full => Conflict, "lobby_full", "this lobby is full";
        /// The caller leads a party that follows them, and there is no room for all who would come along: none of them comes in.
        PartyDoesNotFit => Conflict, "party_does_not_fit", "this lobby has no room for your party";
        /// There is no team of this number.
        NoSuchTeam => Conflict, "no_such_lobby_team", "there is no such team";
        /// All seats of this team are taken; `lobbies.queue` waits for one.
        TeamFull => Conflict, "lobby_team_full", "this team is full";
        /// The lobby is about to start: call that off first.
        Starting => Conflict, "lobby_starting", "the lobby is about to start";
        /// The game runs, and the mode lets nobody take a seat meanwhile.
        Running => Conflict, "lobby_running", "the game is running";
        /// No countdown runs.
        NotStarting => Conflict, "lobby_not_starting", "nothing is about to start";
        /// There are not two teams, or not two who have a seat.
        NothingToBalance => Conflict, "nothing_to_balance", "it takes two teams and two players";
        /// Others took or left a seat at the same time, again and again. Try again.
        SeatsChanged => Conflict, "lobby_seats_changed", "others are changing their seats";
        /// Too few have a seat to start a game of this mode.
        TooFewPlayers => Conflict, "too_few_players", "too few players to start";
        /// Only bots have a seat.
        NoPlayers => Conflict, "no_players", "nobody has a seat who plays";
        /// Somebody who has a seat is not ready.
        NotReady => Conflict, "players_not_ready", "not all players are ready";
        /// There is no game mode of this name.
        NoSuchMode => Conflict, "no_such_game_mode", "there is no such game mode";
        /// The game mode knows no such map.
        NoSuchMap => Conflict, "no_such_map", "this game mode has no such map";
        /// The game mode knows no such role.
        NoSuchRole => Conflict, "no_such_role", "this game mode has no such role";
        /// The game mode has no teams of this number or size.
        TeamsRefused => Conflict, "lobby_teams_refused", "this game mode has no such teams";
        /// The game mode has no bots.
        NoBots => Conflict, "no_bots_in_mode", "this game mode has no bots";
        /// There is no such bot.
        NoSuchBot => Conflict, "no_such_lobby_bot", "there is no such bot";
        /// The lobby has no bosses: the host can change that.
        NoBosses => Conflict, "no_lobby_bosses", "this lobby has no bosses";
        /// Where there are bosses, they decide.
        BossesDecide => Conflict, "lobby_bosses_decide", "the bosses of this lobby decide that";
        /// A vote is open: it must end first.
        VoteOpen => Conflict, "lobby_vote_open", "there is a vote already";
        /// The vote is over, or there never was one of this number.
        NoVote => Conflict, "no_lobby_vote", "there is no such vote";
        /// The caller had no seat when the vote was called, or it is about them.
        NotVoter => Forbidden, "not_a_voter", "you do not vote on this";
        /// The host is removed by nobody.
        TheHost => Conflict, "cannot_remove_lobby_host", "the host cannot be removed";
        /// The user is not there, or does not want to be reached by the caller.
        Unreachable => Forbidden, "lobby_user_unreachable", "you cannot reach this player";
        /// There are as many bans or invites as there may be.
        TooManyNamed => Conflict, "too_many_lobby_bans", "that is too many bans or invites for one lobby";
        /// One dedicated host has so many lobbies, see `GET /v1/limits`.
        TooManyHosted => Conflict, "too_many_lobbies", "that is too many lobbies for one host";
        /// There are so many game modes, see `GET /v1/limits`.
        TooManyModes => Conflict, "too_many_game_modes", "there are too many game modes";
        /// Presence and watches belong to a session that is connected. Open a socket first.
        NotConnected => Conflict, "not_connected", "you are not connected";
        /// So many different lists are watched that there can be no other now. A list that others watch, such as one without a filter,
        /// can be watched still, and every list read.
        ListsCrowded => Unavailable, "lobby_lists_crowded", "too many different lists of lobbies are watched: choose a simpler one";
        /// There are so many policies of lobbies, see `GET /v1/limits`.
        TooManyPolicies => Conflict, "too_many_lobby_policies", "there are too many policies of lobbies";
        /// The name or a tag holds words that may not be said here.
        Blocked => Invalid, "lobby_text_blocked", "this text holds words that are not allowed here";
    }
}
