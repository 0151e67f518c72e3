//! Taking back takes back everything that came of it, in whatever order, and nothing else.

use moothall_protocol::accounts::GetMe;
use moothall_protocol::audit::ListAudit;
use moothall_protocol::communication::DeleteMessage;
use moothall_protocol::restrictions::RestrictionScope;

use super::*;
use crate::{accounts, audit};

fn removal(message: &Message) -> Deed {
    Deed { room_id: Some(message.room_id), message_id: Some(message.id), ..deed(ActionKind::RemoveContent) }
}

/// A report of Ana by Ben, which a moderator agrees with by doing this.
async fn agreed(cast: &Cast, deed: Deed) -> Action {
    report(&cast.ben, behaviour(id(&cast.ana), "insult")).await.unwrap();
    let case_id = Some(cases_of(&cast.zoe).await[0].id);
    act(&cast.mo, Act { case_id, ..about(id(&cast.ana), deed) }).await.unwrap()
}

async fn report_of_ben(cast: &Cast) -> (Option<ReportOutcome>, Vec<Credibility>) {
    let mine = my_reports(&cast.ben, ListMyReports::default()).await.unwrap().items;
    let file = read_file(&cast.mo, ReadFile { user_id: id(&cast.ben), reason: None }).await.unwrap();
    (mine[0].outcome, file.credibility)
}

#[tokio::test]
async fn two_renamings_lead_back_to_the_users_own_name_in_any_order() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, .. } = cast(hall).await;
        let rename = || deed(ActionKind::Rename);
        for (cx, name, order) in [(&ana, "Ana", [0, 1]), (&ben, "Ben", [1, 0])] {
            let first = act(&mo, about(id(cx), rename())).await.unwrap();
            let second = act(&mo, about(id(cx), rename())).await.unwrap();
            for index in order {
                reverted(&mo, [first.id, second.id][index]).await;
            }
            let me = accounts::me(cx, GetMe {}).await.unwrap();
            assert_eq!((me.name.as_str(), me.rename_after), (name, None));
        }
    })
    .await;
}

#[tokio::test]
async fn what_its_writer_deleted_as_well_stays_deleted() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, room, .. } = cast(hall).await;
        let said = say(&ana, room, "turnip").await;
        let action = act(&mo, about(id(&ana), removal(&said))).await.unwrap();
        let gone = DeleteMessage { room_id: room, message_id: said.id, reason: None };
        communication::delete(&ana, gone).await.unwrap();
        reverted(&mo, action.id).await;
        assert_eq!(reads(&ben, room).await, [""]);
        hall.restart().await;
        let ben = hall.call(id(&ben), &[]);
        assert_eq!(reads(&ben, room).await, [""]);
    })
    .await;
}

#[tokio::test]
async fn a_report_that_was_agreed_with_counts_no_more_once_nothing_of_it_stands() {
    on_both_engines(async |hall| {
        let cast = cast(hall).await;
        let action = agreed(&cast, muted(None)).await;
        let case_id = action.case_id.unwrap();
        let (outcome, credit) = report_of_ben(&cast).await;
        assert_eq!((outcome, credit[0].agreed, credit[0].decided), (Some(ReportOutcome::Agreed), 1, 1));
        let ear = Ear::of(hall, &cast.ben);
        reverted(&cast.mo, action.id).await;
        let (outcome, credit) = report_of_ben(&cast).await;
        assert_eq!((outcome, credit[0].agreed, credit[0].decided), (Some(ReportOutcome::Unclear), 0, 0));
        let file = read_case(&cast.mo, ReadCase { case_id, reason: None }).await.unwrap();
        assert_eq!(file.case.outcome, Some(ReportOutcome::Unclear));
        // In place of what was told before.
        let heard = ear.heard();
        let notice = match &heard[..] {
            [Event::NoticeTold(notice)] => notice,
            other => panic!("{other:?}"),
        };
        assert_eq!((notice.kind.as_str(), notice.count), ("moderation.report_closed", 2));
        assert!(notice.text.contains("took back"), "{}", notice.text);
        reverted(&cast.mo, action.id).await;
        assert_eq!(report_of_ben(&cast).await.1[0].decided, 0, "twice is as once");
    })
    .await;
}

#[tokio::test]
async fn of_two_things_that_were_done_one_is_enough_to_have_been_right() {
    on_both_engines(async |hall| {
        let cast = cast(hall).await;
        report(&cast.ben, behaviour(id(&cast.ana), "insult")).await.unwrap();
        let case_id = Some(cases_of(&cast.zoe).await[0].id);
        let kept_open =
            Act { case_id, keeps_case_open: Some(true), ..about(id(&cast.ana), deed(ActionKind::Warn)) };
        let warning = act(&cast.mo, kept_open).await.unwrap();
        let muting = act(&cast.mo, Act { case_id, ..about(id(&cast.ana), muted(None)) }).await.unwrap();
        reverted(&cast.mo, muting.id).await;
        assert_eq!(report_of_ben(&cast).await.0, Some(ReportOutcome::Agreed));
        reverted(&cast.mo, warning.id).await;
        assert_eq!(report_of_ben(&cast).await.0, Some(ReportOutcome::Unclear));
    })
    .await;
}

