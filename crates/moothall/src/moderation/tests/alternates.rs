//! Who may be the same person.

use moothall_protocol::accounts::{SignUp, SignUpGuest};
use moothall_protocol::limits::ALTERNATES_SHOWN_MAX;
use moothall_protocol::restrictions::{AddBan, TraceKind};

use super::*;
use crate::accounts;
use crate::accounts::testing::{PASSWORD, from, with_accounts};

#[tokio::test]
async fn accounts_on_one_device_are_shown_with_reasons_and_linked_by_a_person() {
    on_both_engines(async |hall| {
        let mo = moderator(hall, "Mo").await;
        let guest = async |address: &str, device: &str| {
            let input = SignUpGuest { device_id: Some(device.into()), ..SignUpGuest::default() };
            accounts::sign_up_guest(&from(&hall.hall, address), input).await.unwrap().user.id
        };
        let first = guest("192.0.2.7", "old laptop").await;
        act(&mo, about(first, muted(None))).await.unwrap();
        let again = guest("203.0.113.5", "old laptop").await;
        let neighbour = guest("192.0.2.9", "new laptop").await;
        guest("198.51.100.1", "phone").await;
        let look = async |cx: &Cx| {
            let input = FindAlternates { user_id: first, reason: "muted today".into() };
            find_alternates(cx, input).await
        };
        assert_eq!(code(look(&person(hall, "Ana").await).await), "forbidden");
        let found = look(&mo).await.unwrap().items;
        let users: Vec<_> = found.iter().map(|alternate| alternate.user_id).collect();
        assert_eq!(users, [again, neighbour]);
        let reasons: Vec<_> = found[0].reasons.iter().map(|reason| reason.name.as_str()).collect();
        assert_eq!(reasons, ["device", "timing"]);
        assert!(found[0].score > found[1].score);

        let link =
            |other_id, verdict| LinkAlternates { user_id: first, other_id, verdict, reason: "asked".into() };
        link_alternates(&mo, link(again, AlternateVerdict::SamePerson)).await.unwrap();
        link_alternates(&mo, link(neighbour, AlternateVerdict::Household)).await.unwrap();
        assert_eq!(code(link_alternates(&mo, link(first, AlternateVerdict::SamePerson)).await), "invalid");
        let alternates = async |user_id| {
            read_file(&mo, ReadFile { user_id, reason: Some("to see".into()) }).await.unwrap().alternates
        };
        assert_eq!(alternates(first).await, [again], "a household is none");
        assert_eq!(alternates(again).await, [first]);
        assert_eq!(look(&mo).await.unwrap().items[1].verdict, Some(AlternateVerdict::Household));
        // Nothing happened to anybody by that.
        let ghost = hall.call(again, &[]);
        assert!(restrictions::mine(&ghost, MyRestrictions {}).await.unwrap().items.is_empty());

        let unlink = UnlinkAlternates { user_id: again, other_id: first, reason: "sisters".into() };
        unlink_alternates(&mo, unlink.clone()).await.unwrap();
        assert!(alternates(first).await.is_empty());
        assert_eq!(code(unlink_alternates(&mo, unlink).await), "not_found");
    })
    .await;
}

