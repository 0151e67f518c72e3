//! Keys: what one may do, who may make and end it, and bots.

use std::time::Duration;

use moothall_protocol::accounts::{ChangePassword, GetMe, GrantRole, ListSessions, SessionKind};
use moothall_protocol::audit::ListAudit;

use super::*;
use crate::accounts::testing::{PASSWORD, call, code, sign_in, sign_up, with_accounts};
use crate::accounts::{self, Credential, authenticate};
use crate::testing::TestHall;
use crate::{Clock as _, Identity, Origin};

const HOUR: Duration = Duration::from_secs(3600);

fn making(scopes: &[&str]) -> CreateKey {
    CreateKey {
        reason: Some("for a test".into()),
        user_id: None,
        name: "Autohost".to_owned(),
        kind: None,
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        expires_at: None,
    }
}

async fn show(test: &TestHall, secret: &str) -> Result<std::sync::Arc<Identity>, crate::Error> {
    authenticate(&test.hall, &Credential::ApiKey(secret.to_owned())).await
}

/// Somebody who signs in and may do everything.
async fn administrator(test: &TestHall) -> Cx {
    let boss = sign_up(&test.hall, "Boss").await;
    let grant = GrantRole {
        user_id: boss.user.id,
        role: roles::ADMINISTRATOR.to_owned(),
        ends_at: None,
        reason: "the first".to_owned(),
    };
    accounts::grant_role(&test.server(), grant).await.unwrap();
    call(&test.hall, &boss).await
}

/// Calls as a key.
async fn call_with(test: &TestHall, secret: &str) -> Cx {
    Cx::new(&test.hall, Caller::Member(show(test, secret).await.unwrap()), Origin::default())
}

