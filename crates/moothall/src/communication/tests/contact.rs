//! First contact, and what one of two does not hear of.

use moothall_protocol::communication::{
    AnswerContact, ArchiveRoom, ContactAnswer, DeleteMessage, EditMessage, GetMessage, ListContactRequests,
    ListMyRooms, MarkRead, OpenDirect, ReadPrivate, ReadUnread, SayTyping,
};
use moothall_protocol::relationships::{Block, Circle, Ignore, Unblock, Unignore};

use super::*;
use crate::accounts::testing as people;
use crate::{Origin, audit, connections, relationships, snapshot};

/// Ana and Ben, who does not know her and lets only friends write to him.
async fn strangers(hall: &TestHall) -> (Cx, Cx, RoomId) {
    let [ana, ben] = [hall.user("Ana").await, hall.user("Ben").await].map(|user| hall.call(user, &[]));
    let friends = relationships::Privacy { messages: Circle::Friends, ..Default::default() };
    relationships::privacy::set(&hall.server(), ben.user().unwrap(), friends).await;
    let room = direct(&ana, &ben).await;
    (ana, ben, room)
}

async fn direct(cx: &Cx, other: &Cx) -> RoomId {
    open_direct(cx, OpenDirect { user_id: other.user().unwrap() }).await.unwrap().id
}

async fn requests(cx: &Cx) -> Vec<RoomId> {
    let page = list_requests(cx, ListContactRequests::default()).await.unwrap();
    page.items.into_iter().map(|request| request.room.id).collect()
}

async fn answers(cx: &Cx, room_id: RoomId, answer: ContactAnswer) -> Result<(), Error> {
    answer_request(cx, AnswerContact { room_id, answer, category: None }).await
}

async fn listed(cx: &Cx) -> usize {
    let page = my_rooms(cx, ListMyRooms { kind: None, cursor: None, limit: None }).await.unwrap();
    page.items.len()
}

async fn unread_count(cx: &Cx) -> (i64, i64) {
    let unread = unread(cx, ReadUnread {}).await.unwrap();
    (unread.messages, unread.requests)
}

#[tokio::test]
async fn the_first_message_of_a_stranger_waits_to_be_accepted() {
    on_both_engines(async |hall| {
        let (ana, ben, room) = strangers(hall).await;
        let (of_ana, of_ben) = (Ear::of(hall, &ana), Ear::of(hall, &ben));
        say(&ana, room, "hello").await;
        say(&ana, room, "anybody there?").await;
        assert_eq!(of_ana.texts(), ["hello", "anybody there?"], "as ever");
        let heard = of_ben.heard();
        let [Event::ContactRequested(request)] = heard.as_slice() else { panic!("{heard:?}") };
        assert_eq!((request.room.id, request.user_id), (room, ana.user().unwrap()));
        assert_eq!(
            (requests(&ben).await, listed(&ben).await, unread_count(&ben).await),
            (vec![room], 0, (0, 1))
        );
        assert_eq!(listed(&ana).await, 1);
        // What is written can be read before it is answered, and she does not learn of it.
        assert_eq!(all(&ben, room).await, ["hello", "anybody there?"]);
        mark_read(&ben, MarkRead { room_id: room, seq: 1 }).await.unwrap();
        assert_eq!(of_ana.heard(), []);

        answers(&ben, room, ContactAnswer::Accept).await.unwrap();
        assert_eq!(code(answers(&ben, room, ContactAnswer::Report).await), "invalid", "of what kind?");
        assert_eq!(code(answers(&ben, room, ContactAnswer::Accept).await), "no_contact_request");
        assert_eq!(code(answers(&ana, room, ContactAnswer::Accept).await), "no_contact_request");
        assert_eq!(of_ana.heard(), [], "she never knew");
        of_ben.heard();
        assert_eq!((requests(&ben).await, listed(&ben).await, unread_count(&ben).await), (vec![], 1, (1, 0)));
        say(&ana, room, "good").await;
        assert_eq!(of_ben.texts(), ["good"]);
        hall.restart().await;
        let ana = hall.call(ana.user().unwrap(), &[]);
        let of_ben = Ear::at(hall, [Topic::User(ben.user().unwrap())]);
        say(&ana, room, "still").await;
        assert_eq!(of_ben.texts(), ["still"]);
    })
    .await;
}

