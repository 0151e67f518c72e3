//! SQL for lobbies and their members.

use moothall_protocol::limits::LOBBIES_HOSTED_MAX;
use moothall_protocol::lobbies::{GameMode, OwnLobbies};
use moothall_protocol::{LobbyId, MatchId, RoomId, UserId};
use moothall_store::{Json, OnConstraint as _, Row, params, statements};

use super::lobby::{Effect, State};
use super::{Error, follow, keeper, places, rooms};
use crate::cx::Tx;
use crate::json::value;
use crate::matches::{Begin, LobbyEnd, Seat};
use crate::{Topic, audit, connections, matches, parties};

statements! {
    INSERT_LOBBY = "INSERT INTO lobbies (id, code, host_id, is_dedicated, mode, state, version, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    UPDATE_LOBBY = "UPDATE lobbies SET code = $2, host_id = $3, is_dedicated = $4, state = $5, version = $6 WHERE id = $1";
    DELETE_LOBBY = "DELETE FROM lobbies WHERE id = $1";
    FIND_LOBBY = "SELECT state, mode FROM lobbies WHERE id = $1";
    FIND_BY_CODE = "SELECT id FROM lobbies WHERE code = $1";
    LIST_LOBBIES = "SELECT state, mode FROM lobbies WHERE id > $1 ORDER BY id LIMIT $2";
    HOSTED = "SELECT id FROM lobbies WHERE host_id = $1 AND is_dedicated ORDER BY id";
    COUNT_HOSTED = "SELECT count(*) FROM lobbies WHERE host_id = $1 AND is_dedicated";

    INSERT_MEMBER = "INSERT INTO lobby_members (user_id, lobby_id) VALUES ($1, $2)";
    DELETE_MEMBER = "DELETE FROM lobby_members WHERE user_id = $1 AND lobby_id = $2";
    DELETE_MEMBERS = "DELETE FROM lobby_members WHERE lobby_id = $1";
    LOBBY_OF = "SELECT lobby_id FROM lobby_members WHERE user_id = $1";

    GIVE_BACK = "INSERT INTO released_host_places (match_id) VALUES ($1) ON CONFLICT (match_id) DO NOTHING";
    GIVEN_BACK = "SELECT match_id FROM released_host_places ORDER BY match_id";
    FORGET_PLACE = "DELETE FROM released_host_places WHERE match_id = $1";

    CLOSE_ROOM = "INSERT INTO closing_lobby_rooms (room_id) VALUES ($1)";
    CLOSING_ROOMS = "SELECT room_id FROM closing_lobby_rooms ORDER BY room_id";
    FORGET_ROOM = "DELETE FROM closing_lobby_rooms WHERE room_id = $1";
}

fn lobby(row: &Row) -> Result<(State, GameMode), Error> {
    let (Json(state), Json(mode)) = (row.get(0)?, row.get(1)?);
    Ok((state, mode))
}

/// Stores a new lobby with the members it has.
pub(super) fn insert(tx: &mut Tx<'_, '_>, state: &State, mode: &GameMode) -> Result<(), Error> {
    let lobby = &state.lobby;
    let is_dedicated = state.outside_host().is_some();
    tx.execute(
        INSERT_LOBBY,
        params![
            lobby.id,
            lobby.code,
            lobby.host_id,
            is_dedicated,
            value(mode)?,
            value(state)?,
            lobby.version,
            lobby.created_at
        ],
    )
    // Of so many codes one came twice: the next one will do.
    .on_constraint("lobbies_code", Error::Common(crate::Error::Unavailable))?;
    if is_dedicated {
        let count: usize = tx.query_one(COUNT_HOSTED, params![lobby.host_id])?.get(0)?;
        if count > LOBBIES_HOSTED_MAX {
            return Err(Error::TooManyHosted);
        }
        listen(tx, lobby.id, lobby.host_id);
    }
    lobby.members.keys().try_for_each(|user| enter(tx, lobby.id, *user))?;
    rooms::open(tx, state)?;
    show(tx, state);
    Ok(())
}

/// Between the commit and the events: whoever is in hears of everything from their own arrival on.
fn listen(tx: &mut Tx<'_, '_>, lobby: LobbyId, user: UserId) {
    let hall = tx.cx().hall().clone();
    tx.after_commit(move || {
        connections::subscribe_user(&hall, user, Topic::Lobby(lobby));
        follow::begin(&hall, user, None);
    });
}

fn unlisten(tx: &mut Tx<'_, '_>, lobby: LobbyId, user: UserId) {
    let hall = tx.cx().hall().clone();
    tx.after_commit(move || {
        connections::unsubscribe_user(&hall, user, &Topic::Lobby(lobby));
        follow::begin(&hall, user, Some(lobby));
    });
}

