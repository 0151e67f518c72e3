//! Rooms: who makes, finds, joins, changes and closes them.

use moothall_protocol::communication::*;
use moothall_protocol::limits::{
    PAGE_ITEMS_DEFAULT, ROOM_MEMBERS_MAX, ROOMS_ARCHIVED_MAX, ROOMS_BROUGHT_INTO_MAX, ROOMS_JOINED_MAX,
};

use super::*;

fn change(room_id: RoomId) -> UpdateRoom {
    UpdateRoom {
        room_id,
        name: None,
        topic: None,
        member_only: None,
        read_only: None,
        slow_mode_ms: None,
        retention_days: None,
        if_version: None,
        reason: None,
    }
}

fn role(room_id: RoomId, user_id: UserId, role: RoomRole) -> SetRoomRole {
    SetRoomRole { room_id, user_id, role, reason: None }
}

async fn roles(cx: &Cx, room_id: RoomId) -> Vec<(UserId, RoomRole)> {
    let page = list_members(cx, ListMembers { room_id, cursor: None, limit: None }).await.unwrap();
    page.items.into_iter().map(|member| (member.user_id, member.role)).collect()
}

#[tokio::test]
async fn t052_a_name_is_one_rooms_and_opening_it_makes_it_once() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let open = |cx: Cx, name: &str| {
            let name = name.to_owned();
            async move { open_room(&cx, OpenRoom { name }).await }
        };
        assert_eq!(open(two.ben.clone(), "  taVERN ").await.unwrap().id, two.room.id);
        let made = open(two.ben.clone(), "Cellar").await.unwrap();
        assert_eq!(roles(&two.ben, made.id).await, [(two.ben_id, RoomRole::Owner)]);
        assert_eq!(open(two.ana.clone(), "Cellar").await.unwrap().id, made.id);
        // The second letter is a Cyrillic one.
        for name in ["tavern", "T\u{0430}vern"] {
            assert_eq!(code(create_room(&two.ben, room(name)).await), "room_name_taken", "{name}");
        }
        let found = find_room(&two.ben, FindRoom { name: "TAVERN".into() }).await.unwrap();
        assert_eq!((found.id, found.members), (two.room.id, 2));
    })
    .await;
}

