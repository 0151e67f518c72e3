//! Cases: who works on which, and what becomes of those that nobody decides.

use moothall_protocol::limits::NOTES_OF_USER_MAX;

use super::*;

/// So many cases, each about somebody else, and by how many reported.
async fn reported(hall: &TestHall, reporters: &[Cx], names: &[(&str, usize)]) -> Vec<UserId> {
    let mut targets = Vec::new();
    for (name, count) in names {
        let target = hall.user(name).await;
        for reporter in &reporters[..*count] {
            report(reporter, behaviour(target, "spam")).await.unwrap();
        }
        targets.push(target);
    }
    targets
}

#[tokio::test]
async fn the_most_urgent_case_comes_next_and_nobody_elses() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, zoe, .. } = cast(hall).await;
        let targets = reported(hall, &[ana, ben], &[("Cy", 1), ("Dot", 2), ("Eve", 1)]).await;
        let next = async |cx: &Cx| {
            let taken = next_case(cx, TakeNextCase {}).await.unwrap().case;
            taken.map(|case| case.target_id)
        };
        assert_eq!(next(&mo).await, Some(targets[1]));
        let second = next(&zoe).await.unwrap();
        let third = next(&mo).await.unwrap();
        assert!(second != third && targets.contains(&second) && targets.contains(&third));
        assert_eq!(next(&zoe).await, None);
        let mine = ListCases { claimed_by: Some(id(&mo)), ..ListCases::default() };
        assert_eq!(list_cases(&mo, mine).await.unwrap().items.len(), 2);
        let free = ListCases { is_free: Some(true), ..ListCases::default() };
        assert_eq!(list_cases(&mo, free.clone()).await.unwrap().items.len(), 0);
        // A claim that was forgotten is none.
        hall.clock.advance(HOUR);
        assert_eq!(list_cases(&mo, free).await.unwrap().items.len(), 3);
        assert_eq!(next(&zoe).await, Some(targets[1]));
    })
    .await;
}

#[tokio::test]
async fn a_case_is_released_put_off_and_given_to_somebody_else() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, zoe, .. } = cast(hall).await;
        reported(hall, &[ana, ben], &[("Cy", 1)]).await;
        let case = next_case(&mo, TakeNextCase {}).await.unwrap().case.unwrap();
        let case_id = case.id;
        assert_eq!(code(release_case(&zoe, ReleaseCase { case_id }).await), "case_claimed");
        release_case(&mo, ReleaseCase { case_id }).await.unwrap();
        let until = hall.server().now() + DAY;
        let put_off = SnoozeCase { case_id, until, reason: "they are away".into() };
        let too_long = SnoozeCase { until: until + DAY * 100, ..put_off.clone() };
        assert_eq!(code(snooze_case(&mo, too_long).await), "invalid");
        snooze_case(&zoe, put_off).await.unwrap();
        assert_eq!(next_case(&mo, TakeNextCase {}).await.unwrap().case, None);
        hall.clock.advance(DAY);
        let case = next_case(&mo, TakeNextCase {}).await.unwrap().case.unwrap();
        let ask = AskSecondOpinion { case_id: case.id, reason: "is this an insult?".into() };
        ask_second_opinion(&mo, ask).await.unwrap();
        assert_eq!(next_case(&mo, TakeNextCase {}).await.unwrap().case, None, "somebody else is asked");
        assert_eq!(next_case(&zoe, TakeNextCase {}).await.unwrap().case.unwrap().id, case_id);
        let notes = read_file(&zoe, ReadFile { user_id: case.target_id, reason: Some("to see".into()) })
            .await
            .unwrap()
            .notes;
        assert_eq!(notes.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_case_that_nobody_decides_is_closed_in_the_end_and_its_reporters_are_told() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, .. } = cast(hall).await;
        reported(hall, &[ana.clone(), ben.clone()], &[("Cy", 2)]).await;
        let ear = Ear::of(hall, &ben);
        hall.clock.advance(DAY * 32);
        sweep(&hall.server()).await.unwrap();
        assert_eq!(told(&ear), ["moderation.report_closed"]);
        assert!(cases_of(&mo).await.is_empty());
        let closed = ListCases { is_closed: Some(true), ..ListCases::default() };
        let closed = list_cases(&mo, closed).await.unwrap().items;
        assert_eq!(closed[0].outcome, Some(ReportOutcome::Unclear));
        // Nobody is less believed for it.
        let file =
            read_file(&mo, ReadFile { user_id: id(&ben), reason: Some("to see".into()) }).await.unwrap();
        assert!(file.credibility.is_empty());
    })
    .await;
}

