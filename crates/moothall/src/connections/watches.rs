//! Who watches whose presence, and the batches in which they hear of it.
//!
//! Start at [`Watches::show`], which [`Topics`] calls for every presence that changed on this node or, in a cluster, on another. The table
//! of who looks how is what others see: whoever is not in it looks offline.
//!
//! A watch is a topic: all sessions that watch the same users hear the same events, each of which is put together and encoded once,
//! however many they are. A change costs one entry in one table, whoever watches; what it means for the watches is worked out once
//! a tick, of each user only as they stand then. Who watches many hears of them more rarely.
//!
//! Not everybody may see everybody. Those who watch and may not see one of the watched are few: what they are told is put together
//! apart, under versions of their own, so that neither an event nor a version tells of whom they may not see. A watch on friends belongs to
//! its user alone, and follows who is a friend.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use moothall_protocol::connections::{OwnPresence, Presence as Shown, PresenceChanged};
use moothall_protocol::limits::{PRESENCE_BATCH_MS, PRESENCE_BATCH_USERS};
use moothall_protocol::{Event, UserId, WatchId};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::presence;
use crate::topics::Audience;
use crate::{Clock, Topic, Topics};

const TICK: Duration = Duration::from_millis(PRESENCE_BATCH_MS as u64);

/// Who watches whom, and how everybody looks.
#[derive(Debug, Default)]
pub(super) struct Watches {
    /// Topics and outboxes are locked inside it, never the other way round: so a version belongs to one moment.
    inner: Mutex<Inner>,
    /// Woken when a batch begins to gather.
    gathering: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    /// Everybody who looks online.
    shown: HashMap<UserId, Shown>,
    /// What is watched, by the users in their order.
    ids: HashMap<Arc<[UserId]>, WatchId>,
    watched: HashMap<WatchId, Watched>,
    /// The watches that a user is in.
    of_user: HashMap<UserId, HashSet<WatchId>>,
    /// The watched users who changed since the last tick.
    changed: HashSet<UserId>,
    /// The watches with something to tell that is no change of a user.
    stirred: HashSet<WatchId>,
    /// The watches with something to tell, by the tick at which they tell it.
    due: BTreeSet<(u64, WatchId)>,
}

/// Users who are watched together.
#[derive(Debug)]
struct Watched {
    users: Arc<[UserId]>,
    /// What those go by who always saw everybody.
    version: u64,
    /// Who watches, in how many sessions.
    viewers: HashMap<UserId, usize>,
    /// Of those who watch: who may not see whom, or once might not. They go by versions of their own until they leave.
    masks: HashMap<UserId, Mask>,
    /// Who went by versions of their own and is gone, and by which. When they come again they go on by these: the version of the others
    /// would tell how much they were not told of.
    left: HashMap<UserId, u64>,
    /// Whose friends they are, if that is what is watched.
    owner: Option<UserId>,
    /// Who of them changed since the last event.
    changed: HashSet<UserId>,
    /// When that is told, if there is something to tell.
    due: Option<u64>,
}

/// Whom of the watched one who watches may not see.
#[derive(Debug, Default)]
struct Mask {
    /// Counts what this one is told.
    version: u64,
    hidden: HashSet<UserId>,
    /// Whom they may see, or not, otherwise than at the last event, and whether these looked online then.
    looked: HashMap<UserId, bool>,
}

impl Mask {
    /// Who looks otherwise than at the last event, and whether because they are hidden. In their order.
    fn take_news(
        &mut self,
        changed: &HashSet<UserId>,
        shown: &HashMap<UserId, Shown>,
    ) -> Vec<(UserId, bool)> {
        let looked = std::mem::take(&mut self.looked);
        let hidden = &self.hidden;
        let is_news = |user: &UserId| {
            let is_online = !hidden.contains(user) && shown.contains_key(user);
            match looked.get(user) {
                Some(was_online) => *was_online != is_online || (is_online && changed.contains(user)),
                None => !hidden.contains(user),
            }
        };
        let news: BTreeSet<UserId> = changed.iter().chain(looked.keys()).copied().filter(is_news).collect();
        news.into_iter().map(|user| (user, hidden.contains(&user))).collect()
    }
}

impl Watched {
    /// What this viewer may not see; from here on they go by versions of their own.
    fn mask(&mut self, viewer: UserId) -> &mut Mask {
        let version = self.version;
        self.masks.entry(viewer).or_insert_with(|| Mask { version, ..Mask::default() })
    }

    /// How many ticks there are between two of its events, at least.
    fn ticks(&self) -> u64 {
        self.users.len().div_ceil(PRESENCE_BATCH_USERS).max(1) as u64
    }
}

