//! Actions: what each does, that it is taken back wholly, and what is proposed.

use moothall_protocol::accounts::{GetMe, GrantRole};
use moothall_protocol::limits::{APPEAL_MESSAGES_MAX, APPEALS_OF_ACTION_MAX};

use super::*;
use crate::accounts;

async fn name(cx: &Cx) -> String {
    accounts::me(cx, GetMe {}).await.unwrap().name
}

#[tokio::test]
async fn a_warning_holds_back_until_it_is_acknowledged() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, room, .. } = cast(hall).await;
        let ear = Ear::of(hall, &ana);
        let action = act(&mo, about(id(&ana), deed(ActionKind::Warn))).await.unwrap();
        assert_eq!(told(&ear), ["moderation.acted"]);
        let why = try_say(&ana, room, "hm").await.unwrap_err().details().restriction.unwrap();
        assert_eq!(why.action_id, Some(action.id));
        let acknowledge_it = AcknowledgeAction { action_id: action.id };
        assert_eq!(code(acknowledge(&ben, acknowledge_it.clone()).await), "not_found");
        let own = acknowledge(&ana, acknowledge_it.clone()).await.unwrap();
        assert!(own.acknowledged_at.is_some());
        say(&ana, room, "I understand").await;
        assert_eq!(acknowledge(&ana, acknowledge_it).await.unwrap(), own, "twice is as once");
        let muting = act(&mo, about(id(&ana), muted(None))).await.unwrap();
        let acknowledge_it = AcknowledgeAction { action_id: muting.id };
        assert_eq!(code(acknowledge(&ana, acknowledge_it).await), "nothing_to_acknowledge");
    })
    .await;
}

#[tokio::test]
async fn whoever_is_not_heard_is_not_told_of_it_and_cannot_ask() {
    on_both_engines(async |hall| {
        let Cast { ana, mo, .. } = cast(hall).await;
        let ear = Ear::of(hall, &ana);
        let types = vec!["shadow_chat".into()];
        let ends_at = Some(hall.server().now() + DAY);
        let asked = ActionRestriction { types, ends_at, ..ActionRestriction::default() };
        let shadow = Deed { restriction: Some(asked), ..deed(ActionKind::Restrict) };
        let action = act(&mo, about(id(&ana), shadow)).await.unwrap();
        let input = FileAppeal { action_id: action.id, text: "why?".into() };
        assert_eq!(code(appeal(&ana, input).await), "not_found");
        reverted(&mo, action.id).await;
        assert_eq!(ear.heard(), []);
        assert!(my_actions(&ana, ListMyActions::default()).await.unwrap().items.is_empty());
        let listed = ListActions { user_id: ana.user(), ..ListActions::default() };
        assert_eq!(list_actions(&mo, listed).await.unwrap().items.len(), 1, "staff sees it");
    })
    .await;
}

#[tokio::test]
async fn a_moderator_does_not_learn_who_reported_them() {
    on_both_engines(async |hall| {
        let Cast { ben, mo, zoe, .. } = cast(hall).await;
        let staff = Ear::at(hall, [Topic::Moderation]);
        report(&ben, behaviour(id(&mo), "insult")).await.unwrap();
        let heard = staff.heard();
        let is_named =
            |event: &Event| matches!(event, Event::ModerationHappened(told) if told.actor_id.is_some());
        assert!(!heard.is_empty() && !heard.iter().any(is_named), "{heard:?}");
        let case = cases_of(&zoe).await.remove(0);
        assert_eq!(
            code(read_case(&mo, ReadCase { case_id: case.id, reason: Some("to see".into()) }).await),
            "about_yourself"
        );
        assert_eq!(
            code(read_file(&mo, ReadFile { user_id: id(&mo), reason: Some("to see".into()) }).await),
            "about_yourself"
        );
        let file =
            read_case(&zoe, ReadCase { case_id: case.id, reason: Some("to see".into()) }).await.unwrap();
        assert_eq!(file.reports[0].reporter_id, ben.user());
    })
    .await;
}

