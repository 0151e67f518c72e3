//! What users wrote, for themselves.

use std::time::Duration;

use moothall_protocol::communication::{DeleteMessage, EditMessage};
use moothall_protocol::restrictions::ImposeRestriction;
use serde_json::Value;

use super::*;
use crate::export::Part;
use crate::restrictions::testing::{imposed, restriction};

async fn written(cx: &Cx, looked_at: usize, limit: usize) -> (Vec<String>, usize) {
    let (user, mut from, mut texts, mut parts) = (cx.user().unwrap(), None::<Value>, Vec::new(), 0);
    loop {
        let begin = from.clone();
        let part: Part = cx
            .read(move |tx| {
                crate::communication::messages::export_by(tx, user, begin.clone(), limit, looked_at)
            })
            .await
            .unwrap();
        texts.extend(part.items.iter().map(|item| item["text"].as_str().unwrap().to_owned()));
        parts += 1;
        match part.next {
            Some(next) => from = Some(next),
            None => return (texts, parts),
        }
    }
}

#[tokio::test]
async fn what_a_user_wrote_is_found_among_what_others_did_a_bounded_piece_at_a_time() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        for n in 0..10 {
            hall.clock.advance(Duration::from_millis(2));
            let (cx, what) = if n % 4 == 3 { (&two.ana, "mine") } else { (&two.ben, "theirs") };
            say(cx, two.room.id, &format!("{what} {n}")).await;
        }
        let mine = vec!["mine 3".to_owned(), "mine 7".to_owned()];
        for (looked_at, limit) in [(1, 1), (2, 50), (3, 1), (5_000, 50)] {
            let (found, parts) = written(&two.ana, looked_at, limit).await;
            assert_eq!(found, mine, "{looked_at} at a time");
            assert!(parts <= 10 / looked_at + 3, "{parts}");
        }
        assert_eq!(written(&two.ben, 3, 2).await.0.len(), 8);
    })
    .await;
}

#[tokio::test]
async fn what_a_user_changed_and_what_was_not_heard_is_theirs_as_they_see_it() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let id = two.room.id;
        let stage = CreateRoom { live_only: Some(true), ..room("Stage") };
        let stage = create_room(&two.ana, stage).await.unwrap().id;
        let first = say(&two.ana, id, "one").await;
        hall.clock.advance(Duration::from_millis(2));
        let edit = EditMessage {
            room_id: id,
            message_id: first.id,
            text: "ONE".into(),
            attachments: None,
            mentions: None,
            if_version: None,
        };
        super::edit(&two.ana, edit).await.unwrap();
        say(&two.ben, id, "theirs").await;
        let ends_at = Some(hall.server().now() + Duration::from_secs(60));
        imposed(hall, ImposeRestriction { ends_at, ..restriction(two.ana_id, &["shadow_chat"]) }).await;
        say(&two.ana, stage, "heard and gone").await;
        let second = say(&two.ana, id, "two").await;
        delete(&two.ana, DeleteMessage { room_id: id, message_id: second.id, reason: None }).await.unwrap();
        let user = two.ana_id;
        let part = two.ana.read(move |tx| export_messages(tx, user, None, 50)).await.unwrap();
        let texts: Vec<&Value> = part.items.iter().map(|item| &item["text"]).collect();
        assert_eq!(texts, ["ONE", ""], "nothing is kept of a live-only room as far as they know");
        assert!(
            part.items
                .iter()
                .all(|item| item.get("is_shadowed").is_none() && item.get("is_hidden").is_none())
        );
        let part = two.ana.read(move |tx| export_versions(tx, user, None, 1)).await.unwrap();
        assert_eq!((&part.items[0]["text"], part.next.is_some()), (&Value::from("one"), true));
        let next = part.next;
        let part = two.ana.read(move |tx| export_versions(tx, user, next.clone(), 1)).await.unwrap();
        assert_eq!((&part.items[0]["text"], part.next), (&Value::from("two"), None));
        let part = two.ana.read(move |tx| export(tx, user, None, 1)).await.unwrap();
        assert!(part.items.len() == 1 && part.next.is_some());
    })
    .await;
}
