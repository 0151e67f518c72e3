//! Who comes to a party, who goes, who leads, and who is ready.

use moothall_protocol::parties::{LeftParty, PartyChange, PartyLeft};
use moothall_protocol::{Event, Timestamp, UserId};

use super::{Command, Effect, Party, Reply, Seat};
use crate::Topic;
use crate::parties::Error;
use crate::runtime::Turn;

impl Party {
    pub(super) fn accept(&mut self, turn: &mut Turn<'_, Self>) -> Result<Reply, Error> {
        let user = turn.caller().ok_or(crate::Error::NotSignedIn)?;
        if self.seats.contains_key(&user) {
            return Ok(self.reply());
        }
        let invite = self.invites.get(&user).ok_or(Error::NotInvited)?;
        if turn.now() >= invite.expires_at {
            return Err(Error::NotInvited);
        }
        self.enter(user, turn);
        Ok(self.reply())
    }

    /// By the code. Whoever is invited needs no open door, and has a place.
    pub(super) fn join(&mut self, code: &str, turn: &mut Turn<'_, Self>) -> Result<Reply, Error> {
        let user = turn.caller().ok_or(crate::Error::NotSignedIn)?;
        if code != self.card.code {
            return Err(Error::CodeUnknown);
        }
        if self.seats.contains_key(&user) {
            return Ok(self.reply());
        }
        let is_invited = self.invites.get(&user).is_some_and(|invite| turn.now() < invite.expires_at);
        if !is_invited && !self.card.is_open {
            return Err(Error::Closed);
        }
        if !is_invited && !self.has_room() {
            return Err(Error::Full);
        }
        self.enter(user, turn);
        Ok(self.reply())
    }

    fn enter(&mut self, user: UserId, turn: &mut Turn<'_, Self>) {
        if self.invites.remove(&user).is_some() {
            turn.persist(Effect::Uninvited { user });
        }
        self.unready(turn);
        let now = turn.now();
        let seat = Seat {
            number: self.card.version + 1,
            joined_at: now,
            is_ready: false,
            missing_since: Some(now),
            visit: 0,
        };
        self.seats.insert(user, seat.clone());
        turn.persist(Effect::Entered { user, seat });
        // Whoever is connected is soon known to be.
        turn.after(self.rules.grace, Command::Miss { user, since: now });
        self.changed(PartyChange::MemberJoined, Some(user), turn);
        turn.emit(Topic::User(user), Event::PartyJoined(self.show()));
    }

    pub(super) fn leave(&mut self, present: &[UserId], turn: &mut Turn<'_, Self>) -> Result<Reply, Error> {
        let user = self.member(turn)?;
        self.remove(user, LeftParty::Left, |user| present.contains(&user), turn);
        Ok(Reply::Done(()))
    }

    pub(super) fn kick(&mut self, user: UserId, turn: &mut Turn<'_, Self>) -> Result<Reply, Error> {
        let leader = self.leader(turn)?;
        if user == leader {
            let message = "that is yourself: leave the party";
            return Err(crate::Error::field("/user_id", "invalid", message).into());
        }
        if !self.seats.contains_key(&user) {
            return Err(Error::NoSuchMember);
        }
        self.remove(user, LeftParty::Kicked, |_| false, turn);
        Ok(Reply::Done(()))
    }

    pub(super) fn arrive(&mut self, user: UserId, visit: u64) -> Reply {
        if let Some(seat) = self.seats.get_mut(&user) {
            seat.visit = seat.visit.max(visit);
            seat.missing_since = None;
        }
        Reply::Done(())
    }

    pub(super) fn gone(
        &mut self,
        user: UserId,
        visit: u64,
        present: &[UserId],
        turn: &mut Turn<'_, Self>,
    ) -> Reply {
        // Whoever was seen since then has come back.
        if self.seats.get(&user).is_some_and(|seat| seat.visit <= visit) {
            self.remove(user, LeftParty::Gone, |user| present.contains(&user), turn);
        }
        Reply::Done(())
    }

