//! Matches: played games, how they ended, and their history.
//!
//! Start at [`operations`]. They check what was asked and hand it to the *match*, a live entity (`matches/game.rs`) that decides alone what
//! becomes of it. A lobby makes one as it starts, in the same transaction (`matches/begin.rs`). What follows elsewhere, and what matches
//! hear of their hosts and players, is in `matches/follow.rs`; finding them in `matches/list.rs`; what players send each other while they play in `matches/relays.rs`.
//!
//! Promises: a start makes one match; a result is confirmed once, with the rows of all who played and whatever other contexts count, in one
//! transaction; a correction keeps what was before; what a host tells twice happens once; a match that nobody ends comes to an end by
//! itself, also across restarts; tokens are told to nobody but their owner and the host.

mod begin;
mod error;
mod follow;
mod game;
mod list;
mod recent;
mod relays;
mod rooms;
mod store;

use std::time::Duration;

use moothall_protocol::limits::RETENTION_DAYS_MAX;
use moothall_protocol::matches::{
    AbortMatch, CorrectMatch, DecideMatch, EndMatch, GetMatch, HeadToHead, ListMatchResults, MatchResults,
    MyMatches, OwnMatch, OwnMatches, ReadHeadToHead, ReadyMatch, ReportMatch, UpdateMatch, UpdatedMatch,
};
use moothall_protocol::{MatchId, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cx::Tx;
use crate::following::Following;
use crate::operation::{Access, Operations, Rate};
use crate::{Cx, Hall, Permission, Topic, connections, reach};
pub(crate) use begin::{Begin, Hosting, begin};
pub use error::Error;
pub use follow::on_confirmed;
pub(crate) use follow::{LobbyEnd, Over, on_over};
pub(crate) use game::Seat;
use game::{Act, Command, Match, Reply, State};
use list::Viewer;
pub use list::list;
pub(crate) use recent::played_with;
pub use recent::recent_players;
pub use relays::{close_relay, my_relays, open_relay, relay};
pub(crate) use store::export;

/// Decides, corrects and aborts matches of others, and sees those that are hidden. Every such deed is audited.
pub const MODERATE: Permission = Permission("matches.moderate");
/// Closes relays that other hosts opened.
pub const MANAGE_RELAYS: Permission = Permission("matches.manage_relays");

/// Settings of matches.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Milliseconds in which a host must be found for a match.
    #[schemars(range(min = 1_000, max = 3_600_000))]
    pub reserved_ms: u64,
    /// Milliseconds in which the host of a new match must say where to connect.
    #[schemars(range(min = 1_000, max = 3_600_000))]
    pub ready_ms: u64,
    /// Milliseconds in which players say how their match ended, once half of them or their host have said that it did.
    #[schemars(range(min = 1_000, max = 86_400_000))]
    pub report_ms: u64,
    /// Percent of the players of which more must say the same.
    #[schemars(range(min = 50, max = 99))]
    pub quorum_percent: u32,
    /// Milliseconds after the beginning in which players may have their match aborted.
    #[schemars(range(max = 86_400_000))]
    pub abort_window_ms: u64,
    /// Milliseconds in which a host that is gone may come back to its match, after the time for which every session may drop.
    #[schemars(range(min = 1_000, max = 86_400_000))]
    pub host_lost_ms: u64,
    /// Milliseconds after the end in which a dedicated host may correct a result.
    #[schemars(range(max = 2_592_000_000_u64))]
    pub correct_ms: u64,
    /// Milliseconds that a match may take.
    #[schemars(range(min = 60_000, max = 2_592_000_000_u64))]
    pub longest_ms: u64,
    /// Days for which what its players say in its room is kept.
    #[schemars(range(min = 1, max = RETENTION_DAYS_MAX))]
    pub chat_days: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            reserved_ms: 60_000,
            ready_ms: 60_000,
            report_ms: 120_000,
            quorum_percent: 50,
            abort_window_ms: 180_000,
            host_lost_ms: 300_000,
            correct_ms: 3_600_000,
            longest_ms: 86_400_000,
            chat_days: 7,
        }
    }
}

/// The operations of this context.
pub fn operations() -> Operations {
    let operations = Operations::context("matches", "Played games, how they ended, and their history")
        .errors(Error::CATALOGUE)
        .permission(MANAGE_RELAYS);
    relays::offer(of_results(of_hosts(of_history(operations))))
}

fn of_history(operations: Operations) -> Operations {
    operations
        .get("/matches", "matches.list", Access::Player, list)
        .get("/matches/mine", "matches.mine", Access::Player, mine)
        .get("/matches/recent_players", "matches.recent_players", Access::Player, recent_players)
        .get("/matches/head_to_head", "matches.head_to_head", Access::Player, head_to_head)
        .get("/matches/{match_id}", "matches.get", Access::Player, get)
        .get("/matches/{match_id}/results", "matches.results", Access::Player, results)
}

