//! Who is in a room, and as what.

use moothall_protocol::communication::{MemberChanged, MemberGone, RoomKind, RoomRole};
use moothall_protocol::{Event, UserId};
use serde_json::json;

use super::{Contact, Deed, Effect, Power, Reply, Room, Seat};
use crate::Topic;
use crate::communication::Error;
use crate::runtime::Turn;

impl Room {
    pub(super) fn join(&mut self, turn: &mut Turn<'_, Self>) -> Result<Reply, Error> {
        match self.seat(turn) {
            // Joining twice is as once.
            Ok((user, seat)) => return Ok(Reply::Member(self.member(user, seat))),
            Err(Error::NotMember) => {}
            Err(error) => return Err(error),
        }
        let user = turn.caller().ok_or(crate::Error::NotSignedIn)?;
        self.enter(user, false, turn)
    }

    pub(super) fn add(
        &mut self,
        user: UserId,
        power: &Power,
        turn: &mut Turn<'_, Self>,
    ) -> Result<Reply, Error> {
        let needed = if self.card.kind == RoomKind::Room { RoomRole::Moderator } else { RoomRole::Member };
        let deed = Deed { power, action: "communication.add_member", about: json!({ "user_id": user }) };
        // Nobody comes into the conversations of others, not even staff.
        let power = if self.card.kind == RoomKind::Room { deed.power } else { &Power::Member };
        self.require(Deed { power, ..deed }, |seat| seat.role >= needed, turn)?;
        self.require_own()?;
        match self.card.kind {
            RoomKind::Direct => return Err(Error::NotForDirect),
            RoomKind::Room if !self.card.member_only => return Err(Error::NotForOpenRoom),
            _ => {}
        }
        match self.seats.get(&user) {
            Some(seat) => Ok(Reply::Member(self.member(user, seat))),
            None => self.enter(user, turn.caller() != Some(user), turn),
        }
    }

    /// Takes in somebody who is not there yet. What was said before counts as read.
    fn enter(&mut self, user: UserId, brought_in: bool, turn: &mut Turn<'_, Self>) -> Result<Reply, Error> {
        self.require_open()?;
        if self.seats.len() >= self.members_max() {
            return Err(Error::Full);
        }
        let seat = Seat {
            // Whoever comes to a room that everybody has left looks after it.
            role: if self.seats.is_empty() && self.card.kind == RoomKind::Room {
                RoomRole::Owner
            } else {
                RoomRole::Member
            },
            joined_at: turn.now(),
            delivered_seq: self.card.last_seq,
            read_seq: self.card.last_seq,
            brought_in,
            // Whoever leaves and comes again has not escaped slow mode.
            sent_at: (self.card.slow_mode_ms > 0).then_some(turn.now()),
            typed_at: None,
            contact: Contact::Open,
            unheard: None,
        };
        self.seats.insert(user, seat.clone());
        self.count();
        let member = self.member(user, &seat);
        turn.persist(Effect::Entered { user, seat, kind: self.card.kind, members: self.card.members });
        turn.emit(Topic::User(user), Event::RoomJoined(self.card.clone()));
        let changed = MemberChanged { room_id: self.card.id, member: member.clone() };
        self.tell(turn, Event::MemberJoined(changed));
        Ok(Reply::Member(member))
    }

    pub(super) fn leave(&mut self, turn: &mut Turn<'_, Self>) -> Result<Reply, Error> {
        let (user, _) = self.seat(turn)?;
        self.require_own()?;
        if self.card.kind == RoomKind::Direct {
            return Err(Error::NotForDirect);
        }
        self.remove(user, false, turn);
        Ok(Reply::Done)
    }

    /// Has those in the room who are in what it follows, and nobody else. What an older version says is past.
    pub(super) fn follow(
        &mut self,
        users: &[UserId],
        version: i64,
        turn: &mut Turn<'_, Self>,
    ) -> Result<Reply, Error> {
        if !self.card.kind.follows() || version <= self.seated || self.card.archived_at.is_some() {
            return Ok(Reply::Done);
        }
        self.seated = version;
        self.let_go(|user| !users.contains(&user), turn);
        for user in users {
            if !self.seats.contains_key(user) {
                self.enter(*user, false, turn)?;
            }
        }
        Ok(Reply::Done)
    }

    /// What the room follows is no more, and so nobody is in it.
    pub(super) fn end(&mut self, turn: &mut Turn<'_, Self>) -> Result<Reply, Error> {
        if self.card.kind.follows() && self.card.archived_at.is_none() {
            self.let_go(|_| true, turn);
            self.close(turn);
        }
        Ok(Reply::Done)
    }

