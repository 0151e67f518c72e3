//! One list as it is watched: which lobbies are in it, and what those who watch it were told last.
//!
//! Start at [`View::difference`]. The promise: whoever was answered what [`View::told`] says and applies every difference since has what
//! the list is, as soon as nothing is left to tell. Lobbies are noted as changed by their id alone, as often as one likes: what is told
//! is always how they are then.
//!
//! Of a long list only the beginning is kept, some more than is shown: so a change costs the same however many lobbies there are, and
//! only when the reserve is used up are all of them looked at again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use moothall_protocol::LobbyId;
use moothall_protocol::limits::LOBBIES_TOLD_AT_ONCE_MAX;
use moothall_protocol::lobbies::LobbyOrder;

use super::card::Key;
use super::filter::Filter;
use super::{Card, Cards, is_shown};
use crate::topics::Viewer;

/// What is watched.
#[derive(Debug)]
pub(super) struct Query {
    pub filter: Filter,
    pub order: LobbyOrder,
    /// How many are shown: the first ones.
    pub limit: usize,
}

/// What is different from before: lobbies as they are now, and none for those that are gone.
pub(super) type Difference = BTreeMap<LobbyId, Option<Arc<Card>>>;

/// A list with the eyes of those who see the same of it.
#[derive(Debug)]
pub(super) struct View {
    query: Arc<Query>,
    viewer: Viewer,
    /// The first lobbies that belong into the list: all of them whose keys are not behind the edge.
    found: BTreeMap<Key, Arc<Card>>,
    keys: HashMap<LobbyId, Key>,
    /// Without one these are all there are.
    edge: Option<Key>,
    /// As those who watch were told.
    told: HashMap<LobbyId, Arc<Card>>,
    /// Of these some were shown something else since.
    unsure: HashSet<LobbyId>,
    /// Where the last difference ended that was too long for one event.
    last_told: Option<LobbyId>,
    /// Whether something may be different from what was told.
    is_due: bool,
}

impl View {
    pub fn new(query: Arc<Query>, viewer: Viewer, cards: &Cards) -> Self {
        let mut view = Self {
            query,
            viewer,
            found: BTreeMap::new(),
            keys: HashMap::new(),
            edge: None,
            told: HashMap::new(),
            unsure: HashSet::new(),
            last_told: None,
            is_due: false,
        };
        view.find_all(cards);
        view.told = view.window().map(|card| (card.summary.id, Arc::clone(card))).collect();
        view
    }

    /// The lobby may belong here otherwise than before.
    pub fn change(&mut self, id: LobbyId, cards: &Cards) {
        if let Some(key) = self.keys.remove(&id) {
            self.found.remove(&key);
            self.is_due = true;
        }
        let card = cards.by_id.get(&id).filter(|card| self.belongs(cards, card));
        let Some((card, key)) = card.map(|card| (card, card.key(self.query.order))) else { return };
        if self.edge.as_ref().is_none_or(|edge| key <= *edge) {
            self.keys.insert(id, key.clone());
            self.found.insert(key, Arc::clone(card));
            self.is_due = true;
            self.drop_surplus();
        }
    }

    /// The lobbies to show to one who comes now, in their order. They may be further than what others were told: what is different
    /// between the two is told once more with the next difference.
    pub fn show(&mut self, cards: &Cards) -> Vec<Arc<Card>> {
        self.refill(cards);
        let shown: Vec<Arc<Card>> = self.window().cloned().collect();
        if self.is_due {
            let different = self.different();
            self.unsure.extend(different);
        }
        shown
    }

    /// What is different from what was told, which is told with this. If it is much, the rest is for the next time.
    pub fn difference(&mut self, cards: &Cards) -> Difference {
        if !self.is_due {
            return Difference::new();
        }
        self.refill(cards);
        let mut different = self.different();
        different.extend(&self.unsure);
        different.sort_unstable();
        different.dedup();
        self.is_due = different.len() > LOBBIES_TOLD_AT_ONCE_MAX;
        if self.is_due {
            // All have their turn, however often the others change.
            let next = different.partition_point(|id| self.last_told.is_some_and(|last| *id <= last));
            different.rotate_left(next);
            different.truncate(LOBBIES_TOLD_AT_ONCE_MAX);
            self.last_told = different.last().copied();
        }
        let last = self.last_shown();
        let mut difference = Difference::new();
        for id in different {
            self.unsure.remove(&id);
            let key = self.keys.get(&id).filter(|key| last.as_ref().is_some_and(|last| *key <= last));
            let card = key.and_then(|key| self.found.get(key)).cloned();
            match &card {
                Some(card) => self.told.insert(id, Arc::clone(card)),
                None => self.told.remove(&id),
            };
            difference.insert(id, card);
        }
        difference
    }

    /// All that those who watch were told, and have.
    pub fn told(&self) -> Vec<Arc<Card>> {
        self.told.values().cloned().collect()
    }

    /// Whether there may be something to tell.
    pub fn is_due(&self) -> bool {
        self.is_due
    }

    fn belongs(&self, cards: &Cards, card: &Card) -> bool {
        is_shown(cards, card, self.viewer) && self.query.filter.passes(card)
    }

    fn window(&self) -> impl Iterator<Item = &Arc<Card>> {
        self.found.values().take(self.query.limit)
    }

    fn last_shown(&self) -> Option<Key> {
        self.found.keys().take(self.query.limit).next_back().cloned()
    }

    /// Those that look otherwise than was told, each once.
    fn different(&self) -> Vec<LobbyId> {
        let last = self.last_shown();
        let is_told =
            |card: &Arc<Card>| self.told.get(&card.summary.id).is_some_and(|told| Arc::ptr_eq(told, card));
        let is_gone = |id: &LobbyId| {
            let key = self.keys.get(id);
            key.zip(last.as_ref()).is_none_or(|(key, last)| key > last)
        };
        let new = self.window().filter(|card| !is_told(card)).map(|card| card.summary.id);
        let gone = self.told.keys().copied().filter(is_gone);
        new.chain(gone).collect()
    }

    /// Looks at all lobbies again, if the reserve is used up.
    fn refill(&mut self, cards: &Cards) {
        if self.edge.is_some() && self.found.len() < self.query.limit {
            self.find_all(cards);
        }
    }

    fn find_all(&mut self, cards: &Cards) {
        let mut found: Vec<(Key, &Arc<Card>)> = cards
            .by_id
            .values()
            .filter(|card| self.belongs(cards, card))
            .map(|card| (card.key(self.query.order), card))
            .collect();
        found.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let kept = 2 * self.query.limit;
        self.edge = if found.len() > kept { found.get(kept - 1).map(|(key, _)| key.clone()) } else { None };
        found.truncate(kept);
        self.keys = found.iter().map(|(key, _)| (key.id, key.clone())).collect();
        self.found = found.into_iter().map(|(key, card)| (key, Arc::clone(card))).collect();
    }

    /// Keeps no more than three times what is shown.
    fn drop_surplus(&mut self) {
        if self.found.len() > 3 * self.query.limit
            && let Some((key, _)) = self.found.pop_last()
        {
            self.keys.remove(&key.id);
            self.edge = self.found.last_key_value().map(|(key, _)| key.clone());
        }
    }
}

#[cfg(test)]
mod tests;
