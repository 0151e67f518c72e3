//! Who watches which list of lobbies, and the batches in which they hear of it.
//!
//! Start at [`watch`]. A *list* is a filter, an order and a limit; a *view* of it is what those see of it who see the same. Nearly
//! everybody does: only staff, and who is in or invited to a lobby that others do not know of, have views of their own. A view is a topic.
//! So a change costs one entry in one table, whoever watches; once a tick it is held against each view, and what became different is
//! put together and encoded once for all who have that view.
//!
//! A session keeps its watch with [`connections::hold`], and lets it go with its stream. Who comes to see more or less than before gets
//! another view, and the whole list with it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use moothall_protocol::limits::{LOBBY_LIST_BATCH_MS, LOBBY_LISTS_WATCHED_MAX, PAGE_ITEMS_DEFAULT};
use moothall_protocol::lobbies::{LobbyListUpdated, LobbyWatch, WatchLobbies};
use moothall_protocol::{Event, LobbyId, SessionId, UserId, WatchId};
use parking_lot::{Mutex, RwLockReadGuard};
use tokio::sync::Notify;

use super::filter::Filter;
use super::view::{Query, View};
use super::{Card, Cards, Index};
use crate::lobbies::{Error, MODERATE};
use crate::topics::{Frame, Outbox, Viewer};
use crate::{Clock, Cx, Fault as _, Kind, Topic, Topics, WeakHall, accounts, connections};

const TICK: Duration = Duration::from_millis(LOBBY_LIST_BATCH_MS as u64);
/// What a session holds it by.
const HELD: &str = "lobbies.watch";

/// Who watches what.
#[derive(Debug, Default)]
pub(super) struct Watches {
    /// Cards, topics and outboxes are locked inside it, never the other way round: so a version belongs to one moment.
    inner: Mutex<Inner>,
    /// Woken when a batch begins to gather.
    gathering: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    /// Of the last event on any list, so that it goes up for everybody, whatever they watch.
    version: u64,
    lists: HashMap<WatchId, List>,
    /// What is watched, by what it says.
    by_name: HashMap<Arc<str>, WatchId>,
    watchers: HashMap<SessionId, Watcher>,
    of_user: HashMap<UserId, HashSet<SessionId>>,
    /// Tells one watch of a session from another.
    last_number: u64,
    /// The lobbies that changed since the last tick.
    changed: HashSet<LobbyId>,
    /// Those whose changes are being told, while they are.
    telling: Option<Arc<[LobbyId]>>,
    /// Who of those who watch sees more or less than before.
    moved: HashSet<UserId>,
    /// Whether a view has more to tell than went into one event.
    has_more: bool,
}

#[derive(Debug)]
struct List {
    name: Arc<str>,
    query: Arc<Query>,
    views: HashMap<Viewer, Watched>,
}

#[derive(Debug)]
struct Watched {
    view: View,
    sessions: usize,
}

#[derive(Debug)]
struct Watcher {
    number: u64,
    user: UserId,
    is_staff: bool,
    outbox: Arc<Outbox>,
    watch_id: WatchId,
    viewer: Viewer,
}

/// A session's hold on a list. Let go of when this is dropped.
struct Watch {
    hall: WeakHall,
    session: SessionId,
    number: u64,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(hall) = self.hall.upgrade() {
            let index = &hall.lobbies().index;
            index.watches.leave(index, hall.topics(), self.session, self.number);
        }
    }
}

/// Has the calling session watch a list, in place of the one it watches.
pub(in crate::lobbies) fn watch(cx: &Cx, input: WatchLobbies) -> Result<LobbyWatch, Error> {
    let WatchLobbies { filter, order, limit } = input;
    let query = Query {
        filter: Filter::new(filter.unwrap_or_default())?,
        order: order.unwrap_or_default(),
        limit: limit.unwrap_or(PAGE_ITEMS_DEFAULT),
    };
    let (hall, identity) = (cx.hall(), cx.require_identity()?);
    connections::hold(cx, HELD, |outbox| {
        let watcher = Watcher {
            number: 0,
            user: identity.user_id,
            is_staff: cx.can(MODERATE),
            outbox: Arc::clone(outbox),
            watch_id: cx.new_id(),
            viewer: Viewer::Anybody,
        };
        let index = &hall.lobbies().index;
        let (number, watch) =
            index.watches.enter(index, hall.topics(), identity.session_id, watcher, query)?;
        Ok((Box::new(Watch { hall: hall.downgrade(), session: identity.session_id, number }), watch))
    })
}

