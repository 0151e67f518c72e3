//! Lobbies that the server keeps: so many open ones of each policy.
//!
//! The keeper looks at the index whenever a lobby of its own opens, fills, starts, empties or closes, and at the policies, which are rows;
//! then it opens what is missing and closes what is empty and too much. It remembers nothing: what it did half before a crash it sees
//! when the server starts. One look at a time, so nothing is opened twice.

use std::collections::HashSet;
use std::sync::Arc;

use moothall_protocol::LobbyId;
use moothall_protocol::limits::LOBBY_POLICY_LOBBIES_MAX;
use moothall_protocol::lobbies::LobbyPolicy;

use super::list::{Card, KeptCard};
use super::lobby::Act;
use super::{Error, follow, opening, policies};
use crate::{Cx, Hall};

/// Has the keeper look.
pub(super) fn begin(hall: &Hall) {
    hall.lobbies().keeper.begin(hall, (), Vec::new(), look);
}

/// Returns once the keeper has done what is to be done by now.
pub(super) async fn settled(hall: &Hall) {
    hall.lobbies().keeper.settled(()).await;
}

async fn look(hall: Hall, (): (), _: Vec<()>) {
    if let Err(error) = look_once(&Cx::server(&hall)).await {
        tracing::warn!("Could not look after the lobbies that the server keeps: {error}");
        follow::try_later(&hall, begin);
    }
}

async fn look_once(cx: &Cx) -> Result<(), Error> {
    let policies = cx.read(policies::all).await?;
    let mut cards = cx.hall().lobbies().index.kept();
    // Of those of one moment the higher number is the newer.
    let age =
        |card: &Arc<Card>| (card.summary.created_at, card.summary.name.len(), card.summary.name.clone());
    cards.sort_by_cached_key(age);
    for lobby in surplus(&policies, &cards) {
        follow::tell(cx, lobby, Act::CloseEmpty).await?;
    }
    for policy in &policies {
        for number in missing(policy, &cards) {
            if let Err(error) = opening::open_kept(cx, policy, number).await {
                let slug = &policy.slug;
                tracing::warn!("Could not open a lobby of the policy {slug}: {error}");
                break;
            }
        }
    }
    Ok(())
}

fn is_current(kept: &KeptCard, policy: &LobbyPolicy) -> bool {
    kept.policy.0 == policy.slug && kept.policy.1 == policy.version
}

/// Empty lobbies that no policy needs: the newest go first.
fn surplus(policies: &[LobbyPolicy], cards: &[Arc<Card>]) -> Vec<LobbyId> {
    let empty = |card: &&Arc<Card>| card.kept.as_ref().is_some_and(|kept| kept.is_empty);
    let mut spare: Vec<(&LobbyPolicy, usize)> = policies
        .iter()
        .map(|policy| {
            let open = of(policy, cards).filter(|(_, kept)| kept.is_open && is_useful(kept, policy)).count();
            (policy, open.saturating_sub(policy.open_min as usize))
        })
        .collect();
    let newest_first = cards.iter().rev().filter(empty);
    newest_first
        .filter(|card| {
            let Some(kept) = &card.kept else { return false };
            match spare.iter_mut().find(|(policy, _)| is_current(kept, policy)) {
                // Of no policy, or of one that is another by now.
                None => true,
                Some((_, 0)) => false,
                Some((_, more)) => {
                    *more -= 1;
                    true
                }
            }
        })
        .map(|card| card.summary.id)
        .collect()
}

/// One in which somebody is stays as it is when the policy changes; an empty one is opened anew.
fn is_useful(kept: &KeptCard, policy: &LobbyPolicy) -> bool {
    is_current(kept, policy) || !kept.is_empty
}

fn of<'a>(policy: &LobbyPolicy, cards: &'a [Arc<Card>]) -> impl Iterator<Item = (&'a Card, &'a KeptCard)> {
    let slug = policy.slug.clone();
    let kept = cards.iter().filter_map(|card| Some((&**card, card.kept.as_ref()?)));
    kept.filter(move |(_, kept)| kept.policy.0 == slug)
}

/// The numbers of the lobbies to open: the lowest that are free.
pub(super) fn missing(policy: &LobbyPolicy, cards: &[Arc<Card>]) -> Vec<u32> {
    let useful = || of(policy, cards).filter(|(_, kept)| is_useful(kept, policy));
    let open = useful().filter(|(_, kept)| kept.is_open).count();
    let room = LOBBY_POLICY_LOBBIES_MAX.saturating_sub(useful().count());
    let taken: HashSet<&str> = useful().map(|(card, _)| card.summary.name.as_str()).collect();
    let wanted = (policy.open_min as usize).saturating_sub(open).min(room);
    let is_numbered = policies::name(policy, 1) != policy.name;
    let free =
        (1..).filter(|number| !is_numbered || !taken.contains(policies::name(policy, *number).as_str()));
    free.take(wanted).collect()
}
