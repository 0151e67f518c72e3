//! Parties that go where their leader goes.
//!
//! Who leads a party that follows them brings it along into a lobby: [`along`] says who comes and who does not, and the lobby takes in
//! all who come or none of them, in one transaction. So no crash leaves half a party behind, and there is nothing to make good. That
//! nobody is in two lobbies is the database's promise: if one of them is quicker and goes elsewhere, all of it is tried again without
//! them.

use moothall_protocol::lobbies::{StayedBehind, StayedWhy};
use moothall_protocol::{LobbyId, UserId};

use super::{Error, blocks, store};
use crate::{Cx, Fault as _, Kind, connections, parties};

/// The party of somebody who goes into a lobby.
#[derive(Clone, Debug, Default)]
pub(super) struct Along {
    /// Who comes along.
    pub party: Vec<UserId>,
    /// Who does not, and why.
    pub staying: Vec<StayedBehind>,
}

/// Counts how often a party was looked at anew, because one of it was quicker.
#[derive(Debug, Default)]
pub(super) struct Attempts(u32);

impl Attempts {
    /// Whether it was perhaps one of the party who is in a lobby already, and it is worth looking again.
    pub fn again(&mut self, party: &[UserId]) -> bool {
        const MOST: u32 = 4;
        self.0 += 1;
        !party.is_empty() && self.0 < MOST
    }
}

/// Whether somebody in a lobby blocks this user, or they block somebody.
async fn is_blocked(cx: &Cx, user: UserId, lobby: Option<LobbyId>) -> Result<bool, Error> {
    let Some(lobby) = lobby else { return Ok(false) };
    match blocks::check(cx, user, lobby).await {
        Ok(()) => Ok(false),
        Err(error) if error.kind() == Kind::Unavailable => Err(error),
        Err(_) => Ok(true),
    }
}

/// Who would come along with this user into this lobby, or into a new one.
pub(super) async fn along(cx: &Cx, user: UserId, lobby: Option<LobbyId>) -> Result<Along, Error> {
    let followers = parties::followers(cx, user).await.map_err(parties::Error::into_common)?;
    if followers.is_empty() {
        return Ok(Along::default());
    }
    let asked = followers.clone();
    let lobbies = cx
        .read(move |tx| asked.iter().map(|user| store::lobby_of(tx, *user)).collect::<Result<Vec<_>, _>>())
        .await?;
    let mut along = Along::default();
    for (user_id, elsewhere) in followers.into_iter().zip(lobbies) {
        let may_enter =
            super::may_enter(cx, user_id, lobby).await? && !is_blocked(cx, user_id, lobby).await?;
        let why = match elsewhere {
            // They are there.
            Some(_) if elsewhere == lobby => continue,
            Some(_) => StayedWhy::InLobby,
            None if !connections::is_attached(cx.hall(), user_id) => StayedWhy::Offline,
            None if !may_enter => StayedWhy::NotLetIn,
            None => {
                along.party.push(user_id);
                continue;
            }
        };
        along.staying.push(StayedBehind { user_id, why });
    }
    Ok(along)
}