/// Ends the watch of the calling session, if it has one.
pub(in crate::lobbies) fn unwatch(cx: &Cx) -> Result<(), Error> {
    Ok(connections::let_go(cx, HELD)?)
}

/// Tells those who watch of what changed, in ticks, for as long as the hall is there.
pub(in crate::lobbies) async fn tell_watchers(hall: WeakHall) {
    let Some(clock) = hall.upgrade().map(|hall| hall.shared_clock()) else { return };
    loop {
        // The hall is not kept while nothing is to be told.
        let watches = hall.upgrade().map(|hall| Arc::clone(&hall.lobbies().index.watches));
        let Some(watches) = watches else { return };
        watches.tick(&*clock).await;
        let Some(hall) = hall.upgrade() else { return };
        let mut resigned = Vec::new();
        for session in watches.staff() {
            match accounts::identity_of(&hall, session).await {
                Ok(identity) if identity.permissions.allow(MODERATE) => {}
                // While the database is away, nobody can take a permission from anybody.
                Err(error) if error.kind() == Kind::Unavailable => {}
                _ => resigned.push(session),
            }
        }
        watches.tell(&hall.lobbies().index, hall.topics(), &resigned).await;
    }
}

impl Watches {
    /// A lobby looks otherwise than before, and some see more or less than before.
    pub fn note(&self, lobby: LobbyId, moved: HashSet<UserId>) {
        let mut inner = self.inner.lock();
        if inner.watchers.is_empty() {
            return;
        }
        inner.changed.insert(lobby);
        let moved: Vec<UserId> = moved.into_iter().filter(|user| inner.of_user.contains_key(user)).collect();
        inner.moved.extend(moved);
        self.gathering.notify_one();
    }

    /// A user sees more or less of these lobbies than before.
    pub fn note_sight(&self, user: UserId, lobbies: &[LobbyId]) {
        let mut inner = self.inner.lock();
        if inner.of_user.contains_key(&user) {
            inner.changed.extend(lobbies);
            inner.moved.insert(user);
            self.gathering.notify_one();
        }
    }

    pub fn is_watching(&self, user: UserId) -> bool {
        self.inner.lock().of_user.contains_key(&user)
    }

    /// One more session watches this list.
    fn enter(
        &self,
        index: &Index,
        topics: &Topics,
        session: SessionId,
        mut watcher: Watcher,
        query: Query,
    ) -> Result<(u64, LobbyWatch), Error> {
        let mut inner = self.inner.lock();
        let name = format!("{:?} {} {}", query.order, query.limit, query.filter.name());
        let watch_id = match inner.by_name.get(name.as_str()) {
            Some(known) => *known,
            None if inner.lists.len() >= LOBBY_LISTS_WATCHED_MAX => return Err(Error::ListsCrowded),
            None => inner.make(watcher.watch_id, name.into(), query),
        };
        let before = inner.watchers.get(&session).map(|before| before.number);
        let cards = index.cards.read();
        inner.last_number += 1;
        (watcher.number, watcher.watch_id) = (inner.last_number, watch_id);
        watcher.viewer = cards.viewer(watcher.user, watcher.is_staff);
        let shown = inner.join(topics, &watcher, &cards);
        // Only now, so that a list is not put together again for who stays with it.
        if let Some(before) = before {
            inner.leave(topics, session, before);
            topics.subscribe(watcher.topic(), &watcher.outbox);
        }
        inner.of_user.entry(watcher.user).or_default().insert(session);
        let number = watcher.number;
        inner.watchers.insert(session, watcher);
        let lobbies = shown.iter().map(|card| card.summary.clone()).collect();
        Ok((number, LobbyWatch { watch_id, version: inner.version, lobbies }))
    }

