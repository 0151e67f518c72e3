//! Who goes, who leads, who is ready.

use super::*;

#[tokio::test]
async fn kick_informs_the_target_and_the_rest_and_an_invited_player_is_not_a_target_of_kick() {
    on_both_engines(async |hall| {
        let mut all = players::<3>(hall).await;
        let [dora] = players(hall).await;
        let id = party_of(&mut all).await;
        let [ana, ben, cleo] = &mut all;
        ana.invite(id, &dora).await.unwrap();
        assert_eq!(code(ana.kick(id, &dora).await), "not_a_party_member");
        assert_eq!(code(ben.kick(id, cleo).await), "party_leader_needed");
        assert_eq!(code(ana.kick(id, ana).await), "invalid");
        cleo.heard();
        ana.kick(id, cleo).await.unwrap();
        let left = Event::PartyLeft(PartyLeft { party_id: id, why: LeftParty::Kicked });
        assert_eq!(cleo.heard(), [left]);
        assert_eq!(ben.changes().last(), Some(&(PartyChange::MemberKicked, Some(cleo.id))));
        assert_eq!((cleo.party().await, cleo.is_seen_in().await), (None, None));
        assert_eq!(code(cleo.get(id).await), "not_found");
    })
    .await;
}

#[tokio::test]
async fn the_lead_is_handed_on_or_inherited_by_the_longest_standing_member_who_is_connected() {
    on_both_engines(async |hall| {
        let mut all = players::<4>(hall).await;
        let id = party_of(&mut all).await;
        let [ana, ben, cleo, dora] = &mut all;
        let to = |user_id| LeadParty { party_id: id, user_id };
        assert_eq!(code(lead(&ben.cx, to(ben.id)).await), "party_leader_needed");
        assert_eq!(lead(&ana.cx, to(dora.id)).await.unwrap().leader_id, dora.id);
        assert_eq!(ben.changes(), [(PartyChange::LeaderChanged, Some(dora.id))]);
        lead(&dora.cx, to(ana.id)).await.unwrap();
        // Ben's socket breaks: he stays, but does not lead.
        ben.stream = None;
        ana.leave(id).await.unwrap();
        let party = cleo.party().await.unwrap();
        assert_eq!((party.leader_id, members(&party)), (cleo.id, vec![ben.id, cleo.id, dora.id]));
        ben.connect(hall).await;
        cleo.leave(id).await.unwrap();
        assert_eq!(dora.party().await.unwrap().leader_id, ben.id);
    })
    .await;
}

#[tokio::test]
async fn when_the_last_member_is_gone_the_party_ends_and_the_invited_are_told() {
    on_both_engines(async |hall| {
        let [ana, ben] = &mut players(hall).await;
        let party = ana.create().await;
        ana.invite(party.id, ben).await.unwrap();
        ben.heard();
        ana.leave(party.id).await.unwrap();
        let ended = PartyInviteEnded { party_id: party.id, why: InviteEnd::PartyEnded };
        assert_eq!(ben.heard(), [Event::PartyInviteEnded(ended)]);
        assert!(ben.invites().await.is_empty());
        assert_eq!(code(ben.accept(party.id).await), "not_invited");
        let input = JoinParty { code: party.code.unwrap() };
        assert_eq!(code(join(&ben.cx, input).await), "party_code_unknown");
        assert_eq!(code(ana.leave(party.id).await), "not_found");
        let left = hall.server().read(|tx| store::list(tx, PartyId::from_uuid(uuid::Uuid::nil()), 9)).await;
        assert_eq!(left.unwrap(), [], "nothing of it is kept");
    })
    .await;
}

#[tokio::test]
async fn readiness_ends_when_somebody_comes_or_goes() {
    on_both_engines(async |hall| {
        let mut all = players::<3>(hall).await;
        let [dora] = players(hall).await;
        let id = party_of(&mut all).await;
        let [ana, ben, cleo] = &mut all;
        let ready = |is_ready| SetPartyReady { party_id: id, is_ready };
        let are_ready = async |player: &Player| {
            let members = player.party().await.unwrap().members;
            members.iter().map(|member| member.is_ready).collect::<Vec<_>>()
        };
        set_ready(&ana.cx, ready(true)).await.unwrap();
        let version = set_ready(&ben.cx, ready(true)).await.unwrap().version;
        assert_eq!(set_ready(&ben.cx, ready(true)).await.unwrap().version, version, "twice is as once");
        assert_eq!(are_ready(cleo).await, [true, true, false]);
        ana.invite(id, &dora).await.unwrap();
        assert_eq!(are_ready(cleo).await, [true, true, false], "an invite changes nothing of it");
        dora.accept(id).await.unwrap();
        assert_eq!(are_ready(cleo).await, [false; 4]);
        set_ready(&ana.cx, ready(true)).await.unwrap();
        cleo.leave(id).await.unwrap();
        assert_eq!(are_ready(ana).await, [false; 3]);
        assert_eq!(code(set_ready(&cleo.cx, ready(true)).await), "not_found");
    })
    .await;
}

