//! Becoming friends, and ceasing to be.

use super::*;

#[tokio::test]
async fn t073_t075_a_request_is_sent_and_accepted_and_both_hear_of_each_step() {
    on_both_engines(async |hall| {
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        let (of_ana, of_ben) = (Ear::of(hall, &ana), Ear::of(hall, &ben));
        let message = Some("  shall we\nplay? ".to_owned());
        let sent = ask(&ana, AskFriend { user_id: id(&ben), message }).await.unwrap();
        assert_eq!((sent.friendship, sent.message.as_deref()), (Friendship::Asked, Some("shall we play?")));
        assert_eq!(of_ana.related(), [sent]);
        let [heard] = of_ben.related().try_into().unwrap();
        assert_eq!(
            (heard.friendship, heard.message.as_deref()),
            (Friendship::AskedBy, Some("shall we play?"))
        );
        assert_eq!(all(&ben, RelationshipKind::RequestsReceived).await, [id(&ana)]);
        assert_eq!(all(&ana, RelationshipKind::RequestsSent).await, [id(&ben)]);
        assert_eq!(code(asks(&ana, &ben).await), "already_requested");
        assert_eq!(code(accepts(&ana, &ben).await), "no_friend_request");

        let friends = accepts(&ben, &ana).await.unwrap();
        assert_eq!((friends.friendship, friends.message.clone()), (Friendship::Friends, None));
        assert_eq!(of_ben.related(), [friends]);
        let [heard] = of_ana.related().try_into().unwrap();
        assert_eq!(heard.friendship, Friendship::Friends);
        for (cx, other) in [(&ana, &ben), (&ben, &ana)] {
            assert_eq!(all(cx, RelationshipKind::Friends).await, [id(other)]);
            assert_eq!(all(cx, RelationshipKind::RequestsReceived).await, []);
            assert_eq!(all(cx, RelationshipKind::RequestsSent).await, []);
        }
        assert_eq!(code(asks(&ana, &ben).await), "already_friends");
        assert_eq!(code(accepts(&ben, &ana).await), "no_friend_request");

        remove(&ben, RemoveFriend { user_id: id(&ana) }).await.unwrap();
        assert_eq!(of_ana.related().pop().unwrap().friendship, Friendship::None);
        assert_eq!(code(remove(&ana, RemoveFriend { user_id: id(&ben) }).await), "not_friends");
    })
    .await;
}

#[tokio::test]
async fn a_request_is_declined_or_taken_back_and_then_it_is_over() {
    on_both_engines(async |hall| {
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        asks(&ana, &ben).await.unwrap();
        let of_ana = Ear::of(hall, &ana);
        decline(&ben, DeclineFriend { user_id: id(&ana) }).await.unwrap();
        assert_eq!(of_ana.related().pop().unwrap().friendship, Friendship::None);
        assert_eq!(code(decline(&ben, DeclineFriend { user_id: id(&ana) }).await), "no_friend_request");
        assert_eq!(code(cancel(&ana, CancelFriend { user_id: id(&ben) }).await), "no_friend_request");
        asks(&ana, &ben).await.unwrap();
        let of_ben = Ear::of(hall, &ben);
        cancel(&ana, CancelFriend { user_id: id(&ben) }).await.unwrap();
        assert_eq!(of_ben.related().pop().unwrap().friendship, Friendship::None);
        assert_eq!(code(accepts(&ben, &ana).await), "no_friend_request");
    })
    .await;
}