#[tokio::test]
async fn rooms_are_listed_by_name_in_pages_and_found_by_their_beginning() {
    on_both_engines(async |hall| {
        let ana = hall.call(hall.user("Ana").await, &[]);
        for name in ["beta two", "Alpha", "beta One", "Ärger", "gamma"] {
            create_room(&ana, room(name)).await.unwrap();
        }
        let secret = CreateRoom { member_only: Some(true), ..room("beta secret") };
        create_room(&ana, secret).await.unwrap();
        let mut names = Vec::new();
        let mut cursor = None;
        loop {
            let page = list_rooms(&ana, ListRooms { cursor, limit: Some(2) }).await.unwrap();
            names.extend(page.items.into_iter().map(|room| room.name.unwrap()));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(names, ["Alpha", "beta One", "beta two", "gamma", "Ärger"]);
        let input = SearchRooms { name: "BETA".into(), cursor: None, limit: None };
        let found = search_rooms(&ana, input).await.unwrap().items;
        assert_eq!(found.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_member_only_room_is_not_there_for_others() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let secret = CreateRoom { member_only: Some(true), ..room("Vault") };
        let vault = create_room(&two.ana, secret).await.unwrap();
        let id = vault.id;
        say(&two.ana, id, "gold").await;
        let input = ReadHistory { room_id: id, before: None, after: None, around: None, limit: None };
        assert_eq!(code(get_room(&two.ben, GetRoom { room_id: id }).await), "not_found");
        assert_eq!(code(history(&two.ben, input).await), "not_found");
        assert_eq!(code(join(&two.ben, JoinRoom { room_id: id }).await), "not_found");
        assert_eq!(code(send(&two.ben, text(id, "let me in")).await), "not_found");
        assert_eq!(code(find_room(&two.ben, FindRoom { name: "vault".into() }).await), "not_found");
        assert_eq!(code(open_room(&two.ben, OpenRoom { name: "vault".into() }).await), "room_name_taken");
        befriend(&two.ana, &two.ben).await;
        let ear = Ear::at(hall, [Topic::User(two.ben_id)]);
        add_member(&two.ana, AddMember { room_id: id, user_id: two.ben_id, reason: None }).await.unwrap();
        assert!(matches!(&ear.heard()[..], [Event::RoomJoined(room)] if room.id == id));
        assert_eq!(all(&two.ben, id).await, ["gold"]);
    })
    .await;
}

#[tokio::test]
async fn roles_decide_who_changes_what_and_a_room_keeps_an_owner() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let id = two.room.id;
        let topic = |text: &str| UpdateRoom { topic: Some(text.into()), ..change(id) };
        assert_eq!(code(update_room(&two.ben, topic("x")).await), "room_role_needed");
        assert_eq!(code(set_role(&two.ana, role(id, two.ana_id, RoomRole::Member)).await), "last_room_owner");
        set_role(&two.ana, role(id, two.ben_id, RoomRole::Moderator)).await.unwrap();
        let ear = Ear::at(hall, [Topic::Room(id)]);
        let updated = update_room(&two.ben, topic(" Tales ")).await.unwrap();
        assert_eq!((updated.topic.as_str(), updated.version), ("Tales", 2));
        assert!(matches!(&ear.heard()[..], [Event::RoomUpdated(room)] if room.topic == "Tales"));
        update_room(&two.ben, topic("Tales")).await.unwrap();
        assert!(ear.heard().is_empty(), "what changes nothing tells nobody");
        let renamed = UpdateRoom { name: Some("Inn".into()), ..change(id) };
        assert_eq!(code(update_room(&two.ben, renamed.clone()).await), "room_role_needed");
        let stale = UpdateRoom { if_version: Some(1), ..renamed.clone() };
        assert_eq!(code(update_room(&two.ana, stale).await), "version_conflict");
        update_room(&two.ana, renamed).await.unwrap();
        create_room(&two.ben, room("Tavern")).await.unwrap();
        let kick_owner = KickMember { room_id: id, user_id: two.ana_id, reason: None };
        assert_eq!(code(kick(&two.ben, kick_owner).await), "room_role_needed");
        leave(&two.ana, LeaveRoom { room_id: id }).await.unwrap();
        assert_eq!(roles(&two.ben, id).await, [(two.ben_id, RoomRole::Owner)], "the moderator inherits");
    })
    .await;
}

#[tokio::test]
async fn joining_twice_is_once_and_whoever_left_hears_nothing_more() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let id = two.room.id;
        join(&two.ben, JoinRoom { room_id: id }).await.unwrap();
        assert_eq!(get_room(&two.ben, GetRoom { room_id: id }).await.unwrap().members, 2);
        leave(&two.ben, LeaveRoom { room_id: id }).await.unwrap();
        assert_eq!(code(leave(&two.ben, LeaveRoom { room_id: id }).await), "not_a_member");
        assert_eq!(code(send(&two.ben, text(id, "hello?")).await), "not_a_member");
        assert_eq!(get_room(&two.ben, GetRoom { room_id: id }).await.unwrap().members, 1);
    })
    .await;
}

