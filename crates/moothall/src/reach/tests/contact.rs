//! A first message that is reported goes to the moderators.

use moothall_protocol::communication::{AnswerContact, ContactAnswer, OpenDirect, SendMessage};
use moothall_protocol::moderation::ListMyReports;

use super::*;
use crate::accounts::testing::code;
use crate::testing::on_both_engines;
use crate::{communication, moderation};

#[tokio::test]
async fn who_reports_a_first_message_has_a_report_and_hears_no_more() {
    on_both_engines(async |hall| {
        let [ana, ben] = [hall.user("Ana").await, hall.user("Ben").await].map(|user| hall.call(user, &[]));
        let friends = Privacy { messages: Who::Friends, ..Privacy::default() };
        privacy::set(&hall.server(), ben.user().unwrap(), friends).await;
        let open = OpenDirect { user_id: ben.user().unwrap() };
        let room_id = communication::open_direct(&ana, open).await.unwrap().id;
        let message = SendMessage {
            room_id,
            text: "buy my gold".into(),
            attachments: Vec::new(),
            reply_to: None,
            mentions: Vec::new(),
        };
        communication::send(&ana, message).await.unwrap();
        let report = |category: &str| AnswerContact {
            room_id,
            answer: ContactAnswer::Report,
            category: Some(category.to_owned()),
        };
        assert_eq!(code(communication::answer_request(&ben, report("nonsense")).await), "invalid");
        communication::answer_request(&ben, report("spam")).await.unwrap();
        let mine = moderation::my_reports(&ben, ListMyReports::default()).await.unwrap().items;
        assert_eq!(
            (mine.len(), mine[0].target_id, mine[0].category.as_str()),
            (1, ana.user().unwrap(), "spam")
        );
        let page = communication::list_requests(&ben, Default::default()).await.unwrap();
        assert!(page.items.is_empty());
    })
    .await;
}
