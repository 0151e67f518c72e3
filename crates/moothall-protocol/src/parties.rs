//! Parties: players who go together.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{PartyId, RoomId, Timestamp, UserId, limits};

/// What a party's code looks like: letters and digits that nobody takes for another.
const CODE: &str = "^[34679AC-HJKMNPQRTV-Yac-hjkmnpqrtv-y]+$";

/// Who may invite into a party.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InvitesBy {
    /// Its leader alone.
    Leader,
    /// Every member.
    #[default]
    Members,
}

/// A party, as its members see it; those it has invited see all but its code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Party {
    /// Its id.
    pub id: PartyId,
    /// Counts its changes, from 1.
    pub version: i64,
    /// Who leads it: one of its members.
    pub leader_id: UserId,
    /// Its members, those who have been there longest first.
    pub members: Vec<PartyMember>,
    /// The invites that wait for an answer, the oldest first. Each holds a place.
    pub invites: Vec<PartyInvite>,
    /// How many members and invites there may be together. A party stays as it was made.
    pub max_members: u32,
    /// Who may invite.
    pub invites_by: InvitesBy,
    /// Whether whoever has the code may join.
    pub is_open: bool,
    /// Whether the members go where their leader goes.
    pub follow_leader: bool,
    /// With it others join while the party is open. Only members see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The room in which its members talk.
    pub room_id: RoomId,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A member of a party.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PartyMember {
    /// The user.
    pub user_id: UserId,
    /// Since when they are in it.
    pub joined_at: Timestamp,
    /// Whether they said that they are ready, since somebody last came or went.
    pub is_ready: bool,
}

/// An invite into a party.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PartyInvite {
    /// Into which party.
    pub party_id: PartyId,
    /// Who is invited.
    pub user_id: UserId,
    /// By whom.
    pub invited_by: UserId,
    /// Since when.
    pub sent_at: Timestamp,
    /// Until when it can be accepted.
    pub expires_at: Timestamp,
}

/// The party a user is in, and the invites they have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OwnParties {
    /// The party, if they are in one.
    pub party: Option<Party>,
    /// The invites that wait for their answer, the oldest first.
    pub invites: Vec<PartyInvite>,
}

/// Makes a party, which the caller then leads. Whoever is in a party leaves that first: `already_in_party`.
///
/// A member who is not connected, or is gone for longer than the server's grace period (`connections.grace_ms`), has left.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateParty {
    /// How many members and invites there may be together, as far as the operator lets it; without it, as the operator has set.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PARTY_MEMBERS_MAX))]
    pub max_members: Option<u32>,
    /// Who may invite; without it, every member.
    #[serde(default)]
    pub invites_by: Option<InvitesBy>,
    /// Whether whoever has the code may join; without it, not.
    #[serde(default)]
    pub is_open: Option<bool>,
    /// Whether the members go where their leader goes; without it, they do.
    #[serde(default)]
    pub follow_leader: Option<bool>,
}

/// One party, for those who are in it or invited.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetParty {
    /// Which.
    pub party_id: PartyId,
}

/// The caller's party and invites.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MyParties {}

/// Changes the settings of a party. What is absent stays as it is. For the leader.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateParty {
    /// Which.
    pub party_id: PartyId,
    /// Who may invite.
    #[serde(default)]
    pub invites_by: Option<InvitesBy>,
    /// Whether whoever has the code may join.
    #[serde(default)]
    pub is_open: Option<bool>,
    /// Whether the members go where their leader goes.
    #[serde(default)]
    pub follow_leader: Option<bool>,
    /// Only if this is still its version.
    #[serde(default)]
    pub if_version: Option<i64>,
}

/// Gives a party another code: the one before lets nobody in any more. For the leader.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RenewPartyCode {
    /// Which.
    pub party_id: PartyId,
}

/// Invites a player who is connected. For every member, or the leader alone: see `invites_by`. The invite holds a place until it is
/// accepted, declined, cancelled or has expired.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InviteToParty {
    /// Into which party.
    pub party_id: PartyId,
    /// Whom.
    pub user_id: UserId,
}

/// Takes an invite back. For whoever sent it, and for the leader.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelPartyInvite {
    /// Into which party.
    pub party_id: PartyId,
    /// Whose.
    pub user_id: UserId,
}

/// Accepts an invite. Whoever is in another party leaves it in the same moment; other invites stay. Accepting twice is as once.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptPartyInvite {
    /// Into which party.
    pub party_id: PartyId,
}

/// Declines an invite.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclinePartyInvite {
    /// Into which party.
    pub party_id: PartyId,
}

/// Joins the open party that has this code. Whoever is in another party leaves it in the same moment. Wrong codes make the next one
/// wait: `party_code_throttled`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinParty {
    /// The code, in capitals or not.
    #[schemars(length(min = limits::PARTY_CODE_LENGTH, max = limits::PARTY_CODE_LENGTH), regex(pattern = CODE))]
    pub code: String,
}

/// Leaves a party. When the leader goes, the member who has been there longest leads, of those who are connected if any is; when the
/// last member goes, the party ends.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeaveParty {
    /// Which.
    pub party_id: PartyId,
}

/// Removes a member. For the leader. Whoever is only invited is no member: cancel the invite.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KickFromParty {
    /// From which party.
    pub party_id: PartyId,
    /// Whom.
    pub user_id: UserId,
}

/// Hands the lead to another member. For the leader.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeadParty {
    /// Of which party.
    pub party_id: PartyId,
    /// To whom.
    pub user_id: UserId,
}

/// Says whether the caller is ready. When somebody comes or goes, nobody is.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPartyReady {
    /// In which party.
    pub party_id: PartyId,
    /// Whether.
    pub is_ready: bool,
}

/// What happened in a party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartyChange {
    /// The user is a member from now on.
    MemberJoined,
    /// The user left by themselves, or for another party.
    MemberLeft,
    /// The user was removed.
    MemberKicked,
    /// The user was gone for longer than the grace period, or disconnected for good.
    MemberGone,
    /// The user was invited.
    Invited,
    /// The user declined.
    InviteDeclined,
    /// The user's invite was taken back.
    InviteCancelled,
    /// The user's invite was not answered in time.
    InviteExpired,
    /// The user leads from now on.
    LeaderChanged,
    /// The user is ready, or no longer.
    ReadyChanged,
    /// The settings are others.
    SettingsChanged,
    /// The code is another.
    CodeRenewed,
}

/// A party changed: what happened, and how it stands now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PartyUpdated {
    /// What happened.
    pub change: PartyChange,
    /// To whom, if it is about one user.
    pub user_id: Option<UserId>,
    /// The party after that. Each version comes once.
    pub party: Party,
}

/// Why somebody is no longer in a party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeftParty {
    /// They left.
    Left,
    /// They came to another party.
    Moved,
    /// The leader removed them.
    Kicked,
    /// They were gone for longer than the grace period, or disconnected for good.
    Gone,
}

/// The user is no longer in a party.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PartyLeft {
    /// In which.
    pub party_id: PartyId,
    /// Why.
    pub why: LeftParty,
}

/// Why an invite can no longer be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InviteEnd {
    /// The user declined it.
    Declined,
    /// It was taken back.
    Cancelled,
    /// It was not answered in time.
    Expired,
    /// The party is no more.
    PartyEnded,
}

/// An invite of the user is over without their having accepted it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PartyInviteEnded {
    /// Into which party.
    pub party_id: PartyId,
    /// Why.
    pub why: InviteEnd,
}
