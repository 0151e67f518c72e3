//! Rooms that follow something else, here a match, of which nothing else is known.

use moothall_protocol::communication::LeaveRoom;

use super::*;
use crate::runtime::Entity as _;

/// The room of a match of these users.
async fn opened(hall: &TestHall, users: &[UserId]) -> RoomId {
    let (cx, users) = (hall.server(), users.to_vec());
    let id = cx.new_id();
    let room = FollowingRoom { id, kind: RoomKind::Match, users, retention_days: 3 };
    cx.write(move |tx| open_following_room(tx, &room)).await.unwrap();
    id
}

async fn seats(hall: &TestHall, room: RoomId, users: &[UserId], version: i64) {
    seat_following_room(&hall.server(), room, users.to_vec(), version).await.unwrap();
}

#[tokio::test]
async fn the_players_of_a_match_talk_in_its_room_until_it_is_over() {
    on_both_engines(async |hall| {
        let Two { ana, ben, ana_id, ben_id, .. } = two(hall).await;
        let ear = Ear::at(hall, [Topic::User(ana_id)]);
        let room = opened(hall, &[ana_id]).await;
        assert!(matches!(ear.heard().as_slice(), [Event::RoomJoined(joined)] if joined.id == room));
        say(&ana, room, "alone?").await;
        assert_eq!(code(send(&ben, text(room, "no")).await), "not_found");
        seats(hall, room, &[ana_id, ben_id], 2).await;
        say(&ben, room, "no").await;
        seats(hall, room, &[ana_id], 1).await;
        say(&ben, room, "what is past is past").await;
        assert_eq!(code(leave(&ben, LeaveRoom { room_id: room }).await), "match_room");
        // Nobody is in it for a moment, and it is still there.
        seats(hall, room, &[], 3).await;
        assert_eq!(code(send(&ana, text(room, "hm")).await), "not_found");
        seats(hall, room, &[ben_id], 4).await;
        assert_eq!(all(&ben, room).await, ["alone?", "no", "what is past is past"]);
        hall.restart().await;
        let ben = hall.call(ben_id, &[]);
        say(&ben, room, "still here").await;
        let ear = Ear::at(hall, [Topic::User(ben_id)]);
        close_following_room(&hall.server(), room).await.unwrap();
        assert!(matches!(ear.heard().as_slice(), [Event::RoomLeft(left)] if left.room_id == room));
        assert_eq!(code(send(&ben, text(room, "and now?")).await), "not_found");
        seats(hall, room, &[ben_id], 5).await;
        assert_eq!(code(send(&ben, text(room, "and now?")).await), "not_found", "it stays closed");
        let kept = async || {
            let cx = hall.server();
            sweep(&cx).await.unwrap();
            cx.read(move |tx| room::Room::load(tx, room)).await.unwrap().is_some()
        };
        assert!(kept().await);
        hall.clock.advance(Duration::from_secs(3 * 24 * 3_600));
        assert!(!kept().await, "it goes with its history");
        close_following_room(&hall.server(), room).await.unwrap();
    })
    .await;
}
