//! Direct conversations and groups.

use moothall_protocol::communication::*;
use moothall_protocol::connections::{UpdatePresence, Visibility};
use moothall_protocol::limits::{GROUP_MEMBERS_MAX, UNREAD_ROOMS_MAX};

use super::*;
use crate::connections::presence::{Command, Grace, Presence};
use crate::{accounts, connections};

async fn direct(cx: &Cx, user_id: UserId) -> Room {
    open_direct(cx, OpenDirect { user_id }).await.unwrap()
}

#[tokio::test]
async fn t054_two_users_have_one_conversation_and_both_hear_of_it() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let (one, same) = (direct(&two.ana, two.ben_id).await, direct(&two.ben, two.ana_id).await);
        assert_eq!(one.id, same.id);
        let ears = [two.ana_id, two.ben_id].map(|user| Ear::at(hall, [Topic::User(user)]));
        say(&two.ana, one.id, "psst").await;
        for ear in &ears {
            assert_eq!(ear.texts(), ["psst"]);
        }
        let cem = hall.call(hall.user("Cem").await, &[MODERATE]);
        let input = ReadHistory { room_id: one.id, before: None, after: None, around: None, limit: None };
        assert_eq!(code(history(&cem, input).await), "not_found", "not even for staff");
        assert_eq!(code(leave(&two.ana, LeaveRoom { room_id: one.id }).await), "direct_conversation");
        assert_eq!(code(open_direct(&two.ana, OpenDirect { user_id: two.ana_id }).await), "invalid");
        let nobody: UserId = two.ana.new_id();
        assert_eq!(code(open_direct(&two.ana, OpenDirect { user_id: nobody }).await), "user_unreachable");
    })
    .await;
}

#[tokio::test]
async fn two_who_open_it_at_once_get_the_same() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let mut tasks = Vec::new();
        for n in 0..16 {
            let (cx, other) =
                if n % 2 == 0 { (two.ana.clone(), two.ben_id) } else { (two.ben.clone(), two.ana_id) };
            tasks.push(tokio::spawn(async move { direct(&cx, other).await.id }));
        }
        let mut ids = Vec::new();
        for task in tasks {
            ids.push(task.await.unwrap());
        }
        assert!(ids.iter().all(|id| *id == ids[0]));
    })
    .await;
}

#[tokio::test]
async fn what_is_delivered_and_read_shows_and_only_moves_forward() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let id = direct(&two.ana, two.ben_id).await.id;
        for n in 1..=3 {
            say(&two.ana, id, &n.to_string()).await;
        }
        let mine = my_rooms(&two.ben, ListMyRooms { kind: Some(RoomKind::Direct), ..Default::default() });
        let mine = mine.await.unwrap().items;
        assert_eq!((mine.len(), mine[0].unread, mine[0].user_id), (1, 3, Some(two.ana_id)));
        let ear = Ear::at(hall, [Topic::User(two.ana_id)]);
        mark_delivered(&two.ben, MarkDelivered { room_id: id, seq: 3 }).await.unwrap();
        let marker = mark_read(&two.ben, MarkRead { room_id: id, seq: 2 }).await.unwrap();
        assert_eq!((marker.delivered_seq, marker.read_seq), (3, 2));
        let marker = mark_read(&two.ben, MarkRead { room_id: id, seq: 1 }).await.unwrap();
        assert_eq!(marker.read_seq, 2);
        let marker = mark_read(&two.ben, MarkRead { room_id: id, seq: 99 }).await.unwrap();
        assert_eq!(marker.read_seq, 3, "not beyond the newest message");
        let heard = ear.heard();
        assert!(matches!(heard.last(), Some(Event::Read(marker)) if marker.read_seq == 3), "{heard:?}");
        assert_eq!(unread(&two.ben, ReadUnread {}).await.unwrap(), Unread::default());
        hall.restart().await;
        let ben = hall.call(two.ben_id, &[]);
        assert_eq!(unread(&ben, ReadUnread {}).await.unwrap(), Unread::default());
    })
    .await;
}

