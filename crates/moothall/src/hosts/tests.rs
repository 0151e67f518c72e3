//! Hosts on a real database of each engine, with a clock that stands still.

use std::time::Duration;

use moothall_protocol::hosts::{
    HostHealth, HostState, ListHostPools, PutHostPool, ReleaseWhy, RemoveHostPool,
};
use moothall_protocol::limits::HOSTS_PER_POOL_MAX;

use super::*;
use crate::accounts;
use crate::accounts::testing::code;
use crate::testing::{TestHall, on_both_engines};

fn pool(slug: &str) -> PutHostPool {
    PutHostPool {
        slug: slug.to_owned(),
        name: slug.to_uppercase(),
        modes: Vec::new(),
        versions: Vec::new(),
        regions: Vec::new(),
        if_version: None,
        reason: "for the test".into(),
    }
}

fn registering(pool: &str, capacity: u32) -> RegisterHost {
    RegisterHost {
        pool: pool.to_owned(),
        version: "1.0".into(),
        region: "eu".into(),
        addresses: vec!["192.0.2.1:7000".into()],
        capacity,
        labels: vec!["ssd".into()],
        running: None,
    }
}

fn wanted() -> Wanted {
    Wanted { mode: "duel".into(), ..Wanted::default() }
}

async fn host(hall: &TestHall, name: &str) -> Cx {
    hall.call(hall.user(name).await, &[accounts::HOST])
}

async fn staff(hall: &TestHall) -> Cx {
    hall.call(hall.user("Sue").await, &[MANAGE])
}

fn matches_of(host: &Host) -> Vec<MatchId> {
    host.reservations.iter().map(|reservation| reservation.match_id).collect()
}

/// Moves the clock, and returns when the pool has done what was due then.
async fn later(hall: &TestHall, slug: &str, wait: Duration) {
    hall.clock.advance(wait);
    let slug = slug.to_owned();
    let id = hall.server().read(move |tx| store::find_by_slug(tx, &slug)).await.unwrap().unwrap();
    tell(&hall.hall, id, Command::Tick { at: hall.server().now() }).await.unwrap();
}

fn lost_after(hall: &TestHall) -> Duration {
    Duration::from_millis(hall.hall.settings().hosts.lost_after_ms)
}

fn adopt(hall: &TestHall) -> Duration {
    Duration::from_millis(hall.hall.settings().hosts.adopt_ms)
}

#[tokio::test]
async fn pools_are_data_that_staff_changes_and_every_change_is_audited() {
    on_both_engines(async |hall| {
        let sue = staff(hall).await;
        let made = put_pool(&sue, pool("eu")).await.unwrap();
        assert_eq!(made.version, 1);
        let again = put_pool(&sue, pool("eu")).await.unwrap();
        assert_eq!(again, made, "nothing is different");
        let change = PutHostPool { modes: vec!["duel".into()], if_version: Some(1), ..pool("eu") };
        let changed = put_pool(&sue, change.clone()).await.unwrap();
        assert_eq!((changed.version, changed.modes.as_slice()), (2, ["duel".to_owned()].as_slice()));
        let stale = PutHostPool { if_version: Some(1), ..pool("eu") };
        assert_eq!(code(put_pool(&sue, stale).await), "version_conflict");
        assert_eq!(
            code(put_pool(&sue, PutHostPool { if_version: Some(1), ..pool("us") }).await),
            "version_conflict"
        );
        hall.restart().await;
        let sue = hall.call(sue.user().unwrap(), &[MANAGE]);
        assert_eq!(list_pools(&sue, ListHostPools {}).await.unwrap().items, [changed]);
        let gone = RemoveHostPool { slug: "eu".into(), reason: "for the test".into() };
        remove_pool(&sue, gone.clone()).await.unwrap();
        assert_eq!(code(remove_pool(&sue, gone).await), "not_found");
        let reader = hall.call(sue.user().unwrap(), &[crate::audit::READ]);
        let log = crate::audit::list(&reader, Default::default()).await.unwrap();
        let actions: Vec<&str> = log.items.iter().map(|line| line.action.as_str()).collect();
        assert_eq!(actions, ["hosts.remove_pool", "hosts.put_pool", "hosts.put_pool"]);
        for number in 0..HOST_POOLS_MAX {
            put_pool(&sue, pool(&format!("p{number}"))).await.unwrap();
        }
        assert_eq!(code(put_pool(&sue, pool("more")).await), "too_many_host_pools");
    })
    .await;
}

