//! Erasing accounts: the time to think, what goes, what stays, and guests who did not come back.

use moothall_protocol::accounts::{
    CreateBot, CreateKey, CreateSignInCode, GetExtra, GetMe, GetUser, GrantRole, ListNames, ListUsers,
    PutExtra, Rename, RequestEmailVerification, SignUp,
};
use moothall_protocol::audit::ListAudit;
use moothall_protocol::connections::{UpdatePresence, Visibility};
use serde_json::json;

use super::*;
use crate::accounts::testing::{
    Listener, PASSWORD, call, code, from, identity, sign_in, sign_up, sign_up_guest, try_sign_in,
    with_accounts, with_settings,
};
use crate::accounts::{self, Credential};
use crate::testing::TestHall;
use crate::{Clock as _, Fault as _, Origin};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn with_password() -> DeleteMe {
    DeleteMe { password: Some(PASSWORD.to_owned()) }
}

async fn sweep(test: &TestHall) {
    accounts::sweep(&test.server()).await.unwrap();
}

async fn traces(test: &TestHall, user: UserId) -> Vec<String> {
    let engine = test.hall.store().engine();
    test.server().read(move |tx| store::traces(tx, user, engine)).await.unwrap()
}

async fn user(test: &TestHall, user_id: UserId) -> User {
    accounts::get_user(&test.server(), GetUser { user_id }).await.unwrap()
}

#[tokio::test]
async fn t037_an_account_is_erased_a_day_after_its_owner_asked_for_it() {
    with_accounts(async |test| {
        let session = sign_up(&test.hall, "Ana").await;
        let (cx, ana) = (call(&test.hall, &session).await, session.user.id);
        assert_eq!(code(delete_me(&cx, DeleteMe::default()).await), "invalid");
        let wrong = DeleteMe { password: Some("wrong password".into()) };
        assert_eq!(code(delete_me(&cx, wrong).await), "bad_credentials");

        let listener = Listener::of(&test.hall, ana);
        let on = test.clock.now() + DAY;
        assert_eq!(delete_me(&cx, with_password()).await.unwrap().delete_after, Some(on));
        assert_eq!(listener.account().unwrap().delete_after, Some(on));
        let letter = test.mailer.next_that(|letter| letter.subject.contains("erased")).await;
        assert!(letter.to == "Ana@example.org" && letter.text.contains(&on.to_string()), "{letter:?}");
        test.clock.advance(HOUR);
        assert_eq!(
            delete_me(&cx, with_password()).await.unwrap().delete_after,
            Some(on),
            "asking again delays nothing"
        );
        assert_eq!(listener.account(), None, "and is no change");
        let again = try_sign_in(&test.hall, "10.0.0.1", "Ana", PASSWORD).await.unwrap();
        assert_eq!(again.delete_after, Some(on), "who signs in is told");

        test.clock.advance(DAY - HOUR - Duration::from_micros(1));
        sweep(test).await;
        assert!(!user(test, ana).await.is_erased);
        test.clock.advance(Duration::from_micros(1));
        sweep(test).await;
        assert!(user(test, ana).await.is_erased);
    })
    .await;
}

#[tokio::test]
async fn an_erasure_is_called_off_in_time() {
    with_accounts(async |test| {
        let session = sign_up(&test.hall, "Ana").await;
        let cx = call(&test.hall, &session).await;
        delete_me(&cx, with_password()).await.unwrap();
        test.restart().await;
        let cx = sign_in(&test.hall, "Ana").await;
        assert_eq!(cancel_deletion(&cx, CancelDeletion {}).await.unwrap().delete_after, None);
        test.clock.advance(DAY * 2);
        sweep(test).await;
        assert!(!user(test, session.user.id).await.is_erased);
        assert_eq!(code(try_sign_in(&test.hall, "10.0.0.1", "Ana", PASSWORD).await), "ok");
    })
    .await;
}

