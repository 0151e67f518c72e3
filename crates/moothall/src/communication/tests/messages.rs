//! Messages: what is sent, changed, deleted, and told to whom.

use moothall_protocol::MessageId;
use moothall_protocol::communication::*;
use moothall_protocol::limits::{TYPING_INTERVAL_MS, TYPING_MEMBERS_MAX};

use super::*;
use crate::Caller;

fn edited(message: &Message, text: &str) -> EditMessage {
    EditMessage {
        room_id: message.room_id,
        message_id: message.id,
        text: text.to_owned(),
        attachments: None,
        mentions: None,
        if_version: None,
    }
}

fn deleted(message: &Message) -> DeleteMessage {
    DeleteMessage { room_id: message.room_id, message_id: message.id, reason: None }
}

#[tokio::test]
async fn t053_a_message_is_stored_numbered_and_told_to_the_room() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let ear = Ear::at(hall, [Topic::Room(two.room.id)]);
        for n in 1..=5 {
            let cx = if n % 2 == 0 { &two.ana } else { &two.ben };
            assert_eq!(say(cx, two.room.id, &format!("number {n}")).await.seq, n);
        }
        let expected: Vec<String> = (1..=5).map(|n| format!("number {n}")).collect();
        assert_eq!(ear.texts(), expected);
        hall.restart().await;
        let ana = hall.call(two.ana_id, &[]);
        assert_eq!(all(&ana, two.room.id).await, expected);
        assert_eq!(say(&ana, two.room.id, "six").await.seq, 6);
    })
    .await;
}

#[tokio::test]
async fn many_who_talk_at_once_are_numbered_without_a_gap() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let mut tasks = Vec::new();
        for n in 0..200 {
            let cx = if n % 2 == 0 { two.ana.clone() } else { two.ben.clone() };
            let room = two.room.id;
            tasks.push(tokio::spawn(async move { say(&cx, room, &n.to_string()).await.seq }));
        }
        let mut numbers = Vec::new();
        for task in tasks {
            numbers.push(task.await.unwrap());
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=200).collect::<Vec<i64>>());
        assert_eq!(all(&two.ana, two.room.id).await.len(), 200);
    })
    .await;
}

#[tokio::test]
async fn what_one_user_sends_comes_in_the_order_sent_whatever_each_has_to_wait_for() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let first = say(&two.ana, two.room.id, "first").await;
        hall.restart().await;
        let ben = hall.call(two.ben_id, &[]);
        // Nothing is in memory now, and every other message has more to look up than the next.
        let sends: futures_util::stream::FuturesUnordered<_> = (0..40)
            .map(|n| {
                let reply_to = (n % 2 == 0).then_some(first.id);
                let mentions = if n % 4 == 0 { vec![two.ana_id] } else { Vec::new() };
                send(&ben, SendMessage { reply_to, mentions, ..text(two.room.id, &n.to_string()) })
            })
            .collect();
        let sent: Vec<_> = futures_util::StreamExt::collect(sends).await;
        assert!(sent.into_iter().all(|sent: Result<Message, Error>| sent.is_ok()));
        let expected: Vec<String> = (0..40).map(|n| n.to_string()).collect();
        assert_eq!(all(&ben, two.room.id).await[1..], expected);
    })
    .await;
}

#[tokio::test]
async fn the_same_request_sent_twice_is_one_message() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let input = text(two.room.id, "once");
        let ear = Ear::at(hall, [Topic::Room(two.room.id)]);
        let value = serde_json::to_value(&input).unwrap();
        let claim = crate::idempotency::Claim::new(
            Some(two.ana_id),
            "a-key-of-some-length",
            "communication.send",
            &value,
        );
        let cx = two.ana.claiming(claim);
        let first = send(&cx, input.clone()).await.unwrap();
        assert_eq!(send(&cx, input).await.unwrap(), first);
        assert_eq!(ear.texts(), ["once"]);
        assert_eq!(all(&two.ana, two.room.id).await, ["once"]);
    })
    .await;
}

