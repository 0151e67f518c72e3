//! Who sees what somebody played, by whatever way they ask.

use moothall_protocol::matches::{ListMatches, ReadHeadToHead};
use moothall_protocol::relationships::{AskFriend, Circle};

use crate::accounts::testing::code;
use crate::relationships::{Privacy, privacy};
use crate::testing::on_both_engines;
use crate::{Cx, matches, relationships};

/// What each way to the history of Ana answers.
async fn answers(cx: &Cx, ana: &Cx, other: &Cx) -> [&'static str; 4] {
    let (ana, other) = (ana.user().unwrap(), other.user().unwrap());
    let of = ListMatches { user_id: Some(ana), ..ListMatches::default() };
    let hosted = ListMatches { host_id: Some(ana), ..ListMatches::default() };
    let both = |user_id, other_id| matches::head_to_head(cx, ReadHeadToHead { user_id, other_id });
    [
        code(matches::list(cx, of).await),
        code(matches::list(cx, hosted).await),
        code(both(ana, other).await),
        code(both(other, ana).await),
    ]
}

#[tokio::test]
async fn t077_what_somebody_played_is_seen_by_those_they_let_whichever_way_it_is_asked_for() {
    on_both_engines(async |hall| {
        let [ana, ben, cy] = [hall.user("Ana").await, hall.user("Ben").await, hall.user("Cy").await]
            .map(|user| hall.call(user, &[]));
        let staff = hall.call(hall.user("Mo").await, &[matches::MODERATE]);
        for (cx, other) in [(&ana, &ben), (&ben, &ana)] {
            let ask = AskFriend { user_id: other.user().unwrap(), message: None };
            relationships::ask(cx, ask).await.unwrap();
        }
        assert_eq!(answers(&cy, &ana, &ben).await, ["ok"; 4], "everybody");
        let friends = Privacy { history: Circle::Friends, ..Privacy::default() };
        privacy::set(&hall.server(), ana.user().unwrap(), friends).await;
        for (cx, expected) in [(&cy, "not_found"), (&ben, "ok"), (&ana, "ok"), (&staff, "ok")] {
            assert_eq!(answers(cx, &ana, &ben).await, [expected; 4]);
        }
        let nobody = Privacy { history: Circle::Nobody, ..Privacy::default() };
        privacy::set(&hall.server(), ana.user().unwrap(), nobody).await;
        for (cx, expected) in [(&cy, "not_found"), (&ben, "not_found"), (&ana, "ok"), (&staff, "ok")] {
            assert_eq!(answers(cx, &ana, &ben).await, [expected; 4]);
        }
    })
    .await;
}
