//! The rooms in which a lobby talks: one for all who are in it, one for those who watch.
//!
//! They live in other partitions than the lobby, and follow it: see `communication/following_rooms.rs`. [`begin`] is called after the
//! commit, and each step goes by what the database says then; [`settled`] waits for it, so that whoever has left a lobby when they
//! are answered has left its rooms. A lobby that closes leaves behind which rooms are still to be closed, in the same transaction: a
//! crash in between is made good when the server starts, see [`recover`].

use moothall_protocol::communication::RoomKind;
use moothall_protocol::{LobbyId, RoomId, UserId};

use super::lobby::State;
use super::{Error, store};
use crate::communication::{self, FollowingRoom};
use crate::cx::Tx;
use crate::following::persistently;
use crate::{Cx, Hall};

/// Makes the rooms of a lobby that opens.
pub(super) fn open(tx: &mut Tx<'_, '_>, state: &State) -> Result<(), Error> {
    let (lobby, audiences) = (&state.lobby, state.audiences());
    open_one(tx, lobby.room_id, RoomKind::Lobby, audiences.all)?;
    open_one(tx, lobby.spectators_room_id, RoomKind::LobbySpectators, audiences.spectators)
}

fn open_one(tx: &mut Tx<'_, '_>, id: RoomId, kind: RoomKind, users: Vec<UserId>) -> Result<(), Error> {
    let retention_days = tx.cx().hall().settings().lobbies.chat_days;
    let room = FollowingRoom { id, kind, users, retention_days };
    Ok(communication::open_following_room(tx, &room).map_err(communication::Error::into_common)?)
}

/// Has the rooms of a lobby follow who is in it. `closed` are those of it that are to be closed.
pub(super) fn begin(hall: &Hall, lobby: LobbyId, closed: Vec<RoomId>) {
    hall.lobbies().rooms.begin(hall, lobby, closed, follow);
}

/// Returns once the rooms of a lobby have followed who is in it by now.
pub(super) async fn settled(hall: &Hall, lobby: LobbyId) {
    hall.lobbies().rooms.settled(lobby).await;
}

async fn follow(hall: Hall, lobby: LobbyId, closed: Vec<RoomId>) {
    let cx = Cx::server(&hall);
    if let Err(error) = persistently(&hall, || follow_once(&cx, lobby, &closed)).await {
        tracing::warn!(lobby.id = %lobby, "The rooms of the lobby {lobby} do not follow it: {error}");
    }
}

async fn follow_once(cx: &Cx, lobby: LobbyId, closed: &[RoomId]) -> Result<(), Error> {
    for room in closed {
        close(cx, *room).await?;
    }
    let Some((state, _)) = cx.read(move |tx| store::find(tx, lobby)).await? else { return Ok(()) };
    let (audiences, version) = (state.audiences(), state.lobby.version);
    let (all, spectators) = tokio::join!(
        communication::seat_following_room(cx, state.lobby.room_id, audiences.all, version),
        communication::seat_following_room(cx, state.lobby.spectators_room_id, audiences.spectators, version),
    );
    Ok(all.and(spectators).map_err(communication::Error::into_common)?)
}

async fn close(cx: &Cx, room: RoomId) -> Result<(), Error> {
    let closed = communication::close_following_room(cx, room).await;
    closed.map_err(communication::Error::into_common)?;
    cx.write(move |tx| store::forget_room(tx, room)).await
}

/// Closes the rooms of lobbies that had closed when the server stopped.
pub(super) async fn recover(cx: &Cx) -> Result<(), Error> {
    for room in cx.read(store::closing_rooms).await? {
        close(cx, room).await?;
    }
    Ok(())
}
