//! Lobbies: where players gather before a match.
//!
//! Who is in a lobby has a copy of it: [`Lobby`], taken from an answer or from `lobbies.joined`. Each `lobbies.updated` says what
//! became different, as a merge patch (RFC 7396) of that copy, with the version it leads to. A patch whose version is not higher
//! than the copy's is an old one and does nothing; one that skips a version means that something was missed: read the lobby again.
//!
//! Who looks for a lobby has a list of [`LobbySummary`]: a page of it with `lobbies.list`, or a copy that `lobbies.list_updated` keeps
//! right, with `lobbies.watch`. Both say which by a [`LobbyFilter`].

mod balance;
mod change;
mod entry;
mod filter;
mod list;
mod lobby;
mod mode;
mod policy;
mod vote;

pub use balance::{BalanceLobby, LobbyBalance, LobbySplit, LobbySplitTeam};
pub use change::{
    AddLobbyBot, AddedLobbyBot, ApproveLobbyRequest, CancelLobbyStart, CheckLobbyReady, CloseLobby,
    InviteToLobby, LobbyPropertiesChange, QueueForSeat, RejectLobbyRequest, RemoveLobbyBot, RenewLobbyCode,
    SetLobbyBoss, SetLobbyMap, Spectate, StartLobby, TakeSeat, UninviteFromLobby, UpdateLobby,
    UpdateLobbyBot, UpdateSelf,
};
pub use entry::{
    JoinLobby, JoinLobbyByCode, KickFromLobby, LeaveLobby, LobbyEntry, LobbyStayedBehind, OpenLobby,
    SeatWish, StayedBehind, StayedWhy, UnbanFromLobby,
};
pub use filter::{ChoiceRule, LobbyFilter, LobbyScalar, PropertyRule, RangeRule, TagsRule, TextRule};
pub use list::{
    GetLobby, ListLobbies, LobbyFacet, LobbyFacetCount, LobbyListUpdated, LobbyOrder, LobbyPage,
    LobbySummary, LobbyWatch, MyLobbies, OwnLobbies, UnwatchLobbies, ViewLobby, WatchLobbies,
};
pub use lobby::{
    HostKind, HostedLobby, LeftWhy, Lobby, LobbyAccess, LobbyBan, LobbyBot, LobbyClosed, LobbyHostView,
    LobbyInvited, LobbyLeft, LobbyMember, LobbyProperties, LobbyRequest, LobbyRequestEnded, LobbySeat,
    LobbyStatus, LobbyTeam, LobbyUpdated, OnHostLoss, OwnLobby, ReadyCheck,
};
pub use mode::{GameMode, GameModes, ListGameModes, ModeTeams, PutGameMode, RemoveGameMode, TeamsShape};
pub use policy::{
    HostMissing, ListLobbyPolicies, LobbyPolicies, LobbyPolicy, LobbyUnhosted, PutLobbyPolicy,
    RemoveLobbyPolicy,
};
pub use vote::{
    CallLobbyVote, CancelLobbyVote, CastLobbyVote, EndedVote, LobbyVote, VoteChoice, VoteOutcome, VoteSubject,
};
