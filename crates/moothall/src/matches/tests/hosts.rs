//! Hosts that are ready, silent, gone and back, what they tell in their order, and matches that come to nothing.

use moothall_protocol::accounts::SignUpGuest;
use moothall_protocol::limits::MATCH_CONNECTION_BYTES_MAX;

use super::*;
use crate::accounts::testing::call;
use crate::{accounts, snapshot};

#[tokio::test]
async fn everybody_hears_where_to_connect_and_only_their_own_token() {
    on_both_engines(async |hall| {
        let [ana, ben, cy, host] = people(hall, ["Ana", "Ben", "Cy", "Hal"]).await;
        let (ear, hosts) = (Ear::of(hall, &ana), Ear::of(hall, &host));
        let seats = vec![seat(&ana, Some(1)), seat(&ben, None)];
        let match_id = begun(hall, beginning(&hall.server(), &host, HostKind::Dedicated, seats)).await;
        let heard = ear.heard();
        let [Event::RoomJoined(_), Event::MatchStarted(own)] = &heard[..] else { panic!("{heard:?}") };
        assert_eq!((own.game.status, &own.host), (MatchStatus::Starting, &None));
        let token = own.token.clone().unwrap();
        let heard = hosts.heard();
        let [Event::MatchStarted(hosted)] = &heard[..] else { panic!("{heard:?}") };
        let tokens = &hosted.host.as_ref().unwrap().tokens;
        assert_eq!((tokens.len(), &tokens[&id(&ana)]), (2, &token), "spectators have one, too");
        assert!(!format!("{heard:?}").contains(&token), "nor is it in any log");
        assert_eq!(hosted.game.private.as_ref().unwrap().settings["address"], "10.0.0.1");

        assert_eq!(
            code(ready(&ana, ReadyMatch { match_id, addresses: vec![], connection: Map::new() }).await),
            "match_host_needed"
        );
        let huge = Map::from_iter([("k".to_owned(), json!("x".repeat(MATCH_CONNECTION_BYTES_MAX)))]);
        assert_eq!(
            code(ready(&host, ReadyMatch { match_id, addresses: vec![], connection: huge }).await),
            "invalid"
        );
        let told = Ear::at(hall, [Topic::Match(match_id)]);
        goes(&host, match_id).await;
        let heard = told.heard();
        let [Event::MatchUpdated(updated)] = &heard[..] else { panic!("{heard:?}") };
        assert_eq!(updated.patch["private"]["addresses"], json!(["game.example:7000"]));
        // Said again it is as once.
        let version = goes(&host, match_id).await.game.version;
        assert_eq!(version, updated.version);
        let seen = get(&cy, GetMatch { match_id }).await.unwrap();
        assert_eq!(
            (seen.game.private, seen.token, seen.host),
            (None, None, None),
            "others see the match alone"
        );
        assert_eq!(get(&ana, GetMatch { match_id }).await.unwrap().token, Some(token));
    })
    .await;
}

#[tokio::test]
async fn a_host_that_is_not_ready_in_time_has_the_match_aborted() {
    on_both_engines(async |hall| {
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        let seats = || vec![seat(&ana, Some(1)), seat(&ben, Some(2))];
        let match_id = begun(hall, beginning(&hall.server(), &ana, HostKind::Player, seats())).await;
        assert_eq!(code(end(&ana, EndMatch { match_id }).await), "match_not_running");
        later(hall, match_id, Duration::from_secs(60)).await;
        let game = read(&ben, match_id).await;
        assert_eq!((game.status, game.aborted.unwrap().why), (MatchStatus::Aborted, AbortWhy::NotReady));
        assert_eq!(game.duration_ms, None, "it was not played");
        assert_eq!(
            code(ready(&ana, ReadyMatch { match_id, addresses: vec![], connection: Map::new() }).await),
            "match_over"
        );
        assert_eq!(code(says(&ana, match_id, won(&[1])).await), "match_over");
        // One that waits for a host does so for as long.
        let waiting = Begin {
            hosting: Hosting::Sought,
            ..beginning(&hall.server(), &ana, HostKind::Dedicated, seats())
        };
        let match_id = begun(hall, waiting).await;
        assert_eq!(read(&ana, match_id).await.status, MatchStatus::Reserved);
        later(hall, match_id, Duration::from_secs(60)).await;
        assert_eq!(read(&ben, match_id).await.aborted.unwrap().why, AbortWhy::NoHost);
    })
    .await;
}

