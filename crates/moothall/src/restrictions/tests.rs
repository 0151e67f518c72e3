//! Restrictions, on a real database of each engine, with a clock that stands still.

mod bans;
mod shadows;
mod sign_in;

use std::time::Duration;

use moothall_protocol::communication::{CreateRoom, JoinRoom, OpenDirect, Room, SendMessage};
use moothall_protocol::lobbies::{JoinLobby, MyLobbies};
use moothall_protocol::restrictions::*;
use moothall_protocol::{Event, RoomId, UserId};
use serde_json::Map;

use super::*;
use crate::accounts::testing::code;
use crate::communication::{self, create_room, join, open_direct, send};
use crate::lobbies;
use crate::testing::{Ear, TestHall, on_both_engines};

const HOUR: Duration = Duration::from_secs(3_600);

/// A restriction of these types, for as long as it is not said otherwise.
fn restriction(user_id: UserId, types: &[&str]) -> ImposeRestriction {
    ImposeRestriction {
        user_id,
        types: types.iter().map(|name| (*name).to_owned()).collect(),
        scope: RestrictionScope::default(),
        reason: "seen by the watcher".into(),
        public_reason: "be kind".into(),
        evidence: Map::new(),
        ends_at: None,
        after_matches: None,
        source: RestrictionSource::Automatic,
    }
}

async fn imposed(hall: &TestHall, input: ImposeRestriction) -> Restriction {
    impose_restriction(&hall.server(), input).await.unwrap()
}

async fn lifted(hall: &TestHall, id: RestrictionId) -> Restriction {
    let input = LiftRestriction { restriction_id: id, reason: "a mistake".into() };
    lift_restriction(&hall.server(), input).await.unwrap()
}

async fn room_of(cx: &Cx, name: &str) -> Room {
    let input = CreateRoom {
        name: name.to_owned(),
        topic: None,
        member_only: None,
        read_only: None,
        slow_mode_ms: None,
        retention_days: None,
        live_only: None,
    };
    create_room(cx, input).await.unwrap()
}

async fn say(cx: &Cx, room_id: RoomId) -> Result<(), communication::Error> {
    let input = SendMessage {
        room_id,
        text: "hello".into(),
        attachments: Vec::new(),
        reply_to: None,
        mentions: Vec::new(),
    };
    send(cx, input).await.map(drop)
}

/// What a refusal says beside its code.
fn why<T>(answer: Result<T, impl crate::Fault>) -> Restricted {
    let refusal = answer.err().expect("a refusal");
    assert_eq!(refusal.code(), "restricted");
    *refusal.details().restriction.expect("what may not be done")
}

