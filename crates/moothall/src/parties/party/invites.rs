//! Invites: sent, answered, taken back, expired.

use moothall_protocol::parties::{InviteEnd, InvitesBy, PartyChange, PartyInviteEnded};
use moothall_protocol::{Event, UserId};

use super::{Command, Effect, Invite, Party, Reply, show_invite};
use crate::Topic;
use crate::parties::Error;
use crate::runtime::Turn;

impl Party {
    pub(super) fn invite(&mut self, user: UserId, turn: &mut Turn<'_, Self>) -> Result<Reply, Error> {
        let by = self.member(turn)?;
        if self.card.invites_by == InvitesBy::Leader && by != self.card.leader {
            return Err(Error::LeaderNeeded);
        }
        if self.seats.contains_key(&user) {
            return Err(Error::AlreadyMember);
        }
        if self.invites.contains_key(&user) {
            return Err(Error::AlreadyInvited);
        }
        if !self.has_room() {
            return Err(Error::Full);
        }
        let invite = Invite {
            number: self.card.version + 1,
            by,
            sent_at: turn.now(),
            expires_at: turn.now() + self.rules.invite,
        };
        self.invites.insert(user, invite.clone());
        turn.persist(Effect::Invited { user, invite: invite.clone() });
        turn.after(self.rules.invite, Command::Expire { user, number: invite.number });
        let shown = show_invite(self.card.id, user, &invite);
        turn.emit(Topic::User(user), Event::PartyInvited(shown.clone()));
        self.changed(PartyChange::Invited, Some(user), turn);
        Ok(Reply::Invite(shown))
    }

    /// Whether there is a place for one more, invites counted.
    pub(super) fn has_room(&self) -> bool {
        self.seats.len() + self.invites.len() < self.card.max_members as usize
    }

    pub(super) fn cancel(&mut self, user: UserId, turn: &mut Turn<'_, Self>) -> Result<Reply, Error> {
        let by = self.member(turn)?;
        let invite = self.invites.get(&user).ok_or(Error::NotInvited)?;
        if by != self.card.leader && by != invite.by {
            return Err(Error::LeaderNeeded);
        }
        self.uninvite(user, InviteEnd::Cancelled, PartyChange::InviteCancelled, turn);
        Ok(Reply::Done(()))
    }

    pub(super) fn decline(&mut self, turn: &mut Turn<'_, Self>) -> Result<Reply, Error> {
        let user = turn.caller().ok_or(crate::Error::NotSignedIn)?;
        if !self.invites.contains_key(&user) {
            return Err(Error::NotInvited);
        }
        self.uninvite(user, InviteEnd::Declined, PartyChange::InviteDeclined, turn);
        Ok(Reply::Done(()))
    }

    pub(super) fn expire(&mut self, user: UserId, number: i64, turn: &mut Turn<'_, Self>) -> Reply {
        let Some(invite) = self.invites.get(&user).filter(|invite| invite.number == number) else {
            return Reply::Done(());
        };
        if turn.now() < invite.expires_at {
            // The time of day was set back: it stays for as long as it says.
            turn.after(invite.expires_at.since(turn.now()), Command::Expire { user, number });
        } else {
            self.uninvite(user, InviteEnd::Expired, PartyChange::InviteExpired, turn);
        }
        Reply::Done(())
    }

    fn uninvite(&mut self, user: UserId, why: InviteEnd, change: PartyChange, turn: &mut Turn<'_, Self>) {
        self.invites.remove(&user);
        turn.persist(Effect::Uninvited { user });
        let ended = PartyInviteEnded { party_id: self.card.id, why };
        turn.emit(Topic::User(user), Event::PartyInviteEnded(ended));
        self.changed(change, Some(user), turn);
    }

    /// Nobody is left: those who are invited are told, and nobody finds the party any more.
    pub(super) fn end(&mut self, turn: &mut Turn<'_, Self>) {
        self.has_ended = true;
        for user in std::mem::take(&mut self.invites).into_keys() {
            let ended = PartyInviteEnded { party_id: self.card.id, why: InviteEnd::PartyEnded };
            turn.emit(Topic::User(user), Event::PartyInviteEnded(ended));
        }
        turn.persist(Effect::Ended { at: turn.now(), room: self.card.room });
    }
}