#[tokio::test]
async fn nothing_personal_is_left_of_an_erased_account_and_no_way_in() {
    with_accounts(async |test| {
        let session = sign_up(&test.hall, "Ana").await;
        let (cx, ana) = (call(&test.hall, &session).await, session.user.id);
        let password = Some(PASSWORD.to_owned());
        accounts::rename(&cx, Rename { name: "Anabel".into(), password }).await.unwrap();
        let extra = PutExtra {
            user_id: ana,
            key: "k".into(),
            value: json!(1),
            audience: None,
            if_version: None,
            reason: None,
        };
        accounts::put_extra(&cx, extra).await.unwrap();
        let staff = test.call(ana, &[accounts::KEYS, accounts::HOST]);
        let bot =
            accounts::create_bot(&staff, CreateBot { name: "Bot Anna".into(), reason: "for a test".into() })
                .await
                .unwrap()
                .id;
        let mut keys = Vec::new();
        for user_id in [ana, bot] {
            let input = CreateKey {
                reason: Some("for a test".into()),
                user_id: Some(user_id),
                name: "k".into(),
                kind: None,
                scopes: vec![],
                expires_at: None,
            };
            keys.push(accounts::create_key(&staff, input).await.unwrap().secret);
        }
        let grant =
            GrantRole { user_id: ana, role: "moderator".into(), ends_at: None, reason: "trusted".into() };
        accounts::grant_role(&test.server(), grant).await.unwrap();
        accounts::create_sign_in_code(&cx, CreateSignInCode { kind: None }).await.unwrap();
        accounts::request_email_verification(&cx, RequestEmailVerification {}).await.unwrap();
        assert_eq!(accounts::summary(&test.server(), ana).await.unwrap().name, "Anabel");
        let hide = UpdatePresence { visibility: Some(Visibility::Invisible), ..UpdatePresence::default() };
        connections::update_presence(&cx, hide).await.unwrap();
        let everywhere = [
            "api_keys",
            "email_codes",
            "former_names",
            "grants",
            "invisible_users",
            "known_networks",
            "letters",
            "name_claims",
            "sessions",
            "sign_in_codes",
            "user_extra",
            "user_traces",
        ];
        assert_eq!(traces(test, ana).await, everywhere, "a table that is new here needs a word in `erase`");
        delete_me(&cx, with_password()).await.unwrap();
        test.clock.advance(DAY);
        sweep(test).await;

        assert_eq!(traces(test, ana).await, ["name_claims"], "the name is held");
        let left = user(test, ana).await;
        let record = left.record.unwrap();
        assert_eq!((left.name.as_str(), left.is_erased, left.id), ("deleted user", true, ana));
        assert_eq!((record.email, record.has_password, record.renamed_at), (None, false, None));
        assert!(record.roles.is_empty() && record.delete_after.is_none());
        assert_eq!(accounts::summary(&test.server(), ana).await.unwrap().name, "deleted user");
        assert!(user(test, bot).await.is_erased, "the bots of the user go, too");
        let names = ListNames { user_id: ana, limit: None, cursor: None };
        assert!(accounts::list_names(&test.server(), names).await.unwrap().items.is_empty());
        let extra = GetExtra { user_id: ana, key: "k".into() };
        assert_eq!(code(accounts::get_extra(&test.server(), extra).await), "not_found");
        let found = ListUsers { name_like: Some("ana".into()), ..ListUsers::default() };
        assert!(accounts::list_users(&test.server(), found).await.unwrap().items.is_empty());

        assert_eq!(identity(&test.hall, &session.access_token).await.unwrap_err().code(), "token_invalid");
        for key in keys {
            let credential = Credential::ApiKey(key);
            let refused = accounts::authenticate(&test.hall, &credential).await;
            assert_eq!(code(refused), "token_invalid");
        }
        for login in ["Ana", "Anabel", "ana@example.org", "deleted user"] {
            assert_eq!(
                code(try_sign_in(&test.hall, "10.0.9.1", login, PASSWORD).await),
                "bad_credentials",
                "{login}"
            );
            test.clock.advance(HOUR);
        }
        let log = audit::list(&test.server(), ListAudit::default()).await.unwrap();
        let erased = log.items.iter().filter(|line| line.action == "accounts.erase").count();
        assert_eq!(erased, 2);
    })
    .await;
}

#[tokio::test]
async fn the_address_of_an_erased_account_is_free_at_once_and_its_name_after_thirty_days() {
    with_accounts(async |test| {
        let session = sign_up(&test.hall, "Ana").await;
        delete_me(&call(&test.hall, &session).await, with_password()).await.unwrap();
        test.clock.advance(DAY);
        sweep(test).await;
        let again = async |name: &str| {
            let input = SignUp {
                name: name.into(),
                email: "ana@example.org".into(),
                password: PASSWORD.into(),
                kind: None,
                device_id: None,
            };
            accounts::sign_up(&from(&test.hall, "10.0.0.1"), input).await
        };
        assert_eq!(code(again("Ana").await), "name_taken");
        test.clock.advance(DAY * 30 - Duration::from_micros(1));
        assert_eq!(code(again("Ana").await), "name_taken");
        test.clock.advance(Duration::from_micros(1));
        assert_ne!(again("Ana").await.unwrap().user.id, session.user.id);
        assert_eq!(code(again("Ben").await), "email_taken");
    })
    .await;
}

