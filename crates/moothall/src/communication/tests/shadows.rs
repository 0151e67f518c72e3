//! Who is not heard: they notice nothing, nobody else does either, and staff sees it.

use std::time::Duration;

use moothall_protocol::MessageId;
use moothall_protocol::communication::{
    CreateGroup, DeleteMessage, EditMessage, GetMessage, GetRoom, ListContactRequests, ListMembers,
    ListMyRooms, MarkDelivered, MarkRead, MyRoom, OpenDirect, ReadPrivate, ReadUnread, ReadVersions,
    SayTyping, UpdateRoom,
};
use moothall_protocol::relationships::Circle;
use moothall_protocol::restrictions::{ImposeRestriction, MyRestrictions, Restriction};
use serde::Serialize;

use super::*;
use crate::accounts::testing::{call, sign_up, with_accounts};
use crate::connections::Stream;
use crate::relationships::{Privacy, privacy};
use crate::restrictions::testing::{imposed, lifted, restriction};
use crate::{restrictions, snapshot};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn page(room_id: RoomId) -> ReadHistory {
    ReadHistory { room_id, before: None, after: None, around: None, limit: None }
}

async fn reads(cx: &Cx, room_id: RoomId) -> Vec<Message> {
    history(cx, page(room_id)).await.unwrap().items
}

fn said(messages: &[Message]) -> Vec<(i64, &str)> {
    messages.iter().map(|message| (message.seq, message.text.as_str())).collect()
}

fn changed(room_id: RoomId, message_id: MessageId, text: &str) -> EditMessage {
    EditMessage {
        room_id,
        message_id,
        text: text.into(),
        attachments: None,
        mentions: None,
        if_version: None,
    }
}

fn gone(room_id: RoomId, message_id: MessageId) -> DeleteMessage {
    DeleteMessage { room_id, message_id, reason: None }
}

async fn shadow(hall: &TestHall, cx: &Cx) -> Restriction {
    let ends_at = Some(hall.server().now() + HOUR);
    imposed(hall, ImposeRestriction { ends_at, ..restriction(cx.user().unwrap(), &["shadow_chat"]) }).await
}

async fn mine(cx: &Cx) -> Vec<MyRoom> {
    my_rooms(cx, ListMyRooms { kind: None, cursor: None, limit: None }).await.unwrap().items
}

/// What somebody was answered, told and shown, without what differs from one time to the next: ids and times stand as their numbers, in
/// the order in which they came.
#[derive(Default)]
struct Diary(String);

impl Diary {
    fn note(&mut self, what: &str, answer: &impl Serialize) {
        self.0.push_str(&format!("{what}: {}\n", serde_json::to_string(answer).unwrap()));
    }

    fn outcome<T: Serialize>(&mut self, what: &str, outcome: Result<T, Error>) {
        match outcome {
            Ok(answer) => self.note(what, &answer),
            Err(error) => self.note(what, &(error.code(), error.to_string())),
        }
    }

    fn read(&self) -> String {
        let is_varying = |word: &str| {
            let is_id = word.len() == 36 && word.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
            let is_time = word.starts_with("20") && word.ends_with('Z') && word.contains('T');
            is_id || is_time
        };
        let mut known: Vec<&str> = Vec::new();
        let mut read = String::new();
        let words = self.0.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || "-:.".contains(c)));
        for word in words
            .flat_map(|word| word.split_inclusive("room:").flat_map(|word| word.split_inclusive("user:")))
        {
            let bare = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            if !is_varying(bare) {
                read.push_str(word);
                continue;
            }
            let place = known.iter().position(|other| *other == bare).unwrap_or_else(|| {
                known.push(bare);
                known.len() - 1
            });
            read.push_str(&format!("#{place}{}", &word[bare.len()..]));
        }
        read
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Room,
    Direct,
    Group,
    Live,
}

