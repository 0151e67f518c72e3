//! Parties: players who go together, into lobbies and matches.
//!
//! Start at [`operations`]. They check what was asked and hand it to the *party*, a live entity (`parties/party.rs`) that decides alone
//! what happens in it. What follows elsewhere, such as who is in the party's room, is done after the commit (`parties/follow.rs`).
//! Its members talk in a room of `communication`, like everybody else.
//!
//! Promises: a user is in one party at most, also across a crash (the database has one row for a user); an answered change is
//! durable; whoever drops out finds their place again within the grace period, and so do all after a restart, invites included.

mod error;
mod follow;
mod party;
mod store;

use std::collections::BTreeMap;

use moothall_protocol::communication::RoomKind;
use moothall_protocol::connections::GetPresence;
use moothall_protocol::limits::{
    PARTY_CODE_GUESSES_MAX, PARTY_CODE_LENGTH, PARTY_MEMBERS_MAX, RETENTION_DAYS_MAX,
};
use moothall_protocol::parties::{
    AcceptPartyInvite, CancelPartyInvite, CreateParty, DeclinePartyInvite, GetParty, InviteToParty,
    JoinParty, KickFromParty, LeadParty, LeaveParty, MyParties, OwnParties, Party, PartyInvite,
    RenewPartyCode, SetPartyReady, UpdateParty,
};
use moothall_protocol::{Event, PartyId, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::codes::{self, Guesses};
use crate::communication::FollowingRoom;
use crate::cx::Tx;
use crate::export::Part;
use crate::following::Following;
use crate::operation::{Access, Operations, Rate};
use crate::reach::{self, How, Reach};
use crate::restrictions::types::DIRECT_MESSAGE;
use crate::restrictions::{self, Scope};
use crate::runtime::Place;
use crate::{Cx, Fault as _, Hall, Kind, Topic, communication, connections};
pub use error::Error;
use follow::News;
use party::{Card, Change, Command, Reply};

pub(crate) use store::STATEMENTS;

/// Settings of parties.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Members and invites of a party together, where whoever makes it does not say.
    #[schemars(range(min = 1, max = PARTY_MEMBERS_MAX))]
    pub members_default: u32,
    /// Members and invites of a party together, at most.
    #[schemars(range(min = 1, max = PARTY_MEMBERS_MAX), extend("x-public" = true))]
    pub members_max: u32,
    /// Milliseconds for which an invite can be accepted.
    #[schemars(range(min = 1_000, max = 86_400_000))]
    pub invite_ms: u64,
    /// Days after which what was said in a party is removed for good.
    #[schemars(range(min = 1, max = RETENTION_DAYS_MAX))]
    pub chat_days: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { members_default: 5, members_max: 16, invite_ms: 300_000, chat_days: 7 }
    }
}

/// The operations of this context.
pub fn operations() -> Operations {
    let operations = Operations::context("parties", "Players who go together").errors(Error::CATALOGUE);
    of_members(of_invites(of_parties(operations)))
}

fn of_parties(operations: Operations) -> Operations {
    operations
        .post("/parties", "parties.create", Access::Player, create)
        .created("/parties/{id}")
        .get("/parties/mine", "parties.mine", Access::Player, mine)
        .get("/parties/{party_id}", "parties.get", Access::Player, get)
        .patch("/parties/{party_id}", "parties.update", Access::Player, update)
        .post("/parties/{party_id}/code", "parties.renew_code", Access::Player, renew_code)
}

fn of_invites(operations: Operations) -> Operations {
    operations
        .put("/parties/{party_id}/invites/{user_id}", "parties.invite", Access::Player, invite)
        .delete(
            "/parties/{party_id}/invites/{user_id}",
            "parties.cancel_invite",
            Access::Player,
            cancel_invite,
        )
        .post("/parties/{party_id}/accept", "parties.accept", Access::Player, accept)
        .post("/parties/{party_id}/decline", "parties.decline", Access::Player, decline)
        .post("/parties/join", "parties.join", Access::Player, join)
}

