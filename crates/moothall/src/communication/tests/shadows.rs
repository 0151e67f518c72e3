//! Who is not heard: they notice nothing, nobody else does either, and staff sees it.

use std::time::Duration;

use moothall_protocol::MessageId;
use moothall_protocol::communication::{DeleteMessage, EditMessage, GetMessage, ReadUnread};
use moothall_protocol::restrictions::{ImposeRestriction, MyRestrictions};

use super::*;
use crate::accounts::testing::{call, sign_up, with_accounts};
use crate::connections::Stream;
use crate::restrictions::testing::{imposed, lifted, restriction};
use crate::topics::Frame;
use crate::{restrictions, snapshot};

const HOUR: Duration = Duration::from_secs(3_600);

async fn reads(cx: &Cx, room_id: RoomId) -> Vec<(String, bool)> {
    let input = ReadHistory { room_id, before: None, after: None, around: None, limit: None };
    let items = history(cx, input).await.unwrap().items;
    items.into_iter().map(|message| (message.text, message.is_shadowed)).collect()
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

#[tokio::test]
async fn who_is_not_heard_notices_nothing_and_nobody_else_hears_them() {
    with_accounts(async |hall| {
        let [ana, ben] = [sign_up(&hall.hall, "Ana").await, sign_up(&hall.hall, "Ben").await];
        let (ana_id, ana, ben) = (ana.user.id, call(&hall.hall, &ana).await, call(&hall.hall, &ben).await);
        let staff = hall.call(hall.user("Mo").await, &[MODERATE]);
        let room = create_room(&ben, room("Tavern")).await.unwrap().id;
        join(&ana, JoinRoom { room_id: room }).await.unwrap();
        let old = say(&ana, room, "before").await;
        let [mut anas, mut bens] =
            [snapshot::open(&ana, None).await.unwrap(), snapshot::open(&ben, None).await.unwrap()];
        for stream in [&mut anas, &mut bens] {
            stream.take(usize::MAX).unwrap();
        }
        let ends_at = Some(hall.server().now() + HOUR);
        let shadow =
            imposed(hall, ImposeRestriction { ends_at, ..restriction(ana_id, &["shadow_chat"]) }).await;

        let unheard = say(&ana, room, "spam").await;
        assert_eq!((unheard.seq, unheard.is_shadowed), (2, false));
        assert_eq!(say(&ben, room, "quiet here").await.seq, 2, "the numbers of others go on");
        let heard = |stream: &mut Stream| {
            let taken = stream.take(usize::MAX).unwrap().into_iter();
            let texts = taken.filter_map(|(_, frame)| match frame.event() {
                Event::MessageSent(message) => Some((message.text.clone(), frame_topic(&frame))),
                Event::Read(_) => None,
                other => panic!("{other:?}"),
            });
            texts.collect::<Vec<_>>()
        };
        let topic = Some(Topic::Room(room).to_string());
        assert_eq!(
            heard(&mut anas),
            [("spam".to_owned(), topic.clone()), ("quiet here".to_owned(), topic.clone())]
        );
        assert_eq!(heard(&mut bens), [("quiet here".to_owned(), topic)]);

        let plain = |texts: &[&str]| texts.iter().map(|text| ((*text).to_owned(), false)).collect::<Vec<_>>();
        assert_eq!(reads(&ana, room).await, plain(&["before", "spam", "quiet here"]));
        assert_eq!(reads(&ben, room).await, plain(&["before", "quiet here"]));
        assert_eq!(reads(&staff, room).await[1], ("spam".to_owned(), true));
        let get = |message_id| GetMessage { room_id: room, message_id };
        assert_eq!(code(get_message(&ben, get(unheard.id)).await), "not_found");
        assert_eq!(get_message(&ana, get(unheard.id)).await.unwrap(), unheard);
        assert_eq!(unread(&ben, ReadUnread {}).await.unwrap().messages, 0);

        // Changing it changes what they see, and staff sees what it was.
        let edited = edit(&ana, changed(room, unheard.id, "SPAM")).await.unwrap();
        assert_eq!((edited.version, edited.text.as_str()), (2, "SPAM"));
        assert_eq!(code(edit(&ana, changed(room, old.id, "SPAM")).await), "edit_window_closed");
        let input = DeleteMessage { room_id: room, message_id: unheard.id, reason: None };
        delete(&ana, input).await.unwrap();
        assert_eq!(reads(&ana, room).await[1].0, "");
        assert_eq!(reads(&staff, room).await[1].0, "SPAM");
        assert!(bens.take(usize::MAX).unwrap().is_empty());
        assert!(restrictions::mine(&ana, MyRestrictions::default()).await.unwrap().items.is_empty());

        lifted(hall, shadow.id).await;
        say(&ana, room, "sorry").await;
        assert_eq!(heard(&mut bens).len(), 1);
        assert_eq!(reads(&ben, room).await, plain(&["before", "quiet here", "sorry"]));
    })
    .await;
}

fn frame_topic(frame: &Frame) -> Option<String> {
    frame.topic().map(str::to_owned)
}