#[tokio::test]
async fn addresses_that_are_alike_lead_to_each_other() {
    with_accounts(async |hall| {
        let mo = moderator(hall, "Mo").await;
        let player = async |name: &str, email: &str, address: &str| {
            let input = SignUp {
                name: name.into(),
                email: email.into(),
                password: PASSWORD.into(),
                kind: None,
                device_id: Some(name.into()),
            };
            accounts::sign_up(&from(&hall.hall, address), input).await.unwrap().session.unwrap().user.id
        };
        let first = player("Smithy", "anna.smith@example.org", "192.0.2.7").await;
        let again = player("Bramble", "AnnaSmith+2@example.org", "203.0.113.5").await;
        player("Other", "anna.smith@example.com", "198.51.100.1").await;
        let input = FindAlternates { user_id: first, reason: "seen before".into() };
        let found = find_alternates(&mo, input).await.unwrap().items;
        assert_eq!(found.iter().map(|alternate| alternate.user_id).collect::<Vec<_>>(), [again]);
        assert_eq!(found[0].reasons[0].name, "email");
        let ban = AddBan {
            kind: TraceKind::Email,
            value: "0".repeat(64),
            spares_older: None,
            ends_at: hall.server().now() + DAY,
            reason: "spam".into(),
            public_reason: "no".into(),
        };
        assert_eq!(
            code(restrictions::add_ban(&hall.server(), ban).await),
            "invalid",
            "others have one alike"
        );
    })
    .await;
}

#[tokio::test]
async fn so_many_alternates_are_shown() {
    on_both_engines(async |hall| {
        let mo = moderator(hall, "Mo").await;
        let mut first = None;
        for _ in 0..ALTERNATES_SHOWN_MAX + 2 {
            let input = SignUpGuest { device_id: Some("internet cafe".into()), ..SignUpGuest::default() };
            let guest = accounts::sign_up_guest(&from(&hall.hall, "192.0.2.7"), input).await.unwrap();
            first.get_or_insert(guest.user.id);
        }
        let input = FindAlternates { user_id: first.unwrap(), reason: "many".into() };
        let found = find_alternates(&mo, input).await.unwrap().items;
        assert_eq!(found.len(), ALTERNATES_SHOWN_MAX);
        assert!(found[0].score < 10.0, "what many share says little");
    })
    .await;
}

#[tokio::test]
async fn who_comes_back_while_banned_makes_a_case_and_nothing_else() {
    on_both_engines(async |hall| {
        let mo = moderator(hall, "Mo").await;
        let guest = async |device: &str| {
            let input = SignUpGuest { device_id: Some(device.into()), ..SignUpGuest::default() };
            accounts::sign_up_guest(&from(&hall.hall, "192.0.2.7"), input).await.unwrap().user.id
        };
        let banned = guest("old laptop").await;
        let sister = guest("old laptop").await;
        assert!(cases_of(&mo).await.is_empty(), "nobody is banned yet");
        let types = vec!["login".into()];
        let restriction = Some(ActionRestriction { types, ..ActionRestriction::default() });
        act(&mo, about(banned, Deed { restriction, ..deed(ActionKind::Restrict) })).await.unwrap();
        let back = guest("old laptop").await;
        let [case] = &cases_of(&mo).await[..] else { panic!("one case") };
        assert_eq!(
            (case.target_id, case.priority, &case.categories[..]),
            (back, 45, &["evasion".to_owned()][..])
        );
        let file =
            read_case(&mo, ReadCase { case_id: case.id, reason: Some("to see".into()) }).await.unwrap();
        assert_eq!(file.reports[0].evidence["same_device_as"], banned.to_string());
        assert_eq!(file.reports[0].reporter_id, None);
        let ghost = hall.call(back, &[]);
        assert!(restrictions::mine(&ghost, MyRestrictions {}).await.unwrap().items.is_empty());
        // Who was there before, or is known to share a home, makes none.
        assert_eq!(
            read_file(&mo, ReadFile { user_id: sister, reason: Some("to see".into()) })
                .await
                .unwrap()
                .reports_about,
            []
        );
    })
    .await;
}

