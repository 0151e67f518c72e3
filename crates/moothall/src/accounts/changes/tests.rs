//! Sockets and requests after what another process did, and after the end of a session's time.

use moothall_protocol::accounts::{CreateBot, CreateKey, GetMe, RevokeKey, RevokeUserSessions, UpdateUser};

use super::*;
use crate::accounts::testing::{self as people, code, sign_up, with_accounts, with_settings};
use crate::accounts::{self, Credential, Verification};
use crate::snapshot;
use crate::testing::TestHall;
use crate::{Caller, Clock as _, Origin};

/// How many live sessions there are, once the task has looked.
async fn live_after_a_second(test: &TestHall) -> u64 {
    test.clock.advance(INTERVAL);
    let before = connections::live_sessions(&test.hall);
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if connections::live_sessions(&test.hall) != before {
            break;
        }
    }
    connections::live_sessions(&test.hall)
}

async fn socket(cx: &Cx) -> connections::Stream {
    snapshot::open(cx, None).await.unwrap()
}

async fn by_key(test: &TestHall, secret: &str) -> Result<Cx, Error> {
    let credential = Credential::ApiKey(secret.to_owned());
    let identity = accounts::authenticate(&test.hall, &credential).await?;
    Ok(Cx::new(&test.hall, Caller::Member(identity), Origin::default()))
}

fn key(user_id: UserId, expires_at: Option<Timestamp>) -> CreateKey {
    CreateKey {
        user_id: Some(user_id),
        name: "of a test".into(),
        kind: None,
        scopes: Vec::new(),
        expires_at,
        reason: Some("for a test".into()),
    }
}

