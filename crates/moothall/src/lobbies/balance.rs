//! Balancing the teams of a lobby.
//!
//! Start at [`balance`]. Who plays with whom is worked out beside the lobby, since it may take a while, and for those who have a seat then;
//! the lobby takes it only if these are still they. Chance has no part in it: the same players, parties and ratings have the same splits.

use std::collections::{BTreeMap, HashSet};

use moothall_matchmaking::{
    Options, Parties, Party, Player, Rating, SPLITS_MAX, Shape, Split, balance as split_into_teams,
};
use moothall_protocol::limits::LOBBY_SPLITS_MAX;
use moothall_protocol::lobbies::{BalanceLobby, LobbyBalance, LobbySeat, LobbySplit, LobbySplitTeam};
use moothall_protocol::{PartyId, UserId};

use super::lobby::{Act, Power};
use super::{Error, place, store, tell_from};
use crate::{Cx, connections, relationships};

/// How often it is worked out anew, because somebody took or left a seat meanwhile.
const ATTEMPTS: usize = 3;
const _: () = assert!(SPLITS_MAX == LOBBY_SPLITS_MAX, "all that are found are told");

/// Balances the teams. Who is in the lobby hears of it.
pub async fn balance(cx: &Cx, input: BalanceLobby) -> Result<LobbyBalance, Error> {
    let (user, lobby_id) = (cx.require_user()?, input.lobby_id);
    for _ in 0..ATTEMPTS {
        let place = place(cx, lobby_id).await;
        let found = cx.read(move |tx| store::find(tx, lobby_id)).await?;
        let (state, _) = found.ok_or(crate::Error::NotFound)?;
        state.require_boss_of(user)?;
        state.require_waiting()?;
        let seats: Vec<LobbySeat> =
            state.lobby.teams.values().flat_map(|team| &team.seats).copied().collect();
        let parties = parties(cx, &seats).await?;
        let teams = state.lobby.teams.len();
        let mut splits = tokio::task::spawn_blocking(move || splits(&parties, teams))
            .await
            .map_err(crate::Error::internal)??;
        apart(cx, &seats, &mut splits).await?;
        let choice = (input.choice.unwrap_or(1) as usize).clamp(1, splits.len().max(1));
        if input.is_preview == Some(true) {
            return Ok(LobbyBalance { splits, taken: None, own: state.own(user) });
        }
        let chosen = splits.get(choice - 1).map(|split| &split.teams).into_iter().flatten();
        let act = Act::Arrange { teams: chosen.map(|team| team.seats.clone()).collect() };
        match tell_from(place, cx, lobby_id, Power::Member, act).await {
            Ok(reply) => return Ok(LobbyBalance { splits, taken: Some(choice as u32), own: reply.own()? }),
            Err(Error::SeatsChanged) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::SeatsChanged)
}

/// Puts those first in which fewer are in one team with somebody they avoid, of as many the fairest.
async fn apart(cx: &Cx, seats: &[LobbySeat], splits: &mut [LobbySplit]) -> Result<(), Error> {
    let users: Vec<UserId> = seats.iter().filter_map(user).collect();
    let avoided = cx.read(move |tx| relationships::avoided(tx, &users)).await;
    let avoided = avoided.map_err(relationships::Error::into_common)?;
    let together = |split: &LobbySplit| {
        let teams = split.teams.iter().map(|team| team.seats.iter().filter_map(user).collect::<HashSet<_>>());
        let count = |team: HashSet<UserId>| {
            avoided.iter().filter(|(one, other)| team.contains(one) && team.contains(other)).count()
        };
        teams.map(count).sum::<usize>()
    };
    splits.sort_by_key(together);
    Ok(())
}

fn user(seat: &LobbySeat) -> Option<UserId> {
    match seat {
        LobbySeat::User { user_id } => Some(*user_id),
        LobbySeat::Bot { .. } => None,
    }
}

/// Who plays, by who stays together: the party in which their presence says they are.
async fn parties(cx: &Cx, seats: &[LobbySeat]) -> Result<Vec<Party<LobbySeat>>, Error> {
    let mut alone = Vec::new();
    let mut together: BTreeMap<PartyId, Vec<Player<LobbySeat>>> = BTreeMap::new();
    for seat in seats {
        let player = Player { id: *seat, rating: rating(*seat) };
        let party = match seat {
            LobbySeat::User { user_id } => connections::party_of(cx, *user_id).await?,
            LobbySeat::Bot { .. } => None,
        };
        match party {
            Some(party) => together.entry(party).or_default().push(player),
            None => alone.push(Party::single(player)),
        }
    }
    Ok(together.into_values().map(|players| Party { players }).chain(alone).collect())
}

/// What is believed of a player: everybody is new, as long as no context keeps ratings.
fn rating(_: LobbySeat) -> Rating {
    Rating::default()
}

/// The fairest splits into so many teams, or as many as there are players.
fn splits(parties: &[Party<LobbySeat>], teams: usize) -> Result<Vec<LobbySplit>, Error> {
    let players = parties.iter().map(|party| party.players.len()).sum::<usize>();
    let shape = Shape::even(players, teams.min(players)).map_err(|_| Error::NothingToBalance)?;
    let options = Options { parties: Parties::TogetherIfPossible, ..Options::default() };
    let splits = split_into_teams(parties, &shape, &options).map_err(crate::Error::internal)?;
    Ok(splits.into_iter().map(told).collect())
}

fn told(split: Split<LobbySeat>) -> LobbySplit {
    let team = |team: moothall_matchmaking::Team<LobbySeat>| LobbySplitTeam {
        seats: team.players,
        win_chance: team.win_chance,
    };
    LobbySplit { cost: split.cost, teams: split.teams.into_iter().map(team).collect() }
}