#[tokio::test]
async fn a_host_is_found_for_a_match_that_waits_for_one() {
    on_both_engines(async |hall| {
        let [ana, host] = people(hall, ["Ana", "Hal"]).await;
        let seats = vec![seat(&ana, Some(1))];
        let waiting =
            Begin { hosting: Hosting::Sought, ..beginning(&hall.server(), &ana, HostKind::Dedicated, seats) };
        let match_id = begun(hall, waiting).await;
        let ear = Ear::of(hall, &host);
        assert_eq!(code(assign(&ana, match_id, id(&ana)).await), "forbidden");
        assign(&hall.server(), match_id, id(&host)).await.unwrap();
        let heard = ear.heard();
        let [Event::MatchStarted(own)] = &heard[..] else { panic!("{heard:?}") };
        assert_eq!(own.host.as_ref().unwrap().tokens.len(), 1);
        assert_eq!(goes(&host, match_id).await.game.status, MatchStatus::Running);
        assert_eq!(code(assign(&hall.server(), match_id, id(&ana)).await), "match_over", "it has one");
    })
    .await;
}

#[tokio::test]
async fn updates_are_taken_in_their_order_and_each_once() {
    on_both_engines(async |hall| {
        let [ana, ben, host] = people(hall, ["Ana", "Ben", "Hal"]).await;
        let match_id = duel(hall, &host, HostKind::Dedicated, [&ana, &ben]).await;
        let started = hall.server().now();
        let leaves = |at| MatchMemberChange::Left {
            user_id: id(&ben),
            why: MatchLeftWhy::Crash,
            note: Some("signal 11".into()),
            at,
        };
        let comes = || MatchMemberChange::Joined { user_id: id(&ben) };
        let says = async |number, change| {
            update(&host, UpdateMatch { match_id, update: number, changes: vec![change] }).await
        };
        hall.clock.advance(Duration::from_secs(60));
        assert_eq!(code(says(2, leaves(None)).await), "match_update_gap");
        assert_eq!(says(1, leaves(Some(started + Duration::from_secs(20)))).await.unwrap().update, 1);
        assert_eq!(says(1, leaves(None)).await.unwrap().update, 1);
        let member = read(&ana, match_id).await.members[&id(&ben)].clone();
        let left = member.left.unwrap();
        assert_eq!(
            (left.at, left.why, member.departures),
            (started + Duration::from_secs(20), MatchLeftWhy::Crash, 1)
        );
        assert_eq!(left.note.as_deref(), Some("signal 11"));
        let page = list(&ben, ListMatches { user_id: ben.user(), ..ListMatches::default() }).await.unwrap();
        assert_eq!(page.items[0].user.as_ref().unwrap().left_why, Some(MatchLeftWhy::Crash));
        // An outage of the server: what was answered is known, what was not is sent again, and arrives once.
        hall.restart().await;
        let [ben, host] = [&ben, &host].map(|user| hall.call(id(user), &[]));
        let hosted = mine(&host, MyMatches {}).await.unwrap().hosted;
        assert_eq!((hosted[0].match_id, hosted[0].update), (match_id, 1));
        for _ in 0..2 {
            let again = UpdateMatch { match_id, update: 1, changes: vec![leaves(None)] };
            assert_eq!(update(&host, again).await.unwrap().update, 1);
        }
        let change = UpdateMatch { match_id, update: 2, changes: vec![comes()] };
        assert_eq!(update(&host, change).await.unwrap().update, 2);
        let member = read(&ben, match_id).await.members[&id(&ben)].clone();
        assert_eq!((member.left, member.departures), (None, 1));
        // Nobody left before they came, or will have left.
        let late = started + Duration::from_secs(9_000);
        let change = UpdateMatch { match_id, update: 3, changes: vec![leaves(Some(late))] };
        update(&host, change).await.unwrap();
        assert_eq!(
            read(&ben, match_id).await.members[&id(&ben)].left.as_ref().unwrap().at,
            hall.server().now()
        );
        let change = UpdateMatch {
            match_id,
            update: 4,
            changes: vec![MatchMemberChange::Joined { user_id: id(&host) }],
        };
        assert_eq!(code(update(&host, change).await), "not_a_match_member");
        let change = UpdateMatch { match_id, update: 4, changes: vec![] };
        assert_eq!(code(update(&ben, change).await), "match_host_needed");
    })
    .await;
}

