//! How a lobby looks from outside, and its place in a list.

use std::collections::HashSet;
use std::sync::Arc;

use moothall_protocol::lobbies::{LobbyAccess, LobbyOrder, LobbySeat, LobbyStatus, LobbySummary};
use moothall_protocol::{LobbyId, MatchId, UserId};
use serde::{Deserialize, Serialize};

use crate::lobbies::lobby::State;

/// How a lobby looks from outside.
#[derive(Clone, Debug)]
pub(in crate::lobbies) struct Card {
    pub summary: LobbySummary,
    /// The name without regard to case.
    pub(super) name: Arc<str>,
    /// What a text is looked for in: name, mode, map and tags, each in a line of its own, without regard to case.
    pub(super) words: String,
    /// Who is in it, hosts it or is invited.
    pub insiders: HashSet<UserId>,
    /// Of a lobby that the server keeps.
    pub kept: Option<KeptCard>,
}

/// What the keeper wants to know of a lobby that the server keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::lobbies) struct KeptCard {
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
            is_empty: lobby.members.is_empty()
                && lobby.status == LobbyStatus::Waiting
                && state.place.is_none(),
            match_id: state.place.as_ref().map(|place| place.match_id),
        });
        Self { kept, ..Self::new(summary, insiders.copied().collect()) }
    }

    pub(super) fn new(summary: LobbySummary, insiders: HashSet<UserId>) -> Self {
        let texts = [&summary.name, &summary.mode].into_iter().chain(&summary.map).chain(&summary.tags);
        let words: Vec<String> = texts.map(|text| text.to_lowercase()).collect();
        Self {
            name: summary.name.to_lowercase().into(),
            words: words.join("\n"),
            insiders,
            kept: None,
            summary,
        }
    }

    /// Whether this user may know of it.
    pub fn is_shown_to(&self, user: Option<UserId>) -> bool {
        !self.is_hidden() || user.is_some_and(|user| self.insiders.contains(&user))
    }

    fn is_hidden(&self) -> bool {
        self.summary.access == LobbyAccess::InviteOnly
    }

    /// Who knows of it while others do not.
    pub(super) fn seen_by_alone(&self) -> impl Iterator<Item = UserId> {
        self.insiders.iter().copied().filter(|_| self.is_hidden())
    }

    /// Its place in a list of this order.
    pub(super) fn key(&self, order: LobbyOrder) -> Key {
        let summary = &self.summary;
        let number = match order {
            LobbyOrder::Newest => -summary.created_at.as_micros(),
            LobbyOrder::Players => -i64::from(summary.players),
            LobbyOrder::FreeSeats => -i64::from(summary.free_seats),
            LobbyOrder::Name => 0,
        };
        let text = (order == LobbyOrder::Name).then(|| Text(Arc::clone(&self.name)));
        Key { order, number, text, id: summary.id }
    }
}

/// The place of a lobby in a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Key {
    pub order: LobbyOrder,
    number: i64,
    text: Option<Text>,
    pub id: LobbyId,
}

/// A text that many keys may share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
struct Text(Arc<str>);

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<Text> for String {
    fn from(Text(text): Text) -> Self {
        text.as_ref().to_owned()
    }
}
