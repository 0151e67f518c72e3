//! What one of two may learn and do, for whatever happened between them.

use moothall_protocol::relationships::Friendship;
use moothall_protocol::{Timestamp, UserId};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        any::<bool>().prop_map(|is_welcome| Change::Ask { message: None, is_welcome }),
        Just(Change::Accept),
        Just(Change::Decline),
        Just(Change::Cancel),
        Just(Change::Remove),
        any::<bool>().prop_map(|is_welcome| Change::Follow { is_welcome }),
        Just(Change::Unfollow),
        Just(Change::Ignore),
        Just(Change::Unignore),
        proptest::option::of(0..40_i64)
            .prop_map(|at| Change::Avoid { until: at.map(Timestamp::from_micros) }),
        Just(Change::Unavoid),
        Just(Change::Block),
        Just(Change::Unblock),
        Just(Change::Note(Some("a note".into()))),
    ]
}

/// Who does what, one after the other.
fn story() -> impl Strategy<Value = Vec<(bool, Change)>> {
    prop::collection::vec((any::<bool>(), change()), 0..40)
}

fn user(number: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(number))
}

/// Carries a story out. Returns both sides, and how each act of the first one ended.
fn play(story: &[(bool, Change)]) -> ([Side; 2], Vec<String>) {
    let (mut ana, mut ben) = (Side::default(), Side::default());
    let mut heard = Vec::new();
    for (at, (is_ana, change)) in story.iter().enumerate() {
        let now = Timestamp::from_micros(at as i64);
        let before = (ana.clone(), ben.clone());
        let outcome = match is_ana {
            true => change.carry_out(now, &mut ana, &mut ben),
            false => change.carry_out(now, &mut ben, &mut ana),
        };
        if outcome.is_err() {
            assert_eq!((&ana, &ben), (&before.0, &before.1), "a refusal changes nothing");
        }
        if *is_ana {
            heard.push(format!("{outcome:?}"));
        }
    }
    ([ana, ben], heard)
}

/// What somebody keeps to themselves.
fn is_secret(change: &Change) -> bool {
    matches!(
        change,
        Change::Ignore | Change::Unignore | Change::Avoid { .. } | Change::Unavoid | Change::Note(_)
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn friends_are_friends_of_each_other_and_nobody_waits_for_a_friend(story in story()) {
        let ([ana, ben], _) = play(&story);
        prop_assert_eq!(ana.friends_at, ben.friends_at);
        prop_assert!(ana.friends_at.is_none() || (ana.asked_at.is_none() && ben.asked_at.is_none()));
        prop_assert!(ana.blocks_at.is_none() || (ana.friends_at.is_none() && ana.asked_at.is_none() && ana.follows_at.is_none()));
        for side in [&ana, &ben] {
            prop_assert!(side.asked_at.is_some() || side.message.is_none());
            prop_assert!(side.avoids_at.is_some() || side.avoids_until.is_none());
        }
    }

    /// What the one sees does not depend on what the other one keeps to themselves at that moment.
    #[test]
    fn what_one_sees_says_nothing_of_what_the_other_one_hides(story in story(), hidden in any::<[bool; 4]>()) {
        let ([ana, ben], _) = play(&story);
        let now = Timestamp::from_micros(100);
        let at = |is: bool| is.then_some(now);
        let other = Side {
            ignores_at: at(hidden[0]),
            avoids_at: at(hidden[1]),
            avoids_until: None,
            blocks_at: at(hidden[2]),
            note: hidden[3].then(|| "x".into()),
            ..ben.clone()
        };
        prop_assert_eq!(ana.shown(now, user(2), &ben), ana.shown(now, user(2), &other));
    }

    /// Whatever the one does after the other one blocks them ends as if the other one had only taken back what there was openly, and did
    /// nothing from then on.
    #[test]
    fn who_is_blocked_sees_one_who_took_things_back_and_never_answers(
        before in story(),
        after in prop::collection::vec(change(), 0..20),
    ) {
        let after: Vec<(bool, Change)> = after.into_iter().map(|change| (true, change)).collect();
        let open: Vec<(bool, Change)> = [Change::Remove, Change::Cancel, Change::Unfollow].map(|change| (false, change)).to_vec();
        // As many acts, so that all that follows happens at the same times.
        let block: Vec<(bool, Change)> = vec![(false, Change::Block), (false, Change::Block), (false, Change::Block)];
        let now = Timestamp::from_micros(1_000);
        let mut seen = Vec::new();
        for turn in [block, open] {
            let story = [before.clone(), turn, after.clone()].concat();
            let ([ana, ben], heard) = play(&story);
            seen.push((ana.shown(now, user(2), &ben), heard));
        }
        // One thing is not as open: who asked them before cannot be answered any more, and that is true of whoever takes a request back.
        prop_assert_eq!(&seen[0], &seen[1]);
    }

    /// Ignoring and avoiding somebody changes nothing of what happens to them, but that their request is not there to be answered.
    #[test]
    fn who_is_ignored_or_avoided_cannot_tell(story in story()) {
        let open: Vec<(bool, Change)> = story
            .iter()
            .filter(|(is_ana, change)| *is_ana || !matches!(change, Change::Accept | Change::Decline))
            .cloned()
            .collect();
        // The same, with nothing in the place of what is secret.
        let without: Vec<(bool, Change)> = open
            .iter()
            .map(|(is_ana, change)| (*is_ana, if !*is_ana && is_secret(change) { Change::Unavoid } else { change.clone() }))
            .collect();
        let now = Timestamp::from_micros(1_000);
        let look = |story: &[(bool, Change)]| {
            let ([ana, ben], heard) = play(story);
            (ana.shown(now, user(2), &ben), heard)
        };
        prop_assert_eq!(look(&open), look(&without));
    }
}

#[test]
fn who_asks_back_accepts() {
    let now = Timestamp::from_micros(1);
    let (mut ana, mut ben) = (Side::default(), Side::default());
    let ask = |is_welcome| Change::Ask { message: Some("hello".into()), is_welcome };
    ask(true).carry_out(now, &mut ana, &mut ben).unwrap();
    assert_eq!(ben.shown(now, user(1), &ana).friendship, Friendship::AskedBy);
    assert_eq!(ben.shown(now, user(1), &ana).message.as_deref(), Some("hello"));
    // Whoever was asked may always answer.
    ask(false).carry_out(now, &mut ben, &mut ana).unwrap();
    assert_eq!(ana.shown(now, user(2), &ben).friendship, Friendship::Friends);
    assert_eq!(ana.shown(now, user(2), &ben).message, None);
}
