//! Lobbies: where players gather before a match.
//!
//! Start at [`operations`]. They check what was asked and hand it to the *lobby*, a live entity (`lobbies/lobby.rs`) that decides alone
//! what happens in it. What a lobby may look like is data: see [`modes`]. Finding lobbies goes past them, to an index in memory
//! (`lobbies/list.rs`). What follows elsewhere from who is where is done after the commit (`lobbies/follow.rs`, `lobbies/rooms.rs` for
//! the rooms in which a lobby talks, `lobbies/places.rs` for hosts from pools). Some lobbies the server keeps itself
//! (`lobbies/keeper.rs`), by policies, which are data: see [`policies`].
//!
//! Promises: a user is in one lobby at most, also across a crash (the database has one row for a user); an answered change is
//! durable, and was told to nobody before that; whoever drops out finds their seat again within the grace period, and so do all after
//! a restart, votes and queue included; passwords are told to nobody.

mod balance;
mod blocks;
mod error;
mod follow;
mod keeper;
mod list;
mod lobby;
pub mod modes;
mod opening;
mod party;
mod places;
pub mod policies;
mod properties;
mod rooms;
mod secrets;
mod store;

use moothall_protocol::limits::{
    LOBBY_CODE_LENGTH, LOBBY_COUNTDOWN_MS_MAX, LOBBY_GUESSES_MAX, RETENTION_DAYS_MAX,
};
use moothall_protocol::lobbies::{
    AddLobbyBot, AddedLobbyBot, ApproveLobbyRequest, CallLobbyVote, CancelLobbyStart, CancelLobbyVote,
    CastLobbyVote, CheckLobbyReady, CloseLobby, GetLobby, InviteToLobby, JoinLobby, JoinLobbyByCode,
    KickFromLobby, LeaveLobby, ListLobbies, LobbyEntry, LobbyPage, LobbySummary, LobbyWatch, MyLobbies,
    OwnLobbies, OwnLobby, QueueForSeat, RejectLobbyRequest, RemoveLobbyBot, RenewLobbyCode, SetLobbyBoss,
    SetLobbyMap, Spectate, StartLobby, TakeSeat, UnbanFromLobby, UninviteFromLobby, UnwatchLobbies,
    UpdateLobby, UpdateLobbyBot, UpdateSelf, ViewLobby, WatchLobbies,
};
use moothall_protocol::{LobbyId, MatchId, RoomId, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::codes::{self, Guesses};
use crate::cx::Tx;
use crate::export::Part;
use crate::following::Following;
use crate::operation::{Access, Operations, Rate};
use crate::reach::{self, How, Reach};
use crate::restrictions::types::{CHAT, DIRECT_MESSAGE, LOBBY_JOIN};
use crate::restrictions::{self, Scope};
use crate::runtime::Place;
use crate::{Cx, Fault as _, Hall, Kind, Permission, connections, hosts, json, matches, relationships};
pub use balance::balance;
pub use error::Error;
use list::Index;
use lobby::{Act, Change, Command, Entry, Power, Reply, SelfChange};
pub use opening::open;

/// Does in every lobby what its host may, and sees those that are only for the invited. Every such deed is audited.
pub const MODERATE: Permission = Permission("lobbies.moderate");
/// Makes, changes and removes game modes.
pub const MANAGE_MODES: Permission = Permission("lobbies.manage_modes");

/// Makes, changes and removes policies of lobbies that the server keeps.
pub const MANAGE_POLICIES: Permission = Permission("lobbies.manage_policies");

/// Settings of lobbies.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Milliseconds for which a vote is open.
    #[schemars(range(min = 1_000, max = 600_000))]
    pub vote_ms: u64,
    /// Milliseconds in which players say that they are ready, once they are asked.
    #[schemars(range(min = 1_000, max = 600_000))]
    pub ready_check_ms: u64,
    /// Milliseconds of the countdown before a game; 0 for none.
    #[schemars(range(max = LOBBY_COUNTDOWN_MS_MAX))]
    pub countdown_ms: u64,
    /// Milliseconds for which somebody who asks to be let in waits for the host, and for which they do not ask again after a no.
    #[schemars(range(min = 1_000, max = 3_600_000))]
    pub request_ms: u64,
    /// Days after which what was said in a lobby is removed for good.
    #[schemars(range(min = 1, max = RETENTION_DAYS_MAX))]
    pub chat_days: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            vote_ms: 45_000,
            ready_check_ms: 30_000,
            countdown_ms: 5_000,
            request_ms: 60_000,
            chat_days: 7,
        }
    }
}

