//! What is remembered of callers is never older than the last change.

use super::*;
use crate::Clock as _;
use crate::accounts::testing::{call, code, from, identity, sign_up, with_accounts};
use crate::accounts::{self, revoke_user_sessions, sessions};
use crate::testing::TestHall;
use moothall_protocol::accounts::{GrantRole, ListSessions, Refresh, RevokeUserSessions, SignedIn};

/// Whether an identity comes from memory: the database is asked for nothing then.
fn remembers(test: &TestHall, session: SessionId) -> bool {
    identity_kept(&test.hall, session).is_some()
}

fn moderating(user_id: UserId) -> GrantRole {
    GrantRole { user_id, role: "moderator".to_owned(), ends_at: None, reason: "trusted".to_owned() }
}

async fn seen_at(test: &TestHall, ana: &SignedIn) -> Timestamp {
    let input = ListSessions { user_id: Some(ana.user.id) };
    let listed = accounts::list_sessions(&test.server(), input).await.unwrap().items;
    listed.first().unwrap().last_seen_at
}

#[tokio::test]
async fn a_caller_is_remembered_until_something_about_them_changes() {
    with_accounts(async |test| {
        let (ana, ben) = (sign_up(&test.hall, "Ana").await, sign_up(&test.hall, "Ben").await);
        for who in [&ana, &ben] {
            assert!(!remembers(test, who.session_id));
            identity(&test.hall, &who.access_token).await.unwrap();
            assert!(remembers(test, who.session_id));
        }
        accounts::grant_role(&test.server(), moderating(ana.user.id)).await.unwrap();
        assert!(!remembers(test, ana.session_id));
        assert!(identity(&test.hall, &ana.access_token).await.unwrap().permissions.allow(accounts::SESSIONS));
        let change = moothall_protocol::accounts::UpdateRole {
            reason: "for a test".into(),
            name: "moderator".to_owned(),
            about: Some("Others".to_owned()),
            permissions: None,
            if_version: None,
        };
        accounts::update_role(&test.server(), change).await.unwrap();
        assert!(!remembers(test, ana.session_id) && !remembers(test, ben.session_id), "a role is anybody's");
    })
    .await;
}

#[tokio::test]
async fn what_a_token_proves_is_known_from_its_making_and_lets_nobody_in_whose_session_is_not_there() {
    with_accounts(async |test| {
        let is_known =
            |token: &str| test.hall.accounts().identities.proofs.contains_key(&digest("token", token));
        let ana = sign_up(&test.hall, "Ana").await;
        assert!(is_known(&ana.access_token));
        assert_eq!(identity(&test.hall, &ana.access_token).await.unwrap().user_id, ana.user.id);
        // Made, and then the session was not opened.
        let cx = test.server();
        let (token, _) = issue_token(&cx, ana.user.id, cx.new_id(), SessionKind::Game).unwrap();
        assert!(is_known(&token));
        assert_eq!(code(identity(&test.hall, &token).await), "token_invalid");
    })
    .await;
}

#[tokio::test]
async fn a_change_by_another_process_counts_within_seconds() {
    with_accounts(async |test| {
        let ana = sign_up(&test.hall, "Ana").await;
        identity(&test.hall, &ana.access_token).await.unwrap();
        // As another process does it: this one hears nothing.
        test.server()
            .write(move |tx| {
                accounts::roles::grant(tx, &moderating(ana.user.id))?;
                Ok::<_, accounts::Error>(())
            })
            .await
            .unwrap();
        test.hall.accounts().identities.entries.get(&ana.session_id).unwrap();
        test.clock.advance(FRESH);
        assert!(identity(&test.hall, &ana.access_token).await.unwrap().permissions.allow(accounts::SESSIONS));
    })
    .await;
}

