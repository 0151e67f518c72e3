//! Reports: who may, how often, of what, and what is believed.

use moothall_protocol::accounts::{Audience, PutExtra};
use moothall_protocol::communication::OpenDirect;
use moothall_protocol::limits::{REPORT_EXTRA_BYTES_MAX, REPORT_NEIGHBOURS_MAX};

use super::*;
use crate::accounts;
use crate::communication::open_direct;

async fn dismissed(cx: &Cx, case_id: CaseId, outcome: ReportOutcome) {
    let input = DismissCase { case_id, outcome, reason: "nothing".into() };
    dismiss_case(cx, input).await.unwrap();
}

#[tokio::test]
async fn nobody_reports_themselves_twice_too_often_or_what_they_do_not_see() {
    on_both_engines_with(
        |settings| settings.moderation.reports_per_day = 3,
        async |hall| {
            let Cast { ana, ben, mo, .. } = cast(hall).await;
            assert_eq!(code(report(&ben, behaviour(id(&ben), "spam")).await), "about_yourself");
            assert_eq!(code(report(&ben, behaviour(id(&ana), "rudeness")).await), "invalid");
            let nobody = UserId::from_uuid(uuid::Uuid::from_u128(7));
            assert_eq!(code(report(&ben, behaviour(nobody, "spam")).await), "not_found");
            let missing = FileReport { user_id: None, ..behaviour(id(&ana), "spam") };
            assert_eq!(code(report(&ben, missing).await), "invalid");
            // A conversation of others is not there.
            let direct = open_direct(&ana, OpenDirect { user_id: id(&mo) }).await.unwrap();
            let secret = say(&ana, direct.id, "between us").await;
            assert_eq!(code(report(&ben, of_message(&secret, "insult")).await), "invalid");
            report(&mo, of_message(&secret, "insult")).await.unwrap();

            report(&ben, behaviour(id(&ana), "spam")).await.unwrap();
            assert_eq!(code(report(&ben, behaviour(id(&ana), "insult")).await), "already_reported");
            for subject in [ReportSubject::Name, ReportSubject::Profile] {
                report(&ben, FileReport { subject, ..behaviour(id(&ana), "name") }).await.unwrap();
            }
            let too_many = report(&ben, behaviour(id(&mo), "spam")).await.unwrap_err();
            assert_eq!(too_many.code(), "too_many_reports");
            assert_eq!(too_many.details().retry_after, Some(DAY));
            hall.clock.advance(DAY);
            report(&ben, behaviour(id(&mo), "spam")).await.unwrap();
            // Once it is decided one may report again.
            let case = cases_of(&mo).await.into_iter().find(|case| case.target_id == id(&ana)).unwrap();
            dismissed(&mo, case.id, ReportOutcome::Unclear).await;
            report(&ben, behaviour(id(&ana), "insult")).await.unwrap();
        },
    )
    .await;
}

#[tokio::test]
async fn who_may_not_report_does_not() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, .. } = cast(hall).await;
        let types = vec!["report".into()];
        let restriction = Some(ActionRestriction { types, ..ActionRestriction::default() });
        let input = about(id(&ben), Deed { restriction, ..deed(ActionKind::Restrict) });
        act(&mo, input).await.unwrap();
        assert_eq!(code(report(&ben, behaviour(id(&ana), "spam")).await), "restricted");
    })
    .await;
}

#[tokio::test]
async fn reports_of_one_user_are_one_case_and_who_was_right_counts_for_more() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, zoe, .. } = cast(hall).await;
        report(&ben, behaviour(id(&ana), "spam")).await.unwrap();
        report(&zoe, behaviour(id(&ana), "insult")).await.unwrap();
        let [case] = &cases_of(&mo).await[..] else { panic!("one case") };
        assert_eq!((case.reports, case.priority), (2, 25), "20, and 5 for another reporter");
        let names: Vec<_> = case.terms.iter().map(|term| term.name.as_str()).collect();
        assert_eq!(names, ["base", "accuracy", "further_reporters"]);
        let only_spam = ListCases { category: Some("spam".into()), ..ListCases::default() };
        assert_eq!(list_cases(&mo, only_spam).await.unwrap().items.len(), 1);
        let only_hate = ListCases { category: Some("hate".into()), ..ListCases::default() };
        assert_eq!(list_cases(&mo, only_hate).await.unwrap().items.len(), 0);

        // Mo agrees with Ben, and not with Zoe.
        let file =
            read_case(&mo, ReadCase { case_id: case.id, reason: Some("to see".into()) }).await.unwrap();
        let zoes = file.reports.iter().find(|report| report.reporter_id == Some(id(&zoe))).unwrap();
        let input = Act {
            case_id: Some(case.id),
            disagreed: vec![zoes.id],
            ..about(id(&ana), Deed { category: "spam".into(), ..deed(ActionKind::Warn) })
        };
        act(&mo, input).await.unwrap();
        let accuracy = async |cx: &Cx| {
            read_file(&mo, ReadFile { user_id: id(cx), reason: Some("to see".into()) })
                .await
                .unwrap()
                .credibility[0]
                .accuracy
        };
        assert!(accuracy(&ben).await > 60.0 && accuracy(&zoe).await < 40.0);
        let cy = person(hall, "Cy").await;
        report(&ben, behaviour(id(&cy), "spam")).await.unwrap();
        let case = &cases_of(&mo).await[0];
        assert!(case.priority > 20, "{case:?}");

        // What a marked user reports counts for less, and what a program reports for more.
        let mark = Deed { mark: Some("liar".into()), ..deed(ActionKind::Mark) };
        act(&mo, about(id(&ben), mark)).await.unwrap();
        let dot = person(hall, "Dot").await;
        report(&ben, behaviour(id(&dot), "hate")).await.unwrap();
        let of_dot = ListCases { target_id: Some(id(&dot)), ..ListCases::default() };
        assert_eq!(list_cases(&mo, of_dot.clone()).await.unwrap().items[0].priority, 5);
        let watcher = hall.call(hall.user("Watcher").await, &[REPORT_AUTOMATICALLY]);
        let automatic = FileReport { is_automatic: Some(true), ..behaviour(id(&dot), "cheating") };
        assert_eq!(code(report(&cy, automatic.clone()).await), "forbidden");
        report(&watcher, automatic).await.unwrap();
        assert_eq!(list_cases(&mo, of_dot).await.unwrap().items[0].priority, 50);
    })
    .await;
}