/// The operations of this context.
pub fn operations() -> Operations {
    let operations = Operations::context("lobbies", "Where players gather before a match")
        .errors(Error::CATALOGUE)
        .permission(MODERATE);
    policies::offer(modes::offer(of_games(of_members(of_seats(of_lobbies(operations))))))
}

fn of_lobbies(operations: Operations) -> Operations {
    operations
        .post("/lobbies", "lobbies.open", Access::Player, open)
        .get("/lobbies", "lobbies.list", Access::Player, list)
        .post("/lobbies/watch", "lobbies.watch", Access::Player, watch)
        .rate(Rate::Social)
        .unguarded()
        .delete("/lobbies/watch", "lobbies.unwatch", Access::Player, unwatch)
        .rate(Rate::Social)
        .unguarded()
        .get("/lobbies/mine", "lobbies.mine", Access::Player, mine)
        .post("/lobbies/join", "lobbies.join_by_code", Access::Player, join_by_code)
        .get("/lobbies/{lobby_id}", "lobbies.get", Access::Player, get)
        .get("/lobbies/{lobby_id}/inside", "lobbies.view", Access::Player, view)
        .patch("/lobbies/{lobby_id}", "lobbies.update", Access::Player, update)
        .post("/lobbies/{lobby_id}/map", "lobbies.set_map", Access::Player, set_map)
        .post("/lobbies/{lobby_id}/code", "lobbies.renew_code", Access::Player, renew_code)
        .post("/lobbies/{lobby_id}/close", "lobbies.close", Access::Player, close)
}

fn of_members(operations: Operations) -> Operations {
    operations
        .post("/lobbies/{lobby_id}/join", "lobbies.join", Access::Player, join)
        .post("/lobbies/{lobby_id}/leave", "lobbies.leave", Access::Player, leave)
        .patch("/lobbies/{lobby_id}/me", "lobbies.update_self", Access::Player, update_self)
        .rate(Rate::Social)
        .delete("/lobbies/{lobby_id}/members/{user_id}", "lobbies.kick", Access::Player, kick)
        .delete("/lobbies/{lobby_id}/bans/{user_id}", "lobbies.unban", Access::Player, unban)
        .put("/lobbies/{lobby_id}/invites/{user_id}", "lobbies.invite", Access::Player, invite)
        .delete("/lobbies/{lobby_id}/invites/{user_id}", "lobbies.uninvite", Access::Player, uninvite)
        .post("/lobbies/{lobby_id}/requests/{user_id}/approve", "lobbies.approve", Access::Player, approve)
        .post("/lobbies/{lobby_id}/requests/{user_id}/reject", "lobbies.reject", Access::Player, reject)
        .put("/lobbies/{lobby_id}/bosses/{user_id}", "lobbies.set_boss", Access::Player, set_boss)
}

fn of_seats(operations: Operations) -> Operations {
    operations
        .post("/lobbies/{lobby_id}/seat", "lobbies.sit", Access::Player, sit)
        .post("/lobbies/{lobby_id}/spectate", "lobbies.spectate", Access::Player, spectate)
        .post("/lobbies/{lobby_id}/queue", "lobbies.queue", Access::Player, queue)
        .post("/lobbies/{lobby_id}/balance", "lobbies.balance", Access::Player, balance)
        .unguarded()
        .post("/lobbies/{lobby_id}/bots", "lobbies.add_bot", Access::Player, add_bot)
        .patch("/lobbies/{lobby_id}/bots/{bot_id}", "lobbies.update_bot", Access::Player, update_bot)
        .delete("/lobbies/{lobby_id}/bots/{bot_id}", "lobbies.remove_bot", Access::Player, remove_bot)
}

