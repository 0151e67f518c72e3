//! The match alone: driven at random through crashes, lost writes and repeated requests; and what a quorum is.

use std::collections::BTreeMap;

use moothall_protocol::limits::MATCH_MEMBERS_MAX;
use moothall_protocol::lobbies::HostKind;
use moothall_protocol::matches::{
    Match as Shown, MatchHostView, MatchLeftWhy, MatchMember, MatchOutcome, MatchPrivate, MatchStatus,
    MemberResult, ResultBy, ResultStatus,
};
use parking_lot::Mutex;
use proptest::prelude::*;

use super::*;
use crate::runtime::simulator::{self, Simulated};
use crate::testing::seeds;
use crate::{Random, SeededRandom};

const USERS: u64 = 7;
/// Hosts, and is in no team where it is a dedicated one.
const HOST: u64 = 0;

/// How often what happened, over all runs: a model of what never happens proves nothing.
static HAPPENED: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

fn happened(what: impl Into<String>) {
    *HAPPENED.lock().entry(what.into()).or_default() += 1;
}

fn user(number: u64) -> UserId {
    UserId::from_uuid(uuid::Uuid::from_u128(u128::from(number) + 1))
}

fn now() -> Timestamp {
    Timestamp::from_micros(1_795_000_000_000_000)
}

fn settings() -> Settings {
    Settings { host_lost_ms: 60_000, report_ms: 20_000, ..Settings::default() }
}

fn seat(number: u64, team: Option<u32>) -> Seat {
    Seat { user: user(number), team, party: None, role: None, properties: Map::new() }
}

fn saying(outcome: MatchOutcome) -> MatchReport {
    MatchReport { outcome, players: Vec::new(), stats: Map::new(), duration_ms: None, replay: None }
}

/// A match between so many players in two teams, and one who watches.
fn new_state(id: MatchId, host_kind: HostKind, is_reserved: bool, players: u64) -> State {
    let game = Shown {
        id,
        version: 1,
        lobby_id: None,
        room_id: moothall_protocol::RoomId::from_uuid(uuid::Uuid::nil()),
        name: "Den".into(),
        mode: "duel".into(),
        map: None,
        host_id: (!is_reserved).then(|| user(HOST)),
        host_kind,
        is_rated: true,
        is_hidden: false,
        tags: Vec::new(),
        settings: Map::new(),
        status: if is_reserved { MatchStatus::Reserved } else { MatchStatus::Starting },
        result_status: ResultStatus::None,
        created_at: now(),
        ready_by: Some(now() + std::time::Duration::from_secs(60)),
        started_at: None,
        ended_at: None,
        duration_ms: None,
        team_count: 0,
        team_size: 0,
        player_count: 0,
        members: BTreeMap::new(),
        bots: BTreeMap::new(),
        host_lost_until: None,
        abort_votes: Vec::new(),
        aborted: None,
        reported_by: Vec::new(),
        report_by: None,
        result: None,
        private: Some(MatchPrivate::default()),
    };
    let host = MatchHostView::default();
    let (reports, away) = (BTreeMap::new(), BTreeSet::new());
    let mut state = State { game, host, lobby_version: 1, reports, away, confirmed: None };
    let first = u64::from(host_kind == HostKind::Dedicated);
    for number in first..first + players {
        state.enter(&seat(number, Some(1 + (number % 2) as u32)), format!("token {number}"), now());
    }
    state.enter(&seat(first + players, None), "token of who watches".into(), now());
    state.count();
    state
}

/// What the database holds of a match.
#[derive(Clone, Debug)]
pub(in crate::matches) struct Stored {
    state: State,
    rows: BTreeMap<UserId, MatchMember>,
    results: Vec<MatchOutcome>,
    is_over: bool,
    is_settled: bool,
}

/// What somebody believes who applies each patch.
#[derive(Debug)]
pub(in crate::matches) struct View {
    copy: Map<String, Value>,
    host_copy: Map<String, Value>,
    version: i64,
}

impl Match {
    fn random_outcome(random: &dyn Random) -> MatchOutcome {
        match random.below(8) {
            0 => MatchOutcome::Draw,
            1 => MatchOutcome::None,
            2..=6 => MatchOutcome::Won { teams: vec![1] },
            _ => MatchOutcome::Won { teams: vec![2] },
        }
    }

