//! Connections: live sessions and what they receive, presence, and who watches it.
//!
//! A *session* is a signed-in client; a *socket* is its connection of the moment, and any door can be one: it asks
//! the snapshot for a [`Stream`] and passes on what comes out. Start at `stream.rs` for how a stream begins and goes on,
//! at `live.rs` for which sessions there are, at `presence.rs` for how a user stands.
//!
//! Promises: a stream has every event once and in order, or ends and a fresh one begins; a session that is signed out or revoked
//! loses its socket at once; nothing is kept of who is gone.

mod error;
mod followers;
mod friends;
mod live;
mod policy;
pub(crate) mod presence;
mod session;
mod stream;
#[cfg(test)]
mod tests;
mod texts;
mod tickets;
mod watches;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use moothall_protocol::connections::{
    Connected, ConnectedCount, CountConnected, CreateTicket, Disconnect, DisconnectUser, GetPresence,
    ListConnected, OwnPresence, Presence, PresenceWatch, Ticket, UnwatchPresence, UpdatePresence, Visibility,
    WatchPresence,
};
use moothall_protocol::limits::{PAGE_ITEMS_DEFAULT, WATCHED_USERS_MAX, WATCHES_MAX};
use moothall_protocol::{CloseCode, Cursor, Page, PartyId, SessionId, UserId, WatchId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::hall::TOPICS_BY_PERMISSION;
use crate::operation::{Access, Operations, Rate};
use crate::topics::{Closing, Outbox};
use crate::{
    Caller, Cx, Hall, Identity, Permission, Permissions, Topic, WeakHall, accounts, audit, filter, reach,
};
pub use error::Error;
pub(crate) use friends::{Friends, revise, revise_viewers};
use live::Gone;
pub(crate) use live::Live;
pub use policy::{OnExcess, SessionPolicies, SessionPolicy};
use presence::Command;
pub use presence::Placed;
pub(crate) use session::Held;
pub(crate) use stream::{Attached, Begun, Opening, attach};
pub use stream::{Resume, Stream};
pub(crate) use texts::texts_guarded_by;

pub(crate) const STATEMENTS: &[(&str, &str)] = presence::STATEMENTS;

/// Sees who is connected.
pub const LIST: Permission = Permission("connections.list");
/// Disconnects others.
pub const DISCONNECT: Permission = Permission("connections.disconnect");

/// Settings of live sessions and presence.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Milliseconds after a drop before others see the user offline.
    #[schemars(range(max = 600_000))]
    pub offline_after_ms: u64,
    /// Milliseconds after a drop before what the user said of themselves is forgotten, and they leave where they were.
    #[schemars(range(max = 86_400_000))]
    pub grace_ms: u64,
    /// How many sessions of each kind a user may have live at once.
    pub sessions: SessionPolicies,
}

impl Default for Settings {
    fn default() -> Self {
        Self { offline_after_ms: 15_000, grace_ms: 300_000, sessions: SessionPolicies::default() }
    }
}

/// The operations of this context.
pub fn operations() -> Operations {
    Operations::context("connections", "Live sessions, and how their users stand")
        .errors(Error::CATALOGUE)
        .post("/socket/tickets", "connections.create_ticket", Access::Player, create_ticket)
        .unguarded()
        .get("/connections", "connections.list", Access::Permission(LIST), list)
        .rate(Rate::Admin)
        .get("/connections/count", "connections.count", Access::Player, count)
        .post("/connections/disconnect", "connections.disconnect", Access::Player, disconnect)
        .unguarded()
        .post(
            "/users/{user_id}/disconnect",
            "connections.disconnect_user",
            Access::Permission(DISCONNECT),
            disconnect_user,
        )
        .rate(Rate::Admin)
        .get("/users/{user_id}/presence", "connections.get_presence", Access::Player, get_presence)
        .patch("/presence", "connections.update_presence", Access::Player, update_presence)
        .rate(Rate::Social)
        .unguarded()
}