fn of_games(operations: Operations) -> Operations {
    operations
        .post("/lobbies/{lobby_id}/vote", "lobbies.call_vote", Access::Player, call_vote)
        .post("/lobbies/{lobby_id}/vote/cast", "lobbies.cast_vote", Access::Player, cast_vote)
        .delete("/lobbies/{lobby_id}/vote", "lobbies.cancel_vote", Access::Player, cancel_vote)
        .post("/lobbies/{lobby_id}/ready_check", "lobbies.check_ready", Access::Player, check_ready)
        .post("/lobbies/{lobby_id}/start", "lobbies.start", Access::Player, start_game)
        .delete("/lobbies/{lobby_id}/start", "lobbies.cancel_start", Access::Player, cancel_start)
}

/// What this context keeps in memory.
#[derive(Debug)]
pub(crate) struct Live {
    index: Index,
    following: Following<UserId, Vec<LobbyId>>,
    rooms: Following<LobbyId, Vec<RoomId>>,
    places: Following<LobbyId, Vec<MatchId>>,
    keeper: Following<(), Vec<()>>,
    /// Of lobbies that play: the match that has to follow who is there.
    seating: Following<LobbyId, Vec<MatchId>>,
    guesses: Guesses,
}

impl Default for Live {
    fn default() -> Self {
        let guesses = Guesses::new(LOBBY_GUESSES_MAX);
        Self {
            index: Index::default(),
            following: Following::default(),
            rooms: Following::default(),
            places: Following::default(),
            keeper: Following::default(),
            seating: Following::default(),
            guesses,
        }
    }
}

/// Lists lobbies.
pub async fn list(cx: &Cx, input: ListLobbies) -> Result<LobbyPage, Error> {
    cx.hall().directory().all_answered::<lobby::Lobby>(cx).await;
    let barred = blocks::barred(cx).await?;
    cx.hall().lobbies().index.list(input, cx.user(), cx.can(MODERATE), &barred)
}

/// Watches a list of lobbies.
pub async fn watch(cx: &Cx, input: WatchLobbies) -> Result<LobbyWatch, Error> {
    cx.hall().directory().all_answered::<lobby::Lobby>(cx).await;
    blocks::bar(cx.hall(), cx.require_user()?).await?;
    let watch = list::watch(cx, input)?;
    // Somebody may have blocked somebody before the watch was there to be told.
    blocks::bar(cx.hall(), cx.require_user()?).await?;
    Ok(watch)
}

/// Ends the watch of the calling session.
pub async fn unwatch(cx: &Cx, _: UnwatchLobbies) -> Result<(), Error> {
    list::unwatch(cx)
}

/// Reads a lobby as it looks from outside.
pub async fn get(cx: &Cx, input: GetLobby) -> Result<LobbySummary, Error> {
    cx.hall().directory().answered::<lobby::Lobby>(cx, input.lobby_id).await;
    let card = cx.hall().lobbies().index.find(input.lobby_id).ok_or(crate::Error::NotFound)?;
    let barred = blocks::barred(cx).await?;
    if card.is_shown_to(cx.user()) && !barred.contains(&card.summary.host_id) || cx.can(MODERATE) {
        Ok(card.summary.clone())
    } else {
        Err(crate::Error::NotFound.into())
    }
}

/// The lobby the caller is in, and those they host.
pub async fn mine(cx: &Cx, _: MyLobbies) -> Result<OwnLobbies, Error> {
    let user = cx.require_user()?;
    cx.hall().directory().all_answered::<lobby::Lobby>(cx).await;
    cx.read(move |tx| store::of_user(tx, user)).await
}

/// Reads a lobby as it looks from inside.
pub async fn view(cx: &Cx, input: ViewLobby) -> Result<OwnLobby, Error> {
    let user = cx.require_user()?;
    cx.hall().directory().answered::<lobby::Lobby>(cx, input.lobby_id).await;
    cx.read(move |tx| {
        let (state, _) = store::find(tx, input.lobby_id)?.ok_or(crate::Error::NotFound)?;
        match state.is_member(user) || state.is_host(user) {
            true => Ok(state.own(user)),
            false => Err(crate::Error::NotFound.into()),
        }
    })
    .await
}

