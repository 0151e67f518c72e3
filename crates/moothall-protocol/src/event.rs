//! All that a client may receive without asking: one enum, in one file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::accounts::Me;
use crate::communication::{
    ContactAnswered, ContactRequest, Marker, MemberChanged, MemberGone, MembersChanged, Message,
    MessageDeleted, Room, Typing,
};
use crate::connections::{OwnPresence, PresenceChanged, Ready, Resumed};
use crate::hosts::{HostLost, Reservation, ReservationEnded};
use crate::lobbies::{
    HostedLobby, LobbyClosed, LobbyInvited, LobbyLeft, LobbyListUpdated, LobbyRequestEnded,
    LobbyStayedBehind, LobbyUnhosted, LobbyUpdated, OwnLobby,
};
use crate::matches::{ClosedRelay, MatchUpdated, OpenedRelay, OwnMatch, Relayed};
use crate::moderation::ModerationHappened;
use crate::notifications::{Notice, NoticesMarked};
use crate::parties::{Party, PartyInvite, PartyInviteEnded, PartyLeft, PartyUpdated};
use crate::relationships::Related;
use crate::remote_config::ConfigChanged;
use crate::restrictions::{OwnRestriction, RestrictionEnded};
use crate::settings::UserSection;

/// An event. On the wire `{"seq":912,"topic":"room:…","event":"communication.message_sent","data":{…}}`.
///
/// Its name is the verb of the operation that caused it, in the past.
///
/// `seq` numbers the events of a *stream*. A stream begins with `session.ready` or `session.stale` as number 1 and with a resume
/// token of its own; each event after that has the number of the one before it, plus one. `session.resumed` alone is not counted:
/// it repeats the number the client gave, and the next event is that plus one. So a client keeps one rule: the `seq` that came
/// last is the one to resume from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", content = "data")]
pub enum Event {
    /// The first event of a session on a new socket, with what a client needs to draw itself.
    #[serde(rename = "session.ready")]
    SessionReady(Box<Ready>),
    /// The session goes on: what was missed follows, in order.
    #[serde(rename = "session.resumed")]
    SessionResumed(Resumed),
    /// What was missed is not kept any more: here is everything afresh.
    #[serde(rename = "session.stale")]
    SessionStale(Box<Ready>),
    /// The user's own account changed: their name, their address, or that it is about to be erased.
    #[serde(rename = "accounts.updated")]
    AccountUpdated(Box<Me>),
    /// Somebody wrote in a room of the user.
    #[serde(rename = "communication.message_sent")]
    MessageSent(Message),
    /// A message says something else now.
    #[serde(rename = "communication.message_edited")]
    MessageEdited(Message),
    /// A message is gone; its place stays.
    #[serde(rename = "communication.message_deleted")]
    MessageDeleted(MessageDeleted),
    /// The user is in a room from now on: by themselves, in another session, or because somebody brought them in.
    #[serde(rename = "communication.room_joined")]
    RoomJoined(Room),
    /// The user is no longer in a room.
    #[serde(rename = "communication.room_left")]
    RoomLeft(MemberGone),
    /// Somebody else is in the room from now on.
    #[serde(rename = "communication.member_joined")]
    MemberJoined(MemberChanged),
    /// Somebody else is no longer in the room.
    #[serde(rename = "communication.member_left")]
    MemberLeft(MemberGone),
    /// A member has another role.
    #[serde(rename = "communication.role_set")]
    RoleSet(MemberChanged),
    /// Several came, went or changed their role: in rooms of more than 50 who listen, this is told now and then in place of each of them.
    #[serde(rename = "communication.members_changed")]
    MembersChanged(MembersChanged),
    /// A room's description changed.
    #[serde(rename = "communication.room_updated")]
    RoomUpdated(Room),
    /// A room was archived, or opened again by staff.
    #[serde(rename = "communication.room_archived")]
    RoomArchived(Room),
    /// The user has read on in another session; in a direct conversation also: the other one has.
    #[serde(rename = "communication.read")]
    Read(Marker),
    /// Somebody wrote to the user for the first time, and waits for them to accept it. To the user alone.
    #[serde(rename = "communication.contact_requested")]
    ContactRequested(ContactRequest),
    /// The user answered such a request. To their own sessions alone.
    #[serde(rename = "communication.contact_answered")]
    ContactAnswered(ContactAnswered),
    /// Somebody is writing.
    #[serde(rename = "communication.typing")]
    Typing(Typing),
    /// A host opened a relay between the user and others: they may send with `matches.relay`.
    #[serde(rename = "matches.relay_opened")]
    RelayOpened(OpenedRelay),
    /// A relay is closed.
    #[serde(rename = "matches.relay_closed")]
    RelayClosed(ClosedRelay),
    /// A player of a match sent something to the others: see `matches.relay`.
    #[serde(rename = "matches.relayed")]
    Relayed(Relayed),
    /// A match begins that the user plays, watches or hosts, or they have come to one that is on.
    #[serde(rename = "matches.started")]
    MatchStarted(Box<OwnMatch>),
    /// A match is different from before. To those in it, and to its host.
    #[serde(rename = "matches.updated")]
    MatchUpdated(MatchUpdated),
    /// What only the host sees of a match is different. To the host.
    #[serde(rename = "matches.host_updated")]
    MatchHostUpdated(MatchUpdated),
    /// The user is in a party from now on; an invite into it is used up.
    #[serde(rename = "parties.joined")]
    PartyJoined(Party),
    /// The user is no longer in a party.
    #[serde(rename = "parties.left")]
    PartyLeft(PartyLeft),
    /// The user is invited into a party.
    #[serde(rename = "parties.invited")]
    PartyInvited(PartyInvite),
    /// An invite of the user is over.
    #[serde(rename = "parties.invite_ended")]
    PartyInviteEnded(PartyInviteEnded),
    /// A party changed. To its members, and to those it has invited.
    #[serde(rename = "parties.updated")]
    PartyUpdated(PartyUpdated),
    /// The user is in a lobby from now on.
    #[serde(rename = "lobbies.joined")]
    LobbyJoined(Box<OwnLobby>),
    /// The user is no longer in a lobby.
    #[serde(rename = "lobbies.left")]
    LobbyLeft(LobbyLeft),
    /// A lobby is different from before. To those in it, and to its host.
    #[serde(rename = "lobbies.updated")]
    LobbyUpdated(LobbyUpdated),
    /// The user hosts a lobby from now on, whose host is gone.
    #[serde(rename = "lobbies.hosted")]
    LobbyHosted(HostedLobby),
    /// What only the host sees of a lobby is different. To the host.
    #[serde(rename = "lobbies.host_updated")]
    LobbyHostUpdated(LobbyUpdated),
    /// A lobby is closed. To its dedicated host; members hear `lobbies.left`.
    #[serde(rename = "lobbies.closed")]
    LobbyClosed(LobbyClosed),
    /// The user is invited into a lobby.
    #[serde(rename = "lobbies.invited")]
    LobbyInvited(LobbyInvited),
    /// The user's party went into a lobby, and the user did not come along.
    #[serde(rename = "lobbies.stayed_behind")]
    LobbyStayedBehind(LobbyStayedBehind),
    /// There is no host for the game of a lobby, or not any more: players gather again. To those in it.
    #[serde(rename = "lobbies.unhosted")]
    LobbyUnhosted(LobbyUnhosted),
    /// The user asked to be let into a lobby, and is not.
    #[serde(rename = "lobbies.request_ended")]
    LobbyRequestEnded(LobbyRequestEnded),
    /// A watched list of lobbies is different from before. To the sessions that watch it.
    #[serde(rename = "lobbies.list_updated")]
    LobbyListUpdated(LobbyListUpdated),
    /// There is something the user may not do from now on.
    #[serde(rename = "restrictions.imposed")]
    RestrictionImposed(OwnRestriction),
    /// A restriction of the user is different from before.
    #[serde(rename = "restrictions.updated")]
    RestrictionUpdated(OwnRestriction),
    /// A restriction of the user is over.
    #[serde(rename = "restrictions.ended")]
    RestrictionEnded(RestrictionEnded),
    /// Something happened in moderation. To staff.
    #[serde(rename = "moderation.happened")]
    ModerationHappened(ModerationHappened),
    /// A place for a match is reserved on the host. To the host.
    #[serde(rename = "hosts.reserved")]
    HostReserved(Reservation),
    /// A place for a match is reserved no longer. To the host.
    #[serde(rename = "hosts.released")]
    HostReleased(ReservationEnded),
    /// The host was not heard of for too long, or is in no pool any more: it has to register again. To the host.
    #[serde(rename = "hosts.lost")]
    HostLost(HostLost),
    /// What the user and another one are to each other is another than before, as the user sees it: a request came or is over, friends
    /// were made or lost, somebody follows, or they did something in another session.
    #[serde(rename = "relationships.updated")]
    RelationshipUpdated(Box<Related>),
    /// The user is told something: it is in their inbox, in the place of an older one of its kind and collapse key. To all their sessions.
    #[serde(rename = "notifications.told")]
    NoticeTold(Box<Notice>),
    /// The user has seen notices. To all their sessions.
    #[serde(rename = "notifications.seen")]
    NoticesSeen(NoticesMarked),
    /// The user has put notices away. To all their sessions.
    #[serde(rename = "notifications.dismissed")]
    NoticesDismissed(NoticesMarked),
    /// The remote configuration is perhaps another: see `remote_config.read`. To all sessions.
    #[serde(rename = "remote_config.changed")]
    ConfigChanged(ConfigChanged),
    /// Settings of the user changed: one section, as it is now. To all their sessions.
    #[serde(rename = "settings.user_updated")]
    UserSettingsUpdated(UserSection),
    /// The user's own presence changed. To all their sessions.
    #[serde(rename = "connections.presence_updated")]
    PresenceUpdated(OwnPresence),
    /// Watched users stand otherwise than before. To the session that watches.
    #[serde(rename = "presence.changed")]
    PresenceChanged(PresenceChanged),
}