/// The operations on watches.
pub fn watch_operations() -> Operations {
    Operations::context("presence", "Watching how others stand")
        .errors(Error::CATALOGUE)
        .post("/presence/watches", "presence.watch", Access::Player, watch)
        .rate(Rate::Social)
        .unguarded()
        .delete("/presence/watches/{watch_id}", "presence.unwatch", Access::Player, unwatch)
        .rate(Rate::Social)
        .unguarded()
}

/// Makes a ticket that opens one socket of the calling session.
pub async fn create_ticket(cx: &Cx, _: CreateTicket) -> Result<Ticket, Error> {
    let session = cx.require_identity()?.session_id;
    let ticket = cx.hall().connections().tickets.create(cx.random(), cx.elapsed(), session);
    Ok(Ticket { ticket, expires_at: cx.now() + tickets::TICKET })
}

/// Who may open a socket with this ticket, which is then used up.
pub async fn redeem_ticket(hall: &Hall, ticket: &str) -> Result<Arc<Identity>, Error> {
    let session =
        hall.connections().tickets.take(hall.clock().elapsed(), ticket).ok_or(Error::TicketInvalid)?;
    Ok(accounts::identity_of(hall, session).await?)
}

/// Lists live sessions, with those that can still be resumed.
pub async fn list(cx: &Cx, input: ListConnected) -> Result<Page<Connected>, Error> {
    cx.require(LIST)?;
    let after = match &input.cursor {
        Some(cursor) => Some(cursor.key().ok_or_else(crate::Error::wrong_cursor)?),
        None => None,
    };
    let limit = input.limit.map_or(PAGE_ITEMS_DEFAULT, |limit| limit as usize);
    let sessions = cx.hall().connections().list(input.kind, after, limit + 1);
    Ok(Page::cut(sessions, limit, |last| Cursor::of(&last.session_id)))
}

/// Counts who is connected.
pub async fn count(cx: &Cx, _: CountConnected) -> Result<ConnectedCount, Error> {
    Ok(cx.hall().connections().count())
}

/// Ends the calling session's connection on purpose.
pub async fn disconnect(cx: &Cx, _: Disconnect) -> Result<(), Error> {
    let session = cx.require_identity()?.session_id;
    end_session(cx.hall(), session, Closing::new(CloseCode::Disconnected, "disconnected as asked"));
    Ok(())
}

/// Ends all connections of a user.
pub async fn disconnect_user(cx: &Cx, input: DisconnectUser) -> Result<(), Error> {
    cx.require(DISCONNECT)?;
    accounts::summary(cx, input.user_id).await?;
    let hall = cx.hall().clone();
    cx.mutate(move |tx| {
        let sessions = sessions_of(&hall, input.user_id).len();
        let entry =
            audit::Entry::new("connections.disconnect_user").user(input.user_id).reason(&input.reason);
        audit::record(tx, entry.after(&serde_json::json!({ "sessions": sessions })))?;
        let (hall, user) = (hall.clone(), input.user_id);
        let closing = Closing::new(CloseCode::Disconnected, input.reason.clone());
        tx.after_commit(move || end_user(&hall, user, None, closing));
        Ok(())
    })
    .await
}

/// How a user looks to the caller.
pub async fn get_presence(cx: &Cx, input: GetPresence) -> Result<Presence, Error> {
    let is_seen = may_see(cx, &[input.user_id]).await?.contains(&input.user_id);
    let watches = &cx.hall().connections().watches;
    Ok(if is_seen { watches.look(input.user_id) } else { presence::offline(input.user_id) })
}

/// Changes how the caller stands. Their sessions hear of it, and whoever watches them.
pub async fn update_presence(cx: &Cx, mut input: UpdatePresence) -> Result<OwnPresence, Error> {
    let user = cx.require_user()?;
    if let Some(text) = &input.text {
        let blocked =
            |_| crate::Error::field("/text", "blocked", "this text holds words that are not allowed here");
        let text = cx.hall().words().check(filter::one_line(text)).map_err(blocked)?;
        // Whoever may not write may still take away what they wrote.
        if !text.is_empty() {
            cx.hall().connections().text_guard.check(cx).await?;
        }
        input.text = Some(text);
    }
    cx.hall().directory().call::<presence::Presence>(cx, user, Command::Update(input)).await
}