#[tokio::test]
async fn a_name_is_given_and_given_back() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, .. } = cast(hall).await;
        let action = act(&mo, about(id(&ana), deed(ActionKind::Rename))).await.unwrap();
        let made_up = name(&ana).await;
        assert_ne!(made_up, "Ana");
        let again = moothall_protocol::accounts::Rename { name: "Ana".into(), password: None };
        assert_eq!(code(accounts::rename(&ana, again.clone()).await), "rename_too_soon");
        reverted(&mo, action.id).await;
        assert_eq!(name(&ana).await, "Ana");
        assert_eq!(accounts::me(&ana, GetMe {}).await.unwrap().rename_after, None, "as if it never was");
        let chosen = Deed { name: Some("Bella".into()), ..deed(ActionKind::Rename) };
        let action = act(&mo, about(id(&ana), chosen.clone())).await.unwrap();
        assert_eq!(name(&ana).await, "Bella");
        assert_eq!(code(act(&mo, about(id(&ben), chosen)).await), "invalid");
        // Who has changed it since keeps what they have.
        hall.clock.advance(DAY * 31);
        let input = moothall_protocol::accounts::Rename { name: "Cleo".into(), password: None };
        accounts::rename(&ana, input).await.unwrap();
        reverted(&mo, action.id).await;
        assert_eq!(name(&ana).await, "Cleo");
    })
    .await;
}

#[tokio::test]
async fn a_message_is_removed_and_visible_again() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, room, .. } = cast(hall).await;
        let insult = say(&ana, room, "turnip").await;
        say(&ben, room, "what?").await;
        let removal = Deed {
            room_id: Some(room),
            message_id: Some(insult.id),
            ..deed(ActionKind::RemoveContent)
        };
        assert_eq!(code(act(&mo, about(id(&ben), removal.clone())).await), "invalid", "not Ben's");
        let heard = Ear::at(hall, [Topic::Room(room)]);
        let action = act(&mo, about(id(&ana), removal.clone())).await.unwrap();
        assert_eq!(reads(&ben, room).await, ["", "what?"]);
        assert!(matches!(&heard.heard()[..], [Event::MessageDeleted(_)]));
        assert_eq!(code(act(&mo, about(id(&ana), removal)).await), "invalid", "it is gone already");
        reverted(&mo, action.id).await;
        assert_eq!(reads(&ben, room).await, ["turnip", "what?"]);
        let back = heard.heard();
        assert!(
            matches!(&back[..], [Event::MessageEdited(message)] if message.version == 3 && message.deleted_at.is_none()),
            "{back:?}"
        );
        assert_eq!(reverted(&mo, action.id).await.id, action.id, "twice is as once");
    })
    .await;
}