/// What may become of an event when a client reads too slowly.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Must arrive: over the bound the socket is closed, and the session resumes.
    Reliable,
    /// Only the newest of its key matters.
    Latest(String),
    /// Says what is different from before: where an older one of its key still waits, how all of it is now takes the place of both.
    Difference(String),
    /// May be lost.
    Droppable,
}

impl Event {
    /// What may become of this event when a client reads too slowly.
    pub fn class(&self) -> Class {
        match self {
            Self::SessionReady(_) | Self::SessionResumed(_) | Self::SessionStale(_) => Class::Reliable,
            Self::Typing(_) => Class::Droppable,
            Self::MessageSent(_)
            | Self::MessageEdited(_)
            | Self::MessageDeleted(_)
            | Self::RoomJoined(_)
            | Self::RoomLeft(_)
            | Self::MemberJoined(_)
            | Self::MemberLeft(_)
            | Self::RoleSet(_)
            | Self::MembersChanged(_)
            | Self::RoomUpdated(_)
            | Self::RoomArchived(_)
            | Self::ContactRequested(_)
            | Self::ContactAnswered(_) => Class::Reliable,
            // A newer marker says all that an older one did.
            Self::Read(marker) => Class::Latest(format!("read:{}:{}", marker.room_id, marker.user_id)),
            Self::PartyJoined(_)
            | Self::PartyLeft(_)
            | Self::PartyInvited(_)
            | Self::PartyInviteEnded(_)
            | Self::PartyUpdated(_) => Class::Reliable,
            Self::MatchStarted(_) | Self::MatchUpdated(_) | Self::MatchHostUpdated(_) => Class::Reliable,
            Self::LobbyJoined(_)
            | Self::LobbyLeft(_)
            | Self::LobbyUpdated(_)
            | Self::LobbyHosted(_)
            | Self::LobbyHostUpdated(_)
            | Self::LobbyClosed(_)
            | Self::LobbyInvited(_)
            | Self::LobbyStayedBehind(_)
            | Self::LobbyUnhosted(_)
            | Self::LobbyRequestEnded(_) => Class::Reliable,
            // A session watches one list.
            Self::LobbyListUpdated(_) => Class::Difference("lobbies.list_updated".to_owned()),
            Self::ModerationHappened(_) => Class::Reliable,
            Self::RestrictionImposed(_) | Self::RestrictionUpdated(_) | Self::RestrictionEnded(_) => {
                Class::Reliable
            }
            Self::HostReserved(_) | Self::HostReleased(_) | Self::HostLost(_) => Class::Reliable,
            Self::PresenceChanged(_) | Self::RelayOpened(_) | Self::RelayClosed(_) | Self::Relayed(_) => {
                Class::Reliable
            }
            Self::NoticeTold(_) | Self::NoticesSeen(_) | Self::NoticesDismissed(_) => Class::Reliable,
            Self::AccountUpdated(_) => Class::Latest("accounts.updated".to_owned()),
            // What is so now is all there is to know.
            Self::RelationshipUpdated(related) => Class::Latest(format!("relationships:{}", related.user.id)),
            Self::ConfigChanged(_) => Class::Latest("remote_config.changed".to_owned()),
            Self::UserSettingsUpdated(section) => Class::Latest(format!("settings:{}", section.section)),
            Self::PresenceUpdated(_) => Class::Latest("connections.presence_updated".to_owned()),
        }
    }
}

