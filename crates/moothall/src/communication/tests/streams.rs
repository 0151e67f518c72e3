//! What a session hears of its rooms, and of what it does itself.

use moothall_protocol::communication::CreateGroup;
use moothall_protocol::connections::UpdatePresence;

use super::*;
use crate::accounts::testing::{self as people, with_accounts};
use crate::connections::{self, Stream};
use crate::snapshot;

async fn open(cx: &Cx) -> Stream {
    let mut stream = snapshot::open(cx, None).await.unwrap();
    assert!(matches!(stream.take(1).unwrap()[0].1.event(), Event::SessionReady(_)));
    stream
}

fn heard(stream: &mut Stream) -> Vec<Event> {
    stream.take(usize::MAX).unwrap().into_iter().map(|(_, frame)| frame.event().clone()).collect()
}

#[tokio::test]
async fn b02_b61_a_fresh_stream_hears_of_every_room_however_many() {
    with_accounts(async |hall| {
        let (ana, ben) = (people::sign_up(&hall.hall, "Ana").await, people::sign_up(&hall.hall, "Ben").await);
        let (ana, ben) = (people::call(&hall.hall, &ana).await, people::call(&hall.hall, &ben).await);
        befriend(&ana, &ben).await;
        let mut rooms = Vec::new();
        for _ in 0..60 {
            let input = CreateGroup { user_ids: vec![ana.user().unwrap()], name: None };
            rooms.push(create_group(&ben, input).await.unwrap().id);
        }
        let mut stream = open(&ana).await;
        for room in &rooms {
            say(&ben, *room, "hello").await;
        }
        let of = |event| match event {
            Event::MessageSent(message) => Some(message.room_id),
            _ => None,
        };
        assert_eq!(heard(&mut stream).into_iter().filter_map(of).collect::<Vec<_>>(), rooms);
    })
    .await;
}

#[tokio::test]
async fn b63_a_client_hears_of_its_own_changes_exactly_once() {
    with_accounts(async |hall| {
        let ana = people::sign_up(&hall.hall, "Ana").await;
        let ana = people::call(&hall.hall, &ana).await;
        let id = create_room(&ana, room("Tavern")).await.unwrap().id;
        let mut stream = open(&ana).await;
        say(&ana, id, "hello").await;
        let change = UpdatePresence { text: Some("here".into()), ..UpdatePresence::default() };
        connections::update_presence(&ana, change).await.unwrap();
        let events = heard(&mut stream);
        assert!(matches!(events[..], [Event::MessageSent(_), Event::PresenceUpdated(_)]), "{events:?}");
    })
    .await;
}

#[test]
fn b84_a_topic_is_its_kind_a_colon_and_an_id() {
    let id = Uuid::from_u128(7);
    for (topic, kind) in [
        (Topic::User(UserId::from_uuid(id)), "user"),
        (Topic::Room(RoomId::from_uuid(id)), "room"),
        (Topic::Session(moothall_protocol::SessionId::from_uuid(id)), "session"),
    ] {
        assert_eq!(topic.to_string(), format!("{kind}:{id}"));
    }
}