#[tokio::test]
async fn an_archived_room_is_read_and_no_more_until_staff_opens_it() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let id = two.room.id;
        say(&two.ben, id, "last words").await;
        let archive = |reason: Option<&str>| ArchiveRoom { room_id: id, reason: reason.map(str::to_owned) };
        let restore = |reason: Option<&str>| RestoreRoom { room_id: id, reason: reason.map(str::to_owned) };
        assert_eq!(code(archive_room(&two.ben, archive(None)).await), "room_role_needed");
        archive_room(&two.ana, archive(None)).await.unwrap();
        assert_eq!(code(send(&two.ben, text(id, "more")).await), "room_archived");
        assert_eq!(all(&two.ben, id).await, ["last words"]);
        assert_eq!(code(restore_room(&two.ana, restore(None)).await), "forbidden");
        create_room(&two.ben, room("Tavern")).await.unwrap();
        let staff = hall.call(hall.user("Cem").await, &[MODERATE]);
        assert_eq!(code(restore_room(&staff, restore(Some("asked"))).await), "room_name_taken");
        let mine = my_rooms(&two.ben, ListMyRooms::default()).await.unwrap();
        assert_eq!(mine.items.len(), 1, "only the new one");
    })
    .await;
}

#[tokio::test]
async fn what_staff_does_in_a_room_is_audited_with_its_reason() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let (id, staff_id) = (two.room.id, hall.user("Cem").await);
        let staff = hall.call(staff_id, &[MODERATE, audit::READ]);
        let said = say(&two.ben, id, "rude").await;
        let input = DeleteMessage { room_id: id, message_id: said.id, reason: Some("rude words".into()) };
        delete(&staff, input).await.unwrap();
        hall.clock.advance(Duration::from_secs(1));
        let kicked = KickMember { room_id: id, user_id: two.ben_id, reason: Some("again".into()) };
        kick(&staff, kicked).await.unwrap();
        let lines = audit::list(&staff, Default::default()).await.unwrap().items;
        let lines: Vec<_> = lines.iter().map(|line| (line.action.as_str(), line.reason.as_deref())).collect();
        assert_eq!(
            lines,
            [("communication.kick", Some("again")), ("communication.delete", Some("rude words"))]
        );
    })
    .await;
}

#[tokio::test]
async fn staff_says_why_and_comes_into_no_conversation_of_others() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let (id, staff_id) = (two.room.id, hall.user("Cem").await);
        let staff = hall.call(staff_id, &[MODERATE, audit::READ]);
        let direct = open_direct(&two.ana, OpenDirect { user_id: two.ben_id }).await.unwrap().id;
        befriend(&two.ana, &two.ben).await;
        let group = CreateGroup { user_ids: vec![two.ben_id], name: None };
        let group = create_group(&two.ana, group).await.unwrap().id;
        let because = || Some("because".to_owned());
        for room_id in [direct, group] {
            let add = AddMember { room_id, user_id: staff_id, reason: because() };
            assert_eq!(code(add_member(&staff, add).await), "not_found");
        }
        let archive = ArchiveRoom { room_id: direct, reason: because() };
        assert_eq!(code(archive_room(&staff, archive).await), "direct_conversation");
        say(&two.ana, direct, "still here").await;

        let update = |reason| UpdateRoom { topic: Some("x".into()), reason, ..change(id) };
        let kick_ben = |reason| KickMember { room_id: id, user_id: two.ben_id, reason };
        let appoint = |reason| SetRoomRole { reason, ..role(id, two.ben_id, RoomRole::Moderator) };
        for empty in [None, Some(String::new()), Some(" ".into())] {
            assert_eq!(code(update_room(&staff, update(empty.clone())).await), "invalid");
            assert_eq!(code(set_role(&staff, appoint(empty.clone())).await), "invalid");
            assert_eq!(code(kick(&staff, kick_ben(empty.clone())).await), "invalid");
            let archive = ArchiveRoom { room_id: id, reason: empty };
            assert_eq!(code(archive_room(&staff, archive).await), "invalid");
        }
        assert!(audit::list(&staff, Default::default()).await.unwrap().items.is_empty());
        update_room(&staff, update(because())).await.unwrap();
        set_role(&staff, appoint(because())).await.unwrap();
        kick(&staff, kick_ben(because())).await.unwrap();
        let lines = audit::list(&staff, Default::default()).await.unwrap().items;
        assert!(lines.len() == 3 && lines.iter().all(|line| line.reason == because()));
    })
    .await;
}

