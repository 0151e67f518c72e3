//! One key, one change, one answer; and what the table tells a thief.

use std::time::Duration;

use moothall_protocol::communication::{CreateRoom, Room};
use moothall_protocol::limits::IDEMPOTENCY_HOURS;
use serde_json::{Value, json};

use super::*;
use crate::Fault as _;
use crate::communication::{self, create_room};
use crate::testing::{TestHall, on_both_engines};

const KEY: &str = "0123456789abcdef";
const KEPT: Duration = Duration::from_secs(IDEMPOTENCY_HOURS as u64 * 3600);

/// Makes a room of this name, under a key.
async fn make(test: &TestHall, user: UserId, key: &str, name: &str) -> Result<Room, communication::Error> {
    let input = json!({ "name": name });
    let room: CreateRoom = serde_json::from_value(input.clone()).unwrap();
    let claim = Claim::new(Some(user), key, "communication.create_room", &input);
    create_room(&test.call(user, &[]).claiming(claim), room).await
}

#[tokio::test]
async fn the_first_answer_is_given_for_a_day_and_then_the_key_is_free() {
    on_both_engines(async |test| {
        let ana = test.user("Ana").await;
        let first = make(test, ana, KEY, "Tavern").await.unwrap();
        test.clock.advance(KEPT - Duration::from_micros(1));
        assert_eq!(make(test, ana, KEY, "Tavern").await.unwrap(), first);
        let other = make(test, ana, KEY, "Cellar").await.unwrap_err();
        assert_eq!(other.code(), "idempotency_mismatch");
        test.clock.advance(Duration::from_micros(1));
        let second = make(test, ana, KEY, "Cellar").await.unwrap();
        assert_ne!(second.id, first.id);
        assert_eq!(make(test, ana, KEY, "Cellar").await.unwrap(), second, "sealed anew");
        test.clock.advance(KEPT);
        let step = async || test.server().write(sweep).await.unwrap();
        assert_eq!(step().await, 1);
        assert_eq!(step().await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_heap_of_old_keys_is_cleared_in_steps() {
    on_both_engines(async |test| {
        let server = test.server();
        let heap = 2 * crate::sweep::ROWS as u32 + 1;
        let pile = server.write(move |tx| {
            // Old from the start: with the clock, the server's own sweep would come.
            let then = tx.now() - KEPT;
            for number in 0..heap {
                let mut id = [0; 32];
                id[..4].copy_from_slice(&number.to_be_bytes());
                store::insert(tx, &id, &[0; 32], b"", then)?;
            }
            Ok::<_, Error>(())
        });
        pile.await.unwrap();
        assert_eq!(server.write(sweep).await.unwrap(), crate::sweep::ROWS as u64, "a step has a bound");
        crate::sweep::all(&server, sweep).await.unwrap();
        assert_eq!(server.write(sweep).await.unwrap(), 0, "and all of them clear everything");
    })
    .await;
}

#[tokio::test]
async fn many_at_once_with_one_key_make_one_change() {
    on_both_engines(async |test| {
        let ana = test.user("Ana").await;
        let test = &*test;
        let rooms = futures_util::future::join_all((0..16).map(|_| make(test, ana, KEY, "Tavern"))).await;
        let first = rooms.iter().find_map(|room| room.as_ref().ok()).unwrap();
        for room in &rooms {
            match room {
                Ok(room) => assert_eq!(room.id, first.id),
                // A loser may be told to come back, and finds the answer then.
                Err(error) => assert_eq!(error.code(), "unavailable"),
            }
        }
        assert_eq!(make(test, ana, KEY, "Tavern").await.unwrap().id, first.id);
    })
    .await;
}

#[tokio::test]
async fn what_was_refused_keeps_nothing() {
    on_both_engines(async |test| {
        let ana = test.user("Ana").await;
        assert_eq!(make(test, ana, KEY, "!!!").await.unwrap_err().code(), "invalid");
        assert!(make(test, ana, KEY, "Tavern").await.is_ok(), "the key is still free");
    })
    .await;
}

#[test]
fn a_key_is_its_callers_and_its_requests() {
    let input = json!({ "b": 1, "a": { "y": null, "x": 2 }, "c": null });
    let same = json!({ "a": { "x": 2, "y": null }, "b": 1 });
    let ana = Some(UserId::from_uuid(uuid::Uuid::from_u128(1)));
    let claim = |caller, key: &str, operation: &str, input: &Value| Claim::new(caller, key, operation, input);
    let first = claim(ana, KEY, "rooms.create", &input);
    assert_eq!(first.request, claim(ana, KEY, "rooms.create", &same).request);
    assert_ne!(first.request, claim(ana, KEY, "rooms.update", &same).request);
    assert_ne!(first.request, claim(ana, KEY, "rooms.create", &json!({ "b": 2 })).request);
    let without_null = json!({ "a": { "x": 2 }, "b": 1 });
    assert_ne!(
        first.request,
        claim(ana, KEY, "rooms.create", &without_null).request,
        "null is a value of its own"
    );
    for other in
        [claim(None, KEY, "rooms.create", &input), claim(ana, "another key of hers", "rooms.create", &input)]
    {
        assert!(first.id != other.id && first.seal != other.seal);
    }
    assert!(first.id != first.seal, "whoever has the row has not the key");
}

#[test]
fn what_is_kept_is_read_by_nobody_without_the_key() {
    let claim = |key: &str| Claim::new(None, key, "accounts.sign_up_guest", &json!({}));
    let at = Timestamp::from_micros(1);
    let sealed = claim(KEY).close(b"secret".to_vec(), at).unwrap();
    assert!(!sealed.windows(6).any(|part| part == b"secret"));
    assert_eq!(claim(KEY).open(sealed.clone(), at).unwrap(), b"secret");
    assert!(claim("another key of theirs").open(sealed.clone(), at).is_err());
    assert!(claim(KEY).open(sealed.clone(), Timestamp::from_micros(2)).is_err());
    assert_ne!(claim(KEY).close(b"secret".to_vec(), Timestamp::from_micros(2)).unwrap(), sealed);
}
