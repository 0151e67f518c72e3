//! The rooms in which parties talk: the way of the parties to them.
//!
//! A party and its room live in different partitions. The party decides who is in it, and the room is told afterwards, each time
//! with all of them: so a message that got lost is made good by the next.

use moothall_protocol::communication::{Room, RoomKind, RoomRole};
use moothall_protocol::{Event, RoomId, UserId};

use super::room::Act;
use super::rooms::{blank, seat, tell};
use super::{Error, store};
use crate::{Cx, Topic, Tx};

/// Makes the room of a party, in which only its leader is yet. What is said in it is kept for so many days.
pub(crate) fn open_party_room(
    tx: &mut Tx<'_, '_>,
    id: RoomId,
    leader: UserId,
    retention_days: u32,
) -> Result<(), Error> {
    let room = Room { retention_days: Some(retention_days), ..blank(id, RoomKind::Party, 1, tx.now()) };
    store::insert_room(tx, &room, None, &[(leader, seat(RoomRole::Member, room.created_at))])?;
    tx.emit(Topic::User(leader), Event::RoomJoined(room));
    Ok(())
}

/// Has these users in the room of a party, and nobody else; it is closed when nobody is left. Of two versions of the party the later
/// counts, whichever comes first.
pub(crate) async fn seat_party(cx: &Cx, room: RoomId, users: Vec<UserId>, version: i64) -> Result<(), Error> {
    tell(cx, room, None, Act::Seat { users, version }).await.map(drop)
}
