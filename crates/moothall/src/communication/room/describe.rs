//! What a room is: its name, topic and modes, and whether it is still in use.

use moothall_protocol::communication::{RoomKind, RoomRole};
use moothall_protocol::{Event, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Deed, Effect, Power, Reply, Room};
use crate::communication::Error;
use crate::communication::name::RoomName;
use crate::runtime::Turn;

/// A change of a room's description; what is `None` stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Change {
    pub name: Option<RoomName>,
    pub topic: Option<String>,
    pub member_only: Option<bool>,
    pub read_only: Option<bool>,
    pub slow_mode_ms: Option<u32>,
    /// 0 for what the server has set.
    pub retention_days: Option<u32>,
    pub if_version: Option<i64>,
}

impl Change {
    /// Whether an owner is needed for it.
    fn is_for_owners(&self) -> bool {
        self.name.is_some() || self.member_only.is_some() || self.retention_days.is_some()
    }

    /// Whether it changes how a room works, which groups have nothing of.
    fn is_about_modes(&self) -> bool {
        self.member_only.is_some()
            || self.read_only.is_some()
            || self.slow_mode_ms.is_some()
            || self.retention_days.is_some()
    }
}

impl Room {
    pub(super) fn update(
        &mut self,
        change: &Change,
        power: &Power,
        turn: &mut Turn<'_, Self>,
    ) -> Result<Reply, Error> {
        let needed = match self.card.kind {
            RoomKind::Room if change.is_for_owners() => RoomRole::Owner,
            RoomKind::Room => RoomRole::Moderator,
            _ => RoomRole::Member,
        };
        let deed = Deed { power, action: "communication.update_room", about: json!(change) };
        self.require(deed, |seat| seat.role >= needed, turn)?;
        self.require_own()?;
        match self.card.kind {
            RoomKind::Direct => return Err(Error::NotForDirect),
            RoomKind::Group if change.is_about_modes() => return Err(Error::NotForGroup),
            _ => {}
        }
        if self.card.live_only && change.retention_days.is_some() {
            let message = "a live-only room keeps no messages";
            return Err(crate::Error::field("/retention_days", "invalid", message).into());
        }
        self.require_open()?;
        if change.if_version.is_some_and(|version| version != self.card.version) {
            return Err(crate::Error::VersionConflict { version: self.card.version }.into());
        }
        let mut card = self.card.clone();
        if let Some(name) = &change.name {
            card.name = Some(name.display().to_owned());
        }
        if let Some(topic) = &change.topic {
            card.topic.clone_from(topic);
        }
        card.member_only = change.member_only.unwrap_or(card.member_only);
        card.read_only = change.read_only.unwrap_or(card.read_only);
        card.slow_mode_ms = change.slow_mode_ms.unwrap_or(card.slow_mode_ms);
        if let Some(days) = change.retention_days {
            card.retention_days = (days > 0).then_some(days);
        }
        if card != self.card {
            card.version += 1;
            self.card = card;
            turn.persist(Effect::Described(Box::new(self.card.clone())));
            self.tell_card(Event::RoomUpdated, turn);
        }
        Ok(Reply::Room(Box::new(self.card_of(turn.caller()))))
    }

    pub(super) fn archive(&mut self, power: &Power, turn: &mut Turn<'_, Self>) -> Result<Reply, Error> {
        let deed = Deed { power, action: "communication.archive_room", about: json!({ "archived": true }) };
        self.require(deed, |seat| seat.role == RoomRole::Owner, turn)?;
        self.require_own()?;
        if self.card.kind == RoomKind::Direct {
            // The two would have no way to each other any more.
            return Err(Error::NotForDirect);
        }
        self.require_open()?;
        self.close(turn);
        Ok(Reply::Room(Box::new(self.card_of(turn.caller()))))
    }

    /// The server archives a room that nobody uses, if that is still so.
    pub(super) fn archive_empty(
        &mut self,
        silent_since: Timestamp,
        turn: &mut Turn<'_, Self>,
    ) -> Result<Reply, Error> {
        let is_open = self.card.kind == RoomKind::Room && self.card.archived_at.is_none();
        if is_open && self.seats.is_empty() && self.card.active_at <= silent_since {
            self.close(turn);
        }
        Ok(Reply::Done)
    }

    /// Opens an archived room again. Only for staff.
    pub(super) fn restore(&mut self, power: &Power, turn: &mut Turn<'_, Self>) -> Result<Reply, Error> {
        let deed = Deed { power, action: "communication.restore_room", about: json!({ "archived": false }) };
        self.require(deed, |_| false, turn)?;
        self.require_own()?;
        if self.card.archived_at.is_some() {
            self.card.archived_at = None;
            self.card.version += 1;
            turn.persist(Effect::Described(Box::new(self.card.clone())));
            turn.persist(Effect::Reopened { users: self.seats.keys().copied().collect() });
            self.tell_card(Event::RoomArchived, turn);
        }
        Ok(Reply::Room(Box::new(self.card_of(turn.caller()))))
    }

    /// From now on the room is archived.
    pub(super) fn close(&mut self, turn: &mut Turn<'_, Self>) {
        self.card.archived_at = Some(turn.now());
        self.card.version += 1;
        turn.persist(Effect::Described(Box::new(self.card.clone())));
        self.tell_card(Event::RoomArchived, turn);
    }
}
