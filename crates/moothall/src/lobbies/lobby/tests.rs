//! The lobby alone: driven at random through crashes, lost writes and repeated requests.

use std::collections::{BTreeMap, BTreeSet};

use moothall_protocol::lobbies::{
    GameMode, HostKind, Lobby as Shown, LobbyAccess, LobbyHostView, LobbyMember, LobbyProperties,
    LobbyPropertiesChange, LobbySeat, LobbyStatus, ModeTeams, OnHostLoss, SeatWish, TeamsShape, VoteChoice,
    VoteOutcome,
};
use parking_lot::Mutex;
use serde_json::json;

use super::*;
use crate::Random;
use crate::hosts::Wanted;
use crate::lobbies::Settings;
use crate::runtime::simulator::{self, Simulated};
use crate::testing::seeds;

const USERS: u64 = 7;

/// How often what happened, over all runs: a model of what never happens proves nothing.
static HAPPENED: Mutex<BTreeMap<&'static str, u64>> = Mutex::new(BTreeMap::new());

fn happened(what: &'static str) {
    *HAPPENED.lock().entry(what).or_default() += 1;
}

fn user(number: u64) -> UserId {
    UserId::from_uuid(uuid::Uuid::from_u128(u128::from(number) + 1))
}

fn rules() -> Rules {
    let mode = GameMode {
        slug: "duel".into(),
        name: "Duel".into(),
        teams: ModeTeams {
            count_min: 1,
            count_max: 3,
            size_min: 1,
            size_max: 2,
            default: TeamsShape { count: 2, size: 1 },
        },
        roles: vec!["medic".into()],
        maps: Vec::new(),
        spectators_max: 4,
        players_min: 1,
        allows_bots: true,
        joins_running: false,
        needs_ready: false,
        properties: None,
        version: 1,
    };
    Rules::new(mode, &Settings::default()).unwrap()
}

/// What the database holds of a lobby.
#[derive(Clone, Debug)]
pub(in crate::lobbies) struct Stored {
    state: State,
    /// Those with a row of their own.
    members: BTreeSet<UserId>,
    /// Who was last told to be in which room, and whether another word of it came with the write at hand.
    audiences: rooms::Audiences,
    is_moved: bool,
    /// The matches it began.
    matches: BTreeSet<MatchId>,
    is_closed: bool,
}

/// What a member believes who applies each patch.
#[derive(Debug)]
pub(in crate::lobbies) struct View {
    copy: Map<String, Value>,
    host_copy: Map<String, Value>,
    host_id: UserId,
    version: i64,
}

fn new_state(id: LobbyId, host_kind: HostKind, random: &dyn Random) -> State {
    let now = Timestamp::from_micros(1_795_000_000_000_000);
    let shape = TeamsShape { count: 2, size: 1 };
    let mut lobby = Shown {
        id,
        version: 1,
        name: "Den".into(),
        mode: "duel".into(),
        map: None,
        host_id: user(0),
        host_kind,
        on_host_loss: OnHostLoss::Migrate,
        policy: None,
        access: LobbyAccess::Open,
        has_password: false,
        is_locked: false,
        is_rated: true,
        has_bosses: random.below(2) == 0,
        code: "23456789".into(),
        tags: Vec::new(),
        status: LobbyStatus::Waiting,
        starts_at: None,
        started_at: None,
        match_id: None,
        teams: State::teams_of(shape),
        queue: Vec::new(),
        members: BTreeMap::new(),
        bots: BTreeMap::new(),
        bosses: Vec::new(),
        properties: LobbyProperties::default(),
        ready_check: None,
        vote: None,
        ended_votes: Vec::new(),
        room_id: RoomId::from_uuid(uuid::Uuid::from_u128(1)),
        spectators_room_id: RoomId::from_uuid(uuid::Uuid::from_u128(2)),
        created_at: now,
    };
    let kept = (host_kind == HostKind::Server).then(|| {
        lobby.host_id = crate::accounts::SYSTEM;
        lobby.policy = Some("arena".into());
        Kept { version: 1, wanted: Some(Wanted::default()) }
    });
    let mut host = LobbyHostView::default();
    if host_kind == HostKind::Player {
        let member = LobbyMember {
            joined_at: now,
            seated_at: Some(now),
            is_ready: false,
            role: None,
            properties: Map::new(),
        };
        lobby.members.insert(user(0), member);
        host.secrets.insert(user(0), "secret".into());
        lobby.teams.get_mut("1").unwrap().seats.push(LobbySeat::User { user_id: user(0) });
    }
    State {
        lobby,
        host,
        password: None,
        votes: 0,
        rejected: BTreeMap::new(),
        playing: BTreeSet::new(),
        kept,
        place: None,
    }
}

