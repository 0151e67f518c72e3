//! How matches end, who is believed, and what becomes of it.

use moothall_protocol::limits::{
    MATCH_NESTING_MAX, MATCH_PLAYER_STATS_BYTES_MAX, MATCH_RESULTS_MAX, MATCH_STATS_BYTES_MAX,
};
use parking_lot::Mutex;

use super::*;
use crate::accounts;

/// What a match was to these, in the list of their history.
async fn results_of(users: &[&Cx]) -> Vec<Option<MemberResult>> {
    let mut results = Vec::new();
    for user in users {
        let page = list(user, ListMatches { user_id: user.user(), ..ListMatches::default() }).await.unwrap();
        results.push(page.items[0].user.as_ref().unwrap().result);
    }
    results
}

#[tokio::test]
async fn b40_b41_t125_t128_a_trusted_result_ends_the_match_and_its_duration_is_positive() {
    on_both_engines(async |hall| {
        let [ana, ben, cy, host] = people(hall, ["Ana", "Ben", "Cy", "Hal"]).await;
        let seats = vec![seat(&ana, Some(1)), seat(&ben, Some(2)), seat(&cy, None)];
        let match_id = begun(hall, beginning(&hall.server(), &host, HostKind::Dedicated, seats)).await;
        let key = with_key(&host);
        assert_eq!(code(says(&key, match_id, won(&[1])).await), "match_not_running");
        goes(&host, match_id).await;
        hall.clock.advance(Duration::from_secs(90));
        // What is worth nothing without its origin is not taken without a key.
        assert_eq!(code(says(&host, match_id, won(&[1])).await), "match_key_needed");
        assert_eq!(code(says(&ana, match_id, won(&[1])).await), "match_host_reports");
        assert_eq!(code(says(&cy, match_id, won(&[1])).await), "match_player_needed");
        let stats = Map::from_iter([("kills".to_owned(), json!(3)), ("none".to_owned(), Value::Null)]);
        let players = vec![PlayerReport { user_id: id(&ben), left_after_ms: Some(80_000), stats }];
        let told =
            MatchReport { players, replay: Some("https://replays.example/1".into()), ..saying(won(&[2])) };
        let own = report(&key, ReportMatch { match_id, report: told.clone() }).await.unwrap();
        let game = own.game;
        assert_eq!((game.status, game.result_status), (MatchStatus::Ended, ResultStatus::Confirmed));
        assert_eq!(game.duration_ms, Some(90_000));
        let result = game.result.unwrap();
        assert_eq!((result.by, result.user_id, result.version), (ResultBy::Host, Some(id(&host)), 1));
        assert_eq!(result.api_key_id, key.identity().unwrap().api_key_id);
        assert_eq!(result.replay.as_deref(), Some("https://replays.example/1"));
        let member = |user: &Cx| game.members[&id(user)].clone();
        assert_eq!(member(&ben).left_after_ms, Some(80_000));
        assert_eq!(member(&ben).stats, Map::from_iter([("kills".to_owned(), json!(3))]));
        // Who watched has won nothing and lost nothing.
        let expected = [Some(MemberResult::Lost), Some(MemberResult::Won), None];
        assert_eq!(results_of(&[&ana, &ben, &cy]).await, expected);
        assert!(own.host.unwrap().tokens.is_empty(), "tokens are gone with the match");
        assert_eq!(read(&ana, match_id).await.private, None);
        // Once more it is the same answer, and something else is a correction.
        let again = report(&key, ReportMatch { match_id, report: told }).await.unwrap();
        assert_eq!(again.game.version, game.version);
        assert_eq!(code(says(&key, match_id, won(&[1])).await), "match_result_confirmed");
        let user = hall.server();
        let ana_id = id(&ana);
        let played = accounts::get_user(&user, moothall_protocol::accounts::GetUser { user_id: ana_id })
            .await
            .unwrap();
        let record = played.record.unwrap();
        assert!(record.last_played_at.is_some(), "B40: what follows from a match is done with it");
    })
    .await;
}

#[tokio::test]
async fn b43_t127_a_draw_gives_no_winner_and_nobody_without_a_team_wins_it() {
    on_both_engines(async |hall| {
        let [ana, ben, cy, host] = people(hall, ["Ana", "Ben", "Cy", "Hal"]).await;
        for (outcome, expected) in [
            (MatchOutcome::Draw, [Some(MemberResult::Draw), Some(MemberResult::Draw), None]),
            (MatchOutcome::None, [None, None, None]),
            (won(&[]), [Some(MemberResult::Lost), Some(MemberResult::Lost), None]),
        ] {
            let seats = vec![seat(&ana, Some(1)), seat(&ben, Some(2)), seat(&cy, None)];
            let match_id = begun(hall, beginning(&hall.server(), &host, HostKind::Dedicated, seats)).await;
            goes(&host, match_id).await;
            says(&with_key(&host), match_id, outcome).await.unwrap();
            assert_eq!(results_of(&[&ana, &ben, &cy]).await, expected);
            hall.clock.advance(Duration::from_millis(1));
        }
    })
    .await;
}