impl Watches {
    /// A user stands otherwise than before.
    pub fn show(&self, own: &OwnPresence) {
        let seen = presence::as_others_see(own);
        let user = seen.user_id;
        let mut inner = self.inner.lock();
        let before = inner.shown.get(&user);
        if before.map_or(!seen.is_online, |before| *before == seen) {
            return;
        }
        if seen.is_online {
            inner.shown.insert(user, seen);
        } else {
            inner.shown.remove(&user);
        }
        if inner.of_user.contains_key(&user) {
            inner.changed.insert(user);
            if inner.changed.len() == 1 {
                self.gathering.notify_one();
            }
        }
    }

    /// How others see a user.
    pub fn look(&self, user: UserId) -> Shown {
        self.inner.lock().look(user)
    }

    /// One more session of `viewer` watches these users. Calls `subscribe` with the watch, which is `new` unless others have it, and
    /// returns its version and how the `asked` look: what is told from then on comes after that. Those who are not `visible` look offline.
    pub fn add(
        &self,
        new: WatchId,
        viewer: UserId,
        visible: &HashSet<UserId>,
        asked: &[UserId],
        subscribe: impl FnOnce(WatchId) -> bool,
    ) -> (WatchId, u64, Vec<Shown>) {
        let mut sorted = asked.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let mut inner = self.inner.lock();
        let id = match inner.ids.get(sorted.as_slice()) {
            Some(id) => *id,
            None => inner.make(new, sorted.into(), None),
        };
        let version = inner.enter(id, viewer, visible, subscribe);
        let look = |user: &UserId| {
            if visible.contains(user) { inner.look(*user) } else { presence::offline(*user) }
        };
        (id, version, asked.iter().map(look).collect())
    }

    /// One more session of `owner` watches their friends. Returns those who are there.
    pub fn add_friends(
        &self,
        owner: UserId,
        visible: &HashSet<UserId>,
        friends: &[UserId],
        subscribe: impl FnOnce(WatchId) -> bool,
    ) -> (WatchId, u64, Vec<Shown>) {
        let mut inner = self.inner.lock();
        let mut sorted = friends.to_vec();
        sorted.sort_unstable();
        let id = of_friends(owner);
        if !inner.watched.contains_key(&id) {
            inner.make(id, Arc::default(), Some(owner));
        }
        inner.replace(id, sorted.into());
        let version = inner.enter(id, owner, visible, subscribe);
        let look = |user: &UserId| inner.shown.get(user).filter(|_| visible.contains(user)).cloned();
        (id, version, friends.iter().filter_map(look).collect())
    }

    /// Whether anybody has this watch.
    pub fn has(&self, id: WatchId) -> bool {
        self.inner.lock().watched.contains_key(&id)
    }

    /// One session of this viewer less has this watch.
    pub fn remove(&self, id: WatchId, viewer: UserId) {
        let mut inner = self.inner.lock();
        let Some(watched) = inner.watched.get_mut(&id) else { return };
        if let Some(sessions) = watched.viewers.get_mut(&viewer) {
            *sessions -= 1;
            if *sessions == 0 {
                watched.viewers.remove(&viewer);
                if let Some(mask) = watched.masks.remove(&viewer) {
                    watched.left.insert(viewer, mask.version);
                }
            }
        }
        if watched.viewers.is_empty() {
            inner.forget(id);
        }
    }

    /// What a user may see of another is perhaps different from before, and whether that one is a friend.
    pub fn revise(&self, viewer: UserId, other: UserId, is_seen: bool, is_friend: bool) {
        self.revise_by(viewer, other, is_seen, Some(is_friend));
    }

    fn revise_by(&self, viewer: UserId, other: UserId, is_seen: bool, is_friend: Option<bool>) {
        let mut inner = self.inner.lock();
        if let Some(is_friend) = is_friend {
            inner.befriend(viewer, other, is_seen, is_friend);
        }
        let watches: Vec<WatchId> = inner.of_user.get(&other).into_iter().flatten().copied().collect();
        let is_online = inner.shown.contains_key(&other);
        for id in watches {
            inner.mask(id, viewer, other, is_seen, is_online);
        }
        if !inner.is_quiet() {
            self.gathering.notify_one();
        }
    }

    /// What a user may see of another is perhaps different from before.
    pub fn revise_sight(&self, viewer: UserId, other: UserId, is_seen: bool) {
        self.revise_by(viewer, other, is_seen, None);
    }

    /// Everybody who watches this user.
    pub fn viewers_of(&self, user: UserId) -> HashSet<UserId> {
        let inner = self.inner.lock();
        let watches = inner.of_user.get(&user).into_iter().flatten();
        watches
            .filter_map(|id| inner.watched.get(id))
            .flat_map(|watched| watched.viewers.keys().copied())
            .collect()
    }