#[tokio::test]
async fn marks_are_for_moderators_only_and_can_be_taken_back() {
    on_both_engines(async |hall| {
        let Cast { ana, mo, .. } = cast(hall).await;
        let ear = Ear::of(hall, &ana);
        let mark = Deed { mark: Some("turnip thrower".into()), ..deed(ActionKind::Mark) };
        let action = act(&mo, about(id(&ana), mark)).await.unwrap();
        let marks = async || {
            read_file(&mo, ReadFile { user_id: id(&ana), reason: Some("to see".into()) }).await.unwrap().marks
        };
        assert_eq!(marks().await, ["turnip thrower"]);
        assert!(my_actions(&ana, ListMyActions::default()).await.unwrap().items.is_empty());
        let input = FileAppeal { action_id: action.id, text: "me?".into() };
        assert_eq!(code(appeal(&ana, input).await), "not_found");
        reverted(&mo, action.id).await;
        assert!(marks().await.is_empty());
        assert!(told(&ear).is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_deed_says_what_it_is_and_is_about_somebody_one_may_act_on() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, .. } = cast(hall).await;
        let over = hall.server().now();
        for wrong in [
            deed(ActionKind::Restrict),
            deed(ActionKind::RemoveContent),
            deed(ActionKind::Mark),
            muted(Some(over)),
            Deed { category: "rudeness".into(), ..deed(ActionKind::Warn) },
            Deed { name: Some("x".into()), ..deed(ActionKind::Rename) },
        ] {
            assert_eq!(code(act(&mo, about(id(&ana), wrong.clone())).await), "invalid", "{wrong:?}");
        }
        assert_eq!(code(act(&ben, about(id(&ana), muted(None))).await), "forbidden");
        assert_eq!(code(act(&mo, about(id(&mo), muted(None))).await), "about_yourself");
        let grant = GrantRole {
            user_id: id(&ana),
            role: "administrator".into(),
            ends_at: None,
            reason: "ours".into(),
        };
        accounts::grant_role(&hall.server(), grant).await.unwrap();
        assert_eq!(code(act(&mo, about(id(&ana), muted(None))).await), "forbidden");
        report(&ana, behaviour(id(&ben), "spam")).await.unwrap();
        let case_id = Some(cases_of(&mo).await[0].id);
        let cy = person(hall, "Cy").await;
        let wrong = Act { case_id, ..about(id(&cy), muted(None)) };
        assert_eq!(code(act(&mo, wrong).await), "not_of_case");
    })
    .await;
}

#[tokio::test]
async fn many_are_acted_on_each_on_their_own_after_a_look() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, room, .. } = cast(hall).await;
        let nobody = UserId::from_uuid(uuid::Uuid::from_u128(7));
        let many = |is_dry_run| ActOnMany {
            user_ids: vec![id(&ana), nobody, id(&ben), id(&mo)],
            deed: muted(None),
            is_dry_run: Some(is_dry_run),
        };
        let look = act_on_many(&mo, many(true)).await.unwrap();
        let codes = |acted: &ActedOnMany| -> Vec<Option<String>> {
            acted.items.iter().map(|row| row.refused.clone()).collect()
        };
        assert_eq!(look.count, 2);
        say(&ana, room, "still here").await;
        let acted = act_on_many(&mo, many(false)).await.unwrap();
        assert_eq!(codes(&acted), codes(&look));
        assert_eq!(codes(&acted)[1].as_deref(), Some("not_found"));
        for cx in [&ana, &ben] {
            assert_eq!(code(try_say(cx, room, "hm").await), "restricted");
        }
        reverted(&mo, acted.items[0].action_id.unwrap()).await;
        say(&ana, room, "and back").await;
    })
    .await;
}

#[tokio::test]
async fn what_is_proposed_grows_with_the_history_and_shrinks_with_time() {
    on_both_engines(async |hall| {
        let Cast { ana, mo, .. } = cast(hall).await;
        let proposed = async || {
            let input = ProposeAction { user_id: id(&ana), category: "insult".into() };
            propose(&mo, input).await.unwrap()
        };
        assert_eq!((proposed().await.step, proposed().await.template.kind), (1, ActionKind::Warn));
        let first = act(&mo, about(id(&ana), deed(ActionKind::Warn))).await.unwrap();
        let second = proposed().await;
        assert_eq!((second.step, second.template.name.as_str()), (2, "chat_day"));
        assert_eq!(second.ends_at, Some(hall.server().now() + DAY));
        // What was a mistake is no history.
        reverted(&mo, first.id).await;
        assert_eq!(proposed().await.step, 1);
        for _ in 0..3 {
            act(&mo, about(id(&ana), deed(ActionKind::Warn))).await.unwrap();
        }
        assert_eq!(proposed().await.step, 4);
        hall.clock.advance(DAY * 400);
        assert_eq!(proposed().await.step, 1);
        let input = ProposeAction { user_id: id(&ana), category: "other".into() };
        assert_eq!(propose(&mo, input).await.unwrap().steps, 3, "by the table of all others");
    })
    .await;
}

