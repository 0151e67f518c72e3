//! Codes by e-mail: addresses verified and changed, changes revoked, passwords set anew.

use std::collections::HashSet;

use moothall_protocol::accounts::{
    ChangePassword, GetMe, NextStep, Refresh, SignUp, SignedIn, UpdateUser, UpgradeGuest,
};
use moothall_protocol::audit::ListAudit;

use moothall_protocol::limits::RESETS_WAITING_MAX;

use super::*;
use crate::accounts::testing::{
    Listener, PASSWORD, call, code, from, identity, sign_in, sign_up, sign_up_guest, try_sign_in,
    with_accounts, with_settings,
};
use crate::accounts::{self, Verification};
use crate::testing::{TestHall, on_both_engines};
use crate::{Fault as _, mail};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const INSTANT: Duration = Duration::from_micros(1);
const NEW: &str = "another horse battery";

/// The next letter to this address about this.
async fn letter(test: &TestHall, to: &str, subject: &str) -> mail::Email {
    test.mailer.next_that(|letter| letter.to == to && letter.subject.contains(subject)).await
}

/// The code in a letter.
async fn code_to(test: &TestHall, to: &str, subject: &str) -> String {
    let letter = letter(test, to, subject).await;
    let (_, rest) = letter.text.split_once("#code=").unwrap_or_else(|| panic!("no code: {letter:?}"));
    rest.split_whitespace().next().unwrap().to_owned()
}

async fn ask_to_verify(cx: &Cx) -> Result<(), Error> {
    request_email_verification(cx, RequestEmailVerification {}).await
}

async fn verify(test: &TestHall, code: &str) -> Result<(), Error> {
    verify_email(&test.nobody(), VerifyEmail { code: code.to_owned() }).await
}

async fn change_to(cx: &Cx, email: &str) -> Result<Me, Error> {
    change_email(cx, ChangeEmail { email: email.to_owned(), password: PASSWORD.to_owned() }).await
}

async fn revoke(test: &TestHall, code: &str) -> Result<(), Error> {
    revoke_email_change(&test.nobody(), RevokeEmailChange { code: code.to_owned() }).await
}

async fn ask_to_reset(test: &TestHall, email: &str) -> Result<(), Error> {
    request_password_reset(&test.nobody(), RequestPasswordReset { email: email.to_owned() }).await
}

async fn reset(test: &TestHall, code: &str, password: &str) -> Result<(), Error> {
    let input = ResetPassword { code: code.to_owned(), password: password.to_owned() };
    reset_password(&from(&test.hall, "10.0.0.1"), input).await
}

async fn me(cx: &Cx) -> Me {
    accounts::me(cx, GetMe {}).await.unwrap()
}

/// Signs up, and shows that the address is theirs.
async fn verified(test: &TestHall, name: &str) -> (SignedIn, Cx) {
    let session = sign_up(&test.hall, name).await;
    let cx = call(&test.hall, &session).await;
    ask_to_verify(&cx).await.unwrap();
    let code = code_to(test, &format!("{name}@example.org"), "Your e-mail address").await;
    verify(test, &code).await.unwrap();
    (session, cx)
}

#[tokio::test]
async fn t022_an_address_is_verified_once_by_a_code_that_came_there() {
    with_accounts(async |test| {
        let session = sign_up(&test.hall, "Ana").await;
        let (cx, listener) = (call(&test.hall, &session).await, Listener::of(&test.hall, session.user.id));
        assert!(!me(&cx).await.is_email_verified);
        ask_to_verify(&cx).await.unwrap();
        let letter = letter(test, "Ana@example.org", "Your e-mail address").await;
        let link = format!("{}/account/verify-email#code=mhe_", test.hall.settings().mail.public_url);
        assert!(letter.text.contains(&link), "{letter:?}");
        let code_of = |letter: &mail::Email| {
            letter.text.split_once("#code=").unwrap().1.split_whitespace().next().unwrap().to_owned()
        };
        let first = code_of(&letter);
        assert_eq!(code(verify(test, &format!("{first}x")).await), "code_invalid");
        verify(test, &first).await.unwrap();
        assert!(me(&cx).await.is_email_verified);
        assert!(listener.account().unwrap().is_email_verified);
        assert_eq!(code(verify(test, &first).await), "code_invalid");
        assert_eq!(code(ask_to_verify(&cx).await), "already_verified");
        let guest = call(&test.hall, &sign_up_guest(&test.hall).await).await;
        assert_eq!(code(ask_to_verify(&guest).await), "no_email");
    })
    .await;
}