/// All that Ana meets who writes where Ben is, whether she is heard or not.
async fn days_of_ana(hall: &mut TestHall, place: Place, names: [&str; 2], is_shadowed: bool) -> String {
    let [ana, ben] = [sign_up(&hall.hall, names[0]).await, sign_up(&hall.hall, names[1]).await];
    let [ana, ben] = [call(&hall.hall, &ana).await, call(&hall.hall, &ben).await];
    let (ana_id, ben_id) = (ana.user().unwrap(), ben.user().unwrap());
    let room_id = match place {
        Place::Direct => open_direct(&ben, OpenDirect { user_id: ana_id }).await.unwrap().id,
        Place::Group => {
            befriend(&ana, &ben).await;
            create_group(&ben, CreateGroup { user_ids: vec![ana_id], name: None }).await.unwrap().id
        }
        Place::Room | Place::Live => {
            let input = CreateRoom {
                live_only: Some(place == Place::Live),
                slow_mode_ms: Some(100),
                ..room(&format!("Tavern {}", names[0]))
            };
            let id = create_room(&ben, input).await.unwrap().id;
            join(&ana, JoinRoom { room_id: id }).await.unwrap();
            id
        }
    };
    hall.clock.advance(Duration::from_secs(1));
    let stream = snapshot::open(&ana, None).await.unwrap();
    let mut diary = Diary::default();
    let mut told = Told { stream, seen: 0 };
    told.hear(None);

    let before = say(&ana, room_id, "before").await;
    hall.clock.advance(Duration::from_secs(1));
    if is_shadowed {
        shadow(hall, &ana).await;
    }
    say(&ben, room_id, "hello").await;
    let input = SendMessage { mentions: vec![ben_id], ..text(room_id, "spam") };
    let first = send(&ana, input).await;
    diary.outcome("send", first.as_ref().cloned().map_err(|_| Error::Empty));
    let first = first.unwrap();
    diary.outcome("too soon", send(&ana, text(room_id, "spam")).await);
    diary.outcome("typing", say_typing(&ana, SayTyping { room_id }).await);
    hall.clock.advance(Duration::from_secs(5));
    let reply_to = (place != Place::Live).then_some(first.id);
    let second = send(&ana, SendMessage { reply_to, ..text(room_id, "more spam") }).await.unwrap();
    diary.note("answer", &second);
    diary.outcome("nothing", send(&ana, text(room_id, " ")).await);
    diary.outcome(
        "reply to nothing",
        send(&ana, SendMessage { reply_to: Some(MessageId::from_uuid(Uuid::nil())), ..text(room_id, "x") })
            .await,
    );
    let edited = |id, said: &str| changed(room_id, id, said);
    diary.outcome("edit", edit(&ana, edited(first.id, "SPAM")).await);
    diary.outcome("same", edit(&ana, edited(first.id, "SPAM")).await);
    diary.outcome("empty", edit(&ana, edited(first.id, " ")).await);
    let old = EditMessage { if_version: Some(1), ..edited(first.id, "late") };
    diary.outcome("conflict", edit(&ana, old).await);
    diary.outcome("delete", delete(&ana, gone(room_id, second.id)).await);
    diary.outcome("twice", delete(&ana, gone(room_id, second.id)).await);
    diary.outcome("edit what is gone", edit(&ana, edited(second.id, "back")).await);
    for (what, id) in [("first", first.id), ("second", second.id), ("before", before.id)] {
        diary.outcome(what, get_message(&ana, GetMessage { room_id, message_id: id }).await);
    }
    let look = async |diary: &mut Diary| {
        diary.outcome("room", get_room(&ana, GetRoom { room_id }).await);
        diary.note("mine", &mine(&ana).await);
        diary.outcome("unread", unread(&ana, ReadUnread {}).await);
        let members =
            list_members(&ana, ListMembers { room_id, cursor: None, limit: None }).await.unwrap().items;
        diary.note("me", &members.into_iter().find(|member| member.user_id == ana_id));
        for limit in [1, 2, 50] {
            let mut before = None;
            loop {
                let part = ReadHistory { before, limit: Some(limit), ..page(room_id) };
                let part = history(&ana, part).await.unwrap();
                diary.note("part", &part);
                before = part.before;
                if before.is_none() {
                    break;
                }
            }
        }
        for around in 0..6 {
            diary.outcome(
                "around",
                history(&ana, ReadHistory { around: Some(around), limit: Some(2), ..page(room_id) }).await,
            );
            diary.outcome(
                "after",
                history(&ana, ReadHistory { after: Some(around), limit: Some(2), ..page(room_id) }).await,
            );
        }
    };
    look(&mut diary).await;
    diary.outcome("read", mark_read(&ana, MarkRead { room_id, seq: 1_000 }).await);
    told.hear(Some(&mut diary));
    if place == Place::Room {
        let topic = UpdateRoom {
            room_id,
            name: None,
            topic: Some("a topic".into()),
            member_only: None,
            read_only: None,
            slow_mode_ms: None,
            retention_days: None,
            if_version: None,
            reason: None,
        };
        update_room(&ben, topic).await.unwrap();
        told.hear(Some(&mut diary));
    }
    say(&ben, room_id, "still there?").await;
    hall.clock.advance(Duration::from_secs(1));
    diary.note("third", &say(&ana, room_id, "last spam").await);
    look(&mut diary).await;
    told.hear(Some(&mut diary));
    hall.clock.advance(DAY);
    diary.outcome("too late", edit(&ana, edited(first.id, "late")).await);
    diary.read().replace(names[0], "Ana")
}

