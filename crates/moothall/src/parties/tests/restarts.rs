//! What a restart leaves, and what follows from a crash at the worst moment.

use super::*;

#[tokio::test]
async fn after_a_restart_parties_are_there_with_their_invites_and_members_return_within_grace() {
    on_both_engines(async |hall| {
        let mut all = players::<3>(hall).await;
        let [dora] = &mut players(hall).await;
        let id = party_of(&mut all).await;
        let [ana, ben, cleo] = &mut all;
        set_ready(&ben.cx, SetPartyReady { party_id: id, is_ready: true }).await.unwrap();
        ana.invite(id, dora).await.unwrap();
        let before = ana.get(id).await.unwrap();
        for player in [&mut *ana, ben, cleo, dora] {
            player.stream = None;
        }
        hall.restart().await;
        let ready = ben.connect(hall).await;
        assert_eq!(ready.parties.party.as_ref(), Some(&before));
        assert_eq!(ready.presence.presence.party_id, Some(id), "the first message says where they are");
        let invites = dora.connect(hall).await.parties.invites;
        assert_eq!(invites, before.invites);
        assert_eq!(members(&dora.accept(id).await.unwrap()), [ana.id, ben.id, cleo.id, dora.id]);
        assert_eq!(ben.changes(), [(PartyChange::MemberJoined, Some(dora.id))], "the session hears of it");
        ana.connect(hall).await;
        hall.clock.advance(GRACE);
        eventually(async || ben.changes() == [(PartyChange::MemberGone, Some(cleo.id))]).await;
        assert_eq!(members(&ben.party().await.unwrap()), [ana.id, ben.id, dora.id]);
        assert_eq!(ana.party().await.unwrap().leader_id, ana.id);
    })
    .await;
}

#[tokio::test]
async fn what_nobody_returned_to_is_dropped_and_an_invite_expires_over_a_restart() {
    on_both_engines(async |hall| {
        let mut all = players::<2>(hall).await;
        let [cleo] = &mut players(hall).await;
        let id = party_of(&mut all).await;
        all[0].invite(id, cleo).await.unwrap();
        all[0].stream = None;
        all[1].stream = None;
        cleo.stream = None;
        hall.restart().await;
        cleo.connect(hall).await;
        hall.clock.advance(GRACE);
        eventually(async || code(cleo.accept(id).await) == "not_invited").await;
        let nothing = PartyId::from_uuid(uuid::Uuid::nil());
        eventually(async || {
            // The grace of a party begins when it wakes, which it may not have done before.
            hall.clock.advance(Duration::from_secs(30));
            hall.server().read(move |tx| store::list(tx, nothing, 9)).await.unwrap().is_empty()
        })
        .await;
        assert_eq!(all[0].connect(hall).await.parties, OwnParties::default());
    })
    .await;
}

#[tokio::test]
async fn a_crash_between_a_move_and_its_telling_leaves_a_party_with_a_leader_or_none() {
    on_both_engines(async |hall| {
        let mut led = players::<2>(hall).await;
        let mut alone = players::<1>(hall).await;
        let [host] = players(hall).await;
        let (led_id, alone_id) = (party_of(&mut led).await, party_of(&mut alone).await);
        let new = host.create().await.id;
        for player in [&led[0], &alone[0]] {
            host.invite(new, player).await.unwrap();
        }
        // What the transaction of the move leaves, and no more than that.
        let users = [led[0].id, alone[0].id];
        for player in led.iter_mut().chain(&mut alone) {
            player.stream = None;
        }
        let server = hall.server();
        let moved = server.write(move |tx| {
            for (number, user) in (10..).zip(users) {
                let seat = party::Seat {
                    number,
                    joined_at: tx.now(),
                    is_ready: false,
                    missing_since: None,
                    visit: 0,
                };
                store::apply(tx, new, &[&party::Effect::Uninvited { user }])?;
                store::enter(tx, new, user, &seat)?;
            }
            Ok::<_, Error>(())
        });
        moved.await.unwrap();
        hall.restart().await;
        led[1].connect(hall).await;
        eventually(async || led[1].party().await.unwrap().leader_id == led[1].id).await;
        assert_eq!(members(&led[1].get(led_id).await.unwrap()), [led[1].id]);
        let nothing = PartyId::from_uuid(uuid::Uuid::nil());
        eventually(async || {
            let left = hall.server().read(move |tx| store::list(tx, nothing, 9)).await.unwrap();
            left.iter().all(|(id, _)| *id != alone_id)
        })
        .await;
        let moved = led[0].connect(hall).await.parties.party.unwrap();
        assert_eq!(members(&moved), [host.id, led[0].id, alone[0].id]);
    })
    .await;
}