#[tokio::test]
async fn a_code_is_256_random_bits_kept_hashed_and_good_to_the_microsecond_across_a_restart() {
    with_accounts(async |test| {
        sign_up(&test.hall, "Ana").await;
        let mut seen = HashSet::new();
        for (late, expected) in [(Duration::ZERO, "code_invalid"), (INSTANT, "ok")] {
            ask_to_reset(test, "ana@example.org").await.unwrap();
            let text = code_to(test, "Ana@example.org", "A new password").await;
            let bytes =
                data_encoding::BASE64URL_NOPAD.decode(text.strip_prefix("mhe_").unwrap().as_bytes()).unwrap();
            assert_eq!(bytes.len(), 32);
            assert!(seen.insert(bytes));
            let hash = secret::hash(&[text.as_bytes()]);
            let kept = test.server().read(move |tx| store::find(tx, &hash)).await.unwrap().unwrap();
            assert_eq!((kept.purpose, kept.email.display.as_str()), (Purpose::Reset, "Ana@example.org"));
            // Restarting moves the clock by a millisecond.
            test.clock.advance(MINUTE * RESET_CODE_MINUTES as u32 - late - Duration::from_millis(1));
            test.restart().await;
            assert_eq!(code(reset(test, &text, NEW).await), expected);
            test.clock.advance(HOUR);
        }
    })
    .await;
}