#[tokio::test]
async fn nothing_shows_that_something_arrived_at_the_invisible() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let id = direct(&two.ana, two.ben_id).await.id;
        say(&two.ana, id, "there?").await;
        let session = two.ben.require_identity().unwrap().session_id;
        let grace = Grace::default();
        let come = Command::Connect { session, attachment: 1, is_bot: false, grace };
        hall.hall.directory().call::<Presence>(&two.ben, two.ben_id, come).await.unwrap();
        let visibility = Some(Visibility::Invisible);
        let hide = UpdatePresence { visibility, ..UpdatePresence::default() };
        connections::update_presence(&two.ben, hide).await.unwrap();
        let ear = Ear::at(hall, [Topic::User(two.ana_id)]);
        let marker = mark_delivered(&two.ben, MarkDelivered { room_id: id, seq: 1 }).await.unwrap();
        assert_eq!(marker.delivered_seq, 0);
        let input = ListMembers { room_id: id, cursor: None, limit: None };
        let members = list_members(&two.ana, input).await.unwrap().items;
        let ben = members.iter().find(|member| member.user_id == two.ben_id).unwrap();
        assert_eq!((ben.delivered_seq, ear.heard().len()), (Some(0), 0));
        hall.restart().await;
        let ben = hall.call(two.ben_id, &[]);
        let marker = mark_delivered(&ben, MarkDelivered { room_id: id, seq: 1 }).await.unwrap();
        assert_eq!(marker.delivered_seq, 0, "a restart shows nobody either");
    })
    .await;
}

#[tokio::test]
async fn what_happens_at_once_is_stored_as_it_happened() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        befriend(&two.ana, &two.ben).await;
        let input = CreateGroup { user_ids: vec![two.ben_id], name: None };
        let id = create_group(&two.ana, input).await.unwrap().id;
        let read = |cx: &Cx, seq| {
            let cx = cx.clone();
            async move { mark_read(&cx, MarkRead { room_id: id, seq }).await.unwrap() }
        };
        // From here on it is known in memory who is in the conversation, and nothing waits on its way to the room: polled in
        // this order, all of it is one batch.
        say(&two.ana, id, "zero").await;
        assert_eq!(code(send(&two.ben, text(id, "")).await), "message_empty");
        let (_, seen, _, _, left, back, _, ahead) = tokio::join!(
            say(&two.ana, id, "one"),
            read(&two.ben, 2),
            say(&two.ben, id, "two"),
            say(&two.ana, id, "three"),
            leave(&two.ben, LeaveRoom { room_id: id }),
            add_member(&two.ana, AddMember { room_id: id, user_id: two.ben_id, reason: None }),
            say(&two.ana, id, "four"),
            read(&two.ben, 5),
        );
        left.unwrap();
        assert_eq!((seen.read_seq, back.unwrap().read_seq, ahead.read_seq), (2, Some(4), 5));
        let input = ListMembers { room_id: id, cursor: None, limit: None };
        let stored = list_members(&two.ana, input).await.unwrap().items;
        let stored: Vec<_> = stored.iter().map(|member| member.read_seq).collect();
        assert_eq!(stored, [Some(5), Some(5)]);
        assert_eq!(all(&two.ben, id).await, ["zero", "one", "two", "three", "four"]);
    })
    .await;
}

#[tokio::test]
async fn a_group_brings_its_members_in_and_all_are_equal() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let (cem_id, dia_id) = (hall.user("Cem").await, hall.user("Dia").await);
        let (cem, dia) = (hall.call(cem_id, &[]), hall.call(dia_id, &[]));
        for (one, other) in [(&two.ana, &two.ben), (&two.ana, &cem), (&cem, &dia)] {
            befriend(one, other).await;
        }
        let ear = Ear::at(hall, [Topic::User(cem_id)]);
        let input = CreateGroup { user_ids: vec![two.ben_id, cem_id, cem_id], name: None };
        let group = create_group(&two.ana, input).await.unwrap();
        assert_eq!((group.members, group.kind), (3, RoomKind::Group));
        assert!(matches!(&ear.heard()[..], [Event::RoomJoined(_)]));
        assert_eq!(code(join(&dia, JoinRoom { room_id: group.id }).await), "not_found");
        add_member(&cem, AddMember { room_id: group.id, user_id: dia_id, reason: None }).await.unwrap();
        say(&dia, group.id, "thanks").await;
        let kicked = KickMember { room_id: group.id, user_id: dia_id, reason: None };
        assert_eq!(code(kick(&cem, kicked).await), "room_role_needed");
        for cx in [&two.ana, &two.ben, &cem, &dia] {
            leave(cx, LeaveRoom { room_id: group.id }).await.unwrap();
        }
        assert_eq!(code(get_room(&dia, GetRoom { room_id: group.id }).await), "not_found");
    })
    .await;
}

