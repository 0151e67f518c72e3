//! What live sessions see and hear of others by themselves.

use moothall_protocol::connections::{
    Disconnect, GetPresence, Presence, Ready, UpdatePresence, WatchPresence,
};
use moothall_protocol::limits::PRESENCE_BATCH_MS;

use super::*;
use crate::accounts::testing::{self as people, with_accounts};
use crate::connections::{self, Stream};
use crate::snapshot;

/// A client that keeps what it is told of how others stand.
struct Client {
    cx: Cx,
    stream: Stream,
    ready: Box<Ready>,
}

impl Client {
    async fn new(hall: &TestHall) -> Self {
        let signed_in = people::sign_up_guest(&hall.hall).await;
        Self::open(people::call(&hall.hall, &signed_in).await).await
    }

    async fn open(cx: Cx) -> Self {
        let mut stream = snapshot::open(&cx, None).await.unwrap();
        let (_, first) = stream.take(1).unwrap().remove(0);
        let (Event::SessionReady(ready) | Event::SessionStale(ready)) = first.event() else {
            panic!("{first:?}")
        };
        Self { ready: ready.clone(), cx, stream }
    }

    fn heard(&mut self) -> Vec<Event> {
        let taken = self.stream.take(usize::MAX).unwrap();
        taken.into_iter().map(|(_, frame)| frame.event().clone()).collect()
    }

    /// How the watched changed, with the versions.
    fn changed(&mut self) -> Vec<(u64, Vec<Presence>)> {
        let changed = self.heard().into_iter().filter_map(|event| match event {
            Event::PresenceChanged(changed) => Some((changed.version, changed.users)),
            _ => None,
        });
        changed.collect()
    }