/// How the caller stands, as their own sessions see it.
pub(crate) async fn own_presence(cx: &Cx) -> Result<OwnPresence, Error> {
    // A change of nothing changes nothing and tells nobody.
    update_presence(cx, UpdatePresence::default()).await
}

/// Whether the user does not want to be seen.
pub(crate) async fn is_invisible(cx: &Cx, user: UserId) -> Result<bool, Error> {
    if cx.hall().connections().watches.look(user).is_online {
        return Ok(false);
    }
    let own = cx.hall().directory().call::<presence::Presence>(cx, user, Command::Read).await?;
    Ok(own.visibility == Visibility::Invisible)
}

/// Says where a user is. Only for the contexts that own lobbies and parties, and for embedding programs.
pub async fn place(cx: &Cx, user: UserId, placed: Placed) -> Result<OwnPresence, Error> {
    if !matches!(cx.caller(), Caller::Server) {
        return Err(crate::Error::Forbidden.into());
    }
    cx.hall().directory().call::<presence::Presence>(cx, user, Command::Place(placed)).await
}

/// Watches how users stand.
pub async fn watch(cx: &Cx, input: WatchPresence) -> Result<PresenceWatch, Error> {
    let mut asked = input.user_ids;
    let mut seen = HashSet::new();
    asked.retain(|user| seen.insert(*user));
    let visible = may_see(cx, &asked).await?;
    let (viewer, watch) = begin_watch(cx, &asked, &visible)?;
    // Somebody may have become visible or hidden before the watch was there to be told.
    let now = may_see(cx, &asked).await?;
    for user in now.symmetric_difference(&visible) {
        cx.hall().connections().watches.revise_sight(viewer, *user, now.contains(user));
    }
    Ok(watch)
}

fn begin_watch(
    cx: &Cx,
    asked: &[UserId],
    visible: &HashSet<UserId>,
) -> Result<(UserId, PresenceWatch), Error> {
    let live = cx.hall().connections();
    let session = live.find(cx.require_identity()?.session_id).ok_or(Error::NotConnected)?;
    let mut state = session.state().ok_or(Error::NotConnected)?;
    let watched: usize = state.watches.values().sum();
    // The one on friends is of nobody's asking.
    if state.watches.values().filter(|users| **users > 0).count() >= WATCHES_MAX
        || watched + asked.len() > WATCHED_USERS_MAX
    {
        return Err(Error::TooManyWatches);
    }
    let topics = cx.hall().topics();
    let viewer = session.user_id;
    let (watch_id, version, users) = live.watches.add(cx.new_id(), viewer, visible, asked, |watch| {
        state.subscribe(topics, &session.outbox, Topic::Presence(watch))
    });
    state.watches.insert(watch_id, asked.len());
    Ok((viewer, PresenceWatch { watch_id, version, users }))
}

/// Ends a watch of the calling session.
pub async fn unwatch(cx: &Cx, input: UnwatchPresence) -> Result<(), Error> {
    let live = cx.hall().connections();
    let session = live.find(cx.require_identity()?.session_id).ok_or(crate::Error::NotFound)?;
    let mut state = session.state().ok_or(crate::Error::NotFound)?;
    if state.watches.get(&input.watch_id).is_none_or(|users| *users == 0) {
        return Err(crate::Error::NotFound.into());
    }
    state.watches.remove(&input.watch_id);
    state.unsubscribe(cx.hall().topics(), &session.outbox, &Topic::Presence(input.watch_id));
    drop(state);
    live.watches.remove(input.watch_id, session.user_id);
    Ok(())
}

/// Those of the users whose presence the caller may see.
async fn may_see(cx: &Cx, users: &[UserId]) -> Result<HashSet<UserId>, Error> {
    Ok(reach::visible(cx, users).await?)
}

/// Closes the socket of a session and forgets the session. Other contexts call this after the commit that ended it.
pub fn end_session(hall: &Hall, session: SessionId, closing: Closing) {
    if let Some(gone) = hall.connections().remove(session) {
        end(hall, &gone, closing);
    }
}

/// The live sessions of a user, oldest first.
pub fn sessions_of(hall: &Hall, user: UserId) -> Vec<SessionId> {
    hall.connections().of_user(user).iter().map(|session| session.id).collect()
}

