//! SQL for parties, their members and their invites.

use std::collections::BTreeMap;

use moothall_protocol::limits::PARTY_INVITES_MAX;
use moothall_protocol::parties::{InvitesBy, OwnParties, PartyInvite};
use moothall_protocol::{PartyId, RoomId, Timestamp, UserId};
use moothall_store::{OnConstraint as _, Row, params, statements};

use super::Error;
use super::follow::{self, News};
use super::party::{Card, Effect, Invite, Seat, show, show_invite};
use crate::cx::Tx;
use crate::{Topic, connections};

statements! {
    INSERT_PARTY = "INSERT INTO parties (id, leader_id, code, max_members, invites_by, is_open, follow_leader, room_id, version,
        created_at, ended_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, NULL)";
    UPDATE_PARTY = "UPDATE parties SET leader_id = $2, code = $3, invites_by = $4, is_open = $5, follow_leader = $6, version = $7
        WHERE id = $1";
    END_PARTY = "UPDATE parties SET code = NULL, ended_at = $2 WHERE id = $1";
    DELETE_PARTY = "DELETE FROM parties WHERE id = $1 AND ended_at IS NOT NULL";
    FIND_PARTY = "SELECT id, leader_id, code, max_members, invites_by, is_open, follow_leader, room_id, version, created_at
        FROM parties WHERE id = $1 AND ended_at IS NULL";
    FIND_BY_CODE = "SELECT id FROM parties WHERE code = $1";
    PARTIES = "SELECT id, room_id FROM parties WHERE id > $1 ORDER BY id LIMIT $2";

    INSERT_MEMBER = "INSERT INTO party_members (user_id, party_id, number, joined_at, is_ready) VALUES ($1, $2, $3, $4, FALSE)";
    LEAVE_OTHER = "DELETE FROM party_members WHERE user_id = $1 AND party_id <> $2 RETURNING party_id, number";
    DELETE_MEMBER = "DELETE FROM party_members WHERE user_id = $1 AND party_id = $2 AND number = $3";
    READY_MEMBER = "UPDATE party_members SET is_ready = $3 WHERE user_id = $1 AND party_id = $2";
    UNREADY_MEMBERS = "UPDATE party_members SET is_ready = FALSE WHERE party_id = $1";
    MEMBERS = "SELECT user_id, number, joined_at, is_ready FROM party_members WHERE party_id = $1";
    PARTIES_OF = "SELECT user_id, party_id FROM party_members WHERE user_id {in $1}";
    PARTY_OF = "SELECT party_id FROM party_members WHERE user_id = $1";

    INSERT_INVITE = "INSERT INTO party_invites (user_id, party_id, number, invited_by, sent_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6)";
    DELETE_INVITE = "DELETE FROM party_invites WHERE user_id = $1 AND party_id = $2";
    DELETE_INVITES = "DELETE FROM party_invites WHERE party_id = $1";
    INVITES = "SELECT user_id, number, invited_by, sent_at, expires_at FROM party_invites WHERE party_id = $1";
    INVITES_OF = "SELECT party_id, number, invited_by, sent_at, expires_at FROM party_invites
        WHERE user_id = $1 AND expires_at > $2 ORDER BY sent_at, party_id LIMIT $3";
    COUNT_INVITES_OF = "SELECT count(*) FROM party_invites WHERE user_id = $1";
}

/// A party as it is stored.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub card: Card,
    pub seats: BTreeMap<UserId, Seat>,
    pub invites: BTreeMap<UserId, Invite>,
}

fn card(row: &Row) -> Result<Card, Error> {
    let invites_by: String = row.get(4)?;
    Ok(Card {
        id: row.get(0)?,
        leader: row.get(1)?,
        code: row.get(2)?,
        max_members: row.get(3)?,
        invites_by: match invites_by.as_str() {
            "leader" => InvitesBy::Leader,
            _ => InvitesBy::Members,
        },
        is_open: row.get(5)?,
        follow_leader: row.get(6)?,
        room: row.get(7)?,
        version: row.get(8)?,
        created_at: row.get(9)?,
    })
}