struct Told {
    stream: Stream,
    seen: u64,
}

impl Told {
    fn hear(&mut self, diary: Option<&mut Diary>) {
        let taken = self.stream.take(usize::MAX).unwrap();
        let Some(diary) = diary else { return };
        for (_, frame) in taken {
            self.seen += 1;
            diary.note("told", &(self.seen, frame.topic(), frame.event()));
        }
    }
}

#[tokio::test]
async fn who_is_not_heard_meets_what_everybody_meets() {
    with_accounts(async |hall| {
        let places = [
            (Place::Room, ["Ana", "Ben"], ["Cyd", "Dan"]),
            (Place::Direct, ["Eve", "Fay"], ["Gus", "Hal"]),
            (Place::Group, ["Ida", "Jon"], ["Kim", "Leo"]),
            (Place::Live, ["Mia", "Ned"], ["Ole", "Pia"]),
        ];
        for (place, heard, unheard) in places {
            let heard = days_of_ana(hall, place, heard, false).await;
            let unheard = days_of_ana(hall, place, unheard, true).await;
            for (heard, unheard) in heard.lines().zip(unheard.lines()) {
                assert_eq!(heard, unheard, "{place:?}");
            }
            assert_eq!(heard.lines().count(), unheard.lines().count());
            assert!(heard.lines().count() > 40 && heard.contains("told"), "{heard}");
        }
    })
    .await;
}

/// Ana, who is not heard, Ben, and what Ben sees of a room.
struct Other<'a> {
    ben: &'a Cx,
    room_id: RoomId,
}

impl Other<'_> {
    async fn sees(&self) -> String {
        let (ben, room_id) = (self.ben, self.room_id);
        let mut diary = Diary::default();
        let known = get_room(ben, GetRoom { room_id }).await.unwrap();
        diary.note("room", &known);
        diary.note("mine", &mine(ben).await);
        diary.outcome("unread", unread(ben, ReadUnread {}).await);
        diary.outcome("members", list_members(ben, ListMembers { room_id, cursor: None, limit: None }).await);
        diary.outcome("requests", list_requests(ben, ListContactRequests::default()).await);
        for limit in [1, 2, 50] {
            diary.outcome("part", history(ben, ReadHistory { limit: Some(limit), ..page(room_id) }).await);
        }
        // By its beginning and its end it is told apart whether anything is there.
        let last = known.last_seq;
        for around in [0, 1, last, last + 1, last + 9] {
            for limit in [1, 2] {
                diary.outcome(
                    "around",
                    history(ben, ReadHistory { around: Some(around), limit: Some(limit), ..page(room_id) })
                        .await,
                );
                diary.outcome(
                    "after",
                    history(ben, ReadHistory { after: Some(around), limit: Some(limit), ..page(room_id) })
                        .await,
                );
            }
        }
        diary.0
    }
}

