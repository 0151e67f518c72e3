//! Finding lobbies: an index in memory of how each looks from outside.
//!
//! It is filled from the database when the server starts, and changed after each commit and before its answer, in the order of the
//! commits. So it is right after a crash, and nobody reads less than what they were answered.

use std::collections::{HashMap, HashSet};

use moothall_protocol::limits::PAGE_ITEMS_DEFAULT;
use moothall_protocol::lobbies::{
    ListLobbies, LobbyAccess, LobbyOrder, LobbySeat, LobbyStatus, LobbySummary,
};
use moothall_protocol::{Cursor, LobbyId, MatchId, Page, UserId};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use super::Error;
use super::lobby::State;

/// How a lobby looks from outside.
#[derive(Clone, Debug)]
pub(super) struct Card {
    pub summary: LobbySummary,
    /// The name without regard to case.
    name: String,
    /// Who is in it, hosts it or is invited.
    pub insiders: HashSet<UserId>,
    /// Of a lobby that the server keeps.
    pub kept: Option<KeptCard>,
}

/// What the keeper wants to know of a lobby that the server keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeptCard {
    /// The policy, and its version when the lobby opened.
    pub policy: (String, i64),
    /// Whether players gather in it and a seat is free.
    pub is_open: bool,
    /// Whether nobody is in it, and no game.
    pub is_empty: bool,
    /// The match that is played at a host from a pool, or will be.
    pub match_id: Option<MatchId>,
}

impl Card {
    pub fn of(state: &State) -> Self {
        let lobby = &state.lobby;
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let players = lobby.players().count();
        let seats = lobby.teams.values().flat_map(|team| &team.seats);
        let bots = seats.filter(|seat| matches!(seat, LobbySeat::Bot { .. })).count();
        let summary = LobbySummary {
            id: lobby.id,
            version: lobby.version,
            name: lobby.name.clone(),
            mode: lobby.mode.clone(),
            map: lobby.map.clone(),
            host_id: lobby.host_id,
            host_kind: lobby.host_kind,
            status: lobby.status,
            access: lobby.access,
            has_password: lobby.has_password,
            is_locked: lobby.is_locked,
            is_rated: lobby.is_rated,
            tags: lobby.tags.clone(),
            players: count(players),
            bots: count(bots),
            spectators: count(lobby.members.len() - players),
            queued: count(lobby.queue.len()),
            seats: count(lobby.seats()),
            free_seats: count(lobby.seats() - lobby.seats_taken()),
            properties: lobby.properties.public.clone(),
            created_at: lobby.created_at,
        };
        let insiders = lobby.members.keys().chain(&state.host.invites).chain([&lobby.host_id]);
        let kept = lobby.policy.clone().zip(state.kept.as_ref()).map(|(slug, kept)| KeptCard {
            policy: (slug, kept.version),
            is_open: lobby.status == LobbyStatus::Waiting && !lobby.is_locked && summary.free_seats > 0,
            is_empty: lobby.members.is_empty() && state.place.is_none(),
            match_id: state.place.as_ref().map(|place| place.match_id),
        });
        Self { name: lobby.name.to_lowercase(), insiders: insiders.copied().collect(), kept, summary }
    }

    /// Whether this user may know of it.
    pub fn is_shown_to(&self, user: Option<UserId>) -> bool {
        self.summary.access != LobbyAccess::InviteOnly
            || user.is_some_and(|user| self.insiders.contains(&user))
    }

    fn key(&self, order: LobbyOrder) -> Key {
        let summary = &self.summary;
        let (number, text) = match order {
            LobbyOrder::Newest => (-summary.created_at.as_micros(), String::new()),
            LobbyOrder::Players => (-i64::from(summary.players), String::new()),
            LobbyOrder::FreeSeats => (-i64::from(summary.free_seats), String::new()),
            LobbyOrder::Name => (0, self.name.clone()),
        };
        Key { order, number, text, id: summary.id }
    }