fn of_members(operations: Operations) -> Operations {
    operations
        .post("/parties/{party_id}/leave", "parties.leave", Access::Player, leave)
        .delete("/parties/{party_id}/members/{user_id}", "parties.kick", Access::Player, kick)
        .put("/parties/{party_id}/leader", "parties.lead", Access::Player, lead)
        .put("/parties/{party_id}/ready", "parties.set_ready", Access::Player, set_ready)
        .rate(Rate::Social)
}

/// What this context keeps in memory.
#[derive(Debug)]
pub(crate) struct Live {
    following: Following<PartyId, News>,
    guesses: Guesses,
}

impl Default for Live {
    fn default() -> Self {
        Self { following: Following::default(), guesses: Guesses::new(PARTY_CODE_GUESSES_MAX) }
    }
}

/// Makes a party, which the caller leads.
pub async fn create(cx: &Cx, input: CreateParty) -> Result<Party, Error> {
    let leader = cx.require_user()?;
    let _making = cx.hall().directory().making::<party::Party>(cx).await;
    let settings = &cx.hall().settings().parties;
    let max_members = input.max_members.unwrap_or(settings.members_default.min(settings.members_max));
    if max_members > settings.members_max {
        let most = settings.members_max as usize;
        return Err(crate::Error::most("/max_members", "too_large", "that is too many", most).into());
    }
    let card = Card {
        id: cx.new_id(),
        leader,
        code: new_code(cx),
        max_members,
        invites_by: input.invites_by.unwrap_or_default(),
        is_open: input.is_open.unwrap_or_default(),
        follow_leader: input.follow_leader.unwrap_or(true),
        room: cx.new_id(),
        version: 1,
        created_at: cx.now(),
    };
    let (id, chat_days) = (card.id, settings.chat_days);
    let party = cx
        .mutate(move |tx| {
            let room = FollowingRoom {
                id: card.room,
                kind: RoomKind::Party,
                users: vec![leader],
                retention_days: chat_days,
            };
            communication::open_following_room(tx, &room).map_err(communication::Error::into_common)?;
            store::insert(tx, &card)?;
            let party = store::of_user(tx, leader)?.party.ok_or(crate::Error::NotFound)?;
            tx.emit(Topic::User(leader), Event::PartyJoined(party.clone()));
            Ok::<_, Error>(party)
        })
        .await?;
    follow::settled(cx.hall(), id).await;
    Ok(party)
}

fn new_code(cx: &Cx) -> String {
    codes::make(cx.random(), PARTY_CODE_LENGTH)
}

/// The caller's party and invites.
pub async fn mine(cx: &Cx, _: MyParties) -> Result<OwnParties, Error> {
    let user = cx.require_user()?;
    cx.hall().directory().all_answered::<party::Party>(cx).await;
    cx.read(move |tx| store::of_user(tx, user)).await
}

/// Reads a party that the caller is in or invited into.
pub async fn get(cx: &Cx, input: GetParty) -> Result<Party, Error> {
    let user = cx.require_user()?;
    cx.hall().directory().answered::<party::Party>(cx, input.party_id).await;
    cx.read(move |tx| {
        let stored = store::find(tx, input.party_id)?.ok_or(crate::Error::NotFound)?;
        let mut party = party::show(&stored.card, &stored.seats, &stored.invites);
        if !stored.seats.contains_key(&user) {
            party.code = None;
            let invite = stored.invites.get(&user).filter(|invite| tx.now() < invite.expires_at);
            invite.ok_or(crate::Error::NotFound)?;
        }
        Ok(party)
    })
    .await
}

/// Changes a party's settings. Everybody in it hears of it.
pub async fn update(cx: &Cx, input: UpdateParty) -> Result<Party, Error> {
    let UpdateParty { party_id, invites_by, is_open, follow_leader, if_version } = input;
    let change = Change { invites_by, is_open, follow_leader, if_version };
    tell(cx, party_id, Command::Update(change)).await?.party()
}

