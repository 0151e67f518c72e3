//! How a match begins: in the transaction of the lobby that starts, so that a start happens once, whatever crashes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use moothall_protocol::lobbies::HostKind;
use moothall_protocol::matches::{
    Match as Shown, MatchBot, MatchHostView, MatchPrivate, MatchStatus, ResultStatus,
};
use moothall_protocol::{Event, LobbyBotId, LobbyId, MatchId, UserId};
use serde_json::{Map, Value};

use super::game::{Seat, State};
use super::{Error, follow, rooms, store};
use crate::cx::Tx;
use crate::{Topic, codes};

/// What a match begins with.
#[derive(Clone, Debug)]
pub(crate) struct Begin {
    pub id: MatchId,
    pub lobby_id: LobbyId,
    pub lobby_version: i64,
    pub name: String,
    pub mode: String,
    pub map: Option<String>,
    pub hosting: Hosting,
    pub host_kind: HostKind,
    pub is_rated: bool,
    pub is_hidden: bool,
    pub tags: Vec<String>,
    /// What the lobby was set to, for everybody.
    pub settings: Map<String, Value>,
    /// What it was set to for its members.
    pub private: Map<String, Value>,
    pub seats: Vec<Seat>,
    pub bots: BTreeMap<LobbyBotId, MatchBot>,
}

/// Who hosts a match that begins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hosting {
    By(UserId),
    /// It waits until [`assign`](super::assign) names somebody.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "for matches that no lobby begins: those of matchmaking")
    )]
    Sought,
    /// Its players play it among themselves.
    Nobody,
}

/// Makes a match. Those in it and its host hear of it when all this is durable.
pub(crate) fn begin(tx: &mut Tx<'_, '_>, begin: Begin) -> Result<(), Error> {
    let state = new_state(tx, begin);
    store::insert(tx, &state)?;
    rooms::open(tx, &state)?;
    let id = state.game.id;
    for user in state.game.members.keys().copied().chain(state.game.host_id) {
        store::listen(tx, id, user);
    }
    for user in state.game.members.keys().copied().chain(state.host_outside()) {
        tx.emit(Topic::User(user), Event::MatchStarted(Box::new(state.own(user))));
    }
    let hall = tx.cx().hall().clone();
    tx.after_commit(move || follow::wake(&hall, id));
    Ok(())
}

fn new_state(tx: &Tx<'_, '_>, begin: Begin) -> State {
    let (cx, now) = (tx.cx(), tx.now());
    let settings = &cx.hall().settings().matches;
    let until = |wait: u64| Some(now + Duration::from_millis(wait));
    let (host_id, status, ready_by) = match begin.hosting {
        Hosting::By(host) => (Some(host), MatchStatus::Starting, until(settings.ready_ms)),
        Hosting::Sought => (None, MatchStatus::Reserved, until(settings.reserved_ms)),
        Hosting::Nobody => (None, MatchStatus::Running, None),
    };
    let game = Shown {
        id: begin.id,
        version: 1,
        lobby_id: Some(begin.lobby_id),
        room_id: cx.new_id(),
        name: begin.name,
        mode: begin.mode,
        map: begin.map,
        host_id,
        host_kind: begin.host_kind,
        is_rated: begin.is_rated,
        is_hidden: begin.is_hidden,
        tags: begin.tags,
        settings: begin.settings,
        status,
        result_status: ResultStatus::None,
        created_at: now,
        ready_by,
        started_at: (status == MatchStatus::Running).then_some(now),
        ended_at: None,
        duration_ms: None,
        team_count: 0,
        team_size: 0,
        player_count: 0,
        members: BTreeMap::new(),
        bots: begin.bots,
        host_lost_until: None,
        abort_votes: Vec::new(),
        aborted: None,
        reported_by: Vec::new(),
        report_by: None,
        result: None,
        private: Some(MatchPrivate { settings: begin.private, ..MatchPrivate::default() }),
    };
    let mut state = State {
        game,
        host: MatchHostView::default(),
        lobby_version: begin.lobby_version,
        reports: BTreeMap::new(),
        away: BTreeSet::new(),
        confirmed: None,
    };
    for seat in &begin.seats {
        state.enter(seat, codes::secret(cx.random()), now);
    }
    state.count();
    state
}
