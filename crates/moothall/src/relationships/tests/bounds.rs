//! How many of each kind there may be, and what ends by itself.

use super::*;

/// Settings with room for two of everything.
fn two(settings: &mut crate::Settings) {
    settings.relationships = Settings {
        friends_max: 2,
        requests_max: 2,
        followed_max: 2,
        ignored_max: 2,
        avoided_max: 2,
        blocked_max: 2,
        notes_max: 2,
        ..Settings::default()
    };
}

#[tokio::test]
async fn t068_each_kind_has_its_bound_and_its_own_refusal() {
    on_both_engines_with(two, async |hall| {
        let [ana, ben, cy, dan] = people(hall, ["Ana", "Ben", "Cy", "Dan"]).await;
        for (number, other) in [&ben, &cy, &dan].into_iter().enumerate() {
            let user_id = id(other);
            let codes = [
                code(follow(&ana, Follow { user_id }).await),
                code(ignore(&ana, Ignore { user_id }).await),
                code(avoid(&ana, Avoid { user_id }).await),
                code(note(&ana, NoteRelationship { user_id, note: "x".into() }).await),
                code(asks(&ana, other).await),
                code(blocks(&ana, other).await),
            ];
            let refused = [
                "too_many_followed",
                "too_many_ignored",
                "too_many_avoided",
                "too_many_player_notes",
                "too_many_friend_requests",
                "too_many_blocked",
            ];
            // A block takes the request back and unfollows: there is room again.
            let expected = if number < 2 { ["ok"; 6] } else { refused };
            for (code, expected) in codes.iter().zip(expected) {
                let makes_room = matches!(expected, "too_many_followed" | "too_many_friend_requests");
                assert_eq!(*code, if makes_room { "ok" } else { expected });
            }
        }
        // What is refused is not there, and what one has stays as it is.
        assert!(!seen(&ana, &dan).await.is_blocked);
        assert_eq!(code(ignore(&ana, Ignore { user_id: id(&ben) }).await), "ok");
        unignore(&ana, Unignore { user_id: id(&ben) }).await.unwrap();
        ignore(&ana, Ignore { user_id: id(&dan) }).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn t073_both_sides_have_room_for_a_friend_or_none_is_made() {
    on_both_engines_with(two, async |hall| {
        let [ana, ben, cy, dan, eve] = people(hall, ["Ana", "Ben", "Cy", "Dan", "Eve"]).await;
        befriend(&ana, &ben).await;
        befriend(&ana, &cy).await;
        asks(&ana, &dan).await.unwrap();
        asks(&eve, &ana).await.unwrap();
        assert_eq!(code(accepts(&dan, &ana).await), "their_friends_full");
        assert_eq!(code(accepts(&ana, &eve).await), "too_many_friends");
        assert_eq!(seen(&dan, &ana).await.friendship, Friendship::AskedBy, "it waits");
        remove(&ana, RemoveFriend { user_id: id(&ben) }).await.unwrap();
        accepts(&dan, &ana).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn requests_to_one_user_have_a_bound_that_those_they_do_not_hear_do_not_fill() {
    on_both_engines_with(two, async |hall| {
        let [ana, ben, cy, dan, eve] = people(hall, ["Ana", "Ben", "Cy", "Dan", "Eve"]).await;
        blocks(&ana, &eve).await.unwrap();
        asks(&eve, &ana).await.unwrap();
        asks(&ben, &ana).await.unwrap();
        asks(&cy, &ana).await.unwrap();
        assert_eq!(code(asks(&dan, &ana).await), "their_friend_requests_full");
        // Who is blocked is told the same.
        cancel(&eve, CancelFriend { user_id: id(&ana) }).await.unwrap();
        assert_eq!(code(asks(&eve, &ana).await), "their_friend_requests_full");
        decline(&ana, DeclineFriend { user_id: id(&ben) }).await.unwrap();
        asks(&eve, &ana).await.unwrap();
        asks(&dan, &ana).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn t071_who_is_avoided_counts_after_a_while_and_until_it_ends() {
    on_both_engines(async |hall| {
        let [ana, ben, cy] = people(hall, ["Ana", "Ben", "Cy"]).await;
        let until = avoid(&ana, Avoid { user_id: id(&ben) }).await.unwrap().avoided_until.unwrap();
        let all_three = [id(&ana), id(&ben), id(&cy)];
        let server = hall.server();
        let counted = async || server.read(move |tx| avoided(tx, &all_three)).await.unwrap();
        assert_eq!(counted().await, [], "nobody is avoided for the next game alone");
        hall.clock.advance(Duration::from_secs(2 * 3_600));
        assert_eq!(counted().await, [(id(&ana), id(&ben))]);
        avoid(&cy, Avoid { user_id: id(&ana) }).await.unwrap();
        hall.clock.advance(Duration::from_secs(2 * 3_600));
        assert_eq!(counted().await, [(id(&ana), id(&ben)), (id(&cy), id(&ana))], "the longest first");
        // Avoiding anew goes on from there.
        let again = avoid(&ana, Avoid { user_id: id(&ben) }).await.unwrap().avoided_until.unwrap();
        assert!(again > until);
        assert_eq!(counted().await.len(), 2);
        hall.clock.advance(again.since(hall.server().now()));
        assert_eq!(all(&ana, RelationshipKind::Avoided).await, []);
        assert!(!seen(&ana, &ben).await.is_avoided);
        assert_eq!(counted().await, []);
        sweep(&server).await.unwrap();
        assert_eq!(seen(&ana, &ben).await.avoided_until, None);
    })
    .await;
}

#[tokio::test]
async fn t069_who_is_blocked_is_avoided_for_as_long_as_that() {
    on_both_engines(async |hall| {
        let [ana, ben, cy] = people(hall, ["Ana", "Ben", "Cy"]).await;
        blocks(&ana, &ben).await.unwrap();
        let all_three = [id(&ana), id(&ben), id(&cy)];
        let server = hall.server();
        let counted = async || server.read(move |tx| avoided(tx, &all_three)).await.unwrap();
        assert_eq!(counted().await, [], "nobody is blocked for the next game alone");
        hall.clock.advance(Duration::from_secs(3_600));
        avoid(&cy, Avoid { user_id: id(&ana) }).await.unwrap();
        // What is both counts once, from when the first of them was.
        avoid(&ana, Avoid { user_id: id(&ben) }).await.unwrap();
        hall.clock.advance(Duration::from_secs(3_600));
        assert_eq!(counted().await, [(id(&ana), id(&ben))]);
        hall.clock.advance(Duration::from_secs(3_600));
        assert_eq!(counted().await, [(id(&ana), id(&ben)), (id(&cy), id(&ana))]);
        // Avoiding ends by itself, blocking does not.
        hall.clock.advance(Duration::from_secs(90 * 24 * 3_600));
        assert_eq!(counted().await, [(id(&ana), id(&ben))]);
        sweep(&server).await.unwrap();
        assert_eq!(counted().await, [(id(&ana), id(&ben))]);
        unblock(&ana, Unblock { user_id: id(&ben) }).await.unwrap();
        assert_eq!(counted().await, []);
    })
    .await;
}