/// Gives a party another code.
pub async fn renew_code(cx: &Cx, input: RenewPartyCode) -> Result<Party, Error> {
    tell(cx, input.party_id, Command::Renew { code: new_code(cx) }).await?.party()
}

/// Invites somebody who is connected and whom the caller may reach. They hear of it, and the party.
pub async fn invite(cx: &Cx, input: InviteToParty) -> Result<PartyInvite, Error> {
    let InviteToParty { party_id, user_id } = input;
    let place = place(cx, party_id).await;
    restrictions::check(cx, DIRECT_MESSAGE, Scope::ANYWHERE).await?;
    let reach = reach::may_reach(cx, user_id, How::Invite).await?;
    if reach == Reach::No {
        return Err(Error::Unreachable);
    }
    // Not how the caller sees them: who lets nobody see them is invited still. To who is blocked nobody is there.
    let seen = connections::get_presence(&Cx::server(cx.hall()), GetPresence { user_id }).await;
    if reach == Reach::Silent || !seen.map_err(connections::Error::into_common)?.is_online {
        return Err(Error::NotOnline);
    }
    tell_from(place, cx, party_id, Command::Invite { user: user_id }).await?.invite()
}

/// Takes an invite back.
pub async fn cancel_invite(cx: &Cx, input: CancelPartyInvite) -> Result<(), Error> {
    tell(cx, input.party_id, Command::Cancel { user: input.user_id }).await.map(drop)
}

/// Accepts an invite. Whoever is in another party leaves it in the same moment.
pub async fn accept(cx: &Cx, input: AcceptPartyInvite) -> Result<Party, Error> {
    let place = place(cx, input.party_id).await;
    move_to(place, cx, input.party_id, Command::Accept).await.map_err(uninvited)
}

/// Declines an invite.
pub async fn decline(cx: &Cx, input: DeclinePartyInvite) -> Result<(), Error> {
    tell(cx, input.party_id, Command::Decline).await.map(drop).map_err(uninvited)
}

/// To whoever asks for an invite, a party that is no more is an invite that is no more.
fn uninvited(error: Error) -> Error {
    if matches!(error, Error::Common(crate::Error::NotFound)) { Error::NotInvited } else { error }
}

/// Joins the open party that has this code.
pub async fn join(cx: &Cx, input: JoinParty) -> Result<Party, Error> {
    let user = cx.require_user()?;
    let code = input.code.to_ascii_uppercase();
    let guesses = &cx.hall().parties().guesses;
    guesses.begin(cx.elapsed(), user).map_err(|retry_after| Error::CodeThrottled { retry_after })?;
    let find = code.clone();
    let found = cx.read(move |tx| store::find_by_code(tx, &find)).await?.ok_or(Error::CodeUnknown)?;
    // Who leads it and blocks the caller has no party, as far as the caller may know.
    let circle = reach::circle(cx, user).await?;
    let is_blocked = move |leader: UserId| circle.tie(leader).has(reach::Tie::BLOCKED_BY);
    let leader = cx.read(move |tx| store::find(tx, found)).await?.map(|party| party.card.leader);
    if leader.is_some_and(is_blocked) {
        return Err(Error::CodeUnknown);
    }
    let place = place(cx, found).await;
    let joined = move_to(place, cx, found, Command::Join { code }).await;
    match joined {
        Err(error) if error.kind() == Kind::NotFound => Err(Error::CodeUnknown),
        outcome => {
            guesses.succeed(user);
            outcome
        }
    }
}

