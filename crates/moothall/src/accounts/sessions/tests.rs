//! Refresh tokens that take turns, and sessions that end.

use std::collections::HashSet;

use moothall_protocol::accounts::{Session, SignIn};
use moothall_protocol::audit::ListAudit;

use super::*;
use crate::accounts;
use crate::accounts::testing::{
    PASSWORD, call, code, from, identity, sign_up, try_sign_in, with_accounts, with_settings,
};
use crate::testing::TestHall;
use crate::{Clock as _, Hall};

async fn turn(hall: &Hall, refresh_token: &str) -> Result<SignedIn, Error> {
    refresh(&from(hall, "10.0.0.1"), Refresh { refresh_token: refresh_token.to_owned() }).await
}

async fn sessions_of(cx: &Cx) -> Vec<Session> {
    list_sessions(cx, ListSessions { user_id: None }).await.unwrap().items
}

/// What the log says happened, newest first.
async fn log_of(test: &TestHall) -> Vec<String> {
    let lines = audit::list(&test.server(), ListAudit::default()).await.unwrap().items;
    lines.into_iter().map(|line| line.action).collect()
}

#[tokio::test]
async fn a_session_lives_as_long_as_it_is_refreshed_and_its_tokens_change_every_time() {
    with_accounts(async |test| {
        let mut ana = sign_up(&test.hall, "Ana").await;
        let first = ana.session_id;
        let mut seen = HashSet::new();
        for _ in 0..5 {
            assert!(seen.insert(ana.refresh_token.clone()) && seen.insert(ana.access_token.clone()));
            assert_eq!(ana.refresh_expires_at, test.clock.now() + lifetime(&test.server()));
            test.clock.advance(lifetime(&test.server()) - Duration::from_secs(1));
            ana = turn(&test.hall, &ana.refresh_token).await.unwrap();
            assert_eq!((ana.session_id, ana.user.name.as_str()), (first, "Ana"));
            assert_eq!(identity(&test.hall, &ana.access_token).await.unwrap().session_id, first);
        }
        test.clock.advance(lifetime(&test.server()));
        assert_eq!(code(turn(&test.hall, &ana.refresh_token).await), "token_invalid", "to the microsecond");
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_got_lost_is_given_again_within_thirty_seconds() {
    with_accounts(async |test| {
        let ana = sign_up(&test.hall, "Ana").await;
        let next = turn(&test.hall, &ana.refresh_token).await.unwrap();
        test.clock.advance(Duration::from_secs(limits::REFRESH_RETRY_SECONDS as u64));
        test.restart().await;
        // The restart takes a millisecond: the clock stands a little past the retry, so a fresh turn shows the window.
        let retried = turn(&test.hall, &next.refresh_token).await.unwrap();
        test.clock.advance(RETRY);
        let again = turn(&test.hall, &next.refresh_token).await.unwrap();
        assert_eq!(
            again.refresh_token, retried.refresh_token,
            "the same successor, however often it is asked for"
        );
        assert_eq!(again.session_id, ana.session_id);
        let last = turn(&test.hall, &again.refresh_token).await.unwrap();
        assert!(identity(&test.hall, &last.access_token).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn two_who_refresh_at_once_get_the_same_next_token() {
    with_accounts(async |test| {
        let ana = sign_up(&test.hall, "Ana").await;
        let both = futures_util::future::join_all((0..8).map(|_| turn(&test.hall, &ana.refresh_token))).await;
        let next: HashSet<String> = both.into_iter().map(|answer| answer.unwrap().refresh_token).collect();
        assert_eq!(next.len(), 1, "nobody is signed out because two tabs woke up at once");
    })
    .await;
}

#[tokio::test]
async fn a_used_token_that_comes_back_ends_the_session_and_only_that() {
    with_accounts(async |test| {
        let stolen = sign_up(&test.hall, "Ana").await;
        let other = try_sign_in(&test.hall, "10.0.0.1", "Ana", PASSWORD).await.unwrap();
        let newest = turn(&test.hall, &stolen.refresh_token).await.unwrap();
        test.clock.advance(RETRY + Duration::from_micros(1));
        assert_eq!(code(turn(&test.hall, &stolen.refresh_token).await), "token_invalid");
        assert_eq!(
            code(turn(&test.hall, &newest.refresh_token).await),
            "token_invalid",
            "the family is gone"
        );
        assert_eq!(code(identity(&test.hall, &newest.access_token).await), "token_invalid");
        assert!(identity(&test.hall, &other.access_token).await.is_ok(), "the other device stays");
        assert_eq!(log_of(test).await.first().map(String::as_str), Some("accounts.refresh_token_reused"));
    })
    .await;
}

#[tokio::test]
async fn a_token_from_two_turns_ago_is_a_copy_however_soon_it_comes() {
    with_accounts(async |test| {
        let first = sign_up(&test.hall, "Ana").await;
        let second = turn(&test.hall, &first.refresh_token).await.unwrap();
        let third = turn(&test.hall, &second.refresh_token).await.unwrap();
        assert_eq!(code(turn(&test.hall, &first.refresh_token).await), "token_invalid");
        assert_eq!(code(turn(&test.hall, &third.refresh_token).await), "token_invalid");
    })
    .await;
}

#[tokio::test]
async fn b03_a_token_that_was_made_up_does_nothing_to_the_session_it_names() {
    with_accounts(async |test| {
        let ana = sign_up(&test.hall, "Ana").await;
        let made_up = RefreshToken::new(test.hall.random(), ana.session_id);
        let good = RefreshToken::parse(&ana.refresh_token).unwrap();
        let nobodys = RefreshToken { session: test.server().new_id(), ..good };
        for token in [made_up.text(), nobodys.text(), String::new(), "mhr_".to_owned(), "mhr_AAAA".to_owned()]
        {
            assert_eq!(code(turn(&test.hall, &token).await), "token_invalid", "{token:?}");
        }
        assert!(turn(&test.hall, &ana.refresh_token).await.is_ok(), "its owner did not notice");
        assert!(!log_of(test).await.contains(&"accounts.refresh_token_reused".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn t045_t048_one_sees_where_one_is_signed_in_and_ends_it() {
    with_accounts(async |test| {
        let (ana, ben) = (sign_up(&test.hall, "Ana").await, sign_up(&test.hall, "Ben").await);
        let cx = call(&test.hall, &ana).await;
        test.clock.advance(Duration::from_secs(5));
        let origin = crate::Origin {
            address: Some("2001:db8:12:34::1".parse().unwrap()),
            agent: Some(format!("Client\u{7} 1.0{}", "x".repeat(limits::AGENT_LENGTH_MAX))),
            ..Default::default()
        };
        let input = SignIn {
            login: Some("Ana".to_owned()),
            password: Some(PASSWORD.to_owned()),
            kind: Some(SessionKind::Web),
            ..SignIn::default()
        };
        let nobody = Cx::new(&test.hall, crate::Caller::Nobody, origin);
        let web = sign_in(&nobody, input).await.unwrap();
        let listed = sessions_of(&cx).await;
        let of = |session: &Session| (session.id, session.kind, session.place.clone(), session.is_current);
        assert_eq!(
            listed.iter().map(of).collect::<Vec<_>>(),
            [
                (web.session_id, SessionKind::Web, Some("2001:db8:12::/48".to_owned()), false),
                (ana.session_id, SessionKind::Game, Some("10.0.0.0/24".to_owned()), true),
            ],
            "the one seen last first, and never the address itself"
        );
        let agent = listed.first().unwrap().agent.as_deref().unwrap();
        assert!(agent.starts_with("Client 1.0xxx"), "{agent}");
        assert_eq!(agent.chars().count(), limits::AGENT_LENGTH_MAX);

        let end = |session_id| RevokeSession { session_id };
        let as_ben = call(&test.hall, &ben).await;
        assert_eq!(code(revoke_session(&as_ben, end(web.session_id)).await), "not_found");
        revoke_session(&cx, end(web.session_id)).await.unwrap();
        assert_eq!(code(revoke_session(&cx, end(web.session_id)).await), "not_found");
        assert_eq!(code(identity(&test.hall, &web.access_token).await), "token_invalid");
        assert_eq!(code(turn(&test.hall, &web.refresh_token).await), "token_invalid");
        assert_eq!(sessions_of(&cx).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn b23_all_others_or_all_are_ended_and_nothing_remembers_them() {
    with_accounts(async |test| {
        let ana = sign_up(&test.hall, "Ana").await;
        let mut others = Vec::new();
        for _ in 0..3 {
            others.push(try_sign_in(&test.hall, "10.0.0.1", "Ana", PASSWORD).await.unwrap());
        }
        let cx = call(&test.hall, &ana).await;
        for other in &others {
            assert!(identity(&test.hall, &other.access_token).await.is_ok(), "remembered from now on");
        }
        let ended = revoke_sessions(&cx, RevokeSessions { including_current: None }).await.unwrap();
        assert_eq!(ended.count, 3);
        for other in &others {
            assert_eq!(code(identity(&test.hall, &other.access_token).await), "token_invalid");
        }
        assert!(identity(&test.hall, &ana.access_token).await.is_ok());
        let ended = revoke_sessions(&cx, RevokeSessions { including_current: Some(true) }).await.unwrap();
        assert_eq!(ended.count, 1);
        assert_eq!(code(identity(&test.hall, &ana.access_token).await), "token_invalid");
        assert_eq!(code(turn(&test.hall, &ana.refresh_token).await), "token_invalid");
    })
    .await;
}

#[tokio::test]
async fn who_signs_out_is_out() {
    with_accounts(async |test| {
        let ana = sign_up(&test.hall, "Ana").await;
        sign_out(&call(&test.hall, &ana).await, SignOut {}).await.unwrap();
        assert_eq!(code(identity(&test.hall, &ana.access_token).await), "token_invalid");
        assert_eq!(code(turn(&test.hall, &ana.refresh_token).await), "token_invalid");
    })
    .await;
}

#[tokio::test]
async fn staff_sees_and_ends_the_sessions_of_others_and_it_is_in_the_log() {
    with_accounts(async |test| {
        let (ana, ben) = (sign_up(&test.hall, "Ana").await, sign_up(&test.hall, "Ben").await);
        let theirs = ListSessions { user_id: Some(ana.user.id) };
        let end = RevokeUserSessions { user_id: ana.user.id, reason: "stolen".to_owned() };
        let player = call(&test.hall, &ben).await;
        assert_eq!(code(list_sessions(&player, theirs.clone()).await), "forbidden");
        assert_eq!(code(revoke_user_sessions(&player, end.clone()).await), "forbidden");
        let staff = test.call(ben.user.id, &[SESSIONS]);
        let listed = list_sessions(&staff, theirs).await.unwrap().items;
        assert_eq!(listed.iter().map(|session| session.is_current).collect::<Vec<_>>(), [false]);
        assert_eq!(revoke_user_sessions(&staff, end.clone()).await.unwrap().count, 1);
        assert_eq!(revoke_user_sessions(&staff, end).await.unwrap().count, 0);
        let nobody = RevokeUserSessions { user_id: staff.new_id(), reason: "who?".to_owned() };
        assert_eq!(code(revoke_user_sessions(&staff, nobody).await), "not_found");
        assert_eq!(code(identity(&test.hall, &ana.access_token).await), "token_invalid");
        let line = audit::list(&test.server(), ListAudit::default()).await.unwrap().items.remove(0);
        assert_eq!(
            (line.action.as_str(), line.actor_id),
            ("accounts.revoke_user_sessions", Some(ben.user.id))
        );
    })
    .await;
}

#[tokio::test]
async fn who_signs_in_too_often_loses_the_session_not_seen_for_longest() {
    with_accounts(async |test| {
        let ana = sign_up(&test.hall, "Ana").await;
        let mut newest = ana.clone();
        for _ in 0..limits::SESSIONS_SIGNED_IN_MAX {
            test.clock.advance(Duration::from_secs(1));
            newest = try_sign_in(&test.hall, "10.0.0.1", "Ana", PASSWORD).await.unwrap();
        }
        let listed = sessions_of(&call(&test.hall, &newest).await).await;
        assert_eq!(listed.len(), limits::SESSIONS_SIGNED_IN_MAX);
        assert!(listed.iter().all(|session| session.id != ana.session_id));
        assert_eq!(code(identity(&test.hall, &ana.access_token).await), "token_invalid");
    })
    .await;
}

#[tokio::test]
async fn a_session_that_expired_is_swept_and_one_that_did_not_stays() {
    with_settings(
        |settings| settings.accounts.session_days = 1,
        async |test| {
            let old = sign_up(&test.hall, "Ana").await;
            test.clock.advance(lifetime(&test.server()) - Duration::from_secs(1));
            let young = try_sign_in(&test.hall, "10.0.0.1", "Ana", PASSWORD).await.unwrap();
            test.clock.advance(Duration::from_secs(1));
            accounts::sweep(&test.server()).await.unwrap();
            let listed = sessions_of(&call(&test.hall, &young).await).await;
            assert_eq!(listed.iter().map(|session| session.id).collect::<Vec<_>>(), [young.session_id]);
            assert_eq!(code(turn(&test.hall, &old.refresh_token).await), "token_invalid");
        },
    )
    .await;
}

#[test]
fn the_place_of_an_address_is_its_network() {
    for (address, network) in [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
    ] {
        assert_eq!(place(address.parse().unwrap()), network);
    }
}

#[tokio::test]
async fn refreshing_is_counted_for_the_session_and_a_wrong_token_for_its_network() {
    with_accounts(async |test| {
        let burst = test.hall.rates().budget(Rate::SignIn).burst;
        let mut ana = sign_up(&test.hall, "Ana").await;
        let ben = sign_up(&test.hall, "Ben").await;
        for _ in 0..burst {
            ana = turn(&test.hall, &ana.refresh_token).await.unwrap();
        }
        assert_eq!(code(turn(&test.hall, &ana.refresh_token).await), "rate_limited");
        assert_eq!(code(turn(&test.hall, &ben.refresh_token).await), "ok", "behind the same network");
        for _ in 0..burst {
            assert_eq!(code(turn(&test.hall, "mhr_made_up").await), "token_invalid");
        }
        assert_eq!(code(turn(&test.hall, "mhr_made_up").await), "rate_limited");
        test.clock.advance(Duration::from_secs(2));
        assert_eq!(code(turn(&test.hall, &ana.refresh_token).await), "ok");
    })
    .await;
}