#[tokio::test]
async fn a_guest_signs_in_afresh_to_be_erased_and_a_key_cannot_ask_for_it() {
    with_accounts(async |test| {
        let guest = sign_up_guest(&test.hall).await;
        test.clock.advance(FRESH + Duration::from_micros(1));
        let refreshed = moothall_protocol::accounts::Refresh { refresh_token: guest.refresh_token.clone() };
        let refreshed = accounts::refresh(&test.nobody(), refreshed).await.unwrap();
        let stale = call(&test.hall, &refreshed).await;
        assert_eq!(code(delete_me(&stale, DeleteMe::default()).await), "fresh_sign_in_needed");
        let secret =
            moothall_protocol::accounts::SignIn { guest_secret: guest.guest_secret, ..Default::default() };
        let fresh = accounts::sign_in(&from(&test.hall, "10.0.0.1"), secret).await.unwrap();
        let cx = call(&test.hall, &fresh).await;
        assert!(delete_me(&cx, DeleteMe::default()).await.unwrap().delete_after.is_some());

        sign_up(&test.hall, "Hugo").await;
        let grant =
            |user_id| GrantRole { user_id, role: "host".into(), ends_at: None, reason: "hosts".into() };
        let host = sign_in(&test.hall, "Hugo").await;
        accounts::grant_role(&test.server(), grant(host.user().unwrap())).await.unwrap();
        let host = host.user();
        let input = CreateKey {
            user_id: host,
            name: "k".into(),
            kind: None,
            scopes: vec![],
            expires_at: None,
            reason: Some("for a test".into()),
        };
        let key = Credential::ApiKey(accounts::create_key(&test.server(), input).await.unwrap().secret);
        let by_key = accounts::authenticate(&test.hall, &key).await.unwrap();
        let cx = Cx::new(&test.hall, crate::Caller::Member(by_key), Origin::default());
        assert_eq!(code(delete_me(&cx, with_password()).await), "session_needed");
    })
    .await;
}