    pub(super) fn moved(
        &mut self,
        user: UserId,
        number: i64,
        present: &[UserId],
        turn: &mut Turn<'_, Self>,
    ) -> Reply {
        // They may have come again meanwhile.
        if self.seats.get(&user).is_some_and(|seat| seat.number == number) {
            self.remove(user, LeftParty::Moved, |user| present.contains(&user), turn);
        }
        Reply::Done(())
    }

    pub(super) fn miss(&mut self, user: UserId, since: Timestamp, turn: &mut Turn<'_, Self>) -> Reply {
        let seat = self.seats.get(&user);
        if seat.is_some_and(|seat| seat.missing_since == Some(since)) {
            let until = since + self.rules.grace;
            if turn.now() < until {
                turn.after(until.since(turn.now()), Command::Miss { user, since });
            } else {
                let missing: Vec<UserId> = self.missing().collect();
                self.remove(user, LeftParty::Gone, |user| !missing.contains(&user), turn);
            }
        }
        Reply::Done(())
    }

    fn missing(&self) -> impl Iterator<Item = UserId> {
        self.seats.iter().filter(|(_, seat)| seat.missing_since.is_some()).map(|(user, _)| *user)
    }

    fn remove(
        &mut self,
        user: UserId,
        why: LeftParty,
        is_present: impl Fn(UserId) -> bool,
        turn: &mut Turn<'_, Self>,
    ) {
        let Some(seat) = self.seats.remove(&user) else { return };
        turn.persist(Effect::Gone { user, number: seat.number });
        let left = PartyLeft { party_id: self.card.id, why };
        turn.emit(Topic::User(user), Event::PartyLeft(left));
        if self.seats.is_empty() {
            return self.end(turn);
        }
        if self.card.leader == user {
            self.inherit(is_present);
        }
        self.unready(turn);
        let change = match why {
            LeftParty::Left | LeftParty::Moved => PartyChange::MemberLeft,
            LeftParty::Kicked => PartyChange::MemberKicked,
            LeftParty::Gone => PartyChange::MemberGone,
        };
        self.changed(change, Some(user), turn);
    }

    /// The one who has been there longest leads, of those who are present if anybody is.
    pub(super) fn inherit(&mut self, is_present: impl Fn(UserId) -> bool) {
        let heir = self.seats.iter().min_by_key(|(user, seat)| (!is_present(**user), seat.number));
        if let Some((heir, _)) = heir {
            self.card.leader = *heir;
        }
    }

    pub(super) fn lead(&mut self, user: UserId, turn: &mut Turn<'_, Self>) -> Result<Reply, Error> {
        self.leader(turn)?;
        if !self.seats.contains_key(&user) {
            return Err(Error::NoSuchMember);
        }
        if self.card.leader != user {
            self.card.leader = user;
            self.changed(PartyChange::LeaderChanged, Some(user), turn);
        }
        Ok(self.reply())
    }

    pub(super) fn set_ready(&mut self, is_ready: bool, turn: &mut Turn<'_, Self>) -> Result<Reply, Error> {
        let user = self.member(turn)?;
        let seat = self.seats.get_mut(&user).filter(|seat| seat.is_ready != is_ready);
        if let Some(seat) = seat {
            seat.is_ready = is_ready;
            turn.persist(Effect::Readied { user, is_ready });
            self.changed(PartyChange::ReadyChanged, Some(user), turn);
        }
        Ok(self.reply())
    }

    /// Whoever was ready was so with others.
    fn unready(&mut self, turn: &mut Turn<'_, Self>) {
        let mut was_ready = false;
        for seat in self.seats.values_mut() {
            was_ready |= std::mem::take(&mut seat.is_ready);
        }
        if was_ready {
            turn.persist(Effect::Unreadied);
        }
    }
}