/// Joins a lobby, with the party that follows the caller. Who is in it hears of it.
pub async fn join(cx: &Cx, input: JoinLobby) -> Result<LobbyEntry, Error> {
    let JoinLobby { lobby_id, password, wish, reason } = input;
    let password = password.filter(|password| !password.is_empty());
    let is_guess = password.is_some();
    let password = password.map(|password| secrets::password_hash(lobby_id, &password));
    let entry = Entry { password, wish: wish.unwrap_or_default(), ..Entry::default() };
    let user = cx.require_user()?;
    let place = place(cx, lobby_id).await;
    check_entry(cx, user, lobby_id).await?;
    let guesses = &cx.hall().lobbies().guesses;
    if is_guess {
        guesses.begin(cx.elapsed(), user).map_err(|retry_after| Error::GuessesThrottled { retry_after })?;
    }
    let joined = enter(place, cx, user, lobby_id, entry, power(cx, reason)).await;
    if is_guess && !matches!(joined, Err(Error::WrongPassword)) {
        guesses.succeed(user);
    }
    joined
}

/// Joins the lobby that has this code.
pub async fn join_by_code(cx: &Cx, input: JoinLobbyByCode) -> Result<LobbyEntry, Error> {
    let user = cx.require_user()?;
    let code = input.code.to_ascii_uppercase();
    let guesses = &cx.hall().lobbies().guesses;
    guesses.begin(cx.elapsed(), user).map_err(|retry_after| Error::GuessesThrottled { retry_after })?;
    let find = code.clone();
    let lobby = cx.read(move |tx| store::find_by_code(tx, &find)).await?.ok_or(Error::CodeUnknown)?;
    let entry = Entry { code: Some(code), wish: input.wish.unwrap_or_default(), ..Entry::default() };
    let place = place(cx, lobby).await;
    check_entry(cx, user, lobby).await?;
    match enter(place, cx, user, lobby, entry, Power::Member).await {
        Err(error) if error.kind() == Kind::NotFound => Err(Error::CodeUnknown),
        joined => {
            guesses.succeed(user);
            joined
        }
    }
}

/// Refuses whoever may not join lobbies for now, or none of this mode.
async fn check_entry(cx: &Cx, user: UserId, lobby: LobbyId) -> Result<(), crate::Error> {
    let mode = mode_of(cx, lobby);
    let scope = Scope { mode: mode.as_deref(), ..Scope::ANYWHERE };
    restrictions::check_user(cx, user, LOBBY_JOIN, scope).await
}

/// Refuses whoever may write nothing for now that others read, or nothing in lobbies of this mode.
async fn check_voice(cx: &Cx, lobby: LobbyId) -> Result<(), crate::Error> {
    let mode = mode_of(cx, lobby);
    restrictions::check(cx, CHAT, Scope { mode: mode.as_deref(), ..Scope::ANYWHERE }).await
}

fn mode_of(cx: &Cx, lobby: LobbyId) -> Option<String> {
    cx.hall().lobbies().index.find(lobby).map(|card| card.summary.mode.clone())
}

/// Whether somebody who is brought along may join this lobby, or a new one.
async fn may_enter(cx: &Cx, user: UserId, lobby: Option<LobbyId>) -> Result<bool, crate::Error> {
    let entry = match lobby {
        Some(lobby) => check_entry(cx, user, lobby).await,
        None => restrictions::check_user(cx, user, LOBBY_JOIN, Scope::ANYWHERE).await,
    };
    match entry {
        Err(crate::Error::Restricted(_)) => Ok(false),
        entry => entry.map(|()| true),
    }
}

async fn enter(
    place: Place<'_>,
    cx: &Cx,
    user: UserId,
    lobby: LobbyId,
    entry: Entry,
    power: Power,
) -> Result<LobbyEntry, Error> {
    let mut from = Some(place);
    let mut attempts = party::Attempts::default();
    let (reply, party) = loop {
        // The database would refuse it as well, but only after the lobby has let them in.
        let elsewhere = cx.read(move |tx| store::lobby_of(tx, user)).await?;
        if elsewhere.is_some_and(|elsewhere| elsewhere != lobby) {
            return Err(Error::AlreadyInLobby);
        }
        if power == Power::Member {
            blocks::check(cx, user, lobby).await?;
        }
        let along = party::along(cx, user, Some(lobby)).await?;
        let party = along.party.clone();
        let entry = Entry { party: along.party, staying: along.staying, ..entry.clone() };
        let from = match from.take() {
            Some(from) => from,
            None => self::place(cx, lobby).await,
        };
        match tell_from(from, cx, lobby, power.clone(), Act::Join(entry)).await {
            Err(Error::AlreadyInLobby) if attempts.again(&party) => {}
            outcome => break (outcome?, party),
        }
    };
    for user in party {
        follow::settled(cx.hall(), user).await;
    }
    match reply {
        Reply::Joined(own, stayed) => Ok(LobbyEntry { own: Some(*own), request: None, stayed }),
        Reply::Request(request, stayed) => Ok(LobbyEntry { own: None, request: Some(request), stayed }),
        Reply::Own(_) | Reply::Bot(_) | Reply::Done => Err(lobby::unexpected()),
    }
}