#[tokio::test]
async fn players_abort_a_match_soon_after_it_began_and_staff_says_why() {
    on_both_engines(async |hall| {
        let [ana, ben, cy, host] = people(hall, ["Ana", "Ben", "Cy", "Hal"]).await;
        let staff = hall.call(hall.user("Sue").await, &[MODERATE]);
        let aborting =
            |match_id, reason: Option<&str>| AbortMatch { match_id, reason: reason.map(str::to_owned) };
        let match_id = duel(hall, &host, HostKind::Dedicated, [&ana, &ben]).await;
        assert_eq!(code(abort(&cy, aborting(match_id, None)).await), "not_in_match");
        for _ in 0..2 {
            let game = abort(&ana, aborting(match_id, None)).await.unwrap().game;
            assert_eq!((game.status, game.abort_votes.len()), (MatchStatus::Running, 1));
        }
        let game = abort(&ben, aborting(match_id, None)).await.unwrap().game;
        assert_eq!((game.status, game.aborted.unwrap().why), (MatchStatus::Aborted, AbortWhy::Players));
        assert_eq!(code(says(&with_key(&host), match_id, won(&[1])).await), "match_over");
        let counted =
            head_to_head(&ana, ReadHeadToHead { user_id: id(&ana), other_id: id(&ben) }).await.unwrap();
        assert_eq!(counted, HeadToHead::default(), "it counts for nothing");

        let match_id = duel(hall, &host, HostKind::Dedicated, [&ana, &ben]).await;
        hall.clock.advance(Duration::from_secs(180));
        assert_eq!(code(abort(&ana, aborting(match_id, None)).await), "match_abort_too_late");
        assert_eq!(code(abort(&staff, aborting(match_id, None)).await), "invalid");
        let game = abort(&staff, aborting(match_id, Some("a cheat"))).await.unwrap().game;
        assert_eq!(game.aborted, Some(MatchAborted { why: AbortWhy::Staff, reason: Some("a cheat".into()) }));
        let match_id = duel(hall, &host, HostKind::Dedicated, [&ana, &ben]).await;
        let game = abort(&host, aborting(match_id, None)).await.unwrap().game;
        assert_eq!(game.aborted.unwrap().why, AbortWhy::Host);
        let log = crate::audit::list(&hall.server(), audited()).await.unwrap();
        assert_eq!(
            (log.items.len(), log.items[0].action.as_str()),
            (1, "matches.abort"),
            "only what staff did"
        );
    })
    .await;
}

#[tokio::test]
async fn t129_a_match_whose_host_is_lost_ends_after_a_deadline_or_goes_on_with_it() {
    on_both_engines(async |hall| {
        let [ana, ben, host] = people(hall, ["Ana", "Ben", "Hal"]).await;
        let match_id = duel(hall, &host, HostKind::Dedicated, [&ana, &ben]).await;
        gone(hall, &host).await;
        let until = read(&ana, match_id).await.host_lost_until.unwrap();
        assert_eq!(until, hall.server().now() + Duration::from_secs(300));
        // It comes back and finds it.
        follow::arrive(&hall.hall, id(&host)).await;
        assert_eq!(read(&ana, match_id).await.host_lost_until, None);
        later(hall, match_id, Duration::from_secs(300)).await;
        assert_eq!(read(&ana, match_id).await.status, MatchStatus::Running);
        gone(hall, &host).await;
        later(hall, match_id, Duration::from_secs(300)).await;
        let game = read(&ana, match_id).await;
        assert_eq!((game.status, game.aborted.unwrap().why), (MatchStatus::Aborted, AbortWhy::HostLost));

        // While it is lost, players say how it ended.
        let match_id = duel(hall, &host, HostKind::Dedicated, [&ana, &ben]).await;
        assert_eq!(code(says(&ana, match_id, won(&[1])).await), "match_host_reports");
        gone(hall, &host).await;
        says(&ana, match_id, won(&[1])).await.unwrap();
        says(&ben, match_id, won(&[1])).await.unwrap();
        assert_eq!(read(&ana, match_id).await.result.unwrap().by, ResultBy::Quorum);
    })
    .await;
}

