//! A whole story: an insult, a report, a case, a restriction, an appeal, and everything as before.

use moothall_protocol::audit::ListAudit;

use super::*;
use crate::audit;

#[tokio::test]
async fn an_insult_is_reported_restricted_appealed_against_and_overturned() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, zoe, room } = cast(hall).await;
        let [anas, bens, mos] = [Ear::of(hall, &ana), Ear::of(hall, &ben), Ear::of(hall, &mo)];
        let staff = Ear::at(hall, [Topic::Moderation]);
        say(&ana, room, "good evening").await;
        let insult = say(&ana, room, "you play like a turnip").await;

        // Ben reports it, with what there was to see.
        let receipt = report(&ben, of_message(&insult, "insult")).await.unwrap();
        assert_eq!((receipt.number, receipt.target_id, receipt.outcome), (1, id(&ana), None));

        // A moderator takes the case, looks at it, and restricts Ana.
        let case = next_case(&mo, TakeNextCase {}).await.unwrap().case.expect("a case");
        assert_eq!((case.target_id, case.priority, case.claimed_by), (id(&ana), 20, Some(id(&mo))));
        let file =
            read_case(&mo, ReadCase { case_id: case.id, reason: Some("to see".into()) }).await.unwrap();
        let evidence = &file.reports[0].evidence;
        assert_eq!(evidence["message"]["text"], "you play like a turnip");
        assert_eq!(evidence["around"][0]["text"], "good evening");
        assert_eq!((&evidence["target_name"], &evidence["reporter_name"]), (&"Ana".into(), &"Ben".into()));
        assert_eq!(code(claim_case(&zoe, ClaimCase { case_id: case.id }).await), "case_claimed");
        let ends_at = hall.server().now() + DAY;
        let input = Act { case_id: Some(case.id), ..about(id(&ana), muted(Some(ends_at))) };
        let action = act(&mo, input).await.unwrap();

        // Ana is told, and refused with the reason.
        assert_eq!(told(&anas), ["moderation.acted"]);
        let refusal = try_say(&ana, room, "what?").await.unwrap_err();
        let why = refusal.details().restriction.unwrap();
        assert_eq!((why.public_reason.as_str(), why.ends_at), ("be kind", Some(ends_at)));
        assert_eq!((why.action_id, why.appeal_id), (Some(action.id), None));
        // Ben is told what came of it.
        assert_eq!(told(&bens), ["moderation.report_closed"]);
        let mine = my_reports(&ben, ListMyReports::default()).await.unwrap().items;
        assert_eq!(mine[0].outcome, Some(ReportOutcome::Agreed));
        assert!(cases_of(&mo).await.is_empty());

        // Ana appeals; the refusal says so from now on.
        let input = FileAppeal { action_id: action.id, text: "Turnips are delicious.".into() };
        let filed = appeal(&ana, input.clone()).await.unwrap();
        assert_eq!(code(appeal(&ana, input.clone()).await), "appeal_open");
        assert_eq!(code(appeal(&ben, input).await), "not_found");
        let why = try_say(&ana, room, "what?").await.unwrap_err().details().restriction.unwrap();
        assert_eq!(why.appeal_id, Some(filed.id));

        // The one who did it does not decide; another asks, and overturns.
        let overturn = DecideAppeal {
            appeal_id: filed.id,
            outcome: AppealOutcome::Overturn,
            decision: "they are".into(),
            ends_at: None,
            after_matches: None,
        };
        assert_eq!(code(decide_appeal(&mo, overturn.clone()).await), "own_action");
        assert_eq!(code(decide_appeal(&ana, overturn.clone()).await), "forbidden");
        let input = WriteAppeal { appeal_id: filed.id, text: "With butter?".into() };
        write_appeal(&zoe, input).await.unwrap();
        let seen = get_appeal(&ana, GetAppeal { appeal_id: filed.id }).await.unwrap();
        assert_eq!(seen.messages.len(), 2);
        assert_eq!((seen.messages[1].is_staff, seen.messages[1].author_id), (true, None));
        assert_eq!((seen.actor_id, seen.decided_by), (None, None), "who did it is not told");
        let decided = decide_appeal(&zoe, overturn.clone()).await.unwrap();
        assert_eq!(decided.outcome, Some(AppealOutcome::Overturn));
        assert_eq!(code(decide_appeal(&zoe, overturn).await), "appeal_decided");

        // Both are told, and all is as before.
        assert_eq!(told(&anas), ["moderation.appeal_answered", "moderation.appeal_decided"]);
        assert_eq!(told(&mos), ["moderation.action_appealed"]);
        say(&ana, room, "turnips!").await;
        assert!(restrictions::mine(&ana, MyRestrictions {}).await.unwrap().items.is_empty());
        let actions = my_actions(&ana, ListMyActions::default()).await.unwrap().items;
        assert!(actions[0].reverted_at.is_some() && !actions[0].is_appealable);

        // Staff heard all of it, it is in the audit log, and in the figures that everybody may read.
        let deeds: Vec<_> = staff
            .heard()
            .into_iter()
            .map(|event| match event {
                Event::ModerationHappened(happened) => happened.what,
                other => panic!("{other:?}"),
            })
            .collect();
        for deed in [
            ModerationDeed::Reported,
            ModerationDeed::CaseUpdated,
            ModerationDeed::Acted,
            ModerationDeed::CaseClosed,
            ModerationDeed::Appealed,
            ModerationDeed::AppealWritten,
            ModerationDeed::Reverted,
            ModerationDeed::AppealDecided,
        ] {
            assert!(deeds.contains(&deed), "{deed:?} is not among {deeds:?}");
        }
        let log = ListAudit { target: Some(Topic::User(id(&ana)).to_string()), ..ListAudit::default() };
        let log: Vec<String> = audit::list(&hall.server(), log)
            .await
            .unwrap()
            .items
            .into_iter()
            .map(|line| line.action)
            .collect();
        for action in
            ["moderation.act", "moderation.revert", "moderation.decide_appeal", "moderation.read_case"]
        {
            assert!(log.iter().any(|line| line == action), "{action} is not among {log:?}");
        }
        let figures = statistics(&hall.nobody(), ReadModerationStatistics::default()).await.unwrap();
        let month = &figures.months[0];
        assert_eq!((month.reports, month.cases, month.appeals, month.reverted), (1, 1, 1, 1));
        assert_eq!((month.actions["restrict"], month.overturn_rate), (1, Some(1.0)));
    })
    .await;
}

