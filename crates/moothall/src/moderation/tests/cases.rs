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
        let taken = next_case(&zoe, TakeNextCase {}).await.unwrap().case.unwrap();
        assert_eq!(taken.id, case_id);
        // Once somebody has said what they think, it may come back to whoever asked.
        let opinion = AddNote {
            user_id: case.target_id,
            case_id: Some(case_id),
            kind: NoteKind::Opinion,
            text: "it is".into(),
            is_pinned: None,
        };
        add_note(&zoe, opinion).await.unwrap();
        release_case(&zoe, ReleaseCase { case_id }).await.unwrap();
        assert_eq!(next_case(&mo, TakeNextCase {}).await.unwrap().case.unwrap().id, case_id);
        let notes = read_file(&zoe, ReadFile { user_id: case.target_id, reason: Some("to see".into()) })
            .await
            .unwrap()
            .notes;
        assert_eq!(notes.len(), 3);
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
        let case_id = cases_of(&zoe).await[0].id;
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
        // What is decided is written down all the same.
        hall.clock.advance(HOUR);
        report(&mo, behaviour(id(&ana), "insult")).await.unwrap();
        let case_id = cases_of(&mo).await[0].id;
        let dismiss = DismissCase { case_id, outcome: ReportOutcome::Unclear, reason: "who knows".into() };
        dismiss_case(&mo, dismiss).await.unwrap();
        let list = ListNotes { user_id: id(&ana), cursor: None, limit: Some(1) };
        assert_eq!(list_notes(&mo, list).await.unwrap().items[0].text, "who knows");
    })
    .await;
}

#[tokio::test]
async fn everybody_who_asked_waits_for_an_opinion_that_is_younger_than_the_question_and_not_the_targets() {
    on_both_engines(async |hall| {
        let Cast { ben, mo, zoe, .. } = cast(hall).await;
        let (kim, target) = (moderator(hall, "Kim").await, moderator(hall, "Tom").await);
        report(&ben, behaviour(id(&target), "insult")).await.unwrap();
        let case_id = cases_of(&mo).await[0].id;
        let opinion = || AddNote {
            user_id: id(&target),
            case_id: Some(case_id),
            kind: NoteKind::Opinion,
            text: "it is none".into(),
            is_pinned: None,
        };
        let ask = AskSecondOpinion { case_id, reason: "is this an insult?".into() };
        let dismiss = DismissCase { case_id, outcome: ReportOutcome::Disagreed, reason: "it is none".into() };
        let asked = async || {
            let wanted = ListCases { wants_second_opinion: Some(true), ..ListCases::default() };
            list_cases(&mo, wanted).await.unwrap().items.first().map(|case| case.second_opinion_by.unwrap())
        };
        // Said before anybody asked, it answers nothing.
        add_note(&zoe, opinion()).await.unwrap();
        hall.clock.advance(HOUR);
        ask_second_opinion(&mo, ask.clone()).await.unwrap();
        assert_eq!(code(dismiss_case(&mo, dismiss.clone()).await), "opinion_awaited");
        assert_eq!(code(add_note(&target, opinion()).await), "about_yourself");
        let question = AddNote { kind: NoteKind::Question, ..opinion() };
        assert_eq!(code(add_note(&zoe, question).await), "invalid");
        hall.clock.advance(HOUR);
        ask_second_opinion(&zoe, ask).await.unwrap();
        assert_eq!(asked().await, zoe.user());
        for waits in [&mo, &zoe] {
            assert_eq!(code(dismiss_case(waits, dismiss.clone()).await), "opinion_awaited");
        }
        // What one of the two thinks is for the other.
        hall.clock.advance(HOUR);
        add_note(&mo, opinion()).await.unwrap();
        assert_eq!(asked().await, mo.user(), "who waits still");
        assert_eq!(code(dismiss_case(&mo, dismiss.clone()).await), "opinion_awaited");
        add_note(&kim, opinion()).await.unwrap();
        assert_eq!(asked().await, None);
        dismiss_case(&mo, dismiss).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn all_notes_and_reports_are_there_in_pages_but_for_what_is_about_oneself() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, zoe, .. } = cast(hall).await;
        for number in 0..3 {
            let text = format!("note {number}");
            let note =
                AddNote { user_id: id(&ana), case_id: None, kind: NoteKind::General, text, is_pinned: None };
            add_note(&mo, note).await.unwrap();
            hall.clock.advance(HOUR);
        }
        let list = |cursor| ListNotes { user_id: id(&ana), cursor, limit: Some(2) };
        let first = list_notes(&mo, list(None)).await.unwrap();
        let texts = |page: &moothall_protocol::Page<Note>| {
            page.items.iter().map(|note| note.text.clone()).collect::<Vec<_>>()
        };
        assert_eq!(texts(&first), ["note 2", "note 1"]);
        assert_eq!(texts(&list_notes(&mo, list(first.next)).await.unwrap()), ["note 0"]);
        let own = ListNotes { user_id: id(&mo), cursor: None, limit: None };
        assert_eq!(code(list_notes(&mo, own).await), "about_yourself");
        let note = AddNote {
            user_id: id(&mo),
            case_id: None,
            kind: NoteKind::Caution,
            text: "sleeps a lot".into(),
            is_pinned: None,
        };
        let about_mo = add_note(&zoe, note).await.unwrap();
        let pin = PinNote { note_id: about_mo.id, is_pinned: true };
        assert_eq!(code(pin_note(&mo, pin).await), "about_yourself");

        // Ben reports Ana and the moderator who will look.
        report(&ben, behaviour(id(&ana), "spam")).await.unwrap();
        hall.clock.advance(HOUR);
        report(&ana, behaviour(id(&ben), "insult")).await.unwrap();
        hall.clock.advance(HOUR);
        report(&ben, behaviour(id(&mo), "insult")).await.unwrap();
        let by_ben = ListReports { reporter_id: ben.user(), ..ListReports::default() };
        let targets = async |cx: &Cx, input: &ListReports| {
            let page = list_reports(cx, input.clone()).await.unwrap();
            page.items.into_iter().map(|report| report.target_id).collect::<Vec<_>>()
        };
        assert_eq!(targets(&zoe, &by_ben).await, [id(&mo), id(&ana)]);
        assert_eq!(targets(&mo, &by_ben).await, [id(&ana)], "not whom he reported himself");
        let file = read_file(&mo, ReadFile { user_id: id(&ben), reason: None }).await.unwrap();
        assert_eq!(file.reports_by.len(), 1);
        let about = |user: &Cx| ListReports { target_id: user.user(), ..ListReports::default() };
        assert_eq!(targets(&mo, &about(&ana)).await, [id(&ana)]);
        assert_eq!(code(list_reports(&mo, about(&mo)).await), "about_yourself");
        let both = ListReports { target_id: ana.user(), ..by_ben };
        assert_eq!(code(list_reports(&mo, both).await), "invalid");
        let of_mo = cases_of(&zoe).await.into_iter().find(|case| case.target_id == id(&mo)).unwrap();
        let of_case = ListReports { case_id: Some(of_mo.id), ..ListReports::default() };
        assert_eq!(code(list_reports(&mo, of_case.clone()).await), "about_yourself");
        assert_eq!(targets(&zoe, &of_case).await, [id(&mo)]);
    })
    .await;
}

