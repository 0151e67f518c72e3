//! What being a moderator gives, and what it does not: towards oneself, when one is none any more, and beside others.

use moothall_protocol::accounts::{CreateBot, GrantRole, RevokeRole};
use moothall_protocol::audit::ListAudit;
use moothall_protocol::restrictions::{
    ImposeRestriction, LiftRestriction, ListRestrictions, RestrictionScope, RestrictionSource,
};

use super::*;
use crate::accounts::testing::{self as people, PASSWORD, sign_up, try_sign_in, with_accounts};
use crate::{Caller, Origin, accounts, audit, snapshot};

/// As an administrator has it.
const EVERYTHING: Permission = Permission("*");

fn grant(user_id: UserId, ends_at: Option<moothall_protocol::Timestamp>) -> GrantRole {
    GrantRole { user_id, role: "moderator".into(), ends_at, reason: "a test".into() }
}

fn by_program(user_id: UserId, types: &[&str]) -> ImposeRestriction {
    ImposeRestriction {
        user_id,
        types: types.iter().map(|name| (*name).to_owned()).collect(),
        scope: RestrictionScope::default(),
        reason: "speed".into(),
        public_reason: "you were too fast".into(),
        evidence: serde_json::Map::new(),
        ends_at: None,
        after_matches: None,
        source: RestrictionSource::Automatic,
    }
}