#[tokio::test]
async fn b02_t125_a_result_is_stored_for_any_number_of_players() {
    on_both_engines(async |hall| {
        const PLAYERS: u128 = 120;
        let [host] = people(hall, ["Hal"]).await;
        let mut seats = Vec::new();
        for number in 0..PLAYERS {
            let user = UserId::from_uuid(uuid::Uuid::from_u128(number + 1));
            let name = name(number as usize);
            hall.insert(user, &name, None).await;
            seats.push(seat(&hall.call(user, &[]), Some(1 + (number % 2) as u32)));
        }
        let first = hall.call(seats[0].user, &[]);
        let last = hall.call(seats[PLAYERS as usize - 1].user, &[]);
        let match_id = begun(hall, beginning(&hall.server(), &host, HostKind::Dedicated, seats)).await;
        let game = goes(&host, match_id).await.game;
        assert_eq!((game.team_count, game.team_size, game.player_count), (2, 60, 120));
        says(&with_key(&host), match_id, won(&[2])).await.unwrap();
        let expected = [Some(MemberResult::Lost), Some(MemberResult::Won)];
        assert_eq!(results_of(&[&first, &last]).await, expected);
        assert!(read(&host, match_id).await.members.values().all(|member| member.result.is_some()));
    })
    .await;
}

#[tokio::test]
async fn t126_what_makes_no_sense_for_this_match_is_refused() {
    on_both_engines(async |hall| {
        let [ana, ben, cy, host] = people(hall, ["Ana", "Ben", "Cy", "Hal"]).await;
        let match_id = duel(hall, &host, HostKind::Dedicated, [&ana, &ben]).await;
        let key = with_key(&host);
        assert_eq!(code(says(&key, match_id, won(&[3])).await), "no_such_match_team");
        assert_eq!(code(says(&key, match_id, won(&[2, 1])).await), "all_match_teams_won");
        let of = |user: &Cx, stats: Map<String, Value>| PlayerReport {
            user_id: id(user),
            left_after_ms: None,
            stats,
        };
        let with = |players: Vec<PlayerReport>, stats| MatchReport { players, stats, ..saying(won(&[1])) };
        let text = |bytes: usize| Map::from_iter([("t".to_owned(), json!("x".repeat(bytes)))]);
        let deep = (0..=MATCH_NESTING_MAX).fold(json!(1), |inner, _| json!([inner]));
        for (told, expected) in [
            (with(vec![of(&cy, Map::new())], Map::new()), "not_a_match_member"),
            (with(vec![of(&ana, Map::new()), of(&ana, Map::new())], Map::new()), "invalid"),
            (with(vec![of(&ana, text(MATCH_PLAYER_STATS_BYTES_MAX))], Map::new()), "invalid"),
            (with(Vec::new(), text(MATCH_STATS_BYTES_MAX)), "invalid"),
            (with(Vec::new(), Map::from_iter([("d".to_owned(), deep)])), "invalid"),
        ] {
            let told = ReportMatch { match_id, report: told };
            assert_eq!(code(report(&key, told).await), expected);
        }
        assert_eq!(code(says(&cy, match_id, won(&[1])).await), "not_in_match");
        assert_eq!(
            read(&host, match_id).await.status,
            MatchStatus::Running,
            "who is refused has changed nothing"
        );
    })
    .await;
}

#[tokio::test]
async fn b45_t126_a_match_that_is_not_there_is_refused_and_an_end_said_twice_is_one() {
    on_both_engines(async |hall| {
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        let nothing = ana.new_id();
        assert_eq!(code(end(&ana, EndMatch { match_id: nothing }).await), "not_found");
        assert_eq!(code(says(&ana, nothing, won(&[1])).await), "not_found");
        let match_id = duel(hall, &ana, HostKind::Player, [&ana, &ben]).await;
        hall.clock.advance(Duration::from_secs(60));
        let first = end(&ana, EndMatch { match_id }).await.unwrap().game;
        hall.clock.advance(Duration::from_secs(1));
        let again = end(&ana, EndMatch { match_id }).await.unwrap().game;
        assert_eq!((again.version, again.ended_at), (first.version, first.ended_at));
        assert_eq!(again.duration_ms, Some(60_000));
    })
    .await;
}