    /// Returns at the next tick with something to do.
    pub async fn tick(&self, clock: &dyn Clock) {
        while self.inner.lock().is_quiet() {
            self.gathering.notified().await;
        }
        clock.sleep_until(TICK * (ticks(clock.elapsed()) as u32 + 1)).await;
    }

    /// Tells those who watch of what changed, if the time of their watch has come.
    pub fn tell(&self, topics: &Topics, elapsed: Duration) {
        let tick = ticks(elapsed);
        self.inner.lock().gather(tick);
        // One at a time, so that others have their turn at the table.
        while let Some(()) = self.tell_next(topics, tick) {}
    }

    fn tell_next(&self, topics: &Topics, tick: u64) -> Option<()> {
        let mut inner = self.inner.lock();
        let id = inner.due.first().filter(|(at, _)| *at <= tick)?.1;
        inner.due.pop_first();
        let Inner { shown, watched, .. } = &mut *inner;
        let watched = watched.get_mut(&id)?;
        watched.due = None;
        let changed = std::mem::take(&mut watched.changed);
        let look = |user: UserId| shown.get(&user).cloned().unwrap_or_else(|| presence::offline(user));
        let tell = |version: u64, users: Vec<Shown>, audience| {
            let event = Event::PresenceChanged(PresenceChanged { watch_id: id, version, users });
            topics.publish_to(Topic::Presence(id), event, audience);
        };
        // Who hides does so from many at once, and these are told the same.
        let mut apart: BTreeMap<(u64, Vec<(UserId, bool)>), Vec<UserId>> = BTreeMap::new();
        for (viewer, mask) in &mut watched.masks {
            let news = mask.take_news(&changed, shown);
            if !news.is_empty() {
                mask.version += 1;
                apart.entry((mask.version, news)).or_default().push(*viewer);
            }
        }
        for ((version, news), viewers) in apart {
            let users = news.into_iter().map(|(user, is_hidden)| match is_hidden {
                true => presence::offline(user),
                false => look(user),
            });
            tell(version, users.collect(), Audience::Only(viewers.into()));
        }
        if changed.is_empty() || watched.masks.len() == watched.viewers.len() {
            return Some(());
        }
        watched.version += 1;
        let mut users: Vec<Shown> = changed.into_iter().map(look).collect();
        users.sort_unstable_by_key(|shown| shown.user_id);
        let masked: Box<[UserId]> = watched.masks.keys().copied().collect();
        let audience = if masked.is_empty() { Audience::All } else { Audience::ExceptThese(masked) };
        tell(watched.version, users, audience);
        Some(())
    }

    #[cfg(test)]
    pub fn leftovers(&self) -> [usize; 3] {
        let inner = self.inner.lock();
        let watched = inner.ids.len() + inner.watched.len() + inner.of_user.len();
        [watched, inner.changed.len() + inner.stirred.len() + inner.due.len(), inner.shown.len()]
    }
}

/// The watch of a user on their friends: there is one of each user at most, and who has no friends has none.
pub(super) fn of_friends(owner: UserId) -> WatchId {
    WatchId::from_uuid(owner.uuid())
}

fn ticks(elapsed: Duration) -> u64 {
    (elapsed.as_millis() / TICK.as_millis()) as u64
}

impl Inner {
    fn look(&self, user: UserId) -> Shown {
        self.shown.get(&user).cloned().unwrap_or_else(|| presence::offline(user))
    }

    fn is_quiet(&self) -> bool {
        self.changed.is_empty() && self.stirred.is_empty() && self.due.is_empty()
    }

    fn make(&mut self, id: WatchId, users: Arc<[UserId]>, owner: Option<UserId>) -> WatchId {
        for user in users.iter() {
            self.of_user.entry(*user).or_default().insert(id);
        }
        if owner.is_none() {
            self.ids.insert(Arc::clone(&users), id);
        }
        let watched = Watched {
            users,
            version: 1,
            viewers: HashMap::new(),
            masks: HashMap::new(),
            left: HashMap::new(),
            owner,
            changed: HashSet::new(),
            due: None,
        };
        self.watched.insert(id, watched);
        id
    }

    /// One more session of this viewer has a watch. Returns the version they go by.
    fn enter(
        &mut self,
        id: WatchId,
        viewer: UserId,
        visible: &HashSet<UserId>,
        subscribe: impl FnOnce(WatchId) -> bool,
    ) -> u64 {
        let is_another = subscribe(id);
        let Some(watched) = self.watched.get_mut(&id) else { return 1 };
        let sessions = watched.viewers.entry(viewer).or_default();
        let was_there = *sessions > 0;
        *sessions += usize::from(is_another);
        let hidden: HashSet<UserId> =
            watched.users.iter().copied().filter(|user| !visible.contains(user)).collect();
        let left_at = watched.left.remove(&viewer);
        if hidden.is_empty() && left_at.is_none() && !watched.masks.contains_key(&viewer) {
            return watched.version;
        }
        // Who comes and may not see all begins anew: how much the others were told is none of theirs.
        let version = if was_there { watched.version } else { left_at.unwrap_or(1) };
        let mask = watched.masks.entry(viewer).or_insert_with(|| Mask { version, ..Mask::default() });
        mask.hidden = hidden;
        mask.version
    }