fn reservation(match_id: MatchId) -> Reservation {
    Reservation {
        match_id,
        host_id: user(90),
        pool: "eu".into(),
        mode: "duel".into(),
        addresses: vec!["192.0.2.1:7000".into()],
        region: "eu".into(),
        version: "1".into(),
        reserved_at: Timestamp::from_micros(1_795_000_000_000_000),
    }
}

fn random_subject(user_id: UserId, random: &dyn Random) -> VoteSubject {
    match random.below(4) {
        0 => VoteSubject::Map { map: format!("map {}", random.below(3)) },
        1 => VoteSubject::Boss { user_id },
        2 => VoteSubject::Start,
        _ => VoteSubject::Kick { user_id, ban_seconds: Some(5) },
    }
}

impl Lobby {
    fn random_act(&self, caller: UserId, random: &dyn Random) -> Act {
        let lobby = &self.state.lobby;
        let other = user(random.below(USERS));
        let someone = (random.below(3) == 0).then_some(other);
        let team = (random.below(2) == 0).then(|| random.below(3) as u32 + 1);
        let bot = lobby.bots.keys().next().copied();
        let properties = Map::from_iter([(
            "colour".to_owned(),
            [json!(random.below(4)), Value::Null][random.below(2) as usize].clone(),
        )]);
        let wish = [SeatWish::Spectate, SeatWish::Play][random.below(2) as usize];
        // Once all are gone nothing more would happen.
        let is_last = lobby.members.len() == 1;
        // Votes need several who play, so they would hardly happen otherwise.
        match lobby.vote {
            Some(_) if random.below(6) == 0 => return Act::CancelVote,
            None if random.below(8) == 0 => {
                return Act::CallVote { subject: random_subject(other, random) };
            }
            _ => {}
        }
        match random.below(40) {
            0..=9 => {
                let code = (random.below(6) == 0).then(|| lobby.code.clone());
                // Now and then with others, as far as they are not elsewhere, which only the database knows.
                let party =
                    (0..USERS).map(user).filter(|one| *one != caller && random.below(6) == 0).collect();
                let password = self.state.password.clone();
                Act::Join(Entry { password, code, wish, party, staying: Vec::new() })
            }
            10 | 11 if !is_last => Act::Leave { heirs: Heirs { present: vec![other], barred: Vec::new() } },
            12 if !is_last => Act::Kick {
                user: other,
                ban_seconds: (random.below(2) == 0).then(|| random.below(60) as u32 + 1),
                reason: Some("because".into()),
            },
            13 => Act::Unban { user: other },
            14 => Act::Invite { user: other, is_silent: false },
            15 => Act::Uninvite { user: other },
            16 => Act::Approve { user: other },
            17 => Act::Reject { user: other },
            18 | 19 => Act::Sit { user: someone, team },
            20 => Act::Spectate { user: someone },
            21 => Act::Queue,
            22 => {
                // All in the first team, as far as they fit, or the other way round.
                let mut seats: Vec<LobbySeat> =
                    lobby.teams.values().flat_map(|team| &team.seats).copied().collect();
                if random.below(2) == 0 {
                    seats.reverse();
                }
                let first = seats.split_off(seats.len() / 2);
                Act::Arrange { teams: vec![first, seats] }
            }
            23 => Act::AddBot { name: "Bot".into(), team, properties },
            24 => match bot {
                Some(bot) if random.below(2) == 0 => Act::RemoveBot { bot },
                Some(bot) => Act::UpdateBot { bot, name: None, properties },
                None => Act::Queue,
            },
            25 | 26 => {
                let shape =
                    TeamsShape { count: random.below(3) as u32 + 1, size: random.below(2) as u32 + 1 };
                Act::Update(Box::new(Change { teams: Some(shape), ..Change::default() }))
            }
            27 => {
                let access = [LobbyAccess::Open, LobbyAccess::Approval, LobbyAccess::InviteOnly];
                Act::Update(Box::new(Change {
                    access: Some(access[random.below(3) as usize]),
                    is_locked: Some(random.below(4) == 0),
                    has_bosses: Some(random.below(4) > 0),
                    password: Some((random.below(2) == 0).then(|| "hash".to_owned())),
                    properties: Some(LobbyPropertiesChange {
                        public: properties.clone(),
                        members: properties.clone(),
                        host: properties,
                    }),
                    ..Change::default()
                }))
            }
            28 => Act::SetMap { map: format!("map {}", random.below(3)) },
            29 => Act::SetBoss { user: other, is_boss: random.below(2) == 0 },
            30 => Act::CallVote { subject: random_subject(other, random) },
            31 | 32 => {
                let choice = [VoteChoice::Yes, VoteChoice::No, VoteChoice::Abstain];
                let number = self.state.votes - i64::from(random.below(4) == 0);
                Act::CastVote { number, choice: choice[random.below(3) as usize] }
            }
            33 => Act::CancelVote,
            34 => Act::CheckReady,
            35 => Act::Start { countdown_ms: (random.below(2) == 0).then_some(0) },
            36 => Act::CancelStart,
            _ if lobby.members.contains_key(&caller) => {
                let is_ready = Some(random.below(2) == 0);
                Act::UpdateSelf(SelfChange { is_ready, role: Some("medic".into()), properties })
            }
            _ => Act::Queue,
        }
    }
}

