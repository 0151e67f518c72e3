//! A first message that is reported goes to the moderators.

use moothall_protocol::Event;
use moothall_protocol::communication::{AnswerContact, ContactAnswer, OpenDirect, SendMessage};
use moothall_protocol::moderation::{
    DismissCase, FileReport, ListMyReports, ReportOutcome, ReportSubject, TakeNextCase,
};

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

/// What was reported before it was answered can be answered in each way, whatever became of the report.
#[tokio::test]
async fn a_first_message_that_was_reported_before_is_answered_all_the_same() {
    on_both_engines(async |hall| {
        let ben_id = hall.user("Ben").await;
        let ben = hall.call(ben_id, &[]);
        privacy::set(&hall.server(), ben_id, Privacy { messages: Who::Friends, ..Privacy::default() }).await;
        let answers = [ContactAnswer::Accept, ContactAnswer::Ignore, ContactAnswer::Report];
        let names = ["Ana", "Cleo", "Dot", "Eve", "Fay", "Gia"];
        let cases = answers.into_iter().flat_map(|answer| [(answer, false), (answer, true)]);
        for ((answer, is_dismissed), name) in cases.zip(names) {
            let ana = hall.call(hall.user(name).await, &[]);
            let open = OpenDirect { user_id: ben_id };
            let room_id = communication::open_direct(&ana, open).await.unwrap().id;
            let say = async |text: &str| {
                let (attachments, reply_to, mentions) = (Vec::new(), None, Vec::new());
                let text = text.to_owned();
                let message = SendMessage { room_id, text, attachments, reply_to, mentions };
                communication::send(&ana, message).await.unwrap()
            };
            let first = say("buy my gold").await;
            let report = FileReport {
                subject: ReportSubject::Message,
                user_id: None,
                room_id: Some(room_id),
                message_id: Some(first.id),
                lobby_id: None,
                match_id: None,
                category: "spam".into(),
                text: String::new(),
                is_automatic: None,
            };
            moderation::report(&ben, report).await.unwrap();
            if is_dismissed {
                let mo = hall.call(hall.user(&format!("Mo.{name}")).await, &[moderation::CASES]);
                let case = moderation::next_case(&mo, TakeNextCase {}).await.unwrap().case.unwrap();
                let dismiss = DismissCase {
                    case_id: case.id,
                    outcome: ReportOutcome::Unclear,
                    reason: "cannot be told".into(),
                };
                moderation::dismiss_case(&mo, dismiss).await.unwrap();
            }
            let requests = communication::list_requests(&ben, Default::default()).await.unwrap().items;
            assert!(requests.iter().any(|request| request.room.id == room_id), "it still waits");
            let category = (answer == ContactAnswer::Report).then(|| "spam".to_owned());
            communication::answer_request(&ben, AnswerContact { room_id, answer, category }).await.unwrap();
            let requests = communication::list_requests(&ben, Default::default()).await.unwrap().items;
            assert!(requests.is_empty(), "it is decided");
            let ear = crate::testing::Ear::of(hall, &ben);
            say("are you there?").await;
            let told = ear.heard().iter().any(|event| matches!(event, Event::MessageSent(_)));
            assert_eq!(told, answer == ContactAnswer::Accept, "{answer:?}");
        }
    })
    .await;
}