#[tokio::test]
async fn the_same_request_sent_twice_at_once_is_one_message() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let input = text(two.room.id, "once");
        let value = serde_json::to_value(&input).unwrap();
        let key = "a-key-of-some-length";
        let claim = crate::idempotency::Claim::new(Some(two.ana_id), key, "communication.send", &value);
        let cx = two.ana.claiming(claim);
        let (first, second) = tokio::join!(send(&cx, input.clone()), send(&cx, input));
        let ids: Vec<_> = [first, second].into_iter().flatten().map(|message| message.id).collect();
        assert!(ids.windows(2).all(|pair| pair[0] == pair[1]) && !ids.is_empty());
        assert_eq!(all(&two.ana, two.room.id).await, ["once"]);
    })
    .await;
}

#[tokio::test]
async fn t057_a_text_is_cleaned_bounded_and_not_empty() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let id = two.room.id;
        assert_eq!(say(&two.ana, id, "  hi\u{200b} there\u{202e} ").await.text, "hi there");
        for empty in ["", "   ", "\u{200b}\u{2060}", "\n\n"] {
            assert_eq!(code(send(&two.ana, text(id, empty)).await), "message_empty", "{empty:?}");
        }
        assert_eq!(code(send(&two.ana, text(id, &"x".repeat(2_001))).await), "invalid");
        assert_eq!(say(&two.ana, id, &"ü".repeat(2_000)).await.text.chars().count(), 2_000);
        let with_link = SendMessage {
            attachments: vec![Attachment::Link { url: "https://example.org".into(), title: None }],
            ..text(id, "")
        };
        assert_eq!(send(&two.ana, with_link).await.unwrap().attachments.len(), 1);
        let wrong = SendMessage {
            attachments: vec![Attachment::Link { url: "javascript:alert(1)".into(), title: None }],
            ..text(id, "look")
        };
        assert_eq!(code(send(&two.ana, wrong).await), "invalid");
    })
    .await;
}

#[tokio::test]
async fn t061_listed_words_are_masked_or_refused() {
    let words = |settings: &mut crate::Settings| {
        settings.communication.words = vec![
            FilteredWord { word: "darn".into(), verdict: WordVerdict::Mask },
            FilteredWord { word: "slur*".into(), verdict: WordVerdict::Block },
        ];
    };
    on_both_engines_with(words, async |hall| {
        let two = two(hall).await;
        let id = two.room.id;
        assert_eq!(say(&two.ana, id, "Darn it").await.text, "**** it");
        assert_eq!(code(send(&two.ana, text(id, "you slurry")).await), "text_blocked");
        assert_eq!(code(create_room(&two.ana, room("The Darn Inn")).await), "text_blocked");
        let titled =
            |title: &str| Attachment::Link { url: "https://example.org/".into(), title: Some(title.into()) };
        let link = |title: &str| SendMessage { attachments: vec![titled(title)], ..text(id, "look") };
        assert_eq!(send(&two.ana, link("darn cats")).await.unwrap().attachments, [titled("**** cats")]);
        assert_eq!(code(send(&two.ana, link("a slur")).await), "text_blocked");
    })
    .await;
}