#[tokio::test]
async fn who_ignores_a_request_hears_no_more_and_nobody_is_told() {
    on_both_engines(async |hall| {
        let (ana, ben, room) = strangers(hall).await;
        say(&ana, room, "hello").await;
        let (of_ana, of_ben) = (Ear::of(hall, &ana), Ear::of(hall, &ben));
        answers(&ben, room, ContactAnswer::Ignore).await.unwrap();
        of_ben.heard();
        let sent = say(&ana, room, "hello?").await;
        assert_eq!(of_ana.texts(), ["hello?"]);
        let edit = EditMessage {
            room_id: room,
            message_id: sent.id,
            text: "hello!".into(),
            attachments: None,
            mentions: None,
            if_version: None,
        };
        assert!(!super::edit(&ana, edit).await.unwrap().is_hidden);
        delete(&ana, DeleteMessage { room_id: room, message_id: sent.id, reason: None }).await.unwrap();
        say_typing(&ana, SayTyping { room_id: room }).await.unwrap();
        assert_eq!(of_ben.heard(), []);
        assert_eq!((requests(&ben).await, listed(&ben).await, unread_count(&ben).await), (vec![], 0, (0, 0)));
        // Who writes back has accepted; what was withheld stays so.
        let last = say(&ana, room, "last").await;
        say(&ben, room, "here I am").await;
        assert!(of_ana.texts().contains(&"here I am".to_owned()));
        assert_eq!(all(&ben, room).await, ["hello", "", "", "here I am"]);
        let read = get_message(&ben, GetMessage { room_id: room, message_id: last.id }).await.unwrap();
        assert!(read.is_hidden && read.text.is_empty());
        assert_eq!(listed(&ben).await, 1);
        of_ben.heard();
        say(&ana, room, "well").await;
        assert_eq!(of_ben.texts(), ["well"]);
        assert_eq!(unread_count(&ben).await, (1, 0));
    })
    .await;
}

#[tokio::test]
async fn who_becomes_a_friend_is_no_stranger_and_an_old_conversation_stays_one() {
    on_both_engines(async |hall| {
        let (ana, ben, room) = strangers(hall).await;
        say(&ana, room, "hello").await;
        befriend(&ana, &ben).await;
        let of_ben = Ear::of(hall, &ben);
        say(&ana, room, "friend").await;
        assert_eq!((of_ben.texts(), requests(&ben).await), (vec!["friend".to_owned()], vec![]));
        let remove = moothall_protocol::relationships::RemoveFriend { user_id: ben.user().unwrap() };
        relationships::remove(&ana, remove).await.unwrap();
        say(&ana, room, "still here").await;
        assert_eq!(of_ben.texts(), ["still here"]);
    })
    .await;
}

#[tokio::test]
async fn who_takes_no_requests_is_not_written_to_by_strangers() {
    on_both_engines(async |hall| {
        let [ana, ben] = [hall.user("Ana").await, hall.user("Ben").await].map(|user| hall.call(user, &[]));
        let closed = relationships::Privacy {
            messages: Circle::Friends,
            message_requests: false,
            ..Default::default()
        };
        relationships::privacy::set(&hall.server(), ben.user().unwrap(), closed).await;
        let open = OpenDirect { user_id: ben.user().unwrap() };
        assert_eq!(code(open_direct(&ana, open).await), "user_unreachable");
        let room = direct(&ben, &ana).await;
        assert_eq!(code(send(&ana, text(room, "hello")).await), "user_unreachable");
    })
    .await;
}

