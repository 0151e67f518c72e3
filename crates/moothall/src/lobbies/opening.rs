//! Opening a lobby, and what it may be called.

use std::collections::{BTreeMap, HashSet};

use moothall_protocol::limits::LOBBY_CODE_LENGTH;
use moothall_protocol::lobbies::{
    HostKind, HostedLobby, Lobby, LobbyAccess, LobbyHostView, LobbyMember, LobbyProperties, LobbySeat,
    LobbyStatus, OnHostLoss, OpenLobby, OwnLobby,
};
use moothall_protocol::{Event, UserId};
use serde_json::Map;

use super::lobby::{self, Change, Rules, State};
use super::{Error, follow, modes, secrets, store};
use crate::{Cx, Topic, accounts, codes, filter};

/// Opens a lobby. A player who hosts it has the first seat.
pub async fn open(cx: &Cx, input: OpenLobby) -> Result<OwnLobby, Error> {
    let host = cx.require_user()?;
    let host_kind = input.host_kind.unwrap_or_default();
    if host_kind == HostKind::Dedicated {
        cx.require(accounts::HOST)?;
    }
    let _making = cx.hall().directory().making::<lobby::Lobby>(cx).await;
    let slug = input.mode.clone();
    let mode = cx.read(move |tx| modes::find(tx, &slug)).await?.ok_or(Error::NoSuchMode)?;
    let rules = Rules::new(mode, &cx.hall().settings().lobbies)?;
    let state = new_state(cx, host, host_kind, input, &rules)?;
    let own = cx
        .mutate(move |tx| {
            store::insert(tx, &state, &rules.mode)?;
            let own = state.own(host);
            let lobby_id = state.lobby.id;
            let event = match host_kind {
                HostKind::Player => Event::LobbyJoined(Box::new(own.clone())),
                HostKind::Dedicated => {
                    Event::LobbyHosted(HostedLobby { lobby_id, version: 1, host: state.host.clone() })
                }
            };
            tx.emit(Topic::User(host), event);
            Ok::<_, Error>(own)
        })
        .await?;
    follow::settled(cx.hall(), host).await;
    Ok(own)
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
            HostKind::Dedicated => OnHostLoss::Close,
        }),
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
        created_at: cx.now(),
    };
    let mut state =
        State { lobby, host: LobbyHostView::default(), password: None, votes: 0, rejected: BTreeMap::new() };
    state.set(&change, rules)?;
    state.check_properties(rules)?;
    if host_kind == HostKind::Player {
        take_first_seat(cx, &mut state, host_id);
    }
    Ok(state)
}

fn take_first_seat(cx: &Cx, state: &mut State, user: UserId) {
    let now = cx.now();
    let member = LobbyMember {
        joined_at: now,
        seated_at: Some(now),
        is_ready: false,
        role: None,
        properties: Map::new(),
    };
    state.lobby.members.insert(user, member);
    state.host.secrets.insert(user, codes::secret(cx.random()));
    if let Some(team) = state.lobby.teams.get_mut("1") {
        team.seats.push(LobbySeat::User { user_id: user });
    }
}

/// A name or a tag that may be shown to everybody: one line of what can be seen, with a letter or digit in it.
pub(super) fn text(cx: &Cx, path: &str, text: &str) -> Result<String, Error> {
    let text = filter::one_line(text);
    if !text.chars().any(char::is_alphanumeric) {
        return Err(crate::Error::field(path, "invalid", "this needs a letter or a digit").into());
    }
    if cx.hall().words().allows(&text) { Ok(text) } else { Err(Error::Blocked) }
}

/// Tags in small letters, each once.
pub(super) fn tags(cx: &Cx, tags: Vec<String>) -> Result<Vec<String>, Error> {
    let mut seen = HashSet::new();
    let cleaned = tags.iter().map(|tag| text(cx, "/tags", &tag.to_lowercase()));
    let tags: Vec<String> = cleaned.collect::<Result<_, _>>()?;
    Ok(tags.into_iter().filter(|tag| seen.insert(tag.clone())).collect())
}