/// Brings the caller into a party. It has everybody follow, and so has the party they leave for it.
async fn move_to(place: Place<'_>, cx: &Cx, id: PartyId, command: Command) -> Result<Party, Error> {
    let user = cx.require_user()?;
    let before = cx.read(move |tx| store::party_of(tx, user)).await?;
    let party = tell_from(place, cx, id, command).await?.party()?;
    if let Some(before) = before.filter(|before| *before != id) {
        follow::settled(cx.hall(), before).await;
    }
    Ok(party)
}

/// Leaves a party.
pub async fn leave(cx: &Cx, input: LeaveParty) -> Result<(), Error> {
    let place = place(cx, input.party_id).await;
    let present = follow::present(&Cx::server(cx.hall()), input.party_id).await?;
    tell_from(place, cx, input.party_id, Command::Leave { present }).await.map(drop)
}

/// Removes a member.
pub async fn kick(cx: &Cx, input: KickFromParty) -> Result<(), Error> {
    tell(cx, input.party_id, Command::Kick { user: input.user_id }).await.map(drop)
}

/// Hands the lead to another member.
pub async fn lead(cx: &Cx, input: LeadParty) -> Result<Party, Error> {
    tell(cx, input.party_id, Command::Lead { user: input.user_id }).await?.party()
}

/// Says whether the caller is ready.
pub async fn set_ready(cx: &Cx, input: SetPartyReady) -> Result<Party, Error> {
    tell(cx, input.party_id, Command::SetReady { is_ready: input.is_ready }).await?.party()
}

/// Those who go where this user goes: the other members of the party they lead, if it is set so. For the contexts that own lobbies and
/// queues, and for embedding programs.
pub async fn followers(cx: &Cx, leader: UserId) -> Result<Vec<UserId>, Error> {
    let party = cx.read(move |tx| store::of_user(tx, leader)).await?.party;
    let led = party.filter(|party| party.follow_leader && party.leader_id == leader);
    let members = led.map(|party| party.members).unwrap_or_default();
    Ok(members.into_iter().map(|member| member.user_id).filter(|user| *user != leader).collect())
}

/// The parties these users are in, as far as they are in one.
pub(crate) fn parties_of(tx: &mut Tx<'_, '_>, users: &[UserId]) -> Result<BTreeMap<UserId, PartyId>, Error> {
    store::parties_of(tx, users)
}

/// The caller's place in the order of what they tell this party: taken before anything else is waited for.
async fn place(cx: &Cx, party: PartyId) -> Place<'_> {
    cx.hall().directory().place::<party::Party>(cx, party).await
}

/// Tells a party something in the caller's name. When this returns, everybody has followed.
async fn tell(cx: &Cx, party: PartyId, command: Command) -> Result<Reply, Error> {
    tell_from(place(cx, party).await, cx, party, command).await
}

async fn tell_from(place: Place<'_>, cx: &Cx, party: PartyId, command: Command) -> Result<Reply, Error> {
    let reply = cx.hall().directory().call_from::<party::Party>(Some(place), cx, party, command).await?;
    follow::settled(cx.hall(), party).await;
    Ok(reply)
}

/// A user has connected: their party, if they are in one, knows it when this returns, and whoever looks at them sees it.
pub(crate) async fn arrive(cx: &Cx, user: UserId, party: PartyId) {
    follow::begin(cx.hall(), party, News::about(user));
    follow::settled(cx.hall(), party).await;
}

/// The party and the invites of a user, for a session that begins.
pub(crate) fn of_user(tx: &mut Tx<'_, '_>, user: UserId) -> Result<OwnParties, Error> {
    store::of_user(tx, user)
}

/// The same, for themselves.
pub(crate) fn export(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    _: Option<Value>,
    _: usize,
) -> Result<Part, crate::Error> {
    Part::whole([of_user(tx, user).map_err(Error::into_common)?])
}

/// Has parties hear of those who are gone, and wakes those there are.
pub(crate) fn start(hall: &Hall) {
    connections::on_gone(hall, follow::leave_behind);
    hall.spawn(follow::recover(hall.downgrade()));
}

#[cfg(test)]
mod tests;
