//! Lobbies, on a real database of each engine, with a clock that stands still.

mod balance;
mod blocks;
mod entry;
mod games;
mod hosts;
mod kept;
mod listing;
mod matches;
mod party;
mod refusals;
mod restarts;
mod restricted;
mod rooms;
mod seats;
mod sessions;
mod votes;
mod watching;

use std::sync::Arc;
use std::time::Duration;

use moothall_protocol::accounts::SignedIn;
use moothall_protocol::connections::Ready;
use moothall_protocol::lobbies::*;
use moothall_protocol::matches::{EndMatch, ReadyMatch};
use moothall_protocol::{Event, LobbyId, MatchId, UserId};
use serde_json::{Map, Value, json};

use super::lobby::{Act, Command, Power};
use super::*;
use crate::Topic;
use crate::accounts::testing::{self as clients, code};
use crate::connections::Stream;
use crate::testing::{Ear, TestHall, on_both_engines};

/// A lobby to open, with nothing but a name.
fn opening(name: &str) -> OpenLobby {
    OpenLobby {
        name: name.to_owned(),
        mode: "free".into(),
        host_kind: None,
        on_host_loss: None,
        access: None,
        password: None,
        map: None,
        teams: Some(TeamsShape { count: 2, size: 1 }),
        is_rated: None,
        has_bosses: None,
        tags: Vec::new(),
        properties: None,
    }
}

/// A change of nothing.
fn change(lobby_id: LobbyId) -> UpdateLobby {
    UpdateLobby {
        lobby_id,
        name: None,
        access: None,
        password: None,
        is_locked: None,
        map: None,
        teams: None,
        is_rated: None,
        has_bosses: None,
        on_host_loss: None,
        tags: None,
        properties: None,
        if_version: None,
        reason: None,
    }
}

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

async fn opened(cx: &Cx, opening: OpenLobby) -> LobbyId {
    open(cx, opening).await.unwrap().lobby.id
}

fn joining(lobby_id: LobbyId, wish: SeatWish) -> JoinLobby {
    JoinLobby { lobby_id, password: None, wish: Some(wish), reason: None }
}

async fn watches(cx: &Cx, lobby: LobbyId) -> Result<LobbyEntry, Error> {
    join(cx, joining(lobby, SeatWish::Spectate)).await
}

async fn plays(cx: &Cx, lobby: LobbyId) -> Result<LobbyEntry, Error> {
    join(cx, joining(lobby, SeatWish::Play)).await
}

async fn leaves(cx: &Cx, lobby_id: LobbyId) {
    leave(cx, LeaveLobby { lobby_id }).await.unwrap();
}

async fn inside(cx: &Cx, lobby_id: LobbyId) -> Lobby {
    view(cx, ViewLobby { lobby_id }).await.unwrap().lobby
}

async fn sits(cx: &Cx, lobby_id: LobbyId, team: u32) -> Result<OwnLobby, Error> {
    sit(cx, TakeSeat { lobby_id, team: Some(team), user_id: None }).await
}

/// The players of each team, bots as `None`.
fn teams(lobby: &Lobby) -> Vec<Vec<Option<UserId>>> {
    let player = |seat: &LobbySeat| match seat {
        LobbySeat::User { user_id } => Some(*user_id),
        LobbySeat::Bot { .. } => None,
    };
    lobby.teams.values().map(|team| team.seats.iter().map(player).collect()).collect()
}

/// Moves the clock, and returns when the lobby has done what was due then.
async fn later(hall: &TestHall, lobby: LobbyId, seconds: u64) {
    hall.clock.advance(Duration::from_secs(seconds));
    let command = Command { power: Power::Member, act: Act::Tick { at: hall.server().now() } };
    // One that has closed meanwhile has done so.
    let _ = hall.hall.directory().call::<lobby::Lobby>(&hall.server(), lobby, command).await;
}