    fn random_act(&self, random: &dyn Random) -> Act {
        let report = Box::new(saying(Self::random_outcome(random)));
        let other = user(random.below(USERS));
        let reason = "for the test".to_owned();
        // Otherwise most would never run.
        if self.state.game.status == MatchStatus::Starting && random.below(3) > 0 {
            return Act::Ready { addresses: vec!["here".into()], connection: Map::new() };
        }
        match random.below(24) {
            0 | 1 => {
                Act::Ready { addresses: vec![format!("there {}", random.below(2))], connection: Map::new() }
            }
            2..=8 => {
                let change = match random.below(2) {
                    0 => MatchMemberChange::Joined { user_id: other },
                    _ => MatchMemberChange::Left {
                        user_id: other,
                        why: MatchLeftWhy::Crash,
                        note: None,
                        at: None,
                    },
                };
                // Now and then an old one comes again, or one is missing.
                let update = (self.state.host.update + 1 + random.below(3)).saturating_sub(1);
                Act::Update { update, changes: vec![change] }
            }
            9 => Act::End,
            10 => Act::Abort { reason: (random.below(2) == 0).then_some(reason) },
            11 | 12 => Act::Decide { report, reason },
            13 | 14 => Act::Correct { report, reason, if_version: None },
            _ => Act::Report(report),
        }
    }
}

impl Simulated for Match {
    type Stored = Stored;
    type Promised = i64;
    type View = View;

    fn create(id: MatchId, random: &dyn Random) -> Stored {
        let kind = [HostKind::Player, HostKind::Dedicated][random.below(2) as usize];
        let is_reserved = kind == HostKind::Dedicated && random.below(4) == 0;
        let mut state = new_state(id, kind, is_reserved, 1 + random.below(5));
        // Few may be late, or most would never run.
        if random.below(6) > 0 {
            state.game.ready_by = Some(now() + std::time::Duration::from_secs(86_400));
        }
        Stored {
            rows: state.game.members.clone(),
            state,
            results: Vec::new(),
            is_over: false,
            is_settled: false,
        }
    }

    fn apply(stored: &mut Stored, effect: &Effect) {
        match effect {
            Effect::Saved { state, members } => {
                assert_eq!(state.game.version, stored.state.game.version + 1);
                for user in members {
                    stored.rows.insert(*user, state.game.members[user].clone());
                }
                let (before, after) = (&stored.state.game, &state.game);
                if before.status != after.status {
                    happened(format!("{:?}", after.status));
                }
                if before.result_status != after.result_status {
                    happened(format!("{:?}", after.result_status));
                }
                if let (None, Some(aborted)) = (&before.aborted, &after.aborted) {
                    happened(format!("{:?}", aborted.why));
                }
                if before.host_lost_until.is_some() && after.host_lost_until.is_none() && after.is_on() {
                    happened("a host came back");
                }
                stored.state = (**state).clone();
            }
            Effect::Confirmed(state) => {
                let result = state.game.result.clone().unwrap();
                stored.results.push(result.outcome);
                assert_eq!(result.version, stored.results.len() as i64, "no version twice, none is missing");
                happened(format!("by {:?}", result.by));
                if result.version > 1 {
                    happened("a correction");
                }
            }
            Effect::Over => {
                assert!(!stored.is_over, "nothing ends twice");
                stored.is_over = true;
            }
            Effect::Settled { .. } => {
                assert!(!stored.is_settled, "nothing is settled twice");
                stored.is_settled = true;
            }
            Effect::Entered { .. } | Effect::Audited(_) => {}
        }
    }

    fn restore(_: MatchId, stored: &Stored) -> Self {
        // What is stored as JSON must come back as it was.
        let json = serde_json::to_string(&stored.state).unwrap();
        let state: State = serde_json::from_str(&json).unwrap();
        assert_eq!(state, stored.state);
        Self::new(state, settings())
    }

    fn command(&self, _: &Stored, random: &dyn Random) -> (Option<UserId>, Command) {
        if random.below(6) == 0 {
            let seats = (0..random.below(USERS)).map(|number| seat(number, Some(1))).collect();
            let lobby_version = self.state.lobby_version + random.below(3) as i64 - 1;
            let act = match random.below(8) {
                6 => Act::PlayerGone { user: user(random.below(USERS)) },
                7 => Act::PlayerBack { user: user(random.below(USERS)) },
                0 => Act::Assign { host: user(HOST) },
                1 | 2 => Act::HostGone,
                3 => Act::HostBack,
                4 if random.below(8) == 0 => Act::LobbyClosed { by: Some(user(random.below(USERS))) },
                _ => Act::Seat { lobby_version, seats },
            };
            return (None, Command::of_server(act));
        }
        let caller = if random.below(3) == 0 { user(HOST) } else { user(random.below(USERS)) };
        let is_staff = random.below(12) == 0;
        let key = (random.below(4) > 0).then(|| random.id(now()));
        (Some(caller), Command { is_staff, key, act: self.random_act(random) })
    }

    fn promised(stored: &Stored) -> i64 {
        stored.state.game.version
    }