fn enter(tx: &mut Tx<'_, '_>, lobby: LobbyId, user: UserId) -> Result<(), Error> {
    tx.execute(INSERT_MEMBER, params![user, lobby])
        .on_constraint("lobby_members_pkey", Error::AlreadyInLobby)?;
    listen(tx, lobby, user);
    Ok(())
}

/// Whoever looks for lobbies finds it as it is now.
fn show(tx: &mut Tx<'_, '_>, state: &State) {
    let (hall, card) = (tx.cx().hall().clone(), super::list::Card::of(state));
    tx.after_commit(move || {
        if hall.lobbies().index.put(card) {
            keeper::begin(&hall);
        }
    });
}

/// Writes what a lobby did, in this order; of what it is, only the last counts.
pub(super) fn apply(tx: &mut Tx<'_, '_>, id: LobbyId, effects: &[&Effect]) -> Result<(), Error> {
    for effect in effects {
        match effect {
            Effect::Saved(_) | Effect::Closed { .. } => {}
            Effect::Started(begin) => start(tx, begin)?,
            Effect::Reseated { match_id } => {
                let (hall, match_id) = (tx.cx().hall().clone(), *match_id);
                tx.after_commit(move || follow::reseat(&hall, id, match_id));
            }
            Effect::Entered { user } => enter(tx, id, *user)?,
            Effect::Gone { user } => {
                tx.execute(DELETE_MEMBER, params![user, id])?;
                unlisten(tx, id, *user);
            }
            Effect::Unhosted { host } => unlisten(tx, id, *host),
            Effect::Hosted { host } => listen(tx, id, *host),
            Effect::Abandoned { match_id } => {
                matches::lobby_ended(tx, *match_id, LobbyEnd::Closed).map_err(matches::Error::into_common)?;
            }
            Effect::Deserted { match_id } => {
                let (hall, match_id) = (tx.cx().hall().clone(), *match_id);
                tx.after_commit(move || follow::desert_match(&hall, match_id));
            }
            Effect::Wanted => {
                let hall = tx.cx().hall().clone();
                tx.after_commit(move || places::begin(&hall, id, Vec::new()));
            }
            Effect::Released { match_id } => give_back(tx, id, *match_id)?,
            Effect::Moved => {
                let hall = tx.cx().hall().clone();
                tx.after_commit(move || rooms::begin(&hall, id, Vec::new()));
            }
            Effect::Audited(line) => {
                let entry = audit::Entry::new(line.action).by(&line.by).target(Topic::Lobby(id).to_string());
                let entry = line.reason.iter().fold(entry.after(&line.about), |entry, why| entry.reason(why));
                audit::record(tx, entry)?;
            }
        }
    }
    match effects.iter().rev().find(|effect| matches!(effect, Effect::Saved(_) | Effect::Closed { .. })) {
        Some(Effect::Saved(state)) => save(tx, id, state),
        Some(Effect::Closed { listeners, rooms: closed, place, running }) => {
            place.iter().try_for_each(|match_id| give_back(tx, id, *match_id))?;
            close(tx, id, listeners, *closed, *running)
        }
        _ => Ok(()),
    }
}

/// Begins a match. Which parties are in it is asked now, in this transaction.
fn start(tx: &mut Tx<'_, '_>, begin: &Begin) -> Result<(), Error> {
    let mut begin = begin.clone();
    bring_parties(tx, &mut begin.seats)?;
    Ok(matches::begin(tx, begin).map_err(matches::Error::into_common)?)
}

/// Says of these which party they are in.
pub(super) fn bring_parties(tx: &mut Tx<'_, '_>, seats: &mut [Seat]) -> Result<(), Error> {
    let users: Vec<UserId> = seats.iter().map(|seat| seat.user).collect();
    let parties = parties::parties_of(tx, &users).map_err(parties::Error::into_common)?;
    for seat in seats {
        seat.party = parties.get(&seat.user).copied();
    }
    Ok(())
}

fn save(tx: &mut Tx<'_, '_>, id: LobbyId, state: &State) -> Result<(), Error> {
    let lobby = &state.lobby;
    let is_dedicated = state.outside_host().is_some();
    tx.execute(
        UPDATE_LOBBY,
        params![id, lobby.code, lobby.host_id, is_dedicated, value(state)?, lobby.version],
    )
    .on_constraint("lobbies_code", Error::Common(crate::Error::Unavailable))?;
    show(tx, state);
    Ok(())
}

