//! Finding matches, and what came of them.

use moothall_protocol::limits::{MATCHES_HOSTED_TOLD_MAX, MATCHES_PLAYED_TOLD_MAX, RECENT_MATCHES_MAX};

use super::*;

async fn ids(cx: &Cx, wanted: ListMatches) -> Vec<MatchId> {
    list(cx, wanted).await.unwrap().items.iter().map(|item| item.id).collect()
}

#[tokio::test]
async fn t130_t132_a_history_is_found_by_everything_that_is_known_of_it() {
    on_both_engines(async |hall| {
        let [ana, ben, cy, host] = people(hall, ["Ana", "Ben", "Cy", "Hal"]).await;
        let mut matches = Vec::new();
        let mut times = Vec::new();
        for (players, outcome) in [
            ([&ana, &ben], Some(won(&[1]))),
            ([&ana, &cy], Some(MatchOutcome::Draw)),
            ([&cy, &ana], Some(won(&[1]))),
            ([&ben, &cy], None),
        ] {
            hall.clock.advance(Duration::from_secs(60));
            times.push(hall.server().now());
            let match_id = duel(hall, &host, HostKind::Dedicated, players).await;
            if let Some(outcome) = outcome {
                says(&with_key(&host), match_id, outcome).await.unwrap();
            }
            matches.push(match_id);
        }
        hall.clock.advance(Duration::from_secs(60));
        let other = Begin {
            mode: "ffa".into(),
            map: None,
            is_rated: false,
            tags: Vec::new(),
            ..beginning(&hall.server(), &ben, HostKind::Player, vec![seat(&ben, Some(1))])
        };
        let (lobby_id, other) = (other.lobby_id, begun(hall, other).await);
        let any = ListMatches::default;
        let of = |user: &Cx| ListMatches { user_id: user.user(), ..any() };
        let [one, two, three, four] = matches.try_into().unwrap();
        assert_eq!(ids(&ana, any()).await, [other, four, three, two, one]);
        let oldest = || ListMatches { order: Some(MatchOrder::Oldest), ..any() };
        assert_eq!(ids(&ana, oldest()).await, [one, two, three, four, other]);
        for (wanted, expected) in [
            (of(&ana), vec![three, two, one]),
            (ListMatches { order: Some(MatchOrder::Oldest), ..of(&ana) }, vec![one, two, three]),
            (ListMatches { with: vec![id(&cy)], ..of(&ana) }, vec![three, two]),
            (ListMatches { with: vec![id(&cy), id(&ben), id(&cy)], ..of(&ana) }, vec![]),
            (ListMatches { outcome: Some(UserOutcome::Won), ..of(&ana) }, vec![one]),
            (ListMatches { outcome: Some(UserOutcome::Lost), ..of(&ana) }, vec![three]),
            (ListMatches { outcome: Some(UserOutcome::Draw), ..of(&cy) }, vec![two]),
            (ListMatches { mode: Some("ffa".into()), ..any() }, vec![other]),
            (ListMatches { map: Some("hill".into()), ..of(&ben) }, vec![four, one]),
            (ListMatches { status: Some(MatchStatus::Running), ..any() }, vec![four]),
            (ListMatches { status: Some(MatchStatus::Starting), ..any() }, vec![other]),
            (ListMatches { result_status: Some(ResultStatus::Confirmed), ..of(&ben) }, vec![one]),
            (ListMatches { is_rated: Some(false), ..any() }, vec![other]),
            (ListMatches { host_id: ben.user(), ..any() }, vec![other]),
            (ListMatches { lobby_id: Some(lobby_id), ..any() }, vec![other]),
            (ListMatches { tag: Some("fast".into()), ..of(&ben) }, vec![four, one]),
            (ListMatches { tag: Some("slow".into()), ..any() }, vec![]),
            (ListMatches { since: Some(times[1]), until: Some(times[2]), ..any() }, vec![two]),
        ] {
            assert_eq!(ids(&ana, wanted.clone()).await, expected, "{wanted:?}");
        }
        assert_eq!(code(list(&ana, ListMatches { with: vec![id(&cy)], ..any() }).await), "invalid");
        let draws = ListMatches { outcome: Some(UserOutcome::Draw), ..any() };
        assert_eq!(code(list(&ana, draws).await), "invalid");
        // Pages follow each other without a gap, in both directions.
        for (order, expected) in [
            (MatchOrder::Newest, [other, four, three, two, one]),
            (MatchOrder::Oldest, [one, two, three, four, other]),
        ] {
            let (mut seen, mut cursor) = (Vec::new(), None);
            loop {
                let wanted = ListMatches { order: Some(order), limit: Some(2), cursor, ..any() };
                let page = list(&ana, wanted).await.unwrap();
                seen.extend(page.items.iter().map(|item| item.id));
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(seen, expected);
        }
        let page = list(&ana, ListMatches { limit: Some(1), ..any() }).await.unwrap();
        let wrong = ListMatches { cursor: page.next, ..oldest() };
        assert_eq!(code(list(&ana, wrong).await), "invalid");
    })
    .await;
}

#[tokio::test]
async fn a_match_of_the_invited_is_shown_to_them_and_to_staff() {
    on_both_engines(async |hall| {
        let [ana, ben, cy] = people(hall, ["Ana", "Ben", "Cy"]).await;
        let staff = hall.call(hall.user("Sue").await, &[MODERATE]);
        let seats = vec![seat(&ana, Some(1)), seat(&ben, Some(2))];
        let hidden = Begin { is_hidden: true, ..beginning(&hall.server(), &ana, HostKind::Player, seats) };
        let match_id = begun(hall, hidden).await;
        goes(&ana, match_id).await;
        says(&ana, match_id, won(&[1])).await.unwrap();
        says(&ben, match_id, won(&[1])).await.unwrap();
        let of_ana = || ListMatches { user_id: ana.user(), ..ListMatches::default() };
        let both = || ReadHeadToHead { user_id: id(&ana), other_id: id(&ben) };
        for (viewer, count) in [(&ana, 1), (&ben, 1), (&staff, 1), (&cy, 0)] {
            assert_eq!(ids(viewer, of_ana()).await.len(), count);
            assert_eq!(ids(viewer, ListMatches::default()).await.len(), count);
            assert_eq!(head_to_head(viewer, both()).await.unwrap().against.played, count as u64);
            let expected = if count == 1 { "ok" } else { "not_found" };
            assert_eq!(code(get(viewer, GetMatch { match_id }).await), expected);
            assert_eq!(code(results(viewer, ListMatchResults { match_id }).await), expected);
        }
        assert_eq!(code(says(&cy, match_id, won(&[1])).await), "not_found");
        assert_eq!(code(abort(&cy, AbortMatch { match_id, reason: None }).await), "not_found");
    })
    .await;
}

#[tokio::test]
async fn head_to_head_counts_together_and_against_by_mode() {
    on_both_engines(async |hall| {
        let [ana, ben, cy, host] = people(hall, ["Ana", "Ben", "Cy", "Hal"]).await;
        for (teams, mode, outcome) in [
            ([1, 2], "duel", won(&[1])),
            ([1, 2], "duel", won(&[2])),
            ([1, 2], "ffa", MatchOutcome::Draw),
            ([1, 1], "ffa", won(&[1])),
            ([1, 1], "ffa", MatchOutcome::None),
        ] {
            let seats = vec![seat(&ana, Some(teams[0])), seat(&ben, Some(teams[1])), seat(&cy, Some(3))];
            let begin = beginning(&hall.server(), &host, HostKind::Dedicated, seats);
            let match_id = begun(hall, Begin { mode: mode.into(), ..begin }).await;
            goes(&host, match_id).await;
            says(&with_key(&host), match_id, outcome).await.unwrap();
        }
        let read = async |one: &Cx, other: &Cx| {
            head_to_head(&cy, ReadHeadToHead { user_id: id(one), other_id: id(other) }).await.unwrap()
        };
        let of = |played, won, lost, draw| Tally { played, won, lost, draw };
        let mine = read(&ana, &ben).await;
        assert_eq!((mine.together, mine.against), (of(1, 1, 0, 0), of(3, 1, 1, 1)));
        let [duels, others] = &mine.modes[..] else { panic!("{mine:?}") };
        assert_eq!((duels.mode.as_str(), duels.against), ("duel", of(2, 1, 1, 0)));
        assert_eq!(
            (others.mode.as_str(), others.together, others.against),
            ("ffa", of(1, 1, 0, 0), of(1, 0, 0, 1))
        );
        let theirs = read(&ben, &ana).await;
        assert_eq!((theirs.together, theirs.against), (mine.together, mine.against));
        assert_eq!(read(&ana, &host).await, HeadToHead::default());
    })
    .await;
}

#[tokio::test]
async fn a_session_is_told_of_so_many_matches_and_no_more() {
    on_both_engines(async |hall| {
        let [ana, host] = people(hall, ["Ana", "Hal"]).await;
        for _ in 0..=MATCHES_HOSTED_TOLD_MAX {
            begun(hall, beginning(&hall.server(), &host, HostKind::Dedicated, vec![seat(&ana, Some(1))]))
                .await;
        }
        assert_eq!(mine(&ana, MyMatches {}).await.unwrap().playing.len(), MATCHES_PLAYED_TOLD_MAX);
        assert_eq!(mine(&host, MyMatches {}).await.unwrap().hosted.len(), MATCHES_HOSTED_TOLD_MAX);
    })
    .await;
}

#[tokio::test]
async fn those_one_played_with_lately_are_listed_once_each_the_latest_first() {
    on_both_engines(async |hall| {
        let [ana, ben, cy, dan, host] = people(hall, ["Ana", "Ben", "Cy", "Dan", "Hal"]).await;
        let mut matches = Vec::new();
        for players in [[&ana, &ben], [&ana, &cy], [&ben, &ana], [&cy, &dan]] {
            hall.clock.advance(Duration::from_secs(60));
            matches.push(duel(hall, &host, HostKind::Dedicated, players).await);
        }
        // One that never began, and one that she only watched.
        let unbegun = vec![seat(&ana, Some(1)), seat(&dan, Some(1))];
        begun(hall, beginning(&hall.server(), &host, HostKind::Dedicated, unbegun)).await;
        let watched = vec![seat(&ana, None), seat(&dan, Some(1)), seat(&cy, Some(2))];
        let watched = begun(hall, beginning(&hall.server(), &host, HostKind::Dedicated, watched)).await;
        goes(&host, watched).await;
        let of = async |cx: &Cx, cursor| {
            recent_players(cx, ListRecentPlayers { cursor, limit: Some(1) }).await.unwrap()
        };
        let first = of(&ana, None).await;
        let [latest] = first.items.as_slice() else { panic!("{first:?}") };
        assert_eq!((latest.user.id, latest.match_id, latest.was_teammate), (id(&ben), matches[2], false));
        let second = of(&ana, first.next).await;
        let [before] = second.items.as_slice() else { panic!("{second:?}") };
        assert_eq!((before.user.id, before.match_id), (id(&cy), matches[1]));
        assert_eq!(second.next, None);
        let lately = async |cx: &Cx| {
            let others = vec![id(&ben), id(&cy), id(&dan)];
            let mut found: Vec<UserId> =
                played_with(cx, id(&ana), others).await.unwrap().into_iter().collect();
            found.sort_unstable();
            found
        };
        let mut both = vec![id(&ben), id(&cy)];
        both.sort_unstable();
        assert_eq!(lately(&ana).await, both);
        hall.clock.advance(Duration::from_secs(15 * 24 * 3_600));
        assert_eq!(lately(&ana).await, Vec::<UserId>::new(), "that was long ago");
    })
    .await;
}

#[tokio::test]
async fn so_many_matches_are_looked_at_for_those_one_played_with() {
    on_both_engines(async |hall| {
        let [ana, ben, cy, host] = people(hall, ["Ana", "Ben", "Cy", "Hal"]).await;
        duel(hall, &host, HostKind::Dedicated, [&ana, &ben]).await;
        for _ in 0..RECENT_MATCHES_MAX - 1 {
            hall.clock.advance(Duration::from_millis(1));
            duel(hall, &host, HostKind::Dedicated, [&ana, &cy]).await;
        }
        let found = async || {
            let page = recent_players(&ana, ListRecentPlayers::default()).await.unwrap();
            page.items.into_iter().map(|met| met.user.id).collect::<Vec<UserId>>()
        };
        assert_eq!(found().await, [id(&cy), id(&ben)]);
        hall.clock.advance(Duration::from_millis(1));
        duel(hall, &host, HostKind::Dedicated, [&ana, &cy]).await;
        assert_eq!(found().await, [id(&cy)]);
    })
    .await;
}