/// Why the server closes a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CloseCode {
    /// 4000: the client broke the protocol; the reason says what and where.
    ProtocolError,
    /// 4001: signed out, or the token ended.
    SignedOut,
    /// 4003: restricted.
    Restricted,
    /// 4008: the client reads too slowly. Resume.
    SlowConsumer,
    /// 4009: another sign-in took the place.
    Replaced,
    /// 4010: disconnected on purpose, by the client's own wish or by staff; the reason says why.
    Disconnected,
    /// 4012: the server is about to stop. Come back after the delay.
    Draining,
    /// 4029: far too many requests.
    Abuse,
}

impl CloseCode {
    /// The number on the wire.
    pub const fn number(self) -> u16 {
        match self {
            Self::ProtocolError => 4000,
            Self::SignedOut => 4001,
            Self::Restricted => 4003,
            Self::SlowConsumer => 4008,
            Self::Replaced => 4009,
            Self::Disconnected => 4010,
            Self::Draining => 4012,
            Self::Abuse => 4029,
        }
    }

    /// As the reason of the close frame names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ProtocolError => "protocol_error",
            Self::SignedOut => "signed_out",
            Self::Restricted => "restricted",
            Self::SlowConsumer => "slow_consumer",
            Self::Replaced => "replaced",
            Self::Disconnected => "disconnected",
            Self::Draining => "draining",
            Self::Abuse => "abuse",
        }
    }
}
