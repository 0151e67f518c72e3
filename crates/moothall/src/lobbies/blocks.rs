//! Lobbies in which somebody blocks somebody.
//!
//! A lobby whose host blocks a player is not there for them, like one for the invited. Where enough of those in it block a player they
//! cannot join, and are not told why: who it is, and whether it is that at all, stays unknown.

use std::collections::HashSet;

use moothall_protocol::{LobbyId, UserId};

use super::{Error, MODERATE, store};
use crate::{Cx, Hall, reach};

/// Below so many members a share of them says who they are.
const SHARED_MIN: usize = 4;

/// Whose lobbies the caller does not see.
pub(super) async fn barred(cx: &Cx) -> Result<HashSet<UserId>, Error> {
    match cx.user() {
        Some(user) if !cx.can(MODERATE) => Ok(reach::barred_hosts(cx, user).await?),
        _ => Ok(HashSet::new()),
    }
}

/// Has lists that this user watches be without the lobbies of those.
pub(super) async fn bar(hall: &Hall, user: UserId) -> Result<(), Error> {
    let hosts = reach::barred_hosts(&Cx::server(hall), user).await?;
    hall.lobbies().index.bar(user, hosts);
    Ok(())
}

/// Something is different between these two: the lists they watch follow.
pub(super) async fn changed(hall: Hall, one: UserId, other: UserId) {
    for user in [one, other] {
        if !hall.lobbies().index.is_watching(user) {
            continue;
        }
        if let Err(error) = bar(&hall, user).await {
            tracing::warn!(user.id = %user, "The lists that {user} watches are behind: {error}");
        }
    }
}

/// Refuses whoever is blocked by the host or by too many of those in a lobby, or blocks as many.
pub(super) async fn check(cx: &Cx, user: UserId, lobby: LobbyId) -> Result<(), Error> {
    let circle = reach::circle(cx, user).await?;
    if circle.all(|tie| tie.is_blocked()).next().is_none() {
        return Ok(());
    }
    let Some((state, _)) = cx.read(move |tx| store::find(tx, lobby)).await? else { return Ok(()) };
    let host = circle.tie(state.lobby.host_id);
    if host.has(reach::Tie::BLOCKED_BY) {
        return Err(crate::Error::NotFound.into());
    }
    if host.has(reach::Tie::BLOCKS) {
        return Err(Error::BlocksWithin);
    }
    let settings = cx.hall().settings().relationships.clone();
    let members = state.lobby.members.len();
    let is_too_many = |blocks: usize| {
        let (most, percent) = (settings.lobby_blocks_max as usize, settings.lobby_blocks_percent as usize);
        let share = members >= SHARED_MIN && percent > 0 && blocks * 100 >= percent * members;
        blocks > 0 && ((most > 0 && blocks >= most) || share)
    };
    let count = |tie| state.lobby.members.keys().filter(|member| circle.tie(**member).has(tie)).count();
    if is_too_many(count(reach::Tie::BLOCKED_BY)) {
        return Err(Error::Unjoinable);
    }
    if is_too_many(count(reach::Tie::BLOCKS)) {
        return Err(Error::BlocksWithin);
    }
    Ok(())
}
