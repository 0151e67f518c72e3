//! Reading relationships.

use super::*;

#[tokio::test]
async fn t065_t067_every_kind_stands_beside_every_other_and_is_listed() {
    on_both_engines(async |hall| {
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        let user_id = id(&ben);
        befriend(&ana, &ben).await;
        follow(&ana, Follow { user_id }).await.unwrap();
        ignore(&ana, Ignore { user_id }).await.unwrap();
        avoid(&ana, Avoid { user_id }).await.unwrap();
        note(&ana, NoteRelationship { user_id, note: "an old friend".into() }).await.unwrap();
        let both = seen(&ana, &ben).await;
        assert_eq!(both.friendship, Friendship::Friends);
        assert!(both.is_following && both.is_ignored && both.is_avoided && !both.is_blocked);
        assert_eq!(both.note.as_deref(), Some("an old friend"));
        let of_ben = seen(&ben, &ana).await;
        assert!(of_ben.is_follower && !of_ben.is_ignored && !of_ben.is_avoided && of_ben.note.is_none());
        for kind in [
            RelationshipKind::Friends,
            RelationshipKind::Following,
            RelationshipKind::Ignored,
            RelationshipKind::Avoided,
        ] {
            assert_eq!(all(&ana, kind).await, [user_id], "{kind:?}");
        }
        block(&ana, Block { user_id }).await.unwrap();
        assert_eq!(all(&ana, RelationshipKind::Blocked).await, [user_id]);
        for kind in [RelationshipKind::Friends, RelationshipKind::Following] {
            assert_eq!(all(&ana, kind).await, [], "{kind:?}");
        }
        // All of it is kept, and all of it can be taken back.
        hall.restart().await;
        let ana = hall.call(id(&ana), &[]);
        assert!(seen(&ana, &ben).await.is_blocked);
        unignore(&ana, Unignore { user_id }).await.unwrap();
        unavoid(&ana, Unavoid { user_id }).await.unwrap();
        unblock(&ana, Unblock { user_id }).await.unwrap();
        let nothing = note(&ana, NoteRelationship { user_id, note: " ".into() }).await.unwrap();
        assert_eq!(nothing, Side::default().shown(hall.server().now(), user_id, &Side::default()));
    })
    .await;
}

#[tokio::test]
async fn a_list_is_read_in_pages_and_several_are_read_at_once() {
    on_both_engines(async |hall| {
        let [ana] = people(hall, ["Ana"]).await;
        let mut friends = Vec::new();
        for number in 0..7 {
            hall.clock.advance(Duration::from_millis(1));
            let [other] = people(hall, [&format!("Friend{}", "x".repeat(number + 1))]).await;
            befriend(&other, &ana).await;
            friends.push(other);
        }
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let wanted = ListRelationships { kind: RelationshipKind::Friends, cursor, limit: Some(3) };
            let page = list(&ana, wanted).await.unwrap();
            assert!(page.items.iter().all(|item| item.user.name.starts_with("Friend")));
            found.extend(page.items.into_iter().map(|item| item.user.id));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let ids: Vec<UserId> = friends.iter().map(id).collect();
        assert_eq!(found, ids);
        let stranger = hall.user("Stranger").await;
        let user_ids = [ids.clone(), vec![stranger, ana.new_id(), id(&ana)]].concat();
        let several = read(&ana, ReadRelationships { user_ids }).await.unwrap().items;
        let shown: Vec<(UserId, bool)> =
            several.iter().map(|one| (one.user_id, one.friendship == Friendship::Friends)).collect();
        let expected: Vec<(UserId, bool)> =
            ids.into_iter().map(|friend| (friend, true)).chain([(stranger, false)]).collect();
        assert_eq!(shown, expected);
    })
    .await;
}

#[tokio::test]
async fn somebody_is_found_by_their_address_by_those_they_let_find_them() {
    on_both_engines(async |hall| {
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        let finds = async |cx: &Cx, email: &str| {
            let found = find_by_email(cx, FindByEmail { email: email.into() }).await;
            found.map(|user| user.id).map_err(|error| code::<(), _>(Err(error)))
        };
        assert_eq!(finds(&ana, "ben@example.org").await, Err("not_found"), "nobody, if they say nothing");
        assert_eq!(finds(&ana, "nobody@example.org").await, Err("not_found"));
        assert_eq!(finds(&ana, "no address").await, Err("invalid"));
        let open = Privacy { find_by_email: Circle::Everybody, ..Privacy::default() };
        privacy::set(&hall.server(), id(&ben), open).await;
        assert_eq!(finds(&ana, "Ben@Example.org").await, Ok(id(&ben)));
        blocks(&ben, &ana).await.unwrap();
        assert_eq!(finds(&ana, "Ben@example.org").await, Ok(id(&ben)), "as by any stranger");
    })
    .await;
}

#[tokio::test]
async fn friends_read_what_a_user_keeps_for_friends() {
    on_both_engines(async |hall| {
        use moothall_protocol::accounts::{Audience, GetExtra, PutExtra};
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        let (user_id, key) = (id(&ana), "motto".to_owned());
        let value = serde_json::json!("onwards");
        let input = PutExtra {
            user_id,
            key: key.clone(),
            audience: Some(Audience::Friends),
            value,
            if_version: None,
            reason: None,
        };
        accounts::put_extra(&ana, input).await.unwrap();
        let read = async || code(accounts::get_extra(&ben, GetExtra { user_id, key: key.clone() }).await);
        assert_eq!(read().await, "not_found");
        befriend(&ana, &ben).await;
        assert_eq!(read().await, "ok");
        blocks(&ana, &ben).await.unwrap();
        assert_eq!(read().await, "not_found");
    })
    .await;
}