/// The host plays a match from its beginning to its end, without saying how it ended.
async fn played(host: &Cx, match_id: MatchId) {
    let ready = ReadyMatch { match_id, addresses: Vec::new(), connection: Map::new() };
    crate::matches::ready(host, ready).await.unwrap();
    crate::matches::end(host, EndMatch { match_id }).await.unwrap();
}

/// Returns once this is so: what follows from something elsewhere is done beside the calls.
async fn until(is_so: impl AsyncFn() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap();
}

/// The same for what comes of the time: moves the clock until this is so.
async fn in_time(hall: &TestHall, is_so: impl AsyncFn() -> bool) {
    for _ in 0..2_000 {
        if is_so().await {
            return;
        }
        hall.clock.advance(Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("this never happens");
}

/// Somebody with a socket.
struct Player {
    cx: Cx,
    stream: Stream,
}

impl Player {
    async fn new(hall: &TestHall) -> Self {
        Self::of(hall, &clients::sign_up_guest(&hall.hall).await).await
    }

    async fn of(hall: &TestHall, signed_in: &SignedIn) -> Self {
        Self::connect(clients::call(&hall.hall, signed_in).await).await
    }

    async fn connect(cx: Cx) -> Self {
        let stream = crate::snapshot::open(&cx, None).await.unwrap();
        Self { cx, stream }
    }

    /// The same with another socket, after a restart too.
    async fn again(self, hall: &TestHall) -> Self {
        Self::connect(Cx::new(&hall.hall, self.cx.caller().clone(), crate::Origin::default())).await
    }

    fn id(&self) -> UserId {
        id(&self.cx)
    }

    /// What their stream begins with.
    fn ready(&mut self) -> Ready {
        let (_, first) = self.stream.take(1).unwrap().remove(0);
        match first.event() {
            Event::SessionReady(ready) | Event::SessionStale(ready) => (**ready).clone(),
            event => panic!("{event:?}"),
        }
    }

    /// What they heard since the last time.
    fn heard(&mut self) -> Vec<Event> {
        let taken = self.stream.take(usize::MAX).unwrap();
        taken.into_iter().map(|(_, frame)| frame.event().clone()).collect()
    }

    async fn lobby(&self) -> Option<LobbyId> {
        mine(&self.cx, MyLobbies {}).await.unwrap().lobby.map(|own| own.lobby.id)
    }
}

async fn players<const N: usize>(hall: &TestHall) -> [Player; N] {
    let mut all = Vec::new();
    for _ in 0..N {
        all.push(Player::new(hall).await);
    }
    all.try_into().unwrap_or_else(|_| unreachable!())
}

/// What a client hears that keeps a copy of a lobby.
impl Ear {
    /// What was heard since the last time, but for the lobby's rooms.
    fn heard_of_lobbies(&self) -> Vec<Event> {
        let events = self.heard().into_iter();
        events.filter(|event| !matches!(event, Event::RoomJoined(_) | Event::RoomLeft(_))).collect()
    }

    /// The patches among it, each one version on.
    fn patches(&self) -> Vec<Value> {
        let patches = self.heard_of_lobbies().into_iter().filter_map(|event| match event {
            Event::LobbyUpdated(updated) => Some(Value::Object(updated.patch)),
            _ => None,
        });
        patches.collect()
    }
}

/// A mode with one map, and a place for one who watches.
fn duel() -> PutGameMode {
    PutGameMode {
        slug: "duel".into(),
        name: "Duel".into(),
        teams: ModeTeams {
            count_min: 1,
            count_max: 2,
            size_min: 1,
            size_max: 1,
            default: TeamsShape { count: 2, size: 1 },
        },
        roles: Vec::new(),
        maps: vec!["hill".into()],
        spectators_max: 1,
        players_min: None,
        allows_bots: None,
        joins_running: None,
        needs_ready: None,
        properties: None,
        if_version: None,
        reason: "for the test".into(),
    }
}

/// Has lobbies be opened for duels.
async fn duels(hall: &TestHall) {
    let staff = hall.call(hall.user("Sue").await, &[MANAGE_MODES]);
    modes::put(&staff, duel()).await.unwrap();
}