#[tokio::test]
async fn an_edit_keeps_what_was_said_for_staff_and_has_its_window() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let said = say(&two.ana, two.room.id, "first").await;
        let ear = Ear::at(hall, [Topic::Room(two.room.id)]);
        assert_eq!(code(edit(&two.ben, edited(&said, "mine")).await), "room_role_needed");
        hall.clock.advance(Duration::from_secs(10));
        let now = edit(&two.ana, edited(&said, "second")).await.unwrap();
        assert_eq!((now.text.as_str(), now.version, now.seq), ("second", 2, said.seq));
        assert!(now.edited_at > Some(said.created_at));
        let stale = EditMessage { if_version: Some(1), ..edited(&said, "third") };
        assert_eq!(code(edit(&two.ana, stale).await), "version_conflict");
        edit(&two.ana, edited(&said, "second")).await.unwrap();
        assert!(matches!(&ear.heard()[..], [Event::MessageEdited(message)] if message.text == "second"));
        let versions = |cx: Cx| {
            let input = ReadVersions { room_id: said.room_id, message_id: said.id, reason: "report".into() };
            async move { read_versions(&cx, input).await }
        };
        assert_eq!(code(versions(two.ana.clone()).await), "forbidden");
        let staff = hall.call(hall.user("Cem").await, &[READ_VERSIONS]);
        let seen = versions(staff).await.unwrap();
        let texts: Vec<_> = seen.versions.iter().map(|version| version.text.as_str()).collect();
        assert_eq!((texts, seen.message.text.as_str()), (vec!["first"], "second"));
        hall.clock.advance(Duration::from_secs(24 * 60 * 60));
        assert_eq!(code(edit(&two.ana, edited(&said, "late")).await), "edit_window_closed");
    })
    .await;
}

#[tokio::test]
async fn edits_sent_one_behind_the_other_all_count_and_in_order() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let said = say(&two.ana, two.room.id, "zero").await;
        let ear = Ear::at(hall, [Topic::Room(two.room.id)]);
        let texts: Vec<String> = (1..=20).map(|n| n.to_string()).collect();
        let edits = texts.iter().map(|text| edit(&two.ana, edited(&said, text)));
        let done = futures_util::future::join_all(edits).await;
        let versions: Vec<i64> = done.into_iter().map(|message| message.unwrap().version).collect();
        assert_eq!(versions, (2..=21).collect::<Vec<i64>>());
        let heard: Vec<String> = ear
            .heard()
            .into_iter()
            .filter_map(|event| match event {
                Event::MessageEdited(message) => Some(message.text),
                _ => None,
            })
            .collect();
        assert_eq!(heard, texts);
        assert_eq!(all(&two.ana, two.room.id).await, ["20"]);
        // Whoever names a version still wants that one.
        let stale = EditMessage { if_version: Some(20), ..edited(&said, "stale") };
        assert_eq!(code(edit(&two.ana, stale).await), "version_conflict");
    })
    .await;
}

#[tokio::test]
async fn a_delete_is_not_held_off_by_a_stream_of_edits() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let said = say(&two.ben, two.room.id, "zero").await;
        let edits = (1..=30).map(|n| edit(&two.ben, edited(&said, &format!("number {n}"))));
        let hold_off = futures_util::future::join_all(edits);
        let (gone, edits) = tokio::join!(delete(&two.ana, deleted(&said)), hold_off);
        gone.unwrap();
        assert!(edits.into_iter().all(|edit| matches!(code(edit), "ok" | "message_deleted")));
        assert_eq!(all(&two.ana, two.room.id).await, [""]);
    })
    .await;
}

#[tokio::test]
async fn slow_mode_is_escaped_neither_by_leaving_nor_by_a_restart() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        for live_only in [false, true] {
            let ana = hall.call(two.ana_id, &[]);
            let input = CreateRoom {
                slow_mode_ms: Some(5_000),
                live_only: Some(live_only),
                ..room(&format!("Slow {live_only}"))
            };
            let id = create_room(&ana, input).await.unwrap().id;
            let ben = hall.call(two.ben_id, &[]);
            join(&ben, JoinRoom { room_id: id }).await.unwrap();
            assert_eq!(code(send(&ben, text(id, "at once")).await), "slow_mode");
            hall.clock.advance(Duration::from_secs(5));
            say(&ben, id, "in time").await;
            leave(&ben, LeaveRoom { room_id: id }).await.unwrap();
            join(&ben, JoinRoom { room_id: id }).await.unwrap();
            assert_eq!(code(send(&ben, text(id, "again")).await), "slow_mode");
            hall.clock.advance(Duration::from_secs(5));
            say(&ben, id, "in time").await;
            hall.restart().await;
            let ben = hall.call(two.ben_id, &[]);
            assert_eq!(code(send(&ben, text(id, "too soon")).await), "slow_mode");
        }
    })
    .await;
}