    /// Whoever was answered a version will never see an older one.
    fn answer(promised: &mut i64, _: Option<UserId>, _: &Command, reply: &Reply) {
        if let Reply::Own(own) = reply {
            *promised = (*promised).max(own.game.version);
        }
    }

    fn view(&self) -> View {
        View {
            copy: merge::fields(&self.state.game),
            host_copy: merge::fields(&self.state.host),
            version: self.state.game.version,
        }
    }

    fn observe(view: &mut View, topic: &Topic, event: &Event) {
        match event {
            Event::MatchUpdated(updated) => {
                let is_again = matches!(topic, Topic::User(_)) && updated.version == view.version;
                assert!(
                    is_again || updated.version == view.version + 1,
                    "each version is told, and in order"
                );
                view.version = updated.version;
                merge::apply(&mut view.copy, &updated.patch);
            }
            Event::MatchHostUpdated(updated) => merge::apply(&mut view.host_copy, &updated.patch),
            Event::MatchStarted(own) if own.host.is_some() => {
                view.host_copy = merge::fields(own.host.as_ref().unwrap());
            }
            _ => {}
        }
    }

    fn check(&self, stored: &Stored, promised: &i64, view: &View) -> Result<(), String> {
        let game = &self.state.game;
        if self.state != stored.state || game.version < *promised {
            return Err(format!("{:?} is stored, {:?} is in memory", stored.state, self.state));
        }
        if view.copy != merge::fields(game) {
            return Err(format!("{:?} is believed, {game:?} is so", view.copy));
        }
        if game.host_id.is_some() && view.host_copy != merge::fields(&self.state.host) {
            return Err(format!("{:?} is believed of the host's", view.host_copy));
        }
        if stored.rows != game.members {
            return Err(format!("rows of {:?}, members {:?}", stored.rows, game.members));
        }
        if game.is_on() == stored.is_over || self.state.is_live() == stored.is_settled {
            return Err(format!("{:?} is told otherwise", game.status));
        }
        let is_known = |users: &mut dyn Iterator<Item = &UserId>| users.eq(game.members.keys());
        if game.is_on() != is_known(&mut self.state.host.tokens.keys())
            || (!game.is_on() && (!self.state.host.tokens.is_empty() || game.private.is_some()))
        {
            return Err("tokens are there without a match, or members without a token".into());
        }
        self.check_result(stored)
    }
}

impl Match {
    fn check_result(&self, stored: &Stored) -> Result<(), String> {
        let game = &self.state.game;
        let is_confirmed = game.result_status == ResultStatus::Confirmed;
        if is_confirmed != game.result.is_some() || is_confirmed != self.state.confirmed.is_some() {
            return Err(format!("{:?} is {:?}", game.result, game.result_status));
        }
        if game.result.as_ref().map(|result| &result.outcome) != stored.results.last() {
            return Err("the last version does not hold".into());
        }
        if (game.status == MatchStatus::Aborted) != game.aborted.is_some()
            || (game.aborted.is_some() && game.result_status != ResultStatus::None)
        {
            return Err("what was aborted counts".into());
        }
        for member in game.members.values() {
            let expected = match (game.result.as_ref().map(|result| &result.outcome), member.team) {
                (None | Some(MatchOutcome::None), _) | (_, None) => None,
                (Some(MatchOutcome::Draw), _) => Some(MemberResult::Draw),
                (Some(MatchOutcome::Won { teams }), Some(team)) if teams.contains(&team) => {
                    Some(MemberResult::Won)
                }
                (Some(MatchOutcome::Won { .. }), Some(_)) => Some(MemberResult::Lost),
            };
            if member.result != expected {
                return Err(format!("{member:?} should have {expected:?}"));
            }
        }
        Ok(())
    }
}

#[test]
fn a_match_keeps_its_promises_through_crashes_and_lost_writes() {
    let seeds = seeds(8);
    let is_one = seeds.end - seeds.start == 1;
    for seed in seeds {
        let report = simulator::run::<Match>(seed, 16, 2_000).unwrap_or_else(|failure| panic!("{failure}"));
        assert!(report.accepted > 200 && report.crashes > 10, "{report:?}");
    }
    let happened = HAPPENED.lock();
    for what in [
        "Running",
        "Ended",
        "Aborted",
        "Reported",
        "Confirmed",
        "Disputed",
        "by Host",
        "by Quorum",
        "by Staff",
        "a correction",
        "a host came back",
        "NotReady",
    ] {
        assert!(is_one || happened.get(what).is_some_and(|count| *count > 3), "{what}: {happened:?}");
    }
}

