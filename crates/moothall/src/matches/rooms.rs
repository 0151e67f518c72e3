//! The room in which the players of a match talk.
//!
//! It lives in another partition than the match, and follows it: see `communication/following_rooms.rs`. [`begin`] is called after the commit,
//! and each step goes by what the database says then; [`settled`] waits for it. The row of the match says whether its room is open: so a
//! room that a crash kept from being told is told when the server starts, see [`recover`].

use moothall_protocol::communication::RoomKind;
use moothall_protocol::{MatchId, UserId};
use uuid::Uuid;

use super::game::State;
use super::{Error, store};
use crate::communication::{self, FollowingRoom};
use crate::cx::Tx;
use crate::following::persistently;
use crate::{Cx, Hall};

/// Rooms told together when the server starts.
const BATCH: usize = 200;

/// Makes the room of a match that begins.
pub(super) fn open(tx: &mut Tx<'_, '_>, state: &State) -> Result<(), Error> {
    let retention_days = tx.cx().hall().settings().matches.chat_days;
    let room = FollowingRoom {
        id: state.game.room_id,
        kind: RoomKind::Match,
        users: players(state),
        retention_days,
    };
    Ok(communication::open_following_room(tx, &room).map_err(communication::Error::into_common)?)
}

fn players(state: &State) -> Vec<UserId> {
    state.game.players().map(|(user, _)| user).collect()
}

/// Has the room of a match follow who plays it, and close when it is over.
pub(super) fn begin(hall: &Hall, id: MatchId) {
    hall.matches().rooms.begin(hall, id, Vec::new(), follow);
}

/// Returns once the room of a match has followed it.
pub(super) async fn settled(hall: &Hall, id: MatchId) {
    hall.matches().rooms.settled(id).await;
}

async fn follow(hall: Hall, id: MatchId, _: Vec<()>) {
    let cx = Cx::server(&hall);
    if let Err(error) = persistently(&hall, || follow_once(&cx, id)).await {
        tracing::warn!(match.id = %id, "The room of the match {id} does not follow it: {error}");
    }
}

async fn follow_once(cx: &Cx, id: MatchId) -> Result<(), Error> {
    let Some(state) = cx.read(move |tx| store::find(tx, id)).await? else { return Ok(()) };
    let (room, version) = (state.game.room_id, state.game.version);
    if state.game.is_on() {
        let seated = communication::seat_following_room(cx, room, players(&state), version).await;
        return Ok(seated.map_err(communication::Error::into_common)?);
    }
    communication::close_following_room(cx, room).await.map_err(communication::Error::into_common)?;
    cx.write(move |tx| store::close_room(tx, id)).await
}

/// Tells all open rooms how their match stands, when the server starts.
pub(super) async fn recover(hall: &Hall) -> Result<(), Error> {
    let mut after = MatchId::from_uuid(Uuid::nil());
    loop {
        let open = Cx::server(hall).read(move |tx| store::with_room(tx, after, BATCH)).await?;
        let Some(last) = open.last() else { return Ok(()) };
        after = *last;
        for id in open {
            begin(hall, id);
            settled(hall, id).await;
        }
    }
}