#[tokio::test]
async fn many_reports_are_reconsidered_by_a_job_and_quiet_ones_quietly() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, zoe, .. } = cast(hall).await;
        for number in 0..60 {
            let cx = person(hall, &format!("Crowd{number}")).await;
            report(&cx, behaviour(id(&ana), "spam")).await.unwrap();
        }
        report(&ben, behaviour(id(&ana), "spam")).await.unwrap();
        let case_id = Some(cases_of(&zoe).await[0].id);
        let types = vec!["shadow_chat".into()];
        let ends_at = Some(hall.server().now() + DAY);
        let asked = ActionRestriction { types, ends_at, ..ActionRestriction::default() };
        let shadow = Deed { restriction: Some(asked), ..deed(ActionKind::Restrict) };
        let action = act(&mo, Act { case_id, ..about(id(&ana), shadow) }).await.unwrap();
        let done = async || {
            let input = ListReports { case_id, limit: Some(100), ..ListReports::default() };
            let reports = list_reports(&mo, input).await.unwrap().items;
            reports.into_iter().map(|report| report.outcome).collect::<Vec<_>>()
        };
        let until = async |wanted| {
            for _ in 0..500 {
                if done().await.iter().all(|outcome| *outcome == Some(wanted)) {
                    return true;
                }
                hall.clock.advance(Duration::from_secs(1));
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            false
        };
        assert!(until(ReportOutcome::Agreed).await);
        let ear = Ear::of(hall, &ben);
        reverted(&mo, action.id).await;
        assert!(until(ReportOutcome::Unclear).await, "{:?}", done().await);
        assert_eq!(ear.heard(), [], "who was told that nothing came of it hears no more");
    })
    .await;
}

#[tokio::test]
async fn what_somebody_reported_while_marked_weighs_again_what_it_would_have() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, .. } = cast(hall).await;
        let mark = Deed { mark: Some("liar".into()), ..deed(ActionKind::Mark) };
        let mark = act(&mo, about(id(&ben), mark)).await.unwrap();
        report(&ben, behaviour(id(&ana), "insult")).await.unwrap();
        assert_eq!(cases_of(&mo).await[0].priority, 5);
        reverted(&mo, mark.id).await;
        let case = cases_of(&mo).await.remove(0);
        assert_eq!((case.priority, case.reports), (20, 1));
        assert!(case.terms.iter().all(|term| term.name != "marked_reporter"), "{:?}", case.terms);
    })
    .await;
}

#[tokio::test]
async fn an_action_says_how_long_and_where_and_so_does_what_was_reduced() {
    on_both_engines(async |hall| {
        let Cast { ana, mo, zoe, room, .. } = cast(hall).await;
        let scope = RestrictionScope { room_id: Some(room), mode: None };
        let asked = ActionRestriction {
            types: vec!["chat".into()],
            scope: scope.clone(),
            after_matches: Some(5),
            ..ActionRestriction::default()
        };
        let muting = Deed { restriction: Some(asked.clone()), ..deed(ActionKind::Restrict) };
        let action = act(&mo, about(id(&ana), muting)).await.unwrap();
        let said = |action: &Action| (action.after["scope"].clone(), action.after["after_matches"].clone());
        assert_eq!(said(&action), (serde_json::to_value(&scope).unwrap(), 5.into()));
        let nowhere = RestrictionScope { room_id: Some(mo.new_id()), mode: None };
        let asked = ActionRestriction { scope: nowhere, ..asked };
        let muting = Deed { restriction: Some(asked), ..deed(ActionKind::Restrict) };
        let refused = act(&mo, about(id(&ana), muting)).await.unwrap_err();
        let field = refused.details().fields.unwrap().remove(0);
        assert_eq!(
            (field.path.as_str(), field.code.as_str()),
            ("/deed/restriction/scope/room_id", "not_found")
        );

        let filed = appeal(&ana, FileAppeal { action_id: action.id, text: "why?".into() }).await.unwrap();
        let reduce = DecideAppeal {
            appeal_id: filed.id,
            outcome: AppealOutcome::Reduce,
            decision: "once is enough".into(),
            ends_at: None,
            after_matches: Some(1),
        };
        decide_appeal(&zoe, reduce).await.unwrap();
        let listed = ListActions { user_id: ana.user(), ..ListActions::default() };
        assert_eq!(said(&list_actions(&mo, listed).await.unwrap().items[0]).1, 1);
        let action = Some("moderation.decide_appeal".to_owned());
        let lines = audit::list(&hall.server(), ListAudit { action, ..ListAudit::default() }).await.unwrap();
        let line = &lines.items[0];
        let of = |value: &Option<serde_json::Value>| {
            value.as_ref().unwrap()["restriction"]["after_matches"].clone()
        };
        assert_eq!((of(&line.before), of(&line.after)), (5.into(), 1.into()));
    })
    .await;
}