#[tokio::test]
async fn a_hosts_first_message_is_what_it_is_and_a_pool_takes_only_its_own() {
    on_both_engines(async |hall| {
        let (sue, ana) = (staff(hall).await, host(hall, "Ana").await);
        assert_eq!(code(register(&ana, registering("eu", 2)).await), "no_such_host_pool");
        let eu = PutHostPool { versions: vec!["1.0".into()], regions: vec!["eu".into()], ..pool("eu") };
        put_pool(&sue, eu).await.unwrap();
        assert_eq!(code(beat(&ana, BeatHost::default()).await), "host_not_registered");
        assert_eq!(code(mine(&ana, MyHost {}).await), "host_not_registered");
        let old = RegisterHost { version: "0.9".into(), ..registering("eu", 2) };
        assert_eq!(code(register(&ana, old).await), "host_version_refused");
        let far = RegisterHost { region: "us".into(), ..registering("eu", 2) };
        assert_eq!(code(register(&ana, far).await), "host_region_refused");
        let known = register(&ana, registering("eu", 2)).await.unwrap();
        assert_eq!((known.state, known.capacity), (HostState::Healthy, 2));
        assert_eq!(mine(&ana, MyHost {}).await.unwrap(), known);
        let busy = BeatHost { health: Some(HostHealth::Draining), load: Some(70) };
        let known = beat(&ana, busy).await.unwrap();
        assert_eq!((known.state, known.load), (HostState::Draining, 70));
        assert_eq!(code(reserve(&hall.server(), wanted(), ana.new_id()).await), "no_host");
        let page = list(&sue, ListHosts::default()).await.unwrap();
        assert_eq!(page.items, [known]);
        let none = list(&sue, ListHosts { pool: Some("us".into()), ..ListHosts::default() }).await.unwrap();
        assert!(none.items.is_empty());
        assert_eq!(code(list(&ana, ListHosts::default()).await), "forbidden");
    })
    .await;
}

