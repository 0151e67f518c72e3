//! The room in which the players of a match talk.

use moothall_protocol::RoomId;
use moothall_protocol::communication::{ReadHistory, SendMessage};

use super::*;
use crate::communication as chat;

async fn say(cx: &Cx, room_id: RoomId, text: &str) -> Result<(), chat::Error> {
    let text = text.to_owned();
    let message =
        SendMessage { room_id, text, attachments: Vec::new(), reply_to: None, mentions: Vec::new() };
    chat::send(cx, message).await.map(drop)
}

async fn heard(cx: &Cx, room_id: RoomId) -> Vec<String> {
    let input = ReadHistory { room_id, before: None, after: None, around: None, limit: None };
    let history = chat::history(cx, input).await.unwrap();
    history.items.into_iter().map(|message| message.text).collect()
}

fn code(outcome: Result<(), chat::Error>) -> &'static str {
    outcome.map_or_else(|error| error.code(), |()| "ok")
}

#[tokio::test]
async fn t055_players_talk_among_themselves_until_their_match_is_over() {
    on_both_engines(async |hall| {
        let [ana, ben, cy] = people(hall, ["Ana", "Ben", "Cy"]).await;
        let seats = vec![seat(&ana, Some(1)), seat(&ben, Some(2)), seat(&cy, None)];
        let match_id = begun(hall, beginning(&hall.server(), &ana, HostKind::Player, seats)).await;
        goes(&ana, match_id).await;
        let room = read(&ana, match_id).await.room_id;
        say(&ana, room, "good luck").await.unwrap();
        assert_eq!(code(say(&cy, room, "go red").await), "not_found", "who watches is not in it");
        // Who sits down plays from then on, and hears what was said.
        let seats = vec![seat(&ana, Some(1)), seat(&ben, Some(2)), seat(&cy, Some(1))];
        crate::matches::seat(&hall.hall, match_id, 8, seats).await;
        crate::matches::rooms::settled(&hall.hall, match_id).await;
        assert_eq!(heard(&cy, room).await, ["good luck"]);
        hall.restart().await;
        let [ana, ben] = [&ana, &ben].map(|user| hall.call(id(user), &[]));
        say(&ben, room, "you too").await.unwrap();
        assert_eq!(heard(&ana, room).await, ["good luck", "you too"]);
        end(&ana, EndMatch { match_id }).await.unwrap();
        assert_eq!(code(say(&ben, room, "again?").await), "not_found", "nobody is in it any more");
    })
    .await;
}

#[tokio::test]
async fn a_room_that_a_crash_kept_from_closing_is_told_when_the_server_starts() {
    on_both_engines(async |hall| {
        let [ana, ben] = people(hall, ["Ana", "Ben"]).await;
        let match_id = duel(hall, &ana, HostKind::Player, [&ana, &ben]).await;
        let open = async |hall: &TestHall| {
            let first = MatchId::from_uuid(uuid::Uuid::nil());
            hall.server().read(move |tx| store::with_room(tx, first, 10)).await.unwrap()
        };
        assert_eq!(open(hall).await, [match_id]);
        end(&ana, EndMatch { match_id }).await.unwrap();
        assert_eq!(open(hall).await, []);
        hall.server().write(move |tx| store::reopen_room(tx, match_id)).await.unwrap();
        hall.restart().await;
        for _ in 0..2_000 {
            if open(hall).await.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("its room is still open");
    })
    .await;
}
