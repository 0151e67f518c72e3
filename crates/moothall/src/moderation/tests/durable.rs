//! What was decided is done, wholly and once, whatever comes between; and what may be decided by whom.

use moothall_protocol::communication::OpenDirect;
use moothall_protocol::restrictions::RestrictionScope;

use super::*;
use crate::communication::open_direct;
use crate::idempotency::Claim;

fn removal(message: &Message) -> Deed {
    Deed { room_id: Some(message.room_id), message_id: Some(message.id), ..deed(ActionKind::RemoveContent) }
}

/// Waits until it is so: it is done by a job, soon.
async fn until(is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it comes to that");
}

#[tokio::test]
async fn a_message_is_removed_and_put_back_though_the_server_ends_in_between() {
    on_both_engines(async |hall| {
        let Cast { ana, mo, room, .. } = cast(hall).await;
        let insult = say(&ana, room, "turnip").await;
        // It ends after the action is stored, and before anything is done in the room.
        let action = super::super::actions::begin(&mo, about(id(&ana), removal(&insult))).await.unwrap();
        assert_eq!(action.before["message_id"], serde_json::json!(insult.id));
        assert_eq!(action.before.get("text"), None, "what it said is read by whoever says why");
        hall.restart().await;
        hall.clock.advance(effects::FOLLOWS_WITHIN);
        let (ana, mo) = (hall.call(id(&ana), &[]), hall.call(id(&mo), &[CASES, ACT]));
        until(async || reads(&ana, room).await == [""]).await;

        let input = RevertAction { action_id: action.id, reason: "a mistake".into() };
        super::super::actions::begin_reverting(&mo, input).await.unwrap();
        hall.restart().await;
        hall.clock.advance(effects::FOLLOWS_WITHIN);
        let ana = hall.call(id(&ana), &[]);
        until(async || reads(&ana, room).await == ["turnip"]).await;
    })
    .await;
}