impl Simulated for Lobby {
    type Stored = Stored;
    type Promised = i64;
    type View = View;

    fn create(id: LobbyId, random: &dyn Random) -> Stored {
        let kinds = [HostKind::Player, HostKind::Player, HostKind::Dedicated, HostKind::Server];
        let kind = kinds[random.below(4) as usize];
        let state = new_state(id, kind, random);
        Stored {
            members: state.lobby.members.keys().copied().collect(),
            audiences: state.audiences(),
            state,
            is_moved: false,
            matches: BTreeSet::new(),
            is_closed: false,
        }
    }

    fn apply(stored: &mut Stored, effect: &Effect) {
        match effect {
            Effect::Entered { user } => assert!(stored.members.insert(*user), "nobody enters twice"),
            Effect::Gone { user } => assert!(stored.members.remove(user), "only who is there can go"),
            Effect::Saved(state) => {
                let last = state.lobby.ended_votes.last();
                if let Some(last) = last.filter(|last| !stored.state.lobby.ended_votes.contains(last)) {
                    happened(match last.outcome {
                        VoteOutcome::Passed => "a vote passed",
                        VoteOutcome::Failed => "a vote failed",
                        VoteOutcome::Cancelled => "a vote was cancelled",
                    });
                }
                if state.lobby.host_id != stored.state.lobby.host_id {
                    happened("another host");
                }
                if state.lobby.status == LobbyStatus::Running {
                    happened("a game ran");
                }
                if !state.lobby.queue.is_empty() {
                    happened("somebody waited");
                }
                if !state.host.requests.is_empty() {
                    happened("somebody asked");
                }
                stored.state = (**state).clone();
                if std::mem::take(&mut stored.is_moved) {
                    stored.audiences = stored.state.audiences();
                }
                assert_eq!(stored.audiences, stored.state.audiences(), "rooms are told who is in them");
            }
            Effect::Started(begin) => {
                assert!(stored.matches.insert(begin.id), "no match begins twice");
                assert!(begin.seats.iter().any(|seat| seat.team.is_some()), "somebody plays");
            }
            Effect::Reseated { match_id } => {
                assert!(stored.matches.contains(match_id));
                happened("somebody came to a game");
            }
            Effect::Closed { .. } => {
                stored.is_closed = true;
                stored.members.clear();
            }
            Effect::Moved => stored.is_moved = true,
            Effect::Wanted => happened("a host was wanted"),
            Effect::Hosted { .. } => happened("a host was taken"),
            Effect::Released { .. } => happened("a host was given back"),
            Effect::Abandoned { match_id } => {
                assert!(stored.matches.contains(match_id));
                happened("a game was abandoned");
            }
            Effect::Deserted { match_id } => {
                assert!(stored.matches.contains(match_id));
                happened("a game lost its host");
            }
            Effect::Unhosted { .. } | Effect::Audited(_) => {}
        }
    }

    fn restore(_: LobbyId, stored: &Stored) -> Self {
        // What is stored as JSON must come back as it was.
        let json = serde_json::to_string(&stored.state).unwrap();
        let state: State = serde_json::from_str(&json).unwrap();
        assert_eq!(state, stored.state);
        let mut lobby = Self::new(state, rules());
        lobby.is_closed = stored.is_closed;
        lobby
    }

