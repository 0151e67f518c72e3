//! Lobbies: where players gather before a match.
//!
//! Who is in a lobby has a copy of it: [`Lobby`], taken from an answer or from `lobbies.joined`. Each `lobbies.updated` says what
//! became different, as a merge patch (RFC 7396) of that copy, with the version it leads to. A patch whose version is not higher
//! than the copy's is an old one and does nothing; one that skips a version means that something was missed: read the lobby again.

mod change;
mod entry;
mod list;
mod lobby;
mod mode;
mod vote;

pub use change::{
    AddLobbyBot, AddedLobbyBot, ApproveLobbyRequest, CancelLobbyStart, CheckLobbyReady, CloseLobby,
    InviteToLobby, LobbyPropertiesChange, QueueForSeat, RejectLobbyRequest, RemoveLobbyBot, RenewLobbyCode,
    SetLobbyBoss, SetLobbyMap, Spectate, StartLobby, TakeSeat, UninviteFromLobby, UpdateLobby,
    UpdateLobbyBot, UpdateSelf,
};
pub use entry::{
    JoinLobby, JoinLobbyByCode, KickFromLobby, LeaveLobby, LobbyEntry, OpenLobby, SeatWish, UnbanFromLobby,
};
pub use list::{GetLobby, ListLobbies, LobbyOrder, LobbySummary, MyLobbies, OwnLobbies, ViewLobby};
pub use lobby::{
    HostKind, HostedLobby, LeftWhy, Lobby, LobbyAccess, LobbyBan, LobbyBot, LobbyClosed, LobbyHostView,
    LobbyInvited, LobbyLeft, LobbyMember, LobbyProperties, LobbyRequest, LobbyRequestEnded, LobbySeat,
    LobbyStatus, LobbyTeam, LobbyUpdated, OnHostLoss, OwnLobby, ReadyCheck,
};
pub use mode::{GameMode, GameModes, ListGameModes, ModeTeams, PutGameMode, RemoveGameMode, TeamsShape};
pub use vote::{
    CallLobbyVote, CancelLobbyVote, CastLobbyVote, EndedVote, LobbyVote, VoteChoice, VoteOutcome, VoteSubject,
};