#[tokio::test]
async fn a_deleted_message_leaves_its_place() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let (first, second) =
            (say(&two.ana, two.room.id, "one").await, say(&two.ben, two.room.id, "two").await);
        let ear = Ear::at(hall, [Topic::Room(two.room.id)]);
        assert_eq!(code(delete(&two.ben, deleted(&first)).await), "room_role_needed");
        delete(&two.ana, deleted(&second)).await.unwrap();
        delete(&two.ana, deleted(&second)).await.unwrap();
        let heard = ear.heard();
        assert!(matches!(&heard[..], [Event::MessageDeleted(gone)] if gone.seq == 2), "{heard:?}");
        assert_eq!(all(&two.ana, two.room.id).await, ["one", ""]);
        assert_eq!(code(edit(&two.ben, edited(&second, "back")).await), "message_deleted");
        let unknown: MessageId = two.ana.new_id();
        let input = GetMessage { room_id: two.room.id, message_id: unknown };
        assert_eq!(code(get_message(&two.ana, input).await), "not_found");
        assert_eq!(say(&two.ana, two.room.id, "three").await.seq, 3);
    })
    .await;
}

#[tokio::test]
async fn t058_slow_mode_is_exact_and_not_for_moderators() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let id = two.room.id;
        let slow = UpdateRoom {
            room_id: id,
            name: None,
            topic: None,
            member_only: None,
            read_only: None,
            slow_mode_ms: Some(5_000),
            retention_days: None,
            if_version: None,
            reason: None,
        };
        update_room(&two.ana, slow).await.unwrap();
        say(&two.ben, id, "one").await;
        hall.clock.advance(Duration::from_millis(4_999));
        let refused = send(&two.ben, text(id, "two")).await.unwrap_err();
        assert_eq!(
            (refused.code(), refused.details().retry_after),
            ("slow_mode", Some(Duration::from_millis(1)))
        );
        hall.clock.advance(Duration::from_millis(1));
        say(&two.ben, id, "two").await;
        say(&two.ana, id, "three").await;
        say(&two.ana, id, "four").await;
    })
    .await;
}

#[tokio::test]
async fn only_moderators_write_in_a_read_only_room() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let news = create_room(&two.ana, CreateRoom { read_only: Some(true), ..room("News") }).await.unwrap();
        join(&two.ben, JoinRoom { room_id: news.id }).await.unwrap();
        assert_eq!(code(send(&two.ben, text(news.id, "me too")).await), "room_read_only");
        say(&two.ana, news.id, "hear ye").await;
    })
    .await;
}

#[tokio::test]
async fn mentions_and_replies_point_at_what_is_there() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let (id, stranger) = (two.room.id, hall.user("Cem").await);
        let first = say(&two.ana, id, "hello").await;
        let nobody: UserId = two.ana.new_id();
        let input = SendMessage {
            reply_to: Some(first.id),
            mentions: vec![two.ana_id, two.ana_id, two.ben_id, stranger, nobody],
            ..text(id, "hi Ana")
        };
        let reply = send(&two.ben, input).await.unwrap();
        assert_eq!((reply.reply_to, reply.mentions), (Some(first.id), vec![two.ana_id]));
        let other = create_room(&two.ana, room("Other")).await.unwrap();
        let input = SendMessage { reply_to: Some(first.id), ..text(other.id, "what?") };
        assert_eq!(code(send(&two.ana, input).await), "invalid");
        let unread = unread(&two.ana, ReadUnread {}).await.unwrap();
        assert_eq!((unread.messages, unread.mentions), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn writing_is_shown_now_and_then_and_kept_nowhere() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let ear = Ear::at(hall, [Topic::Room(two.room.id)]);
        let typing = async || say_typing(&two.ben, SayTyping { room_id: two.room.id }).await.unwrap();
        typing().await;
        typing().await;
        assert_eq!(ear.heard().len(), 1);
        hall.clock.advance(Duration::from_millis(TYPING_INTERVAL_MS as u64));
        typing().await;
        assert!(matches!(&ear.heard()[..], [Event::Typing(typing)] if typing.user_id == two.ben_id));
        // Among many nobody cares who is writing.
        for number in 2..=TYPING_MEMBERS_MAX {
            let another = hall.call(hall.guest(&format!("Extra{number}")).await, &[]);
            join(&another, JoinRoom { room_id: two.room.id }).await.unwrap();
        }
        ear.heard();
        hall.clock.advance(Duration::from_millis(TYPING_INTERVAL_MS as u64));
        typing().await;
        assert_eq!(ear.heard().len(), 0);
    })
    .await;
}