/// Leaves a lobby. Who is in it hears of it.
pub async fn leave(cx: &Cx, input: LeaveLobby) -> Result<(), Error> {
    let (lobby, user) = (input.lobby_id, cx.require_user()?);
    let place = place(cx, lobby).await;
    let heirs = follow::heirs(cx, lobby, user).await?;
    tell_from(place, cx, lobby, Power::Member, Act::Leave { heirs }).await.map(drop)
}

/// Removes a member. Only they read the reason.
pub async fn kick(cx: &Cx, input: KickFromLobby) -> Result<(), Error> {
    let KickFromLobby { lobby_id, user_id: user, ban_seconds, reason } = input;
    let place = place(cx, lobby_id).await;
    let act = Act::Kick { user, ban_seconds, reason: reason.clone() };
    tell_from(place, cx, lobby_id, power(cx, reason), act).await?;
    follow::settled(cx.hall(), user).await;
    Ok(())
}

/// Ends a ban.
pub async fn unban(cx: &Cx, input: UnbanFromLobby) -> Result<(), Error> {
    tell(cx, input.lobby_id, Act::Unban { user: input.user_id }).await.map(drop)
}

/// Invites somebody whom the caller may reach. They hear of it.
pub async fn invite(cx: &Cx, input: InviteToLobby) -> Result<(), Error> {
    let InviteToLobby { lobby_id, user_id: user } = input;
    let place = place(cx, lobby_id).await;
    restrictions::check(cx, DIRECT_MESSAGE, Scope::ANYWHERE).await?;
    let reach = reach::may_reach(cx, user, How::Invite).await?;
    if reach == Reach::No {
        return Err(Error::Unreachable);
    }
    let act = Act::Invite { user, is_silent: reach == Reach::Silent };
    tell_from(place, cx, lobby_id, Power::Member, act).await.map(drop)
}

/// Takes an invite back.
pub async fn uninvite(cx: &Cx, input: UninviteFromLobby) -> Result<(), Error> {
    tell(cx, input.lobby_id, Act::Uninvite { user: input.user_id }).await.map(drop)
}

/// Lets somebody in who asks.
pub async fn approve(cx: &Cx, input: ApproveLobbyRequest) -> Result<OwnLobby, Error> {
    let own = tell(cx, input.lobby_id, Act::Approve { user: input.user_id }).await?.own()?;
    follow::settled(cx.hall(), input.user_id).await;
    Ok(own)
}

/// Does not let somebody in who asks. They hear of it.
pub async fn reject(cx: &Cx, input: RejectLobbyRequest) -> Result<OwnLobby, Error> {
    tell(cx, input.lobby_id, Act::Reject { user: input.user_id }).await?.own()
}

/// Takes a seat.
pub async fn sit(cx: &Cx, input: TakeSeat) -> Result<OwnLobby, Error> {
    tell(cx, input.lobby_id, Act::Sit { user: input.user_id, team: input.team }).await?.own()
}

/// Gives a seat back.
pub async fn spectate(cx: &Cx, input: Spectate) -> Result<OwnLobby, Error> {
    tell(cx, input.lobby_id, Act::Spectate { user: input.user_id }).await?.own()
}

/// Waits for a seat.
pub async fn queue(cx: &Cx, input: QueueForSeat) -> Result<OwnLobby, Error> {
    tell(cx, input.lobby_id, Act::Queue).await?.own()
}

/// Brings a bot.
pub async fn add_bot(cx: &Cx, input: AddLobbyBot) -> Result<AddedLobbyBot, Error> {
    let place = place(cx, input.lobby_id).await;
    check_voice(cx, input.lobby_id).await?;
    let name = opening::text(cx, "/name", &input.name)?;
    let act = Act::AddBot { name, team: input.team, properties: input.properties.unwrap_or_default() };
    match tell_from(place, cx, input.lobby_id, Power::Member, act).await? {
        Reply::Bot(bot_id) => Ok(AddedLobbyBot { bot_id }),
        _ => Err(lobby::unexpected()),
    }
}

