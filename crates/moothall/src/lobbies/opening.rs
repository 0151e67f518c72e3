//! Opening a lobby, and what it may be called.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use moothall_protocol::limits::LOBBY_CODE_LENGTH;
use moothall_protocol::lobbies::{
    HostKind, HostedLobby, Lobby, LobbyAccess, LobbyHostView, LobbyPolicy, LobbyProperties,
    LobbyPropertiesChange, LobbyStatus, LobbyStayedBehind, OnHostLoss, OpenLobby, OwnLobby, StayedBehind,
};
use moothall_protocol::{Event, UserId};

use super::lobby::{self, Change, Kept, Rules, State};
use super::party::{self, Along};
use super::{Error, follow, modes, policies, secrets, store};
use crate::hosts::Wanted;
use crate::restrictions::types::{CHAT, LOBBY_HOST};
use crate::restrictions::{self, Scope};
use crate::{Cx, Topic, accounts, codes, filter, json};

/// Opens a lobby. A player who hosts it has the first seat, and brings along the party that follows them.
pub async fn open(cx: &Cx, input: OpenLobby) -> Result<OwnLobby, Error> {
    let host = cx.require_user()?;
    for what in [LOBBY_HOST, CHAT] {
        // Its name is read by everybody.
        restrictions::check(cx, what, Scope::mode(&input.mode)).await?;
    }
    let host_kind = input.host_kind.unwrap_or_default();
    if host_kind == HostKind::Dedicated {
        cx.require(accounts::HOST)?;
    }
    if host_kind == HostKind::Server {
        let message = "only the server opens such lobbies, by a policy";
        return Err(crate::Error::field("/host_kind", "invalid", message).into());
    }
    let _making = cx.hall().directory().making::<lobby::Lobby>(cx).await;
    let slug = input.mode.clone();
    let mode = cx.read(move |tx| modes::find(tx, &slug)).await?.ok_or(Error::NoSuchMode)?;
    let rules = Rules::new(mode, &cx.hall().settings().lobbies)?;
    let mut attempts = party::Attempts::default();
    loop {
        let along = match host_kind {
            HostKind::Player => party::along(cx, host, None).await?,
            HostKind::Dedicated | HostKind::Server => Along::default(),
        };
        let mut state = new_state(cx, host, host_kind, input.clone(), &rules)?;
        if host_kind == HostKind::Player {
            let users = [&[host], along.party.as_slice()].concat();
            seat(cx, &mut state, &users, &rules)?;
        }
        let party = along.party.clone();
        match insert(cx, state, along, &rules).await {
            Err(Error::AlreadyInLobby) if attempts.again(&party) => {}
            outcome => {
                let own = outcome?;
                for user in [host].into_iter().chain(party) {
                    follow::settled(cx.hall(), user).await;
                }
                return Ok(own);
            }
        }
    }
}

/// Opens a lobby of a policy.
pub(super) async fn open_kept(cx: &Cx, policy: &LobbyPolicy, number: u32) -> Result<(), Error> {
    let slug = policy.mode.clone();
    let mode = cx.read(move |tx| modes::find(tx, &slug)).await?.ok_or(Error::NoSuchMode)?;
    let rules = Rules::new(mode, &cx.hall().settings().lobbies)?;
    let input = OpenLobby {
        name: policies::name(policy, number),
        mode: policy.mode.clone(),
        host_kind: Some(HostKind::Server),
        on_host_loss: None,
        access: None,
        password: None,
        map: policy.map.clone(),
        teams: policy.teams,
        is_rated: Some(policy.is_rated),
        has_bosses: Some(true),
        tags: policy.tags.clone(),
        properties: None,
    };
    let mut state = new_state(cx, accounts::SYSTEM, HostKind::Server, input, &rules)?;
    state.lobby.policy = Some(policy.slug.clone());
    let wanted = policy.pool.clone().map(|pool| Wanted {
        mode: policy.mode.clone(),
        version: policy.game_version.clone(),
        regions: policy.regions.clone(),
        pool: Some(pool),
    });
    state.kept = Some(Kept { version: policy.version, wanted });
    insert(cx, state, Along::default(), &rules).await.map(drop)
}

