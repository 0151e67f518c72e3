//! Who is in a room: coming, going, and what each may do.

use moothall_protocol::communication::{
    AddMember, JoinRoom, KickMember, LeaveRoom, ListMembers, Member, SetRoomRole,
};
use moothall_protocol::limits::PAGE_ITEMS_DEFAULT;
use moothall_protocol::{Cursor, Page, UserId};

use uuid::Uuid;

use super::room::{self, Act};
use super::rooms::{answered, key, place, tell, tell_from};
use super::{Error, readable, store};
use crate::Cx;
use crate::reach::{self, How, Reach};

/// Joins a room. Joining twice is as once.
pub async fn join(cx: &Cx, input: JoinRoom) -> Result<Member, Error> {
    tell(cx, input.room_id, None, Act::Join).await?.member()
}

/// Leaves a room or a group.
pub async fn leave(cx: &Cx, input: LeaveRoom) -> Result<(), Error> {
    tell(cx, input.room_id, None, Act::Leave).await.map(drop)
}

/// Brings a friend in.
pub async fn add_member(cx: &Cx, input: AddMember) -> Result<Member, Error> {
    let place = place(cx, input.room_id).await;
    if reach::may_reach(cx, input.user_id, How::Bring).await? != Reach::Yes {
        return Err(Error::Unreachable);
    }
    tell_from(place, cx, input.room_id, input.reason, Act::Add { user: input.user_id }).await?.member()
}

/// Removes a member. Who is not there stays away.
pub async fn kick(cx: &Cx, input: KickMember) -> Result<(), Error> {
    tell(cx, input.room_id, input.reason, Act::Kick { user: input.user_id }).await.map(drop)
}

/// Sets what a member may do.
pub async fn set_role(cx: &Cx, input: SetRoomRole) -> Result<Member, Error> {
    let act = Act::SetRole { user: input.user_id, role: input.role };
    tell(cx, input.room_id, input.reason, act).await?.member()
}

/// Lists the members of a room that the caller may read.
pub async fn list_members(cx: &Cx, input: ListMembers) -> Result<Page<Member>, Error> {
    let after = key(input.cursor.as_ref())?.unwrap_or(UserId::from_uuid(Uuid::nil()));
    let limit = input.limit.unwrap_or(PAGE_ITEMS_DEFAULT);
    answered(cx, input.room_id).await;
    let members = cx
        .read(move |tx| {
            let room = readable(tx, input.room_id)?;
            let mut seats = store::list_seats(tx, room.id, after, limit + 1)?;
            store::add_unheard(tx, &room, &mut seats)?;
            let reader = tx.cx().user();
            for (_, seat) in seats.iter_mut().filter(|(user, _)| Some(*user) == reader) {
                // To themselves what they wrote is as any other message.
                seat.unheard = None;
            }
            Ok::<_, Error>(seats.iter().map(|(user, seat)| room::member(&room, *user, seat)).collect())
        })
        .await?;
    Ok(Page::cut(members, limit, |last: &Member| Cursor::of(&last.user_id)))
}