#[tokio::test]
async fn t060_b65_a_message_to_who_blocks_or_ignores_looks_delivered_and_is_never_shown() {
    on_both_engines(async |hall| {
        for blocks in [true, false] {
            let names = if blocks { ["Ana", "Ben"] } else { ["Cyd", "Dan"] };
            let [ana, ben] =
                [hall.user(names[0]).await, hall.user(names[1]).await].map(|user| hall.call(user, &[]));
            let room = direct(&ana, &ben).await;
            say(&ana, room, "before").await;
            mark_read(&ben, MarkRead { room_id: room, seq: 1 }).await.unwrap();
            let user_id = ana.user().unwrap();
            if blocks {
                relationships::block(&ben, Block { user_id }).await.unwrap();
            } else {
                relationships::ignore(&ben, Ignore { user_id }).await.unwrap();
            }
            let (of_ana, of_ben) = (Ear::of(hall, &ana), Ear::of(hall, &ben));
            let sent = say(&ana, room, "while").await;
            say_typing(&ana, SayTyping { room_id: room }).await.unwrap();
            assert_eq!(of_ana.texts(), ["while"]);
            assert_eq!((sent.seq, sent.is_hidden), (2, false));
            assert_eq!(of_ben.heard(), []);
            assert_eq!(unread_count(&ben).await, (0, 0));
            // Neither what was said before is heard.
            assert_eq!(all(&ben, room).await, ["", ""]);
            assert_eq!(all(&ana, room).await, ["before", "while"]);
            let back = code(send(&ben, text(room, "back")).await);
            assert_eq!(
                back,
                if blocks { "user_unreachable" } else { "ok" },
                "who blocks does not write either"
            );
            if blocks {
                relationships::unblock(&ben, Unblock { user_id }).await.unwrap();
            } else {
                relationships::unignore(&ben, Unignore { user_id }).await.unwrap();
            }
            assert_eq!(all(&ben, room).await[..2], ["before", ""], "what was withheld stays so");
            of_ben.heard();
            say(&ana, room, "after").await;
            assert_eq!(of_ben.texts(), ["after"]);
            assert_eq!(unread_count(&ben).await, (1, 0));
        }
    })
    .await;
}

#[tokio::test]
async fn a_conversation_that_begins_with_who_is_blocked_is_not_there() {
    on_both_engines(async |hall| {
        let [ana, ben] = [hall.user("Ana").await, hall.user("Ben").await].map(|user| hall.call(user, &[]));
        relationships::block(&ben, Block { user_id: ana.user().unwrap() }).await.unwrap();
        let room = direct(&ana, &ben).await;
        say(&ana, room, "hello").await;
        assert_eq!((listed(&ana).await, listed(&ben).await, requests(&ben).await), (1, 0, vec![]));
        assert_eq!(all(&ben, room).await, [""]);
    })
    .await;
}

#[tokio::test]
async fn t060_who_ignores_somebody_is_not_told_that_they_mention_them() {
    on_both_engines(async |hall| {
        let Two { ana, ben, ana_id, ben_id, room } = two(hall).await;
        relationships::ignore(&ben, Ignore { user_id: ana_id }).await.unwrap();
        let message = SendMessage { mentions: vec![ben_id], ..text(room.id, "Ben!") };
        let sent = send(&ana, message).await.unwrap();
        assert_eq!(sent.mentions, [ben_id], "she sees no difference");
        let count = async || unread(&ben, ReadUnread {}).await.unwrap().mentions;
        assert_eq!(count().await, 0);
        let edit = EditMessage {
            room_id: room.id,
            message_id: sent.id,
            text: "Ben?".into(),
            attachments: None,
            mentions: None,
            if_version: None,
        };
        super::edit(&ana, edit).await.unwrap();
        assert_eq!(count().await, 0, "an edit mentions nobody anew");
        let read = all(&ben, room.id).await;
        assert_eq!(read.last().map(String::as_str), Some(""), "the place stays, and says nothing");
        relationships::unignore(&ben, Unignore { user_id: ana_id }).await.unwrap();
        assert_eq!(all(&ben, room.id).await.last().map(String::as_str), Some("Ben?"));
        send(&ana, SendMessage { mentions: vec![ben_id], ..text(room.id, "Ben!") }).await.unwrap();
        assert_eq!(count().await, 1);
    })
    .await;
}