#[tokio::test]
async fn where_a_player_hosts_more_than_half_must_say_the_same() {
    on_both_engines(async |hall| {
        let [ana, ben, cy] = people(hall, ["Ana", "Ben", "Cy"]).await;
        let seats = vec![seat(&ana, Some(1)), seat(&ben, Some(2)), seat(&cy, Some(2))];
        let match_id = begun(hall, beginning(&hall.server(), &ana, HostKind::Player, seats)).await;
        goes(&ana, match_id).await;
        hall.clock.advance(Duration::from_secs(60));
        let game = says(&ana, match_id, won(&[1])).await.unwrap().game;
        assert_eq!((game.status, game.result_status), (MatchStatus::Running, ResultStatus::Reported));
        hall.clock.advance(Duration::from_secs(5));
        // Who is not sure says it again.
        says(&ben, match_id, won(&[1])).await.unwrap();
        let game = read(&cy, match_id).await;
        assert_eq!(game.result_status, ResultStatus::Confirmed);
        assert_eq!(game.duration_ms, Some(60_000), "it was over when the first one said so");
        assert_eq!(game.result.unwrap().by, ResultBy::Quorum);
        says(&cy, match_id, won(&[1])).await.unwrap();
        assert_eq!(code(says(&cy, match_id, won(&[2])).await), "match_result_confirmed");
    })
    .await;
}

#[tokio::test]
async fn nobody_wins_by_saying_that_the_others_left() {
    on_both_engines(async |hall| {
        let [ana, ben, cy] = people(hall, ["Ana", "Ben", "Cy"]).await;
        let run = async || {
            let seats = vec![seat(&ana, Some(1)), seat(&ben, Some(2)), seat(&cy, Some(2))];
            let match_id = begun(hall, beginning(&hall.server(), &ana, HostKind::Player, seats)).await;
            goes(&ana, match_id).await;
            let left = |user: &Cx| MatchMemberChange::Left {
                user_id: id(user),
                why: MatchLeftWhy::Quit,
                note: None,
                at: None,
            };
            let changes = vec![left(&ben), left(&cy)];
            update(&ana, UpdateMatch { match_id, update: 1, changes }).await.unwrap();
            let game = says(&ana, match_id, won(&[1])).await.unwrap().game;
            assert_eq!(game.result_status, ResultStatus::Reported, "the others have time to contradict");
            assert_eq!(game.report_by, None, "one of three does not end what the others play");
            match_id
        };
        let match_id = run().await;
        later(hall, match_id, Duration::from_secs(120)).await;
        assert_eq!(read(&ana, match_id).await.status, MatchStatus::Running);
        says(&ben, match_id, won(&[2])).await.unwrap();
        later(hall, match_id, Duration::from_secs(120)).await;
        assert_eq!(read(&ana, match_id).await.result_status, ResultStatus::Disputed);
        assert_eq!(code(says(&cy, match_id, won(&[2])).await), "match_result_disputed");
        // Where they did leave, which the server sees, whoever is there to the end is enough.
        let match_id = run().await;
        gone(hall, &ben).await;
        assert!(
            read(&ana, match_id).await.report_by.is_some(),
            "half of those who are there say that it is over"
        );
        gone(hall, &cy).await;
        later(hall, match_id, Duration::from_secs(120)).await;
        let game = read(&ben, match_id).await;
        assert_eq!((game.status, game.result_status), (MatchStatus::Ended, ResultStatus::Confirmed));
        // Who is back is asked again.
        hall.clock.advance(Duration::from_millis(1));
        let match_id = run().await;
        for user in [&ben, &cy] {
            gone(hall, user).await;
            arrive(user, id(user)).await;
        }
        end(&ana, EndMatch { match_id }).await.unwrap();
        later(hall, match_id, Duration::from_secs(120)).await;
        assert_eq!(read(&ana, match_id).await.result_status, ResultStatus::Disputed);
    })
    .await;
}

#[tokio::test]
async fn contradictions_are_for_staff_to_decide_and_it_is_written_down_who_did() {
    on_both_engines(async |hall| {
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        let staff = hall.call(hall.user("Sue").await, &[MODERATE]);
        let match_id = duel(hall, &ana, HostKind::Player, [&ana, &ben]).await;
        let deciding = || DecideMatch { match_id, report: saying(won(&[2])), reason: "the replay".into() };
        assert_eq!(code(decide(&staff, deciding()).await), "match_not_over");
        says(&ana, match_id, won(&[1])).await.unwrap();
        let game = says(&ben, match_id, won(&[2])).await.unwrap().game;
        assert_eq!((game.status, game.result_status), (MatchStatus::Ended, ResultStatus::Disputed));
        let disputed = ListMatches { result_status: Some(ResultStatus::Disputed), ..ListMatches::default() };
        assert_eq!(list(&staff, disputed).await.unwrap().items.len(), 1, "staff finds them");
        assert_eq!(code(decide(&ana, deciding()).await), "forbidden");
        let ear = Ear::of(hall, &ben);
        let game = decide(&staff, deciding()).await.unwrap().game;
        assert_eq!(game.result_status, ResultStatus::Confirmed);
        assert!(matches!(&ear.heard()[..], [Event::MatchUpdated(_)]), "who was in it hears of it");
        decide(&staff, deciding()).await.unwrap();
        let log = crate::audit::list(&hall.server(), audited()).await.unwrap();
        assert_eq!(log.items[0].action, "matches.decide");
        assert_eq!(
            (log.items[0].actor_id, log.items[0].reason.as_deref()),
            (staff.user(), Some("the replay"))
        );
    })
    .await;
}