#[tokio::test]
async fn who_may_not_chat_writes_nowhere_but_to_one_other_user_and_hears_why() {
    on_both_engines(async |hall| {
        let [ana, ben] = [hall.call(hall.user("Ana").await, &[]), hall.call(hall.user("Ben").await, &[])];
        let id = ana.user().unwrap();
        let room = room_of(&ana, "Tavern").await.id;
        say(&ana, room).await.unwrap();
        let ear = Ear::of(hall, &ana);
        let ends_at = ana.now() + HOUR;
        let chat =
            imposed(hall, ImposeRestriction { ends_at: Some(ends_at), ..restriction(id, &["chat"]) }).await;
        let told = ear.heard();
        assert!(matches!(&told[..], [Event::RestrictionImposed(own)] if own.id == chat.id), "{told:?}");
        let restricted = why(say(&ana, room).await);
        assert_eq!((restricted.kind.as_str(), restricted.public_reason.as_str()), ("chat", "be kind"));
        assert_eq!((restricted.restriction_id, restricted.ends_at), (Some(chat.id), Some(ends_at)));
        let direct = open_direct(&ana, OpenDirect { user_id: ben.user().unwrap() }).await.unwrap();
        say(&ana, direct.id).await.unwrap();
        // Beside it, all that has to do with others.
        imposed(hall, restriction(id, &["community"])).await;
        assert_eq!(code(say(&ana, direct.id).await), "restricted");
        assert_eq!(
            code(
                communication::create_group(
                    &ana,
                    moothall_protocol::communication::CreateGroup {
                        user_ids: vec![ben.user().unwrap()],
                        name: None,
                    }
                )
                .await
            ),
            "restricted"
        );
        say(&ben, direct.id).await.unwrap();
        let shown = mine(&ana, MyRestrictions::default()).await.unwrap().items;
        assert_eq!(shown.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_restriction_ends_exactly_at_its_end_also_across_a_restart() {
    on_both_engines(async |hall| {
        let id = hall.user("Ana").await;
        let room = room_of(&hall.call(id, &[]), "Tavern").await.id;
        let ends_at = hall.server().now() + HOUR;
        let chat = ImposeRestriction { ends_at: Some(ends_at), ..restriction(id, &["chat"]) };
        let chat = imposed(hall, chat).await;
        hall.clock.advance(HOUR - Duration::from_micros(1));
        assert_eq!(code(say(&hall.call(id, &[]), room).await), "restricted");
        hall.clock.advance(Duration::from_micros(1));
        say(&hall.call(id, &[]), room).await.unwrap();
        // Whether its task has told so is another matter; this asks for it.
        ending::end_all(&hall.server()).await.unwrap();
        let page = ListRestrictions { user_id: id, cursor: None, limit: None };
        let ended = list(&hall.server(), page.clone()).await.unwrap().items.remove(0);
        assert_eq!(
            (ended.id, ended.ended_at, ended.ended_by),
            (chat.id, Some(ends_at), Some(RestrictionEnd::Expired))
        );

        let again =
            ImposeRestriction { ends_at: Some(hall.server().now() + HOUR), ..restriction(id, &["chat"]) };
        imposed(hall, again).await;
        hall.restart().await;
        assert_eq!(code(say(&hall.call(id, &[]), room).await), "restricted");
        hall.clock.advance(HOUR);
        hall.restart().await;
        let ana = hall.call(id, &[]);
        say(&ana, room).await.unwrap();
        assert_eq!(ending::end_all(&hall.server()).await.unwrap(), None);
        let all = list(&hall.server(), page).await.unwrap().items;
        assert!(all.iter().all(|restriction| restriction.ended_by == Some(RestrictionEnd::Expired)));
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
            if heard.len() > 1 {
                break;
            }
        }
        assert!(
            matches!(&heard[1], Event::RestrictionEnded(ended) if ended.why == RestrictionEnd::Expired),
            "{heard:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_lifted_is_over_at_once_and_told() {
    on_both_engines(async |hall| {
        let ana = hall.call(hall.user("Ana").await, &[]);
        let room = room_of(&ana, "Tavern").await.id;
        let chat = imposed(hall, restriction(ana.user().unwrap(), &["chat", "rename"])).await;
        assert_eq!(code(say(&ana, room).await), "restricted");
        let ear = Ear::of(hall, &ana);
        let after = lifted(hall, chat.id).await;
        assert_eq!(after.ended_by, Some(RestrictionEnd::Lifted));
        assert!(matches!(&ear.heard()[..], [Event::RestrictionEnded(ended)] if ended.types.len() == 2));
        say(&ana, room).await.unwrap();
        assert_eq!(lifted(hall, chat.id).await, after, "twice is as once");
    })
    .await;
}

#[tokio::test]
async fn a_restriction_may_hold_in_one_room_or_mode_only() {
    on_both_engines(async |hall| {
        let ana = hall.call(hall.user("Ana").await, &[]);
        let [here, there] = [room_of(&ana, "Here").await.id, room_of(&ana, "There").await.id];
        let scope = RestrictionScope { room_id: Some(here), mode: None };
        imposed(hall, ImposeRestriction { scope, ..restriction(ana.user().unwrap(), &["chat"]) }).await;
        assert_eq!(code(say(&ana, here).await), "restricted");
        say(&ana, there).await.unwrap();
        let scope = RestrictionScope { room_id: None, mode: Some("duel".into()) };
        imposed(hall, ImposeRestriction { scope, ..restriction(ana.user().unwrap(), &["lobby_join"]) }).await;
        assert_eq!(code(check(&ana, types::LOBBY_JOIN, Scope::mode("duel")).await), "restricted");
        check(&ana, types::LOBBY_JOIN, Scope::mode("free")).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_restriction_ends_after_matches_that_began_after_it() {
    on_both_engines(async |hall| {
        let ana = hall.call(hall.user("Ana").await, &[]);
        let id = ana.user().unwrap();
        let input = ImposeRestriction { after_matches: Some(2), ..restriction(id, &["lobby_host"]) };
        let began_before = ana.now() - HOUR;
        imposed(hall, input).await;
        let plays = async |began_at: Timestamp| {
            hall.server().write(move |tx| played(tx, &[id], began_at)).await.unwrap();
        };
        plays(began_before).await;
        let left = || async {
            let refused = check(&ana, types::LOBBY_HOST, Scope::ANYWHERE).await;
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
async fn who_may_not_host_opens_no_lobby() {
    on_both_engines(async |hall| {
        let ana = hall.call(hall.user("Ana").await, &[]);
        imposed(hall, restriction(ana.user().unwrap(), &["lobby_host"])).await;
        let input = serde_json::from_value(serde_json::json!({ "name": "Den", "mode": "free" })).unwrap();
        assert_eq!(code(lobbies::open(&ana, input).await), "restricted");
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
            ImposeRestriction { source: RestrictionSource::Action, ..plain() },
        ] {
            assert_eq!(code(impose_restriction(&hall.server(), wrong.clone()).await), "invalid", "{wrong:?}");
        }
        let nobody = UserId::from_uuid(uuid::Uuid::from_u128(7));
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
async fn staff_restricts_nobody_who_may_do_more_and_lifts_nothing_of_their_own() {
    on_both_engines(async |hall| {
        let [ana, staff] = [hall.user("Ana").await, hall.user("Mo").await];
        let staff = hall.call(staff, &[IMPOSE]);
        let server = hall.server();
        let grant = moothall_protocol::accounts::GrantRole {
            user_id: ana,
            role: "administrator".into(),
            ends_at: None,
            reason: "ours".into(),
        };
        crate::accounts::grant_role(&server, grant).await.unwrap();
        assert_eq!(code(impose_restriction(&staff, restriction(ana, &["chat"])).await), "forbidden");
        let own = imposed(hall, restriction(staff.user().unwrap(), &["chat"])).await;
        let input = LiftRestriction { restriction_id: own.id, reason: "I was good".into() };
        assert_eq!(code(lift_restriction(&staff, input).await), "own_restriction");
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
async fn members_join_what_they_may() {
    on_both_engines(async |hall| {
        let [ana, ben] = [hall.call(hall.user("Ana").await, &[]), hall.call(hall.user("Ben").await, &[])];
        let room = room_of(&ana, "Tavern").await.id;
        imposed(hall, restriction(ben.user().unwrap(), &["room_create"])).await;
        join(&ben, JoinRoom { room_id: room }).await.unwrap();
        say(&ben, room).await.unwrap();
        let open = |name: &str| moothall_protocol::communication::OpenRoom { name: name.into() };
        assert_eq!(communication::open_room(&ben, open("Tavern")).await.unwrap().id, room);
        assert_eq!(code(communication::open_room(&ben, open("Cellar")).await), "restricted");
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

#[tokio::test]
async fn who_may_not_join_lobbies_leaves_the_one_they_are_in() {
    on_both_engines(async |hall| {
        let [ana, ben] = [hall.call(hall.user("Ana").await, &[]), hall.call(hall.user("Ben").await, &[])];
        let input = serde_json::from_value(serde_json::json!({ "name": "Den", "mode": "free" })).unwrap();
        let lobby_id = lobbies::open(&ana, input).await.unwrap().lobby.id;
        let join = JoinLobby { lobby_id, password: None, wish: None, reason: None };
        lobbies::join(&ben, join.clone()).await.unwrap();
        let is_in = async || lobbies::mine(&ben, MyLobbies {}).await.unwrap().lobby.is_some();
        assert!(is_in().await);
        imposed(hall, restriction(ben.user().unwrap(), &["chat"])).await;
        imposed(hall, restriction(ben.user().unwrap(), &["lobby_join"])).await;
        // It follows after the commit.
        for _ in 0..2_000 {
            if !is_in().await {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(!is_in().await);
        assert_eq!(code(lobbies::join(&ben, join).await), "restricted");
    })
    .await;
}
