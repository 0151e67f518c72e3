//! The first administrator: one token, used once, by one.

use super::*;
use crate::accounts::testing::{
    PASSWORD, call, code, from, sign_up, try_sign_in, with_accounts, with_settings,
};
use crate::accounts::{GRANT, Verification};
use crate::testing::TestHall;

fn claiming(token: &str, name: &str) -> ClaimAdministrator {
    ClaimAdministrator {
        token: token.to_owned(),
        name: name.to_owned(),
        email: Some(format!("{name}@example.org")),
        password: PASSWORD.to_owned(),
    }
}

async fn claim(test: &TestHall, token: &str, name: &str) -> Result<SignedIn, Error> {
    claim_administrator(&from(&test.hall, "10.0.0.1"), claiming(token, name)).await
}

async fn token(test: &TestHall) -> Option<String> {
    bootstrap_token(&test.hall).await.unwrap()
}

#[tokio::test]
async fn the_servers_token_makes_one_administrator_and_then_no_other() {
    with_accounts(async |test| {
        let old = token(test).await.unwrap();
        let new = token(test).await.unwrap();
        assert_eq!(code(claim(test, &old, "Boss").await), "setup_over", "a later token voids it");
        for wrong in ["", "mha_", "mha_AAAA", new.trim_start_matches("mha_")] {
            assert_eq!(code(claim(test, wrong, "Boss").await), "setup_over", "{wrong:?}");
        }
        let boss = claim(test, &new, "Boss").await.unwrap();
        let cx = call(&test.hall, &boss).await;
        assert!(cx.can(GRANT) && cx.can(crate::Permission("of.a.context.to.come")));
        assert_eq!(code(claim(test, &new, "Other").await), "setup_over");
        assert_eq!(token(test).await, None);
        assert!(try_sign_in(&test.hall, "10.0.0.1", "Boss", PASSWORD).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn of_many_who_bring_the_token_at_once_one_becomes_the_administrator() {
    with_accounts(async |test| {
        let token = token(test).await.unwrap();
        let names: Vec<String> = (0..8).map(|number| format!("Boss{number}")).collect();
        let test = &*test;
        let claims = names.iter().map(|name| claim(test, &token, name));
        let codes: Vec<&str> = futures_util::future::join_all(claims).await.into_iter().map(code).collect();
        assert_eq!(codes.iter().filter(|code| **code == "ok").count(), 1, "{codes:?}");
        assert!(codes.iter().all(|code| ["ok", "setup_over"].contains(code)), "{codes:?}");
    })
    .await;
}

#[tokio::test]
async fn a_claim_that_is_refused_leaves_the_token_good() {
    with_accounts(async |test| {
        sign_up(&test.hall, "Ana").await;
        let token = token(test).await.unwrap();
        assert_eq!(code(claim(test, &token, "ana").await), "email_taken");
        let nameless = ClaimAdministrator { email: None, ..claiming(&token, "ana") };
        assert_eq!(code(claim_administrator(&from(&test.hall, "10.0.0.1"), nameless).await), "name_taken");
        assert_eq!(code(claim(test, &token, "\u{202e}nimda").await), "invalid");
        let weak = ClaimAdministrator { password: "password".to_owned(), ..claiming(&token, "Boss") };
        assert_eq!(code(claim_administrator(&from(&test.hall, "10.0.0.1"), weak).await), "invalid");
        assert!(claim(test, &token, "Boss").await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn the_operator_makes_administrators_who_need_no_approval_and_finds_users() {
    with_settings(
        |settings| settings.accounts.verification = Verification::Manual,
        async |test| {
            let ana = test.guest("Ana").await;
            let new = || NewAdministrator { name: "Boss".into(), email: None, password: PASSWORD.into() };
            let player = test.call(ana, &[]);
            assert_eq!(code(create_administrator(&player, new()).await), "forbidden");
            assert_eq!(code(find_user(&player, "Boss").await), "forbidden");
            let server = test.server();
            let made = create_administrator(&server, new()).await.unwrap();
            assert_eq!(token(test).await, None, "there is one now");
            let boss = try_sign_in(&test.hall, "10.0.0.1", "boss", PASSWORD).await.unwrap();
            assert!(call(&test.hall, &boss).await.can(GRANT));
            for text in ["BOSS", &made.id.to_string()] {
                assert_eq!(find_user(&server, text).await.unwrap().as_ref(), Some(&made), "{text}");
            }
            assert_eq!(find_user(&server, "nobody").await.unwrap(), None);
        },
    )
    .await;
}