/// Has a session hear of the topics that these permissions open, and of no others that permissions open.
pub(crate) fn follow_permissions(hall: &Hall, session: SessionId, permissions: &Permissions) {
    let Some(session) = hall.connections().find(session) else { return };
    for (permission, topic) in TOPICS_BY_PERMISSION {
        match permissions.allow(permission) {
            true => session.subscribe(hall.topics(), topic),
            false => session.unsubscribe(hall.topics(), &topic),
        }
    }
}

/// Closes the sockets of a user's sessions, all but one if `except` names it.
pub fn end_user(hall: &Hall, user: UserId, except: Option<SessionId>, closing: Closing) {
    for session in hall.connections().of_user(user) {
        if Some(session.id) != except {
            end_session(hall, session.id, closing.clone());
        }
    }
}

/// From now on all live sessions of the user hear of this topic.
pub fn subscribe_user(hall: &Hall, user: UserId, topic: Topic) {
    for session in hall.connections().of_user(user) {
        session.subscribe(hall.topics(), topic.clone());
    }
}

/// From now on no live session of the user hears of this topic.
pub fn unsubscribe_user(hall: &Hall, user: UserId, topic: &Topic) {
    for session in hall.connections().of_user(user) {
        session.unsubscribe(hall.topics(), topic);
    }
}

/// Has the calling session hold something until its stream ends, in place of what it held by this name. While `make` is called, nothing
/// ends the session: locks of the caller's own may be taken inside it, and not the other way round.
pub(crate) fn hold<T, E: From<Error>>(
    cx: &Cx,
    name: &'static str,
    make: impl FnOnce(&Arc<Outbox>) -> Result<(Held, T), E>,
) -> Result<T, E> {
    let session = cx.require_identity().map_err(Error::from)?.session_id;
    let session = cx.hall().connections().find(session).ok_or(Error::NotConnected)?;
    let mut state = session.state().ok_or(Error::NotConnected)?;
    let (held, made) = make(&session.outbox)?;
    state.held.insert(name, held);
    Ok(made)
}

/// Has the calling session let go of what it holds by this name, if it does.
pub(crate) fn let_go(cx: &Cx, name: &str) -> Result<(), Error> {
    let session = cx.require_identity()?.session_id;
    if let Some(session) = cx.hall().connections().find(session)
        && let Some(mut state) = session.state()
    {
        state.held.remove(name);
    }
    Ok(())
}

/// Whether the user has a socket at this moment.
pub(crate) fn is_attached(hall: &Hall, user: UserId) -> bool {
    hall.connections().is_attached(user)
}

/// The latest attachment of the user's live sessions, with or without a socket at this moment.
pub(crate) fn visit_of(hall: &Hall, user: UserId) -> Option<u64> {
    hall.connections().visit_of(user)
}

/// Whether the user is connected, or was within the grace period: then their going is told to those who asked with [`on_gone`].
pub(crate) async fn is_known_here(cx: &Cx, user: UserId) -> Result<bool, Error> {
    if visit_of(cx.hall(), user).is_some() {
        return Ok(true);
    }
    let own = cx.hall().directory().call::<presence::Presence>(cx, user, Command::Read).await?;
    let grace = presence::Grace::of(&cx.hall().settings().connections).forget_after;
    Ok(own.last_disconnected_at.is_some_and(|at| cx.now() < at + grace))
}

