//! Matches, on a real database of each engine, with a clock that stands still. How a lobby makes one is tested with the lobbies.

mod history;
mod hosts;
mod results;
mod rooms;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use moothall_protocol::audit::ListAudit;
use moothall_protocol::lobbies::HostKind;
use moothall_protocol::matches::{Match as Shown, *};
use moothall_protocol::{Event, MatchId, UserId};
use serde_json::{Map, Value, json};

use super::*;
use crate::accounts::testing::code;
use crate::testing::{Ear, TestHall, on_both_engines};
use crate::{Caller, Fault as _};

/// Calls by users of these names.
async fn people<const N: usize>(hall: &TestHall, names: [&str; N]) -> [Cx; N] {
    let mut calls = Vec::new();
    for name in names {
        calls.push(hall.call(hall.user(name).await, &[]));
    }
    calls.try_into().unwrap_or_else(|_| panic!("as many calls as names"))
}

fn id(cx: &Cx) -> UserId {
    cx.user().unwrap()
}

/// The same caller, with an API key.
fn with_key(cx: &Cx) -> Cx {
    let mut identity = cx.identity().unwrap().clone();
    identity.api_key_id = Some(cx.new_id());
    cx.by(Caller::Member(Arc::new(identity)))
}

fn seat(user: &Cx, team: Option<u32>) -> Seat {
    Seat { user: id(user), team, party: None, role: None, properties: Map::new() }
}

/// What a match begins with between these, each in this team.
fn beginning(cx: &Cx, host: &Cx, host_kind: HostKind, seats: Vec<Seat>) -> Begin {
    Begin {
        id: cx.new_id(),
        lobby_id: cx.new_id(),
        lobby_version: 7,
        name: "Den".into(),
        mode: "duel".into(),
        map: Some("hill".into()),
        hosting: Hosting::By(id(host)),
        host_kind,
        is_rated: true,
        is_hidden: false,
        tags: vec!["fast".into()],
        settings: Map::from_iter([("speed".to_owned(), json!(2))]),
        private: Map::from_iter([("address".to_owned(), json!("10.0.0.1"))]),
        seats,
        bots: BTreeMap::new(),
    }
}

async fn begun(hall: &TestHall, begin: Begin) -> MatchId {
    let id = begin.id;
    hall.server().write(move |tx| super::begin(tx, begin.clone())).await.unwrap();
    id
}

/// A duel that runs, hosted by the first.
async fn duel(hall: &TestHall, host: &Cx, kind: HostKind, players: [&Cx; 2]) -> MatchId {
    let seats = vec![seat(players[0], Some(1)), seat(players[1], Some(2))];
    let id = begun(hall, beginning(&hall.server(), host, kind, seats)).await;
    goes(host, id).await;
    id
}

/// The host says where to connect.
async fn goes(host: &Cx, match_id: MatchId) -> OwnMatch {
    let input = ReadyMatch { match_id, addresses: vec!["game.example:7000".into()], connection: Map::new() };
    ready(host, input).await.unwrap()
}

async fn read(cx: &Cx, match_id: MatchId) -> Shown {
    get(cx, GetMatch { match_id }).await.unwrap().game
}

fn won(teams: &[u32]) -> MatchOutcome {
    MatchOutcome::Won { teams: teams.to_vec() }
}

fn saying(outcome: MatchOutcome) -> MatchReport {
    MatchReport { outcome, players: Vec::new(), stats: Map::new(), duration_ms: None, replay: None }
}

async fn says(cx: &Cx, match_id: MatchId, outcome: MatchOutcome) -> Result<OwnMatch, Error> {
    report(cx, ReportMatch { match_id, report: saying(outcome) }).await
}

/// Moves the clock, and returns when the match has done what was due then.
async fn later(hall: &TestHall, id: MatchId, wait: Duration) {
    hall.clock.advance(wait);
    let command = Command::of_server(Act::Tick { at: hall.server().now() });
    hall.hall.directory().call::<game::Match>(&hall.server(), id, command).await.unwrap();
}

/// The lobby of a match has these in it by now.
async fn seats_now(hall: &TestHall, match_id: MatchId, lobby_version: i64, seats: Vec<Seat>) {
    super::seat(&hall.hall, match_id, lobby_version, seats).await;
}

/// The name of one of many: letters only, as digits may look like them.
fn name(number: usize) -> String {
    let letter = |number: usize| char::from(b'a' + (number % 20) as u8);
    format!("P{}{}{}", letter(number / 400), letter(number / 20), letter(number))
}

/// The whole audit log.
fn audited() -> ListAudit {
    ListAudit {
        text: None,
        actor_id: None,
        target: None,
        action: None,
        since: None,
        until: None,
        limit: None,
        cursor: None,
    }
}

/// Somebody is gone for longer than the grace period, and everybody has heard of it.
async fn gone(hall: &TestHall, user: &Cx) {
    follow::leave_behind(hall.hall.downgrade(), id(user), u64::MAX).await;
}