#[tokio::test]
async fn nothing_is_learned_of_a_hidden_room_by_what_is_wrong_with_a_message() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let secret = CreateRoom { member_only: Some(true), ..room("Vault") };
        let vault = create_room(&two.ana, secret).await.unwrap().id;
        let hidden = say(&two.ana, vault, "gold").await;
        let unknown: RoomId = two.ben.new_id();
        let link = Attachment::Link { url: "javascript:x".into(), title: None };
        for id in [vault, unknown] {
            let wrong = [
                text(id, ""),
                text(id, &"x".repeat(2_001)),
                SendMessage { reply_to: Some(hidden.id), ..text(id, "hello") },
                SendMessage { reply_to: Some(two.ben.new_id()), ..text(id, "hello") },
                SendMessage { attachments: vec![link.clone()], ..text(id, "hello") },
            ];
            for input in wrong {
                assert_eq!(code(send(&two.ben, input).await), "not_found");
            }
            let edit_it = EditMessage {
                room_id: id,
                message_id: hidden.id,
                text: "x".repeat(2_001),
                attachments: None,
                mentions: None,
                if_version: None,
            };
            assert_eq!(code(edit(&two.ben, edit_it).await), "not_found");
        }
        // Nor by whoever was there.
        befriend(&two.ana, &two.ben).await;
        add_member(&two.ana, AddMember { room_id: vault, user_id: two.ben_id, reason: None }).await.unwrap();
        say(&two.ben, vault, "silver").await;
        leave(&two.ben, LeaveRoom { room_id: vault }).await.unwrap();
        assert_eq!(code(send(&two.ben, text(vault, "")).await), "not_found");
    })
    .await;
}

#[tokio::test]
async fn an_archived_room_is_heard_by_those_who_come_once_it_is_in_use_again() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let id = two.room.id;
        let staff = hall.call(hall.user("Cem").await, &[MODERATE]);
        archive_room(&two.ana, ArchiveRoom { room_id: id, reason: None }).await.unwrap();
        let ben = two.ben_id;
        assert_eq!(two.ben.read(move |tx| topics(tx, ben)).await.unwrap(), []);
        let restore = RestoreRoom { room_id: id, reason: None };
        assert_eq!(code(restore_room(&staff, restore.clone()).await), "invalid", "without a reason");
        let restore = RestoreRoom { reason: Some("asked".into()), ..restore };
        restore_room(&staff, restore).await.unwrap();
        assert_eq!(two.ben.read(move |tx| topics(tx, ben)).await.unwrap(), [Topic::Room(id)]);
    })
    .await;
}

#[tokio::test]
async fn whoever_archives_rooms_makes_no_more_than_so_many() {
    let one = |settings: &mut crate::Settings| settings.communication.rooms_owned_max = 1;
    on_both_engines_with(one, async |hall| {
        let ana = hall.call(hall.user("Ana").await, &[]);
        for _ in 0..ROOMS_ARCHIVED_MAX {
            let made = create_room(&ana, room("Again")).await.unwrap();
            archive_room(&ana, ArchiveRoom { room_id: made.id, reason: None }).await.unwrap();
        }
        assert_eq!(code(create_room(&ana, room("Again")).await), "too_many_rooms_owned");
    })
    .await;
}