#[tokio::test]
async fn nobody_works_on_a_case_about_themselves() {
    on_both_engines(async |hall| {
        let Cast { ana, mo, zoe, .. } = cast(hall).await;
        let [of_mo, of_zoe] = [&mo, &zoe].map(|cx| Ear::by(hall, id(cx), [Topic::Moderation]));
        report(&ana, behaviour(id(&mo), "insult")).await.unwrap();
        assert_eq!((of_mo.heard().len(), of_zoe.heard().len()), (0, 1), "nor do they hear of one");
        assert_eq!(next_case(&mo, TakeNextCase {}).await.unwrap().case, None);
        let case_id = cases_of(&mo).await[0].id;
        assert_eq!(code(claim_case(&mo, ClaimCase { case_id }).await), "about_yourself");
        let dismiss =
            DismissCase { case_id, outcome: ReportOutcome::Disagreed, reason: "I was right".into() };
        assert_eq!(code(dismiss_case(&mo, dismiss.clone()).await), "about_yourself");
        let agree = DismissCase { outcome: ReportOutcome::Agreed, ..dismiss.clone() };
        assert_eq!(code(dismiss_case(&zoe, agree).await), "invalid");
        dismiss_case(&zoe, dismiss.clone()).await.unwrap();
        assert_eq!(code(dismiss_case(&zoe, dismiss).await), "case_closed");
    })
    .await;
}

#[tokio::test]
async fn notes_are_pinned_and_say_by_whom() {
    on_both_engines(async |hall| {
        let Cast { ana, mo, .. } = cast(hall).await;
        let note = |text: &str| AddNote {
            user_id: id(&ana),
            case_id: None,
            kind: NoteKind::Caution,
            text: text.into(),
            is_pinned: None,
        };
        let first = add_note(&mo, note("talks a lot")).await.unwrap();
        hall.clock.advance(HOUR);
        add_note(&mo, note("likes turnips")).await.unwrap();
        let pinned = pin_note(&mo, PinNote { note_id: first.id, is_pinned: true }).await.unwrap();
        assert_eq!((pinned.author_id, pinned.is_pinned), (Some(id(&mo)), true));
        let notes = read_file(&mo, ReadFile { user_id: id(&ana), reason: Some("to see".into()) })
            .await
            .unwrap()
            .notes;
        assert_eq!(notes[0].id, first.id);
        assert_eq!(
            code(read_file(&ana, ReadFile { user_id: id(&ana), reason: Some("to see".into()) }).await),
            "forbidden"
        );
    })
    .await;
}

#[tokio::test]
async fn so_many_notes_are_on_a_user() {
    on_both_engines(async |hall| {
        let Cast { ana, mo, .. } = cast(hall).await;
        let note = AddNote {
            user_id: id(&ana),
            case_id: None,
            kind: NoteKind::General,
            text: "again".into(),
            is_pinned: None,
        };
        for _ in 0..NOTES_OF_USER_MAX {
            add_note(&mo, note.clone()).await.unwrap();
        }
        assert_eq!(code(add_note(&mo, note).await), "too_many_notes");
    })
    .await;
}

#[tokio::test]
async fn whatever_cases_have_in_common_leads_to_them() {
    on_both_engines(async |hall| {
        let (any, user) = (ListCases::default, Some(hall.server().new_id()));
        let closed = || ListCases { is_closed: Some(true), ..any() };
        let by_id = match hall.hall.store().engine() {
            moothall_store::Engine::Sqlite => "sqlite_autoindex_moderation_cases_1",
            moothall_store::Engine::Postgres => "moderation_cases_pkey",
        };
        for (wanted, index) in [
            (any(), "moderation_cases_queue"),
            (
                ListCases { category: Some("spam".into()), is_free: Some(true), ..any() },
                "moderation_cases_queue",
            ),
            (ListCases { claimed_by: user, ..any() }, "moderation_cases_by_claim"),
            (ListCases { target_id: user, ..closed() }, "moderation_cases_by_target"),
            (closed(), by_id),
        ] {
            let about = format!("{wanted:?}");
            let plan = hall.server().read(move |tx| store::plan(tx, &wanted)).await.unwrap();
            assert!(crate::testing::is_led_by(&plan, &[index]), "{about}: {plan}");
        }
        if hall.hall.store().engine() != moothall_store::Engine::Sqlite {
            return; // PostgreSQL plans by what is in the table, and a test's is almost empty.
        }
        // Of one user there is one open case at most: nothing to sort.
        let open = ListCases { target_id: user, ..any() };
        let plan = hall.server().read(move |tx| store::plan(tx, &open)).await.unwrap();
        assert!(
            plan.contains("moderation_cases_open") || plan.contains("moderation_cases_by_target"),
            "{plan}"
        );
    })
    .await;
}