/// Stores a new lobby, and tells those who are in it.
async fn insert(cx: &Cx, state: State, along: Along, rules: &Rules) -> Result<OwnLobby, Error> {
    let mode = rules.mode.clone();
    cx.mutate(move |tx| {
        store::insert(tx, &state, &mode)?;
        let (host, lobby_id) = (state.lobby.host_id, state.lobby.id);
        for user in state.lobby.members.keys() {
            tx.emit(Topic::User(*user), Event::LobbyJoined(Box::new(state.own(*user))));
        }
        if state.lobby.host_kind == HostKind::Dedicated {
            let hosted = HostedLobby { lobby_id, version: 1, host: state.host.clone() };
            tx.emit(Topic::User(host), Event::LobbyHosted(hosted));
        }
        for StayedBehind { user_id, why } in &along.staying {
            let stayed = LobbyStayedBehind { lobby_id, leader_id: host, why: *why };
            tx.emit(Topic::User(*user_id), Event::LobbyStayedBehind(stayed));
        }
        Ok::<_, Error>(state.own(host))
    })
    .await
}

fn new_state(
    cx: &Cx,
    host_id: UserId,
    host_kind: HostKind,
    input: OpenLobby,
    rules: &Rules,
) -> Result<State, Error> {
    let id = cx.new_id();
    let shape = input.teams.unwrap_or(rules.mode.teams.default);
    rules.require_teams(shape)?;
    let change = Change {
        password: input.password.map(|password| Some(secrets::password_hash(id, &password))),
        map: input.map,
        tags: Some(tags(cx, input.tags)?),
        has_bosses: input.has_bosses,
        properties: input.properties,
        ..Change::default()
    };
    let lobby = Lobby {
        id,
        version: 1,
        name: text(cx, "/name", &input.name)?,
        mode: rules.mode.slug.clone(),
        map: None,
        host_id,
        host_kind,
        on_host_loss: input.on_host_loss.unwrap_or(match host_kind {
            HostKind::Player => OnHostLoss::Migrate,
            HostKind::Dedicated | HostKind::Server => OnHostLoss::Close,
        }),
        policy: None,
        access: input.access.unwrap_or(LobbyAccess::Open),
        has_password: false,
        is_locked: false,
        is_rated: input.is_rated.unwrap_or(true),
        has_bosses: false,
        code: codes::make(cx.random(), LOBBY_CODE_LENGTH),
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
        room_id: cx.new_id(),
        spectators_room_id: cx.new_id(),
        created_at: cx.now(),
    };
    let mut state = State {
        lobby,
        host: LobbyHostView::default(),
        password: None,
        votes: 0,
        rejected: BTreeMap::new(),
        playing: BTreeSet::new(),
        kept: None,
        place: None,
    };
    state.set(&change, rules)?;
    state.check_properties(rules)?;
    Ok(state)
}

/// Seats those who open a lobby together, the host first: in one team if it has so many seats, else as long as there are any; the rest
/// watches, and waits.
fn seat(cx: &Cx, state: &mut State, users: &[UserId], rules: &Rules) -> Result<(), Error> {
    let now = cx.now();
    let room = state.lobby.seats() + rules.mode.spectators_max as usize;
    if users.len() > room {
        return Err(Error::PartyDoesNotFit);
    }
    let together = state.team_with(users.len());
    for user in users {
        state.add_member(*user, codes::secret(cx.random()), now);
        match together.clone().or_else(|| state.team_with(1)) {
            Some(number) => state.place(*user, &number, now),
            None => state.lobby.queue.push(*user),
        }
    }
    Ok(())
}

/// A name or a tag that may be shown to everybody: one line of what can be seen, with a letter or digit in it.
pub(super) fn text(cx: &Cx, path: &str, text: &str) -> Result<String, Error> {
    let text = filter::one_line(text);
    if !text.chars().any(char::is_alphanumeric) {
        return Err(crate::Error::field(path, "invalid", "this needs a letter or a digit").into());
    }
    if cx.hall().words().allows(&text) { Ok(text) } else { Err(Error::Blocked) }
}

/// Whether others could read words in what a lobby is said to be.
pub(super) fn has_text(properties: Option<&LobbyPropertiesChange>) -> bool {
    let read = |change: &LobbyPropertiesChange| {
        change.public.values().chain(change.members.values()).any(json::has_text)
    };
    properties.is_some_and(read)
}

/// Tags in small letters, each once.
pub(super) fn tags(cx: &Cx, tags: Vec<String>) -> Result<Vec<String>, Error> {
    let mut seen = HashSet::new();
    let cleaned = tags.iter().map(|tag| text(cx, "/tags", &tag.to_lowercase()));
    let tags: Vec<String> = cleaned.collect::<Result<_, _>>()?;
    Ok(tags.into_iter().filter(|tag| seen.insert(tag.clone())).collect())
}
