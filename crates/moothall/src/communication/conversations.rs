//! Conversations without a name to find them by: of two users, and of a few.

use moothall_protocol::communication::{CreateGroup, OpenDirect, Room, RoomKind, RoomRole};
use moothall_protocol::limits::GROUP_MEMBERS_MAX;
use moothall_protocol::{Event, RoomId, UserId};

use super::room::{Seat, Way};
use super::rooms::{blank, making, named, seat};
use super::{Error, store};
use crate::reach::{self, How, Reach};
use crate::restrictions::types::{CHAT, ROOM_CREATE};
use crate::restrictions::{self, Scope};
use crate::{Cx, Topic};

/// The conversation of the caller with one other user; it is made when there is none yet. The other one hears of it with the
/// first message.
pub async fn open_direct(cx: &Cx, input: OpenDirect) -> Result<Room, Error> {
    let (user, other) = (cx.require_user()?, input.user_id);
    let _making = making(cx).await;
    if user == other {
        return Err(crate::Error::field("/user_id", "invalid", "that is yourself").into());
    }
    if reach::may_reach(cx, other, How::Write).await? == Reach::No {
        return Err(Error::Unreachable);
    }
    let now = cx.now();
    let room = blank(cx.new_id(), RoomKind::Direct, 2, now);
    cx.mutate(move |tx| {
        let pair = pair_key([user, other]);
        if let Some(room) = store::find_direct(tx, &pair)? {
            let mut found = [room];
            store::as_seen(tx, user, &mut found)?;
            let [room] = found;
            return Ok(room);
        }
        let seats = [user, other].map(|user| (user, seat(RoomRole::Member, now)));
        store::insert_room(tx, &room, Some(&pair), &seats)?;
        Ok(room.clone())
    })
    .await
}

/// Makes a group of the caller and friends of theirs. All of them hear of it.
pub async fn create_group(cx: &Cx, input: CreateGroup) -> Result<Room, Error> {
    let user = cx.require_user()?;
    let _making = making(cx).await;
    restrictions::check(cx, ROOM_CREATE, Scope::ANYWHERE).await?;
    if input.name.is_some() {
        restrictions::check(cx, CHAT, Scope::ANYWHERE).await?;
    }
    let mut users = vec![user];
    for other in input.user_ids {
        if !users.contains(&other) {
            users.push(other);
        }
    }
    if users.len() > GROUP_MEMBERS_MAX {
        return Err(Error::Full);
    }
    reach_all(cx, users.get(1..).unwrap_or_default()).await?;
    let name = input.name.as_deref().map(|name| named(cx, name)).transpose()?;
    let now = cx.now();
    let room = Room {
        name: name.map(|name| name.display().to_owned()),
        ..blank(cx.new_id(), RoomKind::Group, users.len() as u32, now)
    };
    cx.mutate(move |tx| {
        let maker = user;
        let seat = |user| Seat { brought_in: user != maker, ..seat(RoomRole::Member, now) };
        let seats: Vec<(UserId, Seat)> = users.iter().map(|user| (*user, seat(*user))).collect();
        store::insert_room(tx, &room, None, &seats)?;
        for user in &users {
            tx.emit(Topic::User(*user), Event::RoomJoined(room.clone()));
        }
        Ok(room.clone())
    })
    .await
}

async fn reach_all(cx: &Cx, users: &[UserId]) -> Result<(), Error> {
    let reached = reach::may_reach_each(cx, users, How::Bring).await?;
    let is_reached = |user: &UserId| reached.get(user) == Some(&Reach::Yes);
    if users.iter().all(is_reached) { Ok(()) } else { Err(Error::Unreachable) }
}

/// What finds the conversation of two users: both ids, the lower one first.
fn pair_key(mut pair: [UserId; 2]) -> Vec<u8> {
    pair.sort_unstable();
    pair.iter().flat_map(|user| *user.uuid().as_bytes()).collect()
}

/// How what the caller says in a room reaches the other one, if it is a direct conversation. Refuses whoever does not reach them (any
/// more) and may know it.
pub(super) async fn way(cx: &Cx, user: UserId, room: RoomId) -> Result<Way, Error> {
    let other = pair(cx, room).await?.into_iter().flatten().find(|other| *other != user);
    let Some(other) = other else { return Ok(Way::Open) };
    match reach::may_reach(cx, other, How::Write).await? {
        Reach::Yes => Ok(Way::Open),
        Reach::Held => Ok(Way::Held),
        Reach::Silent => Ok(Way::Withheld),
        Reach::No => Err(Error::Unreachable),
    }
}

/// Whether this is the conversation of two users.
pub(super) async fn is_direct(cx: &Cx, room: RoomId) -> Result<bool, Error> {
    Ok(pair(cx, room).await?.is_some())
}

/// The two users of a direct conversation.
async fn pair(cx: &Cx, room: RoomId) -> Result<Option<[UserId; 2]>, Error> {
    let pairs = &cx.hall().communication().pairs;
    match pairs.get(&room) {
        Some(pair) => Ok(pair),
        None => {
            let pair = cx.read(move |tx| store::pair(tx, room)).await?;
            pairs.insert(room, pair);
            Ok(pair)
        }
    }
}