#[tokio::test]
async fn a_code_does_nothing_but_what_it_was_made_for() {
    with_accounts(async |test| {
        let (_, cx) = verified(test, "Ana").await;
        ask_to_reset(test, "ana@example.org").await.unwrap();
        let reset_code = code_to(test, "Ana@example.org", "A new password").await;
        change_to(&cx, "new@example.org").await.unwrap();
        let change_code = code_to(test, "new@example.org", "Your new e-mail").await;
        let revoke_code = code_to(test, "Ana@example.org", "about to change").await;
        for wrong in [&reset_code, &revoke_code] {
            assert_eq!(code(verify(test, wrong).await), "code_invalid");
        }
        for wrong in [&reset_code, &change_code] {
            assert_eq!(code(revoke(test, wrong).await), "code_invalid");
        }
        for wrong in [&revoke_code, &change_code] {
            assert_eq!(code(reset(test, wrong, NEW).await), "code_invalid");
        }
        verify(test, &change_code).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn t031_a_site_that_verifies_addresses_lets_nobody_in_before() {
    let by_email = |settings: &mut crate::Settings| settings.accounts.verification = Verification::Email;
    with_settings(by_email, async |test| {
        let join = async |name: &str, email: &str| {
            let input = SignUp {
                name: name.into(),
                email: email.into(),
                password: PASSWORD.into(),
                kind: None,
                device_id: None,
            };
            accounts::sign_up(&from(&test.hall, "10.0.0.1"), input).await.unwrap()
        };
        let signed_up = join("Ana", "ana@example.org").await;
        assert_eq!((signed_up.next, signed_up.session.is_none()), (NextStep::VerifyEmail, true));
        let first = code_to(test, "ana@example.org", "Your e-mail address").await;
        assert_eq!(code(try_sign_in(&test.hall, "10.0.0.1", "Ana", PASSWORD).await), "email_unverified");
        let second = code_to(test, "ana@example.org", "Your e-mail address").await;
        let by_address = try_sign_in(&test.hall, "10.0.0.1", "Ana@Example.org", "wrong password").await;
        assert_eq!(code(by_address), "bad_credentials");
        assert_eq!(
            code(try_sign_in(&test.hall, "10.0.0.1", "Ana", "wrong password").await),
            "bad_credentials"
        );
        assert_eq!(code(try_sign_in(&test.hall, "10.0.0.1", "Ana", PASSWORD).await), "email_unverified");
        code_to(test, "ana@example.org", "Your e-mail address").await;
        // Three letters an hour, however often somebody tries.
        let by_address = try_sign_in(&test.hall, "10.0.0.1", "Ana@Example.org", PASSWORD).await;
        assert_eq!(code(by_address), "email_unverified");

        // An address counts for whoever shows that it is theirs, not for whoever typed it first.
        let squatter = join("Mallory", "ANA@example.org").await;
        assert_eq!(squatter.next, NextStep::VerifyEmail, "the same answer, whoever has the address");
        code_to(test, "ANA@example.org", "Your e-mail address").await;
        verify(test, &second).await.unwrap();
        assert_eq!(code(verify(test, &first).await), "code_invalid", "one is enough");
        let session = try_sign_in(&test.hall, "10.0.0.1", "ana@example.org", PASSWORD).await.unwrap();
        assert_eq!(session.user.id, signed_up.user.id);

        let late = join("Nina", "Ana@Example.org").await;
        assert_eq!((late.next, late.session.is_none()), (NextStep::VerifyEmail, true));
        let told = letter(test, "Ana@Example.org", "You have an account").await;
        assert!(!told.text.contains("#code="), "{told:?}");
    })
    .await;
}

#[tokio::test]
async fn t031_an_address_whose_first_letter_was_lost_is_no_dead_end() {
    let by_email = |settings: &mut crate::Settings| settings.accounts.verification = Verification::Email;
    with_settings(by_email, async |test| {
        for name in ["Mallory", "Ana"] {
            test.clock.advance(Duration::from_secs(1));
            let input = SignUp {
                name: name.into(),
                email: "ana@example.org".into(),
                password: PASSWORD.into(),
                kind: None,
                device_id: None,
            };
            accounts::sign_up(&from(&test.hall, "10.0.0.1"), input).await.unwrap();
            code_to(test, "ana@example.org", "Your e-mail address").await;
        }
        test.clock.advance(HOUR * EMAIL_CODE_HOURS as u32);
        ask_to_reset(test, "ana@example.org").await.unwrap();
        // Letters of one moment come in any order.
        let one = code_to(test, "ana@example.org", "A new password").await;
        let other = code_to(test, "ana@example.org", "A new password").await;
        reset(test, &one, NEW).await.unwrap();
        assert_eq!(code(try_sign_in(&test.hall, "10.0.0.1", "ana@example.org", NEW).await), "ok");
        assert_eq!(code(reset(test, &other, NEW).await), "email_taken", "the address has its owner now");
    })
    .await;
}

#[tokio::test]
async fn nobodys_mailbox_is_flooded_by_many_who_give_its_address() {
    let by_email = |settings: &mut crate::Settings| settings.accounts.verification = Verification::Email;
    with_settings(by_email, async |test| {
        let limit = LETTERS_TO_ADDRESS_PER_HOUR_MAX;
        let join = async |number: usize| {
            let letter = char::from(b'a' + u8::try_from(number).unwrap());
            let (name, email) = (format!("Mallory {letter}{letter}"), "Victim@example.org".to_owned());
            let input = SignUp { name, email, password: PASSWORD.into(), kind: None, device_id: None };
            accounts::sign_up(&from(&test.hall, "10.0.0.1"), input).await.unwrap()
        };
        for number in 0..limit + 2 {
            assert_eq!(join(number).await.next, NextStep::VerifyEmail, "who asks does not notice");
        }
        let server = test.server();
        let written = server.read(|tx| {
            let kind = Letter::Verify { code: "" }.kind();
            mail::sent_to_since(tx, "victim@example.org", kind, Timestamp::MIN)
        });
        assert_eq!(written.await.unwrap(), limit as i64);
    })
    .await;
}

#[tokio::test]
async fn a_new_address_counts_once_it_is_confirmed_and_both_are_told() {
    with_accounts(async |test| {
        let (session, cx) = verified(test, "Ana").await;
        let wrong = ChangeEmail { email: "new@example.org".into(), password: "wrong password".into() };
        assert_eq!(code(change_email(&cx, wrong).await), "bad_credentials");
        assert_eq!(code(change_to(&cx, "Ana@example.org").await), "invalid");

        let asked = change_to(&cx, "New@example.org").await.unwrap();
        assert_eq!(asked.email.as_deref(), Some("Ana@example.org"));
        assert_eq!(asked.email_pending.as_deref(), Some("New@example.org"));
        let confirm = code_to(test, "New@example.org", "Your new e-mail").await;
        letter(test, "Ana@example.org", "about to change").await;
        assert_eq!(
            code(try_sign_in(&test.hall, "10.0.0.1", "new@example.org", PASSWORD).await),
            "bad_credentials"
        );

        let listener = Listener::of(&test.hall, session.user.id);
        verify(test, &confirm).await.unwrap();
        letter(test, "Ana@example.org", "has changed").await;
        let changed = me(&cx).await;
        assert_eq!((changed.email.as_deref(), changed.is_email_verified), (Some("New@example.org"), true));
        assert_eq!(changed.email_pending, None);
        assert_eq!(listener.account(), Some(changed));
        assert_eq!(
            code(try_sign_in(&test.hall, "10.0.0.1", "ana@example.org", PASSWORD).await),
            "bad_credentials"
        );
        assert_eq!(code(try_sign_in(&test.hall, "10.0.0.1", "new@example.org", PASSWORD).await), "ok");
        assert_eq!(code(verify(test, &confirm).await), "code_invalid");
    })
    .await;
}

#[tokio::test]
async fn nobody_learns_by_changing_theirs_whether_an_address_has_an_account() {
    with_accounts(async |test| {
        let (_, cx) = verified(test, "Ana").await;
        sign_up(&test.hall, "Ben").await;
        let free = change_to(&cx, "free@example.org").await.unwrap();
        letter(test, "free@example.org", "Your new e-mail").await;
        letter(test, "Ana@example.org", "about to change").await;
        let taken = change_to(&cx, "ben@example.org").await.unwrap();
        let told = letter(test, "ben@example.org", "You have an account").await;
        assert!(!told.text.contains("#code="), "{told:?}");
        letter(test, "Ana@example.org", "about to change").await;
        assert_eq!(taken.email_pending.as_deref(), Some("ben@example.org"));
        let alike = |me: Me| Me { email_pending: None, version: 0, ..me };
        assert_eq!(alike(free), alike(taken));
        // Nor by how often one may ask: three times an hour, with as many letters to the old address.
        change_to(&cx, "ben@example.org").await.unwrap();
        letter(test, "Ana@example.org", "about to change").await;
        for address in ["ben@example.org", "free@example.org"] {
            assert_eq!(code(change_to(&cx, address).await), "rate_limited");
        }
        test.clock.advance(HOUR);
        for _ in 0..LETTERS_PER_HOUR_MAX {
            change_to(&cx, "free@example.org").await.unwrap();
        }
        for address in ["ben@example.org", "free@example.org"] {
            assert_eq!(code(change_to(&cx, address).await), "rate_limited");
        }
    })
    .await;
}

#[tokio::test]
async fn a_change_of_address_is_revoked_by_the_old_one_for_three_days_and_whoever_made_it_is_out() {
    with_accounts(async |test| {
        let (owner, cx) = verified(test, "Ana").await;
        change_to(&cx, "thief@example.com").await.unwrap();
        let confirm = code_to(test, "thief@example.com", "Your new e-mail").await;
        let back = code_to(test, "Ana@example.org", "about to change").await;
        test.clock.advance(HOUR * EMAIL_CODE_HOURS as u32 - INSTANT);
        verify(test, &confirm).await.unwrap();
        letter(test, "Ana@example.org", "has changed").await;
        // The thief sets another password, which must not close the way back.
        ask_to_reset(test, "thief@example.com").await.unwrap();
        let theirs = code_to(test, "thief@example.com", "A new password").await;
        reset(test, &theirs, "the thief's password").await.unwrap();
        letter(test, "thief@example.com", "password").await;
        let thief = try_sign_in(&test.hall, "10.0.0.9", "Ana", "the thief's password").await.unwrap();

        test.clock.advance(HOUR * EMAIL_REVOKE_HOURS as u32);
        revoke(test, &back).await.unwrap();
        assert_eq!(code(revoke(test, &back).await), "code_invalid");
        assert_eq!(identity(&test.hall, &thief.access_token).await.unwrap_err().code(), "token_invalid");
        let refresh = Refresh { refresh_token: thief.refresh_token };
        assert_eq!(code(accounts::refresh(&test.nobody(), refresh).await), "token_invalid");
        let guess = try_sign_in(&test.hall, "10.0.0.9", "Ana", "the thief's password").await;
        assert_eq!(code(guess), "bad_credentials");

        let own = code_to(test, "Ana@example.org", "was revoked").await;
        reset(test, &own, NEW).await.unwrap();
        let again = try_sign_in(&test.hall, "10.0.0.1", "ana@example.org", NEW).await.unwrap();
        assert_eq!(again.user.id, owner.user.id);
    })
    .await;
}

#[tokio::test]
async fn a_change_that_was_revoked_or_outlived_by_the_password_is_confirmed_no_more() {
    with_accounts(async |test| {
        let (_, cx) = verified(test, "Ana").await;
        change_to(&cx, "first@example.org").await.unwrap();
        let first = code_to(test, "first@example.org", "Your new e-mail").await;
        letter(test, "Ana@example.org", "about to change").await;
        change_to(&cx, "second@example.org").await.unwrap();
        let second = code_to(test, "second@example.org", "Your new e-mail").await;
        letter(test, "Ana@example.org", "about to change").await;
        assert_eq!(code(verify(test, &first).await), "code_invalid", "the later wish counts");

        let input = ChangePassword { password: PASSWORD.into(), new_password: NEW.into() };
        accounts::change_password(&cx, input).await.unwrap();
        assert_eq!(code(verify(test, &second).await), "code_invalid");
        assert_eq!(me(&cx).await.email_pending, None);

        let again = ChangeEmail { email: "third@example.org".into(), password: NEW.into() };
        change_email(&cx, again).await.unwrap();
        let third = code_to(test, "third@example.org", "Your new e-mail").await;
        let back = code_to(test, "Ana@example.org", "about to change").await;
        revoke(test, &back).await.unwrap();
        assert_eq!(code(verify(test, &third).await), "code_invalid");
    })
    .await;
}

#[tokio::test]
async fn p17_whoever_asks_for_a_new_password_learns_nothing_and_the_owner_gets_a_letter() {
    with_accounts(async |test| {
        let ana = sign_up(&test.hall, "Ana").await.user.id;
        let letters = async || {
            while !test.server().read(|tx| store::requests(tx, 1)).await.unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
            test.server().read(move |tx| mail::sent_since(tx, ana, "reset", Timestamp::MIN)).await.unwrap()
        };
        assert!(ask_to_reset(test, "nobody@example.org").await.is_ok());
        assert_eq!(code(ask_to_reset(test, "no address").await), "invalid");
        assert_eq!(letters().await, 0);
        assert!(ask_to_reset(test, "ANA@example.org ").await.is_ok());
        // To the address as it stands in the account, never as it was typed.
        letter(test, "Ana@example.org", "A new password").await;
        for _ in 0..LETTERS_PER_HOUR_MAX {
            ask_to_reset(test, "ana@example.org").await.unwrap();
        }
        assert_eq!(letters().await, LETTERS_PER_HOUR_MAX as i64, "so many an hour");
        test.clock.advance(HOUR);
        ask_to_reset(test, "ana@example.org").await.unwrap();
        assert_eq!(letters().await, LETTERS_PER_HOUR_MAX as i64 + 1);
    })
    .await;
}

#[tokio::test]
async fn t022_a_new_password_by_code_ends_every_session_and_voids_every_other_code() {
    with_accounts(async |test| {
        let session = sign_up(&test.hall, "Ana").await;
        ask_to_reset(test, "ana@example.org").await.unwrap();
        let first = code_to(test, "Ana@example.org", "A new password").await;
        ask_to_reset(test, "ana@example.org").await.unwrap();
        let second = code_to(test, "Ana@example.org", "A new password").await;
        // Locked out by wrong guesses, the owner comes in by the code.
        let mut guesses = 0;
        while code(try_sign_in(&test.hall, "10.0.0.1", "Ana", "wrong password").await) == "bad_credentials" {
            guesses += 1;
            assert!(guesses < 100);
        }
        assert_eq!(code(reset(test, &first, "short").await), "invalid");
        assert_eq!(
            code(reset(test, &first, "Ana@example.org").await),
            "invalid",
            "a bad password does not use the code up"
        );
        reset(test, &first, NEW).await.unwrap();
        letter(test, "Ana@example.org", "was changed").await;
        assert_eq!(code(reset(test, &first, "a third password").await), "code_invalid");
        assert_eq!(code(reset(test, &second, "a third password").await), "code_invalid");
        assert_eq!(identity(&test.hall, &session.access_token).await.unwrap_err().code(), "token_invalid");
        assert_eq!(code(try_sign_in(&test.hall, "10.0.0.1", "Ana", NEW).await), "ok");
        let cx = call(&test.hall, &try_sign_in(&test.hall, "10.0.0.1", "Ana", NEW).await.unwrap()).await;
        assert!(me(&cx).await.is_email_verified, "the code came by the address");
        let log = accounts_log(test).await;
        assert!(log.contains(&"accounts.reset_password".to_owned()), "{log:?}");
    })
    .await;
}

async fn accounts_log(test: &TestHall) -> Vec<String> {
    let log = audit::list(&test.server(), ListAudit::default()).await.unwrap();
    log.items.into_iter().map(|line| line.action).collect()
}

#[tokio::test]
async fn of_two_who_use_a_code_at_once_one_is_refused() {
    with_accounts(async |test| {
        sign_up(&test.hall, "Ana").await;
        ask_to_reset(test, "ana@example.org").await.unwrap();
        let text = code_to(test, "Ana@example.org", "A new password").await;
        let (one, two) = tokio::join!(reset(test, &text, NEW), reset(test, &text, "a third password"));
        let mut codes = [code(one), code(two)];
        codes.sort_unstable();
        assert_eq!(codes, ["code_invalid", "ok"]);
    })
    .await;
}

#[tokio::test]
async fn a_request_for_a_new_password_outlives_a_restart() {
    on_both_engines(async |test| {
        test.user("Ana").await;
        test.mailer.fail(Some(mail::MailError::Later("away".into())));
        ask_to_reset(test, "ana@example.org").await.unwrap();
        test.restart().await;
        test.mailer.fail(None);
        // The mailer was away perhaps: the letter is tried again after its pause.
        tokio::time::sleep(Duration::from_millis(100)).await;
        test.clock.advance(MINUTE * 2);
        letter(test, "ana@example.org", "A new password").await;
    })
    .await;
}

#[tokio::test]
async fn b24_a_guest_who_upgrades_has_an_address_like_everybody_else() {
    with_accounts(async |test| {
        let guest = sign_up_guest(&test.hall).await;
        let listener = Listener::of(&test.hall, guest.user.id);
        let cx = call(&test.hall, &guest).await;
        assert_eq!(code(change_to(&cx, "ana@example.org").await), "no_password");
        let input = UpgradeGuest { email: "ana@example.org".into(), password: PASSWORD.into(), name: None };
        accounts::upgrade_guest(&cx, input).await.unwrap();
        let told = listener.account().unwrap();
        assert_eq!((told.is_guest, told.email.as_deref()), (false, Some("ana@example.org")));
        assert!(!accounts::summary(&test.server(), guest.user.id).await.unwrap().is_guest);
        ask_to_verify(&cx).await.unwrap();
        verify(test, &code_to(test, "ana@example.org", "Your e-mail address").await).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn when_staff_changes_an_address_the_old_one_is_told_and_its_codes_are_void() {
    with_accounts(async |test| {
        let session = sign_up(&test.hall, "Ana").await;
        ask_to_reset(test, "ana@example.org").await.unwrap();
        let old = code_to(test, "Ana@example.org", "A new password").await;
        let input =
            serde_json::json!({ "user_id": session.user.id, "reason": "asked", "email": "new@example.org" });
        let input: UpdateUser = serde_json::from_value(input).unwrap();
        accounts::update_user(&test.server(), input).await.unwrap();
        letter(test, "Ana@example.org", "has changed").await;
        assert_eq!(code(reset(test, &old, NEW).await), "code_invalid");
        let cx = sign_in(&test.hall, "new@example.org").await;
        assert!(me(&cx).await.is_email_verified);
    })
    .await;
}

#[tokio::test]
async fn so_many_requests_for_a_new_password_wait_and_no_more() {
    with_accounts(async |test| {
        let cx = test.server();
        let kept = cx
            .write(|tx| {
                let mut kept = 0;
                for number in 0..=RESETS_WAITING_MAX {
                    kept += usize::from(store::insert_request(tx, &format!("{number}@example.org"))?);
                }
                Ok::<_, Error>(kept)
            })
            .await
            .unwrap();
        assert_eq!(kept, RESETS_WAITING_MAX);
    })
    .await;
}

#[tokio::test]
async fn an_address_one_may_come_back_to_is_nobody_elses_meanwhile() {
    with_accounts(async |test| {
        let (_, cx) = verified(test, "Ana").await;
        change_to(&cx, "thief@example.com").await.unwrap();
        let confirm = code_to(test, "thief@example.com", "Your new e-mail").await;
        let back = code_to(test, "Ana@example.org", "about to change").await;
        verify(test, &confirm).await.unwrap();
        assert!(letter(test, "Ana@example.org", "has changed").await.text.contains("open the link"));
        let input = SignUp {
            name: "Thief".into(),
            email: "ana@example.org".into(),
            password: PASSWORD.into(),
            kind: None,
            device_id: None,
        };
        let by_nobody = from(&test.hall, "10.0.0.1");
        assert_eq!(code(accounts::sign_up(&by_nobody, input.clone()).await), "email_taken");
        let guest = call(&test.hall, &sign_up_guest(&test.hall).await).await;
        let upgrade = UpgradeGuest { email: "ana@example.org".into(), password: PASSWORD.into(), name: None };
        assert_eq!(code(accounts::upgrade_guest(&guest, upgrade).await), "email_taken");
        let (_, other) = verified(test, "Ben").await;
        change_to(&other, "ana@example.org").await.unwrap();
        let confirm = code_to(test, "ana@example.org", "Your new e-mail").await;
        assert_eq!(code(verify(test, &confirm).await), "email_taken");

        revoke(test, &back).await.unwrap();
        assert_eq!(me(&cx_of(test, &cx)).await.email.as_deref(), Some("Ana@example.org"));
        assert_eq!(code(accounts::sign_up(&by_nobody, input).await), "email_taken");
    })
    .await;
}

/// The same user, though their session is over.
fn cx_of(test: &TestHall, cx: &Cx) -> Cx {
    test.call(cx.user().unwrap(), &[])
}

#[tokio::test]
async fn an_address_that_was_never_verified_is_told_of_a_change_and_promised_nothing() {
    with_accounts(async |test| {
        let session = sign_up(&test.hall, "Ana").await;
        let cx = call(&test.hall, &session).await;
        let first = letter(test, "Ana@example.org", "Your e-mail address").await;
        assert!(first.text.contains("#code="), "whoever signs up can verify at once: {first:?}");
        change_to(&cx, "new@example.org").await.unwrap();
        let told = letter(test, "Ana@example.org", "about to change").await;
        assert!(!told.text.contains("#code="), "{told:?}");
        let confirm = code_to(test, "new@example.org", "Your new e-mail").await;
        verify(test, &confirm).await.unwrap();
        let told = letter(test, "Ana@example.org", "has changed").await;
        assert!(!told.text.contains("link"), "{told:?}");
    })
    .await;
}