    /// The session does not watch any more what it watched under this number.
    fn leave(&self, index: &Index, topics: &Topics, session: SessionId, number: u64) {
        let mut inner = self.inner.lock();
        let user = inner.watchers.get(&session).map(|watcher| watcher.user);
        inner.leave(topics, session, number);
        if let Some(user) = user.filter(|user| !inner.of_user.contains_key(user)) {
            index.cards.write().barred.remove(&user);
        }
    }

    /// Returns at the next tick with something to do.
    async fn tick(&self, clock: &dyn Clock) {
        while self.inner.lock().is_quiet() {
            self.gathering.notified().await;
        }
        let ticks = clock.elapsed().as_millis() / TICK.as_millis();
        clock.sleep_until(TICK * (ticks as u32 + 1)).await;
    }

    /// The sessions that see lists as staff do.
    fn staff(&self) -> Vec<SessionId> {
        let inner = self.inner.lock();
        let staff = inner.watchers.iter().filter(|(_, watcher)| watcher.is_staff);
        staff.map(|(session, _)| *session).collect()
    }

    /// Tells everybody of what became different. Those who resigned are not staff any more.
    async fn tell(&self, index: &Index, topics: &Topics, resigned: &[SessionId]) {
        let (lists, moved) = self.inner.lock().begin(index.cards.read(), topics, resigned);
        // One at a time, so that others have their turn at the table, and on this thread.
        for list in lists {
            self.inner.lock().tell(list, &index.cards.read(), topics);
            tokio::task::yield_now().await;
        }
        let mut inner = self.inner.lock();
        inner.telling = None;
        for (session, number) in moved {
            inner.turn(session, number, &index.cards.read(), topics);
        }
    }

    #[cfg(test)]
    pub fn is_all_told(&self) -> bool {
        let inner = self.inner.lock();
        inner.is_quiet() && inner.telling.is_none()
    }

    #[cfg(test)]
    pub fn leftovers(&self) -> [usize; 4] {
        let inner = self.inner.lock();
        [inner.lists.len(), inner.by_name.len(), inner.watchers.len(), inner.of_user.len()]
    }
}

impl Watcher {
    fn topic(&self) -> Topic {
        Topic::LobbyList(self.watch_id, self.viewer)
    }
}

impl Inner {
    fn is_quiet(&self) -> bool {
        self.changed.is_empty() && self.moved.is_empty() && !self.has_more
    }

    fn make(&mut self, id: WatchId, name: Arc<str>, query: Query) -> WatchId {
        self.by_name.insert(Arc::clone(&name), id);
        self.lists.insert(id, List { name, query: Arc::new(query), views: HashMap::new() });
        id
    }

    /// Lets a watcher hear of their list with their eyes from now on, and shows it to them.
    fn join(&mut self, topics: &Topics, watcher: &Watcher, cards: &Cards) -> Vec<Arc<Card>> {
        let Self { lists, changed, telling, .. } = self;
        let Some(List { query, views, .. }) = lists.get_mut(&watcher.watch_id) else { return Vec::new() };
        let watched = views.entry(watcher.viewer).or_insert_with(|| {
            let view = View::new(Arc::clone(query), watcher.viewer, cards);
            Watched { view, sessions: 0 }
        });
        watched.sessions += 1;
        topics.subscribe(watcher.topic(), &watcher.outbox);
        // What is not told yet is shown already: nobody reads less than what they were answered.
        for lobby in changed.iter().chain(telling.iter().flat_map(|telling| telling.iter())) {
            watched.view.change(*lobby, cards);
        }
        watched.view.show(cards)
    }

    fn leave(&mut self, topics: &Topics, session: SessionId, number: u64) {
        if self.watchers.get(&session).is_none_or(|watcher| watcher.number != number) {
            return;
        }
        let Some(watcher) = self.watchers.remove(&session) else { return };
        topics.unsubscribe(&watcher.topic(), &watcher.outbox);
        self.forget(watcher.watch_id, watcher.viewer);
        if let Some(sessions) = self.of_user.get_mut(&watcher.user) {
            sessions.remove(&session);
            if sessions.is_empty() {
                self.of_user.remove(&watcher.user);
                self.moved.remove(&watcher.user);
            }
        }
        if self.watchers.is_empty() {
            (self.changed, self.has_more) = (HashSet::new(), false);
        }
    }