fn word(invites_by: InvitesBy) -> &'static str {
    match invites_by {
        InvitesBy::Leader => "leader",
        InvitesBy::Members => "members",
    }
}

fn seat(row: &Row) -> Result<(UserId, Seat), Error> {
    let seat = Seat {
        number: row.get(1)?,
        joined_at: row.get(2)?,
        is_ready: row.get(3)?,
        missing_since: None,
        visit: 0,
    };
    Ok((row.get(0)?, seat))
}

/// Whose or into which, and the invite.
fn invite<K>(row: &Row) -> Result<(moothall_protocol::Id<K>, Invite), Error> {
    let invite =
        Invite { number: row.get(1)?, by: row.get(2)?, sent_at: row.get(3)?, expires_at: row.get(4)? };
    Ok((row.get(0)?, invite))
}

/// Stores a new party, of its leader alone. Who is in another party makes none.
pub(super) fn insert(tx: &mut Tx<'_, '_>, card: &Card) -> Result<(), Error> {
    tx.execute(
        INSERT_PARTY,
        params![
            card.id,
            card.leader,
            card.code,
            card.max_members,
            word(card.invites_by),
            card.is_open,
            card.follow_leader,
            card.room,
            card.version,
            card.created_at
        ],
    )
    // Of a hundred thousand million codes one came twice: the next one will do.
    .on_constraint("parties_code", Error::Common(crate::Error::Unavailable))?;
    insert_member(tx, card.id, card.leader, card.version, card.created_at)?;
    let (hall, id, news) = (tx.cx().hall().clone(), card.id, News::about(card.leader));
    tx.after_commit(move || follow::begin(&hall, id, news));
    Ok(())
}

fn insert_member(
    tx: &mut Tx<'_, '_>,
    party: PartyId,
    user: UserId,
    number: i64,
    joined_at: Timestamp,
) -> Result<(), Error> {
    tx.execute(INSERT_MEMBER, params![user, party, number, joined_at])
        .on_constraint("party_members_pkey", Error::AlreadyInParty)?;
    let hall = tx.cx().hall().clone();
    // Between the commit and the events: whoever is in hears of everything from their own arrival on.
    tx.after_commit(move || connections::subscribe_user(&hall, user, Topic::Party(party)));
    Ok(())
}

/// Makes a user a member here, and no longer elsewhere. Returns where they were, and the number they had there.
pub(super) fn enter(
    tx: &mut Tx<'_, '_>,
    id: PartyId,
    user: UserId,
    seat: &Seat,
) -> Result<Option<(PartyId, i64)>, Error> {
    let left = tx.query_opt(LEAVE_OTHER, params![user, id])?;
    insert_member(tx, id, user, seat.number, seat.joined_at)?;
    left.map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()
}

/// Writes what a party did, in this order; of what it is in itself, only the last counts.
pub(super) fn apply(tx: &mut Tx<'_, '_>, id: PartyId, effects: &[&Effect]) -> Result<(), Error> {
    let mut news = News::default();
    for effect in effects {
        apply_one(tx, id, effect, &mut news)?;
    }
    let changed = effects.iter().rev().find_map(|effect| match effect {
        Effect::Changed(card) => Some(card),
        _ => None,
    });
    if let Some(card) = changed {
        // One that has ended by now has no code any more.
        let code = news.ended.is_none().then_some(&card.code);
        let settings = params![
            id,
            card.leader,
            code,
            word(card.invites_by),
            card.is_open,
            card.follow_leader,
            card.version
        ];
        tx.execute(UPDATE_PARTY, settings)
            .on_constraint("parties_code", Error::Common(crate::Error::Unavailable))?;
    }
    if !news.is_empty() {
        let hall = tx.cx().hall().clone();
        tx.after_commit(move || follow::begin(&hall, id, news));
    }
    Ok(())
}