#[tokio::test]
async fn the_story_goes_on_across_restarts() {
    on_both_engines(async |hall| {
        let people = cast(hall).await;
        let [ana, mo, zoe] = [&people.ana, &people.mo, &people.zoe].map(id);
        let room = people.room;
        let insult = say(&people.ana, room, "turnip").await;
        report(&people.ben, of_message(&insult, "insult")).await.unwrap();
        drop(people);
        let staff = [CASES, ACT, APPEALS];
        hall.restart().await;
        let case = next_case(&hall.call(mo, &staff), TakeNextCase {}).await.unwrap().case.unwrap();
        hall.restart().await;
        let input = Act { case_id: Some(case.id), ..about(ana, muted(None)) };
        let action = act(&hall.call(mo, &staff), input).await.unwrap();
        hall.restart().await;
        assert_eq!(code(try_say(&hall.call(ana, &[]), room, "hm").await), "restricted");
        let input = FileAppeal { action_id: action.id, text: "sorry".into() };
        let filed = appeal(&hall.call(ana, &[]), input).await.unwrap();
        hall.restart().await;
        let input = DecideAppeal {
            appeal_id: filed.id,
            outcome: AppealOutcome::Overturn,
            decision: "well then".into(),
            ends_at: None,
            after_matches: None,
        };
        decide_appeal(&hall.call(zoe, &staff), input).await.unwrap();
        hall.restart().await;
        say(&hall.call(ana, &[]), room, "thanks").await;
    })
    .await;
}