fn of_hosts(operations: Operations) -> Operations {
    operations
        .post("/matches/{match_id}/ready", "matches.ready", Access::Player, ready)
        .post("/matches/{match_id}/updates", "matches.update", Access::Player, update)
        // Its number guards it, and for longer.
        .unguarded()
        .post("/matches/{match_id}/end", "matches.end", Access::Player, end)
        .post("/matches/{match_id}/abort", "matches.abort", Access::Player, abort)
}

fn of_results(operations: Operations) -> Operations {
    operations
        .post("/matches/{match_id}/reports", "matches.report", Access::Player, report)
        .post("/matches/{match_id}/decision", "matches.decide", Access::Permission(MODERATE), decide)
        .rate(Rate::Admin)
        .post("/matches/{match_id}/corrections", "matches.correct", Access::Player, correct)
}

/// What this context keeps in memory.
#[derive(Debug, Default)]
pub(crate) struct Live {
    relays: relays::OpenRelays,
    followers: follow::Followers,
    rooms: Following<MatchId, Vec<()>>,
}

/// Refuses whoever may not look at the history of one of these users.
async fn require_history(cx: &Cx, users: &[UserId]) -> Result<(), Error> {
    if cx.can(MODERATE) {
        return Ok(());
    }
    let shown = reach::histories(cx, users).await?;
    if users.iter().all(|user| shown.contains(user)) { Ok(()) } else { Err(crate::Error::NotFound.into()) }
}

/// The matches that the caller plays, watches or hosts at this moment.
pub async fn mine(cx: &Cx, _: MyMatches) -> Result<OwnMatches, Error> {
    let user = cx.require_user()?;
    cx.hall().directory().all_answered::<Match>(cx).await;
    cx.read(move |tx| store::of_user(tx, user)).await
}

/// Reads a match.
pub async fn get(cx: &Cx, input: GetMatch) -> Result<OwnMatch, Error> {
    cx.hall().directory().answered::<Match>(cx, input.match_id).await;
    let viewer = Viewer::of(cx);
    cx.read(move |tx| {
        let state = visible(tx, input.match_id, viewer)?;
        Ok(match viewer.user {
            Some(user) => state.own(user),
            None => OwnMatch { game: state.game.from_outside(), token: None, host: None },
        })
    })
    .await
}

/// Reads every version of how a match ended.
pub async fn results(cx: &Cx, input: ListMatchResults) -> Result<MatchResults, Error> {
    cx.hall().directory().answered::<Match>(cx, input.match_id).await;
    let viewer = Viewer::of(cx);
    cx.read(move |tx| {
        visible(tx, input.match_id, viewer)?;
        Ok(MatchResults { items: store::results(tx, input.match_id)? })
    })
    .await
}

/// The match, if the viewer may know of it.
fn visible(tx: &mut Tx<'_, '_>, id: MatchId, viewer: Viewer) -> Result<State, Error> {
    let state = store::find(tx, id)?.ok_or(crate::Error::NotFound)?;
    let is_inside = viewer.user.is_some_and(|user| state.knows(user));
    if is_inside || viewer.is_staff || !state.game.is_hidden {
        Ok(state)
    } else {
        Err(crate::Error::NotFound.into())
    }
}

/// What came of the matches of two users.
pub async fn head_to_head(cx: &Cx, input: ReadHeadToHead) -> Result<HeadToHead, Error> {
    let ReadHeadToHead { user_id, other_id } = input;
    require_history(cx, &[user_id, other_id]).await?;
    let viewer = Viewer::of(cx);
    cx.read(move |tx| store::head_to_head(tx, user_id, other_id, viewer)).await
}

/// Says where to connect.
pub async fn ready(cx: &Cx, input: ReadyMatch) -> Result<OwnMatch, Error> {
    let ReadyMatch { match_id, addresses, connection } = input;
    own(tell(cx, match_id, Act::Ready { addresses, connection }).await?)
}

/// Says what became of members.
pub async fn update(cx: &Cx, input: UpdateMatch) -> Result<UpdatedMatch, Error> {
    let UpdateMatch { match_id, update, changes } = input;
    match tell(cx, match_id, Act::Update { update, changes }).await? {
        Reply::Updated(update) => Ok(UpdatedMatch { update }),
        Reply::Own(_) | Reply::Done => Err(unexpected()),
    }
}

/// Says that a match is over.
pub async fn end(cx: &Cx, input: EndMatch) -> Result<OwnMatch, Error> {
    own(tell(cx, input.match_id, Act::End).await?)
}