#[tokio::test]
async fn t182_staff_reads_a_conversation_that_is_not_theirs_for_a_reason_that_stays() {
    on_both_engines(async |hall| {
        let [ana, ben] = [hall.user("Ana").await, hall.user("Ben").await].map(|user| hall.call(user, &[]));
        let room = direct(&ana, &ben).await;
        say(&ana, room, "a secret").await;
        let staff = hall.call(hall.user("Stan").await, &[MODERATE, READ_PRIVATE, audit::READ]);
        let page = ReadHistory { room_id: room, before: None, after: None, around: None, limit: None };
        assert_eq!(code(history(&staff, page).await), "not_found");
        let look = ReadPrivate {
            room_id: room,
            before: None,
            after: None,
            around: None,
            limit: None,
            reason: "report 7".into(),
        };
        assert_eq!(code(read_private(&ana, look.clone()).await), "forbidden");
        assert_eq!(
            code(read_private(&hall.call(staff.user().unwrap(), &[MODERATE]), look.clone()).await),
            "forbidden"
        );
        let read = read_private(&staff, look).await.unwrap();
        assert_eq!(read.items[0].text, "a secret");
        let wanted = moothall_protocol::audit::ListAudit {
            action: Some("communication.".into()),
            text: Some("REPORT".into()),
            ..Default::default()
        };
        let lines = audit::list(&staff, wanted).await.unwrap().items;
        assert_eq!(lines.len(), 1);
        assert_eq!(
            (lines[0].action.as_str(), lines[0].target.clone()),
            ("communication.read_private", format!("room:{room}"))
        );
        // Nor does staff read what is said where only members are without saying why.
        let members_only =
            create_room(&ana, CreateRoom { member_only: Some(true), ..super::room("Den") }).await.unwrap();
        let page =
            ReadHistory { room_id: members_only.id, before: None, after: None, around: None, limit: None };
        assert_eq!(code(history(&staff, page).await), "reason_needed");
        // What a room does in somebody's name is written down as asked by them.
        let origin = Origin { address: Some([192, 0, 2, 7].into()), ..Origin::default() };
        let from_there = Cx::new(&hall.hall, staff.caller().clone(), origin);
        let close = ArchiveRoom { room_id: members_only.id, reason: Some("spam".into()) };
        archive_room(&from_there, close).await.unwrap();
        let wanted = moothall_protocol::audit::ListAudit {
            action: Some("communication.archive_room".into()),
            ..Default::default()
        };
        let line = audit::list(&staff, wanted).await.unwrap().items.remove(0);
        assert_eq!((line.actor_id, line.request_id), (staff.user(), from_there.request_id()));
        assert_eq!(line.address.as_deref(), Some("192.0.2.7"));
    })
    .await;
}

/// A client of somebody who is connected, and the room talk it heard since the last time.
struct Client {
    cx: Cx,
    stream: connections::Stream,
}

impl Client {
    async fn open(cx: Cx) -> Self {
        let mut stream = snapshot::open(&cx, None).await.unwrap();
        stream.take(usize::MAX).unwrap();
        Self { cx, stream }
    }

    async fn new(hall: &TestHall) -> Self {
        let signed_in = people::sign_up_guest(&hall.hall).await;
        Self::open(people::call(&hall.hall, &signed_in).await).await
    }

    fn heard(&mut self) -> Vec<String> {
        let taken = self.stream.take(usize::MAX).unwrap();
        let told = taken.into_iter().filter_map(|(_, frame)| match frame.event() {
            Event::MessageSent(message) => Some(message.text.clone()),
            Event::Typing(_) => Some("…".into()),
            _ => None,
        });
        told.collect()
    }
}

#[tokio::test]
async fn t060_what_the_ignored_say_reaches_no_session_of_who_ignores_them() {
    people::with_accounts(async |hall| {
        let (ana, ben, mut cy) = (Client::new(hall).await, Client::new(hall).await, Client::new(hall).await);
        let room_id = create_room(&ana.cx, room("Tavern")).await.unwrap().id;
        for client in [&ben, &cy] {
            join(&client.cx, JoinRoom { room_id }).await.unwrap();
        }
        let says = async |client: &Client, what: &str| {
            say(&client.cx, room_id, what).await;
            say_typing(&client.cx, SayTyping { room_id }).await.unwrap();
        };
        let user_id = ana.cx.user().unwrap();
        relationships::ignore(&ben.cx, Ignore { user_id }).await.unwrap();
        let mut ben = ben;
        cy.heard();
        says(&ana, "hello").await;
        says(&cy, "hi").await;
        assert_eq!(ben.heard(), ["hi", "…"]);
        assert_eq!(cy.heard(), ["hello", "…", "hi", "…"]);
        // Also in a session that begins later.
        let mut ben = Client::open(ben.cx.clone()).await;
        hall.clock.advance(Duration::from_secs(10));
        says(&ana, "still").await;
        assert_eq!(ben.heard(), Vec::<String>::new());
        relationships::unignore(&ben.cx, Unignore { user_id }).await.unwrap();
        hall.clock.advance(Duration::from_secs(10));
        says(&ana, "again").await;
        assert_eq!(ben.heard(), ["again", "…"]);
    })
    .await;
}
