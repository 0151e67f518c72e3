//! Rules of relays. That what is relayed arrives is tested over real sockets.

use std::sync::Arc;
use std::time::Duration;

use moothall_protocol::MatchId;
use moothall_protocol::limits::RELAYS_MAX;
use moothall_protocol::matches::Opaque;

use super::*;
use crate::accounts::testing::code;
use crate::testing::{TestHall, on_both_engines};
use crate::topics::{Frame, Reader};
use crate::{Random, SeededRandom, accounts};

/// Hears what the sessions of a user hear.
fn listen(hall: &TestHall, user: UserId, topics: &[Topic]) -> Reader {
    let outbox = hall.hall.topics().outbox(user);
    for topic in topics {
        hall.hall.topics().subscribe(topic.clone(), &outbox);
    }
    let epoch = outbox.restart();
    let first = Event::RelayClosed(ClosedRelay { match_id: hall.server().new_id() });
    let reader = outbox.begin(epoch, Arc::new(Frame::new(None, first))).unwrap();
    reader.take(1).unwrap();
    reader
}

fn heard(reader: &Reader) -> Vec<Event> {
    reader.take(usize::MAX).unwrap().iter().map(|(_, frame)| frame.event().clone()).collect()
}

#[tokio::test]
async fn players_of_a_relay_hear_that_it_opens_and_closes_and_only_its_host_closes_it() {
    on_both_engines(async |hall| {
        let [ana, ben, host] = [hall.user("Ana").await, hall.user("Ben").await, hall.user("Hera").await];
        let ear = listen(hall, ben, &[Topic::User(ben)]);
        let host = hall.call(host, &[accounts::HOST]);
        let opened = open_relay(&host, OpenRelay { user_ids: vec![ben, ana, ben] }).await.unwrap();
        assert_eq!(heard(&ear), [Event::RelayOpened(opened.clone())]);
        let mut players = vec![ana, ben];
        players.sort();
        assert_eq!(opened.user_ids, players, "twice is as once");
        let mine = my_relays(&hall.call(ana, &[]), MyRelays {}).await.unwrap();
        assert_eq!(mine.items, std::slice::from_ref(&opened));

        let close = CloseRelay { match_id: opened.match_id };
        let other = hall.call(ana, &[accounts::HOST]);
        assert_eq!(code(close_relay(&other, close.clone()).await), "not_found");
        let told = listen(hall, ana, &[Topic::Match(opened.match_id)]);
        close_relay(&host, close.clone()).await.unwrap();
        assert_eq!(heard(&told), [Event::RelayClosed(ClosedRelay { match_id: opened.match_id })]);
        assert_eq!(code(close_relay(&host, close).await), "not_found");
        assert!(my_relays(&other, MyRelays {}).await.unwrap().items.is_empty());

        let second = open_relay(&host, OpenRelay { user_ids: vec![ana] }).await.unwrap();
        let staff = hall.call(ben, &[accounts::HOST, MANAGE_RELAYS]);
        close_relay(&staff, CloseRelay { match_id: second.match_id }).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn whoever_is_not_in_a_relay_does_not_learn_of_it() {
    on_both_engines(async |hall| {
        let [ana, eve] = [hall.user("Ana").await, hall.user("Eve").await];
        let host = hall.call(ana, &[accounts::HOST]);
        let opened = open_relay(&host, OpenRelay { user_ids: vec![ana] }).await.unwrap();
        let send = |match_id: MatchId, bytes| Relay { match_id, data: Opaque(vec![7; bytes]), to: None };
        let eve = hall.call(eve, &[]);
        assert_eq!(code(relay(&eve, send(opened.match_id, 1)).await), "not_found");
        assert_eq!(code(relay(&eve, send(eve.new_id(), 1)).await), "not_found");
        relay(&host, send(opened.match_id, RELAY_BYTES_MAX)).await.unwrap();
        assert_eq!(code(relay(&host, send(opened.match_id, RELAY_BYTES_MAX + 1)).await), "invalid");
        let nobody = OpenRelay { user_ids: vec![ana, eve.new_id()] };
        assert_eq!(code(open_relay(&host, nobody).await), "invalid");
    })
    .await;
}

#[test]
fn relays_are_bounded_and_an_unused_one_makes_room() {
    let live = OpenRelays::default();
    let random: Arc<dyn Random> = SeededRandom::from_seed(1);
    let now = moothall_protocol::Timestamp::from_micros(0);
    let make = || OpenedRelay { match_id: random.id(now), user_ids: vec![random.id(now)], opened_at: now };
    let first = make();
    live.open(Duration::ZERO, None, &first).unwrap();
    for _ in 1..RELAYS_MAX {
        live.open(Duration::ZERO, None, &make()).unwrap();
    }
    assert!(live.open(Duration::from_secs(60), None, &make()).is_err());
    let player = first.user_ids[0];
    live.require_member(Duration::from_secs(3_000), first.match_id, player).unwrap();
    live.open(Duration::from_secs(3_600), None, &make()).unwrap();
    assert_eq!(live.of_user(player), [first], "the one in use is kept");
}