fn close(
    tx: &mut Tx<'_, '_>,
    id: LobbyId,
    listeners: &[UserId],
    closed: [RoomId; 2],
    running: Option<(MatchId, LobbyEnd)>,
) -> Result<(), Error> {
    tx.execute(DELETE_MEMBERS, params![id])?;
    tx.execute(DELETE_LOBBY, params![id])?;
    for user in listeners {
        unlisten(tx, id, *user);
    }
    closed.iter().try_for_each(|room| close_room(tx, *room))?;
    let hall = tx.cx().hall().clone();
    tx.after_commit(move || {
        if hall.lobbies().index.remove(id) {
            keeper::begin(&hall);
        }
        rooms::begin(&hall, id, closed.into());
    });
    if let Some((match_id, end)) = running {
        matches::lobby_ended(tx, match_id, end).map_err(matches::Error::into_common)?;
    }
    Ok(())
}

pub(super) fn find(tx: &mut Tx<'_, '_>, id: LobbyId) -> Result<Option<(State, GameMode)>, Error> {
    tx.query_opt(FIND_LOBBY, params![id])?.as_ref().map(lobby).transpose()
}

/// The lobby that has this code.
pub(super) fn find_by_code(tx: &mut Tx<'_, '_>, code: &str) -> Result<Option<LobbyId>, Error> {
    Ok(tx.query_opt(FIND_BY_CODE, params![code])?.map(|row| row.get(0)).transpose()?)
}

/// Some lobbies after this one.
pub(super) fn list(tx: &mut Tx<'_, '_>, after: LobbyId, limit: usize) -> Result<Vec<State>, Error> {
    let rows = tx.query(LIST_LOBBIES, params![after, limit])?;
    rows.iter().map(|row| Ok(lobby(row)?.0)).collect()
}

/// The lobby a user is in.
pub(super) fn lobby_of(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Option<LobbyId>, Error> {
    Ok(tx.query_opt(LOBBY_OF, params![user])?.map(|row| row.get(0)).transpose()?)
}

/// The lobbies a user hosts as a dedicated host: at most as many as one may open and as its pool may give it.
pub(super) fn hosted_by(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Vec<LobbyId>, Error> {
    let rows = tx.query(HOSTED, params![user])?;
    rows.iter().map(|row| Ok(row.get(0)?)).collect()
}

/// The lobby a user is in, and those they host.
pub(super) fn of_user(tx: &mut Tx<'_, '_>, user: UserId) -> Result<OwnLobbies, Error> {
    let found = match lobby_of(tx, user)? {
        Some(lobby) => find(tx, lobby)?,
        None => None,
    };
    let lobby = found.map(|(state, _)| Box::new(state.own(user)));
    Ok(OwnLobbies { lobby, hosted: hosted_by(tx, user)? })
}

/// Remembers that a room is to be closed.
pub(super) fn close_room(tx: &mut Tx<'_, '_>, room: RoomId) -> Result<(), Error> {
    tx.execute(CLOSE_ROOM, params![room])?;
    Ok(())
}

/// Rooms of lobbies that have closed, and are still to be closed.
pub(super) fn closing_rooms(tx: &mut Tx<'_, '_>) -> Result<Vec<RoomId>, Error> {
    tx.query(CLOSING_ROOMS, params![])?.iter().map(|row| Ok(row.get(0)?)).collect()
}

/// Lets go of a room that is closed.
pub(super) fn forget_room(tx: &mut Tx<'_, '_>, room: RoomId) -> Result<(), Error> {
    tx.execute(FORGET_ROOM, params![room])?;
    Ok(())
}

/// Remembers that a match needs its host no longer, and has that follow.
fn give_back(tx: &mut Tx<'_, '_>, lobby: LobbyId, match_id: MatchId) -> Result<(), Error> {
    note_released(tx, match_id)?;
    let hall = tx.cx().hall().clone();
    tx.after_commit(move || places::begin(&hall, lobby, vec![match_id]));
    Ok(())
}

/// Remembers that a match needs its host no longer.
pub(super) fn note_released(tx: &mut Tx<'_, '_>, match_id: MatchId) -> Result<(), Error> {
    tx.execute(GIVE_BACK, params![match_id])?;
    Ok(())
}

/// Matches that need their host no longer, of which the pool has still to hear.
pub(super) fn given_back(tx: &mut Tx<'_, '_>) -> Result<Vec<MatchId>, Error> {
    tx.query(GIVEN_BACK, params![])?.iter().map(|row| Ok(row.get(0)?)).collect()
}

/// Lets go of a match of which the pool has heard.
pub(super) fn forget_place(tx: &mut Tx<'_, '_>, match_id: MatchId) -> Result<(), Error> {
    tx.execute(FORGET_PLACE, params![match_id])?;
    Ok(())
}