/// The party a user is in, as their presence has it, whoever may see that.
pub(crate) async fn party_of(cx: &Cx, user: UserId) -> Result<Option<PartyId>, Error> {
    let cx = Cx::server(cx.hall());
    match cx.hall().directory().call::<presence::Presence>(&cx, user, Command::Read).await {
        Ok(own) => Ok(own.presence.party_id),
        Err(Error::NotConnected) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Runs this, in a task, for every user who is gone: for longer than the grace period, or on purpose. It is told who, and the number of
/// their last attachment, so that who came back meanwhile is not taken to be gone.
pub(crate) fn on_gone<F>(hall: &Hall, follower: impl Fn(WeakHall, UserId, u64) -> F + Send + Sync + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let weak = hall.downgrade();
    hall.connections().followers.add(move |user, attachment| {
        if let Some(hall) = weak.upgrade() {
            hall.spawn(follower(weak.clone(), user, attachment));
        }
    });
}

/// The same as [`place`]; whoever is not here is in no place either.
pub(crate) async fn place_if_here(cx: &Cx, user: UserId, placed: Placed) -> Result<(), crate::Error> {
    match place(cx, user, placed).await {
        Ok(_) | Err(Error::NotConnected) => Ok(()),
        Err(error) => Err(error.into_common()),
    }
}

/// How many sessions are live, for the metrics.
pub fn live_sessions(hall: &Hall) -> u64 {
    hall.connections().count().sessions
}

/// Ends a session that is live no more.
fn end(hall: &Hall, Gone { session, attachment }: &Gone, closing: Closing) {
    forget_watches(hall, session.user_id, session.end(hall.topics(), closing));
    tell_presence(hall, session.user_id, Command::Leave { session: session.id, attachment: *attachment });
}

fn forget_watches(hall: &Hall, viewer: UserId, watches: Vec<WatchId>) {
    for watch in watches {
        hall.connections().watches.remove(watch, viewer);
    }
}

/// Tells the user's presence something that nobody waits for.
///
/// Repeated while the partition is too busy: a drop or a leave that is lost would show the user online for ever.
fn tell_presence(hall: &Hall, user: UserId, command: Command) {
    const ATTEMPTS: u32 = 10;
    let weak = hall.downgrade();
    hall.spawn(async move {
        for attempt in 1..=ATTEMPTS {
            let Some(hall) = weak.upgrade() else { return };
            let cx = Cx::server(&hall);
            match hall.directory().call::<presence::Presence>(&cx, user, command.clone()).await {
                Ok(_) => return,
                Err(error) if attempt == ATTEMPTS => {
                    tracing::warn!(user.id = %user, "The presence of {user} is behind: {error}");
                }
                Err(_) => {
                    let clock = hall.shared_clock();
                    drop((cx, hall));
                    clock.sleep_until(clock.elapsed() + Duration::from_millis(100) * attempt).await;
                }
            }
        }
    });
}

/// Nothing is kept of a user whose account is erased.
pub(crate) fn forget(tx: &mut crate::Tx<'_, '_>, user: UserId) -> Result<(), crate::Error> {
    presence::forget(tx, user)
}

/// Starts what runs beside the calls: batches of presence, and the end of sessions that nobody resumes.
pub(crate) fn start(hall: &Hall) {
    watches::listen(&hall.connections().watches, hall.topics());
    hall.spawn(tell_watchers(hall.downgrade()));
    hall.spawn(expire(hall.downgrade()));
}

/// Sends the presence that changed, in ticks.
async fn tell_watchers(hall: WeakHall) {
    let Some((watches, clock)) =
        hall.upgrade().map(|hall| (Arc::clone(&hall.connections().watches), hall.shared_clock()))
    else {
        return;
    };
    loop {
        watches.tick(&*clock).await;
        let Some(hall) = hall.upgrade() else { return };
        watches.tell(hall.topics(), clock.elapsed());
    }
}

/// Ends sessions that can no longer be resumed, when their time has come.
async fn expire(hall: WeakHall) {
    let Some((dropped, clock)) =
        hall.upgrade().map(|hall| (Arc::clone(&hall.connections().dropped), hall.shared_clock()))
    else {
        return;
    };
    loop {
        let Some(next) = hall.upgrade().map(|hall| hall.connections().next_expiry()) else { return };
        match next {
            Some(at) => clock.sleep_until(at).await,
            None => dropped.notified().await,
        }
        let Some(hall) = hall.upgrade() else { return };
        hall.connections().tickets.sweep(clock.elapsed());
        for Gone { session, attachment } in hall.connections().remove_expired(clock.elapsed()) {
            let closing = Closing::new(CloseCode::SlowConsumer, "not resumed in time");
            forget_watches(&hall, session.user_id, session.end(hall.topics(), closing));
            tell_presence(&hall, session.user_id, Command::Expire { session: session.id, attachment });
        }
    }
}
