//! What ends with users who are gone.

use moothall_protocol::audit::ListAudit;
use moothall_protocol::relationships::PreviewPurge;

use super::*;
use crate::audit;
use crate::relationships::purge::{preview_by, purge};

const DAY: Duration = Duration::from_secs(24 * 3_600);

fn after_a_year(settings: &mut crate::Settings) {
    settings.relationships.inactive_days = Some(365);
}

/// Ana, who goes on to play, and Ben, who is gone for a year, with whom she has everything one can have.
async fn with_who_is_gone(hall: &TestHall) -> [Cx; 3] {
    let [ana, ben, cy] = people(hall, ["Ana", "Ben", "Cy"]).await;
    befriend(&ana, &ben).await;
    follow(&ana, Follow { user_id: id(&ben) }).await.unwrap();
    follow(&ben, Follow { user_id: id(&ana) }).await.unwrap();
    ignore(&ana, Ignore { user_id: id(&ben) }).await.unwrap();
    note(&ana, NoteRelationship { user_id: id(&ben), note: "plays well".into() }).await.unwrap();
    follow(&cy, Follow { user_id: id(&ben) }).await.unwrap();
    asks(&cy, &ben).await.unwrap();
    blocks(&ben, &cy).await.unwrap();
    asks(&ana, &cy).await.unwrap();
    hall.clock.advance(DAY * 365);
    let now = hall.server().now();
    let here = [id(&ana), id(&cy)];
    hall.server().write(move |tx| accounts::stamp_played(tx, &here, now)).await.unwrap();
    [ana, ben, cy]
}

#[tokio::test]
async fn t072_with_who_is_gone_only_what_costs_nothing_ends() {
    on_both_engines_with(after_a_year, async |hall| {
        let [ana, ben, cy] = with_who_is_gone(hall).await;
        let (of_ana, of_ben) = (Ear::of(hall, &ana), Ear::of(hall, &ben));
        sweep(&hall.server()).await.unwrap();
        let kept = seen(&ana, &ben).await;
        assert!(!kept.is_following && kept.is_follower && kept.is_ignored);
        assert_eq!((kept.friendship, kept.note.as_deref()), (Friendship::Friends, Some("plays well")));
        assert_eq!(seen(&cy, &ben).await.friendship, Friendship::None, "the request is withdrawn");
        assert_eq!(seen(&ana, &cy).await.friendship, Friendship::Asked, "both are here");
        assert!(seen(&ben, &cy).await.is_blocked, "whoever comes back is still safe from them");
        assert_eq!((of_ana.related().len(), of_ben.related().len()), (1, 1));
        let staff = hall.call(hall.user("Stan").await, &[audit::READ]);
        let wanted = ListAudit { action: Some("relationships.purge".into()), ..ListAudit::default() };
        let lines = audit::list(&staff, wanted).await.unwrap().items;
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].after, Some(serde_json::json!({ "follows": 2, "requests": 1 })));
        // Who follows anew does so for another year at least.
        follow(&ana, Follow { user_id: id(&ben) }).await.unwrap();
        hall.clock.advance(DAY * 2);
        sweep(&hall.server()).await.unwrap();
        assert!(seen(&ana, &ben).await.is_following);
    })
    .await;
}

#[tokio::test]
async fn t072_nothing_ends_by_itself_unless_the_operator_says_so_nor_a_moment_too_soon() {
    on_both_engines(async |hall| {
        let [ana, ben, _] = with_who_is_gone(hall).await;
        sweep(&hall.server()).await.unwrap();
        assert!(seen(&ana, &ben).await.is_following);
        assert_eq!(purge(&hall.server(), 366, 2).await.unwrap(), Default::default());
        let ended = purge(&hall.server(), 365, 2).await.unwrap();
        assert_eq!((ended.follows, ended.requests), (2, 1));
    })
    .await;
}

#[tokio::test]
async fn t072_what_would_end_with_who_is_gone_is_counted_beforehand_up_to_a_bound() {
    on_both_engines(async |hall| {
        let [ana, ben, _] = with_who_is_gone(hall).await;
        let staff = hall.call(hall.user("Stan").await, &[PREVIEW]);
        let preview = async |days| preview_purge(&staff, PreviewPurge { days }).await.unwrap();
        let counted = preview(365).await;
        assert_eq!((counted.follows, counted.requests, counted.is_complete), (2, 1, true));
        assert_eq!(preview(366).await.follows, 0);
        assert_eq!(code(preview_purge(&ana, PreviewPurge { days: 365 }).await), "forbidden");
        assert!(seen(&ana, &ben).await.is_following, "nothing ended");
        assert!(!preview_by(&hall.server(), 365, 1).await.unwrap().is_complete);
    })
    .await;
}