    fn is_wanted(&self, wanted: &ListLobbies, name: Option<&str>) -> bool {
        let summary = &self.summary;
        let is_one_of = |wanted: &[String], value: &str| wanted.iter().any(|one| one == value);
        let has = |tag: &String| summary.tags.contains(tag);
        (wanted.mode.is_empty() || is_one_of(&wanted.mode, &summary.mode))
            && (wanted.map.is_empty()
                || summary.map.as_deref().is_some_and(|map| is_one_of(&wanted.map, map)))
            && (wanted.status.is_empty() || wanted.status.contains(&summary.status))
            && wanted.has_password.is_none_or(|wanted| wanted == summary.has_password)
            && wanted.is_locked.is_none_or(|wanted| wanted == summary.is_locked)
            && wanted.is_rated.is_none_or(|wanted| wanted == summary.is_rated)
            && wanted.free_seats_min.is_none_or(|least| summary.free_seats >= least)
            && wanted.players_min.is_none_or(|least| summary.players >= least)
            && wanted.players_max.is_none_or(|most| summary.players <= most)
            && name.is_none_or(|part| self.name.contains(part))
            && (wanted.tags_any.is_empty() || wanted.tags_any.iter().any(has))
            && wanted.tags_all.iter().all(has)
            && !wanted.tags_none.iter().any(has)
    }
}

/// The place of a lobby in a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Key {
    order: LobbyOrder,
    number: i64,
    text: String,
    id: LobbyId,
}

/// All lobbies, as they look from outside.
#[derive(Debug, Default)]
pub(super) struct Index(RwLock<HashMap<LobbyId, Card>>);

impl Index {
    /// Shows a lobby as it is now. Commits come in their order; only what was read at the start may be older.
    /// Returns whether the keeper should look.
    pub fn put(&self, card: Card) -> bool {
        let kept = card.kept.clone();
        let before = self.0.write().insert(card.summary.id, card);
        before.and_then(|before| before.kept) != kept
    }

    /// Returns whether the keeper should look.
    pub fn remove(&self, id: LobbyId) -> bool {
        self.0.write().remove(&id).is_some_and(|card| card.kept.is_some())
    }

    /// Those that the server keeps.
    pub fn kept(&self) -> Vec<Card> {
        self.0.read().values().filter(|card| card.kept.is_some()).cloned().collect()
    }

    /// The lobby whose game is played at a host from a pool as this match.
    pub fn playing_at(&self, match_id: MatchId) -> Option<LobbyId> {
        let all = self.0.read();
        let plays = |card: &&Card| card.kept.as_ref().is_some_and(|kept| kept.match_id == Some(match_id));
        all.values().find(plays).map(|card| card.summary.id)
    }

    pub fn find(&self, id: LobbyId) -> Option<Card> {
        self.0.read().get(&id).cloned()
    }

    /// Those that are wanted and that this user may know of; staff may know of all.
    pub fn list(
        &self,
        wanted: &ListLobbies,
        user: Option<UserId>,
        is_staff: bool,
    ) -> Result<Page<LobbySummary>, Error> {
        let order = wanted.order.unwrap_or_default();
        let wrong = || crate::Error::field("/cursor", "invalid", "this is no cursor of this list");
        let after = wanted.cursor.as_ref().map(|cursor| cursor.key::<Key>().ok_or_else(wrong)).transpose()?;
        if after.as_ref().is_some_and(|after| after.order != order) {
            return Err(wrong().into());
        }
        let limit = wanted.limit.unwrap_or(PAGE_ITEMS_DEFAULT);
        let name = wanted.name_contains.as_ref().map(|part| part.to_lowercase());
        let all = self.0.read();
        let mut found: Vec<(Key, &Card)> = all
            .values()
            .filter(|card| is_staff || card.is_shown_to(user))
            .filter(|card| card.is_wanted(wanted, name.as_deref()))
            .map(|card| (card.key(order), card))
            .filter(|(key, _)| after.as_ref().is_none_or(|after| key > after))
            .collect();
        found.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        found.truncate(limit + 1);
        let page = Page::cut(found, limit, |(key, _)| Cursor::of(key));
        let items = page.items.into_iter().map(|(_, card)| card.summary.clone()).collect();
        Ok(Page { items, next: page.next })
    }
}
