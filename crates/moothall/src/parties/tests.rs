//! Parties on a real database of each engine, with a clock that stands still.

mod codes;
mod invites;
mod members;
mod restarts;
mod rooms;
mod together;

use std::time::Duration;

use moothall_protocol::connections::Ready;
use moothall_protocol::limits::{PARTY_CODE_GUESSES_MAX, PARTY_INVITES_MAX};
use moothall_protocol::parties::{
    InviteEnd, InvitesBy, LeftParty, PartyChange, PartyInviteEnded, PartyLeft, PartyUpdated,
};

use super::*;
use crate::accounts::testing::{self as people, code};
use crate::connections::Stream;
use crate::testing::{TestHall, on_both_engines};
use crate::{Origin, snapshot};

const GRACE: Duration = Duration::from_secs(300);

/// Somebody who is connected, unless they have left.
struct Player {
    id: UserId,
    cx: Cx,
    stream: Option<Stream>,
}

impl Player {
    /// Signs up and connects. Returns once it has been told that they are here.
    async fn new(hall: &TestHall) -> Self {
        let signed_in = people::sign_up_guest(&hall.hall).await;
        let cx = people::call(&hall.hall, &signed_in).await;
        let mut player = Self { id: signed_in.user.id, cx, stream: None };
        player.connect(hall).await;
        player
    }

    /// Opens a socket, and says what it begins with.
    async fn connect(&mut self, hall: &TestHall) -> Ready {
        self.stream = None;
        // The server may be another by now.
        self.cx = Cx::new(&hall.hall, self.cx.caller().clone(), Origin::default());
        let mut stream = snapshot::open(&self.cx, None).await.unwrap();
        let (_, first) = stream.take(1).unwrap().remove(0);
        self.stream = Some(stream);
        match first.event() {
            Event::SessionReady(ready) | Event::SessionStale(ready) => (**ready).clone(),
            event => panic!("{event:?}"),
        }
    }

    /// What of parties they heard since the last time.
    fn heard(&mut self) -> Vec<Event> {
        let Some(stream) = &mut self.stream else { return Vec::new() };
        let taken = stream.take(usize::MAX).unwrap();
        let events = taken.into_iter().map(|(_, frame)| frame.event().clone());
        let is_of_parties = |event: &Event| {
            matches!(
                event,
                Event::PartyJoined(_)
                    | Event::PartyLeft(_)
                    | Event::PartyInvited(_)
                    | Event::PartyInviteEnded(_)
                    | Event::PartyUpdated(_)
            )
        };
        events.filter(is_of_parties).collect()
    }

    /// The changes among what they heard, and whom they are about.
    fn changes(&mut self) -> Vec<(PartyChange, Option<UserId>)> {
        let changes = self.heard().into_iter().filter_map(|event| match event {
            Event::PartyUpdated(PartyUpdated { change, user_id, .. }) => Some((change, user_id)),
            _ => None,
        });
        changes.collect()
    }

    async fn create(&self) -> Party {
        create(&self.cx, CreateParty::default()).await.unwrap()
    }

    async fn invite(&self, party_id: PartyId, other: &Player) -> Result<PartyInvite, Error> {
        invite(&self.cx, InviteToParty { party_id, user_id: other.id }).await
    }

    async fn accept(&self, party_id: PartyId) -> Result<Party, Error> {
        accept(&self.cx, AcceptPartyInvite { party_id }).await
    }

    async fn decline(&self, party_id: PartyId) -> Result<(), Error> {
        decline(&self.cx, DeclinePartyInvite { party_id }).await
    }

    async fn leave(&self, party_id: PartyId) -> Result<(), Error> {
        leave(&self.cx, LeaveParty { party_id }).await
    }

    async fn kick(&self, party_id: PartyId, other: &Player) -> Result<(), Error> {
        kick(&self.cx, KickFromParty { party_id, user_id: other.id }).await
    }

    async fn get(&self, party_id: PartyId) -> Result<Party, Error> {
        get(&self.cx, GetParty { party_id }).await
    }

    /// The party they are in.
    async fn party(&self) -> Option<Party> {
        mine(&self.cx, MyParties {}).await.unwrap().party
    }

    /// The parties they are invited into.
    async fn invites(&self) -> Vec<PartyId> {
        let invites = mine(&self.cx, MyParties {}).await.unwrap().invites;
        invites.into_iter().map(|invite| invite.party_id).collect()
    }

    /// Where others see them.
    async fn is_seen_in(&self) -> Option<PartyId> {
        let input = GetPresence { user_id: self.id };
        connections::get_presence(&self.cx, input).await.unwrap().party_id
    }
}

/// The members of a party, those who have been there longest first.
fn members(party: &Party) -> Vec<UserId> {
    party.members.iter().map(|member| member.user_id).collect()
}

/// So many players who are connected.
async fn players<const N: usize>(hall: &TestHall) -> [Player; N] {
    let mut all = Vec::new();
    for _ in 0..N {
        all.push(Player::new(hall).await);
    }
    all.try_into().unwrap_or_else(|_| unreachable!())
}

/// A party of these players, which the first one made.
async fn party_of<const N: usize>(all: &mut [Player; N]) -> PartyId {
    let id = all[0].create().await.id;
    for other in &all[1..] {
        all[0].invite(id, other).await.unwrap();
        other.accept(id).await.unwrap();
    }
    all.iter_mut().for_each(|player| drop(player.heard()));
    id
}

/// What comes of a task that runs beside the test.
async fn eventually(mut look: impl AsyncFnMut() -> bool) {
    for _ in 0..2_000 {
        if look().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("this never happens");
}