    /// One session less has this view.
    fn forget(&mut self, watch: WatchId, viewer: Viewer) {
        let Some(list) = self.lists.get_mut(&watch) else { return };
        if let Some(watched) = list.views.get_mut(&viewer) {
            watched.sessions -= 1;
            if watched.sessions == 0 {
                list.views.remove(&viewer);
            }
        }
        if list.views.is_empty()
            && let Some(list) = self.lists.remove(&watch)
        {
            self.by_name.remove(&list.name);
        }
    }

    /// Begins a tick: says which lists there are, and which watchers get another view at its end. Until then those hear of nothing.
    fn begin(
        &mut self,
        cards: RwLockReadGuard<'_, Cards>,
        topics: &Topics,
        resigned: &[SessionId],
    ) -> (Vec<WatchId>, Vec<(SessionId, u64)>) {
        for session in resigned {
            if let Some(watcher) = self.watchers.get_mut(session) {
                watcher.is_staff = false;
                self.moved.insert(watcher.user);
            }
        }
        self.telling = Some(std::mem::take(&mut self.changed).into_iter().collect());
        self.has_more = false;
        let moved = std::mem::take(&mut self.moved);
        let sessions = moved.iter().filter_map(|user| self.of_user.get(user)).flatten();
        let turning = sessions.filter_map(|session| Some((*session, self.watchers.get(session)?)));
        let turning = turning
            .filter(|(_, watcher)| cards.viewer(watcher.user, watcher.is_staff) != watcher.viewer)
            .inspect(|(_, watcher)| topics.unsubscribe(&watcher.topic(), &watcher.outbox))
            .map(|(session, watcher)| (session, watcher.number))
            .collect();
        (self.lists.keys().copied().collect(), turning)
    }

    /// Tells those who watch a list of what became different in it.
    fn tell(&mut self, id: WatchId, cards: &Cards, topics: &Topics) {
        let Self { lists, telling, version, has_more, .. } = self;
        let Some(list) = lists.get_mut(&id) else { return };
        for (viewer, Watched { view, .. }) in &mut list.views {
            for lobby in telling.iter().flat_map(|telling| telling.iter()) {
                view.change(*lobby, cards);
            }
            let difference = view.difference(cards);
            *has_more |= view.is_due();
            if difference.is_empty() {
                continue;
            }
            *version += 1;
            let summary = |card: Arc<Card>| card.summary.clone();
            let event = Event::LobbyListUpdated(LobbyListUpdated {
                watch_id: id,
                version: *version,
                is_whole: false,
                lobbies: difference.into_iter().map(|(id, card)| (id, card.map(summary))).collect(),
            });
            let (told, version) = (view.told(), *version);
            let whole = move || whole(id, version, &told);
            topics.publish_difference(Topic::LobbyList(id, *viewer), event, whole);
        }
    }

    /// Gives a watcher the view that is theirs now, and all there is in it.
    fn turn(&mut self, session: SessionId, number: u64, cards: &Cards, topics: &Topics) {
        let Some(mut watcher) = self.watchers.remove(&session) else { return };
        if watcher.number == number {
            let before = watcher.viewer;
            watcher.viewer = cards.viewer(watcher.user, watcher.is_staff);
            let shown = self.join(topics, &watcher, cards);
            self.forget(watcher.watch_id, before);
            self.version += 1;
            let event = whole(watcher.watch_id, self.version, &shown);
            watcher.outbox.push(Arc::new(Frame::new(Some(&watcher.topic()), event)));
        }
        self.watchers.insert(session, watcher);
    }
}

/// All there is in a list.
fn whole(watch_id: WatchId, version: u64, shown: &[Arc<Card>]) -> Event {
    let lobbies = shown.iter().map(|card| (card.summary.id, Some(card.summary.clone()))).collect();
    Event::LobbyListUpdated(LobbyListUpdated { watch_id, version, is_whole: true, lobbies })
}

#[cfg(test)]
mod tests;
