//! Who may not write, or make rooms, for a while.

use std::time::Duration;

use moothall_protocol::communication::{CreateGroup, OpenDirect, OpenRoom};
use moothall_protocol::restrictions::*;

use super::*;
use crate::restrictions;
use crate::restrictions::testing::{imposed, lifted, restriction, why};

const HOUR: Duration = Duration::from_secs(3_600);

async fn room_of(cx: &Cx, name: &str) -> Room {
    create_room(cx, room(name)).await.unwrap()
}

async fn try_say(cx: &Cx, room_id: RoomId) -> Result<(), Error> {
    send(cx, text(room_id, "hello")).await.map(drop)
}

#[tokio::test]
async fn who_may_not_chat_writes_nowhere_but_to_one_other_user_and_hears_why() {
    on_both_engines(async |hall| {
        let [ana, ben] = [hall.call(hall.user("Ana").await, &[]), hall.call(hall.user("Ben").await, &[])];
        let id = ana.user().unwrap();
        let room = room_of(&ana, "Tavern").await.id;
        try_say(&ana, room).await.unwrap();
        let ear = Ear::of(hall, &ana);
        let ends_at = ana.now() + HOUR;
        let chat =
            imposed(hall, ImposeRestriction { ends_at: Some(ends_at), ..restriction(id, &["chat"]) }).await;
        let told = ear.heard();
        assert!(matches!(&told[..], [Event::RestrictionImposed(own), ..] if own.id == chat.id), "{told:?}");
        let restricted = why(try_say(&ana, room).await);
        assert_eq!((restricted.kind.as_str(), restricted.public_reason.as_str()), ("chat", "be kind"));
        assert_eq!((restricted.restriction_id, restricted.ends_at), (Some(chat.id), Some(ends_at)));
        let direct = open_direct(&ana, OpenDirect { user_id: ben.user().unwrap() }).await.unwrap();
        try_say(&ana, direct.id).await.unwrap();
        // Beside it, all that has to do with others.
        imposed(hall, restriction(id, &["community"])).await;
        assert_eq!(code(try_say(&ana, direct.id).await), "restricted");
        assert_eq!(
            code(create_group(&ana, CreateGroup { user_ids: vec![ben.user().unwrap()], name: None }).await),
            "restricted"
        );
        try_say(&ben, direct.id).await.unwrap();
        let shown = restrictions::mine(&ana, MyRestrictions::default()).await.unwrap().items;
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
        assert_eq!(code(try_say(&hall.call(id, &[]), room).await), "restricted");
        hall.clock.advance(Duration::from_micros(1));
        try_say(&hall.call(id, &[]), room).await.unwrap();
        // Whether its task has told so is another matter; this asks for it.
        restrictions::end_all(&hall.server()).await.unwrap();
        let page = ListRestrictions { user_id: id, cursor: None, limit: None };
        let ended = restrictions::list(&hall.server(), page.clone()).await.unwrap().items.remove(0);
        assert_eq!(
            (ended.id, ended.ended_at, ended.ended_by),
            (chat.id, Some(ends_at), Some(RestrictionEnd::Expired))
        );

        let again =
            ImposeRestriction { ends_at: Some(hall.server().now() + HOUR), ..restriction(id, &["chat"]) };
        imposed(hall, again).await;
        hall.restart().await;
        assert_eq!(code(try_say(&hall.call(id, &[]), room).await), "restricted");
        hall.clock.advance(HOUR);
        hall.restart().await;
        let ana = hall.call(id, &[]);
        try_say(&ana, room).await.unwrap();
        assert_eq!(restrictions::end_all(&hall.server()).await.unwrap(), None);
        let all = restrictions::list(&hall.server(), page).await.unwrap().items;
        assert!(all.iter().all(|restriction| restriction.ended_by == Some(RestrictionEnd::Expired)));
    })
    .await;
}

#[tokio::test]
async fn what_is_lifted_is_over_at_once_and_told() {
    on_both_engines(async |hall| {
        let ana = hall.call(hall.user("Ana").await, &[]);
        let room = room_of(&ana, "Tavern").await.id;
        let chat = imposed(hall, restriction(ana.user().unwrap(), &["chat", "rename"])).await;
        assert_eq!(code(try_say(&ana, room).await), "restricted");
        let ear = Ear::of(hall, &ana);
        let after = lifted(hall, chat.id).await;
        assert_eq!(after.ended_by, Some(RestrictionEnd::Lifted));
        assert!(matches!(&ear.heard()[..], [Event::RestrictionEnded(ended), ..] if ended.types.len() == 2));
        try_say(&ana, room).await.unwrap();
        assert_eq!(lifted(hall, chat.id).await, after, "twice is as once");
    })
    .await;
}

#[tokio::test]
async fn a_restriction_may_hold_in_one_room_only() {
    on_both_engines(async |hall| {
        let ana = hall.call(hall.user("Ana").await, &[]);
        let [here, there] = [room_of(&ana, "Here").await.id, room_of(&ana, "There").await.id];
        let scope = RestrictionScope { room_id: Some(here), mode: None };
        imposed(hall, ImposeRestriction { scope, ..restriction(ana.user().unwrap(), &["chat"]) }).await;
        assert_eq!(code(try_say(&ana, here).await), "restricted");
        try_say(&ana, there).await.unwrap();
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
        try_say(&ben, room).await.unwrap();
        let open = |name: &str| OpenRoom { name: name.into() };
        assert_eq!(open_room(&ben, open("Tavern")).await.unwrap().id, room);
        assert_eq!(code(open_room(&ben, open("Cellar")).await), "restricted");
    })
    .await;
}