#[tokio::test]
async fn criterion_32_while_a_host_is_away_who_comes_is_kept_for_it_and_an_abort_is_answered() {
    on_both_engines(async |hall| {
        let [ana, ben, cy, host] = people(hall, ["Ana", "Ben", "Cy", "Hal"]).await;
        let staff = hall.call(hall.user("Sue").await, &[MODERATE]);
        let match_id = duel(hall, &host, HostKind::Dedicated, [&ana, &ben]).await;
        gone(hall, &host).await;
        assert!(read(&ana, match_id).await.host_lost_until.is_some());
        seats_now(hall, match_id, 8, vec![seat(&ana, Some(1)), seat(&ben, Some(2)), seat(&cy, None)]).await;
        let token = get(&cy, GetMatch { match_id }).await.unwrap().token;
        assert!(token.is_some());
        follow::arrive(&hall.hall, id(&host)).await;
        let known = get(&host, GetMatch { match_id }).await.unwrap().host.unwrap().tokens;
        assert_eq!(known.get(&id(&cy)), token.as_ref(), "it finds whom to let in");
        gone(hall, &host).await;
        let aborting = AbortMatch { match_id, reason: Some("it hangs".into()) };
        let game = abort(&staff, aborting).await.unwrap().game;
        assert_eq!((game.status, game.aborted.unwrap().why), (MatchStatus::Aborted, AbortWhy::Staff));
        let late = UpdateMatch { match_id, update: 1, changes: Vec::new() };
        assert_eq!(code(update(&host, late).await), "match_over", "it is told when it is back");
    })
    .await;
}