    fn command(&self, _: &Stored, random: &dyn Random) -> (Option<UserId>, Command) {
        let lobby = &self.state.lobby;
        if random.below(60) == 0 && lobby.members.len() > 1 {
            // The server itself says who is gone; now and then it is the host.
            let gone = if random.below(2) == 0 { lobby.host_id } else { user(random.below(USERS)) };
            let present: Vec<UserId> =
                lobby.members.keys().copied().filter(|user| *user != gone).take(2).collect();
            // Who may not host may be the one who would be next.
            let barred = match lobby.members.len() % 3 {
                0 => lobby.members.keys().copied().filter(|user| *user != gone).take(1).collect(),
                _ => Vec::new(),
            };
            let (heirs, stays) = (Heirs { present, barred }, gone == lobby.host_id && lobby.version % 4 == 0);
            let act = match stays {
                true => Act::Unseat { user: gone, heirs },
                false => Act::Gone { user: gone, heirs },
            };
            return (None, Command { power: Power::Member, act });
        }
        if let Some(place) = self.state.place.as_ref().filter(|_| random.below(8) == 0) {
            // What the pool says may be late, and of another match.
            let match_id =
                if random.below(4) == 0 { MatchId::from_uuid(uuid::Uuid::nil()) } else { place.match_id };
            let act = match random.below(3) {
                0 => Act::Unhosted { match_id, reason: HostMissing::HostLost },
                _ => Act::Taken { reservation: reservation(match_id) },
            };
            return (None, Command { power: Power::Member, act });
        }
        if let Some(match_id) = lobby.match_id.filter(|_| random.below(12) == 0) {
            // Now and then what is told of an old match comes late.
            let match_id =
                if random.below(4) == 0 { random.id(self.state.lobby.created_at) } else { match_id };
            return (None, Command { power: Power::Member, act: Act::Over { match_id } });
        }
        // Half of what is said comes from the host, as much is only the host's.
        let caller = if random.below(2) == 0 { lobby.host_id } else { user(random.below(USERS)) };
        let is_staff = random.below(20) == 0;
        let power =
            if is_staff { Power::Staff { reason: Some("for the test".into()) } } else { Power::Member };
        (Some(caller), Command { power, act: self.random_act(caller, random) })
    }

    fn promised(stored: &Stored) -> i64 {
        stored.state.lobby.version
    }

    /// Whoever was answered a version will never see an older one.
    fn answer(promised: &mut i64, _: Option<UserId>, _: &Command, reply: &Reply) {
        if let Reply::Own(own) | Reply::Joined(own, _) = reply {
            *promised = (*promised).max(own.lobby.version);
        }
    }

    fn view(&self) -> View {
        View {
            copy: merge::fields(&self.state.lobby),
            host_copy: merge::fields(&self.state.host),
            host_id: self.state.lobby.host_id,
            version: self.state.lobby.version,
        }
    }

    fn observe(view: &mut View, _: &Topic, event: &Event) {
        match event {
            Event::LobbyUpdated(updated) => {
                assert_eq!(updated.version, view.version + 1, "each version is told once, and in order");
                view.version = updated.version;
                merge::apply(&mut view.copy, &updated.patch);
            }
            Event::LobbyHostUpdated(updated) => merge::apply(&mut view.host_copy, &updated.patch),
            Event::LobbyHosted(hosted) => view.host_copy = merge::fields(&hosted.host),
            _ => {}
        }
        view.host_id = serde_json::from_value(view.copy["host_id"].clone()).unwrap();
    }

