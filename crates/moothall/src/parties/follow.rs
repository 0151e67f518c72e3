//! What follows from a change of a party elsewhere: its room, the presence of its members, and the party that somebody left for it.
//!
//! All of that lives in other partitions. [`begin`] is called after the commit, from wherever the change came, and each step goes by what
//! the party is then: see `following.rs`. A crash in between is made good when the server starts: see [`recover`].

use moothall_protocol::parties::Party as Shown;
use moothall_protocol::{PartyId, RoomId, UserId};
use uuid::Uuid;

use super::party::{Command, Party, Reply};
use super::{Error, store};
use crate::connections::{self, Placed};
use crate::{Cx, Hall, WeakHall, communication, following};

/// Parties looked at together when the server starts.
const BATCH: usize = 200;

/// What happened that others must hear of.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Who came, went, or is connected.
    pub users: Vec<UserId>,
    /// Who came to another party, with the number they had here.
    pub moved: Vec<(UserId, i64)>,
    /// The room, once the party has ended.
    pub ended: Option<RoomId>,
}

impl News {
    pub fn about(user: UserId) -> Self {
        Self { users: vec![user], ..Self::default() }
    }

    pub fn moved(user: UserId, number: i64) -> Self {
        Self { moved: vec![(user, number)], ..Self::about(user) }
    }

    pub fn ended(room: RoomId) -> Self {
        Self { ended: Some(room), ..Self::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.users.is_empty() && self.moved.is_empty() && self.ended.is_none()
    }
}

impl following::News for News {
    fn add(&mut self, more: Self) {
        self.users.extend(more.users);
        self.moved.extend(more.moved);
        self.ended = self.ended.or(more.ended);
    }
}

/// Has everybody else follow what happened to a party.
pub(super) fn begin(hall: &Hall, party: PartyId, news: News) {
    hall.parties().following.begin(hall, party, news, follow);
}

/// Returns once everybody has followed what happened to a party until now.
pub(super) async fn settled(hall: &Hall, party: PartyId) {
    hall.parties().following.settled(party).await;
}

async fn follow(hall: Hall, party: PartyId, news: News) {
    let cx = Cx::server(&hall);
    if let Err(error) = following::persistently(&hall, || follow_once(&cx, party, &news)).await {
        tracing::warn!(party.id = %party, "Not everybody followed the party {party}: {error}");
    }
}

async fn follow_once(cx: &Cx, id: PartyId, news: &News) -> Result<(), Error> {
    for (user, number) in &news.moved {
        let present = present(cx, id).await?;
        tell(cx, id, Command::Moved { user: *user, number: *number, present }).await?;
    }
    let party = read(cx, id).await?;
    match (&party, news.ended) {
        (Some(party), _) => {
            let users = party.members.iter().map(|member| member.user_id).collect();
            communication::seat_following_room(cx, party.room_id, users, party.version)
                .await
                .map_err(communication::Error::into_common)?;
        }
        (None, Some(room)) => {
            let closed = communication::close_following_room(cx, room).await;
            closed.map_err(communication::Error::into_common)?;
            cx.write(move |tx| store::forget(tx, id)).await?;
        }
        (None, None) => {}
    }
    for user in &news.users {
        place(cx, id, party.as_ref(), *user).await?;
    }
    Ok(())
}

/// Tells the party whether the user is connected, and those who look at the user whether they are in the party.
async fn place(cx: &Cx, id: PartyId, party: Option<&Shown>, user: UserId) -> Result<(), Error> {
    let is_member = party.is_some_and(|party| party.members.iter().any(|member| member.user_id == user));
    if is_member && let Some(visit) = connections::visit_of(cx.hall(), user) {
        tell(cx, id, Command::Arrive { user, visit }).await?;
    }
    let placed = if is_member { Placed::InParty(id) } else { Placed::NotInParty(id) };
    Ok(connections::place_if_here(cx, user, placed).await?)
}

/// Tells a party something in the server's name. One that has ended hears nothing any more.
async fn tell(cx: &Cx, id: PartyId, command: Command) -> Result<(), Error> {
    cx.hall().directory().call_if_there::<Party>(cx, id, command).await.map(drop)
}

/// The party as it is now, if it has not ended.
pub(super) async fn read(cx: &Cx, id: PartyId) -> Result<Option<Shown>, Error> {
    let reply = cx.hall().directory().call_if_there::<Party>(cx, id, Command::Read).await?;
    reply.map(Reply::party).transpose()
}

/// The members who have a socket at this moment.
pub(super) async fn present(cx: &Cx, id: PartyId) -> Result<Vec<UserId>, Error> {
    let members = read(cx, id).await?.map(|party| party.members).unwrap_or_default();
    let members = members.into_iter().map(|member| member.user_id);
    Ok(members.filter(|user| connections::is_attached(cx.hall(), *user)).collect())
}

/// A user is gone whose last attachment had this number: they leave their party.
pub(super) async fn leave_behind(hall: WeakHall, user: UserId, visit: u64) {
    let Some(hall) = hall.upgrade() else { return };
    // Another session of theirs may have taken the place of the one that went, and the party has still to hear of it.
    if connections::visit_of(&hall, user).is_some_and(|newest| newest > visit) {
        return;
    }
    let cx = Cx::server(&hall);
    let gone = async {
        let Some(party) = cx.read(move |tx| store::party_of(tx, user)).await? else { return Ok(()) };
        let present = present(&cx, party).await?;
        tell(&cx, party, Command::Gone { user, visit, present }).await
    };
    let gone: Result<(), Error> = gone.await;
    if let Err(error) = gone {
        tracing::warn!(user.id = %user, "The party of {user} does not know that they are gone: {error}");
    }
}

/// Wakes all parties when the server starts, so that what is due becomes due, and has everybody follow what they are.
pub(super) async fn recover(hall: WeakHall) {
    let mut after = PartyId::from_uuid(Uuid::nil());
    loop {
        let Some(hall) = hall.upgrade() else { return };
        let cx = Cx::server(&hall);
        let parties = match cx.read(move |tx| store::list(tx, after, BATCH)).await {
            Ok(parties) => parties,
            Err(error) => return tracing::warn!("Could not wake all parties: {error}"),
        };
        let Some((last, _)) = parties.last() else { return };
        after = *last;
        for (party, room) in parties {
            if let Err(error) = tell(&cx, party, Command::Recover).await {
                tracing::warn!(party.id = %party, "Could not wake the party {party}: {error}");
            }
            begin(&hall, party, News::ended(room));
            settled(&hall, party).await;
        }
    }
}
