//! Signing up and in, on both engines.

use std::time::Duration;

use moothall_protocol::accounts::{
    ApproveUser, ChangePassword, CreateSignInCode, NextStep, Refresh, SessionKind, SignIn, SignInWithCode,
    SignUp, SignUpGuest, UpgradeGuest,
};
use moothall_protocol::audit::ListAudit;
use moothall_protocol::limits;

use crate::accounts::testing::*;
use crate::accounts::{self, Verification};
use crate::{Fault as _, Kind, audit};

#[tokio::test]
async fn whoever_signs_up_can_sign_in_by_name_and_by_address_in_any_case() {
    with_accounts(async |test| {
        let ana = sign_up(&test.hall, "Ana").await;
        for login in ["Ana", "ANA", "ana@example.org", " Ana@EXAMPLE.org "] {
            let again = try_sign_in(&test.hall, "10.0.0.1", login, PASSWORD).await.unwrap();
            assert_eq!(again.user, ana.user);
            assert_ne!(again.session_id, ana.session_id);
        }
        assert_eq!(
            code(try_sign_in(&test.hall, "10.0.0.1", "Ana", "wrong password").await),
            "bad_credentials"
        );
    })
    .await;
}

#[tokio::test]
async fn b01a_nobody_signs_up_with_roles() {
    let input = serde_json::json!({
        "name": "Eve", "email": "eve@example.org", "password": PASSWORD, "roles": ["administrator"],
    });
    assert!(
        serde_json::from_value::<SignUp>(input).is_err(),
        "a field that is not asked for must be refused"
    );
    with_accounts(async |test| {
        let eve = sign_up(&test.hall, "Eve").await;
        let identity = identity(&test.hall, &eve.access_token).await.unwrap();
        assert_eq!(identity.permissions.names().count(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_name_and_an_address_belong_to_one() {
    with_accounts(async |test| {
        sign_up(&test.hall, "Ana").await;
        let cx = from(&test.hall, "10.0.0.1");
        let try_sign_up = async |name: &str, email: &str| {
            let (name, email) = (name.to_owned(), email.to_owned());
            let input = SignUp { name, email, password: PASSWORD.into(), kind: None, device_id: None };
            code(accounts::sign_up(&cx, input).await)
        };
        assert_eq!(try_sign_up("aNA", "other@example.org").await, "name_taken");
        assert_eq!(try_sign_up("Ben", "ANA@example.org").await, "email_taken");
        // What was refused holds nothing.
        assert_eq!(try_sign_up("Ben", "ben@example.org").await, "ok");
    })
    .await;
}

#[tokio::test]
async fn b05_a_password_that_is_missing_short_common_or_over_long_is_a_clear_error() {
    let input = serde_json::json!({ "name": "Ana", "email": "ana@example.org" });
    assert!(serde_json::from_value::<SignUp>(input).is_err());
    with_accounts(async |test| {
        let cx = from(&test.hall, "10.0.0.1");
        for (password, rule) in [
            ("short", "too_short"),
            ("Password123", "invalid"),
            ("ana@example.org", "invalid"),
            (&"x".repeat(1_025), "too_long"),
        ] {
            let input = SignUp {
                name: "Ana".into(),
                email: "ana@example.org".into(),
                password: password.into(),
                kind: None,
                device_id: None,
            };
            let refusal = accounts::sign_up(&cx, input).await.unwrap_err();
            let fields = refusal.details().fields.unwrap();
            assert_eq!((fields[0].path.as_str(), fields[0].code.as_str()), ("/password", rule), "{password}");
        }
    })
    .await;
}

#[tokio::test]
async fn b26_t034_an_unknown_login_and_a_wrong_password_have_the_same_answer() {
    with_accounts(async |test| {
        sign_up(&test.hall, "Ana").await;
        let request = test.nobody().request_id();
        let wrong = try_sign_in(&test.hall, "10.0.1.1", "Ana", "wrong password").await.unwrap_err();
        test.clock.advance(Duration::from_millis(1));
        let unknown = try_sign_in(&test.hall, "10.0.1.2", "Nobody", "wrong password").await.unwrap_err();
        assert_eq!(wrong.problem(request), unknown.problem(request));
        assert_eq!(wrong.kind(), Kind::Unauthenticated);
        // Both are in the audit log, and neither says what was typed.
        let page = audit::list(&test.server(), ListAudit::default()).await.unwrap();
        let failed: Vec<_> =
            page.items.iter().filter(|line| line.action == "accounts.sign_in_failed").collect();
        assert_eq!(failed.len(), 2);
        assert_eq!(failed[0].target, "user:unknown");
        assert!(!format!("{failed:?}").contains("wrong password"));
    })
    .await;
}

#[tokio::test]
async fn b24_guests_have_a_secret_scores_a_flag_and_names_that_do_not_collide() {
    with_accounts(async |test| {
        let guest = sign_up_guest(&test.hall).await;
        assert!(guest.user.is_guest);
        let secret = guest.guest_secret.clone().expect("shown once");
        let input = SignIn { guest_secret: Some(secret.clone()), ..SignIn::default() };
        let again = accounts::sign_in(&test.nobody(), input).await.unwrap();
        assert_eq!((again.user, again.guest_secret), (guest.user.clone(), None));
        let input = SignIn { guest_secret: Some(format!("{secret}x")), ..SignIn::default() };
        assert_eq!(code(accounts::sign_in(&test.nobody(), input).await), "bad_credentials");

        for _ in 0..100 {
            sign_up_guest(&test.hall).await;
        }
        let named = SignUpGuest { name: Some(guest.user.name.clone()), kind: None, device_id: None };
        assert_eq!(code(accounts::sign_up_guest(&test.nobody(), named).await), "name_taken");
    })
    .await;
}

#[tokio::test]
async fn a_site_without_guests_has_none() {
    with_settings(
        |settings| settings.accounts.guests = false,
        async |test| {
            let answer = accounts::sign_up_guest(&test.nobody(), SignUpGuest::default()).await;
            assert_eq!(code(answer), "guests_refused");
        },
    )
    .await;
}

#[tokio::test]
async fn an_upgraded_guest_keeps_id_and_session_and_signs_in_with_the_password_only() {
    with_accounts(async |test| {
        let guest = sign_up_guest(&test.hall).await;
        let cx = call(&test.hall, &guest).await;
        let input = UpgradeGuest {
            name: Some("Ana".into()),
            email: "ana@example.org".into(),
            password: PASSWORD.into(),
        };
        let user = accounts::upgrade_guest(&cx, input.clone()).await.unwrap();
        assert_eq!((user.id, user.name.as_str(), user.is_guest), (guest.user.id, "Ana", false));
        assert_eq!(code(accounts::upgrade_guest(&cx, input).await), "not_a_guest");
        let secret = SignIn { guest_secret: guest.guest_secret.clone(), ..SignIn::default() };
        assert_eq!(code(accounts::sign_in(&test.nobody(), secret).await), "bad_credentials");
        let again = try_sign_in(&test.hall, "10.0.0.1", "ana", PASSWORD).await.unwrap();
        assert_eq!(again.user, user);
        assert!(identity(&test.hall, &guest.access_token).await.is_ok());
        let other = sign_up_guest(&test.hall).await;
        let cx = call(&test.hall, &other).await;
        test.clock.advance(Duration::from_secs(601));
        let input = UpgradeGuest { name: None, email: "thief@example.org".into(), password: PASSWORD.into() };
        assert_eq!(code(accounts::upgrade_guest(&cx, input).await), "fresh_sign_in_needed");
        // The name the server made up is free for the next.
        let input = SignUpGuest { name: Some(guest.user.name), kind: None, device_id: None };
        assert!(accounts::sign_up_guest(&test.nobody(), input).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn t021_changing_the_password_asks_for_the_old_one_and_ends_all_other_sessions() {
    with_accounts(async |test| {
        let here = sign_up(&test.hall, "Ana").await;
        let there = try_sign_in(&test.hall, "10.0.0.2", "Ana", PASSWORD).await.unwrap();
        assert!(identity(&test.hall, &there.access_token).await.is_ok());
        let cx = call(&test.hall, &here).await;
        let change = |password: &str, new: &str| ChangePassword {
            password: password.into(),
            new_password: new.into(),
        };
        assert_eq!(
            code(accounts::change_password(&cx, change("wrong", "a new password")).await),
            "bad_credentials"
        );
        assert_eq!(code(accounts::change_password(&cx, change(PASSWORD, "short")).await), "invalid");
        accounts::change_password(&cx, change(PASSWORD, "a new password")).await.unwrap();

        assert!(identity(&test.hall, &here.access_token).await.is_ok());
        assert_eq!(identity(&test.hall, &there.access_token).await.unwrap_err().code(), "token_invalid");
        let refresh = Refresh { refresh_token: there.refresh_token };
        assert_eq!(code(accounts::refresh(&test.nobody(), refresh).await), "token_invalid");
        // A-5b: the old password is no good from that moment.
        assert_eq!(code(try_sign_in(&test.hall, "10.0.0.1", "Ana", PASSWORD).await), "bad_credentials");
        assert_eq!(code(try_sign_in(&test.hall, "10.0.0.1", "Ana", "a new password").await), "ok");
    })
    .await;
}

#[tokio::test]
async fn t031_b22_an_account_that_waits_for_approval_comes_in_by_no_way() {
    let manual = |settings: &mut crate::Settings| settings.accounts.verification = Verification::Manual;
    with_settings(manual, async |test| {
        let cx = from(&test.hall, "10.0.0.1");
        let input = SignUp {
            name: "Ana".into(),
            email: "ana@example.org".into(),
            password: PASSWORD.into(),
            kind: None,
            device_id: None,
        };
        let signed_up = accounts::sign_up(&cx, input).await.unwrap();
        assert_eq!((signed_up.next, signed_up.session.is_none()), (NextStep::AwaitApproval, true));
        assert_eq!(code(try_sign_in(&test.hall, "10.0.0.1", "Ana", PASSWORD).await), "approval_pending");
        assert_eq!(
            code(try_sign_in(&test.hall, "10.0.0.1", "Ana", "wrong password").await),
            "bad_credentials"
        );
        assert_eq!(code(accounts::sign_up_guest(&cx, SignUpGuest::default()).await), "guests_refused");
        let approve = ApproveUser { user_id: signed_up.user.id, reason: "known from the last season".into() };
        accounts::approve_user(&test.server(), approve).await.unwrap();
        assert_eq!(code(try_sign_in(&test.hall, "10.0.0.1", "Ana", PASSWORD).await), "ok");
    })
    .await;
}

#[tokio::test]
async fn b24_t051_a_sign_in_code_is_good_once_and_for_thirty_seconds() {
    with_accounts(async |test| {
        let ana = sign_up(&test.hall, "Ana").await;
        let cx = call(&test.hall, &ana).await;
        let make = async || {
            let input = CreateSignInCode { kind: Some(SessionKind::Web) };
            accounts::create_sign_in_code(&cx, input).await.unwrap().code
        };
        let used = make().await;
        let take =
            async |code: String| accounts::sign_in_with_code(&test.nobody(), SignInWithCode { code }).await;
        let web = take(used.clone()).await.unwrap();
        assert_eq!((web.user.id, web.kind), (ana.user.id, SessionKind::Web));
        assert_eq!(code(take(used).await), "bad_credentials");

        let late = make().await;
        test.clock.advance(Duration::from_secs(limits::SIGN_IN_CODE_SECONDS as u64));
        assert_eq!(code(take(late).await), "bad_credentials");
        let in_time = make().await;
        test.clock.advance(Duration::from_micros(29_999_999));
        assert!(take(in_time).await.is_ok());

        // Of many that wait, the newest are good.
        let mut codes = Vec::new();
        for _ in 0..=limits::SIGN_IN_CODES_MAX {
            codes.push(make().await);
            test.clock.advance(Duration::from_micros(1));
        }
        assert_eq!(code(take(codes.remove(0)).await), "bad_credentials");
        assert!(take(codes.remove(0)).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_password_is_hashed_anew_when_the_parameters_changed() {
    with_accounts(async |test| {
        sign_up(&test.hall, "Ana").await;
        let stored = async |test: &crate::testing::TestHall| {
            let account = test
                .server()
                .read(|tx| accounts::credentials::find_by_login(tx, "Ana"))
                .await
                .unwrap()
                .unwrap();
            account.password.unwrap()
        };
        let before = stored(test).await;
        assert!(before.starts_with("$argon2id$v=19$m=8192,t=1,p=1$"), "{before}");
        test.change_settings(|settings| settings.accounts.password_passes = 2).await;
        assert!(try_sign_in(&test.hall, "10.0.0.1", "Ana", PASSWORD).await.is_ok());
        let after = stored(test).await;
        assert!(after.starts_with("$argon2id$v=19$m=8192,t=2,p=1$"), "{after}");
        assert!(try_sign_in(&test.hall, "10.0.0.1", "Ana", PASSWORD).await.is_ok());
        assert_eq!(stored(test).await, after);
    })
    .await;
}

/// The work is the same, so is the time: medians of guesses made in turn, which a busy machine slows down alike.
#[tokio::test]
async fn b26_an_unknown_login_takes_as_long_as_a_wrong_password() {
    const GUESSES: usize = 9;
    with_accounts(async |test| {
        let (mut unknown, mut wrong) = (Vec::new(), Vec::new());
        for number in 0..GUESSES {
            let name = format!("Ana{number}");
            sign_up(&test.hall, &name).await;
            for (login, times) in [(format!("nobody{number}"), &mut unknown), (name, &mut wrong)] {
                let address = format!("198.51.{number}.{}", times.len());
                let started = std::time::Instant::now();
                let answer = try_sign_in(&test.hall, &address, &login, "not the password").await;
                times.push(started.elapsed());
                assert_eq!(code(answer), "bad_credentials");
            }
        }
        let median = |times: &mut Vec<Duration>| {
            times.sort_unstable();
            times[GUESSES / 2]
        };
        let (unknown, wrong) = (median(&mut unknown), median(&mut wrong));
        assert!(unknown > wrong / 2 && wrong > unknown / 2, "{unknown:?} and {wrong:?}");
    })
    .await;
}

#[tokio::test]
async fn a_guest_who_chose_a_name_leaves_it_by_the_rules_of_every_other() {
    with_accounts(async |test| {
        let upgrade = |name: &str, email: &str| UpgradeGuest {
            name: Some(name.into()),
            email: email.into(),
            password: PASSWORD.into(),
        };
        let chosen = SignUpGuest { name: Some("Anna".into()), kind: None, device_id: None };
        let guest = accounts::sign_up_guest(&from(&test.hall, "10.0.0.1"), chosen).await.unwrap();
        let cx = call(&test.hall, &guest).await;
        accounts::upgrade_guest(&cx, upgrade("Annabel", "a@example.org")).await.unwrap();
        let next = SignUpGuest { name: Some("Anna".into()), kind: None, device_id: None };
        let held = accounts::sign_up_guest(&from(&test.hall, "10.0.0.1"), next).await;
        assert_eq!(code(held), "name_taken", "held for who had it");
        let names = serde_json::from_value(serde_json::json!({ "user_id": guest.user.id })).unwrap();
        let names = accounts::list_names(&test.server(), names).await.unwrap().items;
        assert_eq!(names.iter().map(|former| former.name.as_str()).collect::<Vec<_>>(), ["Anna"]);

        let chosen = SignUpGuest { name: Some("Benno".into()), kind: None, device_id: None };
        let guest = accounts::sign_up_guest(&from(&test.hall, "10.0.0.1"), chosen).await.unwrap();
        let cx = call(&test.hall, &guest).await;
        let rename = |name: &str| moothall_protocol::accounts::Rename { name: name.into(), password: None };
        accounts::rename(&cx, rename("Bennet")).await.unwrap();
        let refused = accounts::upgrade_guest(&cx, upgrade("Benedict", "b@example.org")).await;
        assert_eq!(code(refused), "rename_too_soon");
    })
    .await;
}