/// The race the counters are for: an identity is being read while it changes.
#[tokio::test]
async fn what_was_read_before_a_change_is_not_kept_after_it() {
    with_accounts(async |test| {
        let ana = sign_up(&test.hall, "Ana").await;
        let identities = &test.hall.accounts().identities;
        let session = ana.session_id;
        let forgotten = identities.forgotten.load(Ordering::SeqCst);
        let found = test.server().read(move |tx| store::find(tx, session)).await.unwrap().unwrap();
        identities.forget(ana.user.id);
        identities.keep(&found, Duration::ZERO, forgotten);
        assert!(!remembers(test, session));
        let forgotten = identities.forgotten.load(Ordering::SeqCst);
        identities.keep(&found, Duration::ZERO, forgotten);
        assert!(remembers(test, session));
        identities.forget_all();
        assert!(!remembers(test, session));
    })
    .await;
}

#[tokio::test]
async fn b23_nobody_is_let_in_by_memory_after_the_end() {
    with_accounts(async |test| {
        let ana = sign_up(&test.hall, "Ana").await;
        identity(&test.hall, &ana.access_token).await.unwrap();
        assert!(identity_of(&test.hall, ana.session_id).await.is_ok());
        let end = RevokeUserSessions { user_id: ana.user.id, reason: "stolen".to_owned() };
        revoke_user_sessions(&test.server(), end).await.unwrap();
        assert_eq!(code(identity_of(&test.hall, ana.session_id).await), "token_invalid");
        assert_eq!(code(identity(&test.hall, &ana.access_token).await), "token_invalid");
    })
    .await;
}

#[tokio::test]
async fn b23_a_session_that_expires_is_over_though_it_is_remembered() {
    with_accounts(async |test| {
        let ana = sign_up(&test.hall, "Ana").await;
        let end = ana.refresh_expires_at;
        test.clock.advance(end.since(test.clock.now()) - Duration::from_secs(1));
        assert!(identity_of(&test.hall, ana.session_id).await.is_ok());
        assert!(remembers(test, ana.session_id));
        test.clock.advance(Duration::from_secs(1));
        assert_eq!(code(identity_of(&test.hall, ana.session_id).await), "token_invalid");
    })
    .await;
}

#[tokio::test]
async fn when_a_session_was_last_seen_is_known_to_the_minute() {
    with_accounts(async |test| {
        let ana = sign_up(&test.hall, "Ana").await;
        let signed_in_at = test.clock.now();
        test.clock.advance(SEEN - Duration::from_secs(1));
        identity(&test.hall, &ana.access_token).await.unwrap();
        flush_seen(&test.server()).await.unwrap();
        assert_eq!(seen_at(test, &ana).await, signed_in_at, "not yet a minute");
        test.clock.advance(FRESH);
        identity(&test.hall, &ana.access_token).await.unwrap();
        flush_seen(&test.server()).await.unwrap();
        assert_eq!(seen_at(test, &ana).await, test.clock.now());
    })
    .await;
}

#[tokio::test]
async fn what_was_seen_and_not_written_has_a_bound() {
    with_accounts(async |test| {
        let identities = &test.hall.accounts().identities;
        let now = test.clock.now();
        for _ in 0..=SEEN_WAITING_MAX {
            identities.see(test.server().new_id(), now);
        }
        assert_eq!(identities.seen.lock().len(), SEEN_WAITING_MAX);
        flush_seen(&test.server()).await.unwrap();
        assert_eq!(identities.seen.lock().len(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_bearer_is_no_key_and_a_key_no_bearer() {
    with_accounts(async |test| {
        let ana = sign_up(&test.hall, "Ana").await;
        let as_key = Credential::ApiKey(ana.access_token.clone());
        assert_eq!(code(authenticate(&test.hall, &as_key).await), "token_invalid");
        let refresh_token = ana.refresh_token.clone();
        assert_eq!(code(identity(&test.hall, &refresh_token).await), "token_invalid");
        let access = Refresh { refresh_token: ana.access_token.clone() };
        assert_eq!(code(sessions::refresh(&from(&test.hall, "10.0.0.1"), access).await), "token_invalid");
        assert_eq!(call(&test.hall, &ana).await.user(), Some(ana.user.id));
    })
    .await;
}