    fn let_go(&mut self, of: impl Fn(UserId) -> bool, turn: &mut Turn<'_, Self>) {
        let mut gone: Vec<UserId> = self.seats.keys().copied().filter(|user| of(*user)).collect();
        gone.sort_unstable();
        for user in gone {
            self.remove(user, false, turn);
        }
    }

    pub(super) fn kick(
        &mut self,
        user: UserId,
        power: &Power,
        turn: &mut Turn<'_, Self>,
    ) -> Result<Reply, Error> {
        let role = self.seats.get(&user).map_or(RoomRole::Member, |seat| seat.role);
        let is_room = self.card.kind == RoomKind::Room;
        let deed = Deed { power, action: "communication.kick", about: json!({ "user_id": user }) };
        self.require(deed, |seat| is_room && seat.role >= RoomRole::Moderator && seat.role > role, turn)?;
        self.require_own()?;
        if self.card.kind == RoomKind::Direct {
            return Err(Error::NotForDirect);
        }
        if self.seats.contains_key(&user) {
            self.remove(user, true, turn);
        }
        Ok(Reply::Done)
    }

    /// Lets go of somebody who is no more. A direct conversation stays the other one's.
    pub(super) fn forget(&mut self, user: UserId, turn: &mut Turn<'_, Self>) -> Result<Reply, Error> {
        if self.card.kind != RoomKind::Direct && self.seats.contains_key(&user) {
            self.remove(user, false, turn);
        }
        Ok(Reply::Done)
    }

    fn remove(&mut self, user: UserId, is_kicked: bool, turn: &mut Turn<'_, Self>) {
        self.seats.remove(&user);
        self.count();
        let gone = MemberGone { room_id: self.card.id, user_id: user, is_kicked };
        turn.persist(Effect::Gone { user, members: self.card.members });
        // Whoever went no longer hears what the room hears.
        turn.emit(Topic::User(user), Event::RoomLeft(gone.clone()));
        self.tell(turn, Event::MemberLeft(gone));
        self.inherit(turn);
        let is_found = self.card.kind.follows() || !super::is_hidden(&self.card);
        if self.seats.is_empty() && !is_found && self.card.archived_at.is_none() {
            // Nobody could ever find it again.
            self.close(turn);
        }
    }

    /// Without an owner the longest-standing moderator becomes one, else the longest-standing member.
    fn inherit(&mut self, turn: &mut Turn<'_, Self>) {
        if self.card.kind != RoomKind::Room || self.owners() > 0 {
            return;
        }
        let heir = self
            .seats
            .iter()
            .min_by_key(|(user, seat)| (seat.role < RoomRole::Moderator, seat.joined_at, **user));
        if let Some(heir) = heir.map(|(user, _)| *user) {
            self.appoint(heir, RoomRole::Owner, turn);
        }
    }

    pub(super) fn set_role(
        &mut self,
        user: UserId,
        role: RoomRole,
        power: &Power,
        turn: &mut Turn<'_, Self>,
    ) -> Result<Reply, Error> {
        let about = json!({ "user_id": user, "role": role });
        let deed = Deed { power, action: "communication.set_role", about };
        self.require(deed, |seat| seat.role == RoomRole::Owner, turn)?;
        self.require_own()?;
        if self.card.kind != RoomKind::Room {
            return Err(Error::NotForGroup);
        }
        let seat = self.seats.get(&user).ok_or(crate::Error::NotFound)?;
        if seat.role == RoomRole::Owner && role != RoomRole::Owner && self.owners() == 1 {
            return Err(Error::LastOwner);
        }
        if seat.role != role {
            self.appoint(user, role, turn);
        }
        let seat = self.seats.get(&user).ok_or(crate::Error::NotFound)?;
        Ok(Reply::Member(self.member(user, seat)))
    }

    fn appoint(&mut self, user: UserId, role: RoomRole, turn: &mut Turn<'_, Self>) {
        let Some(seat) = self.seats.get_mut(&user) else { return };
        seat.role = role;
        let member = super::member(&self.card, user, seat);
        turn.persist(Effect::RoleSet { user, role });
        self.tell(turn, Event::RoleSet(MemberChanged { room_id: self.card.id, member }));
    }

    pub(super) fn owners(&self) -> usize {
        self.seats.values().filter(|seat| seat.role == RoomRole::Owner).count()
    }

    fn count(&mut self) {
        self.card.members = u32::try_from(self.seats.len()).unwrap_or(u32::MAX);
    }
}