#[tokio::test]
async fn what_another_process_revokes_is_gone_within_a_second() {
    with_accounts(async |test| {
        let beside = test.beside().await;
        let command = Cx::server(&beside);
        let bot =
            accounts::create_bot(&command, CreateBot { name: "Berlin".into(), reason: "for a test".into() })
                .await
                .unwrap();
        let made = accounts::create_key(&command, key(bot.id, None)).await.unwrap();
        let host = socket(&by_key(test, &made.secret).await.unwrap()).await;
        let ana = sign_up(&test.hall, "Ana").await;
        let other = sign_up(&test.hall, "Ben").await;
        let sockets = [
            socket(&people::call(&test.hall, &ana).await).await,
            socket(&people::call(&test.hall, &other).await).await,
        ];
        assert_eq!(connections::live_sessions(&test.hall), 3);

        accounts::revoke_key(&command, RevokeKey { key_id: made.id, reason: Some("for a test".into()) })
            .await
            .unwrap();
        assert_eq!(live_after_a_second(test).await, 2);
        assert_eq!(code(by_key(test, &made.secret).await), "token_invalid");
        let end = RevokeUserSessions { user_id: ana.user.id, reason: "stolen".into() };
        accounts::revoke_user_sessions(&command, end).await.unwrap();
        assert_eq!(live_after_a_second(test).await, 1);
        assert_eq!(code(people::identity(&test.hall, &ana.access_token).await), "token_invalid");
        assert!(people::identity(&test.hall, &other.access_token).await.is_ok(), "nobody else");
        drop((host, sockets));
        beside.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_another_process_makes_of_an_account_is_shown_within_a_second() {
    with_accounts(async |test| {
        let beside = test.beside().await;
        let ana = sign_up(&test.hall, "Ana").await;
        let cx = people::call(&test.hall, &ana).await;
        let shown = async || accounts::me(&cx, GetMe {}).await.unwrap().name;
        assert_eq!(shown().await, "Ana");
        let rename = serde_json::json!({ "user_id": ana.user.id, "name": "Anabel", "reason": "asked" });
        let rename: UpdateUser = serde_json::from_value(rename).unwrap();
        accounts::update_user(&Cx::server(&beside), rename).await.unwrap();
        test.clock.advance(INTERVAL);
        for _ in 0..100 {
            if shown().await != "Ana" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(shown().await, "Anabel");
        assert_eq!(accounts::summary(&cx, ana.user.id).await.unwrap().name, "Anabel");
    })
    .await;
}

#[tokio::test]
async fn who_may_not_use_the_account_any_more_leaves() {
    let manual = |settings: &mut crate::Settings| settings.accounts.verification = Verification::Manual;
    with_settings(manual, async |test| {
        let ana = test.user("Ana").await;
        let approve = |is_approved| UpdateUser {
            is_approved: Some(is_approved),
            ..serde_json::from_value(serde_json::json!({ "user_id": ana, "reason": "looked at" })).unwrap()
        };
        accounts::update_user(&test.server(), approve(true)).await.unwrap();
        let made = {
            let staff = test.server();
            let bot = accounts::create_bot(
                &staff,
                CreateBot { name: "Berlin".into(), reason: "for a test".into() },
            )
            .await
            .unwrap();
            accounts::create_key(&staff, key(bot.id, None)).await.unwrap()
        };
        let own = accounts::create_key(&test.server(), key(ana, None)).await.unwrap();
        let sockets = [
            socket(&by_key(test, &own.secret).await.unwrap()).await,
            socket(&by_key(test, &made.secret).await.unwrap()).await,
        ];
        assert_eq!(connections::live_sessions(&test.hall), 2);
        accounts::update_user(&test.server(), approve(false)).await.unwrap();
        assert_eq!(code(by_key(test, &own.secret).await), "token_invalid");
        assert_eq!(live_after_a_second(test).await, 1);
        drop(sockets);
    })
    .await;
}

#[tokio::test]
async fn a_session_and_a_key_leave_when_their_time_is_over() {
    with_accounts(async |test| {
        let bot = accounts::create_bot(
            &test.server(),
            CreateBot { name: "Berlin".into(), reason: "for a test".into() },
        )
        .await
        .unwrap();
        let hour = Some(test.clock.now() + Duration::from_secs(3600));
        let short = accounts::create_key(&test.server(), key(bot.id, hour)).await.unwrap();
        let ana = sign_up(&test.hall, "Ana").await;
        let sockets = [
            socket(&by_key(test, &short.secret).await.unwrap()).await,
            socket(&people::call(&test.hall, &ana).await).await,
        ];
        test.clock.advance(Duration::from_secs(3598));
        assert_eq!(live_after_a_second(test).await, 2);
        assert_eq!(live_after_a_second(test).await, 1, "the key");
        test.clock.advance(ana.refresh_expires_at.since(test.clock.now()) - Duration::from_secs(2));
        assert_eq!(live_after_a_second(test).await, 1);
        assert_eq!(live_after_a_second(test).await, 0, "the session");
        drop(sockets);
    })
    .await;
}

#[tokio::test]
async fn a_change_that_shows_late_is_seen_and_one_that_was_seen_is_not_seen_again() {
    with_accounts(async |test| {
        let cx = test.server();
        let user = test.user("Ana").await;
        let mut seen = Seen { changes: BTreeSet::new(), until: test.clock.now() };
        look(&cx, &mut seen).await.unwrap();
        let late = cx.now();
        test.clock.advance(Duration::from_secs(9));
        look(&cx, &mut seen).await.unwrap();
        let before = seen.changes.len();
        // As a transaction leaves it that took nine seconds.
        let id = cx.new_id::<()>().uuid();
        cx.write(move |tx| store::tell_at(tx, id, Some(user), late)).await.unwrap();
        look(&cx, &mut seen).await.unwrap();
        assert_eq!(seen.changes.len(), before + 1);
        test.clock.advance(OVERLAP * 2);
        look(&cx, &mut seen).await.unwrap();
        look(&cx, &mut seen).await.unwrap();
        assert!(seen.changes.is_empty(), "what is remembered does not grow");
        test.clock.advance(KEPT);
        cx.write(sweep).await.unwrap();
        assert_eq!(cx.read(|tx| store::list(tx, (Timestamp::MIN, Uuid::nil()), BATCH)).await.unwrap(), []);
    })
    .await;
}