/// Aborts a match, or says that the caller wants it.
pub async fn abort(cx: &Cx, input: AbortMatch) -> Result<OwnMatch, Error> {
    own(tell(cx, input.match_id, Act::Abort { reason: input.reason }).await?)
}

/// Says how a match ended.
pub async fn report(cx: &Cx, input: ReportMatch) -> Result<OwnMatch, Error> {
    own(tell(cx, input.match_id, Act::Report(Box::new(input.report))).await?)
}

/// Says how a match ended where that is not confirmed.
pub async fn decide(cx: &Cx, input: DecideMatch) -> Result<OwnMatch, Error> {
    cx.require(MODERATE)?;
    let DecideMatch { match_id, report, reason } = input;
    own(tell(cx, match_id, Act::Decide { report: Box::new(report), reason }).await?)
}

/// Says that a match ended otherwise than was confirmed.
pub async fn correct(cx: &Cx, input: CorrectMatch) -> Result<OwnMatch, Error> {
    let CorrectMatch { match_id, report, reason, if_version } = input;
    own(tell(cx, match_id, Act::Correct { report: Box::new(report), reason, if_version }).await?)
}

/// Tells a match something in the caller's name. When this returns, its lobby knows whether it is over.
async fn tell(cx: &Cx, id: MatchId, act: Act) -> Result<Reply, Error> {
    cx.require_user()?;
    let key = cx.identity().and_then(|identity| identity.api_key_id);
    let command = Command { is_staff: cx.can(MODERATE), key, act };
    let reply = cx.hall().directory().call::<Match>(cx, id, command).await?;
    follow::settled(cx.hall(), id).await;
    rooms::settled(cx.hall(), id).await;
    Ok(reply)
}

fn own(reply: Reply) -> Result<OwnMatch, Error> {
    if let Reply::Own(own) = reply { Ok(*own) } else { Err(unexpected()) }
}

fn unexpected() -> Error {
    crate::Error::internal("a match gave an answer to something else").into()
}

/// This host was found for a match that waited for one. For the context that finds hosts, and for embedding programs.
pub async fn assign(cx: &Cx, id: MatchId, host: UserId) -> Result<(), Error> {
    let command = Command::of_server(Act::Assign { host });
    cx.hall().directory().call::<Match>(cx, id, command).await.map(drop)
}

/// Who is in the lobby of a match by now, at this version of the lobby.
pub(crate) async fn seat(hall: &Hall, id: MatchId, lobby_version: i64, seats: Vec<Seat>) {
    follow::tell_persistently(hall, id, &Act::Seat { lobby_version, seats }).await;
}

/// The lobby of a match has come to its end, in this transaction. A match whose lobby nobody is in goes on as long as its host is there.
pub(crate) fn lobby_ended(tx: &mut Tx<'_, '_>, id: MatchId, end: LobbyEnd) -> Result<(), Error> {
    follow::lobby_ended(tx, id, end)
}

/// The host of a match is gone for good.
pub(crate) async fn lose_host(hall: &Hall, id: MatchId) {
    follow::tell_persistently(hall, id, &Act::HostLost).await;
}

/// Whether a match is neither ended nor aborted.
pub(crate) fn is_on(tx: &mut Tx<'_, '_>, id: MatchId) -> Result<bool, Error> {
    Ok(store::find(tx, id)?.is_some_and(|state| state.game.is_on()))
}

/// The matches of a user, for a session that begins.
pub(crate) fn of_user(tx: &mut Tx<'_, '_>, user: UserId) -> Result<OwnMatches, Error> {
    store::of_user(tx, user)
}

/// The topics of the matches a user is in or hosts, and of the relays they may send through.
pub(crate) fn topics(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Vec<Topic>, Error> {
    let live = store::live_ids(tx, user)?;
    Ok(live.into_iter().map(Topic::Match).chain(topics_of(tx.cx(), user)).collect())
}

/// The topics of the relays of a user.
pub(crate) fn topics_of(cx: &Cx, user: UserId) -> Vec<Topic> {
    relays::topics_of(cx, user)
}

/// A user has connected: matches that waited for them go on when this returns.
pub(crate) async fn arrive(cx: &Cx, user: UserId) {
    follow::arrive(cx.hall(), user).await;
}

/// All SQL of this context.
pub(crate) fn statements() -> Vec<(&'static str, &'static str)> {
    [store::STATEMENTS, list::STATEMENTS, recent::STATEMENTS].concat()
}

/// Has matches hear of hosts and players who are gone, and wakes those there are.
pub(crate) fn start(hall: &Hall) {
    connections::on_gone(hall, follow::leave_behind);
    let clock = hall.shared_clock();
    let grace_ends = clock.elapsed() + Duration::from_millis(hall.settings().connections.grace_ms);
    hall.spawn(follow::recover(hall.downgrade(), clock, grace_ends));
}

#[cfg(test)]
mod tests;