#[tokio::test]
async fn a_case_that_was_put_off_waits_and_counts_as_no_decision_in_the_end() {
    on_both_engines(async |hall| {
        let Cast { ana, ben, mo, .. } = cast(hall).await;
        reported(hall, &[ana, ben], &[("Cy", 1)]).await;
        let case_id = cases_of(&mo).await[0].id;
        let until = hall.server().now() + DAY * 60;
        let put_off = SnoozeCase { case_id, until, reason: "they are away".into() };
        snooze_case(&mo, put_off).await.unwrap();
        hall.clock.advance(DAY * 59);
        sweep(&hall.server()).await.unwrap();
        assert_eq!(cases_of(&mo).await.len(), 1);
        hall.clock.advance(DAY * 40);
        claim_case(&mo, ClaimCase { case_id }).await.unwrap();
        release_case(&mo, ReleaseCase { case_id }).await.unwrap();
        hall.clock.advance(DAY * 32);
        sweep(&hall.server()).await.unwrap();
        assert_eq!(cases_of(&mo).await.len(), 0);
        let input = ReadModerationStatistics::default();
        let months = statistics(&hall.nobody(), input).await.unwrap().months;
        assert!(months.iter().all(|month| month.cases == 0 && month.hours_to_decision.is_none()));
    })
    .await;
}

#[tokio::test]
async fn however_many_report_the_weightiest_counts() {
    on_both_engines(async |hall| {
        let Cast { mo, .. } = cast(hall).await;
        let target = hall.user("Tom").await;
        let witness = hall.call(hall.user("Win").await, &[REPORT_AUTOMATICALLY]);
        report(&witness, FileReport { is_automatic: Some(true), ..behaviour(target, "cheating") })
            .await
            .unwrap();
        assert_eq!(cases_of(&mo).await[0].priority, 45);
        for number in 0..52 {
            let reporter = hall.call(hall.user(&format!("Crowd{number}")).await, &[]);
            report(&reporter, behaviour(target, "spam")).await.unwrap();
        }
        let case = cases_of(&mo).await.remove(0);
        let of = |name: &str| case.terms.iter().find(|term| term.name == name).map(|term| term.points);
        assert_eq!((of("automatic"), of("further_reporters")), (Some(25.0), Some(52.0 * 5.0)));
        assert_eq!(
            (case.reports, &case.categories[..]),
            (53, &["spam".to_owned(), "cheating".to_owned()][..])
        );
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