#[tokio::test]
async fn of_who_is_not_heard_others_see_nothing() {
    with_accounts(async |hall| {
        for (place, names) in
            [(Place::Room, ["Ana", "Ben"]), (Place::Direct, ["Cyd", "Dan"]), (Place::Group, ["Eve", "Fay"])]
        {
            let [ana, ben] = [sign_up(&hall.hall, names[0]).await, sign_up(&hall.hall, names[1]).await];
            let [ana, ben] = [call(&hall.hall, &ana).await, call(&hall.hall, &ben).await];
            let ben_id = ben.user().unwrap();
            let room_id = match place {
                Place::Direct => open_direct(&ana, OpenDirect { user_id: ben_id }).await.unwrap().id,
                Place::Group => {
                    befriend(&ana, &ben).await;
                    create_group(&ana, CreateGroup { user_ids: vec![ben_id], name: None }).await.unwrap().id
                }
                _ => {
                    let id = create_room(&ana, room("Tavern")).await.unwrap().id;
                    join(&ben, JoinRoom { room_id: id }).await.unwrap();
                    id
                }
            };
            let other = Other { ben: &ben, room_id };
            let mut told = snapshot::open(&ben, None).await.unwrap();
            told.take(usize::MAX).unwrap();
            // Nothing was said yet, and nothing is.
            hall.clock.advance(Duration::from_secs(60));
            let restricted = shadow(hall, &ana).await;
            let none = other.sees().await;
            let spam =
                send(&ana, SendMessage { mentions: vec![ben_id], ..text(room_id, "spam") }).await.unwrap();
            assert_eq!(spam.seq, 1);
            assert_eq!(other.sees().await, none, "{place:?}");
            lifted(hall, restricted.id).await;
            say(&ana, room_id, "one").await;
            say(&ben, room_id, "two").await;
            mark_read(&ana, MarkRead { room_id, seq: 3 }).await.unwrap();
            told.take(usize::MAX).unwrap();

            hall.clock.advance(Duration::from_secs(60));
            let restricted = shadow(hall, &ana).await;
            let before = other.sees().await;
            for n in 0..5 {
                hall.clock.advance(Duration::from_secs(60));
                let message = SendMessage {
                    mentions: vec![ben_id],
                    reply_to: Some(spam.id),
                    ..text(room_id, "more spam")
                };
                let sent = send(&ana, message).await.unwrap();
                assert_eq!((sent.seq, sent.reply_to), (4 + n, Some(spam.id)));
                let again = EditMessage { mentions: Some(vec![ben_id]), ..changed(room_id, sent.id, "MORE") };
                edit(&ana, again).await.unwrap();
                say_typing(&ana, SayTyping { room_id }).await.unwrap();
                assert_eq!(
                    code(get_message(&ben, GetMessage { room_id, message_id: sent.id }).await),
                    "not_found"
                );
                let reply = SendMessage { reply_to: Some(sent.id), ..text(room_id, "what?") };
                assert_eq!(code(send(&ben, reply).await), "invalid");
                if n == 2 {
                    delete(&ana, gone(room_id, sent.id)).await.unwrap();
                }
            }
            assert_eq!(other.sees().await, before, "{place:?}");
            let marker = mark_read(&ben, MarkRead { room_id, seq: 1_000 }).await.unwrap();
            assert_eq!(marker.read_seq, 3, "nobody has read what is not there");
            let heard: Vec<_> =
                told.take(usize::MAX).unwrap().into_iter().map(|(_, frame)| frame.event().clone()).collect();
            assert!(heard.is_empty(), "{heard:?}");

            // What comes next has a number of its own, and is one more.
            lifted(hall, restricted.id).await;
            let next = say(&ana, room_id, "three").await;
            assert_eq!((next.seq, unread(&ben, ReadUnread {}).await.unwrap().messages), (9, 1));
            let next = history(&ben, ReadHistory { limit: Some(3), ..page(room_id) }).await.unwrap();
            assert_eq!(said(&next.items), [(2, "one"), (3, "two"), (9, "three")]);
            assert_eq!((next.before, next.after), (None, None), "it is all there is");
            let middle = history(&ben, ReadHistory { around: Some(6), limit: Some(2), ..page(room_id) })
                .await
                .unwrap();
            assert_eq!(
                (said(&middle.items), middle.before, middle.after),
                (vec![(3, "two"), (9, "three")], Some(3), None)
            );
            // It points at nothing that they do not see.
            let reply = send(&ana, SendMessage { reply_to: Some(spam.id), ..text(room_id, "as I said") })
                .await
                .unwrap();
            assert_eq!(
                get_message(&ben, GetMessage { room_id, message_id: reply.id }).await.unwrap().reply_to,
                None
            );
        }
    })
    .await;
}

