//! Finding lobbies: an index in memory of how each looks from outside, pages of it, and lists that are watched.
//!
//! It is filled from the database when the server starts, and changed after each commit and before its answer, in the order of the
//! commits. So it is right after a crash, and nobody reads less than what they were answered.
//!
//! Start at [`Index::list`] for a page and at `list/watches.rs` for a list that is kept right at whoever watches it. Both ask the same
//! [`Filter`], which looks at a [`Card`].

mod card;
mod facets;
mod filter;
mod view;
mod watches;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use moothall_protocol::limits::PAGE_ITEMS_DEFAULT;
use moothall_protocol::lobbies::{ListLobbies, LobbyPage};
use moothall_protocol::{Cursor, LobbyId, MatchId, Page, UserId};
use parking_lot::RwLock;

use super::Error;
use crate::topics::Viewer;
use card::Key;
pub(super) use card::{Card, KeptCard};
use filter::Filter;
use watches::Watches;
pub(super) use watches::{tell_watchers, unwatch, watch};

/// All lobbies, as they look from outside, and who watches lists of them.
#[derive(Debug, Default)]
pub(super) struct Index {
    cards: RwLock<Cards>,
    /// Locked before the cards, never the other way round.
    watches: Arc<Watches>,
}

/// How each lobby looks from outside.
#[derive(Debug, Default)]
struct Cards {
    by_id: HashMap<LobbyId, Arc<Card>>,
    /// The lobbies that a user sees and others do not.
    hidden_from_others: HashMap<UserId, HashSet<LobbyId>>,
    /// Of those who watch: whose lobbies they do not see.
    barred: HashMap<UserId, HashSet<UserId>>,
}

impl Cards {
    /// Replaces the card of a lobby. Returns who sees more or less than before, of those who see anything that others do not, and whether the
    /// keeper should look.
    fn replace(&mut self, id: LobbyId, card: Option<Card>) -> (HashSet<UserId>, bool) {
        let card = card.map(Arc::new);
        let kept = card.as_ref().and_then(|card| card.kept.clone());
        let now: HashSet<UserId> = card.iter().flat_map(|card| card.seen_by_alone()).collect();
        let old = match card {
            Some(card) => self.by_id.insert(id, card),
            None => self.by_id.remove(&id),
        };
        let before: HashSet<UserId> = old.iter().flat_map(|card| card.seen_by_alone()).collect();
        for user in now.difference(&before) {
            self.hidden_from_others.entry(*user).or_default().insert(id);
        }
        for user in before.difference(&now) {
            if let Some(lobbies) = self.hidden_from_others.get_mut(user) {
                lobbies.remove(&id);
                if lobbies.is_empty() {
                    self.hidden_from_others.remove(user);
                }
            }
        }
        let is_for_keeper = old.and_then(|card| card.kept.clone()) != kept;
        (now.symmetric_difference(&before).copied().collect(), is_for_keeper)
    }

    /// With whose eyes this user sees lists: their own, as long as they see what others do not.
    fn viewer(&self, user: UserId, is_staff: bool) -> Viewer {
        match is_staff {
            true => Viewer::Staff,
            false if self.hidden_from_others.contains_key(&user) || self.barred.contains_key(&user) => {
                Viewer::User(user)
            }
            false => Viewer::Anybody,
        }
    }
}

/// Whether a lobby may be known of.
fn is_shown(cards: &Cards, card: &Card, viewer: Viewer) -> bool {
    match viewer {
        Viewer::Staff => true,
        Viewer::Anybody => card.is_shown_to(None),
        Viewer::User(user) => {
            let is_barred =
                cards.barred.get(&user).is_some_and(|hosts| hosts.contains(&card.summary.host_id));
            card.is_shown_to(Some(user)) && !is_barred
        }
    }
}

impl Index {
    /// Shows a lobby as it is now. Commits come in their order; only what was read at the start may be older. Returns whether the keeper
    /// should look.
    pub fn put(&self, card: Card) -> bool {
        self.replace(card.summary.id, Some(card))
    }

    /// Returns whether the keeper should look.
    pub fn remove(&self, id: LobbyId) -> bool {
        self.replace(id, None)
    }

