//! Many at once: whatever they do, and wherever the server stops, a user is in one party and no party has a ghost.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{Random, SeededRandom};

/// What must hold between all parties, by what the database and the parties themselves say.
async fn check(hall: &TestHall, all: &[Player]) {
    let mut of_user: BTreeMap<UserId, PartyId> = BTreeMap::new();
    let mut parties: BTreeSet<PartyId> = BTreeSet::new();
    for player in all {
        let Some(party) = player.party().await else { continue };
        follow::settled(&hall.hall, party.id).await;
        parties.insert(party.id);
        of_user.insert(player.id, party.id);
    }
    for id in parties {
        let live = follow::read(&hall.server(), id).await.unwrap().expect("a party with members");
        let stored = hall.server().read(move |tx| store::find(tx, id)).await.unwrap().expect("a party");
        let stored = party::show(&stored.card, &stored.seats, &stored.invites);
        assert_eq!(live, stored, "memory and database agree");
        let is_in = |user: &UserId| of_user.get(user) == Some(&id);
        assert!(members(&live).iter().all(is_in), "no ghosts: {live:?} {of_user:?}");
        assert_eq!(members(&live).len(), of_user.values().filter(|party| **party == id).count());
        assert!(members(&live).contains(&live.leader_id));
        assert!(live.members.len() + live.invites.len() <= live.max_members as usize);
    }
}

async fn act(random: &dyn Random, all: &[Player]) {
    let pick = |count: usize| random.below(count as u64) as usize;
    let (one, other) = (&all[pick(all.len())], &all[pick(all.len())]);
    let own = one.party().await.map(|party| party.id);
    let invited = one.invites().await;
    // Whatever is refused is refused for a reason: what counts is what it leaves.
    match (random.below(10), own) {
        (0..=1, None) => drop(create(&one.cx, CreateParty::default()).await),
        (0..=3, Some(id)) => drop(one.invite(id, other).await),
        (4..=7, _) if !invited.is_empty() => drop(one.accept(invited[pick(invited.len())]).await),
        (8, Some(id)) => drop(one.leave(id).await),
        (9, Some(id)) => drop(one.kick(id, other).await),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_is_in_one_party_at_most_whatever_happens_at_once_and_over_restarts() {
    on_both_engines(async |hall| {
        const SEED: u64 = 7;
        let random: std::sync::Arc<dyn Random> = SeededRandom::from_seed(SEED);
        let mut all = players::<8>(hall).await;
        for round in 0..40 {
            let random = &*random;
            let at_once = (0..6).map(|_| act(random, &all));
            futures_util::future::join_all(at_once).await;
            check(hall, &all).await;
            for player in &mut all {
                player.heard();
            }
            if round % 13 == 12 {
                hall.restart().await;
                for player in &mut all {
                    let ready = player.connect(hall).await;
                    assert_eq!(ready.parties.party, player.party().await);
                }
                check(hall, &all).await;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_parties_accepted_at_once_one_is_left() {
    on_both_engines(async |hall| {
        let [ana, ben, cleo] = players(hall).await;
        for _ in 0..10 {
            let (one, other) = (ana.create().await.id, ben.create().await.id);
            ana.invite(one, &cleo).await.unwrap();
            ben.invite(other, &cleo).await.unwrap();
            let (first, second) = tokio::join!(cleo.accept(one), cleo.accept(other));
            assert!(first.is_ok() || second.is_ok());
            let party = cleo.party().await.unwrap();
            let both = [ana.party().await.unwrap(), ben.party().await.unwrap()];
            let counts = both.map(|party| members(&party).len());
            assert!(counts == [1, 2] || counts == [2, 1], "{counts:?}");
            for (player, id) in [(&ana, one), (&ben, other), (&cleo, party.id)] {
                player.leave(id).await.unwrap();
            }
        }
    })
    .await;
}