#[tokio::test]
async fn where_somebody_has_read_who_is_not_heard_shows_nothing_of_what_they_wrote() {
    with_accounts(async |hall| {
        let [ana, ben] = [sign_up(&hall.hall, "Ana").await, sign_up(&hall.hall, "Ben").await];
        let [ana_id, ben_id] = [ana.user.id, ben.user.id];
        let [ana, ben] = [call(&hall.hall, &ana).await, call(&hall.hall, &ben).await];
        let room_id = open_direct(&ana, OpenDirect { user_id: ben_id }).await.unwrap().id;
        say(&ana, room_id, "one").await;
        say(&ben, room_id, "two").await;
        shadow(hall, &ana).await;
        say(&ana, room_id, "spam").await;
        let marks = async |of: UserId, hall: &TestHall| {
            let ben = hall.call(ben_id, &[]);
            let members =
                list_members(&ben, ListMembers { room_id, cursor: None, limit: None }).await.unwrap().items;
            let member = members.into_iter().find(|member| member.user_id == of).unwrap();
            (member.delivered_seq, member.read_seq)
        };
        assert_eq!(marks(ana_id, hall).await, (Some(2), Some(2)), "what there was to be read");
        say(&ben, room_id, "three").await;
        assert_eq!(marks(ana_id, hall).await, (Some(2), Some(2)));
        hall.restart().await;
        let of_ben = Ear::by(hall, ben_id, [Topic::User(ben_id)]);
        let of_ana = Ear::by(hall, ana_id, [Topic::User(ana_id)]);
        let ana = hall.call(ana_id, &[]);
        let arrived = MarkDelivered { room_id, seq: 4 };
        let own = mark_delivered(&ana, arrived).await.unwrap();
        assert_eq!((own.delivered_seq, own.read_seq), (4, 3));
        let told = |ear: &Ear| match &ear.heard()[..] {
            [Event::Read(marker)] => (marker.delivered_seq, marker.read_seq),
            other => panic!("{other:?}"),
        };
        assert_eq!((told(&of_ana), told(&of_ben)), ((4, 3), (4, 2)));
        assert_eq!(marks(ana_id, hall).await, (Some(4), Some(2)));
    })
    .await;
}

#[tokio::test]
async fn staff_sees_what_is_not_heard_with_a_mark_and_does_with_it_what_they_do_with_all() {
    on_both_engines(async |hall| {
        let Two { ana, ben, room, .. } = two(hall).await;
        let room_id = room.id;
        let staff = hall.call(hall.user("Mo").await, &[MODERATE, READ_VERSIONS, READ_PRIVATE]);
        let old = say(&ana, room_id, "before").await;
        let restricted = shadow(hall, &ana).await;
        let of_mo = Ear::by(hall, staff.user().unwrap(), [Topic::Oversight, Topic::Room(room_id)]);
        let spam = say(&ana, room_id, "spam").await;
        edit(&ana, changed(room_id, spam.id, "SPAM")).await.unwrap();
        let told: Vec<_> = of_mo.heard();
        let is_marked = |event: &Event| match event {
            Event::MessageSent(message) | Event::MessageEdited(message) => message.is_shadowed,
            _ => false,
        };
        assert!(told.len() == 2 && told.iter().all(is_marked), "{told:?}");
        assert_eq!(code(edit(&ana, changed(room_id, old.id, "SPAM")).await), "edit_window_closed");
        let marks = |messages: Vec<Message>| {
            let marks =
                messages.into_iter().map(|message| (message.text, message.is_shadowed, message.is_hidden));
            marks.collect::<Vec<_>>()
        };
        let shown = vec![("before".to_owned(), false, false), ("SPAM".to_owned(), true, false)];
        assert_eq!(marks(reads(&staff, room_id).await), shown);
        let get = GetMessage { room_id, message_id: spam.id };
        assert!(get_message(&staff, get.clone()).await.unwrap().is_shadowed);
        let look =
            ReadPrivate { room_id, before: None, after: None, around: None, limit: None, reason: "x".into() };
        assert_eq!(marks(read_private(&staff, look).await.unwrap().items), shown);
        delete(&ana, gone(room_id, spam.id)).await.unwrap();
        let look = ReadVersions { room_id, message_id: spam.id, reason: "x".into() };
        let versions = read_versions(&staff, look).await.unwrap();
        assert!(versions.message.is_shadowed && versions.message.deleted_at.is_some());
        let texts: Vec<_> = versions.versions.iter().map(|version| version.text.as_str()).collect();
        assert_eq!(texts, ["spam", "SPAM"]);

        // Neither what moderation takes away nor what it puts back is told to others.
        let more = say(&ana, room_id, "more").await;
        let [of_ana, of_ben] = [&ana, &ben].map(|cx| {
            let user = cx.user().unwrap();
            // Who is not heard learns nothing of it, staff or not.
            let topics = [Topic::User(user), Topic::Room(room_id), Topic::Oversight];
            Ear::by(hall, user, topics.into_iter().take(if user == spam.sender_id { 3 } else { 2 }))
        });
        let found =
            hall.server().read(move |tx| removable(tx, room_id, more.id, more.sender_id)).await.unwrap();
        remove_by_staff(&hall.server(), &found, "spam").await.unwrap();
        restore_by_staff(&hall.server(), &found, "a mistake").await.unwrap();
        let told = of_ana.heard();
        assert!(matches!(&told[..], [Event::MessageDeleted(_), Event::MessageEdited(_)]), "{told:?}");
        assert_eq!(of_ben.heard(), []);
        assert!(restrictions::mine(&ana, MyRestrictions::default()).await.unwrap().items.is_empty());

        // What was not heard stays so.
        lifted(hall, restricted.id).await;
        edit(&ana, changed(room_id, more.id, "MORE")).await.unwrap();
        say(&ana, room_id, "sorry").await;
        assert_eq!(of_ben.texts(), ["sorry"]);
        assert_eq!(said(&reads(&ben, room_id).await), [(1, "before"), (4, "sorry")]);
        assert_eq!(said(&reads(&ana, room_id).await), [(1, "before"), (2, ""), (3, "MORE"), (4, "sorry")]);
    })
    .await;
}

