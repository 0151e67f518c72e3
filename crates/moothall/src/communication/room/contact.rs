//! First contact: what somebody says in a direct conversation whom the other one does not know, or does not want to hear.
//!
//! Whoever writes never sees a difference. What is held until it is accepted is a message like any other, in a conversation of which the
//! other one hears nothing. What is withheld is kept for its sender alone, for ever: it carries [`Message::is_hidden`] here and in the
//! database, which whoever hands it out turns into what its reader is shown.

use moothall_protocol::communication::{ContactAnswered, ContactRequest, Message, RoomKind};
use moothall_protocol::{Event, UserId};
use serde::{Deserialize, Serialize};

use super::{Contact, Effect, Reply, Room};
use crate::Topic;
use crate::communication::Error;
use crate::runtime::Turn;
use crate::topics::Audience;

/// Whether what is said reaches the other one of a direct conversation, as far as the two know each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Way {
    /// It does.
    #[default]
    Open,
    /// Once they accept it, unless the conversation is an old one.
    Held,
    /// Never.
    Withheld,
}

impl Room {
    /// Somebody writes, and so has accepted the conversation themselves. Returns whether it is kept from the other one. Of whoever is
    /// not heard nobody gets a first message either.
    pub(super) fn make_contact(
        &mut self,
        user: UserId,
        way: Way,
        is_shadowed: bool,
        turn: &mut Turn<'_, Self>,
    ) -> bool {
        if self.card.kind != RoomKind::Direct {
            return is_shadowed;
        }
        let own = self.seats.get(&user).map(|seat| seat.contact);
        if own.is_some_and(|contact| contact != Contact::Open) {
            self.set_contact(user, Contact::Open, turn);
            let answered = ContactAnswered { room_id: self.card.id, is_accepted: true };
            turn.emit(Topic::User(user), Event::ContactAnswered(answered));
        }
        if is_shadowed {
            return true;
        }
        let other = self.seats.iter().find(|(other, _)| **other != user);
        let Some((other, contact)) = other.map(|(other, seat)| (*other, seat.contact)) else { return false };
        let is_first = self.card.last_seq == 0;
        match (way, contact) {
            (Way::Withheld, _) if is_first => self.set_contact(other, Contact::Declined, turn),
            (Way::Open, Contact::Held | Contact::Declined) => self.set_contact(other, Contact::Open, turn),
            (Way::Held, Contact::Open) if is_first => {
                self.set_contact(other, Contact::Held, turn);
                let request = ContactRequest { room: self.card.clone(), user_id: user };
                turn.emit(Topic::User(other), Event::ContactRequested(request));
            }
            _ => {}
        }
        way == Way::Withheld || (way == Way::Held && contact == Contact::Declined)
    }

    fn set_contact(&mut self, user: UserId, contact: Contact, turn: &mut Turn<'_, Self>) {
        if let Some(seat) = self.seats.get_mut(&user) {
            seat.contact = contact;
            turn.persist(Effect::Contact { user, contact });
        }
    }

    /// Accepts what the other one wrote, or does not.
    pub(super) fn answer(&mut self, is_accepted: bool, turn: &mut Turn<'_, Self>) -> Result<Reply, Error> {
        let (user, seat) = self.seat(turn)?;
        if seat.contact != Contact::Held {
            return Err(Error::NoRequest);
        }
        let contact = if is_accepted { Contact::Open } else { Contact::Declined };
        self.set_contact(user, contact, turn);
        let answered = ContactAnswered { room_id: self.card.id, is_accepted };
        turn.emit(Topic::User(user), Event::ContactAnswered(answered));
        Ok(Reply::Done)
    }

    /// Tells the other one of a direct conversation, if they hear of anything in it.
    pub(super) fn tell_other(&self, user: UserId, event: Event, turn: &mut Turn<'_, Self>) {
        let other = self.seats.iter().find(|(other, _)| **other != user);
        if let Some((other, _)) = other.filter(|(_, seat)| seat.contact == Contact::Open) {
            turn.emit(Topic::User(*other), event);
        }
    }

    /// Tells of a message, which may be withheld from all but its sender; of one that is shadowed hears the staff in the room as well, and
    /// what it is.
    pub(super) fn tell_of(
        &self,
        message: &Message,
        event: impl Fn(Message) -> Event,
        turn: &mut Turn<'_, Self>,
    ) {
        let sender = message.sender_id;
        if !message.is_hidden {
            return self.tell(turn, event(own(message)));
        }
        self.tell_only(sender, event(own(message)), turn);
        if message.is_shadowed && self.card.kind != RoomKind::Direct {
            let seen = Message { is_hidden: false, ..message.clone() };
            let staff = Audience::Within(Topic::Oversight, sender);
            turn.emit_to(Topic::Room(self.card.id), event(seen), staff);
        }
    }
}

/// A message as its sender is shown it.
pub(super) fn own(message: &Message) -> Message {
    Message { is_hidden: false, is_shadowed: false, ..message.clone() }
}