#[tokio::test]
async fn whoever_is_nobody_says_nothing() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        assert_eq!(code(send(&hall.nobody(), text(two.room.id, "boo")).await), "not_signed_in");
        assert!(matches!(hall.nobody().caller(), Caller::Nobody));
        let unknown: RoomId = two.ana.new_id();
        assert_eq!(code(send(&two.ana, text(unknown, "anybody?")).await), "not_found");
    })
    .await;
}

#[tokio::test]
async fn what_is_said_in_a_live_only_room_is_heard_and_kept_nowhere() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let both = CreateRoom { live_only: Some(true), retention_days: Some(7), ..room("Stage") };
        assert_eq!(code(create_room(&two.ana, both).await), "invalid");
        let stage =
            create_room(&two.ana, CreateRoom { live_only: Some(true), ..room("Stage") }).await.unwrap();
        join(&two.ben, JoinRoom { room_id: stage.id }).await.unwrap();
        let ear = Ear::at(hall, [Topic::Room(stage.id)]);
        let said = send(&two.ana, SendMessage { mentions: vec![two.ben_id], ..text(stage.id, "now") })
            .await
            .unwrap();
        assert_eq!((said.seq, said.mentions.clone()), (0, vec![two.ben_id]));
        say(&two.ben, stage.id, "and then").await;
        assert_eq!(ear.texts(), ["now", "and then"]);

        assert_eq!(all(&two.ben, stage.id).await, [""; 0]);
        let get = GetMessage { room_id: stage.id, message_id: said.id };
        assert_eq!(code(get_message(&two.ben, get).await), "not_found");
        let answer = SendMessage { reply_to: Some(said.id), ..text(stage.id, "what?") };
        assert_eq!(code(send(&two.ben, answer).await), "invalid");
        let unread = unread(&two.ben, ReadUnread {}).await.unwrap();
        assert_eq!((unread.messages, unread.mentions), (0, 0));
        let slow = UpdateRoom {
            room_id: stage.id,
            name: None,
            topic: None,
            member_only: None,
            read_only: None,
            slow_mode_ms: Some(5_000),
            retention_days: None,
            if_version: None,
            reason: None,
        };
        let keep = UpdateRoom { retention_days: Some(7), ..slow.clone() };
        assert_eq!(code(update_room(&two.ana, keep).await), "invalid");
        update_room(&two.ana, slow).await.unwrap();
        assert_eq!(code(send(&two.ben, text(stage.id, "too soon")).await), "slow_mode");
        hall.clock.advance(Duration::from_secs(5));
        say(&two.ben, stage.id, "not too soon").await;
        hall.restart().await;
        hall.clock.advance(Duration::from_secs(5));
        let ben = hall.call(two.ben_id, &[]);
        let stage = get_room(&ben, GetRoom { room_id: stage.id }).await.unwrap();
        assert!(stage.live_only && stage.last_seq == 0 && stage.members == 2);
        say(&ben, stage.id, "still here").await;
    })
    .await;
}