fn apply_one(tx: &mut Tx<'_, '_>, id: PartyId, effect: &Effect, news: &mut News) -> Result<(), Error> {
    match effect {
        Effect::Changed(_) => {} // written last
        Effect::Entered { user, seat } => {
            if let Some((other, number)) = enter(tx, id, *user, seat)? {
                let (hall, moved) = (tx.cx().hall().clone(), News::moved(*user, number));
                tx.after_commit(move || follow::begin(&hall, other, moved));
            }
            news.users.push(*user);
        }
        Effect::Gone { user, number } => {
            tx.execute(DELETE_MEMBER, params![user, id, number])?;
            let (hall, user) = (tx.cx().hall().clone(), *user);
            tx.after_commit(move || connections::unsubscribe_user(&hall, user, &Topic::Party(id)));
            news.users.push(user);
        }
        Effect::Readied { user, is_ready } => {
            tx.execute(READY_MEMBER, params![user, id, is_ready])?;
        }
        Effect::Unreadied => {
            tx.execute(UNREADY_MEMBERS, params![id])?;
        }
        Effect::Invited { user, invite } => {
            let Invite { number, by, sent_at, expires_at } = invite;
            tx.execute(INSERT_INVITE, params![user, id, number, by, sent_at, expires_at])?;
            let count: usize = tx.query_one(COUNT_INVITES_OF, params![user])?.get(0)?;
            if count > PARTY_INVITES_MAX {
                return Err(Error::TooManyInvites);
            }
        }
        Effect::Uninvited { user } => {
            tx.execute(DELETE_INVITE, params![user, id])?;
        }
        Effect::Ended { at, room } => {
            tx.execute(DELETE_INVITES, params![id])?;
            tx.execute(END_PARTY, params![id, at])?;
            news.ended = Some(*room);
        }
    }
    Ok(())
}

/// The party, unless it has ended.
pub(super) fn find(tx: &mut Tx<'_, '_>, id: PartyId) -> Result<Option<Stored>, Error> {
    let Some(row) = tx.query_opt(FIND_PARTY, params![id])? else { return Ok(None) };
    let seats = tx.query(MEMBERS, params![id])?.iter().map(seat).collect::<Result<_, _>>()?;
    let invites = tx.query(INVITES, params![id])?.iter().map(invite).collect::<Result<_, _>>()?;
    Ok(Some(Stored { card: card(&row)?, seats, invites }))
}

/// The party that has this code.
pub(super) fn find_by_code(tx: &mut Tx<'_, '_>, code: &str) -> Result<Option<PartyId>, Error> {
    Ok(tx.query_opt(FIND_BY_CODE, params![code])?.map(|row| row.get(0)).transpose()?)
}

/// The party a user is in.
pub(super) fn party_of(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Option<PartyId>, Error> {
    Ok(tx.query_opt(PARTY_OF, params![user])?.map(|row| row.get(0)).transpose()?)
}

/// The parties these users are in, as far as they are in one.
pub(super) fn parties_of(tx: &mut Tx<'_, '_>, users: &[UserId]) -> Result<BTreeMap<UserId, PartyId>, Error> {
    let rows = tx.query(PARTIES_OF, params![users.to_vec()])?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// The party a user is in, and the invites they can accept.
pub(super) fn of_user(tx: &mut Tx<'_, '_>, user: UserId) -> Result<OwnParties, Error> {
    let stored = match party_of(tx, user)? {
        Some(party) => find(tx, party)?,
        None => None,
    };
    let party = stored.map(|stored| show(&stored.card, &stored.seats, &stored.invites));
    let now = tx.now();
    let rows = tx.query(INVITES_OF, params![user, now, PARTY_INVITES_MAX])?;
    let shown = |row: &Row| {
        let (party, invite) = invite(row)?;
        Ok::<PartyInvite, Error>(show_invite(party, user, &invite))
    };
    Ok(OwnParties { party, invites: rows.iter().map(shown).collect::<Result<_, _>>()? })
}

/// Some parties after this one and their rooms, those that have ended among them.
pub(super) fn list(
    tx: &mut Tx<'_, '_>,
    after: PartyId,
    limit: usize,
) -> Result<Vec<(PartyId, RoomId)>, Error> {
    tx.query(PARTIES, params![after, limit])?.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// Lets go of a party that has ended, once its room is closed.
pub(super) fn forget(tx: &mut Tx<'_, '_>, id: PartyId) -> Result<(), Error> {
    tx.execute(DELETE_PARTY, params![id])?;
    Ok(())
}