#[tokio::test]
async fn a_live_only_room_keeps_for_staff_what_nobody_hears_for_as_long_as_old_versions() {
    on_both_engines(async |hall| {
        let [ana, ben] = [hall.user("Ana").await, hall.user("Ben").await].map(|user| hall.call(user, &[]));
        let staff = hall.call(hall.user("Mo").await, &[MODERATE]);
        let room_id =
            create_room(&ben, CreateRoom { live_only: Some(true), ..room("Stage") }).await.unwrap().id;
        join(&ana, JoinRoom { room_id }).await.unwrap();
        shadow(hall, &ana).await;
        let [of_ana, of_ben] =
            [&ana, &ben].map(|cx| Ear::by(hall, cx.user().unwrap(), [Topic::Room(room_id)]));
        let sent = say(&ana, room_id, "spam").await;
        say(&ana, room_id, "more").await;
        assert_eq!((sent.seq, say(&ben, room_id, "hello").await.seq), (0, 0));
        assert_eq!(of_ana.texts(), ["spam", "more", "hello"]);
        assert_eq!(of_ben.texts(), ["hello"]);
        for cx in [&ana, &ben] {
            assert_eq!(reads(cx, room_id).await, []);
            assert_eq!(code(get_message(cx, GetMessage { room_id, message_id: sent.id }).await), "not_found");
        }
        let kept = reads(&staff, room_id).await;
        assert_eq!(said(&kept), [(1, "spam"), (2, "more")]);
        assert!(kept[0].is_shadowed && kept[0].id == sent.id);
        let days = hall.hall.settings().communication.versions_days;
        hall.clock.advance(DAY * days - Duration::from_micros(1));
        sweep(&hall.server()).await.unwrap();
        assert_eq!(reads(&staff, room_id).await.len(), 2);
        hall.clock.advance(Duration::from_micros(1));
        sweep(&hall.server()).await.unwrap();
        assert_eq!(reads(&staff, room_id).await, []);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_heard_goes_with_what_is_and_leaves_a_first_message_the_first() {
    on_both_engines(async |hall| {
        let [ana, ben] = [hall.user("Ana").await, hall.user("Ben").await].map(|user| hall.call(user, &[]));
        let friends = Privacy { messages: Circle::Friends, ..Privacy::default() };
        privacy::set(&hall.server(), ben.user().unwrap(), friends).await;
        let direct = open_direct(&ana, OpenDirect { user_id: ben.user().unwrap() }).await.unwrap().id;
        let asked = async || list_requests(&ben, ListContactRequests::default()).await.unwrap().items.len();
        let restricted = shadow(hall, &ana).await;
        say(&ana, direct, "spam").await;
        assert_eq!((asked().await, mine(&ana).await.len(), mine(&ben).await.len()), (0, 1, 0));
        lifted(hall, restricted.id).await;
        let first = say(&ana, direct, "hello").await;
        assert_eq!((asked().await, first.seq), (1, 2), "it asks, as a first one does");

        let brief =
            create_room(&ana, CreateRoom { retention_days: Some(2), ..room("Brief") }).await.unwrap().id;
        say(&ana, brief, "old").await;
        shadow(hall, &ana).await;
        say(&ana, brief, "old spam").await;
        hall.clock.advance(DAY * 2);
        sweep(&hall.server()).await.unwrap();
        assert_eq!(reads(&ana, brief).await, []);
        assert_eq!(say(&ana, brief, "new").await.seq, 3, "a number is never used again");
    })
    .await;
}