    fn replace(&self, id: LobbyId, card: Option<Card>) -> bool {
        let (moved, is_for_keeper) = self.cards.write().replace(id, card);
        self.watches.note(id, moved);
        is_for_keeper
    }

    /// Those that the server keeps.
    pub fn kept(&self) -> Vec<Arc<Card>> {
        self.cards.read().by_id.values().filter(|card| card.kept.is_some()).cloned().collect()
    }

    /// The lobby whose game is played at a host from a pool as this match.
    pub fn playing_at(&self, match_id: MatchId) -> Option<LobbyId> {
        let cards = self.cards.read();
        let plays =
            |card: &&Arc<Card>| card.kept.as_ref().is_some_and(|kept| kept.match_id == Some(match_id));
        cards.by_id.values().find(plays).map(|card| card.summary.id)
    }

    pub fn find(&self, id: LobbyId) -> Option<Arc<Card>> {
        self.cards.read().by_id.get(&id).cloned()
    }

    /// Those that are wanted and that this user may know of, without those of `barred` hosts; staff may know of all.
    pub fn list(
        &self,
        wanted: ListLobbies,
        user: Option<UserId>,
        is_staff: bool,
        barred: &HashSet<UserId>,
    ) -> Result<LobbyPage, Error> {
        let ListLobbies { filter, order, facets, cursor, limit } = wanted;
        let filter = Filter::new(filter.unwrap_or_default())?;
        let order = order.unwrap_or_default();
        let after =
            cursor.map(|cursor| cursor.key::<Key>().ok_or_else(crate::Error::wrong_cursor)).transpose()?;
        if after.as_ref().is_some_and(|after| after.order != order) {
            return Err(crate::Error::wrong_cursor().into());
        }
        let limit = limit.unwrap_or(PAGE_ITEMS_DEFAULT);
        let viewer = user.map_or(Viewer::Anybody, Viewer::User);
        let viewer = if is_staff { Viewer::Staff } else { viewer };
        let cards = self.cards.read();
        let is_found =
            |card: &Card| is_shown(&cards, card, viewer) && !barred.contains(&card.summary.host_id);
        let found: Vec<&Arc<Card>> =
            cards.by_id.values().filter(|card| is_found(card) && filter.passes(card)).collect();
        let facets = facets::count(&facets, &found);
        let mut rows: Vec<(Key, &Arc<Card>)> = found
            .into_iter()
            .map(|card| (card.key(order), card))
            .filter(|(key, _)| after.as_ref().is_none_or(|after| key > after))
            .collect();
        rows.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        rows.truncate(limit + 1);
        let page = Page::cut(rows, limit, |(key, _)| Cursor::of(key));
        let items = page.items.into_iter().map(|(_, card)| card.summary.clone()).collect();
        Ok(LobbyPage { items, next: page.next, facets })
    }

    /// Has the lists that this user watches be without the lobbies of these hosts.
    pub fn bar(&self, user: UserId, hosts: HashSet<UserId>) {
        let mut cards = self.cards.write();
        let before = match hosts.is_empty() {
            true => cards.barred.remove(&user),
            false => cards.barred.insert(user, hosts.clone()),
        };
        let before = before.unwrap_or_default();
        if before == hosts {
            return;
        }
        let is_other = |host: &UserId| before.contains(host) != hosts.contains(host);
        let others = cards.by_id.values().filter(|card| is_other(&card.summary.host_id));
        let others: Vec<LobbyId> = others.map(|card| card.summary.id).collect();
        drop(cards);
        self.watches.note_sight(user, &others);
    }

    /// Whether this user watches a list.
    pub fn is_watching(&self, user: UserId) -> bool {
        self.watches.is_watching(user)
    }

    /// How much is kept of those who watch, for tests that look for leaks.
    #[cfg(test)]
    pub fn watches_left(&self) -> [usize; 4] {
        self.watches.leftovers()
    }

    /// Whether nothing waits for the next tick, nor is being told.
    #[cfg(test)]
    pub fn is_all_told(&self) -> bool {
        self.watches.is_all_told()
    }
}