#[tokio::test]
async fn t043_a_key_is_told_once_known_by_its_form_and_kept_hashed() {
    with_accounts(async |test| {
        let boss = administrator(test).await;
        let made = create_key(&boss, making(&["host"])).await.unwrap();
        let parts: Vec<&str> = made.secret.splitn(4, '_').collect();
        assert_eq!(parts.get(..2), Some(["moothall", "host"].as_slice()));
        assert_eq!(parts.get(2).copied(), Some(made.id.uuid().simple().to_string().as_str()));
        let identity = show(test, &made.secret).await.unwrap();
        assert_eq!((identity.user_id, identity.api_key_id), (boss.user().unwrap(), Some(made.id)));
        assert_eq!(identity.kind, SessionKind::Host);

        let secret = parts.get(3).copied().unwrap();
        let listed = list_keys(&boss, ListKeys { user_id: None }).await.unwrap();
        let log = audit::list(&test.server(), ListAudit::default()).await.unwrap();
        assert!(!serde_json::to_string(&(&listed, &log)).unwrap().contains(secret));
        assert_eq!(listed.items, std::slice::from_ref(&made.key));
        for wrong in [
            made.secret.replace("_host_", "_bot2_"),
            format!("{}x", made.secret),
            made.secret.replace(secret, ""),
            format!("moothall_host_{}_{secret}", test.server().new_id::<ApiKeyId>().uuid().simple()),
            format!("moothall_host_nonsense_{secret}"),
            secret.to_owned(),
            "moothall_host".to_owned(),
            String::new(),
        ] {
            assert_eq!(code(show(test, &wrong).await), "token_invalid", "{wrong}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_key_may_do_what_its_scopes_and_its_user_both_may() {
    with_accounts(async |test| {
        let boss = administrator(test).await;
        let moderator = sign_up(&test.hall, "Petra").await;
        let grant = |role: &str| GrantRole {
            user_id: moderator.user.id,
            role: role.to_owned(),
            ends_at: None,
            reason: "trusted".to_owned(),
        };
        for role in ["moderator", "host"] {
            accounts::grant_role(&boss, grant(role)).await.unwrap();
        }
        let with_keys = test.call(moderator.user.id, &[KEYS, accounts::HOST, accounts::SESSIONS]);
        // A call without a stored session may make keys too: what counts is that it is no key.
        assert_eq!(code(create_key(&with_keys, making(&["accounts.grant"])).await), "beyond_own_permissions");
        assert_eq!(code(create_key(&with_keys, making(&["*"])).await), "beyond_own_permissions");
        assert_eq!(code(create_key(&with_keys, making(&["hots"])).await), "invalid");
        let made = create_key(&with_keys, making(&["host", "accounts.sessions"])).await.unwrap();
        let cx = call_with(test, &made.secret).await;
        assert!(cx.can(accounts::HOST) && cx.can(accounts::SESSIONS) && !cx.can(accounts::SEARCH));
        accounts::revoke_role(
            &boss,
            moothall_protocol::accounts::RevokeRole {
                user_id: moderator.user.id,
                role: "moderator".into(),
                reason: "left".into(),
            },
        )
        .await
        .unwrap();
        let cx = call_with(test, &made.secret).await;
        assert!(
            cx.can(accounts::HOST) && !cx.can(accounts::SESSIONS),
            "a key never outlives what its user may do"
        );
    })
    .await;
}

#[tokio::test]
async fn a_key_has_no_say_over_the_account() {
    with_accounts(async |test| {
        let boss = administrator(test).await;
        let made = create_key(&boss, making(&["*"])).await.unwrap();
        let cx = call_with(test, &made.secret).await;
        assert_eq!(accounts::me(&cx, GetMe {}).await.unwrap().name, "Boss");
        assert_eq!(code(create_key(&cx, making(&["host"])).await), "session_needed");
        let change =
            ChangePassword { password: PASSWORD.to_owned(), new_password: "another good one".to_owned() };
        assert_eq!(code(accounts::change_password(&cx, change).await), "session_needed");
        let code_for = moothall_protocol::accounts::CreateSignInCode { kind: None };
        assert_eq!(code(accounts::create_sign_in_code(&cx, code_for).await), "session_needed");
        let all = moothall_protocol::accounts::RevokeSessions { including_current: Some(true) };
        assert_eq!(code(accounts::revoke_sessions(&cx, all).await), "session_needed");
        assert_eq!(
            code(accounts::sign_out(&cx, moothall_protocol::accounts::SignOut {}).await),
            "session_needed"
        );
        assert_eq!(
            accounts::list_sessions(&boss, ListSessions { user_id: None }).await.unwrap().items.len(),
            1
        );
    })
    .await;
}

#[tokio::test]
async fn a_key_ends_at_once_when_it_is_revoked_and_to_the_microsecond_when_it_expires() {
    with_accounts(async |test| {
        let boss = administrator(test).await;
        let past = CreateKey { expires_at: Some(test.clock.now()), ..making(&[]) };
        assert_eq!(code(create_key(&boss, past).await), "invalid");
        let expires_at = Some(test.clock.now() + HOUR);
        let short = create_key(&boss, CreateKey { expires_at, ..making(&[]) }).await.unwrap();
        let long = create_key(&boss, making(&[])).await.unwrap();
        test.clock.advance(HOUR - Duration::from_micros(1));
        assert!(show(test, &short.secret).await.is_ok() && show(test, &long.secret).await.is_ok());
        test.clock.advance(Duration::from_micros(1));
        assert_eq!(code(show(test, &short.secret).await), "token_invalid");
        test.clock.advance(changes::LINGER);
        accounts::sweep(&test.server()).await.unwrap();
        let boss = sign_in(&test.hall, "Boss").await;
        assert_eq!(list_keys(&boss, ListKeys { user_id: None }).await.unwrap().items.len(), 1);

        revoke_key(&boss, RevokeKey { key_id: long.id, reason: Some("for a test".into()) }).await.unwrap();
        assert_eq!(code(show(test, &long.secret).await), "token_invalid");
        assert_eq!(
            code(revoke_key(&boss, RevokeKey { key_id: long.id, reason: Some("for a test".into()) }).await),
            "not_found"
        );
        let log = audit::list(&test.server(), ListAudit::default()).await.unwrap().items;
        assert_eq!(log.first().map(|line| line.action.as_str()), Some("accounts.revoke_key"));
    })
    .await;
}

#[tokio::test]
async fn keys_are_ones_own_or_a_bots_and_never_another_persons() {
    with_accounts(async |test| {
        let boss = administrator(test).await;
        let ana = sign_up(&test.hall, "Ana").await;
        let as_ana = call(&test.hall, &ana).await;
        assert_eq!(code(create_key(&as_ana, making(&[])).await), "forbidden");
        assert_eq!(
            code(
                create_bot(&as_ana, CreateBot { name: "Helper".to_owned(), reason: "for a test".into() })
                    .await
            ),
            "forbidden"
        );
        let for_ana = CreateKey { user_id: Some(ana.user.id), ..making(&[]) };
        assert_eq!(code(create_key(&boss, for_ana).await), "forbidden", "even an administrator");
        let for_nobody = CreateKey { user_id: Some(boss.new_id()), ..making(&[]) };
        assert_eq!(code(create_key(&boss, for_nobody).await), "not_found");

        let bot = create_bot(&boss, CreateBot { name: "Helper".to_owned(), reason: "for a test".into() })
            .await
            .unwrap();
        assert!(bot.is_bot && !bot.is_guest);
        assert_eq!(
            code(
                create_bot(&boss, CreateBot { name: "HELPER".to_owned(), reason: "for a test".into() }).await
            ),
            "name_taken"
        );
        let for_bot = CreateKey { user_id: Some(bot.id), kind: Some(KeyKind::Bot), ..making(&[]) };
        let made = create_key(&boss, for_bot).await.unwrap();
        let identity = show(test, &made.secret).await.unwrap();
        assert_eq!((identity.user_id, identity.kind), (bot.id, SessionKind::Bot));

        let of_bot = ListKeys { user_id: Some(bot.id) };
        assert_eq!(code(list_keys(&as_ana, of_bot.clone()).await), "forbidden");
        assert_eq!(
            code(revoke_key(&as_ana, RevokeKey { key_id: made.id, reason: Some("for a test".into()) }).await),
            "not_found"
        );
        assert_eq!(list_keys(&boss, of_bot).await.unwrap().items.len(), 1);
        revoke_key(&boss, RevokeKey { key_id: made.id, reason: Some("for a test".into()) }).await.unwrap();
        assert_eq!(code(show(test, &made.secret).await), "token_invalid");
    })
    .await;
}

#[tokio::test]
async fn there_is_an_end_to_the_keys_of_one_user() {
    with_accounts(async |test| {
        let boss = administrator(test).await;
        for _ in 0..limits::KEYS_PER_USER_MAX {
            create_key(&boss, making(&[])).await.unwrap();
        }
        assert_eq!(code(create_key(&boss, making(&[])).await), "too_many_keys");
    })
    .await;
}

#[tokio::test]
async fn when_a_key_was_last_used_is_known_to_the_minute() {
    with_accounts(async |test| {
        let boss = administrator(test).await;
        let made = create_key(&boss, making(&[])).await.unwrap();
        assert_eq!(made.key.last_used_at, None);
        show(test, &made.secret).await.unwrap();
        let used_at = test.clock.now();
        accounts::identities::flush_seen(&test.server()).await.unwrap();
        let listed = list_keys(&boss, ListKeys { user_id: None }).await.unwrap().items;
        assert_eq!(listed.first().unwrap().last_used_at, Some(used_at));
    })
    .await;
}

#[tokio::test]
async fn a_bot_with_its_key_is_made_whole_or_not_at_all() {
    with_accounts(async |test| {
        let server = test.server();
        let bot = || CreateBot { name: "Berlin".into(), reason: "for a test".into() };
        let make = async |role: &str, scope: &str| {
            create_bot_with_key(&server, bot(), role.into(), CreateKey { user_id: None, ..making(&[scope]) })
                .await
        };
        for (role, scope, word) in [("hst", "host", "/role"), ("host", "hst", "/scopes")] {
            let fields = crate::Fault::details(&make(role, scope).await.unwrap_err()).fields.unwrap();
            assert_eq!(fields.first().unwrap().path, word);
            assert!(
                accounts::find_user(&server, "Berlin").await.unwrap().is_none(),
                "nothing is left behind"
            );
        }
        let (user, key) = make("host", "host").await.unwrap();
        assert_eq!((key.key.user_id, user.is_bot), (user.id, true));
    })
    .await;
}

#[tokio::test]
async fn a_key_neither_sees_nor_ends_keys_and_sessions_nor_calls_off_an_erasure() {
    with_accounts(async |test| {
        let boss = administrator(test).await;
        let made = create_key(&boss, making(&["host"])).await.unwrap();
        let by_key = call_with(test, &made.secret).await;
        assert_eq!(code(list_keys(&by_key, ListKeys { user_id: None }).await), "session_needed");
        assert_eq!(
            code(revoke_key(&by_key, RevokeKey { key_id: made.id, reason: Some("for a test".into()) }).await),
            "session_needed"
        );
        let all = ListSessions { user_id: None };
        assert_eq!(code(accounts::list_sessions(&by_key, all).await), "session_needed");
        let cancel = moothall_protocol::accounts::CancelDeletion::default();
        assert_eq!(code(accounts::cancel_deletion(&by_key, cancel).await), "session_needed");
    })
    .await;
}
