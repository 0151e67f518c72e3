//! What is forgotten, and when.

use moothall_protocol::accounts::DeleteUser;
use moothall_protocol::jobs::{JobStatus, ListJobs};

use super::*;
use crate::accounts;
use crate::jobs::{self, Kind as _, Step};
use crate::moderation::retention::{Forget, count};

async fn swept(hall: &TestHall) {
    sweep(&hall.server()).await.unwrap();
}

async fn rows(hall: &TestHall, table: &'static str) -> i64 {
    hall.server().read(move |tx| count(tx, table)).await.unwrap()
}

#[tokio::test]
async fn reports_of_a_closed_case_are_forgotten_in_time_and_what_was_done_stays() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, .. } = cast(hall).await;
        report(&ben, behaviour(id(&ana), "insult")).await.unwrap();
        let case = cases_of(&mo).await.remove(0);
        let acted = Act { case_id: Some(case.id), ..about(id(&ana), deed(ActionKind::Warn)) };
        act(&mo, acted).await.unwrap();
        hall.clock.advance(DAY * 364);
        // Of this one nobody has decided.
        report(&ben, behaviour(id(&ana), "spam")).await.unwrap();
        swept(hall).await;
        assert_eq!((rows(hall, "reports").await, rows(hall, "moderation_cases").await), (2, 2));
        hall.clock.advance(DAY);
        swept(hall).await;
        assert_eq!((rows(hall, "reports").await, rows(hall, "moderation_cases").await), (1, 1));
        let file = read_file(&mo, ReadFile { user_id: id(&ana), reason: None }).await.unwrap();
        assert_eq!((file.actions.len(), file.notes.len(), file.reports_about.len()), (1, 1, 1));
        let mine = my_reports(&ben, ListMyReports::default()).await.unwrap().items;
        assert_eq!(mine.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn of_an_erased_account_nothing_is_left_in_the_end() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, zoe, .. } = cast(hall).await;
        report(&ben, behaviour(id(&ana), "insult")).await.unwrap();
        report(&ana, behaviour(id(&ben), "insult")).await.unwrap();
        let muting = act(&mo, about(id(&ana), muted(None))).await.unwrap();
        let mark = Deed { mark: Some("turnip thrower".into()), ..deed(ActionKind::Mark) };
        act(&mo, about(id(&ana), mark)).await.unwrap();
        appeal(&ana, FileAppeal { action_id: muting.id, text: "why?".into() }).await.unwrap();
        let link = LinkAlternates {
            user_id: id(&ana),
            other_id: id(&ben),
            verdict: AlternateVerdict::SamePerson,
            reason: "they say so".into(),
        };
        link_alternates(&zoe, link).await.unwrap();
        let of_ben = cases_of(&mo).await.into_iter().find(|case| case.target_id == id(&ben)).unwrap();
        let dismiss =
            DismissCase { case_id: of_ben.id, outcome: ReportOutcome::Disagreed, reason: "no".into() };
        dismiss_case(&mo, dismiss).await.unwrap();
        let tables = [
            "appeals",
            "appeal_messages",
            "action_marks",
            "moderation_actions",
            "restrictions",
            "alternate_links",
            "reporter_credit",
        ];
        for table in tables {
            assert!(rows(hall, table).await > 0, "{table}");
        }

        let server = hall.server();
        let input = DeleteUser { user_id: id(&ana), reason: "they asked".into() };
        accounts::delete_user(&server, input).await.unwrap();
        hall.clock.advance(DAY * 2);
        accounts::sweep(&server).await.unwrap();
        assert_eq!(rows(hall, "reporter_credit").await, 0);
        assert_eq!(rows(hall, "moderation_actions").await, 2, "a clean record is not to be had like that");
        let waiting = ListJobs { status: Some(JobStatus::Waiting), ..ListJobs::default() };
        let job = jobs::list(&server, waiting).await.unwrap().items.remove(0);
        assert_eq!((job.kind.as_str(), job.run_at), (Forget::NAME, Some(server.now() + DAY * 365)));
        loop {
            let state = job.state.clone();
            let stepped = server.write(move |tx| {
                let mut forget: Forget = serde_json::from_value(state.clone()).unwrap();
                forget.step(tx)
            });
            if stepped.await.unwrap() == Step::Done {
                break;
            }
        }
        for table in tables {
            assert_eq!(rows(hall, table).await, 0, "{table}");
        }
        let left = read_file(&mo, ReadFile { user_id: id(&ben), reason: None }).await.unwrap();
        assert_eq!(left.reports_about.len(), 1, "what they said of others is forgotten with that");
        assert_eq!(cases_of(&mo).await, []);
    })
    .await;
}
