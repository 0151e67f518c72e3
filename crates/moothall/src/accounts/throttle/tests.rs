//! Guessing gets slow, for strangers and not for the owner, and costs nobody else anything.

use proptest::prelude::*;

use super::*;
use crate::accounts::testing::{
    PASSWORD, code, sign_up, sign_up_guest, try_sign_in, with_accounts, with_settings,
};
use crate::testing::TestHall;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Guesses wrongly, from an address.
async fn guess(test: &TestHall, address: &str, login: &str) -> &'static str {
    code(try_sign_in(&test.hall, address, login, "not the password").await)
}

async fn enter(test: &TestHall, address: &str) -> &'static str {
    code(try_sign_in(&test.hall, address, "Ana", PASSWORD).await)
}

/// How long somebody at this address has to wait for the next guess.
async fn wait(test: &TestHall, address: &str, login: &str) -> Duration {
    match try_sign_in(&test.hall, address, login, "not the password").await {
        Err(Error::Throttled { retry_after }) => retry_after,
        other => panic!("{:?}", other.map(|_| ())),
    }
}

#[tokio::test]
async fn t033_b20_four_guesses_are_free_then_the_wait_doubles() {
    with_accounts(async |test| {
        sign_up(&test.hall, "Ana").await;
        // Each from another network, so that only the login's own counter is met.
        let mut strangers = (1..).map(|network| format!("198.51.{network}.1"));
        for _ in 0..4 {
            assert_eq!(guess(test, &strangers.next().unwrap(), "Ana").await, "bad_credentials");
        }
        for expected in [1, 2, 4, 8, 16] {
            let stranger = strangers.next().unwrap();
            let retry_after = wait(test, &stranger, "ana").await;
            assert_eq!(retry_after, Duration::from_secs(expected), "whatever the case of the login");
            test.clock.advance(retry_after - Duration::from_micros(1));
            assert_eq!(enter(test, &stranger).await, "sign_in_throttled", "the right password waits as well");
            test.clock.advance(Duration::from_micros(1));
            assert_eq!(guess(test, &stranger, "Ana").await, "bad_credentials");
        }
    })
    .await;
}

#[tokio::test]
async fn b21_a_network_that_guesses_at_many_is_slowed_down_and_others_are_not() {
    with_accounts(async |test| {
        for who in 0..20 {
            assert_eq!(guess(test, "2001:db8:0:1::7", &format!("nobody-{who}")).await, "bad_credentials");
        }
        assert_eq!(wait(test, "2001:db8:0:1::99", "nobody-9").await, Duration::from_secs(10), "one network");
        assert_eq!(guess(test, "2001:db8:0:2::7", "nobody-9").await, "bad_credentials", "another");
    })
    .await;
}

#[tokio::test]
async fn the_owner_is_not_locked_out_where_they_have_been_before() {
    with_accounts(async |test| {
        // Signing up was from 10.0.0.1.
        sign_up(&test.hall, "Ana").await;
        for network in 1..=4 {
            guess(test, &format!("198.51.{network}.1"), "Ana").await;
        }
        assert_eq!(enter(test, "198.51.100.1").await, "sign_in_throttled");
        assert_eq!(enter(test, "10.0.0.1").await, "ok");
        assert_eq!(enter(test, "198.51.100.1").await, "sign_in_throttled", "which gives strangers nothing");
        // At home guesses are counted as well.
        for _ in 0..4 {
            assert_eq!(guess(test, "10.0.0.1", "Ana").await, "bad_credentials");
        }
        assert_eq!(enter(test, "10.0.0.1").await, "sign_in_throttled");
    })
    .await;
}

#[tokio::test]
async fn b20_who_gets_it_right_starts_anew() {
    with_accounts(async |test| {
        sign_up(&test.hall, "Ana").await;
        for _ in 0..3 {
            for _ in 0..3 {
                assert_eq!(guess(test, "10.0.0.1", "Ana").await, "bad_credentials");
            }
            assert_eq!(enter(test, "10.0.0.1").await, "ok");
        }
    })
    .await;
}

#[tokio::test]
async fn an_own_account_does_not_wash_off_guesses_at_others() {
    with_accounts(async |test| {
        sign_up(&test.hall, "Ana").await;
        let away = "203.0.113.7";
        for who in 0..19 {
            assert_eq!(guess(test, away, &format!("nobody-{who}")).await, "bad_credentials");
        }
        assert_eq!(enter(test, away).await, "ok", "the twentieth, and right");
        assert_eq!(guess(test, away, "nobody-19").await, "bad_credentials", "the twentieth that is wrong");
        assert_eq!(code(try_sign_in(&test.hall, away, "nobody-20", "x").await), "sign_in_throttled");
        assert_eq!(enter(test, away).await, "ok", "it is known there now");
    })
    .await;
}

#[tokio::test]
async fn a_thousand_guesses_at_once_count_as_a_thousand() {
    with_accounts(async |test| {
        sign_up(&test.hall, "Ana").await;
        let addresses: Vec<String> = (0..50).map(|network| format!("198.51.{network}.1")).collect();
        let test = &*test;
        let answers =
            futures_util::future::join_all(addresses.iter().map(|from| guess(test, from, "Ana"))).await;
        let looked_at = answers.iter().filter(|code| **code == "bad_credentials").count();
        assert_eq!(looked_at, 4, "{answers:?}");
    })
    .await;
}