/// Changes a bot.
pub async fn update_bot(cx: &Cx, input: UpdateLobbyBot) -> Result<OwnLobby, Error> {
    let place = place(cx, input.lobby_id).await;
    let properties = input.properties.unwrap_or_default();
    if input.name.is_some() || properties.values().any(json::has_text) {
        check_voice(cx, input.lobby_id).await?;
    }
    let name = input.name.map(|name| opening::text(cx, "/name", &name)).transpose()?;
    let act = Act::UpdateBot { bot: input.bot_id, name, properties };
    tell_from(place, cx, input.lobby_id, Power::Member, act).await?.own()
}

/// Takes a bot away.
pub async fn remove_bot(cx: &Cx, input: RemoveLobbyBot) -> Result<OwnLobby, Error> {
    tell(cx, input.lobby_id, Act::RemoveBot { bot: input.bot_id }).await?.own()
}

/// Changes what a lobby is set to.
pub async fn update(cx: &Cx, input: UpdateLobby) -> Result<OwnLobby, Error> {
    let (lobby, power) = (input.lobby_id, power(cx, input.reason.clone()));
    let place = place(cx, lobby).await;
    let has_text = opening::has_text(input.properties.as_ref());
    if input.name.is_some() || input.tags.as_ref().is_some_and(|tags| !tags.is_empty()) || has_text {
        check_voice(cx, lobby).await?;
    }
    let password = input.password.map(|password| match password.is_empty() {
        true => None,
        false => Some(secrets::password_hash(lobby, &password)),
    });
    let change = Change {
        name: input.name.map(|name| opening::text(cx, "/name", &name)).transpose()?,
        access: input.access,
        password,
        is_locked: input.is_locked,
        map: input.map,
        teams: input.teams,
        is_rated: input.is_rated,
        has_bosses: input.has_bosses,
        on_host_loss: input.on_host_loss,
        tags: input.tags.map(|tags| opening::tags(cx, tags)).transpose()?,
        properties: input.properties,
        if_version: input.if_version,
    };
    tell_from(place, cx, lobby, power, Act::Update(Box::new(change))).await?.own()
}

/// Asks for another map.
pub async fn set_map(cx: &Cx, input: SetLobbyMap) -> Result<OwnLobby, Error> {
    tell(cx, input.lobby_id, Act::SetMap { map: input.map }).await?.own()
}

/// Gives a lobby another code.
pub async fn renew_code(cx: &Cx, input: RenewLobbyCode) -> Result<OwnLobby, Error> {
    let code = codes::make(cx.random(), LOBBY_CODE_LENGTH);
    tell(cx, input.lobby_id, Act::RenewCode { code }).await?.own()
}

/// Closes a lobby. Who is in it hears of it.
pub async fn close(cx: &Cx, input: CloseLobby) -> Result<(), Error> {
    let CloseLobby { lobby_id, reason } = input;
    let place = place(cx, lobby_id).await;
    let act = Act::Close { reason: reason.clone() };
    tell_from(place, cx, lobby_id, power(cx, reason), act).await.map(drop)
}

/// Changes what the caller says of themselves.
pub async fn update_self(cx: &Cx, input: UpdateSelf) -> Result<OwnLobby, Error> {
    let UpdateSelf { lobby_id, is_ready, role, properties } = input;
    let change = SelfChange { is_ready, role, properties: properties.unwrap_or_default() };
    tell(cx, lobby_id, Act::UpdateSelf(change)).await?.own()
}

/// Makes somebody a boss, or one no longer.
pub async fn set_boss(cx: &Cx, input: SetLobbyBoss) -> Result<OwnLobby, Error> {
    let act = Act::SetBoss { user: input.user_id, is_boss: input.is_boss };
    tell(cx, input.lobby_id, act).await?.own()
}

/// Calls a vote.
pub async fn call_vote(cx: &Cx, input: CallLobbyVote) -> Result<OwnLobby, Error> {
    tell(cx, input.lobby_id, Act::CallVote { subject: input.subject }).await?.own()
}

