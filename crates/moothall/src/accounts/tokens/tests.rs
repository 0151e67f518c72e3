//! Access tokens: read by a library nobody here wrote, refused in every wrong form, and keys that change.

use moothall_protocol::accounts::{GetJwks, Refresh};

use super::*;
use crate::accounts;
use crate::accounts::testing::PASSWORD;
use crate::accounts::testing::{
    call, code, from, identity, sign_up, try_sign_in, with_accounts, with_settings,
};
use crate::testing::TestHall;
use crate::{Clock as _, Fault as _};

async fn code_of(test: &TestHall, token: &str) -> &'static str {
    match identity(&test.hall, token).await {
        Ok(_) => "ok",
        Err(error) => error.code(),
    }
}

async fn published(test: &TestHall) -> Vec<Jwk> {
    jwks(&test.nobody(), GetJwks {}).await.unwrap().keys
}

/// The parts of a token.
fn parts(token: &str) -> [String; 3] {
    let parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

fn json(part: &str) -> serde_json::Value {
    serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
}

fn encoded(value: &serde_json::Value) -> String {
    BASE64URL_NOPAD.encode(value.to_string().as_bytes())
}

#[tokio::test]
async fn a_token_is_a_jwt_that_the_published_key_verifies() {
    with_accounts(async |test| {
        let ana = sign_up(&test.hall, "Ana").await;
        let [header, claims, signature] = parts(&ana.access_token);
        let keys = published(test).await;
        let key = keys.first().unwrap();
        assert_eq!(json(&header), serde_json::json!({ "alg": "EdDSA", "typ": "JWT", "kid": key.kid }));
        assert_eq!((key.kty.as_str(), key.crv.as_str(), key.alg.as_str()), ("OKP", "Ed25519", "EdDSA"));
        let now = test.clock.now().as_seconds();
        assert_eq!(
            json(&claims),
            serde_json::json!({
                "iss": "moothall", "sub": ana.user.id, "sid": ana.session_id, "kind": "game",
                "iat": now, "exp": now + 600,
            })
        );
        let public = BASE64URL_NOPAD.decode(key.x.as_bytes()).unwrap();
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
        let signed = format!("{header}.{claims}");
        UnparsedPublicKey::new(&ED25519, public).verify(signed.as_bytes(), &signature).unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_token_is_good_for_ten_minutes_and_not_a_microsecond_longer() {
    with_accounts(async |test| {
        let ana = sign_up(&test.hall, "Ana").await;
        test.clock.advance(ana.expires_at.since(test.clock.now()) - Duration::from_micros(1));
        assert_eq!(code_of(test, &ana.access_token).await, "ok");
        test.clock.advance(Duration::from_micros(1));
        assert_eq!(
            code_of(test, &ana.access_token).await,
            "token_invalid",
            "though it was known a moment ago"
        );
    })
    .await;
}

#[tokio::test]
async fn nothing_a_token_says_of_itself_is_believed() {
    with_accounts(async |test| {
        let (ana, ben) = (sign_up(&test.hall, "Ana").await, sign_up(&test.hall, "Ben").await);
        let [header, claims, signature] = parts(&ana.access_token);
        let [_, bens_claims, bens_signature] = parts(&ben.access_token);
        let kid = json(&header)["kid"].clone();
        let none = encoded(&serde_json::json!({ "alg": "none", "typ": "JWT", "kid": kid }));
        let symmetric = encoded(&serde_json::json!({ "alg": "HS256", "typ": "JWT", "kid": kid }));
        let mut later = json(&claims);
        later["exp"] = serde_json::json!(i64::MAX);
        for forged in [
            format!("{none}.{claims}."),
            format!("{none}.{claims}.{signature}"),
            format!("{symmetric}.{claims}.{signature}"),
            format!("{header}.{bens_claims}.{signature}"),
            format!("{header}.{claims}.{bens_signature}"),
            format!("{header}.{}.{signature}", encoded(&later)),
            format!("{header}.{claims}"),
            format!("{header}.{claims}.{signature}."),
            format!(".{claims}.{signature}"),
            String::new(),
            "..".to_owned(),
            "a".repeat(4_096),
        ] {
            assert_eq!(code_of(test, &forged).await, "token_invalid", "{forged}");
        }
        assert_eq!(code_of(test, &ana.access_token).await, "ok");
    })
    .await;
}

#[tokio::test]
async fn a_token_of_another_issuer_is_refused_though_the_key_is_ours() {
    with_accounts(async |test| {
        let ana = sign_up(&test.hall, "Ana").await;
        test.change_settings(|settings| settings.accounts.issuer = "elsewhere".to_owned()).await;
        assert_eq!(code_of(test, &ana.access_token).await, "token_invalid");
    })
    .await;
}

#[tokio::test]
async fn tokens_outlive_a_restart_and_the_server_that_made_them() {
    with_accounts(async |test| {
        let ana = sign_up(&test.hall, "Ana").await;
        let before = published(test).await;
        test.restart().await;
        assert_eq!(published(test).await, before);
        assert_eq!(code_of(test, &ana.access_token).await, "ok");
    })
    .await;
}

#[tokio::test]
async fn a_new_key_signs_after_its_time_and_the_old_one_is_published_until_its_last_token_is_over() {
    with_settings(
        |settings| settings.accounts.signing_key_days = 1,
        async |test| {
            let day = Duration::from_secs(24 * 3600);
            sign_up(&test.hall, "Ana").await;
            let first = published(test).await;
            test.clock.advance(day - Duration::from_micros(1));
            accounts::sweep(&test.server()).await.unwrap();
            assert_eq!(published(test).await, first, "its time is not over");
            let last_of_old = try_sign_in(&test.hall, "10.0.0.1", "Ana", PASSWORD).await.unwrap();

            test.clock.advance(Duration::from_micros(1));
            accounts::sweep(&test.server()).await.unwrap();
            let both = published(test).await;
            assert_eq!(both.len(), 2);
            assert_eq!(both.last(), first.first(), "the one that signs stands first");
            let of_new = try_sign_in(&test.hall, "10.0.0.1", "Ana", PASSWORD).await.unwrap();
            let [header, ..] = parts(&of_new.access_token);
            assert_eq!(json(&header)["kid"], both.first().unwrap().kid.as_str());
            assert_eq!(code_of(test, &last_of_old.access_token).await, "ok");

            test.clock.advance(Duration::from_secs(600) + OVERLAP);
            accounts::sweep(&test.server()).await.unwrap();
            assert_eq!(published(test).await, both.get(..1).unwrap());
            assert_eq!(code_of(test, &last_of_old.access_token).await, "token_invalid");
        },
    )
    .await;
}

#[tokio::test]
async fn a_key_made_by_another_node_is_learned_when_its_first_token_comes() {
    with_accounts(async |test| {
        let ana = sign_up(&test.hall, "Ana").await;
        let cx = call(&test.hall, &ana).await;
        let other = Keyring::default();
        let server = test.server();
        let key = server.write(|tx| {
            let key =
                StoredKey { created_at: tx.now() + Duration::from_micros(1), ..StoredKey::make(tx.cx())? };
            store::insert(tx, &key)?;
            Ok::<_, Error>(key)
        });
        let id = key.await.unwrap().id;
        other.reload(&server).await.unwrap();
        let (token, _) = other.sign(&cx, ana.user.id, ana.session_id, SessionKind::Game).unwrap();
        assert!(!test.hall.accounts().keyring.knows(&token));
        assert_eq!(code_of(test, &token).await, "ok");
        assert_eq!(published(test).await.first().unwrap().kid, id);
    })
    .await;
}

#[tokio::test]
async fn keys_that_got_out_are_taken_back_here_and_in_other_processes() {
    with_accounts(async |test| {
        let ana = sign_up(&test.hall, "Ana").await;
        let first = published(test).await;
        let beside = test.beside().await;
        let because = || RotateSigningKeys { reason: "a backup was lost".into() };
        let as_ana = call(&test.hall, &ana).await;
        assert_eq!(code(rotate_signing_keys(&as_ana, because()).await), "forbidden");

        rotate_signing_keys(&Cx::server(&beside), because()).await.unwrap();
        for _ in 0..100 {
            if published(test).await != first {
                break;
            }
            test.clock.advance(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let second = published(test).await;
        assert_eq!(second.len(), 1, "the old one is gone");
        assert_ne!(second, first);
        assert_eq!(code_of(test, &ana.access_token).await, "token_invalid");
        let input = Refresh { refresh_token: ana.refresh_token };
        let again = accounts::refresh(&from(&test.hall, "10.0.0.1"), input).await.unwrap();
        assert_eq!(code_of(test, &again.access_token).await, "ok", "the session lives on");
    })
    .await;
}
