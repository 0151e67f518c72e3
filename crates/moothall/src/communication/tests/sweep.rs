//! Retention: what is removed, and exactly when.

use moothall_protocol::communication::*;

use super::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::test]
async fn t064_messages_go_when_their_days_are_over_and_not_before() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let brief = CreateRoom { retention_days: Some(2), ..room("Brief") };
        let brief = create_room(&two.ana, brief).await.unwrap().id;
        for id in [brief, two.room.id] {
            say(&two.ana, id, "old").await;
        }
        hall.clock.advance(DAY);
        say(&two.ana, brief, "young").await;
        hall.clock.advance(DAY - Duration::from_micros(1));
        sweep(&hall.server()).await.unwrap();
        assert_eq!(all(&two.ana, brief).await, ["old", "young"]);
        hall.clock.advance(Duration::from_micros(1));
        sweep(&hall.server()).await.unwrap();
        assert_eq!(all(&two.ana, brief).await, ["young"]);
        assert_eq!(all(&two.ana, two.room.id).await, ["old"], "no retention was set for this one");
        let input = ReadHistory { room_id: brief, before: None, after: None, around: None, limit: None };
        assert_eq!(history(&two.ana, input).await.unwrap().before, None, "the history begins here now");
        assert_eq!(say(&two.ana, brief, "next").await.seq, 3, "a number is never used again");
    })
    .await;
}

#[tokio::test]
async fn more_than_a_batch_goes_in_one_sweep_and_the_servers_days_hold_for_all_rooms() {
    let short = |settings: &mut crate::Settings| settings.communication.retention_days = Some(1);
    on_both_engines_with(short, async |hall| {
        let two = two(hall).await;
        for n in 0..25 {
            say(&two.ana, two.room.id, &n.to_string()).await;
        }
        hall.clock.advance(DAY);
        sweep_by(&hall.server(), 10).await.unwrap();
        assert!(all(&two.ana, two.room.id).await.is_empty());
        assert_eq!(unread(&two.ben, ReadUnread {}).await.unwrap(), Unread::default());
    })
    .await;
}

#[tokio::test]
async fn old_versions_go_after_their_days() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let said = say(&two.ana, two.room.id, "first").await;
        let input = DeleteMessage { room_id: said.room_id, message_id: said.id, reason: None };
        delete(&two.ana, input).await.unwrap();
        let staff = hall.call(hall.user("Cem").await, &[READ_VERSIONS]);
        let versions = async || {
            let input = ReadVersions { room_id: said.room_id, message_id: said.id, reason: "x".into() };
            read_versions(&staff, input).await.unwrap().versions.len()
        };
        sweep(&hall.server()).await.unwrap();
        assert_eq!(versions().await, 1);
        hall.clock.advance(DAY * 90);
        sweep(&hall.server()).await.unwrap();
        assert_eq!(versions().await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_room_that_stays_empty_is_archived_and_its_name_is_free() {
    on_both_engines(async |hall| {
        let two = two(hall).await;
        let left = create_room(&two.ana, room("Left")).await.unwrap().id;
        leave(&two.ana, LeaveRoom { room_id: left }).await.unwrap();
        hall.clock.advance(DAY * 30 - Duration::from_micros(1));
        sweep(&hall.server()).await.unwrap();
        let read = async |id| get_room(&two.ben, GetRoom { room_id: id }).await.unwrap().archived_at;
        assert_eq!(read(left).await, None, "somebody may still come");
        hall.clock.advance(Duration::from_micros(1));
        sweep(&hall.server()).await.unwrap();
        assert_eq!(read(left).await, Some(hall.server().now()));
        assert_eq!(read(two.room.id).await, None, "silent, but not empty");
        let again = create_room(&two.ben, room("Left")).await.unwrap();
        assert_ne!(again.id, left);
        let joining = join(&two.ben, JoinRoom { room_id: left }).await;
        assert!(matches!(joining, Err(Error::Archived)));
    })
    .await;
}