#[tokio::test]
async fn nobody_keeps_another_from_joining_by_bringing_them_in() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let (mallory_id, room_id) = (hall.user("Mallory").await, two.room.id);
        let mallory = hall.call(mallory_id, &[]);
        befriend(&mallory, &two.ben).await;
        let input = || CreateGroup { user_ids: vec![two.ben_id], name: None };
        for _ in 0..ROOMS_BROUGHT_INTO_MAX {
            create_group(&mallory, input()).await.unwrap();
        }
        assert_eq!(code(create_group(&mallory, input()).await), "too_many_rooms");
        leave(&two.ben, LeaveRoom { room_id }).await.unwrap();
        join(&two.ben, JoinRoom { room_id }).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn nobody_fills_anothers_rooms_by_making_them_the_owner() {
    let two_each = |settings: &mut crate::Settings| settings.communication.rooms_owned_max = 1;
    on_both_engines_with(two_each, async |hall| {
        let two = two(hall).await;
        create_room(&two.ben, room("Of Ben")).await.unwrap();
        let to_ben = role(two.room.id, two.ben_id, RoomRole::Owner);
        assert_eq!(code(set_role(&two.ana, to_ben).await), "too_many_rooms_owned");
        let archive = ArchiveRoom { room_id: two.room.id, reason: None };
        archive_room(&two.ana, archive).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn nobody_talks_to_the_server_itself() {
    on_both_engines(async |hall| {
        let ana = hall.call(hall.user("Ana").await, &[]);
        let direct = open_direct(&ana, OpenDirect { user_id: accounts::SYSTEM }).await;
        assert_eq!(code(direct), "user_unreachable");
    })
    .await;
}

#[tokio::test]
async fn rooms_have_their_bounds() {
    let few = |settings: &mut crate::Settings| {
        settings.communication.rooms_owned_max = 1;
        settings.communication.members_max = 2;
    };
    on_both_engines_with(few, async |hall| {
        let two = two(hall).await;
        assert_eq!(code(create_room(&two.ana, room("Second")).await), "too_many_rooms_owned");
        let cem = hall.call(hall.user("Cem").await, &[]);
        assert_eq!(code(join(&cem, JoinRoom { room_id: two.room.id }).await), "room_full");
        for name in ["", "   ", "\u{200b}", "!!!", &"x".repeat(65)] {
            assert_eq!(code(create_room(&cem, room(name)).await), "invalid", "{name:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn one_user_is_in_so_many_rooms_and_no_more() {
    let many = |settings: &mut crate::Settings| settings.communication.rooms_owned_max = 1_000;
    on_both_engines_with(many, async |hall| {
        let (ana, ben) = (hall.user("Ana").await, hall.user("Ben").await);
        let (ana, ben) = (hall.call(ana, &[]), hall.call(ben, &[]));
        let mut ids = Vec::new();
        for number in 0..=ROOMS_JOINED_MAX {
            let made = create_room(&ana, room(&format!("Room {number:03}"))).await;
            if number == ROOMS_JOINED_MAX {
                assert_eq!(code(made), "too_many_rooms");
                break;
            }
            ids.push(made.unwrap().id);
        }
        // Of that many the first page has as many as it has unless told otherwise.
        let page = list_rooms(&ana, ListRooms { cursor: None, limit: None }).await.unwrap();
        assert_eq!((page.items.len(), page.next.is_some()), (PAGE_ITEMS_DEFAULT, true));
        let last = ids.pop().unwrap();
        leave(&ana, LeaveRoom { room_id: last }).await.unwrap();
        let made = create_room(&ben, room("Of Ben")).await.unwrap();
        join(&ana, JoinRoom { room_id: made.id }).await.unwrap();
        let another = create_room(&ben, room("Another")).await.unwrap();
        assert_eq!(code(join(&ana, JoinRoom { room_id: another.id }).await), "too_many_rooms");
        assert_eq!(
            get_room(&ben, GetRoom { room_id: another.id }).await.unwrap().members,
            1,
            "and nothing happened"
        );
    })
    .await;
}

#[test]
fn no_operator_makes_a_room_larger_than_the_server_holds() {
    let rules = |members_max| room::Rules::new(&Settings { members_max, ..Settings::default() });
    assert_eq!(rules(7).members_max, 7);
    assert_eq!(rules(u32::MAX).members_max, ROOM_MEMBERS_MAX);
}
