//! Inviting, and what becomes of an invite.

use moothall_protocol::connections::{UpdatePresence, Visibility};

use super::*;

#[tokio::test]
async fn one_party_at_a_time() {
    on_both_engines(async |hall| {
        let [ana, ben] = &mut players(hall).await;
        let one = ana.create().await;
        assert_eq!(code(create(&ana.cx, CreateParty::default()).await), "already_in_party");
        assert_eq!(ana.party().await.unwrap(), one);
        assert_eq!((one.leader_id, members(&one), one.max_members), (ana.id, vec![ana.id], 5));
        assert_eq!(ana.is_seen_in().await, Some(one.id));
        assert!(matches!(&ana.heard()[..], [Event::PartyJoined(joined)] if *joined == one));
        assert_eq!(code(ben.get(one.id).await), "not_found", "others do not know of it");
        assert_eq!(ben.party().await, None);
    })
    .await;
}

#[tokio::test]
async fn an_invite_needs_an_existing_connected_not_yet_invited_target_and_a_member_as_inviter() {
    on_both_engines(async |hall| {
        let [ana, ben, cleo, dora] = &mut players(hall).await;
        let id = ana.create().await.id;
        let nobody = ana.cx.new_id();
        let absent = invite(&ana.cx, InviteToParty { party_id: id, user_id: nobody }).await;
        assert_eq!(code(absent), "player_unreachable");
        dora.stream = None;
        connections::disconnect(&dora.cx, Default::default()).await.unwrap();
        eventually(async || {
            let input = GetPresence { user_id: dora.id };
            !connections::get_presence(&ana.cx, input).await.unwrap().is_online
        })
        .await;
        assert_eq!(code(ana.invite(id, dora).await), "player_offline");
        assert_eq!(code(ben.invite(id, cleo).await), "not_found", "a stranger is told that there is none");
        let invited = ana.invite(id, ben).await.unwrap();
        assert_eq!((invited.user_id, invited.invited_by, invited.party_id), (ben.id, ana.id, id));
        assert_eq!(code(ana.invite(id, ben).await), "already_invited");
        assert_eq!(code(ben.invite(id, cleo).await), "not_in_party", "an invited player is no member");
        assert_eq!(code(ana.invite(id, ana).await), "already_party_member");
        let seen = ben.get(id).await.unwrap();
        assert_eq!((seen.code, seen.invites), (None, vec![invited.clone()]), "all but the code");
        assert!(
            matches!(&ben.heard()[..], [Event::PartyInvited(heard), Event::PartyUpdated(_)] if *heard == invited)
        );
        assert_eq!(ana.changes(), [(PartyChange::Invited, Some(ben.id))]);
    })
    .await;
}

#[tokio::test]
async fn who_does_not_want_to_be_seen_is_not_invited() {
    on_both_engines(async |hall| {
        let [ana, ben] = &mut players(hall).await;
        let id = ana.create().await.id;
        let hide = UpdatePresence { visibility: Some(Visibility::Invisible), ..UpdatePresence::default() };
        connections::update_presence(&ben.cx, hide).await.unwrap();
        assert_eq!(code(ana.invite(id, ben).await), "player_offline");
    })
    .await;
}

#[tokio::test]
async fn invites_count_towards_the_size_which_is_fixed_at_creation() {
    on_both_engines(async |hall| {
        let [ana, ben, cleo, dora] = &mut players(hall).await;
        let three = CreateParty { max_members: Some(3), is_open: Some(true), ..CreateParty::default() };
        let party = create(&ana.cx, three).await.unwrap();
        ana.invite(party.id, ben).await.unwrap();
        ana.invite(party.id, cleo).await.unwrap();
        assert_eq!(code(ana.invite(party.id, dora).await), "party_full");
        let by_code = JoinParty { code: party.code.unwrap() };
        assert_eq!(code(join(&dora.cx, by_code.clone()).await), "party_full", "an invite holds its place");
        ben.decline(party.id).await.unwrap();
        join(&dora.cx, by_code).await.unwrap();
        cleo.accept(party.id).await.unwrap();
        assert_eq!(members(&ana.party().await.unwrap()), [ana.id, dora.id, cleo.id]);
        let beyond = CreateParty { max_members: Some(17), ..CreateParty::default() };
        assert_eq!(code(create(&ben.cx, beyond).await), "invalid", "the operator lets it have 16");
    })
    .await;
}

