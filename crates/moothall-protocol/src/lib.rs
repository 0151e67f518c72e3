//! What crosses Moothall's wire: ids, times, pages, problems, and one module of inputs, outputs and
//! events per context.
//!
//! Types only. The server derives its REST routes, its socket, its documents and its checks of input
//! from them; clients use them as they are. Doc comments here become the documentation of every door,
//! and the bounds in the `schemars` attributes are the bounds the server enforces.

pub mod accounts;
pub mod audit;
pub mod communication;
pub mod connections;
mod event;
mod hidden;
pub mod hosts;
mod id;
pub mod jobs;
pub mod limits;
pub mod lobbies;
pub mod matches;
pub mod moderation;
pub mod notifications;
mod page;
pub mod parties;
mod problem;
pub mod relationships;
pub mod remote_config;
pub mod restrictions;
pub mod settings;
pub mod system;
mod time;

pub use event::{Class, CloseCode, Event};
pub use id::{Id, IdKind};
pub use page::{Cursor, Page};
pub use problem::{FieldError, Kind, Problem};
pub use time::Timestamp;

/// What the ids are ids of. These types have no values: they only tell one kind of [`Id`] from another.
pub mod kind {
    use super::id::kinds;

    kinds! {
        /// An account.
        User,
        /// A signed-in client of a user; also the family of its refresh tokens.
        Session,
        /// A named channel, a direct conversation or a group of people talking.
        Room,
        /// One message of a room.
        Message,
        /// A lobby, where players gather before a match.
        Lobby,
        /// A bot that plays along in a lobby.
        LobbyBot,
        /// A party of players who go together.
        Party,
        /// One played game and its record.
        Match,
        /// A pool of hosts that run games.
        HostPool,
        /// An API key of a host or a tool.
        ApiKey,
        /// Something a user may not do.
        Restriction,
        /// A ban of a range of addresses, a device or an e-mail domain.
        Ban,
        /// A report of something that should not be.
        Report,
        /// All reports of one target, on their way to a decision.
        Case,
        /// Something a moderator did about a user.
        Action,
        /// What somebody has to say against an action.
        Appeal,
        /// A note that moderators write for each other.
        Note,
        /// One line of the audit log.
        Audit,
        /// A time-boxed or lasting grant of a role.
        Grant,
        /// One watch of a socket on something it does not own.
        Watch,
        /// A job that the server does beside the calls.
        Job,
        /// One notice in a user's inbox.
        Notice,
        /// Something that staff tells many.
        Broadcast,
        /// One request, as named in logs and problems.
        Request,
    }
}

/// The id of a user.
pub type UserId = Id<kind::User>;
/// The id of a session.
pub type SessionId = Id<kind::Session>;
/// The id of a room.
pub type RoomId = Id<kind::Room>;
/// The id of a message.
pub type MessageId = Id<kind::Message>;
/// The id of a lobby.
pub type LobbyId = Id<kind::Lobby>;
/// The id of a bot in a lobby.
pub type LobbyBotId = Id<kind::LobbyBot>;
/// The id of a party.
pub type PartyId = Id<kind::Party>;
/// The id of a match.
pub type MatchId = Id<kind::Match>;
/// The id of a pool of hosts.
pub type HostPoolId = Id<kind::HostPool>;
/// The id of an API key.
pub type ApiKeyId = Id<kind::ApiKey>;
/// The id of a restriction.
pub type RestrictionId = Id<kind::Restriction>;
/// The id of a ban.
pub type BanId = Id<kind::Ban>;
/// The id of a report.
pub type ReportId = Id<kind::Report>;
/// The id of a case.
pub type CaseId = Id<kind::Case>;
/// The id of an action.
pub type ActionId = Id<kind::Action>;
/// The id of an appeal.
pub type AppealId = Id<kind::Appeal>;
/// The id of a note.
pub type NoteId = Id<kind::Note>;
/// The id of an audit line.
pub type AuditId = Id<kind::Audit>;
/// The id of a grant.
pub type GrantId = Id<kind::Grant>;
/// The id of a watch.
pub type WatchId = Id<kind::Watch>;
/// The id of a job.
pub type JobId = Id<kind::Job>;
/// The id of a notice.
pub type NoticeId = Id<kind::Notice>;
/// The id of a broadcast.
pub type BroadcastId = Id<kind::Broadcast>;
/// The id of a request.
pub type RequestId = Id<kind::Request>;