#[tokio::test]
async fn who_was_there_before_makes_a_case_by_coming_back_and_no_second_one() {
    on_both_engines(async |hall| {
        let mo = moderator(hall, "Mo").await;
        let guest = async || {
            let input = SignUpGuest { device_id: Some("old laptop".into()), ..SignUpGuest::default() };
            accounts::sign_up_guest(&from(&hall.hall, "192.0.2.7"), input).await.unwrap()
        };
        let (banned, older) = (guest().await.user.id, guest().await);
        let bar = async || {
            let types = vec!["login".into()];
            let restriction = Some(ActionRestriction { types, ..ActionRestriction::default() });
            act(&mo, about(banned, Deed { restriction, ..deed(ActionKind::Restrict) })).await.unwrap()
        };
        let first = bar().await;
        let comes_back = async || {
            hall.clock.advance(HOUR);
            let guest_secret = older.guest_secret.clone();
            let device_id = Some("old laptop".into());
            let input = moothall_protocol::accounts::SignIn { guest_secret, device_id, ..Default::default() };
            accounts::sign_in(&from(&hall.hall, "192.0.2.7"), input).await.unwrap();
        };
        let reports = async || {
            let about = ListReports { target_id: Some(older.user.id), ..ListReports::default() };
            list_reports(&mo, about).await.unwrap().items.len()
        };
        assert_eq!(reports().await, 0);
        comes_back().await;
        assert_eq!(reports().await, 1);
        comes_back().await;
        assert_eq!(reports().await, 1, "once for each time they were barred");
        reverted(&mo, first.id).await;
        comes_back().await;
        assert_eq!(reports().await, 1);
        bar().await;
        comes_back().await;
        assert_eq!(reports().await, 2);
    })
    .await;
}

#[tokio::test]
async fn nobody_says_who_they_are_themselves_nor_who_they_are_who_may_do_more() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, zoe, .. } = cast(hall).await;
        let owner = hall.user("Olga").await;
        let input = moothall_protocol::accounts::GrantRole {
            user_id: owner,
            role: "administrator".into(),
            ends_at: None,
            reason: "a test".into(),
        };
        accounts::grant_role(&hall.server(), input).await.unwrap();
        let link = |one, other| LinkAlternates {
            user_id: one,
            other_id: other,
            verdict: AlternateVerdict::Household,
            reason: "we live together".into(),
        };
        for (one, other) in [(id(&mo), id(&ana)), (id(&ana), id(&mo))] {
            assert_eq!(code(link_alternates(&mo, link(one, other)).await), "about_yourself");
        }
        assert_eq!(code(link_alternates(&mo, link(id(&ana), owner)).await), "forbidden");
        link_alternates(&zoe, link(id(&mo), id(&ana))).await.unwrap();
        let unlink = UnlinkAlternates { user_id: id(&ana), other_id: id(&mo), reason: "no more".into() };
        assert_eq!(code(unlink_alternates(&mo, unlink.clone()).await), "about_yourself");
        unlink_alternates(&zoe, unlink).await.unwrap();
        let look = FindAlternates { user_id: id(&mo), reason: "curious".into() };
        assert_eq!(code(find_alternates(&mo, look).await), "about_yourself");
        drop(ben);
    })
    .await;
}

#[tokio::test]
async fn names_and_offences_in_common_are_reasons_too() {
    on_both_engines(async |hall| {
        let mo = moderator(hall, "Mo").await;
        let (first, second) = (hall.user("TurnipThrower").await, hall.user("turnipthrower_77").await);
        for (user, email) in [(first, "turnip.thrower@example.org"), (second, "turnipthrower77@example.org")]
        {
            act(&mo, about(user, deed(ActionKind::Warn))).await.unwrap();
            hall.server()
                .write(move |tx| {
                    let arrival = restrictions::Arrival::new(tx.cx(), Some("d"), Some(email));
                    restrictions::record(tx, user, &arrival)
                })
                .await
                .unwrap();
        }
        let found = find_alternates(&mo, FindAlternates { user_id: first, reason: "a hunch".into() }).await;
        let found = found.unwrap().items;
        let reasons: Vec<_> = found[0].reasons.iter().map(|reason| reason.name.as_str()).collect();
        assert_eq!(
            (found[0].user_id, &reasons[..]),
            (second, &["device", "email", "timing", "name", "behaviour"][..])
        );
    })
    .await;
}
