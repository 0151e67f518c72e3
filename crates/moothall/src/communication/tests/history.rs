//! Reading what was said, from every place and in every direction.

use moothall_protocol::communication::{
    CreateGroup, DeleteMessage, FindRoom, GetMessage, ListMyRooms, MarkRead, ReadUnread, RoomKind,
    SearchRooms,
};

use super::*;

fn around(room_id: RoomId, seq: i64, limit: usize) -> ReadHistory {
    ReadHistory { room_id, before: None, after: None, around: Some(seq), limit: Some(limit) }
}

fn before(room_id: RoomId, seq: Option<i64>, limit: usize) -> ReadHistory {
    ReadHistory { room_id, before: seq, after: None, around: None, limit: Some(limit) }
}

fn after(room_id: RoomId, seq: i64, limit: usize) -> ReadHistory {
    ReadHistory { room_id, before: None, after: Some(seq), around: None, limit: Some(limit) }
}

async fn part(cx: &Cx, input: ReadHistory) -> (Vec<i64>, Option<i64>, Option<i64>) {
    let history = history(cx, input).await.unwrap();
    (history.items.iter().map(|message| message.seq).collect(), history.before, history.after)
}

#[tokio::test]
async fn a_history_is_read_forwards_backwards_and_around() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let id = two.room.id;
        assert_eq!(part(&two.ana, before(id, None, 10)).await, (vec![], None, None));
        for n in 1..=10 {
            say(&two.ana, id, &n.to_string()).await;
        }
        let ana = &two.ana;
        assert_eq!(part(ana, before(id, None, 4)).await, (vec![7, 8, 9, 10], Some(7), None));
        assert_eq!(part(ana, before(id, Some(7), 4)).await, (vec![3, 4, 5, 6], Some(3), Some(6)));
        assert_eq!(part(ana, before(id, Some(3), 4)).await, (vec![1, 2], None, Some(2)));
        assert_eq!(part(ana, after(id, 0, 3)).await, (vec![1, 2, 3], None, Some(3)));
        assert_eq!(part(ana, after(id, 8, 3)).await, (vec![9, 10], Some(9), None));
        assert_eq!(part(ana, after(id, 10, 3)).await, (vec![], Some(11), None), "all are before the end");
        assert_eq!(part(ana, after(id, i64::MAX, 3)).await, (vec![], Some(11), None));
        assert_eq!(
            part(ana, before(id, Some(0), 3)).await,
            (vec![], None, Some(0)),
            "all are after the beginning"
        );
        assert_eq!(part(ana, before(id, Some(i64::MIN), 3)).await, (vec![], None, Some(0)));
        assert_eq!(part(ana, around(id, 5, 4)).await, (vec![3, 4, 5, 6], Some(3), Some(6)));
        assert_eq!(part(ana, around(id, 1, 4)).await, (vec![1, 2], None, Some(2)));
        assert_eq!(part(ana, around(id, 5, 1)).await, (vec![5], Some(5), Some(5)));
        assert_eq!(part(ana, around(id, 99, 1)).await, (vec![], Some(11), None), "all are before the end");
        assert_eq!(part(ana, around(id, i64::MAX, 4)).await, (vec![9, 10], Some(9), None));
        assert_eq!(part(ana, around(id, i64::MIN, 1)).await, (vec![1], None, Some(1)));
        let both = ReadHistory { after: Some(1), ..before(id, Some(3), 4) };
        assert_eq!(code(history(ana, both).await), "invalid");
    })
    .await;
}

#[tokio::test]
async fn a_place_stays_where_it_is_whatever_is_sent_meanwhile() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let id = two.room.id;
        for n in 1..=20 {
            say(&two.ana, id, &n.to_string()).await;
        }
        let (mut seen, mut place) = (Vec::new(), None);
        loop {
            let (mut numbers, next, _) = part(&two.ben, before(id, place, 6)).await;
            numbers.extend(seen);
            seen = numbers;
            say(&two.ana, id, "meanwhile").await;
            match next {
                Some(next) => place = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, (1..=20).collect::<Vec<i64>>());
    })
    .await;
}

#[tokio::test]
async fn what_is_read_after_a_write_of_the_same_user_shows_it() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let id = two.room.id;
        let first = say(&two.ana, id, "first").await;
        for n in 0..20 {
            let newest = before(id, None, 1);
            let said = format!("number {n}");
            // Polled in this order, as requests of one socket are.
            let (_, history) = tokio::join!(say(&two.ana, id, &said), history(&two.ana, newest));
            assert_eq!(history.unwrap().items[0].text, said);
        }
        let gone = DeleteMessage { room_id: id, message_id: first.id, reason: None };
        let get = GetMessage { room_id: id, message_id: first.id };
        let (_, read) = tokio::join!(delete(&two.ana, gone), get_message(&two.ana, get));
        assert!(read.unwrap().deleted_at.is_some());
    })
    .await;
}

#[tokio::test]
async fn what_is_read_of_all_rooms_after_a_write_of_the_same_user_shows_it() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let (ana, ben, id) = (&two.ana, &two.ben, two.room.id);
        for name in ["Cellar", "Attic", "Garden"] {
            let said = say(ben, id, "hello").await;
            let mark = MarkRead { room_id: id, seq: said.seq };
            let mine = ListMyRooms { kind: None, cursor: None, limit: None };
            // Polled in this order, as requests of one socket are.
            let (_, unread, rooms) =
                tokio::join!(mark_read(ana, mark), unread(ana, ReadUnread {}), my_rooms(ana, mine.clone()));
            assert_eq!(unread.unwrap().messages, 0);
            assert_eq!(rooms.unwrap().items[0].unread, 0);
            let search = SearchRooms { name: name.into(), cursor: None, limit: None };
            let (made, rooms, found, one) = tokio::join!(
                create_room(ana, room(name)),
                my_rooms(ana, mine),
                search_rooms(ana, search),
                find_room(ana, FindRoom { name: name.into() }),
            );
            let made = made.unwrap();
            assert!(rooms.unwrap().items.iter().any(|mine| mine.room.id == made.id));
            assert_eq!(found.unwrap().items[0].id, made.id);
            assert_eq!(one.unwrap().id, made.id);
        }
        befriend(ana, ben).await;
        let everybody = [ana.user().unwrap(), ben.user().unwrap()];
        let input = CreateGroup { user_ids: everybody.to_vec(), name: None };
        let groups = ListMyRooms { kind: Some(RoomKind::Group), cursor: None, limit: None };
        let (made, mine) = tokio::join!(create_group(ana, input), my_rooms(ana, groups));
        assert_eq!(mine.unwrap().items[0].room.id, made.unwrap().id);
    })
    .await;
}