    /// Has a watch on friends be on these.
    fn replace(&mut self, id: WatchId, users: Arc<[UserId]>) {
        let Some(watched) = self.watched.get_mut(&id) else { return };
        let before = std::mem::replace(&mut watched.users, Arc::clone(&users));
        watched.changed.retain(|user| users.contains(user));
        for mask in watched.masks.values_mut() {
            mask.hidden.retain(|user| users.contains(user));
            mask.looked.retain(|user, _| users.contains(user));
        }
        for user in before.iter().filter(|user| users.binary_search(user).is_err()) {
            self.leave_alone(id, *user);
        }
        for user in users.iter() {
            self.of_user.entry(*user).or_default().insert(id);
        }
    }

    fn leave_alone(&mut self, id: WatchId, user: UserId) {
        if let Some(watches) = self.of_user.get_mut(&user) {
            watches.remove(&id);
            if watches.is_empty() {
                self.of_user.remove(&user);
            }
        }
    }

    /// Has the watch of a user on their friends be on another one, or no longer.
    fn befriend(&mut self, owner: UserId, other: UserId, is_seen: bool, is_friend: bool) {
        let id = of_friends(owner);
        let Some(watched) = self.watched.get_mut(&id) else { return };
        let mut users = watched.users.to_vec();
        match users.binary_search(&other) {
            Err(place) if is_friend => users.insert(place, other),
            Ok(place) if !is_friend => drop(users.remove(place)),
            _ => return,
        }
        self.replace(id, users.into());
        let Some(watched) = self.watched.get_mut(&id).filter(|_| is_friend) else { return };
        if !is_seen {
            watched.mask(owner).hidden.insert(other);
        } else if self.shown.contains_key(&other) {
            watched.changed.insert(other);
            self.stirred.insert(id);
        }
    }

    /// Shows a user to one of those who watch, or hides them. Who is not there looks the same either way.
    fn mask(&mut self, id: WatchId, viewer: UserId, user: UserId, is_seen: bool, is_online: bool) {
        let Some(watched) = self.watched.get_mut(&id) else { return };
        if !watched.viewers.contains_key(&viewer) {
            return;
        }
        let is_hidden = watched.masks.get(&viewer).is_some_and(|mask| mask.hidden.contains(&user));
        if is_hidden != is_seen {
            return;
        }
        // Who went a moment ago may still look online to this one.
        let may_look_online = is_online || watched.changed.contains(&user) || self.changed.contains(&user);
        let looked_online = !is_hidden && may_look_online;
        let mask = watched.mask(viewer);
        mask.looked.entry(user).or_insert(looked_online);
        if is_seen {
            mask.hidden.remove(&user);
        } else {
            mask.hidden.insert(user);
        }
        if is_online || looked_online {
            self.stirred.insert(id);
        }
    }

    fn forget(&mut self, id: WatchId) {
        let Some(watched) = self.watched.remove(&id) else { return };
        if watched.owner.is_none() {
            self.ids.remove(&watched.users);
        }
        for user in watched.users.iter() {
            self.leave_alone(id, *user);
        }
        self.stirred.remove(&id);
        if let Some(due) = watched.due {
            self.due.remove(&(due, id));
        }
    }

    /// Works out for which watches the changes since the last tick matter, and when those tell it.
    fn gather(&mut self, tick: u64) {
        for user in std::mem::take(&mut self.changed) {
            for id in self.of_user.get(&user).into_iter().flatten() {
                let Some(watched) = self.watched.get_mut(id) else { continue };
                watched.changed.insert(user);
                self.stirred.insert(*id);
            }
        }
        for id in std::mem::take(&mut self.stirred) {
            let Some(watched) = self.watched.get_mut(&id) else { continue };
            if watched.due.is_none() {
                let due = tick.next_multiple_of(watched.ticks());
                watched.due = Some(due);
                self.due.insert((due, id));
            }
        }
    }
}

/// Has the watches hear of every presence that changes.
pub(super) fn listen(watches: &Arc<Watches>, topics: &Topics) {
    let watches = Arc::clone(watches);
    topics.listen(move |_, event| {
        if let Event::PresenceUpdated(own) = event {
            watches.show(own);
        }
    });
}

#[cfg(test)]
mod tests;
