//! Rooms that follow something else: a party, a lobby, those who watch in a lobby, a match.
//!
//! What is followed lives in another partition than its room. It decides who is in it, and the room is told afterwards, each time with
//! all of them: so a message that got lost is made good by the next. Such a room is described by nobody, and lives on for as long as
//! what was said in it is kept.

use moothall_protocol::communication::{Room, RoomKind, RoomRole};
use moothall_protocol::{Event, RoomId, UserId};

use super::room::Act;
use super::rooms::{blank, seat, tell};
use super::{Error, store};
use crate::{Cx, Topic, Tx};

/// A room to make that follows something.
#[derive(Clone, Debug)]
pub(crate) struct FollowingRoom {
    /// Its id, by which those it follows know it.
    pub id: RoomId,
    /// What it follows.
    pub kind: RoomKind,
    /// Who is in it from the beginning.
    pub users: Vec<UserId>,
    /// Days for which what is said in it is kept.
    pub retention_days: u32,
}

/// Makes a room that follows something, in the transaction that makes what it follows.
pub(crate) fn open_following_room(tx: &mut Tx<'_, '_>, new: &FollowingRoom) -> Result<(), Error> {
    let members = u32::try_from(new.users.len()).unwrap_or(u32::MAX);
    let now = tx.now();
    let room = Room { retention_days: Some(new.retention_days), ..blank(new.id, new.kind, members, now) };
    let seats: Vec<_> = new.users.iter().map(|user| (*user, seat(RoomRole::Member, now))).collect();
    store::insert_room(tx, &room, None, &seats)?;
    for user in &new.users {
        tx.emit(Topic::User(*user), Event::RoomJoined(room.clone()));
    }
    Ok(())
}

/// Has these users in a room that follows something, and nobody else. Of two versions of what it follows the later counts, whichever
/// comes first. One that is closed, or gone with its history, stays so.
pub(crate) async fn seat_following_room(
    cx: &Cx,
    room: RoomId,
    users: Vec<UserId>,
    version: i64,
) -> Result<(), Error> {
    unless_gone(tell(cx, room, None, Act::Seat { users, version }).await)
}

/// What it followed is no more: nobody is in the room, and nobody comes. Its history goes when its days are over, and it with that.
pub(crate) async fn close_following_room(cx: &Cx, room: RoomId) -> Result<(), Error> {
    unless_gone(tell(cx, room, None, Act::Unseat).await)
}

fn unless_gone<T>(outcome: Result<T, Error>) -> Result<(), Error> {
    match outcome {
        Ok(_) | Err(Error::Common(crate::Error::NotFound)) => Ok(()),
        Err(error) => Err(error),
    }
}
