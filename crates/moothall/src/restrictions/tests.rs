//! Restrictions, on a real database of each engine, with a clock that stands still. What is refused to whom who is restricted is tested
//! with the contexts that refuse it.

mod bans;

use std::time::Duration;

use moothall_protocol::restrictions::*;
use moothall_protocol::{Event, UserId};

use super::testing::{imposed, restriction, why};
use super::*;
use crate::testing::{Ear, TestHall, on_both_engines};

const HOUR: Duration = Duration::from_secs(3_600);

/// The code of a refusal.
fn code<T, E: crate::Fault>(answer: Result<T, E>) -> &'static str {
    answer.map_or_else(|refusal| refusal.code(), |_| "ok")
}

#[tokio::test]
async fn a_restriction_may_hold_in_one_mode_only() {
    on_both_engines(async |hall| {
        let ana = hall.call(hall.user("Ana").await, &[]);
        let scope = RestrictionScope { room_id: None, mode: Some("free".into()) };
        imposed(hall, ImposeRestriction { scope, ..restriction(ana.user().unwrap(), &["lobby_join"]) }).await;
        assert_eq!(code(check(&ana, types::LOBBY_JOIN, Scope::mode("free")).await), "restricted");
        check(&ana, types::LOBBY_JOIN, Scope::mode("duel")).await.unwrap();
        check(&ana, types::LOBBY_JOIN, Scope::ANYWHERE).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_task_tells_the_user_when_a_restriction_is_over() {
    on_both_engines(async |hall| {
        let ana = hall.call(hall.user("Ana").await, &[]);
        let ear = Ear::of(hall, &ana);
        let input = restriction(ana.user().unwrap(), &["chat"]);
        imposed(hall, ImposeRestriction { ends_at: Some(ana.now() + HOUR), ..input }).await;
        let mut heard = ear.heard();
        // The task may still be on its way to its wait: time moves on for it.
        for _ in 0..200 {
            hall.clock.advance(HOUR);
            tokio::time::sleep(Duration::from_millis(10)).await;
            heard.extend(ear.heard());
            if matches!(heard.last(), Some(Event::RestrictionEnded(_))) {
                break;
            }
        }
        assert!(
            matches!(heard.last(), Some(Event::RestrictionEnded(ended)) if ended.why == RestrictionEnd::Expired),
            "{heard:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_restriction_ends_after_matches_that_began_after_it() {
    on_both_engines(async |hall| {
        let ana = hall.call(hall.user("Ana").await, &[]);
        let id = ana.user().unwrap();
        let scope = RestrictionScope { mode: Some("free".into()), ..RestrictionScope::default() };
        let input = ImposeRestriction { after_matches: Some(2), scope, ..restriction(id, &["lobby_host"]) };
        let began_before = ana.now() - HOUR;
        imposed(hall, input).await;
        let plays_a = async |mode: &'static str, began_at: Timestamp| {
            hall.server().write(move |tx| played(tx, &[id], mode, began_at)).await.unwrap();
        };
        let plays = async |began_at: Timestamp| plays_a("free", began_at).await;
        plays(began_before).await;
        plays_a("race", ana.now()).await;
        let left = || async {
            let refused = check(&ana, types::LOBBY_HOST, Scope::mode("free")).await;
            refused.is_err().then(|| why(refused).matches_left)
        };
        assert_eq!(left().await, Some(Some(2)));
        plays(ana.now()).await;
        assert_eq!(left().await, Some(Some(1)));
        let ear = Ear::of(hall, &ana);
        plays(ana.now()).await;
        assert_eq!(left().await, None);
        assert!(matches!(&ear.heard()[..], [Event::RestrictionEnded(ended)] if ended.why == RestrictionEnd::Played));
    })
    .await;
}

#[tokio::test]
async fn what_makes_no_sense_is_not_imposed() {
    on_both_engines(async |hall| {
        let id = hall.user("Ana").await;
        let now = hall.server().now();
        let plain = || restriction(id, &["chat"]);
        for wrong in [
            restriction(id, &["walking"]),
            restriction(id, &["shadow_chat"]),
            ImposeRestriction { ends_at: Some(now), ..plain() },
            ImposeRestriction { ends_at: Some(now + HOUR), after_matches: Some(1), ..plain() },
            ImposeRestriction { after_matches: Some(1), ..restriction(id, &["all"]) },
            ImposeRestriction { after_matches: Some(1), ..restriction(id, &["lobby_join", "lobby_host"]) },
            ImposeRestriction { source: RestrictionSource::Action, ..plain() },
        ] {
            assert_eq!(code(impose_restriction(&hall.server(), wrong.clone()).await), "invalid", "{wrong:?}");
        }
        let nobody = UserId::from_uuid(Uuid::from_u128(7));
        let wrong = restriction(nobody, &["chat"]);
        assert_eq!(code(impose_restriction(&hall.server(), wrong).await), "not_found");
        for _ in 0..limits::RESTRICTIONS_OF_USER_MAX {
            imposed(hall, plain()).await;
        }
        assert_eq!(code(impose_restriction(&hall.server(), plain()).await), "too_many_restrictions");
    })
    .await;
}

#[tokio::test]
async fn what_another_process_imposes_counts_when_word_of_it_comes() {
    on_both_engines(async |hall| {
        let ana = hall.call(hall.user("Ana").await, &[]);
        check(&ana, types::CHAT, Scope::ANYWHERE).await.unwrap();
        let beside = hall.beside().await;
        let input = restriction(ana.user().unwrap(), &["chat"]);
        impose_restriction(&Cx::server(&beside), input).await.unwrap();
        beside.close().await;
        // The look at changes is a task of its own: see `accounts/changes.rs`.
        for _ in 0..2_000 {
            if check(&ana, types::CHAT, Scope::ANYWHERE).await.is_err() {
                return;
            }
            hall.clock.advance(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("word of it never came");
    })
    .await;
}

#[tokio::test]
async fn evidence_has_a_bound_in_bytes_and_depth() {
    on_both_engines(async |hall| {
        let id = hall.user("Ana").await;
        let shown = |value: Value| ImposeRestriction {
            evidence: Map::from_iter([("seen".to_owned(), value)]),
            ..restriction(id, &["chat"])
        };
        let nested =
            |levels: usize| (0..levels).fold(serde_json::json!(1), |inner, _| serde_json::json!([inner]));
        imposed(hall, shown(nested(limits::RESTRICTION_EVIDENCE_NESTING_MAX))).await;
        let text = |length: usize| serde_json::json!("x".repeat(length));
        // Around the text stands {"seen":""}.
        let most = limits::RESTRICTION_EVIDENCE_BYTES_MAX - 11;
        imposed(hall, shown(text(most))).await;
        for wrong in [shown(nested(limits::RESTRICTION_EVIDENCE_NESTING_MAX + 1)), shown(text(most + 1))] {
            assert_eq!(code(impose_restriction(&hall.server(), wrong).await), "invalid");
        }
    })
    .await;
}
