//! Matches: played games, their results and their history; and data relayed between their players.
//!
//! Who plays or watches a match, or hosts it, has a copy of it: [`Match`], from `matches.started` or an answer. Each `matches.updated` says
//! what became different, as a merge patch (RFC 7396) of that copy, with the version it leads to, by the same rules as for lobbies.

mod change;
mod game;
mod list;
mod recent;
mod relay;
mod result;

pub use change::{
    AbortMatch, CorrectMatch, DecideMatch, EndMatch, MatchMemberChange, ReadyMatch, ReportMatch, UpdateMatch,
    UpdatedMatch,
};
pub use game::{
    AbortWhy, Match, MatchAborted, MatchBot, MatchHostView, MatchLeft, MatchLeftWhy, MatchMember,
    MatchPrivate, MatchStatus, MatchUpdated, MemberResult, OwnMatch,
};
pub use list::{
    GetMatch, HeadToHead, HostedMatch, ListMatchResults, ListMatches, MatchOrder, MatchResults, MatchSummary,
    MyMatches, OwnMatches, ReadHeadToHead, Tally, TallyOfMode, UserOutcome, UserRow,
};
pub use recent::{ListRecentPlayers, RecentPlayer};
pub use relay::{CloseRelay, ClosedRelay, MyRelays, Opaque, OpenRelay, OpenedRelay, Relay, Relayed, Relays};
pub use result::{MatchOutcome, MatchReport, MatchResult, PlayerReport, ResultBy, ResultStatus};