#[tokio::test]
async fn nobody_of_many_is_acted_on_twice_by_a_request_that_comes_again() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, .. } = cast(hall).await;
        let input = ActOnMany { user_ids: vec![id(&ana), id(&ben)], deed: muted(None), is_dry_run: None };
        let sent = serde_json::to_value(&input).unwrap();
        let guarded = mo.claiming(Claim::new(mo.user(), "key", "moderation.act_on_many", &sent));
        let first = act_on_many(&guarded, input.clone()).await.unwrap();
        assert_eq!(first.count, 2);
        let again = act_on_many(&guarded, input.clone()).await.unwrap();
        assert_eq!(again, first);
        let actions = list_actions(&mo, ListActions::default()).await.unwrap().items;
        assert_eq!(actions.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn taking_an_action_back_grants_the_appeal_against_it() {
    on_both_engines(async |hall| {
        let Cast { ana, mo, room, .. } = cast(hall).await;
        let ear = Ear::of(hall, &ana);
        let action = act(&mo, about(id(&ana), muted(None))).await.unwrap();
        let input = FileAppeal { action_id: action.id, text: "too much".into() };
        let filed = appeal(&ana, input).await.unwrap();
        reverted(&mo, action.id).await;
        let own = my_appeals(&ana, ListMyAppeals::default()).await.unwrap().items;
        assert_eq!((own[0].id, own[0].outcome), (filed.id, Some(AppealOutcome::Overturn)));
        assert_eq!(told(&ear), ["moderation.acted", "moderation.appeal_decided"], "and is told once");
        say(&ana, room, "at last").await;
    })
    .await;
}

#[tokio::test]
async fn what_is_reduced_ends_sooner_and_never_later() {
    on_both_engines(async |hall| {
        let Cast { ana, mo, zoe, .. } = cast(hall).await;
        let restriction = ActionRestriction {
            types: vec!["chat".into()],
            after_matches: Some(3),
            ..ActionRestriction::default()
        };
        let deed = Deed { restriction: Some(restriction), ..deed(ActionKind::Restrict) };
        let action = act(&mo, about(id(&ana), deed)).await.unwrap();
        let input = FileAppeal { action_id: action.id, text: "too much".into() };
        let appeal_id = appeal(&ana, input).await.unwrap().id;
        let now = hall.server().now();
        let reduce = async |ends_at, after_matches| {
            let (outcome, decision) = (AppealOutcome::Reduce, "a little less".into());
            decide_appeal(&zoe, DecideAppeal { appeal_id, outcome, decision, ends_at, after_matches }).await
        };
        assert_eq!(code(reduce(Some(now + DAY * 300), None).await), "nothing_to_reduce", "who knows");
        assert_eq!(code(reduce(None, Some(3)).await), "nothing_to_reduce");
        assert_eq!(code(reduce(Some(now + DAY), Some(2)).await), "invalid");
        reduce(None, Some(2)).await.unwrap();
        let own = restrictions::mine(&ana, MyRestrictions {}).await.unwrap().items;
        assert_eq!((own[0].ends_at, own[0].matches_left), (None, Some(2)));
    })
    .await;
}

#[tokio::test]
async fn a_restriction_holds_where_its_types_know_of() {
    on_both_engines(async |hall| {
        let Cast { ana, mo, room, .. } = cast(hall).await;
        let within = async |types: &[&str], scope| {
            let types = types.iter().map(|name| (*name).to_owned()).collect();
            let restriction = ActionRestriction { types, scope, ..ActionRestriction::default() };
            let deed = Deed { restriction: Some(restriction), ..deed(ActionKind::Restrict) };
            code(act(&mo, about(id(&ana), deed)).await)
        };
        let mode = || RestrictionScope { mode: Some("free".into()), ..RestrictionScope::default() };
        let here = || RestrictionScope { room_id: Some(room), ..RestrictionScope::default() };
        assert_eq!(within(&["chat"], mode()).await, "invalid");
        assert_eq!(within(&["lobby_join"], here()).await, "invalid");
        assert_eq!(within(&["chat", "lobby_join"], here()).await, "invalid");
        assert_eq!(within(&["chat"], here()).await, "ok");
        assert_eq!(within(&["lobby_join"], mode()).await, "ok");
    })
    .await;
}

#[tokio::test]
async fn who_asked_for_a_second_opinion_waits_for_it() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, zoe, .. } = cast(hall).await;
        report(&ben, behaviour(id(&ana), "insult")).await.unwrap();
        let case = next_case(&mo, TakeNextCase {}).await.unwrap().case.unwrap();
        let ask = AskSecondOpinion { case_id: case.id, reason: "is this an insult?".into() };
        ask_second_opinion(&mo, ask).await.unwrap();
        let dismiss =
            DismissCase { case_id: case.id, outcome: ReportOutcome::Disagreed, reason: "it is none".into() };
        assert_eq!(code(dismiss_case(&mo, dismiss.clone()).await), "opinion_awaited");
        let deed = deed(ActionKind::Warn);
        assert_eq!(code(act(&mo, about(id(&ana), deed)).await), "opinion_awaited", "nor past the case");
        let claim = ClaimCase { case_id: case.id };
        assert_eq!(code(claim_case(&mo, claim).await), "opinion_awaited", "others are to look at it");
        let opinion = |kind| AddNote {
            user_id: id(&ana),
            case_id: Some(case.id),
            kind,
            text: "it is none".into(),
            is_pinned: None,
        };
        add_note(&mo, opinion(NoteKind::Opinion)).await.unwrap();
        assert_eq!(code(dismiss_case(&mo, dismiss.clone()).await), "opinion_awaited", "their own is none");
        add_note(&zoe, opinion(NoteKind::Opinion)).await.unwrap();
        dismiss_case(&mo, dismiss).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_was_said_in_private_is_read_by_who_says_why() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, room, .. } = cast(hall).await;
        let direct = open_direct(&ana, OpenDirect { user_id: id(&ben) }).await.unwrap().id;
        let secret = say(&ana, direct, "a secret").await;
        let public = say(&ana, room, "turnip").await;
        report(&ben, of_message(&secret, "insult")).await.unwrap();
        report(&ben, of_message(&public, "insult")).await.unwrap();
        let case_id = cases_of(&mo).await[0].id;
        let read = async |reason: Option<&str>| {
            let reason = reason.map(str::to_owned);
            let file = read_case(&mo, ReadCase { case_id, reason: reason.clone() }).await.unwrap();
            let user = read_file(&mo, ReadFile { user_id: id(&ana), reason }).await.unwrap();
            serde_json::to_string(&(file.reports, file.file.reports_about, user.reports_about)).unwrap()
        };
        let without = read(None).await;
        assert!(without.contains("turnip") && without.contains("is_withheld"), "{without}");
        assert!(!without.contains("a secret"), "{without}");
        assert_eq!(read(Some("a report of it")).await.matches("a secret").count(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_case_of_many_reports_is_closed_in_portions_and_everybody_is_told() {
    on_both_engines(async |hall| {
        let Cast { ana, mo, .. } = cast(hall).await;
        let mut reporters = Vec::new();
        for number in 0..120 {
            let reporter = person(hall, &format!("r{number}")).await;
            report(&reporter, behaviour(id(&ana), "insult")).await.unwrap();
            reporters.push(reporter);
        }
        // One of them decides, and earns nothing by it.
        report(&mo, behaviour(id(&ana), "insult")).await.unwrap();
        let case_id = cases_of(&mo).await[0].id;
        let input = Act { case_id: Some(case_id), ..about(id(&ana), deed(ActionKind::Warn)) };
        act(&mo, input).await.unwrap();
        for reporter in reporters.iter().chain([&mo]) {
            until(async || {
                let own = my_reports(reporter, ListMyReports::default()).await.unwrap().items;
                own[0].outcome == Some(ReportOutcome::Agreed)
            })
            .await;
        }
        let credit = async |cx: &Cx| {
            let zoe = moderator(hall, &format!("Z{}", id(cx).to_string().get(30..).unwrap())).await;
            let file = ReadFile { user_id: id(cx), reason: None };
            read_file(&zoe, file).await.unwrap().credibility.len()
        };
        assert_eq!((credit(&reporters[119]).await, credit(&mo).await), (1, 0));
    })
    .await;
}
