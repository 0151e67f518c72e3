//! The rule alone: whoever asks what, of whomever. Every way there is, in a running hall, stands in `leaks.rs`.

mod contact;
mod history;
mod leaks;
mod restricted;

use moothall_protocol::relationships::Circle as Who;
use proptest::prelude::*;

use super::*;

/// What somebody may secretly make of another. A block ends a friendship, which shows.
fn secrets(open: Tie) -> Vec<Tie> {
    let all = [Tie::default(), Tie::IGNORED_BY, Tie::BLOCKED_BY, Tie::IGNORED_BY.and(Tie::BLOCKED_BY)];
    all.into_iter().filter(|secret| !(open.has(Tie::FRIEND) && secret.has(Tie::BLOCKED_BY))).collect()
}

fn who() -> impl Strategy<Value = Who> {
    prop_oneof![Just(Who::Nobody), Just(Who::Friends), Just(Who::Played), Just(Who::Everybody)]
}

fn privacy() -> impl Strategy<Value = Privacy> {
    (proptest::array::uniform7(who()), any::<[bool; 2]>()).prop_map(|(who, flags)| Privacy {
        messages: who[0],
        invites: who[1],
        friend_requests: who[2],
        followers: who[3],
        presence: who[4],
        history: who[5],
        find_by_email: who[6],
        message_requests: flags[0],
        hide_lobbies_of_blocked: flags[1],
    })
}

/// What one is to another openly: friends, or nothing.
fn open_tie() -> impl Strategy<Value = Tie> {
    prop_oneof![Just(Tie::default()), Just(Tie::FRIEND)]
}

/// What the one who asks made of the other.
fn own_tie() -> impl Strategy<Value = Tie> {
    prop_oneof![Just(Tie::default()), Just(Tie::IGNORES), Just(Tie::BLOCKS)]
}

/// What relationships have no part in: it is there for any stranger, and so for whoever makes a second account.
fn is_as_to_strangers(how: How) -> bool {
    matches!(how, How::SeeHistory | How::FindByEmail)
}

/// Whether it looks to who asks as if they reached the other one.
fn looks(reach: Reach) -> bool {
    reach != Reach::No
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn who_is_blocked_reaches_nobody_by_any_way(privacy in privacy(), played in any::<bool>(), ignored in any::<bool>()) {
        let tie = if ignored { Tie::BLOCKED_BY.and(Tie::IGNORED_BY) } else { Tie::BLOCKED_BY };
        for how in How::ALL.into_iter().filter(|how| !is_as_to_strangers(*how)) {
            prop_assert_ne!(decide(how, tie, &privacy, played), Reach::Yes, "{:?}", how);
            prop_assert_ne!(decide(how, tie, &privacy, played), Reach::Held, "{:?}", how);
        }
        // And neither does who blocks.
        for how in How::ALL.into_iter().filter(|how| !is_as_to_strangers(*how)) {
            prop_assert_eq!(decide(how, Tie::BLOCKS, &privacy, played), Reach::No, "{:?}", how);
        }
    }

    #[test]
    fn who_is_ignored_is_not_heard(privacy in privacy(), played in any::<bool>(), tie in open_tie()) {
        for how in [How::Write, How::Mention, How::Ask] {
            let reach = decide(how, tie.and(Tie::IGNORED_BY), &privacy, played);
            prop_assert!(matches!(reach, Reach::Silent | Reach::No), "{:?}", how);
        }
    }

    /// Whatever the other one keeps to themselves, every way answers alike: so do all of them together, and who compares them learns nothing.
    #[test]
    fn no_answers_tell_what_the_other_one_keeps_to_themselves(
        privacy in privacy(), played in any::<bool>(), open in open_tie(), own in own_tie(),
    ) {
        let own = if own.has(Tie::BLOCKS) && open.has(Tie::FRIEND) { Tie::default() } else { own };
        let answers = |secret: Tie| How::ALL.map(|how| looks(decide(how, open.and(own).and(secret), &privacy, played)));
        for secret in secrets(open) {
            prop_assert_eq!(answers(Tie::default()), answers(secret), "{:?} of {:?}", secret, How::ALL);
        }
    }

    /// Who is brought in without being asked is a friend.
    #[test]
    fn only_friends_bring_somebody_in(privacy in privacy(), played in any::<bool>()) {
        prop_assert_eq!(decide(How::Bring, Tie::default(), &privacy, played), Reach::No);
        let friend = decide(How::Bring, Tie::FRIEND, &privacy, played);
        prop_assert_eq!(friend == Reach::Yes, privacy.invites != Who::Nobody);
    }

    #[test]
    fn avoiding_and_what_a_user_lets_others_do_is_the_only_other_reason(privacy in privacy(), played in any::<bool>()) {
        for how in How::ALL.into_iter().filter(|how| *how != How::Bring) {
            let allowed = how.allowed(&privacy);
            let stranger = decide(how, Tie::default(), &privacy, played);
            let expected = allowed == Who::Everybody || (allowed == Who::Played && played);
            prop_assert_eq!(stranger == Reach::Yes, expected, "{:?}", how);
            prop_assert_eq!(stranger == Reach::Held, how == How::Write && !expected && privacy.message_requests);
            let friend = decide(how, Tie::FRIEND, &privacy, false);
            prop_assert_eq!(friend == Reach::Yes, allowed != Who::Nobody, "{:?}", how);
        }
    }
}