#[tokio::test]
async fn an_appeal_is_upheld_or_ends_a_restriction_sooner() {
    on_both_engines(async |hall| {
        let Cast { ana, mo, zoe, room, .. } = cast(hall).await;
        let action = act(&mo, about(id(&ana), muted(None))).await.unwrap();
        let file = || FileAppeal { action_id: action.id, text: "too much".into() };
        let decide = async |appeal_id, outcome, ends_at| {
            let decision = "so be it".into();
            decide_appeal(&zoe, DecideAppeal { appeal_id, outcome, decision, ends_at, after_matches: None })
                .await
        };
        let first = appeal(&ana, file()).await.unwrap();
        assert_eq!(code(decide(first.id, AppealOutcome::Reduce, None).await), "invalid");
        let now = hall.server().now();
        assert_eq!(code(decide(first.id, AppealOutcome::Reduce, Some(now)).await), "invalid");
        decide(first.id, AppealOutcome::Uphold, None).await.unwrap();
        assert_eq!(code(try_say(&ana, room, "hm").await), "restricted");
        let second = appeal(&ana, file()).await.unwrap();
        let open = ListAppeals { is_mine_to_decide: Some(true), ..ListAppeals::default() };
        assert!(list_appeals(&mo, open.clone()).await.unwrap().items.is_empty());
        assert_eq!(list_appeals(&zoe, open).await.unwrap().items[0].id, second.id);
        decide(second.id, AppealOutcome::Reduce, Some(now + HOUR)).await.unwrap();
        let why = try_say(&ana, room, "hm").await.unwrap_err().details().restriction.unwrap();
        assert_eq!(why.ends_at, Some(now + HOUR));
        hall.clock.advance(HOUR);
        say(&ana, room, "at last").await;
        for _ in 2..APPEALS_OF_ACTION_MAX {
            let next = appeal(&ana, file()).await.unwrap();
            assert_eq!(
                code(decide(next.id, AppealOutcome::Reduce, Some(now + DAY)).await),
                "nothing_to_reduce"
            );
            decide(next.id, AppealOutcome::Uphold, None).await.unwrap();
        }
        assert_eq!(code(appeal(&ana, file()).await), "too_many_appeals");
        assert_eq!(
            my_appeals(&ana, ListMyAppeals::default()).await.unwrap().items.len(),
            APPEALS_OF_ACTION_MAX
        );
        reverted(&mo, action.id).await;
        assert_eq!(code(appeal(&ana, file()).await), "action_reverted");
    })
    .await;
}

#[tokio::test]
async fn an_appeal_has_so_many_messages() {
    on_both_engines(async |hall| {
        let Cast { ana, mo, zoe, .. } = cast(hall).await;
        let action = act(&mo, about(id(&ana), muted(None))).await.unwrap();
        let input = FileAppeal { action_id: action.id, text: "first".into() };
        let appeal_id = appeal(&ana, input).await.unwrap().id;
        let one_more = || WriteAppeal { appeal_id, text: "more".into() };
        for _ in 1..APPEAL_MESSAGES_MAX {
            write_appeal(&ana, one_more()).await.unwrap();
        }
        assert_eq!(code(write_appeal(&ana, one_more()).await), "too_many_appeal_messages");
        // Whoever fills it leaves room for an answer.
        write_appeal(&zoe, one_more()).await.unwrap();
        let read = get_appeal(&zoe, GetAppeal { appeal_id }).await.unwrap();
        assert_eq!((read.messages.len(), read.actor_id), (APPEAL_MESSAGES_MAX + 1, Some(id(&mo))));
        assert!(read.messages.last().unwrap().is_staff);
    })
    .await;
}