#[tokio::test]
async fn b65_whoever_was_erased_is_reached_by_nobody() {
    let forgetful = |settings: &mut crate::Settings| settings.accounts.guest_idle_days = 1;
    on_both_engines_with(forgetful, async |hall| {
        let (two, guest) = (two(hall).await, hall.guest("Gus").await);
        let id = direct(&two.ana, guest).await.id;
        say(&two.ana, id, "still there?").await;
        let as_guest = hall.call(guest, &[]);
        let den = create_room(&as_guest, room("Den")).await.unwrap().id;
        join(&two.ben, JoinRoom { room_id: den }).await.unwrap();
        let ear = Ear::at(hall, [Topic::Room(den)]);
        hall.clock.advance(Duration::from_secs(2 * 24 * 60 * 60));
        accounts::sweep(&hall.server()).await.unwrap();
        assert_eq!(code(send(&two.ana, text(id, "hello?")).await), "user_unreachable");
        assert_eq!(code(open_direct(&two.ana, OpenDirect { user_id: guest }).await), "user_unreachable");
        let input = CreateGroup { user_ids: vec![guest], name: None };
        assert_eq!(code(create_group(&two.ana, input).await), "user_unreachable");
        assert_eq!(all(&two.ana, id).await, ["still there?"], "what was said stays");
        sweep(&hall.server()).await.unwrap();
        assert!(
            matches!(&ear.heard()[..], [Event::MemberLeft(gone), Event::RoleSet(_)] if gone.user_id == guest)
        );
        let left =
            list_members(&two.ben, ListMembers { room_id: den, cursor: None, limit: None }).await.unwrap();
        let left: Vec<_> = left.items.into_iter().map(|member| (member.user_id, member.role)).collect();
        assert_eq!(left, [(two.ben_id, RoomRole::Owner)], "somebody looks after it");
        sweep(&hall.server()).await.unwrap();
        assert_eq!(ear.heard().len(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_group_has_so_many_members_and_no_more() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let mut others = Vec::new();
        for number in 0..GROUP_MEMBERS_MAX {
            let other = hall.guest(&format!("Extra{number}")).await;
            befriend(&two.ana, &hall.call(other, &[])).await;
            others.push(other);
        }
        let last = others.pop().unwrap();
        let input = |user_ids: Vec<UserId>| CreateGroup { user_ids, name: None };
        let group = create_group(&two.ana, input(others.clone())).await.unwrap();
        assert_eq!(group.members, GROUP_MEMBERS_MAX as u32);
        let one_more = AddMember { room_id: group.id, user_id: last, reason: None };
        assert_eq!(code(add_member(&two.ana, one_more).await), "room_full");
        others.push(last);
        assert_eq!(code(create_group(&two.ana, input(others)).await), "room_full");
    })
    .await;
}

#[tokio::test]
async fn what_is_unread_is_told_of_the_most_lively_rooms() {
    on_both_engines(async |hall| {
        let ana_id = hall.user("Ana").await;
        let ana = hall.call(ana_id, &[]);
        for number in 0..=UNREAD_ROOMS_MAX {
            hall.clock.advance(Duration::from_millis(1));
            let other = hall.call(hall.guest(&format!("Extra{number}")).await, &[]);
            let with_ana = direct(&other, ana_id).await;
            say(&other, with_ana.id, "hello").await;
        }
        let told = unread(&ana, ReadUnread {}).await.unwrap();
        assert_eq!(told.rooms.len(), UNREAD_ROOMS_MAX);
    })
    .await;
}