#[tokio::test]
async fn a_running_match_and_its_deadlines_are_there_after_a_restart() {
    on_both_engines(async |hall| {
        let host = accounts::sign_up_guest(&hall.nobody(), SignUpGuest::default()).await.unwrap();
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        let hosting = call(&hall.hall, &host).await;
        let match_id = duel(hall, &hosting, HostKind::Dedicated, [&ana, &ben]).await;
        hall.clock.advance(Duration::from_millis(1));
        let silent =
            begun(hall, beginning(&hall.server(), &ana, HostKind::Player, vec![seat(&ana, Some(1))])).await;
        let before = get(&hosting, GetMatch { match_id }).await.unwrap();
        hall.restart().await;
        let [ana, ben] = [&ana, &ben].map(|user| hall.call(id(user), &[]));
        let hosting = call(&hall.hall, &host).await;
        assert_eq!(get(&hosting, GetMatch { match_id }).await.unwrap(), before, "tokens included");
        // The host comes back, and its session knows what it hosts.
        let mut stream = snapshot::open(&hosting, None).await.unwrap();
        let (_, first) = stream.take(1).unwrap().remove(0);
        let Event::SessionReady(told) = first.event() else { panic!("{first:?}") };
        assert_eq!(told.matches.hosted.iter().map(|hosted| hosted.match_id).collect::<Vec<_>>(), [match_id]);
        let playing = mine(&ana, MyMatches {}).await.unwrap().playing;
        assert_eq!(playing.iter().map(|own| own.game.id).collect::<Vec<_>>(), [silent, match_id]);
        hall.clock.advance(Duration::from_millis(hall.hall.settings().connections.grace_ms));
        // Nobody touched it since, and what was due is done.
        let wait = async {
            while read(&ben, silent).await.status != MatchStatus::Aborted {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap();
        assert_eq!(read(&ana, match_id).await.host_lost_until, None, "its host is here");
        says(&with_key(&hosting), match_id, won(&[1])).await.unwrap();
        drop(stream);
    })
    .await;
}

#[tokio::test]
async fn a_host_that_does_not_come_back_after_a_restart_is_lost() {
    on_both_engines(async |hall| {
        let [ana, ben, host] = people(hall, ["Ana", "Ben", "Hal"]).await;
        let match_id = duel(hall, &host, HostKind::Dedicated, [&ana, &ben]).await;
        hall.restart().await;
        let ana = hall.call(id(&ana), &[]);
        hall.clock.advance(Duration::from_millis(hall.hall.settings().connections.grace_ms));
        let wait = async {
            while read(&ana, match_id).await.host_lost_until.is_none() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_match_hears_after_a_crash_that_its_lobby_was_closed() {
    on_both_engines(async |hall| {
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        let match_id = duel(hall, &ana, HostKind::Player, [&ana, &ben]).await;
        // Between the commit and what follows from it the server dies.
        let host = id(&ana);
        hall.server().write(move |tx| store::mark_closed(tx, match_id, Some(host))).await.unwrap();
        hall.restart().await;
        let ana = hall.call(id(&ana), &[]);
        let wait = async {
            while read(&ana, match_id).await.status != MatchStatus::Aborted {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap();
        assert_eq!(read(&ana, match_id).await.aborted.unwrap().why, AbortWhy::LobbyClosed);
    })
    .await;
}

#[tokio::test]
async fn a_match_that_nobody_ends_comes_to_an_end_by_itself() {
    on_both_engines(async |hall| {
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        let match_id = duel(hall, &ana, HostKind::Player, [&ana, &ben]).await;
        later(hall, match_id, Duration::from_secs(86_400)).await;
        assert_eq!(read(&ana, match_id).await.aborted.unwrap().why, AbortWhy::TooLong);
        // One that its host ended without a result waits for what players say, and for no longer.
        let match_id = duel(hall, &ana, HostKind::Player, [&ana, &ben]).await;
        let game = end(&ana, EndMatch { match_id }).await.unwrap().game;
        assert_eq!((game.status, game.result_status), (MatchStatus::Ended, ResultStatus::None));
        assert_eq!(mine(&ben, MyMatches {}).await.unwrap().playing.len(), 1);
        later(hall, match_id, Duration::from_secs(120)).await;
        assert_eq!(code(says(&ben, match_id, won(&[2])).await), "match_reports_closed");
        assert_eq!(mine(&ben, MyMatches {}).await.unwrap(), OwnMatches::default());
        end(&ana, EndMatch { match_id }).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn who_comes_late_is_let_in_and_nobody_changes_sides() {
    on_both_engines(async |hall| {
        let [ana, ben, cy, host] = people(hall, ["Ana", "Ben", "Cy", "Hal"]).await;
        let seats = vec![seat(&ana, Some(1)), seat(&ben, None)];
        let match_id = begun(hall, beginning(&hall.server(), &host, HostKind::Dedicated, seats)).await;
        let (ear, hosts) = (Ear::of(hall, &cy), Ear::of(hall, &host));
        let now = vec![seat(&ana, Some(2)), seat(&ben, Some(2)), seat(&cy, None)];
        seats_now(hall, match_id, 8, now.clone()).await;
        let game = read(&ana, match_id).await;
        let team = |user: &Cx| game.members[&id(user)].team;
        assert_eq!(
            (team(&ana), team(&ben), team(&cy)),
            (Some(1), Some(2), None),
            "nobody changes to the side that wins"
        );
        assert_eq!((game.team_count, game.player_count), (2, 2));
        let heard = ear.heard();
        let [Event::MatchStarted(own)] = &heard[..] else { panic!("{heard:?}") };
        let heard = hosts.heard();
        let [Event::MatchHostUpdated(updated)] = &heard[..] else { panic!("{heard:?}") };
        let token = updated.patch["tokens"][id(&cy).to_string()].as_str();
        assert_eq!(token, own.token.as_deref());
        // What is older, or says the same, does nothing.
        seats_now(hall, match_id, 8, vec![seat(&host, Some(1))]).await;
        seats_now(hall, match_id, 9, now).await;
        assert!(ear.heard().is_empty());
    })
    .await;
}
