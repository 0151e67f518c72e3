//! Hosts from pools for the games of lobbies that the server keeps: the way from a lobby to `hosts`.
//!
//! [`begin`] is called after the commit in which a lobby wants a host or needs one no longer, and each step goes by what the database
//! says then. What is asked of a pool can be asked again, and what is given back is remembered until the pool has heard of it: so a
//! crash anywhere is made good when the server starts, and no place is lost.

use moothall_protocol::hosts::ReservationEnded;
use moothall_protocol::lobbies::HostMissing;
use moothall_protocol::{LobbyId, MatchId};

use super::lobby::{Act, HostPlace, State};
use super::{Error, follow, store};
use crate::following::persistently;
use crate::{Cx, Hall, WeakHall, hosts};

/// Has the pools follow what a lobby wants. `released` are matches that need their host no longer.
pub(super) fn begin(hall: &Hall, lobby: LobbyId, released: Vec<MatchId>) {
    hall.lobbies().places.begin(hall, lobby, released, follow);
}

/// Returns once the pools have followed what a lobby wants by now.
pub(super) async fn settled(hall: &Hall, lobby: LobbyId) {
    hall.lobbies().places.settled(lobby).await;
}

async fn follow(hall: Hall, lobby: LobbyId, released: Vec<MatchId>) {
    let cx = Cx::server(&hall);
    if let Err(error) = persistently(&hall, || follow_once(&cx, lobby, &released)).await {
        tracing::warn!(lobby.id = %lobby, "The lobby {lobby} does not get the host it wants: {error}");
        // Its players wait for it.
        follow::try_later(&hall, move |hall| begin(hall, lobby, released));
    }
}

async fn follow_once(cx: &Cx, lobby: LobbyId, released: &[MatchId]) -> Result<(), Error> {
    for match_id in released {
        release(cx, *match_id).await?;
    }
    let found = cx.read(move |tx| store::find(tx, lobby)).await?;
    let Some((state, _)) = found else { return Ok(()) };
    match &state.place {
        Some(HostPlace { match_id, reservation: None }) => reserve(cx, &state, *match_id).await,
        Some(HostPlace { match_id, reservation: Some(_) }) => look_after(cx, lobby, *match_id).await,
        None => Ok(()),
    }
}

async fn reserve(cx: &Cx, state: &State, match_id: MatchId) -> Result<(), Error> {
    let lobby = state.lobby.id;
    let Some(wanted) = state.kept.as_ref().and_then(|kept| kept.wanted.clone()) else { return Ok(()) };
    let act = match hosts::reserve(cx, wanted, match_id).await {
        Ok(reservation) => Act::Taken { reservation },
        Err(hosts::Error::NoHost) => Act::Unhosted { match_id, reason: HostMissing::NoHost },
        Err(error) => return Err(error.into_common().into()),
    };
    follow::tell(cx, lobby, act).await
}

/// While the server was stopped the host may have lost what was reserved on it.
async fn look_after(cx: &Cx, lobby: LobbyId, match_id: MatchId) -> Result<(), Error> {
    if hosts::reservation(cx, match_id).await.map_err(hosts::Error::into_common)?.is_none() {
        let act = Act::Unhosted { match_id, reason: HostMissing::HostLost };
        follow::tell(cx, lobby, act).await?;
    }
    Ok(())
}

async fn release(cx: &Cx, match_id: MatchId) -> Result<(), Error> {
    hosts::release(cx, match_id).await.map_err(hosts::Error::into_common)?;
    cx.write(move |tx| store::forget_place(tx, match_id)).await
}

/// What was reserved ended by itself: the lobby that plays there has no host any more.
pub(super) async fn ended(hall: WeakHall, ended: ReservationEnded) {
    let Some(hall) = hall.upgrade() else { return };
    if let Some(lobby) = hall.lobbies().index.playing_at(ended.match_id) {
        begin(&hall, lobby, Vec::new());
    }
}

/// Gives back what was to be given back when the server stopped.
pub(super) async fn recover(cx: &Cx) -> Result<(), Error> {
    for match_id in cx.read(store::given_back).await? {
        release(cx, match_id).await?;
    }
    Ok(())
}