#[tokio::test]
async fn capacity_is_bounded_and_every_reservation_is_told_released_and_made_once() {
    on_both_engines(async |hall| {
        let (sue, ana, ben) = (staff(hall).await, host(hall, "Ana").await, host(hall, "Ben").await);
        put_pool(&sue, pool("eu")).await.unwrap();
        put_pool(&sue, PutHostPool { modes: vec!["race".into()], ..pool("us") }).await.unwrap();
        register(&ana, registering("eu", 1)).await.unwrap();
        register(&ben, registering("us", 5)).await.unwrap();
        let cx = hall.server();
        let [one, two] = [cx.new_id(), cx.new_id()];
        let first = reserve(&cx, wanted(), one).await.unwrap();
        assert_eq!((first.host_id, first.pool.as_str()), (ana.user().unwrap(), "eu"));
        assert_eq!(reserve(&cx, wanted(), one).await.unwrap(), first, "asking again changes nothing");
        assert_eq!(code(reserve(&cx, wanted(), two).await), "no_host", "the other pool serves another mode");
        let race = Wanted { mode: "race".into(), regions: vec!["us".into()], ..Wanted::default() };
        assert_eq!(reserve(&cx, race.clone(), two).await.unwrap().host_id, ben.user().unwrap());
        let only = Wanted { pool: Some("eu".into()), ..race };
        assert_eq!(code(reserve(&cx, only, cx.new_id()).await), "no_host");
        let remove = RemoveHostPool { slug: "eu".into(), reason: "for the test".into() };
        assert_eq!(code(remove_pool(&sue, remove.clone()).await), "host_pool_in_use");
        assert_eq!(code(register(&ana, registering("us", 1)).await), "host_has_matches");
        release(&cx, one).await.unwrap();
        release(&cx, one).await.unwrap();
        assert_eq!(reservation(&cx, one).await.unwrap(), None);
        let moved = register(&ana, registering("us", 1)).await.unwrap();
        assert_eq!(moved.pool, "us");
        remove_pool(&sue, remove).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_want_a_place_at_once_get_as_many_as_there_are() {
    on_both_engines(async |hall| {
        let (sue, ana, ben) = (staff(hall).await, host(hall, "Ana").await, host(hall, "Ben").await);
        put_pool(&sue, pool("eu")).await.unwrap();
        put_pool(&sue, pool("us")).await.unwrap();
        register(&ana, registering("eu", 7)).await.unwrap();
        register(&ben, registering("us", 4)).await.unwrap();
        let cx = hall.server();
        let all = (0..30).map(|_| reserve(&cx, wanted(), cx.new_id()));
        let outcomes = futures_util::future::join_all(all).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 11);
        assert_eq!(matches_of(&mine(&ana, MyHost {}).await.unwrap()).len(), 7);
        assert_eq!(matches_of(&mine(&ben, MyHost {}).await.unwrap()).len(), 4);
    })
    .await;
}

#[tokio::test]
async fn a_host_that_restarts_and_one_that_the_restart_of_the_server_cut_off_find_what_they_run() {
    on_both_engines(async |hall| {
        let (sue, ana) = (staff(hall).await, host(hall, "Ana").await);
        put_pool(&sue, pool("eu")).await.unwrap();
        register(&ana, registering("eu", 3)).await.unwrap();
        let cx = hall.server();
        let [one, two, three] = [cx.new_id(), cx.new_id(), cx.new_id()];
        for id in [one, two, three] {
            reserve(&cx, wanted(), id).await.unwrap();
        }
        hall.restart().await;
        let ana = hall.call(ana.user().unwrap(), &[accounts::HOST]);
        let cx = hall.server();
        assert_eq!(code(reserve(&cx, wanted(), cx.new_id()).await), "no_host", "it is full");
        let known = register(&ana, registering("eu", 3)).await.unwrap();
        assert_eq!(matches_of(&known).len(), 3, "without a word on what runs all is kept");
        let again = RegisterHost { running: Some(vec![two]), ..registering("eu", 3) };
        assert_eq!(matches_of(&register(&ana, again).await.unwrap()), [two]);
        assert!(reservation(&cx, two).await.unwrap().is_some());
        assert_eq!(reservation(&cx, one).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn what_a_lost_host_has_is_kept_until_it_is_back_or_its_time_is_over() {
    on_both_engines(async |hall| {
        let (sue, ana, ben) = (staff(hall).await, host(hall, "Ana").await, host(hall, "Ben").await);
        put_pool(&sue, pool("eu")).await.unwrap();
        let (told, mut ended) = tokio::sync::mpsc::channel(8);
        let hear = move |hall: &TestHall| {
            let told = told.clone();
            on_ended(&hall.hall, move |_, ended| {
                let _ = told.try_send(ended);
                async {}
            });
        };
        hear(hall);
        register(&ana, registering("eu", 2)).await.unwrap();
        let cx = hall.server();
        let [one, two] = [cx.new_id(), cx.new_id()];
        reserve(&cx, wanted(), one).await.unwrap();
        later(hall, "eu", lost_after(hall) - Duration::from_millis(1)).await;
        assert_eq!(mine(&ana, MyHost {}).await.unwrap().state, HostState::Healthy);
        later(hall, "eu", Duration::from_millis(1)).await;
        let lost = mine(&ana, MyHost {}).await.unwrap();
        assert_eq!((lost.state, matches_of(&lost)), (HostState::Lost, vec![one]), "nothing is freed");
        assert_eq!(code(reserve(&cx, wanted(), two).await), "no_host");
        // It is back before its time is over.
        beat(&ana, BeatHost::default()).await.unwrap();
        reserve(&cx, wanted(), two).await.unwrap();
        // A restart gives it its time again, and no more than that.
        later(hall, "eu", lost_after(hall)).await;
        hall.restart().await;
        hear(hall);
        later(hall, "eu", adopt(hall) - Duration::from_secs(1)).await;
        let cx = hall.server();
        assert!(reservation(&cx, one).await.unwrap().is_some());
        later(hall, "eu", lost_after(hall)).await;
        assert_eq!(reservation(&cx, one).await.unwrap(), None);
        let mut heard = [ended.recv().await.unwrap(), ended.recv().await.unwrap()];
        heard.sort_by_key(|ended| ended.match_id);
        assert_eq!(
            heard.map(|ended| (ended.match_id, ended.why)),
            [one.min(two), one.max(two)].map(|id| (id, ReleaseWhy::Lost))
        );
        let ana = hall.call(ana.user().unwrap(), &[accounts::HOST]);
        assert_eq!(code(beat(&ana, BeatHost::default()).await), "host_not_registered");
        assert!(matches_of(&register(&ana, registering("eu", 2)).await.unwrap()).is_empty());
        // What is lost takes nobody else with it.
        let ben = hall.call(ben.user().unwrap(), &[accounts::HOST]);
        register(&ben, registering("eu", 1)).await.unwrap();
        assert!(reserve(&cx, wanted(), cx.new_id()).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_pool_has_so_many_hosts() {
    on_both_engines(async |hall| {
        let (sue, ana) = (staff(hall).await, host(hall, "Ana").await);
        put_pool(&sue, pool("eu")).await.unwrap();
        let (cx, now) = (hall.server(), hall.server().now());
        let mut users = Vec::new();
        for number in 0..HOSTS_PER_POOL_MAX {
            users.push(hall.guest(&format!("h {}", spelled(number))).await);
        }
        cx.write(move |tx| {
            let id = store::find_by_slug(tx, "eu")?.ok_or(Error::NoSuchPool)?;
            for user in &users {
                let RegisterHost { version, region, addresses, capacity, labels, .. } = registering("eu", 1);
                let about = About { version, region, addresses, capacity, labels };
                let health = HostHealth::Healthy;
                let record = pool::Record { about, health, registered_at: now, kept_until: None };
                store::apply(tx, id, &pool::Effect::Host { user: *user, record })?;
            }
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
        hall.restart().await;
        let ana = hall.call(ana.user().unwrap(), &[accounts::HOST]);
        assert_eq!(code(register(&ana, registering("eu", 1)).await), "host_pool_full");
    })
    .await;
}

/// A number in letters: digits may look like letters.
fn spelled(mut number: usize) -> String {
    let mut text = String::new();
    for _ in 0..4 {
        text.push(char::from(b'a' + (number % 20) as u8));
        number /= 20;
    }
    text
}