    /// What comes within a tick or a few of them.
    async fn told(&mut self, hall: &TestHall) -> Vec<(u64, Vec<Presence>)> {
        for _ in 0..4 {
            // The task must have begun to wait for its tick before the clock moves.
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            hall.clock.advance(Duration::from_millis(PRESENCE_BATCH_MS as u64));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.changed()
    }

    fn online(&self) -> Vec<UserId> {
        self.ready.friends.online.iter().map(|presence| presence.user_id).collect()
    }
}

#[tokio::test]
async fn t074_a_session_begins_with_friends_and_how_they_stand_and_hears_of_changes() {
    with_accounts(async |hall| {
        let (ana, ben, cy) = (Client::new(hall).await, Client::new(hall).await, Client::new(hall).await);
        befriend(&ana.cx, &ben.cx).await;
        asks(&cy.cx, &ana.cx).await.unwrap();
        let mut ana = Client::open(ana.cx).await;
        let friends: Vec<UserId> = ana.ready.friends.friends.iter().map(|friend| friend.user.id).collect();
        let requests: Vec<UserId> = ana.ready.friends.requests.iter().map(|friend| friend.user.id).collect();
        assert_eq!((friends, requests), (vec![id(&ben.cx)], vec![id(&cy.cx)]));
        assert_eq!(ana.online(), [id(&ben.cx)]);
        let change = UpdatePresence { text: Some("in a good mood".into()), ..UpdatePresence::default() };
        connections::update_presence(&ben.cx, change).await.unwrap();
        let told = ana.told(hall).await;
        let [(2, users)] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(users[0].text.as_deref(), Some("in a good mood"));

        // A new friend is watched from the first moment on, and a lost one no longer.
        accepts(&ana.cx, &cy.cx).await.unwrap();
        let told = ana.told(hall).await;
        let [(3, users)] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((users[0].user_id, users[0].is_online), (id(&cy.cx), true));
        remove(&ana.cx, RemoveFriend { user_id: id(&ben.cx) }).await.unwrap();
        connections::disconnect(&ben.cx, Disconnect {}).await.unwrap();
        connections::disconnect(&cy.cx, Disconnect {}).await.unwrap();
        let told = ana.told(hall).await;
        let [(4, users)] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((users.len(), users[0].user_id, users[0].is_online), (1, id(&cy.cx), false));
    })
    .await;
}

#[tokio::test]
async fn who_is_blocked_sees_the_other_one_go_like_anybody_who_goes_and_nobody_else_does() {
    with_accounts(async |hall| {
        let (mut ana, ben, mut cy) =
            (Client::new(hall).await, Client::new(hall).await, Client::new(hall).await);
        let user_id = id(&ben.cx);
        for client in [&ana, &cy] {
            let watch =
                connections::watch(&client.cx, WatchPresence { user_ids: vec![user_id] }).await.unwrap();
            assert!(watch.users[0].is_online);
        }
        blocks(&ben.cx, &ana.cx).await.unwrap();
        let seen = async |client: &Client| {
            connections::get_presence(&client.cx, GetPresence { user_id }).await.unwrap().is_online
        };
        assert_eq!((seen(&ana).await, seen(&cy).await), (false, true));
        let told = ana.told(hall).await;
        let [(2, users)] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((users[0].user_id, users[0].is_online), (user_id, false));
        // The others who watch the same are told nothing.
        assert_eq!(cy.changed(), []);
        // What he does from now on is told to them alone.
        let change = UpdatePresence { text: Some("alone".into()), ..UpdatePresence::default() };
        connections::update_presence(&ben.cx, change).await.unwrap();
        assert_eq!(ana.told(hall).await, []);
        let told = cy.changed();
        assert!(told.iter().any(|(_, users)| users.iter().any(|user| user.text.as_deref() == Some("alone"))));
        // Who is gone is gone for everybody, and nothing tells that a block ended meanwhile.
        connections::disconnect(&ben.cx, Disconnect {}).await.unwrap();
        cy.told(hall).await;
        ana.changed();
        unblock(&ben.cx, Unblock { user_id: id(&ana.cx) }).await.unwrap();
        blocks(&ben.cx, &ana.cx).await.unwrap();
        unblock(&ben.cx, Unblock { user_id: id(&ana.cx) }).await.unwrap();
        assert_eq!(ana.told(hall).await, []);
    })
    .await;
}

#[tokio::test]
async fn what_hides_from_a_session_moves_neither_its_events_nor_its_versions() {
    with_accounts(async |hall| {
        let (ana, mut eve) = (Client::new(hall).await, Client::new(hall).await);
        let (ben, cy) = (Client::new(hall).await, Client::new(hall).await);
        let nobody = Privacy { presence: Circle::Nobody, ..Privacy::default() };
        privacy::set(&hall.server(), id(&cy.cx), nobody.clone()).await;
        befriend(&ana.cx, &cy.cx).await;
        blocks(&ben.cx, &ana.cx).await.unwrap();
        let mut ana = Client::open(ana.cx).await;
        let all = || WatchPresence { user_ids: vec![id(&ben.cx), id(&cy.cx)] };
        let seen = connections::watch(&ana.cx, all()).await.unwrap();
        connections::watch(&eve.cx, all()).await.unwrap();
        assert!(seen.version == 1 && seen.users.iter().all(|user| !user.is_online));
        for text in ["one", "two"] {
            for other in [&ben, &cy] {
                let change = UpdatePresence { text: Some(text.into()), ..UpdatePresence::default() };
                connections::update_presence(&other.cx, change).await.unwrap();
            }
            assert_eq!(ana.told(hall).await, []);
        }
        assert!(!eve.changed().is_empty());
        assert_eq!(connections::watch(&ana.cx, all()).await.unwrap(), seen);
        // Nor does a friend who is new, and is there.
        let dee = Client::new(hall).await;
        privacy::set(&hall.server(), id(&dee.cx), nobody).await;
        befriend(&ana.cx, &dee.cx).await;
        assert_eq!(ana.told(hall).await, []);
        // What she sees from here on comes next, in either watch.
        privacy::set(&hall.server(), id(&dee.cx), Privacy::default()).await;
        let told = ana.told(hall).await;
        let [(2, users)] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((ana.ready.friends.version, users[0].user_id), (1, id(&dee.cx)));
        unblock(&ben.cx, Unblock { user_id: id(&ana.cx) }).await.unwrap();
        let told = ana.told(hall).await;
        let [(2, users)] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((users[0].user_id, users[0].text.as_deref()), (id(&ben.cx), Some("two")));
    })
    .await;
}

#[tokio::test]
async fn what_a_user_lets_others_see_holds_for_those_who_watch_already() {
    with_accounts(async |hall| {
        let (mut ana, ben) = (Client::new(hall).await, Client::new(hall).await);
        let user_id = id(&ben.cx);
        let watch = connections::watch(&ana.cx, WatchPresence { user_ids: vec![user_id] }).await.unwrap();
        assert!(watch.users[0].is_online);
        for (who, is_online) in [(Circle::Friends, false), (Circle::Everybody, true), (Circle::Nobody, false)]
        {
            let shown = Privacy { presence: who, ..Privacy::default() };
            privacy::set(&hall.server(), user_id, shown).await;
            let told = ana.told(hall).await;
            let users: Vec<bool> =
                told.iter().flat_map(|(_, users)| users).map(|user| user.is_online).collect();
            assert_eq!(users, [is_online], "{who:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_without_friends_costs_no_watch_and_hears_of_the_first_one() {
    with_accounts(async |hall| {
        let (ana, ben) = (Client::new(hall).await, Client::new(hall).await);
        let mut other = Client::open(ana.cx.clone()).await;
        assert_eq!(hall.hall.connections().leftovers()[3], 0, "no watch at all");
        let watch_id = ana.ready.friends.watch_id;
        assert_eq!((ana.ready.friends.version, ana.online().len()), (1, 0));
        befriend(&ana.cx, &ben.cx).await;
        let told = other.told(hall).await;
        let [(2, users)] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((users[0].user_id, users[0].is_online), (id(&ben.cx), true));
        let refused =
            connections::unwatch(&ana.cx, moothall_protocol::connections::UnwatchPresence { watch_id }).await;
        assert_eq!(code(refused), "not_found", "it is nobody's to end");
    })
    .await;
}