#[test]
fn so_many_are_in_a_match_and_no_more() {
    let random: std::sync::Arc<dyn Random> = SeededRandom::from_seed(1);
    let state = new_state(random.id(now()), HostKind::Player, false, 2);
    let mut played = Match::new(state, settings());
    let seats = (0..=MATCH_MEMBERS_MAX as u64).map(|number| seat(number, None)).collect();
    let mut turn = Turn::new(now(), None, &*random);
    played.handle(&Command::of_server(Act::Seat { lobby_version: 2, seats }), &mut turn).unwrap();
    assert_eq!(played.state.game.members.len(), MATCH_MEMBERS_MAX);
}

#[test]
fn whoever_inherited_a_lobby_does_not_end_what_another_hosts() {
    let random: std::sync::Arc<dyn Random> = SeededRandom::from_seed(1);
    for (by, expected) in [
        (Some(user(HOST + 1)), MatchStatus::Starting),
        (Some(user(HOST)), MatchStatus::Aborted),
        (None, MatchStatus::Aborted),
    ] {
        let state = new_state(random.id(now()), HostKind::Player, false, 2);
        let mut played = Match::new(state, settings());
        let mut turn = Turn::new(now(), None, &*random);
        played.handle(&Command::of_server(Act::LobbyClosed { by }), &mut turn).unwrap();
        assert_eq!(played.state.game.status, expected);
    }
}

/// Has each of so many players say which team won, if they say anything, in this order; then the host, who is one of them, says that all
/// others left and that it is over, and the time passes. Some are not connected.
fn after_reports(said: &[Option<u32>], is_away: &[bool]) -> Shown {
    let random: std::sync::Arc<dyn Random> = SeededRandom::from_seed(1);
    let id = random.id(now());
    let mut state = new_state(id, HostKind::Player, false, said.len() as u64);
    (state.game.status, state.game.started_at) = (MatchStatus::Running, Some(now()));
    for number in 1..said.len() {
        let member = state.game.members.get_mut(&user(number as u64)).unwrap();
        let why = MatchLeftWhy::Quit;
        member.left = Some(moothall_protocol::matches::MatchLeft { at: now(), why, note: None });
    }
    state.away =
        (0_u64..).zip(is_away).filter(|(_, is_away)| **is_away).map(|(number, _)| user(number)).collect();
    let mut played = Match::new(state, settings());
    for (number, team) in said.iter().enumerate() {
        let Some(team) = team else { continue };
        let mut turn = Turn::new(now(), Some(user(number as u64)), &*random);
        let act = Act::Report(Box::new(saying(MatchOutcome::Won { teams: vec![*team] })));
        // Whoever comes after it is known is told so.
        let _ = played.handle(&Command { is_staff: false, key: None, act }, &mut turn);
    }
    let mut turn = Turn::new(now(), Some(user(HOST)), &*random);
    let _ = played.handle(&Command { is_staff: false, key: None, act: Act::End }, &mut turn);
    let end = now() + std::time::Duration::from_secs(20);
    let mut turn = Turn::new(end, None, &*random);
    played.handle(&Command::of_server(Act::Tick { at: end }), &mut turn).unwrap();
    played.state.game
}

proptest! {
    /// In a full house nothing but a majority of all is confirmed, in whatever order it comes; and where there is one it is.
    #[test]
    fn a_majority_decides_and_nothing_else_does(
        said in prop::collection::vec(prop::option::of(1..=2u32), 2..8),
    ) {
        let game = after_reports(&said, &vec![false; said.len()]);
        let count = |team| said.iter().filter(|said| **said == Some(team)).count();
        let winner = [1, 2].into_iter().find(|team| count(*team) * 2 > said.len());
        match winner {
            Some(team) => {
                let result = game.result.unwrap();
                prop_assert_eq!((result.outcome, result.by), (MatchOutcome::Won { teams: vec![team] }, ResultBy::Quorum));
            }
            None if said.iter().all(Option::is_none) => prop_assert_eq!(game.result_status, ResultStatus::None),
            None => prop_assert_eq!(game.result_status, ResultStatus::Disputed),
        }
    }

    /// Of those who are gone only what they say counts.
    #[test]
    fn those_who_are_gone_and_say_nothing_do_not_count(
        all in prop::collection::vec((prop::option::of(1..=2u32), any::<bool>()), 2..8),
    ) {
        let (said, away): (Vec<_>, Vec<_>) = all.iter().copied().unzip();
        let game = after_reports(&said, &away);
        let of = all.iter().filter(|(said, away)| said.is_some() || !away).count();
        let count = |team| said.iter().filter(|said| **said == Some(team)).count();
        let winner = [1, 2].into_iter().find(|team| count(*team) * 2 > of);
        let confirmed = game.result.map(|result| result.outcome);
        prop_assert_eq!(confirmed, winner.map(|team| MatchOutcome::Won { teams: vec![team] }));
    }
}