#[tokio::test]
async fn a_name_that_is_somebody_elses_by_now_stops_nobody_from_taking_it_back() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, .. } = cast(hall).await;
        let ear = Ear::of(hall, &ana);
        let action = act(&mo, about(id(&ana), deed(ActionKind::Rename))).await.unwrap();
        let made_up = name(&ana).await;
        // So long that nothing is held for her any more.
        hall.clock.advance(DAY * 400);
        let rename = |name: &str| moothall_protocol::accounts::Rename { name: name.into(), password: None };
        accounts::rename(&ben, rename("Ana")).await.unwrap();
        assert!(reverted(&mo, action.id).await.reverted_at.is_some());
        assert_eq!(name(&ana).await, made_up);
        assert_eq!(told(&ear), ["moderation.acted", "moderation.name_gone", "moderation.reverted"]);
        accounts::rename(&ana, rename("Annabel")).await.unwrap();
        assert_eq!(name(&ana).await, "Annabel", "at once");
        // Nobody else gets what she had for a moment.
        assert_eq!(code(accounts::rename(&mo, rename(&made_up)).await), "name_taken");
    })
    .await;
}

#[tokio::test]
async fn a_mark_of_two_actions_is_there_until_both_are_taken_back() {
    on_both_engines(async |hall| {
        let Cast { ana, mo, .. } = cast(hall).await;
        let mark = || Deed { mark: Some("turnip thrower".into()), ..deed(ActionKind::Mark) };
        let first = act(&mo, about(id(&ana), mark())).await.unwrap();
        let second = act(&mo, about(id(&ana), mark())).await.unwrap();
        let marks =
            async || read_file(&mo, ReadFile { user_id: id(&ana), reason: None }).await.unwrap().marks;
        assert_eq!(marks().await, ["turnip thrower"], "once");
        reverted(&mo, first.id).await;
        assert_eq!(marks().await, ["turnip thrower"]);
        reverted(&mo, second.id).await;
        assert!(marks().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_is_done_about_one_case_is_one_offence_and_a_mark_is_none() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, .. } = cast(hall).await;
        let step = async || {
            let input = ProposeAction { user_id: id(&ana), category: "insult".into() };
            propose(&mo, input).await.unwrap().step
        };
        let mark = Deed { mark: Some("liar".into()), ..deed(ActionKind::Mark) };
        act(&mo, about(id(&ana), mark)).await.unwrap();
        assert_eq!(step().await, 1);
        report(&ben, behaviour(id(&ana), "insult")).await.unwrap();
        let case_id = Some(cases_of(&mo).await[0].id);
        let warn = about(id(&ana), deed(ActionKind::Warn));
        act(&mo, Act { case_id, keeps_case_open: Some(true), ..warn.clone() }).await.unwrap();
        act(&mo, Act { case_id, ..about(id(&ana), muted(None)) }).await.unwrap();
        assert_eq!(step().await, 2);
        act(&mo, warn).await.unwrap();
        assert_eq!(step().await, 3, "that is another");
    })
    .await;
}

#[tokio::test]
async fn whoever_did_it_writes_nothing_in_an_appeal_and_what_others_write_is_audited() {
    on_both_engines(async |hall| {
        let Cast { ana, mo, zoe, .. } = cast(hall).await;
        let action = act(&mo, about(id(&ana), muted(None))).await.unwrap();
        let appeal = appeal(&ana, FileAppeal { action_id: action.id, text: "why?".into() }).await.unwrap();
        let write = |text: &str| WriteAppeal { appeal_id: appeal.id, text: text.into() };
        assert_eq!(code(write_appeal(&mo, write("because")).await), "own_action");
        write_appeal(&zoe, write("let me see")).await.unwrap();
        write_appeal(&ana, write("please do")).await.unwrap();
        let lines = moothall_protocol::audit::ListAudit {
            action: Some("moderation.write_appeal".into()),
            ..Default::default()
        };
        let lines = crate::audit::list(&hall.server(), lines).await.unwrap().items;
        let actors: Vec<_> = lines.iter().map(|line| line.actor_id).collect();
        assert_eq!(actors, [zoe.user()]);
    })
    .await;
}