#[tokio::test]
async fn a_moderator_who_may_not_sign_in_is_none() {
    with_accounts(async |hall| {
        let Cast { ana, zoe, .. } = cast(hall).await;
        let mo = sign_up(&hall.hall, "Moritz").await;
        accounts::grant_role(&hall.server(), grant(mo.user.id, None)).await.unwrap();
        let muting = act(&zoe, about(id(&ana), muted(None))).await.unwrap();
        let filed = appeal(&ana, FileAppeal { action_id: muting.id, text: "why?".into() }).await.unwrap();
        let cx = people::call(&hall.hall, &mo).await;
        get_appeal(&cx, GetAppeal { appeal_id: filed.id }).await.unwrap();
        // A program bars the moderator: as a player they may appeal against that, and nothing else.
        restrictions::impose_restriction(&hall.server(), by_program(mo.user.id, &["login"])).await.unwrap();
        let refused = try_sign_in(&hall.hall, "10.0.0.1", "Moritz", PASSWORD).await.unwrap_err();
        let why = refused.details().restriction.unwrap();
        let identity = people::identity(&hall.hall, why.limited_token.as_deref().unwrap()).await.unwrap();
        let cx = Cx::new(&hall.hall, Caller::Member(identity), Origin::default());
        assert_eq!(code(get_appeal(&cx, GetAppeal { appeal_id: filed.id }).await), "not_found");
        let write = WriteAppeal { appeal_id: filed.id, text: "no".into() };
        assert_eq!(code(write_appeal(&cx, write).await), "not_found");
        let action_id = why.action_id.expect("something to appeal against");
        let own = appeal(&cx, FileAppeal { action_id, text: "I was not".into() }).await.unwrap();
        let overturn = DecideAppeal {
            appeal_id: own.id,
            outcome: AppealOutcome::Overturn,
            decision: "so it is".into(),
            ends_at: None,
            after_matches: None,
        };
        let owner = hall.call(id(&zoe), &[CASES, ACT, APPEALS, EVERYTHING]);
        decide_appeal(&owner, overturn).await.unwrap();
        try_sign_in(&hall.hall, "10.0.0.1", "Moritz", PASSWORD).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_a_program_lifts_is_taken_back() {
    on_both_engines(async |hall| {
        let Cast { ana, mo, .. } = cast(hall).await;
        let server = hall.server();
        let imposed =
            restrictions::impose_restriction(&server, by_program(id(&ana), &["chat"])).await.unwrap();
        let mine = my_actions(&ana, ListMyActions::default()).await.unwrap().items;
        assert_eq!((mine.len(), mine[0].id, mine[0].is_appealable), (1, imposed.action_id.unwrap(), true));
        appeal(&ana, FileAppeal { action_id: mine[0].id, text: "why?".into() }).await.unwrap();
        let lift = LiftRestriction { restriction_id: imposed.id, reason: "a wrong clock".into() };
        restrictions::lift_restriction(&server, lift).await.unwrap();
        let listed = ListActions { user_id: ana.user(), ..ListActions::default() };
        assert!(list_actions(&mo, listed).await.unwrap().items[0].reverted_at.is_some());
        let appeals = my_appeals(&ana, ListMyAppeals::default()).await.unwrap().items;
        assert_eq!(appeals[0].outcome, Some(AppealOutcome::Overturn));
        // What a user must not notice is no action that they see.
        let ends_at = Some(server.now() + DAY);
        let shadow = ImposeRestriction { ends_at, ..by_program(id(&ana), &["shadow_chat"]) };
        restrictions::impose_restriction(&server, shadow).await.unwrap();
        assert_eq!(my_actions(&ana, ListMyActions::default()).await.unwrap().items.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn nobody_reads_what_is_about_themselves() {
    on_both_engines(async |hall| {
        let Cast { ana, mo, zoe, .. } = cast(hall).await;
        let all = [CASES, restrictions::READ, audit::READ, EVERYTHING];
        let reader = hall.call(id(&mo), &all);
        report(&ana, behaviour(id(&mo), "insult")).await.unwrap();
        let owner = hall.call(id(&zoe), &[CASES, ACT, EVERYTHING]);
        let mark = Deed { mark: Some("liar".into()), ..deed(ActionKind::Mark) };
        act(&owner, about(id(&mo), mark)).await.unwrap();
        assert_eq!(cases_of(&reader).await, []);
        assert_eq!(list_actions(&reader, ListActions::default()).await.unwrap().items, []);
        let own = ListActions { user_id: mo.user(), ..ListActions::default() };
        assert_eq!(code(list_actions(&reader, own).await), "about_yourself");
        let own = ListRestrictions { user_id: id(&mo), cursor: None, limit: None };
        assert_eq!(code(restrictions::list(&reader, own).await), "invalid");
        let lines = ListAudit { target: Some(Topic::User(id(&mo)).to_string()), ..ListAudit::default() };
        let lines = audit::list(&reader, lines).await.unwrap().items;
        assert!(lines.iter().all(|line| !line.action.starts_with("moderation.")), "{lines:?}");
        assert!(!cases_of(&zoe).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn who_is_no_moderator_any_more_hears_nothing_and_who_becomes_one_does() {
    with_accounts(async |hall| {
        let server = hall.server();
        let (first, second) = (sign_up(&hall.hall, "Moritz").await, sign_up(&hall.hall, "Zora").await);
        let hears = async |user: UserId, is_heard: bool| {
            for _ in 0..500 {
                hall.clock.advance(Duration::from_secs(1));
                tokio::time::sleep(Duration::from_millis(5)).await;
                if hall.hall.topics().users_of(&Topic::Moderation).contains(&user) == is_heard {
                    return true;
                }
            }
            false
        };
        accounts::grant_role(&server, grant(first.user.id, None)).await.unwrap();
        let _one = snapshot::open(&people::call(&hall.hall, &first).await, None).await.unwrap();
        let _two = snapshot::open(&people::call(&hall.hall, &second).await, None).await.unwrap();
        let now = hall.hall.topics().users_of(&Topic::Moderation);
        assert_eq!(now.into_iter().collect::<Vec<_>>(), [first.user.id]);
        accounts::grant_role(&server, grant(second.user.id, Some(server.now() + DAY))).await.unwrap();
        assert!(hears(second.user.id, true).await);
        let gone = RevokeRole { user_id: first.user.id, role: "moderator".into(), reason: "a test".into() };
        accounts::revoke_role(&server, gone).await.unwrap();
        assert!(hears(first.user.id, false).await);
        // A role that was given for a day ends by itself.
        hall.clock.advance(DAY);
        assert!(hears(second.user.id, false).await);
    })
    .await;
}

#[tokio::test]
async fn a_bot_is_its_owner() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, zoe, .. } = cast(hall).await;
        let keeper = hall.call(id(&mo), &[accounts::KEYS]);
        let bot = CreateBot { name: "Helper".into(), reason: "a test".into() };
        let bot = accounts::create_bot(&keeper, bot).await.unwrap().id;
        let bot = hall.call(bot, &[CASES, ACT, APPEALS, ALTERNATES]);
        let ear = Ear::by(hall, id(&bot), [Topic::Moderation]);
        report(&ben, behaviour(id(&mo), "insult")).await.unwrap();
        let case_id = cases_of(&zoe).await[0].id;
        assert_eq!(code(claim_case(&bot, ClaimCase { case_id }).await), "about_yourself");
        // Nor does it read for them what is about them, or hear of it.
        assert_eq!(cases_of(&bot).await, []);
        assert_eq!(next_case(&bot, TakeNextCase {}).await.unwrap().case, None);
        let (user_id, reason) = (id(&mo), Some("to see".to_owned()));
        let file = ReadFile { user_id, reason: reason.clone() };
        assert_eq!(code(read_file(&bot, file).await), "about_yourself");
        assert_eq!(code(read_case(&bot, ReadCase { case_id, reason }).await), "about_yourself");
        let notes = ListNotes { user_id, cursor: None, limit: None };
        assert_eq!(code(list_notes(&bot, notes).await), "about_yourself");
        let find = FindAlternates { user_id, reason: "to see".into() };
        assert_eq!(code(find_alternates(&bot, find).await), "about_yourself");
        let by_ben = ListReports { reporter_id: Some(id(&ben)), ..ListReports::default() };
        assert_eq!(list_reports(&bot, by_ben).await.unwrap().items, []);
        assert_eq!(ear.heard(), []);
        assert_eq!(code(act(&bot, about(id(&mo), muted(None))).await), "about_yourself");
        let muting = act(&bot, about(id(&ana), muted(None))).await.unwrap();
        let filed = appeal(&ana, FileAppeal { action_id: muting.id, text: "why?".into() }).await.unwrap();
        let uphold = DecideAppeal {
            appeal_id: filed.id,
            outcome: AppealOutcome::Uphold,
            decision: "no".into(),
            ends_at: None,
            after_matches: None,
        };
        assert_eq!(code(decide_appeal(&mo, uphold.clone()).await), "own_action");
        decide_appeal(&zoe, uphold).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn nobody_acts_on_whose_case_another_has_and_an_action_belongs_to_the_open_case() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, zoe, .. } = cast(hall).await;
        report(&ben, behaviour(id(&ana), "insult")).await.unwrap();
        let case = next_case(&mo, TakeNextCase {}).await.unwrap().case.unwrap();
        assert_eq!(code(act(&zoe, about(id(&ana), muted(None))).await), "case_claimed");
        let many = ActOnMany { user_ids: vec![id(&ana)], deed: muted(None), is_dry_run: None };
        let done = act_on_many(&zoe, many).await.unwrap();
        assert_eq!(done.items[0].refused.as_deref(), Some("case_claimed"));
        let action = act(&mo, about(id(&ana), muted(None))).await.unwrap();
        assert_eq!(action.case_id, Some(case.id));
        assert_eq!(cases_of(&mo).await.len(), 1, "it is open still: nobody said that this was all");
    })
    .await;
}

#[tokio::test]
async fn a_trial_says_what_the_run_would_do() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, .. } = cast(hall).await;
        for _ in 0..moothall_protocol::limits::RESTRICTIONS_OF_USER_MAX {
            act(&mo, about(id(&ana), muted(None))).await.unwrap();
        }
        let many = |is_dry_run| ActOnMany {
            user_ids: vec![id(&ana), id(&ben)],
            deed: muted(None),
            is_dry_run: Some(is_dry_run),
        };
        let refusals = |done: &ActedOnMany| -> Vec<Option<String>> {
            done.items.iter().map(|row| row.refused.clone()).collect()
        };
        let tried = act_on_many(&mo, many(true)).await.unwrap();
        assert!(my_actions(&ben, ListMyActions::default()).await.unwrap().items.is_empty());
        let done = act_on_many(&mo, many(false)).await.unwrap();
        assert_eq!((refusals(&tried), tried.count), (refusals(&done), done.count));
        assert_eq!(refusals(&done), [Some("invalid".to_owned()), None]);
        let rename = Deed { name: Some("Bella".into()), ..deed(ActionKind::Rename) };
        let names = ActOnMany { deed: rename, ..many(true) };
        assert_eq!(code(act_on_many(&mo, names).await), "invalid", "one name is for one");
    })
    .await;
}

#[tokio::test]
async fn what_nobody_is_to_notice_is_not_told_to_reporters_either() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, .. } = cast(hall).await;
        report(&ben, behaviour(id(&ana), "spam")).await.unwrap();
        let case_id = Some(cases_of(&mo).await[0].id);
        let types = vec!["shadow_chat".into()];
        let ends_at = Some(hall.server().now() + DAY);
        let asked = ActionRestriction { types, ends_at, ..ActionRestriction::default() };
        let shadow = Deed { restriction: Some(asked), ..deed(ActionKind::Restrict) };
        act(&mo, Act { case_id, ..about(id(&ana), shadow) }).await.unwrap();
        let mine = my_reports(&ben, ListMyReports::default()).await.unwrap().items;
        assert_eq!(mine[0].outcome, Some(ReportOutcome::Unclear));
        let file = read_file(&mo, ReadFile { user_id: id(&ben), reason: None }).await.unwrap();
        assert_eq!(file.reports_by[0].outcome, Some(ReportOutcome::Agreed));
        assert_eq!((file.credibility[0].agreed, file.reports_by[0].is_quiet), (1, true));
    })
    .await;
}

#[tokio::test]
async fn who_lost_a_message_reads_which_and_what_it_said() {
    on_both_engines(async |hall| {
        let Cast { ana, mo, room, .. } = cast(hall).await;
        let insult = say(&ana, room, "turnip").await;
        let removal =
            Deed { room_id: Some(room), message_id: Some(insult.id), ..deed(ActionKind::RemoveContent) };
        act(&mo, about(id(&ana), removal)).await.unwrap();
        let mine = my_actions(&ana, ListMyActions::default()).await.unwrap().items;
        let removed = mine[0].removed.clone().unwrap();
        assert_eq!((removed.room_id, removed.message_id, removed.text.as_str()), (room, insult.id, "turnip"));
    })
    .await;
}