#[tokio::test]
async fn accepting_informs_everybody_and_leaves_the_old_party_and_informs_it_and_other_invites_stay() {
    on_both_engines(async |hall| {
        let [ana, ben, cleo, dora, eve] = &mut players(hall).await;
        let (old, new, third) = (ben.create().await.id, ana.create().await.id, dora.create().await.id);
        ben.invite(old, cleo).await.unwrap();
        cleo.accept(old).await.unwrap();
        ana.invite(new, cleo).await.unwrap();
        ana.invite(new, eve).await.unwrap();
        dora.invite(third, cleo).await.unwrap();
        for player in [&mut *ana, ben, cleo, eve] {
            player.heard();
        }
        let party = cleo.accept(new).await.unwrap();
        assert_eq!(members(&party), [ana.id, cleo.id]);
        let joined = (PartyChange::MemberJoined, Some(cleo.id));
        assert_eq!(ana.changes(), [joined]);
        assert_eq!(eve.changes(), [joined], "those who are invited too");
        assert_eq!(ben.changes(), [(PartyChange::MemberLeft, Some(cleo.id))]);
        assert_eq!(members(&ben.party().await.unwrap()), [ben.id]);
        let heard = cleo.heard();
        assert!(
            heard.contains(&Event::PartyLeft(PartyLeft { party_id: old, why: LeftParty::Moved })),
            "{heard:?}"
        );
        assert!(heard.contains(&Event::PartyJoined(party)), "{heard:?}");
        assert_eq!(cleo.invites().await, [third]);
        assert_eq!(cleo.is_seen_in().await, Some(new));
        ben.leave(old).await.unwrap();
        assert!(cleo.heard().is_empty(), "the old party is heard no more");
        assert_eq!(cleo.accept(new).await.unwrap().version, 4, "accepting twice is as once");
    })
    .await;
}

#[tokio::test]
async fn decline_cancel_and_timeout_inform_the_target_and_the_rest() {
    on_both_engines(async |hall| {
        let mut both = players::<2>(hall).await;
        let [mut three] = players(hall).await;
        let id = party_of(&mut both).await;
        let [mut one, mut two] = both;
        let cleo = three.id;
        let ended = |why| Event::PartyInviteEnded(PartyInviteEnded { party_id: id, why });
        let updated = |player: &mut Player| {
            let heard = player.heard();
            let is_update = |event: &Event| matches!(event, Event::PartyUpdated(_));
            heard.into_iter().filter(|event| !is_update(event)).collect::<Vec<_>>()
        };

        two.invite(id, &three).await.unwrap();
        three.decline(id).await.unwrap();
        assert_eq!(updated(&mut three)[1..], [ended(InviteEnd::Declined)]);
        let declined = [(PartyChange::Invited, Some(cleo)), (PartyChange::InviteDeclined, Some(cleo))];
        assert_eq!(one.changes(), declined);
        assert_eq!(two.changes(), declined);
        assert_eq!(code(three.decline(id).await), "not_invited");
        assert_eq!(code(three.accept(id).await), "not_invited");

        one.invite(id, &three).await.unwrap();
        let cancel = CancelPartyInvite { party_id: id, user_id: cleo };
        assert_eq!(code(cancel_invite(&two.cx, cancel.clone()).await), "party_leader_needed");
        cancel_invite(&one.cx, cancel.clone()).await.unwrap();
        assert_eq!(code(cancel_invite(&one.cx, cancel.clone()).await), "not_invited");
        assert_eq!(updated(&mut three)[1..], [ended(InviteEnd::Cancelled)]);
        assert_eq!(two.changes()[1..], [(PartyChange::InviteCancelled, Some(cleo))]);
        two.invite(id, &three).await.unwrap();
        cancel_invite(&two.cx, cancel).await.unwrap();

        two.invite(id, &three).await.unwrap();
        three.heard();
        one.heard();
        hall.clock.advance(Duration::from_secs(299));
        assert_eq!(three.invites().await, [id]);
        hall.clock.advance(Duration::from_secs(1));
        eventually(async || one.changes() == [(PartyChange::InviteExpired, Some(cleo))]).await;
        assert_eq!(updated(&mut three), [ended(InviteEnd::Expired)]);
        assert_eq!(code(three.accept(id).await), "not_invited");
        assert!(three.invites().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn only_the_leader_invites_where_it_is_set_so() {
    on_both_engines(async |hall| {
        let mut both = players::<2>(hall).await;
        let [cleo] = players(hall).await;
        let id = party_of(&mut both).await;
        let [ana, ben] = &mut both;
        let change = UpdateParty {
            party_id: id,
            invites_by: Some(InvitesBy::Leader),
            is_open: None,
            follow_leader: Some(false),
            if_version: Some(3),
        };
        assert_eq!(code(update(&ben.cx, change.clone()).await), "party_leader_needed");
        let updated = update(&ana.cx, change.clone()).await.unwrap();
        assert_eq!((updated.version, updated.follow_leader), (4, false));
        assert_eq!(code(update(&ana.cx, change).await), "version_conflict");
        assert_eq!(ben.changes(), [(PartyChange::SettingsChanged, None)]);
        assert_eq!(code(ben.invite(id, &cleo).await), "party_leader_needed");
        ana.invite(id, &cleo).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn so_many_invites_wait_for_one_user_and_no_more() {
    on_both_engines(async |hall| {
        let [ana, ben] = players(hall).await;
        for _ in 0..PARTY_INVITES_MAX {
            let party = hall.guest(&format!("g{}", hall.hall.random().below(1 << 50))).await;
            let id = create(&hall.call(party, &[]), CreateParty::default()).await.unwrap().id;
            invite(&hall.call(party, &[]), InviteToParty { party_id: id, user_id: ben.id }).await.unwrap();
        }
        let id = ana.create().await.id;
        assert_eq!(code(ana.invite(id, &ben).await), "too_many_party_invites");
        assert_eq!(ana.get(id).await.unwrap().invites, []);
        ben.decline(ben.invites().await[0]).await.unwrap();
        ana.invite(id, &ben).await.unwrap();
    })
    .await;
}