#[tokio::test]
async fn two_who_ask_each_other_in_the_same_moment_are_friends() {
    on_both_engines(async |hall| {
        for round in 0..12 {
            let names = [format!("Ana{}", "x".repeat(round + 1)), format!("Ben{}", "x".repeat(round + 1))];
            let [ana, ben] = people(hall, [&names[0], &names[1]]).await;
            let (one, other) = tokio::join!(asks(&ana, &ben), asks(&ben, &ana));
            let shown = [one.unwrap().friendship, other.unwrap().friendship];
            assert!(shown.contains(&Friendship::Friends), "one of the two came second: {shown:?}");
            for (cx, other) in [(&ana, &ben), (&ben, &ana)] {
                assert_eq!(seen(cx, other).await.friendship, Friendship::Friends);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_retry_of_what_two_do_in_one_moment_leaves_no_half_friends() {
    on_both_engines(async |hall| {
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        for _ in 0..6 {
            asks(&ana, &ben).await.unwrap();
            let (accepted, cancelled) =
                tokio::join!(accepts(&ben, &ana), cancel(&ana, CancelFriend { user_id: id(&ben) }));
            assert!(accepted.is_ok() != cancelled.is_ok(), "one of them came first");
            let [one, other] = [seen(&ana, &ben).await.friendship, seen(&ben, &ana).await.friendship];
            assert_eq!(one, other);
            if accepted.is_ok() {
                remove(&ana, RemoveFriend { user_id: id(&ben) }).await.unwrap();
            }
        }
    })
    .await;
}

#[tokio::test]
async fn nobody_has_a_relationship_with_themselves_or_with_nobody() {
    on_both_engines(async |hall| {
        let [ana] = people(hall, ["Ana"]).await;
        assert_eq!(code(asks(&ana, &ana).await), "relationship_with_yourself");
        assert_eq!(code(blocks(&ana, &ana).await), "relationship_with_yourself");
        let nobody = Block { user_id: ana.new_id() };
        assert_eq!(code(block(&ana, nobody).await), "not_found");
        assert_eq!(code(block(&ana, Block { user_id: accounts::SYSTEM }).await), "not_found");
        assert_eq!(code(get(&ana, GetRelationship { user_id: ana.new_id() }).await), "not_found");
        assert_eq!(code(asks(&hall.nobody(), &ana).await), "not_signed_in");
    })
    .await;
}

#[tokio::test]
async fn t066_a_follower_is_told_of_and_is_kept_out_by_who_wants_none() {
    on_both_engines(async |hall| {
        let [ana, ben, cy] = people(hall, ["Ana", "Ben", "Cy"]).await;
        let of_ben = Ear::of(hall, &ben);
        follow(&ana, Follow { user_id: id(&ben) }).await.unwrap();
        assert!(of_ben.related().pop().unwrap().is_follower);
        follow(&ana, Follow { user_id: id(&ben) }).await.unwrap();
        assert_eq!(of_ben.related(), [], "once");
        assert_eq!(all(&ben, RelationshipKind::Followers).await, [id(&ana)]);
        assert_eq!(all(&ana, RelationshipKind::Following).await, [id(&ben)]);
        let friends = Privacy { followers: Circle::Friends, ..Privacy::default() };
        privacy::set(&hall.server(), id(&ben), friends).await;
        assert_eq!(code(follow(&cy, Follow { user_id: id(&ben) }).await), "user_unwelcoming");
        befriend(&cy, &ben).await;
        follow(&cy, Follow { user_id: id(&ben) }).await.unwrap();
        // Who was there before stays, and may go.
        unfollow(&ana, Unfollow { user_id: id(&ben) }).await.unwrap();
        assert_eq!(all(&ben, RelationshipKind::Followers).await, [id(&cy)]);
    })
    .await;
}

#[tokio::test]
async fn who_takes_requests_of_friends_of_nobody_is_not_asked_and_may_ask() {
    on_both_engines(async |hall| {
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        let closed = Privacy { friend_requests: Circle::Nobody, ..Privacy::default() };
        privacy::set(&hall.server(), id(&ben), closed).await;
        assert_eq!(code(asks(&ana, &ben).await), "user_unwelcoming");
        asks(&ben, &ana).await.unwrap();
        assert_eq!(asks(&ana, &ben).await.unwrap().friendship, Friendship::Friends, "ben asked");
    })
    .await;
}

#[tokio::test]
async fn nothing_is_left_of_relationships_with_who_is_erased() {
    on_both_engines(async |hall| {
        let [ana, ben, cy] = people(hall, ["Ana", "Ben", "Cy"]).await;
        befriend(&ana, &ben).await;
        asks(&cy, &ben).await.unwrap();
        blocks(&ben, &cy).await.unwrap();
        note(&ana, NoteRelationship { user_id: id(&ben), note: "plays well".into() }).await.unwrap();
        let staff = hall.call(hall.user("Stan").await, &[accounts::EDIT]);
        let delete = moothall_protocol::accounts::DeleteUser { user_id: id(&ben), reason: "asked".into() };
        accounts::delete_user(&staff, delete).await.unwrap();
        hall.clock.advance(Duration::from_secs(30 * 24 * 3_600));
        let of_ana = Ear::of(hall, &ana);
        accounts::sweep(&hall.server()).await.unwrap();
        let [gone] = of_ana.related().try_into().unwrap();
        assert_eq!((gone.friendship, gone.note), (Friendship::None, None));
        assert_eq!(all(&ana, RelationshipKind::Friends).await, []);
        assert_eq!(all(&cy, RelationshipKind::RequestsSent).await, []);
        assert_eq!(seen(&ana, &ben).await.note, None);
        assert!(reach::friends(&hall.server(), id(&ana)).await.unwrap().is_empty());
        assert_eq!(code(asks(&ana, &ben).await), "not_found");
    })
    .await;
}

#[tokio::test]
async fn whom_very_many_follow_is_forgotten_in_portions() {
    on_both_engines(async |hall| {
        let [star, friend] = people(hall, ["Star", "Friend"]).await;
        let star_id = id(&star);
        befriend(&star, &friend).await;
        let mut fans = Vec::new();
        for n in 0..11 {
            let fan = hall.call(hall.user(&format!("Fan{n}")).await, &[]);
            follow(&fan, Follow { user_id: star_id }).await.unwrap();
            fans.push(fan);
        }
        hall.server().write(move |tx| follow::forget_by(tx, star_id, 4)).await.unwrap();
        let left = async || {
            let others = hall.server().read(move |tx| store::ties(tx, star_id, 100)).await.unwrap();
            others.len()
        };
        for _ in 0..1_000 {
            if left().await == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(left().await, 0);
        for fan in &fans {
            assert_eq!(all(fan, RelationshipKind::Following).await, []);
        }
        assert!(reach::friends(&hall.server(), id(&friend)).await.unwrap().is_empty());
    })
    .await;
}
