//! The rule alone: whoever asks what, of whomever. Every way there is, in a running hall, stands in `leaks.rs`.

mod contact;
mod leaks;

use moothall_protocol::relationships::Circle as Who;
use proptest::prelude::*;

use super::*;

const SECRETS: [Tie; 2] = [Tie::IGNORED_BY, Tie::BLOCKED_BY];

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

/// Whether it looks to who asks as if they reached the other one.
fn looks(reach: Reach) -> bool {
    reach != Reach::No
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn who_is_blocked_reaches_nobody_by_any_way(privacy in privacy(), played in any::<bool>(), ignored in any::<bool>()) {
        let tie = if ignored { Tie::BLOCKED_BY.and(Tie::IGNORED_BY) } else { Tie::BLOCKED_BY };
        for how in How::ALL.into_iter().filter(|how| *how != How::SeeHistory) {
            prop_assert_ne!(decide(how, tie, &privacy, played), Reach::Yes, "{:?}", how);
            prop_assert_ne!(decide(how, tie, &privacy, played), Reach::Held, "{:?}", how);
        }
        // And neither does who blocks.
        for how in How::ALL.into_iter().filter(|how| !matches!(how, How::SeeHistory | How::FindByEmail)) {
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

    /// What can be done without the other one's help looks the same whether they block and ignore, or not.
    #[test]
    fn no_answer_tells_of_a_block(privacy in privacy(), played in any::<bool>(), tie in open_tie()) {
        for secret in SECRETS {
            for how in [How::Write, How::Mention, How::Invite, How::Ask, How::Follow, How::SeeHistory] {
                let (open, shut) = (decide(how, tie, &privacy, played), decide(how, tie.and(secret), &privacy, played));
                prop_assert_eq!(looks(open), looks(shut), "{:?} {:?}", how, secret);
            }
        }
    }

    /// What cannot looks as it does for a user who lets nobody do it: as if offline, or not to be found.
    #[test]
    fn what_is_refused_for_a_block_is_refused_as_by_who_lets_nobody(privacy in privacy(), played in any::<bool>()) {
        let blocked = [How::Bring, How::SeePresence, How::FindByEmail].map(|how| decide(how, Tie::BLOCKED_BY, &privacy, played));
        let nobody = Privacy { invites: Who::Nobody, presence: Who::Nobody, find_by_email: Who::Nobody, ..privacy };
        let shut = [How::Bring, How::SeePresence, How::FindByEmail].map(|how| decide(how, Tie::default(), &nobody, played));
        prop_assert_eq!(blocked, shut);
    }

    #[test]
    fn avoiding_and_what_a_user_lets_others_do_is_the_only_other_reason(privacy in privacy(), played in any::<bool>()) {
        for how in How::ALL {
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