#[tokio::test]
async fn the_last_administrator_stays() {
    with_accounts(async |test| {
        let mut calls = Vec::new();
        for name in ["Ana", "Ben"] {
            let user_id = sign_up(&test.hall, name).await.user.id;
            let grant =
                GrantRole { user_id, role: "administrator".into(), ends_at: None, reason: "both".into() };
            accounts::grant_role(&test.server(), grant).await.unwrap();
            calls.push(sign_in(&test.hall, name).await);
        }
        delete_me(&calls[0], with_password()).await.unwrap();
        assert_eq!(code(delete_me(&calls[1], with_password()).await), "last_administrator");
        cancel_deletion(&calls[0], CancelDeletion {}).await.unwrap();
        assert!(delete_me(&calls[1], with_password()).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn t030_guests_who_did_not_come_back_are_erased_where_the_site_wants_that() {
    with_settings(
        |settings| settings.accounts.guest_idle_days = 30,
        async |test| {
            let idle = sign_up_guest(&test.hall).await.user.id;
            let trusted = sign_up_guest(&test.hall).await.user.id;
            let full = sign_up(&test.hall, "Ana").await.user.id;
            let active = sign_up_guest(&test.hall).await;
            let grant =
                GrantRole { user_id: trusted, role: "host".into(), ends_at: None, reason: "hosts".into() };
            accounts::grant_role(&test.server(), grant).await.unwrap();
            test.clock.advance(DAY * 29);
            let refresh = moothall_protocol::accounts::Refresh { refresh_token: active.refresh_token };
            accounts::refresh(&test.nobody(), refresh).await.unwrap();
            test.clock.advance(DAY - Duration::from_micros(1));
            sweep(test).await;
            assert!(!user(test, idle).await.is_erased);
            test.clock.advance(Duration::from_micros(1));
            sweep(test).await;
            for (id, is_erased) in [(idle, true), (trusted, false), (full, false), (active.user.id, false)] {
                assert_eq!(user(test, id).await.is_erased, is_erased);
            }
        },
    )
    .await;
}

#[tokio::test]
async fn guests_stay_for_good_where_the_site_does_not_say_otherwise() {
    with_accounts(async |test| {
        let guest = sign_up_guest(&test.hall).await;
        test.clock.advance(DAY * 3_000);
        sweep(test).await;
        assert!(!user(test, guest.user.id).await.is_erased);
        let secret =
            moothall_protocol::accounts::SignIn { guest_secret: guest.guest_secret, ..Default::default() };
        let cx = call(&test.hall, &accounts::sign_in(&test.nobody(), secret).await.unwrap()).await;
        assert_eq!(accounts::me(&cx, GetMe {}).await.unwrap().id, guest.user.id);
    })
    .await;
}

#[tokio::test]
async fn staff_has_an_account_erased_unless_its_owner_calls_it_off_or_may_do_more() {
    with_accounts(async |test| {
        let (ana, ben) = (sign_up(&test.hall, "Ana").await.user.id, sign_up(&test.hall, "Ben").await.user.id);
        let staff = test.call(test.user("Mo").await, &[EDIT]);
        let delete = |user_id| DeleteUser { user_id, reason: "left the club".into() };
        assert_eq!(code(delete_user(&test.call(ana, &[]), delete(ben)).await), "forbidden");
        assert_eq!(code(delete_user(&test.server(), delete(SYSTEM)).await), "not_found");
        for user in [ana, ben] {
            let on = delete_user(&staff, delete(user)).await.unwrap().record.unwrap().delete_after;
            assert_eq!(on, Some(test.clock.now() + DAY));
        }
        test.mailer.next_that(|letter| letter.to == "Ben@example.org").await;
        cancel_deletion(&sign_in(&test.hall, "Ben").await, CancelDeletion {}).await.unwrap();
        test.clock.advance(DAY);
        sweep(test).await;
        assert!(user(test, ana).await.is_erased && !user(test, ben).await.is_erased);
        assert_eq!(code(delete_user(&staff, delete(ana)).await), "not_found");

        let grant =
            GrantRole { user_id: ben, role: "administrator".into(), ends_at: None, reason: "all".into() };
        accounts::grant_role(&test.server(), grant).await.unwrap();
        assert_eq!(code(delete_user(&staff, delete(ben)).await), "beyond_own_permissions");
        assert_eq!(code(delete_user(&test.server(), delete(ben)).await), "last_administrator");
        let log = audit::list(&test.server(), ListAudit::default()).await.unwrap();
        let line = log.items.iter().find(|line| line.action == "accounts.delete_user").unwrap();
        assert_eq!(line.reason.as_deref(), Some("left the club"));
    })
    .await;
}

#[tokio::test]
async fn a_session_made_by_a_code_is_no_fresher_than_the_one_that_made_it() {
    with_accounts(async |test| {
        let guest = sign_up_guest(&test.hall).await;
        let cx = call(&test.hall, &guest).await;
        test.clock.advance(FRESH + Duration::from_secs(1));
        let code_made = accounts::create_sign_in_code(&cx, CreateSignInCode { kind: None }).await.unwrap();
        let input = serde_json::from_value(json!({ "code": code_made.code })).unwrap();
        let again = accounts::sign_in_with_code(&test.nobody(), input).await.unwrap();
        let again = call(&test.hall, &again).await;
        assert_eq!(code(delete_me(&again, DeleteMe::default()).await), "fresh_sign_in_needed");
    })
    .await;
}

#[tokio::test]
async fn an_erasure_by_staff_says_so_and_staff_calls_it_off() {
    with_accounts(async |test| {
        let ana = test.user("Ana").await;
        let staff = test.call(test.user("Boss").await, &[EDIT]);
        let delete = DeleteUser { user_id: ana, reason: "spam".into() };
        delete_user(&staff, delete).await.unwrap();
        let letter = test.mailer.next_that(|letter| letter.subject.contains("erased")).await;
        assert!(letter.text.contains("The staff of") && !letter.text.contains("You asked"), "{letter:?}");
        test.clock.advance(HOUR);
        let cancel = CancelUserDeletion { user_id: ana, reason: "a mistake".into() };
        let after = cancel_user_deletion(&staff, cancel.clone()).await.unwrap();
        assert_eq!(after.record.unwrap().delete_after, None);
        assert_eq!(code(cancel_user_deletion(&test.call(ana, &[]), cancel).await), "forbidden");
        let log = audit::list(&test.server(), ListAudit::default()).await.unwrap().items;
        let line = log.first().unwrap();
        assert_eq!(line.action, "accounts.cancel_user_deletion");
        assert_eq!((line.actor_id, line.reason.as_deref()), (staff.user(), Some("a mistake")));
    })
    .await;
}
