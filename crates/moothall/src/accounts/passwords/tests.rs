//! Which passwords are taken, and the threads that hash them.

use super::*;
use crate::Fault as _;

fn random() -> Arc<dyn Random> {
    crate::SeededRandom::from_seed(1)
}

fn cheap() -> Settings {
    Settings { password_memory_kib: 8_192, password_passes: 1, ..Settings::default() }
}

fn typed(text: &str) -> Password {
    Password::typed("/password", text).unwrap()
}

fn chosen(text: &str) -> Result<Password, Error> {
    Password::chosen(&cheap(), "/password", text, &["Anastasia", "ana@example.org"])
}

#[test]
fn a_new_password_is_long_enough_and_not_the_first_to_be_guessed() {
    for bad in ["", "1234567", "äöüäöüä", "password", "PassWord", "12345678", "anastasia", "ANA@example.org"]
    {
        assert_eq!(chosen(bad).err().map(|error| error.code()), Some("invalid"), "{bad:?}");
    }
    for good in ["äöüäöüäö", "correct horse battery", "        x", "パスワードパスワード", &"x".repeat(1_024)]
    {
        assert!(chosen(good).is_ok(), "{good:?}");
    }
}

#[test]
fn an_over_long_password_is_refused_before_any_work() {
    let refusal = Password::typed("/password", &"x".repeat(PASSWORD_BYTES_MAX + 1)).err().unwrap();
    let Error::Common(crate::Error::Invalid { fields }) = refusal else { panic!("{refusal:?}") };
    let field = fields.first().unwrap();
    assert_eq!(
        (field.path.as_str(), field.code.as_str(), field.max),
        ("/password", "too_long", Some(1_024.0))
    );
}

#[tokio::test]
async fn two_keyboards_that_write_one_letter_in_two_ways_write_one_password() {
    let pool = Passwords::start(&cheap()).unwrap();
    let stored = pool.reserve(&*random()).unwrap().hash(typed("caf\u{e9} au lait"), [1; 16]).await.unwrap();
    assert!(stored.starts_with("$argon2id$v=19$m=8192,t=1,p=1$"), "{stored}");
    let verdict = async |text: &str, stored: Option<String>| {
        pool.reserve(&*random()).unwrap().verify(typed(text), stored, [2; 16]).await.unwrap()
    };
    assert_eq!(verdict("cafe\u{301} au lait", Some(stored.clone())).await, Verdict::Right);
    assert_eq!(verdict("cafe au lait", Some(stored.clone())).await, Verdict::Wrong);
    assert_eq!(verdict("Caf\u{e9} au lait", Some(stored)).await, Verdict::Wrong);
    assert_eq!(verdict("decoy", None).await, Verdict::Wrong, "nobody has the password of nobody");
}

#[tokio::test]
async fn parameters_that_changed_are_those_of_the_next_hash() {
    let old = Passwords::start(&cheap()).unwrap();
    let stored = old.reserve(&*random()).unwrap().hash(typed("correct horse"), [1; 16]).await.unwrap();
    let new = Passwords::start(&Settings { password_passes: 2, ..cheap() }).unwrap();
    let verify = async |text: &str, stored: &str| {
        let slot = new.reserve(&*random()).unwrap();
        slot.verify(typed(text), Some(stored.to_owned()), [3; 16]).await.unwrap()
    };
    let Verdict::Outdated(upgraded) = verify("correct horse", &stored).await else { panic!("not upgraded") };
    assert!(upgraded.contains("m=8192,t=2,p=1"), "{upgraded}");
    assert_eq!(verify("correct horse", &upgraded).await, Verdict::Right);
    assert_eq!(verify("wrong horse", &stored).await, Verdict::Wrong, "nothing is hashed for who is wrong");
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_says_when_to_come_back_and_recovers() {
    let pool = Passwords::start(&cheap()).unwrap();
    let taken: Vec<Slot<'_>> =
        (0..PASSWORDS_WAITING_MAX).map(|_| pool.reserve(&*random()).unwrap()).collect();
    let (random, mut told) = (random(), std::collections::BTreeSet::new());
    for _ in 0..100 {
        let Err(Error::Busy { retry_after }) = pool.reserve(&*random) else { panic!("beyond the bound") };
        assert!(retry_after > Duration::ZERO);
        told.insert(retry_after);
    }
    assert!(told.len() > 50, "they are told different times: {told:?}");
    drop(taken);
    assert!(pool.reserve(&*random).is_ok());
}

#[tokio::test]
async fn who_gave_up_waiting_keeps_nobody_waiting() {
    let pool = Passwords::start(&cheap()).unwrap();
    for _ in 0..PASSWORDS_WAITING_MAX {
        let given_up = pool.reserve(&*random()).unwrap().hash(typed("nobody waits for this"), [1; 16]);
        // Polled once, so that it is in the queue, and dropped.
        assert!(futures_util::FutureExt::now_or_never(given_up).is_none());
    }
    let started = std::time::Instant::now();
    while pool.reserve(&*random()).is_err() {
        assert!(started.elapsed() < Duration::from_secs(20), "the slots come back");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