/// Votes.
pub async fn cast_vote(cx: &Cx, input: CastLobbyVote) -> Result<OwnLobby, Error> {
    let act = Act::CastVote { number: input.number, choice: input.choice };
    tell(cx, input.lobby_id, act).await?.own()
}

/// Ends the open vote without an outcome.
pub async fn cancel_vote(cx: &Cx, input: CancelLobbyVote) -> Result<OwnLobby, Error> {
    tell(cx, input.lobby_id, Act::CancelVote).await?.own()
}

/// Asks all players whether they are ready.
pub async fn check_ready(cx: &Cx, input: CheckLobbyReady) -> Result<OwnLobby, Error> {
    tell(cx, input.lobby_id, Act::CheckReady).await?.own()
}

/// Starts the countdown.
pub async fn start_game(cx: &Cx, input: StartLobby) -> Result<OwnLobby, Error> {
    let countdown_ms = input.countdown_ms.map(u64::from);
    tell(cx, input.lobby_id, Act::Start { countdown_ms }).await?.own()
}

/// Calls the countdown off.
pub async fn cancel_start(cx: &Cx, input: CancelLobbyStart) -> Result<OwnLobby, Error> {
    tell(cx, input.lobby_id, Act::CancelStart).await?.own()
}

/// Beyond what they are in the lobby, a caller may do this.
fn power(cx: &Cx, reason: Option<String>) -> Power {
    if cx.can(MODERATE) { Power::Staff { reason } } else { Power::Member }
}

/// The caller's place in the order of what they tell this lobby: taken before anything else is waited for.
async fn place(cx: &Cx, lobby: LobbyId) -> Place<'_> {
    cx.hall().directory().place::<lobby::Lobby>(cx, lobby).await
}

/// Tells a lobby something in the caller's name. When this returns, their presence says where they are, and the lobby's rooms have
/// followed.
async fn tell(cx: &Cx, lobby: LobbyId, act: Act) -> Result<Reply, Error> {
    tell_from(place(cx, lobby).await, cx, lobby, Power::Member, act).await
}

async fn tell_from(
    place: Place<'_>,
    cx: &Cx,
    lobby: LobbyId,
    power: Power,
    act: Act,
) -> Result<Reply, Error> {
    let command = Command { power, act };
    let reply = cx.hall().directory().call_from::<lobby::Lobby>(Some(place), cx, lobby, command).await?;
    if let Some(user) = cx.user() {
        follow::settled(cx.hall(), user).await;
    }
    rooms::settled(cx.hall(), lobby).await;
    places::settled(cx.hall(), lobby).await;
    Ok(reply)
}

/// The lobby a user is in and those they host, for a session that begins.
pub(crate) fn of_user(tx: &mut Tx<'_, '_>, user: UserId) -> Result<OwnLobbies, Error> {
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

/// A user has connected: their presence says where they are when this returns.
pub(crate) async fn arrive(cx: &Cx, user: UserId) {
    follow::begin(cx.hall(), user, None);
    follow::settled(cx.hall(), user).await;
}

/// All SQL of this context.
pub(crate) fn statements() -> Vec<(&'static str, &'static str)> {
    [store::STATEMENTS, modes::STATEMENTS, policies::STATEMENTS].concat()
}

/// Has lobbies found before anybody asks.
pub(crate) async fn prepare(hall: &Hall) -> Result<(), crate::Error> {
    follow::load(hall).await.map_err(Error::into_common)
}

/// Has lobbies hear of those who are gone, and wakes those there are.
pub(crate) fn start(hall: &Hall) {
    connections::on_gone(hall, follow::leave_behind);
    relationships::on_changed(hall, blocks::changed);
    hall.spawn(list::tell_watchers(hall.downgrade()));
    hosts::on_ended(hall, places::ended);
    matches::on_over(hall, follow::match_over);
    restrictions::on_changed(hall, |tx, user| {
        if let Some(user) = user {
            let hall = tx.cx().hall().clone();
            tx.after_commit(move || {
                let weak = hall.downgrade();
                hall.spawn(follow::obey(weak, user));
            });
        }
        Ok(())
    });
    hall.spawn(follow::recover(hall.downgrade()));
}

#[cfg(test)]
mod tests;