#[tokio::test]
async fn what_is_reported_stays_as_it_was() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, room, .. } = cast(hall).await;
        let insult = say(&ana, room, "turnip").await;
        say(&ben, room, "what?").await;
        report(&ben, of_message(&insult, "insult")).await.unwrap();
        let delete = moothall_protocol::communication::DeleteMessage {
            room_id: room,
            message_id: insult.id,
            reason: None,
        };
        communication::delete(&ana, delete).await.unwrap();
        let case = cases_of(&mo).await.remove(0);
        let file =
            read_case(&mo, ReadCase { case_id: case.id, reason: Some("to see".into()) }).await.unwrap();
        assert_eq!(file.reports[0].evidence["message"]["text"], "turnip");
        assert_eq!(file.reports[0].evidence["around"][0]["text"], "what?");
    })
    .await;
}

#[tokio::test]
async fn what_is_reported_is_kept_with_its_neighbours() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, room, .. } = cast(hall).await;
        let mut said = Vec::new();
        for number in 0..2 * REPORT_NEIGHBOURS_MAX + 3 {
            said.push(say(&ana, room, &format!("turnip {number}")).await);
        }
        let middle = &said[REPORT_NEIGHBOURS_MAX + 1];
        report(&ben, of_message(middle, "spam")).await.unwrap();
        let case = cases_of(&mo).await.remove(0);
        let file =
            read_case(&mo, ReadCase { case_id: case.id, reason: Some("to see".into()) }).await.unwrap();
        let around = file.reports[0].evidence["around"].as_array().unwrap().clone();
        assert_eq!(around.len(), 2 * REPORT_NEIGHBOURS_MAX);
        assert_eq!((&around[0]["text"], &around[9]["text"]), (&"turnip 1".into(), &"turnip 11".into()));
    })
    .await;
}

#[tokio::test]
async fn a_report_of_a_profile_keeps_what_its_user_says_of_themselves() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, .. } = cast(hall).await;
        let put = |key: &str, value: String| PutExtra {
            user_id: id(&ana),
            key: key.into(),
            audience: Some(Audience::Public),
            value: value.into(),
            if_version: None,
            reason: None,
        };
        accounts::put_extra(&ana, put("bio", "I hate turnips".into())).await.unwrap();
        let subject = ReportSubject::Profile;
        report(&ben, FileReport { subject, ..behaviour(id(&ana), "insult") }).await.unwrap();
        let evidence = || async {
            let file = read_file(&mo, ReadFile { user_id: id(&ana), reason: None }).await.unwrap();
            file.reports_about[0].evidence.clone()
        };
        let kept = evidence().await;
        assert_eq!(kept["extra"]["bio"], "I hate turnips");
        assert_eq!(kept["presence"]["is_online"], false);
        // It stays as it was, and is no more than so much.
        accounts::put_extra(&ana, put("bio", "I love turnips".into())).await.unwrap();
        assert_eq!(evidence().await, kept);
        for number in 0..3 {
            let long = "x".repeat(REPORT_EXTRA_BYTES_MAX / 2 - 100);
            accounts::put_extra(&ana, put(&format!("long{number}"), long)).await.unwrap();
        }
        let cy = person(hall, "Cy").await;
        report(&cy, FileReport { subject, ..behaviour(id(&ana), "insult") }).await.unwrap();
        let kept = evidence().await["extra"].to_string().len();
        assert!(kept > REPORT_EXTRA_BYTES_MAX / 2 && kept <= REPORT_EXTRA_BYTES_MAX + 100, "{kept}");
    })
    .await;
}

#[tokio::test]
async fn what_does_not_go_with_what_is_reported_is_not_left_out_unnoticed() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, room, .. } = cast(hall).await;
        let said = say(&ana, room, "turnip").await;
        let of_user = FileReport { message_id: Some(said.id), ..behaviour(id(&ana), "insult") };
        let refused = report(&ben, of_user).await.unwrap_err();
        assert_eq!(refused.details().fields.unwrap()[0].path, "/message_id");
    })
    .await;
}