#[tokio::test]
async fn a_member_gone_beyond_grace_has_left() {
    on_both_engines(async |hall| {
        let mut all = players::<3>(hall).await;
        let id = party_of(&mut all).await;
        let [ana, ben, cleo] = &mut all;
        ana.stream = None;
        cleo.stream = None;
        eventually(async || !connections::is_attached(&hall.hall, ana.id)).await;
        hall.clock.advance(Duration::from_secs(200));
        assert_eq!(members(&ben.party().await.unwrap()), [ana.id, ben.id, cleo.id]);
        // One of the two comes back in time.
        let ready = cleo.connect(hall).await;
        assert_eq!(ready.parties.party.unwrap().id, id);
        eventually(async || {
            hall.clock.advance(Duration::from_secs(10));
            ben.changes() == [(PartyChange::MemberGone, Some(ana.id))]
        })
        .await;
        assert_eq!(members(&ben.party().await.unwrap()), [ben.id, cleo.id]);
        assert_eq!(ben.party().await.unwrap().leader_id, ben.id);
        hall.clock.advance(GRACE * 3);
        assert_eq!(members(&ben.party().await.unwrap()), [ben.id, cleo.id], "whoever is here stays");
        let back = ana.connect(hall).await;
        assert_eq!((back.parties.party, back.presence.presence.party_id), (None, None));
    })
    .await;
}

#[tokio::test]
async fn criterion_8_when_the_last_member_is_gone_beyond_grace_the_invited_are_told() {
    on_both_engines(async |hall| {
        let [ana, ben] = &mut players(hall).await;
        let id = ana.create().await.id;
        ana.stream = None;
        let dropped_at = async || connections::own_presence(&ana.cx).await.unwrap().last_disconnected_at;
        eventually(async || dropped_at().await.is_some()).await;
        hall.clock.advance(Duration::from_secs(200));
        // It would outlast her.
        ana.invite(id, ben).await.unwrap();
        hall.clock.advance(GRACE - Duration::from_secs(200));
        let ended = Event::PartyInviteEnded(PartyInviteEnded { party_id: id, why: InviteEnd::PartyEnded });
        eventually(async || ben.heard().contains(&ended)).await;
        assert!(ben.invites().await.is_empty());
        assert_eq!(code(ben.get(id).await), "not_found");
    })
    .await;
}

#[tokio::test]
async fn whoever_is_here_again_before_the_party_hears_that_they_went_has_not_left() {
    on_both_engines(async |hall| {
        let [ana] = players(hall).await;
        let id = ana.create().await.id;
        let visit = connections::visit_of(&hall.hall, ana.id).unwrap();
        // A newer socket, of which the party has still to hear.
        let _newer = connections::attach(&ana.cx, None).await.unwrap();
        follow::leave_behind(hall.hall.downgrade(), ana.id, visit).await;
        assert_eq!(ana.party().await.map(|party| party.id), Some(id));
        follow::leave_behind(hall.hall.downgrade(), ana.id, u64::MAX).await;
        assert_eq!(ana.party().await, None, "nothing newer than this");
    })
    .await;
}

#[tokio::test]
async fn whoever_disconnects_for_good_has_left_and_whoever_never_connects_is_missed() {
    on_both_engines(async |hall| {
        let mut all = players::<2>(hall).await;
        let id = party_of(&mut all).await;
        let [ana, ben] = &mut all;
        connections::disconnect(&ana.cx, Default::default()).await.unwrap();
        eventually(async || members(&ben.party().await.unwrap()) == [ben.id]).await;
        assert_eq!(ben.party().await.unwrap().leader_id, ben.id);
        // By HTTP alone one may make a party, but not keep it.
        let cleo = hall.call(hall.guest("Cleo").await, &[]);
        let alone = create(&cleo, CreateParty::default()).await.unwrap();
        hall.clock.advance(GRACE - Duration::from_secs(1));
        assert_eq!(get(&cleo, GetParty { party_id: alone.id }).await.unwrap(), alone);
        hall.clock.advance(Duration::from_secs(1));
        eventually(async || code(get(&cleo, GetParty { party_id: alone.id }).await) == "not_found").await;
        assert_eq!(members(&ben.get(id).await.unwrap()), [ben.id]);
    })
    .await;
}

#[tokio::test]
async fn members_follow_their_leader_where_it_is_set_so() {
    on_both_engines(async |hall| {
        let mut all = players::<3>(hall).await;
        let id = party_of(&mut all).await;
        let [ana, ben, cleo] = &all;
        let server = hall.server();
        let mut following = followers(&server, ana.id).await.unwrap();
        following.sort_unstable();
        let mut others = [ben.id, cleo.id];
        others.sort_unstable();
        assert_eq!(following, others);
        assert_eq!(followers(&server, ben.id).await.unwrap(), [], "nobody follows a member");
        let change = UpdateParty {
            party_id: id,
            invites_by: None,
            is_open: None,
            follow_leader: Some(false),
            if_version: None,
        };
        update(&ana.cx, change).await.unwrap();
        assert_eq!(followers(&server, ana.id).await.unwrap(), []);
    })
    .await;
}
