//! What players of a match send each other through the server while they play.
//!
//! Start at [`relay`]: the cheapest path through the server. What is relayed is opaque, is stored nowhere, and reaches each player who is
//! connected once and in order. Who may relay to whom is opened by a host, lives in memory (`relays/open.rs`), and is gone after a restart.

mod open;

use moothall_protocol::limits::RELAY_BYTES_MAX;
use moothall_protocol::matches::{
    CloseRelay, ClosedRelay, MyRelays, OpenRelay, OpenedRelay, Relay, Relayed, Relays,
};
use moothall_protocol::{Event, UserId};

pub(super) use open::OpenRelays;

use super::MANAGE_RELAYS;
use crate::operation::{Access, Operations, Rate};
use crate::topics::Audience;
use crate::{Cx, Error, Topic, connections, reach};

/// Adds the operations on relays.
pub(super) fn offer(operations: Operations) -> Operations {
    operations
        .post("/matches/relays", "matches.open_relay", Access::Host, open_relay)
        .unguarded()
        .get("/matches/relays", "matches.my_relays", Access::Player, my_relays)
        .delete("/matches/{match_id}/relay", "matches.close_relay", Access::Host, close_relay)
        .unguarded()
        .post("/matches/{match_id}/relay", "matches.relay", Access::Player, relay)
        .rate(Rate::Relay)
        .unguarded()
}

/// Opens a relay between players.
pub async fn open_relay(cx: &Cx, input: OpenRelay) -> Result<OpenedRelay, Error> {
    let living = reach::living(cx, &input.user_ids).await?;
    let unknown = input.user_ids.iter().position(|user| !living.contains(user));
    if let Some(place) = unknown {
        return Err(Error::field(&format!("/user_ids/{place}"), "unknown_user", "there is no such user"));
    }
    let mut user_ids = input.user_ids;
    user_ids.sort_unstable();
    user_ids.dedup();
    let opened = OpenedRelay { match_id: cx.new_id(), user_ids, opened_at: cx.now() };
    let hall = cx.hall();
    let live = &hall.matches().relays;
    live.open(cx.elapsed(), cx.user(), &opened)?;
    for user in &opened.user_ids {
        connections::subscribe_user(hall, *user, Topic::Match(opened.match_id));
        hall.topics().publish(Topic::User(*user), Event::RelayOpened(opened.clone()));
    }
    Ok(opened)
}

/// The relays of the caller.
pub async fn my_relays(cx: &Cx, _: MyRelays) -> Result<Relays, Error> {
    Ok(Relays { items: cx.hall().matches().relays.of_user(cx.require_user()?) })
}

/// Closes a relay.
pub async fn close_relay(cx: &Cx, input: CloseRelay) -> Result<(), Error> {
    let may_all = cx.can(MANAGE_RELAYS);
    let hall = cx.hall();
    let closed =
        hall.matches().relays.close(input.match_id, |host| may_all || host.is_some() && host == cx.user())?;
    let topic = Topic::Match(closed.match_id);
    let event = Event::RelayClosed(ClosedRelay { match_id: closed.match_id });
    hall.topics().publish(topic.clone(), event);
    for user in &closed.user_ids {
        connections::unsubscribe_user(hall, *user, &topic);
    }
    Ok(())
}

/// Sends data to other players of a match.
pub async fn relay(cx: &Cx, input: Relay) -> Result<(), Error> {
    let from = cx.require_user()?;
    if input.data.0.len() > RELAY_BYTES_MAX {
        return Err(Error::most("/data", "too_long", "this is too much to relay at once", RELAY_BYTES_MAX));
    }
    // To others a relay they are not in is not there.
    cx.hall().matches().relays.require_member(cx.elapsed(), input.match_id, from)?;
    let audience = match input.to {
        Some(mut users) => {
            users.retain(|user| *user != from);
            Audience::Only(users.into_boxed_slice())
        }
        None => Audience::Except(from),
    };
    let event = Event::Relayed(Relayed { from, data: input.data });
    cx.hall().topics().publish_to(Topic::Match(input.match_id), event, audience);
    Ok(())
}

/// The topics of the relays a user is in.
pub(super) fn topics_of(cx: &Cx, user: UserId) -> Vec<Topic> {
    let relays = cx.hall().matches().relays.of_user(user);
    relays.into_iter().map(|relay| Topic::Match(relay.match_id)).collect()
}

#[cfg(test)]
mod tests;