    fn check(&self, stored: &Stored, promised: &i64, view: &View) -> Result<(), String> {
        if self.is_closed {
            return if stored.is_closed { Ok(()) } else { Err("closed, but not stored so".into()) };
        }
        let lobby = &self.state.lobby;
        if self.state != stored.state || lobby.version < *promised {
            return Err(format!("{:?} is stored, {:?} is in memory", stored.state, self.state));
        }
        if view.copy != merge::fields(lobby) {
            return Err(format!("{:?} is believed, {lobby:?} is so", view.copy));
        }
        if view.host_copy != merge::fields(&self.state.host) {
            return Err(format!("{:?} is believed of the host's", view.host_copy));
        }
        if !stored.members.iter().eq(lobby.members.keys()) {
            return Err(format!("rows of {:?}, members {:?}", stored.members, lobby.members.keys()));
        }
        self.check_seats()?;
        if !self.state.host.secrets.keys().eq(lobby.members.keys()) {
            return Err("not every member has a secret, or somebody else has".into());
        }
        let is_inside = |user: &UserId| lobby.members.contains_key(user);
        if !lobby.bosses.iter().all(is_inside) {
            return Err("a boss is not there".into());
        }
        if lobby.host_kind == HostKind::Player && !is_inside(&lobby.host_id) {
            return Err("the host is not there".into());
        }
        let is_hosted = self.state.outside_host().is_some();
        let has_place = self.state.place.as_ref().is_some_and(|place| place.reservation.is_some());
        if lobby.host_kind == HostKind::Server && is_hosted != has_place {
            return Err(format!("{:?} hosts it, {:?} is reserved", lobby.host_id, self.state.place));
        }
        if self.state.place.is_some() && lobby.status == LobbyStatus::Waiting {
            return Err("a host is wanted for nothing".into());
        }
        if lobby.status == LobbyStatus::Running && self.state.is_wanting() {
            return Err("a game runs without the host it wants".into());
        }
        if lobby.ended_votes.len() > moothall_protocol::limits::LOBBY_VOTES_KEPT {
            return Err("too many votes are remembered".into());
        }
        if (lobby.status == LobbyStatus::Starting) != lobby.starts_at.is_some()
            || (lobby.status == LobbyStatus::Running) != lobby.started_at.is_some()
        {
            return Err(format!("{:?} since when?", lobby.status));
        }
        if (lobby.status == LobbyStatus::Running) != lobby.match_id.is_some()
            || lobby.match_id.is_some_and(|match_id| !stored.matches.contains(&match_id))
        {
            return Err(format!("{:?} with the match {:?}", lobby.status, lobby.match_id));
        }
        Ok(())
    }
}

impl Lobby {
    fn check_seats(&self) -> Result<(), String> {
        let lobby = &self.state.lobby;
        let seated: Vec<UserId> = lobby.players().collect();
        let once: BTreeSet<UserId> = seated.iter().chain(&lobby.queue).copied().collect();
        if once.len() != seated.len() + lobby.queue.len() {
            return Err(format!("somebody sits or waits twice: {:?}, {:?}", lobby.teams, lobby.queue));
        }
        if !once.iter().all(|user| lobby.members.contains_key(user)) {
            return Err("a ghost sits or waits".into());
        }
        for (user, member) in &lobby.members {
            if member.seated_at.is_some() != seated.contains(user)
                || (member.is_ready && member.seated_at.is_none())
            {
                return Err(format!("{member:?} is not as they sit"));
            }
        }
        let bots: BTreeSet<LobbyBotId> = lobby
            .teams
            .values()
            .flat_map(|team| &team.seats)
            .filter_map(|seat| if let LobbySeat::Bot { bot_id } = seat { Some(*bot_id) } else { None })
            .collect();
        if !bots.iter().eq(lobby.bots.keys())
            || !lobby.bots.values().all(|bot| lobby.members.contains_key(&bot.owner_id))
        {
            return Err("bots without seats, seats without bots, or bots without owners".into());
        }
        if lobby.teams.values().any(|team| team.seats.len() > team.size as usize) {
            return Err("more sit in a team than there are seats".into());
        }
        let has_free = lobby.seats_taken() < lobby.seats();
        if lobby.status == LobbyStatus::Waiting && has_free && !lobby.queue.is_empty() {
            return Err("somebody waits though a seat is free".into());
        }
        Ok(())
    }
}

#[test]
fn a_lobby_keeps_its_promises_through_crashes_and_lost_writes() {
    let seeds = seeds(8);
    let is_one = seeds.end - seeds.start == 1;
    let (runs, mut lost_writes) = (seeds.end - seeds.start, 0);
    for seed in seeds {
        let report = simulator::run::<Lobby>(seed, 4, 2_500).unwrap_or_else(|failure| panic!("{failure}"));
        assert!(report.accepted > 200 && report.crashes > 10, "{report:?}");
        lost_writes += report.lost_writes;
    }
    assert!(is_one || lost_writes > 3 * runs, "{lost_writes} lost writes");
    let happened = HAPPENED.lock();
    for what in [
        "a vote passed",
        "a vote failed",
        "a vote was cancelled",
        "another host",
        "a game ran",
        "somebody came to a game",
        "somebody waited",
        "a host was wanted",
        "a host was taken",
        "a host was given back",
        "a game lost its host",
        "somebody asked",
    ] {
        assert!(is_one || happened.get(what).is_some_and(|count| *count > 10), "{what}: {happened:?}");
    }
}