#[tokio::test]
async fn thirty_people_behind_one_address_sign_in_at_once() {
    with_accounts(async |test| {
        let names: Vec<String> =
            ('a'..='z').chain('A'..='D').map(|last| format!("Player{last}{}", u32::from(last))).collect();
        for name in &names {
            sign_up(&test.hall, name).await;
        }
        let test = &*test;
        let all = names.iter().map(|name| try_sign_in(&test.hall, "203.0.113.7", name, PASSWORD));
        for answer in futures_util::future::join_all(all).await {
            assert_eq!(code(answer), "ok");
        }
    })
    .await;
}

#[tokio::test]
async fn guesses_in_flight_are_bounded_and_those_without_a_verdict_were_wrong() {
    with_accounts(async |test| {
        let cx = crate::accounts::testing::from(&test.hall, "203.0.113.7");
        let begin_at = async |who: usize| {
            cx.write(move |tx| begin(tx, &format!("nobody-{who}"), None)).await.map(|_| ())
        };
        for who in 0..GUESSES_AT_ONCE_MAX {
            begin_at(who).await.unwrap();
        }
        assert_eq!(code(begin_at(GUESSES_AT_ONCE_MAX).await), "sign_in_throttled");
        // The server died: nothing of this comes to a verdict.
        test.clock.advance(FLIGHT);
        assert_eq!(wait(test, "203.0.113.7", "nobody-99").await, Duration::from_secs(600));
        test.clock.advance(Duration::from_secs(600));
        assert_eq!(guess(test, "203.0.113.7", "nobody-99").await, "bad_credentials");
        assert_eq!(
            wait(test, "203.0.113.7", "nobody-99").await,
            Duration::from_secs(600),
            "none is forgotten"
        );
    })
    .await;
}

#[tokio::test]
async fn a_restart_forgets_no_guess_and_time_does() {
    with_accounts(async |test| {
        for _ in 0..4 {
            guess(test, "203.0.113.7", "Ana").await;
        }
        test.restart().await;
        let retry_after = wait(test, "203.0.113.7", "Ana").await;
        assert_eq!(
            retry_after,
            Duration::from_secs(1) - Duration::from_millis(1),
            "less what the restart took"
        );
        test.clock.advance(DAY * 30 + Duration::from_secs(1));
        for _ in 0..4 {
            assert_eq!(guess(test, "203.0.113.7", "Ana").await, "bad_credentials");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_forgotten_leaves_no_row() {
    with_accounts(async |test| {
        sign_up(&test.hall, "Ana").await;
        guess(test, "203.0.113.7", "Ana").await;
        test.clock.advance(DAY * 31);
        crate::accounts::sweep(&test.server()).await.unwrap();
        let left = async |subject: &'static [u8]| {
            let subject = hash(&[b"login", subject]);
            test.server().read(move |tx| store::find(tx, &subject)).await.unwrap()
        };
        assert_eq!(left(b"ana").await.failures, 0);
        // Nobody knows the network any more either.
        for network in 1..=4 {
            guess(test, &format!("198.51.{network}.1"), "Ana").await;
        }
        assert_eq!(enter(test, "10.0.0.1").await, "sign_in_throttled");
    })
    .await;
}

#[tokio::test]
async fn only_the_latest_networks_of_a_user_are_known() {
    with_accounts(async |test| {
        sign_up(&test.hall, "Ana").await;
        for network in 1..=moothall_protocol::limits::KNOWN_NETWORKS_MAX {
            test.clock.advance(Duration::from_secs(1));
            assert_eq!(enter(test, &format!("192.0.{network}.1")).await, "ok");
        }
        for network in 1..=4 {
            guess(test, &format!("198.51.{network}.1"), "Ana").await;
        }
        assert_eq!(enter(test, "10.0.0.1").await, "sign_in_throttled", "the oldest made room");
        assert_eq!(enter(test, "192.0.1.1").await, "ok");
    })
    .await;
}

#[tokio::test]
async fn a_site_may_allow_more() {
    with_settings(
        |settings| settings.accounts.guesses_of_login = 10,
        async |test| {
            for network in 0..10 {
                assert_eq!(guess(test, &format!("198.51.{network}.1"), "Ana").await, "bad_credentials");
            }
            assert_eq!(guess(test, "198.51.99.1", "Ana").await, "sign_in_throttled");
        },
    )
    .await;
}

#[tokio::test]
async fn guests_secrets_are_not_guesses() {
    with_accounts(async |test| {
        let guest = sign_up_guest(&test.hall).await;
        for _ in 0..20 {
            assert_ne!(guess(test, "10.0.0.1", "nobody").await, "ok");
        }
        let input =
            moothall_protocol::accounts::SignIn { guest_secret: guest.guest_secret, ..Default::default() };
        let cx = crate::accounts::testing::from(&test.hall, "10.0.0.1");
        assert_eq!(code(crate::accounts::sign_in(&cx, input).await), "ok");
    })
    .await;
}

#[test]
fn a_person_is_guessed_at_no_more_than_a_hundred_times_in_thirty_days() {
    let policy = Policy::of_login(&Settings::default());
    let (mut at, mut guesses) = (Duration::ZERO, 0);
    while at <= DAY * 30 {
        guesses += 1;
        at += policy.wait(guesses);
    }
    assert!(guesses <= 50, "{guesses} at each of the two logins");
}

proptest! {
    #[test]
    fn a_wait_never_gets_shorter_and_has_an_end(failures: u32) {
        for policy in [Policy::of_login(&Settings::default()), Policy::of_network(&Settings::default())] {
            let wait = policy.wait(failures);
            prop_assert!(wait <= policy.longest);
            prop_assert!(wait <= policy.wait(failures.saturating_add(1)));
            prop_assert_eq!(wait == Duration::ZERO, failures < policy.free);
        }
    }
}