#[tokio::test]
async fn a_correction_keeps_what_was_before_and_is_counted_once_by_whoever_counts() {
    on_both_engines(async |hall| {
        let [ana, ben, host] = people(hall, ["Ana", "Ben", "Hal"]).await;
        let staff = hall.call(hall.user("Sue").await, &[MODERATE]);
        let counted = Arc::new(Mutex::new(Vec::new()));
        let counts = Arc::clone(&counted);
        on_confirmed(&hall.hall, move |_, game| {
            counts.lock().push((game.id, game.result.as_ref().map(|result| result.version)));
            Ok(())
        });
        let match_id = duel(hall, &host, HostKind::Dedicated, [&ana, &ben]).await;
        let key = with_key(&host);
        let correcting = |outcome| CorrectMatch {
            match_id,
            report: saying(outcome),
            reason: "the score was read wrongly".into(),
            if_version: None,
        };
        assert_eq!(code(correct(&key, correcting(won(&[1]))).await), "no_match_result");
        let first = says(&key, match_id, won(&[1])).await.unwrap().game;
        let ear = Ear::of(hall, &ben);
        assert_eq!(code(correct(&ana, correcting(won(&[2]))).await), "match_host_needed");
        assert_eq!(code(correct(&host, correcting(won(&[2]))).await), "match_key_needed");
        let stale = CorrectMatch { if_version: Some(first.version - 1), ..correcting(won(&[2])) };
        assert_eq!(code(correct(&key, stale).await), "version_conflict");
        correct(&key, correcting(won(&[2]))).await.unwrap();
        assert_eq!(results_of(&[&ana, &ben]).await, [Some(MemberResult::Lost), Some(MemberResult::Won)]);
        let heard = ear.heard();
        let [Event::MatchUpdated(updated)] = &heard[..] else { panic!("{heard:?}") };
        assert_eq!(updated.patch["result"]["version"], 2);
        // The same again changes nothing; later only staff may.
        let again = correct(&key, correcting(won(&[2]))).await.unwrap().game;
        assert_eq!(again.version, updated.version);
        hall.clock.advance(Duration::from_secs(3_600));
        assert_eq!(code(correct(&key, correcting(MatchOutcome::Draw)).await), "match_correction_too_late");
        correct(&staff, correcting(MatchOutcome::Draw)).await.unwrap();
        let versions = results(&ana, ListMatchResults { match_id }).await.unwrap().items;
        let said: Vec<_> =
            versions.iter().map(|result| (result.version, result.by, result.outcome.clone())).collect();
        assert_eq!(
            said,
            [
                (1, ResultBy::Host, won(&[1])),
                (2, ResultBy::Host, won(&[2])),
                (3, ResultBy::Staff, MatchOutcome::Draw)
            ]
        );
        assert_eq!(*counted.lock(), [(match_id, Some(1)), (match_id, Some(2)), (match_id, Some(3))]);
        for number in 3..MATCH_RESULTS_MAX {
            let outcome = if number % 2 == 0 { MatchOutcome::Draw } else { won(&[1]) };
            correct(&staff, correcting(outcome)).await.unwrap();
        }
        assert_eq!(code(correct(&staff, correcting(won(&[2]))).await), "too_many_match_results");
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_counted_is_not_confirmed() {
    on_both_engines(async |hall| {
        let [ana, ben, host] = people(hall, ["Ana", "Ben", "Hal"]).await;
        on_confirmed(&hall.hall, |_, _| Err(crate::Error::Unavailable));
        let match_id = duel(hall, &host, HostKind::Dedicated, [&ana, &ben]).await;
        assert_eq!(code(says(&with_key(&host), match_id, won(&[1])).await), "unavailable");
        assert_eq!(read(&ana, match_id).await.status, MatchStatus::Running);
        assert!(results(&ana, ListMatchResults { match_id }).await.unwrap().items.is_empty());
    })
    .await;
}
